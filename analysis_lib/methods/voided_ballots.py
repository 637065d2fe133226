"""Were ballots voided or reopened unevenly, by channel, day or administrator?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods.administrators import acts, labels, told_role
from analysis_lib.methods.ballot_kinds import COUNTED, given_online
from analysis_lib.methods.declared import latest_totals, whole_contest, with_declaration
from analysis_lib.methods.instants import edge
from analysis_lib.methods.turnout_stretches import Stretch, outages
from analysis_lib.methods.unit_rates import REFERENCES, learnt_spread, pooled, rate_ratio, uneven
from analysis_lib.results import Assumption, NotAnswerable, Result, Status, TestResult
from analysis_lib.stats.predictive_rates import clopper_pearson
from analysis_lib.stats.r_by_two import freeman_halton

METHOD = "voided_ballots"
NEEDS = ("ballot_events.event|results.n",)
TAKEN_OUT = ("voided", "rejected", "quarantined", "excluded_from_count")  # not superseded: that is the voter's own new ballot
PUT_BACK = ("reinstated", "released")
BULK = 10  # taken out by one role within one minute: a single decision, told and not tested
DECLARED_OUT = ("ballots_voided", "ballots_rejected")
KEYS = (("ballot_id",), ("credential_id", "channel"), ("voter_key", "channel"), ("credential_id",), ("voter_key",))
PAPER, BY_WIRE = ("in person", "postal", "proxy", "officer entered"), ("online", "online kiosk", "phone", "sms")
LEAST_RUN, NEARLY_ALL = 5, 0.8  # ballots given one after the other and all taken out; their share of those of the day
LONG_AGO, FAR_OFF = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
EXPLANATIONS = (
    "The voter asked for it, having voted by mistake or wishing to vote in the hall.",
    "A paper was filled in wrongly, which cannot happen online.",
    "A ballot entered twice, or a test before the opening, was taken out.",
    "The platform failed for some hours, and ballots of that time were set aside.",
    "The vote was paused and started again, and all ballots until then were voided.",
    "One officer was told to see to all such cases.",
)
NULLS = {
    "channel": "the ballots that were taken out were drawn by lot from all ballots, whatever their channel",
    "day": "the share of ballots taken out differs between the days of casting only as it does among the other days",
    "administrator": "taking ballots out makes up the same share of every administrator's work, but for the spread that the others show",
}
NEEDED = {
    "channel": ("ballot_events.channel",),
    "day": ("ballot_events.at", "ballot_events.voter_key|ballot_events.ballot_id"),
    "administrator": ("admin_actions.action", "admin_actions.actor_key"),
}
NOTHING_LOST = Assumption(
    statement="The ballots that make the difference were lost to their voters.",
    status=Status.FAILS,
    evidence="Without those put back or given anew by the same voter nothing stands out: a fault of the platform or a change to the hall would "
    "do the same; the reasons noted for them would settle it.",
)
ONE_STRETCH = Assumption(
    statement="The ballots of the day were taken out one by one, each for a reason of its own.",
    status=Status.FAILS,
    evidence="Nearly all of them had been given one after the other with none left standing between them, or during a stated outage: a fault of "
    "those hours would do the same; the platform's own log of faults would settle it.",
)
ONE_OFFICE = Assumption(
    statement="Every administrator could take a ballot out.",
    status=Status.FAILS,
    evidence="One alone is on record as doing so, and may be the only one who could; a list of who could would settle it.",
)
TESTED = {"day": "ballots taken out of those cast on one day", "administrator": "ballots taken out by one administrator"}


def given_ballots(case: Case) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give every ballot in the log and what became of it, and what was taken out without a ballot that it can be tied to.

    Returns
    -------
    ballots : DataFrame
        ``channel, at, batch_id, event`` of the giving; ``is_out`` (ever voided, rejected, set aside or left out of the
        count), ``is_back`` (put back at last), ``is_bulk`` (taken out among `BULK` or more of one role in one minute),
        ``is_again`` (the same voter gave another ballot later).
    untied : DataFrame
        ``channel`` of each.
    """
    rows = case.rows("ballot_events").with_columns(when=pl.col("at")).sort("at", "seq", "event_id", nulls_last=True)
    given = rows.filter(pl.col("event").is_in(COUNTED)).with_row_index("ballot").with_columns(pl.col("when").fill_null(LONG_AGO))
    acts_on = rows.filter(pl.col("event").is_in((*TAKEN_OUT, *PUT_BACK))).with_columns(pl.col("when").fill_null(FAR_OFF))
    is_out = pl.col("event").is_in(TAKEN_OUT)
    together = pl.len().over(pl.col("event"), pl.col("actor_role"), pl.col("at").dt.truncate("1m"))
    left = acts_on.with_columns(is_out=is_out, is_bulk=is_out & pl.col("at").is_not_null() & (together >= BULK)).with_row_index(
        "act"
    )
    parts = []
    for keys in KEYS:
        pairs = (
            left.drop_nulls(keys)
            .sort("when", "act")
            .join_asof(
                given.join(left.select(keys), on=keys, how="semi").sort("when", "ballot").select("ballot", "when", *keys),
                on="when", by=list(keys), strategy="backward", check_sortedness=False,
            )
            .drop_nulls("ballot")
        )  # fmt: skip
        parts.append(pairs.select("act", "ballot", "is_out", "is_bulk"))
        left = left.join(pairs, on="act", how="anti")
    fate = pl.concat(parts).sort("act").group_by("ballot", maintain_order=True)
    fate = fate.agg(out=pl.col("is_out").any(), back=~pl.col("is_out").last(), bulk=pl.col("is_bulk").any())
    who = pl.coalesce("voter_key", "credential_id")
    later = ~who.is_last_distinct() & who.is_not_null()
    ballots = given.with_columns(is_again=later).join(fate, on="ballot", how="left", maintain_order="left")
    ballots = ballots.select(
        "event", "channel", "at", "batch_id", "is_again",
        is_out=pl.col("out").fill_null(False), is_bulk=pl.col("bulk").fill_null(False),
        is_back=(pl.col("out") & pl.col("back")).fill_null(False),
    )  # fmt: skip
    return ballots, left.filter(pl.col("is_out") & ~pl.col("is_bulk")).select("channel")


def voided_ballots(units: pl.DataFrame, *, form: str, alpha: float, confidence_level: float) -> TestResult:
    """Compare the days of casting, or the administrators, in the share of ballots taken out.

    Taking a ballot out is an ordinary service; a high share is a reason to ask why.

    Parameters
    ----------
    units : DataFrame
        ``unit, events, size``: ballots taken out among those cast, or among all that an administrator did.
    form : {'day', 'administrator'}

    Returns
    -------
    TestResult
        Statistic: ballots taken out in the unit with the smallest p-value. Effect: its rate over that of the others.
        p-value of all units together (Simes).

    Notes
    -----
    Null hypothesis: see `NULLS`. One-sided. Under eight units no spread between them can be allowed for, and the
    assumption fails.
    """
    found = uneven(units, confidence_level=confidence_level, alpha=alpha)
    return TestResult(
        method=METHOD, form=form, null_hypothesis=NULLS[form], alternative="greater",
        statistic=float(found.top["events"]), statistic_name=TESTED[form], pvalue=found.pvalue, effect=found.effect,
        n_observations=int(units["size"].sum()), n_excluded=0, assumptions=(learnt_spread(found, f"{form.capitalize()}s"),),
        innocent_explanations=EXPLANATIONS, references=REFERENCES, parameters={"confidence_level": confidence_level},
        details={"units": list(found.units), "top": found.top, "smallest_visible": found.smallest_visible},
    )  # fmt: skip


def by_channel(units: pl.DataFrame, *, confidence_level: float, n_resamples: int, rng: np.random.Generator) -> TestResult:
    """Compare the channels in the share of ballots taken out; `units` as in `voided_ballots`.

    Channels are too few to learn how much they differ anyway, so nothing but chance is allowed for.

    Returns
    -------
    TestResult
        Statistic: ballots taken out in the channel that stands out most. Effect: its rate over that of the others.
        p-value: Freeman and Halton's exact test, two-sided, simulated.
    """
    units = units.sort("unit")
    events, sizes = units["events"].to_numpy(), units["size"].to_numpy()
    rows = [{"unit": u, "events": int(k), "size": int(n)} for u, k, n in units.select("unit", "events", "size").iter_rows()]
    apart = (events - sizes * events.sum() / sizes.sum()) / np.sqrt(sizes)
    top = int(np.argmax(apart))
    is_paper = rows[top]["unit"] in PAPER and any(row["unit"] in BY_WIRE for row in rows)
    without = [row["unit"] for row in rows if not row["events"]]
    return TestResult(
        method=METHOD, form="channel", null_hypothesis=NULLS["channel"], alternative="two-sided",
        statistic=float(events[top]), statistic_name="ballots taken out in the channel that stands out most",
        pvalue=freeman_halton(events, sizes, n_resamples=n_resamples, rng=rng), effect=rate_ratio(rows, top, confidence_level),
        n_observations=int(sizes.sum()), n_excluded=0,
        assumptions=(
            Assumption(
                statement="A ballot can be taken out in every channel, and is for the same reasons.",
                status=Status.FAILS if without or is_paper else Status.UNTESTED,
                evidence=f"Of {len(without)} of the {len(rows)} channels none was taken out; whether one could have been isn't held."
                if without
                else "A paper can be spoilt or come without what belongs to it, an online ballot cannot; the reasons, which the log doesn't hold, would settle it."
                if is_paper
                else "The reasons aren't in the log.",
            ),
        ),
        innocent_explanations=EXPLANATIONS, references=("freeman1951", "koopman1984"),
        parameters={"confidence_level": confidence_level, "n_resamples": n_resamples},
        details={"units": rows, "top": rows[top]},
    )  # fmt: skip


def with_limits(units: list[dict[str, Any]], confidence_level: float) -> list[dict[str, Any]]:
    """Add to each unit ``share, low, high``: its share with the exact interval, for display."""
    told = []
    for unit in units:
        low, high = clopper_pearson(unit["events"], unit["size"], confidence_level)
        told.append(unit | {"share": unit["events"] / unit["size"], "low": low, "high": high})
    return told


def channel_units(ballots: pl.DataFrame, untied: pl.DataFrame) -> pl.DataFrame:
    """Ballots given and taken out by channel; those of a bulk decision stand apart.

    What is tied to no ballot counts in its own channel, unless some channel would then have more taken out than given.
    """
    units = _counted(ballots.filter(~pl.col("is_bulk")), pl.col("channel"))
    more = units.join(untied.group_by(unit="channel").len("more"), on="unit", how="left").with_columns(
        events=pl.col("events") + pl.col("more").fill_null(0).cast(pl.Int64)
    )
    fits = bool((more["events"] <= more["size"]).all())
    return (more if fits else units).select(pl.col("unit").str.replace_all("_", " "), "events", "size").sort("unit")


def by_day(ballots: pl.DataFrame, zone: str, opens_at: datetime | None = None) -> pl.DataFrame:
    """Online ballots with the local ``day`` on which they were cast, in order of time.

    A keyed-in ballot bears the time of keying and is left out, as is one from before the opening, where tests are made.
    """
    timed = given_online(ballots.filter(~pl.col("is_bulk"))).filter(pl.col("at") >= (opens_at or LONG_AGO))
    return timed.with_columns(day=pl.col("at").dt.convert_time_zone(zone).dt.strftime("%Y-%m-%d")).sort("at", maintain_order=True)


def day_units(ballots: pl.DataFrame, zone: str, opens_at: datetime | None = None) -> pl.DataFrame:
    """Online ballots given and taken out, by the local day on which they were cast."""
    return _counted(by_day(ballots, zone, opens_at), pl.col("day"))


def is_one_stretch(rows: pl.DataFrame, faults: list[Stretch]) -> bool:
    """Whether nearly all that was taken out was given in one unbroken row, or during a stated outage.

    `rows` are the ballots of a day in order of time. Whoever picks ballots leaves others between them; a fault does not.
    """
    runs = rows.with_columns(run=pl.col("is_out").rle_id()).filter("is_out").with_columns(length=pl.len().over("run"))
    longest = (pl.col("length") >= LEAST_RUN) & (pl.col("length") == pl.col("length").max())
    within = [pl.col("at").is_between(start, end) for start, end in faults]
    return runs.height > 0 and runs.select(pl.any_horizontal(longest, *within).sum()).item() >= NEARLY_ALL * runs.height


def administrator_units(case: Case) -> pl.DataFrame:
    """All that each administrator did in the logs and, of it, ballots taken out."""
    voids = case.rows("admin_actions").filter((pl.col("action") == "ballot_voided").fill_null(False)).drop_nulls("actor_key")
    done = voids.filter((pl.col("disposition") != "failure").fill_null(True)).group_by("actor_key").len("events")
    named = acts(case).join(done, on="actor_key", how="left").with_columns(unit=pl.col("actor_key").replace_strict(labels(case)))
    return named.select("unit", events=pl.col("events").fill_null(0).cast(pl.Int64), size="n").sort("unit")


def _counted(rows: pl.DataFrame, unit: pl.Expr) -> pl.DataFrame:
    counts = rows.group_by(unit=unit).agg(events=pl.col("is_out").sum().cast(pl.Int64), size=pl.len().cast(pl.Int64))
    return counts.sort("unit")


def declared_units(case: Case) -> pl.DataFrame:
    """Ballots received and taken out by channel, as declared; empty where both aren't held for two channels."""
    rows = with_declaration(whole_contest(case.rows("results"))).filter((pl.col("channel") != "all") & pl.col("n").is_not_null())
    latest = rows.group_by("channel", "item").agg(pl.col("n").max())  # a correction counts what the first figure left out
    received = latest.filter(pl.col("item") == "ballots_received").select("channel", size="n")
    out = latest.filter(pl.col("item").is_in(DECLARED_OUT)).group_by("channel").agg(events=pl.col("n").sum())
    both = received.join(out, on="channel").filter((pl.col("size") > 0) & (pl.col("events") <= pl.col("size")))
    return both.select(unit=pl.col("channel").str.replace_all("_", " "), events="events", size="size").sort("unit")


def lead(case: Case) -> int | None:
    """Votes between the last candidate elected and the next, as declared; null where the totals aren't held."""
    totals, seats = latest_totals(case.rows("results"))[0], case.contest["seats"] or 1
    return totals[seats - 1][1] - totals[seats][1] if len(totals) > seats else None


def facts(case: Case, ballots: pl.DataFrame, untied: pl.DataFrame) -> dict[str, Any]:
    """Count what was taken out, put back and given anew, by kind and role, and the bulk decisions."""
    rows = case.rows("ballot_events").filter(pl.col("event").is_in((*TAKEN_OUT, *PUT_BACK)))
    kinds = rows.group_by("event", role=told_role(case).fill_null("unknown")).len("n")
    out = ballots.filter("is_out")
    return {
        "n_given": ballots.height, "n_out": out.height, "n_unmatched": untied.height, "n_bulk": out.filter("is_bulk").height,
        "n_back": out.filter("is_back").height, "n_again": out.filter(~pl.col("is_back") & pl.col("is_again")).height,
        "n_gone": out.filter(~pl.col("is_back") & ~pl.col("is_again")).height,
        "lead": lead(case),
        "kinds": kinds.sort("n", "event", "role", descending=[True, False, False]).to_dicts(),
    }  # fmt: skip


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package: by channel, by day of casting, by administrator."""
    ballots, untied = given_ballots(case)
    told = facts(case, ballots, untied)
    n_out = told["n_out"] + untied.height
    if not n_out:
        return (_from_declared(case),)
    gone = ballots.with_columns(is_out=pl.col("is_out") & ~pl.col("is_back") & ~pl.col("is_again"))
    found: list[Result] = []
    for form, needs in NEEDED.items():
        units = _units(case, form, ballots, untied)
        if units.height < 2 or not units["events"].sum():
            reason = _too_little(form, units, told)
            found.append(NotAnswerable(method=METHOD, form=form, reason=reason, needs=needs, details=told))
            continue
        result = _tested(case, form, units)
        causes = (
            _causes(case, form, result, ballots, _units(case, form, gone, untied)) if result.pvalue <= case.plan.alpha else ()
        )
        left_out = 0 if form == "administrator" else n_out - int(units["events"].sum())
        found.append(_told(result, told, left_out, case.contest["timezone"], causes))
    return tuple(found)


def _units(case: Case, form: str, ballots: pl.DataFrame, untied: pl.DataFrame) -> pl.DataFrame:
    if form == "channel":
        return channel_units(ballots, untied)
    if form == "administrator":
        return administrator_units(case)
    least = case.package.min_cell
    days = day_units(ballots, case.contest["timezone"], edge(case, "voting", "opens_at"))
    return pooled(days, least, f"a group of days of fewer than {least} ballots")


def _tested(case: Case, form: str, units: pl.DataFrame) -> TestResult:
    plan = case.plan
    if form == "channel":
        rng = plan.rng(case.contest_id, METHOD, form)
        return by_channel(units, confidence_level=plan.confidence_level, n_resamples=plan.n_resamples, rng=rng)
    return voided_ballots(units, form=form, alpha=plan.alpha, confidence_level=plan.confidence_level)


def _causes(case: Case, form: str, result: TestResult, ballots: pl.DataFrame, gone: pl.DataFrame) -> tuple[Assumption, ...]:
    """What else would make a unit stand out: nothing lost, a fault of some hours, or an office of one person."""
    zone, found = case.contest["timezone"], []
    if form == "administrator":
        return (ONE_OFFICE,) if sum(unit["events"] > 0 for unit in result.details["units"]) == 1 else ()
    if not gone["events"].sum() or _tested(case, form, gone).pvalue > case.plan.alpha:
        found.append(NOTHING_LOST)
    if form == "day":
        days = by_day(ballots, zone, edge(case, "voting", "opens_at")).filter(pl.col("day") == result.details["top"]["unit"])
        found += [ONE_STRETCH] if is_one_stretch(days, outages(case)) else []
    return tuple(found)


def _told(
    result: TestResult, told: dict[str, Any], n_excluded: int, zone: str, causes: tuple[Assumption, ...] = ()
) -> TestResult:
    return replace(
        result, n_excluded=n_excluded, details=dict(result.details) | told, parameters=dict(result.parameters) | {"zone": zone},
        assumptions=(*result.assumptions, *causes),
    )  # fmt: skip


def _too_little(form: str, units: pl.DataFrame, told: dict[str, Any]) -> str:
    n = told["n_out"] + told["n_unmatched"]
    some = f"{n:,} {'ballot was' if n == 1 else 'ballots were'} taken out"
    if form == "administrator":
        return f"{some}; the log of administrators' actions does not name two or more who could have done it, or shows none doing it."
    if told["n_bulk"] >= n - told["n_unmatched"] and told["n_bulk"]:
        return f"{some}, all of them {BULK} or more at a time by one role within a minute: single decisions, which are told and not compared."
    if told["n_unmatched"] and not units["events"].sum():
        return f"{some}, but nothing ties them to the ballots that were given."
    return f"{some}; ballots of fewer than two {form}s can be compared."


def _from_declared(case: Case) -> Result:
    units, plan = declared_units(case), case.plan
    if units.height < 2 or not units["events"].sum():
        reason = "No ballot is on record as voided, rejected, set aside or left out of the count, so there is nothing to compare."
        return NotAnswerable(method=METHOD, form="channel", reason=reason, needs=("ballot_events.event", "results.n"))
    rng, n = plan.rng(case.contest_id, METHOD, "channel"), int(units["events"].sum())
    result = by_channel(units, confidence_level=plan.confidence_level, n_resamples=plan.n_resamples, rng=rng)
    told = {
        "n_given": int(units["size"].sum()),
        "n_out": n,
        "n_unmatched": 0,
        "n_bulk": 0,
        "n_back": None,
        "n_again": None,
        "n_gone": None,
    }
    return _told(result, told | {"lead": lead(case), "kinds": []}, 0, case.contest["timezone"])
