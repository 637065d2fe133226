"""Result objects: what they refuse, and plain data that JSON and the schema accept."""

import json
from dataclasses import FrozenInstanceError, dataclass
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_package import STEADY

from analysis_lib.results import (
    VERDICTS,
    Assumption,
    Bounds,
    Breach,
    Estimate,
    Finding,
    Grade,
    NotAnswerable,
    Status,
    TestResult,
    Verdict,
    plain,
    to_dict,
)

ESTIMATE = Estimate(name="ratio", value=2.0, low=1.0, high=4.0, confidence_level=0.95, unit="ratio")
COMMON = {
    "statistic": 3,
    "statistic_name": "things",
    "n_observations": 9,
    "n_excluded": 0,
    "assumptions": (),
    "innocent_explanations": ("Chance.",),
}


def a_test(**changes):
    values = {
        "method": "cast_rate_bursts",
        "null_hypothesis": "all is even",
        "alternative": "greater",
        "pvalue": 0.5,
        "effect": ESTIMATE,
        "references": (),
        "parameters": {},
    }
    return TestResult(**COMMON | values | changes)


def a_breach(**changes):
    values = {"method": "falling_turnout_counts", "rule": "a count never falls", "verdict": Verdict.NO_BREACH, "parameters": {}}
    return Breach(**COMMON | values | changes)


def finding(result, grade, verdict, **more):
    return Finding(question=result.method, chapter="10_turnout_timing", grade=grade, verdict=verdict, result=result, **more)


@pytest.mark.parametrize("pvalue", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_pvalue_outside_0_to_1_is_a_fault_of_the_method(pvalue):
    with pytest.raises(ValueError, match=r"cast_rate_bursts: the p-value is .*expected a number from 0 to 1.*not of the data"):
        a_test(pvalue=pvalue)


@pytest.mark.parametrize("pvalue", [0.0, 1.0, 1e-300])
def test_the_ends_are_allowed(pvalue):
    assert a_test(pvalue=pvalue).pvalue == pvalue


@pytest.mark.parametrize("grade", list(Grade))
@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_verdict_belongs_to_its_grade(grade, verdict):
    if verdict in VERDICTS[grade] or verdict is Verdict.CANNOT_BE_ANSWERED:
        assert finding(a_breach(), grade, verdict).verdict is verdict
    else:
        with pytest.raises(ValueError, match=f"the verdict {verdict} does not belong to the grade {grade}"):
            finding(a_breach(), grade, verdict)


def test_every_verdict_belongs_to_a_grade():
    assert set().union(*VERDICTS.values()) | {Verdict.CANNOT_BE_ANSWERED} == set(Verdict)


def test_results_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        a_breach().statistic = 4


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        ("a", "a"),
        (3, 3),
        (np.int64(3), 3),
        (0.1 + 0.2, 0.3),
        (np.float64(1 / 3), 0.3333333333),
        (float("inf"), None),
        (1.7976931348623157e308, None),  # rounded up it is more than a float can hold
        (float("nan"), None),
        (-float("inf"), None),
        (Status.HOLDS, "holds"),
        (date(2031, 10, 26), "2031-10-26"),
        (datetime(2031, 10, 26, 1, 30, tzinfo=UTC), "2031-10-26T01:30:00Z"),
        (datetime(2031, 10, 26, 1, 30, tzinfo=timezone(timedelta(hours=1))), "2031-10-26T00:30:00Z"),
        (datetime(2031, 10, 26, 1, 30, 0, 5, tzinfo=UTC), "2031-10-26T01:30:00.000005Z"),
        ((1, [2, (3,)]), [1, [2, [3]]]),
        ({"b": 1, "a": {2: np.float64("nan")}}, {"b": 1, "a": {"2": None}}),
        (np.arange(3), [0, 1, 2]),
        (ESTIMATE, {"name": "ratio", "value": 2.0, "low": 1.0, "high": 4.0, "confidence_level": 0.95, "unit": "ratio"}),
    ],
)
def test_plain_data(value, expected):
    found = plain(value)
    assert found == expected
    assert type(found) is type(expected)
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("value", [object(), timedelta(1), b"x", {1, 2}, np.bool_(True)])
def test_what_is_not_plain_is_refused(value):
    with pytest.raises(TypeError, match=r"can't be written to findings\.json; give plain numbers, texts and times"):
        plain(value)


@STEADY
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_plain_data_stay_as_they_are_the_second_time(value):
    once = plain(value)
    assert json.dumps(plain(once), allow_nan=False) == json.dumps(once, allow_nan=False)


def test_ten_digits_are_kept():
    assert plain(1 / 3) == 0.3333333333
    assert plain(123456789012.0) == 123456789000.0
    assert plain(1e-15 / 3) == 3.333333333e-16


def test_a_finding_has_every_key_whatever_its_kind():
    bounds = Bounds(**COMMON | {"method": "struck_ballots", "verdict": Verdict.COULD_CHANGE, "effect": None, "parameters": {}})
    missing = NotAnswerable(method="channel_gap", reason="Not held.", needs=("results.n",))
    entries = [
        to_dict(
            finding(a_test(), Grade.ANOMALY, Verdict.WITHIN_BASELINE, pvalue_adjusted=0.6, family="timing", family_size=2),
            "Told.",
        ),
        to_dict(finding(a_breach(), Grade.BREACH, Verdict.NO_BREACH, planned=False), "Told."),
        to_dict(finding(bounds, Grade.MATERIALITY, Verdict.COULD_CHANGE), "Told."),
        to_dict(finding(missing, Grade.ANOMALY, Verdict.CANNOT_BE_ANSWERED), "Told."),
    ]
    assert len({tuple(entry) for entry in entries}) == 1
    assert [entry["pvalue"] for entry in entries] == [0.5, None, None, None]
    assert [entry["rule"] for entry in entries] == [None, "a count never falls", None, None]
    assert [entry["needs"] for entry in entries] == [[], [], [], ["results.n"]]
    assert [entry["planned"] for entry in entries] == [True, False, True, True]
    assert entries[0]["pvalue_adjusted"] == 0.6
    assert entries[3]["n_observations"] is None
    assert entries[2]["effect"] is None
    json.dumps(entries, allow_nan=False)


def test_the_draws_of_the_null_stay_out():
    entry = to_dict(finding(a_test(null_draws=np.arange(5.0)), Grade.ANOMALY, Verdict.WITHIN_BASELINE), "Told.")
    assert "null_draws" not in json.dumps(entry)


def test_assumptions_are_written_with_their_status():
    leaning = (Assumption(statement="Even.", status=Status.FAILS, evidence="It is not."),)
    entry = to_dict(finding(a_test(assumptions=leaning), Grade.ANOMALY, Verdict.WITHIN_BASELINE), "Told.")
    assert entry["assumptions"] == [{"statement": "Even.", "status": "fails", "evidence": "It is not."}]


def test_details_are_those_of_the_result():
    @dataclass(frozen=True)
    class Inner:
        x: int

    found = finding(a_breach(details={"inner": Inner(1)}), Grade.BREACH, Verdict.NO_BREACH)
    assert found.details is found.result.details
    assert to_dict(found, "")["details"] == {"inner": {"x": 1}}
