"""Aims at members still to vote: shares by hand, looks dealt out in full, and where a platform makes the question empty."""

from datetime import timedelta
from itertools import permutations

import numpy as np
import polars as pl
import pytest
from cases import tiny
from office_rows import OPENS, SNAPSHOT, WINDOW, cast, code, key, roll, sitting

from analysis_lib import exhibits, simulate, wording
from analysis_lib.case import open_case
from analysis_lib.methods.nonvoter_targeting import answer, members_at_risk, nonvoter_targeting, shares, targets
from analysis_lib.methods.registry import answer_chapter
from analysis_lib.methods.view_work import Work, work_after_view, works
from analysis_lib.results import NotAnswerable, Status, TestResult, Verdict

NOUN = "nonvoter_targeting"


def at(hours, minutes=0):
    return OPENS + timedelta(hours=hours, minutes=minutes)


def case(folder, codes=(), votes=(), members=None, **more):
    return tiny(
        folder, credential_events=codes, ballot_events=votes, roll=members or roll(N="abcdefghij", S="klmn"), roll_snapshots=[SNAPSHOT],
        contest_windows=[WINDOW], **more,
    )  # fmt: skip


def forms(this):
    return {result.form: result for result in answer(this)}


def aimed(marked, chances):
    common = {"confidence_level": 0.95, "alpha": 0.01, "n_excluded": 0, "assumptions": (), "details": {}}
    return nonvoter_targeting(np.array(marked), np.array(chances, float), form="share", **common)


def test_twenty_eight_of_thirty():
    # R's poibin gives the same: 28 of 30 where the chances fall evenly from .95 to .55: 0.0085.
    found = aimed([True] * 28 + [False] * 2, np.linspace(0.95, 0.55, 30))
    assert found.pvalue == pytest.approx(0.0085, abs=5e-5)
    assert (found.details["expected"], found.effect.value) == (pytest.approx(22.5), pytest.approx(28 / 30 - 0.75))
    assert found.effect.low < found.effect.value < found.effect.high


def test_the_tail_and_what_would_stand_out_by_counting_every_outcome():
    chances = [0.2, 0.5, 0.9, 0.4]
    law = np.zeros(5)
    for outcome in range(16):
        bits = [outcome >> i & 1 for i in range(4)]
        law[sum(bits)] += np.prod([p if bit else 1 - p for p, bit in zip(chances, bits, strict=True)])
    found = aimed([True, True, True, False], chances)
    assert found.pvalue == pytest.approx(law[3:].sum())
    assert found.details["smallest_visible"] is None  # even four of four come in 3.6 % of cases
    assert aimed([True] * 4, [0.1] * 4).details["smallest_visible"] == 3  # three or more: .0037; two or more: .052


def waiting(this):
    """Rows compared, and for each the share of its branch without a ballot."""
    members = members_at_risk(this).with_columns(waiting=pl.min_horizontal("voted", "until"))
    rows, left_out = targets(this, members)
    return rows, shares(rows, members, "until", "waiting"), left_out


def test_shares_still_to_vote_are_those_of_the_branch_just_before(tmp_path):
    # Of the ten of North: c, d and f vote before, e in that very second, x is on no roll. South doesn't count.
    votes = [cast(at(1), v) for v in "cdkfx"] + [cast(at(2), "e")]
    codes = [code(at(2), "a"), code(at(3), "c"), code(at(3), "l")]
    rows, found, _ = waiting(case(tmp_path, codes, votes))
    assert (rows["voter_key"].to_list(), rows["voted"].to_list()) == ([key("a"), key("c"), key("l")], [False, True, False])
    assert found.tolist() == pytest.approx([7 / 10, 5 / 9, 3 / 4])  # at 3 a has a second code, and c, d, e, f have voted


def test_whoever_could_not_be_sent_a_code_without_a_cause_is_no_part_of_the_share(tmp_path):
    # Of North b asked, c's message came back, d's address is mended since it had died, e's ballot was taken out; f votes.
    first = [code(at(0), v, "bulk_issue", None, "issued") for v in "abcdefghi"]  # j chose the hall
    codes = [
        *first,
        code(at(1), "b", "member_request"),
        code(at(2), "c", None, None, "bounced"),
        code(at(9), "a"),
        code(at(9), "f"),
    ]
    votes = [cast(at(2), "e"), cast(at(3), "e", "voided"), cast(at(4), "f")]
    mended = {"at": at(5), "voter_key": key("d"), "field": "email", "request_evidence": "bounce_logged"}
    asked_for = {"at": at(5), "voter_key": key("g"), "field": "email", "request_evidence": "member_request_logged"}
    rows, found, _ = waiting(case(tmp_path, codes, votes, contact_changes=[mended, asked_for]))
    assert rows["voted"].to_list() == [False, True]
    assert found.tolist() == pytest.approx([4 / 5, 4 / 5])  # a, f, g, h, i are left; at 9 both codes go out
    partial = [row for row in codes if row["event"] != "issued"] + first[:1]  # f's first code is not on record
    assert waiting(case(tmp_path / "b", partial, votes))[1].tolist() == pytest.approx([6 / 7, 6 / 7])


def test_shares_against_a_count_member_by_member(tmp_path):
    rng = np.random.default_rng(4)
    names = [f"m{i}" for i in range(40)]
    hours = rng.integers(1, 12, 40)  # many ties
    votes = [cast(at(int(h)), v) for h, v in zip(hours, names, strict=True) if h < 8]
    codes = [code(at(int(h)), v, t) for h, v, t in zip(rng.integers(2, 9, 25), rng.permutation(names), rng.choice(["admin_initiated", "member_request"], 25), strict=False)]  # fmt: skip
    this = case(tmp_path, codes, votes, roll(N=names[:25], S=names[25:]))
    rows, found, _ = waiting(this)
    voted = {v["voter_key"]: v["at"] for v in votes}
    sent = {c["voter_key"]: c["at"] for c in codes}
    for (who, unit), share in zip(rows.select("voter_key", "unit").iter_rows(), found, strict=True):
        branch = [key(v) for v in (names[:25] if unit == "N" else names[25:])]
        left = [v for v in branch if sent.get(v, at(99)) >= sent[who]]
        assert share == pytest.approx(np.mean([voted.get(v, at(99)) >= sent[who] for v in left]))


def test_who_asked_or_whose_code_came_back_is_left_out_and_counted(tmp_path):
    codes = [
        code(at(1), "a"), code(at(5), "a"), code(at(1), "b", "member_request"), code(at(1), "c", "unknown"), code(at(1), "d", None),
        code(at(0), "e", None, None, "bounced"), code(at(1), "e"), code(at(9), "f", None, None, "bounced"), code(at(1), "f"), code(at(1), "x"),
        code(at(3), "b"),
    ]  # fmt: skip
    rows, _, left_out = waiting(case(tmp_path, codes, [cast(at(8), "j")]))
    assert rows["voter_key"].to_list() == [key("a"), key("f")]
    assert left_out == {"asked_for": 1, "unknown": 3, "bounced": 1, "repeated": 2}


def test_codes_to_those_still_to_vote_stand_out_only_where_voters_are_sent_some_unasked(tmp_path):
    members = roll(N=[f"m{i}" for i in range(100)])
    votes = [cast(at(1, i), f"m{i}") for i in range(59)] + [cast(at(2), f"m{i}") for i in range(59, 80)]
    codes = [code(at(5, i), f"m{80 + i}") for i in range(16)]
    asked = [code(at(4), f"m{i}", "member_request") for i in range(9)]  # lost the confirmation and asked for a code
    unasked = [code(at(6), f"m{i}") for i in range(20, 25)]
    assert "share" not in forms(case(tmp_path / "asked", codes + asked, votes, members))
    assert "share" not in forms(case(tmp_path / "four", codes + unasked[:4], votes, members))
    result = forms(case(tmp_path / "rule", codes + unasked, votes, members))["share"]
    assert (result.statistic, result.n_observations) == (16, 21)
    assert result.pvalue < 1e-6


def campaign(spread):
    """A new code to each of 41 who have not voted, so many minutes apart, and to six who had; nobody asked for either."""
    votes = [cast(at(1, i), f"m{i}") for i in range(59)]
    codes = [code(at(5, spread * i), f"m{59 + i}") for i in range(41)] + [code(at(7 + 5 * i), f"m{20 + i}") for i in range(6)]
    return [*codes, code(at(4), "m10", "member_request")], votes, roll(N=[f"m{i}" for i in range(100)])


def test_a_list_worked_down_in_one_sitting_is_one_choice(tmp_path):
    finding = answer_chapter("30_credential_reissues", case(tmp_path / "one", *campaign(1)), (NOUN,))[NOUN][0]
    assert finding.result.pvalue < 1e-6
    assert (finding.verdict, finding.details["sittings"]["fullest"]) == (Verdict.UNDETERMINED, 41)
    assert "worked down as the rules may provide, looks the same" in wording.sentence(finding)
    spread = answer_chapter("30_credential_reissues", case(tmp_path / "many", *campaign(95)), (NOUN,))[NOUN][0]
    assert (spread.verdict, spread.details["sittings"]["leaves_open"]) == (Verdict.NOT_EXPLAINED, False)


def test_what_the_program_does_by_itself_is_one_hand(tmp_path):
    codes, votes, members = campaign(1)
    machine = [row | ({"actor_key": None, "actor_role": "system"} if row["at"] < at(6) else {}) for row in codes]
    finding = answer_chapter("30_credential_reissues", case(tmp_path, machine, votes, members), (NOUN,))[NOUN][0]
    assert finding.verdict is Verdict.UNDETERMINED


def test_where_no_request_is_noted_the_finding_is_undetermined(tmp_path):
    votes = [cast(at(1), v) for v in "ab"]
    codes = [code(at(5), v) for v in "cdefg"] + [code(at(2), v, None, None, "opened") for v in "hij"]
    for extra, status in (([], Status.FAILS), ([code(at(6), "k", "member_request")], Status.UNTESTED)):
        result = forms(case(tmp_path / str(len(extra)), codes + extra, votes))["silent"]
        assert result.assumptions[0].status is status
    finding = answer_chapter("30_credential_reissues", case(tmp_path / "v", codes, votes), (NOUN,))[NOUN][0]
    assert finding.verdict is not Verdict.NOT_EXPLAINED


def test_where_no_voter_is_ever_sent_a_code_the_silent_are_asked_about(tmp_path):
    votes = [cast(at(1), v) for v in "ab"]
    codes = (
        [code(at(5), v) for v in "cdefg"]
        + [code(at(2), v, None, None, "opened") for v in "hij"]
        + [code(at(6), "c", None, None, "opened")]
    )
    result = forms(case(tmp_path, codes, votes))["silent"]
    # Eight of North are still to vote; h, i and j have opened their message: chance 5/8 each, all five silent.
    assert (result.statistic, result.details["expected"]) == (5, pytest.approx(25 / 8))
    assert result.pvalue == pytest.approx((5 / 8) ** 5)


def test_where_nothing_tells_the_silent_it_cannot_be_answered(tmp_path):
    result = forms(case(tmp_path, [code(at(5), v) for v in "cdefg"], [cast(at(1), "a")]))["silent"]
    assert isinstance(result, NotAnswerable)
    assert "Of 5 new codes that nobody asked for, 0 went to members whose ballot stood" in result.reason


@pytest.mark.parametrize(
    ("codes", "part"),
    [([code(at(5), v) for v in "cdef"], "come back: 4; 5 are needed"), ([code(at(5), None) for _ in "cdefg"], "can't be joined")],
)
def test_too_few_or_no_keys(tmp_path, codes, part):
    assert part in forms(case(tmp_path, codes, [cast(at(1), "a")]))["share"].reason


def work(unasked, asked, seen):
    unasked, asked = np.array(unasked, float), np.array(asked, float)
    return Work("administrator 01", unasked, asked, np.array(seen), 9, 7)


def judged(found, n_resamples=5999):
    return work_after_view(
        found, view_s=1800, confidence_level=0.95, alpha=0.01, n_resamples=n_resamples, rng=np.random.default_rng(5), n_excluded=0
    )


def test_looks_against_every_way_of_placing_them():
    rng = np.random.default_rng(8)
    this = work(rng.integers(0, 3, (6, 2)), rng.integers(0, 3, (6, 2)), [1, 4])

    def score(places):
        return sum(this.unasked[p, j] / 9 - this.asked[p, j] / 7 for j, p in enumerate(places))

    every = [score(places) for places in permutations(range(6), 2)]
    exact = np.mean(np.array(every) >= score((1, 4)) - 1e-9)
    assert judged([this]).pvalue == pytest.approx(exact, abs=0.02)  # three standard errors of 5,999 draws


def test_work_after_a_look_is_counted_by_kind(tmp_path):
    looks = [row for d in range(3) for row in sitting(at(24 * d), look=5)] + [
        row for d in range(3, 6) for row in sitting(at(24 * d))
    ]
    codes = [code(at(24 * d, 10 + i), f"m{d}{i}") for d in range(3) for i in range(3)]
    codes += [code(at(24 * d, 10 + i), f"r{d}{i}", "member_request") for d in range(3, 6) for i in range(3)]
    codes += [code(at(0, 4), "m99"), code(at(0, 36), "m98"), code(at(3), "m97"), code(at(0, 20), "m96", "unknown")]
    this = case(tmp_path, codes, admin_actions=looks)
    (found,), n_left_out = works(this, 1800)
    # Left out: one whose cause isn't known. The one at noon is a sitting by itself, since a code is an act.
    assert (found.n_unasked, found.n_asked, n_left_out) == (12, 9, 1)
    result = forms(this)["after_view"]
    (row,) = result.details["administrators"]
    assert (row["unasked_after"], row["asked_after"], row["looks"], row["sittings"]) == (9, 0, 3, 7)
    # Three looks cover the three sittings with unasked work in 1 of C(7, 3) = 35 placings; one more covers as much.
    assert result.pvalue == pytest.approx(1 / 35, abs=0.05)
    assert "did 9 of 12 pieces of work" in wording.sentence(answer_chapter("30_credential_reissues", this, (NOUN,))[NOUN][1])


def test_work_that_is_always_asked_for_or_never_looked_at(tmp_path):
    codes = [code(at(24 * d, 10), f"m{d}", "member_request") for d in range(8)]
    rows = [row for d in range(8) for row in sitting(at(24 * d), look=5)]
    assert "reissues that were asked for" in forms(case(tmp_path, codes, admin_actions=rows))["after_view"].reason
    no_look = [row for d in range(8) for row in sitting(at(24 * d))]
    assert "No look" in forms(case(tmp_path / "b", codes, admin_actions=no_look))["after_view"].reason
    nobody = [row | {"actor_key": None} for row in rows]
    assert forms(case(tmp_path / "c", codes, admin_actions=nobody))["after_view"].needs == ("admin_actions.actor_key",)


def test_a_change_of_contact_counts_under_the_same_clock_alone(tmp_path):
    clocks = [{"clock_id": name, "tz_used": "UTC", "tz_basis": "stated_offset", "resolution": "s"} for name in ("one", "two")]
    rows = [row | {"clock_id": "one"} for d in range(6) for row in sitting(at(24 * d), look=5)]
    codes = [code(at(24 * d, 10), f"r{d}", "member_request", clock_id="one") for d in range(6)]

    def edits(clock):
        return [
            {"at": at(24 * d, 20), "voter_key": key(f"e{d}"), "field": "email", "actor_key": key("ann"), "request_evidence": "none_found", "clock_id": clock}
            for d in range(6)
        ]  # fmt: skip

    (found,), _ = works(case(tmp_path, codes, admin_actions=rows, contact_changes=edits("one"), clocks=clocks), 1800)
    assert (found.n_unasked, found.n_asked) == (6, 6)
    assert works(case(tmp_path / "b", codes, admin_actions=rows, contact_changes=edits("two"), clocks=clocks), 1800)[0] == []


def test_clean_offices_look_at_the_list_and_nothing_is_found(tmp_path):
    low = 0
    setting = simulate.Setting(**simulate.OFFICE_LIFE | {"n_members": 300})
    for seed in range(8):
        made = simulate.selection(seed, setting)
        simulate.write_package(made, tmp_path / str(seed), name="x", title="Made up", description="Made up.")
        case = open_case(tmp_path / str(seed), n_resamples=199)
        results = [result for result in answer(case) if isinstance(result, TestResult)]
        low += any(result.pvalue <= 0.05 for result in results)
        found = answer_chapter("30_credential_reissues", case, (NOUN,))[NOUN]
        assert len(exhibits.nonvoter_targeting(case, found)) == len(results)
    assert low <= 2  # 3 or more of 8 at a rate of 0.05: chance 0.006
