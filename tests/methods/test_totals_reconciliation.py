"""Sums of published totals: a published breach, every sum in both directions, and what must never be called a breach."""

import pytest
from cases import one, tiny
from figures import published, results
from hypothesis import given
from hypothesis import strategies as st
from tiny_package import STEADY

from analysis_lib import exhibits, wording
from analysis_lib.case import open_case
from analysis_lib.methods.identities import of_frame
from analysis_lib.methods.registry import answer_chapter
from analysis_lib.methods.totals_reconciliation import totals_reconciliation
from analysis_lib.results import NotAnswerable, Verdict


def listed(frame, **options):
    return of_frame(totals_reconciliation(frame, **options))


def gaps(frame, **options):
    return {(item.name, item.declaration): item.gap for item in listed(frame, **options)}


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
    (found,) = listed(results(("ballots_received", 100), (upper, n)))
    assert (found.gap, found.relation) == (gap, "at_most")


@pytest.mark.parametrize(("postal", "gap"), [(40, 0), (41, 1), (12, 0)])
@pytest.mark.parametrize("item", ["A", "ballots_received", "ballots_valid"])
def test_channels_stay_within_the_total(item, postal, gap):
    found = listed(results((item, 100), (item, 60, {"channel": "online"}), (item, postal, {"channel": "postal"})))
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


def test_units_with_the_same_figures_are_possible_doubles_and_no_breach(tmp_path):
    def unit(name, *votes):
        return [
            {"round": 1, "channel": "all", "item": "candidate", "candidate_id": who, "n": n, "unit": name}
            for who, n in zip("ABCD", votes, strict=True)
        ]

    stood = [{"candidate_id": who, "display_name": who} for who in "ABCD"]
    figures = (
        unit("N", 30, 20, 1, 0)
        + unit("S", 30, 20, 1, 0)
        + unit("W", 30, 20, 2, 0)
        + unit("P", 9, 0, 0, 0)
        + unit("Q", 9, 0, 0, 0)
    )
    total = [
        {"round": 1, "channel": "all", "item": "candidate", "candidate_id": who, "n": n}
        for who, n in zip("ABCD", (108, 60, 4, 0), strict=True)
    ]
    finding = one(tiny(tmp_path, candidates=stood, results=figures + total), "totals_reconciliation")
    assert finding.details["identical_units"] == [["N", "S"]]  # P and Q share but one positive count
    assert finding.verdict is Verdict.NO_BREACH
    assert "2 units have the same figures throughout" in wording.sentence(finding)
    assert "N, S" in repr(exhibits.totals_reconciliation(None, [finding]))


def test_small_units_are_joined_and_their_sum_told(tmp_path):
    rows = [
        (item, n, {"unit": unit})
        for unit, votes, valid in (("Big", 41, 40), ("Tiny", 4, 2), ("Wee", 3, 2), ("Fine", 5, 5))
        for item, n in (("A", votes), ("ballots_valid", valid))
    ]
    case = tiny(tmp_path, candidates=[{"candidate_id": "A", "display_name": "A"}], results=published(*rows))
    finding = one(case, "totals_reconciliation")
    assert (finding.result.statistic, finding.result.n_observations) == (3, 4)
    assert [(item["unit"], item["left_low"], item["right_low"], item["gap"]) for item in finding.details["identities"]] == [
        ("smaller units", 7, 4, 3), ("Big", 41, 40, 1),
    ]  # fmt: skip
    shown = repr(finding.result) + repr(exhibits.totals_reconciliation(case, [finding]))
    assert "Tiny" not in shown
    assert "4 sums were checked; of those that agree, and of those for single units, not all are listed" in shown


@pytest.mark.parametrize(("voided", "cause"), [(1, "as many as the ballots voided"), (2, "unexplained")])
def test_a_difference_as_large_as_the_ballots_set_aside_says_so(tmp_path, voided, cause):
    figures = published(("A", 60), ("B", 41), ("ballots_received", 100), ("ballots_voided", voided))
    stood = [{"candidate_id": who, "display_name": who} for who in "AB"]
    finding = one(tiny(tmp_path, candidates=stood, results=figures), "totals_reconciliation")
    assert [item["cause"] for item in finding.details["identities"] if item["gap"]] == [cause]
    assert finding.verdict is Verdict.BREACH_RECORDED  # a number that fits is not yet the cause


def test_a_stated_cause_is_named_beside_the_sum_it_is_about(tmp_path):
    figures = published(("A", 60), ("B", 41), ("ballots_received", 100))
    stood = [{"candidate_id": who, "display_name": who} for who in "AB"]
    said = {"kind": "denial", "said_by": "The party", "statement": "A test ballot was counted.", "about_check": "R08"}
    told = wording.sentence(one(tiny(tmp_path, candidates=stood, results=figures, statements=[said]), "totals_reconciliation"))
    assert "1 ballot apart, as stated by The party" in told


def test_without_two_totals_to_join_it_cannot_be_answered(tmp_path):
    assert listed(results()) == []
    case = tiny(tmp_path, results=[{"round": 0, "channel": "all", "item": "eligible", "n": 100}])
    finding = one(case, "totals_reconciliation")
    assert isinstance(finding.result, NotAnswerable)
    assert "No two totals are held" in finding.result.reason
    empty = one(tiny(tmp_path / "empty"), "totals_reconciliation")
    assert empty.result.needs == ("results.n|results.lo|results.weighted_n|results.share",)


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
    assert listed(FULL[order]) == listed(FULL)
