"""Did more ballots come just before the close than such contests see?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis_lib.case import Case
from analysis_lib.clocks import Window, resolution_s, window_in_force
from analysis_lib.methods.ballot_kinds import given_online
from analysis_lib.methods.clock_readings import under_every_reading
from analysis_lib.methods.turnout import LENGTH_SLACK_H, last_of_each, one_telling, queued, seen_resolution
from analysis_lib.plaintext import count
from analysis_lib.results import Assumption, Estimate, NotAnswerable, Result, Status, TestResult
from analysis_lib.stats.multiplicity import holm
from analysis_lib.stats.predictive_counts import from_repeats, from_units

MIN_BALLOTS, MIN_PEERS, MIN_DAYS = 50, 20, 7
READING_SLACK = 0.05  # a running count is taken for that of an instant up to this part of the stretch away from it
DAY_S = 86_400
Form = Literal["peers", "own_days"]
NULLS = {
    "peers": "the share of ballots that come so late differs from that of the peers only as theirs differ from each other",
    "own_days": "the last day brings as many ballots at that hour as earlier days do, with as much noise as they show",
}
EXPECTED_FROM = {"peers": "the peers' shares", "own_days": "the same hours of earlier days"}
EXPLANATIONS = (
    "A deadline brings a rush, and a reminder on the last day a larger one.",
    "Codes reached many members late, or many asked for a new one on the last day.",
    "A canvass, a hustings or a meeting took place shortly before the close.",
    "An outage held voters back until shortly before the close.",
    "The close fell at another hour of the day than that of the peers.",
    "The stamp is that of processing, and a queue was worked off at the end.",
)
NEEDS = ("ballot_events.at|turnout_counts.voted_n", "contest_windows.opens_at", "contest_windows.closes_at")
SINGLE, FINER = ("ballot_events.at (ballot by ballot)",), ("ballot_events.at (to the second)",)
ENOUGH = (f"ballot_events.at (of at least {MIN_BALLOTS} ballots)",)
ONLINE = tuple(f"{need} (of the online voting)" for need in NEEDS[1:])
PEERS = (f"contests.comparison_only (of at least {MIN_PEERS} contests as long)",)
FALLS = "The running count falls in the time looked at, so what came before the close cannot be told from what was taken out."
BELOW = (
    "The running count fell earlier and was not back at its highest when the time looked at began, so what came before the close "
    "cannot be told from what was put back."
)


@dataclass(frozen=True, slots=True)
class Counter:
    """Ballots before an instant, counted one by one or taken from the readings of a running count.

    `counted` gives those before an instant, read at most so many seconds away from it, or null; `unsteady` why a
    rise between two such instants isn't the ballots that came in, or nothing where it is.
    """

    counted: Callable[[datetime, float], int | None]
    unsteady: Callable[[datetime, datetime], str] = lambda *_: ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The last `length_s` seconds before the close: `count` of `size` ballots, and what others had.

    `others` are peers' ballots in their own last stretch, of `sizes` in all; or, with no sizes, the contest's
    own ballots in the same hours of earlier days. `n_left_out` others had no reading at the instants in question,
    or a count that was not steady between them.
    """

    length_s: int
    count: int
    size: int
    others: NDArray
    sizes: NDArray | None
    n_left_out: int


def closing_surge(stretches: Sequence[Stretch], *, form: Form, alpha: float, confidence_level: float) -> TestResult:
    """Compare the ballots of the last stretch before the close with what others had, allowing others to differ.

    A rush to the close is usual. A regression discontinuity at the deadline is not a test of it: arrivals stop
    there, so there is nothing on the other side to be continuous with.

    Parameters
    ----------
    stretches : sequence of Stretch
        At least one, each of another length.
    form : {'peers', 'own_days'}
        What the others are.
    alpha, confidence_level : float
        For the smallest visible count, and for the predictive interval.

    Returns
    -------
    TestResult
        Statistic: ballots in the stretch with the smallest p-value. Effect: those less what the others lead one to
        expect, with the interval that the predictive interval gives. p-value: the smallest after Holm over the stretches.

    Notes
    -----
    Null hypothesis: see `NULLS`. 'peers': upper tail of a beta-binomial averaged over a grid of mean and spread,
    weighted by the peers' likelihood (Spiegelhalter 2005 on why the spread matters). 'own_days': upper tail given the
    sum of all days, Dirichlet-multinomial over a grid of shapes; without noise it is the conditional binomial. Both are
    discrete, and the stretches lie within each other while Holm allows for any dependence: the rate lies below the nominal one.
    """
    rows = [_judged(stretch, len(stretches), alpha, confidence_level) for stretch in stretches]
    adjusted = holm([row["pvalue"] for row in rows])
    rows = [row | {"pvalue_adjusted": float(p)} for row, p in zip(rows, adjusted, strict=True)]
    top = min(rows, key=lambda row: (row["pvalue"], row["length_s"]))
    return TestResult(
        method="closing_surge", form=form, null_hypothesis=NULLS[form], alternative="greater",
        statistic=float(top["count"]), statistic_name="ballots in the stretch before the close that stands out most",
        pvalue=float(adjusted.min()),
        effect=Estimate(
            name=f"ballots above what {EXPECTED_FROM[form]} lead one to expect", value=top["count"] - top["expected"],
            low=float(top["count"] - top["high"]), high=float(top["count"] - top["low"]), confidence_level=confidence_level,
            unit="ballots",
        ),
        n_observations=top["size"], n_excluded=0, assumptions=(), innocent_explanations=EXPLANATIONS,
        references=("spiegelhalter2005", "holm1979") if form == "peers" else ("mosimann1962", "holm1979"),
        parameters={"alpha": alpha, "confidence_level": confidence_level, "lengths_s": [row["length_s"] for row in rows]},
        details={"stretch": top, "stretches": rows, "smallest_visible": top["smallest_visible"]},
    )  # fmt: skip


def _judged(stretch: Stretch, n_stretches: int, alpha: float, confidence_level: float) -> dict[str, Any]:
    """One stretch's p-value, expected count with its predictive interval, and the smallest count that would have stood out."""
    expected, tail = _prediction(stretch)

    def least(holds: Callable[[float, float], bool]) -> int | None:
        """Find the smallest count of which something holds that holds of all larger ones too."""
        low, high = -1, stretch.size
        if not holds(*tail(high)):
            return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if holds(*tail(middle)) else (middle, high)
        return high

    edge = (1 - confidence_level) / 2
    above = least(lambda at_least, _: at_least <= edge)
    below = least(lambda _, more: 1 - more > edge)
    visible = least(lambda at_least, _: n_stretches * at_least <= alpha)
    return {
        "length_s": stretch.length_s, "count": stretch.count, "size": stretch.size, "expected": expected,
        "low": below or 0, "high": stretch.size if above is None else max(above - 1, 0),
        "ratio": stretch.count / expected if expected > 0 else None, "n_others": int(stretch.others.size),
        "n_left_out": stretch.n_left_out, "pvalue": tail(stretch.count)[0], "smallest_visible": visible,
    }  # fmt: skip


def _prediction(stretch: Stretch) -> tuple[float, Callable[[int], tuple[float, float]]]:
    """Expected count, and the chances of at least k and of more than k, where k itself is what is set beside the others."""
    if stretch.sizes is None:  # given the sum of all days, which k is part of
        total, repeats = int(stretch.others.sum()), from_repeats(stretch.others)
        return total / stretch.others.size, cache(lambda k: _tail(repeats.upper_tails(total + k), k))
    units = from_units(stretch.others, stretch.sizes, (stretch.count + 0.5) / (stretch.size + 1))
    tails = units.upper_tails(stretch.size)
    return stretch.size * units.mean, lambda k: _tail(tails, k)


def _tail(tails: NDArray, k: int) -> tuple[float, float]:
    return float(tails[k]), float(tails[k + 1]) if k + 1 < tails.size else 0.0


def cast_counter(case: Case, window: Window) -> tuple[Counter, int]:
    """Give a counter of ballots cast online, each voter's first one, and how many were left out as outside the window or as later ones."""
    rows = given_online(case.rows("ballot_events"))
    inside = rows.filter((pl.col("at") >= window.opens_at) & (pl.col("at") < window.closes_at)).sort("at", "event_id")
    who = pl.coalesce("voter_key", "credential_id")
    stamps = inside.filter(who.is_null() | who.is_first_distinct())["at"].dt.epoch("us").to_numpy()
    unit, zone = _unit_s(case, rows), ZoneInfo(case.contest["timezone"])

    def counted(instant: datetime, _slack_s: float) -> int | None:
        wall = instant.astimezone(zone)
        if (wall.hour * 3600 + wall.minute * 60 + wall.second) % unit:
            return None  # stamps cut down to their unit don't tell what lies on which side
        return int(np.searchsorted(stamps, round(instant.timestamp() * 1e6), side="left"))

    return Counter(counted), rows.height - stamps.size


def _unit_s(case: Case, rows: pl.DataFrame) -> int:
    """Seconds to which the stamps are cut down, as the clock is said to, as they show, or as a queue is written out."""
    told = rows.pipe(last_of_each).pipe(one_telling)
    zone = case.contest["timezone"]
    return max(resolution_s(told, case.rows("clocks")), seen_resolution(told["at"], zone), queued(told["at"], zone))


def reading_counter(readings: pl.DataFrame, channels: Sequence[str] = ("online", "all")) -> Counter | None:
    """Give a counter from a running count of one source and these channels, the online one if there is one; null without any."""
    whole = readings.filter((pl.col("unit") == "ALL") & pl.col("channel").is_in(channels) & pl.col("voted_n").is_not_null())
    first = whole.sort("channel", "source_id", descending=[True, False]).select("channel", "source_id").head(1)
    series = whole.join(first, on=["channel", "source_id"]).sort("as_of", "voted_n")
    if not series.height:
        return None
    seconds, counts = series["as_of"].dt.epoch("us").to_numpy() / 1e6, series["voted_n"].to_numpy()
    highest = np.maximum.accumulate(counts)

    def nearest(instant: datetime) -> int:
        return int(np.abs(seconds - instant.timestamp()).argmin())

    def counted(instant: datetime, slack_s: float) -> int | None:
        i = nearest(instant)
        return int(counts[i]) if abs(seconds[i] - instant.timestamp()) <= slack_s else None

    def unsteady(start: datetime, end: datetime) -> str:
        i, j = nearest(start), nearest(end)
        if (np.diff(counts[i : j + 1]) < 0).any():
            return FALLS
        return BELOW if counts[i] < highest[i] else ""

    return Counter(counted, unsteady)


def _ends(counter: Counter, closes_at: datetime, length_s: int) -> tuple[int, int] | None:
    """Ballots before the stretch, and before its end; null where the count isn't read near both."""
    slack = READING_SLACK * length_s
    before, whole = counter.counted(closes_at - timedelta(seconds=length_s), slack), counter.counted(closes_at, slack)
    return (before, whole) if before is not None and whole is not None else None


def _last(counter: Counter, closes_at: datetime, length_s: int) -> tuple[int, int] | None:
    """Ballots in the last stretch, and in all; null where the count isn't read near both its ends, or isn't steady between them."""
    ends = _ends(counter, closes_at, length_s)
    if ends is None or counter.unsteady(closes_at - timedelta(seconds=length_s), closes_at):
        return None
    return ends[1] - ends[0], ends[1]


def _held(window: Window | None) -> bool:
    return window is not None and window.opens_at is not None and window.closes_at is not None


def _peers(case: Case, window: Window) -> list[tuple[Counter | None, datetime, bool]]:
    """Peers whose window is as long: their counters, closes, and whether they closed at the same hour of the day."""
    found = []
    hour = window.closes_at.astimezone(ZoneInfo(case.contest["timezone"])).hour
    for contest_id in case.peers():
        other = window_in_force(case.rows_of("contest_windows", contest_id), "online")
        if not _held(other):
            continue
        difference = (other.closes_at - other.opens_at) - (window.closes_at - window.opens_at)
        if abs(difference) <= timedelta(hours=LENGTH_SLACK_H):
            zone = ZoneInfo(case.rows_of("contests", contest_id)["timezone"][0])
            counter = reading_counter(case.rows_of("turnout_counts", contest_id), ("online",))
            found.append((counter, other.closes_at, other.closes_at.astimezone(zone).hour == hour))
    return found


def _peer_stretches(case: Case, counter: Counter, window: Window) -> tuple[list[Stretch], list[bool]]:
    peers = _peers(case, window)
    found = []
    for length in case.plan.surge_windows_s:
        own = _last(counter, window.closes_at, length)
        told = [_last(other, close, length) if other else None for other, close, _ in peers]
        kept = [pair for pair in told if pair and pair[1]]
        if own and len(kept) >= MIN_PEERS:
            events, sizes = np.array(kept, np.int64).T
            found.append(
                Stretch(length_s=length, count=own[0], size=own[1], others=events, sizes=sizes, n_left_out=len(told) - len(kept))
            )
    return found, [same for _, _, same in peers]


def _day_stretches(case: Case, counter: Counter, window: Window) -> list[Stretch]:
    found = []
    local = window.closes_at.astimezone(ZoneInfo(case.contest["timezone"]))
    for length in (length for length in case.plan.surge_windows_s if length <= DAY_S):
        own = _last(counter, window.closes_at, length)
        n_days = (window.closes_at - window.opens_at - timedelta(seconds=length)) // timedelta(days=1)
        closes = [(local - timedelta(days=day)).astimezone(UTC) for day in range(1, n_days + 1)]  # by the wall clock
        told = [_last(counter, close, length) for close in closes if close - timedelta(seconds=length) >= window.opens_at]
        kept = [pair[0] for pair in told if pair]
        if own and len(kept) >= MIN_DAYS:
            found.append(
                Stretch(
                    length_s=length, count=own[0], size=own[1], others=np.array(kept, np.int64), sizes=None,
                    n_left_out=len(told) - len(kept),
                )
            )  # fmt: skip
    return found


def _assumptions(form: Form, same_hour: Sequence[bool]) -> tuple[Assumption, ...]:
    if form == "own_days":
        return (
            Assumption(
                statement="The last day would have been like the days before it.", status=Status.FAILS,
                evidence="A rush to the close is usual, and one contest alone cannot show how large a usual one is.",
            ),
        )  # fmt: skip
    n, n_same = len(same_hour), sum(same_hour)
    return (
        Assumption(
            statement="This contest differs from the peers no more than they do from each other.", status=Status.UNTESTED,
            evidence=f"{n} peers of the same length; the spread between them is allowed for.",
        ),
        Assumption(
            statement="The peers closed at the same hour of the day.",
            status=Status.HOLDS if n_same == n else Status.UNTESTED if n_same else Status.FAILS,
            evidence=f"{n_same} of {n} did.",
        ),
    )  # fmt: skip


def _tested(case: Case) -> Result:
    """Test one reading of the contest: against peers where they allow it, else against its own earlier days."""
    window = window_in_force(case.rows("contest_windows"), "online")
    if not _held(window):
        return _cannot("The opening and the close of the online voting are needed together.", case.missing(NEEDS) or ONLINE)
    stamped = not case.missing(("ballot_events.at",))
    counter, n_excluded = cast_counter(case, window) if stamped else (reading_counter(case.rows("turnout_counts")), 0)
    lengths = case.plan.surge_windows_s
    size = counter.counted(window.closes_at, READING_SLACK * max(lengths)) if counter else None
    if counter is None or size is None:
        if stamped:
            return _cannot("The stamps are cut down so far that the ballots before the close cannot be counted.", FINER)
        reason = f"No count that is read near the close is held; {MIN_BALLOTS} ballots are needed."
        return _cannot(reason, case.missing(NEEDS) or SINGLE)
    if size < MIN_BALLOTS:
        return _cannot(f"A count of {count(size, 'ballot')} before the close is held; {MIN_BALLOTS} ballots are needed.", ENOUGH)
    read = [length for length in lengths if _ends(counter, window.closes_at, length)]
    if read and not any(_last(counter, window.closes_at, length) for length in read):
        return _cannot(counter.unsteady(window.closes_at - timedelta(seconds=max(read)), window.closes_at), SINGLE)
    stretches, same_hour = _peer_stretches(case, counter, window)
    form: Form = "peers" if stretches else "own_days"
    stretches = stretches or _day_stretches(case, counter, window)
    if not stretches:
        return _cannot(
            f"Neither {MIN_PEERS} contests of the same length nor {MIN_DAYS} earlier days of this one have a count "
            "at the instants in question.",
            PEERS,
        )
    result = closing_surge(stretches, form=form, alpha=case.plan.alpha, confidence_level=case.plan.confidence_level)
    looked_at = {stretch.length_s for stretch in stretches}
    return replace(
        result, n_excluded=n_excluded, assumptions=_assumptions(form, same_hour),
        details={
            **result.details, "closes_at": window.closes_at,
            "not_looked_at_s": [length for length in case.plan.surge_windows_s if length not in looked_at],
        },
    )  # fmt: skip


def _cannot(reason: str, needs: tuple[str, ...]) -> NotAnswerable:
    return NotAnswerable(method="closing_surge", reason=reason, needs=needs)


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package, under every reading of its clock."""
    first = _tested(case)
    if not isinstance(first, TestResult):
        return (first,)
    told = []
    for name, other in under_every_reading(case, ("ballot_events",)).items():
        result = first if other is case else _tested(other)
        tested = isinstance(result, TestResult) and result.form == first.form
        told.append(
            {
                "reading": name, "statistic": result.statistic if tested else None,
                "effect": result.effect.value if tested else None, "pvalue": result.pvalue if tested else None,
            }
        )  # fmt: skip
    if len(told) == 1:
        return (first,)
    assumption = Assumption(
        statement="The zone and the offset of the log's clock are as stated.", status=Status.UNTESTED,
        evidence=f"It was tested under {len(told)} readings of the clock.",
    )  # fmt: skip
    return (replace(first, assumptions=(*first.assumptions, assumption), details={**first.details, "readings": told}),)
