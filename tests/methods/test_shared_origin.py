"""Shared networks and devices: households, workplaces and gateways left alone, a line that gave thirty ballots found."""

import json
from datetime import timedelta

import networks
import numpy as np
import polars as pl
import pytest
from cases import CONTEST, QUICK, answered, tiny, utc

from analysis_lib import exhibits, wording
from analysis_lib.methods import shared_origin as origin
from analysis_lib.results import NotAnswerable, Status, Verdict, to_dict

OPENS = utc("2031-10-06 11:00")
WINDOW = {"channel": "online", "kind": "voting", "basis": "advertised", "opens_at": OPENS, "closes_at": OPENS + timedelta(days=7)}
PEER = {"contest_id": "peer_1", "comparison_only": True}


def events(rows, contest_id=CONTEST, **more):
    """Ballots, a minute apart."""
    return [
        {
            "event": "cast", "channel": "online", "at": OPENS + timedelta(minutes=i), "contest_id": contest_id,
            "voter_key": v.replace(" ", ""), "ip_key": network.replace(" ", ""), "asn": asn,
        } | more
        for i, (v, network, asn) in enumerate(rows)
    ]  # fmt: skip


def contest(folder, own, *references, **more):
    """The contest's ballots and those of contests to compare with."""
    peers = [PEER | {"contest_id": f"peer_{i}"} for i, _ in enumerate(references)]
    ballots = events(own) + [row for i, rows in enumerate(references) for row in events(rows, f"peer_{i}")]
    return tiny(folder, ballot_events=ballots, other_contests=peers, contest_windows=[WINDOW], **more)


def frame(rows, contest_id):
    columns = {"contest_id": contest_id, "voter": [r[0] for r in rows], "key": [r[1] for r in rows], "asn": [r[2] for r in rows]}
    return pl.DataFrame(columns, schema={"contest_id": pl.String, "voter": pl.String, "key": pl.String, "asn": pl.Int64})


def made(seed, n_references, *, plant=0, **kind):
    """One made-up contest of about 300 ballots against so many others, as `shared` groups them."""
    rng = np.random.default_rng(seed)
    others = [networks.voters(rng, int(460 * rng.uniform(0.7, 1.4)), f"c{i}", **kind) for i in range(n_references)]
    own = networks.voters(rng, 460, "own", **kind)
    reference = pl.concat([frame(rows, f"c{i}") for i, rows in enumerate(others)])
    groups = origin.grouped(frame(networks.planted(rng, own, plant) if plant else own, ""), reference, "ballots")
    options = {"alpha": 0.01, "confidence_level": 0.95, "n_resamples": 299, "rng": rng, "parameters": {}, "details": {}}
    return origin.shared_origin(groups, attribute="network", **options)


@pytest.mark.parametrize(("n_references", "operators"), [(1, True), (1, False), (5, True), (5, False)])
def test_households_workplaces_and_gateways_raise_few_alarms(n_references, operators):
    # Below the nominal rate: what few contests leave open about large groups is allowed for.
    pvalues = np.array([made(seed, n_references, operators=operators).pvalue for seed in range(200)])
    assert (pvalues <= 0.05).mean() <= 0.07
    assert (pvalues <= 0.01).mean() <= 0.02


@pytest.mark.parametrize(("n_references", "alpha", "power"), [(1, 0.05, 0.6), (5, 0.02, 0.7), (5, 0.05, 0.9), (12, 0.01, 0.7)])
def test_thirty_ballots_of_three_hundred_from_one_line_are_found(n_references, alpha, power):
    pvalues = np.array([made(seed, n_references, plant=30).pvalue for seed in range(30)])
    assert (pvalues <= alpha).mean() >= power


def test_more_and_larger_groups_lower_the_pvalue():
    pvalues = [made(3, 5, plant=n).pvalue for n in (0, 8, 15, 30, 60)]
    assert pvalues == sorted(pvalues, reverse=True)


def test_voters_are_counted_once_kiosks_and_batches_not_at_all(tmp_path):
    rows = [(f"v{i}", f"n{i // 2}", None) for i in range(6)]
    again = events([("v0", "n9", None)], event="recast", at=OPENS + timedelta(days=1))
    hall = events([(f"h{i}", "hall1", None) for i in range(9)], channel="online_kiosk")
    batch = events([(f"b{i}", "batch1", None) for i in range(9)], batch_id="B")
    found = origin.ballots(tiny(tmp_path, ballot_events=events(rows) + again + hall + batch), CONTEST, "ip_key")
    assert sorted(found.group_by("key").len("n")["n"]) == [1, 1, 2, 2]
    assert found.filter(pl.col("key") == "n9").height == 1


def test_gateways_and_networks_known_elsewhere_are_left_out_of_both():
    home = [(f"p{i}", f"p{i}", 1) for i in range(100)]
    gateway = [(f"g{i}", f"gate {i % 2}", 2) for i in range(20)]
    campus = [(f"c{i}", "campus", 3) for i in range(4)]
    own = (
        [(f"o{i}", f"o{i}", 1) for i in range(40)]
        + [(f"x{i}", "gate 5", 2) for i in range(7)]
        + [(f"y{i}", "campus", 3) for i in range(5)]
    )
    groups = origin.grouped(frame(own, ""), frame(home + gateway + campus, "c0"), "ballots")
    assert (groups.n_gateway, groups.n_known) == (7, 5)
    assert groups.sizes.tolist() == [1] * 40
    assert groups.reference.sum() == 100
    assert groups.operators_known


def test_the_road_from_tables_to_words(tmp_path):
    rng = np.random.default_rng(6)
    references = [networks.voters(rng, 460, f"c{i}") for i in range(4)]
    own = networks.planted(rng, networks.voters(rng, 460, "own"), 60)
    plan = 'n_resamples = 1999\nfamilies = { timing = ["shared_origin"] }\n'
    case = contest(tmp_path, own, *references, plan=plan)
    (finding,) = answered(case, "shared_origin")
    result, details = finding.result, finding.details
    assert (result.form, finding.verdict) == ("network", Verdict.NOT_EXPLAINED)
    assert details["tallies"][-1]["seen"] == 60
    assert details["n_contests"] == 4
    assert result.n_observations + result.n_excluded == len(own)
    assert details["n_less_one"] == sum(size - 1 for size in networks.sizes(own))
    assert result.effect.low <= result.effect.value <= result.effect.high
    text = wording.sentence(finding)
    assert "the largest group has 60 ballots" in text
    three = details["tallies"][0]
    assert f"({three['low']:.0f} to {three['high']:.0f} in 95 of 100 such contests)" in text
    assert "(range " in wording.effect(finding)
    chart, groups, tallies = exhibits.shared_origin(case, (finding,))
    assert "the largest group has 60" in chart.alt
    sizes = np.array(networks.sizes(own))
    assert sum(row["n_ballots"] for row in groups.rows) == sizes.sum()
    assert {row["size"]: row["n_groups"] for row in groups.rows}["10 or more"] >= 1
    assert tallies.rows[-1]["seen"] == 60
    shown = text + repr(groups) + repr(tallies) + chart.alt + json.dumps(chart.spec) + json.dumps(to_dict(finding, text))
    assert not any(key in shown for key in set(case.rows("ballot_events")["ip_key"]))


def test_a_group_as_small_as_told_would_not_have_stood_out():
    result = made(9, 12)
    least = result.details["smallest_visible"]
    assert made(9, 12, plant=least + 12).pvalue <= 0.01 < made(9, 12, plant=5).pvalue


def test_without_a_reference_groups_are_counted_and_not_tested(tmp_path):
    rows = [(f"v{i}", f"n{i // 4}", None) for i in range(48)]
    visits = [row | {"session_key": f"s{i // 2}"} for i, row in enumerate(events(rows))]
    case = tiny(tmp_path, ballot_events=visits)
    (finding,) = answered(case, "shared_origin")
    assert finding.verdict is Verdict.CANNOT_BE_ANSWERED
    assert "counted and not tested" in finding.result.reason
    assert finding.details["n_less_one"] == 36
    assert finding.details["sessions"] == {"n": 24, "n_ballots": 48, "held": 48}
    (table,) = exhibits.shared_origin(case, (finding,))
    rows = {row["size"]: (row["n_groups"], row["n_ballots"]) for row in table.rows}
    assert rows["3 to 4"] == (12, 48)
    assert rows["one visit, 2 or more"] == (24, 48)


def test_only_visits_are_counted_and_not_tested(tmp_path):
    visits = [
        row | {"session_key": f"s{i // 2}", "ip_key": None}
        for i, row in enumerate(events([(f"v{i}", "n", None) for i in range(40)]))
    ]
    (finding,) = answered(tiny(tmp_path, ballot_events=visits), "shared_origin")
    assert (finding.verdict, finding.result.form) == (Verdict.CANNOT_BE_ANSWERED, "session")
    assert finding.details["sessions"]["n"] == 20


def test_addresses_alone_never_make_a_finding(tmp_path):
    roll = [{"snapshot_id": "L1", "voter_key": f"v{i}", "address_key": f"a{i}", "eligible": True} for i in range(800)]
    copies = [{"snapshot_id": "L1", "taken_at": OPENS, "purpose": "freeze"}]
    case = tiny(
        tmp_path, ballot_events=events([(f"v{i}", f"n{i // 20}", None) for i in range(100)]), roll=roll, roll_snapshots=copies,
        plan="n_resamples = 1999\n",
    )  # fmt: skip
    (finding,) = answered(case, "shared_origin")
    assert finding.result.pvalue <= 0.01
    assert finding.result.assumptions[0].status is Status.FAILS
    assert finding.verdict is Verdict.UNDETERMINED


def test_letters_opened_before_are_taken_where_no_ballots_of_others_are_held(tmp_path):
    seen = [
        {"event": "opened", "voter_key": f"w{i}", "ip_key": f"h{i}", "at": OPENS + timedelta(hours=(-1) ** i)} for i in range(240)
    ]
    own = events([(f"v{i}", f"n{i}", None) for i in range(40)])
    (finding,) = answered(tiny(tmp_path, ballot_events=own, credential_events=seen, contest_windows=[WINDOW]), "shared_origin")
    assert finding.result.parameters["reference"] == "logins"
    assert finding.details["n_reference"] == 120  # the others opened theirs after the opening


def test_devices_have_a_test_of_their_own(tmp_path):
    rows = [(f"v{i}", "n", None) for i in range(160)]
    own = [row | {"ip_key": None, "device_key": f"d{i}"} for i, row in enumerate(events(rows))]
    peer = [row | {"ip_key": None, "device_key": f"e{i}"} for i, row in enumerate(events(rows, "peer_1"))]
    (finding,) = answered(tiny(tmp_path, ballot_events=own + peer, other_contests=[PEER]), "shared_origin")
    assert (finding.result.form, finding.verdict, finding.details["tallies"][0]["seen"]) == ("device", Verdict.WITHIN_BASELINE, 0)


@pytest.mark.parametrize("n", [1, 29])
def test_under_thirty_ballots_it_cannot_be_answered(tmp_path, n):
    reference = networks.voters(np.random.default_rng(1), 300, "c")
    (finding,) = answered(contest(tmp_path, [(f"v{i}", f"n{i}", 1) for i in range(n)], reference), "shared_origin")
    assert isinstance(finding.result, NotAnswerable)
    assert f"{n} are held; 30 are needed" in finding.result.reason


def test_the_same_answer_twice_and_another_seed_gives_other_draws(tmp_path):
    rng = np.random.default_rng(7)
    own, other = networks.voters(rng, 200, "own"), networks.voters(rng, 300, "c")
    one, two, third = (
        answered(contest(tmp_path / name, own, other, plan=plan), "shared_origin")[0].result
        for name, plan in (("a", QUICK), ("b", QUICK), ("c", f"{QUICK}seed = 5\n"))
    )
    assert one.pvalue == two.pvalue
    assert not np.array_equal(one.null_draws, third.null_draws)
