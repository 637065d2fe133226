"""Channels against each other: Ilford South by every table that fits, counts against scipy, and figures that don't fit."""

import json
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from cases import CONTEST, answered, one, tiny
from scipy.stats import fisher_exact, hypergeom
from scipy.stats.contingency import odds_ratio as conditional

from analysis_lib import exhibits, wording
from analysis_lib.case import open_case
from analysis_lib.methods.channel_gap import channel_gap
from analysis_lib.methods.registry import answer_chapter
from analysis_lib.results import NotAnswerable, TestResult, Verdict, to_dict
from analysis_lib.stats.integer_tables import TableSet, fitting_tables


@pytest.fixture(scope="module")
def ilford():
    return answer_chapter("50_channel_gap", open_case("ilford_south_2022"))["channel_gap"]


def test_ilford_south_every_table_with_up_to_60_other_ballots(ilford):
    # 119,330 tables, counted independently in four nested loops (methods.md, R20b); odds ratio 2.3599 to 2.5686 throughout.
    details = ilford[0].details
    assert details["n_tables"] == 119_330
    assert (round(details["odds_ratio_low"], 4), round(details["odds_ratio_high"], 4)) == (2.3599, 2.5686)
    assert ilford[0].verdict is Verdict.NOT_EXPLAINED


def test_ilford_south_with_up_to_20_other_ballots(ilford):
    details = ilford[1].details
    assert details["n_tables"] == 16_264
    assert list(zip(details["channels"], details["ballots_low"], details["ballots_high"], strict=True)) == [
        ("online", 518, 643),
        ("in_person", 197, 322),
    ]


def test_ilford_south_the_gap_is_real_and_its_cause_open(ilford):
    for finding in ilford:
        told = wording.sentence(finding)
        assert "The gap is real; its cause is open." in told
        assert "(online)" not in told
        assert finding.planned
        assert len(finding.result.innocent_explanations) >= 4
    assert "2.3599 to 2.5686 throughout" in wording.sentence(ilford[0])
    assert "All 16,264 tables" in wording.sentence(ilford[1])
    assert "518 to 643 online, 197 to 322 in person" in wording.sentence(ilford[1])
    assert ilford[0].details["lead"] == 499 - 361
    assert ilford[0].details["to_tie"] == 69


def table(*cells):
    return TableSet(*(np.array([n]) for n in cells))


def by_counts(*cells, **options):
    values = {"form": "counts", "candidate": "A", "channels": ("online", "in_person"), "confidence_level": 0.95, "parameters": {}}
    return channel_gap(table(*cells), **values | options)


@pytest.mark.parametrize("cells", [(118, 116, 19, 15), (30, 70, 60, 40), (3, 9, 8, 2), (1, 500, 7, 400), (50, 50, 50, 50)])
def test_counts_against_scipy(cells):
    a, b, c, d = cells
    result = by_counts(*cells, 0, 0)
    interval = conditional([[a, b], [c, d]]).confidence_interval(0.95)
    assert result.effect.value == pytest.approx(a * d / (b * c), rel=1e-12)
    assert (result.effect.low, result.effect.high) == pytest.approx(
        (interval.low, interval.high), rel=1e-6
    )  # scipy's own root search
    tails = [fisher_exact([[a, b], [c, d]], side).pvalue for side in ("less", "greater")]
    assert result.pvalue == pytest.approx(min(1.0, 2 * min(tails)), rel=1e-9)


def test_another_confidence_level_gives_another_interval():
    narrow, wide = by_counts(30, 70, 60, 40, 0, 0, confidence_level=0.9), by_counts(30, 70, 60, 40, 0, 0)
    interval = conditional([[30, 70], [60, 40]]).confidence_interval(0.9)
    assert (narrow.effect.low, narrow.effect.high) == pytest.approx((interval.low, interval.high), rel=1e-6)
    assert narrow.effect.low > wide.effect.low


def test_a_hundred_thousand_ballots_are_no_trouble():
    result = by_counts(60_000, 40_000, 30_000, 70_000, 0, 0)
    woolf = np.log(3.5) + 1.959964 * np.array([-1, 1]) * np.sqrt(sum(1 / n for n in (60e3, 40e3, 30e3, 70e3)))
    assert np.log([result.effect.low, result.effect.high]) == pytest.approx(
        woolf, abs=2e-4
    )  # the normal interval is all but exact here
    assert result.pvalue < 1e-12


def test_the_null_has_the_right_rate_for_every_split_of_the_votes():
    # All ways in which 9 of 20 ballots can be for A, 8 of the 20 cast online: the test's own size, by full enumeration.
    chances = hypergeom(20, 9, 8).pmf(np.arange(9))
    pvalues = np.array([by_counts(k, 8 - k, 9 - k, 3 + k, 0, 0).pvalue for k in range(9)])
    for level in (0.01, 0.05, 0.2):
        assert chances[pvalues <= level].sum() <= level


@pytest.mark.parametrize("seed", range(3))
def test_all_tables_by_the_slow_road(seed):
    rng = np.random.default_rng(seed)
    yes, no, most = (int(n) for n in rng.integers(4, 9, 3))
    ranges = [(Fraction(int(low), 20), Fraction(int(low) + 4, 20)) for low in rng.integers(4, 14, 2)]
    found = fitting_tables(yes, no, *ranges, most)
    slow = set()
    for a_yes, b_yes, a_no, b_no in product(range(yes + 1), range(yes + 1), range(no + 1), range(no + 1)):
        other = yes + no - a_yes - a_no - b_yes - b_no
        if not (a_yes + b_yes <= yes and a_no + b_no <= no and 0 <= other <= most and a_yes + a_no and b_yes + b_no):
            continue
        shares = Fraction(a_yes, a_yes + a_no), Fraction(b_yes, b_yes + b_no)
        if all(low <= share <= high for share, (low, high) in zip(shares, ranges, strict=True)):
            slow.add((a_yes, a_no, b_yes, b_no))
    assert set(zip(found.a_yes, found.a_no, found.b_yes, found.b_no, strict=True)) == slow
    assert slow


def test_the_range_over_tables_covers_every_single_table():
    tables = fitting_tables(40, 60, (Fraction(1, 2), Fraction(3, 5)), (Fraction(1, 4), Fraction(3, 10)), 3)
    whole = channel_gap(tables, form="x", candidate="A", channels=("online", "in_person"), confidence_level=0.95, parameters={})
    single = [
        by_counts(*(int(getattr(tables, name)[i]) for name in ("a_yes", "a_no", "b_yes", "b_no", "other_yes", "other_no")))
        for i in range(tables.size)
    ]
    assert whole.pvalue == max(result.pvalue for result in single)
    assert (
        whole.effect.low <= min(result.effect.low for result in single) * 1.0001
    )  # the two tables are picked by an approximation
    assert whole.effect.high >= max(result.effect.high for result in single) * 0.9999
    assert whole.details["to_equal_low"] == min(result.details["to_equal_low"] for result in single)
    assert whole.details["to_equal_high"] == max(result.details["to_equal_high"] for result in single)


def test_so_many_ballots_change_sides_and_no_fewer():
    result = by_counts(60, 40, 20, 80, 0, 0)  # 60 % online, 20 % in the hall: 40 of 100
    assert result.details["to_equal_low"] == 40
    result = by_counts(60, 41, 20, 80, 0, 0)
    moved = result.details["to_equal_low"]
    assert (60 - moved) / 101 <= 0.2 < (60 - moved + 1) / 101


def people(*names):
    return [{"candidate_id": name, "display_name": name} for name in names]


def votes(channel, **counts):
    return [{"round": 1, "channel": channel, "item": "candidate", "candidate_id": who, "n": n} for who, n in counts.items()]


def shares(channel, dp=0, **of):
    rows = votes(channel, **of)
    return [row | {"n": None, "share": row["n"], "share_dp": dp} for row in rows]


ZERO = [{"A": 0, "B": 10}, {"A": 10, "B": 0}, {"A": 5, "B": 5}]


@pytest.mark.parametrize("online", ZERO)
@pytest.mark.parametrize("hall", ZERO)
def test_zero_cells_break_neither_words_nor_json_nor_charts(tmp_path, online, hall):
    finding = one(
        tiny(tmp_path, candidates=people("A", "B"), results=votes("online", **online) + votes("in_person", **hall)), "channel_gap"
    )
    told = wording.sentence(finding)
    assert "nan" not in told
    assert "inf " not in told
    json.loads(json.dumps(to_dict(finding, told), allow_nan=False))
    for figure in exhibits.channel_gap(None, [finding]):
        assert "<svg" in figure.svg()


def test_three_candidates_are_three_tests(tmp_path):
    case = tiny(
        tmp_path,
        candidates=people("A", "B", "C"),
        results=votes("online", A=50, B=30, C=20) + votes("in_person", A=45, B=12, C=43),
    )
    finding = one(case, "channel_gap")
    assert finding.details["candidate"] == "C"
    assert finding.details["n_tests"] == 3
    assert finding.result.pvalue == pytest.approx(3 * 2 * fisher_exact([[20, 80], [43, 57]], "less").pvalue, rel=1e-9)
    assert finding.details["lead"] == 63 - 95  # against the nearest rival, not against all others together
    assert finding.details["to_tie"] == 16


def test_ballots_of_other_channels_belong_to_the_lead_and_not_to_the_gap(tmp_path):
    rows = votes("online", A=50, B=30) + votes("in_person", A=20, B=30) + votes("postal", A=1, B=9) + votes("all", A=71, B=69)
    finding = one(tiny(tmp_path, candidates=people("A", "B"), results=rows), "channel_gap")
    assert (finding.result.n_observations, finding.details["lead"], finding.result.effect.value) == (130, 2, 2.5)


def test_a_later_declaration_is_not_mixed_in(tmp_path):
    first = votes("online", A=50, B=30) + votes("in_person", A=20, B=30)
    later = [row | {"status": "correction"} for row in votes("online", A=10, B=30)]
    finding = one(tiny(tmp_path, candidates=people("A", "B"), results=first + later), "channel_gap")
    assert finding.result.effect.value == 2.5


def test_only_the_first_round_is_compared(tmp_path):
    rows = votes("online", A=50, B=30, C=5) + votes("in_person", A=20, B=30, C=5)
    rows += [row | {"round": 2} for row in votes("online", A=85, B=0) + votes("in_person", A=0, B=55)]
    finding = one(tiny(tmp_path, candidates=people("A", "B", "C"), results=rows), "channel_gap")
    assert finding.details["odds_ratio_high"] < 10


def test_two_sources_with_different_counts_leave_nothing_to_compare(tmp_path):
    rows = votes("all", A=70, B=60) + votes("online", A=50, B=30) + votes("online", A=49, B=30) + votes("in_person", A=20, B=30)
    finding = one(tiny(tmp_path, candidates=people("A", "B"), results=rows), "channel_gap")
    assert isinstance(finding.result, NotAnswerable)


TOTALS = votes("all", A=100, B=80)


def test_shares_and_totals_give_a_finding_for_each_limit(tmp_path):
    rows = TOTALS + shares("online", A=0.65) + shares("in_person", A=0.35)
    findings = answered(
        tiny(tmp_path, plan="max_other_ballots = [10, 0]", candidates=people("A", "B"), results=rows), "channel_gap"
    )
    assert [finding.result.form for finding in findings] == ["at_most_10_other", "at_most_0_other"]
    assert findings[0].details["n_tables"] > findings[1].details["n_tables"] > 0
    assert [finding.family_size for finding in findings] == [2, 2]


def test_the_rivals_share_bounds_it_too(tmp_path):
    alone = TOTALS + shares("online", A=0.65) + shares("in_person", A=0.35)
    with_rival = alone + shares("online", 1, B=0.352)  # so A's share online is 64.75 to 64.85 %
    plan = "max_other_ballots = [10]"
    loose, tight = (
        one(tiny(tmp_path / str(len(r)), plan=plan, candidates=people("A", "B"), results=r), "channel_gap")
        for r in (alone, with_rival)
    )
    assert 0 < tight.details["n_tables"] < loose.details["n_tables"]
    assert 0.6475 <= tight.details["share_low"][0] <= tight.details["share_high"][0] <= 0.6485


def test_papers_that_differ_are_all_allowed_for(tmp_path):
    rows = TOTALS + shares("online", A=0.65) + shares("online", A=0.62) + shares("in_person", A=0.35)
    finding = one(tiny(tmp_path, plan="max_other_ballots = [10]", candidates=people("A", "B"), results=rows), "channel_gap")
    assert 0.615 <= finding.details["share_low"][0] < 0.62 < 0.65 < finding.details["share_high"][0] <= 0.655


@pytest.mark.parametrize(
    "more",
    [
        shares("online", A=0.9) + shares("in_person", A=0.9),
        shares("online", A=0.65) + shares("online", B=0.65) + shares("in_person", A=0.3),
    ],
)
def test_if_no_table_fits_it_says_so(tmp_path, more):
    case = tiny(tmp_path, plan="max_other_ballots = [5]", candidates=people("A", "B"), results=TOTALS + more)
    finding = one(case, "channel_gap")
    assert isinstance(finding.result, NotAnswerable)
    assert finding.result.reason == "No table of whole ballots fits the shares and totals together."


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (votes("online", A=5, B=5), "No candidate's share is held in both channels"),
        (votes("all", A=5), "totals over all channels are not held"),
        (
            votes("all", A=5, B=4) + votes("online", A=5, B=4) + votes("in_person", A=0, B=0),
            "One of the two channels holds no ballot",
        ),
        (
            votes("all", A=2000, B=1500) + shares("online", A=0.6) + shares("in_person", A=0.5),
            "Only rounded shares are held, for 3500 ballots",
        ),
    ],
)
def test_what_is_not_held_is_said(tmp_path, rows, reason):
    finding = one(tiny(tmp_path, candidates=people("A", "B"), results=rows), "channel_gap")
    assert isinstance(finding.result, NotAnswerable)
    assert reason in finding.result.reason
    assert finding.result.needs


def test_other_channels_may_be_chosen(tmp_path):
    rows = votes("postal", A=50, B=30) + votes("in_person", A=20, B=30)
    finding = one(
        tiny(tmp_path, plan='channels = ["postal", "in_person"]', candidates=people("A", "B"), results=rows), "channel_gap"
    )
    assert finding.result.effect.name == "odds ratio, postal against in person"
    assert isinstance(finding.result, TestResult)


def test_the_order_of_rows_changes_nothing(tmp_path):
    rows = votes("online", A=50, B=30, C=20) + votes("in_person", A=45, B=12, C=43)
    found = [
        one(tiny(tmp_path / str(i), candidates=people("A", "B", "C"), results=part), "channel_gap")
        for i, part in enumerate((rows, rows[::-1]))
    ]
    assert found[0] == found[1]
    assert CONTEST not in wording.sentence(found[0])
