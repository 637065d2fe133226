"""What a method returns: numbers and verdicts, in three grades that never mix, and never prose about people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

SIGNIFICANT_DIGITS = 10  # floats are rounded once, at output, so that two runs give the same bytes


class Grade(StrEnum):
    """The three grades. A count of facts, a calibrated test, and whether it could have changed the result."""

    BREACH = "breach"
    ANOMALY = "anomaly"
    MATERIALITY = "materiality"


class Verdict(StrEnum):
    """The only answers a finding may give; `VERDICTS` says which grade may give which."""

    BREACH_RECORDED = "breach_recorded"
    NO_BREACH = "no_breach"
    NOT_EXPLAINED = "not_explained"
    WITHIN_BASELINE = "within_baseline"
    COULD_CHANGE = "could_change"
    COULD_NOT_CHANGE = "could_not_change"
    UNDETERMINED = "undetermined"
    CANNOT_BE_ANSWERED = "cannot_be_answered"


VERDICTS = {
    Grade.BREACH: {Verdict.BREACH_RECORDED, Verdict.NO_BREACH, Verdict.UNDETERMINED},
    Grade.ANOMALY: {Verdict.NOT_EXPLAINED, Verdict.WITHIN_BASELINE, Verdict.UNDETERMINED},
    Grade.MATERIALITY: {Verdict.COULD_CHANGE, Verdict.COULD_NOT_CHANGE, Verdict.UNDETERMINED},
}


class Status(StrEnum):
    """What the data say of an assumption."""

    HOLDS = "holds"
    FAILS = "fails"
    UNTESTED = "untested"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """An effect size with its interval, never a bare number.

    `confidence_level` is null where `low` to `high` is a range that holds for certain (every
    integer table that fits a rounded share), not a sampling interval.
    """

    name: str
    value: float
    low: float
    high: float
    confidence_level: float | None
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """What the number leans on, and what the data say of it."""

    statement: str
    status: Status
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """An anomaly: one calibrated test.

    `method` is the question's noun; `form` tells apart several tests of one question.
    `null_hypothesis` is a clause that reads on after "if". `null_draws` is kept for the chart and
    left out of `to_dict`.
    """

    method: str
    form: str = ""
    null_hypothesis: str
    alternative: Literal["two-sided", "greater", "less"]
    statistic: float
    statistic_name: str
    pvalue: float
    effect: Estimate
    n_observations: int
    n_excluded: int
    assumptions: tuple[Assumption, ...]
    innocent_explanations: tuple[str, ...]
    references: tuple[str, ...]
    parameters: Mapping[str, Any]
    details: Mapping[str, Any] = field(default_factory=dict)
    null_draws: NDArray | None = None
    __test__ = False  # else pytest collects the class

    def __post_init__(self) -> None:
        if not 0.0 <= self.pvalue <= 1.0:
            raise ValueError(
                f"{self.method}: the p-value is {self.pvalue}; expected a number from 0 to 1. "
                "This is a fault of the method, not of the data: please report it."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A count of facts under a stated rule and clock. There is no p-value."""

    method: str
    form: str = ""
    rule: str
    verdict: Verdict
    statistic: int
    statistic_name: str
    n_observations: int
    n_excluded: int
    assumptions: tuple[Assumption, ...]
    innocent_explanations: tuple[str, ...]
    references: tuple[str, ...] = ()
    parameters: Mapping[str, Any]
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Materiality: could it have changed the result? Worst case, never a probability of wrongdoing."""

    method: str
    form: str = ""
    verdict: Verdict
    statistic: float
    statistic_name: str
    effect: Estimate | None
    n_observations: int
    n_excluded: int
    assumptions: tuple[Assumption, ...]
    innocent_explanations: tuple[str, ...]
    references: tuple[str, ...] = ()
    parameters: Mapping[str, Any]
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAnswerable:
    """A first-class answer: the data held can't answer, and these columns would."""

    method: str
    form: str = ""
    reason: str
    needs: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


Result = TestResult | Breach | Bounds | NotAnswerable


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A result in its place: the question's chapter and grade, and its p-value within the declared family, held against alpha."""

    question: str
    chapter: str
    grade: Grade
    verdict: Verdict
    result: Result
    pvalue_adjusted: float | None = None
    family: str = ""
    family_size: int = 0
    planned: bool = True
    alpha: float = 0.01

    def __post_init__(self) -> None:
        if self.verdict is not Verdict.CANNOT_BE_ANSWERED and self.verdict not in VERDICTS[self.grade]:
            raise ValueError(f"{self.question}: the verdict {self.verdict} does not belong to the grade {self.grade}.")

    @property
    def details(self) -> Mapping[str, Any]:
        return self.result.details


def plain(value: Any) -> Any:
    """Turn a value into JSON-able plain data: floats rounded, times as ISO 8601 in UTC, keys in order."""
    if isinstance(value, StrEnum):
        return str(value)
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        rounded = float(f"{value:.{SIGNIFICANT_DIGITS}g}")
        return rounded if math.isfinite(rounded) else None
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list | np.ndarray):
        return [plain(item) for item in value]
    if is_dataclass(value):
        return {item.name: plain(getattr(value, item.name)) for item in fields(value)}
    raise TypeError(f"{type(value).__name__} can't be written to findings.json; give plain numbers, texts and times.")


def to_dict(finding: Finding, sentence: str) -> dict[str, Any]:
    """One entry of findings.json, with every key of findings.schema.json; what does not apply is null or empty."""
    result = finding.result
    return plain(
        {
            "question": finding.question,
            "form": result.form,
            "chapter": finding.chapter,
            "grade": finding.grade,
            "verdict": finding.verdict,
            "sentence": sentence,
            "null_hypothesis": getattr(result, "null_hypothesis", None),
            "rule": getattr(result, "rule", None),
            "statistic": getattr(result, "statistic", None),
            "statistic_name": getattr(result, "statistic_name", None),
            "pvalue": getattr(result, "pvalue", None),
            "pvalue_adjusted": finding.pvalue_adjusted,
            "family": finding.family,
            "family_size": finding.family_size,
            "planned": finding.planned,
            "effect": getattr(result, "effect", None),
            "n_observations": getattr(result, "n_observations", None),
            "n_excluded": getattr(result, "n_excluded", None),
            "assumptions": getattr(result, "assumptions", ()),
            "innocent_explanations": getattr(result, "innocent_explanations", ()),
            "references": getattr(result, "references", ()),
            "needs": getattr(result, "needs", ()),
            "reason": getattr(result, "reason", None),
            "parameters": result.parameters,
            "details": result.details,
        }
    )
