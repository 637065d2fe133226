"""The last stretch before the close beside peers and beside earlier days: worked by hand, forwards in time, and with too little."""

import re
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from cases import one, tiny, utc
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson
from surges import (
    CLOCK,
    CLOSES,
    HOUR,
    LENGTHS,
    OPENS,
    PEERS,
    WINDOW,
    a_contest,
    by_hand,
    cast,
    early,
    found,
    judged,
    readings,
    spread,
    stretch,
    with_own,
    with_peers,
)
from tiny_package import STEADY

from analysis_lib import exhibits, wording
from analysis_lib.case import open_case
from analysis_lib.figure import Figure
from analysis_lib.methods.closing_surge import BELOW, ENOUGH, FALLS, FINER, NEEDS, SINGLE, reading_counter
from analysis_lib.methods.registry import answer_chapter
from analysis_lib.results import NotAnswerable, Status, Verdict
from analysis_lib.stats.predictive_counts import from_repeats, from_units


def test_the_pvalue_expected_count_and_interval_are_those_of_the_mixture():
    events, sizes = zip(*PEERS, strict=True)
    result = judged(stretch(25, 200, events, sizes))
    row = result.details["stretch"]
    assert result.pvalue == pytest.approx(by_hand(25, 200, events, sizes), rel=1e-6)
    tails = from_units(events, sizes, 25.5 / 201).upper_tails(200)
    assert tails[row["low"]] > 0.975 >= tails[row["low"] + 1]
    assert tails[row["high"]] > 0.025 >= tails[row["high"] + 1]
    assert tails[row["smallest_visible"] - 1] > 0.01 >= tails[row["smallest_visible"]]
    assert result.effect.value == pytest.approx(25 - row["expected"])
    assert (result.effect.low, result.effect.high) == (25 - row["high"], 25 - row["low"])
    assert row["expected"] == pytest.approx(200 * sum(events) / sum(sizes), rel=0.05)
    assert result.assumptions == ()


def test_several_stretches_are_adjusted_by_holm():
    events, sizes = zip(*PEERS, strict=True)
    made = [stretch(k, 200, events, sizes, length) for k, length in zip((9, 25, 12), LENGTHS, strict=True)]
    result = judged(*made)
    raw = [by_hand(k, 200, events, sizes) for k in (9, 25, 12)]
    assert result.pvalue == pytest.approx(3 * min(raw), rel=1e-6)
    assert result.details["stretch"]["length_s"] == HOUR
    assert result.details["stretches"][0]["pvalue_adjusted"] == pytest.approx(min(1, max(raw[0], 2 * raw[2])), rel=1e-6)
    # What would have stood out is what the smallest of three needs.
    assert result.details["smallest_visible"] > judged(made[1]).details["smallest_visible"]


def test_own_days_worked_by_hand():
    days = [3, 1, 0, 2, 4, 1, 2, 3]
    result = judged(stretch(14, 120, days), form="own_days")
    assert result.pvalue == pytest.approx(from_repeats(days).upper_tails(30)[14], rel=1e-12)
    row = result.details["stretch"]
    assert row["expected"] == 2
    assert from_repeats(days).upper_tails(16 + row["high"] + 1)[row["high"] + 1] <= 0.025
    assert from_repeats(days).upper_tails(16 + row["high"])[row["high"]] > 0.025
    assert row["low"] == 0


@STEADY
@given(st.permutations(range(20)), st.integers(0, 60))
def test_the_order_of_peers_changes_nothing_and_more_ballots_never_raise_p(order, n):
    events, sizes = np.array(PEERS).T
    plain, shuffled = judged(stretch(n, 100, events, sizes)), judged(stretch(n, 100, events[order], sizes[order]))
    assert plain.pvalue == pytest.approx(shuffled.pvalue, rel=1e-9)
    assert judged(stretch(n + 1, 100, events, sizes)).pvalue <= plain.pvalue * (1 + 1e-3) + 1e-12


def test_of_many_ballots_each_count_is_worked_out_once(monkeypatch):
    """Three searches over half a million counts, each of which takes the chances of all smaller ones."""
    days = Poissons(2)
    monkeypatch.setattr("analysis_lib.methods.closing_surge.from_repeats", lambda counts: days)
    row = judged(stretch(9, 500_000, [2] * 9), form="own_days").details["stretch"]
    assert (row["low"], row["high"]) == (0, 5)  # of a Poisson with mean 2: P(X >= 6) = 0.0166, P(X >= 5) = 0.0527
    assert len(days.asked) == len(set(days.asked)) < 35


class Poissons:
    def __init__(self, mean):
        self.law, self.asked = poisson(mean), []

    def upper_tails(self, size):
        self.asked.append(size)
        return self.law.sf(np.arange(-1, size))


def test_how_finely_ballots_are_stamped_is_told_without_their_households(tmp_path, monkeypatch):
    monkeypatch.delattr("analysis_lib.methods.turnout.once_per_household")
    assert found(tmp_path, spread(98) + cast(10, 50)).result.form == "peers"


# Contests made forwards in time: a daily cycle, hours of their own noise, and a rush to the close that differs between them.


@pytest.mark.parametrize("world", [{}, {"noise": 1.0, "rush_sd": 1.0}, {"rush": 0.0}], ids=["usual", "uneven", "no rush"])
def test_false_alarms_against_peers_are_nominal_or_below(world):
    # Discrete, and Holm over stretches that lie within each other: 0.01 to 0.03 where 0.05 is nominal, each stretch alone 0.04.
    rng, n = np.random.default_rng(5), 200
    found = [a_contest(rng, "peers", **world) for _ in range(n)]
    assert np.mean([result.pvalue <= 0.05 for result in found]) <= 0.05
    alone = np.mean([[row["pvalue"] <= 0.05 for row in result.details["stretches"]] for result in found], axis=0)
    assert alone.max() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)


def test_a_usual_rush_alone_makes_own_days_stand_out_and_without_one_they_do_not():
    # Hence no verdict of its own: about a fifth of innocent contests with a rush have p <= 0.05.
    rates = {}
    for rush in (0.0, 2.0):
        rng = np.random.default_rng(6)
        rates[rush] = np.mean([a_contest(rng, "own_days", rush=rush).pvalue <= 0.05 for _ in range(200)])
    assert rates[0.0] <= 0.05
    assert rates[2.0] > 0.1


def test_a_larger_last_hour_is_found_the_sooner_the_more_alike_contests_are():
    # With hours of cv 0.6, a threefold one is found in a third of contests of 1,000: innocent ones come close to it.
    found = {}
    for noise, surge in ((0.2, 3.0), (0.2, 6.0), (0.6, 3.0)):
        rng = np.random.default_rng(7)
        world = {"noise": noise, "rush_sd": 0.2, "surge": surge}
        found[noise, surge] = np.mean([a_contest(rng, "peers", n=1000, **world).pvalue <= 0.05 for _ in range(50)])
    assert found[0.2, 6.0] > 0.9
    assert found[0.2, 3.0] > 0.5
    assert found[0.2, 3.0] > found[0.6, 3.0]


# The road from a package


def test_a_surge_planted_in_a_package_is_found(tmp_path):
    finding = found(tmp_path, spread(80) + cast(*range(1, 31)))
    assert (finding.result.form, finding.verdict) == ("peers", Verdict.NOT_EXPLAINED)
    assert [row["count"] for row in finding.details["stretches"]] == [15, 30, 30]
    assert finding.details["stretch"]["size"] == 110
    assert [item.status for item in finding.result.assumptions] == [Status.UNTESTED, Status.HOLDS]
    assert "of 110 ballots" in wording.sentence(finding)
    case = with_peers(tmp_path, spread(80) + cast(*range(1, 31)))
    figure, listed = exhibits.closing_surge(case, [finding])
    assert isinstance(figure, Figure)
    assert "15 minutes" in repr(listed)
    assert found(tmp_path / "clean", spread(98) + cast(10, 50)).verdict is Verdict.WITHIN_BASELINE


@pytest.mark.parametrize(
    ("off_s", "lengths", "left_out"), [(45, [900, 3600, 10_800], 0), (46, [3600, 10_800], 0), (181, [10_800], 0)]
)
def test_a_count_is_taken_within_a_twentieth_of_the_stretch_and_never_interpolated(tmp_path, off_s, lengths, left_out):
    finding = found(tmp_path, spread(98) + cast(10, 50), off_s=off_s)
    assert [row["length_s"] for row in finding.details["stretches"]] == lengths
    assert finding.details["not_looked_at_s"] == [w for w in LENGTHS if w not in lengths]


def test_peers_without_a_reading_are_left_out_and_counted(tmp_path):
    counts = [row for i in range(22) for row in readings(f"p{i:02}", minutes=(180, 0) if i < 2 else (180, 60, 15, 0))]
    finding = found(tmp_path, spread(98) + cast(10, 50), n=22, turnout_counts=counts)
    assert [(row["n_others"], row["n_left_out"]) for row in finding.details["stretches"]] == [(20, 2), (20, 2), (22, 0)]


@pytest.mark.parametrize("more", [{"n": 19}, {"length_h": 238}, {"minutes": (0,)}], ids=["19", "two hours shorter", "no count"])
def test_without_twenty_peers_of_the_same_length_only_the_weak_form_is_left(tmp_path, more):
    finding = found(tmp_path, spread(80) + cast(*range(1, 31)), **more)
    assert (finding.result.form, finding.verdict) == ("own_days", Verdict.UNDETERMINED)
    assert finding.result.assumptions[0].status is Status.FAILS
    assert finding.details["stretch"]["n_others"] == 9
    assert "This is a weak comparison" in wording.sentence(finding)


def test_peers_that_closed_at_another_hour_cannot_carry_a_finding(tmp_path):
    events = spread(80) + cast(*range(1, 31))
    finding = found(tmp_path, events, close=CLOSES + timedelta(hours=8))
    assert (finding.verdict, finding.result.assumptions[1].status) == (Verdict.UNDETERMINED, Status.FAILS)
    assert finding.result.assumptions[1].evidence == "0 of 20 did."


def test_only_a_voters_first_ballot_in_the_window_and_of_their_own_hand_counts(tmp_path):
    more = cast(5, 4, voter_key="v1") + cast(3, event="recast", voter_key="v1") + cast(2, batch_id="b") + cast(-1, 0)
    more += cast(1, channel="in_person") + cast(1, event="entered_by_officer") + cast(6)
    finding = found(tmp_path, spread(60) + more)
    assert finding.details["stretches"][0]["count"] == 2
    assert (finding.result.n_observations, finding.result.n_excluded) == (62, 4)


def test_a_running_count_of_the_contest_itself_will_do(tmp_path):
    own = readings("vale_2031", n_last=30)
    counts = own + [row for i in range(20) for row in readings(f"p{i:02}")]
    finding = found(tmp_path, [], turnout_counts=counts)
    assert (finding.details["stretches"][1]["count"], finding.verdict) == (30, Verdict.NOT_EXPLAINED)
    counts[1] |= {"voted_n": 10_000}  # nothing is read of what came after it
    falls = found(tmp_path / "falls", [], turnout_counts=counts).result
    assert isinstance(falls, NotAnswerable)
    assert (falls.reason, falls.needs) == (FALLS, SINGLE)


def test_a_fall_a_week_before_the_close_hides_nothing_of_the_last_hours(tmp_path):
    own = readings("vale_2031", n_last=30)
    plain = with_own(tmp_path, own)
    fell = with_own(tmp_path / "fell", early((8, 12), (7, 9), (6, 20)) + own)
    assert fell.details["stretches"] == plain.details["stretches"]
    not_back = with_own(tmp_path / "below", early((8, 10_000), (7, 9), (6, 20)) + own).result
    assert (not_back.reason, not_back.needs) == (BELOW, SINGLE)


def test_only_the_stretch_in_which_the_count_falls_is_left_out(tmp_path):
    own = readings("vale_2031", n_last=30)  # 40, 70, 85, 100
    dip = [own[0] | {"as_of": CLOSES - timedelta(minutes=m), "voted_n": n} for m, n in ((120, 45), (110, 44))]
    finding = with_own(tmp_path, own + dip)
    assert [row["length_s"] for row in finding.details["stretches"]] == [900, 3600]
    assert finding.details["not_looked_at_s"] == [10_800]


def test_a_peer_whose_count_falls_is_left_out_where_it_does(tmp_path):
    counts = [row for i in range(21) for row in readings(f"p{i:02}")]
    counts[1] |= {"voted_n": 93}  # of p00, from 94 to 93 to 99
    finding = found(tmp_path, spread(98) + cast(10, 50), n=21, turnout_counts=counts)
    assert [(row["n_others"], row["n_left_out"]) for row in finding.details["stretches"]] == [(21, 0), (20, 1), (20, 1)]
    case = with_peers(tmp_path, spread(98) + cast(10, 50), n=21, turnout_counts=counts)
    assert "peers without a usable reading" in repr(exhibits.closing_surge(case, [finding])[1])


@STEADY
@given(st.lists(st.integers(0, 9), min_size=2, max_size=7), st.data())
def test_a_rise_is_taken_only_if_nothing_was_taken_out_or_may_have_been_put_back(counts, data):
    i, j = sorted(data.draw(st.lists(st.integers(0, len(counts) - 1), min_size=2, max_size=2, unique=True)))
    frame = pl.DataFrame(
        {
            "as_of": [OPENS + timedelta(hours=h) for h in range(len(counts))], "voted_n": counts, "unit": "ALL", "channel": "online",
            "source_id": "S1",
        }
    )  # fmt: skip
    told = reading_counter(frame[::-1]).unsteady(OPENS + timedelta(hours=i), OPENS + timedelta(hours=j))
    fell = any(counts[k] < counts[k - 1] for k in range(i + 1, j + 1))
    assert told == (FALLS if fell else BELOW if any(n > counts[i] for n in counts[:i]) else "")


def test_stamps_of_the_hour_are_not_asked_about_quarters_of_one(tmp_path):
    hours = [60 * h for h in range(1, 97)]
    finding = found(tmp_path, cast(*hours), clocks=[CLOCK | {"resolution": "hour"}])
    assert [row["length_s"] for row in finding.details["stretches"]] == [3600, 10_800]
    days = found(tmp_path / "days", cast(*hours), clocks=[CLOCK | {"resolution": "day"}])
    assert days.result.needs == FINER
    assert "No count" not in days.result.reason


def test_earlier_days_are_those_of_the_wall_clock(tmp_path):
    # Clocks go back on 26 October 2031: noon GMT on the 27th, and noon BST, an hour earlier in UTC, on the days before the 26th.
    close = utc("2031-10-27 12:00")
    window = WINDOW | {"opens_at": utc("2031-10-15 11:00"), "closes_at": close}
    noons = [utc(f"2031-10-{day} 10:30") for day in range(16, 26)]
    events = [
        {"event": "cast", "channel": "online", "clock_id": "C1", "at": at + timedelta(seconds=s)}
        for at in noons
        for s in range(6)
    ]
    finding = one(tiny(tmp_path, ballot_events=events, contest_windows=[window], clocks=[CLOCK]), "closing_surge")
    hour = finding.details["stretches"][1]
    assert (hour["count"], hour["n_others"]) == (0, 11)
    assert hour["expected"] == pytest.approx(60 / 11)


def test_a_doubtful_clock_makes_a_doubtful_answer(tmp_path):
    # 10:00 to 10:59 in a log whose zone nobody wrote down: the last hour before 11:00 UTC, or before that hour.
    clock = CLOCK | {"tz_basis": "assumed"}
    case = with_peers(tmp_path, spread(80) + cast(*range(1, 31)), clocks=[clock])
    finding = one(case, "closing_surge")
    assert finding.verdict is Verdict.UNDETERMINED or len({row["pvalue"] <= 0.01 for row in finding.details["readings"]}) == 1
    assert [row["reading"] for row in finding.details["readings"]] == ["as_recorded", "other_zone"]
    assert "if UTC and local time were mixed up" in repr(exhibits.closing_surge(case, [finding])[-1])


@pytest.mark.parametrize(
    ("events", "more", "reason"),
    [
        (spread(49), {}, "A count of 49 ballots before the close is held; 50 ballots are needed."),
        (spread(1), {}, "A count of 1 ballot before"),
        (spread(80), {"contest_windows": [WINDOW | {"opens_at": None}]}, "The opening and the close"),
        (spread(80), {"n": 0, "contest_windows": [WINDOW | {"opens_at": CLOSES - timedelta(days=6)}]}, "Neither 20 contests"),
    ],
)
def test_too_little_cannot_be_answered(tmp_path, events, more, reason):
    case = with_peers(tmp_path, events, **more)
    result = one(case, "closing_surge").result
    assert isinstance(result, NotAnswerable)
    assert reason in result.reason
    # What is held isn't asked for, but with a note of what is wanting in it.
    assert result.needs == case.missing([need for need in result.needs if "(" not in need]) or all("(" in n for n in result.needs)
    assert "Needed to answer it: " in wording.sentence(one(case, "closing_surge"))


def test_nothing_at_all_names_what_it_needs(tmp_path):
    assert one(tiny(tmp_path), "closing_surge").result.needs == (NEEDS[0], NEEDS[2])


def test_a_count_held_but_not_near_the_close_asks_for_single_ballots(tmp_path):
    far = found(tmp_path, [], turnout_counts=early((8, 120), (7, 130))).result
    assert far.reason.startswith("No count that is read near the close is held")
    assert far.needs == SINGLE
    assert found(tmp_path / "few", spread(49)).result.needs == ENOUGH


def test_nothing_above_the_expectation_is_said_so(tmp_path):
    finding = found(tmp_path, spread(98) + cast(50))
    text = wording.sentence(finding)
    assert finding.result.pvalue == 1
    assert text.startswith(
        "In none of the 3 lengths looked at did more ballots come than the shares of peers lead one to expect; 1 of"
    )
    assert "stands out most" not in text
    assert re.search(r"where \S+ \(95 % interval 0 to \d+\) were to be expected\. Fewer than \d+ ballots there", text)
    above = wording.sentence(found(tmp_path / "above", spread(80) + cast(*range(1, 31))))
    assert "this one stands out most." in above
    assert "In none" not in above


def test_why_shorter_stretches_need_more_stands_under_the_table_where_they_do(tmp_path):
    case = with_peers(tmp_path, spread(98) + cast(10, 50))
    finding = one(case, "closing_surge")
    told = "The shorter the stretch, the fewer peer ballots tell how much it varies, so more are needed."
    least = [row["smallest_visible"] for row in finding.details["stretches"]]
    assert (told in exhibits.closing_surge(case, [finding])[1].caption) == (least == sorted(set(least), reverse=True))
    vale = open_case("made_up_vale")
    assert told in exhibits.closing_surge(vale, answer_chapter("20_late_votes", vale)["closing_surge"])[1].caption


def test_made_up_vale_has_no_surge():
    for name in ("made_up_vale", "made_up_vale_clean"):
        (finding,) = answer_chapter("20_late_votes", open_case(name))["closing_surge"]
        assert (finding.result.form, finding.verdict) == ("peers", Verdict.WITHIN_BASELINE)
