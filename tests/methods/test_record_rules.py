"""Rules held against every row: each broken once, kept once, undecided where clocks differ, and silent in an innocent contest."""

import random
import re
from datetime import timedelta

import pytest
from cases import one, row, tiny, utc
from tiny_package import example_row, write

from analysis_lib import exhibits, simulate, wording
from analysis_lib.case import open_case
from analysis_lib.methods.record_rules import MOST_LISTED, RULES, record_rules
from analysis_lib.results import NotAnswerable, Verdict

START = utc("2031-10-20 12:00")
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
CLOCK = {"clock_id": "P", "tz_used": "UTC", "tz_basis": "stated_offset", "resolution": "s", "write_semantics": "event_time"}
ROLL = {"roll_snapshots": [{"snapshot_id": "L1", "taken_at": START - 24 * HOUR, "purpose": "freeze"}]}


def cast(key=None, at=START, number=1, **cells):
    channel = {"event": "cast", "channel": "online", "at": at, "clock_id": "P", "source_row": number}
    return channel | ({"voter_key": key} if key else {}) | cells


def code(key, event="issued", at=START - HOUR, number=1, **cells):
    return {"voter_key": key, "event": event, "at": at, "clock_id": "P", "source_row": number} | cells


def told(case):
    (finding,) = [one(case, "record_rules")]
    return {rule["check"]: rule for rule in finding.details["rules"]}


def counts(case, check):
    rule = told(case)[check]
    return rule["looked"], rule["broken"], rule["undetermined"]


def held(folder, *, clocks=(CLOCK,), **tables):
    return tiny(folder, clocks=list(clocks), **tables)


def test_v01_a_ballot_of_somebody_not_on_the_roll(tmp_path):
    roll = [{"snapshot_id": "L1", "voter_key": key, "eligible": key != "c"} for key in "abc"]
    tables = ROLL | {"roll": roll, "ballot_events": [cast("a"), cast("x", number=2), cast("c", number=3)]}
    settled = held(tmp_path / "a", contest={"eligibility_tested_at": "freeze"}, **tables)
    assert counts(settled, "V01") == (3, 2, 0)
    assert [line["source_row"] for line in told(settled)["V01"]["rows"]] == [2, 3]
    assert counts(held(tmp_path / "b", contest={"eligibility_tested_at": "cast"}, **tables), "V01") == (3, 1, 1)
    let_in = [{"voter_key": "x", "change": "added", "at": START, "derived_from": "log"}]
    assert counts(held(tmp_path / "c", **tables, roll_changes=let_in), "V01") == (3, 0, 1)
    renamed = [{"voter_key": "b", "change": "key_changed", "other_voter_key": "x", "derived_from": "log"}]
    assert counts(held(tmp_path / "d", **tables, roll_changes=renamed), "V01") == (3, 0, 1)


PARTLY = [{"source_id": "S1", "completeness": "partial_known"}]


def test_v01_lists_that_leave_members_out_break_nothing(tmp_path):
    voters = {"ballot_events": [cast(key, number=i) for i, key in enumerate("abcdef", 1)]}

    def listed(name, *copies, **more):
        rows = [
            {"snapshot_id": f"L{i}", "voter_key": key, "eligible": True} for i, (_, keys) in enumerate(copies) for key in keys
        ]
        taken = [{"snapshot_id": f"L{i}", "taken_at": START + i * HOUR, "purpose": p} for i, (p, _) in enumerate(copies)]
        return counts(held(tmp_path / name, roll=rows, roll_snapshots=taken, **voters, **more), "V01")

    assert listed("candidate", ("given_to_candidate", "ab")) == (None, 0, 0)
    assert listed("register", ("marked_register", "ab")) == (None, 0, 0)
    assert listed("addition", ("platform_upload", "abcde"), ("platform_upload", "f")) == (6, 0, 0)
    assert listed("reload", ("platform_upload", "abcdef"), ("platform_upload", "abcde")) == (6, 0, 1)
    assert listed("after", ("freeze", "abcde"), ("post_poll", "abcdef")) == (6, 0, 1)
    assert listed("gaps", ("freeze", "abcde"), sources=PARTLY) == (6, 0, 1)
    assert listed("missing", ("freeze", "abcde")) == (6, 1, 0)


@pytest.mark.parametrize(("minutes", "found"), [(-1, (1, 1, 0)), (0, (1, 0, 0)), (1, (1, 0, 0))])
def test_v02_cast_before_the_first_issue(tmp_path, minutes, found):
    events = [code("a", at=START), code("a", "reissued_new", START + HOUR)]
    case = held(tmp_path, credential_events=events, ballot_events=[cast("a", START + minutes * MINUTE), cast("n1")])
    assert counts(case, "V02") == found


def test_v02_by_the_credential_where_it_is_named(tmp_path):
    events = [code("a", at=START - HOUR, credential_id="c1"), code("b", at=START + HOUR, credential_id="c2")]
    ballots = [cast(credential_id=c, link_level="credential_linked") for c in ("c1", "c2")]
    case = held(tmp_path, credential_events=events, ballot_events=ballots)
    assert counts(case, "V02") == (2, 1, 0)


@pytest.mark.parametrize(
    ("event", "ballot", "found"),
    [
        ("issued", {}, (1, 1, 0)),
        ("reissued_new", {}, (None, 0, 0)),  # the log began after the first issue
        ("resent_same", {}, (None, 0, 0)),
        ("issued", {"channel": "postal"}, (None, 0, 0)),  # no code is needed
        ("issued", {"event": "entered_by_officer"}, (None, 0, 0)),
    ],
)
def test_v02_only_where_the_log_holds_the_first_issue(tmp_path, event, ballot, found):
    case = held(tmp_path, credential_events=[code("a", event, START + HOUR)], ballot_events=[cast("a", **ballot), cast("n1")])
    assert counts(case, "V02") == found


OTHER = CLOCK | {"clock_id": "M"}


@pytest.mark.parametrize(
    ("other", "minutes", "found"),
    [
        (OTHER, 30, (1, 1, 0)),
        (OTHER | {"offset_sd_s": 600}, 30, (1, 1, 0)),
        (OTHER | {"offset_sd_s": 600}, 19, (1, 0, 1)),
        (OTHER | {"tz_basis": "assumed"}, 30, (1, 0, 1)),
        (OTHER | {"tz_basis": "assumed"}, 66, (1, 1, 0)),
        (OTHER, 4, (1, 0, 1)),
        (OTHER | {"resolution": "hour"}, 30, (1, 1, 0)),
        (CLOCK | {"offset_sd_s": 6000}, 30, (1, 1, 0)),
    ],
)
def test_v02_two_clocks_are_read_in_every_way(tmp_path, other, minutes, found):
    """Issued half an hour after the ballot on another clock: broken only if no reading of it puts them in order."""
    issued = code("a", at=START + minutes * MINUTE) | {"clock_id": other["clock_id"]}
    clocks = [CLOCK, other] if other["clock_id"] == "M" else [other]
    case = held(tmp_path, clocks=clocks, credential_events=[issued], ballot_events=[cast("a")])
    assert counts(case, "V02") == found


def test_v03_is_told_as_the_window_has_it_and_counted_once(tmp_path):
    window = {"channel": "all", "kind": "voting", "basis": "advertised", "opens_at": START - 24 * HOUR, "closes_at": START}
    ballots = [cast("a", START - HOUR), cast("b", START + HOUR)]
    case = held(tmp_path, contest_windows=[window], ballot_events=ballots)
    finding = one(case, "record_rules")
    assert one(case, "ballots_outside_window").verdict is Verdict.BREACH_RECORDED
    assert counts(case, "V03") == (2, 1, 0)
    assert (finding.verdict, finding.result.statistic) == (Verdict.NO_BREACH, 0)
    assert "V03" not in wording.sentence(finding)


@pytest.mark.parametrize(
    ("end", "found"),
    [
        (code("a", "revoked", START - MINUTE, credential_id="c1"), (1, 1, 0)),
        (code("a", "revoked", START + MINUTE, credential_id="c1"), (1, 0, 0)),
        (
            code("a", "resent_same", START - MINUTE, credential_id="c1", replaces_credential_id="c1", old_credential_killed=True),
            (None, 0, 0),
        ),
        (
            code(
                "a", "reissued_new", START - MINUTE, credential_id="c2", replaces_credential_id="c1", old_credential_killed=True
            ),
            (1, 1, 0),
        ),
        (
            code(
                "a", "reissued_new", START - MINUTE, credential_id="c2", replaces_credential_id="c1", old_credential_killed=False
            ),
            (None, 0, 0),
        ),
        (code("a", "reissued_new", START - MINUTE, credential_id="c2", replaces_credential_id="c1"), (None, 0, 0)),
    ],
)
def test_v04_a_dead_credential(tmp_path, end, found):
    ballot = cast(credential_id="c1", link_level="credential_linked")
    assert counts(held(tmp_path, credential_events=[end], ballot_events=[ballot, cast("a")]), "V04") == found


@pytest.mark.parametrize(
    ("resolution", "seconds", "found"),
    [
        ("s", 2, (1, 0, 0)),  # both stamps are cut to a second
        ("s", 3, (1, 1, 0)),
        ("min", 120, (1, 0, 0)),
        ("min", 180, (1, 1, 0)),
    ],
)
@pytest.mark.parametrize("clock", ["P", "M"])
def test_v04_a_ballot_on_its_way_as_the_code_ends(tmp_path, resolution, seconds, found, clock):
    clocks = [CLOCK | {"clock_id": name, "resolution": resolution, "offset_sd_s": 0} for name in "PM"]
    end = code("a", "revoked", START, credential_id="c1") | {"clock_id": clock}
    ballot = cast(at=START + timedelta(seconds=seconds), credential_id="c1", link_level="credential_linked")
    case = held(tmp_path, clocks=clocks, credential_events=[end], ballot_events=[ballot, cast("a")])
    if clock == "M":
        found = (1, 0, 1)  # two clocks may differ by a minute, even where their error is stated
    assert counts(case, "V04") == found


@pytest.mark.parametrize(
    ("policy", "events", "found"),
    [
        ("none", ["cast", "cast"], (1, 1, 0)),
        ("none", ["cast"], (1, 0, 0)),
        ("none", ["cast", "voided", "cast"], (1, 0, 0)),
        ("last_counts", ["cast", "recast"], (1, 0, 1)),
        ("last_counts", ["cast", "superseded", "recast"], (1, 0, 0)),
        (None, ["cast", "cast"], (1, 0, 1)),
    ],
)
def test_v05_one_ballot_of_a_voter_stands(tmp_path, policy, events, found):
    ballots = [cast("a", START + i * MINUTE, event=event) for i, event in enumerate(events)]
    case = held(tmp_path, contest={"revote_policy": policy} if policy else None, ballot_events=ballots)
    assert counts(case, "V05") == found


def test_v05_the_log_may_say_which_is_current(tmp_path):
    for flags, found in (((False, True), (1, 0, 0)), ((True, True), (1, 1, 0)), ((False, False), (1, 0, 0))):
        ballots = [cast("a", START + i * MINUTE, is_current=flag) for i, flag in enumerate(flags)]
        case = held(tmp_path / str(flags), contest={"revote_policy": "last_counts"}, ballot_events=ballots)
        assert counts(case, "V05") == found


TWO_SOURCES = [{"source_id": "S1"}, {"source_id": "S2"}]
NOW, LATER = {"at": START}, {"at": START + HOUR}
ONE, TWO, THREE = ({"ballot_id": f"b{i}"} for i in (1, 2, 3))
UNCLEAR = CLOCK | {"clock_id": "M", "offset_sd_s": 30}


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        (NOW, NOW, (1, 0, 0)),  # the same stamp in two sources is one ballot
        (NOW, LATER, (1, 1, 0)),
        (NOW, NOW | {"channel": "postal"}, (1, 1, 0)),
        (NOW, NOW | {"source_id": "S1"}, (1, 1, 0)),  # twice in one source
        (NOW | ONE, LATER | ONE, (1, 0, 0)),
        (NOW | ONE, NOW | TWO, (1, 1, 0)),
        (NOW, {"at": START + MINUTE, "clock_id": "M"}, (1, 0, 1)),  # within what the other clock may be off
        (NOW, {"at": START + 3 * MINUTE, "clock_id": "M"}, (1, 1, 0)),
        (NOW, {"at": None}, (1, 0, 1)),
        (NOW, LATER | {"event": "imported"}, (1, 0, 1)),  # bears the time of the import
        (NOW | {"is_current": True}, NOW | {"is_current": True}, (1, 0, 0)),
        (NOW | {"is_current": True}, LATER | {"is_current": True}, (1, 1, 0)),
        (NOW | {"is_current": True}, NOW, (1, 0, 0)),
    ],
)
def test_v05_a_ballot_that_stands_in_two_sources_is_one(tmp_path, first, second, found):
    ballots = [cast("a", **first), cast("a", number=2, **{"source_id": "S2"} | second)]
    contest = {"revote_policy": "none", "secrecy": "open"}
    case = held(tmp_path, clocks=[CLOCK, UNCLEAR], sources=TWO_SOURCES, contest=contest, ballot_events=ballots)
    assert counts(case, "V05") == found


@pytest.mark.parametrize(
    ("ballots", "struck", "found"),
    [
        ((ONE, TWO), (ONE,), (1, 0, 0)),
        ((ONE, TWO, THREE), (ONE,), (1, 1, 0)),  # both strokes hit the same ballot, and two are left
        ((ONE, TWO, THREE), (ONE, TWO), (1, 0, 0)),
        (({}, {}, {}), ({},), (1, 0, 1)),  # they may have hit one ballot or two
        (({}, {}, {}, {}), ({},), (1, 1, 0)),
        ((ONE, TWO, THREE), ({},), (1, 0, 1)),
    ],
)
def test_v05_a_ballot_both_superseded_and_excluded_is_struck_once(tmp_path, ballots, struck, found):
    rows = [cast("a", START + i * MINUTE, number=i, **cells) for i, cells in enumerate(ballots, 1)]
    for event in ("superseded", "excluded_from_count"):
        rows += [cast("a", START + HOUR, number=len(rows) + 1, **cells) | {"event": event} for cells in struck]
    case = held(tmp_path, contest={"revote_policy": "none", "secrecy": "open"}, ballot_events=rows)
    assert counts(case, "V05") == found


@pytest.mark.parametrize(
    ("policy", "cells", "found"),
    [
        ("none", {}, (1, 0, 1)),  # the log doesn't say whether it was asked for
        ("none", {"trigger": "admin_initiated"}, (1, 1, 0)),
        ("none", {"trigger": "bounce_fix"}, (1, 0, 1)),
        ("none", {"trigger": "member_request"}, (1, 0, 0)),
        ("none", {"request_at": START}, (1, 0, 0)),
        (None, {}, (1, 0, 1)),
        ("last_counts", {}, (None, 0, 0)),
    ],
)
def test_v06_a_fresh_code_for_somebody_who_has_voted(tmp_path, policy, cells, found):
    contest = {"revote_policy": policy} if policy else None
    case = held(
        tmp_path, contest=contest, ballot_events=[cast("a")], credential_events=[code("a", "reissued_new", START + HOUR, **cells)]
    )
    assert counts(case, "V06") == found


def test_v06_a_ballot_that_was_taken_out_leaves_it_open(tmp_path):
    ballots = [cast("a"), cast("a", START + MINUTE, event="voided")]
    again = code("a", "reissued_new", START + HOUR, trigger="admin_initiated")
    case = held(tmp_path, contest={"revote_policy": "none"}, ballot_events=ballots, credential_events=[again])
    assert counts(case, "V06") == (1, 0, 1)


KEY, NEW, OLD = "a" * 32, "b" * 32, "c" * 32


@pytest.mark.parametrize(
    ("changes", "on_copy", "found"),
    [
        ([{"new_key": NEW}], NEW, (1, 0, 0)),
        ([{"new_key": NEW}], OLD, (1, 1, 0)),
        ([{"new_key": NEW, "system": "voting_platform"}], OLD, (1, 0, 1)),
        ([{"new_key": OLD}, {"new_key": NEW, "at": START + MINUTE}], NEW, (1, 0, 0)),
        ([{"new_key": NEW}, {"new_key": OLD}], NEW, (1, 0, 0)),  # at one second: either may have been the last
        ([{"new_missing": True}], OLD, (1, 1, 0)),
        ([{"new_key": NEW}], None, (None, 0, 0)),
        ([{"new_key": NEW, "at": START + 50 * HOUR}], OLD, (None, 0, 0)),
    ],
)
def test_v07_a_changed_address_on_the_next_copy(tmp_path, changes, on_copy, found):
    start = {"voter_key": KEY, "field": "email", "at": START, "clock_id": "P"}
    copies = [{"snapshot_id": "L2", "taken_at": START + 24 * HOUR, "purpose": "platform_upload"}]
    roll = [{"snapshot_id": "L2", "voter_key": KEY, "eligible": True, "email_key": on_copy}]
    # One rule that can be asked, so that the question has an answer.
    case = held(
        tmp_path, contact_changes=[start | c for c in changes], roll_snapshots=copies, roll=roll, ballot_events=[cast(KEY)]
    )
    assert counts(case, "V07") == found


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"voter_key": "a"}, (1, 0, 0)),
        ({"voter_key": "a", "new_key": NEW}, (1, 0, 0)),
        ({"voter_key": "a", "new_key": OLD}, (1, 0, 1)),
        ({"voter_key": "a", "at": START + HOUR}, (1, 1, 0)),
        ({"voter_key": "b"}, (1, 1, 0)),
        ({"voter_key": "a", "at": None, "at_lo": START - HOUR, "at_hi": START + HOUR}, (1, 0, 1)),
    ],
)
def test_v08_a_code_sent_elsewhere_without_a_change_of_contact(tmp_path, change, found):
    start = {"field": "email", "at": START - HOUR, "clock_id": "P"}
    moved = code("a", "destination_changed", START, destination_key=NEW)
    assert counts(held(tmp_path, credential_events=[moved], contact_changes=[start | change]), "V08") == found


def test_v02_and_v08_of_logs_with_gaps_are_undetermined(tmp_path):
    codes = [code("a", at=START + HOUR), code("a", "destination_changed", START)]
    change = {"voter_key": "b", "field": "email", "at": START, "clock_id": "P"}
    case = held(tmp_path, sources=PARTLY, credential_events=codes, ballot_events=[cast("a")], contact_changes=[change])
    assert counts(case, "V02") == counts(case, "V08") == (1, 0, 1)


def act(actor, minutes, action="voter_edited", **cells):
    return {
        "actor_key": actor,
        "actor_role": "local_officer",
        "action": action,
        "at": START + minutes * MINUTE,
        "clock_id": "P",
    } | cells


def permit(target, minutes, permission):
    return act("b1", minutes, "permission_changed", target_key=target, permission=permission)


@pytest.mark.parametrize(
    ("actions", "found"),
    [
        ([permit("o", 0, "granted"), act("o", 5)], (1, 0, 0)),
        ([permit("o", 0, "granted"), act("o", -5)], (1, 0, 1)),  # there may have been another permission before
        ([permit("o", 0, "granted"), permit("o", 1, "granted"), permit("o", 2, "withdrawn"), act("o", 5)], (1, 0, 1)),
        ([permit("o", 0, "granted"), permit("o", 2, "withdrawn"), act("o", 5)], (1, 1, 0)),
        ([permit("o", 0, "withdrawn"), act("o", 5)], (1, 1, 0)),
        ([permit("o", 0, "withdrawn"), act("o", -5)], (1, 0, 0)),
        ([permit("o", 0, "withdrawn"), permit("o", 3, "granted"), act("o", 5)], (1, 0, 0)),
        ([permit("o", 0, "withdrawn"), act("o", 5, disposition="failure")], (None, 0, 0)),
        ([permit("o", 0, "withdrawn"), act("p", 5)], (None, 0, 0)),
        ([act("o", 5)], (None, 0, 0)),
    ],
)
def test_v09_an_act_without_permission(tmp_path, actions, found):
    assert counts(held(tmp_path, admin_actions=actions, ballot_events=[cast("a")]), "V09") == found


def ballot(number, **cells):
    return {"ballot_id": f"b{number}", "rank": 1, "source_row": number} | cells


def test_v10_ballots_and_casts_one_to_one(tmp_path):
    events = [cast(ballot_id=f"b{i}", link_level="ballot_only", number=i) for i in (1, 2, 2, 3)]
    stood = {"candidates": [{"candidate_id": "A", "display_name": "A"}]}
    papers = [ballot(i, candidate_id="A") for i in (1, 2, 4, 5)]
    case = held(tmp_path / "a", **stood, ballot_events=events, ballot_choices=papers)
    assert counts(case, "V10") == (8, 4, 0)  # b2 twice, b4 and b5 never cast, b3 without a ballot
    assert counts(held(tmp_path / "b", ballot_events=events), "V10") == (4, 1, 0)


@pytest.mark.parametrize("undone", [{"event": "superseded"}, {"event": "rejected"}, {"event": "cast", "is_current": False}])
def test_v10_a_ballot_replaced_or_taken_out_need_not_be_in_the_file(tmp_path, undone):
    events = [cast(ballot_id="b1", link_level="ballot_only"), cast(ballot_id="b2", link_level="ballot_only")]
    if "is_current" in undone:
        events[0] |= undone
    else:
        events.append(cast(ballot_id="b1", link_level="ballot_only") | undone)
    assert counts(held(tmp_path, ballot_events=events, ballot_choices=[ballot(2)]), "V10") == (3, 0, 0)


def test_v10_papers_of_a_channel_without_a_log_and_files_with_gaps(tmp_path):
    events = [cast(ballot_id="b1", link_level="ballot_only")]
    papers = [ballot(1, channel="online"), ballot(2, channel="postal"), ballot(3, channel="online")]
    assert counts(held(tmp_path / "a", ballot_events=events, ballot_choices=papers), "V10") == (4, 1, 0)
    assert counts(held(tmp_path / "b", sources=PARTLY, ballot_events=events, ballot_choices=papers), "V10") == (4, 0, 1)


def test_v11_faults_of_keys_are_told_and_not_counted_here(tmp_path):
    twice = [example_row("roll", voter_key=key) for key in ("v1", "v1", "v2")]
    ballots = [example_row("ballot_events", voter_key="v2", event_id="E1")]
    write(tmp_path, {"roll": twice, "ballot_events": ballots}, only=("sources", "contests", "roll_snapshots", "clocks"))
    rule = told(open_case(tmp_path))["V11"]
    assert (rule["broken"], rule["counted_elsewhere"]) == (2, True)
    assert {line["source_id"] for line in rule["rows"]} == {"data/roll.csv"}


def test_a_statement_about_a_rule_is_named_as_its_cause(tmp_path):
    said = {"kind": "denial", "said_by": "The platform", "statement": "Old links stay alive for a day.", "about_check": "V05"}
    ballots = [cast("a"), cast("a", START + HOUR)]
    case = held(tmp_path, contest={"revote_policy": "none"}, ballot_events=ballots, statements=[said])
    assert told(case)["V05"]["cause"] == "as stated by The platform"


def test_rows_are_listed_by_source_and_minute_and_never_by_key(tmp_path):
    ballots = [cast(f"voter{i // 2}", START + timedelta(seconds=61 * i), number=i + 2) for i in range(140)]
    random.Random(4).shuffle(ballots)
    case = held(tmp_path, contest={"revote_policy": "none"}, ballot_events=ballots)
    finding = one(case, "record_rules")
    rows = told(case)["V05"]["rows"]
    assert (told(case)["V05"]["broken"], len(rows)) == (70, MOST_LISTED)
    assert [line["source_row"] for line in rows] == list(range(3, 103, 2))
    assert {line["at"].second for line in rows} == {0}
    shown = repr(finding.result) + repr(exhibits.record_rules(case, [finding])) + wording.sentence(finding)
    assert not re.search(r"voter\d", shown)


def test_every_rule_has_its_number_and_its_innocent_cause():
    assert [rule.check for rule in RULES] == [f"V{number:02d}" for number in range(1, 12)]
    assert all(rule.cause and rule.name for rule in RULES)


def test_without_a_row_to_hold_a_rule_against_it_cannot_be_answered(tmp_path):
    assert isinstance(one(tiny(tmp_path / "a"), "record_rules").result, NotAnswerable)
    lonely = tiny(tmp_path / "b", contact_changes=[{"voter_key": "a", "field": "email", "new_key": NEW}])
    assert isinstance(one(lonely, "record_rules").result, NotAnswerable)
    assert all(looked.looked is None for rule, looked in record_rules(lonely) if rule.check not in ("V11",))


@pytest.mark.parametrize("seed", [3, 11, 29])
def test_an_innocent_contest_breaks_no_rule(tmp_path, seed):
    simulate.write_package(simulate.selection(seed), tmp_path, name="innocent", title="Innocent", description="Made up.")
    finding = one(open_case(tmp_path), "record_rules")
    assert (finding.verdict, finding.result.statistic) == (Verdict.NO_BREACH, 0)
    assert finding.result.n_observations > 500


def test_the_order_of_rows_changes_nothing(tmp_path):
    ballots = [cast(key, START + i * MINUTE, number=i) for i, key in enumerate("aabbc", 1)]
    rows = [row("ballot_events", number, **cells) for number, cells in enumerate(ballots, 1)]
    found = []
    for seed in (1, 2):
        random.Random(seed).shuffle(rows)
        tables = {
            "ballot_events": rows,
            "clocks": [row("clocks", **CLOCK)],
            "contests": [row("contests", contest_id="vale_2031", revote_policy="none")],
        }
        found.append(told(open_case(write(tmp_path / str(seed), tables, only=("sources",)))))
    assert found[0] == found[1]
    assert found[0]["V05"]["broken"] == 2
