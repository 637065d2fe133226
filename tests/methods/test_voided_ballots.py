"""Ballots taken out: which ballot, by channel, day and administrator; bulk decisions apart; what became of them."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from cases import CONTEST, tiny, utc

from analysis_lib import exhibits, wording
from analysis_lib.methods.registry import answer_chapter
from analysis_lib.methods.voided_ballots import (
    NOTHING_LOST,
    ONE_STRETCH,
    administrator_units,
    by_channel,
    channel_units,
    day_units,
    declared_units,
    facts,
    given_ballots,
    lead,
    voided_ballots,
)
from analysis_lib.results import NotAnswerable, Status, Verdict, to_dict

NOON = utc("2031-10-20 12:00")


def answered(case):
    return answer_chapter("40_roll_changes", case, ("voided_ballots",))["voided_ballots"]


def one(case):
    (finding,) = answered(case)
    return finding


def at(hours):
    return NOON + timedelta(hours=hours)


def event(what, voter, hours, channel="online", **more):
    return {"event": what, "voter_key": voter, "at": at(hours), "channel": channel, **more}


def votes(n, channel="online", first=0, step=1.0, letter="v"):
    return [event("cast", f"{letter}{i:03d}", first + step * i, channel) for i in range(n)]


def by_form(case):
    return {finding.result.form: finding for finding in answered(case)}


def test_which_ballot_was_taken_out_by_hand(tmp_path):
    rows = [
        event("voided", "a", 5),  # takes out the first of a's ballots, not the one given afterwards
        event("cast", "a", 1),
        event("recast", "a", 9),
        event("cast", "b", 2),
        event("quarantined", "b", 3),
        event("released", "b", 4),
        event("cast", "c", 2, "in_person"),
        event("rejected", "c", 2, "in_person"),  # in the same second: of the ballot just given
        event("superseded", "a", 9),  # the voter's own new ballot takes none out
        event("voided", "z", 8),  # of nobody who gave one
    ]
    ballots, untied = given_ballots(tiny(tmp_path, ballot_events=rows))
    assert sorted(ballots.select("event", "is_out", "is_back", "is_again").rows()) == [
        ("cast", True, False, False),
        ("cast", True, False, True),
        ("cast", True, True, False),
        ("recast", False, False, False),
    ]
    assert untied["channel"].to_list() == ["online"]
    case = tiny(tmp_path / "again", ballot_events=rows)
    told = facts(case, *given_ballots(case))
    assert (told["n_given"], told["n_out"], told["n_back"], told["n_again"], told["n_gone"]) == (4, 3, 1, 1, 1)


def test_a_ballot_is_found_by_its_own_id_before_its_voter(tmp_path):
    rows = [
        {"event": "cast", "ballot_id": "B1", "link_level": "ballot_only", "at": at(1), "channel": "online"},
        {"event": "cast", "ballot_id": "B2", "link_level": "ballot_only", "at": at(2), "channel": "online"},
        {"event": "voided", "ballot_id": "B1", "link_level": "ballot_only", "at": at(3), "channel": "online"},
        {"event": "cast", "credential_id": "C1", "link_level": "credential_linked", "at": at(1), "channel": "online"},
        {
            "event": "rejected",
            "credential_id": "C1",
            "link_level": "credential_linked",
            "channel": "online",
        },  # at a time not held: of the last one given
    ]
    ballots, untied = given_ballots(tiny(tmp_path, ballot_events=rows))
    assert ballots.sort("at", "is_out")["is_out"].to_list() == [True, True, False]
    assert untied.height == 0


def test_ten_within_a_minute_are_one_decision_told_and_not_compared(tmp_path):
    rows = votes(40) + votes(10, "in_person", letter="h")
    bulk = [event("voided", f"v{i:03d}", 100 + i / 3600, actor_role="platform_staff") for i in range(10)]
    found = by_form(tiny(tmp_path, ballot_events=rows + bulk))
    assert all(isinstance(f.result, NotAnswerable) for f in found.values())
    assert "all of them 10 or more at a time by one role within a minute" in found["channel"].result.reason
    one_more = [event("voided", "h003", 200, "in_person")]
    told = by_form(tiny(tmp_path / "more", ballot_events=rows + bulk + one_more))["channel"]
    assert (told.details["n_out"], told.details["n_bulk"], told.result.n_excluded) == (11, 10, 10)
    assert [(u["unit"], u["events"], u["size"]) for u in told.details["units"]] == [("in person", 1, 10), ("online", 0, 30)]
    assert "10 ballots taken out many at a time are counted and not compared" in wording.sentence(told)


def test_nine_are_not(tmp_path):
    bulk = [event("voided", f"v{i:03d}", 100 + i / 3600) for i in range(9)]
    case = tiny(tmp_path, ballot_events=votes(40) + bulk)
    told = facts(case, *given_ballots(case))
    assert (told["n_out"], told["n_bulk"]) == (9, 0)


def test_days_are_local_and_of_online_ballots_alone(tmp_path):
    rows = [
        event("cast", "a", 10.5),  # 22:30 UTC, 23:30 in London in summer time
        event("cast", "b", 11.5),  # past midnight in London
        event("voided", "b", 20),
        event("entered_by_officer", "c", 1, "in_person"),
    ]
    units = day_units(given_ballots(tiny(tmp_path, ballot_events=rows))[0], "Europe/London")
    assert units.rows() == [("2031-10-20", 0, 1), ("2031-10-21", 1, 1)]


def test_a_void_without_any_tie_counts_in_its_channel_if_it_fits(tmp_path):
    rows = [event("cast", None, i) for i in range(3)] + [event("cast", None, i, "postal") for i in range(3)]
    once = [*rows, event("rejected", None, 9, "postal")]
    units = channel_units(*given_ballots(tiny(tmp_path, ballot_events=once)))
    assert units.rows() == [("online", 0, 3), ("postal", 1, 3)]
    too_many = rows + [event("rejected", None, 9 + i, "postal") for i in range(4)]
    units = channel_units(*given_ballots(tiny(tmp_path / "more", ballot_events=too_many)))
    assert units["events"].sum() == 0


def test_administrators_by_all_that_they_did(tmp_path):
    actions = [{"actor_key": "k1", "actor_role": "local_officer", "action": "ballot_voided", "at": at(1)}] * 3
    actions += [
        {"actor_key": "k1", "actor_role": "local_officer", "action": "ballot_voided", "at": at(1), "disposition": "failure"}
    ]
    actions += [{"actor_key": "k2", "actor_role": "local_officer", "action": "voter_edited", "at": at(2)}] * 9
    actions += [{"actor_key": None, "actor_role": "system", "action": "ballot_voided", "at": at(2)}]
    units = administrator_units(tiny(tmp_path, admin_actions=actions))
    assert units.rows() == [("administrator 01", 0, 9), ("administrator 02", 3, 4)]


def uneven_days(n=14, per_day=20, bad_day=5, k=12, left=(2, 5, 8, 11)):
    """Days with a ballot taken out here and there, and one of which `k` were, those of `left` not among them."""
    bad = [i for i in range(per_day) if i not in left][:k]
    rows = [event("cast", f"d{d:02d}v{i:02d}", 24 * d + i / 4) for d in range(n) for i in range(per_day)]
    rows += [event("voided", f"d{d:02d}v00", 24 * d + 12) for d in range(0, n, 4)]
    return rows + [event("voided", f"d{bad_day:02d}v{i:02d}", 24 * bad_day + 10 + i / 4) for i in bad]


def test_a_day_of_which_most_were_taken_out_is_found(tmp_path):
    found = by_form(tiny(tmp_path, ballot_events=uneven_days()))["day"]
    assert found.verdict is Verdict.NOT_EXPLAINED
    assert found.details["top"] | {"pvalue": 0, "pvalue_adjusted": 0} == {
        "unit": "2031-10-25", "events": 12, "size": 20, "pvalue": 0, "pvalue_adjusted": 0,
    }  # fmt: skip
    assert "25 October 2031 stands out most: 12 of 20 ballots" in wording.sentence(found)


def test_one_unbroken_row_or_a_stated_outage_is_a_fault_of_the_hour(tmp_path):
    found = by_form(tiny(tmp_path / "row", ballot_events=uneven_days(left=())))["day"]
    assert (found.verdict, found.result.assumptions[-1]) == (Verdict.UNDETERMINED, ONE_STRETCH)
    stated = [{"kind": "outage", "starts_at": at(24 * 5 - 1), "ends_at": at(24 * 5 + 4)}]
    found = by_form(tiny(tmp_path / "stated", ballot_events=uneven_days(), timeline=stated))["day"]
    assert (found.verdict, found.result.assumptions[-1]) == (Verdict.UNDETERMINED, ONE_STRETCH)


@pytest.mark.parametrize("back", ["recast", "reinstated"])
def test_a_day_of_which_nothing_was_lost_is_undetermined(tmp_path, back):
    again = [event(back, row["voter_key"], 400 + i) for i, row in enumerate(uneven_days()) if row["event"] == "voided"]
    found = by_form(tiny(tmp_path, ballot_events=uneven_days() + again))["day"]
    assert (found.verdict, NOTHING_LOST in found.result.assumptions) == (Verdict.UNDETERMINED, True)


def test_tests_before_the_opening_are_left_out(tmp_path):
    window = {"channel": "online", "kind": "voting", "basis": "advertised", "opens_at": NOON, "closes_at": at(24 * 20)}
    tests = [event("cast", f"t{i:02d}", -72 + i / 9) for i in range(12)] + [
        event("voided", f"t{i:02d}", -48 + i) for i in range(12)
    ]
    case = tiny(tmp_path, ballot_events=uneven_days(k=1) + tests, contest_windows=[window])
    found = by_form(case)["day"]
    assert found.verdict is Verdict.WITHIN_BASELINE
    assert (found.details["n_out"], found.result.n_excluded) == (17, 12)


def test_a_void_takes_out_the_ballot_of_its_own_channel(tmp_path):
    rows = [
        event("cast", "a", 1),
        event("cast", "a", 2, "in_person"),
        event("voided", "a", 3),
        event("cast", "b", 1),
        event("voided", "b", 3, "unknown"),
    ]
    ballots, _ = given_ballots(tiny(tmp_path, ballot_events=rows))
    assert ballots.filter("is_out").select("channel", "is_again").rows() == [("online", True), ("online", False)]


@pytest.mark.parametrize(("others", "verdict"), [(0, Verdict.UNDETERMINED), (4, Verdict.NOT_EXPLAINED)])
def test_one_administrator_alone_may_be_the_only_one_who_could(tmp_path, others, verdict):
    """Of eight, one does nothing but take out 40; four others took out one each, or nobody did."""
    log = [("a00", "ballot_voided", 40), *((f"a{k:02d}", "voter_edited", 1200) for k in range(1, 8))]
    log += [(f"a{k:02d}", "ballot_voided", 1) for k in range(1, 1 + others)]
    actions = [
        {"actor_key": who, "actor_role": "local_officer", "action": act, "at": at(i)} for who, act, n in log for i in range(n)
    ]
    rows = votes(90) + [event("voided", f"v{i:03d}", 91 + i) for i in range(40)]
    found = by_form(tiny(tmp_path, ballot_events=rows, admin_actions=actions))["administrator"]
    assert (found.verdict, found.result.pvalue <= 0.01) == (verdict, True)


def test_papers_that_were_spoilt_are_no_finding(tmp_path):
    rows = votes(60) + votes(60, "postal", letter="h") + [event("voided", "v001", 70)]
    spoilt = [event("rejected", f"h{i:03d}", 90 + i, "postal") for i in range(20)]
    found = by_form(tiny(tmp_path, ballot_events=rows + spoilt))["channel"]
    assert (found.verdict, found.result.pvalue <= 0.01) == (Verdict.UNDETERMINED, True)
    assert "would settle it" in found.result.assumptions[0].evidence


def test_what_is_tied_to_no_ballot_is_not_said_to_be_there(tmp_path):
    rows = [event("cast", None, i, "postal" if i % 2 else "online") for i in range(60)]
    found = by_form(tiny(tmp_path, ballot_events=[*rows, event("rejected", None, 99, "postal")]))["channel"]
    assert "0 are gone, and of 1 it is not on record" in wording.sentence(found)


def test_even_days_are_not(tmp_path):
    found = by_form(tiny(tmp_path, ballot_events=uneven_days(k=1)))["day"]
    assert found.verdict is Verdict.WITHIN_BASELINE


def test_few_administrators_leave_it_undetermined(tmp_path):
    rows = votes(60) + [event("voided", f"v{i:03d}", 70 + i) for i in range(12)]
    actions = [{"actor_key": "k1", "actor_role": "local_officer", "action": "ballot_voided", "at": at(i)} for i in range(12)]
    actions += [
        {"actor_key": f"k{j}", "actor_role": "local_officer", "action": "voter_edited", "at": at(i)}
        for j in (2, 3)
        for i in range(30)
    ]
    found = by_form(tiny(tmp_path, ballot_events=rows, admin_actions=actions))["administrator"]
    assert found.result.pvalue < 1e-6
    assert found.verdict is Verdict.UNDETERMINED
    assert "administrator 03 stands out most: 12 ballots taken out in 12 entries of the logs" in wording.sentence(found)


def test_a_channel_of_which_none_was_taken_out_leaves_it_undetermined(tmp_path):
    rows = votes(60) + votes(60, "in_person", letter="h")
    online = [event("voided", f"v{i:03d}", 70 + i) for i in range(20)]
    found = by_form(tiny(tmp_path, ballot_events=rows + online))["channel"]
    assert (found.verdict, found.result.assumptions[0].status) == (Verdict.UNDETERMINED, Status.FAILS)
    both = [event("voided", "h005", 99, "in_person")]
    found = by_form(tiny(tmp_path / "both", ballot_events=rows + online + both, plan="n_resamples = 999"))["channel"]
    assert found.verdict is Verdict.NOT_EXPLAINED
    assert found.details["top"]["unit"] == "online"


def test_the_lead_is_shown_beside_what_is_gone(tmp_path):
    results = [
        {"item": "candidate", "candidate_id": c, "n": n, "channel": "all", "round": 1} for c, n in (("C1", 31), ("C2", 27))
    ]
    candidates = [{"candidate_id": "C1", "contest_id": CONTEST}, {"candidate_id": "C2", "contest_id": CONTEST}]
    rows = votes(60) + votes(9, "in_person", letter="h") + [event("voided", f"v{i:03d}", 70 + i) for i in range(3)]
    case = tiny(tmp_path, ballot_events=rows, results=results, candidates=candidates)
    assert lead(case) == 4
    told = wording.sentence(by_form(case)["channel"])
    assert (
        "3 ballots of 69 were voided, rejected, set aside or left out of the count; 0 came back, 0 were given anew by the same voter, 3 are gone, against a lead of 4 votes."
        in told
    )


def test_from_declared_totals_alone(tmp_path):
    figures = {("online", "ballots_received"): 300, ("online", "ballots_voided"): 2, ("postal", "ballots_received"): 100}
    figures |= {("postal", "ballots_voided"): 4, ("postal", "ballots_rejected"): 21}
    results = [{"item": item, "channel": channel, "n": n, "round": 0} for (channel, item), n in figures.items()]
    case = tiny(tmp_path, results=results, plan="n_resamples = 999")
    assert declared_units(case).rows() == [("online", 2, 300), ("postal", 25, 100)]
    found = one(case)
    assert (found.verdict, found.result.pvalue) == (
        Verdict.UNDETERMINED,
        0.001,
    )  # postal papers come without what belongs to them
    assert (
        "27 ballots of 400 were voided, rejected, set aside or left out of the count. By channel, postal stands out most: 25 of 100 ballots"
        in wording.sentence(found)
    )


def test_none_taken_out_and_no_tables(tmp_path):
    reason = one(tiny(tmp_path, ballot_events=votes(30))).result.reason
    assert "there is nothing to compare" in reason
    assert one(tiny(tmp_path / "none")).result.needs == ("ballot_events.event|results.n",)


def test_the_order_of_rows_changes_nothing_and_no_key_is_shown(tmp_path):
    rows = uneven_days()
    ways = [tiny(tmp_path / name, ballot_events=given) for name, given in (("a", rows), ("b", rows[::-1]))]
    first, second = (answered(case) for case in ways)
    assert [to_dict(f, "") for f in first] == [to_dict(f, "") for f in second]
    everything = repr([to_dict(f, wording.sentence(f)) for f in first]) + repr(exhibits.voided_ballots(ways[0], first))
    assert "d05v" not in everything


def test_clean_days_raise_few_alarms():
    rng, flagged = np.random.default_rng(5), 0
    for _ in range(100):
        sizes = rng.integers(10, 40, 14)
        units = pl.DataFrame({"unit": [f"{d:02d}" for d in range(14)], "events": rng.binomial(sizes, 0.03), "size": sizes})
        if units["events"].sum():
            flagged += voided_ballots(units, form="day", alpha=0.01, confidence_level=0.95).pvalue <= 0.05
    assert flagged <= 0.05 * 100 + 3 * np.sqrt(100 * 0.05 * 0.95)


def test_the_channel_that_stands_out_is_the_one_above_the_others():
    units = pl.DataFrame({"unit": ["a", "b", "c"], "events": [1, 12, 2], "size": [100, 100, 100]})
    found = by_channel(units, confidence_level=0.95, n_resamples=499, rng=np.random.default_rng(6))
    assert (found.details["top"]["unit"], found.statistic, found.effect.value) == ("b", 12, pytest.approx(8.0))
    assert found.pvalue < 0.01
