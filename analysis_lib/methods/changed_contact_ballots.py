"""Did members whose contact was changed without a request vote online more, or sooner, than those who asked for it?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from analysis_lib.case import Case
from analysis_lib.clocks import window_in_force
from analysis_lib.errors import ParameterError, TooFewObservations
from analysis_lib.methods.change_causes import with_platform_causes
from analysis_lib.methods.clock_readings import under_every_reading
from analysis_lib.methods.contact_edits import contact_edits, contest_period, placed
from analysis_lib.methods.instants import edge
from analysis_lib.methods.members import whole_roll
from analysis_lib.results import Assumption, Estimate, NotAnswerable, Result, Status, TestResult
from analysis_lib.stats.changed_hazard import residuals_after
from analysis_lib.stats.cox import fit_cox, profile_interval, proportionality, risk_rows
from analysis_lib.stats.label_permutation import maximum_excess
from analysis_lib.stats.stratified import common_ratio

NOUN = "changed_contact_ballots"
NEEDS = ("contact_changes.voter_key", "ballot_events.voter_key|roll.voted_flag")
MIN_EACH = 5
ZPH_FAILS = 0.01
CASTS = ("cast", "recast", "entered_by_officer")
FEWEST = 10  # delays whose median is told; of fewer it is somebody's own
GROUPS = {True: "replaced, no request found", False: "asked for, or a blank filled"}
EXPLANATIONS = (
    "A dead address was mended: a member who had long been willing to vote got the code at last.",
    "The member asked by word of mouth, nobody noted it, and voted at once.",
    "Officers went through the members they expected to vote, whose addresses were looked after first.",
    "Requests that were noted came from members who had trouble with the code for other reasons, and so voted late.",
)
NULLS = {
    "with_times": "it made no difference to how soon an online ballot followed whether the change had been asked for",
    "register": "within a branch it made no difference to whether a member voted whether the change had been asked for",
}


@dataclass(frozen=True, slots=True)
class Members:
    """Members at risk from the opening on, as arrays of one length.

    Seconds since the opening: ``change`` (infinite: no change that is compared; 0: before the opening), ``stop`` (online
    ballot, ballot by another channel, or close), ``voted`` (whether it was an online ballot), ``unasked``, ``unit``.
    """

    change: np.ndarray
    stop: np.ndarray
    voted: np.ndarray
    unasked: np.ndarray
    unit: np.ndarray
    left_out: dict[str, int]

    @property
    def compared(self) -> np.ndarray:
        return self.change < self.stop


def changed_contact_ballots(
    members: Members, *, n_resamples: int, confidence_level: float, rng: np.random.Generator
) -> TestResult:
    """Compare members after an unasked change with members after one that was asked for, each against those at risk at the same instant.

    Never members with a change against members without: a member whose address is mended, or who asks, is willing to
    vote. And nobody counts as changed before the change.

    Returns
    -------
    TestResult
        Statistic: members with an unasked change who voted online after it. Effect: hazard ratio unasked over asked for, of
        a proportional hazards model with branches as strata and the change as a covariate that sets in when it is made;
        above 1: more or sooner. Interval: profile likelihood, widened where members differ more than the model has it.

    Raises
    ------
    ParameterError, TooFewObservations
        The model can't be fitted: no ballots, or nobody at risk after a change when one came in.

    Notes
    -----
    Null hypothesis: see `NULLS`. p-value: the ballots after the change, less those to be expected from the members of the
    branch at risk at the same instants (martingale residuals of the model with one effect of any change), under
    permutation of the label among the changed; one-sided. If members who ask vote sooner, as is usual, it is near 1.
    A change counts as asked for, too, where only the platform has its cause on record (`change_causes`).
    """
    start, stop, event, x, strata = _rows(members)
    rows = risk_rows(start, stop, event, x, strata)
    common = fit_cox(risk_rows(start, stop, event, x[:, :1], strata))
    fit = fit_cox(rows)
    over = _residuals(members, float(common.coefficients[0]))
    ends = profile_interval(rows, fit, 1, confidence_level)
    low, high = _widened(ends[0], float(fit.coefficients[1]), ends[1], over, members.voted[members.compared])
    checked = proportionality(rows, fit).pvalues[1] if np.isfinite(fit.coefficients).all() else np.nan
    compared, unasked = members.compared, members.unasked
    test = maximum_excess(over[:, None], unasked[compared], n_resamples=n_resamples, rng=rng)
    groups = _groups(members)
    return TestResult(
        method=NOUN, form="with_times", null_hypothesis=NULLS["with_times"], alternative="greater",
        statistic=float((members.voted & compared & unasked).sum()), statistic_name="online ballots after an unasked change",
        pvalue=test.pvalue,
        effect=Estimate(
            name="rate of voting online after the change, unasked over asked for", value=float(np.exp(fit.coefficients[1])),
            low=float(np.exp(low)), high=float(np.exp(high)), confidence_level=confidence_level, unit="ratio",
        ),
        n_observations=int(compared.sum()), n_excluded=sum(members.left_out.values()),
        assumptions=(
            _alike(),
            Assumption(
                statement="The ratio is the same throughout the vote.",
                status=Status.HOLDS if checked > ZPH_FAILS else Status.UNTESTED,
                evidence=_proportional(checked),
            ),
        ),
        innocent_explanations=EXPLANATIONS, references=("cox1972", "grambsch1994", "suissa2008"),
        parameters={"n_resamples": n_resamples, "confidence_level": confidence_level},
        details={
            "groups": groups, "left_out": members.left_out, "hazard_asked_over_unchanged": float(np.exp(fit.coefficients[0])),
            "n_members": members.stop.size,
        },
    )  # fmt: skip


def _proportional(pvalue: float) -> str:
    """What a look at the ratio over time gives. The p-value of the test does not lean on it, so that it cannot fail the finding."""
    if np.isnan(pvalue):
        return "Too few ballots to look; the p-value does not lean on it."
    changes = "the ratio is an average over the vote" if pvalue <= ZPH_FAILS else "no change with time is seen"
    return f"A test of its change with time gives p = {pvalue:.2g}: {changes}. The p-value of the question does not lean on it."


def _rows(members: Members) -> tuple[np.ndarray, ...]:
    """Two rows for a member who changed after the opening: before and after it."""
    n, compared = members.stop.size, members.compared
    later = np.flatnonzero(compared & (members.change > 0))
    changed_first = compared & (members.change <= 0)
    stop, voted = members.stop.copy(), members.voted.copy()
    stop[later], voted[later] = members.change[later], False
    start = np.r_[np.zeros(n), members.change[later]]
    x = np.r_[
        np.column_stack([changed_first, changed_first & members.unasked]),
        np.column_stack([np.ones(later.size, bool), members.unasked[later]]),
    ].astype(float)
    strata = np.r_[members.unit, members.unit[later]]
    return start, np.r_[stop, members.stop[later]], np.r_[voted, members.voted[later]], x, strata


def _residuals(members: Members, log_ratio: float) -> np.ndarray:
    """Ballots after the change less those to be expected, of the members compared."""
    log_ratio = float(np.clip(np.nan_to_num(log_ratio), -20, 20))  # without an end: nobody, or everybody, voted after a change
    change = np.where(members.compared, members.change, np.inf)
    return residuals_after(change, members.stop, members.voted, members.unit, log_ratio)[members.compared]


def _widened(low: float, centre: float, high: float, over: np.ndarray, voted: np.ndarray) -> tuple[float, float]:
    """Ends of an interval, farther out by how much more residuals vary than the model has it: members differ in their will to vote."""
    expected = float((voted - over).sum())
    factor = max(1.0, float(np.sqrt(over.size * over.var() / expected))) if expected > 0 and np.isfinite(centre) else 1.0
    return (centre - (centre - low) * factor, centre + (high - centre) * factor) if factor > 1 else (low, high)


def _groups(members: Members) -> list[dict[str, Any]]:
    told = []
    for unasked, name in GROUPS.items():
        own = members.compared & (members.unasked == unasked)
        delays = (members.stop - members.change)[own & members.voted & (members.change > 0)]
        median = float(np.median(delays)) if delays.size >= FEWEST else None
        told.append({"group": name, "n": int(own.sum()), "voted": int((own & members.voted).sum()), "median_delay_s": median})
    none = ~members.compared
    return [
        *told,
        {"group": "no such change", "n": int(none.sum()), "voted": int((none & members.voted).sum()), "median_delay_s": None},
    ]


def _alike() -> Assumption:
    return Assumption(
        statement="Members whose change was asked for are comparable with those whose change was not.",
        status=Status.UNTESTED,
        evidence="A search that found no request does not show that there was none.",
    )


def members_at_risk(case: Case) -> Members | None:
    """Members of the roll from the opening on; null where the opening or the close is not known."""
    window = window_in_force(case.rows("contest_windows"), "online")
    if window is None or window.opens_at is None or window.closes_at is None:
        return None
    opens, closes = (pl.lit(at).cast(pl.Datetime("us", "UTC")) for at in (window.opens_at, window.closes_at))
    first, left_out = first_changes(case)
    casts = case.rows("ballot_events").filter(pl.col("event").is_in(CASTS)).drop_nulls(["voter_key", "at"]).sort("at", "event_id")
    votes = casts.unique("voter_key", keep="first", maintain_order=True).select("voter_key", "channel", voted_at="at")
    roll = whole_roll(case).filter("eligible").select("voter_key", pl.col("unit").fill_null(""))
    joined = roll.join(votes, on="voter_key", how="left").join(first, on="voter_key", how="left").sort("voter_key")
    joined = joined.with_columns(
        stop=(pl.min_horizontal("voted_at", closes) - opens).dt.total_microseconds() / 1e6,
        voted=((pl.col("voted_at") <= closes) & (pl.col("channel").fill_null("online") == "online")).fill_null(False),
        change=((pl.col("changed_at") - opens).dt.total_microseconds() / 1e6).clip(lower_bound=0).fill_null(np.inf),
    )
    has = joined.filter(pl.col("stop") > 0)
    too_late = has.filter(pl.col("change").is_finite() & (pl.col("change") >= pl.col("stop"))).height
    left_out |= {
        "already_voted": too_late, "not_on_the_roll": first.join(roll, on="voter_key", how="anti").height, "before_the_opening": joined.height - has.height
    }  # fmt: skip
    arrays = (has[name].to_numpy() for name in ("change", "stop", "voted"))
    return Members(*arrays, has["unasked"].fill_null(False).to_numpy(), has["unit"].to_numpy(), left_out)


def first_changes(case: Case) -> tuple[pl.DataFrame, dict[str, int]]:
    """First change of each member in the contest's period whose cause is known: ``voter_key, changed_at, unasked``; and what is left out."""
    period = contest_period(case)
    edits = with_platform_causes(case, contact_edits(case))
    rows = placed(edits, *period).filter(period="contest") if period else edits
    timed = rows.drop_nulls("at").sort("at", "change_id").unique("voter_key", keep="first", maintain_order=True)
    is_filled, asked = pl.col("outcome") == "blank filled", pl.col("asked")
    left_out = {
        "no_time": edits["at"].null_count(),
        "made_by_the_member": int(timed["by_member"].sum()),
        "bulk": timed.filter(asked == "bulk").height,
    }
    known = _comparable(timed)
    first = known.select("voter_key", changed_at="at", unasked=(asked == "none found") & ~is_filled)
    return first, left_out | {"cause_not_known": timed.height - known.height - left_out["bulk"] - left_out["made_by_the_member"]}


def _comparable(edits: pl.DataFrame) -> pl.DataFrame:
    """Changes that somebody made for a member, of which it is known whether they were asked for.

    Whoever changes an address without help gets on without help: such members vote at other times, asked or not.
    """
    is_filled, asked = pl.col("outcome") == "blank filled", pl.col("asked")
    is_known = (asked == "asked for") | (asked == "none found") | (is_filled & (asked != "bulk"))
    return edits.filter(is_known & ~pl.col("by_member"))


def from_register(case: Case) -> tuple[pl.DataFrame, dict[str, int]]:
    """Members whose change surely came before the opening, with whether the marked register has them: ``unit, unasked, voted``."""
    opens = edge(case, "voting", "opens_at")
    edits = with_platform_causes(case, contact_edits(case))
    before = pl.coalesce("at", "at_hi") < opens if opens else pl.lit(False)
    rows = (
        edits.filter(before).sort(pl.coalesce("at", "at_hi"), "change_id").unique("voter_key", keep="first", maintain_order=True)
    )
    is_filled, asked = pl.col("outcome") == "blank filled", pl.col("asked")
    known = _comparable(rows)
    first = known.select("voter_key", unasked=(asked == "none found") & ~is_filled)
    online = pl.col("voted_flag") & (pl.col("voted_channel").fill_null("online") == "online")
    marked = case.rows("roll").drop_nulls("voted_flag").group_by("voter_key").agg(pl.col("unit").first(), voted=online.any())
    joined = first.join(marked, on="voter_key")
    left_out = {"after_the_opening": edits.filter(~before).height, "cause_not_known": rows.height - known.height}
    return joined.with_columns(pl.col("unit").fill_null("")), left_out | {"not_on_the_register": first.height - joined.height}


def register(members: pl.DataFrame, *, confidence_level: float) -> TestResult:
    """Compare unasked with asked-for changes in the share marked as having voted online, within branches.

    Only changes before the opening: of a later one the register can't tell whether it came before the ballot.

    Parameters
    ----------
    members : DataFrame
        ``unit``, ``unasked`` and ``voted`` (bool), one row a member.

    Returns
    -------
    TestResult
        Effect: common odds ratio over the branches, exact conditional interval. p-value: exact, one-sided; discrete.
    """
    tables = (
        members.group_by("unit")
        .agg(
            (pl.col("unasked") & pl.col("voted")).sum().alias("a"), (pl.col("unasked") & ~pl.col("voted")).sum().alias("b"),
            (~pl.col("unasked") & pl.col("voted")).sum().alias("c"), (~pl.col("unasked") & ~pl.col("voted")).sum().alias("d"),
        )
        .sort("unit")
    )  # fmt: skip
    found = common_ratio(tables.select("a", "b", "c", "d").to_numpy(), confidence_level)
    groups = [
        {"group": name, "n": own.height, "voted": int(own["voted"].sum()), "median_delay_s": None}
        for unasked, name in GROUPS.items()
        for own in [members.filter(pl.col("unasked") == unasked)]
    ]
    return TestResult(
        method=NOUN, form="register", null_hypothesis=NULLS["register"], alternative="greater",
        statistic=float(groups[0]["voted"]), statistic_name="online voters after an unasked change", pvalue=found.greater,
        effect=Estimate(
            name="odds of having voted online, unasked over asked for", value=found.ratio, low=found.low, high=found.high,
            confidence_level=confidence_level, unit="ratio",
        ),
        n_observations=members.height, n_excluded=0,
        assumptions=(_alike(),),
        innocent_explanations=EXPLANATIONS, references=("mehta1985",), parameters={"confidence_level": confidence_level},
        details={"groups": groups},
    )  # fmt: skip


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package: with the times of ballots, else from a marked register."""
    if not case.missing(
        ("contact_changes.at", "ballot_events.voter_key", "ballot_events.at", "roll.voter_key", "contest_windows.opens_at")
    ):
        return (_timed(case),)
    if not case.missing(("roll.voted_flag", "contest_windows.opens_at")):
        return (_marked(case),)
    needs = case.missing(
        (
            "contest_windows.opens_at",
            "contact_changes.at|contact_changes.at_hi",
            "ballot_events.at|roll.voted_flag",
            "roll.voter_key",
        )
    )
    reason = "Changes of contact, ballots and the opening of the vote can't be set against each other."
    return (NotAnswerable(method=NOUN, reason=reason, needs=needs or ("contest_windows.opens_at",)),)


def _timed(case: Case) -> Result:
    members = members_at_risk(case)
    if members is None:
        reason = "The opening and the close of the online vote are not both known."
        return NotAnswerable(
            method=NOUN, form="with_times", reason=reason, needs=("contest_windows.opens_at", "contest_windows.closes_at")
        )
    if reason := _too_few(members.unasked[members.compared]):
        return NotAnswerable(
            method=NOUN, form="with_times", reason=reason, needs=("contact_changes.request_evidence", "contact_changes.at")
        )
    try:
        result = _tested(case, members)
    except (ParameterError, TooFewObservations):
        reason = (
            "No online ballot came in at an instant at which members with and without a change were still to vote in one branch."
        )
        return NotAnswerable(method=NOUN, form="with_times", reason=reason, needs=("ballot_events.at",))
    return _under_every_reading(result, case, members)


def _tested(case: Case, members: Members) -> TestResult:
    rng = case.plan.rng(case.contest_id, NOUN, "with_times")
    return changed_contact_ballots(
        members, n_resamples=case.plan.n_resamples, confidence_level=case.plan.confidence_level, rng=rng
    )


def _too_few(unasked: np.ndarray) -> str:
    n = int(unasked.sum())
    if min(n, unasked.size - n) >= MIN_EACH:
        return ""
    return (
        f"{n} members with an unasked change and {unasked.size - n} with one that was asked for, still to vote, are on record; "
        f"at least {MIN_EACH} of each are needed to compare them."
    )


def _marked(case: Case) -> Result:
    members, left_out = from_register(case)
    if reason := _too_few(members["unasked"].to_numpy()):
        needs = ("contact_changes.request_evidence", "ballot_events.at")
        return NotAnswerable(
            method=NOUN, form="register", reason=reason.replace(", still to vote,", " before the opening"), needs=needs
        )
    result = register(members, confidence_level=case.plan.confidence_level)
    return replace(result, n_excluded=sum(left_out.values()), details={**result.details, "left_out": left_out})


def _under_every_reading(result: TestResult, case: Case, members: Members) -> TestResult:
    """Test again under every reading of the clocks that changes who was still to vote, and say whether all agree."""
    seen, told = (
        [members],
        [{"reading": "as_recorded", "pvalue": result.pvalue, "statistic": result.statistic, "effect": result.effect.value}],
    )
    for name, moved in under_every_reading(case, ("contact_changes", "ballot_events")).items():
        other = members_at_risk(moved)
        if other is None or any(_same(other, one) for one in seen):
            continue
        seen.append(other)
        row: dict[str, Any] = {"reading": name, "pvalue": None, "statistic": None, "effect": None}
        try:
            if not _too_few(other.unasked[other.compared]):
                again = _tested(moved, other)
                row = {"reading": name, "pvalue": again.pvalue, "statistic": again.statistic, "effect": again.effect.value}
        except (ParameterError, TooFewObservations):
            pass  # nothing is left to be compared under this reading
        told.append(row)
    return result if len(told) == 1 else replace(result, details={**result.details, "readings": told})


def _same(one: Members, two: Members) -> bool:
    names = ("change", "stop", "voted", "unasked", "unit")
    return all(np.array_equal(getattr(one, name), getattr(two, name)) for name in names)
