"""Made-up findings on chains of change, reissue and ballot, and on shared mailboxes."""

from __future__ import annotations

from fake_parts import OPEN, WITHIN, a_test

from analysis_lib.methods import edit_reissue_ballot_chains, shared_destinations
from analysis_lib.results import Estimate, Verdict


def linked(verdict, n=24, expected=9.1, low=5, high=14, least=15, changes=51, reissues=48, **more):
    effect = Estimate(
        name="chains beyond those expected", value=n - expected, low=n - high, high=n - low, confidence_level=None, unit="chains"
    )
    made = a_test(
        "edit_reissue_ballot_chains", verdict, effect=effect, null=edit_reissue_ballot_chains.NULL,
        parameters={"gap_s": 1800, "n_resamples": 9999, "confidence_level": 0.95}, n={"changes": changes, "reissues": reissues, "ballots": 225},
        n_chains=n, n_members=n, n_none_found=n, n_after_last_day=n, n_one_hand=n, n_undone=n // 2, median_s=616 if n else None,
        n_with_cause=0, n_disputed=0,
        hands=[{"hand": "administrator 01", "n": n}], expected=expected, low=low, high=high, n_alone=0, smallest_visible=least,
    )  # fmt: skip
    made.result.details.update(more)
    object.__setattr__(made.result, "statistic", float(n))
    return made


def shared_boxes(verdict, seen=5, largest=5, joined=1, least=12, n_not_set=2, searched=5):
    tallies = [
        {"at_least": k, "seen": s, "expected": 0.04, "low": 0.0, "high": 12.0, "pvalue": 0.2}
        for k, s in ((3, seen), (5, seen), (10, 0), (None, largest))
    ]
    effect = Estimate(
        name="members in groups of three or more, beyond those expected", value=seen - 0.04, low=seen - 12, high=seen, confidence_level=None, unit="members"
    )  # fmt: skip
    return a_test(
        "shared_destinations", verdict, "destination", effect=effect, null=shared_destinations.NULL, parameters={"confidence_level": 0.95, "reference": "roll"},
        tallies=tallies, joined=[{"n_members": 5, "n_new": 5, "n_none_found": searched, "n_hands": 1}] * joined, n_not_set=n_not_set, smallest_visible=least,
    )  # fmt: skip


FAKES_CHAINS = [
    linked(OPEN),
    linked(OPEN, n=1, expected=0.02, low=0, high=0, least=1, n_alone=0, n_with_cause=1),
    linked(WITHIN, n=2, expected=1.0, low=0, high=2, least=None, n_none_found=1, n_undone=0, n_after_last_day=0, n_alone=1),
    linked(WITHIN, n=0, expected=0.0, low=0, high=0, least=None, changes=1, reissues=19),
    linked(WITHIN, n=0, expected=0.0, low=0, high=0, least=None, changes=0, reissues=1, n_with_cause=28, n_disputed=28),
    linked(Verdict.UNDETERMINED, n=3, n_none_found=0, n_one_hand=0, n_after_last_day=None, readings=[{"pvalue": 0.001}, {"pvalue": 0.3}]),
    shared_boxes(OPEN, seen=30, largest=30),
    shared_boxes(WITHIN),
    shared_boxes(WITHIN, seen=0, largest=0, joined=0, least=None, n_not_set=0),
    shared_boxes(WITHIN, seen=8, largest=5, joined=2, n_not_set=1, searched=0),
]  # fmt: skip
