"""Two columns that stamp one event: what they tell of the zone a clock writes in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from analysis_lib.errors import ParameterError
from analysis_lib.importers import times, values
from analysis_lib.importers.formats import Part
from analysis_lib.importers.mapping import Clock, PairedClocks, Platform

AGREE_S = 300  # how far apart two stamps of one event may stand: a server may take minutes to check a ballot
FEWEST = 3  # rows below which a likeness says nothing


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two stamps of one event as written."""

    text: str
    beside: str


def _pairs(check: PairedClocks, parts: Mapping[str, Sequence[Part]]) -> tuple[str, list[_Pair]]:
    """Give the stamps of all rows that have both, and the file they stand in."""
    for part in (part for each in parts.values() for part in each if part.file.name == check.file):
        columns = (values.column(part.table, name) for name in (check.column, check.beside))
        pairs = [_Pair(text, beside) for text, beside in zip(*columns, strict=True) if text and beside]
        if pairs:
            return part.table.file, pairs
    return "", []


def _gap_s(pairs: Sequence[_Pair], check: PairedClocks, zone: str) -> float | None:
    """Median of how much later `beside` is, in seconds, with the clock read in a zone; null if too few can be read."""
    gaps = []
    for pair in pairs:
        one, other = times.read_time(pair.text, check.time, zone), times.read_time(pair.beside, check.time, check.beside_zone)
        if one.at and other.at and not one.problem and not one.had_offset:
            gaps.append((other.at - one.at).total_seconds())
    return median(gaps) if len(gaps) >= FEWEST else None


def in_words(seconds: float) -> str:
    """Say a length of time in hours, minutes and seconds."""
    whole = round(abs(seconds))
    parts = [(whole // 3600, "h"), (whole % 3600 // 60, "min"), (whole % 60, "s")]
    return " ".join(f"{n} {unit}" for n, unit in parts if n) or "0 s"


def anchored(
    platform: Platform, parts: Mapping[str, Sequence[Part]], clocks: Mapping[str, Clock], advertised: str
) -> tuple[dict[str, Clock], dict[str, str], list[str]]:
    """Try each paired column: where it tells the zone of a clock, take that zone and say so.

    Parameters
    ----------
    advertised : str
        Zone of the contest, tried as well; "" if it isn't given.

    Returns
    -------
    dict of Clock
        The clocks, with the zone that fits.
    dict of str
        For each clock so checked, what its zone was inferred from.
    list of str
        What was found, for the user.

    Raises
    ------
    ParameterError
        The two columns agree in no zone that is tried, or not in the zone the user said.
    """
    found, basis, notes = dict(clocks), {}, []
    for check in platform.checks.paired_clocks:
        clock = found[check.clock]
        file, pairs = _pairs(check, parts)
        as_written = _gap_s(pairs, check, check.beside_zone) if pairs else None
        if as_written is None:
            continue
        tried = [clock.zone] if clock.basis == "stated_zone" else [clock.zone, *check.try_zones, check.beside_zone, advertised]
        gaps = {zone: gap for zone in dict.fromkeys(filter(None, tried)) if (gap := _gap_s(pairs, check, zone)) is not None}
        fitting = [zone for zone, gap in gaps.items() if abs(gap) <= AGREE_S]
        n = f"{len(pairs):,} rows"
        side = "after" if as_written >= 0 else "before"
        said = (
            f"{file}: as written, {check.beside} stands {in_words(as_written)} {side} {check.column} "
            f"(median of {n}), though both stamp the same event; {check.beside} is written in {check.beside_zone}."
        )
        if not fitting:
            raise ParameterError(
                f"{said} Read in {' or '.join(gaps)} they still don't agree. Expected one zone in which they do. "
                "Ask in which zone the server writes, and import again with --server-zone."
            )
        zone = fitting[0]
        rest = in_words(gaps[zone])
        if abs(as_written) > AGREE_S:
            said += f" To read both alike would put {check.column} wrong by {in_words(as_written)}."
        notes.append(
            f"{said} Read in {zone}, {check.column} agrees with it to {rest}: that zone is used for the clock {check.clock}."
        )
        is_stated = clock.basis == "stated_zone"
        found[check.clock] = clock if is_stated else clock.model_copy(update={"zone": zone, "basis": "inferred_from_anchor"})
        basis[check.clock] = f"{check.column} against {check.beside} in {n}: median difference {rest} in {zone}"
    return found, basis, notes
