"""Numbers against times, and receipts that were meant to be mixed: blocks found, ordinary lateness left alone."""

from datetime import timedelta

import numpy as np
import pytest
from cases import QUICK, answered, tiny, utc

from analysis_lib import exhibits, wording
from analysis_lib.methods import record_order as order
from analysis_lib.results import NotAnswerable, Status, TestResult, Verdict

OPENS = utc("2031-10-06 11:00")
CLOCK = {"clock_id": "C1", "tz_used": "UTC", "tz_basis": "stated_offset", "resolution": "s"}


def a_log(folder, seconds, *, numbers=None, row_order=None, clock=CLOCK, rows=None, **more):
    """Ballots in the order of their numbers, so many seconds after the opening."""
    numbers = range(1001, 1001 + len(seconds)) if numbers is None else numbers
    events = [
        {"event": "cast", "channel": "online", "clock_id": "C1", "at": OPENS + timedelta(seconds=float(s)), "seq": number}
        for s, number in zip(seconds, numbers, strict=True)
    ]
    if rows is not None:
        events = [event | {"seq": None, "source_row": int(place)} for event, place in zip(events, rows, strict=True)]
    return tiny(folder, ballot_events=events, clocks=[clock], sources=[{"row_order": row_order}], **more)


def paced(rng, n, *, late=0.05, mean=120.0):
    """Stamps of a log in the order of writing: a daily cycle, a short delay each, and a long one for some."""
    rates = np.clip(np.sin(np.arange(336) / 24 * 2 * np.pi) + 1.1, 0.02, None) * rng.gamma(2.5, 0.4, 336)
    at = rng.choice(336, n, p=rates / rates.sum()) * 3600 + rng.random(n) * 3600
    delay = rng.uniform(0, 1.5, n) + np.where(rng.random(n) < late, rng.exponential(mean, n), 0)
    return np.floor(at[np.argsort(at + delay, kind="stable")]).astype(np.int64)


def with_block(stamps, size, rng):
    """The same with a block of entries added after three quarters of the log, with times before."""
    place = 3 * len(stamps) // 4
    return np.concatenate([stamps[:place], np.sort(rng.choice(stamps[: place - 20], size)), stamps[place:]])


def numbered(stamps, rng, n_resamples=199):
    held = [order.Log(numbers=np.arange(stamps.size), stamps=stamps * order.US, unit_s=1, n_missing=0)]
    return order.record_order(
        held, concurrency_s=2, n_resamples=n_resamples, rng=rng, alpha=0.01, confidence_level=0.95, parameters={"zone": "UTC"}
    )


@pytest.mark.parametrize(("late", "mean"), [(0.05, 120), (0.2, 600), (0.05, 20_000)])
def test_scattered_late_entries_raise_few_alarms(late, mean):
    rngs = [np.random.default_rng(seed) for seed in range(200)]
    pvalues = np.array([numbered(paced(rng, 600, late=late, mean=mean), rng).pvalue for rng in rngs])
    assert (pvalues <= 0.05).mean() <= 0.05  # discrete: a log with few late entries has few blocks to show


def test_a_block_added_later_is_found():
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        found.append(numbered(with_block(paced(rng, 600), 8, rng), rng))
    assert np.mean(np.array([one.pvalue for one in found]) <= 0.01) >= 0.8
    assert {one.assumptions[0].status for one in found} == {Status.UNTESTED}  # no clock set back, no numbers by the block


@pytest.mark.parametrize("size", [5, 20])
def test_a_block_of_an_earlier_time_is_not_taken_for_a_clock_that_was_set_back(size):
    found = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        stamps = paced(rng, 600)
        late = stamps[449] - rng.integers(7200, 20_000) + np.sort(rng.integers(0, 600, size))
        found.append(numbered(np.concatenate([stamps[:450], late, stamps[450:]]), rng))
    stand = [one.pvalue <= 0.01 and one.assumptions[0].status is Status.UNTESTED for one in found]
    assert np.mean(stand) >= 0.75


@pytest.mark.parametrize(("n", "seed"), [(268, 2), (268, 7), (600, 3)])
def test_in_an_orderly_log_the_block_that_would_have_stood_out_does(n, seed):
    rng = np.random.default_rng(seed)
    seconds = np.sort(rng.choice(7 * 86_400, n, replace=False))
    least = numbered(seconds, rng, n_resamples=1999).details["smallest_visible"]
    at = n // 2

    def pvalue(length):
        late = seconds[at - 1] - 3600 + np.arange(length)
        return numbered(np.concatenate([seconds[:at], late, seconds[at:]]), rng, n_resamples=1999).pvalue

    assert pvalue(least) <= 0.015  # the stamps of the two blocks lie a little apart, and the draws are others
    assert pvalue(least - 1) > 0.005


def test_in_a_sparse_log_no_block_of_an_hour_ago_is_promised():
    rng = np.random.default_rng(1)
    result = numbered(np.sort(rng.choice(7 * 86_400, 60, replace=False)), rng)
    assert (result.details["nothing_out"], result.details["smallest_visible"], result.pvalue) == (True, None, 1.0)


def test_a_block_is_told_with_its_times_and_where_it_stands(tmp_path):
    rng = np.random.default_rng(1)
    seconds = np.sort(rng.choice(86_400, 60, replace=False)) + 0
    block = [40_000, 40_020, 40_050, 40_090, 40_111]
    case = a_log(tmp_path, [*seconds[:55], *block, *seconds[55:]])
    finding = answered(case, "record_order")[0]
    assert finding.result.statistic == 5
    told = finding.details["block"]
    assert (told["first"], told["last"]) == (OPENS + timedelta(seconds=40_000), OPENS + timedelta(seconds=40_111))
    assert told["after"] == OPENS + timedelta(seconds=int(seconds[54]))
    assert finding.details["largest_s"] == seconds[54] - 40_000
    assert finding.details["n_pairs"] == sum(int((seconds[:55] > s + 2).sum()) for s in block)
    text = wording.sentence(finding)
    assert "5 are out of order" in text
    assert "has 5 entries, stamped from 6 October 2031, 23:06:40 to 23:08:31 BST" in text
    chart, table = exhibits.record_order(case, answered(case, "record_order"))
    assert "the longest block has 5" in chart.alt
    assert {row["what"]: row["n"] for row in table.rows}["entries out of order"] == 5


def test_a_log_in_order_and_its_gaps_and_equal_stamps(tmp_path):
    seconds = [*range(0, 36_000, 900), 40_000, 40_000, 40_000]
    numbers = [*range(1, 41), 50, 51, 52]
    finding = answered(a_log(tmp_path, seconds, numbers=numbers), "record_order")[0]
    assert (finding.verdict, finding.result.pvalue, finding.details["n_displaced"]) == (Verdict.WITHIN_BASELINE, 1.0, 0)
    assert finding.details["n_missing"] == 9
    assert (finding.details["stamps"]["n"], finding.details["stamps"]["largest"]) == (1, 3)
    text = wording.sentence(finding)
    assert "All 43 entries of the log stand in one order by number and by time" in text
    assert "would turn up" not in text
    assert "9 numbers are missing, which by itself tells nothing" in text


def test_two_at_once_may_change_places_by_the_unit_of_the_clock(tmp_path):
    swapped = [*range(0, 30_000, 600), 30_002, 30_000]
    assert answered(a_log(tmp_path / "s", swapped), "record_order")[0].details["n_displaced"] == 0
    minutes = [*range(0, 30_000, 600), 30_060, 30_000]
    case = a_log(tmp_path / "m", minutes, clock=CLOCK | {"resolution": "min"})
    assert answered(case, "record_order")[0].details["n_displaced"] == 0
    assert order.Log(numbers=np.arange(2), stamps=np.arange(2), unit_s=60, n_missing=0).tolerance(61) == 120 * order.US


def test_rows_said_to_stand_by_time_take_the_place_of_numbers(tmp_path):
    seconds = list(range(0, 40_000, 1000))
    case = a_log(tmp_path, seconds, rows=range(2, 42), row_order="by_time")
    finding = answered(case, "record_order")[0]
    assert isinstance(finding.result, TestResult)
    assert finding.details["n_missing"] == 0
    unsaid = a_log(tmp_path / "b", seconds, rows=range(2, 42))
    assert isinstance(answered(unsaid, "record_order")[0].result, NotAnswerable)


def test_numbers_that_do_not_run_with_time_and_numbers_that_repeat_cannot_be_answered(tmp_path):
    seconds = np.random.default_rng(3).permutation(40) * 1000
    finding = answered(a_log(tmp_path / "a", seconds), "record_order")[0]
    assert "not given in the order of writing" in finding.result.reason
    twice = answered(a_log(tmp_path / "b", sorted(seconds), numbers=[*range(20), *range(20)]), "record_order")[0]
    assert "a running number that comes once 0 are held; 30 are needed" in twice.result.reason


@pytest.mark.parametrize("n", [1, 29, 30])
def test_thirty_entries_are_needed(tmp_path, n):
    finding = answered(a_log(tmp_path, range(0, 100 * n, 100)), "record_order")[0]
    assert isinstance(finding.result, TestResult) == (n >= 30)


RECEIPTS = np.sort(np.random.default_rng(4).integers(0, 3 * 86_400, 80))


@pytest.mark.parametrize("seconds", [RECEIPTS, RECEIPTS[::-1]])
def test_receipts_in_order_of_time_though_meant_to_be_mixed(tmp_path, seconds):
    # As reported of Ciudadanos, Castilla y León, March 2019: receipts with code and time stood in the order of voting.
    case = a_log(tmp_path, seconds, rows=range(2, 82), row_order="shuffled")
    numbers, mixed = answered(case, "record_order")
    assert isinstance(numbers.result, NotAnswerable)
    assert mixed.result.pvalue == 1 / 200
    assert abs(mixed.result.effect.value) > 0.99
    assert "a file of 80 receipts that was meant to be mixed" in wording.sentence(mixed)
    (chart,) = exhibits.record_order(case, (numbers, mixed))
    assert "80 receipts in 8 stretches" in chart.alt


def test_mixed_receipts_raise_few_alarms(tmp_path):
    rng, pvalues = np.random.default_rng(8), []
    options = {"n_resamples": 199, "confidence_level": 0.95, "parameters": {"alpha": 0.01}}
    for _ in range(400):
        pvalues.append(order.shuffled_order([rng.permutation(RECEIPTS)], rng=rng, **options).pvalue)
    assert abs(np.mean(np.array(pvalues) <= 0.05) - 0.05) <= 3 * np.sqrt(0.05 * 0.95 / 400)


def test_the_same_answer_twice_and_another_seed_gives_other_draws(tmp_path):
    stamps = with_block(paced(np.random.default_rng(2), 100, late=0.2, mean=600), 4, np.random.default_rng(3))
    one, two = (answered(a_log(tmp_path / str(i), stamps), "record_order")[0].result for i in (1, 2))
    other = answered(a_log(tmp_path / "o", stamps, plan=f"{QUICK}seed = 5\n"), "record_order")[0].result
    assert (one.pvalue, one.statistic) == (two.pvalue, two.statistic)
    assert not np.array_equal(one.null_draws, other.null_draws)
