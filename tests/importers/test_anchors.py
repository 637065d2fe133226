from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from imports import mapping, table

from analysis_lib.errors import ParameterError
from analysis_lib.importers.anchors import anchored, in_words
from analysis_lib.importers.formats import Part

TEXT = """
    platform = "club"
    title = "Club"
    [clocks.server]
    zone = "America/Los_Angeles"
    [[checks.paired_clocks]]
    file = "votes"
    column = "cast"
    clock = "server"
    beside = "checked"
    beside_zone = "UTC"
    try_zones = ["America/New_York"]
    [[files]]
    name = "votes"
    title = "votes"
"""


def pairs(zone, n=5, lag_s=3, start=datetime(2031, 3, 6, 12, tzinfo=UTC)):
    rows = []
    for k in range(n):
        at = start + timedelta(hours=7 * k)
        rows.append(
            {
                "cast": at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S"),
                "checked": (at + timedelta(seconds=lag_s)).strftime("%Y-%m-%d %H:%M:%S"),
            }
        )
    return rows


def tried(folder, rows, advertised="", **clock):
    platform = mapping(folder, TEXT)
    clocks = {name: each.model_copy(update=clock) for name, each in platform.clocks.items()}
    return anchored(platform, {"S1": [Part(platform.files[0], table(rows))]}, clocks, advertised)


def test_the_zone_that_was_assumed_is_confirmed(tmp_path):
    # the clocks of Los Angeles go forward on 9 March 2031, in the middle of these rows
    clocks, basis, notes = tried(tmp_path, pairs("America/Los_Angeles", n=14))
    assert (clocks["server"].zone, clocks["server"].basis) == ("America/Los_Angeles", "inferred_from_anchor")
    assert basis["server"] == "cast against checked in 14 rows: median difference 3 s in America/Los_Angeles"
    assert "checked stands 8 h 3 s after cast (median of 14 rows)" in notes[0]
    assert "would put cast wrong by 8 h 3 s" in notes[0]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_another_zone_is_found(tmp_path, zone):
    clocks, _, notes = tried(tmp_path, pairs(zone))
    assert (clocks["server"].zone, clocks["server"].basis) == (zone, "inferred_from_anchor")
    assert f"Read in {zone}, cast agrees with it to 3 s" in notes[0]


def test_the_zone_of_the_ballot_is_tried_too(tmp_path):
    clocks, _, _ = tried(tmp_path, pairs("Asia/Kolkata"), advertised="Asia/Kolkata")
    assert clocks["server"].zone == "Asia/Kolkata"


def test_a_zone_that_does_not_fit_is_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"5 h 30 min 3 s|5 h 29 min 57 s"):
        tried(tmp_path, pairs("Asia/Kolkata"))
    with pytest.raises(ParameterError, match=r"Read in Europe/Paris they still don't agree.*--server-zone"):
        tried(tmp_path, pairs("UTC"), zone="Europe/Paris", basis="stated_zone")


def test_a_zone_that_was_stated_and_fits_stays_stated(tmp_path):
    clocks, basis, _ = tried(tmp_path, pairs("Europe/Paris"), zone="Europe/Paris", basis="stated_zone")
    assert clocks["server"].basis == "stated_zone"
    assert "in Europe/Paris" in basis["server"]


def test_too_few_rows_say_nothing(tmp_path):
    clocks, basis, notes = tried(tmp_path, pairs("UTC", n=2))
    assert (clocks["server"].basis, basis, notes) == ("assumed", {}, [])
    assert tried(tmp_path, [{"cast": "", "checked": ""}])[2] == []
    assert tried(tmp_path, [{"x": "1"}])[2] == []


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 s"), (-28803, "8 h 3 s"), (61.4, "1 min 1 s"), (7200, "2 h")])
def test_a_length_of_time_in_words(seconds, words):
    assert in_words(seconds) == words
