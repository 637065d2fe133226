"""How often does each method raise a false alarm, and how often does it find what was planted? Measured, end to end.

    python -m analysis_lib.calibration --contests 1000 --first-seed 700000 --worlds varied --out tests/golden/calibration.csv

Every contest is simulated, written as a data package, opened through the door and answered like a real one.
Varied worlds differ in size, noise, messages, hall, households, resolution, missing days and opinion, drawn by the seed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from analysis_lib import simulate
from analysis_lib.case import open_case
from analysis_lib.methods.registry import REGISTRY, answer_chapter
from analysis_lib.results import Grade, Verdict
from analysis_lib.simulate.setting import REMINDERS

N_RESAMPLES = 999
READ_EVERY_MIN = 10
COUNTED = ("10_turnout_timing", "20_late_votes")  # chapters that a running count can answer
CHAPTERS_OF = {"offices": ("30_credential_reissues", "40_roll_changes")}  # that a kind of world is made for; others: all
LEVELS = (0.01, 0.05, 0.1)
VARIED: Mapping[str, tuple[Sequence[Any], Sequence[float]]] = {  # what a world may be like, and how often
    "n_members": ((300, 500, 900, 1800, 5000), (0.25, 0.3, 0.25, 0.15, 0.05)),
    "noise_cv": ((0.0, 0.3, 0.6, 1.0), (0.25, 0.25, 0.25, 0.25)),
    "noise_memory": ((0.0, 0.5), (0.5, 0.5)),
    "reminders": ((REMINDERS, REMINDERS[-1:], ()), (0.6, 0.2, 0.2)),
    "prompt_reply": ((0.0, 0.02), (0.5, 0.5)),
    "hall_share": ((0.02, 0.08, 0.3), (0.2, 0.5, 0.3)),
    "household_share": ((0.0, 0.3), (0.25, 0.75)),
    "resolution_s": ((1, 60), (0.7, 0.3)),
    "lost_days": ((frozenset(), frozenset({5}), frozenset({2, 3})), (0.8, 0.1, 0.1)),
    "branch_opinion": ((0.0, 0.5), (0.5, 0.5)),
    "choice_trend": ((0.0, 1.0), (0.5, 0.5)),
}

OFFICES: Mapping[str, tuple[Sequence[Any], Sequence[float]]] = {  # beyond what `simulate.OFFICE_LIFE` switches on
    "n_members": ((500, 900, 1800), (0.3, 0.4, 0.3)),
    "n_branches": ((10, 20), (0.5, 0.5)),
    "branch_cv": ((0.35, 0.55), (0.5, 0.5)),  # rates of reissues that differ between branches by rho 0.02 and 0.05
    "noise_cv": ((0.3, 0.6), (0.5, 0.5)),
    "household_share": ((0.0, 0.3), (0.25, 0.75)),
    "busy_officer": ((0.0, 0.6), (0.4, 0.6)),
    "reminder_bounce": ((0.0, 0.02, 0.05), (0.3, 0.4, 0.3)),
    "chase": ((0.0, 0.4), (0.5, 0.5)),
    "contact_churn": ((0.0013, 0.004, 0.008), (0.3, 0.3, 0.4)),
    "cleanse": ((0, 40), (0.4, 0.6)),
    "cleanse_day": ((-9, 4), (0.7, 0.3)),
    "shared_mailbox": ((0.0, 0.3, 0.7), (0.2, 0.5, 0.3)),
    "affiliates": ((0, 20, 60), (0.3, 0.4, 0.3)),
    "applications": ((False, True), (0.6, 0.4)),
    "helped": ((0, 8), (0.5, 0.5)),
    "bounce": ((0.06, 0.12), (0.5, 0.5)),
    "courtesy": ((0.04, 0.1), (0.5, 0.5)),
    "unlogged": ((0.0, 0.4, 0.7), (0.15, 0.35, 0.5)),
    "tracked": ((0.0, 0.5, 0.8), (0.3, 0.4, 0.3)),
    "asks_again": ((0.0, 0.05), (0.5, 0.5)),
    "unchecked": ((False, True), (0.7, 0.3)),
}
WORLDS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, tuple[Sequence[Any], Sequence[float]]]]] = {
    "standard": ({}, {}),
    "varied": ({}, VARIED),
    "offices": (simulate.OFFICE_LIFE, OFFICES),
}


def world_of(seed: int, worlds: str = "varied") -> dict[str, Any]:
    """Draw the traits of a world of a kind."""
    fixed, traits = WORLDS[worlds]
    rng = np.random.default_rng((seed, len(traits)))
    return dict(fixed) | {name: values[rng.choice(len(values), p=weights)] for name, (values, weights) in traits.items()}


def one_contest(
    seed: int, plants: Iterable[str] = (), questions: Collection[str] = (), n_peers: int = 20, **setting: Any
) -> list[dict]:
    """Simulate one contest and answer every question of it, or those named: ``question, form, pvalue`` (null for a breach), ``verdict``.

    It is handed over four times: whole; as a running count; with stamps cut down to the hour; and as receipts in mixed order.
    """
    world = simulate.Setting(plants=frozenset(plants), **setting)
    made = simulate.selection(seed, world)
    peers = simulate.peers(seed, n_peers, world) if n_peers else None
    told = {noun: question for noun, question in REGISTRY.items() if not questions or noun in questions}
    handed: list[tuple[dict[str, pl.DataFrame], Mapping[str, pl.DataFrame] | None, dict[str, str]]] = [
        (made.tables, peers, dict.fromkeys(told, "")),
        (_counted(made), None, dict.fromkeys((noun for noun in told if told[noun].chapter in COUNTED), "")),
        (_by_the_hour(made), peers, {"cast_rate_bursts": "hours"}),
        (_receipts(made), None, {"record_order": "shuffled"}),
    ]
    rows = []
    for tables, others, wanted in handed:
        asked = {noun: form for noun, form in wanted.items() if noun in told}
        if asked:
            rows += _answers(simulate.Selection(made.seed, made.setting, tables, made.truth), others, asked)
    return [{"seed": seed} | row for row in rows]


def _answers(made: simulate.Selection, peers: Mapping[str, pl.DataFrame] | None, asked: Mapping[str, str]) -> list[dict]:
    """Write, open and answer; of a question with a form named, that form alone."""
    with tempfile.TemporaryDirectory() as folder:
        simulate.write_package(made, folder, name="calibration", title="Made up", description="Made up.", peers=peers)
        case = open_case(folder, n_resamples=N_RESAMPLES)
        found = [
            (noun, finding)
            for chapter in dict.fromkeys(REGISTRY[noun].chapter for noun in asked)
            for noun, findings in answer_chapter(chapter, case, asked).items()
            for finding in findings
        ]
    return [
        {
            "question": noun,
            "form": finding.result.form,
            "pvalue": getattr(finding.result, "pvalue", None),
            "verdict": str(finding.verdict),
            "family": finding.family,
        }
        for noun, finding in found
        if finding.result.form.startswith(asked[noun])
        and finding.grade is not Grade.MATERIALITY
        and finding.verdict is not Verdict.CANNOT_BE_ANSWERED
    ]


def _by_the_hour(made: simulate.Selection) -> dict[str, pl.DataFrame]:
    """The same log with its stamps cut down to the hour of the clock."""
    cut = made.tables["ballot_events"].with_columns(pl.col("at").dt.truncate("1h"))
    clocks = made.tables["clocks"].with_columns(resolution=pl.lit("hour", dtype=made.tables["clocks"]["resolution"].dtype))
    return made.tables | {"ballot_events": cut, "clocks": clocks}


def _receipts(made: simulate.Selection) -> dict[str, pl.DataFrame]:
    """The same ballots as receipts: a code and a time each, in a file whose rows were mixed."""
    online = made.tables["ballot_events"].filter(pl.col("channel") == "online")
    order = np.random.default_rng(made.seed).permutation(online.height) + 2
    sources = made.tables["sources"]
    mixed = pl.when(pl.col("source_id") == "platform").then(pl.lit("shuffled")).otherwise(pl.col("row_order"))
    return made.tables | {
        "ballot_events": online.with_columns(source_row=pl.Series(order), seq=pl.lit(None, pl.Int64)),
        "sources": sources.with_columns(row_order=mixed.cast(sources["row_order"].dtype)),
    }


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
    hidden = ("ballot_events", "ballot_choices", "credential_events")
    tables = {name: frame for name, frame in made.tables.items() if name not in hidden}
    return tables | {"turnout_counts": counts}


def _start(args: tuple[int, tuple[str, ...], tuple[str, ...], int, dict]) -> list[dict]:
    return one_contest(*args[:4], **args[4])


def run(
    n: int, *, first_seed: int, plants: tuple[str, ...] = (), questions: tuple[str, ...] = (), n_peers: int = 20, jobs: int = 2,
    worlds: str = "standard", **setting: Any,
) -> pl.DataFrame:  # fmt: skip
    """Answer `n` contests with seeds from `first_seed` on, in a pool of fresh processes, each in a world drawn from a kind of `WORLDS`."""
    for name in ("POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # two processes with two threads each wait for one another
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        seeds = range(first_seed, first_seed + n)
        contests = [(seed, plants, questions, n_peers, world_of(seed, worlds) | setting) for seed in seeds]
        rows = pool.map(_start, contests, chunksize=4)
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


def by_family(answers: pl.DataFrame) -> pl.DataFrame:
    """Share of contests in which any test of a family stands out, adjusted and on no failing assumption: ``family, contests, share``."""
    stands_out = (pl.col("verdict") == "not_explained").any()
    each = answers.drop_nulls("pvalue").filter(pl.col("family") != "").group_by("family", "seed").agg(stands_out=stands_out)
    return each.group_by("family").agg(contests=pl.len(), share_stands_out=pl.col("stands_out").mean().round(4)).sort("family")


def by_trait(answers: pl.DataFrame, worlds: str = "varied") -> pl.DataFrame:
    """Share of contests with p at most 0.05, by question, form and each trait that differs between the worlds."""
    tests = answers.filter(pl.col("pvalue").is_not_null())
    traits = pl.DataFrame(
        [
            {"seed": seed} | {name: _trait(value) for name, value in world_of(seed, worlds).items() if name in WORLDS[worlds][1]}
            for seed in tests["seed"].unique().sort()
        ]
    )
    long = tests.join(traits.unpivot(index="seed", variable_name="trait"), on="seed")
    rates = long.group_by("question", "form", "trait", "value").agg(
        contests=pl.len(), share=(pl.col("pvalue") <= LEVELS[1]).mean().round(4)
    )
    return rates.sort("question", "form", "trait", "value")


def _trait(value: Any) -> str:
    return str(len(value)) if isinstance(value, tuple | frozenset) else str(value)


def main() -> None:
    """Write the table of rates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--contests", type=int, default=400)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--plants", nargs="*", default=(), choices=(*simulate.PLANTS, *simulate.OFFICE_PLANTS))
    parser.add_argument("--questions", nargs="*", default=(), choices=REGISTRY, help="these alone")
    parser.add_argument("--peers", type=int, default=20, help="contests to compare with")
    parser.add_argument("--members", type=int, help="of every contest, instead of what its world has")
    parser.add_argument("--worlds", choices=tuple(WORLDS), default="standard")
    parser.add_argument("--answers", type=Path, help="write every single answer here too")
    parser.add_argument("--traits", type=Path, help="write the rates by trait of the worlds here too")
    parser.add_argument("--families", type=Path, help="write how often any test of a family stands out here too")
    parser.add_argument("--chain", type=int, help="members whom the plant reissue_chain takes")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    given = {"n_members": options.members, "chain_members": options.chain}
    setting = {name: value for name, value in given.items() if value is not None}
    chapters = CHAPTERS_OF.get(options.worlds, ())
    questions = tuple(options.questions) or tuple(noun for noun, question in REGISTRY.items() if question.chapter in chapters)
    answers = run(
        options.contests, first_seed=options.first_seed, plants=tuple(options.plants), questions=questions, n_peers=options.peers,
        worlds=options.worlds, **setting,
    )  # fmt: skip
    if options.answers:
        answers.write_csv(options.answers)
    if options.traits:
        by_trait(answers, options.worlds).write_csv(options.traits)
    if options.families:
        by_family(answers).write_csv(options.families)
    table = summary(answers)
    table.write_csv(options.out)
    print(table)


if __name__ == "__main__":
    main()
