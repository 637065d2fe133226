"""Sentences on administrators' hours, sittings and aims: English for every verdict, one or many, and nobody convicted."""

import math
import re
from dataclasses import replace

import pytest
from cases import BANNED
from fake_officers import FAKES_OFFICERS, OPEN, READ_TWICE, WITHIN, after_view, aimed, hours, inside, own_line

from analysis_lib import wording


def label(fake):
    return f"{fake.question}-{fake.result.form}-{fake.verdict}"


@pytest.mark.parametrize("fake", FAKES_OFFICERS, ids=label)
def test_every_sentence_reads_as_english_and_convicts_nobody(fake):
    told = wording.sentence(fake)
    assert not re.search(BANNED, told)
    assert re.match(r"[A-Z0-9]", told)
    assert told.endswith(".")
    assert not re.search(r"None|\bnan\b|\binf\b|  |\.\.| ,| \.|\(\)|_(?!$)", told.replace("a.b or c.d", "X"))
    assert not re.search(r"\b1 (ballots|sittings|pieces|administrators|members|hours|days|roles|earlier days)\b", told)
    assert not re.search(r"\b(?!1 )\d+ (ballot|sitting|piece|administrator|member|hour|day)\b", told)
    assert not re.search(r"administrator \d\d|[0-9a-f]{8}", told)


@pytest.mark.parametrize(
    ("fake", "part"),
    [
        (
            aimed(OPEN),
            "Of 30 members sent a new code that nobody is on record as asking for, 1 were members who had not voted by then, where 20.2 would "
            "be expected if the codes went to any member of the same branch who had a code.",
        ),
        (
            aimed(WITHIN, "silent"),
            "of the same branch who had a code and had still to vote. Fewer than 27 such members among them would not have stood out.",
        ),
        (
            after_view(OPEN, unasked=12, n_unasked=14),
            "the one that stands out most did 12 of 14 pieces of work on codes and contacts that nobody is on record as asking for within "
            "30 minutes after a look at the list of who has not voted (86 %), and 2 of 11 that were asked for (18 %).",
        ),
        (
            inside(OPEN),
            "has 14 online ballots inside 20 sittings, where the same hours of other days make it 5.2. 1 ballot within a day of a code sent by an "
            "administrator, and 2 ballots over administrators' own lines, stand aside.",
        ),
        (inside(WITHIN), "Fewer than 6 ballots beyond that would not have stood out."),
        (
            inside(WITHIN, by_role=True),
            "Accounts are not told apart in the log; of 2 roles, the one that stands out most has 14",
        ),
        (inside(OPEN, readings=READ_TWICE), "Tried under 2 readings of the clocks, p runs from 0.004 to 0.6."),
        (
            own_line(OPEN),
            "worked from a line over which 8 of 10 ballots came after codes that this administrator sent without a request on record, 0 of 6 after "
            "codes that were asked for, and 3 of all 180 other ballots (odds ratio 2, 95 % interval 1.10 to 3.60).",
        ),
        (
            hours(OPEN),
            "worked in 40 hours on 12 days of the vote, of which 3 lie more than an hour away from any hour worked on 50 earlier days; if "
            "days of the vote and days before it were mixed at random, 0.2 would be expected. By the clock in Europe/London: the hours from 2:00 and 3:00.",
        ),
    ],
)
def test_what_a_sentence_says(fake, part):
    assert part in wording.sentence(fake)


def test_an_odds_ratio_without_an_upper_limit_is_told_in_words():
    fake = own_line(OPEN)
    boundless = replace(
        fake, result=replace(fake.result, effect=replace(fake.result.effect, value=math.inf, low=193.0, high=math.inf))
    )
    assert "(odds ratio without an upper limit, 95 % interval 193 or more)" in wording.sentence(boundless)


def test_what_would_not_have_stood_out_is_left_unsaid_where_something_does():
    assert "would not have stood out" not in wording.sentence(own_line(OPEN))
    assert "would not have stood out" in wording.sentence(own_line(WITHIN))
