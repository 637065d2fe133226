"""How fast the nulls of the scan are drawn, against a plain numpy loop of the same statistic, and how much memory that takes.

`python3 run.py test -m benchmark -n 0 -s tests/benchmarks` prints what was measured. The machine should be quiet.
"""

import time
import tracemalloc

import numba
import numpy as np
import pytest
from reference import held, numpy_scan

from analysis_lib.stats import scan
from analysis_lib.stats.segments import level_segments

pytestmark = pytest.mark.benchmark

HOURS = np.arange(337) * 3600.0
LENGTHS = (60, 300, 900, 3600, 14400)
N_EVENTS, N_REPLICATES, THREADS = 2000, 9999, 2
N_PLAIN = 333  # replicates of the plain loop, whose time is scaled up
RUNS = 5  # the fastest counts


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", THREADS)


def events_null(module, n_resamples, noise_cv=0.0):
    shares = held.column("baseline_hourly.csv", "share")
    common = {"noise_cv": noise_cv, "resolution": 1, "n_resamples": n_resamples, "rng": np.random.default_rng(71)}
    return module.baseline_null(N_EVENTS, HOURS, shares / shares.sum(), LENGTHS, **common)


def bins_null(module, n_resamples):
    return module.uniform_bins_null(N_EVENTS, 4032, 48, n_resamples=n_resamples, rng=np.random.default_rng(72))


def seconds(work, *args):
    """Wall time and processor time of the fastest of some runs, each of which draws the same numbers."""
    times = []
    for _ in range(RUNS):
        began, began_cpu = time.perf_counter(), time.process_time()
        work(*args)
        times.append((time.perf_counter() - began, time.process_time() - began_cpu))
    return min(wall for wall, _ in times), min(cpu for _, cpu in times)


def compared(name, work):
    """Our time for all replicates, wall and processor, and the plain loop's, each scaled to all of them."""
    work(scan, 64)  # compiled or read from the cache
    ours, plain = seconds(work, scan, N_REPLICATES), seconds(work, numpy_scan, N_PLAIN)
    plain = [value * N_REPLICATES / N_PLAIN for value in plain]
    print(
        f"\n{name}, {N_REPLICATES:,} replicates on {THREADS} threads: {ours[0]:.2f} s (processors {ours[1]:.2f} s); plain numpy "
        f"{plain[0]:.1f} s ({plain[1]:.1f} s): {plain[0] / ours[0]:.1f} times as long ({plain[1] / ours[1]:.1f} on one thread)"
    )
    return ours[0], plain[0]


def test_windows_of_two_thousand_events_take_an_eighth_of_the_plain_loop():
    ours, plain = compared("2,000 events, 5 windows", events_null)
    assert ours <= plain / 8


def test_runs_of_four_thousand_bins_take_less_than_a_second():
    ours, _ = compared("2,000 events in 4,032 bins, runs of 1 to 48", bins_null)
    assert ours <= 0.8


@pytest.mark.parametrize("draw", [lambda n: events_null(scan, n, 0.6), lambda n: bins_null(scan, n)], ids=["events", "bins"])
def test_memory_is_flat_in_the_number_of_replicates(draw):
    draw(64)

    def peak(n):
        tracemalloc.start()
        draw(n)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found / 2**20

    few, many = peak(999), peak(N_REPLICATES)
    print(f"\npeak of 999 replicates {few:.1f} MiB, of {N_REPLICATES:,} {many:.1f} MiB")
    assert many <= 1.25 * few + 1.0


@pytest.mark.parametrize("mean", [0.2, 6.0])
def test_ten_thousand_bins_are_cut_into_segments(mean):
    draw = np.random.default_rng(73)
    for name, level in (("steady", np.full(10_000, mean)), ("100 levels", np.repeat(draw.gamma(1.0, mean, 100), 100))):
        counts = draw.poisson(level)
        level_segments(counts[:10])
        _, processor = seconds(level_segments, counts)  # one thread, so its own time tells, whatever else runs
        print(f"\nsegments of 10,000 bins, {name} ({mean} a bin): {processor:.3f} s")
        assert processor < 0.3
