"""Damaged inputs by the thousand: refused in our own words, or read without losing a row; and the check itself can fail."""

import csv
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from fuzz_seeds import names, seeds
from hypothesis import given
from hypothesis import strategies as st
from importers import fuzz
from tiny_package import STEADY

from analysis_lib.errors import ForensicsError
from analysis_lib.importers import formats, grids
from analysis_lib.importers.mapping import platforms

SEED = 2031
RECORDED = Path(__file__).parents[1] / "golden/fuzz.csv"


@pytest.mark.parametrize("n", [400, pytest.param(2_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("importer", fuzz.importers())
def test_damaged_inputs_of_each_importer(importer, n):
    tally = fuzz.run(importer, range(n), SEED, mapped=50, written=1_000)
    assert tally.troubles == []
    assert tally.counts["inputs"] == n
    assert tally.counts["unexplained"] == tally.counts["rows_lost"] == tally.counts["personal_told"] == 0
    assert min(tally.counts[count] for count in ("accepted", "rows_read", "faults", "through_mapping")) > 0


def test_every_platform_has_exports_to_damage():
    assert {*platforms()} <= {*names()}
    assert {*seeds()} == {*names()}


def test_an_input_can_be_made_again():
    first, second = (fuzz.one_input("helios", 8, SEED) for _ in range(2))
    assert (first.counts, first.troubles) == (second.counts, second.troubles)
    assert fuzz.one_input("helios", 16, SEED).counts != first.counts or first.counts["refused"]


def test_an_exception_of_another_kind_is_noticed(monkeypatch):
    def broken(*_):
        raise KeyError("oh")

    monkeypatch.setattr(formats, "recognise", broken)
    tally = fuzz.run("helios", range(3), SEED)
    assert tally.counts["unexplained"] == 3
    assert "KeyError: 'oh'" in tally.troubles[0]


def test_a_row_that_is_lost_is_noticed(monkeypatch):
    whole = grids.raw_table

    def losing(*arguments):
        read = whole(*arguments)
        return type(read)(
            tuple(type(t)(t.name, t.file, t.cells.head(1), t.rows.head(1)) for t in read.tables), read.faults, read.repairs
        )

    monkeypatch.setattr(formats, "raw_table", losing)
    assert fuzz.run("helios", range(20), SEED).counts["rows_lost"] > 0


def test_a_name_in_a_message_is_noticed(monkeypatch):
    def telling(data, *_):
        raise ForensicsError(data.decode("utf-8", "replace"))

    monkeypatch.setattr(formats, "recognise", telling)
    tally = fuzz.run("limesurvey", range(20), SEED)
    assert tally.counts["personal_told"] > 0
    assert tally.counts["refused"] == 20


def test_the_recorded_run_had_200_000_inputs_and_no_trouble():
    rows = {row["importer"]: row for row in csv.DictReader(RECORDED.read_text(encoding="utf-8").splitlines())}
    whole = rows.pop("all")
    assert int(whole["inputs"]) >= 200_000
    assert {*platforms()} | {*fuzz.PACKAGE} <= {*rows}
    for name in ("unexplained", "rows_lost", "personal_told"):
        assert {row[name] for row in rows.values()} == {"0"}
    for name in fuzz.COUNTS:
        assert int(whole[name]) == sum(int(row[name]) for row in rows.values())


@STEADY
@given(data=st.binary(max_size=300), importer=st.sampled_from(names()))
def test_any_bytes_are_read_or_refused(data, importer):
    seed = seeds()[importer][0]
    counts: Counter[str] = Counter()
    try:
        sources = fuzz._read(seed, [(seed.files[0][0], data)], fuzz.mapping_of(seed.platform))
        fuzz._map(seed, sources, fuzz.mapping_of(seed.platform), counts)
    except ForensicsError:
        return
    assert counts["rows_lost"] == 0


TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)


@STEADY
@given(rows=st.lists(st.lists(TEXTS, min_size=2, max_size=4), max_size=5))
def test_any_cells_under_the_right_names_come_to_rows_or_faults(rows):
    lines = ["Member ID,E-mail,Branch,Voted at"] + [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    data = "\n".join(lines).encode()
    seed = seeds()["template"][0]
    sources = fuzz._read(seed, [("list.csv", data)], fuzz.mapping_of(seed.platform))
    assert fuzz.lost_in_reading("list.csv", data, sources[0]) == 0
    counts: Counter[str] = Counter()
    fuzz._map(seed, sources, fuzz.mapping_of(seed.platform), counts)
    assert counts["rows_lost"] == 0
    assert sum((part.table.rows.len() for part in sources[0].parts), 0) <= len(rows)
    assert all(part.table.cells.dtypes == [pl.String] * part.table.cells.width for part in sources[0].parts)
