"""An import that was killed while it wrote: what it left behind is found, and the write is finished or taken back."""

from __future__ import annotations

import json
import os
import re
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from analysis_lib.descriptor import NAME, file_hash
from analysis_lib.errors import ParameterError
from analysis_lib.faults import WARNING, Fault
from analysis_lib.plaintext import count

_LEFT = re.compile(r"\.(.+)\.([0-9]{1,9})\.importing")
_LONGEST = 24 * 60 * 60  # seconds that an import may take; after that its process number may be another program's
_LONGEST_WRITE = 10 * 60  # seconds; where a process can't be asked for


def beside(path: Path) -> Path:
    """Give the place of a file until all of an import is whole."""
    return path.with_name(f".{path.name}.{os.getpid()}.importing")


def _is_at_work(process: int, file: Path) -> bool:
    age = time.time() - file.stat().st_mtime
    if process == os.getpid() or age > _LONGEST:
        return False
    if os.name != "posix":  # elsewhere this question would end the process
        return age < _LONGEST_WRITE
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        return True
    return True


def _left_behind(folder: Path) -> dict[int, dict[Path, Path]]:
    """Give the files of imports that no longer run, by the number of the process: what each was to be, and where it stands."""
    left: dict[int, dict[Path, Path]] = defaultdict(dict)
    for file in sorted([*folder.glob(".*.importing"), *folder.glob("*/.*.importing")]):
        found = _LEFT.fullmatch(file.name)
        with suppress(OSError):  # a running import has just put it in place
            if found and file.is_file() and not file.is_symlink() and not _is_at_work(int(found[2]), file):
                left[int(found[2])][file.with_name(found[1])] = file
    return left


def _registered(place: Path | None) -> dict[str, str]:
    """Give the SHA-256 that a description tells of each file; nothing where it isn't whole."""
    try:
        said = json.loads(place.read_text(encoding="utf-8-sig")) if place else {}
        return {one["path"]: one["hash"].removeprefix("sha256:") for one in said["resources"] if one.get("hash")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _is_half_done(folder: Path, files: Mapping[Path, Path]) -> bool:
    """Whether some file was put in place already; all are then whole, and the description comes last."""
    new, old = _registered(files.get(folder / NAME)), _registered(folder / NAME)
    return any(digest != old.get(path) and file_hash(folder, path) == digest for path, digest in new.items())


def interrupted(folder: Path, *, mend: bool = False) -> list[Fault]:
    """Look for an import that was killed while it wrote; with `mend` finish it, or take back what wasn't begun.

    Raises
    ------
    ParameterError
        The folder can't be written to.
    """
    faults = []
    for files in _left_behind(folder).values():
        is_half_done = _is_half_done(folder, files)
        if not mend:
            remedy = "Some tables may be newer than datapackage.json says. Import the same files again: that finishes it."
        elif is_half_done:
            remedy = "What was missing has been put in place. Import the same files again to be sure: nothing new may come of it."
        else:
            remedy = "These files were taken away, and the package is as it was before. Import what was being imported again."
        if mend:
            _mend(folder, files, is_half_done)
        faults.append(
            Fault(
                file=NAME,
                found=f"an import was stopped while it wrote, and left {count(len(files), 'unfinished file')} behind",
                expected="imports that come to their end",
                remedy=remedy,
                severity=WARNING,
                rule="interrupted",
            )
        )
    return faults


def _mend(folder: Path, files: Mapping[Path, Path], is_half_done: bool) -> None:
    try:
        for target, file in sorted(files.items(), key=lambda item: item[0] == folder / NAME):  # the description last
            if is_half_done:
                file.replace(target)
            else:
                file.unlink()
                with suppress(OSError):  # a folder that this import made, and nothing stands in
                    target.parent.rmdir() if target.parent != folder else None
    except OSError as error:
        raise ParameterError(
            f"{folder}: an import was stopped while it wrote, and what it left can't be put in order ({error.strerror}). "
            "Expected a folder you may write to. Nothing new was written."
        ) from None
