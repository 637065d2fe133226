"""Made-up findings for the tests of words: each question with each verdict that it can give, in the singular and the plural."""

from __future__ import annotations

from datetime import timedelta

from fake_chains import FAKES_CHAINS
from fake_coverage import FAKES_COVERAGE
from fake_ledger import FAKES_LEDGER
from fake_lists import FAKES_LISTS
from fake_officers import FAKES_OFFICERS
from fake_parts import COMMON, NO, OPEN, RATIO, START, WITHIN, YES, a_test, an_identity, breach, cannot, finding
from fake_roll import FAKES_ROLL
from fake_timing import (
    begun,
    burst,
    down_a_list,
    even,
    extended,
    falls,
    late_bounds,
    mixed,
    numbered,
    origins,
    outside,
    outside_counts,
    shifted,
    surge,
)

from analysis_lib.methods import (
    channel_gap,
    reissue_rates,
    reissue_to_ballot_delay,
)
from analysis_lib.methods.registry import REGISTRY
from analysis_lib.results import Bounds, Estimate, Verdict
from analysis_lib.wording.evidence import CAUSES


def struck(n, after, margin=35, seats=1, verdict=Verdict.COULD_CHANGE, changed=False):
    names = [("Ann Ash", 561), ("Bo Birch", 561 - margin), ("Cy Cole", 7)]
    before = [{"candidate": name, "ballots": k, "after": after.get(name)} for name, k in names]
    details = {"margin": margin, "seats": seats, "before": before, "winner_changed": changed}
    values = COMMON | {"method": "struck_ballots", "verdict": verdict, "statistic": n, "effect": None, "parameters": {}}
    return finding("struck_ballots", Bounds(**values, details=details), verdict)


def rates(verdict, form, adjusted=(0.01, 0.5), effect=RATIO):
    units = [
        {"unit": f"{form} {i}", "events": 9, "size": 20, "pvalue": p / 2, "pvalue_adjusted": p} for i, p in enumerate(adjusted)
    ]
    return a_test("reissue_rates", verdict, form, effect, null=reissue_rates.NULLS[form], units=units, n_units=len(units))


def delay(verdict, edits=29, sittings=(25, 5, None, False)):
    effect = Estimate(
        name="difference in the share who had voted, unrequested less requested",
        value=0.463,
        low=-0.02,
        high=0.633,
        confidence_level=0.95,
        unit="points",
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
        sittings=dict(zip(("n", "fullest", "pvalue", "leaves_open"), sittings, strict=True)),
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


def edits(verdict, roll=0, contact=0, either=0, close=True, largest=17585, n=60, doubtful=(0, 0), apart=None, **told):
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
        open=dict(zip(("roll", "contact"), doubtful, strict=True)),
        largest_s=largest if roll + contact + sum(doubtful) else None,
        apart=apart or {},
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
    edits(Verdict.UNDETERMINED, doubtful=(0, 1)),
    edits(Verdict.UNDETERMINED, doubtful=(3, 2), apart={"deceased": 1, "self": 2}),
    edits(YES, roll=1, doubtful=(1, 4)),
    edits(NO, apart={"self": 1}, close=False),
    edits(NO, apart=dict.fromkeys(CAUSES, 1)),
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
    burst(WITHIN, "hours", length=7200),
    burst(OPEN, "hours", length=86400),
    burst(Verdict.UNDETERMINED, "peer_baseline"),
    burst(OPEN, "turnout_counts", visible=False, slow=1),
    burst(WITHIN, "turnout_counts", visible=False, slow=2),
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
    outside(Verdict.UNDETERMINED, after=3, fewest=0, most=5, sides={"before": [0, 5], "after": [0, 3]}),
    outside(YES, after=2, roles=(("officer_entered", "unknown"), ("in_person", "self"))),
    outside(YES, after=6, sessions=begun(4, 1), extensions=[extended()]),
    outside(YES, after=1, sessions=begun(1, 0), extensions=[extended("before", 0, 0), extended("unknown", 1, minutes=-15)]),
    outside(NO, sessions=begun(0, 2), extensions=[extended("after", 1, 0)]),
    outside_counts(NO),
    outside_counts(Verdict.UNDETERMINED, 0, 1),
    outside_counts(YES, 1, 3),
    outside_counts(YES, 3, 1410, before=False),
    surge(OPEN),
    surge(WITHIN, n=1, size=60, n_stretches=1),
    surge(WITHIN, n=0, expected=0.02, visible=1),
    surge(Verdict.UNDETERMINED, "own_days"),
    surge(WITHIN, "own_days", expected=0.0, visible=None),
    even(OPEN),
    even(OPEN, kind="session", n=1),
    even(OPEN, "band_run", "network", cv=None),
    even(OPEN, "band_run", "administrator's login"),
    even(WITHIN, kind="device", ballots=11, cv=0.562, gap=682.0),
    even(WITHIN, least=None),
    even(WITHIN, "band_run", ballots=2, cv=None),
    even(WITHIN, "band_run", ballots=0),
    even(WITHIN, "band_run", least=None),
    down_a_list(OPEN),
    down_a_list(OPEN, "issue"),
    down_a_list(OPEN, view="unit by unit", together=3.5, expected=0.02),
    down_a_list(WITHIN, run=2, together=1.0),
    down_a_list(WITHIN, run=1, together=0.0),
    down_a_list(WITHIN, least=None),
    numbered(OPEN),
    numbered(OPEN, missing=9, stamps=(2, 0.3), late=False),
    numbered(WITHIN, k=0),
    numbered(WITHIN, k=0, missing=1, stamps=None),
    numbered(WITHIN, k=1, block=1, stamps=(1, 1.0), least=2),
    numbered(WITHIN, k=3, block=2),
    mixed(OPEN),
    mixed(OPEN, -0.98, 0.01),
    mixed(WITHIN, 0.02, 0.5),
    origins(OPEN),
    origins(OPEN, left_out=34, visits=3),
    origins(WITHIN, seen=(0, 0, 0, 1), left_out=1, visits=1, least=None),
    origins(WITHIN, "device", seen=(3, 0, 0, 3)),
    origins(Verdict.UNDETERMINED, n=1),
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
    delay(Verdict.UNDETERMINED, 0, (23, 20, 0.4, True)),
    delay(WITHIN),
    gap(OPEN),
    gap(OPEN, "at_most_60_other"),
    gap(WITHIN),
    gap(WITHIN, "at_most_60_other"),
    gap(OPEN, lead=0),
    gap(OPEN, lead=-138),
    gap(OPEN, value=float("inf"), low=1.2, high=float("inf"), shares=(0.99, 0.5)),
    gap(WITHIN, value=float("nan"), low=0.0, high=float("inf")),
    shifted(OPEN),
    shifted(WITHIN, visible=0.01),
    shifted(WITHIN, adjusted=-0.01, trend=False),
    shifted(Verdict.UNDETERMINED, road="interim", trend=False),
    shifted(Verdict.UNDETERMINED, rank=4, form="after_close_final_two"),
    late_bounds(Verdict.COULD_CHANGE),
    late_bounds(Verdict.COULD_CHANGE, n=1, margin=1, fewest=1),
    late_bounds(Verdict.COULD_NOT_CHANGE, n=0, fewest=None),
    late_bounds(Verdict.COULD_NOT_CHANGE, exact=True, fewest=None),
    late_bounds(Verdict.UNDETERMINED, fewest=None),
    *(cannot(noun) for noun in REGISTRY),
]
FAKES += [*FAKES_LEDGER, *FAKES_OFFICERS, *FAKES_CHAINS, *FAKES_ROLL, *FAKES_LISTS, *FAKES_COVERAGE]
