"""The history of a roll that is kept as one file in a git repository: a copy of the roll for each commit that changed it.

Git is asked for its log and for files, and nothing else: without a shell, without a network, hooks, replaced objects, grafts or
the settings of whoever runs it. Times are those of the committer, which is when an edit entered the branch; whoever
commits sets them, and they may be set at will. Only the first parent of a merge is followed, so that a merged request
is one edit. A history that was written anew before it was published looks like any other.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from analysis_lib.errors import ParameterError
from analysis_lib.faults import WARNING, Fault
from analysis_lib.importers.plain_text import decoded, text_lines, text_table
from analysis_lib.importers.raw import RawTable, Read
from analysis_lib.importers.roll_copies import snapshot
from analysis_lib.importers.snapshots import History, Snapshot
from analysis_lib.importers.structured import DEEPEST, Unreadable, flattened, parsed

SUFFIXES = (".json", ".yaml", ".yml", ".csv", ".md")
MOST_COMMITS = 10_000
_SECONDS = 120  # for one question to git
_SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.commitGraph": "false",
    "core.pager": "cat",
    "log.showSignature": "false",
    "log.follow": "false",
    "protocol.allow": "never",
}
_BULLET = re.compile(r"[-*+] +(?:\[(?P<link>[^\]]*)\]\([^)]*\)|(?P<plain>\S.*))")
_FIX = "Look at the file in this commit; the copy is left out, and the next is compared with the one before."


class _Loader(getattr(yaml, "CBaseLoader", yaml.BaseLoader)):  # type: ignore[misc]
    """Reads YAML as texts, lists and mappings and nothing else, so that "no" stays a word; a doubled key is refused."""

    def construct_scalar(self, node: Any) -> str:
        text = super().construct_scalar(node)
        return "" if not node.style and text in ("~", "null", "Null", "NULL") else text

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        made = super().construct_mapping(node, deep=deep)
        if len(made) < len(node.value):
            raise yaml.YAMLError("a mapping holds the same key twice")
        return made


def _git(folder: Path, *words: str) -> bytes | None:
    """Ask git; null if it says no.

    Raises
    ------
    ParameterError
        There is no git, or it doesn't answer.
    """
    binary = shutil.which("git")
    if binary is None:
        raise ParameterError("git isn't installed. Expected it, to read the history of a roll. Install git and run this again.")
    settings = [*(f"{name}={value}" for name, value in _SETTINGS.items()), f"safe.directory={folder}"]
    before = [word for setting in settings for word in ("-c", setting)]
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": os.devnull,
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CEILING_DIRECTORIES": str(folder.parent),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_GRAFT_FILE": os.devnull,
        "GIT_ALLOW_PROTOCOL": "none",
    }
    command = [binary, *before, "--no-pager", "--literal-pathspecs", "-C", str(folder), *words]
    try:
        answer = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        raise ParameterError(
            f"{folder}: git doesn't answer within {_SECONDS} seconds. Expected a repository on this computer. Copy it and try again."
        ) from None
    return answer.stdout if answer.returncode == 0 else None


def commits(folder: Path, path: str) -> list[tuple[str, datetime]]:
    """List the commits that changed a file, the oldest first, with the committer's time in UTC.

    Raises
    ------
    ParameterError
        There is no git, the folder is no repository, or the file isn't in its history.
    """
    folder = folder.resolve()
    if not folder.is_dir() or _git(folder, "rev-parse", "--git-dir") is None:
        raise ParameterError(
            f"{folder}: this isn't a git repository. Expected the top folder of one. Clone the repository with all its history."
        )
    log = _git(folder, "log", "--first-parent", "--format=%H %ct", "HEAD", "--", path)
    lines = (log or b"").decode("ascii", "replace").split("\n")
    words = [line.split() for line in lines if re.fullmatch(r"[0-9a-f]{40,64} [0-9]{1,11}", line)]
    if not 1 <= len(words) <= MOST_COMMITS:
        raise ParameterError(
            f"{folder}: {len(words):,} commits changed {path}. Expected 1 to {MOST_COMMITS:,}. "
            "Name the roll's path from the top of the repository, with slashes."
        )
    return [(commit, datetime.fromtimestamp(int(seconds), UTC)) for commit, seconds in reversed(words)]


def _not_too_deep(text: str) -> None:
    """Refuse YAML with lists within lists without end: to build them would fill the stack and end the program."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        is_start = isinstance(event, yaml.CollectionStartEvent)
        depth += is_start - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise Unreadable("it is nested too deeply")


def _at(whole: Any, place: str) -> Any:
    for step in place.split(".") if place else ():
        if not isinstance(whole, dict) or step not in whole:
            raise Unreadable("the place that was named isn't in it")
        whole = whole[step]
    return whole


def _parts(whole: Any, most: int) -> list[dict[str, str]]:
    """Make records of a list, or of a mapping, whose keys then stand in the column `key`; a bare value is in `value`.

    `most` characters may come of it: YAML can repeat a part by naming it, and swell.
    """
    if not isinstance(whole, (dict, list)):
        raise Unreadable("there is no list of members in it")
    if getattr(whole, "is_doubled", False):
        raise Unreadable("a member stands in it twice")
    records = []
    for part in whole:
        record = _record(whole[part]) | {"key": str(part)} if isinstance(whole, dict) else _record(part)
        most -= sum(len(text) for text in record.values())
        if most < 0:
            raise Unreadable("parts of it are repeated by reference until it swells")
        records.append(record)
    return records


def _record(part: Any) -> dict[str, str]:
    return flattened(part if isinstance(part, dict) else {"value": part})


def _bullets(text: str) -> list[dict[str, str]]:
    found = [match for line in text_lines(text) if (match := _BULLET.fullmatch(line.strip()))]
    return [{"value": (match["link"] or match["plain"] or "").strip().removeprefix("@")} for match in found]


def roll_table(data: bytes, file: str, *, suffix: str, place: str = "") -> RawTable | Fault:
    """Read a roll in JSON, YAML, CSV or as Markdown bullets.

    Parameters
    ----------
    data : bytes
        The file.
    file : str
        Its name, for messages.
    suffix : str
        One of `SUFFIXES`.
    place : str
        In JSON and YAML: where the members stand, as in "roll.voters".
    """
    text = decoded(data, file, "a roll as text")
    if isinstance(text, Fault):
        return text
    most = 1_000 + 10 * len(text[0])
    try:
        if suffix == ".json":
            records = _parts(_at(parsed(text[0]), place), most)
        elif suffix in (".yaml", ".yml"):
            _not_too_deep(text[0])
            records = _parts(_at(yaml.load(text[0], Loader=_Loader), place), most)
        elif suffix == ".csv":
            records = [
                {key: cell or "" for key, cell in row.items() if key}
                for row in csv.DictReader(io.StringIO(text[0], newline=""), strict=True)
            ]
        else:
            records = _bullets(text[0])
    except (ValueError, yaml.YAMLError, csv.Error, RecursionError, TypeError) as error:
        reason = str(error) if isinstance(error, Unreadable) else "it isn't whole, or a key stands in it twice"
        return Fault(
            file=file, found=f"the roll can't be read: {reason}", expected="a roll as text", remedy=_FIX, rule="roll_copy"
        )
    return text_table("roll", file, records, range(1, len(records) + 1))


def exported(folder: Path, path: str) -> bytes:
    """Write down every copy of a roll in its repository, as JSON lines that `read` takes.

    Parameters
    ----------
    folder : Path
        The top folder of the repository.
    path : str
        The roll's path in it.

    Raises
    ------
    ParameterError
        There is no git, no repository, no such file, or the roll has another form than `SUFFIXES`.
    """
    if PurePosixPath(path).suffix.lower() not in SUFFIXES:
        raise ParameterError(f"path: {path} has another form. Expected a file ending in {', '.join(SUFFIXES)}. Name the roll.")
    folder = folder.resolve()
    listed = commits(folder, path)
    is_shallow = (_git(folder, "rev-parse", "--is-shallow-repository") or b"").strip() == b"true"
    lines: list[dict[str, Any]] = [{"path": path, "is_shallow": is_shallow}]
    for commit, time in listed:
        data = _git(folder, "cat-file", "blob", f"{commit}:{path}")
        lines.append({"commit": commit, "at": time.isoformat(), "roll": None if data is None else data.decode("latin-1")})
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def _commit(line: Mapping[str, Any]) -> dict[str, str]:
    """Take one commit as `exported` writes it; anything else is a ValueError or the like."""
    roll = line["roll"]
    if roll is not None:
        roll.encode("latin-1")  # a letter for each byte
    if datetime.fromisoformat(line["at"]).tzinfo is None or not re.fullmatch("[0-9a-f]{40,64}", line["commit"]):
        raise ValueError("not as exported")
    return {"commit": line["commit"], "at": line["at"], "roll": roll or ""}


def read(data: bytes, file: str) -> Read:
    """Read what `exported` wrote: one table, `commits`, with the roll of each as text, a letter for each byte."""
    try:
        head, *lines = [json.loads(line) for line in data.decode().splitlines()]
        records = [_commit(line) for line in lines]
        path, is_shallow = str(head["path"]), bool(head["is_shallow"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        found = "this isn't the history of a roll"
        remedy = "Name the repository's folder, and the roll's path in it with --roll-file."
        return Read((), (Fault(file=file, found=found, expected="a git repository", remedy=remedy, rule="roll_copy"),))
    faults = [
        Fault(file=f"{path} in commit {line['commit'][:12]}", found="the file isn't in this commit", expected="a roll as text",
              remedy=_FIX, rule="roll_copy")
        for line in lines if line["roll"] is None
    ]  # fmt: skip
    if is_shallow:
        remedy = "Fetch the whole history; until then the account begins with the oldest copy that is there."
        found = "the repository was cloned without its older history"
        faults.append(Fault(file=path, found=found, expected="all commits", remedy=remedy, severity=WARNING, rule="shallow"))
    held = [record for record, line in zip(records, lines, strict=True) if line["roll"] is not None]
    return Read((text_table("commits", path, held, range(1, len(held) + 1), ("commit", "at", "roll")),), tuple(faults))


def history_of(table: RawTable, columns: Mapping[str, str], *, place: str = "") -> tuple[History, list[Fault]]:
    """Make the copies of a roll from the table that `read` gives.

    Parameters
    ----------
    columns : Mapping
        "member" and fields of `snapshots.FIELDS` -> names in the roll; "key" is the key of a mapping of members,
        "value" a bare text of a list. Copies without one of the columns are compared without it.
    place : str
        In JSON and YAML: where the members stand.
    """
    suffix = PurePosixPath(table.file).suffix.lower()
    copies: list[Snapshot] = []
    faults: list[Fault] = []
    for commit, at, text in table.cells.select("commit", "at", "roll").iter_rows():
        name, time = f"{table.file} in commit {commit[:12]}", datetime.fromisoformat(at)
        roll = roll_table(text.encode("latin-1"), name, suffix=suffix, place=place)
        if isinstance(roll, Fault):
            faults.append(roll)
            continue
        held = {field: column for field, column in columns.items() if column in roll.cells.columns}
        if roll.cells.height and "member" not in held:
            found = "the column of members isn't in this copy"
            faults.append(
                Fault(file=name, found=found, expected="the columns named", remedy=_FIX, severity=WARNING, rule="roll_copy")
            )
            continue
        copy, more = snapshot(roll, time, held, label=commit) if held else (Snapshot(time, {}, commit), [])
        copies.append(copy)
        faults += more
    return History(table.file, tuple(copies), "clear", are_edits=True), faults
