"""Did members make the applications for the online vote that are held in their names?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import betabinom, binom

from analysis_lib.case import Case
from analysis_lib.methods.application_bursts import answer_bursts
from analysis_lib.methods.ballot_kinds import COUNTED
from analysis_lib.methods.members import roll_in_force
from analysis_lib.results import Assumption, Estimate, NotAnswerable, Result, Status, TestResult
from analysis_lib.stats.evalues import share_evalue
from analysis_lib.stats.hypergeometric_bounds import marked_interval

METHOD, FORM = "application_denials", "denials"
NEEDS = ("vote_applications.voter_key|vote_applications.at",)
NEEDED = ("vote_applications.voter_key", "confirmations.says_applied", "confirmations.sampling")
BY_LOT = ("census", "random", "stratified")
ASKED_ALL = 0.8  # of the applicants: a census that asked fewer is one of some group
ANSWERS = ("yes", "no", "someone_on_my_behalf", "unsure")
BY_OFFICER = "officer_on_behalf"
MIN_CONTROL = 30  # answers of members who signed a paper form: fewer do not tell how often members forget
EXPLANATIONS = (
    "The member forgot, or took the question to be about something else.",
    "A partner or carer applied for the member, with or without being asked.",
    "An officer entered a request made on paper or by telephone.",
    "Members took it that whoever applied through an officer had not applied.",
    "Everybody of some group was given an online vote without applying.",
    "Whoever answered the telephone was not the member.",
)
NULL = (
    "every application was made by the member, and members deny one that they made no more often than the stated rate of mistakes"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Applicants of one part of the sample: how many there are, were asked and answered, and deny having applied."""

    size: int
    asked: int
    denied: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistakes:
    """How often members deny what they did: a rate that the plan states, or answers of a control group."""

    rate: float
    control: tuple[int, int] | None = None  # denials, answers

    def tails(self, asked: int) -> np.ndarray:
        """Give P(X >= k) for k = 0, ..., asked, if nothing but mistakes makes denials."""
        k = np.arange(asked + 1)
        if self.control is None:
            return binom.sf(k - 1, asked, self.rate)
        denied, answers = self.control
        return np.cumsum(betabinom.pmf(k, asked, denied + 0.5, answers - denied + 0.5)[::-1])[::-1]


def mistakes_of(control: tuple[int, int], planned_rate: float) -> Mistakes:
    """Give the rate of mistakes: of the control group if `MIN_CONTROL` of it answered, else as planned."""
    denied, answers = control
    if answers < MIN_CONTROL:
        return Mistakes(rate=planned_rate)
    return Mistakes(rate=(denied + 0.5) / (answers + 1), control=control)


def application_denials(
    parts: list[Asked], *, by_lot: bool, mistakes: Mistakes, alpha: float, confidence_level: float, parameters: dict[str, Any],
    others: Asked | None = None,
) -> TestResult:  # fmt: skip
    """Compare the denials among applicants who were asked with what mistakes alone would give.

    Who comes forward unasked has a reason to: of volunteers only the denials themselves are told, less the mistakes that
    all applicants together may make, since whoever errs may be the one to come.

    Parameters
    ----------
    parts : list of Asked
        One for each group from which members were picked by lot; one in all if they weren't picked within groups.
    by_lot : bool
        Whether the members asked were picked by lot, or all were asked.
    others : Asked, optional
        The same without applications that an officer entered; null: none was.

    Returns
    -------
    TestResult
        Statistic: denials. Effect: applications in the whole contest that their members would deny and did not make, with
        exact bounds from sampling without replacement, mistakes allowed for at their rate; its upper end is the number of
        applicants if they were not picked by lot. p-value: chance of so many denials from mistakes alone, one-sided.

    Notes
    -----
    Null hypothesis: `NULL`. Exact and discrete, so below its nominal rate. One denial alone never stands out.
    """
    size, asked, denied = (sum(getattr(part, name) for part in parts) for name in ("size", "asked", "denied"))
    may_err = asked if by_lot else size
    tails = mistakes.tails(may_err)
    seen = max(2, int(np.argmax(tails <= alpha)))
    bounds = {
        "corrected": _bounds(parts, mistakes.rate, confidence_level),
        "taken_at_their_word": _bounds(parts, 0.0, confidence_level),
    }
    share = sum(
        part.size * max(0.0, part.denied / part.asked - mistakes.rate) / (1 - mistakes.rate) for part in parts if part.asked
    )
    if not by_lot:
        most = {"high": size - (asked - denied)}
        beyond = max(0, denied - int(np.argmax(np.append(tails[1:], 0.0) <= 1 - confidence_level)))
        bounds = {"corrected": {"low": beyond} | most, "taken_at_their_word": {"low": denied} | most}
        share = max(0.0, denied - may_err * mistakes.rate)
    low, high = bounds["corrected"]["low"], bounds["corrected"]["high"]
    entered = others is not None and tails[denied] <= alpha and mistakes.tails(others.asked)[others.denied] > alpha
    return TestResult(
        method=METHOD, form=FORM, null_hypothesis=NULL, alternative="greater", statistic=float(denied),
        statistic_name="applicants who say that they did not apply", pvalue=float(min(1.0, tails[denied])),
        effect=Estimate(
            name="applications that their members did not make", value=float(np.clip(share, low, high)), low=low, high=high,
            confidence_level=confidence_level, unit="applications",
        ),
        n_observations=asked, n_excluded=0, assumptions=_assumptions(by_lot, mistakes, denied, by_officers=entered), innocent_explanations=EXPLANATIONS,
        references=("buonaccorsi1987", "vovk2021"), parameters=parameters | {"misreport_rate": mistakes.rate, "confidence_level": confidence_level},
        details={
            "n_applicants": size, "by_lot": by_lot, "bounds": bounds, "expected": may_err * mistakes.rate,
            "evalue": share_evalue(denied, may_err, mistakes.rate), "n_parts": len(parts),
            "smallest_visible": seen if tails[-1] <= alpha and seen <= asked else None,
        },
    )  # fmt: skip


def _bounds(parts: list[Asked], rate: float, confidence_level: float) -> dict[str, int]:
    """Add up the bounds of every part, each at a level that keeps that of the sum."""
    level = 1 - (1 - confidence_level) / len(parts)
    ends = [marked_interval(part.denied, part.asked, part.size, confidence_level=level, error_rate=rate) for part in parts]
    return {"low": sum(low for low, _ in ends), "high": sum(high for _, high in ends)}


def _assumptions(by_lot: bool, mistakes: Mistakes, denied: int, *, by_officers: bool) -> tuple[Assumption, ...]:
    answers = mistakes.control[1] if mistakes.control else 0
    entered = Assumption(
        statement="Whoever denies is on record as having applied in person.",
        status=Status.FAILS,
        evidence="Without the applications that an officer entered for a member the others stand out no more. A member may "
        "rightly say of such a one that somebody else applied; notes of the members' requests would settle it.",
    )
    return (
        Assumption(
            statement="The members asked were picked by lot, or all were asked, and those who did not answer are like those who did.",
            status=Status.UNTESTED if by_lot else Status.FAILS,
            evidence="They were picked by lot; why some did not answer isn't known."
            if by_lot
            else "They came forward, or were asked until enough had answered: whoever has something to tell comes first.",
        ),
        Assumption(
            statement="Members deny an application that they made no more often than stated.",
            status=Status.FAILS if denied == 1 else Status.UNTESTED,
            evidence="One member alone denies it, and one mistake is enough for that; the form or the log of that application would settle it."
            if denied == 1
            else f"The rate is that of {answers} members whose signed paper form is held."
            if mistakes.control
            else "The rate is the plan's: too few who applied on a signed paper form were asked.",
        ),
        *((entered,) if by_officers else ()),
    )


def applicants(case: Case) -> pl.DataFrame:
    """Give each member in whose name an application is held, once, by the first: ``voter_key, via``.

    An application that was made for everybody of a group is none, nor is one that was withdrawn.
    """
    rows = case.rows("vote_applications").drop_nulls("voter_key").sort("at", "application_id", nulls_last=True)
    own = rows.filter(pl.col("submitted_via").ne_missing("automatic") & pl.col("decision").ne_missing("withdrawn"))
    return own.unique("voter_key", keep="first", maintain_order=True).select(
        "voter_key", via=pl.col("submitted_via").fill_null("unknown")
    )


def answers(case: Case) -> pl.DataFrame:
    """Give members' last answers on whether they applied: ``voter_key, says, by_lot, stratum``; whoever wasn't asked isn't here.

    A supply of those who came forward isn't by lot, whatever it calls itself; nor is a census that `ASKED_ALL` of the
    applicants were not asked in.
    """
    asked = case.rows("confirmations").filter(pl.col("sampling") == "census").select("voter_key").unique()
    held, voted = applicants(case), _voted(case)
    if not asked.join(voted, on="voter_key", how="anti").height:  # of all who voted, say
        held = held.join(voted, on="voter_key", how="semi")
    is_census = held.join(asked, on="voter_key", how="semi").height >= ASKED_ALL * held.height
    came = case.rows("sources").filter(pl.col("completeness") == "self_selected")["source_id"].implode()
    by_lot = pl.col("sampling").is_in(BY_LOT if is_census else BY_LOT[1:]) & ~pl.col("source_id").is_in(came)
    rows = case.rows("confirmations").filter(pl.col("says_applied").is_in(ANSWERS))
    last = rows.sort("contacted_at", "confirmation_id", nulls_last=True).unique("voter_key", keep="last", maintain_order=True)
    return last.select("voter_key", says="says_applied", by_lot=by_lot, stratum=pl.col("stratum").fill_null(""))


def _voted(case: Case) -> pl.DataFrame:
    return case.rows("ballot_events").filter(pl.col("event").is_in(COUNTED)).select("voter_key").unique()


def _parts(case: Case, held: pl.DataFrame, asked: pl.DataFrame) -> list[Asked]:
    """Split applicants by the branches within which members were picked; any other groups have no known size and stay whole."""
    units = held.join(roll_in_force(case).select("voter_key", "unit"), on="voter_key", how="left")
    is_by_branch = (
        asked.height and (asked["stratum"] != "").all() and asked["stratum"].is_in(units["unit"].drop_nulls().implode()).all()
    )
    if not is_by_branch:
        return [Asked(size=held.height, asked=asked.height, denied=asked.filter(pl.col("says") == "no").height)]
    sizes = units.group_by(stratum=pl.col("unit").fill_null("")).len("size")
    counts = (
        asked.join(units.select("voter_key", "unit"), on="voter_key")
        .group_by(stratum=pl.col("unit").fill_null(""))
        .agg(asked=pl.len(), denied=(pl.col("says") == "no").sum())
    )
    joined = sizes.join(counts, on="stratum", how="left").sort("stratum").fill_null(0)
    return [Asked(**row) for row in joined.select("size", "asked", "denied").to_dicts()]


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package: what members say of their applications, and applications that came together."""
    return (_of_denials(case), answer_bursts(case))


def _of_denials(case: Case) -> Result:
    complaints = case.rows("complaints").filter((pl.col("category") == "application_not_mine").fill_null(False)).height
    told = (
        f" {complaints:,} {'complaint says' if complaints == 1 else 'complaints say'} that an application was not the member's own."
        if complaints
        else ""
    )
    missing = case.missing(NEEDED)
    if missing:
        reason = f"Nobody is on record as having been asked whether they applied.{told}"
        return NotAnswerable(method=METHOD, form=FORM, reason=reason, needs=missing, details={"n_complaints": complaints})
    held, said = applicants(case), answers(case)
    voted = _voted(case)
    only_voters = said.height > 0 and said.join(voted, on="voter_key", how="anti").height == 0
    held = held.join(voted, on="voter_key", how="semi", maintain_order="left") if only_voters else held
    both = held.join(said, on="voter_key", maintain_order="left")
    by_lot = bool(both["by_lot"].any())
    used = both.filter(pl.col("by_lot") == by_lot)
    on_paper = used.filter(pl.col("via") == "paper")
    mistakes = mistakes_of((on_paper.filter(pl.col("says") == "no").height, on_paper.height), case.plan.misreport_rate)
    if mistakes.control:
        held, used = held.filter(pl.col("via") != "paper"), used.filter(pl.col("via") != "paper")
    if not used.height:
        reason = f"None of those who say whether they applied is among the {held.height:,} applicants on record.{told}"
        return NotAnswerable(method=METHOD, form=FORM, reason=reason, needs=NEEDED, details={"n_complaints": complaints})
    entered = used.filter(pl.col("via") == BY_OFFICER)
    by_members = used.height - entered.height, (used.filter(pl.col("via") != BY_OFFICER)["says"] == "no").sum()
    result = application_denials(
        _parts(case, held, used), by_lot=by_lot, mistakes=mistakes, alpha=case.plan.alpha,
        confidence_level=case.plan.confidence_level, parameters={"zone": case.contest["timezone"]},
        others=Asked(size=held.height, asked=by_members[0], denied=int(by_members[1])) if entered.height else None,
    )  # fmt: skip
    return _with_counts(result, case, both, used, said, complaints, only_voters)


def _with_counts(
    result: TestResult,
    case: Case,
    both: pl.DataFrame,
    used: pl.DataFrame,
    said: pl.DataFrame,
    n_complaints: int,
    only_voters: bool,
) -> TestResult:
    volunteers = both.filter(~pl.col("by_lot")) if result.details["by_lot"] else both.clear()
    strangers = said.filter(pl.col("says") == "yes").join(applicants(case), on="voter_key", how="anti")
    by_via = used.group_by(via=pl.col("via").str.replace_all("_", " ")).agg(
        asked=pl.len(), denied=(pl.col("says") == "no").sum(), for_me=(pl.col("says") == "someone_on_my_behalf").sum()
    )
    more = {
        "only_voters": only_voters,
        "n_for_me": used.filter(pl.col("says") == "someone_on_my_behalf").height,
        "n_unsure": used.filter(pl.col("says") == "unsure").height,
        "n_volunteers": volunteers.height,
        "n_volunteers_denying": volunteers.filter(pl.col("says") == "no").height,
        "n_without_application": strangers.height,
        "n_complaints": n_complaints,
        "by_via": by_via.sort("asked", "via", descending=[True, False]).to_dicts(),
    }
    return replace(result, details={**result.details, **more}, n_excluded=both.height - used.height)
