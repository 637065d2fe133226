"""Made-up findings on lists, entitlement and second ballots."""

from __future__ import annotations

from datetime import timedelta
from math import ceil

from fake_parts import NO, START, YES, breach, cannot

from analysis_lib.methods.candidate_lists import CAUSES
from analysis_lib.results import Verdict


def causes(*n):
    return dict(zip(CAUSES, n or (0, 0, 0, 0), strict=True))


def pair(
    days=6,
    members=(26, 0, 0, 0),
    contacts=(12, 0, 3, 1),
    columns=(),
    differs=True,
    compared=True,
    sizes=(500, 497),
    b="Bo Birch",
    other_days=0,
):
    told = {
        "a": "Ann Ash", "b": b, "first_at": START, "second_at": START + timedelta(days=days), "days_apart": ceil(days),
        "is_one_day": not days, "other_days": other_days, "sizes": list(sizes), "compared": compared, "differs": differs,
        "is_open": bool(members[3] or contacts[3] or not compared or 0 < days < 1),
    }  # fmt: skip
    if not compared:
        return told
    return told | {
        "on_both": 1 if members == (1, 0, 0, 0) else 480, "members": causes(*members), "only_first": members[0], "contacts": causes(*contacts),
        "by_field": [], "by_unit": [], "columns": list(columns),
    }  # fmt: skip


def asymmetry(verdict, *pairs, without=()):
    n = sum(item["differs"] for item in pairs)
    lists = [{"holder": "Ann Ash", "copy": "L1", "at": START, "size": 500}]
    return breach(
        "list_asymmetry", verdict, n, len(pairs), pairs=list(pairs), lists=lists, without=list(without), first="Ann Ash"
    )


def entitled(
    verdict,
    barred=0,
    n_open=0,
    refused=0,
    reading="freeze",
    refusals=(),
    struck=0,
    margin=None,
    readings=True,
    n=60,
    disputed=0,
    only="",
):
    by_reading = [
        {"reading": "freeze", "barred": barred, "open": n_open, "voters": n},
        {"reading": "issue", "barred": 5, "open": 0, "voters": n},
    ]
    if only:
        by_reading = [by_reading[0] | {"reading": only}]
    return breach(
        "eligibility_breaches", verdict, barred + refused, n, tested_at="freeze", reading=reading, barred=barred, open=n_open, refused=refused, disputed=disputed,
        refused_open=0, refusals=list(refusals), by_reading=by_reading if readings else [], reasons=[], struck=struck, margin=margin, rows=[],
    )  # fmt: skip


def refusal(how, n=1, voted=0, sure=0, n_open=0, upheld=0):
    return {"how": how, "n": n, "voted": voted, "sure": sure, "open": n_open, "upheld": upheld}


def twice(verdict, in_log=0, across=0, same=0, n_open=0, replaced=0, may_replace=False, missing=(), n=60, aside=0):
    return breach(
        "double_channel_ballots", verdict, in_log + across, n, policy="none", channels=["in_person", "online"], channels_not_held=list(missing),
        in_log=in_log, across_records=across, same_channel=same, open=n_open, aside=aside, replaced=replaced, may_replace=may_replace, by_channels=[], rows=[],
    )  # fmt: skip


OPEN = Verdict.UNDETERMINED
FAKES_LISTS = [
    asymmetry(YES, pair()),
    asymmetry(YES, pair(1, (1, 0, 0, 0), (0, 0, 1, 0), [{"field": "phone", "holder": "Bo Birch"}])),
    asymmetry(YES, pair(), pair(0, differs=False, b="Cy Cedar", members=(0, 0, 0, 2)), pair(3, compared=False, b="Di Oak")),
    asymmetry(YES, pair(6, contacts=(3, 1, 0, 0))),
    asymmetry(NO, pair(0, (0, 0, 0, 0), (0, 0, 0, 0), differs=False)),
    asymmetry(OPEN, pair(0, (0, 0, 0, 1), (0, 0, 0, 0), differs=False), without=["Cy Cedar", "Di Oak"]),
    asymmetry(OPEN, pair(0.5, (0, 0, 0, 0), (0, 0, 0, 0), differs=False)),
    asymmetry(YES, pair(0, (0, 0, 0, 0), (0, 0, 0, 0), other_days=1), pair(3, other_days=2, compared=False, b="Di Oak")),
    asymmetry(OPEN, pair(0, differs=False, compared=False, sizes=(500, None))),
    cannot("list_asymmetry"),
    entitled(NO),
    entitled(NO, struck=1, margin=1, n=1),
    entitled(YES, barred=1, margin=138),
    entitled(YES, barred=3, n_open=2, refused=1, refusals=[refusal("complaints", 3, 1, 1)], struck=4),
    entitled(YES, refused=2, refusals=[refusal("complaints", 2, 0, 2), refusal("applications", 12), refusal("taken_off", 1)]),
    entitled(OPEN, n_open=1, reading=None),
    entitled(OPEN, n_open=1, disputed=1),
    entitled(OPEN, n_open=5, disputed=3),
    entitled(OPEN, n_open=2, reading=None, only="count"),
    entitled(OPEN, refusals=[refusal("complaints", 1, 0, 0, 1, upheld=1)]),
    entitled(OPEN, refusals=[refusal("complaints", 4, 0, 0, 4, upheld=2)]),
    entitled(OPEN, readings=False, refusals=[refusal("published", 20, n_open=20)], n=20),
    cannot("eligibility_breaches"),
    twice(NO),
    twice(YES, in_log=1, replaced=1, same=1),
    twice(YES, in_log=2, across=3, n_open=1, replaced=7, same=2),
    twice(YES, across=1),
    twice(OPEN, n_open=4, may_replace=True, missing=["postal"]),
    twice(OPEN, n_open=1, aside=1),
    twice(YES, across=2, n_open=7, aside=3),
    twice(NO, missing=["postal", "online_kiosk"], n=1),
    cannot("double_channel_ballots"),
]
