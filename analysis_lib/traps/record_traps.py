"""Rows that are not what they seem: damaged by a spreadsheet, made by a machine, of members deleted since, or of a test."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import polars as pl

from analysis_lib.faults import Fault
from analysis_lib.plaintext import count
from analysis_lib.traps.looked_at import STAMPED, Tables, counted, first_row, holds, some, trap

IDS = ("batch_id", "unit", "clock_id", "message_id", "candidate_id")  # text that no key replaced
EXPONENT = r"^\d(\.\d+)?[Ee]\+\d+$"
SCAN_S, SCAN_ROWS, SCAN_SHARE = 10, 20, 0.2
EARLY_S = 60
VOTERS = 2000


def find(tables: Tables) -> list[Fault]:
    """Look at ids, responses to messages, voters, and what figures were copied from."""
    return [
        *_spreadsheet(tables), *_scanners(tables), *_deleted(tables), *_tests(tables), *_administrators(tables), *_copied(tables),
    ]  # fmt: skip


def _spreadsheet(tables: Tables) -> Iterator[Fault]:
    """Ids turned into numbers: 1E+05, or one id with and without its leading zeros."""
    for table, whole in tables.items():
        rows = some(whole)
        for column in (name for name in IDS if name in rows.columns and rows.height):
            values = rows[column].drop_nulls().unique()
            turned = values.filter(values.str.contains(EXPONENT))
            if turned.len():
                yield trap(
                    "exponent", table, column, f"{turned.len():,} different ids are numbers with an exponent, such as 1E+05",
                    "ids as they are in the source",
                    "A spreadsheet turned ids into numbers, and different ids may have become one. Ask for the export as text; counts by this column can't be relied on.",
                )  # fmt: skip
            digits = values.filter(values.str.contains(r"^\d+$"))
            bare = digits.str.strip_chars_start("0")
            if lost := digits.len() - bare.n_unique():
                yield trap(
                    "leading_zeros", table, column, f"{lost:,} ids stand both with and without leading zeros",
                    "each id in one form",
                    "A spreadsheet dropped zeros in one of the files. Ask for the export as text; until then one unit or batch is counted as two.",
                )  # fmt: skip


def _scanners(tables: Tables) -> Iterator[Fault]:
    """Messages opened within seconds of being sent, in bulk."""
    table = "credential_events"
    if not holds(tables, table, "at", "voter_key"):
        return
    whole = tables[table]
    seen = some(whole).filter(pl.col("event").is_in(["opened", "clicked"]))
    voters = seen["voter_key"].drop_nulls().unique().sort()
    if not voters.len():
        return
    voters = voters.gather_every(-(-voters.len() // VOTERS))
    rows = whole.filter(pl.col("voter_key").is_in(voters.implode())).drop_nulls("at").sort("at", "event_id")
    sent = rows.filter(pl.col("event").is_in(["issued", "delivered", "resent_same", "reissued_new"]))
    opened = rows.filter(pl.col("event").is_in(["opened", "clicked"]))
    sent = sent.select("voter_key", "contest_id", "at", sent_at="at")
    pairs = opened.join_asof(sent, on="at", by=["voter_key", "contest_id"], strategy="backward", check_sortedness=False)
    quick = pairs.filter((pl.col("at") - pl.col("sent_at")).dt.total_seconds() < SCAN_S)
    if quick.height >= max(SCAN_ROWS, SCAN_SHARE * opened.height):
        yield trap(
            "mail_scanner", table, "event",
            f"{quick.height:,} of {opened.height:,} messages opened or clicked were so within {SCAN_S} seconds of being sent{first_row(quick)}",
            "messages opened when people read them",
            "Mail programs open messages to look for harm. Do not read these as acts of members: leave opened and clicked out of any count of who was reached or reacted.",
        )  # fmt: skip


def _deleted(tables: Tables) -> Iterator[Fault]:
    """Voters in a log whom no copy of the roll holds."""
    if not (holds(tables, "roll", "voter_key") and holds(tables, "roll_snapshots", "snapshot_id")):
        return
    contests = tables["roll_snapshots"]["contest_id"].unique()
    for table in STAMPED:
        if not holds(tables, table, "voter_key"):
            continue
        rows = some(tables[table]).filter(pl.col("contest_id").is_in(contests.implode())).drop_nulls("voter_key")
        if "derived_from" in rows.columns:  # a copy between the first and the last may be held as a number alone
            rows = rows.filter(pl.col("derived_from").ne_missing("snapshot_diff"))
        voters = rows["voter_key"].unique().sort()
        voters = voters.gather_every(-(-max(voters.len(), 1) // VOTERS))
        known = tables["roll"]["voter_key"].filter(tables["roll"]["voter_key"].is_in(voters.implode())).unique()
        if missing := voters.len() - known.len():
            yield trap(
                "deleted_voters", table, "voter_key", f"{missing:,} of {count(voters.len(), 'voter')} looked at can't be found in any copy of the roll",
                "every voter of a log in some copy of the roll",
                "Members may have been deleted since, joined late, or keys were made of another form of the id. Ask for the copy in force when the log "
                "was written; rates per member leave these voters out.",
            )  # fmt: skip


def _tests(tables: Tables) -> Iterator[Fault]:
    """Ballots before every opening that any paper gives."""
    table = "ballot_events"
    if not (holds(tables, table, "at") and holds(tables, "contest_windows", "opens_at")):
        return
    windows = tables["contest_windows"].filter(pl.col("kind") == "voting").group_by("contest_id").agg(pl.col("opens_at").min())
    rows = some(tables[table]).filter(pl.col("event").is_in(["cast", "recast"])).drop_nulls("at").join(windows, on="contest_id")
    early = rows.filter(pl.col("at") < pl.col("opens_at") - timedelta(seconds=EARLY_S))
    if early.height:
        yield trap(
            "test_votes", table, "at", f"{counted(early.height, rows, tables[table])} were cast before the earliest opening on record{first_row(early)}",
            "ballots after the opening",
            "Platforms are tried out with test votes before they open. Ask whether these were taken out of the count, and see the question on clocks: an offset gives the same.",
        )  # fmt: skip


def _administrators(tables: Tables) -> Iterator[Fault]:
    """Keys that stand as an officer's and as a voter's."""
    if not holds(tables, "roll", "voter_key"):
        return
    actors = [some(tables[table])["actor_key"].drop_nulls().unique() for table in STAMPED if holds(tables, table, "actor_key")]
    if actors:
        known = pl.concat(actors).unique()
        both = tables["roll"]["voter_key"].filter(tables["roll"]["voter_key"].is_in(known.implode())).n_unique()
        if both:
            yield trap(
                "administrator_votes", "roll", "voter_key", f"{count(both, 'officer')} with a key that also stands on the roll as a voter's",
                "officers under keys of their own",
                "Officers are often members, which is lawful, and a platform's test account may be one. Show counts with and without their ballots.",
            )  # fmt: skip


def _copied(tables: Tables) -> Iterator[Fault]:
    """Figures read off a screenshot or a printed table."""
    for table, kind, column, found, remedy in (
        ("turnout_counts", "screenshot", "as_of", "were read off screenshots, whose time is that of a phone",
         "The phone's zone and clock are not known from the picture: read as_of as give or take some minutes, and its zone as assumed."),
        ("results", "pdf", "n", "were copied from a printed table",
         "A digit is easily misread: the sums R07 to R09 are the check, and a sum that fails may be the copying."),
    ):  # fmt: skip
        if holds(tables, table, "source_id") and (tables["sources"]["kind"] == kind).any():
            sources = tables["sources"].filter(pl.col("kind") == kind)["source_id"]
            n = int(tables[table]["source_id"].is_in(sources.implode()).sum())
            if n:
                told = f"{n:,} of {tables[table].height:,} rows {found}"
                yield trap(kind, table, column, told, "figures exported by the system", remedy)
