"""Acceptance on the published results of a real election, release by release; the expected figures are those of its PROVENANCE.md."""

from __future__ import annotations

from itertools import chain, pairwise

import polars as pl
import pytest
from imports import bring, said
from real_records import IOWA, mapping, need

from analysis_lib.case import open_case
from analysis_lib.methods.sums import BETWEEN, cells, identical_units
from analysis_lib.methods.totals_reconciliation import totals_reconciliation

RELEASES = {"92": "idp-2020-02-06-92", "97": "idp-2020-02-06-97", "100": "idp-2020-02-08-100"}


@pytest.fixture(scope="module")
def iowa(tmp_path_factory):
    """Each release in a package of its own."""
    need(IOWA)
    folder = tmp_path_factory.mktemp("iowa")
    cases = {}
    for name, release in RELEASES.items():
        files = [IOWA / f"{release}_full.csv", IOWA / f"{release}_totals.csv"]
        done = bring(mapping("iowa_dem_2020"), *files, into=folder / name, contest=f"iowa_{name}", timezone="America/Chicago")
        assert said(done.faults) == ""  # the two files agree on every county
        cases[name] = open_case(folder / name)
    return cases


IS_PRECINCT = pl.col("unit").str.contains(BETWEEN, literal=True)


@pytest.mark.slow
def test_iowa_precincts_with_more_final_than_first_votes(iowa):
    found = {}
    for name, case in iowa.items():
        sums = totals_reconciliation(case.rows("results"), candidates=case.rows("candidates")["candidate_id"].to_list())
        failing = sums.filter(pl.col("gap") > 0)
        assert failing["name"].unique().to_list() == ["no more votes than in the first round, round 2"]
        found[name] = failing.height
    assert found == {"92": 68, "97": 77, "100": 84}


@pytest.mark.slow
def test_iowa_precincts_with_the_same_figures(iowa):
    listed = {name: [*chain(*identical_units(cells(case.rows("results"))))] for name, case in iowa.items()}
    assert {name: len(units) for name, units in listed.items()} == {"92": 10, "97": 10, "100": 14}


@pytest.mark.slow
def test_iowa_totals(iowa):
    counties = iowa["100"].rows("results").filter(~IS_PRECINCT)
    totals = counties.group_by("round", "candidate_id").agg(pl.col("n").sum(), pl.col("weighted_n").sum().round(3))
    found = {(row["round"], row["candidate_id"]): row for row in totals.iter_rows(named=True)}
    assert [found[1, name]["n"] for name in ("Sanders", "Buttigieg")] == [43_671, 37_557]
    assert [found[2, name]["n"] for name in ("Sanders", "Buttigieg")] == [45_826, 43_195]
    assert [found[2, name]["weighted_n"] for name in ("Sanders", "Buttigieg")] == [562.497, 564.012]


@pytest.mark.slow
def test_iowa_each_county_is_the_sum_of_its_precincts(iowa):
    for case in iowa.values():
        sums = totals_reconciliation(case.rows("results")).filter(check="R09")
        votes = sums.filter(~pl.col("name").str.ends_with("weighted"))
        counties = case.rows("results").filter(~IS_PRECINCT & (pl.col("n") > 0))["unit"].unique()
        assert set(votes["unit"]) == set(counties)  # all that had reported
        assert (votes["left_low"] == votes["right_low"]).all()
        assert sums["gap"].max() == 0
        assert sums.height > votes.height  # the delegate equivalents as well


@pytest.mark.slow
def test_iowa_releases_differ(iowa):
    keys = ["unit", "round", "candidate_id"]
    counts = {name: case.rows("results").filter(IS_PRECINCT).drop_nulls("n").select(*keys, "n") for name, case in iowa.items()}
    totals = {name: case.rows("results").filter(~IS_PRECINCT).drop_nulls("n").select(*keys, "n") for name, case in iowa.items()}
    found = {}
    for one, two in pairwise(RELEASES):
        new, gone = (
            a.join(b, on="unit", how="anti")["unit"].n_unique()
            for a, b in ((counts[two], counts[one]), (counts[one], counts[two]))
        )
        moved = [
            before[one].join(before[two], on=keys, suffix="_now").filter(pl.col("n") != pl.col("n_now"))["unit"].n_unique()
            for before in (counts, totals)
        ]
        found[two] = (new, gone, *moved)
    # Precincts that are new, gone, changed; counties whose totals changed. A second look with csv alone gives the same.
    assert found == {"97": (87, 0, 0, 38), "100": (54, 0, 0, 29)}
