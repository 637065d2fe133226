"""The command line as a user meets it: what it prints, where, and with which exit status."""

import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from fake_report import merged_findings, totals

from analysis_lib import cli, locations, requests
from analysis_lib import package as package_module
from analysis_lib.errors import PackageError
from analysis_lib.faults import FAULT_SCHEMA
from analysis_lib.reports import runner
from analysis_lib.reports.runner import ReportOutcome

FAULT = {
    "file": "data/ballot_events.csv", "column": "at", "row": 118, "found": '"01/03/2031 09:00" has no timezone',
    "expected": "ISO 8601 with an offset", "remedy": "Add +00:00 to each time.", "severity": "error", "rule": "datetime",
}  # fmt: skip
WARNING = FAULT | {"row": None, "column": "", "severity": "warning", "found": "the file has a column that nothing reads"}


@pytest.fixture
def reports(monkeypatch, tmp_path):
    """Calls of run_report, none of which runs anything."""
    calls = []

    def run_report(package, out, **options):
        calls.append(SimpleNamespace(package=package, out=str(out), **options))
        failed = {"10_turnout_timing": "it broke"} if package == "failing" else {}
        findings = merged_findings(totals(), failed_chapters=failed)
        return ReportOutcome(
            name=str(package), folder=tmp_path / str(out), findings=findings, n_left_out=12 if package == "faulty" else 0
        )

    monkeypatch.setattr(runner, "run_report", run_report)
    monkeypatch.chdir(tmp_path)
    return calls


def test_a_report_is_made_and_its_place_is_told(reports, capsys, tmp_path):
    assert cli.main(["report", "some/vale", "--contest", "c1", "--plan", "plan.toml", "-p", "alpha", "0.05", "--quiet"]) == 0
    (call,) = reports
    assert (call.package, call.out, call.contest_id, call.plan) == ("some/vale", "reports/vale", "c1", "plan.toml")
    assert call.overrides == {"alpha": 0.05}
    assert call.progress is False
    assert capsys.readouterr().out == f"some/vale: {tmp_path / 'reports/vale/report.html'}\n"


def test_out_is_where_the_report_goes(reports):
    assert cli.main(["report", "vale", "--out", "here"]) == 0
    assert (reports[0].out, reports[0].progress) == ("here", True)


def test_a_failed_chapter_is_told_and_the_status_is_1(reports, capsys):
    assert cli.main(["report", "failing"]) == 1
    assert "failing: chapter 10_turnout_timing failed: it broke" in capsys.readouterr().err


def test_rows_left_out_are_told(reports, capsys):
    assert cli.main(["report", "faulty"]) == 0
    assert "faulty: 12 rows of the data left out for a fault; chapter 00 and check list them" in capsys.readouterr().err


def test_without_a_package_every_example_is_reported_with_an_index(reports, monkeypatch, tmp_path, capsys):
    for name in ("b_vale", "a_vale"):
        (tmp_path / "examples" / name).mkdir(parents=True)
        (tmp_path / "examples" / name / "datapackage.json").write_text("{}")
    monkeypatch.setattr(locations, "EXAMPLES", tmp_path / "examples")
    (tmp_path / "all").mkdir()
    assert cli.main(["report", "--out", "all"]) == 0
    assert [(call.package, call.out) for call in reports] == [("a_vale", "all/a_vale"), ("b_vale", "all/b_vale")]
    index = (tmp_path / "all" / "index.html").read_text(encoding="utf-8")
    assert 'href="a_vale/report.html"' in index
    assert f"All of them: {tmp_path / 'all/index.html'}" in capsys.readouterr().out


def test_a_foreign_index_page_is_refused_before_anything_runs(reports, tmp_path, capsys):
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "index.html").write_text("my page")
    assert cli.main(["report"]) == 2
    assert reports == []
    assert "reports/index.html: this page is not of our making" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["report", "vale", "-p", "alpah", "1"],
            "selection-forensics: -p alpah: there is no parameter of this name. Did you mean alpha?",
        ),
        (["report", "--contest", "c1"], "--contest and --plan need a PACKAGE"),
        (["report", "no/such/folder"], "there is no such folder"),
        (["check", "no/such/folder"], "there is no such folder"),
    ],
)
def test_what_cannot_be_done_is_said_without_a_traceback(arguments, message, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_is_an_exit_status(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run_report", interrupted)
    assert cli.main(["report", "vale"]) == 130
    assert "stopped" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_a_signal_ends_it_as_ctrl_c_does(monkeypatch, capsys, name, status):
    if not hasattr(signal, name):
        pytest.skip(f"this system has no {name}")
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    held = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:  # as in a terminal: what runs in the background, or under nohup, is born deaf to some of them
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    before = {number: signal.getsignal(number) for number in numbers}
    cleared = []

    def interrupted(*_, **__):
        try:
            signal.raise_signal(getattr(signal, name))
        finally:
            cleared.append(True)

    monkeypatch.setattr(runner, "run_report", interrupted)
    try:
        assert cli.main(["report", "vale"]) == status
        assert {number: signal.getsignal(number) for number in numbers} == before
    finally:
        for number in numbers:
            signal.signal(number, held[number])
    assert cleared == [True]
    assert "stopped" in capsys.readouterr().err


def test_a_hangup_that_is_ignored_stays_ignored(reports, monkeypatch):
    monkeypatch.setattr(signal, "getsignal", lambda number: signal.SIG_IGN)
    monkeypatch.setattr(signal, "signal", lambda *_: pytest.fail("nohup was overruled"))
    assert cli.main(["report", "vale"]) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_said_and_not_a_traceback():
    with open("/dev/full", "w") as full:  # noqa: PTH123
        command = [sys.executable, "-m", "analysis_lib.cli", "check", "ilford_south_2022"]
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, cwd=locations.DATA_SCHEMA.parent
        )
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_cannot_be_written_is_said(monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "reports/vale/report.html")

    monkeypatch.setattr(runner, "run_report", full)
    assert cli.main(["report", "vale"]) == 2
    told = "selection-forensics: reports/vale/report.html: this can't be read or written (No space left on device)."
    assert capsys.readouterr().err.startswith(told)


@pytest.mark.parametrize("out", ["", " "])
@pytest.mark.parametrize("package", [[], ["vale"]])
def test_an_empty_out_is_refused(reports, capsys, package, out):
    assert cli.main(["report", *package, "--out", out]) == 2
    assert "--out is empty. Expected the folder to write the report to" in capsys.readouterr().err
    assert reports == []


@pytest.mark.parametrize("arguments", [[], ["reprot"], ["check"], ["report", "a", "b"], ["report", "-p", "alpha"]])
def test_a_mistyped_command_is_a_usage_error(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    assert "usage: selection-forensics" in capsys.readouterr().err


def test_version_and_help(capsys):
    for option, text in (("--version", "selection-forensics 0.1.0"), ("--help", "selection-forensics report made_up_vale")):
        with pytest.raises(SystemExit) as stopped:
            cli.main([option])
        assert stopped.value.code == 0
        assert text in capsys.readouterr().out


@pytest.fixture
def opened(monkeypatch):
    """Let `check` open a package with these faults."""

    def give(*faults, refused=()):
        fake = SimpleNamespace(
            name="vale", title="Selection in Vale", made_up=True, refused=refused, held=frozenset({"sources", "contests"}),
            tables={"sources": pl.DataFrame({"a": range(1234)}), "contests": pl.DataFrame({"a": [1]}), "roll": pl.DataFrame()},
            n_left_out={"sources": 0, "contests": 2}, faults=pl.DataFrame(faults, schema=FAULT_SCHEMA),
            missingness=pl.DataFrame({"table": ["roll"], "column": ["unit"], "code": ["withheld"], "n": [7]}),
        )  # fmt: skip
        monkeypatch.setattr(package_module, "open_package", lambda folder: fake)

    return give


def test_check_prints_tables_missing_values_and_faults(opened, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    opened(FAULT, WARNING)
    assert cli.main(["check", "vale"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "vale: Selection in Vale (made-up data)"
    assert "sources       1,234         0" in lines
    assert "contests          1         2" in lines
    assert "roll   unit    withheld      7" in lines
    assert "1 error (rows or files left out), 1 warning (kept)" in lines
    table = lines[lines.index("1 error (rows or files left out), 1 warning (kept)") + 2 :]
    assert table[0] == "SEVERITY  FILE                    ROW  COLUMN  FAULT"
    assert table[1] == 'error     data/ballot_events.csv  118  at      "01/03/2031 09:00" has no timezone.'
    assert table[2].strip() == "Expected ISO 8601 with an offset."
    assert table[2].index("Expected") == table[1].index('"01/03')
    assert max(map(len, lines)) <= 100


def test_check_of_a_sound_package_is_status_0(opened, capsys):
    opened(WARNING)
    assert cli.main(["check", "vale"]) == 0
    opened()
    assert cli.main(["check", "vale"]) == 0
    assert "0 errors (rows or files left out), 0 warnings (kept)" in capsys.readouterr().out


def test_check_tells_what_the_secrecy_guard_withheld(opened, capsys):
    opened(FAULT, refused=("roll",))
    assert cli.main(["check", "vale"]) == 1
    assert "withheld: it would link voters with their choices" in capsys.readouterr().out


@pytest.mark.parametrize("more", [[], ["--format", "csv"]])
def test_signs_that_act_are_shown_as_escapes(opened, capsys, more):
    bell = {"file": "a\x1b[2J.csv", "column": "b\u202e", "found": "c\x07", "expected": "d\x9b", "remedy": "e\x00"}
    opened(FAULT | bell)
    assert cli.main(["check", "vale", *more]) == 1
    out = capsys.readouterr().out
    assert not set(out) & {"\x1b", "\u202e", "\x07", "\x9b", "\x00"}
    for shown in ("a\\x1b[2J.csv", "b\\u202e", "c\\x07", "d\\x9b", "e\\x00"):
        assert shown in out


def test_a_message_cannot_move_the_cursor(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["check", "no\x1b[2Jfolder"]) == 2
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert "no\\x1b[2Jfolder: there is no such folder" in err


def test_check_as_csv_prints_the_faults_alone(opened, capsys):
    opened(FAULT, WARNING)
    assert cli.main(["check", "vale", "--format", "csv"]) == 1
    out = capsys.readouterr().out
    assert pl.read_csv(out.encode(), schema=FAULT_SCHEMA).to_dicts() == [FAULT, WARNING]


def test_a_package_that_is_refused_is_status_2(monkeypatch, capsys):
    def refuse(folder):
        raise PackageError("the tables link voters with their choices")

    monkeypatch.setattr(package_module, "open_package", refuse)
    assert cli.main(["check", "vale"]) == 2
    assert capsys.readouterr().err == "selection-forensics: the tables link voters with their choices\n"


def test_letters_are_printed_or_written(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["request", "ilford_south_2022"]) == 0
    out = capsys.readouterr().out
    assert out.count("REQUEST FOR RECORDS: Ilford South") == 2
    assert out.index("returning officer of the party") < out.index("====") < out.index("runs the voting platform")
    assert cli.main(["request", "ilford_south_2022", "--to", "member", "--out", "mine.txt"]) == 0
    assert capsys.readouterr().out == "mine.txt\n"
    assert "REQUEST FOR MY OWN DATA" in (tmp_path / "mine.txt").read_text(encoding="utf-8")
    assert cli.main(["request", "ilford_south_2022", "--to", "member", "--out", "mine.txt"]) == 2
    assert "this file is there already" in capsys.readouterr().err


def test_what_nobody_can_be_asked_for_is_told_apart(capsys, monkeypatch):
    monkeypatch.setattr(requests, "ours_to_gather", lambda case: ("confirmations.says_voted",))
    assert cli.main(["request", "ilford_south_2022", "--to", "party"]) == 0
    told = "Asked of nobody, since you gather it yourselves: confirmations.says_voted\n"
    assert capsys.readouterr().err == told
