"""Ordinary courses of voting that once looked like findings: none may be called unexplained."""

from datetime import timedelta

import numpy as np
import pytest
from cases import answered, tiny, utc

from analysis_lib.results import Status, Verdict

OPENS = utc("2031-10-20 09:00")
CLOSES = OPENS + timedelta(days=7)
WINDOW = {"channel": "online", "kind": "voting", "basis": "advertised", "opens_at": OPENS, "closes_at": CLOSES}
PLAN = "n_resamples = 1999\n"


def usual(rng, n=250):
    """Instants of ordinary ballots over the week, thin at night."""
    hours = np.arange(7 * 24)
    weight = 1.2 + np.sin((hours % 24 - 8) / 24 * 2 * np.pi)
    return [OPENS + timedelta(hours=float(h), seconds=float(s)) for h, s in zip(rng.choice(hours, n, p=weight / weight.sum()), rng.uniform(0, 3600, n), strict=True)]  # fmt: skip


def cast(at, i, **more):
    return {"event": "cast", "channel": "online", "at": at, "voter_key": f"{i:032x}"} | more


def verdicts(case, noun):
    return {finding.verdict for finding in answered(case, noun)}


def numbered_by_servers(times, size, shares, rng):
    """Times in the order of numbers that each server took so many at a time, and used as its own voters came."""
    free, entries = dict.fromkeys(range(len(shares)), ()), []
    for at in sorted(times):
        server = int(rng.choice(len(shares), p=shares))
        if not free[server]:
            start = size * len({number // size for number, _ in entries})
            free[server] = tuple(range(start, start + size))
        number, *rest = free[server]
        free[server] = tuple(rest)
        entries.append((number, at))
    return sorted(entries)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("size", "shares"), [(20, (0.5, 0.5)), (20, (0.85, 0.15)), (50, (0.5, 0.5))])
def test_servers_that_take_numbers_by_the_block_are_no_block_in_the_log(tmp_path, seed, size, shares):
    rng = np.random.default_rng(seed)
    entries = numbered_by_servers(usual(rng, 600), size, shares, rng)
    events = [cast(at, i, seq=number + 1) for i, (number, at) in enumerate(entries)]
    case = tiny(tmp_path, ballot_events=events, contest_windows=[WINDOW], plan=PLAN)
    finding = answered(case, "record_order")[0]
    assert (finding.result.pvalue <= 0.01, finding.verdict) == (True, Verdict.UNDETERMINED)
    (assumption,) = finding.result.assumptions
    assert assumption.status is Status.FAILS


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("minutes", [30, 60])
def test_a_clock_set_back_for_good_is_no_block_in_the_log(tmp_path, seed, minutes):
    rng = np.random.default_rng(seed)
    times = sorted(usual(rng, 2000))
    times = [*times[:1200], *(at - timedelta(minutes=minutes) for at in times[1200:])]
    events = [cast(at, i, seq=i + 1) for i, at in enumerate(times)]
    case = tiny(tmp_path, ballot_events=events, contest_windows=[WINDOW], plan=PLAN)
    finding = answered(case, "record_order")[0]
    assert (finding.result.pvalue <= 0.01, finding.verdict) == (True, Verdict.UNDETERMINED)
    assert "the entries go on from the earlier time" in finding.result.assumptions[0].evidence


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rush", ["opening", "close"])
def test_a_rush_at_either_end_is_no_burst(tmp_path, seed, rush):
    rng = np.random.default_rng(seed)
    minutes = rng.uniform(0, 20, 50)
    ends = [
        OPENS + timedelta(minutes=float(m)) if rush == "opening" else CLOSES - timedelta(minutes=float(m) + 0.1) for m in minutes
    ]
    events = [cast(at, i) for i, at in enumerate([*usual(rng), *ends])]
    case = tiny(tmp_path, ballot_events=events, contest_windows=[WINDOW], plan=PLAN)
    assert Verdict.NOT_EXPLAINED not in verdicts(case, "cast_rate_bursts")


@pytest.mark.parametrize("seed", range(3))
def test_one_member_who_tries_twelve_times_is_no_operator(tmp_path, seed):
    rng = np.random.default_rng(seed)
    start = OPENS + timedelta(days=3, hours=10)
    tries = [
        cast(start + timedelta(seconds=40 * k + float(rng.uniform(-3, 3))), 999, event="recast" if k else "cast")
        for k in range(12)
    ]
    events = [*(cast(at, i) for i, at in enumerate(usual(rng))), *tries]
    case = tiny(tmp_path, ballot_events=events, contest_windows=[WINDOW], plan=PLAN)
    assert Verdict.NOT_EXPLAINED not in verdicts(case, "operator_gaps") | verdicts(case, "cast_rate_bursts")


@pytest.mark.parametrize("seed", range(3))
def test_papers_keyed_in_afterwards_are_no_block_in_the_log(tmp_path, seed):
    rng = np.random.default_rng(seed)
    online = [cast(at, i, seq=i + 1) for i, at in enumerate(sorted(usual(rng)))]
    hall = [
        cast(
            OPENS + timedelta(days=2, minutes=i),
            500 + i,
            event="entered_by_officer",
            channel="in_person",
            batch_id="hall",
            seq=300 + i,
        )
        for i in range(40)
    ]
    case = tiny(tmp_path, ballot_events=online + hall, contest_windows=[WINDOW], plan=PLAN)
    assert verdicts(case, "record_order") == {Verdict.WITHIN_BASELINE, Verdict.CANNOT_BE_ANSWERED}


@pytest.mark.parametrize("seed", range(3))
def test_answers_to_a_reminder_sent_in_batches_down_the_roll_are_no_list_order(tmp_path, seed):
    rng = np.random.default_rng(seed)
    sent = OPENS + timedelta(days=3, hours=9)
    roll = [
        {"snapshot_id": "L1", "voter_key": f"{i:032x}", "eligible": True, "source_row": i + 2, "unit": "A"} for i in range(600)
    ]
    answers = [cast(sent + timedelta(minutes=15 * (i // 30), seconds=float(rng.uniform(0, 600))), 5 * i) for i in range(120)]
    others = rng.choice([i for i in range(600) if i % 5], 150, replace=False)
    events = [*answers, *(cast(at, int(i)) for i, at in zip(others, usual(rng, 150), strict=True))]
    case = tiny(
        tmp_path, ballot_events=events, contest_windows=[WINDOW], roll=roll, plan=PLAN,
        roll_snapshots=[{"snapshot_id": "L1", "taken_at": OPENS - timedelta(days=1), "purpose": "platform_upload"}],
        communications=[{"kind": "reminder", "sent_at": sent, "sent_end_at": sent + timedelta(hours=1)}],
    )  # fmt: skip
    assert Verdict.NOT_EXPLAINED not in verdicts(case, "list_order")


@pytest.mark.parametrize("seed", range(2))
def test_families_of_three_without_addresses_are_no_list_order(tmp_path, seed):
    rng = np.random.default_rng(seed)
    roll = [{"snapshot_id": "L1", "voter_key": f"{i:032x}", "eligible": True, "source_row": i + 2} for i in range(900)]
    families = rng.choice(300, 15, replace=False) * 3
    alone = rng.choice([i for i in range(900) if i % 3 == 0 and i not in families], 200, replace=False)
    times = usual(rng, 215)
    events = [cast(times[k], int(i)) for k, i in enumerate(alone)]
    for k, first in enumerate(families):
        events += [cast(times[200 + k] + timedelta(minutes=3 * j), int(first) + j) for j in range(3)]
    case = tiny(
        tmp_path, ballot_events=events, contest_windows=[WINDOW], roll=roll, plan=PLAN,
        roll_snapshots=[{"snapshot_id": "L1", "taken_at": OPENS - timedelta(days=1), "purpose": "platform_upload"}],
    )  # fmt: skip
    assert Verdict.NOT_EXPLAINED not in verdicts(case, "list_order")
