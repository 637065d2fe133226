"""The calendar and the pace of a made-up selection, and what no world can be made of."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from made_up import PLANTED, casts
from polars.testing import assert_frame_equal

from analysis_lib.errors import ParameterError
from analysis_lib.simulate import Setting, selection
from analysis_lib.simulate.setting import hour_edges, hourly_rates


def test_summer_time_ends_inside_the_window():
    setting, london = Setting(), ZoneInfo("Europe/London")
    assert setting.opens_at == datetime(2031, 10, 18, 11, tzinfo=UTC)
    assert setting.closes_at == datetime(2031, 11, 1, 12, tzinfo=UTC)
    assert (setting.opens_at.astimezone(london).hour, setting.closes_at.astimezone(london).hour) == (12, 12)
    assert len(hour_edges(setting)) - 1 == len(hourly_rates(setting)) == 337
    # 09:00 on the day after the change is 25 hours, not 24, after 09:00 on the day before it
    assert setting.local_seconds(8, 9) - setting.local_seconds(7, 9) == 25 * 3600


def test_pace_follows_the_local_clock_across_the_change():
    setting = replace(Setting(), reminders=())
    rates, london = hourly_rates(setting), ZoneInfo("Europe/London")
    hour = np.array([(setting.opens_at + timedelta(hours=h)).astimezone(london).hour for h in range(337)])
    middle = (np.arange(337) > 72) & (np.arange(337) < 240)  # clear of both ends and of the hustings
    for clock in (3, 13, 20):
        assert np.ptp(rates[middle & (hour == clock)]) < 0.01 * rates[middle].mean()
    assert rates[middle & (hour == 20)].min() > rates[middle & (hour == 16)].max() > 10 * rates[middle & (hour == 3)].max()
    assert rates[middle & (hour == 12)].min() > rates[middle & (hour == 16)].max()


def test_reminder_lifts_the_pace_and_fades_and_the_hustings_lull_it_first():
    with_them, without = hourly_rates(Setting()), hourly_rates(replace(Setting(), reminders=()))
    ratio = with_them / without
    sent = int(Setting().seconds(Setting().reminders[0]) / 3600)
    before, after = ratio[sent - 1], ratio[sent : sent + 12]
    assert after[0] > 2.5 * before
    assert (np.diff(after) < 0).all()
    assert np.log((after[0] - before) / (after[4] - before)) == pytest.approx(1, abs=1e-9)  # e-fold in 4 hours
    evening = int(Setting().seconds(Setting().hustings_at) / 3600)
    elsewhere = replace(Setting(), hustings_at=Setting().hustings_at - timedelta(days=2))
    effect = without / hourly_rates(replace(elsewhere, reminders=()))
    assert effect[evening] < 0.6 < 1.5 < effect[evening + 3]


def test_stamps_are_cut_to_the_resolution():
    made = selection(3, replace(PLANTED, resolution_s=60))
    assert set(casts(made)["at"].dt.second()) == {0}
    assert made.tables["clocks"]["resolution"].to_list() == ["min", "min"]
    fine = selection(3, PLANTED)
    assert_frame_equal(casts(fine).select(pl.col("at").dt.truncate("1m"), "voter_key"), casts(made).select("at", "voter_key"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"plants": frozenset({"ghosts"})},
            r"no plant is called ghosts\. Known plants: reissue_chain, late_ballots, night_burst",
        ),
        ({"turnout": 1.0}, r"turnout = 1\.0\. Expected a share below 1"),
        ({"noise_cv": -0.1}, r"noise_cv = -0\.1\. Expected a number that is not below 0"),
        ({"noise_cv": float("nan")}, r"noise_cv = nan"),
        ({"n_members": 40}, r"40 members in 10 branches .* at least 10 members a branch"),
        ({"n_administrators": 1}, r"with 1 administrators"),
        ({"resolution_s": 30}, r"resolution_s = 30\. Expected 1"),
        ({"hustings_at": Setting().closes_at}, r"at least 4 hours before the close"),
    ],
)
def test_settings_that_make_no_world_are_refused(change, message):
    with pytest.raises(ParameterError, match=message):
        replace(Setting(), **change)
