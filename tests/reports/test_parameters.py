"""A mistyped parameter is refused before anything runs; papermill would only log it."""

import ast

import nbformat
import pytest

from analysis_lib import locations
from analysis_lib.errors import ParameterError
from analysis_lib.plan import Plan
from analysis_lib.reports.parameters import CHAPTERS, checked_overrides, for_chapter, overridable

NOTEBOOKS = sorted(locations.NOTEBOOKS.glob("*.ipynb"))


def parameters_cell(path) -> str:
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if "parameters" in cell.metadata.get("tags", ())]
    assert len(cells) == 1, f"{path.name} has {len(cells)} cells tagged parameters"
    return cells[0].source


def test_every_chapter_has_a_notebook_and_a_model():
    assert {path.stem for path in NOTEBOOKS} == set(CHAPTERS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebooks_parameters_are_its_models(path):
    statements = ast.parse(parameters_cell(path)).body
    assert all(isinstance(statement, ast.AnnAssign) for statement in statements)
    in_notebook = [(s.target.id, ast.unparse(s.annotation), ast.literal_eval(s.value)) for s in statements]
    in_model = [
        (name, getattr(field.annotation, "__name__", "") if field.annotation is str else str(field.annotation), field.default)
        for name, field in CHAPTERS[path.stem].model_fields.items()
    ]
    assert in_notebook == in_model


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_parameter_has_its_help(path):
    source = parameters_cell(path)  # papermill --help-notebook prints the comment at the line's end
    without = [line for line in source.splitlines() if "=" in line and "#" not in line]
    assert without == []


def test_every_override_is_a_choice_of_the_plan():
    assert set(overridable()) <= set(Plan.model_fields)


def test_values_take_their_type():
    values = checked_overrides(
        [("n_resamples", "999"), ("alpha", "0.05"), ("tolerances_s", "0, 60"), ("channels", "online,postal")]
    )
    assert values == {"n_resamples": 999, "alpha": 0.05, "tolerances_s": [0, 60], "channels": ["online", "postal"]}


def test_a_value_goes_to_every_chapter_that_takes_it():
    common = {"package": "p", "contest_id": "c", "plan": "", "out": "o"}
    taking = {
        chapter for chapter in CHAPTERS if chapter != "90_summary" and "alpha" in for_chapter(chapter, common, {"alpha": 0.05})
    }
    assert taking == {"10_turnout_timing", "20_late_votes", "30_credential_reissues", "40_roll_changes"}


def test_a_chapter_gets_nothing_that_was_not_given():
    common = {"package": "p", "contest_id": "c", "plan": "", "out": "o"}
    assert for_chapter("10_turnout_timing", common, {}) == common


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (
            [("alpah", "0.1")],
            r"-p alpah: there is no parameter of this name. Did you mean alpha\? Known names: alpha, chain_gap_s, channels",
        ),
        ([("zzz", "1")], r"-p zzz: there is no parameter of this name. Known names: alpha"),
        ([("n_resamples", "notanint")], "'notanint': expected a whole number. For example: -p n_resamples 9999"),
        ([("n_resamples", "1.5")], "'1.5': expected a whole number"),
        (
            [("tolerances_s", "0,x")],
            "expected a whole number, or several with commas between. For example: -p tolerances_s 0,60,300",
        ),
        ([("alpha", "2")], r"-p: alpha = 2\.0: Input should be less than or equal to 0\.05"),
        ([("tolerances_s", "60")], "-p: tolerances_s = .*expected 0 among them"),
        ([("n_resamples", "10000000000")], "-p: n_resamples = 10000000000: Input should be less"),
        ([("alpha", "nan")], "-p: alpha = nan"),
        ([("channels", "online")], "-p: channels"),
        ([("alpha", "0.1"), ("alpha", "0.2")], "-p alpha is given twice"),
        ([("package", "x")], "-p package: this is not set by -p. Give it as PACKAGE"),
        ([("contest_id", "x")], "Give it as --contest"),
    ],
)
def test_what_is_wrong_is_said(pairs, message):
    with pytest.raises(ParameterError, match=message):
        checked_overrides(pairs)
