"""Were ballots recorded before the opening or after the close?"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import polars as pl

from analysis_lib.case import Case
from analysis_lib.clocks import UNCERTAIN_ZONE, Window, in_force, reach, readings, voting_windows, window_in_force
from analysis_lib.methods.around_the_close import (
    DISPLAY_LAG_S,
    KEYED,
    closes_on_record,
    counted_after_close,
    extensions,
    sessions,
)
from analysis_lib.methods.ballot_kinds import COUNTED
from analysis_lib.methods.clock_offset import anchored_offsets
from analysis_lib.results import Assumption, Breach, NotAnswerable, Result, Status, Verdict

VERDICT_AT_S = 0  # a tolerance is a courtesy of the table; only a documented grace changes what is in time
NOUN, COUNTS = "ballots_outside_window", "turnout_counts"
RULE = "every ballot is cast within the window in force for its channel"
SIDES = ("before", "after")
ROUNDINGS = ("truncate", "round")  # how a clock may be read that doesn't say
STRUCK = ("superseded", "voided", "quarantined", "rejected", "excluded_from_count")
WINDOW_ACTIONS = ("window_changed", "contest_opened", "contest_closed", "contest_reopened")
Reach = tuple[pl.Series | timedelta, pl.Series | timedelta]  # how far before its stamp an event may lie, and how far after
EXPLANATIONS = (
    "A session that was open at the close was allowed to finish, by a documented grace.",
    "The window was extended, and the notice is not among the papers held.",
    "The stamp is that of processing, queueing or keying in, not of the voter's click.",
    "A clock or its time zone is wrong, or the poll was closed by hand a little late.",
    "Paper or telephone ballots given in time were entered afterwards.",
)


def ballots_outside_window(
    ballots: pl.DataFrame,
    clocks: pl.DataFrame,
    windows: pl.DataFrame,
    *,
    zone: str,
    tolerances_s: tuple[int, ...],
    anchored: Mapping[str, float] | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Count ballots stamped before the opening and after the close, in every basis and under every clock reading.

    A stamp after the close is a fact about the log; whether it breaks a rule depends on which
    window was in force and what the clock recorded.

    Parameters
    ----------
    ballots : DataFrame
        Ballot events that bring a ballot in: ``event_id``, ``event``, ``at`` (UTC, no nulls), ``clock_id``,
        ``at_raw`` (as in the log), ``channel``, ``batch_id`` (null: not entered in a batch), ``actor_role``.
    clocks, windows : DataFrame
        The clocks and contest_windows tables.
    zone : str
        IANA zone of the advertised times.
    tolerances_s : tuple of int
        Seconds past the close (and before the opening) still taken as in time.
    anchored : mapping of str to float, optional
        Offsets of clocks that other records contradict, as `clock_offset` finds them; a reading of its own.

    Returns
    -------
    counts : DataFrame
        ``channel, basis, reading, tolerance_s, n, before, after, batch_after``: ballots entered in a
        batch, by an officer or by import bear the time of entry, so they are counted apart. Where a clock's rounding
        isn't said, ``before`` and ``after`` hold those outside whether it cuts off or rounds; ``may_before`` and
        ``may_after`` those outside by one of the two at least, ``may_be`` the more of both sides together,
        ``by_rounding`` those outside by one only, and ``near`` all whose stamp lies outside but whose event may not.
    late : DataFrame
        One row per ballot outside the window in force as recorded, at tolerance 0: ``event_id, at, at_raw,
        channel, actor_role, seconds`` (past the close; negative: before the opening), ``in_batch``.
    """
    rows, late = [], []
    for channel in sorted(ballots["channel"].unique()):
        own = ballots.filter(pl.col("channel") == channel).sort("at", "event_id").with_columns(keyed_in=KEYED)
        reaching = [reach(own, clocks, how) for how in ROUNDINGS]
        found = voting_windows(windows, channel)
        for basis, window in found.items():
            for reading, at in readings(own, clocks, zone, anchored).items():
                for tolerance in tolerances_s:
                    rows.append(
                        {"channel": channel, "basis": basis, "reading": reading, "tolerance_s": tolerance, "n": own.height}
                        | _counted(at, window, tolerance, reaching, own["keyed_in"])
                    )
        basis = in_force(found)
        if basis:
            late.append(_listed(own, found[basis], VERDICT_AT_S, reaching))
    schema = {"channel": pl.String, "basis": pl.String, "reading": pl.String} | dict.fromkeys(
        ("tolerance_s", "n", "before", "after", "batch_after", "may_before", "may_after", "may_be", "by_rounding", "near"),
        pl.Int64,
    )
    return pl.DataFrame(rows, schema=schema), pl.concat(late) if late else pl.DataFrame()


def _counted(at: pl.Series, window: Window, tolerance: int, reaching: Sequence[Reach], batch: pl.Series) -> dict[str, int]:
    """Count stamps outside a window in every way of rounding, and in one at least."""
    (cut_before, cut_after), (round_before, round_after) = (_outside(at, window, tolerance, how) for how in reaching)
    stamped = operator.or_(*_outside(at, window, tolerance, (timedelta(0), timedelta(0))))
    before, after = cut_before & round_before, cut_after & round_after
    may_before, may_after = cut_before | round_before, cut_after | round_after
    marks = {
        "before": before, "after": after, "may_before": may_before, "may_after": may_after,
        "by_rounding": (may_before | may_after) & ~(before | after), "near": stamped & ~(before | after),
    }  # fmt: skip
    counts = {name: int((mark & ~batch).sum()) for name, mark in marks.items()}
    either = [int(((early | late) & ~batch).sum()) for early, late in ((cut_before, cut_after), (round_before, round_after))]
    return counts | {"batch_after": int((after & batch).sum()), "may_be": max(either)}


def _outside(at: pl.Series, window: Window, tolerance: int, reaching: Reach) -> tuple[pl.Series, pl.Series]:
    """A stamp is outside only if every instant it can stand for is; see `clocks.reach`."""
    never = pl.Series([False] * at.len(), dtype=pl.Boolean)
    earlier, later = reaching
    before = at + later + timedelta(seconds=tolerance) < window.opens_at if window.opens_at else never
    after = at - earlier > window.closes_at + timedelta(seconds=window.grace_s + tolerance) if window.closes_at else never
    return before.fill_null(False), after.fill_null(False)


def _listed(own: pl.DataFrame, window: Window, tolerance: int, reaching: Sequence[Reach]) -> pl.DataFrame:
    ways = [_outside(own["at"], window, tolerance, how) for how in reaching]
    before, after = (operator.and_(*side) for side in zip(*ways, strict=True))
    past = (pl.col("at") - window.closes_at).dt.total_seconds() if window.closes_at else pl.lit(0)
    ahead = (pl.col("at") - window.opens_at).dt.total_seconds() if window.opens_at else pl.lit(0)
    return own.with_columns(
        seconds=pl.when(after).then(past).otherwise(ahead), in_batch=pl.col("keyed_in")
    ).filter(before | after).select("event_id", "at", "at_raw", "channel", "actor_role", "seconds", "in_batch")  # fmt: skip


def around_close(
    ballots: pl.DataFrame, clocks: pl.DataFrame, closes: Mapping[str, datetime], zone: str, anchored: Mapping[str, float]
) -> pl.DataFrame:
    """Place single ballots around the close of their channel under every reading, for the chart: ``reading, seconds, channel, actor_role``.

    ``seconds`` past the close in force, negative before it. Ballots entered in a batch are left out.
    """
    frames = [pl.DataFrame(schema={"reading": pl.String, "seconds": pl.Float64, "channel": pl.String, "actor_role": pl.String})]
    for channel, close in sorted(closes.items()):
        own = ballots.filter((pl.col("channel") == channel) & ~KEYED).sort("at", "event_id")
        frames += [
            own.select(
                reading=pl.lit(reading),
                seconds=(at - close).dt.total_microseconds() / 1e6,
                channel="channel",
                actor_role="actor_role",
            )
            for reading, at in readings(own, clocks, zone, anchored).items()
        ]
    return pl.concat(frames)


def brought_in(case: Case) -> pl.DataFrame:
    """Give the events that bring a ballot in, with a time."""
    return case.rows("ballot_events").filter(pl.col("event").is_in(COUNTED) & pl.col("at").is_not_null()).sort("at", "event_id")


def _answer_from_counts(case: Case) -> Result:
    """Bound the late ballots by a running count, where no single ballot's time is held."""
    readings = case.rows("turnout_counts").filter(pl.col("unit") == "ALL").drop_nulls("voted_n")
    windows, bounds = case.rows("contest_windows"), []
    for channel, source in readings.select("channel", "source_id").unique().sort(pl.all()).iter_rows():
        window = _window_of_count(windows, channel)
        series = readings.filter((pl.col("channel") == channel) & (pl.col("source_id") == source))
        found = counted_after_close(series, window.closes_at, window.grace_s) if window and window.closes_at else None
        if found:
            bounds.append({"channel": channel, "closes_at": window.closes_at, "n_readings": series.height} | found)
    if not bounds:
        reason = "No ballot with a time is held, and no running count that was read after a close on record."
        return NotAnswerable(
            method=NOUN, form=COUNTS, reason=reason, needs=("turnout_counts.voted_n", "contest_windows.closes_at")
        )
    # Two sources may show one count, and one channel is part of all: they aren't added up.
    fewest, most = max(row["fewest"] for row in bounds), max(row["most"] for row in bounds)
    # A page that is written anew every quarter of an hour rises after the close too, so a count alone records no breach.
    return Breach(
        method=NOUN, form=COUNTS, rule=RULE,
        verdict=Verdict.UNDETERMINED if most else Verdict.NO_BREACH,
        statistic=fewest, statistic_name="ballots that came after the close, at least",
        n_observations=sum(row["n_readings"] for row in bounds), n_excluded=case.rows("turnout_counts").height - readings.height,
        assumptions=(
            Assumption(
                statement="A running count shows a ballot soon after it was cast.", status=Status.UNTESTED,
                evidence=f"Rises up to {DISPLAY_LAG_S // 60} minutes after the close may be a display that lags; later ones are taken as late.",
            ),
        ),
        innocent_explanations=EXPLANATIONS, parameters={"zone": case.contest["timezone"], "display_lag_s": DISPLAY_LAG_S},
        details={"fewest": fewest, "most": most, "counts": bounds, "window_actions": _window_actions(case)},
    )  # fmt: skip


def _window_of_count(windows: pl.DataFrame, channel: str) -> Window | None:
    """The window in force for a count of one channel; for a count of all, where no window is for all, the one that closes last."""
    found = window_in_force(windows, channel)
    if channel == "all" and (found is None or found.closes_at is None):
        each = [window_in_force(windows, name) for name in windows["channel"].unique().sort()]
        held = [window for window in each if window and window.closes_at]
        found = max(held, key=lambda window: window.closes_at + timedelta(seconds=window.grace_s), default=None)
    return found


def _window_actions(case: Case) -> list[dict]:
    rows = case.rows("admin_actions").filter(pl.col("action").is_in(WINDOW_ACTIONS)).sort("at", "event_id")
    return rows.select("at", "action", "actor_role").to_dicts()


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package."""
    ballots, clocks, windows = brought_in(case), case.rows("clocks"), case.rows("contest_windows")
    missing = case.missing(("ballot_events.at", "contest_windows.closes_at"))
    if missing == ("ballot_events.at",) and not case.missing(("turnout_counts.voted_n",)):
        return (_answer_from_counts(case),)
    if missing or not ballots.height:
        reason = "Ballots with a time and an advertised, configured or actual close are needed together."
        return (NotAnswerable(method=NOUN, reason=reason, needs=missing or ("ballot_events.at",)),)
    zone = case.contest["timezone"]
    held, forced = _in_force(ballots, windows)
    judged = ballots.filter(pl.col("channel").is_in(list(forced)))
    unmatched = [channel for channel in held if channel not in forced]
    if not judged.height:
        reason = f"No close of the voting is held for any channel with ballots ({', '.join(unmatched).replace('_', ' ')})."
        return (NotAnswerable(method=NOUN, reason=reason, needs=("contest_windows.closes_at",)),)
    anchored = anchored_offsets(case)
    counts, late = ballots_outside_window(
        judged, clocks, windows, zone=zone, tolerances_s=case.plan.tolerances_s, anchored=anchored
    )
    headline = _headline(counts, forced)
    recorded, by_channel = headline.filter(pl.col("reading") == "as_recorded"), _by_channel(headline)
    sides = {side: [int(by_channel[f"{end}_{side}"].sum()) for end in ("fewest", "most")] for side in SIDES}
    fewest, most = sum(low for low, _ in sides.values()), int(by_channel["most"].sum())
    single = late.filter(~pl.col("in_batch"))
    firm = _stamped_at_the_event(ballots, clocks, _that_counts(case, _sure(late, by_channel)))
    verdict = Verdict.BREACH_RECORDED if firm else Verdict.UNDETERMINED if most else Verdict.NO_BREACH
    closes, events = closes_on_record(judged, windows), case.rows("ballot_events").drop_nulls("at")
    untimed = case.rows("ballot_events").filter(pl.col("event").is_in(COUNTED) & pl.col("at").is_null()).height
    return (
        Breach(
            method=NOUN,
            rule=RULE,
            verdict=verdict,
            statistic=int(recorded["n"].sum()),
            statistic_name="ballots stamped outside the window in force",
            n_observations=judged.height,
            n_excluded=untimed + ballots.height - judged.height,
            assumptions=_assumptions(judged, clocks, unmatched, anchored, int(by_channel["by_rounding"].sum())),
            innocent_explanations=EXPLANATIONS,
            parameters={"tolerances_s": list(case.plan.tolerances_s), "zone": zone},
            details={
                **{name: int(recorded[name].sum()) for name in ("before", "after", "batch_after", "near")},
                "fewest": fewest,
                "most": most,
                "sides": sides,
                "basis_in_force": forced,
                "counts": counts.to_dicts(),
                "by_role": _by_role(single),
                "longest_s": int(single["seconds"].max()) if single.height else None,
                "how_late": _how_late(single, case.plan.tolerances_s),
                "closes": closes.to_dicts(),
                "extensions": extensions(judged, closes),
                "sessions": sessions(events, judged, {channel: held[channel][basis] for channel, basis in forced.items()}),
                "window_actions": _window_actions(case),
            },
        ),
    )  # fmt: skip


def late_on_record(case: Case) -> bool:
    """Tell whether some ballot is late under every reading of its clock, which stamps the event; early ballots don't count."""
    ballots, clocks, windows = brought_in(case), case.rows("clocks"), case.rows("contest_windows")
    _, forced = _in_force(ballots, windows)
    judged = ballots.filter(pl.col("channel").is_in(list(forced)))
    if not judged.height:
        return False
    counts, outside = ballots_outside_window(
        judged, clocks, windows, zone=case.contest["timezone"], tolerances_s=(VERDICT_AT_S,), anchored=anchored_offsets(case)
    )
    sure = _sure(outside, _by_channel(_headline(counts, forced)))
    return _stamped_at_the_event(ballots, clocks, _that_counts(case, sure.filter(pl.col("seconds") >= 0)))


def _in_force(ballots: pl.DataFrame, windows: pl.DataFrame) -> tuple[dict[str, dict[str, Window]], dict[str, str]]:
    """The windows by channel and basis, and the basis in force of each channel that has a close."""
    held = {channel: voting_windows(windows, channel) for channel in sorted(ballots["channel"].unique())}
    return held, {channel: basis for channel, found in held.items() if (basis := in_force(found)) and found[basis].closes_at}


def _headline(counts: pl.DataFrame, forced: Mapping[str, str]) -> pl.DataFrame:
    """The counts that the verdict rests on."""
    basis = pl.col("channel").replace_strict(dict(forced), return_dtype=pl.String)
    held = counts.filter((pl.col("tolerance_s") == VERDICT_AT_S) & (pl.col("basis") == basis))
    return held.with_columns(n=pl.col("before") + pl.col("after"))


def _by_channel(headline: pl.DataFrame) -> pl.DataFrame:
    """Fewest and most over the readings. A channel whose clock leaves no doubt counts as recorded, whatever the reading of the others.

    Late under one reading and early under another is neither: each side is counted by itself.
    """
    return headline.group_by("channel").agg(
        pl.col(*SIDES).min().name.prefix("fewest_"),
        *(pl.col(f"may_{side}").max().alias(f"most_{side}") for side in SIDES),
        most=pl.col("may_be").max(), by_rounding=pl.col("by_rounding").max(),
    )  # fmt: skip


def _sure(outside: pl.DataFrame, by_channel: pl.DataFrame) -> pl.DataFrame:
    """Single ballots on a side on which some stand under every reading."""
    fewest_there = pl.when(pl.col("seconds") >= 0).then("fewest_after").otherwise("fewest_before")
    return outside.filter(~pl.col("in_batch")).join(by_channel, on="channel").filter(fewest_there > 0)


def _stamped_at_the_event(ballots: pl.DataFrame, clocks: pl.DataFrame, late: pl.DataFrame) -> bool:
    """Whether some late ballot's clock is described and stamps the event: a time of processing or export records no late ballot."""
    known = clocks.filter(pl.col("write_semantics") == "event_time").select("clock_id")
    return ballots.join(late.select("event_id"), on="event_id").join(known, on="clock_id").height > 0


def _that_counts(case: Case, late: pl.DataFrame) -> pl.DataFrame:
    """Leave out late ballots that the log itself sets aside: not the current one, or struck afterwards."""
    keys = pl.coalesce("ballot_id", "voter_key", "credential_id")
    events = case.rows("ballot_events").with_columns(who=keys)
    own = events.join(late.select("event_id"), on="event_id", how="semi").filter(pl.col("is_current").fill_null(True))
    struck = events.filter(pl.col("event").is_in(STRUCK)).drop_nulls(("who", "at")).group_by("who").agg(struck=pl.col("at").max())
    kept = own.join(struck, on="who", how="left").filter(pl.col("struck").is_null() | (pl.col("struck") < pl.col("at")))
    return late.join(kept.select("event_id"), on="event_id", how="semi")


def _how_late(single: pl.DataFrame, tolerances_s: tuple[int, ...]) -> list[dict]:
    """Count ballots after the close by how long after: between one tolerance and the next, and beyond the largest."""
    edges = sorted(tolerances_s)
    past = single["seconds"] if single.height else pl.Series([], dtype=pl.Int64)
    return [
        {"over_s": low, "up_to_s": high, "n": int(((past > low) & (past <= (high or past.max() or 0))).sum())}
        for low, high in zip(edges, [*edges[1:], None], strict=True)
    ]


def _by_role(single: pl.DataFrame) -> list[dict]:
    if not single.height:
        return []
    rows = single.with_columns(pl.col("actor_role").fill_null("unknown")).group_by("channel", "actor_role").len("n")
    return rows.sort("channel", "actor_role").to_dicts()


def _assumptions(
    ballots: pl.DataFrame, clocks: pl.DataFrame, unmatched: list[str], anchored: Mapping[str, float], by_rounding: int
) -> tuple[Assumption, ...]:
    used = ballots.select("clock_id").unique().join(clocks, on="clock_id", how="left")
    evidence, status = "The log states its zone or offset.", Status.HOLDS
    if used["clock_id"].is_in(list(anchored)).any():
        evidence, status = (
            "Events that other records fix in time fit another offset; the count is given as they place it too.",
            Status.FAILS,
        )
    elif used["tz_used"].null_count():
        evidence, status = "No clock is described for some of these times; they are read as they stand.", Status.UNTESTED
    elif used["tz_basis"].is_in(UNCERTAIN_ZONE).any():
        evidence, status = "The zone is assumed; the count is given under the other reading too.", Status.UNTESTED
    is_event = (used["write_semantics"] == "event_time").fill_null(False).all()
    found = [
        Assumption(statement="The zone of the log's clock is as stated.", status=status, evidence=evidence),
        Assumption(
            statement="A stamp is the time of casting, not of processing.",
            status=Status.HOLDS if is_event else Status.UNTESTED,
            evidence="The clock's description says so." if is_event
            else "The clock's description does not say that it is the time of the event.",
        ),
    ]  # fmt: skip
    if by_rounding:
        found.append(
            Assumption(
                statement="How the clock brings a time to its smallest step is known.",
                status=Status.UNTESTED,
                evidence="The log does not say whether times are cut off or brought to the nearest; "
                + ("1 ballot is" if by_rounding == 1 else f"{by_rounding:,} ballots are")
                + " outside the window by one of the two only.",
            )
        )
    if unmatched:
        found.append(
            Assumption(
                statement="The close of the voting is held for every channel.",
                status=Status.FAILS,
                evidence=f"None is held for: {', '.join(unmatched).replace('_', ' ')}; those ballots were not judged.",
            )
        )
    return tuple(found)
