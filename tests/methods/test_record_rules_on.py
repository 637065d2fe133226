"""The row rules from V06 on: fresh codes, changed addresses, permissions, ballots and casts one to one."""

import random
import re
from datetime import timedelta

import pytest
from cases import one, row, tiny
from rule_cases import CLOCK, HOUR, MINUTE, PARTLY, START, cast, code, counts, held, told
from tiny_package import example_row, write

from analysis_lib import exhibits, simulate, wording
from analysis_lib.case import open_case
from analysis_lib.methods.record_rules import MOST_LISTED, RULES, record_rules
from analysis_lib.results import NotAnswerable, Verdict


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
    ("purpose", "resolution", "found"),
    [("platform_upload", "s", (1, 1, 0)), ("marked_register", "s", (1, 0, 1)), ("platform_upload", "day", (None, 0, 0))],
)
def test_v07_registers_and_clocks_of_days_make_no_breach(tmp_path, purpose, resolution, found):
    clocks = [
        {
            "clock_id": "D",
            "tz_used": "UTC",
            "tz_basis": "stated_offset",
            "resolution": resolution,
            "write_semantics": "event_time",
        }
    ]
    changes = [{"voter_key": KEY, "field": "email", "at": START, "clock_id": "D", "new_key": NEW}]
    copies = [{"snapshot_id": "L2", "taken_at": START + HOUR, "purpose": purpose}]
    roll = [{"snapshot_id": "L2", "voter_key": KEY, "eligible": True, "email_key": OLD}]
    tables = {"contact_changes": changes, "roll_snapshots": copies, "roll": roll, "ballot_events": [cast(KEY)]}
    assert counts(held(tmp_path, clocks=[CLOCK, *clocks], **tables), "V07") == found


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


def test_rows_are_listed_by_source_and_day_and_never_by_key(tmp_path):
    ballots = [cast(f"voter{i // 2}", START + timedelta(seconds=61 * i), number=i + 2) for i in range(140)]
    random.Random(4).shuffle(ballots)
    case = held(tmp_path, contest={"revote_policy": "none"}, ballot_events=ballots)
    finding = one(case, "record_rules")
    rows = told(case)["V05"]["rows"]
    assert (told(case)["V05"]["broken"], len(rows)) == (70, MOST_LISTED)
    assert [line["source_row"] for line in rows] == list(range(3, 103, 2))
    assert {(str(line["day"]), "at" in line) for line in rows} == {("2031-10-20", False)}
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
