"""Ballots counted by choice, branch, channel and time, however their times are held. Shared by the questions on late choices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from analysis_lib.case import Case
from analysis_lib.clocks import window_in_force
from analysis_lib.methods.ballot_kinds import COUNTED
from analysis_lib.methods.declared import candidate_totals
from analysis_lib.methods.interim_totals import READ_WITHIN_S, STRATUM, Interim, interim_totals, nearest_cut
from analysis_lib.plaintext import count
from analysis_lib.secrecy import LINKABLE

DAY_S = 86400.0
UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
FIRST_PREFERENCES, FINAL_TWO = "first", "final_two"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Ballots by ``unit, channel, start, end, candidate, n``: each was cast from `start` to before `end` (null: not known).

    `road`: "stamps" (times of single ballots, where rules allow the link), "bins" or "interim" (differences of running totals).
    `n_left_out`: ballots without a choice, a time or a first preference of their own.
    """

    rows: pl.DataFrame
    road: str
    is_ranked: bool
    n_left_out: int
    interim: Interim | None = None


def choice_counts(case: Case, preference: str = FIRST_PREFERENCES) -> Counts | None:
    """Count ballots by choice and time along the best road that the package allows; null where there is none.

    Parameters
    ----------
    preference : {'first', 'final_two'}
        First preferences, or which of the last two candidates a ballot ranks higher. Interim totals know only the former.
    """
    choices = _valid(case.rows("ballot_choices"))
    is_ranked = bool((choices["rank"] > 1).any())
    timed, road = _timed(case, choices)
    if not timed.height:
        interim = interim_totals(case) if preference == FIRST_PREFERENCES else None
        if interim is None:
            return None
        return Counts(rows=interim.between(), road="interim", is_ranked=False, n_left_out=0, interim=interim)
    n_ballots = choices["ballot_id"].n_unique()
    kept = timed.join(_preferred(case, choices, preference), on="ballot_id")
    by = ["unit", "channel", "start", "end", "candidate"]
    rows = kept.group_by(by).agg(n=pl.len().cast(pl.Int64)).sort(by, nulls_last=True)
    return Counts(rows=rows, road=road, is_ranked=is_ranked, n_left_out=n_ballots - kept.height)


def _valid(choices: pl.DataFrame) -> pl.DataFrame:
    return choices.filter(pl.col("valid").fill_null(True))


def _preferred(case: Case, choices: pl.DataFrame, preference: str) -> pl.DataFrame:
    """One candidate a ballot; ballots with two at the same place, or none, are left out."""
    ranked = choices.drop_nulls("candidate_id")
    if preference == FINAL_TWO:
        ranked = ranked.filter(pl.col("candidate_id").is_in(final_two(case)))
    best = ranked.filter(pl.col("rank") == pl.col("rank").min().over("ballot_id"))
    if preference == FIRST_PREFERENCES:
        best = best.filter(pl.col("rank") == 1)
    alone = best.filter(pl.len().over("ballot_id") == 1)
    return alone.select("ballot_id", candidate="candidate_id")


def final_two(case: Case) -> list[str]:
    """Name the last two candidates: of the last round declared, else those with most first preferences."""
    totals = candidate_totals(case.rows("results"), "first")
    if len(totals) < 2:
        firsts = _valid(case.rows("ballot_choices")).filter(pl.col("rank") == 1).drop_nulls("candidate_id")
        counted = firsts.group_by("candidate_id").len("n").sort(["n", "candidate_id"], descending=[True, False])
        totals = list(counted.iter_rows())
    return [candidate for candidate, _ in totals[:2]]


def _timed(case: Case, choices: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """When each ballot was cast: ``ballot_id, unit, channel, start, end``."""
    one = choices.sort("ballot_id", "rank").unique("ballot_id", keep="first", maintain_order=True)
    one = one.select("ballot_id", pl.col("unit").fill_null(""), pl.col("channel").fill_null("unknown"), "cast_bin")
    if case.contest["secrecy"] in LINKABLE:
        events = case.rows("ballot_events").filter(
            pl.col("event").is_in(COUNTED) & pl.col("at").is_not_null() & pl.col("ballot_id").is_not_null()
        )
        stamps = events.sort("at", "event_id").unique("ballot_id", keep="last", maintain_order=True).select("ballot_id", "at")
        linked = one.join(stamps, on="ballot_id").select("ballot_id", "unit", "channel", start="at", end="at")
        if linked.height:
            return linked.sort("ballot_id"), "stamps"
    # Spans may be of another length in each channel and branch.
    over = ["unit", "channel"]
    ends = one.select(*over, start="cast_bin").drop_nulls("start").unique().sort(*over, "start")
    ends = ends.with_columns(end=pl.col("start").shift(-1).over(over))
    binned = (
        one.drop_nulls("cast_bin").rename({"cast_bin": "start"}).join(ends, on=[*over, "start"], how="left", nulls_equal=True)
    )
    return binned.select("ballot_id", "unit", "channel", "start", "end").sort("ballot_id"), "bins"


def cut_at(case: Case, channel: str, cut_s: int) -> datetime | None:
    """Give the instant from which a ballot of a channel is late: so many seconds before its close in force; 0: the close itself.

    A documented grace moves only the close itself. Of "all" channels, and of one with no window, the last close counts.
    """
    windows = case.rows("contest_windows")
    names = [channel] if channel not in ("all", "unknown") else []
    names += windows.filter(pl.col("kind") == "voting")["channel"].unique().sort().to_list() if not names else []
    held = [window for name in names if (window := window_in_force(windows, name)) and window.closes_at]
    closes = [window.closes_at + timedelta(seconds=0 if cut_s else window.grace_s) for window in held]
    return max(closes) - timedelta(seconds=cut_s) if closes else None


def cuts_that_differ(cuts: Mapping[str, datetime]) -> dict[str, Any]:
    """Give ``cuts``, each channel with its own, where channels have different ones; nothing where one instant tells it."""
    own = [{"channel": channel, "at": at} for channel, at in sorted(cuts.items())]
    return {"cuts_by_channel": own} if len(set(cuts.values())) > 1 else {}


def form_of(cut_s: int, preference: str = FIRST_PREFERENCES) -> str:
    """Name the form of one cut-off."""
    name = "after_close" if cut_s == 0 else f"last_{cut_s}_s"
    return name if preference == FIRST_PREFERENCES else f"{name}_{preference}"


def span_of(cut_s: int) -> str:
    """Name in words what counts as late: "after the close", "the last day before the close", "the last 6 hours before the close"."""
    if cut_s == 0:
        return "after the close"
    size, noun = next(unit for unit in UNITS if cut_s % unit[0] == 0)
    return f"the last {noun if cut_s == size else count(cut_s // size, noun)} before the close"


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Counts on either side of a cut: ``stratum, is_late, candidate, n, at_days`` (days from the cut), and what was left out.

    `cut_at` is the latest cut over the channels, `cuts` each channel's own. `n_straddling` ballots lie in bins that the cut divides.
    """

    rows: pl.DataFrame
    cut_at: datetime
    cuts: Mapping[str, datetime]
    n_straddling: int
    n_without_close: int


def split(case: Case, counts: Counts, cut_s: int) -> Split | None:
    """Divide counts at a cut, each channel at its own; null where no close is held."""
    cuts = {channel: cut_at(case, channel, cut_s) for channel in counts.rows["channel"].unique().sort()}
    known = {channel: at for channel, at in cuts.items() if at is not None}
    if not known:
        return None
    if counts.interim is not None:
        known = dict.fromkeys(cuts, nearest_cut(counts.interim.instants, max(known.values())))
    cut = pl.col("channel").replace_strict(known, default=None, return_dtype=pl.Datetime("us", "UTC"))
    rows = counts.rows.with_columns(cut=cut)
    if counts.interim is not None:  # a branch read a little earlier or later is divided there
        own = counts.interim.own_readings(max(known.values())).filter(pl.col("away_s").abs() <= READ_WITHIN_S)
        rows = rows.join(own, on=STRATUM, how="left", maintain_order="left").with_columns(cut=pl.coalesce("own", "cut"))
    inside = rows.drop_nulls("cut")
    if counts.road == "stamps":
        late = pl.col("start") > pl.col("cut") if cut_s == 0 else pl.col("start") >= pl.col("cut")
        on_time = ~late
    else:
        late, on_time = (pl.col("start") >= pl.col("cut")).fill_null(False), (pl.col("end") <= pl.col("cut")).fill_null(False)
    middle = pl.coalesce(pl.col("start") + (pl.col("end") - pl.col("start")) / 2, "start", "end")
    sided = inside.filter(late | on_time).select(
        stratum=pl.concat_str(pl.col("unit"), pl.lit(" / "), pl.col("channel")),
        is_late=late, candidate="candidate", n="n", at_days=(middle - pl.col("cut")).dt.total_seconds() / DAY_S,
    )  # fmt: skip
    by = ["stratum", "is_late", "candidate", "at_days"]
    return Split(
        rows=sided.group_by(by).agg(pl.col("n").sum()).sort(by),
        cut_at=max(known.values()),
        cuts=known,
        n_straddling=int(inside["n"].sum() - sided["n"].sum()),
        n_without_close=int(rows["n"].sum() - inside["n"].sum()),
    )


def running_shares(counts: Counts, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Give the share of the first two candidates at each reading, and the lead, all in [0, 1]; `at` is null in the final figures.

    A branch that wasn't read at an instant stands as it did at its last reading before.
    """
    if counts.interim is None:
        return []
    final = counts.interim.running.filter(pl.col("at").is_null()).group_by("candidate").agg(pl.col("n").sum())
    first, second = (*final.sort(["n", "candidate"], descending=[True, False])["candidate"], "", "")[:2]
    rows = []
    for at in [*counts.interim.instants, None]:
        held = dict((final if at is None else counts.interim.standing(at, slack_s=0)).iter_rows())
        whole = max(1, sum(held.values()))
        ahead, behind = (held.get(candidate, 0) / whole for candidate in (first, second))
        rows.append(
            {
                "at": at, "n": sum(held.values()), "first": names.get(first, first), "share_first": ahead,
                "second": names.get(second, second), "share_second": behind, "lead": ahead - behind,
            }
        )  # fmt: skip
    return rows
