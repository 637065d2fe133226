"""What logs of offices seldom show whole: calls nobody wrote down, messages opened, codes to members who have voted."""

from dataclasses import replace

import polars as pl
import pytest
from made_up import casts, first, reissues

from analysis_lib.errors import ParameterError
from analysis_lib.simulate import OFFICE_LIFE, Setting, selection

BUSY = Setting(**OFFICE_LIFE)
CALLS = ("member_request_logged", "unknown", "none_found")


def made(seeds=4, **traits):
    return [selection(seed, replace(BUSY, **traits)) for seed in range(seeds)]


def test_calls_are_not_written_down_as_often_as_was_set_and_bounces_always_are():
    by_officers = [m.tables["contact_changes"].filter(pl.col("actor_role") != "self") for m in made(unlogged=0.5, slips=0.0)]
    rows = pl.concat(by_officers)
    calls = rows.filter(pl.col("request_evidence").is_in(CALLS))
    assert (calls["request_evidence"] == "none_found").mean() == pytest.approx(0.5, abs=0.06)
    plain = pl.concat([m.tables["contact_changes"] for m in made(slips=0.0)])
    assert rows.filter(request_evidence="bounce_logged").height == plain.filter(request_evidence="bounce_logged").height > 0
    assert plain.filter(request_evidence="none_found").height == 0


def test_only_the_reasons_differ_from_the_same_contest_with_calls_written_down():
    one, other = (selection(8, replace(BUSY, unlogged=share)).tables for share in (0.0, 0.9))
    assert one["ballot_events"].equals(other["ballot_events"])
    assert one["credential_events"].equals(other["credential_events"])
    assert one["contact_changes"].drop("request_evidence").equals(other["contact_changes"].drop("request_evidence"))


def test_messages_are_opened_after_they_came_by_members_whose_program_tells_and_never_from_lost_letters():
    for m in made(tracked=0.6, voided_share=0.0):
        codes = m.tables["credential_events"]
        came = codes.filter(event="delivered").select("credential_id", "message_id", came_at="at")
        opened = codes.filter(pl.col("event").is_in(("opened", "clicked")))
        known = opened.join(came, on=["credential_id", "message_id"], how="left", nulls_equal=True)
        assert known["came_at"].null_count() == 0
        assert (known["at"] >= known["came_at"]).all()
        clicked = opened.filter(event="clicked").join(opened.filter(event="opened"), on=["credential_id", "message_id"], how="left", nulls_equal=True)  # fmt: skip
        assert (clicked["at"] > clicked["at_right"]).all()
        assert clicked["at_right"].null_count() == 0
        voted = opened.join(first(casts(m), "voted_at"), on="voter_key")
        assert (voted["at"] <= voted["voted_at"]).all()
        assert set(opened["actor_role"]) == {"self"}
        lost, again = set(m.truth["members"]["letter_lost"]), set(reissues(m)["voter_key"])
        assert not set(opened["voter_key"]) & (lost - again)
        sent = codes.filter(event="issued")["voter_key"].n_unique()
        assert 0.2 < opened["voter_key"].n_unique() / sent < 0.55  # 0.6 of the programs tell; some members never read


def test_voters_who_lost_the_confirmation_ask_and_do_not_vote_twice():
    asked = n = 0
    for m in made(asks_again=0.2, voided_share=0.0):
        voted = first(casts(m), "voted_at")
        late = reissues(m).join(voted, on="voter_key").filter(pl.col("at") > pl.col("voted_at"))
        assert set(late["trigger"]) == {"member_request"}
        assert (late["request_at"] >= late["voted_at"].dt.truncate("1s")).all()
        assert (late["request_at"] <= late["at"]).all()
        assert set(late["voter_key"]) <= set(m.truth["office_life"]["asked_again"])
        assert casts(m)["voter_key"].is_unique().all()
        asked, n = asked + late.height, n + voted.height
    assert 0.1 < asked / n < 0.2  # those who ask near the close are not answered


def test_a_voided_ballot_keeps_the_code_it_came_with():
    for m in made(asks_again=0.9, voided_share=0.3):
        events = m.tables["ballot_events"].filter(channel="online")
        pairs = events.filter(event="voided").join(events.filter(event="cast"), on="voter_key", suffix="_cast")
        assert pairs.height > 5
        assert (pairs["credential_id"] == pairs["credential_id_cast"]).all()


@pytest.mark.parametrize("unchecked", [False, True])
def test_codes_nobody_asked_for_reach_voters_only_where_nobody_looks(unchecked):
    n = 0
    for m in made(unchecked=unchecked, courtesy=0.2, voided_share=0.0):
        unasked = reissues(m).filter(trigger="admin_initiated").join(first(casts(m), "voted_at"), on="voter_key")
        n += unasked.filter(pl.col("at") > pl.col("voted_at")).height
        assert casts(m)["voter_key"].is_unique().all()
    assert (n > 20) is unchecked
    assert (n > 0) is unchecked


@pytest.mark.parametrize("name", ["unlogged", "tracked", "asks_again"])
def test_shares_above_one_are_refused(name):
    with pytest.raises(ParameterError, match=rf"{name} = 1\.5\. Expected a share below 1"):
        Setting(**{name: 1.5})
