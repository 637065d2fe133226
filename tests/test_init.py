"""Importing the package is cheap, and keeps one slow import away."""

import subprocess
import sys
import tomllib
from pathlib import Path

import analysis_lib

ROOT = Path(__file__).parents[1]


def python(statement: str) -> str:
    return subprocess.run([sys.executable, "-c", statement], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_the_version_is_the_distributions():
    assert analysis_lib.__version__ == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_importing_the_package_imports_nothing_heavy():
    heavy = "{'numpy', 'polars', 'altair', 'scipy', 'pydantic', 'jinja2', 'analysis_lib.results'}"
    assert python(f"import analysis_lib, sys; print(sorted({heavy} & set(sys.modules)))") == "[]"


def test_altair_does_not_build_the_iri_grammar():
    assert python("import analysis_lib, altair, sys; print('lark' in sys.modules)") == "False"


def test_the_schema_of_a_chart_is_still_checked_without_it():
    bad = "import analysis_lib, altair as alt; alt.Chart({'values': []}).mark_bar().encode(x=alt.X('x:Q', bin='many')).to_dict()"
    failed = subprocess.run([sys.executable, "-c", bad], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "SchemaValidationError" in failed.stderr
