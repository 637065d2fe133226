"""False alarms and power of chapters 30 and 40, measured in worlds full of office life: the committed tables hold what is asked."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from analysis_lib import calibration
from analysis_lib.methods.registry import REGISTRY
from analysis_lib.results import Grade

GOLDEN = Path(__file__).parent / "golden"
MOST = 0.07
EVERY_CONTEST = 1000


def read(name: str) -> pl.DataFrame:
    frame = pl.read_csv(GOLDEN / f"{name}.csv")
    return frame.with_columns(pl.col("form").fill_null("")) if "form" in frame.columns else frame


@pytest.fixture(scope="module")
def clean() -> pl.DataFrame:
    return read("calibration_offices")


def nouns(*grades: Grade) -> set[str]:
    return {
        noun
        for noun, question in REGISTRY.items()
        if question.chapter in calibration.CHAPTERS_OF["offices"] and question.grade in grades
    }


def test_every_question_was_asked(clean):
    assert set(clean["question"]) == nouns(Grade.BREACH, Grade.ANOMALY)
    assert clean["contests"].max() == EVERY_CONTEST


def test_no_test_raises_more_false_alarms_than_it_says(clean):
    for row in clean.drop_nulls("share_p_at_most_0.05").iter_rows(named=True):
        assert row["share_p_at_most_0.05"] <= MOST, row
        assert row["share_p_at_most_0.01"] <= 0.02, row


def test_no_breach_is_recorded_in_a_clean_contest(clean):
    breaches = clean.drop_nulls("share_breach_recorded")
    assert set(breaches["question"]) == nouns(Grade.BREACH)
    assert breaches["share_breach_recorded"].max() == 0


def test_branches_that_differ_and_a_busy_officer_make_no_difference():
    traits = read("calibration_offices_traits").filter(pl.col("contests") >= 300)
    assert set(traits["trait"]) >= {"branch_cv", "busy_officer", "n_branches", "reminder_bounce", "cleanse", "affiliates"}
    assert traits["share"].max() <= 0.09  # of 300 contests, three standard errors above 0.05


def test_a_family_seldom_stands_out_in_a_clean_contest():
    assert read("calibration_offices_families")["share_stands_out"].max() <= 0.01


@pytest.mark.parametrize(("members", "least"), [(30, 0.95), (10, 0.7)])
def test_the_planted_chain_is_found_by_its_family(members, least):
    found = dict(read(f"calibration_chain{members}").select("family", "share_stands_out").iter_rows())
    assert found["credentials"] >= least


def test_the_road_of_the_tables_still_runs(clean):
    world = calibration.world_of(800_000, "offices") | {"n_members": 500}
    rows = pl.DataFrame(calibration.one_contest(800_000, (), nouns(Grade.BREACH, Grade.ANOMALY), 2, **world))
    made = set(calibration.summary(rows).select("question", "form").iter_rows())
    assert made <= set(clean.select("question", "form").iter_rows())
    assert set(calibration.by_family(rows)["family"]) == {"credentials", "roll"}
