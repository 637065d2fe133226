"""The command `import`: its arguments, and what it says afterwards."""

from __future__ import annotations

import argparse
import textwrap
from dataclasses import fields
from typing import TYPE_CHECKING

from analysis_lib.errors import ParameterError

if TYPE_CHECKING:
    from analysis_lib.importers.importing import Imported

EXAMPLES = """\
examples:
  selection-forensics import --list
  selection-forensics import helios voters.csv --into vale --contest vale_2031 --timezone Europe/London \\
      --taken-at 2031-03-10T09:00:00Z
  selection-forensics import helios castvote.csv voter.csv --into vale --contest vale_2031
  selection-forensics import my_mapping.toml list.xlsx --into vale --contest vale_2031
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("platform", nargs="?", metavar="PLATFORM", help="platform the files come from, or a mapping file (.toml)")
    parser.add_argument("files", nargs="*", metavar="FILE", help="exports as received; they are never changed")
    parser.add_argument("--list", action="store_true", dest="is_list", help="list the platforms and the files each takes")
    parser.add_argument("--into", metavar="PACKAGE", help="the package's folder; it is made if it isn't there")
    parser.add_argument("--contest", metavar="ID", help="short name of the ballot the files are about")
    parser.add_argument(
        "--case-key", metavar="FILE", default="", help="the case key (default: PACKAGE.case-key, beside the package)"
    )
    kinds = parser.add_argument_group("what the files may not say")
    kinds.add_argument("--as", dest="kind_of_file", metavar="NAME", default="", help="which of the platform's files it is")
    kinds.add_argument("--rows-of", metavar="VALUE", default="", help="which ballot's rows, where a file holds several")
    kinds.add_argument(
        "--taken-at",
        metavar="TIME",
        action="append",
        default=[],
        help="moment a copy of a list was made, with its offset; for several files once for each, in their order",
    )
    kinds.add_argument("--roll-file", metavar="PATH", default="", help="path of the roll, where FILE is a git repository")
    kinds.add_argument("--server-zone", metavar="ZONE", default="", help="zone the server writes in, if whoever runs it says so")
    kinds.add_argument("--dates", choices=("day-first", "month-first"), default="", help="how 3/4/2031 is meant")
    kinds.add_argument("--region", metavar="XX", default="GB", help="country of telephone numbers without one (default: GB)")
    contest = parser.add_argument_group("about the ballot, if it is new to the package")
    contest.add_argument("--timezone", metavar="ZONE", default="", help="zone in which its times were advertised")
    contest.add_argument("--title", metavar="TEXT", default="", help="title of the package")
    contest.add_argument("--organisation", metavar="TEXT", default="", help="who held it")
    contest.add_argument("--contest-name", metavar="TEXT", default="", help="its name in full")
    contest.add_argument("--made-up", action="store_true", help="the files are made up, for practice")
    source = parser.add_argument_group("about the files, for the register of sources")
    for flag, name, help_ in (
        ("--source-kind", "source_kind", "platform_export, platform_log, db_dump, dsar and others: sources.kind"),
        ("--supplied-by", "supplied_by", "role of whoever handed them over: sources.supplied_by_role"),
        ("--interest", "interest", "what the supplier has to do with the result: sources.interest"),
        ("--completeness", "completeness", "whether they hold everything they are about: sources.completeness"),
    ):
        source.add_argument(flag, dest=name, default="", metavar="WORD", help=help_)
    source.add_argument("--source-title", metavar="TEXT", default="", help="what a reader would call it")
    source.add_argument("--obtained-on", metavar="DATE", default="", help="day it was received (default: today)")


def run(options: argparse.Namespace) -> Imported:
    """Import what was asked for.

    Raises
    ------
    ForensicsError
        Something is missing, or was refused.
    """
    from analysis_lib.importers.importing import Options, import_files

    if not options.platform or not options.files or not options.into or not options.contest:
        raise ParameterError(
            "import needs a platform, one file or more, --into and --contest. "
            "Expected for instance: selection-forensics import helios voters.csv --into vale --contest vale_2031. "
            "`selection-forensics import --list` lists the platforms."
        )
    chosen = {field.name: getattr(options, field.name) for field in fields(Options)}
    return import_files(options.platform, options.files, options.into, options.contest, Options(**chosen))


def listing() -> list[str]:
    """List the platforms and their files."""
    from analysis_lib.importers.mapping import find_mapping, platforms

    lines = []
    for name in platforms():
        platform = find_mapping(name)
        lines.append(f"{name}: {platform.title}. {platform.about}".rstrip())
        lines += [f"  {file.name}: {file.title}" for file in platform.files]
    return lines


def told(done: Imported, width: int) -> list[str]:
    """Say what an import came to, but for the faults."""
    lines = []
    for file in done.files:
        part = f", {file.part}" if file.part else ""
        lines.append(f"{file.file}{part}: {file.recognised_as}; rows read: {file.n_read:,}")
        lines += [f"  rows for {table}: {n:,}" for table, n in file.n_made.items()]
        lines += [f"  rows left out, {reason}: {n:,}" for reason, n in file.n_left_out.items()]
    lines += ["", f"Written into {done.package}:"]
    for table in sorted({*done.n_added, *done.n_filled}):
        more = f"; rows with blanks filled: {done.n_filled[table]:,}" if done.n_filled.get(table) else ""
        lines.append(f"  {table}: new rows: {done.n_added.get(table, 0):,}{more}")
    if not done.n_added:
        lines.append("  nothing new: all of it was there already")
    for heading, notes in (
        ("What the clocks show:", done.notes),
        ("What changed between copies of the roll:", done.roll_account),
        (f"What to know about {done.platform.title}:", done.platform.traps),
        ("To be filled in or corrected by hand:", done.to_fill),
    ):
        if notes:
            lines += ["", heading]
            lines += [
                line for note in notes for line in textwrap.wrap(note, width, initial_indent="  - ", subsequent_indent="    ")
            ]
    made = "A new case key was made" if done.is_new_key else "The case key lies"
    key = f"{made}: {done.case_key}. Keep it apart from the package and never send it; without it later files can't be joined to these."
    return [*lines, "", *textwrap.wrap(key, width, break_long_words=False, break_on_hyphens=False)]
