"""Lists of members, credentials and voters: two real rolls, every sum in both directions, and what must never be called a breach."""

import csv
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from cases import one, row, tiny, utc
from hypothesis import given
from hypothesis import strategies as st
from roll_copy_rows import DAY, START, change, copy, gaps, roll
from tiny_package import STEADY, example_row, write

from analysis_lib import exhibits, simulate, wording
from analysis_lib.case import open_case
from analysis_lib.methods.identities import identity
from analysis_lib.methods.roll_copies import from_change_counts
from analysis_lib.methods.roll_reconciliation import roll_reconciliation
from analysis_lib.results import NotAnswerable, Verdict

REAL = Path(__file__).parents[3] / "shared" / "realdata"
ORANGE = REAL / "orange_county_roll_2018_19" / "daily_changes_wide.csv"
COMPLETE = [row("sources", source_id="S1", completeness="complete")]


def count(item, n, channel="all", **cells):
    return {"round": 0, "item": item, "channel": channel, "n": n} | cells


def by_check(case):
    return {item["check"]: item["failing"] for item in one(case, "roll_reconciliation").details["by_check"]}


@pytest.mark.skipif(not ORANGE.is_file(), reason="the counts of Orange County, Kim et al. 2020, are not held here")
def test_orange_county_adds_up_on_251_days():
    # Kim, Schneider & Alvarez (2020), American Politics Research 48(6): 251 pairs of daily copies, both sums hold on all.
    with ORANGE.open(encoding="utf-8") as file:
        days = [
            {
                "contest_id": "c", "taken_at": utc(f"{day['date']} 00:00"), "before_n": int(day["totalA"]), "after_n": int(day["totalB"]),
                "added_n": int(day["Added"]), "removed_n": int(day["Dropped"]), "changed_n": int(day["Changed"]),
                "unchanged_n": int(day["Exact Matches"]), "source_id": "S1", "source_row": number,
            }
            for number, day in enumerate(csv.DictReader(file), 2)
        ]  # fmt: skip
    found = from_change_counts(pl.DataFrame(days))
    assert Counter(item.gap for item in found) == {0: 502}
    days[7]["added_n"] += 3
    assert Counter(item.gap for item in from_change_counts(pl.DataFrame(days))) == {0: 501, 3: 1}


def test_880_names_on_the_roll_against_859_members_entitled(tmp_path):
    # Kubernetes steering election 2019: the roll in the repository has 880 names, results.md says 859.
    stated = {
        "kind": "context",
        "said_by": "The committee",
        "statement": "Names without an address were left out.",
        "about_check": "R02",
    }
    tables = {"roll_snapshots": [copy("L1", row_count=880)], "results": [count("eligible", 859)]}
    unlogged = one(tiny(tmp_path / "u", **tables), "roll_reconciliation")
    assert (unlogged.verdict, unlogged.result.statistic) == (Verdict.UNDETERMINED, 1)
    assert "21 members apart, perhaps members who came or went after that copy" in wording.sentence(unlogged)
    tables |= {"sources": COMPLETE, "roll_changes": [change("a", "added", -1)]}
    finding = one(tiny(tmp_path / "a", **tables), "roll_reconciliation")
    assert (finding.verdict, finding.result.statistic) == (Verdict.BREACH_RECORDED, 1)
    assert "members in the copy 880, eligible members published 859: 21 members apart, unexplained" in wording.sentence(finding)
    told = wording.sentence(one(tiny(tmp_path / "b", **tables, statements=[stated]), "roll_reconciliation"))
    assert "21 members apart, as stated by The committee" in told
    assert "unexplained" not in told


@pytest.mark.parametrize(("published", "gap"), [(98, 1), (99, 0), (100, 0), (102, 0), (103, 1)])
def test_members_who_come_and_go_after_the_last_copy_may_be_counted_or_not(tmp_path, published, gap):
    logged = [change("a", "added", 1), change("b", "added", 2), change("c", "removed", 2)]
    tables = {"roll_snapshots": [copy("L1", row_count=100)], "results": [count("eligible", published)], "roll_changes": logged}
    finding = one(tiny(tmp_path, sources=COMPLETE, **tables), "roll_reconciliation")
    assert [(item["gap"], item["cause"]) for item in finding.details["identities"] if item["check"] == "R02"] == [
        (gap, "unexplained" if gap else "")
    ]


def test_who_left_after_the_close_was_entitled_all_the_same(tmp_path):
    window = {"channel": "all", "kind": "voting", "basis": "advertised", "opens_at": START, "closes_at": START + 3 * DAY}
    tables = {"roll_snapshots": [copy("L1", row_count=100)], "results": [count("eligible", 98)], "contest_windows": [window]}
    gone = [change(key, "removed", 9) for key in "abc"]
    finding = one(tiny(tmp_path, sources=COMPLETE, **tables, roll_changes=gone), "roll_reconciliation")
    assert [item["gap"] for item in finding.details["identities"] if item["check"] == "R02"] == [2]


@pytest.mark.parametrize(("stated", "gap"), [(4, 0), (5, 1), (3, 1)])
def test_rows_of_the_roll_are_held_against_the_count_on_its_cover(tmp_path, stated, gap):
    case = tiny(tmp_path, roll_snapshots=[copy("L1", row_count=stated)], roll=roll("L1", *"abcd"))
    assert gaps(case) == {("R01", "rows of roll copy L1 (2031-10-01 12:00 UTC)", ""): gap}


@pytest.mark.parametrize(("stated", "gap"), [(5, 0), (6, 1)])
def test_a_row_of_the_roll_left_out_for_a_fault_was_handed_over_all_the_same(tmp_path, stated, gap):
    rows = [example_row("roll", voter_key=f"v{i}") for i in range(4)] + [example_row("roll", voter_key="v5", eligible="perhaps")]
    tables = {"roll": rows, "roll_snapshots": [example_row("roll_snapshots", row_count=str(stated))]}
    write(tmp_path, tables, only=("sources", "contests"))
    finding = one(open_case(tmp_path), "roll_reconciliation")
    assert [item["gap"] for item in finding.details["identities"] if item["check"] == "R01"] == [gap]


def test_members_loaded_are_those_that_the_platform_counts(tmp_path):
    loaded = [copy("L1", purpose="platform_upload", row_count=120)]
    for n, gap in ((120, 0), (118, 2)):
        case = tiny(tmp_path / str(n), roll_snapshots=loaded, results=[count("eligible", n, basis="platform")])
        assert gaps(case)["R01", "members loaded from roll copy L1 (2031-10-01 12:00 UTC)", ""] == gap


def slow_step(before, changes, after):
    """The slow road: walk through the log member by member."""
    held = set(before)
    for key, what in changes:
        if what in ("added", "reinstated"):
            held.add(key)
        elif what == "removed":
            held.discard(key)
    return len(held) - len(after)


STEPS = [
    ("abc", [("d", "added")], "abcd"),
    ("abc", [("d", "added"), ("a", "removed")], "bcd"),
    ("abc", [("d", "added")], "abcde"),
    ("abcd", [("d", "removed"), ("d", "reinstated")], "abcd"),
    ("abcd", [("d", "removed")], "ab"),
    ("ab", [("c", "added"), ("c", "removed"), ("c", "added")], "abc"),
]


@pytest.mark.parametrize(("before", "changes", "after"), STEPS)
def test_one_copy_follows_from_the_one_before(tmp_path, before, changes, after):
    case = tiny(
        tmp_path,
        roll_snapshots=[copy("L1"), copy("L2", 3, "platform_upload")],
        roll=roll("L1", *before) + roll("L2", *after),
        roll_changes=[change(key, what, 1 + i / 10) for i, (key, what) in enumerate(changes)],
    )
    name = (
        "members entitled in roll copy L1 (2031-10-01 12:00 UTC), with what changed, are those of copy L2 (2031-10-04 12:00 UTC)"
    )
    assert gaps(case)["R02", name, ""] == abs(slow_step(before, changes, after))


def test_units_are_checked_apart_and_small_ones_joined(tmp_path):
    big, small = [f"n{i}" for i in range(12)], ["s1", "s2"]
    case = tiny(
        tmp_path,
        roll_snapshots=[copy("L1"), copy("L2", 3, "platform_upload")],
        roll=roll("L1", *big, unit="North") + roll("L1", *small, unit="South") + roll("L2", *big[:-1], unit="North")
        + roll("L2", *small, "s3", unit="South"),
        roll_changes=[change("x", "added", 1), change("x", "removed", 2)],
    )  # fmt: skip
    found = {unit: gap for (check, _, unit), gap in gaps(case).items() if check == "R02"}
    assert found == {"": 0}  # a member of no known unit came and went: only the total can be checked
    placed = tiny(
        tmp_path / "placed",
        roll_snapshots=[copy("L1"), copy("L2", 3, "platform_upload")],
        roll=case_rows(case),
        roll_changes=[change("n0", "removed", 1), change("n0", "added", 2)],
    )
    found = {unit: gap for (check, _, unit), gap in gaps(placed).items() if check == "R02"}
    assert found == {"": 0, "North": 1, "smaller units": 1}
    assert "South" not in repr(exhibits.roll_reconciliation(placed, [one(placed, "roll_reconciliation")]))


def case_rows(case):
    return case.rows("roll").select("snapshot_id", "voter_key", "eligible", "unit").to_dicts()


def test_two_copies_with_no_log_between_them_break_nothing(tmp_path):
    copies = [copy("L1"), copy("L2", 3, "platform_upload")]
    rolls = roll("L1", *"abc") + roll("L2", *"abcdef")
    diffed = [{"voter_key": "d", "change": "added", "derived_from": "snapshot_diff", "at_lo": START, "at_hi": START + 3 * DAY}]
    case = tiny(tmp_path, roll_snapshots=copies, roll=rolls, roll_changes=diffed)
    assert isinstance(one(case, "roll_reconciliation").result, NotAnswerable)


def test_an_entitlement_that_was_set_either_way_widens_the_range(tmp_path):
    copies = [copy("L1"), copy("L2", 3, "platform_upload")]
    for after, gap in (("abc", 0), ("abcd", 0), ("ab", 0), ("abcde", 1)):
        case = tiny(
            tmp_path / after, roll_snapshots=copies, roll=roll("L1", *"abc") + roll("L2", *after),
            roll_changes=[change("c", "eligibility_set", 1)],
        )  # fmt: skip
        assert max(gaps(case).values()) == gap


@pytest.mark.parametrize(("published", "gap"), [(3, 0), (2, 1), (5, 2)])
def test_applications_granted_are_those_published(tmp_path, published, gap):
    granted = [
        {"voter_key": key, "channel_requested": "online", "decision": what}
        for key, what in (("a", "granted"), ("b", "granted"), ("c", "granted"), ("a", "granted"), ("d", "refused"))
    ]
    tables = {"vote_applications": granted, "results": [count("applications_granted", published, "online")]}
    assert gaps(tiny(tmp_path / "a", sources=COMPLETE, **tables))["R03", "applications granted (online)", ""] == gap
    partly = [row("sources", source_id="S1", completeness="partial_known")]
    of_a_part = gaps(tiny(tmp_path / "b", sources=partly, **tables))["R03", "applications granted (online)", ""]
    assert of_a_part == max(0, 3 - published)  # of a log with gaps, too few is no difference


def issue(*keys, event="issued", **cells):
    return [{"voter_key": key, "event": event, "at": START + 2 * DAY} | cells for key in keys]


def test_applicants_and_credentials_are_the_same_members(tmp_path):
    granted = [{"voter_key": key, "channel_requested": "online", "decision": "granted"} for key in "abc"]
    case = tiny(tmp_path, sources=COMPLETE, vote_applications=granted, credential_events=issue(*"bcde"))
    found = {name: gap for (check, name, _), gap in gaps(case).items() if check == "R03"}
    assert found == {
        "members granted an application (online) have a credential": 1,
        "members issued a credential (online) were granted an application": 2,
    }


@pytest.mark.parametrize(
    ("applied", "issued", "without_code", "unasked"),
    [
        ("abcdef", "abcdefgh", 0, 2),  # most applied, and two were sent a code that nobody granted them
        ("ab", "abcd", 0, 2),
        ("ab", "abcdefgh", 0, 0),  # open to all, and a few applied: for a new address, say
        ("ax", "abcdefgh", 1, 0),
    ],
)
def test_codes_of_those_who_never_applied_where_voting_online_is_open_to_all(tmp_path, applied, issued, without_code, unasked):
    granted = [{"voter_key": key, "channel_requested": "online", "decision": "granted"} for key in applied]
    case = tiny(tmp_path, sources=COMPLETE, vote_applications=granted, credential_events=issue(*issued))
    assert [gap for (check, _, _), gap in gaps(case).items() if check == "R03"] == [without_code, unasked]


def test_applications_for_the_post_say_nothing_of_codes_sent_by_email(tmp_path):
    granted = [{"voter_key": key, "channel_requested": "postal", "decision": "granted"} for key in "ab"]
    codes = issue(*"bcde", destination_kind="email") + issue("a", "f", destination_kind="post", event="printed")
    codes += issue("g", destination_kind="post")  # a code sent by letter may be for voting online
    case = tiny(tmp_path, sources=COMPLETE, vote_applications=granted, credential_events=codes)
    found = {name: gap for (check, name, _), gap in gaps(case).items() if check == "R03"}
    assert found == {
        "members granted an application (postal) have a credential": 1,
        "members issued a credential (postal) were granted an application": 1,
    }


def test_codes_sent_nobody_knows_how_say_nothing_of_postal_applications(tmp_path):
    granted = [{"voter_key": key, "channel_requested": "postal", "decision": "granted"} for key in "ab"]
    case = tiny(tmp_path, vote_applications=granted, credential_events=issue(*"abcdef"), results=[count("eligible", 6)],
                roll_snapshots=[copy("L1", row_count=6)])  # fmt: skip
    assert {check for check, _, _ in gaps(case)} == {"R02"}


def test_late_joiners_loaded_by_themselves_are_an_addition_to_the_roll(tmp_path):
    everybody = [f"v{i}" for i in range(8)]
    tables = {
        "roll_snapshots": [copy("L1", purpose="platform_upload"), copy("L2", 2, "platform_upload")],
        "roll": roll("L1", *everybody) + roll("L2", "x", "y"),
        "roll_changes": [change("x", "added", 1), change("y", "added", 1)],
        "credential_events": issue(*everybody, "x", "y"),
    }
    for n, gap in ((10, 0), (9, 1)):
        found = gaps(tiny(tmp_path / str(n), **tables, results=[count("eligible", n)]))
        assert max(found.values()) == gap
    given = {"roll_snapshots": [copy("L1", purpose="given_to_candidate", row_count=8), copy("L2", purpose="audit")]}
    assert {check for check, _, _ in gaps(tiny(tmp_path / "given", **tables | given))} == {"R01"}


PARTLY = [row("sources", source_id="S1", completeness="partial_known")]
DAYS = {"clock_id": "D", "tz_used": "UTC", "tz_basis": "stated_offset", "resolution": "day", "write_semantics": "event_time"}


@pytest.mark.parametrize(
    ("barred", "changes", "after", "gap"),
    [
        ("", [change("d", "added", 1)], "abcd", 0),
        ("d", [change("d", "added", 1)], "abc", 0),  # joined, and stands on the roll as not entitled
        ("d", [change("d", "added", 1)], "abcef", 1),
        ("", [change("d", "added", 1), change("e", "added", 1) | {"at": None, "at_lo": START, "at_hi": START + DAY}], "abcde", 0),
        ("", [change("d", "added", 1), change("e", "added", 3, clock_id="D")], "abcd", 0),  # on the day of the copy
    ],
)
def test_a_change_that_may_not_count_widens_the_range(tmp_path, barred, changes, after, gap):
    rolls = roll("L1", *"abc") + roll("L2", *after) + roll("L2", *barred, eligible=False, ineligible_reason="joined_after_freeze")
    copies = [copy("L1"), copy("L2", 3.25, "platform_upload")]
    changes = [cells if cells.get("at") != START + 3 * DAY else cells | {"at": utc("2031-10-04 00:00")} for cells in changes]
    tables = {"clocks": [DAYS], "roll_snapshots": copies, "roll": rolls, "roll_changes": changes}
    assert max(gaps(tiny(tmp_path / "a", **tables)).values()) == gap
    assert isinstance(one(tiny(tmp_path / "b", **tables, sources=PARTLY), "roll_reconciliation").result, NotAnswerable)


def test_who_left_after_the_poll_was_entitled_all_the_same(tmp_path):
    copies = [copy("L1", row_count=4), copy("L2", 30, "post_poll")]
    rolls = roll("L1", *"abcd") + roll("L2", *"abc")
    assert max(gaps(tiny(tmp_path, roll_snapshots=copies, roll=rolls, results=[count("eligible", 4)])).values()) == 0


@pytest.mark.parametrize(("online", "gap"), [(False, 0), (True, 1)])
def test_the_register_of_one_channel_holds_at_most_as_many(tmp_path, online, gap):
    rolls = roll("P", "a", "b", voted_flag=True, voted_channel="postal")
    rolls += roll("P", "c", voted_flag=True, voted_channel="online") if online else []
    received = [count("ballots_received", 4), count("ballots_received", 2, "postal"), count("ballots_received", 2, "online")]
    case = tiny(tmp_path, roll_snapshots=[copy("P", 5, "marked_register")], roll=rolls, results=received)
    assert gaps(case)["R12", "members marked in the registers are the ballots", ""] == gap


def test_a_credential_to_somebody_not_on_the_roll(tmp_path):
    tables = {"roll_snapshots": [copy("L1")], "roll": roll("L1", *"abc"), "credential_events": issue("a", "b", "x", "x")}
    found = {name: gap for (check, name, _), gap in gaps(tiny(tmp_path / "a", **tables)).items() if check == "R04"}
    assert found == {"members issued a credential are on the roll": 1, "members on the roll were issued a credential": 0}
    let_in = gaps(tiny(tmp_path / "b", **tables, roll_changes=[change("x", "added", 1)]))
    assert let_in["R04", "members issued a credential are on the roll", ""] == 0
    renamed = gaps(tiny(tmp_path / "c", **tables, roll_changes=[change("c", "key_changed", 1, other_voter_key="x")]))
    assert renamed["R04", "members issued a credential are on the roll", ""] == 0


def test_issued_is_delivered_and_bounced_and_unknown(tmp_path):
    events = issue(*"abcd") + issue("a", "b", event="delivered") + issue("c", "z", event="bounced", message_id="M1")
    message = {"message_id": "M1", "kind": "invitation", "sent_at": START, "n_recipients": 4, "n_bounced": 2}
    case = tiny(tmp_path, sources=COMPLETE, credential_events=events, communications=[message])
    found = {name: gap for (check, name, _), gap in gaps(case).items() if check == "R05"}
    assert found == {
        "credentials delivered or bounced were issued": 1,
        "issued is delivered + bounced + unknown": 0,
        "message M1: no more bounced than were sent": 0,
        "message M1: those that bounced": 0,
    }
    shown = repr(exhibits.roll_reconciliation(case, [one(case, "roll_reconciliation")]))
    assert "issued (of 1 nothing more is known) 4" in shown


def test_more_bounced_than_were_sent(tmp_path):
    message = {"message_id": "M1", "kind": "invitation", "sent_at": START, "n_recipients": 4, "n_bounced": 6}
    assert by_check(tiny(tmp_path, communications=[message])) == {"R05": 1}


def marked(policy, received, folder):
    registers = [copy("P", 5, "marked_register"), copy("O", 5, "marked_register")]
    rows = roll("P", "a", "b", voted_flag=True, voted_channel="postal") + roll(
        "O", "b", "c", voted_flag=True, voted_channel="online"
    )
    rows += roll("O", "d", voted_flag=False)
    contest = {"revote_policy": policy} if policy else None
    return tiny(folder, contest=contest, roll_snapshots=registers, roll=rows, results=[count("ballots_received", received)])


@pytest.mark.parametrize(
    ("policy", "received", "gap"),
    [
        ("none", 3, 0),
        ("none", 4, 1),
        ("paper_overrides_online", 4, 0),
        ("last_counts", 3, 0),
        (None, 4, 0),
        (None, 5, 1),
        ("none", 2, 1),
    ],
)
def test_members_marked_are_the_ballots_but_for_allowed_overrides(tmp_path, policy, received, gap):
    assert gaps(marked(policy, received, tmp_path))["R12", "members marked in the registers are the ballots", ""] == gap


def test_the_composition_of_a_roll_shows_no_small_count(tmp_path):
    rows = roll("L1", *(f"v{i}" for i in range(30)), email_domain_class="work")
    rows += [*roll("L1", "x", "y"), {"snapshot_id": "L1", "voter_key": "z", "eligible": False, "ineligible_reason": "arrears"}]
    case = tiny(tmp_path, roll_snapshots=[copy("L1", row_count=33)], roll=rows)
    shown = repr(exhibits.roll_reconciliation(case, [one(case, "roll_reconciliation")]))
    assert "| entitlement | entitled | not shown" in shown  # 32 of 33 would tell the other
    assert "| entitlement | not entitled: arrears | fewer than 10" in shown
    assert "a time not stated" in shown


@pytest.mark.parametrize("seed", [3, 11, 29])
def test_an_innocent_contest_adds_up(tmp_path, seed):
    simulate.write_package(simulate.selection(seed), tmp_path, name="innocent", title="Innocent", description="Made up.")
    finding = one(open_case(tmp_path), "roll_reconciliation")
    assert (finding.verdict, finding.result.statistic) == (Verdict.NO_BREACH, 0)
    assert finding.result.n_observations >= 5


def test_without_two_lists_it_cannot_be_answered(tmp_path):
    finding = one(tiny(tmp_path), "roll_reconciliation")
    assert isinstance(finding.result, NotAnswerable)
    assert "roll_snapshots.row_count|roll.voter_key" in finding.result.needs[0]


@STEADY
@given(st.permutations(range(4)))
def test_the_order_of_sums_changes_nothing(order):
    made = [identity("R01", f"sum {i}", ("a", i, i), ("b", 2, 2)) for i in range(4)]
    found, verdict = roll_reconciliation([made[i] for i in order])
    assert found.equals(roll_reconciliation(made)[0])
    assert (verdict, found["gap"].to_list()) == (Verdict.BREACH_RECORDED, [2, 1, 0, 1])
