"""The numbers that chapter 40 works out by hand on applications, messages and ballots taken out."""

import json
import re
from math import comb

import pytest
from scipy.stats import binom

from analysis_lib.locations import NOTEBOOKS
from analysis_lib.stats.hypergeometric_bounds import marked_interval


def printed(pattern):
    """The numbers of one passage, as printed."""
    notebook = json.loads((NOTEBOOKS / "40_roll_changes.ipynb").read_text(encoding="utf-8"))
    prose = "\n\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    found = re.search(pattern, prose)
    assert found, f"Chapter 40 no longer says: {pattern}. Mend this test along with the prose."
    return [float(number) for number in found.groups()]


N = r"(\d+(?:\.\d+)?)"


def test_two_of_sixty_and_four_of_120():
    size, asked, found, low, high = printed(rf"Of {N} applicants {N} were asked and {N} deny: .* {N} to {N} applications")
    assert marked_interval(int(found), int(asked), int(size), confidence_level=0.95) == (low, high)
    asked, rate, made, fewest, times = printed(
        rf"Of {N} asked, mistakes at {N} in 100 make {N} denials; {N} or more come in {N} of 100"
    )
    assert made == asked * rate / 100
    assert times == round(100 * binom.sf(fewest - 1, asked, rate / 100))


def test_twelve_changed_members():
    n, lost, others, others_lost, lost_all, n_all, drawn, least, chance = printed(
        rf"Of {N} changed members {N} were not reached, of {N} others {N}\. If {N} of the {N} are lost .*, {N} drawn by lot hold {N} or more of them with chance {N}\."
    )
    assert (n_all, lost_all, drawn, least) == (n + others, lost + others_lost, n, lost)
    n, n_all, lost_all = int(n), int(n_all), int(lost_all)
    tail = sum(comb(lost_all, k) * comb(n_all - lost_all, n - k) for k in range(int(lost), lost_all + 1)) / comb(n_all, n)
    assert chance == pytest.approx(round(tail, 3))


def test_three_of_four_online():
    a, n, b, m, ways, k, total, likely, pvalue = printed(
        rf"Online {N} of {N} ballots were taken out, in the hall {N} of {N}\. "
        rf"Of the {N} ways to choose {N} of {N}, {N} are no likelier than this one: p = {N}\."
    )
    tables = [comb(int(n), j) * comb(int(m), int(k) - j) for j in range(int(k) + 1)]
    assert (a + b, n + m, comb(int(total), int(k))) == (k, total, ways)
    assert sum(t for t in tables if t <= tables[int(a)]) == likely
    assert pvalue == round(likely / ways, 2)
