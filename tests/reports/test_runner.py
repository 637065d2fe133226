"""The whole road from a package to a report, on notebooks made for the test, each run in its own kernel."""

import json
from types import SimpleNamespace

import nbformat
import pytest
from fake_report import COMMON, REGISTRY, FakeCase, chapter_cells, code, entry, markdown, printed, write_notebook, write_notebooks

from analysis_lib.errors import PackageError, ReportError
from analysis_lib.reports import folders, runner
from analysis_lib.reports.cells import blocks


@pytest.fixture(scope="module")
def patched():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "registry", REGISTRY)
        yield patch


def report(patched, folder, out, *, lacks=(), **options):
    """Run a report of a package that lies in `folder`, in a subfolder "vale"."""
    package = folder / "vale"
    package.mkdir(exist_ok=True)
    patched.setattr(runner, "open_case", lambda *_: FakeCase(package, lacks=lacks))
    return runner.run_report(package, folder / out, **options)


@pytest.fixture(scope="module")
def twice(patched, tmp_path_factory):
    """The same report made in two different places, of data in two different places."""
    outcomes = []
    for out in ("report", "another_name"):
        folder = tmp_path_factory.mktemp("run")
        notebooks = write_notebooks(folder / "notebooks")
        outcomes.append(
            report(patched, folder, out, lacks=("credential_events.event",), notebooks=notebooks, overrides={"n_resamples": 999})
        )
    return outcomes


def written(outcome):
    """Every file of a report, by its place in it."""
    return sorted(path.relative_to(outcome.folder).as_posix() for path in outcome.folder.rglob("*") if path.is_file())


def test_two_runs_give_the_same_bytes(twice):
    assert written(twice[0]) == written(twice[1])
    for name in written(twice[0]):
        assert (twice[0].folder / name).read_bytes() == (twice[1].folder / name).read_bytes(), name


def test_no_path_of_this_machine_is_told(twice):
    for name in written(twice[0]):
        text = (twice[0].folder / name).read_text(encoding="utf-8")
        assert str(twice[0].folder.parent) not in text
        assert str(runner.locations.NOTEBOOKS) not in text


def test_every_chapters_findings_are_merged(twice):
    findings = json.loads((twice[0].folder / "findings.json").read_text(encoding="utf-8"))
    assert [(e["chapter"], e["question"], e["verdict"]) for e in findings["findings"]] == [
        ("00_evidence", "struck_ballots", "could_change"),
        ("00_evidence", "totals_reconciliation", "no_breach"),
        ("10_turnout_timing", "cast_rate_bursts", "not_explained"),
        ("20_late_votes", "ballots_outside_window", "breach_recorded"),
        ("30_credential_reissues", "reissue_rates", "cannot_be_answered"),
    ]
    assert findings == twice[0].findings
    assert twice[0].failed == {}


def test_the_folder_holds_the_report_and_the_executed_notebooks(twice):
    assert sorted(path.name for path in twice[0].folder.iterdir()) == ["findings.json", "notebooks", "report.html"]
    ran = ["00_evidence", "10_turnout_timing", "20_late_votes", "90_summary"]  # 30 does not apply
    assert sorted(path.stem for path in (twice[0].folder / "notebooks").iterdir()) == ran


def test_the_summary_reads_what_the_others_found(twice):
    summary = nbformat.read(twice[0].folder / "notebooks" / "90_summary.ipynb", as_version=4)
    assert [output.text for output in summary.cells[-1].outputs] == ["5 findings\n"]


def test_overrides_reach_the_chapters_that_take_them(twice):
    given = {}
    for path in (twice[0].folder / "notebooks").iterdir():
        cells = nbformat.read(path, as_version=4).cells
        given[path.stem] = next(cell.source for cell in cells if "injected-parameters" in cell.metadata.get("tags", ()))
    assert "n_resamples = 999" in given["10_turnout_timing"]
    assert "n_resamples = 999" in given["20_late_votes"]
    assert all("n_resamples" not in cell for chapter, cell in given.items() if chapter[:2] not in ("10", "20", "30"))


def test_the_executed_notebooks_name_the_package_and_no_folder(twice):
    cells = nbformat.read(twice[0].folder / "notebooks" / "20_late_votes.ipynb", as_version=4).cells
    (given,) = (cell.source for cell in cells if "injected-parameters" in cell.metadata.get("tags", ()))
    assert 'package = "fake_vale"' in given
    assert 'out = ""' in given


def test_a_report_made_here_may_be_replaced_by_the_next(twice):
    assert folders.check_replaceable(twice[0].folder) is None


def test_an_earlier_report_is_replaced(patched, twice, tmp_path):
    out = tmp_path / "report"
    out.mkdir()
    (out / "findings.json").write_bytes((twice[0].folder / "findings.json").read_bytes())
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    write_notebook(notebooks, "90_summary", markdown("# Summary"), code('findings: str = ""', "parameters"))
    outcome = report(patched, tmp_path, "report", notebooks=notebooks)
    assert outcome.findings["findings"] == []
    assert json.loads((out / "findings.json").read_text())["findings"] == []


def test_a_folder_that_is_not_ours_is_refused_before_anything_runs(patched, tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "thesis.docx").write_text("mine")
    with pytest.raises(ReportError, match=r"thesis\.docx, not of our making"):
        report(patched, tmp_path, "report", notebooks=tmp_path / "no such folder")


def test_a_package_that_cannot_be_opened_leaves_nothing_behind(patched, tmp_path):
    def refuse(*_):
        raise PackageError("the table ballots links voters with their choices")

    patched.setattr(runner, "open_case", refuse)
    with pytest.raises(PackageError, match="links voters"):
        runner.run_report("vale", tmp_path / "report")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def with_failures(patched, tmp_path_factory):
    """One chapter breaks off, one says nothing, the third and the summary go well."""
    folder = tmp_path_factory.mktemp("failing")
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    breaking = f"raise ValueError('it broke in {folder / 'vale'}')"
    write_notebook(notebooks, "10_turnout_timing", *chapter_cells("10_turnout_timing", entry(), body=breaking))
    write_notebook(notebooks, "20_late_votes", markdown("# Late?"), code(COMMON, "parameters"))
    write_notebook(
        notebooks, "90_summary", markdown("# Summary"), code('findings: str = ""', "parameters"), code("print('fine')")
    )
    with pytest.MonkeyPatch.context() as lines:
        told = []
        lines.setattr(runner, "_Progress", lambda *_, **__: _Recorder(told))
        outcome = report(patched, folder, "report", notebooks=notebooks)
    return SimpleNamespace(outcome=outcome, told=told, page=outcome.page.read_text(encoding="utf-8"))


class _Recorder:
    def __init__(self, told):
        self.told = told

    def __enter__(self):
        return lambda chapter, seconds, error: self.told.append((chapter, error))

    def __exit__(self, *_):
        pass


def test_a_chapter_that_fails_is_told_and_the_others_come_out(with_failures):
    assert (
        with_failures.outcome.failed["10_turnout_timing"] == "ValueError: it broke in fake_vale"
    )  # the folder's path is left out
    assert "This chapter failed." in with_failures.page
    assert "fine" in with_failures.page


def test_what_a_failing_chapter_had_recorded_is_kept(with_failures):
    assert [e["question"] for e in with_failures.outcome.findings["findings"]] == ["cast_rate_bursts"]


def test_a_chapter_that_records_nothing_counts_as_failed(with_failures):
    assert with_failures.outcome.failed["20_late_votes"] == "it recorded no finding for ballots_outside_window"


def test_every_chapter_is_told_as_it_ends(with_failures):
    assert sorted(chapter for chapter, _ in with_failures.told) == ["10_turnout_timing", "20_late_votes", "90_summary"]


def test_outputs_kept_in_a_source_notebook_are_never_shown(tmp_path):
    source = write_notebook(tmp_path, "10_turnout_timing", printed("of another package"))
    run = runner._chapter_run(
        "10_turnout_timing", source, tmp_path / "stage", True, {"failed_chapters": {"10_turnout_timing": "died"}}
    )
    assert list(blocks(run)) == []


def test_lines_are_written_where_there_is_no_terminal(capsys):
    with runner._Progress("vale", 2, shown=True) as tell:
        tell("00_evidence", 1.25, "")
        tell("10_turnout_timing", 2.0, "it broke")
    captured = capsys.readouterr()
    assert captured.err.splitlines() == ["vale: 00_evidence done (1.2 s)", "vale: 10_turnout_timing failed (2.0 s)"]
    assert captured.out == ""
