"""What each question needs and what of it is held, on packages of a few rows."""

import re

import pytest
from cases import BANNED, tiny, utc

from analysis_lib.methods.holdings import holdings
from analysis_lib.methods.registry import REGISTRY


def by_noun(case):
    return {item.question.noun: item for item in holdings(case)}


def test_every_question_is_gone_through_in_order(tmp_path):
    assert [item.question.noun for item in holdings(tiny(tmp_path))] == list(REGISTRY)


def test_without_data_every_need_is_missing(tmp_path):
    item = by_noun(tiny(tmp_path))["ballots_outside_window"]
    assert (item.held, item.missing, item.instead) == (
        (),
        ("ballot_events.at|turnout_counts.voted_n", "contest_windows.closes_at"),
        {},
    )


def test_the_best_column_held_is_the_one_used(tmp_path):
    ballot = {"event": "cast", "channel": "online", "at": utc("2031-10-10 12:00")}
    count = {"as_of": utc("2031-10-10 12:00"), "channel": "online", "unit": "all", "voted_n": 5}
    both = by_noun(tiny(tmp_path / "both", ballot_events=[ballot], turnout_counts=[count]))["cast_rate_bursts"]
    assert (both.held, both.missing, both.instead) == (("ballot_events.at",), (), {})
    counted = by_noun(tiny(tmp_path / "count", turnout_counts=[count]))["cast_rate_bursts"]
    assert (counted.held, counted.missing) == (("turnout_counts.voted_n",), ())
    assert counted.instead == {"ballot_events.at": "turnout_counts.voted_n"}


def test_a_column_that_serves_two_needs_is_named_once(tmp_path):
    result = {"round": 1, "channel": "online", "item": "candidate", "candidate_id": "a", "n": 5}
    item = by_noun(tiny(tmp_path, candidates=[{"candidate_id": "a"}], results=[result]))["channel_gap"]
    assert item.held == ("results.n", "results.candidate_id", "results.channel")


def test_of_many_columns_that_help_all_that_are_held_are_named_and_none_stands_in_for_another(tmp_path):
    copy = {"snapshot_id": "L1", "taken_at": utc("2031-10-01 12:00"), "purpose": "freeze"}
    member = {"snapshot_id": "L1", "voter_key": "9f2c41d07ab3", "eligible": True}
    change = {"voter_key": "9f2c41d07ab3", "change": "added", "derived_from": "log"}
    item = by_noun(tiny(tmp_path, roll_snapshots=[copy], roll=[member], roll_changes=[change]))["roll_reconciliation"]
    assert (item.held, item.missing, item.instead) == (("roll.voter_key", "roll_changes.change"), (), {})


@pytest.mark.parametrize("noun", REGISTRY)
def test_what_would_help_is_a_clause_that_convicts_nobody(noun):
    words = REGISTRY[noun].instead
    assert not re.search(BANNED, words)
    assert not words.endswith(".")
