"""Did applications share networks or addresses, or come in a burst? The second form of application_denials."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import binom

from analysis_lib.case import Case
from analysis_lib.clocks import resolution_s
from analysis_lib.methods.instants import coarse, edge
from analysis_lib.methods.members import whole_roll
from analysis_lib.methods.shared_origin import MIN_REFERENCE, Shared, ballots, grouped
from analysis_lib.methods.turnout import once_per_household, queued, seen_resolution
from analysis_lib.methods.turnout_stretches import ANSWERS, answering, outages, touched
from analysis_lib.results import Assumption, Estimate, NotAnswerable, Result, Status, TestResult
from analysis_lib.stats import collisions, scan
from analysis_lib.stats.burst_nulls import paired_within_step_null
from analysis_lib.stats.multiplicity import holm

METHOD, FORM = "application_denials", "bursts"
MIN_APPLICATIONS, HOUR_S = 30, 3600
DAY_S, LEAST_AROUND, BUSIER = 86_400, 3, 0.05
ALONG = 0.25  # share of applications that follow a housemate's, where no network keys can tell them
BY_THE_MEMBER = ("web_form", "email", "unknown")  # paper and telephone bear the time and the line of whoever keyed them in
SURELY_OWN = ("web_form", "email")
BATCH = 10  # with one second: no crowd presses a button within one
MADE_UP = ("placeholder", "missing", "disposable")
EXPLANATIONS = (
    "A household, a care home or a workplace from which several members applied.",
    "A stall or a meeting at which a campaign helped members to apply, on one device.",
    "A mobile operator or a company, which puts many members behind one network address.",
    "A couple or a family with one e-mail address.",
    "An officer who keyed in paper forms one after the other, from the office's line or with its address.",
    "A message or a post that called on members to apply, just before.",
)
NULL = "members applied over shared networks and addresses as often as the reference shows, and at moments of their own within each hour"
A_WAVE = Assumption(
    statement="Nothing called members up at the moment that stands out.",
    status=Status.FAILS,
    evidence="The hours around it were busier than the same hours of other days, as after a piece of news or before a deadline; a record of what "
    "was sent or said then, or of the last moment for applying, would settle it.",
)
BY_ONE_HAND = Assumption(
    statement="The applications that came together were handed in by the members.",
    status=Status.FAILS,
    evidence="An officer entered most of them, or how they came in is not on record; the forms, or the log of whoever keyed them in, would settle it.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One way in which applications may come together: its p-value, what stands out in it, and an ordinary cause if one shows."""

    way: str
    pvalue: float
    seen: int
    expected: float
    low: float
    high: float
    more: dict[str, Any]
    cause: Assumption | None = None  # what tells why they may have come together


def shared_keys(groups: Shared, way: str, *, n_resamples: int, confidence_level: float, rng: np.random.Generator) -> Part:
    """Compare the groups of applications that share a key with those of the reference.

    Returns
    -------
    Part
        Seen: applications in groups of three or more, against those that the reference's rate makes of as many.
    """
    n, n_reference = int(groups.sizes.sum()), int(groups.reference.sum())
    seen = collisions.tallies(groups.sizes)
    draws = collisions.predicted_tallies(groups.reference, n_reference, n, n_resamples=n_resamples, rng=rng)
    found = collisions.excess(seen, draws)
    low, high = np.quantile(draws[:, 0], [0.5 - confidence_level / 2, 0.5 + confidence_level / 2])
    usual = collisions.tallies(groups.reference)[0] * n / n_reference
    more = {
        "n": n,
        "n_reference": n_reference,
        "reference": groups.kind,
        "largest": int(seen[-1]),
        "n_set_aside": groups.n_gateway + groups.n_known,
    }
    return Part(
        way=way, pvalue=found.pvalue, seen=int(seen[0]), expected=float(usual), low=float(low), high=float(high), more=more
    )


def in_time(
    rows: pl.DataFrame,
    case: Case,
    lengths: tuple[int, ...],
    *,
    n_resamples: int,
    confidence_level: float,
    rng: np.random.Generator,
) -> Part | None:
    """Look for a window with more applications than its hour explains; null where the times do not allow it.

    Hours up to two hours after a message, a meeting or an outage, and those at the ends of the time for applying, are left out.
    """
    timed = rows.drop_nulls("at").sort("at", "application_id")
    if timed.height < MIN_APPLICATIONS:
        return None
    zone = case.contest["timezone"]
    resolution = max(resolution_s(timed, case.rows("clocks")), seen_resolution(timed["at"], zone), queued(timed["at"], zone))
    usable = tuple(length for length in lengths if length >= 2 * resolution)
    if resolution >= HOUR_S or not usable:
        return None
    kept = once_per_household(timed)
    start = kept["at"][0].replace(minute=0, second=0, microsecond=0)
    stamps = ((kept["at"] - start).dt.total_microseconds() // 1_000_000).to_numpy().astype(np.int64)
    edges = np.arange(0.0, stamps.max() + HOUR_S + 1, HOUR_S)
    ends = [at for at in (edge(case, "applications", "opens_at"), edge(case, "applications", "closes_at")) if at]
    away = [*answering(case), *outages(case), *((at - ANSWERS, at + ANSWERS) for at in ends)]
    left_out = touched(away, start, edges)
    stamps = stamps[~left_out[stamps // HOUR_S]]
    if stamps.size < MIN_APPLICATIONS:
        return None
    shares = np.histogram(stamps, edges)[0] / stamps.size
    common = {"resolution": resolution, "n_resamples": n_resamples, "rng": rng}
    if timed["ip_key"].count():
        null = scan.within_step_null(stamps, edges, shares, usable, **common)
    else:
        null = paired_within_step_null(stamps, edges, shares, usable, along=ALONG, **common)
    top = scan.scan_events(stamps, edges, shares, usable) or scan.Window(0, usable[0], 0, 1.0, 0.0)
    _, low, high = scan.rate_ratio_interval(top.count, top.expected, confidence_level)
    at = start + timedelta(seconds=top.start)
    in_window = timed.filter((pl.col("at") >= at) & (pl.col("at") < at + timedelta(seconds=top.length)))
    more = {
        "n": int(stamps.size),
        "n_set_aside": rows.height - int(stamps.size),
        "start": coarse(at, top.count, case),
        "length_s": top.length,
        "ratio_low": low,
        "ratio_high": high,
    }
    return Part(
        way="moments", pvalue=scan.rank_pvalue(top.llr, null), seen=top.count, expected=top.expected, low=0.0,
        high=float(top.expected), more=more,
        cause=BY_ONE_HAND if is_keyed_in(in_window) else A_WAVE if is_wave(timed["at"], at, top.length) else None,
    )  # fmt: skip


def is_wave(at: pl.Series, start: datetime, length_s: int) -> bool:
    """Whether the hour before a window and the hour after it were busier than the same hours of other days.

    What calls members up fades, and a deadline draws near; a batch that one hand puts in has nothing around it.
    """
    seconds = (at - start).dt.total_seconds().to_numpy()
    of_day = np.mod(seconds + HOUR_S, DAY_S)
    around = (of_day < 2 * HOUR_S + length_s) & ~((of_day >= HOUR_S) & (of_day < HOUR_S + length_s))
    here = (seconds >= -HOUR_S) & (seconds < length_s + HOUR_S)
    n, others = int((around & here).sum()), int((around & ~here).sum())
    days = max(1, round(float(np.ptp(seconds)) / DAY_S))
    return n >= LEAST_AROUND and bool(binom.sf(n - 1, n + others, 1 / days) <= BUSIER)


def own_applications(case: Case) -> pl.DataFrame:
    """Give each member's first application that a member made: none for everybody of a group, and no second ones."""
    rows = case.rows("vote_applications").sort("at", "application_id", nulls_last=True)
    own = rows.filter(
        (pl.col("submitted_via") != "automatic").fill_null(True) & (pl.col("decision") != "duplicate").fill_null(True)
    )
    who = pl.coalesce("voter_key", "application_id")
    return own.with_columns(who=who).unique("who", keep="first", maintain_order=True)


def by_the_member(rows: pl.DataFrame) -> pl.DataFrame:
    """Keep those that bear the member's own line and moment."""
    return rows.filter(pl.col("submitted_via").fill_null("unknown").is_in(BY_THE_MEMBER))


def in_batch(case: Case, rows: pl.DataFrame) -> pl.Series:
    """Whether an application bears one second with nine others or more, as what is loaded at one go does; a log of whole minutes tells none."""
    is_fine = seen_resolution(rows["at"].drop_nulls(), case.contest["timezone"]) == 1
    many = pl.len().over(pl.col("at").dt.truncate("1s")) >= BATCH
    return rows.select((many & pl.col("at").is_not_null() & is_fine).alias("in_batch")).to_series()


def is_keyed_in(rows: pl.DataFrame) -> bool:
    """Whether an officer entered most of some applications, or nobody says how they came in."""
    own = rows["submitted_via"].is_in(SURELY_OWN).fill_null(False)
    return rows.height > 0 and int(own.sum()) * 2 < rows.height


def grouped_rows(rows: pl.DataFrame, key: str) -> pl.DataFrame:
    """Keep applications that share a key with two others or more."""
    return rows.drop_nulls(key).filter(pl.len().over(key) >= 3)


def network_groups(case: Case, rows: pl.DataFrame) -> Shared | None:
    """Group applications by network, with the ballots of comparison contests as the reference; null without enough of them."""
    peers = [ballots(case, peer, "ip_key") for peer in case.peers()]
    reference = pl.concat(peers) if peers else None
    if reference is None or reference.height < MIN_REFERENCE:
        return None
    operators = pl.concat([reference, ballots(case, case.contest_id, "ip_key")]).drop_nulls("asn")
    known = operators.unique("key", keep="first", maintain_order=True).select("key", "asn")
    own = rows.drop_nulls("ip_key").select(contest_id=pl.lit(case.contest_id), voter="who", key="ip_key")
    own = own.join(known, on="key", how="left", maintain_order="left").select(reference.columns)
    return grouped(own, reference, "ballots")


def contact_groups(case: Case, rows: pl.DataFrame) -> Shared | None:
    """Group applications by the address given, with the e-mail addresses of the roll as the reference; null without enough of them."""
    roll = whole_roll(case).drop_nulls("email_key")
    made_up = roll.filter(pl.col("email_domain_class").is_in(MADE_UP)).select(key="email_key").unique()
    reference = roll.select(key="email_key").join(made_up, on="key", how="anti")
    own = rows.drop_nulls("contact_key").select(key="contact_key")
    kept = own.join(made_up, on="key", how="anti")
    if reference.height < MIN_REFERENCE or not kept.height:
        return None
    return Shared(
        sizes=_sizes(kept), reference=_sizes(reference), kind="roll", n_contests=1, n_gateway=0,
        n_known=own.height - kept.height, operators_known=True,
    )  # fmt: skip


def _sizes(keys: pl.DataFrame) -> NDArray:
    return keys.group_by("key").len("n")["n"].sort().to_numpy().astype(np.int64)


def application_bursts(
    parts: list[Part], *, n: int, n_batch: int, n_one_line: int, alpha: float, confidence_level: float, parameters: dict[str, Any]
) -> TestResult:
    """Put the ways in which applications may come together into one answer.

    Returns
    -------
    TestResult
        Statistic: applications in the way that stands out most. Effect: those beyond what was to be expected there. p-value: the
        smallest of the ways after Holm.

    Notes
    -----
    Null hypothesis: `NULL`. Simulated. Where an ordinary cause shows of whatever stands out, it is undetermined: an
    officer's hand that keyed in many forms, or nobody says whose, or hours that were busy all round.
    """
    top = min(parts, key=lambda part: part.pvalue)
    by_reference = [part for part in parts if part.way != "moments"]
    adjusted = holm([part.pvalue for part in parts])
    causes = [part.cause for part, p in zip(parts, adjusted, strict=True) if p <= alpha]
    found = {cause.statement: cause for cause in causes if cause} if all(causes) else {}
    return TestResult(
        method=METHOD, form=FORM, null_hypothesis=NULL, alternative="greater", statistic=float(top.seen),
        statistic_name="applications together, in the way that stands out most",
        pvalue=float(adjusted.min()),
        effect=Estimate(
            name="applications together beyond those expected", value=top.seen - top.expected, low=top.seen - top.high,
            high=top.seen - top.low, confidence_level=None, unit="applications",
        ),
        n_observations=n, n_excluded=n_batch,
        assumptions=tuple(_assumption(part) for part in by_reference)
        + tuple(_moments(part) for part in parts if part.way == "moments")
        + tuple(found.values()),
        innocent_explanations=EXPLANATIONS, references=("westfall1993", "kulldorff1997", "holm1979"),
        parameters=parameters | {"confidence_level": confidence_level},
        details={"top": top.way, "ways": [_row(part) for part in parts], "n_batch": n_batch, "n_one_line": n_one_line},
    )  # fmt: skip


def _row(part: Part) -> dict[str, Any]:
    return {
        "way": part.way,
        "seen": part.seen,
        "expected": part.expected,
        "low": part.low,
        "high": part.high,
        "pvalue": part.pvalue,
        **part.more,
    }


def _assumption(part: Part) -> Assumption:
    told = {
        "networks": f"Learnt from {part.more['n_reference']:,} ballots of comparison contests; a workplace that this contest has and those lack would stand out.",
        "addresses": f"Learnt from the e-mail addresses of {part.more['n_reference']:,} members on the roll, made-up ones left out.",
    }
    return Assumption(
        statement=f"Applicants share {part.way} as those in the reference do.", status=Status.UNTESTED, evidence=told[part.way]
    )


def _moments(part: Part) -> Assumption:
    return Assumption(
        statement="Members decide when to apply independently of each other, once households are counted once.",
        status=Status.UNTESTED,
        evidence=f"{part.more['n_set_aside']:,} applications stand aside: housemates', keyed-in ones, and those near a message or an end of the time for applying.",
    )


def answer_bursts(case: Case) -> Result:
    """Answer for one contest of a package."""
    plan, every = case.plan, own_applications(case)
    batch = in_batch(case, every)
    rows, n_batch = every.filter(~batch), int(batch.sum())
    own = by_the_member(rows)
    level = {"n_resamples": plan.n_resamples, "confidence_level": plan.confidence_level}
    found = []
    if own.height >= MIN_APPLICATIONS:
        for way, groups, together in (
            ("networks", network_groups(case, own), grouped_rows(own, "ip_key")),
            ("addresses", contact_groups(case, rows), grouped_rows(rows, "contact_key")),
        ):
            if groups is not None and groups.sizes.size and groups.reference.size:
                part = shared_keys(groups, way, rng=plan.rng(case.contest_id, METHOD, FORM, way), **level)
                found.append(replace(part, cause=BY_ONE_HAND if is_keyed_in(together) else None))
        rng = plan.rng(case.contest_id, METHOD, FORM, "moments")
        found += [part] if (part := in_time(own, case, plan.scan_windows_s, rng=rng, **level)) else []
    if not found:
        reason = (
            f"Of {every.height:,} applications {own.height:,} were made by members themselves, each at a time of its own; {MIN_APPLICATIONS} are needed, with their "
            "times, or with networks or addresses and something to compare them with."
        )
        needs = ("vote_applications.at|vote_applications.ip_key|vote_applications.contact_key",)
        return NotAnswerable(method=METHOD, form=FORM, reason=reason, needs=needs)
    is_compared = any(part.way == "networks" for part in found)
    n_one_line = 0 if is_compared else int(own["ip_key"].drop_nulls().value_counts()["count"].max() or 0)
    parameters = {"zone": case.contest["timezone"], "n_resamples": plan.n_resamples, "scan_windows_s": list(plan.scan_windows_s)}
    return application_bursts(
        found, n=rows.height, n_batch=n_batch, n_one_line=n_one_line, alpha=plan.alpha, confidence_level=plan.confidence_level,
        parameters=parameters,
    )  # fmt: skip
