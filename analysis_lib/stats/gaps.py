"""Are the distances between events more even than chance makes them? Spread, gamma shape, and a family of stretches at once.

References
----------
.. [1] Greenwood (1946), J. R. Statist. Soc. 109(2), 85-110 (the sum of squared shares of the whole).
.. [2] Pyke (1965), J. R. Statist. Soc. B 27(3), 395-449, sec. 2 (spacings of uniform points; exponential gaps given their sum).
.. [3] Choi & Wette (1969), Technometrics 11(4), 683-690 (the shape of a gamma law by maximum likelihood).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import digamma, gammaln
from scipy.stats import chi2

CELLS = 2_000_000  # exponentials drawn at a time
LEAST_CV = 1e-12  # equal gaps are taken for this, so that every tail is finite
SHAPES = (1e-6, 1e12)  # between which a gamma shape is looked for


def gap_cv(gaps: ArrayLike) -> float:
    """Standard deviation (n - 1) over the mean; 1 for exponential gaps, 0 for equal ones. At least 2 gaps, not all 0."""
    values = np.asarray(gaps, float)
    return float(values.std(ddof=1) / values.mean())


def greenwood(gaps: ArrayLike) -> float:
    """Sum of the squared shares that the gaps have of their sum [1]_; 1/n for equal ones."""
    values = np.asarray(gaps, float)
    return float((values**2).sum() / values.sum() ** 2)


def log_tail(cv: ArrayLike, n_gaps: ArrayLike) -> NDArray:
    """Logarithm of the chance that n uniform spacings are as even as this or more; never below the truth.

    Spacings with a CV of at most c fill the part of their simplex that lies within a ball around equal
    spacings. Its volume is exact while the ball fits into the simplex (c <= 1/sqrt(n), with c = sd/mean as
    in `gap_cv`), and an upper bound for larger c.
    """
    n = np.asarray(n_gaps, float)
    radius = np.log(np.maximum(np.asarray(cv, float), LEAST_CV)) + 0.5 * np.log((n - 1) / n) - 0.5 * np.log(n)
    return 0.5 * (n - 1) * np.log(np.pi) + (n - 1) * radius - gammaln((n + 1) / 2) + gammaln(n) - 0.5 * np.log(n)


def gamma_shape(gaps: ArrayLike, confidence_level: float, resolution: float = 0.0) -> tuple[float, float, float]:
    """Shape of a gamma law by maximum likelihood [3]_, with its profile interval; 1 for exponential gaps, more for even ones.

    `resolution` is the unit, in that of the gaps, to which the events' times were cut down: gaps of 0 are
    read as half of it, and gaps are never taken for more even than that unit can show.
    """
    values = np.maximum(np.asarray(gaps, float), resolution / 2)
    spread = max(float(np.log(values.mean()) - np.log(values).mean()), (resolution / values.mean()) ** 2 / 12, 1 / SHAPES[1])

    def lost(
        shape: float,
    ) -> float:  # log likelihood lost against the best shape, per gap; the best mean is the mean for every shape
        return _per_gap(best, spread) - _per_gap(shape, spread)

    best = float(np.exp(brentq(lambda x: x - digamma(np.exp(x)) - spread, *np.log(SHAPES))))
    allowed = float(chi2.ppf(confidence_level, 1)) / 2 / values.size
    low, high = (
        float(np.exp(brentq(lambda x: lost(float(np.exp(x))) - allowed, *sorted((np.log(end), np.log(best)))))) for end in SHAPES
    )
    return best, low, high


def _per_gap(shape: float, spread: float) -> float:
    return shape * (np.log(shape) - 1 - spread) - float(gammaln(shape))


def stretch_null(
    n_gaps: Sequence[int], totals: Sequence[int], resolution: int, *, n_resamples: int, rng: np.random.Generator
) -> NDArray:
    """Draw the smallest `log_tail` over all stretches if, within each, every moment was equally likely.

    Each stretch keeps its number of gaps and, up to the unit, its first and last event; the events between
    are drawn evenly [2]_, then cut down to the resolution. Stretches are drawn independently of each other.

    Parameters
    ----------
    n_gaps, totals : sequence of int
        Gaps in each stretch (at least 2) and the distance of its first event from its last, seconds (above 0).
    resolution : int
        Unit of the stamps, seconds.

    Returns
    -------
    array (n_resamples,)
    """
    sizes, lengths = np.asarray(n_gaps, np.int64), np.asarray(totals, np.int64)
    constants = log_tail(np.ones(sizes.size), sizes)
    draws = np.empty(n_resamples)
    batch = max(1, CELLS // int(sizes.sum()))
    for start in range(0, n_resamples, batch):
        stop = min(start + batch, n_resamples)
        exponentials = rng.standard_exponential((stop - start, int(sizes.sum())))
        phases = rng.random((stop - start, sizes.size, 2))
        _smallest(exponentials, phases, sizes, lengths, constants, resolution, draws[start:stop])
    return draws


@njit(cache=True, nogil=True)
def _smallest(exponentials, phases, sizes, lengths, constants, resolution, out):
    for r in range(out.size):
        best, first = np.inf, 0
        for s in range(sizes.size):
            n, whole = sizes[s], 0.0
            for i in range(n):
                whole += exponentials[r, first + i]
            start = phases[r, s, 0] * resolution
            scale = (lengths[s] + phases[r, s, 1] * resolution - start) / whole
            mean, squares, before, along = lengths[s] / n, 0.0, 0.0, 0.0
            for i in range(n):
                along += exponentials[r, first + i]
                at = np.floor((start + along * scale) / resolution) * resolution if i < n - 1 else float(lengths[s])
                squares += (at - before - mean) ** 2
                before = at
            first += n
            cv = np.sqrt(squares / (n - 1)) / mean
            best = min(best, constants[s] + (n - 1) * np.log(max(cv, LEAST_CV)))
        out[r] = best
