"""Do the log's own numbers and its times tell the same order, and were receipts shuffled that should be?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import binom

from analysis_lib.case import Case
from analysis_lib.clocks import resolution_s
from analysis_lib.methods.ballot_kinds import TIMED_CHANNELS
from analysis_lib.methods.turnout import seen_resolution
from analysis_lib.results import Assumption, Estimate, NotAnswerable, Result, Status, TestResult
from analysis_lib.stats import inversions
from analysis_lib.stats.predictive_rates import clopper_pearson
from analysis_lib.stats.scan import rank_pvalue_error

MIN_ENTRIES = 30
US = 1_000_000
RUN = 3  # entries with one stamp
LATE_S, APART_S, MOST_BLOCK = 3600, 10, 10  # of a log in order: the block that would have shown, an hour late, ten seconds apart
MOST_BLOCKS = 3  # of numbers that servers hold at once, side by side, may look out of order together
MOST_DISPLACED = 0.5  # beyond this the numbers weren't given in the order of writing
EXPLANATIONS = {
    "seq_vs_time": (
        "A clock was set back, by hand or by its time server, and the entries after it look early.",
        "A queue that had waited, after an outage or a lost line, was written down in one go with the times of the clicks.",
        "A restored backup, or a second server's log joined on with numbers of its own.",
        "Several servers took numbers beforehand, a block each, and used them side by side.",
        "Postal or hall ballots entered together, with the time at which each was given.",
    ),
    "shuffled": (
        "The list was never mixed: it is an ordinary log whose title or description says otherwise.",
        "Receipts were mixed within each hour or each server only, and the pieces then put one after the other.",
        "Somebody sorted the file by time before handing it over.",
    ),
}
NULLS = {
    "seq_vs_time": "entries that were written down late are scattered over the log, each as late as some entry of it was",
    "shuffled": "the receipts stand in an order that was drawn at random",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Entries of one source under one clock in the order of their numbers: stamps in microseconds since 1970."""

    numbers: NDArray
    stamps: NDArray
    unit_s: int
    n_missing: int  # numbers that no row of the source bears, of any kind of ballot; 0 where rows stand in for numbers

    def tolerance(self, concurrency_s: int) -> int:
        """Give the disagreement, in microseconds, that two entries made at once and cut down to the clock's unit may show."""
        return -(-concurrency_s // self.unit_s) * self.unit_s * US

    def displaced(self, concurrency_s: int) -> NDArray:
        """Microseconds by which each entry is out of its place; see `inversions.displacement`."""
        return inversions.displacement(self.stamps, self.tolerance(concurrency_s))


def logs(case: Case) -> list[Log]:
    """Give the logs whose order means something: with running numbers, each once, or with rows said to stand by time.

    Ballots keyed in as a batch, in a hall or from the post bear the time of the paper or of the keying, and stand aside.
    """
    rows = case.rows("ballot_events").drop_nulls("at").join(case.rows("sources").select("source_id", "row_order"), on="source_id")
    by_time = pl.col("seq").count().over("source_id") == 0
    number = pl.when(by_time & (pl.col("row_order") == "by_time")).then("source_row").otherwise("seq")
    rows = rows.with_columns(number=number).drop_nulls("number").sort("source_id", "clock_id", "number", "at", "event_id")
    found = []
    for _, every in rows.group_by("source_id", "clock_id", maintain_order=True):
        own = every.filter(pl.col("batch_id").is_null() & pl.col("channel").is_in(TIMED_CHANNELS))
        if own["number"].n_unique() == own.height >= 2:
            unit = max(resolution_s(own, case.rows("clocks")), seen_resolution(own["at"], case.contest["timezone"]))
            span = int(every["number"][-1] - every["number"][0]) + 1
            found.append(
                Log(
                    numbers=own["number"].to_numpy(), stamps=own["at"].dt.epoch("us").to_numpy(), unit_s=unit,
                    n_missing=span - every["number"].n_unique() if own["seq"].count() else 0,
                )
            )  # fmt: skip
    return found


def record_order(
    held: list[Log], *, concurrency_s: int, n_resamples: int, rng: np.random.Generator, alpha: float, confidence_level: float,
    parameters: dict,
) -> TestResult:  # fmt: skip
    """Test whether entries that are out of order lie together in one block of numbers.

    Single late entries are ordinary. A block of consecutive numbers stamped before the entries that
    precede it was written down in one go, after the times that it bears.

    Parameters
    ----------
    held : list of Log
        At least one, each of at least 2 entries.
    concurrency_s : int
        Seconds by which two entries made at once may change places.

    Returns
    -------
    TestResult
        Statistic: entries in the longest block. Effect: those beyond the mean of the null's longest
        block, with the range that the null's draws give (no interval). Missing numbers and equal stamps are counted in
        the details and tested nowhere: databases skip numbers when a write is rolled back.

    Notes
    -----
    Null hypothesis: see `NULLS`. Simulated: each displacement is given to a random entry at which it could
    have shown. Discrete, so below the nominal rate in a log with few late entries.
    """
    tolerances = [log.tolerance(concurrency_s) for log in held]
    displaced = [log.displaced(concurrency_s) for log in held]
    blocks = [inversions.longest_block(d) for d in displaced]
    draws = np.max(
        [
            inversions.random_blocks(log.stamps, d, tolerance, n_resamples=n_resamples, rng=rng)
            for log, d, tolerance in zip(held, displaced, tolerances, strict=True)
        ],
        axis=0,
    )
    top = max(range(len(held)), key=lambda i: blocks[i][1])
    start, length = blocks[top]
    pvalue = float((1 + np.count_nonzero(draws >= length)) / (n_resamples + 1))
    n, k = sum(log.stamps.size for log in held), int(sum((d != 0).sum() for d in displaced))
    low, high = np.quantile(draws, [0.5 - confidence_level / 2, 0.5 + confidence_level / 2])
    share = clopper_pearson(k, n, confidence_level)
    return TestResult(
        method="record_order", form="seq_vs_time", null_hypothesis=NULLS["seq_vs_time"], alternative="greater",
        statistic=float(length), statistic_name="entries in the longest block out of order", pvalue=pvalue,
        effect=Estimate(
            name="entries of the longest block beyond those that scattered ones make", value=length - float(draws.mean()),
            low=length - float(high), high=length - float(low), confidence_level=None, unit="entries",
        ),
        n_observations=n, n_excluded=0,
        assumptions=(_own_lateness(held[top], start, length, tolerances[top], stands_out=pvalue <= alpha),),
        innocent_explanations=EXPLANATIONS["seq_vs_time"], references=("fredman1975",),
        parameters=parameters | {"concurrency_s": concurrency_s, "n_resamples": n_resamples, "confidence_level": confidence_level},
        details={
            "n_displaced": k, "nothing_out": k == 0, "share_low": share[0], "share_high": share[1],
            "n_pairs": sum(inversions.n_inversions(log.stamps, t) for log, t in zip(held, tolerances, strict=True)),
            "largest_s": max((int(np.abs(d).max()) for d in displaced), default=0) / US,
            "block": _block(held[top], displaced[top], start, length) if length else None,
            "n_logs": len(held), "n_missing": sum(log.n_missing for log in held), "stamps": _equal_stamps(held),
            "pvalue_se": rank_pvalue_error(pvalue, n_resamples),
            "smallest_visible": int(np.quantile(draws, 1 - alpha, method="higher")) + 1
            if k
            else _least_block(held, concurrency_s, alpha, n_resamples, rng),
        },
        null_draws=draws,
    )  # fmt: skip


def _own_lateness(log: Log, start: int, length: int, tolerance: int, *, stands_out: bool) -> Assumption:
    """Whether a block that stands out is what servers with blocks of numbers, or a clock set back for good, would make."""
    size = inversions.even_blocks(log.numbers, log.stamps, tolerance) if stands_out else None
    fall = inversions.set_back(log.stamps, start, length, tolerance) if stands_out else None
    status = Status.FAILS
    if size and length <= MOST_BLOCKS * size:
        evidence = (
            f"The times fall back mostly at numbers {size} apart or a multiple of it: so does a log whose numbers were taken "
            f"{size} at a time by several servers and used side by side."
        )
    elif fall:
        evidence = (
            f"After a fall of {_duration(fall)} the entries go on from the earlier time at about the usual pace: "
            "so does a log whose clock was set back by so much, whose queue waited for so long, or whose servers took numbers beforehand."
        )
    else:
        status = Status.UNTESTED
        evidence = "A queue that waits, or a clock that is set back, delays neighbours together; ask for the server's own messages of that time."
    return Assumption(
        statement="How late an entry was written down has nothing to do with how late its neighbours were.",
        status=status, evidence=evidence,
    )  # fmt: skip


def _duration(us: int) -> str:
    seconds = us / US
    unit, name = next(
        ((u, n) for u, n in ((86_400, "days"), (3600, "hours"), (60, "minutes")) if seconds >= 2 * u), (1, "seconds")
    )
    return f"{round(seconds / unit)} {name}"


def _least_block(held: list[Log], concurrency_s: int, alpha: float, n_resamples: int, rng: np.random.Generator) -> int | None:
    """Fewest entries, written `LATE_S` late into the middle of the longest log and nothing else out of order, that stand out.

    Null where so many as `MOST_BLOCK` would not.
    """
    log = max(held, key=lambda log: log.stamps.size)
    tolerance, middle = log.tolerance(concurrency_s), log.stamps.size // 2
    for length in range(2, MOST_BLOCK + 1) if tolerance < LATE_S * US else ():
        block = log.stamps[middle - 1] - LATE_S * US + APART_S * US * np.arange(length)
        stamps = np.insert(log.stamps, middle, block)
        displaced = inversions.displacement(stamps, tolerance)
        draws = inversions.random_blocks(stamps, displaced, tolerance, n_resamples=n_resamples, rng=rng)
        seen = inversions.longest_block(displaced)[1]  # where hours are empty, the entries before may look early instead
        if 1 + np.count_nonzero(draws >= seen) <= alpha * (n_resamples + 1):
            return length
    return None


def _at(stamp: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(stamp))


def _block(log: Log, displaced: NDArray, start: int, length: int) -> dict:
    own = log.stamps[start : start + length]
    before = log.stamps[:start][displaced[:start] == 0]
    after = log.stamps[start + length :][displaced[start + length :] == 0]
    shifts = displaced[start : start + length]
    return {
        "length": length, "first": _at(own.min()), "last": _at(own.max()),
        "after": _at(before.max()) if before.size else None, "before": _at(after.min()) if after.size else None,
        "n_late": int((shifts > 0).sum()), "largest_s": int(np.abs(shifts).max()) / US,
    }  # fmt: skip


def _equal_stamps(held: list[Log]) -> dict | None:
    """Stamps that three entries or more bear, and how many the busiest hours alone would make; null where no log has seconds."""
    fine = [log for log in held if log.unit_s == 1]
    if not fine:
        return None
    counts = np.concatenate([np.unique(log.stamps, return_counts=True)[1] for log in fine])
    hours = np.concatenate([np.unique(log.stamps // (3600 * US), return_counts=True)[1] for log in fine])
    runs = counts[counts >= RUN]
    return {
        "n": int(runs.size), "n_entries": int(runs.sum()), "largest": int(counts.max()),
        "expected": float((3600 * binom.sf(RUN - 1, hours, 1 / 3600)).sum()),
    }  # fmt: skip


def shuffled_lists(case: Case) -> list[NDArray]:
    """Stamps (microseconds) in the order of their file, a list for each source whose rows were meant to be mixed."""
    rows = case.rows("ballot_events").drop_nulls(["at", "source_row"])
    meant = case.rows("sources").filter(pl.col("row_order") == "shuffled").select("source_id")
    rows = rows.join(meant, on="source_id").sort("source_id", "source_row", "event_id")
    lists = [own["at"].dt.epoch("us").to_numpy() for _, own in rows.group_by("source_id", maintain_order=True)]
    return [stamps for stamps in lists if np.unique(stamps).size >= 2]


def shuffled_order(
    lists: list[NDArray], *, n_resamples: int, rng: np.random.Generator, confidence_level: float, parameters: dict
) -> TestResult:
    """Test whether receipts that were meant to be mixed stand in the order of time, either way or in pieces.

    Parameters
    ----------
    lists : list of array
        Stamps in the order of each file; not all alike within one.

    Returns
    -------
    TestResult
        Statistic: the rank version of von Neumann's ratio, near 2 in a mixed list and near 0 in a sorted
        one. Effect: Kendall's tau of the longest list, 1 in order of time and -1 against it.

    Notes
    -----
    Null hypothesis: see `NULLS`. Permutation within each list.
    """
    found = inversions.mixing(lists, n_resamples=n_resamples, rng=rng)
    longest = max(lists, key=len)
    tau, low, high = inversions.kendall(longest, confidence_level)
    return TestResult(
        method="record_order", form="shuffled", null_hypothesis=NULLS["shuffled"], alternative="less",
        statistic=found.ratio, statistic_name="rank von Neumann ratio", pvalue=found.pvalue,
        effect=Estimate(
            name="Kendall's tau of place in the file and time", value=tau, low=low, high=high,
            confidence_level=confidence_level, unit="ratio",
        ),
        n_observations=sum(stamps.size for stamps in lists), n_excluded=0,
        assumptions=(
            Assumption(
                statement="The rows are numbered as the file had them when it was made.", status=Status.UNTESTED,
                evidence="Whoever handed the file over may have sorted it; ask for the file as the system wrote it.",
            ),
        ),
        innocent_explanations=EXPLANATIONS["shuffled"], references=("bartels1982", "hollander1999"),
        parameters=parameters | {"n_resamples": n_resamples},
        details={
            "n_lists": len(lists), "rising": float((np.diff(longest) >= 0).mean()),
            "pvalue_se": rank_pvalue_error(found.pvalue, n_resamples),
            "smallest_visible": float(np.quantile(found.null_draws, parameters["alpha"])),
        },
        null_draws=found.null_draws,
    )  # fmt: skip


def _numbers_answer(case: Case) -> Result:
    plan, held = case.plan, logs(case)
    n = sum(log.stamps.size for log in held)
    needs = ("ballot_events.seq|ballot_events.source_row", "ballot_events.at", "sources.row_order")
    if n < MIN_ENTRIES:
        reason = f"Of entries with a time and a running number that comes once {n} are held; {MIN_ENTRIES} are needed."
        return NotAnswerable(method="record_order", form="seq_vs_time", reason=reason, needs=needs)
    k = int(sum((log.displaced(plan.concurrency_s) != 0).sum() for log in held))
    if k > MOST_DISPLACED * n:
        reason = f"Of {n:,} entries {k:,} are out of order, so the numbers were not given in the order of writing."
        return NotAnswerable(method="record_order", form="seq_vs_time", reason=reason, needs=needs)
    return record_order(
        held, concurrency_s=plan.concurrency_s, n_resamples=plan.n_resamples,
        rng=plan.rng(case.contest_id, "record_order", "seq_vs_time"), alpha=plan.alpha,
        confidence_level=plan.confidence_level, parameters={"zone": case.contest["timezone"]},
    )  # fmt: skip


def _shuffled_answer(case: Case) -> Result:
    plan, lists = case.plan, shuffled_lists(case)
    n = sum(stamps.size for stamps in lists)
    if n < MIN_ENTRIES:
        reason = f"Of receipts with a time, in a file whose rows were meant to be mixed, {n} are held; {MIN_ENTRIES} are needed."
        needs = ("sources.row_order", "ballot_events.source_row", "ballot_events.at")
        return NotAnswerable(method="record_order", form="shuffled", reason=reason, needs=needs)
    return shuffled_order(
        lists, n_resamples=plan.n_resamples, rng=plan.rng(case.contest_id, "record_order", "shuffled"),
        confidence_level=plan.confidence_level, parameters={"zone": case.contest["timezone"], "alpha": plan.alpha},
    )  # fmt: skip


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package: numbers against times, and files that were meant to be mixed."""
    return _numbers_answer(case), _shuffled_answer(case)


def displaced_entries(case: Case) -> pl.DataFrame:
    """Entries out of order for the chart: ``at`` (UTC), ``hours`` by which each was written after (or, below 0, before) its place."""
    parts = []
    for log in logs(case):
        shifts = log.displaced(case.plan.concurrency_s)
        parts.append(pl.DataFrame({"at": log.stamps[shifts != 0], "hours": shifts[shifts != 0] / US / 3600}))
    frame = pl.concat(parts) if parts else pl.DataFrame(schema={"at": pl.Int64, "hours": pl.Float64})
    return frame.with_columns(pl.col("at").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")).sort("at", "hours")


def places_and_times(stamps: NDArray, n_bins: int = 40) -> pl.DataFrame:
    """Middle time of each stretch of a file: ``place`` (0 to 1), ``n``, ``at`` (UTC), ``low, high`` (the middle half)."""
    bins = np.array_split(np.asarray(stamps), min(n_bins, max(1, len(stamps) // 10)))
    rows, done = [], 0
    for own in bins:
        low, middle, high = (_at(x) for x in np.quantile(own, [0.25, 0.5, 0.75]))
        rows.append({"place": (done + own.size / 2) / len(stamps), "n": own.size, "at": middle, "low": low, "high": high})
        done += own.size
    return pl.DataFrame(rows)
