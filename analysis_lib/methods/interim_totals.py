"""How a count stood at earlier instants, and what was counted in between. Shared by late_choice_shift and late_choice_bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods.declared import with_declaration
from analysis_lib.plaintext import count
from analysis_lib.results import Assumption, Status

STRATUM = ("unit", "channel")
READ_WITHIN_S = 900  # branches read so near to each other are taken to have been read together, each at its own minute
MOST_STALE = 0.05  # of the late ballots: were so many all late, and all for one candidate, no share would move by 5 points
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
        return _steps(self.running.join(self.left_out, on=STRATUM, how="anti"), self.instants)

    def own_readings(self, cut: datetime, slack_s: int = READ_WITHIN_S) -> pl.DataFrame:
        """Give every branch's and channel's own reading that stands for a cut.

        Returns
        -------
        DataFrame
            ``unit, channel, own, away_s``: the reading nearest to the cut if one lies within the slack (of two, the earlier),
            else the last one before it; null where there is none: it stood in no reading by then, so nothing of it was counted.
            Seconds from the cut to that reading, negative before it.
        """
        away = (pl.col("own") - cut).dt.total_microseconds() / 1e6
        read = self.running.select(*STRATUM, own="at").unique().drop_nulls("own").with_columns(away_s=away)
        near = pl.col("away_s").abs() <= slack_s
        first = read.filter(near | (pl.col("away_s") < 0)).sort(*STRATUM, pl.col("away_s").abs(), "away_s")
        strata = self.running.select(STRATUM).unique().sort(STRATUM)
        return strata.join(
            first.unique(STRATUM, keep="first", maintain_order=True), on=STRATUM, how="left", maintain_order="left"
        )

    def counted_since(self, cut: datetime) -> pl.DataFrame:
        """Give the same with ``n``: by how many ballots a branch's next figures differ from that reading; null where either isn't held."""
        steps = _steps(self.running, self.instants).group_by(*STRATUM, own="start").agg(pl.col("n").abs().sum())
        return self.own_readings(cut).join(steps, on=[*STRATUM, "own"], how="left", maintain_order="left")

    def standing(self, cut: datetime, slack_s: int = READ_WITHIN_S) -> pl.DataFrame:
        """Give what had been counted at the readings that stand for a cut: ``candidate, n``."""
        own = self.own_readings(cut, slack_s).select(*STRATUM, at="own").drop_nulls("at")
        return self.running.join(own, on=[*STRATUM, "at"]).group_by("candidate").agg(pl.col("n").sum()).sort("candidate")


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
    fell = _steps(running, []).filter(pl.col("n") < 0).select(STRATUM).unique()
    return Interim(running=running, left_out=pl.concat([disputed, fell]).unique().sort(STRATUM), n_fell=fell.height)


def _candidates(results: pl.DataFrame) -> pl.DataFrame:
    rows = with_declaration(results).filter((pl.col("item") == "candidate") & pl.col("candidate_id").is_not_null())
    rows = rows.with_columns(pl.col("unit").fill_null("")).drop_nulls("n")
    return rows.select(*STRATUM, "round", "candidate_id", "as_of", "n", "declaration").sort(pl.all())


def _same_round(early: pl.DataFrame, final: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    number = final["round"].min()
    return early.filter(pl.col("round") == early["round"].min()), final.filter(pl.col("round") == number)


def _steps(running: pl.DataFrame, instants: list[datetime]) -> pl.DataFrame:
    """Differences between a branch's own readings. What isn't in the readings before its first had nothing counted by the last of them."""
    over = [*STRATUM, "candidate"]
    ends = running.select(*STRATUM, "at").unique()
    grid = running.select(over).unique().join(ends, on=STRATUM)
    found = grid.join(running, on=[*over, "at"], how="left", nulls_equal=True).sort(*over, "at", nulls_last=True)
    found = found.with_columns(pl.col("n").fill_null(0), start=pl.col("at").shift(1).over(over))
    own = pl.col("at").fill_null(datetime.max.replace(tzinfo=UTC)) - timedelta(seconds=READ_WITHIN_S)
    before = pl.DataFrame({"before": instants}, schema={"before": pl.Datetime("us", "UTC")})
    found = found.with_columns(own=own).sort("own").join_asof(before, left_on="own", right_on="before", allow_exact_matches=False)
    first = pl.int_range(pl.len()).over(over) == 0
    return found.sort(*over, "at", nulls_last=True).select(
        *over, start=pl.when(first).then("before").otherwise("start"), end="at",
        n=pl.col("n") - pl.col("n").shift(1, fill_value=0).over(over),
    )  # fmt: skip


def nearest_cut(instants: list[datetime], wanted: datetime) -> datetime:
    """Give the first reading at or after an instant; else the last one before it."""
    after = [at for at in instants if at >= wanted]
    return min(after) if after else max(instants)


def late_totals(interim: Interim, cut: datetime) -> pl.DataFrame:
    """Give what was counted after a cut, each branch and channel after its own reading: ``candidate, late, n``."""
    final = interim.running.filter(pl.col("at").is_null()).group_by("candidate").agg(pl.col("n").sum())
    late = final.join(interim.standing(cut).rename({"n": "before"}), on="candidate", how="left")
    return late.select("candidate", "n", late=pl.col("n") - pl.col("before").fill_null(0)).sort("candidate")


def read_together(interim: Interim, cut: datetime, n_late: int, *, are_late: bool) -> Assumption:
    """Tell how many branches and channels were read at another minute than the cut, long before it, or not by then.

    It fails where the ballots that came between an old reading and the next are more than 5 % of the late ones.

    Parameters
    ----------
    n_late : int
        Late ballots that the answer rests on.
    are_late : bool
        Whether what came between an old reading and the next counts as late; else it is left out, as are strata that can't be used.
    """
    own = interim.counted_since(cut)
    if not are_late:
        own = own.join(interim.left_out, on=STRATUM, how="anti", maintain_order="left")
    away = own["away_s"].drop_nulls()
    near = away.filter((away != 0) & (away.abs() <= READ_WITHIN_S)).abs()
    old = own.filter(pl.col("away_s") < -READ_WITHIN_S)["n"].fill_null(0)
    stale, n_since, unread = int((old > 0).sum()), int(old.sum()), own["own"].null_count()
    told = [
        "All were."
        if near.len() + old.len() + unread == 0
        else f"Of {count(own.height, 'branch and channel', 'branches and channels')}:"
    ]
    if near.len():
        told.append(
            f"{near.len():,} read up to {count(math.ceil(near.max() / 60), 'minute')} away, each divided at its own reading."
        )
    before = f"last read more than {READ_WITHIN_S // 60} minutes before"
    if stale:
        one, more = (
            ("counts as late, among", "count as late, among") if are_late else ("is left out, beside", "are left out, beside")
        )
        came = f"{count(n_since, 'ballot')} counted between that and the next figures {one if n_since == 1 else more}"
        told.append(f"{stale:,} {before}: {came} {n_late:,} late in all.")
    if stale < old.len():
        told.append(f"{old.len() - stale:,} {before}, with no further ballot in the next figures.")
    if unread:
        told.append(f"{unread:,} in no reading by then, so that nothing is taken as counted.")
    status = Status.UNTESTED if near.len() or stale or unread else Status.HOLDS
    return Assumption(
        statement="Every branch and channel was read at the same time.",
        status=Status.FAILS if n_since > MOST_STALE * n_late else status,
        evidence=" ".join(told),
    )


def corrections(n_fell: int) -> Assumption:
    """Tell whether some running total falls, and is left out."""
    return Assumption(
        statement="What was counted at an earlier reading was not changed afterwards.",
        status=Status.UNTESTED,
        evidence="No running total falls; a correction upward would not be seen."
        if not n_fell
        else f"Left out: {count(n_fell, 'branch', 'branches')} of which some running total falls, as after a correction.",
    )


def why_none_is_left(interim: Interim) -> str:
    """Say why no running total that is held can be used."""
    n = interim.left_out.height
    disputed = n - interim.n_fell
    parts = [f"of {interim.n_fell:,} some total falls"] if interim.n_fell else []
    parts += [f"for {disputed:,} two papers give different figures"] if disputed else []
    return f"Running totals by candidate are held for {count(n, 'branch and channel', 'branches and channels')}, and all are left out: {'; '.join(parts)}."
