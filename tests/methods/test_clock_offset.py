"""Clocks against what other records fix in time: the Helios case, an hour either way, and logs that are right."""

import math
import re
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from cases import BANNED, every, one, tiny, utc

from analysis_lib import exhibits, simulate, wording
from analysis_lib.case import open_case
from analysis_lib.methods.anchors import SHIFTS_S, Anchor
from analysis_lib.methods.clock_offset import (
    CANNOT_TELL,
    CONSISTENT,
    CONTRADICTED,
    anchored_offsets,
    answer,
    clock_offset,
    fitting_zones,
)
from analysis_lib.results import NotAnswerable, Status, Verdict
from analysis_lib.stats.clock_offset import spike_offset

HOUR = 3600
OPENS, CLOSES = utc("2031-01-13 12:00"), utc("2031-01-20 12:00")  # winter: Los Angeles is 8 hours behind
WINDOW = {"channel": "online", "kind": "voting", "basis": "actual", "opens_at": OPENS, "closes_at": CLOSES}
UTC_CLOCK = {"clock_id": "C1", "tz_used": "UTC", "tz_basis": "stated_offset", "resolution": "s", "write_semantics": "event_time"}


def ballots(hours=0.0, n=200, clock="C1", **more):
    """Ballots from five minutes after the opening to five minutes before the close, on a clock that is so far ahead."""
    times = every(OPENS + timedelta(minutes=5), (CLOSES - OPENS - timedelta(minutes=10)).total_seconds() / (n - 1), n)
    row = {"event": "cast", "channel": "online", "clock_id": clock, "actor_role": "self"} | more
    return [row | {"voter_key": f"v{i}", "at": at + timedelta(hours=hours)} for i, at in enumerate(times)]


def case(folder, events, clocks=(UTC_CLOCK,), windows=(WINDOW,), **more):
    return tiny(folder, ballot_events=events, contest_windows=list(windows), clocks=list(clocks), **more)


def found(*args, **more):
    return one(case(*args, **more), "clock_offset")


def only(finding):
    (clock,) = finding.details["clocks"]
    return clock


def test_helios_casts_in_los_angeles_and_a_close_in_universal_time(tmp_path):
    # cast_at is stored in the server's local time, 8 hours behind in January, and handed over as if it were UTC.
    events = ballots(-8)
    finding = found(tmp_path, events)
    clock = only(finding)
    assert (finding.verdict, finding.result.statistic) == (Verdict.BREACH_RECORDED, 1)
    assert (clock["verdict"], clock["shift_s"]) == (CONTRADICTED, -8 * HOUR)
    assert clock["zones"] == [{"zone": "America/Los_Angeles", "season": "winter"}]
    # First ballot at 04:05 against 12:00: at most 7 h 55 min behind; last at 03:55 against 12:00: at least 8 h 5 min.
    assert (clock["low_s"], clock["high_s"]) == (pytest.approx(-8 * HOUR - 300), pytest.approx(-8 * HOUR + 300))
    told = wording.sentence(finding)
    assert "The clock of ballots, read as UTC, is 8 hours behind the records it is compared with" in told
    assert "this is what a log written in the time of America/Los_Angeles in winter would give" in told
    assert finding.details["changes"] == {"before": 0, "after": 0, "before_recorded": 10, "after_recorded": 0}
    outside = one(case(tmp_path / "none", events), "ballots_outside_window")
    assert (outside.verdict, outside.details["fewest"], outside.details["most"]) == (Verdict.UNDETERMINED, 0, 10)
    late = [events[-1] | {"at": CLOSES - timedelta(hours=h), "voter_key": f"w{h}"} for h in (1, 2, 3)]  # 7, 6 and 5 hours late
    outside = one(case(tmp_path / "late", ballots(-8, n=397) + late), "ballots_outside_window")
    assert (outside.verdict, outside.details["fewest"], outside.details["most"]) == (Verdict.UNDETERMINED, 0, 19)
    assert outside.details["sides"] == {"before": [0, 19], "after": [0, 3]}  # early by one reading, late by the other
    recorded, anchored = (
        sum(row["after"] for row in outside.details["counts"] if row["reading"] == name and row["tolerance_s"] == 0)
        for name in ("as_recorded", "anchored")
    )
    assert (recorded, anchored) == (0, 3)  # as recorded they hide among early ones; as the opening places the log, three are late
    assert outside.result.assumptions[0].status is Status.FAILS


@pytest.mark.parametrize("hours", [-1, 1, -7, 5])
def test_a_zone_or_a_season_too_many_is_found_from_opening_and_close(tmp_path, hours):
    finding = found(tmp_path, ballots(hours, n=600))
    clock = only(finding)
    assert (clock["verdict"], clock["shift_s"]) == (CONTRADICTED, hours * HOUR)
    assert f"{abs(hours)} hour" in wording.sentence(finding)


def test_a_clock_that_is_right_is_consistent(tmp_path):
    finding = found(tmp_path, ballots())
    assert (finding.verdict, only(finding)["verdict"], only(finding)["shift_s"]) == (Verdict.NO_BREACH, CONSISTENT, None)
    assert anchored_offsets(case(tmp_path / "again", ballots())) == {}
    assert "agrees with what other records fix in time" in wording.sentence(finding)


def test_a_known_error_is_taken_off_first(tmp_path):
    clock = UTC_CLOCK | {"offset_s": -8 * HOUR, "offset_sd_s": 5}
    assert only(found(tmp_path, ballots(-8), [clock]))["verdict"] == CONSISTENT
    assert only(found(tmp_path / "b", ballots(0), [clock]))["shift_s"] == 8 * HOUR


def test_late_ballots_are_no_wrong_clock(tmp_path):
    # Half an hour late; an hour off the clock would put the first ballots before the opening.
    late = [ballots()[0] | {"at": CLOSES + timedelta(minutes=m), "voter_key": f"late{m}"} for m in (20, 30, 34, 40, 41, 42)]
    this = case(tmp_path, ballots(n=400) + late)
    finding = one(this, "clock_offset")
    assert only(finding)["verdict"] == CONSISTENT
    assert "No offset of it would bring the ballots that stand outside the window into it" in wording.sentence(finding)
    assert one(this, "ballots_outside_window").verdict is Verdict.BREACH_RECORDED


def test_late_ballots_that_an_hour_would_bring_in_leave_both_open(tmp_path):
    # Nobody votes in the first 90 minutes, and five ballots come within the hour after the close: late, or a clock an hour ahead.
    first = [row for row in ballots(n=400) if row["at"] > OPENS + timedelta(minutes=90)]
    late = [first[0] | {"at": CLOSES + timedelta(minutes=m), "voter_key": f"late{m}"} for m in (20, 30, 34, 40, 55)]
    this = case(tmp_path, first + late)
    finding = one(this, "clock_offset")
    assert (finding.verdict, only(finding)["verdict"], only(finding)["shift_s"]) == (Verdict.UNDETERMINED, CANNOT_TELL, HOUR)
    assert "would be in order if it were 1 hour ahead" in wording.sentence(finding)
    assert one(this, "ballots_outside_window").verdict is Verdict.UNDETERMINED


@pytest.mark.parametrize(
    ("minutes", "verdict", "said"),
    [(3, Verdict.UNDETERMINED, "at least 3 minutes behind"), (20, Verdict.BREACH_RECORDED, "at least 20 minutes behind")],
)
def test_mail_some_minutes_before_the_time_of_sending_is_no_zone(tmp_path, minutes, verdict, said):
    mail = [
        {"voter_key": f"v{i}", "event": "delivered", "at": OPENS + timedelta(seconds=i - 60 * minutes), "clock_id": "C1"}
        for i in range(40)
    ]
    this = tiny(tmp_path, credential_events=mail, communications=[{"kind": "invitation", "sent_at": OPENS}], clocks=[UTC_CLOCK])
    finding = one(this, "clock_offset")
    assert (finding.verdict, only(finding)["shift_s"]) == (verdict, None)
    assert said in wording.sentence(finding)
    assert "The clock C1" not in wording.sentence(finding)
    assert "the clock of credentials" in wording.sentence(finding).lower()


def test_a_message_to_late_joiners_alone_bounds_no_clock(tmp_path):
    mail = [{"voter_key": f"v{i}", "event": "delivered", "at": OPENS + timedelta(minutes=i), "clock_id": "C1"} for i in range(40)]
    late = {"kind": "invitation", "audience": "new_or_changed", "sent_at": OPENS + timedelta(days=2)}
    this = tiny(tmp_path, credential_events=mail, communications=[late], clocks=[UTC_CLOCK])
    assert isinstance(one(this, "clock_offset").result, NotAnswerable)


def test_effects_before_their_cause_contradict_a_clock(tmp_path):
    opened = [
        {"voter_key": f"v{i}", "event": "opened", "at": OPENS + timedelta(minutes=i + 1, hours=-7), "clock_id": "C1"}
        for i in range(40)
    ]
    sent = [{"kind": "invitation", "sent_at": OPENS}]
    this = tiny(tmp_path, credential_events=opened, communications=sent, clocks=[UTC_CLOCK])
    clock = only(one(this, "clock_offset"))
    assert (clock["verdict"], clock["anchors"][0]["kind"], clock["anchors"][0]["n_out"]) == (CONTRADICTED, "sent", 40)
    assert clock["shift_s"] == -7 * HOUR  # the least that brings them into order: 6 h 59 would not


def test_two_clocks_that_disagree_and_the_one_less_surely_known(tmp_path):
    used = [
        {"voter_key": row["voter_key"], "event": "used", "clock_id": "C2", "at": row["at"] - timedelta(minutes=3, hours=5)}
        for row in ballots()
    ]
    sure = UTC_CLOCK | {"clock_id": "C2"}
    windows = []  # nothing but the pairs
    for basis, verdicts in (
        (("assumed", "stated_offset"), [CONTRADICTED, CANNOT_TELL]),
        (("stated_offset", "assumed"), [CANNOT_TELL, CONTRADICTED]),
        (("assumed", "assumed"), [CANNOT_TELL, CANNOT_TELL]),
    ):
        clocks = [row | {"tz_basis": b} for row, b in zip((UTC_CLOCK, sure), basis, strict=True)]
        finding = found(tmp_path / "_".join(basis), ballots(), clocks, windows, credential_events=used)
        assert [clock["verdict"] for clock in finding.details["clocks"]] == verdicts
    finding = found(tmp_path / "windows", ballots(), clocks, [WINDOW], credential_events=used)
    assert [clock["verdict"] for clock in finding.details["clocks"]] == [CONSISTENT, CONTRADICTED]
    assert finding.details["clocks"][1]["shift_s"] == -5 * HOUR
    assert finding.result.assumptions[1].status is Status.HOLDS


def test_a_clock_that_was_set_in_between_is_told(tmp_path):
    used = [
        {
            "voter_key": row["voter_key"], "event": "used", "clock_id": "C2",
            "at": row["at"] - timedelta(minutes=3) - timedelta(hours=row["at"] > OPENS + timedelta(days=4)),
        }
        for row in ballots()
    ]  # fmt: skip
    finding = found(tmp_path, ballots(), [UTC_CLOCK, UTC_CLOCK | {"clock_id": "C2"}], credential_events=used)
    course = next(a["course"] for a in finding.details["clocks"][0]["anchors"] if a["kind"] == "used_and_cast")
    assert (course["kind"], course["values_s"]) == ("steps", [180.0, 3780.0])
    assert finding.result.assumptions[1].status is Status.FAILS


def logged_in(minutes, clock="C2"):
    """Logins a minute before each ballot, by a clock that is so far ahead."""
    used = {"event": "used", "clock_id": clock}
    return [used | {"voter_key": row["voter_key"], "at": row["at"] + timedelta(minutes=minutes - 1)} for row in ballots()]


SURE = UTC_CLOCK | {"offset_s": 0, "offset_sd_s": 0}


@pytest.mark.parametrize("minutes", [-40, -12, -7, 7, 12, 40])
def test_minutes_between_two_clocks_are_a_reading_whatever_error_they_state(tmp_path, minutes):
    clocks = [SURE, SURE | {"clock_id": "C2"}]
    offsets = anchored_offsets(case(tmp_path, ballots(), clocks, [], credential_events=logged_in(minutes)))
    # Nobody knows which is off, so either may be; a session lasts up to half an hour, and each clock may differ by a minute.
    if minutes > 0:
        assert offsets == {"C1": -60.0 * minutes, "C2": 60.0 * minutes}
    elif minutes < -30:
        assert offsets == {"C1": 60.0 * (-minutes - 28), "C2": -60.0 * (-minutes - 28)}
    else:
        assert offsets == {}


def test_ballots_before_the_issue_by_a_clock_minutes_ahead_are_undetermined(tmp_path):
    # Two who are sent a code vote half a minute later. By the clock of the codes, eight minutes ahead, they had none yet.
    issued = [logged_in(8)[i] | {"event": "issued", "at": ballots()[i]["at"] + timedelta(minutes=7.5)} for i in (50, 90)]
    for n, verdict in ((200, Verdict.UNDETERMINED), (0, Verdict.BREACH_RECORDED)):  # without logins nothing tells of the clock
        codes = logged_in(8)[:n] + issued
        this = case(tmp_path / str(n), ballots(), [SURE, SURE | {"clock_id": "C2"}], [WINDOW], credential_events=codes)
        assert one(this, "record_rules").verdict is verdict
    real = issued[0] | {"at": ballots()[50]["at"] + timedelta(minutes=30)}  # before its issue under either reading
    codes = [*logged_in(8), real]
    this = case(tmp_path / "real", ballots(), [SURE, SURE | {"clock_id": "C2"}], [WINDOW], credential_events=codes)
    assert one(this, "record_rules").verdict is Verdict.BREACH_RECORDED


def test_late_ballots_by_a_clock_minutes_ahead_are_undetermined_but_excuse_no_others(tmp_path):
    mail = [
        {"voter_key": f"m{i}", "event": "delivered", "at": OPENS + timedelta(seconds=i - 300), "clock_id": "C2"}
        for i in range(40)
    ]
    late = [row | {"at": row["at"] + timedelta(minutes=8)} for row in ballots()]
    sent = [{"kind": "invitation", "sent_at": OPENS}]
    clocks = [SURE, SURE | {"clock_id": "C2"}]
    alone = case(tmp_path / "alone", late, clocks, communications=sent)
    assert anchored_offsets(alone) == {}
    assert one(alone, "ballots_outside_window").verdict is Verdict.BREACH_RECORDED
    own = [row | {"at_raw": f"{row['at'] - timedelta(minutes=8):%Y-%m-%d %H:%M:%S}"} for row in late]
    texts = case(tmp_path / "texts", own, clocks, communications=sent)
    assert anchored_offsets(texts) == {"C1": pytest.approx(9 * 60, abs=1)}  # by its own text, and the minute a clock may differ
    assert one(texts, "ballots_outside_window").verdict is Verdict.UNDETERMINED
    mailed = case(tmp_path / "mail", late, clocks, credential_events=mail, communications=sent)
    assert anchored_offsets(mailed) == {"C2": -360.0}  # mail five minutes before it was sent, and the minute a clock may differ


def test_a_few_ballots_before_their_issue_do_not_excuse_themselves(tmp_path):
    issued = [{"voter_key": f"v{i}", "event": "issued", "clock_id": "C2", "at": OPENS - timedelta(hours=1)} for i in range(200)]
    for i in (10, 20, 30, 40, 50, 60):
        issued[i]["at"] = ballots()[i]["at"] + timedelta(minutes=20)
    this = case(tmp_path, ballots(), [SURE, SURE | {"clock_id": "C2"}], credential_events=issued)
    assert anchored_offsets(this) == {}
    assert one(this, "record_rules").result.statistic == 6


def test_a_time_that_is_not_the_logs_text_is_told(tmp_path):
    events = [row | {"at_raw": f"{row['at'] + timedelta(hours=1):%Y-%m-%d %H:%M:%S}"} for row in ballots()]
    anchor = next(a for a in only(found(tmp_path, events))["anchors"] if a["kind"] == "text")
    assert (anchor["low_s"], anchor["high_s"], anchor["n_out"]) == (pytest.approx(-HOUR, abs=1), pytest.approx(-HOUR, abs=1), 200)


@pytest.mark.parametrize(
    ("tz_used", "shift", "when", "zones"),
    [
        ("UTC", -8, "2031-01-15", ["America/Los_Angeles"]),
        ("UTC", -7, "2031-07-15", ["America/Los_Angeles"]),
        ("UTC", 1, "2031-07-15", ["Europe/London"]),
        ("UTC", 1, "2031-01-15", ["Europe/Paris"]),
        ("Europe/London", -1, "2031-07-15", ["UTC"]),
        ("UTC", 5.5, "2031-07-15", ["Asia/Kolkata"]),
        ("UTC", 3, "2031-07-15", []),
    ],
)
def test_zones_that_explain_a_shift(tz_used, shift, when, zones):
    assert fitting_zones(tz_used, shift * HOUR, utc(when), "Europe/London") == zones


def anchor(kind="sent", low=-math.inf, high=math.inf, n=100, n_out=0, clock="A", against="x"):
    """An anchor of which `n_out` rows stand out of order wherever its bounds exclude a shift."""
    out = tuple(n_out if low > shift + 60 or high < shift - 60 else 0 for shift in SHIFTS_S)
    return Anchor(clock_id=clock, kind=kind, against=against, low=low, high=high, n=n, out=out, loose=(low, high))


def judged(*anchors, allowed=60.0):
    return clock_offset(anchors, clock_ids=["A"], allowed={"A": allowed}, basis={"A": "assumed"})["A"]


@pytest.mark.parametrize(
    ("anchors", "verdict", "shift"),
    [
        ([], CANNOT_TELL, None),
        ([anchor(high=30)], CONSISTENT, None),
        ([anchor(high=-59)], CONSISTENT, None),  # within a minute
        ([anchor(high=-120, n_out=3)], CANNOT_TELL, None),  # an hour would do, and so would two minutes
        ([anchor(high=-120, n_out=30)], CANNOT_TELL, None),  # a time of sending written down by hand
        ([anchor(high=-1000, n_out=30)], CONTRADICTED, None),
        ([anchor(high=-3000, n_out=30)], CONTRADICTED, -3600.0),
        ([anchor("opening", high=-7100, n_out=3), anchor("close", low=-7400)], CONTRADICTED, -7200.0),
        (
            [anchor("opening", high=-7100, n_out=3), anchor("close", low=-20, n_out=9)],
            CONSISTENT,
            None,
        ),  # early ballots, not a clock
        ([anchor("opening", high=-7100, n_out=30), anchor("close", low=-20, n_out=9)], CANNOT_TELL, None),
        ([anchor("sent", high=-7100, n_out=30), anchor("close", low=-20, n_out=9)], CONTRADICTED, None),  # no one shift
    ],
)
def test_verdicts_worked_by_hand(anchors, verdict, shift):
    one = judged(*anchors)
    assert (one.verdict, one.shift) == (verdict, shift)


def test_the_order_of_anchors_and_of_clocks_changes_nothing():
    rng = np.random.default_rng(1)
    both = [
        anchor("used_and_cast", -18_000, -17_000, 50, 50, "A", "B"),
        anchor("used_and_cast", 17_000, 18_000, 50, 50, "B", "A"),
    ]
    found = [*both, anchor(high=20, clock="A"), anchor("close", low=-10, clock="B")]
    settings = {"allowed": {"A": 60.0, "B": 60.0}, "basis": {"A": "stated_zone", "B": "assumed"}}
    first = clock_offset(found, clock_ids=["A", "B"], **settings)
    for _ in range(5):
        again = clock_offset([found[i] for i in rng.permutation(4)], clock_ids=["A", "B"], **settings)
        assert again == first


def test_without_a_clock_or_an_anchor_it_says_what_is_needed(tmp_path):
    few = found(tmp_path, ballots(n=10))
    assert isinstance(few.result, NotAnswerable)
    assert "communications.sent_at" in few.result.needs
    assert isinstance(found(tmp_path / "none", ballots(clock=None), clocks=()).result, NotAnswerable)


def test_what_is_shown_names_every_anchor_and_convicts_nobody(tmp_path):
    this = case(tmp_path, ballots(-8), communications=[{"kind": "invitation", "sent_at": OPENS}])
    finding = one(this, "clock_offset")
    clocks, anchors = exhibits.clock_offset(this, [finding])
    text = f"{clocks}{anchors}{wording.sentence(finding)}"
    assert not re.search(BANNED, text)
    assert "ballots, none before the opening" in text
    assert "America/Los_Angeles" in text


@pytest.mark.parametrize("example", ["made_up_vale", "made_up_vale_clean"])
def test_the_examples_clocks_are_right(example):
    finding = one(open_case(example), "clock_offset")
    assert finding.verdict is Verdict.NO_BREACH
    assert [clock["verdict"] for clock in finding.details["clocks"]] == [CONSISTENT]


@pytest.fixture(scope="module")
def clean():
    return open_case("made_up_vale_clean")


def innocent(case, seed, hours=0.0):
    """A made-up contest whose platform clock is so far ahead, without going through files."""
    made = simulate.selection(seed, simulate.Setting())
    tables = dict(case.package.tables)
    for name in ("ballot_events", "credential_events", "communications", "contest_windows"):
        tables[name] = pl.concat([made.tables[name], case.package.tables[name].clear()], how="diagonal_relaxed")
    for name in ("ballot_events", "credential_events"):
        tables[name] = tables[name].with_columns(at=pl.col("at") + pl.duration(seconds=int(hours * HOUR)))
    return replace(case, package=replace(case.package, tables=tables), contest_id=made.tables["contests"]["contest_id"][0])


def test_no_innocent_contest_has_its_clock_contradicted_and_eight_hours_never_pass(clean):
    (verdicts, shifts) = (
        [only(answer(innocent(clean, seed, hours))[0])[key] for seed in range(600_000, 600_000 + n)]
        for hours, key, n in ((0, "verdict", 20), (-8, "shift_s", 10))
    )
    assert verdicts == [CONSISTENT] * 20
    assert shifts == [-8.0 * HOUR] * 10
    assert [anchored_offsets(innocent(clean, seed)) for seed in range(600_000, 600_008)] == [{}] * 8


def test_the_spikes_of_made_up_contests_are_covered():
    covered, n = 0, 60
    for seed in range(610_000, 610_000 + n):
        tables = simulate.selection(seed, simulate.Setting()).tables
        stamps = tables["ballot_events"].filter(channel="online")["at"].dt.epoch("s").to_numpy() - 8 * HOUR
        found = spike_offset(stamps, tables["communications"]["sent_at"].dt.epoch("s").to_numpy())
        covered += found.low <= -8 * HOUR <= found.high
    assert covered >= n * 0.95 - 3 * np.sqrt(n * 0.05 * 0.95)
