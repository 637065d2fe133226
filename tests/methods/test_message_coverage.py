"""Members whom no message reached: which message counts, changed against unchanged, what members say, branches."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from cases import tiny, utc

from analysis_lib import exhibits, wording
from analysis_lib.methods.message_coverage import (
    OTHERWISE,
    UNASKED,
    UNCHANGED,
    branch_members,
    branch_units,
    by_the_log,
    by_what_they_say,
    message_coverage,
    sendings,
)
from analysis_lib.methods.registry import answer_chapter
from analysis_lib.results import NotAnswerable, Verdict, to_dict
from analysis_lib.stats.stratified import common_ratio

NOON = utc("2031-10-20 12:00")
MAILINGS = [
    {"message_id": "m1", "kind": "invitation", "medium": "email", "audience": "all", "sent_at": NOON, "n_recipients": 60, "n_bounced": 4},
    {"message_id": "m2", "kind": "reminder", "medium": "email", "audience": "not_voted", "sent_at": NOON + timedelta(days=3)},
]  # fmt: skip


def at(hours):
    return None if hours is None else NOON + timedelta(hours=hours)


def fate(voter, event, hours, message="m1"):
    return {"voter_key": voter, "event": event, "at": at(hours), "message_id": message}


def change(voter, hours, evidence="none_found", field="email", **more):
    return {"voter_key": voter, "at": at(hours), "field": field, "request_evidence": evidence, **more}


def case(folder, fates, changes=(), **more):
    voters = sorted({row["voter_key"] for row in fates} - {None})
    roll = [{"snapshot_id": "L1", "voter_key": v, "unit": "S" if v.startswith("s") else "N", "eligible": True} for v in voters]
    tables = {"credential_events": fates, "contact_changes": changes, "roll": roll, "communications": MAILINGS} | more
    return tiny(folder, roll_snapshots=[{"snapshot_id": "L1", "purpose": "freeze", "taken_at": at(-99)}], **tables)


def answered(this):
    return {f.result.form: f for f in answer_chapter("40_roll_changes", this, ("message_coverage",))["message_coverage"]}


def grouped(this, seed=1):
    return by_the_log(this, np.random.default_rng(seed))


def test_the_fate_of_each_message_by_hand(tmp_path):
    fates = [
        fate("a", "bounced", 1), fate("a", "delivered", 2),  # under the same mailing it arrived after all
        fate("a", "bounced", 80, "m2"),
        fate("b", "bounced", 1, None), fate("b", "delivered", 5, None),  # of no mailing: the first outcome; the second is the cure
        fate("c", "delivered", 1), fate("c", "bounced", 4, None),  # has a mailing of its own: the other is a code sent again
        fate("d", "opened", 2), fate(None, "bounced", 1),
    ]  # fmt: skip
    found = sendings(case(tmp_path, fates, roll=[]))
    assert found.select("voter_key", "message", "is_missed").rows() == [
        ("a", "m1", False), ("a", "m2", True), ("b", "", True), ("c", "m1", False),
    ]  # fmt: skip


def test_a_change_counts_from_the_next_message_on(tmp_path):
    fates = [fate(v, "delivered", 1) for v in "abcde"] + [fate(v, "bounced", 73, "m2") for v in "abc"]
    changes = [
        change("a", -1),  # before the invitation: counts by it, and by it alone
        change("b", 20, "member_request_logged"),  # after it: by the reminder
        change("c", 80),  # after both
        change("d", -1, field="postal_address"),
        change("e", -1, edit_class="formatting_only"),
    ]
    seen = set()
    for seed in range(20):
        for row in grouped(case(tmp_path / str(seed), fates, changes), seed).select("voter_key", "group", "is_missed").rows():
            seen.add(row)
    changed = {row for row in seen if row[1] != UNCHANGED}
    assert changed == {("a", UNASKED, False), ("b", OTHERWISE, True)}
    assert {row[0] for row in seen - changed} == {"b", "c", "d", "e"}  # b before the change


def test_changes_of_the_interval_between_two_copies_count_from_its_end(tmp_path):
    changes = [change("a", None, at_lo=at(-50), at_hi=at(-10)), change("b", None, at_lo=at(-10), at_hi=at(10))]
    found = grouped(case(tmp_path, [fate(v, "delivered", 1) for v in "ab"], changes, communications=MAILINGS[:1]))
    assert dict(found.select("voter_key", "group").iter_rows()) == {"a": UNASKED, "b": UNCHANGED}


def members(*counts):
    """Rows (stratum, group, missed, reached)."""
    rows = [
        {"stratum": s, "group": g, "is_missed": k < missed} for s, g, missed, reached in counts for k in range(missed + reached)
    ]
    return pl.DataFrame(rows)


def test_the_tables_are_those_of_the_exact_test():
    frame = members(
        ("x", UNASKED, 3, 2), ("x", UNCHANGED, 1, 20), ("x", OTHERWISE, 9, 0), ("y", UNASKED, 1, 3), ("y", UNCHANGED, 2, 30)
    )
    found = message_coverage(frame.sample(fraction=1.0, shuffle=True, seed=1), form="changed", confidence_level=0.95, alpha=0.01)
    ratio = common_ratio([[3, 2, 1, 20], [1, 3, 2, 30]], 0.95)
    assert (found.pvalue, found.statistic) == (ratio.greater, 4)
    assert (found.effect.value, found.effect.low, found.effect.high) == (ratio.ratio, ratio.low, ratio.high)
    assert [(row["events"], row["size"]) for row in found.details["groups"]] == [(3, 53), (9, 9), (4, 9)]


def test_with_few_unasked_changes_all_changes_are_compared():
    frame = members(("x", UNASKED, 2, 2), ("x", OTHERWISE, 1, 4), ("x", UNCHANGED, 1, 20))
    found = message_coverage(frame, form="changed", confidence_level=0.95, alpha=0.01)
    assert found.details["compared"] == [UNASKED, OTHERWISE]
    assert found.statistic == 3
    assert found.pvalue == pytest.approx(common_ratio([[3, 6, 1, 20]], 0.95).greater)


def mailed(n_changed, n_missed, n_others=60, n_others_missed=2):
    fates = [fate(f"u{i:02d}", "bounced" if i < n_missed else "delivered", 1) for i in range(n_changed)]
    fates += [fate(f"s{i:02d}", "delivered", 1) for i in range(5)]
    fates += [fate(f"v{i:02d}", "bounced" if i < n_others_missed else "delivered", 1) for i in range(n_others)]
    return fates, [change(f"u{i:02d}", -5) for i in range(n_changed)]


def test_changed_members_whom_nothing_reached_are_found(tmp_path):
    this = case(tmp_path, *mailed(12, 9), communications=MAILINGS[:1])
    found = answered(this)["changed"]
    assert found.verdict is Verdict.NOT_EXPLAINED
    told = wording.sentence(found)
    assert (
        "came back from 9 of 12 members whose contact had been changed, and for whose change a search found no request, and from 2 of 65 others"
        in told
    )
    assert (
        answered(case(tmp_path / "even", *mailed(12, 1), communications=MAILINGS[:1]))["changed"].verdict
        is Verdict.WITHIN_BASELINE
    )


def test_letters_that_came_back_and_were_mended_raise_no_alarm(tmp_path):
    """Whoever's invitation came back has the address mended, and is sent more reminders, since nobody votes without a code."""
    alarms = 0
    for seed in range(25):
        rng = np.random.default_rng(seed)
        dead = rng.random(150) < 0.15
        fates, changes = [], []
        for i in range(150):
            fates.append(fate(f"v{i:03d}", "bounced" if dead[i] else "delivered", 1))
            if dead[i] or rng.random() < 0.4:
                fates.append(fate(f"v{i:03d}", "bounced" if rng.random() < 0.03 else "delivered", 73, "m2"))
            if dead[i]:
                changes.append(change(f"v{i:03d}", 30, "bounce_logged"))
        found = answered(case(tmp_path / str(seed), fates, changes))["changed"]
        alarms += not isinstance(found.result, NotAnswerable) and found.result.pvalue <= 0.05
    assert alarms <= 4  # 1 expected, and three standard errors


def asked(voter, says, sampling="random"):
    return {"voter_key": voter, "sampling": sampling, "contact_outcome": "reached", "says_received_credential": says}


def test_what_members_say_by_hand(tmp_path):
    issued = [{"voter_key": v, "event": "issued", "at": at(0)} for v in "abcdef"]
    said = [
        asked("a", "no"),
        asked("b", "yes"),
        asked("c", "unsure"),
        asked("d", "no", "volunteer"),
        asked("e", "no"),
        asked("z", "no"),
    ]
    changes = [change("a", -5), change("e", 5)]  # e's came after the code had gone out
    found = by_what_they_say(case(tmp_path, issued, changes, confirmations=said))
    assert found.select("voter_key", "group", "is_missed").rows() == [
        ("a", UNASKED, True),
        ("b", UNCHANGED, False),
        ("e", UNCHANGED, True),
    ]


def test_members_who_say_that_no_code_came_are_found(tmp_path):
    voters = [f"u{i:02d}" for i in range(40)]
    issued = [{"voter_key": v, "event": "issued", "at": at(0)} for v in voters]
    said = [asked(v, "no" if i < 8 else "yes") for i, v in enumerate(voters)]
    found = answered(case(tmp_path, issued, [change(v, -5) for v in voters[:10]], confirmations=said))["said"]
    assert found.verdict is Verdict.NOT_EXPLAINED
    assert "8 of 10 members" in wording.sentence(found)
    assert "say that no code came, and 0 of 30 others (odds infinity times" in wording.sentence(found)


def branches(folder, provider=lambda voter: "isp", message="m1", refused=14):
    """Nine branches of twenty, of which one's letters came back, and one of four."""
    fates = [
        fate(f"{b}{i:02d}", "bounced" if (b == "c" and i < refused) or i == 0 else "delivered", 1, "m2" if b == message else "m1")
        for b in "abcdefghi"
        for i in range(20)
    ]
    fates += [fate(f"j{i}", "bounced" if i == 0 else "delivered", 1) for i in range(4)]
    roll = [
        {"snapshot_id": "L1", "voter_key": v, "unit": f"Branch {v[0]}", "eligible": True, "email_domain_class": provider(v)}
        for v in (row["voter_key"] for row in fates)
    ]
    return case(folder, fates, roll=roll)


def test_a_branch_whose_letters_came_back_is_found_and_small_ones_are_joined(tmp_path):
    this = branches(tmp_path)
    assert branch_units(branch_members(this)).filter(pl.col("unit").str.starts_with("the ")).rows() == [
        ("the smallest branches", 2, 24)  # the four of Branch j, and Branch a with them
    ]
    found = answered(this)["branch"]
    assert found.verdict is Verdict.NOT_EXPLAINED
    assert "Branch c stands out most: the first message came back from 14 of 20 members" in wording.sentence(found)
    assert "However many they were" not in wording.sentence(found)


@pytest.mark.parametrize(
    "other_road",
    [
        {"provider": lambda voter: None},  # the kind of provider is not held
        {"provider": lambda voter: "work" if voter[0] == "c" and int(voter[1:]) < 14 else "isp"},  # one that no other branch has
        {"message": "c"},  # a mailing of its own
    ],
)
def test_a_branch_by_a_road_of_its_own_is_undetermined(tmp_path, other_road):
    found = answered(branches(tmp_path, **other_road))["branch"]
    assert (found.verdict, found.result.pvalue <= 0.01) == (Verdict.UNDETERMINED, True)
    assert "provider's reasons for sending messages back, would settle it" in found.result.assumptions[1].evidence


@pytest.mark.parametrize("evidence", ["member_request_logged", "bounce_logged", "bulk_cleanse", None])
def test_addresses_that_were_asked_for_or_cured_are_no_finding(tmp_path, evidence):
    """Taken down wrongly, or as dead as the one before: a fifth of them fails."""
    fates, _ = mailed(30, 8)
    this = case(tmp_path, fates, [change(f"u{i:02d}", -5, evidence) for i in range(30)], communications=MAILINGS[:1])
    found = answered(this)["changed"]
    assert (found.verdict, found.result.pvalue <= 0.01) == (Verdict.UNDETERMINED, True)


def test_a_bounce_logged_days_later_is_no_message_sent_after_the_change(tmp_path):
    """Nothing came, the member rang, the address was changed, and only then did the log note that the first letter had come back."""
    voters = [f"v{i:02d}" for i in range(80)]
    sent = [{"voter_key": v, "event": "issued", "at": at(0)} for v in voters]
    fates = [fate(v, "bounced" if i < 12 else "delivered", 50 if i < 12 else 1, None) for i, v in enumerate(voters)]
    changes = [change(v, 20) for v in voters[:12]] + [change(v, -20) for v in voters[12:24]]
    with_codes = case(tmp_path / "a", fates + sent, changes)
    assert grouped(with_codes).filter(pl.col("group") != UNCHANGED)["is_missed"].sum() == 0
    assert answered(with_codes)["changed"].verdict is Verdict.WITHIN_BASELINE
    found = answered(case(tmp_path / "b", fates, changes))["changed"]  # when they were sent is not on record
    assert isinstance(found.result, NotAnswerable)


def test_a_new_telephone_number_does_not_send_an_e_mail_back(tmp_path):
    fates, _ = mailed(12, 9)
    by_phone = [change(f"u{i:02d}", -5, field="phone") for i in range(12)]
    assert isinstance(
        answered(case(tmp_path / "a", fates, by_phone, communications=MAILINGS[:1]))["changed"].result, NotAnswerable
    )
    by_text = [MAILINGS[0] | {"medium": "sms"}]
    assert answered(case(tmp_path / "b", fates, by_phone, communications=by_text))["changed"].verdict is Verdict.NOT_EXPLAINED


def test_a_change_of_the_very_instant_may_be_later(tmp_path):
    found = grouped(case(tmp_path, [fate("a", "bounced", 1)], [change("a", 0)], communications=MAILINGS[:1]))
    assert found["group"].to_list() == [UNCHANGED]


def test_from_totals_alone_it_tells_them_and_what_is_missing(tmp_path):
    found = answered(tiny(tmp_path, communications=MAILINGS))
    assert list(found) == ["changed"]
    assert "Of 60 messages counted, 4 came back." in found["changed"].result.reason
    assert "credential_events.event" in found["changed"].result.needs
    (table,) = exhibits.message_coverage(tiny(tmp_path / "again", communications=MAILINGS), list(found.values()))
    assert "6.7 %" in repr(table)


@pytest.mark.parametrize(("n", "missed"), [(4, 2), (12, 0)])
def test_too_few_to_compare(tmp_path, n, missed):
    found = answered(case(tmp_path, *mailed(n, missed, n_others_missed=0), communications=MAILINGS[:1]))["changed"]
    assert isinstance(found.result, NotAnswerable)
    assert f"{n} had a changed contact and 65 had none; {missed} of all were not reached" in found.result.reason


def test_no_changes_no_keys_no_tables(tmp_path):
    without = answered(case(tmp_path, [fate("a", "bounced", 1)]))
    assert "contact_changes.voter_key" in without["changed"].result.needs
    keyless = [{"credential_id": "c1", "event": "bounced", "at": at(1)}]
    assert isinstance(answered(tiny(tmp_path / "keyless", credential_events=keyless))["changed"].result, NotAnswerable)
    assert answered(tiny(tmp_path / "none"))[""].result.needs == ("credential_events.event|communications.n_bounced",)


def test_the_order_of_rows_changes_nothing_and_no_member_is_shown(tmp_path):
    fates, changes = mailed(12, 9)
    ways = [case(tmp_path / "a", fates, changes), case(tmp_path / "b", fates[::-1], changes[::-1])]
    first, second = (list(answered(this).values()) for this in ways)
    assert [to_dict(f, "") for f in first] == [to_dict(f, "") for f in second]
    everything = repr([to_dict(f, wording.sentence(f)) for f in first]) + repr(exhibits.message_coverage(ways[0], first))
    assert "u03" not in everything


def test_in_a_log_of_failures_alone_what_did_not_come_back_arrived(tmp_path):
    sent = [fate(f"{unit}{i:02d}", "issued", 0) for unit in "ns" for i in range(20)]
    back = [fate(f"n{i:02d}", "bounced", 1) for i in range(3)]
    this = case(tmp_path / "a", [*sent, *back])
    assert branch_units(branch_members(this)).rows() == [("N", 3, 20), ("S", 0, 20)]
    assert "came back from 3 of 20 members" in wording.sentence(answered(this)["branch"])
    arrived = [*sent, *back, fate("s00", "delivered", 1)]  # this log tells what arrived: of the rest nothing is known
    assert branch_members(case(tmp_path / "b", arrived)).height == 4
