"""The pre-registered plan: every choice a test leans on, fixed before the data are looked at."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from analysis_lib.errors import ParameterError


class Plan(BaseModel):
    """Alpha, windows, tolerances, peers and seed of one investigation.

    A plan is read from `plan.toml` in the package, or is this default. Its SHA-256 is printed in
    the report: anyone who holds the plan can see that no choice was made after the fact. A value
    overridden by hand sets `planned` to false, and the findings print as exploratory.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    alpha: float = Field(0.01, gt=0, lt=1, description="a family's chance of a false alarm; low, since one can ruin a person")
    confidence_level: float = Field(0.95, gt=0.5, lt=1)
    n_resamples: int = Field(9999, ge=99, description="Monte Carlo draws of every simulated null")
    seed: int = Field(20311018, ge=0)
    peers: tuple[str, ...] = Field(
        (), description="contests to compare with; empty: every comparison_only contest of the package"
    )
    tolerances_s: tuple[int, ...] = Field((0, 60, 300), description="seconds past the close that are still counted as in time")
    scan_windows_s: tuple[int, ...] = Field((60, 300, 900, 3600, 14400), description="lengths of the burst windows, seconds")
    channels: tuple[str, str] = Field(("online", "in_person"), description="the two channels whose shares are compared")
    max_other_ballots: tuple[int, ...] = Field(
        (60, 20), description="ballots of channels without a published share: at most this many"
    )
    horizons_s: tuple[int, ...] = Field((600, 3600, 86400), description="a ballot within so many seconds of a reissue")

    @field_validator("tolerances_s", "scan_windows_s", "horizons_s", "max_other_ballots")
    @classmethod
    def _positive(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or min(value) < 0:
            raise ValueError("expected at least one whole number, none below 0")
        return value

    @property
    def sha256(self) -> str:
        """SHA-256 of the plan in canonical JSON (keys sorted, no spaces)."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def rng(self, *names: str) -> np.random.Generator:
        """Give the random stream of one test of one contest: fixed by the seed and the names, whatever ran before."""
        digest = hashlib.sha256("\n".join((str(self.seed), *names)).encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def make_plan(values: dict[str, Any], origin: str) -> Plan:
    """Check values against `Plan`; one ParameterError lists every fault with its name."""
    try:
        return Plan(**values)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))} = {e['input']!r}: {e['msg']}" for e in error.errors())
        raise ParameterError(f"{origin}: {faults}. Known names: {', '.join(Plan.model_fields)}.") from None


def load_plan(path: Path | None) -> Plan:
    """Read a plan from a TOML file; without one, the default plan."""
    if path is None:
        return Plan()
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # some editors write a byte-order mark
    except FileNotFoundError:
        raise ParameterError(
            f"{path}: there is no such plan file. Expected a TOML file of plan values; leave it out to use the default plan."
        ) from None
    except OSError as error:
        raise ParameterError(
            f"{path}: this can't be read ({error.strerror}). Expected a TOML file of plan values. Name the file itself."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path}: this is not TOML ({error}). Expected lines such as: alpha = 0.01") from None
    return make_plan(values, str(path))
