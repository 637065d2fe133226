"""Changes of contact details with what is known of each: was it asked for, was it part of a bulk edit, did it replace anything?

Shared by the questions on contact changes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods.bulk_edits import BULK_ROWS, with_edits
from analysis_lib.methods.instants import edge

REACHES = ("email", "phone", "postal_address")  # through which a code or a ballot paper can come
ASKED = ("member_request_logged", "bounce_logged")
SEARCHED = "none_found"
AGAIN = timedelta(minutes=30)  # so soon after it, the same hand puts its own entry right


def contact_edits(case: Case) -> pl.DataFrame:
    """Give every change of an address by which a member is reached, those of form alone left out.

    Returns
    -------
    DataFrame
        The rows with ``asked``: "asked for" (by the member, a bounce, or made by the member), "none found" (looked for and
        not found), "bulk" (a tidy-up by its reason, or ten and more by one account within two minutes), "entered again" (the same
        detail by the same hand within half an hour of the entry before, which then counts for both) or "not known";
        ``by_member``: made by the member, as far as a role is on record; ``outcome``: "blank filled", "removed" or "replaced"; ``moved``: one of ten and more
        addresses that one hand moved to one sort of provider on a day, names kept; and ``edit``, ``edit_n`` of those with a time (else null).
    """
    same = (pl.col("edit_class") == "formatting_only").fill_null(False) | (pl.col("old_key") == pl.col("new_key")).fill_null(
        False
    )
    rows = case.rows("contact_changes").filter(pl.col("field").is_in(REACHES) & ~same)
    timed = with_edits(rows.drop_nulls("at"))
    untimed = rows.filter(pl.col("at").is_null()).with_columns(
        edit=pl.lit(None, pl.Int64), edit_n=pl.lit(None, pl.Int64), is_bulk=pl.lit(False)
    )
    evidence, by_self = pl.col("request_evidence"), (pl.col("actor_role") == "self").fill_null(False)
    is_filled = pl.col("old_missing").fill_null(False) | (pl.col("edit_class") == "added").fill_null(False)
    is_removed = pl.col("new_missing").fill_null(False) | (pl.col("edit_class") == "removed").fill_null(False)
    found = pl.concat([timed, untimed]).with_columns(
        asked=pl.when(evidence.is_in(ASKED) | by_self).then(pl.lit("asked for"))
        .when((evidence == "bulk_cleanse").fill_null(False) | pl.col("is_bulk")).then(pl.lit("bulk"))
        .when(evidence == SEARCHED).then(pl.lit("none found"))
        .otherwise(pl.lit("not known")),
        by_member=by_self,
        outcome=pl.when(is_filled).then(pl.lit("blank filled")).when(is_removed).then(pl.lit("removed")).otherwise(pl.lit("replaced")),
        moved=_moved(case.contest["timezone"]),
    ).sort("at", "change_id", nulls_last=True)  # fmt: skip
    return _once(found)


def _moved(zone: str) -> pl.Expr:
    """Whether an address is one of many that one hand moved to one sort of provider on a day, the names kept."""
    is_new_domain = (pl.col("edit_class") == "new_domain").fill_null(False)
    day = pl.col("at").dt.convert_time_zone(zone).dt.date()
    alike = is_new_domain.sum().over("source_id", "actor_key", "new_domain_class", day)
    return is_new_domain & pl.col("at").is_not_null() & (alike >= BULK_ROWS)


def _once(rows: pl.DataFrame) -> pl.DataFrame:
    """Count a detail that one hand set several times within half an hour once; asked for if any of these entries was."""
    same = ["voter_key", "field", "actor_key"]
    since = pl.col("at") - pl.col("at").shift(1).over(same)
    is_first = (since > AGAIN).fill_null(True) | pl.col("voter_key").is_null()
    rows = rows.with_columns(_first=is_first).with_columns(_run=pl.col("_first").cum_sum().over(same))
    was_asked = (pl.col("asked") == "asked for").any().over(*same, "_run") & pl.col("voter_key").is_not_null()
    asked = (
        pl.when(pl.col("asked") == "bulk").then(pl.col("asked"))
        .when(~pl.col("_first")).then(pl.lit("entered again"))
        .when(was_asked).then(pl.lit("asked for"))
        .otherwise(pl.col("asked"))
    )  # fmt: skip
    return rows.with_columns(asked=asked).drop("_first", "_run")


def contest_period(case: Case) -> tuple[datetime, datetime] | None:
    """From the last day for changes, the freeze or the opening, whichever came first, to the close; null if either end isn't known."""
    starts = [edge(case, "roll_edits", "closes_at"), case.contest["freeze_at"], edge(case, "voting", "opens_at")]
    known, close = [at for at in starts if at is not None], edge(case, "voting", "closes_at")
    if not known or close is None or min(known) >= close:
        return None
    return min(known), close


def placed(edits: pl.DataFrame, start: datetime, close: datetime) -> pl.DataFrame:
    """Add ``period``: "earlier", "contest", "later", or null where two copies leave it open, or no time is known."""
    low, high = pl.coalesce("at", "at_lo"), pl.coalesce("at", "at_hi")
    period = (
        pl.when(high < start).then(pl.lit("earlier"))
        .when((low >= start) & (high <= close)).then(pl.lit("contest"))
        .when(low > close).then(pl.lit("later"))
    )  # fmt: skip
    return edits.with_columns(period=period)


def weeks_before(edits: pl.DataFrame, start: datetime) -> int:
    """Count the whole weeks from the first stamp of the log to the start of the contest's period."""
    first = edits["at"].min()
    return 0 if first is None else max(0, (start - first) // timedelta(days=7))
