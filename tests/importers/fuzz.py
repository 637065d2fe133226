"""Damaged exports by the thousand, for every importer and for open_package: refused in our own words, or read without losing a row.

    python tests/importers/fuzz.py --inputs 200000 --seed 1 --out tests/golden/fuzz.csv

Every input is made from the seed, the importer's name and its number alone, so each can be made again: --only helios --number 17.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))  # the tests' helpers, when run as a command

import fuzz_package
import polars as pl
from damage import damaged
from fuzz_rows import lost_in_mapping, lost_in_reading
from fuzz_seeds import KEY, Seed, names, seeds

from analysis_lib.errors import ForensicsError
from analysis_lib.faults import Fault, fault_table, message
from analysis_lib.importers import formats, importing, parts, roll_import
from analysis_lib.importers.apply import apply
from analysis_lib.importers.importing import import_files
from analysis_lib.importers.mapping import Platform, find_mapping
from analysis_lib.importers.register import Source
from analysis_lib.importers.values import Setting
from analysis_lib.package import open_package

COUNTS = (
    "inputs", "accepted", "refused", "through_mapping", "written", "faults", "rows_read", "rows_made", "rows_left_out",
    "rows_lost", "personal_told", "unexplained",
)  # fmt: skip
PACKAGE = ("open_package_csv", "open_package_parquet")
MAPPED, WRITTEN = 8, 400  # every so many inputs go through the mapping; are written as a package and opened
SLOW = 20.0  # seconds


@dataclass
class Tally:
    """What became of the inputs of one importer; `troubles` are those that broke a promise."""

    counts: Counter[str] = field(default_factory=Counter)
    troubles: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.counts += other.counts
        self.troubles += other.troubles


@cache
def mapping_of(platform: str) -> Platform:
    return find_mapping(platform)


def importers() -> tuple[str, ...]:
    """Every importer with exports to damage, and the two kinds of table that open_package reads."""
    return (*names(), *PACKAGE)


def _personal(texts: Sequence[str], told: str) -> bool:
    plain = told.casefold()
    return any(text.casefold() in plain for text in texts)


def _read(seed: Seed, files: Sequence[tuple[str, bytes]], mapping: Platform) -> list[Source]:
    sources = []
    for name, data in files:
        found = formats.recognise(data, name, mapping, seed.options.kind_of_file)
        sources.append(Source(Path(name), data, list(found.parts), list(found.faults), list(found.repairs)))
    return sources


def _map(seed: Seed, sources: list[Source], mapping: Platform, counts: Counter[str]) -> list[Fault]:
    """Make the rows of our tables, in memory."""
    joined, faults = importing._joined(sources)
    clocks = importing._clocks(mapping, seed.options)
    for source in importing._once(sources):
        setting = Setting(
            key=KEY, platform=mapping.platform, contest_id="vale", source_id=source.id, taken_at=seed.taken_at, clocks=clocks,
            order=seed.options.dates.replace("-", "_"), private=importing._private_columns(mapping),
        )  # fmt: skip
        for part in joined[source.id]:
            importing._need_taken_at(part, setting)
            done = apply(part.file, part.table, setting, seed.options.rows_of)
            said = list(done.faults)
            copies = 0
            if part.file.roll:
                own, more = roll_import.copies_of(
                    part.file, parts.of_contest(part.table, part.file, seed.options.rows_of)[0], setting
                )
                said += more
                copies = sum(len(copy.snapshot.members) for copy in own.copies)
            counts["rows_made"] += copies + sum(frame.height for frames in done.rows.values() for frame in frames)
            counts["rows_left_out"] += sum(done.n_left_out.values())
            counts["rows_lost"] += lost_in_mapping(part, done, said)
            faults += said
    return faults


def _write(seed: Seed, files: Sequence[tuple[str, bytes]], counts: Counter[str]) -> list[Fault]:
    """Import as a user would, twice; what was written must open without an error, and stay as it is."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as place:
        folder = Path(place)
        paths = []
        for name, data in files:
            path = folder / "in" / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            paths.append(path)
        try:
            done = import_files(seed.platform, paths, folder / "package", "vale", seed.options)
        except ForensicsError:
            if (folder / "package").exists() or (folder / "package.case-key").exists():
                raise AssertionError("an import that was refused left something behind") from None
            raise
        errors = open_package(folder / "package").faults.filter(severity="error")
        if done.faults.filter(severity="error").height:
            errors = errors.filter(pl.col("rule") != "foreign_key")  # what points to a row that was left out, and said to be
        if errors.height:
            raise AssertionError(f"what was written has {errors.height} errors: {message(errors.row(0, named=True))}")
        before = {path: path.read_bytes() for path in sorted((folder / "package").rglob("*")) if path.is_file()}
        import_files(seed.platform, paths, folder / "package", "vale", seed.options)
        if before != {path: path.read_bytes() for path in sorted((folder / "package").rglob("*")) if path.is_file()}:
            raise AssertionError("the same files a second time changed the package")
        whole = b"\n".join(before.values()).decode().casefold()
        counts["personal_told"] += any(text.casefold() in whole for text in seed.secret)
        counts["written"] += 1
        return [Fault(**row) for row in done.faults.iter_rows(named=True)]


def one_input(importer: str, number: int, seed: int, mapped: int = MAPPED, written: int = WRITTEN) -> Tally:
    """Make one input and put it in; nothing but our own errors may come out."""
    tally = Tally(Counter(inputs=1))
    counts = tally.counts
    rng = Random(f"{seed}:{importer}:{number}")
    way = told = ""
    personal: Sequence[str] = ()
    start = time.perf_counter()
    try:
        if importer in PACKAGE:
            way, told = fuzz_package.one(importer, rng, counts, is_whole=number % written == 0, is_checked=number % mapped == 0)
        else:
            chosen = rng.choice(seeds()[importer])
            at = rng.randrange(len(chosen.files)) if rng.random() < 0.3 else 0
            name, data = chosen.files[at]
            way, data = damaged(name, data, rng)
            files = [*chosen.files[:at], (name, data), *chosen.files[at + 1 :]]
            personal = chosen.secret if way in ("lines", "json", "bytes", "table") else ()
            faults: list[Fault] = []
            mapping = mapping_of(chosen.platform)
            sources = _read(chosen, files, mapping)
            for source in sources:
                faults += source.faults
            counts["rows_read"] += sum(part.table.rows.len() for part in sources[at].parts)
            counts["rows_lost"] += lost_in_reading(name, data, sources[at])
            if number % mapped == 0:
                counts["through_mapping"] += 1
                faults += _map(chosen, sources, mapping, counts)
            if number % written == 0:
                faults += _write(chosen, files, counts)
            counts["faults"] += len(faults)
            told = "\n".join(message(row) for row in fault_table(faults).iter_rows(named=True)) if personal or faults else ""
        counts["accepted"] += 1
    except ForensicsError as error:
        counts["refused"] += 1
        told = str(error)
        if not told.strip():
            tally.troubles.append(f"{importer} {number} ({way}): refused without a word")
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - whatever comes; a panic of polars is no Exception
        counts["unexplained"] += 1
        tally.troubles.append(f"{importer} {number} ({way}): {traceback.format_exc(limit=-6)}")
    if personal and _personal(personal, told):
        counts["personal_told"] += 1
    if counts["rows_lost"] or counts["personal_told"]:
        tally.troubles.append(
            f"{importer} {number} ({way}): rows_lost {counts['rows_lost']}, personal_told {counts['personal_told']}: {told[:600]}"
        )
    if (took := time.perf_counter() - start) > SLOW:
        tally.troubles.append(f"{importer} {number} ({way}): took {took:.0f} s")
    return tally


def run(importer: str, numbers: Sequence[int], seed: int, mapped: int = MAPPED, written: int = WRITTEN) -> Tally:
    """Put in a stretch of inputs; a warning counts as an exception."""
    tally = Tally()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number in numbers:
            tally.add(one_input(importer, number, seed, mapped, written))
    return tally


def _stretch(job: tuple[str, int, int, int, int, int]) -> tuple[str, Tally]:
    importer, start, stop, *rest = job
    return importer, run(importer, range(start, stop), *rest)


def _quiet() -> None:
    """Drop what polars writes of a broken Parquet file before it gives its error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _jobs(
    inputs: int, seed: int, only: Sequence[str], mapped: int, written: int
) -> Iterator[tuple[str, int, int, int, int, int]]:
    each = -(-inputs // len(only))
    for start in range(0, each, 200):
        for importer in only:
            yield importer, start, min(start + 200, each), seed, mapped, written


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=20_000, help="of all importers together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", action="append", choices=importers(), default=[])
    parser.add_argument("--number", type=int, help="this input alone")
    parser.add_argument("--mapped", type=int, default=MAPPED, help="every so many go through the mapping, too")
    parser.add_argument("--written", type=int, default=WRITTEN, help="every so many are written, opened and written again")
    options = parser.parse_args()
    only = options.only or list(importers())
    if options.number is not None:
        tally = one_input(only[0], options.number, options.seed, 1, 1)
        print(dict(tally.counts), *tally.troubles, sep="\n")
        return bool(tally.troubles)
    tallies = {importer: Tally() for importer in only}
    jobs = list(_jobs(options.inputs, options.seed, only, options.mapped, options.written))
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"), initializer=_quiet) as pool:
        for done, (importer, tally) in enumerate(pool.map(_stretch, jobs), start=1):
            tallies[importer].add(tally)
            for trouble in tally.troubles:
                print(trouble, flush=True)
            if done % 50 == 0:
                print(f"{done:,} of {len(jobs):,} stretches", file=sys.stderr, flush=True)
    if options.out:
        with options.out.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["importer", "seed", *COUNTS])
            writer.writerows([name, options.seed, *(tally.counts[count] for count in COUNTS)] for name, tally in tallies.items())
            whole = sum((tally.counts for tally in tallies.values()), Counter())
            writer.writerow(["all", options.seed, *(whole[count] for count in COUNTS)])
    return bool(sum(len(tally.troubles) for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
