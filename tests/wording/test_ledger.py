"""Sentences on what became of credentials and how soon ballots followed."""

import pytest
from fake_findings import delay
from fake_ledger import FAKES_LEDGER, codes, hazard
from fake_parts import NO, OPEN, YES
from test_wording import test_every_anomaly_says_its_null_and_how_often_chance_does_it as says_its_null
from test_wording import test_every_sentence_reads_as_english_and_convicts_nobody as reads_well

from analysis_lib import wording
from analysis_lib.methods import ledger
from analysis_lib.results import TestResult, Verdict
from analysis_lib.wording.ledger import FATES, KINDS


@pytest.mark.parametrize("planned", [True, False])
@pytest.mark.parametrize("fake", FAKES_LEDGER, ids=lambda fake: f"{fake.question}-{fake.verdict}")
def test_sentences_read_as_english_and_convict_nobody(fake, planned):
    reads_well(fake, planned)


@pytest.mark.parametrize("fake", [fake for fake in FAKES_LEDGER if isinstance(fake.result, TestResult) and fake.planned])
def test_the_null_is_told(fake):
    says_its_null(fake)


@pytest.mark.parametrize(
    ("fake", "part"),
    [
        (codes(NO), "Of 462 credentials in the log, none is on record as shown to staff."),
        (
            codes(NO, shown=7),
            "7 were shown to staff; none of them was used within a day with no request of the member on record.",
        ),
        (codes(YES, broken=1, shown=1), "1 was shown to staff; 1 of them was used within a day"),
        (codes(YES, broken=3, shown=12, undetermined=1), "(3 shown to national staff). Of 1 it cannot be told."),
        (
            codes(YES, broken=2, shown=2, elsewhere=(("V02", 1), ("V06", 4))),
            "Other rules of credentials are broken by rows that chapter 00 lists and counts (V02, a ballot is cast after the first issue "
            "of its credential: 1 of 60, V06, no credential is sent unasked to a voter who has voted: 4 of 60).",
        ),
        (
            hazard(OPEN),
            "If both kinds were followed alike, 28.8 of the former would be expected. Rate of voting after an unrequested reissue over "
            "that after a requested one: 2.48 (95 % interval 1.43 to 4.51). With so many ballots a ratio below 2.4 would often go unseen.",
        ),
        (hazard(OPEN, readings=True), "Tried under 2 readings of the clocks"),
        (
            hazard(Verdict.UNDETERMINED, sittings=(1, 52, 0.4, True)),
            "The reissues without a logged request were made in one sitting: members helped one after another at a meeting look the same.",
        ),
        (
            delay(Verdict.UNDETERMINED, 0, (23, 20, 0.4, True)),
            "were made in 23 sittings, at most 20 in one; without that one, and with each of the others counted as one, this does not stand "
            "out: members helped one after another at a meeting look the same. A list of meetings, and of who was helped there, would "
            "settle it.",
        ),
    ],
)
def test_what_a_sentence_says(fake, part):
    assert part in wording.sentence(fake)


def test_every_kind_and_end_has_words():
    assert set(KINDS) == set(ledger.KINDS)
    assert set(FATES) == set(ledger.FATES)
    assert len(set(KINDS.values())) == len(KINDS)
