"""Reissues by branch and by administrator: worked by hand, against scipy, and with every way of having too little."""

import json
import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from cases import tiny, utc
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom, binom, hypergeom
from tiny_package import STEADY

from analysis_lib import exhibits, wording
from analysis_lib.case import open_case
from analysis_lib.methods.members import roll_in_force
from analysis_lib.methods.registry import answer_chapter
from analysis_lib.methods.reissue_rates import REQUESTED, funnel, reissue_rates, reissues_by_trigger
from analysis_lib.results import NotAnswerable, Status, Verdict, to_dict


def answered(this, noun="reissue_rates"):
    return answer_chapter("30_credential_reissues", this, (noun,))[noun]


def units(events, sizes):
    names = [f"u{i:02}" for i in range(len(events))]
    return pl.DataFrame(
        {"unit": names, "events": events, "size": sizes}, schema={"unit": pl.String, "events": pl.Int64, "size": pl.Int64}
    )


def rates(events, sizes, by="administrator"):
    return reissue_rates(units(events, sizes), by=by, confidence_level=0.95)


def test_four_officers_worked_by_hand():
    # 20, 15, 15 and 10 reissues, of which 9, 2, 2 and 1 without a request. P(at least 9 of the 14 fall among 20 of 60) is
    # sum over k from 9 of C(20, k) C(40, 14 - k) / C(60, 14) = 0.0074; by Holm, times four: 0.0298.
    result = rates([9, 2, 2, 1], [20, 15, 15, 10])
    assert result.details["units"][0]["pvalue"] == pytest.approx(hypergeom.sf(8, 60, 14, 20), rel=1e-9)
    assert result.details["units"][0]["pvalue"] == pytest.approx(0.0074464, abs=5e-8)
    assert result.pvalue == pytest.approx(0.0297856, abs=5e-8)
    assert result.effect.value == pytest.approx((9 / 20) / (5 / 40))
    assert result.assumptions[0].status is Status.FAILS
    assert "Only 4 units" in result.assumptions[0].evidence


@pytest.mark.parametrize("n", [2, 3, 7])
def test_under_eight_units_the_tail_is_hypergeometric(n):
    rng = np.random.default_rng(n)
    sizes = rng.integers(1, 30, n)
    events = rng.binomial(sizes, 0.3)
    events[0] = max(events[0], 1)
    result = rates(events, sizes)
    expected = [hypergeom.sf(k - 1, sizes.sum(), events.sum(), size) for k, size in zip(events, sizes, strict=True)]
    assert [unit["pvalue"] for unit in result.details["units"]] == pytest.approx(expected, rel=1e-9)
    assert result.details["spread_allowed_for"] is False


def test_from_eight_units_on_the_spread_is_learnt_from_the_others():
    # The slow road: the grid of methods.md 3a, written out with scipy.
    events, sizes = np.array([2, 3, 1, 4, 2, 3, 2, 9]), np.array([50, 60, 40, 55, 45, 50, 62, 50])
    means = 1 / (1 + np.exp(-np.linspace(-5.5, -1, 46)))
    spreads = np.geomspace(1e-4, 0.5, 40)
    tails, weights = [], []
    for mean in means:
        for spread in spreads:
            a, b = mean * (1 - spread) / spread, (1 - mean) * (1 - spread) / spread
            others = betabinom(sizes[:-1], a, b).logpmf(events[:-1]).sum()
            weights.append(np.exp(others) * np.sqrt(spread))
            tails.append(betabinom(50, a, b).sf(8))
    expected = np.average(tails, weights=weights)
    result = rates(events, sizes, by="branch")
    assert result.details["units"][7]["pvalue"] == pytest.approx(expected, rel=1e-6)
    assert result.assumptions[0].status is Status.UNTESTED


@pytest.mark.parametrize("by", ["branch", "administrator"])
@pytest.mark.parametrize("events", [[9, 9, 9, 2, 1, 2, 2, 1, 2], [9, 9, 1, 1]])
def test_the_whole_list_is_adjusted_for(by, events):
    n = len(events)
    result = rates(events, [30] * n, by)
    raw = np.array([unit["pvalue"] for unit in result.details["units"]])
    order = np.argsort(raw)
    simes = (raw[order] * n / np.arange(1, n + 1)).min()  # the smallest Benjamini-Hochberg value of the list
    expected = min(1.0, simes if by == "branch" else n * raw.min())
    assert simes < 0.9 * n * raw.min()  # else the two ways of adjusting could not be told apart here
    assert result.pvalue == pytest.approx(expected)


@STEADY
@given(st.permutations(range(9)))
def test_the_order_of_units_changes_nothing(order):
    frame = units([2, 3, 1, 4, 2, 3, 2, 9, 0], [50, 60, 40, 55, 45, 50, 62, 50, 7])
    one, other = (reissue_rates(rows, by="branch", confidence_level=0.95) for rows in (frame, frame[order]))
    assert one == other


def test_where_the_others_have_none_the_ratio_is_infinite_and_nothing_breaks(tmp_path):
    reissued = [
        event(f"v{i}", trigger="admin_initiated" if i < 4 else "member_request", actor="a1" if i < 6 else "a2") for i in range(12)
    ]
    case = tiny(tmp_path, credential_events=reissued)
    finding = answered(case, "reissue_rates")[1]
    assert finding.result.effect.value == np.inf
    told = wording.sentence(finding)
    assert "4 reissues without a logged request of 6 reissues handled (the others have none)." in told
    units = [{"unit": "a", "events": 1, "size": 1, "pvalue": 0.4}]
    alone = replace(finding, result=replace(finding.result, details=finding.details | {"units": units}))
    assert "1 reissue without a logged request of 1 reissue handled" in wording.sentence(alone)
    assert json.loads(json.dumps(to_dict(finding, told), allow_nan=False))["effect"]["value"] is None
    assert "infinity" in wording.effect(finding)
    for shown in exhibits.reissue_rates(case, [finding]):
        assert "nan" not in repr(shown)
        if hasattr(shown, "svg"):
            assert "<svg" in shown.svg()


def event(voter=None, what="reissued_new", trigger="member_request", actor=None, **more):
    return {"voter_key": voter, "event": what, "trigger": trigger, "actor_key": actor, "at": utc("2031-10-10 10:00")} | more


def members(*branches, snapshot="L1", **more):
    """Members v0, v1, ... of these branches."""
    return [
        {"snapshot_id": snapshot, "voter_key": f"v{i}", "unit": unit, "eligible": True} | more for i, unit in enumerate(branches)
    ]


def copy(name="L1", day=1, purpose="freeze"):
    return {"snapshot_id": name, "taken_at": utc(f"2031-10-{day:02} 09:00"), "purpose": purpose}


def by_branch(folder, roll, events):
    return answered(tiny(folder, roll=roll, roll_snapshots=[copy()], credential_events=events), "reissue_rates")[0]


def table(finding):
    return {unit["unit"]: (unit["events"], unit["size"]) for unit in finding.details["units"]}


def test_members_with_a_reissue_are_counted_by_branch(tmp_path):
    events = [event("v0"), event("v0"), event("v1"), event("v3"), event("v4", what="issued")]
    roll = members("North", "North", "North", "South", "South", *["North"] * 9, *["South"] * 8)
    found = by_branch(tmp_path, roll, events)
    assert table(found) == {"North": (2, 12), "South": (1, 10)}  # v0's two reissues are one member
    assert (found.result.n_observations, found.result.n_excluded) == (22, 0)


def test_branches_under_ten_are_one_unit_and_never_named(tmp_path):
    roll = members(*["North"] * 12, *["South"] * 11, *["Eyot"] * 9, *["Hythe"] * 3)
    found = by_branch(tmp_path, roll, [event("v0"), event("v25"), event("v33")])
    assert table(found) == {"North": (1, 12), "South": (0, 11), "branches of fewer than 10": (2, 12)}
    assert not re.search("Eyot|Hythe", repr(to_dict(found, wording.sentence(found))))
    lone = by_branch(tmp_path / "b", roll[:32], [event("v0"), event("v25")])
    assert table(lone) == {"North": (1, 12), "the smallest branches": (1, 20)}  # alone, Eyot would be known by its absence
    none = by_branch(tmp_path / "c", members("North", "South"), [event("v0")])
    assert "large enough to be told apart" in none.result.reason


@pytest.mark.parametrize(
    ("actors", "adjusted_by"),
    [
        (("a1", "a1", "a2"), "benjamini_hochberg"),  # each branch has its own
        (("a1", "a2", "a2"), "benjamini_yekutieli"),  # a2 works for both
        (("a1", "a1", None), "benjamini_yekutieli"),  # nobody knows
    ],
)
def test_where_branches_share_administrators_the_list_is_adjusted_for_any_dependence(tmp_path, actors, adjusted_by):
    roll = members(*["North"] * 12, *["South"] * 11)
    events = [event(f"v{i}", actor=actor) for i, actor in zip((0, 1, 20), actors, strict=True)]
    assert by_branch(tmp_path, roll, events).details["adjusted_by"] == adjusted_by


def test_reissues_by_members_themselves_make_no_overlap(tmp_path):
    roll = members(*["North"] * 12, *["South"] * 11)
    events = [event("v0", trigger="self_service", actor_role="self"), event("v20", trigger="self_service", actor_role="self")]
    assert by_branch(tmp_path, roll, events).details["adjusted_by"] == "benjamini_hochberg"


def test_any_dependence_costs_the_sum_of_one_half_one_third_and_so_on():
    frame = units([2, 3, 1, 4, 2, 3, 2, 9, 0], [50, 60, 40, 55, 45, 50, 62, 50, 7])
    alone, shared = (reissue_rates(frame, by="branch", confidence_level=0.95, overlap=overlap) for overlap in (False, True))
    assert shared.pvalue == pytest.approx(min(1.0, alone.pvalue * sum(1 / k for k in range(1, 10))))


def test_who_is_not_entitled_not_on_the_roll_or_in_no_branch_is_left_out_and_counted(tmp_path):
    roll = members("North", "North", "South", "South", None, *["North"] * 9, *["South"] * 8)
    roll[1] |= {"eligible": False}
    found = by_branch(tmp_path, roll, [event("v0"), event("v1"), event("v3"), event("v4"), event("v99")])
    assert table(found) == {"North": (1, 10), "South": (1, 10)}
    assert found.result.n_excluded == 3  # v1 isn't entitled, v4 is in no branch, one isn't on the roll


def test_the_roll_made_for_the_platform_is_the_one_in_force(tmp_path):
    copies = [copy("old", 1), copy("upload", 5, "platform_upload"), copy("marked", 20, "marked_register")]
    roll = [row for i, name in enumerate(("old", "upload", "marked")) for row in members(*["N"] * (i + 2), "S", snapshot=name)]
    case = tiny(tmp_path, roll=roll, roll_snapshots=copies)
    assert roll_in_force(case)["snapshot_id"].unique().to_list() == ["upload"]
    case = tiny(tmp_path / "b", roll=roll, roll_snapshots=[copy("old", 1, "audit"), copy("upload", 5, "other"), copies[2]])
    assert roll_in_force(case)["snapshot_id"].unique().to_list() == ["marked"]
    assert roll_in_force(tiny(tmp_path / "c")).height == 0


def test_administrators_are_numbered_by_what_they_handled_and_never_named(tmp_path):
    events = [
        event(f"v{i}", trigger=trigger, actor=actor)
        for i, (trigger, actor) in enumerate(
            [
                ("member_request", "zz9"),
                ("admin_initiated", "zz9"),
                ("contact_change", "zz9"),
                ("bounce_fix", "aa1"),
                ("admin_initiated", "aa1"),
            ]
        )
    ]
    case = tiny(
        tmp_path,
        credential_events=[
            *events,
            event("v7", trigger="unknown", actor="zz9"),
            event("v8", trigger=None, actor="aa1"),
            event("v9"),
        ],
    )
    finding = answered(case, "reissue_rates")[1]
    assert table(finding) == {"administrator 01": (2, 3), "administrator 02": (1, 2)}
    assert finding.result.n_excluded == 3
    everything = (
        wording.sentence(finding)
        + repr(to_dict(finding, ""))
        + repr([repr(shown) for shown in exhibits.reissue_rates(case, [finding])])
    )
    assert not re.search("zz9|aa1", everything)


@pytest.mark.parametrize("trigger", REQUESTED)
def test_what_has_an_ordinary_cause_counts_as_asked_for(tmp_path, trigger):
    events = [event(f"v{i}", trigger=trigger, actor="a1") for i in range(3)] + [
        event("v9", trigger="admin_initiated", actor="a2")
    ]
    assert table(answered(tiny(tmp_path, credential_events=events), "reissue_rates")[1]) == {
        "administrator 01": (0, 3),
        "administrator 02": (1, 1),
    }


def test_reissues_are_listed_by_what_set_them_off(tmp_path):
    events = [
        event("v1", actor_role="local_officer"),
        event("v2"),
        event("v3", actor_role="local_officer"),
        event("v4", trigger=None),
        event("v5", what="resent_same", actor_role="local_officer"),
        event("v6", what="destination_changed", trigger="contact_change"),
        event("v7", what="issued"),
    ]
    # New codes, the same code again, and codes sent elsewhere: never lumped.
    assert reissues_by_trigger(tiny(tmp_path, credential_events=events)).rows() == [
        ("member_request", "local_officer", 2, 1, 0),
        ("member_request", "unknown", 1, 0, 0),
        ("unknown", "unknown", 1, 0, 0),
        ("contact_change", "unknown", 0, 0, 1),
    ]


def test_codes_sent_again_or_elsewhere_are_no_reissues_of_an_administrator(tmp_path):
    events = [
        event(f"v{i}", what=what, trigger="admin_initiated", actor="a1")
        for i, what in enumerate(("resent_same", "destination_changed"))
    ]
    events += [event("v5", trigger="admin_initiated", actor="a1"), event("v6", actor="a2")]
    found = answered(tiny(tmp_path, credential_events=events))[1]
    assert table(found) == {"administrator 01": (1, 1), "administrator 02": (0, 1)}


@pytest.mark.parametrize(
    ("roll", "events", "reason"),
    [
        ([], [event("v0", actor="a1")], "Some columns are not held"),
        (members("North", "North"), [event("v0", actor="a1")], "Fewer than two branches"),
        (members("North", "South"), [event("v0", what="issued", actor="a1")], "no reissue at all"),
        (members(None, None), [event("v0", actor="a1")], "Some columns are not held"),
    ],
)
def test_too_little_cannot_be_answered(tmp_path, roll, events, reason):
    copies = [copy()] if roll else []
    branch, administrator = answered(tiny(tmp_path, roll=roll, roll_snapshots=copies, credential_events=events), "reissue_rates")
    assert isinstance(branch.result, NotAnswerable)
    assert reason in branch.result.reason
    assert isinstance(administrator.result, NotAnswerable)
    assert (branch.result.form, administrator.result.form) == ("branch", "administrator")


def test_an_empty_package_is_one_answer(tmp_path):
    (finding,) = answered(tiny(tmp_path), "reissue_rates")
    assert "credential_events.voter_key|credential_events.actor_key" in finding.result.needs


def test_made_up_vale_shows_one_administrator_and_no_branch():
    branch, administrator = answered(open_case("made_up_vale"))
    assert (branch.verdict, administrator.verdict) == (Verdict.WITHIN_BASELINE, Verdict.UNDETERMINED)
    assert administrator.pvalue_adjusted < 0.01  # but four units cannot show how much units differ
    assert "one administrator stands out most: 40 reissues without a logged request of 51 reissues handled" in wording.sentence(
        administrator
    )
    clean = answered(open_case("made_up_vale_clean"))
    assert {finding.verdict for finding in clean} == {Verdict.WITHIN_BASELINE}


def test_the_funnel_is_drawn_at_the_binomial_limits():
    result = rates([2, 3, 1, 4, 2, 3, 2, 9], [50, 60, 40, 55, 45, 50, 62, 50], by="branch")
    limits = funnel(result, (0.025, 0.975))
    pooled = result.details["pooled_rate"]
    assert limits["size"].min() <= 40
    assert limits["size"].max() >= 62
    for size, probability, limit in limits.iter_rows():
        exact = binom.ppf(probability, size, pooled)
        assert (exact - 1) / size - 1e-9 <= limit <= exact / size + 1e-9  # interpolated between two whole numbers
