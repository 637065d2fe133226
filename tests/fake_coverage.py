"""Made-up findings on applications, messages that came back and ballots that were taken out."""

from __future__ import annotations

from dataclasses import replace

from fake_parts import LONDON, OPEN, RATIO, START, WITHIN, a_test, cannot

from analysis_lib.methods import application_bursts, application_denials, message_coverage, voided_ballots
from analysis_lib.results import Estimate, Verdict

LEVEL = LONDON | {"confidence_level": 0.95}


def _of(fake, n):
    return replace(fake, result=replace(fake.result, n_observations=n))


def denied(verdict, n=4, asked=120, applicants=600, by_lot=True, others=0, visible=True, low=3, high=66, only_voters=False):
    effect = Estimate(name="applications", value=14.2, low=low, high=high, confidence_level=0.95, unit="applications")
    fake = a_test(
        "application_denials", verdict, "denials", effect, parameters=LEVEL | {"misreport_rate": 0.01}, null=application_denials.NULL,
        n_applicants=applicants, by_lot=by_lot, expected=asked * 0.01, evalue=3.4, smallest_visible=5 if visible else None,
        only_voters=only_voters, n_unsure=others, n_for_me=others, n_volunteers_denying=others, n_without_application=others,
        bounds={"taken_at_their_word": {"low": 4, "high": 80}, "corrected": {"low": 3, "high": 66}},
        by_via=[{"via": "web form", "asked": asked, "denied": n, "for_me": others}],
    )  # fmt: skip
    return replace(_of(fake, asked), result=replace(fake.result, statistic=float(n), n_observations=asked))


def together(verdict, seen=20, largest=20, alone=False, batch=0, one_line=0):
    shared = {
        "expected": 3.2,
        "low": 0.0,
        "high": 9.0,
        "pvalue": 0.001,
        "n": 120,
        "n_reference": 400,
        "largest": largest,
        "n_set_aside": 3,
    }
    moments = shared | {"way": "moments", "start": START, "length_s": 900}
    rows = [
        shared | {"way": "networks", "seen": seen},
        shared | {"way": "addresses", "seen": 0, "largest": 0},
        moments | {"seen": seen},
    ]
    ways = [moments | {"seen": 0}] if alone else rows
    fake = a_test(
        "application_denials",
        verdict,
        "bursts",
        parameters=LEVEL,
        null=application_bursts.NULL,
        ways=ways,
        top=ways[0]["way"],
        n_batch=batch,
        n_one_line=one_line,
    )
    return _of(fake, 1 if alone else 130)


def missed(verdict, form="changed", n=9, size=12, few=False, effect=RATIO, visible=5):
    compared = [message_coverage.UNASKED, message_coverage.OTHERWISE] if few else [message_coverage.UNASKED]
    rows = [(message_coverage.UNCHANGED, 2, 65), (message_coverage.OTHERWISE, 1, 30), (message_coverage.UNASKED, n, size)]
    groups = [{"unit": unit, "events": events, "size": of} for unit, events, of in rows]
    return a_test(
        "message_coverage", verdict, form, effect, parameters=LEVEL, null=message_coverage.NULLS[form], compared=compared, groups=groups,
        smallest_visible=visible,
    )  # fmt: skip


def by_unit(noun, verdict, form, unit, null, events=12, effect=RATIO, visible=True, **more):
    top = {"unit": unit, "events": events, "size": 20, "pvalue": 0.001, "pvalue_adjusted": 0.01}
    told = {"smallest_visible": {"events": 8, "size": 20} if visible else None} if form != "channel" else {}
    return a_test(
        noun, verdict, form, effect, parameters=LEVEL, null=null, top=top, units=[top, top | {"unit": "b"}], **told, **more
    )


def taken_out(verdict, form, unit, n=12, bulk=0, lead=35, declared=False, **more):
    counts = {"n_back": 1, "n_again": n - 1, "n_gone": 0} if not declared else dict.fromkeys(("n_back", "n_again", "n_gone"))
    facts = {"n_given": 300, "n_out": n, "n_unmatched": 0, "n_bulk": bulk, "lead": lead, "kinds": []} | counts
    return by_unit("voided_ballots", verdict, form, unit, voided_ballots.NULLS[form], events=n, **facts, **more)


NO_RATE = Estimate(name="rate", value=float("inf"), low=2.0, high=float("inf"), confidence_level=0.95, unit="ratio")
NO_ODDS = Estimate(name="odds", value=float("nan"), low=0.0, high=float("inf"), confidence_level=0.95, unit="ratio")
UNSURE = Verdict.UNDETERMINED
BRANCHES = message_coverage.NULLS["branch"]
FAKES_COVERAGE = (
    denied(OPEN),
    denied(WITHIN, n=1, asked=2, applicants=1, others=1, visible=False, low=1, high=1),
    denied(OPEN, only_voters=True),
    denied(WITHIN, n=0, others=2),
    denied(UNSURE, n=9, by_lot=False),
    together(OPEN),
    together(WITHIN, seen=0, largest=0),
    together(WITHIN, alone=True),
    cannot("application_denials"),
    missed(OPEN),
    missed(WITHIN, n=1, size=1),
    missed(WITHIN, few=True, effect=NO_ODDS, visible=None),
    missed(OPEN, "said"),
    missed(WITHIN, "said", n=1, few=True),
    by_unit("message_coverage", OPEN, "branch", "Branch C", BRANCHES),
    by_unit("message_coverage", UNSURE, "branch", "the smallest branches", BRANCHES, events=1, effect=NO_RATE, visible=False),
    cannot("message_coverage"),
    taken_out(OPEN, "channel", "postal"),
    taken_out(UNSURE, "channel", "in person", n=1, bulk=1, lead=1, effect=NO_RATE),
    taken_out(WITHIN, "channel", "online", lead=None, declared=True),
    taken_out(OPEN, "day", "2031-10-25", bulk=10),
    taken_out(WITHIN, "day", "a group of days of fewer than 10 ballots", n=1, visible=False),
    taken_out(UNSURE, "administrator", "administrator 01"),
    taken_out(WITHIN, "administrator", "administrator 02", n=1),
    cannot("voided_ballots"),
)  # fmt: skip
