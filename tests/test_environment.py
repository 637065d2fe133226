"""pyproject.toml, the lock, environment.yml, run.py and CITATION.cff tell of one environment and one version."""

import itertools
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import analysis_lib

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock.txt").read_text(encoding="utf-8")
RUN = (ROOT / "run.py").read_text(encoding="utf-8")

PIN = re.compile(r"(?P<pin>[a-z0-9][a-z0-9.-]*==[^\s;]+)(?: ; (?P<marker>[^\\]+))? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")


def locked_versions(name):
    pins = (Requirement(PIN.match(line)["pin"]) for line in LOCK.splitlines() if PIN.match(line))
    return {next(iter(pin.specifier)).version for pin in pins if canonicalize_name(pin.name) == canonicalize_name(name)}


def oldest(specifier):
    return next(part.version for part in Requirement(f"python{specifier}").specifier if part.operator == ">=")


@pytest.mark.parametrize("required", PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"])
def test_the_lock_pins_what_pyproject_asks_for(required):
    required = Requirement(required)
    versions = locked_versions(required.name)
    assert versions, f"{required.name} is not in the lock: python3 run.py lock"
    assert all(required.specifier.contains(version) for version in versions), f"{required}, but the lock has {versions}"


def test_the_lock_holds_pins_and_hashes_and_nothing_else():
    strange = [line for line in LOCK.splitlines() if not PIN.fullmatch(line) and not HASH.fullmatch(line)]
    assert strange == []  # no address, no option, no path


def test_every_pin_of_the_lock_has_a_hash():
    pairs = itertools.pairwise([*LOCK.splitlines(), "end"])
    bare = [line for line, following in pairs if PIN.fullmatch(line) and not HASH.fullmatch(following)]
    assert bare == []


def test_conda_users_get_the_lock_and_nothing_beside_it():
    python, pip, section = CONDA["dependencies"]
    assert pip == "pip"
    assert section == {"pip": ["-r requirements.lock.txt"]}  # pip refuses anything without a hash beside it
    assert python.startswith("python>=")


def test_the_oldest_python_is_the_same_everywhere():
    wanted = oldest(PROJECT["project"]["requires-python"])
    assert oldest(CONDA["dependencies"][0].removeprefix("python")) == wanted
    assert f'"--python-version", "{wanted}"' in RUN
    assert f"OLDEST = ({wanted.replace('.', ', ')})" in RUN


def test_the_version_is_the_same_everywhere():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert Version(PROJECT["project"]["version"]) == Version(analysis_lib.__version__) == Version(str(cited["version"]))
    assert PROJECT["project"]["license"] == cited["license"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this tree, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as packed:
        packed.extractall(folder / "site-packages")
    return folder / "site-packages"


@pytest.mark.parametrize(
    ("folder", "pattern"), [("data_schema", "**/*.json"), ("data_schema", "**/*.csv"), ("notebooks", "*.ipynb")]
)
def test_the_wheel_carries_the_schemas_examples_and_notebooks(wheel, folder, pattern):
    here = {path.relative_to(ROOT) for path in (ROOT / folder).glob(pattern)}
    packed = {path.relative_to(wheel / "analysis_lib") for path in (wheel / "analysis_lib" / folder).glob(pattern)}
    assert here
    assert packed == here


def test_the_installed_library_finds_its_own_copies(wheel, tmp_path):
    code = "from analysis_lib.locations import *; print(DATA_SCHEMA, EXAMPLES, NOTEBOOKS, CALIBRATION, sep='\\n')"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"PYTHONPATH": str(wheel)}
    said = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    library = wheel / "analysis_lib"
    expected = [
        library / "data_schema",
        library / "data_schema" / "examples",
        library / "notebooks",
        library / "calibration_offices.csv",
    ]
    assert [Path(line) for line in said.stdout.splitlines()] == expected
    assert all(path.exists() for path in expected)


def test_the_wheel_holds_nothing_but_the_library(wheel):
    assert {path.name.split("-")[0] for path in wheel.iterdir()} == {"analysis_lib", "selection_forensics"}


@pytest.mark.slow
def test_the_lock_is_what_uv_makes_of_pyproject(tmp_path):
    for name in ("pyproject.toml", "requirements.lock.txt", "run.py"):
        shutil.copy(ROOT / name, tmp_path)
    subprocess.run([sys.executable, "run.py", "lock"], cwd=tmp_path, check=True)
    assert (tmp_path / "requirements.lock.txt").read_text(encoding="utf-8") == LOCK


@pytest.mark.slow
def test_a_venv_from_the_pip_section_of_environment_yml_holds_together(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    section = CONDA["dependencies"][-1]["pip"]
    (tmp_path / "pip.txt").write_text("\n".join(section), encoding="utf-8")  # as conda does it, beside environment.yml
    shutil.copy(ROOT / "requirements.lock.txt", tmp_path)
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--requirement", "pip.txt"], cwd=tmp_path, check=True)
    subprocess.run([*pip, "install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], cwd=tmp_path, check=True)
    checked = subprocess.run([*pip, "check"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    subprocess.run([str(python), "-c", "import analysis_lib.results, altair, numba, papermill"], cwd=tmp_path, check=True)
