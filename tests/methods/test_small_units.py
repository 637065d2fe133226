"""Which units are shown as one: none that is small stands by itself, and none can be told from the others' absence."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis_lib.methods.unit_rates import too_small


def units(sizes):
    return pl.DataFrame(
        {"unit": [f"u{i}" for i in range(len(sizes))], "size": sizes}, schema={"unit": pl.String, "size": pl.Int64}
    )


@pytest.mark.parametrize(
    ("sizes", "joined"),
    [
        ([40, 30, 10], []),
        ([40, 30, 9], ["u2", "u1"]),  # one small unit takes the next with it
        ([40, 3, 5, 12], ["u1", "u2", "u3"]),  # two that are eight in all do too
        ([40, 6, 5, 12], ["u2", "u1"]),
        ([4], ["u0"]),
        ([], []),
    ],
)
def test_a_small_unit_never_stands_alone(sizes, joined):
    assert too_small(units(sizes), 10) == joined


@settings(deadline=None)
@given(st.lists(st.integers(1, 30), max_size=12), st.integers(1, 15))
def test_what_is_left_is_large_and_what_is_joined_is_enough(sizes, least):
    named = units(sizes)
    joined = too_small(named, least)
    size_of = dict(named.iter_rows())
    assert all(size >= least for unit, size in size_of.items() if unit not in joined)
    if joined and len(joined) < len(sizes):
        assert len(joined) >= 2
        assert sum(size_of[unit] for unit in joined) >= least
    assert bool(joined) == any(size < least for size in sizes)
