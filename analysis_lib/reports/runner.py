"""From a data package to a report: which chapters apply, run them, collect, print."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import nbformat
from markupsafe import Markup
from tqdm import tqdm

from analysis_lib import locations
from analysis_lib.case import Case, open_case
from analysis_lib.errors import ReportError
from analysis_lib.exhibits.cases_by_key import BY_KEY, cases_by_key, holds_keys
from analysis_lib.methods import registry
from analysis_lib.plan import Plan, make_plan
from analysis_lib.reports import collect, folders, parameters, processes, published
from analysis_lib.reports.cells import Block, ChapterRun, State
from analysis_lib.reports.editions import Edition
from analysis_lib.reports.render import render_report

FIRST, LAST = "00_evidence", "90_summary"  # these two apply to every package


@dataclass(frozen=True)
class ReportOutcome:
    """A report that was written: its folder, its findings.json, the rows left out, and the chapters that failed."""

    name: str
    folder: Path
    findings: Mapping[str, Any]
    n_left_out: int
    edition: Edition = Edition.PUBLIC

    @property
    def page(self) -> Path:
        return self.folder / self.edition.page

    @property
    def failed(self) -> Mapping[str, str]:
        return self.findings["failed_chapters"]


def run_report(
    package: str | Path,
    out: str | Path,
    *,
    contest_id: str = "",
    plan: str = "",
    overrides: Mapping[str, Any] | None = None,
    jobs: int = 2,
    progress: bool = True,
    notebooks: Path = locations.NOTEBOOKS,
    edition: Edition = Edition.PUBLIC,
) -> ReportOutcome:
    """Run the chapters that apply to a package and write findings.json, the page and the notebooks to `out`.

    `overrides` are values as `parameters.checked_overrides` gives them; each goes to every chapter that
    takes it. A chapter that fails is reported as failed, and the others still come out. Findings and notebooks are the
    same in both editions: keys stand on the page of the restricted one alone, report_restricted.html.

    Raises
    ------
    PackageError, ParameterError
        The package can't be opened, or has no such contest.
    ReportError
        `out` holds something that is not a report of ours of this edition, or can't be written or replaced; or the restricted
        edition is asked for of a package without keys.
    """
    out, overrides = folders.settled(out), dict(overrides or {})
    folders.check_replaceable(out, edition)
    case = open_case(package, contest_id, plan)
    if edition is Edition.RESTRICTED and not holds_keys(case):
        raise ReportError(
            f"{package}: this package holds no key of a member, a code or an administrator, so that a restricted edition would "
            "tell no more than the public one. Expected a voter_key, credential_id or actor_key in one of its tables. Leave out "
            "--edition."
        )
    chapters = {FIRST, LAST} | {question.chapter for question in registry.REGISTRY.values()}
    sources = {path.stem: path for path in sorted(notebooks.glob("*.ipynb")) if path.stem in chapters}
    applying = [chapter for chapter in sources if applies(chapter, case)]
    common = {
        "package": str(Path(package).resolve()) if Path(package).exists() else str(package),
        "contest_id": case.contest_id,
        "plan": str(Path(plan).resolve()) if plan else "",
    }
    with folders.staged(out) as stage, _Progress(case.package.name, len(applying), shown=progress) as tell:
        work = stage / ".work"
        common["out"] = str(work / "findings")
        places = {str(stage): "report", str(case.package.folder.resolve()): case.package.name}
        as_published = {"package": case.package.name, "plan": Path(plan).name, "out": "", "findings": ""}
        (stage / "notebooks").mkdir()

        def run(chapters: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
            todo = [
                processes.Job(name, sources[name], stage / "notebooks" / f"{name}.ipynb", values)
                for name, values in chapters.items()
            ]
            failed = processes.run_jobs(todo, folder=work, at_once=jobs, done=tell)
            for job in todo:
                if job.target.exists():
                    published.publish(job.target, as_published, places)
            return {name: _without(error, places) for name, error in failed.items()}

        failed = run({name: parameters.for_chapter(name, common, overrides) for name in applying if name != LAST})
        entries = collect.collected(work / "findings") + _unanswered(set(sources) - set(applying), case)
        failed = _silent(applying, entries) | failed
        findings = collect.merged(case, entries, overrides=overrides, failed=failed, notebooks=notebooks)
        _write(stage / "findings.json", collect.canonical(findings))
        if LAST in sources:
            findings["failed_chapters"] |= run({LAST: {"findings": str(stage)}})
            _write(stage / "findings.json", collect.canonical(findings))
        runs = [_chapter_run(name, sources[name], stage, name in applying, findings) for name in sources]
        below = _keys(case, overrides, runs) if edition is Edition.RESTRICTED else None
        _write(stage / edition.page, render_report(findings, runs, case, registry.REGISTRY, edition=edition, below=below))
        shutil.rmtree(work)
    return ReportOutcome(
        name=case.package.name, folder=out, findings=findings, n_left_out=sum(case.package.n_left_out.values()), edition=edition
    )


def applies(chapter: str, case: Case) -> bool:
    """A chapter applies if the package can answer at least one of its questions."""
    needs = [question.needs for question in registry.REGISTRY.values() if question.chapter == chapter]
    return chapter in (FIRST, LAST) or any(not case.missing(need) for need in needs)


def _keys(case: Case, overrides: Mapping[str, Any], runs: Iterable[ChapterRun]) -> dict[str, list[Block]]:
    """The tables of keys for the questions of the chapters that ran, with the plan as the chapters had it."""
    planned = {name: value for name, value in overrides.items() if name in Plan.model_fields}
    own = replace(case, plan=make_plan({**case.plan.model_dump(), **planned}, "plan"))
    ran = {run.name for run in runs if run.state is State.RAN}
    nouns = [noun for noun in BY_KEY if noun in registry.REGISTRY and registry.REGISTRY[noun].chapter in ran]
    return {noun: [Block("html", Markup(item._repr_html_())) for item in cases_by_key(own, noun)] for noun in nouns}


def _unanswered(chapters: Iterable[str], case: Case) -> list[dict[str, Any]]:
    """What the questions of chapters that don't apply would need; nothing is computed for it."""
    answers = (registry.answer_chapter(chapter, case) for chapter in sorted(chapters))
    return collect.as_entries(finding for answer in answers for findings in answer.values() for finding in findings)


def _silent(applying: Iterable[str], entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Chapters that ran but left a question out: a finding must never get lost without a word."""
    told = {entry["question"] for entry in entries}
    silent = [question for noun, question in registry.REGISTRY.items() if question.chapter in applying and noun not in told]
    return {question.chapter: f"it recorded no finding for {question.noun}" for question in silent}


def _chapter_run(name: str, source: Path, stage: Path, applied: bool, findings: Mapping[str, Any]) -> ChapterRun:
    executed = stage / "notebooks" / source.name
    error = findings["failed_chapters"].get(name, "")
    state = State.FAILED if error else State.RAN if applied else State.NOT_RUN
    if executed.exists():
        return ChapterRun(name, state, nbformat.read(executed, as_version=4), error)
    notebook = nbformat.read(source, as_version=4)
    for cell in notebook.cells:
        cell.pop("outputs", None)  # a notebook in the repository may keep outputs, and those are of another package
    return ChapterRun(name, state, notebook, error)


def _without(error: str, places: Mapping[str, str]) -> str:
    """An error's text without this machine's folders, which would make two runs differ and tell a reader nothing."""
    for place, name in places.items():
        error = error.replace(place, name)
    return error


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


class _Progress:
    """A bar on a terminal; one line per chapter elsewhere. Both on standard error."""

    def __init__(self, name: str, total: int, *, shown: bool) -> None:
        self._name, self._as_bar = name, shown and sys.stderr.isatty()
        self._bar = tqdm(total=total, desc=name, unit="chapter", leave=False, disable=not self._as_bar)

    def __enter__(self) -> Self:
        return self

    def __call__(self, chapter: str, seconds: float, error: str) -> None:
        self._bar.update()
        if error or not self._as_bar:
            self._bar.write(f"{self._name}: {chapter} {'failed' if error else 'done'} ({seconds:.1f} s)", file=sys.stderr)

    def __exit__(self, *_: object) -> None:
        self._bar.close()
