"""What the voting platform's log knows of why a contact was changed, where the membership system notes nothing."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from analysis_lib.case import Case

NEAR = timedelta(minutes=30)  # a code sent so soon before or after a change belongs to it
ON_REQUEST = ("member_request", "self_service", "bounce_fix")


def came_back(case: Case, edits: pl.DataFrame) -> pl.DataFrame:
    """Add ``had_come_back`` to changes of contact: whether the last message to the member before it came back.

    `edits` have ``voter_key`` and ``at`` (UTC, none null); they come back in the order of time. A message delivered after one
    that came back tells that the address worked.
    """
    codes = case.rows("credential_events").drop_nulls(["voter_key", "at"]).filter(pl.col("event").is_in(["bounced", "delivered"]))
    fates = codes.select("voter_key", "at", had_come_back=pl.col("event") == "bounced").sort("at", "had_come_back")
    known = edits.sort("at", maintain_order=True).join_asof(
        fates, on="at", by="voter_key", allow_exact_matches=False, check_sortedness=False
    )  # fmt: skip
    return known.with_columns(pl.col("had_come_back").fill_null(False))


def with_platform_causes(case: Case, edits: pl.DataFrame) -> pl.DataFrame:
    """Take a change for asked for where the platform has a cause of it on record.

    That is that the last message to the member before it had come back, or a code that was asked for, or sent since one had come
    back, within `NEAR`. Calls are noted in one system and not in the other: whoever rings up has the address mended and a
    code sent, and votes at once.

    Parameters
    ----------
    edits : DataFrame
        Of `contact_edits`: ``voter_key, at`` (UTC; null: no time, nothing is found), ``asked``.

    Returns
    -------
    DataFrame
        The same rows with "none found" and "not known" in ``asked`` replaced by "asked for" where that is so; in no order.
    """
    codes = case.rows("credential_events").drop_nulls(["voter_key", "at"])
    sent = codes.filter(pl.col("trigger").is_in(ON_REQUEST)).select("voter_key", at="at", sent_at="at").sort("at")
    timed = came_back(case, edits.drop_nulls("at"))
    near = timed.join_asof(sent, on="at", by="voter_key", strategy="nearest", tolerance=NEAR, check_sortedness=False)
    has_cause = pl.col("had_come_back") | pl.col("sent_at").is_not_null()
    asked = pl.when(pl.col("asked").is_in(("none found", "not known")) & has_cause).then(pl.lit("asked for")).otherwise("asked")
    return pl.concat([near.with_columns(asked=asked).select(edits.columns), edits.filter(pl.col("at").is_null())])
