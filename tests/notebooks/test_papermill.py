"""Each notebook also runs by plain papermill from a shell, with its parameters set by -p."""

from __future__ import annotations

import json
import subprocess
import sys

import nbformat
import pytest

from analysis_lib.locations import NOTEBOOKS

PARAMETERS = {
    "00_evidence": {"package": "ciudadanos_cyl_2019"},
    "10_turnout_timing": {"package": "made_up_vale", "n_resamples": "199"},
    "20_late_votes": {"package": "made_up_vale"},
    "30_credential_reissues": {"package": "made_up_vale_clean", "n_resamples": "199"},
    "40_roll_changes": {"package": "made_up_hill", "n_resamples": "199"},
    "50_channel_gap": {"package": "ilford_south_2022"},
    "90_summary": {},
}
SAYS = {
    "00_evidence": "1,094",
    "10_turnout_timing": "Exploratory, not in the plan",
    "20_late_votes": "Recorded breach of a rule",
    "30_credential_reissues": "Within the baseline",
    "40_roll_changes": "did not get the same list on the same day",
    "50_channel_gap": "119,330",
    "90_summary": "Cannot be answered with the data held",
}


def test_every_notebook_is_tried():
    assert PARAMETERS.keys() == SAYS.keys() == {path.stem for path in NOTEBOOKS.glob("*.ipynb")}


QUICKLY = ("00_evidence", "30_credential_reissues", "90_summary")  # a report runs every chapter in any case


@pytest.mark.parametrize(
    "chapter", [pytest.param(name, marks=() if name in QUICKLY else pytest.mark.slow) for name in PARAMETERS]
)
def test_it_runs_from_a_shell(chapter, tmp_path):
    given = [part for name, value in PARAMETERS[chapter].items() for part in ("-p", name, value)]
    if chapter != "90_summary":
        given += ["-p", "out", str(tmp_path / "findings")]
    target = tmp_path / "executed.ipynb"
    command = [sys.executable, "-m", "papermill", str(NOTEBOOKS / f"{chapter}.ipynb"), str(target), "--no-progress-bar", *given]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    cells = [cell for cell in nbformat.read(target, as_version=4).cells if cell.cell_type == "code"]
    printed = "".join(output.get("text", "") for cell in cells for output in cell.outputs)
    assert SAYS[chapter] in printed
    if chapter != "90_summary":
        recorded = json.loads((tmp_path / "findings" / f"{chapter}.json").read_text(encoding="utf-8"))
        assert recorded["findings"]


def test_a_chapter_without_its_columns_says_which_and_goes_on(tmp_path):
    target = tmp_path / "executed.ipynb"
    source = NOTEBOOKS / "30_credential_reissues.ipynb"
    command = [
        sys.executable,
        "-m",
        "papermill",
        str(source),
        str(target),
        "--no-progress-bar",
        "-p",
        "package",
        "ilford_south_2022",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    text = target.read_text(encoding="utf-8")
    assert "Cannot be answered with the data held" in text
    assert "What happened to voting codes: event" in text
