"""Does the clock of each log agree with the events that other records fix in time?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import polars as pl

from analysis_lib.case import Case
from analysis_lib.clocks import window_in_force
from analysis_lib.methods.anchors import CAST, SHIFTS_S, STAMPED, UNIT_S, Anchor, anchors, clocks_in_use, stamped, tolerances
from analysis_lib.results import Assumption, Breach, NotAnswerable, Result, Status, Verdict

PAIRS = ("used_and_cast", "issued_and_cast")
BY_RULE = ("opening", "close")  # ballots outside the window may be just that: only a shift that reconciles all tells of a clock
BULK_SHARE, BULK_ROWS = 0.1, 5
NARROW_S = 1800
FEWEST_OUT = 3
HOUR = 3600
SMALL_S = 900  # a record kept by hand may be out by so much
BY_HAND = ("sent", "request", *BY_RULE)
NEAR = 0.75  # a shift is named only if the rows ask for at least so much of it
RECONCILED = 5  # a shift must leave at most one row out of order for so many that are as read
TRUST = ("epoch", "stated_offset", "stated_zone", "inferred_from_anchor", "assumed")  # how a zone is known, surest first
KNOWN_ZONES = (
    "UTC", "America/Los_Angeles", "America/New_York", "America/Chicago", "Europe/London", "Europe/Paris", "Asia/Kolkata",
    "Australia/Sydney",
)  # fmt: skip
CONSISTENT, CONTRADICTED, CANNOT_TELL = "consistent", "contradicted", "cannot_tell"
EXPLANATIONS = (
    "A server runs on its maker's zone, and the export states none.",
    "The mark of universal time was cut off when the log was saved or opened in a spreadsheet.",
    "The record compared with was written up by hand, or is itself in another zone.",
    "Ballots were let in before the opening or after the close; then the clock is right.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the anchors say of one clock: `low` to `high` is the offset that all allow, `shift` what would reconcile them.

    `estimate` is an offset, of minutes too, that puts effects after their causes; null where the stated one does.
    """

    clock_id: str
    verdict: str
    low: float
    high: float
    shift: float | None
    also_allowed: tuple[int, ...]
    estimate: float | None = None


def clock_offset(
    found: Sequence[Anchor], *, clock_ids: Sequence[str], allowed: Mapping[str, float], basis: Mapping[str, str]
) -> dict[str, Judged]:
    """Say of each clock whether its anchors agree with it as declared, contradict it, or cannot tell.

    A few rows out of order say something of those rows, not of the clock.

    Parameters
    ----------
    found : sequence of Anchor
        Bounds of each clock's offset beyond its known error.
    clock_ids : sequence of str
        The clocks in use.
    allowed : mapping of str to float
        Seconds by which each clock may differ and still agree.
    basis : mapping of str to str
        How each clock's zone is known (``tz_basis``).

    Returns
    -------
    dict of str to Judged
        Contradicted: some anchor excludes 0, and a shift of whole hours reconciles all of them, within
        bounds less than half an hour apart; or one row in ten or more is out of an order that rests on cause and effect, or
        that a shift restores. Spikes alone name no clock where the order of events allows none of the offsets they ask for.
        Of a few minutes against a record kept by hand it cannot be told. A shift is named only if the rows ask for most of it.
        Two clocks that disagree: the one whose zone is less surely known, or that has no other anchor.
    """
    own = {clock: [a for a in found if a.clock_id == clock and a.kind not in PAIRS] for clock in clock_ids}
    judged = {clock: _judged(clock, own[clock], allowed[clock]) for clock in clock_ids}
    pairs = [anchor for anchor in found if anchor.kind in PAIRS and anchor.clock_id in judged and anchor.against in judged]
    estimates = {}
    for clock in clock_ids:  # where it can't be told which of two clocks is off, it may be either
        apart = [a for a in pairs if a.clock_id == clock and not _is_blamed(a.mirrored, judged, basis)]
        moved = [anchor.moved(judged[anchor.against].shift or 0.0) for anchor in apart]
        estimates[clock] = _estimate([*own[clock], *moved], allowed[clock])
    for clock in clock_ids:
        mine = [anchor.moved(judged[anchor.against].shift or 0.0) for anchor in pairs if anchor.clock_id == clock]
        if not mine or judged[clock].verdict == CONTRADICTED:
            continue
        blamed = [anchor for anchor in mine if _is_blamed(anchor, judged, basis)]
        result = _judged(clock, [*own[clock], *blamed], allowed[clock])
        unclear = any(_excludes(a, allowed[clock]) and _is_bulk(a) and a not in blamed for a in mine)
        if unclear and judged[clock].verdict != CONSISTENT and result.verdict != CONTRADICTED:
            result = Judged(clock_id=clock, verdict=CANNOT_TELL, low=-math.inf, high=math.inf, shift=None, also_allowed=())
        judged[clock] = result
    return {clock: replace(one, estimate=estimates[clock]) for clock, one in judged.items()}


def _judged(clock: str, found: Sequence[Anchor], allowed: float) -> Judged:
    low = max((anchor.low for anchor in found), default=-math.inf)
    high = min((anchor.high for anchor in found), default=math.inf)
    n_out = dict(zip(SHIFTS_S, (sum(counts) for counts in zip(*(anchor.out for anchor in found), strict=True)), strict=False))
    shifts = sorted(
        (shift for shift, n in n_out.items() if shift and n * RECONCILED <= n_out[0]),
        key=lambda shift: (n_out[shift], shift % HOUR != 0, abs(shift), shift),
    )
    # Whole hours within bounds so narrow are no accident, however few the rows that they put in order.
    is_hour = bool(shifts) and shifts[0] % HOUR == 0 and low - allowed <= shifts[0] <= high + allowed
    is_shift = n_out.get(0, 0) >= FEWEST_OUT and is_hour and 0 <= high - low < NARROW_S
    out = [anchor for anchor in found if _excludes(anchor, allowed) or (is_shift and anchor.n_out)]
    verdict, shift = CONSISTENT if found else CANNOT_TELL, None
    if out:
        is_bulk = any(_is_bulk(anchor) and not _is_stray(anchor, found, allowed) for anchor in out)
        is_cause = any(anchor.kind not in BY_RULE for anchor in out)
        shift = next((float(s) for s in shifts if s % HOUR == 0), float(shifts[0]) if shifts else None)
        most = max(*(anchor.loose[0] for anchor in found), *(-anchor.loose[1] for anchor in found), 0.0)
        is_small = most <= SMALL_S and all(anchor.kind in BY_HAND for anchor in out)
        if is_shift or (is_bulk and (is_cause or shifts) and not is_small):
            verdict = CONTRADICTED
        elif is_bulk or is_cause or shifts:
            verdict = CANNOT_TELL
        # else a few ballots stand outside the window, and no offset brings them in without breaking the order elsewhere
        needed = most if verdict == CONTRADICTED else max(low, -high)
        if shift and not is_shift and needed < NEAR * abs(shift):
            shift = None  # some minutes would do as well
    return Judged(
        clock_id=clock, verdict=verdict, low=low, high=high, shift=shift, also_allowed=tuple(shifts if not out else shifts[1:])
    )


def _estimate(found: Sequence[Anchor], allowed: float) -> float | None:
    """The least offset that puts effects after their causes, and as far beyond as a clock may differ: it is a bound.

    The window's ends are left out, or late ballots would excuse themselves; and so, unless it is one in ten, are
    ballots before the issue of their own credential. Null where the offset as stated will do.
    """
    causes = [a for a in found if a.kind not in BY_RULE and (a.kind != "issued_and_cast" or _is_bulk(a))]
    causes = [a for a in causes if not _is_stray(a, found, allowed)]
    if not any(_excludes(a, allowed) and a.n_out >= FEWEST_OUT for a in causes):
        return None
    ahead, behind = max(a.loose[0] for a in causes), max(-a.loose[1] for a in causes)
    # Every row is put in order if half an hour will do; beyond that, one may be out of order for reasons of its own.
    every = max(a.low for a in causes) if ahead >= behind else max(-a.high for a in causes)
    least = every if every <= UNIT_S else max(ahead, behind)
    return (least + allowed) * (1 if ahead >= behind else -1)


def _excludes(anchor: Anchor, allowed: float) -> bool:
    return anchor.loose[0] > allowed or anchor.loose[1] < -allowed


def _is_bulk(anchor: Anchor) -> bool:
    return anchor.n_out >= max(BULK_ROWS, BULK_SHARE * anchor.n)


def _is_stray(anchor: Anchor, found: Sequence[Anchor], allowed: float) -> bool:
    """Whether a spike asks for an offset that the order of events rules out: it is an estimate, so then it is the one in error.

    Ballots outside the window may be just that, so the window's ends rule out nothing.
    """
    others = [a for a in found if a.kind not in ("spike", *BY_RULE)]
    high, low = min((a.loose[1] for a in others), default=math.inf), max((a.loose[0] for a in others), default=-math.inf)
    return anchor.kind == "spike" and (anchor.low > high + allowed or anchor.high < low - allowed)


def _is_blamed(anchor: Anchor, judged: Mapping[str, Judged], basis: Mapping[str, str]) -> bool:
    """Whether a pair speaks about this clock and not the other one."""
    here, there = judged[anchor.clock_id], judged[anchor.against]
    mine, other = TRUST.index(basis[anchor.clock_id]), TRUST.index(basis[anchor.against])
    sure_here, sure_there = here.verdict == CONSISTENT, there.verdict == CONSISTENT
    if sure_here != sure_there:
        return sure_there
    return mine > other


@lru_cache(maxsize=1)  # asked for with every table whose stamps are set beside another's
def judged_clocks(case: Case) -> tuple[dict[str, Judged], list[Anchor]]:
    """Judge every clock in use of a contest."""
    clocks, found = case.rows("clocks"), anchors(case)
    basis = dict(clocks.select("clock_id", "tz_basis").rows())
    used = list(clocks_in_use(case))
    return clock_offset(found, clock_ids=used, allowed=tolerances(clocks), basis=basis), found


def anchored_offsets(case: Case) -> dict[str, float]:
    """Offsets, by clock, that bring every anchor of a clock into order which is out of it as recorded: a reading that the evidence allows.

    A shift of half hours if one reconciles them, else the least that does, of minutes too, whatever error the clock's row states.
    """
    judged, _ = judged_clocks(case)
    return {clock: one.estimate for clock, one in judged.items() if one.estimate} | _shifts(judged)


def _shifts(judged: Mapping[str, Judged]) -> dict[str, float]:
    return {clock: one.shift for clock, one in judged.items() if one.shift}


def fitting_zones(tz_used: str, shift_s: float, when: datetime, zone: str) -> list[str]:
    """Zones, the contest's and well-known ones, that a log read in `tz_used` would be in if it is off by `shift_s`."""
    meant = when.astimezone(ZoneInfo(tz_used)).utcoffset() + timedelta(seconds=shift_s)
    return [name for name in dict.fromkeys((zone, *KNOWN_ZONES)) if when.astimezone(ZoneInfo(name)).utcoffset() == meant]


def _season(zone: str, when: datetime) -> str:
    offsets = {datetime(when.year, month, 1, tzinfo=ZoneInfo(zone)).utcoffset() for month in (1, 7)}
    if len(offsets) == 1:
        return "always"
    return "summer" if when.astimezone(ZoneInfo(zone)).dst() else "winter"


def _row(case: Case, one: Judged, found: Sequence[Anchor], n_rows: int) -> dict:
    clock = case.rows("clocks").filter(pl.col("clock_id") == one.clock_id).row(0, named=True)
    when, zone = _middle(case, one.clock_id), case.contest["timezone"]
    zones = fitting_zones(clock["tz_used"], one.shift, when, zone) if one.shift else []
    return {
        "clock_id": one.clock_id, "verdict": one.verdict, "n": n_rows, "stamps": stamped_tables(case)[one.clock_id],
        "tz_used": clock["tz_used"], "tz_basis": clock["tz_basis"], "offset_s": clock["offset_s"] or 0.0,
        "offset_basis": clock.get("offset_basis"), "low_s": one.low, "high_s": one.high, "shift_s": one.shift,
        "also_allowed_s": list(one.also_allowed[:4]),
        "zones": [{"zone": name, "season": _season(name, when)} for name in zones],
        "anchors": [
            {
                "kind": a.kind, "against": a.against, "low_s": a.low, "high_s": a.high, "n": a.n, "n_out": a.n_out,
                "course": _course(a),
            }
            for a in found if a.clock_id == one.clock_id
        ],
    }  # fmt: skip


def stamped_tables(case: Case) -> dict[str, list[str]]:
    """By clock in use, the tables with an event that it stamped."""
    held = {table: case.rows(table).drop_nulls("at")["clock_id"] for table in STAMPED}
    return {clock: [table for table, own in held.items() if (own == clock).any()] for clock in clocks_in_use(case)}


def _changes(case: Case, judged: Mapping[str, Judged]) -> dict[str, int] | None:
    """Ballots before the opening and after the close in force, as recorded and as the anchors place the clocks."""
    offsets = _shifts(judged)
    ballots = stamped(case, "ballot_events").filter(pl.col("event").is_in(CAST) & pl.col("clock_id").is_in(list(offsets)))
    found = {f"{side}{how}": 0 for how in ("", "_recorded") for side in ("before", "after")}
    for (clock_id, channel), own in ballots.group_by("clock_id", "channel"):
        window = window_in_force(case.rows("contest_windows"), str(channel))
        for how, at in (("_recorded", own["at"]), ("", own["known_at"] - timedelta(seconds=offsets[str(clock_id)]))):
            if window and window.opens_at:
                found[f"before{how}"] += int((at < window.opens_at).sum())
            if window and window.closes_at:
                found[f"after{how}"] += int((at > window.closes_at + timedelta(seconds=window.grace_s)).sum())
    return found if ballots.height else None


def _course(anchor: Anchor) -> dict | None:
    if not anchor.course:
        return None
    return {
        "kind": anchor.course.kind,
        "slope_s_per_hour": anchor.course.slope,
        "values_s": [s.value for s in anchor.course.segments],
    }


def _middle(case: Case, clock_id: str) -> datetime:
    times = pl.concat([stamped(case, table).filter(pl.col("clock_id") == clock_id).select("at") for table in STAMPED])[
        "at"
    ].sort()
    return times[times.len() // 2]


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package."""
    used = clocks_in_use(case)
    judged, found = judged_clocks(case) if used else ({}, [])
    if not found:
        reason = "No clock that is described stamps enough events that another record fixes in time."
        needs = ("ballot_events.clock_id", "contest_windows.opens_at", "communications.sent_at", "credential_events.clock_id")
        missing = case.missing(needs) or ("ballot_events.at (of more ballots)",)
        return (NotAnswerable(method="clock_offset", reason=reason, needs=missing),)
    verdicts = [one.verdict for one in judged.values()]
    contradicted, unclear = verdicts.count(CONTRADICTED), verdicts.count(CANNOT_TELL)
    verdict = Verdict.BREACH_RECORDED if contradicted else Verdict.UNDETERMINED if unclear else Verdict.NO_BREACH
    return (
        Breach(
            method="clock_offset",
            rule="the clock of each log agrees with the events that other records fix in time",
            verdict=verdict,
            statistic=contradicted,
            statistic_name="clocks contradicted by an anchor",
            n_observations=len(used),
            n_excluded=0,
            assumptions=_assumptions(found),
            innocent_explanations=EXPLANATIONS,
            references=("moon1999", "mills1991"),
            parameters={},
            details={
                "changes": _changes(case, judged),
                "clocks": [_row(case, judged[clock], found, n) for clock, n in used.items()],
            },
        ),
    )


def _assumptions(found: Sequence[Anchor]) -> tuple[Assumption, ...]:
    kinds = {anchor.kind for anchor in found}
    courses = {anchor.course.kind for anchor in found if anchor.course}
    changing = sorted(courses - {"constant"})
    return (
        Assumption(
            statement="The records compared with (windows, messages, requests) are themselves in the right zone.",
            status=Status.UNTESTED if len(kinds) == 1 else Status.HOLDS,
            evidence="Only one kind of record bounds the clocks." if len(kinds) == 1
            else f"{len(kinds)} kinds of record bound the clocks; where they agree, they bear each other out.",
        ),
        Assumption(
            statement="Each clock has one offset throughout.",
            status=Status.FAILS if changing else Status.HOLDS if courses else Status.UNTESTED,
            evidence=f"Against another stamp of the same events an offset shows {' and '.join(changing)}." if changing
            else "Against another stamp of the same events no offset steps or drifts." if courses
            else "No event is stamped twice, so a clock that was set in between would not show.",
        ),
    )  # fmt: skip
