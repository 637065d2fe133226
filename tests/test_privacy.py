"""Personal data in free text: found wherever it stands, counted, and never repeated."""

from __future__ import annotations

import pytest
from tiny_package import check, describe, example_row, lines, write

from analysis_lib.package import open_package

FOUND = {
    "an e-mail address": "ask jane.doe@example.org",
    "a network address": "from 192.0.2.17",
    "a telephone number": "call 020 7946 0958 or so",
    "a postcode": "lives in SW1A 1AA",
}


@pytest.mark.parametrize("kind", FOUND)
@pytest.mark.parametrize(("table", "column"), [("sources", "note"), ("statements", "statement"), ("sources", "remark")])
def test_personal_data_in_a_text_are_counted_and_not_repeated(tmp_path, kind, table, column):
    key = {"sources": "source_id", "statements": "statement_id"}[table]
    rows = [example_row(table, **{key: "A1"}), *(example_row(table) | {key: name, column: FOUND[kind]} for name in ("A2", "A3"))]
    rows[0] |= {column: "nothing"}
    if table == "sources":
        rows.append(example_row("sources") | {column: ""})
    _, told = check(tmp_path, {table: rows}, ("sources", "contests"))
    assert "warning privacy | " in told
    assert f"row 3: what looks like {kind} stands in 2 cells, first in this row. Expected no address" in told
    assert FOUND[kind] not in told
    assert FOUND[kind].split()[-1] not in told.split()


def test_ipv6_is_a_network_address_and_a_time_is_not(tmp_path):
    notes = ["2001:db8:0:1:1:1:1:1", "2001:db8::17", "20:00:00", "2031-03-08T20:00:00+00:00", "08-03-2031 20.00", "v1.2.3"]
    rows = [example_row("sources", source_id=f"S{place}", note=note) for place, note in enumerate(notes, start=1)]
    _, told = check(tmp_path, {"sources": rows}, ("contests",))
    assert told.count("warning privacy") == 1
    assert "row 2: what looks like a network address stands in 2 cells" in told


def test_names_of_candidates_and_addresses_of_pages_are_public(tmp_path):
    row = example_row("sources", url="https://www.example.org/a@b.example/192.0.2.17")
    candidate = example_row("candidates", display_name="info@doe.example")
    assert check(tmp_path, {"sources": [row], "candidates": [candidate]}, ("contests",))[1] == ""


def test_the_descriptor_is_searched(tmp_path):
    package = open_package(
        describe(write(tmp_path, only=()), description="ask jane.doe@example.org", resources=[{"name": "roll"}])
    )
    assert "datapackage.json, column description, row 1: what looks like an e-mail address" in lines(package)
    assert "jane" not in lines(package)
