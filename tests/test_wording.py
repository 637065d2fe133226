"""Sentences: every verdict of every question reads as English, convicts nobody, names no key, and puts numbers right."""

import importlib
import re
from dataclasses import replace
from pathlib import Path

import pytest
from cases import BANNED, utc
from fake_findings import (
    FAKES,
    OPEN,
    WITHIN,
    YES,
    a_rule,
    an_identity,
    burst,
    cannot,
    delay,
    edits,
    falls,
    gap,
    lists,
    outside,
    rates,
    rules,
    struck,
    totals,
)

import analysis_lib.methods
from analysis_lib import wording
from analysis_lib.methods import record_rules
from analysis_lib.methods.registry import REGISTRY
from analysis_lib.results import Finding, TestResult, Verdict


def fixed_texts():
    """Every explanation and null that a module of the methods holds as a constant."""
    found = []
    for name in sorted(path.stem for path in Path(analysis_lib.methods.__file__).parent.glob("*.py")):
        module = importlib.import_module(f"analysis_lib.methods.{name}")
        for constant in ("EXPLANATIONS", "NULLS", "NULL"):
            found += texts_of(getattr(module, constant, ()))
    return found


def texts_of(value):
    if isinstance(value, str):
        return [value]
    return [text for item in (value.values() if isinstance(value, dict) else value) for text in texts_of(item)]


def label(fake):
    return f"{fake.question}-{fake.result.form}-{fake.verdict}"


@pytest.mark.parametrize("planned", [True, False])
@pytest.mark.parametrize("fake", FAKES, ids=label)
def test_every_sentence_reads_as_english_and_convicts_nobody(fake, planned):
    told = wording.sentence(Finding(**{name: getattr(fake, name) for name in fake.__slots__} | {"planned": planned}))
    assert not re.search(BANNED, told)
    assert told.startswith("Exploratory, not in the plan: ") is not planned
    assert re.match(r"[A-Z0-9]", told)
    assert told.endswith(".")
    assert not re.search(r"None|\bnan\b|\binf\b|  |\.\.| ,| \.|\(\)|_(?!$)", told.replace("a.b or c.d", "X"))
    assert not re.search(
        r"\b1 (ballots|times in|branches|administrators|sums|readings|windows|seconds|minutes|hours|days)\b", told
    )
    assert not re.search(r"\b(?!1 )\d+ (ballot|sum|reading|second|minute|hour|day|branch|administrator)\b", told)
    assert told.count("(") == told.count(")")


@pytest.mark.parametrize(
    "fake",
    [fake for fake in FAKES if isinstance(fake.result, TestResult) and not fake.result.details.get("nothing_out")],
    ids=label,
)
def test_every_anomaly_says_its_null_and_how_often_chance_does_it(fake):
    told = wording.sentence(fake)
    assert f"If {fake.result.null_hypothesis}, a result at least this extreme would turn up " in told
    assert "allowing for the 2 tests made" in told


def test_every_question_and_verdict_is_among_the_fakes():
    assert {fake.question for fake in FAKES} == set(REGISTRY)
    assert {fake.verdict for fake in FAKES} == set(Verdict)


@pytest.mark.parametrize(
    "words",
    [
        *wording.VERDICTS.values(),
        *wording.CANNOT_SHOW.values(),
        *wording.ASK_NEXT.values(),
        *wording.READINGS.values(),
        *fixed_texts(),
        *(text for rule in record_rules.RULES for text in (rule.name, rule.cause)),
        *(question.question for question in REGISTRY.values()),
    ],
)
def test_no_fixed_text_convicts(words):
    assert not re.search(BANNED, words)
    assert "_" not in words


@pytest.mark.parametrize(
    ("fake", "part"),
    [
        (
            FAKES[2],
            "The one sum checked does not add up: R08, no more votes than ballots received (first declaration): candidates' votes 181, "
            "ballots received 100: 81 ballots apart, unexplained.",
        ),
        (FAKES[4], "; and 1 more."),
        (
            struck(82, {"Ann Ash": 479, "Bo Birch": 526}, changed=True),
            "82 ballots were struck out; the lead before was 35 ballots (Ann Ash 561, Bo Birch 526). "
            "Striking them turns 561-526 into 479-526. Who is in front changed.",
        ),
        (
            struck(20, {"Bo Birch": 506}, verdict=Verdict.COULD_NOT_CHANGE),
            "561-526 into 561-506. Who is in front stayed the same.",
        ),
        (struck(1, {}, verdict=Verdict.COULD_NOT_CHANGE), "1 ballot was struck out"),
        (
            totals(YES, 300, 1765, [an_identity(1, unit="smaller units")], [("A", "B"), ("C", "D", "E")]),
            "300 of 1,765 sums checked do not add up: R08, no more votes than ballots received (smaller units, first declaration): "
            "candidates' votes 101, ballots received 100: 1 ballot apart, unexplained; and 299 more. "
            "5 units have the same figures throughout as another and may be listed twice.",
        ),
        (
            lists(YES, 1, 6, an_identity(21, "", check="R02", counted="member", cause="as stated by The party")),
            "1 of 6 sums checked does not add up: R02, no more votes than ballots received: candidates' votes 121, "
            "ballots received 100: 21 members apart, as stated by The party.",
        ),
        (falls(over=3), "never fell in 60 readings. R14, no more votes than ballots received: candidates' votes 103,"),
        (
            rules(YES, a_rule("V01", 1), a_rule("V03", 6, elsewhere=True), a_rule("V02", undetermined=2)),
            "Of 40 rows held against 2 rules, 1 breaks one under every reading of the clocks "
            "(V01, a ballot is cast by a voter on the roll in force: 1 of 20). Of 2 rows it cannot be told.",
        ),
        (
            edits(YES, contact=1, undone=[{"at": None, "n": 1, "seconds": 222}]),
            "Of 60 changes of the roll and of contact details with a time, 1 change of contact details for which a search found no "
            "request came after the last day for changes, 24 October 2031, 03:00:04 BST (02:00:04 UTC) and before the close; "
            "4 hours 53 minutes after it. 1 addition was taken back 3 minutes 42 seconds later.",
        ),
        (
            edits(YES, restored=[{"at": None, "n": 11, "n_restored": 11, "fewest_s": 2043, "most_s": 2043}], roll=2),
            "11 members were removed in one edit during the voting, and all of them were restored 34 minutes 3 seconds later.",
        ),
        (
            edits(YES, cleared=[{"at": None, "field": "email", "on_return": False, "n": 4, "n_set_again": 2}], roll=2),
            "4 e-mail addresses were cleared, 2 of them set again later.",
        ),
        (
            edits(YES, cleared=[{"at": None, "field": "email", "on_return": True, "n": 11, "n_set_again": 1}], roll=2),
            "11 members were put back without the e-mail address held before; 1 of them was given one later.",
        ),
        (
            burst(OPEN),
            "14 ballots in 15 minutes from 24 October 2031, 03:00:04 to 03:15:04 BST (02:00:04 to 02:15:04 UTC)",
        ),
        (burst(OPEN, "peer_baseline", expected=0.02), "where fewer than 0.1 were expected"),
        (burst(Verdict.UNDETERMINED, "peer_baseline"), "It stands out, but this leans on what does not hold here."),
        (
            burst(WITHIN, "turnout_counts", visible=False, slow=2),
            "The count rose by 900 over 5 hours from 24 October 2031, 03:00:04 to 08:00:04 BST (02:00:04 to 07:00:04 UTC) "
            "(the largest of 2 such stretches), about 400 above the level before and after; this test does not settle whether",
        ),
        (burst(WITHIN), "Fewer than 8 ballots in 15 minutes, at the average pace, would not have stood out."),
        (outside(YES, after=1, n=1, longest=90061), "the last one 25 hours after it"),
        (
            outside(Verdict.UNDETERMINED, fewest=0, most=2),
            "Of 60 ballots, the log stamps none outside the window in force. Under the readings",
        ),
        (rates(OPEN, "branch", (0.01, 0.02)), "Of 2 branches, branch 0 stands out most"),
        (
            delay(OPEN),
            "Difference in the share who had voted within 1 hour, unrequested less requested: +46.3 points (95 % interval -2.0 to",
        ),
        (
            gap(OPEN),
            "The gap is real; its cause is open. 92 to 159 online ballots would have to change sides to bring the shares level, "
            "and 69 to undo a lead of 138.",
        ),
        (gap(OPEN, lead=0), "to bring the shares level. If members"),
        (gap(OPEN, value=float("inf"), low=1.2, high=float("inf")), "infinity (95 % interval 1.20 to infinity)"),
        (
            cannot("channel_gap"),
            "Some of the columns it needs are not held. Needed to answer it: a: b, or c: d.",
        ),
    ],
)
def test_what_a_sentence_says(fake, part):
    assert part in wording.sentence(fake)


def test_a_line_break_in_a_name_stays_out_of_the_sentence():
    fake = gap(OPEN)
    fake.details["candidate"] = "Ann\n\n# Ash\t<b>"
    assert wording.sentence(fake).startswith("Ann # Ash <b> has ")


@pytest.mark.parametrize(
    ("pvalue", "n", "told"),
    [
        (1.0, None, "nearly every time"),
        (0.994, None, "about 99 times in 100"),
        (0.5, None, "about 50 times in 100"),
        (0.095, None, "about 10 times in 100"),
        (0.0949, None, "about 1 time in 11"),
        (0.05, None, "about 1 time in 20"),
        (0.004, None, "about 1 time in 250"),
        (0.000347, None, "about 1 time in 2,900"),
        (1e-6, None, "about 1 time in 1,000,000"),
        (9e-7, None, "fewer than 1 time in 1,000,000"),
        (0.0, None, "fewer than 1 time in 1,000,000"),
        (0.0001, 9999, "fewer than 1 time in 9,999"),
        (0.0002, 9999, "about 1 time in 5,000"),
        (0.005, 199, "fewer than 1 time in 199"),
        (1.0, 99, "nearly every time"),
    ],
)
def test_how_often(pvalue, n, told):
    assert wording.how_often(pvalue, n) == told


@pytest.mark.parametrize(
    ("seconds", "told", "about"),
    [
        (0, "0 seconds", "0 seconds"),
        (1, "1 second", "1 second"),
        (59, "59 seconds", "59 seconds"),
        (60, "1 minute", "1 minute"),
        (90, "90 seconds", "1 minute"),
        (3599, "3,599 seconds", "59 minutes"),
        (3600, "1 hour", "1 hour"),
        (7260, "121 minutes", "121 minutes"),
        (86400, "1 day", "1 day"),
        (90061, "90,061 seconds", "25 hours"),
        (172800, "2 days", "2 days"),
    ],
)
def test_durations(seconds, told, about):
    assert (wording.duration(seconds), wording.about(seconds)) == (told, about)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 seconds"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (222, "3 minutes 42 seconds"),
        (3600, "1 hour"),
        (3659, "1 hour"),
        (17585, "4 hours 53 minutes"),
        (90061, "1 day 1 hour"),
        (172800.5, "2 days"),
    ],
)
def test_how_long_it_lasted(seconds, told):
    assert wording.lasting(seconds) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.0, "0.00"),
        (1.0, "1"),
        (0.994, "0.99"),
        (1234.0, "1,234"),
        (99.99, "99.99"),
        (1234.5, "1,234"),
        (-3.25, "-3.25"),
        (float("inf"), "infinity"),
        (-float("inf"), "minus infinity"),
        (float("nan"), "undefined"),
    ],
)
def test_numbers(value, told):
    assert wording.number(value) == told


def test_an_instant_is_in_the_contests_zone_with_utc_beside_it():
    assert wording.instant(utc("2031-10-26 00:30"), "Europe/London") == "26 October 2031, 01:30:00 BST (00:30:00 UTC)"
    assert wording.instant(utc("2031-10-26 01:30"), "Europe/London") == "26 October 2031, 01:30:00 GMT"
    assert wording.instant(utc("2031-10-26 01:30"), "UTC") == "26 October 2031, 01:30:00 UTC"
    assert wording.instant(utc("2031-10-26 20:30"), "Asia/Tokyo") == "27 October 2031, 05:30:00 JST (20:30:00 UTC)"


def test_small_words():
    assert (wording.count(1, "branch", "branches"), wording.count(2000, "branch", "branches")) == ("1 branch", "2,000 branches")
    assert (wording.percent(0.571), wording.percent(1), wording.percent(-0.021, 1)) == ("57 %", "100 %", "-2.1 %")
    assert (wording.expected(0.09), wording.expected(0.1), wording.expected(2)) == ("fewer than 0.1", "0.1", "2")
    assert (wording.interval(0.95), wording.interval(0.999)) == ("95 % interval", "99.9 % interval")
    assert wording.effect(FAKES[0]) == ""
    assert wording.effect(gap(OPEN)) == "odds ratio, online against in person: 2.47 (95 % interval 1.46 to 4.07)"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("within_hour", "within the hour"),
        ("last_86400_s", "in the last day"),
        ("last_21600_s", "in the last 6 hours"),
        ("last_86400_s_final_two", "in the last day, of the last two candidates"),
        ("", ""),
        ("something_new", ""),
    ],
)
def test_forms_have_names_in_words(name, told):
    assert wording.form(name) == told


def test_what_other_tests_cost_is_said():
    alone = replace(gap(WITHIN), alpha=0.5)  # p = 0.3, and 0.6 for two tests
    assert "Taken by itself it would stand out; with 2 tests made it does not" in wording.sentence(alone)
    assert "Taken by itself" not in wording.sentence(gap(WITHIN))
    assert "somewhat more than the figure given would be needed" in wording.sentence(burst(WITHIN))
