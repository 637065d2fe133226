"""What a platform's files are and what their columns mean: a TOML file, checked whole before a file is read."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from analysis_lib.checks import zones
from analysis_lib.errors import ParameterError
from analysis_lib.faults import hint
from analysis_lib.locations import DATA_SCHEMA
from analysis_lib.schema import TABLES, load_schema

MAPPINGS = DATA_SCHEMA / "mappings"
AUTOMATIC = ("contest_id", "source_id", "source_row", "clock_id", "at_raw")  # written without being mapped

Kind = Literal[
    "member", "email", "phone", "address", "ip", "ip_prefix", "credential", "ballot", "device", "session", "officer", "name"
]
Value = Literal["contest", "source", "taken_at", "n_rows", "row", "part", "file"]


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} isn't a regular expression ({error})") from None
    return text


def _zone(text: str) -> str:
    if text and text not in zones():
        raise ValueError(f"{text!r} isn't an IANA time zone such as Europe/London")
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]
Zone = Annotated[str, AfterValidator(_zone)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True, ignored_types=(cached_property,))


class Clock(_Strict):
    """One clock of the platform; an empty zone must be given with --server-zone."""

    zone: Zone = ""
    basis: Literal["stated_offset", "stated_zone", "epoch", "inferred_from_anchor", "assumed"] = "assumed"
    resolution: Literal["us", "ms", "s", "min", "hour", "day"] = "us"  # or coarser, if the times show so
    rounding: Literal["truncate", "round", "unknown"] = "unknown"
    write_semantics: Literal[
        "event_time", "commit_time", "queue_time", "last_overwrite", "export_time", "placeholder", "unknown"
    ] = "unknown"  # fmt: skip


class Condition(_Strict):
    """What must hold of a cell: one of some texts (`is`), none of some (`not`), a pattern, or that it is filled or not."""

    among: tuple[str, ...] = Field((), alias="is")
    none_of: tuple[str, ...] = Field((), alias="not")
    matches: Pattern = ""
    filled: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, raw: Any) -> Any:
        return {"is": raw} if isinstance(raw, list) else raw


class Cell(_Strict):
    """Where the text of one column comes from, and what is made of it, in the order in which the fields stand here."""

    source: str = Field("", alias="from")
    join: tuple[str, ...] = ()
    between: str = Field(" ", alias="with")
    value: Value | None = None
    literal: str = ""
    json_key: str = ""  # the value of this key, where the cell holds a JSON object
    part: Pattern = ""
    map: Mapping[str, str] = {}
    default: str | None = None
    equals: str = ""
    edit_class: Literal["email", "phone", "address", "name", ""] = ""
    names: tuple[str, ...] = ()  # for edit_class: where the member's name stands, in columns or keys of the JSON
    number: bool = False
    domain_class: bool = False
    per_file: bool = False  # the same text in another file means something else: ballots numbered from 1 in each
    key: Kind | None = None
    time: tuple[str, ...] = ()
    clock: str = ""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, raw: Any) -> Any:
        if isinstance(raw, str):
            return {"literal": raw}
        if isinstance(raw, dict) and isinstance(raw.get("time"), str):
            return raw | {"time": [raw["time"]]}
        return raw

    @model_validator(mode="after")
    def _one_origin(self) -> Cell:
        origins = [bool(self.source), bool(self.join), self.value is not None, bool(self.literal)]
        if sum(origins) != 1:
            raise ValueError("a column comes from exactly one of: a text, from, join, value")
        if self.edit_class and len(self.join) != 2:
            raise ValueError("edit_class needs join with two columns: the text before, the text after")
        if self.names and not self.edit_class:
            raise ValueError("names needs edit_class")
        if bool(self.time) != bool(self.clock):
            raise ValueError("time and clock stand together: a time without a clock has no zone")
        if self.part and re.compile(self.part).groups != 1:
            raise ValueError("part needs one pair of brackets around what is wanted")
        if self.default is not None and not self.map:
            raise ValueError("default needs map")
        if self.per_file and not self.key:
            raise ValueError("per_file needs key")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the file it reads."""
        named = self.names if not self.json_key else ()
        return ((self.source, self.equals) if self.equals else (self.source,)) if self.source else (*self.join, *named)

    @property
    def hides(self) -> bool:
        """Whether what comes out can't repeat what was in the cell."""
        return bool(self.key or self.domain_class or self.map or self.equals or self.edit_class)


When = Mapping[str, Condition]


class Unpivot(_Strict):
    """Columns that hold one thing each, made into rows: `name` gets the pattern's bracket, `value` the cell."""

    columns: Pattern
    name: str
    value: str


class Rows(_Strict):
    """The rows of one table that a file gives: one for each of its rows that fits `when`, or one for the whole file."""

    table: str
    when: When = {}
    unpivot: Unpivot | None = None
    once: bool = False
    id: tuple[str, ...] = ()
    id_word: str = ""  # keeps apart rows that one record gives to one table
    columns: Mapping[str, Cell]


class LeftOut(_Strict):
    """Rows that are known and deliberately not used."""

    when: When
    reason: str


class Join(_Strict):
    """Columns taken from another file of the same import, where `here` equals `there`."""

    file: str
    here: str
    there: str
    take: Mapping[str, str]  # name here = name there


class RollOf(_Strict):
    """Copies of the roll in a file, and the column of each field: compared in the clear, before they become keys.

    `copies`: a row for each member; several copies where `taken_at` is a column. `events`: additions, removals and
    address changes, each at `taken_at` in the edit named in `edit`. `history`: what the format git_roll gives.
    """

    held_as: Literal["copies", "events", "history"] = Field("copies", alias="as")
    member: str
    email: str = ""
    phone: str = ""
    address: str = ""
    name: tuple[str, ...] = ()
    unit: str = ""
    eligible: str = ""
    taken_at: str = ""
    event: str = ""
    edit: str = ""
    reason: str = ""  # of each event: a word of roll_changes.reason
    place: str = ""  # in JSON and YAML of a history: where the members stand
    clock: str = ""
    purpose: str = "other"
    last_purpose: str = ""

    @model_validator(mode="after")
    def _whole(self) -> RollOf:
        if self.held_as == "events" and not (self.taken_at and self.event and self.edit):
            raise ValueError("a roll as events needs taken_at, event and edit")
        if self.held_as != "copies" and not self.clock:
            raise ValueError("a roll as events or history needs the clock of its edits")
        return self

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """The columns of the file it reads, by field."""
        if self.held_as == "history":
            return {}
        fields = ("member", "email", "phone", "address", "unit", "eligible", "taken_at", "event", "edit", "reason")
        named = {field: (getattr(self, field),) for field in fields if getattr(self, field)}
        return named | {"name": self.name, "": ("has_address",) if self.held_as == "events" else ()}


class File(_Strict):
    """One kind of file: how it is recognised, what its columns are, which rows it gives."""

    name: str
    title: str
    format: str = "table"
    kind: Literal["platform_export", "platform_log", "db_dump", "dsar", "foi", "canvass", "legal_disclosure"] = "platform_export"
    completeness: Literal["complete", "random_sample", "self_selected", "partial_known", "unknown"] = "unknown"
    row_order: Literal["by_time", "by_name", "shuffled", "unknown", ""] = ""  # only where it is known
    options: Mapping[str, Any] = {}
    file_names: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    header_rows: int = Field(1, ge=1, le=5)
    aliases: Mapping[str, tuple[str, ...]] = {}
    contest_column: str = ""
    contest_part: Pattern = ""  # the piece of contest_column that names the ballot; rows without it are kept
    join: tuple[Join, ...] = ()
    personal: Mapping[Kind, tuple[str, ...]] = {}
    unused: Mapping[str, str] = {}
    unused_pattern: Pattern = ""  # names of columns that are never read, such as those of the answers
    left_out: tuple[LeftOut, ...] = ()
    every_row: bool = True
    roll: RollOf | None = None
    rows: tuple[Rows, ...] = ()

    def recognises(self, names: set[str]) -> bool:
        """Whether a table with these column names is of this kind; a name may be written as in another version."""
        return all(names & {name, *self.aliases.get(name, ())} for name in self.needs)

    @property
    def named(self) -> set[str]:
        """Every column of the file that the mapping knows."""
        names = {*self.needs, *self.unused, *self.aliases, self.contest_column} - {""}
        names |= {name for kind in self.personal.values() for name in kind}
        names |= {name for join in self.join for name in (join.here, *join.take)}
        for rows in self.rows:
            names |= {name for cell in rows.columns.values() for name in cell.columns} | {*rows.when, *rows.id}
        for left_out in self.left_out:
            names |= {*left_out.when}
        if self.roll:
            names |= {name for columns in self.roll.columns.values() for name in columns}
        return names


class PairedClocks(_Strict):
    """Two columns of one row that stamp the same event; the second one's zone is sure. Tells the zone of `clock`."""

    file: str
    column: str
    clock: str
    beside: str
    beside_zone: Zone
    time: tuple[str, ...] = ("iso",)
    try_zones: tuple[Zone, ...] = ()


class Checks(_Strict):
    """Checks of a platform's own."""

    paired_clocks: tuple[PairedClocks, ...] = ()


class Platform(_Strict):
    """One platform."""

    platform: Annotated[str, Field(pattern=r"^[a-z0-9_.-]+$")]
    title: str
    about: str = ""
    traps: tuple[str, ...] = ()
    clocks: Mapping[str, Clock] = {}
    checks: Checks = Checks()
    files: tuple[File, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _sound(self) -> Platform:
        if faults := [*_faults(self)]:
            raise ValueError("; ".join(faults[:10]))
        return self


def _faults(mapping: Platform) -> Iterator[str]:
    """Give what the parts say against each other."""
    names = [file.name for file in mapping.files]
    for file in mapping.files:
        if names.count(file.name) > 1:
            yield f"two files are called {file.name}"
        if file.roll:
            yield from (f"{file.name}, roll: {fault}" for fault in _roll_faults(mapping, file.roll))
        for join in file.join:
            if join.file not in names:
                yield f"{file.name}: there is no file {join.file} to join. {hint(join.file, names)}"
        for number, rows in enumerate(file.rows, 1):
            yield from (f"{file.name}, rows {number}: {fault}" for fault in _row_faults(mapping, file, rows))
    for check in mapping.checks.paired_clocks:
        if check.file not in names or check.clock not in mapping.clocks:
            yield f"paired_clocks: there is no file {check.file} or no clock {check.clock}"


def _roll_faults(mapping: Platform, roll: RollOf) -> Iterator[str]:
    if roll.clock and roll.clock not in mapping.clocks:
        yield f"there is no clock {roll.clock}. {hint(roll.clock, mapping.clocks)}"
    purposes = next(field for field in load_schema("roll_snapshots").fields if field.name == "purpose").categories
    for purpose in (roll.purpose, roll.last_purpose):
        if purpose and purpose not in purposes:
            yield f"{purpose} isn't a purpose of a copy of the roll. {hint(purpose, purposes)}"


def _row_faults(mapping: Platform, file: File, rows: Rows) -> Iterator[str]:
    if rows.table not in TABLES:
        yield f"there is no table {rows.table}. {hint(rows.table, TABLES)}"
        return
    schema = load_schema(rows.table)
    keyed = {name for each in file.rows for cell in each.columns.values() if cell.key for name in cell.columns}
    private = keyed | {name for names in file.personal.values() for name in names}
    for target, cell in rows.columns.items():
        if target not in schema.names:
            yield f"{rows.table} has no column {target}. {hint(target, schema.names)}"
        if cell.clock and cell.clock not in mapping.clocks:
            yield f"{target}: there is no clock {cell.clock}. {hint(cell.clock, mapping.clocks)}"
        if _holds_keys(target) and not cell.key:
            yield f"{target}: it stands for a person or a ballot and takes no text as it stands; write key = …"
        if not cell.hides and (clear := private & {*cell.columns}):
            yield f"{target}: the column {min(clear)} is personal; write key = … so that it doesn't come in as it stands"
    own = [name for name in schema.primary_key if name not in {*rows.columns, *AUTOMATIC}]
    if own and not (rows.id or rows.once):
        yield f"{rows.table} needs the column {own[0]}: map it, or name in id the columns that make a row different from all others"
    if len(own) > 1:
        yield f"{rows.table} needs the columns {' and '.join(own)}"
    needed = [f.name for f in schema.fields if f.is_required and f.name not in {*rows.columns, *AUTOMATIC, *own}]
    if needed:
        yield f"{rows.table} needs the column {' and '.join(needed)}"


def _holds_keys(column: str) -> bool:
    return column.endswith("_key") or column in ("credential_id", "replaces_credential_id", "ballot_id")


def read_mapping(path: Path) -> Platform:
    """Read a mapping file.

    Raises
    ------
    ParameterError
        It isn't there, isn't TOML, or something in it doesn't fit; every fault is named with its place.
    """
    more = "data_schema/mappings/README.md says how one is written."
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ParameterError(f"{path}: the mapping can't be read ({error.strerror}). Expected a TOML file. {more}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path}: this isn't TOML in UTF-8 ({error}). Expected a mapping. {more}") from None
    try:
        return Platform.model_validate(raw)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'the whole'}: {e['msg']}" for e in error.errors()[:10])
        raise ParameterError(f"{path}: {faults}. Expected a mapping. {more}") from None


def platforms() -> dict[str, Path]:
    """Give the mappings that come with the library, by platform."""
    return {path.stem: path for path in sorted(MAPPINGS.glob("*.toml")) if path.stem != "template"}


def find_mapping(platform: str) -> Platform:
    """Give the mapping of a platform by its name, or of a file of the user's own by its path."""
    known = platforms()
    if platform in known:
        return read_mapping(known[platform])
    if platform.endswith(".toml"):
        return read_mapping(Path(platform))
    raise ParameterError(
        f"The platform {platform} isn't known. Expected one of {', '.join(known)}, or the path of a mapping file (.toml). "
        f"{hint(platform, known)}For another platform copy data_schema/mappings/template.toml and fill it in."
    )
