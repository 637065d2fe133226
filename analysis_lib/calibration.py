"""How often does each method raise a false alarm, and how often does it find what was planted? Measured, end to end.

    python -m analysis_lib.calibration --contests 400 --out tests/golden/calibration.csv

Every contest is simulated, written as a data package, opened through the door and answered like a real one.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl

from analysis_lib import simulate
from analysis_lib.case import Case, open_case
from analysis_lib.methods.registry import CHAPTERS, answer_chapter
from analysis_lib.results import TestResult, Verdict

N_RESAMPLES = 999
READ_EVERY_MIN = 10
LEVELS = (0.01, 0.05, 0.1)


def one_contest(seed: int, plants: Iterable[str] = (), **setting) -> list[dict]:
    """Simulate one contest and answer every question of it: ``question, form, pvalue`` (null for a breach), ``verdict``."""
    world = simulate.Setting(plants=frozenset(plants), **setting)
    made, peers = simulate.selection(seed, world), simulate.peers(seed, 20, world)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        simulate.write_package(made, folder, name="calibration", title="Made up", description="Made up.", peers=peers)
        case = open_case(folder, n_resamples=N_RESAMPLES)
        rows += _answers(case)
    with tempfile.TemporaryDirectory() as folder:
        counted = simulate.Selection(made.seed, made.setting, _counted(made), made.truth)
        simulate.write_package(counted, folder, name="calibration", title="Made up", description="Made up.")
        rows += _answers(open_case(folder, n_resamples=N_RESAMPLES), ("10_turnout_timing",))
    return [{"seed": seed} | row for row in rows]


def _answers(case: Case, chapters: Iterable[str] = CHAPTERS) -> list[dict]:
    return [
        {
            "question": noun,
            "form": finding.result.form,
            "pvalue": getattr(finding.result, "pvalue", None),
            "verdict": str(finding.verdict),
        }
        for chapter in chapters
        for noun, findings in answer_chapter(chapter, case).items()
        for finding in findings
        if isinstance(finding.result, TestResult) or finding.verdict is not Verdict.CANNOT_BE_ANSWERED
    ]


def _counted(made: simulate.Selection) -> dict[str, pl.DataFrame]:
    """The same contest as a screen would have shown it: a running count every ten minutes in place of single ballots."""
    setting, ballots = made.setting, made.tables["ballot_events"]
    online = ballots.filter((pl.col("channel") == "online") & (pl.col("event") == "cast"))["at"].dt.epoch("s").sort().to_numpy()
    start, end = int(setting.opens_at.timestamp()), int(setting.closes_at.timestamp())
    as_of = np.arange(start, end + 1, READ_EVERY_MIN * 60)
    counts = pl.DataFrame(
        {
            "contest_id": made.tables["contests"]["contest_id"][0],
            "as_of": pl.Series(as_of * 1_000_000).cast(pl.Datetime("us", "UTC")),
            "channel": "online",
            "unit": "ALL",
            "voted_n": np.searchsorted(online, as_of, side="right"),
            "source_id": made.tables["ballot_events"]["source_id"][0],
        }
    )
    tables = {name: frame for name, frame in made.tables.items() if name not in ("ballot_events", "credential_events")}
    return tables | {"turnout_counts": counts}


def _start(args: tuple[int, tuple[str, ...], dict]) -> list[dict]:
    return one_contest(args[0], args[1], **args[2])


def run(n: int, *, first_seed: int, plants: tuple[str, ...] = (), jobs: int = 2, **setting) -> pl.DataFrame:
    """Answer `n` contests with seeds from `first_seed` on, in a pool of fresh processes."""
    for name in ("POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # two processes with two threads each wait for one another
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        rows = pool.map(_start, [(seed, plants, setting) for seed in range(first_seed, first_seed + n)], chunksize=4)
    return pl.DataFrame([row for part in rows for row in part], infer_schema_length=None)


def summary(answers: pl.DataFrame) -> pl.DataFrame:
    """Share of contests at or below each level, by question and form; for breaches, the share that record one."""
    tests = answers.filter(pl.col("pvalue").is_not_null()).group_by("question", "form").agg(
        pl.len().alias("contests"), *[(pl.col("pvalue") <= level).mean().round(4).alias(f"share_p_at_most_{level}") for level in LEVELS]
    )  # fmt: skip
    breaches = answers.filter(pl.col("pvalue").is_null()).group_by("question", "form").agg(
        pl.len().alias("contests"), (pl.col("verdict") == "breach_recorded").mean().round(4).alias("share_breach_recorded")
    )  # fmt: skip
    return pl.concat([tests, breaches], how="diagonal").sort("question", "form")


def main() -> None:
    """Write the table of rates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--contests", type=int, default=400)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--plants", nargs="*", default=(), choices=simulate.PLANTS)
    parser.add_argument("--noise-cv", type=float, default=0.6)
    parser.add_argument("--answers", type=Path, help="write every single answer here too")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    answers = run(options.contests, first_seed=options.first_seed, plants=tuple(options.plants), noise_cv=options.noise_cv)
    if options.answers:
        answers.write_csv(options.answers)
    table = summary(answers)
    table.write_csv(options.out)
    print(table)


if __name__ == "__main__":
    main()
