"""An import that is killed at any moment of its writing leaves a package that the next one puts in order."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from imports import bring, mapping_file, put, said

from analysis_lib import cli
from analysis_lib.importers import recovery
from analysis_lib.package import open_package

HEAD = "Member,When,What,Full name,Remarks\n"
ANN, BOB = "A-1,08/03/2031 19:30:05,Voted,Ann Lee,\n", "A-2,08/03/2031 20:00:00,Voted,Bob Moss,\n"
TESTS = Path(__file__).parents[1]


def killed(club, file, into, at, step):
    """Import in another process, which ends without any clearing up before its call number `at` of os.fsync or Path.replace."""
    program = f"""
        import os, sys
        from pathlib import Path
        sys.path.insert(0, {str(TESTS)!r})
        from imports import bring
        owner, name = {{"fsync": (os, "fsync"), "replace": (Path, "replace")}}[{step!r}]
        plain, calls = getattr(owner, name), []
        def counted(*given):
            calls.append(1)
            if len(calls) == {at}:
                os._exit(9)
            return plain(*given)
        setattr(owner, name, counted)
        bring({str(club)!r}, Path({str(file)!r}), into=Path({str(into)!r}))
    """
    return subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False).returncode


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("step", "at", "is_finished"), [("fsync", 2, False), ("replace", 1, False), ("replace", 2, True), ("replace", 3, True)]
)
@pytest.mark.parametrize("is_new", [True, False])
def test_the_next_import_puts_it_in_order(tmp_path, capsys, step, at, is_finished, is_new):
    club, into = mapping_file(tmp_path), tmp_path / "p"
    if not is_new:
        bring(club, put(tmp_path, "first.csv", HEAD + ANN), into=into)
    before = files(into) if into.exists() else {}
    second = put(tmp_path, "second.csv", HEAD + BOB)
    assert killed(club, second, into, at, step) == 9
    left = [name for name in files(into) if name.endswith(".importing")]
    assert left
    if is_new:
        assert cli.main(["check", str(into)]) in (cli.OK, cli.REFUSED, cli.FAULTY)
        assert "an import was stopped while it wrote" in " ".join("".join(capsys.readouterr()).split())
    else:
        assert (cli.main(["check", str(into)]), list(files(into))) == (cli.OK, sorted({*before, *left, *files(into)}))
        assert "an import was stopped while it wrote" in " ".join(capsys.readouterr().out.split())
    held = recovery.interrupted(into, mend=True)
    assert f"{len(left)} unfinished file" in held[0].found
    assert ("put in place" if is_finished else "package is as it was before") in held[0].remedy
    assert not any(name.endswith(".importing") for name in files(into))
    if is_finished:
        assert "warning changed |" not in said(open_package(into).faults)
        assert bring(club, second, into=into).n_added == {}
    else:
        assert files(into) == before
        done = bring(club, second, into=into)
        assert done.n_added["ballot_events"] == 1
    assert open_package(into).tables["ballot_events"].height == (1 if is_new else 2)
    assert recovery.interrupted(into) == []


def test_an_import_says_what_it_put_in_order(tmp_path):
    club, into = mapping_file(tmp_path), tmp_path / "p"
    file = put(tmp_path, "first.csv", HEAD + ANN)
    assert killed(club, file, into, 3, "replace") == 9
    done = bring(club, file, into=into)
    assert said(done.faults).count("warning interrupted | datapackage.json: an import was stopped while it wrote") == 1


def test_a_running_import_is_left_alone(tmp_path):
    folder = tmp_path / "p"
    (folder / "data").mkdir(parents=True)
    other = folder / "data" / f".roll.csv.{os.getppid()}.importing"
    other.write_bytes(b"x")
    assert recovery.interrupted(folder, mend=True) == []
    os.utime(other, (0, 0))  # so old that the number belongs to another program by now
    assert len(recovery.interrupted(folder, mend=True)) == 1
    assert not other.exists()
