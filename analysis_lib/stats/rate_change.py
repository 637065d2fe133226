"""Did events come at another rate in one period than in another? Two Poisson counts, given their sum.

Where earlier periods of the same kind are held, `predictive_counts.from_repeats(earlier)` is the test to use: it learns
from them how far such counts differ anyway, and carries its uncertainty;
``from_repeats(earlier).upper_tails(sum(earlier) + count)[count]`` is the chance of so many or more. Poisson counts
allow for no such noise and find a change in most clean bodies of some size.

References
----------
.. [1] Przyborowski & Wilenski (1940), Biometrika 31(3/4), 313-323 (two Poisson counts given their sum are binomial).
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import binomtest

from analysis_lib.errors import ParameterError
from analysis_lib.stats.predictive_rates import clopper_pearson


@dataclass(frozen=True, slots=True)
class RateRatio:
    """Rate of the first period over that of the second, above 1: more in the first; its exact interval and two-sided p-value."""

    ratio: float
    low: float
    high: float
    pvalue: float


def rate_ratio(
    count: int, exposure: float, other_count: int, other_exposure: float, *, confidence_level: float = 0.95
) -> RateRatio:
    """Compare two rates without noise between periods.

    Parameters
    ----------
    count, other_count : int
        Events of the two periods.
    exposure, other_exposure : float
        How long each lasted, or how many could have had an event, in one unit.

    Returns
    -------
    RateRatio
        Infinite if only the second has no events; not a number, with the interval from 0 to infinity, if neither has any.

    Raises
    ------
    ParameterError
        If a count is negative or an exposure is not above 0.

    Notes
    -----
    *Null hypothesis:* one rate in both periods, every event on its own. Exact: given the sum, the first count is
    binomial with its share of the exposure [1]_; all counts no likelier than the one seen are added up, as R's
    poisson.test does, while the interval turns the ends of Clopper and Pearson into ratios, so that the two may
    disagree at the margin.
    """
    if min(count, other_count) < 0 or not (exposure > 0 and other_exposure > 0):
        raise ParameterError(
            f"{count} events in {exposure} and {other_count} in {other_exposure}: expected counts of 0 or more, exposures above 0."
        )
    total, scale = count + other_count, other_exposure / exposure
    if total == 0:
        return RateRatio(float("nan"), 0.0, float("inf"), 1.0)
    ratio, low, high = (
        scale * share / (1 - share) if share < 1 else float("inf")
        for share in (count / total, *clopper_pearson(count, total, confidence_level))
    )
    return RateRatio(ratio, low, high, float(binomtest(count, total, exposure / (exposure + other_exposure)).pvalue))
