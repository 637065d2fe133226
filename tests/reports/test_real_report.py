"""The reports a reader gets: the same bytes twice, findings that fit their schema, and the findings committed as golden."""

from __future__ import annotations

import json

import jsonschema
import pytest

from analysis_lib.locations import DATA_SCHEMA, EXAMPLES
from analysis_lib.reports.runner import run_report

SCHEMA = json.loads((DATA_SCHEMA / "findings.schema.json").read_text(encoding="utf-8"))
TOLERANCE = 1e-6  # relative; another processor may round a sum of logarithms differently in its last places


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """Two reports on made_up_vale, into different folders."""
    folder = tmp_path_factory.mktemp("twice")
    return [run_report("made_up_vale", folder / name / "report", progress=False) for name in ("one", "another")]


def test_two_runs_give_the_same_bytes(twice):
    names = sorted(path.relative_to(twice[0].folder) for path in twice[0].folder.rglob("*") if path.is_file())
    assert len(names) > 5
    for name in names:
        assert (twice[0].folder / name).read_bytes() == (twice[1].folder / name).read_bytes(), name


def test_findings_fit_their_schema(twice):
    assert twice[0].failed == {}
    jsonschema.validate(twice[0].findings, SCHEMA)


def test_findings_are_the_golden_ones(twice):
    """A difference here moves a published number: say which and why in CHANGELOG.md, then python3 run.py golden."""
    golden = json.loads((EXAMPLES / "made_up_vale" / "findings.json").read_text(encoding="utf-8"))
    jsonschema.validate(golden, SCHEMA)
    assert _close(golden, {name: twice[0].findings[name] for name in golden}, "findings.json") == []


def _close(golden, now, place: str) -> list[str]:
    """Places where two documents differ beyond the tolerance."""
    if isinstance(golden, dict) and isinstance(now, dict) and golden.keys() == now.keys():
        return [fault for key in golden for fault in _close(golden[key], now[key], f"{place}.{key}")]
    if isinstance(golden, list) and isinstance(now, list) and len(golden) == len(now):
        return [fault for i, pair in enumerate(zip(golden, now, strict=True)) for fault in _close(*pair, f"{place}[{i}]")]
    if isinstance(golden, float) and isinstance(now, int | float):
        return [] if now == pytest.approx(golden, rel=TOLERANCE) else [f"{place}: {golden} became {now}"]
    return [] if golden == now else [f"{place}: {golden} became {now}"]


def test_another_number_would_be_noticed():
    assert _close({"a": [1.0, {"b": 2}]}, {"a": [1.0, {"b": 3}]}, "x") == ["x.a[1].b: 2 became 3"]
    assert _close({"a": 1.0}, {"a": 1.1}, "x") == ["x.a: 1.0 became 1.1"]
