"""What members say of the applications in their names: bounds by hand, control groups, samples and volunteers."""

from datetime import timedelta

import numpy as np
import pytest
from cases import row, tiny, utc
from scipy.stats import betabinom, binom

from analysis_lib import exhibits, wording
from analysis_lib.methods.application_denials import Asked, Mistakes, answers, applicants, application_denials, mistakes_of
from analysis_lib.methods.registry import answer_chapter
from analysis_lib.results import NotAnswerable, Status, Verdict, to_dict
from analysis_lib.stats.evalues import share_evalue
from analysis_lib.stats.hypergeometric_bounds import marked_interval

NOON = utc("2031-10-05 12:00")


def at(hours):
    return NOON + timedelta(hours=hours)


def applied(voter, hours=0.0, via="web_form", **more):
    return {"voter_key": voter, "at": at(hours), "submitted_via": via, "decision": "granted", **more}


def asked(voter, says, sampling="random", **more):
    return {"voter_key": voter, "sampling": sampling, "contact_outcome": "reached", "says_applied": says, **more}


def answered(this):
    return {f.result.form: f for f in answer_chapter("40_roll_changes", this, ("application_denials",))["application_denials"]}


def denials(folder, n=60, n_asked=40, n_denied=0, sampling="random", via="web_form", **more):
    voters = [f"v{i:02d}" for i in range(n)]
    said = [asked(v, "no" if i < n_denied else "yes", sampling) for i, v in enumerate(voters[:n_asked])]
    return tiny(folder, vote_applications=[applied(v, i, via) for i, v in enumerate(voters)], confirmations=said, **more)


def result_of(parts, by_lot=True, mistakes=None, alpha=0.01, level=0.95):
    return application_denials(
        parts, by_lot=by_lot, mistakes=mistakes or Mistakes(rate=0.01), alpha=alpha, confidence_level=level, parameters={}
    )


def test_the_numbers_of_the_design_by_another_road():
    # 120 asked of 600 at a rate of mistakes of 1 %: six denials. e-value 34.17 (two-sided mixture; the one here bets on more
    # denials alone), and 4 denials are the fewest that stand out at 0.05: binomial tail at 4 of 120 is 0.0327, at 3 0.1198.
    found = result_of([Asked(size=600, asked=120, denied=6)], alpha=0.05)
    assert found.pvalue == pytest.approx(sum(binom.pmf(k, 120, 0.01) for k in range(6, 121)))
    assert found.details["smallest_visible"] == 4
    assert found.details["evalue"] == share_evalue(6, 120, 0.01)
    assert share_evalue(6, 120, 0.01, one_sided=False) == pytest.approx(34.17, abs=0.005)
    low, high = marked_interval(6, 120, 600, confidence_level=0.95, error_rate=0.01)
    assert (found.effect.low, found.effect.high) == (low, high)
    assert found.effect.value == pytest.approx(600 * (0.05 - 0.01) / 0.99)


def test_two_of_sixty_as_in_the_design():
    # Of 600, 60 asked and 2 found: 3 to 66 are marked, taken at their word (hypergeometric tails inverted).
    found = result_of([Asked(size=600, asked=60, denied=2)])
    assert found.details["bounds"]["taken_at_their_word"] == {"low": 3, "high": 66}


def test_bounds_of_groups_add_up_and_a_group_nobody_was_asked_in_may_hold_any():
    parts = [Asked(size=40, asked=20, denied=1), Asked(size=10, asked=0, denied=0)]
    found = result_of(parts)
    low, high = marked_interval(1, 20, 40, confidence_level=0.975)
    assert found.details["bounds"]["taken_at_their_word"] == {"low": low, "high": high + 10}


def test_of_volunteers_no_more_than_their_own_denials_counts_and_all_who_err_may_be_among_them():
    found = result_of([Asked(size=600, asked=30, denied=20)], by_lot=False)
    most_mistakes = int(binom.ppf(0.95, 600, 0.01))  # of all 600 applicants, not of the 30 who came forward
    assert (found.effect.low, found.effect.high, most_mistakes) == (20 - most_mistakes, 600 - 10, 10)
    assert found.effect.value == pytest.approx(20 - 6)
    assert found.pvalue == pytest.approx(binom.sf(19, 600, 0.01))
    assert found.details["bounds"]["taken_at_their_word"] == {"low": 20, "high": 590}
    assert found.assumptions[0].status is Status.FAILS
    assert result_of([Asked(size=600, asked=30, denied=9)], by_lot=False).effect.low == 0


def test_one_denial_of_one_member_asked_is_left_undetermined(tmp_path):
    found = answered(denials(tmp_path, n=1, n_asked=1, n_denied=1))["denials"]
    assert (found.result.pvalue, found.verdict) == (0.01, Verdict.UNDETERMINED)
    told = wording.sentence(found)
    assert "that comes to 1 application that their members did not make" in told
    assert "would not have stood out" not in told


def test_denials_of_applications_that_an_officer_entered_are_told_apart(tmp_path):
    """Of such a one the record itself says that somebody else made it."""
    voters = [f"v{i:02d}" for i in range(60)]
    rows = [applied(v, i, "officer_on_behalf" if i < 20 else "web_form") for i, v in enumerate(voters)]
    entered = tiny(
        tmp_path / "a", vote_applications=rows, confirmations=[asked(v, "no" if i < 8 else "yes") for i, v in enumerate(voters)]
    )
    found = answered(entered)["denials"]
    assert (found.result.statistic, found.verdict) == (8, Verdict.UNDETERMINED)
    assert "notes of the members' requests would settle it" in found.result.assumptions[-1].evidence
    both = tiny(
        tmp_path / "b",
        vote_applications=rows,
        confirmations=[asked(v, "no" if 12 < i < 27 else "yes") for i, v in enumerate(voters)],
    )
    assert answered(both)["denials"].verdict is Verdict.NOT_EXPLAINED


def test_a_census_of_all_who_voted_is_no_survey_of_volunteers(tmp_path):
    cast = [{"voter_key": f"v{i:02d}", "event": "cast", "channel": "online", "at": at(400)} for i in range(40)]
    this = denials(tmp_path, n_denied=8, sampling="census", ballot_events=cast)  # 40 of 60 applicants voted, and all were asked
    found = answered(this)["denials"]
    assert found.verdict is Verdict.NOT_EXPLAINED
    assert "not picked by lot" not in wording.sentence(found)


def test_a_survey_of_voters_tells_of_voters(tmp_path):
    voters = [f"v{i:02d}" for i in range(60)]
    cast = [{"voter_key": v, "event": "cast", "channel": "online", "at": at(400)} for v in voters[:30]]
    found = answered(denials(tmp_path, n_asked=20, n_denied=1, ballot_events=cast))["denials"]
    assert found.details["n_applicants"] == 30
    assert "Of 30 members in whose names an application is held and who voted, as all who were asked did, 20" in wording.sentence(
        found
    )
    wider = answered(denials(tmp_path / "wider", n_asked=40, n_denied=1, ballot_events=cast))["denials"]
    assert wider.details["n_applicants"] == 60


def test_an_application_that_was_withdrawn_is_none(tmp_path):
    this = tiny(
        tmp_path,
        vote_applications=[applied("a", decision="withdrawn"), applied("b")],
        confirmations=[asked("a", "no"), asked("b", "yes")],
    )
    assert applicants(this)["voter_key"].to_list() == ["b"]


def test_who_is_not_sure_is_told(tmp_path):
    rows = [applied(f"v{i:02d}", i) for i in range(12)]
    this = tiny(tmp_path, vote_applications=rows, confirmations=[asked(f"v{i:02d}", "unsure") for i in range(12)])
    assert "12 members of those asked are not sure." in wording.sentence(answered(this)["denials"])


def test_thirty_of_the_control_group_tell_the_rate_of_mistakes():
    assert mistakes_of((0, 29), 0.02) == Mistakes(rate=0.02)
    found = mistakes_of((1, 30), 0.02)
    assert found.rate == pytest.approx(1.5 / 31)
    assert found.tails(10) == pytest.approx([betabinom.sf(k - 1, 10, 1.5, 29.5) for k in range(11)])
    assert (found.tails(20)[4:] > Mistakes(rate=found.rate).tails(20)[4:]).all()  # what the control leaves open is allowed for


def test_who_counts_by_hand(tmp_path):
    rows = [
        applied("a"), applied("a", 5, "paper"), applied("b", via="automatic"), applied("c", via=None), applied("d"), applied("e"),
        applied("f"),
    ]  # fmt: skip
    said = [
        asked("a", "no", contacted_at=at(1)), asked("a", "yes", contacted_at=at(9)),  # the last answer counts
        asked("b", "no"), asked("c", "no"), asked("d", "someone_on_my_behalf"), asked("e", "unsure"), asked("f", "no", "volunteer"),
        asked("z", "yes"), asked("y", None),
    ]  # fmt: skip
    this = tiny(tmp_path, vote_applications=rows, confirmations=said)
    assert applicants(this).rows() == [
        ("a", "web_form"),
        ("c", "unknown"),
        ("d", "web_form"),
        ("e", "web_form"),
        ("f", "web_form"),
    ]
    assert answers(this).height == 7
    found = answered(this)["denials"]
    assert (found.result.n_observations, found.result.statistic, found.result.n_excluded) == (4, 1, 1)
    told = {
        name: found.details[name]
        for name in ("n_for_me", "n_unsure", "n_volunteers", "n_volunteers_denying", "n_without_application")
    }
    assert told == {"n_for_me": 1, "n_unsure": 1, "n_volunteers": 1, "n_volunteers_denying": 1, "n_without_application": 1}
    sentence = wording.sentence(found)
    assert "Of 5 members in whose names an application is held, 4 said whether they applied, and 1 of these says no" in sentence
    assert (
        "1 more member says that somebody applied on their behalf. Apart from them, 1 member who came forward denies it too."
        in sentence
    )


def test_many_denials_of_a_sample_are_found_and_few_are_not(tmp_path):
    found = answered(denials(tmp_path / "many", n_denied=6))["denials"]
    assert found.verdict is Verdict.NOT_EXPLAINED
    assert found.result.effect.low > 0
    assert answered(denials(tmp_path / "few", n_denied=1))["denials"].verdict is Verdict.WITHIN_BASELINE


def test_denials_of_volunteers_leave_it_undetermined_with_a_lower_bound(tmp_path):
    found = answered(denials(tmp_path, n_denied=12, sampling="volunteer"))["denials"]
    assert found.verdict is Verdict.UNDETERMINED
    assert "not picked by lot" in wording.sentence(found)
    assert "at least " in wording.sentence(found)


def test_a_control_group_of_paper_forms_replaces_the_planned_rate(tmp_path):
    voters = [f"v{i:02d}" for i in range(80)]
    rows = [applied(v, i, "paper" if i < 40 else "web_form") for i, v in enumerate(voters)]
    said = [asked(v, "no" if i in (0, 1, 40, 41, 42) else "yes") for i, v in enumerate(voters)]
    found = answered(tiny(tmp_path, vote_applications=rows, confirmations=said))["denials"]
    assert (found.result.n_observations, found.details["n_applicants"]) == (40, 40)
    assert found.result.parameters["misreport_rate"] == pytest.approx(2.5 / 41)
    assert found.result.pvalue == pytest.approx(betabinom.sf(2, 40, 2.5, 38.5))


def test_members_picked_within_branches_are_bounded_branch_by_branch(tmp_path):
    voters = [f"{b}{i:02d}" for b in "ns" for i in range(20)]
    roll = [{"snapshot_id": "L1", "voter_key": v, "unit": {"n": "North", "s": "South"}[v[0]], "eligible": True} for v in voters]
    said = [
        asked(v, "no" if v == "n00" else "yes", "stratified", stratum={"n": "North", "s": "South"}[v[0]])
        for v in voters
        if int(v[1:]) < 10
    ]
    more = {"roll": roll, "roll_snapshots": [{"snapshot_id": "L1", "purpose": "freeze", "taken_at": at(-99)}]}
    found = answered(tiny(tmp_path, vote_applications=[applied(v) for v in voters], confirmations=said, **more))["denials"]
    assert found.details["n_parts"] == 2
    assert found.result.n_observations == 20


def test_nobody_asked_no_answers_of_applicants_and_complaints_are_told(tmp_path):
    rows = [applied(f"v{i}") for i in range(5)]
    complaint = {"category": "application_not_mine", "complainant_role": "member", "outcome": "open"}
    found = answered(tiny(tmp_path, vote_applications=rows, complaints=[complaint]))["denials"]
    assert isinstance(found.result, NotAnswerable)
    assert (
        found.result.reason
        == "Nobody is on record as having been asked whether they applied. 1 complaint says that an application was not the member's own."
    )
    strangers = tiny(tmp_path / "b", vote_applications=rows, confirmations=[asked("z", "no")])
    assert "is among the 5 applicants on record" in answered(strangers)["denials"].result.reason


def test_members_who_err_at_the_stated_rate_raise_few_alarms():
    rng = np.random.default_rng(3)
    pvalues = [result_of([Asked(size=400, asked=100, denied=int(rng.binomial(100, 0.01)))]).pvalue for _ in range(400)]
    assert np.mean(np.array(pvalues) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
    assert np.mean(np.array(pvalues) <= 0.01) <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / 400)


def test_sixty_of_six_hundred_made_by_others_are_found_by_a_sample_of_120():
    rng = np.random.default_rng(4)
    drawn = rng.hypergeometric(60, 540, 120, size=50)
    found = [result_of([Asked(size=600, asked=120, denied=int(k))]) for k in drawn]
    assert np.mean([result.pvalue <= 0.01 for result in found]) >= 0.95
    assert np.mean([result.effect.low <= 60 <= result.effect.high for result in found]) >= 0.88


def test_the_order_of_rows_changes_nothing_and_no_member_is_shown(tmp_path):
    voters = [f"v{i:02d}" for i in range(40)]
    rows, said = [applied(v, i) for i, v in enumerate(voters)], [asked(v, "no" if i < 4 else "yes") for i, v in enumerate(voters)]
    ways = [
        tiny(tmp_path / "a", vote_applications=rows, confirmations=said),
        tiny(tmp_path / "b", vote_applications=rows[::-1], confirmations=said[::-1]),
    ]
    first, second = (list(answered(this).values()) for this in ways)
    assert [to_dict(f, "") for f in first] == [to_dict(f, "") for f in second]
    everything = repr([to_dict(f, wording.sentence(f)) for f in first]) + repr(exhibits.application_denials(ways[0], first))
    assert "v03" not in everything


@pytest.mark.parametrize(
    ("sampling", "completeness", "verdict"),
    [
        ("random", "complete", Verdict.NOT_EXPLAINED),
        ("random", "self_selected", Verdict.UNDETERMINED),  # a campaign's survey of those who came forward
        ("census", "complete", Verdict.UNDETERMINED),  # of 40 of 60: of its supporters
    ],
)
def test_a_survey_of_some_group_is_not_by_lot_whatever_it_calls_itself(tmp_path, sampling, completeness, verdict):
    this = denials(tmp_path, n_denied=8, sampling=sampling, sources=[row("sources", source_id="S1", completeness=completeness)])
    found = answered(this)["denials"]
    assert found.verdict is verdict
    assert ("not picked by lot" in wording.sentence(found)) is (verdict is Verdict.UNDETERMINED)
