"""The public archive of a Belenios election (UUID.bel): its events, and whether each truly follows the one before.

The archive is a row of members with tar headers: first BELENIOS, then <hash>.data.json and <hash>.event.json, where the
hash is the SHA-256 of the member. An event names the hash of the event before it (`parent`), its place (`height`) and
the hash of what it is about (`payload`). There are no times in it: all members carry that of the archive.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from analysis_lib.faults import WARNING, Fault, described, row_faults
from analysis_lib.importers.plain_text import file_fault, refused, text_table
from analysis_lib.importers.raw import Read
from analysis_lib.importers.structured import parsed, read_lines

BLOCK = 512
KINDS = ("Setup", "Ballot", "EndBallots", "EncryptedTally", "Shuffle", "EndShuffles", "PartialDecryption", "Result")
WITHOUT_PAYLOAD = ("EndBallots", "EndShuffles")
COLUMNS = ("height", "type", "event", "parent", "payload", "parent_ok", "height_ok", "payload_ok", "hash_ok", "credential")
_MEMBER = re.compile(r"([0-9a-f]{64})\.(data|event)\.json")
_RECORD = r'"?(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?Z?)"? "?(?P<username>[^" ][^"]*)"?'
_EXPECTED = "a Belenios archive: BELENIOS first, then members named after their SHA-256"
_FIX = "Get the archive again from the election's page, and ask the server's keeper if it is still so."


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    body: bytes
    is_whole: bool


def _members(data: bytes) -> Iterator[_Member]:
    """Part the archive by its headers; of one that can't be read or is cut short, give what there is and stop."""
    place = 0
    while place < len(data):
        head = data[place : place + BLOCK]
        if not head.strip(b"\0"):
            return  # tar ends in empty blocks; Belenios writes none
        size = head[124:135].strip(b"\0 ")
        if len(head) < BLOCK or not re.fullmatch(rb"[0-7]+", size):
            yield _Member("", head, False)
            return
        length = int(size, 8)
        body = data[place + BLOCK : place + BLOCK + length]
        yield _Member(head[:100].partition(b"\0")[0].decode("ascii", "replace"), body, len(body) == length)
        place += BLOCK + -(-length // BLOCK) * BLOCK


def _json_object(body: bytes) -> dict[str, object]:
    """Parse a member; whatever isn't a JSON object is an empty one."""
    try:
        made = parsed(body.decode("utf-8"))
    except ValueError:
        return {}
    return made if isinstance(made, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) and value.isascii() and value.isprintable() else ""


def _flag(is_so: bool) -> str:
    return "true" if is_so else "false"


def _events(members: list[_Member]) -> tuple[list[dict[str, str]], list[int]]:
    """Follow the chain; each row says what holds of the event and what doesn't. The numbers are places in the archive."""
    held: dict[str, bytes] = {}
    rows: list[dict[str, str]] = []
    numbers = []
    before = ""
    for number, member in enumerate(members, start=1):
        true_hash = hashlib.sha256(member.body).hexdigest()
        match = _MEMBER.fullmatch(member.name)
        if not match or match[2] == "data":
            held[true_hash] = member.body
            continue
        event = _json_object(member.body)
        kind, payload, parent = (_text(event.get(name)) for name in ("type", "payload", "parent"))
        ballot = _json_object(held.get(payload, b"")) if kind == "Ballot" else {}
        has_payload = "payload" not in event if kind in WITHOUT_PAYLOAD else payload in held
        row = {
            "height": _text(event.get("height")),
            "type": kind,
            "event": true_hash,
            "parent": parent,
            "payload": payload,
            "parent_ok": _flag(parent == before),
            "height_ok": _flag(event.get("height") == str(len(rows))),
            "payload_ok": _flag(has_payload),
            "hash_ok": _flag(match[1] == true_hash),
            "credential": _text(ballot.get("credential")),
        }
        rows.append(row)
        numbers.append(number)
        before = true_hash
    return rows, numbers


def _chain_faults(file: str, cells: pl.DataFrame, rows: pl.Series) -> list[Fault]:
    told = {
        "hash_ok": ("the event's name isn't the SHA-256 of what it holds", "a name made from the content"),
        "parent_ok": ("its parent isn't the event before it: the chain is broken here", "the hash of the event before it"),
        "height_ok": ("its height isn't one more than that of the event before it", "heights from 0, rising by one"),
        "payload_ok": ("what it is about isn't in the archive before it, or shouldn't be named", "its payload before it"),
    }
    faults = []
    for column, (found, expected) in told.items():
        common = Fault(file=file, column=column, found=found, expected=expected, remedy=_FIX, severity=WARNING, rule="bel_chain")
        faults += row_faults(common, rows.filter(cells[column] == "false"), lambda _: {})
    is_odd = ~cells["type"].is_in(KINDS)
    odd = cells["type"].filter(is_odd)
    common = Fault(
        file=file,
        column="type",
        found="",
        expected="one of " + ", ".join(KINDS),
        remedy="It may be of a later version; it is kept as it is.",
        severity=WARNING,
        rule="bel_type",
    )
    return faults + row_faults(common, rows.filter(is_odd), lambda place: {"found": f"the type is {described(odd[place])}"})


def _member_faults(file: str, members: list[_Member]) -> list[Fault]:
    """List members with another name than the hash of what they hold, and an end that is cut off."""
    bad: list[tuple[int, str]] = []
    for number, member in enumerate(members[1:], start=2):
        match = _MEMBER.fullmatch(member.name)
        if not member.is_whole:
            bad.append((number, "this member is cut short: the archive doesn't end here"))
        elif not match:
            bad.append((number, "this member has a name that Belenios doesn't give"))
        elif match[2] == "data" and hashlib.sha256(member.body).hexdigest() != match[1]:
            bad.append((number, "this member's name isn't the SHA-256 of what it holds"))
    common = Fault(file=file, found="", expected=_EXPECTED, remedy=_FIX, severity=WARNING, rule="bel_member")
    return row_faults(common, pl.Series([row for row, _ in bad], dtype=pl.Int64), lambda place: {"found": bad[place][1]})


def read(data: bytes, file: str) -> Read:
    """Read the table events, one row an event; its number counts the archive's members, BELENIOS being the first.

    An archive that was altered and hashed anew throughout holds together all the same: only a copy that somebody took
    before, or a voter's own receipt, shows that. `credential` is the public one of a ballot; of several ballots with
    one credential the last counts.
    """
    members = list(_members(data))
    if not members or members[0].name != "BELENIOS":
        return refused(file_fault(file, "it doesn't begin with a member BELENIOS", _EXPECTED, _FIX, "bel"))
    version = _json_object(members[0].body).get("version")
    if version != "1":
        found = "its version isn't 1" if version else "its first member has no version"
        return refused(file_fault(file, found, "version 1 of the archive", "Ask for an importer of this version.", "bel"))
    faults = _member_faults(file, members)
    records, places = _events(members)
    if not records:
        return Read((), (*faults, file_fault(file, "there is no event in it", _EXPECTED, _FIX, "empty")))
    table = text_table("events", file, records, places, COLUMNS)
    return Read((table,), (*faults, *_chain_faults(file, table.cells, table.rows)))


def read_records(data: bytes, file: str) -> Read:
    """Read the list of who voted and when, one line each: the last vote of each, in the order of user names.

    The text download leaves out the Z of its times, which are UTC.
    """
    return read_lines(data, file, pattern=_RECORD, name="records")
