"""What the example exports of the platforms don't show: files under --as, words nobody knows, a mapping of the clerk's own."""

from __future__ import annotations

import platform_cases as cases
import polars as pl
import pytest

from analysis_lib.errors import ParameterError
from analysis_lib.importers.importing import import_files
from analysis_lib.importers.mapping import MAPPINGS
from analysis_lib.importers.register import Options

BELENIOS = cases.EXPORTS / "belenios"


def bring(tmp_path, platform, *files, contest="vale_2031", into="p", **options):
    return import_files(platform, files, tmp_path / into, contest, Options(**{"timezone": "Europe/London"} | options))


def table(tmp_path, name, into="p"):
    return pl.read_csv(tmp_path / into / f"data/{name}.csv", infer_schema=False).fill_null("")


def told(done):
    return "\n".join(f"{row['file']}: {row['found']}" for row in done.faults.rows(named=True))


def test_the_archive_alone_gives_its_ballots_in_order_and_no_voter(tmp_path):
    (archive,) = BELENIOS.glob("*.bel")
    bring(tmp_path, "belenios", archive, kind_of_file="archive_alone")
    ballots = table(tmp_path, "ballot_events")
    assert sorted(map(int, ballots["seq"])) == list(range(1, 14))
    assert ballots["ballot_id"].n_unique() == 13
    assert "voter_key" not in ballots.columns
    assert "at" not in ballots.columns


def test_a_broken_archive_is_told_of_once(tmp_path):
    (archive,) = BELENIOS.glob("*.bel")
    data = archive.read_bytes()
    broken = tmp_path / "copy.bel"
    place = data.index(b'"height":5')
    broken.write_bytes(data[:place] + b'"height":7' + data[place + 10 :])
    done = bring(tmp_path, "belenios", broken)
    said = [line for line in told(done).splitlines() if "its height isn't one more than that of the event before it" in line]
    assert len(said) == 1


def test_no_row_of_belenios_has_both_a_voter_and_a_ballot(tmp_path):
    names = ("extended_records.jsons", "credential_mappings.jsons")
    bring(tmp_path, "belenios", *(BELENIOS / name for name in names))
    ballots = table(tmp_path, "ballot_events")
    assert ballots.filter((pl.col("voter_key") != "") & (pl.col("ballot_id") != "")).height == 0
    assert {"credential_id", "source_row"} & {*ballots.columns} <= {"source_row"}
    assert ballots.filter(pl.col("event") == "cast").height == ballots.filter(pl.col("event") == "counted").height == 11


def test_older_belenios_dates_are_texts_without_a_zone_and_utc(tmp_path):
    (tmp_path / "dates.json").write_text('{"creation":"2031-10-01 09:12:44.123456","auto_close":"2031-10-14 11:00:00.000000"}\n')
    bring(tmp_path, "belenios", tmp_path / "dates.json")
    windows = table(tmp_path, "contest_windows")
    assert windows["closes_at"].to_list() == ["2031-10-14T11:00:00Z"]
    assert table(tmp_path, "clocks")["tz_basis"].to_list() == ["stated_zone"]


def test_equal_places_in_two_ballot_files_are_different_ballots(tmp_path):
    for name, second in (("a", "1 2 1 0"), ("b", "1 2 0")):
        (tmp_path / f"{name}.blt").write_text(f'2 1\n1 1 2 0\n{second}\n0\n"Rosa Quill"\n"Theo Vane"\n"Vale"\n')
        bring(tmp_path, "blt", tmp_path / f"{name}.blt")
    choices = table(tmp_path, "ballot_choices")
    assert choices["ballot_id"].n_unique() == 4
    assert choices.filter(pl.col("rank") == "1").height == 4


def test_a_proportional_poll_is_read_the_other_way_round(tmp_path):
    (tmp_path / "ballots.csv").write_text("Rosa Quill,Theo Vane,Ivy Ash\n3,1,1\n1,3,1\n2,3,1\n")
    done = bring(tmp_path, "civs", tmp_path / "ballots.csv", kind_of_file="ballots_proportional")
    assert not done.faults.height
    first = table(tmp_path, "ballot_choices").filter(pl.col("rank") == "1")
    assert sorted(first["candidate_id"]) == ["1", "2", "2"]
    assert "set best to" in "".join(bring(tmp_path, "civs", tmp_path / "ballots.csv", into="q").faults["remedy"])


def test_the_log_of_civs_needs_a_zone(tmp_path):
    with pytest.raises(ParameterError, match=r"the times show no zone.*--server-zone Europe/London"):
        bring(tmp_path, "civs", cases.EXPORTS / "civs/vote_log")


def test_a_log_of_several_polls_needs_the_poll(tmp_path):
    line = "Tue Oct 14 18:20:05 2031 192.0.2.11 Election: Vale (E_{}) : Recorded vote from voter key {}\n"
    (tmp_path / "vote_log").write_text(line.format("aa", "3f9c") + line.format("bb", "77d2"))
    with pytest.raises(ParameterError, match=r"holds 2 ballots: .*E_aa.*--rows-of"):
        bring(tmp_path, "civs", tmp_path / "vote_log", server_zone="Europe/London")
    bring(tmp_path, "civs", tmp_path / "vote_log", server_zone="Europe/London", rows_of="E_bb")
    assert table(tmp_path, "ballot_events").height == 1


def test_an_e_mail_state_nobody_knows_costs_the_row_and_is_said(tmp_path):
    (tmp_path / "v.csv").write_text("E-mail,State\nada.bell@members.example,delivered\n")
    (tmp_path / "w.csv").write_text("E-mail,State\nben.cole@members.example,lost\n")
    assert not bring(tmp_path, "opavote", tmp_path / "v.csv", taken_at="2031-10-12T09:00:00Z").faults.height
    done = bring(tmp_path, "opavote", tmp_path / "w.csv", taken_at="2031-10-13T09:00:00Z")
    assert "a value of 4 characters (letters) isn't among the words the mapping knows for event" in told(done)


def test_voters_without_identifiers_are_known_by_their_address(tmp_path):
    (tmp_path / "v.csv").write_text(
        "Email,Status,IP Address\nada.bell@members.example,Voted,192.0.2.11\nben.cole@members.example,Not Voted,\n"
    )
    done = bring(tmp_path, "electionbuddy", tmp_path / "v.csv", taken_at="2031-10-28T09:00:00Z")
    assert done.files[0].recognised_as.startswith("voters_by_email")
    assert table(tmp_path, "roll")["voted_flag"].to_list().count("true") == 1


@pytest.mark.parametrize(
    ("status", "voted", "events"),
    [
        ("Not Voted", "false", {"issued"}),
        ("Opened; Not Voted", "false", {"issued"}),
        ("Voted", "true", {"issued"}),
        ("Voted;Spoiled", "true", {"issued"}),
        ("Voted, Spoiled", "true", {"issued"}),
        ("Spoiled", "false", {"revoked"}),
        ("Spoiled; Not Voted", "false", {"issued", "revoked"}),
        ("Undeliverable", "false", {"issued", "bounced"}),
        ("Queued", "false", {"queued"}),
        ("Key Surfaced", "false", {"surfaced"}),
        ("Key Surfaced; Voted", "true", {"issued", "surfaced"}),
        ("Printed", "false", {"printed"}),
        ("Ballot Printed, Key Surfaced", "false", {"printed", "surfaced"}),
        ("Unsubscribed", "false", {"issued"}),
    ],
)
def test_each_status_of_electionbuddy(tmp_path, status, voted, events):
    (tmp_path / "v.csv").write_text(f'Ballot ID,Email,Status\nVM-1101,ada.bell@members.example,"{status}"\n')
    done = bring(tmp_path, "electionbuddy", tmp_path / "v.csv", taken_at="2031-10-28T09:00:00Z")
    assert not done.faults.height
    assert table(tmp_path, "roll")["voted_flag"].to_list() == [voted]
    assert {*table(tmp_path, "credential_events")["event"]} == events


def test_a_status_of_electionbuddy_that_is_not_known_is_listed(tmp_path):
    (tmp_path / "v.csv").write_text("Ballot ID,Email,Status\nVM-1101,ada.bell@members.example,Vote Delegated\n")
    done = bring(tmp_path, "electionbuddy", tmp_path / "v.csv", taken_at="2031-10-28T09:00:00Z")
    assert "no rule of the mapping fits this row" in told(done)


def test_an_activity_of_simply_voting_that_is_not_known_is_listed(tmp_path):
    (tmp_path / "log.csv").write_text(
        "Date,Activity,Elector ID\n2031-10-12 09:00:00,Started the election,\n2031-10-12 10:00:00,Delegated a vote,1101\n"
    )
    done = bring(tmp_path, "simplyvoting", tmp_path / "log.csv", server_zone="Europe/London")
    assert "no rule of the mapping fits this row" in told(done)


def test_a_clerk_adds_a_vendors_word_to_a_copy_of_the_mapping(tmp_path):
    log = cases.EXPORTS / "nist_sp1500_101/eventlog.json"
    bring(tmp_path, "nist_sp1500_101", log)
    assert "result_published" not in table(tmp_path, "admin_actions")["action"].to_list()
    own = (MAPPINGS / "nist_sp1500_101.toml").read_text(encoding="utf-8")
    place = "[files.rows.columns.action.map]\n"
    (tmp_path / "my_log.toml").write_text(
        own.replace(place, f'{place}"results-exported" = "result_published"\n'), encoding="utf-8"
    )
    bring(tmp_path, str(tmp_path / "my_log.toml"), log, into="q")
    assert table(tmp_path, "admin_actions", "q")["action"].to_list().count("result_published") == 1


def test_the_template_says_that_it_is_one(tmp_path):
    done = bring(
        tmp_path, "anonyvoter", cases.EXPORTS / "anonyvoter/turnout.csv", server_zone="Europe/London", source_kind="screenshot"
    )
    assert "TEMPLATE" in done.platform.title
    assert done.platform.traps[0].startswith("THIS IS A TEMPLATE")
    assert table(tmp_path, "sources")["kind"].to_list() == ["screenshot"]


def test_a_list_that_ties_voters_to_ballots_is_not_taken_for_a_ballot_list(tmp_path):
    """With a member beside each ballot, the member isn't read, and the import says so."""
    (tmp_path / "b.csv").write_text("Ballot,Rank,Candidate,Member ID\nk7q,1,Rosa Quill,VM-1101\n")
    done = bring(tmp_path, "anonyvoter", tmp_path / "b.csv")
    assert 'columns that the mapping doesn\'t know: "Member ID"' in told(done)
    assert "voter_key" not in table(tmp_path, "ballot_choices").columns
