"""A report goes to its place whole, and never over what is not ours."""

import json

import pytest

from analysis_lib.errors import ReportError
from analysis_lib.reports import folders


@pytest.fixture
def former(tmp_path):
    """An earlier report of ours."""
    out = tmp_path / "report"
    (out / "notebooks").mkdir(parents=True)
    (out / "findings.json").write_text(json.dumps({"findings": [], "package": "a", "plan_sha256": "0"}))
    (out / "report.html").write_text("old")
    (out / "notebooks" / "00_evidence.ipynb").write_text("{}")
    return out


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
    assert (former / "report.html").read_text() == "old"
    assert [path.name for path in former.parent.iterdir()] == ["report"]


@pytest.mark.parametrize(
    ("foreign", "message"),
    [
        ("thesis.docx", "holds thesis.docx, not of our making"),
        ("notebooks/mine.txt", "holds notebooks/mine.txt, not of our making"),
    ],
)
def test_a_folder_with_other_files_is_refused(former, foreign, message):
    (former / foreign).write_text("mine")
    with pytest.raises(ReportError, match=f"{message}, and is left as it is. Choose another folder with --out"):
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
    folders.check_replaceable(tmp_path / "new")
    folders.check_replaceable(tmp_path)


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
