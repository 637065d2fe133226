"""What offices and rolls are full of: switched off it changes no byte, switched on it is told forwards and counted."""

import hashlib
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import reissues

from analysis_lib.errors import ParameterError
from analysis_lib.package import open_package
from analysis_lib.simulate import OFFICE_LIFE, OFFICE_PLANTS, PLANTS, Setting, peers, selection, write_package

BUSY = Setting(**OFFICE_LIFE)
LATER_TRAITS = {"unlogged": 0.5, "tracked": 0.6, "asks_again": 0.2, "unchecked": True}  # not in OFFICE_LIFE
# Digests of worlds as they were before these traits existed.
EARLIER = [
    (1, Setting(), "43c7f3ce37e12778"),
    (2, Setting(plants=frozenset(PLANTS)), "5d41552267a85565"),
    (3, Setting(n_members=900, prompt_reply=0.1, noise_memory=0.5, resolution_s=60), "9910a8d3f28b1d8d"),
    (4, Setting(n_members=60, n_branches=3, plants=frozenset({"reissue_chain"})), "df29d24a40dc0275"),
]


def digest(tables):
    found = hashlib.sha256()
    for name in sorted(tables):
        found.update(name.encode() + tables[name].write_csv().encode())
    return found.hexdigest()[:16]


@pytest.fixture(scope="module")
def busy():
    return [selection(seed, BUSY) for seed in range(12)]


@pytest.mark.parametrize(("seed", "setting", "expected"), EARLIER)
def test_traits_that_are_off_change_no_byte(seed, setting, expected):
    made = selection(seed, setting)
    assert digest(made.tables) == expected
    assert "office_life" not in made.truth


def test_office_life_is_as_it_was_before_the_later_traits():
    assert digest(selection(0, BUSY).tables) == "cf05ebea303f9440"


def test_peers_without_the_traits_are_as_they_were():
    assert digest(peers(5, 3)) == "64cf80c10b3d438d"


@given(
    seed=st.integers(0, 10**6), plants=st.sampled_from([(), (*PLANTS, *OFFICE_PLANTS)]), later=st.sampled_from([{}, LATER_TRAITS])
)
@settings(max_examples=12, deadline=None)
def test_every_code_is_told_forwards(seed, plants, later):
    made = selection(seed, replace(BUSY, plants=frozenset(plants), chain_reverts=0.5, **later))
    events = made.tables["credential_events"].sort("at", "event_id")
    assert events.select("voter_key", "credential_id", "message_id").drop("message_id").null_count().row(0) == (0, 0)
    made_at = events.filter(pl.col("event").is_in(("issued", "reissued_new"))).select("credential_id", made_at="at")
    assert made_at["credential_id"].is_unique().all()
    known = events.join(made_at, on="credential_id", how="left", validate="m:1")
    assert (known["at"] >= known["made_at"]).all()  # null, hence false, if a code was never made
    assert known["made_at"].null_count() == 0
    killed = events.filter(event="reissued_new").select("at", credential_id="replaces_credential_id").drop_nulls()
    used = events.filter(event="used").join(killed, on="credential_id", suffix="_killed")
    assert (used["at"] <= used["at_killed"]).all()
    failed = events.filter(event="login_failed").join(killed, on="credential_id", suffix="_killed", how="left")
    assert (failed["at"] > failed["at_killed"]).all()
    sent = events.filter(event="reissued_new")
    asked = sent.filter(trigger="member_request")
    assert asked["request_at"].null_count() == 0
    assert (asked["request_at"] <= asked["at"]).all()
    back = events.filter(event="bounced").group_by("voter_key").agg(bounced_at=pl.col("at").min())
    fixed = sent.filter(trigger="bounce_fix").join(back, on="voter_key", how="left")
    assert (fixed["bounced_at"] < fixed["at"]).all()
    assert fixed["bounced_at"].null_count() == 0
    online = made.tables["ballot_events"].filter(channel="online")
    cast = online.filter(pl.col("event") != "voided").join(events.filter(event="delivered").unique("credential_id", keep="first"), on="credential_id", how="left", suffix="_of_code")  # fmt: skip
    assert (cast["at"] >= cast["at_of_code"]).all()
    assert cast["at_of_code"].null_count() == 0
    gone = (
        made.tables["roll_changes"]
        .filter(pl.col("change").is_in(("removed", "transferred_out")))
        .select("voter_key", gone_at="at")
    )
    assert online.join(gone, on="voter_key").height == 0


@given(seed=st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_details_are_what_the_change_before_left(seed):
    made = selection(seed, replace(BUSY, plants=frozenset({"reissue_chain", "one_mailbox"}), chain_reverts=1.0))
    roll, changes = made.tables["roll"], made.tables["contact_changes"].sort("at", "change_id")
    first = roll.filter(snapshot_id="earlier")
    for field, column in (("email", "email_key"), ("phone", "phone_key"), ("postal_address", "address_key")):
        held = dict(first.select("voter_key", column).iter_rows())
        here = set(held)
        for row in changes.filter(field=field).iter_rows(named=True):
            if row["voter_key"] in here:
                assert row["old_key"] == held[row["voter_key"]]
            assert row["old_missing"] == (row["old_key"] is None)
            assert row["new_missing"] == (row["new_key"] is None)
            held[row["voter_key"]] = row["new_key"]
        last = dict(roll.filter(snapshot_id="marked").select("voter_key", column).iter_rows())
        assert all(held[key] == value for key, value in last.items() if key in here)


def test_the_copies_differ_by_the_log_and_by_nothing_else(busy):
    for made in busy:
        roll, log = made.tables["roll"], made.tables["roll_changes"].sort("at")
        copies = made.tables["roll_snapshots"].sort("taken_at").select("snapshot_id", "taken_at", "row_count").rows()
        assert len(copies) == 6
        members = None
        for (name, at, n), before in zip(copies, [None, *copies], strict=False):
            held = set(roll.filter(snapshot_id=name)["voter_key"])
            assert len(held) == n
            if before is not None:
                since = log.filter(pl.col("at").is_between(before[1], at, closed="right"))
                came = set(since.filter(pl.col("change").is_in(("added", "transferred_in")))["voter_key"])
                went = set(since.filter(pl.col("change").is_in(("removed", "transferred_out")))["voter_key"])
                assert held == (members | came) - went
            members = held


def test_what_was_set_is_there(busy):
    for made in busy:
        told, tables = made.truth["office_life"], made.tables
        voted = set(tables["ballot_events"]["voter_key"])
        loaded = tables["roll"].filter(snapshot_id="as_loaded")
        assert loaded.height == 500
        assert len(told["affiliates"]) == 20
        imported = tables["roll_changes"].filter(pl.col("voter_key").is_in(told["affiliates"]))
        assert imported["at"].n_unique() == 1
        assert set(imported["change"]) == {"added"}
        barred = set(loaded.filter(~pl.col("eligible"))["voter_key"])
        assert len(barred) == 6
        assert barred == set(told["ineligible"])
        assert not barred & voted
        assert not barred & set(tables["credential_events"]["voter_key"])
        assert len(told["helped"]) == 8
        cleansed = tables["contact_changes"].filter(request_evidence="bulk_cleanse")
        assert 30 <= cleansed.height <= 40
        assert cleansed["actor_key"].n_unique() == 1
        assert cleansed["at"].max() - cleansed["at"].min() <= timedelta(minutes=2)
        home = loaded.group_by("address_key").len()["len"].max()
        assert home >= 5  # six, unless one has moved out
        assert loaded.filter(email_domain_class="placeholder").height >= 3
        granted = set(tables["vote_applications"].filter(decision="granted")["voter_key"])
        assert granted == set(tables["credential_events"].filter(event="issued")["voter_key"])
        applied = tables["vote_applications"]
        assert (applied["at"] <= applied["decided_at"]).all()
        assert applied["decided_at"].max() < made.setting.opens_at
        assert tables["confirmations"].height == 150
        assert tables["confirmations"]["voter_key"].is_unique().all()
        marked = tables["roll"].filter(snapshot_id="marked")
        counted = tables["results"].filter(channel="all", item="ballots_received")["n"].item()
        assert marked["voted_flag"].sum() == counted == tables["ballot_events"].filter("is_current").height
        assert tables["contact_changes"].filter(pl.col("at") < made.setting.opens_at).height == told["changes_before_the_opening"]
        reminded = tables["communications"].filter(kind="reminder")
        bounced = tables["credential_events"].filter(event="bounced", trigger="reminder")
        assert reminded["n_bounced"].sum() == bounced.height == len(told["reminder_bounced"])
        log = tables["admin_actions"]
        assert log.filter(action="credential_resent")["target_key"].null_count() == 0
        assert log.filter(pl.col("actor_role") != "system")["actor_key"].null_count() == 0
        work = Counter(reissues(made)["actor_key"])
        assert work[told["busy_officer"]] > 0.4 * work.total()


def test_rates_are_those_that_were_set(busy):
    online = [made.tables["ballot_events"].filter(channel="online") for made in busy]
    voided = sum(rows.filter(event="voided").height for rows in online)
    assert voided / sum(rows.filter(event="cast").height for rows in online) == pytest.approx(0.02, abs=0.012)
    mails = sum(made.tables["communications"].filter(kind="reminder")["n_recipients"].sum() for made in busy)
    assert sum(len(made.truth["office_life"]["reminder_bounced"]) for made in busy) / mails == pytest.approx(0.02, abs=0.005)
    ordinary = pl.concat([made.tables["contact_changes"] for made in busy]).filter(
        pl.col("request_evidence").is_in(("member_request_logged", "unknown"))
    )
    days = OFFICE_LIFE["history_days"] + 14.5
    # some changes at the end of a sitting, and those of officers who sit down no more, fall away
    assert 0.7 < ordinary.height / (len(busy) * days * 500 * OFFICE_LIFE["contact_churn"]) < 1.2
    pairs = [made.truth["office_life"]["shared_mailboxes"] for made in busy]
    assert sum(map(len, pairs)) / (75 * len(busy)) == pytest.approx(0.3, abs=0.06)
    asked = pl.concat([made.tables["confirmations"] for made in busy]).filter(contact_outcome="reached")
    assert asked.height / (150 * len(busy)) == pytest.approx(0.65, abs=0.04)


def test_those_asked_tell_the_truth_but_for_a_few(busy):
    wrong = n = 0
    for made in busy:
        said = made.tables["confirmations"].filter(pl.col("says_voted").is_in(("yes_self", "yes_with_help", "no")))
        voted = set(made.tables["roll"].filter("voted_flag")["voter_key"])
        for key, answer in said.select("voter_key", "says_voted").iter_rows():
            n, wrong = n + 1, wrong + ((answer != "no") != (key in voted))
    assert 0 < wrong / n < 0.025


def test_affiliates_vote_less(busy):
    turnout = {}
    for name in ("affiliates", "all"):
        voted = [set(made.tables["ballot_events"]["voter_key"]) for made in busy]
        groups = [made.truth["office_life"]["affiliates"] if name == "affiliates" else made.tables["roll"]["voter_key"].unique() for made in busy]  # fmt: skip
        turnout[name] = sum(len(v & set(g)) for v, g in zip(voted, groups, strict=True)) / sum(map(len, groups))
    assert turnout["affiliates"] < 0.75 * turnout["all"]


def test_officers_change_more_on_weekdays_and_days_differ_more_than_chance(busy):
    quiet = replace(BUSY, contact_churn=0.01, cleanse=0)
    rows = [selection(seed, quiet).tables["contact_changes"] for seed in range(4)]
    before = pl.concat([r.filter(pl.col("at") < quiet.opens_at).with_columns(n=i) for i, r in enumerate(rows)])
    by_weekday = dict(before.group_by(pl.col("at").dt.weekday()).len().iter_rows())
    assert sum(by_weekday[d] for d in (1, 2, 3, 4, 5)) / 5 > 1.3 * (by_weekday[6] + by_weekday[7]) / 2
    counts = before.group_by("n", pl.col("at").dt.date()).len()["len"]
    assert counts.var() > 1.5 * counts.mean()


def test_chasing_prompts_votes_and_requests():
    chased, left_alone = ([selection(seed, replace(Setting(), chase=share)) for seed in range(10)] for share in (0.9, 0.0))
    online, asked = ([sum(m.truth["counts"][what] for m in made) for made in (chased, left_alone)] for what in ("ballots_online", "requests"))  # fmt: skip
    assert online[0] > 1.1 * online[1]
    assert asked[0] > asked[1]


@pytest.mark.parametrize(("plants", "later"), [((), {}), ((*PLANTS, *OFFICE_PLANTS), {}), ((), LATER_TRAITS)])
def test_a_busy_package_opens_without_a_fault(tmp_path, plants, later):
    setting = replace(BUSY, plants=frozenset(plants), cleanse_day=3, **later)
    write_package(selection(21, setting), tmp_path, name="busy", title="MADE UP", description="Nothing in it is real.", peers=peers(21, 2, setting))  # fmt: skip
    opened = open_package(tmp_path)
    assert opened.refused == ()
    assert set(opened.faults["rule"]) <= {"trap_batch"}  # the import of the affiliates, as it should be


@pytest.mark.parametrize("name", sorted(set(OFFICE_LIFE) - {"history_days", "busy_officer"}))
def test_each_trait_can_be_switched_on_alone(name):
    needed = (
        {"contacts": True}
        if name in ("placeholders", "shared_mailbox")
        else {"roll_copies": True}
        if name == "affiliates"
        else {}
    )
    made = selection(6, Setting(**{name: OFFICE_LIFE[name]} | needed))
    plain = selection(6)
    assert digest(made.tables) != digest(plain.tables) or name in ("slips", "shared_mailbox")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"affiliates": 5}, r"Expected roll_copies = True"),
        ({"placeholders": 2}, r"Expected contacts = True"),
        ({"plants": frozenset({"one_mailbox"})}, r"Expected contacts = True"),
        ({"plants": frozenset({"ghost_applications"})}, r"Expected applications = True"),
        ({"helped": -1}, r"helped = -1\. Expected a count"),
        ({"roll_copies": True, "affiliates": 300}, r"are 300 of 500 members\. Expected at most half"),
        ({"busy_officer": 1.0}, r"busy_officer = 1\.0\. Expected a share below 1"),
    ],
)
def test_traits_that_do_not_go_together_are_refused(change, message):
    with pytest.raises(ParameterError, match=message):
        Setting(**change)
