"""What tests read from made-up selections."""

import polars as pl

from analysis_lib.simulate import PLANTS, Setting

PLANTED = Setting(plants=frozenset(PLANTS))


def reissues(made):
    return made.tables["credential_events"].filter(event="reissued_new")


def casts(made):
    return made.tables["ballot_events"].filter(channel="online")


def first(rows, name):
    """Give the first instant of each voter, under a name of its own."""
    return rows.group_by("voter_key").agg(pl.col("at").min().alias(name))
