"""Changes of contact against the weeks before, by branch and by administrator: a slow second road, plants, clean weeks, edges."""

from datetime import timedelta

import numpy as np
import pytest
from cases import answered, tiny, utc
from scipy.stats import betabinom

from analysis_lib import cards, exhibits, simulate
from analysis_lib.case import open_case
from analysis_lib.methods.contact_change_churn import contact_change_churn, expected_range, fewest_visible, tail
from analysis_lib.results import NotAnswerable, Status, Verdict
from analysis_lib.stats.predictive_counts import from_repeats

NOUN = "contact_change_churn"
OPENS = utc("2031-10-20 12:00")
CLOSE = OPENS + timedelta(days=14)
CLOCK = {"clock_id": "M", "tz_used": "UTC", "tz_basis": "stated_offset", "resolution": "s", "write_semantics": "event_time"}
VOTING = {"channel": "all", "kind": "voting", "basis": "advertised", "opens_at": OPENS, "closes_at": CLOSE}
COPY = {"snapshot_id": "R", "taken_at": OPENS, "purpose": "freeze"}


def edit(at, member, field="email", evidence="none_found", actor="a", **cells):
    return {
        "voter_key": member,
        "field": field,
        "at": at,
        "clock_id": "M",
        "actor_key": actor,
        "request_evidence": evidence,
        "actor_role": "local_officer",
    } | cells


def before(n_weeks=10, each=3, evidence="none_found"):
    """So many changes a week, in the hours of an office."""
    return [
        edit(OPENS - timedelta(days=7 * week, hours=-5 - 20 * k), f"w{week}-{k}", evidence=evidence)
        for week in range(1, n_weeks + 1)
        for k in range(each)
    ]


ASKED = edit(OPENS - timedelta(days=30), "a0", evidence="member_request_logged")  # this office notes requests
BARE = edit(OPENS - timedelta(days=31), "b0")


def held(folder, *edits, **tables):
    tables.setdefault("contest_windows", [VOTING])
    return tiny(folder, clocks=[CLOCK], contact_changes=list(edits), contest={"timezone": "UTC"}, **tables)


def forms(case):
    return {finding.result.form: finding for finding in answered(case, NOUN)}


@pytest.mark.parametrize(
    ("weekly", "seen", "weeks"), [([3, 1, 4, 1, 5], 9, 2.0), ([0, 0, 0, 1], 3, 1.5), ([7, 7, 7, 7, 7, 7], 30, 3.0)]
)
def test_the_tail_is_a_mixture_of_beta_binomials(weekly, seen, weeks):
    noise = from_repeats(weekly)
    slow = sum(
        w * betabinom.sf(seen - 1, sum(weekly) + seen, a * weeks, b)
        for a, b, w in zip(noise.a, noise.b, noise.weight, strict=True)
    )
    assert tail(weekly, seen, weeks) == pytest.approx(slow, rel=1e-6)
    assert tail(weekly, 0, weeks) == 1.0
    least = fewest_visible(weekly, weeks, 0.01)
    assert tail(weekly, least, weeks) <= 0.01 < tail(weekly, least - 1, weeks)


def test_the_range_to_be_expected_holds_what_comes():
    rng = np.random.default_rng(6)
    inside = 0
    for _ in range(200):
        rates = rng.gamma(3, 4 / 3, 12)
        _, low, high = expected_range(rng.poisson(rates[:10]).tolist(), 2.0, 0.95, rng)
        inside += low <= rng.poisson(rates[10:]).sum() <= high
    assert inside / 200 > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 200)


@pytest.mark.parametrize("mean", [0.3, 3.0, 20.0])
def test_clean_weeks_are_flagged_no_more_than_they_should(mean):
    rng = np.random.default_rng(11)
    found = []
    for _ in range(400):
        rates = rng.gamma(4, mean / 4, (3, 10))
        seen = {name: int(rng.poisson(rates[i, 8:]).sum()) for i, name in enumerate("abc")}
        weekly = {name: rng.poisson(rates[i, :8]).tolist() for i, name in enumerate("abc")}
        found.append(contact_change_churn(weekly, seen, 2.0, confidence_level=0.95, alpha=0.01, rng=rng).pvalue <= 0.05)
    assert np.mean(found) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_thirty_unasked_changes_in_the_contest_stand_out(tmp_path):
    late = [edit(OPENS + timedelta(hours=6 * k), f"v{k}") for k in range(50)]
    finding = forms(held(tmp_path, ASKED, *before(), *late))["period"]
    assert finding.result.statistic == 50
    assert finding.details["n_weeks"] == 9  # the first week is not whole
    assert finding.verdict is Verdict.NOT_EXPLAINED
    told = repr(cards.Cards([finding]))
    assert "From 20 October 2031 to the close, 50 changes of e-mail addresses that nobody is on record as asking for came" in told
    assert "the 9 weeks before lead to expect 6" in told


@pytest.mark.parametrize("evidence", ["none_found", "unknown"])
def test_addresses_mended_after_a_message_came_back_have_a_cause(tmp_path, evidence):
    late = [edit(OPENS + timedelta(hours=6 * k), f"v{k}", evidence=evidence) for k in range(50)]
    back = [{"voter_key": f"v{k}", "event": "bounced", "at": OPENS - timedelta(hours=1), "clock_id": "M"} for k in range(50)]
    finding = forms(held(tmp_path, ASKED, *before(), *late, credential_events=back))["period"]
    assert (finding.result.statistic, finding.verdict) == (0, Verdict.WITHIN_BASELINE)


@pytest.mark.parametrize(
    "cells",
    [
        {"evidence": "member_request_logged"}, {"evidence": "bounce_logged"}, {"evidence": "bulk_cleanse"},
        {"actor_role": "self"}, {"edit_class": "formatting_only"}, {"old_key": "k", "new_key": "k"}, {"field": "name"},
    ],
)  # fmt: skip
def test_changes_asked_for_in_bulk_or_of_form_alone_are_not_counted(tmp_path, cells):
    late = [edit(OPENS + timedelta(hours=6 * k), f"v{k}", **cells) for k in range(50)]
    finding = forms(held(tmp_path, *before(), *late))["period"]
    assert finding.result.statistic == 0
    assert finding.verdict is Verdict.WITHIN_BASELINE


def test_a_bulk_edit_is_told_apart_and_listed(tmp_path):
    bulk = [edit(OPENS + timedelta(days=2, seconds=2 * k), f"v{k}") for k in range(40)]
    case = held(tmp_path, *before(), *bulk)
    finding = forms(case)["period"]
    assert finding.result.statistic == 0
    assert [row["n"] for row in finding.details["bulk"]] == [40]
    assert "One bulk edit, of 40 rows, is listed apart." in repr(cards.Cards([finding]))
    shown = "\n".join(map(repr, exhibits.contact_change_churn(case, [finding])))
    assert "2031-10-22 12:00:00 UTC | 40" in shown
    assert "email | replaced | bulk | 0 | 40" in shown


def test_without_any_request_on_record_a_rise_is_undetermined(tmp_path):
    rows = [row | {"request_evidence": ""} for row in before()] + [
        edit(OPENS + timedelta(hours=6 * k), f"v{k}", evidence=None) for k in range(50)
    ]
    finding = forms(held(tmp_path, *rows))["period"]
    assert finding.result.pvalue <= 0.01
    assert finding.verdict is Verdict.UNDETERMINED
    assert failing(finding) == ["The log tells changes that were asked for from others."]


def failing(finding):
    return [item.statement for item in finding.result.assumptions if item.status is Status.FAILS]


def test_an_office_that_notes_no_request_finds_none_either(tmp_path):
    late = [edit(OPENS + timedelta(hours=6 * k), f"v{k}") for k in range(50)]
    finding = forms(held(tmp_path, *before(), *late))["period"]
    assert (finding.result.pvalue <= 0.01, finding.verdict) == (True, Verdict.UNDETERMINED)


@pytest.mark.parametrize("evidence", ["unknown", None])
def test_an_office_that_stopped_noting_requests_is_undetermined(tmp_path, evidence):
    late = [edit(OPENS + timedelta(hours=6 * k), f"v{k}", evidence=evidence) for k in range(50)]
    finding = forms(held(tmp_path, *before(evidence="member_request_logged"), BARE, *late))["period"]
    assert finding.result.pvalue <= 0.01
    assert failing(finding) == ["Requests were noted as well for the changes in question as for those compared with."]
    assert finding.verdict is Verdict.UNDETERMINED
    evidence = finding.result.assumptions[-2].evidence
    assert evidence.startswith("The log says nothing of a request either way for 50 of 50 changes in question, and for 0 of 31")
    searched = [edit(OPENS + timedelta(hours=6 * k + 1), f"u{k}") for k in range(50)]
    case = held(tmp_path / "b", *before(evidence="member_request_logged"), BARE, *late, *searched)
    assert forms(case)["period"].verdict is Verdict.NOT_EXPLAINED  # a search found none for enough others


def test_an_office_that_always_left_some_unnoted_is_compared_with_itself(tmp_path):
    late = [edit(OPENS + timedelta(hours=6 * k), f"v{k}", evidence="unknown") for k in range(50)]
    finding = forms(held(tmp_path, ASKED, *before(evidence="unknown"), *late))["period"]
    assert (failing(finding), finding.verdict) == ([], Verdict.NOT_EXPLAINED)


@pytest.mark.parametrize("evidence", ["unknown", "none_found"])
def test_many_addresses_moved_to_one_provider_one_by_one_are_undetermined(tmp_path, evidence):
    moved = [
        edit(
            OPENS + timedelta(days=2, minutes=4 * k), f"v{k}", evidence=evidence, edit_class="new_domain", new_domain_class="isp"
        )
        for k in range(60)
    ]
    finding = forms(held(tmp_path, ASKED, *before(evidence="unknown"), *moved))["period"]
    assert finding.result.statistic == 60
    assert "What stands out is not one move of many addresses to another provider." in failing(finding)
    assert finding.verdict is Verdict.UNDETERMINED
    spread = [row | {"at": OPENS + timedelta(hours=5 * k)} for k, row in enumerate(moved)]
    finding = forms(held(tmp_path / "b", ASKED, *before(evidence="unknown"), *spread))["period"]
    assert finding.verdict is Verdict.NOT_EXPLAINED


def test_a_slip_put_right_at_once_is_one_change_asked_for_if_either_was(tmp_path):
    late = [edit(OPENS + timedelta(hours=6 * k), f"v{k}", evidence="member_request_logged") for k in range(50)]
    late += [row | {"at": row["at"] + timedelta(minutes=5), "request_evidence": "none_found"} for row in late]
    assert forms(held(tmp_path / "a", *before(), *late))["period"].result.statistic == 0
    twice = [row | {"request_evidence": "none_found"} for row in late]
    assert forms(held(tmp_path / "b", *before(), *twice))["period"].result.statistic == 50
    other = [row | ({"actor_key": "b"} if k >= 50 else {}) for k, row in enumerate(late)]
    assert forms(held(tmp_path / "c", *before(), *other))["period"].result.statistic == 50


@pytest.mark.parametrize(
    ("n_asked", "cause", "verdict"),
    [
        (60, "member_request_logged", Verdict.UNDETERMINED),
        (6, "member_request_logged", Verdict.NOT_EXPLAINED),
        (60, "bounce_logged", Verdict.NOT_EXPLAINED),  # nobody asked: letters came back
    ],
)
def test_a_busier_office_that_notes_half_its_requests_is_undetermined(tmp_path, n_asked, cause, verdict):
    rows = before() + [
        row | {"voter_key": f"a{k}", "request_evidence": "member_request_logged"} for k, row in enumerate(before())
    ]
    rows += [edit(OPENS + timedelta(hours=5 * k), f"v{k}") for k in range(50)]
    rows += [edit(OPENS + timedelta(hours=5 * k + 1), f"u{k}", evidence=cause) for k in range(n_asked)]
    finding = forms(held(tmp_path, *rows))["period"]
    assert (finding.result.statistic, finding.verdict) == (50, verdict)


def test_a_branch_whose_officer_notes_nothing_is_undetermined(tmp_path):
    roll = branches({f"Ward {letter}": 60 for letter in "ABCDEFGHIJ"})
    noted = [
        edit(OPENS + timedelta(hours=3 * k + 1), f"{x}{k}", evidence="member_request_logged")
        for x in "ABDEFGHIJ"
        for k in range(8)
    ]
    noted += [edit(OPENS + timedelta(hours=7), f"{x}20") for x in "ABDE"]
    bare = [edit(OPENS + timedelta(hours=5 * k), f"C{k}", evidence="unknown") for k in range(58)]
    finding = forms(held(tmp_path, *noted, *bare, roll_snapshots=[COPY], roll=roll))["branch"]
    assert finding.details["top"]["unit"] == "Ward C"
    assert finding.verdict is Verdict.UNDETERMINED
    assert failing(finding) == ["Requests were noted as well for the changes in question as for those compared with."]


@pytest.mark.parametrize(("before_too", "verdict"), [(True, Verdict.UNDETERMINED), (False, Verdict.NOT_EXPLAINED)])
def test_an_administrator_who_never_noted_requests_is_undetermined(tmp_path, before_too, verdict):
    actors = [format(k, "x") * 32 for k in range(1, 11)]
    rows = [
        edit(OPENS + timedelta(hours=h * k + n), f"v{n}-{k}-{h}", actor=actor, evidence="none_found" if n == 9 and is_bare else "member_request_logged")
        for h, is_bare in ((5, True), (-9, before_too))
        for n, actor in enumerate(actors)
        for k in range(1, 21)
    ]  # fmt: skip
    rows += [edit(OPENS + timedelta(hours=30 + k), f"w{k}", actor=actors[k]) for k in range(5)]
    finding = forms(held(tmp_path, *rows))["administrator"]
    assert finding.result.pvalue <= 0.01
    assert finding.verdict is verdict


@pytest.mark.parametrize(("n_noted", "verdict"), [(20, Verdict.UNDETERMINED), (5, Verdict.NOT_EXPLAINED)])
def test_requests_that_the_log_of_codes_alone_notes_leave_it_open(tmp_path, n_noted, verdict):
    # Whoever changes the address, sends the code there and notes a request for it is not cleared by that note.
    actors = [format(k, "x") * 32 for k in range(1, 11)]
    rows = [
        edit(OPENS + timedelta(hours=5 * k + n), f"v{n}-{k}", actor=actor, evidence="none_found" if n == 9 else "member_request_logged")
        for n, actor in enumerate(actors)
        for k in range(1, 21)
    ]  # fmt: skip
    codes = [
        {"voter_key": f"v9-{k}", "event": "reissued_new", "trigger": "member_request", "at": OPENS + timedelta(hours=5 * k + 9, minutes=5), "clock_id": "M"}
        for k in range(1, n_noted + 1)
    ]  # fmt: skip
    finding = forms(held(tmp_path, *rows, credential_events=codes))["administrator"]
    assert (finding.result.statistic, finding.verdict) == (20, verdict)
    assert failing(finding) == ["The log of codes and the search for requests agree."] * (verdict is Verdict.UNDETERMINED)


@pytest.mark.parametrize(("n_weeks", "is_answered"), [(3, False), (5, True)])
def test_few_weeks_before(tmp_path, n_weeks, is_answered):
    finding = forms(held(tmp_path, *before(n_weeks), edit(OPENS + timedelta(hours=1), "v")))["period"]
    assert isinstance(finding.result, NotAnswerable) is not is_answered
    if is_answered:
        assert finding.result.assumptions[0].status is Status.FAILS
    else:
        assert finding.result.reason.startswith(
            "2 whole weeks of contact changes before the contest's period are on record; at least 4 weeks"
        )
        assert finding.result.needs == ("contact_changes.at",)


def test_only_two_copies_of_the_roll(tmp_path):
    straddling = [edit(None, f"v{k}", at_lo=OPENS - timedelta(days=9), at_hi=CLOSE, clock_id=None, actor=None) for k in range(20)]
    case = held(tmp_path, *straddling)
    found = forms(case)
    assert all(isinstance(finding.result, NotAnswerable) for finding in found.values())
    assert "20 changes have only limits or no time" in found["period"].result.reason
    shown = "\n".join(map(repr, exhibits.contact_change_churn(case, list(found.values()))))
    assert "email | replaced | none found | 0 | 0 | 0 | 20" in shown


def test_no_window_no_period(tmp_path):
    (finding,) = answered(held(tmp_path, *before(), contest_windows=[]), NOUN)
    assert finding.result.needs == ("contest_windows.opens_at", "contest_windows.closes_at")
    exhibits.contact_change_churn(open_case(tmp_path), [finding])


def branches(sizes):
    return [
        {"snapshot_id": "R", "voter_key": f"{name[-1].upper()}{k}", "eligible": True, "unit": name}
        for name, size in sizes.items()
        for k in range(size)
    ]


def test_a_branch_that_stands_out_and_small_branches_together(tmp_path):
    sizes = {f"Ward {letter}": 60 for letter in "ABCDEFGHIJ"} | {"Tiny": 4, "Park": 6}
    changes = [edit(OPENS + timedelta(hours=5 * k), f"C{k}") for k in range(45)]
    changes += [edit(OPENS + timedelta(hours=5 * k + 1), f"{letter}0") for k, letter in enumerate("ABDEFG")]
    case = held(tmp_path, ASKED, *changes, roll_snapshots=[COPY], roll=branches(sizes))
    finding = forms(case)["branch"]
    assert {unit["unit"] for unit in finding.details["units"]} == {
        *(f"Ward {x}" for x in "ABCDEFGHIJ"),
        "the smallest branches",
    }
    assert finding.verdict is Verdict.NOT_EXPLAINED
    told = repr(cards.Cards([finding]))
    assert (
        "Of 11 branches, Ward C stands out most: 45 members of 60 had an address changed that nobody is on record as asking for"
        in told
    )
    assert "fewer than 10 | 60" in repr(exhibits.contact_change_churn(case, [finding])[-1])


def test_few_administrators_are_undetermined_and_bear_no_key(tmp_path):
    changes = [edit(OPENS + timedelta(hours=5 * k), f"v{k}", actor="f" * 32) for k in range(30)]
    changes += [
        edit(OPENS + timedelta(hours=5 * k + 1), f"u{k}", evidence="member_request_logged", actor="e" * 32) for k in range(30)
    ]
    case = held(tmp_path, *changes)
    finding = forms(case)["administrator"]
    assert finding.verdict is Verdict.UNDETERMINED
    assert {unit["unit"] for unit in finding.details["units"]} == {"administrator 01", "administrator 02"}
    told = repr(cards.Cards([finding])) + repr(exhibits.contact_change_churn(case, [finding]))
    assert "one administrator stands out most: for 30 of 30 changes a search found no request (the others have none)" in told
    assert "ffff" not in told


def test_one_administrator_and_none(tmp_path):
    rows = [edit(OPENS + timedelta(hours=5 * k), f"v{k}") for k in range(30)]
    assert isinstance(forms(held(tmp_path / "a", *rows))["administrator"].result, NotAnswerable)
    nobody = [row | {"actor_key": "", "actor_role": ""} for row in rows]
    assert isinstance(forms(held(tmp_path / "b", *nobody))["administrator"].result, NotAnswerable)


@pytest.mark.calibration  # the committed table of office life holds the rates
def test_innocent_offices_raise_no_alarm_and_a_chain_of_changes_does(tmp_path):
    for plants, raised in ((frozenset(), False), (frozenset({"reissue_chain"}), True)):
        found = []
        for seed in range(500, 504):
            folder = tmp_path / f"{seed}{raised}"
            made = simulate.selection(seed, simulate.Setting(**simulate.OFFICE_LIFE | {"plants": plants}))
            simulate.write_package(made, folder, name="x", title="x", description="x")
            found.append(forms(open_case(folder, n_resamples=199))["period"].result.pvalue)
        assert (max(found) <= 0.05) is raised
        assert (min(found) > 0.05) is not raised
