"""Made-up findings of the chapters on when ballots came in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from fake_parts import COMMON, LONDON, START, a_test, an_identity, breach, finding

from analysis_lib.methods import (
    cast_rate_bursts,
    closing_surge,
    late_choice_shift,
    list_order,
    operator_gaps,
    record_order,
    shared_origin,
)
from analysis_lib.results import Bounds, Breach, Estimate, Verdict


def burst(verdict, form="within_hour", n=14, length=900, expected=0.3, clusters=1, visible=True, slow=0):
    window = {
        "start": START,
        "end": START + timedelta(seconds=length),
        "length_s": length,
        "count": n,
        "expected": expected,
        "llr": 40.0,
    }
    smallest = (
        [{"length_s": s, "ballots": k, "ballots_busy": 2 * k} for s, k in ((60, 3), (900, 8), (3600, 13))] if visible else []
    )
    rise = {"start": START, "end": START + timedelta(hours=5), "count": 900, "before": 90.0, "after": 80.0, "excess": 400.0}
    return a_test(
        "cast_rate_bursts",
        verdict,
        form,
        null=cast_rate_bursts.NULLS[form],
        parameters=LONDON | {"n_resamples": 9999},
        window=window,
        clusters=[window] * clusters,
        smallest_visible=smallest,
        slow_rises=[rise] * slow,
    )


def outside(
    verdict,
    before=0,
    after=0,
    fewest=None,
    most=None,
    batch=0,
    n=60,
    roles=(("online", "local_officer"),),
    longest=2096,
    extensions=(),
    sessions=None,
    sides=None,
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
        near=0,
        longest_s=longest if after else None,
        fewest=total if fewest is None else fewest,
        most=total if most is None else most,
        sides=sides or {"before": [before, before], "after": [after, after]},
        by_role=by_role,
        extensions=extensions,
        sessions=sessions,
    )


def extended(told="after", between=12, notice=3, minutes=30):
    """A close put off by some minutes, or brought forward by a negative number of them."""
    close = START + timedelta(minutes=minutes)
    notice = None if told == "unknown" else notice
    told = {"channel": "in_person", "old_close": START, "new_close": close, "told": told, "between": between}
    return told | {"announced_at": None if notice is None else START, "before_notice": notice}


def begun(late=4, covered=0):
    names = [f"{where}{what}" for where in ("", "in_grace_") for what in ("begun_before", "begun_after", "unknown")]
    return dict.fromkeys(names, 0) | {"begun_before": late, "in_grace_begun_before": covered}


def outside_counts(verdict, fewest=0, most=0, before=True):
    row = {
        "channel": "online",
        "closes_at": START,
        "n_readings": 9,
        "before_at": START - timedelta(minutes=5) if before else None,
        "after_at": START + timedelta(minutes=5),
        "last_at": START + timedelta(hours=1),
        "last_n": 412,
        "fewest": fewest,
        "most": most,
    }
    values = COMMON | {"method": "ballots_outside_window", "form": "turnout_counts", "rule": "r", "verdict": verdict}
    values |= {"statistic": fewest, "parameters": LONDON}
    details = {"counts": [row], "fewest": fewest, "most": most, "window_actions": []}
    return finding("ballots_outside_window", Breach(**values, details=details), verdict)


def surge(verdict, form="peers", n=12, size=234, expected=4.0, visible=11, n_stretches=3):
    row = {"length_s": 3600, "count": n, "size": size, "expected": expected, "low": 1, "high": 9, "smallest_visible": visible}
    row |= {
        "n_others": 20,
        "n_left_out": 0,
        "pvalue": 0.001,
        "pvalue_adjusted": 0.003,
        "ratio": n / expected if expected else None,
    }
    effect = Estimate(name="ballots above", value=n - expected, low=3, high=11, confidence_level=0.95, unit="ballots")
    details = {"stretch": row, "stretches": [row] * n_stretches, "smallest_visible": visible}
    return a_test("closing_surge", verdict, form, effect, null=closing_surge.NULLS[form], **details)


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


def even(verdict, form="even_gaps", kind="block", ballots=26, cv=0.131, least=9, n=64, gap=40.92):
    stretch = {"kind": kind, "ballots": ballots, "start": START, "end": START + timedelta(minutes=17), "mean_s": gap, "cv": cv}
    effect = Estimate(name="ballots beyond", value=21.2, low=18.0, high=24.0, confidence_level=None, unit="ballots")
    return a_test(
        "operator_gaps",
        verdict,
        form,
        effect,
        LONDON | {"gap_band_s": [20, 90]},
        operator_gaps.NULLS[form],
        stretch=stretch if ballots else None,
        n_stretches=n,
        expected_ballots=4.8,
        smallest_visible=least,
    )


def down_a_list(verdict, form="roll", view="all together", run=12, together=11.0, expected=0.98, least=5):
    return a_test(
        "list_order",
        verdict,
        form,
        null=list_order.NULL,
        run={"view": view, "voters": run, "start": START, "end": START + timedelta(minutes=8)},
        tests=[{"view": view, "test": "successions", "statistic": together, "expected": expected}],
        smallest_visible=least,
    )


def shifted(
    verdict, late=100, adjusted=0.12, road="bins", rank=1, trend=True, form="after_close", visible=0.2, drift=-0.024, excess=0.11
):
    effect = Estimate(
        name="share of Ann Ash among late ballots, against where the earlier drift leads", value=excess, low=excess - 0.12, high=excess + 0.12,
        confidence_level=0.95, unit="points",
    )  # fmt: skip
    if not trend:
        effect = Estimate(name="odds of choosing Ann Ash", value=1.6, low=0.9, high=2.8, confidence_level=0.95, unit="ratio")
    rows = [
        {"candidate": name, "late_share": share, "share": 0.5, "adjusted": sign * adjusted}
        for name, share, sign in (("Ann Ash", 0.62, 1), ("Bo Birch", 0.38, -1))
    ]
    expected = {"first": "Ann Ash", "second": "Bo Birch", "n": late, "seen": 0.194, "led_to": -0.188}
    return a_test(
        "late_choice_shift", verdict, form, effect, null=late_choice_shift.NULLS["trend" if trend else "exchange"], by_candidate=rows,
        candidate="Ann Ash", n_late=late, n_on_time=900, cut_at=START, road=road, has_trend=trend, rank=rank, n_placebos=9,
        smallest_visible=visible, expected=expected, drift_per_day=drift, share_if_even=0.62 - excess,
    )  # fmt: skip


def late_bounds(verdict, n=35, exact=False, margin=30, fewest=30):
    low, high = (10, 10) if exact else (0, n)
    names = (("Ann Ash", 561), ("Bo Birch", 561 - margin))
    details = {
        "candidates": [{"candidate": c, "ballots": k, "late_low": low, "late_high": high} for c, k in names], "is_exact": exact, "n_cells": 1,
        "margin": margin, "fewest": fewest, "one_round": verdict is not Verdict.UNDETERMINED, "elected": "Ann Ash", "rival": "Bo Birch", "cut_at": START,
    }  # fmt: skip
    effect = Estimate(
        name="lead", value=0, low=margin - n, high=margin if exact else margin + n, confidence_level=None, unit="ballots"
    )
    effect = (
        Estimate(name="lead", value=margin, low=margin, high=margin, confidence_level=None, unit="ballots") if exact else effect
    )
    values = COMMON | {"method": "late_choice_bounds", "verdict": verdict, "statistic": n, "effect": effect, "parameters": LONDON}
    return finding("late_choice_bounds", Bounds(**values, details=details), verdict)


def numbered(verdict, k=12, block=5, missing=0, stamps=(0, 0.02), n=300, late=True, least=3, n_logs=1):
    effect = Estimate(
        name="entries of the longest block beyond those that scattered ones make", value=block - 1.2, low=block - 2, high=block - 1,
        confidence_level=None, unit="entries",
    )  # fmt: skip
    told = {
        "length": block, "first": START, "last": START + timedelta(minutes=9), "after": START + timedelta(hours=5), "before": None,
        "n_late": block if late else 0, "largest_s": 18_000.0,
    }  # fmt: skip
    found = a_test(
        "record_order", verdict, "seq_vs_time", effect, null=record_order.NULLS["seq_vs_time"], n_displaced=k, n_pairs=9 * k,
        largest_s=18_000.0 if k else 0.0, block=told if k else None, n_missing=missing, smallest_visible=least,
        nothing_out=not k, n_logs=n_logs,
        stamps=None if stamps is None else {"n": stamps[0], "n_entries": 3 * stamps[0], "largest": 3, "expected": stamps[1]},
    )  # fmt: skip
    return replace(found, result=replace(found.result, n_observations=n))


def mixed(verdict, tau=0.98, rising=0.99):
    effect = Estimate(
        name="Kendall's tau of place in the file and time", value=tau, low=max(-1.0, tau - 0.1), high=min(1.0, tau + 0.1),
        confidence_level=0.95, unit="ratio",
    )  # fmt: skip
    return a_test("record_order", verdict, "shuffled", effect, null=record_order.NULLS["shuffled"], rising=rising)


def origins(verdict, form="network", seen=(49, 36, 30, 30), left_out=0, visits=0, least=17, n=218, expected=7.5):
    effect = Estimate(
        name="ballots in groups of three or more, beyond those expected", value=seen[0] - 7.5, low=seen[0] - 21.0, high=float(seen[0]),
        confidence_level=None, unit="ballots",
    )  # fmt: skip
    tallies = [
        {"at_least": at_least, "seen": k, "expected": expected if seen[0] else 0.0, "low": 0.0, "high": 21.0, "pvalue": 0.004}
        for at_least, k in zip((3, 5, 10, None), seen, strict=True)
    ]
    found = a_test(
        "shared_origin", verdict, form, effect, LONDON | {"confidence_level": 0.95}, null=shared_origin.NULLS[form], tallies=tallies, smallest_visible=least,
        sessions={"n": visits, "n_ballots": 2 * visits, "held": n},
    )  # fmt: skip
    return replace(found, result=replace(found.result, n_observations=n, n_excluded=left_out))
