"""run.py is tried on a copy in an empty folder; only `test_the_index...` and the slow test start pip."""

import ast
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

ROOT = Path(__file__).resolve().parent.parent
DEAD_INDEX = "http://127.0.0.1:9/simple"  # nothing listens on the discard port


@pytest.fixture
def run(tmp_path):
    """A copy of run.py, imported: its .venv is the one beside it."""
    for name in ("run.py", "pyproject.toml", "requirements.lock.txt"):
        shutil.copy(ROOT / name, tmp_path)
    spec = importlib.util.spec_from_file_location("run", tmp_path / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def steps(run, monkeypatch):
    """The steps of the installation, written down instead of done."""
    done = []

    def install(step, command, environment):
        done.append(step)
        if step == "Making .venv":
            shutil.rmtree(run.VENV, ignore_errors=True)
            run.venv_python(run.VENV).parent.mkdir(parents=True)
            run.venv_python(run.VENV).touch()

    monkeypatch.setattr(run, "install", install)
    monkeypatch.setattr(run, "usable", Path.exists)
    monkeypatch.setattr(run.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, stdout=b""))
    return done


FROM_NOTHING = ["Making .venv", "Installing uv", "Installing the packages", "Installing the project"]


def test_an_old_python_can_read_run_py():
    tree = ast.parse((ROOT / "run.py").read_text(encoding="utf-8"), feature_version=(3, 6))
    imported = {alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("version", "words"), [((3, 6, 15), "this is Python 3.6"), ((3, 10, 13), "3.11 or newer"), ((3, 11, 0), ""), ((4, 0, 0), "")]
)
def test_refusal_of_an_old_python(run, version, words):
    said = run.refusal(version, "/usr/bin/python3")
    assert words in said
    assert bool(said) == bool(words)


def test_an_old_python_is_told_before_anything_is_made(tmp_path):
    shutil.copy(ROOT / "run.py", tmp_path)
    code = "import runpy, sys; sys.version_info = (3, 9, 18); runpy.run_path('run.py', run_name='__main__')"
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "this is Python 3.9" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_venv_is_told_what_to_install(run, monkeypatch, module):
    found = importlib.util.find_spec
    monkeypatch.setattr(run.importlib.util, "find_spec", lambda name: None if name == module else found(name))
    with pytest.raises(run.Trouble, match=rf"no `{module}` module.*(?s:.)*apt install python3-venv"):
        run.main(["setup"])
    assert not run.VENV.exists()


def test_the_index_out_of_reach_is_said_in_words(run, tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    dead = {"PIP_INDEX_URL": DEAD_INDEX, "PIP_CONFIG_FILE": os.devnull, "HOME": str(tmp_path / "home"), "NO_PROXY": "*"}
    command = [sys.executable, str(tmp_path / "run.py"), "setup"]
    ended = subprocess.run(command, env=kept | dead, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "Installing uv failed" in ended.stderr
    assert "The package index could not be reached" in ended.stderr
    assert "PIP_INDEX_URL" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) < 12  # pip itself says twice as much
    assert not run.STAMP.exists()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("error: Failed to fetch: `https://example.org/simple/six/`\n  cause: dns error", "could not be reached"),
        ("error: Failed to download `six==1.17.0`\n  cause: Hash mismatch for `six==1.17.0`", "is not the one whose SHA-256"),
        ("error: No solution found\n  cause: Because numba==0.68.1 has no usable wheels", "no ready-made build"),
        ("error: Failed to initialize cache at `/nope/uv`", "UV_CACHE_DIR"),
        ("WARNING: a\nERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "is not the one whose SHA-256"),
    ],
)
def test_advice_follows_the_installers_own_words(run, said, words):
    told = run.explain("Installing the packages", said.splitlines())
    assert told.startswith("Installing the packages failed.\n  | ")
    assert said.splitlines()[-1].strip() in told
    assert words in told
    assert "WARNING" not in told
    assert sum(advice in told for advice in run.ADVICE.values()) == 1


def test_without_a_known_cause_the_last_words_stand_alone(run):
    told = run.explain("Making .venv", ["one", "two", "three", "four", "no space left on device"])
    assert told == "Making .venv failed.\n  | two\n  | three\n  | four\n  | no space left on device"


def test_a_failing_step_stops_the_installation(run, capsys):
    code = "print('Downloading numpy (16MiB)'); print(' + numpy'); raise SystemExit('error: broken')"
    with pytest.raises(run.Trouble, match=r"Installing it failed\.\n  \| error: broken"):
        run.install("Installing it", [sys.executable, "-c", code], dict(os.environ))
    assert capsys.readouterr().err == "  Downloading numpy (16MiB)\n"


def test_a_finished_installation_is_not_repeated(run, steps):
    run.ready()
    assert steps == FROM_NOTHING
    steps.clear()
    assert run.ready() == run.venv_python(run.VENV)
    assert steps == []


@pytest.mark.parametrize("name", ["requirements.lock.txt", "pyproject.toml"])
def test_a_changed_list_of_versions_is_installed_into_the_same_venv(run, steps, name):
    run.ready()
    steps.clear()
    with (run.ROOT / name).open("a", encoding="utf-8") as file:
        file.write("\n# changed\n")
    run.ready()
    assert steps == FROM_NOTHING[1:]


def test_a_half_built_venv_is_mended(run, steps, monkeypatch):
    whole = run.install

    def cut_off(step, command, environment):
        if step == "Installing the packages":
            raise run.Trouble("the network went away")
        whole(step, command, environment)

    monkeypatch.setattr(run, "install", cut_off)
    with pytest.raises(run.Trouble, match="the network went away"):
        run.ready()
    assert not run.STAMP.exists()
    steps.clear()
    monkeypatch.setattr(run, "install", whole)
    run.ready()
    assert steps == FROM_NOTHING[1:]


def test_a_failed_change_leaves_no_stamp_of_the_old_state(run, steps, monkeypatch):
    run.ready()
    (run.ROOT / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    monkeypatch.setattr(run, "install", lambda step, *_: (_ for _ in ()).throw(run.Trouble(step)))
    with pytest.raises(run.Trouble, match="Installing uv"):
        run.ready()
    assert not run.STAMP.exists()


def test_a_venv_that_lost_its_interpreter_or_was_moved_is_made_anew(run, steps):
    run.ready()
    run.venv_python(run.VENV).unlink()
    steps.clear()
    run.ready()
    assert steps == FROM_NOTHING
    run.STAMP.write_text(json.dumps({**run.fingerprint(), "place": "elsewhere"}), encoding="utf-8")
    steps.clear()
    run.ready()
    assert steps == FROM_NOTHING


def test_a_stamp_that_cannot_be_read_counts_as_none(run, steps):
    run.ready()
    run.STAMP.write_text("{", encoding="utf-8")
    steps.clear()
    run.ready()
    assert steps == FROM_NOTHING[1:]


def test_a_venv_is_usable_only_with_this_python_and_pip(run, tmp_path):
    assert run.usable(sys.executable) == (importlib.util.find_spec("pip") is not None)
    assert not run.usable(tmp_path / "no-such-python")
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    assert not run.usable(run.venv_python(bare))


def test_uv_is_installed_by_the_hashes_of_the_lock(run, steps):
    run.VENV.mkdir()
    run.install_uv(run.venv_python(run.VENV), {})
    first, *hashes = (run.VENV / "uv.txt").read_text(encoding="utf-8").splitlines()
    assert first == "uv==0.13.9 \\"
    assert hashes
    assert all(line.startswith("    --hash=sha256:") for line in hashes)
    assert not hashes[-1].endswith("\\")


def test_a_lock_without_uv_is_refused(run):
    run.LOCK.write_text("six==1.17.0 \\\n    --hash=sha256:00\n", encoding="utf-8")
    with pytest.raises(run.Trouble, match=r"no line `uv==\.\.\.`"):
        run.install_uv(run.venv_python(run.VENV), {})


def test_uv_is_told_of_the_index_that_pip_was_told_of(run):
    listed = ":env:.index-url='https://a.example/simple'\nglobal.cert='/c.pem'\nglobal.index-url='https://b.example/simple'\n"
    assert run.told_to_pip(listed) == {"UV_DEFAULT_INDEX": "https://a.example/simple", "SSL_CERT_FILE": "/c.pem"}
    assert run.told_to_pip("") == {}


@pytest.mark.parametrize(
    ("system", "venv", "python"),
    [
        ("nt", PureWindowsPath(r"C:\x y\.venv"), r"C:\x y\.venv\Scripts\python.exe"),
        ("posix", PurePosixPath("/x y/.venv"), "/x y/.venv/bin/python"),
    ],
)
def test_the_interpreters_place_on_each_system(run, system, venv, python):
    assert str(run.venv_python(venv, system)) == python


def test_a_job_sees_no_module_or_setting_of_the_users_own(run, monkeypatch):
    for name in ("PYTHONPATH", "PYTHONSTARTUP", "JUPYTER_PATH"):
        monkeypatch.setenv(name, "/home/someone")
    environment = run.job_environment()
    assert not {"PYTHONPATH", "PYTHONSTARTUP", "JUPYTER_PATH"} & environment.keys()
    assert environment["PATH"].split(os.pathsep)[0] == str(run.venv_python(run.VENV).parent)
    assert Path(environment["IPYTHONDIR"]).parent == Path(environment["JUPYTER_CONFIG_DIR"]).parent == run.VENV


@pytest.mark.parametrize(
    ("arguments", "command", "at_root"),
    [
        (["report"], ["-P", "-m", "analysis_lib.cli", "report"], False),
        (["report", "a b", "--out", "x"], ["-P", "-m", "analysis_lib.cli", "report", "a b", "--out", "x"], False),
        (["lab", "--no-browser"], ["-m", "jupyterlab", "NOTEBOOKS", "--no-browser"], True),
    ],
)
def test_what_each_command_runs_and_where(run, steps, monkeypatch, arguments, command, at_root):
    jobs = []
    monkeypatch.setattr(run, "run_job", lambda *job: jobs.append(job) or 5)
    assert run.main(arguments) == 5
    (python, *ran), folder, _ = jobs[0]
    assert python == run.venv_python(run.VENV)
    assert ran == [run.ROOT / "notebooks" if part == "NOTEBOOKS" else part for part in command]
    assert folder == (run.ROOT if at_root else Path.cwd())


def test_arguments_of_test_come_after_the_defaults_they_may_overrule(run, steps, monkeypatch):
    jobs = []
    monkeypatch.setattr(run, "run_job", lambda *job: jobs.append(job) or 0)
    run.main(["test", "-m", "slow"])
    command = jobs[0][0]
    assert command[1:3] == ["-m", "pytest"]
    assert command[-2:] == ["-m", "slow"]
    assert command.index("--nbval-lax") < len(command) - 2
    assert "loadfile" in command  # or nbval's cells are torn apart


def test_the_exit_code_is_the_jobs(run, tmp_path):
    assert run.run_job([sys.executable, "-c", "raise SystemExit(7)"], tmp_path, dict(os.environ)) == 7


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals of this kind")
def test_a_job_ended_by_a_signal_gives_the_shells_exit_code(run, tmp_path):
    code = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    assert run.run_job([sys.executable, "-c", code], tmp_path, dict(os.environ)) == 128 + 15


@pytest.mark.parametrize("arguments", [["repotr"], ["setup", "now"], ["--report"]])
def test_an_unknown_command_shows_the_usage(run, capsys, arguments):
    assert run.main(arguments) == 2
    said = capsys.readouterr()
    assert f"there is no command `{' '.join(arguments)}`" in said.err
    assert run.USAGE in said.err
    assert said.out == ""
    assert not run.VENV.exists()


@pytest.mark.parametrize("arguments", [[], ["help"], ["-h"], ["--help"]])
def test_help(run, capsys, arguments):
    assert run.main(arguments) == 0
    assert capsys.readouterr().out == run.USAGE


@pytest.mark.slow
def test_a_first_setup_in_an_empty_home(tmp_path):
    tree = tmp_path / "a folder né"  # a space and an accent, as people name folders
    ignored = shutil.ignore_patterns(".*", "__pycache__")
    shutil.copytree(ROOT, tree, ignore=ignored)
    environment = dict(os.environ, HOME=str(tmp_path / "home"))
    ended = subprocess.run(
        [sys.executable, str(tree / "run.py"), "setup"], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    python = tree / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    where = "import analysis_lib, polars; print(analysis_lib.__file__)"
    found = subprocess.run([python, "-c", where], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert Path(found.strip()) == tree / "analysis_lib" / "__init__.py"
