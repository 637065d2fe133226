"""Sentences on applications, messages and ballots taken out: English, in the singular and the plural, and convicting nobody."""

import re

import pytest
from cases import BANNED
from fake_coverage import FAKES_COVERAGE, OPEN, denied, missed, taken_out, together

from analysis_lib import wording
from analysis_lib.methods import application_bursts, application_denials, message_coverage, voided_ballots


def label(fake):
    return f"{fake.question}-{fake.result.form}-{fake.verdict}"


@pytest.mark.parametrize("fake", FAKES_COVERAGE, ids=label)
def test_every_sentence_reads_as_english_and_convicts_nobody(fake):
    told = wording.sentence(fake)
    assert not re.search(BANNED, told)
    assert re.match(r"[A-Z0-9]", told)
    assert told.endswith(".")
    assert not re.search(r"None|\bnan\b|\binf\b|  |\.\.| ,| \.|\(\)|_(?!$)", told.replace("a.b or c.d", "X"))
    assert not re.search(r"\b1 (ballots|votes|members|applications|entries|branches|administrators|others)\b", told)
    assert not re.search(r"\b(?!1 )\d+ (ballot|vote|member|application|entry|branch|administrator)\b", told)
    assert told.count("(") == told.count(")")


@pytest.mark.parametrize("module", [application_bursts, application_denials, message_coverage, voided_ballots])
def test_no_fixed_text_convicts(module):
    nulls = getattr(module, "NULLS", None) or {"": module.NULL}
    for words in (*module.EXPLANATIONS, *nulls.values()):
        assert not re.search(BANNED, words)
        assert "_" not in words


@pytest.mark.parametrize(
    ("fake", "part"),
    [
        (
            denied(OPEN),
            "Of 600 members in whose names an application is held, 120 said whether they applied, and 4 of these say no; mistakes at a rate of "
            "1.0 % would make 1.2. Over all applicants that comes to 3 to 66 applications that their members did not make (95 % interval). "
            "Fewer than 5 denials among as many would not have stood out.",
        ),
        (denied(OPEN, by_lot=False), "so this tells nothing of the others: at least 3 of the applications were not the members' own"),
        (denied(OPEN, only_voters=True), "an application is held and who voted, as all who were asked did, 120 said"),
        (denied(OPEN, others=1), "1 member of those asked is not sure."),
        (together(OPEN, batch=12), "12 bear the same second as nine others or more, as what is loaded at one go does, and stand aside."),
        (
            together(OPEN),
            "Of 130 applications: 20 of 120 came over a network that two others or more used too, where 3.2 would be usual (0 to 9), "
            "the largest group has 20; 0 of 120 came with an address that two others or more gave too",
        ),
        (together(OPEN), "at most 20 of 120 with a time within 15 minutes, from 24 October 2031, 03:00:04 BST (02:00:04 UTC) on"),
        (missed(OPEN, "said"), "9 of 12 members whose contact had been changed, and for whose change a search found no request, say that no code came"),
        (missed(OPEN, few=True), "The next message came back from 10 of 42 members whose contact had been changed and from 2 of 65 others"),
        (taken_out(OPEN, "day", "2031-10-25"), "25 October 2031 stands out most: 12 of 20 ballots (2 times the rate of the others"),
        (taken_out(OPEN, "channel", "postal", n=1), "1 ballot of 300 was voided, rejected, set aside or left out of the count; 1 came back"),
        (taken_out(OPEN, "channel", "postal", lead=1), "against a lead of 1 vote. By channel, postal"),
    ],
)  # fmt: skip
def test_what_is_told(fake, part):
    assert part in wording.sentence(fake)
