"""Which rows of ballot_events are ballots that voters gave themselves over a line, at a time that is held."""

from datetime import UTC, datetime
from itertools import product

import polars as pl
import pytest

from analysis_lib.methods.ballot_kinds import given_online
from analysis_lib.schema import load_schema

EVENTS, CHANNELS = (
    next(field for field in load_schema("ballot_events").fields if field.name == name).categories for name in ("event", "channel")
)
AT = datetime(2031, 10, 6, 11, tzinfo=UTC)
ROWS = list(product(EVENTS, CHANNELS, [None, "B1"], [None, AT]))


@pytest.mark.parametrize("kiosks", [True, False])
def test_every_kind_of_row_one_by_one(kiosks):
    frame = pl.DataFrame(
        ROWS,
        schema={"event": pl.String, "channel": pl.String, "batch_id": pl.String, "at": pl.Datetime("us", "UTC")},
        orient="row",
    )
    channels = {"online", "phone", "sms"} | ({"online_kiosk"} if kiosks else set())
    expected = [
        (event, channel, batch, at)
        for event, channel, batch, at in ROWS
        if event in ("cast", "recast") and channel in channels and batch is None and at is not None
    ]
    assert given_online(frame, kiosks=kiosks).rows() == expected
    assert len(expected) == 2 * len(channels)
    assert given_online(frame.clear()).height == 0
