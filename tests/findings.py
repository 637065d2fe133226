"""Every chapter of a case at once, with all that a report would show of it, and its entries held against the schema."""

from __future__ import annotations

import json
from typing import Any

import jsonschema

from analysis_lib import exhibits, wording
from analysis_lib.cards import Cards
from analysis_lib.case import Case
from analysis_lib.figure import Figure
from analysis_lib.locations import DATA_SCHEMA
from analysis_lib.methods.registry import CHAPTERS, answer_chapter
from analysis_lib.results import Finding, to_dict

SCHEMA = json.loads((DATA_SCHEMA / "findings.schema.json").read_text(encoding="utf-8"))


def everything(case: Case, *, shown: bool = True) -> list[Finding]:
    """All findings of a case; `shown`: its cards, tables and charts are made too, so that they can fail."""
    found = []
    for chapter in CHAPTERS:
        for noun, findings in answer_chapter(chapter, case).items():
            found += findings
            if shown:
                Cards(findings)._repr_html_()
                for item in getattr(exhibits, noun)(case, findings):
                    assert item.svg() if isinstance(item, Figure) else item._repr_html_()
    return found


def shown_of(case: Case) -> tuple[str, str]:
    """All that is shown of a case as HTML (cards and tables), and the rest: charts with their data, and findings.json."""
    html, rest = [], []
    for item in exhibits.evidence(case):
        html.append(item._repr_html_())
    for chapter in CHAPTERS:
        for noun, findings in answer_chapter(chapter, case).items():
            html.append(Cards(findings)._repr_html_())
            rest += [json.dumps(to_dict(finding, wording.sentence(finding))) for finding in findings]
            for item in getattr(exhibits, noun)(case, findings):
                if isinstance(item, Figure):
                    rest.append(json.dumps(item.spec) + item.alt + item.caption)
                else:
                    html.append(item._repr_html_())
    return "\n".join(html), "\n".join(rest)


def document(case: Case, found: list[Finding]) -> dict:
    """The findings as findings.json holds them."""
    entries = [to_dict(finding, wording.sentence(finding)) for finding in found]
    return {"package": case.package.name, "plan_sha256": case.plan.sha256, "findings": entries}


def conforms(case: Case, found: list[Finding]) -> None:
    """Raise where the findings are no JSON or break findings.schema.json."""
    text = json.dumps(document(case, found), allow_nan=False)
    jsonschema.validate(json.loads(text), SCHEMA, cls=jsonschema.Draft202012Validator)


def rows(figure: Figure) -> list[list[dict]]:
    """All rows of data in a chart, layer by layer."""
    found: list[list[dict]] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                if key == "values" and isinstance(value, list) and value and isinstance(value[0], dict):
                    found.append(value)
                else:
                    walk(value)
        elif isinstance(node, list):
            for item in node:
                walk(item)

    walk(figure.spec)
    return found
