"""A sum with its two sides: by how much it fails, why, and how small units are joined."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_package import STEADY

from analysis_lib.methods.identities import (
    SMALLER,
    UNEXPLAINED,
    by_check,
    checked_rows,
    exactly,
    frame_of,
    gap_of,
    identity,
    of_frame,
    small_units,
    with_causes,
)

SAID = pl.DataFrame({"about_check": ["R01", "R01", None], "said_by": ["The party", "A paper", "Nobody"]})


def slow_gap(left, right, relation):
    """The slow road: try every pair of whole numbers that the ranges hold."""
    pairs = [(a, b) for a in range(left[0], left[1] + 1) for b in range(right[0], right[1] + 1)]
    return min(abs(a - b) if relation == "equal" else max(0, a - b) for a, b in pairs)


RANGE = st.tuples(st.integers(0, 9), st.integers(0, 5)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@STEADY
@given(RANGE, RANGE, st.sampled_from(["equal", "at_most"]))
def test_the_gap_is_the_nearest_that_both_sides_come(left, right, relation):
    assert gap_of(("a", *left), ("b", *right), relation) == slow_gap(left, right, relation)
    rows = pl.DataFrame({"unit": [""], "a": [left[0]], "b": [left[1]], "c": [right[0]], "d": [right[1]]})
    (item,) = of_frame(
        checked_rows(
            rows, "R02", "n", ("l", pl.col("a"), pl.col("b")), ("r", pl.col("c"), pl.col("d")), counted="x", relation=relation
        )
    )
    assert item.gap == slow_gap(left, right, relation)


def test_a_cause_is_the_datas_own_or_stated_or_unexplained():
    made = [
        identity("R01", "a", exactly("l", 1), exactly("r", 2)),
        identity("R01", "b", exactly("l", 1), exactly("r", 2), cause="two rows were left out for a fault"),
        identity("R01", "c", exactly("l", 1), exactly("r", 1)),
        identity("R02", "d", exactly("l", 1), exactly("r", 2)),
    ]
    causes = [item.cause for item in with_causes(made, SAID)]
    assert causes == ["as stated by A paper, The party", "two rows were left out for a fault", "", UNEXPLAINED]


def test_identities_go_through_a_frame_unchanged():
    made = [
        identity("R01", "a", ("l", 1, 2), exactly("r", 4), "at_most", unit="N", counted="row"),
        identity("R09", "w", exactly("l", 0.5), exactly("r", 1)),
    ]
    assert of_frame(frame_of(made)) == made
    assert by_check(frame_of(made)) == [
        {"check": "R01", "checked": 1, "failing": 0},
        {"check": "R09", "checked": 1, "failing": 1},
    ]
    assert frame_of([]).height == 0


@pytest.mark.parametrize(("least", "units"), [(1, ["", "A", "B", "C"]), (10, ["", "B", SMALLER]), (100, ["", SMALLER])])
def test_units_below_the_smallest_cell_are_one_line(least, units):
    made = [
        identity("R08", "s", exactly("l", n), exactly("r", 3), unit=unit) for unit, n in (("", 40), ("A", 4), ("B", 12), ("C", 9))
    ]
    joined = small_units(frame_of(made), least)
    assert joined["unit"].to_list() == units
    assert joined["left_low"].sum() == 65
    assert joined["gap"].sum() == sum(item.gap for item in made)
