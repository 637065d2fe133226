"""Whole exports to begin with: the examples of every platform, and a few made here for formats without one."""

from __future__ import annotations

import io
import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import platform_cases as cases
from openpyxl import Workbook

from analysis_lib.errors import ForensicsError
from analysis_lib.importers import formats
from analysis_lib.importers.mapping import MAPPINGS, find_mapping
from analysis_lib.importers.pseudonyms import CaseKey
from analysis_lib.importers.register import Options

KEY = CaseKey(bytes(range(32)))
TAKEN = "2031-03-10T09:00:00Z"
_OPTIONS = {"--timezone": "timezone", "--server-zone": "server_zone", "--rows-of": "rows_of", "--as": "kind_of_file"}

ROLL = (
    "Membership number,E-mail,Telephone,Address,First name,Last name,Branch,Entitled,Taken at\n"
    "0017,ada.bell@members.example,07700 900123,1 Mill Lane,Ada,Bellweather,North,yes,2031-03-01T09:00:00Z\n"
    "0018,ben.cole@members.example,,2 Mill Lane,Ben,Colebrook,South,no,2031-03-01T09:00:00Z\n"
    "0017,ada.b@members.example,07700 900123,1 Mill Lane,Ada,Bellweather,North,yes,2031-03-05T09:00:00Z\n"
    "0019,,07700 900125,,Cora,Deansgate,South,,2031-03-05T09:00:00Z\n"
)
EVENTS = (
    "commit,committed_utc,event,voter,has_address\n"
    "a1,2031-01-01T09:00:00+00:00,add_voter,V1,1\na1,2031-01-01T09:00:00+00:00,add_voter,V2,0\n"
    "a2,2031-01-03T09:00:00+00:00,set_address,V2,\na3,2031-01-04T09:00:00+00:00,remove_voter,V1,\n"
    "a4,2031-01-05T09:00:00+00:00,add_voter,V3,1\na5,2031-01-06T09:00:00+00:00,change_address,V3,\n"
)
LIST = (
    "Member ID,E-mail,Branch,Voted at,First name,Last name,Remarks\n"
    "00121,ann.leeming@members.example,North,08/03/2031 19:30,Ann,Leeming,\n00131,,South,,Bo,Ngata,x\n"
    "00141,cy.nashville@members.example,South,14/03/2031 20:01,Cy,Nashville,\n"
)
LOG = {
    "@type": "EventLogging.ElectionEventLog",
    "GeneratedTime": "2031-03-08T22:00:00Z",
    "ElectionId": "vale",
    "Device": [
        {
            "@type": "EventLogging.Device", "Id": "D1", "Type": "ems",
            "Event": [
                {"Id": "e1", "Sequence": "1", "TimeStamp": "2031-03-08T09:00:00Z", "Type": "open", "Disposition": "success"},
                {"Id": "e2", "Sequence": "2", "TimeStamp": "2031-03-08T20:00:00Z", "Type": "close", "Disposition": "na", "UserId": "u7"},
            ],
        }
    ],
}  # fmt: skip
NIST = """
platform = "nist_log"
title = "Event log"
[clocks.server]
zone = "UTC"
[[files]]
name = "log"
title = "event log"
format = "nist_log"
needs = ["Id", "TimeStamp"]
[files.personal]
officer = ["UserId"]
[[files.rows]]
table = "admin_actions"
id = ["Device.Id", "Id"]
columns.at = { from = "TimeStamp", time = "iso", clock = "server" }
columns.seq = { from = "Sequence" }
columns.actor_role = "system"
columns.actor_key = { from = "UserId", key = "officer" }
columns.action = { from = "Type", map = { open = "contest_opened", close = "contest_closed" }, default = "other" }
columns.disposition = { from = "Disposition", map = { success = "success", failure = "failure", na = "na", other = "other" } }
"""


@dataclass(frozen=True)
class Seed:
    """One import that goes well: the first of `files` is the one about which it is; `secret` may stand in no message."""

    platform: str
    files: tuple[tuple[str, bytes], ...]
    options: Options
    secret: tuple[str, ...] = ()

    @property
    def taken_at(self) -> str:
        return self.options.taken_at if isinstance(self.options.taken_at, str) else self.options.taken_at[0]


def _options(arguments: list[str]) -> Options:
    chosen = {_OPTIONS[flag]: text for flag, text in zip(arguments[::2], arguments[1::2], strict=True) if flag in _OPTIONS}
    return Options(**({"timezone": "Europe/London", "taken_at": TAKEN} | chosen))


def _secret(whole: str, listed: tuple[str, ...]) -> tuple[str, ...]:
    """Names and addresses that stand in these files; short ones and bare numbers may be anything."""
    found = [text for pattern in cases._PERSONAL for text in re.findall(pattern, whole)]
    found += [text for text in listed if text.casefold() in whole.casefold()]
    return tuple(dict.fromkeys(text for text in found if len(text) > 6))


def _of_case(name: str) -> dict[str, list[Seed]]:
    """Every file of a platform's steps with those of its step that it is joined with."""
    case = cases.platform_case(name)
    made: dict[str, list[Seed]] = {}
    for step in case.steps:
        platform = step.get("platform", name)
        place = str((case.folder / platform).resolve()) if platform.endswith(".toml") else platform
        mapping = find_mapping(place)
        options = _options(step.get("arguments", []))
        files = {each: (case.folder / each).read_bytes() for each in step["files"]}
        for each, data in files.items():
            try:
                found = formats.recognise(data, Path(each).name, mapping, options.kind_of_file)
            except ForensicsError:
                continue
            needed = [other for other in files if other != each] if any(part.file.join for part in found.parts) else []
            chosen = tuple((Path(one).name, files[one]) for one in [each, *needed])
            whole = "\n".join(data.decode("utf-8", "replace") for _, data in chosen)
            made.setdefault(Path(platform).stem, []).append(Seed(place, chosen, options, _secret(whole, case.personal)))
    return made


def workbook(text: str) -> bytes:
    book = Workbook()
    page = book.active
    for line in text.splitlines():
        page.append(line.split(","))
    page.append(["Total", 3])
    book.create_sheet("Hidden").append(["x"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


_FOLDER = tempfile.TemporaryDirectory()  # kept until the end


@cache
def _own_mapping() -> str:
    place = Path(_FOLDER.name) / "nist_log.toml"
    place.write_text(NIST, encoding="utf-8")
    return str(place)


def _made_here() -> Mapping[str, list[Seed]]:
    options = Options(timezone="Europe/London", taken_at=TAKEN, server_zone="Europe/London")
    history = [
        {"path": "voters.json", "is_shallow": False},
        {
            "commit": "a" * 40,
            "at": "2031-01-01T09:00:00+00:00",
            "roll": json.dumps({"v1": {"email": "ada.bell@members.example"}, "v2": {}}),
        },
        {
            "commit": "b" * 40,
            "at": "2031-01-03T09:00:00+00:00",
            "roll": json.dumps({"v1": {"email": "ada.b@members.example"}, "v3": {}}),
        },
    ]
    lines = "".join(json.dumps(line) + "\n" for line in history).encode()
    template = str(MAPPINGS / "template.toml")
    persons = ("ann.leeming@members.example", "cy.nashville@members.example", "Leeming", "Nashville")
    members = ("ada.bell@members.example", "ben.cole@members.example", "07700 900123", "1 Mill Lane", "Bellweather", "Colebrook")
    return {
        "roll_copies": [Seed("roll_copies", (("list.csv", ROLL.encode()),), options, members)],
        "roll_events": [Seed("roll_events", (("events.csv", EVENTS.encode()),), options)],
        "git_roll": [
            Seed("git_roll", (("history.jsonl", lines),), options, ("ada.bell@members.example", "ada.b@members.example"))
        ],
        "template": [Seed(template, (("list.csv", LIST.encode()),), options, persons)],
        "spreadsheet": [Seed(template, (("list.xlsx", workbook(LIST)),), options, persons)],
        "nist_log": [Seed(_own_mapping(), (("log.json", json.dumps(LOG).encode()),), options)],
    }


MADE_HERE = ("git_roll", "nist_log", "roll_copies", "roll_events", "spreadsheet", "template")


def names() -> tuple[str, ...]:
    """Name every importer with exports to damage, without reading them."""
    return tuple(sorted({*cases.CASES, *MADE_HERE}))


@cache
def seeds() -> Mapping[str, list[Seed]]:
    """Give the exports of every importer, by its name."""
    whole: dict[str, list[Seed]] = dict(_made_here())
    for name in cases.CASES:
        for platform, made in _of_case(name).items():
            if platform in (name, *whole):
                whole.setdefault(platform, []).extend(made)
            else:
                whole.setdefault("template", []).extend(made)
    return dict(sorted(whole.items()))
