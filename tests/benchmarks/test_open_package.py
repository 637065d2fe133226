"""How fast a package with a log of five million rows is opened and checked, and how much memory that takes.

Each run is a process of its own, so that its peak is its own. `python3 run.py test -m benchmark -n 0 -s tests/benchmarks`
prints rows a second and the peak. The machine should be quiet.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tiny_package import write

pytestmark = pytest.mark.benchmark

SEED = 20310308
ROWS = 5_000_000
RUNS = 3  # the fastest counts: while the file just written goes to the disk, reading waits; of memory the worst
LEAST_ROWS_A_SECOND, MOST_GIB = 2_000_000, 2.0  # of Parquet, on two cores

MEASURE = """
import json, sys, time
from pathlib import Path
from analysis_lib.package import open_package
began = time.perf_counter()
package = open_package(sys.argv[1])
seconds = time.perf_counter() - began
status = Path("/proc/self/status")  # Linux; getrusage would tell the peak of the process that started this one too
peak = int(status.read_text().split("VmHWM:")[1].split()[0]) / 2**20 if status.exists() else 0.0
rows = package.tables["ballot_events"].height
print(json.dumps({"rows": rows, "seconds": seconds, "gib": peak, "faults": package.faults.height}))
"""


def keys(rng: np.random.Generator, n: int) -> pl.Series:
    """Keys of 32 hexadecimal digits."""
    digits = np.frombuffer(b"0123456789abcdef", dtype="u1")
    block = 500_000
    return pl.concat(
        pl.Series(digits[rng.integers(0, 16, (min(block, n - start), 32))].astype("u1").view("S32").ravel().astype("U32"))
        for start in range(0, n, block)
    )


def ballot_events(n: int) -> pl.DataFrame:
    """A platform's log: a million voters and half a million networks for five million events."""
    rng = np.random.default_rng(SEED)
    seconds = np.sort(rng.integers(0, 7 * 86_400 * 10**6, n)).astype("timedelta64[us]")
    at = pl.Series(np.datetime64("2031-03-01T09:00:00", "us") + seconds).dt.replace_time_zone("UTC")

    def some_of(values: list[str], shares: list[float]) -> pl.Series:
        return pl.Series(values).gather(rng.choice(len(values), n, p=shares))

    return pl.DataFrame({
        "event_id": "E" + keys(rng, n),
        "contest_id": pl.repeat("vale_2031", n, eager=True),
        "seq": pl.int_range(1, n + 1, eager=True),
        "at": at,
        "at_raw": at.dt.strftime("%Y-%m-%d %H:%M:%S"),
        "clock_id": pl.repeat("C1", n, eager=True),
        "event": some_of(["cast", "recast", "superseded"], [0.9, 0.05, 0.05]),
        "channel": some_of(["online", "in_person", "postal"], [0.9, 0.05, 0.05]),
        "link_level": pl.repeat("voter_linked", n, eager=True),
        "voter_key": keys(rng, n // 5).gather(rng.integers(0, n // 5, n)),
        "ip_key": keys(rng, n // 10).gather(rng.integers(0, n // 10, n)),
        "source_id": pl.repeat("S1", n, eager=True),
        "source_row": pl.int_range(2, n + 2, eager=True),
    })  # fmt: skip


def measured(folder: Path, suffix: str, n: int, *, is_in_order: bool = True) -> dict[str, float]:
    """Write the log as one kind of file, in the order of its key as an import does, open the package in a new process."""
    write(folder, only=("sources", "contests", "clocks"))
    (folder / "datapackage.json").unlink()
    frame, file = ballot_events(n), folder / "data" / f"ballot_events{suffix}"
    if is_in_order:
        frame = frame.sort("event_id")
    if suffix == ".parquet":
        frame.write_parquet(file)
    else:
        frame.write_csv(file, datetime_format="%Y-%m-%dT%H:%M:%S%.6f%:z")
    size = file.stat().st_size
    del frame
    command = [sys.executable, "-c", MEASURE, str(folder)]
    runs = [json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(RUNS)]
    found = min(runs, key=lambda run: run["seconds"]) | {"gib": max(run["gib"] for run in runs)}
    speed = found["rows"] / found["seconds"]
    print(
        f"\n{suffix}: {found['rows']:,} rows ({size / 1e6:,.0f} MB) in {found['seconds']:.2f} s: "
        f"{speed / 1e6:.2f} million rows a second, peak {found['gib']:.2f} GiB"
    )
    return found | {"speed": speed}


def test_five_million_rows_of_parquet(tmp_path):
    found = measured(tmp_path, ".parquet", ROWS)
    assert found["rows"] == ROWS
    assert found["gib"] <= MOST_GIB
    assert found["speed"] >= LEAST_ROWS_A_SECOND


def test_five_million_rows_in_no_order_of_their_key(tmp_path):
    found = measured(tmp_path, ".parquet", ROWS, is_in_order=False)
    assert found["rows"] == ROWS
    assert found["gib"] <= MOST_GIB
    assert found["speed"] >= LEAST_ROWS_A_SECOND / 2  # sorting five million random keys takes about as long as the rest


def test_a_million_rows_of_csv(tmp_path):
    found = measured(tmp_path, ".csv", 1_000_000)
    assert found["rows"] == 1_000_000
    assert found["speed"] >= 250_000  # several times less than was measured: only a fall back to the slow road fails
