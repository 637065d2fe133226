"""Typed tables of a few rows, for the tests of traps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from cases import utc

from analysis_lib.faults import WARNING, message
from analysis_lib.schema import TABLES, load_schema

START = utc("2031-10-06 11:00")
CLOCK = {"clock_id": "C1", "tz_used": "UTC", "tz_basis": "stated_offset", "resolution": "s", "write_semantics": "event_time"}
SOURCE = {"source_id": "S1", "kind": "platform_export", "obtained_at": date(2031, 11, 30)}


def tables(**given: list[Mapping[str, Any]]) -> dict[str, pl.DataFrame]:
    """Every table of the schema, with the rows given in some; a clock and a source are there unless given."""
    given = {"clocks": [CLOCK], "sources": [SOURCE]} | given
    return {
        table: pl.DataFrame(
            [dict.fromkeys(load_schema(table).dtypes) | {"source_id": "S1"} | dict(row) for row in given.get(table, [])],
            schema=load_schema(table).dtypes,
        )
        if "source_id" in load_schema(table).dtypes
        else pl.DataFrame([dict(row) for row in given.get(table, [])], schema=load_schema(table).dtypes)
        for table in TABLES
    }


def pace(n: int = 200, seed: int = 1, days: float = 10) -> list:
    """Times as people make them, to the second, over ten days."""
    seconds = np.sort(np.random.default_rng(seed).integers(0, int(days * 86400), n))
    return [START + timedelta(seconds=int(s)) for s in seconds]


def casts(times: list, **more: Any) -> list[dict]:
    """One ballot each."""
    row = {"event": "cast", "channel": "online", "clock_id": "C1", "contest_id": "c1"} | more
    return [row | {"event_id": f"b{i:05d}", "voter_key": f"v{i:05d}", "at": at} for i, at in enumerate(times)]


def told(find: Callable, **given: list[Mapping[str, Any]]) -> dict[str, str]:
    """By rule, the message of each trap that is found. Every one is a warning about a file that is held."""
    found = find(tables(**given))
    for fault in found:
        assert fault.severity == WARNING
        assert fault.rule.startswith("trap_")
        assert fault.found
        assert not fault.found.endswith(".")
        assert fault.remedy.endswith(".")
    assert len({(fault.rule, fault.file, fault.found) for fault in found}) == len(found)
    return {fault.rule.removeprefix("trap_"): message(asdict(fault)) for fault in found}
