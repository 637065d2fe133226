"""Every sum that published figures allow, for the contest, its channels and its units at once. Shared by totals_reconciliation."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import polars as pl

from analysis_lib.methods.declared import with_declaration
from analysis_lib.methods.identities import FIELDS, WHOLE

PLACE = ("declaration", "unit", "channel")
DISPOSALS = ("ballots_valid", "ballots_spoiled", "ballots_blank", "ballots_rejected", "ballots_voided")
SET_ASIDE = ("ballots_spoiled", "ballots_blank", "ballots_rejected")
SUMMED = ("candidate", "ballots_received", "ballots_valid", "eligible", "ballots_issued")
TELLING = ("ballots_received", "ballots_valid", "eligible", "ballots_issued")  # where these add up, no part is missing
BETWEEN = " / "  # between the names of a unit and of those it is a part of, the largest first
PARTS = {"channel": ("all", "channels"), "unit": (WHOLE, "units")}
LEAST_COUNTS = 2  # positive counts that two units must share to be listed: of one, small units agree by chance
SCHEMA = dict.fromkeys(FIELDS, pl.String) | dict.fromkeys(
    ("left_low", "left_high", "right_low", "right_high", "gap"), pl.Float64
)  # fmt: skip


def cells(results: pl.DataFrame) -> pl.DataFrame:
    """Give one row per figure and declaration, as a range ``low`` to ``high`` (null: not published).

    Conflicting claims of one figure become a range, so that a clash of papers is no breach. An empty
    unit stands for the whole contest, an empty candidate for all of them.
    """
    rows = with_declaration(results).with_columns(
        pl.col("unit", "candidate_id", "to_candidate_id").fill_null(""),
        low=pl.coalesce("lo", "n"),
        high=pl.coalesce("hi", "n"),
    )
    rows = rows.with_columns(whole=pl.all_horizontal(pl.col("low", "high").is_not_null()))
    return rows.group_by(*PLACE, "round", "item", "candidate_id", "to_candidate_id").agg(
        pl.col("low").filter("whole").min(),
        pl.col("high").filter("whole").max(),
        weighted=pl.col("weighted_n").drop_nulls().first(),
    )


def parents(units: Collection[str]) -> dict[str, str]:
    """Give the unit of which each is a part: "County / Precinct" of "County" where that is listed; else the whole."""
    held = {*units} - {WHOLE}

    def above(unit: str) -> str:
        steps = unit.split(BETWEEN)
        longer = (BETWEEN.join(steps[:n]) for n in range(len(steps) - 1, 0, -1))
        return next((name for name in longer if name in held), WHOLE)

    return {unit: above(unit) for unit in sorted(held)}


def _in_words() -> pl.Expr:
    channel = pl.col("channel").str.replace_all("_", " ")
    return pl.when(pl.col("channel") == "all").then(pl.lit("")).otherwise(pl.format(" ({})", channel))


def _of_round() -> pl.Expr:
    number = pl.when(pl.col("round") <= 1).then(pl.lit("")).otherwise(pl.format(", round {}", "round"))
    return pl.concat_str(number, _in_words())


def checked(
    left: pl.DataFrame,
    right: pl.DataFrame,
    on: Sequence[str],
    check: str,
    name: str | pl.Expr,
    sides: tuple[str, str],
    relation: str | pl.Expr = "equal",
) -> pl.DataFrame:
    """Set two frames of ranges against each other wherever both have a row."""  # fmt: skip
    both = left.join(right, on=list(on), suffix="_of_right")
    both = both.with_columns(
        name=pl.lit(name) if isinstance(name, str) else name,
        relation=pl.lit(relation) if isinstance(relation, str) else relation,
    )
    over = pl.max_horizontal(pl.lit(0), pl.col("low") - pl.col("high_of_right"))
    under = pl.max_horizontal(pl.lit(0), pl.col("low_of_right") - pl.col("high"))
    return both.select(
        check=pl.lit(check), name="name", declaration="declaration", unit="unit", counted=pl.lit("ballot"),
        left=pl.lit(sides[0]), left_low="low", left_high="high", right=pl.lit(sides[1]), right_low="low_of_right",
        right_high="high_of_right", relation="relation",
        gap=pl.when(pl.col("relation") == "equal").then(pl.max_horizontal(over, under)).otherwise(over), cause=pl.lit(""),
    ).cast(SCHEMA)  # fmt: skip


def once(figures: pl.DataFrame, *items: str) -> pl.DataFrame:
    """Total of items that belong to no round: given again by round or by candidate, they count once."""
    rows = figures.filter(pl.col("item").is_in(items)).drop_nulls("low")
    whole = pl.col("candidate_id") == ""
    rows = rows.filter(pl.col("round") == pl.col("round").min().over(*PLACE, "item"))
    rows = rows.filter(whole | ~whole.any().over(*PLACE, "item"))
    return rows.group_by(PLACE).agg(pl.col("low", "high").sum())


def _votes(figures: pl.DataFrame, *items: str) -> pl.DataFrame:
    rows = figures.filter(pl.col("item").is_in(items)).drop_nulls("low")
    counted = rows.group_by(*PLACE, "round").agg(pl.col("low", "high").sum(), candidates=(pl.col("item") == "candidate").any())
    return counted.filter("candidates")


def _whole_rounds(figures: pl.DataFrame, candidates: Collection[str]) -> pl.DataFrame:
    """Rounds in which the votes are held of every candidate and, after the first, of exhausted papers."""
    rows = figures.filter(pl.col("item") == "candidate")
    known = rows.select("declaration", "round", "candidate_id").unique()
    first = known.filter(pl.col("round") <= 1).select("declaration", "round").unique()
    stood = first.join(pl.DataFrame({"candidate_id": list(candidates)}, schema={"candidate_id": pl.String}), how="cross")
    expected = pl.concat([known, stood.select(known.columns)]).unique().group_by("declaration", "round").len("expected")
    held = rows.drop_nulls("low").group_by(*PLACE, "round").agg(held=pl.col("candidate_id").n_unique())
    exhausted = figures.filter(pl.col("item") == "exhausted").drop_nulls("low").select(*PLACE, "round").unique()
    exhausted = exhausted.with_columns(exhausted=pl.lit(True))
    counted = held.join(expected, on=["declaration", "round"]).join(exhausted, on=[*PLACE, "round"], how="left")
    enough = (pl.col("round") <= 1) | pl.col("exhausted").fill_null(False)
    return counted.filter((pl.col("held") == pl.col("expected")) & enough).select(*PLACE, "round", whole=pl.lit(True))


def ballots_accounted_for(figures: pl.DataFrame) -> pl.DataFrame:
    """R07, and no more ballots received than were issued or than members are entitled."""
    received, valid = once(figures, "ballots_received"), once(figures, "ballots_valid")
    disposed = once(figures, *DISPOSALS).join(valid, on=PLACE, how="semi")
    aside = once(figures, *SET_ASIDE).select(*PLACE, aside=pl.lit(True))
    # Without a count of ballots set aside, some may have been and not published.
    disposed = disposed.join(aside, on=PLACE, how="left")
    relation = pl.when(pl.col("aside")).then(pl.lit("equal")).otherwise(pl.lit("at_most"))
    name = pl.format("every ballot received is accounted for{}", _in_words())
    sides = ("valid + spoilt + blank + rejected + voided", "ballots received")
    found = [checked(disposed, received, PLACE, "R07", name, sides, relation)]
    for item, label in (("ballots_issued", "ballots issued"), ("eligible", "eligible members")):
        name = pl.format(f"no more ballots received than {label}{{}}", _in_words())
        found.append(checked(received, once(figures, item), PLACE, "R07", name, ("ballots received", label), "at_most"))
    return pl.concat(found)


def votes_and_ballots(figures: pl.DataFrame, candidates: Collection[str]) -> pl.DataFrame:
    """R08: in each round the votes are the valid ballots, and no later round has more votes than the first."""
    received, valid = once(figures, "ballots_received"), once(figures, "ballots_valid")
    whole = _whole_rounds(figures, candidates)
    votes = _votes(figures, "candidate", "exhausted").join(whole, on=[*PLACE, "round"], how="left")
    relation = pl.when(pl.col("whole")).then(pl.lit("equal")).otherwise(pl.lit("at_most"))
    name = pl.format("candidates' votes are the valid ballots{}", _of_round())
    rest = votes.join(valid, on=PLACE, how="anti")
    over = pl.format("no more votes than ballots received{}", _of_round())
    firsts = _votes(figures, "candidate").filter(pl.col("round") == 1).join(whole, on=[*PLACE, "round"], how="semi")
    # A unit made of others would only repeat what its parts show.
    made_of_others = {*parents(figures["unit"].unique()).values()} - {WHOLE}
    later = _votes(figures, "candidate").filter((pl.col("round") > 1) & ~pl.col("unit").is_in(made_of_others))
    more = pl.format("no more votes than in the first round{}", _of_round())
    return pl.concat(
        [
            checked(votes, valid, PLACE, "R08", name, ("candidates' votes", "valid ballots"), relation),
            checked(rest, received, PLACE, "R08", over, ("candidates' votes", "ballots received"), "at_most"),
            checked(
                later, firsts.drop("round"), PLACE, "R08", more, ("votes of the round", "votes of the first round"), "at_most"
            ),
        ]
    )


def _decimals(values: pl.Series) -> int:
    return next((dp for dp in range(6) if ((values - values.round(dp)).abs() < 1e-9).all()), 6)


def parts_and_whole(figures: pl.DataFrame, by: str) -> pl.DataFrame:
    """R09: the parts of a total, its channels or its units, add up to it.

    Fewer in the parts than in the total is a breach only where ballots received, valid or issued, or the
    members entitled, show that no part is missing.
    """
    whole_name, parts_name = PARTS[by]
    rest = [name for name in PLACE if name != by]
    keys = [*rest, by, "round", "item", "candidate_id"]
    rows = figures.filter(pl.col("item").is_in(SUMMED))
    own = rows.filter(pl.col(by) != whole_name)
    over = parents(own["unit"].unique()) if by == "unit" else dict.fromkeys(own["channel"].unique(), whole_name)
    parts = own.with_columns(pl.col(by).replace_strict(over, return_dtype=pl.String)).group_by(keys).agg(
        pl.col("low", "high", "weighted").sum(), n_parts=pl.col("low").count(), n_weighted=pl.col("weighted").count()
    )  # fmt: skip
    whole = rows.filter(pl.col(by).is_in({*over.values()}))
    both = parts.filter(pl.col("n_parts") > 0).join(whole.drop_nulls("low"), on=keys, suffix="_of_whole")
    agree = (pl.col("low") == pl.col("high_of_whole")) & (pl.col("high") == pl.col("low_of_whole"))
    telling = both.filter(agree & pl.col("item").is_in(TELLING)).group_by(*rest, by).agg(n_telling=pl.col("n_parts").max())
    is_whole = pl.col("n_parts") == pl.col("n_telling")
    relation = pl.when(is_whole.fill_null(False)).then(pl.lit("equal")).otherwise(pl.lit("at_most"))
    who = pl.when(pl.col("candidate_id") == "").then(pl.lit("")).otherwise(pl.format(" of {}", "candidate_id"))
    where = _in_words() if by == "unit" else pl.lit("")
    item = pl.col("item").str.replace_all("_", " ")
    name = pl.format(f"{parts_name} add up to the total: {{}}{{}}, round {{}}{{}}", item, who, "round", where)
    counted = parts.filter(pl.col("n_parts") > 0).join(telling, on=[*rest, by], how="left")
    sides = (f"sum over {parts_name}", "total")
    sums = checked(counted, whole.drop_nulls("low"), keys, "R09", name, sides, relation)
    rounding = 0.5 * 10.0 ** -_decimals(rows["weighted"].drop_nulls())
    spread = rounding * pl.col("n_weighted")
    weighted = parts.filter(pl.col("n_weighted") > 0).with_columns(
        low=pl.col("weighted") - spread, high=pl.col("weighted") + spread
    )
    total = whole.drop_nulls("weighted").with_columns(low=pl.col("weighted") - rounding, high=pl.col("weighted") + rounding)
    named = pl.format("{}, weighted", name)
    return pl.concat([sums, checked(weighted, total, keys, "R09", named, sides, "at_most")])


def transfers(figures: pl.DataFrame) -> pl.DataFrame:
    """R10: what a candidate gained on the round before was transferred, and the pile of one who leaves is all passed on.

    Checked only in rounds that list transfers. A transfer to nobody is a paper exhausted; where none is
    listed, the growth of the exhausted papers takes its place.
    """
    rounds, who = [*PLACE, "round"], [*PLACE, "round", "candidate_id"]
    moves = figures.filter(pl.col("item") == "transfer").drop_nulls("low")
    piles = figures.filter((pl.col("item") == "candidate") & (pl.col("high") > 0)).select(*who, "low", "high")
    before = piles.with_columns(pl.col("round") + 1).join(moves, on=rounds, how="semi")
    gains = piles.join(before, on=who, suffix="_before").select(
        *who, low=pl.col("low") - pl.col("high_before"), high=pl.col("high") - pl.col("low_before")
    )
    papers = figures.filter(pl.col("item") == "exhausted").drop_nulls("low").select(*rounds, "low", "high")
    earlier = papers.select(*PLACE, pl.col("round") + 1, before="high")
    exhausted = papers.join(earlier, on=rounds, how="left").select(*rounds, more=pl.col("low") - pl.col("before").fill_null(0))
    exhausted = exhausted.join(moves.filter(pl.col("to_candidate_id") == ""), on=rounds, how="anti")
    into = moves.group_by(*rounds, candidate_id="to_candidate_id").agg(pl.col("low", "high").sum())
    out = moves.group_by(who).agg(pl.col("low", "high").sum()).join(exhausted, on=rounds, how="left")
    out = out.with_columns(pl.col("more").fill_null(0))
    loss = out.select(*who, low=-pl.col("high") - pl.col("more"), high=-pl.col("low"))
    unnamed = moves.filter(pl.col("candidate_id") == "")
    still = gains.join(unnamed, on=rounds, how="anti").select(*who, low=pl.lit(0, pl.Int64), high=pl.lit(0, pl.Int64))
    moved = pl.concat([into, loss, still]).group_by(who).agg(pl.col("low", "high").sum())
    gone = before.join(piles, on=who, how="anti").filter(pl.len().over(rounds) == 1)
    onward = out.with_columns(pl.col("low", "high") + pl.col("more"))
    gained = pl.format("what candidate {} gained is what was transferred, round {}{}", "candidate_id", "round", _in_words())
    passed = pl.format("candidate {}'s pile is all passed on, round {}{}", "candidate_id", "round", _in_words())
    return pl.concat(
        [
            checked(gains, moved, who, "R10", gained, ("gained", "transferred")),
            checked(onward, gone, who, "R10", passed, ("transferred and exhausted", "pile")),
        ]
    )


def identical_units(figures: pl.DataFrame) -> list[list[str]]:
    """List groups of units with the same figures throughout, of which at least two are above zero: possible doubles."""
    rows = figures.filter((pl.col("unit") != WHOLE) & (pl.col("high") > 0))
    names = ("declaration", "channel", "round", "item", "candidate_id", "to_candidate_id", "low", "high")
    figured = rows.with_columns(figure=pl.concat_str(*names, separator="\t")).group_by("unit").agg(pl.col("figure").sort())
    figured = figured.filter(pl.col("figure").list.len() >= LEAST_COUNTS).with_columns(pl.col("figure").list.join("\n"))
    over = parents(figured["unit"])
    figured = figured.with_columns(over=pl.col("unit").replace_strict(over, return_dtype=pl.String))
    alike = figured.select(over="unit", figure="figure")
    figured = figured.join(alike, on=["over", "figure"], how="anti")  # a part that is all of its unit has the unit's figures
    groups = figured.group_by("figure").agg(pl.col("unit").sort()).filter(pl.col("unit").list.len() > 1)
    return sorted(groups["unit"].to_list())
