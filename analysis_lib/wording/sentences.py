"""One finding in one or two sentences; each question has its own, in the module of its subject."""

from __future__ import annotations

from collections.abc import Callable

from analysis_lib.results import Finding, NotAnswerable, TestResult, Verdict
from analysis_lib.wording.chains import edit_reissue_ballot_chains, shared_destinations
from analysis_lib.wording.channels import channel_gap
from analysis_lib.wording.clocks import clock_offset
from analysis_lib.wording.coverage import application_denials, message_coverage, voided_ballots
from analysis_lib.wording.credentials import reissue_rates, reissue_to_ballot_delay
from analysis_lib.wording.evidence import edits_outside_window, needed, record_rules, roll_reconciliation
from analysis_lib.wording.keying import list_order, operator_gaps, record_order
from analysis_lib.wording.late_choices import late_choice_bounds, late_choice_shift
from analysis_lib.wording.late_votes import ballots_outside_window, closing_surge
from analysis_lib.wording.ledger import credential_ledger, reissue_hazard
from analysis_lib.wording.lists import double_channel_ballots, eligibility_breaches, list_asymmetry
from analysis_lib.wording.numbers import how_often
from analysis_lib.wording.officers import administrator_sessions, nonvoter_targeting, off_hours_actions
from analysis_lib.wording.origins import shared_origin
from analysis_lib.wording.roll import changed_contact_ballots, contact_change_churn, roll_change_bursts
from analysis_lib.wording.timing import cast_rate_bursts, falling_turnout_counts
from analysis_lib.wording.totals import struck_ballots, totals_reconciliation

_SENTENCES: dict[str, Callable[[Finding], str]] = {
    question.__name__: question
    for question in (
        totals_reconciliation,
        struck_ballots,
        roll_reconciliation,
        record_rules,
        edits_outside_window,
        clock_offset,
        cast_rate_bursts,
        falling_turnout_counts,
        operator_gaps,
        list_order,
        record_order,
        shared_origin,
        ballots_outside_window,
        closing_surge,
        late_choice_shift,
        late_choice_bounds,
        credential_ledger,
        reissue_rates,
        reissue_to_ballot_delay,
        reissue_hazard,
        nonvoter_targeting,
        administrator_sessions,
        off_hours_actions,
        edit_reissue_ballot_chains,
        shared_destinations,
        roll_change_bursts,
        contact_change_churn,
        changed_contact_ballots,
        list_asymmetry,
        eligibility_breaches,
        double_channel_ballots,
        application_denials,
        message_coverage,
        voided_ballots,
        channel_gap,
    )
}


def chance(finding: Finding) -> str:
    """Say what the p-value says, with the null in words; in a family of several tests, the adjusted one."""
    result, n = finding.result, finding.result.parameters.get("n_resamples")
    alone = how_often(result.pvalue, n)
    often = f"would turn up {alone}"
    if finding.family_size > 1:
        adjusted = how_often(finding.pvalue_adjusted)
        if alone == how_often(0.0, n) and n:  # no draw came near: the adjusted figure is a bound too
            adjusted = adjusted.replace("about", "fewer than")
        if adjusted != alone:
            often += f"; allowing for the {finding.family_size} tests made, {adjusted}"
    return f"If {result.null_hypothesis}, a result at least this extreme {often}.{_by_itself(finding)}"


def _by_itself(finding: Finding) -> str:
    """What the other tests cost: a result that would stand out if it were the only one, and what "would have stood out" leaves aside."""
    if finding.verdict is not Verdict.WITHIN_BASELINE or finding.family_size < 2:
        return ""
    if finding.result.pvalue <= finding.alpha:
        return (
            f" Taken by itself it would stand out; with {finding.family_size} tests made it does not: worth a question, no more."
        )
    if finding.details.get("smallest_visible"):
        return f" With {finding.family_size} tests made, somewhat more than the figure given would be needed to stand out."
    return ""


def sentence(finding: Finding) -> str:
    """Write one finding in one or two sentences: what was seen, how large, and how often chance alone does it.

    Returns
    -------
    str
        Plain text; names of candidates stand in it as they were handed over, so whoever shows it as
        HTML must escape it.
    """
    result = finding.result
    if isinstance(result, NotAnswerable):
        text = f"{result.reason} Needed to answer it: {needed(result.needs)}."
    else:
        text = _SENTENCES[finding.question](finding)
        if isinstance(result, TestResult) and not result.details.get("nothing_out"):
            text = f"{text} {chance(finding)}"
    text = " ".join(text.split())  # a name may hold a line break
    return text if finding.planned else f"Exploratory, not in the plan: {text}"
