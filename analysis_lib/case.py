"""One contest of a package with the plan of its investigation: what notebooks and methods are handed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import polars as pl

from analysis_lib.errors import ParameterError
from analysis_lib.package import Package, open_package
from analysis_lib.plan import Plan, load_plan, make_plan
from analysis_lib.schema import TABLES

PLAN_FILE = "plan.toml"  # beside a package's datapackage.json


class PlanOrigin(StrEnum):
    """Who chose the plan: nobody, whoever made the package, or whoever runs the report."""

    STANDARD = "standard"
    PACKAGE = "package"
    NAMED = "named"


@dataclass(frozen=True, kw_only=True, eq=False)  # a case is itself alone, so that what was worked out for it can be kept
class Case:
    """A contest, its package and its plan. `planned` is false if a value of the plan was overridden by hand.

    `plan_origin` says where the plan came from: whoever hands over the data might hand over a plan that
    hides or makes a finding, so a report says on its first page what differs from the standard plan.
    """

    package: Package
    contest_id: str
    plan: Plan
    planned: bool
    plan_origin: PlanOrigin = PlanOrigin.STANDARD

    @property
    def contest(self) -> dict[str, Any]:
        """The contest's row of the table contests."""
        return self.rows("contests").row(0, named=True)

    def rows(self, table: str) -> pl.DataFrame:
        """Give this contest's rows of a table; `sources` and `clocks` belong to no contest and come whole."""
        return self.rows_of(table, self.contest_id)

    def rows_of(self, table: str, contest_id: str) -> pl.DataFrame:
        """Give another contest's rows, such as a peer's. A roll belongs to the contest its snapshot was taken for.

        Of results only final figures come; a count that was still going on is no declaration (`interim_results`).
        """
        if table not in TABLES:
            raise ParameterError(f"there is no table {table!r}. Expected one of {', '.join(TABLES)}. Check the spelling.")
        frame = self.package.tables[table]
        if table == "results":
            frame = frame.filter(pl.col("as_of").is_null())
        if "contest_id" in frame.columns:
            return frame.filter(pl.col("contest_id") == contest_id)
        if "snapshot_id" in frame.columns:
            snapshots = self.rows_of("roll_snapshots", contest_id)["snapshot_id"]
            return frame.filter(pl.col("snapshot_id").is_in(snapshots.to_list()))
        return frame

    def interim_results(self) -> pl.DataFrame:
        """Give this contest's rows of results that tell how a count stood at some instant."""
        return self.package.tables["results"].filter((pl.col("contest_id") == self.contest_id) & pl.col("as_of").is_not_null())

    def holds(self, need: str) -> bool:
        """Tell whether a column, written table.column, has at least one value for this contest."""
        table, _, column = need.partition(".")
        rows = self.interim_results() if need == "results.as_of" else self.rows(table)
        if column not in rows.columns:
            raise ParameterError(f"there is no column {need!r}. Expected one of {', '.join(rows.columns)}. Check the spelling.")
        return rows[column].count() > 0

    def missing(self, needs: Sequence[str]) -> tuple[str, ...]:
        """Give those needs that aren't met; "results.n|results.share" is met by either."""
        return tuple(need for need in needs if not any(self.holds(part) for part in need.split("|")))

    def peers(self) -> tuple[str, ...]:
        """Name the contests to compare with: the plan's, or all that the package holds for comparison only."""
        contests = self.package.tables["contests"]
        if unknown := [peer for peer in self.plan.peers if peer not in contests["contest_id"]]:
            known = ", ".join(contests["contest_id"])
            raise ParameterError(
                f"peers: there is no contest {', '.join(unknown)} in {self.package.name}. "
                f"Expected some of {known}. Check the spelling."
            )
        peers = self.plan.peers or contests.filter("comparison_only")["contest_id"]
        return tuple(peer for peer in peers if peer != self.contest_id)


def _choose(package: Package, contest_id: str) -> str:
    contests = package.tables["contests"]
    known = contests["contest_id"].to_list()
    if contest_id in known:
        return contest_id
    if contest_id:
        raise ParameterError(
            f"contest_id: there is no contest {contest_id!r} in {package.name}. "
            f"Expected one of {', '.join(known)}. Check the spelling."
        )
    if not known:
        raise ParameterError(
            f"contests: {package.name} has no usable row in this table. Expected one for the contest in dispute. "
            "Look at the faults: selection-forensics check FOLDER."
        )
    own = contests.filter(~pl.col("comparison_only").fill_null(False))["contest_id"].to_list()
    if len(own) == 1:
        return own[0]
    raise ParameterError(
        f"contest_id: {package.name} has {len(own)} contests that aren't held for comparison only. Expected the name of one"
        + (
            f" of {', '.join(own)}. Say which, with --contest or contest_id."
            if own
            else ". Set comparison_only to false for the one in dispute."
        )
    )


def open_case(package: str | Path, contest_id: str = "", plan: str = "", **overrides: Any) -> Case:
    """Open a package for one contest, with the plan it was registered under.

    Parameters
    ----------
    package : str or Path
        As for `open_package`.
    contest_id : str
        May be left empty if only one contest isn't there for comparison alone.
    plan : str
        A TOML file; empty: plan.toml of the package, and the default plan if it has none.
    **overrides
        Values to use instead of the plan's; one that is None is ignored. With any other, the findings
        are marked as not planned.

    Raises
    ------
    ParameterError
        No such contest, or none named where there are several; a value the plan doesn't allow.
    PackageError
        As for `open_package`.
    """
    opened = open_package(package)
    path, origin = _plan_file(opened.folder / PLAN_FILE, plan)
    loaded = load_plan(path)
    changes = {name: value for name, value in overrides.items() if value is not None}
    if changes:
        loaded = make_plan({**loaded.model_dump(), **changes}, "plan")
    contest = _choose(opened, contest_id)
    return Case(package=opened, contest_id=contest, plan=loaded, planned=not changes, plan_origin=origin)


def _plan_file(own: Path, named: str) -> tuple[Path | None, PlanOrigin]:
    if named:
        return Path(named), PlanOrigin.NAMED
    if own.is_symlink() and not own.resolve().is_relative_to(own.parent.resolve()):
        raise ParameterError(
            f"{own}: the plan is a link that leads out of the package's folder. Expected a file of the package. "
            "Put the file itself there, or name the plan yourself."
        )
    return (own, PlanOrigin.PACKAGE) if own.is_file() else (None, PlanOrigin.STANDARD)
