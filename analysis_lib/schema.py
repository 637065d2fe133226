"""The rules of every table, read from data_schema/tables/*.schema.json; `python -m analysis_lib.schema` writes the dictionary."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import polars as pl

from analysis_lib.errors import PackageError
from analysis_lib.locations import DATA_SCHEMA

TYPES: Mapping[str, pl.DataType] = {
    "string": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "datetime": pl.Datetime("us", "UTC"),
}

# Rules between columns of one row, in words; checks.py has the arithmetic.
NOT_SUPPLIED = "NOT_SUPPLIED"  # label of an empty cell; every other missing value has a reason that was given
ROW_RULES: Mapping[str, str] = {
    "opens_before_closes": "opens_at before closes_at",
    "lo_not_above_hi": "lo not above hi",
    "candidate_named": "a candidate_id wherever item is candidate",
    "transfer_named": "a to_candidate_id wherever item is transfer",
    "count_given": "a figure in n, weighted_n, share, lo or hi, unless is_suppressed_for_privacy is true",
    "covers_in_order": "covers_from before covers_to",
    "at_lo_not_after_at_hi": "at_lo not after at_hi",
    "sent_in_order": "sent_at not after sent_end_at",
    "starts_not_after_ends": "starts_at not after ends_at",
    "received_not_after_outcome": "received_at not after outcome_at",
    "put_not_after_replied": "put_at not after replied_at",
    "link_level_true": "voter_linked where, and only where, there is a voter_key; ballot_only with a ballot_id, time_only not",
}

_CONSTRAINTS = {"required", "minimum", "maximum", "pattern"}
_KINDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "date": "date, year-month-day",
    "datetime": "date and time with its offset from UTC",
}
_SHARING = {"keep": "kept", "coarsen": "kept only in broad groups", "drop": "taken out"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One column: what it is, what may stand in it, and who may see it."""

    name: str
    title: str
    description: str
    type: str
    categories: tuple[str, ...]
    is_required: bool
    minimum: float | None
    maximum: float | None
    pattern: str | None
    is_zone: bool
    unit: str
    example: str
    example_bad: tuple[str, str] | None  # the value, and a pattern of the message it earns
    missing_means: str
    privacy: str
    public: str
    why_we_ask: str
    read_by: tuple[str, ...]

    @property
    def dtype(self) -> pl.DataType:
        """The polars type of the column in an analysis frame."""
        return TYPES[self.type]

    @property
    def is_public(self) -> bool:
        """Whether a cell may be repeated in a message."""
        return self.privacy == "public"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """Columns whose values must stand in a column of another table."""

    fields: tuple[str, ...]
    table: str
    table_fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSchema:
    """One table: its columns in order, its keys, the rules between its columns, its codes for missing values."""

    name: str
    title: str
    description: str
    fields: tuple[Field, ...]
    primary_key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...]
    rules: tuple[str, ...]
    tier: str
    missing_codes: Mapping[str, str]  # the code in the file -> its label

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(field.name for field in self.fields)

    def field(self, name: str) -> Field:
        """Give one column's rules by its name."""
        return self.fields[self.names.index(name)]

    @property
    def is_core(self) -> bool:
        """Whether every package must have this table."""
        return self.tier == "core"

    @property
    def is_about_persons(self) -> bool:
        """Whether any column stands for a person or is never to be shared; the row of the source alone doesn't count."""
        return not all(field.is_public or field.name == "source_row" for field in self.fields)

    @property
    def dtypes(self) -> dict[str, pl.DataType]:
        """The polars type of every column."""
        return {field.name: field.dtype for field in self.fields}


def _read(path: str) -> dict[str, Any]:
    try:
        return json.loads((DATA_SCHEMA / path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PackageError(
            f"data_schema/{path} can't be read ({error}). Expected a file that comes with the library. Install the library again."
        ) from None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _field(raw: Mapping[str, Any], place: str) -> Field:
    constraints = raw.get("constraints", {})
    unknown = sorted(set(constraints) - _CONSTRAINTS)
    if raw["type"] not in TYPES or unknown:
        raise PackageError(
            f"{place}, column {raw['name']}: the type {raw['type']} or a constraint ({', '.join(unknown)}) can't be checked. "
            f"Expected a type of {', '.join(TYPES)} and constraints of {', '.join(sorted(_CONSTRAINTS))}. Change the schema."
        )
    bad = raw.get("sf:example_bad")
    return Field(
        name=raw["name"],
        title=raw["title"],
        description=raw["description"],
        type=raw["type"],
        categories=tuple(raw.get("categories", ())),
        is_required=constraints.get("required", False),
        minimum=constraints.get("minimum"),
        maximum=constraints.get("maximum"),
        pattern=constraints.get("pattern"),
        is_zone=raw.get("sf:format") == "iana_zone",
        unit=raw.get("sf:unit", ""),
        example=_text(raw["example"]),
        example_bad=None if bad is None else (_text(bad["value"]), bad["message"]),
        missing_means=raw.get("sf:missing_means", ""),
        privacy=raw["sf:privacy"],
        public=raw["sf:public"],
        why_we_ask=raw["sf:why_we_ask"],
        read_by=tuple(raw["sf:read_by"]),
    )


@cache
def load_schema(table: str) -> TableSchema:
    """Read the rules of one table.

    Raises
    ------
    PackageError
        The schema file can't be read, or it asks for a check that doesn't exist.
    """
    path = f"tables/{table}.schema.json"
    raw = _read(path)
    rules = tuple(raw.get("sf:rules", ()))
    if unknown := [rule for rule in rules if rule not in ROW_RULES]:
        raise PackageError(
            f"data_schema/{path}: there is no rule {', '.join(unknown)}. "
            f"Expected rules of {', '.join(ROW_RULES)}. Change the schema."
        )
    return TableSchema(
        name=raw["name"],
        title=raw["title"],
        description=raw["description"],
        fields=tuple(_field(field, f"data_schema/{path}") for field in raw["fields"]),
        primary_key=tuple(raw["primaryKey"]),
        foreign_keys=tuple(
            ForeignKey(
                fields=tuple(key["fields"]), table=key["reference"]["resource"], table_fields=tuple(key["reference"]["fields"])
            )
            for key in raw.get("foreignKeys", ())
        ),
        rules=rules,
        tier=raw["sf:tier"],
        missing_codes={code["value"]: code["label"] for code in raw["missingValues"]},
    )


TABLES: tuple[str, ...] = tuple(resource["name"] for resource in _read("datapackage.json")["resources"])


def form(field: Field) -> str:
    """Say what may stand in a column: its type, its categories or its limits, and its unit."""
    if field.categories:
        return "one of " + ", ".join(f"`{category}`" for category in field.categories)
    if field.is_zone:
        return "IANA time zone"
    limits = {"at least": field.minimum, "at most": field.maximum}
    words = [_KINDS[field.type], *(f"{word} {limit}" for word, limit in limits.items() if limit is not None)]
    if field.pattern:
        words.append(f"pattern `{field.pattern}`")
    return ", ".join(words) + (f" ({field.unit})" if field.unit else "")


def _field_lines(field: Field) -> list[str]:
    need = "needed" if field.is_required else "may be empty"
    lines = [f"- **`{field.name}`** {field.title}: {form(field)}; {need}. Example: `{field.example}`", f"  {field.description}"]
    if field.missing_means:
        lines.append(f"  If empty: {field.missing_means}")
    lines.append(f"  Why we ask: {field.why_we_ask}")
    lines.append(f"  In a public edition: {_SHARING[field.public]}. Read by: {', '.join(field.read_by)}.")
    return lines


def _table_lines(schema: TableSchema) -> list[str]:
    need = "Every package must have it." if schema.is_core else "It may be left out."
    lines = [f"## {schema.name}", "", f"**{schema.title}.** {schema.description} {need}", ""]
    lines.append(f"One row for every {' + '.join(f'`{name}`' for name in schema.primary_key)}.")
    for key in schema.foreign_keys:
        mine, theirs = (" + ".join(f"`{name}`" for name in names) for names in (key.fields, key.table_fields))
        lines.append(f"{mine} must stand in {key.table} as {theirs}.")
    lines += [f"Each row: {ROW_RULES[rule]}." for rule in schema.rules]
    lines.append("")
    for field in schema.fields:
        lines += _field_lines(field)
    return [*lines, ""]


def dictionary() -> str:
    """Write out every table and column in plain English: the text of data_schema/dictionary.md."""
    codes = load_schema(TABLES[0]).missing_codes
    lines = [
        "# Data dictionary",
        "",
        "Made from tables/*.schema.json by `python -m analysis_lib.schema`; change those, not this.",
        "",
        "An empty cell, or one of these codes, is a missing value: "
        + ", ".join(f"`{code}` {label}" for code, label in codes.items() if code)
        + ". A column that is needed takes no code.",
        "",
        *(f"- [{name}](#{name}): {load_schema(name).title}" for name in TABLES),
        "",
    ]
    for name in TABLES:
        lines += _table_lines(load_schema(name))
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    (DATA_SCHEMA / "dictionary.md").write_text(dictionary(), encoding="utf-8", newline="\n")
