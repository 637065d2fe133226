"""The plants of mailboxes and applications, and the chain in its other sizes."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from analysis_lib.simulate import OFFICE_LIFE, Setting, selection

BUSY = Setting(**OFFICE_LIFE)


def rows_of(made, plant, table):
    key = {"contact_changes": "change_id", "vote_applications": "application_id"}.get(table, "event_id")
    return made.tables[table].filter(pl.col(key).is_in(made.truth["planted"][plant][table]))


@pytest.mark.parametrize("n", [0, 1, 10, 30])
def test_the_chain_takes_as_many_as_it_is_told(n):
    for seed in range(5):
        made = selection(seed, Setting(chain_members=n, plants=frozenset({"reissue_chain"})))
        changed = rows_of(made, "reissue_chain", "contact_changes")
        assert changed.height == n
        assert rows_of(made, "reissue_chain", "ballot_events").height >= 0.8 * n


def test_the_chain_may_be_undone_afterwards():
    made = selection(3, replace(BUSY, plants=frozenset({"reissue_chain"}), chain_reverts=1.0))
    changes, ballots = rows_of(made, "reissue_chain", "contact_changes"), rows_of(made, "reissue_chain", "ballot_events")
    for voter, rows in changes.sort("at").group_by("voter_key"):
        ballot = ballots.filter(pl.col("voter_key").is_in(voter))
        if rows.height == 2:
            assert rows["old_key"][0] == rows["new_key"][1]
            assert timedelta(minutes=2) <= rows["at"][1] - ballot["at"].item() <= timedelta(minutes=20, seconds=1)
    assert Counter(changes.group_by("voter_key").len()["len"])[2] >= 25


def test_the_officers_line_is_that_of_the_chains_ballots():
    made = selection(3, replace(BUSY, plants=frozenset({"reissue_chain"})))
    sent = rows_of(made, "reissue_chain", "credential_events").filter(event="reissued_new")
    (line,) = set(rows_of(made, "reissue_chain", "ballot_events")["ip_key"])
    assert set(sent["ip_key"]) == {line}


def test_one_mailbox_for_several_members():
    for seed in range(5):
        made = selection(seed, replace(BUSY, plants=frozenset({"one_mailbox"}), mailbox_members=4))
        changed = rows_of(made, "one_mailbox", "contact_changes")
        frozen = made.tables["roll_snapshots"].filter(purpose="freeze")["taken_at"].item()
        assert changed.height == changed["voter_key"].n_unique() == 4
        assert changed["new_key"].n_unique() == changed["actor_key"].n_unique() == 1
        assert changed["at"].min() > frozen


def test_ghosts_are_applied_and_voted_for_and_deny_it():
    denied = n = 0
    for seed in range(6):
        made = selection(seed, replace(BUSY, plants=frozenset({"ghost_applications"}), survey=500))
        applied, cast = (
            rows_of(made, "ghost_applications", "vote_applications"),
            rows_of(made, "ghost_applications", "ballot_events"),
        )
        assert applied.height == cast.height == 20
        assert applied["ip_key"].n_unique() == cast["ip_key"].n_unique() == 1
        assert applied["at"].max() - applied["at"].min() <= timedelta(hours=4)
        assert not set(applied["contact_key"]) & set(made.tables["roll"]["email_key"])
        assert (applied["at"] <= applied["decided_at"]).all()
        assert applied["decided_at"].max() < made.setting.opens_at
        assert not set(applied["voter_key"]) & set(made.truth["office_life"]["applied"])
        said = made.tables["confirmations"].filter(pl.col("voter_key").is_in(applied["voter_key"].to_list()), contact_outcome="reached")  # fmt: skip
        n, denied = n + said.height, denied + said.filter(says_applied="no", says_voted="no").height
    assert n > 40
    assert denied / n > 0.85
