"""Which files a package has: by its datapackage.json, or by the files' names; a path that leads outside isn't opened."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, ValidationError

from analysis_lib.checks import MOST_SIGNS, MOST_SIGNS_LONG
from analysis_lib.errors import PackageError
from analysis_lib.faults import ERROR, WARNING, Fault, hint, quoted
from analysis_lib.reading import SUFFIXES
from analysis_lib.schema import TABLES

NAME = "datapackage.json"
MIN_CELL = 10  # the smallest group that may be shown, unless the package says otherwise
_FOLDERS = ("", "data")  # where files are looked for
_CASE_KEY = re.compile(rb"[0-9a-fA-F]{64}\s*")  # as an import writes it
_UNSEEN = ("Cc", "Cf", "Cs")  # control signs, marks of direction and the like, halves of signs
_DATA_SUFFIXES = (*SUFFIXES, ".tsv", ".xlsx", ".xls", ".ods")  # a file named so was meant to be read


class _Resource(BaseModel):
    name: str
    path: Any = None  # checked one by one: a bad path costs one table, not the package
    hash: Any = None
    bytes: Any = None
    is_optional: StrictBool = Field(False, alias="sf:optional")


class _Descriptor(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    name: str = ""
    title: str = ""
    description: str = ""
    made_up: StrictBool = Field(False, alias="sf:made_up")
    min_cell: StrictInt = Field(MIN_CELL, alias="sf:min_cell", ge=1)
    resources: list[_Resource] = Field(min_length=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """What the package says of itself, and the file of each table, from the package's folder; null: not to be opened."""

    name: str
    title: str
    description: str
    made_up: bool
    min_cell: int
    paths: Mapping[str, str | None]
    hashes: Mapping[str, str]
    registered: Mapping[str, tuple[Any, Any]]  # by path: the hash and the number of bytes that were written down


def _parse(data: bytes, place: Path) -> _Descriptor:
    remedy = "See data_schema/README.md, or take the file away: tables are then found by their names."
    try:
        return _Descriptor.model_validate(json.loads(data.decode("utf-8-sig")))
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'the whole'}: {e['msg']}" for e in error.errors()[:10])
        raise PackageError(
            f"{place}: {faults}. Expected an object with name, title, description and a list of resources, "
            f"each with name and path. {remedy}"
        ) from None
    except RecursionError:
        raise PackageError(f"{place}: lists within lists go too deep. Expected a Data Package descriptor. {remedy}") from None
    except ValueError as error:  # not UTF-8, not JSON, or a number of more digits than Python reads
        raise PackageError(f"{place}: this isn't JSON in UTF-8 ({error}). Expected a Data Package descriptor. {remedy}") from None


def _unsafe(folder: Path, path: Any) -> tuple[str, str] | None:
    """Say what is wrong with a resource's path, and what to do; null if the file may be opened."""
    if not isinstance(path, str) or not path:
        return "the path isn't a text", "Name one file for the table; if it is in pieces, join them."
    move = "It wasn't opened. Put the file into the package's folder and write its path from there."
    if "://" in path:
        return f"the path {quoted(path)} is a web address", move
    if path.startswith("/") or PureWindowsPath(path).drive or "\\" in path:
        return f"the path {quoted(path)} doesn't start from the package's folder, with / between its parts", move
    try:
        whole = (folder / path).resolve()
        is_inside = ".." not in path.split("/") and whole.is_relative_to(folder.resolve())
        is_file = is_inside and whole.is_file()
    except (OSError, ValueError, RuntimeError):  # a name too long, a NUL in it, a circle of links
        return f"the path {quoted(path)} can't be followed", move
    if not is_inside:
        return f"the path {quoted(path)} leads out of the package's folder", move
    if not is_file:
        return f"there is no file {quoted(path)}", "Check the spelling, or take the table out of datapackage.json."
    if not path.lower().endswith(SUFFIXES):
        return f"the file {quoted(path)} is neither CSV nor Parquet", "Save it as CSV UTF-8 and name that file."
    return None


def _path_fault(found: str, remedy: str, severity: str = ERROR) -> Fault:
    expected = "one file for each table, under a path such as data/contests.csv"
    return Fault(file=NAME, found=found, expected=expected, remedy=remedy, severity=severity, rule="path")


def _listed(folder: Path, resources: list[_Resource]) -> tuple[dict[str, str | None], list[Fault]]:
    """The file of each table a descriptor lists; null where it can't be opened."""
    paths: dict[str, str | None] = {}
    faults = []
    for resource in resources:
        if resource.name not in TABLES:
            faults.append(
                Fault(
                    file=NAME,
                    found=f"the table {quoted(resource.name)} isn't known here",
                    expected=f"tables of {', '.join(TABLES)}",
                    remedy=hint(resource.name, TABLES) + "The file isn't read; nothing else need be done.",
                    severity=WARNING,
                    rule="unknown_table",
                )
            )
        elif resource.name in paths:
            faults.append(_path_fault(f"the table {resource.name} is listed twice", "The first is read. Take the other out."))
        elif unsafe := _unsafe(folder, resource.path):
            is_absent = resource.is_optional and unsafe[0].startswith("there is no file")
            faults.append(_path_fault(f"table {resource.name}: {unsafe[0]}", unsafe[1], WARNING if is_absent else ERROR))
            if not is_absent:
                paths[resource.name] = None
        else:
            paths[resource.name] = PurePosixPath(resource.path).as_posix()  # ./data/x.csv is data/x.csv
    return paths, faults


def _text_faults(said: _Descriptor) -> list[Fault]:
    """Empty those texts that hold signs that aren't seen or are too long, and say so."""
    faults = []
    for name, most in (("name", MOST_SIGNS), ("title", MOST_SIGNS), ("description", MOST_SIGNS_LONG)):
        text = getattr(said, name)
        allowed = "\r\n" if name == "description" else ""
        if len(text) <= most and not any(unicodedata.category(sign) in _UNSEEN and sign not in allowed for sign in text):
            continue
        setattr(said, name, "")
        what = f"has {len(text):,} characters" if len(text) > most else f"holds signs that aren't seen: {quoted(text)}"
        faults.append(
            Fault(
                file=NAME,
                found=f"{name} {what}",
                expected=f"at most {most:,} characters, without control signs and marks that turn the direction of writing",
                remedy="It isn't used. Correct it in datapackage.json.",
                rule="length" if len(text) > most else "characters",
            )
        )
    return faults


def _min_cell_faults(said: _Descriptor) -> list[Fault]:
    if said.min_cell >= MIN_CELL:
        return []
    return [
        Fault(
            file=NAME,
            found=f"sf:min_cell is {said.min_cell}",
            expected=f"at least {MIN_CELL}",
            remedy="It is used as it stands, but groups this small may point to persons. Set it higher before anything is shown.",
            severity=WARNING,
            rule="min_cell",
        )
    ]


def changed_faults(descriptor: Descriptor, hashes: Mapping[str, str], folder: Path) -> list[Fault]:
    """Warn of files that are no longer what they were when their hash was written into datapackage.json."""
    faults = []
    for path, (digest, n_bytes) in descriptor.registered.items():
        if path not in hashes:
            continue
        size = (folder / path).stat().st_size
        was = str(digest).removeprefix("sha256:").lower()
        if (digest is None or was == hashes[path]) and (n_bytes is None or n_bytes == size):
            continue
        faults.append(
            Fault(
                file=path,
                found="the file was changed since its hash or size was registered in datapackage.json; by whom can't be told",
                expected="the file as it was registered, byte for byte",
                remedy="Import it again from its source, or ask who changed it and why, and keep the answer with the case.",
                severity=WARNING,
                rule="changed",
            )
        )
    return faults


def _found(folder: Path) -> dict[str, str | None]:
    """The file of each table by its name, in a package without a descriptor."""
    paths = {}
    for table in TABLES:
        for place in (f"{within}/{table}{suffix}".lstrip("/") for within in _FOLDERS for suffix in SUFFIXES):
            if table not in paths and not _unsafe(folder, place):
                paths[table] = place
    return paths


def _data_files(folder: Path) -> list[str]:
    """Files that look like data, as paths from the package's folder."""
    try:
        files = [file for within in _FOLDERS if (folder / within).is_dir() for file in (folder / within).iterdir()]
    except OSError as error:
        raise PackageError(
            f"{folder}: this folder can't be read ({error.strerror}). Expected a data package. Check who may read it."
        ) from None
    return sorted(file.relative_to(folder).as_posix() for file in files if file.suffix.lower() in _DATA_SUFFIXES)


def _unread_faults(files: list[str], paths: Mapping[str, str | None]) -> list[Fault]:
    return [
        Fault(
            file=NAME,
            found=f"the file {quoted(file)} belongs to no table of the package and isn't read",
            expected="every file of data to be listed in datapackage.json, or named after its table, as in data/contests.csv",
            remedy=hint(Path(file).stem, TABLES) + "If it holds evidence, name it so; if not, nothing need be done.",
            severity=WARNING,
            rule="extra_file",
        )
        for file in files
        if file not in paths.values()
    ]


def _case_key_faults(folder: Path) -> list[Fault]:
    """Warn of a file that looks like the case key: with it, whoever gets the package can find out who each member is."""
    found = []
    for place in (folder / within for within in _FOLDERS if (folder / within).is_dir()):
        with suppress(OSError):
            small = (file for file in place.iterdir() if file.is_file() and 64 <= file.stat().st_size <= 70)
            found += [file for file in small if _CASE_KEY.fullmatch(file.read_bytes())]
    return [
        Fault(
            file=file.relative_to(folder).as_posix(),
            found="this file looks like a case key, with which anyone can find out who the members are",
            expected="a package without the case key",
            remedy="Take it out, and keep it where only you can read it. If the package was handed on, tell whoever looks after data protection.",
            severity=WARNING,
            rule="case_key",
        )
        for file in sorted(found)
    ]


def read_descriptor(folder: Path) -> tuple[Descriptor, list[Fault]]:
    """Find out what a package is called and which file holds which table.

    Without datapackage.json, files named after a table, in the folder or in its data/, are taken.

    Raises
    ------
    PackageError
        datapackage.json is broken, or there is none and no file is named after a table.
    """
    place = folder / NAME
    files = _data_files(folder)
    if place.is_symlink() and not place.resolve().is_relative_to(folder.resolve()):
        raise PackageError(
            f"{place}: this is a link that leads out of the package's folder. Expected a file of the package. "
            "Put the file itself there."
        )
    if place.is_file():
        try:
            data = place.read_bytes()
        except OSError as error:
            raise PackageError(
                f"{place}: this can't be read ({error.strerror}). Expected a Data Package descriptor. Check who may read it."
            ) from None
        said = _parse(data, place)
        paths, faults = _listed(folder, said.resources)
        faults += _text_faults(said) + _min_cell_faults(said)
        hashes = {NAME: hashlib.sha256(data).hexdigest()}
        registered = {
            PurePosixPath(one.path).as_posix(): (one.hash, one.bytes)
            for one in said.resources
            if isinstance(one.path, str) and (one.hash is not None or one.bytes is not None)
        }
    else:
        said = _Descriptor.model_construct(name="", title="", description="", made_up=False, min_cell=MIN_CELL)
        hashes, registered = {}, {}
        paths = _found(folder)
        if not paths:
            seen = f"only {', '.join(map(quoted, files[:5]))}" if files else "no file of data"
            raise PackageError(
                f"{folder}: there is no datapackage.json and no file named after a table here, {seen}. "
                "Expected files such as contests.csv and sources.csv, in the folder or in its data/. "
                f"Name the files after their tables: {', '.join(TABLES)}."
            )
        faults = [
            Fault(
                file=NAME,
                found=f"there is no {NAME}; {len(paths)} tables were found by their names",
                expected="a Data Package descriptor that says what the package is and which files it has",
                remedy="Write one, so that the report can give the case its name: data_schema/README.md shows how.",
                severity=WARNING,
                rule="descriptor",
            )
        ]
    name = said.name or folder.resolve().name
    descriptor = Descriptor(
        name=name,
        title=said.title or name,
        description=said.description,
        made_up=said.made_up,
        min_cell=said.min_cell,
        paths=paths,
        hashes=hashes,
        registered=registered,
    )
    return descriptor, faults + _unread_faults(files, paths) + _case_key_faults(folder)


def file_hash(folder: Path, path: str) -> str | None:
    """Give the SHA-256 of a file of the package whose path was found safe; null if it can't be read."""
    try:
        with (folder / path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
