"""Does more than one ballot of a member stand, in two channels?"""

from __future__ import annotations

from typing import Any

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods.instants import by_day
from analysis_lib.methods.recount import declared_once
from analysis_lib.methods.rules_of_voting import REPLACING, doubled, standing, without_a_voter
from analysis_lib.results import Assumption, Breach, NotAnswerable, Result, Status, Verdict

NOUN = "double_channel_ballots"
LOG = "log"
SAME_AS = {"online_kiosk": "online"}  # two records may call one ballot either
PAPERS = ("postal", "proxy")  # ticked off when they come in, and may be put aside before the count
NO_CHANNEL = ("other", "unknown", "officer_entered")  # says how a ballot was recorded, not where it was given
EXPLANATIONS = (
    "The rules let one ballot replace another, and the log or the register does not mark the one that was replaced.",
    "A ballot went wrong, was given again in the hall, and the first one was left standing by oversight.",
    "A line of a register was ticked beside the wrong name, or two members were mixed up.",
    "A ballot given on a tablet in the hall stands in the register of the hall and in the log as an online one.",
    "A paper was ticked off when it came in and put aside before the count, since the member had voted in another way.",
    "Two numbers were joined for one member who had votes by two routes, each of them allowed.",
)
NEEDS = ("ballot_events.voter_key|roll.voted_flag",)


def double_channel_ballots(voters: pl.DataFrame) -> pl.DataFrame:
    """Say of every voter in the log whether ballots stand in two channels.

    Two ballots in one channel are no business of this question: they are counted with the row rules.

    Parameters
    ----------
    voters : DataFrame
        As `rules_of_voting.standing` gives it: one row per ballot.

    Returns
    -------
    DataFrame
        One row per ``voter_key``: ``channels`` in which a ballot was given, sorted and joined, ``n_channels`` in which one
        stands, and ``place``: "two channels", "one channel" (more than one ballot stands, or may, in the same one),
        "open" (perhaps two channels), "replaced" (given in two, one stands) or "single". ``is_sure`` says of "one channel"
        whether it is certain. A ballot of no channel, such as one typed in, may be of any.
    """
    counted, is_known = pl.col("stands") & ~pl.col("is_double"), ~pl.col("channel").is_in(NO_CHANNEL)
    per_channel = voters.filter(counted).group_by("voter_key", "channel").len()
    of_any = pl.col("len").filter(~is_known).sum()
    held = per_channel.group_by("voter_key").agg(
        n_channels=pl.len().cast(pl.Int64), largest=(pl.col("len").filter(is_known).max().fill_null(0) + of_any).cast(pl.Int64)
    )
    given = voters.filter(~pl.col("is_double")).sort("channel").group_by("voter_key").agg(
        n_given=pl.col("channel").filter(is_known).n_unique(), channels=pl.col("channel").unique(maintain_order=True).str.join(" and "),
        is_sure=doubled().any(), certain=pl.col("certain").max(), perhaps=pl.col("perhaps").max(),
    )  # fmt: skip
    rows = given.join(held, on="voter_key", how="left").with_columns(pl.col("n_channels", "largest").fill_null(0))
    place = (
        # More ballots stand than any one channel holds, whichever of them a stroke without an id took out.
        pl.when(pl.col("is_sure") & (pl.col("certain") > pl.col("largest"))).then(pl.lit("two channels"))
        .when((pl.col("perhaps") > 1) & (pl.col("n_channels") > 1)).then(pl.lit("open"))
        .when(pl.col("perhaps") > 1).then(pl.lit("one channel"))
        .when(pl.col("n_given") > 1).then(pl.lit("replaced"))
        .otherwise(pl.lit("single"))
    )  # fmt: skip
    return rows.with_columns(place=place).select("voter_key", "channels", "n_channels", "place", "is_sure").sort("voter_key")


def marks(case: Case, voters: pl.DataFrame) -> pl.DataFrame:
    """Give who is marked as having voted where: ``record`` (a register, or the log), ``voter_key``, ``channel``, ``is_sure``.

    Of the log, voters of whom a ballot may stand; sure where one does. Marks without a channel are left out. In
    ``may_be_aside``: the ballot may have been put aside before the count (see `put_aside`).
    """
    registers = case.rows("roll_snapshots").filter(pl.col("purpose") == "marked_register").select("snapshot_id")
    ticked = case.rows("roll").join(registers, on="snapshot_id", how="semi").filter(pl.col("voted_flag").fill_null(False))
    ticked = ticked.select(record="snapshot_id", voter_key="voter_key", channel="voted_channel", is_sure=pl.lit(True))
    logged = voters.filter(pl.col("stands") & (pl.col("perhaps") > 0)).select(
        "voter_key", "channel", record=pl.lit(LOG), is_sure=pl.col("certain") > 0
    )
    found = pl.concat([ticked, logged.select(ticked.columns)]).drop_nulls("channel").unique()
    aside = put_aside(found, case.rows("results"))
    return found.with_columns(may_be_aside=pl.col("channel").is_in(list(aside))).sort("record", "voter_key", "channel")


def put_aside(marked: pl.DataFrame, results: pl.DataFrame) -> dict[str, int]:
    """Give, by channel, how many ballots of voters marked may have been put aside before the count, where any may.

    Those with fewer ballots counted than voters marked; and of papers that come in, those of which the numbers are not equal,
    or of which it isn't held how many were counted.
    """
    held = admitted(results)
    given = marked.group_by("channel").agg(pl.col("voter_key").n_unique()).sort("channel").iter_rows()
    most = {way: n if way in PAPERS and held.get(way, n + 1) > n else n - held.get(way, n) for way, n in given}
    return {way: n for way, n in most.items() if n > 0}


def admitted(results: pl.DataFrame) -> dict[str, int]:
    """Count the ballots that came to the count, by channel: valid, spoilt and blank ones, or those received less those taken out."""
    items = ("ballots_valid", "ballots_spoiled", "ballots_blank", "ballots_received", "ballots_rejected", "ballots_voided")
    valid, spoiled, blank, received, rejected, voided = (
        dict(declared_once(results, item).filter(pl.col("low") == pl.col("high")).select("channel", "low").iter_rows())
        for item in items
    )
    left = {way: n - rejected[way] - voided.get(way, 0) for way, n in received.items() if way in rejected}
    return left | {way: n + spoiled.get(way, 0) + blank.get(way, 0) for way, n in valid.items()}


def across_records(marked: pl.DataFrame, *, is_one_each: bool) -> pl.DataFrame:
    """Give the voters marked in two records under two channels: ``voter_key``, ``channels``, ``is_sure``, ``is_aside``.

    It is sure only of records that share no channel, such as the register of a hall and the log of a platform, and only
    where no ballot may replace another. Of two registers that both hold every channel, one may correct the other.
    ``is_aside``: it would be sure if none of the two ballots could have been put aside before the count.
    """
    firm = marked.filter(~pl.col("channel").is_in(NO_CHANNEL)).with_columns(pl.col("channel").replace(SAME_AS)).unique()
    # A kiosk stands in a hall, whose register may claim its ballots too.
    kiosks = marked.filter(pl.col("channel") == "online_kiosk")["record"].unique().to_list()
    held = {record: set(channels) for record, channels in firm.group_by("record").agg(pl.col("channel").unique()).iter_rows()}
    pairs = firm.join(firm, on="voter_key", suffix="_of_other").filter(
        (pl.col("record") < pl.col("record_of_other")) & (pl.col("channel") != pl.col("channel_of_other"))
    )
    apart = [f"{a} {b}" for a in held for b in held if not held[a] & held[b] and not {a, b} & set(kiosks)]
    is_apart = pl.format("{} {}", "record", "record_of_other").is_in(apart)
    names = pl.concat_list("channel", "channel_of_other").list.sort().list.join(" and ")
    both = pl.col("is_sure") & pl.col("is_sure_of_other")
    beyond_doubt = is_apart & both & pl.lit(is_one_each)
    aside = pl.col("may_be_aside") | pl.col("may_be_aside_of_other")
    pairs = pairs.with_columns(channels=names, sure=beyond_doubt & ~aside, aside=beyond_doubt & aside)
    found = pairs.sort("voter_key", "channels").group_by("voter_key", maintain_order=True)
    return found.agg(
        pl.col("channels").first(), is_sure=pl.col("sure").any(), is_aside=pl.col("aside").any() & ~pl.col("sure").any()
    )


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package."""
    voters = standing(case)
    marked, policy = marks(case, voters), case.contest["revote_policy"]
    held = sorted({*voters["channel"].unique(), *marked["channel"].unique()})
    absent = sorted(channels_of(case) - set(held))
    if not held or (len(held) == 1 and absent):
        reason = (
            f"Voters are held of one channel only ({held[0].replace('_', ' ')})." if held else "No record says by voter who voted in which channel."
        )  # fmt: skip
        return (NotAnswerable(method=NOUN, reason=reason, needs=("ballot_events.voter_key|roll.voted_channel",)),)
    logged = double_channel_ballots(voters)
    beyond = across_records(marked, is_one_each=policy == "none").join(
        logged.filter(pl.col("place") == "two channels"), on="voter_key", how="anti"
    )
    two, told = logged.filter(pl.col("place") == "two channels"), beyond.filter("is_sure")
    open_in_log = logged.filter(pl.col("place") == "open")["voter_key"]
    open_keys = {*open_in_log, *beyond.filter(~pl.col("is_sure"))["voter_key"]}
    aside = beyond.filter(pl.col("is_aside") & ~pl.col("voter_key").is_in(open_in_log.implode())).height
    beyond_aside = max(0, aside - sum(put_aside(marked, case.rows("results")).values()))  # of whom nobody can say which
    n_across = told.height + beyond_aside
    n_open, n_two = len(open_keys - {*told["voter_key"]}) - beyond_aside, two.height + n_across
    same = logged.filter(pl.col("is_sure") & (pl.col("place") != "two channels")).height
    verdict = Verdict.BREACH_RECORDED if n_two else Verdict.UNDETERMINED if n_open else Verdict.NO_BREACH
    return (
        Breach(
            method=NOUN,
            rule="no member has ballots that stand in two channels",
            verdict=verdict,
            statistic=n_two,
            statistic_name="members with ballots that stand in two channels",
            n_observations=pl.concat([logged["voter_key"], marked["voter_key"]]).n_unique(),
            n_excluded=without_a_voter(case),
            assumptions=_assumptions(policy),
            innocent_explanations=EXPLANATIONS,
            parameters={"zone": case.contest["timezone"]},
            details={
                "policy": policy or "unknown",
                "channels": held,
                "channels_not_held": absent,
                "in_log": two.height,
                "across_records": n_across,
                "same_channel": same,
                "open": n_open,
                "aside": aside - beyond_aside,
                "replaced": int((logged["place"] == "replaced").sum()),
                "may_replace": policy in REPLACING,
                "by_channels": _by_channels(logged, beyond),
                "rows": _rows(voters, two, case.contest["timezone"]),
            },
        ),
    )


def channels_of(case: Case) -> set[str]:
    """Ways of voting that this contest had, by whatever is held of it."""
    published = case.rows("results").filter((pl.col("item") == "ballots_received") & (pl.col("n") > 0))["channel"]
    open_ = case.rows("contest_windows").filter(pl.col("kind") == "voting")["channel"]
    return {*published, *open_, *case.rows("ballot_events")["channel"]} - {"all", *NO_CHANNEL}


def _by_channels(logged: pl.DataFrame, beyond: pl.DataFrame) -> list[dict[str, Any]]:
    """Voters by the channels in which their ballots were given, and what became of it."""
    places = {"two channels": "stand", "open": "open", "replaced": "replaced"}
    rows = logged.filter(pl.col("place").is_in(list(places)) & (pl.col("channels").str.contains(" and ", literal=True)))
    own = rows.select("channels", record=pl.lit("log"), what=pl.col("place").replace(places))
    other = beyond.select(
        "channels", record=pl.lit("two_records"), what=pl.when("is_sure").then(pl.lit("stand")).otherwise(pl.lit("open"))
    )
    both = pl.concat([own, other]).group_by("channels", "record").agg(
        (pl.col("what") == what).sum().cast(pl.Int64).alias(what) for what in places.values()
    )  # fmt: skip
    return both.with_columns(pl.col("channels").str.replace_all("_", " ")).sort("channels", "record").to_dicts()


def _rows(voters: pl.DataFrame, two: pl.DataFrame, zone: str) -> list[dict[str, Any]]:
    """How many second ballots there are, by source, channel and day; the minute of one would tell whose it is."""
    own = voters.filter(pl.col("stands") & ~pl.col("is_double")).join(two.select("voter_key"), on="voter_key", how="semi")
    return by_day(own.filter(pl.col("voter_key").cum_count().over("voter_key") > 1), zone, "channel")


def _assumptions(policy: str | None) -> tuple[Assumption, ...]:
    told = {
        "none": "The rules let no ballot replace another.",
        None: "What the rules say of a second ballot is not held.",
        "unknown": "What the rules say of a second ballot is not held.",
    }.get(policy, "The rules let one ballot replace another: two are counted only where the log marks both as standing.")
    return (
        Assumption(
            statement="Equal keys stand for one member, and different keys for two.",
            status=Status.UNTESTED,
            evidence="One person with two memberships, or under two spellings, is not looked for: that takes names, which are not held.",
        ),
        Assumption(statement="The rule on second ballots is the one on record.", status=Status.UNTESTED, evidence=told),
    )
