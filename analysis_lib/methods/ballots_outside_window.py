"""Were ballots recorded before the opening or after the close?"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from analysis_lib.case import Case
from analysis_lib.clocks import IN_FORCE, Window, readings, resolution_s, voting_windows
from analysis_lib.results import Assumption, Breach, NotAnswerable, Result, Status, Verdict

COUNTED = ("cast", "recast", "entered_by_officer", "imported")
WINDOW_ACTIONS = ("window_changed", "contest_opened", "contest_closed", "contest_reopened")
EXPLANATIONS = (
    "A session that was open at the close was allowed to finish, by a documented grace.",
    "The window was extended, and the notice is not among the papers held.",
    "The stamp is that of processing, queueing or keying in, not of the voter's click.",
    "A clock or its time zone is wrong, or the poll was closed by hand a little late.",
    "Paper or telephone ballots given in time were entered afterwards.",
)


def ballots_outside_window(
    ballots: pl.DataFrame, clocks: pl.DataFrame, windows: pl.DataFrame, *, zone: str, tolerances_s: tuple[int, ...]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Count ballots stamped before the opening and after the close, in every basis and under every clock reading.

    A stamp after the close is a fact about the log; whether it breaks a rule depends on which
    window was in force and what the clock recorded.

    Parameters
    ----------
    ballots : DataFrame
        Ballot events that bring a ballot in: ``event_id``, ``at`` (UTC, no nulls), ``clock_id``,
        ``at_raw`` (as in the log), ``channel``, ``batch_id`` (null: not entered in a batch), ``actor_role``.
    clocks, windows : DataFrame
        The clocks and contest_windows tables.
    zone : str
        IANA zone of the advertised times.
    tolerances_s : tuple of int
        Seconds past the close (and before the opening) still taken as in time.

    Returns
    -------
    counts : DataFrame
        ``channel, basis, reading, tolerance_s, n, before, after, batch_after``: ballots entered in a
        batch bear the time of entry, so they are counted apart.
    late : DataFrame
        One row per ballot outside the window in force as recorded, tolerance 0: ``event_id, at, at_raw,
        channel, actor_role, seconds`` (past the close; negative: before the opening), ``in_batch``.
    """
    rows, late = [], []
    for channel in sorted(ballots["channel"].unique()):
        own = ballots.filter(pl.col("channel") == channel).sort("at", "event_id")
        unit = resolution_s(own, clocks)
        found = voting_windows(windows, channel)
        for basis, window in found.items():
            for reading, at in readings(own, clocks, zone).items():
                for tolerance in tolerances_s:
                    before, after = _outside(at, window, tolerance, unit)
                    batch = own["batch_id"].is_not_null()
                    rows.append(
                        {
                            "channel": channel, "basis": basis, "reading": reading, "tolerance_s": tolerance, "n": own.height,
                            "before": int((before & ~batch).sum()), "after": int((after & ~batch).sum()),
                            "batch_after": int((after & batch).sum()),
                        }
                    )  # fmt: skip
        basis = in_force(found)
        if basis:
            late.append(_listed(own, found[basis], unit))
    schema = {"channel": pl.String, "basis": pl.String, "reading": pl.String} | dict.fromkeys(
        ("tolerance_s", "n", "before", "after", "batch_after"), pl.Int64
    )
    return pl.DataFrame(rows, schema=schema), pl.concat(late) if late else pl.DataFrame()


def in_force(found: dict[str, Window]) -> str | None:
    """Name the basis that members were last told of, among those held."""
    return next((basis for basis in IN_FORCE if basis in found), None)


def _outside(at: pl.Series, window: Window, tolerance: int, unit: int) -> tuple[pl.Series, pl.Series]:
    """A stamp is late only if every instant it can stand for is: stamps are cut down to their unit, so it must exceed the close."""
    never = pl.Series([False] * at.len(), dtype=pl.Boolean)
    before = at + timedelta(seconds=unit + tolerance) <= window.opens_at if window.opens_at else never
    after = at > window.closes_at + timedelta(seconds=window.grace_s + tolerance) if window.closes_at else never
    return before.fill_null(False), after.fill_null(False)


def _listed(own: pl.DataFrame, window: Window, unit: int) -> pl.DataFrame:
    before, after = _outside(own["at"], window, 0, unit)
    past = (pl.col("at") - window.closes_at).dt.total_seconds() if window.closes_at else pl.lit(0)
    ahead = (pl.col("at") - window.opens_at).dt.total_seconds() if window.opens_at else pl.lit(0)
    return own.with_columns(
        seconds=pl.when(after).then(past).otherwise(ahead), in_batch=pl.col("batch_id").is_not_null()
    ).filter(before | after).select("event_id", "at", "at_raw", "channel", "actor_role", "seconds", "in_batch")  # fmt: skip


def brought_in(case: Case) -> pl.DataFrame:
    """Give the events that bring a ballot in, with a time."""
    return case.rows("ballot_events").filter(pl.col("event").is_in(COUNTED) & pl.col("at").is_not_null()).sort("at", "event_id")


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package."""
    ballots, clocks, windows = brought_in(case), case.rows("clocks"), case.rows("contest_windows")
    missing = case.missing(("ballot_events.at", "contest_windows.closes_at"))
    if missing or not ballots.height:
        reason = "Ballots with a time and an advertised, configured or actual close are needed together."
        return (NotAnswerable(method="ballots_outside_window", reason=reason, needs=missing or ("ballot_events.at",)),)
    zone = case.contest["timezone"]
    counts, late = ballots_outside_window(ballots, clocks, windows, zone=zone, tolerances_s=case.plan.tolerances_s)
    forced = {channel: in_force(voting_windows(windows, channel)) for channel in ballots["channel"].unique()}
    headline = counts.filter(
        (pl.col("tolerance_s") == min(case.plan.tolerances_s))
        & (pl.col("basis") == pl.col("channel").replace_strict(forced, default=None, return_dtype=pl.String))
    )
    by_reading = headline.group_by("reading").agg(n=(pl.col("before") + pl.col("after")).sum()).sort("reading")
    recorded = int(by_reading.filter(pl.col("reading") == "as_recorded")["n"].sum())
    fewest, most = int(by_reading["n"].min() or 0), int(by_reading["n"].max() or 0)
    verdict = Verdict.BREACH_RECORDED if fewest else Verdict.UNDETERMINED if most else Verdict.NO_BREACH
    single = late.filter(~pl.col("in_batch")) if late.height else late
    unmatched = sorted(channel for channel, basis in forced.items() if basis is None)
    return (
        Breach(
            method="ballots_outside_window",
            rule="every ballot is cast within the window in force for its channel",
            verdict=verdict,
            statistic=recorded,
            statistic_name="ballots stamped outside the window in force",
            n_observations=ballots.height,
            n_excluded=int(case.rows("ballot_events").filter(pl.col("event").is_in(COUNTED) & pl.col("at").is_null()).height),
            assumptions=_assumptions(ballots, clocks, case, unmatched),
            innocent_explanations=EXPLANATIONS,
            parameters={"tolerances_s": list(case.plan.tolerances_s)},
            details={
                "before": int(headline.filter(pl.col("reading") == "as_recorded")["before"].sum()),
                "after": int(headline.filter(pl.col("reading") == "as_recorded")["after"].sum()),
                "batch_after": int(headline.filter(pl.col("reading") == "as_recorded")["batch_after"].sum()),
                "fewest": fewest,
                "most": most,
                "basis_in_force": {channel: basis for channel, basis in sorted(forced.items()) if basis},
                "counts": counts.to_dicts(),
                "by_role": _by_role(single),
                "longest_s": int(single["seconds"].max()) if single.height else None,
                "window_actions": case.rows("admin_actions").filter(pl.col("action").is_in(WINDOW_ACTIONS)).sort("at", "event_id")
                .select("at", "action", "actor_role").to_dicts(),
            },
        ),
    )  # fmt: skip


def _by_role(single: pl.DataFrame) -> list[dict]:
    if not single.height:
        return []
    rows = single.with_columns(pl.col("actor_role").fill_null("unknown")).group_by("channel", "actor_role").len("n")
    return rows.sort("channel", "actor_role").to_dicts()


def _assumptions(ballots: pl.DataFrame, clocks: pl.DataFrame, case: Case, unmatched: list[str]) -> tuple[Assumption, ...]:
    named = ballots.select("clock_id").unique().join(clocks, on="clock_id", how="inner")
    unsure = named.filter(pl.col("tz_basis").is_in(["inferred_from_anchor", "assumed"])).height or not named.height
    processed = named.filter(~pl.col("write_semantics").is_in(["event_time"])).height
    found = [
        Assumption(
            statement="The zone of the log's clock is as stated.",
            status=Status.UNTESTED if unsure else Status.HOLDS,
            evidence="The zone is assumed or no clock is described; the count is given under the other reading too."
            if unsure
            else "The log states its zone or offset.",
        ),
        Assumption(
            statement="A stamp is the time of casting, not of processing.",
            status=Status.UNTESTED if processed or not named.height else Status.HOLDS,
            evidence="The clock's description does not say that it is the time of the event."
            if processed or not named.height
            else "The clock's description says so.",
        ),
    ]
    if unmatched:
        found.append(
            Assumption(
                statement="A voting window is held for every channel.",
                status=Status.FAILS,
                evidence=f"None is held for: {', '.join(unmatched)}; those ballots were not judged.",
            )
        )
    return tuple(found)
