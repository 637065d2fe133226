"""Two editions of one report: the public one holds no key at all, the restricted one those of its cases and no others."""

import json
import re
import shutil

import polars as pl
import pytest
from fake_report import QUESTIONS, FakeCase, code, executed, merged_findings, shown, totals

from analysis_lib import cli, locations
from analysis_lib.case import open_case
from analysis_lib.errors import ReportError
from analysis_lib.exhibits.cases_by_key import BY_KEY, KEYS, cases_by_key
from analysis_lib.methods.registry import REGISTRY
from analysis_lib.reports import folders
from analysis_lib.reports.cells import Block, ChapterRun, State
from analysis_lib.reports.editions import NOTICE, Edition
from analysis_lib.reports.render import render_index, render_report
from analysis_lib.reports.runner import ReportOutcome, run_report

TOLD = "made_up_hill"
QUICK = {"n_resamples": 199, "chain_gap_s": 420}  # seven minutes: fewer chains than as planned
TOKEN = re.compile(r"(?<![0-9A-Za-z.])[0-9a-f]{8}")  # where a key, or the first signs of one, may start; no decimals of a number
IS_KEY = re.compile(r"(_key|_id)$")


@pytest.fixture(scope="module")
def hill():
    return open_case(TOLD, **QUICK)


@pytest.fixture(scope="module")
def prefixes(hill):
    """The first eight signs of every key of the package, of all its tables."""
    columns = [
        column
        for frame in hill.package.tables.values()
        for column in frame
        if IS_KEY.search(column.name) and column.dtype == pl.String
    ]
    keys = {key[:8] for column in columns for key in column.drop_nulls() if re.fullmatch(r"[0-9a-f]{16}", key)}
    assert len(keys) > 3_000
    return keys


@pytest.fixture(scope="module")
def editions(tmp_path_factory):
    """The public report whole; of the restricted one the chapters that hold keys, which is all that differs."""
    folder = tmp_path_factory.mktemp("editions")
    (folder / "notebooks").mkdir()
    for chapter in {REGISTRY[noun].chapter for noun in BY_KEY}:
        shutil.copy(locations.NOTEBOOKS / f"{chapter}.ipynb", folder / "notebooks")
    some = {"edition": Edition.RESTRICTED, "notebooks": folder / "notebooks"}
    public, restricted = (
        run_report(TOLD, folder / name, overrides=QUICK, progress=False, **more)
        for name, more in (("public", {}), ("restricted", some))
    )
    return {Edition.PUBLIC: public, Edition.RESTRICTED: restricted}


def files(outcome):
    return {path.relative_to(outcome.folder).as_posix(): path for path in outcome.folder.rglob("*") if path.is_file()}


def held(path, prefixes):
    return set(TOKEN.findall(path.read_text(encoding="utf-8"))) & prefixes


def test_the_public_edition_holds_no_key(editions, prefixes):
    public = files(editions[Edition.PUBLIC])
    assert len(public) > 8
    assert [name for name, path in public.items() if held(path, prefixes)] == []
    assert NOTICE not in public["report.html"].read_text(encoding="utf-8")


def test_a_key_would_be_noticed(tmp_path, prefixes):
    key = sorted(prefixes)[0]
    (tmp_path / "page").write_text(f'<td>{key}</td> {{"at": 1.{sorted(prefixes)[1]}}}', encoding="utf-8")
    assert held(tmp_path / "page", prefixes) == {key}


def test_findings_and_notebooks_are_the_same_in_both(editions):
    public, restricted = (files(editions[edition]) for edition in Edition)
    assert restricted.keys() - public.keys() == {"report_restricted.html"}
    for name in restricted.keys() - {"report_restricted.html", "findings.json"}:
        assert public[name].read_bytes() == restricted[name].read_bytes(), name
    entries = [editions[edition].findings["findings"] for edition in Edition]
    chapters = {entry["chapter"] for entry in entries[1]}
    assert len(chapters) == 3
    assert [entry for entry in entries[0] if entry["chapter"] in chapters] == entries[1]


def test_the_restricted_edition_holds_the_keys_of_its_cases_and_no_others(editions, prefixes, hill):
    outcome = editions[Edition.RESTRICTED]
    assert outcome.failed == {}
    tables = [table for noun in BY_KEY for table in cases_by_key(hill, noun)]
    expected = {row[name] for table in tables for row in table.rows for name in KEYS if row.get(name)}
    assert outcome.page.name == "report_restricted.html"
    assert held(outcome.page, prefixes) == expected
    assert 40 < len(expected) < 120
    text = outcome.page.read_text(encoding="utf-8")
    assert all(f"<bdi>{table.caption}</bdi>" in text for table in tables)


def test_the_tables_follow_the_plan_that_the_chapters_had(editions, hill):
    (finding,) = [
        row for row in editions[Edition.RESTRICTED].findings["findings"] if row["question"] == "edit_reissue_ballot_chains"
    ]
    (table,) = cases_by_key(hill, "edit_reissue_ballot_chains")
    assert (
        finding["details"]["n_chains"]
        == len(table.rows)
        < len(cases_by_key(open_case(TOLD), "edit_reissue_ballot_chains")[0].rows)
    )


def test_the_notice_stands_on_top_of_every_page_and_in_the_title(editions):
    text = editions[Edition.RESTRICTED].page.read_text(encoding="utf-8")
    assert f'@page {{ @top-left {{ content: "{NOTICE}"' in text
    assert "<title>Restricted edition" in text
    assert text.index(NOTICE, text.index("<body>")) < text.index("<h1>")
    assert text.count(f">{NOTICE}<") == 1 + text.count('<section class="chapter')
    assert "report made_up_hill --contest made_up_vale --edition restricted" in text
    assert not set(NOTICE) & set("\"'\\<>&")  # it stands in a style sheet too, as it is


def test_tables_stand_below_the_exhibits_of_their_question_in_a_chapter_that_showed_them(tmp_path):
    cell = code("display(*exhibits.totals_reconciliation(case, found))")
    output = shown({"text/html": "<p>EXHIBIT</p>"})
    cell.outputs = output.outputs
    runs = [ChapterRun("00_evidence", State.RAN, executed("00_evidence", cell))]
    below = {"totals_reconciliation": [Block("text", "KEYS OF IT")], "another": [Block("text", "KEYS OF ANOTHER")]}

    def page(**options):
        return render_report(merged_findings(totals()), runs, FakeCase(tmp_path), QUESTIONS, **options)

    restricted = page(edition=Edition.RESTRICTED, below=below)
    assert restricted.index("EXHIBIT") < restricted.index("KEYS OF IT")
    assert "KEYS OF ANOTHER" not in restricted
    assert NOTICE not in page()
    cell.outputs = []  # the chapter failed before it came so far
    assert "KEYS OF IT" not in page(edition=Edition.RESTRICTED, below=below)


def test_the_index_tells_the_edition():
    findings = merged_findings(totals())
    assert NOTICE in render_index({"a/report_restricted.html": findings}, Edition.RESTRICTED)
    assert "estricted" not in render_index({"a/report.html": findings})


@pytest.mark.parametrize(("there", "asked"), [tuple(Edition), tuple(Edition)[::-1]])
@pytest.mark.parametrize("below", ["", "further/down"])
def test_one_edition_never_goes_into_the_folder_of_the_other(tmp_path, there, asked, below):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "findings.json").write_text(json.dumps({"findings": [], "package": "a", "plan_sha256": "0"}))
    (tmp_path / there.page).write_text(folders.GENERATOR)
    folders.check_replaceable(tmp_path, there)
    message = f"this folder holds a report of the {there} edition. Expected a place outside it .* {asked} edition.* Choose another folder with --out"
    with pytest.raises(ReportError, match=message):
        folders.check_replaceable(tmp_path / below, asked)
    with pytest.raises(ReportError, match=f"report of the {there} edition"):  # before anything is opened
        run_report("no such package", tmp_path / below, edition=asked)


def test_the_command_line_takes_the_edition(monkeypatch, tmp_path, capsys):
    calls = []
    monkeypatch.setattr(
        "analysis_lib.reports.runner.run_report",
        lambda package, out, **options: calls.append((str(out), options["edition"])) or _outcome(out),
    )
    monkeypatch.chdir(tmp_path)
    assert cli.main(["report", "some/vale", "--edition", "restricted"]) == 0
    assert cli.main(["report", "some/vale"]) == 0
    assert calls == [("reports/vale_restricted", Edition.RESTRICTED), ("reports/vale", Edition.PUBLIC)]
    with pytest.raises(SystemExit, match="2"):
        cli.main(["report", "some/vale", "--edition", "secret"])
    assert "invalid choice: 'secret' (choose from" in capsys.readouterr().err


def test_every_example_has_an_index_of_its_own_for_each_edition(monkeypatch, tmp_path):
    monkeypatch.setattr(
        "analysis_lib.reports.runner.run_report", lambda package, out, **options: _outcome(out, options["edition"])
    )
    (tmp_path / "all").mkdir()
    for edition in Edition:
        assert cli.main(["report", "--out", str(tmp_path / "all"), "--edition", str(edition)]) == 0
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == ["index.html", "index_restricted.html"]
    pages = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "all").iterdir()}
    assert 'href="made_up_hill/report.html"' in pages["index.html"]
    assert 'href="made_up_hill_restricted/report_restricted.html"' in pages["index_restricted.html"]


def _outcome(out, edition=Edition.PUBLIC):
    return ReportOutcome(name="vale", folder=out, findings=merged_findings(totals()), n_left_out=0, edition=edition)
