"""When administrators sat at their work: from a login to its logout, or as long as entries follow one another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis_lib.case import Case
from analysis_lib.methods.administrators import NOBODY, labels
from analysis_lib.plaintext import count
from analysis_lib.results import Assumption, Status

IDLE_S = 1800  # so long without an entry, and no logout to come, ends a sitting
LONGEST_OPEN_S = 4 * 3600  # a logout this long after the last entry is still that sitting's
LAST_ACT_S = 60  # a sitting without a logout lasts a minute beyond its last entry
WORK = (
    "reissued_new",
    "resent_same",
    "destination_changed",
    "surfaced",
    "printed",
    "revoked",
)  # what administrators do with codes
VIEWS = ("view_turnout_list", "export_turnout_list")
DAY = 86_400
AT_A_MEETING = "when members were helped at one meeting"
FEWEST_NOTED = 5  # reissues of one account that show whether it notes requests
CHECK_LEVEL = 0.05  # of the check by sittings, which has few of them to go by


def acts(case: Case) -> pl.DataFrame:
    """Give what administrators did, from their own log and from that of codes: ``owner, at, action``, in order of time.

    The owner is the account. Where the administrators' log tells no account apart, it is the role, since that is all
    that is known. Failed logins are left out: they are no work.
    """
    log = case.rows("admin_actions").filter(
        (pl.col("action") != "login_failed") & pl.col("disposition").ne_missing("failure")
    )  # fmt: skip
    codes = case.rows("credential_events").filter(pl.col("event").is_in(WORK)).rename({"event": "action"})
    owner = "actor_key" if log["actor_key"].count() else "actor_role"
    rows = pl.concat(
        [part.select("actor_role", "at", "action", "event_id", owner=owner) for part in (log, codes)], how="vertical_relaxed"
    )
    mine = rows.drop_nulls(["owner", "at"]).filter(~pl.col("actor_role").is_in(NOBODY).fill_null(False))
    place = pl.when(pl.col("action") == "login").then(0).when(pl.col("action") == "logout").then(2).otherwise(1)
    return mine.sort("owner", "at", place, "event_id").select("owner", "at", "action")


def sittings(case: Case) -> pl.DataFrame:
    """Cut what administrators did into sittings.

    A sitting begins with a login, or with an entry after a logout or after `IDLE_S` without one. It ends with its logout
    or, where none follows within `LONGEST_OPEN_S`, a minute after its last entry.

    Returns
    -------
    DataFrame
        ``owner``, ``start``, ``end`` (UTC; end after start), ``looked_at`` (first view or export of the list of who has not voted;
        null: none), ``n_acts`` (without logins and logouts); sorted by owner and start.
    """
    before = pl.col("action").shift(1).over("owner")
    gap = (pl.col("at") - pl.col("at").shift(1).over("owner")).dt.total_seconds()
    still_open = (pl.col("action") == "logout") & (gap <= LONGEST_OPEN_S)
    begins = before.is_null() | (pl.col("action") == "login") | (before == "logout") | ((gap > IDLE_S) & ~still_open)
    numbered = acts(case).with_columns(sitting=begins.cum_sum().over("owner"))
    is_work = ~pl.col("action").is_in(["login", "logout"])
    cut = numbered.group_by("owner", "sitting").agg(
        start=pl.col("at").min(), last=pl.col("at").max(), is_closed=pl.col("action").last() == "logout", n_rows=pl.len(),
        looked_at=pl.col("at").filter(pl.col("action").is_in(VIEWS)).min(), n_acts=is_work.sum().cast(pl.Int64),
    )  # fmt: skip
    beyond = pl.duration(seconds=pl.when(pl.col("is_closed") & (pl.col("last") > pl.col("start"))).then(0).otherwise(LAST_ACT_S))
    kept = cut.filter(~(pl.col("is_closed") & (pl.col("n_rows") == 1)))  # a logout by itself tells no length
    in_order = kept.sort("owner", "start", "sitting")
    return in_order.select("owner", "start", "looked_at", "n_acts", end=pl.col("last") + beyond)


def numbered(events: pl.DataFrame) -> pl.Series:
    """Number events by the sitting in which somebody made them: those of one hand, with at most `IDLE_S` from one to the next.

    Parameters
    ----------
    events : DataFrame
        ``event_id, at`` (no null), ``actor_key``, ``actor_role``. Without an account the hand is the role, and
        all that tell neither are one hand, so that less is taken for independent, not more. What members
        and the program do by themselves is each a sitting of its own.

    Returns
    -------
    Series
        Integer, in the order of the rows.
    """
    alone = pl.col("actor_role").cast(pl.String).is_in(NOBODY).fill_null(False)
    hand = pl.coalesce(pl.when(alone).then("event_id"), "actor_key", pl.col("actor_role").cast(pl.String), pl.lit(""))
    rows = events.select("event_id", "at", hand=hand).with_row_index("row").sort("hand", "at", "event_id")
    begins = (pl.col("at").diff().dt.total_seconds().over("hand") > IDLE_S).fill_null(True)
    return rows.with_columns(sitting=begins.cast(pl.Int64).cum_sum()).sort("row")["sitting"]


def from_few_sittings(
    rows: pl.DataFrame, pvalue: float, alpha: float, again: Callable[[NDArray, NDArray], float], like: str = AT_A_MEETING
) -> tuple[Assumption, dict[str, Any]]:
    """Say whether reissues still stand out without the fullest sitting, each of the others counted as one.

    Parameters
    ----------
    rows : DataFrame
        ``unrequested`` (bool), ``sitting`` (integer) of each reissue.
    pvalue, alpha : float
        Of the test in which every reissue counts by itself, and the level at which it stands out.
    again : callable
        The same test's p-value, given which reissues are kept (bool) and each reissue's sitting. Asked only where something stands out.
    like : str
        When it innocently does come from a few.

    Returns
    -------
    assumption : Assumption
    told : dict
        ``n`` sittings with unrequested reissues; ``fullest``, the most of these in one; ``pvalue`` of the test without it (null:
        not asked); ``leaves_open``, whether the assumption fails.
    """
    unrequested, sitting = rows["unrequested"].to_numpy(), rows["sitting"].to_numpy()
    names, sizes = np.unique(sitting[unrequested], return_counts=True)
    told: dict[str, Any] = {"n": names.size, "fullest": int(sizes.max(initial=0)), "pvalue": None, "leaves_open": False}
    evidence = f"The unrequested reissues were made in {count(names.size, 'sitting')}, at most {told['fullest']:,} in one."
    if pvalue <= alpha:
        keep = ~unrequested | (sitting != names[np.argmax(sizes)])
        told["pvalue"] = again(keep, sitting) if names.size > 1 else 1.0
        told["leaves_open"] = told["pvalue"] > max(alpha, CHECK_LEVEL)
        evidence += f" Without the fullest, and with each of the others counted as one, p = {told['pvalue']:.2g}."
    return Assumption(
        statement=f"What stands out does not come from a few sittings, as {like}.",
        status=Status.FAILS if told["leaves_open"] else Status.HOLDS, evidence=evidence,
    ), told  # fmt: skip


def noted_alike(rows: pl.DataFrame) -> Assumption:
    """Say whether those who made the unrequested reissues note requests at all: a help desk may not, nor may an account set apart for it.

    Parameters
    ----------
    rows : DataFrame
        ``unrequested`` (bool) and ``actor_key`` (null: not on record) of each reissue.
    """
    hands = rows.drop_nulls("actor_key").group_by("actor_key").agg(n=pl.len(), unrequested=pl.col("unrequested").sum())
    silent = int(hands.filter((pl.col("n") == pl.col("unrequested")) & (pl.col("n") >= FEWEST_NOTED))["n"].sum())
    n = int(rows["unrequested"].sum())
    evidence = "A request by telephone that nobody logged counts as unrequested."
    if silent:
        evidence += f" {silent:,} of {n:,} unrequested reissues were made by accounts with no request noted for any: a list of calls to them would tell."
    return Assumption(
        statement="The log tells requested from unrequested reissues alike for every administrator.",
        status=Status.UNTESTED, evidence=evidence,
    )  # fmt: skip


def owner_labels(case: Case) -> dict[str, str]:
    """Name the owners of sittings: accounts by rank; where only roles are known, the role."""
    known = labels(case)
    owners = acts(case)["owner"].unique().sort().to_list()
    return {owner: known.get(owner, f"accounts of the role {owner.replace('_', ' ')}") for owner in owners}


def wall_seconds(at: pl.Series, zone: str, midnight: datetime) -> NDArray:
    """Seconds of the wall clock since a local midnight, written without its zone, for each instant."""
    local = at.dt.convert_time_zone(zone).dt.replace_time_zone(None)
    return ((local - midnight).dt.total_microseconds() // 1_000_000).to_numpy().astype(np.int64)


def first_midnight(at: datetime, zone: str) -> datetime:
    """Local midnight of the day of an instant, without its zone."""
    return at.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)


def hours_worked(rows: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Give every local hour that a sitting touches, once: ``owner, day, hour, is_weekend``.

    Counted by the clock on the wall; the hour that comes twice when clocks go back counts once.
    """
    # An hour's steps from the hour of the start, in UTC, so that no hour is skipped when clocks go forward.
    ends = pl.max_horizontal("start", pl.col("end") - pl.duration(microseconds=1))
    spans = (
        rows.select("owner", at=pl.datetime_ranges(pl.col("start").dt.truncate("15m"), ends, "15m")).explode("at").drop_nulls()
    )
    local = spans.with_columns(pl.col("at").dt.convert_time_zone(zone))
    day = pl.col("at").dt.date()
    found = local.select("owner", day=day, hour=pl.col("at").dt.hour().cast(pl.Int64), is_weekend=day.dt.weekday() >= 6)
    return found.unique().sort("owner", "day", "hour")
