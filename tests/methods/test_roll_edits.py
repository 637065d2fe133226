"""The edits of a roll one by one: against a slow count, at the edges of the voting, and what a reader sees."""

import random
from collections import defaultdict
from datetime import timedelta

import pytest
from cases import tiny, utc

from analysis_lib.exhibits.roll_edits import MOST_LISTED
from analysis_lib.exhibits.roll_edits import roll_edits as shown
from analysis_lib.methods.roll_edits import roll_edits

OPENS, CLOSES = utc("2031-10-18 12:00"), utc("2031-10-22 12:00")
MINUTE = timedelta(minutes=1)
VOTING = {"channel": "all", "kind": "voting", "basis": "advertised", "opens_at": OPENS, "closes_at": CLOSES}
CLOCK = {"clock_id": "M", "tz_used": "UTC", "tz_basis": "stated_offset", "resolution": "s", "write_semantics": "event_time"}


def change(key, what, at, **cells):
    return {"voter_key": f"v{key}", "change": what, "at": at, "clock_id": "M", "derived_from": "log"} | cells


def held(folder, *changes, windows=(VOTING,), **tables):
    return tiny(
        folder, clocks=[CLOCK], roll_changes=changes, contest_windows=list(windows), contest={"timezone": "UTC"}, **tables
    )


def test_the_numbers_of_each_edit_against_a_slow_count(tmp_path):
    rng = random.Random(20311018)
    words = {"added": "added", "reinstated": "added", "removed": "removed", "key_changed": "renamed", "eligibility_set": "other"}
    times = [OPENS + timedelta(hours=rng.randrange(-60, 140)) for _ in range(6)]
    changes = [change(number, rng.choice([*words]), rng.choice(times)) for number in range(40)]
    members = defaultdict(set)
    for row in changes:
        members[row["at"], words[row["change"]]].add(row["voter_key"])
    found = roll_edits(held(tmp_path, *changes))
    assert found["at"].to_list() == sorted({at for at, _ in members})
    for row in found.iter_rows(named=True):
        assert all(row[name] == len(members[row["at"], name]) for name in ("added", "removed", "renamed", "other"))
        assert row["in_voting"] == (OPENS <= row["at"] <= CLOSES)


def test_an_edit_at_the_opening_or_the_close_is_of_the_voting_and_a_minute_off_is_not(tmp_path):
    times = [OPENS - MINUTE, OPENS, CLOSES, CLOSES + MINUTE]
    found = roll_edits(held(tmp_path, *(change(number, "added", at) for number, at in enumerate(times))))
    assert found["in_voting"].to_list() == [False, True, True, False]


def test_the_reason_is_told_where_all_agree(tmp_path):
    granted = {"reason": "exception_granted"}
    changes = [
        *(change(number, "added", OPENS + MINUTE, **granted) for number in (1, 2)),
        change(3, "added", OPENS + 2 * MINUTE, **granted), change(4, "added", OPENS + 2 * MINUTE),
        change(5, "removed", OPENS + 3 * MINUTE),
    ]  # fmt: skip
    assert roll_edits(held(tmp_path, *changes))["reason"].to_list() == ["exception_granted", "several", None]


def test_a_transfer_between_branches_takes_nobody_off(tmp_path):
    moved = [change(1, "transferred_out", OPENS + MINUTE), change(1, "transferred_in", OPENS + MINUTE)]
    found = roll_edits(held(tmp_path, *moved))
    assert found.select("added", "removed", "other").rows() == [(0, 0, 1)]


@pytest.mark.parametrize("windows", [(), ({**VOTING, "closes_at": None},)])
def test_without_the_times_of_the_voting_it_is_not_told_which_edits_came_then(tmp_path, windows):
    case = held(tmp_path, change(1, "added", OPENS), windows=windows)
    assert roll_edits(case)["in_voting"].to_list() == [None]
    assert "When votes were taken isn't known" in repr(shown(case)[0])


def test_a_roll_without_timed_changes_shows_nothing(tmp_path):
    limits = {"at": None, "clock_id": None, "at_lo": OPENS, "at_hi": CLOSES, "derived_from": "snapshot_diff"}
    assert shown(held(tmp_path / "none")) == []
    assert shown(held(tmp_path / "limits", change(1, "added", None) | limits)) == []


def test_a_reader_sees_the_cause_beside_the_edit_and_the_sum_of_the_voting(tmp_path):
    happened = {"kind": "other", "starts_at": OPENS + MINUTE, "description": "Exceptions were granted.", "timeline_id": "T1"}
    late = [change(number, "added", OPENS + MINUTE, reason="exception_granted") for number in (1, 2)]
    early = change(3, "removed", OPENS - 60 * 24 * MINUTE)
    text = repr(shown(held(tmp_path, *late, early, timeline=[happened]))[0])
    assert "2031-10-18 | 2 |  | exception granted | yes | Exceptions were granted." in text
    assert "2031-10-17 |  | 1 |  | no |" in text
    assert "During the voting: 1 edit, 2 members added and 0 removed." in text
    assert "v1" not in text


def test_only_what_concerned_many_has_its_minute_and_a_member_s_own_reason(tmp_path):
    few = [change(f"a{number}", "removed", OPENS + MINUTE, reason="deceased") for number in range(9)]
    many = [change(f"b{number}", "removed", OPENS + 2 * MINUTE, reason="deceased") for number in range(10)]
    text = repr(shown(held(tmp_path, *few, *many))[0])
    assert "2031-10-18 | 9 | one of the member's own | yes" in text
    assert "2031-10-18 12:02:00 UTC | 10 | deceased | yes" in text


def test_of_many_edits_the_largest_are_listed(tmp_path):
    single = [change(number, "added", OPENS + number * MINUTE) for number in range(MOST_LISTED + 5)]
    large = [change(f"x{number}", "removed", OPENS + 3000 * MINUTE) for number in range(12)]
    text = repr(shown(held(tmp_path, *single, *large))[0])
    assert "of 56, the 50 of the most members" in text
    assert "During the voting: 56 edits, 55 members added and 12 removed." in text
    assert " | 12 | " in text
