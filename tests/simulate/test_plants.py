"""What is planted is there, all of it and nothing else, and only when it was asked for."""

from datetime import date, timedelta

import polars as pl
import pytest
from made_up import casts, first, reissues
from polars.testing import assert_frame_equal

from analysis_lib.simulate import PLANTS, Setting, selection


def rows_of(made, plant, table):
    key = "change_id" if table == "contact_changes" else "event_id"
    return made.tables[table].filter(pl.col(key).is_in(made.truth["planted"][plant][table]))


def test_a_clean_world_has_nothing_planted(clean):
    for made in clean:
        assert made.truth["planted"] == {}
        assert made.truth["members"]["found_used"] == []
        assert "none_found" not in set(made.tables["contact_changes"]["request_evidence"])
        assert set(casts(made)["actor_role"]) == {"self"}


@pytest.mark.parametrize("plant", PLANTS)
def test_each_plant_is_there_only_when_switched_on(plant):
    made = selection(5, Setting(plants=frozenset({plant})))
    assert list(made.truth["planted"]) == made.truth["plants"] == [plant]


def test_reissue_chain(planted):
    for made in planted:
        changed, codes, cast = (
            rows_of(made, "reissue_chain", t) for t in ("contact_changes", "credential_events", "ballot_events")
        )
        sent = codes.filter(event="reissued_new")
        assert 27 <= cast.height == sent.height <= changed.height == 30  # somebody may vote before the new code is made
        (actor,) = made.truth["planted"]["reissue_chain"]["actor_keys"]
        assert set(changed["actor_key"]) == set(sent["actor_key"]) == {actor}
        assert actor in set(reissues(made).filter(~pl.col("event_id").is_in(sent["event_id"].to_list()))["actor_key"])
        assert set(sent["trigger"]) == {"admin_initiated"}
        assert set(changed["request_evidence"]) == {"none_found"}
        assert cast["ip_key"].n_unique() == 1
        one = (
            first(changed, "changed_at").join(first(sent, "sent_at"), on="voter_key").join(first(cast, "cast_at"), on="voter_key")
        )
        assert (one["sent_at"] - one["changed_at"]).is_between(timedelta(minutes=2), timedelta(minutes=9, seconds=1)).all()
        assert (one["cast_at"] - one["sent_at"]).is_between(timedelta(seconds=59), timedelta(minutes=8, seconds=1)).all()
        day = (changed["at"].dt.convert_time_zone("Europe/London").dt.date() - date(2031, 10, 17)).dt.total_days()
        assert set(day) <= {8, 9, 10, 11, 12}
        units = made.tables["roll"].join(changed, on="voter_key")["unit"].value_counts(sort=True)["count"]
        assert units[:2].sum() > 15
        assert set(made.truth["members"]["found_used"]) <= {v for p in made.truth["planted"].values() for v in p["voter_keys"]}
    assert sum(len(made.truth["members"]["found_used"]) for made in planted) > 20


def test_late_ballots(planted):
    for made in planted:
        late = rows_of(made, "late_ballots", "ballot_events")
        past = (late["at"] - made.setting.closes_at).dt.total_seconds()
        assert late.height == 6
        assert set(late["actor_role"]) == {"local_officer"}
        assert past.is_between(60, 40 * 60).all()
        assert casts(made).filter(pl.col("at") >= made.setting.closes_at).height == 6


def test_night_burst(planted):
    for made in planted:
        burst = rows_of(made, "night_burst", "ballot_events")
        local = burst["at"].dt.convert_time_zone("Europe/London")
        assert burst.height == burst["ip_key"].n_unique() == 14
        assert burst["at"].max() - burst["at"].min() <= timedelta(minutes=10)
        assert set(local.dt.hour()) == {3}
        assert set(local.dt.minute()) <= set(range(11))


def test_twins_are_one_world_up_to_the_first_planted_event(planted, clean):
    for made in planted:
        twin = clean[made.seed]
        until = made.setting.opens_at + timedelta(seconds=min(p["first_s"] for p in made.truth["planted"].values()))
        for table in ("ballot_events", "credential_events", "contact_changes"):
            shared = [m.tables[table].filter(pl.col("at") < until.replace(microsecond=0)) for m in (made, twin)]
            assert shared[0].height > 0
            assert_frame_equal(*shared)
        assert_frame_equal(made.tables["roll"], twin.tables["roll"])
        assert made.truth["hourly_noise"] == twin.truth["hourly_noise"]
