"""Example exports of each platform: imported as a clerk would, and the same events written by hand into our tables."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tiny_package import describe

from analysis_lib import cli
from analysis_lib.case import open_case
from analysis_lib.importers.pseudonyms import CaseKey, load_case_key
from analysis_lib.methods.registry import CHAPTERS, answer_chapter
from analysis_lib.reports.collect import as_entries
from analysis_lib.schema import TABLES, load_schema

EXPORTS = Path(__file__).parent / "importers/exports"
CASES = sorted(path.parent.name for path in EXPORTS.glob("*/case.toml"))
SECRET = "5e" * 32  # the fixed case key of these tests
_IDS = {load_schema(table).primary_key[0] for table in TABLES if len(load_schema(table).primary_key) == 1} - {"contest_id"}
WITHOUT = _IDS | {"source_row", "sha256", "source", "clock"}  # free to choose, or of one package alone
_KEYED = re.compile(r"\{([a-z_]+):([^{}]*)\}")
_PERSONAL = (
    r"[\w.+-]+@[\w-]+\.[\w.-]*\w",
    r"\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b",
    r"\b2001:db8:[0-9a-f:]+",
    r"(?:\+44 ?|0)7700 ?900 ?[0-9]{3}",
)


@dataclass(frozen=True)
class PlatformCase:
    """A folder of exports; `personal` are names and other texts of people that a pattern can't find."""

    folder: Path
    contest: str
    steps: tuple[dict[str, Any], ...]
    personal: tuple[str, ...]

    @property
    def exports(self) -> list[Path]:
        return [self.folder / name for step in self.steps for name in step["files"]]


def platform_case(name: str) -> PlatformCase:
    whole = tomllib.loads((EXPORTS / name / "case.toml").read_text(encoding="utf-8"))
    return PlatformCase(EXPORTS / name, whole["contest"], tuple(whole["steps"]), tuple(whole["personal"]))


def case_key(folder: Path, package: Path) -> tuple[Path, CaseKey]:
    """Write the fixed case key beside the packages."""
    path = folder / "case.key"
    path.write_text(SECRET, encoding="ascii")
    path.chmod(0o600)
    return path, load_case_key(path, package)


def import_all(case: PlatformCase, package: Path, key: Path) -> list[int]:
    """Run every import step by the command line; give the exit statuses."""
    always = [
        "--into",
        str(package),
        "--contest",
        case.contest,
        "--case-key",
        str(key),
        "--made-up",
        "--obtained-on",
        "2032-01-05",
    ]
    done = []
    for step in case.steps:
        files = [str(case.folder / name) for name in step["files"]]
        platform = step.get("platform", case.folder.name)
        platform = str(case.folder / platform) if platform.endswith(".toml") else platform  # a mapping of the clerk's own
        done.append(cli.main(["import", platform, *files, *always, *step.get("arguments", [])]))
    return done


def write_direct(case: PlatformCase, package: Path, key: CaseKey) -> Path:
    """Make a package of the tables written by hand; {member:1001} becomes that member's key."""
    shutil.rmtree(package, ignore_errors=True)
    (package / "data").mkdir(parents=True)
    tables = sorted((case.folder / "direct").glob("*.csv"))
    for table in tables:
        rows = csv.reader(io.StringIO(table.read_text(encoding="utf-8")))
        keyed = [[_KEYED.sub(lambda found: key.key(found[1], found[2]), cell) for cell in row] for row in rows]
        with (package / "data" / table.name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(keyed)
    return describe(package, resources=[{"name": table.stem, "path": f"data/{table.name}"} for table in tables])


@cache
def findings(package: Path) -> list[dict[str, Any]]:
    """Every chapter's findings, without the ids and rows that differ from one package to the next."""
    case = open_case(package)
    found = []
    for chapter in CHAPTERS:
        answered = answer_chapter(chapter, case)
        found += as_entries(finding for each in answered.values() for finding in each)
    copies = case.rows("roll_snapshots")["snapshot_id"].to_list()
    return without_ids(found, re.compile("|".join(map(re.escape, copies)) or "(?!)"))


def without_ids(value: Any, ids: re.Pattern[str]) -> Any:
    """Leave out ids, and write those that stand in a sentence all alike."""
    if isinstance(value, dict):
        return {name: without_ids(part, ids) for name, part in value.items() if name not in WITHOUT}
    if isinstance(value, list):
        parts = [without_ids(part, ids) for part in value]  # some lists go by an id: their order is free, too
        return sorted(parts, key=lambda part: json.dumps(part, sort_keys=True)) if parts and isinstance(parts[0], dict) else parts
    return ids.sub("ID", value) if isinstance(value, str) else value


def package_bytes(package: Path) -> dict[str, bytes]:
    return {str(path.relative_to(package)): path.read_bytes() for path in sorted(package.rglob("*")) if path.is_file()}


def personal_texts(case: PlatformCase) -> Iterator[str]:
    """Give every text of the exports that may not stand in the package."""
    whole = "\n".join(path.read_text(encoding="utf-8-sig") for path in case.exports)
    plain = whole.casefold()
    for text in case.personal:
        assert text.casefold() in plain, f"{text} isn't in the exports"
        yield text
    for pattern in _PERSONAL:
        yield from dict.fromkeys(re.findall(pattern, whole))
