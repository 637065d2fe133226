"""Chapters as processes: a few at a time, watched by threads, cut off from the user's own settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis_lib.reports.collect import LIBRARY

TIMEOUT_S = 1800  # a chapter that takes longer is stuck; papermill's own limit is per cell only
NOISE = ("TCP without encryption", "frozen_modules", "Debugger warning", "to python to disable", "Note: Debugging will proceed")


@dataclass(frozen=True)
class Job:
    """One notebook to execute, and where its executed copy goes."""

    chapter: str
    source: Path
    target: Path
    parameters: Mapping[str, Any]


def run_jobs(
    jobs: Iterable[Job],
    *,
    folder: Path,
    at_once: int,
    timeout_s: float = TIMEOUT_S,
    done: Callable[[str, float, str], None] = lambda chapter, seconds, error: None,
) -> dict[str, str]:
    """Execute notebooks, `at_once` at a time; return what went wrong, by chapter.

    Each notebook has a Python process of its own, started afresh: a kernel that served another
    notebook before would carry its state over, and a fork after Polars has run can hang.
    `done` is called in the calling thread as chapters end, with seconds taken and error ("" if none).
    """
    folder.mkdir(parents=True, exist_ok=True)
    environment = clean_environment(folder)
    running: list[subprocess.Popen[bytes]] = []
    failed: dict[str, str] = {}
    pool = ThreadPoolExecutor(max_workers=at_once)
    try:
        futures = {pool.submit(_execute, job, folder, environment, timeout_s, running): job for job in jobs}
        for future in as_completed(futures):
            error, seconds = future.result()
            if error:
                failed[futures[future].chapter] = error
            done(futures[future].chapter, seconds, error)
    finally:  # on Ctrl-C too: nothing may go on running behind the user's back
        pool.shutdown(wait=False, cancel_futures=True)
        for process in running:
            process.kill()
    return failed


def clean_environment(folder: Path) -> dict[str, str]:
    """The environment of a chapter: nothing of the user's start-up files, and one order of arithmetic everywhere.

    One thread each: two chapters run side by side, and sums over a varying number of threads differ
    in their last digits from machine to machine.
    """
    dropped = ("PYTHON", "IPYTHON", "JUPYTER", "PAPERMILL", "POLARS_")
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(dropped)}
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        environment[name] = str(folder / name.lower())
    environment |= {"JUPYTER_NO_CONFIG": "1", "PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "PYTHONNOUSERSITE": "1", "TZ": "UTC"}
    for name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        environment[f"{name}_NUM_THREADS"] = "1"
    environment["POLARS_MAX_THREADS"] = "1"
    if LIBRARY.parent.name != "site-packages":  # run from a source tree that need not be installed
        environment["PYTHONPATH"] = str(LIBRARY.parent)
    return environment


def _execute(
    job: Job, folder: Path, environment: dict[str, str], timeout_s: float, running: list[subprocess.Popen[bytes]]
) -> tuple[str, float]:
    """Run one notebook to its end; return the error's last line ("" if none) and the seconds taken."""
    started = time.perf_counter()
    said, warned = folder / f"{job.chapter}.out", folder / f"{job.chapter}.err"
    # Files and not pipes: a kernel that outlives its parent for a while would hold a pipe open.
    with said.open("w") as output, warned.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "analysis_lib.reports.chapter", job.source, job.target, json.dumps(dict(job.parameters))],
            stdin=subprocess.DEVNULL, stdout=output, stderr=errors, cwd=folder, env=environment,
        )  # fmt: skip
        running.append(process)
        error = ""
        try:
            if status := process.wait(timeout_s):
                error = _last_line(said) or _last_line(warned) or f"its process ended with exit status {status}"
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            error = f"it was stopped after {timeout_s:g} seconds, the longest a chapter may take"
        finally:
            running.remove(process)
    return error, time.perf_counter() - started


def _last_line(path: Path) -> str:
    lines = [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line and not any(noise in line for noise in NOISE)), "")
