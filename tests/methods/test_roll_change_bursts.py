"""Days on which the roll changed more than on others: a real roll with its two shocks, bulk edits, plants, edges, messages."""

import math
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from cases import CONTEST, answered, one, tiny, utc
from imports import bring

from analysis_lib import cards, exhibits, simulate, wording
from analysis_lib.case import open_case
from analysis_lib.methods.bulk_edits import collapsed
from analysis_lib.methods.roll_change_bursts import Series, bulk_edits, roll_change_bursts, series_of_the_log
from analysis_lib.results import NotAnswerable, Verdict

NOUN = "roll_change_bursts"
ORANGE = Path(__file__).parents[3] / "shared" / "realdata" / "orange_county_roll_2018_19"
MAPPING = Path(__file__).parents[1] / "importers" / "records" / "orange_county_roll_2018_19" / "orange.toml"
START = utc("2031-08-01 10:00")  # a Friday
CLOSE = START + timedelta(days=80)
CLOCK = {"clock_id": "M", "tz_used": "UTC", "tz_basis": "stated_offset", "resolution": "s", "write_semantics": "event_time"}
VOTING = {"channel": "all", "kind": "voting", "basis": "advertised", "opens_at": CLOSE - timedelta(days=14), "closes_at": CLOSE}


def change(at, number, what="added", actor="0" * 32, **cells):
    return {
        "voter_key": f"{number:032x}",
        "change": what,
        "at": at,
        "clock_id": "M",
        "derived_from": "log",
        "actor_key": actor,
    } | cells


def usual(seed=0, mean=1.5, days=80):
    """One edit at a time, some a day, each in a minute of its own."""
    n = np.random.default_rng(seed).poisson(mean, days)
    return [change(START + timedelta(days=d, minutes=5 * k), 100 * d + k) for d in range(days) for k in range(n[d])]


def held(folder, *changes, **tables):
    return tiny(folder, clocks=[CLOCK], roll_changes=changes, contest_windows=[VOTING], contest={"timezone": "UTC"}, **tables)


def text(found):
    return repr(cards.Cards(found))


@pytest.fixture(scope="module")
def orange(tmp_path_factory):
    if not ORANGE.is_dir():
        pytest.skip("the records of orange_county_roll_2018_19 aren't held beside this repository")
    folder = tmp_path_factory.mktemp("orange")
    bring(MAPPING, ORANGE / "daily_changes_wide.csv", into=folder / "p", contest="oc")
    return open_case(folder / "p")


def test_orange_county_the_two_shocks_of_july_2018_come_first(orange):
    finding = one(orange, NOUN)
    days = [(row["kind"], row["day"].date(), row["n"]) for row in finding.details["out"]]
    assert days[:2] == [("changed", date(2018, 7, 16), 132_003), ("changed", date(2018, 7, 23), 108_626)]
    assert ("removed", date(2018, 7, 26), 11_288) in days
    assert ("removed", date(2019, 4, 25), 5_500) in days
    assert not any(kind == "added" for kind, _, _ in days)  # the rush before the registration deadline is no shock
    assert finding.verdict is Verdict.NOT_EXPLAINED
    told = text([finding])
    assert "Largest first: 16 July 2018, 132,003 members changed on the list, where the days near by have 2," in told
    assert "; 23 July 2018, 108,626 members changed on the list" in told


def test_orange_county_is_shown(orange):
    shown = exhibits.roll_change_bursts(orange, answered(orange, NOUN))
    assert [type(item).__name__ for item in shown] == ["Figure", "Figure", "Table", "Table"]
    assert "251 copies of the list, from 1,468,238 to 1,594,510 members" in shown[0].alt
    assert "2018-07-16 | changed | 132,003" in repr(shown[2]).splitlines()[2]


def test_a_bulk_edit_counts_once_and_is_listed_with_its_size(tmp_path):
    at = START + timedelta(days=40, hours=3)
    bulk = [change(at + timedelta(seconds=s), 90_000 + s, reason="other", actor_role="regional_staff") for s in range(60)]
    notice = {"kind": "other", "starts_at": at, "description": "Members of an affiliated union were entered."}
    case = held(tmp_path, *usual(), *bulk, timeline=[notice])
    finding = one(case, NOUN)
    assert finding.verdict is Verdict.WITHIN_BASELINE
    assert [(row["n"], row["beside"]) for row in finding.details["bulk"]] == [(60, notice["description"])]
    assert "A bulk edit counts once; the largest, on 10 September 2031: 60 members added to the list." in text([finding])
    shown = "\n".join(map(repr, exhibits.roll_change_bursts(case, [finding])))
    assert f"60 | an administrator | other | {notice['description']}" in shown


def test_forty_removals_by_hand_on_one_day_stand_out(tmp_path):
    day = START + timedelta(days=33)
    by_hand = [change(day + timedelta(minutes=3 * i), 70_000 + i, "removed") for i in range(40)]
    others = [change(row["at"] + timedelta(minutes=1), 10_000 + i, "removed") for i, row in enumerate(usual(3))]
    finding = one(held(tmp_path, *others, *by_hand), NOUN)
    assert finding.verdict is Verdict.NOT_EXPLAINED
    assert [(row["kind"], row["day"]) for row in finding.details["out"]] == [("removed", day.date())]
    assert finding.result.effect.low > 10


def test_only_counts_by_day_are_enough(tmp_path):
    rng = np.random.default_rng(1)
    rows = [
        {
            "taken_at": START + timedelta(days=d),
            "added_n": int(rng.poisson(5)),
            "removed_n": 300 if d == 50 else int(rng.poisson(4)),
        }
        for d in range(70)
    ]
    finding = one(tiny(tmp_path, roll_change_counts=rows), NOUN)
    assert finding.result.form == "counts"
    assert (finding.details["top"]["kind"], finding.result.statistic) == ("removed", 300)
    assert finding.verdict is Verdict.NOT_EXPLAINED


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ([change(START + timedelta(days=d), d) for d in range(9)], "The log has 9 edits of the roll with a time, within 9 days. At least 10"),
        ([change(START, 1)], "The log has 1 edit of the roll with a time. At least 10"),
        (
            [change(None, n, at_lo=START, at_hi=CLOSE, clock_id=None, derived_from="snapshot_diff") for n in range(30)],
            "The log has no edit of the roll with a time; of 30 changes only limits or no time is known. At least 10",
        ),
    ],
)  # fmt: skip
def test_too_few_edits_or_days_say_what_is_missing(tmp_path, changes, part):
    finding = one(held(tmp_path, *changes), NOUN)
    assert isinstance(finding.result, NotAnswerable)
    assert part in finding.result.reason
    assert finding.result.needs == ("roll_changes.at", "roll_changes.actor_key")
    exhibits.roll_change_bursts(open_case(tmp_path), [finding])


def test_copies_too_few_to_tell_days_apart_are_counted(tmp_path):
    reason = one(tiny(tmp_path, roll_change_counts=[{"taken_at": START, "added_n": 3}]), NOUN).result.reason
    assert reason == "Changes are counted for 1 copy of the roll; more than 20 are needed to tell days apart."


def test_a_merger_of_branches_entered_as_transfers_is_one_move(tmp_path):
    halves = [change(START + timedelta(seconds=n), n, what) for n in range(60) for what in ("transferred_out", "transferred_in")]
    left, came = change(START, 90, "transferred_out"), change(START, 91, "transferred_in")
    case = held(tmp_path, *halves, left, came, change(START + timedelta(days=2), 90, "transferred_in"))
    assert [(row["kind"], row["n"]) for row in bulk_edits(case)] == [("moved to another branch", 60)]
    counts = {series.kind: series.counts.sum() for series in series_of_the_log(case)}
    assert counts == {"added": 2, "removed": 1, "entitlement changed": 0, "moved to another branch": 1}  # back after two days


def test_a_bulk_edit_is_shown_where_days_cannot_be_told_apart(tmp_path):
    case = held(tmp_path, *(change(START, n) for n in range(12)))
    finding = one(case, NOUN)
    assert "2031-08-01 10:00:00 UTC | added | 12" in repr(exhibits.roll_change_bursts(case, [finding])[-1])


def test_keys_that_changed_and_joined_records_are_no_change_of_the_list(tmp_path):
    case = held(tmp_path, *(change(START + timedelta(days=d), d, "key_changed") for d in range(60)))
    assert series_of_the_log(case) == []
    assert isinstance(one(case, NOUN).result, NotAnswerable)


def test_members_without_an_account_on_record_and_local_days(tmp_path):
    late = utc("2031-08-05 23:30")  # half past midnight in London
    rows = [change(late, n, actor=None) for n in range(3)]
    case = tiny(tmp_path, clocks=[CLOCK], roll_changes=rows)
    added = next(one for one in series_of_the_log(case) if one.kind == "added")
    assert (added.days, added.counts.tolist()) == ([date(2031, 8, 6)], [1])
    assert bulk_edits(case) == []


def test_row_order_does_not_matter(tmp_path):
    rows = usual(7)
    one_way, other = one(held(tmp_path / "a", *rows), NOUN), one(held(tmp_path / "b", *rows[::-1]), NOUN)
    assert one_way.result.pvalue == other.result.pvalue
    assert one_way.details["top"] == other.details["top"]


def test_a_day_where_days_near_by_have_none():
    counts = np.zeros(60, np.int64)
    counts[30] = 50
    series = Series("added", [date(2031, 1, 1) + timedelta(days=i) for i in range(60)], counts, np.zeros(60, int))
    result = roll_change_bursts([series], form="log", alpha=0.01, confidence_level=0.95, details={"bulk": [], "zone": "UTC"})
    assert math.isinf(result.effect.value)
    assert result.statistic == 50


@pytest.mark.calibration  # the committed table of office life holds the rates
def test_innocent_offices_raise_no_alarm(tmp_path):
    found = []
    for seed in range(900, 912):
        made = simulate.selection(seed, simulate.Setting(**simulate.OFFICE_LIFE))
        simulate.write_package(made, tmp_path / str(seed), name="x", title="x", description="x")
        found.append(one(open_case(tmp_path / str(seed), n_resamples=199), NOUN).result.pvalue)
    assert min(found) > 0.01


def test_half_a_million_changes(tmp_path):
    n = 500_000
    rng = np.random.default_rng(4)
    seconds = rng.integers(0, 80 * 86400, n)
    rows = pl.DataFrame(
        {"at": pl.Series(START.timestamp() * 1e6 + seconds * 1e6).cast(pl.Int64).cast(pl.Datetime("us", "UTC")), "voter_key": rng.integers(0, n, n).astype(str)}
    ).with_columns(source_id=pl.lit("S1"), actor_key=pl.lit(None, pl.String), kind=pl.lit("added"), actor_role=pl.lit("system"), reason=pl.lit("other"))  # fmt: skip
    assert collapsed(rows, by=("kind",))["n"].sum() == n


def test_the_sentence_and_contest_are_plain(tmp_path):
    finding = one(held(tmp_path, *usual()), NOUN)
    told = wording.sentence(finding)
    assert CONTEST not in told
    assert "none stands out from the days near by. The most unusual: " in told


@pytest.mark.parametrize(
    ("cells", "tables", "verdict"),
    [
        ({}, {}, Verdict.NOT_EXPLAINED),
        ({"reason": "other"}, {}, Verdict.NOT_EXPLAINED),
        ({"reason": "lapsed"}, {}, Verdict.UNDETERMINED),  # the week of the annual renewal
        ({"actor_role": "self"}, {}, Verdict.UNDETERMINED),  # members who joined after a debate
        ({}, {"contest": {"freeze_at": START + timedelta(days=34), "timezone": "UTC"}}, Verdict.UNDETERMINED),  # the rush before a last day
        ({}, {"contest": {"freeze_at": START + timedelta(days=30), "timezone": "UTC"}}, Verdict.NOT_EXPLAINED),
        ({}, {"timeline": [{"kind": "other", "starts_at": START + timedelta(days=33), "ends_at": START + timedelta(days=33, hours=2),
                            "description": "Forms of an affiliated union were keyed in."}]}, Verdict.UNDETERMINED),
    ],
)  # fmt: skip
def test_a_day_with_an_ordinary_cause_on_record_is_undetermined(tmp_path, cells, tables, verdict):
    day = START + timedelta(days=33)
    work = [change(day + timedelta(minutes=3 * i), 70_000 + i, **cells) for i in range(40)]
    windows = {"clocks": [CLOCK], "contest_windows": [VOTING], "contest": {"timezone": "UTC"}}
    finding = one(tiny(tmp_path, roll_changes=[*usual(), *work], **(windows | tables)), NOUN)
    assert finding.verdict is verdict
    assert [row["day"] for row in finding.details["out"]] == [day.date()]
    told = " ".join(item.evidence for item in finding.result.assumptions)
    assert ("The papers behind the changes would settle" in told) is (verdict is Verdict.UNDETERMINED)


def test_a_merger_entered_member_by_member_is_one_edit(tmp_path):
    day = START + timedelta(days=33)
    moves = [change(day + timedelta(minutes=3 * i), 70_000 + i, "unit_changed") for i in range(40)]
    others = [change(row["at"] + timedelta(minutes=1), 10_000 + i, "unit_changed") for i, row in enumerate(usual(3))]
    finding = one(held(tmp_path, *others, *moves), NOUN)
    assert finding.verdict is Verdict.WITHIN_BASELINE
    assert "the largest, on 3 September 2031: 41 members moved to another branch" in text([finding])
