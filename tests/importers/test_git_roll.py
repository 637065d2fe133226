"""A roll's history in git: each commit a copy, at the committer's time; nothing of the repository is run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reads import told
from tiny_package import STEADY

from analysis_lib.errors import ParameterError
from analysis_lib.faults import Fault
from analysis_lib.importers import git_roll
from analysis_lib.importers.git_roll import SUFFIXES, commits, exported, history_of, read, roll_table
from analysis_lib.importers.snapshots import changes

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git isn't installed")
EMAILS = {"member": "key", "email": "email"}


def git(folder, *words, minute=0):
    time = f"2031-03-01T12:{minute:02}:00+0100"
    about = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_AUTHOR_DATE": "2031-02-01T00:00:00Z"}
    about |= {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_COMMITTER_DATE": time}
    about |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
    subprocess.run(["git", "-C", str(folder), *words], env=about, check=True, capture_output=True)


def repository(folder, *versions, path="voters.json"):
    """A repository with one commit for each version of the roll, a minute apart."""
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for minute, version in enumerate(versions):
        file = folder / path
        if version is None:
            file.unlink()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(version if isinstance(version, str) else json.dumps(version), encoding="utf-8")
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "--allow-empty", "-m", f"edit {minute}", minute=minute)
    return folder


def read_history(folder, path, columns):
    whole = read(exported(folder, path), path)
    history, faults = history_of(whole.tables[0], columns)
    return history, [*whole.faults, *faults]


@needs_git
def test_each_commit_is_a_copy(tmp_path):
    ann, bob = {"email": "ann@example.org"}, {"email": None}
    folder = repository(tmp_path / "r", {}, {"12": ann, "13": bob}, {"12": ann, "13": {"email": "bob@example.org"}}, {"14": ann})
    history, faults = read_history(folder, "voters.json", EMAILS)
    assert not faults
    assert (history.file, history.values, history.are_edits) == ("voters.json", "clear", True)
    assert [copy.taken_at for copy in history.snapshots] == [datetime(2031, 3, 1, 11, minute, tzinfo=UTC) for minute in range(4)]
    assert [dict(copy.members) for copy in history.snapshots[:2]] == [{}, {"12": ann, "13": {"email": ""}}]
    made = changes(history)
    assert [(one.member, one.edit_class, one.at.minute) for one in made.contacts] == [("13", "added", 2)]
    assert sorted((one.change, one.member, one.other_member) for one in made.roll) == [
        ("key_changed", "14", "12"),
        ("removed", "13", ""),
    ]


@needs_git
def test_a_merged_request_is_one_edit(tmp_path):
    folder = repository(tmp_path / "r", {"1": {}})
    git(folder, "checkout", "-q", "-b", "request")
    for minute, roll in enumerate(({"1": {}, "2": {}}, {"1": {}, "3": {}}), start=1):
        (folder / "voters.json").write_text(json.dumps(roll), encoding="utf-8")
        git(folder, "commit", "-q", "-am", "on a branch", minute=minute)
    git(folder, "checkout", "-q", "main")
    git(folder, "merge", "-q", "--no-ff", "-m", "merge", "request", minute=9)
    history, _ = read_history(folder, "voters.json", {"member": "key"})
    assert [(copy.taken_at.minute, sorted(copy.members)) for copy in history.snapshots] == [(0, ["1"]), (9, ["1", "3"])]


@needs_git
def test_copies_that_cannot_be_read_are_listed(tmp_path):
    folder = repository(
        tmp_path / "r", {"1": {"email": "a@x.org"}}, "{", None, {"1": {"email": "a@x.org"}}, '{"a": {}, "a": {}}', [1]
    )
    history, faults = read_history(folder, "voters.json", EMAILS)
    assert len(history.snapshots) == 2
    said = told(faults)
    assert "the roll can't be read: it isn't JSON from line 1, character 2" in said
    assert "the file isn't in this commit. Expected a roll as text" in said
    assert "the roll can't be read: a member stands in it twice" in said
    assert "the column of members isn't in this copy" in said
    assert all("voters.json in commit " in fault.file for fault in faults)


@needs_git
def test_nothing_of_the_repository_or_the_environment_is_run(tmp_path, monkeypatch):
    folder = repository(tmp_path / "r", {"1": {}}, {"2": {}})
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n", encoding="utf-8")
    trap.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "pager.log", "gpg.program", "diff.external", "core.sshCommand", "core.editor"):
        git(folder, "config", name, str(trap))
    git(folder, "config", "log.showSignature", "true")
    git(folder, "config", "alias.log", f"!{trap}")
    git(folder, "replace", "HEAD", "HEAD~1")  # what is read is what was committed
    for name in ("GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_SSH_COMMAND"):
        monkeypatch.setenv(name, str(trap))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.bare=true'")
    history, faults = read_history(folder, "voters.json", {"member": "key"})
    assert not faults
    assert [sorted(copy.members) for copy in history.snapshots] == [["1"], ["2"]]
    assert not (tmp_path / "sprung").exists()


@needs_git
def test_a_path_is_a_path_and_nothing_else(tmp_path):
    folder = repository(tmp_path / "r", {"1": {}}, path="rolls/2031 (final)/*.json")
    history, _ = read_history(folder, "rolls/2031 (final)/*.json", {"member": "key"})
    assert len(history.snapshots) == 1
    for path in ("rolls/*.json", "--all.json", "../voters.json", ":(glob)**/*.json", "/voters.json"):
        with pytest.raises(ParameterError, match=r"0 commits changed .*\. Expected 1 to 10,000\. Name the roll's path"):
            read_history(folder, path, {"member": "key"})


@needs_git
def test_a_history_that_was_cut_short_is_said(tmp_path):
    folder = repository(tmp_path / "r", {"1": {}}, {"2": {}}, {"3": {}})
    git(tmp_path, "clone", "-q", "--depth", "2", folder.as_uri(), "shallow")
    history, faults = read_history(tmp_path / "shallow", "voters.json", {"member": "key"})
    assert len(history.snapshots) == 2
    assert "warning shallow | voters.json: the repository was cloned without its older history. Expected all commits" in told(
        faults
    )


@needs_git
def test_what_is_no_repository(tmp_path):
    inside = repository(tmp_path / "r", {"1": {}}) / "plain"
    inside.mkdir()
    for folder in (tmp_path, inside, tmp_path / "nowhere"):
        with pytest.raises(ParameterError, match=r"this isn't a git repository\. Expected the top folder of one\. Clone"):
            commits(folder, "voters.json")
    with pytest.raises(ParameterError, match=r"path: voters\.xlsx has another form\. Expected a file ending in \.json"):
        read_history(tmp_path / "r", "voters.xlsx", {"member": "key"})


def test_without_git_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(git_roll.shutil, "which", lambda _: None)
    with pytest.raises(ParameterError, match=r"git isn't installed\. Expected it, to read the history of a roll\. Install git"):
        commits(tmp_path, "voters.json")


def test_a_git_that_does_not_answer(tmp_path, monkeypatch):
    def hang(*_, **__):
        raise subprocess.TimeoutExpired("git", 1)

    monkeypatch.setattr(git_roll.shutil, "which", lambda _: "/usr/bin/git")
    monkeypatch.setattr(git_roll.subprocess, "run", hang)
    with pytest.raises(ParameterError, match="git doesn't answer within 120 seconds"):
        commits(tmp_path, "voters.json")


@pytest.mark.parametrize(
    ("suffix", "text", "place", "expected"),
    [
        (".json", '{"a": {"email": "x", "n": 1}, "b": null}', "", [("x", "1", "a", ""), ("", "", "b", "")]),
        (".json", '{"roll": {"voters": ["a", "b"]}}', "roll.voters", [("a",), ("b",)]),
        (".json", '[{"id": 7}, {"id": 8}]', "", [("7",), ("8",)]),
        (
            ".yaml",
            "eligible_voters:\n  - a\n  - 'null'\n  - no\n  - 007\n",
            "eligible_voters",
            [("a",), ("null",), ("no",), ("007",)],
        ),
        (".yml", "a: {email: ~}\nb: {email: 2031-03-01}\n", "", [("", "a"), ("2031-03-01", "b")]),
        (".csv", 'id,email\n1,"a,b"\n2,\n', "", [("1", "a,b"), ("2", "")]),
        (
            ".md",
            "# Voters\n\n* [ann](https://example.org/ann)\n- @bob\n  + carl d\ntext\n",
            "",
            [("ann",), ("bob",), ("carl d",)],
        ),
        (".md", "# No voters yet\n", "", []),
    ],
)
def test_every_form_of_a_roll(suffix, text, place, expected):
    made = roll_table(text.encode(), "roll", suffix=suffix, place=place)
    assert made.cells.rows() == expected
    assert made.rows.to_list() == list(range(1, len(expected) + 1))


@pytest.mark.parametrize(
    ("suffix", "text", "place", "said"),
    [
        (".json", "7", "", "the roll can't be read: there is no list of members in it"),
        (".json", "{}", "voters", "the roll can't be read: the place that was named isn't in it"),
        (".yaml", "a: 1\na: 2\n", "", "the roll can't be read: it isn't whole, or a key stands in it twice"),
        (".yaml", "&a [*a]", "", "the roll can't be read: it isn't whole"),
        (".yaml", "[1", "", "the roll can't be read: it isn't whole"),
        (".csv", 'id\n"a', "", "the roll can't be read: it isn't whole"),
        (".json", "", "", "the file is empty. Expected a roll as text"),
    ],
)
def test_what_is_no_roll(suffix, text, place, said):
    made = roll_table(text.encode(), "roll", suffix=suffix, place=place)
    assert isinstance(made, Fault)
    assert said in told([made])


def test_a_long_line_takes_no_long_time():
    start = time.perf_counter()
    roll_table(b"x\n-" + b" " * 200_000 + b"\n", "roll", suffix=".md")
    assert time.perf_counter() - start < 2  # a few milliseconds; minutes where every way to part the line is tried


def test_yaml_makes_nothing_but_texts():
    made = roll_table(b"- !!python/object/apply:os.system ['exit 7']\n- !!int 5\n", "roll", suffix=".yaml")
    assert made.cells.rows() == [("exit 7",), ("5",)]


def test_yaml_that_swells_is_refused():
    text = "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    made = roll_table(text.encode(), "roll", suffix=".yaml")
    assert "parts of it are repeated by reference until it swells" in told([made])
    repeated = "- &a {x: " + "y" * 500 + "}\n" + "- *a\n" * 500
    assert "parts of it are repeated by reference" in told([roll_table(repeated.encode(), "roll", suffix=".yaml")])


@STEADY
@given(st.sampled_from(SUFFIXES), st.one_of(st.binary(), st.text(alphabet="{}[]:,-&*a1\"'\n #!<").map(str.encode)))
def test_any_bytes_give_a_roll_or_a_fault(suffix, data):
    made = roll_table(data, "roll", suffix=suffix)
    assert isinstance(made, Fault) or made.cells.height == made.rows.len() or not made.cells.width


@pytest.mark.parametrize(
    "change", [{"at": "2031-01-01"}, {"at": 5}, {"commit": "main"}, {"roll": ["a"]}, {"roll": "\u0416"}, {"commit": None}]
)
def test_lines_that_were_not_exported_so_are_refused(change):
    whole = {"commit": "a" * 40, "at": "2031-01-01T09:00:00+00:00", "roll": "{}"}
    lines = [{"path": "voters.json", "is_shallow": False}, whole | change]
    found = read("".join(json.dumps(line) + "\n" for line in lines).encode(), "h.jsonl")
    assert not found.tables
    assert "this isn't the history of a roll" in told(found.faults)


@pytest.mark.parametrize("text", ["[" * 50_000 + "]" * 50_000, "- " * 20_000 + "x"])
def test_lists_within_lists_without_end_are_refused_and_do_not_end_the_program(text):
    fault = roll_table(text.encode(), "roll.yaml", suffix=".yaml")
    assert isinstance(fault, Fault)
    assert "it is nested too deeply" in fault.found


@needs_git
def test_grafts_of_a_repository_hide_no_commit(tmp_path):
    folder = repository(tmp_path / "r", {"1": {}}, {"1": {}, "2": {}}, {"2": {}})
    said = commits(folder, "voters.json")
    (folder / ".git/info").mkdir(exist_ok=True)
    (folder / ".git/info/grafts").write_text(f"{said[2][0]} {said[0][0]}\n")
    assert commits(folder, "voters.json") == said
