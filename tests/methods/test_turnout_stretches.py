"""Hours that are left out: answers to messages, meetings, outages; and days that a log lacks."""

from datetime import timedelta

import numpy as np
import pytest
from cases import tiny, utc

from analysis_lib.methods.turnout_stretches import answering, empty_days, outages, touched

NOON = utc("2031-10-11 11:00")
HOUR = timedelta(hours=1)
EDGES = np.arange(25) * 3600.0


def hours(case):
    return np.flatnonzero(touched(answering(case), NOON, EDGES)).tolist()


def sent(at, kind="reminder", **more):
    return {"kind": kind, "sent_at": at} | more


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (sent(NOON + 3 * HOUR), [3, 4]),
        (sent(NOON + 3.5 * HOUR), [3, 4, 5]),
        (sent(NOON + 3 * HOUR, sent_end_at=NOON + 4.5 * HOUR), [3, 4, 5, 6]),
        (sent(NOON - HOUR), [0]),
        (sent(NOON - 2 * HOUR), []),
        (sent(NOON + 23 * HOUR), [23]),
        (sent(NOON + 3 * HOUR, "candidate_mailing"), [3, 4]),
        (sent(NOON + 3 * HOUR, "receipt"), []),
        (sent(NOON + 3 * HOUR, audience="single"), []),  # a code sent anew to one member
        (sent(NOON + 3 * HOUR, audience="not_voted"), [3, 4]),
        (sent(None), []),
    ],
)
def test_two_hours_after_a_message_are_its_answers(tmp_path, row, expected):
    assert hours(tiny(tmp_path, communications=[row])) == expected


def test_a_meeting_counts_until_two_hours_after_its_end_and_a_season_at_its_ends(tmp_path):
    evening = {"channel": "all", "kind": "hustings", "basis": "actual", "opens_at": NOON + 7 * HOUR, "closes_at": NOON + 9 * HOUR}
    assert hours(tiny(tmp_path / "evening", contest_windows=[evening])) == [7, 8, 9, 10]
    season = evening | {"opens_at": NOON + HOUR, "closes_at": NOON + 20 * HOUR}
    assert hours(tiny(tmp_path / "season", contest_windows=[season])) == [1, 2, 20, 21]
    meeting = {"kind": "meeting", "starts_at": NOON + 5 * HOUR}
    assert hours(tiny(tmp_path / "meeting", timeline=[meeting, meeting | {"kind": "public_holiday", "starts_at": NOON}])) == [
        5,
        6,
    ]


@pytest.mark.parametrize(
    ("n", "event", "others", "expected"),
    [
        (10, "reissued_new", 0, [3, 4, 5]),
        (9, "reissued_new", 0, []),
        (10, "resent_same", 900, [3, 4, 5]),
        (10, "resent_same", 1200, []),  # ten of so many call up nobody who could be seen
        (19, "bounced", 0, []),
    ],
)
def test_a_batch_of_codes_calls_members_up(tmp_path, n, event, others, expected):
    def code(i, kind, at):
        return {"event_id": f"k{i}", "credential_id": f"c{i}", "event": kind, "at": at}

    rows = [code(i, event, NOON + (3.2 + i / 100) * HOUR) for i in range(n)]
    rows += [code(n + i, "issued", NOON - 30 * HOUR) for i in range(others)]
    assert hours(tiny(tmp_path, credential_events=rows)) == expected


def test_one_member_who_clicks_ten_times_calls_nobody_up(tmp_path):
    rows = [
        {
            "event_id": f"k{i}",
            "credential_id": "c1",
            "voter_key": "ab" * 32,
            "event": "resent_same",
            "at": NOON + (3 + i / 100) * HOUR,
        }
        for i in range(20)
    ]
    assert hours(tiny(tmp_path, credential_events=rows)) == []


def test_batches_lie_anywhere_in_the_hour_and_each_stands_alone(tmp_path):
    minutes = [
        190,
        230,
        174,
        186,
        182,
        178,
        229,
        228,
        227,
        226,
        *range(600, 640, 4),
        *range(1000, 1300, 20),
    ]  # the last: three an hour
    rows = [
        {"event_id": f"k{i}", "credential_id": f"c{i}", "event": "reissued_new", "at": NOON + timedelta(minutes=m)}
        for i, m in enumerate(minutes)
    ]
    found = answering(tiny(tmp_path, credential_events=rows))
    assert [((a - NOON) / timedelta(minutes=1), (b - NOON) / timedelta(minutes=1)) for a, b in found] == [(174, 350), (600, 756)]


def test_outages_need_an_end(tmp_path):
    rows = [
        {"kind": "outage", "starts_at": NOON + HOUR, "ends_at": NOON + 2 * HOUR},
        {"kind": "outage", "starts_at": NOON + 9 * HOUR},
    ]
    assert outages(tiny(tmp_path, timeline=rows)) == [(NOON + HOUR, NOON + 2 * HOUR)]


def test_a_day_without_a_ballot_where_many_were_expected_is_a_hole():
    counts, expected = np.ones(96, int), np.full(96, 0.5)
    counts[30:54] = 0
    assert empty_days(counts, expected) == [(30, 54, 12.0)]
    assert empty_days(counts, expected * 0.8) == []  # 9.6 ballots: may be chance
    counts[53] = 1
    assert empty_days(counts, expected) == []  # 23 hours
    assert empty_days(np.zeros(48, int), np.full(48, 1.0)) == [(0, 48, 48.0)]
