"""The summary's tables."""

from __future__ import annotations

from collections.abc import Sequence

from analysis_lib import wording
from analysis_lib.cards import Table
from analysis_lib.exhibits.shown import Shown
from analysis_lib.results import Verdict


def by_grade(entries: Sequence[dict]) -> Shown:
    """The summary's tables, one for each grade and one for what can't be answered, from the entries of findings.json."""
    shown: Shown = []
    for grade, title in (
        ("breach", "Breaches: counts of facts"),
        ("anomaly", "Anomalies: calibrated tests"),
        ("materiality", "Could it have changed the result?"),
    ):
        rows = [
            {"chapter": e["chapter"][:2], "verdict": wording.VERDICTS[Verdict(e["verdict"])], "sentence": e["sentence"]}
            for e in entries
            if e["grade"] == grade and e["verdict"] != Verdict.CANNOT_BE_ANSWERED
        ]
        if rows:
            shown.append(Table(rows, {"chapter": "chapter", "verdict": "verdict", "sentence": "finding"}, title))
    open_ones = [
        {"chapter": e["chapter"][:2], "question": e["question"].replace("_", " "), "needs": ", ".join(e["needs"])}
        for e in entries
        if e["verdict"] == Verdict.CANNOT_BE_ANSWERED
    ]
    if open_ones:
        shown.append(
            Table(
                open_ones,
                {"chapter": "chapter", "question": "question", "needs": "columns that would answer it"},
                "Cannot be answered with the data held",
            )
        )
    return shown
