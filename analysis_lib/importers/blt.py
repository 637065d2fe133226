"""Ballot files of the BLT form (Hill, Wichmann and Woodall 1987), with what OpenSTV and OpaVote added to it.

A line each: candidates and seats; candidates who withdrew, as "-3 -5"; the ballots, as "2 4 1=3 - 5 0": how many
are alike, the candidate ranked first, two ranked second alike, nobody third, one fourth, and 0; a line "0"; the names
in the order of their numbers; the title. An identifier in brackets may stand before a ballot. A # begins a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from analysis_lib.faults import WARNING, Fault, row_faults
from analysis_lib.importers.plain_text import decoded, file_fault, refused, text_lines, text_table
from analysis_lib.importers.raw import Read

MOST_CANDIDATES = 10_000
MOST_ROWS = 5_000_000  # ballots times ranks: a count of a million equal ballots is a slip of the hand, or an attack
_NUMBER = re.compile(r"[0-9]{1,9}")
_WITHDRAWN = re.compile(r"-[0-9]{1,9}( -[0-9]{1,9})*")
_BALLOT = re.compile(r"(?:\((?P<id>[^()]*)\) ?)?(?P<alike>[0-9]{1,9})(?P<ranks>(?: (?:[0-9]{1,9}(?:=[0-9]{1,9})*|-))*) 0")
_NAME = re.compile(r'"(.*)"')
_LIKE_A_BALLOT = re.compile(r"\(|[0-9]+( |$)")  # how a line begins that is no name, unless it is quoted
_FORM = 'lines of a ballot file: "candidates seats", ballots as "1 3 2=4 - 0", a line 0, the names and the title'
_FIX = "Ask for the ballot file again, or mend the line and note what was changed."
BALLOT_COLUMNS = ("ballot", "ballot_id", "alike", "rank", "candidate", "candidate_name")


@dataclass
class _File:
    """What has been read so far."""

    file: str
    seats: str = ""
    n_candidates: int = 0
    withdrawn: set[int] = field(default_factory=set)
    ballots: list[tuple[int, str, int, tuple[tuple[int, ...], ...]]] = field(default_factory=list)  # line, id, alike, ranks
    names: list[tuple[int, str]] = field(default_factory=list)  # line, name
    bad: list[tuple[int, str]] = field(default_factory=list)  # line, what was found
    n_rows: int = 0


def _without_comment(line: str) -> str:
    """Take off a comment; a # between quotation marks is none."""
    is_quoted = False
    for place, char in enumerate(line):
        if char == '"':
            is_quoted = not is_quoted
        elif char == "#" and not is_quoted:
            return line[:place]
    return line


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text_lines(text), start=1):
        plain = _without_comment(line).strip()
        if plain:
            yield number, plain if plain.startswith('"') else " ".join(plain.split())


def _ballot(state: _File, number: int, line: str) -> None:
    match = _BALLOT.fullmatch(line)
    if not match:
        ends = "" if line.split()[-1] == "0" else ", and it doesn't end in 0"
        state.bad.append((number, f"the line isn't a ballot{ends}"))
        return
    alike = int(match["alike"])
    ranks = tuple(
        () if part == "-" else tuple(int(candidate) for candidate in part.split("=")) for part in match["ranks"].split()
    )
    marked = [candidate for rank in ranks for candidate in rank]
    state.n_rows += alike * max(1, sum(max(1, len(rank)) for rank in ranks))
    if not alike:
        state.bad.append((number, "it stands for no ballots"))
    elif any(not 1 <= candidate <= state.n_candidates for candidate in marked):
        state.bad.append((number, f"it ranks a candidate that isn't one of 1 to {state.n_candidates:,}"))
    elif len(set(marked)) < len(marked):
        state.bad.append((number, "it ranks a candidate twice"))
    else:
        state.ballots.append((number, (match["id"] or "").strip(), alike, ranks))


def _parsed(text: str, state: _File) -> Fault | None:
    lines = _lines(text)
    number, line = next(lines, (1, ""))
    head = line.split()
    if len(head) != 2 or not all(_NUMBER.fullmatch(word) for word in head) or not 1 <= int(head[0]) <= MOST_CANDIDATES:
        found = "it doesn't begin with the numbers of candidates and seats"
        if len(head) > 2:
            found += " on a line of their own"
        return Fault(file=state.file, row=number, found=found, expected=_FORM, remedy=_FIX, rule="blt_head")
    state.n_candidates, state.seats = int(head[0]), head[1]
    for number, line in lines:
        if line == "0":
            break
        if _WITHDRAWN.fullmatch(line) and not state.ballots:
            named = {int(word[1:]) for word in line.split()}
            state.withdrawn |= {candidate for candidate in named if 1 <= candidate <= state.n_candidates}
            if named - state.withdrawn:
                state.bad.append((number, f"it withdraws a candidate that isn't one of 1 to {state.n_candidates:,}"))
        else:
            _ballot(state, number, line)
        if state.n_rows > MOST_ROWS:
            found = f"up to this line the ballots have more than {MOST_ROWS:,} rankings"
            return Fault(file=state.file, row=number, found=found, expected=_FORM, remedy=_FIX, rule="too_big")
    else:
        found = "the line 0 that ends the ballots isn't there: the file is cut short"
        return file_fault(state.file, found, _FORM, _FIX, "blt_end")
    for number, line in lines:
        match = _NAME.fullmatch(line)
        if not match and _LIKE_A_BALLOT.match(line):
            state.bad.append((number, "a ballot, or what was one, stands after the line 0 that ends the ballots"))
        else:
            state.names.append((number, match[1] if match else line))
    return None


def _faults(state: _File) -> list[Fault]:
    common = Fault(file=state.file, found="", expected=_FORM, remedy=f"The line is left out. {_FIX}", rule="blt_line")
    bad = pl.Series([line for line, _ in state.bad], dtype=pl.Int64)
    faults = row_faults(common, bad, lambda place: {"found": state.bad[place][1]})
    n_expected = state.n_candidates + 1
    if len(state.names) != n_expected:
        found = f"after the ballots there are {len(state.names):,} names and titles"
        expected = f"the names of {state.n_candidates:,} candidates and a title"
        fault = file_fault(state.file, found, expected, "Names that are missing stay empty. " + _FIX, "blt_names")
        faults.append(fault)
    ids = [ballot_id for _, ballot_id, _, _ in state.ballots if ballot_id]
    if len(set(ids)) < len(ids):
        found = f"{len(ids) - len(set(ids)):,} identifiers of ballots stand there more than once"
        remedy = "Ask what the identifiers mean; the ballots are kept."
        faults.append(
            Fault(file=state.file, found=found, expected="each identifier once", remedy=remedy, severity=WARNING, rule="blt_ids")
        )
    return faults


def _ballot_rows(state: _File, names: list[str]) -> tuple[list[dict[str, str]], list[int]]:
    rows, numbers = [], []
    for place, (line, ballot_id, alike, ranks) in enumerate(state.ballots, start=1):
        for copy in range(1, alike + 1):
            about = {"ballot": f"{place}.{copy}" if alike > 1 else f"{place}", "ballot_id": ballot_id, "alike": f"{alike}"}
            for rank, candidates in enumerate(ranks or ((),), start=1):
                for candidate in candidates or (0,):
                    named = {"candidate": f"{candidate}", "candidate_name": names[candidate - 1]} if candidate else {}
                    rows.append(about | {"rank": f"{rank}"} | named)
                    numbers.append(line)
    return rows, numbers


def read(data: bytes, file: str) -> Read:
    """Read the tables ballots, candidates and contest; the row of each is its line in the file.

    A count before a ballot is read as so many equal ballots, numbered 12.1, 12.2 and so on. Where votes have weights
    (delegates, shares) the file can't tell weights from counts, so ask. A rank at which nobody stands, and an empty
    ballot's first rank, is a row without a candidate. Ranks of candidates who withdrew are kept as they were given.

    Parameters
    ----------
    data : bytes
        The file.
    file : str
        Its name, for messages.
    """
    text = decoded(data, file, "a ballot file (BLT)")
    if isinstance(text, Fault):
        return refused(text)
    state = _File(file)
    if fault := _parsed(text[0], state):
        return Read((), (fault,), text[1])
    names = [name for _, name in state.names[: state.n_candidates]]
    lines = [line for line, _ in state.names[: state.n_candidates]]
    lacking = state.n_candidates - len(names)
    names += [""] * lacking
    lines += [1] * lacking  # a name that isn't there: the line that says how many there are
    candidates = [
        {"candidate": f"{number}", "candidate_name": name, "withdrawn": "true" if number in state.withdrawn else "false"}
        for number, name in enumerate(names, start=1)
    ]
    title = state.names[state.n_candidates][1] if len(state.names) > state.n_candidates else ""
    contest = {
        "title": title,
        "seats": state.seats,
        "n_candidates": f"{state.n_candidates}",
        "n_ballots": f"{sum(alike for _, _, alike, _ in state.ballots)}",
    }
    tables = (
        text_table("ballots", file, *_ballot_rows(state, names), BALLOT_COLUMNS),
        text_table("candidates", file, candidates, lines),
        text_table("contest", file, [contest], [1]),
    )
    return Read(tables, tuple(_faults(state)), text[1])
