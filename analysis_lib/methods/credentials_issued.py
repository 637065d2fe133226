"""Applications, credentials and messages, as sums. Shared by roll_reconciliation."""

from __future__ import annotations

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods.identities import Identity, exactly, identity
from analysis_lib.methods.members import is_complete, whole_roll
from analysis_lib.methods.recount import declared_once

ISSUED = ("issued", "reissued_new", "printed")
SENT_ONLINE = ("email", "sms", "screen")


def _issued(case: Case, which: pl.Expr | bool = True) -> pl.DataFrame:
    events = case.rows("credential_events").filter(pl.col("event").is_in(ISSUED) & which)
    return events.drop_nulls("voter_key").select("voter_key").unique()


def applications(case: Case) -> list[Identity]:
    """R03: applications granted, by channel, are those published; who was granted one has a credential of that channel, and nobody else.

    Where most of those with a credential for voting online were granted no application, voting online is open to
    all: how many were is told, and breaks nothing. Of a log that may have gaps, a member missing from it is no difference. A code sent by post may be for
    voting online, so that only ballot papers that the log calls printed are held against postal applications.
    """
    granted = case.rows("vote_applications").filter(pl.col("decision") == "granted")
    relation = "equal" if is_complete(case, "vote_applications") else "at_most"
    published = {row["channel"]: row for row in declared_once(case.rows("results"), "applications_granted").iter_rows(named=True)}
    counts = dict(granted.group_by("channel_requested").agg(pl.col("voter_key").n_unique()).sort("channel_requested").iter_rows())
    counts["all"] = granted["voter_key"].n_unique()
    asked = case.rows("vote_applications").height > 0
    found = [
        identity(
            "R03", f"applications granted ({channel})".replace("_", " "), exactly("members granted one", counts.get(channel, 0)),
            ("applications granted, published", row["low"], row["high"]), relation, counted="member",
        )
        for channel, row in sorted(published.items()) if asked
    ]  # fmt: skip
    one_channel = pl.lit(granted["channel_requested"].n_unique() == 1)
    sent_online = pl.col("destination_kind").is_in(SENT_ONLINE) | pl.col("destination_kind").is_null() & one_channel
    printed = pl.col("event") == "printed"
    for channel, by_channel in (("online", sent_online & ~printed), ("postal", printed)):
        applied = granted.filter(pl.col("channel_requested") == channel).select("voter_key").unique()
        with_code = _issued(case, by_channel)
        if not with_code.height or not applied.height:
            continue  # a way of voting that nobody applied for is open to all
        both = applied.join(with_code, on="voter_key", how="semi").height
        is_open_to_all = channel == "online" and both * 2 < with_code.height
        for n, ofs, name, log, is_open in (
            (applied.height, ("granted an application", "with a credential issued"), "have a credential", "credential_events", False),
            (
                with_code.height, ("issued a credential", "with an application granted"), "were granted an application",
                "vote_applications", is_open_to_all,
            ),
        ):  # fmt: skip
            sides = exactly(f"members {ofs[0]}", n), exactly(f"of them {ofs[1]}", both)
            sides, relation = (sides[::-1], "at_most") if is_open else (sides, "equal")
            if is_complete(case, log):
                found.append(identity("R03", f"members {ofs[0]} ({channel}) {name}", *sides, relation, counted="member"))
    return found


def issued_and_entitled(case: Case) -> list[Identity]:
    """R04: whoever was issued a credential is entitled; how many entitled members were issued none is told, and breaks nothing."""
    roll, with_code = whole_roll(case), _issued(case)
    if not roll.height or not with_code.height:
        return []
    later = case.rows("roll_changes").filter(pl.col("change") != "removed")
    known = pl.concat([
        roll.filter(pl.col("eligible")).select("voter_key"), later.select("voter_key"),
        later.drop_nulls("other_voter_key").select(voter_key="other_voter_key"),
    ]).unique()  # fmt: skip
    entitled = with_code.join(known, on="voter_key", how="semi").height
    everyone = roll.filter(pl.col("eligible")).join(with_code, on="voter_key", how="semi").height
    return [
        identity(
            "R04", "members issued a credential are on the roll", exactly("members issued a credential", with_code.height),
            exactly("of them on the roll, or let in later", entitled), counted="member",
        ),
        identity(
            "R04", "members on the roll were issued a credential", exactly("of them issued a credential", everyone),
            exactly("members on the roll", roll["eligible"].sum()), "at_most", counted="member",
        ),
    ]  # fmt: skip


def fates(case: Case) -> list[Identity]:
    """R05: no more credentials arrived or came back than were issued; messages that bounced are those counted, and no more than were sent."""
    events = case.rows("credential_events").drop_nulls("voter_key")
    ended = events.filter(pl.col("event").is_in(("delivered", "bounced"))).select("voter_key").unique()
    with_code = _issued(case)
    found = []
    if ended.height and with_code.height and is_complete(case, "credential_events"):
        issued = ended.join(with_code, on="voter_key", how="semi").height
        sides = exactly("members to whom one was delivered or bounced", ended.height), exactly("of them issued one", issued)
        found.append(identity("R05", "credentials delivered or bounced were issued", *sides, counted="member"))
        rest = with_code.join(ended, on="voter_key", how="anti").height
        sides = exactly("delivered or bounced", issued), exactly(f"issued (of {rest} nothing more is known)", with_code.height)
        found.append(identity("R05", "issued is delivered + bounced + unknown", *sides, "at_most", counted="member"))
    sent = case.rows("communications").drop_nulls("n_bounced").sort("message_id")
    bounced = dict(events.filter(pl.col("event") == "bounced").drop_nulls("message_id").group_by("message_id").len().iter_rows())
    for row in sent.iter_rows(named=True):
        name, back = f"message {row['message_id']}", exactly("bounced, as counted", row["n_bounced"])
        if row["n_recipients"] is not None:
            sides = back, exactly("recipients", row["n_recipients"])
            found.append(identity("R05", f"{name}: no more bounced than were sent", *sides, "at_most", counted="message"))
        if row["message_id"] in bounced:
            sides = exactly("bounced, in the log", bounced[row["message_id"]]), back
            relation = "equal" if is_complete(case, "credential_events") else "at_most"
            found.append(identity("R05", f"{name}: those that bounced", *sides, relation, counted="message"))
    return found
