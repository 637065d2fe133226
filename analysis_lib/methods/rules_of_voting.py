"""Rules that every cast ballot and every credential keeps, row by row. Shared by record_rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods.ballot_kinds import CAST, COUNTED, KEYED_IN, KIOSK
from analysis_lib.methods.entitlement import doubted_voters
from analysis_lib.methods.instants import STAMP, possibly_before, stamped, surely_before
from analysis_lib.methods.members import is_complete, whole_roll

UNDONE = ("superseded", "voided", "rejected", "excluded_from_count", "quarantined")
ISSUED = ("issued", "reissued_new", "printed", "resent_same")
FIRST_ISSUED = ("issued", "printed")
BY_CODE = ("online", "online_kiosk", "phone", "sms")  # ways of voting that need a code before
UNASKED = ("admin_initiated", "bulk_issue", "reminder", "system")  # the log says that nobody asked and nothing had gone wrong
ASKED_FOR = ("member_request", "self_service")
REPLACING = ("last_counts", "first_counts", "paper_overrides_online")
ROW = ("source_id", "source_row", "at")
NO_ROWS = pl.DataFrame(schema={"source_id": pl.String, "source_row": pl.Int64, "at": pl.Datetime("us", "UTC")})


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """How many rows a rule was held against, which break it for certain, and how many perhaps; `looked` is null where it can't be asked."""

    looked: int | None
    broken: pl.DataFrame = field(default_factory=lambda: NO_ROWS)
    undetermined: int = 0


NOT_ASKED = Looked(looked=None)


def looked_at(rows: pl.DataFrame, breaks: pl.Expr, perhaps: pl.Expr | None = None) -> Looked:
    """Hold a rule against every row: `breaks` for certain, `perhaps` under some reading."""
    if not rows.height:
        return NOT_ASKED
    judged = rows.with_columns(
        breaks=breaks.fill_null(False), perhaps=(pl.lit(False) if perhaps is None else perhaps).fill_null(False)
    )
    return Looked(
        looked=rows.height,
        broken=judged.filter("breaks").select(ROW),
        undetermined=judged.filter(~pl.col("breaks") & pl.col("perhaps")).height,
    )


def casts(case: Case) -> pl.DataFrame:
    """Events that bring a ballot in, with the instants that their clocks allow."""
    return stamped(case.rows("ballot_events").filter(pl.col("event").is_in(COUNTED)), case)


def without_a_voter(case: Case) -> int:
    """Count the ballots whose voter is not held, of whom nothing can be asked."""
    return case.rows("ballot_events").filter(pl.col("event").is_in(COUNTED) & pl.col("voter_key").is_null()).height


def on_the_roll(case: Case) -> Looked:
    """V01: cast only by a voter on the roll in force, or let in by a change of the roll.

    Who stands on it as not entitled breaks the rule only if entitlement was settled with that copy; tested
    at the cast or the count, or at a time not known, it is undetermined. So it is for who stands on another
    copy alone, and for anybody missing if the roll has gaps or rows of it were left out for a fault.
    """
    roll, own = whole_roll(case), casts(case).drop_nulls("voter_key")
    if not roll.height:
        return NOT_ASKED
    changes = case.rows("roll_changes")
    let_in = changes.filter(~pl.col("change").is_in(("removed", "transferred_out")))
    keys = pl.concat([let_in.select("voter_key"), let_in.select(voter_key="other_voter_key")])["voter_key"].unique().drop_nulls()
    entry = own.join(roll.select("voter_key", "eligible"), on="voter_key", how="left", maintain_order="left")
    is_let_in = pl.col("voter_key").is_in(keys.to_list())
    is_missing, is_barred = pl.col("eligible").is_null(), ~pl.col("eligible").fill_null(True)
    is_settled = pl.lit(case.contest["eligibility_tested_at"] in ("freeze", "issue"))
    is_theirs = entry["eligible"].count() * 2 >= entry.height  # a branch's own list says nothing of the other voters
    is_whole = pl.lit(is_complete(case, "roll") and not case.package.n_left_out.get("roll", 0) and is_theirs)
    on_a_copy = pl.col("voter_key").is_in(case.rows("roll")["voter_key"].unique().to_list())
    is_sure = is_missing & ~on_a_copy & is_whole | is_barred & is_settled
    is_doubted = pl.col("voter_key").is_in(
        doubted_voters(case, own.unique("voter_key", keep="last", maintain_order=True)).implode()
    )
    return looked_at(entry, is_sure & ~is_let_in & ~is_doubted, is_barred | is_missing & ~is_let_in)


def _first(rows: pl.DataFrame, key: str, events: Sequence[str] = ()) -> pl.DataFrame:
    """The first event of each key; left out where it is none of `events`."""
    first = rows.drop_nulls([key, "at"]).sort("at", "event_id").unique(key, keep="first", maintain_order=True)
    return (first.filter(pl.col("event").is_in(events)) if events else first).select(key, *STAMP)


def after_first_issue(case: Case) -> Looked:
    """V02: cast not before the first issue of that credential; where it isn't named, of the voter's first one.

    Only of votes that need a code, and only where the log holds the first issue: a code sent again, or a
    new one, shows that there was one before. By voter, in a log that may have gaps, it is undetermined.
    """
    issues = stamped(case.rows("credential_events").filter(pl.col("event").is_in(ISSUED)), case)
    own = casts(case).filter(pl.col("event").is_in(CAST) & pl.col("channel").is_in(BY_CODE)).drop_nulls("at")
    codes = _first(issues, "credential_id", ("issued", "printed", "reissued_new"))
    by_code = own.join(codes, on="credential_id", suffix="_of_right").with_columns(is_sure=pl.lit(True))
    unnamed, members = own.filter(pl.col("credential_id").is_null()), _first(issues, "voter_key", FIRST_ISSUED)
    by_voter = unnamed.join(members, on="voter_key", suffix="_of_right")
    pairs = pl.concat([by_code, by_voter.with_columns(is_sure=pl.lit(is_complete(case, "credential_events")))])
    return looked_at(pairs.sort("at", "event_id"), pl.col("is_sure") & surely_before(), possibly_before())


def live_credential(case: Case) -> Looked:
    """V04: no credential is used after it was revoked, or after another took its place and ended it.

    A use within the units of both stamps (two seconds, for clocks that tell seconds) was on its way when the code ended.
    """
    events = stamped(case.rows("credential_events"), case)
    used = events.filter(pl.col("event") == "used").select("event_id", "credential_id", "source_id", "source_row", *STAMP)
    uses = pl.concat([used, casts(case).select(used.columns)]).drop_nulls(["credential_id", "at"])
    other = (pl.col("credential_id") != pl.col("replaces_credential_id")).fill_null(True)  # the same code again ends none
    replaced = events.filter(pl.col("old_credential_killed") & other).with_columns(credential_id="replaces_credential_id")
    ends = _first(pl.concat([events.filter(pl.col("event") == "revoked"), replaced]), "credential_id")
    if not ends.height:
        return NOT_ASKED
    pairs = uses.join(ends, on="credential_id", how="left", suffix="_of_right", maintain_order="left")
    on_its_way = pl.duration(seconds=pl.col("unit_s") + pl.col("unit_s_of_right"))
    pairs = pairs.with_columns(pl.col("at_of_right", "earliest_of_right", "latest_of_right") + on_its_way)
    ended = pl.col("at_of_right").is_not_null()
    return looked_at(pairs, ended & surely_before("_of_right", ""), ended & possibly_before("_of_right", ""))


def one_ballot_each(case: Case) -> Looked:
    """V05: at most one ballot of a voter stands."""
    last = standing(case).unique("voter_key", keep="last", maintain_order=True)
    return looked_at(last, doubled(), pl.col("perhaps") > 1)


def doubled() -> pl.Expr:
    """Whether more than one ballot of a voter stands for certain; of the columns of `standing`."""
    return pl.col("is_sure") & (pl.col("certain") > 1)


def standing(case: Case) -> pl.DataFrame:
    """Give every ballot with a voter, and how many of that voter's stand.

    Where the log says which is current, those are counted; else ballots less those superseded, voided or
    rejected. Where one ballot may replace another and the log marks none, more than one is undetermined, as it
    is where two may be one that stands in two sources, or where two strokes may have struck the same one.

    Returns
    -------
    DataFrame
        Rows of ``ballot_events`` in order of time, with ``stands`` (not struck by its id, or marked as current),
        ``is_double`` (the same ballot in another source), and of the voter ``certain`` and ``perhaps``, the fewest and
        most ballots that stand, and ``is_sure``: the log says which one counts, or no ballot may replace another.
    """
    cast, policy = _with_doubles(casts(case).drop_nulls("voter_key")), case.contest["revote_policy"]
    undone = case.rows("ballot_events").drop_nulls("voter_key").filter(pl.col("event").is_in(UNDONE))
    ballot = ["voter_key", "ballot_id"]
    named = cast.select(ballot).drop_nulls().join(undone, on=ballot, how="semi").unique().with_columns(is_struck=True)
    struck = undone.join(named, on=ballot, how="anti").group_by("voter_key", "event", "source_id").len("n")
    # One stroke may stand in two sources, and one ballot may be superseded and left out of the count as well.
    strokes = struck.group_by("voter_key").agg(most=pl.col("n").sum(), fewest=pl.col("n").max())
    voters = cast.join(named, on=ballot, how="left").join(strokes, on="voter_key", how="left")
    own = (pl.col("is_current").is_not_null() | pl.col("may_be_double")).all().over("voter_key")
    n_named = pl.col("is_struck").sum().over("voter_key")
    voters = voters.with_columns(
        marked=own, fewest=(pl.col("fewest") - n_named).clip(0).fill_null(0), most=pl.col("most").fill_null(0),
        stands=pl.when(own).then("is_current").otherwise(pl.col("is_struck").is_null()),
    )  # fmt: skip

    def left(counted: pl.Expr, undone: str) -> pl.Expr:
        n = (pl.col("stands") & counted).sum().over("voter_key").cast(pl.Int64)
        return n - pl.when("marked").then(0).otherwise(pl.col(undone).cast(pl.Int64))

    return voters.with_columns(
        certain=left(~pl.col("may_be_double"), "most"), perhaps=left(~pl.col("is_double"), "fewest"),
        is_sure=pl.col("marked") | pl.lit(policy == "none"),
    ).sort("at", "event_id")  # fmt: skip


def _with_doubles(cast: pl.DataFrame) -> pl.DataFrame:
    """Mark ballots that stand in another source before: for certain by id or by the same stamp, perhaps where times allow it.

    A ballot that was keyed in or imported bears the time of that, so its stamp tells nothing of it. A kiosk's ballot may
    stand as an online one in another source.
    """
    way = pl.col("channel").replace({KIOSK: "online"})
    rows = cast.sort(pl.col("is_current").is_null(), "source_id", "at", "event_id").with_row_index("place").with_columns(way=way)
    pairs = rows.join(rows, on=["voter_key", "way"], suffix="_of_right").filter(
        (pl.col("place") > pl.col("place_of_right")) & (pl.col("source_id") != pl.col("source_id_of_right"))
    )
    same_id = pl.col("ballot_id") == pl.col("ballot_id_of_right")  # null where one of them isn't known
    same_stamp = (pl.col("at") == pl.col("at_of_right")).fill_null(False)
    keyed_in = pl.any_horizontal(pl.col("event", "event_of_right").is_in(KEYED_IN))
    together = keyed_in | ~(surely_before() | surely_before("_of_right", ""))
    pairs = pairs.with_columns(is_double=same_id.fill_null(same_stamp), may_be_double=same_id.fill_null(together))
    found = pairs.group_by("place").agg(pl.col("is_double", "may_be_double").any())
    marked = (
        rows.drop("way").join(found, on="place", how="left").with_columns(pl.col("is_double", "may_be_double").fill_null(False))
    )
    return marked.with_columns(pl.col("may_be_double") | pl.col("is_double"))


def no_reissue_after_voting(case: Case) -> Looked:
    """V06: no new credential to a voter whose ballot stands, unless it was asked for.

    It isn't asked where votes may be replaced. It is undetermined where the log doesn't say what set it off,
    or says that a message came back or a contact was changed, and where a ballot of the voter was taken out.
    """
    reissued = case.rows("credential_events").filter(pl.col("event") == "reissued_new").drop_nulls(["voter_key", "at"])
    first = _first(casts(case).filter(pl.col("is_current").fill_null(True)), "voter_key")
    policy = case.contest["revote_policy"]
    if policy in REPLACING or not first.height:
        return NOT_ASKED
    pairs = stamped(reissued, case).join(first, on="voter_key", how="left", suffix="_of_right", maintain_order="left")
    undone = case.rows("ballot_events").filter(pl.col("event").is_in(UNDONE))["voter_key"].drop_nulls().unique()
    not_asked_for = ~pl.col("trigger").is_in(ASKED_FOR).fill_null(False) & pl.col("request_at").is_null()
    voted = pl.col("at_of_right").is_not_null() & not_asked_for
    is_sure = pl.col("trigger").is_in(UNASKED) & ~pl.col("voter_key").is_in(undone.to_list()) & pl.lit(policy == "none")
    return looked_at(pairs, voted & is_sure & surely_before("_of_right", ""), voted & possibly_before("_of_right", ""))


def ballots_and_casts(case: Case) -> Looked:
    """V10: every ballot id once among the events that bring one in; no ballot without such an event and none of them without a ballot.

    Only in the channels that both files hold. A ballot that was replaced or taken out need not be in the
    file of those counted, and of a file that may have gaps, what is missing from it is undetermined.
    """
    events = case.rows("ballot_events").drop_nulls("ballot_id")
    undone = events.filter(pl.col("event").is_in(UNDONE) | (~pl.col("is_current")).fill_null(False))
    cast = events.filter(pl.col("event").is_in(COUNTED)).sort("at", "event_id")
    papers = (
        case.rows("ballot_choices")
        .unique("ballot_id", keep="first", maintain_order=True)
        .with_columns(at=pl.lit(None, cast["at"].dtype))
    )
    if not cast.height:
        return NOT_ASKED
    doubled = cast.filter(pl.col("ballot_id").cum_count().over("ballot_id") > 1)
    lone = [papers.clear().select(ROW)]
    if papers.height:
        same = [frame["channel"].drop_nulls().unique().to_list() for frame in (cast, papers)]
        with_no_cast = papers.join(cast, on="ballot_id", how="anti").filter(pl.col("channel").is_in(same[0]).fill_null(True))
        with_no_paper = cast.join(pl.concat([papers.select("ballot_id"), undone.select("ballot_id")]), on="ballot_id", how="anti")
        with_no_paper = with_no_paper.filter(pl.lit(not same[1]) | pl.col("channel").is_in(same[1]))
        lone = [with_no_cast.select(ROW), with_no_paper.select(ROW)]
    missing = pl.concat(lone)
    is_sure = is_complete(case, "ballot_events") and is_complete(case, "ballot_choices")
    return Looked(
        looked=cast.height + papers.height,
        broken=pl.concat([doubled.select(ROW), missing if is_sure else missing.clear()]),
        undetermined=0 if is_sure else missing.height,
    )
