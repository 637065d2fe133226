"""Sittings by hand: what begins one, what ends it, whose it is, and which hours it touches."""

from datetime import timedelta

import polars as pl
from cases import tiny, utc
from office_rows import OPENS, act, code, key, sitting

from analysis_lib.methods.sittings import acts, first_midnight, hours_worked, owner_labels, sittings, wall_seconds

TEN = utc("2031-03-04 10:00")


def minutes(*n):
    return [TEN + timedelta(minutes=m) for m in n]


def spans(case):
    rows = sittings(case)
    return [
        (int((start - TEN).total_seconds() // 60), int((end - TEN).total_seconds() // 60))
        for start, end in rows.select("start", "end").iter_rows()
    ]


def test_a_login_or_half_an_hour_of_silence_begins_a_sitting_and_a_logout_ends_it(tmp_path):
    a, b, c, d, e, f, g = minutes(0, 20, 55, 60, 90, 121, 300)
    rows = [
        act(g, "logout"), act(d, "voter_edited"), act(a, "login"), act(b, "credential_resent"), act(c, "logout"), act(e, "voter_edited"),
        act(f, "voter_edited"),
    ]  # fmt: skip
    # 0-55 logged out; 60-90 follow one another; 121 comes 31 minutes later, and its logout within four hours is its own.
    assert spans(tiny(tmp_path, admin_actions=rows)) == [(0, 55), (60, 91), (121, 300)]


def test_a_logout_too_late_is_nobodys_and_a_second_login_begins_anew(tmp_path):
    a, b, late = minutes(0, 10, 300)
    assert spans(tiny(tmp_path, admin_actions=[act(a, "login"), act(b, "login"), act(late, "logout")])) == [(0, 1), (10, 11)]


def test_failed_logins_members_and_the_program_sit_nowhere_and_codes_count_as_work(tmp_path):
    a, b, c = minutes(0, 40, 70)
    rows = [
        act(a, "login_failed"), act(a, "login", disposition="failure"), act(a, "contest_opened", None, "system"), act(a, "login", "me", "self"),
        act(b, "login"),
    ]  # fmt: skip
    case = tiny(tmp_path, admin_actions=rows, credential_events=[code(c, "v1"), code(c, "v2", who=None)])
    assert acts(case)["action"].to_list() == ["login", "reissued_new"]
    assert spans(case) == [(40, 71)]
    assert sittings(case)["n_acts"].to_list() == [1]


def test_the_first_look_at_the_list_is_kept_with_its_sitting(tmp_path):
    rows = sitting(TEN, look=7) + sitting(TEN + timedelta(days=1)) + [act(TEN + timedelta(minutes=9), "export_turnout_list")]
    assert sittings(tiny(tmp_path, admin_actions=rows))["looked_at"].to_list() == [TEN + timedelta(minutes=7), None]


def test_without_accounts_a_role_is_the_owner(tmp_path):
    rows = sitting(TEN, None) + sitting(TEN + timedelta(hours=3), None, role="national_staff")
    case = tiny(tmp_path, admin_actions=rows)
    assert sittings(case)["owner"].to_list() == ["local_officer", "national_staff"]
    assert set(owner_labels(case).values()) == {"accounts of the role local officer", "accounts of the role national staff"}


def test_labels_are_numbers_and_never_keys(tmp_path):
    case = tiny(tmp_path, admin_actions=sitting(TEN, "ann") + sitting(TEN, "bo", look=3))
    assert owner_labels(case) == {key("bo"): "administrator 01", key("ann"): "administrator 02"}


def test_the_hours_of_a_sitting_are_those_on_the_wall_once_each(tmp_path):
    summer = utc("2031-07-01 10:40")  # 11:40 in London
    case = tiny(tmp_path, admin_actions=sitting(summer, minutes=80))
    found = hours_worked(sittings(case), "Europe/London")
    assert found.select("hour", "is_weekend").rows() == [(11, False), (12, False)]  # it ends at 13:00 sharp
    back = utc("2031-10-26 00:30")  # the hour from 1 to 2 comes twice
    twice = tiny(tmp_path / "back", admin_actions=sitting(back, minutes=110))
    assert hours_worked(sittings(twice), "Europe/London").select("hour", "is_weekend").rows() == [(1, True), (2, True)]
    assert hours_worked(sittings(case).clear(), "Europe/London").height == 0


def test_seconds_on_the_wall():
    midnight = first_midnight(utc("2031-07-01 23:30"), "Europe/London")  # already the second of July there
    assert str(midnight) == "2031-07-02 00:00:00"
    assert wall_seconds(pl.Series([utc("2031-07-01 23:30")]), "Europe/London", midnight).tolist() == [1800]


def test_no_log_no_sittings(tmp_path):
    assert sittings(tiny(tmp_path, admin_actions=[act(None, "login")])).height == 0
    assert sittings(tiny(tmp_path / "b", admin_actions=[act(OPENS, "logout")])).height == 0
