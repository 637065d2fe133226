"""An executed notebook as it is published: no time and no path of this machine, and a mark by which a later run knows it as ours."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat

MARK = "selection_forensics"  # in the notebook's metadata: SHA-256 of its cells as published
INJECTED = "injected-parameters"  # papermill's tag of the cell that holds the values it was given


def publish(path: Path, parameters: Mapping[str, str], places: Mapping[str, str]) -> None:
    """Rewrite a notebook in place; one that was cut off while it was written is removed.

    Parameters
    ----------
    path : Path
        As papermill left it.
    parameters : mapping
        What to show as the value of a parameter that named a place.
    places : mapping
        Texts to replace wherever they stand: a folder of this machine, and what to call it.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
    except ValueError:
        path.unlink()
        return
    notebook.metadata.pop("papermill", None)
    notebook.metadata["language_info"] = {"name": "python"}
    for number, cell in enumerate(notebook.cells):
        added = "papermill" in cell.metadata and _is_added(cell)
        for name in ("papermill", "execution"):  # times of the run
            cell.metadata.pop(name, None)
        if added:
            cell["id"] = f"added-{number}"
        if INJECTED in cell.metadata.get("tags", ()):
            cell.source = _shown_parameters(cell.source, parameters)
        if cell.cell_type == "code":
            cell.outputs = _outputs(cell.outputs)
    content = _replaced(json.loads(nbformat.writes(notebook)), sorted(places.items(), key=lambda item: -len(item[0])))
    content["metadata"][MARK] = {"cells_sha256": _digest(content)}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8", newline="\n")


def is_ours(path: Path) -> bool:
    """Tell whether a notebook was published by `publish` and its cells are as they were then."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return content["metadata"][MARK]["cells_sha256"] == _digest(content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _is_added(cell: Any) -> bool:
    """Papermill's own cells have an id that is drawn anew at every run."""
    return any(tag == INJECTED or tag.startswith("papermill-") for tag in cell.metadata.get("tags", ()))


def _shown_parameters(source: str, parameters: Mapping[str, str]) -> str:
    def line(found: re.Match[str]) -> str:
        name = found[1]
        return f"{name} = {json.dumps(parameters[name], ensure_ascii=False)}" if name in parameters else found[0]

    return re.sub(r"^(\w+) = .*$", line, source, flags=re.MULTILINE)


def _outputs(outputs: list[Any]) -> list[Any]:
    """Outputs without warnings and tracebacks, which name files of this machine; text that came in pieces is put together."""
    kept: list[Any] = []
    for output in outputs:
        if output.output_type == "error":
            output.traceback = [f"{output.ename}: {output.evalue}"]
        is_text = output.output_type == "stream"
        if is_text and output.name == "stderr":
            continue
        if is_text and kept and kept[-1].output_type == "stream":
            kept[-1].text += output.text
        else:
            kept.append(output)
    return kept


def _replaced(node: Any, places: list[tuple[str, str]]) -> Any:
    if isinstance(node, str):
        for place, name in places:
            node = node.replace(place, name)
        return node
    if isinstance(node, list):
        return [_replaced(item, places) for item in node]
    return {key: _replaced(value, places) for key, value in node.items()} if isinstance(node, dict) else node


def _digest(content: Mapping[str, Any]) -> str:
    """SHA-256 over what the cells say and show; an editor may add to their metadata without being asked."""
    cells = [[cell["cell_type"], cell["source"], cell.get("outputs", [])] for cell in content["cells"]]
    return hashlib.sha256(json.dumps(cells, sort_keys=True).encode()).hexdigest()
