"""Results to sentences: the only place where words meet numbers. No word here convicts, and none names a person."""

from analysis_lib.wording.clocks import ANCHORS, CLOCK_VERDICTS, bounds, reading, stamps
from analysis_lib.wording.fixed import CANNOT_SHOW, READINGS, VERDICTS
from analysis_lib.wording.numbers import (
    about,
    count,
    duration,
    effect,
    expected,
    form,
    how_often,
    instant,
    interval,
    lasting,
    number,
    percent,
)
from analysis_lib.wording.plans import plan_departures
from analysis_lib.wording.sentences import chance, sentence
from analysis_lib.wording.totals import identity

__all__ = [
    "ANCHORS",
    "CANNOT_SHOW",
    "CLOCK_VERDICTS",
    "READINGS",
    "VERDICTS",
    "about",
    "bounds",
    "chance",
    "count",
    "duration",
    "effect",
    "expected",
    "form",
    "how_often",
    "identity",
    "instant",
    "interval",
    "lasting",
    "number",
    "percent",
    "plan_departures",
    "reading",
    "sentence",
    "stamps",
]
