"""Letters that ask for exactly the missing columns: one to the party, one to the platform; and a member's own-data request."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis_lib.case import Case
from analysis_lib.errors import ParameterError
from analysis_lib.methods.holdings import MOST_RANKED, holdings
from analysis_lib.plaintext import on_one_line
from analysis_lib.schema import TABLES, Field, TableSchema, form, load_schema

TEMPLATES = Path(__file__).parent / "request_templates"
WIDTH = 78
BETWEEN = f"\n{'=' * WIDTH}\n\n"  # two letters that are printed one after the other
PARTY, PLATFORM, OURS = "the party", "the platform", "ourselves"
OWNERS: Mapping[str, str] = {  # who keeps the records of each table; a test holds it against the schema
    **dict.fromkeys(("contests", "contest_windows", "candidates", "results", "complaints"), PARTY),
    **dict.fromkeys(
        ("roll_snapshots", "roll", "roll_changes", "roll_change_counts", "contact_changes", "vote_applications"), PARTY
    ),
    **dict.fromkeys(("ballot_events", "ballot_choices", "credential_events", "admin_actions"), PLATFORM),
    **dict.fromkeys(("communications", "turnout_counts", "clocks"), PLATFORM),
    **dict.fromkeys(("sources", "repairs", "statements", "responses", "timeline", "confirmations", "roll_checks"), OURS),
}
RECIPIENTS = {"party": PARTY, "platform": PLATFORM}
MEMBER = "member"
ADDRESSEES = {
    PARTY: "The general secretary or returning officer of the party",
    PLATFORM: "The company or office that runs the voting platform",
}
KEEP = {
    PARTY: (
        "every copy of the list of voters: at the freeze, as uploaded to the platform, as handed to candidates, at the count",
        "the change log of the membership database, with who made each change and when",
        "applications to vote online or by post, with how each came in and what was decided",
        "notices and messages about the timetable, and every version of it",
        "the papers of the count: ballot papers, tally sheets, marked lists, totals by channel",
        "complaints, and what was done about them",
    ),
    PLATFORM: (
        "the log of ballots received, refused, replaced and entered by an officer (without what was chosen)",
        "the log of voting codes issued, sent again, replaced and revoked, with where they were sent",
        "the log of what administrators and observers did and saw, with their sign-ins",
        "the settings of the ballot and every change of them, opening and closing times above all",
        "the lists of voters that were uploaded, and each change of them",
        "mail and text message delivery logs, and web server logs",
        "records of the servers' clocks and time zones",
    ),
}
MEMBER_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "roll": ("eligible", "ineligible_reason", "joined_on", "unit", "channel_entitled", "voted_flag", "voted_channel"),
    "roll_changes": ("change", "at", "reason", "actor_role"),
    "contact_changes": ("field", "at", "actor_role", "request_evidence"),
    "vote_applications": ("channel_requested", "at", "submitted_via", "decision"),
    "credential_events": ("event", "at", "trigger", "destination_kind", "actor_role"),
    "ballot_events": ("event", "at", "channel", "actor_role"),
}


@dataclass(frozen=True, slots=True)
class Other:
    """A column that would do in place of another, and who keeps it."""

    name: str
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedColumn:
    """A missing column, the questions that wait for it, and what would do in its place."""

    name: str
    field: Field
    questions: tuple[str, ...]
    others: tuple[Other, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedTable:
    """A table with its missing columns; `also` are those without which a row of a table not held at all can't be read."""

    schema: TableSchema
    columns: tuple[AskedColumn, ...]
    also: tuple[Field, ...]


def asked(case: Case, owner: str) -> tuple[AskedTable, ...]:
    """Give the missing columns that one owner keeps, by table, in the order of the schema."""
    questions: dict[str, list[str]] = {}
    needs = [(need, item.question.question) for item in holdings(case) for need in item.missing]
    for need, question in needs:
        for name in need.split("|"):
            questions.setdefault(name, []).append(question)
    missing = dict.fromkeys(need for need, _ in needs)
    tables = []
    for table in (table for table in TABLES if OWNERS[table] == owner):
        schema = load_schema(table)
        columns = tuple(
            AskedColumn(name=name, field=field, questions=tuple(dict.fromkeys(questions[name])), others=_others(name, missing))
            for field in schema.fields
            if (name := f"{table}.{field.name}") in questions
        )
        if columns:
            tables.append(
                AskedTable(schema=schema, columns=columns, also=() if case.rows(table).height else _also(schema, columns))
            )
    return tuple(tables)


def ours_to_gather(case: Case) -> tuple[str, ...]:
    """Name the missing columns that no letter asks for, since whoever looks into the contest gathers them."""
    return tuple(column.name for table in asked(case, OURS) for column in table.columns)


def letter(case: Case, owner: str) -> str:
    """Write the letter to the party or the platform; where nothing is missing it says so."""
    tables = asked(case, owner)
    wanted = {column.name for table in tables for column in table.columns}
    instead = [
        (item.question.question, item.question.instead)
        for item in holdings(case)
        if item.question.instead and wanted & {name for need in item.missing for name in need.split("|")}
    ]
    return _written(
        "letter.txt.j2",
        case,
        owner=owner,
        addressee=ADDRESSEES[owner],
        tables=tables,
        instead=instead,
        keep=KEEP[owner],
        most_ranked=MOST_RANKED,
    )


def member_letter(case: Case) -> str:
    """Write a member's request for their own data; it does not depend on what is held."""
    tables = [
        {"schema": load_schema(table), "columns": [field for field in load_schema(table).fields if field.name in names]}
        for table, names in MEMBER_COLUMNS.items()
    ]
    return _written("member.txt.j2", case, tables=tables)


def letters(case: Case, to: str = "") -> dict[str, str]:
    """Write the letters asked for, by recipient: party and platform, unless `to` names one or "member".

    Raises
    ------
    ParameterError
        There is no such recipient.
    """
    if to not in ("", MEMBER, *RECIPIENTS):
        raise ParameterError(
            f"there is no recipient {to!r}. Expected one of {', '.join((*RECIPIENTS, MEMBER))}. Check the spelling."
        )
    if to == MEMBER:
        return {MEMBER: member_letter(case)}
    return {name: letter(case, owner) for name, owner in RECIPIENTS.items() if to in ("", name)}


def write_letters(texts: Mapping[str, str], out: str | Path) -> tuple[Path, ...]:
    """Write each letter to a file of its own, never over one that is there: its blanks may have been filled in.

    Raises
    ------
    ParameterError
        A file is there already, or can't be written.
    """
    if not str(out).strip():
        raise ParameterError("--out is empty. Expected the file to write the letter to. Leave it out to print the letter.")
    base = Path(out)
    paths = [base if len(texts) == 1 else base.with_name(f"{base.stem}-{name}{base.suffix or '.txt'}") for name in texts]
    if there := [path for path in paths if path.exists() or path.is_symlink()]:
        raise ParameterError(f"{there[0]}: this file is there already, and is left as it is. Choose another name with --out.")
    for path, text in zip(paths, texts.values(), strict=True):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise ParameterError(f"{path}: this can't be written ({error.strerror}). Choose another file with --out.") from None
    return tuple(paths)


def _others(name: str, missing: Iterable[str]) -> tuple[Other, ...]:
    """Name the columns that would do in place of one; none, if some question needs that one and no other."""
    groups = [need.split("|") for need in missing if name in need.split("|")]
    if [name] in groups:
        return ()
    return tuple(Other(other, OWNERS[other.partition(".")[0]]) for group in groups for other in group if other != name)


def _also(schema: TableSchema, columns: tuple[AskedColumn, ...]) -> tuple[Field, ...]:
    """Columns that every row must have, but for those that whoever enters it makes: its own id, the contest and the source."""
    made = {"contest_id", "source_id", "link_level"} | {item.field.name for item in columns}
    made |= set(schema.primary_key if len(schema.primary_key) == 1 else ())
    return tuple(field for field in schema.fields if field.is_required and field.name not in made)


def _written(template: str, case: Case, **values: Any) -> str:
    text = _environment().get_template(template).render(
        package=case.package.name, contest_id=case.contest_id, contest=case.contest, **values
    )  # fmt: skip
    return "\n".join(_wrapped(line) for line in text.splitlines()).strip() + "\n"


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=False, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, finalize=lambda value: on_one_line(value) if type(value) is str else value,
    )  # fmt: skip
    environment.filters |= {"form": form, "meaning": _meaning}
    return environment


def _meaning(field: Field) -> str:
    """What a column is, without how to write it in our tables: that is its form."""
    return field.description.partition(" Write it as")[0]


def _wrapped(line: str) -> str:
    """Break a long line, further lines set under its first word."""
    start = len(line) - len(line.lstrip())
    hanging = start + (2 if line.lstrip().startswith("- ") else 0)
    return textwrap.fill(
        line, WIDTH, subsequent_indent=" " * hanging, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    ) if line.strip() else ""  # fmt: skip
