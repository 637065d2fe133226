"""The shape of the notebooks, from their JSON: short, more prose than code, typed parameters, only checked output."""

import ast
import json
import re

import nbformat
import pytest
from cases import BANNED

from analysis_lib.locations import NOTEBOOKS
from analysis_lib.methods.registry import CHAPTERS, REGISTRY

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
CHECKED = {"keep_output", "nbval-check-output"}
MOST_CELLS, MOST_LINES, WORDS_PER_LINE = 16, 8, 5
BRIEF = "print(cards.Cards([finding for found in answers.values() for finding in found]))"  # where a chapter has many questions
TYPES = {"str", "int | None", "float | None", "list[int] | None", "list[str] | None"}

pytestmark = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def cells(path, kind):
    return [cell for cell in read(path)["cells"] if cell["cell_type"] == kind]


def source(cell):
    return "".join(cell["source"])


def tags(cell):
    return set(cell["metadata"].get("tags", ()))


def code_lines(cell):
    return [line for line in source(cell).splitlines() if line.strip()]


def prose(path):
    return "\n\n".join(source(cell) for cell in cells(path, "markdown"))


def test_it_is_a_notebook_of_the_format(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert len({cell["id"] for cell in notebook.cells}) == len(notebook.cells)
    assert notebook.metadata.kernelspec.name == "python3"
    assert path.read_text(encoding="utf-8").endswith("}\n")


def test_its_name_is_a_chapters(path):
    assert path.stem in {*CHAPTERS, "90_summary"}


def test_it_is_short(path):
    code = cells(path, "code")
    assert 0 < len(code) <= MOST_CELLS
    assert max(len(code_lines(cell)) for cell in code) <= MOST_LINES


def test_it_says_more_in_words_than_in_code(path):
    words = len(re.findall(r"[A-Za-z]{2,}", prose(path)))
    lines = sum(len(code_lines(cell)) for cell in cells(path, "code"))
    assert words >= WORDS_PER_LINE * lines


def test_it_defines_nothing_and_loops_over_nothing(path):
    loops = 0
    for cell in cells(path, "code"):
        for node in ast.walk(ast.parse(source(cell))):
            assert not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda | ast.While)
            loops += isinstance(node, ast.For)
        assert "filterwarnings" not in source(cell)
        assert not re.search(r"^\s*[%!]", source(cell), flags=re.M)  # no magics, no shell
    assert loops <= (path.stem == "90_summary")


def test_it_has_one_cell_of_parameters_each_typed_and_explained(path):
    tagged = [cell for cell in cells(path, "code") if "parameters" in tags(cell)]
    assert len(tagged) == 1
    assert cells(path, "code")[0] == tagged[0]
    for line in code_lines(tagged[0]):
        found = re.fullmatch(r"([a-z_]+): (.+?) = (.+?)  # (.{10,})", line)
        assert found, line
        assert found[2] in TYPES
        ast.literal_eval(found[3])


def test_only_checked_cells_keep_their_output(path):
    for cell in cells(path, "code"):
        if cell["outputs"]:
            assert tags(cell) >= CHECKED
            assert {output["output_type"] for output in cell["outputs"]} == {"stream"}
            assert not re.search(BANNED, json.dumps(cell["outputs"]))
        assert (tags(cell) & CHECKED) in (set(), CHECKED)


def test_it_opens_with_the_question_and_what_it_cannot_show(path):
    first = source(read(path)["cells"][0])
    assert first.startswith("# ")
    assert "**Question.** " in first
    assert "**What this cannot show.** " in first
    if path.stem != "90_summary":
        assert "## How to reproduce" in prose(path)


def test_every_question_of_the_chapter_has_its_section(path):
    code = "\n".join(source(cell) for cell in cells(path, "code"))
    nouns = [noun for noun, question in REGISTRY.items() if question.chapter == path.stem]
    assert bool(nouns) == (path.stem != "90_summary")
    for noun in nouns:
        assert f'print(cards.Cards(answers["{noun}"]))' in code or BRIEF in code
        assert re.search(rf'^(display\()?cards\.Cards\(answers\["{noun}"\]\)', code, flags=re.M)
        assert f'display(*exhibits.{noun}(case, answers["{noun}"]))' in code
    assert prose(path).count("\n## ") >= len(nouns)
    assert not {noun for noun in REGISTRY if f'"{noun}"' in code} - set(nouns)


def test_findings_are_recorded_before_anything_is_drawn(path):
    if path.stem == "90_summary":
        pytest.skip("the summary reads findings and records none")
    sources = [source(cell) for cell in cells(path, "code")]
    answering = next(n for n, text in enumerate(sources) if text.endswith(f'answers = answer_chapter("{path.stem}", case)'))
    assert sources[answering + 1] == "record([finding for found in answers.values() for finding in found], out, case)"
    assert sum("record([" in text for text in sources) == 1


def test_it_names_no_machine_and_convicts_nobody(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(work|home|root|tmp)/|\bC:\\\\", text)
    assert not re.search(BANNED, prose(path))
