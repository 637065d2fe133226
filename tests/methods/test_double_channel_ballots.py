"""Two ballots of one member in two channels: against a slow second road, against rule V05, across records, and what the rules allow."""

import random

import pytest
from cases import one, tiny
from rule_cases import CLOCK, MINUTE, START, cast, counts, held

from analysis_lib import exhibits, wording
from analysis_lib.results import NotAnswerable, Verdict

ONE_EACH = {"revote_policy": "none"}
REGISTER = {"taken_at": START, "purpose": "marked_register"}


def registers(**marked):
    """Registers by name: who is ticked, with the channel."""
    copies = [REGISTER | {"snapshot_id": name} for name in marked]
    rows = [
        {"snapshot_id": name, "voter_key": key, "eligible": True, "voted_flag": True, "voted_channel": channel}
        for name, ticks in marked.items()
        for key, channel in ticks
    ]
    return {"roll_snapshots": copies, "roll": rows}


def ballots(*given):
    """Ballots as (voter, channel) or (voter, channel, cells), a minute apart, each with an id of its own."""
    return [
        cast(key, START + i * MINUTE, i, channel=channel, ballot_id=f"b{i}", **dict(*more))
        for i, (key, channel, *more) in enumerate(given, 1)
    ]


def asked(folder, contest=ONE_EACH, **tables):
    contest = {"secrecy": "secret_linkable"} | contest  # a ballot's id may stand beside its voter
    return one(held(folder, contest=contest, **tables), "double_channel_ballots")


def told(finding):
    return {
        name: finding.details[name] for name in ("in_log", "across_records", "same_channel", "open", "replaced")
    } | {"n": finding.result.statistic}  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_a_slow_second_road_and_rule_v05(tmp_path, seed):
    """Ballots in no order and with equal times; strokes name the ballot. What is counted is what V05 counts, split in two."""
    rng = random.Random(seed)
    events, struck = [], set()
    for i in range(1, 31):
        at = START + rng.randrange(6) * MINUTE
        key = rng.choice("abcdefghij")
        events.append(cast(key, at, i, channel=rng.choice(["online", "postal", "in_person"]), ballot_id=f"b{i}"))
        if rng.random() < 0.4:
            events.append(events[-1] | {"event": "voided", "source_row": 100 + i, "at": at + MINUTE})
            struck.add(f"b{i}")
    rng.shuffle(events)
    case = held(tmp_path, contest=ONE_EACH | {"secrecy": "secret_linkable"}, ballot_events=events)
    given, standing = {}, {}
    for event in events:
        if event["event"] == "cast":
            given.setdefault(event["voter_key"], []).append(event["channel"])
            if event["ballot_id"] not in struck:
                standing.setdefault(event["voter_key"], []).append(event["channel"])
    two = {key for key, channels in standing.items() if len(set(channels)) > 1}
    # More ballots stand than any one channel holds; otherwise they are told as more than one in the same channel.
    same = {key for key, channels in standing.items() if len(channels) > 1 and key not in two}
    finding = one(case, "double_channel_ballots")
    replaced = {key for key, channels in given.items() if len(set(channels)) > 1 and len(standing.get(key, ())) < 2}
    assert told(finding) == {
        "n": len(two), "in_log": len(two), "across_records": 0, "same_channel": len(same), "open": 0, "replaced": len(replaced),
    }  # fmt: skip
    assert counts(case, "V05")[1] == len(two) + len(same)
    assert finding.result.n_observations == len(given)


@pytest.mark.parametrize(
    ("policy", "events", "verdict", "n_open"),
    [
        ("none", [("a", "online"), ("a", "in_person")], Verdict.BREACH_RECORDED, 0),
        ("none", [("a", "online"), ("b", "in_person")], Verdict.NO_BREACH, 0),
        ("paper_overrides_online", [("a", "online"), ("a", "in_person")], Verdict.UNDETERMINED, 1),
        ("last_counts", [("a", "online"), ("a", "in_person")], Verdict.UNDETERMINED, 1),
        (None, [("a", "online"), ("a", "in_person")], Verdict.UNDETERMINED, 1),
        ("paper_overrides_online", [("a", "online", {"is_current": True}), ("a", "in_person", {"is_current": True})], Verdict.BREACH_RECORDED, 0),
        ("paper_overrides_online", [("a", "online", {"is_current": False}), ("a", "in_person", {"is_current": True})], Verdict.NO_BREACH, 0),
    ],
)  # fmt: skip
def test_what_the_rules_allow_is_told_apart(tmp_path, policy, events, verdict, n_open):
    finding = asked(tmp_path, {"revote_policy": policy} if policy else {}, ballot_events=ballots(*events, ("z", "postal")))
    assert (finding.verdict, finding.details["open"]) == (verdict, n_open)
    text = wording.sentence(finding)
    if policy == "paper_overrides_online" and n_open:
        assert (
            "1 voter has ballots in two channels of which the rules let one replace another, and no record marks which." in text
        )
    if verdict is Verdict.NO_BREACH and policy != "none":
        assert finding.details["replaced"] == 1
        assert "1 voter gave ballots in two channels of which no more than one stands, as the rules ask." in text


def test_a_stroke_without_an_id_may_have_taken_either(tmp_path):
    """Three ballots in two channels and one stroke that names none: two stand, perhaps both in one channel."""
    events = [cast("a", START + i * MINUTE, i, channel=channel) for i, channel in enumerate(["online", "online", "in_person"], 1)]
    case = held(tmp_path, contest=ONE_EACH, ballot_events=[*events, cast("a", START + 9 * MINUTE, 9, event="voided")])
    finding = one(case, "double_channel_ballots")
    assert told(finding) == {"n": 0, "in_log": 0, "across_records": 0, "same_channel": 1, "open": 1, "replaced": 0}
    assert finding.verdict is Verdict.UNDETERMINED
    assert counts(case, "V05")[1] == 1


@pytest.mark.parametrize(
    ("marked", "log", "contest", "found"),
    [
        # The hall's register and the platform's log share no channel: a member in both voted in both.
        ({"hall": [("a", "in_person"), ("b", "in_person")]}, [("a", "online")], ONE_EACH, (1, 0)),
        ({"hall": [("a", "in_person")], "post": [("a", "postal"), ("b", "postal")]}, [], ONE_EACH, (1, 0)),
        ({"hall": [("a", "in_person")], "post": [("a", "postal")]}, [], {}, (0, 1)),  # no rule on record
        ({"hall": [("a", "in_person")], "post": [("a", "postal")]}, [], {"revote_policy": "last_counts"}, (0, 1)),
        # Both registers hold every channel: the later one may correct the earlier.
        ({"one": [("a", "postal"), ("b", "online")], "two": [("a", "online"), ("b", "online")]}, [], ONE_EACH, (0, 1)),
        # The register of everybody repeats what the log says.
        ({"all": [("a", "online"), ("b", "in_person")]}, [("a", "online"), ("b", "in_person")], ONE_EACH, (0, 0)),
        # A tablet in the hall may stand in either record.
        ({"hall": [("a", "in_person")]}, [("a", "online_kiosk")], ONE_EACH, (0, 1)),
        ({"hall": [("a", "online")], "post": [("b", "postal")]}, [("a", "online_kiosk")], ONE_EACH, (0, 0)),
        # How it was recorded is no channel.
        ({"hall": [("a", "officer_entered"), ("b", "in_person")]}, [("a", "online")], ONE_EACH, (0, 0)),
    ],
)
def test_two_records(tmp_path, marked, log, contest, found):
    finding = asked(tmp_path, contest, ballot_events=ballots(*log), **registers(**marked))
    assert (finding.details["across_records"], finding.details["open"]) == found
    assert finding.result.statistic == found[0]
    if found[0]:
        assert "by two separate records" in wording.sentence(finding)


def test_a_struck_ballot_is_no_second_one_in_another_record(tmp_path):
    events = ballots(("a", "online"), ("b", "online"))
    struck = cast("a", START + 9 * MINUTE, 9, event="voided", ballot_id="b1", channel="online")
    finding = asked(tmp_path, ballot_events=[*events, struck], **registers(hall=[("a", "in_person"), ("b", "in_person")]))
    assert finding.details["across_records"] == 1


def test_one_channel_alone_is_no_answer_where_there_was_another(tmp_path):
    window = {"kind": "voting", "basis": "advertised", "opens_at": START, "closes_at": START + 60 * MINUTE}
    windows = [window | {"channel": channel} for channel in ("online", "in_person")]
    finding = asked(tmp_path / "a", ballot_events=ballots(("a", "online")), contest_windows=windows)
    assert isinstance(finding.result, NotAnswerable)
    assert "Voters are held of one channel only (online)." in wording.sentence(finding)
    assert "voted_channel" in finding.result.needs[0]
    alone = asked(tmp_path / "b", ballot_events=ballots(("a", "online")), contest_windows=windows[:1])
    assert alone.verdict is Verdict.NO_BREACH
    third = asked(tmp_path / "c", ballot_events=ballots(("a", "online"), ("b", "postal")), contest_windows=windows)
    assert "Of other channels (in person) it is not held who voted." in wording.sentence(third)


def test_credential_ids_alone_name_what_is_missing(tmp_path):
    events = [cast(None, START, 1, credential_id="c1", link_level="credential_linked")]
    finding = one(tiny(tmp_path, clocks=[CLOCK], ballot_events=events), "double_channel_ballots")
    assert isinstance(finding.result, NotAnswerable)
    assert "ballot_events.voter_key|roll.voted_flag" in finding.result.needs


def test_what_is_shown_names_rows_and_nobody(tmp_path):
    case = held(
        tmp_path, contest=ONE_EACH | {"secrecy": "secret_linkable"}, ballot_events=ballots(("a" * 32, "online"), ("a" * 32, "in_person"), ("b", "online"))
    )  # fmt: skip
    finding = one(case, "double_channel_ballots")
    tables = exhibits.double_channel_ballots(case, [finding])
    assert list(tables[0].rows) == [
        {"channels": "in person and online", "record": "in the log of ballots", "stand": 1, "open": 0, "replaced": 0}
    ]
    assert tables[1].rows[0]["row"] == 2
    assert "a" * 8 not in "".join(map(repr, tables)) + str(finding.details)
