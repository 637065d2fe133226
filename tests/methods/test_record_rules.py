"""Rules held against every row: each broken once, kept once, undecided where clocks differ, and silent in an innocent contest."""

from datetime import timedelta

import pytest
from cases import one
from rule_cases import CLOCK, HOUR, MINUTE, PARTLY, ROLL, START, cast, code, counts, held, told

from analysis_lib import wording
from analysis_lib.results import Verdict


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
    assert listed("half", ("freeze", "abc")) == (6, 3, 0)
    assert listed("branch", ("freeze", "ab")) == (6, 0, 4)  # a branch's own list says nothing of the other voters


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
        (NOW, NOW | {"channel": "online_kiosk"}, (1, 0, 0)),  # a kiosk's ballot is an online one in the other source
        (NOW, LATER | {"channel": "online_kiosk"}, (1, 1, 0)),
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
