import io
import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imports import ANN, BOB, EXPORTS, HEAD, VOTES, bring, files, mapping_file, put, said
from openpyxl import Workbook
from tiny_package import STEADY

from analysis_lib import reading
from analysis_lib.errors import ParameterError
from analysis_lib.importers.mapping import MAPPINGS
from analysis_lib.importers.pseudonyms import default_path, load_case_key
from analysis_lib.package import open_package

HELIOS = EXPORTS / "helios"
DATABASE = [HELIOS / f"helios_{name}.csv" for name in ("castvote", "voter", "election", "voterfile")]


@pytest.fixture
def club(tmp_path):
    return mapping_file(tmp_path)


def helios(folder, *names, **options):
    chosen = [HELIOS / name for name in names] or [HELIOS / "voters.csv", *DATABASE, HELIOS / "log.csv"]
    return bring("helios", *chosen, into=folder, contest="vale_2031", **({"taken_at": "2031-03-10T09:00:00Z"} | options))


def test_a_file_becomes_a_package(club, tmp_path):
    done = bring(club, put(tmp_path, "v.csv", HEAD + ANN + BOB), into=tmp_path / "p")
    package = open_package(tmp_path / "p")
    assert package.faults.filter(severity="error").is_empty()
    events = package.tables["ballot_events"]
    assert events.height == 2
    key = load_case_key(default_path(tmp_path / "p"), tmp_path / "p")
    assert set(events["voter_key"]) == {key.key("member", "A1"), key.key("member", "A2")}
    (source,) = package.tables["sources"].rows(named=True)
    assert (source["platform"], source["rows"], source["interest"]) == ("club", 2, "unknown")
    assert (str(source["covers_from"]), str(source["covers_to"])) == ("2031-03-08 19:30:05+00:00", "2031-03-08 20:00:00+00:00")
    (contest,) = package.tables["contests"].rows(named=True)
    assert (contest["contest_id"], contest["timezone"], contest["secrecy"]) == ("vale", "Europe/London", "unknown")
    assert "organisation (not stated)" in done.to_fill[0]
    assert said(done.faults) == ""
    assert done.is_new_key


def test_nothing_personal_is_written(club, tmp_path):
    bring(club, put(tmp_path, "v.csv", HEAD + ANN + BOB), into=tmp_path / "p")
    whole = b"".join(files(tmp_path / "p").values()).lower()
    assert not any(text in whole for text in (b"ann lee", b"lee", b"moss", b"a-1", b",late"))
    secret = default_path(tmp_path / "p").read_bytes().strip()
    assert secret not in whole


def test_the_original_is_not_touched(club, tmp_path):
    path = put(tmp_path, "v.csv", HEAD + ANN)
    path.chmod(0o444)
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    bring(club, path, into=tmp_path / "p")
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_the_same_file_again_changes_no_byte(club, tmp_path):
    path = put(tmp_path, "v.csv", HEAD + ANN + BOB)
    bring(club, path, into=tmp_path / "p")
    before = files(tmp_path / "p")
    again = bring(club, path, path, into=tmp_path / "p", timezone="")
    assert files(tmp_path / "p") == before
    assert (again.n_added, again.is_new_key) == ({}, False)


def test_a_later_export_adds_what_is_new(club, tmp_path):
    bring(club, put(tmp_path, "v.csv", HEAD + ANN), into=tmp_path / "p")
    done = bring(club, put(tmp_path, "w.csv", HEAD + ANN + BOB), into=tmp_path / "p")
    assert done.n_added == {"ballot_events": 1, "clocks": 1, "sources": 1}
    events = pl.read_csv(tmp_path / "p" / "data" / "ballot_events.csv")
    assert events["event_id"].n_unique() == events.height == 2
    assert events["source_id"].n_unique() == 2


def test_the_order_of_the_files_changes_nothing_but_whose_row_came_first(club, tmp_path):
    one, two = put(tmp_path, "v.csv", HEAD + ANN), put(tmp_path, "w.csv", HEAD + BOB)
    key = tmp_path / "key"
    bring(club, one, two, into=tmp_path / "p", case_key=str(key))
    bring(club, two, one, into=tmp_path / "q", case_key=str(key))
    p, q = files(tmp_path / "p"), files(tmp_path / "q")
    assert [name for name in p if p[name] != q[name]] == ["data/contests.csv", "datapackage.json"]  # its source; its name


def test_helios_gives_a_package_without_errors_and_tells_of_the_zone(tmp_path):
    done = helios(tmp_path / "p")
    package = open_package(tmp_path / "p")
    assert package.faults.filter(severity="error").is_empty()
    assert said(done.faults) == ""
    assert "verified_at stands 8 h 3 s after cast_at" in done.notes[0]
    assert "Read in America/Los_Angeles, cast_at agrees with it to 3 s" in done.notes[0]
    events = package.tables["ballot_events"]
    assert events.filter(event="cast").height == 13  # the download's ten last votes are among the database's
    assert events.filter(event="voided").height == 1
    assert events.filter(pl.col("is_current") == True).height == 10  # noqa: E712
    assert package.tables["clocks"]["tz_basis"].unique().to_list() == ["inferred_from_anchor"] or set(
        package.tables["clocks"]["tz_basis"]
    ) == {"inferred_from_anchor", "stated_zone"}
    windows = {row["basis"]: row["closes_at"] for row in package.tables["contest_windows"].rows(named=True)}
    assert {basis: str(at) for basis, at in windows.items()} == {
        "configured": "2031-03-09 09:00:00+00:00",
        "amended": "2031-03-09 12:00:00+00:00",
        "actual": "2031-03-09 12:00:05+00:00",
    }


def test_the_first_ballot_of_helios_is_what_the_same_event_written_by_hand_would_be(tmp_path):
    helios(tmp_path / "p")
    key = load_case_key(default_path(tmp_path / "p"), tmp_path / "p")
    castvote = pl.read_csv(HELIOS / "helios_castvote.csv", infer_schema=False)
    voter = pl.read_csv(HELIOS / "helios_voter.csv", infer_schema=False)
    by_hand = castvote.join(voter.select("id", "voter_login_id"), left_on="voter_id", right_on="id").select(
        at=pl.col("cast_at")
        .str.to_datetime()
        .dt.replace_time_zone("America/Los_Angeles")
        .dt.convert_time_zone("UTC")
        .dt.cast_time_unit("us"),
        voter_key=pl.col("voter_login_id").map_elements(lambda text: key.key("member", text), return_dtype=pl.String),
        ip_key=pl.col("cast_ip").map_elements(lambda text: key.key("ip", text), return_dtype=pl.String),
    )
    made = open_package(tmp_path / "p").tables["ballot_events"].filter(event="cast").select("at", "voter_key", "ip_key")
    assert made.sort("at", "voter_key").equals(by_hand.sort("at", "voter_key"))


def test_nothing_of_helios_is_written_in_the_clear(tmp_path):
    helios(tmp_path / "p")
    whole = b"".join(files(tmp_path / "p").values()).decode().casefold()
    voters = pl.read_csv(HELIOS / "helios_voter.csv", infer_schema=False)
    private = {*voters["voter_login_id"], *voters["voter_name"], *voters["voter_email"], *voters["vote_hash"].drop_nulls()}
    assert not [text for text in private if text and text.casefold() in whole]
    assert "192.0.2." not in whole


def test_castvote_needs_the_voters(tmp_path):
    with pytest.raises(ParameterError, match=r"can be read only together with the file voter"):
        helios(tmp_path / "p", "helios_castvote.csv")
    assert not (tmp_path / "p").exists()
    assert not default_path(tmp_path / "p").exists()


def test_another_server_is_found_out(tmp_path):
    text = (HELIOS / "helios_castvote.csv").read_text()
    rows = [line.split(",") for line in text.splitlines()]
    at, beside = rows[0].index("cast_at"), rows[0].index("verified_at")
    moved = [rows[0], *([*row[:at], row[beside], *row[at + 1 :]] for row in rows[1:])]
    path = put(tmp_path, "castvote.csv", "\n".join(map(",".join, moved)) + "\n")
    done = bring("helios", path, HELIOS / "helios_voter.csv", into=tmp_path / "p", taken_at="2031-03-10T09:00:00Z")
    assert "Read in UTC, cast_at agrees with it to 0 s" in done.notes[0]
    clocks = open_package(tmp_path / "p").tables["clocks"]
    assert set(clocks["tz_used"]) == {"UTC"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timezone": ""}, r"The contest vale is new.*--timezone Europe/London"),
        ({"timezone": "London"}, r"--timezone London isn't an IANA time zone"),
        ({"contest": " "}, r"--contest is empty"),
        ({"dates": "dmy"}, r"--dates dmy isn't known"),
        ({"interest": "friend"}, r"Nothing was written. sources, column interest, row 1: \"friend\" isn't allowed"),
        ({"obtained_on": "8/3/2031"}, r"sources, column obtained_at"),
        ({"kind_of_file": "list"}, r"has no file list"),
    ],
)
def test_options_that_are_missing_or_wrong(club, tmp_path, options, message):
    with pytest.raises(ParameterError, match=message):
        bring(club, put(tmp_path, "v.csv", HEAD + ANN), into=tmp_path / "p", **options)
    assert not (tmp_path / "p").exists()


def test_a_copy_of_a_list_must_say_of_when(tmp_path):
    with pytest.raises(ParameterError, match=r"voters.csv: this is a copy of a list.*--taken-at"):
        helios(tmp_path / "p", "voters.csv", taken_at="")


def test_the_case_key_must_be_the_same(club, tmp_path):
    path = put(tmp_path, "v.csv", HEAD + ANN)
    bring(club, path, into=tmp_path / "p")
    default_path(tmp_path / "p").rename(tmp_path / "kept")
    with pytest.raises(ParameterError, match=r"the case key of this package isn't there"):
        bring(club, path, into=tmp_path / "p")
    other = tmp_path / "other"
    other.write_text("ab" * 32)
    other.chmod(0o600)
    with pytest.raises(ParameterError, match=r"this isn't the case key the package was begun with"):
        bring(club, path, into=tmp_path / "p", case_key=str(other))
    assert bring(club, path, into=tmp_path / "p", case_key=str(tmp_path / "kept")).n_added == {}
    with pytest.raises(ParameterError, match=r"the package was begun with GB"):
        bring(club, path, into=tmp_path / "p", case_key=str(tmp_path / "kept"), region="DE")


def test_a_package_with_keys_of_unknown_make_needs_its_key(club, tmp_path):
    path = put(tmp_path, "v.csv", HEAD + ANN)
    bring(club, path, into=tmp_path / "p")
    place = tmp_path / "p" / "datapackage.json"
    said_ = json.loads(place.read_text())
    del said_["sf:case_key_mark"]
    place.write_text(json.dumps(said_))
    default_path(tmp_path / "p").unlink()
    with pytest.raises(ParameterError, match=r"nothing says with which case key they were made"):
        bring(club, path, into=tmp_path / "p")


def test_a_leak_stops_everything(tmp_path):
    text = VOTES.replace('columns.channel = "online"', 'columns.channel = "online"\n    columns.batch_id = { from = "Remarks" }')
    club = mapping_file(tmp_path, text.replace('unused = { Remarks = "free text" }', ""))
    path = put(tmp_path, "v.csv", HEAD + ANN.replace("Lee,", "Lee,letter to Ann Lee"))
    with pytest.raises(ParameterError, match=r"the source's column Full name would have come into ballot_events.batch_id"):
        bring(club, path, into=tmp_path / "p")
    assert not (tmp_path / "p").exists()
    assert not default_path(tmp_path / "p").exists()


def test_a_failure_while_writing_leaves_no_key_behind(club, tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p").chmod(0o500)
    path = put(tmp_path, "v.csv", HEAD + ANN)
    try:
        put(tmp_path / "p", "x", "x")
    except PermissionError:
        with pytest.raises(ParameterError, match=r"the package can't be written"):
            bring(club, path, into=tmp_path / "p")
        assert not default_path(tmp_path / "p").exists()
    else:
        pytest.skip("whoever runs this may write anywhere")


def test_repairs_are_registered_by_row_and_never_hold_the_cell(club, tmp_path):
    data = (HEAD + ANN.replace("Lee", "Leé") + BOB.replace("A-2", " A-2 ")).encode("cp1252")
    bring(club, put(tmp_path, "v.csv", data), into=tmp_path / "p")
    repairs = open_package(tmp_path / "p").tables["repairs"].sort("source_row").select("source_row", "column", "repair").rows()
    assert repairs == [(2, None, "decoded_windows_1252"), (3, "Member", "trimmed")]


def test_a_spreadsheet_says_what_was_done_to_it(club, tmp_path):
    book = Workbook()
    page = book.active
    page.append(["Votes of Vale"])
    page.append(["Member ", "When", "What", "Full name", "Remarks"])
    page.append([1001, 47915.8125, "Voted", "Ann Lee", None])
    page.append([202, "08/03/2031 20:00:00", "Voted", "Bob Moss", None])
    page.append(["1E+05", "08/03/2031 20:00:00", "Voted", "Cy Nash", None])
    page.append(["Total", 2, None, None, None])
    out = io.BytesIO()
    book.save(out)
    done = bring(club, put(tmp_path, "v.xlsx", out.getvalue()), into=tmp_path / "p")
    lines = said(done.faults)
    for part in (
        "v.xlsx, sheet Sheet, row 2: the column names stand in row 2",
        'spaces stand before or after the column names "Member"',
        "row 6: this looks like a row of totals",
        "row 3: dates stand there as a spreadsheet's day numbers",
        "column Member, row 5: the number stands there in the form 1E+05",
        "a spreadsheet may have taken zeros away",
    ):
        assert part in lines
    assert open_package(tmp_path / "p").tables["ballot_events"]["at"].dt.hour().to_list() in ([19, 20], [20, 19])


@STEADY
@given(
    cuts=st.lists(
        st.tuples(st.integers(0, 400), st.sampled_from([b'"', b",", b"\n", b"\r", b"\0", b"\xff", b";", b"1E+05", b"=x()"])),
        max_size=5,
    )
)
def test_damaged_bytes_are_imported_or_refused_and_never_break_it(cuts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cut")
    data = (HEAD + ANN + BOB).encode()
    for place, piece in cuts:
        data = data[:place] + piece + data[place + 1 :]
    path, club = put(folder, "v.csv", data), mapping_file(folder)
    try:
        bring(club, path, into=folder / "p")
    except ParameterError:
        assert not (folder / "p").exists()
        return
    assert open_package(folder / "p").faults.filter(severity="error").is_empty()
    before = files(folder / "p")
    assert bring(club, path, into=folder / "p").n_added == {}
    assert files(folder / "p") == before


def test_what_the_template_describes_is_imported_as_it_stands(tmp_path):
    text = "Member ID,E-mail,Branch,Voted at,First name,Last name,Remarks\n0012,ann@gmail.com,North,08/03/2031 19:30,Ann,Lee,\n0013,,South,,Bo,Ng,x\n"
    path = put(tmp_path, "list.csv", text)
    template = MAPPINGS / "template.toml"
    with pytest.raises(ParameterError, match=r"the times show no zone.*--server-zone Europe/London"):
        bring(template, path, into=tmp_path / "p", taken_at="2031-03-10T09:00:00Z")
    bring(template, path, into=tmp_path / "p", taken_at="2031-03-10T09:00:00Z", server_zone="Europe/London")
    package = open_package(tmp_path / "p")
    assert package.faults.filter(severity="error").is_empty()
    assert package.tables["roll"]["unit"].sort().to_list() == ["North", "South"]
    (clock,) = package.tables["clocks"].rows(named=True)
    assert (clock["tz_used"], clock["tz_basis"], clock["resolution"]) == ("Europe/London", "stated_zone", "min")


def test_a_file_that_is_not_there(club, tmp_path):
    with pytest.raises(ParameterError, match=r"none.csv: the file can't be read \(No such file or directory\)"):
        bring(club, tmp_path / "none.csv", into=tmp_path / "p")


SHIFTED = HEAD + ANN + "A-3,Zoe Quill,Voted,08/03/2031 20:00:00,\nA-4,zoe@quill.example,Voted,x,\nA-5,192.0.2.7,Voted,x,\n"


def test_a_name_in_the_column_of_times_does_not_come_in_as_the_wording_of_a_time(club, tmp_path):
    done = bring(club, put(tmp_path, "v.csv", SHIFTED), into=tmp_path / "p")
    events = pl.read_csv(tmp_path / "p/data/ballot_events.csv")
    assert events.height == 4
    assert events["at_raw"].drop_nulls().to_list() == ["08/03/2031 19:30:05"]
    whole = (b"".join(files(tmp_path / "p").values()).decode() + said(done.faults)).casefold()
    assert not any(text in whole for text in ("quill", "192.0.2"))


def test_what_was_repaired_in_a_column_that_is_not_read_is_not_noted(club, tmp_path):
    text = HEAD.replace("Remarks", "Remarks,Of ann.lee@vale.example") + ANN.replace(",\n", ", x, yes\n")
    bring(club, put(tmp_path, "v.csv", text), into=tmp_path / "p")
    assert not (tmp_path / "p/data/repairs.csv").exists()
    assert b"ann.lee" not in b"".join(files(tmp_path / "p").values())


def test_an_address_in_a_column_for_something_else_does_not_come_in(tmp_path):
    text = VOTES.replace('columns.channel = "online"', 'columns.channel = "online"\n    columns.batch_id = { from = "Remarks" }')
    club = mapping_file(tmp_path, text.replace('unused = { Remarks = "free text" }', ""))
    rows = ANN.replace("Lee,", "Lee,zoe@quill.example") + BOB.replace("late", "07911 123456")
    done = bring(club, put(tmp_path, "v.csv", HEAD + rows), into=tmp_path / "p")
    assert "column Remarks (ballot_events.batch_id), row 2: what looks like an address or a number" in said(done.faults)
    whole = b"".join(files(tmp_path / "p").values())
    assert [text for text in (b"quill", b"07911") if text in whole] == []


def test_a_table_that_was_changed_by_hand_is_told_before_it_is_registered_anew(club, tmp_path):
    bring(club, put(tmp_path, "v.csv", HEAD + ANN), into=tmp_path / "p")
    place = tmp_path / "p/data/ballot_events.csv"
    place.write_text(place.read_text().replace("cast", "voided"))
    done = bring(club, put(tmp_path, "w.csv", HEAD + BOB), into=tmp_path / "p")
    assert "warning changed | data/ballot_events.csv: the file was changed since its hash or size was registered" in said(
        done.faults
    )


def test_an_export_too_large_is_refused_before_it_is_read(club, tmp_path, monkeypatch):
    file = put(tmp_path, "v.csv", HEAD + ANN)
    monkeypatch.setattr(reading, "MOST_BYTES", len(HEAD + ANN) - 1)
    with pytest.raises(
        ParameterError, match=r"v\.csv: the file has 74 bytes\. Expected at most 73 bytes\. Check that it is the right"
    ):
        bring(club, file, into=tmp_path / "p")
    assert not (tmp_path / "p").exists()
