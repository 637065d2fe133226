"""What each question needs, what of it is held, and what is used where the best of several columns is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis_lib.case import Case
from analysis_lib.methods.registry import REGISTRY, Question

MOST_RANKED = 3  # a need of more columns lists any that help, rather than the best and what may stand in for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One question: the columns held for it, the needs that nothing held meets, and the columns used in place of better ones."""

    question: Question
    held: tuple[str, ...]
    missing: tuple[str, ...]
    instead: Mapping[str, str]


def holdings(case: Case) -> tuple[Holding, ...]:
    """Go through every question of the registry, in its order."""
    return tuple(_holding(question, case) for question in REGISTRY.values())


def _holding(question: Question, case: Case) -> Holding:
    held, instead = [], {}
    for need in question.needs:
        columns = need.split("|")
        there = [column for column in columns if case.holds(column)]
        if len(columns) > MOST_RANKED:
            held += there
        elif there:
            held.append(there[0])
            instead |= {} if there[0] == columns[0] else {columns[0]: there[0]}
    return Holding(question=question, held=tuple(dict.fromkeys(held)), missing=case.missing(question.needs), instead=instead)
