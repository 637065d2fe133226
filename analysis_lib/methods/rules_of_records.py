"""Rules that changes of contacts, administrators' actions and the files themselves keep. Shared by record_rules."""

from __future__ import annotations

import polars as pl

from analysis_lib.case import Case
from analysis_lib.faults import ERROR
from analysis_lib.methods.instants import STAMP, possibly_before, stamped, surely_before
from analysis_lib.methods.members import is_complete
from analysis_lib.methods.roll_copies import WHOLE_ROLL
from analysis_lib.methods.rules_of_voting import NO_ROWS, NOT_ASKED, Looked, looked_at

KEY_OF = {"email": "email_key", "phone": "phone_key", "postal_address": "address_key"}
KEY_FAULTS = ("unique", "foreign_key")


def contact_on_the_next_copy(case: Case) -> Looked:
    """V07: the contact set by a change is the one on the next copy of the roll, unless it was changed again before.

    Of a change made in the voting platform alone it is undetermined: the roll need not know of it.
    """
    copies = (
        case.rows("roll_snapshots")
        .filter(pl.col("purpose").is_in((*WHOLE_ROLL, "marked_register")))
        .sort("taken_at", "snapshot_id")
    )
    roll = case.rows("roll").unpivot(
        list(KEY_OF.values()), index=["snapshot_id", "voter_key"], variable_name="key", value_name="on_copy"
    ).drop_nulls("on_copy")  # fmt: skip
    changes = stamped(case.rows("contact_changes"), case).drop_nulls("latest")
    changes = changes.with_columns(key=pl.col("field").replace_strict(KEY_OF, default=None, return_dtype=pl.String)).drop_nulls(
        "key"
    )
    changes = changes.with_columns(ended=pl.col("latest") + pl.duration(seconds=pl.col("unit_s") - 1))
    placed = changes.sort("ended", "change_id").join_asof(
        roll.join(copies.select("snapshot_id", "taken_at", "purpose"), on="snapshot_id")
        .select("voter_key", "key", "snapshot_id", "taken_at", "purpose")
        .sort("taken_at", "snapshot_id"),
        left_on="ended",
        right_on="taken_at",
        by=["voter_key", "key"],
        strategy="forward",
        check_sortedness=False,
    )
    last = placed.drop_nulls("snapshot_id").sort("latest", "change_id").unique(
        ["voter_key", "key", "snapshot_id"], keep="last", maintain_order=True
    )  # fmt: skip
    pairs = last.join(roll, on=["snapshot_id", "voter_key", "key"], maintain_order="left")
    pairs = pairs.filter(pl.col("new_key").is_not_null() | pl.col("new_missing").fill_null(False))
    # Of two changes that their clocks can't tell apart in time, either may have been the last.
    rivals = changes.select(
        "voter_key", "key", on_copy="new_key", ended_at=pl.col("latest") + pl.duration(seconds="unit_s"), begun_at="earliest"
    )
    same = pairs.join(rivals, on=["voter_key", "key", "on_copy"]).filter(
        (pl.col("ended_at") > pl.col("earliest")) & (pl.col("begun_at") <= pl.col("taken_at"))
    )  # fmt: skip
    stands = pl.col("change_id").is_in(same["change_id"].unique().to_list())
    differs = (pl.col("new_key") != pl.col("on_copy")).fill_null(True) & ~stands
    return looked_at(
        pairs,
        differs & (pl.col("system") != "voting_platform").fill_null(True) & (pl.col("purpose") != "marked_register"),
        differs,
    )


def destination_after_contact(case: Case) -> Looked:
    """V08: before a credential goes elsewhere, the member's contact was changed.

    To another contact than that it is undetermined; so it is where the log of changes may have gaps.
    """
    moved = case.rows("credential_events").filter(pl.col("event") == "destination_changed").drop_nulls("voter_key")
    changes = case.rows("contact_changes")
    if not changes.height:
        return NOT_ASKED
    own = stamped(moved, case)
    pairs = own.join(stamped(changes, case).select("voter_key", "new_key", *STAMP), on="voter_key", suffix="_of_right")
    goes_there = (pl.col("new_key") == pl.col("destination_key")).fill_null(True)
    judged = pairs.group_by("event_id").agg(perhaps=(~surely_before()).any(), surely=(~possibly_before() & goes_there).any())
    rows = own.join(judged, on="event_id", how="left", maintain_order="left")
    is_sure = pl.lit(is_complete(case, "contact_changes"))
    return looked_at(rows, is_sure & ~pl.col("perhaps").fill_null(False), ~pl.col("surely").fill_null(False))


def permission_in_force(case: Case) -> Looked:
    """V09: an administrator acts only while permission is in force; who has no row about permissions isn't judged.

    The log doesn't say which permission it was. Before the first entry there may have been another, and as long as
    fewer were withdrawn than granted one may be left; both are undetermined.
    """
    actions = stamped(case.rows("admin_actions"), case).filter(pl.col("disposition").fill_null("success") != "failure")
    is_permission = (pl.col("action") == "permission_changed") & pl.col("permission").is_not_null()
    given = actions.filter(is_permission).drop_nulls(["target_key", "at"]).select(
        "event_id", "permission", *STAMP, actor_key="target_key"
    )  # fmt: skip
    own = actions.drop_nulls(["actor_key", "at"]).join(given, on="actor_key", how="semi", maintain_order="left")
    if not own.height:
        return NOT_ASKED
    pairs = own.join(given, on="actor_key", suffix="_of_right")
    state = pairs.with_columns(before=surely_before("_of_right", ""), perhaps=possibly_before("_of_right", ""))
    latest = pl.col("permission_of_right").sort_by("at_of_right", "event_id_of_right")
    earlier = pl.col("permission_of_right").filter("perhaps")
    judged = state.group_by("event_id").agg(
        certain=latest.filter(pl.col("before").sort_by("at_of_right", "event_id_of_right")).last(),
        possible=latest.filter(pl.col("perhaps").sort_by("at_of_right", "event_id_of_right")).last(),
        first=latest.first(),
        left=(earlier == "granted").sum() > (earlier == "withdrawn").sum(),
    )  # fmt: skip
    rows = own.join(judged, on="event_id", how="left", maintain_order="left")

    def without(state: str) -> pl.Expr:  # nothing yet, and the first entry grants: until then there was no permission
        return (pl.col(state) == "withdrawn") | (pl.col(state).is_null() & (pl.col("first") == "granted"))

    either = without("certain").fill_null(False) | without("possible").fill_null(False)
    is_sure = (pl.col("certain") == "withdrawn") & (pl.col("possible") == "withdrawn") & ~pl.col("left")
    return looked_at(rows, is_sure, either)


def keys_of_the_files(case: Case) -> Looked:
    """V11: every key once, and every row that is pointed to is there. Counted from the faults of the files."""
    package = case.package
    faults = package.faults.filter(pl.col("rule").is_in(KEY_FAULTS) & (pl.col("severity") == ERROR))
    rows = faults.select(source_id="file", source_row=pl.col("row").cast(pl.Int64), at=pl.lit(None, NO_ROWS["at"].dtype))
    held = sum(package.tables[name].height for name in package.held) + sum(package.n_left_out.values())
    return Looked(looked=held, broken=rows)
