"""Originals are compared by their bytes alone: not by name, nor by place in the folder."""

import hashlib

import pytest
from tiny_package import example_row, write

from analysis_lib import cli
from analysis_lib.errors import PackageError
from analysis_lib.originals import compare
from analysis_lib.package import open_package

TITLE = f' ("{example_row("sources")["title"]}")'
RECEIVED = b"Login,Vote Cast At\nA1,2031-03-01 09:00:00\n"


def package(folder, *hashes):
    sources = [example_row("sources", source_id=f"S{n}", sha256=text) for n, text in enumerate(hashes, 1)]
    return open_package(write(folder / "case", {"sources": sources}, only={"sources", "contests"}))


def digest(data):
    return hashlib.sha256(data).hexdigest()


def test_a_file_is_known_by_its_bytes_wherever_it_lies(tmp_path):
    (tmp_path / "kept" / "deep").mkdir(parents=True)
    (tmp_path / "kept" / "deep" / "renamed.bin").write_bytes(RECEIVED)
    assert compare(package(tmp_path, digest(RECEIVED)), tmp_path / "kept") == (1, [])


def test_a_changed_file_and_a_source_without_a_hash_are_told(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "voters.csv").write_bytes(RECEIVED + b"\n")
    changed = digest(RECEIVED + b"\n")
    n_unchanged, faults = compare(package(tmp_path, digest(RECEIVED), ""), tmp_path / "kept")
    assert n_unchanged == 0
    assert [fault.found for fault in faults] == [
        f'source "S1"{TITLE} has no file with its SHA-256 in the folder of originals; '
        f'files there that no source is: "voters.csv" with {changed}',
        f'source "S2"{TITLE} has no SHA-256, so nothing can be compared',
    ]
    assert [fault.severity for fault in faults] == ["error", "warning"]
    assert faults[0].expected == f"a file with the SHA-256 {digest(RECEIVED)}"
    assert "changed since" in faults[0].remedy


def test_the_command_counts_and_lists(tmp_path, capsys):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "voters.csv").write_bytes(RECEIVED)
    package(tmp_path, digest(RECEIVED), "0" * 64)
    command = ["check", str(tmp_path / "case"), "--originals", str(tmp_path / "kept")]
    assert cli.main(command) == cli.FAULTY
    said = " ".join(capsys.readouterr().out.split())
    assert "Originals: 1 source whose file is there" in said
    assert f'source "S2"{TITLE} has no file with its SHA-256' in said
    assert "1 error (rows or files left out, originals missing or changed)" in said
    assert cli.main([*command, "--format", "csv"]) == cli.FAULTY
    package(tmp_path, digest(RECEIVED), "")
    assert cli.main(command) == cli.OK


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(PackageError, match=r"no such folder\. Expected the folder with the original files\. Check --originals"):
        compare(package(tmp_path, ""), tmp_path / "kept")


def test_a_history_kept_in_git_has_no_original_and_is_not_called_changed(tmp_path):
    (tmp_path / "kept").mkdir()
    sources = [example_row("sources", sha256="0" * 64, platform="git_roll")]
    held = open_package(write(tmp_path / "case", {"sources": sources}, only={"sources", "contests"}))
    _, (fault,) = compare(held, tmp_path / "kept")
    assert "which has no file of its own" in fault.found
    assert "changed since" not in fault.remedy
