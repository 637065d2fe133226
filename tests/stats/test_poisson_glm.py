"""Poisson regression, against R, against a general optimiser, and on counts drawn from known rates."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference import held
from scipy.optimize import minimize
from scipy.stats import chi2

from analysis_lib.stats.poisson_glm import fit_poisson

STEADY = settings(deadline=None, derandomize=True, max_examples=60)


def harmonics(hour):
    return [wave(2 * np.pi * k * hour / 24) for k in (1, 2) for wave in (np.sin, np.cos)]


# 1. Reference numbers


def test_two_weeks_of_hourly_counts_agree_with_r():
    hour, count = held.column("hourly_counts.csv", "hour"), held.column("hourly_counts.csv", "count").astype(float)
    later_days = [(hour // 24 == day).astype(float) for day in range(1, 14)]
    design = np.column_stack([np.ones(hour.size), *harmonics(hour), *later_days])
    fit = fit_poisson(count, design, np.zeros(hour.size))
    mean = np.exp(design @ fit.coefficients)
    assert fit.coefficients[:5].tolist() == held.number("R11.coefficients")
    assert fit.deviance == held.number("R11.deviance")
    assert ((count - mean) ** 2 / mean).sum() == held.number("R11.pearson")
    # Deviance residuals over sqrt(1 - leverage), as R's rstandard gives them.
    weighted = design * np.sqrt(mean)[:, None]
    leverage = np.einsum("ij,ji->i", weighted, np.linalg.pinv(weighted))
    lost = 2 * (np.where(count > 0, count * np.log(np.maximum(count, 1) / mean), 0) - (count - mean))
    residual = np.sign(count - mean) * np.sqrt(lost) / np.sqrt(1 - leverage)
    assert int(np.argmax(residual)) == held.number("R11.largest_residual_hour")
    assert residual.max() == held.number("R11.largest_residual")


# 2. Another road


@st.composite
def tables(draw):
    """Small counts with ties, in no order, two covariates and an exposure."""
    n = draw(st.integers(6, 15))
    counts = np.array(draw(st.lists(st.integers(0, 6), min_size=n, max_size=n).filter(lambda c: sum(c) > 3)), float)
    columns = [draw(st.lists(st.integers(-2, 2), min_size=n, max_size=n).filter(lambda c: len(set(c)) > 2)) for _ in range(2)]
    design = np.column_stack([np.ones(n), *columns])
    offset = np.log(draw(st.lists(st.integers(1, 5), min_size=n, max_size=n)))
    return counts, design, offset


def smooth(case):
    """Whether the largest likelihood lies at finite coefficients, by a general optimiser; and where."""
    counts, design, offset = case

    def loss(coefficients):
        eta = np.clip(offset + design @ coefficients, -700, 50)
        return np.exp(eta).sum() - counts @ eta, design.T @ (np.exp(eta) - counts)

    found = minimize(loss, np.zeros(design.shape[1]), jac=True, method="BFGS", options={"gtol": 1e-9})
    return np.linalg.matrix_rank(design) == design.shape[1] and np.abs(found.x).max() < 8, found.x


@STEADY
@given(tables())
def test_the_fit_is_where_a_general_optimiser_ends(case):
    finite, expected = smooth(case)
    assume(finite)
    assert fit_poisson(*case).coefficients == pytest.approx(expected, abs=1e-4)


def test_groups_have_a_closed_form():
    counts = np.array([3.0, 0, 5, 2, 2, 7])
    group = np.array([2, 0, 1, 0, 2, 1])
    exposure = np.array([2.0, 1, 4, 3, 3, 5])
    fit = fit_poisson(counts, np.eye(3)[group], np.log(exposure))
    assert fit.coefficients == pytest.approx(np.log([2 / 4, 12 / 9, 5 / 5]), abs=1e-9)


# 3. Properties


@STEADY
@given(tables(), st.randoms(use_true_random=False), st.floats(0.2, 5), st.floats(-3, 3))
def test_row_order_column_order_units_and_exposure(case, random, unit, shift):
    assume(smooth(case)[0])
    counts, design, offset = case
    fit, rows = fit_poisson(*case), random.sample(range(counts.size), counts.size)
    near = {"abs": 1e-4}
    assert fit_poisson(counts[rows], design[rows], offset[rows]).coefficients == pytest.approx(fit.coefficients, **near)
    assert fit_poisson(counts, design[:, ::-1], offset).coefficients == pytest.approx(fit.coefficients[::-1], **near)
    assert fit_poisson(counts, design * [1, unit, 1], offset).coefficients == pytest.approx(
        fit.coefficients / [1, unit, 1], **near
    )
    assert fit_poisson(counts, design, offset + shift).coefficients == pytest.approx(fit.coefficients - [shift, 0, 0], **near)
    assert fit_poisson(counts, design, offset + shift).deviance == pytest.approx(fit.deviance, abs=1e-6)


@STEADY
@given(tables())
def test_the_fit_gives_back_every_column_total_and_never_a_negative_deviance(case):
    assume(smooth(case)[0])
    counts, design, offset = case
    fit = fit_poisson(*case)
    mean = np.exp(offset + design @ fit.coefficients)
    assert design.T @ mean == pytest.approx(design.T @ counts, abs=1e-3)
    assert fit.deviance >= -1e-9
    alone = fit_poisson(counts, design[:, :1], offset)
    assert fit.deviance <= alone.deviance + 1e-6


def test_a_coefficient_for_every_cell_loses_nothing():
    counts = np.array([4.0, 1.0, 9.0])
    fit = fit_poisson(counts, np.eye(3), np.zeros(3))
    assert fit.deviance == pytest.approx(0.0, abs=1e-9)
    assert np.exp(fit.coefficients) == pytest.approx(counts)


# 4. and 5. Counts drawn from known rates


def test_estimates_scatter_about_the_truth_as_theory_says():
    # The quadratic form of the error in the information matrix is chi-squared with as many degrees as coefficients.
    draw = np.random.default_rng(51)
    hour = np.arange(240)
    design = np.column_stack([np.ones(hour.size), *harmonics(hour)])
    truth, offset = np.array([1.5, -0.6, -0.4, 0.2, 0.0]), np.log(draw.integers(1, 4, hour.size))
    rate = np.exp(offset + design @ truth)
    information = design.T @ (design * rate[:, None])
    errors = np.array([fit_poisson(draw.poisson(rate).astype(float), design, offset).coefficients - truth for _ in range(400)])
    beyond = chi2.sf(np.einsum("ri,ij,rj->r", errors, information, errors), 5)
    for level in (0.05, 0.2, 0.5):
        assert abs((beyond <= level).mean() - level) <= 3 * np.sqrt(level * (1 - level) / 400)


# 6. Edges


def test_a_day_on_which_nothing_happened_is_never_and_not_an_error():
    day = np.repeat(np.arange(3), 4)
    counts = np.array([2.0, 1, 4, 1, 0, 0, 0, 0, 3, 3, 0, 2])
    fit = fit_poisson(counts, np.eye(3)[day], np.zeros(12))
    assert np.exp(fit.coefficients[[0, 2]]) == pytest.approx([2.0, 2.0])
    assert np.exp(fit.coefficients[1]) < 1e-6
    assert np.isfinite(fit.coefficients).all()


def test_events_in_one_cell_alone_drive_no_rate_to_nought_over_nought():
    covariate, counts = np.array([27.0, -6, 28, -3, 3]), np.array([0.0, 0, 6, 0, 0])
    design = np.column_stack([np.ones(5), covariate])
    fit = fit_poisson(counts, design, np.zeros(5))
    assert np.isfinite(fit.coefficients).all()
    assert np.exp(design @ fit.coefficients) == pytest.approx(counts, abs=1e-3)


@pytest.mark.parametrize("scale", [1e3, 1e9])
def test_a_silent_day_beside_very_busy_ones(scale):
    day = np.repeat(np.arange(3), 4)
    counts = np.array([2.0, 1, 4, 1, 0, 0, 0, 0, 3, 3, 0, 2]) * scale
    fit = fit_poisson(counts, np.eye(3)[day], np.full(12, np.log(scale)))
    assert np.exp(fit.coefficients[[0, 2]]) == pytest.approx([2.0, 2.0])
    assert np.exp(fit.coefficients[1]) < 1e-6


def test_no_event_anywhere_and_a_single_cell():
    empty = fit_poisson(np.zeros(5), np.ones((5, 1)), np.zeros(5))
    assert np.exp(empty.coefficients[0]) < 1e-6
    assert empty.deviance == pytest.approx(0.0, abs=1e-6)
    one = fit_poisson(np.array([7.0]), np.ones((1, 1)), np.log([2.0]))
    assert np.exp(one.coefficients) == pytest.approx([3.5])


def test_a_column_of_zeros_gets_no_weight():
    counts = np.array([1.0, 2.0, 3.0])
    fit = fit_poisson(counts, np.column_stack([np.ones(3), np.zeros(3)]), np.zeros(3))
    assert fit.coefficients == pytest.approx([np.log(2.0), 0.0])
