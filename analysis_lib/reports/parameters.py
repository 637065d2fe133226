"""The parameters of every chapter, checked before a notebook runs.

Papermill only logs an unknown name and goes on, and a wrong type fails somewhere inside a method.
Each model here mirrors the `parameters` cell of one notebook; a test holds the two equal.
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from analysis_lib.errors import ParameterError
from analysis_lib.plan import Plan, make_plan


class Chapter(BaseModel):
    """What every chapter but the summary takes."""

    model_config = ConfigDict(extra="forbid")

    package: str = "made_up_vale"
    contest_id: str = ""
    plan: str = ""
    out: str = ""


class TurnoutTiming(Chapter):
    """10_turnout_timing."""

    n_resamples: int | None = None
    alpha: float | None = None
    scan_windows_s: list[int] | None = None


class LateVotes(Chapter):
    """20_late_votes."""

    n_resamples: int | None = None
    alpha: float | None = None
    tolerances_s: list[int] | None = None
    late_cuts_s: list[int] | None = None


class CredentialReissues(Chapter):
    """30_credential_reissues."""

    package: str = "made_up_hill"  # the shipped case whose offices kept a full log
    n_resamples: int | None = None
    alpha: float | None = None
    horizons_s: list[int] | None = None
    chain_gap_s: int | None = None


class RollChanges(Chapter):
    """40_roll_changes."""

    package: str = "made_up_hill"
    n_resamples: int | None = None
    alpha: float | None = None
    misreport_rate: float | None = None


class ChannelGap(Chapter):
    """50_channel_gap."""

    package: str = "ilford_south_2022"  # the shipped case of which this chapter tells
    max_other_ballots: list[int] | None = None
    channels: list[str] | None = None


class Summary(BaseModel):
    """90_summary, which reads findings and computes nothing."""

    model_config = ConfigDict(extra="forbid")

    findings: str = ""


CHAPTERS: dict[str, type[BaseModel]] = {
    "00_evidence": Chapter,
    "10_turnout_timing": TurnoutTiming,
    "20_late_votes": LateVotes,
    "30_credential_reissues": CredentialReissues,
    "40_roll_changes": RollChanges,
    "50_channel_gap": ChannelGap,
    "90_summary": Summary,
}
OWN_OPTIONS = {"package": "PACKAGE", "contest_id": "--contest", "plan": "--plan", "out": "--out", "findings": "--out"}
KINDS = {int: "a whole number", float: "a number", str: "a text"}


def overridable() -> dict[str, Any]:
    """The type of every name that `-p` may set, over all chapters."""
    return {
        name: field.annotation
        for model in CHAPTERS.values()
        for name, field in model.model_fields.items()
        if name not in OWN_OPTIONS
    }


def checked_overrides(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Turn the name and text of each `-p` into typed values, held against the plan's ranges.

    Raises
    ------
    ParameterError
        A name is unknown or given twice, or a value is of the wrong type or out of range.
    """
    values: dict[str, Any] = {}
    for name, text in pairs:
        if name in OWN_OPTIONS:
            raise ParameterError(f"-p {name}: this is not set by -p. Give it as {OWN_OPTIONS[name]}.")
        if name not in overridable():
            raise ParameterError(_unknown(name))
        if name in values:
            raise ParameterError(f"-p {name} is given twice. Expected one value for each name; leave one out.")
        values[name] = _typed(name, text)
    make_plan({name: value for name, value in values.items() if name in Plan.model_fields}, "-p")
    return values


def for_chapter(chapter: str, common: Mapping[str, str], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """What papermill gets for one chapter: the common parameters, and those overrides that the chapter takes."""
    model = CHAPTERS.get(chapter, Chapter)
    taken = {name: value for name, value in overrides.items() if name in model.model_fields}
    return model(**common, **taken).model_dump(exclude_unset=True)


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, overridable(), n=1, cutoff=0.6)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"-p {name}: there is no parameter of this name.{hint} Known names: {', '.join(sorted(overridable()))}."


def _typed(name: str, text: str) -> Any:
    """Read a text as the parameter's type; a list is written with commas."""
    kind = next(option for option in typing.get_args(overridable()[name]) if option is not types.NoneType)
    is_list = typing.get_origin(kind) is list
    value = [part.strip() for part in text.split(",")] if is_list else text.strip()
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError:
        item = KINDS[typing.get_args(kind)[0] if is_list else kind]
        expected = f"{item}, or several with commas between" if is_list else item
        raise ParameterError(f"-p {name} {text!r}: expected {expected}. For example: -p {name} {_example(name)}") from None


def _example(name: str) -> str:
    planned = Plan.model_fields[name].default
    return ",".join(map(str, planned)) if isinstance(planned, tuple) else str(planned)
