"""Which events bring a ballot in, which of them voters stamped themselves, and which were keyed in. Shared by the questions on ballots."""

from __future__ import annotations

import polars as pl

CAST = ("cast", "recast")  # by the voter
KEYED_IN = ("entered_by_officer", "imported")  # stamped when keyed in, whenever the ballot was given
COUNTED = (*CAST, *KEYED_IN)
KIOSK = "online_kiosk"
TIMED_CHANNELS = ("online", KIOSK, "phone", "sms")  # the stamp is the voter's own act; hall and postal ballots are keyed in


def given_online(rows: pl.DataFrame, *, kiosks: bool = True) -> pl.DataFrame:
    """Keep the ballots with a time that voters gave themselves over a line, and none of a batch.

    Parameters
    ----------
    rows : DataFrame
        Rows of ``ballot_events``: ``event, channel, batch_id`` (null: of no batch), ``at`` (UTC; null: no time held).
    kiosks : bool
        Whether ballots of a kiosk count: people queue there, so its ballots come at even distances.

    Returns
    -------
    DataFrame
        The rows that fit, in their order.
    """
    channels = [channel for channel in TIMED_CHANNELS if kiosks or channel != KIOSK]
    return rows.filter(
        pl.col("event").is_in(CAST)
        & pl.col("channel").is_in(channels)
        & pl.col("batch_id").is_null()
        & pl.col("at").is_not_null()
    )
