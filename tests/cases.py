"""Tiny cases for the tests of methods: a few rows, written as CSV and opened through the real door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tiny_package import lines, write

from analysis_lib.case import Case, open_case
from analysis_lib.methods.registry import REGISTRY, answer_chapter
from analysis_lib.results import Finding
from analysis_lib.schema import load_schema

CONTEST = "vale_2031"
BANNED = (
    r"(?i)fraud|guilt|\brigg|cheat|suspicio|suspect|culprit|stole|\bprove[sn]?\b|confirm|significan"
    r"|\bfake|corrupt|\bcrime|illegal"
)
QUICK = "n_resamples = 199\n"  # enough where only the road matters, not the third digit


def row(table: str, number: int = 1, **cells: Any) -> dict[str, str]:
    """One row of which only what must be there is filled, and what is given. Ids are numbered."""
    schema = load_schema(table)
    filled = {field.name: field.example if field.is_required else "" for field in schema.fields}
    if len(schema.primary_key) == 1:
        filled[schema.primary_key[0]] = f"{table[:2].upper()}{number:04d}"
    filled |= {"source_id": "S1"} | ({"contest_id": CONTEST} if "contest_id" in filled else {})
    if table == "ballot_events":
        filled["link_level"] = "voter_linked" if cells.get("voter_key") else "time_only"
    given = {name: _text(value) for name, value in cells.items()}
    assert not (unknown := set(given) - set(filled)), f"{table} has no column {unknown}"
    return filled | given


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime) else str(value)


def rows(table: str, *given: Mapping[str, Any]) -> list[dict[str, str]]:
    """Several rows of one table, numbered in order."""
    return [row(table, number, **cells) for number, cells in enumerate(given, 1)]


def tiny(
    folder: Path,
    *,
    contest: Mapping[str, Any] | None = None,
    plan: str = QUICK,
    contest_id: str = "",
    **tables: Sequence[Mapping],
) -> Case:
    """Write a package of one contest and these tables, and open it. A fault in it is a fault of the test, a trap is not."""
    start = {"voting_method": "FPP", "secrecy": "secret_unlinkable", "timezone": "Europe/London", "comparison_only": False}
    written = {
        "sources": [row("sources", source_id="S1")],
        "contests": [row("contests", contest_id=CONTEST, **start | dict(contest or {}))],
    }
    written["contests"] += [row("contests", **start | dict(cells)) for cells in tables.pop("other_contests", ())]
    written |= {table: rows(table, *given) for table, given in tables.items() if given}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plan.toml").write_text(plan, encoding="utf-8")
    case = open_case(write(folder, written, only=()), contest_id)
    assert [line for line in lines(case.package).splitlines() if not line.startswith("warning trap_")] == []
    return case


def answered(case: Case, noun: str) -> tuple[Finding, ...]:
    """The findings on one question, as a report would have them: its family is answered with it, for the adjustment."""
    family = case.plan.families.get(case.plan.family_of(noun), ())
    return answer_chapter(REGISTRY[noun].chapter, case, {noun, *family})[noun]


def one(case: Case, noun: str) -> Finding:
    """The only finding on one question."""
    (finding,) = answered(case, noun)
    return finding


def utc(text: str) -> datetime:
    """An instant written as 2031-10-20 12:00, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def every(start: datetime, seconds: float, n: int) -> list[datetime]:
    """Instants at equal distances."""
    return [start + timedelta(seconds=seconds * i) for i in range(n)]
