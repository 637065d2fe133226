"""Sittings by hand: what begins one, what ends it, whose it is, and which hours it touches."""

from datetime import timedelta

import delays
import polars as pl
import pytest
from cases import tiny, utc
from office_rows import OPENS, act, code, key, sitting

from analysis_lib import wording
from analysis_lib.methods.sittings import acts, first_midnight, hours_worked, numbered, owner_labels, sittings, wall_seconds
from analysis_lib.results import Status, Verdict

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


def test_sittings_that_begin_at_one_stamp_come_in_one_order(tmp_path):
    a, b = minutes(0, 60)
    rows = [act(a, "login"), act(a, "view_turnout_list"), act(a, "login"), act(a, "logout"), act(a, "login"), act(b, "logout")]
    case = tiny(tmp_path, admin_actions=rows)
    assert len({sittings(case).write_csv() for _ in range(20)}) == 1


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


def hands(*rows):
    """Events in the order given: hand, role, minute."""
    schema = {"actor_key": pl.String, "actor_role": pl.String, "at": pl.Datetime("us", "UTC")}
    frame = pl.DataFrame([(who, role, TEN + timedelta(minutes=m)) for who, role, m in rows], schema, orient="row")
    return numbered(frame.with_columns(event_id=pl.Series([f"e{i}" for i in range(len(rows))]))).to_list()


def test_events_of_one_hand_within_half_an_hour_of_each_other_are_one_sitting():
    a, b, c, d = hands(("a", None, 61), ("a", None, 0), ("b", None, 10), ("a", None, 30))
    assert a != b == d != c != a  # half an hour apart is together, a minute more is not
    a, b, c = hands(("a", "local_officer", 0), (None, "local_officer", 5), (None, "local_officer", 6))
    assert a != b == c  # without an account the hand is the role
    assert len(set(hands((None, None, 0), (None, None, 5)))) == 1
    assert len(set(hands(("s", "self", 0), ("s", "self", 5), (None, "system", 5), (None, "system", 5)))) == 4


def helped(folder, *meetings, **more):
    """Twelve codes sent unasked, each followed by a ballot after three minutes, in so many sittings; nobody else votes soon."""
    starts = [1000 * place + 4 * i for place, n in enumerate(meetings) for i in range(n)]
    reissues = [delays.reissue(f"u{i}", m, actor_key="a1") for i, m in enumerate(starts)]
    reissues += [delays.reissue(f"s{i}", 700 * i + 50, actor_key="a2") for i in range(3)]
    reissues += [delays.reissue(f"r{i}", 300 * i + 95, "member_request", actor_key="a2") for i in range(18)]
    votes = [delays.vote(f"u{i}", m + 3) for i, m in enumerate(starts)]
    votes += [delays.vote(f"r{i}", 300 * i + 95 + (4 if i % 4 == 0 else 2500)) for i in range(9)]
    votes += [delays.vote(f"w{i}", 370 * i + 7) for i in range(20)]
    return delays.case(folder, reissues, votes, plan="n_resamples = 1999\n", **more)


@pytest.mark.parametrize("noun", ["reissue_to_ballot_delay", "reissue_hazard"])
@pytest.mark.parametrize(
    ("meetings", "verdict"), [([12], Verdict.UNDETERMINED), ([6, 6], Verdict.UNDETERMINED), ([1] * 12, Verdict.NOT_EXPLAINED)]
)
def test_members_helped_at_one_meeting_or_two_leave_it_open(tmp_path, noun, meetings, verdict):
    found = delays.one(helped(tmp_path, *meetings), noun)
    assert found.result.pvalue <= 0.01
    assert found.verdict is verdict
    few = next(a for a in found.result.assumptions if "a few sittings" in a.statement)
    assert few.status is (Status.FAILS if verdict is Verdict.UNDETERMINED else Status.HOLDS)
    assert (found.details["sittings"]["n"], found.details["sittings"]["fullest"]) == (len(meetings) + 3, max(meetings))
    assert ("A list of meetings" in wording.sentence(found)) is (verdict is Verdict.UNDETERMINED)
