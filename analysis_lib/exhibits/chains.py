"""Beside edit_reissue_ballot_chains, shared_destinations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from analysis_lib import charts, wording
from analysis_lib.cards import Table
from analysis_lib.case import Case
from analysis_lib.exhibits.shown import Shown, answered, few
from analysis_lib.methods import chains
from analysis_lib.results import Finding

MOST_CASES, MOST_ADDRESSES = 40, 20


def edit_reissue_ballot_chains(case: Case, findings: Sequence[Finding]) -> Shown:
    """A strip for each chain, numbered; the chains by administrator; and what the tally stands on."""
    shown: Shown = []
    for finding in findings:
        details = finding.details
        if not details.get("n_chains"):
            continue
        rows = chains.chain_rows(chains.events(case), case.plan.chain_gap_s)
        shown.append(charts.case_strips(_strips(case, rows), "new code"))
        shown.append(_on_record(details))
        if details["hands"]:
            titles = {"hand": "administrator who reissued", "n": "chains"}
            caption = "Chains by administrator, numbered by how much each handled; no key or name is shown."
            shown.append(Table([dict(row) for row in details["hands"]], titles, caption))
    return shown


def _strips(case: Case, rows: pl.DataFrame) -> pl.DataFrame:
    """One row per event of the first cases, those that were changed back and the quickest first: ``case, what, minutes`` from the new code."""
    back = chains.changed_back(case, rows, case.plan.chain_gap_s)
    told = rows.join(back, on="change_id", how="left").sort(
        pl.col("back_at").is_null(), pl.col("voted_at") - pl.col("changed_at"), "ballot"
    ).head(MOST_CASES).with_row_index("case", offset=1)  # fmt: skip
    kinds = {
        "contact changed": "changed_at", "new code": "reissued_at", "ballot": "voted_at", "contact changed again": "back_at"
    }  # fmt: skip
    parts = [
        told.select(
            pl.col("case").cast(pl.Int64), what=pl.lit(what),
            minutes=(pl.col(column) - pl.col("reissued_at")).dt.total_microseconds() / 6e7,
        )
        for what, column in kinds.items()
    ]  # fmt: skip
    return pl.concat(parts).drop_nulls("minutes").sort("case", "minutes", "what")


def _on_record(details: Mapping[str, Any]) -> Table:
    n = details["n"]
    told = {
        "changes of an e-mail address or telephone number by an officer, no cause on record": n["changes"],
        "reissues, no cause on record": n["reissues"],
        "chains of such a change, such a reissue and a ballot": details["n_chains"],
        "chains of which a search found no request for the change": details["n_none_found"],
        "chains in which one account made change and reissue": details["n_one_hand"],
        "chains whose change was undone after the ballot": details["n_undone"],
        "chains whose change came after the last day for changes, no request found": details["n_after_last_day"],
    }
    rows = [{"what": what, "n": number} for what, number in told.items() if number is not None]
    return Table(rows, {"what": "on record", "n": "number"}, "What the chains are made of, and what is known of them.")


def shared_destinations(case: Case, findings: Sequence[Finding]) -> Shown:
    """Members by how many share their address, shown even where nothing is tested; and the addresses to which several were moved."""
    shown: Shown = []
    for finding in findings:
        details = finding.details
        groups = [
            dict(row) | {"size": _size(row["least"], row["most"]), "several": row["least"] >= 3}
            for row in details.get("groups", ())
        ]
        if not any(row["n_members"] for row in groups):
            continue
        shown.append(charts.shared_addresses(groups))
        titles = {
            "size": "members with one address",
            "n_addresses": "addresses",
            "n_members": "members",
            "n_new": "of these set anew",
        }
        shown.append(
            Table([{name: row[name] for name in titles} for row in groups], titles, "Addresses by how many members they serve.")
        )
        shown += [_joined(details["joined"])] if details["joined"] else []
        shown.append(_classes(case, details["classes"]))
        shown += [_tallies(finding)] if finding in answered(findings) else []
    return shown


def _size(least: int, most: int | None) -> str:
    return f"{least} or more" if most is None else str(least) if most == least else f"{least} to {most}"


def _joined(joined: Sequence[Mapping[str, Any]]) -> Table:
    titles = {
        "case": "address", "n_members": "members it serves", "n_new": "of these set anew", "n_none_found": "search found no request",
        "n_hands": "accounts that set it",
    }  # fmt: skip
    rows = [{"case": f"no. {i}"} | dict(row) for i, row in enumerate(joined[:MOST_ADDRESSES], 1)]
    return Table(
        rows,
        titles,
        "Addresses that serve three members or more and were set anew for some; the largest first, by number and not by name.",
    )


def _classes(case: Case, classes: Sequence[Mapping[str, Any]]) -> Table:
    titles = {"what": "sort of address", "n_members": "members", "n_new": "of these set anew"}
    rows = [
        {
            "what": "telephone, or not said" if row["domain_class"] == "unknown" else str(row["domain_class"]).replace("_", " "),
            "n_members": few(row["n_members"], case),
            "n_new": few(row["n_new"], case),
        }
        for row in classes
    ]
    return Table(rows, titles, "Members by the sort of provider of their address; placeholder and missing ones reach nobody.")


def _tallies(finding: Finding) -> Table:
    rows = [
        {
            "what": f"in groups of {row['at_least']} or more" if row["at_least"] else "in the largest group",
            "seen": row["seen"], "expected": wording.expected(row["expected"]), "range": f"{row['low']:.0f} to {row['high']:.0f}",
            "pvalue": wording.pvalue(row["pvalue"]),
        }
        for row in finding.details["tallies"]
    ]  # fmt: skip
    titles = {
        "what": "members with an address set anew",
        "seen": "seen",
        "expected": "expected",
        "range": "usual range",
        "pvalue": "p-value of this row alone",
    }
    return Table(rows, titles, "Members moved to one address, against what the earlier lists lead to expect.")
