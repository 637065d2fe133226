"""One contest of a package: which one, its rows, what it holds, whom to compare it with, and under which plan."""

from __future__ import annotations

import pytest
from tiny_package import check, example_row, write

from analysis_lib.case import open_case
from analysis_lib.errors import PackageError, ParameterError
from analysis_lib.schema import TABLES


def three_contests(tmp_path):
    """One contest in dispute and two held for comparison, each with a roll of its own."""
    names = ("vale", "dale", "hill")
    tables = {
        "contests": [example_row("contests", contest_id=name, comparison_only=str(name != "vale").lower()) for name in names],
        "roll_snapshots": [
            example_row("roll_snapshots", contest_id=name, snapshot_id=f"L-{name}", candidate_id="") for name in names
        ],
        "roll": [example_row("roll", snapshot_id=f"L-{name}", voter_key=f"v{place}") for place, name in enumerate(names)],
        "ballot_events": [
            example_row("ballot_events", contest_id=name, event_id=name, voter_key=f"v{place}", at=at)
            for place, (name, at) in enumerate(zip(names, ("", *["2031-03-08T20:00:00Z"] * 2), strict=True))
        ],
    }
    package, told = check(tmp_path, tables, ("sources", "clocks"))
    assert told == ""
    return package


def test_the_contest_that_is_not_for_comparison_is_taken(tmp_path):
    three_contests(tmp_path)
    case = open_case(tmp_path)
    assert case.contest_id == "vale"
    assert case.contest["timezone"] == "Europe/London"
    assert case.peers() == ("dale", "hill")
    other = open_case(tmp_path, "dale")
    assert other.contest_id == "dale"
    assert other.peers() == ("hill",)


def test_with_several_contests_one_must_be_named(tmp_path):
    rows = [example_row("contests", contest_id=name, comparison_only="") for name in ("vale", "dale")]
    write(tmp_path, {"contests": rows}, ("sources",))
    with pytest.raises(
        ParameterError, match=r"tiny has 2 contests .* Expected the name of one of dale, vale\. Say which, with --contest"
    ):
        open_case(tmp_path)
    assert open_case(tmp_path, "dale").peers() == ()
    with pytest.raises(ParameterError, match=r"no contest 'hill' in tiny\. Expected one of dale, vale"):
        open_case(tmp_path, "hill")


def test_without_a_good_contest_the_reader_is_sent_to_the_faults(tmp_path):
    write(tmp_path, {"contests": [example_row("contests", seats="none")]})
    with pytest.raises(ParameterError, match=r"tiny has no usable row .* Look at the faults: selection-forensics"):
        open_case(tmp_path)


def test_rows_are_of_one_contest_and_a_roll_belongs_to_its_snapshot(tmp_path):
    three_contests(tmp_path)
    case = open_case(tmp_path)
    assert case.rows("ballot_events")["event_id"].to_list() == ["vale"]
    assert case.rows_of("ballot_events", "hill")["event_id"].to_list() == ["hill"]
    assert case.rows("roll")["voter_key"].to_list() == ["v0"]
    assert case.rows_of("roll", "hill")["voter_key"].to_list() == ["v2"]
    assert case.rows("sources").height == 1
    assert case.rows("clocks").height == 1
    for table in TABLES:
        assert case.rows(table).schema == case.package.tables[table].schema
    with pytest.raises(ParameterError, match=r"there is no table 'ballots'\. Expected one of sources, repairs, contests"):
        case.rows("ballots")


def test_a_column_is_held_if_this_contest_has_a_value_in_it(tmp_path):
    three_contests(tmp_path)
    case = open_case(tmp_path)
    assert case.holds("ballot_events.voter_key")
    assert not case.holds("ballot_events.at")  # only other contests have it
    assert not case.holds("results.n")
    needs = ["ballot_events.at", "ballot_events.voter_key", "results.n|ballot_events.channel", "results.n|results.share"]
    assert case.missing(needs) == ("ballot_events.at", "results.n|results.share")
    with pytest.raises(ParameterError, match=r"there is no column 'ballot_events.when'\. Expected one of event_id"):
        case.holds("ballot_events.when")


def test_the_plan_is_the_packages_own_or_the_one_named(tmp_path):
    write(tmp_path)
    case = open_case(tmp_path)
    assert (case.plan.alpha, case.plan_origin) == (0.01, "standard")
    (tmp_path / "plan.toml").write_text("alpha = 0.02\n", encoding="utf-8")
    case = open_case(tmp_path)
    assert (case.plan.alpha, case.planned, case.plan_origin) == (0.02, True, "package")
    other = tmp_path / "other.toml"
    other.write_text("alpha = 0.03\n", encoding="utf-8")
    case = open_case(tmp_path, plan=str(other))
    assert (case.plan.alpha, case.planned, case.plan_origin) == (0.03, True, "named")
    with pytest.raises(ParameterError, match="there is no such plan file"):
        open_case(tmp_path, plan=str(tmp_path / "absent.toml"))


def test_a_value_overridden_by_hand_is_no_longer_planned(tmp_path):
    write(tmp_path)
    (tmp_path / "plan.toml").write_text("alpha = 0.02\nseed = 5\n", encoding="utf-8")
    case = open_case(tmp_path, alpha=None, seed=None)
    assert case.planned
    assert open_case(tmp_path, seed=0).plan.seed == 0
    case = open_case(tmp_path, alpha=0.03, seed=None, tolerances_s=[0, 30])
    assert (case.plan.alpha, case.plan.seed, case.plan.tolerances_s, case.planned) == (0.03, 5, (0, 30), False)
    with pytest.raises(ParameterError, match=r"alpah = 0\.1: Extra inputs are not permitted\. Known names: alpha"):
        open_case(tmp_path, alpah=0.1)
    with pytest.raises(ParameterError, match="alpha = 2"):
        open_case(tmp_path, alpha=2)


def test_peers_are_the_plans_and_must_be_there(tmp_path):
    three_contests(tmp_path)
    assert open_case(tmp_path, peers=["hill", "vale"]).peers() == ("hill",)
    with pytest.raises(ParameterError, match=r"peers: there is no contest mill in tiny\. Expected some of dale, hill, vale"):
        open_case(tmp_path, peers=["mill"]).peers()


def test_a_missing_package_is_said_as_open_package_says_it(tmp_path):
    with pytest.raises(PackageError, match="there is no such folder"):
        open_case(tmp_path / "absent")
