"""Texts that came from outside, made safe to look at: no sign that moves the cursor or turns the line round, none too long."""

from __future__ import annotations

import re

MOST_LABEL = 80  # characters of a name in a chart: the time to lay one out grows with the square of its length

# Control characters, lone surrogates, line separators, and the marks that set or override the direction of writing.
_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff"
_UNSEEN = re.compile(f"[{_CONTROLS}]")
_UNSEEN_OR_BREAK = re.compile(f"[{_CONTROLS}\t\n]")
# First signs of a formula, in full width too; after a plus or minus a letter makes the difference to a number.
_STARTS = "=@+-\uff1d\uff20\uff0b\uff0d"
_FORMULA = re.compile(r"[=@\uff1d\uff20]\s*\S|.[^\n]*[^\W\d_]")
_NUMBER = re.compile(r"[+-][0-9.,]+[eE][+-]?[0-9]+")


def visible(text: str) -> str:
    """Write every sign that isn't seen but acts, such as a bell or a turn of direction, as its escape; tabs and line breaks stay."""
    return _UNSEEN.sub(_escape, text)


def on_one_line(text: str) -> str:
    """Do the same to tabs and line breaks."""
    return _UNSEEN_OR_BREAK.sub(_escape, text)


def label(text: str, most: int = MOST_LABEL) -> str:
    """Give a name as a chart may show it: on one line, and cut if it is longer than `most` characters."""
    return on_one_line(text if len(text) <= most else text[: most - 1] + "…")


def count(n: int, noun: str, plural: str = "") -> str:
    """Write a count with its noun: "1 ballot", "2 ballots"."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def inert(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would run as a formula; numbers, times and telephone numbers stay."""
    return "'" + text if text and text[0] in _STARTS and _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape", "surrogatepass").decode("ascii")
