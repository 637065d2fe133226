"""The rules of a schema as polars expressions: typed values where they hold, and a fault for every cell where they don't."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from zoneinfo import available_timezones

import polars as pl

from analysis_lib.faults import WARNING, Fault, hint, row_faults, shown
from analysis_lib.reading import TextTable
from analysis_lib.schema import ROW_RULES, Field, TableSchema

_TRUE, _FALSE = ("true", "True", "TRUE", "1"), ("false", "False", "FALSE", "0")  # those of Table Schema
_INTEGER = r"^[+-]?[0-9]{1,18}$"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
# From 1900 to 2199: the zero dates of spreadsheets and databases (1899-12-30, 0001-01-01) are no dates.
_DAY = r"^(19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}"
_DATE = _DAY + "$"
_CLOCK = r"[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]{1,9})?)?"
_OFFSET = r"(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)$"
_DATETIME = _DAY + _CLOCK + _OFFSET
# An e-mail address or a network address where a key should stand.
_NOT_A_KEY = r"@|^[0-9]{1,3}(\.[0-9]{1,3}){3}$|^[0-9a-fA-F]{0,4}:[0-9a-fA-F]{0,4}:[0-9a-fA-F:.]*$"

_IF_UNKNOWN = "Correct it, or leave the cell empty if it isn't known."
_MUST = "Correct it; this column must have a value."

ROW_CHECKS: Mapping[str, tuple[tuple[str, ...], pl.Expr]] = {
    # Each: the columns it is about, and what is true of a row that breaks it.
    "opens_before_closes": (("opens_at", "closes_at"), pl.col("opens_at") >= pl.col("closes_at")),
    "lo_not_above_hi": (("lo", "hi"), pl.col("lo") > pl.col("hi")),
    "candidate_named": (("item", "candidate_id"), (pl.col("item") == "candidate") & pl.col("candidate_id").is_null()),
    "count_given": (("n", "share", "lo", "hi"), pl.all_horizontal(pl.col("n", "share", "lo", "hi").is_null())),
    "link_level_true": (
        ("link_level", "voter_key", "ballot_id"),
        (pl.col("voter_key").is_not_null() != (pl.col("link_level") == "voter_linked"))
        | ((pl.col("link_level") == "ballot_only") & pl.col("ballot_id").is_null())
        | ((pl.col("link_level") == "time_only") & pl.col("ballot_id").is_not_null()),
    ),
}


@dataclass(frozen=True, slots=True)
class CellRule:
    """One rule of one column: `broken` is true of a cell that breaks it; `remedy` is followed by a hint."""

    name: str
    broken: pl.Expr
    expected: str
    remedy: str
    near: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """One table with all its columns, typed, and which of its rows break a rule (`bad`); cells at fault are null."""

    typed: pl.DataFrame
    bad: pl.Series


@cache
def zones() -> tuple[str, ...]:
    """Every IANA time zone known here."""
    return tuple(sorted(available_timezones() - {"Factory", "localtime"}))  # these two name no place


def given(name: str, schema: TableSchema) -> pl.Expr:
    """Whether a cell holds a value: it isn't empty and isn't a code for a missing one."""
    return ~pl.col(name).is_in(list(schema.missing_codes))


def _typed(field: Field, schema: TableSchema) -> pl.Expr:
    """The value of a cell, or null if it is missing or isn't of its type."""
    text = pl.col(field.name)
    if field.type == "string":
        return pl.when(given(field.name, schema)).then(text)
    if field.type == "integer":
        return pl.when(text.str.contains(_INTEGER)).then(text.cast(pl.Int64, strict=False))
    if field.type == "number":
        number = text.cast(pl.Float64, strict=False)
        return pl.when(text.str.contains(_NUMBER) & number.is_finite()).then(number)
    if field.type == "boolean":
        return pl.when(text.is_in(_TRUE)).then(True).when(text.is_in(_FALSE)).then(False)
    if field.type == "date":
        return pl.when(text.str.contains(_DATE)).then(text.str.to_date("%Y-%m-%d", strict=False))
    # Of the forms ISO 8601 allows, the parser knows those with seconds, a decimal point and the offset's minutes.
    clock = text.str.slice(11).str.replace(",", ".", literal=True)
    clock = clock.str.replace(r"^(.{5})([Z+-])", "${1}:00${2}").str.replace(r"([+-][0-9]{2})$", "${1}00")
    whole = pl.concat_str(text.str.slice(0, 10), pl.lit("T"), clock)
    instant = whole.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    return pl.when(text.str.contains(_DATETIME)).then(instant)


def _type_rules(field: Field, broken: pl.Expr, remedy: str) -> Iterator[CellRule]:
    text = pl.col(field.name)
    if field.type == "datetime":
        expected = "ISO 8601 with an offset, e.g. 2031-03-01T09:00:00+00:00 or 2031-03-01T09:00:00Z"
        has_offset = text.str.contains(_OFFSET)
        zone = "If all times are of one place, write that place's offset into each (London: +00:00 in winter, +01:00 in summer)."
        yield CellRule("offset", broken & ~has_offset & text.str.contains(":", literal=True), expected, zone)
        broken = broken & (has_offset | ~text.str.contains(":", literal=True))
        yield CellRule("type", broken, f"{expected}, from 1900 to 2199", remedy)
        return
    wanted = {
        "integer": ("a whole number", "Write digits only: no decimals, no commas, no words. "),
        "number": ("a number", "Write digits with a decimal point: no commas, no per cent sign, no words. "),
        "boolean": ("true or false", ""),
        "date": ("a date such as 2031-03-01: year, month, day, from 1900 to 2199", ""),
    }
    if field.type in wanted:
        yield CellRule("type", broken, wanted[field.type][0], wanted[field.type][1] + remedy)


def cell_rules(field: Field, schema: TableSchema) -> Iterator[CellRule]:
    """Give the rules of one column; no cell breaks two of them. The typed value stands in the column "=" + name."""
    text, value, is_given = pl.col(field.name), pl.col("=" + field.name), given(field.name, schema)
    remedy = _MUST if field.is_required else _IF_UNKNOWN
    if field.is_required:
        ask = "Fill it in; if nobody can, ask whoever supplied the file."
        yield CellRule("required", ~is_given, "a value: this column is required", ask)
    yield from _type_rules(field, is_given & value.is_null(), remedy)
    if field.is_zone:
        yield CellRule("zone", is_given & ~text.is_in(zones()), "an IANA time zone, e.g. Europe/London or UTC", remedy, zones())
    elif field.categories:
        expected = "one of " + ", ".join(field.categories)
        yield CellRule("categories", is_given & ~text.is_in(field.categories), expected, remedy, field.categories)
    elif field.pattern:
        broken = is_given & ~text.str.contains(f"^(?:{field.pattern})$")
        yield CellRule("pattern", broken, f"a text of the pattern {field.pattern}", remedy)
    elif field.name.endswith("_key"):
        rehash = "Replace every value of this column by its keyed hash."
        yield CellRule("personal_data", text.str.contains(_NOT_A_KEY), "a keyed hash, which names nobody", rehash)
    unit = f" ({field.unit})" if field.unit else ""
    if field.minimum is not None:
        yield CellRule("minimum", value < field.minimum, f"at least {field.minimum}{unit}", remedy)
    if field.maximum is not None:
        yield CellRule("maximum", value > field.maximum, f"at most {field.maximum}{unit}", remedy)


_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "date": "a date",
    "datetime": "a date and time",
}
_FOUND = {
    "offset": "{} has no timezone",
    "type": "{} isn't {}",
    "minimum": "{} is too small",
    "maximum": "{} is too large",
    "personal_data": "{} isn't a key but an address in the clear",
}


def _found(rule: str, text: str, field: Field, schema: TableSchema) -> str:
    if rule == "required":
        label = schema.missing_codes[text]
        return f'"{text}" stands for a missing value ({label})' if text else "the cell is empty"
    form = _FOUND.get(rule, "{} isn't allowed here")
    return form.format(shown(text, field.is_public), _KINDS.get(field.type, ""))


def _cell_faults(text: TextTable, schema: TableSchema, work: pl.DataFrame) -> tuple[list[Fault], pl.Series]:
    """Try every rule of every column; give the faults and which rows have one."""
    rules = {
        f"{rule.name}:{field.name}": (field, rule)
        for field in schema.fields
        if field.name in text.cells.columns
        for rule in cell_rules(field, schema)
    }
    masks = work.select(rule.broken.fill_null(False).alias(key) for key, (_, rule) in rules.items())
    bad, faults = text.ragged, []
    for key, (field, rule) in rules.items():
        if not masks[key].any():
            continue
        broken = masks[key] & ~text.ragged
        cells = text.cells[field.name].filter(broken)
        common = Fault(file=text.file, column=field.name, found="", expected=rule.expected, remedy=rule.remedy, rule=rule.name)
        faults += row_faults(
            common,
            text.rows.filter(broken),
            lambda place, cells=cells, field=field, rule=rule: {
                "found": _found(rule.name, cells[place], field, schema),
                "remedy": hint(cells[place], rule.near) + rule.remedy,
            },
        )
        bad = bad | masks[key]
    return faults, bad


def _row_faults(text: TextTable, schema: TableSchema, typed: pl.DataFrame, bad: pl.Series) -> tuple[list[Fault], pl.Series]:
    """Try the rules between columns, on rows whose cells are good each by itself."""
    faults, fields = [], {field.name: field for field in schema.fields}
    for rule in schema.rules:
        columns, expression = ROW_CHECKS[rule]
        broken = typed.select(expression.fill_null(False)).to_series() & ~bad
        common = Fault(
            file=text.file,
            column=", ".join(columns),
            found="",
            expected=ROW_RULES[rule],
            remedy="Correct the row: these cells can't all be right.",
            rule=rule,
        )
        cells = text.cells.filter(broken)

        def found(place: int, columns: tuple[str, ...] = columns, cells: pl.DataFrame = cells) -> dict[str, str]:
            held = [name for name in columns if name in cells.columns and cells[name][place]]
            said = [f"{name} is {shown(cells[name][place], fields[name].is_public)}" for name in held]
            empty = [name for name in columns if name not in held]
            return {"found": " and ".join(said + ([f"nothing stands in {', '.join(empty)}"] if empty else []))}

        faults += row_faults(common, text.rows.filter(broken), found)
        bad = bad | broken
    return faults, bad


def check_cells(text: TextTable, schema: TableSchema) -> tuple[Draft, list[Fault]]:
    """Check all that a row can tell by itself: the cells one by one, then those that must agree with each other."""
    held = [field for field in schema.fields if field.name in text.cells.columns]
    values = text.cells.select(_typed(field, schema).alias("=" + field.name) for field in held)
    faults, bad = _cell_faults(text, schema, pl.concat([text.cells, values], how="horizontal"))
    typed = values.rename(lambda name: name[1:]).select(
        pl.col(field.name) if field in held else pl.lit(None, dtype=field.dtype).alias(field.name) for field in schema.fields
    )
    more, bad = _row_faults(text, schema, typed, bad)
    return Draft(typed, bad), faults + more


def offset_faults(text: TextTable, draft: Draft, row_zones: Sequence[pl.Series]) -> list[Fault]:
    """Warn of a column whose offsets from UTC are several and don't follow the local time of the row's place.

    Parameters
    ----------
    row_zones : sequence of Series
        For each row, zones its times may be written in: the contest's, the clock's; null where not known.
    """
    faults = []
    for name in (name for name, dtype in draft.typed.schema.items() if dtype == pl.Datetime and name in text.cells.columns):
        instants = draft.typed[name]
        offsets = text.cells[name].str.extract(_OFFSET, 1).str.replace(":", "").str.replace(r"^([+-]..)$", "${1}00")
        offsets = offsets.str.replace(r"^(Z|-0000)$", "+0000")
        offsets = offsets.set(instants.is_null(), None)
        if offsets.drop_nulls().n_unique() < 2:
            continue
        fits = instants.is_null()
        for row_zone in row_zones:
            for zone in row_zone.drop_nulls().unique().sort():
                local = instants.dt.convert_time_zone(zone).dt.strftime("%z")
                fits = fits | ((row_zone == zone) & (local == offsets)).fill_null(False)
        if not (strange := text.rows.filter(~fits)).len():
            continue
        counts = offsets.drop_nulls().value_counts(sort=False).sort("count", name, descending=[True, False]).rows()
        listed = ", ".join(f"{offset[:3]}:{offset[3:]} ({n:,})" for offset, n in counts[:5])
        faults.append(
            Fault(
                file=text.file,
                column=name,
                row=strange[0],
                found=f"one column has times with the offsets {listed}; {strange.len():,}, first here, don't fit the local time",
                expected="all times of a column in UTC, or all in the local time of the contest or of the clock in clock_id",
                remedy="The rows are kept and read as written. Ask if two exports were joined; correct what is wrong.",
                severity=WARNING,
                rule="mixed_zones",
            )
        )
    return faults
