"""A real running count: petition 131215 to the UK Parliament, read from where the figures are kept, never copied."""

import csv
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "shared" / "realdata" / "uk_petitions" / "131215_totals.csv"
PETITION = pytest.mark.skipif(
    not FILE.is_file(), reason="the petition's figures (uk_petitions/131215_totals.csv) are not kept beside the repository"
)


def petition_rows():
    """Its 5,033 readings as rows of turnout_counts."""
    with FILE.open(encoding="utf-8", newline="") as file:
        readings = list(csv.DictReader(file))
    return [
        {"as_of": row["time_utc"].replace(" ", "T") + "Z", "voted_n": row["signatures"], "channel": "all", "unit": "ALL"}
        for row in readings
    ]


NEAR_CLEAN_TOTALS, CONSTITUENCIES = FILE.parent / "241584_totals.csv", FILE.parent / "241584_by_constituency.parquet"
NEAR_CLEAN = pytest.mark.skipif(
    not (NEAR_CLEAN_TOTALS.is_file() and CONSTITUENCIES.is_file()),
    reason="the other petition's figures (uk_petitions/241584_*) are not kept beside the repository",
)
