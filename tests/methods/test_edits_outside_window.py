"""Changes of the roll after the last day for them: a real roll with its documented story, every place around the day, and what is no change."""

import csv
import random
from pathlib import Path

import pytest
from cases import one, row, tiny, utc
from late_edits import CLOCK, HOUR, LAST, LAST_DAY, MINUTE, VOTING, contact, held, on_the_roll
from tiny_package import write

from analysis_lib import exhibits, simulate, wording
from analysis_lib.case import open_case
from analysis_lib.clocks import Window
from analysis_lib.methods.edit_account import account
from analysis_lib.methods.edits_outside_window import edits, edits_outside_window
from analysis_lib.results import NotAnswerable, Verdict

NIXOS = Path(__file__).parents[3] / "shared" / "realdata" / "nixos_sc_2024" / "roll_events.csv"


def nixos(folder):
    """The NixOS election of 2024 from the history of its roll; the last day for addresses and the close are those of its README."""
    changes, contacts = [], []
    with NIXOS.open(encoding="utf-8") as file:
        for number, event in enumerate(csv.DictReader(file), 2):
            cells = {"source_row": number}
            if event["event"] in ("add_voter", "remove_voter"):
                what = "added" if event["event"] == "add_voter" else "removed"
                changes.append(on_the_roll(what, event["committed_utc"], event["voter"], **cells))
            else:
                blank = {"old_missing": event["had_address"] == "0", "new_missing": event["has_address"] == "0"}
                contacts.append(contact(event["committed_utc"], event["voter"], **cells, **blank))
    windows = [
        VOTING | {"opens_at": utc("2024-10-18 12:00"), "closes_at": utc("2024-11-04 12:00")},
        LAST_DAY | {"closes_at": utc("2024-11-03 12:00")},
    ]
    return held(folder, *changes, contacts=contacts, windows=windows)


@pytest.mark.skipif(not NIXOS.is_file(), reason="the history of the NixOS roll of 2024 is not held here")
def test_the_story_of_a_real_roll(tmp_path):
    # Commit messages and doc/verify.md of NixOS/SC-election-2024: each of these has its documented cause.
    case = nixos(tmp_path)
    finding = one(case, "edits_outside_window")
    told = wording.sentence(finding)
    # Who set the last address, and whether its owner asked, stands in no column of the history: no breach for certain.
    assert (finding.verdict, finding.result.statistic, finding.result.n_observations) == (Verdict.UNDETERMINED, 0, 932)
    assert finding.details["open"] == {"roll": 0, "contact": 1}
    assert "1 change of contact details came after the last day for changes, 3 November 2024, 12:00:00 UTC" in told
    assert "; 4 hours 53 minutes after it" in told
    assert "1 addition was taken back 3 minutes 42 seconds later." in told
    assert (
        "11 members were removed in one edit during the voting, and all of them were restored 34 minutes 3 seconds later." in told
    )
    assert "4 e-mail addresses were cleared, 2 of them set again later." in told
    found = account(case)
    assert [(f"{swap['at']:%m-%d}", swap["n"]) for swap in found["swapped"]] == [("09-17", 1), ("09-27", 1)]  # an account, a key
    assert [(f"{edit['at']:%m-%d}", edit["n"], edit["n_restored"]) for edit in found["restored"]] == [
        ("10-18", 1, 0), ("10-18", 11, 11), ("10-20", 1, 0), ("10-27", 1, 0),
    ]  # fmt: skip
    assert len(found["undone"]) == 1


@pytest.mark.parametrize(
    ("minutes", "place"), [(-1, "in_time"), (0, "in_time"), (1, "late"), (2 * 24 * 60, "late"), (2 * 24 * 60 + 1, "after_close")]
)
def test_every_place_around_the_last_day_and_the_close(tmp_path, minutes, place):
    finding = one(held(tmp_path, on_the_roll("added", LAST + minutes * MINUTE)), "edits_outside_window")
    (counts,) = finding.details["by_basis"]
    assert {name: counts[name] for name in ("in_time", "late", "after_close", "either", "unknown") if counts[name]} == {place: 1}
    assert finding.verdict is (Verdict.BREACH_RECORDED if place == "late" else Verdict.NO_BREACH)


def slow_place(earliest, latest, deadline, close):
    """The slow road: try every minute that it may have been."""
    tried = [earliest + i * MINUTE for i in range(int((latest - earliest) / MINUTE) + 1)]
    late = [at > deadline for at in tried]
    if all(at > close for at in tried):
        return "after the close"
    if all(late):
        return "late" if all(at <= close for at in tried) else "late or after the close"
    return "either" if any(late) else "in time"


def test_limits_are_placed_as_trying_every_minute_does(tmp_path):
    rng = random.Random(2)
    ends = [sorted(rng.choices(range(-90, 180, 15), k=2)) for _ in range(60)]
    limits = [(LAST + a * MINUTE, LAST + b * MINUTE) for a, b in ends]
    rows = [
        on_the_roll("added", None, f"v{i}", at_lo=low, at_hi=high, derived_from="snapshot_diff", source_row=i + 1)
        for i, (low, high) in enumerate(limits)
    ]
    close = LAST + 60 * MINUTE
    window = Window(channel="all", basis="advertised", opens_at=None, closes_at=LAST, grace_s=0)
    placed = edits_outside_window(edits(held(tmp_path, *rows)), window, close).sort("source_row")
    assert placed["place"].to_list() == [slow_place(low, high, LAST, close) for low, high in limits]
    assert len(set(placed["place"])) == 5


def test_what_two_copies_leave_open_is_undetermined(tmp_path):
    between = on_the_roll("added", None, at_lo=LAST - HOUR, at_hi=LAST + HOUR, derived_from="snapshot_diff")
    finding = one(held(tmp_path, between), "edits_outside_window")
    assert (finding.verdict, finding.details["either"]) == (Verdict.UNDETERMINED, 1)
    assert "Of 1 change it cannot be told whether it came after that day: only limits are known" in wording.sentence(finding)


def test_a_doubtful_clock_leaves_the_hour_open(tmp_path):
    assumed = CLOCK | {"tz_basis": "assumed", "tz_used": "Europe/London"}
    change = on_the_roll("added", LAST + 30 * MINUTE)
    assert one(held(tmp_path / "a", change), "edits_outside_window").verdict is Verdict.BREACH_RECORDED
    slow = CLOCK | {"offset_sd_s": 1800}
    assert one(held(tmp_path / "b", change, clock=slow), "edits_outside_window").verdict is Verdict.UNDETERMINED
    assert one(held(tmp_path / "c", change, clock=assumed), "edits_outside_window").verdict is Verdict.BREACH_RECORDED


MIDNIGHT = utc("2031-10-19 23:00")  # in London, in summer time
DAYS = CLOCK | {"resolution": "day", "tz_used": "Europe/London"}


@pytest.mark.parametrize(
    ("hours", "last", "verdict"),
    [
        (0, 13, Verdict.UNDETERMINED),  # before or after one o'clock of that day
        (0, 24 - 1 / 60, Verdict.NO_BREACH),  # the window ends at 23:59, with the day
        (0, 24, Verdict.NO_BREACH),
        (-24, 13, Verdict.NO_BREACH),
        (24, 13, Verdict.BREACH_RECORDED),
        (24, 24 - 1 / 60, Verdict.BREACH_RECORDED),
    ],
)
def test_a_stamp_of_the_last_day_alone_cannot_be_told(tmp_path, hours, last, verdict):
    windows = [VOTING, LAST_DAY | {"closes_at": MIDNIGHT + last * HOUR}]
    change = on_the_roll("added", MIDNIGHT + hours * HOUR)
    case = tiny(tmp_path, clocks=[DAYS], roll_changes=[change], contest_windows=windows)
    finding = one(case, "edits_outside_window")
    assert finding.verdict is verdict
    is_open = verdict is Verdict.UNDETERMINED
    assert (finding.details["either"], finding.details["by_basis"][0]["in_time"]) == (is_open, verdict is Verdict.NO_BREACH)
    assert ("the log tells no more than the day" in wording.sentence(finding)) is is_open


@pytest.mark.parametrize(("day", "hours"), [("2031-03-30 00:00", 23), ("2031-10-25 23:00", 25)])
def test_a_day_lasts_until_midnight_where_clocks_change(tmp_path, day, hours):
    windows = [VOTING | {"opens_at": utc("2031-01-01 00:00"), "closes_at": utc("2031-12-01 00:00")}]
    for minutes, verdict in ((1, Verdict.NO_BREACH), (2, Verdict.UNDETERMINED)):
        last = LAST_DAY | {"closes_at": utc(day) + hours * HOUR - minutes * MINUTE}
        case = tiny(
            tmp_path / str(minutes),
            clocks=[DAYS],
            roll_changes=[on_the_roll("added", utc(day))],
            contest_windows=[*windows, last],
        )
        assert one(case, "edits_outside_window").verdict is verdict


@pytest.mark.parametrize(
    ("resolution", "minutes", "verdict"),
    [
        ("hour", 0, Verdict.UNDETERMINED),
        ("hour", -60, Verdict.NO_BREACH),
        ("hour", 60, Verdict.BREACH_RECORDED),
        ("min", 0, Verdict.NO_BREACH),
        ("s", 0, Verdict.NO_BREACH),
    ],
)
def test_a_stamp_stands_for_the_whole_of_its_unit(tmp_path, resolution, minutes, verdict):
    case = held(tmp_path, on_the_roll("added", LAST + minutes * MINUTE), clock=CLOCK | {"resolution": resolution})
    assert one(case, "edits_outside_window").verdict is verdict


def test_a_grace_and_a_later_notice_count(tmp_path):
    change = on_the_roll("added", LAST + 30 * MINUTE)
    graced = [VOTING, LAST_DAY | {"grace_s": 1800}]
    assert one(held(tmp_path / "a", change, windows=graced), "edits_outside_window").verdict is Verdict.NO_BREACH
    moved = [VOTING, LAST_DAY, LAST_DAY | {"basis": "amended", "closes_at": LAST + HOUR}]
    finding = one(held(tmp_path / "b", change, windows=moved), "edits_outside_window")
    assert finding.verdict is Verdict.NO_BREACH
    assert {line["basis"]: line["late"] for line in finding.details["by_basis"]} == {"advertised": 1, "amended": 0}


@pytest.mark.parametrize(
    "cells", [{"edit_class": "formatting_only"}, {"old_key": "a" * 32, "new_key": "a" * 32}], ids=["form", "same key"]
)
def test_an_edit_of_form_alone_is_no_change(tmp_path, cells):
    late = contact(LAST + HOUR, **cells)
    finding = one(held(tmp_path, on_the_roll("added", LAST - HOUR, "v2"), contacts=[late]), "edits_outside_window")
    assert (finding.verdict, finding.result.n_observations) == (Verdict.NO_BREACH, 1)


def test_a_renaming_is_neither_a_new_member_nor_a_removed_one(tmp_path):
    renamed = on_the_roll("key_changed", LAST + HOUR, other_voter_key="v9", reason="renamed")
    case = held(tmp_path, renamed, on_the_roll("added", LAST - HOUR, "v2"))
    finding = one(case, "edits_outside_window")
    assert (finding.verdict, finding.result.statistic) == (Verdict.NO_BREACH, 0)
    assert account(case)["renamed"] == [
        {"change": "key_changed", "reason": "renamed", "derived_from": "log", "n": 1, "with_both_keys": 1}
    ]
    assert "Keys that were changed" in repr(exhibits.edits_outside_window(case, [finding]))


def test_one_out_and_one_in_at_the_same_instant_is_kept_apart(tmp_path):
    at = LAST - 2 * HOUR
    case = held(
        tmp_path, on_the_roll("removed", at, "a"), on_the_roll("added", at, "b"), on_the_roll("removed", at + HOUR, "b"),
        on_the_roll("added", at + HOUR, "a"),
    )  # fmt: skip
    assert [edit["n"] for edit in account(case)["swapped"]] == [1, 1]
    assert account(case)["undone"] == account(case)["restored"] == []


@pytest.mark.parametrize(("hours", "n"), [(1, 1), (24, 1), (25, 0)])
def test_an_addition_taken_back_within_a_day(tmp_path, hours, n):
    case = held(tmp_path, on_the_roll("added", LAST), on_the_roll("removed", LAST + hours * HOUR))
    assert [edit["seconds"] for edit in account(case)["undone"]] == [hours * 3600] * n


def test_contacts_cleared_and_set_again(tmp_path):
    cleared = [contact(LAST, key, new_missing=True) for key in ("a", "b", "c")]
    case = held(
        tmp_path, contacts=[*cleared, contact(LAST + HOUR, "b", old_missing=True), contact(LAST + HOUR, "c", field="phone")]
    )
    assert account(case)["cleared"] == [{"at": LAST, "field": "email", "on_return": False, "n": 3, "n_set_again": 1}]


def test_contacts_that_are_missing_when_a_member_is_put_back_are_told_apart(tmp_path):
    cleared = [contact(LAST, key, new_missing=True) for key in ("a", "b")]
    case = held(tmp_path, on_the_roll("removed", LAST - HOUR, "a"), on_the_roll("reinstated", LAST, "a"), contacts=cleared)
    assert [(row["on_return"], row["n"]) for row in account(case)["cleared"]] == [(False, 1), (True, 1)]


def test_late_changes_are_listed_by_role_and_reason_and_by_no_key(tmp_path):
    late = on_the_roll(
        "added",
        LAST + HOUR,
        "secret1",
        actor_role="regional_staff",
        reason="exception_granted",
        actor_key="secret2",
        source_row=7,
    )
    case = held(tmp_path, late, contacts=[contact(LAST + 2 * HOUR, "secret3", old_missing=True, system="voting_platform")])
    finding = one(case, "edits_outside_window")
    shown = repr(exhibits.edits_outside_window(case, [finding]))
    assert "roll | added |  | an administrator | exception granted | no: a cause is on record | 1" in shown
    assert "contact | email added | voting platform | unknown | unknown | cannot be told | 1" in shown
    assert [(line["what"], line["n"]) for line in finding.details["rows"]] == [("contact", 1), ("roll", 1)]
    assert "secret" not in shown + repr(finding.result) + wording.sentence(finding)


def test_without_the_last_day_or_without_changes_it_cannot_be_answered(tmp_path):
    no_day = one(held(tmp_path / "a", on_the_roll("added", LAST), windows=[VOTING]), "edits_outside_window")
    assert no_day.result.needs == ("contest_windows.closes_at (kind roll_edits)",)
    assert "the last day on which they were allowed" in no_day.result.reason
    nothing = one(tiny(tmp_path / "b", contest_windows=[LAST_DAY]), "edits_outside_window")
    assert isinstance(nothing.result, NotAnswerable)


def test_the_account_is_shown_even_without_a_last_day(tmp_path):
    case = held(tmp_path, on_the_roll("added", LAST), on_the_roll("removed", LAST + MINUTE), windows=[VOTING])
    assert "added, taken back" in repr(exhibits.edits_outside_window(case, [one(case, "edits_outside_window")]))


@pytest.mark.parametrize("seed", [3, 11])
def test_an_innocent_contest_has_no_late_change(tmp_path, seed):
    simulate.write_package(simulate.selection(seed), tmp_path, name="innocent", title="Innocent", description="Made up.")
    finding = one(open_case(tmp_path), "edits_outside_window")
    assert finding.verdict in (Verdict.NO_BREACH, Verdict.CANNOT_BE_ANSWERED)


def test_the_order_of_rows_changes_nothing(tmp_path):
    changes = [
        on_the_roll(what, LAST + i * HOUR, key)
        for i, (what, key) in enumerate(zip(["added", "removed"] * 5, "aabbccddef", strict=True))
    ]
    rows = [row("roll_changes", number, **cells) for number, cells in enumerate(changes, 1)]
    others = {
        "clocks": [row("clocks", **CLOCK)], "contests": [row("contests", contest_id="vale_2031", timezone="UTC")],
        "contest_windows": [row("contest_windows", i, **cells) for i, cells in enumerate((VOTING, LAST_DAY))],
    }  # fmt: skip
    found = []
    for seed in (1, 2):
        random.Random(seed).shuffle(rows)
        case = open_case(write(tmp_path / str(seed), {"roll_changes": rows} | others, only=("sources",)))
        found.append(one(case, "edits_outside_window").details)
    assert found[0] == found[1]
    assert (found[0]["late"]["roll"], found[0]["open"]["roll"]) == (4, 5)


def test_a_late_change_that_no_clock_stamps_is_undetermined(tmp_path):
    finding = one(held(tmp_path / "a", on_the_roll("added", LAST + HOUR, clock_id=None)), "edits_outside_window")
    assert (finding.verdict, finding.result.statistic, finding.details["either"]) == (Verdict.UNDETERMINED, 0, 1)
    limits = {"clock_id": None, "at": None, "at_lo": LAST + HOUR, "at_hi": LAST + 2 * HOUR}
    between = one(held(tmp_path / "b", on_the_roll("added", LAST) | limits), "edits_outside_window")
    assert (between.verdict, between.result.statistic) == (Verdict.BREACH_RECORDED, 1)
