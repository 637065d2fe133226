"""From the files of a platform to a package: recognised, keyed, put on a clock, searched for leaks, and only then written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from analysis_lib.checks import zones
from analysis_lib.errors import ParameterError
from analysis_lib.faults import Fault, fault_table, hint, message
from analysis_lib.importers import formulas, git_roll, leaks, register, resaved, roll_comparison, roll_import, writing
from analysis_lib.importers.anchors import anchored
from analysis_lib.importers.apply import Applied, apply, clock_rows
from analysis_lib.importers.formats import Part, recognise
from analysis_lib.importers.mapping import Clock, Platform, find_mapping
from analysis_lib.importers.parts import joined, of_contest, renamed
from analysis_lib.importers.pseudonyms import (
    CaseKey,
    default_path,
    load_case_key,
    new_case_key,
    save_case_key,
)
from analysis_lib.importers.raw import RawTable
from analysis_lib.importers.register import Options, Source
from analysis_lib.importers.values import Setting
from analysis_lib.reading import too_large
from analysis_lib.schema import load_schema


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDone:
    """What one part of a file came to."""

    file: str
    part: str
    recognised_as: str
    n_read: int
    n_made: Mapping[str, int]
    n_left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import came to; `faults` is a table as `check` lists it."""

    package: Path
    platform: Platform
    files: tuple[FileDone, ...]
    n_added: Mapping[str, int]
    n_filled: Mapping[str, int]
    faults: pl.DataFrame
    notes: tuple[str, ...]
    roll_account: tuple[str, ...]
    to_fill: tuple[str, ...]
    case_key: Path
    is_new_key: bool


def import_files(
    platform: str, files: Sequence[str | Path], into: str | Path, contest: str, options: Options | None = None
) -> Imported:
    """Import files of one platform into a package, which is made if it isn't there.

    Importing the same file again changes nothing. Either all that is good is written or, if something
    is refused, nothing; the files themselves are never changed.

    Parameters
    ----------
    platform : str
        Name of a mapping that comes with the library, or the path of a TOML file.
    files : sequence of path
        Exports, as received.
    into : path
        The package's folder.
    contest : str
        contest_id of the ballot they are about.

    Returns
    -------
    Imported

    Raises
    ------
    ForensicsError
        A file isn't one of the platform's, something needed isn't known, or what would be written would
        tell of a member or of a choice.
    """
    options = options or Options()
    _check(options, contest)
    mapping = find_mapping(platform)
    package = Path(into)
    held = writing.read_held(package)
    sources = [_read(Path(file), mapping, options) for file in files]
    taken_at = _taken_at(sources, options)
    key, key_path, is_new = _case_key(package, held, options)
    parts, join_faults = _joined(sources)
    clocks, offset_basis, notes = anchored(mapping, parts, _clocks(mapping, options), options.timezone)
    rows: dict[str, list[writing.Row]] = {}
    faults, done, private = [*held.faults, *join_faults], [], []
    groups: list[roll_import.Copies] = []
    for source in _once(sources):
        setting = Setting(
            key=key, platform=mapping.platform, contest_id=contest, source_id=source.id,
            taken_at=taken_at[source.id], clocks=clocks, order=options.dates.replace("-", "_"), private=_private_columns(mapping),
        )  # fmt: skip
        faults += source.faults
        whole: list[Applied] = []
        for part in parts[source.id]:
            _need_taken_at(part, setting)
            applied = apply(part.file, part.table, setting, options.rows_of)
            whole.append(applied)
            if part.file.roll:
                own, said = roll_import.copies_of(part.file, of_contest(part.table, part.file, options.rows_of)[0], setting)
                groups.append(own)
                faults += said
                _add(rows, "clocks", roll_import.clock_row(part.file.roll, setting))
            faults += applied.faults
            private += applied.private
            done.append(_told(source, part, applied))
            for table, frames in applied.rows.items():
                rows.setdefault(table, []).extend(row for frame in frames for row in frame.iter_rows(named=True))
        _add(rows, "sources", [register.source_row(source, mapping, options, held, whole)])
        _add(rows, "clocks", clock_rows(_together(whole), setting, offset_basis))
        _add(rows, "repairs", register.repair_rows(source, [*source.repairs, *(r for a in whole for r in a.repairs)], key))
    files = {source.id: source.path.name for source in sources}
    groups = roll_import.together(groups)
    for group in groups:
        private += roll_import.private(group)
        for table, made in roll_import.copy_rows(group, contest, key).items():
            _add(rows, table, made)
    faults += _still(rows, mapping, files, key) + resaved.find(held, rows, files)
    found = roll_comparison.compare(groups, held.tables, rows, key, contest)
    faults += found.faults
    for table, made in found.rows.items():
        _add(rows, table, made)
    faults += _still(rows, mapping, files, key)
    contest_row, to_fill = register.contest_row(contest, mapping, options, held, sources[0].id)
    _add(rows, "contests", contest_row)
    planned = writing.merge(held, rows, files)
    faults += planned.faults
    _sound(planned)
    data = writing.table_files(planned)
    writing.guard(held, planned, data)
    names = {row.get("display_name", "") for row in planned.tables.get("candidates", held.tables.get("candidates", []))}
    exempt = names | _words(mapping) | _typed(options, contest)
    faults += leaks.find({table: planned.frame(table) for table in planned.tables}, private, options.region, exempt)
    description = writing.describe(held, data, register.description(package, options, contest, key))
    if is_new:
        save_case_key(key, key_path, package)
    try:
        writing.commit(package, held, data, description)
    except ParameterError:
        if is_new:
            key_path.unlink(missing_ok=True)
        raise
    return Imported(
        package=package, platform=mapping, files=tuple(done), n_added=planned.n_added, n_filled=planned.n_filled,
        faults=fault_table(faults), notes=tuple(notes), roll_account=tuple(found.account), to_fill=tuple(to_fill), case_key=key_path, is_new_key=is_new,
    )  # fmt: skip


def _check(options: Options, contest: str) -> None:
    if not contest.strip():
        raise ParameterError("--contest is empty. Expected a short name for the ballot, such as vale_2031. Name it.")
    for name, zone in (("--timezone", options.timezone), ("--server-zone", options.server_zone)):
        if zone and zone not in zones():
            raise ParameterError(
                f"{name} {zone} isn't an IANA time zone. Expected one such as Europe/London. {hint(zone, zones())}"
            )
    if options.dates not in ("", "day-first", "month-first"):
        raise ParameterError(f"--dates {options.dates} isn't known. Expected day-first or month-first. Change it.")


def _taken_at(sources: Sequence[Source], options: Options) -> dict[str, str]:
    """Say of which moment each file is: one for all, or one for each in their order."""
    texts = (options.taken_at,) if isinstance(options.taken_at, str) else tuple(options.taken_at) or ("",)
    if len(texts) not in (1, len(sources)):
        raise ParameterError(
            f"--taken-at is given {len(texts)} times, for {len(sources)} files. Expected it once, or once for each file in their order. "
            "Correct it."
        )
    return dict(zip([source.id for source in sources], texts * len(sources) if len(texts) == 1 else texts, strict=True))


def _read(path: Path, mapping: Platform, options: Options) -> Source:
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ParameterError(
            f"{path}: this is neither a file nor a folder, but a pipe or a device. Expected an export of {mapping.title}. "
            "Save what comes from it as a file, keep that, and name it."
        )
    try:
        if path.is_file() and (fault := too_large(path, str(path))):
            raise ParameterError(message(asdict(fault)))
        data = git_roll.exported(path, _roll_file(path, options)) if path.is_dir() else path.read_bytes()
    except OSError as error:
        raise ParameterError(
            f"{path}: the file can't be read ({error.strerror}). Expected an export of {mapping.title}."
        ) from None
    found = recognise(data, path.name, mapping, options.kind_of_file)
    return Source(path, data, list(found.parts), list(found.faults), list(found.repairs))


def _roll_file(path: Path, options: Options) -> str:
    if not options.roll_file:
        raise ParameterError(
            f"{path}: this is a folder. Expected a file, or a git repository with the path of the roll in it. "
            "Name that path with --roll-file, for instance --roll-file voters.json."
        )
    return options.roll_file


def _once(sources: Sequence[Source]) -> list[Source]:
    """The same file named twice is one source."""
    return list({source.id: source for source in sources}.values())


def _case_key(package: Path, held: writing.Held, options: Options) -> tuple[CaseKey, Path, bool]:
    path = Path(options.case_key) if options.case_key else default_path(package)
    mark = held.description.get("sf:case_key_mark", "")
    region = held.description.get("sf:canonical", {}).get("region", options.region)
    if region != options.region:
        raise ParameterError(
            f"--region {options.region}: the package was begun with {region}. Expected the same, or telephone numbers won't join. "
            f"Write --region {region}."
        )
    if path.exists():
        key = load_case_key(path, package, options.region)
        if mark and key.key("event", register.MARK) != mark:
            raise ParameterError(
                f"{path}: this isn't the case key the package was begun with. Expected that key: with another one no member would "
                "join with those imported before. Name the right file with --case-key."
            )
        return key, path, False
    if mark:
        raise ParameterError(
            f"{path}: the case key of this package isn't there. Expected the key it was begun with: without it members of this "
            "file can't be joined with those imported before. Name its place with --case-key; if it is lost, begin a new package."
        )
    if any(name.endswith("_key") and row[name] for rows in held.tables.values() for row in rows for name in row):
        raise ParameterError(
            f"{package}: the package holds keys of members, and nothing says with which case key they were made. "
            "Expected that case key: with a new one no member of this file would join with them. Name its file with --case-key."
        )
    return new_case_key(options.region), path, True


def _clocks(mapping: Platform, options: Options) -> dict[str, Clock]:
    """The platform's clocks; those whose zone is a guess take the zone that the user knows."""
    said = {"zone": options.server_zone, "basis": "stated_zone"}
    is_guess = {name: not clock.zone or clock.basis == "assumed" for name, clock in mapping.clocks.items()}
    return {
        name: clock.model_copy(update=said) if options.server_zone and is_guess[name] else clock
        for name, clock in mapping.clocks.items()
    }


def _joined(sources: Sequence[Source]) -> tuple[dict[str, list[Part]], list[Fault]]:
    """Rename columns and join parts, for each source by its id."""
    faults: list[Fault] = []
    plain = {source.id: [Part(p.file, renamed(p.table, p.file)) for p in source.parts] for source in sources}
    by_name: dict[str, RawTable] = {}
    for part in (part for parts in plain.values() for part in parts):
        by_name.setdefault(part.file.name, part.table)
    whole: dict[str, list[Part]] = {}
    for source_id, parts in plain.items():
        whole[source_id] = []
        for part in parts:
            table, said = joined(part.table, part.file.join, by_name)
            faults += said
            whole[source_id].append(Part(part.file, table))
    return whole, faults


def _private_columns(mapping: Platform) -> frozenset[str]:
    """Columns whose cells may not be repeated in a message."""
    named = {name for file in mapping.files for names in file.personal.values() for name in names}
    cells = (cell for file in mapping.files for rows in file.rows for cell in rows.columns.values())
    named |= {name for file in mapping.files if file.roll for names in file.roll.columns.values() for name in names}
    return frozenset(named | {name for cell in cells if cell.key for name in cell.columns})


def _need_taken_at(part: Part, setting: Setting) -> None:
    uses = any(cell.value == "taken_at" for rows in part.file.rows for cell in rows.columns.values())
    roll = part.file.roll
    uses = uses or bool(roll and roll.held_as == "copies" and roll.taken_at not in part.table.cells.columns)
    if uses and not setting.taken_at:
        raise ParameterError(
            f"{part.table.file}: this is a copy of a list ({part.file.title}), and it doesn't say of which moment. "
            "Expected the moment the copy was made. Give it, with its offset, as --taken-at 2031-03-01T09:00:00Z."
        )


def _together(whole: Sequence[Applied]) -> Applied:
    """The clocks of all parts of one source."""
    sum_ = Applied()
    for each in whole:
        for name, readings in each.readings.items():
            sum_.readings.setdefault(name, []).extend(readings)
            sum_.stamped.setdefault(name, set()).update(each.stamped[name])
        sum_.placeholders |= each.placeholders
    return sum_


def _add(rows: dict[str, list[writing.Row]], table: str, new: Sequence[writing.Row]) -> None:
    """Add rows, with those columns that the table has."""
    names = load_schema(table).names
    rows.setdefault(table, []).extend({name: cell for name, cell in row.items() if name in names} for row in new)


def _still(rows: dict[str, list[writing.Row]], mapping: Platform, files: Mapping[str, str], key: CaseKey) -> list[Fault]:
    """Take the life out of what would run in a spreadsheet, and note it."""
    columns = {
        (made.table, name): ", ".join(cell.columns)
        for file in mapping.files
        for made in file.rows
        for name, cell in made.columns.items()
    }
    faults, repairs = formulas.stilled(rows, columns, files, key)
    _add(rows, "repairs", repairs)
    return faults


def _told(source: Source, part: Part, applied: Applied) -> FileDone:
    made = {table: sum(frame.height for frame in frames) for table, frames in applied.rows.items()}
    return FileDone(
        file=source.path.name, part=part.table.name, recognised_as=f"{part.file.name} ({part.file.title})",
        n_read=applied.n_read, n_made=made, n_left_out=applied.n_left_out,
    )  # fmt: skip


def _sound(planned: writing.Planned) -> None:
    """Refuse rows of our own making that break a rule: an option was spelt wrong."""
    for table in ("sources", "contests", "clocks", "repairs"):
        if table in planned.tables:
            for fault in writing.checked(table, planned.tables[table], table):
                raise ParameterError(f"Nothing was written. {message(asdict(fault))}")


def _words(mapping: Platform) -> set[str]:
    """Every text that the mapping itself writes into a table."""
    cells = [cell for file in mapping.files for rows in file.rows for cell in rows.columns.values()]
    words = {word for cell in cells for word in (cell.literal, cell.default or "", *cell.map.values())}
    return words | {mapping.platform, mapping.title, *(file.title for file in mapping.files)}


def _typed(options: Options, contest: str) -> set[str]:
    return {contest, options.title, options.organisation, options.contest_name, options.source_title}
