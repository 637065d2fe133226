"""The rules of a schema as polars expressions: typed values where they hold, and a fault for every cell where they don't."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache, partial
from zoneinfo import available_timezones

import polars as pl

from analysis_lib.columns import OFFSET, as_text, given, typed
from analysis_lib.faults import Fault, hint, is_like_a_name, row_faults, shown
from analysis_lib.reading import TextTable
from analysis_lib.schema import ROW_RULES, Field, TableSchema

# What stands for a person and is no key: an e-mail, network or telephone address, words, a membership number, a name.
_ADDRESS = r"@|\s|^[0-9]{1,3}(\.[0-9]{1,3}){3}$|^[0-9a-fA-F]{0,4}:[0-9a-fA-F]{0,4}:[0-9a-fA-F:.]*$"
_NOT_A_KEY = _ADDRESS + r"|^[+(]?[0-9][0-9().+/-]{8,19}$|^[0-9]{1,9}$|^\p{L}[\p{L}'’.-]+$"
_KEY_ALIKE = ("credential_id", "replaces_credential_id", "ballot_id")
# Signs that aren't seen, or that change how others are seen: control signs, and marks that turn the line round.
_UNSEEN = r"[\p{Cc}\p{Cf}]"
_UNSEEN_BUT_BREAKS = r"[\p{Cc}\p{Cf}&&[^\n]]"
MOST_SIGNS, MOST_SIGNS_LONG = 500, 2000
_LONG = ("statement", "note", "reply", "description")  # columns of sentences, in which a line may end

# What nearly every cell looks like, and breaks no rule; only the others are looked at closely.
_USUAL = r"^[ -~]{1,500}$"
_USUAL_KEY = r"^[0-9a-f]{12,64}$"
_SAMPLE, _FEW = 1000, 50
_MANY = 10_000  # rows from which on a second thread is worth its making

_IF_UNKNOWN = "Correct it, or leave the cell empty if it isn't known."
_MUST = "Correct it; this column must have a value."

ROW_CHECKS: Mapping[str, tuple[tuple[str, ...], pl.Expr]] = {
    # Each: the columns it is about, and what is true of a row that breaks it.
    "opens_before_closes": (("opens_at", "closes_at"), pl.col("opens_at") >= pl.col("closes_at")),
    "lo_not_above_hi": (("lo", "hi"), pl.col("lo") > pl.col("hi")),
    "candidate_named": (("item", "candidate_id"), (pl.col("item") == "candidate") & pl.col("candidate_id").is_null()),
    "transfer_named": (("item", "to_candidate_id"), (pl.col("item") == "transfer") & pl.col("to_candidate_id").is_null()),
    "count_given": (
        ("n", "weighted_n", "share", "lo", "hi", "is_suppressed_for_privacy"),
        pl.all_horizontal(pl.col("n", "weighted_n", "share", "lo", "hi").is_null())
        & ~pl.col("is_suppressed_for_privacy").fill_null(False),
    ),
    "covers_in_order": (("covers_from", "covers_to"), pl.col("covers_from") >= pl.col("covers_to")),
    "at_lo_not_after_at_hi": (("at_lo", "at_hi"), pl.col("at_lo") > pl.col("at_hi")),
    "sent_in_order": (("sent_at", "sent_end_at"), pl.col("sent_at") > pl.col("sent_end_at")),
    "starts_not_after_ends": (("starts_at", "ends_at"), pl.col("starts_at") > pl.col("ends_at")),
    "received_not_after_outcome": (("received_at", "outcome_at"), pl.col("received_at") > pl.col("outcome_at")),
    "put_not_after_replied": (("put_at", "replied_at"), pl.col("put_at") > pl.col("replied_at")),
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


def is_key(field: Field) -> bool:
    """Whether a column holds keyed hashes, which stand for persons, addresses and the like."""
    return field.name.endswith("_key") or field.name in _KEY_ALIKE


@cache
def zones() -> tuple[str, ...]:
    """Every IANA time zone known here."""
    return tuple(sorted(available_timezones() - {"Factory", "localtime"}))  # these two name no place


def _type_rules(field: Field, broken: pl.Expr, remedy: str) -> Iterator[CellRule]:
    text = pl.col(field.name)
    if field.type == "datetime":
        expected = "ISO 8601 with an offset, e.g. 2031-03-01T09:00:00+00:00 or 2031-03-01T09:00:00Z"
        has_offset = text.str.contains(OFFSET)
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


def _text_rules(field: Field, is_given: pl.Expr) -> Iterator[CellRule]:
    text = pl.col(field.name)
    most = MOST_SIGNS_LONG if field.name in _LONG else MOST_SIGNS
    is_long = is_given & (text.str.len_chars() > most)
    shorten = "Shorten it, and keep the whole text in the file of its source."
    yield CellRule("length", is_long, f"at most {most:,} characters", shorten)
    unseen = text.str.replace_all("\r\n", "\n", literal=True).str.contains(_UNSEEN_BUT_BREAKS)
    has_unseen = is_given & ~is_long & (unseen if field.name in _LONG else text.str.contains(_UNSEEN))
    expected = "text without tabs, control signs and marks that turn the direction of writing"
    expected += ", line breaks aside" if field.name in _LONG else ", and on one line"
    yield CellRule(
        "characters", has_unseen, expected, "Take these signs out; if they are in the source, note that in its own row."
    )
    if is_key(field):
        personal = _ADDRESS if field.name == "ballot_id" else _NOT_A_KEY  # a ballot's number is nobody's
        broken = is_given & ~is_long & ~has_unseen & ~text.str.contains(_USUAL_KEY) & text.str.contains(personal)
        rehash = "Replace every value of this column by its keyed hash."
        yield CellRule("personal_data", broken, "a keyed hash, which names nobody", rehash)


def cell_rules(field: Field, schema: TableSchema) -> Iterator[CellRule]:
    """Give the rules of one column; no cell breaks two of them. The typed value stands in the column "=" + name."""
    text, value = pl.col(field.name), pl.col("=" + field.name)
    is_given = ~text.is_in(list(schema.missing_codes))
    remedy = _MUST if field.is_required else _IF_UNKNOWN
    if field.is_required:
        ask = "Fill it in; if nobody can, ask whoever supplied the file."
        yield CellRule("required", ~is_given, "a value: this column is required", ask)
    yield from _type_rules(field, is_given & value.is_null(), remedy)
    if field.is_zone:
        places = tuple(zone for zone in zones() if "/" in zone)  # to no abbreviation is another one near
        yield CellRule("zone", is_given & ~text.is_in(zones()), "an IANA time zone, e.g. Europe/London or UTC", remedy, places)
    elif field.categories:
        expected = "one of " + ", ".join(field.categories)
        yield CellRule("categories", is_given & ~text.is_in(field.categories), expected, remedy, field.categories)
    elif field.pattern:
        broken = is_given & ~text.str.contains(f"^(?:{field.pattern})$")
        yield CellRule("pattern", broken, f"a text of the pattern {field.pattern}", remedy)
    elif field.type == "string":
        yield from _text_rules(field, is_given)
    unit = f" ({field.unit})" if field.unit else ""
    if field.minimum is not None:
        yield CellRule("minimum", value < field.minimum, f"at least {field.minimum}{unit}", remedy)
    if field.maximum is not None:
        yield CellRule("maximum", value > field.maximum, f"at most {field.maximum}{unit}", remedy)


def may_be_shown(text: str, field: Field, schema: TableSchema, near: Iterable[str]) -> bool:
    """Whether a cell at fault may be repeated in a message.

    A name or a number of a person may have slipped in from another column. In a table about persons only a
    cell that is like one of the words that may stand in its column is repeated; in any other also one that
    looks as its column asks: a number or a date has digits, a code isn't two words.
    """
    if not field.is_public or schema.is_about_persons:
        return field.is_public and bool(hint(text, near))
    if field.type == "string" and not (field.categories or field.pattern or field.is_zone):
        return True
    has_look = field.type in ("string", "boolean") or bool(re.search("[0-9]", text)) or not any(map(str.isalpha, text))
    return bool(hint(text, near)) or (has_look and not is_like_a_name(text))


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
    "length": "{} has too many characters",
    "characters": "{} holds signs that aren't seen",
    "personal_data": "{} isn't a key but looks like an address, a number or a name in the clear",
}


def _found(rule: CellRule, text: str, field: Field, schema: TableSchema) -> str:
    if rule.name == "required":
        label = schema.missing_codes[text]
        return f'"{text}" stands for a missing value ({label})' if text else "the cell is empty"
    form = _FOUND.get(rule.name, "{} isn't allowed here")
    return form.format(shown(text, may_be_shown(text, field, schema, rule.near)), _KINDS.get(field.type, ""))


def _lacks(cells: pl.Series, pattern: str) -> pl.Series:
    """Which cells don't match. A column of few different values, such as a source's id, is looked at once for each."""
    if cells.head(_SAMPLE).n_unique() < _FEW:
        different = cells.unique()
        return cells.is_in(different.filter(~different.str.contains(pattern)).to_list())
    return ~cells.str.contains(pattern)


def _suspects(cells: pl.Series, values: pl.Series, is_given: pl.Series, field: Field) -> pl.Series:
    """Give the places of the cells that may break a rule: few as a rule, so that only they need be written as text and tried."""
    if field.type != "string":
        odd = is_given & values.is_null()
        if field.minimum is not None:
            odd |= (values < field.minimum).fill_null(False)
        if field.maximum is not None:
            odd |= (values > field.maximum).fill_null(False)
    elif field.is_zone or field.categories:
        odd = is_given & ~cells.is_in(list(field.categories or zones()))
    elif field.pattern:
        odd = is_given & ~cells.str.contains(f"^(?:{field.pattern})$")
    else:
        odd = is_given & _lacks(cells, _USUAL_KEY if is_key(field) else _USUAL)
    return ((odd | ~is_given) if field.is_required else odd).arg_true()


def _column_faults(name: str, text: TextTable, schema: TableSchema) -> tuple[list[Fault], pl.Series, pl.Series]:
    """Try every rule of one column; give the faults, the places of all cells that have one, and the values."""
    field, cells = schema.field(name), text.cells[name]
    is_given = given(cells, schema)
    if not (field.is_required or is_given.any()):  # most columns of most files
        return [], pl.Series(dtype=pl.UInt32), pl.repeat(None, cells.len(), dtype=schema.dtypes[name], eager=True)
    values = typed(cells, is_given, field)
    places = _suspects(cells, values, is_given, field)
    rules = tuple(cell_rules(field, schema))
    if not places.len() or not rules:
        return [], pl.Series(dtype=pl.UInt32), values
    odd = pl.DataFrame({name: as_text(cells.gather(places), field.type), "=" + name: values.gather(places)})
    masks = odd.select(rule.broken.fill_null(False).alias(str(number)) for number, rule in enumerate(rules))
    faults = []
    for rule, mask in zip(rules, masks, strict=True):
        broken = mask & ~text.ragged.gather(places)
        shown_cells = odd[name].filter(broken)
        common = Fault(file=text.file, column=name, found="", expected=rule.expected, remedy=rule.remedy, rule=rule.name)
        faults += row_faults(
            common,
            text.rows.gather(places.filter(broken)),
            lambda place, cells=shown_cells, rule=rule: {
                "found": _found(rule, cells[place], field, schema),
                "remedy": hint(cells[place], rule.near) + rule.remedy,
            },
        )
    return faults, places.filter(pl.select(pl.any_horizontal(list(masks))).to_series()), values


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
        if not broken.any():
            continue
        held = [name for name in columns if name in text.cells.columns]
        cells = pl.DataFrame({name: as_text(text.cells[name].filter(broken), fields[name].type) for name in held})

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
    held = [name for name in schema.names if name in text.cells.columns]
    bad, faults, values = text.ragged, [], {}
    check = partial(_column_faults, text=text, schema=schema)
    with ThreadPoolExecutor() if text.rows.len() > _MANY else nullcontext() as pool:
        for name, (found, places, column) in zip(held, (pool.map if pool else map)(check, held), strict=True):
            faults += found
            values[name] = column
            if places.len():
                bad = bad | pl.repeat(False, bad.len(), dtype=pl.Boolean, eager=True).scatter(places, True)
    absent = {name: pl.lit(None, dtype=schema.dtypes[name]) for name in schema.names if name not in values}
    frame = pl.DataFrame(values).with_columns(**absent).select(schema.names)
    more, bad = _row_faults(text, schema, frame, bad)
    return Draft(frame, bad), faults + more
