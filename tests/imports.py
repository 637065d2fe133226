"""Helpers for the tests of the importers: small tables, a fixed case key, a mapping written in the test itself."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import polars as pl

from analysis_lib.faults import Fault, fault_table, message
from analysis_lib.importers.importing import Imported, Options, import_files
from analysis_lib.importers.mapping import Clock, Platform, read_mapping
from analysis_lib.importers.pseudonyms import CaseKey
from analysis_lib.importers.raw import RawTable
from analysis_lib.importers.values import Setting

EXPORTS = Path(__file__).parent / "importers" / "exports"
KEY = CaseKey(bytes(range(32)))
HEAD = "Member,When,What,Full name,Remarks\n"
ANN = "A-1,08/03/2031 19:30:05,Voted,Ann Lee,\n"
BOB = "A-2,08/03/2031 20:00:00,Voted,Bob Moss,late\n"

VOTES = """
    platform = "club"
    title = "Club's own list"
    traps = ["The list is typed by hand."]

    [clocks.server]
    zone = "Europe/London"
    basis = "stated_zone"

    [[files]]
    name = "votes"
    title = "list of votes"
    needs = ["Member", "When"]
    personal = { name = ["Full name"] }
    unused = { Remarks = "free text" }

    [[files.rows]]
    table = "ballot_events"
    when.When = { filled = true }
    id = ["Member", "When"]
    columns.at = { from = "When", time = "%d/%m/%Y %H:%M:%S", clock = "server" }
    columns.voter_key = { from = "Member", key = "member" }
    columns.event = { from = "What", map = { "Voted" = "cast", "Struck" = "voided" } }
    columns.channel = "online"
    columns.link_level = "voter_linked"
"""


def table(rows: list[dict[str, str]], file: str = "votes.csv", first_row: int = 2) -> RawTable:
    """A table as a reader gives it."""
    numbers = pl.Series("row", range(first_row, first_row + len(rows)), dtype=pl.Int64)
    return RawTable("", file, pl.DataFrame(rows), numbers)


def setting(**changes: Any) -> Setting:
    """What the rows of a file have in common."""
    usual: dict[str, Any] = {
        "key": KEY,
        "platform": "club",
        "contest_id": "vale",
        "source_id": "S1",
        "taken_at": "2031-03-10T09:00:00Z",
        "clocks": {"server": Clock(zone="Europe/London", basis="stated_zone")},
        "order": "",
    }
    return Setting(**(usual | changes))


def mapping_file(folder: Path, text: str = VOTES) -> Path:
    """Write a mapping to a file."""
    path = folder / "club.toml"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def mapping(folder: Path, text: str = VOTES) -> Platform:
    """Write a mapping to a file and read it."""
    return read_mapping(mapping_file(folder, text))


def put(folder: Path, name: str, text: str | bytes) -> Path:
    """Write an export to a file."""
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def bring(platform: str | Path, *files: Path, into: Path, contest: str = "vale", **options: Any) -> Imported:
    """Import files with a zone for the contest."""
    return import_files(str(platform), files, into, contest, Options(**({"timezone": "Europe/London"} | options)))


def said(faults: pl.DataFrame | list[Fault] | tuple[Fault, ...]) -> str:
    """Every fault as the user reads it, a line each, with its severity and rule before it."""
    rows = faults if isinstance(faults, pl.DataFrame) else fault_table(faults)
    return "\n".join(f"{f['severity']} {f['rule']} | {message(f)}" for f in rows.iter_rows(named=True))


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
