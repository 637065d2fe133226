"""Chapters in processes of their own: cut off from the user's settings, watched, and gone when stopped."""

import os
import sys
import time

import nbformat
import pytest
from fake_report import code, write_notebook

from analysis_lib.reports.processes import Job, run_jobs


def run(tmp_path, *sources: str, timeout_s: float = 60, **parameters):
    """Execute one notebook; give its error ("" if none) and what it printed."""
    source = write_notebook(tmp_path, "00_evidence", *(code(text) for text in sources))
    target = tmp_path / "executed.ipynb"
    failed = run_jobs([Job("00_evidence", source, target, parameters)], folder=tmp_path / "work", at_once=1, timeout_s=timeout_s)
    outputs = (
        [o for cell in nbformat.read(target, as_version=4).cells for o in cell.get("outputs", ())] if target.exists() else []
    )
    return failed.get("00_evidence", ""), "".join(o.text for o in outputs if o.get("name") == "stdout")


def test_nothing_of_the_users_start_up_files_is_seen(tmp_path, monkeypatch):
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("meddled = 1")
    (tmp_path / "start.py").write_text("meddled = 1")
    (tmp_path / "random.py").write_text("meddled = 1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "start.py"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("POLARS_MAX_THREADS", "7")
    monkeypatch.chdir(tmp_path)
    error, text = run(
        tmp_path, "import os, random, analysis_lib",
        "print('meddled' in globals() or hasattr(random, 'meddled'), os.environ['POLARS_MAX_THREADS'], hash('a') == hash('a'))",
        "print(os.environ['PYTHONHASHSEED'], os.environ['TZ'])",
    )  # fmt: skip
    assert error == ""
    assert text.splitlines() == ["False 1 True", "0 UTC"]


def test_a_failing_cell_gives_the_last_line_of_its_error(tmp_path):
    error, text = run(tmp_path, "print('before')", "raise ValueError('first line\\nthe last line')", "print('after')")
    assert error == "the last line"
    assert text == "before\n"


def test_a_kernel_that_dies_is_told(tmp_path):
    error, _ = run(tmp_path, "import os; os._exit(3)")
    assert "died" in error.lower()


@pytest.mark.skipif(sys.platform == "win32", reason="looks for the process by a signal")
def test_a_chapter_that_takes_too_long_is_stopped_with_its_kernel(tmp_path):
    pid = tmp_path / "pid"
    error, _ = run(
        tmp_path,
        f"import os, pathlib, time; pathlib.Path({str(pid)!r}).write_text(str(os.getpid())); time.sleep(600)",
        timeout_s=8,
    )
    assert error == "it was stopped after 8 seconds, the longest a chapter may take"
    deadline = time.monotonic() + 15
    while _alive(int(pid.read_text())) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not _alive(int(pid.read_text()))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
