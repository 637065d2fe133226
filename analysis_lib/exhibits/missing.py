"""What is missing, and what that stops the report from answering."""

from __future__ import annotations

from analysis_lib.cards import Table
from analysis_lib.case import Case
from analysis_lib.methods.holdings import Holding, holdings

TITLES = {"question": "question", "needs": "needs", "held": "held", "missing": "missing", "instead": "used instead"}


def missing(case: Case) -> Table:
    """Give a row for every question: what it needs, what is held, what is missing, and what is used in its place."""
    rows = [
        {
            "question": item.question.question,
            "needs": _columns(item.question.needs),
            "held": _columns(item.held),
            "missing": _columns(item.missing),
            "instead": _instead(item),
        }
        for item in holdings(case)
    ]
    n_open = sum(1 for row in rows if row["missing"])
    count = f"{n_open} of {len(rows)} questions" if n_open else "None of the questions"
    return Table(
        rows, TITLES, f"What is missing, and what that stops us from answering. {count} cannot be answered for want of data."
    )


def _columns(needs: tuple[str, ...]) -> str:
    return "; ".join(need.replace("|", " or ") for need in needs)


def _instead(item: Holding) -> str:
    if item.missing:
        return f"nothing; what would help: {item.question.instead}" if item.question.instead else "nothing"
    return "; ".join(f"{used} in place of {wanted}" for wanted, used in item.instead.items())
