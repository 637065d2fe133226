"""Even gaps: one person keying codes is found, queues that are marked are left aside, and clean contests are left alone."""

import itertools
from datetime import timedelta

import numpy as np
import pytest
from cases import QUICK, answered, tiny, utc
from clean_contests import Habits, stamps
from reference import held

from analysis_lib import exhibits, wording
from analysis_lib.errors import TooFewObservations
from analysis_lib.figure import Figure
from analysis_lib.methods import operator_gaps as questions
from analysis_lib.methods.operator_gaps import Stretch, band_run, operator_gaps, pieces
from analysis_lib.results import NotAnswerable, Verdict
from analysis_lib.stats.runs import longest_run, longest_run_tail, most_band_chance

OPENS = utc("2031-10-06 11:00")
KEYED = held.column("gaps_operator25.csv", "gap_s")
COMMON = {"resolution": 1, "confidence_level": 0.95, "alpha": 0.01, "assumptions": (), "n_excluded": 0, "parameters": {}}
BAND = (20, 90)


def contest(folder, seconds, plan=QUICK, **more):
    """Ballots so many seconds after the opening; `cells` gives more columns, ballot by ballot."""
    cells = more.pop("cells", [{}] * len(seconds))
    events = [
        {"event": "cast", "channel": "online", "at": OPENS + timedelta(seconds=float(s))} | dict(extra)
        for s, extra in zip(seconds, cells, strict=True)
    ]
    return tiny(folder, ballot_events=events, plan=plan, **more)


def both(stretch, keyed=(), n_resamples=199, seed=1):
    """The p-values of the two forms for arrays of stamps."""
    cut = [piece for one in (stretch, *keyed) for piece in pieces(one)]
    even = operator_gaps(cut, n_resamples=n_resamples, rng=np.random.default_rng(seed), **COMMON)
    return even, band_run(stretch, list(keyed), band=BAND, **COMMON)


def block(seconds):
    return Stretch(kind="block", seconds=np.sort(np.asarray(seconds, np.int64)))


def keyed_from(start, n=25, rng=None):
    """Ballots of one person keying codes: 40 seconds apart, give or take 5."""
    return start + np.cumsum(np.round((rng or np.random.default_rng(0)).normal(40, 5, n)).astype(int))


def test_the_published_gaps_in_one_stretch(tmp_path):
    case = contest(
        tmp_path, np.cumsum([0, *KEYED, *[4000 * i for i in range(1, 8)]]), cells=[{"session_key": "s1"}] * 26 + [{}] * 7
    )
    even, run = answered(case, "operator_gaps")
    # The session is cut into 10 gaps and 15; evenness of all 25 is in tests/stats.
    assert even.details["stretch"]["ballots"] == 16
    assert even.result.statistic == pytest.approx(np.std(KEYED[10:], ddof=1) / KEYED[10:].mean())
    assert even.result.pvalue == 1 / 200
    assert run.result.statistic == 25
    assert run.details["stretch"]["mean_s"] == held.number("R16.mean")
    assert run.verdict is Verdict.NOT_EXPLAINED
    assert "26 ballots" in wording.sentence(run)


def test_the_run_by_hand():
    # Stamps 0, 30, 60, 90 and a gap of 4,000: three gaps in the band; in the session the chance is the largest any pace gives.
    whole = block([0, 30, 60, 90, 4090, *range(10_000, 130_000, 4000)])
    result = band_run(whole, [Stretch(kind="session", seconds=np.array([0, 30, 60, 90, 4090]))], band=BAND, **COMMON)
    assert result.statistic == 3
    assert result.details["stretch"]["mean_s"] == 30
    most = most_band_chance(BAND, 1)
    assert longest_run_tail([most] * 4, 3) == pytest.approx(most**3 * (2 - most))  # by hand: runs from 1, or from 2 after a miss
    alone = band_run(whole, [], band=BAND, **COMMON)
    assert result.pvalue == pytest.approx(2 * min(alone.pvalue, most**3 * (2 - most)))


@pytest.mark.parametrize(
    ("chances", "level"), [([0.3, 0.5, 0.9, 0.2, 0.6], 0.9), ([0.5] * 8, 0.95), ([0.0] * 4, 0.95), ([1.0] * 3, 0.5)]
)
def test_the_longest_run_at_random_by_every_outcome(chances, level):
    law = np.zeros(len(chances) + 1)
    for inside in itertools.product([False, True], repeat=len(chances)):
        law[longest_run(inside)[0]] += np.prod([p if hit else 1 - p for p, hit in zip(chances, inside, strict=True)])
    mean, low, high = questions._longest_range(np.array(chances), level)
    assert mean == pytest.approx(law @ np.arange(law.size))
    out = (1 - level) / 2 + 1e-12
    assert law[:low].sum() <= out < law[: low + 1].sum()
    assert law[high + 1 :].sum() <= out < law[high:].sum()


@pytest.mark.parametrize("habits", [Habits(), Habits(drift=0.7, along=0.3), Habits(messages=(24.0, 200.0), lift=20.0)])
@pytest.mark.parametrize("n", [150, 600])
def test_clean_contests_raise_few_alarms(habits, n):
    # Both err on the safe side: the pace changes within a stretch, and the chance of a gap in the band is the largest of three.
    pvalues = np.array([[r.pvalue for r in both(block(stamps(habits, n, np.random.default_rng(seed))))] for seed in range(200)])
    assert (np.mean(pvalues <= 0.05, axis=0) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)).all()


def test_an_even_pace_without_hours_has_the_nominal_rate():
    # Where the null holds to the letter, the simulated form keeps its level.
    rng = np.random.default_rng(5)
    pvalues = [both(block(rng.integers(0, 300_000, 301)), seed=i)[0].pvalue for i in range(400)]
    assert np.mean(np.array(pvalues) <= 0.05) == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 400))


def test_25_keyed_ballots_are_found_among_600():
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        own = stamps(Habits(along=0.3), 575, rng)
        even, run = both(block(np.r_[own, keyed_from(rng.integers(0, 300 * 3600), rng=rng)]), n_resamples=999, seed=seed)
        found.append((even.pvalue <= 0.005, run.pvalue <= 0.005))
    even, run = np.mean(found, axis=0)
    assert run >= 0.95
    assert even >= 0.8  # a block whose gaps are broken by somebody else's ballot is lost


def test_a_network_shows_its_even_ballots_among_many_others(tmp_path):
    rng = np.random.default_rng(3)
    own, planted = rng.integers(0, 40_000, 800), keyed_from(20_000, rng=rng)
    cells = [{"ip_key": f"n{i}"} for i in range(800)] + [{"ip_key": "n999"}] * 25
    even, _ = answered(contest(tmp_path, [*own, *planted], cells=cells, plan="n_resamples = 1999"), "operator_gaps")
    assert even.verdict is Verdict.NOT_EXPLAINED
    assert even.details["stretch"]["kind"] == "network"
    assert "of one network" in wording.sentence(even)


def test_queues_that_are_marked_are_left_aside(tmp_path):
    own = np.random.default_rng(4).integers(0, 200_000, 60)
    hall = [{"channel": "online_kiosk"}] * 25 + [{"batch_id": "hall", "channel": "in_person"}] * 25
    case = contest(tmp_path, [*own, *keyed_from(9000), *keyed_from(90_000)], cells=[{}] * 60 + hall)
    for finding in answered(case, "operator_gaps"):
        assert finding.verdict is Verdict.WITHIN_BASELINE
        assert finding.result.n_excluded == 50
        assert "Ballots of a kiosk or of a batch stand aside: 50" in finding.result.assumptions[0].evidence


def test_ballots_during_an_administrators_login(tmp_path):
    own, planted = np.arange(40) * 4000 + 17, keyed_from(8010, n=15)
    acts = [("login", 8000, "a1"), ("login", 30_000, "a1"), ("logout", 8700, "a1"), ("logout", 40_000, "a2")]
    actions = [
        {"action": a, "at": OPENS + timedelta(seconds=s), "actor_key": key, "actor_role": "local_officer"} for a, s, key in acts
    ]
    case = contest(tmp_path, [*own, *planted], admin_actions=actions)
    assert questions.logins(case) == [(OPENS + timedelta(seconds=8000), OPENS + timedelta(seconds=8700))]
    rows, _ = questions.online(case)
    (stretch,) = questions.keyed_stretches(case, rows)
    assert stretch.kind == "administrator's login"
    assert stretch.seconds.size == ((planted >= 8000) & (planted <= 8700)).sum() + ((own >= 8000) & (own <= 8700)).sum()


def test_two_keys_of_the_same_ballots_are_one_stretch(tmp_path):
    case = contest(tmp_path, np.arange(40) * 700, cells=[{"session_key": "s", "device_key": "d", "ip_key": "i"}] * 12 + [{}] * 28)
    stretches = questions.keyed_stretches(case, questions.online(case)[0])
    assert [(stretch.kind, stretch.seconds.size) for stretch in stretches] == [("session", 12)]


@pytest.mark.parametrize(("n", "sizes"), [(9, [8]), (11, [10]), (30, [10, 19]), (31, [10, 10, 10]), (2, [1])])
def test_long_stretches_are_cut_into_pieces(n, sizes):
    cut = pieces(block(range(n)))
    assert [piece.gaps.size for piece in cut] == sizes
    assert cut[-1].seconds[-1] == n - 1


def test_minutes_are_looked_at_in_minutes(tmp_path):
    # Every gap of a minute, in a log of minutes: the band holds it, and evenness is set against stamps cut down alike.
    even, run = answered(contest(tmp_path, [*np.arange(30) * 60, *np.arange(1, 20) * 36_000]), "operator_gaps")
    assert even.result.parameters["resolution"] == 60
    assert run.result.parameters["resolution"] == 60
    assert run.result.statistic == 29


def test_hours_do_not_tell_whether_a_gap_lay_in_the_band(tmp_path):
    _, run = answered(contest(tmp_path, np.arange(40) * 3600), "operator_gaps")
    assert isinstance(run.result, NotAnswerable)
    assert "cut down to 3600 seconds" in run.result.reason


def test_without_enough_ballots_the_answer_says_how_many_there_are(tmp_path):
    (finding,) = answered(contest(tmp_path, np.arange(29) * 50), "operator_gaps")
    assert finding.result.reason == "Of ballots that members gave online with a time 29 are held; 30 are needed."
    with pytest.raises(TooFewObservations, match=r"None of 1 stretches has 9 ballots that are not all of one moment"):
        operator_gaps([block([5] * 20)], n_resamples=9, rng=np.random.default_rng(1), **COMMON)


def test_no_gap_in_the_band_is_said_so(tmp_path):
    _, run = answered(contest(tmp_path, np.arange(40) * 3601), "operator_gaps")
    assert wording.sentence(run).startswith("No two ballots of 40 came 20 to 90 seconds apart.")
    assert run.result.pvalue == 1


def test_what_is_shown(tmp_path):
    case = contest(tmp_path, [*np.random.default_rng(1).integers(0, 400_000, 60), *keyed_from(100_000)])
    findings = answered(case, "operator_gaps")
    figure, table = exhibits.operator_gaps(case, findings)
    assert isinstance(figure, Figure)
    assert figure.alt.startswith("25 ballots one after the other; the gaps between them run from ")
    assert len(table.rows) == findings[0].details["n_stretches"]
