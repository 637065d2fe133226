"""Chains of change, reissue and ballot: by hand on three members, causes on record, clocks, logs with gaps, and what is planted."""

import json
from datetime import timedelta
from itertools import permutations, product

import numpy as np
import pytest
from cases import answered, one, tiny, utc

from analysis_lib import exhibits, simulate, wording
from analysis_lib.case import open_case
from analysis_lib.methods import chains as parts
from analysis_lib.methods.registry import answer_chapter
from analysis_lib.results import NotAnswerable, Status, Verdict, to_dict
from analysis_lib.stats import chains

NOUN = "edit_reissue_ballot_chains"
START = utc("2031-10-10 10:00")
MANY = "n_resamples = 9999\n"


def at(minutes):
    return START + timedelta(minutes=minutes)


def change(voter, minutes, evidence="none_found", **more):
    given = {"voter_key": voter, "at": at(minutes), "field": "email", "actor_key": "ad1", "actor_role": "local_officer"}
    return given | {"request_evidence": evidence, "system": "membership_db"} | more


def reissue(voter, minutes, trigger="admin_initiated", **more):
    return {"voter_key": voter, "event": "reissued_new", "trigger": trigger, "at": at(minutes), "actor_key": "ad1"} | more


def vote(voter, minutes, **more):
    return {"voter_key": voter, "event": "cast", "channel": "online", "at": at(minutes)} | more


def three(evidence="none_found", trigger="admin_initiated"):
    """Three members one after another: a change, a reissue ten minutes later, a ballot ten minutes after that."""
    return (
        [change(f"a{i}", i, evidence) for i in range(3)],
        [reissue(f"a{i}", 10 + i, trigger) for i in range(3)],
        [vote(f"a{i}", 20 + i) for i in range(3)],
    )


def case(folder, changes, reissues, votes, **more):
    return tiny(folder, contact_changes=changes, credential_events=reissues, ballot_events=votes, **more)


def test_three_worked_by_hand(tmp_path):
    # Each of the 36 dealings gives three chains, and none has steps as close: p = 1/36.
    finding = one(case(tmp_path, *three(), plan=MANY), NOUN)
    squares = [
        sum((10 + r[m] - m) ** 2 + (10 + b[m] - r[m]) ** 2 for m in range(3))
        for r, b in product(permutations(range(3)), repeat=2)
    ]
    exact = np.mean(np.array(squares) <= 600)
    assert exact == pytest.approx(1 / 36)
    assert finding.result.pvalue == pytest.approx(exact, abs=4 * np.sqrt(exact / 9999))
    assert (finding.result.statistic, finding.details["expected"], finding.result.effect.value) == (3, 3.0, 0.0)
    assert finding.details["n"] == {"changes": 3, "reissues": 3, "ballots": 3}
    assert (finding.details["median_s"], finding.details["n_one_hand"]) == (1200, 3)
    text = wording.sentence(finding)
    assert "On record are 3 chains in which somebody changed" in text
    assert "each step within 30 minutes of the one before" in text
    assert "In all 3 one account made both change and reissue." in text


def test_a_change_after_a_message_came_back_is_no_chain_and_one_before_is(tmp_path):
    changes, codes, votes = three()
    back = {"voter_key": "a0", "event": "bounced", "at": at(-60)}
    later = {"voter_key": "a1", "event": "bounced", "at": at(5)}
    mended = [back | {"voter_key": "a2"}, {"voter_key": "a2", "event": "delivered", "at": at(-30)}]  # it worked after all
    finding = one(case(tmp_path, changes, [back, *mended, *codes, later], votes), NOUN)
    assert finding.details["n_chains"] == 2
    assert finding.details["n"]["changes"] == 2


@pytest.mark.parametrize(
    ("evidence", "trigger"),
    [("member_request_logged", "admin_initiated"), ("bounce_logged", "admin_initiated"), ("bulk_cleanse", "admin_initiated"), ("none_found", "member_request"), ("none_found", "bounce_fix")],
)  # fmt: skip
def test_what_has_a_cause_on_record_is_no_chain(tmp_path, evidence, trigger):
    finding = one(case(tmp_path, *three(evidence, trigger)), NOUN)
    assert (finding.result.statistic, finding.result.pvalue, finding.verdict) == (0, 1.0, Verdict.WITHIN_BASELINE)
    text = wording.sentence(finding)
    assert "No chain is on record" in text
    assert ("Left out are 3 more" in text) == (evidence != "bulk_cleanse")
    # Whoever sends the code may note a request that nobody made: where a search found none, both records are told.
    assert ("For 3 of these a search found no request" in text) == (evidence == "none_found")


@pytest.mark.parametrize(
    "more",
    [
        {"field": "postal_address"}, {"edit_class": "formatting_only"}, {"old_key": "k1", "new_key": "k1"}, {"new_missing": True},
        {"actor_role": "self"},
    ],
)  # fmt: skip
def test_changes_that_send_no_code_elsewhere_are_no_chain(tmp_path, more):
    changes, reissues, votes = three()
    assert one(case(tmp_path, [row | more for row in changes], reissues, votes), NOUN).result.statistic == 0


def test_a_gap_of_half_an_hour_counts_and_a_second_more_does_not(tmp_path):
    changes = [change("a", 0), change("b", 0), change("c", 0), change("d", 0)]
    late = {"at": at(30) + timedelta(seconds=1)}
    reissues = [reissue("a", 30), reissue("b", 30) | late, reissue("c", 5), reissue("d", 5)]
    votes = [vote("a", 60), vote("b", 31), vote("c", 35), vote("d", 35) | {"at": at(35) + timedelta(seconds=1)}]
    rows = parts.chain_rows(parts.events(case(tmp_path, changes, reissues, votes)), 1800)
    assert rows["voter_key"].to_list() == ["c", "a"]


def test_ballots_go_by_their_code_where_no_member_is_named(tmp_path):
    changes, reissues, votes = three()
    reissues = [row | {"credential_id": f"c{i}"} for i, row in enumerate(reissues)]
    votes = [
        row | {"voter_key": None, "credential_id": f"c{i}", "link_level": "credential_linked"} for i, row in enumerate(votes)
    ]
    assert one(case(tmp_path, changes, reissues, votes), NOUN).result.statistic == 3


def test_chains_by_themselves_are_listed_and_not_tested(tmp_path):
    held = case(tmp_path, [change("a", 0)], [reissue("a", 5)], [vote("a", 9)])
    finding = one(held, NOUN)
    assert finding.verdict is Verdict.CANNOT_BE_ANSWERED
    assert "is 1 chain" in finding.result.reason
    assert finding.details["n_chains"] == 1
    assert len(exhibits.edit_reissue_ballot_chains(held, (finding,))) == 3


def test_silence_about_requests_leaves_it_open(tmp_path):
    held = [[row | {"voter_key": row["voter_key"] + f"_{k}", "at": row["at"] + timedelta(hours=2 * k)} for k in range(4) for row in rows] for rows in three("unknown")]  # fmt: skip
    changes, reissues, votes = held
    finding = one(case(tmp_path, changes, reissues, votes, plan=MANY), NOUN)
    assert finding.result.pvalue < 0.001
    assert finding.verdict is Verdict.UNDETERMINED
    assert finding.result.assumptions[0].status is Status.FAILS
    assert "A search for requests behind the others would settle it." in finding.result.assumptions[0].evidence


def service(n_followed, hours=2):
    """Chains of twelve members without a cause on record; twelve others asked, and were answered by change and reissue."""
    rows = [[], [], []]
    for i in range(12):
        for made, row in zip(rows, three(), strict=True):
            made += [r | {"voter_key": f"u{i}_{r['voter_key']}", "at": r["at"] + timedelta(hours=hours * i)} for r in row[:1]]
            made += [
                r | {"voter_key": f"w{i}_{r['voter_key']}", "at": r["at"] + timedelta(hours=hours * i, minutes=4)}
                for r in row[1:2]
            ]
        rows[0].append(change(f"r{i}", 30 + 60 * hours * i, "member_request_logged"))
        rows[1].append(reissue(f"r{i}", 35 + 60 * hours * i, "member_request"))
        rows[2] += [vote(f"r{i}", 40 + 60 * hours * i)] if i < n_followed else []
    return rows


@pytest.mark.parametrize(("n_followed", "status"), [(2, Status.HOLDS), (12, Status.FAILS)])
def test_chains_like_the_service_that_was_asked_for_are_left_open(tmp_path, n_followed, status):
    finding = one(case(tmp_path, *service(n_followed), plan=MANY), NOUN)
    assert finding.result.assumptions[1].status is status
    assert (
        f"after 24 of 24 changes with a reissue but no cause on record, and after {n_followed} of 12 with one"
        in finding.result.assumptions[1].evidence
    )
    assert finding.verdict is (Verdict.NOT_EXPLAINED if status is Status.HOLDS else Verdict.UNDETERMINED)


def test_what_comes_from_one_day_may_be_one_meeting(tmp_path):
    days = {"days": service(2), "one": service(2, hours=1)}
    for name, rows in days.items():
        finding = one(case(tmp_path / name, *rows, plan=MANY), NOUN)
        (checked,) = (item for item in finding.result.assumptions if "one day" in item.statement)
        assert finding.result.pvalue <= 0.01
        assert (checked.status, finding.verdict) == {
            "days": (Status.HOLDS, Verdict.NOT_EXPLAINED), "one": (Status.FAILS, Verdict.UNDETERMINED),
        }[name]  # fmt: skip
    assert "24 of 24 chains began on the fullest day; without that day nothing stands out" in checked.evidence


@pytest.mark.parametrize("which", [0, 1])
def test_an_office_that_notes_no_requests_is_left_open(tmp_path, which):
    rows = service(2)
    none = {"request_evidence": "none_found"} if which == 0 else {"trigger": "admin_initiated"}
    rows[which] = [row | (none if row["voter_key"].startswith("r") else {}) for row in rows[which]]
    finding = one(case(tmp_path, *rows, plan=MANY), NOUN)
    (checked,) = (item for item in finding.result.assumptions if "notes requests" in item.statement)
    assert (checked.status, finding.verdict) == (Status.FAILS, Verdict.UNDETERMINED)
    assert "0 of 12" in checked.evidence


def test_changed_back_counts_only_to_what_stood_there(tmp_path):
    changes, reissues, votes = three()
    changes = [row | {"old_key": f"o{i}", "new_key": f"n{i}"} for i, row in enumerate(changes)]
    back = [
        change("a0", 40, old_key="n0", new_key="o0"), change("a1", 40, old_key="n1", new_key="x1"),
        change("a2", 55, old_key="n2", new_key="o2"),
    ]  # fmt: skip
    held = case(tmp_path, changes + back, reissues, votes)
    assert one(held, NOUN).details["n_undone"] == 1
    figure, *_ = exhibits.edit_reissue_ballot_chains(held, answered(held, NOUN))
    assert "in 1 the contact was changed again afterwards" in figure.alt


def test_the_last_day_for_changes_is_told(tmp_path):
    window = {"channel": "all", "kind": "roll_edits", "basis": "advertised", "closes_at": at(0) - timedelta(days=1)}
    finding = one(case(tmp_path, *three(), contest_windows=[window]), NOUN)
    assert finding.details["n_after_last_day"] == 3
    assert "which is counted as a breach under changes after the last day" in wording.sentence(finding)
    assert one(case(tmp_path / "none", *three()), NOUN).details["n_after_last_day"] is None


def test_a_clock_that_may_be_wrong_is_tried_both_ways(tmp_path):
    clocks = [
        {"clock_id": name, "tz_used": "UTC", "tz_basis": basis, "resolution": "s"}
        for name, basis in (("DB", "assumed"), ("P", "stated_offset"))
    ]
    changes, reissues, votes = (
        [row | {"clock_id": name} for row in rows] for name, rows in zip(("DB", "P", "P"), three(), strict=True)
    )
    finding = one(case(tmp_path, changes, reissues, votes, clocks=clocks), NOUN)
    readings = finding.details["readings"]
    assert readings[0]["reading"] == "as_recorded"
    assert {row["statistic"] for row in readings} > {0.0}
    assert "of the clocks" in wording.sentence(finding)


@pytest.mark.parametrize(
    "without", [{"trigger": None}, {"trigger": "unknown"}, {"voter_key": None}, {"at": None}], ids=["null", "unknown", "no key", "no time"]
)  # fmt: skip
def test_logs_without_what_joins_them_cannot_answer(tmp_path, without):
    changes, reissues, votes = three()
    finding = one(case(tmp_path, changes, [row | without for row in reissues], votes), NOUN)
    assert isinstance(finding.result, NotAnswerable)
    assert finding.result.needs


def test_logs_without_administrators_are_dealt_out_by_the_hour(tmp_path):
    changes, reissues, votes = three()
    nobody = {"actor_key": None}
    finding = one(case(tmp_path, [r | nobody for r in changes], [r | nobody for r in reissues], votes, plan=MANY), NOUN)
    assert finding.result.pvalue == pytest.approx(1 / 36, abs=0.007)
    assert finding.details["hands"] == []
    assert finding.details["n_one_hand"] == 0


def test_two_administrators_are_not_mixed(tmp_path):
    changes, reissues, votes = three()
    changes[2]["actor_key"] = reissues[2]["actor_key"] = "ad2"
    held = parts.events(case(tmp_path, changes, reissues, votes))
    sizes = np.bincount(held.steps.stratum)
    assert sorted(sizes.tolist()) == [1, 1, 2, 2, 3]


def planted(folder, seed, n, **more):
    setting = simulate.Setting(**(simulate.OFFICE_LIFE | {"plants": frozenset({"reissue_chain"}), "chain_members": n} | more))
    made = simulate.selection(seed, setting)
    simulate.write_package(made, folder, name="c", title="Made up", description="Made up.")
    return open_case(folder)


def test_what_is_planted_is_found_and_nobody_is_named(tmp_path):
    held = planted(tmp_path, 3, 30, chain_reverts=0.5)
    (finding,) = answer_chapter("30_credential_reissues", held, [NOUN])[NOUN]
    assert finding.verdict is Verdict.NOT_EXPLAINED
    assert finding.result.pvalue <= 0.001
    assert finding.result.statistic >= 24
    assert finding.details["hands"][0]["n"] == finding.result.statistic
    assert finding.details["n_undone"] > 5
    text = wording.sentence(finding)
    shown = exhibits.edit_reissue_ballot_chains(held, (finding,))
    whole = text + json.dumps(to_dict(finding, text)) + repr(shown) + json.dumps(shown[0].spec) + shown[0].alt
    keys = set(held.rows("contact_changes")["voter_key"]) | set(held.rows("contact_changes")["actor_key"].drop_nulls())
    assert not any(key in whole for key in keys)


@pytest.mark.calibration  # the committed table of office life holds the rates
@pytest.mark.slow
def test_power_and_false_alarms(tmp_path):
    found = {
        n: [
            answer_chapter("30_credential_reissues", planted(tmp_path / f"{n} {seed}", 900 + seed, n), [NOUN])[NOUN][
                0
            ].result.pvalue
            for seed in range(8)
        ]
        for n in (0, 10, 30)
    }
    assert max(found[30]) <= 0.001
    assert np.mean(np.array(found[10]) <= 0.01) >= 0.6
    assert min(found[0]) > 0.05


def test_ten_thousand_members_are_no_trouble():
    rng, n = np.random.default_rng(5), 20_000
    who = rng.integers(0, n, 3 * n)
    steps = chains.in_order(
        rng.integers(0, 14 * 86400, 3 * n), np.repeat([0, 1, 2], n), who, np.repeat(rng.integers(0, 300, n), 3)
    )
    drawn = chains.dealings(steps, 1800, n_resamples=99, rng=rng)
    assert drawn.counts.size == 99
