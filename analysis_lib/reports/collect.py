"""Findings on their way from a chapter to `findings.json`."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

import analysis_lib
from analysis_lib import wording
from analysis_lib.errors import ReportError
from analysis_lib.locations import EXAMPLES
from analysis_lib.results import Finding, plain, to_dict

if TYPE_CHECKING:
    from analysis_lib.case import Case

LIBRARY = Path(analysis_lib.__file__).parent
SHIPPED = EXAMPLES / "made_up_vale"
NEEDED = {"package", "plan_sha256", "findings"}  # as findings.schema.json has it
COUNTED_VERSIONS = ("polars", "numpy", "scipy", "altair")  # the ones that can move a number or a chart


def record(findings: Iterable[Finding], out: str | Path, case: Case) -> None:
    """Write a chapter's findings to `<out>/<chapter>.json`; without `out`, write nothing.

    Each chapter notebook calls this once, with all its findings. The report merges the files, so a
    finding that is not recorded here is not in the report's tables.

    Raises
    ------
    ReportError
        There are no findings, or they belong to more than one chapter.
    """
    findings = list(findings)
    chapters = sorted({finding.chapter for finding in findings})
    if len(chapters) != 1:
        raise ReportError(
            f"The findings to record belong to {len(chapters)} chapters ({', '.join(chapters) or 'none'}); expected "
            "exactly one. Record all findings of a chapter together, and those of another chapter apart."
        )
    if not str(out):
        return
    target = Path(out) / f"{chapters[0]}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    content = {"package": case.package.name, "plan_sha256": case.plan.sha256, "findings": as_entries(findings)}
    target.write_text(canonical(content), encoding="utf-8", newline="\n")


def as_entries(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """The entries of findings.json for these findings, each with its sentence."""
    return [to_dict(finding, wording.sentence(finding)) for finding in findings]


def load_findings(folder: str | Path = "") -> dict[str, Any]:
    """Read the `findings.json` of a report folder; without one, that of the shipped example.

    Raises
    ------
    ReportError
        The folder has none, or it can't be read as one of ours.
    """
    path = Path(folder or SHIPPED) / "findings.json"
    remedy = "Expected the folder of a report; make one with: selection-forensics report PACKAGE --out DIR"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ReportError(f"{path}: there is no such file. {remedy}") from None
    except (OSError, ValueError) as error:
        raise ReportError(f"{path}: this can't be read ({error}). {remedy}") from None
    if not isinstance(content, dict) or not content.keys() >= NEEDED:
        raise ReportError(f"{path}: this is not a findings.json of this library. {remedy}")
    return content


def collected(folder: Path) -> list[dict[str, Any]]:
    """All entries that the chapters recorded in a folder."""
    entries: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*.json")):
        entries += json.loads(path.read_text(encoding="utf-8"))["findings"]
    return entries


def merged(
    case: Case,
    entries: Iterable[Mapping[str, Any]],
    *,
    overrides: Mapping[str, Any],
    failed: Mapping[str, str],
    notebooks: Path,
) -> dict[str, Any]:
    """The content of findings.json. It holds no time and no path, so the same inputs give the same bytes."""
    package, python = case.package, ".".join(platform.python_version_tuple()[:2])
    return {
        "package": package.name,
        "title": package.title,
        "contest_id": case.contest_id,
        "made_up": package.made_up,
        "plan_sha256": case.plan.sha256,
        "plan": case.plan.model_dump(mode="json"),
        "plan_origin": str(case.plan_origin),
        "plan_departures": case.plan.departures,
        "overrides": plain(overrides),
        "code_sha256": code_sha256(notebooks),
        "library_version": analysis_lib.__version__,
        "versions": {"python": python} | {name: version(name) for name in COUNTED_VERSIONS},
        "inputs": dict(sorted(package.hashes.items())),
        "failed_chapters": dict(sorted(failed.items())),
        "findings": sorted(entries, key=lambda entry: (entry["chapter"], entry["question"], entry["form"])),
    }


def canonical(content: Mapping[str, Any]) -> str:
    """JSON text that is the same for the same content on every machine."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def code_sha256(notebooks: Path) -> str:
    """SHA-256 over the library's modules and the sources of the notebooks' cells, whatever the line endings."""
    digest = hashlib.sha256()
    for path in sorted(LIBRARY.rglob("*.py"), key=lambda path: path.relative_to(LIBRARY).as_posix()):
        _add(digest, path.relative_to(LIBRARY).as_posix(), path.read_text(encoding="utf-8"))
    for path in sorted(notebooks.glob("*.ipynb"), key=lambda path: path.name):
        cells = nbformat.read(path, as_version=4).cells
        _add(digest, path.name, "\0".join(f"{cell.cell_type}\0{cell.source}" for cell in cells))
    return digest.hexdigest()


def _add(digest: Any, name: str, text: str) -> None:
    digest.update(f"{name}\0{text.replace(chr(13), '')}\0".encode())
