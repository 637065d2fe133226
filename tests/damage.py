"""Ways in which an export goes wrong: in its cells, rows and columns, its words, its structure, its encoding, its bytes."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

HOSTILE = (
    "", " ", "\u00a0", "0", "-1", "+1", "1e309", "NaN", "Infinity", "9" * 400, "1E+05", "1,234", "1.234,5", "0x10", "1_000", "²", "१२३",
    "１２３", "true", "TRUE", "N/A", "NULL", "#REF!", "=1+1", "=cmd|' /C calc'!A0", "@", "x@y", "<script>alert(1)</script>", "'; DROP TABLE roll",
    "{", "{}", "[]", '{"email":', '{"email": ["a", {}]}', '"', '""', "'", "\\", "\\u0000", ",", ";", "\t", "|", "\r", "\n", "a\r\nb", "\x0b",
    "\x1c", "\x1f", "\x85", "\u2028", "\ufeff", "\u202eabc", "\u200b", "e\u0301", "\ufffd", "😀", "ß", "İ", "ǅ", "a" * 700, "a," * 400,
    "0000-00-00 00:00:00", "0001-01-01", "1899-12-30", "1980-01-01 00:00:00", "9999-12-31T23:59:59+14:00", "0001-01-01T00:00:00+14:00",
    "2031-03-30 01:30:00", "2031-10-26 01:30:00", "2031-02-30 10:00:00", "2031-03-08T20:00:00.123456789Z", "2031-03-08T25:00:00Z",
    "2031-03-08 20:00:00 +99:99", "12/13/2031", "13/12/2031", "3/3/31 9:5", "08/03/2031 13:00 PM", "Sat Mar 08 20:00:00 2031", "45000.5", "99999.5",
    "-62135596800", "253402300800000", "99999999999999999", "1.5e3", "20310308200000", "Total", "ns1:x", "1=2=3", "-", "- -", "(x)", "0 0", "%s{}$1",
    "\ud800",
)  # fmt: skip
LINE_ENDS = ("\n", "\r\n", "\r")
ENCODINGS = ("cp1252", "utf-16", "utf-16-le", "utf-8-sig", "latin-1", "utf-32")


def hostile(rng: Random) -> str:
    """Give a text that some reader somewhere stumbles over."""
    return (
        rng.choice(HOSTILE)
        if rng.random() < 0.9
        else "".join(chr(rng.choice((rng.randrange(128), rng.randrange(0x3000)))) for _ in range(9))
    )


def _write(rows: list[list[str]], rng: Random) -> str:
    out = io.StringIO(newline="")
    usual = rng.random() < 0.85
    ends = "\n" if usual else rng.choice(LINE_ENDS)
    csv.writer(out, delimiter="," if usual else rng.choice(",;\t|"), lineterminator=ends).writerows(rows)
    return out.getvalue()


def _cells(rows: list[list[str]], rng: Random) -> None:
    row = rng.choice(rows[1:] or rows)
    if row:
        row[rng.randrange(len(row))] = hostile(rng)


def _whole_column(rows: list[list[str]], rng: Random) -> None:
    place, text = rng.randrange(max(1, len(rows[0]))), hostile(rng)
    for row in rows[1:]:
        if place < len(row):
            row[place] = text


def _rows(rows: list[list[str]], rng: Random) -> None:
    place = rng.randrange(len(rows))
    match rng.randrange(6):
        case 0:
            rows.insert(place, list(rows[place]))
        case 1 if place:
            del rows[place]
        case 2:
            rows.insert(rng.randrange(len(rows) + 1), [""] * rng.randrange(len(rows[0]) + 2))
        case 3:
            rows.append([rng.choice(("Total", "Sum:", "totals")), *[str(rng.randrange(99)) for _ in rows[0][1:]]])
        case 4:
            rows.insert(0, ["List of Vale"] + [""] * rng.randrange(3))
        case _:
            rows[1:] = rng.sample(rows[1:], len(rows) - 1)


def _width(rows: list[list[str]], rng: Random) -> None:
    row = rng.choice(rows[1:] or rows)
    if rng.random() < 0.5:
        row.insert(rng.randrange(len(row) + 1), hostile(rng))
    elif row:
        del row[rng.randrange(len(row))]


def _columns(rows: list[list[str]], rng: Random) -> None:
    width = len(rows[0])
    place, other = rng.randrange(width), rng.randrange(width)
    kind = rng.randrange(5)
    if kind == 0:
        rows[0][place] = rng.choice((f" {rows[0][place]} ", rows[0][place].upper(), rows[0][other], hostile(rng)))
        return
    for row in rows:
        if len(row) != width:
            continue
        if kind == 1:
            del row[place]
        elif kind == 2:
            row.insert(other, row[place])
        elif kind == 3:
            row[place], row[other] = row[other], row[place]
        else:
            row.append("")


_OF_TABLES: tuple[Callable[[list[list[str]], Random], None], ...] = (
    _cells,
    _cells,
    _cells,
    _whole_column,
    _rows,
    _rows,
    _width,
    _columns,
)


def _table(text: str, rng: Random) -> str:
    rows = list(csv.reader(io.StringIO(text, newline="")))
    if len(rows) > 5:
        rows = [rows[0], *rng.sample(rows[1:], rng.randrange(1, 5))]  # a short file is read sooner
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        if rows and rows[0]:
            rng.choice(_OF_TABLES)(rows, rng)
    return _write(rows, rng)


def _value(rng: Random) -> Any:
    return rng.choice((None, True, 0, -1, 1.5, 10**30, [], {}, [[]], [{}], {"": ""}, hostile(rng), hostile(rng), hostile(rng)))


def _nodes(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Every place in a structure, as what holds it and its key there."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        found.append((value, key))
        _nodes(value[key], found)
    return found


def _structure(whole: Any, rng: Random) -> Any:
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        places = _nodes(whole, [])
        if not places or rng.random() < 0.02:
            return _value(rng)
        held, key = rng.choice(places)
        match rng.randrange(6):
            case 0:
                del held[key]
            case 1 if isinstance(held, dict):
                held[hostile(rng)] = held.pop(key)
            case 2 if isinstance(held, list):
                held.append(held[key])
            case 3:
                held[key] = [held[key]] if rng.random() < 0.9 else json.loads("[" * 60 + "]" * 60)
            case _:
                held[key] = _value(rng)
    return whole


def _json(text: str, rng: Random) -> str:
    made = json.dumps(_structure(json.loads(text), rng), ensure_ascii=rng.random() < 0.5)
    if rng.random() < 0.05:
        made = made.replace("}", rng.choice((',"id":1,"id":2}', ',"x":NaN}', ",}", "")), 1)
    return made


def _lines(text: str, rng: Random) -> str:
    """Lines of words, such as a log or a ballot file; lines that are JSON are damaged as such."""
    lines = text.splitlines()
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        if not lines:
            break
        place = rng.randrange(len(lines))
        words = lines[place].split(" ")
        at = rng.randrange(len(words))
        match rng.randrange(8):
            case 0:
                del lines[place]
            case 1:
                lines.insert(place, lines[place])
            case 2:
                lines.insert(place, hostile(rng))
            case 3:
                lines[place] = " ".join(words[:at] + words[at + 1 :])
            case 4:
                lines[place] = " ".join([*words[:at], words[at], *words[at:]])
            case 5 if lines[place].startswith("{"):
                try:
                    lines[place] = json.dumps(_structure(json.loads(lines[place]), rng))
                except ValueError:
                    lines[place] = lines[place][:-1]
            case 6:
                rng.shuffle(lines)
            case _:
                lines[place] = " ".join([*words[:at], hostile(rng), *words[at + 1 :]])
    return (rng.choice(LINE_ENDS) if rng.random() < 0.1 else "\n").join(lines) + "\n"


def damaged_bytes(data: bytes, rng: Random, at_most: int = 6) -> bytes:
    """Change, cut and add bytes, wherever they stand."""
    made = bytearray(data)
    for _ in range(rng.randrange(1, at_most)):
        place, end = sorted((rng.randrange(len(made) + 1), rng.randrange(len(made) + 1)))
        match rng.randrange(6):
            case 0:
                del made[place : place + rng.randrange(1, 9)]
            case 1:
                made[place:place] = rng.randbytes(rng.randrange(1, 9))
            case 2:
                made[place:place] = rng.choice(
                    (b"\0", b'"', b",", b"\r", b"\n", b"\xff", b"\xef\xbb\xbf", b"\x1a", b"\xed\xa0\x80", b"\xc3")
                )
            case 3 if rng.random() < 0.3:
                del made[place:]
            case 4 if rng.random() < 0.3:
                made[place:place] = made[place : min(end, place + 2000)]
            case _ if made:
                at = min(place, len(made) - 1)
                made[at] = rng.randrange(256)
    return bytes(made)


def _tar(data: bytes, rng: Random) -> bytes:
    """Headers and members of an archive: a size that lies, a name that isn't a hash, members taken out, doubled, swapped."""
    blocks = [data[place : place + 512] for place in range(0, len(data), 512)]
    for _ in range(rng.choice((0, 1, 1, 2))):
        at = rng.randrange(len(blocks))
        block = bytearray(blocks[at])
        match rng.randrange(5):
            case 0:
                block[124:135] = rng.choice(
                    (b"77777777777", b"00000000000", b"-0000000001", b"\x80\0\0\0\0\0\0\0\1\0\0", b"0000000001 ")
                )
            case 1:
                block[0:8] = rng.choice((b"../../et", b"\0\0\0\0\0\0\0\0", b"BELENIOS", b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8"))
            case 2:
                del blocks[at]
                continue
            case 3:
                blocks.insert(at, bytes(block))
            case _:
                block = bytearray(damaged_bytes(bytes(block), rng, 3)[:512].ljust(512, b"\0"))
        blocks[at : at + 1] = [bytes(block)]
    return b"".join(blocks)


def _workbook(data: bytes, rng: Random) -> bytes:
    """Cells of a spreadsheet file: other values and types, a member that isn't whole, sheets hidden or renamed."""
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        members = {name: parts.read(name) for name in parts.namelist()}
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        name = rng.choice([name for name in members if "sheet" in name or "workbook" in name or "sharedStrings" in name])
        text = members[name].decode("utf-8", "replace")
        places = [found.span(1) for found in re.finditer(r'>([^<>]+)<|(?:t|s|r|state|name|ref)="([^"]*)"', text) if found[1]]
        if rng.random() < 0.15 or not places:
            members[name] = damaged_bytes(members[name], rng, 3)
            continue
        start, end = rng.choice(places)
        put = rng.choice((html.escape(hostile(rng)), "47915.8125", "1E+05", "99", "-1", "0", "hidden", "#REF!"))
        members[name] = (text[:start] + put + text[end:]).encode("utf-8", "replace")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as parts:
        for name, member in members.items():
            parts.writestr(name, member)
    return out.getvalue()


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return text.lstrip().startswith(("{", "["))


def damaged(name: str, data: bytes, rng: Random) -> tuple[str, bytes]:
    """Damage a file in one of the ways that fit it; give the way and the bytes.

    A few are left as they are, a few are noise.
    """
    if (draw := rng.random()) < 0.02:
        return "noise", rng.randbytes(rng.randrange(400))
    if draw < 0.04:
        return "nothing", data
    if draw < 0.16:
        return "bytes", damaged_bytes(data, rng)
    if name.endswith(".bel"):
        return "tar", _tar(data, rng)
    if data.startswith(b"PK"):
        return "spreadsheet", _workbook(data, rng)
    text = data.decode("utf-8-sig")
    if _is_json(text):
        kind, text = "json", _json(text, rng)
    elif name.endswith(".csv"):
        kind, text = "table", _table(text, rng)
    else:
        kind, text = "lines", _lines(text, rng)
    if rng.random() < 0.05:
        return "encoding", text.encode(rng.choice(ENCODINGS), "replace")
    return kind, text.encode("utf-8", "surrogatepass" if rng.random() < 0.1 else "replace")
