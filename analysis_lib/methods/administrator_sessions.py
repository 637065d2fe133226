"""Did ballots come in while administrators were logged in, or over their lines, more than chance puts there?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy.stats import hypergeom

from analysis_lib.case import Case
from analysis_lib.clocks import window_in_force
from analysis_lib.errors import TooFewObservations
from analysis_lib.methods.administrators import NOBODY, labels
from analysis_lib.methods.ballot_kinds import given_online
from analysis_lib.methods.clock_readings import under_every_reading
from analysis_lib.methods.reissue_rates import REQUESTED, with_requests
from analysis_lib.methods.sittings import DAY, WORK, first_midnight, owner_labels, sittings, wall_seconds
from analysis_lib.methods.turnout import last_of_each
from analysis_lib.methods.turnout_stretches import ANSWERS, answering, ends_of_voting
from analysis_lib.plaintext import count
from analysis_lib.results import Assumption, Estimate, NotAnswerable, Result, Status, TestResult
from analysis_lib.stats.circular_shift import Inside, points_inside
from analysis_lib.stats.multiplicity import holm
from analysis_lib.stats.scan import rate_ratio_interval
from analysis_lib.stats.two_by_two import exact_interval, odds_ratio

METHOD = "administrator_sessions"
MIN_BALLOTS = 30
AFTER_A_CODE = timedelta(hours=24)  # a ballot this soon after a code was sent is looked at elsewhere
HANDED_OUT = ("reissued_new", "resent_same", "surfaced", "printed")
FEWEST = 3  # ballots over an administrator's line after codes that nobody asked for; one or two may be a household's
EXPLANATIONS = {
    "inside": (
        "An officer rang members up, or stood at a stall, and they voted meanwhile.",
        "Officers sit down on the days on which much happens anyway.",
        "A branch meets on the evenings on which its officer works, and members vote there.",
    ),
    "own_line": (
        "The officer helped members to vote at home, at a stall or on a tablet, and noted no request.",
        "The officer works from home or from a hall, and others there vote by the same line.",
        "Officer and members use one mobile gateway or one workplace's network.",
    ),
}
NULLS = {
    "inside": "the days on which an administrator sat down had nothing to do with how many ballots came in at those hours",
    "own_line": "members sent a code that nobody asked for voted over the administrator's line no more often than other members",
}


def administrator_sessions(
    found: dict[str, Inside], *, confidence_level: float, alpha: float, assumptions: tuple[Assumption, ...], n_observations: int,
    n_excluded: int, parameters: dict, details: dict,
) -> TestResult:  # fmt: skip
    """Are there more ballots inside somebody's sittings than at the same hours of other days?

    People help each other to vote: a ballot inside a sitting is no act of the administrator's.

    Parameters
    ----------
    found : dict of str to Inside
        By administrator's label: ballots inside the sittings, and the same with the days of the sittings exchanged.

    Returns
    -------
    TestResult
        Statistic: ballots inside the sittings of the administrator with the smallest p-value. Effect: that number over
        the number that other days make it; above 1 means more. Its interval takes ballots for independent, so it is
        rather too narrow. p-value: smallest after Holm.

    Notes
    -----
    Null hypothesis: see `NULLS`. Simulated, or exact where there are few arrangements (`stats.circular_shift`).
    """
    names = list(found)
    pvalues = np.array([found[name].pvalue for name in names])
    adjusted = holm(pvalues)
    top = int(np.lexsort((np.arange(pvalues.size), pvalues))[0])
    best = found[names[top]]
    value, low, high = rate_ratio_interval(best.count, max(best.expected, 1e-9), confidence_level)
    told = [
        {
            "administrator": name, "sittings": inside.n_moved, "left_out": inside.n_left_out, "ballots": inside.count,
            "expected": inside.expected, "pvalue": inside.pvalue, "pvalue_adjusted": float(p),
        }
        for (name, inside), p in zip(found.items(), adjusted, strict=True)
    ]  # fmt: skip
    return TestResult(
        method=METHOD, form="inside", null_hypothesis=NULLS["inside"], alternative="greater",
        statistic=float(best.count), statistic_name="ballots inside one administrator's sittings", pvalue=float(adjusted.min()),
        effect=Estimate(
            name="ballots inside the sittings over what the same hours of other days make it", value=value, low=low, high=high,
            confidence_level=confidence_level, unit="ratio",
        ),
        n_observations=n_observations, n_excluded=n_excluded, assumptions=assumptions,
        innocent_explanations=EXPLANATIONS["inside"], references=("besag1989", "holm1979"), parameters=parameters,
        details={"administrators": told, "smallest_visible": _smallest_excess(best, alpha / len(names))} | details,
        null_draws=best.null_draws,
    )  # fmt: skip


def _smallest_excess(inside: Inside, level: float) -> int | None:
    """Ballots beyond those expected, spread evenly over the sittings, that would have stood out; null: no number would."""
    if inside.null_draws.size * level < 1 or inside.expected <= 0:
        return None
    threshold = float(np.quantile(inside.null_draws, 1 - level))
    return max(1, int(np.ceil(threshold * np.sqrt(inside.expected / inside.n_moved))))


def ballots(case: Case, events: tuple[str, ...] = (*HANDED_OUT, "destination_changed")) -> pl.DataFrame:
    """Give the ballots that members gave online: ``at, who, ip_key``, and which code event of an administrator came last before it.

    ``who`` is the voter or, without one, the code; ``since_code`` the time since that event; ``trigger, sent_by`` what
    set it off and who did it (null: there was none).
    """
    cast = last_of_each(given_online(case.rows("ballot_events"), kiosks=False))
    who = pl.coalesce("voter_key", "credential_id")
    codes = with_requests(case, case.rows("credential_events").filter(pl.col("event").is_in(events)))
    sent = codes.select(who=who, at="at", sent_at="at", trigger="trigger", sent_by="actor_key").drop_nulls(["who", "at"])
    rows = cast.select("at", "event_id", "ip_key", who=who).sort("at", "event_id")
    joined = rows.join_asof(sent.sort("at"), on="at", by="who", check_sortedness=False)
    return joined.with_columns(since_code=pl.col("at") - pl.col("sent_at"))


def lines(case: Case) -> pl.DataFrame:
    """Give the networks from which administrators worked on codes: ``actor_key, ip_key``."""
    rows = case.rows("credential_events").filter(
        pl.col("event").is_in(WORK) & ~pl.col("actor_role").is_in(NOBODY).fill_null(False)
    )
    return rows.select("actor_key", "ip_key").drop_nulls().unique().sort("actor_key", "ip_key")


def _linked(case: Case) -> bool:
    """Whether ballots can be joined to the codes sent before them."""
    codes = case.rows("credential_events")
    return any(codes[key].count() and case.rows("ballot_events")[key].count() for key in ("voter_key", "credential_id"))


def _inside(case: Case) -> TestResult | NotAnswerable:
    window = window_in_force(case.rows("contest_windows"), "online")
    if window is None or window.opens_at is None or window.closes_at is None:
        return _cannot(
            "inside",
            "The opening and the close of the online vote aren't both known.",
            ("contest_windows.opens_at", "contest_windows.closes_at"),
        )
    cast = ballots(case).filter((pl.col("at") >= window.opens_at) & (pl.col("at") < window.closes_at))
    apart = cast.filter((pl.col("since_code") > AFTER_A_CODE).fill_null(True))
    kept = apart.join(lines(case).select("ip_key").unique(), on="ip_key", how="anti")
    if kept.height < MIN_BALLOTS:
        return _cannot(
            "inside",
            f"Online ballots that followed no code sent by an administrator: {kept.height}; {MIN_BALLOTS} are needed.",
            ("ballot_events.at",),
        )
    zone, plan = case.contest["timezone"], case.plan
    midnight = first_midnight(window.opens_at, zone)

    def wall(instants: list[datetime]) -> NDArray:
        return wall_seconds(pl.Series(instants, dtype=pl.Datetime("us", "UTC")), zone, midnight)

    opens, closes = (int(second) for second in wall([window.opens_at, window.closes_at]))
    points = wall_seconds(kept["at"], zone, midnight)
    calls = [*answering(case), *ends_of_voting(case)]
    work = sittings(case)
    views = work.drop_nulls("looked_at").select("owner", start="looked_at", end=pl.col("looked_at") + ANSWERS)
    names, n_days = owner_labels(case), -(-closes // DAY)
    kinds = np.array([(midnight + timedelta(days=day)).weekday() >= 5 for day in range(n_days)], int)
    rng = plan.rng(case.contest_id, METHOD, "inside")
    found: dict[str, Inside] = {}
    for owner, name in sorted(names.items(), key=lambda item: item[1]):
        own, looks = work.filter(pl.col("owner") == owner), views.filter(pl.col("owner") == owner)
        closed = [*calls, *looks.select("start", "end").iter_rows()]
        shut = np.column_stack([wall([pair[side] for pair in closed]) for side in (0, 1)])
        starts = wall_seconds(own["start"], zone, midnight)
        ends = np.maximum(wall_seconds(own["end"], zone, midnight), starts + 1)  # clocks may go back meanwhile
        within = (starts >= opens) & (ends <= closes)
        try:
            found[name] = points_inside(
                points, starts[within], ends[within], opens=opens, closes=closes, closed=shut, day_kinds=kinds,
                n_resamples=plan.n_resamples, rng=rng,
            )  # fmt: skip
        except TooFewObservations:  # nobody sat at those hours on another day that could be compared
            continue
    if not found:
        return _cannot(
            "inside",
            "No administrator's sitting has the same hours of another day to be compared with, free of messages and of looks at the list of who has not voted.",
            ("admin_actions.at",),
        )
    linked = _linked(case)
    assumptions = (
        Assumption(
            statement="Ballots that followed a code sent by an administrator stand aside.",
            status=Status.HOLDS if linked else Status.FAILS,
            evidence=f"{cast.height - apart.height:,} ballots came within a day of such a code." if linked
            else "Ballots and codes can't be joined, and whoever gets a code while an officer is at work votes meanwhile.",
        ),
        Assumption(
            statement="Sittings are as long as the log shows.",
            status=Status.UNTESTED,
            evidence="A sitting without a logout is taken to end a minute after its last entry, so that less is seen, not more.",
        ),
        Assumption(
            statement="Nobody was called up to vote during a sitting.",
            status=Status.UNTESTED,
            evidence="The two hours after a message, and after an administrator looked at the list of who has not voted, stand aside; other calls are not logged.",
        ),
    )  # fmt: skip
    return administrator_sessions(
        found, confidence_level=plan.confidence_level, alpha=plan.alpha, assumptions=assumptions, n_observations=kept.height,
        n_excluded=cast.height - kept.height, parameters={"zone": zone, "n_resamples": plan.n_resamples},
        details={"n_after_code": cast.height - apart.height, "n_on_lines": apart.height - kept.height, "n_without": len(names) - len(found), "by_role": not case.holds("admin_actions.actor_key")},
    )  # fmt: skip


def own_line(tables: pl.DataFrame, *, confidence_level: float, alpha: float, n_observations: int, n_excluded: int) -> TestResult:
    """Did members who were sent a code unasked vote over the line of the administrator who sent it?

    Parameters
    ----------
    tables : DataFrame
        By administrator: ``administrator``; ``own_unasked, n_unasked`` ballots over that administrator's lines among those
        after a code that this administrator sent unasked; ``own_asked, n_asked`` the same after codes asked for;
        ``own_others, n_others`` the same for all other ballots; ``day_unasked`` the most of ``own_unasked`` on one day;
        ``beside_unasked`` how many of ``own_others`` came on the days of ``own_unasked``.

    Returns
    -------
    TestResult
        Statistic: ballots over the line after codes sent unasked, of the administrator with the smallest p-value. Effect:
        odds ratio against all other ballots, exact interval. p-value: hypergeometric tail, smallest after Holm;
        1 for fewer than `FEWEST` such ballots.

    Notes
    -----
    Null hypothesis: see `NULLS`. Exact given which ballots came over the line; discrete, so below the nominal rate. It asks
    over which line somebody voted who voted anyway, never whether or when, so no time at risk is left out.
    """
    counts = [tables[name].to_numpy() for name in ("own_unasked", "n_unasked", "own_others", "n_others")]
    own, unasked, elsewhere, others = counts
    tails = np.where(own >= FEWEST, hypergeom.sf(own - 1, unasked + others, own + elsewhere, unasked), 1.0)
    adjusted = holm(tails)
    beside = tables["beside_unasked"].to_numpy()
    aside = (adjusted > alpha) | _is_place(own, beside)  # a stall must not hide what came over a colleague's line
    order = np.lexsort((tables["administrator"].to_numpy(), -own, tails, aside))
    top = int(order[0])
    cells = [int(x[top]) for x in (own, unasked - own, elsewhere, others - elsewhere)]
    low, high = exact_interval(*cells, confidence_level)
    ratio = float(odds_ratio(*cells)[()]) if own[top] else 1.0
    rest, left = (int(x[top] - tables["day_unasked"][top]) for x in (own, unasked))  # one visit of an officer is one day
    without = hypergeom.sf(rest - 1, left + others[top], rest + elsewhere[top], left) if rest >= FEWEST else 1.0
    one_day = adjusted[top] <= alpha < min(1.0, float(without) * tails.size)
    told = tables.with_columns(pvalue=tails, pvalue_adjusted=adjusted)[order]
    return TestResult(
        method=METHOD, form="own_line", null_hypothesis=NULLS["own_line"], alternative="greater",
        statistic=float(own[top]), statistic_name="ballots over one administrator's line after codes that nobody asked for",
        pvalue=float(adjusted[top]),
        effect=Estimate(
            name="odds of a ballot over that line, after codes sent unasked against other ballots", value=ratio,
            low=min(low, ratio), high=max(high, ratio), confidence_level=confidence_level, unit="ratio",
        ),
        n_observations=n_observations, n_excluded=n_excluded,
        assumptions=(
            Assumption(
                statement="A request for a code was noted, also of members who were helped in person.",
                status=Status.UNTESTED,
                evidence="Whoever was helped on the officer's device without a noted request looks like one whom nobody asked for.",
            ),
            Assumption(
                statement="What stands out does not come from one day, as when members were helped at one meeting.",
                status=Status.FAILS if one_day else Status.HOLDS,
                evidence=f"Without the fullest day {count(rest, 'such ballot')} of {count(left, 'ballot')} came over that line."
                + (" Whether members met the officer that day would settle it." if one_day else ""),
            ),
            _no_place(int(own[top]), int(beside[top])),
        ),
        innocent_explanations=EXPLANATIONS["own_line"], references=("fisher1935", "holm1979"), parameters={},
        details={
            "administrators": told.to_dicts(), "n_tested": int((unasked > 0).sum()),
            "smallest_visible": _fewest_marks(int(unasked[top]), int(elsewhere[top]), int(others[top]), alpha / tails.size),
        },
    )  # fmt: skip


def _is_place(own: ArrayLike, beside: ArrayLike) -> NDArray:
    """Whether on the same days half as many others voted over the line; an officer who alone used it leaves no such ballots."""
    return np.asarray(np.asarray(beside) >= np.maximum(FEWEST, np.asarray(own) / 2))


def _no_place(own: int, beside: int) -> Assumption:
    is_place = bool(_is_place(own, beside))
    return Assumption(
        statement="The line did not serve a place where members vote, such as a stall or a branch office.",
        status=Status.FAILS if is_place else Status.HOLDS,
        evidence=f"Besides {count(own, 'ballot')} after codes sent unasked, {count(beside, 'other ballot')} came over it on the same days."
        + (" What went on at that line on those days would settle it." if is_place else ""),
    )


def _fewest_marks(unasked: int, elsewhere: int, others: int, level: float) -> int | None:
    marks = np.arange(FEWEST, unasked + 1)
    seen = marks[hypergeom.sf(marks - 1, unasked + others, marks + elsewhere, unasked) <= level]
    return int(seen[0]) if seen.size else None


def line_tables(case: Case) -> tuple[pl.DataFrame, int, int]:
    """Count each administrator's ballots by the line they came over and the code before them, as `own_line` takes them.

    Returns
    -------
    tables : DataFrame
        One row for each administrator with a known line; ballots after a code whose cause isn't known are in no column.
    n_placed, n_left_out : int
        Ballots with a network and without.
    """
    cast, names, zone = ballots(case, HANDED_OUT), labels(case), case.contest["timezone"]
    placed = cast.drop_nulls("ip_key")
    asked = pl.col("trigger").is_in(REQUESTED)
    known = pl.col("trigger").is_not_null() & (pl.col("trigger") != "unknown")
    rows = []
    for (key,), own in lines(case).group_by("actor_key", maintain_order=True):
        mine = (pl.col("sent_by") == key).fill_null(False)
        is_own = pl.col("ip_key").is_in(own["ip_key"].to_list())
        kinds = {"unasked": mine & known & ~asked, "asked": mine & asked, "others": ~mine | asked}
        counted = {f"n_{name}": kind.fill_null(False).sum() for name, kind in kinds.items()}
        counted |= {f"own_{name}": (kind.fill_null(False) & is_own).sum() for name, kind in kinds.items()}
        over = placed.filter(is_own).with_columns(day=pl.col("at").dt.convert_time_zone(zone).dt.date())
        days = over.filter(kinds["unasked"].fill_null(False)).group_by("day").len()
        beside = over.filter(kinds["others"].fill_null(False)).join(days, on="day", how="semi").height
        counted |= {"day_unasked": pl.lit(days["len"].max() or 0), "beside_unasked": pl.lit(beside)}
        rows.append({"administrator": names[key]} | placed.select(**counted).row(0, named=True))
    schema = {"administrator": pl.String} | {f"{a}_{b}": pl.Int64 for b in ("unasked", "asked", "others") for a in ("n", "own")}
    schema |= {"day_unasked": pl.Int64, "beside_unasked": pl.Int64}
    return pl.DataFrame(rows, schema=schema, strict=False).sort("administrator"), placed.height, cast.height - placed.height


def _own_line(case: Case) -> TestResult | NotAnswerable:
    needs = ("ballot_events.ip_key", "credential_events.ip_key", "credential_events.actor_key", "credential_events.trigger")
    if missing := case.missing(needs):
        return _cannot(
            "own_line", "Which lines administrators worked from, and over which lines ballots came, isn't held.", missing
        )
    if not _linked(case):
        return _cannot(
            "own_line",
            "Ballots can't be joined to the codes sent before them.",
            ("ballot_events.voter_key|ballot_events.credential_id",),
        )
    tables, n_placed, n_left_out = line_tables(case)
    if not tables["n_unasked"].sum():
        reason = "No ballot with a network followed a code that an administrator with a known line sent without a request."
        asked, of = int(tables["own_asked"].sum()), int(tables["n_asked"].sum())
        if asked >= FEWEST:
            reason += f" Of {count(of, 'ballot')} after codes noted as asked for, {asked:,} came over the line of whoever sent the code."
        return _cannot("own_line", reason, needs)
    plan = case.plan
    return own_line(
        tables, confidence_level=plan.confidence_level, alpha=plan.alpha, n_observations=n_placed, n_excluded=n_left_out
    )


def _cannot(form: str, reason: str, needs: tuple[str, ...]) -> NotAnswerable:
    return NotAnswerable(method=METHOD, form=form, reason=reason, needs=needs)


def _under_every_reading(case: Case) -> Result:
    """Ask about ballots inside sittings under every reading of the clocks of both logs."""
    result = _inside(case)
    if isinstance(result, NotAnswerable):
        return result
    told = []
    for name, moved in under_every_reading(case, ("admin_actions", "credential_events", "ballot_events")).items():
        other = result if moved is case else _inside(moved)
        known = isinstance(other, TestResult)
        told.append({"reading": name, "pvalue": other.pvalue if known else None, "statistic": other.statistic if known else None})
    if len({(row["pvalue"], row["statistic"]) for row in told}) == 1:
        return result
    agree = len({row["pvalue"] is not None and row["pvalue"] <= case.plan.alpha for row in told}) == 1
    assumption = Assumption(
        statement="The answer is the same under every reading that the clocks allow.",
        status=Status.HOLDS if agree else Status.FAILS,
        evidence=f"It was tested under {len(told)} readings; they {'agree' if agree else 'disagree'}.",
    )
    return replace(result, assumptions=(*result.assumptions, assumption), details={**result.details, "readings": told})


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package: ballots inside sittings, and over administrators' lines."""
    return (_under_every_reading(case), _own_line(case))
