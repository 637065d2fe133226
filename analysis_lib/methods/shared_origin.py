"""Did more ballots come from one network, device or session than households and shared networks explain?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis_lib.case import Case
from analysis_lib.clocks import window_in_force
from analysis_lib.methods.ballot_kinds import CAST
from analysis_lib.methods.members import roll_in_force
from analysis_lib.results import Assumption, Estimate, NotAnswerable, Result, Status, TestResult
from analysis_lib.stats import collisions
from analysis_lib.stats.scan import rank_pvalue_error

MIN_BALLOTS, MIN_REFERENCE = 30, 100
ATTRIBUTES = {"network": "ip_key", "device": "device_key"}
SEEN = ("opened", "clicked", "login_ok")
SEVERAL = 3  # voters from which on a network counts as shared by more than a couple
GATEWAY_SHARE, GATEWAY_BALLOTS = 0.5, 10  # an operator with so many of its ballots in groups beyond any household is a carrier
CLASSES = ((1, 1), (2, 2), (3, 4), (5, 9), (10, None))
EXPLANATIONS = (
    "A household, a shared house or a care home.",
    "A workplace, a branch meeting or a café with one network for all its guests.",
    "A mobile operator, which puts thousands of telephones behind one address.",
    "A VPN or a company's gateway, which does the same.",
    "A phone bank or a stall, where members voted on a campaign's own tablet.",
    "An officer who helped members to vote at a meeting or over the telephone.",
)
NULLS = {
    "network": "members share networks as those in the reference do, apart from operators and networks that many share there too",
    "device": "members share devices as those in the reference do",
}
NEEDS = {
    "network": ("ballot_events.ip_key", "contests.comparison_only", "credential_events.ip_key|roll.address_key"),
    "device": ("ballot_events.device_key", "contests.comparison_only"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Sizes of the groups of voters with one key in a contest and in its reference, and what was left out of both."""

    sizes: NDArray
    reference: NDArray
    kind: str
    n_contests: int
    n_gateway: int
    n_known: int
    operators_known: bool


def _voters(rows: pl.DataFrame, key: str) -> pl.DataFrame:
    """One row per voter, the last: ``contest_id, voter, key, asn``."""
    who = [pl.col(name) for name in ("voter_key", "credential_id", "event_id")]
    asn = pl.col("asn") if "asn" in rows.columns else pl.lit(None, pl.Int64)
    placed = rows.drop_nulls(key).sort("at", "event_id").select("contest_id", voter=pl.coalesce(who), key=key, asn=asn)
    return placed.unique(["contest_id", "voter"], keep="last", maintain_order=True)


def ballots(case: Case, contest_id: str, key: str) -> pl.DataFrame:
    """Give the last online ballot of every voter that has a key; kiosks and batches share one by design and are left out."""
    cast = pl.col("event").is_in(CAST) & (pl.col("channel") == "online") & pl.col("batch_id").is_null()
    return _voters(case.rows_of("ballot_events", contest_id).filter(cast), key)


def _seen_before(case: Case) -> pl.DataFrame:
    """Networks from which letters were opened and codes looked at: in comparison contests, and in this one before it opened."""
    window = window_in_force(case.rows("contest_windows"), "online")
    parts = []
    for contest_id in (*case.peers(), case.contest_id):
        rows = case.rows_of("credential_events", contest_id).filter(pl.col("event").is_in(SEEN))
        if contest_id == case.contest_id:
            rows = rows.filter(pl.col("at") < window.opens_at) if window and window.opens_at else rows.clear()
        parts.append(_voters(rows, "ip_key"))
    return pl.concat(parts)


def _addresses(case: Case) -> pl.DataFrame:
    roll = roll_in_force(case).drop_nulls("address_key")
    return roll.select(
        contest_id=pl.lit(case.contest_id), voter="voter_key", key="address_key", asn=pl.lit(None, pl.Int64)
    )  # fmt: skip


def shared(case: Case, attribute: str) -> Shared | None:
    """Group the voters of the contest and of the best reference held by network or device; null without a reference."""
    key = ATTRIBUTES[attribute]
    own = ballots(case, case.contest_id, key)
    references = {"ballots": lambda: pl.concat([ballots(case, peer, key) for peer in case.peers()] or [own.clear()])}
    if attribute == "network":
        references |= {"logins": lambda: _seen_before(case), "addresses": lambda: _addresses(case)}
    for kind, find in references.items():
        reference = find()
        if reference.height >= MIN_REFERENCE:
            return grouped(own, reference, kind)
    return None


def grouped(own: pl.DataFrame, reference: pl.DataFrame, kind: str) -> Shared:
    """Give the groups of both sides, what many share in the reference left out of both; null groups where none is left."""
    carriers = _carriers(reference)
    kept_own, kept = (frame.join(carriers, on="asn", how="anti") for frame in (own, reference))
    both = pl.concat([kept_own.with_columns(contest_id=pl.lit("")), kept])
    groups = both.group_by("contest_id", "key").len("n")
    known = groups.filter(pl.col("n") >= SEVERAL).group_by("key").len("n_contests").filter(pl.col("n_contests") >= 2)
    left = groups.join(known, on="key", how="anti").sort("contest_id", "key")
    sizes = left.filter(pl.col("contest_id") == "")["n"].to_numpy().astype(np.int64)
    return Shared(
        sizes=sizes, reference=left.filter(pl.col("contest_id") != "")["n"].to_numpy().astype(np.int64), kind=kind,
        n_contests=reference["contest_id"].n_unique(), n_gateway=own.height - kept_own.height,
        n_known=kept_own.height - int(sizes.sum()), operators_known=bool(own["asn"].count() and reference["asn"].count()),
    )  # fmt: skip


def _carriers(reference: pl.DataFrame) -> pl.DataFrame:
    """Operators of which at least half of the reference's voters come in groups beyond any household: ``asn``."""
    group = pl.len().over("contest_id", "key")
    by_operator = reference.drop_nulls("asn").with_columns(large=group > collisions.LARGEST_HOUSEHOLD).group_by("asn")
    found = by_operator.agg(n=pl.len(), share=pl.col("large").mean())
    return found.filter((pl.col("n") >= GATEWAY_BALLOTS) & (pl.col("share") >= GATEWAY_SHARE)).select("asn")


def shared_origin(
    groups: Shared, *, attribute: str, alpha: float, confidence_level: float, n_resamples: int, rng: np.random.Generator,
    parameters: dict, details: dict,
) -> TestResult:  # fmt: skip
    """Test whether voters come in larger groups with one network or device than those of the reference do.

    Groups are ordinary: what counts is whether there are more, or larger ones, than elsewhere.

    Parameters
    ----------
    groups : Shared
        At least `MIN_BALLOTS` voters, and `MIN_REFERENCE` in the reference.

    Returns
    -------
    TestResult
        Statistic: ballots in groups of three or more. Effect: those beyond what the reference's
        rate makes of as many, with the range of the null's draws. p-value: of four tallies together (ballots in groups of at least
        3, 5 and 10, and the largest group).

    Notes
    -----
    Null hypothesis: see `NULLS`. Simulated from what the reference shows and what it leaves open
    (`collisions.predicted_tallies`); with few reference ballots only large groups stand out.
    """
    n, n_reference = int(groups.sizes.sum()), int(groups.reference.sum())
    seen = collisions.tallies(groups.sizes)
    draws = collisions.predicted_tallies(groups.reference, n_reference, n, n_resamples=n_resamples, rng=rng)
    found = collisions.excess(seen, draws)
    low, high = np.quantile(draws, [0.5 - confidence_level / 2, 0.5 + confidence_level / 2], axis=0)
    usual = collisions.tallies(groups.reference) * (n / n_reference)
    usual[-1] = np.median(draws[:, -1])  # the largest group doesn't grow in proportion
    pvalue = found.pvalue
    tallies = [
        {"at_least": least, "seen": int(s), "expected": float(m), "low": float(a), "high": float(b), "pvalue": float(p)}
        for least, s, m, a, b, p in zip((*collisions.AT_LEAST, None), seen, usual, low, high, found.each, strict=True)
    ]
    return TestResult(
        method="shared_origin", form=attribute, null_hypothesis=NULLS[attribute], alternative="greater",
        statistic=float(seen[0]), statistic_name=f"ballots in groups of {collisions.AT_LEAST[0]} or more", pvalue=pvalue,
        effect=Estimate(
            name="ballots in groups of three or more, beyond those expected", value=float(seen[0] - usual[0]),
            low=float(seen[0] - high[0]), high=float(seen[0] - low[0]), confidence_level=None, unit="ballots",
        ),
        n_observations=n, n_excluded=groups.n_gateway + groups.n_known,
        assumptions=_assumptions(groups, attribute, n_reference), innocent_explanations=EXPLANATIONS,
        references=("westfall1993", "diaconis1989"),
        parameters=parameters | {"n_resamples": n_resamples, "reference": groups.kind, "confidence_level": confidence_level},
        details=details | {
            "tallies": tallies, "n_reference": n_reference, "n_contests": groups.n_contests,
            "n_gateway": groups.n_gateway, "n_known": groups.n_known,
            "pvalue_se": rank_pvalue_error(pvalue, n_resamples),
            "smallest_visible": _visible(draws[:, -1], found.needed(alpha), n),
        },
        null_draws=draws[:, 0].astype(float),
    )  # fmt: skip


def _visible(largest: NDArray, needed: float, n: int) -> int | None:
    """Smallest single group that would stand out by its size alone; null where none of n ballots could, or the draws are too few to tell."""
    top = np.sort(largest)[::-1]
    allowed = int(needed * (top.size + 1)) - 1  # draws that may be at least as large
    fewest = int(top[allowed]) + 1 if allowed >= 0 else n + 1
    return fewest if fewest <= n else None


def _assumptions(groups: Shared, attribute: str, n_reference: int) -> tuple[Assumption, ...]:
    told = {
        "ballots": f"Learnt from {n_reference:,} ballots of {groups.n_contests} comparison "
        f"{'contest' if groups.n_contests == 1 else 'contests'}; a workplace that this contest has and those lack would stand out.",
        "logins": f"Learnt from {n_reference:,} members who opened a letter or logged in; mail scanners open letters too, many from one network.",
        "addresses": f"Learnt from the addresses of {n_reference:,} members: they tell of households, but not of workplaces, halls and mobile operators.",
    }
    alike = Assumption(
        statement=f"Members of this contest share {attribute}s as those in the reference do.",
        status=Status.FAILS if groups.kind == "addresses" else Status.UNTESTED, evidence=told[groups.kind],
    )  # fmt: skip
    if attribute == "device":
        return (alike,)
    operators = Assumption(
        statement="Mobile operators and other large gateways were set aside.", status=Status.UNTESTED,
        evidence=f"{groups.n_gateway:,} ballots came through operators that many share, {groups.n_known:,} from networks that several members share in more than one contest."
        if groups.operators_known
        else "The operators of the networks are not held, so a mobile gateway looks like any other network.",
    )  # fmt: skip
    return alike, operators


def facts(case: Case, attribute: str) -> dict:
    """Groups by size, ballots less one per group, and visits with several voters: counts of what is held, nothing tested."""
    sizes = ballots(case, case.contest_id, ATTRIBUTES[attribute]).group_by("key").len("n")["n"].sort().to_numpy()
    sessions = ballots(case, case.contest_id, "session_key").group_by("key").len("n")["n"].to_numpy()
    several = sessions[sessions >= 2]
    groups = [
        {"least": least, "most": most, "n_groups": int(own.size), "n_ballots": int(own.sum())}
        for least, most in CLASSES
        for own in (sizes[(sizes >= least) & (sizes <= (most or np.inf))],)
    ]
    return {
        "groups": groups, "n_less_one": int((sizes - 1).sum()),
        "sessions": {"n": int(several.size), "n_ballots": int(several.sum()), "held": int(sessions.sum())},
    }  # fmt: skip


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package: by network and by device, as far as their keys are held."""
    plan, found = case.plan, []
    held = [attribute for attribute, key in ATTRIBUTES.items() if case.holds(f"ballot_events.{key}")]
    for attribute in held:
        details = facts(case, attribute)
        groups = shared(case, attribute)
        n = int(groups.sizes.sum()) if groups else sum(row["n_ballots"] for row in details["groups"])
        if n < MIN_BALLOTS:
            reason = f"Of online ballots with a {attribute} that can be compared {n} are held; {MIN_BALLOTS} are needed."
        elif groups is None or groups.reference.sum() < MIN_REFERENCE:
            reason = f"Nothing is held to show how members share {attribute}s in an ordinary contest; the groups are counted and not tested."
        else:
            found.append(
                shared_origin(
                    groups, attribute=attribute, alpha=plan.alpha, confidence_level=plan.confidence_level,
                    n_resamples=plan.n_resamples, rng=plan.rng(case.contest_id, "shared_origin", attribute),
                    parameters={"zone": case.contest["timezone"]}, details=details,
                )
            )  # fmt: skip
            continue
        found.append(
            NotAnswerable(method="shared_origin", form=attribute, reason=reason, needs=NEEDS[attribute], details=details)
        )
    if not found:
        details = facts(case, "network")
        reason = "Only visits are told apart, not networks or devices; visits with several voters are counted and not tested."
        needs = ("ballot_events.ip_key|ballot_events.device_key",)
        return (NotAnswerable(method="shared_origin", form="session", reason=reason, needs=needs, details=details),)
    return tuple(found)
