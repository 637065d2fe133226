"""Which keys the numbered cases have: they join the charts, they are the right ones, and no table joins a member and a choice."""

import json
import re
from datetime import datetime
from itertools import groupby
from pathlib import Path

import nbformat
import pytest
from cases import answered, tiny
from findings import rows
from rule_cases import CLOCK, HOUR, MINUTE, START, cast, code
from tiny_package import write

from analysis_lib import exhibits, locations
from analysis_lib.case import open_case
from analysis_lib.exhibits import cases_by_key as module
from analysis_lib.exhibits.cases_by_key import BY_KEY, KEYS, SIGNS, cases_by_key
from analysis_lib.methods.registry import REGISTRY
from analysis_lib.reports.cells import EXHIBIT

DAY = 24 * HOUR
HOSTILE, BRANCH = "<img/src=x/onerror=alert(1)>", "<script>Vale</script>"


@pytest.fixture(scope="module")
def hill():
    return open_case("made_up_hill")


@pytest.fixture(scope="module")
def truth():
    return json.loads((locations.EXAMPLES / "made_up_hill" / "truth.json").read_text(encoding="utf-8"))["planted"]


def signs(keys):
    return {key[:SIGNS] for key in keys}


def minutes(row, start, end):
    first, last = (datetime.strptime(row[name][:19], "%Y-%m-%d %H:%M:%S") for name in (start, end))  # noqa: DTZ007 (one zone)
    return (last - first).total_seconds() / 60


@pytest.mark.parametrize("noun", ["edit_reissue_ballot_chains", "credential_ledger"])
def test_a_case_has_the_number_that_its_strip_has(hill, noun):
    (chart,) = [item for item in getattr(exhibits, noun)(hill, answered(hill, noun)) if hasattr(item, "spec")]
    drawn = {(row["case"], row["what"]): row["minutes"] for layer in rows(chart) for row in layer if "what" in row}
    (table,) = cases_by_key(hill, noun)
    steps = {"contact changed": "changed_at", "ballot": "voted_at", "contact changed again": "back_at"}
    told = {
        (row["case"], what): minutes(row, "reissued_at", column)
        for row in table.rows for what, column in steps.items() if row[column]
    }  # fmt: skip
    assert len(told) > 60
    assert told == pytest.approx({case: n for case, n in drawn.items() if case[1] in steps}, abs=0.02)  # charts round to 0.001


def test_the_chains_are_those_that_were_planted(hill, truth):
    (table,) = cases_by_key(hill, "edit_reissue_ballot_chains")
    assert {row["voter_key"] for row in table.rows} == signs(truth["reissue_chain"]["voter_keys"])
    assert {row["reissued_by"] for row in table.rows} == {"local officer, administrator 01"}


def test_the_addresses_are_numbered_as_in_the_table_above(hill, truth):
    (table,) = cases_by_key(hill, "shared_destinations")
    (finding,) = answered(hill, "shared_destinations")
    groups = [list(group) for _, group in groupby(table.rows, key=lambda row: row["address"])]
    counted = [(len(group), sum(row["what"] == "set anew" for row in group)) for group in groups]
    assert counted == [(row["n_members"], row["n_new"]) for row in finding.details["joined"]]
    assert {row["voter_key"] for row in groups[0]} == signs(truth["one_mailbox"]["voter_keys"])


def test_an_administrators_number_is_that_of_the_other_tables(hill):
    (table,) = cases_by_key(hill, "reissue_rates")
    acts = [
        key
        for log in ("credential_events", "contact_changes", "admin_actions")
        for key in hill.rows(log)["actor_key"].drop_nulls()
    ]
    most = max(set(acts), key=acts.count)
    assert (table.rows[0]["administrator"], table.rows[0]["actor_key"]) == ("administrator 01", most[:SIGNS])
    assert table.rows[0]["n"] == acts.count(most)


def test_small_branches_stand_by_themselves_and_a_hostile_key_cannot_run(tmp_path):
    roll = [
        {"snapshot_id": "F", "voter_key": key, "eligible": key == "v1", "unit": unit}
        for key, unit in (("v1", "Large"), (HOSTILE, BRANCH))
    ]
    case = tiny(
        tmp_path, clocks=[CLOCK], contest={"eligibility_tested_at": "freeze"}, roll=roll,
        roll_snapshots=[{"snapshot_id": "F", "taken_at": START - 9 * DAY, "purpose": "freeze"}],
        ballot_events=[cast("v1"), cast(HOSTILE, START + MINUTE, 2)],
    )  # fmt: skip
    (table,) = cases_by_key(case, "eligibility_breaches")
    (row,) = table.rows
    (finding,) = answered(case, "eligibility_breaches")
    assert finding.result.statistic == 1
    assert (row["voter_key"], row["unit"], row["voted_at"]) == (HOSTILE[:SIGNS], BRANCH, "2031-10-20 13:01:00 BST")
    page = table._repr_html_()
    assert "<img" not in page
    assert "<script" not in page
    assert "&lt;img/src" in page


def test_ballots_in_two_channels_are_listed_by_member(tmp_path):
    events = [cast("v1"), cast("v1", START + MINUTE, 2, channel="in_person"), cast("v2", START, 3)]
    case = tiny(tmp_path, clocks=[CLOCK], contest={"revote_policy": "none"}, ballot_events=events)
    (table,) = cases_by_key(case, "double_channel_ballots")
    assert [(row["case"], row["voter_key"], row["channel"]) for row in table.rows] == [
        (1, "v1", "online"),
        (1, "v1", "in person"),
    ]


def test_rows_that_break_a_rule_have_their_member_unless_a_place_holds_several(tmp_path):
    unasked = {"trigger": "bulk_issue", "event": "reissued_new"}  # V06: sent to who has voted
    codes = [
        code("v1", at=START + HOUR, number=5, **unasked),
        code("v2", at=START + HOUR, number=6, **unasked),
        code("v3", at=START + HOUR, number=6, **unasked),
    ]
    ballots = [cast(key, START, i) for i, key in enumerate(("v1", "v2", "v3"), 1)]
    case = tiny(tmp_path, clocks=[CLOCK], contest={"revote_policy": "none"}, ballot_events=ballots, credential_events=codes)
    (table,) = cases_by_key(case, "record_rules")
    found = [(row["source_row"], row["voter_key"]) for row in table.rows if row["check"] == "V06"]
    assert found == [(5, "v1"), (6, None), (6, None)]


def test_late_changes_shown_codes_and_denials_are_listed(tmp_path):
    window = {
        "window_id": "W",
        "channel": "all",
        "kind": "roll_edits",
        "basis": "advertised",
        "opens_at": START - DAY,
        "closes_at": START,
    }
    edit = {
        "field": "email",
        "clock_id": "P",
        "derived_from": "log",
        "actor_role": "local_officer",
        "new_key": "k1",
        "request_evidence": "none_found",
    }
    shown = {"credential_id": "c1", "trigger": "admin_initiated", "actor_role": "national_staff"}
    case = tiny(
        tmp_path, clocks=[CLOCK], contest_windows=[window],
        contact_changes=[
            edit | {"voter_key": "v1", "at": START + HOUR},
            edit | {"voter_key": "v2", "at": START - HOUR},
            edit | {"voter_key": "v3", "at": START + HOUR, "request_evidence": "member_request_logged"},
        ],
        credential_events=[code("v6", "surfaced", START + HOUR, **shown)],
        ballot_events=[cast("v6", START + HOUR + MINUTE)],
        vote_applications=[{"voter_key": key, "at": START, "submitted_via": "web_form"} for key in ("v4", "v5")],
        confirmations=[{"voter_key": key, "says_applied": says} for key, says in (("v4", "no"), ("v5", "yes"))],
    )  # fmt: skip
    for noun, key in (("edits_outside_window", "v1"), ("credential_ledger", "v6"), ("application_denials", "v4")):
        (table,) = cases_by_key(case, noun)
        assert [row["voter_key"] for row in table.rows] == [key], noun
        assert [finding.result.statistic for finding in answered(case, noun) if finding.grade == "breach"] in ([], [1]), noun
    assert cases_by_key(case, "credential_ledger")[0].rows[0]["credential_id"] == "c1"


def test_members_on_one_list_alone_are_listed(tmp_path):
    copies = [
        {"snapshot_id": f"L_{name}", "taken_at": START, "purpose": "given_to_candidate", "candidate_id": name}
        for name in ("ash", "birch")
    ]
    roll = [
        {"snapshot_id": f"L_{name}", "voter_key": key, "eligible": True}
        for name, keys in (("ash", ("v1", "v2")), ("birch", ("v1",)))
        for key in keys
    ]
    people = [{"candidate_id": name, "display_name": name.title()} for name in ("ash", "birch")]
    case = tiny(tmp_path, candidates=people, roll_snapshots=copies, roll=roll)
    (table,) = cases_by_key(case, "list_asymmetry")
    assert [(row["voter_key"], row["lists"], row["what"]) for row in table.rows] == [
        ("v2", "Ash, Birch", "on the list of Ash alone")
    ]


@pytest.mark.parametrize("noun", BY_KEY)
def test_little_or_nothing_held_is_no_fault(tmp_path, noun):
    bare, whole = tiny(tmp_path / "bare"), open_case(write(tmp_path / "whole"))
    assert cases_by_key(bare, noun) == []
    held = {
        str(key)[:SIGNS]
        for name in whole.package.tables
        for column in whole.rows(name)
        if column.name.endswith(("_key", "credential_id"))
        for key in column
    }
    for table in cases_by_key(whole, noun):
        assert {row[name] for row in table.rows for name in KEYS if row.get(name)} <= held


def test_no_table_takes_anything_from_choices_or_ballot_papers():
    """That a member voted at a time may stand in the restricted edition; what was chosen never beside it."""
    source = Path(module.__file__).read_text(encoding="utf-8")
    assert not re.search(r"ballot_choices|ballot_id|candidate_id|\brank\b|cast_bin|results\b", source.partition('"""\n\nfrom')[2])


def test_every_question_with_cases_is_shown_by_a_cell_of_its_chapter():
    for noun in BY_KEY:
        notebook = nbformat.read(locations.NOTEBOOKS / f"{REGISTRY[noun].chapter}.ipynb", as_version=4)
        assert sum(EXHIBIT.findall(cell.source).count(noun) for cell in notebook.cells if cell.cell_type == "code") == 1, noun
