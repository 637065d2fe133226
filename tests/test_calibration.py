"""False alarms, measured: the committed table holds what acceptance asks for, and the road that made it still runs."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from analysis_lib import calibration
from analysis_lib.methods.registry import REGISTRY
from analysis_lib.results import Grade

TABLE = Path(__file__).parent / "golden" / "calibration.csv"
PLANTED = Path(__file__).parent / "golden" / "calibration_planted.csv"
NOMINAL = (0.03, 0.07)
MAY_BE_BELOW = {  # the reason stands in the method's docstring, or in its section of the chapter
    ("cast_rate_bursts", "hours"): "the peers' noise holds the answers to their own batches of codes, which stand aside here",
    ("operator_gaps", "even_gaps"): "the pace changes within a stretch, which makes gaps more uneven than the null",
    ("operator_gaps", "band_run"): "the largest of three chances is taken",
    ("list_order", "roll"): "discrete, and Holm over three tests",
    ("list_order", "issue"): "discrete, and Holm over three tests",
    ("record_order", "seq_vs_time"): "discrete: a clean log has few late entries",
    ("shared_origin", "network"): "what the reference leaves open is drawn too",
    ("shared_origin", "device"): "what the reference leaves open is drawn too",
    ("closing_surge", "peers"): "discrete, and Holm over stretches that lie within each other",
    ("closing_surge", "own_days"): "discrete, and Holm over stretches that lie within each other",
    ("channel_gap", "counts"): "exact and discrete",
    ("reissue_rates", "administrator"): "exact and discrete, and Holm",
    ("reissue_rates", "branch"): "small counts, and the spread between units is uncertain",
    ("reissue_to_ballot_delay", ""): "one-sided",
}


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    return pl.read_csv(TABLE).with_columns(pl.col("form").fill_null(""))


def asked_of(noun: str, *grades: Grade) -> bool:
    """Whether a question is of one of the grades and of a chapter that no worlds of its own are made for."""
    return REGISTRY[noun].grade in grades and REGISTRY[noun].chapter not in calibration.CHAPTERS_OF["offices"]


def test_every_question_was_calibrated_on_a_thousand_contests(table):
    assert set(table["question"]) >= {noun for noun in REGISTRY if asked_of(noun, Grade.BREACH, Grade.ANOMALY)}
    fewer = {(row["question"], row["form"]) for row in table.filter(pl.col("contests") < 1000).iter_rows(named=True)}
    assert fewer == set()


def test_false_alarms_are_nominal(table):
    tests = table.drop_nulls("share_p_at_most_0.05")
    assert tests.height == 19
    for row in tests.iter_rows(named=True):
        name, rate = (row["question"], row["form"]), row["share_p_at_most_0.05"]
        low = 0.0 if name in MAY_BE_BELOW else NOMINAL[0]
        assert low <= rate <= NOMINAL[1], row


def test_no_breach_is_recorded_in_a_clean_contest(table):
    breaches = table.drop_nulls("share_breach_recorded")
    assert set(breaches["question"]) >= {noun for noun in REGISTRY if asked_of(noun, Grade.BREACH)}
    for row in breaches.iter_rows(named=True):
        assert row["share_breach_recorded"] <= 0.0, row


def test_what_is_planted_is_found():
    found = pl.read_csv(PLANTED).with_columns(pl.col("form").fill_null(""))
    rates = {(row["question"], row["form"]): row for row in found.iter_rows(named=True)}
    assert rates["cast_rate_bursts", "peer_baseline"]["share_p_at_most_0.01"] >= 0.95
    assert rates["reissue_to_ballot_delay", ""]["share_p_at_most_0.01"] >= 0.9
    assert rates["ballots_outside_window", ""]["share_breach_recorded"] == 1


def test_the_road_of_the_table_still_runs():
    rows = pl.DataFrame(calibration.one_contest(31, (), set(pl.read_csv(TABLE)["question"])), infer_schema_length=None)
    summary = calibration.summary(rows)
    made = {(row["question"], row["form"]) for row in summary.iter_rows(named=True)}
    known = {(row["question"], row["form"] or "") for row in pl.read_csv(TABLE).iter_rows(named=True)}
    assert made <= known
    assert {question for question, _ in made} == {question for question, _ in known} - {"late_choice_shift"}
    planted = pl.DataFrame(calibration.one_contest(31, ("late_ballots",)), infer_schema_length=None)
    assert planted.filter(pl.col("question") == "ballots_outside_window")["verdict"].to_list() == ["breach_recorded"]


@pytest.mark.calibration
def test_false_alarms_measured_anew():
    table = calibration.summary(calibration.run(400, first_seed=1_700_000)).drop_nulls("share_p_at_most_0.05")
    assert table["share_p_at_most_0.05"].max() <= NOMINAL[1] + 0.011  # one standard error of 400 contests
