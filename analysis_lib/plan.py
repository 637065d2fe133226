"""The pre-registered plan: every choice a test leans on, fixed before the data are looked at."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from analysis_lib.errors import ParameterError

HOUR_S, MONTH_S = 3600, 30 * 86400
MOST_ENTRIES = 20  # of a list of the plan; more choices than these are a search, and a report of them could not be read
MOST_PEERS = 1000
RANGES = {  # what an entry of a list may be, seconds or ballots
    "tolerances_s": (0, HOUR_S), "scan_windows_s": (1, MONTH_S), "horizons_s": (1, MONTH_S), "max_other_ballots": (0, 10_000),
    "gap_band_s": (1, HOUR_S), "surge_windows_s": (60, MONTH_S), "late_cuts_s": (0, MONTH_S),
}  # fmt: skip
FAMILIES = {  # questions whose p-values are adjusted together; a question in none is exploratory
    "timing": ("cast_rate_bursts", "operator_gaps", "list_order", "record_order", "shared_origin"),
    "late": ("closing_surge", "late_choice_shift"),
    "credentials": (
        "reissue_rates",
        "reissue_to_ballot_delay",
        "reissue_hazard",
        "nonvoter_targeting",
        "administrator_sessions",
        "off_hours_actions",
        "edit_reissue_ballot_chains",
        "shared_destinations",
    ),
    "roll": (
        "roll_change_bursts",
        "contact_change_churn",
        "changed_contact_ballots",
        "application_denials",
        "message_coverage",
        "voided_ballots",
    ),
    "channels": ("channel_gap",),
}
CHANNELS = (  # as the schema has them, without "all"; a test holds the two equal
    "online", "online_kiosk", "in_person", "postal", "phone", "sms", "proxy", "officer_entered", "other", "unknown",
)  # fmt: skip


class Plan(BaseModel):
    """Alpha, windows, tolerances, peers and seed of one investigation.

    A plan is read from `plan.toml` in the package, or is this default. Its SHA-256 is printed in
    the report: anyone who holds the plan can see that no choice was made after the fact. A value
    overridden by hand sets `planned` to false, and the findings print as exploratory.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    alpha: float = Field(0.01, gt=0, le=0.05, description="a family's chance of a false alarm; low, since one can ruin a person")
    confidence_level: float = Field(0.95, gt=0.5, lt=1)
    n_resamples: int = Field(9999, ge=99, le=1_000_000, description="Monte Carlo draws of every simulated null")
    seed: int = Field(20311018, ge=0, lt=2**63)  # the whole numbers that TOML has
    peers: tuple[str, ...] = Field(
        (), max_length=MOST_PEERS, description="contests to compare with; empty: every comparison_only contest of the package"
    )
    tolerances_s: tuple[int, ...] = Field(
        (0, 60, 300), description="seconds past the close up to which a count is shown too; the verdict is always taken at 0"
    )
    scan_windows_s: tuple[int, ...] = Field((60, 300, 900, 3600, 14400), description="lengths of the burst windows, seconds")
    channels: tuple[str, str] = Field(("online", "in_person"), description="the two channels whose shares are compared")
    max_other_ballots: tuple[int, ...] = Field(
        (60, 20), description="ballots of channels without a published share: at most this many"
    )
    gap_band_s: tuple[int, int] = Field((20, 90), description="seconds between ballots that one person keying codes would keep")
    list_step: int = Field(2, ge=1, le=5, description="places down a list that count as going on with it")
    concurrency_s: int = Field(2, ge=0, le=60, description="seconds by which two entries made at once may change places")
    surge_windows_s: tuple[int, ...] = Field((900, 3600, 10800), description="lengths of the stretch before the close, seconds")
    late_cuts_s: tuple[int, ...] = Field(
        (0, 86400), description="seconds before the close from which a ballot counts as late; 0: after the close"
    )
    n_placebos: int = Field(10, ge=5, le=100, description="earlier cut-offs at which the late-choice test is repeated")
    families: dict[str, tuple[str, ...]] = Field(
        FAMILIES, description="questions whose p-values are adjusted together, by family; a question in none is exploratory"
    )
    chain_gap_s: int = Field(
        1800, ge=60, le=86400, description="most seconds between a change of contact, a reissue and a ballot of one chain"
    )
    view_s: int = Field(
        1800, ge=60, le=86400, description="seconds after the list of who has not voted was viewed that are set apart"
    )
    misreport_rate: float = Field(
        0.01, gt=0, lt=0.5, description="share of members who deny what they did, where no control group tells it"
    )
    horizons_s: tuple[int, ...] = Field((600, 3600, 86400), description="a ballot within so many seconds of a reissue")

    @field_validator(
        "tolerances_s",
        "scan_windows_s",
        "horizons_s",
        "max_other_ballots",
        "gap_band_s",
        "surge_windows_s",
        "late_cuts_s",
        "peers",
        "channels",
    )
    @classmethod
    def _each_once(cls, value: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
        if len(set(value)) < len(value):
            raise ValueError("expected every entry once")
        if info.field_name in RANGES:
            low, high = RANGES[info.field_name]
            if not 1 <= len(value) <= MOST_ENTRIES or min(value) < low or max(value) > high:
                raise ValueError(f"expected 1 to {MOST_ENTRIES} whole numbers from {low} to {high}")
        return value

    @field_validator("tolerances_s")
    @classmethod
    def _with_none(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if 0 not in value:
            raise ValueError("expected 0 among them, at which the verdict is taken")
        return value

    @field_validator("gap_band_s")
    @classmethod
    def _rising(cls, value: tuple[int, int]) -> tuple[int, int]:
        if value[0] >= value[1]:
            raise ValueError("expected the shorter gap first")
        return value

    @field_validator("families")
    @classmethod
    def _in_one_family(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        nouns = [noun for nouns in value.values() for noun in nouns]
        known = {noun for nouns in FAMILIES.values() for noun in nouns}
        if unknown := sorted(set(nouns) - known):
            raise ValueError(f"no test answers {', '.join(unknown)}; expected some of {', '.join(sorted(known))}")
        if len(set(nouns)) < len(nouns):
            raise ValueError("expected every question in one family at most")
        standard = {noun: family for family, members in FAMILIES.items() for noun in members}
        if mixed := sorted(family for family, members in value.items() if len({standard[noun] for noun in members}) > 1):
            raise ValueError(f"the family {', '.join(mixed)} holds questions of several chapters, which are answered apart")
        return value

    @field_validator("channels")
    @classmethod
    def _known(cls, value: tuple[str, str]) -> tuple[str, str]:
        if unknown := [channel for channel in value if channel not in CHANNELS]:
            raise ValueError(f"there is no channel {', '.join(unknown)}; expected two of {', '.join(CHANNELS)}")
        return value

    def family_of(self, noun: str) -> str:
        """Name the family in which a question's p-values are adjusted; empty where the plan names it in none."""
        return next((family for family, nouns in self.families.items() if noun in nouns), "")

    @property
    def sha256(self) -> str:
        """SHA-256 of the plan in canonical JSON (keys sorted, no spaces)."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def departures(self) -> dict[str, dict[str, Any]]:
        """Every value that isn't the standard plan's: {"alpha": {"planned": 0.05, "standard": 0.01}}."""
        own, standard = self.model_dump(mode="json"), Plan().model_dump(mode="json")
        return {name: {"planned": own[name], "standard": standard[name]} for name in standard if own[name] != standard[name]}

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
