"""Texts that a spreadsheet would run when somebody opens the package's tables: kept, behind an apostrophe."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from analysis_lib.faults import WARNING, Fault
from analysis_lib.importers.pseudonyms import CaseKey
from analysis_lib.importers.writing import Row
from analysis_lib.plaintext import inert
from analysis_lib.schema import Field, load_schema

_OURS = ("sources", "clocks", "repairs")  # no cell of a source stands there
MOST_ROWS = 10  # named in one message


def _is_text(field: Field) -> bool:
    return field.type == "string" and not (field.categories or field.pattern or field.is_zone or field.name.endswith("_key"))


def stilled(
    rows: Mapping[str, list[Row]], columns: Mapping[tuple[str, str], str], files: Mapping[str, str], key: CaseKey
) -> tuple[list[Fault], list[Row]]:
    """Put an apostrophe before each text that would run, in place; give a warning for each column and a row of repairs for each cell.

    Parameters
    ----------
    rows : mapping
        Rows about to be added, by table.
    columns : mapping
        By table and column, the source's column it is made of.
    files : mapping
        Name of the file of each source_id.
    """
    faults, repairs = [], []
    for table, made in rows.items():
        if table in _OURS:
            continue
        schema = load_schema(table)
        for name in [field.name for field in schema.fields if _is_text(field)]:
            found: dict[str, list[str]] = defaultdict(list)
            column = columns.get((table, name)) or f"{table}.{name}"
            for row in made:
                text = row.get(name, "")
                if text in schema.missing_codes or (safe := inert(text)) == text:
                    continue
                row[name] = safe
                source, number = row.get("source_id", ""), row.get("source_row", "")
                id_text = "\x1f".join([source, number, column, table, name, str(len(found[source]))])
                found[source].append(number)
                repairs.append(
                    {"repair_id": "E" + key.key("event", id_text), "source_id": source, "source_row": number, "column": column}
                    | {"repair": "other"}
                )
            faults += [_fault(files.get(source, table), column, numbers) for source, numbers in found.items()]
    return faults, repairs


def _fault(file: str, column: str, numbers: list[str]) -> Fault:
    known = sorted({int(number) for number in numbers if number})
    more = f" and {len(known) - MOST_ROWS:,} more" if len(known) > MOST_ROWS else ""
    listed = f", in rows {', '.join(f'{number:,}' for number in known[:MOST_ROWS])}{more}" if len(known) > 1 else ""
    return Fault(
        file=file,
        column=column,
        row=known[0] if known else None,
        found=f"cells that begin as a formula does and would run in a spreadsheet: {len(numbers):,}{listed}",
        expected="texts that do nothing when a table is opened",
        remedy="The text is kept behind an apostrophe, and noted in repairs. Ask how it came there.",
        severity=WARNING,
        rule="formula_text",
    )
