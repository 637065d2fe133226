"""Ballots after a change of contact, asked for and not: no immortal time, a null under permutation, plants, registers, clocks, edges."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from cases import answered, one, tiny, utc

from analysis_lib import cards, exhibits, simulate
from analysis_lib.case import open_case
from analysis_lib.methods.changed_contact_ballots import (
    Members,
    changed_contact_ballots,
    first_changes,
    members_at_risk,
    register,
)
from analysis_lib.results import NotAnswerable, Verdict

NOUN = "changed_contact_ballots"
OPENS = utc("2031-10-20 12:00")
CLOSE = OPENS + timedelta(days=10)
CLOCK = {"clock_id": "M", "tz_used": "UTC", "tz_basis": "stated_offset", "resolution": "s", "write_semantics": "event_time"}
VOTING = {"channel": "online", "kind": "voting", "basis": "advertised", "opens_at": OPENS, "closes_at": CLOSE}
COPY = {"snapshot_id": "R", "taken_at": OPENS, "purpose": "freeze"}
HOUR = timedelta(hours=1)


def edit(at, member, evidence="none_found", **cells):
    return {"voter_key": member, "field": "email", "at": at, "clock_id": "M", "request_evidence": evidence} | cells


def cast(at, member, **cells):
    return {"event": "cast", "voter_key": member, "at": at, "clock_id": "M", "channel": "online"} | cells


def held(folder, edits, ballots, members=80, **tables):
    roll = [{"snapshot_id": "R", "voter_key": f"v{k}", "eligible": True, "unit": "AB"[k % 2]} for k in range(members)]
    tables = {"contest_windows": [VOTING], "roll_snapshots": [COPY], "roll": roll} | tables
    return tiny(folder, clocks=[CLOCK], contact_changes=edits, ballot_events=ballots, contest={"timezone": "UTC"}, **tables)


def world(seed, boost=1.0, n=300):
    """Members of three branches: some change, half of them unasked; hazard after a change 3, unasked `boost` times that."""
    rng = np.random.default_rng(seed)
    unit = rng.integers(0, 3, n)
    change = np.where(rng.random(n) < 0.3, rng.uniform(-2, 8, n), np.inf).clip(0)
    unasked = (rng.random(n) < 0.5) & np.isfinite(change)
    base, ratio = 0.06 * (1 + unit), np.where(unasked, 3 * boost, 3.0)
    need = rng.exponential(1, n)
    before = base * np.minimum(change, 10)
    at = np.where(need < before, need / base, np.minimum(change, 10) + (need - before) / (base * ratio))
    stop, voted = np.minimum(at, 10.0), at <= 10
    return Members(change, stop, voted, unasked, unit, {})


def test_clean_worlds_are_flagged_as_often_as_they_should_and_the_interval_covers():
    found, covered = [], 0
    for seed in range(200):
        result = changed_contact_ballots(world(seed), n_resamples=199, confidence_level=0.95, rng=np.random.default_rng(seed))
        found.append(result.pvalue)
        covered += result.effect.low <= 1 <= result.effect.high
    assert 0.05 - 3 * np.sqrt(0.05 * 0.95 / 200) <= np.mean(np.array(found) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
    assert covered / 200 > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 200)


def test_ballots_that_follow_unasked_changes_are_found():
    found = [
        changed_contact_ballots(world(seed, 4.0), n_resamples=199, confidence_level=0.95, rng=np.random.default_rng(seed))
        for seed in range(30)
    ]
    assert np.mean([result.pvalue <= 0.05 for result in found]) >= 0.9
    assert np.median([result.effect.value for result in found]) == pytest.approx(4, rel=0.35)


def test_members_who_voted_before_their_change_are_left_out():
    members = world(1)
    early = Members(
        np.array([0.0, 5.0, np.inf]),
        np.array([3.0, 4.0, 2.0]),
        np.array([True] * 3),
        np.array([True, True, False]),
        np.zeros(3),
        {},
    )
    assert early.compared.tolist() == [True, False, False]
    assert not (members.compared & (members.change >= members.stop)).any()


def planted(folder, shift=timedelta(), **tables):
    """Twelve members with an unasked change and a ballot minutes later; twelve who asked, of whom three voted days later."""
    edits = [edit(OPENS + 3 * k * HOUR, f"v{k}") for k in range(12)]
    edits += [edit(OPENS + 3 * k * HOUR, f"v{k}", "member_request_logged") for k in range(12, 24)]
    ballots = [cast(OPENS + 3 * k * HOUR + timedelta(minutes=8) + shift, f"v{k}") for k in range(12)]
    ballots += [cast(OPENS + timedelta(days=6, hours=k), f"v{k}") for k in (*range(12, 15), *range(30, 50))]
    return held(folder, edits, ballots, **tables)


def test_a_planted_series_is_found(tmp_path):
    case = planted(tmp_path)
    finding = one(case, NOUN)
    assert finding.verdict is Verdict.NOT_EXPLAINED
    told = repr(cards.Cards([finding]))
    assert (
        "Of 12 members whose contact was replaced and for which a search found no request, 12 voted online after the change, half of them within 8 minutes"
        in told
    )
    assert "; of 12 members who had asked, or had none before, 3 did after the change. " in told
    shown = exhibits.changed_contact_ballots(case, [finding])
    assert "replaced, no request found | 12 | 12 | 8 minutes" in repr(shown[1])
    assert "asked for, or a blank filled | 12 | fewer than 10 |" in repr(shown[1])
    assert "100%" in shown[0].alt


def test_blanks_filled_count_with_those_asked_for_and_bulk_with_none(tmp_path):
    edits = [edit(OPENS + k * HOUR, f"v{k}", old_missing=True) for k in range(6)]
    edits += [edit(OPENS + k * HOUR, f"v{k}") for k in range(6, 12)]
    edits += [edit(OPENS + k * HOUR, f"v{k}", "bulk_cleanse") for k in range(12, 15)]
    edits += [edit(OPENS + k * HOUR, f"v{k}", "unknown") for k in range(15, 17)]
    edits += [edit(OPENS + 30 * HOUR, "v20"), edit(OPENS + HOUR, "v999"), edit(None, "v30")]
    edits += [edit(OPENS + HOUR, "v31", "member_request_logged", actor_role="self")]
    case = held(
        tmp_path,
        edits,
        [cast(OPENS + 2 * HOUR, "v20"), cast(OPENS + 90 * HOUR, "v7"), cast(OPENS + 99 * HOUR, "v0", channel="postal")],
    )
    members = members_at_risk(case)
    assert (int((members.compared & members.unasked).sum()), int((members.compared & ~members.unasked).sum())) == (6, 6)
    assert members.left_out == {
        "no_time": 1, "made_by_the_member": 1,
        "bulk": 3, "cause_not_known": 2, "already_voted": 1, "not_on_the_roll": 1, "before_the_opening": 0,
    }  # fmt: skip
    assert int(members.voted.sum()) == 2  # a postal ballot ends the time at risk, and is no event


CODE = {"event": "reissued_new", "trigger": "member_request", "clock_id": "M"}


def test_a_cause_that_only_the_platform_noted_counts_as_one(tmp_path):
    edits = [edit(OPENS + k * HOUR, f"v{k}") for k in range(1, 9)] + [edit(OPENS - HOUR, "v9", field="phone")]
    codes = [
        CODE | {"voter_key": "v1", "at": OPENS + HOUR + timedelta(minutes=20)},
        CODE | {"voter_key": "v2", "at": OPENS + 2 * HOUR - timedelta(minutes=30)},
        CODE | {"voter_key": "v3", "at": OPENS + 3 * HOUR + timedelta(minutes=31)},  # not of that change
        CODE | {"voter_key": "v4", "at": OPENS + 4 * HOUR, "trigger": "admin_initiated"},
        CODE | {"voter_key": "v5", "at": OPENS + HOUR, "trigger": None, "event": "bounced"},
        CODE | {"voter_key": "v6", "at": OPENS + 7 * HOUR, "trigger": None, "event": "bounced"},  # after the change
        CODE | {"voter_key": None, "at": OPENS + 7 * HOUR},
    ]
    first, _ = first_changes(held(tmp_path, edits, [cast(OPENS + 90 * HOUR, "v20")], credential_events=codes))
    asked = {key for key, unasked in first.select("voter_key", "unasked").iter_rows() if not unasked}
    assert asked == {"v1", "v2", "v5"}
    assert first.height == 8  # v9's came before the contest's period


def test_calls_noted_by_the_platform_alone_are_no_unasked_changes(tmp_path):
    # Whoever rings up gets an address and a code and votes at once; the others' changes, noted, bring no code.
    edits = [edit(OPENS + 3 * k * HOUR, f"v{k}") for k in range(12)]
    edits += [edit(OPENS + 3 * k * HOUR, f"v{k}", "member_request_logged") for k in range(12, 24)]
    codes = [CODE | {"voter_key": f"v{k}", "at": OPENS + 3 * k * HOUR + timedelta(minutes=2)} for k in range(12)]
    ballots = [cast(OPENS + 3 * k * HOUR + timedelta(minutes=8), f"v{k}") for k in range(12)]
    ballots += [cast(OPENS + timedelta(days=6, hours=k), f"v{k}") for k in range(30, 50)]
    assert one(held(tmp_path / "alone", edits, ballots), NOUN).result.pvalue < 0.01
    finding = one(held(tmp_path / "both", edits, ballots, credential_events=codes), NOUN)
    assert isinstance(finding.result, NotAnswerable)


@pytest.mark.parametrize("n", [0, 4])
def test_too_few_of_either(tmp_path, n):
    edits = [edit(OPENS + k * HOUR, f"v{k}") for k in range(n)] + [
        edit(OPENS + k * HOUR, f"v{k}", "bounce_logged") for k in range(10, 20)
    ]
    finding = one(held(tmp_path, edits, [cast(OPENS + 200 * HOUR, "v40")]), NOUN)
    assert isinstance(finding.result, NotAnswerable)
    assert (
        f"{n} members with an unasked change and 10 with one that was asked for, still to vote, are on record"
        in finding.result.reason
    )


def test_nobody_voted_at_a_time_that_tells(tmp_path):
    edits = [
        edit(OPENS + k * HOUR, f"v{k}", evidence) for k in range(12) for evidence in [("none_found", "bounce_logged")[k % 2]]
    ]
    finding = one(held(tmp_path, edits, [cast(OPENS + timedelta(minutes=1), "v40")]), NOUN)
    assert isinstance(finding.result, NotAnswerable)
    assert finding.result.reason.startswith("No online ballot came in at an instant")


def test_an_unsure_clock_leaves_it_undetermined(tmp_path):
    doubtful = CLOCK | {"clock_id": "P", "tz_used": "Europe/London", "tz_basis": "assumed"}
    case = planted(tmp_path)
    ballots = case.rows("ballot_events").select("event", "voter_key", "at", "channel", "clock_id").to_dicts()
    edits = case.rows("contact_changes").select("voter_key", "field", "at", "request_evidence").to_dicts()
    moved = tiny(
        tmp_path / "b",
        clocks=[CLOCK, doubtful],
        contact_changes=[row | {"clock_id": "P"} for row in edits],
        ballot_events=ballots,
        contest_windows=[VOTING],
        contest={"timezone": "Europe/London"},
        roll_snapshots=[COPY],
        roll=[{"snapshot_id": "R", "voter_key": f"v{k}", "eligible": True, "unit": "A"} for k in range(80)],
    )
    (finding,) = answered(moved, NOUN)
    assert "readings" in finding.details
    assert finding.verdict is Verdict.UNDETERMINED
    assert "readings of the clocks, p runs from" in repr(cards.Cards([finding]))
    assert "too few to compare" in repr(exhibits.changed_contact_ballots(moved, [finding])[-1])


def test_a_register_has_no_times_so_only_changes_before_the_opening_count(tmp_path):
    edits = [edit(OPENS - k * HOUR, f"v{k}") for k in range(1, 21)] + [
        edit(OPENS - k * HOUR, f"v{k}", "bounce_logged") for k in range(21, 41)
    ]
    edits += [edit(OPENS + HOUR, "v50")]
    marked = [
        {"snapshot_id": "M", "voter_key": f"v{k}", "eligible": True, "unit": "AB"[k % 2], "voted_flag": k <= 20, "voted_channel": "online" if k <= 20 else None}
        for k in range(1, 60)
    ]  # fmt: skip
    case = tiny(
        tmp_path, clocks=[CLOCK], contact_changes=edits, contest_windows=[VOTING], contest={"timezone": "UTC", "freeze_at": OPENS - timedelta(days=9)},
        roll_snapshots=[COPY | {"snapshot_id": "M", "purpose": "marked_register", "taken_at": CLOSE}], roll=marked,
    )  # fmt: skip
    finding = one(case, NOUN)
    assert (finding.result.form, finding.verdict) == ("register", Verdict.NOT_EXPLAINED)
    assert finding.details["left_out"]["after_the_opening"] == 1
    told = repr(cards.Cards([finding]))
    assert "20 voted online; of 20 members who had asked, or had none before, 0 did. Odds of having voted online" in told
    assert "Only changes before the opening are compared, since a register does not tell when a member voted." in told


def test_the_register_agrees_with_an_exact_test_in_one_branch():
    members = pl.DataFrame(
        {"unit": ["A"] * 20, "unasked": [True] * 10 + [False] * 10, "voted": [True] * 8 + [False] * 2 + [True] * 3 + [False] * 7}
    )
    result = register(members, confidence_level=0.95)
    assert result.pvalue == pytest.approx(
        0.03488925, abs=1e-7
    )  # R 4.2.2: fisher.test(matrix(c(8,2,3,7),2), alternative="greater")


def test_neither_times_nor_a_register(tmp_path):
    case = tiny(
        tmp_path,
        clocks=[CLOCK],
        contact_changes=[edit(OPENS, "v1")],
        ballot_events=[cast(OPENS, "v1")],
        contest={"timezone": "UTC"},
    )
    finding = one(case, NOUN)
    assert isinstance(finding.result, NotAnswerable)
    assert "contest_windows.opens_at" in finding.result.needs


@pytest.mark.parametrize(("plants", "low", "high"), [(frozenset({"reissue_chain"}), 0.0, 0.01)])
def test_a_simulated_chain_is_found(tmp_path, plants, low, high):
    made = simulate.selection(77, simulate.Setting(**simulate.OFFICE_LIFE | {"plants": plants}))
    simulate.write_package(made, tmp_path, name="x", title="x", description="x")
    finding = one(open_case(tmp_path, n_resamples=999), NOUN)
    assert low <= finding.result.pvalue <= high
