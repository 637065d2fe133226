"""What an import notes of the files themselves: their register, the ballot they are about, the package they go into."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analysis_lib.descriptor import MIN_CELL
from analysis_lib.errors import ParameterError
from analysis_lib.faults import Fault
from analysis_lib.importers import writing
from analysis_lib.importers.apply import Applied
from analysis_lib.importers.formats import Part
from analysis_lib.importers.mapping import Platform
from analysis_lib.importers.pseudonyms import CANONICAL_RULES, DEFAULT_REGION, CaseKey
from analysis_lib.importers.raw import Repair
from analysis_lib.plaintext import inert

MARK = "the case key of this package"  # what its key is kept of, so that another case key is noticed


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What whoever imports knows and no file says; "" where it isn't known."""

    timezone: str = ""
    title: str = ""
    organisation: str = ""
    contest_name: str = ""
    source_kind: str = ""
    source_title: str = ""
    supplied_by: str = ""
    interest: str = ""
    obtained_on: str = ""
    completeness: str = ""
    taken_at: str | Sequence[str] = ""  # for all files, or for each in their order
    roll_file: str = ""  # path of the roll in a git repository
    server_zone: str = ""
    dates: str = ""  # day-first or month-first
    region: str = DEFAULT_REGION
    case_key: str = ""
    kind_of_file: str = ""
    rows_of: str = ""
    made_up: bool = False


@dataclass(slots=True)
class Source:
    """One file as received."""

    path: Path
    data: bytes
    parts: list[Part] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def id(self) -> str:
        return "S" + self.sha256[:8]


def source_row(source: Source, mapping: Platform, options: Options, held: writing.Held, whole: Sequence[Applied]) -> writing.Row:
    """Register the file; what the user didn't say is filled in only where nothing stands yet."""
    kinds = [part.file for part in source.parts]
    orders = {kind.row_order for kind in kinds}
    stamps = [stamp for applied in whole for stamp in applied.instants]
    first, last = (min(stamps), max(stamps)) if len({*stamps}) > 1 else ("", "")
    sure = {
        "source_id": source.id,
        "sha256": source.sha256,
        "bytes": str(len(source.data)),
        "rows": str(sum(applied.n_read for applied in whole)),
        "covers_from": first,
        "covers_to": last,
        "platform": mapping.platform,
        "kind": options.source_kind,
        "title": options.source_title,
        "supplied_by_role": options.supplied_by,
        "interest": options.interest,
        "obtained_at": options.obtained_on,
        "completeness": options.completeness,
    }
    usual = {
        "kind": "synthetic" if options.made_up else kinds[0].kind,
        "title": f"{mapping.title}: {', '.join(dict.fromkeys(kind.title for kind in kinds))}",
        "supplied_by_role": "unknown",
        "interest": "unknown",
        "obtained_at": datetime.now(UTC).date().isoformat(),
        "completeness": kinds[0].completeness,
        "row_order": orders.pop() if len(orders) == 1 else "",  # parts in unlike orders have none together
    }
    old = next((row for row in held.tables.get("sources", ()) if row["source_id"] == source.id), {})
    return sure | {name: text for name, text in usual.items() if not sure.get(name) and not old.get(name)}


def contest_row(
    contest: str, mapping: Platform, options: Options, held: writing.Held, source_id: str
) -> tuple[list[writing.Row], list[str]]:
    """Register the contest if it is new; give what a person must still fill in."""
    old = next((row for row in held.tables.get("contests", ()) if row["contest_id"] == contest), None)
    sure = {"contest_id": contest, "organisation": options.organisation, "contest_name": options.contest_name}
    if old is not None:
        return [sure], []
    if not options.timezone:
        raise ParameterError(
            f"The contest {contest} is new, and nothing says in which zone its times were advertised. "
            "Expected --timezone, for instance --timezone Europe/London."
        )
    usual = {
        "organisation": "not stated",
        "contest_name": contest,
        "kind": "other",
        "seats": "1",
        "voting_method": "other",
        "secrecy": "unknown",
        "status": "closed",
        "proceedings_active": "false",
    }
    guessed = [name for name in usual if not sure.get(name)]
    row = {**usual, **{name: text for name, text in sure.items() if text}}
    row |= {"timezone": options.timezone, "platform": mapping.platform, "source_id": source_id}
    said = ", ".join(f"{name} ({usual[name]})" for name in guessed)
    return [row], [f"contests, row {contest}: {said} are only filled in so that the package opens. Correct them."]


def _columns_read(parts: Sequence[Part]) -> set[str]:
    """Name the columns of a source that its mapping reads, under the names of other versions, too."""
    read: set[str] = set()
    for part in parts:
        of_file = part.file.named - {*part.file.unused}
        of_file |= {other for name in of_file for other in part.file.aliases.get(name, ())}
        turned = [rows.unpivot.columns for rows in part.file.rows if rows.unpivot and rows.table != "ballot_choices"]
        read |= of_file
        if turned:
            read |= {name for name in part.table.cells.columns if any(re.search(pattern, name) for pattern in turned)}
    return read


def repair_rows(source: Source, repairs: Sequence[Repair], key: CaseKey) -> list[writing.Row]:
    """Note each cell that isn't read as it was written; the cell itself is noted nowhere."""
    counted: Counter[Repair] = Counter()
    rows = []
    read = _columns_read(source.parts)
    for repair in repairs:
        if repair.repair == "trimmed" and repair.column not in read:
            continue  # of a cell that isn't taken over; its column's name may be a person's, or its row tell of an answer
        copy = counted[repair]
        counted[repair] += 1
        text = "\x1f".join([source.id, str(repair.row), repair.column, repair.repair, str(copy)])
        rows.append(
            {
                "repair_id": "E" + key.key("event", text),
                "source_id": source.id,
                "source_row": str(repair.row),
                "column": inert(repair.column),
                "repair": repair.repair,
            }
        )
    return rows


def description(package: Path, options: Options, contest: str, key: CaseKey) -> dict[str, Any]:
    """Say what a new package is; a package that is there keeps what it says."""
    name = "".join(char if char.isalnum() or char in "-_." else "_" for char in package.resolve().name.lower())
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": name,
        "title": options.title or options.contest_name or contest,
        "description": "Made from exports by selection-forensics import.",
        "sf:made_up": options.made_up,
        "sf:min_cell": MIN_CELL,
        "sf:canonical": dict(CANONICAL_RULES) | {"region": key.region},
        "sf:case_key_mark": key.key("event", MARK),
    }
