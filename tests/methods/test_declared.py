"""Candidates' totals: which rows they are taken from, and when there are none."""

import polars as pl
import pytest

from analysis_lib.methods.declared import candidate_totals, whole_contest, with_declaration

SCHEMA = {
    "round": pl.Int64,
    "channel": pl.String,
    "unit": pl.String,
    "item": pl.String,
    "candidate_id": pl.String,
    "n": pl.Int64,
    "status": pl.String,
}


def results(*rows):
    """Rows of (round, channel, candidate, n, status); a candidate of "" is a row of another item."""
    made = [
        (r, channel, None, "candidate" if who else "ballots_valid", who or None, n, status) for r, channel, who, n, status in rows
    ]
    return pl.DataFrame(made, schema=SCHEMA, orient="row")


def test_totals_over_all_channels_come_first_and_most_first():
    rows = results((1, "all", "A", 30, None), (1, "all", "B", 50, None), (1, "online", "A", 29, None), (0, "all", "", 80, None))
    assert candidate_totals(rows, "first") == [("B", 50), ("A", 30)]


def test_equal_totals_stand_in_order_of_their_ids():
    assert candidate_totals(results((1, "all", "B", 5, None), (1, "all", "A", 5, None)), "first") == [("A", 5), ("B", 5)]


def test_without_totals_the_channels_are_added_up():
    rows = results((1, "online", "A", 30, None), (1, "postal", "A", 4, None), (1, "online", "B", 20, None))
    assert candidate_totals(rows, "first") == [("A", 34), ("B", 20)]


def test_a_channel_without_a_count_leaves_no_total():
    assert candidate_totals(results((1, "online", "A", 30, None), (1, "postal", "A", None, None)), "first") == []


def test_the_last_round_is_taken_or_the_first():
    rows = results(
        (1, "all", "A", 40, None),
        (1, "all", "B", 35, None),
        (1, "all", "C", 9, None),
        (2, "all", "A", 41, None),
        (2, "all", "B", 43, None),
    )
    assert candidate_totals(rows, "first") == [("B", 43), ("A", 41)]
    assert candidate_totals(rows, "first", first_round=True) == [("A", 40), ("B", 35), ("C", 9)]


@pytest.mark.parametrize("channel", ["all", "online"])
def test_two_papers_that_agree_count_once_and_if_they_differ_there_is_no_total(channel):
    agree = results((1, channel, "A", 40, None), (1, channel, "A", 40, None), (1, channel, "B", 35, None))
    assert candidate_totals(agree, "first") == [("A", 40), ("B", 35)]
    differ = results((1, channel, "A", 40, None), (1, channel, "A", 41, None), (1, channel, "B", 35, None))
    assert candidate_totals(differ, "first") == []


@pytest.mark.parametrize("status", ["correction", "recount", "certified"])
def test_a_later_declaration_is_kept_apart(status):
    rows = results((1, "all", "A", 40, None), (1, "all", "A", 38, status))
    assert candidate_totals(rows, "first") == [("A", 40)]
    assert candidate_totals(rows, status) == [("A", 38)]
    assert with_declaration(rows)["declaration"].to_list() == ["first", status]


@pytest.mark.parametrize("status", [None, "unofficial-complete", "unofficial-partial"])
def test_what_was_said_before_the_count_was_certified_is_the_first_declaration(status):
    assert with_declaration(results((1, "all", "A", 40, status)))["declaration"].to_list() == ["first"]


def test_nothing_gives_nothing():
    assert candidate_totals(results(), "first") == []
    assert candidate_totals(results((1, "all", "A", 3, None)), "recount") == []


def test_figures_of_single_units_are_no_claims_of_the_total():
    rows = results((1, "all", "A", 30, None), (1, "all", "A", 12, None))
    by_unit = rows.with_columns(unit=pl.Series([None, "North"]))
    assert candidate_totals(rows, "first") == []
    assert candidate_totals(by_unit, "first") == [("A", 30)]
    assert whole_contest(by_unit).height == 1
