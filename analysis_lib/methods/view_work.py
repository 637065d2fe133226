"""What administrators did right after they looked at the list of who has not voted. A form of `nonvoter_targeting`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis_lib.case import Case
from analysis_lib.methods.reissue_rates import REQUESTED, reissues
from analysis_lib.methods.sittings import VIEWS, owner_labels, sittings
from analysis_lib.results import Assumption, Estimate, NotAnswerable, Status, TestResult
from analysis_lib.stats.multiplicity import holm
from analysis_lib.stats.scan import rank_pvalue
from analysis_lib.stats.stratified import share_difference

METHOD, FORM = "nonvoter_targeting", "after_view"
NEEDS = (
    "admin_actions.at", "admin_actions.action", "admin_actions.actor_key", "credential_events.at", "credential_events.actor_key",
    "credential_events.trigger",
)  # fmt: skip
MIN_EACH = 3  # pieces of work of either kind, of one administrator
MIN_SITTINGS = 5
BATCH = 1_000
EDITED = ("email", "phone")
NO_REQUEST, REQUEST = ("none_found",), ("member_request_logged", "bounce_logged")
EXPLANATIONS = (
    "The officer rang up those on the list, who asked for a code by word of mouth.",
    "The list was opened to see whom the codes of that day should go to, as it is meant to be used.",
    "The list is opened at the start of every longer sitting, and work that nobody asks for is done in those.",
)
NULL = "looks at the list had nothing to do with whether the work of a sitting was asked for"


@dataclass(frozen=True, slots=True)
class Work:
    """One administrator's sittings: work (rows: sittings) in the time after a look, were it made as early in the sitting as each look seen (columns)."""

    name: str
    unasked: NDArray
    asked: NDArray
    seen: NDArray  # the sittings in which the looks were made, one for each column
    n_unasked: int
    n_asked: int

    def score(self, places: NDArray) -> NDArray:
        """Share of unrequested work after a look, less that of requested work, for looks put into other sittings (rows of places)."""
        column = np.arange(self.seen.size)
        return self.unasked[places, column].sum(axis=1) / self.n_unasked - self.asked[places, column].sum(axis=1) / self.n_asked


def pieces_of_work(case: Case) -> pl.DataFrame:
    """Give what administrators did to members' codes and contacts: ``owner, at, unasked`` (null: the cause isn't known).

    A change of contact counts only where it bears the clock of the administrators' log: else two clocks would have to agree.
    """
    known = pl.when(pl.col("trigger") != "unknown").then(~pl.col("trigger").is_in(REQUESTED))
    clocks = case.rows("admin_actions")["clock_id"].drop_nulls().unique().to_list()
    edits = case.rows("contact_changes").filter(
        pl.col("clock_id").is_in(clocks) & pl.col("field").is_in(EDITED) & pl.col("request_evidence").is_in(NO_REQUEST + REQUEST)
    )
    parts = [
        reissues(case).select("at", "voter_key", owner="actor_key", unasked=known),
        edits.select("at", "voter_key", owner="actor_key", unasked=pl.col("request_evidence").is_in(NO_REQUEST)),
    ]
    return pl.concat(parts).sort("owner", "at", "voter_key").drop("voter_key")


def works(case: Case, view_s: int) -> tuple[list[Work], int]:
    """Lay each administrator's work beside the looks at the list; second, how many pieces of work fell into no sitting or were left out."""
    every, cut, names = pieces_of_work(case), sittings(case), owner_labels(case)
    rows = every.drop_nulls()
    found, n_used = [], 0
    for owner, name in sorted(names.items(), key=lambda item: item[1]):
        own, mine = cut.filter(pl.col("owner") == owner), rows.filter(pl.col("owner") == owner)
        starts, ends = (own[side].dt.epoch("us").to_numpy() for side in ("start", "end"))
        at, unasked = mine["at"].dt.epoch("us").to_numpy(), mine["unasked"].to_numpy()
        place = np.searchsorted(starts, at, side="right") - 1
        inside = (place >= 0) & (at <= ends[np.maximum(place, 0)]) if starts.size else np.zeros(at.size, bool)
        # Sittings without such work tell nothing of its kind, and a look in them is followed by none in any case.
        worked, place = np.unique(place[inside], return_inverse=True)
        at, unasked, starts, own = at[inside], unasked[inside], starts[worked], own[worked]
        n_unasked = int(unasked.sum())
        seen = np.flatnonzero(own["looked_at"].is_not_null().to_numpy())
        if min(n_unasked, unasked.size - n_unasked) < MIN_EACH or starts.size < MIN_SITTINGS or not seen.size:
            continue
        offset = own["looked_at"].dt.epoch("us").drop_nulls().to_numpy() - starts[seen]
        since = at - starts[place]  # within its own sitting
        after = (since[:, None] >= offset) & (since[:, None] < offset + view_s * 1_000_000)
        counts = [np.zeros((starts.size, seen.size)) for _ in range(2)]
        for kind, table in zip((unasked, ~unasked), counts, strict=True):
            np.add.at(table, place[kind], after[kind])
        n_used += at.size
        found.append(Work(name, *counts, seen, n_unasked, at.size - n_unasked))
    return found, every.height - n_used


def work_after_view(
    found: list[Work],
    *,
    view_s: int,
    confidence_level: float,
    alpha: float,
    n_resamples: int,
    rng: np.random.Generator,
    n_excluded: int,
) -> TestResult:
    """Is work that nobody asked for done after a look at the list more than work that was asked for?

    A look is followed by work in any case, for both belong to a sitting; so only the kinds of work are compared.

    Parameters
    ----------
    found : list of Work
        By administrator.
    view_s : int
        Seconds after a look that are set apart.

    Returns
    -------
    TestResult
        Statistic: unrequested pieces of work within that time after a look, of the administrator with the smallest
        p-value. Effect: share of unrequested work done then, less that of requested work, Newcombe's interval.
        p-value: smallest after Holm.

    Notes
    -----
    Null hypothesis: see `NULL`. The looks of an administrator are put at random into that administrator's sittings with
    such work, as far from the start as they were; work stays where it is, since the work of one sitting comes together. An
    administrator who looks at the list in nearly every sitting can't stand out.
    """
    told, nulls = [], []
    for work in found:
        score = float(work.score(work.seen[None])[0])
        null = np.concatenate([work.score(_dealt(work, n, rng)) for n in _batches(n_resamples)])
        column = np.arange(work.seen.size)
        after = [int(table[work.seen, column].sum()) for table in (work.unasked, work.asked)]
        nulls.append(null)
        told.append(
            {
                "administrator": work.name, "sittings": work.unasked.shape[0], "looks": int(work.seen.size),
                "unasked_after": after[0], "n_unasked": work.n_unasked, "asked_after": after[1], "n_asked": work.n_asked,
                "pvalue": rank_pvalue(score, null),
            }
        )  # fmt: skip
    adjusted = holm([row["pvalue"] for row in told])
    told = [row | {"pvalue_adjusted": float(p)} for row, p in zip(told, adjusted, strict=True)]
    top = min(range(len(told)), key=lambda i: (told[i]["pvalue"], told[i]["administrator"]))
    row, null = told[top], nulls[top]
    value, low, high = share_difference(
        row["unasked_after"], row["n_unasked"], row["asked_after"], row["n_asked"], confidence_level
    )
    level = alpha / len(told)
    needed = int(np.floor((np.quantile(null, 1 - level) + row["asked_after"] / row["n_asked"]) * row["n_unasked"])) + 1
    return TestResult(
        method=METHOD, form=FORM, null_hypothesis=NULL, alternative="greater",
        statistic=float(row["unasked_after"]), statistic_name="pieces of work that nobody asked for, soon after a look at the list",
        pvalue=float(adjusted.min()),
        effect=Estimate(
            name="share done soon after a look at the list, work not asked for less work asked for", value=value, low=low, high=high,
            confidence_level=confidence_level, unit="points",
        ),
        n_observations=sum(row["n_unasked"] + row["n_asked"] for row in told), n_excluded=n_excluded,
        assumptions=(
            Assumption(
                statement="Requests were noted alike in all sittings.", status=Status.UNTESTED,
                evidence="Members rung up after a look may ask by word of mouth.",
            ),
        ),
        innocent_explanations=EXPLANATIONS, references=("westfall1993", "holm1979"),
        parameters={"view_s": view_s, "n_resamples": n_resamples},
        details={
            "administrators": sorted(told, key=lambda row: (row["pvalue"], row["administrator"])),
            "smallest_visible": needed if n_resamples * level >= 1 and needed <= row["n_unasked"] else None,
        },
        null_draws=null,
    )  # fmt: skip


def _batches(n: int) -> list[int]:
    return [min(BATCH, n - start) for start in range(0, n, BATCH)]


def _dealt(work: Work, n: int, rng: np.random.Generator) -> NDArray:
    order = np.tile(np.arange(work.unasked.shape[0]), (n, 1))
    return rng.permuted(order, axis=1)[:, : work.seen.size]


def after_view(case: Case) -> TestResult | NotAnswerable:
    """Answer for one contest of a package."""
    missing = case.missing(NEEDS)
    if missing or not case.rows("admin_actions").filter(pl.col("action").is_in(VIEWS)).height:
        reason = "Who did what when isn't held." if missing else "No look at the list of who has not voted is on record."
        return NotAnswerable(method=METHOD, form=FORM, reason=reason, needs=missing or ("admin_actions.action",))
    plan = case.plan
    found, n_left_out = works(case, plan.view_s)
    if not found:
        reason = (
            f"No administrator with {MIN_SITTINGS} sittings, a look at the list among them, made {MIN_EACH} reissues that were asked for and "
            f"{MIN_EACH} that were not."
        )
        return NotAnswerable(method=METHOD, form=FORM, reason=reason, needs=("credential_events.trigger", "admin_actions.action"))
    return work_after_view(
        found, view_s=plan.view_s, confidence_level=plan.confidence_level, alpha=plan.alpha, n_resamples=plan.n_resamples,
        rng=plan.rng(case.contest_id, METHOD, FORM), n_excluded=n_left_out,
    )  # fmt: skip
