"""Texts to instants: under a form and a zone, with every doubt said; a time without a zone is never taken as UTC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

ISO, EPOCH_S, EPOCH_MS, EXCEL, SLASHES = "iso", "epoch_s", "epoch_ms", "excel", "slashes"
DAY_FIRST, MONTH_FIRST = "day_first", "month_first"
ORDERS = (DAY_FIRST, MONTH_FIRST)
NAMED_FORMS = (ISO, EPOCH_S, EPOCH_MS, EXCEL, SLASHES)

_EXCEL_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - a wall clock's time: Excel knows no zone
_SERIAL = re.compile(r"[1-9][0-9]{4}(\.[0-9]+)?")
_NUMBER = re.compile(r"-?[0-9]{1,17}(\.[0-9]+)?")
_ZERO_DATES = re.compile(r"0000-00-00|0001-01-01|1899-12-3[01]|1900-01-0[01]|1970-01-01|1980-01-01")
_ZERO_DAYS = {(1899, 12, 30), (1970, 1, 1), (1980, 1, 1)}
_ISO_LIKE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?)? ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)?"
)
_SLASHED = re.compile(
    r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4}|[0-9]{2})(?:,? +([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))? ?([AaPp][Mm])?)?"
)
_TIME_LIKE = re.compile(
    r"(?i)(?:[0-9]|[ :./,+-]|T|Z|UTC|GMT|BST|CES?T|[AP]M|jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec|mon|tues?|wed|thu|fri|sat|sun|day"
    r"|january|february|march|april|august|september|october|november|december)+"
)
_FEW = 20  # below this many times nothing is read into their seconds

PLACEHOLDER, SKIPPED, REPEATED, UNREADABLE = "placeholder", "skipped", "repeated", "unreadable"
UNDECIDED, MIXED = "undecided", "mixed"  # which of two numbers is the day: nothing tells, or both places do


@dataclass(frozen=True, slots=True)
class Reading:
    """One text as an instant (UTC) or, with `problem`, why not; `repeated` means another instant an hour later is as good."""

    at: datetime | None
    problem: str = ""
    had_offset: bool = False
    was_serial: bool = False
    step: str = "s"  # smallest step the text shows: us, s, min, hour, day


def _step(text: str, forms: Sequence[str]) -> str:
    if re.search(r":[0-9]{2}:[0-9]{2}[.,][0-9]", text):
        return "us"
    colons = text.count(":") - bool(re.search(r"[+-][0-9]{2}:[0-9]{2}$", text))
    if colons < 1 and not _ISO_LIKE.fullmatch(text):  # written without them, such as 20310308200000
        parts = " ".join(form for form in forms if form not in NAMED_FORMS)
        return next((step for part, step in (("%f", "us"), ("%S", "s"), ("%M", "min"), ("%H", "hour")) if part in parts), "day")
    return "day" if colons < 1 else "min" if colons == 1 else "s"


def _iso(text: str) -> datetime | None:
    plain = text.replace(",", ".").replace(" UTC", "Z").replace("UTC", "Z")
    plain = re.sub(r"\.([0-9]{6})[0-9]+", r".\1", re.sub(r"(?<=\d) (?=[Z+-])", "", plain))
    try:
        return datetime.fromisoformat(plain)
    except ValueError:
        return None


def _slashed(text: str, order: str) -> datetime | None:
    if not (match := _SLASHED.fullmatch(text)):
        return None
    first, second, year, hour, minute, seconds, half = match.groups()
    day, month = (first, second) if order == DAY_FIRST else (second, first)
    clock = int(hour or 0)
    if half:
        if not 1 <= clock <= 12:
            return None
        clock = clock % 12 + 12 * (half.lower() == "pm")
    try:
        whole = int(year) + 2000 * (len(year) == 2)
        return datetime(whole, int(month), int(day), clock, int(minute or 0), int(seconds or 0))  # noqa: DTZ001 - zone comes later
    except ValueError:
        return None


def day_order(texts: Sequence[str]) -> str:
    """Find out from the days above 12 whether the day or the month stands first; `UNDECIDED` and `MIXED` are answers too."""
    pairs = [match.groups()[:2] for text in texts if (match := _SLASHED.fullmatch(text.strip()))]
    first, second = any(int(a) > 12 for a, _ in pairs), any(int(b) > 12 for _, b in pairs)
    return {(True, False): DAY_FIRST, (False, True): MONTH_FIRST, (True, True): MIXED, (False, False): UNDECIDED}[first, second]


def _wall(text: str, forms: Sequence[str], order: str) -> datetime | None:
    """Give the time a text shows, with its offset if it has one."""
    if _ISO_LIKE.fullmatch(text) and (found := _iso(text)):
        return found
    for form in forms:
        if form == SLASHES and (found := _slashed(text, order)):
            return found
        if form not in NAMED_FORMS:
            try:
                return datetime.strptime(text, form)  # noqa: DTZ007 - the zone comes from the clock
            except ValueError:
                continue
    return None


def _counted(text: str, forms: Sequence[str]) -> datetime | None:
    if not _NUMBER.fullmatch(text):
        return None
    for form, unit in ((EPOCH_S, 1), (EPOCH_MS, 1000)):
        if form in forms:
            try:
                return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=round(float(text) * 1_000_000 / unit))
            except OverflowError:
                return None
    return None


def read_time(text: str, forms: Sequence[str], zone: str, order: str = UNDECIDED) -> Reading:
    """Read one text.

    Parameters
    ----------
    forms : sequence of str
        Patterns of `datetime.strptime`, or names: iso, epoch_s, epoch_ms, excel, slashes (1/3/2031 20:00).
        ISO 8601 is read under every form, since it can't be mistaken.
    zone : str
        IANA zone of a text without an offset.
    order : str
        day_first or month_first, for the form slashes; any other word is the problem the reading will have.
    """
    text = text.strip()
    if _ZERO_DATES.match(text):
        return Reading(None, PLACEHOLDER)
    if counted := _counted(text, forms):
        problem = PLACEHOLDER if not float(text) else ""
        step = "s" if float(text).is_integer() else "us"
        return Reading(None if problem else counted, problem, had_offset=True, step="us" if EPOCH_MS in forms else step)
    if SLASHES in forms and order not in ORDERS and _SLASHED.fullmatch(text):
        return Reading(None, order)
    was_serial = bool(_SERIAL.fullmatch(text)) and not {EPOCH_S, EPOCH_MS} & set(forms)
    if was_serial:
        seconds = round(float(text) * 86400)
        wall: datetime | None = _EXCEL_ZERO + timedelta(seconds=seconds)
    else:
        wall = _wall(text, forms, order)
    if wall is None or not 1900 <= wall.year < 2200:
        return Reading(None, UNREADABLE)
    if (wall.year, wall.month, wall.day) in _ZERO_DAYS:
        return Reading(None, PLACEHOLDER)
    step = "s" if was_serial else _step(text, forms)
    if wall.tzinfo is not None:
        return Reading(wall.astimezone(UTC), had_offset=True, step=step)
    place = ZoneInfo(zone)
    first, second = (wall.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1))
    back = first.astimezone(place).replace(tzinfo=None)
    if back != wall and second.astimezone(place).replace(tzinfo=None) != wall:
        return Reading(None, SKIPPED, was_serial=was_serial, step=step)
    return Reading(min(first, second), REPEATED if first != second else "", was_serial=was_serial, step=step)


def read_times(texts: Sequence[str], forms: Sequence[str], zone: str, order: str = "") -> dict[str, Reading]:
    """Read every text of a column; blank ones are left out. Without `order` the days above 12 decide it."""
    filled = {text for text in texts if text.strip()}
    order = order or (day_order(sorted(filled)) if SLASHES in forms else "")
    return {text: read_time(text, forms, zone, order) for text in filled}


def is_like_a_time(text: str) -> bool:
    """Whether a text is made of the parts of dates and times alone, and so is no name or number of a person."""
    return bool(_TIME_LIKE.fullmatch(text)) and bool(re.search(r"[0-9][^0-9 ]+[0-9]|[0-9] ?[a-z]{3}", text.lower()))


def example(form: str) -> str:
    """Write a time in a form, for a message."""
    named = {
        ISO: "2031-03-08 20:15:00",
        EPOCH_S: "1930767300 (seconds since 1970)",
        EPOCH_MS: "1930767300000 (milliseconds since 1970)",
        EXCEL: "a date cell of a spreadsheet",
        SLASHES: "8/3/2031 20:15",
    }
    return named.get(form) or datetime(2031, 3, 8, 20, 15).strftime(form)  # noqa: DTZ001 - a wall clock's time


def needs_zone(texts: Sequence[str], forms: Sequence[str]) -> bool:
    """Whether some text of a column shows no offset, so that its zone must be known from elsewhere."""
    readings = read_times(texts, forms, "UTC", DAY_FIRST)
    return any(not found.had_offset and found.problem not in (PLACEHOLDER, UNREADABLE) for found in readings.values())


def smallest_step(readings: Sequence[Reading]) -> str:
    """Give the resolution a column shows: `min` where no time has seconds other than 00 and there are enough to tell."""
    steps = {found.step for found in readings if found.at}
    instants = {found.at for found in readings if found.at}
    for step in ("us", "s", "min", "hour"):
        if step in steps:
            if step in ("us", "s") and len(instants) >= _FEW and not any(at.second or at.microsecond for at in instants):
                return "min"
            return step
    return "day" if steps else "s"


def written(at: datetime) -> str:
    """Write an instant as the tables hold it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S") + (f".{at.microsecond:06d}" if at.microsecond else "") + "Z"
