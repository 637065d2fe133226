"""Totals counted again: from a log, from the ballots, from the parts and from rounded shares."""

import pytest
from cases import one, row, tiny
from figures import published

from analysis_lib.results import Verdict

COMPLETE = [row("sources", source_id="S1", completeness="complete")]


def log(*events):
    return [
        {"event": event, "channel": "online", "voter_key": key, "at": f"2031-10-20T12:{minute:02d}:00+00:00"}
        for minute, (key, event) in enumerate(events)
    ]


@pytest.mark.parametrize(
    ("events", "received", "gap"),
    [
        ([("a", "cast"), ("b", "cast")], 2, 0),
        ([("a", "cast"), ("a", "recast"), ("b", "cast")], 2, 0),
        ([("a", "cast"), ("b", "cast")], 3, 1),
        ([("a", "cast"), ("b", "cast"), ("b", "voided")], 1, 0),
        ([("a", "cast"), ("b", "cast"), ("b", "voided")], 2, 0),  # received may count the voided one or not
        ([("a", "cast"), ("b", "cast"), ("b", "voided"), ("b", "reinstated")], 1, 1),
    ],
)
def test_voters_in_the_log_are_the_ballots_received(tmp_path, events, received, gap):
    figures = published(("ballots_received", received, {"channel": "online"}))
    case = tiny(tmp_path, sources=COMPLETE, ballot_events=log(*events), results=figures)
    (item,) = one(case, "totals_reconciliation").details["identities"]
    assert (item["check"], item["name"], item["gap"]) == ("R06", "ballots in the log are the ballots received (online)", gap)


def test_a_log_that_may_have_gaps_holds_at_most_the_ballots_received(tmp_path):
    for received, gap in ((5, 0), (1, 1)):
        figures = published(("ballots_received", received, {"channel": "online"}))
        sources = [row("sources", source_id="S1", completeness="unknown")]
        case = tiny(tmp_path / str(received), sources=sources, ballot_events=log(("a", "cast"), ("b", "cast")), results=figures)
        assert [item["gap"] for item in one(case, "totals_reconciliation").details["identities"]] == [gap]


def held_ballots(folder, declared, ballots, **contest):
    stood = [{"candidate_id": who, "display_name": who} for who in "AB"]
    papers = [{"ballot_id": f"b{i}", "rank": 1, "candidate_id": who} for i, who in enumerate(ballots)]
    figures = published(*declared, ("ballots_received", len(ballots)))
    return one(
        tiny(folder, sources=COMPLETE, candidates=stood, ballot_choices=papers, results=figures, contest=contest),
        "totals_reconciliation",
    )


def test_the_ballots_are_counted_again(tmp_path):
    right = held_ballots(tmp_path / "a", [("A", 3), ("B", 2)], "ABABA")
    assert (right.verdict, right.details["lead"]) == (Verdict.NO_BREACH, 1)
    assert {"R06", "R11"} <= {item["check"] for item in right.details["identities"]}
    wrong = held_ballots(tmp_path / "b", [("A", 3), ("B", 2)], "ABABB")
    assert {item["name"]: item["gap"] for item in wrong.details["identities"] if item["gap"]} == {
        "first preferences of candidate A counted from the ballots": 1,
        "first preferences of candidate B counted from the ballots": 1,
        "who is declared elected has the most votes, counted again from the ballots": 1,
    }
    irv = held_ballots(tmp_path / "c", [("A", 3), ("B", 2)], "ABABB", voting_method="IRV")
    assert not any("most votes" in item["name"] for item in irv.details["identities"])  # transfers may turn first preferences


@pytest.mark.parametrize(("postal", "gap"), [((30, 20), 0), ((20, 51), 11)])
def test_who_is_declared_has_the_most_votes_in_the_parts(tmp_path, postal, gap):
    figures = published(
        ("A", 100), ("B", 90), ("A", 70, {"channel": "online"}), ("B", 50, {"channel": "online"}),
        ("A", postal[0], {"channel": "postal"}), ("B", postal[1], {"channel": "postal"}),
    )  # fmt: skip
    stood = [{"candidate_id": who, "display_name": who} for who in "AB"]
    finding = one(tiny(tmp_path, candidates=stood, results=figures), "totals_reconciliation")
    found = [item["gap"] for item in finding.details["identities"] if item["check"] == "R11"]
    assert found == ([gap] if gap else [])  # 30 + 20 are fewer than declared: a part is missing, and nothing is said


@pytest.mark.parametrize(
    ("shares", "valid", "gaps_found"),
    [
        ((0.57, 0.43), 100, [0, 0, 0]),
        ((0.57, 0.43), 7, [0, 0, 0]),  # 4 and 3 of 7
        ((0.57, 0.43), 3, [1, 1, 1]),  # no number of 3 is 57 %
        ((0.57, 0.41), None, [1.0]),
        ((0.57, 0.42), None, [0]),
    ],
)
def test_shares_stand_for_whole_ballots_and_add_up(tmp_path, shares, valid, gaps_found):
    figures = published(*((who, None, {"share": share, "share_dp": 0}) for who, share in zip("AB", shares, strict=True)))
    figures += published(("ballots_valid", valid)) if valid else []
    stood = [{"candidate_id": who, "display_name": who} for who in "AB"]
    finding = one(tiny(tmp_path, candidates=stood, results=figures), "totals_reconciliation")
    found = [item for item in finding.details["identities"] if item["check"] == "R13"]
    assert [item["gap"] for item in found] == pytest.approx(gaps_found)
