"""Every question: where it is answered, in which grade, what it needs. A test walks this list."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from analysis_lib.case import Case
from analysis_lib.errors import ParameterError
from analysis_lib.methods import (
    administrator_sessions,
    application_denials,
    ballots_outside_window,
    cast_rate_bursts,
    changed_contact_ballots,
    channel_gap,
    clock_offset,
    closing_surge,
    contact_change_churn,
    credential_ledger,
    double_channel_ballots,
    edit_reissue_ballot_chains,
    edits_outside_window,
    eligibility_breaches,
    falling_turnout_counts,
    late_choice_bounds,
    late_choice_shift,
    list_asymmetry,
    list_order,
    message_coverage,
    nonvoter_targeting,
    off_hours_actions,
    operator_gaps,
    record_order,
    record_rules,
    reissue_hazard,
    reissue_rates,
    reissue_to_ballot_delay,
    roll_change_bursts,
    roll_reconciliation,
    shared_destinations,
    shared_origin,
    struck_ballots,
    totals_reconciliation,
    voided_ballots,
)
from analysis_lib.results import Finding, Grade, NotAnswerable, Result, Status, TestResult, Verdict
from analysis_lib.stats.multiplicity import holm


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One noun. A need is "table.column", or several joined by "|" of which one will do, the best first.

    `instead` says what would help where the columns can't be had. The plan says with which other questions
    an anomaly's p-values are adjusted.
    """

    noun: str
    chapter: str
    grade: Grade
    question: str
    needs: tuple[str, ...]
    answer: Callable[[Case], tuple[Result, ...]]
    instead: str = ""


_QUESTIONS = (
    Question(
        noun="totals_reconciliation", chapter="00_evidence", grade=Grade.BREACH,
        question="Do the published totals add up?",
        needs=("results.n|results.lo|results.weighted_n|results.share",), answer=totals_reconciliation.answer,
        instead="the declared total and the number who took part, from a notice or a press report",
    ),
    Question(
        noun="struck_ballots", chapter="00_evidence", grade=Grade.MATERIALITY,
        question="Could the ballots that were struck out have changed the result?",
        needs=("results.n",), answer=struck_ballots.answer,
        instead="the number of ballots struck out, candidate by candidate, as it was announced",
    ),
    Question(
        noun="record_rules", chapter="00_evidence", grade=Grade.BREACH,
        question="Does every row keep the rules that any orderly ballot keeps?",
        needs=("|".join(record_rules.NEEDS),), answer=record_rules.answer,
        instead="a marked register that says who voted, without the choice",
    ),
    Question(
        noun="clock_offset", chapter="00_evidence", grade=Grade.BREACH,
        question="Does the clock of each log agree with the events that other records fix in time?",
        needs=("clocks.clock_id", "ballot_events.clock_id|credential_events.clock_id"), answer=clock_offset.answer,
        instead="for each log, an event whose true time is known, such as the sending of the invitations",
    ),
    Question(
        noun="cast_rate_bursts", chapter="10_turnout_timing", grade=Grade.ANOMALY,
        question="Did ballots come in a burst that the usual pace of voting does not explain?",
        needs=("ballot_events.at|turnout_counts.voted_n",), answer=cast_rate_bursts.answer,
        instead="screenshots of the running count of ballots, each with its time",
    ),
    Question(
        noun="falling_turnout_counts", chapter="10_turnout_timing", grade=Grade.BREACH,
        question="Did a running count of ballots ever fall?",
        needs=("turnout_counts.voted_n",), answer=falling_turnout_counts.answer,
        instead="screenshots of the running count of ballots, each with its time",
    ),
    Question(
        noun="operator_gaps", chapter="10_turnout_timing", grade=Grade.ANOMALY,
        question="Did ballots follow each other at distances as even as one person keying codes would keep?",
        needs=("ballot_events.at",), answer=operator_gaps.answer,
        instead="the times of the ballots of one hour, with seconds, without the voters",
    ),
    Question(
        noun="list_order", chapter="10_turnout_timing", grade=Grade.ANOMALY,
        question="Did members vote in the order of a list?",
        needs=("ballot_events.voter_key", "ballot_events.at", "roll.source_row|credential_events.seq|credential_events.at"), answer=list_order.answer,
        instead="the places on the roll of those who voted in the hour in question, in the order in which they voted",
    ),
    Question(
        noun="record_order", chapter="10_turnout_timing", grade=Grade.ANOMALY,
        question="Do the log's own numbers and its times tell the same order, and were receipts shuffled that should be?",
        needs=("ballot_events.seq|ballot_events.source_row", "ballot_events.at"), answer=record_order.answer,
        instead="the log with its running numbers, as the database gives them",
    ),
    Question(
        noun="shared_origin", chapter="10_turnout_timing", grade=Grade.ANOMALY,
        question="Did more ballots come from one network, device or session than households and shared networks explain?",
        needs=("ballot_events.ip_key|ballot_events.device_key|ballot_events.session_key",), answer=shared_origin.answer,
        instead="for each network with five ballots or more: how many, and of what kind the network is",
    ),
    Question(
        noun="ballots_outside_window", chapter="20_late_votes", grade=Grade.BREACH,
        question="Were ballots recorded before the opening or after the close?",
        needs=("ballot_events.at|turnout_counts.voted_n", "contest_windows.closes_at"), answer=ballots_outside_window.answer,
        instead="two screenshots of the running count around the close, which bound the number of late ballots",
    ),
    Question(
        noun="closing_surge", chapter="20_late_votes", grade=Grade.ANOMALY,
        question="Did more ballots come just before the close than such contests see?",
        needs=("ballot_events.at|turnout_counts.voted_n", "contest_windows.closes_at"), answer=closing_surge.answer,
        instead="screenshots of the running count three hours, one hour and a quarter of an hour before the close",
    ),
    Question(
        noun="late_choice_shift", chapter="20_late_votes", grade=Grade.ANOMALY,
        question="Did late ballots choose otherwise than earlier ones of the same channel and branch?",
        needs=("ballot_choices.cast_bin|results.as_of|ballot_choices.ballot_id", "contest_windows.closes_at"),
        answer=late_choice_shift.answer,
        instead="the count by candidate as it stood at some instant before the close, by channel and branch",
    ),
    Question(
        noun="late_choice_bounds", chapter="20_late_votes", grade=Grade.MATERIALITY,
        question="How many of the late ballots can have been for each candidate, and could they have changed the result?",
        needs=("results.n", "ballot_events.at|turnout_counts.voted_n|results.as_of"), answer=late_choice_bounds.answer,
        instead="the number of late ballots, by branch and channel",
    ),
    Question(
        noun="credential_ledger", chapter="30_credential_reissues", grade=Grade.BREACH,
        question="What became of each credential, and was a code shown on a screen and then used?",
        needs=("credential_events.event",), answer=credential_ledger.answer,
        instead="counts of codes issued, bounced, sent again, replaced and shown, by day and by role",
    ),
    Question(
        noun="reissue_rates", chapter="30_credential_reissues", grade=Grade.ANOMALY,
        question="Were credentials reissued unusually often in some branch, or without a request by some administrator?",
        needs=("credential_events.event", "credential_events.voter_key|credential_events.actor_key"), answer=reissue_rates.answer,
        instead="counts of reissues by day and by officer",
    ),
    Question(
        noun="reissue_to_ballot_delay", chapter="30_credential_reissues", grade=Grade.ANOMALY,
        question="After a reissue that nobody asked for on record, did a ballot follow sooner than after one that was asked for?",
        needs=(
            "credential_events.at", "credential_events.voter_key", "credential_events.trigger",
            "ballot_events.voter_key", "ballot_events.at", "roll.voter_key",
        ),
        answer=reissue_to_ballot_delay.answer,
        instead="how many reissues were followed by a ballot within ten minutes, an hour and a day, by what set them off",
    ),
    Question(
        noun="reissue_hazard", chapter="30_credential_reissues", grade=Grade.ANOMALY,
        question="Over the whole vote, did ballots follow unrequested reissues sooner than requested ones?",
        needs=("credential_events.at", "credential_events.voter_key", "credential_events.trigger", "ballot_events.voter_key", "ballot_events.at", "roll.voter_key"), answer=reissue_hazard.answer,
        instead="for each reissued member the hours to the ballot, and whether the reissue was asked for",
    ),
    Question(
        noun="nonvoter_targeting", chapter="30_credential_reissues", grade=Grade.ANOMALY,
        question="Were reissues aimed at members who had not voted, or made right after the list of them was viewed?",
        needs=("credential_events.at", "credential_events.voter_key|admin_actions.action"), answer=nonvoter_targeting.answer,
        instead="for each reissue, how many of the branch had voted by then; and when the list of who has not voted was opened",
    ),
    Question(
        noun="administrator_sessions", chapter="30_credential_reissues", grade=Grade.ANOMALY,
        question="Did ballots come in while administrators were logged in, or over their lines, more than chance puts there?",
        needs=("admin_actions.at", "ballot_events.at"), answer=administrator_sessions.answer,
        instead="the hours in which each administrator was logged in, by number and not by name",
    ),
    Question(
        noun="off_hours_actions", chapter="30_credential_reissues", grade=Grade.ANOMALY,
        question="Did an administrator act at hours at which that administrator did not act before?",
        needs=("admin_actions.at", "admin_actions.actor_key"), answer=off_hours_actions.answer,
        instead="counts of administrators' actions by hour of the day, before and during the vote",
    ),
    Question(
        noun="edit_reissue_ballot_chains", chapter="30_credential_reissues", grade=Grade.ANOMALY,
        question="Did changes of contact, reissues and ballots follow each other within minutes, member after member?",
        needs=("contact_changes.at", "credential_events.at", "credential_events.trigger", "ballot_events.at", "ballot_events.voter_key|ballot_events.credential_id", "credential_events.voter_key"), answer=edit_reissue_ballot_chains.answer,
        instead="the times of change, reissue and ballot of the members in question, numbered and not named",
    ),
    Question(
        noun="shared_destinations", chapter="30_credential_reissues", grade=Grade.ANOMALY,
        question="Did one mailbox or telephone serve more members than households explain?",
        needs=("credential_events.destination_key|contact_changes.new_key|roll.email_key",), answer=shared_destinations.answer,
        instead="for each address that serves three members or more: how many, and of what kind the address is",
    ),
    Question(
        noun="roll_reconciliation", chapter="40_roll_changes", grade=Grade.BREACH,
        question="Do the lists of members, credentials and voters agree with each other?",
        needs=("|".join(roll_reconciliation.NEEDS),), answer=roll_reconciliation.answer,
        instead="the number of members on each copy of the list, with its day and who got it",
    ),
    Question(
        noun="edits_outside_window", chapter="40_roll_changes", grade=Grade.BREACH,
        question="Were the roll and members' contact details changed after the last day for changes?",
        needs=("roll_changes.change|contact_changes.field", "contest_windows.closes_at"), answer=edits_outside_window.answer,
        instead="two copies of the list of members of different days, such as candidates are given",
    ),
    Question(
        noun="roll_change_bursts", chapter="40_roll_changes", grade=Grade.ANOMALY,
        question="Were members added, removed or changed on some day far more than on others?",
        needs=("roll_changes.change|roll_change_counts.added_n",), answer=roll_change_bursts.answer,
        instead="counts of additions, removals and changes by day",
    ),
    Question(
        noun="contact_change_churn", chapter="40_roll_changes", grade=Grade.ANOMALY,
        question="Were contact details changed beyond the normal churn?",
        needs=("contact_changes.field", "contact_changes.at|contact_changes.at_lo"), answer=contact_change_churn.answer,
        instead="counts of contact changes by month and field, over the two years before",
    ),
    Question(
        noun="changed_contact_ballots", chapter="40_roll_changes", grade=Grade.ANOMALY,
        question="Did members whose contact was changed without a request vote online more, or sooner, than those who asked for it?",
        needs=("contact_changes.voter_key", "ballot_events.voter_key|roll.voted_flag"), answer=changed_contact_ballots.answer,
        instead="of members with a changed contact: how many voted online, asked for and not asked for",
    ),
    Question(
        noun="list_asymmetry", chapter="40_roll_changes", grade=Grade.BREACH,
        question="Did every candidate get the same list of members on the same day?",
        needs=("roll_snapshots.purpose",), answer=list_asymmetry.answer,
        instead="for each list handed to a candidate: its day and its number of rows",
    ),
    Question(
        noun="eligibility_breaches", chapter="40_roll_changes", grade=Grade.BREACH,
        question="Did anyone vote who was not entitled, or was anyone refused who was?",
        needs=("roll.eligible|roll_changes.change|results.n|complaints.category",), answer=eligibility_breaches.answer,
        instead="the number of members turned away and of ballots taken from members not entitled, by reason",
    ),
    Question(
        noun="double_channel_ballots", chapter="40_roll_changes", grade=Grade.BREACH,
        question="Does more than one ballot of a member stand, in two channels?",
        needs=("ballot_events.voter_key|roll.voted_flag",), answer=double_channel_ballots.answer,
        instead="the marked registers of each channel, compared by a third person",
    ),
    Question(
        noun="application_denials", chapter="40_roll_changes", grade=Grade.ANOMALY,
        question="Did members make the applications for the online vote that are held in their names?",
        needs=("vote_applications.voter_key|vote_applications.at",), answer=application_denials.answer,
        instead="a random sample of applicants, asked by somebody neutral whether they applied",
    ),
    Question(
        noun="message_coverage", chapter="40_roll_changes", grade=Grade.ANOMALY,
        question="Did some members not get the invitations and reminders, those with changed contacts above all?",
        needs=("credential_events.event|communications.n_bounced",), answer=message_coverage.answer,
        instead="counts of messages sent, delivered and bounced, by branch and for members with changed contacts",
    ),
    Question(
        noun="voided_ballots", chapter="40_roll_changes", grade=Grade.ANOMALY,
        question="Were ballots voided or reopened unevenly, by channel, day or administrator?",
        needs=("ballot_events.event|results.n",), answer=voided_ballots.answer,
        instead="counts of voided ballots by channel, day and reason",
    ),
    Question(
        noun="channel_gap", chapter="50_channel_gap", grade=Grade.ANOMALY,
        question="Do the channels disagree about a candidate, and by how much?",
        needs=("results.n", "results.n|results.share", "results.candidate_id", "results.channel"), answer=channel_gap.answer,
        instead="the shares by channel as published, with the totals over all channels",
    ),
)  # fmt: skip
REGISTRY: dict[str, Question] = {question.noun: question for question in _QUESTIONS}
CHAPTERS = tuple(dict.fromkeys(question.chapter for question in _QUESTIONS))


def answer_chapter(chapter: str, case: Case, asked: Collection[str] = ()) -> dict[str, tuple[Finding, ...]]:
    """Answer every question of one chapter, p-values adjusted by Holm within each family.

    A question whose columns aren't held is not computed: it answers `NotAnswerable` with the columns.

    Parameters
    ----------
    chapter : str
        One of `CHAPTERS`.
    case : Case
        Package, contest and plan.
    asked : collection of str, optional
        Answer these questions alone; empty: all.

    Returns
    -------
    dict of str to tuple of Finding
        By noun, in the registry's order.
    """
    if chapter not in CHAPTERS:
        raise ParameterError(f"There is no chapter {chapter!r}. Expected one of: {', '.join(CHAPTERS)}.")
    questions = [question for question in _QUESTIONS if question.chapter == chapter and (not asked or question.noun in asked)]
    return _findings([(question, result) for question in questions for result in _results(question, case)], case)


def _results(question: Question, case: Case) -> tuple[Result, ...]:
    missing = case.missing(question.needs)
    if missing:
        return (NotAnswerable(method=question.noun, reason="Some of the columns it needs are not held.", needs=missing),)
    return question.answer(case)


def _findings(answered: list[tuple[Question, Result]], case: Case) -> dict[str, tuple[Finding, ...]]:
    families: dict[str, list[int]] = {}
    for i, (question, result) in enumerate(answered):
        if isinstance(result, TestResult):
            family = case.plan.family_of(question.noun)
            families.setdefault(family or f"{question.noun}, not in the plan", []).append(i)
    adjusted = {
        i: (float(p), name, len(members))
        for name, members in families.items()
        for i, p in zip(members, holm([answered[i][1].pvalue for i in members]), strict=True)
    }
    found: dict[str, tuple[Finding, ...]] = {}
    for i, (question, result) in enumerate(answered):
        pvalue, family, size = adjusted.get(i, (None, "", 0))
        finding = Finding(
            question=question.noun, chapter=question.chapter, grade=question.grade, result=result,
            planned=case.planned and (pvalue is None or bool(case.plan.family_of(question.noun))),
            verdict=_verdict(result, pvalue, case.plan.alpha), pvalue_adjusted=pvalue, family=family, family_size=size,
            alpha=case.plan.alpha,
        )  # fmt: skip
        found[question.noun] = (*found.get(question.noun, ()), finding)
    return found


def _verdict(result: Result, pvalue: float | None, alpha: float) -> Verdict:
    if isinstance(result, NotAnswerable):
        return Verdict.CANNOT_BE_ANSWERED
    if pvalue is None:
        return result.verdict
    if _readings_disagree(result, pvalue, alpha):
        return Verdict.UNDETERMINED
    if pvalue > alpha:
        return Verdict.WITHIN_BASELINE
    # A small p-value that leans on what does not hold is no finding: with 3 officers of whom one handles
    # bounces, nine in ten innocent contests would be flagged.
    leaning = any(assumption.status is Status.FAILS for assumption in result.assumptions)
    return Verdict.UNDETERMINED if leaning else Verdict.NOT_EXPLAINED


def _readings_disagree(result: TestResult, pvalue: float, alpha: float) -> bool:
    """Whether a test that was made under several readings of the clocks gives another verdict under some, adjusted alike."""
    told = [row["pvalue"] for row in result.details.get("readings", ())]
    return len({p is not None and p * pvalue <= alpha * result.pvalue for p in told}) > 1
