"""Every example of what goes wrong earns the very message beside it, and every rule of the library has an example.

Run as a program it writes the messages anew, after a change of words: read the difference before you keep it.
"""

from __future__ import annotations

import ast
import re
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

import pytest

import analysis_lib
from analysis_lib.case import open_case
from analysis_lib.errors import PackageError, ParameterError
from analysis_lib.faults import message
from analysis_lib.importers.formats import READERS
from analysis_lib.importers.importing import import_files
from analysis_lib.importers.register import Options
from analysis_lib.locations import DATA_SCHEMA
from analysis_lib.methods import falling_turnout_counts, record_rules, roll_reconciliation, totals_reconciliation
from analysis_lib.package import open_package
from analysis_lib.schema import ROW_RULES, TABLES
from analysis_lib.traps.time_traps import NO_EVENT_TIME

LIBRARY = Path(analysis_lib.__file__).parent
FOLDER = DATA_SCHEMA / "examples_bad"
BASE = FOLDER / "base"
EXPORTS = "exports"  # the folder of examples that are files of a platform, not tables
TEMPLATE = DATA_SCHEMA / "mappings" / "template.toml"
ALONE = "datapackage"  # the folder of examples that are packages by themselves
PROMISES = sorted({file.with_suffix("") for file in FOLDER.glob("*/*") if file.parent != BASE})
IDS = [stem.relative_to(FOLDER).as_posix() for stem in PROMISES]
CHECKS = (roll_reconciliation, totals_reconciliation, falling_turnout_counts, record_rules)
CHECK = re.compile(r"[RV][0-9]{2}_")  # an example so named is one of a check of chapters 00 and 40
LINE = re.compile(r"(error [a-z_]+|warning [a-z_]+|finding [RV][0-9]{2}|refused) \| \S.*")
# Where the name of a rule stands among what a function is handed.
RULE_PLACES = {"CellRule": 0, "_file_fault": -1, "file_fault": -1, "trap": 0}
NO_FILE_SHOWS_IT = {
    "unreadable",  # a file that nobody may open can't be handed on
    "too_large", "too_wide",  # a file of gigabytes, a file of ten thousand columns
    "nul",  # every format refuses the sign before; the search for it is a second lock
    # Copies of a roll, for which it takes several imports or a git repository: tests/importers has their examples.
    "copies", "copy_order", "event", "member", "reason", "roll_copy", "shallow", "swap", "unit",
    "case_key",  # no key is ever committed
    "interrupted",  # it takes an import that was killed
    "originals",  # it compares a folder of files outside the package
}  # fmt: skip


def laid_out(stem: Path, to: Path) -> Path:
    """Give the package an example stands for: the base with its files in place of theirs, or its own folder."""
    if stem.parent.name == ALONE:
        return stem
    package = shutil.copytree(BASE, to / "package")
    one = stem.with_suffix(".csv")
    for file in [one] if one.is_file() else sorted(stem.iterdir()):
        table = stem.parent.name if file == one else file.stem
        assert table in TABLES, f"{file} is named after no table"
        shutil.copyfile(file, package / "data" / f"{table}.csv")
    return package


def found(package: Path) -> list[str]:
    """Say what the checks of chapters 00 and 40 find."""
    case, lines = open_case(package), []
    for question in CHECKS:
        for result in question.answer(case):
            for item in [*result.details.get("identities", ()), *result.details.get("totals", ())]:
                if item["gap"]:
                    sides = ", ".join(
                        f"{item[side]} {item[f'{side}_low']}"
                        + (f" to {item[f'{side}_high']}" if item[f"{side}_high"] != item[f"{side}_low"] else "")
                        for side in ("left", "right")
                    )
                    unit = f" ({item['unit']})" if item["unit"] else ""
                    lines.append(f"finding {item['check']} | {item['name']}{unit}: {sides}. Cause: {item['cause']}.")
            for rule in result.details.get("rules", ()):
                if rule["broken"] or rule["undetermined"]:
                    rows = ", ".join(f"row {row['source_row']} of {row['source_id']}" for row in rule["rows"] if row["source_id"])
                    lines.append(
                        f"finding {rule['check']} | {rule['name']}: {rule['broken']} of {rule['looked']} rows break it, "
                        f"{rule['undetermined']} may{f' ({rows})' if rows else ''}. Usual cause: {rule['cause']}."
                    )
            for fall in result.details.get("falls", ()):
                lines.append(f"finding R14 | a running count never falls: {fall['before']} and then {fall['voted_n']}.")
    return lines


def imported(stem: Path, to: Path) -> list[str]:
    """Say what is told of an export: by the reader its ending names, or on its way through a mapping."""
    files = [file for file in stem.parent.glob(f"{stem.name}.*") if file.suffix != ".txt"] or sorted(stem.iterdir())
    reader = READERS.get(files[0].suffix[1:])
    if reader and not stem.is_dir():
        faults = [asdict(fault) for fault in reader(files[0].read_bytes(), files[0].name).faults]
    else:
        mapping = stem / "mapping.toml" if stem.is_dir() else TEMPLATE
        options = Options(taken_at="2031-03-24T09:00:00Z", server_zone="Europe/London", timezone="Europe/London")
        exports = [file for file in files if file != mapping]
        try:
            faults = import_files(str(mapping), exports, to / "package", "vale_2031", options).faults.to_dicts()
        except ParameterError as error:
            return [f"refused | {error}".replace(f"{stem.parent}/", "")]
    return [f"{fault['severity']} {fault['rule']} | {message(fault)}" for fault in faults]


def earned(stem: Path, to: Path) -> list[str]:
    """Open an example and give every line it earns."""
    if stem.parent.name == EXPORTS:
        return imported(stem, to)
    package = laid_out(stem, to)
    try:
        opened = open_package(package)
    except PackageError as error:
        return [f"refused | {error}".replace(f"{package}/", "")]
    lines = [f"{fault['severity']} {fault['rule']} | {message(fault)}" for fault in opened.faults.iter_rows(named=True)]
    return lines + found(package) if CHECK.match(stem.name) else lines


def rules_in_source() -> set[str]:
    """The names of all rules, as they are written where faults are made."""
    names = {*ROW_RULES, *(f"trap_{meaning}" for meaning in NO_EVENT_TIME)}
    for file in sorted(LIBRARY.rglob("*.py")):
        for call in (node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)):
            function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            given = [word.value for word in call.keywords if word.arg == "rule" and function == "Fault"]
            given += [call.args[RULE_PLACES[function]]] if function in RULE_PLACES and call.args else []
            before = "trap_" if function == "trap" else ""
            names |= {before + value.value for value in given if isinstance(value, ast.Constant)}
    return names


def test_the_base_is_good():
    assert open_package(BASE).faults.height == 0
    assert found(BASE) == []
    assert {file.stem for file in (BASE / "data").iterdir()} == set(TABLES)


@pytest.mark.parametrize("stem", PROMISES, ids=IDS)
def test_an_example_earns_the_message_it_promises(tmp_path, stem):
    promised = stem.with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    assert promised
    assert all(LINE.fullmatch(line) for line in promised)
    assert earned(stem, tmp_path) == promised


def test_every_promise_has_its_example_and_no_two_share_a_name():
    stems = [file.with_suffix("") for file in FOLDER.glob("*/*") if file.parent != BASE and file.suffix != ".txt"]
    assert sorted(stems) == PROMISES
    assert len(PROMISES) >= 60


def test_every_rule_has_an_example():
    promised = "".join(stem.with_suffix(".txt").read_text(encoding="utf-8") for stem in PROMISES)
    shown = set(re.findall(r"^(?:error|warning) (\w+) \|", promised, re.MULTILINE))
    names = rules_in_source()
    assert {"separator", "zone", "unique", "secrecy", "mixed_zones", "unknown_table", "trap_midnight", *ROW_RULES} <= names
    assert sorted(names - shown - NO_FILE_SHOWS_IT) == []  # add an example under data_schema/examples_bad
    assert {f"R{n:02d}" for n in range(1, 15)} | {f"V{n:02d}" for n in range(1, 12)} <= set(
        re.findall(r"^finding (\w+) \|", promised, re.M)
    )


if __name__ == "__main__":
    for example in PROMISES:
        with tempfile.TemporaryDirectory() as place:
            text = "\n".join(earned(example, Path(place))) + "\n"
        example.with_suffix(".txt").write_text(text, encoding="utf-8", newline="\n")
