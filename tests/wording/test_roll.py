"""Sentences on the roll: English in every verdict, singular and plural, and no word that convicts."""

import re

import pytest
from cases import BANNED
from fake_parts import OPEN, WITHIN
from fake_roll import FAKES_ROLL, a_day, after, days, units, weeks

from analysis_lib import wording


@pytest.mark.parametrize("fake", FAKES_ROLL, ids=lambda fake: f"{fake.question}-{fake.result.form}-{fake.verdict}")
def test_every_sentence_reads_as_english_and_convicts_nobody(fake):
    told = wording.sentence(fake)
    assert not re.search(BANNED, told)
    assert re.match(r"[A-Z0-9]", told)
    assert told.endswith(".")
    assert not re.search(r"None|\bnan\b|\binf\b|  |\.\.| ,| \.|\(\)|_(?!$)", told.replace("a.b or c.d", "X"))
    assert not re.search(r"\b1 (members|edits|changes|weeks|counts|kinds|administrators|branches|hours|minutes)\b", told)
    assert not re.search(r"\b(?!1 )\d+ (member|edit|change|week|administrator|branch|hour|minute)\b(?! edit)", told)
    assert told.count("(") == told.count(")")


@pytest.mark.parametrize(
    ("fake", "part"),
    [
        (
            days(OPEN, a_day(132_003, kind="changed"), form="counts", kinds=("added", "removed", "changed")),
            "Of 60 daily counts of 3 kinds of change, 1 stands out from the days near by. Largest first: 16 July 2031, 132,003 members changed "
            "on the list, where the days near by have 2,549 on average.",
        ),
        (days(WITHIN, bulk=[("added", 82)]), "A bulk edit counts once; the largest, on 24 October 2031: 82 members added to the list."),
        (days(WITHIN, bulk=[("added", 82), ("removed", 12)]), "82 members added to the list; 1 more bulk edit is listed."),
        (weeks(OPEN), "30 changes of e-mail addresses that nobody is on record as asking for came, bulk edits left out; the 8 weeks before lead to expect 2 (0 to 6 in 95 of 100 such periods)."),
        (units(OPEN, "branch"), "Of 20 branches, Branch B stands out most: 16 members of 67 had an address changed"),
        (after(OPEN), "25 voted online after the change, half of them within 8 minutes; of 19 members who had asked, or had none before, 14 did after the change, half of them within 99 minutes."),
        (after(WITHIN, unasked=(1, 0, None)), "Of 1 member whose contact was replaced and for which a search found no request, 0 voted online after the change;"),
    ],
)  # fmt: skip
def test_what_is_said(fake, part):
    assert part in wording.sentence(fake)
