"""What surrounds a late ballot: every close on record, notices of another one, sessions begun in time, and running counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl

from analysis_lib.clocks import Window
from analysis_lib.methods.ballot_kinds import COUNTED, KEYED_IN

DISPLAY_LAG_S = 300  # a running count may show ballots that much after they were cast
BEGUN = ("ballot_opened", "ballot_filled")
KEYED = pl.col("batch_id").is_not_null() | pl.col("event").is_in(KEYED_IN)
CLOSES = {
    "channel": pl.String, "basis": pl.String, "closes_at": pl.Datetime("us", "UTC"), "announced_at": pl.Datetime("us", "UTC"),
    "grace_s": pl.Int64, "after": pl.Int64,
}  # fmt: skip


def closes_on_record(ballots: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    """List every close of the voting that any source gives, and the ballots stamped after it, those entered in a batch apart.

    Returns
    -------
    DataFrame
        ``channel, basis, closes_at, announced_at, grace_s, after``; a close given alike twice stands once. A
        channel's own closes, or those for all channels in a basis where it has none, as `voting_windows` takes them.
    """
    rows = []
    voting = windows.filter((pl.col("kind") == "voting") & pl.col("closes_at").is_not_null())
    for channel in sorted(ballots["channel"].unique()):
        own_bases = voting.filter(pl.col("channel") == channel)["basis"].unique()
        held = voting.filter(
            (pl.col("channel") == channel) | ((pl.col("channel") == "all") & ~pl.col("basis").is_in(own_bases.to_list()))
        ).with_columns(pl.col("grace_s").fill_null(0))
        single = ballots.filter((pl.col("channel") == channel) & ~KEYED)["at"]
        listed = held.select("basis", "closes_at", "announced_at", "grace_s").unique().sort(pl.all(), nulls_last=False)
        for row in listed.iter_rows(named=True):
            limit = row["closes_at"] + timedelta(seconds=row["grace_s"])
            rows.append({"channel": channel} | row | {"after": int((single > limit).sum())})
    return pl.DataFrame(rows, schema=CLOSES)


def extensions(ballots: pl.DataFrame, closes: pl.DataFrame) -> list[dict]:
    """Set each amended close beside the close it changes: whether members were told before that, and the ballots between.

    Parameters
    ----------
    ballots : DataFrame
        Events that bring a ballot in, as recorded: ``event, at, channel, batch_id``.
    closes : DataFrame
        As `closes_on_record` gives them.

    Returns
    -------
    list of dict
        ``channel, old_close, new_close, announced_at, told`` (before, after or unknown: the notice against the
        earlier of the two closes), ``between`` (ballots after the earlier close and up to the later one) and
        ``before_notice`` (those of them stamped before the notice; null where its time isn't known).
    """
    found = []
    for channel in closes["channel"].unique(maintain_order=True):
        own = closes.filter(pl.col("channel") == channel)
        first = own.filter(pl.col("basis") == "advertised").sort("announced_at", "closes_at", nulls_last=False).tail(1)
        amended = own.filter(pl.col("basis") == "amended").sort("announced_at", "closes_at", nulls_last=True)
        single = ballots.filter((pl.col("channel") == channel) & ~KEYED)["at"]
        for old, new in pairwise(pl.concat([first, amended]).iter_rows(named=True)):
            early, late = sorted((old["closes_at"], new["closes_at"]))
            if early == late:
                continue
            notice = new["announced_at"]
            between = single.filter((single > early) & (single <= late))
            found.append(
                {
                    "channel": channel, "old_close": old["closes_at"], "new_close": new["closes_at"], "announced_at": notice,
                    "told": "unknown" if notice is None else "before" if notice <= early else "after",
                    "between": between.len(), "before_notice": None if notice is None else int((between < notice).sum()),
                }
            )  # fmt: skip
    return found


def sessions(events: pl.DataFrame, ballots: pl.DataFrame, windows: Mapping[str, Window]) -> dict[str, int] | None:
    """Count ballots after the close whose voter had begun before it: opened or filled in, not yet cast, not opened anew.

    Parameters
    ----------
    events : DataFrame
        All ballot events with a time: ``event_id, event, at, session_key, voter_key, credential_id``.
    ballots : DataFrame
        Those that bring a ballot in, one by one.
    windows : mapping of str to Window
        The window in force by channel.

    Returns
    -------
    dict or None
        ``begun_before``, ``begun_after``, ``unknown`` (no key, or no such event): ballots after close and grace;
        ``in_grace_begun_before``, ``in_grace_begun_after``, ``in_grace_unknown``: ballots after the close within the
        grace. Null where no opening of a ballot is on record.
    """
    if not events["event"].is_in(BEGUN).any():
        return None
    found = dict.fromkeys(
        (f"{where}{what}" for where in ("", "in_grace_") for what in ("begun_before", "begun_after", "unknown")), 0
    )
    who = pl.coalesce("session_key", "voter_key", "credential_id")
    late = pl.concat(
        ballots.filter((pl.col("channel") == channel) & ~KEYED & (pl.col("at") > window.closes_at)).select(
            "at", who=who, close=window.closes_at, grace_s=window.grace_s
        )
        for channel, window in windows.items()
    )
    own = events.with_columns(who=who).drop_nulls("who").join(late, on="who", how="semi").partition_by("who", as_dict=True)
    for at, key, close, grace_s in late.iter_rows():
        where = "in_grace_" if at <= close + timedelta(seconds=grace_s) else ""
        found[where + (_begun(own[key,].filter(pl.col("at") <= at), close) if key is not None else "unknown")] += 1
    return found


def _begun(own: pl.DataFrame, close: datetime) -> str:
    """Whether the ballot that one voter or session cast at the end of these events had been begun before the close."""
    before, after = own.filter(pl.col("at") <= close), own.filter(pl.col("at") > close)
    begun, done = (
        before.filter(pl.col("event").is_in(BEGUN))["at"].max(),
        before.filter(pl.col("event").is_in(COUNTED))["at"].max(),
    )
    if after["event"].eq("ballot_opened").any():
        return "begun_after"
    if begun is not None and (done is None or begun > done):
        return "begun_before"
    return "begun_after" if after["event"].is_in(BEGUN).any() else "unknown"


def counted_after_close(readings: pl.DataFrame, close: datetime, grace_s: int) -> dict[str, Any] | None:
    """Bound the ballots after a close from readings of one running count.

    Parameters
    ----------
    readings : DataFrame
        ``as_of``, ``voted_n`` of one series, no nulls.
    close : datetime
    grace_s : int
        Seconds after the close still in time.

    Returns
    -------
    dict or None
        ``fewest``: what the count rose from the first reading after close, grace and `DISPLAY_LAG_S` on; ``most``: what it
        rose since the last reading up to close and grace; ``before_at, after_at`` (the readings around that limit,
        ``before_at`` null where every reading is later: ``most`` is then the whole count), ``last_at``, ``last_n``.
        Null without a reading after that limit. Falls are left out, as ballots that were taken away hide others.
    """
    limit = close + timedelta(seconds=grace_s)
    series = readings.sort("as_of", "voted_n").with_columns(rise=pl.col("voted_n").diff().clip(lower_bound=0))
    before, after = series.filter(pl.col("as_of") <= limit), series.filter(pl.col("as_of") > limit)
    if not after.height:
        return None
    sure = after.filter(pl.col("as_of") > limit + timedelta(seconds=DISPLAY_LAG_S))
    return {
        "before_at": before["as_of"][-1] if before.height else None, "after_at": after["as_of"][0], "last_at": after["as_of"][-1],
        "last_n": after["voted_n"][-1], "fewest": int(sure["rise"][1:].sum()),
        "most": int(after["rise"].sum()) if before.height else int(after["voted_n"].max()),
    }  # fmt: skip
