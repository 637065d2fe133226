"""What a report shows of a notebook, and what it leaves out."""

import nbformat
from fake_report import HOSTILE, executed, markdown, printed, shown

from analysis_lib.figure import METADATA_KEY, SPEC_TYPE, SVG_TYPE
from analysis_lib.reports.cells import ChapterRun, State, blocks, prose, title


def run(*cells, state=State.RAN):
    return ChapterRun("10_turnout_timing", state, executed("10_turnout_timing", *cells))


def kinds(*cells):
    return [(block.kind, str(block.content).strip()) for block in blocks(run(*cells))]


def test_the_title_is_the_first_heading_and_is_not_repeated():
    assert title(run()) == "What of 10_turnout_timing?"
    assert kinds(markdown("## Finding")) == [("prose", "<h3>Finding</h3>")]


def test_a_notebook_without_heading_is_called_by_its_name():
    assert title(ChapterRun("10_turnout_timing", State.RAN, nbformat.v4.new_notebook())) == "Turnout timing"


def test_printed_text_is_shown_unless_rich_output_repeats_it():
    assert kinds(printed("shown")) == [("text", "shown")]
    assert kinds(printed("hidden", "keep_output", "nbval-check-output")) == []
    assert kinds(printed("a warning with a path", name="stderr")) == []


def test_rich_output_of_a_checked_cell_is_shown():
    cell = shown({"text/html": "<p>card</p>", "text/plain": "card"}, None, "keep_output")
    assert kinds(cell) == [("html", "<p>card</p>")]
    assert kinds(shown({"text/plain": "card"}, None, "keep_output")) == []


def test_a_figure_comes_with_its_words():
    cell = shown({SPEC_TYPE: {"mark": "bar"}, SVG_TYPE: "<svg/>"}, {METADATA_KEY: {"alt": "Alt.", "caption": "Cap."}})
    (block,) = blocks(run(cell))
    assert (block.content.spec, block.content.svg, block.content.alt, block.content.caption) == (
        {"mark": "bar"},
        "<svg/>",
        "Alt.",
        "Cap.",
    )


def test_code_and_tracebacks_are_not_shown():
    failing = nbformat.v4.new_code_cell(
        "secret = 1", outputs=[nbformat.v4.new_output("error", ename="E", evalue="x", traceback=["T"])]
    )
    by_papermill = nbformat.v4.new_markdown_cell("An exception", metadata={"tags": ["papermill-error-cell-tag"]})
    assert kinds(failing, by_papermill) == []


def test_a_chapter_that_did_not_run_shows_nothing():
    assert list(blocks(run(markdown("Words"), state=State.NOT_RUN))) == []


def test_html_and_pictures_in_prose_do_not_come_through():
    html = prose(f"{HOSTILE} ![x](https://example.org/x.png) [y](javascript:alert(1))")
    assert "<script" not in html
    assert "<img" not in html
    assert 'href="javascript' not in html


def test_tables_in_prose_come_through():
    assert "<td>1</td>" in prose("| a |\n|---|\n| 1 |")
