"""All traps together: the examples and made-up contests have none, the door tells them, and large tables cost little."""

import time

import polars as pl
import pytest
from tiny_package import example_row, write
from trap_tables import CLOCK, casts, pace, tables

from analysis_lib import simulate, traps
from analysis_lib.faults import message
from analysis_lib.locations import EXAMPLES
from analysis_lib.package import open_package
from analysis_lib.traps.looked_at import MOST, counted, some, stretch

NAMES = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_have_no_trap(name):
    imported = {"trap_batch"} if name == "made_up_hill" else set()  # affiliates, in one go
    assert {fault.rule for fault in traps.find(open_package(name).tables)} == imported


@pytest.mark.parametrize("resolution_s", [1, 60])
def test_made_up_contests_have_no_trap(resolution_s):
    empty = tables()
    for seed in range(15):
        setting = simulate.Setting(resolution_s=resolution_s, n_members=(200, 500, 1500)[seed % 3])
        made = simulate.selection(620_000 + seed, setting).tables
        full = {name: pl.concat([made.get(name, frame), frame], how="diagonal_relaxed") for name, frame in empty.items()}
        full |= {name: full[name].filter(pl.col("source_id") != "S1") for name in ("sources", "clocks")}
        assert traps.find(full) == []


def test_the_door_tells_a_trap_and_keeps_the_row(tmp_path):
    rows = [example_row("ballot_events", event_id=f"B{i:04d}", at="1970-01-01T00:00:00Z", at_raw="") for i in range(3)]
    package = open_package(write(tmp_path, {"ballot_events": rows}))
    told = [message(f) for f in package.faults.filter(pl.col("rule") == "trap_placeholder").iter_rows(named=True)]
    assert len(told) == 1
    assert told[0].startswith("data/ballot_events.csv, column at: 3 of 3 rows bear a date of 1899, 1970 or 1980")
    assert package.tables["ballot_events"].height == 3


def test_no_key_stands_in_a_message():
    votes = casts([at.replace(second=0) for at in pace()])
    text = " ".join(
        f"{fault.found} {fault.remedy}" for fault in traps.find(tables(ballot_events=votes, roll=[{"voter_key": "x"}]))
    )
    assert "whole minute" in text
    assert not any(row["voter_key"] in text for row in votes)


def test_the_order_of_rows_changes_nothing():
    votes = casts([at.replace(second=0, minute=at.minute // 5 * 5) for at in pace(300)])
    first = tables(ballot_events=votes, clocks=[CLOCK | {"write_semantics": "last_overwrite"}])
    assert len(traps.find(first)) >= 3
    shuffled = first | {"ballot_events": first["ballot_events"].sample(fraction=1, shuffle=True, seed=1)}
    assert traps.find(shuffled) == traps.find(first)


def test_large_tables_are_judged_by_a_part_and_say_so():
    rows = pl.DataFrame({"n": range(3 * MOST + 1)})
    assert some(rows).height <= MOST
    assert stretch(rows).height == MOST
    assert counted(7, some(rows), rows) == f"7 of {some(rows).height:,} rows looked at, of {rows.height:,}"
    assert counted(7, rows, rows) == f"7 of {rows.height:,} rows"


@pytest.mark.benchmark
def test_five_million_rows_cost_little():
    n = 5_000_000
    start = pl.lit(1_949_000_000_000_000)
    votes = tables(ballot_events=casts(pace(1000)))["ballot_events"][[i % 1000 for i in range(n)]]
    votes = votes.with_columns(at=(start + pl.int_range(n) * 250_000).cast(pl.Datetime("us", "UTC")), seq=pl.int_range(n))
    full = tables() | {"ballot_events": votes}
    traps.find(full)
    begun = time.perf_counter()
    traps.find(full)
    assert time.perf_counter() - begun < 1.0  # about 0.2 s on two quiet cores
