"""The ledger: kinds never lumped, how each code ended, stories as distances; and codes shown to staff and then used, by hand."""

import re
from datetime import timedelta

import pytest
from cases import tiny, utc

from analysis_lib import exhibits, wording
from analysis_lib.case import open_case
from analysis_lib.methods import ledger
from analysis_lib.methods.registry import answer_chapter
from analysis_lib.methods.reissue_rates import REQUESTED
from analysis_lib.results import NotAnswerable, Verdict, to_dict

NOUN = "credential_ledger"
START = utc("2031-10-10 10:00")


def at(minutes):
    return START + timedelta(minutes=minutes)


def event(what, minutes, voter="v1", code="c1", trigger="admin_initiated", role="national_staff", **more):
    values = {"event": what, "voter_key": voter, "credential_id": code, "trigger": trigger, "actor_role": role}
    return values | {"at": None if minutes is None else at(minutes)} | more


def ballot(minutes, voter="v1", code="c1", **more):
    return {"event": "cast", "channel": "online", "voter_key": voter, "credential_id": code, "at": at(minutes)} | more


def one(case):
    (finding,) = answer_chapter("30_credential_reissues", case, (NOUN,))[NOUN]
    return finding


def shown_and_used(folder, events, ballots=(), **more):
    found = one(tiny(folder, credential_events=events, ballot_events=ballots, **more))
    return found.result.statistic, found.details["n_undetermined"], found.verdict


SHOWN = event("surfaced", 0)


@pytest.mark.parametrize(
    ("events", "ballots", "counted"),
    [
        ([SHOWN], [ballot(50)], (1, 0)),
        ([SHOWN, event("used", 5)], [ballot(900)], (1, 0)),  # one code, however often it is used
        ([SHOWN, event("surfaced", 3)], [ballot(50)], (1, 0)),  # or shown
        ([SHOWN, event("surfaced", 0, code="c2", voter="v2")], [ballot(50), ballot(60, "v2", "c2")], (2, 0)),
        ([SHOWN], [ballot(4)], (0, 1)),  # two logs that name no clock: minutes may lie between them
        ([SHOWN, event("used", 1)], [], (1, 0)),  # one log, in its own order
        ([SHOWN], [ballot(1440)], (1, 0)),  # a day, its last second included
        ([SHOWN], [ballot(1440.02)], (0, 0)),
        ([SHOWN], [ballot(-50)], (0, 0)),  # the ballot came before
        ([SHOWN], [ballot(50, code="c2")], (0, 0)),  # another code
        ([SHOWN], [ballot(50, channel="in_person"), ballot(9, "v8", "c8")], (0, 0)),  # in the hall no code is needed
        ([SHOWN], [ballot(50, event="entered_by_officer"), ballot(9, "v8", "c8")], (0, 0)),
        ([event("surfaced", 0, role="self", trigger="self_service")], [ballot(50)], (0, 0)),
        ([event("surfaced", 0, role="system")], [ballot(50)], (0, 0)),  # a kiosk shows a member the member's own
        ([event("surfaced", 0, role=None)], [ballot(50)], (0, 1)),  # to whom, the log does not say
        ([event("surfaced", 0, request_at=at(-9))], [ballot(50)], (0, 0)),
        ([SHOWN, event("resent_same", -60, trigger="member_request")], [ballot(50)], (0, 0)),  # asked for an hour before
        ([SHOWN, event("resent_same", -1500, trigger="member_request")], [ballot(50)], (0, 1)),  # asked for, but days before
        ([SHOWN, event("resent_same", 60, trigger="member_request")], [ballot(50)], (1, 0)),  # asked for only afterwards
        ([SHOWN], [ballot(50, channel="online_kiosk")], (0, 1)),  # in the hall, where the member stood
        ([SHOWN, event("used", 50)], [ballot(50, channel="online_kiosk")], (0, 1)),
        ([event("surfaced", 0, trigger=None)], [ballot(50)], (0, 1)),
        ([event("surfaced", 0, trigger="unknown")], [ballot(50)], (0, 1)),
        ([event("surfaced", None)], [ballot(50)], (0, 1)),  # no time
        ([SHOWN], [], (0, 1)),  # nothing tells whether any code was used
        ([event("surfaced", 0, voter=None, code=None)], [ballot(50)], (0, 1)),  # whose, nobody knows
        ([event("issued", 0, destination_kind="screen")], [ballot(50)], (1, 0)),
        (
            [event("issued", 0, destination_kind="screen", role="system")],
            [ballot(50)],
            (0, 0),
        ),  # the member's own screen, it may be
        ([event("issued", 0)], [ballot(50)], (0, 0)),
    ],
)
def test_a_code_shown_and_used_by_hand(tmp_path, events, ballots, counted):
    found = shown_and_used(tmp_path, events, ballots)
    verdict = Verdict.BREACH_RECORDED if counted[0] else Verdict.UNDETERMINED if counted[1] else Verdict.NO_BREACH
    assert found == (*counted, verdict)


@pytest.mark.parametrize(
    ("minutes", "more", "counted"),
    [
        (-5, {"request_evidence": "member_request_logged"}, (0, 1)),
        (-1440, {"actor_role": "self"}, (0, 1)),
        (-1441, {"actor_role": "self"}, (1, 0)),
        (1, {"actor_role": "self"}, (1, 0)),
        (-5, {"request_evidence": "none_found"}, (1, 0)),
        (-5, {"request_evidence": "member_request_logged", "voter_key": "v2"}, (1, 0)),
    ],
)
def test_a_member_who_was_in_touch_that_day_leaves_it_open(tmp_path, minutes, more, counted):
    change = {"voter_key": "v1", "field": "email", "at": at(minutes)} | more
    assert shown_and_used(tmp_path, [SHOWN], [ballot(50)], contact_changes=[change])[:2] == counted


@pytest.mark.parametrize("trigger", REQUESTED)
def test_what_counts_as_asked_for_elsewhere_does_here(tmp_path, trigger):
    assert shown_and_used(tmp_path, [event("surfaced", 0, trigger=trigger)], [ballot(50)])[:2] == (0, 0)


def test_without_the_codes_name_the_voters_ballot_counts_if_there_was_no_other_code(tmp_path):
    unnamed = ballot(50, code=None)
    assert shown_and_used(tmp_path / "a", [SHOWN], [unnamed])[:2] == (1, 0)
    assert shown_and_used(tmp_path / "b", [SHOWN | {"credential_id": None}], [unnamed])[:2] == (1, 0)
    assert shown_and_used(tmp_path / "c", [SHOWN, event("issued", -50, code="c2")], [unnamed])[:2] == (0, 1)


def clock(name, basis="stated_offset"):
    return {"clock_id": name, "tz_used": "UTC", "tz_basis": basis, "resolution": "s"}


def test_two_clocks_may_leave_the_order_open(tmp_path):
    events, ballots = [SHOWN | {"clock_id": "C"}], [ballot(5) | {"clock_id": "B"}]
    clocks = [clock("B"), clock("C")]  # of neither was the error measured: minutes may lie between them
    assert shown_and_used(tmp_path / "a", events, ballots, clocks=clocks)[:2] == (0, 1)
    assert shown_and_used(tmp_path / "b", events, [ballots[0] | {"at": at(60)}], clocks=clocks)[:2] == (1, 0)
    assert shown_and_used(tmp_path / "c", events, [ballots[0] | {"clock_id": "C"}], clocks=clocks)[:2] == (1, 0)
    mixed = [clock("B", "assumed"), clock("C")]  # an hour off, it would have come before
    assert shown_and_used(tmp_path / "d", events, [ballots[0] | {"at": at(50)}], clocks=mixed)[:2] == (0, 1)


def test_other_rules_of_credentials_are_told_and_not_counted_here(tmp_path):
    case = tiny(
        tmp_path,
        contest={"revote_policy": "none"},
        credential_events=[
            event("issued", 0),
            event("revoked", 10),
            event("reissued_new", 90, code="c2"),
            event("issued", 70, "v2", "c9"),
        ],
        ballot_events=[ballot(60), ballot(50, "v2", "c9")],
    )
    found = one(case)
    assert {row["check"]: row["broken"] for row in found.details["elsewhere"]} == {"V02": 1, "V04": 1, "V06": 1}
    assert (found.result.statistic, found.verdict) == (0, Verdict.NO_BREACH)
    assert "broken by rows that chapter 00 lists and counts (V02" in wording.sentence(found)


def test_kinds_are_never_lumped_and_roles_and_triggers_stand_apart(tmp_path):
    events = [
        event("issued", 0, role="system", trigger="bulk_issue"),
        event("resent_same", 1, trigger="reminder"),
        event("reissued_new", 2, code="c2"),
        event("destination_changed", 3, code="c2", trigger="contact_change"),
        event("destination_changed", 4, code="c2", trigger="contact_change", role=None),
        event("surfaced", 5, code="c2"),
    ]
    case = tiny(tmp_path, credential_events=events, ballot_events=[ballot(9, code="c2")])
    assert ledger.by_kind(case, "role", "trigger").rows() == [
        ("issued", "system", "bulk_issue", 1, 1),
        ("resent_same", "national_staff", "reminder", 1, 1),
        ("reissued_new", "national_staff", "admin_initiated", 1, 1),
        ("destination_changed", "national_staff", "contact_change", 1, 1),
        ("destination_changed", "unknown", "contact_change", 1, 1),
        ("surfaced", "national_staff", "admin_initiated", 1, 1),
        ("ballot", "self", "unknown", 1, 1),
    ]
    assert one(case).result.n_observations == 2


def test_every_code_has_one_end(tmp_path):
    codes = {
        "a": ["issued", "bounced", "resent_same"],  # came back, and was sent again afterwards
        "b": ["issued", "opened", "bounced"],
        "c": ["issued", "clicked"],
        "d": ["issued", "revoked"],
        "e": ["issued", "revoked", "used"],
        "f": ["login_failed"],
        "g": ["issued", "delivered"],
        "h": ["issued"],
    }
    events = [
        event(what, i, voter=code, code=code, trigger="bulk_issue")
        for code, kinds in codes.items()
        for i, what in enumerate(kinds)
    ]
    events.append(event("reissued_new", 9, "h", "i", replaces_credential_id="h", old_credential_killed=True))
    case = tiny(tmp_path, credential_events=events, ballot_events=[ballot(30, "g", None)])
    assert dict(ledger.fates(case).iter_rows()) == {
        "voted with": 2, "ended": 2, "came back": 1, "opened": 1, "sent": 2, "not sent": 1,
    }  # fmt: skip


def test_a_ballot_without_a_code_goes_to_the_last_one_sent_before_it(tmp_path):
    events = [event("issued", 0), event("reissued_new", 10, code="c2"), event("reissued_new", 40, code="c3")]
    rows = ledger.entries(tiny(tmp_path, credential_events=events, ballot_events=[ballot(30, code=None)]))
    assert rows.filter(kind="ballot")["life"].to_list() == ["c2"]


def test_credential_ids_alone_are_enough(tmp_path):
    events = [event("issued", 0, voter=None), event("surfaced", 1, voter=None), event("used", 2, voter=None)]
    assert shown_and_used(tmp_path, events)[:2] == (1, 0)


@pytest.mark.parametrize("ballots", [[], [ballot(5)]])
def test_neither_code_nor_voter_still_counts_kinds(tmp_path, ballots):
    case = tiny(tmp_path, credential_events=[event("issued", 0, voter=None, code=None)], ballot_events=ballots)
    found = one(case)
    assert isinstance(found.result, NotAnswerable)  # "no breach among 0 codes" would reassure for nothing
    assert found.result.needs == ("credential_events.credential_id|credential_events.voter_key",)
    assert "1 row of the log of codes says neither which code nor whose it was" in wording.sentence(found)
    assert found.details["kinds"][0]["kind"] == "issued"
    table, *_ = exhibits.credential_ledger(case, [found])
    assert "first sent | national staff | admin initiated | 1 | 0" in repr(table)


def test_without_the_log_it_names_it(tmp_path):
    found = one(tiny(tmp_path))
    assert isinstance(found.result, NotAnswerable)
    assert found.result.needs == ("credential_events.event",)


def edit(minutes, voter="v1", field="email"):
    return {"voter_key": voter, "at": at(minutes), "field": field}


def test_a_story_is_told_in_distances_from_the_new_code(tmp_path):
    events = [
        event("reissued_new", 0), event("reissued_new", 9), event("reissued_new", 0, "v2"), event("reissued_new", 0, "v3"),
        event("reissued_new", 0, "v4", trigger="member_request"),
    ]  # fmt: skip
    case = tiny(
        tmp_path,
        credential_events=events,
        contact_changes=[
            edit(-30), edit(-4), edit(-2, field="name"), edit(25), edit(3, field="phone"), edit(-1500, "v2"), edit(-1, "v4"),
        ],
        ballot_events=[ballot(12), ballot(40), ballot(7, "v2"), ballot(5000, "v3")],
    )  # fmt: skip
    assert ledger.timelines(case).rows() == [
        (1, "contact changed", -4.0), (1, "new code", 0.0), (1, "ballot", 12.0), (1, "contact changed again", 25.0),
        (2, "new code", 0.0), (2, "ballot", 7.0),
    ]  # fmt: skip


def test_no_more_strips_than_can_be_read(tmp_path):
    events = [event("reissued_new", 0, f"v{i:02}") for i in range(50)]
    case = tiny(tmp_path, credential_events=events, ballot_events=[ballot(i + 1, f"v{i:02}") for i in range(50)])
    rows = ledger.timelines(case)
    assert rows["case"].n_unique() == ledger.MOST_STRIPS
    assert rows.filter(what="ballot")["minutes"].to_list() == [float(i) for i in range(1, 41)]


def test_nothing_shown_names_a_code_a_member_or_an_hour(tmp_path):
    case = tiny(
        tmp_path,
        credential_events=[
            event("reissued_new", 0, "ab12", "cd34", actor_key="ef56"),
            event("surfaced", 1, "ab12", "cd34", clock_id="C"),
        ],
        ballot_events=[ballot(5, "ab12", "cd34")],
        clocks=[clock("C")],
    )
    found = one(case)
    shown = exhibits.credential_ledger(case, [found])
    everything = wording.sentence(found) + repr(to_dict(found, "")) + "".join(map(repr, shown))
    everything += "".join(figure.svg() + repr(figure.chart.to_dict()) for figure in shown if hasattr(figure, "svg"))
    assert not re.search("ab12|cd34|ef56|10:05", everything)
    assert "same code sent again" not in everything
    assert "shown to staff" in everything


@pytest.mark.parametrize("name", ["made_up_vale", "made_up_vale_clean"])
def test_no_code_of_the_examples_was_shown(name):
    found = one(open_case(name))
    assert (found.verdict, found.result.statistic) == (Verdict.NO_BREACH, 0)
    assert sum(row["n"] for row in found.details["fates"]) == found.result.n_observations


def test_the_order_of_rows_changes_nothing(tmp_path):
    events = [SHOWN, event("issued", -9), event("reissued_new", 4, code="c2"), event("surfaced", 5, "v2", "c5", trigger=None)]
    ballots = [ballot(6), ballot(20, "v2", "c5")]
    ways = [
        tiny(tmp_path / "a", credential_events=events, ballot_events=ballots),
        tiny(tmp_path / "b", credential_events=events[::-1], ballot_events=ballots[::-1]),
    ]
    assert len({repr(to_dict(one(case), "")) for case in ways}) == 1
