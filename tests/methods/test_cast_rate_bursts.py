"""Bursts: the top window by brute force, planted and published ones found, and evenly spread ballots left alone."""

from dataclasses import replace
from datetime import timedelta
from math import log

import numpy as np
import pytest
from cases import QUICK, answered, one, tiny, utc
from petition import PETITION, petition_rows
from scipy.stats import chi2

from analysis_lib import exhibits, wording
from analysis_lib.case import open_case
from analysis_lib.errors import TooFewObservations
from analysis_lib.methods import cast_rate_bursts as bursts
from analysis_lib.methods.registry import answer_chapter
from analysis_lib.methods.turnout import Casts, casts
from analysis_lib.results import NotAnswerable, Status, TestResult, Verdict, to_dict
from analysis_lib.stats import scan

OPENS = utc("2031-10-06 11:00")
WINDOW = {
    "channel": "online",
    "kind": "voting",
    "basis": "advertised",
    "opens_at": OPENS,
    "closes_at": OPENS + timedelta(hours=48),
}
SURE = {"clock_id": "C1", "tz_used": "UTC", "tz_basis": "stated_offset", "resolution": "s"}


def contest(folder, seconds, window=WINDOW, plan=QUICK, clock=SURE, **more):
    """Ballots so many seconds after the opening."""
    events = [
        {"event": "cast", "channel": "online", "clock_id": "C1", "at": OPENS + timedelta(seconds=float(s))} for s in seconds
    ]
    return tiny(folder, ballot_events=events, contest_windows=[window], clocks=[clock], plan=plan, **more)


def spread(n, hours=48, seed=1, unit=1):
    """Whole seconds drawn evenly over the window, unsorted, cut down to the unit."""
    return np.random.default_rng(seed).integers(0, hours * 3600, n) // unit * unit


def within_hour(case):
    return answered(case, "cast_rate_bursts")[0]


def llr(count, expected, total):
    if count <= expected:
        return 0.0
    return count * log(count / expected) + ((total - count) * log((total - count) / (total - expected)) if count < total else 0.0)


def top_by_brute_force(stamps, edges, shares, lengths):
    """Every window from a stamp, its expectation summed second by second."""
    rate = np.repeat(np.asarray(shares) / np.diff(edges), np.diff(edges).astype(int))
    best = (0.0,)
    for length in lengths:
        for start in sorted(set(stamps)):
            count = sum(start <= s < start + length for s in stamps)
            expected = len(stamps) * rate[start : start + length].sum()
            if count >= 2 and llr(count, expected, len(stamps)) > best[0] + 1e-9:
                best = (llr(count, expected, len(stamps)), start, length, count, expected)
    return best


@pytest.mark.parametrize("form", ["within_hour", "peer_baseline"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_top_window_by_brute_force_on_tied_stamps(form, seed):
    rng = np.random.default_rng(seed)
    stamps = np.sort(rng.integers(0, 7200, 40) // 10 * 10)
    edges = np.array([0.0, 3600.0, 7200.0])
    shares = np.histogram(stamps, edges)[0] / 40 if form == "within_hour" else np.array([0.3, 0.7])
    series = Casts(stamps=stamps, opens_at=OPENS, edges=edges, resolution=1, n_outside=2, n_household=3, networks_known=True)
    result = bursts.cast_rate_bursts(
        series,
        form=form,
        shares=shares,
        noise_cv=0.5,
        lengths=(60, 300, 900),
        confidence_level=0.9,
        n_resamples=99,
        rng=rng,
        assumptions=(),
        alpha=0.05,
        parameters={"zone": "UTC"},
    )
    expected = top_by_brute_force(stamps.tolist(), edges, shares, (60, 300, 900))
    window = result.details["window"]
    found = (result.statistic, (window["start"] - OPENS).total_seconds(), window["length_s"], window["count"], window["expected"])
    assert found == pytest.approx(expected, rel=1e-9)
    assert window["end"] - window["start"] == timedelta(seconds=window["length_s"])
    low, high = chi2.ppf(0.05, 2 * window["count"]) / 2, chi2.ppf(0.95, 2 * window["count"] + 2) / 2
    assert (result.effect.low, result.effect.high) == pytest.approx((low / window["expected"], high / window["expected"]))
    assert result.pvalue == (1 + np.count_nonzero(result.null_draws >= result.statistic - 1e-9)) / 100
    assert (result.n_observations, result.n_excluded) == (40, 5)


def test_made_up_vale_shows_the_planted_night_burst_in_both_forms():
    case = open_case("made_up_vale", n_resamples=1999)  # of a family of six tests or so: 499 draws can't reach alpha
    for finding in answer_chapter("10_turnout_timing", case)["cast_rate_bursts"]:
        assert finding.verdict is Verdict.NOT_EXPLAINED
        assert (
            utc("2031-10-24 01:55")
            < finding.details["window"]["start"]
            < finding.details["window"]["end"]
            < utc("2031-10-24 02:20")
        )
        assert len(finding.details["clusters"]) == 1
    assert finding.details["window"]["count"] == 14


def test_its_innocent_twin_shows_none():
    for finding in answer_chapter("10_turnout_timing", open_case("made_up_vale_clean", n_resamples=499))["cast_rate_bursts"]:
        assert finding.verdict is Verdict.WITHIN_BASELINE
        assert finding.details["clusters"] == []
        assert "would not have stood out" in wording.sentence(finding)


@PETITION
def test_petition_131215_the_injection_comes_first(tmp_path):
    # PROVENANCE.md of the data: +21,528 in the two minutes to 2016-06-26 02:32:01Z, against about 480 before and after.
    finding = one(tiny(tmp_path, turnout_counts=petition_rows(), contest={"timezone": "Europe/London"}), "cast_rate_bursts")
    assert (finding.details["window"]["end"], finding.details["window"]["count"]) == (utc("2016-06-26 02:32:01"), 21_528)
    assert finding.details["clusters"][0] == finding.details["window"]
    assert finding.verdict is Verdict.NOT_EXPLAINED
    assert "to 03:32:01 BST (" in wording.sentence(finding)


def test_evenly_spread_ballots_raise_few_alarms(tmp_path):
    pvalues = [within_hour(contest(tmp_path / str(seed), spread(100, seed=seed))).result.pvalue for seed in range(40)]
    assert np.mean(np.array(pvalues) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 40)


def test_a_burst_among_evenly_spread_ballots_is_found(tmp_path):
    finding = within_hour(contest(tmp_path, [*spread(100), *range(90_000, 90_280, 20)]))
    assert finding.verdict is Verdict.NOT_EXPLAINED
    assert finding.details["window"]["start"] == OPENS + timedelta(seconds=90_000)


@pytest.mark.parametrize(
    ("phones", "keys", "expected"), [(4, False, Status.FAILS), (9, False, Status.UNTESTED), (4, True, Status.UNTESTED)]
)
def test_without_networks_four_ballots_may_be_one_household(tmp_path, phones, keys, expected):
    case = contest(tmp_path, [*quiet_hour(150), *(145_000 + 10 * np.arange(phones))])
    found = forms_of(replace(casts(case), networks_known=keys), n_resamples=499)
    assert found.details["window"]["count"] == min(phones, 6)  # ten seconds apart, six fit into a minute
    assert found.assumptions[0].status == expected
    least = 0 if keys else 5
    assert all(row["ballots"] >= least for row in found.details["smallest_visible"] if row["ballots"])


def test_a_household_does_not_hide_a_larger_burst(tmp_path):
    case = contest(tmp_path, [*quiet_hour(150), *(145_000 + 5 * np.arange(4)), *(90_000 + 10 * np.arange(5))])
    series = casts(case)
    hours = np.histogram(series.stamps, series.edges)[0] / series.stamps.size
    assert scan.scan_events(series.stamps, series.edges, hours, (60, 300, 900)).count == 4
    found = forms_of(series, n_resamples=499)
    assert found.details["window"]["count"] == 5
    assert found.pvalue <= 0.05
    assert found.assumptions[0].status is Status.UNTESTED


def quiet_hour(n):
    """Ballots spread evenly but for one hour without any."""
    return [s for s in spread(n, seed=4) if not 144_000 <= s < 147_600]


def forms_of(series, n_resamples):
    hours = np.histogram(series.stamps, series.edges)[0] / series.stamps.size
    return bursts.cast_rate_bursts(
        series, form="within_hour", shares=hours, noise_cv=0.0, lengths=(60, 300, 900), confidence_level=0.95,
        n_resamples=n_resamples, rng=np.random.default_rng(1), assumptions=(), alpha=0.05, parameters={},
    )  # fmt: skip


def test_the_same_case_gives_the_same_answer_and_a_shuffled_file_too(tmp_path):
    seconds = spread(60)
    one_way, again, shuffled = (
        [to_dict(finding, "") for finding in answered(case, "cast_rate_bursts")]
        for case in (contest(tmp_path / "a", seconds), contest(tmp_path / "a", seconds), contest(tmp_path / "b", seconds[::-1]))
    )
    assert one_way == again == shuffled


def test_another_seed_gives_other_draws(tmp_path):
    first, second = (within_hour(contest(tmp_path / str(s), spread(60), plan=f"{QUICK}seed = {s}")).result for s in (1, 2))
    assert first.statistic == second.statistic
    assert not np.array_equal(first.null_draws, second.null_draws)


@pytest.mark.parametrize("n", [0, 1, 29])
def test_under_thirty_ballots_it_cannot_be_answered(tmp_path, n):
    finding = one(contest(tmp_path, spread(n)), "cast_rate_bursts")
    assert isinstance(finding.result, NotAnswerable)
    if n:
        assert f"Of ballots with a time inside a known window {n} are held; 30 are needed" in finding.result.reason


def test_thirty_ballots_are_enough(tmp_path):
    assert isinstance(within_hour(contest(tmp_path, spread(30))).result, TestResult)


def test_all_ballots_in_one_minute(tmp_path):
    for unit in (1, 60):
        finding = within_hour(contest(tmp_path / str(unit), 7200 + spread(40, hours=1 / 60) // unit * unit))
        assert finding.details["window"]["count"] == 40
        assert 0 < finding.result.pvalue <= 1
        assert "40 ballots in" in wording.sentence(finding)


def test_stamps_cut_to_the_minute_use_only_windows_of_two_units(tmp_path):
    finding = within_hour(contest(tmp_path, spread(60, unit=60), clock=SURE | {"resolution": "min"}))
    assert finding.result.parameters["scan_windows_s"] == [300, 900, 3600, 14400]


@pytest.mark.parametrize(("unit", "said"), [(3600, "hour"), (3600, "s")])
def test_stamps_cut_to_the_hour_say_nothing_on_bursts_within_it(tmp_path, unit, said):
    finding = within_hour(contest(tmp_path, spread(60, unit=unit), clock=SURE | {"resolution": said}))
    assert isinstance(finding.result, NotAnswerable)
    assert finding.result.form == "within_hour"
    assert "Ask for the log with seconds." in finding.result.reason


def test_without_peers_the_pace_is_not_known_and_that_is_an_answer(tmp_path):
    peers = answered(contest(tmp_path, spread(60)), "cast_rate_bursts")[1]
    assert (peers.verdict, peers.result.form) == (Verdict.CANNOT_BE_ANSWERED, "peer_baseline")
    assert "contests.comparison_only" in peers.result.needs


def test_few_peers_are_an_assumption_that_fails():
    case = open_case("made_up_vale", n_resamples=99, peers=[f"made_up_peer_{i:02}" for i in range(1, 7)])
    peers = answer_chapter("10_turnout_timing", case)["cast_rate_bursts"][1].result
    assert peers.assumptions[1].status is Status.FAILS
    assert "6 peers with" in peers.assumptions[1].evidence
    assert peers.parameters["peers"] == list(case.peers())


def test_a_window_across_the_clock_change_has_an_hour_more(tmp_path):
    opens = utc("2031-10-25 11:00")
    window = WINDOW | {"opens_at": opens, "closes_at": opens + timedelta(hours=25)}
    seconds = np.sort((opens - OPENS).total_seconds() + spread(60, hours=25))
    case = contest(tmp_path, seconds, window)
    assert casts(case).edges.size == 26
    assert isinstance(within_hour(case).result, TestResult)
    figure = exhibits.cast_rate_bursts(case, answered(case, "cast_rate_bursts"))[0]
    assert "60 in all" in figure.alt


def test_the_function_refuses_what_it_cannot_do():
    series = Casts(
        stamps=np.arange(30),
        opens_at=OPENS,
        edges=np.array([0.0, 3600.0]),
        resolution=600,
        n_outside=0,
        n_household=0,
        networks_known=False,
    )
    options = {
        "shares": np.array([1.0]),
        "noise_cv": 0.0,
        "confidence_level": 0.95,
        "n_resamples": 99,
        "rng": np.random.default_rng(1),
        "assumptions": (),
        "alpha": 0.01,
        "parameters": {},
    }
    with pytest.raises(
        TooFewObservations, match=r"30 timed ballots at a resolution of 600 s; at least 30 ballots and one window of twice"
    ):
        bursts.cast_rate_bursts(series, form="within_hour", lengths=(60, 900), **options)
    with pytest.raises(TooFewObservations, match="29 timed ballots"):
        bursts.cast_rate_bursts(replace(series, stamps=np.arange(29)), form="within_hour", lengths=(3600,), **options)
    with pytest.raises(TooFewObservations, match="cut down to the hour"):
        bursts.cast_rate_bursts(replace(series, resolution=3600), form="within_hour", lengths=(14400,), **options)


def counted(folder, *rises, minutes=10, plan=QUICK):
    """A running count read at equal distances, with these rises."""
    voted = np.concatenate([[0], np.cumsum(rises)])
    rows = [
        {"as_of": OPENS + timedelta(minutes=minutes * i), "channel": "all", "unit": "ALL", "voted_n": int(n)}
        for i, n in enumerate(voted)
    ]
    return tiny(folder, turnout_counts=rows, plan=plan)


def test_the_top_run_of_readings_by_brute_force(tmp_path):
    rises = np.random.default_rng(5).poisson(4, 60)
    rises[33] += 30
    finding = one(counted(tmp_path, *rises), "cast_rate_bursts")
    hours = np.arange(60) // 6
    expected = np.array([rises[hours == hour].mean() for hour in hours])
    best = max(
        (llr(rises[i:j].sum(), expected[i:j].sum(), rises.sum()), -i, j)
        for i in range(60)
        for j in range(i + 1, min(i + 15, 60) + 1)
    )
    assert finding.result.statistic == pytest.approx(best[0])
    assert finding.details["window"]["start"] == OPENS + timedelta(minutes=-10 * best[1])
    assert finding.details["window"]["end"] == OPENS + timedelta(minutes=10 * best[2])
    assert finding.result.n_observations == rises.sum()
    assert finding.details["noise_cv"] < 0.3  # the hour of the burst is left out of the measurement


def test_the_noise_of_readings_is_measured():
    rng = np.random.default_rng(8)
    groups = np.repeat(np.arange(2000), 6)
    weights = np.ones(groups.size)
    for cv, total in ((0.0, 300), (0.5, 300), (0.5, 12), (1.0, 300)):
        noised = rng.gamma(1 / cv**2, cv**2, groups.size) if cv else weights
        shares = noised / np.bincount(groups, noised)[groups]
        counts = np.concatenate([rng.multinomial(total, shares[groups == group]) for group in range(2000)])
        found = bursts.step_noise(counts, np.full(groups.size, total / 6), weights, groups)
        assert found == pytest.approx(cv, abs=0.05 + 0.12 * cv)  # first order only: 10 % low where noise is as large as the mean
    assert bursts.step_noise(np.array([3]), np.array([3.0]), np.array([1.0]), np.array([0])) == 0.0


def test_an_even_running_count_is_within_the_baseline(tmp_path):
    finding = one(counted(tmp_path, *np.random.default_rng(6).poisson(5, 72)), "cast_rate_bursts")
    assert finding.verdict is Verdict.WITHIN_BASELINE
    assert finding.result.form == "turnout_counts"


@pytest.mark.parametrize("rises", [[1] * 29, [0] * 40, [0] * 30 + [29]], ids=["29 steps", "no ballot", "29 ballots"])
def test_too_short_a_running_count_cannot_be_answered(tmp_path, rises):
    finding = one(counted(tmp_path, *rises), "cast_rate_bursts")
    assert isinstance(finding.result, NotAnswerable)


def test_a_count_that_rises_only_once(tmp_path):
    finding = one(counted(tmp_path, *[0] * 30, 40, *[0] * 30), "cast_rate_bursts")
    assert finding.details["window"]["count"] == 40
    assert 0 < finding.result.pvalue <= 1
    assert wording.sentence(finding)
    assert exhibits.cast_rate_bursts(counted(tmp_path, *[0] * 30, 40, *[0] * 30), [finding])[0].svg()


def test_a_count_that_rises_evenly_has_no_top_window(tmp_path):
    finding = one(counted(tmp_path, *[5] * 60), "cast_rate_bursts")
    assert (finding.result.pvalue, finding.result.statistic) == (1.0, 0.0)
    assert wording.sentence(finding)


def test_single_ballots_go_before_a_running_count(tmp_path):
    rows = counted(tmp_path / "count", *[5] * 60).rows("turnout_counts")
    again = [
        {"as_of": at, "channel": "all", "unit": "ALL", "voted_n": n} for at, n in rows.select("as_of", "voted_n").iter_rows()
    ]
    forms = [finding.result.form for finding in answered(contest(tmp_path, spread(60), turnout_counts=again), "cast_rate_bursts")]
    assert forms == ["within_hour", "peer_baseline"]
    forms = [finding.result.form for finding in answered(contest(tmp_path, spread(5), turnout_counts=again), "cast_rate_bursts")]
    assert forms == ["turnout_counts"]
