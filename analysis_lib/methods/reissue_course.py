"""Members from the opening to their ballot, in the state they were in at each instant. Shared by reissue_hazard and its charts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis_lib.case import Case
from analysis_lib.clocks import window_in_force
from analysis_lib.methods.members import roll_in_force
from analysis_lib.methods.reissue_rates import REQUESTED, reissues
from analysis_lib.methods.reissue_to_ballot_delay import first_ballots
from analysis_lib.methods.sittings import numbered

FAR = np.iinfo(np.int64).max // 4
BALLOT, SECOND_REISSUE, FOLLOWED_TO_THE_END = 1, 2, 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Rows at risk, in microseconds since the opening, and who of them was followed after a reissue.

    `start`, `stop`, `event`, `stratum`: as `cox.risk_rows` has them. `member` is the place in `reissued` of a row after a
    reissue, -1 before it or without one. `reissued` has one row per member followed after a reissue:
    ``unrequested, sitting`` (`sittings.numbered`), ``actor_key``, ``delay_us`` (microseconds), ``cause`` (1: a ballot; 2: a second reissue; 0: the close).
    """

    start: NDArray
    stop: NDArray
    event: NDArray
    stratum: NDArray
    member: NDArray
    reissued: pl.DataFrame
    left_out: dict[str, int]


def course(case: Case) -> Course:
    """Follow every member on the roll from the opening to the first ballot, or the close, through the first reissue.

    Nobody is counted as reissued before they were (no immortal time): until the reissue a member waits among the others. A
    second reissue ends it, and so does a first one of which the log does not say what set it off.

    Returns
    -------
    Course
        `left_out` counts members with a reissue who are not followed after it: ``not_on_the_roll``, ``already_voted``,
        ``unknown_trigger``, ``after_the_close``; and ``before_the_opening``, members whose ballot is stamped before it.
    """
    window = window_in_force(case.rows("contest_windows"), "online")
    new = reissues(case).drop_nulls(["at", "voter_key"])
    new = new.with_columns(sitting=numbered(new))
    first = new.unique("voter_key", keep="first", maintain_order=True)
    second = new.join(first.select("event_id"), on="event_id", how="anti").group_by("voter_key").agg(again=pl.col("at").min())
    kind = pl.when(pl.col("trigger").is_null() | (pl.col("trigger") == "unknown")).then(None).otherwise(
        ~pl.col("trigger").is_in(REQUESTED)
    )  # fmt: skip
    votes, roll = first_ballots(case), roll_in_force(case).filter(pl.col("eligible").fill_null(True))
    members = (
        roll.select("voter_key", pl.col("unit").fill_null(""))
        .join(votes, on="voter_key", how="left").join(first.select("voter_key", "at", "sitting", "actor_key", unrequested=kind), on="voter_key", how="left")
        .join(second, on="voter_key", how="left").sort("voter_key")
    )  # fmt: skip
    times = pl.concat([votes["voted_at"], new["at"]]).dt.epoch("us")
    opens = _edge(window.opens_at if window else None, times.min())
    closes = _edge(window.closes_at if window else None, times.max()) - opens
    voted, reissued, again = (
        members[name].dt.epoch("us").fill_null(FAR).to_numpy() - opens for name in ("voted_at", "at", "again")
    )
    late = voted < 0
    exit_ = np.minimum(voted, closes)
    has = members["at"].is_not_null().to_numpy()
    known = members["unrequested"].is_not_null().to_numpy()
    reissued = np.maximum(reissued, 0)
    live = has & (reissued <= voted) & (reissued < closes) & ~late
    left_out = {
        "not_on_the_roll": first.join(members, on="voter_key", how="anti").height,
        "already_voted": int((has & (reissued > voted)).sum()),
        "unknown_trigger": int((live & ~known).sum()),
        "after_the_close": int((has & (reissued <= voted) & (reissued >= closes) & ~late).sum()),
        "before_the_opening": int((late & ~(has & (reissued > voted))).sum()),
    }
    # Before a reissue, or all the way without one.
    until = np.where(live, reissued, exit_)
    waits = ~late & (until > 0)
    rows = [
        (
            np.zeros(waits.sum(), np.int64),
            until[waits],
            (~live & (voted <= closes))[waits],
            np.flatnonzero(waits),
            np.full(waits.sum(), -1),
        )
    ]
    who = np.flatnonzero(live & known)
    begin = reissued[who]
    end = np.maximum(np.minimum(exit_[who], again[who]), begin + 1)  # a ballot in the very instant gets the smallest duration
    came = (voted[who] <= np.minimum(again[who], closes)).astype(bool)
    cause = np.where(came, BALLOT, np.where(again[who] < exit_[who], SECOND_REISSUE, FOLLOWED_TO_THE_END))
    rows.append((begin, end, came, who, np.arange(who.size)))
    start, stop, event, place, member = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    frame = pl.DataFrame({
        "unrequested": members["unrequested"].to_numpy()[who].astype(bool), "sitting": members["sitting"].gather(who),
        "actor_key": members["actor_key"].gather(who),
        "delay_us": end - begin, "cause": cause,
    })  # fmt: skip
    return Course(
        start=start, stop=stop, event=event, stratum=members["unit"].to_numpy()[place], member=member,
        reissued=frame, left_out=left_out,
    )  # fmt: skip


def _edge(known: object, seen: int | None) -> int:
    return pl.Series([known], dtype=pl.Datetime("us", "UTC")).dt.epoch("us").item() if known is not None else int(seen or 0)
