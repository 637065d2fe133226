"""What is unusual about the plan, as a report's first page and each of its chapters say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ORIGINS = {
    "package": "The plan that came with the package",
    "named": "The plan given with --plan",
    "standard": "The plan",
}


def plan_departures(origin: str, departures: Mapping[str, Mapping[str, Any]]) -> str:
    """Name every value that differs from the standard plan; empty where none does."""
    if not departures:
        return ""
    parts = [f"{name} {_value(both['planned'])} instead of {_value(both['standard'])}" for name, both in departures.items()]
    return f"{ORIGINS[origin]} differs from the standard plan in: {'; '.join(parts)}."


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)
