"""Applications that came together: over one network, with one address, at one moment; what is left out and what is missing."""

from datetime import timedelta

import numpy as np
import pytest
from cases import tiny, utc

from analysis_lib import exhibits, wording
from analysis_lib.methods.application_bursts import (
    A_WAVE,
    by_the_member,
    contact_groups,
    in_batch,
    in_time,
    network_groups,
    own_applications,
)
from analysis_lib.methods.registry import answer_chapter
from analysis_lib.results import NotAnswerable, Verdict, to_dict
from analysis_lib.stats.multiplicity import holm

NOON = utc("2031-10-05 12:00")
PEER = {"contest_id": "peer", "comparison_only": True}


def applied(voter, hours=0.0, via="web_form", **more):
    return {"voter_key": voter, "at": NOON + timedelta(hours=hours), "submitted_via": via, "decision": "granted", **more}


def answered(this):
    return {f.result.form: f for f in answer_chapter("40_roll_changes", this, ("application_denials",))["application_denials"]}


def spread(n, rng, days=9, **more):
    hours = np.sort(rng.uniform(0, 24 * days, n)) + 1 / 3600 * np.arange(n)
    return [applied(f"v{i:03d}", float(h), **{name: value(i) for name, value in more.items()}) for i, h in enumerate(hours)]


def peer_ballots(n=400, shared=()):
    """One ballot for each home; `shared`: sizes of some that several share."""
    keys = [f"p{i}" for i in range(n - sum(shared))] + [f"big{j}" for j, size in enumerate(shared) for _ in range(size)]
    return [
        {
            "contest_id": "peer",
            "event": "cast",
            "channel": "online",
            "at": utc("2031-10-19 09:00") + timedelta(minutes=i),
            "ip_key": key,
        }
        for i, key in enumerate(keys)
    ]


def roll_of(keys, **classes):
    rows = [
        {"snapshot_id": "L1", "voter_key": f"m{i:04d}", "unit": "North", "eligible": True, "email_key": key}
        | ({"email_domain_class": classes[key]} if key in classes else {})
        for i, key in enumerate(keys)
    ]
    return {"roll": rows, "roll_snapshots": [{"snapshot_id": "L1", "purpose": "freeze", "taken_at": utc("2031-09-01 09:00")}]}


def ways(finding):
    return {row["way"]: row for row in finding.details["ways"]}


def test_applications_by_hand(tmp_path):
    rows = [
        applied("a", 1), applied("a", 2, decision="duplicate"), applied("a", 3), applied("b", 2, "automatic"), applied("c", 4, "paper"),
        applied("d", 5, None),
    ]  # fmt: skip
    own = own_applications(tiny(tmp_path, vote_applications=rows))
    assert own["voter_key"].to_list() == ["a", "c", "d"]
    assert by_the_member(own)["voter_key"].to_list() == ["a", "d"]


def test_one_line_behind_many_applications_is_found(tmp_path):
    rng = np.random.default_rng(1)
    rows = spread(120, rng, ip_key=lambda i: "line1" if i % 6 == 0 else f"home{i}")
    this = tiny(
        tmp_path, vote_applications=rows, ballot_events=peer_ballots(2000), other_contests=[PEER], plan="n_resamples = 999"
    )
    found = answered(this)["bursts"]
    assert found.verdict is Verdict.NOT_EXPLAINED
    assert (found.details["top"], ways(found)["networks"]["seen"], ways(found)["networks"]["largest"]) == ("networks", 20, 20)
    assert "20 of 120 came over a network that two others or more used too" in wording.sentence(found)


def test_one_line_is_told_where_no_other_contest_shows_what_is_usual(tmp_path):
    rng = np.random.default_rng(1)
    rows = spread(120, rng, ip_key=lambda i: "line1" if i % 6 == 0 else f"home{i}")
    found = answered(tiny(tmp_path, vote_applications=rows, plan="n_resamples = 999"))["bursts"]
    assert (found.verdict, found.details["n_one_line"]) == (Verdict.WITHIN_BASELINE, 20)
    assert "As many as 20 came over one network." in wording.sentence(found)


def test_a_gateway_that_peers_use_too_is_left_out(tmp_path):
    rng = np.random.default_rng(2)
    rows = spread(120, rng, ip_key=lambda i: "gate1" if i % 6 == 0 else f"home{i}")
    own = tiny(tmp_path, vote_applications=rows, ballot_events=peer_ballots() + [
        row | {"ip_key": "gate1", "at": row["at"] + timedelta(hours=9)} for row in peer_ballots(30)
    ], other_contests=[PEER])  # fmt: skip
    groups = network_groups(own, by_the_member(own_applications(own)))
    assert (groups.sizes.max(), groups.n_known) == (1, 20)
    assert answered(own)["bursts"].verdict is Verdict.WITHIN_BASELINE


def test_one_address_for_many_is_found_and_placeholders_are_not(tmp_path):
    rng = np.random.default_rng(3)
    rows = spread(90, rng, contact_key=lambda i: "e000" if i % 3 == 0 else "e001" if i % 10 == 1 else f"e9{i}")
    more = roll_of([f"r{i}" for i in range(800)] + ["r9000", "r9000"] + ["e000"] * 12, e000="placeholder")
    this = tiny(tmp_path, vote_applications=rows, plan="n_resamples = 999", **more)
    groups = contact_groups(this, own_applications(this))
    assert (groups.reference.sum(), groups.reference.max(), groups.n_known) == (802, 2, 30)
    found = answered(this)["bursts"]
    assert found.details["top"] == "addresses"
    assert ways(found)["addresses"]["largest"] == 6
    assert ways(found)["addresses"]["pvalue"] < 0.2


def test_a_burst_within_an_hour_is_found(tmp_path):
    rng = np.random.default_rng(4)
    rows = spread(150, rng)
    rows += [applied(f"w{i:02d}", 60.2 + i * 20 / 3600) for i in range(15)]
    found = answered(tiny(tmp_path, vote_applications=rows, plan="n_resamples = 999"))["bursts"]
    assert found.verdict is Verdict.NOT_EXPLAINED
    row = ways(found)["moments"]
    assert row["seen"] >= 15
    assert row["start"] == utc("2031-10-08 00:12")
    assert found.result.pvalue == pytest.approx(float(holm([r["pvalue"] for r in found.details["ways"]]).min()))


@pytest.mark.parametrize("what", ["paper", "after_a_message", "one_home"])
def test_what_has_a_cause_of_its_own_is_left_out(tmp_path, what):
    rng = np.random.default_rng(5)
    home = {"ip_key": lambda i: f"home{i}"} if what == "one_home" else {}
    rows = spread(150, rng, **home)
    via = "paper" if what == "paper" else "web_form"
    n = 4 if what == "one_home" else 15
    rows += [applied(f"w{i:02d}", 60.2 + i * 20 / 3600, via, **({"ip_key": "line1"} if home else {})) for i in range(n)]
    sent = {"message_id": "m", "kind": "notice", "medium": "email", "audience": "all", "sent_at": utc("2031-10-07 23:59")}
    this = tiny(tmp_path, vote_applications=rows, communications=[sent] if what == "after_a_message" else [])
    assert answered(this)["bursts"].verdict is Verdict.WITHIN_BASELINE


@pytest.mark.parametrize(("via", "verdict"), [("web_form", Verdict.NOT_EXPLAINED), (None, Verdict.UNDETERMINED)])
def test_a_burst_of_which_nobody_says_how_it_came_in_may_be_an_officers_typing(tmp_path, via, verdict):
    rows = spread(150, np.random.default_rng(4)) + [applied(f"w{i:02d}", 60.2 + i * 20 / 3600, via) for i in range(15)]
    found = answered(tiny(tmp_path, vote_applications=rows, plan="n_resamples = 999"))["bursts"]
    assert (found.verdict, found.result.pvalue <= 0.01) == (verdict, True)


@pytest.mark.parametrize("sign", [1, -1])
def test_applications_after_a_piece_of_news_or_before_a_deadline_are_a_wave(tmp_path, sign):
    """They fade away from the moment, over the hour; nothing on record says what called members up."""
    rng = np.random.default_rng(8)
    rows = spread(200, rng) + [applied(f"w{i:02d}", 120.3 + sign * h) for i, h in enumerate(rng.exponential(1 / 6, 60))]
    found = answered(tiny(tmp_path, vote_applications=rows, plan="n_resamples = 999"))["bursts"]
    assert (found.verdict, found.result.pvalue <= 0.01, A_WAVE in found.result.assumptions) == (Verdict.UNDETERMINED, True, True)


def test_a_wave_in_time_does_not_hide_one_line(tmp_path):
    rng = np.random.default_rng(8)
    rows = spread(200, rng, ip_key=lambda i: f"home{i}")
    rows += [applied(f"w{i:02d}", 120.3 + h, ip_key="line1") for i, h in enumerate(rng.exponential(1 / 6, 60))]
    peers = {"ballot_events": peer_ballots(2000), "other_contests": [PEER]}
    assert (
        answered(tiny(tmp_path, vote_applications=rows, plan="n_resamples = 999", **peers))["bursts"].verdict
        is Verdict.NOT_EXPLAINED
    )


def test_forms_with_the_offices_address_are_told_apart_and_web_forms_are_not(tmp_path):
    more = roll_of([f"r{i}" for i in range(2000)])
    for via, verdict in (("paper", Verdict.UNDETERMINED), ("web_form", Verdict.NOT_EXPLAINED)):
        rows = spread(60, np.random.default_rng(5), contact_key=lambda i: f"e9{i}")
        rows += [applied(f"w{i:02d}", 7 * i, via, contact_key="e000") for i in range(20)]
        assert (
            answered(tiny(tmp_path / via, vote_applications=rows, plan="n_resamples = 999", **more))["bursts"].verdict is verdict
        )


def test_what_is_loaded_at_one_go_is_told_and_stands_aside(tmp_path):
    rows = spread(80, np.random.default_rng(6)) + [applied(f"w{i:02d}", 60.2, ip_key="line1") for i in range(40)]
    peers = {"ballot_events": peer_ballots(2000), "other_contests": [PEER]}
    found = answered(tiny(tmp_path, vote_applications=rows, plan="n_resamples = 999", **peers))["bursts"]
    assert (found.verdict, found.details["n_batch"]) == (Verdict.WITHIN_BASELINE, 40)
    assert (found.result.n_observations, found.result.n_excluded) == (80, 40)
    assert wording.sentence(found).startswith("Of 120 applications")
    assert "40 bear the same second as nine others or more" in wording.sentence(found)
    alone = answered(tiny(tmp_path / "alone", vote_applications=rows[80:]))["bursts"]
    assert isinstance(alone.result, NotAnswerable)
    nine = answered(tiny(tmp_path / "nine", vote_applications=rows[:89]))["bursts"]
    assert nine.details["n_batch"] == 0


def test_whole_minutes_make_no_batch(tmp_path):
    rows = [applied(f"v{i:03d}", (i // 12) * 3.05) for i in range(120)]  # twelve in each of ten whole minutes
    this = tiny(tmp_path, vote_applications=rows)
    assert in_batch(this, own_applications(this)).sum() == 0


def test_innocent_applications_raise_few_alarms(tmp_path):
    alarms = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        rows = spread(
            80,
            rng,
            ip_key=lambda i: f"home{i // 2 if i % 8 == 0 else i}",
            contact_key=lambda i: f"e{i // 2 if i % 10 == 0 else i}",
        )
        this = tiny(
            tmp_path / str(seed), vote_applications=rows, ballot_events=peer_ballots(300, (3, 3, 4, 6)), other_contests=[PEER],
            **roll_of([f"r{i // 2 if i % 10 == 0 else i}" for i in range(200)]),
        )  # fmt: skip
        alarms += answered(this)["bursts"].result.pvalue <= 0.05
    assert alarms <= 5  # 1.5 expected, and three standard errors


def test_what_the_data_do_not_hold_is_left_out_of_the_ways(tmp_path):
    rng = np.random.default_rng(6)
    days = [
        row | {"at": row["at"].replace(hour=0, minute=0, second=0, microsecond=0)}
        for row in spread(60, rng, ip_key=lambda i: f"h{i}")
    ]
    found = answered(tiny(tmp_path, vote_applications=days))["bursts"]  # whole days, and no contest to compare with
    assert isinstance(found.result, NotAnswerable)
    assert (
        "Of 60 applications 60 were made by members themselves, each at a time of its own; 30 are needed" in found.result.reason
    )
    few = answered(tiny(tmp_path / "few", vote_applications=spread(29, rng)))["bursts"]
    assert isinstance(few.result, NotAnswerable)


def test_without_times_there_is_no_moment(tmp_path):
    rows = [{"voter_key": f"v{i}", "submitted_via": "web_form"} for i in range(40)]
    this = tiny(tmp_path, vote_applications=rows)
    own = by_the_member(own_applications(this))
    assert in_time(own, this, (60, 900), n_resamples=99, confidence_level=0.95, rng=np.random.default_rng(1)) is None


def test_the_order_of_rows_changes_nothing_and_no_key_is_shown(tmp_path):
    rng = np.random.default_rng(7)
    rows = spread(80, rng, ip_key=lambda i: f"h9k{i // 4}")
    tables = {"ballot_events": peer_ballots(), "other_contests": [PEER]}
    made = [tiny(tmp_path / name, vote_applications=given, **tables) for name, given in (("a", rows), ("b", rows[::-1]))]
    first, second = (answered(this)["bursts"] for this in made)
    assert to_dict(first, "") == to_dict(second, "")
    everything = wording.sentence(first) + repr(to_dict(first, "")) + repr(exhibits.application_denials(made[0], [first]))
    assert "h9k" not in everything
    assert "v03" not in everything
