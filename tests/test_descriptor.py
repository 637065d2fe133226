"""Which files are opened: those inside the package's folder and no other, with a clear word for the rest."""

from __future__ import annotations

import os

import pytest
from tiny_package import describe, lines, write

from analysis_lib.descriptor import read_descriptor
from analysis_lib.errors import PackageError
from analysis_lib.package import open_package


def resources(**paths: object) -> list[dict[str, object]]:
    return [{"name": name, "path": path} for name, path in paths.items()]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("https://www.example.org/roll.csv", 'the path "https://www.example.org/roll.csv" is a web address'),
        ("file:///etc/passwd", "is a web address"),
        ("/etc/passwd", "doesn't start from the package's folder"),
        ("C:/roll.csv", "doesn't start from the package's folder"),
        ("data\\roll.csv", "doesn't start from the package's folder"),
        ("../outside.csv", 'the path "../outside.csv" leads out of the package\'s folder'),
        ("data/../data/roll.csv", "leads out of the package's folder"),
        ("data/absent.csv", 'there is no file "data/absent.csv"'),
        ("data", 'there is no file "data"'),
        ("plan.toml", "is neither CSV nor Parquet"),
        ("x" * 5000 + ".csv", "can't be followed"),
        ("roll\0.csv", "can't be followed"),
        (["data/roll.csv"], "the path isn't a text"),
        (None, "the path isn't a text"),
        ("", "the path isn't a text"),
    ],
)
def test_a_path_that_does_not_lead_to_a_file_inside_is_a_fault_and_not_opened(tmp_path, path, message):
    (tmp_path / "outside.csv").write_text("snapshot_id\n", encoding="utf-8")
    folder = write(tmp_path / "case", only=("sources", "contests", "roll"))
    (folder / "plan.toml").write_text("", encoding="utf-8")
    describe(folder, resources=resources(sources="data/sources.csv", contests="data/contests.csv", roll=path))
    package = open_package(folder)
    (fault,) = package.faults.filter(rule="path").iter_rows(named=True)
    assert message in fault["found"]
    assert fault["severity"] == "error"
    assert set(package.hashes) == {"datapackage.json", "data/sources.csv", "data/contests.csv"}
    assert package.held == {"sources", "contests"}


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="links need rights on Windows")
def test_a_link_that_leads_out_is_not_followed(tmp_path):
    outside = write(tmp_path / "other") / "data"
    folder = write(tmp_path / "case")
    (folder / "data" / "roll.csv").unlink()
    (folder / "data" / "roll.csv").symlink_to(outside / "roll.csv")
    (folder / "data" / "clocks.csv").unlink()
    (folder / "data" / "clocks.csv").symlink_to("clocks.csv")
    package = open_package(folder)
    assert 'table roll: the path "data/roll.csv" leads out of the package\'s folder' in lines(package)
    assert 'table clocks: the path "data/clocks.csv" can\'t be followed' in lines(package)
    assert not package.held & {"roll", "clocks"}
    (folder / "datapackage.json").unlink()
    assert not open_package(folder).held & {"roll", "clocks"}


@pytest.mark.parametrize("within", ["data", ""])
def test_without_a_descriptor_files_are_found_by_their_names(tmp_path, within):
    folder = write(tmp_path / "my case", only=("sources", "contests"))
    (folder / "datapackage.json").unlink()
    if not within:
        for file in (folder / "data").iterdir():
            file.rename(folder / file.name)
    package = open_package(folder)
    assert package.held == {"sources", "contests"}
    assert "warning descriptor | datapackage.json: there is no datapackage.json; 2 tables were found by their" in lines(package)
    assert (package.name, package.title, package.made_up) == ("my case", "my case", False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "this isn't JSON in UTF-8"),
        (b"\xff\xfe{\x00", "this isn't JSON in UTF-8"),
        (b"9" * 5000, "this isn't JSON in UTF-8|the whole: Input should be"),
        (b"[" * 100_000, "go too deep"),
        (b"[]", "the whole: Input should be"),
        (b'{"name": "x"}', "resources: Field required"),
        (b'{"resources": []}', "resources: List should have at least 1 item"),
        (b'{"resources": ["sources.csv"]}', r"resources\.0: Input should be"),
        (b'{"resources": [{"path": "x.csv"}]}', r"resources\.0\.name: Field required"),
        (b'{"resources": [{"name": "x"}], "title": 5}', "title: Input should be a valid string"),
        (b'{"resources": [{"name": "x"}], "sf:made_up": "yes"}', "sf:made_up: Input should be a valid boolean"),
    ],
)
def test_a_broken_descriptor_says_what_is_wrong(tmp_path, text, message):
    folder = write(tmp_path)
    (folder / "datapackage.json").write_bytes(text)
    with pytest.raises(PackageError, match=message) as caught:
        open_package(folder)
    assert "datapackage.json: " in str(caught.value)
    assert "Expected" in str(caught.value)
    assert "tables are then found by their names" in str(caught.value)


def test_unknown_tables_doubled_ones_and_files_left_over_are_told(tmp_path):
    folder = write(tmp_path)
    (folder / "data" / "ballot events.xlsx").write_bytes(b"PK\x03\x04")
    (folder / "notes.txt").write_text("not data", encoding="utf-8")
    listed = resources(sources="data/sources.csv", contests="data/contests.csv", ballots="data/roll.csv")
    describe(folder, resources=[*listed, *resources(sources="data/clocks.csv")])
    package = open_package(folder)
    told = lines(package)
    assert 'warning unknown_table | datapackage.json: the table "ballots" isn\'t known here. Expected tables of sources, ' in told
    assert "error path | datapackage.json: the table sources is listed twice" in told
    assert 'warning extra_file | datapackage.json: the file "data/ballot events.xlsx" belongs to no table' in told
    assert 'Is "ballot_events" meant?' in told
    assert 'the file "data/roll.csv" belongs to no table' in told
    assert "notes.txt" not in told
    assert package.held == {"sources", "contests"}


def test_an_optional_table_may_be_listed_and_absent(tmp_path):
    folder = write(tmp_path, only=("sources", "contests"))
    listed = resources(sources="data/sources.csv", contests="data/contests.csv")
    absent = {"name": "roll", "path": "data/roll.csv", "sf:optional": True}
    for is_optional, severity in ((True, "warning"), (False, "error")):
        package = open_package(describe(folder, resources=[*listed, absent | {"sf:optional": is_optional}]))
        assert package.faults["severity"].to_list() == [severity]


def test_what_cannot_be_opened_says_what_was_expected(tmp_path):
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    (tmp_path / "votes.xlsx").write_text("x", encoding="utf-8")
    with pytest.raises(PackageError, match=r"no file named after a table here, only \"votes.xlsx\"\. Expected files such as"):
        open_package(tmp_path)
    with pytest.raises(PackageError, match=r"absent: there is no such folder\. Expected the folder of a data package, or the"):
        open_package(tmp_path / "absent")
    with pytest.raises(PackageError, match=r"this is a file\. Expected the folder of a data package\. Give the"):
        open_package(tmp_path / "votes.xlsx")
    with pytest.raises(PackageError, match="can't be opened"):
        open_package("x" * 5000)
    with pytest.raises(PackageError, match="there is no such folder"):
        open_package("a\0b")


@pytest.mark.parametrize("field", ["name", "title", "description"])
@pytest.mark.parametrize("text", ["a\u202eb", "\x07", "\ud800", "x" * 100_000], ids=["bidi", "bell", "surrogate", "long"])
def test_texts_of_the_descriptor_hold_nothing_unseen_and_are_not_endless(tmp_path, field, text):
    package = open_package(describe(write(tmp_path, only=("sources", "contests")), resources=CORE, **{field: text}))
    told = lines(package)
    assert f"datapackage.json: {field} h" in told
    assert "It isn't used." in told
    assert told.isprintable()
    assert len(told) < 1000
    assert getattr(package, field) != text


CORE = resources(sources="./data/sources.csv", contests="data/contests.csv")


def test_the_smallest_group_is_read_and_a_small_one_warned_of(tmp_path):
    folder = write(tmp_path, only=("sources", "contests"))
    assert open_package(folder).min_cell == 10
    package = open_package(describe(folder, resources=CORE, **{"sf:min_cell": 4}))
    assert package.min_cell == 4
    assert "warning min_cell | datapackage.json: sf:min_cell is 4. Expected at least 10" in lines(package)
    with pytest.raises(PackageError, match="sf:min_cell: Input should be greater than or equal to 1"):
        open_package(describe(folder, resources=CORE, **{"sf:min_cell": 0}))


def test_a_path_that_starts_with_a_dot_is_the_same_file(tmp_path):
    assert lines(open_package(describe(write(tmp_path, only=("sources", "contests")), resources=CORE))) == ""


def test_a_file_changed_since_it_was_registered_is_told(tmp_path):
    folder = write(tmp_path, only=("sources", "contests"))
    digest = open_package(folder).hashes["data/sources.csv"]
    size = (folder / "data" / "sources.csv").stat().st_size
    good = CORE[0] | {"hash": f"sha256:{digest}", "bytes": size}
    assert lines(open_package(describe(folder, resources=[good, CORE[1]]))) == ""
    for change in ({"hash": "sha256:" + "0" * 64}, {"bytes": size + 1}, {"hash": 5}):
        package = open_package(describe(folder, resources=[good | change, CORE[1]]))
        assert "warning changed | data/sources.csv: the file was changed since its hash or size was registered" in lines(package)
        assert "by whom can't be told" in lines(package)
        assert package.tables["sources"].height == 1


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="links need rights on Windows")
def test_a_descriptor_that_is_a_link_out_of_the_folder_is_refused(tmp_path):
    other, folder = write(tmp_path / "other"), write(tmp_path / "case")
    (folder / "datapackage.json").unlink()
    (folder / "datapackage.json").symlink_to(other / "datapackage.json")
    with pytest.raises(PackageError, match="a link that leads out of the package's folder"):
        open_package(folder)


@pytest.mark.parametrize("name", ["vale.case-key", "data/notes.txt"])
def test_a_case_key_in_the_package_is_warned_of_and_not_repeated(tmp_path, name):
    folder = write(tmp_path, only=["sources", "contests"])
    (folder / name).write_text("5e" * 32 + "\n")
    (fault,) = [fault for fault in read_descriptor(folder)[1] if fault.rule == "case_key"]
    assert (fault.file, fault.severity) == (name, "warning")
    assert "5e5e" not in str(fault)
