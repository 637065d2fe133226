"""Where a report goes: written beside its place, moved there when complete, and never over anybody else's files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis_lib.errors import ReportError
from analysis_lib.reports.collect import load_findings

GENERATOR = '<meta name="generator" content="selection-forensics'  # in every page we write
OURS = {"findings.json", "report.html", "notebooks"}


def check_replaceable(out: Path) -> None:
    """Refuse a folder that holds anything but an earlier report of ours.

    Raises
    ------
    ReportError
        `out` is a file, or a folder with something else in it.
    """
    if not out.exists():
        return
    remedy = "Choose another folder with --out, or empty this one."
    if not out.is_dir():
        raise ReportError(f"{out}: this is a file. Expected a folder to write the report to. {remedy}")
    held = {path.name for path in out.iterdir()}
    if not held:
        return
    if others := sorted(held - OURS) + _foreign_notebooks(out / "notebooks"):
        raise ReportError(f"{out}: this folder holds {_some(others)}, not of our making, and is left as it is. {remedy}")
    try:
        load_findings(out)
    except ReportError:
        raise ReportError(f"{out}: this folder holds no report of ours, and is left as it is. {remedy}") from None


def check_index(path: Path) -> None:
    """Refuse to overwrite an index page that is not ours."""
    if path.exists() and GENERATOR not in path.read_text(encoding="utf-8", errors="replace")[:2000]:
        raise ReportError(f"{path}: this page is not of our making, and is left as it is. Choose another folder with --out.")


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A fresh folder beside `out`, which takes its place when all went well, and is gone when not.

    So a report is there whole or not at all, and a run that is broken off leaves the earlier report alone.
    """
    stage = out.parent / f".{out.name}.{os.getpid()}.part"
    former = stage.with_suffix(".former")
    try:
        stage.mkdir(parents=True)
    except OSError as error:
        remedy = "Choose another folder with --out."
        raise ReportError(f"{out}: the report can't be written here ({error.strerror}). {remedy}") from None
    try:
        yield stage
        if out.exists():
            out.rename(former)
        stage.rename(out)
    finally:
        for leftover in (stage, former):
            shutil.rmtree(leftover, ignore_errors=True)


def _foreign_notebooks(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(f"notebooks/{path.name}" for path in folder.iterdir() if path.suffix != ".ipynb" or path.is_dir())


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
