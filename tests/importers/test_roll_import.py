"""Copies of the roll come in as files, as a list of events and as a history in git; what changed goes in with them."""

from __future__ import annotations

import shutil
from collections import Counter

import pytest
from imports import bring, put, said
from rolls import FIRST, HEAD, SECOND, both, repository

from analysis_lib.cli import main
from analysis_lib.errors import ParameterError
from analysis_lib.importers.pseudonyms import default_path, load_case_key
from analysis_lib.package import open_package


def kinds(package):
    tables = open_package(package).tables
    return (
        Counter(tables["roll_changes"]["change"]),
        Counter(zip(tables["contact_changes"]["field"], tables["contact_changes"]["edit_class"], strict=True)),
    )


def test_two_copies_give_rolls_and_what_changed(tmp_path):
    done = both(tmp_path)
    package = open_package(tmp_path / "p")
    assert package.faults.filter(severity="error").is_empty()
    assert kinds(tmp_path / "p") == (
        Counter({"added": 1, "removed": 1, "key_changed": 1, "unit_changed": 1, "eligibility_set": 1}),
        Counter(
            {
                ("email", "typo_fix"): 1,
                ("email", "different_person_name"): 1,
                ("postal_address", "added"): 1,
                ("postal_address", "formatting_only"): 1,
            }
        ),
    )
    copies = package.tables["roll_snapshots"].sort("taken_at")
    assert [str(at) for at in copies["taken_at"]] == ["2031-03-01 09:00:00+00:00", "2031-03-08 09:00:00+00:00"]
    assert copies["row_count"].to_list() == [6, 6]
    roll = package.tables["roll"]
    assert roll.height == 12
    assert roll["source_row"].min() == 2
    assert Counter(roll["eligible"]) == {True: 11, False: 1}
    key = load_case_key(default_path(tmp_path / "p"), tmp_path / "p")
    (changed,) = package.tables["roll_changes"].filter(change="key_changed").rows(named=True)
    assert (changed["other_voter_key"], changed["voter_key"]) == (key.key("member", "A4"), key.key("member", "A44"))
    assert str(changed["at_lo"]) < str(changed["at_hi"])
    assert changed["at"] is None
    assert "6 members in the first, 6 in the last" in done.roll_account[0]
    assert done.roll_account[1] == "Members: added 1, eligibility set 1, key changed 1, removed 1, unit changed 1."
    assert done.roll_account[2] == "Edits of email: different person name 1, typo fix 1."
    assert said(done.faults) == ""


def test_nothing_of_a_member_is_written(tmp_path):
    both(tmp_path)
    whole = b"".join(path.read_bytes() for path in (tmp_path / "p").rglob("*") if path.is_file()).lower()
    assert not any(text in whole for text in (b"ann", b"moss", b"a-1", b",a1,", b"example.org", b"high st"))


def test_copies_in_one_file_are_told_apart_by_the_time_in_a_column(tmp_path):
    stacked = [
        f"{line},{time}"
        for text, time in ((FIRST, "2031-03-01T09:00:00Z"), (SECOND, "2031-03-08T10:00:00+01:00"))
        for line in text.splitlines()
    ]
    text = f"{HEAD.strip()},Taken at\n" + "\n".join(stacked) + "\n"
    bring("roll_copies", put(tmp_path, "all.csv", text), into=tmp_path / "one")
    both(tmp_path)
    assert kinds(tmp_path / "one") == kinds(tmp_path / "p")


def test_an_import_again_changes_no_byte(tmp_path):
    both(tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "p").rglob("*") if path.is_file()}
    assert both(tmp_path).n_added == {}
    assert before == {path: path.read_bytes() for path in (tmp_path / "p").rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("taken_at", "message"),
    [
        ("", r"first.csv: this is a copy of a list .* and it doesn't say of which moment"),
        (["2031-03-01T09:00:00Z"] * 3, r"--taken-at is given 3 times, for 2 files"),
        (["2031-03-01", "2031-03-08"], r"first.csv: the moment of this copy of the roll isn't a date and time with its offset"),
    ],
)
def test_the_moment_of_a_copy_must_be_known(tmp_path, taken_at, message):
    with pytest.raises(ParameterError, match=message):
        both(tmp_path, taken_at=taken_at)


def test_a_word_for_entitled_that_is_not_known(tmp_path):
    path = put(tmp_path, "first.csv", HEAD + FIRST.replace("yes", "maybe", 1))
    done = bring("roll_copies", path, into=tmp_path / "p", taken_at="2031-03-01T09:00:00Z")
    assert "first.csv, column Entitled, row 2: whether this member is entitled is said in another word" in said(done.faults)
    assert "maybe" not in said(done.faults)


def test_a_list_of_events(tmp_path):
    lines = ["commit,committed_utc,event,voter,has_address"]
    lines += [f"c1,2031-03-01T09:00:00Z,add_voter,V{number},1" for number in range(1, 4)]
    lines += ["c2,2031-03-02T09:00:00Z,add_voter,V9,0", "c3,2031-03-02T09:03:00Z,remove_voter,V9,0"]
    lines += ["c4,2031-03-03T09:00:00Z,clear_address,V1,0", "c5,2031-03-04T09:00:00Z,set_address,V1,1"]
    lines += ["c6,2031-03-05T09:00:00Z,remove_voter,V2,0", "c6,2031-03-05T09:00:00Z,add_voter,V4,1"]
    done = bring("roll_events", put(tmp_path, "e.csv", "\n".join(lines) + "\n"), into=tmp_path / "p")
    assert kinds(tmp_path / "p") == (
        Counter({"added": 1, "removed": 1, "key_changed": 1}),
        Counter({("email", "removed"): 1, ("email", "added"): 1}),
    )
    tables = open_package(tmp_path / "p").tables
    copies = tables["roll_snapshots"].sort("taken_at")
    assert copies["row_count"].to_list() == [None, 4, 3, 3, 3, None]  # a count of our own making is nothing to check rows by
    assert copies["purpose"].to_list() == ["other"] * 5 + ["post_poll"]
    assert tables["roll"].group_by("snapshot_id").len().height == 2
    assert tables["roll_changes"]["at"].null_count() == 0
    assert set(tables["roll_changes"]["clock_id"]) == {tables["clocks"]["clock_id"][0]}
    assert done.roll_account[1] == "Members: added 1, key changed 1, removed 1."


def test_the_reason_on_file_of_an_event(tmp_path):
    lines = ["commit,committed_utc,event,voter,reason", "c1,2031-03-01T09:00:00Z,add_voter,V1,"]
    lines += ["c1,2031-03-01T09:00:00Z,add_voter,V2,", "c2,2031-03-02T09:00:00Z,add_voter,V9,exception_granted"]
    lines += ["c3,2031-03-02T09:03:00Z,remove_voter,V9,", "c4,2031-03-03T09:00:00Z,remove_voter,V1,"]
    lines += ["c5,2031-03-03T09:00:01Z,add_voter,V1,bounced", "c6,2031-03-04T09:00:00Z,remove_voter,V1,renamed"]
    lines += ["c6,2031-03-04T09:00:00Z,add_voter,V3,renamed", "c7,2031-03-05T09:00:00Z,remove_voter,V2,resigned"]
    lines += ["c7,2031-03-05T09:00:00Z,add_voter,V5,exception_granted"]  # one out and one in, and on file they are two people
    bring("roll_events", put(tmp_path, "e.csv", "\n".join(lines) + "\n"), into=tmp_path / "p")
    changes = open_package(tmp_path / "p").tables["roll_changes"].sort("at", "change", descending=[False, True])
    assert changes.select("change", "reason").rows() == [
        ("added", "exception_granted"), ("removed", "reverted"), ("removed", None), ("reinstated", "bounced"),
        ("key_changed", "renamed"), ("removed", "resigned"), ("added", "exception_granted"),
    ]  # fmt: skip


@pytest.mark.skipif(shutil.which("git") is None, reason="git isn't installed")
def test_a_roll_in_git(tmp_path):
    ann, bob = {"email": "ann.lee@example.org"}, {"email": "bob@example.org"}
    folder = repository(
        tmp_path / "r", {"1001": ann}, {"1001": ann, "1002": bob}, {"1001": {"email": "ann.lee@example.com"}, "1002": bob}
    )
    done = bring("git_roll", folder, into=tmp_path / "p", roll_file="voters.json")
    assert kinds(tmp_path / "p") == (Counter({"added": 1}), Counter({("email", "new_domain"): 1}))
    assert said(done.faults) == ""
    assert b"example" not in (tmp_path / "p/data/roll.csv").read_bytes()
    assert bring("git_roll", folder, into=tmp_path / "p", roll_file="voters.json").n_added == {}
    with pytest.raises(ParameterError, match=r"this is a folder. Expected a file, or a git repository .*--roll-file"):
        bring("git_roll", folder, into=tmp_path / "p")
    with pytest.raises(ParameterError, match=r"0 commits changed roll.json"):
        bring("git_roll", folder, into=tmp_path / "p", roll_file="roll.json")


def test_what_is_no_history_is_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"h.csv: this isn't the history of a roll"):
        bring("git_roll", put(tmp_path, "h.csv", "a,b\n"), into=tmp_path / "p")


def test_the_command_prints_the_account(tmp_path, capsys):
    files = [str(put(tmp_path, name, HEAD + text)) for name, text in (("first.csv", FIRST), ("second.csv", SECOND))]
    words = ["--into", str(tmp_path / "p"), "--contest", "vale", "--timezone", "Europe/London"]
    times = ["--taken-at", "2031-03-01T09:00:00Z", "--taken-at", "2031-03-08T09:00:00Z"]
    assert main(["import", "roll_copies", *files, *words, *times]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "What changed between copies of the roll: - 2 copies of the roll, 2031-03-01 09:00 to 2031-03-08 09:00 UTC" in out
    assert "Edits of email: different person name 1, typo fix 1." in out
