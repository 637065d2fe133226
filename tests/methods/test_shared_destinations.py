"""Shared mailboxes: families and offices left alone, many members moved to one address found, and the lists that are learnt from."""

import json
from datetime import timedelta

import numpy as np
import pytest
from cases import CONTEST, one, tiny, utc

from analysis_lib import exhibits, simulate, wording
from analysis_lib.case import open_case
from analysis_lib.methods import destinations as parts
from analysis_lib.methods.registry import answer_chapter
from analysis_lib.methods.shared_destinations import shared_destinations
from analysis_lib.results import NotAnswerable, Verdict, to_dict
from analysis_lib.stats import collisions

NOUN = "shared_destinations"
OPENS = utc("2031-10-06 11:00")
WINDOW = {"channel": "online", "kind": "voting", "basis": "advertised", "opens_at": OPENS, "closes_at": OPENS + timedelta(days=7)}
COPY = {"snapshot_id": "L1", "purpose": "freeze", "taken_at": OPENS - timedelta(days=9)}
PLAN = 'n_resamples = 999\nfamilies = { credentials = ["shared_destinations"] }\n'


def roll(keys, snapshot="L1", **more):
    """Members v0, v1, ... with these addresses."""
    return [
        {"snapshot_id": snapshot, "voter_key": f"v{i}", "email_key": key, "eligible": True} | more for i, key in enumerate(keys)
    ]


def singles(n):
    return [f"own{i}" for i in range(n)]


def moved(members, key, **more):
    """Changes that write one address over those of these members, a minute apart."""
    given = {"field": "email", "new_key": key, "actor_key": "ad1", "request_evidence": "none_found"}
    return [{"voter_key": v, "at": OPENS + timedelta(days=1, minutes=i)} | given | more for i, v in enumerate(members)]


def case(folder, keys, changes, plan=PLAN, copies=(COPY,), **more):
    return tiny(
        folder, roll=roll(keys), roll_snapshots=list(copies), contact_changes=changes, contest_windows=[WINDOW], plan=plan, **more
    )


def result(sizes, reference, seed=1):
    details = {"n_not_set": 0}
    return shared_destinations(
        np.array(sizes), np.array(reference), alpha=0.01, confidence_level=0.95, n_resamples=999, rng=np.random.default_rng(seed),
        parameters={}, assumptions=(), details=details,
    )  # fmt: skip


def test_the_numbers_by_hand(tmp_path):
    # Of 120 members two pairs share an address and three have one; five are moved to one address, two to an address of their own.
    keys = [*singles(113), "pair1", "pair1", "pair2", "pair2", "home1", "home1", "home1"]
    changes = moved([f"v{i}" for i in range(5)], "box1") + moved(["v5"], "new5") + moved(["v6"], "new6")
    finding = one(case(tmp_path, keys, changes), NOUN)
    found, details = finding.result, finding.details
    assert (found.statistic, found.n_observations, details["n_reference"], details["n_new"]) == (5, 7, 120, 7)
    assert [row["seen"] for row in details["tallies"]] == [5, 5, 0, 5]
    assert details["tallies"][0]["expected"] == pytest.approx(3 * 7 / 120)
    assert details["joined"] == [{"n_members": 5, "n_new": 5, "n_none_found": 5, "n_hands": 1}]
    assert [(row["least"], row["n_addresses"], row["n_members"], row["n_new"]) for row in details["groups"]] == [
        (1, 108, 108, 2), (2, 2, 4, 0), (3, 1, 3, 0), (5, 1, 5, 5), (10, 0, 0, 0),
    ]  # fmt: skip
    text = wording.sentence(finding)
    assert "Of 7 members whose e-mail address or telephone number was set anew" in text.replace("were set", "was set")
    assert "the largest such group has 5 members" in text
    assert (
        "1 address that serves three members or more has been set anew for 5 members; for 5 of these a search found no request."
        in text
    )


def test_the_pvalue_is_that_of_the_tallies_against_the_list(tmp_path):
    sizes, reference = [4, 1, 1, 1], [1] * 300 + [2] * 20 + [3] * 4 + [5]
    found = result(sizes, reference, seed=3)
    draws = collisions.predicted_tallies(np.array(reference), sum(reference), 7, n_resamples=20_000, rng=np.random.default_rng(9))
    again = collisions.excess(collisions.tallies(sizes), draws).pvalue
    assert found.pvalue == pytest.approx(again, abs=0.04)


def test_more_members_with_one_address_lower_the_pvalue():
    reference = [1] * 2000 + [2] * 60 + [3] * 2
    pvalues = [result([n] + [1] * 20, reference).pvalue for n in (1, 3, 6, 12, 30)]
    assert pvalues == sorted(pvalues, reverse=True)
    assert pvalues[-1] < 0.02 < pvalues[0]


def test_several_boxes_stand_out_where_one_does_not():
    reference = [1] * 480 + [2] * 15
    one_box, six = result([5] + [1] * 40, reference).pvalue, result([5] * 6 + [1] * 40, reference).pvalue
    assert six <= 0.01 < one_box


def test_the_smallest_visible_group_is_told_and_is_visible():
    reference = [1] * 3000 + [2] * 100 + [3] * 3
    least = result([1] * 40, reference).details["smallest_visible"]
    assert result([least + 2] + [1] * 40, reference).pvalue <= 0.02
    assert result([1] * 12, [1] * 120).details["smallest_visible"] is None


def test_stop_gap_addresses_are_left_out_of_both(tmp_path):
    keys = [*singles(110), *["nobody0"] * 6]
    rows = roll(keys)
    for row in rows[110:]:
        row["email_domain_class"] = "placeholder"
    changes = moved([f"v{i}" for i in range(8)], "nobody0", new_domain_class="placeholder") + [
        change for i in range(10, 16) for change in moved([f"v{i}"], f"new{i}")
    ]
    held = tiny(tmp_path, roll=rows, roll_snapshots=[COPY], contact_changes=changes, contest_windows=[WINDOW], plan=PLAN)
    finding = one(held, NOUN)
    assert (finding.result.n_observations, finding.result.n_excluded, finding.result.statistic) == (6, 14, 0)
    assert finding.details["joined"] == []
    assert "14 members with a stop-gap address that reaches nobody were left out" in wording.sentence(finding)
    classes = exhibits.shared_destinations(held, (finding,))[2]
    assert {"what": "placeholder", "n_members": 14, "n_new": "fewer than 10"} in classes.rows


def test_codes_go_before_the_roll_and_later_changes_before_codes(tmp_path):
    sent = {"event": "issued", "destination_kind": "email", "at": OPENS}
    codes = [sent | {"voter_key": "v0", "destination_key": "a1"}, sent | {"voter_key": "v1", "destination_key": "b1"}]
    codes += [sent | {"voter_key": "v2", "destination_key": "post1", "destination_kind": "post"}]
    codes += [{"voter_key": "v3", "event": "delivered", "destination_kind": "email", "destination_key": "else1", "at": OPENS}]
    changes = moved(["v1"], "c1") + moved(["v4"], "late1", at=OPENS + timedelta(days=9))
    now = parts.destinations(case(tmp_path, singles(5), changes, credential_events=codes)).now
    assert dict(zip(now["voter_key"], now["key"], strict=True)) == {
        "v0": "a1",
        "v1": "c1",
        "v2": "own2",
        "v3": "own3",
        "v4": "own4",
    }
    assert now.filter("is_new")["voter_key"].to_list() == ["v0", "v1"]


def test_a_copy_made_after_the_opening_is_not_learnt_from(tmp_path):
    late = COPY | {"snapshot_id": "L2", "taken_at": OPENS + timedelta(days=2), "purpose": "marked_register"}
    held = tiny(
        tmp_path, roll=roll(singles(3)) + roll(["box1"] * 3, "L2"), roll_snapshots=[COPY, late], contest_windows=[WINDOW]
    )  # fmt: skip
    assert sorted(parts.destinations(held).reference.tolist()) == [1, 1, 1]


def test_other_contests_add_to_what_is_learnt(tmp_path):
    peer = {"contest_id": "peer_1", "comparison_only": True}
    copies = [COPY, COPY | {"snapshot_id": "P1", "contest_id": "peer_1"}]
    rows = roll(singles(60)) + roll([*singles(50), "home1", "home1", "home1"], "P1")
    held = tiny(
        tmp_path, roll=rows, roll_snapshots=copies, other_contests=[peer], contest_windows=[WINDOW], contest_id=CONTEST, plan=PLAN,
        contact_changes=[c for i in range(6) for c in moved([f"v{i}"], f"new{i}")],
    )  # fmt: skip
    finding = one(held, NOUN)
    assert (finding.details["n_reference"], finding.details["n_lists"], finding.result.statistic) == (113, 2, 0)


def test_without_a_list_groups_are_counted_and_not_tested(tmp_path):
    changes = moved([f"v{i}" for i in range(6)], "box1")
    held = tiny(tmp_path, contact_changes=changes, contest_windows=[WINDOW])
    finding = one(held, NOUN)
    assert isinstance(finding.result, NotAnswerable)
    assert "counted and not tested" in finding.result.reason
    assert finding.details["joined"] == [{"n_members": 6, "n_new": 6, "n_none_found": 6, "n_hands": 1}]
    assert len(exhibits.shared_destinations(held, (finding,))) == 4


def test_few_new_addresses_are_counted_and_not_tested(tmp_path):
    finding = one(case(tmp_path, singles(120), moved(["v1"], "new1")), NOUN)
    assert finding.result.reason.startswith("Since the earlier list 1 address was set anew; 5 are needed.")


def test_first_codes_stand_in_for_a_roll(tmp_path):
    sent = {"event": "issued", "destination_kind": "email", "at": OPENS}
    codes = [sent | {"voter_key": f"v{i}", "destination_key": f"k{i}"} for i in range(120)]
    again = {"event": "reissued_new", "destination_kind": "email", "at": OPENS + timedelta(hours=5), "destination_key": "box1"}
    codes += [again | {"voter_key": f"v{i}"} for i in range(7)]
    finding = one(tiny(tmp_path, credential_events=codes, contest_windows=[WINDOW], plan=PLAN), NOUN)
    assert finding.result.parameters["reference"] == "codes"
    assert (finding.result.statistic, finding.details["joined"][0]["n_hands"]) == (7, 0)


def planted(folder, seed, n):
    more = {"plants": frozenset({"one_mailbox"}), "mailbox_members": n} if n else {}
    made = simulate.selection(seed, simulate.Setting(**(simulate.OFFICE_LIFE | more)))
    simulate.write_package(made, folder, name="c", title="Made up", description="Made up.")
    return open_case(folder)


def test_what_is_planted_is_listed_and_nobody_is_named(tmp_path):
    held = planted(tmp_path, 3, 30)
    (finding,) = answer_chapter("30_credential_reissues", held, [NOUN])[NOUN]
    assert finding.result.pvalue <= 0.015
    assert finding.details["joined"][0]["n_new"] >= 25
    text = wording.sentence(finding)
    shown = exhibits.shared_destinations(held, (finding,))
    whole = text + json.dumps(to_dict(finding, text)) + repr(shown) + json.dumps(shown[0].spec) + shown[0].alt
    keys = {*held.rows("roll")["email_key"].drop_nulls(), *held.rows("roll")["voter_key"]}
    assert not any(key in whole for key in keys)


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_a_clean_office_is_within_the_baseline(tmp_path, seed):
    (finding,) = answer_chapter("30_credential_reissues", planted(tmp_path, seed, 0), [NOUN])[NOUN]
    assert finding.verdict is Verdict.WITHIN_BASELINE


def test_made_up_bodies_with_families_raise_few_alarms():
    rng, pvalues = np.random.default_rng(4), []
    sizes, chances = [1, 2, 3, 4, 8], [0.85, 0.11, 0.02, 0.015, 0.005]
    for _ in range(200):
        reference, own = rng.choice(sizes, 400, p=chances), rng.choice(sizes, 40, p=chances)
        pvalues.append(result(own, reference, seed=int(rng.integers(1e6))).pvalue)
    assert np.mean(np.array(pvalues) <= 0.05) <= 0.07
    assert np.mean(np.array(pvalues) <= 0.01) <= 0.02
