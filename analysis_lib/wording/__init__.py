"""Results to sentences: the only place where words meet numbers. No word here convicts, and none names a person."""

from analysis_lib.wording.clocks import ANCHORS, CLOCK_VERDICTS, bounds, reading, stamps
from analysis_lib.wording.false_alarms import from_innocent_causes
from analysis_lib.wording.fixed import ASK_NEXT, CANNOT_SHOW, READINGS, VERDICTS, ask_next
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
    pvalue,
)
from analysis_lib.wording.plans import plan_departures
from analysis_lib.wording.sentences import chance, sentence
from analysis_lib.wording.totals import identity

__all__ = [
    "ANCHORS",
    "ASK_NEXT",
    "CANNOT_SHOW",
    "CLOCK_VERDICTS",
    "READINGS",
    "VERDICTS",
    "about",
    "ask_next",
    "bounds",
    "chance",
    "count",
    "duration",
    "effect",
    "expected",
    "form",
    "from_innocent_causes",
    "how_often",
    "identity",
    "instant",
    "interval",
    "lasting",
    "number",
    "percent",
    "plan_departures",
    "pvalue",
    "reading",
    "sentence",
    "stamps",
]
