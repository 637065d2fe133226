"""The plan: what it refuses, how its hash is made, and random streams that depend on nothing else."""

import hashlib
import json

import numpy as np
import pytest

from analysis_lib.errors import ParameterError
from analysis_lib.plan import CHANNELS, Plan, load_plan, make_plan
from analysis_lib.schema import load_schema


def test_the_hash_is_that_of_the_plan_in_canonical_json():
    values = {
        "alpha": 0.01, "confidence_level": 0.95, "n_resamples": 9999, "seed": 20311018, "peers": [], "tolerances_s": [0, 60, 300],
        "scan_windows_s": [60, 300, 900, 3600, 14400], "channels": ["online", "in_person"], "max_other_ballots": [60, 20],
        "horizons_s": [600, 3600, 86400], "gap_band_s": [20, 90], "list_step": 2, "concurrency_s": 2, "late_cuts_s": [0, 86400],
        "surge_windows_s": [900, 3600, 10800], "n_placebos": 10,
        "families": {
            "timing": ["cast_rate_bursts", "operator_gaps", "list_order", "record_order", "shared_origin"],
            "late": ["closing_surge", "late_choice_shift"],
            "credentials": [
                "reissue_rates", "reissue_to_ballot_delay", "reissue_hazard", "nonvoter_targeting", "administrator_sessions",
                "off_hours_actions", "edit_reissue_ballot_chains", "shared_destinations",
            ],
            "roll": [
                "roll_change_bursts", "contact_change_churn", "changed_contact_ballots", "application_denials", "message_coverage",
                "voided_ballots",
            ],
            "channels": ["channel_gap"],
        },
        "chain_gap_s": 1800, "view_s": 1800, "misreport_rate": 0.01,
    }  # fmt: skip
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    assert Plan().sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert Plan(seed=1).sha256 != Plan().sha256
    assert Plan(**values).sha256 == Plan().sha256


def test_a_stream_is_fixed_by_seed_and_names_alone():
    first = Plan().rng("vale", "bursts").random(5)
    Plan().rng("other").random(1000)
    assert np.array_equal(Plan().rng("vale", "bursts").random(5), first)
    others = [
        Plan().rng("vale", "burst", "s"),
        Plan().rng("valebursts"),
        Plan().rng("bursts", "vale"),
        Plan(seed=1).rng("vale", "bursts"),
    ]
    assert len({first[0], *(rng.random() for rng in others)}) == 5


def test_a_plan_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Plan().alpha = 0.5


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"alpha": 0}, "alpha = 0: Input should be greater than 0"),
        ({"alpha": 0.051}, r"alpha = 0\.051: Input should be less than or equal to 0\.05"),
        ({"alpha": "low"}, "alpha = 'low': Input should be a valid number"),
        ({"alpha": float("nan")}, "alpha = nan"),
        ({"confidence_level": 0.5}, "confidence_level"),
        ({"n_resamples": 98}, "n_resamples = 98: Input should be greater than or equal to 99"),
        ({"n_resamples": 199.5}, "n_resamples"),
        ({"seed": -1}, "seed = -1"),
        ({"n_resamples": 1_000_001}, "n_resamples = 1000001: Input should be less than or equal to 1000000"),
        ({"seed": 2**63}, "seed = 9223372036854775808: Input should be less than"),
        ({"tolerances_s": []}, "tolerances_s = .*expected 1 to 20 whole numbers from 0 to 3600"),
        ({"tolerances_s": [0, -1]}, "whole numbers from 0 to 3600"),
        ({"tolerances_s": [0, 3601]}, "whole numbers from 0 to 3600"),
        ({"tolerances_s": [60, 300]}, "expected 0 among them, at which the verdict is taken"),
        ({"tolerances_s": [0, 60, 0]}, "expected every entry once"),
        ({"tolerances_s": range(21)}, "expected 1 to 20 whole numbers"),
        ({"horizons_s": [60.5]}, r"horizons_s\.0 = 60\.5"),
        ({"horizons_s": [0]}, "whole numbers from 1 to 2592000"),
        ({"horizons_s": [30 * 86400 + 1]}, "whole numbers from 1 to 2592000"),
        ({"scan_windows_s": 60}, "scan_windows_s = 60"),
        ({"scan_windows_s": [30 * 86400 + 1]}, "whole numbers from 1 to 2592000"),
        ({"max_other_ballots": [10_001]}, "whole numbers from 0 to 10000"),
        ({"channels": ["online"]}, "channels"),
        ({"channels": ["online", "online"]}, "expected every entry once"),
        ({"channels": ["online", "tube"]}, "there is no channel tube; expected two of online, online_kiosk"),
        ({"channels": ["online", "all"]}, "there is no channel all"),
        ({"peers": ["dale", "hill", "dale"]}, "peers = .*expected every entry once"),
        ({"peers": [str(n) for n in range(1001)]}, "peers = .*at most 1000 items"),
        ({"gap_band_s": [90, 20]}, "expected the shorter gap first"),
        ({"gap_band_s": [20, 3601]}, "whole numbers from 1 to 3600"),
        ({"late_cuts_s": [0, 0]}, "expected every entry once"),
        ({"surge_windows_s": [59]}, "whole numbers from 60 to 2592000"),
        ({"n_placebos": 4}, "n_placebos = 4"),
        ({"families": {"a": ["cast_rate_burst"]}}, "no test answers cast_rate_burst; expected some of .*cast_rate_bursts"),
        ({"families": {"a": ["list_order"], "b": ["list_order"]}}, "expected every question in one family at most"),
        ({"families": {"a": ["list_order", "reissue_rates"]}}, "the family a holds questions of several chapters"),
        ({"alhpa": 0.05}, "alhpa = 0.05: Extra inputs are not permitted"),
        ({"plan": {"alpha": 0.05}}, "plan = "),
    ],
)
def test_what_a_plan_refuses_is_said_with_its_name(values, message):
    with pytest.raises(ParameterError, match=message) as caught:
        make_plan(values, "my plan")
    assert str(caught.value).startswith("my plan: ")
    assert "Known names: alpha, confidence_level" in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        {"alpha": 0.05, "n_resamples": 1_000_000, "seed": 2**63 - 1},
        {"tolerances_s": [3600, 0], "scan_windows_s": [1, 30 * 86400], "horizons_s": list(range(1, 21))},
        {"channels": ["postal", "unknown"], "max_other_ballots": [0, 10_000]},
    ],
)
def test_the_bounds_themselves_are_allowed(values):
    assert {name: make_plan(values, "plan").model_dump(mode="json")[name] for name in values} == values


def test_the_channels_are_the_schemas():
    (column,) = [field for field in load_schema("ballot_events").fields if field.name == "channel"]
    assert column.categories == CHANNELS


def test_departures_from_the_standard_plan_are_named_with_both_values():
    assert Plan().departures == {}
    assert Plan(alpha=0.05, peers=("dale",)).departures == {
        "alpha": {"planned": 0.05, "standard": 0.01},
        "peers": {"planned": ["dale"], "standard": []},
    }


def test_every_fault_is_told_at_once():
    with pytest.raises(ParameterError, match=r"alpha = 2.*seed = -1.*shoe = 1"):
        make_plan({"alpha": 2, "seed": -1, "shoe": 1}, "plan")


def test_without_a_file_the_plan_is_the_default():
    assert load_plan(None) == Plan()


@pytest.mark.parametrize("start", ["", "\ufeff"], ids=["plain", "with a byte-order mark"])
def test_a_plan_is_read_from_toml(tmp_path, start):
    path = tmp_path / "plan.toml"
    path.write_text(f'{start}alpha = 0.02\npeers = ["a", "b"]\nhorizons_s = [60]\n', encoding="utf-8")
    plan = load_plan(path)
    assert (plan.alpha, plan.peers, plan.horizons_s, plan.seed) == (0.02, ("a", "b"), (60,), Plan().seed)


@pytest.mark.parametrize("content", [b"alpha: 0.01", b"\xff\xfea\x00", b"alpha = "])
def test_what_is_not_toml_is_said(tmp_path, content):
    path = tmp_path / "plan.toml"
    path.write_bytes(content)
    with pytest.raises(ParameterError, match=r"plan\.toml: this is not TOML .*Expected lines such as: alpha = 0\.01"):
        load_plan(path)


def test_a_missing_plan_and_a_folder_are_said(tmp_path):
    with pytest.raises(ParameterError, match="there is no such plan file"):
        load_plan(tmp_path / "absent.toml")
    with pytest.raises(ParameterError, match=r"this can't be read .*Name the file itself"):
        load_plan(tmp_path)


def test_every_value_has_a_meaning_in_words_or_in_its_name():
    described = {name for name, field in Plan.model_fields.items() if field.description}
    assert set(Plan.model_fields) - described <= {"confidence_level", "seed"}
