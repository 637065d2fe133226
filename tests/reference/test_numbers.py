"""No number and no file lies here unread."""

import re
from pathlib import Path

import pytest
from reference import held

TESTS = held.FOLDER.parent
READERS = "".join(path.read_text("utf-8") for path in sorted(TESTS.rglob("test_*.py")) if path != Path(__file__))
WINDOWS = re.findall(r'held\.window\("(\w+)"\)', READERS)
READ = set(re.findall(r'"(\w+\.\w+)"', READERS)) | {f"{group}.{field}" for group in WINDOWS for field in held.WINDOW}
NAMES = [f"{group}.{key}" for group, entries in held.NUMBERS.items() for key in entries if key not in ("what", "source")]


@pytest.mark.parametrize("name", NAMES)
def test_every_number_is_read_by_a_test(name):
    assert name in READ


@pytest.mark.parametrize("group", held.NUMBERS)
def test_every_number_says_what_it_is_and_where_it_comes_from(group):
    assert held.NUMBERS[group]["what"]
    assert held.NUMBERS[group]["source"]


@pytest.mark.parametrize("file", sorted(path.name for path in held.FOLDER.glob("*.csv")))
def test_every_file_is_described_and_read_by_a_test(file):
    assert f"| {file} |" in (held.FOLDER / "README.md").read_text("utf-8")
    assert f'"{file}"' in READERS
