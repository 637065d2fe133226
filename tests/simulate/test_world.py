"""What made-up selections promise to the methods that are calibrated on them."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from made_up import casts, reissues

from analysis_lib.simulate import Setting, peers, selection
from analysis_lib.simulate.setting import hour_edges

HORIZONS_S = (600, 3600, 86_400)


def test_hourly_noise_has_its_mean_and_spread(clean):
    noise = np.concatenate([made.truth["hourly_noise"] for made in clean])
    se = 0.6 / np.sqrt(noise.size)
    assert noise.mean() == pytest.approx(1, abs=4 * se)
    assert noise.std() == pytest.approx(0.6, abs=0.02)  # gamma: kurtosis 3 + 6 cv^2, SE of the deviation 0.0025
    assert set(selection(1, replace(Setting(), noise_cv=0.0)).truth["hourly_noise"]) == {1.0}


def test_noise_moves_the_pace_of_ballots():
    # Pearson residuals of hourly counts against the mean of noiseless peers: their mean square is about 1 + mean * cv^2.
    still, edges = replace(Setting(), noise_cv=0.0), hour_edges(Setting())
    readings = peers(0, 40, still)["turnout_counts"].filter((pl.col("as_of") - still.opens_at).dt.total_seconds() % 3600 == 0)
    counts = readings.sort("contest_id", "as_of")["voted_n"].to_numpy().reshape(40, -1)
    share = np.diff(counts.sum(axis=0)) / counts[:, -1].sum()
    squares = {}
    for cv in (0.0, 1.0):
        found = []
        for seed in range(15):
            made = selection(seed, replace(still, noise_cv=cv))
            own = np.histogram([(at - still.opens_at).total_seconds() for at in casts(made)["at"]], edges)[0]
            mean = own.sum() * share
            found += ((own - mean) ** 2 / np.maximum(mean, 1e-9))[mean >= 0.5].tolist()
        squares[cv] = np.mean(found)
    assert squares[0.0] < 1.4 < 1.7 < squares[1.0]


def test_housemates_share_a_network_and_vote_together_sometimes():
    together = pairs = shared = 0
    at_home = replace(Setting(), mobile_share=0.0, office_share=0.0)
    made_ones = [selection(seed, at_home) for seed in range(40)]
    for made in made_ones:
        at, ip, device = (dict(casts(made).select("voter_key", c).iter_rows()) for c in ("at", "ip_key", "device_key"))
        assert len(made.truth["households"]) == pytest.approx(75, abs=6)
        for one, other in made.truth["households"]:
            if one in at and other in at:
                assert ip[one] == ip[other]
                pairs += 1
                together += abs(at[one] - at[other]) <= timedelta(minutes=30)
                shared += device[one] == device[other]
        assert len(set(ip.values())) == len(at) - sum(one in at and other in at for one, other in made.truth["households"])
        roll = made.tables["roll"]
        place, home = (dict(roll.select("voter_key", c).iter_rows()) for c in ("source_row", "address_key"))
        assert all(abs(place[one] - place[other]) == 1 and home[one] == home[other] for one, other in made.truth["households"])
    assert 0.4 < together / pairs < 0.9
    assert 0.15 < shared / pairs < 0.5  # of those who vote along, half
    alone = [selection(seed, replace(at_home, vote_along=0.0)) for seed in range(20)]
    assert sum(m.truth["counts"]["ballots_online"] for m in alone) < sum(
        m.truth["counts"]["ballots_online"] for m in made_ones[:20]
    )


def test_telephones_share_few_gateways(clean):
    largest = [casts(made).group_by("ip_key").len()["len"].sort(descending=True).to_list()[:8] for made in clean[:30]]
    ballots = sum(casts(made).height for made in clean[:30])
    assert sum(map(sum, largest)) / ballots == pytest.approx(0.15, abs=0.03)


def test_some_answer_a_reminder_within_minutes():
    quiet, prompt = (
        [selection(seed, replace(Setting(), noise_cv=0.0, prompt_reply=share)) for seed in range(10)] for share in (0.0, 0.05)
    )

    def within(made_ones):
        return sum(
            casts(made).filter((pl.col("at") >= sent) & (pl.col("at") < sent + timedelta(minutes=30))).height
            for made in made_ones
            for sent in Setting().reminders
        )

    assert within(prompt) > 2 * within(quiet)


def test_hours_may_remember_the_one_before():
    noise = np.array(selection(3, replace(Setting(), noise_memory=0.6)).truth["hourly_noise"])
    assert np.corrcoef(noise[1:], noise[:-1])[0, 1] == pytest.approx(0.57, abs=0.15)  # a little below 0.6, on gamma scale
    assert noise.std() == pytest.approx(0.6, abs=0.15)


def test_lost_days_are_missing_from_the_log_and_from_nothing_else():
    whole, cut = selection(3), selection(3, replace(Setting(), lost_days=frozenset({4, 5})))
    assert cut.tables["results"].equals(whole.tables["results"])
    days = (casts(cut)["at"] - Setting().opens_at).dt.total_seconds() // 86400
    assert 0 < casts(cut).height < casts(whole).height
    assert not set(days) & {4, 5}
    assert cut.tables["sources"].filter(source_id="platform")["completeness"].to_list() == ["partial_known"]


def test_choices_stand_in_no_order_and_add_up_to_the_result(clean):
    drift = []
    for made in clean[:20]:
        choices, results = made.tables["ballot_choices"], made.tables["results"]
        for channel in ("online", "in_person"):
            own = choices.filter(channel=channel)
            for candidate in ("ash", "birch"):
                told = results.filter(channel=channel, item="candidate", candidate_id=candidate)["n"].item()
                assert own.filter(candidate_id=candidate).height == told
        bins = choices.drop_nulls("cast_bin").group_by("cast_bin").len()
        assert bins["len"].min() >= 10
        order = choices.filter(channel="online").sort("ballot_id")["cast_bin"].dt.epoch("s").to_numpy()
        drift.append(np.corrcoef(np.arange(order.size), order)[0, 1])
    assert abs(np.mean(drift)) < 0.1  # the numbers of the ballots tell nothing of their times


def test_a_trend_of_choice_shows_in_late_ballots():
    made = [selection(seed, replace(Setting(), n_members=2000, choice_trend=2.0)) for seed in range(5)]
    online = pl.concat([m.tables["ballot_choices"].filter(channel="online") for m in made])
    middle = Setting().opens_at + timedelta(days=7)
    share = {
        late: (online.filter((pl.col("cast_bin") >= middle) == late)["candidate_id"] == "ash").mean() for late in (False, True)
    }
    assert share[True] - share[False] > 0.1


def test_running_numbers_follow_the_clock_within_the_time_of_a_commit(clean):
    for made in clean[:20]:
        rows = made.tables["ballot_events"].sort("seq")
        assert rows["seq"].is_unique().all()
        assert (rows["at"].diff().drop_nulls().dt.total_seconds() >= -2).all()


def test_enough_reissues_of_both_kinds(clean):
    counts = [Counter(made.truth["counts"]["reissues"]) for made in clean]
    for kind in ("member_request", "admin_initiated"):
        assert np.mean([c[kind] for c in counts]) >= 20
        assert np.quantile([c[kind] for c in counts], 0.05) >= 14


def delays(selections):
    """Seconds from reissue to ballot by kind; infinite where none followed."""
    rows = []
    for made in selections:
        cast = casts(made).select("voter_key", cast_at="at")
        rows.append(reissues(made).join(cast, on="voter_key", how="left", maintain_order="left"))
    pooled = pl.concat(rows).with_columns(delay=(pl.col("cast_at") - pl.col("at")).dt.total_seconds().fill_null(10**9))
    return {kind: pooled.filter(trigger=kind)["delay"].to_numpy() for kind in ("member_request", "admin_initiated")}


def test_ballots_follow_both_kinds_of_reissue_alike_in_a_clean_world(clean):
    delay = delays(clean)
    for horizon in HORIZONS_S:
        asked, unasked = (delay[kind] <= horizon for kind in ("member_request", "admin_initiated"))
        se = np.sqrt(asked.var() / asked.size + unasked.var() / unasked.size)
        assert asked.mean() == pytest.approx(unasked.mean(), abs=3 * se)
    assert 0.05 < (delay["member_request"] <= 600).mean() < 0.2


def test_those_who_asked_can_be_made_readier():
    delay = delays([selection(seed, replace(Setting(), request_readiness=0.9)) for seed in range(30)])
    assert (delay["member_request"] <= 3600).mean() > (delay["admin_initiated"] <= 3600).mean() + 0.2


def test_branches_differ_in_reissues_more_than_chance(clean):
    # Moment estimate of rho: E (k - np)^2 = n p (1 - p) (1 + (n - 1) rho), each selection about its own rate.
    excess = scale = 0.0
    for made in clean:
        units = made.tables["roll"].join(
            reissues(made).select("voter_key").unique().with_columns(hit=1), on="voter_key", how="left"
        )
        by_unit = units.group_by("unit").agg(k=pl.col("hit").sum(), n=pl.len())
        k, n = by_unit["k"].to_numpy(), by_unit["n"].to_numpy()
        p = k.sum() / n.sum()
        excess += ((k - n * p) ** 2 - n * p * (1 - p)).sum()
        scale += (n * (n - 1) * p * (1 - p)).sum()
        assert n.min() >= 10
        assert n.max() > 1.5 * n.min()
    assert 0.005 < excess / scale < 0.025
    assert np.mean([list(made.truth["branch_factor"].values()) for made in clean]) == pytest.approx(1, abs=0.05)


def test_administrators_are_exchangeable(clean):
    # Given an administrator's reissues, as many are unasked as anybody's: z-scores of the hypergeometric have mean 0.
    scores = []
    for made in clean:
        rows = reissues(made).with_columns(unasked=pl.col("trigger") == "admin_initiated")
        total, unasked = rows.height, rows["unasked"].sum()
        busiest = rows.group_by("actor_key").agg(k=pl.col("unasked").sum(), n=pl.len()).sort("n", "actor_key").tail(1)
        n, mean = busiest["n"][0], busiest["n"][0] * unasked / total
        scores.append((busiest["k"][0] - mean) / np.sqrt(mean * (1 - unasked / total) * (total - n) / (total - 1)))
    assert np.mean(scores) == pytest.approx(0, abs=3 / np.sqrt(len(scores)))
    assert 0.75 < np.std(scores) < 1.25


def test_preference_does_not_depend_on_the_channel_unless_it_is_made_to(clean):
    def gap(selections):
        counts = pl.concat([m.tables["results"] for m in selections]).filter(item="candidate").group_by("channel", "candidate_id")
        n = {(channel, name): total for channel, name, total in counts.agg(pl.col("n").sum()).iter_rows()}
        a, b, c, d = (n[channel, name] for channel in ("online", "in_person") for name in ("ash", "birch"))
        return np.log(a * d / (b * c)), np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)

    value, se = gap(clean)
    assert value == pytest.approx(0, abs=3 * se)
    value, se = gap([selection(seed, replace(Setting(), channel_log_odds=0.8)) for seed in range(20)])
    assert value == pytest.approx(0.8, abs=3 * se)


def test_declared_figures_add_up(clean, planted):
    for made in clean[:20] + planted:
        n = {
            (c, item, name): count
            for c, item, name, count in made.tables["results"].select("channel", "item", "candidate_id", "n").iter_rows()
        }
        for channel in ("online", "in_person", "all"):
            received, valid = n[channel, "ballots_received", None], n[channel, "ballots_valid", None]
            assert received == valid + n[channel, "ballots_spoiled", None] <= n[channel, "ballots_issued", None]
            assert valid == n[channel, "candidate", "ash"] + n[channel, "candidate", "birch"]
        for item in {(item, name) for _, item, name in n} - {("eligible", None)}:
            assert n["all", *item] == n["online", *item] + n["in_person", *item]
        events = Counter(made.tables["ballot_events"]["channel"])
        assert events == {channel: n[channel, "ballots_received", None] for channel in ("online", "in_person")}
        assert n["all", "eligible", None] == made.tables["roll"].height
