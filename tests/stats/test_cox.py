"""Proportional hazards: against R, against the likelihood written out and a general optimiser, what must not matter, coverage."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from reference import held
from scipy.optimize import brentq, minimize
from scipy.stats import chi2
from tiny_package import STEADY

from analysis_lib.errors import ParameterError, TooFewObservations
from analysis_lib.stats.cox import fit_cox, profile_interval, proportionality, risk_rows, score_test

HEART = [held.column("heart.csv", name) for name in ("start", "stop", "event")]
HEART_COVARIATES = np.column_stack([held.column("heart.csv", name) for name in ("age", "surgery", "transplant")])
VOTING = [held.column("reissue_hazard.csv", name) for name in ("start", "stop", "voted")]
VOTING_COVARIATES = np.column_stack([held.column("reissue_hazard.csv", name) for name in ("reissued", "age")])


# 1. Published numbers


def test_stanford_heart_transplants():
    rows = risk_rows(*HEART, HEART_COVARIATES)
    fit = fit_cox(rows)
    assert fit.coefficients.tolist() == held.number("R28.coefficients")
    assert np.sqrt(np.diag(fit.covariance)).tolist() == held.number("R28.standard_errors")
    assert [fit.null_log_likelihood, fit.log_likelihood] == held.number("R28.log_likelihood")
    assert (fit.n_rows, fit.n_events) == (172, 75)
    assert list(profile_interval(rows, fit, 1, 0.95)) == held.number("R28.interval")
    assert [score_test(rows)[0], score_test(rows, 2)[0]] == held.number("R28.score")
    by_rank, by_km = (proportionality(rows, fit, transform) for transform in ("rank", "km"))
    assert [*by_km.statistics, by_km.overall] == held.number("R28.km")
    assert by_km.correlations.tolist() == held.number("R28.correlations")
    assert [*by_rank.statistics, by_rank.overall] == held.number("R28.rank")
    assert by_km.pvalues == pytest.approx(chi2.sf(by_km.statistics, 1))
    assert by_km.overall_pvalue == pytest.approx(chi2.sf(by_km.overall, 3))
    within = fit_cox(risk_rows(*HEART, HEART_COVARIATES[:, [0, 2]], HEART_COVARIATES[:, 1]))
    assert within.coefficients.tolist() == held.number("R28.stratified")


def test_voting_after_a_reissue():
    rows = risk_rows(*VOTING, VOTING_COVARIATES)
    fit = fit_cox(rows)
    assert fit.coefficients.tolist() == held.number("R29.coefficients")
    assert np.sqrt(np.diag(fit.covariance)).tolist() == held.number("R29.standard_errors")
    assert np.exp(fit.coefficients[0]) == held.number("R29.ratio")
    assert fit.log_likelihood == held.number("R29.log_likelihood")
    assert list(profile_interval(rows, fit, 0, 0.95)) == held.number("R29.interval")
    assert score_test(rows)[0] == held.number("R29.score")
    steady = proportionality(rows, fit)
    assert [*steady.statistics, steady.overall] == held.number("R29.km")


def test_a_reissue_known_only_later_hides_what_it_did():
    # Who was reissued had not voted by then: as a trait from the start, the wait before counts against the reissue.
    _, person = np.unique(held.column("reissue_hazard.csv", "id"), return_inverse=True)
    stop, voted, ever = (np.zeros(person.max() + 1) for _ in range(3))
    for largest, values in ((stop, VOTING[1]), (voted, VOTING[2]), (ever, VOTING_COVARIATES[:, 0])):
        np.maximum.at(largest, person, values)
    naive = fit_cox(risk_rows(np.zeros(stop.size), stop, voted, ever[:, None]))
    assert np.exp(naive.coefficients[0]) == held.number("R29.naive_ratio")


# 2. Another road


def slow_likelihood(case, coefficients):
    """Efron's likelihood as it is written, one event time after another."""
    start, stop, event, x, strata = case
    total = 0.0
    for stratum in set(strata.tolist()):
        for instant in set(stop[event & (strata == stratum)].tolist()):
            at_risk = (strata == stratum) & (start < instant) & (instant <= stop)
            ended = at_risk & event & (stop == instant)
            risk = np.exp(x @ coefficients)
            for tie in range(ended.sum()):
                total += (x[ended] @ coefficients)[tie]
                total -= np.log(risk[at_risk].sum() - tie / ended.sum() * risk[ended].sum())
    return total


def slow_maximum(case, fixed=None):
    """Its maximum by a general optimiser, the first coefficient fixed or free."""

    def loss(free):
        return -slow_likelihood(case, free if fixed is None else np.array([fixed, *free]))

    found = minimize(loss, np.zeros(case[3].shape[1] - (fixed is not None)), method="BFGS", options={"gtol": 1e-7})
    return found.x, -found.fun


@st.composite
def cases(draw):
    """Few rows in no order with many ties, two strata, two covariates, some rows that start late."""
    n = draw(st.integers(6, 14))

    def some(values, **kind):
        return np.array(draw(st.lists(values, min_size=n, max_size=n)), **kind)

    start, length = some(st.integers(0, 4)), some(st.integers(1, 5))
    event, strata = some(st.booleans()), some(st.integers(0, 1))
    x = np.column_stack([some(st.integers(0, 1), dtype=float), some(st.integers(-3, 3), dtype=float)])
    return start, start + length, event, x, strata


def ready(case):
    """Rows made ready, if they can tell anything."""
    try:
        return risk_rows(*case)
    except (ParameterError, TooFewObservations):
        return None


@STEADY
@given(cases(), st.floats(-2, 2), st.floats(-2, 2))
def test_the_likelihood_is_the_one_written_out(case, first, second):
    rows = ready(case)
    assume(rows is not None)
    coefficients = np.array([first, second])
    assert rows.at(coefficients * rows.scale)[0] == pytest.approx(slow_likelihood(case, coefficients), abs=1e-9)


@STEADY
@given(cases(), st.floats(-2, 2), st.floats(-2, 2))
def test_gradient_and_information_are_the_slopes_of_the_likelihood(case, first, second):
    rows = ready(case)
    assume(rows is not None)
    here, step = np.array([first, second]), 1e-5
    _, gradient, information, _ = rows.at(here)
    for a in range(2):
        aside = step * (np.arange(2) == a)
        above, below = rows.at(here + aside), rows.at(here - aside)
        assert gradient[a] == pytest.approx((above[0] - below[0]) / (2 * step), abs=1e-6)
        assert information[a] == pytest.approx(-(above[1] - below[1]) / (2 * step), abs=1e-6)


@STEADY
@given(cases())
def test_the_fit_is_where_a_general_optimiser_ends(case):
    rows = ready(case)
    assume(rows is not None)
    fit = fit_cox(rows)
    found, largest = slow_maximum(case)
    assert fit.log_likelihood == pytest.approx(largest, abs=1e-4)
    assert fit.log_likelihood >= largest - 1e-9
    if np.isfinite(fit.coefficients).all():
        assert fit.coefficients == pytest.approx(found, abs=1e-3)


@STEADY
@given(cases())
def test_the_ends_of_the_interval_are_as_far_down_as_they_should_be(case):
    rows = ready(case)
    assume(rows is not None)
    fit = fit_cox(rows)
    low, high = profile_interval(rows, fit, 0, 0.95)
    assert low <= np.nan_to_num(fit.coefficients[0], posinf=np.inf, neginf=-np.inf) <= high
    assert low < high
    for end, far in ((low, -15.0), (high, 15.0)):
        drop = fit.log_likelihood - slow_maximum(case, end if np.isfinite(end) else far)[1]
        if np.isfinite(end):
            assert drop == pytest.approx(chi2.isf(0.05, 1) / 2, abs=1e-4)
        else:
            assert drop <= chi2.isf(0.05, 1) / 2


def test_two_groups_without_ties_have_a_likelihood_one_can_write_by_hand():
    # Of a (x = 1), b, c in this order: r/(r + 2) times 1/2, so a comes first for ever larger r.
    # Of b, a, c: 1/(r + 2) times r/(r + 1), largest at r = sqrt 2.
    rows = risk_rows([0, 0, 0], [2, 1, 3], [1, 1, 1], [[1.0], [0], [0]])
    fit = fit_cox(rows)
    assert np.exp(fit.coefficients[0]) == pytest.approx(np.sqrt(2), rel=1e-9)
    low, high = profile_interval(rows, fit, 0, 0.5)

    def drop(b):
        r = np.exp(b)
        return fit.log_likelihood - np.log(r / ((r + 2) * (r + 1))) - chi2.isf(0.5, 1) / 2

    assert [low, high] == pytest.approx([brentq(drop, -9, 0.3), brentq(drop, 0.4, 9)], abs=1e-8)


# 3. What must not matter


def told(case):
    """All that a case tells, or None."""
    rows = ready(case)
    if rows is None:
        return None
    fit = fit_cox(rows)
    settled = np.isfinite(fit.coefficients).all()
    numbers = [*fit.coefficients, *fit.covariance.ravel()] if settled else []
    ends = profile_interval(rows, fit, 0, 0.9)
    return [*numbers, fit.log_likelihood, fit.null_log_likelihood, fit.n_events, *ends, *score_test(rows)]


@STEADY
@given(cases(), st.randoms(use_true_random=False), st.integers(0, 3), st.data())
def test_row_order_rows_cut_in_two_time_scale_and_empty_strata(case, random, shift, data):
    expected = told(case)
    assume(expected is not None)
    near = {"rel": 1e-5, "abs": 1e-6}
    start, stop, event, x, strata = case
    order = random.sample(range(start.size), start.size)
    assert told([part[order] for part in case]) == pytest.approx(expected, **near)
    cut = data.draw(st.integers(0, start.size - 1))
    at = (start[cut] + stop[cut]) / 2
    halves = (
        np.append(start.astype(float), at), np.append(np.where(np.arange(stop.size) == cut, at, stop), stop[cut]),
        np.append(event & (np.arange(event.size) != cut), event[cut]), np.vstack([x, x[cut]]), np.append(strata, strata[cut]),
    )  # fmt: skip
    assert told(halves) == pytest.approx(expected, **near)
    assert told((start**3 + shift, stop**3 + shift, event, x, 5 - strata)) == pytest.approx(expected, **near)
    silent = [np.append(part, [value], axis=0) for part, value in zip(case, (0, 9, False, [7.0, 7.0], 9), strict=True)]
    assert told(silent) == pytest.approx(expected, **near)


@pytest.mark.parametrize("transform", ["km", "rank"])
def test_units_and_origin_of_covariates(transform):
    rows, other = risk_rows(*HEART, HEART_COVARIATES), risk_rows(*HEART, HEART_COVARIATES * [365.25, -1, 1e-6] + [1e5, 3, 0])
    fit, same = fit_cox(rows), fit_cox(other)
    assert same.coefficients * [365.25, -1, 1e-6] == pytest.approx(fit.coefficients, rel=1e-7)
    assert same.log_likelihood == pytest.approx(fit.log_likelihood)
    steady, also = proportionality(rows, fit, transform), proportionality(other, same, transform)
    assert also.statistics == pytest.approx(steady.statistics, rel=1e-6)
    assert also.overall == pytest.approx(steady.overall, rel=1e-6)


def test_stamps_in_microseconds_keep_their_order():
    base, unit = 1_930_000_000_000_000, 1_000_000
    start, stop, event = HEART
    fit = fit_cox(
        risk_rows(base + (start * 2).astype(np.int64) * unit, base + (stop * 2).astype(np.int64) * unit, event, HEART_COVARIATES)
    )
    assert fit.coefficients.tolist() == held.number("R28.coefficients")


# 4. and 5. False alarms, coverage, power


def made_up(rng, n, ratio, *, switch=None):
    """People who wait; half ask at a random time, after which they come `ratio` times as fast (from `switch` on, 1/ratio)."""
    wait, asked = rng.exponential(1.0, n), np.where(rng.random(n) < 0.5, rng.uniform(0, 1, n), 1e9)
    after = rng.exponential(1 / ratio, n)
    if switch is not None:
        after = np.where(asked + after > switch, np.maximum(switch, asked) - asked + rng.exponential(ratio, n), after)
    came = np.where(wait > asked, asked + after, wait)
    two = (asked < came) & (asked < 1.5)
    start = np.concatenate([np.zeros(n), asked[two]])
    stop = np.concatenate([np.minimum(np.minimum(came, asked), 1.5), np.minimum(came, 1.5)[two]])
    event = np.concatenate([(came <= asked) & (came <= 1.5), (came <= 1.5)[two]])
    covariate = np.concatenate([np.zeros(n), np.ones(two.sum())])
    return np.floor(start * 200), np.floor(stop * 200) + 1, event, covariate[:, None]


def test_the_interval_covers_and_the_score_test_keeps_its_level():
    rng, n_sims = np.random.default_rng(61), 400
    covered, below = 0, 0
    for _ in range(n_sims):
        rows = risk_rows(*made_up(rng, 60, 2.0))
        low, high = profile_interval(rows, fit_cox(rows), 0, 0.9)
        covered += low <= np.log(2.0) <= high
        below += score_test(risk_rows(*made_up(rng, 60, 1.0)))[1] <= 0.1
    spread = 3 * np.sqrt(0.1 * 0.9 / n_sims)
    assert abs(covered / n_sims - 0.9) <= spread
    assert abs(below / n_sims - 0.1) <= spread


def test_few_events_give_intervals_without_an_end_that_still_cover():
    rng, ends = np.random.default_rng(62), []
    while len(ends) < 200:
        start, stop, event, x = made_up(rng, 9, 3.0)
        rows = ready((start, stop, event, x, np.zeros(start.size)))
        if rows is not None:
            ends.append(profile_interval(rows, fit_cox(rows), 0, 0.9))
    low, high = np.array(ends).T
    assert np.isinf(high).sum() > 10
    assert ((low <= np.log(3.0)) & (np.log(3.0) <= high)).mean() >= 0.9 - 3 * np.sqrt(0.09 / 200)


@pytest.mark.parametrize("transform", ["km", "rank"])
def test_an_effect_that_turns_is_seen_and_a_steady_one_is_not(transform):
    rng, n_sims = np.random.default_rng(63), 200

    def pvalue(**how):
        rows = risk_rows(*made_up(rng, 300, 3.0, **how))
        return proportionality(rows, fit_cox(rows), transform).overall_pvalue

    steady = np.mean([pvalue() <= 0.1 for _ in range(n_sims)])
    turning = np.mean([pvalue(switch=0.6) <= 0.1 for _ in range(n_sims)])
    assert abs(steady - 0.1) <= 3 * np.sqrt(0.09 / n_sims)
    assert turning >= 0.9


# 6. Edges


def test_all_events_of_one_kind_have_no_upper_end():
    start, stop = np.zeros(8), np.arange(1, 9)
    event, x = stop <= 4, (stop <= 4).astype(float)[:, None]
    rows = risk_rows(start, stop, event, x)
    fit = fit_cox(rows)
    assert fit.coefficients[0] == np.inf
    assert fit.covariance[0, 0] == np.inf
    # Within the risk set only those with x = 1 matter in the limit: 1/4 · 1/3 · 1/2 · 1.
    assert fit.log_likelihood == pytest.approx(-np.log(24), abs=1e-8)
    low, high = profile_interval(rows, fit, 0, 0.95)
    assert 0 < low < 10
    assert high == np.inf
    turned = risk_rows(start, stop, event, -x)
    assert profile_interval(turned, fit_cox(turned), 0, 0.95) == pytest.approx((-np.inf, -low))
    assert score_test(rows)[1] < 0.05
    with pytest.raises(TooFewObservations, match="has no end, so its change with time cannot be told"):
        proportionality(rows, fit)


def test_one_coefficient_without_end_leaves_the_others_their_own():
    rng = np.random.default_rng(64)
    start, stop, event, x = made_up(rng, 80, 2.0)
    never = (rng.random(start.size) < 0.2) & ~event
    rows, alone = risk_rows(start, stop, event, np.column_stack([x, never])), risk_rows(start, stop, event, x, never)
    fit, expected = fit_cox(rows), fit_cox(alone)
    assert fit.coefficients[1] == -np.inf
    assert fit.coefficients[0] == pytest.approx(expected.coefficients[0], rel=1e-6)
    assert fit.covariance[0, 0] == pytest.approx(expected.covariance[0, 0], rel=1e-5)
    assert profile_interval(rows, fit, 0, 0.95) == pytest.approx(profile_interval(alone, expected, 0, 0.95), rel=1e-6)
    assert score_test(rows, 0)[0] == pytest.approx(score_test(alone, 0)[0], rel=1e-6)
    assert profile_interval(rows, fit, 1, 0.95)[0] == -np.inf


def test_a_coefficient_that_another_outweighs_is_not_told():
    # The only event is that of the row with a second covariate; for ever larger coefficients of it the first drops out.
    case = np.zeros(4), np.ones(4), [0, 0, 0, 1], np.array([[0.0, 0], [0, 0], [1, 0], [0, 1]])
    rows = risk_rows(*case)
    fit = fit_cox(rows)
    assert np.isnan(fit.coefficients[0])
    assert fit.coefficients[1] == np.inf
    assert fit.log_likelihood == pytest.approx(0.0, abs=1e-9)
    assert profile_interval(rows, fit, 0, 0.95) == (-np.inf, np.inf)
    assert score_test(rows, 0) == (0.0, 1.0)


def test_a_row_of_very_high_risk_leaves_nothing_behind():
    # It is at risk between the two others' events alone, so they are compared as if it had never been there.
    case = np.array([0, 0, 1.0]), np.array([1.0, 3.0, 2.0]), np.array([True, True, False]), np.array([[0.0], [1.0], [300.0]])
    rows = risk_rows(*case)
    assert rows.at(np.array([2.0]) * rows.scale)[0] == pytest.approx(-np.log1p(np.exp(2.0)), rel=1e-9)


def test_everybody_at_the_same_instant():
    rows = risk_rows(np.zeros(4), np.ones(4), np.ones(4), [[0.0], [0], [1], [1]])
    fit = fit_cox(rows)
    assert fit.n_events == 4
    with pytest.raises(TooFewObservations, match="All 4 events came at the same instant; at least two"):
        proportionality(rows, fit)


# 7. Messages


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"event": [0, 0, 0, 0]}, TooFewObservations, "No event in 4 rows; at least one is needed"),
        ({"stop": [1, 2, 0, 4]}, ParameterError, "1 of 4 rows do not stop after they start"),
        ({"stop": [1, 2, np.nan, 4]}, ParameterError, "A time or a covariate is missing or infinite"),
        ({"covariates": [[1.0, 0], [0, np.inf], [1, 1], [0, 0]]}, ParameterError, "A time or a covariate is missing"),
        ({"start": [0, 0, 0]}, ParameterError, r"Rows of different shapes: \(3,\), .* Expected start, stop, event"),
        ({"covariates": [1.0, 0, 1, 0]}, ParameterError, "Rows of different shapes"),
        ({"covariates": [[1.0, 5], [0, 5], [1, 5], [0, 5]]}, ParameterError, "Covariate 2 of 2 is the same for all who are"),
        ({"strata": [0, 1, 2, 3]}, ParameterError, "Covariate 1 of 2 is the same .* use coarser strata"),
        ({"event": [0, 0, 0, 1]}, ParameterError, "Covariate 1 of 2 is the same for all who are at risk"),
        ({"covariates": [[1.0, 3], [0, 1], [1, 3], [0, 1]]}, ParameterError, "Of 2 covariates, those numbered 1, 2 say the same"),
    ],
)
def test_what_is_wrong_with_rows_is_said(changed, error, message):
    case = {"start": [0, 0, 0, 0], "stop": [1, 2, 3, 4], "event": [1, 1, 1, 0], "covariates": [[1.0, 0], [0, 4], [1, 1], [0, 2]]}
    risk_rows(**case)
    with pytest.raises(error, match=message):
        risk_rows(**case | changed)


def test_what_is_wrong_with_a_question_is_said():
    rows = risk_rows(*HEART, HEART_COVARIATES)
    fit = fit_cox(rows)
    with pytest.raises(ParameterError, match=r"confidence_level is 95; expected a number between 0 and 1, as 0\.95"):
        profile_interval(rows, fit, 0, 95)
    with pytest.raises(ParameterError, match=r"There is no transform 'log'\. Expected one of: km, rank"):
        proportionality(rows, fit, "log")
