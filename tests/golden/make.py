"""Rewrite what is generated and committed: python3 run.py golden

The dictionary, the made-up examples, the checked outputs of the notebooks, and the findings of
made_up_vale. A test refuses each of them when stale; a change of the findings wants a line in CHANGELOG.md.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from analysis_lib import locations, schema
from analysis_lib.reports.collect import canonical
from analysis_lib.reports.runner import run_report
from analysis_lib.simulate import __main__ as examples

GOLDEN = locations.EXAMPLES / "made_up_vale" / "findings.json"
LASTING = ("package", "title", "contest_id", "made_up", "plan_sha256", "plan", "findings")  # the rest changes with every commit


def golden_findings() -> dict:
    """Give the lasting part of the findings of made_up_vale, from a report made now."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = run_report("made_up_vale", Path(folder) / "report", progress=False)
        content = json.loads((outcome.folder / "findings.json").read_text(encoding="utf-8"))
    return {name: content[name] for name in LASTING}


def rerun(path: Path) -> None:
    """Execute a notebook and keep the outputs of its checked cells only."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code" and "keep_output" not in cell.metadata.get("tags", ()):
            cell.outputs = []
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"], "language_info": {"name": "python"}}
    nbformat.write(notebook, path)


def main() -> None:
    """Rewrite everything, in the order in which one needs another."""
    (locations.DATA_SCHEMA / "dictionary.md").write_text(schema.dictionary(), encoding="utf-8", newline="\n")
    examples.write_examples()
    GOLDEN.write_text(canonical(golden_findings()), encoding="utf-8", newline="\n")
    for path in sorted(locations.NOTEBOOKS.glob("*.ipynb")):
        rerun(path)
        print(f"{path.name}: done", file=sys.stderr)


if __name__ == "__main__":
    main()
