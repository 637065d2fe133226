"""Order that a log doesn't keep: each trap with a log that has it and one that hasn't."""

from datetime import timedelta

import numpy as np
import pytest
from cases import every
from trap_tables import CLOCK, START, casts, pace
from trap_tables import told as told_by

from analysis_lib.traps.sequence_traps import RUN, find


def told(**given):
    return told_by(find, **given)


def numbered(rows, seq=None):
    return [row | {"seq": n} for row, n in zip(rows, seq if seq is not None else range(1, len(rows) + 1), strict=True)]


def test_an_ordinary_log_has_no_trap():
    assert told(ballot_events=numbered(casts(pace()))) == {}
    assert told() == {}


def test_a_queue_that_writes_many_at_once():
    rows = casts(pace() + [START + timedelta(days=2)] * RUN)
    assert '10 ballots share 1 stamp of clock "C1", up to 10 on one' in told(ballot_events=rows)["same_stamp"]
    assert told(ballot_events=casts(pace() + [START + timedelta(days=2)] * (RUN - 1))) == {}
    assert told(ballot_events=casts([START] * 40, batch_id="hall")) == {}


def test_a_large_contest_has_many_ballots_in_a_second():
    assert told(ballot_events=casts(pace(20_000, days=0.05))) == {}  # nearly 5 a second


def test_stamps_at_fixed_times():
    rows = casts(every(START, 300, 60))
    assert '59 of 59 gaps between stamps of clock "C1" are exactly 300 seconds' in told(ballot_events=rows)["equal_gaps"]
    assert told(ballot_events=casts(every(START, 60, 60)), clocks=[CLOCK | {"resolution": "min"}]) == {}


@pytest.mark.parametrize(
    ("table", "hand"), [("contact_changes", "actor_key"), ("roll_changes", "actor_key"), ("vote_applications", "ip_key")]
)
def test_many_rows_in_one_second_by_one_hand(table, hand):
    rows = [{"at": START, "clock_id": "C1", hand: "k1"}] * RUN + [{"at": at, "clock_id": "C1", hand: "k2"} for at in pace(50)]
    assert f"{RUN} of 60 rows came {RUN} or more in one second" in told(**{table: rows})["batch"]
    apart = [row | {hand: f"k{i}"} for i, row in enumerate(rows)]
    assert told(**{table: apart}) == {}


def test_a_hall_that_is_no_batch():
    rows = casts([START] * RUN, ip_key="n1", event="entered_by_officer") + casts(pace())
    assert "from one network" in told(ballot_events=rows)["batch"]
    assert told(ballot_events=[row | {"batch_id": "hall"} for row in rows[:RUN]] + rows[RUN:]) == {}


def test_a_shuffled_export():
    rng = np.random.default_rng(1)
    found = told(ballot_events=numbered(casts(pace()), rng.permutation(200).tolist()))
    assert set(found) == {"shuffled"}
    assert "Read nothing from their order" in found["shuffled"]


def test_a_clock_set_back():
    times = pace()
    rows = numbered(casts([at - timedelta(hours=30) * (i >= 150) for i, at in enumerate(times)]))
    assert "1 times, at most by" in told(ballot_events=rows)["clock_step"]


def test_numbers_that_start_again_or_have_gaps_are_normal_by_themselves():
    reset = told(ballot_events=numbered(casts(pace()), [*range(100), 99, *range(100, 199)]))
    assert "Normal by itself" in reset["number_reset"]
    gaps = told(ballot_events=numbered(casts(pace()), [2 * i for i in range(200)]))
    assert "199 of 399 numbers are missing" in gaps["number_gaps"]
    assert "Gaps alone tell nothing" in gaps["number_gaps"]


def test_every_source_has_numbers_of_its_own():
    rows = numbered(casts(pace()), [*range(100), *range(100)])
    apart = [row | {"source_id": "S1" if i < 100 else "S2"} for i, row in enumerate(rows)]
    assert told(ballot_events=apart) == {}


def test_events_before_the_request_for_them():
    rows = [{"at": at, "clock_id": "C1", "event": "reissued_new", "request_at": at - timedelta(minutes=9)} for at in pace()]
    assert told(credential_events=rows) == {}
    late = [row | {"request_at": row["at"] + timedelta(hours=1)} for row in rows[:5]]
    assert "5 of 200 rows that can be compared come before the request" in told(credential_events=late + rows[5:])["skew"]
    assert told(credential_events=late[:4] + rows[4:]) == {}


def test_ballots_before_the_credential():
    votes = casts(pace())
    issued = [
        {
            "voter_key": row["voter_key"],
            "contest_id": "c1",
            "event": "issued",
            "clock_id": "C1",
            "at": row["at"] - timedelta(hours=5),
        }
        for row in votes
    ]
    assert told(ballot_events=votes, credential_events=issued) == {}
    shifted = [row | {"at": row["at"] + timedelta(hours=8)} for row in issued]
    found = told(ballot_events=votes, credential_events=shifted)
    assert "200 of 200 rows that can be compared come before the member's first credential" in found["skew"]
    assert not any(row["voter_key"] in found["skew"] for row in votes)
