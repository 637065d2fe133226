"""Contests with a last stretch before the close, and peers beside them."""

from datetime import timedelta

import numpy as np
from cases import one, tiny, utc
from scipy.stats import betabinom

from analysis_lib.methods.closing_surge import Stretch, closing_surge
from analysis_lib.stats.predictive_counts import from_units

HOUR = 3600
LENGTHS = (900, 3600, 10_800)
OPENS, CLOSES = utc("2031-10-06 11:00"), utc("2031-10-16 11:00")
WINDOW = {"channel": "online", "kind": "voting", "basis": "advertised", "opens_at": OPENS, "closes_at": CLOSES}
CLOCK = {"clock_id": "C1", "tz_used": "UTC", "tz_basis": "stated_offset", "resolution": "s", "write_semantics": "event_time"}


def stretch(n, size, others, sizes=None, length=HOUR):
    sizes = None if sizes is None else np.array(sizes)
    return Stretch(length_s=length, count=n, size=size, others=np.array(others), sizes=sizes, n_left_out=0)


def judged(*stretches, form="peers"):
    return closing_surge(stretches, form=form, alpha=0.01, confidence_level=0.95)


def by_hand(k, n, events, sizes):
    """The tail of one unit against others, by the mixture written out with scipy."""
    units = from_units(events, sizes, (k + 0.5) / (n + 1))
    return float((units.weight * betabinom(n, units.a, units.b).sf(k - 1)).sum())


PEERS = [(3, 90), (9, 210), (5, 150), (12, 300), (2, 80)] * 4
BY_HOUR = np.array([4, 2, 1, 1, 1, 3, 10, 25, 40, 50, 55, 60, 85, 75, 55, 50, 55, 70, 90, 110, 115, 95, 55, 18])
DAYS, CLOSE_HOUR = 10, 17


def stamps(rng, n, noise=0.6, rush_sd=0.5, surge=1.0, rush=2.0):
    """Seconds since the opening of n ballots."""
    hours = np.arange(24 * DAYS)
    rate = BY_HOUR[(hours + CLOSE_HOUR) % 24] * rng.gamma(1 / noise**2, noise**2, hours.size)
    rate *= 1 + rush * rng.lognormal(0, rush_sd) * np.exp(-(hours.size - hours) / rng.uniform(1, 8))
    rate[-1] *= surge
    return np.repeat(hours, rng.multinomial(n, rate / rate.sum())) * HOUR + rng.uniform(0, HOUR, n)


def last(at, close, length):
    return int(((at >= close - length) & (at < close)).sum())


def a_contest(rng, form, n=None, surge=1.0, **world):
    own, close = stamps(rng, n or rng.integers(60, 500), surge=surge, **world), DAYS * 86_400
    if form == "own_days":
        earlier = [close - 86_400 * day for day in range(1, DAYS)]
        made = [stretch(last(own, close, w), own.size, [last(own, at, w) for at in earlier], None, w) for w in LENGTHS]
    else:
        others = [stamps(rng, rng.integers(60, 500), **world) for _ in range(20)]
        sizes = [other.size for other in others]
        made = [stretch(last(own, close, w), own.size, [last(other, close, w) for other in others], sizes, w) for w in LENGTHS]
    return judged(*made, form=form)


def cast(*minutes_before, event="cast", **more):
    row = {"event": event, "channel": "online", "clock_id": "C1"} | more
    return [row | {"at": CLOSES - timedelta(minutes=m)} for m in minutes_before]


def spread(n, start=300):
    """Ballots 97 minutes apart, none in the last three hours before the close."""
    return cast(*(start + 97 * i for i in range(n)))


def readings(contest_id, n_last=3, n=100, close=CLOSES, minutes=(180, 60, 15, 0), off_s=0, **more):
    """A running count: n at the close, n_last of them in the last hour."""
    before = {180: n - 2 * n_last, 60: n - n_last, 15: n - n_last // 2, 0: n}
    row = {"contest_id": contest_id, "channel": "online", "unit": "ALL"} | more
    return [row | {"as_of": close - timedelta(minutes=m, seconds=off_s), "voted_n": before[m]} for m in minutes]


def with_peers(folder, events, n=20, off_s=0, minutes=(180, 60, 15, 0), length_h=240, close=CLOSES, **more):
    ids = [f"p{i:02}" for i in range(n)]
    windows = [WINDOW] + [
        WINDOW | {"contest_id": i, "opens_at": close - timedelta(hours=length_h), "closes_at": close} for i in ids
    ]
    counts = [row for i in ids for row in readings(i, close=close, minutes=minutes, off_s=off_s)]
    others = [{"contest_id": i, "comparison_only": True} for i in ids]
    tables = {"turnout_counts": counts, "clocks": [CLOCK], "contest_windows": windows} | more
    return tiny(folder, ballot_events=events, other_contests=others, contest_id="vale_2031", **tables)


def found(*args, **more):
    return one(with_peers(*args, **more), "closing_surge")


def early(*pairs):
    """Readings of the contest's own count, days before the close."""
    row = {"contest_id": "vale_2031", "channel": "online", "unit": "ALL"}
    return [row | {"as_of": CLOSES - timedelta(days=days), "voted_n": n} for days, n in pairs]


def with_own(folder, own):
    return found(folder, [], turnout_counts=own + [row for i in range(20) for row in readings(f"p{i:02}")])
