"""The table of what is missing: a row for every question, and a count that agrees with the findings."""

import re

from cases import BANNED, tiny, utc

from analysis_lib.case import open_case
from analysis_lib.exhibits.missing import missing
from analysis_lib.methods.registry import REGISTRY


def rows(case):
    return {row["question"]: row for row in missing(case).rows}


def test_every_question_has_a_row():
    table = missing(open_case("ilford_south_2022"))
    assert [row["question"] for row in table.rows] == [question.question for question in REGISTRY.values()]
    assert list(table.columns.values()) == ["question", "needs", "held", "missing", "used instead"]
    assert not re.search(BANNED, repr(table))


def test_what_is_missing_is_named_and_what_would_help(tmp_path):
    row = rows(tiny(tmp_path))[REGISTRY["ballots_outside_window"].question]
    assert (row["held"], row["missing"]) == (
        "",
        "What happened to ballots: at, or Running counts of votes: voted_n; and Opening and closing times: closes_at",
    )
    assert row["instead"] == (
        "nothing; what would help: two screenshots of the running count around the close, which bound the number of late ballots"
    )
    row = rows(tiny(tmp_path))[REGISTRY["cast_rate_bursts"].question]
    assert row["needs"] == row["missing"] == "What happened to ballots: at, or Running counts of votes: voted_n"


def test_what_is_used_in_place_of_something_better_is_named(tmp_path):
    count = {"as_of": utc("2031-10-10 12:00"), "channel": "online", "unit": "all", "voted_n": 5}
    row = rows(tiny(tmp_path, turnout_counts=[count]))[REGISTRY["cast_rate_bursts"].question]
    assert row["missing"] == ""
    assert row["instead"] == "Running counts of votes: voted_n in place of What happened to ballots: at"


def test_the_caption_counts_the_questions_that_stay_open(tmp_path):
    table = missing(tiny(tmp_path))
    n_open = sum(1 for row in table.rows if row["missing"])
    assert n_open == len(REGISTRY) or n_open > 3
    assert f" {n_open} of {len(REGISTRY)} questions cannot be answered" in table.caption
