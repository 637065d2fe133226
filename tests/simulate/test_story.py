"""The tables are told forwards in time, and the truth beside them agrees."""

from collections import Counter
from datetime import timedelta

import polars as pl
from made_up import casts, first, reissues


def test_truth_counts_what_the_tables_hold(clean, planted):
    for made in clean[:20] + planted:
        counts, tables = made.truth["counts"], made.tables
        assert counts["members"] == tables["roll"].height == tables["roll_snapshots"]["row_count"][0] == 500
        assert counts["codes_issued"] == tables["credential_events"].filter(event="issued").height
        assert counts["letters_bounced"] == tables["credential_events"].filter(event="bounced").height
        assert counts["ballots_online"] == casts(made).height
        assert counts["ballots_after_close"] == casts(made).filter(pl.col("at") >= made.setting.closes_at).height
        assert counts["ballots_in_hall"] == tables["ballot_events"].filter(channel="in_person").height
        assert counts["contact_changes"] == tables["contact_changes"].height
        assert counts["reissues"] == Counter(reissues(made)["trigger"])
        roll = set(tables["roll"]["voter_key"])
        assert all(set(members) <= roll for members in made.truth["members"].values())
        assert set(made.truth["members"]["letter_bounced"]) == set(
            tables["credential_events"].filter(event="bounced")["voter_key"]
        )
        assert set(reissues(made).filter(trigger="member_request")["voter_key"]) <= set(made.truth["members"]["asked"])
        assert set(made.truth["members"]["asked"]) <= set(made.truth["members"]["letter_lost"])


def test_latent_facts_are_not_in_the_tables(clean):
    # A lost letter looks delivered: nobody but the member knows.
    made = clean[0]
    sent = made.tables["credential_events"].filter(event="delivered")["voter_key"]
    assert made.truth["members"]["letter_lost"]
    assert set(made.truth["members"]["letter_lost"]) <= set(sent)


def test_no_ballot_is_in_a_row_with_a_choice(planted):
    ballots = planted[0].tables["ballot_events"]
    assert ballots["ballot_id"].null_count() == ballots.height
    assert "candidate_id" not in ballots.columns


def test_nobody_votes_online_before_a_code_is_delivered(clean, planted):
    for made in clean[:20] + planted:
        delivered = first(made.tables["credential_events"].filter(event="delivered"), "delivered_at")
        joined_up = casts(made).join(delivered, on="voter_key", how="left")
        assert joined_up["delivered_at"].null_count() == 0
        assert (joined_up["at"] >= joined_up["delivered_at"]).all()


def test_those_whose_letter_went_astray_vote_after_a_reissue_only(clean):
    for made in clean:
        astray = made.truth["members"]["letter_lost"] + made.truth["members"]["letter_bounced"]
        own = casts(made).filter(pl.col("voter_key").is_in(astray))
        joined_up = own.join(first(reissues(made), "reissued_at"), on="voter_key", how="left")
        assert joined_up["reissued_at"].null_count() == 0
        assert (joined_up["at"] >= joined_up["reissued_at"]).all()


def test_nobody_votes_twice_and_no_code_is_sent_to_one_who_has_voted(clean, planted):
    for made in clean[:20] + planted:
        assert made.tables["ballot_events"]["voter_key"].is_unique().all()
        later = reissues(made).join(made.tables["ballot_events"].select("voter_key", cast_at="at"), on="voter_key")
        assert (later["at"] <= later["cast_at"]).all()


def test_contact_change_comes_before_its_reissue(clean):
    for made in clean[:20]:
        joined_up = made.tables["contact_changes"].join(first(reissues(made), "reissued_at"), on="voter_key", how="left")
        waited = (joined_up["reissued_at"] - joined_up["at"]).drop_nulls()
        assert waited.len() >= joined_up.height - 1  # at most one change just before the close
        assert waited.min() >= timedelta(seconds=59)
        assert waited.max() <= timedelta(minutes=5, seconds=1)


def test_hall_members_take_no_part_online(clean, planted):
    for made in clean[:20] + planted:
        hall = set(made.tables["ballot_events"].filter(channel="in_person")["voter_key"])
        assert hall <= set(made.truth["members"]["chose_hall"])
        assert not hall & set(casts(made)["voter_key"])
        assert not set(made.truth["members"]["chose_hall"]) & set(made.tables["credential_events"]["voter_key"])


def test_hall_batch_is_keyed_in_by_the_secretary_inside_its_window(clean):
    for made in clean[:20]:
        batch = made.tables["ballot_events"].filter(channel="in_person")
        window = made.tables["contest_windows"].filter(channel="in_person", kind="voting", basis="advertised")
        assert batch["batch_id"].n_unique() == 1
        assert set(batch["actor_role"]) == {"procedures_secretary"}
        assert set(batch["event"]) == {"entered_by_officer"}
        assert window["opens_at"][0] <= batch["at"].min()
        assert batch["at"].max() < window["closes_at"][0]


def test_clean_world_keeps_its_window(clean):
    for made in clean:
        events = pl.concat([made.tables[t].select("at") for t in ("ballot_events", "credential_events", "contact_changes")])
        assert made.setting.opens_at <= events["at"].min()
        assert events["at"].max() < made.setting.closes_at
