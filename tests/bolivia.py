"""The tally sheets of Bolivia 2019 at three instants, summed by precinct; read where they lie, never copied."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from cases import utc

FOLDER = Path(__file__).parents[2] / "shared" / "realdata" / "bolivia_2019"
FILES = {  # four hours behind UTC; the final count of 25 October has no instant
    "trep_2019-10-20_194057.csv.gz": utc("2019-10-20 23:40:57"),
    "trep_2019-10-21_182953.csv.gz": utc("2019-10-21 22:29:53"),
    "computo_final.csv.gz": None,
}
PLACE = ("País", "Departamento", "Provincia", "Municipio", "Recinto")
PARTIES = ("CC", "FPV", "MTS", "UCS", "MAS - IPSP", "21F", "PDC", "MNR", "PAN-BOL")
NAMES = {"CC": "CC", "MAS - IPSP": "MAS"}


def sheets(file: str) -> pl.DataFrame:
    """Votes by sheet: ``sheet, unit, CC, MAS, other``."""
    rows = pl.read_csv(FOLDER / file, infer_schema_length=0)
    votes = rows.with_columns(pl.col(PARTIES).cast(pl.Int64))
    rest = [party for party in PARTIES if party not in NAMES]
    return votes.select(
        sheet="Número Mesa", unit=pl.concat_str(PLACE, separator=" / "), CC="CC", MAS="MAS - IPSP", other=pl.sum_horizontal(rest)
    )


def by_precinct(file: str) -> pl.DataFrame:
    """Votes by precinct: ``unit, candidate_id, n``."""
    totals = sheets(file).group_by("unit").agg(pl.col("CC", "MAS", "other").sum())
    return totals.unpivot(index="unit", variable_name="candidate_id", value_name="n").sort("unit", "candidate_id")
