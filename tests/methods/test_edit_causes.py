"""Late edits by who made them and why: what a last day forbids, what it does not, and what the log leaves open."""

import pytest
from cases import one
from late_edits import HOUR, LAST, MINUTE, contact, held, on_the_roll

from analysis_lib import wording
from analysis_lib.methods.edit_account import account
from analysis_lib.results import Verdict

NO, YES, OPEN = Verdict.NO_BREACH, Verdict.BREACH_RECORDED, Verdict.UNDETERMINED


@pytest.mark.parametrize(
    ("change", "reason", "role", "verdict"),
    [
        ("added", None, "local_officer", YES),
        ("added", "unknown", None, YES),
        ("added", "other", None, OPEN),  # a reason is on file that no word of ours fits
        ("added", "resigned", "national_staff", YES),  # nobody comes onto a list by leaving
        ("added", "exception_granted", "national_staff", NO),
        ("added", "reverted", "national_staff", NO),
        ("added", None, "self", OPEN),
        ("added", None, "system", OPEN),
        ("reinstated", "reverted", "national_staff", NO),
        ("reinstated", None, "national_staff", OPEN),
        ("transferred_in", None, "national_staff", OPEN),
        ("removed", "resigned", "self", NO),
        ("removed", None, "self", NO),
        ("removed", "opted_out", "national_staff", NO),
        ("removed", "duplicate", "national_staff", NO),
        ("removed", "deceased", "national_staff", NO),
        ("removed", "bounced", "platform_staff", NO),
        ("removed", None, "national_staff", OPEN),
        ("removed", "bulk_cleanse", "national_staff", OPEN),
        ("removed", "arrears", "national_staff", YES),
        ("removed", "lapsed", "local_officer", YES),
        ("eligibility_set", "reverted", "national_staff", NO),
        ("eligibility_set", "arrears", "national_staff", YES),
        ("unit_changed", None, "local_officer", OPEN),
    ],
)
def test_a_late_change_of_the_roll_by_who_made_it_and_why(tmp_path, change, reason, role, verdict):
    finding = one(held(tmp_path, on_the_roll(change, LAST + HOUR, reason=reason, actor_role=role)), "edits_outside_window")
    assert (finding.verdict, finding.result.statistic) == (verdict, int(verdict is YES))
    assert sum(finding.details["open"].values()) == (verdict is OPEN)


@pytest.mark.parametrize(
    ("evidence", "role", "verdict"),
    [
        ("none_found", "local_officer", YES),
        ("none_found", "unknown", OPEN),
        ("none_found", None, OPEN),
        ("none_found", "system", OPEN),
        ("none_found", "self", NO),
        (None, "self", NO),
        ("member_request_logged", "local_officer", NO),
        ("bounce_logged", "platform_staff", NO),
        ("bulk_cleanse", "national_staff", NO),
        ("unknown", "local_officer", OPEN),
        (None, "local_officer", OPEN),
        (None, None, OPEN),
    ],
)
def test_a_late_change_of_contacts_by_who_made_it_and_what_is_on_file(tmp_path, evidence, role, verdict):
    late = contact(LAST + HOUR, request_evidence=evidence, actor_role=role)
    finding = one(held(tmp_path, contacts=[late]), "edits_outside_window")
    assert (finding.verdict, finding.result.statistic) == (verdict, int(verdict is YES))


def test_late_changes_are_told_by_what_is_on_record_of_them(tmp_path):
    removed = [on_the_roll("removed", LAST + HOUR, f"r{i}", reason="deceased") for i in range(2)]
    own = [contact(LAST + HOUR, "a", actor_role="self"), contact(LAST + HOUR, "b", request_evidence="unknown")]
    told = wording.sentence(one(held(tmp_path / "a", *removed, contacts=own), "edits_outside_window"))
    assert (
        "1 change of contact details came after the last day for changes, 20 October 2031, 12:00:00 UTC and before the close; 1 hour after it."
        in told
    )
    assert (
        "For 1 change of contact details it is not on record whether the member made or asked for it: "
        '"Done by" and "What is on file for it" of the changes of contact details would tell.'
    ) in told
    assert "3 later changes with a cause on record were left out of this count (a death 2, made by the member 1)" in told
    assert "their own words decide." in told
    alone = wording.sentence(one(held(tmp_path / "b", *removed), "edits_outside_window"))
    assert "only such as have a cause on record came for certain after the last day for changes" in alone
    unasked = contact(LAST + 2 * HOUR, "c", request_evidence="none_found", actor_role="local_officer")
    worst = wording.sentence(one(held(tmp_path / "c", contacts=[*own, unasked]), "edits_outside_window"))
    assert "1 change of contact details for which a search found no request came after the last day" in worst
    assert "2 hours after it. For 1 further change of contact details after that day it is not on record" in worst


def test_a_doubtful_time_of_a_member_s_own_change_opens_nothing(tmp_path):
    between = contact(None, actor_role="self", at_lo=LAST - HOUR, at_hi=LAST + HOUR, clock_id=None)
    finding = one(held(tmp_path, contacts=[between]), "edits_outside_window")
    assert (finding.verdict, finding.details["either"]) == (NO, 0)


def test_both_halves_of_a_transfer_are_one_move(tmp_path):
    halves = [on_the_roll(what, LAST + HOUR, "v1", actor_role="national_staff") for what in ("transferred_out", "transferred_in")]
    case = held(tmp_path, *halves)
    finding = one(case, "edits_outside_window")
    assert (finding.details["open"], finding.result.n_observations) == ({"roll": 1, "contact": 0}, 1)
    assert account(case)["swapped"] == account(case)["restored"] == []


def test_what_two_copies_tell_of_an_addition_leaves_its_reason_open(tmp_path):
    between = on_the_roll("added", None, at_lo=LAST + MINUTE, at_hi=LAST + HOUR, derived_from="snapshot_diff", clock_id=None)
    finding = one(held(tmp_path, between), "edits_outside_window")
    assert (finding.verdict, finding.details["open"]["roll"]) == (OPEN, 1)


@pytest.mark.parametrize(("outcome", "verdict"), [("upheld", NO), ("partly_upheld", NO), ("rejected", YES), ("open", YES)])
def test_a_member_let_in_after_a_complaint_that_was_upheld(tmp_path, outcome, verdict):
    complaint = {"category": "list_inaccurate", "outcome": outcome, "voter_key": "v1", "received_at": LAST - HOUR}
    finding = one(held(tmp_path, on_the_roll("added", LAST + HOUR), complaints=[complaint]), "edits_outside_window")
    assert finding.verdict is verdict
    assert ("after a complaint that was upheld 1" in wording.sentence(finding)) is (verdict is NO)


@pytest.mark.parametrize(
    ("change", "reason", "copies", "verdict"),
    [
        ("added", None, [(2, False)], NO),  # joined the body late, and has no vote this time
        ("added", None, [(2, True)], YES),
        ("added", None, [(2, False), (3, True)], YES),
        ("added", None, [(-2, False)], YES),  # what the addition gave, no copy made before it can tell
        ("removed", "lapsed", [(-2, False)], NO),  # had none anyway
        ("removed", "lapsed", [(-2, True)], YES),
        ("eligibility_set", "arrears", [(2, False)], YES),  # the list shows what the change did
    ],
)
def test_an_edit_on_which_nobody_s_vote_hangs_is_apart(tmp_path, change, reason, copies, verdict):
    snapshots = [{"snapshot_id": f"L{n}", "purpose": "freeze", "taken_at": LAST + n * HOUR} for n, _ in copies]
    rows = [{"snapshot_id": f"L{n}", "voter_key": "v1", "eligible": has} for n, has in copies]
    late = on_the_roll(change, LAST + HOUR, reason=reason, actor_role="national_staff")
    assert one(held(tmp_path, late, roll_snapshots=snapshots, roll=rows), "edits_outside_window").verdict is verdict


@pytest.mark.parametrize(
    ("out", "minutes", "verdict"), [("v1", -60, OPEN), ("v1", -1500, YES), ("v1", 60, YES), ("v2", 0, OPEN), ("v2", -1, YES)]
)
def test_an_entry_taken_out_and_let_in_again_or_swapped_may_be_the_one_before(tmp_path, out, minutes, verdict):
    late = LAST + 30 * HOUR
    pair = [on_the_roll("removed", late + minutes * MINUTE, out, reason="duplicate"), on_the_roll("added", late, "v1")]
    assert one(held(tmp_path, *pair), "edits_outside_window").verdict is verdict


def test_a_name_or_a_birthday_is_no_contact(tmp_path):
    late = {"request_evidence": "none_found", "actor_role": "local_officer"}
    named = [contact(LAST + HOUR, "a", field="name", **late), contact(LAST + HOUR, "b", field="date_of_birth", **late)]
    finding = one(held(tmp_path / "a", contacts=[*named, contact(LAST - HOUR)]), "edits_outside_window")
    assert (finding.verdict, finding.result.n_observations) == (NO, 1)
    assert (
        one(held(tmp_path / "b", contacts=[contact(LAST + HOUR, field="postal_address", **late)]), "edits_outside_window").verdict
        is YES
    )
