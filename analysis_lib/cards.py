"""Findings and tables as they are shown: HTML in a notebook and a report, plain text elsewhere. Everything is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from markupsafe import Markup

from analysis_lib import wording
from analysis_lib.plaintext import visible
from analysis_lib.results import Finding, NotAnswerable, TestResult, Verdict

ASKS_ON = {Verdict.BREACH_RECORDED, Verdict.NOT_EXPLAINED, Verdict.COULD_CHANGE, Verdict.UNDETERMINED}
GRADES = {"breach": "Breach: a count of facts", "anomaly": "Anomaly: a calibrated test", "materiality": "Materiality"}


@dataclass(frozen=True, slots=True)
class Cards:
    """One card per finding: verdict, sentence, what the number leans on, innocent explanations, what it cannot show, what to ask next."""

    findings: tuple[Finding, ...]

    def __repr__(self) -> str:
        texts = (f"{wording.VERDICTS[finding.verdict]}. {wording.sentence(finding)}" for finding in self.findings)
        return visible("\n\n".join(texts))

    def _repr_html_(self) -> str:
        return str(Markup("\n").join(_card(finding) for finding in self.findings))


def _card(finding: Finding) -> Markup:
    result = finding.result
    parts = [
        Markup('<p class="verdict"><span class="grade">{}</span> <strong>{}</strong>{}</p>').format(
            GRADES[finding.grade], wording.VERDICTS[finding.verdict], _form(result.form)
        ),
        Markup('<p class="sentence">{}</p>').format(_own_direction(wording.sentence(finding))),
    ]
    if isinstance(result, TestResult) and not result.details.get("nothing_out"):
        parts.append(
            _facts(
                [
                    ("Effect", wording.effect(finding)),
                    ("p-value, all tests allowed for", wording.pvalue(finding.pvalue_adjusted)),
                    ("p-value of this test alone", _simulated(result)),
                    ("Observations", _observations(result)),
                    ("How often innocent causes do it", wording.from_innocent_causes(finding)),
                ]
            )
        )
    elif not isinstance(result, NotAnswerable):
        rows = [("Looked at", _observations(result)), ("How often innocent causes do it", wording.from_innocent_causes(finding))]
        parts.append(_facts(rows))
    if not isinstance(result, NotAnswerable):
        leans = [f"{item.statement} {item.status.capitalize()}: {item.evidence}" for item in result.assumptions]
        parts += [_list("What the number leans on", leans), _list("Innocent explanations", result.innocent_explanations)]
        parts.append(
            Markup('<p class="cannot"><strong>What this cannot show:</strong> {}.</p>').format(
                wording.CANNOT_SHOW[finding.question]
            )
        )
        if finding.verdict in ASKS_ON:
            parts.append(
                Markup('<p class="next"><strong>What to ask next.</strong> {}.</p>').format(wording.ask_next(finding.question))
            )
    return Markup('<section class="finding grade-{} verdict-{}">\n{}\n</section>').format(
        finding.grade, finding.verdict, Markup("\n").join(parts)
    )


def _form(name: str) -> str:
    told = wording.form(name)
    return f" ({told})" if told else ""


def _simulated(result: TestResult) -> str:
    """The p-value with the standard error that simulating it leaves; nothing where it is exact."""
    error = result.details.get("pvalue_se")
    return f"{wording.pvalue(result.pvalue)}, give or take {error:.1g} by simulation" if error else ""


def _observations(result: Any) -> str:
    left = f"; {result.n_excluded:,} left out" if result.n_excluded else ""
    return f"{result.n_observations:,}{left}"


def _facts(rows: Sequence[tuple[str, str]]) -> Markup:
    items = Markup("").join(Markup("<dt>{}</dt><dd>{}</dd>").format(name, _own_direction(text)) for name, text in rows if text)
    return Markup('<dl class="facts">{}</dl>').format(items)


def _list(title: str, items: Iterable[str]) -> Markup:
    rows = Markup("").join(Markup("<li>{}</li>").format(_own_direction(item)) for item in items)
    return (
        Markup('<div class="{}"><p><strong>{}</strong></p><ul>{}</ul></div>').format(title.split()[0].lower(), title, rows)
        if rows
        else Markup("")
    )


@dataclass(frozen=True, slots=True)
class Table:
    """A small table with a caption; columns are shown under their given titles, in order. Null is an empty cell.

    A column that is empty in every row isn't shown, but for the first.
    """

    rows: Sequence[Mapping[str, Any]]
    columns: Mapping[str, str]
    caption: str

    def __repr__(self) -> str:
        columns = self._filled()
        lines = [self.caption, " | ".join(columns.values())]
        return visible("\n".join(lines + [" | ".join(_text(row[name]) for name in columns) for row in self.rows]))

    def _repr_html_(self) -> str:
        columns = self._filled()
        counted = {name for name in columns if any(_is_number(row[name]) for row in self.rows)}
        kinds = {name: Markup(' class="number"') if name in counted else Markup() for name in columns}
        head = Markup("").join(Markup('<th scope="col"{}>{}</th>').format(kinds[name], title) for name, title in columns.items())
        body = Markup("\n").join(
            Markup("<tr>{}</tr>").format(Markup("").join(_cell(row[name], kinds[name]) for name in columns)) for row in self.rows
        )
        return str(
            Markup(
                '<div class="table"><table><caption>{}</caption><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
            ).format(_own_direction(self.caption), head, body)
        )

    def _filled(self) -> dict[str, str]:
        """The columns to show; all of them where there is no row."""
        names = list(self.columns)
        return {
            name: title
            for name, title in self.columns.items()
            if name == names[0] or not self.rows or any(_text(row[name]) for row in self.rows)
        }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Any, kind: Markup) -> Markup:
    """A cell; in a column of numbers words such as "fewer than 10" stand to the right too."""
    text = _own_direction(value) if isinstance(value, str) and value else _text(value)
    return Markup("<td{}>{}</td>").format(kind, text)


def _own_direction(text: str) -> Markup:
    """A text that may hold a name: whichever way that is written, what stands around it stays in its place."""
    return Markup("<bdi>{}</bdi>").format(visible(text))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S %Z}".strip()
    return str(value)


def table(frame: pl.DataFrame, caption: str, titles: Mapping[str, str] | None = None, most: int = 200) -> Table:
    """Show a frame as a table; beyond `most` rows the caption says how many are left out."""
    columns = titles or {name: name.replace("_", " ") for name in frame.columns}
    more = f" (the first {most:,} of {frame.height:,} rows)" if frame.height > most else ""
    return Table(frame.head(most).select(list(columns)).to_dicts(), columns, caption + more)
