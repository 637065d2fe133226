"""Every number that a notebook works out by hand, worked out again: what the prose prints must be it, rounded as printed."""

import json
import re
from itertools import combinations
from math import comb, log
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from cases import utc

from analysis_lib.locations import NOTEBOOKS
from analysis_lib.plan import Plan
from analysis_lib.stats.clock_offset import feasible_offset
from analysis_lib.stats.predictive_rates import predictive_tails


def printed(chapter, pattern):
    """The numbers of one passage of a notebook, as printed."""
    notebook = json.loads((NOTEBOOKS / f"{chapter}.ipynb").read_text(encoding="utf-8"))
    prose = "\n\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    found = re.search(pattern, prose)
    assert found, f"{chapter} no longer says: {pattern}. Mend this test along with the prose."
    return found.groups()


def agrees(text, value):
    """Whether a printed number is the value, rounded to the digits printed."""
    digits = len(text.partition(".")[2])
    return float(text.replace(",", "")) == pytest.approx(round(value, digits), abs=1e-9)


N = r"([\d,]+(?:\.\d+)?)"


def test_ciudadanos_votes_against_people():
    a, b, c, votes, people, votes_again, people_again, over = printed(
        "00_evidence", rf"{N} \+ {N} \+ {N} = {N} votes against {N} people .* at least {N} − {N} = {N} ballots"
    )
    assert agrees(votes, int(a) + int(b) + int(c))
    assert (votes, people) == (votes_again, people_again)
    assert agrees(over, 561 + 526 + 7 - 1013)


def test_a_roll_with_names_too_many():
    roll, published, left, right, over = printed(
        "00_evidence", rf"roll of {N} names against {N} members .*: {N} − {N} = {N} names too many"
    )
    assert (roll, published) == (left, right)
    assert agrees(over, int(roll) - int(published))


def test_an_address_set_after_the_last_day():
    day, at, hours, minutes = printed(
        "00_evidence", r"Last day (\d+:\d+), address set at (\d+:\d+): (\d+) hours and (\d+) minutes late"
    )
    late = utc(f"2031-10-20 {at}") - utc(f"2031-10-20 {day}")
    assert late.total_seconds() == 3600 * int(hours) + 60 * int(minutes)


def test_ciudadanos_the_lead_and_the_struck_ballots():
    first, second, lead, struck, lead_again, _, _, left, rival = printed(
        "00_evidence",
        rf"{N} − {N} = {N} is the lead; {N} struck ballots are more than {N}, .* Declared again, {N} − {N} = {N} is below {N}\.",
    )
    assert agrees(lead, int(first) - int(second))
    assert lead == lead_again
    assert int(struck) > int(lead)
    assert agrees(left, int(first) - int(struck))
    assert int(left) < int(rival) == int(second)


def test_a_log_in_the_time_of_los_angeles():
    pattern = rf"open from {N}:00 to 12:00 UTC .* stamped (\d\d:\d\d), the last one (\d\d:\d\d): "
    pattern += rf"the clock is at least {N} hours {N} minutes and at most {N} hours {N} minutes behind\..* in between is {N},"
    hour, first, last, *told, shift = printed("00_evidence", pattern)
    noon = utc(f"2031-01-15 {hour}:00")
    first, last = ((utc(f"2031-01-15 {text}") - noon).total_seconds() for text in (first, last))
    low, high = feasible_offset([first], [last])
    assert [int(number) for number in told] == [-high // 3600, -high % 3600 // 60, -low // 3600, -low % 3600 // 60]
    assert low < -3600 * int(shift) < high
    assert noon.astimezone(ZoneInfo("America/Los_Angeles")).utcoffset().total_seconds() == -3600 * int(shift)


def test_the_score_of_a_window():
    pattern = r"14 ballots in 15 minutes where 0\.3 were expected, of 579: 14 log\(14/0\.3\) \+ 565 log\(565/578\.7\) = "
    pattern += rf"{N} − {N} = {N}\."
    seen, rest, score = printed("10_turnout_timing", pattern)
    assert agrees(seen, 14 * log(14 / 0.3))
    assert agrees(rest, -565 * log(565 / 578.7))
    assert agrees(score, 14 * log(14 / 0.3) + (579 - 14) * log((579 - 14) / (579 - 0.3)))


def test_one_stamp_with_two_readings():
    early, late = printed("20_late_votes", r"stamped 11:30 .* is (\d+) minutes late .*, and (\d+) minutes early")
    close = utc("2031-10-20 11:00")
    assert f"{close.astimezone(ZoneInfo('Europe/London')):%H:%M %Z}" == "12:00 BST"
    if_utc = utc("2031-10-20 11:30")
    if_local = if_utc.replace(tzinfo=ZoneInfo("Europe/London"))
    assert agrees(early, (if_utc - close).total_seconds() / 60)
    assert agrees(late, (close - if_local).total_seconds() / 60)


def test_four_officers():
    sizes, events = (20, 15, 15, 10), (9, 2, 2, 1)
    pattern = r"handled 20, 15, 15 and 10 reissues, of which 9, 2, 2 and 1 .* at least 9 of the 14 .* among 20 of 60 is"
    chance, adjusted = printed("30_credential_reissues", rf"{pattern} {N}; times four \(Holm\) it is {N}\.")
    exact = sum(comb(20, k) * comb(40, 14 - k) for k in range(9, 15)) / comb(60, 14)
    assert (sum(sizes), sum(events)) == (60, 14)
    assert agrees(chance, exact)  # 0.0074
    assert agrees(adjusted, 4 * exact)  # 0.030


def test_ten_reissues():
    ways, over, pvalue = printed(
        "30_credential_reissues", rf"Of the {N} ways to deal the label, one does as well: p = 1/{N} = {N}\."
    )
    dealt = list(combinations([1] * 5 + [0] * 5, 5))
    assert agrees(ways, len(dealt))
    assert agrees(over, len(dealt) / sum(sum(chosen) == 5 for chosen in dealt))
    assert agrees(pvalue, 1 / len(dealt))


def test_the_permutation_is_as_long_as_the_plan_says():
    (times,) = printed("30_credential_reissues", rf"dealt out again at random {N} times")
    assert agrees(times, Plan().n_resamples)


def test_one_table_of_ilford_south():
    pattern = rf"{N} of {N} in the hall is {N} %, {N} of {N} online is {N} %; "
    pattern += rf"\({N} × {N}\)/\({N} × {N}\) = {N}: the odds of support were two and a half"
    yes, hall, share, online_yes, online, online_share, *cells, ratio = printed("50_channel_gap", pattern)
    assert agrees(share, 100 * int(yes) / int(hall))
    assert agrees(online_share, 100 * int(online_yes) / int(online))
    assert [int(cell) for cell in cells] == [int(yes), int(online) - int(online_yes), int(hall) - int(yes), int(online_yes)]
    assert agrees(ratio, 150 * 383 / (113 * 206))
    # It is one of the tables that fit: 361 and 499 votes in all, 57 % and 35 % within half a point, no more than 60 others.
    assert 150 + 206 <= 361
    assert 113 + 383 <= 499
    assert 860 - 263 - 589 <= 60


def test_a_share_of_57_percent():
    low, high = printed("50_channel_gap", rf"printed as 57 % may be anything from {N} % to {N} %")
    assert agrees(low, 56.5)
    assert agrees(high, 57.5)


def test_a_plain_funnel_flags_clean_branches_and_the_predictive_tail_seldom_does():
    # The prose gives shares measured elsewhere; they depend on the branches. Here 20 of 40 to 140 members, rates about 7 %.
    rng, n = np.random.default_rng(11), 80
    plain, predictive = {}, {}
    for rho in (0.02, 0.05):
        sizes = rng.integers(40, 140, (n, 20))
        events = rng.binomial(sizes, rng.beta(0.07 * (1 / rho - 1), 0.93 * (1 / rho - 1), (n, 20)))
        plain[rho] = np.mean([simes(binomial_tails(k, m)) <= 0.05 for k, m in zip(events, sizes, strict=True)])
        predictive[rho] = np.mean([simes(predictive_tails(k, m)) <= 0.05 for k, m in zip(events, sizes, strict=True)])
    assert plain[0.02] > 0.4
    assert plain[0.05] > 0.85
    assert max(predictive.values()) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)


def binomial_tails(events, sizes):
    from scipy.stats import binom

    return binom.sf(events - 1, sizes, events.sum() / sizes.sum())


def simes(pvalues):
    return (np.sort(pvalues) * pvalues.size / np.arange(1, pvalues.size + 1)).min()
