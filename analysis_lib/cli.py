"""The command line: selection-forensics report | check | import | request."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import textwrap
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import analysis_lib
from analysis_lib.errors import ForensicsError, PackageError, ParameterError
from analysis_lib.importers import command
from analysis_lib.plaintext import count, inert, on_one_line, visible

if TYPE_CHECKING:
    import polars as pl

    from analysis_lib.package import Package
    from analysis_lib.reports.editions import Edition
    from analysis_lib.reports.runner import ReportOutcome

OK, FAULTY, REFUSED, STOPPED = 0, 1, 2, 128  # stopped by a signal: 128 and its number, as shells have it
EXAMPLES = """\
examples:
  selection-forensics report                         every shipped example, and an index page, in reports/
  selection-forensics report made_up_vale            one shipped example
  selection-forensics report my_case --out my_report a folder with datapackage.json and its tables
  selection-forensics report my_case --edition restricted  with members' keys, for the people named in the agreement
  selection-forensics report my_case --plan plan.toml -p n_resamples 99999
  selection-forensics check my_case                  what is wrong with the files, and how to mend it
  selection-forensics check my_case --format csv > faults.csv
  selection-forensics check my_case --originals received
  selection-forensics import --list                  the platforms whose exports can be brought into a package
  selection-forensics request my_case                letters that ask the party and the platform for what is missing
  selection-forensics request my_case --to member --out request.txt

exit status: 0 all well; 1 a chapter failed, the files have errors or an original is missing or changed; 2 it could not be done at all.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; what can't be done is said on standard error, without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console with few letters must not stop a report
    options = _parser().parse_args(arguments)
    try:
        with _stoppable():
            status = options.run(options)
            sys.stdout.flush()  # a full disk shows itself here, and not behind the last line
    except ForensicsError as error:
        _complain(str(error))
        return REFUSED
    except BrokenPipeError:  # piped into a pager or `head` that was closed: what was asked for has been read
        _drop_output()
        return OK
    except OSError as error:
        _drop_output()
        place = f"{error.filename}: " if error.filename else ""
        _complain(f"{place}this can't be read or written ({error.strerror or error}). Make room or choose another place.")
        return REFUSED
    except KeyboardInterrupt as stop:
        _complain("stopped. What was finished is there; of the report being made nothing is.")
        return STOPPED + (stop.args[0] if stop.args else signal.SIGINT)
    return status


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let TERM and HUP end the command as Ctrl-C does, so that a half-made report is cleared away; a HUP that is ignored stays so."""

    def stop(number: int, _: object) -> None:
        raise KeyboardInterrupt(number)

    former = {}
    for name in ("SIGTERM", "SIGHUP"):  # Windows has no HUP
        number = getattr(signal, name, None)
        if number and threading.current_thread() is threading.main_thread() and signal.getsignal(number) is not signal.SIG_IGN:
            former[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _complain(text: str) -> None:
    with suppress(OSError):
        print(f"selection-forensics: {visible(text)}", file=sys.stderr)


def _drop_output() -> None:
    """Send what is still to be written nowhere; else Python would fail over it once more at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="selection-forensics",
        description="Statistical forensics for disputed candidate selections: check a data package, make a report.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"%(prog)s {analysis_lib.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    report = commands.add_parser("report", help="run the chapters that apply and write a report", allow_abbrev=False)
    report.add_argument(
        "package", nargs="?", metavar="PACKAGE", help="a data package's folder, or an example's name; left out: every example"
    )
    report.add_argument(
        "--out",
        metavar="DIR",
        help="where to write it (default: reports/NAME, or reports/NAME_restricted; for every example: reports)",
    )
    report.add_argument(
        "--edition", choices=("public", "restricted"), default="public",
        help="restricted: says which keys the numbered cases have; only for the people named in the data-sharing agreement",
    )  # fmt: skip
    report.add_argument("--contest", metavar="ID", default="", help="contest to report on (default: the only one in dispute)")
    report.add_argument("--plan", metavar="FILE", default="", help="plan file, TOML (default: plan.toml of the package)")
    report.add_argument(
        "-p", dest="pairs", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"),
        help="override a value of the plan, which marks the findings as exploratory; may be repeated",
    )  # fmt: skip
    report.add_argument("--quiet", action="store_true", help="no progress bar: one line per chapter")
    report.set_defaults(run=_report)

    check = commands.add_parser("check", help="check a data package and list what is wrong with it", allow_abbrev=False)
    check.add_argument("folder", metavar="FOLDER", help="a data package's folder, or an example's name")
    check.add_argument("--format", choices=("text", "csv"), default="text", help="csv: the table of faults, and nothing else")
    check.add_argument("--originals", metavar="DIR", default="", help="folder of the files as received: are they unchanged?")
    check.set_defaults(run=_check)

    import_ = commands.add_parser(
        "import", help="bring a platform's exports into a data package", epilog=command.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
    command.add_arguments(import_)
    import_.set_defaults(run=_import)

    request = commands.add_parser("request", help="write letters that ask for exactly the missing columns", allow_abbrev=False)
    request.add_argument("package", metavar="PACKAGE", help="a data package's folder, or an example's name")
    request.add_argument("--contest", metavar="ID", default="", help="contest to ask about (default: the only one in dispute)")
    request.add_argument(
        "--to", choices=("party", "platform", "member"), default="",
        help="whom to write to (default: party and platform, a letter each); member: a member's request for their own data",
    )  # fmt: skip
    request.add_argument("--out", metavar="FILE", help="where to write it; of two letters, each with its recipient in the name")
    request.set_defaults(run=_request)
    return parser


def _report(options: argparse.Namespace) -> int:
    from analysis_lib.reports.editions import Edition
    from analysis_lib.reports.parameters import checked_overrides
    from analysis_lib.reports.runner import run_report

    edition = Edition(options.edition)
    overrides = checked_overrides(options.pairs)
    if options.out is not None and not options.out.strip():
        raise ParameterError("--out is empty. Expected the folder to write the report to. Leave it out to use reports/NAME.")
    if options.package is None:
        return _every_example(options, overrides, edition)
    out = Path("reports", Path(options.package).resolve().name + edition.suffix) if options.out is None else options.out
    outcome = run_report(
        options.package, out, contest_id=options.contest, plan=options.plan, overrides=overrides, progress=not options.quiet,
        edition=edition,
    )  # fmt: skip
    return _told([outcome])


def _every_example(options: argparse.Namespace, overrides: dict, edition: Edition) -> int:
    from analysis_lib.case import open_case
    from analysis_lib.exhibits.cases_by_key import holds_keys
    from analysis_lib.locations import EXAMPLES
    from analysis_lib.reports import folders
    from analysis_lib.reports.editions import Edition
    from analysis_lib.reports.render import render_index
    from analysis_lib.reports.runner import run_report

    if options.contest or options.plan:
        raise ParameterError("--contest and --plan need a PACKAGE. Expected one report to use them for: name its package.")
    root = Path("reports" if options.out is None else options.out)
    names = sorted(path.parent.name for path in EXAMPLES.glob("*/datapackage.json"))
    if edition is Edition.RESTRICTED:  # of the others there is none
        names = [name for name in names if holds_keys(open_case(name))]
    outs = {name: root / (name + edition.suffix) for name in names}
    index = root / edition.index
    folders.check_index(index)
    for out in outs.values():  # before the first minute of work, not after it
        folders.check_replaceable(out, edition)
    outcomes = [
        run_report(name, out, overrides=overrides, progress=not options.quiet, edition=edition) for name, out in outs.items()
    ]
    pages = {f"{outcome.folder.name}/{outcome.page.name}": outcome.findings for outcome in outcomes}
    index.write_text(render_index(pages, edition), encoding="utf-8", newline="\n")
    status = _told(outcomes)
    print(f"All of them: {index.absolute()}")
    return status


def _told(outcomes: Sequence[ReportOutcome]) -> int:
    """Say where each report is, and what failed in it."""
    for outcome in outcomes:
        print(on_one_line(f"{outcome.name}: {outcome.page}"))
        if outcome.n_left_out:
            rows = count(outcome.n_left_out, "row")
            print(f"{outcome.name}: {rows} of the data left out for a fault; chapter 00 and check list them", file=sys.stderr)
        for chapter, error in outcome.failed.items():
            print(on_one_line(f"{outcome.name}: chapter {chapter} failed: {error}"), file=sys.stderr)
    return FAULTY if any(outcome.failed for outcome in outcomes) else OK


def _check(options: argparse.Namespace) -> int:
    import polars as pl

    from analysis_lib import originals
    from analysis_lib.faults import fault_table, message
    from analysis_lib.importers.recovery import interrupted
    from analysis_lib.package import open_package
    from analysis_lib.schema import NOT_SUPPLIED

    left = fault_table(interrupted(Path(options.folder)))
    try:
        package = open_package(options.folder)
    except PackageError as error:  # of a first import that was killed there is no package yet
        raise PackageError(" ".join([*map(message, left.to_dicts()), str(error)])) from None
    faults, n_unchanged = pl.concat([package.faults, left]), 0
    if options.originals:
        n_unchanged, more = originals.compare(package, Path(options.originals))
        faults = pl.concat([faults, fault_table(more)])
    errors = faults.filter(severity="error").height
    if options.format == "csv":
        still = pl.col(pl.String).map_elements(inert, return_dtype=pl.String)
        print(visible(faults.with_columns(still).write_csv()), end="")
        return FAULTY if errors else OK
    print(on_one_line(f"{package.name}: {package.title}{' (made-up data)' if package.made_up else ''}") + "\n")
    print("\n".join(_aligned(_table_rows(package))))
    coded = package.missingness.filter(pl.col("code") != NOT_SUPPLIED)
    if coded.height:
        print("\nCells without a value, by the reason given for it:\n")
        rows = [(row["table"], row["column"], row["code"], f"{row['n']:,}") for row in coded.iter_rows(named=True)]
        print("\n".join(_aligned([("TABLE", "COLUMN", "REASON", "CELLS"), *rows])))
    if options.originals:
        print(f"\nOriginals: {count(n_unchanged, 'source')} whose file is there, unchanged since it was registered")
    warnings = faults.height - errors
    meaning = "rows or files left out" + (", originals missing or changed" if options.originals else "")
    print(f"\n{count(errors, 'error')} ({meaning}), {count(warnings, 'warning')} (kept)")
    if faults.height:
        print("\n" + "\n".join(_fault_lines(faults, shutil.get_terminal_size((120, 24)).columns)))
    return FAULTY if errors else OK


def _import(options: argparse.Namespace) -> int:
    width = shutil.get_terminal_size((120, 24)).columns
    if options.is_list:
        print("\n".join(command.listing()))
        return OK
    done = command.run(options)
    print("\n".join(visible(line) for line in command.told(done, width)))
    errors = done.faults.filter(severity="error").height
    print(f"\n{count(errors, 'error')}, {count(done.faults.height - errors, 'warning')}")
    if done.faults.height:
        print("\n" + "\n".join(_fault_lines(done.faults, width)))
    print(f"\nSee what the package holds now: selection-forensics check {done.package}")
    return FAULTY if errors else OK


def _request(options: argparse.Namespace) -> int:
    from analysis_lib import requests
    from analysis_lib.case import open_case

    case = open_case(options.package, options.contest)
    texts = requests.letters(case, options.to)
    if options.out is None:
        print(visible(requests.BETWEEN.join(texts.values())), end="")
    else:
        for path in requests.write_letters(texts, options.out):
            print(on_one_line(str(path)))
    if gathered := requests.ours_to_gather(case):
        print(f"Asked of nobody, since you gather it yourselves: {', '.join(gathered)}", file=sys.stderr)
    return OK


def _table_rows(package: Package) -> list[tuple[str, ...]]:
    """Each table with its rows: those that are good, and those left out for an error."""
    rows = [("TABLE", "GOOD ROWS", "LEFT OUT", "")]
    for name, frame in package.tables.items():
        state = "withheld: it would link voters with their choices" if name in package.refused else ""
        if name in package.held or name in package.refused or package.n_left_out.get(name):
            rows.append((name, f"{frame.height:,}", f"{package.n_left_out.get(name, 0):,}", state))
    return rows


def _fault_lines(faults: pl.DataFrame, width: int) -> list[str]:
    """The fault table as text: place in columns, words wrapped beside it."""
    places, words = [("SEVERITY", "FILE", "ROW", "COLUMN")], ["FAULT"]
    for fault in faults.iter_rows(named=True):
        row = "" if fault["row"] is None else str(fault["row"])
        places.append((fault["severity"], fault["file"], row, fault["column"]))
        said = (f"{fault['found']}.", f"Expected {fault['expected']}.", fault["remedy"])
        words.append("\n".join(map(on_one_line, said)))
    lines = []
    for place, text in zip(_aligned(places, pad_last=True), words, strict=True):
        room = max(40, width - len(place) - 2)
        wrapped = [line for part in text.splitlines() for line in textwrap.wrap(part, room)]
        lines.append(f"{place}  {wrapped[0]}")
        lines += [" " * (len(place) + 2) + line for line in wrapped[1:]]
    return lines


def _aligned(rows: Sequence[tuple[str, ...]], *, pad_last: bool = False) -> list[str]:
    """Rows as lines of equal columns; a column of counts is set to the right. No sign of a cell can move the cursor."""
    rows = [tuple(map(on_one_line, row)) for row in rows]
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    right = [all(cell.replace(",", "").isdigit() or not cell for cell in column[1:]) and any(column[1:]) for column in columns]
    lines = ["  ".join(f"{c:>{w}}" if r else f"{c:<{w}}" for c, w, r in zip(row, widths, right, strict=True)) for row in rows]
    return lines if pad_last else [line.rstrip() for line in lines]


if __name__ == "__main__":
    sys.exit(main())
