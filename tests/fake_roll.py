"""Made-up findings on changes of the roll and of contact details, and on the ballots after them."""

from __future__ import annotations

from datetime import date, timedelta

from fake_parts import OPEN, START, WITHIN, a_test, cannot

from analysis_lib.methods import changed_contact_ballots, contact_change_churn, roll_change_bursts
from analysis_lib.results import Estimate, Verdict

MANY = Estimate(
    name="that day over the mean of the days near it", value=52.0, low=51.0, high=53.0, confidence_level=0.95, unit="ratio"
)
ENDLESS = Estimate(
    name="rate over that of the others", value=float("inf"), low=1.7, high=float("inf"), confidence_level=0.95, unit="ratio"
)


def a_day(n, expected=2548.6, kind="removed", day=date(2031, 7, 16)):
    return {"kind": kind, "day": day, "n": n, "expected": expected, "pvalue": 0.001}


def days(verdict, *out, form="log", kinds=("added", "removed"), bulk=(), n_out=None, top=None):
    details = {"out": list(out), "n_out": len(out) if n_out is None else n_out, "kinds": list(kinds), "zone": "Europe/London"}
    details |= {
        "top": top or (out[0] if out else a_day(3, 0.3)),
        "bulk": [{"kind": kind, "at": START, "n": n} for kind, n in bulk],
    }
    return a_test("roll_change_bursts", verdict, form, effect=MANY, null=roll_change_bursts.NULLS[form], **details)


def weeks(verdict, seen=30, n_weeks=8, expected=2.0, bulk=(), field="email"):
    details = {
        "fields": [{"field": field, "seen": seen}], "field": field, "start": START, "zone": "Europe/London", "n_weeks": n_weeks,
        "expected": expected, "low": 0.0, "high": 6.0, "bulk": [{"n": n} for n in bulk],
    }  # fmt: skip
    return a_test("contact_change_churn", verdict, "period", null=contact_change_churn.NULLS["period"], **details)


def units(verdict, form, events=16, size=67, n=20, effect=None):
    top = {"unit": "Branch B" if form == "branch" else "administrator 01", "events": events, "size": size, "pvalue": 0.001}
    rest = {"unit": "Z", "events": 0, "size": 9, "pvalue": 1.0}
    more = {"effect": effect} if effect else {}
    return a_test(
        "contact_change_churn", verdict, form, null=contact_change_churn.NULLS[form], units=[rest, top], n_units=n, **more
    )


def after(verdict, form="with_times", unasked=(25, 25, 519.0), asked=(19, 14, 5942.0), **details):
    names = ("n", "voted", "median_delay_s")
    groups = [dict(zip(names, values, strict=True)) for values in (unasked, asked)]
    return a_test("changed_contact_ballots", verdict, form, null=changed_contact_ballots.NULLS[form], groups=groups, **details)


READINGS = [{"reading": "as_recorded", "pvalue": 0.001}, {"reading": "shifted", "pvalue": 0.4}]
FAKES_ROLL = [
    days(OPEN, a_day(132_003, kind="changed"), a_day(1, 0.01, "added"), form="counts", kinds=("added", "removed", "changed")),
    days(OPEN, a_day(40), *(a_day(n, 1.0, "entitlement changed") for n in (9, 8, 7)), n_out=5),
    days(OPEN, a_day(1, 0.02), n_out=1, kinds=("removed",)),
    days(OPEN, *(a_day(9 - i, 1.0) for i in range(3)), n_out=4),
    days(WITHIN, bulk=[("moved to another branch", 60), ("added", 12)]),
    days(WITHIN, bulk=[("added", 82)], top=a_day(1, 0.04, "moved to another branch", START + timedelta(hours=1))),
    days(Verdict.UNDETERMINED, a_day(2, 0.5)),
    cannot("roll_change_bursts"),
    weeks(OPEN),
    weeks(WITHIN, seen=1, n_weeks=4, expected=0.0, bulk=(40,), field="phone"),
    weeks(Verdict.UNDETERMINED, seen=0, bulk=(1000, 40, 12, 10), field="postal_address"),
    units(OPEN, "branch"),
    units(WITHIN, "branch", 1, 12, effect=ENDLESS),
    units(Verdict.UNDETERMINED, "administrator", 29, 34, 4, ENDLESS),
    units(WITHIN, "administrator", 1, 1, 2),
    cannot("contact_change_churn"),
    after(OPEN),
    after(WITHIN, unasked=(1, 0, None), asked=(1, 1, 1.0)),
    after(Verdict.UNDETERMINED, readings=READINGS),
    after(OPEN, "register", (20, 20, None), (20, 1, None)),
    cannot("changed_contact_ballots"),
]
