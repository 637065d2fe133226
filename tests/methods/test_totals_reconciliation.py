"""Sums of published totals: a published breach, every sum in both directions, and what must never be called a breach."""

import polars as pl
import pytest
from cases import one, tiny
from hypothesis import given
from hypothesis import strategies as st
from tiny_package import STEADY, example_row, write

from analysis_lib.case import open_case
from analysis_lib.methods.registry import answer_chapter
from analysis_lib.methods.totals_reconciliation import totals_reconciliation
from analysis_lib.results import NotAnswerable, Verdict

SCHEMA = {
    "round": pl.Int64,
    "channel": pl.String,
    "item": pl.String,
    "candidate_id": pl.String,
    "n": pl.Int64,
    "lo": pl.Int64,
    "hi": pl.Int64,
    "status": pl.String,
}


def results(*rows):
    """Rows of (item, n), with anything else by name; `n` a pair is a range. An item of one letter is a candidate."""
    made = []
    for item, n, *rest in rows:
        extra = rest[0] if rest else {}
        is_candidate = len(item) == 1
        low, high = n if isinstance(n, tuple) else (None, None)
        made.append(
            {
                "round": int(is_candidate),
                "channel": "all",
                "item": "candidate" if is_candidate else item,
                "candidate_id": item if is_candidate else None,
                "n": None if isinstance(n, tuple) else n,
                "lo": low,
                "hi": high,
                "status": None,
            }
            | extra
        )
    return pl.DataFrame(made, schema=SCHEMA)


def gaps(frame, **options):
    return {(item.name, item.declaration): item.gap for item in totals_reconciliation(frame, **options)}


def first(frame, **options):
    return {name: gap for (name, declaration), gap in gaps(frame, **options).items() if declaration == "first"}


def test_ciudadanos_1094_votes_of_1013_who_took_part():
    # El País and infoLibre, 10 to 12 March 2019: 561 + 526 + 7 votes declared, 1,013 participants.
    finding = answer_chapter("00_evidence", open_case("ciudadanos_cyl_2019"))["totals_reconciliation"][0]
    assert finding.verdict is Verdict.BREACH_RECORDED
    (identity,) = (item for item in finding.details["identities"] if item["gap"])
    assert (identity["left_low"], identity["left_high"], identity["right_low"], identity["gap"]) == (1094, 1094, 1013, 81)
    assert (finding.result.statistic, finding.planned) == (1, True)


@pytest.mark.parametrize(("votes", "gap"), [((60, 39), 1), ((60, 40), 0), ((60, 41), 1)])
def test_votes_are_the_valid_ballots(votes, gap):
    found = first(results(("A", votes[0]), ("B", votes[1]), ("ballots_valid", 100)), candidates=("A", "B"))
    assert found == {"candidates' votes are the valid ballots": gap}


@pytest.mark.parametrize(("received", "gap"), [(99, 1), (100, 0), (101, 0)])
def test_no_more_votes_than_ballots(received, gap):
    assert first(results(("A", 60), ("B", 40), ("ballots_received", received))) == {"no more votes than ballots received": gap}


@pytest.mark.parametrize(("received", "gap"), [(108, 2), (110, 0), (113, 3)])
def test_every_ballot_received_is_accounted_for(received, gap):
    rows = [("ballots_valid", 100), ("ballots_spoiled", 4), ("ballots_blank", 3), ("ballots_rejected", 2), ("ballots_voided", 1)]
    assert first(results(*rows, ("ballots_received", received))) == {"every ballot received is accounted for": gap}


@pytest.mark.parametrize(("received", "gap"), [(99, 1), (100, 0), (113, 0)])
def test_if_spoilt_ballots_were_never_published_fewer_valid_ones_are_no_breach(received, gap):
    assert first(results(("ballots_valid", 100), ("ballots_received", received))) == {
        "every ballot received is accounted for": gap
    }


@pytest.mark.parametrize("upper", ["ballots_issued", "eligible"])
@pytest.mark.parametrize(("n", "gap"), [(99, 1), (100, 0), (5000, 0)])
def test_no_more_ballots_received_than_issued_or_entitled(upper, n, gap):
    (found,) = totals_reconciliation(results(("ballots_received", 100), (upper, n)))
    assert (found.gap, found.relation) == (gap, "at_most")


@pytest.mark.parametrize(("postal", "gap"), [(40, 0), (41, 1), (12, 0)])
@pytest.mark.parametrize("item", ["A", "ballots_received", "ballots_valid"])
def test_channels_stay_within_the_total(item, postal, gap):
    found = totals_reconciliation(results((item, 100), (item, 60, {"channel": "online"}), (item, postal, {"channel": "postal"})))
    assert [one.gap for one in found if one.name.startswith("channels")] == [gap]


def test_each_channel_is_checked_by_itself():
    rows = [
        ("A", 60, {"channel": "online"}),
        ("B", 40, {"channel": "online"}),
        ("ballots_received", 99, {"channel": "online"}),
        ("ballots_valid", 30, {"channel": "postal"}),
        ("ballots_received", 29, {"channel": "postal"}),
    ]
    assert first(results(*rows)) == {
        "no more votes than ballots received (online)": 1,
        "every ballot received is accounted for (postal)": 1,
    }


def test_a_range_fails_only_where_no_number_in_it_fits():
    rows = [("A", 60), ("B", 40), ("ballots_spoiled", 0)]
    assert set(first(results(*rows, ("ballots_valid", (95, 100))), candidates=("A", "B")).values()) == {0}
    assert first(results(*rows, ("ballots_valid", (95, 99))))["candidates' votes are the valid ballots"] == 1
    assert (
        first(results(*rows, ("ballots_valid", (103, 110))), candidates=("A", "B"))["candidates' votes are the valid ballots"]
        == 3
    )


def test_a_count_of_which_only_one_limit_is_known_is_left_out():
    assert first(results(("A", 60), ("ballots_received", (0, None)))) == {}


def test_two_papers_that_differ_make_a_range_and_no_breach():
    rows = [("A", 60), ("B", 40), ("ballots_received", 98), ("ballots_received", 100)]
    assert first(results(*rows)) == {"no more votes than ballots received": 0}
    assert first(results(*rows[:2], ("ballots_received", 98), ("ballots_received", 99))) == {
        "no more votes than ballots received": 1
    }


def test_between_two_papers_any_figure_may_be_the_right_one():
    name, everyone = "candidates' votes are the valid ballots", {"candidates": ("A", "B")}
    papers = [("ballots_valid", 95), ("ballots_valid", 100)]
    assert [first(results(("A", 60), ("B", k), *papers), **everyone)[name] for k in (34, 35, 37, 40, 41)] == [1, 0, 0, 0, 1]


def test_later_rounds_may_lose_papers_but_gain_none():
    rows = [("ballots_valid", 100), ("A", 40), ("B", 35), ("C", 25)]
    second = [("A", 52, {"round": 2}), ("B", 40, {"round": 2})]
    name = "candidates' votes are the valid ballots, round 2"
    assert first(results(*rows, *second))[name] == 0  # 8 papers with no further preference, never published
    assert first(results(*rows, *second, ("exhausted", 8, {"round": 2})))[name] == 0
    assert first(results(*rows, *second, ("exhausted", 5, {"round": 2})))[name] == 3
    assert first(results(*rows, ("A", 56, {"round": 2}), ("B", 45, {"round": 2})))[name] == 1


def test_a_total_said_again_in_a_later_round_counts_once():
    rows = [
        ("ballots_valid", 100),
        ("ballots_valid", 100, {"round": 2}),
        ("ballots_received", 100),
        ("ballots_received", 100, {"round": 2}),
    ]
    assert set(first(results(*rows, ("A", 60), ("B", 40), ("A", 60, {"round": 2}))).values()) == {0}


def test_ballots_struck_from_candidates_are_not_added_to_the_total_of_them():
    struck = [("ballots_voided", 5), ("ballots_voided", 3, {"candidate_id": "A"}), ("ballots_voided", 2, {"candidate_id": "B"})]
    rows = [("ballots_valid", 95), ("ballots_received", 100), ("ballots_spoiled", 0)]
    assert first(results(*rows, *struck))["every ballot received is accounted for"] == 0
    assert first(results(*rows, *struck[1:]))["every ballot received is accounted for"] == 0


def test_while_a_candidates_votes_are_not_held_the_others_may_be_fewer():
    rows = [("A", 60), ("ballots_valid", 100)]
    assert first(results(*rows), candidates=("A", "B"))["candidates' votes are the valid ballots"] == 0
    assert first(results(*rows, ("B", None)))["candidates' votes are the valid ballots"] == 0
    assert first(results(("A", 101), rows[1]), candidates=("A", "B"))["candidates' votes are the valid ballots"] == 1


def test_a_correction_is_checked_by_itself():
    again = {"status": "correction"}
    rows = [("A", 60), ("B", 41), ("ballots_received", 100), ("A", 59, again), ("B", 41, again), ("ballots_received", 100, again)]
    name = "no more votes than ballots received"
    assert gaps(results(*rows)) == {(name, "first"): 1, (name, "correction"): 0}
    assert gaps(results(*rows[:4])) == {(name, "first"): 1}  # figures of two declarations are never set against each other


def test_votes_and_ballots_are_not_compared_where_a_ballot_holds_several_votes():
    frame = results(("A", 90), ("B", 80), ("ballots_valid", 100), ("ballots_received", 100), ("ballots_spoiled", 0))
    assert first(frame, one_vote_each=False) == {"every ballot received is accounted for": 0}


@pytest.mark.parametrize(
    ("method", "seats", "compared"),
    [
        ("FPP", 1, True),
        ("IRV", 1, True),
        ("STV", 3, True),
        ("FPP", 3, False),
        ("other", 2, False),
        ("block", 1, False),
        ("approval", 1, False),
        ("cumulative", 1, False),
        ("AMS", 1, False),
    ],
)
def test_the_voting_method_says_whether_a_ballot_is_one_vote(tmp_path, method, seats, compared):
    over = {"channel": "all", "round": 1}
    votes = [{"item": "candidate", "candidate_id": who, "n": n} | over for who, n in (("A", 90), ("B", 80))]
    ballots = [{"item": item, "n": 100} | over for item in ("ballots_received", "eligible")]
    stood = [{"candidate_id": who, "display_name": who} for who in "AB"]
    case = tiny(tmp_path, contest={"voting_method": method, "seats": seats}, candidates=stood, results=votes + ballots)
    finding = one(case, "totals_reconciliation")
    assert ("no more votes than ballots received" in [item["name"] for item in finding.details["identities"]]) is compared
    assert (finding.verdict is Verdict.BREACH_RECORDED) is compared


def test_rows_of_the_roll_are_held_against_the_count_on_its_cover(tmp_path):
    roll = [{"snapshot_id": "L1", "voter_key": f"v{i}", "eligible": True} for i in range(4)]
    for stated, gap in ((4, 0), (5, 1), (3, 1)):
        case = tiny(tmp_path, roll_snapshots=[{"snapshot_id": "L1", "row_count": stated}], roll=roll)
        finding = one(case, "totals_reconciliation")
        assert [item["gap"] for item in finding.details["identities"]] == [gap]


def test_a_row_of_the_roll_left_out_for_a_fault_was_handed_over_all_the_same(tmp_path):
    roll = [example_row("roll", voter_key=f"v{i}") for i in range(4)] + [example_row("roll", voter_key="v5", eligible="perhaps")]
    for stated, gap in ((5, 0), (6, 1)):
        tables = {"roll": roll, "roll_snapshots": [example_row("roll_snapshots", row_count=str(stated))]}
        write(tmp_path, tables, only=("sources", "contests"))
        finding = one(open_case(tmp_path), "totals_reconciliation")
        assert [item["gap"] for item in finding.details["identities"]] == [gap]


def test_without_two_totals_to_join_it_cannot_be_answered(tmp_path):
    assert totals_reconciliation(results()) == []
    case = tiny(tmp_path, results=[{"round": 0, "channel": "all", "item": "eligible", "n": 100}])
    finding = one(case, "totals_reconciliation")
    assert isinstance(finding.result, NotAnswerable)
    assert "No two totals are held" in finding.result.reason
    empty = one(tiny(tmp_path / "empty"), "totals_reconciliation")
    assert empty.result.needs == ("results.n|results.lo|roll_snapshots.row_count",)


FULL = results(
    ("A", 60),
    ("B", 41),
    ("ballots_received", 100),
    ("ballots_valid", 99),
    ("ballots_spoiled", 1),
    ("eligible", 90),
    ("A", 12, {"channel": "postal"}),
    ("ballots_voided", 3, {"status": "correction"}),
    ("A", 58, {"status": "correction"}),
    ("ballots_valid", 97, {"status": "correction"}),
)


@STEADY
@given(st.permutations(range(FULL.height)))
def test_the_order_of_rows_changes_nothing(order):
    assert totals_reconciliation(FULL[order]) == totals_reconciliation(FULL)
