"""Where the records of real elections lie, beside the repository, and the mappings that bring them in."""

from __future__ import annotations

from pathlib import Path

import pytest

REAL = Path(__file__).parents[2] / "shared" / "realdata"
RECORDS = Path(__file__).parent / "importers" / "records"
NIXOS, KUBERNETES, IOWA, ORANGE = (
    REAL / name for name in ("nixos_sc_2024", "kubernetes_steering", "iowa_dem_2020", "orange_county_roll_2018_19")
)


def need(folder: Path) -> Path:
    """Skip the test where a record isn't held."""
    if not folder.is_dir():
        pytest.skip(f"the records of {folder.name} aren't held beside this repository")
    return folder


def mapping(name: str) -> Path:
    """The mapping of a record."""
    (path,) = (RECORDS / name).glob("*.toml")
    return path
