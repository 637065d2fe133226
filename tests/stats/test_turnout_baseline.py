"""The peers' hourly shape and its noise: against a general optimiser, and on peers made with a known shape."""

import clean_contests
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import held
from scipy.optimize import minimize

from analysis_lib.stats import scan
from analysis_lib.stats.turnout_baseline import DECAY_HOURS, LAGS, Hours, Noise, fit_baseline, noise_parts

STEADY = settings(deadline=None, derandomize=True, max_examples=15)


def clock(n_hours, opens_at=12, messages=(0.0,)):
    return Hours((np.arange(n_hours) + opens_at) % 24, np.array(messages))


def true_shares(n_hours=336, messages=(0.0, 100.0), decay=2.0, effect=1.5):
    """A shape that the model can hold: two harmonics, days of their own, and a fading answer to messages."""
    hour = (np.arange(n_hours) + 12) % 24 + 0.5
    eta = -0.9 * np.sin(2 * np.pi * hour / 24) - 0.8 * np.cos(2 * np.pi * hour / 24) - 0.3 * np.cos(4 * np.pi * hour / 24)
    eta += 0.5 * (np.arange(n_hours) < 24) + 0.4 * (np.arange(n_hours) >= n_hours - 24)
    for sent in messages:
        since = np.arange(n_hours) + 0.5 - sent
        eta += effect * np.where(since >= 0, np.exp(-np.maximum(since, 0) / decay), 0)
    return np.exp(eta) / np.exp(eta).sum()


def made_peers(seed, n_peers, shares, noise_cv, total=400):
    draw, peers = np.random.default_rng(seed), []
    for _ in range(n_peers):
        rates = shares * (draw.gamma(1 / noise_cv**2, noise_cv**2, shares.size) if noise_cv else 1)
        peers.append(draw.multinomial(total, rates / rates.sum()))
    return peers


# 2. Another road: the likelihood of every cell written out, maximised by a general optimiser


def slow_shares(counts, opens_at, messages, decay, coefficients):
    """Shares of one contest of two days, hour by hour."""
    first, last, s1, c1, s2, c2, answer = coefficients
    rates = []
    for t in range(len(counts)):
        angle = 2 * np.pi * ((opens_at + t) % 24 + 0.5) / 24
        eta = (
            (first if t < 24 else last)
            + s1 * np.sin(angle)
            + c1 * np.cos(angle)
            + s2 * np.sin(2 * angle)
            + c2 * np.cos(2 * angle)
        )
        eta += answer * sum(np.exp(-(t + 0.5 - sent) / decay) for sent in messages if sent <= t + 0.5)
        rates.append(np.exp(eta))
    return np.array(rates)


def slow_fit(peers, decay):
    """Smallest deviance and where it lies; `peers` are (counts, opening hour, messages)."""

    def deviance(coefficients):
        lost = 0.0
        for counts, opens_at, messages in peers:
            mean = sum(counts) * slow_shares(counts, opens_at, messages, decay, coefficients)
            lost += 2 * sum((c * np.log(c / m) if c else 0.0) - (c - m) for c, m in zip(counts, mean, strict=True))
        return lost

    found = minimize(deviance, np.r_[-4.0, -4.0, np.zeros(5)], method="BFGS", options={"gtol": 1e-4})
    return found.fun, found.x


def test_shape_decay_and_noise_are_those_found_by_a_general_optimiser():
    # Three short contests that open at other hours and were sent messages at other times; most hours tie.
    draw = np.random.default_rng(61)
    peers = [
        (draw.poisson(rate, 48) * 2, opens_at, messages)
        for rate, opens_at, messages in ((4, 9, [0.2]), (2, 12, [30.0, 3.0]), (6, 20, []))
    ]
    baseline = fit_baseline(
        [counts for counts, _, _ in peers], [clock(48, opens_at, messages) for _, opens_at, messages in peers]
    )
    by_decay = {decay: slow_fit(peers, decay) for decay in DECAY_HOURS}
    decay = min(by_decay, key=lambda value: by_decay[value][0])
    assert baseline.decay_hours == decay
    assert baseline.coefficients == pytest.approx(by_decay[decay][1], abs=1e-3)
    excess = scale = 0.0
    for i, (counts, opens_at, messages) in enumerate(peers):
        shares = slow_shares(counts, opens_at, messages, decay, slow_fit(peers[:i] + peers[i + 1 :], decay)[1])
        mean = counts.sum() * shares / shares.sum()
        for t, (count, m) in enumerate(zip(counts, mean, strict=True)):
            if all(t + 1 <= sent or t >= sent + 2 for sent in peers[i][2]):  # no answer to a message reaches into it
                excess += (count - m) ** 2 - m
                scale += m**2
    assert baseline.noise_cv == pytest.approx(np.sqrt(excess / scale), rel=1e-3)
    assert baseline.noise_cv > 0.1
    # What is left open about the log rates, with every cell's information written out.
    zero, information, rows = np.zeros(7), np.zeros((7, 7)), []
    for counts, opens_at, messages in peers:
        at_zero = np.log(slow_shares(counts, opens_at, messages, decay, zero))
        design = np.column_stack([np.log(slow_shares(counts, opens_at, messages, decay, unit)) - at_zero for unit in np.eye(7)])
        for row, mean in zip(design, counts.sum() * np.exp(design @ baseline.coefficients), strict=True):
            information += np.outer(row, row) / (1 / mean + baseline.noise_cv**2)
        rows.append(design)
    root = baseline.uncertainty(clock(48, 9, [0.2]))
    assert root @ root.T == pytest.approx(rows[0] @ np.linalg.inv(information) @ rows[0].T, rel=1e-6, abs=1e-12)
    assert (baseline.n_peers, baseline.n_events) == (3, sum(int(counts.sum()) for counts, _, _ in peers))


@pytest.mark.parametrize(("n", "lasting", "fading"), [(5, 0.3, 0.6), (5, 0.2, 0.95), (1, 0.5, 0.3), (4, 0.0, 0.0)])
def test_the_root_of_lasting_noise_is_that_of_its_covariance(n, lasting, fading):
    root = Noise(0.4, lasting, fading).root(n)
    by_hand = [[lasting * fading ** abs(i - j) for j in range(n)] for i in range(n)]
    assert root @ root.T == pytest.approx(np.array(by_hand), abs=1e-12)


# 3. Properties


@pytest.mark.parametrize(("fresh_cv", "lasting", "fading"), [(0.3, 0.25, 0.6), (0.0, 0.4, 0.9), (0.5, 0.05, 0.3)])
def test_noise_is_split_as_it_was_put_together(fresh_cv, lasting, fading):
    covariances = np.expm1(lasting * fading ** np.arange(LAGS + 1.0))
    covariances[0] = np.exp(lasting) * (1 + fresh_cv**2) - 1
    found = noise_parts(covariances)
    assert (found.fresh_cv, found.lasting, found.fading) == pytest.approx((fresh_cv, lasting, fading), abs=1e-6)


def test_noise_that_does_not_last_or_is_not_there_has_no_lasting_part():
    assert noise_parts(np.r_[0.36, np.full(LAGS, -0.02)]) == Noise(pytest.approx(0.6), 0.0, 0.0)
    assert noise_parts(np.full(LAGS + 1, -0.1)) == Noise(0.0, 0.0, 0.0)
    assert noise_parts(np.r_[0.0, np.full(LAGS, 0.3)]).lasting == 0.0  # no more can last than there is


@STEADY
@given(st.integers(0, 10**6), st.integers(0, 23), st.sampled_from([20, 48, 61]), st.permutations(range(4)))
def test_the_order_of_peers_an_empty_peer_and_their_sizes_leave_the_shape(seed, opens_at, n_hours, order):
    draw, hours = np.random.default_rng(seed), clock(n_hours, opens_at)
    peers = [draw.poisson(rate, n_hours) for rate in (1, 3, 3, 8)]
    baseline = fit_baseline(peers, [hours] * 4)
    shares = baseline.shares(hours)
    assert shares.sum() == pytest.approx(1.0)
    assert (shares > 0).all()
    assert baseline.noise_cv >= 0
    shuffled = fit_baseline([peers[i] for i in order], [hours] * 4)
    assert shuffled.shares(hours) == pytest.approx(shares, rel=1e-6)
    assert shuffled.noise_cv == pytest.approx(baseline.noise_cv, abs=1e-6)
    with_empty = fit_baseline([*peers, np.zeros(n_hours, np.int64)], [hours] * 5)
    assert with_empty.shares(hours) == pytest.approx(shares, rel=1e-4)
    assert fit_baseline([sum(peers)], [hours]).shares(hours) == pytest.approx(shares, rel=1e-4)  # only the sum bears on the shape


def test_a_clock_that_reads_otherwise_moves_the_day_with_it():
    peers = made_peers(62, 8, true_shares(messages=()), 0.0)
    baseline = fit_baseline(peers, [clock(336, messages=())] * 8)
    later = baseline.shares(clock(336, opens_at=18, messages=()))
    # Inside one day of the window the cycle alone is left, so six hours on it has moved by six.
    same_day = slice(24 * 5, 24 * 5 + 18)
    six_on = slice(24 * 5 + 6, 24 * 6)
    ours = baseline.shares(clock(336, messages=()))
    assert later[same_day] / later[same_day].sum() == pytest.approx(ours[six_on] / ours[six_on].sum(), rel=1e-9)


# 4. False alarms


def test_peers_without_extra_noise_show_hardly_any():
    found = [
        fit_baseline(made_peers(seed, 12, true_shares(), 0.0), [clock(336, messages=(0.0, 100.0))] * 12).noise_cv
        for seed in range(4)
    ]
    assert max(found) < 0.15


def test_clean_contests_against_a_baseline_learnt_from_clean_peers():
    # End to end at this level: shape and noise are estimated from 20 peers.
    shares, draw, n, steps = true_shares(), np.random.default_rng(64), 200, np.arange(337) * 3600.0
    hours = clock(336, messages=(0.0, 100.0))
    baseline = fit_baseline(made_peers(65, 20, shares, 0.6), [hours] * 20)
    own, lengths = baseline.shares(hours), (60, 300, 900, 3600, 14400)
    known = {"noise_cv": baseline.noise_cv, "uncertainty": baseline.uncertainty(hours)}
    null = scan.baseline_null(400, steps, own, lengths, **known, resolution=1, n_resamples=1999, rng=draw)
    alarms = []
    for counts in made_peers(66, n, shares, 0.6):
        stamps = np.repeat(steps[:-1], counts).astype(np.int64) + draw.integers(0, 3600, 400)
        alarms.append(scan.rank_pvalue(scan.scan_events(stamps, steps, own, lengths).llr, null) <= 0.05)
    assert np.mean(alarms) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 * (1 / n + 1 / 1999))


# 5. Power: what was put in comes out


@pytest.mark.parametrize("noise_cv", [0.3, 0.6, 1.0])
def test_the_noise_of_hours_is_measured(noise_cv):
    hours = [clock(336, messages=(0.0, 100.0))] * 20
    found = [fit_baseline(made_peers(seed, 20, true_shares(), noise_cv), hours).noise_cv for seed in (67, 68, 69)]
    assert np.mean(found) == pytest.approx(noise_cv, rel=0.1)


def test_how_long_noise_lasts_is_measured():
    for drift, expected in ((0.0, 0.0), (0.6, 0.307)):
        found = []
        for seed in range(3):
            habits, draw = clean_contests.Habits(drift=drift), np.random.default_rng(90 + seed)
            found.append(fit_baseline(clean_contests.peers(habits, 600, draw), [habits.clock] * 20).noise)
        assert np.mean([noise.lasting for noise in found]) == pytest.approx(expected, abs=0.06)  # log(1 + 0.6^2) = 0.307
    assert np.mean([noise.fading for noise in found]) == pytest.approx(0.6, abs=0.1)
    assert max(noise.fresh_cv for noise in found) < 0.3


@pytest.mark.parametrize("noise_cv", [0.0, 0.6])
def test_what_the_peers_leave_open_is_as_large_as_the_error_they_make(noise_cv):
    truth, hours, errors, stated = true_shares(), clock(336, messages=(0.0, 100.0)), [], []
    for seed in range(30):
        baseline = fit_baseline(made_peers(800 + seed, 8, truth, noise_cv), [hours] * 8)
        errors.append(np.log(baseline.shares(hours) / truth))
        stated.append(np.sqrt((baseline.uncertainty(hours) ** 2).sum(axis=1)))
    # Some 19 coefficients in 30 fits: the ratio is known to a fortieth or so; the weights are those of a finer fit, hence more.
    assert np.sqrt(np.mean(np.square(errors))) / np.mean(stated) == pytest.approx(1.0, abs=0.15)


def test_more_peers_leave_less_open():
    hours, shares = clock(336, messages=(0.0, 100.0)), true_shares()
    few, many = (fit_baseline(made_peers(76, n, shares, 0.6), [hours] * n).uncertainty(hours) for n in (5, 20))
    ratio = np.sqrt((few**2).sum(axis=1) / (many**2).sum(axis=1))
    assert np.median(ratio) == pytest.approx(2.0, rel=0.15)


def test_the_shape_and_the_answer_to_messages_are_measured():
    truth, hours = true_shares(decay=2.0), clock(336, messages=(0.0, 100.0))
    baseline = fit_baseline(made_peers(70, 20, truth, 0.0, total=4000), [hours] * 20)
    assert baseline.decay_hours == 2.0
    # 80,000 ballots: an hour holds some 240, so shares are known to a tenth, far better where hours pool.
    assert np.abs(np.log(baseline.shares(hours) / truth)).max() < 0.1
    assert baseline.coefficients[-1] == pytest.approx(1.5, abs=0.1)


def test_the_usual_pace_of_the_reference_baseline_is_found_again():
    shares = held.column("baseline_hourly.csv", "share")
    baseline = fit_baseline(made_peers(71, 20, shares, 0.6), [clock(336)] * 20)
    day = baseline.shares(clock(336)).reshape(14, 24).sum(axis=0)
    assert np.corrcoef(day, shares.reshape(14, 24).sum(axis=0))[0, 1] > 0.95


# 6. Edges


@pytest.mark.parametrize("own", [335, 336, 337])
@pytest.mark.parametrize("peers", [(335,), (336,), (337,), (336, 337, 335)])
def test_the_hour_the_clocks_change_takes_and_adds_no_day(peers, own):
    counts = [np.random.default_rng(72 + n).poisson(2, n) for n in peers for _ in range(3)]
    baseline = fit_baseline(counts, [clock(c.size) for c in counts])
    assert baseline.n_days == 14
    assert baseline.shares(clock(own)).shape == (own,)
    assert baseline.shares(clock(own)).sum() == pytest.approx(1.0)


@pytest.mark.parametrize(("n_hours", "n_days"), [(1, 1), (10, 1), (24, 1), (36, 1), (48, 2), (349, 14)])
def test_what_is_left_of_a_day_joins_the_last(n_hours, n_days):
    baseline = fit_baseline([np.full(n_hours, 3)] * 5, [clock(n_hours)] * 5)
    assert baseline.n_days == n_days
    assert baseline.shares(clock(n_hours)).sum() == pytest.approx(1.0)


def test_peers_that_sent_no_message_say_nothing_about_one():
    baseline = fit_baseline(made_peers(73, 6, true_shares(messages=()), 0.0), [clock(336, messages=())] * 6)
    assert baseline.coefficients[-1] == 0.0
    assert (baseline.covariance[-1] == 0).all()
    assert baseline.shares(clock(336, messages=(50.0,))) == pytest.approx(baseline.shares(clock(336, messages=())))


def test_a_message_after_the_close_has_no_effect_and_one_before_the_opening_fades():
    peers = made_peers(74, 8, true_shares(), 0.0)
    baseline = fit_baseline(peers, [clock(336, messages=(0.0, 100.0))] * 8)
    quiet = baseline.shares(clock(336, messages=()))
    assert baseline.shares(clock(336, messages=(336.0,))) == pytest.approx(quiet)
    early = baseline.shares(clock(336, messages=(-1.0,)))
    assert early[0] / early[200] > quiet[0] / quiet[200]
    assert early[100:] / early[100:].sum() == pytest.approx(quiet[100:] / quiet[100:].sum(), rel=1e-9)


def test_a_day_on_which_no_peer_voted_is_expected_to_stay_silent():
    peers = made_peers(75, 6, true_shares(), 0.3)
    for counts in peers:
        counts[48:72] = 0
    baseline = fit_baseline(peers, [clock(336)] * 6)
    shares = baseline.shares(clock(336))
    assert 0 < shares[48:72].sum() < 1e-6
    assert np.isfinite(baseline.noise_cv)
    assert np.abs(baseline.uncertainty(clock(336))).max() < 1.0  # no ballot bears on that day: nothing is said of it
