"""Rows that were one piece of work: by minute, by hand, in bulk; and what else is on record then."""

from datetime import timedelta

import polars as pl
from cases import every, tiny, utc
from hypothesis import given
from hypothesis import strategies as st

from analysis_lib.methods.bulk_edits import BULK_ROWS, BULK_S, collapsed, on_record_then, with_edits

START = utc("2031-10-20 12:00")


def rows(*given):
    """Rows of (second, hand, member)."""
    return pl.DataFrame(
        {
            "source_id": ["S1"] * len(given), "actor_key": [hand for _, hand, _ in given],
            "at": [START + timedelta(seconds=s) for s, _, _ in given], "voter_key": [member for _, _, member in given],
            "actor_role": ["local_officer"] * len(given),
        },
        schema_overrides={"at": pl.Datetime("us", "UTC"), "actor_key": pl.String},
    )  # fmt: skip


def test_one_minute_of_one_hand_is_one_edit():
    found = collapsed(rows((5, "a", "v1"), (59, "a", "v2"), (61, "a", "v3"), (30, "b", "v4"), (31, None, "v5"), (32, None, "v6")))
    assert found.select("n", "is_bulk").rows() == [(2, False), (1, False), (2, False), (1, False)]


def test_a_long_import_is_one_edit_however_many_minutes_it_takes():
    found = collapsed(rows(*[(7 * i, "a", f"v{i}") for i in range(200)], (5000, "a", "v1")))
    assert found.select("n", "n_members", "is_bulk").rows() == [(200, 200, True), (1, 1, False)]


def test_nine_are_no_bulk_and_ten_are():
    for n in (BULK_ROWS - 1, BULK_ROWS):
        found = with_edits(rows(*[((BULK_S - 1) / (n - 1) * i, "a", f"v{i}") for i in range(n)]))
        assert found["is_bulk"].all() == (n == BULK_ROWS)


def test_ten_hands_at_once_are_no_bulk():
    assert not with_edits(rows(*[(1, f"h{i}", f"v{i}") for i in range(30)]))["is_bulk"].any()


def test_nothing_at_all():
    assert with_edits(rows()).height == 0
    assert collapsed(rows()).height == 0


@given(st.lists(st.tuples(st.integers(0, 600), st.sampled_from("ab")), min_size=1, max_size=40), st.randoms())
def test_every_row_is_in_one_edit_and_the_slow_road_agrees(given, random):
    made = [(s, hand, f"v{i}") for i, (s, hand) in enumerate(given)]
    found = with_edits(rows(*made))
    assert found.height == len(made)
    for s, hand, member in made:
        own = sorted(t for t, h, _ in made if h == hand)
        windows = [[t for t in own if start <= t < start + BULK_S] for start in own]
        is_bulk = any(len(window) >= BULK_ROWS and window[0] <= s <= window[-1] for window in windows)
        assert found.filter(voter_key=member)["is_bulk"].item() == is_bulk
    random.shuffle(made)
    again = with_edits(rows(*made)).sort("voter_key")
    assert again["edit_n"].to_list() == found.sort("voter_key")["edit_n"].to_list()


def test_what_else_is_on_record_stands_beside_an_edit(tmp_path):
    notice = {"kind": "other", "starts_at": START, "description": "Members who could not be reached were put back."}
    case = tiny(tmp_path, timeline=[notice, notice | {"starts_at": START + timedelta(days=3), "description": "Far away."}])
    near, far = every(START + timedelta(minutes=50), 3600, 2)
    assert on_record_then(case, [near, far]) == ["Members who could not be reached were put back.", ""]
