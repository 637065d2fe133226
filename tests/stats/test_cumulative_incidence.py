"""Cumulative incidence: against R, against plain shares and a product of matrices, what must not matter, coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import held
from scipy.stats import norm
from tiny_package import STEADY

from analysis_lib.errors import ParameterError, TooFewObservations
from analysis_lib.stats.cumulative_incidence import cumulative_incidence

MONTHS, CAUSE = held.column("mgus2.csv", "months"), held.column("mgus2.csv", "cause")
PEOPLE = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2)), min_size=1, max_size=14)


# 1. Published numbers


def test_malignancy_and_death():
    found = cumulative_incidence(MONTHS, CAUSE, 1, [60, 120, 240])
    assert found.share.tolist() == held.number("R31.malignancy")
    assert found.standard_error.tolist() == held.number("R31.malignancy_error")
    assert found.low.tolist() == held.number("R31.malignancy_low")
    assert found.high.tolist() == held.number("R31.malignancy_high")
    assert found.at_risk.tolist() == [np.count_nonzero(month <= MONTHS) for month in (60, 120, 240)]
    other = cumulative_incidence(MONTHS, CAUSE, 2, [60, 120, 240])
    assert other.share.tolist() == held.number("R31.death")
    assert other.standard_error.tolist() == held.number("R31.death_error")


def test_taking_deaths_for_losses_makes_the_share_too_large():
    among_all = cumulative_incidence(MONTHS, CAUSE, 1, 240).share[0]
    as_if_lost = cumulative_incidence(MONTHS, np.where(CAUSE == 2, 0, CAUSE), 1, 240).share[0]
    assert as_if_lost > 1.5 * among_all


# 2. Another road


def slow(people, cause, by):
    """Product of transition matrices (Aalen & Johansen), and the variance from the effect of leaving each person's share out."""
    share = np.array([1.0, 0.0, 0.0])
    influence = np.zeros((len(people), 3))  # of each person on the shares, to first order
    for instant in sorted({time for time, _ in people if time <= by}):
        at_risk = [i for i, (time, _) in enumerate(people) if time >= instant]
        jump = {i: people[i][1] for i in at_risk if people[i][0] == instant and people[i][1]}
        matrix = np.eye(3)
        for kind in jump.values():
            matrix[0, kind] += 1 / len(at_risk)
            matrix[0, 0] -= 1 / len(at_risk)
        influence = influence @ matrix
        for i in at_risk:
            own = np.eye(3)
            if i in jump:
                own[0] = np.eye(3)[jump[i]]
            influence[i] += share @ (own - matrix) / len(at_risk)
        share = share @ matrix
    return share[cause], np.sqrt((influence[:, cause] ** 2).sum())


@STEADY
@given(PEOPLE, st.integers(1, 2), st.integers(0, 7))
def test_shares_and_errors_are_those_of_the_product_of_matrices(people, cause, by):
    found = cumulative_incidence(*np.array(people).T, cause, by)
    share, error = slow(people, cause, by)
    assert found.share[0] == pytest.approx(share, abs=1e-12)
    assert found.standard_error[0] == pytest.approx(error, abs=1e-7)


@STEADY
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 2)), min_size=1, max_size=14), st.integers(0, 7))
def test_with_nobody_lost_it_is_a_plain_share(people, by):
    times, causes = np.array(people).T
    found = cumulative_incidence(times, causes, 1, by)
    share = np.mean((times <= by) & (causes == 1))
    assert found.share[0] == pytest.approx(share)
    assert found.standard_error[0] == pytest.approx(np.sqrt(share * (1 - share) / times.size), abs=1e-7)


# 3. What must not matter


@STEADY
@given(PEOPLE, st.randoms(use_true_random=False), st.integers(1, 1_000_000))
def test_order_and_unit_do_not_matter_and_ends_enclose_the_share(people, random, unit):
    times, causes = np.array(people).T
    at = np.array([3, 0, 6, 2])
    found = cumulative_incidence(times, causes, 1, at)
    other = random.sample(people, len(people))
    same = cumulative_incidence(*(np.array(other).T * [[unit], [1]]), 1, at * unit)
    for name in ("share", "standard_error", "low", "high", "at_risk"):
        assert getattr(same, name).tolist() == getattr(found, name).tolist()
    assert (found.low <= found.share + 1e-12).all()
    assert (found.share <= found.high + 1e-12).all()
    assert (found.low < found.high).all()
    assert (np.diff(found.share[[1, 3, 0, 2]]) >= 0).all()


@STEADY
@given(PEOPLE)
def test_all_kinds_and_none_make_one(people):
    times, causes = np.array(people).T
    kinds = sum(cumulative_incidence(times, causes, cause, [1, 5]).share for cause in (1, 2))
    together = cumulative_incidence(times, causes > 0, 1, [1, 5]).share
    assert kinds == pytest.approx(together)


# 4. Coverage


def test_the_interval_covers():
    rng, n_sims, covered, empty = np.random.default_rng(81), 400, 0, 0
    truth = 0.25 * (1 - np.exp(-4 * 0.5))  # of rates 1 and 3, by 0.5
    rare = 0.01 * (1 - np.exp(-1.0)) / 1.0  # of rates 0.01 and 0.99, by 1
    for _ in range(n_sims):
        time, lost = rng.exponential(1 / 4, 60), rng.uniform(0, 1.5, 60)
        cause = np.where(time <= lost, 1 + (rng.random(60) > 0.25), 0)
        found = cumulative_incidence(np.minimum(time, lost), cause, 1, 0.5, 0.9)
        covered += found.low[0] <= truth <= found.high[0]
        time = rng.exponential(1.0, 60)
        found = cumulative_incidence(np.minimum(time, lost), np.where(time <= lost, 1 + (rng.random(60) > 0.01), 0), 1, 1.0, 0.9)
        empty += found.low[0] <= rare <= found.high[0]
    assert abs(covered / n_sims - 0.9) <= 3 * np.sqrt(0.09 / n_sims)
    assert empty / n_sims >= 0.9 - 3 * np.sqrt(0.09 / n_sims)


# 6. Edges


def test_before_anything_happened_and_after_everybody_left():
    times, causes = [2, 2, 3, 5], [1, 2, 0, 0]
    found = cumulative_incidence(times, causes, 1, [1, 2, 6])
    assert found.share.tolist() == [0.0, 0.25, 0.25]
    assert found.high[0] == pytest.approx(1 - 0.025**0.25)  # none of four
    assert found.low[0] == 0.0
    assert found.at_risk.tolist() == [4, 4, 0]
    log_log = np.log(0.25) * np.exp(norm.isf(0.025) * np.sqrt(0.25 * 0.75 / 4) / (0.25 * -np.log(0.25)) * np.array([1, -1]))
    assert [found.low[1], found.high[1]] == pytest.approx(np.exp(log_log))
    none = cumulative_incidence(times, causes, 3, [1, 4, 6])
    assert none.share.tolist() == [0.0] * 3
    assert none.high == pytest.approx([1 - 0.025**0.25, 0.975, 1.0])


def test_everybody_has_the_event():
    found = cumulative_incidence([1, 2, 3], [1, 1, 1], 1, [2, 3, 9])
    assert found.share == pytest.approx([2 / 3, 1, 1])
    assert found.high[1:].tolist() == [1.0, 1.0]
    assert found.low[1:].tolist() == [found.low[0]] * 2
    at_once = cumulative_incidence([0, 0, 0], [1, 1, 1], 1, 0)
    assert [at_once.share[0], at_once.high[0]] == [1.0, 1.0]
    assert at_once.low[0] == pytest.approx(0.025 ** (1 / 3))


# 7. Messages


@pytest.mark.parametrize(
    ("case", "error", "message"),
    [
        (([], [], 1, 1), TooFewObservations, "Nobody was followed; at least one is needed"),
        (([1, 2], [1], 1, 1), ParameterError, r"times have the shape \(2,\), causes \(1,\)"),
        (([1, -2], [1, 0], 1, 1), ParameterError, "A time is missing, infinite or below 0"),
        (([1, np.nan], [1, 0], 1, 1), ParameterError, "A time is missing, infinite or below 0"),
        (([1, 2], [1, -1], 1, 1), ParameterError, "causes are whole numbers, 0 for none"),
        (([1, 2], [1.0, 0.5], 1, 1), ParameterError, "causes are whole numbers, 0 for none"),
        (([1, 2], [1, 0], 0, 1), ParameterError, "the kind asked for is 1 or above, here 0"),
        (([1, 2], [1, 0], 1, 1, 95), ParameterError, "confidence_level is 95; expected a number between 0 and 1"),
    ],
)
def test_what_is_wrong_is_said(case, error, message):
    with pytest.raises(error, match=message):
        cumulative_incidence(*case)
