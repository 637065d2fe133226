"""Acceptance on records of real elections, brought in by importers and mappings alone; the expected figures are published.

The records lie beside the repository and are never copied into it; where they aren't, these tests are skipped. Where a
figure comes from, and what is known of its cause, stands in the PROVENANCE.md of each record.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain, pairwise
from pathlib import Path

import polars as pl
import pytest
from imports import bring, put, said

from analysis_lib import cards, exhibits
from analysis_lib.case import open_case
from analysis_lib.methods.registry import answer_chapter
from analysis_lib.methods.roll_copies import from_change_counts
from analysis_lib.methods.sums import BETWEEN, cells, identical_units
from analysis_lib.methods.totals_reconciliation import totals_reconciliation
from analysis_lib.results import Status

REAL = Path(__file__).parents[3] / "shared" / "realdata"
RECORDS = Path(__file__).parent / "records"
NIXOS, KUBERNETES, IOWA, ORANGE = (
    REAL / name for name in ("nixos_sc_2024", "kubernetes_steering", "iowa_dem_2020", "orange_county_roll_2018_19")
)
TIMELINE = """\
kind,channel,opens,closes
roll_edits,all,,2024-11-03T12:00:00Z
voting,online,2024-10-18T12:00:00Z,2024-11-04T12:00:00Z
"""  # https://github.com/NixOS/SC-election-2024, README.md: "AoE" is UTC-12
NOTICES = """\
kind,starts,description
other,2024-09-20T20:01:38Z,A merged request that added a voter was reverted.
other,2024-10-18T18:48:52Z,Voters whom the platform could not reach were taken out and put back.
other,2024-10-18T15:23:00Z,A voter waived voting by e-mail.
other,2024-10-20T18:04:28Z,Addresses cleared: mail of the platform bounced.
"""  # what the messages of the commits say, shortened
ANNOUNCED = "item,n\nballots_received,450\n"
RELEASES = {"92": "idp-2020-02-06-92", "97": "idp-2020-02-06-97", "100": "idp-2020-02-08-100"}


def need(folder):
    if not folder.is_dir():
        pytest.skip(f"the records of {folder.name} aren't held beside this repository")
    return folder


def mapping(name):
    (path,) = (RECORDS / name).glob("*.toml")
    return path


def chapter(case):
    """Chapters 00 and 40 as text, by question."""
    answers = answer_chapter("00_evidence", case) | answer_chapter("40_roll_changes", case)
    shown = {noun: f"{cards.Cards(found)}\n{getattr(exhibits, noun)(case, found)!r}" for noun, found in answers.items()}
    return {noun: found[0].result for noun, found in answers.items()}, shown


@pytest.fixture(scope="module")
def nixos(tmp_path_factory):
    """The roll, the ballots, the timeline and the announced figure in one package."""
    need(NIXOS)
    folder = tmp_path_factory.mktemp("nixos")
    done = bring("roll_events", NIXOS / "roll_events.csv", into=folder / "p", contest="nixos", timezone="UTC")
    typed = [put(folder, "timeline.csv", TIMELINE), put(folder, "announced.csv", ANNOUNCED), put(folder, "notices.csv", NOTICES)]
    bring(mapping("nixos_sc_2024"), NIXOS / "opavote_ballots.blt", *typed, into=folder / "p", contest="nixos")
    case = open_case(folder / "p")
    return done, case, *chapter(case)


def rankings(case):
    """How often each ranking was cast: candidates in their order, a blank ballot as nothing."""
    rows = (
        case.rows("ballot_choices").with_columns(pl.col("candidate_id").fill_null("")).sort("ballot_id", "rank", "candidate_id")
    )
    return Counter(rows.group_by("ballot_id").agg(pl.col("candidate_id").str.join(">"))["candidate_id"])


def test_nixos_gives_the_same_ballots_from_both_formats(nixos, tmp_path):
    _, opavote, results, shown = nixos
    bring(mapping("nixos_sc_2024"), NIXOS / "civs_ballots.csv", into=tmp_path / "civs", contest="nixos")
    civs = open_case(tmp_path / "civs")
    both = [rankings(opavote), rankings(civs)]
    assert both[0] == both[1]
    assert [case.rows("ballot_choices")["ballot_id"].n_unique() for case in (opavote, civs)] == [450, 450]
    assert (len(both[0]), both[0].total()) == (447, 450)
    assert "ballots held 450, ballots received 450: agree" in shown["totals_reconciliation"]
    assert results["totals_reconciliation"].statistic == 0


def test_nixos_roll_at_the_start_and_at_the_end(nixos):
    done, case, _, shown = nixos
    rolls = case.rows("roll").join(case.rows("roll_snapshots"), on="snapshot_id").sort("taken_at")
    counted = rolls.group_by("taken_at", maintain_order=True).agg(
        n=pl.len(), with_address=(pl.col("email_domain_class") != "missing").sum()
    )
    assert counted.select("n", "with_address").rows() == [(833, 777), (841, 803)]
    assert case.rows("roll_snapshots").height == 75
    assert "75 copies of the roll, 2024-09-16 17:48 to 2024-11-03 16:53 UTC" in done.roll_account[0]
    assert done.roll_account[1] == "Members: added 12, key changed 2, reinstated 11, removed 15."
    for line in ("entitled | 833", "entitled | 841", "unknown | 777", "unknown | 803"):
        assert line in shown["roll_reconciliation"]


def test_nixos_what_was_undone_restored_cleared_and_late(nixos):
    _, case, results, shown = nixos
    text = shown["edits_outside_window"]
    for part in (
        "2024-09-20 19:57:56 UTC | added, taken back | 1 |  | 3 minutes 42 seconds",
        "2024-10-18 18:48:52 UTC | removed during the voting | 11 | 11 | 34 minutes 3 seconds",
        "2024-10-20 18:04:28 UTC | email cleared | 4 | 2 |",
        "4 e-mail addresses were cleared, 2 of them set again later.",
        "11 members were put back without the e-mail address held before",
        "roll | reinstated | 11",
        "1 change of contact details came after the last day for changes",
        "; 4 hours 53 minutes after it",
    ):
        assert part in text
    result = results["edits_outside_window"]
    assert (result.statistic, result.details["largest_s"]) == (1, 4 * 3600 + 53 * 60 + 5)
    late = case.rows("contact_changes").filter(pl.col("at") > pl.datetime(2024, 11, 3, 12, time_zone="UTC"))
    assert late.select("edit_class", "derived_from").rows() == [("added", "snapshot_diff")]


def test_nixos_the_documented_causes_stand_beside_what_they_explain(nixos):
    _, _, results, shown = nixos
    for part in (
        "added, taken back | 1 |  | 3 minutes 42 seconds | A merged request that added a voter was reverted.",
        "removed during the voting | 11 | 11 | 34 minutes 3 seconds | Voters whom the platform could not reach were taken out and put back.",
        "email cleared | 4 | 2 |  | Addresses cleared: mail of the platform bounced.",
    ):
        assert part in shown["edits_outside_window"]
    bulk = shown["roll_change_bursts"]
    assert "2024-10-18 18:48:52 UTC | removed | 11 | Voters whom the platform could not reach" in bulk
    assert "2024-10-18 19:22:55 UTC | added | 11 | Voters whom the platform could not reach" in bulk
    assert "none stands out from the days near by" in bulk
    removed = [row for row in results["edits_outside_window"].details["account"]["restored"] if row["n"] == 1]
    assert [f"{row['at']:%m-%d}" for row in removed] == ["10-18", "10-20", "10-27"]  # waived or opted out, and not put back
    assert [row["n_restored"] for row in removed] == [0, 0, 0]
    churn = results["contact_change_churn"]  # no request is on record for any change, and few weeks before are held
    assert {item.status for item in churn.assumptions} == {Status.FAILS}


def test_nixos_a_renamed_account_and_a_changed_key_are_nobody_new(nixos):
    _, case, _, shown = nixos
    changes = case.rows("roll_changes").sort("at")
    events = pl.read_csv(NIXOS / "roll_events.csv")
    times = [
        events.filter(pl.col("commit").str.starts_with(commit))["committed_utc"].unique().item()[:19]
        for commit in ("be3fc32", "0d610f6")
    ]
    at = pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%S")
    assert changes.filter(at.is_in(times))["change"].to_list() == ["key_changed", "key_changed"]
    assert changes.filter(change="key_changed")["other_voter_key"].null_count() == 0
    assert "key changed | unknown | snapshot diff | 2 | 2" in shown["edits_outside_window"]
    assert "are an inference: one left and one came in one edit" in shown["edits_outside_window"]


def test_nixos_has_no_fault_but_what_was_not_handed_over(nixos):
    done, case, results, _ = nixos
    assert said(done.faults) == ""
    assert case.package.faults.is_empty()
    assert [noun for noun, result in results.items() if getattr(result, "verdict", "") == "breach_recorded"] == [
        "edits_outside_window"
    ]


@pytest.fixture(scope="module")
def kubernetes(tmp_path_factory):
    need(KUBERNETES)
    folder = tmp_path_factory.mktemp("kubernetes")
    found = {}
    for year in range(2017, 2023):
        files = [KUBERNETES / f"{year}/ballots.csv", KUBERNETES / f"{year}/results.md"]
        files += [KUBERNETES / "roll_events.csv"] if year > 2017 else []  # no roll is held of 2017
        about = {"into": folder / f"{year}", "contest": f"k{year}", "rows_of": f"{year}" if year > 2017 else ""}
        bring(mapping("kubernetes_steering"), *files, **about)
        found[year] = chapter(open_case(folder / f"{year}"))
    return found


def test_kubernetes_ballots_are_the_votes_cast_in_every_year(kubernetes):
    cast = {2017: 309, 2018: 307, 2019: 377, 2020: 312, 2021: 256, 2022: 219}
    for year, (results, shown) in kubernetes.items():
        assert f"ballots held {cast[year]}, ballots received {cast[year]}: agree" in shown["totals_reconciliation"]
        assert results["totals_reconciliation"].statistic == 0


def test_kubernetes_gaps_of_the_roll_are_found_and_no_other(kubernetes):
    gaps = {}
    for year, (results, _) in kubernetes.items():
        for item in getattr(results["roll_reconciliation"], "details", {}).get("identities", ()):
            if item["gap"]:
                gaps[year] = (item["check"], item["left_low"], item["right_low"])
    assert gaps == {2018: ("R02", 691, 692), 2019: ("R02", 880, 859)}
    assert all("R02" in kubernetes[year][1]["roll_reconciliation"] for year in range(2018, 2023))


def test_kubernetes_bulk_edits_and_exceptions_are_listed(kubernetes):
    assert "2020-08-26 19:22:55 BST | added | 82" in kubernetes[2020][1]["roll_change_bursts"]
    assert "roll | removed | 1" in kubernetes[2021][1]["edits_outside_window"]  # of the account that was swapped
    for year in range(2018, 2023):
        found = kubernetes[year][0]["roll_change_bursts"]
        assert getattr(found, "pvalue", 1.0) > 0.01  # too few edits to tell days apart, or none that stands out


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


def test_orange_county_every_day_adds_up(tmp_path):
    need(ORANGE)
    done = bring(mapping("orange_county_roll_2018_19"), ORANGE / "daily_changes_wide.csv", into=tmp_path / "p", contest="oc")
    assert said(done.faults) == ""
    case = open_case(tmp_path / "p")
    results, _ = chapter(case)
    result = results["roll_reconciliation"]
    assert (result.n_observations, result.statistic) == (502, 0)
    names = Counter(item.name.split(" is ")[0] for item in from_change_counts(case.rows("roll_change_counts")) if not item.gap)
    assert names == {"before + added - removed": 251, "unchanged + changed + removed": 251}
    assert len(result.details["identities"]) == 50  # of those that agree a page is enough
    counts = case.rows("roll_change_counts").sort("taken_at")
    assert (counts["before_n"][0], counts["after_n"][-1]) == (1_465_034, 1_594_510)
