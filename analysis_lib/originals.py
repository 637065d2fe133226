"""Custody: is every file that was taken in still the file it was? Compares the originals, kept by whoever imported them, with sources."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from analysis_lib.errors import PackageError
from analysis_lib.faults import ERROR, WARNING, Fault, quoted
from analysis_lib.package import Package

_BLOCK = 1 << 20
MOST_NAMED = 5  # files of the folder that are named with the SHA-256 found


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _hashes(folder: Path) -> dict[str, str]:
    """Give the SHA-256 of every file in a folder and the folders in it, and the file's place; links aren't followed."""
    if not folder.is_dir():
        raise PackageError(f"{folder}: there is no such folder. Expected the folder with the original files. Check --originals.")
    try:
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
        return {_sha256(path): path.relative_to(folder).as_posix() for path in files}
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
        One for each other source: no file has its SHA-256 (an error), or it has none to compare (a warning).

    Raises
    ------
    PackageError
        There is no such folder, or a file in it can't be read.
    """
    there = _hashes(folder)
    sources = package.tables["sources"].select("source_id", "title", "sha256", "platform").sort("source_id")
    known = {*sources["sha256"]}
    strange = {digest: name for digest, name in there.items() if digest not in known}
    faults, n_unchanged = [], 0
    for source in sources.iter_rows(named=True):
        title = f" ({quoted(source['title'])})" if source["title"] else ""
        severity, expected = WARNING, "the very bytes that were registered"
        if source["sha256"] in there:
            n_unchanged += 1
            continue
        if source["sha256"] and source["platform"] == "git_roll":
            found = "is the history of a roll kept in git, which has no file of its own"
            remedy = "Import it again from the same repository into a copy of the package: nothing new may come of it."
        elif source["sha256"]:
            severity, expected = ERROR, f"a file with the SHA-256 {source['sha256']}"
            found = f"has no file with its SHA-256 in the folder of originals; {_listed(strange)}"
            remedy = "Either the file isn't there, or it was changed since. Ask for it again and compare the two."
        else:
            found = "has no SHA-256, so nothing can be compared"
            remedy = "Where there is a file, write its SHA-256; for a page or a letter nothing need be done."
        faults.append(
            Fault(
                file="sources",
                column="sha256",
                found=f"source {quoted(source['source_id'])}{title} {found}",
                expected=expected,
                remedy=remedy,
                severity=severity,
                rule="originals",
            )
        )
    return n_unchanged, faults


def _listed(strange: Mapping[str, str]) -> str:
    """Name the files of the folder that are no source's, with what their SHA-256 is: the changed file may be among them."""
    named = [f"{quoted(name)} with {digest}" for digest, name in strange.items()]
    more = f" and {len(named) - MOST_NAMED:,} more" if len(named) > MOST_NAMED else ""
    return f"files there that no source is: {', '.join(named[:MOST_NAMED]) or 'none'}{more}"
