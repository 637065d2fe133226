"""Executed notebooks as they are published: nothing of the machine or the hour, and known again unless somebody changed them."""

import json

import nbformat
import pytest
from fake_report import code, markdown, printed

from analysis_lib.reports.published import MARK, is_ours, publish


def executed(folder, *, place, hour, pid):
    """A notebook as papermill leaves it, with everything in it that differs from run to run."""
    injected = code(
        f'# Parameters\npackage = "{place}/vale"\nplan = ""\nout = "{place}/.r.{pid}.part"\nalpha = 0.05\n', "injected-parameters"
    )
    injected.metadata["papermill"] = {"duration": hour, "start_time": f"2031-03-08T{hour}:00:00"}
    note = markdown("An error was met.")
    note.metadata |= {"tags": ["papermill-error-cell-tag"], "papermill": {"duration": hour}}
    loud = printed("first ")
    loud.outputs += [nbformat.v4.new_output("stream", name="stdout", text=f"then {place}/vale/data")]
    loud.outputs += [nbformat.v4.new_output("stream", name="stderr", text=f"{place}/ipykernel_{pid}/1.py: warning")]
    loud.metadata["execution"] = {"iopub.execute_input": f"2031-03-08T{hour}:00:00"}
    failed = code("1 / 0")
    failed.outputs = [
        nbformat.v4.new_output("error", ename="E", evalue=f"in {place}/vale", traceback=[f"{place}/lib.py line {hour}"])
    ]
    book = nbformat.v4.new_notebook(cells=[markdown("# Is it so?"), injected, note, loud, failed])
    book.metadata |= {"papermill": {"start_time": f"{hour}"}, "language_info": {"name": "python", "version": f"3.{hour}"}}
    for number in (0, 3, 4):
        book.cells[number]["id"] = f"cell-{number}"
    folder.mkdir()
    nbformat.write(book, folder / "a.ipynb")
    publish(folder / "a.ipynb", {"package": "vale", "out": ""}, {f"{place}": "here", f"{place}/vale": "vale"})
    return folder / "a.ipynb"


@pytest.fixture
def two(tmp_path):
    return [
        executed(tmp_path / "one", place="/home/ann/cases", hour=10, pid=4711),
        executed(tmp_path / "two", place="/srv/b", hour=23, pid=12),
    ]


def test_two_runs_give_the_same_bytes(two):
    assert two[0].read_bytes() == two[1].read_bytes()


def test_it_is_still_a_notebook_and_says_what_it_said(two):
    book = nbformat.read(two[0], as_version=4)
    nbformat.validate(book)
    assert book.cells[1].source == '# Parameters\npackage = "vale"\nplan = ""\nout = ""\nalpha = 0.05\n'
    assert [output.text for output in book.cells[3].outputs] == ["first then vale/data"]
    assert book.cells[4].outputs[0].evalue == "in vale"
    assert book.cells[4].outputs[0].traceback == ["E: in vale"]
    assert not {"/home", "4711", "papermill-record", "2031"} & set(two[0].read_text(encoding="utf-8").split())
    assert "ann" not in two[0].read_text(encoding="utf-8")


def test_a_notebook_cut_off_while_written_is_removed(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text('{"cells": [', encoding="utf-8")
    publish(path, {}, {})
    assert not path.exists()


def test_what_was_published_is_known_again_however_an_editor_lays_it_out(two):
    assert is_ours(two[0])
    content = json.loads(two[0].read_text(encoding="utf-8"))
    content["metadata"]["kernelspec"] = {"name": "other", "display_name": "Other"}
    content["cells"][0]["metadata"]["collapsed"] = True
    two[0].write_text(json.dumps(content, indent=4), encoding="utf-8")
    assert is_ours(two[0])


@pytest.mark.parametrize("part", ["source", "outputs", "added", "mark"])
def test_what_somebody_changed_is_not_ours_any_more(two, part):
    content = json.loads(two[0].read_text(encoding="utf-8"))
    if part == "source":
        content["cells"][0]["source"] = ["# My own notes"]
    elif part == "outputs":
        content["cells"][3]["outputs"] = []
    elif part == "added":
        content["cells"].append(content["cells"][0])
    else:
        del content["metadata"][MARK]
    two[0].write_text(json.dumps(content), encoding="utf-8")
    assert not is_ours(two[0])


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"metadata": {"selection_forensics": []}}', '"text"', '{"metadata": null}'])
def test_anything_else_is_not_ours(tmp_path, content):
    path = tmp_path / "mine.ipynb"
    path.write_text(content, encoding="utf-8")
    assert not is_ours(path)
    assert not is_ours(tmp_path / "absent.ipynb")
    assert not is_ours(tmp_path)
