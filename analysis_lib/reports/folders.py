"""Where a report goes: written beside its place, moved there when complete, and never over anybody else's files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis_lib.errors import ReportError
from analysis_lib.reports.collect import load_findings
from analysis_lib.reports.editions import Edition
from analysis_lib.reports.published import is_ours

GENERATOR = '<meta name="generator" content="selection-forensics'  # in every page we write
PAGES = {edition.page: edition for edition in Edition}
OURS = {"findings.json", "notebooks", *PAGES}
LITTER = {".DS_Store", ".ipynb_checkpoints", "Thumbs.db", "desktop.ini"}  # what file managers and Jupyter leave behind
ELSEWHERE = "Choose another folder with --out."


def settled(out: str | Path) -> Path:
    """Give the full path of the folder that a report is to go to.

    Raises
    ------
    ReportError
        It is a link that leads nowhere, the current folder, or one that can't be moved.
    """
    try:
        path = Path(out).resolve()
        dangling = Path(out).is_symlink() and not path.exists()
        fixed = path.exists() and (os.path.ismount(path) or path in (here := Path.cwd().resolve(), *here.parents))
    except (OSError, ValueError, RuntimeError) as error:  # too long, a zero byte, links in a ring
        raise ReportError(f"{out}: this can't be a folder ({getattr(error, 'strerror', None) or error}). {ELSEWHERE}") from None
    if dangling:
        raise ReportError(f"{out}: this is a link that leads nowhere. Expected a folder, or none yet. {ELSEWHERE}")
    if fixed:
        raise ReportError(
            f"{out}: this folder can't be replaced by a finished report, since you are in it or a disk is mounted there. "
            f"Expected another one, such as {Path(out, 'report')}. {ELSEWHERE}"
        )
    return path


def check_replaceable(out: Path, edition: Edition = Edition.PUBLIC) -> None:
    """Refuse a folder that holds anything but an earlier report of ours of the same edition.

    Raises
    ------
    ReportError
        `out` is a file, can't be read, is a folder with something else in it, such as a report of the other edition, or
        lies within the folder of one.
    """
    for place in (out, *out.parents):
        if other := _other_edition(place, edition):
            raise ReportError(
                f"{place}: this folder holds a report of the {other} edition. Expected a place outside it for one of the "
                f"{edition} edition: the two go to different people, and a folder is handed on whole. {ELSEWHERE}"
            )
    if not out.exists():
        return
    if not out.is_dir():
        raise ReportError(f"{out}: this is a file. Expected a folder to write the report to. {ELSEWHERE}")
    try:
        held = {path.name for path in out.iterdir()} - LITTER
        others = sorted(held - OURS) + _foreign_notebooks(out / "notebooks")
        others += [name for name in PAGES if name in held and not _has_our_mark(out / name)]
    except OSError as error:
        raise ReportError(f"{out}: this folder can't be looked into ({error.strerror}). {ELSEWHERE}") from None
    if not held:
        return
    if others:
        raise ReportError(
            f"{out}: this folder holds {_some(others)}, not of our making or changed since, and is left as it is. "
            "Choose another folder with --out, or empty this one."
        )
    try:
        load_findings(out)
    except ReportError:
        raise ReportError(
            f"{out}: this folder holds no report of ours, and is left as it is. "
            "Choose another folder with --out, or empty this one."
        ) from None


def check_index(path: Path) -> None:
    """Refuse to overwrite an index page that is not ours."""
    try:
        foreign = path.exists() and not _has_our_mark(path)
    except OSError as error:
        raise ReportError(f"{path}: this can't be read ({error.strerror}). {ELSEWHERE}") from None
    if foreign:
        raise ReportError(f"{path}: this page is not of our making, and is left as it is. {ELSEWHERE}")


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A fresh folder beside `out`, which takes its place when all went well, and is gone when not.

    So a report is there whole or not at all, and a run that is broken off leaves the earlier report alone.
    """
    stage = out.parent / f".{out.name}.{os.getpid()}.part"
    try:
        stage.mkdir(parents=True)
    except OSError as error:
        raise ReportError(f"{out}: the report can't be written here ({error.strerror}). {ELSEWHERE}") from None
    try:
        yield stage
        _put_in_place(stage, out)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _put_in_place(stage: Path, out: Path) -> None:
    """Move the finished report to its place; if that fails, what was there is put back."""
    former = stage.with_suffix(".former")
    try:
        if out.exists():
            out.rename(former)
        stage.rename(out)
    except BaseException as error:  # Ctrl-C between the two moves as well
        lost = former.exists() and not _moved(former, out)
        if not isinstance(error, OSError):
            raise
        kept = f"The earlier report is now in {former}." if lost else "What was there is left as it was."
        raise ReportError(f"{out}: the report can't be put here ({error.strerror}). {kept} {ELSEWHERE}") from None
    shutil.rmtree(former, ignore_errors=True)


def _moved(former: Path, out: Path) -> bool:
    try:
        former.rename(out)
    except OSError:
        return False
    return True


def _has_our_mark(page: Path) -> bool:
    return page.is_file() and GENERATOR in page.read_text(encoding="utf-8", errors="replace")[:2000]


def _other_edition(folder: Path, edition: Edition) -> Edition | None:
    """The edition of a report in this very folder, if it is not the one asked for."""
    try:
        return next((held for name, held in PAGES.items() if held is not edition and _has_our_mark(folder / name)), None)
    except OSError:  # what can't be looked into is told where the folder itself is
        return None


def _foreign_notebooks(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    names = sorted(path.name for path in folder.iterdir() if path.name not in LITTER and not is_ours(path))
    return [f"notebooks/{name}" for name in names]


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
