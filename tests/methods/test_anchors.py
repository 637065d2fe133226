"""What bounds a clock: every kind of anchor by hand on a few rows, and the counts under each shift."""

import math
from datetime import timedelta

import pytest
from cases import every, tiny, utc

from analysis_lib.methods.anchors import FEWEST, SHIFTS_S, Anchor, anchors, clocks_in_use, tolerances

START = utc("2031-01-13 12:00")
CLOCK = {"clock_id": "A", "tz_used": "UTC", "tz_basis": "stated_offset", "resolution": "s"}
N = FEWEST


def case(folder, clocks=(CLOCK,), **tables):
    return tiny(folder, clocks=list(clocks), **tables)


def casts(minutes, clock="A", **more):
    times = every(START + timedelta(minutes=minutes), 60, N)
    row = {"event": "cast", "channel": "online", "clock_id": clock} | more
    return [row | {"voter_key": f"v{i}", "at": at} for i, at in enumerate(times)]


def credentials(event, minutes, clock="A", **more):
    times = every(START + timedelta(minutes=minutes), 60, N)
    return [{"voter_key": f"v{i}", "event": event, "clock_id": clock, "at": at} | more for i, at in enumerate(times)]


def only(found):
    (anchor,) = found
    return anchor


WINDOW = {"channel": "online", "kind": "voting", "basis": "actual"}


@pytest.mark.parametrize("basis", ["actual", "configured"])
def test_opening_and_close(tmp_path, basis):
    window = WINDOW | {"basis": basis, "opens_at": START, "closes_at": START + timedelta(hours=1), "grace_s": 60}
    close, opening = anchors(case(tmp_path, ballot_events=casts(5), contest_windows=[window]))
    assert (opening.low, opening.high, opening.n, opening.n_out) == (-math.inf, 300, N, 0)
    assert (close.low, close.high, close.n_out) == ((5 + N - 1 - 61) * 60, math.inf, 0)
    assert close.against == f"{basis} close, online"


def test_an_advertised_window_or_a_batch_is_no_anchor(tmp_path):
    window = WINDOW | {"basis": "advertised", "opens_at": START, "closes_at": START + timedelta(hours=1)}
    assert anchors(case(tmp_path, ballot_events=casts(5), contest_windows=[window])) == []
    window |= {"basis": "actual"}
    batch = casts(5, batch_id="hall", event="cast")
    assert anchors(case(tmp_path / "batch", ballot_events=batch, contest_windows=[window])) == []


def test_responses_come_after_the_first_invitation(tmp_path):
    sent = [{"kind": "reminder", "sent_at": START - timedelta(days=1)}] + [
        {"kind": "invitation", "sent_at": START + timedelta(hours=h)} for h in (1, 0)
    ]
    anchor = only(anchors(case(tmp_path, credential_events=credentials("opened", -30), communications=sent)))
    assert (anchor.kind, anchor.high, anchor.n_out) == ("sent", -1800, N)  # all but those within a minute of it
    assert anchors(case(tmp_path / "issued", credential_events=credentials("issued", -30), communications=sent)) == []


def test_events_come_after_the_request_for_them(tmp_path):
    rows = [row | {"request_at": row["at"] - timedelta(minutes=7)} for row in credentials("reissued_new", 0)]
    anchor = only(anchors(case(tmp_path, credential_events=rows)))
    assert (anchor.kind, anchor.low, anchor.high) == ("request", -math.inf, 420)


def test_used_on_one_clock_and_cast_on_the_other(tmp_path):
    clocks = [CLOCK, CLOCK | {"clock_id": "B"}]
    first, second = anchors(case(tmp_path, clocks, ballot_events=casts(10), credential_events=credentials("used", 0, "B")))
    assert (first.clock_id, first.against, first.low, first.high) == ("A", "B", 600 - 1800, 600)
    assert (second.clock_id, second.against, second.low, second.high) == ("B", "A", -600, 1200)
    assert (first.n_out, second.n_out, first.course.kind) == (0, 0, "constant")
    assert second.mirrored == first
    assert first.out[SHIFTS_S.index(-7200)] == first.out[SHIFTS_S.index(7200)] == N  # an hour or two off, all would be out


def test_issued_on_one_clock_and_cast_on_the_other_bounds_one_side(tmp_path):
    clocks = [CLOCK, CLOCK | {"clock_id": "B"}]
    first, second = anchors(case(tmp_path, clocks, ballot_events=casts(600), credential_events=credentials("issued", 0, "B")))
    assert (first.low, first.high, second.low, second.high) == (-math.inf, 36_000, -36_000, math.inf)


def test_one_row_in_a_hundred_is_passed_over_only_loosely(tmp_path):
    rows = [*casts(5)] * 10
    rows[7] = rows[7] | {"at": START - timedelta(hours=9)}
    window = WINDOW | {"opens_at": START}
    anchor = only(anchors(case(tmp_path, ballot_events=rows, contest_windows=[window])))
    assert (anchor.high, anchor.loose[1], anchor.n_out) == (-9 * 3600, 300, 1)
    assert anchor.out[SHIFTS_S.index(-9 * 3600)] == 0


def test_rows_are_counted_under_every_shift(tmp_path):
    window = WINDOW | {"opens_at": START + timedelta(minutes=15)}
    anchor = only(anchors(case(tmp_path, ballot_events=casts(0), contest_windows=[window])))
    # Stamps at 0 to 19 minutes against 15, a minute allowed: 14 are early; none, if the clock is half an hour behind.
    assert [anchor.out[SHIFTS_S.index(s)] for s in (-1800, 0, 1800)] == [0, 14, N]


def test_a_pair_moves_with_the_other_clocks_offset():
    out = tuple(range(len(SHIFTS_S)))
    anchor = Anchor(clock_id="A", kind="used_and_cast", against="B", low=0, high=10, n=100, out=out, loose=(0, 10))
    moved = anchor.moved(3600.0)
    assert (moved.low, moved.high, moved.loose, moved.n_out) == (3600, 3610, (3600, 3610), anchor.n_out - 2)
    assert anchor.moved(0.0) == anchor


def test_fewer_rows_or_a_clock_not_described_are_no_anchor(tmp_path):
    window = WINDOW | {"opens_at": START}
    assert anchors(case(tmp_path, ballot_events=casts(5)[1:], contest_windows=[window])) == []
    this = case(tmp_path / "none", (), ballot_events=casts(5, clock=None), contest_windows=[window])
    assert (anchors(this), clocks_in_use(this)) == ([], {})


def test_a_clock_agrees_within_a_minute_its_resolution_and_its_spread(tmp_path):
    clocks = [
        CLOCK,
        CLOCK | {"clock_id": "B", "resolution": "hour"},
        CLOCK | {"clock_id": "C", "offset_s": 100, "offset_sd_s": 30},
    ]
    assert tolerances(case(tmp_path, clocks).rows("clocks")) == {"A": 60, "B": 3600, "C": 120}
