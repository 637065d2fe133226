"""What a report shows of an executed notebook: its prose and its charts. Never code, never a traceback."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup
from nbformat import NotebookNode

from analysis_lib.figure import METADATA_KEY, SPEC_TYPE, SVG_TYPE

REPEATED = {"keep_output", "nbval-check-output"}  # such a cell's plain text is there for the tests; rich output repeats it
METHOD = "method"  # the arithmetic and what it was checked against: folded away on the page, one click from the finding
EXHIBIT = re.compile(r"\bexhibits\.(\w+)\(")  # the cell that shows what belongs to a question
BY_PAPERMILL = "papermill-error-cell-tag"  # cells it adds about a failure; the report says so in its own words


class State(StrEnum):
    """How far a chapter came."""

    RAN = "ran"
    FAILED = "failed"
    NOT_RUN = "not_run"


@dataclass(frozen=True)
class ChapterRun:
    """A chapter as it stands: executed (perhaps in part), or the untouched source of one that does not apply."""

    name: str
    state: State
    notebook: NotebookNode
    error: str = ""


@dataclass(frozen=True)
class Block:
    """A piece of a chapter: `kind` is prose, method, html, text or figure."""

    kind: str
    content: Any


@dataclass(frozen=True)
class ChartBlock:
    """A figure as found in a notebook's output."""

    spec: dict[str, Any]
    svg: str
    alt: str
    caption: str


def title(run: ChapterRun) -> str:
    """The notebook's first heading; without one, its name in words."""
    for cell in run.notebook.cells:
        if cell.cell_type == "markdown" and (found := re.match(r"#\s+(.+)", cell.source.strip())):
            return found[1].strip()
    return run.name.partition("_")[2].replace("_", " ").capitalize()


def blocks(run: ChapterRun, below: Mapping[str, Sequence[Block]] | None = None) -> Iterator[Block]:
    """The chapter's content in order; a chapter that did not run has none. What `below` holds of a question follows its exhibits."""
    if run.state is State.NOT_RUN:
        return
    seen_title = False
    for cell in run.notebook.cells:
        tags = set(cell.metadata.get("tags", ()))
        if BY_PAPERMILL in tags:
            continue
        if cell.cell_type == "markdown":
            source = cell.source.strip()
            if not seen_title and re.match(r"#\s", source):
                source, seen_title = source.partition("\n")[2], True
            if source.strip():
                yield Block("method" if METHOD in tags else "prose", prose(source))
        elif cell.cell_type == "code":
            outputs = cell.get("outputs", ())
            yield from _outputs(outputs, repeated=bool(tags & REPEATED))
            for noun in EXHIBIT.findall(cell.source) if below and outputs else ():
                yield from below.get(noun, ())


def _outputs(outputs: Any, *, repeated: bool) -> Iterator[Block]:
    for output in outputs:
        if output.output_type == "stream" and output.name == "stdout" and not repeated:
            yield Block("text", output.text)
        elif output.output_type in ("display_data", "execute_result"):
            data = output.data
            if SPEC_TYPE in data and SVG_TYPE in data:
                words = output.metadata.get(METADATA_KEY, {})
                yield Block("figure", ChartBlock(data[SPEC_TYPE], data[SVG_TYPE], words.get("alt", ""), words.get("caption", "")))
            elif "text/html" in data:
                yield Block("html", Markup(data["text/html"]))  # our own display objects, escaped where they are made
            elif "text/markdown" in data:
                yield Block("prose", prose(data["text/markdown"]))
            elif "text/plain" in data and not repeated:
                yield Block("text", data["text/plain"])


def prose(source: str) -> Markup:
    """Markdown as HTML, headings a level down; HTML in it is shown as text, pictures, which may ask the network, are left out."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = parser.parse(source)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # made with html off
