"""How many late ballots can have been for whom: against every way of handing them out."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from tiny_package import STEADY

from analysis_lib.stats.bounds import most_ahead, overlap_bounds

CELL = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 3), st.integers(0, 11))


def ways(first, second, others, late):
    """Late ballots of the first, the second and the others, in every way that the totals allow."""
    size = first + second + others
    late = min(late, size)
    return [(a, b) for a, b in product(range(first + 1), range(second + 1)) if 0 <= late - a - b <= others]


def test_by_hand():
    # 100 ballots, 60 for A, 50 of them late: at least 50 - 40 = 10 for A, at most 50 (Duncan & Davis, one cell).
    assert overlap_bounds([50], [60], [100]) == (10, 50)
    assert overlap_bounds([50, 5], [60, 0], [100, 20]) == (10, 50)
    # A has 60, B 30, others 10: 50 late ones may all be A's; 80 late are at least 10 of B's beside 60 and 10.
    assert most_ahead([50], [60], [30], [100]) == 50
    assert most_ahead([80], [60], [30], [100]) == 50


@STEADY
@given(st.lists(CELL, min_size=1, max_size=2))
def test_the_bounds_are_the_ends_of_all_that_can_be(cells):
    first, second, _, wanted = zip(*cells, strict=True)
    size = [a + b + c for a, b, c, _ in cells]
    late = [min(n, most) for n, most in zip(wanted, size, strict=True)]
    each = [ways(*cell) for cell in cells]
    of_first = [sum(a for a, _ in combined) for combined in product(*each)]
    ahead = [sum(a - b for a, b in combined) for combined in product(*each)]
    assert overlap_bounds(late, first, size) == (min(of_first), max(of_first))
    assert most_ahead(late, first, second, size) == max(ahead)


@STEADY
@given(CELL, CELL)
def test_finer_cells_only_tighten(one, two):
    late = [min(cell[3], sum(cell[:3])) for cell in (one, two)]
    first, size = [one[0], two[0]], [sum(one[:3]), sum(two[:3])]
    low, high = overlap_bounds(late, first, size)
    coarse_low, coarse_high = overlap_bounds([sum(late)], [sum(first)], [sum(size)])
    assert coarse_low <= low <= high <= coarse_high
