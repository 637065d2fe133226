"""One column of a table as it was handed over: which cells hold a value, which value, and how it is written."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl

from analysis_lib.schema import Field, TableSchema

TRUE, FALSE = ("true", "True", "TRUE", "1"), ("false", "False", "FALSE", "0")  # those of Table Schema
INTEGER = r"^[+-]?[0-9]{1,18}$"
NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
# From 1900 to 2199: the zero dates of spreadsheets and databases (1899-12-30, 0001-01-01) are no dates.
_DAY = r"^(19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}"
DATE = _DAY + "$"
_CLOCK = r"[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]{1,9})?)?"
OFFSET = r"(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)$"
DATETIME = _DAY + _CLOCK + OFFSET
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
_FIRST, _LAST = datetime(1900, 1, 2, tzinfo=UTC), datetime(2199, 12, 31, tzinfo=UTC)  # a day of room for offsets
_MOST = 10**18 - 1  # of 18 digits, as many as INTEGER allows


def is_plain(dtype: pl.DataType) -> bool:
    """Whether a cell of this type is one text, number or time."""
    return not dtype.is_nested() and dtype not in (pl.Binary, pl.Object, pl.Duration, pl.Unknown)


def suits(dtype: pl.DataType, field: Field) -> bool:
    """Whether a typed column can be checked as it is; any other is turned into text first."""
    return {
        "integer": dtype.is_integer(),
        "number": dtype.is_integer() or dtype == pl.Float64,
        "boolean": dtype == pl.Boolean,
        "date": dtype == pl.Date,
        "datetime": isinstance(dtype, pl.Datetime) and dtype.time_zone is not None,
    }.get(field.type, False)


def as_text(cells: pl.Series, kind: str = "") -> pl.Series:
    """Write cells as a CSV file would hold them; `kind` is the type the schema asks for, if it knows the column.

    What is exactly a whole number or a day is written so, whatever type it came in.
    """
    dtype = cells.dtype
    if not is_plain(dtype):  # of a column that isn't known, whether it is filled is all that the secrecy guard asks
        return pl.select(pl.when(cells.is_not_null()).then(pl.lit("filled")).otherwise(pl.lit(""))).to_series().alias(cells.name)
    if isinstance(dtype, pl.Datetime):
        text = cells.dt.strftime("%Y-%m-%dT%H:%M:%S%.6f" + ("%:z" if dtype.time_zone else ""))
        if kind == "date":
            is_midnight = cells.dt.replace_time_zone(None) == cells.dt.replace_time_zone(None).dt.truncate("1d")
            text = text.zip_with(~is_midnight.fill_null(False), cells.dt.strftime("%Y-%m-%d"))
    else:
        text = cells.cast(pl.String)
        if kind == "integer" and (dtype.is_float() or dtype.is_decimal()):
            whole = cells.cast(pl.Int64, strict=False)
            is_whole = (whole.cast(dtype, strict=False) == cells).fill_null(False)
            text = text.zip_with(~is_whole, whole.cast(pl.String))
    return text.fill_null("") if text.null_count() else text


def given(cells: pl.Series, schema: TableSchema) -> pl.Series:
    """Whether each cell holds a value: it isn't empty and isn't a code for a missing one."""
    return ~cells.is_in(list(schema.missing_codes)) if cells.dtype == pl.String else cells.is_not_null()


def _instants(text: pl.Series) -> pl.Series:
    # Of the forms ISO 8601 allows, the parser knows those with seconds, a decimal point and the offset's minutes.
    clock = text.str.slice(11).str.replace(",", ".", literal=True)
    clock = clock.str.replace(r"^(.{5})([Z+-])", "${1}:00${2}").str.replace(r"([+-][0-9]{2})$", "${1}00")
    whole = pl.select(pl.concat_str(text.str.slice(0, 10), pl.lit("T"), clock)).to_series()
    return whole.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)


def _read(text: pl.Series, field: Field) -> tuple[pl.Series, pl.Series]:
    """Values of texts, and which texts have the form that is asked for."""
    if field.type == "integer":
        return text.cast(pl.Int64, strict=False), text.str.contains(INTEGER)
    if field.type == "number":
        number = text.cast(pl.Float64, strict=False)
        return number, text.str.contains(NUMBER) & number.is_finite()
    if field.type == "boolean":
        return text.is_in(list(TRUE)), text.is_in([*TRUE, *FALSE])
    if field.type == "date":
        return text.str.to_date("%Y-%m-%d", strict=False), text.str.contains(DATE)
    return _instants(text), text.str.contains(DATETIME)


def _in_range(cells: pl.Series, field: Field) -> tuple[pl.Series, pl.Series | None]:
    """Values of typed cells, and which of them the text road would take too; null: all of them."""
    if field.type == "datetime":
        values = cells.dt.convert_time_zone("UTC").cast(pl.Datetime("us", "UTC"))
        low, high = values.min(), values.max()
        is_usual = low is None or (low >= _FIRST and high <= _LAST - timedelta(days=1))
        return values, None if is_usual else cells.dt.year().is_between(1900, 2199)
    if field.type == "date":
        return cells, cells.is_between(_FIRST_DAY, _LAST_DAY)
    values = cells.cast(field.dtype, strict=False)
    if field.type == "integer":
        return values, values.is_between(-_MOST, _MOST)
    return values, values.is_finite() if field.type == "number" else None


def typed(cells: pl.Series, is_given: pl.Series, field: Field) -> pl.Series:
    """Give the value of every cell; null where there is none, or none of the right type."""
    if field.type == "string":
        return cells if is_given.all() else cells.set(~is_given, None)
    values, is_good = _read(cells, field) if cells.dtype == pl.String else _in_range(cells, field)
    if is_good is None or is_good.all():  # all: nulls are left out of account
        return values
    return values.set(~is_good, None)
