import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imports import KEY, VOTES, mapping, said, setting, table
from tiny_package import STEADY

from analysis_lib.importers.apply import apply, clock_rows
from analysis_lib.importers.mapping import Clock

ROW = {"Member": "A-1", "When": "08/03/2031 19:30:05", "What": "Voted", "Full name": "Ann Lee", "Remarks": ""}


@pytest.fixture
def votes(tmp_path):
    return mapping(tmp_path).files[0]


def rows_of(done, name="ballot_events"):
    return pl.concat(done.rows[name]).rows(named=True)


def test_a_row_is_made(votes):
    done = apply(votes, table([ROW]), setting())
    event_id = "E" + KEY.key("event", "\x1f".join(["club", "vale", "ballot_events", "", "A-1", "08/03/2031 19:30:05"]))
    assert rows_of(done) == [
        {
            "event_id": event_id, "contest_id": "vale", "at": "2031-03-08T19:30:05Z", "at_raw": "08/03/2031 19:30:05",
            "clock_id": "S1_server", "event": "cast", "channel": "online", "link_level": "voter_linked",
            "voter_key": KEY.key("member", "A1"), "source_id": "S1", "source_row": "2",
        }
    ]  # fmt: skip
    assert said(done.faults) == ""
    assert (done.n_read, done.n_left_out) == (1, {})


def test_every_row_is_made_or_named(votes):
    rows = [ROW, ROW | {"When": ""}, ROW | {"What": "perhaps", "Member": "A2"}, ROW | {"When": "soon", "Member": "A3"}]
    done = apply(votes, table(rows), setting())
    assert [row["source_row"] for row in rows_of(done)] == ["2", "5"]
    lines = said(done.faults)
    assert "warning no_rule | votes.csv, row 3: no rule of the mapping fits this row" in lines
    assert "error unknown_word | votes.csv, column What, row 4" in lines
    assert "warning time_unreadable | votes.csv, column When, row 5" in lines
    assert done.n_left_out == {"with an error, for ballot_events": 1, "that no rule fits": 1}


def test_rows_that_are_known_and_left_out_are_counted_with_the_reason(tmp_path):
    text = VOTES.replace(
        "    [[files.rows]]", '    [[files.left_out]]\n    when.What = ["Test"]\n    reason = "test votes"\n\n    [[files.rows]]'
    )
    done = apply(mapping(tmp_path, text).files[0], table([ROW, ROW | {"What": "Test"}]), setting())
    assert len(rows_of(done)) == 1
    assert done.n_left_out == {"test votes": 1}
    assert said(done.faults) == ""


def test_two_records_alike_keep_two_rows_and_that_is_said(votes):
    done = apply(votes, table([ROW, ROW]), setting())
    assert len({row["event_id"] for row in rows_of(done)}) == 2
    assert "rows that are like one before them in these columns: 1" in said(done.faults)
    again = apply(votes, table([ROW, ROW]), setting())
    assert rows_of(again) == rows_of(done)


def test_a_row_that_breaks_a_rule_of_the_table_is_named_by_the_files_own_row(votes):
    done = apply(votes, table([ROW | {"Member": ""}], first_row=17), setting())
    assert rows_of(done) == []
    assert "votes.csv, column event, link_level" not in said(done.faults)
    assert "row 17" in said(done.faults)
    assert "voter_linked" in said(done.faults)


def test_no_message_holds_a_personal_text(votes):
    rows = [ROW | {"Member": "1E+05"}, ROW | {"What": "?", "Member": "B77777"}, ROW | {"When": "x", "Full name": "Zed Young"}]
    lines = said(apply(votes, table(rows), setting()).faults)
    assert not any(text in lines for text in ("A-1", "B77777", "Ann", "Zed"))


def test_what_came_in_is_remembered_for_the_search(votes):
    done = apply(votes, table([ROW]), setting())
    assert {(p.column, p.kind): p.texts for p in done.private} == {
        ("Full name", "name"): {"Ann Lee"},
        ("Member", "member"): {"A-1"},
    }


def test_a_record_that_gives_voter_and_ballot_leaves_no_row_number_to_join_them(tmp_path):
    text = (
        VOTES
        + """
    [[files.rows]]
    table = "ballot_choices"
    columns.ballot_id = { from = "Paper", key = "ballot" }
    columns.rank = "1"
    columns.candidate_id = { from = "Choice" }
    columns.valid = "true"
"""
    )
    done = apply(mapping(tmp_path, text).files[0], table([ROW | {"Paper": "P9", "Choice": "lee"}]), setting())
    assert "source_row" in rows_of(done)[0]
    assert "source_row" not in rows_of(done, "ballot_choices")[0]


def test_clocks_are_described_as_their_times_show_them(votes):
    rows = [ROW, ROW | {"When": "26/10/2031 01:30:00"}, ROW | {"When": "01/01/1970 00:00:00"}]
    done = apply(votes, table(rows), setting())
    assert [row["clock_id"] for row in rows_of(done)] == ["S1_server", "S1_server", "S1_server_placeholder"]
    clock, mark = clock_rows(done, setting(), {"server": "seen"})
    assert clock == {
        "clock_id": "S1_server", "applies_to": "ballot_events.at", "tz_used": "Europe/London", "tz_basis": "stated_zone",
        "resolution": "s", "rounding": "unknown", "write_semantics": "unknown", "offset_basis": "seen",
        "dst_policy": "both_bounds", "source_id": "S1",
    }  # fmt: skip
    assert (mark["clock_id"], mark["write_semantics"]) == ("S1_server_placeholder", "placeholder")


def test_times_with_their_offsets_need_no_guess(votes):
    own = setting(clocks={"server": Clock(zone="Europe/London", basis="assumed", resolution="min")})
    done = apply(votes, table([ROW | {"When": "2031-03-08T19:30:00Z"}]), own)
    (clock,) = clock_rows(done, own, {"server": "seen"})
    assert (clock["tz_used"], clock["tz_basis"], clock["resolution"], clock["offset_basis"]) == (
        "UTC",
        "stated_offset",
        "min",
        "",
    )


CELL = st.one_of(st.text(max_size=12), st.sampled_from(["", "08/03/2031 19:30:05", "Voted", "Struck", "1E+05", "A1"]))


@STEADY
@given(rows=st.lists(st.fixed_dictionaries(dict.fromkeys(ROW, CELL)), min_size=1, max_size=6))
def test_any_cells_are_made_into_rows_or_named(rows, tmp_path_factory):
    file = mapping(tmp_path_factory.mktemp("m")).files[0]
    done = apply(file, table(rows), setting())
    made = {int(row["source_row"]) for row in rows_of(done)} if done.rows else set()
    named = {fault.row for fault in done.faults}
    assert made | named >= set(range(2, len(rows) + 2))
    assert apply(file, table(rows), setting()).faults == done.faults


def test_one_row_for_the_whole_file_uses_up_no_record(tmp_path):
    """Else a list that is counted as a whole would hide the rows that no other rule fits."""
    once = """
    [[files.rows]]
    table = "roll_snapshots"
    once = true
    columns.snapshot_id = { value = "source" }
    columns.taken_at = { value = "taken_at" }
    columns.purpose = "other"

    [[files.rows]]"""
    file = mapping(tmp_path, VOTES.replace("    [[files.rows]]", once, 1)).files[0]
    done = apply(file, table([ROW | {"When": ""}, ROW]), setting())
    assert "votes.csv, row 2: no rule of the mapping fits this row" in said(done.faults)
    assert done.n_left_out == {"that no rule fits": 1}
    alone = file.model_copy(update={"rows": file.rows[:1]})
    done = apply(alone, table([ROW, ROW]), setting())
    assert "votes.csv, row 3: no rule of the mapping fits this row" in said(done.faults)
    assert done.n_left_out == {"that no rule fits": 1}
