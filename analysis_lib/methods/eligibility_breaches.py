"""Did anyone vote who was not entitled, or was anyone refused who was?"""

from __future__ import annotations

from typing import Any

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods import entitlement
from analysis_lib.methods.declared import latest_totals
from analysis_lib.methods.double_channel_ballots import channels_of, marks
from analysis_lib.methods.instants import STAMP, by_day, edge
from analysis_lib.methods.members import is_complete, whole_roll
from analysis_lib.methods.recount import declared_once
from analysis_lib.methods.rules_of_voting import casts, standing, without_a_voter
from analysis_lib.results import Assumption, Breach, NotAnswerable, Result, Status, Verdict

NOUN = "eligibility_breaches"
# The reading that each rule of eligibility_tested_at names, and what stands in for it where its data are not held.
IN_FORCE = {
    "freeze": (entitlement.AT_FREEZE, entitlement.AT_ISSUE),
    "issue": (entitlement.AT_ISSUE,),
    "cast": (entitlement.AT_CAST, entitlement.AT_ISSUE),
    "count": (entitlement.AT_COUNT,),
}
ORDINARY = ("resigned", "deceased", "duplicate", "opted_out", "merged")  # reasons for which nobody is refused
EXPLANATIONS = (
    "Fees were paid, or an exception was granted, on paper, and the list held does not show it.",
    "The member was entitled on one day and not on another, and the rules do not say which day counts.",
    "A transfer from another branch was under way, and each list had the member in another state.",
    "A member's number is written in two ways, so that the voter seems to stand on no list.",
    "Whoever was turned away was not on the list of that day, came too late, or went to the wrong hall.",
)
NEEDS = ("ballot_events.voter_key|roll.voted_flag", "roll.eligible")


def eligibility_breaches(found: dict[str, pl.DataFrame], tested_at: str | None) -> tuple[str | None, pl.DataFrame]:
    """Say of every voter, under the rule in force, whether the ballot was one of somebody not entitled.

    Where the rule isn't on record, only who was not entitled under every reading counts, and who was not under some is
    open. So is everybody where the only list was made after the vote and the rule names an earlier day, and where it names
    the freeze, whoever two records tell differently of: entitled by that list and joined later, or not entitled by it and
    entitled by one loaded before the ballot, since a fee booked late looks like a fee paid late.

    Parameters
    ----------
    found : dict of str to DataFrame
        As `entitlement.readings` gives it.
    tested_at : str or None
        freeze, issue, cast or count; null or "unknown": not on record.

    Returns
    -------
    reading : str or None
        The reading that the rule names; null where none is held that fits, so that all are held against each voter.
    rows : DataFrame
        ``voter_key, is_barred, is_open``, and ``is_disputed``: open because the list of the freeze and a later one differ.
    """
    reading = next((name for name in IN_FORCE.get(tested_at or "", ()) if name in found), None)
    if reading is None:
        every = pl.concat(found.values())
        barred = pl.col("is_barred").all() & pl.lit(set(found) != {entitlement.AT_COUNT})
        return None, every.group_by("voter_key").agg(
            is_barred=barred, is_open=(pl.col("is_barred") | pl.col("is_open")).any() & ~barred, is_disputed=pl.lit(False).first()
        ).sort("voter_key")  # fmt: skip
    rows = found[reading]
    late = []
    if tested_at == "freeze" and entitlement.JOINED in found:
        late = found[entitlement.JOINED].filter("is_barred")["voter_key"].to_list()
    joined_late = pl.col("voter_key").is_in(late)
    rows = rows.with_columns(is_disputed=pl.col("is_barred") & pl.col("let_in_later") & ~joined_late)
    barred = pl.col("is_barred") & ~pl.col("is_disputed")
    is_open = (pl.col("is_open") | pl.col("is_disputed") | joined_late) & ~barred
    return reading, rows.select("voter_key", "is_disputed", is_barred=barred, is_open=is_open)


def voters_of(case: Case) -> pl.DataFrame:
    """Give every voter of whom a ballot may stand, once, with the time of the last one; null for who is only ticked in a register."""
    logged = standing(case).filter(pl.col("stands") & (pl.col("perhaps") > 0))
    logged = logged.unique("voter_key", keep="last", maintain_order=True).select("voter_key", *STAMP, "source_id", "source_row")
    registers = case.rows("roll_snapshots").filter(pl.col("purpose") == "marked_register").select("snapshot_id")
    ticked = case.rows("roll").join(registers, on="snapshot_id", how="semi").filter(pl.col("voted_flag").fill_null(False))
    ticked = ticked.select("voter_key", "source_id", "source_row").unique("voter_key", keep="first", maintain_order=True)
    ticked = ticked.join(logged, on="voter_key", how="anti")
    return pl.concat([logged, ticked], how="diagonal").sort("voter_key")


def refusals(case: Case, voters: pl.DataFrame) -> list[dict[str, Any]]:
    """Count who is on record as refused, by how it is known: ``n`` people, ``sure`` of them entitled by a decision, ``open``.

    People who have a ballot that stands all the same are told as ``voted`` and are neither. A complaint that was upheld is sure
    only where it is known that no ballot came of it; those of one member count once. A refused application is open only
    where it closed the one way of voting there was, and came in time. A published number of people turned away says nothing of
    their entitlement, and whom it holds may also stand in the other rows.
    """
    entitled = whole_roll(case).filter("eligible")["voter_key"].implode()
    voted = pl.col("voter_key").is_in(_all_keys(case, voters["voter_key"]).implode()).fill_null(False)
    is_alive = (pl.col("category") == "turned_away") & ~pl.col("outcome").is_in(("withdrawn", "rejected"))
    upheld, by_key = pl.col("outcome") == "upheld", pl.col("voter_key").is_not_null()
    told = case.rows("complaints").filter(is_alive).with_columns(upheld=upheld.fill_null(False)).sort("upheld", descending=True)
    told = told.filter(~by_key | (pl.col("voter_key").cum_count().over("voter_key") == 1)).with_columns(
        voted=voted, sure=pl.col("upheld") & by_key & pl.lit(_tells_who_voted(case, voters))
    )
    close = edge(case, "applications", "closes_at")
    in_time = pl.lit(True) if close is None else (pl.col("at") <= pl.lit(close)).fill_null(True)
    refused = case.rows("vote_applications").filter((pl.col("decision") == "refused") & pl.col("voter_key").is_in(entitled))
    refused = refused.sort("application_id").unique("voter_key", keep="first", maintain_order=True).with_columns(voted=voted)
    is_only_way = len(channels_of(case)) < 2
    off = _taken_off(case).with_columns(voted=voted)
    matters = case.contest["eligibility_tested_at"] == "freeze"
    stays = ~pl.col("voted")
    found = [
        _row("complaints", told, told.filter(stays & pl.col("sure")), told.filter(stays & ~pl.col("sure"))),
        _row("applications", refused, refused.clear(), refused.filter(stays & in_time & pl.lit(is_only_way))),
        _row("taken_off", off, off.clear(), off.filter(stays & pl.lit(matters))),
    ]
    turned = declared_once(case.rows("results"), "turned_away").filter(pl.col("channel") == "all")
    for low, high in turned.select("low", "high").iter_rows():
        found.append({"how": "published", "n": int(high), "voted": 0, "sure": 0, "open": int(low), "upheld": 0})
    return [row for row in found if row["n"]]


def _row(how: str, rows: pl.DataFrame, sure: pl.DataFrame, open_: pl.DataFrame) -> dict[str, Any]:
    """One row of `refusals`; ``upheld``: of those open, refused wrongly by a decision, if they did not vote in the end."""
    upheld = int(open_["upheld"].sum()) if "upheld" in open_.columns else 0
    return {
        "how": how, "n": rows.height, "voted": int(rows["voted"].sum()), "sure": sure.height, "open": open_.height, "upheld": upheld,
    }  # fmt: skip


def _all_keys(case: Case, keys: pl.Series) -> pl.Series:
    """These keys, and those that the same members had before or after."""
    changes = case.rows("roll_changes").filter(pl.col("change").is_in(("key_changed", "merged")))
    both = changes.select("voter_key", "other_voter_key").drop_nulls()
    old = both.filter(pl.col("voter_key").is_in(keys.implode()))["other_voter_key"]
    return pl.concat([keys, old, both.filter(pl.col("other_voter_key").is_in(keys.implode()))["voter_key"]])


def _tells_who_voted(case: Case, voters: pl.DataFrame) -> bool:
    """Whether the voters of every channel are held, all of them, so that whoever is not among them did not vote."""
    given = standing(case)
    is_whole = voters.height > 0 and not without_a_voter(case) and is_complete(case, "ballot_events" if given.height else "roll")
    ways = {*given["channel"], *marks(case, given)["channel"]}
    unnamed = case.rows("roll").filter(pl.col("voted_flag").fill_null(False) & pl.col("voted_channel").is_null()).height
    return is_whole and (unnamed > 0 or not channels_of(case) - ways)


def _taken_off(case: Case) -> pl.DataFrame:
    """Members entitled on the copy of the freeze and not on a later one that was loaded, but for those who resigned or died."""
    before = entitlement.at_the_freeze(case).filter("eligible")
    gone = before.join(whole_roll(case).filter("eligible"), on="voter_key", how="anti").select("voter_key")
    changes = case.rows("roll_changes")
    ordinary = changes.filter(
        pl.col("reason").is_in(ORDINARY) | pl.col("change").is_in(("transferred_out", "merged", "key_changed"))
    )
    named = pl.concat([ordinary["voter_key"], ordinary["other_voter_key"]]).drop_nulls().implode()
    return gone.filter(~pl.col("voter_key").is_in(named))


def margin(case: Case) -> int | None:
    """Give the votes between the last elected and the first not elected, as they are declared; null where they aren't held."""
    totals, _ = latest_totals(case.rows("results"))
    seats = case.contest["seats"]
    return totals[seats - 1][1] - totals[seats][1] if len(totals) > seats else None


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package."""
    voters = voters_of(case)
    found = entitlement.readings(case, voters) if voters.height else {}
    refused = refusals(case, voters)
    if not found and not any(row["sure"] + row["open"] for row in refused):
        reason = "Who voted and who was entitled are needed together, or a record of people who were refused."
        return (NotAnswerable(method=NOUN, reason=reason, needs=(*NEEDS, "results.n (item turned_away)|complaints.category")),)
    tested_at = case.contest["eligibility_tested_at"]
    reading, rows = eligibility_breaches(found, tested_at) if found else (None, _nobody(voters))
    barred, n_open = int(rows["is_barred"].sum()), int(rows["is_open"].sum())
    sure, open_ = (sum(row[name] for row in refused) for name in ("sure", "open"))
    verdict = Verdict.BREACH_RECORDED if barred + sure else Verdict.UNDETERMINED if n_open + open_ else Verdict.NO_BREACH
    return (
        Breach(
            method=NOUN,
            rule="whoever is entitled may vote, and nobody else",
            verdict=verdict,
            statistic=barred + sure,
            statistic_name="voters not entitled, and members refused although entitled",
            n_observations=voters.height if found else sum(row["n"] for row in refused),
            n_excluded=without_a_voter(case),
            assumptions=_assumptions(tested_at, reading, found),
            innocent_explanations=EXPLANATIONS,
            parameters={"zone": case.contest["timezone"]},
            details={
                "tested_at": tested_at or "unknown",
                "reading": reading,
                "barred": barred,
                "open": n_open,
                "disputed": int(rows["is_disputed"].sum()),
                "refused": sure,
                "refused_open": open_,
                "refusals": refused,
                "by_reading": [
                    {
                        "reading": name,
                        "barred": int(own["is_barred"].sum()),
                        "open": int(own["is_open"].sum()),
                        "voters": own.height,
                    }
                    for name, own in found.items()
                ],
                "reasons": _reasons(case, rows.filter("is_barred")),
                "struck": _struck(case, voters, tested_at) if found else 0,
                "margin": margin(case),
                "rows": _rows(voters, rows.filter("is_barred"), case.contest["timezone"]),
            },
        ),
    )


def _nobody(voters: pl.DataFrame) -> pl.DataFrame:
    return voters.select("voter_key", is_barred=pl.lit(False), is_open=pl.lit(False), is_disputed=pl.lit(False)).clear()


def _struck(case: Case, voters: pl.DataFrame, tested_at: str | None) -> int:
    """Members not entitled who gave a ballot of which none stands: the rule was kept."""
    last = casts(case).drop_nulls("voter_key").sort("at", "event_id").unique("voter_key", keep="last", maintain_order=True)
    others = last.join(voters, on="voter_key", how="anti").select("voter_key", *STAMP)
    found = entitlement.readings(case, others) if others.height else {}
    return int(eligibility_breaches(found, tested_at)[1]["is_barred"].sum()) if found else 0


def _reasons(case: Case, barred: pl.DataFrame) -> list[dict[str, Any]]:
    """Count the voters not entitled by the reason that a list gives."""
    reasons = (
        case.rows("roll")
        .filter(~pl.col("eligible"))
        .sort("snapshot_id")
        .group_by("voter_key")
        .agg(pl.col("ineligible_reason").last())
    )
    told = barred.join(reasons, on="voter_key", how="left").with_columns(
        reason=pl.col("ineligible_reason").fill_null("none on file")
    )
    return told.group_by("reason").len("n").sort("n", "reason", descending=[True, False]).to_dicts()


def _rows(voters: pl.DataFrame, barred: pl.DataFrame, zone: str) -> list[dict[str, Any]]:
    """How many ballots or ticks there are, by source and day: the row of a register and the minute of a ballot tell whose."""
    return by_day(voters.join(barred.select("voter_key"), on="voter_key", how="semi"), zone)


def _assumptions(tested_at: str | None, reading: str | None, found: dict[str, pl.DataFrame]) -> tuple[Assumption, ...]:
    if tested_at in IN_FORCE:
        evidence = f"On record: tested at the {tested_at}."
        if found and reading != IN_FORCE[tested_at][0]:
            evidence += (
                " No list of that moment is held; another one stands in for it."
                if reading
                else " No list of that moment is held."
            )
    else:
        evidence = "The rule is not on record, so that only who was not entitled under every reading counts."
    return (
        Assumption(
            statement="The day on which members had to be entitled is the one on record.",
            status=Status.UNTESTED,
            evidence=evidence,
        ),
        Assumption(
            statement="A list says rightly who was entitled on its day.",
            status=Status.UNTESTED,
            evidence="Lists are all that is held of it; fees and exceptions may stand on paper.",
        ),
    )
