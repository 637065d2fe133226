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
    same = "Those in the log are counted under rule V05 of the chapter on the evidence too: the same breach, not a second one."
    assert (same in text) is (verdict is Verdict.BREACH_RECORDED)
    if verdict is Verdict.NO_BREACH and policy != "none":
        assert finding.details["replaced"] == 1
        assert "V05" not in text
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
        # A paper that came in may have been put aside, since the member had voted in the hall.
        ({"hall": [("a", "in_person")], "post": [("a", "postal"), ("b", "postal")]}, [], ONE_EACH, (0, 1)),
        ({"hall": [("a", "in_person")], "proxies": [("a", "proxy")]}, [], ONE_EACH, (0, 1)),
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
        assert "V05" not in wording.sentence(finding)


@pytest.mark.parametrize(
    ("counted", "found"),
    [
        ({"postal": {"valid": 2}}, (1, 0)),  # as many as were ticked
        ({"postal": {"valid": 1, "spoiled": 1}}, (1, 0)),
        ({"postal": {"received": 2, "rejected": 0}}, (1, 0)),
        ({"postal": {"received": 2}}, (0, 1)),  # whether any was rejected is not held
        ({"postal": {"received": 2, "rejected": 1}}, (0, 1)),
        ({"postal": {"valid": 1}}, (0, 1)),
        ({"postal": {"valid": 3}}, (0, 1)),  # the register does not hold all of them
        ({"all": {"valid": 3}}, (0, 1)),
        ({"postal": {"valid": 2}, "online": {"valid": 0}}, (0, 1)),  # it was the online one that did not count
        ({"postal": {"valid": 2}, "online": {"valid": 5}}, (1, 0)),
    ],
)
def test_a_paper_ticked_off_counts_only_if_as_many_were_counted(tmp_path, counted, found):
    results = [
        {"round": 0, "channel": way, "item": f"ballots_{item}", "n": n}
        for way, items in counted.items()
        for item, n in items.items()
    ]
    marked = registers(post=[("a", "postal"), ("b", "postal")])
    finding = asked(tmp_path, ballot_events=ballots(("a", "online")), results=results, **marked)
    assert (finding.details["across_records"], finding.details["aside"]) == found
    assert finding.verdict is (Verdict.BREACH_RECORDED if found[0] else Verdict.UNDETERMINED)
    told = "of which one may have been put aside before the count: how many were counted and rejected in each channel would settle it."
    assert (told in wording.sentence(finding)) is bool(found[1])


def test_one_ballot_too_few_can_have_put_aside_no_more_than_one(tmp_path):
    results = [{"round": 0, "channel": "in_person", "item": "ballots_valid", "n": 2}]
    marked = registers(hall=[(key, "in_person") for key in "abc"])
    finding = asked(tmp_path, ballot_events=ballots(*((key, "online") for key in "abc")), results=results, **marked)
    assert (finding.verdict, finding.details["across_records"], finding.details["aside"]) == (Verdict.BREACH_RECORDED, 2, 1)


def test_fewer_counted_in_the_hall_than_were_ticked(tmp_path):
    results = [{"round": 0, "channel": "in_person", "item": "ballots_valid", "n": 1}]
    marked = registers(hall=[("a", "in_person"), ("b", "in_person")])
    finding = asked(tmp_path, ballot_events=ballots(("a", "online")), results=results, **marked)
    assert (finding.verdict, finding.details["aside"], finding.details["open"]) == (Verdict.UNDETERMINED, 1, 1)


def test_a_ballot_typed_in_is_of_no_channel(tmp_path):
    """A kiosk's ballot that an officer typed in again may be one ballot: rule V05 counts it, and two channels are open."""
    case = held(
        tmp_path, contest=ONE_EACH,
        ballot_events=[cast("a", START, 1), cast("a", START + MINUTE, 2, event="entered_by_officer", channel="officer_entered"), cast("b", START, 3, channel="postal")],
    )  # fmt: skip
    finding = one(case, "double_channel_ballots")
    assert (finding.verdict, finding.details["open"], counts(case, "V05")[1]) == (Verdict.UNDETERMINED, 1, 1)


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


def test_what_is_shown_names_days_and_nobody(tmp_path):
    case = held(
        tmp_path, contest=ONE_EACH | {"secrecy": "secret_linkable"}, ballot_events=ballots(("a" * 32, "online"), ("a" * 32, "in_person"), ("b", "online"))
    )  # fmt: skip
    finding = one(case, "double_channel_ballots")
    tables = exhibits.double_channel_ballots(case, [finding])
    assert list(tables[0].rows) == [
        {"channels": "in person and online", "record": "in the log of ballots", "stand": 1, "open": 0, "replaced": 0}
    ]
    assert list(tables[1].rows) == [{"source": "S1", "day": "2031-10-20", "n": 1}]
    assert "a" * 8 not in "".join(map(repr, tables)) + str(finding.details)
