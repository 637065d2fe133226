"""Residuals of the log-rank test: worked by hand, against the test itself and the Cox score, and what they sum to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis_lib.errors import TooFewObservations
from analysis_lib.stats.cox import risk_rows
from analysis_lib.stats.log_rank import log_rank
from analysis_lib.stats.martingale import log_rank_residuals

STEADY = settings(deadline=None, derandomize=True, max_examples=60)


def test_three_members_worked_by_hand():
    # Events at 2 and 5, one followed until 3: a third of an event is expected of each by 2, one more of whoever waits at 5.
    assert log_rank_residuals([5, 2, 3], [1, 1, 0]) == pytest.approx([1 - (1 / 3 + 1), 1 - 1 / 3, -1 / 3])


followed = st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.booleans()), min_size=2, max_size=25)


@STEADY
@given(followed)
def test_the_residuals_of_a_group_are_seen_less_expected_of_the_log_rank_test(rows):
    times, events, group = (np.array(column) for column in zip(*rows, strict=True))
    found = log_rank_residuals(times, events)
    assert found.sum() == pytest.approx(0.0, abs=1e-9)
    try:
        test = log_rank(times, events, group)
    except TooFewObservations:  # one group alone, or no event while both waited: nothing to compare with
        return
    assert found[group].sum() == pytest.approx((test.observed - test.expected)[-1], abs=1e-9)


def test_without_ties_it_is_the_score_of_the_cox_model():
    rng = np.random.default_rng(3)
    times, events, group = rng.random(80), rng.random(80) < 0.6, rng.random(80) < 0.4
    rows = risk_rows(np.zeros(80), times, events, group[:, None].astype(float))
    score = rows.at(np.zeros(1))[1][0] * rows.scale[0]
    assert log_rank_residuals(times, events)[group].sum() == pytest.approx(score, abs=1e-9)


def test_no_event_expects_nothing():
    assert log_rank_residuals([3, 1], [False, False]).tolist() == [0.0, 0.0]
