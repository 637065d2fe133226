"""What lies in logs and lists that misleads an analysis without being a fault: told as warnings, with what it means for each."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from analysis_lib.faults import Fault
from analysis_lib.traps import record_traps, sequence_traps, time_traps


def find(tables: Mapping[str, pl.DataFrame]) -> list[Fault]:
    """Look for every trap in the typed tables of a package.

    Tables of more than `looked_at.MOST` rows are judged by rows taken evenly from them, and so is said.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Good rows of each table, typed, times in UTC; a table that isn't held is empty.

    Returns
    -------
    list of Fault
        All of severity `WARNING`, their rules named trap_...; no row is left out for any of them.
    """
    return [*time_traps.find(tables), *sequence_traps.find(tables), *record_traps.find(tables)]
