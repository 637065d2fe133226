"""Two groups compared within strata: 2x2 tables (a_yes, a_no, b_yes, b_no), one a stratum, with one common odds ratio.

References
----------
.. [1] Mantel & Haenszel (1959), J. Natl. Cancer Inst. 22, 719-748 (the statistic and the ratio).
.. [2] Gart (1970), Biometrika 57, 471-475 (exact inference on a common odds ratio: convolved hypergeometrics).
.. [3] Robins, Breslow & Greenland (1986), Biometrics 42, 311-323 (variance of the log of the Mantel-Haenszel ratio).
.. [4] Newcombe (1998), Statist. Med. 17, 873-890, method 10 (interval of a difference of shares).
.. [5] VanderWeele & Ding (2017), Ann. Intern. Med. 167, 268-274 (what an unmeasured trait would have to do).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import gammaln, logsumexp
from scipy.stats import chi2, norm

REACH = 30.0  # log odds ratios looked for, either side of the Mantel-Haenszel one
STEEPEST = 5.0  # log ratio at which the convolution is centred, at most
TIE = 1e-7  # relative: tables as likely as the observed one, as in R


@dataclass(frozen=True, slots=True)
class CommonRatio:
    """One common odds ratio: how often chance alone gives so few or so many (exact), and the ratio with its exact interval.

    `central` is twice the smaller tail, and agrees with the interval; `two_sided` sums all outcomes that are no
    likelier than the observed one; `mid` is `central` with half of the observed outcome's chance.
    """

    less: float
    greater: float
    central: float
    two_sided: float
    mid: float
    ratio: float
    low: float
    high: float


def informative(tables: ArrayLike) -> NDArray:
    """Keep the strata that have both groups and both answers; the others can't tell anything."""
    tables = np.asarray(tables, np.int64).reshape(-1, 4)
    a_yes, a_no, b_yes, b_no = tables.T
    return tables[(a_yes + a_no > 0) & (b_yes + b_no > 0) & (a_yes + b_yes > 0) & (a_no + b_no > 0)]


def expected_and_variance(tables: NDArray) -> tuple[float, float]:
    """Mean and variance of the sum of a_yes, if within every stratum the answer has nothing to do with the group."""
    a_yes, a_no, b_yes, b_no = np.asarray(tables, float).T
    a, b, yes, no = a_yes + a_no, b_yes + b_no, a_yes + b_yes, a_no + b_no
    n = a + b
    return float((a * yes / n).sum()), float((a * b * yes * no / (n**2 * (n - 1))).sum())


def cochran_mantel_haenszel(tables: ArrayLike, *, corrected: bool = False) -> tuple[float, float]:
    """Chi-square statistic and its asymptotic p-value [1]_; `corrected` takes off half a count."""
    tables = informative(tables)
    if not len(tables):
        return 0.0, 1.0
    mean, variance = expected_and_variance(tables)
    apart = max(0.0, abs(tables[:, 0].sum() - mean) - (0.5 if corrected else 0.0))
    statistic = apart**2 / variance
    return float(statistic), float(chi2.sf(statistic, 1))


def mantel_haenszel_ratio(tables: ArrayLike) -> float:
    """Mantel-Haenszel odds ratio [1]_; above 1: group a says yes more often. Infinite or not a number as `two_by_two.odds_ratio`."""
    a_yes, a_no, b_yes, b_no = np.asarray(tables, float).reshape(-1, 4).T
    n = np.maximum(a_yes + a_no + b_yes + b_no, 1.0)
    top, bottom = (a_yes * b_no / n).sum(), (a_no * b_yes / n).sum()
    return float(top / bottom) if bottom else (np.inf if top else np.nan)


def common_ratio(tables: ArrayLike, confidence_level: float) -> CommonRatio:
    """Exact test and interval of a common odds ratio, given every stratum's totals [2]_.

    Time and memory grow with the late ballots of all strata together; `approximate_ratio` is for more than some 20,000.
    """
    tables = informative(tables)
    if not len(tables):
        return CommonRatio(1.0, 1.0, 1.0, 1.0, 1.0, np.nan, 0.0, np.inf)
    seen = int(tables[:, 0].sum())
    x, chance = _convolved(tables, 0.0)
    at = chance[x == seen][0]
    less, greater = float(chance[x <= seen].sum()), float(chance[x >= seen].sum())
    central = min(1.0, 2 * min(less, greater))
    mid = min(1.0, 2 * (min(less, greater) - at / 2))
    two_sided = min(1.0, float(chance[chance <= at * (1 + TIE)].sum()))
    centre = float(np.clip(np.log(np.clip(mantel_haenszel_ratio(tables), 1e-9, 1e9)), -STEEPEST, STEEPEST))
    _, tilted = _convolved(tables, centre)
    with np.errstate(divide="ignore"):
        weight = np.log(tilted)

    def chances(log_ratio: float) -> NDArray:
        log_terms = weight + x * (log_ratio - centre)
        return log_terms - logsumexp(log_terms)

    def root(function) -> float:
        return float(np.exp(brentq(function, centre - REACH, centre + REACH, xtol=1e-13)))

    tail = np.log((1 - confidence_level) / 2)
    is_least, is_most = seen == x[0], seen == x[-1]
    inside = not (is_least or is_most)
    ratio = root(lambda b: (np.exp(chances(b)) * x).sum() - seen) if inside else (0.0 if is_least else np.inf)
    low = 0.0 if is_least else root(lambda b: logsumexp(chances(b)[x >= seen]) - tail)
    high = np.inf if is_most else root(lambda b: logsumexp(chances(b)[x <= seen]) - tail)
    if is_least and is_most:
        ratio = np.nan
    return CommonRatio(min(1.0, less), min(1.0, greater), central, two_sided, mid, ratio, low, high)


def _convolved(tables: NDArray, log_ratio: float) -> tuple[NDArray, NDArray]:
    """Values and chances of the sum of a_yes over the strata at one common odds ratio."""
    chance, start = np.ones(1), 0
    for a_yes, a_no, b_yes, b_no in tables.tolist():
        yes, a, b = a_yes + b_yes, a_yes + a_no, b_yes + b_no
        x = np.arange(max(0, yes - b), min(yes, a) + 1)
        log_weight = x * log_ratio - (
            gammaln(x + 1.0) + gammaln(a - x + 1.0) + gammaln(yes - x + 1.0) + gammaln(b - yes + x + 1.0)
        )
        chance, start = np.convolve(chance, np.exp(log_weight - logsumexp(log_weight))), start + int(x[0])
    return start + np.arange(chance.size), chance / chance.sum()


def approximate_ratio(tables: ArrayLike, confidence_level: float) -> CommonRatio:
    """Give the same for many ballots: Cochran-Mantel-Haenszel, Mantel-Haenszel ratio, interval of [3]_."""
    tables = informative(tables)
    if not len(tables):
        return CommonRatio(1.0, 1.0, 1.0, 1.0, 1.0, np.nan, 0.0, np.inf)
    mean, variance = expected_and_variance(tables)
    z = (tables[:, 0].sum() - mean) / np.sqrt(variance)
    less, greater = float(norm.cdf(z)), float(norm.sf(z))
    both = min(1.0, 2 * min(less, greater))
    a_yes, a_no, b_yes, b_no = tables.astype(float).T
    n = a_yes + a_no + b_yes + b_no
    p, q, r, s = (a_yes + b_no) / n, (a_no + b_yes) / n, a_yes * b_no / n, a_no * b_yes / n
    ratio = mantel_haenszel_ratio(tables)
    if not 0 < ratio < np.inf:
        return CommonRatio(less, greater, both, both, both, ratio, 0.0, np.inf)
    spread = (p * r).sum() / (2 * r.sum() ** 2) + (p * s + q * r).sum() / (2 * r.sum() * s.sum())
    spread += (q * s).sum() / (2 * s.sum() ** 2)
    wide = np.exp(norm.isf((1 - confidence_level) / 2) * np.sqrt(spread))
    return CommonRatio(less, greater, both, both, both, ratio, ratio / wide, ratio * wide)


def wilson_interval(yes: float, n: float, confidence_level: float) -> tuple[float, float]:
    """Wilson's interval of a share; 0 to 1 where there is nothing to share."""
    if n <= 0:
        return 0.0, 1.0
    z = norm.isf((1 - confidence_level) / 2)
    centre, half = yes + z**2 / 2, z * np.sqrt(max(0.0, yes * (n - yes)) / n + z**2 / 4)
    return float(max(0.0, (centre - half) / (n + z**2))), float(min(1.0, (centre + half) / (n + z**2)))


def share_difference(a_yes: float, a: float, b_yes: float, b: float, confidence_level: float) -> tuple[float, float, float]:
    """Share of group a less that of group b, with Newcombe's interval [4]_."""
    (low_a, high_a), (low_b, high_b) = (wilson_interval(yes, n, confidence_level) for yes, n in ((a_yes, a), (b_yes, b)))
    p, q = a_yes / a, b_yes / b
    low = p - q - np.hypot(p - low_a, high_b - q)
    return float(p - q), float(low), float(p - q + np.hypot(high_a - p, q - low_b))


def adjusted_difference(tables: ArrayLike, confidence_level: float) -> tuple[float, float, float]:
    """Share of group a less that of group b within strata, weighted as in Mantel-Haenszel, with a normal interval."""
    tables = np.asarray(tables, float).reshape(-1, 4)
    a_yes, a_no, b_yes, b_no = tables[(tables[:, :2].sum(axis=1) > 0) & (tables[:, 2:].sum(axis=1) > 0)].T
    a, b = a_yes + a_no, b_yes + b_no
    weight = a * b / (a + b)
    if not weight.sum():
        return np.nan, -1.0, 1.0
    p, q = a_yes / a, b_yes / b
    value = (weight * (p - q)).sum() / weight.sum()
    pooled = (a_yes + b_yes) / (a + b)  # of each stratum: a share of 0 or 1 in a small group would show no spread
    variance = (weight**2 * pooled * (1 - pooled) * (1 / a + 1 / b)).sum() / weight.sum() ** 2
    half = norm.isf((1 - confidence_level) / 2) * np.sqrt(variance)
    return float(value), float(max(-1.0, value - half)), float(min(1.0, value + half))


def needed_ratio(risk_ratio: float) -> float:
    """E-value [5]_: how strongly an unmeasured trait would have to go with both, group and answer, to explain a ratio alone."""
    ratio = 1 / risk_ratio if 0 < risk_ratio < 1 else risk_ratio
    return float(ratio + np.sqrt(ratio * (ratio - 1))) if 1 <= ratio < np.inf else np.inf


def needed_for_odds(ratio: float, low: float, high: float) -> tuple[float, float]:
    """E-values of an odds ratio of a common answer, and of the end of its interval next to 1 (1 if the interval holds 1).

    The square root of the odds ratio stands for the risk ratio, as [5]_ advise where the answer is no rare one.
    """
    nearest = 1.0 if low <= 1 <= high else (low if low > 1 else high)
    return needed_ratio(np.sqrt(ratio)), needed_ratio(np.sqrt(nearest))
