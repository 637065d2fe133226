"""The log-rank test: against R, against tables written out, what must not matter, its level."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import held
from scipy.stats import CensoredData, logrank
from tiny_package import STEADY

from analysis_lib.errors import ParameterError, TooFewObservations
from analysis_lib.stats.log_rank import log_rank
from analysis_lib.stats.stratified import cochran_mantel_haenszel

WEEKS, RELAPSED, MAINTAINED = (held.column("aml.csv", name) for name in ("weeks", "relapsed", "maintained"))
PEOPLE = st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.integers(0, 1), st.integers(0, 1)), min_size=4, max_size=16)


# 1. Published numbers


def test_maintained_treatment():
    found = log_rank(WEEKS, RELAPSED, MAINTAINED)
    assert found.statistic == held.number("R30.statistic")
    assert found.pvalue == held.number("R30.pvalue")
    assert found.observed.tolist() == [11, 7]


def test_three_groups_in_two_strata():
    i = np.arange(1, 25)
    found = log_rank(i * 7 % 11 + 1, i % 4 != 0, i % 3, i > 10)
    assert [found.statistic, *found.expected] == held.number("R30.groups")


# 2. Another road


def slow_tables(people):
    """At each instant in each stratum: came and waiting on, of either group."""
    tables = []
    for stratum in (0, 1):
        rows = [row for row in people if row[3] == stratum]
        for instant in {time for time, event, _, _ in rows if event}:
            cells = []
            for group in (1, 0):
                waiting = sum(1 for time, _, g, _ in rows if g == group and time >= instant)
                came = sum(1 for time, event, g, _ in rows if g == group and time == instant and event)
                cells += [came, waiting - came]
            tables.append(cells)
    return tables


@STEADY
@given(PEOPLE)
def test_it_is_the_mantel_haenszel_statistic_of_a_table_at_each_instant(people):
    statistic, pvalue = cochran_mantel_haenszel(slow_tables(people))
    try:
        found = log_rank(*np.array(people).T)
    except TooFewObservations:
        assert statistic == 0
        return
    assert found.statistic == pytest.approx(statistic, abs=1e-9)
    assert found.pvalue == pytest.approx(pvalue, abs=1e-9)


def test_scipy_agrees_on_two_groups():
    sides = [
        CensoredData(WEEKS[s & (RELAPSED == 1)], right=WEEKS[s & (RELAPSED == 0)]) for s in (MAINTAINED == 1, MAINTAINED == 0)
    ]
    assert log_rank(WEEKS, RELAPSED, MAINTAINED).statistic == pytest.approx(logrank(*sides).statistic ** 2)


# 3. What must not matter


def test_order_names_scale_of_time_and_silent_strata():
    order = np.random.default_rng(91).permutation(WEEKS.size)
    expected = log_rank(WEEKS, RELAPSED, MAINTAINED)
    names = np.array(["b", "a"])[MAINTAINED][order]
    found = log_rank(np.sqrt(WEEKS)[order], RELAPSED[order], names)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.expected == pytest.approx(expected.expected[::-1])
    more = [
        np.append(values, extra) for values, extra in zip((WEEKS, RELAPSED, MAINTAINED), ([7, 7], [0, 1], [1, 1]), strict=True)
    ]
    strata = np.append(np.zeros(WEEKS.size), [1, 1])  # one group alone
    assert log_rank(*more, strata).statistic == pytest.approx(expected.statistic)


# 4. and 5. False alarms and power


def test_its_level_and_its_power():
    rng, n_sims = np.random.default_rng(92), 600

    def pvalue(ratio):
        group, stratum = rng.integers(0, 3, 80), rng.integers(0, 2, 80)
        time = rng.exponential(1 / ((1 + 3 * stratum) * np.where(group == 2, ratio, 1.0)))
        return log_rank(np.minimum(np.ceil(time * 10), 12), time < 1.2, group, stratum).pvalue

    assert abs(np.mean([pvalue(1.0) <= 0.1 for _ in range(n_sims)]) - 0.1) <= 3 * np.sqrt(0.09 / n_sims)
    assert np.mean([pvalue(3.0) <= 0.1 for _ in range(n_sims)]) >= 0.9


# 7. Messages


@pytest.mark.parametrize(
    ("case", "error", "message"),
    [
        (([1, 2], [1, 1], [0, 0]), TooFewObservations, "No event came while members of two groups were waiting"),
        (([1, 2], [0, 0], [0, 1]), TooFewObservations, "No event came while"),
        (([1, 2, 3], [1, 0, 1], [0, 0, 1]), None, ""),
        (([1, 2], [1, 1, 1], [0, 1]), ParameterError, "times, events, groups and strata differ in length"),
        (([1, np.inf], [1, 1], [0, 1]), ParameterError, "A time is missing or infinite"),
    ],
)
def test_what_is_wrong_is_said(case, error, message):
    if error is None:
        assert log_rank(*case).pvalue <= 1
        return
    with pytest.raises(error, match=message):
        log_rank(*case)
