"""Struck ballots against the lead: a published case, ties, several places, and what was not declared again."""

import pytest
from cases import one, tiny
from hypothesis import given
from hypothesis import strategies as st
from tiny_package import STEADY

from analysis_lib import wording
from analysis_lib.case import open_case
from analysis_lib.methods.registry import answer_chapter
from analysis_lib.methods.struck_ballots import struck_ballots
from analysis_lib.results import NotAnswerable, Verdict


def test_ciudadanos_82_struck_ballots_turn_the_result():
    # Reported by El País and others, March 2019: 82 votes for Clemente struck, Igea proclaimed with 526 to 479.
    finding = answer_chapter("00_evidence", open_case("ciudadanos_cyl_2019"))["struck_ballots"][0]
    assert finding.verdict is Verdict.COULD_CHANGE
    assert (finding.result.statistic, finding.details["margin"], finding.details["winner_changed"]) == (82, 35, True)
    assert "Striking them turns 561-526 into 479-526. Who is in front changed." in wording.sentence(finding)
    assert finding.details["struck_by_candidate"] == [{"candidate": "Silvia Clemente", "ballots": 82}]


@pytest.mark.parametrize(
    ("struck", "verdict"),
    [(0, Verdict.COULD_NOT_CHANGE), (34, Verdict.COULD_NOT_CHANGE), (35, Verdict.COULD_CHANGE), (36, Verdict.COULD_CHANGE)],
)
def test_a_tie_counts_as_a_change(struck, verdict):
    result = struck_ballots([("A", 561), ("B", 526)], struck, [])
    assert (result.verdict, result.effect.value, result.effect.low, result.effect.high) == (
        verdict,
        35 - struck,
        35 - struck,
        35 + struck,
    )


def test_where_nothing_was_struck_even_a_tie_could_not_change():
    assert struck_ballots([("A", 5), ("B", 5)], 0, []).verdict is Verdict.COULD_NOT_CHANGE
    assert struck_ballots([("A", 5), ("B", 5)], 1, []).verdict is Verdict.COULD_CHANGE


@STEADY
@given(st.lists(st.integers(0, 12), min_size=2, max_size=5), st.integers(0, 12), st.integers(1, 4))
def test_the_worst_case_by_trying_every_way_to_strike(totals, struck, seats):
    totals = sorted(totals, reverse=True)
    if len(totals) <= seats or sum(totals) < struck:
        return
    before = [(f"c{i}", n) for i, n in enumerate(totals)]
    # The slow road: take all struck ballots from one elected candidate; can somebody not elected draw level?
    can = struck > 0 and any(totals[i] - struck <= totals[seats] for i in range(seats))
    assert (struck_ballots(before, struck, [], seats=seats).verdict is Verdict.COULD_CHANGE) == can


def test_with_several_places_the_last_one_counts():
    result = struck_ballots([("A", 90), ("B", 60), ("C", 50)], 12, [("A", 90), ("C", 50), ("B", 48)], seats=2)
    assert (result.details["margin"], result.details["winner_changed"]) == (10, True)
    kept = struck_ballots([("A", 90), ("B", 60), ("C", 50)], 12, [("B", 60), ("A", 50), ("C", 48)], seats=2)
    assert kept.details["winner_changed"] is False  # in another order, but the same two


def test_who_was_not_declared_again_keeps_the_first_figure():
    result = struck_ballots([("A", 561), ("B", 526)], 82, [("A", 479)])
    assert result.details["winner_changed"] is True
    result = struck_ballots([("A", 561), ("B", 526)], 20, [("B", 506)])
    assert result.details["winner_changed"] is False


def selection(tmp_path, *more, n=(561, 526)):
    rows = [
        {"round": 1, "channel": "all", "item": "candidate", "candidate_id": who, "n": k} for who, k in zip("AB", n, strict=True)
    ]
    people = [{"candidate_id": who, "display_name": f"Candidate {who}"} for who in "AB"]
    return tiny(
        tmp_path,
        results=rows + [{"round": 0, "channel": "all", "item": "ballots_voided"} | row for row in more],
        candidates=people,
    )


def test_struck_ballots_given_by_candidate_are_added_up(tmp_path):
    finding = one(selection(tmp_path, {"candidate_id": "A", "n": 20}, {"candidate_id": "B", "n": 15}), "struck_ballots")
    assert (finding.result.statistic, finding.verdict) == (35, Verdict.COULD_CHANGE)
    finding = one(selection(tmp_path, {"candidate_id": "A", "n": 20}, {"n": 34}), "struck_ballots")
    assert (finding.result.statistic, finding.verdict) == (34, Verdict.COULD_NOT_CHANGE)


def test_of_two_figures_for_the_struck_ballots_the_larger_is_the_worst_case(tmp_path):
    finding = one(selection(tmp_path, {"n": 30}, {"n": 40}), "struck_ballots")
    assert (finding.result.statistic, finding.verdict) == (40, Verdict.COULD_CHANGE)


@pytest.mark.parametrize("rows", [[], [{"channel": "online", "n": 3}], [{"lo": 1, "hi": 5}]])
def test_without_the_number_struck_it_cannot_be_answered(tmp_path, rows):
    finding = one(selection(tmp_path, *rows), "struck_ballots")
    assert isinstance(finding.result, NotAnswerable)
    assert finding.verdict is Verdict.CANNOT_BE_ANSWERED
    assert "ballots struck out, or the totals before, are not held" in finding.result.reason


def test_if_all_who_stood_were_elected_there_is_no_lead(tmp_path):
    case = tiny(
        tmp_path,
        contest={"seats": 2},
        results=[{"round": 1, "channel": "all", "item": "candidate", "candidate_id": who, "n": 5} for who in "AB"]
        + [{"round": 0, "channel": "all", "item": "ballots_voided", "n": 9}],
        candidates=[{"candidate_id": who, "display_name": who} for who in "AB"],
    )
    assert isinstance(one(case, "struck_ballots").result, NotAnswerable)


def test_where_preferences_transfer_fewer_than_the_lead_can_be_enough():
    # First preferences 100, 81, 79: strike 3 of the second and the third goes on instead; the last lead is 60.
    result = struck_ballots([("A", 160), ("B", 100)], 10, [], one_round=False)
    assert result.verdict is Verdict.UNDETERMINED
    assert struck_ballots([("A", 160), ("B", 100)], 60, [], one_round=False).verdict is Verdict.COULD_CHANGE
