"""Made-up findings for the tests of words: each question with each verdict that it can give, in the singular and the plural."""

from __future__ import annotations

from datetime import timedelta

from cases import utc

from analysis_lib.methods import cast_rate_bursts, channel_gap, reissue_rates, reissue_to_ballot_delay
from analysis_lib.methods.registry import REGISTRY
from analysis_lib.results import Bounds, Breach, Estimate, Finding, NotAnswerable, TestResult, Verdict

LONDON = {"zone": "Europe/London"}
RATIO = Estimate(name="rate over that of the others", value=2.0, low=1.1, high=3.6, confidence_level=0.95, unit="ratio")
COMMON = {
    "statistic_name": "things",
    "n_observations": 60,
    "n_excluded": 0,
    "assumptions": (),
    "innocent_explanations": ("Chance.",),
}


def finding(noun, result, verdict, **more):
    question = REGISTRY[noun]
    family = (
        {"pvalue_adjusted": min(1.0, 2 * result.pvalue), "family": "f", "family_size": 2}
        if isinstance(result, TestResult)
        else {}
    )
    return Finding(question=noun, chapter=question.chapter, grade=question.grade, verdict=verdict, result=result, **family | more)


def breach(noun, verdict, statistic=1, n=60, parameters=LONDON, **details):
    values = COMMON | {
        "n_observations": n,
        "method": noun,
        "rule": "r",
        "verdict": verdict,
        "statistic": statistic,
        "parameters": parameters,
    }
    return finding(noun, Breach(**values, details=details), verdict)


def a_test(noun, verdict, form="", effect=RATIO, parameters=LONDON, null="all is even", **details):
    pvalue = 0.001 if verdict is Verdict.NOT_EXPLAINED else 0.3
    values = COMMON | {
        "method": noun,
        "form": form,
        "null_hypothesis": null,
        "alternative": "greater",
        "statistic": 1,
        "pvalue": pvalue,
        "effect": effect,
        "references": (),
        "parameters": parameters,
    }
    return finding(noun, TestResult(**values, details=details), verdict)


def an_identity(gap=0, declaration="first", wide=0, check="R08", unit="", counted="ballot", cause="unexplained"):
    return {
        "check": check,
        "unit": unit,
        "counted": counted,
        "cause": cause if gap else "",
        "name": "no more votes than ballots received",
        "declaration": declaration,
        "left": "candidates' votes",
        "left_low": 100 + gap,
        "left_high": 100 + gap + wide,
        "right": "ballots received",
        "right_low": 100,
        "right_high": 100,
        "relation": "at_most",
        "gap": gap,
    }


def struck(n, after, margin=35, seats=1, verdict=Verdict.COULD_CHANGE, changed=False):
    names = [("Ann Ash", 561), ("Bo Birch", 561 - margin), ("Cy Cole", 7)]
    before = [{"candidate": name, "ballots": k, "after": after.get(name)} for name, k in names]
    details = {"margin": margin, "seats": seats, "before": before, "winner_changed": changed}
    values = COMMON | {"method": "struck_ballots", "verdict": verdict, "statistic": n, "effect": None, "parameters": {}}
    return finding("struck_ballots", Bounds(**values, details=details), verdict)


START = utc("2031-10-24 02:00:04")


def burst(verdict, form="within_hour", n=14, length=900, expected=0.3, clusters=1, visible=True):
    window = {
        "start": START,
        "end": START + timedelta(seconds=length),
        "length_s": length,
        "count": n,
        "expected": expected,
        "llr": 40.0,
    }
    smallest = [{"length_s": s, "ballots": k} for s, k in ((60, 3), (900, 8), (3600, 13))] if visible else []
    return a_test(
        "cast_rate_bursts",
        verdict,
        form,
        null=cast_rate_bursts.NULLS[form],
        parameters=LONDON | {"n_resamples": 9999},
        window=window,
        clusters=[window] * clusters,
        smallest_visible=smallest,
    )


def outside(
    verdict, before=0, after=0, fewest=None, most=None, batch=0, n=60, roles=(("online", "local_officer"),), longest=2096
):
    by_role = [{"channel": channel, "actor_role": role, "n": before + after} for channel, role in roles] if before + after else []
    total = before + after
    return breach(
        "ballots_outside_window",
        verdict,
        total,
        n=n,
        before=before,
        after=after,
        batch_after=batch,
        longest_s=longest if after else None,
        fewest=total if fewest is None else fewest,
        most=total if most is None else most,
        by_role=by_role,
    )


def falls(*changes, over=0):
    listed = [{"as_of": START, "change": change} for change in changes]
    return breach(
        "falling_turnout_counts",
        Verdict.BREACH_RECORDED if changes or over else Verdict.NO_BREACH,
        len(changes),
        falls=listed,
        total_fall=sum(changes),
        totals=[an_identity(over, "", check="R14")],
    )


def rates(verdict, form, adjusted=(0.01, 0.5), effect=RATIO):
    units = [
        {"unit": f"{form} {i}", "events": 9, "size": 20, "pvalue": p / 2, "pvalue_adjusted": p} for i, p in enumerate(adjusted)
    ]
    return a_test("reissue_rates", verdict, form, effect, null=reissue_rates.NULLS[form], units=units, n_units=len(units))


def delay(verdict, edits=29):
    effect = Estimate(
        name="difference in the share who had voted, unrequested less requested",
        value=0.463,
        low=-0.02,
        high=0.633,
        confidence_level=0.95,
        unit="share",
    )
    row = {"horizon_s": 600, "unrequested": 29, "requested": 3}
    return a_test(
        "reissue_to_ballot_delay",
        verdict,
        effect=effect,
        null=reissue_to_ballot_delay.NULL,
        horizons=[row],
        horizon_s=3600,
        n_unrequested=52,
        n_requested=32,
        n_after_edit_without_request=edits,
        n_by_same_hand=edits,
        n_hands=1,
    )


def gap(verdict, form="counts", lead=138, value=2.47, low=1.46, high=4.07, shares=(0.65, 0.43)):
    effect = Estimate(
        name="odds ratio, online against in person", value=value, low=low, high=high, confidence_level=0.95, unit="ratio"
    )
    return a_test(
        "channel_gap",
        verdict,
        form,
        effect,
        {"max_other_ballots": 60},
        channel_gap.NULL,
        candidate="Ann Ash",
        channels=["online", "in_person"],
        n_tables=1 if form == "counts" else 119330,
        odds_ratio_low=value,
        odds_ratio_high=value,
        ballots_low=[416, 80],
        ballots_high=[720, 384],
        share_low=[share - 0.004 for share in shares],
        share_high=[share + 0.004 for share in shares],
        to_equal_low=92,
        to_equal_high=159,
        lead=lead,
        to_tie=-(-abs(lead) // 2),
    )


def cannot(noun):
    return finding(
        noun,
        NotAnswerable(method=noun, reason="Some of the columns it needs are not held.", needs=("a.b|c.d",)),
        Verdict.CANNOT_BE_ANSWERED,
    )


NO, YES, WITHIN, OPEN = Verdict.NO_BREACH, Verdict.BREACH_RECORDED, Verdict.WITHIN_BASELINE, Verdict.NOT_EXPLAINED


def totals(verdict, n_failing, n, identities, twins=()):
    return breach(
        "totals_reconciliation", verdict, n_failing, n=n, identities=identities, identical_units=[list(units) for units in twins]
    )


def lists(verdict, n_failing, n, *identities):
    return breach("roll_reconciliation", verdict, n_failing, n=n, identities=list(identities))


def a_rule(check, broken=0, looked=20, undetermined=0, elsewhere=False):
    return {
        "check": check,
        "name": "a ballot is cast by a voter on the roll in force",
        "cause": "the list moved on",
        "looked": looked,
        "broken": broken,
        "undetermined": undetermined,
        "counted_elsewhere": elsewhere,
        "rows": [],
    }


def rules(verdict, *listed, n=40):
    return breach(
        "record_rules", verdict, sum(rule["broken"] for rule in listed if not rule["counted_elsewhere"]), n=n, rules=list(listed)
    )


def edits(verdict, roll=0, contact=0, either=0, close=True, largest=17585, n=60, **told):
    account = {"undone": [], "restored": [], "cleared": []} | told
    return breach(
        "edits_outside_window",
        verdict,
        roll + contact,
        n=n,
        late={"roll": roll, "contact": contact},
        either=either,
        deadline=START,
        close=START + timedelta(days=1) if close else None,
        largest_s=largest if roll + contact else None,
        allowed={"exception_granted": 0, "deceased": 0},
        account=account,
    )


FAKES = [
    totals(NO, 0, 1, [an_identity()]),
    totals(NO, 0, 15, [an_identity()] * 15),
    totals(YES, 1, 1, [an_identity(81)]),
    totals(YES, 1, 2, [an_identity(1, wide=3), an_identity()]),
    totals(YES, 4, 4, [an_identity(1), an_identity(2, "correction"), an_identity(3), an_identity(4, unit="North")]),
    totals(YES, 300, 1765, [an_identity(1, unit="smaller units")], [("A", "B"), ("C", "D", "E")]),
    totals(YES, 1, 1, [an_identity(1, counted="vote", cause="as stated by The party")]),
    totals(YES, 1, 1, [an_identity(0.25)]),
    lists(NO, 0, 6, an_identity(0, "", counted="member")),
    lists(NO, 0, 1, an_identity(0, "", counted="row")),
    lists(YES, 1, 6, an_identity(21, "", check="R02", counted="member", cause="as stated by The party")),
    lists(YES, 1, 6, an_identity(1, "", check="R05", counted="message")),
    rules(NO, a_rule("V01"), a_rule("V03", 6, elsewhere=True), a_rule("V04", looked=None)),
    rules(NO, a_rule("V01"), n=1),
    rules(YES, a_rule("V01", 1), a_rule("V02")),
    rules(YES, *(a_rule(f"V0{i}", i) for i in (1, 2, 4, 5, 6))),
    rules(Verdict.UNDETERMINED, a_rule("V02", undetermined=1)),
    edits(NO),
    edits(NO, n=1),
    edits(YES, contact=1),
    edits(YES, roll=1, contact=3, close=False),
    edits(YES, roll=12, either=1, largest=1),
    edits(Verdict.UNDETERMINED, either=4),
    edits(
        NO,
        undone=[{"at": START, "n": 1, "seconds": 222}, {"at": START, "n": 2, "seconds": 60}],
        restored=[
            {"at": START, "n": 11, "n_restored": 11, "fewest_s": 2043, "most_s": 2043},
            {"at": START, "n": 1, "n_restored": 1, "fewest_s": 60, "most_s": 60},
            {"at": START, "n": 3, "n_restored": 2, "fewest_s": 60, "most_s": 90061},
            {"at": START, "n": 1, "n_restored": 0, "fewest_s": None, "most_s": None},
        ],
        cleared=[
            {"at": START, "field": "email", "on_return": False, "n": 4, "n_set_again": 2},
            {"at": START, "field": "phone", "on_return": False, "n": 1, "n_set_again": 0},
            {"at": START, "field": "postal_address", "on_return": False, "n": 1, "n_set_again": 1},
        ],
    ),
    struck(82, {"Ann Ash": 479, "Bo Birch": 526}, changed=True),
    struck(82, {"Ann Ash": 479}, changed=True),
    struck(20, {"Bo Birch": 506}, verdict=Verdict.COULD_NOT_CHANGE),
    struck(1, {}, verdict=Verdict.COULD_NOT_CHANGE),
    struck(1, {}, margin=1),
    struck(600, {}, seats=2, margin=35),
    burst(OPEN),
    burst(OPEN, clusters=3),
    burst(OPEN, "peer_baseline", expected=0.02),
    burst(OPEN, "turnout_counts", n=21528, length=121, visible=False),
    burst(WITHIN),
    burst(WITHIN, n=2, length=60),
    burst(WITHIN, n=0),
    burst(WITHIN, visible=False),
    burst(WITHIN, "peer_baseline"),
    falls(),
    falls(-410),
    falls(-75169, -12407),
    falls(over=3),
    falls(-2, over=1),
    outside(NO),
    outside(NO, n=1),
    outside(NO, batch=1),
    outside(NO, batch=34),
    outside(YES, after=6),
    outside(YES, before=1),
    outside(YES, before=2, after=1, n=3, longest=30),
    outside(YES, after=1, n=1, longest=90061),
    outside(YES, after=9, fewest=4, most=9),
    outside(Verdict.UNDETERMINED, after=1, fewest=0),
    outside(Verdict.UNDETERMINED, fewest=0, most=2),
    outside(YES, after=2, roles=(("officer_entered", "unknown"), ("in_person", "self"))),
    rates(OPEN, "branch"),
    rates(OPEN, "administrator"),
    rates(WITHIN, "branch", (0.5, 0.6)),
    rates(OPEN, "branch", (0.01, 0.02)),
    rates(OPEN, "administrator", (0.01, 0.02)),
    rates(
        OPEN,
        "administrator",
        effect=Estimate(name="rate", value=float("inf"), low=float("inf"), high=float("inf"), confidence_level=0.9, unit="ratio"),
    ),
    delay(OPEN),
    delay(OPEN, 0),
    delay(WITHIN),
    gap(OPEN),
    gap(OPEN, "at_most_60_other"),
    gap(WITHIN),
    gap(WITHIN, "at_most_60_other"),
    gap(OPEN, lead=0),
    gap(OPEN, lead=-138),
    gap(OPEN, value=float("inf"), low=1.2, high=float("inf"), shares=(0.99, 0.5)),
    gap(WITHIN, value=float("nan"), low=0.0, high=float("inf")),
    *(cannot(noun) for noun in REGISTRY),
]
