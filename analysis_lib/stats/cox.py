"""Proportional hazards on rows (start, stop]: whose event comes sooner among those at risk at the same instant?

References
----------
.. [1] Cox (1972), J. R. Statist. Soc. B 34, 187-220, section 5 (the likelihood).
.. [2] Efron (1977), J. Amer. Statist. Assoc. 72, 557-565, section 6 (events at the same instant).
.. [3] Andersen & Gill (1982), Ann. Statist. 10, 1100-1120 (rows that come and go, covariates that change).
.. [4] Heinze & Schemper (2001), Biometrics 57, 114-119 (a likelihood that grows without end).
.. [5] Grambsch & Therneau (1994), Biometrika 81, 515-526, sections 2 and 3 (does an effect change with time?).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2, rankdata

from analysis_lib.errors import ParameterError, TooFewObservations
from analysis_lib.stats.cox_kernels import likelihood

MOST_STEPS = 200
MOST_HALVINGS = 40
CONVERGED = 1e-10  # log likelihood that a step would still gain, twice
ROUNDING = 1e-11  # of the log likelihood
LONGEST = 5.0  # log hazard ratio, from the lowest to the highest row, by which a step may change it
STILL_MOVING = 0.05  # the same, of a step that gains nothing: the coefficient has no end
FAR = 10.0  # the same, beyond which it has none, and has not merely been outweighed
FARTHEST = 60.0  # the same, beyond the fit, up to which an end of an interval is looked for
SINGULAR = 1e-10  # smallest eigenvalue of the information as correlations
FORGOTTEN = 1e-8  # share of a coefficient's information that is left
EPSILON, TINY = np.finfo(float).eps, 1e-200
TRANSFORMS = ("km", "rank")


@dataclass(frozen=True, slots=True, eq=False)
class RiskRows:
    """Rows made ready by `risk_rows`: covariates centred within strata and in standard deviations, cells instead of times."""

    start: NDArray
    stop: NDArray
    event: NDArray
    x: NDArray
    stratum: NDArray
    first: NDArray
    last: NDArray
    n_cells: int
    scale: NDArray
    reach: NDArray = field(repr=False)  # of each covariate in x, highest less lowest within a stratum
    null: tuple = field(repr=False)  # likelihood with all coefficients at 0

    def at(self, coefficients: NDArray) -> tuple[float, NDArray, NDArray, NDArray]:
        """Log likelihood, gradient, information and mean covariates at coefficients of `x`."""
        rows = (self.x, self.first, self.last, self.event, self.stratum)
        return likelihood(*rows, int(self.stratum.max()) + 1, self.n_cells, coefficients)


@dataclass(frozen=True, slots=True, eq=False)
class CoxFit:
    """A fitted model. A coefficient is the log hazard ratio of one unit more: above 0 the event comes sooner.

    A coefficient is infinite where the likelihood grows without end (every event of one kind of row, or none [4]_); its
    variance is infinite too, its covariances not a number, and the log likelihood is the limit. A coefficient is not a
    number where one without end outweighs it at every event.
    """

    coefficients: NDArray
    covariance: NDArray
    log_likelihood: float
    null_log_likelihood: float
    n_events: int
    n_rows: int
    iterations: int


@dataclass(frozen=True, slots=True, eq=False)
class Proportionality:
    """Whether effects change with time: for each covariate and for all together.

    `correlations` are between scaled residuals and time: above 0, the effect grows.
    """

    correlations: NDArray
    statistics: NDArray
    pvalues: NDArray
    overall: float
    overall_pvalue: float


def risk_rows(
    start: ArrayLike, stop: ArrayLike, event: ArrayLike, covariates: ArrayLike, strata: ArrayLike | None = None
) -> RiskRows:
    """Make rows ready to be fitted, once for all that is asked of them.

    Times that are equal must be equal numbers: whole units are safe, sums of fractions are not.

    Parameters
    ----------
    start, stop : array (n,)
        From when (not included) until when (included) each row is at risk, in any one unit. One person may have several
        rows that do not overlap, with other covariates in each.
    event : array of bool (n,)
        Whether the event came at `stop`; otherwise the row ends there for another reason, which must not hang on the risk.
    covariates : array (n, k)
        What may change the risk, as it was over the row. Never what was known only later.
    strata : array (n,), optional
        Rows are compared within strata alone.

    Raises
    ------
    ParameterError
        Rows of different length, without duration or with gaps; a covariate that tells nothing, or nothing the others don't.
    TooFewObservations
        No event.
    """
    start, stop, event = np.asarray(start), np.asarray(stop), np.asarray(event).astype(bool)
    x = np.asarray(covariates, float)
    strata = np.zeros(start.size) if strata is None else np.asarray(strata)
    _check(start, stop, event, x, strata)
    codes = np.unique(strata, return_inverse=True)[1].reshape(-1)
    instants = np.unique(stop[event])
    earliest, past = (np.searchsorted(instants, time, side="right") for time in (start, stop))
    cells = np.unique(codes[event] * instants.size + past[event] - 1)
    first, last = (np.searchsorted(cells, codes * instants.size + at) for at in (earliest, past))
    order = np.lexsort((first, last))  # neighbours in time are neighbours in memory
    x, scale, reach = _centred(x[order], codes[order], (first < last)[order])
    parts = [values[order] for values in (start, stop, event)]
    places = [np.ascontiguousarray(values[order], np.int64) for values in (codes, first, last)]
    common = (*parts, x, *places, cells.size, scale, reach)
    null = RiskRows(*common, ()).at(np.zeros(x.shape[1]))
    _check_information(null[2], int(event.sum()))
    return RiskRows(*common, null)


def _check(start: NDArray, stop: NDArray, event: NDArray, x: NDArray, strata: NDArray) -> None:
    if x.ndim != 2 or x.shape[1] == 0 or not start.shape == stop.shape == event.shape == strata.shape == x.shape[:1]:
        shapes = ", ".join(str(values.shape) for values in (start, stop, event, strata, x))
        raise ParameterError(
            f"Rows of different shapes: {shapes}. Expected start, stop, event and strata of n values each and covariates (n, k)."
        )
    if not (np.isfinite(start).all() and np.isfinite(stop).all() and np.isfinite(x).all()):
        raise ParameterError("A time or a covariate is missing or infinite. Leave such rows out and count them.")
    without = int((start >= stop).sum())
    if without:
        raise ParameterError(
            f"{without} of {start.size} rows do not stop after they start. A row needs a duration; give an event at its very "
            "start the smallest unit of time, or leave it out and count it."
        )
    if not event.any():
        raise TooFewObservations(
            f"No event in {start.size} rows; at least one is needed. Choose a longer time, or fewer exclusions."
        )


def _centred(x: NDArray, codes: NDArray, counts: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Covariates less their mean within the stratum, in standard deviations; those deviations; and how far they reach."""
    k = x.shape[1]
    x = x - x[np.unique(codes, return_index=True)[1]][codes]  # exact: what is constant becomes 0 and stays it
    size = np.maximum(np.bincount(codes), 1)
    means = np.column_stack([np.bincount(codes, x[:, a]) / size for a in range(k)])
    x = x - means[codes]
    scale = np.sqrt((x**2).mean(axis=0))
    for a in np.flatnonzero(scale == 0):
        raise ParameterError(_same(a, k))
    x /= scale
    reach = np.zeros(k)
    inside = x[counts]
    order = np.argsort(codes[counts], kind="stable")
    starts = np.unique(codes[counts][order], return_index=True)[1]
    for a in range(k):
        ordered = inside[order, a]
        reach[a] = (np.maximum.reduceat(ordered, starts) - np.minimum.reduceat(ordered, starts)).max()
    return np.ascontiguousarray(x), scale, reach


def _same(a: int, k: int) -> str:
    return (
        f"Covariate {a + 1} of {k} is the same for all who are at risk at the same instant, at every event, so its effect "
        "cannot be told. Leave it out, or use coarser strata."
    )


def _check_information(information: NDArray, n_events: int) -> None:
    k, diagonal = len(information), np.diag(information)
    for a in np.flatnonzero(diagonal <= ROUNDING * n_events):
        raise ParameterError(_same(a, k))
    values, vectors = np.linalg.eigh(information / np.sqrt(np.outer(diagonal, diagonal)))
    if values[0] < SINGULAR:
        alike = ", ".join(str(a + 1) for a in np.flatnonzero(np.abs(vectors[:, 0]) > 1e-4))
        raise ParameterError(f"Of {k} covariates, those numbered {alike} say the same among them. Leave one of them out.")


def _step(rows: RiskRows, gradient: NDArray, information: NDArray, free: NDArray) -> NDArray:
    """Newton's step of the free coefficients, 0 for the others; no longer than `LONGEST` where the likelihood is flat."""
    reach = rows.reach[free]
    curvature, directions = np.linalg.eigh(information[np.ix_(free, free)] / np.outer(reach, reach))
    slope = directions.T @ (gradient[free] / reach)
    size = slope / np.maximum(curvature, np.maximum(np.abs(slope) / LONGEST, TINY))
    step = np.zeros(gradient.size)
    step[free] = directions @ size / reach
    return step


def _unit(information: NDArray) -> NDArray:
    """What makes the information's diagonal 1; what has none left but rounding stays small."""
    diagonal = np.diag(information)
    return 1 / np.sqrt(np.maximum(diagonal, max(EPSILON * diagonal.max(), TINY)))


def _newton(rows: RiskRows, coefficients: NDArray, free: NDArray) -> tuple[NDArray, tuple, NDArray, int]:
    """Largest likelihood over the free coefficients: where, its value and derivatives, the last step, and how many steps."""
    here, step, steps = rows.at(coefficients), np.zeros(coefficients.size), 0
    if not np.isfinite(here[0]):  # so far out that a risk is 0 to the computer; nearer in it is not
        coefficients = np.where(np.isin(np.arange(step.size), free), 0.0, coefficients)
        here = rows.at(coefficients)
    while free.size and steps < MOST_STEPS:
        step = _step(rows, here[1], here[2], free)
        gain = here[1] @ step
        for _ in range(MOST_HALVINGS):
            there = rows.at(coefficients + step)
            if np.isfinite(there[0]) and there[0] >= here[0] - ROUNDING * (1 + abs(here[0])):
                coefficients, here = coefficients + step, there
                break
            step = step / 2
        steps += 1
        if not gain > CONVERGED:
            break
    return coefficients, here, step, steps


def _inverse(information: NDArray) -> NDArray:
    unit = _unit(information)
    return np.linalg.pinv(information * np.outer(unit, unit), hermitian=True) * np.outer(unit, unit)


def _settled(rows: RiskRows, information: NDArray, step: NDArray) -> NDArray:
    """Which coefficients stand still where a step gains nothing, and still matter there."""
    stands = np.abs(step) * rows.reach <= STILL_MOVING
    return stands & (np.diag(information) >= FORGOTTEN * np.diag(rows.null[2]))


def fit_cox(rows: RiskRows) -> CoxFit:
    """Fit the coefficients of all covariates, with ties after Efron [2]_.

    Their variances suppose large samples; for an interval take `profile_interval`.
    """
    k = rows.reach.size
    coefficients, (value, _, information, _), step, iterations = _newton(rows, np.zeros(k), np.arange(k))
    settled = _settled(rows, information, step)
    endless = ~settled & (np.abs(coefficients) * rows.reach > FAR)
    covariance = np.full((k, k), np.nan)
    if settled.any():
        block = np.ix_(settled, settled)
        covariance[block] = (_inverse(information[block])) / np.outer(rows.scale, rows.scale)[block]
    covariance[endless, endless] = np.inf
    coefficients = np.where(settled, coefficients / rows.scale, np.where(endless, np.copysign(np.inf, coefficients), np.nan))
    counts = (int(rows.event.sum()), rows.event.size)
    return CoxFit(coefficients, covariance, float(value), float(rows.null[0]), *counts, iterations)


def profile_interval(rows: RiskRows, fit: CoxFit, coefficient: int, confidence_level: float) -> tuple[float, float]:
    """Interval of one coefficient (a log hazard ratio) from the likelihood, the others fitted anew at each value.

    An end is infinite where the data set no limit on that side: no value, however far out, is too unlikely.
    """
    if not 0 < confidence_level < 1:
        raise ParameterError(f"confidence_level is {confidence_level}; expected a number between 0 and 1, as 0.95.")
    return _end(rows, fit, coefficient, confidence_level, -1), _end(rows, fit, coefficient, confidence_level, 1)


def _end(rows: RiskRows, fit: CoxFit, j: int, confidence_level: float, side: int) -> float:
    """One end: where the signed root of the likelihood ratio, nearly a straight line, reaches its quantile."""
    best = np.nan_to_num(fit.coefficients[j], nan=0.0, posinf=np.inf, neginf=-np.inf) * rows.scale[j]
    if best == side * np.inf:
        return side * np.inf
    wanted = np.sqrt(chi2.isf(1 - confidence_level, 1))
    farthest = FARTHEST / rows.reach[j] + (4 * abs(best) if np.isfinite(best) else 0.0)
    others = np.delete(np.arange(rows.reach.size), j)
    inside, outside = best, None
    at = best + side * wanted * np.sqrt(fit.covariance[j, j]) * rows.scale[j] if np.isfinite(fit.coefficients[j]) else 0.0
    coefficients = np.where(np.isfinite(fit.coefficients), fit.coefficients * rows.scale, 0.0)
    for _ in range(MOST_STEPS):
        at = float(np.clip(at, -farthest, farthest))
        coefficients[j] = at
        coefficients, (value, gradient, _, _), _, _ = _newton(rows, coefficients, others)
        root = np.sqrt(max(0.0, 2 * (fit.log_likelihood - value)))
        if abs(root - wanted) <= 1e-10:
            break
        if root < wanted:
            if at == side * farthest:
                return side * np.inf
            inside = at
        else:
            outside = at
        slope = -side * gradient[j]
        towards = at + side * (wanted - root) * root / slope if slope > 0 else np.nan
        at = _between(towards, inside, outside, side, rows.reach[j])
        if outside is not None and abs(outside - inside) <= 1e-12 * (1 + abs(outside)):
            break
    return float(at / rows.scale[j])


def _between(towards: float, inside: float, outside: float | None, side: int, reach: float) -> float:
    """The next value to try: Newton's if it stays between what is inside and what is outside, else the middle."""
    if outside is None:
        longest = max(4 * LONGEST / reach, abs(inside))
        return inside + side * (min(side * (towards - inside), longest) if side * (towards - inside) > 0 else longest)
    if side * (towards - inside) > 0 and side * (outside - towards) > 0:
        return towards
    return (inside + outside) / 2 if np.isfinite(inside) else outside - side * LONGEST / reach


def score_test(rows: RiskRows, coefficient: int | None = None) -> tuple[float, float]:
    """Chi-square statistic and p-value of no effect: of one covariate given the others, or of all together (None).

    It needs no fit of what it tests, so it stands where a coefficient is infinite.
    """
    k = rows.reach.size
    if coefficient is None:
        _, gradient, information, _ = rows.null
        statistic = float(gradient @ _inverse(information) @ gradient)
        return statistic, float(chi2.sf(statistic, k))
    _, (_, gradient, information, _), step, _ = _newton(rows, np.zeros(k), np.delete(np.arange(k), coefficient))
    kept = np.flatnonzero(_settled(rows, information, step))
    if coefficient not in kept:  # outweighed by one without end: nothing is left to tell it by
        return 0.0, 1.0
    at = int(np.flatnonzero(kept == coefficient)[0])
    statistic = float(gradient[coefficient] ** 2 * _inverse(information[np.ix_(kept, kept)])[at, at])
    return statistic, float(chi2.sf(statistic, 1))


def proportionality(rows: RiskRows, fit: CoxFit, transform: str = "km") -> Proportionality:
    """Ask whether hazard ratios change with time, by the slope of scaled Schoenfeld residuals [5]_.

    This is the test of the paper, which takes the variance of the residuals as the same at each event, as R's cox.zph did
    before version 3.0 of survival; R now does a score test, whose numbers differ a little.

    Parameters
    ----------
    transform : {"km", "rank"}
        Time as one less the share without event just before it (all strata together), or as the rank among the events.

    Raises
    ------
    ParameterError
        An unknown transform.
    TooFewObservations
        A coefficient without end, or all events at one instant.
    """
    if transform not in TRANSFORMS:
        raise ParameterError(f"There is no transform {transform!r}. Expected one of: {', '.join(TRANSFORMS)}.")
    if not np.isfinite(fit.coefficients).all():
        raise TooFewObservations("A coefficient has no end, so its change with time cannot be told. Leave that covariate out.")
    times, n_events = rows.stop[rows.event], int(rows.event.sum())
    time = rankdata(times) if transform == "rank" else _without_event(rows, times)
    time = time - time.mean()
    spread = time @ time
    if spread == 0:
        raise TooFewObservations(f"All {n_events} events came at the same instant; at least two instants are needed.")
    _, _, information, means = rows.at(fit.coefficients * rows.scale)
    residuals = rows.x[rows.event] - means[rows.last[rows.event] - 1]
    covariance = _inverse(information)
    slope, scaled = time @ residuals, residuals @ covariance
    statistics = n_events * (slope @ covariance) ** 2 / (np.diag(covariance) * spread)
    overall = float(n_events * slope @ covariance @ slope / spread)
    sizes = np.sqrt(spread * ((scaled - scaled.mean(axis=0)) ** 2).sum(axis=0))
    return Proportionality(
        correlations=np.divide(time @ scaled, sizes, out=np.zeros_like(sizes), where=sizes > 0),
        statistics=statistics,
        pvalues=chi2.sf(statistics, 1),
        overall=overall,
        overall_pvalue=float(chi2.sf(overall, residuals.shape[1])),
    )


def _without_event(rows: RiskRows, times: NDArray) -> NDArray:
    """One less the Kaplan-Meier share without event just before each of some times."""
    instants, n_events = np.unique(times, return_counts=True)
    at_risk = np.searchsorted(np.sort(rows.start), instants) - np.searchsorted(np.sort(rows.stop), instants)
    share = np.concatenate([[1.0], np.cumprod(1 - n_events / at_risk)[:-1]])
    return 1 - share[np.searchsorted(instants, times)]
