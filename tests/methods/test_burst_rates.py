"""False alarms and power of the burst forms on contests with the habits of real ones: lasting noise, couples, answers to messages."""

import clean_contests
import numpy as np
import pytest
from cases import utc
from clean_contests import Habits
from reference import held

from analysis_lib.methods.cast_rate_bursts import cast_rate_bursts
from analysis_lib.methods.turnout import Casts
from analysis_lib.stats.turnout_baseline import fit_baseline

OPENS = utc("2031-10-06 11:00")
LENGTHS = (60, 300, 900, 3600, 14400)
SENT = (0.0, 94.0, 222.0, 309.0)


def pvalue(form, stamps, edges, shares, unit=1, n_resamples=199, seed=1, **noise):
    series = Casts(
        stamps=stamps // unit * unit,
        opens_at=OPENS,
        edges=edges,
        resolution=unit,
        n_outside=0,
        n_household=0,
        networks_known=False,
    )
    given = {"noise_cv": 0.0} | noise
    return cast_rate_bursts(
        series, form=form, shares=shares, lengths=LENGTHS, confidence_level=0.95, n_resamples=n_resamples,
        rng=np.random.default_rng(seed), assumptions=(), alpha=0.01, parameters={}, **given,
    ).pvalue  # fmt: skip


def pvalues(habits, n, sets, each, seed, unit=1, planted=0, n_resamples=199):
    """Within the hour and against peers; hours up to two after a message left out, as `answer` does; ballots planted in ten minutes."""
    draw, edges, found = (
        np.random.default_rng(seed),
        np.arange(habits.hours + 1) * 3600.0,
        {"within_hour": [], "peer_baseline": []},
    )
    away = np.isin(np.arange(habits.hours), [int(sent) + k for sent in habits.messages for k in (0, 1)])
    for _ in range(sets):
        baseline = fit_baseline(clean_contests.peers(habits, n, draw), [habits.clock] * 20)
        shares = np.where(away, 0.0, baseline.shares(habits.clock))
        noise = {"noise_cv": baseline.noise.fresh_cv, "uncertainty": baseline.spread(habits.clock)}
        for _ in range(each):
            stamps = clean_contests.stamps(habits, n - planted, draw)
            at = draw.integers(0, habits.hours * 3600 - 600)
            stamps = np.sort(np.r_[stamps, at + draw.integers(0, 600, planted)])
            stamps = stamps[~away[stamps // 3600]]
            own = np.histogram(stamps, edges)[0] / stamps.size
            options = {"unit": unit, "n_resamples": n_resamples, "seed": int(draw.integers(10**9))}
            found["within_hour"].append(pvalue("within_hour", stamps, edges, own, **options))
            found["peer_baseline"].append(pvalue("peer_baseline", stamps, edges, shares / shares.sum(), **noise, **options))
    return {form: np.array(values) for form, values in found.items()}


HABITS = {
    "fresh": (Habits(), 600, 1),
    "lasting": (Habits(drift=0.6), 600, 1),
    "lasting, couples": (Habits(drift=0.6, along=0.2), 600, 1),
    "couples": (Habits(along=0.2), 600, 1),
    "small, minutes": (Habits(drift=0.5, along=0.2), 100, 60),
    "messages": (Habits(messages=SENT, lift=40), 600, 1),
    "steep answers": (Habits(messages=SENT, lift=60, fade_h=0.15), 600, 1),
    "minutes, couples": (Habits(drift=0.5, along=0.2), 300, 60),
    "small, messages": (Habits(drift=0.5, along=0.2, messages=SENT, lift=40), 150, 1),
}


@pytest.mark.calibration
@pytest.mark.slow
@pytest.mark.parametrize("name", HABITS)
def test_clean_contests_raise_few_alarms(name):
    habits, n, unit = HABITS[name]
    for form, values in pvalues(habits, n, 20, 20, 5, unit).items():
        # Measured 0.02 to 0.068; the standard error of 400 contests is 0.011.
        assert np.mean(values <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400), form


def test_the_worst_habits_of_old_raise_few_alarms():
    # Without lasting noise in the null 0.18 of such contests were flagged, with messages kept 0.92.
    habits = Habits(drift=0.6, along=0.2, messages=SENT, lift=60, fade_h=0.15)
    for values in pvalues(habits, 600, 4, 15, 6, n_resamples=99).values():
        assert np.mean(values <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)


def test_answers_to_a_message_look_like_bursts_if_they_are_kept():
    habits = Habits(messages=SENT, lift=60, fade_h=0.15)
    draw, edges, alarms = np.random.default_rng(8), np.arange(337) * 3600.0, 0
    for _ in range(20):
        stamps = clean_contests.stamps(habits, 600, draw)
        alarms += pvalue("within_hour", stamps, edges, np.histogram(stamps, edges)[0] / 600, n_resamples=99) <= 0.05
    assert alarms >= 14  # 0.92 measured: why those hours are left out


@pytest.mark.slow
def test_power_against_peers_is_that_of_the_reference():
    for planted, power in held.value("bursts.power")[2:]:
        found = pvalues(Habits(), 400, 4, 25, 9, planted=planted)
        assert np.mean(found["peer_baseline"] <= 0.05) >= power - 3 * np.sqrt(power * (1 - power) / 100) - 0.01
        if planted == 14:
            assert np.mean(found["within_hour"] <= 0.05) >= 0.70 - 3 * np.sqrt(0.7 * 0.3 / 100)
