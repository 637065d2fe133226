"""Findings and executed chapters as one page that opens from the disk, asks nobody for anything, and prints."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from analysis_lib.figure import VL_VERSION
from analysis_lib.locations import EXAMPLES
from analysis_lib.plaintext import visible
from analysis_lib.reports import cells, page
from analysis_lib.reports.editions import Edition
from analysis_lib.wording import VERDICTS, plan_departures

if TYPE_CHECKING:
    from analysis_lib.case import Case
    from analysis_lib.methods.registry import Question

TEMPLATES = Path(__file__).parent / "templates"


def render_report(
    findings: Mapping[str, Any], runs: Sequence[cells.ChapterRun], case: Case, questions: Mapping[str, Question],
    *, edition: Edition = Edition.PUBLIC, below: Mapping[str, Sequence[cells.Block]] | None = None,
) -> str:  # fmt: skip
    """One self-contained page.

    Every text is escaped but what our own display objects made as HTML. The page carries a content
    security policy that names its two scripts by hash: should data slip through as markup after all,
    a browser still would neither run it nor ask any address for anything.

    `below` is what the restricted edition shows below the exhibits of a question.
    """
    chapters = [_chapter(run, findings, below) for run in runs]
    scripts = _scripts() if any(block.kind == "figure" for chapter in chapters for block in chapter["blocks"]) else []
    return _environment().get_template("report.html.j2").render(
        findings=findings,
        contest=case.contest,
        description=case.package.description,
        n_left_out=sum(case.package.n_left_out.values()),
        withheld=case.package.refused,
        glance=page.glance(findings["findings"], questions),
        sections=page.sections(findings["findings"], questions),
        unanswered=page.unanswered(findings["findings"], questions),
        chapters=chapters,
        replies=page.replies(case.rows("responses").to_dicts()),
        threads=page.threads(case.rows("statements").to_dicts()),
        sources=case.rows("sources").to_dicts(),
        command=_command(findings, case, edition),
        notice=edition.notice,
        plan_note=plan_departures(findings["plan_origin"], findings["plan_departures"]),
        plan=_toml(findings["plan"]),
        scripts=scripts,
        policy=_policy(scripts),
    )  # fmt: skip


def render_index(reports: Mapping[str, Mapping[str, Any]], edition: Edition = Edition.PUBLIC) -> str:
    """A page of links to several reports: from the address of each to the content of its findings.json."""
    rows = [
        {"address": address, "findings": findings, "tallies": page.tallies(findings["findings"])}
        for address, findings in reports.items()
    ]
    return _environment().get_template("index.html.j2").render(rows=rows, policy=_policy([]), notice=edition.notice)


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=select_autoescape(("html.j2",), default=True),
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,  # before it is escaped; Markup is ours
    )  # fmt: skip
    environment.globals |= {"css": Markup(_template("report.css")), "verdicts": VERDICTS}
    environment.filters |= {
        "number": page.number, "pvalue": page.pvalue, "words": page.words, "form": page.form, "in_unit": page.in_unit, "need": page.need, "json_block": json_block,
        "web": page.web_address, "svg": lambda text: Markup(text),  # drawn by vl-convert, which escapes
    }  # fmt: skip
    return environment


def json_block(value: Any) -> Markup:
    """JSON that can't end the script element it stands in: a less-than sign is written as an escape."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return Markup(text.replace("<", "\\u003c"))  # no tag can start in it


@functools.cache
def _scripts() -> list[Markup]:
    """Vega with everything it needs, once a page, and our own script; wrapped so that neither leaves names behind."""
    bundle = vl_convert.javascript_bundle(vl_version=VL_VERSION).replace("</script", "<\\/script")
    return [Markup(f"(() => {{{bundle}}})();"), Markup(_template("report.js"))]  # no data in either


def _policy(scripts: Iterable[str]) -> str:
    """Only scripts with these hashes run, styles may stand in the page, and nothing may be fetched from anywhere."""
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{value}'" for value in hashes) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _template(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _chapter(
    run: cells.ChapterRun, findings: Mapping[str, Any], below: Mapping[str, Sequence[cells.Block]] | None
) -> dict[str, Any]:
    own = [entry for entry in findings["findings"] if entry["chapter"] == run.name]
    return {
        "name": run.name,
        "number": run.name.partition("_")[0],
        "title": cells.title(run),
        "state": run.state.value,
        "error": run.error,
        "needs": sorted({need for entry in own for need in entry["needs"]}),
        "blocks": list(cells.blocks(run, below)),
    }


def _command(findings: Mapping[str, Any], case: Case, edition: Edition) -> str:
    """The command that makes this report again; PACKAGE and plan.toml stand for places, which differ from machine to machine."""
    is_shipped = case.package.folder.resolve() == (EXAMPLES / findings["package"]).resolve()
    words = ["selection-forensics", "report", findings["package"] if is_shipped else "PACKAGE"]
    words += ["--contest", findings["contest_id"]]
    words += [] if edition is Edition.PUBLIC else ["--edition", str(edition)]
    words += ["--plan", "plan.toml"] if findings["plan_origin"] == "named" else []
    for name, value in findings["overrides"].items():
        words += ["-p", name, ",".join(map(str, value)) if isinstance(value, list) else str(value)]
    return shlex.join(words)


def _toml(plan: Mapping[str, Any]) -> str:
    """The plan as a file that --plan takes: numbers, texts and lists of them are written alike in TOML and JSON."""
    return "\n".join(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in plan.items())
