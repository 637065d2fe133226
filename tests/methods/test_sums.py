"""Sums by unit, by round and by transfer: a real count by precinct, the slow road, and what says nothing."""

import csv
import random
import time
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from figures import results

from analysis_lib.methods import sums
from analysis_lib.methods.identities import of_frame
from analysis_lib.methods.totals_reconciliation import totals_reconciliation


def listed(frame, **options):
    return of_frame(totals_reconciliation(frame, **options))


def first(frame, **options):
    return {item.name: item.gap for item in listed(frame, **options)}


def test_units_form_a_tree():
    assert sums.parents(["A", "A / 1", "A / 1 / x", "B / 2", "C / D / 3", "C"]) == {
        "A": "", "A / 1": "A", "A / 1 / x": "A / 1", "B / 2": "", "C": "", "C / D / 3": "C",
    }  # fmt: skip


def test_each_unit_is_the_sum_of_its_own_parts_and_the_whole_of_the_largest():
    def rows(whole, a, b, *parts):
        named = [("", whole), ("A", a), ("B", b), *zip(("A / 1", "A / 2", "B / 1"), parts, strict=True)]
        return results(*(("x", n, {"candidate_id": "x", "item": "ballots_received", "unit": unit or None}) for unit, n in named))

    def gaps(frame):
        return {item.unit: item.gap for item in listed(frame) if item.check == "R09"}

    assert gaps(rows(10, 6, 4, 2, 4, 4)) == {"": 0, "A": 0, "B": 0}
    assert gaps(rows(10, 6, 4, 2, 5, 4)) == {"": 0, "A": 1, "B": 0}
    assert gaps(rows(9, 6, 4, 2, 4, 4)) == {"": 1, "A": 0, "B": 0}


def test_a_part_that_is_all_of_its_unit_is_no_double():
    def figures(*units):
        return sums.cells(
            results(
                *(("x", n, {"candidate_id": f"c{n}", "item": "candidate", "unit": unit}) for unit in units for n in (1, 2, 3))
            )
        )

    assert sums.identical_units(figures("A", "A / 1")) == []
    assert sums.identical_units(figures("A", "A / 1", "B")) == [["A", "B"]]


IOWA = Path(__file__).parents[3] / "shared" / "realdata" / "iowa_dem_2020"


def iowa(release):
    """First and final votes by precinct, as the Iowa Democratic Party released them, and the delegate equivalents."""
    with (IOWA / f"idp-{release}_full.csv").open(encoding="utf-8") as file:
        kinds, names, _, *precincts = csv.reader(file)
    rows, county = [], ""
    for line in precincts:
        county = line[0] or county
        for kind, name, value in zip(kinds[2:], names[2:], line[2:], strict=True):
            if line[1] and line[1] != "Total" and kind != "SDE":
                number = {"First Expression": 1, "Final Expression": 2}[kind]
                rows.append(
                    (
                        name,
                        int(value.replace(",", "")),
                        {"candidate_id": name, "item": "candidate", "round": number, "unit": f"{county}/{line[1]}"},
                    )
                )
    return results(*rows)


@pytest.mark.skipif(not IOWA.is_dir(), reason="the releases of the Iowa caucuses of 2020 are not held here")
@pytest.mark.parametrize(
    ("release", "units", "failing"), [("2020-02-06-92", 1624, 68), ("2020-02-06-97", 1711, 77), ("2020-02-08-100", 1765, 84)]
)
def test_iowa_precincts_with_more_final_than_first_votes(release, units, failing):
    # New York Times, 6 February 2020: more than 100 of 1,765 precincts were inconsistent; iowa-caucus/iowa-tools lists these.
    frame = iowa(release)
    started = time.perf_counter()
    found = totals_reconciliation(frame)
    assert time.perf_counter() - started < 5  # 50,000 rows and more take a fraction of a second; the bound is for slow machines
    assert (found.height, found.filter(pl.col("gap") > 0).height) == (units, failing)
    assert set(found["name"]) == {"no more votes than in the first round, round 2"}
    assert all(len(group) >= 2 for group in sums.identical_units(sums.cells(frame)))


def slow_later_rounds(rows):
    """The slow road: every unit and round by itself."""
    votes = Counter()
    for _, n, place in rows:
        votes[place["unit"], place["round"]] += n
    return {key[0]: max(0, n - votes[key[0], 1]) for key, n in votes.items() if key[1] == 2}


def test_later_rounds_by_unit_as_the_slow_road_has_them():
    rng = random.Random(8)
    rows = [
        (who, rng.randrange(9), {"unit": f"u{unit}", "round": number}) for unit in range(30) for number in (2, 1) for who in "ABC"
    ]
    rng.shuffle(rows)
    found = {item.unit: item.gap for item in listed(results(*rows))}
    assert found == slow_later_rounds(rows)
    assert 0 < sum(gap > 0 for gap in found.values()) < 30


def test_a_first_round_that_lacks_a_candidate_says_nothing_on_the_second():
    rows = [("A", 10), ("A", 12, {"round": 2}), ("B", 3, {"round": 2})]
    assert first(results(*rows), candidates=("A", "B")) == {}
    assert first(results(*rows, ("B", 2)), candidates=("A", "B")) == {"no more votes than in the first round, round 2": 3}


@pytest.mark.parametrize(("south", "gap"), [(40, 0), (41, 1), (30, 0)])
def test_units_stay_within_the_total(south, gap):
    found = listed(results(("A", 100), ("A", 60, {"unit": "North"}), ("A", south, {"unit": "South"})))
    assert [(item.check, item.gap) for item in found] == [("R09", gap)]


def test_where_no_part_is_missing_the_parts_are_the_whole():
    north, south = {"unit": "N"}, {"unit": "S"}
    ballots = [("ballots_received", 100), ("ballots_received", 60, north), ("ballots_received", 40, south)]
    votes = [("A", 90), ("A", 55, north), ("A", 30, south)]
    name = "units add up to the total: candidate of A, round 1"
    assert first(results(*ballots, *votes))[name] == 5
    assert first(results(*ballots[:2], *votes))[name] == 0  # one unit's ballots aren't held: another may be missing too


@pytest.mark.parametrize(("total", "gap"), [(1.9, 0), (1.8998, 0), (1.8, 0.0998), (2.4, 0)])
def test_weighted_votes_add_up_within_their_rounding(total, gap):
    # Four decimals: three parts may be off by 0.00015 in all, the total by 0.00005.
    parts = [("A", None, {"weighted_n": w, "unit": unit}) for w, unit in ((0.1333, "N"), (0.2667, "S"), (1.5, "W"))]
    (item,) = listed(results(("A", None, {"weighted_n": total}), *parts))
    assert (item.name, item.gap) == ("units add up to the total: candidate of A, round 1, weighted", pytest.approx(gap, abs=1e-9))


def transfer(giver, taker, n, number=2):
    return ("transfer", n, {"candidate_id": giver, "to_candidate_id": taker, "round": number})


PILES = [("A", 40), ("B", 35), ("C", 25), ("A", 52, {"round": 2}), ("B", 40, {"round": 2}), ("exhausted", 8, {"round": 2})]


GAINS = [f"what candidate {who} gained is what was transferred, round 2" for who in "AB"]
PASSED = "candidate C's pile is all passed on, round 2"


@pytest.mark.parametrize(
    ("moves", "found"),
    [
        ([transfer("C", "A", 12), transfer("C", "B", 5)], {GAINS[0]: 0, GAINS[1]: 0, PASSED: 0}),
        ([transfer("C", "A", 10), transfer("C", "B", 5)], {GAINS[0]: 2, GAINS[1]: 0, PASSED: 2}),
        ([transfer("C", "A", 12), transfer("C", "B", 5), transfer("C", None, 8)], {GAINS[0]: 0, GAINS[1]: 0, PASSED: 0}),
        ([transfer("C", "A", 12), transfer("C", "B", 5), transfer("C", None, 6)], {GAINS[0]: 0, GAINS[1]: 0, PASSED: 2}),
        ([transfer(None, "A", 12), transfer(None, "B", 5)], {GAINS[0]: 0, GAINS[1]: 0}),
        ([], {}),
    ],
)
def test_what_is_transferred_is_what_is_gained(moves, found):
    assert {item.name: item.gap for item in listed(results(*PILES, *moves)) if item.check == "R10"} == found


def test_a_surplus_is_passed_on_by_somebody_who_stays():
    rows = [("A", 60), ("B", 25), ("C", 15), ("A", 40, {"round": 2}), ("B", 33, {"round": 2}), ("C", 24, {"round": 2})]
    rows += [("exhausted", 3, {"round": 2}), transfer("A", "B", 8), transfer("A", "C", 9)]
    assert {item.gap for item in listed(results(*rows)) if item.check == "R10"} == {0}
