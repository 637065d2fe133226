"""Peers, files, and the committed examples."""

import filecmp
import subprocess
import sys
from dataclasses import replace

import polars as pl
import pytest
from made_up import PLANTED
from polars.testing import assert_frame_equal

from analysis_lib.locations import EXAMPLES
from analysis_lib.package import open_package
from analysis_lib.simulate import Setting, joined, peers, selection, write_package
from analysis_lib.simulate.frames import frame

WORDS = {"name": "made-up", "title": "MADE UP", "description": "Nothing in it is real."}


def test_peers_show_a_running_count_for_every_hour():
    others = peers(7, 5)
    assert others["contests"]["comparison_only"].all()
    for (contest,), rows in others["turnout_counts"].group_by("contest_id"):
        voted, seconds = rows["voted_n"], (rows["as_of"] - Setting().opens_at).dt.total_seconds()
        assert seconds.to_list() == sorted([*range(0, 338 * 3600, 3600), 337 * 3600 - 900]), contest
        assert voted[0] == 0
        assert (voted.diff().drop_nulls() >= 0).all()
        assert 60 < voted[-1] < 500
    assert others["communications"].filter(kind="reminder")["sent_at"].unique().sort().to_list() == list(Setting().reminders)
    assert_frame_equal(peers(7, 5, PLANTED)["turnout_counts"], others["turnout_counts"])  # nothing is planted in a peer
    assert_frame_equal(
        peers(7, 3)["turnout_counts"], others["turnout_counts"].head(3 * 339)
    )  # more peers leave the first ones alone
    assert peers(8, 5)["turnout_counts"]["voted_n"].to_list() != others["turnout_counts"]["voted_n"].to_list()


def test_peers_show_their_networks_and_no_voter():
    others = peers(7, 3)
    ballots, counts = others["ballot_events"], others["turnout_counts"]
    last = counts.group_by("contest_id").agg(pl.col("voted_n").max()).sort("contest_id")["voted_n"].to_list()
    assert ballots.group_by("contest_id").len().sort("contest_id")["len"].to_list() == last
    assert ballots["ip_key"].null_count() == 0
    assert ballots["voter_key"].null_count() == ballots.height
    own = selection(7).tables["ballot_events"]["ip_key"].drop_nulls()
    assert 1 <= len(set(own) & set(ballots["ip_key"])) <= 8  # the gateways of the mobile operators, and nothing else


def test_one_seed_gives_the_same_bytes_and_another_does_not(tmp_path):
    for name, seed in (("one", 4), ("again", 4), ("other", 5)):
        write_package(selection(seed, PLANTED), tmp_path / name, peers=peers(seed, 2), **WORDS)
    files = sorted(str(path.relative_to(tmp_path / "one")) for path in (tmp_path / "one").rglob("*.*"))
    assert filecmp.cmpfiles(tmp_path / "one", tmp_path / "again", files, shallow=False)[0] == files
    assert "data/ballot_events.csv" in filecmp.cmpfiles(tmp_path / "one", tmp_path / "other", files, shallow=False)[1]
    assert not any(b"\r" in path.read_bytes() for path in (tmp_path / "one").rglob("*.*"))


@pytest.mark.parametrize("setting", [Setting(), PLANTED, replace(PLANTED, resolution_s=60)])
def test_written_package_opens_without_a_fault_as_the_same_tables(tmp_path, setting):
    made, others = selection(11, setting), peers(11, 3, setting)
    write_package(made, tmp_path, peers=others, **WORDS)
    opened = open_package(tmp_path)
    assert opened.faults.rows() == []
    assert opened.refused == ()
    assert opened.made_up
    for table, rows in joined(made.tables, others).items():
        assert_frame_equal(opened.tables[table], rows)


def test_committed_examples_are_what_the_command_writes(tmp_path):
    subprocess.run([sys.executable, "-m", "analysis_lib.simulate", "--examples", "--out", str(tmp_path)], check=True)
    written = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*"))
    assert filecmp.cmpfiles(tmp_path, EXAMPLES, written, shallow=False)[0] == written
    for name, n_peers in (("made_up_vale", 20), ("made_up_vale_clean", 20), ("made_up_hill", 0)):
        opened = open_package(name)
        assert {row[-1] for row in opened.faults.rows()} <= {"trap_batch"}  # the import of affiliates
        assert opened.made_up
        assert opened.title.startswith("Made-up ")
        assert "MADE UP" in opened.description
        assert opened.tables["contests"].filter(comparison_only=True).height == n_peers


def test_a_column_that_the_schema_does_not_have_is_refused():
    with pytest.raises(KeyError, match="candidates has no column colour"):
        frame("candidates", {"colour": "red"}, 1)


def test_small_and_large_selections_can_be_made():
    for n_members, n_branches in ((60, 3), (3000, 40)):
        made = selection(2, replace(PLANTED, n_members=n_members, n_branches=n_branches))
        assert made.tables["roll"]["unit"].n_unique() == n_branches
        window = made.tables["contest_windows"].filter(channel="in_person", kind="voting", basis="advertised")
        assert made.tables["ballot_events"].filter(channel="in_person")["at"].max() < window["closes_at"][0]
