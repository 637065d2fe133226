"""Entitled or not, under each reading of the rule and in both directions; against a slow second road, and what must never be called a breach."""

import random
from datetime import timedelta

import pytest
from cases import one, row, tiny
from figures import published
from rule_cases import CLOCK, HOUR, MINUTE, START, cast, counts

from analysis_lib import exhibits, wording
from analysis_lib.results import NotAnswerable, Verdict

DAY = timedelta(days=1)
COMPLETE = [row("sources", source_id="S1", completeness="complete")]
COPIES = {"freeze": -9, "platform_upload": -2, "post_poll": 3}


def roll(**copies):
    """Copies by purpose: letters of those on it, capital if not entitled."""
    held = [{"snapshot_id": p, "taken_at": START + COPIES[p] * DAY, "purpose": p} for p in copies]
    rows = [
        {"snapshot_id": purpose, "voter_key": key.lower(), "eligible": key.islower()} | ({"ineligible_reason": "arrears"} if key.isupper() else {})
        for purpose, keys in copies.items() for key in keys
    ]  # fmt: skip
    return {"roll_snapshots": held, "roll": rows}


def change(key, what, at, **cells):
    return {"voter_key": key, "change": what, "at": at, "clock_id": "P", "derived_from": "log"} | cells


def voted(keys):
    return {"ballot_events": [cast(key, START + i * MINUTE, i) for i, key in enumerate(keys, 1)]}


def case_of(folder, tested_at=None, contest=None, **tables):
    contest = (contest or {}) | ({"eligibility_tested_at": tested_at} if tested_at else {}) | {"revote_policy": "none"}
    people = [{"candidate_id": name} for name in "AB"] if "results" in tables else []
    return tiny(folder, clocks=[CLOCK], sources=COMPLETE, contest=contest, candidates=people, **tables)


def asked(*args, **tables):
    return one(case_of(*args, **tables), "eligibility_breaches")


def numbers(finding):
    return {row["reading"]: (row["barred"], row["open"]) for row in finding.details["by_reading"]}


@pytest.mark.parametrize("seed", range(6))
def test_a_slow_second_road(tmp_path, seed):
    rng = random.Random(seed)
    people = [f"m{i}" for i in range(40)]
    entitled = {key: rng.random() < 0.8 for key in people}
    on_roll = [key for key in people if rng.random() < 0.9]
    rng.shuffle(on_roll)
    rows = [{"snapshot_id": "F", "voter_key": key, "eligible": entitled[key]} for key in on_roll]
    voters = [rng.choice(people) for _ in range(30)]
    case = case_of(
        tmp_path, "freeze", roll=rows, roll_snapshots=[{"snapshot_id": "F", "taken_at": START - DAY, "purpose": "freeze"}],
        **voted(dict.fromkeys(voters)),
    )  # fmt: skip
    slow = sum(key not in on_roll or not entitled[key] for key in set(voters))
    finding = one(case, "eligibility_breaches")
    assert (finding.result.statistic, finding.details["barred"], finding.details["open"]) == (slow, slow, 0)
    assert counts(case, "V01")[1] == slow  # the same facts as rule V01, where there is one copy and one ballot each
    assert numbers(finding) == {"freeze": (slow, 0), "issue": (slow, 0)}


@pytest.mark.parametrize(
    ("tested_at", "verdict", "statistic"),
    [
        ("freeze", Verdict.UNDETERMINED, 0),  # of b the list loaded later says otherwise
        ("issue", Verdict.NO_BREACH, 0),
        ("count", Verdict.BREACH_RECORDED, 1),  # c
        (None, Verdict.UNDETERMINED, 0),
        ("unknown", Verdict.UNDETERMINED, 0),
    ],
)
def test_each_reading_of_the_rule_counts_its_own(tmp_path, tested_at, verdict, statistic):
    tables = roll(freeze="aBcd", platform_upload="abcd", post_poll="abCd") | voted("abc")
    finding = asked(tmp_path, tested_at, **tables)
    assert (finding.verdict, finding.result.statistic) == (verdict, statistic)
    assert numbers(finding) == {"freeze": (1, 0), "issue": (0, 0), "count": (1, 0)}
    assert finding.details["disputed"] == (tested_at == "freeze")
    if not tested_at:
        assert finding.details["open"] == 2
        assert "1 was entitled under every reading of the rule, and of 2 it is open." in wording.sentence(finding)


@pytest.mark.parametrize(
    ("loaded", "frozen", "is_barred"),
    [
        ([(-2, True)], {}, False),
        ([(-2, False)], {}, True),
        ([(-5, True), (-2, False)], {}, True),  # the last one decides
        ([(-5, False), (-2, True)], {}, False),
        ([(2, True)], {}, True),  # loaded after the ballot
        ([(-12, True)], {}, True),  # loaded before the freeze
        ([(-2, True)], {"joined_on": (START - 8 * DAY).date()}, True),  # joined after the freeze
        ([(-2, True)], {"ineligible_reason": "joined_after_freeze"}, True),
    ],
)
def test_not_entitled_at_the_freeze_and_entitled_on_a_list_loaded_later(tmp_path, loaded, frozen, is_barred):
    """A fee booked late looks like a fee paid late: the two lists leave it open, unless a second record agrees with the first."""
    copies = [{"snapshot_id": "F", "taken_at": START - 9 * DAY, "purpose": "freeze"}]
    copies += [{"snapshot_id": f"U{d}", "taken_at": START + d * DAY, "purpose": "platform_upload"} for d, _ in loaded]
    rows = [{"snapshot_id": copy["snapshot_id"], "voter_key": "a", "eligible": True} for copy in copies]
    rows.append({"snapshot_id": "F", "voter_key": "b", "eligible": False, "ineligible_reason": "arrears"} | frozen)
    rows += [{"snapshot_id": f"U{d}", "voter_key": "b", "eligible": entitled} for d, entitled in loaded]
    contest = {"freeze_at": START - 9 * DAY}
    finding = asked(tmp_path, "freeze", contest, roll_snapshots=copies, roll=rows, **voted("ab"))
    assert (finding.result.statistic, finding.details["disputed"]) == (int(is_barred), int(not is_barred))
    assert finding.verdict is (Verdict.BREACH_RECORDED if is_barred else Verdict.UNDETERMINED)
    text = wording.sentence(finding)
    told = "1 voter is not entitled by the list made at the freeze and entitled by one loaded later, before the ballot"
    assert (told in text) is not is_barred
    assert ("What rule V01 of the chapter on the evidence also counts is the same breach, not a second one." in text) is is_barred


@pytest.mark.parametrize(
    ("loaded", "found"),
    [
        ([(-2, "ab"), (1, "aB")], (0, 0)),  # lapsed after voting
        ([(-2, "aB"), (1, "aB")], (1, 0)),
        ([(-2, "aB"), (1, "ab")], (0, 0)),  # the last copy, whose day may be that of its export
        ([(-4, "ab"), (-2, "aB")], (1, 0)),
        ([(-4, "abcd"), (-2, "acd"), (1, "acd")], (0, 1)),  # off the list before the ballot: not told why
        ([(-4, "abcd"), (1, "acd")], (0, 0)),
    ],
)
def test_a_list_loaded_again_during_the_vote(tmp_path, loaded, found):
    copies = [{"snapshot_id": f"U{d}", "taken_at": START + d * DAY, "purpose": "platform_upload"} for d, _ in loaded]
    rows = [{"snapshot_id": f"U{d}", "voter_key": key.lower(), "eligible": key.islower()} for d, keys in loaded for key in keys]
    finding = asked(tmp_path, "issue", roll_snapshots=copies, roll=rows, **voted("ab"))
    assert numbers(finding)["issue"] == found


def test_a_second_list_of_the_freeze_may_be_an_addition(tmp_path):
    copies = [{"snapshot_id": f"F{d}", "taken_at": START + d * DAY, "purpose": "freeze"} for d in (-9, -4)]
    rows = [{"snapshot_id": "F-9", "voter_key": key, "eligible": key != "b"} for key in "abcde"]
    rows.append({"snapshot_id": "F-4", "voter_key": "x", "eligible": True})
    finding = asked(tmp_path, "freeze", roll_snapshots=copies, roll=rows, **voted("abcx"))
    assert numbers(finding)["freeze"] == (1, 0)
    assert finding.details["open"] == 0


@pytest.mark.parametrize(("tested_at", "n"), [("count", 1), ("freeze", 0), ("issue", 0), ("cast", 0), (None, 0)])
def test_a_list_made_after_the_vote_does_not_tell_who_was_entitled_before(tmp_path, tested_at, n):
    """Whoever resigned after voting is not entitled on it."""
    finding = asked(tmp_path, tested_at, **roll(post_poll="aBc") | voted("abc"))
    assert (finding.result.statistic, finding.details["open"]) == (n, 1 - n)
    told = "The only list held was made after the vote: one made before it would settle it."
    assert (told in wording.sentence(finding)) is not n


def test_a_list_without_most_of_the_voters_is_not_theirs(tmp_path):
    """A branch's own roll may be complete and says nothing of the other branches."""
    assert numbers(asked(tmp_path / "a", "freeze", **roll(freeze="ab") | voted("abxyz")))["freeze"] == (0, 3)
    assert numbers(asked(tmp_path / "c", "freeze", **roll(freeze="abc") | voted("abcxy")))["freeze"] == (2, 0)


def test_without_a_rule_only_who_fails_under_every_reading_counts(tmp_path):
    tables = roll(freeze="aBc", platform_upload="aBc", post_poll="aBC") | voted("abc")
    finding = asked(tmp_path, **tables)
    assert (finding.result.statistic, finding.details["open"]) == (1, 1)
    assert "Of 3 voters, 1 was not entitled under every reading of the rule, and of 1 it is open." in wording.sentence(finding)
    assert finding.details["reasons"] == [{"reason": "arrears", "n": 1}]


def test_joined_after_the_freeze_but_on_the_list_is_open(tmp_path):
    tables = roll(platform_upload="abcd") | voted("abcd")
    for member, days in zip(tables["roll"], (-40, -10, -9, -8), strict=True):
        member["joined_on"] = (START + days * DAY).date()
    finding = asked(tmp_path, "freeze", {"freeze_at": START - 9 * DAY}, **tables)
    assert numbers(finding) == {"joined": (1, 1), "issue": (0, 0)}
    assert (finding.verdict, finding.details["open"]) == (Verdict.UNDETERMINED, 1)
    assert "No list of that moment is held; another one stands in for it." not in finding.result.assumptions[1].evidence
    assert "another one stands in for it" in finding.result.assumptions[0].evidence


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ([change("a", "removed", START - HOUR)], (1, 0)),
        ([change("a", "removed", START + HOUR)], (0, 0)),  # voted while a member, then left
        ([change("a", "removed", START - 3 * DAY)], (0, 0)),  # the copy made later has them
        ([change("a", "removed", START - HOUR), change("a", "reinstated", START - MINUTE)], (0, 0)),
        ([change("a", "reinstated", START - HOUR), change("a", "removed", START - MINUTE)], (1, 0)),
        ([change("a", "eligibility_set", START - HOUR)], (0, 1)),  # which way isn't on record
        ([change("a", "removed", None, at_lo=START - HOUR, at_hi=START + HOUR, clock_id=None)], (0, 1)),  # straddles the ballot
        ([change("a", "removed", None, clock_id=None)], (0, 1)),
        ([change("a", "transferred_out", START - HOUR)], (0, 1)),  # the other part may vote here too
        ([change("a", "transferred_in", START - HOUR - MINUTE), change("a", "transferred_out", START - HOUR)], (0, 0)),  # moved
        ([change("a", "transferred_out", START - HOUR - MINUTE), change("a", "transferred_in", START - HOUR)], (0, 0)),
        ([change("a", "removed", START - HOUR, reason="duplicate")], (0, 1)),  # one of two entries
        ([change("a", "removed", START - HOUR, reason="lapsed")], (1, 0)),
        ([change("B", "reinstated", START - HOUR), change("a", "unit_changed", START - HOUR)], (0, 0)),
    ],
)
def test_changes_up_to_the_ballot(tmp_path, changes, found):
    finding = asked(tmp_path, "cast", **roll(platform_upload="ab") | voted("a"), roll_changes=changes)
    assert numbers(finding)["cast"] == found
    assert finding.verdict is (Verdict.BREACH_RECORDED if found[0] else Verdict.UNDETERMINED if found[1] else Verdict.NO_BREACH)


def test_a_list_with_gaps_or_an_exception_breaks_nothing(tmp_path):
    tables = roll(freeze="ab") | voted("abx")
    partly = [row("sources", source_id="S1", completeness="partial_known")]
    contest = {"eligibility_tested_at": "freeze"}
    gaps = one(tiny(tmp_path / "a", clocks=[CLOCK], sources=partly, contest=contest, **tables), "eligibility_breaches")
    assert (gaps.verdict, gaps.details["open"]) == (Verdict.UNDETERMINED, 1)
    let_in = change("x", "added", START - DAY, reason="exception_granted")
    assert asked(tmp_path / "b", "freeze", **tables, roll_changes=[let_in]).verdict is Verdict.NO_BREACH
    assert asked(tmp_path / "c", "freeze", **tables).result.statistic == 1


def test_a_ballot_struck_for_it_is_the_rule_kept(tmp_path):
    tables = roll(freeze="aBcd") | voted("abcd")
    tables["ballot_events"].append(cast("b", START + HOUR, 9, event="voided"))
    finding = asked(tmp_path, "freeze", **tables)
    assert (finding.verdict, finding.details["struck"]) == (Verdict.NO_BREACH, 1)
    assert "1 member not entitled gave a ballot that does not stand." in wording.sentence(finding)


def test_a_marked_register_alone(tmp_path):
    copy = {"snapshot_id": "M", "taken_at": START + DAY, "purpose": "marked_register"}
    rows = [{"snapshot_id": "M", "voter_key": key, "eligible": key != "b", "voted_flag": key != "d"} for key in "abcd"]
    for tested_at, verdict, n in (("count", Verdict.BREACH_RECORDED, 1), (None, Verdict.UNDETERMINED, 0)):
        finding = asked(tmp_path / str(tested_at), tested_at, roll_snapshots=[copy], roll=rows)
        assert (finding.verdict, finding.result.statistic, finding.result.n_observations) == (verdict, n, 3)
        assert numbers(finding) == {"count": (1, 0)}


def complaint(outcome, key=None, category="turned_away"):
    return {"category": category, "outcome": outcome} | ({"voter_key": key} if key else {})


@pytest.mark.parametrize(
    ("complaints", "verdict", "statistic"),
    [
        ([complaint("upheld", "d")], Verdict.BREACH_RECORDED, 1),
        ([complaint("upheld", "d"), complaint("upheld", "d"), complaint("open", "d")], Verdict.BREACH_RECORDED, 1),  # one member
        ([complaint("upheld")], Verdict.UNDETERMINED, 0),  # may be one of those who voted
        ([complaint("upheld", "a")], Verdict.NO_BREACH, 0),  # let in after all
        ([complaint("open", "d"), complaint("partly_upheld", "d")], Verdict.UNDETERMINED, 0),
        ([complaint("rejected", "d"), complaint("withdrawn", "d"), complaint("upheld", "d", "conduct")], Verdict.NO_BREACH, 0),
    ],
)
def test_refused_at_the_door(tmp_path, complaints, verdict, statistic):
    finding = asked(tmp_path, "freeze", **roll(freeze="abcd") | voted("ab"), complaints=complaints)
    assert (finding.verdict, finding.result.statistic) == (verdict, statistic)


def test_upheld_and_perhaps_let_in_after_all(tmp_path):
    """Let in later, on a paper without a name, in a hall of which no voters are held, or under the member's new number."""
    upheld = {"complaints": [complaint("upheld", "d")]}
    held = roll(freeze="abcd") | voted("ab") | upheld
    assert asked(tmp_path / "a", "freeze", **held).verdict is Verdict.BREACH_RECORDED
    paper = held | {"ballot_events": [*held["ballot_events"], cast(None, START + HOUR, 9, channel="in_person")]}
    window = {"kind": "voting", "basis": "advertised", "opens_at": START - DAY, "closes_at": START + DAY}
    hall = held | {"contest_windows": [window | {"channel": way} for way in ("online", "in_person")]}
    for name, tables in (("b", paper), ("c", hall)):
        finding = asked(tmp_path / name, "freeze", **tables)
        assert (finding.verdict, finding.result.statistic) == (Verdict.UNDETERMINED, 0)
        assert "1 complaint was upheld, and whether that member voted in the end is not on record" in wording.sentence(finding)
    renamed = held | voted("abe") | {"roll_changes": [change("e", "key_changed", START - DAY, other_voter_key="d")]}
    assert asked(tmp_path / "d", "freeze", **renamed).verdict is Verdict.NO_BREACH


@pytest.mark.parametrize(
    ("applied", "ways", "n_open"),
    [
        (START - 5 * DAY, ("online",), 1),
        (START - 5 * DAY, ("online", "in_person"), 0),  # another way of voting was left
        (START - DAY, ("online",), 0),  # too late
        (None, ("online",), 1),
    ],
)
def test_a_refused_application(tmp_path, applied, ways, n_open):
    window = {"kind": "voting", "basis": "advertised", "opens_at": START - DAY, "closes_at": START + DAY}
    windows = [window | {"channel": way} for way in ways]
    windows.append({"kind": "applications", "channel": "all", "basis": "advertised", "closes_at": START - 2 * DAY})
    application = {"voter_key": "d", "channel_requested": "online", "decision": "refused", "at": applied}
    finding = asked(
        tmp_path, "issue", **roll(platform_upload="abcD") | voted("ab"), contest_windows=windows,
        vote_applications=[application, application | {"voter_key": "c"}],
    )  # fmt: skip
    (refused,) = finding.details["refusals"]  # d is not entitled
    assert (refused["how"], refused["n"], refused["open"]) == ("applications", 1, n_open)
    assert finding.verdict is (Verdict.UNDETERMINED if n_open else Verdict.NO_BREACH)


def test_taken_off_between_the_freeze_and_the_loading(tmp_path):
    tables = roll(freeze="abcde", platform_upload="abC") | voted("a")
    gone = [change("e", "removed", START - 5 * DAY, reason="resigned")]
    for tested_at, verdict in (("freeze", Verdict.UNDETERMINED), ("issue", Verdict.NO_BREACH)):
        finding = asked(tmp_path / tested_at, tested_at, **tables, roll_changes=gone)
        (off,) = finding.details["refusals"]
        assert (off["how"], off["n"]) == ("taken_off", 2)  # c and d
        assert finding.verdict is verdict


def test_a_list_loaded_for_late_joiners_takes_nobody_off(tmp_path):
    finding = asked(tmp_path, "freeze", **roll(freeze="abcde", platform_upload="xy") | voted("abx"))
    assert finding.details["refusals"] == []


def test_only_a_published_number_of_people_turned_away(tmp_path):
    results = published(("A", 499), ("B", 361), ("turned_away", 20))
    finding = asked(tmp_path, results=results)
    assert (finding.verdict, finding.result.statistic, finding.details["margin"]) == (Verdict.UNDETERMINED, 0, 138)
    text = wording.sentence(finding)
    assert "On record of people refused: people turned away, as published: 20." in text
    assert "The lead declared was 138 votes." in text


@pytest.mark.parametrize(
    "tables",
    [
        {"results": published(("A", 499), ("B", 361))},
        {"ballot_events": [cast(None, START, 1, credential_id="c1", link_level="credential_linked")]} | roll(freeze="ab"),
        {"ballot_events": [cast(None, START, 1)], "results": published(("A", 499), ("B", 361))},
        roll(freeze="abcd", platform_upload="ab"),  # two copies: who was taken off, and not who voted
    ],
)
def test_nothing_to_hold_together_names_what_is_missing(tmp_path, tables):
    finding = asked(tmp_path, **tables)
    assert isinstance(finding.result, NotAnswerable)
    assert "ballot_events.voter_key|roll.voted_flag" in finding.result.needs


def test_what_is_shown_names_nobody(tmp_path):
    keys = [chr(97 + i) * 32 for i in range(6)]
    rows = [
        {
            "snapshot_id": "F",
            "voter_key": key,
            "eligible": key != keys[0],
            "ineligible_reason": "lapsed" if key == keys[0] else None,
        }
        for key in keys
    ]
    copies = [{"snapshot_id": "F", "taken_at": START - DAY, "purpose": "freeze"}]
    case = case_of(tmp_path, "freeze", roll=rows, roll_snapshots=copies, **voted(keys), complaints=[complaint("open")])
    finding = one(case, "eligibility_breaches")
    shown = exhibits.eligibility_breaches(case, [finding])
    text = "\n".join(map(repr, shown))
    assert "lapsed | fewer than 10" in text
    assert "complaints of having been turned away | 1 | 0 | 0 | 1" in text
    assert not any(key[:8] in text + str(finding.details) for key in keys)


@pytest.mark.parametrize(("outcome", "barred"), [("upheld", 0), ("rejected", 1)])
@pytest.mark.parametrize("listed", ["abC", "ab"])
def test_a_complaint_that_was_upheld_leaves_a_voter_open(tmp_path, listed, outcome, barred):
    complaint = {"category": "list_inaccurate", "outcome": outcome, "voter_key": "c"}
    finding = asked(tmp_path, "freeze", **roll(freeze=listed), **voted("abc"), complaints=[complaint])
    assert (finding.details["barred"], finding.details["open"]) == (barred, 1 - barred)


@pytest.mark.parametrize(("order", "barred"), [("abcdefghijklmnopqrst", 0), ("abcdefgkhijlmnopqrst", 10)])
def test_strangers_who_all_voted_last_may_have_been_numbered_anew(tmp_path, order, barred):
    finding = asked(tmp_path, "freeze", **roll(freeze="abcdefghij"), **voted(order))
    assert (finding.details["barred"], finding.details["open"]) == (barred, 10 - barred)


def test_strangers_who_come_in_a_rush_at_the_end_were_not_numbered_anew(tmp_path):
    slowly = [cast(key, START + i * HOUR, i) for i, key in enumerate("abcdefghij", 1)]
    rush = [cast(key, START + 11 * HOUR + i * MINUTE, i) for i, key in enumerate("klmnopqrst", 11)]
    finding = asked(tmp_path, "freeze", **roll(freeze="abcdefghij"), ballot_events=[*slowly, *rush])
    assert (finding.details["barred"], finding.details["open"]) == (10, 0)


def test_a_transfer_does_not_outlast_what_came_after_it(tmp_path):
    moved = [change("a", "transferred_in", START - 9 * HOUR), change("a", "removed", START - 3 * HOUR, reason="arrears")]
    finding = asked(tmp_path, "cast", **roll(platform_upload="ab"), **voted("ab"), roll_changes=moved)
    assert finding.details["barred"] == 1


@pytest.mark.parametrize(("days", "reason", "n_open"), [(-3, None, 1), (-3, "exception_granted", 0), (-12, None, 0)])
def test_who_was_added_after_the_freeze_is_not_entitled_by_its_list_for_certain(tmp_path, days, reason, n_open):
    added = change("c", "added", START + days * DAY, reason=reason)
    finding = asked(tmp_path, "freeze", **roll(freeze="ab", platform_upload="abc"), **voted("abc"), roll_changes=[added])
    assert (finding.details["barred"], finding.details["open"]) == (0, n_open)
