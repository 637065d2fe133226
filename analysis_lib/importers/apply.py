"""A file's tables and its mapping to rows of our tables; what isn't used is said, and nothing is lost without a word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from analysis_lib import privacy
from analysis_lib.checks import check_cells
from analysis_lib.faults import WARNING, Fault, may_be_quoted, row_faults
from analysis_lib.importers import parts, times, values
from analysis_lib.importers.mapping import Cell, Clock, File, Rows
from analysis_lib.importers.raw import RawTable, Repair
from analysis_lib.importers.values import Setting
from analysis_lib.reading import TextTable
from analysis_lib.schema import TableSchema, load_schema
from analysis_lib.secrecy import CHOICES, VOTERS

_KEY_SEPARATOR = "\x1f"  # stands in no cell that a person or a platform writes
_PLACEHOLDER = "placeholder"
STEPS = ("us", "ms", "s", "min", "hour", "day")  # from fine to coarse


@dataclass(frozen=True, slots=True)
class Private:
    """What came in of one column that may not stand in a package: its kind and its texts."""

    column: str
    kind: str
    texts: frozenset[str]


@dataclass(slots=True)
class Applied:
    """What one file came to: rows by table (texts, in the schema's order), and all there is to say of them."""

    rows: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)
    readings: dict[str, list[times.Reading]] = field(default_factory=dict)  # of each clock
    stamped: dict[str, set[str]] = field(default_factory=dict)  # table.column that each clock stamps
    placeholders: set[str] = field(default_factory=set)  # clocks with a time that stands for none
    private: list[Private] = field(default_factory=list)
    instants: list[str] = field(default_factory=list)  # the first and last time of each table, as written there
    n_read: int = 0
    n_left_out: dict[str, int] = field(default_factory=dict)  # by reason


def clock_id(setting: Setting, clock: str) -> str:
    """Name the clock of one source."""
    return f"{setting.source_id}_{clock}"


def _ids(rows: Rows, table: RawTable, setting: Setting) -> tuple[pl.Series, int]:
    """Name each row by a key of what makes it different; a row like one before it is numbered. Give how many were."""
    same = [setting.platform, setting.contest_id, rows.table, rows.id_word]
    if rows.once:
        parts = [[*same, setting.source_id, table.name]] * table.rows.len()
    else:
        columns = [values.column(table, name).to_list() for name in rows.id]
        parts = [[*same, *cells] for cells in zip(*columns, strict=True)]
    texts = pl.Series([_KEY_SEPARATOR.join(part) for part in parts], dtype=pl.String)
    copy = _copies(texts)
    whole = [f"{text}{_KEY_SEPARATOR}{n}" if n else text for text, n in zip(texts, copy, strict=True)]
    return pl.Series(["E" + setting.key.key("event", text) for text in whole], dtype=pl.String), int((copy > 0).sum())


def _copies(texts: pl.Series) -> pl.Series:
    """Number equal texts 0, 1, 2, … in their order."""
    return pl.DataFrame({"text": texts}).select(pl.int_range(pl.len()).over("text").alias("n"))["n"]


def _may_stand(text: str, readings: Mapping[str, times.Reading]) -> bool:
    """Whether the wording of a time may stand beside it: what can't be read as one may be a name in the wrong column."""
    reading = readings.get(text)
    is_read = reading is not None and reading.problem != times.UNREADABLE
    return is_read or (times.is_like_a_time(text) and may_be_quoted(text))


class _Maker:
    """Makes the rows of one table from one part of a file."""

    def __init__(self, file: File, rows: Rows, setting: Setting, done: Applied) -> None:
        self.file, self.rows, self.setting, self.done = file, rows, setting, done
        self.schema: TableSchema = load_schema(rows.table)
        self.fields = {each.name: each for each in self.schema.fields}

    def add(self, table: RawTable, chosen: pl.Series) -> None:
        part = parts.filtered(table, chosen)
        n_rows = part.rows.len()
        if self.rows.unpivot:
            part = parts.unpivoted(part, self.rows.unpivot)
        if self.rows.once:
            part = replace(part, cells=part.cells.head(1), rows=part.rows.head(1))
        if not part.rows.len():
            return
        columns = self._automatic(part)
        bad = pl.repeat(False, part.rows.len(), dtype=pl.Boolean, eager=True)
        for target, cell in self.rows.columns.items():
            made = values.make(cell, part, self.fields[target], self.setting, n_rows, table)
            columns[target] = made.values
            bad = bad | made.bad
            self.done.faults += made.faults
            self.done.repairs += made.repairs
            if made.readings is not None:
                self._stamp(columns, target, cell, made.readings, part)
        draft = pl.DataFrame({name: columns[name] for name in self.schema.names if name in columns})
        self._keep(draft, part, bad)

    def _automatic(self, part: RawTable) -> dict[str, pl.Series]:
        """The columns that every table has alike."""
        n, names = part.rows.len(), self.schema.names
        columns: dict[str, pl.Series] = {}
        for name, text in (("contest_id", self.setting.contest_id), ("source_id", self.setting.source_id)):
            if name in names:
                columns[name] = pl.repeat(text, n, dtype=pl.String, eager=True)
        if "source_row" in names and not self._would_tie():
            columns["source_row"] = part.rows.cast(pl.String)
        own = [name for name in self.schema.primary_key if name not in {*self.rows.columns, *columns}]
        if own:
            columns[own[0]], n_same = _ids(self.rows, part, self.setting)
            if n_same:
                self.done.faults.append(
                    Fault(
                        file=part.file,
                        column=", ".join(self.rows.id),
                        found=f"rows that are like one before them in these columns: {n_same:,}",
                        expected="every row different from all others",
                        remedy="Each is kept as a row of its own. Ask whether the export repeats records.",
                        severity=WARNING,
                        rule="same_row",
                    )
                )
        return columns

    def _would_tie(self) -> bool:
        """Whether the row's number would join choices with a voter: of the same record, or of a log kept in the same order."""
        if self.rows.table == "ballot_choices":
            return True
        has_voter = self.file.roll is not None or any(VOTERS & {*rows.columns} for rows in self.file.rows)
        return has_voter and not VOTERS & {*self.rows.columns} and bool(CHOICES & {*self.rows.columns})

    def _stamp(
        self, columns: dict[str, pl.Series], target: str, cell: Cell, readings: Mapping[str, times.Reading], part: RawTable
    ) -> None:
        """Note the clock of a time; the main time of a row keeps its wording beside it."""
        done, name = self.done, cell.clock
        done.readings.setdefault(name, []).extend(readings.values())
        done.stamped.setdefault(name, set()).add(f"{self.rows.table}.{target}")
        if target != "at":
            return
        texts = values.origin(cell, part, self.setting, 0)
        if "at_raw" in self.fields and "at_raw" not in self.rows.columns:
            columns["at_raw"] = values.changed(texts, lambda text: text if _may_stand(text, readings) else "")
        if "clock_id" in self.fields and "clock_id" not in self.rows.columns:
            marks = [text for text, reading in readings.items() if reading.problem == times.PLACEHOLDER]
            is_mark = texts.is_in(marks)
            own = clock_id(self.setting, name)
            ids = pl.DataFrame({"text": texts, "mark": is_mark}).select(
                pl.when(pl.col("mark"))
                .then(pl.lit(f"{own}_{_PLACEHOLDER}"))
                .when(pl.col("text") != "")
                .then(pl.lit(own))
                .otherwise(pl.lit(""))
            )
            columns["clock_id"] = ids.to_series()
            if is_mark.any():
                done.placeholders.add(name)

    def _without_addresses(self, draft: pl.DataFrame, part: RawTable) -> pl.DataFrame:
        """Leave out addresses and numbers of people that stand in a column for something else, as of a row that has slipped."""
        for name in sorted({*privacy.free_columns(self.schema)} & {*draft.columns} - {"at_raw", "message_id"}):
            is_personal = privacy.is_personal(draft[name])
            if not is_personal.any():
                continue
            draft = draft.with_columns(draft[name].set(is_personal, ""))
            self.done.faults.append(
                Fault(
                    file=part.file,
                    column=f"{', '.join(self.rows.columns[name].columns) if name in self.rows.columns else ''} ({self.rows.table}.{name})".lstrip(),
                    row=part.rows.filter(is_personal)[0],
                    found=f"what looks like an address or a number of a person stands in {int(is_personal.sum()):,} cells, first in this row",
                    expected="no address or number of a person in this column",
                    remedy="It doesn't come in. See in the file whether the row's cells have slipped, or the mapping names another column.",
                    severity=WARNING,
                    rule="privacy",
                )
            )
        return draft

    def _keep(self, draft: pl.DataFrame, part: RawTable, bad: pl.Series) -> None:
        """Check the rows by the schema, keep the good ones, and say what is wrong with the others."""
        draft = self._without_addresses(draft, part)
        n = part.rows.len()
        nothing = pl.repeat(False, n, dtype=pl.Boolean, eager=True)
        text = TextTable(
            file=part.file, cells=draft, extras=pl.DataFrame(), extra_names=(), rows=part.rows, ragged=nothing, is_usable=True
        )
        checked, faults = check_cells(text, self.schema)
        named = {column: ", ".join(cell.columns) for column, cell in self.rows.columns.items() if cell.columns}
        bad_rows = set(part.rows.filter(bad))
        self.done.faults += [
            replace(fault, column=f"{named.get(fault.column, '')} ({self.rows.table}.{fault.column})".lstrip())
            for fault in faults
            if fault.row not in bad_rows
        ]
        bad = bad | checked.bad
        if n_bad := int(bad.sum()):
            reason = f"with an error, for {self.rows.table}"
            self.done.n_left_out[reason] = self.done.n_left_out.get(reason, 0) + n_bad
        good = draft.filter(~bad)
        self.done.rows.setdefault(self.rows.table, []).append(good)
        if "at" in good.columns and (stamps := good["at"].filter(good["at"] != "")).len():
            self.done.instants += [stamps.min(), stamps.max()]


def _private(file: File, table: RawTable, setting: Setting) -> list[Private]:
    """Gather what came in that may not stand in the package as it is."""
    found: dict[tuple[str, str], set[str]] = {}
    for kind, names in file.personal.items():
        for name in names:
            found.setdefault((name, kind), set()).update(values.column(table, name).to_list())
    for rows in file.rows:
        for cell in rows.columns.values():
            if cell.key:
                texts = values.origin(cell, table, setting, 0).to_list()
                found.setdefault((", ".join(cell.columns), cell.key), set()).update(texts)
    return [Private(name, kind, frozenset(texts - {""})) for (name, kind), texts in found.items()]


def apply(file: File, table: RawTable, setting: Setting, rows_of: str = "") -> Applied:
    """Make the rows of our tables that one part of a file gives.

    Parameters
    ----------
    table : RawTable
        As read, its columns renamed and joined; it isn't changed.
    rows_of : str
        Which contest's rows to keep, where the file's contest_column holds several.
    """
    done = Applied(n_read=table.rows.len())
    table, said = parts.without_nul(table)
    done.faults += said + parts.unknown_columns(file, table) + parts.zeros_lost(file, table)
    table, n_other = parts.of_contest(table, file, rows_of)
    if n_other:
        done.n_left_out["of other ballots"] = n_other
    done.private = _private(file, table, setting)
    taken = pl.repeat(False, table.rows.len(), dtype=pl.Boolean, eager=True)
    for left_out in file.left_out:
        mask = values.fits(left_out.when, table) & ~taken
        if mask.any():
            done.n_left_out[left_out.reason] = done.n_left_out.get(left_out.reason, 0) + int(mask.sum())
        taken = taken | mask
    table, taken = parts.filtered(table, ~taken), taken.filter(~taken)
    for rows in file.rows:
        chosen = values.fits(rows.when, table)
        _Maker(file, rows, setting, done).add(table, chosen)
        taken = taken | _used(file, rows, chosen)
    if file.every_row and not taken.all():
        common = Fault(
            file=table.file,
            found="no rule of the mapping fits this row",
            expected="rows that the mapping knows",
            remedy="The row isn't used. Add a rule to the mapping, or name the row in left_out with the reason.",
            severity=WARNING,
            rule="no_rule",
        )
        done.faults += row_faults(common, table.rows.filter(~taken), lambda _: {})
        done.n_left_out["that no rule fits"] = int((~taken).sum())
    return done


def _used(file: File, rows: Rows, chosen: pl.Series) -> pl.Series:
    """Say which rows a rule accounts for: one row for the whole file is none of its records, unless the file has no other rules."""
    if not rows.once:
        return chosen
    if not all(each.once for each in file.rows):
        return pl.repeat(False, chosen.len(), dtype=pl.Boolean, eager=True)
    return chosen & (chosen.cum_sum() == 1)


def clock_rows(done: Applied, setting: Setting, offset_basis: Mapping[str, str]) -> list[dict[str, str]]:
    """Describe the clocks of one source, as far as its times show them."""
    rows = []
    for name, readings in sorted(done.readings.items()):
        clock: Clock = setting.clocks[name]
        held = [reading for reading in readings if reading.at]
        all_stated = bool(held) and all(reading.had_offset for reading in held)
        step = times.smallest_step(readings)
        row = {
            "clock_id": clock_id(setting, name),
            "applies_to": min(done.stamped[name]) if len(done.stamped[name]) == 1 else "",
            "tz_used": "UTC" if all_stated or not clock.zone else clock.zone,
            "tz_basis": ("epoch" if clock.basis == "epoch" else "stated_offset") if all_stated else clock.basis,
            "resolution": max(step, clock.resolution, key=STEPS.index),
            "rounding": clock.rounding,
            "write_semantics": clock.write_semantics,
            "offset_basis": "" if all_stated else offset_basis.get(name, ""),
            "dst_policy": "both_bounds" if any(r.problem == times.REPEATED for r in held) else "none_needed",
            "source_id": setting.source_id,
        }
        rows.append(row)
        if name in done.placeholders:
            rows.append(row | {"clock_id": f"{row['clock_id']}_{_PLACEHOLDER}", "write_semantics": _PLACEHOLDER})
    return rows
