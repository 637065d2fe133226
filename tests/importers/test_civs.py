"""CIVS ballots: the same 450 as in the ballot file of the same election, and what a tie for last means."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reads import is_sound, real, table, told
from tiny_package import STEADY

from analysis_lib.errors import ParameterError
from analysis_lib.importers import blt
from analysis_lib.importers.civs import read_ballots, read_log

# eligible voters and votes cast as each year's results.md says; only the votes are in the ballots.
PUBLISHED_CAST = {"2017": 309, "2018": 307, "2019": 377, "2020": 312, "2021": 256, "2022": 219}


def rankings(cells: pl.DataFrame) -> Counter[tuple[str, ...]]:
    """Count the orders in which candidates were ranked; ties for last are left out, as a ballot file leaves them out."""
    orders: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for row in cells.iter_rows(named=True):
        orders[row["ballot"]] += [(int(row["rank"]), row["candidate_name"])] if row.get("tied_last") != "true" else []
    return Counter(tuple(name for rank, name in sorted(order) if name) for order in orders.values())


def test_ranks_are_kept_and_ties_for_last_are_marked():
    made = read_ballots(b"A,B,C\n1,3,3\n2,1,3\nNo opinion,1,-\n3,3,3\n,,No opinion\n", "b.csv")
    assert not made.faults
    cells = table(made, "ballots").cells
    assert cells.select("ballot", "candidate_name", "rank", "tied_last").rows() == [
        ("1", "A", "1", "false"), ("1", "B", "3", "true"), ("1", "C", "3", "true"),
        ("2", "A", "2", "false"), ("2", "B", "1", "false"), ("2", "C", "3", "false"),
        ("3", "B", "1", "false"),
        ("4", "A", "3", "true"), ("4", "B", "3", "true"), ("4", "C", "3", "true"),
        ("5", "", "1", ""),
    ]  # fmt: skip
    assert table(made, "ballots").rows.to_list() == [2, 2, 2, 3, 3, 3, 4, 5, 5, 5, 6]
    assert table(made, "candidates").cells.rows() == [("1", "A"), ("2", "B"), ("3", "C")]


def test_ranks_turned_round():
    cells = table(read_ballots(b"A,B,C,D\n1,4,3,1\n", "b.csv", best="highest"), "ballots").cells
    assert cells.select("candidate_name", "rank", "cell", "tied_last").rows() == [
        ("A", "3", "1", "true"),
        ("B", "1", "4", "false"),
        ("C", "2", "3", "false"),
        ("D", "3", "1", "true"),
    ]


def test_both_files_of_nixos_hold_the_same_450_ballots():
    """The poll was proportional, so CIVS has the highest number as the best: 23 is first, 1 is not ranked."""
    data = real("nixos_sc_2024/civs_ballots.csv").read_bytes()
    made = read_ballots(data, "civs_ballots.csv", best="highest")
    assert not made.faults
    ballot_file = blt.read(real("nixos_sc_2024/opavote_ballots.blt").read_bytes(), "opavote_ballots.blt")
    of_civs = rankings(table(made, "ballots").cells)
    of_opavote = rankings(table(ballot_file, "ballots").cells)
    assert sum(of_civs.values()) == 450
    assert len(of_civs) == 447
    assert of_civs == of_opavote


def test_a_file_read_the_wrong_way_round_is_noticed():
    data = real("nixos_sc_2024/civs_ballots.csv").read_bytes()
    made = read_ballots(data, "civs_ballots.csv")
    said = "349 of 450 ballots give the lowest number to several candidates, 0 the highest. Expected ties at the worst rank"
    assert f"warning civs_direction | civs_ballots.csv: {said}" in told(made.faults)
    assert 'set best to "highest"' in told(made.faults)
    other = read_ballots(real("kubernetes_steering/2018/ballots.csv").read_bytes(), "b.csv", best="highest")
    assert 'set best to "lowest"' in told(other.faults)


@pytest.mark.parametrize("year", PUBLISHED_CAST)
def test_the_published_numbers_of_kubernetes(year):
    path = real(f"kubernetes_steering/{year}/ballots.csv")
    made = read_ballots(path.read_bytes(), "ballots.csv")
    assert not made.faults
    cells = table(made, "ballots").cells
    assert cells["ballot"].n_unique() == PUBLISHED_CAST[year]
    with path.open(encoding="utf-8", newline="") as file:
        head, *lines = csv.reader(file)
    last = Counter(head[place] for line in lines for place, cell in enumerate(line) if cell == str(len(head)))
    ranked_last = cells.filter(pl.col("rank") == str(len(head)))
    assert Counter(ranked_last["candidate_name"].to_list()) == last
    n_opinions = sum(cell != "No opinion" for line in lines for cell in line)
    assert cells.filter(pl.col("candidate") != "").height == n_opinions


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty. Expected the ballots of a CIVS poll"),
        ("A\n1\n", "the first line has 1 names, of which 1 differ"),
        ("A,A\n1,2\n", "the first line has 2 names, of which 1 differ"),
        ("A,\n1,2\n", "the first line has 2 names, of which 1 differ"),
        ("A,B\n", "there is no ballot in it"),
        ("A,B\n1,2,3\n2,1\n", "row 2: the line has 3 cells. Expected 2 ranks"),
        ("A,B\n1,first\n", "row 2: a cell in it is neither a rank nor No opinion"),
        ("A,B\n-1,2\n", "row 2: a cell in it is neither a rank nor No opinion"),
        ('A,"B\n1,2\n', "a quotation mark isn't closed as it should be"),
    ],
)
def test_what_is_wrong_is_said(text, said):
    made = read_ballots(text.encode(), "b.csv")
    assert said in told(made.faults)
    assert is_sound(made)


def test_the_best_number_must_be_one_of_two():
    with pytest.raises(ParameterError, match="Expected lowest or highest"):
        read_ballots(b"A,B\n1,2\n", "b.csv", best="first")


def test_a_log():
    text = (
        b"Sat Mar  9 09:04:11 2031 192.0.2.7 Election: Choose (one) (E_00aa11) : Recorded vote from voter key 3f9c01\n"
        b"Sun Mar 10 23:59:59 2031 2001:db8::1 Saw second vote from voter key 3f9c01\n"
        b"Sun Mar 10 23:59:59 2031 192.0.2.9 Election: Choose (one) (E_00aa11) : invalid attempt to add voter (wrong key)\n"
        b"a line of another program\n"
    )
    made = read_log(text, "vote_log")
    log = table(made, "log")
    assert log.rows.to_list() == [1, 2, 3]
    assert log.cells.drop("message").rows() == [
        ("Sat Mar  9 09:04:11 2031", "192.0.2.7", "E_00aa11", "Recorded vote from voter key", "3f9c01"),
        ("Sun Mar 10 23:59:59 2031", "2001:db8::1", "", "Saw second vote from voter key", "3f9c01"),
        ("Sun Mar 10 23:59:59 2031", "192.0.2.9", "E_00aa11", "invalid attempt to add voter (wrong key)", ""),
    ]
    assert "vote_log, row 4: the line is a value of 25 characters (letters and spaces)" in told(made.faults)


@STEADY
@given(st.lists(st.lists(st.sampled_from(["1", "2", "3", "No opinion"]), min_size=3, max_size=3), min_size=1))
def test_turning_the_ranks_round_changes_no_order(ballots):
    text = "A,B,C\n" + "".join(",".join(cells) + "\n" for cells in ballots)
    turned = "A,B,C\n" + "".join(
        ",".join(cell if cell == "No opinion" else str(4 - int(cell)) for cell in cells) + "\n" for cells in ballots
    )
    lowest = table(read_ballots(text.encode(), "b.csv"), "ballots").cells
    highest = table(read_ballots(turned.encode(), "b.csv", best="highest"), "ballots").cells
    assert rankings(lowest) == rankings(highest)
    assert lowest.select("ballot", "candidate", "tied_last").equals(highest.select("ballot", "candidate", "tied_last"))


@STEADY
@given(st.one_of(st.binary(), st.text(alphabet='AB123,"\n ').map(str.encode)))
def test_any_bytes_give_ballots_or_faults(data):
    for made in (read_ballots(data, "b.csv"), read_ballots(data, "b.csv", best="highest"), read_log(data, "vote_log")):
        assert is_sound(made)
