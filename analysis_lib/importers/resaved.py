"""Is a new file one that the package has already, saved again with another byte or other line ends?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from analysis_lib.faults import WARNING, Fault
from analysis_lib.importers.writing import Held, Row
from analysis_lib.schema import load_schema

SHARE = 0.9  # of a file's rows that stand in another source
_NOT_OF_A_FILE = ("sources", "contests", "clocks", "repairs")
_OWN = {"source_id", "source_row", "clock_id", "at_raw", "snapshot_id", "ballot_id"}  # differ though the row is the same

_Known = dict[int, Counter[str]]  # sources in which a row of this content stands, and how often


def _contents(table: str, rows: Sequence[Row], moments: Mapping[str, str]) -> list[int]:
    """Give a number for what each row says, whatever its file, its place there and its ids; of a roll with the copy's moment."""
    schema = load_schema(table)
    own = _OWN | ({*schema.primary_key} if len(schema.primary_key) == 1 else set())
    names = [name for name in schema.names if name not in own]
    return [hash((table, moments.get(row.get("snapshot_id", "")), *(row.get(name, "") for name in names))) for row in rows]


def find(held: Held, incoming: Mapping[str, Sequence[Row]], files: Mapping[str, str]) -> list[Fault]:
    """Warn of a new source nearly all of whose rows stand in another source of its kind, if some of them would come in twice.

    A list of members and a dump of the server's tables may tell the same, and are two kinds. Rows are compared as they are made. Rows that are joined by their table's key do no harm. Where rows
    can't be told apart, as those of ballots without their numbers, all must be the same and as many.

    Parameters
    ----------
    files : mapping
        Name of the file of each source_id of this import.
    """
    old = {row["source_id"] for row in held.tables.get("sources", ())}
    if not (new := [source for source in files if source not in old]):
        return []
    every = [*held.tables.get("sources", ()), *incoming.get("sources", ())]
    kinds = {row["source_id"]: (row.get("platform", ""), row.get("kind", "")) for row in every}
    tables = [table for table, rows in incoming.items() if rows and table not in _NOT_OF_A_FILE]
    both = [*held.tables.get("roll_snapshots", ()), *incoming.get("roll_snapshots", ())]
    moments = {row["snapshot_id"]: row.get("taken_at", "") for row in both}
    known: _Known = defaultdict(Counter)
    keys: set[tuple[str, ...]] = set()
    sizes: Counter[str] = Counter()
    made: dict[str, list[tuple[int, tuple[str, ...]]]] = defaultdict(list)
    for table in tables:
        key_names = load_schema(table).primary_key
        for is_new, rows in ((False, held.tables.get(table, ())), (True, incoming[table])):
            for row, content in zip(rows, _contents(table, rows, moments), strict=True):
                source, key = row.get("source_id", ""), (table, *(row.get(name, "") for name in key_names))
                if is_new and source in files:
                    made[source].append((content, key))
                elif not is_new:
                    known[content][source] += 1
                    sizes[source] += 1
                    keys.add(key)
    faults = []
    for source in new:
        alike = {other for other, kind in kinds.items() if kind == kinds.get(source)}
        faults += _fault(source, made[source], known, keys, sizes, alike, files[source])
        for content, key in made[source]:
            known[content][source] += 1
            keys.add(key)
        sizes[source] = len(made[source])
    return faults


def _fault(
    source: str,
    made: Sequence[tuple[int, tuple[str, ...]]],
    known: _Known,
    keys: set[tuple[str, ...]],
    sizes: Mapping[str, int],
    alike: set[str],
    file: str,
) -> list[Fault]:
    contents = Counter(content for content, _ in made)
    n_same: Counter[str] = Counter()
    for content, n in contents.items():
        for other, n_there in known.get(content, {}).items():
            n_same[other] += min(n, n_there) if other in alike else 0
    other, n = max(n_same.items(), key=lambda item: (item[1], item[0]), default=("", 0))
    new = [content for content, key in made if key not in keys]
    n_twice = sum(other in known.get(content, ()) for content in new)
    are_told_apart = 2 * len(contents) >= len(made)
    if not n or n < SHARE * len(made) or not (are_told_apart or n == len(made) == sizes[other]):
        return []
    if not n_twice or 2 * n_twice < len(new):  # what comes in is mostly of this file alone, as of a log that grew
        return []
    return [
        Fault(
            file=file,
            found=f"{n:,} of the {len(made):,} rows made of this file say what rows of source {other} say; of these come in twice: {n_twice:,}",
            expected="each file once",
            remedy=f"They are kept. If it is the same file, saved again, what it tells is counted twice: make the package anew without it, "
            f"or take the rows of source {source} out of the tables. If the two files are of two events or makers, nothing need be done.",
            severity=WARNING,
            rule="resaved",
        )
    ]
