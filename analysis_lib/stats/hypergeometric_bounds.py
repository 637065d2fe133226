"""How many of all are marked, if some of a random sample are? Exact bounds from sampling without replacement.

References
----------
.. [1] Buonaccorsi (1987), Amer. Statist. 41(3), 215-218 (inverting the two tails).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, hypergeom

from analysis_lib.errors import ParameterError

SLACK = 1e-9  # a tail that equals its level but for rounding keeps its number: errs on the wide side


def found_law(asked: int, marked: int, size: int, error_rate: float = 0.0) -> NDArray:
    """Give P(found = 0), ..., P(found = asked): the marked among those asked, and others who say so by mistake.

    Parameters
    ----------
    asked, marked, size : int
        Asked at random without replacement, and marked, among `size` in all.
    error_rate : float
        Chance that one who is asked and not marked counts as found; every marked one does.
    """
    if asked == 0:
        return np.ones(1)
    low, high = max(0, asked - (size - marked)), min(asked, marked)
    drawn = np.arange(low, high + 1)
    chance = hypergeom.pmf(drawn, size, marked, asked)
    if error_rate == 0:
        law = np.zeros(asked + 1)
        law[drawn] = chance
        return law
    total = np.arange(asked + 1)
    return binom.pmf(total[:, None] - drawn, asked - drawn, error_rate) @ chance


def marked_interval(
    found: int,
    asked: int,
    size: int,
    *,
    confidence_level: float,
    side: Literal["both", "lower", "upper"] = "both",
    error_rate: float = 0.0,
) -> tuple[int, int]:
    """How many of all are marked?

    Parameters
    ----------
    found, asked, size : int
        So many found among those asked at random out of `size`. Whoever gave no answer was not asked: that
        they would have answered like the others is an assumption.
    confidence_level : float
        Such as 0.95; with side "lower" or "upper" all of the rest is spent on that end.
    side
        "lower" bounds the number from below alone (the second number is then the most that can be), "upper" from above.
    error_rate : float
        Chance that someone not marked counts as found by mistake, taken as known: run it at several values to see
        what the answer leans on. At 0 a find is a fact.

    Returns
    -------
    tuple of int
        Fewest and most. The interval covers the number at least as often as the level says, by the two tails' law.

    Raises
    ------
    ParameterError
        If the counts don't fit together, or level or error rate is out of range.
    """
    if not 0 <= found <= asked <= size:
        raise ParameterError(f"{found} found, {asked} asked, {size} in all: expected 0 <= found <= asked <= all.")
    if not (0 < confidence_level < 1 and 0 <= error_rate < 1):
        raise ParameterError(
            f"confidence_level {confidence_level} and error_rate {error_rate}: expected the first between 0 and 1, the second in [0, 1)."
        )
    tail = (1 - confidence_level) / (2 if side == "both" else 1) * (1 - SLACK)
    sure, most = 0 if error_rate > 0 else found, size - (asked - found)

    def is_enough(marked: int) -> bool:
        return found_law(asked, marked, size, error_rate)[found:].sum() > tail

    def is_too_many(marked: int) -> bool:
        return found_law(asked, marked, size, error_rate)[: found + 1].sum() <= tail

    low = sure if side == "upper" else _first(is_enough, sure, most)
    high = most if side == "lower" else _first(is_too_many, sure, most + 1) - 1
    return low, high


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """Smallest number from `low` on at which a condition holds that once it holds holds for all larger ones; `high` if none."""
    return low + bisect_left(range(low, high), True, key=holds)
