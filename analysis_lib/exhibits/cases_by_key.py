"""The restricted edition's tables: which keys the numbered cases, addresses and administrators of the other exhibits have.

A key is told by its first signs. No table takes anything from the choices or from the ids of ballots, so none joins a member
and a choice; that a member voted at a time is in the log of ballots, from which the guard has kept such links.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import polars as pl
import polars.selectors as cs

from analysis_lib.cards import Table, table
from analysis_lib.case import Case
from analysis_lib.clocks import in_force, windows_of_kind
from analysis_lib.exhibits.chains import MOST_ADDRESSES
from analysis_lib.exhibits.shown import local
from analysis_lib.methods import (
    application_denials,
    candidate_lists,
    chains,
    credential_ledger,
    destinations,
    entitlement,
    ledger,
)
from analysis_lib.methods import double_channel_ballots as double
from analysis_lib.methods import edits_outside_window as late_edits
from analysis_lib.methods import eligibility_breaches as eligibility
from analysis_lib.methods.administrators import LOGS, acts, labels
from analysis_lib.methods.edit_causes import APART
from analysis_lib.methods.instants import edge
from analysis_lib.methods.members import roll_in_force
from analysis_lib.methods.record_rules import MOST_LISTED, record_rules
from analysis_lib.methods.rules_of_voting import standing

SIGNS = 8  # of a key: enough to find it in the package
KEYS = ("voter_key", "credential_id", "key", "actor_key")
CODES = ("roles", "channel", "changed_by", "evidence", "reissued_by", "by")  # columns with words of the schema
TITLES = {  # every column that a table may have, in its order
    "case": "case", "address": "address", "key": "key of the address", "administrator": "administrator", "actor_key": "key", "roles": "roles",
    "check": "rule", "lists": "lists of", "what": "what", "voter_key": "member", "credential_id": "code", "unit": "branch",
    "channel": "channel", "changed_at": "contact changed", "changed_by": "by", "evidence": "request on record",
    "reissued_at": "new code", "reissued_by": "sent by", "at": "time", "by": "by whom", "voted_at": "ballot",
    "back_at": "contact changed again", "source_id": "source", "source_row": "row of the source", "n": "rows handled",
}  # fmt: skip


def holds_keys(case: Case) -> bool:
    """Whether any log or list of a contest names a member, a code or an administrator by key: else there is nothing to tell by key."""
    return any(
        column.count()
        for name in case.package.held
        for column in case.rows(name)
        if column.name in ("voter_key", "credential_id", "actor_key")
    )


def cases_by_key(case: Case, noun: str) -> list[Table]:
    """Give what the restricted edition shows below the exhibits of a question; nothing for one without cases.

    Returns
    -------
    list of Table
        Numbers are those of the public exhibits. Members, codes, addresses and administrators are told by the first `SIGNS` signs
        of their keys, branches as the roll has them, however small, and times in the contest's zone.
    """
    return [item for make in BY_KEY.get(noun, ()) for item in make(case)]


def _keyed(case: Case, rows: pl.DataFrame, caption: str) -> list[Table]:
    """One table of rows, with the branch of each member; none where there is no row."""
    if not rows.height:
        return []
    if "voter_key" in rows.columns:
        units = roll_in_force(case).select("voter_key", "unit")
        rows = rows.drop("unit", strict=False).join(units, on="voter_key", how="left", maintain_order="left")
    rows = rows.select(name for name in TITLES if name in rows.columns)
    rows = rows.with_columns(
        pl.col([name for name in KEYS if name in rows.columns]).str.slice(0, SIGNS),
        pl.col([name for name in CODES if name in rows.columns]).cast(pl.String).str.replace_all("_", " "),
        local(cs.datetime(), case.contest["timezone"]),
    )
    return [table(rows, caption, {name: TITLES[name] for name in rows.columns})]


def _numbered(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_row_index("case", offset=1)


def _hand(case: Case) -> pl.Expr:
    """The role and the number of whoever made a row of a log."""
    number = pl.col("actor_key").replace_strict(labels(case), default=None, return_dtype=pl.String)
    return pl.concat_str(pl.col("actor_role").cast(pl.String), number, separator=", ", ignore_nulls=True)


def _administrators(case: Case) -> list[Table]:
    roles = pl.concat([case.rows(log).select("actor_key", pl.col("actor_role").cast(pl.String)) for log in LOGS])
    held = roles.drop_nulls().group_by("actor_key").agg(roles=pl.col("actor_role").unique().sort().str.join(", "))
    names = pl.col("actor_key").replace_strict(labels(case), return_dtype=pl.String)
    rows = acts(case).with_columns(administrator=names).join(held, on="actor_key", how="left", maintain_order="left")
    return _keyed(case, rows, "Administrators by key: the numbers are those of every table of this report.")


def _rows_at_fault(case: Case) -> list[Table]:
    logs = ("ballot_events", "credential_events", "contact_changes", "roll_changes")
    place = ["source_id", "source_row", "at"]
    held = pl.concat([case.rows(log).select(pl.col("^(source_id|source_row|at|voter_key|credential_id)$")) for log in logs], how="diagonal")  # fmt: skip
    one_only = [
        pl.when(pl.col(key).drop_nulls().n_unique() == 1).then(pl.col(key).drop_nulls().first()).alias(key) for key in KEYS[:2]
    ]
    keys = held.group_by(place).agg(one_only)
    found = [
        looked.broken.drop_nulls("source_id")
        .sort(place, nulls_last=True)
        .head(MOST_LISTED)
        .with_columns(check=pl.lit(rule.check))
        for rule, looked in record_rules(case)
    ]
    rows = pl.concat(found).join(keys, on=place, how="left", nulls_equal=True, maintain_order="left")
    caption = (
        "Cases by key: the rows that break a rule, and whose they are. Empty where rows of several members stand in one place."
    )
    return _keyed(case, _numbered(rows), caption)


def _stories(case: Case) -> list[Table]:
    told = ledger.stories(case)
    logged = case.rows("credential_events").select("event_id", reissued_at="at", reissued_by=_hand(case))
    steps = {"changed_at": "contact changed", "voted_at": "ballot", "back_at": "contact changed again"}
    rows = told.group_by("case", "voter_key", "event_id").agg(
        pl.col("minutes").filter(pl.col("what") == what).first().alias(name) for name, what in steps.items()
    ).join(logged, on="event_id", how="left")  # fmt: skip
    after = [
        (pl.col("reissued_at") + pl.duration(microseconds=(pl.col(name) * 6e7).round().cast(pl.Int64))).alias(name)
        for name in steps
    ]
    return _keyed(case, rows.with_columns(after).sort("case"), "Cases by key: the strips above.")


def _shown_codes(case: Case) -> list[Table]:
    codes = credential_ledger.judged(case).filter("broken").select(life="code", by="role")
    holders = case.rows("credential_events").select(ledger.life_of(), "voter_key", "credential_id").drop_nulls("life")
    rows = codes.join(holders.unique("life", keep="first", maintain_order=True), on="life", how="left", maintain_order="left")
    return _keyed(case, _numbered(rows), "Cases by key: codes that were shown to staff and used, with no request on record.")


def _chains(case: Case) -> list[Table]:
    gap = case.plan.chain_gap_s
    rows = chains.chain_rows(chains.events(case), gap)
    rows = (
        rows.join(chains.changed_back(case, rows, gap), on="change_id", how="left")
        .join(case.rows("contact_changes").select("change_id", changed_by=_hand(case)), on="change_id", how="left")
        .join(case.rows("credential_events").select("event_id", reissued_by=_hand(case)), on="event_id", how="left")
        .sort(pl.col("back_at").is_null(), pl.col("voted_at") - pl.col("changed_at"), "ballot")  # as they are drawn
    )
    return _keyed(case, _numbered(rows), "Cases by key: the chains above.")


def _addresses(case: Case) -> list[Table]:
    now = destinations.destinations(case).now.with_columns(n=pl.len().over("key"), n_new=pl.col("is_new").sum().over("key"))
    none_found = (pl.col("is_new") & (pl.col("evidence") == "none_found").fill_null(False)).sum().over("key")
    hands = pl.col("actor_key").filter("is_new").drop_nulls().n_unique().over("key")
    reaches = ~pl.col("domain_class").is_in(destinations.NOT_SET).fill_null(False)
    rows = now.filter((pl.col("n") >= destinations.SEVERAL) & (pl.col("n_new") > 0) & reaches)
    rows = rows.sort("n_new", "n", none_found, hands, "key", "voter_key", descending=[True, True, True, False, False, False])
    rows = rows.with_columns(number=pl.col("key").rle_id() + 1).filter(pl.col("number") <= MOST_ADDRESSES)
    number = pl.col("actor_key").replace_strict(labels(case), default=None, return_dtype=pl.String)
    what = pl.when("is_new").then(pl.lit("set anew")).otherwise(pl.lit("held before"))
    rows = rows.select("voter_key", "key", "at", "evidence", by=number, address=pl.format("no. {}", "number"), what=what)
    return _keyed(case, rows, "Cases by key: the members whom the addresses above serve.")


def _late_edits(case: Case) -> list[Table]:
    windows = windows_of_kind(case.rows("contest_windows"), "all", "roll_edits")
    basis = in_force(windows)
    if basis is None or windows[basis].closes_at is None:
        return []
    placed = late_edits.edits_outside_window(late_edits.edits(case), windows[basis], edge(case, "voting", "closes_at"))
    late = placed.filter(pl.col("place").is_in(("late", "late or after the close")) & (pl.col("standing") != APART))
    what = pl.concat_str("what", "kind", separator=", ").str.replace_all("_", " ")
    rows = late.sort("earliest", "what", "change_id").select(
        "voter_key", "at", "source_id", "source_row", by=_hand(case), what=what, evidence="reason"
    )
    return _keyed(case, _numbered(rows), "Cases by key: changes after the last day for them, with no cause on record.")


def _apart(case: Case) -> list[Table]:
    held: dict[str, list[candidate_lists.CandidateList]] = {}
    for item in candidate_lists.lists_of(case):
        held.setdefault(item.holder, []).append(item)
    found = []
    for a, b in combinations([name for name in held if name], 2):
        first, second = candidate_lists.closest(*candidate_lists.while_both_stood(case, held, a, b))
        if first.held and second.held:
            on = pl.when(pl.col("on") == 1).then(pl.lit(first.holder)).otherwise(pl.lit(second.holder))
            members = candidate_lists.members_apart(case, first, second).with_columns(
                what=pl.format("on the list of {} alone", on)
            )
            contacts = candidate_lists.contacts_apart(case, first, second).with_columns(
                what=pl.format("{}: {}", "field", "how").str.replace_all("_", " ")
            )
            rows = pl.concat([frame.select("voter_key", "what", "cause") for frame in (members, contacts)])
            found.append(rows.with_columns(lists=pl.lit(f"{first.holder}, {second.holder}")))
    if not found:
        return []
    rows = pl.concat(found).filter(pl.col("cause") == candidate_lists.NOT_BY_AGE).sort("lists", "voter_key", "what")
    return _keyed(
        case,
        _numbered(rows),
        "Cases by key: what stands on one list and not, or otherwise, on the other, and age does not explain.",
    )


def _not_entitled(case: Case) -> list[Table]:
    voters = eligibility.voters_of(case)
    found = entitlement.readings(case, voters) if voters.height else {}
    if not found:
        return []
    _, judged = eligibility.eligibility_breaches(found, case.contest["eligibility_tested_at"])
    rows = voters.join(judged.filter("is_barred"), on="voter_key", how="semi").sort("source_id", "source_row", nulls_last=True)
    rows = rows.select("voter_key", "source_id", "source_row", voted_at="at")
    return _keyed(case, _numbered(rows), "Cases by key: voters who were not entitled.")


def _two_channels(case: Case) -> list[Table]:
    voters = standing(case)
    logged = double.double_channel_ballots(voters).filter(pl.col("place") == "two channels")
    marked = double.across_records(double.marks(case, voters), is_one_each=case.contest["revote_policy"] == "none")
    both = pl.concat(
        [
            rows.select("voter_key", what=pl.col("channels").str.replace_all("_", " "))
            for rows in (logged, marked.filter("is_sure"))
        ]
    )
    members = _numbered(both.unique("voter_key", keep="first").sort("voter_key"))
    ballots = voters.filter("stands").select("voter_key", "channel", voted_at="at").sort("voted_at")
    rows = members.join(ballots, on="voter_key", how="left", maintain_order="left_right")
    return _keyed(case, rows, "Cases by key: members with ballots that stand in two channels; a line for each ballot of the log.")


def _denials(case: Case) -> list[Table]:
    denied = application_denials.answers(case).filter(pl.col("says") == "no").select("voter_key")
    held = application_denials.applicants(case).rename({"via": "channel"}).join(denied, on="voter_key", how="semi")
    first = case.rows("vote_applications").sort("at", "application_id", nulls_last=True).select("voter_key", "at")
    rows = held.join(first.unique("voter_key", keep="first"), on="voter_key", how="left").sort("at", "voter_key", nulls_last=True)
    return _keyed(
        case, _numbered(rows), "Cases by key: members who say that they did not make the application held in their name."
    )


BY_KEY: dict[str, tuple[Callable[[Case], list[Table]], ...]] = {
    "record_rules": (_rows_at_fault,),
    "credential_ledger": (_stories, _shown_codes),
    "reissue_rates": (_administrators,),  # the first exhibit of chapter 30 that numbers them
    "edit_reissue_ballot_chains": (_chains,),
    "shared_destinations": (_addresses,),
    "edits_outside_window": (_late_edits,),
    "contact_change_churn": (_administrators,),
    "list_asymmetry": (_apart,),
    "eligibility_breaches": (_not_entitled,),
    "double_channel_ballots": (_two_channels,),
    "application_denials": (_denials,),
}
