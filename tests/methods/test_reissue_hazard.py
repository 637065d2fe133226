"""Ballots after reissues over the whole vote: by hand, every way of dealing the label, and the traps of time."""

from dataclasses import replace
from datetime import timedelta
from itertools import combinations

import numpy as np
import pytest
from cases import tiny, utc

from analysis_lib import exhibits, wording
from analysis_lib.case import open_case
from analysis_lib.methods.registry import answer_chapter
from analysis_lib.methods.reissue_course import course
from analysis_lib.methods.reissue_hazard import incidence, smallest_visible
from analysis_lib.results import NotAnswerable, Status, Verdict, to_dict
from analysis_lib.stats.log_rank import log_rank

NOUN = "reissue_hazard"
START = utc("2031-10-10 10:00")
CLOSE = 10_000
WINDOW = {
    "channel": "online",
    "kind": "voting",
    "basis": "advertised",
    "opens_at": START,
    "closes_at": START + timedelta(minutes=CLOSE),
}


def at(minutes):
    return START + timedelta(minutes=minutes)


def reissue(voter, minutes, trigger="admin_initiated", **more):
    return {"voter_key": voter, "event": "reissued_new", "trigger": trigger, "at": at(minutes)} | more


def asked(voter, minutes, **more):
    return reissue(voter, minutes, "member_request", **more)


def vote(voter, minutes, **more):
    return {"voter_key": voter, "event": "cast", "channel": "online", "at": at(minutes)} | more


def case(folder, reissues, votes, units=None, window=(WINDOW,), **more):
    voters = sorted({row["voter_key"] for row in [*reissues, *votes]} | set(units or {}))
    members = [{"snapshot_id": "L1", "voter_key": v, "unit": (units or {}).get(v, "N"), "eligible": True} for v in voters]
    copies = [{"snapshot_id": "L1", "purpose": "freeze", "taken_at": START - timedelta(days=9)}]
    return tiny(
        folder,
        credential_events=reissues,
        ballot_events=votes,
        roll=members,
        roll_snapshots=copies,
        contest_windows=window,
        **more,
    )


def one(this):
    (finding,) = answer_chapter("30_credential_reissues", this, (NOUN,))[NOUN]
    return finding


def followed(this):
    rows = course(this).reissued.with_columns(minutes=course(this).reissued["delay_us"] / 6e7)
    return sorted(rows.select("unrequested", "minutes", "cause").rows())


def five_and_five(soon=3, late=600):
    """Five of each kind; a ballot follows the unrequested after minutes, the requested after hours; and members who wait without one."""
    reissues = [reissue(f"u{i}", 100 * i) for i in range(5)] + [asked(f"r{i}", 100 * i + 50) for i in range(5)]
    votes = [vote(f"u{i}", 100 * i + soon + i) for i in range(5)] + [vote(f"r{i}", 100 * i + 50 + late + i) for i in range(5)]
    return reissues, votes + [vote(f"w{i}", 90 * i + 7) for i in range(20)]


def test_five_and_five_against_every_way_of_dealing_the_label(tmp_path):
    found = one(case(tmp_path, *five_and_five(), plan="n_resamples = 9999"))
    # Delays 3..7 and 600..604: no way of choosing five is as soon as the one seen, out of 252.
    exact = 1 / 252
    assert found.result.pvalue == pytest.approx(exact, abs=3 * np.sqrt(exact / 9999))
    assert found.result.statistic == 5
    # Expected: at each of the first five ballots, the unrequested share of those who wait: 5/10 + 4/9 + 3/8 + 2/7 + 1/6.
    assert found.details["expected_unrequested"] == pytest.approx(5 / 10 + 4 / 9 + 3 / 8 + 2 / 7 + 1 / 6)
    assert np.isinf(found.result.effect.value)  # every ballot of one kind before any of the other
    assert found.result.effect.low > 1
    assert "a ballot followed 5 of 5 reissues without a logged request, and 5 of 5 with a request" in wording.sentence(found)


def test_the_permutation_against_the_log_rank_test_of_every_way(tmp_path):
    rng = np.random.default_rng(5)
    delays = rng.integers(1, 400, 11)
    reissues = [(reissue if i < 5 else asked)(f"v{i}", 10 * i) for i in range(11)]
    votes = [vote(f"v{i}", 10 * i + int(d)) for i, d in enumerate(delays)] + [vote(f"w{i}", 11 * i) for i in range(9)]
    found = one(case(tmp_path, reissues, votes, plan="n_resamples = 9999"))
    residual = np.array([1 - sum(1 / (delays >= t).sum() for t in delays if t <= d) for d in delays])

    def score(chosen):
        sides = [residual[list(chosen)], np.delete(residual, list(chosen))]
        errors = [(((side - side.mean()) ** 2).sum() + residual.var()) / side.size**2 for side in sides]
        return (sides[0].mean() - sides[1].mean()) / np.sqrt(sum(errors))

    exact = np.mean([score(chosen) >= score(range(5)) - 1e-9 for chosen in combinations(range(11), 5)])
    assert np.unique(delays).size == 11
    assert found.result.pvalue == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 9999) + 1e-4)
    test = log_rank(delays, np.ones(11), np.arange(11) < 5)
    assert found.details["expected_unrequested"] == pytest.approx(test.expected[1])


def test_each_kind_of_end_by_hand(tmp_path):
    reissues = [
        reissue("a", 10), asked("b", 20), asked("c", 30), reissue("c", 75), asked("d", 40), reissue("d", 90), reissue("e", CLOSE - 5),
        reissue("f", -50), reissue("g", 60), reissue("x", 60, None), reissue("x2", 60, "unknown"), reissue("y", 200), reissue("z", CLOSE + 1),
    ]  # fmt: skip
    votes = [vote("a", 25), vote("b", 20), vote("c", 80), vote("d", 70), vote("e", CLOSE + 3), vote("x", 90), vote("y", 100)]
    this = case(tmp_path, reissues, votes, {"w": "N"})
    assert followed(this) == sorted(
        [
            (True, 15.0, 1),
            (False, 1e-6 / 60, 1),  # in the very instant: the smallest duration
            (False, 45.0, 2),  # a second reissue came first
            (False, 30.0, 1),  # and here the ballot
            (True, 5.0, 0),  # a ballot after the close is none
            (True, float(CLOSE), 0),  # before the opening counts from the opening
            (True, float(CLOSE - 60), 0),
        ]
    )
    assert course(this).left_out == {
        "not_on_the_roll": 0, "already_voted": 1, "unknown_trigger": 2, "after_the_close": 1, "before_the_opening": 0,
    }  # fmt: skip


def test_until_the_reissue_a_member_waits_among_the_others(tmp_path):
    this = course(case(tmp_path, [reissue("a", 10)], [vote("a", 25), vote("b", 8)]))
    minutes = sorted(zip(this.start / 6e7, this.stop / 6e7, this.event, this.member >= 0, strict=True))
    assert minutes == [(0, 8, True, False), (0, 10, False, False), (10, 25, True, True)]


def test_no_window_ends_with_the_last_event(tmp_path):
    this = case(tmp_path, [reissue("a", 10), asked("b", 30)], [vote("a", 25), vote("w", 0)], window=())
    assert followed(this) == [(True, 15.0, 1)]  # b's is the last event there is: nobody could follow it
    assert course(this).left_out["after_the_close"] == 1


@pytest.mark.parametrize(("n", "m"), [(4, 6), (6, 4), (0, 9)])
def test_under_five_of_either_kind_it_cannot_be_answered(tmp_path, n, m):
    reissues = [reissue(f"u{i}", i) for i in range(n)] + [asked(f"r{i}", i) for i in range(m)]
    found = one(case(tmp_path, reissues, [vote(row["voter_key"], 50) for row in reissues]))
    assert isinstance(found.result, NotAnswerable)
    assert f"{n} unrequested and {m} requested reissues" in found.result.reason


def test_without_ballots_or_with_one_kind_gone_before_the_other_it_cannot_be_answered(tmp_path):
    reissues, _ = five_and_five()
    none = one(case(tmp_path / "a", reissues, [vote("w", 5)]))
    assert "and 0 ballots after them" in none.result.reason
    # The unrequested are never waiting when a ballot comes: each got a second code at once.
    again = reissues + [reissue(f"u{i}", 100 * i + 1) for i in range(5)]
    apart = one(case(tmp_path / "b", again, [vote(f"r{i}", 100 * i + 90 + i) for i in range(5)]))
    assert "nobody can be compared" in apart.result.reason


def test_without_the_tables_it_names_them(tmp_path):
    assert {"credential_events.trigger", "ballot_events.voter_key", "roll.voter_key"} <= set(one(tiny(tmp_path)).result.needs)


def test_everybody_reissued_leaves_nobody_to_set_beside(tmp_path):
    reissues, votes = five_and_five()
    units = {row["voter_key"]: f"Branch {i}" for i, row in enumerate(reissues)}  # and each in a branch of their own
    found = one(case(tmp_path, reissues, [row for row in votes if row["voter_key"] in units], units))
    assert found.details["against_none"] == []
    assert found.result.pvalue < 0.05
    lasting = next(a for a in found.result.assumptions if a.statement.startswith("The ratio is the same"))
    assert lasting.status is Status.UNTESTED


def test_where_only_the_reissued_vote_no_rate_is_set_beside(tmp_path):
    reissues, votes = five_and_five()
    idle = [asked(f"x{i}", 100 * i + 20) for i in range(9)]
    members = {row["voter_key"]: "N" for row in reissues} | {f"w{i}": "N" for i in range(9)}
    found = one(case(tmp_path, reissues + idle, [row for row in votes if row["voter_key"].startswith("u")], members))
    assert found.details["against_none"] == []
    assert np.isinf(found.result.effect.value)


def test_if_those_who_asked_vote_sooner_p_is_near_one(tmp_path):
    assert one(case(tmp_path, *five_and_five(600, 3))).result.pvalue > 0.9


@pytest.mark.calibration  # the committed table of office life holds the rates
def test_late_unrequested_reissues_raise_few_alarms(tmp_path):
    """One law of delay, steep at first; the unrequested come late and are cut off by the close."""
    rng, flagged, n = np.random.default_rng(3), 0, 60
    for seed in range(n):
        starts = np.concatenate([rng.uniform(8500, 9900, 20), rng.uniform(0, 6000, 20)])
        delays = np.where(rng.random(40) < 0.45, rng.exponential(60, 40), rng.exponential(8000, 40))
        reissues = [(reissue if i < 20 else asked)(f"v{i}", float(s)) for i, s in enumerate(starts)]
        votes = [vote(f"v{i}", float(s + d)) for i, (s, d) in enumerate(zip(starts, delays, strict=True)) if s + d < CLOSE]
        votes += [vote(f"w{i}", float(m)) for i, m in enumerate(rng.uniform(0, CLOSE, 20))]
        flagged += one(case(tmp_path / str(seed), reissues, votes)).result.pvalue <= 0.05
    assert flagged / n <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)


def test_a_chain_of_thirty_is_found_and_its_twin_is_not():
    found = one(open_case("made_up_vale", n_resamples=999))
    assert found.verdict is Verdict.NOT_EXPLAINED
    assert found.result.effect.low > 1
    rates = {row["unrequested"]: row["ratio"] for row in found.details["against_none"]}
    assert rates[True] > rates[False] > 1  # the latter is what an innocent contest shows too
    clean = one(open_case("made_up_vale_clean", n_resamples=999))
    assert clean.verdict is Verdict.WITHIN_BASELINE
    assert clean.result.effect.low <= 1 <= clean.result.effect.high


def test_the_smallest_ratio_that_so_many_ballots_show():
    # 100 ballots, half of them after unrequested: exp((2.326 + 0.842) / 5).
    assert smallest_visible(100, 0.5, 0.01) == pytest.approx(np.exp(3.168 / 5), rel=1e-3)
    assert smallest_visible(0, 0.5, 0.01) < np.inf


def test_the_curve_takes_into_account_what_comes_first(tmp_path):
    # Of four unrequested: ballots after 5 and 40 minutes, a second code after 20, one followed to the close.
    reissues = [reissue(v, 0) for v in "abcd"] + [reissue("c", 20)] + [asked(v, 0) for v in "ef"]
    this = course(case(tmp_path, reissues, [vote("a", 5), vote("b", 40), vote("e", 7)]))
    curve = incidence(this, 2.0, 0.95)
    shares = dict(curve.filter(group="not requested").select("minutes", "share").iter_rows())
    assert (shares[5.0], shares[10.0], shares[120.0]) == (0.25, 0.25, 0.5)
    assert set(curve["group"]) == {"not requested", "requested"}


def test_readings_that_disagree_leave_it_undetermined(tmp_path):
    reissues, votes = five_and_five()
    clocks = [
        {"clock_id": "B", "tz_used": "UTC", "tz_basis": "assumed", "resolution": "s"},
        {"clock_id": "C", "tz_used": "UTC", "tz_basis": "stated_offset", "resolution": "s"},
    ]
    this = case(
        tmp_path,
        [row | {"clock_id": "C"} for row in reissues],
        [row | {"clock_id": "B"} for row in votes],
        clocks=clocks,
        plan="n_resamples = 999",
    )
    found = one(this)
    assert found.result.pvalue <= 0.01
    assert found.verdict is Verdict.UNDETERMINED
    assert found.details["readings"][1]["pvalue"] is None  # an hour earlier, the unrequested would all have voted before
    assert found.result.assumptions[-1].status is Status.FAILS
    assert "too few to compare" in "\n".join(map(repr, exhibits.reissue_hazard(this, [found])))


def test_the_order_of_rows_changes_nothing_and_no_member_is_shown(tmp_path):
    reissues, votes = five_and_five()
    ways = [case(tmp_path / "a", reissues, votes), case(tmp_path / "b", reissues[::-1], votes[::-1])]
    found = [one(this) for this in ways]
    assert len({repr(to_dict(finding, "")) for finding in found}) == 1
    everything = wording.sentence(found[0]) + repr(to_dict(found[0], ""))
    everything += "".join(map(repr, exhibits.reissue_hazard(ways[0], [found[0]])))
    assert not any(key in everything for key in ("'u0'", "'r3'"))


def test_the_words_for_an_infinite_ratio_read_well(tmp_path):
    found = one(case(tmp_path, *five_and_five()))
    told = wording.sentence(replace(found, planned=True))
    assert "infinity (95 % interval" in told
    assert "nan" not in told
