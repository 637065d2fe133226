"""How many are marked: reference numbers, every sample written out, coverage worked out exactly."""

from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import held
from scipy.stats import hypergeom
from tiny_package import STEADY

from analysis_lib.errors import ParameterError
from analysis_lib.stats.hypergeometric_bounds import found_law, marked_interval

# 1. Published numbers


def test_two_or_none_of_sixty():
    assert marked_interval(2, 60, 600, confidence_level=0.95) == tuple(held.value("R33.two_found"))
    assert marked_interval(0, 60, 600, confidence_level=0.95, side="upper") == tuple(held.value("R33.none_found"))


@pytest.mark.parametrize(("found", "asked", "size", "low", "high"), held.value("samples.bounds"))
def test_samples_of_members(found, asked, size, low, high):
    assert marked_interval(found, asked, size, confidence_level=0.95, side="lower")[0] == low
    assert marked_interval(found, asked, size, confidence_level=0.95, side="upper")[1] == high


def test_errors_of_one_in_a_hundred_make_four_the_fewest_that_say_anything():
    fewest = held.value("denials.fewest")
    nobody = found_law(120, 0, 600, 0.01)
    assert nobody[fewest:].sum() <= 0.05 < nobody[fewest - 1 :].sum()
    assert found_law(120, 20, 600, 0.01)[fewest:].sum() == held.number("denials.power")


# 2. Another road


@pytest.mark.parametrize(("asked", "marked", "size"), [(0, 1, 2), (2, 2, 4), (3, 2, 5), (4, 0, 5), (3, 5, 5), (5, 3, 6)])
@pytest.mark.parametrize("error", [Fraction(0), Fraction(1, 7), Fraction(1, 2)])
def test_every_sample_and_every_error_written_out(asked, marked, size, error):
    law = [Fraction(0)] * (asked + 1)
    samples = list(combinations(range(size), asked))
    for sample in samples:
        for slips in product([False, True], repeat=asked):
            found = [member < marked or slip for member, slip in zip(sample, slips, strict=True)]
            law[sum(found)] += Fraction(1, len(samples)) * error ** sum(slips) * (1 - error) ** (asked - sum(slips))
    assert found_law(asked, marked, size, float(error)) == pytest.approx([float(x) for x in law], abs=1e-12)


@STEADY
@given(st.integers(0, 8), st.integers(0, 8), st.integers(0, 12), st.sampled_from([0.8, 0.95]), st.sampled_from([0.0, 0.05, 0.4]))
def test_the_bounds_are_those_of_trying_every_number(found, others, rest, level, error):
    asked, size = found + others, found + others + rest
    laws = [found_law(asked, marked, size, error) for marked in range(size + 1)]
    for side, tail in (("both", (1 - level) / 2), ("lower", 1 - level), ("upper", 1 - level)):
        low = [k for k, law in enumerate(laws) if law[found:].sum() > tail * (1 - 1e-9)]
        high = [k for k, law in enumerate(laws) if law[: found + 1].sum() > tail * (1 - 1e-9)]
        can_be = [k for k, law in enumerate(laws) if law[found] > 0]
        expected = (min(can_be) if side == "upper" else min(low), max(can_be) if side == "lower" else max(high))
        assert marked_interval(found, asked, size, confidence_level=level, side=side, error_rate=error) == expected


# 3. Properties


@STEADY
@given(st.integers(0, 20), st.integers(1, 60), st.integers(0, 300))
def test_more_found_is_never_fewer_marked_and_errors_lower_both_ends(found, others, rest):
    asked, size = found + others, found + others + rest
    low, high = marked_interval(found, asked, size, confidence_level=0.95)
    assert found <= low <= high <= size - others
    more = marked_interval(found + 1, asked, size, confidence_level=0.95)
    assert more[0] >= low
    assert more[1] >= high
    with_errors = marked_interval(found, asked, size, confidence_level=0.95, error_rate=0.03)
    assert with_errors[0] <= low
    assert with_errors[1] <= high


# 4. Coverage


@pytest.mark.parametrize("error", [0.0, 0.02])
@pytest.mark.parametrize(("asked", "size"), [(20, 80), (45, 60)])
def test_the_interval_covers_every_number_often_enough(asked, size, error):
    for side in ("both", "lower", "upper"):
        ends = [marked_interval(x, asked, size, confidence_level=0.9, side=side, error_rate=error) for x in range(asked + 1)]
        for marked in range(size + 1):
            covers = np.array([low <= marked <= high for low, high in ends])
            assert found_law(asked, marked, size, error)[covers].sum() >= 0.9 - 1e-9


# 6. Edges, 7. messages


def test_a_census_nobody_asked_and_a_chance_that_equals_its_level():
    assert marked_interval(3, 40, 40, confidence_level=0.95) == (3, 3)
    assert marked_interval(0, 0, 40, confidence_level=0.95) == (0, 40)
    assert marked_interval(0, 0, 0, confidence_level=0.95) == (0, 0)
    assert marked_interval(5, 5, 9, confidence_level=0.95, side="upper") == (5, 9)
    # 570 of 600 asked, one marked: missed in exactly .05, so that one is not ruled out.
    assert hypergeom.pmf(0, 600, 1, 570) == pytest.approx(0.05)
    assert marked_interval(0, 570, 600, confidence_level=0.95, side="upper") == (0, 1)


def test_a_large_body_is_quick_enough_to_be_asked_about():
    assert marked_interval(4, 400, 100_000, confidence_level=0.95)[1] == pytest.approx(2560, rel=0.02)  # 10.24 of 400 by Poisson


def test_what_cannot_be_is_refused():
    for found, asked, size in ((3, 2, 9), (-1, 2, 9), (1, 10, 9)):
        with pytest.raises(ParameterError, match="expected 0 <= found <= asked <= all"):
            marked_interval(found, asked, size, confidence_level=0.95)
    for level, error in ((1.0, 0.0), (0.95, 1.0), (float("nan"), 0.0)):
        with pytest.raises(ParameterError, match="expected the first between 0 and 1"):
            marked_interval(1, 2, 9, confidence_level=level, error_rate=error)
