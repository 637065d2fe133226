"""The reference numbers and their input files, as tests read them."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parent
WINDOW = ("start", "length", "count", "expected", "llr")
NUMBERS = tomllib.loads((FOLDER / "numbers.toml").read_text("utf-8"))


def value(name):
    """Give a number as it stands: ``value("R5.start")``."""
    group, key = name.split(".")
    return NUMBERS[group][key]["value"]


def number(name):
    """Give a number within its tolerance, to compare with: ``assert llr == number("R5.llr")``."""
    group, key = name.split(".")
    entry = NUMBERS[group][key]
    return pytest.approx(entry["value"], rel=entry.get("rel", 0.0), abs=entry.get("abs", 0.0))


def window(group):
    """Give a scan window's five numbers, in the order of the fields of `scan.Window`."""
    return tuple(number(f"{group}.{field}") for field in WINDOW)


def column(file, name):
    """One column of an input file; whole numbers as int64."""
    text = (FOLDER / file).read_text("utf-8").split("\n")
    at = text[0].split(",").index(name)
    cells = [line.split(",")[at] for line in text[1:] if line]
    return np.array(cells, np.int64 if all(cell.isdigit() for cell in cells) else float)
