#!/usr/bin/env python3
"""Make .venv from requirements.lock.txt, then run a job in it. Needs Python 3.11 or newer, and nothing else.

Python 3.6 must be able to read this file (no newer syntax), so that an old Python can say that it
is too old instead of showing a SyntaxError.
"""

import hashlib
import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)


def refusal(version, executable):
    """Say why this Python can't be used; nothing if it can."""
    if tuple(version[:2]) >= OLDEST:
        return ""
    return (
        f"run.py: this is Python {version[0]}.{version[1]} ({executable}); Python {OLDEST[0]}.{OLDEST[1]} or newer is needed.\n"
        "Install one (from python.org, your system's packages or conda) and name it: python3.13 run.py ..."
    )


if refusal(sys.version_info, sys.executable):
    sys.exit(refusal(sys.version_info, sys.executable))

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.lock.txt"
STAMP = VENV / "run-stamp.json"

USAGE = """\
usage: python3 run.py COMMAND [ARGUMENTS]

  report [PACKAGE] [...]   write the report on a data package; without one, on every example
  import PLATFORM FILES... bring a platform's exports into a data package (import --list: which platforms)
  check PACKAGE [...]      list every fault of a data package, and how to mend it
  request PACKAGE [...]    write the letters that ask for the missing columns
  test [...]               run the tests; further arguments go to pytest (-k NAME, -m slow, -n 0)
  lab [...]                open the notebooks in JupyterLab
  golden                   write anew what is generated: dictionary, made-up examples, checked notebook outputs, findings
  setup                    only make .venv, or mend it
  lock [...]               write requirements.lock.txt anew from pyproject.toml (--upgrade: newest versions)

Each first makes .venv from requirements.lock.txt where that has not been done yet.
"""

# Left out by default: what takes minutes (slow, calibration) or measures time (benchmark).
# loadfile: nbval's cells of one notebook share a kernel, so they must stay on one worker.
TEST = ["-q", "-n", "2", "--dist", "loadfile", "-m", "not slow and not calibration and not benchmark"]
TEST += ["--nbval-lax", "--nbval-current-env"]

# Universal: one file for every system. No address of an index is written down.
COMPILE = ["compile", "pyproject.toml", "--group", "dev", "--universal", "--python-version", "3.11"]
COMPILE += ["--generate-hashes", "--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links"]
COMPILE += ["--quiet", "--output-file", LOCK.name]

NO_VENV = """\
this Python ({python}) has no `{module}` module, so it can't make a virtual environment.
On Debian and Ubuntu: apt install python3-venv. Elsewhere: use a Python from python.org or conda."""

PIP_TO_UV = {"index-url": "UV_DEFAULT_INDEX", "proxy": "HTTPS_PROXY", "cert": "SSL_CERT_FILE"}

# What is seen in the words of pip or uv (the first that fits), and what to do.
ADVICE = {
    r"hash mismatch|do not match the hashes": """\
A file is not the one whose SHA-256 is in the lock; nothing was installed from it. Try again. If it stays so,
the index or a proxy hands out altered files: use another index (PIP_INDEX_URL).""",
    r"connect|failed to fetch|timed out|proxy|certificate|network|dns|name resolution": """\
The package index could not be reached. Check the network; behind a proxy set HTTPS_PROXY; to use
a mirror set PIP_INDEX_URL to its address. Then run the same command again.""",
    r"initialize cache": "Set UV_CACHE_DIR to a folder that you may write to. Then run the same command again.",
    r"no usable wheels|no matching distribution": """\
A locked package has no ready-made build for this Python and system. All have one for Python 3.11 to 3.14 on Linux
(glibc), Windows (64-bit) and macOS (Apple silicon): run it there, for example with python3.13 run.py ...""",
}


class Trouble(Exception):
    """What stops the job, in words for the person at the keyboard."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def venv_python(venv, system=os.name):
    """Where a virtual environment keeps its interpreter."""
    return venv / "Scripts" / "python.exe" if system == "nt" else venv / "bin" / "python"


def fingerprint():
    """What .venv depends on: this Python, this place (scripts hold the full path), and the two files of versions."""
    files = hashlib.sha256(LOCK.read_bytes() + (ROOT / "pyproject.toml").read_bytes())
    return {"python": list(sys.version_info[:2]), "place": str(ROOT), "files": files.hexdigest()}


def read_stamp():
    """The fingerprint of the last finished installation; empty if there is none that can be read."""
    try:
        return json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def explain(step, lines):
    """Shorten what pip or uv said to its errors, and add what to do."""
    text = "\n".join(lines)
    errors = [line.strip() for line in lines if re.match(r"\s*(error|cause|caused by)\b", line, re.IGNORECASE)]
    errors += re.findall(r"\[(?:Errno|WinError) -?\d+\] [^'\n]+", text)[-1:]  # deep inside pip's warnings
    own = list(dict.fromkeys(line[:200] for line in errors or lines))[-4:]
    advice = [words for seen, words in ADVICE.items() if re.search(seen, text, re.IGNORECASE)][:1]
    return "\n".join([step + " failed."] + ["  | " + line for line in own] + advice)


def install(step, command, environment):
    """Run one step of the installation; of its output only the names of large downloads are shown."""
    lines = []
    with subprocess.Popen(
        [str(part) for part in command],
        cwd=str(ROOT),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        for line in process.stdout:
            lines.append(line.rstrip())
            if line.strip().startswith("Downloading"):
                say("  " + line.strip())
    if process.returncode:
        raise Trouble(explain(step, lines))


def install_environment():
    """The user's environment for pip and uv, less what would lead the installation elsewhere than to .venv."""
    environment = dict(os.environ, PYTHONUTF8="1", NO_COLOR="1", PIP_USER="0", UV_PYTHON_DOWNLOADS="never")
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        environment.setdefault(
            name, "1"
        )  # several processes run at once; threads of theirs would wait for each other for seconds
    for name in ("PYTHONPATH", "PYTHONHOME", "FORCE_COLOR", "CLICOLOR_FORCE"):
        environment.pop(name, None)
    return environment


def job_environment():
    """An activated .venv, with no start-up file, setting or module of the user's own in the way."""
    environment = dict(os.environ, PYTHONUTF8="1", VIRTUAL_ENV=str(VENV), JUPYTER_PREFER_ENV_PATH="1")
    environment.update(IPYTHONDIR=str(VENV / "ipython"), JUPYTER_CONFIG_DIR=str(VENV / "jupyter"))
    environment["PATH"] = str(venv_python(VENV).parent) + os.pathsep + environment.get("PATH", "")
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "JUPYTER_PATH", "JUPYTER_CONFIG_PATH"):
        environment.pop(name, None)
    return environment


def usable(python):
    """Whether .venv's interpreter starts, has pip, and is of this Python's version."""
    try:
        check = "import pip, sys; print(*sys.version_info[:2])"
        said = subprocess.run([str(python), "-I", "-c", check], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return False
    return said.stdout.split() == [str(part).encode() for part in sys.version_info[:2]]


def make_venv(environment):
    """Make .venv, in place of whatever is there."""
    base = getattr(sys, "_base_executable", "") or sys.executable  # inside a .venv: the Python it was made from
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise Trouble(NO_VENV.format(python=base, module=module))
    say(f"Making .venv with Python {platform.python_version()} ...")
    install("Making .venv", [base, "-m", "venv", "--clear", VENV], environment)


def install_uv(python, environment):
    """Put uv into .venv by pip, at the version and hashes of the lock; return how to call it, and its environment."""
    pinned = re.search(r"^uv==.*\n(?:[ \t]+.*\n)*", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    if pinned is None:
        raise Trouble(f"{LOCK.name}: there is no line `uv==...`. Take the file from the repository again.")
    wanted = VENV / "uv.txt"
    wanted.write_text(pinned.group(), encoding="utf-8")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    from_lock = ["--only-binary", ":all:", "--require-hashes", "--requirement", wanted]
    install("Installing uv", [*pip, "install", "--quiet", "--retries", "3", *from_lock], environment)
    listed = subprocess.run([*map(str, pip), "config", "list"], env=environment, stdout=subprocess.PIPE, check=False).stdout
    return [python, "-m", "uv", "pip"], {**told_to_pip(listed.decode(errors="replace")), **environment}


def told_to_pip(listed):
    """Take index, proxy and certificates from `pip config list`, under uv's names: uv reads no pip.conf and no PIP_ variable."""
    told = {}
    for setting, variable in PIP_TO_UV.items():
        values = re.findall(rf"^(?::env:|global|install)\.{setting}='(.+)'", listed, re.MULTILINE)
        if values:
            told[variable] = values[0]  # the environment is listed first, and counts most
    return told


def ready():
    """Bring .venv to the state of the lock, if it is not there yet; return its interpreter."""
    python, wanted, stamp = venv_python(VENV), fingerprint(), read_stamp()
    if stamp == wanted and python.exists():
        return python
    environment = install_environment()
    if stamp.get("place", str(ROOT)) != str(ROOT) or not usable(python):
        make_venv(environment)
    STAMP.unlink(missing_ok=True)  # an installation cut off half-way must not look finished
    uv, environment = install_uv(python, environment)
    say(f"Installing the packages of {LOCK.name} (the first time some 250 MB are fetched) ...")
    sync = [*uv, "sync", "--python", python, "--require-hashes", "--only-binary", ":all:", LOCK]
    install("Installing the packages", sync, environment)
    # Nothing is fetched here: the build tool (hatchling) is among the locked packages.
    project = [*uv, "install", "--python", python, "--offline", "--no-deps", "--no-build-isolation", "--editable", ROOT]
    install("Installing the project", project, environment)
    STAMP.write_text(json.dumps(wanted), encoding="utf-8")
    return python


def run_job(command, folder, environment):
    """Run a job to its end; its exit code. Ctrl-C reaches the job too, and the job decides what it means."""
    process = subprocess.Popen([str(part) for part in command], cwd=str(folder), env=environment)
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            continue
        return 128 - code if code < 0 else code  # ended by a signal: as a shell gives it


def write_lock(arguments):
    """Resolve pyproject.toml anew. The .venv may be behind the lock, so it needs only uv."""
    python, environment = venv_python(VENV), install_environment()
    if not usable(python):
        make_venv(environment)
    uv, environment = install_uv(python, environment)
    install("Resolving pyproject.toml", [*uv, *COMPILE, *arguments], environment)
    say(f"{LOCK.name} is written.")
    return 0


def main(arguments):
    """Run one command; the exit code is the job's, 2 for a command that isn't one."""
    if not arguments or arguments[0] in ("help", "-h", "--help"):
        print(USAGE, end="")
        return 0
    command, rest = arguments[0], arguments[1:]
    if command == "lock":
        return write_lock(rest)
    if command == "setup" and not rest:
        ready()
        say(f"{VENV} is ready.")
        return 0
    if command in ("report", "import", "check", "request"):
        # From the reader's folder, for its paths; -P: but no module is taken from there.
        return run_job([ready(), "-P", "-m", "analysis_lib.cli", command, *rest], Path.cwd(), job_environment())
    if command == "test":
        return run_job([ready(), "-m", "pytest", *TEST, *rest], ROOT, job_environment())
    if command == "lab":
        return run_job([ready(), "-m", "jupyterlab", ROOT / "notebooks", *rest], ROOT, job_environment())
    if command == "golden" and not rest:
        return run_job([ready(), ROOT / "tests" / "golden" / "make.py"], ROOT, job_environment())
    say(f"run.py: there is no command `{' '.join(arguments)}`.\n\n{USAGE}")
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Trouble as trouble:
        sys.exit(f"run.py: {trouble}")
    except KeyboardInterrupt:
        sys.exit(130)
