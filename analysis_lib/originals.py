"""Custody: is every file that was taken in still the file it was? Compares the originals, kept by whoever imported them, with sources."""

from __future__ import annotations

import hashlib
from pathlib import Path

from analysis_lib.errors import PackageError
from analysis_lib.faults import WARNING, Fault, quoted
from analysis_lib.package import Package

_BLOCK = 1 << 20


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _hashes(folder: Path) -> set[str]:
    """SHA-256 of every file in a folder and the folders in it; links aren't followed."""
    if not folder.is_dir():
        raise PackageError(f"{folder}: there is no such folder. Expected the folder with the original files. Check --originals.")
    try:
        return {_sha256(path) for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()}
    except OSError as error:
        raise PackageError(
            f"{error.filename}: this can't be read ({error.strerror}). Expected an original file. Check who may read it."
        ) from None


def compare(package: Package, folder: Path) -> tuple[int, list[Fault]]:
    """Look for the file of every source in a folder of originals, as it was when it was registered (V13).

    Parameters
    ----------
    folder : Path
        Where the originals are kept, outside the package. Nothing in it is changed, and their names don't matter.

    Returns
    -------
    n_unchanged : int
        Sources whose file is there.
    faults : list of Fault
        One for each other source: no file has its SHA-256, or it has none to compare.

    Raises
    ------
    PackageError
        There is no such folder, or a file in it can't be read.
    """
    there = _hashes(folder)
    faults, n_unchanged = [], 0
    for source in package.tables["sources"].select("source_id", "sha256", "platform").sort("source_id").iter_rows(named=True):
        if source["sha256"] in there:
            n_unchanged += 1
            continue
        if source["sha256"] and source["platform"] == "git_roll":
            found = "is the history of a roll kept in git, which has no file of its own"
            remedy = "Import it again from the same repository into a copy of the package: nothing new may come of it."
        elif source["sha256"]:
            found = "has no file with its SHA-256 in the folder of originals"
            remedy = "Either the file isn't there, or it was changed since. Ask for it again and compare the two."
        else:
            found = "has no SHA-256, so nothing can be compared"
            remedy = "Where there is a file, write its SHA-256; for a page or a letter nothing need be done."
        faults.append(
            Fault(
                file="sources",
                column="sha256",
                found=f"source {quoted(source['source_id'])} {found}",
                expected="the very bytes that were registered",
                remedy=remedy,
                severity=WARNING,
                rule="originals",
            )
        )
    return n_unchanged, faults
