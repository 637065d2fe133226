"""Do shares leave their earlier trend at a cut? Several choices, strata with shares of their own, one even trend in time.

The trend is a multinomial logistic regression on the items before the cut: an intercept for each stratum and choice,
a slope for each choice. What comes after the cut is held against its extrapolation. The same is done at earlier cuts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

RIDGE = 0.01  # keeps a choice that nobody made in some stratum at a finite share
STEPS = 50
TOLERANCE = 1e-9
TIE = 1e-9
BATCH = 2000
N_FITTED = 2  # a level and a slope, which the fit has taken from the earlier bins


@dataclass(frozen=True, slots=True)
class Excess:
    """After a cut: items seen less those that the trend leads to, by choice, with the covariance of that difference and its inverse.

    Items `first` to `last` (bins, the last one not included) were held against the trend of those before `first`.
    """

    first: int
    last: int
    size: int
    apart: NDArray
    covariance: NDArray
    precision: NDArray
    statistic: float


@dataclass(frozen=True, slots=True)
class TrendTest:
    """The excess at the cut and at earlier ones, the p-value of the first, and by how much the earlier ones spread more than chance.

    `slope` is the mean change of each choice's share before the cut, for each unit of the times handed over.
    """

    actual: Excess
    placebos: tuple[Excess, ...]
    pvalue: float
    dispersion: float
    slope: NDArray
    null_draws: NDArray


@dataclass(frozen=True, slots=True)
class _Fit:
    share: NDArray  # (strata, bins, choices), beyond the bins fitted too
    information: tuple  # Cholesky factor
    design: NDArray  # (strata, bins, columns)


def _design(n_strata: int, times: NDArray) -> NDArray:
    design = np.zeros((n_strata, times.size, n_strata + 1))
    design[np.arange(n_strata), :, np.arange(n_strata)] = 1.0
    design[:, :, -1] = times
    return design


def _shares(design: NDArray, coefficients: NDArray) -> NDArray:
    eta = design @ coefficients
    eta = np.concatenate([np.zeros((*eta.shape[:-1], 1)), eta], axis=-1)
    weight = np.exp(eta - eta.max(axis=-1, keepdims=True))
    return weight / weight.sum(axis=-1, keepdims=True)


def _fit(counts: NDArray, times: NDArray, until: int) -> _Fit:
    """Penalised maximum likelihood on the bins before `until`; choice 0 is the one the others are compared with."""
    n_strata, _, n_choices = counts.shape
    design = _design(n_strata, times)
    z, y = design[:, :until].reshape(-1, n_strata + 1), counts[:, :until].reshape(-1, n_choices)
    held = y.sum(axis=1) > 0
    z, y = z[held], y[held].astype(float)
    n, width = y.sum(axis=1), z.shape[1]
    overall = np.log((y.sum(axis=0) + 0.5) / (y.sum() + 0.5 * n_choices))
    coefficients = np.zeros((width, n_choices - 1))
    coefficients[:-1] = overall[1:] - overall[0]

    def likelihood(b: NDArray) -> float:
        return float((y * np.log(np.maximum(_shares(z, b), 1e-300))).sum() - RIDGE / 2 * (b**2).sum())

    reached = likelihood(coefficients)
    for _ in range(STEPS):
        share = _shares(z, coefficients)
        gradient = z.T @ (y - n[:, None] * share)[:, 1:] - RIDGE * coefficients
        step = cho_solve(_information(z, n, share), gradient.T.ravel()).reshape(n_choices - 1, width).T
        scale = 1.0
        while scale > 1e-6 and (now := likelihood(coefficients + scale * step)) < reached - TOLERANCE:
            scale /= 2
        coefficients, gain = coefficients + scale * step, now - reached
        reached = now
        if gain < TOLERANCE:
            break
    return _Fit(_shares(design, coefficients), _information(z, n, _shares(z, coefficients)), design)


def _information(z: NDArray, n: NDArray, share: NDArray) -> tuple:
    """Cholesky factor of the penalised information; every row of `z` has one stratum and a time, so sums by stratum are enough."""
    width, m = z.shape[1], share.shape[1] - 1
    stratum, time = z[:, :-1].argmax(axis=1), z[:, -1]
    level = np.arange(width - 1)
    found = np.zeros((m, width, m, width))
    for c in range(m):
        for d in range(m):
            weight = n * share[:, c + 1] * ((c == d) - share[:, d + 1])
            found[c, level, d, level] = np.bincount(stratum, weight, width - 1)
            found[c, :-1, d, -1] = found[c, -1, d, :-1] = np.bincount(stratum, weight * time, width - 1)
            found[c, -1, d, -1] = (weight * time**2).sum()
    flat = found.reshape(m * width, m * width)
    flat[np.diag_indices_from(flat)] += RIDGE
    return cho_factor(flat)


def _spread(n: NDArray, share: NDArray) -> NDArray:
    """Sum of the multinomial covariances of cells."""
    weighted = n[:, None] * share
    return np.diag(weighted.sum(axis=0)) - weighted.T @ share


def _excess(counts: NDArray, times: NDArray, first: int, last: int) -> tuple[Excess, _Fit, NDArray]:
    """The excess of bins `first` to `last`, the fit, and the weight of every earlier item in it: (strata, bins, choices, choices)."""
    n_strata, _, n_choices = counts.shape
    fit = _fit(counts, times, first)
    after = counts[:, first:last].reshape(-1, n_choices).sum(axis=1).astype(float)
    share = fit.share[:, first:last].reshape(-1, n_choices)
    z = fit.design[:, first:last].reshape(-1, n_strata + 1)
    apart = counts[:, first:last].reshape(-1, n_choices).sum(axis=0) - (after[:, None] * share).sum(axis=0)
    # Change of the extrapolated sums with the coefficients, choice by choice.
    jacobian = np.stack(
        [
            np.concatenate([(after * share[:, c] * ((c == d) - share[:, d])) @ z for d in range(1, n_choices)])
            for c in range(n_choices)
        ]
    )
    learnt = cho_solve(fit.information, jacobian.T).T.reshape(n_choices, n_choices - 1, n_strata + 1)
    weight = np.zeros((n_strata, first, n_choices, n_choices))
    weight[:, :, 1:, :] = -np.tensordot(fit.design[:, :first], learnt, axes=(2, 2)).swapaxes(2, 3)
    n_before = counts[:, :first].sum(axis=2)
    covariance = _spread(after, share) + _covariance(n_before, fit.share[:, :first], weight)
    covariance = (covariance + covariance.T) / 2
    precision = np.linalg.pinv(covariance, rcond=1e-9, hermitian=True)
    excess = Excess(first, last, int(after.sum()), apart, covariance, precision, float(apart @ precision @ apart))
    return excess, fit, weight


def _covariance(n: NDArray, share: NDArray, weight: NDArray) -> NDArray:
    """Covariance of weighted sums over multinomial cells; weight: (strata, bins, choices, sums)."""
    n, share = n.reshape(-1).astype(float), share.reshape(-1, share.shape[-1])
    weight = weight.reshape(*share.shape, -1)
    mean = np.matmul(share[:, None, :], weight)[:, 0]
    flat = weight.reshape(share.size, -1)
    return flat.T @ ((n[:, None] * share).reshape(-1, 1) * flat) - mean.T @ (n[:, None] * mean)


def placebo_cuts(counts: NDArray, cut: int, n_placebos: int, fewest: int) -> list[tuple[int, int]]:
    """Earlier cuts, evenly over the later part of the items before the cut, each followed by about as many items as the real one.

    As many items as follow, and at least `fewest`, must come before. Bins are not split, so there may be fewer cuts.
    """
    before, late = counts[:, :cut].sum(axis=(0, 2)).cumsum(), int(counts[:, cut:].sum())
    size = min(late, int(before[-1]) // 3)
    found: dict[int, int] = {}
    for position in np.linspace(max(fewest, before[-1] / 4), before[-1] - size, n_placebos):
        first = int(np.searchsorted(before, position - 1e-9)) + 1
        if not 3 <= first < cut:
            continue
        last = min(cut, int(np.searchsorted(before, before[first - 1] + size - 1e-9)) + 1)
        if first < last and before[last - 1] - before[first - 1] >= fewest and before[first - 1] >= fewest:
            found.setdefault(first, last)
    return sorted(found.items())


def trend_test(
    counts: NDArray, times: NDArray, cut: int, *, n_placebos: int, fewest: int, n_resamples: int, rng: np.random.Generator
) -> TrendTest:
    """Test whether the shares of the items from bin `cut` on are those that the earlier ones' trend leads to.

    Parameters
    ----------
    counts : array of int (strata, bins, choices)
        In order of time; every choice made at least once before the cut, and every stratum met there.
    times : array (bins,)
        Middle of each bin, rising; any unit, which is that of the slope too.
    n_placebos, fewest : int
        Earlier cuts to try; fewest items on either side of one.

    Returns
    -------
    TrendTest
        Statistic: the excess over its covariance (as a chi-square), over the dispersion: how much more than by chance the
        earlier bins stray. p-value by simulation: items after the cut multinomial, sums of earlier ones normal.
    """
    span = max(times[cut - 1] - times[0], 1e-12)
    times = (times - times[cut - 1]) / span
    actual, fit, weight = _excess(counts, times, cut, counts.shape[1])
    tried = [_excess(counts, times, *cuts) for cuts in placebo_cuts(counts, cut, n_placebos, fewest)]
    df = max(1, np.linalg.matrix_rank(actual.covariance, tol=1e-9 * max(1.0, np.trace(actual.covariance)), hermitian=True))
    noise = _noise(counts, fit.share, cut, df, [excess for excess, _, _ in tried])
    draws = _draws(counts, cut, fit, weight, tried, actual, noise, n_resamples, rng)
    seen = np.array([excess.apart for excess, _, _ in tried]).reshape(1, len(tried), counts.shape[2])
    fitted = counts[:, :cut].sum(axis=2)[:, :, None] * fit.share[:, :cut]
    strays = (counts[:, :cut] - fitted).sum(axis=0)[None]
    dispersion = float(noise.dispersion(seen, strays, N_FITTED)[0])
    pvalue = (1 + np.count_nonzero(draws >= actual.statistic / dispersion - TIE)) / (n_resamples + 1)
    before = counts[:, :cut].sum(axis=2)
    change = fit.share[:, 1:cut] - fit.share[:, : cut - 1]
    steps = span * np.maximum(np.diff(times[:cut]), 1e-12)
    slope = np.einsum("st,stc->c", before[:, 1:], change / steps[None, :, None]) / max(1, before[:, 1:].sum())
    return TrendTest(actual, tuple(e for e, _, _ in tried), float(pvalue), dispersion, slope, draws)


@dataclass(frozen=True, slots=True)
class _Noise:
    """How the spread past chance is learnt: from the excess at earlier cuts, and from how choices clump in earlier bins.

    Choices that clump in time (a canvass, a hall) make a short late stretch stray more than single choices would; the
    correlation within bins is carried over to the items after the cut, which lie in few bins.
    """

    df: int
    placebos: tuple[NDArray, ...]  # precisions
    bins: NDArray  # precisions (bins, choices, choices)
    size: NDArray  # items of each bin
    clump: float  # mean number of others in the bin of an item after the cut

    def dispersion(self, excess: NDArray, apart: NDArray, n_fitted: int) -> NDArray:
        """At least 1: (draws, placebos, choices) and (draws, bins, choices) to (draws,)."""
        earlier = np.ones(len(excess))
        if self.placebos:
            found = [(excess[:, k] @ one * excess[:, k]).sum(axis=1) for k, one in enumerate(self.placebos)]
            earlier = np.mean(found, axis=0) / self.df
        clumped = (np.matmul(apart.swapaxes(0, 1), self.bins).swapaxes(0, 1) * apart).sum(axis=(1, 2)) / self.df
        correlation = (clumped - (self.size.size - n_fitted)) / max(1.0, (self.size - 1).sum())
        return np.maximum(1.0, np.maximum(earlier, 1 + self.clump * correlation))


def _noise(counts: NDArray, share: NDArray, cut: int, df: int, placebos: Sequence[Excess]) -> _Noise:
    n = counts.sum(axis=2).astype(float)
    weighted = n[:, :cut, None] * share[:, :cut]
    covariance = -np.einsum("stc,std->tcd", weighted, share[:, :cut])
    diagonal = np.arange(share.shape[2])
    covariance[:, diagonal, diagonal] += weighted.sum(axis=0)
    after = n[:, cut:].sum(axis=0)
    return _Noise(
        df, tuple(one.precision for one in placebos), np.linalg.pinv(covariance, rcond=1e-9, hermitian=True), n[:, :cut].sum(axis=0),
        float((after * (after - 1)).sum() / max(1.0, after.sum())),
    )  # fmt: skip


def _draws(
    counts: NDArray, cut: int, fit: _Fit, weight: NDArray, tried: Sequence[tuple[Excess, _Fit, NDArray]], actual: Excess, noise: _Noise,
    n_resamples: int, rng: np.random.Generator,
) -> NDArray:  # fmt: skip
    """Null draws of the statistic, each with the dispersion that its own earlier bins show."""
    n_strata, _, n_choices = counts.shape
    n, share = counts[:, :cut].sum(axis=2), fit.share[:, :cut]
    sums = [_padded(weight, cut)]
    for excess, _, own in tried:
        padded = _padded(own, cut)
        padded[:, excess.first : excess.last] += np.eye(n_choices)
        sums.append(padded)
    of_bins = np.broadcast_to(
        np.einsum("tu,cd->tcud", np.eye(cut), np.eye(n_choices)).reshape(cut, n_choices, -1),
        (n_strata, cut, n_choices, cut * n_choices),
    )
    joint = _covariance(n, share, np.concatenate([*sums, of_bins], axis=-1))
    values, vectors = np.linalg.eigh((joint + joint.T) / 2)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    after = counts[:, cut:].sum(axis=2)
    draws = np.empty(n_resamples)
    for start in range(0, n_resamples, BATCH):
        size = min(BATCH, n_resamples - start)
        drawn = (rng.standard_normal((size, root.shape[1])) @ root.T).reshape(size, len(sums) + cut, n_choices)
        late = drawn[:, 0]
        for s in range(n_strata):
            total = int(after[s].sum())
            if total:
                mean = (after[s][:, None] * fit.share[s, cut:]).sum(axis=0) / total
                late = late + rng.multinomial(total, mean / mean.sum(), size=size) - total * mean
        dispersion = noise.dispersion(drawn[:, 1 : len(sums)], drawn[:, len(sums) :], 0)
        draws[start : start + size] = (late @ actual.precision * late).sum(axis=1) / dispersion
    return draws


def _padded(weight: NDArray, cut: int) -> NDArray:
    return np.pad(weight, ((0, 0), (0, cut - weight.shape[1]), (0, 0), (0, 0)))
