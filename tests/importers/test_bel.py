"""A Belenios archive is followed event by event; wherever the chain breaks, the member and the reason are named."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import time
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reads import is_sound, table, told
from tiny_package import STEADY

from analysis_lib.importers.bel import read, read_records

# SHA-256 of "abc": FIPS 180-2, appendix B.1.
SHA_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def hashed(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


@dataclass
class Archive:
    """A made-up archive, built the way the server does: each event after what it is about."""

    members: list[tuple[str, bytes]] = field(default_factory=lambda: [("BELENIOS", b'{"version":1,"timestamp":1930000000}')])
    parent: str = ""
    height: int = 0

    def data(self, body: bytes) -> str:
        self.members.append((f"{hashed(body)}.data.json", body))
        return hashed(body)

    def event(self, kind: str, payload: str = "", **changes: object) -> Archive:
        event = {"parent": self.parent or None, "height": self.height, "type": kind, "payload": payload or None} | changes
        body = json.dumps({key: value for key, value in event.items() if value is not None}).encode()
        self.members.append((f"{hashed(body)}.event.json", body))
        self.parent = hashed(body)
        self.height += 1
        return self

    def ballot(self, credential: str, vote: str) -> Archive:
        return self.event("Ballot", self.data(json.dumps({"credential": credential, "answers": [vote]}).encode()))

    def written(self) -> bytes:
        """The bytes, by Python's own writer of tar files: another road than the reader's."""
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for name, body in self.members:
                about = tarfile.TarInfo(name)
                about.size = len(body)
                tar.addfile(about, io.BytesIO(body))
        return file.getvalue()


def made_up() -> Archive:
    archive = Archive()
    archive.event("Setup", archive.data(b'{"election":"..."}'))
    archive.ballot("cred-a", "x" * 2000).ballot("cred-b", "y").ballot("cred-a", "z")
    archive.event("EndBallots")
    return archive.event("EncryptedTally", archive.data(b"{}")).event("Result", archive.data(b'{"result":[1,1]}'))


def test_a_whole_archive_holds_together():
    made = read(made_up().written(), "u.bel")
    assert not made.faults
    events = table(made, "events")
    assert events.cells["type"].to_list() == ["Setup", "Ballot", "Ballot", "Ballot", "EndBallots", "EncryptedTally", "Result"]
    assert events.cells["height"].to_list() == [str(height) for height in range(7)]
    assert events.cells["credential"].to_list() == ["", "cred-a", "cred-b", "cred-a", "", "", ""]
    assert events.cells["parent"].to_list() == ["", *events.cells["event"].to_list()[:-1]]
    for column in ("parent_ok", "height_ok", "payload_ok", "hash_ok"):
        assert set(events.cells[column]) == {"true"}
    assert events.rows.to_list() == [3, 5, 7, 9, 10, 12, 14]


def test_names_are_sha_256():
    archive = Archive()
    archive.members.append((f"{SHA_ABC}.data.json", b"abc"))
    assert not read(archive.event("Setup", SHA_ABC).written(), "u.bel").faults


def test_the_server_writes_no_end_and_that_is_no_fault():
    data = made_up().written().rstrip(b"\0")
    padded = data + b"\0" * (-len(data) % 512)
    assert table(read(padded, "u.bel"), "events").cells.equals(table(read(made_up().written(), "u.bel"), "events").cells)
    assert not read(padded, "u.bel").faults


def broken(change: str) -> bytes:
    archive = made_up()
    names = [name for name, _ in archive.members]
    events = [place for place, name in enumerate(names) if name.endswith(".event.json")]
    match change:
        case "ballot taken out":  # the third event and its ballot
            del archive.members[events[2] - 1 : events[2] + 1]
        case "events swapped":
            archive.members[events[1]], archive.members[events[2]] = archive.members[events[2]], archive.members[events[1]]
        case "ballot altered":
            archive.members[events[1] - 1] = (names[events[1] - 1], b"{}")
        case "event altered":
            archive.members[events[1]] = (names[events[1]], archive.members[events[1]][1].replace(b'"Ballot"', b'"Result"'))
        case "payload of an end":
            archive.event("EndShuffles", hashed(b"{}"))
        case "new kind":
            archive.event("Reopened", hashed(b"{}"))
        case "other name":
            archive.members.append(("notes.txt", b"hello"))
        case "no event":
            archive.members = archive.members[:2]
        case "not JSON":
            archive.members.append((f"{hashed(b'[')}.event.json", b"["))
    return archive.written()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("ballot taken out", "column parent_ok, row 7: its parent isn't the event before it: the chain is broken here"),
        ("ballot taken out", "column height_ok, row 7: its height isn't one more than that of the event before it"),
        ("events swapped", "column parent_ok, row 5: its parent isn't"),
        ("events swapped", "column payload_ok, row 5: what it is about isn't in the archive before it"),
        ("ballot altered", "row 4: this member's name isn't the SHA-256 of what it holds"),
        ("ballot altered", "column payload_ok, row 5: what it is about isn't in the archive before it"),
        ("event altered", "column hash_ok, row 5: the event's name isn't the SHA-256 of what it holds"),
        ("event altered", "column parent_ok, row 7: its parent isn't the event before it"),
        (
            "payload of an end",
            "column payload_ok, row 15: what it is about isn't in the archive before it, or shouldn't be named",
        ),
        ("new kind", "column type, row 15: the type is a value of 8 characters (letters). Expected one of Setup, Ballot"),
        ("other name", "row 15: this member has a name that Belenios doesn't give. Expected a Belenios archive"),
        ("no event", "there is no event in it"),
        ("not JSON", "column parent_ok, row 15"),
    ],
)
def test_wherever_it_breaks_it_is_said(change, said):
    made = read(broken(change), "u.bel")
    assert said in told(made.faults)
    assert "cred-" not in told(made.faults)
    assert is_sound(made)


def test_an_archive_that_is_cut_short():
    whole = made_up().written().rstrip(b"\0")
    made = read(whole[:-30], "u.bel")
    assert "warning bel_member | u.bel, row 14: this member is cut short: the archive doesn't end here" in told(made.faults)
    assert table(made, "events").cells["hash_ok"].to_list()[-1] == "false"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it doesn't begin with a member BELENIOS. Expected a Belenios archive"),
        (b"PK\x03\x04", "it doesn't begin with a member BELENIOS"),
        (Archive(members=[("notes.txt", b"x")]).written(), "it doesn't begin with a member BELENIOS"),
        (Archive(members=[("BELENIOS", b'{"version":2}')]).written(), "its version isn't 1. Expected version 1 of the archive"),
        (Archive(members=[("BELENIOS", b"{}")]).written(), "its first member has no version"),
    ],
)
def test_what_is_no_archive(data, said):
    made = read(data, "u.bel")
    assert said in told(made.faults)
    assert not made.tables


def test_the_list_of_who_voted():
    made = read_records(b'2023-11-20T21:14:03 ann\n"2023-11-20 21:15:00.123456" "b c@example.org"\nnone\n', "records.txt")
    records = table(made, "records")
    assert records.cells.rows() == [("2023-11-20T21:14:03", "ann"), ("2023-11-20 21:15:00.123456", "b c@example.org")]
    assert records.rows.to_list() == [1, 2]
    assert "records.txt, row 3: the line is a value of 4 characters (letters)" in told(made.faults)


def test_a_long_line_takes_no_long_time():
    start = time.perf_counter()
    read_records(b"2023-11-20T21:14:03 " + b"a " * 49_000 + b'""', "records.txt")
    assert time.perf_counter() - start < 2  # a few milliseconds; minutes where every way to part the line is tried


@STEADY
@given(st.binary(), st.integers(0, 20_000), st.binary(min_size=1, max_size=40))
def test_any_bytes_give_events_or_faults(data, place, patch):
    assert is_sound(read(data, "u.bel"))
    whole = made_up().written()
    made = read(whole[:place] + patch + whole[place + len(patch) :], "u.bel")
    assert is_sound(made)
    assert is_sound(read_records(data, "r.txt"))


@STEADY
@given(st.data())
def test_no_byte_of_a_member_can_be_changed_unseen(data):
    """Each byte of a body: either its member's name, or what follows, no longer fits."""
    whole = bytearray(made_up().written())
    with tarfile.open(fileobj=io.BytesIO(bytes(whole))) as tar:
        bodies = [(one.offset_data, one.size) for one in tar.getmembers()[1:]]
    start, size = data.draw(st.sampled_from(bodies))
    place = start + data.draw(st.integers(0, size - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    assert read(bytes(whole), "u.bel").faults
