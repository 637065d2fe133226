"""Copies of a made-up roll for the tests of the importers."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from imports import bring, put

from analysis_lib.importers.importing import Imported

HEAD = "Membership number,First name,Surname,Email,Address,Branch,Entitled\n"
FIRST = """\
A-1,Ann,Lee,ann.lee@example.org,1 High St,North,yes
A-2,Bob,Moss,bob.moss@example.org,,North,yes
A-3,Cy,Nash,cy.nash@example.org,3 High St,South,yes
A-4,Dee,Orr,dee.orr@example.org,4 High St,South,yes
A-5,Eve,Pike,eve.pike@example.org,5 High St,South,yes
A-6,Flo,Quill,flo.quill@example.org,6 High St,South,yes
"""
SECOND = """\
a1,Ann,Lee,anm.lee@example.org,1 High St.,North,yes
A-2,Bob,Moss,bob.moss@example.org,2 High St,South,yes
A-3,Cy,Nash,gus.reid@example.org,3 High St,South,yes
A-44,Dee,Orr,dee.orr@example.org,4 High St,South,yes
A-5,Eve,Pike,eve.pike@example.org,5 High St,South,no
A-7,Gus,Reid,reid@example.org,7 High St,South,yes
"""
TIMES = ("2031-03-01T09:00:00Z", "2031-03-08T09:00:00Z")


def both(folder: Path, **options: Any) -> Imported:
    """Import both copies at once."""
    files = [put(folder, "first.csv", HEAD + FIRST), put(folder, "second.csv", HEAD + SECOND)]
    return bring("roll_copies", *files, into=folder / "p", **({"taken_at": TIMES} | options))


def copy(folder: Path, text: str, taken_at: str, name: str = "copy.csv") -> Imported:
    """Import one copy by itself."""
    return bring("roll_copies", put(folder, name, HEAD + text), into=folder / "p", taken_at=taken_at)


def git(folder: Path, *words: str, minute: int = 0) -> None:
    """Run git as nobody in particular, at a minute of 1 March 2031."""
    about = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_AUTHOR_DATE": "2031-02-01T00:00:00Z"}
    about |= {
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.org",
        "GIT_COMMITTER_DATE": f"2031-03-01T12:{minute:02}:00+0100",
    }
    about |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
    subprocess.run(["git", "-C", str(folder), *words], env=about, check=True, capture_output=True)


def repository(folder: Path, *versions: dict[str, Any], path: str = "voters.json") -> Path:
    """Make a repository with one commit for each version of the roll, a minute apart."""
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for minute, version in enumerate(versions):
        (folder / path).write_text(json.dumps(version), encoding="utf-8")
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", f"edit {minute}", minute=minute)
    return folder
