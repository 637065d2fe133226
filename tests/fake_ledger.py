"""Made-up findings of what became of credentials, and of how soon ballots followed reissues."""

from __future__ import annotations

from dataclasses import replace

from fake_parts import LONDON, NO, OPEN, WITHIN, YES, a_test, breach

from analysis_lib.methods import reissue_hazard
from analysis_lib.results import Estimate, Verdict

RULES = {
    "V02": "a ballot is cast after the first issue of its credential",
    "V04": "a credential is used only while it is live",
    "V06": "no credential is sent unasked to a voter who has voted",
}


def codes(verdict, broken=0, shown=0, undetermined=0, n=462, roles=None, elsewhere=()):
    """`elsewhere`: rows that break a rule counted in another chapter, as ("V02", 3)."""
    roles = [{"role": "national_staff", "n": broken}] if roles is None and broken else roles or []
    rules = [
        {"check": check, "name": name, "looked": 60, "broken": dict(elsewhere).get(check, 0), "undetermined": 0}
        for check, name in RULES.items()
    ]
    return breach(
        "credential_ledger",
        verdict,
        broken,
        n=n,
        parameters=LONDON | {"within_s": 86400},
        n_shown=shown,
        n_used=broken,
        n_undetermined=undetermined,
        roles=roles,
        kinds=[],
        fates=[],
        elsewhere=rules,
    )


def hazard(verdict, value=2.48, low=1.43, high=4.51, readings=False, counts=(41, 52, 17, 32), sittings=(25, 5, None, False)):
    told = [{"reading": "as_recorded", "pvalue": 0.001}, {"reading": "other_zone", "pvalue": None}]
    name = "rate of voting after an unrequested reissue over that after a requested one"
    effect = Estimate(name=name, value=value, low=low, high=high, confidence_level=0.95, unit="ratio")
    details = dict(zip(("ballots_unrequested", "n_unrequested", "ballots_requested", "n_requested"), counts, strict=True))
    details |= {"sittings": dict(zip(("n", "fullest", "pvalue", "leaves_open"), sittings, strict=True))}
    details |= {"readings": told} if readings else {}
    return a_test(
        "reissue_hazard",
        verdict,
        effect=effect,
        parameters={"n_resamples": 9999},
        null=reissue_hazard.NULL,
        expected_unrequested=28.8,
        smallest_visible=2.355,
        **details,
    )


FAKES_LEDGER = [
    codes(NO),
    codes(NO, shown=1, n=1),
    codes(NO, shown=7),
    codes(YES, broken=1, shown=1),
    codes(YES, broken=3, shown=12, undetermined=1, roles=[{"role": "unknown", "n": 2}, {"role": "local_officer", "n": 1}]),
    codes(YES, broken=2, shown=2, elsewhere=(("V02", 1), ("V06", 4))),
    codes(Verdict.UNDETERMINED, shown=2, undetermined=2),
    hazard(OPEN),
    hazard(OPEN, value=float("inf"), high=float("inf")),
    hazard(WITHIN, value=1.02, low=0.4, high=2.6, counts=(1, 5, 5, 5)),
    hazard(Verdict.UNDETERMINED, readings=True),
    hazard(Verdict.UNDETERMINED, sittings=(1, 52, 0.4, True)),
    replace(hazard(WITHIN), planned=False),
]
