"""Sentences on lists, entitlement and second ballots: plain English in singular and plural, and nobody convicted."""

import re

import pytest
from cases import BANNED
from fake_lists import FAKES_LISTS, OPEN, asymmetry, entitled, pair, refusal, twice
from fake_parts import NO, YES

from analysis_lib import wording
from analysis_lib.results import Verdict
from analysis_lib.wording.lists import TOLD_READINGS, TOLD_RECORDS, TOLD_REFUSALS, listed


@pytest.mark.parametrize("fake", FAKES_LISTS)
def test_every_sentence_is_plain(fake):
    told = wording.sentence(fake)
    assert re.search(r"^[A-Z0-9].*\.$", told), told
    assert not re.search(BANNED, told)
    assert not re.search(r"\bnan\b|None|\binf\b|_|\{|  ", told), told
    assert not re.search(r"\b[0-9a-f]{8,}\b", told)  # no key
    assert not re.search(r"\b1 (voters|members|people|votes|contact details|lists|pairs) \b", told), told
    assert not re.search(r"\b1 (are|were|have|stand|differ)\b", told.replace("Of 1", "")), told
    assert not re.search(r"\d+ (is|was|has|stands|differs)\b", re.sub(r"\b1 (is|was|has|stands|differs)\b", "", told)), told


def test_every_question_and_verdict_is_among_the_fakes():
    for noun in ("list_asymmetry", "eligibility_breaches", "double_channel_ballots"):
        verdicts = {fake.verdict for fake in FAKES_LISTS if fake.question == noun}
        assert verdicts == {Verdict.BREACH_RECORDED, Verdict.NO_BREACH, Verdict.UNDETERMINED, Verdict.CANNOT_BE_ANSWERED}


@pytest.mark.parametrize("words", [*TOLD_READINGS.values(), *TOLD_RECORDS.values(), *TOLD_REFUSALS.values()])
def test_no_fixed_text_convicts(words):
    assert not re.search(BANNED, words)
    assert "_" not in words


@pytest.mark.parametrize(
    ("fake", "part"),
    [
        (
            asymmetry(YES, pair()),
            "The two candidates whose lists are on record did not get the same list on the same day. "
            "The list of Ann Ash is of 24 October 2031, that of Bo Birch of 30 October 2031: "
            "480 members stand on both and 26 on one alone (26 explained by the days between the lists). "
            "16 contact details of members on both differ "
            "(12 explained by the days between the lists, 3 not explained by age, 1 open).",
        ),
        (asymmetry(YES, pair(6, contacts=(3, 1, 0, 0))), "But for their days, and what changed between them, the two lists are the same."),
        (
            entitled(YES, barred=1, margin=138),
            "Of 60 voters, 1 was not entitled under the rule on record, by the list made at the freeze. "
            "Under other readings the number is another: by the list loaded into the voting system 5. "
            "What rule V01 of the chapter on the evidence also counts is the same breach, not a second one. "
            "The lead declared was 138 votes.",
        ),
        (
            entitled(OPEN, n_open=5, disputed=3),
            "3 voters are not entitled by the list made at the freeze and entitled by one loaded later, before the ballot: "
            "the day on which the fee was paid, or the decision on it, would settle it. "
            "The whole list of that day, and every change of it with its time and reason, would settle the rest.",
        ),
        (
            entitled(OPEN, n_open=1, reading=None),
            "by the list loaded into the voting system 5. The rule on the day that counts, and the list of that day",
        ),
        (
            entitled(OPEN, refusals=[refusal("complaints", 4, 0, 0, 4, upheld=2)]),
            "On record of people refused: complaints of having been turned away: 4. 2 complaints were upheld, and whether those members "
            "voted in the end is not on record: who complained, and who voted in every channel, would settle it.",
        ),
        (twice(YES, across=2, n_open=7, aside=3), "4 voters have ballots in two channels of which the records leave open which of them stand."),
        (
            twice(OPEN, n_open=1, aside=1),
            "none has ballots that stand in two channels for certain. 1 voter has ballots in two channels by two separate records, of which "
            "one may have been put aside before the count: how many were counted and rejected in each channel would settle it.",
        ),
        (entitled(NO), "Of 60 voters, 60 were entitled under the rule on record, by the list made at the freeze."),
        (
            entitled(YES, refused=1, refusals=[refusal("complaints", 3, 1, 1)]),
            "On record of people refused: complaints of having been turned away: 3 (1 of them voted all the same). "
            "Of these, 1 is held by a decision to have been refused wrongly.",
        ),
        (
            twice(YES, in_log=2, across=3, n=640),
            "Of 640 voters with a ballot on record (in person and online), 5 have ballots that stand in two channels, 3 of them by two separate records.",
        ),
    ],
)  # fmt: skip
def test_what_is_told(fake, part):
    assert part in wording.sentence(fake)


def test_names_are_joined_as_in_speech():
    assert [listed(names) for names in ([], ["A"], ["A", "B"], ["A", "B", "C"])] == ["", "A", "A and B", "A, B and C"]
