"""Reissue to ballot: every number by hand on a few members, labels dealt out in full, and the traps of time."""

from datetime import timedelta
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from cases import tiny
from delays import NOUN, START, answered, at, case, cases, clock, edit, five_and_five, on_clocks, one, reissue, roll, vote

from analysis_lib import exhibits, wording
from analysis_lib.case import open_case
from analysis_lib.methods.reissue_to_ballot_delay import (
    edits_before,
    incidence,
    reissue_cases,
    reissue_to_ballot_delay,
    smallest_visible,
)
from analysis_lib.results import NotAnswerable, Status, Verdict, to_dict


def test_five_and_five_worked_by_hand(tmp_path):
    # A ballot follows all five unrequested reissues, none of the requested: of C(10, 5) = 252 ways one does as well.
    found = one(case(tmp_path, *five_and_five(), plan="n_resamples = 9999"), "reissue_to_ballot_delay")
    excess = np.array([1.0] * 5 + [0.0] * 5)
    sums = [excess[list(chosen)].sum() for chosen in combinations(range(10), 5)]
    exact = np.mean(np.array(sums) >= 5)
    assert exact == 1 / 252
    assert found.result.pvalue == pytest.approx(exact, abs=3 * np.sqrt(exact / 9999))
    assert (found.result.statistic, found.result.effect.value, found.result.n_observations) == (5, 1.0, 10)
    assert (
        "within 10 minutes after 5 of 5 reissues without a logged request, and after 0 of 5 with a request, a bounce or another cause on record"
        in wording.sentence(found)
    )


def test_several_horizons_against_every_way_of_dealing_the_label(tmp_path):
    rng = np.random.default_rng(4)
    frame = (
        pl.DataFrame({"unrequested": [True] * 5 + [False] * 7, "sitting": range(12), "actor_key": [None] * 12})
        .with_columns(
            within_60=pl.Series(rng.integers(0, 2, 12)),
            others_60=pl.Series(rng.random(12).round(1)),
            within_600=pl.Series(rng.integers(0, 2, 12)),
            others_600=pl.Series(rng.random(12).round(1)),
        )
        .sample(fraction=1, shuffle=True, seed=3)
    )
    excess = frame.select(a=pl.col("within_60") - pl.col("others_60"), b=pl.col("within_600") - pl.col("others_600")).to_numpy()

    def score(chosen):  # difference of means in its standard error; each side's squares gain those of one usual item
        sides = [excess[list(chosen)], np.delete(excess, list(chosen), axis=0)]
        errors = [(((side - side.mean(axis=0)) ** 2).sum(axis=0) + excess.var(axis=0)) / len(side) ** 2 for side in sides]
        return ((sides[0].mean(axis=0) - sides[1].mean(axis=0)) / np.sqrt(sum(errors))).max()

    seen = score(np.flatnonzero(frame["unrequested"]))
    exact = np.mean([score(chosen) >= seen - 1e-9 for chosen in combinations(range(12), 5)])
    found = reissue_to_ballot_delay(frame, horizons_s=(60, 600), n_resamples=9999, rng=np.random.default_rng(1))
    assert found.pvalue == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 9999) + 1e-4)
    assert max(row["score"] for row in found.details["horizons"]) == pytest.approx(seen)
    top = [60, 600].index(found.details["horizon_s"])
    labels = frame["unrequested"].to_numpy()
    assert found.effect.value == pytest.approx(excess[labels, top].mean() - excess[~labels, top].mean())


def test_the_risk_set_by_hand(tmp_path):
    # At minute 0 there wait in North: r (reissued later), b (votes at 8), c (votes in that very second) and d (never votes).
    votes = [vote("u", 5), vote("b", 8), vote("c", 0), vote("e", 2)]
    reissues = [reissue("u", 0), reissue("r", 10, "member_request")]
    found, left_out = cases(case(tmp_path, reissues, votes, roll(N="u r b c d", S="e f")), 240, 600)
    assert found["voter_key"].to_list() == ["u", "r"]
    assert found.select("within_240", "others_240", "within_600", "others_600").rows() == [(0, 0.25, 1, 0.5), (0, 0.0, 0, 0.0)]
    assert found["delay_s"].to_list() == [300.0, None]
    assert set(left_out.values()) == {0}


def test_where_no_neighbour_waits_all_who_wait_are_the_risk_set(tmp_path):
    found, _ = cases(case(tmp_path, [reissue("u", 0)], [vote("u", 5), vote("e", 2)], roll(N="u", S="e f")))
    assert found["others_600"].to_list() == [0.5]
    alone, _ = cases(case(tmp_path / "alone", [reissue("u", 0)], [vote("u", 5)], roll(N="u")))
    assert alone["others_600"].to_list() == [0.0]


def test_a_vote_in_the_same_second_counts_as_after_the_reissue(tmp_path):
    found, left_out = cases(case(tmp_path, [reissue("a", 10), reissue("b", 10)], [vote("a", 10), vote("b", 9.999)]))
    assert (found["voter_key"].to_list(), found["delay_s"].to_list(), found["within_600"].to_list()) == (["a"], [0.0], [1])
    assert left_out["already_voted"] == 1


def test_a_reissue_after_the_vote_is_left_out_and_counted(tmp_path):
    reissues, votes = five_and_five()
    after = [reissue("x", 500), reissue("y", 700, "member_request")]
    found = one(case(tmp_path, reissues + after, [*votes, vote("x", 1), vote("y", 2)]), "reissue_to_ballot_delay")
    assert (found.result.n_observations, found.result.n_excluded) == (10, 2)
    assert found.details["left_out"] == {"later_reissue": 0, "already_voted": 2, "unknown_trigger": 0, "too_close_to_the_end": 0}


def test_only_the_first_reissue_of_a_member_counts(tmp_path):
    reissues = [
        reissue("a", 30),
        reissue("a", 5, "member_request"),
        reissue("a", 60),
        reissue("b", 0, None),
        reissue("c", 0, "unknown"),
    ]
    found, left_out = cases(case(tmp_path, reissues, [vote("a", 61)]))
    assert found.select("at", "unrequested", "delay_s").rows() == [(at(5), False, 56 * 60.0)]
    assert (left_out["later_reissue"], left_out["unknown_trigger"]) == (2, 2)


def test_the_horizon_ends_with_its_last_second(tmp_path):
    found, _ = cases(case(tmp_path, [reissue("a", 0), reissue("b", 0)], [vote("a", 10), vote("b", 10.02)]))
    assert found.sort("voter_key")["within_600"].to_list() == [1, 0]


def test_a_reissue_too_close_to_the_end_cannot_be_followed(tmp_path):
    reissues = [reissue("a", 0), reissue("b", 0.02)]
    _, left_out = cases(case(tmp_path, reissues, [vote("a", 1)]), closes_at=at(10))
    assert left_out["too_close_to_the_end"] == 1
    _, left_out = cases(case(tmp_path, reissues, [vote("a", 1)]), closes_at=None)
    assert left_out["too_close_to_the_end"] == 0


def test_the_first_ballot_counts_and_a_voided_one_is_none(tmp_path):
    found, _ = cases(
        case(tmp_path, [reissue("a", 0), reissue("b", 0)], [vote("a", 9), vote("a", 4, "recast"), vote("b", 3, "voided")])
    )
    assert found.sort("voter_key")["delay_s"].to_list() == [240.0, None]


@pytest.mark.parametrize(("n", "m"), [(4, 5), (5, 4), (0, 9)])
def test_under_five_of_either_kind_it_cannot_be_answered(tmp_path, n, m):
    reissues = [reissue(f"u{i}", i) for i in range(n)] + [reissue(f"r{i}", i, "member_request") for i in range(m)]
    found = one(case(tmp_path, reissues, [vote("r0", 50)]), "reissue_to_ballot_delay")
    assert isinstance(found.result, NotAnswerable)
    assert f"{n} unrequested and {m} requested reissues" in found.result.reason
    assert "at least 5 of each" in found.result.reason


def test_without_the_tables_it_names_them(tmp_path):
    needs = one(tiny(tmp_path), "reissue_to_ballot_delay").result.needs
    assert {"credential_events.trigger", "ballot_events.voter_key", "roll.voter_key"} <= set(needs)


@pytest.mark.parametrize("plan", ["horizons_s = [86400, 600]", "horizons_s = [600, 86400]"])
def test_the_shortest_horizon_is_told_in_whatever_order_the_plan_names_them(tmp_path, plan):
    found = one(case(tmp_path, *five_and_five(), plan=f"n_resamples = 199\n{plan}"), "reissue_to_ballot_delay")
    assert [row["horizon_s"] for row in found.details["horizons"]] == [600, 86400]
    assert "within 10 minutes after 5 of 5" in wording.sentence(found)


def test_where_both_kinds_are_answered_alike_nothing_stands_out(tmp_path):
    found = one(case(tmp_path, *five_and_five(3, 3)), "reissue_to_ballot_delay")
    assert found.verdict is Verdict.WITHIN_BASELINE
    assert found.result.effect.low <= 0 <= found.result.effect.high


def test_if_those_who_asked_vote_sooner_p_is_near_one(tmp_path):
    assert one(case(tmp_path, *five_and_five(0, 5)), "reissue_to_ballot_delay").result.pvalue > 0.9


def test_the_risk_sets_agree_with_counting_member_by_member(tmp_path):
    rng = np.random.default_rng(12)
    voters = [f"v{i}" for i in range(60)]
    reissues = [reissue(v, int(rng.integers(0, 300)), "member_request") for v in rng.choice(voters, 25, replace=False)]
    votes = [vote(v, int(rng.integers(0, 400))) for v in rng.choice(voters, 40, replace=False)]
    units = {"N": voters[:20], "S": voters[20:45], "W": voters[45:]}
    this = case(tmp_path, reissues, votes, roll(**{name: " ".join(own) for name, own in units.items()}))
    found, _ = cases(this, 1800, 7200)
    voted = {row["voter_key"]: row["at"] for row in votes}
    new = {row["voter_key"]: row["at"] for row in reissues}
    never = START + timedelta(days=999)
    assert found.height >= 10
    for row in found.iter_rows(named=True):
        waiting = [v for v in voters if voted.get(v, never) >= row["at"] and new.get(v, never) > row["at"]]
        own = next(names for names in units.values() if row["voter_key"] in names)
        risk = [v for v in waiting if v in own] or waiting
        for h in (1800, 7200):
            share = sum(voted.get(v, never) - row["at"] <= timedelta(seconds=h) for v in risk) / len(risk)
            assert row[f"others_{h}"] == pytest.approx(share)


def test_the_interval_of_two_shares_follows_the_level_and_is_wide_where_all_and_none_voted(tmp_path):
    # Newcombe's interval of 5 of 5 less 0 of 5 at 95 %: Wilson's ends are 0.5655 and 0.4345, so 1 - sqrt(2) 0.4345 = 0.3855.
    found = one(case(tmp_path, *five_and_five()))
    effect = found.result.effect
    assert (effect.low, effect.high) == pytest.approx((1 - np.sqrt(2) * 0.43449, 1.0), abs=1e-4)
    assert effect.confidence_level == 0.95
    wider = one(case(tmp_path / "b", *five_and_five(), plan="n_resamples = 199\nconfidence_level = 0.99")).result.effect
    assert wider.low < effect.low
    assert wider.confidence_level == 0.99


def test_the_smallest_difference_that_so_many_reissues_show():
    # 50 of each kind, half voted: 0.1 standard error, times 2.326 + 0.842 at alpha 0.01 and power 0.8.
    assert smallest_visible(50, 50, 0.5, 0.01) == pytest.approx(0.3168, abs=1e-4)
    assert smallest_visible(5, 5, 0.0, 0.01) <= 1.0


def test_unrequested_reissues_late_in_the_vote_raise_few_alarms():
    # One law for both kinds, but the late ones spread more: the bare difference is flagged in 0.08 of such contests.
    rng, flagged, n = np.random.default_rng(5), 0, 400
    for _ in range(n):
        labels = np.arange(80) < 20
        base = np.where(labels, 0.5, 0.1)  # the members at risk vote more in the last days, and so do the reissued
        followed = (rng.random(80) < base).astype(int)
        frame = pl.DataFrame(
            {"unrequested": labels, "sitting": range(80), "actor_key": [None] * 80, "within_600": followed, "others_600": base}
        )
        flagged += reissue_to_ballot_delay(frame, horizons_s=(600,), n_resamples=99, rng=rng).pvalue <= 0.05
    assert flagged / n <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)


def test_late_reissues_of_those_still_waiting_raise_few_alarms(tmp_path):
    # The immortal-time trap: who is reissued on day five cannot have voted before. Forwards in time, the label without effect.
    pvalues = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        voted, when = rng.exponential(8000, 120), np.append(rng.uniform(0, 12000, 70), [np.inf] * 50)
        waiting = np.flatnonzero(when < voted)
        triggers = ["admin_initiated" if heads else "member_request" for heads in rng.random(waiting.size) < 0.5]
        reissues = [reissue(f"v{i}", float(when[i]), trigger) for i, trigger in zip(waiting, triggers, strict=True)]
        votes = [vote(f"v{i}", float(t)) for i, t in enumerate(voted) if t < 14000]
        this = case(tmp_path / str(seed), reissues, votes, roll(N=" ".join(f"v{i}" for i in range(120))))
        pvalues.append(one(this, "reissue_to_ballot_delay").result.pvalue)
    assert np.mean(np.array(pvalues) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 40)


def test_contact_changes_just_before_the_reissue_are_counted_by_hand(tmp_path):
    reissues = [reissue(f"u{i}", 100, actor_key="a1") for i in range(9)] + [reissue("r0", 100, "member_request", actor_key="a1")]
    edits = [
        edit("u0", 70),
        edit("u2", 80),
        edit("u1", 69.9),
        edit("u2", 100),
        edit("u3", 101),
        edit("u4", 90, "member_request_logged"),
        edit("u5", 90, None),
        edit("u6", 90, "unknown", actor="a2"),
        edit("u7", 90, field="name"),
        edit("r0", 90),
        edit("u8", 90, actor=None),
    ]
    this = case(tmp_path, reissues, [vote("u0", 200)], contact_changes=edits)
    assert edits_before(this, cases(this)[0]) == {
        "n_after_edit": 5,  # u0, u2 (twice), u5, u6, u8; u1 is too early, u3 after it, u7 another field, u4 and r0 were asked for
        "n_after_edit_without_request": 3,  # u0, u2, u8; of u5 and u6 nothing is said, which is not a finding
        "n_by_same_hand": 2,  # u0, u2
        "n_hands": 1,
    }


def test_made_up_vale_shows_the_planted_chain_and_its_twin_does_not():
    found = one(open_case("made_up_vale", n_resamples=999))
    assert found.verdict is Verdict.NOT_EXPLAINED
    assert found.details["n_by_same_hand"] >= 25
    clean = one(open_case("made_up_vale_clean", n_resamples=999))
    assert clean.verdict is Verdict.WITHIN_BASELINE
    assert clean.details["n_after_edit_without_request"] == 0


def test_the_order_of_rows_changes_nothing(tmp_path):
    reissues, votes = five_and_five(4, 2)
    ways = [
        case(tmp_path / "a", reissues, votes),
        case(tmp_path / "b", reissues[::-1], votes[::-1], roll(N="r4 r3 r2 r1 r0 u4 u3 u2 u1 u0")),
        case(tmp_path / "a", reissues, votes),
    ]
    assert len({repr(to_dict(one(this, "reissue_to_ballot_delay"), "")) for this in ways}) == 1


def test_the_curve_counts_every_reissue_and_ends_at_a_day(tmp_path):
    found, _ = cases(case(tmp_path, *five_and_five(3, 1)))
    curve = incidence(found)
    at_ten = dict(curve.filter(minutes=10).select("group", "share").iter_rows())
    assert at_ten == {"not requested": 0.6, "requested": 0.2}
    assert curve["minutes"].max() == 1440
    assert (curve.filter(minutes=0)["share"] == 0).all()
    for label in ("not requested", "requested"):
        assert (curve.filter(group=label)["share"].diff().drop_nulls() >= 0).all()


def test_no_member_is_shown(tmp_path):
    reissues, votes = five_and_five()
    this = case(tmp_path, reissues, votes)
    finding = answered(this, "reissue_to_ballot_delay")[0]
    everything = (
        wording.sentence(finding)
        + repr(to_dict(finding, ""))
        + repr([repr(shown) for shown in exhibits.reissue_to_ballot_delay(this, [finding])])
    )
    assert not any(key in everything for key in ("u0", "r3"))


def test_a_reissue_is_asked_only_after_horizons_that_end_before_the_close(tmp_path):
    reissues, votes = five_and_five()
    close = at(240 + 30)  # half an hour after the last unrequested reissue
    frame, left_out = reissue_cases(case(tmp_path, reissues, votes), (600, 3600), close)
    assert left_out["too_close_to_the_end"] == 5  # the requested ones, all made after it
    assert frame.filter("unrequested")["within_600"].to_list() == [1] * 5
    assert frame.filter("unrequested")["within_3600"].to_list() == [1, 1, 1, 1, None]


def test_requests_late_in_the_window_raise_no_alarm(tmp_path):
    """One law of delay for both kinds, requests only in the last 12 hours: without the cut at the close 40 % were flagged."""
    rng, flagged = np.random.default_rng(8), 0
    horizons = (600, 3600, 86400)
    for _ in range(60):
        starts = np.concatenate([rng.uniform(0, 300, 25), rng.uniform(290, 302 - 0.2, 25)])  # hours; the close is at 302
        delays = np.where(rng.random(50) < 0.6, rng.exponential(6, 50), np.inf)
        delays = np.where(starts + delays <= 302, delays, np.inf)
        columns = {"unrequested": [True] * 25 + [False] * 25, "sitting": range(50), "actor_key": [None] * 50}
        for h in horizons:
            whole = starts + h / 3600 <= 302
            columns[f"within_{h}"] = [int(d * 3600 <= h) if w else None for d, w in zip(delays, whole, strict=True)]
            columns[f"others_{h}"] = [0.0] * 50
        result = reissue_to_ballot_delay(pl.DataFrame(columns), horizons_s=horizons, n_resamples=199, rng=rng)
        flagged += result.pvalue <= 0.05
    assert flagged <= 8  # 3 expected, and three standard errors of 60


def test_one_reading_leaves_the_result_as_it_was(tmp_path):
    plain = one(case(tmp_path, *five_and_five()), "reissue_to_ballot_delay")
    sure = case(tmp_path / "sure", *on_clocks(*five_and_five()), clocks=[clock("B"), clock("C")])
    same = case(tmp_path / "same", *on_clocks(*five_and_five(), "B"), clocks=[clock("B", "assumed")])  # moves both alike
    for this in (sure, same):
        found = one(this, "reissue_to_ballot_delay")
        assert "readings" not in found.details
        assert (found.result.pvalue, found.verdict, len(found.result.assumptions)) == (plain.result.pvalue, plain.verdict, 3)


def test_readings_that_disagree_leave_it_undetermined(tmp_path):
    # Ballots three minutes after each unrequested reissue; an hour earlier, they would have come before it.
    more = {"plan": "n_resamples = 999\nalpha = 0.01"}
    this = case(tmp_path, *on_clocks(*five_and_five()), clocks=[clock("B", "assumed"), clock("C")], **more)
    found = one(this, "reissue_to_ballot_delay")
    assert found.result.pvalue <= 0.01
    assert found.verdict is Verdict.UNDETERMINED
    assert [row["reading"] for row in found.details["readings"]] == ["as_recorded", "other_zone"]
    assert found.details["readings"][1]["pvalue"] is None  # nobody unrequested was still to vote
    assert found.result.assumptions[-1].status is Status.FAILS
    assert "Tried under 2 readings of the clocks" in wording.sentence(found)
    shown = "\n".join(map(repr, exhibits.reissue_to_ballot_delay(this, [found])))
    assert "if UTC and local time were mixed up" in shown
    assert "too few to compare" in shown


def test_a_reading_may_bring_out_what_the_record_hides(tmp_path):
    # As recorded the ballots come 63 minutes after, beyond the only horizon; read an hour earlier, after three.
    reissues, votes = five_and_five()
    votes = [row | {"at": row["at"] + timedelta(hours=1)} for row in votes]
    more = {"plan": "n_resamples = 999\nhorizons_s = [600]"}
    this = case(tmp_path, *on_clocks(reissues, votes), clocks=[clock("B", "assumed"), clock("C")], **more)
    found = one(this, "reissue_to_ballot_delay")
    recorded, other = (row["pvalue"] for row in found.details["readings"])
    assert recorded > 0.01 >= other
    assert found.verdict is Verdict.UNDETERMINED


def test_readings_that_agree_are_told_and_change_nothing(tmp_path):
    this = case(tmp_path, *on_clocks(*five_and_five(0, 5)), clocks=[clock("B", offset_s=-400, offset_sd_s=40), clock("C")])
    found = one(this, "reissue_to_ballot_delay")
    assert found.verdict is Verdict.WITHIN_BASELINE
    # 3 minutes after, and 400 s more, are within 10 minutes; another 80 s are not.
    assert [row["reading"] for row in found.details["readings"]] == ["as_recorded", "clock_slow"]
    assert found.result.assumptions[-1].status is Status.HOLDS


def test_a_request_that_another_entry_holds_is_a_request(tmp_path):
    reissues, votes = five_and_five()
    edits = [edit(f"u{i}", 60 * i - 2, "member_request_logged") for i in range(5)]
    for name, more, left in (
        ("for the change", {"contact_changes": edits}, 0),
        ("by the member", {"contact_changes": [edit(f"u{i}", 60 * i - 30, None) | {"actor_role": "self"} for i in range(5)]}, 0),
        ("a search found none", {"contact_changes": [row | {"request_evidence": "none_found"} for row in edits]}, 5),
        ("too long before", {"contact_changes": [row | {"at": row["at"] - timedelta(minutes=29)} for row in edits]}, 5),
        ("of somebody else", {"contact_changes": [row | {"voter_key": "x"} for row in edits]}, 5),
        ("after the code", {"contact_changes": [row | {"at": row["at"] + timedelta(minutes=3)} for row in edits]}, 5),
    ):
        found, _ = cases(case(tmp_path / name, reissues, votes, **more))
        assert found["unrequested"].sum() == left, name
    timed = [row | ({"request_at": row["at"]} if row["voter_key"] == "u3" else {}) for row in reissues]
    found, _ = cases(case(tmp_path / "its own row", timed, votes))
    assert found.filter("unrequested")["voter_key"].sort().to_list() == ["u0", "u1", "u2", "u4"]


@pytest.mark.parametrize(
    ("hands", "part"), [(("a1", "a2"), "5 of 5 unrequested reissues were made by accounts with no"), (("a1", "a1"), "")]
)
def test_it_is_told_whether_those_who_sent_unasked_codes_note_requests(tmp_path, hands, part):
    reissues, votes = five_and_five()
    signed = [row | {"actor_key": hands[row["voter_key"][0] == "r"]} for row in reissues]
    for noun in (NOUN, "reissue_hazard"):
        found = one(case(tmp_path / noun, signed, votes), noun)
        alike = next(item for item in found.result.assumptions if "alike for every administrator" in item.statement)
        assert alike.status is Status.UNTESTED
        assert part in alike.evidence
        assert ("accounts" in alike.evidence) == bool(part)
