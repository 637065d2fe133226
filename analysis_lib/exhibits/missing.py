"""What is missing, and what that stops the report from answering."""

from __future__ import annotations

from analysis_lib.cards import Table
from analysis_lib.case import Case
from analysis_lib.methods.holdings import Holding, holdings
from analysis_lib.wording.evidence import needed

TITLES = {"question": "question", "needs": "needs", "held": "held", "missing": "missing", "instead": "used instead"}


def missing(case: Case) -> Table:
    """Give a row for every question: what it needs, what is held, what is missing, and what is used in its place."""
    rows = [
        {
            "question": item.question.question,
            "needs": needed(item.question.needs),
            "held": needed(item.held),
            "missing": needed(item.missing),
            "instead": _instead(item),
        }
        for item in holdings(case)
    ]
    n_open = sum(1 for row in rows if row["missing"])
    count = f"{n_open} of {len(rows)} questions" if n_open else "None of the questions"
    return Table(
        rows, TITLES, f"What is missing, and what that stops us from answering. {count} cannot be answered for want of data."
    )


def _instead(item: Holding) -> str:
    if item.missing:
        return f"nothing; what would help: {item.question.instead}" if item.question.instead else "nothing"
    return "; ".join(f"{needed([used])} in place of {needed([wanted])}" for wanted, used in item.instead.items())
