"""What made-up findings are made of."""

from __future__ import annotations

from cases import utc

from analysis_lib.methods.registry import REGISTRY
from analysis_lib.results import Breach, Estimate, Finding, NotAnswerable, TestResult, Verdict

LONDON = {"zone": "Europe/London"}
RATIO = Estimate(name="rate over that of the others", value=2.0, low=1.1, high=3.6, confidence_level=0.95, unit="ratio")
COMMON = {
    "statistic_name": "things",
    "n_observations": 60,
    "n_excluded": 0,
    "assumptions": (),
    "innocent_explanations": ("Chance.",),
}
START = utc("2031-10-24 02:00:04")
NO, YES, WITHIN, OPEN = Verdict.NO_BREACH, Verdict.BREACH_RECORDED, Verdict.WITHIN_BASELINE, Verdict.NOT_EXPLAINED


def finding(noun, result, verdict, **more):
    question = REGISTRY[noun]
    family = (
        {"pvalue_adjusted": min(1.0, 2 * result.pvalue), "family": "f", "family_size": 2}
        if isinstance(result, TestResult)
        else {}
    )
    return Finding(question=noun, chapter=question.chapter, grade=question.grade, verdict=verdict, result=result, **family | more)


def breach(noun, verdict, statistic=1, n=60, parameters=LONDON, **details):
    values = COMMON | {
        "n_observations": n,
        "method": noun,
        "rule": "r",
        "verdict": verdict,
        "statistic": statistic,
        "parameters": parameters,
    }
    return finding(noun, Breach(**values, details=details), verdict)


def a_test(noun, verdict, form="", effect=RATIO, parameters=LONDON, null="all is even", **details):
    pvalue = 0.001 if verdict is Verdict.NOT_EXPLAINED else 0.3
    values = COMMON | {
        "method": noun,
        "form": form,
        "null_hypothesis": null,
        "alternative": "greater",
        "statistic": 1,
        "pvalue": pvalue,
        "effect": effect,
        "references": (),
        "parameters": parameters,
    }
    return finding(noun, TestResult(**values, details=details), verdict)


def cannot(noun):
    return finding(
        noun,
        NotAnswerable(method=noun, reason="Some of the columns it needs are not held.", needs=("a.b|c.d",)),
        Verdict.CANNOT_BE_ANSWERED,
    )


def an_identity(gap=0, declaration="first", wide=0, check="R08", unit="", counted="ballot", cause="unexplained"):
    return {
        "check": check,
        "unit": unit,
        "counted": counted,
        "cause": cause if gap else "",
        "name": "no more votes than ballots received",
        "declaration": declaration,
        "left": "candidates' votes",
        "left_low": 100 + gap,
        "left_high": 100 + gap + wide,
        "right": "ballots received",
        "right_low": 100,
        "right_high": 100,
        "relation": "at_most",
        "gap": gap,
    }
