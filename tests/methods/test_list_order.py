"""Order down a list: a planted run is found, couples and branches are not taken for one, and clean contests are left alone."""

from datetime import timedelta

import numpy as np
import pytest
from cases import QUICK, answered, tiny, utc
from clean_contests import Habits, stamps
from reference import held

from analysis_lib import exhibits, wording
from analysis_lib.errors import TooFewObservations
from analysis_lib.figure import Figure
from analysis_lib.methods import list_order as questions
from analysis_lib.methods.list_order import View, list_order
from analysis_lib.results import NotAnswerable, Status, Verdict
from analysis_lib.stats.list_order import succession_tail

OPENS = utc("2031-10-06 11:00")
COMMON = {
    "form": "roll",
    "most_step": 2,
    "confidence_level": 0.95,
    "alpha": 0.01,
    "assumptions": (),
    "n_excluded": 0,
    "parameters": {},
}


def view(seconds, places, tracks=None, pairs=True, name="all together"):
    """A view as the package would give it: sorted by track and time, shuffled within the hour."""
    seconds, places = np.asarray(seconds, np.int64), np.asarray(places, np.int64)
    tracks = np.zeros(seconds.size, np.int64) if tracks is None else np.asarray(tracks, np.int64)
    order = np.lexsort((seconds, tracks))
    _, blocks = np.unique(np.stack((tracks, seconds // 3600))[:, order], axis=1, return_inverse=True)
    return View(name=name, seconds=seconds[order], places=places[order], tracks=tracks[order], blocks=blocks.ravel(), pairs=pairs)


def answer_of(*views, seed=1, n_resamples=199):
    return list_order(list(views), n_resamples=n_resamples, rng=np.random.default_rng(seed), **COMMON)


def voting(n, rng, couples=0.0):
    """Seconds and places of n voters; of that share, the partner stands next on the list and votes minutes later."""
    n_couples = round(couples * n / 2)
    first = stamps(Habits(), n - n_couples, rng)
    rng.shuffle(first)
    blocks = rng.permutation(n - n_couples)
    along = first[:n_couples] + 60 + rng.exponential(300, n_couples).astype(int)
    turned = rng.random(n_couples) < 0.5
    places = np.r_[2 * blocks, 2 * blocks[:n_couples] + np.where(turned, -1, 1)]
    return np.r_[first, along], places


def planted(seconds, places, rng, n=12):
    """Members next to each other on the list vote one after the other, 40 seconds apart."""
    start = int(rng.integers(20, 300)) * 3600 + int(rng.integers(0, 3000))
    order = np.argsort(places)
    at = int(rng.integers(0, places.size - n))
    moved = np.array(seconds)
    moved[order[at : at + n]] = start + np.cumsum(rng.normal(40, 5, n)).astype(int)
    return moved, places


def test_the_published_sequence_in_one_hour():
    # All in one hour, so that the shuffles are those of the whole.
    places = held.column("roll_order60.csv", "roll_no")
    result = answer_of(view(np.arange(60) * 50, places, pairs=False), n_resamples=9999)
    rows = {row["test"]: row for row in result.details["tests"]}
    assert rows["successions"]["statistic"] == held.value("R15.successions")
    assert rows["longest_run"]["statistic"] == held.value("R15.run")
    assert rows["drift"]["statistic"] == held.number("R15.ratio")
    assert result.details["exact_successions"] == held.number("R14.sixty")
    assert rows["successions"]["pvalue"] == pytest.approx(succession_tail(60, 7), abs=4 * np.sqrt(1e-4 / 9999) + 1e-4)
    assert result.pvalue == pytest.approx(3 * min(row["pvalue"] for row in rows.values()))  # Holm, by hand
    assert result.details["run"]["voters"] == 6


@pytest.mark.parametrize("couples", [0.0, 0.3, 0.6])
def test_clean_contests_raise_few_alarms_and_couples_add_none(couples):
    # Three discrete tests under Holm: below the nominal rate. No address is known, so neighbours who vote together count once.
    found = [answer_of(view(*voting(300, np.random.default_rng(seed), couples)), seed=seed).pvalue for seed in range(200)]
    assert np.mean(np.array(found) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


def test_couples_would_raise_alarms_if_they_counted_twice():
    found = [answer_of(view(*voting(300, np.random.default_rng(seed), 0.6), pairs=False), seed=seed).pvalue for seed in range(40)]
    assert np.mean(np.array(found) <= 0.05) > 0.5


def test_a_list_whose_first_members_vote_early_is_no_order():
    # Place and time rise together over the days, and not within the hour.
    found = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        seconds = np.sort(stamps(Habits(), 300, rng))
        found.append(answer_of(view(seconds, np.argsort(np.argsort(seconds // 3600 + rng.normal(0, 2, 300)))), seed=seed).pvalue)
    assert np.mean(np.array(found) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)


@pytest.mark.parametrize("pairs", [True, False])
def test_12_members_in_the_order_of_the_list_are_found(pairs):
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        found.append(answer_of(view(*planted(*voting(400, rng), rng), pairs=pairs), seed=seed, n_resamples=1999).pvalue <= 0.01)
    assert np.mean(found) >= 0.95


def test_ties_in_time_stand_in_random_order():
    # Twenty ballots of one second, on the list in the order of the log: nothing can be read from that.
    result = answer_of(view([50] * 20, range(20)), n_resamples=999)
    rows = {row["test"]: row for row in result.details["tests"]}
    assert rows["drift"]["pvalue_min"] < 0.1 < 0.9 < rows["drift"]["pvalue_max"]
    assert rows["drift"]["pvalue"] == pytest.approx(0.5, abs=0.1)
    untied = answer_of(view(np.arange(20) * 60, range(20)), n_resamples=999)
    assert untied.pvalue == pytest.approx(3 / 1000)
    assert all(row["pvalue_min"] == row["pvalue"] == row["pvalue_max"] for row in untied.details["tests"])


def test_too_few_voters_raise():
    with pytest.raises(TooFewObservations, match="19 voters have a time and a place on the list; at least 20 are needed"):
        answer_of(view(range(19), range(19)))


COPY = {"snapshot_id": "L1", "taken_at": OPENS, "purpose": "freeze"}


def contest(folder, seconds, places, *, cells=None, source=None, plan=QUICK, **more):
    """Voters by second and by row of the roll's file; `cells` gives more columns of the roll."""
    n = len(seconds)
    cells = cells or [{}] * n
    roll = [
        {"snapshot_id": "L1", "voter_key": f"v{i:04d}", "eligible": True, "source_row": int(p) + 2} | dict(extra)
        for i, (p, extra) in enumerate(zip(places, cells, strict=True))
    ]
    ballots = [
        {"event": "cast", "channel": "online", "voter_key": f"v{i:04d}", "at": OPENS + timedelta(seconds=int(s))}
        for i, s in enumerate(seconds)
    ]
    tables = {"roll": roll, "roll_snapshots": [COPY], "ballot_events": ballots} | more
    if source:
        tables["sources"] = [{"source_id": "S1"} | source]
    return tiny(folder, plan=plan, **tables)


def by_list(case):
    return {finding.result.form: finding for finding in answered(case, "list_order")}


@pytest.fixture
def voters_of_a_run():
    rng = np.random.default_rng(3)
    return planted(*voting(120, rng), rng)


def test_a_run_down_the_roll(tmp_path, voters_of_a_run):
    seconds, places = voters_of_a_run
    case = contest(tmp_path, seconds, np.argsort(np.argsort(places)), plan="n_resamples = 1999")
    finding = by_list(case)["roll"]
    assert finding.verdict is Verdict.NOT_EXPLAINED
    assert finding.details["run"]["voters"] == 12
    assert "12 voters came in the longest run down it, from " in wording.sentence(finding)
    assert finding.result.assumptions[0].status is Status.UNTESTED
    figure, table = exhibits.list_order(case, list(by_list(case).values()))
    assert isinstance(figure, Figure)
    assert "of 12 voters, is marked" in figure.alt
    assert len(table.rows) == 3
    assert len(table.columns) <= 5
    assert (table.rows[1]["test"], table.rows[1]["seen"]) == ("voters in the longest run down the list", "12")
    assert table.rows[1]["list"] == "the roll"


def test_a_mixed_roll_has_no_order(tmp_path, voters_of_a_run):
    seconds, places = voters_of_a_run
    found = by_list(contest(tmp_path, seconds, np.argsort(np.argsort(places)), source={"row_order": "shuffled"}))
    assert isinstance(found["roll"].result, NotAnswerable)
    assert found["roll"].result.reason == "Fewer than 20 voters have a time, a key and a place of their own on this list."


def test_housemates_with_one_address_count_once(tmp_path):
    seconds, places = np.repeat(np.arange(40) * 500, 2) + np.tile([0, 60], 40), np.arange(80)
    homes = [{"address_key": f"h{i // 2}"} for i in range(80)]
    case = contest(tmp_path, seconds, places, cells=homes)
    held_voters, n_left = questions.voters(case)
    assert (held_voters.height, n_left) == (40, 40)
    assert by_list(case)["roll"].result.assumptions[0].status is Status.HOLDS
    # A home with more members than a household is left as it is.
    crowd = contest(tmp_path / "crowd", seconds, places, cells=[{"address_key": "h1"}] * 80)
    assert questions.voters(crowd)[1] == 0


def test_branches_that_vote_at_their_meetings_are_no_order(tmp_path):
    # The roll stands branch by branch, and each branch votes within ten minutes of its own hour, in any order.
    rng = np.random.default_rng(6)
    branch = np.repeat(np.arange(6), 20)
    seconds = branch * 3600 + rng.integers(0, 600, 120)
    half = branch // 2 * 2 * 3600 + (branch % 2) * 900 + rng.integers(0, 600, 120)  # two meetings in one hour
    for i, times in enumerate((seconds, half)):
        case = contest(tmp_path / str(i), times, range(120), cells=[{"unit": f"b{b}"} for b in branch])
        finding = by_list(case)["roll"]
        assert {row["view"] for row in finding.details["tests"]} == {"unit by unit"}
        assert finding.verdict is Verdict.WITHIN_BASELINE


def test_codes_that_go_out_down_a_list_are_no_order(tmp_path):
    # Members vote as their codes come: those ballots are left out, and too few are left.
    rng = np.random.default_rng(7)
    sent = np.arange(60) * 60
    issued = [
        {"event": "issued", "voter_key": f"v{i:04d}", "at": OPENS + timedelta(seconds=int(s)), "seq": int(i)}
        for i, s in enumerate(sent)
    ]
    soon = contest(tmp_path / "soon", sent + rng.integers(30, 90, 60), rng.permutation(60), credential_events=issued)
    assert isinstance(by_list(soon)["issue"].result, NotAnswerable)
    late = contest(
        tmp_path / "late", 86_400 + np.arange(60) * 40, rng.permutation(60), credential_events=issued, plan="n_resamples = 1999"
    )
    assert by_list(late)["issue"].verdict is Verdict.NOT_EXPLAINED
    assert by_list(late)["roll"].verdict is Verdict.WITHIN_BASELINE


def test_neither_the_order_of_rows_nor_the_keys_change_anything():
    rng = np.random.default_rng(8)
    seconds, places = voting(80, rng)
    mixed = rng.permutation(seconds.size)
    one, two = answer_of(view(seconds, places)), answer_of(view(seconds[mixed], places[mixed]))
    assert [row["pvalue"] for row in one.details["tests"]] == pytest.approx([row["pvalue"] for row in two.details["tests"]])
