"""Made-up findings of the questions on administrators' hours, sittings and aims."""

from __future__ import annotations

from fake_parts import LONDON, OPEN, WITHIN, a_test, cannot

from analysis_lib.methods import administrator_sessions, nonvoter_targeting, off_hours_actions, view_work
from analysis_lib.results import Estimate, Verdict

SHARE = Estimate(name="share beyond that of chance", value=0.25, low=0.02, high=0.4, confidence_level=0.95, unit="share")


def aimed(verdict, form="share", n=30, expected=20.2, least=27, n_sittings=3):
    left_out = {"asked_for": 12, "unknown": 1, "bounced": 3, "repeated": 0}
    return a_test(
        "nonvoter_targeting", verdict, form, effect=SHARE, null=nonvoter_targeting.NULLS[form], n=n, expected=expected,
        smallest_visible=least, left_out=left_out,
        sittings={"n": n_sittings, "fullest": 9, "pvalue": 0.4, "leaves_open": verdict is Verdict.UNDETERMINED},
    )  # fmt: skip


def after_view(verdict, administrators=2, unasked=1, n_unasked=1, least=9):
    row = {
        "administrator": "administrator 01", "sittings": 20, "looks": 9, "unasked_after": unasked, "n_unasked": n_unasked,
        "asked_after": 2, "n_asked": 11, "pvalue": 0.002, "pvalue_adjusted": 0.004,
    }  # fmt: skip
    return a_test(
        "nonvoter_targeting", verdict, "after_view", effect=SHARE, null=view_work.NULL, parameters={"view_s": 1800},
        administrators=[row | {"administrator": f"administrator {i + 1:02d}"} for i in range(administrators)], smallest_visible=least,
    )  # fmt: skip


def inside(verdict, administrators=2, ballots=14, expected=5.2, n_sittings=20, least=6, readings=(), by_role=False):
    row = {
        "administrator": "administrator 01", "sittings": n_sittings, "left_out": 3, "ballots": ballots, "expected": expected,
        "pvalue": 0.001, "pvalue_adjusted": 0.002,
    }  # fmt: skip
    told = {"readings": list(readings)} if readings else {}
    return a_test(
        "administrator_sessions", verdict, "inside", null=administrator_sessions.NULLS["inside"], n_after_code=1, n_on_lines=2,
        by_role=by_role,
        administrators=[row | {"administrator": f"administrator {i + 1:02d}"} for i in range(administrators)], smallest_visible=least, **told,
    )  # fmt: skip


def own_line(verdict, administrators=2, own=8, unasked=10, least=4):
    row = {
        "administrator": "administrator 01", "own_unasked": own, "n_unasked": unasked, "own_asked": 0, "n_asked": 6, "own_others": 3,
        "n_others": 180, "pvalue": 0.001, "pvalue_adjusted": 0.002,
    }  # fmt: skip
    return a_test(
        "administrator_sessions", verdict, "own_line", null=administrator_sessions.NULLS["own_line"],
        administrators=[row | {"administrator": f"administrator {i + 1:02d}"} for i in range(administrators)], smallest_visible=least,
    )  # fmt: skip


def hours(verdict, form="period", administrators=2, off=3, n_hours=40, days=12, before=50, which=(2, 3), least=2):
    row = {
        "administrator": "administrator 01", "days": days, "days_before": before, "hours": n_hours, "off": off, "expected": 0.2,
        "off_hours": list(which), "pvalue": 0.001, "pvalue_adjusted": 0.002,
    }  # fmt: skip
    return a_test(
        "off_hours_actions", verdict, form, effect=SHARE, null=off_hours_actions.NULLS[form], parameters=LONDON,
        administrators=[row | {"administrator": f"administrator {i + 1:02d}"} for i in range(administrators)], smallest_visible=least,
    )  # fmt: skip


READ_TWICE = (
    {"reading": "as_recorded", "pvalue": 0.004, "statistic": 9},
    {"reading": "other_zone", "pvalue": 0.6, "statistic": 4},
)
UNDETERMINED = Verdict.UNDETERMINED
FAKES_OFFICERS = [
    aimed(OPEN),
    aimed(WITHIN, "silent", n=1, expected=0.04, least=None),
    aimed(UNDETERMINED, "silent"),
    after_view(OPEN, unasked=12, n_unasked=14),
    after_view(WITHIN),
    after_view(UNDETERMINED, administrators=1, least=None),
    inside(OPEN),
    inside(WITHIN, administrators=1, ballots=1, n_sittings=1, least=1),
    inside(UNDETERMINED, readings=READ_TWICE),
    inside(WITHIN, by_role=True),
    own_line(OPEN),
    own_line(WITHIN, administrators=1, own=0, unasked=1, least=None),
    own_line(UNDETERMINED, own=1),
    hours(OPEN),
    hours(WITHIN, off=1, n_hours=1, days=1, before=1, which=(2,), administrators=1, least=None),
    hours(WITHIN, off=0, which=()),
    hours(UNDETERMINED, "peers", which=tuple(range(8))),
    cannot("nonvoter_targeting"),
    cannot("administrator_sessions"),
    cannot("off_hours_actions"),
]
