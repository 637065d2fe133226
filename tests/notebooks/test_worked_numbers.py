"""Every number that a notebook works out by hand, worked out again: what the prose prints must be it, rounded as printed."""

import json
import re
from itertools import combinations, permutations
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
        "40_roll_changes", rf"roll of {N} names against {N} members .*: {N} − {N} = {N} names too many"
    )
    assert (roll, published) == (left, right)
    assert agrees(over, int(roll) - int(published))


def test_an_address_set_after_the_last_day():
    day, at, hours, minutes = printed(
        "40_roll_changes", r"Last day (\d+:\d+), address set at (\d+:\d+): (\d+) hours and (\d+) minutes late"
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


def test_five_reissues_followed_before_five_others():
    expected, ways = printed("30_credential_reissues", rf"{N} ballots are expected, and 5 came\. Of the {N} ways")
    assert agrees(expected, 5 / 10 + 4 / 9 + 3 / 8 + 2 / 7 + 1 / 6)
    assert agrees(ways, comb(10, 5))


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


def test_sixty_four_where_thirty_one_are_expected():
    from scipy.stats import nbinom, poisson

    mean, seen, millions, percent, hundredths = printed(
        "20_late_votes",
        rf"Where {N} ballots are expected and {N} come, .* 1 time in {N} million. .* by {N} %, which is usual, it happens {N} times in 100",
    )
    mean, seen, shape = int(mean), int(seen), 5
    assert agrees(millions, 1e-6 / poisson.sf(seen - 1, mean))
    assert agrees(percent, 100 / np.sqrt(shape))
    assert agrees(hundredths, 100 * nbinom.sf(seen - 1, shape, shape / (shape + mean)))


def test_three_of_four_ballots_on_the_last_day():
    ways, of, pvalue = printed("20_late_votes", rf"= {N} of {N} ways: p = 5/16 = {N}")
    assert agrees(ways, comb(4, 3) + comb(4, 4))
    assert agrees(of, 2**4)
    assert agrees(pvalue, 5 / 16)
    least, again, adjusted = printed("20_late_votes", rf"0.02, {N} and 0.03 the smallest counts threefold: 3 × {N} = {N}\.")
    assert least == again
    assert agrees(adjusted, 3 * float(least))


def test_late_ballots_bounded_by_a_running_count():
    before, soon, last, *sums = printed(
        "20_late_votes",
        rf"With {N} before the close, {N} ten minutes after it and {N} an hour after it, at most {N} − {N} = {N} .* at least {N} − {N} = {N}\.",
    )
    assert sums == [last, before, str(int(last) - int(before)), last, soon, str(int(last) - int(soon))]


def test_even_gaps_and_runs_of_gaps():
    from analysis_lib.stats.gaps import log_tail
    from analysis_lib.stats.runs import longest_run_tail, most_band_chance

    two, ten, one_in, top, of, tosses, percent, twelve = printed(
        "10_turnout_timing",
        rf"0\.4/√2 = {N}\. Ten gaps with a CV of 0\.13 or less have one of {N}, about 1 in {N} million\. A run of 4 heads or more "
        rf"in 10 tosses of a coin has a chance of {N}/{N} = {N}\. No pace puts more than {N} % .* a chance of at most {N}\.",
    )
    assert agrees(two, np.exp(log_tail(0.4, 2)))
    assert agrees(ten, np.exp(log_tail(0.13, 10)))
    assert agrees(one_in, np.exp(-log_tail(0.13, 10)) / 1e6)
    assert agrees(tosses, longest_run_tail([0.5] * 10, 4))
    assert float(top) / float(of) == pytest.approx(longest_run_tail([0.5] * 10, 4))
    most = most_band_chance(Plan().gap_band_s, 1)
    assert float(percent) - 1 < 100 * most <= float(percent)
    assert float(twelve) == pytest.approx(most**12, rel=0.05)


def test_successions_of_three_and_of_sixty():
    from analysis_lib.stats.list_order import succession_law, succession_tail

    *counts, tail, one_in = printed(
        "10_turnout_timing",
        rf"Of the {N} orders of 3 places, {N} have no succession .*, {N} have one .* and {N} has two .*"
        rf"7 successions or more have a chance of {N}, about 1 in {N}, though",
    )
    assert [float(c) for c in counts] == pytest.approx([6, *(6 * succession_law(3))])
    assert agrees(tail, succession_tail(60, 7))
    assert float(one_in.replace(",", "")) == pytest.approx(1 / succession_tail(60, 7), rel=0.005)


def test_ten_entries_of_a_log_and_six_receipts():
    from analysis_lib.stats.inversions import displacement, longest_block, n_inversions, neumann_ratio

    first, second, third, block, pairs, total, over, ratio, least, over_again, sorted_ratio = printed(
        "10_turnout_timing",
        rf"stamped 0, 5, 9, 14, 20, 3, 6, 8, 26 and 31 seconds\. .* are {N}, {N} and {N} seconds late, a block of {N}\. Of the pairs, {N} "
        rf"stand .* rank 3, 1, 5, 2, 6, 4 .* in all {N}, over {N}: a ratio of {N}\. .* be {N} over {N}, or {N}\.",
    )
    stamps = np.array([0, 5, 9, 14, 20, 3, 6, 8, 26, 31])
    late = displacement(stamps, 0)
    assert late[late != 0].tolist() == [int(first), int(second), int(third)]
    assert longest_block(late) == (5, int(block))
    assert n_inversions(stamps, 0) == int(pairs)
    ranks = np.array([3, 1, 5, 2, 6, 4])
    assert (agrees(total, (np.diff(ranks) ** 2).sum()), agrees(over, ((ranks - 3.5) ** 2).sum())) == (True, True)
    assert agrees(ratio, neumann_ratio(ranks))
    assert (least, over) == ("5", over_again)
    assert agrees(sorted_ratio, neumann_ratio(np.arange(6)))


def test_ballots_that_share_a_network():
    from analysis_lib.stats.collisions import birthday, tallies

    a, b, c, d, three, ten, largest, ballots, networks, less = printed(
        "10_turnout_timing",
        rf"three or more: {N} \+ {N} \+ {N} \+ {N} = {N}; .* of ten or more: {N}; the largest: {N}\. .* are {N} − {N} = {N}\.",
    )
    sizes = np.array([1] * 40 + [2] * 10 + [int(x) for x in (a, b, c, d)])
    assert tallies(sizes).tolist() == [int(three), int(ten), int(ten), int(largest)]
    assert (sizes.sum(), sizes.size, (sizes - 1).sum()) == (int(ballots), int(networks), int(less))
    people, days, chance = printed("10_turnout_timing", rf"With {N} people and {N} days .* share a day is {N}\.")
    assert agrees(chance, birthday(int(people), int(days)))


def test_five_of_six_late_ballots_and_a_young_branch():
    from analysis_lib.stats import stratified

    ways, of, chance = printed("20_late_votes", rf"at least 5 of the 6 are for A in {N} of {N} ways: {N}\.")
    assert agrees(ways, sum(comb(15, k) * comb(11, 6 - k) for k in (5, 6)))
    assert agrees(of, comb(26, 6))
    assert agrees(chance, stratified.common_ratio([(5, 1, 10, 10)], 0.95).greater)
    late, earlier, ratio, needed = printed(
        "20_late_votes", rf"A has {N} % of the late and {N} % of the earlier ballots; .* odds ratio is {N}\. .* = {N} to account"
    )
    tables = [(54, 6, 90, 10), (2, 18, 40, 360)]
    assert agrees(late, 100 * (54 + 2) / (60 + 20))
    assert agrees(earlier, 100 * (90 + 40) / (100 + 400))
    assert agrees(ratio, stratified.mantel_haenszel_ratio(tables))
    assert agrees(needed, stratified.needed_for_odds(4.0, 2.0, 8.0)[0])


def test_thirty_five_late_ballots_of_a_hundred():
    from analysis_lib.stats.bounds import most_ahead, overlap_bounds

    low, high, lead, late, least, most, total, n, others, forced = printed(
        "20_late_votes",
        rf"A had between {N} and {N} of those\. The lead of {N} could fall to 30 − {N} = −{N}, or rise to 30 \+ 30 = {N}; .* "
        rf"With {N} late ballots A had at least {N} − {N} = {N} of them",
    )
    assert (int(low), int(high)) == overlap_bounds([35], [60], [100])
    assert (int(lead), int(late)) == (60 - 30, 35)
    assert -int(least) == 30 - most_ahead([35], [60], [30], [100])
    assert int(most) == 30 + most_ahead([35], [30], [60], [100])
    assert (int(n) - int(others), int(total)) == (int(forced), 80)
    assert int(forced) == overlap_bounds([80], [60], [100])[0]


def test_three_chains_in_order():
    ways, chance_of, chance = printed(
        "30_credential_reissues", rf"all of {N} dealings give three chains, one has steps as close, so p = 1/{N} = {N}\."
    )
    orders = list(permutations(range(3)))
    squares = [sum((10 + r[m] - m) ** 2 + (10 + b[m] - r[m]) ** 2 for m in range(3)) for r in orders for b in orders]
    assert len(squares) == int(ways) == int(chance_of)
    assert squares.count(min(squares)) == 1
    assert min(squares) == 3 * (10**2 + 10**2)  # in the order seen
    assert agrees(chance, 1 / len(squares))


def test_members_expected_in_groups():
    n, together, moved, members, expected = printed(
        "30_credential_reissues",
        rf"Of {N} members on the earlier list three have one address\. Seven .*: {N} × {N} / {N} = {N} members",
    )
    assert (n, together, moved) == (members, "3", "7")
    assert agrees(expected, int(together) * int(moved) / int(n))
