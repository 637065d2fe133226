import os

import pytest
from imports import EXPORTS, mapping_file, put

from analysis_lib.cli import main

HELIOS = EXPORTS / "helios"
HEAD = "Member,When,What,Full name,Remarks\n"
ANN = "A-1,08/03/2031 19:30:05,Voted,Ann Lee,\n"


def run(capsys, *words):
    status = main(["import", *map(str, words)])
    out, error = capsys.readouterr()
    return status, " ".join(out.split()), " ".join(error.split())


def test_what_an_import_says(capsys, tmp_path):
    files = [HELIOS / "voters.csv", HELIOS / "helios_castvote.csv", HELIOS / "helios_voter.csv"]
    words = [
        "helios",
        *files,
        "--into",
        tmp_path / "p",
        "--contest",
        "vale",
        "--timezone",
        "Europe/London",
        "--taken-at",
        "2031-03-10T09:00:00Z",
    ]
    status, out, _ = run(capsys, *words)
    assert status == 0
    for part in (
        "voters.csv: voters (voters/download-csv); rows read: 12",
        "rows for ballot_events: 10",
        "What the clocks show:",
        "8 h 3 s after cast_at",
        "What to know about Helios Voting:",
        "Extending the vote writes no line in the log",
        "To be filled in or corrected by hand:",
        f"A new case key was made: {tmp_path / 'p'}.case-key",
        "0 errors, 0 warnings",
    ):
        assert part in " ".join(out.split())
    status, out, _ = run(capsys, *words)
    assert status == 0
    assert "nothing new: all of it was there already" in out
    assert "The case key lies: " in out


def test_faults_are_listed_and_change_the_exit_status(capsys, tmp_path):
    path = put(tmp_path, "v.csv", HEAD + ANN + ANN.replace("Voted", "Perhaps").replace("A-1", "A-2"))
    words = [mapping_file(tmp_path), path, "--into", tmp_path / "p", "--contest", "v", "--timezone", "Europe/London"]
    status, out, _ = run(capsys, *words)
    assert status == 1
    assert "rows left out, with an error, for ballot_events: 1" in out
    assert "1 error, 0 warnings" in out
    assert "a value of 7 characters (letters) isn't among the words the mapping knows" in " ".join(out.split())
    assert "Ann" not in out


def test_what_is_refused_goes_to_standard_error(capsys, tmp_path):
    status, out, error = run(capsys, "helios", tmp_path / "x.csv", "--into", tmp_path / "p", "--contest", "v")
    assert (status, out) == (2, "")
    assert "x.csv: the file can't be read" in error


@pytest.mark.parametrize("words", [[], ["helios"], ["helios", "v.csv"], ["helios", "v.csv", "--into", "p"]])
def test_what_is_missing_is_said(capsys, words):
    status, _, error = run(capsys, *words)
    assert status == 2
    assert "import needs a platform, one file or more, --into and --contest" in error


def test_the_platforms_are_listed_with_their_files(capsys):
    status, out, _ = run(capsys, "--list")
    assert status == 0
    assert "helios: Helios Voting." in out
    assert "castvote: database table helios_castvote" in out
    assert "my_platform" not in out


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(capsys, tmp_path):
    os.mkfifo(tmp_path / "v.csv")
    status, _, error = run(
        capsys, mapping_file(tmp_path), tmp_path / "v.csv", "--into", tmp_path / "p", "--contest", "vale", "--timezone", "UTC"
    )
    assert status == 2
    assert "v.csv: this is neither a file nor a folder, but a pipe or a device" in error
