"""Sentences on chains and on shared mailboxes: English, no word that convicts, every number where it belongs."""

import re

import pytest
from cases import BANNED
from fake_chains import FAKES_CHAINS, OPEN, WITHIN, linked, shared_boxes

from analysis_lib import wording


@pytest.mark.parametrize("fake", FAKES_CHAINS, ids=lambda fake: f"{fake.question}-{fake.verdict}-{fake.result.statistic}")
def test_every_sentence_reads_as_english_and_convicts_nobody(fake):
    told = wording.sentence(fake)
    assert not re.search(BANNED, told)
    assert re.match(r"[A-Z0-9]", told)
    assert told.endswith(".")
    assert not re.search(r"None|\bnan\b|\binf\b|  |\.\.| ,| \.|\(\)|_", told)
    assert not re.search(r"\b1 (chains|members|minutes|addresses|changes|reissues|readings)\b", told)
    assert not re.search(r"\b(?!1 )\d+ (chain|member|minute|reading|change|reissue)\b", told)
    assert told.count("(") == told.count(")")
    assert f"If {fake.result.null_hypothesis}, a result at least this extreme would turn up " in told


@pytest.mark.parametrize(
    ("fake", "part"),
    [
        (
            linked(OPEN),
            "each step within 30 minutes of the one before and none with a cause on record; 9.1 were expected (5 to 14 in 95 of 100 "
            "tries with members dealt out at random). Half of them took 10 minutes or less from the change to the ballot. In all 24 one account made both change and reissue. "
            "In all 24 a search found no request for the change. In 12 of them the contact was changed back within 30 minutes after the ballot. "
            "In all 24 such a change came after the last day for changes, which is counted as a breach under changes after the last day. "
            "Fewer than 15 chains would not have stood out by number alone, but only if their steps came close together.",
        ),
        (linked(OPEN, n=1, expected=0.02, low=0, high=0, least=None), "On record is 1 chain in which"),
        (linked(OPEN, n=1, expected=0.02, low=0, high=0, least=None), "It took 10 minutes from the change to the ballot."),
        (linked(WITHIN, n=0, n_alone=0), "51 such changes and 48 such reissues are held"),
        (
            shared_boxes(WITHIN),
            "5 got one that was set for three or more of them, where fewer than 0.1 were expected (0 to 12 in 95 of 100 such contests); "
            "the largest such group has 5 members. 1 address that serves three members or more has been set anew for 5 members; for 5 of "
            "these a search found no request. 2 members with a stop-gap address that reaches nobody were left out. A single group of fewer "
            "than 12 members would not have stood out.",
        ),
        (shared_boxes(WITHIN, least=None), "No single group would have stood out, however large"),
        (
            shared_boxes(WITHIN, joined=2, searched=0),
            "2 addresses that serve three members or more have been set anew for 10 members.",
        ),
    ],
)
def test_numbers_stand_where_they_belong(fake, part):
    assert part in wording.sentence(fake)
