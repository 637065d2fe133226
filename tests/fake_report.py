"""A small made-up world for testing reports: a case, questions, findings and notebooks, none from the real library."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import polars as pl

from analysis_lib.plan import Plan
from analysis_lib.results import Finding, Grade, NotAnswerable, Verdict

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def question(noun: str, chapter: str, grade: str, text: str, *needs: str) -> SimpleNamespace:
    return SimpleNamespace(noun=noun, chapter=chapter, grade=grade, question=text, needs=needs)


QUESTIONS = {
    q.noun: q
    for q in (
        question("totals_reconciliation", "00_evidence", "breach", "Do the published totals agree?", "results.n"),
        question("cast_rate_bursts", "10_turnout_timing", "anomaly", "Were ballots cast in bursts?", "ballot_events.at"),
        question("ballots_outside_window", "20_late_votes", "breach", "Were ballots counted that came after the close?",
                 "ballot_events.at", "contest_windows.closes_at|contest_windows.grace_s"),
        question("reissue_rates", "30_credential_reissues", "anomaly", "Were credentials reissued more often in some branches?",
                 "credential_events.event"),
        question("struck_ballots", "00_evidence", "materiality", "Would striking the ballots change the result?", "results.n"),
    )
}  # fmt: skip


def entry(**changes: Any) -> dict[str, Any]:
    """One entry of findings.json, as results.to_dict writes it."""
    values = {
        "question": "cast_rate_bursts", "form": "", "chapter": "10_turnout_timing", "grade": "anomaly",
        "verdict": "not_explained",
        "sentence": "14 ballots in 10 minutes, where at most 5 were to be expected.",
        "null_hypothesis": "ballots come evenly",
        "rule": None, "statistic": 14.0, "statistic_name": "ballots in the busiest window",
        "pvalue": 0.0001, "pvalue_adjusted": 0.0004, "family": "bursts", "family_size": 4, "planned": True,
        "effect": {"name": "rate ratio", "value": 9.1, "low": 4.2, "high": 17.7, "confidence_level": 0.95, "unit": "ratio"},
        "n_observations": 200, "n_excluded": 2, "assumptions": [], "innocent_explanations": ["A reminder went out."],
        "references": [], "needs": [], "reason": None, "parameters": {}, "details": {},
    }  # fmt: skip
    return values | changes


def breach(**changes: Any) -> dict[str, Any]:
    values = {
        "grade": "breach", "verdict": "breach_recorded", "question": "ballots_outside_window", "chapter": "20_late_votes",
        "sentence": "6 ballots carry a time after the close.", "null_hypothesis": None, "rule": "cast before the close",
        "statistic": 6, "statistic_name": "ballots after the close", "pvalue": None, "pvalue_adjusted": None, "family": "",
        "family_size": 0, "effect": None, "innocent_explanations": ["The clock ran ahead."],
    }  # fmt: skip
    return entry(**(values | changes))


def unanswerable(**changes: Any) -> dict[str, Any]:
    values = {
        "verdict": "cannot_be_answered", "question": "reissue_rates", "chapter": "30_credential_reissues",
        "sentence": "Not held.", "reason": "No credential log was handed over.",
        "needs": ["credential_events.event", "roll.unit|credential_events.actor_key"],
        "statistic": None, "statistic_name": None, "pvalue": None, "pvalue_adjusted": None, "effect": None, "family_size": 0,
        "innocent_explanations": [], "n_observations": None, "n_excluded": None,
    }  # fmt: skip
    return entry(**(values | changes))


def totals(**changes: Any) -> dict[str, Any]:
    return breach(
        question="totals_reconciliation", chapter="00_evidence", verdict="no_breach", sentence="All totals agree.", **changes
    )


def struck(**changes: Any) -> dict[str, Any]:
    values = {"grade": "materiality", "verdict": "could_change", "question": "struck_ballots", "chapter": "00_evidence",
              "sentence": "Striking 82 ballots from one candidate turns 561 to 526 into 479 to 526."}  # fmt: skip
    return entry(**(values | changes))


SOURCE = {
    "source_id": "s1", "kind": "export", "title": "The returning officer's export", "url": None,
    "supplied_by_role": "returning_officer",
    "interest": "party_to_dispute", "obtained_at": date(2031, 4, 1), "sha256": None, "completeness": "partial", "note": None,
}  # fmt: skip
ALLEGATION = {
    "statement_id": "a1", "contest_id": "c1", "kind": "allegation", "said_by": "Vale Echo", "statement": "Ballots came late.",
    "answers_statement_id": None, "source_id": "s1",
}  # fmt: skip
DENIAL = ALLEGATION | {
    "statement_id": "a2",
    "kind": "denial",
    "said_by": "The party",
    "statement": "All were in time.",
    "answers_statement_id": "a1",
}


class FakeCase:
    """As much of a Case as a report reads."""

    def __init__(self, folder: Path, *, lacks: tuple[str, ...] = (), made_up: bool = True, **contest: Any) -> None:
        self.package = SimpleNamespace(
            name="fake_vale", title="Selection in Fake Vale", description="A selection that never was.", made_up=made_up,
            folder=folder, n_left_out={"results": 0}, refused=(),
            hashes={"data/results.csv": "1" * 64, "data/contests.csv": "0" * 64},
        )  # fmt: skip
        self.contest_id, self.plan, self.planned, self.lacks = "c1", Plan(), True, lacks
        self.plan_origin = "standard"
        self.contest = {
            "contest_id": "c1", "contest_name": "Fake Vale 2031", "organisation": "The Made-up Party", "kind": "selection",
            "seats": 1, "status": "certified", "timezone": "Europe/London", "proceedings_active": False,
        } | contest  # fmt: skip
        self.tables = {"sources": [SOURCE], "statements": [ALLEGATION, DENIAL]}

    def rows(self, table: str) -> pl.DataFrame:
        return pl.DataFrame(self.tables.get(table, []))

    def missing(self, needs: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(need for need in needs if need in self.lacks)


def markdown(source: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_markdown_cell(source)


def code(source: str, *tags: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})


def write_notebook(folder: Path, chapter: str, *cells: nbformat.NotebookNode) -> Path:
    """Save a notebook whose cell ids are the same every time."""
    book = nbformat.v4.new_notebook(cells=list(cells), metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    for number, cell in enumerate(book.cells):
        cell["id"] = f"cell-{number}"
    path = folder / f"{chapter}.ipynb"
    nbformat.write(book, path)
    return path


COMMON = 'package: str = "made_up_vale"  # data\ncontest_id: str = ""  # contest\nplan: str = ""  # plan\nout: str = ""  # folder'


def chapter_cells(chapter: str, *entries: dict[str, Any], extra: str = "", body: str = "") -> list[nbformat.NotebookNode]:
    """The cells of a chapter that records these entries, as record() would, without computing anything."""
    content = {"package": "fake_vale", "plan_sha256": "0", "findings": entries}
    writing = f"import pathlib\nif out:\n    pathlib.Path(out).mkdir(parents=True, exist_ok=True)\n"  # noqa: F541
    writing += f"    pathlib.Path(out, {chapter + '.json'!r}).write_text({json.dumps(content)!r})"
    return [
        markdown(f"# What of {chapter}?\n\n**Question.** Is it so?"),
        code(COMMON + extra, "parameters"),
        code(writing),
        *([code(body)] if body else []),
    ]


CHART = """
import analysis_lib
import altair as alt
import polars as pl
from analysis_lib.figure import Figure
data = pl.DataFrame({"hour": list(range(48)), "ballots": [(7 * h) % 23 for h in range(48)], "kind": ["a", "b"] * 24})
bars = alt.Chart(data, width=640, height=220).mark_bar(clip=True)
Figure(bars.encode(x="hour:O", y="ballots:Q", color="kind:N", tooltip="ballots:Q"),
       "Ballots in each hour.", "Ballots cast in each of 48 hours.")
"""


def write_notebooks(folder: Path) -> Path:
    """Four chapters and a summary, one of them with a chart."""
    folder.mkdir()
    write_notebook(folder, "00_evidence", *chapter_cells("00_evidence", totals(), struck()))
    timing = {"extra": "\nn_resamples: int | None = None", "body": "print('shown as text')" + CHART}
    write_notebook(folder, "10_turnout_timing", *chapter_cells("10_turnout_timing", entry(), **timing))
    write_notebook(folder, "20_late_votes", *chapter_cells("20_late_votes", breach()))
    write_notebook(folder, "30_credential_reissues", *chapter_cells("30_credential_reissues"))
    summary = "from analysis_lib.reports import load_findings\nprint(len(load_findings(findings)['findings']), 'findings')"
    write_notebook(folder, "90_summary", markdown("# What was found?"), code('findings: str = ""', "parameters"), code(summary))
    return folder


def unanswered_chapter(chapter: str, case: FakeCase) -> dict[str, tuple[Any, ...]]:
    """As registry.answer_chapter answers for a chapter whose columns are not held."""
    result = NotAnswerable(method="reissue_rates", reason="No log was handed over.", needs=("credential_events.event",))
    finding = Finding(
        question="reissue_rates", chapter=chapter, grade=Grade.ANOMALY, verdict=Verdict.CANNOT_BE_ANSWERED, result=result
    )
    return {"reissue_rates": (finding,)}


REGISTRY = SimpleNamespace(REGISTRY=QUESTIONS, answer_chapter=unanswered_chapter)


def executed(chapter: str, *cells: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A notebook as papermill leaves it."""
    return nbformat.v4.new_notebook(cells=[markdown(f"# What of {chapter}?"), *cells])


def shown(data: dict[str, Any], metadata: dict[str, Any] | None = None, *tags: str) -> nbformat.NotebookNode:
    """A code cell that displayed something."""
    output = nbformat.v4.new_output("display_data", data=data, metadata=metadata or {})
    return nbformat.v4.new_code_cell("display(it)", outputs=[output], metadata={"tags": list(tags)})


def printed(text: str, *tags: str, name: str = "stdout") -> nbformat.NotebookNode:
    """A code cell that printed something."""
    output = nbformat.v4.new_output("stream", name=name, text=text)
    return nbformat.v4.new_code_cell("print(it)", outputs=[output], metadata={"tags": list(tags)})


def merged_findings(*entries: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The content of a findings.json."""
    plan = Plan()
    values = {
        "package": "fake_vale", "title": "Selection in Fake Vale", "contest_id": "c1", "made_up": True,
        "plan_sha256": plan.sha256, "plan": plan.model_dump(mode="json"), "overrides": {},
        "plan_origin": "standard", "plan_departures": {},
        "code_sha256": "c" * 64, "library_version": "0.1.0",
        "versions": {"python": "3.11", "polars": "2.1.0"}, "inputs": {"data/results.csv": "1" * 64}, "failed_chapters": {},
        "findings": list(entries),
    }  # fmt: skip
    return values | changes
