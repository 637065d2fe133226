"""The series that the turnout questions share: stamps in the window, households, peers' hours, steps of a running count."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from cases import every, tiny, utc

from analysis_lib.methods.turnout import (
    casts,
    last_of_each,
    once_per_household,
    one_telling,
    own_hours,
    peer_baseline,
    queued,
    steps,
)

NOON = utc("2031-10-11 11:00")  # Saturday, noon in London
WINDOW = {"channel": "online", "kind": "voting", "basis": "advertised", "opens_at": NOON, "closes_at": NOON + timedelta(hours=24)}


def ballots(*instants, **more):
    return [{"event": "cast", "channel": "online", "at": at} | more for at in instants]


def series(folder, events, window=WINDOW, **more):
    return casts(tiny(folder, ballot_events=events, contest_windows=[window], **more))


def test_stamps_are_whole_seconds_since_the_opening_in_order(tmp_path):
    found = series(tmp_path, ballots(NOON + timedelta(hours=2), NOON, NOON + timedelta(seconds=90.9)))
    assert found.stamps.tolist() == [0, 90, 7200]
    assert found.stamps.dtype == np.int64
    assert found.at(7200) == NOON + timedelta(hours=2)
    assert found.edges.tolist() == [3600.0 * hour for hour in range(25)]


def test_a_part_hour_at_the_end_is_a_step_of_its_own(tmp_path):
    found = series(tmp_path, ballots(NOON), WINDOW | {"closes_at": NOON + timedelta(hours=2, minutes=20)})
    assert found.edges.tolist() == [0, 3600, 7200, 8400]
    found = series(tmp_path, ballots(NOON), WINDOW | {"closes_at": NOON + timedelta(minutes=20)})
    assert found.edges.tolist() == [0, 1200]


def test_what_is_outside_the_window_is_left_out_and_counted(tmp_path):
    instants = [NOON - timedelta(seconds=1), NOON, NOON + timedelta(hours=24) - timedelta(seconds=1), NOON + timedelta(hours=24)]
    found = series(tmp_path, ballots(*instants))
    assert (found.stamps.tolist(), found.n_outside) == ([0, 86399], 2)


def test_only_the_voters_own_stamps_count(tmp_path):
    events = [
        ballots(NOON, channel=channel)[0]
        for channel in ("online", "online_kiosk", "phone", "sms", "in_person", "postal", "officer_entered")
    ]
    events += ballots(NOON, event="recast") + ballots(NOON, event="imported") + ballots(NOON, batch_id="hall") + ballots(None)
    assert series(tmp_path, events).stamps.size == 5


@pytest.mark.parametrize("window", [WINDOW | {"opens_at": None}, WINDOW | {"closes_at": None}, WINDOW | {"channel": "postal"}])
def test_without_both_ends_of_the_window_there_is_no_series(tmp_path, window):
    assert series(tmp_path, ballots(NOON), window) is None


@pytest.mark.parametrize(
    ("unit_s", "said", "taken"),
    [(1, "s", 1), (1, "min", 60), (60, "s", 60), (3600, "min", 3600), (3600, "s", 3600), (86400, "s", 86400)],
)
def test_a_log_may_be_coarser_than_its_clock_is_said_to_be(tmp_path, unit_s, said, taken):
    midnight = utc("2031-10-11 23:00")  # in London, where the days begin
    window = WINDOW | {"closes_at": NOON + timedelta(days=60)}
    clock = {"clock_id": "C1", "tz_used": "UTC", "tz_basis": "stated_offset", "resolution": said}
    found = series(tmp_path, ballots(*every(midnight, unit_s, 6), clock_id="C1"), window, clocks=[clock])
    assert found.resolution == taken


def household(*rows):
    """Ballots of (minute, network), in time order."""
    return pl.DataFrame(
        {"at": [NOON + timedelta(minutes=minute) for minute, _ in rows], "ip_key": [network for _, network in rows]},
        schema={"at": pl.Datetime("us", "UTC"), "ip_key": pl.String},
    )


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        ([(0, "a"), (30, "a")], [0]),  # a couple, half an hour apart
        ([(0, "a"), (30.1, "a")], [0, 30.1]),
        ([(0, "a"), (25, "a"), (50, "a"), (75, "a")], [0]),  # one after the other
        ([(0, "a"), (1, "a"), (2, "a"), (3, "a"), (4, "a")], [0, 1, 2, 3, 4]),  # five: an office, not a household
        ([(0, "a"), (1, "b"), (2, "a")], [0, 1]),
        ([(0, None), (1, None)], [0, 1]),  # not known is not the same
        ([(0, "a"), (0, "a")], [0]),
    ],
)
def test_a_household_counts_once(rows, kept):
    found = once_per_household(household(*rows))
    assert ((found["at"] - NOON).dt.total_seconds() / 60).to_list() == pytest.approx(kept)


def test_households_are_left_out_of_the_series_and_counted(tmp_path):
    events = ballots(NOON, NOON + timedelta(minutes=5), ip_key="n1") + ballots(NOON + timedelta(minutes=9))
    found = series(tmp_path, events)
    assert (found.stamps.tolist(), found.n_household, found.n_outside) == ([0, 540], 1, 0)


def test_the_local_clock_runs_on_through_the_hour_that_comes_twice(tmp_path):
    opens = utc("2031-10-25 21:00")  # 22:00 BST; clocks go back four hours later
    window = WINDOW | {"opens_at": opens, "closes_at": opens + timedelta(hours=6)}
    sent = [
        {"kind": kind, "sent_at": opens + timedelta(hours=h)}
        for kind, h in (("reminder", 1.5), ("invitation", -24), ("result", 2))
    ]
    case = tiny(tmp_path, ballot_events=ballots(opens), contest_windows=[window], communications=sent)
    hours = own_hours(case, casts(case))
    assert hours.hour_of_day.tolist() == [22, 23, 0, 1, 1, 2]
    assert hours.messages.tolist() == [-24.0, 1.5]


def peers(n=5, opens=NOON - timedelta(days=7), hours=24, readings=None, **window):
    """Contests held for comparison, each with an hourly running count: 0, 1, 2, ... ballots."""
    names = [f"peer_{i}" for i in range(n)]
    counts = [
        {"contest_id": name, "as_of": at, "channel": "online", "unit": "ALL", "voted_n": hour}
        for name in names
        for hour, at in enumerate(readings or every(opens, 3600, hours + 1))
    ]
    windows = [
        WINDOW | {"opens_at": opens, "closes_at": opens + timedelta(hours=hours), "contest_id": name} | window for name in names
    ]
    return {
        "other_contests": [{"contest_id": name, "comparison_only": True} for name in names],
        "contest_windows": windows,
        "turnout_counts": counts,
    }


def baseline(folder, *groups, window=WINDOW, extra=(), plan=""):
    """The baseline that groups of peers give a contest."""
    joined = {
        key: [row for group in groups for row in group[key]] for key in ("other_contests", "contest_windows", "turnout_counts")
    }
    joined["turnout_counts"] += list(extra)
    joined["contest_windows"] += [window]
    case = tiny(folder, ballot_events=ballots(NOON), plan=plan, **joined)
    return peer_baseline(case, casts(case))


def test_five_like_peers_make_a_baseline_and_four_do_not(tmp_path):
    found = baseline(tmp_path / "five", peers())
    assert (found.n_peers, found.n_events) == (5, 5 * 24)
    assert baseline(tmp_path / "four", peers(4)) is None


@pytest.mark.parametrize(
    "other",
    [{"opens": NOON - timedelta(days=6)}, {"opens": NOON - timedelta(days=7, hours=1)}, {"hours": 26}, {"channel": "postal"}],
    ids=["weekday", "hour", "length", "channel"],
)
def test_a_peer_of_another_kind_is_not_compared(tmp_path, other):
    assert baseline(tmp_path, peers(**other)) is None


@pytest.mark.parametrize("day", ["2031-10-25", "2031-03-29"])
def test_a_contest_of_25_or_23_hours_is_compared_with_peers_of_24(tmp_path, day):
    # Both nights change the clocks, so noon to noon is an hour longer or shorter than in any other week.
    opens = utc(f"{day} 11:00") if day.endswith("25") else utc(f"{day} 12:00")
    closes = opens + timedelta(hours=25 if day.endswith("25") else 23)
    window = WINDOW | {"opens_at": opens, "closes_at": closes}
    before = opens - timedelta(days=7)
    joined = peers(opens=before)
    joined["contest_windows"] = [*joined["contest_windows"], window]
    case = tiny(tmp_path, ballot_events=ballots(opens), **joined)
    found = peer_baseline(case, casts(case))
    assert found.n_peers == 5
    shares = found.shares(own_hours(case, casts(case)))
    assert (shares.size, round(shares.sum(), 12)) == (int((closes - opens).total_seconds() // 3600), 1.0)


def test_peers_may_differ_by_the_hour_of_the_clock_change(tmp_path):
    longer = peers(3, opens=utc("2031-10-25 11:00"), hours=25)
    renamed = {key: [row | {"contest_id": f"long_{row['contest_id']}"} for row in rows] for key, rows in longer.items()}
    found = baseline(tmp_path, peers(3), renamed)
    assert found.n_peers == 6


def test_a_running_count_that_falls_or_skips_an_hour_is_no_yardstick(tmp_path):
    fallen = {
        "contest_id": "peer_0",
        "as_of": NOON - timedelta(days=6, hours=23, minutes=30),
        "channel": "online",
        "unit": "ALL",
        "voted_n": 9,
    }
    assert baseline(tmp_path / "fall", peers(), extra=[fallen]) is None
    gap = [at for at in every(NOON - timedelta(days=7), 3600, 25) if at.hour != 20]
    assert baseline(tmp_path / "gap", peers(readings=gap)) is None


def test_a_second_series_of_a_peer_does_no_harm(tmp_path):
    everyone = [
        {"contest_id": "peer_0", "as_of": at, "channel": "all", "unit": "ALL", "voted_n": 3 * hour}
        for hour, at in enumerate(every(NOON - timedelta(days=7), 3600, 25))
    ]
    found = baseline(tmp_path, peers(), extra=everyone)
    assert (found.n_peers, found.n_events) == (5, 5 * 24)


def test_the_plan_may_name_the_peers(tmp_path):
    names = ", ".join(f'"peer_{i}"' for i in range(5))
    assert baseline(tmp_path, peers(8), plan=f"peers = [{names}]").n_peers == 5


def counts(*rows, **more):
    """Readings of (minute, count)."""
    return [
        {"as_of": NOON + timedelta(minutes=minute), "channel": "all", "unit": "ALL", "voted_n": n} | more for minute, n in rows
    ]


def test_steps_are_the_rises_between_readings(tmp_path):
    found = steps(tiny(tmp_path, turnout_counts=counts((10, 9), (0, 4), (20, 9), (30, 7), (50, 20))))
    assert found.select("seconds", "count").rows() == [(600, 5), (600, 0), (1200, 13)]  # the fall from 9 to 7 is left out
    assert found["start"].to_list() == [NOON + timedelta(minutes=minute) for minute in (0, 10, 30)]
    assert found["hour"].n_unique() == 1


def test_a_step_belongs_to_the_hour_of_its_middle(tmp_path):
    found = steps(tiny(tmp_path, turnout_counts=counts((50, 0), (62, 5), (80, 6))))
    assert np.diff(found["hour"]).tolist() == [0 if (50 + 62) / 2 >= 60 else 1]


def test_the_series_with_most_readings_is_taken_and_series_are_not_mixed(tmp_path):
    rows = counts((0, 0), (10, 50), (20, 60), channel="online") + counts((5, 3), (15, 4), (25, 5), (35, 6))
    assert steps(tiny(tmp_path, turnout_counts=rows))["count"].to_list() == [1, 1, 1]


def test_without_readings_there_are_no_steps(tmp_path):
    assert steps(tiny(tmp_path)).height == 0
    assert steps(tiny(tmp_path, turnout_counts=counts((0, 1)))).height == 0


def test_a_queue_written_out_every_quarter_of_an_hour_shows():
    start = utc("2031-10-20 12:00")
    even = pl.Series([start + timedelta(seconds=137 * i) for i in range(200)])
    written = pl.Series([start + timedelta(seconds=900 * (i // 5) + 20 + 4 * (i % 5)) for i in range(200)])
    assert (queued(even, "UTC"), queued(written, "UTC"), queued(written[:29], "UTC")) == (1, 900, 1)


def test_one_who_votes_again_counts_once_and_a_second_telling_of_the_same_ballots_not_at_all():
    at = [utc("2031-10-20 12:00") + timedelta(minutes=i) for i in range(20)]
    rows = pl.DataFrame(
        {"at": at, "event_id": [f"e{i:02}" for i in range(20)], "voter_key": ["a"] * 5 + [f"v{i}" for i in range(15)]}
    )
    rows = rows.with_columns(credential_id=pl.lit(None, pl.String), ballot_id=pl.lit(None, pl.String), source_id=pl.lit("S1"))
    assert last_of_each(rows)["event_id"].to_list() == [f"e{i:02}" for i in range(4, 20)]
    unknown = rows.with_columns(voter_key=pl.lit(None, pl.String))
    twice = pl.concat([unknown, unknown.head(10).with_columns(source_id=pl.lit("S2"), at=pl.col("at") + timedelta(seconds=1))])
    assert one_telling(twice).height == 20
    apart = twice.with_columns(at=pl.when(pl.col("source_id") == "S2").then(pl.col("at") + timedelta(seconds=23)).otherwise("at"))
    assert one_telling(apart).height == 30
