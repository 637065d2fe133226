"""Ballots and administrators' sittings: tables by hand, what stands aside, what is found, and what each log can tell."""

from datetime import timedelta
from math import comb

import polars as pl
import pytest
from cases import tiny
from office_rows import OPENS, WINDOW, cast, code, key, sitting

from analysis_lib import exhibits, simulate, wording
from analysis_lib.case import open_case
from analysis_lib.methods.administrator_sessions import FEWEST, answer, line_tables, lines, own_line
from analysis_lib.methods.registry import answer_chapter
from analysis_lib.results import NotAnswerable, Status, TestResult, Verdict

NOUN = "administrator_sessions"
HOME, OFFICE = key("home"), key("office")


def at(days, hour, minute=0):
    return OPENS.replace(hour=hour, minute=minute) + timedelta(days=days)


def quiet(n=40):
    """Ballots of the afternoon, two or three a day, that no sitting meets."""
    return [cast(at(1 + i % 12, 14, (i * 7) % 60), f"q{i}") for i in range(n)]


def evenings(days=(1, 3, 7, 9), who="ann", **more):
    return [row for d in days for row in sitting(at(d, 19), who, **more)]


def inside(n_each, days=(1, 3, 7, 9)):
    return [cast(at(d, 19, 5 + 3 * i), f"i{d}_{i}") for d in days for i in range(n_each)]


def case(folder, actions=(), votes=(), codes=(), **more):
    # A code of long ago ties codes to members, without which nothing could stand aside.
    old = [code(OPENS - timedelta(days=3), "q0", "bulk_issue", None, "issued")]
    tables = {"admin_actions": actions, "ballot_events": votes, "credential_events": [*old, *codes], "contest_windows": [WINDOW]}
    return tiny(folder, **tables | more)


def forms(this):
    return {result.form: result for result in answer(this)}


def tables(*rows):
    names = ("administrator", "own_unasked", "n_unasked", "own_asked", "n_asked", "own_others", "n_others")
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(
        day_unasked=pl.min_horizontal(1, "own_unasked"), beside_unasked=pl.lit(0)
    )  # fmt: skip


def judged(frame):
    return own_line(frame, confidence_level=0.95, alpha=0.01, n_observations=1, n_excluded=0)


def test_a_lady_and_her_tea():
    # Fisher (1935): 3 of 4 and 1 of 4, one-sided 17/70 = 0.243.
    found = judged(tables(("administrator 01", 3, 4, 0, 0, 1, 4)))
    assert found.pvalue == pytest.approx(17 / 70)
    assert (found.statistic, found.effect.value) == (3, 9)


@pytest.mark.parametrize(("on_one_day", "expected"), [(20, Status.FAILS), (18, Status.FAILS), (10, Status.HOLDS)])
def test_members_helped_at_one_meeting_leave_it_open(on_one_day, expected):
    frame = tables(("administrator 01", 20, 30, 2, 20, 5, 200)).with_columns(day_unasked=pl.lit(on_one_day))
    found = judged(frame)
    assert found.pvalue <= 0.01
    assert found.assumptions[-2].status is expected
    assert ("would settle it" in found.assumptions[-2].evidence) == (expected is Status.FAILS)


@pytest.mark.parametrize(("beside", "expected"), [(0, Status.HOLDS), (9, Status.HOLDS), (10, Status.FAILS)])
def test_a_line_over_which_others_voted_on_the_same_days_may_be_a_stall(beside, expected):
    frame = tables(("administrator 01", 20, 30, 2, 20, 15, 300)).with_columns(beside_unasked=pl.lit(beside))
    found = judged(frame)
    assert found.pvalue <= 0.01
    assert found.assumptions[-1].status is expected
    assert f"{beside} other ballot" in found.assumptions[-1].evidence


def test_a_stall_hides_no_colleague():
    frame = tables(("administrator 01", 20, 30, 2, 20, 15, 300), ("administrator 02", 6, 9, 0, 9, 0, 321))
    stall = frame.with_columns(beside_unasked=pl.Series([15, 0]))
    assert [judged(x).details["administrators"][0]["administrator"][-2:] for x in (frame, stall)] == ["01", "02"]
    assert judged(stall).statistic == 6
    assert judged(stall).assumptions[-1].status is Status.HOLDS


def test_ballots_of_others_over_the_line_are_counted_on_the_days_in_question_alone(tmp_path):
    codes = [code(at(d, 18), f"u{d}", ip_key=HOME) for d in (1, 2, 3)]
    votes = [cast(at(d, 18, 9), f"u{d}", ip_key=HOME) for d in (1, 2, 3)]
    votes += [cast(at(d, 19), f"o{d}", ip_key=HOME) for d in (2, 3, 5)] + [cast(at(2, 20), "x", ip_key=OFFICE)]
    counted, *_ = line_tables(case(tmp_path, evenings(), votes, codes))
    assert counted.select("own_unasked", "own_others", "beside_unasked").row(0) == (3, 3, 2)


def test_lines_against_a_count_of_every_table_and_holm():
    def tail(own, unasked, elsewhere, others):
        n, marks = unasked + others, own + elsewhere
        return sum(comb(marks, k) * comb(n - marks, unasked - k) for k in range(own, min(marks, unasked) + 1)) / comb(n, unasked)

    found = judged(tables(("administrator 02", 5, 9, 1, 4, 2, 30), ("administrator 01", 3, 12, 0, 5, 4, 27)))
    assert found.pvalue == pytest.approx(min(1, 2 * tail(5, 9, 2, 30)))
    told = {row["administrator"]: row["pvalue"] for row in found.details["administrators"]}
    assert told["administrator 01"] == pytest.approx(tail(3, 12, 4, 27))
    least = found.details["smallest_visible"]
    assert tail(least, 9, 2, 30) <= 0.005 < tail(least - 1, 9, 2, 30)


def test_one_or_two_ballots_over_the_line_are_a_household():
    assert judged(tables(("administrator 01", FEWEST - 1, 2, 0, 0, 0, 500))).pvalue == 1
    assert judged(tables(("administrator 01", FEWEST, 3, 0, 0, 0, 500))).pvalue < 1e-5
    assert judged(tables(("administrator 01", 0, 3, 0, 0, 0, 500))).effect.value == 1


def test_ballots_are_sorted_by_the_last_code_before_them_and_by_line(tmp_path):
    codes = [
        code(at(1, 10), "a", ip_key=HOME),
        code(at(1, 10), "b", "member_request", ip_key=HOME),
        code(at(2, 10), "a", "member_request", ip_key=HOME),  # after a's ballot
        code(at(1, 10), "c", "unknown", ip_key=HOME),
        code(at(1, 10), "d", who="bo", ip_key=OFFICE),
        code(at(1, 11), "e", event="destination_changed", ip_key=HOME),  # no code was sent
        code(at(1, 12), "f", ip_key=None),
    ]
    votes = [cast(at(1, 12), v, ip_key=HOME) for v in "abcde"] + [cast(at(1, 13), "f", ip_key=OFFICE), cast(at(1, 12), "g")]
    votes += [cast(at(1, 12), "h", ip_key=HOME, channel="online_kiosk"), cast(at(1, 12), "i", ip_key=HOME, batch_id="hall")]
    this = case(tmp_path, votes=votes, codes=codes)
    frame, n_placed, n_left_out = line_tables(this)
    rows = {row["administrator"]: row for row in frame.to_dicts()}
    # Ann: a and f after her own unasked codes, b after one asked for; d and e are others; c's cause isn't known.
    ann = rows["administrator 01"]
    assert (ann["own_unasked"], ann["n_unasked"], ann["own_asked"], ann["n_asked"]) == (1, 2, 1, 1)
    assert (ann["own_others"], ann["n_others"]) == (3, 3)  # b, d and e, all over her line
    bo = rows["administrator 02"]
    assert (bo["own_unasked"], bo["n_unasked"], bo["own_others"]) == (0, 1, 1)
    assert (n_placed, n_left_out) == (6, 1)
    assert lines(this)["ip_key"].to_list() == [HOME, OFFICE]


def test_what_followed_a_code_and_what_came_over_an_own_line_stands_aside(tmp_path):
    codes = [code(at(1, 18), "i1_0", ip_key=HOME), code(at(7, 18, 30), "i9_0", ip_key=HOME)]  # the second over a day before
    votes = [*quiet(), *inside(2), cast(at(3, 19, 40), "line", ip_key=HOME)]
    result = forms(case(tmp_path, evenings(), votes, codes))["inside"]
    assert (result.details["n_after_code"], result.details["n_on_lines"]) == (1, 1)
    assert (result.n_observations, result.n_excluded, result.statistic) == (47, 2, 7)


def test_four_evenings_of_ballots_and_sittings_are_found(tmp_path):
    result = forms(case(tmp_path, evenings(), [*quiet(), *inside(4)], plan="n_resamples = 999"))["inside"]
    # Days are dealt out within working days: of the 10 whole ones, 4 hold the sittings: about 1 in 210.
    assert result.statistic == 16
    assert result.pvalue <= 0.02
    assert result.effect.low > 1
    none = forms(case(tmp_path / "none", evenings(), [*quiet(), *inside(4, days=(2, 4, 8, 10))]))["inside"]
    assert (none.statistic, none.pvalue) == (0, 1)


def test_a_sitting_with_a_look_at_the_list_is_left_out(tmp_path):
    actions = evenings(days=(1, 3)) + evenings(days=(7, 9), look=1)
    (row,) = forms(case(tmp_path, actions, [*quiet(), *inside(4)]))["inside"].details["administrators"]
    assert (row["sittings"], row["left_out"], row["ballots"]) == (2, 2, 8)
    every = forms(case(tmp_path / "every", evenings(look=1), [*quiet(), *inside(4)]))["inside"]
    assert isinstance(every, NotAnswerable)
    assert "looks at the list" in every.reason


def test_a_message_takes_its_two_hours_out(tmp_path):
    message = {"sent_at": at(3, 18), "kind": "reminder", "audience": "all"}
    (row,) = forms(case(tmp_path, evenings(), [*quiet(), *inside(4)], communications=[message]))["inside"].details[
        "administrators"
    ]
    assert (row["sittings"], row["left_out"]) == (3, 1)


def test_where_codes_and_ballots_cannot_be_joined_nothing_is_found(tmp_path):
    votes = [vote | {"voter_key": None} for vote in [*quiet(), *inside(4)]]
    finding = forms(case(tmp_path, evenings(), votes))
    assert finding["inside"].assumptions[0].status is Status.FAILS
    assert isinstance(finding["own_line"], NotAnswerable)


def test_codes_alone_join_as_well_as_members(tmp_path):
    votes = [
        vote | {"voter_key": None, "link_level": "credential_linked", "credential_id": vote["voter_key"]}
        for vote in [*quiet(), *inside(2)]
    ]
    codes = [row | {"voter_key": None, "credential_id": row["voter_key"]} for row in [code(at(1, 18), "i1_0", ip_key=HOME)]]
    result = forms(case(tmp_path, evenings(), votes, codes))["inside"]
    assert (result.details["n_after_code"], result.assumptions[0].status) == (1, Status.HOLDS)


def test_without_accounts_roles_are_asked_about(tmp_path):
    actions = [row | {"actor_key": None} for row in evenings()]
    result = forms(case(tmp_path, actions, [*quiet(), *inside(4)]))["inside"]
    assert [row["administrator"] for row in result.details["administrators"]] == ["accounts of the role local officer"]


@pytest.mark.parametrize(
    ("votes", "window", "part"),
    [(quiet(29), WINDOW, ": 29; 30 are needed"), (quiet(), WINDOW | {"closes_at": None}, "aren't both known")],
)
def test_what_cannot_be_answered_says_why(tmp_path, votes, window, part):
    assert part in forms(case(tmp_path, evenings(), votes, contest_windows=[window]))["inside"].reason


def test_no_lines_and_no_unasked_codes(tmp_path):
    bare = forms(case(tmp_path, evenings(), quiet()))["own_line"]
    assert bare.needs[:2] == ("ballot_events.ip_key", "credential_events.ip_key")
    votes = [vote | {"ip_key": OFFICE} for vote in quiet()]
    asked = forms(case(tmp_path / "asked", evenings(), votes, [code(at(1, 10), "q3", "member_request", ip_key=HOME)]))["own_line"]
    assert "without a request" in asked.reason


def test_ballots_over_the_line_after_codes_noted_as_asked_for_are_told(tmp_path):
    # Whoever sends a code also notes why: such notes hide no ballots over the sender's own line.
    codes = [code(at(d, 18), f"u{d}", "member_request", ip_key=HOME) for d in range(1, 5)]
    votes = [*[vote | {"ip_key": OFFICE} for vote in quiet()], *[cast(at(d, 18, 9), f"u{d}", ip_key=HOME) for d in range(1, 5)]]
    bare = forms(case(tmp_path, evenings(), votes, codes))["own_line"]
    assert "Of 4 ballots after codes noted as asked for, 4 came over the line of whoever sent the code." in bare.reason
    more = case(
        tmp_path / "more",
        evenings(),
        [*votes, cast(at(6, 12), "q9", ip_key=OFFICE)],
        [*codes, code(at(6, 10), "q9", ip_key=HOME)],
    )
    found = answer_chapter("30_credential_reissues", more, (NOUN,))[NOUN][1]
    assert "In all, 4 of 4 ballots after codes noted as asked for came over the line" in wording.sentence(found)


def test_readings_that_disagree_leave_it_undetermined(tmp_path):
    # The panel's clock may be in local time: in summer its sittings then lie an hour away from the ballots.
    shift = timedelta(days=91)
    panel = {"clock_id": "panel", "tz_used": "UTC", "tz_basis": "assumed", "resolution": "s"}
    window = WINDOW | {"opens_at": OPENS + shift, "closes_at": WINDOW["closes_at"] + shift}

    def later(rows, **more):
        return [row | {"at": row["at"] + shift} | more for row in rows]

    this = case(
        tmp_path, later(evenings(), clock_id="panel"), later([*quiet(), *inside(8)]), contest_windows=[window], clocks=[panel],
        plan="n_resamples = 9999\nalpha = 0.05\n",
    )  # fmt: skip
    finding = answer_chapter("30_credential_reissues", this, (NOUN,))[NOUN][0]
    told = finding.details["readings"]
    assert [row["reading"] for row in told] == ["as_recorded", "other_zone"]
    assert told[0]["pvalue"] < 0.05 < told[1]["pvalue"]
    assert (finding.verdict, finding.result.assumptions[-1].status) == (Verdict.UNDETERMINED, Status.FAILS)
    assert "2 readings of the clocks" in wording.sentence(finding)
    assert len(exhibits.administrator_sessions(this, [finding])) == 3


def test_sums_up_and_shows_what_was_found(tmp_path):
    codes = [code(at(d, 18), f"u{d}", ip_key=HOME) for d in range(1, 6)]
    votes = [*[vote | {"ip_key": OFFICE} for vote in quiet()], *[cast(at(d, 18, 9), f"u{d}", ip_key=HOME) for d in range(1, 6)]]
    this = case(tmp_path, evenings(), votes, codes)
    found = answer_chapter("30_credential_reissues", this, (NOUN,))[NOUN]
    told = wording.sentence(found[1])
    assert "5 of 5 ballots came after codes" in told
    assert found[1].result.pvalue == pytest.approx(1 / comb(45, 5))
    figure, *shown = exhibits.administrator_sessions(this, found)
    assert "45 online ballots as blocks" in figure.alt
    assert len(shown) == 2
    assert HOME[:8] not in repr(found) + repr(shown)


def test_clean_offices_and_a_planted_chain(tmp_path):
    low = found = 0
    for seed in range(8):
        for plants in ((), ("reissue_chain",)):
            made = simulate.selection(
                seed, simulate.Setting(plants=frozenset(plants), **simulate.OFFICE_LIFE | {"n_members": 300})
            )
            folder = tmp_path / f"{seed}{len(plants)}"
            simulate.write_package(made, folder, name="x", title="Made up", description="Made up.")
            results = [result for result in answer(open_case(folder, n_resamples=199)) if isinstance(result, TestResult)]
            if plants:
                found += any(result.form == "own_line" and result.pvalue <= 0.001 for result in results)
            else:
                low += any(result.pvalue <= 0.025 for result in results)
    assert low <= 2  # 3 or more of 8 at a rate of 0.05: chance 0.006
    assert found == 8
