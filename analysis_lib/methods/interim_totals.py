"""How a count stood at earlier instants, and what came in between. Shared by late_choice_shift and late_choice_bounds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods.declared import with_declaration

STRATUM = ("unit", "channel")
FIRST, WHOLE = "first", "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interim:
    """Candidates' running totals of the first round, by branch and channel, as finely as the interim figures tell.

    `running`: ``unit, channel, candidate, at, n``; `at` is null in the final figures. `left_out` are strata whose
    running totals fall, or for which two papers give different figures; they are in `running`, not in `between`.
    """

    running: pl.DataFrame
    left_out: pl.DataFrame
    n_fell: int

    @property
    def instants(self) -> list[datetime]:
        return self.running["at"].drop_nulls().unique().sort().to_list()

    def between(self) -> pl.DataFrame:
        """Give the ballots between readings: ``unit, channel, candidate, start, end, n``; the first has no start, the last no end."""
        kept = self.running.join(self.left_out, on=STRATUM, how="anti")
        return _steps(kept, self.instants)


def interim_totals(case: Case) -> Interim | None:
    """Give the interim and final totals of a contest; null where the two can't be set against each other."""
    early = _candidates(case.interim_results())
    final = _candidates(case.rows("results"))
    if not early.height or not final.height:
        return None
    declared = final["declaration"].unique().to_list()
    final = final.filter(pl.col("declaration") == (FIRST if FIRST in declared else min(declared)))
    early, final = _same_round(early, final)
    for column, whole in (("unit", ""), ("channel", WHOLE)):
        parts = early.filter(pl.col(column) != whole)[column].unique().to_list()
        held = final.filter(pl.col(column).is_in(parts)).height
        keep = pl.col(column) != whole if parts and held else pl.col(column) == whole
        early, final = early.filter(keep), final.filter(keep)
    if not early.height or not final.height:
        return None
    rows = pl.concat([early, final.with_columns(as_of=pl.lit(None, pl.Datetime("us", "UTC")))])
    running = rows.group_by(*STRATUM, "candidate_id", "as_of").agg(pl.col("n").first(), claims=pl.col("n").n_unique())
    disputed = running.filter(pl.col("claims") > 1).select(STRATUM).unique()
    running = running.select(*STRATUM, candidate="candidate_id", at="as_of", n=pl.col("n").cast(pl.Int64)).sort(
        *STRATUM, "candidate", "at", nulls_last=True
    )
    fell = _steps(running, running["at"].drop_nulls().unique().sort().to_list()).filter(pl.col("n") < 0).select(STRATUM).unique()
    return Interim(running=running, left_out=pl.concat([disputed, fell]).unique().sort(STRATUM), n_fell=fell.height)


def _candidates(results: pl.DataFrame) -> pl.DataFrame:
    rows = with_declaration(results).filter((pl.col("item") == "candidate") & pl.col("candidate_id").is_not_null())
    rows = rows.with_columns(pl.col("unit").fill_null("")).drop_nulls("n")
    return rows.select(*STRATUM, "round", "candidate_id", "as_of", "n", "declaration").sort(pl.all())


def _same_round(early: pl.DataFrame, final: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    number = final["round"].min()
    return early.filter(pl.col("round") == early["round"].min()), final.filter(pl.col("round") == number)


def _steps(running: pl.DataFrame, instants: list[datetime]) -> pl.DataFrame:
    """Differences between readings. A branch that isn't in a reading at all had nothing counted by then."""
    cells = running.select(*STRATUM, "candidate").unique()
    ends = pl.DataFrame(
        {"end": [*instants, None], "step": range(len(instants) + 1)}, schema_overrides={"end": pl.Datetime("us", "UTC")}
    )
    grid = cells.join(ends, how="cross")
    found = grid.join(running.rename({"at": "end"}), on=[*STRATUM, "candidate", "end"], how="left", nulls_equal=True)
    over = [*STRATUM, "candidate"]
    found = found.sort(*over, "step").with_columns(n=pl.col("n").fill_null(0))
    return found.select(
        *over, start=pl.col("end").shift(1).over(over), end="end", n=pl.col("n") - pl.col("n").shift(1, fill_value=0).over(over)
    )


def nearest_cut(instants: list[datetime], wanted: datetime) -> datetime:
    """Give the first reading at or after an instant; else the last one before it."""
    after = [at for at in instants if at >= wanted]
    return min(after) if after else max(instants)


def late_totals(interim: Interim, cut: datetime) -> pl.DataFrame:
    """Give what came in after a reading, over all branches and channels: ``candidate, late, n``."""
    totals = interim.running.group_by("candidate", "at").agg(pl.col("n").sum())
    final = totals.filter(pl.col("at").is_null()).select("candidate", "n")
    before = totals.filter(pl.col("at") == cut).select("candidate", before="n")
    late = final.join(before, on="candidate", how="left").with_columns(late=pl.col("n") - pl.col("before").fill_null(0))
    return late.select("candidate", "late", "n").sort("candidate")
