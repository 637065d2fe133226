"""Spikes of answers that the order of events contradicts: an estimate in error, and no word against a clock."""

import math

import pytest
from cases import one

from analysis_lib import simulate
from analysis_lib.calibration import world_of
from analysis_lib.case import open_case
from analysis_lib.methods.anchors import SHIFTS_S, Anchor
from analysis_lib.methods.clock_offset import CANNOT_TELL, CONTRADICTED, anchored_offsets, clock_offset
from analysis_lib.results import Verdict


def within(kind, low, high, n=116):
    """Rows of which all ask for an offset from `low` to `high`."""
    out = tuple(0 if low - 60 <= shift <= high + 60 else n for shift in SHIFTS_S)
    return Anchor(clock_id="C1", kind=kind, against="a record", low=low, high=high, n=n, out=out, loose=(low, high))


def judged(*found):
    return clock_offset(found, clock_ids=["C1"], allowed={"C1": 60.0}, basis={"C1": "stated_offset"})["C1"]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_spike_that_the_order_of_events_rules_out_names_no_clock(sign):
    spike = within("spike", *sorted((sign * 12_000.0, sign * 24_000.0)))
    ruled_out = within("sent", *sorted((-sign * math.inf, sign * 20.0)))
    allowed = within("sent", *sorted((-sign * math.inf, sign * 14_000.0)))
    both = judged(spike, ruled_out)
    assert (both.verdict, both.shift, both.estimate) == (CANNOT_TELL, None, None)
    assert judged(spike, allowed).verdict == CONTRADICTED
    assert judged(spike).verdict == CONTRADICTED


def test_slow_answers_in_a_made_up_contest_name_no_clock(tmp_path):
    # 116 ballots: their spikes ask for a clock 3 h 20 min to 6 h 40 min ahead, but an answer came 20 seconds after the invitation.
    seed = 700_266
    made = simulate.selection(seed, simulate.Setting(**world_of(seed)))
    simulate.write_package(made, tmp_path, name="made_up", title="Made up", description="Made up.")
    case = open_case(tmp_path, n_resamples=199)
    assert one(case, "clock_offset").verdict is Verdict.UNDETERMINED
    assert anchored_offsets(case) == {}


@pytest.mark.parametrize(("kind", "low", "high"), [("opening", -math.inf, -86_400.0), ("close", 28_800.0, math.inf)])
def test_a_few_ballots_outside_the_window_do_not_excuse_a_clock_that_its_spike_contradicts(kind, low, high):
    spike, outside = within("spike", 3300.0, 3900.0, n=200), within(kind, low, high, n=4)
    assert (judged(spike, outside).verdict, judged(spike, outside).estimate) == (CONTRADICTED, judged(spike).estimate)
