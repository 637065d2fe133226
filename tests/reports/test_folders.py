"""A report goes to its place whole, and never over what is not ours."""

import json
import os
from pathlib import Path

import nbformat
import pytest

from analysis_lib.errors import ReportError
from analysis_lib.reports import folders
from analysis_lib.reports.published import publish

OLD = f"<!doctype html>{folders.GENERATOR}"


@pytest.fixture
def former(tmp_path):
    """An earlier report of ours."""
    out = tmp_path / "report"
    (out / "notebooks").mkdir(parents=True)
    (out / "findings.json").write_text(json.dumps({"findings": [], "package": "a", "plan_sha256": "0"}))
    (out / "report.html").write_text(OLD)
    published_notebook(out / "notebooks" / "00_evidence.ipynb")
    return out


def published_notebook(path):
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Is it so?")]), path)
    publish(path, {}, {})


def test_an_earlier_report_is_replaced(former):
    folders.check_replaceable(former)
    with folders.staged(former) as stage:
        (stage / "report.html").write_text("new")
    assert [path.name for path in former.iterdir()] == ["report.html"]
    assert (former / "report.html").read_text() == "new"
    assert [path.name for path in former.parent.iterdir()] == ["report"]


def test_a_run_that_is_broken_off_leaves_the_earlier_report(former):
    def broken_off():
        with folders.staged(former) as stage:
            (stage / "report.html").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert (former / "report.html").read_text() == OLD
    assert [path.name for path in former.parent.iterdir()] == ["report"]


@pytest.mark.parametrize(
    ("foreign", "message"),
    [
        ("thesis.docx", "holds thesis.docx, not of our making"),
        ("notebooks/mine.txt", "holds notebooks/mine.txt, not of our making"),
        ("notebooks/mine.ipynb", "holds notebooks/mine.ipynb, not of our making"),
        ("notebooks/00_evidence.ipynb", "holds notebooks/00_evidence.ipynb, not of our making"),
        ("report.html", "holds report.html, not of our making"),
    ],
)
def test_a_folder_with_other_files_is_refused(former, foreign, message):
    (former / foreign).write_text("mine")
    with pytest.raises(ReportError, match=f"{message} or changed since, and is left as it is. Choose another folder with --out"):
        folders.check_replaceable(former)


def test_a_notebook_of_ours_that_was_changed_is_not_thrown_away(former):
    path = former / "notebooks" / "00_evidence.ipynb"
    path.write_text(path.read_text().replace("Is it so?", "My notes"))
    with pytest.raises(ReportError, match=r"notebooks/00_evidence\.ipynb, not of our making or changed since"):
        folders.check_replaceable(former)


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "desktop.ini", ".ipynb_checkpoints/00_evidence-checkpoint.ipynb"])
@pytest.mark.parametrize("within", [".", "notebooks"])
def test_what_file_managers_and_jupyter_leave_behind_is_no_hindrance(former, name, within):
    left = former / within / name
    left.parent.mkdir(exist_ok=True)
    left.write_text("left behind")
    folders.check_replaceable(former)
    with folders.staged(former) as stage:
        (stage / "report.html").write_text("new")
    assert [path.name for path in former.iterdir()] == ["report.html"]


def test_a_folder_of_litter_alone_counts_as_empty(tmp_path):
    (tmp_path / ".DS_Store").write_text("")
    assert folders.check_replaceable(tmp_path) is None


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_if_the_new_report_cannot_be_moved_the_earlier_one_comes_back(former, monkeypatch, error):
    def rename(self, target, real=Path.rename):
        if self.suffix == ".part":
            raise error
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    told = r"can't be put here \(No space left on device\)\. What was there is left as it was"
    expected = pytest.raises(ReportError, match=told) if isinstance(error, OSError) else pytest.raises(KeyboardInterrupt)
    with expected, folders.staged(former) as stage:
        (stage / "report.html").write_text("new")
    assert (former / "report.html").read_text() == OLD
    assert [path.name for path in former.parent.iterdir()] == ["report"]


def test_if_it_cannot_come_back_its_place_is_told(former, monkeypatch):
    def rename(self, target, real=Path.rename):
        if Path(target) == former:
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(ReportError, match=r"The earlier report is now in .*\.report\.\d+\.former\."), folders.staged(former):
        pass
    (kept,) = former.parent.iterdir()
    assert (kept / "report.html").read_text() == OLD


def test_a_place_is_settled_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert folders.settled("new/../report") == tmp_path / "report"
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert folders.settled("link") == tmp_path / "real"


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("", "this folder can't be replaced"),
        (".", r"^\.: this folder can't be replaced .* since you are in it .* such as report\."),
        ("..", "this folder can't be replaced"),
        ("/", "this folder can't be replaced"),
        ("/proc", "this folder can't be replaced .* a disk is mounted there"),
        ("dangling", "dangling: this is a link that leads nowhere"),
        ("ring", "ring: this can't be a folder"),
        ("a\0b", "this can't be a folder"),
    ],
)
def test_a_place_that_will_not_do_is_refused(tmp_path, monkeypatch, out, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "ring").symlink_to("ring")
    if out == "/proc" and not os.path.ismount(out):
        pytest.skip("there is no mounted folder of a known name here")
    with pytest.raises(ReportError, match=message):
        folders.settled(out)


def test_a_folder_that_cannot_be_read_is_said(former, monkeypatch):
    def closed(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", closed)
    with pytest.raises(ReportError, match=r"can't be looked into \(Permission denied\)"):
        folders.check_replaceable(former)


@pytest.mark.parametrize("content", [None, "not json", '{"findings": []}', "[]"])
def test_a_folder_that_only_looks_like_a_report_is_refused(former, content):
    (former / "findings.json").unlink()
    if content is not None:
        (former / "findings.json").write_text(content)
    with pytest.raises(ReportError, match="holds no report of ours"):
        folders.check_replaceable(former)


def test_a_file_is_refused(tmp_path):
    (tmp_path / "report").write_text("")
    with pytest.raises(ReportError, match=r"this is a file\. Expected a folder"):
        folders.check_replaceable(tmp_path / "report")


def test_a_new_or_empty_folder_will_do(tmp_path):
    assert folders.check_replaceable(tmp_path / "new") is None
    assert folders.check_replaceable(tmp_path) is None


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")

    def write():
        with folders.staged(tmp_path / "file" / "report"):
            pass

    with pytest.raises(ReportError, match="can't be written here"):
        write()


def test_an_index_page_that_is_not_ours_is_refused(tmp_path):
    page = tmp_path / "index.html"
    folders.check_index(page)
    page.write_text(f"<!doctype html>{folders.GENERATOR}")
    folders.check_index(page)
    page.write_text("<h1>My home page</h1>")
    with pytest.raises(ReportError, match="this page is not of our making"):
        folders.check_index(page)
