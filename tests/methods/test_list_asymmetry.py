"""The lists that candidates were given: against a slow second road, what age explains and what it does not, and what is missing."""

import random
from datetime import timedelta

import pytest
from cases import one, row, tiny, utc
from rule_cases import CLOCK, PARTLY

from analysis_lib import exhibits, simulate, wording
from analysis_lib.case import open_case
from analysis_lib.results import NotAnswerable, Verdict

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NOON = utc("2031-10-06 12:00")
COMPLETE = [row("sources", source_id="S1", completeness="complete")]
ASH, BIRCH, CEDAR = ({"candidate_id": name.lower(), "display_name": name} for name in ("Ash", "Birch", "Cedar"))


def given_to(candidate, at, members, name="", **cells):
    """A list: members as letters, or as (letter, contacts); capitals are not entitled."""
    snapshot = name or f"{candidate}{at:%d%H}"
    purpose = {"purpose": "given_to_candidate", "candidate_id": candidate} if candidate else {"purpose": "platform_upload"}
    rows = [
        {"snapshot_id": snapshot, "voter_key": key.lower(), "eligible": key.islower()} | dict(*more)
        for key, *more in (member if isinstance(member, tuple) else (member,) for member in members)
    ]
    return {"snapshot_id": snapshot, "taken_at": at} | purpose | cells, rows


def own(at, members):
    return given_to("", at, members, name=f"own{at:%d%H}")


def mailed(keys, **others):
    return [(key, {"email_key": f"{ord(others.get(key, key)):032x}"}) for key in keys]


def asked(folder, *copies, candidates=(ASH, BIRCH), sources=PARTLY, **tables):
    case = tiny(
        folder, clocks=[CLOCK], candidates=list(candidates), roll_snapshots=[copy for copy, _ in copies],
        roll=[member for _, rows in copies for member in rows], sources=sources, **tables,
    )  # fmt: skip
    return one(case, "list_asymmetry")


def left(key, at, change="removed", **cells):
    return {"voter_key": key, "change": change, "at": at, "clock_id": "P", "derived_from": "log"} | cells


def edited(key, at, field="email"):
    return {"voter_key": key, "field": field, "at": at, "clock_id": "P", "system": "membership_db", "derived_from": "log"}


def test_a_marked_register_for_a_candidate_is_another_paper(tmp_path):
    lists = given_to("ash", NOON, "abc"), given_to("birch", NOON + HOUR, "abc")
    register = given_to("ash", NOON + 30 * DAY, "ab", purpose="marked_register")
    assert asked(tmp_path, *lists, register).verdict is Verdict.NO_BREACH


@pytest.mark.parametrize("seed", range(6))
def test_a_slow_second_road_on_lists_of_one_day(tmp_path, seed):
    """Two unsorted lists of one day: members apart, and contact details apart by field, counted one by one."""
    rng = random.Random(seed)
    lists = []
    for _ in range(2):
        keys = rng.sample([f"m{i}" for i in range(30)], 24)
        lists.append({key: {"email_key": rng.choice([None, "x", "y"]), "phone_key": rng.choice([None, "p"])} for key in keys})
    first, second = lists
    copies = [
        given_to(name, NOON + i * HOUR, list(held.items()))
        for i, (name, held) in enumerate(zip(("ash", "birch"), lists, strict=True))
    ]
    (pair,) = asked(tmp_path, *copies).details["pairs"]
    apart = first.keys() ^ second.keys()
    both = first.keys() & second.keys()
    assert pair["members"] == {"age": 0, "opted_out": 0, "not_age": len(apart), "open": 0}
    assert (pair["on_both"], pair["only_first"]) == (len(both), len(first.keys() - second.keys()))
    by_field = {line["field"]: line for line in pair["by_field"]}
    for field, key in (("email", "email_key"), ("phone", "phone_key")):
        pairs = [(first[member][key], second[member][key]) for member in both]
        line = by_field.get(field, {"differs": 0, "only_first": 0, "only_second": 0})
        assert line["differs"] == sum(None not in (a, b) and a != b for a, b in pairs)
        assert line["only_first"] == sum(a is not None and b is None for a, b in pairs)
        assert line["only_second"] == sum(a is None and b is not None for a, b in pairs)


def test_the_same_list_on_the_same_day(tmp_path):
    finding = asked(tmp_path, given_to("ash", NOON, mailed("abc")), given_to("birch", NOON + 3 * HOUR, mailed("cba")))
    assert (finding.verdict, finding.result.statistic, finding.result.n_observations) == (Verdict.NO_BREACH, 0, 1)
    assert wording.sentence(finding) == "As far as lists are on record, Ash and Birch got the same list on the same day."


@pytest.mark.parametrize(
    ("hours", "verdict"), [(10, Verdict.NO_BREACH), (11, Verdict.UNDETERMINED), (23, Verdict.UNDETERMINED), (24, Verdict.BREACH_RECORDED)]
)  # fmt: skip
def test_a_day_is_a_day_of_the_contests_zone(tmp_path, hours, verdict):
    """At noon UTC it is 13:00 in London: eleven hours later the next day has begun there, and not in UTC."""
    finding = asked(tmp_path, given_to("ash", NOON, "abc"), given_to("birch", NOON + hours * HOUR, "abc"))
    assert finding.verdict is verdict
    assert finding.details["pairs"][0]["days_apart"] == (hours > 10)
    assert (f", {hours} hours apart: 3 members" in wording.sentence(finding)) is (verdict is Verdict.UNDETERMINED)


def test_lists_of_one_night_with_different_members_are_no_longer_the_same_list(tmp_path):
    late = utc("2031-10-06 22:50")  # 23:50 in London, and twenty minutes later the next day
    same = asked(tmp_path / "same", given_to("ash", late, "abc"), given_to("birch", late + HOUR / 3, "abc"))
    assert same.verdict is Verdict.UNDETERMINED
    assert (
        "of 7 October 2031, 20 minutes apart: 3 members stand on both and 0 on one alone. Whether that is the same day hangs on when each"
        in wording.sentence(same)
    )
    copies = own(NOON - DAY, "abc"), own(NOON + 2 * DAY, "abc")
    apart = asked(tmp_path / "apart", given_to("ash", late, "abc"), given_to("birch", late + HOUR / 3, "ab"), *copies)
    assert apart.verdict is Verdict.BREACH_RECORDED


def opted(key, at, change="eligibility_set"):
    return left(key, at, change, reason="opted_out")


def removal(key, at, **cells):
    return edited(key, at) | {"new_missing": True, "edit_class": "removed"} | cells


@pytest.mark.parametrize(
    ("tables", "cause"),
    [
        ({"roll_changes": [opted("c", NOON + HOUR)]}, "opted_out"),
        ({"roll_changes": [opted("c", NOON + HOUR, "removed")]}, "opted_out"),
        ({"roll_changes": [opted("c", NOON - DAY)]}, "not_age"),  # before both lists
        ({"roll_changes": [left("c", NOON + HOUR, "eligibility_set", reason="arrears")]}, "not_age"),  # tells of the roll, not of details
        ({"contact_changes": [removal("c", NOON + HOUR, actor_role="self")]}, "opted_out"),
        ({"contact_changes": [removal("c", NOON + HOUR, request_evidence="member_request_logged")]}, "opted_out"),
        ({"contact_changes": [removal("c", NOON + HOUR)]}, "age"),  # taken off, nobody says at whose wish
    ],
)  # fmt: skip
def test_a_detail_taken_off_at_the_members_wish(tmp_path, tables, cause):
    lists = given_to("ash", NOON, mailed("abc")), given_to("birch", NOON + 5 * HOUR, [*mailed("ab"), "c"])
    finding = asked(tmp_path, *lists, **tables)
    assert finding.details["pairs"][0]["contacts"] == {n: int(n == cause) for n in ("age", "opted_out", "not_age", "open")}
    assert finding.verdict is (Verdict.BREACH_RECORDED if cause == "not_age" else Verdict.NO_BREACH)
    assert "1 contact detail of members on both differs" in wording.sentence(finding)  # told even where it is explained


def test_an_opt_out_explains_no_other_address(tmp_path):
    lists = given_to("ash", NOON, mailed("abc")), given_to("birch", NOON + 5 * HOUR, mailed("abc", c="n"))
    finding = asked(tmp_path, *lists, roll_changes=[opted("c", NOON + HOUR)])
    assert finding.details["pairs"][0]["contacts"]["not_age"] == 1


def test_who_left_the_roll_on_the_day_of_both_lists_is_explained_by_the_copies(tmp_path):
    lists = given_to("ash", NOON, "abc"), given_to("birch", NOON + 5 * HOUR, "ab")
    finding = asked(tmp_path, *lists, own(NOON - DAY, "abc"), own(NOON + DAY, "ab"))
    assert (finding.verdict, finding.details["pairs"][0]["members"]["age"]) == (Verdict.NO_BREACH, 1)


def test_the_same_list_sent_again_is_no_further_list(tmp_path):
    lists = given_to("ash", NOON, "abc"), given_to("birch", NOON + HOUR, "abc")
    assert asked(tmp_path / "again", *lists, given_to("ash", NOON + 3 * DAY, "cba")).verdict is Verdict.NO_BREACH
    newer = asked(tmp_path / "newer", *lists, given_to("ash", NOON + 3 * DAY, "abcd"))
    assert newer.verdict is Verdict.BREACH_RECORDED
    assert "On 1 other day one of the two got a list and the other did not." in wording.sentence(newer)


def test_what_changed_between_the_days_is_explained_by_age(tmp_path):
    later = NOON + 6 * DAY
    changes = [left("a", NOON + DAY), left("x", NOON + DAY, "added"), left("b", NOON + 2 * DAY, reason="opted_out")]
    finding = asked(
        tmp_path, given_to("ash", NOON, mailed("abcde")), given_to("birch", later, mailed("cdex", d="n", e="n")),
        own(NOON - DAY, mailed("cde")), own(later + DAY, mailed("cdex", d="n")),
        roll_changes=changes, contact_changes=[edited("d", NOON + DAY)],
    )  # fmt: skip
    (pair,) = finding.details["pairs"]
    assert pair["members"] == {"age": 2, "opted_out": 1, "not_age": 0, "open": 0}
    assert pair["contacts"] == {"age": 1, "opted_out": 0, "not_age": 1, "open": 0}  # e: the body had the old address on both days
    text = wording.sentence(finding)
    assert (
        "The list of Ash is of 6 October 2031, that of Birch of 12 October 2031: 3 members stand on both and 3 on one alone"
        in text
    )
    assert (
        "2 contact details of members on both differ (1 explained by the days between the lists, 1 not explained by age)." in text
    )


def test_age_alone_is_said_to_be_all(tmp_path):
    finding = asked(
        tmp_path, given_to("ash", NOON, "abc"), given_to("birch", NOON + DAY, "ab"), roll_changes=[left("c", NOON + HOUR)]
    )
    assert finding.verdict is Verdict.BREACH_RECORDED  # the days
    assert "But for their days, and what changed between them, the two lists are the same." in wording.sentence(finding)


@pytest.mark.parametrize(
    ("copies", "tables", "found"),
    [
        ([], {}, "open"),
        ([own(NOON - DAY, "abc"), own(NOON + 3 * DAY, "abc")], {}, "not_age"),  # a member on both days
        ([own(NOON - DAY, "abc"), own(NOON + 3 * DAY, "ab")], {}, "age"),  # gone some time between the copies
        ([own(NOON - DAY, "abc"), own(NOON + 3 * DAY, "abC")], {}, "age"),  # no longer entitled
        ([own(NOON - DAY, "abc")], {}, "open"),  # no copy after the second list
        ([], {"roll_changes": [left("z", NOON + DAY)], "sources": COMPLETE}, "not_age"),  # a complete log without a change of c
        ([], {"roll_changes": [left("z", NOON + DAY)]}, "open"),
        ([], {"roll_changes": [left("c", NOON - DAY)]}, "open"),  # before the first list
        ([], {"roll_changes": [left("c", None, clock_id=None, at_lo=NOON - DAY, at_hi=NOON + HOUR)]}, "age"),  # straddles it
        ([], {"roll_changes": [left("c", None, clock_id=None, at_lo=NOON - DAY, at_hi=NOON + HOUR, derived_from="snapshot_diff")]}, "open"),
    ],
)  # fmt: skip
def test_who_stands_on_the_earlier_list_alone(tmp_path, copies, tables, found):
    finding = asked(tmp_path, given_to("ash", NOON, "abc"), given_to("birch", NOON + 2 * DAY, "ab"), *copies, **tables)
    assert finding.details["pairs"][0]["members"] == {
        name: int(name == found) for name in ("age", "opted_out", "not_age", "open")
    }


def test_the_day_of_joining_explains_who_is_new(tmp_path):
    joined = ("d", {"joined_on": (NOON + DAY).date()})
    long_ago = ("e", {"joined_on": (NOON - 90 * DAY).date()})
    finding = asked(tmp_path, given_to("ash", NOON, "abc"), given_to("birch", NOON + 2 * DAY, ["a", "b", "c", joined, long_ago]))
    assert finding.details["pairs"][0]["members"] == {"age": 1, "opted_out": 0, "not_age": 0, "open": 1}


def test_a_list_without_a_column_is_one_difference(tmp_path):
    finding = asked(tmp_path, given_to("ash", NOON, mailed("abc")), given_to("birch", NOON, "abc"))
    assert finding.verdict is Verdict.BREACH_RECORDED
    assert finding.details["pairs"][0]["contacts"]["not_age"] == 0
    assert "The list of Birch holds no e-mail address at all." in wording.sentence(finding)


def test_several_lists_are_compared_at_their_nearest(tmp_path):
    weekly = [given_to("ash", NOON + i * DAY, "abc"[: 1 + i]) for i in range(3)]
    finding = asked(tmp_path, *weekly, given_to("birch", NOON + 2 * DAY, "abc"))
    (pair,) = finding.details["pairs"]
    assert (pair["days_apart"], pair["other_days"], pair["on_both"]) == (2, 2, 3)
    assert finding.verdict is Verdict.BREACH_RECORDED
    assert "On 2 other days one of the two got a list and the other did not." in wording.sentence(finding)


def test_three_candidates_of_whom_one_was_early(tmp_path):
    copies = [given_to("ash", NOON - 3 * DAY, "abc"), given_to("birch", NOON, "abc"), given_to("cedar", NOON, "abc")]
    finding = asked(tmp_path, *copies, candidates=(ASH, BIRCH, CEDAR))
    assert (finding.result.statistic, finding.result.n_observations) == (2, 3)
    text = wording.sentence(finding)
    assert text.startswith("2 of 3 pairs of candidates whose lists are on record did not get the same list on the same day.")
    assert "The first list went to Ash." in text


def test_only_sizes_are_held(tmp_path):
    for n, verdict in ((500, Verdict.UNDETERMINED), (470, Verdict.BREACH_RECORDED)):
        copies = [given_to("ash", NOON, "", row_count=500), given_to("birch", NOON, "", row_count=n)]
        finding = asked(tmp_path / str(n), *copies)
        assert finding.verdict is verdict
        assert f"with 500 and {n} members; what stands on them is not held." in wording.sentence(finding)


def test_two_candidates_of_one_name_are_two(tmp_path):
    twin = BIRCH | {"display_name": "Ash"}
    finding = asked(tmp_path, given_to("ash", NOON, "abc"), given_to("birch", NOON, "abc"), candidates=(ASH, twin))
    assert "Ash (ash) and Ash (birch) got the same list" in wording.sentence(finding)


def test_a_candidate_without_a_list_on_record_leaves_it_open(tmp_path):
    copies = [given_to("ash", NOON, "abc"), given_to("birch", NOON, "abc")]
    finding = asked(
        tmp_path, *copies, candidates=(ASH, BIRCH, CEDAR, {"candidate_id": "oak", "display_name": "Oak", "withdrawn_at": NOON})
    )
    assert (finding.verdict, finding.details["without"]) == (Verdict.UNDETERMINED, ["Cedar"])
    assert "No list given to Cedar is on record." in wording.sentence(finding)


@pytest.mark.parametrize(
    ("copies", "reason"),
    [
        ([own(NOON, "abc"), own(NOON + DAY, "abc")], "No list that was given to a candidate is on record."),
        ([given_to("ash", NOON, "abc"), own(NOON, "abc")], "The list of one candidate alone is on record"),
        ([({"snapshot_id": "L", "taken_at": NOON, "purpose": "given_to_candidate"}, [])], "but not to whom"),
    ],
)
def test_without_two_lists_it_says_what_is_missing(tmp_path, copies, reason):
    finding = asked(tmp_path, *copies)
    assert isinstance(finding.result, NotAnswerable)
    assert reason in wording.sentence(finding)
    assert finding.result.needs == ("roll_snapshots.candidate_id (purpose given_to_candidate)",)
    assert exhibits.list_asymmetry(None, [finding]) == []


def test_what_is_shown_pools_small_branches_and_names_nobody(tmp_path):
    keys = [f"{i:032x}" for i in range(30)]
    branch = {key: {"unit": "North" if i < 24 else f"Small {i % 2}"} for i, key in enumerate(keys)}
    copies = [
        given_to("ash", NOON, [(key, branch[key]) for key in keys]),
        given_to("birch", NOON, [(key, branch[key]) for key in keys[12:-1]]),
    ]
    case = tiny(
        tmp_path, clocks=[CLOCK], candidates=[ASH, BIRCH], roll_snapshots=[copy for copy, _ in copies], roll=[line for _, rows in copies for line in rows],
    )  # fmt: skip
    figure, lists, differences, units = exhibits.list_asymmetry(case, [one(case, "list_asymmetry")])
    assert "<svg" in figure.svg()
    assert [line["members"] for line in lists.rows] == [30, 17]
    assert [(line["what"], line["not_age"]) for line in differences.rows] == [("members on one list alone", 13)]
    assert [tuple(line.values()) for line in units.rows] == [
        ("the smallest branches", 30, 13)
    ]  # two of three would be known by the third
    assert not any(key[:8] in repr(table) for key in keys[-3:] for table in (lists, differences, units))


@pytest.mark.slow
def test_innocent_lists_differ_by_nothing_that_age_does_not_explain(tmp_path):
    for seed in range(900, 906):
        made = simulate.selection(seed, simulate.Setting(**simulate.OFFICE_LIFE, n_members=200))
        simulate.write_package(made, tmp_path / str(seed), name="c", title="Made up", description="Made up.")
        (pair,) = one(open_case(tmp_path / str(seed)), "list_asymmetry").details["pairs"]
        assert pair["members"]["not_age"] + pair["members"]["open"] + pair["contacts"]["not_age"] + pair["contacts"]["open"] == 0


def test_nobody_owes_a_list_to_a_candidate_who_has_withdrawn(tmp_path):
    lists = given_to("ash", NOON, "abc"), given_to("birch", NOON + HOUR, "abc"), given_to("birch", NOON + 5 * DAY, "ab")
    for days, verdict in ((2, Verdict.NO_BREACH), (9, Verdict.BREACH_RECORDED)):
        gone = ASH | {"withdrawn_at": NOON + days * DAY}
        assert asked(tmp_path / str(days), *lists, candidates=(gone, BIRCH)).verdict is verdict


def test_a_list_in_two_parts_is_one_list(tmp_path):
    parts = given_to("ash", NOON, "ab"), given_to("ash", NOON + 2 * HOUR, "cd")
    assert asked(tmp_path / "a", *parts, given_to("birch", NOON + HOUR, "abcd")).verdict is Verdict.NO_BREACH
    assert asked(tmp_path / "b", *parts, given_to("birch", NOON + HOUR, "abcde")).verdict is Verdict.BREACH_RECORDED


def test_members_missing_from_a_list_that_is_held_in_part_are_open(tmp_path):
    whole, part = given_to("ash", NOON, "abcd"), given_to("birch", NOON + HOUR, "abc", row_count=4)
    assert asked(tmp_path / "a", whole, part).verdict is Verdict.UNDETERMINED
    assert asked(tmp_path / "b", whole, given_to("birch", NOON + HOUR, "abce", row_count=4)).verdict is Verdict.BREACH_RECORDED
    sources = [*COMPLETE, row("sources", source_id="S2", completeness="partial_known")]
    other = part[0] | {"row_count": None}, [cells | {"source_id": "S2"} for cells in part[1]]
    assert asked(tmp_path / "c", whole, other, sources=sources).verdict is Verdict.UNDETERMINED


def test_members_numbered_anew_are_the_same_members(tmp_path):
    lists = own(NOON - DAY, "abc"), given_to("ash", NOON, "abc"), given_to("birch", NOON + 5 * HOUR, "xyz")
    renamed = [left(old, NOON + HOUR, "key_changed", other_voter_key=new) for old, new in zip("abc", "xyz", strict=True)]
    assert asked(tmp_path / "a", *lists, roll_changes=renamed).verdict is Verdict.NO_BREACH
    assert asked(tmp_path / "b", *lists).verdict is Verdict.UNDETERMINED
    halves = own(NOON - DAY, "abcxyz"), *lists[1:]
    assert asked(tmp_path / "c", *halves).verdict is Verdict.BREACH_RECORDED
