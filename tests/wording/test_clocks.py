"""How clocks, their offsets and their readings are told."""

import math
import re

import pytest
from cases import BANNED

from analysis_lib.methods.anchors import SHIFTS_S
from analysis_lib.wording.clocks import ANCHORS, bounds, clock_told, reading, readings_told, span
from analysis_lib.wording.fixed import READINGS

CLOCK = {
    "clock_id": "C1", "stamps": ["ballot_events"], "verdict": "contradicted", "tz_used": "UTC", "shift_s": -28_800.0, "low_s": -29_000.0, "high_s": -28_000.0,
    "zones": [{"zone": "America/Los_Angeles", "season": "winter"}], "anchors": [], "also_allowed_s": [],
}  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (28_800, "8 hours"),
        (-3600, "1 hour"),
        (19_800, "5 hours 30 minutes"),
        (90, "2 minutes"),
        (29, "29 seconds"),
        (1, "1 second"),
        (3599, "1 hour"),
        (-60, "1 minute"),
    ],
)
def test_spans(seconds, text):
    assert span(seconds) == text


@pytest.mark.parametrize("seconds", SHIFTS_S)
def test_no_shift_is_told_as_nothing(seconds):
    assert span(seconds) != "" or seconds == 0


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (-120, 3600, "from 2 minutes behind to 1 hour ahead"),
        (-math.inf, 0, "not ahead"),
        (-math.inf, -28_800, "at least 8 hours behind"),
        (300, math.inf, "at least 5 minutes ahead"),
        (None, None, "anything"),
        (-0.2, 0.2, "from 0 to 0"),
    ],
)
def test_bounds(low, high, text):
    assert bounds(low, high) == text


def test_readings_are_joined_in_words():
    assert reading("as_recorded") == "as recorded"
    assert reading("other_zone+clock_slow") == "if UTC and local time were mixed up and if the clock ran slow"
    assert reading("C1: anchored") == "as events that other records fix in time place it, clock C1 alone"
    assert reading("system: B: other_fold") == "if the repeated hour was the other one, clock system: B alone"


def test_a_clock_is_known_by_what_it_stamps():
    ballots, codes = ["ballot_events"], ["credential_events", "vote_applications"]
    assert reading("C1: clock_slow", {"C1": ballots, "C2": codes}) == "if the clock ran slow, by the clock of ballots alone"
    assert reading("C2: clock_slow", {"C1": ballots, "C2": codes}).endswith(
        ", by the clock of credentials and applications alone"
    )
    assert reading("C2: clock_slow", {"C1": ballots, "C2": ballots}).endswith(", by the clock of ballots alone (C2)")
    assert reading("C3: clock_slow", {"C1": ballots}) == "if the clock ran slow, clock C3 alone"
    assert reading("clock_slow", {"C1": ballots}) == "if the clock ran slow"


def test_a_contradicted_clock_is_told_with_the_zone_that_would_explain_it():
    assert clock_told(CLOCK) == (
        "The clock of ballots, read as UTC, is 8 hours behind the records it is compared with: "
        "this is what a log written in the time of America/Los_Angeles in winter would give."
    )
    zones = [{"zone": "Europe/London", "season": "summer"}, {"zone": "Africa/Lagos", "season": "always"}]
    ahead = clock_told(CLOCK | {"shift_s": 3600.0, "zones": zones})
    assert ahead.endswith(
        "1 hour ahead of the records it is compared with: this is what a log written in the time of Europe/London in summer or Africa/Lagos would give."
    )
    assert clock_told(CLOCK | {"zones": []}).endswith("compared with.")
    assert "no one shift reconciles them" in clock_told(CLOCK | {"shift_s": None, "zones": [], "low_s": 60.0, "high_s": -60.0})
    some_minutes = CLOCK | {"shift_s": None, "zones": [], "low_s": -math.inf, "high_s": -180.0}
    assert clock_told(some_minutes).endswith("they allow it only this offset: at least 3 minutes behind.")
    both = some_minutes | {"stamps": ["ballot_events", "credential_events"]}
    assert clock_told(both, with_id=True).startswith("The clock of ballots and credentials (C1), read as UTC,")


def test_other_verdicts():
    unclear = CLOCK | {"verdict": "cannot_tell", "shift_s": None}
    assert clock_told(unclear) == "Whether the clock of ballots is right cannot be told from the records held."
    assert clock_told(unclear | {"shift_s": 3600.0}).endswith("would be in order if it were 1 hour ahead.")
    agrees = CLOCK | {"verdict": "consistent", "shift_s": None}
    assert clock_told(agrees) == "The clock of ballots agrees with what other records fix in time."
    assert "an offset of its own: from 8 hours 3 minutes behind" in clock_told(agrees | {"also_allowed_s": [-28_800]})
    assert "No offset of it would bring" in clock_told(agrees | {"anchors": [{"kind": "close", "n_out": 6}]})


def test_readings_of_a_test_are_told_by_the_range_of_p():
    rows = [{"pvalue": 0.004}, {"pvalue": None}, {"pvalue": 0.5}]
    assert readings_told(rows) == "Tried under 3 readings of the clocks, p runs from 0.004 to 0.5."


def test_no_word_convicts():
    text = " ".join([*ANCHORS.values(), *READINGS.values(), clock_told(CLOCK)])
    assert not re.search(BANNED, text)
