"""How the columns that a question needs are told."""

import pytest

from analysis_lib.methods.registry import REGISTRY
from analysis_lib.schema import TABLES, load_schema
from analysis_lib.wording.evidence import TITLES, needed


def test_the_titles_are_those_of_the_schema():
    assert {name: load_schema(name).title for name in TABLES} == TITLES


@pytest.mark.parametrize(
    ("needs", "told"),
    [
        ((), ""),
        (("roll.unit",), "List of voters: unit"),
        (("roll.unit", "results.n", "roll.email_key"), "List of voters: unit, email_key; and Counts: n"),
        (("results.n|results.lo|results.share",), "Counts: n or lo or share"),
        (("ballot_events.at|turnout_counts.voted_n",), "What happened to ballots: at, or Running counts of votes: voted_n"),
        (
            ("ballot_events.at", "roll.unit|ballot_events.unit|roll.email_key"),
            "What happened to ballots: at; and List of voters: unit or email_key, or What happened to ballots: unit",
        ),
        (
            ("contest_windows.closes_at (kind roll_edits)", "contest_windows.opens_at"),
            "Opening and closing times: closes_at (kind roll_edits), opens_at",
        ),
        (("roll.unit", "roll.unit"), "List of voters: unit"),
        (("a_table.b|c.d",), "a table: b, or c: d"),
    ],
)
def test_columns_are_told_table_by_table(needs, told):
    assert needed(needs) == told


@pytest.mark.parametrize("noun", REGISTRY)
def test_every_column_of_every_question_is_told_and_no_table_by_its_file(noun):
    needs = REGISTRY[noun].needs
    told = needed(needs)
    for column in "|".join(needs).split("|"):
        table, _, name = column.partition(".")
        assert TITLES[table] in told
        assert name in told
        assert f"{table}." not in told
