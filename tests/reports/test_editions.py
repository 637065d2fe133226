"""Two editions of one report: the public one holds no key at all, the restricted one those of its cases and no others."""

import json
import re
from datetime import datetime
from zoneinfo import ZoneInfo

import nbformat
import polars as pl
import pytest
from fake_report import QUESTIONS, FakeCase, code, executed, merged_findings, shown, totals

from analysis_lib import cli, exhibits, locations
from analysis_lib.cards import Cards
from analysis_lib.case import open_case
from analysis_lib.errors import ReportError
from analysis_lib.exhibits.cases_by_key import BY_KEY, KEYS, cases_by_key
from analysis_lib.figure import Figure
from analysis_lib.methods.registry import REGISTRY, answer_chapter
from analysis_lib.reports import collect, folders, runner
from analysis_lib.reports.cells import Block, ChapterRun, State
from analysis_lib.reports.editions import NOTICE, Edition
from analysis_lib.reports.render import render_index, render_report
from analysis_lib.reports.runner import ReportOutcome, run_report

TOLD = "made_up_hill"
QUICK = {"n_resamples": 99, "chain_gap_s": 420}  # seven minutes: fewer chains than as planned
TOKEN = re.compile(r"(?<![0-9A-Za-z.])[0-9a-f]{8}")  # where a key, or the first signs of one, may start; no decimals of a number
MEMBERS_LOGS = ("ballot_events", "contact_changes", "roll_changes")  # in the log of codes most rows are of a message to all
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
def answers(hill):
    """The findings of the chapters that hold keys, and the chapters as their notebooks show them."""
    found = {chapter: answer_chapter(chapter, hill) for chapter in sorted({REGISTRY[noun].chapter for noun in BY_KEY})}
    runs = [ChapterRun(chapter, State.RAN, executed(chapter, *_cells(hill, answered))) for chapter, answered in found.items()]
    findings = [finding for answered in found.values() for several in answered.values() for finding in several]
    return collect.as_entries(findings), runs


def _cells(case, answered):
    for noun, findings in answered.items():
        cell = code(f"display(*exhibits.{noun}(case, answers[{noun!r}]))")
        for item in (Cards(findings), *getattr(exhibits, noun)(case, findings)):
            data, words = item._repr_mimebundle_() if isinstance(item, Figure) else ({"text/html": item._repr_html_()}, {})
            cell.outputs.append(nbformat.v4.new_output("display_data", data=data, metadata=words))
        yield cell


@pytest.fixture(scope="module")
def pages(answers):
    """Both pages as the runner makes them, of one set of findings and notebooks."""
    entries, runs = answers
    case = open_case(TOLD)
    findings = collect.merged(case, entries, overrides=QUICK, failed={}, notebooks=locations.NOTEBOOKS)
    keys = {Edition.PUBLIC: None, Edition.RESTRICTED: runner._keys(case, QUICK, runs)}
    return {
        edition: render_report(findings, runs, case, REGISTRY, edition=edition, below=below) for edition, below in keys.items()
    }


def held(text, prefixes):
    return set(TOKEN.findall(text)) & prefixes


def test_the_public_edition_holds_no_key(answers, pages, prefixes):
    entries, runs = answers
    assert sum(cell.source.startswith("display(") for run in runs for cell in run.notebook.cells) == len(_nouns(runs)) > 20
    assert held(pages[Edition.PUBLIC], prefixes) == set()
    assert held(json.dumps(entries), prefixes) == set()
    assert NOTICE not in pages[Edition.PUBLIC]


def _nouns(runs):
    return [noun for noun, question in REGISTRY.items() if question.chapter in {run.name for run in runs}]


def test_a_key_would_be_noticed(prefixes):
    key = sorted(prefixes)[0]
    assert held(f'<td>{key}</td> {{"at": 1.{sorted(prefixes)[1]}}}', prefixes) == {key}


def test_the_public_edition_tells_no_time_of_few_ballots_and_no_role_of_one_person(answers, hill):
    """The minute of a ballot, or of an act that concerned few, tells whose it was to whoever stood by."""
    entries, runs = answers
    told = [entry for entry in entries if entry["chapter"][:2] in ("30", "40")]
    minutes = [
        row["at"]
        for log in MEMBERS_LOGS
        for row in hill.rows(log).select("at").drop_nulls().iter_rows(named=True)
        if row["at"].second
    ]
    stamps = {f"{at:%Y-%m-%dT%H:%M}" for at in minutes} - {entry[:16] for entry in _bulk(told)}
    assert len(stamps) > 400
    details = json.dumps([entry["details"] for entry in told])
    assert [stamp for stamp in stamps if stamp in details] == []
    in_zone = {f"{at.astimezone(ZoneInfo(hill.contest['timezone'])):%Y-%m-%d %H:%M}" for at in minutes}
    text = "".join(str(cell) for run in runs for cell in run.notebook.cells if run.name[:2] in ("30", "40"))
    assert "local officer" in text
    assert not re.search("procedures.secretary|regional.staff", text + json.dumps(told))
    assert in_zone & set(re.findall(r"20\d\d-\d\d-\d\d \d\d:\d\d", text)) <= {
        stamp[:10] + " " + stamp[11:] for stamp in _bulk(told, hill)
    }


def _bulk(told, case=None):
    """When ten members or more were changed at once: this may be told."""
    rows = [row["at"] for entry in told for row in entry["details"].get("bulk", ())]
    zone = ZoneInfo(case.contest["timezone"] if case else "UTC")
    return [f"{datetime.fromisoformat(at).astimezone(zone):%Y-%m-%dT%H:%M}" for at in rows]


def test_the_restricted_edition_holds_the_keys_of_its_cases_and_no_others(pages, prefixes, hill):
    tables = [table for noun in BY_KEY for table in cases_by_key(hill, noun)]
    expected = {row[name] for table in tables for row in table.rows for name in KEYS if row.get(name)}
    assert held(pages[Edition.RESTRICTED], prefixes) == expected
    assert 40 < len(expected) < 120
    assert all(f"<bdi>{table.caption}</bdi>" in pages[Edition.RESTRICTED] for table in tables)


def test_but_for_keys_and_notice_the_two_pages_say_the_same(pages):
    public, restricted = ([line.strip() for line in pages[edition].splitlines() if line.strip()] for edition in Edition)
    gone = set(public) - set(restricted)
    assert all(re.search("<title>|<body|--contest|<h1|@page", line) for line in gone), gone
    assert len(restricted) > len(public)


def test_the_tables_follow_the_plan_that_the_chapters_had(answers, hill):
    (finding,) = [entry for entry in answers[0] if entry["question"] == "edit_reissue_ballot_chains"]
    (table,) = cases_by_key(hill, "edit_reissue_ballot_chains")
    as_planned = cases_by_key(open_case(TOLD), "edit_reissue_ballot_chains")[0]
    assert finding["details"]["n_chains"] == len(table.rows) < len(as_planned.rows)


@pytest.mark.slow
def test_a_whole_run_of_each_edition_writes_the_same_but_for_the_page_and_the_same_twice(tmp_path, prefixes):
    asked = {"public": Edition.PUBLIC, "restricted": Edition.RESTRICTED, "again": Edition.RESTRICTED}
    done = {
        name: run_report(TOLD, tmp_path / name, overrides=QUICK, progress=False, edition=edition)
        for name, edition in asked.items()
    }
    assert [outcome.failed for outcome in done.values()] == [{}, {}, {}]
    public, restricted, again = (
        {path.relative_to(outcome.folder).as_posix(): path.read_bytes() for path in outcome.folder.rglob("*") if path.is_file()}
        for outcome in done.values()
    )
    assert restricted == again
    assert [name for name, content in public.items() if held(content.decode(), prefixes)] == []
    assert len(public) > 8
    assert public.pop("report.html") != restricted.pop("report_restricted.html")
    assert public == restricted  # findings.json and every notebook, byte by byte


def test_a_package_without_keys_has_no_restricted_edition(tmp_path):
    message = "holds no key of a member.* Expected a voter_key.* Leave out --edition"
    with pytest.raises(ReportError, match=message):
        run_report("ilford_south_2022", tmp_path / "out", edition=Edition.RESTRICTED)
    assert list(tmp_path.iterdir()) == []


def test_the_notice_stands_on_top_of_every_page_and_in_the_title(pages):
    text = pages[Edition.RESTRICTED]
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
