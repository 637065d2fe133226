"""Ballot files give back every ballot, rank by rank, under the line it stands in."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reads import is_sound, real, table, told
from tiny_package import STEADY

from analysis_lib.importers import blt
from analysis_lib.importers.blt import read

# The example of the form's authors, with ties and gaps as OpenSTV writes them.
EXAMPLE = b"""4 2          # four "candidates for two seats
-2
3 1 3 4 0
1 2=4 - 3 0

1 0
(B 17) 1 4 0
0
"Adam"
"Basil # the second"
"Charlotte"
"Donald"
"Title"
"""


def ballots(made) -> dict[str, tuple[tuple[int, ...], ...]]:
    """Ballot -> its ranks, each the numbers of the candidates there."""
    ranks: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in made.cells.iter_rows(named=True):
        ranks[row["ballot"]][int(row["rank"])] += [int(row["candidate"])] if row["candidate"] else []
    return {ballot: tuple(tuple(its[rank]) for rank in sorted(its)) for ballot, its in ranks.items()}


def test_the_authors_example():
    made = read(EXAMPLE, "x.blt")
    assert not made.faults
    assert ballots(table(made, "ballots")) == {
        "1.1": ((1,), (3,), (4,)),
        "1.2": ((1,), (3,), (4,)),
        "1.3": ((1,), (3,), (4,)),
        "2": ((2, 4), (), (3,)),
        "3": ((),),
        "4": ((4,),),
    }
    assert table(made, "ballots").rows.to_list() == [3] * 9 + [4] * 4 + [6, 7]
    assert set(table(made, "ballots").cells.filter(ballot="4")["ballot_id"]) == {"B 17"}
    assert table(made, "candidates").cells.rows() == [
        ("1", "Adam", "false"),
        ("2", "Basil # the second", "true"),
        ("3", "Charlotte", "false"),
        ("4", "Donald", "false"),
    ]
    assert table(made, "candidates").rows.to_list() == [9, 10, 11, 12]
    assert table(made, "contest").cells.row(0) == ("Title", "2", "4", "6")


def test_the_published_numbers_of_nixos():
    """450 ballots, 447 of them distinct, 23 candidates: the election's own announcement."""
    made = read(real("nixos_sc_2024/opavote_ballots.blt").read_bytes(), "opavote_ballots.blt")
    assert not made.faults
    held = ballots(table(made, "ballots"))
    assert len(held) == 450
    assert len(set(held.values())) == 447
    assert table(made, "contest").cells.row(0) == ("Nix Steering Committee Election 2024", "23", "23", "450")
    names = table(made, "candidates").cells["candidate_name"].to_list()
    winners = {"Ericson2314", "Gabriella439", "jtojnar", "roberth", "fpletz", "tomberek", "winterqt"}
    assert winners <= set(names)


def test_another_road_over_the_real_file():
    text = real("nixos_sc_2024/opavote_ballots.blt").read_text(encoding="utf-8")
    lines = [line.split()[1:-1] for line in text.split("\n") if re.fullmatch(r"1( \d+)* 0", line)]
    expected = Counter(tuple((int(word),) for word in line) or ((),) for line in lines)
    made = read(text.encode(), "x.blt")
    assert Counter(ballots(table(made, "ballots")).values()) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty. Expected a ballot file (BLT)"),
        ("# nothing\n", "row 1: it doesn't begin with the numbers of candidates and seats. Expected lines of a ballot file"),
        ('2 1 1 2 0 0 "A" "B" "T"', "row 1: it doesn't begin with the numbers of candidates and seats on a line of their own"),
        ("two 1\n0\n", "row 1: it doesn't begin"),
        ("0 1\n0\n", "row 1: it doesn't begin"),
        ("2 1\n1 1 0\n", "the line 0 that ends the ballots isn't there: the file is cut short"),
        ("2 1\n1 1 2\n0\n", "row 2: the line isn't a ballot, and it doesn't end in 0"),
        ("2 1\n1 1,2 0\n0\n", "row 2: the line isn't a ballot. Expected"),
        ("2 1\n1 1 -2 0\n0\n", "row 2: the line isn't a ballot"),
        ("2 1\n1 3 0\n0\n", "row 2: it ranks a candidate that isn't one of 1 to 2"),
        ("2 1\n1 0 0\n0\n", "row 2: it ranks a candidate that isn't one of 1 to 2"),
        ("2 1\n1 1 2=1 0\n0\n", "row 2: it ranks a candidate twice"),
        ("2 1\n0 1 0\n0\n", "row 2: it stands for no ballots"),
        ("2 1\n-3\n0\n", "row 2: it withdraws a candidate that isn't one of 1 to 2"),
        (
            '2 1\n1 1 0\n0\n"A"\n',
            "after the ballots there are 1 names and titles. Expected the names of 2 candidates and a title",
        ),
        ('2 1\n1 1 0\n0\n"A"\n"B"\n"T"\n"more"\n', "after the ballots there are 4 names and titles"),
        ('2 1\n1 1 0\n0\n"A"\n(K3) 1 2 0\n"B"\n"T"\n', "row 5: a ballot, or what was one, stands after the line 0"),
        ('2 1\n1 1 0\n0\n"A"\n(K3) 1 2 x\n"B"\n"T"\n', "row 5: a ballot, or what was one, stands after the line 0"),
        ("2 1\n999999999 1 0\n0\n", "row 2: up to this line the ballots have more than 5,000,000 rankings"),
        (
            '2 1\n(a) 1 1 0\n(a) 1 2 0\n0\n"A"\n"B"\n"T"\n',
            "warning blt_ids | x.blt: 1 identifiers of ballots stand there more th",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text, said):
    made = read(text.encode(), "x.blt")
    assert said in told(made.faults)
    assert is_sound(made)


def test_a_bad_ballot_costs_no_other():
    made = read(b"2 1\n1 1 0\n1 9 0\n1 2 1 0\n0\nA\nB\nT\n", "x.blt")
    assert ballots(table(made, "ballots")) == {"1": ((1,),), "2": ((2,), (1,))}
    assert table(made, "ballots").rows.to_list() == [2, 4, 4]
    assert "error blt_line | x.blt, row 3" in told(made.faults)
    assert "The line is left out." in told(made.faults)


def test_no_ballots_at_all():
    made = read(b'1 1\n0\n"A"\n"T"\n', "x.blt")
    assert not made.faults
    assert table(made, "ballots").cells.columns == list(blt.BALLOT_COLUMNS)
    assert table(made, "contest").cells["n_ballots"].item() == "0"


RANKS = st.lists(st.integers(1, 5), unique=True).flatmap(
    lambda marked: st.lists(st.sampled_from(" =-"), min_size=len(marked), max_size=len(marked)).map(
        lambda joins: (
            "".join({" ": " ", "=": "=", "-": " - "}[join] + str(mark) for join, mark in zip(joins, marked, strict=True))
            .strip(" =")
            .strip()
        )
    )
)


@STEADY
@given(st.lists(st.tuples(st.integers(1, 4), RANKS)))
def test_every_ballot_comes_back(given_ballots):
    body = "".join(f"{alike} {ranks} 0\n" if ranks else f"{alike} 0\n" for alike, ranks in given_ballots)
    made = read(f'5 2\n{body}0\n"A"\n"B"\n"C"\n"D"\n"E"\n"T"\n'.encode(), "x.blt")
    assert not made.faults
    expected = Counter()
    for alike, ranks in given_ballots:
        parts = tuple(tuple(int(mark) for mark in part.split("=") if mark != "-") for part in ranks.split()) or ((),)
        expected[parts] += alike
    assert Counter(ballots(table(made, "ballots")).values()) == expected


@STEADY
@given(st.one_of(st.binary(), st.text(alphabet='0123 =-()#"A\n').map(lambda text: b"3 1\n" + text.encode())))
def test_any_bytes_give_ballots_or_faults(data):
    assert is_sound(read(data, "x.blt"))
