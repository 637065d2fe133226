"""Whole hours only: a log cut down to the hour, or a running count read once an hour, beside peers."""

from datetime import timedelta

import numpy as np
import pytest
from cases import QUICK, answered, every, one, tiny, utc

from analysis_lib import exhibits, wording
from analysis_lib.results import NotAnswerable, Status, TestResult, Verdict

NOON = utc("2031-10-11 11:00")  # Saturday, noon in London
HOURS = 72
WINDOW = {
    "channel": "online",
    "kind": "voting",
    "basis": "advertised",
    "opens_at": NOON,
    "closes_at": NOON + timedelta(hours=HOURS),
}
PLAN = QUICK + 'families = {timing = ["cast_rate_bursts"]}\n'


def peers(n=20, opens=NOON - timedelta(days=7), hours=HOURS, rate=4.0, seed=1):
    """Contests of about that many ballots an hour, read every hour."""
    draw, tables = np.random.default_rng(seed), {"other_contests": [], "contest_windows": [], "turnout_counts": []}
    for name in (f"peer_{i:02}" for i in range(n)):
        voted = np.r_[0, np.cumsum(draw.poisson(rate, hours))]
        tables["other_contests"].append({"contest_id": name, "comparison_only": True})
        tables["contest_windows"].append(
            WINDOW | {"contest_id": name, "opens_at": opens, "closes_at": opens + timedelta(hours=hours)}
        )
        tables["turnout_counts"] += [
            {"contest_id": name, "as_of": at, "channel": "online", "unit": "ALL", "voted_n": int(v)}
            for at, v in zip(every(opens, 3600, hours + 1), voted, strict=True)
        ]
    return tables


def counts(seed=2, burst=None, rate=4.0):
    found = np.random.default_rng(seed).poisson(rate, HOURS)
    if burst:
        hour, n = burst
        found[hour] += n
    return found


def from_stamps(folder, hourly, n_peers=20, window=WINDOW, offset=0, **more):
    """A log whose stamps are cut down to the hour."""
    at = [NOON + timedelta(hours=int(h), minutes=offset) for h in np.repeat(np.arange(hourly.size), hourly)]
    tables = peers(n_peers) if n_peers else {"contest_windows": []}
    tables["contest_windows"] = [*tables["contest_windows"], window]
    return tiny(folder, plan=PLAN, ballot_events=[{"event": "cast", "channel": "online", "at": a} for a in at], **tables, **more)


def from_readings(folder, hourly, n_peers=20, every_h=1, **more):
    voted = np.r_[0, np.cumsum(hourly)][::every_h]
    tables = peers(n_peers) if n_peers else {"contest_windows": [], "turnout_counts": []}
    tables["turnout_counts"] += [
        {"as_of": NOON + timedelta(hours=every_h * i), "channel": "online", "unit": "ALL", "voted_n": int(v)}
        for i, v in enumerate(voted)
    ]
    tables["contest_windows"] = [*tables["contest_windows"], WINDOW]
    return tiny(folder, plan=PLAN, **tables, **more)


def of_hours(case):
    return next(finding for finding in answered(case, "cast_rate_bursts") if finding.result.form == "hours")


@pytest.mark.parametrize("made", [from_stamps, from_readings])
def test_an_hour_far_too_full_is_found_and_an_even_contest_left_alone(tmp_path, made):
    finding = of_hours(made(tmp_path / "burst", counts(burst=(40, 30))))
    window = finding.details["window"]
    assert finding.verdict is Verdict.NOT_EXPLAINED
    assert (window["start"], window["end"]) == (NOON + timedelta(hours=40), NOON + timedelta(hours=41))
    assert window["count"] == counts(burst=(40, 30))[40]
    assert "in 1 hour from" in wording.sentence(finding)
    even = of_hours(made(tmp_path / "even", counts()))
    assert even.verdict is Verdict.WITHIN_BASELINE
    assert "at the average pace, would not have stood out" in wording.sentence(even)


def test_the_two_roads_to_hourly_counts_agree(tmp_path):
    hourly = counts(burst=(40, 12))
    first, second = of_hours(from_stamps(tmp_path / "a", hourly)), of_hours(from_readings(tmp_path / "b", hourly))
    assert first.result.statistic == pytest.approx(second.result.statistic)
    assert first.result.pvalue == second.result.pvalue
    assert first.details["pvalue_se"] == pytest.approx(np.sqrt(first.result.pvalue * (1 - first.result.pvalue) / 200))


def test_a_run_of_hours_spans_up_to_a_day(tmp_path):
    hourly = counts()
    hourly[30:54] += 3
    window = of_hours(from_readings(tmp_path, hourly)).details["window"]
    assert 12 * 3600 <= window["length_s"] <= 24 * 3600


@pytest.mark.parametrize("made", [from_stamps, from_readings])
def test_hours_without_peers_say_nothing(tmp_path, made):
    finding = of_hours(made(tmp_path, counts(), n_peers=0))
    assert isinstance(finding.result, NotAnswerable)
    assert "Only whole hours are known" in finding.result.reason
    assert "contests.comparison_only" in finding.result.needs


def test_days_alone_are_not_answered(tmp_path):
    midnight = utc("2031-10-11 23:00")
    at = [midnight + timedelta(days=int(d)) for d in np.arange(60) % 6]
    window = WINDOW | {"closes_at": NOON + timedelta(days=10)}
    finding = one(
        tiny(tmp_path, ballot_events=[{"event": "cast", "channel": "online", "at": a} for a in at], contest_windows=[window]),
        "cast_rate_bursts",
    )
    assert isinstance(finding.result, NotAnswerable)
    assert "cut down to the day" in finding.result.reason


def test_readings_further_apart_than_an_hour_and_a_half_are_not_hours(tmp_path):
    finding = one(from_readings(tmp_path, counts(), every_h=2), "cast_rate_bursts")
    assert isinstance(finding.result, NotAnswerable)
    assert "0 ballots in 0 hours" in finding.result.reason


def test_an_opening_at_half_past_loses_no_ballot(tmp_path):
    opens = NOON + timedelta(minutes=30)
    window = WINDOW | {"opens_at": opens, "closes_at": opens + timedelta(hours=HOURS)}
    hourly = counts()
    finding = of_hours(from_stamps(tmp_path, hourly, window=window))
    assert isinstance(finding.result, TestResult)  # peers opened at noon sharp, in the same hour
    assert finding.result.n_observations == hourly.sum()


def test_a_stated_outage_is_left_out_and_an_unstated_hole_makes_the_answer_lean_on_what_fails(tmp_path):
    hourly = counts(burst=(20, 30))
    hourly[36:62] = 0
    outage = [{"kind": "outage", "starts_at": NOON + timedelta(hours=36), "ends_at": NOON + timedelta(hours=62)}]
    stated, silent = (of_hours(from_stamps(tmp_path / name, hourly, timeline=rows)) for name, rows in (("a", outage), ("b", [])))
    whole = {
        finding.verdict: [a for a in finding.result.assumptions if a.statement == "The log lacks no day."]
        for finding in (stated, silent)
    }
    assert whole[Verdict.NOT_EXPLAINED][0].status is Status.UNTESTED
    assert whole[Verdict.UNDETERMINED][0].status is Status.FAILS
    assert "No ballot for 26 hours from 12 October 23:00 UTC" in whole[Verdict.UNDETERMINED][0].evidence
    assert stated.details["n_left_out"] == hourly[62:64].sum()  # those who came back in the two hours after


def test_hours_after_a_message_are_left_out_unless_nothing_is_left(tmp_path):
    hourly = counts(burst=(40, 30))
    sent = [{"kind": "reminder", "sent_at": NOON + timedelta(hours=40)}]
    finding = of_hours(from_stamps(tmp_path / "one", hourly, communications=sent))
    assert finding.details["n_left_out"] == hourly[40] + hourly[41]
    assert finding.verdict is Verdict.WITHIN_BASELINE
    often = [{"kind": "reminder", "sent_at": NOON + timedelta(hours=h)} for h in range(HOURS)]
    finding = of_hours(from_stamps(tmp_path / "often", hourly, communications=often))
    assert finding.result.assumptions[-1].status is Status.FAILS
    assert finding.details["n_left_out"] == 0


def test_what_is_shown_of_hours(tmp_path):
    case = from_stamps(tmp_path, counts(burst=(40, 30)))
    shown = exhibits.cast_rate_bursts(case, answered(case, "cast_rate_bursts"))
    assert len(shown) == 3  # the hours, the windows, and the fewest that would have shown
    assert [row["length"] for row in shown[2].rows] == ["1 hour", "3 hours", "1 day"]
    assert int(shown[2].rows[0]["ballots"]) < int(shown[2].rows[0]["ballots_busy"])
