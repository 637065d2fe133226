"""Does every row keep the rules that any orderly ballot keeps?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods import ballots_outside_window as outside
from analysis_lib.methods import rules_of_records as records
from analysis_lib.methods import rules_of_voting as voting
from analysis_lib.methods.rules_of_voting import NOT_ASKED, Looked
from analysis_lib.results import Assumption, Breach, NotAnswerable, Result, Status, Verdict

MOST_LISTED = 50
ELSEWHERE = ("V03", "V11")  # counted in another place: the question on the window, the faults of the files
EXPLANATIONS = (
    "Two systems keep two lists, and one is behind the other.",
    "A number or an address is written in two ways, so that one member looks like two.",
    "A clock is wrong, or rows were imported later and bear the time of the import.",
    "A platform keeps an old link alive after sending a new one.",
    "Rules were changed, or exceptions granted, on paper that is not held.",
)
NEEDS = (
    "ballot_events.voter_key",
    "ballot_events.credential_id",
    "ballot_events.ballot_id",
    "credential_events.credential_id",
    "credential_events.voter_key",
    "contact_changes.new_key",
    "admin_actions.permission",
)


def _window(case: Case) -> Looked:
    """V03: the count of the question that is asked there, under every reading; its rows are listed there."""
    (result,) = outside.answer(case)
    if not isinstance(result, Breach):
        return NOT_ASKED
    firm = result.details["fewest"] if result.verdict is Verdict.BREACH_RECORDED else 0
    nothing = pl.DataFrame(schema=voting.NO_ROWS.schema)
    rows = nothing.clear(firm)
    return Looked(looked=result.n_observations, broken=rows, undetermined=result.details["most"] - firm)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: its number in the list of checks, what it says, what usually breaks it in innocence, and how it is asked."""

    check: str
    name: str
    cause: str
    ask: Callable[[Case], Looked]


RULES = (
    Rule(check="V01", name="a ballot is cast by a voter on the roll in force", ask=voting.on_the_roll,
         cause="the list moved on after the copy held, or a member's number is written in two ways"),
    Rule(check="V02", name="a ballot is cast after the first issue of its credential", ask=voting.after_first_issue,
         cause="two clocks that differ, or rows imported later"),
    Rule(check="V03", name="a ballot is cast before the close of its channel", ask=_window,
         cause="see the question on ballots outside the window"),
    Rule(check="V04", name="a credential is used only while it is live", ask=voting.live_credential,
         cause="the platform keeps an old link alive"),
    Rule(check="V05", name="at most one ballot of a voter stands", ask=voting.one_ballot_each,
         cause="a ballot that was replaced is not marked as such, or two channels were not compared in time"),
    Rule(check="V06", name="no credential is sent unasked to a voter who has voted", ask=voting.no_reissue_after_voting,
         cause="the ballot and the reissue crossed, or a list of non-voters was out of date"),
    Rule(check="V07", name="a changed contact stands on the next copy of the roll", ask=records.contact_on_the_next_copy,
         cause="the membership system and the voting platform keep contacts apart"),
    Rule(check="V08", name="a credential goes elsewhere only after the contact was changed", ask=records.destination_after_contact,
         cause="the address was edited in one system only"),
    Rule(check="V09", name="an administrator acts only with permission in force", ask=records.permission_in_force,
         cause="permission was given outside the log"),
    Rule(check="V10", name="ballots and cast events match one to one", ask=voting.ballots_and_casts,
         cause="tests taken out of one file alone, or an export cut short"),
    Rule(check="V11", name="every key stands once and points to a row that is there", ask=records.keys_of_the_files,
         cause="rows exported twice, or a file left out"),
)  # fmt: skip


def record_rules(case: Case) -> list[tuple[Rule, Looked]]:
    """Hold every rule against the rows it is about.

    A row is counted only if it breaks the rule under every reading that the clocks allow; where they
    differ it is undetermined.

    Returns
    -------
    list of (Rule, Looked)
        In the order of `RULES`; `looked` is null where the rows a rule needs aren't held.
    """
    return [(rule, rule.ask(case)) for rule in RULES]


def _described(rule: Rule, looked: Looked, stated: dict[str, str], zone: str) -> dict[str, Any]:
    listed = looked.broken.drop_nulls("source_id").sort("source_id", "source_row", "at", nulls_last=True).head(MOST_LISTED)
    return {
        "check": rule.check, "name": rule.name, "cause": stated.get(rule.check, rule.cause), "looked": looked.looked,
        "broken": looked.broken.height, "undetermined": looked.undetermined, "counted_elsewhere": rule.check in ELSEWHERE,
        "rows": listed.with_columns(day=pl.col("at").dt.convert_time_zone(zone).dt.date()).drop("at").to_dicts(),
    }  # fmt: skip


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package."""
    statements = case.rows("statements").drop_nulls("about_check").sort("statement_id")
    stated = {row["about_check"]: f"as stated by {row['said_by']}" for row in statements.iter_rows(named=True)}
    rules = [_described(rule, looked, stated, case.contest["timezone"]) for rule, looked in record_rules(case)]
    own = [rule for rule in rules if rule["looked"] is not None and not rule["counted_elsewhere"]]
    if not own:
        reason = "No two logs or lists are held that one rule joins."
        return (NotAnswerable(method="record_rules", reason=reason, needs=("|".join(NEEDS),)),)
    broken, undetermined = (sum(rule[key] for rule in own) for key in ("broken", "undetermined"))
    verdict = Verdict.BREACH_RECORDED if broken else Verdict.UNDETERMINED if undetermined else Verdict.NO_BREACH
    return (
        Breach(
            method="record_rules",
            rule="every row keeps the rules that any orderly ballot keeps",
            verdict=verdict,
            statistic=broken,
            statistic_name="rows that break a rule under every reading",
            n_observations=sum(rule["looked"] for rule in own),
            n_excluded=0,
            assumptions=(
                Assumption(
                    statement="Equal keys stand for one member, and different keys for two.",
                    status=Status.UNTESTED,
                    evidence="Keys were made from numbers as the files wrote them; repairs of their form are listed in this chapter.",
                ),
                Assumption(
                    statement="The clocks of two logs can be told apart no better than their descriptions say.",
                    status=Status.UNTESTED,
                    evidence="A row counts only if it breaks its rule under every reading.",
                ),
            ),
            innocent_explanations=EXPLANATIONS,
            parameters={"zone": case.contest["timezone"]},
            details={"rules": rules},
        ),
    )
