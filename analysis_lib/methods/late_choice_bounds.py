"""How many of the late ballots can have been for each candidate, and could they have changed the result?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods import ballots_outside_window
from analysis_lib.methods.around_the_close import DISPLAY_LAG_S, KEYED
from analysis_lib.methods.ballot_kinds import COUNTED
from analysis_lib.methods.choice_counts import cut_at, cuts_that_differ, form_of
from analysis_lib.methods.declared import latest_totals, with_declaration
from analysis_lib.methods.interim_totals import Interim, interim_totals, late_totals, nearest_cut, read_together
from analysis_lib.methods.members import roll_in_force
from analysis_lib.results import Assumption, Bounds, Estimate, NotAnswerable, Result, Status, Verdict
from analysis_lib.stats.bounds import most_ahead, overlap_bounds

NOUN = "late_choice_bounds"
EXPLANATIONS = (
    "A ballot is late for many ordinary reasons: a queue, a session open at the close, paper keyed in afterwards.",
    "A result that could have changed need not have changed: the bounds are the worst case, whatever was chosen.",
)
AFTER_CLOSE = 0
TIMES, CLOSE = "ballot_events.at|turnout_counts.voted_n|results.as_of", "contest_windows.closes_at"
LACKING = {TIMES: "no times of ballots, running count or interim totals are held", CLOSE: "no close of the voting is held"}
LEVELS = (("unit", "channel"), ("unit",), ("channel",), ())  # the finest that both the declared and the late figures allow


def late_choice_bounds(
    cells: pl.DataFrame, *, form: str = "", seats: int = 1, one_round: bool = True, parameters: Mapping[str, Any] | None = None
) -> Bounds:
    """Bound how many late ballots each candidate can have had, and what removing them can have done.

    This is the worst case over all ways in which the late ballots can have been cast, not a probability.

    Parameters
    ----------
    cells : DataFrame
        One row for each cell and candidate: ``cell``, ``candidate``, ``n`` (declared), ``late`` (late ballots of the cell, the same in each of
        its rows), and ``late_n`` (that candidate's late ballots, null where only the bounds are known).
    seats : int
        Places filled; fewer than there are candidates.
    one_round : bool
        Whether votes are counted once; where preferences transfer, first preferences alone don't decide.

    Returns
    -------
    Bounds
        Statistic: late ballots. Effect: the lead that is left if all of them are removed, in ballots, at both ends; 0 or below:
        another candidate would have been level or in front. The verdict asks for less: whether some of them, all for the last
        candidate elected, are as many as the lead; a tie counts as changed.
    """
    wide = {name: rows.sort("cell") for (name,), rows in cells.group_by("candidate", maintain_order=True)}
    sizes = cells.group_by("cell").agg(pl.col("n").sum(), pl.col("late").first()).sort("cell")
    size, late = sizes["n"].to_numpy(), sizes["late"].to_numpy()
    exact = cells["late_n"].null_count() == 0
    rows = []
    for name, own in wide.items():
        n = own["n"].to_numpy()
        low, high = (int(own["late_n"].sum()),) * 2 if exact else overlap_bounds(late, n, size)
        rows.append({"candidate": name, "ballots": int(n.sum()), "late_low": low, "late_high": high})
    rows.sort(key=lambda row: (-row["ballots"], row["candidate"]))
    elected, others = rows[:seats], rows[seats:]
    pairs = [(_lead_left(a["candidate"], b["candidate"], wide, late, size, exact=exact), a, b) for a in elected for b in others]
    (lead_low, lead_high, lead), a, b = min(pairs, key=lambda pair: (pair[0][0], pair[0][2]))
    enough = [
        (a["ballots"] - b["ballots"], a, b)
        for a in elected
        for b in others
        if a["late_high"] >= max(1, a["ballots"] - b["ballots"])
    ]
    n_late = int(late.sum())
    if n_late and not one_round:
        verdict = Verdict.UNDETERMINED
    else:
        verdict = Verdict.COULD_CHANGE if enough and n_late else Verdict.COULD_NOT_CHANGE
    return Bounds(
        method=NOUN, form=form, verdict=verdict, statistic=n_late, statistic_name="late ballots",
        effect=Estimate(
            name=f"lead of {a['candidate']} over {b['candidate']} if all late ballots are removed", value=lead if exact else (lead_low + lead_high) / 2,
            low=lead_low, high=lead_high, confidence_level=None, unit="ballots",
        ),
        n_observations=int(size.sum()), n_excluded=0,
        assumptions=_assumptions(exact, one_round), innocent_explanations=EXPLANATIONS, references=("duncan1953",),
        parameters=dict(parameters or {}),
        details={
            "candidates": rows, "is_exact": exact, "n_cells": sizes.height, "seats": seats, "one_round": one_round,
            "margin": a["ballots"] - b["ballots"], "fewest": min((n for n, _, _ in enough), default=None),
            "elected": a["candidate"], "rival": b["candidate"],
        },
    )  # fmt: skip


def _lead_left(a: str, b: str, wide: Mapping[str, pl.DataFrame], late: Any, size: Any, *, exact: bool) -> tuple[int, int, int]:
    """Lead of one candidate over another with all late ballots removed: lowest, highest, and as declared less what is known."""
    first, second = wide[a]["n"].to_numpy(), wide[b]["n"].to_numpy()
    lead = int(first.sum() - second.sum())
    if exact:
        left = lead - int(wide[a]["late_n"].sum() - wide[b]["late_n"].sum())
        return left, left, left
    return lead - most_ahead(late, first, second, size), lead + most_ahead(late, second, first, size), lead


def _assumptions(exact: bool, one_round: bool) -> tuple[Assumption, ...]:
    found = [
        Assumption(
            statement="The late ballots are among those declared, and the declared figures are right.",
            status=Status.UNTESTED,
            evidence="The late ballots are counted from running totals by candidate." if exact
            else "A late ballot that was never counted can put 'at least' off; the verdict rests on 'at most' alone.",
        ),
        Assumption(
            statement="A ballot counts as late by the clock as recorded.",
            status=Status.UNTESTED,
            evidence="What other readings of the clock give is shown beside the question on ballots outside the window.",
        ),
    ]  # fmt: skip
    if not one_round:
        found.append(
            Assumption(
                statement="One round, one vote each: first preferences alone decide.",
                status=Status.FAILS,
                evidence="Preferences transfer. Removing fewer ballots than the lead can change who leaves first; the ranked ballots themselves are needed.",
            )
        )
    return tuple(found)


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package: for ballots after the close, and with interim totals at each cut-off of the plan.

    Every contest has more ballots on its last day than many a lead is wide; that they "could have changed the
    result" is no finding, so ballots cast in time are bounded only where totals tell them candidate by candidate.
    """
    interim, seats = interim_totals(case), case.contest["seats"]
    totals, declaration = latest_totals(case.rows("results"), first_round=True)
    if not totals and interim is not None:  # declared by branch alone
        totals = list(late_totals(interim, interim.instants[0]).select("candidate", "n").iter_rows())
    if len(totals) <= seats:
        return (
            _missing(
                "",
                "The totals of the candidates are not held, or there are no more candidates than places.",
                ("results.n (item candidate)",),
            ),
        )
    rounds = case.rows("results").filter(pl.col("item") == "candidate")["round"].n_unique()
    one_round = case.contest["voting_method"] == "FPP" and rounds == 1
    names = dict(case.rows("candidates").select("candidate_id", "display_name").iter_rows())
    found: list[Result] = []
    seen: set[tuple[Any, ...]] = set()
    for cut_s in sorted(case.plan.late_cuts_s) if interim is not None else (AFTER_CLOSE,):
        form, parameters = form_of(cut_s), {"cut_s": cut_s, "zone": case.contest["timezone"]}
        cells, at, told = _cells(case, cut_s, totals, interim, declaration)
        if cells is None:
            found.append(_uncounted(case, form, interim))
            continue
        counted = tuple(cells.select("cell", "candidate", "n", "late", "late_n").rows())
        if counted in seen:
            continue  # two cut-offs with the same late ballots are one answer: that nearest to the close
        seen.add(counted)
        named = cells.with_columns(pl.col("candidate").replace(names))
        result = late_choice_bounds(named, form=form, seats=seats, one_round=one_round, parameters=parameters)
        details = dict(result.details) | {"cut_at": at if at is not None else cut_at(case, "all", cut_s), "cut_s": cut_s} | told
        result = replace(result, details=details)
        if at is not None and interim is not None:
            result = replace(
                result, assumptions=(*result.assumptions, read_together(interim, at, int(result.statistic), are_late=True))
            )
        if result.verdict is Verdict.COULD_CHANGE and not _lateness_is_recorded(case, interim, at, cut_s):
            result = replace(result, verdict=Verdict.UNDETERMINED)
        if result.details["is_exact"] and 0 < result.statistic < case.package.min_cell:
            result = _without_choices(result)
        found.append(result)
    return tuple(found)


def _without_choices(result: Bounds) -> Bounds:
    """Leave out whom a handful of late ballots were for: who voted late may be known, and so how they voted."""
    unknown = {"late_low": None, "late_high": None}
    rows = [row | unknown for row in result.details["candidates"]]
    return replace(result, effect=None, details=dict(result.details) | {"candidates": rows, "is_few": True})


def _lateness_is_recorded(case: Case, interim: Interim | None, at: datetime | None, cut_s: int) -> bool:
    """Whether it is on record that these ballots came late: not only counted, shown or, under one reading of a clock, stamped late."""
    if at is None:
        return ballots_outside_window.late_on_record(case)
    wanted = cut_at(case, "all", cut_s)
    if wanted is None or interim is None or interim.left_out.height:
        return False
    moved = interim.counted_since(at).filter(pl.col("n").fill_null(1) > 0)  # of the others none is late
    away = (moved["own"] - wanted).dt.total_seconds().abs()
    return bool((away <= DISPLAY_LAG_S).fill_null(False).all())


def _missing(form: str, reason: str, needs: tuple[str, ...]) -> NotAnswerable:
    return NotAnswerable(method=NOUN, form=form, reason=reason, needs=needs)


def _uncounted(case: Case, form: str, interim: Interim | None) -> NotAnswerable:
    """Say what keeps late ballots from being counted, and name only columns that aren't held."""
    needs = case.missing((TIMES, CLOSE))
    lacking = [text for need, text in LACKING.items() if need in needs]
    open_ = "the times and closes held do not tell which ballots are late"
    if interim is not None:
        open_ = "a candidate's running total is above the final figure, so that its difference tells nothing"
    why = " and ".join(lacking) or open_
    return _missing(form, f"The late ballots cannot be counted: {why}.", needs or ("results.as_of",))


def _cells(
    case: Case, cut_s: int, totals: list[tuple[str, int]], interim: Interim | None, declaration: str
) -> tuple[pl.DataFrame | None, datetime | None, dict[str, Any]]:
    """Declared and late ballots by cell, the reading used as the cut if there is one, and what is to be told of the cut.

    Interim totals come first: they are exact.
    """
    wanted = cut_at(case, "all", cut_s)
    if interim is not None and wanted is not None:
        at = nearest_cut(interim.instants, wanted)
        exact = late_totals(interim, at)
        if (exact["late"] >= 0).all():
            return exact.select(pl.lit("").alias("cell"), "candidate", "n", pl.col("late").sum(), late_n="late"), at, {}
    late, told = _late_ballots(case, cut_s)
    if late is None:
        return None, None, {}
    for level in LEVELS:
        declared = _declared(case, level, totals, declaration)
        counted = late.group_by(pl.concat_str(*level, separator=" / ").alias("cell") if level else pl.lit("").alias("cell")).agg(
            pl.col("late").sum()
        )
        if declared is None or not set(counted.filter(pl.col("late") > 0)["cell"]) <= set(declared["cell"]):
            continue
        cells = declared.join(counted, on="cell", how="left").with_columns(
            pl.col("late").fill_null(0), late_n=pl.lit(None, pl.Int64)
        )
        if (
            cells.group_by("cell").agg(pl.col("n").sum(), pl.col("late").first()).filter(pl.col("late") > pl.col("n")).height == 0
            or not level
        ):
            return cells.with_columns(late=pl.min_horizontal("late", pl.col("n").sum().over("cell"))), None, told
    return None, None, {}


def _declared(case: Case, level: tuple[str, ...], totals: list[tuple[str, int]], declaration: str) -> pl.DataFrame | None:
    """Candidates' first-round totals by cell; null where they don't add up to the whole."""
    if not level:
        return pl.DataFrame([{"cell": "", "candidate": candidate, "n": n} for candidate, n in totals])
    rows = with_declaration(case.rows("results")).filter(
        (pl.col("item") == "candidate") & (pl.col("declaration") == declaration) & pl.col("candidate_id").is_not_null()
    )
    rows = rows.filter(pl.col("round") == pl.col("round").min()).drop_nulls("n")
    for column, whole in (("unit", pl.col("unit").is_null()), ("channel", pl.col("channel") == "all")):
        rows = rows.filter(~whole if column in level else whole)
    cells = rows.group_by(pl.concat_str(*level, separator=" / ").alias("cell"), candidate="candidate_id").agg(
        pl.col("n").first().cast(pl.Int64), claims=pl.col("n").n_unique()
    )
    sums = dict(cells.group_by("candidate").agg(pl.col("n").sum()).iter_rows())
    if not cells.height or (cells["claims"] > 1).any() or sums != dict(totals):
        return None
    grid = cells.select("cell").unique().join(pl.DataFrame({"candidate": list(sums)}), how="cross")
    return (
        grid.join(cells.drop("claims"), on=["cell", "candidate"], how="left")
        .with_columns(pl.col("n").fill_null(0))
        .sort("cell", "candidate")
    )


def _late_ballots(case: Case, cut_s: int) -> tuple[pl.DataFrame | None, dict[str, Any]]:
    """Late ballots by ``unit, channel``; of members who voted again, the last ballot. With the channels' cuts, or that a count tells it."""
    events = (
        case.rows("ballot_events")
        .filter(pl.col("event").is_in(COUNTED) & ~KEYED & pl.col("is_current").fill_null(True) & pl.col("at").is_not_null())
        .sort("at", "event_id")
    )
    cuts = {channel: cut_at(case, channel, cut_s) for channel in events["channel"].unique().sort()}
    if events.height and all(at is not None for at in cuts.values()):
        own = pl.coalesce("voter_key", "ballot_id", "event_id")
        last = events.with_columns(own=own).unique("own", keep="last", maintain_order=True)
        at = pl.col("channel").replace_strict(cuts, return_dtype=pl.Datetime("us", "UTC"))
        late = last.filter(pl.col("at") > at if cut_s == 0 else pl.col("at") >= at)
        units = roll_in_force(case).select("voter_key", "unit").unique("voter_key", keep="first", maintain_order=True)
        placed = (
            late.select("voter_key", "channel").join(units, on="voter_key", how="left").with_columns(pl.col("unit").fill_null(""))
        )
        by_cell = placed.group_by("unit", "channel").agg(late=pl.len().cast(pl.Int64)).sort("unit", "channel")
        return by_cell, cuts_that_differ(cuts)
    wanted = cut_at(case, "all", cut_s)
    readings = case.rows("turnout_counts").filter(pl.col("unit") == "ALL").sort("as_of", "voted_n")
    if wanted is None or not readings.height:
        return None, {}
    series = readings.group_by("channel", "source_id").len().sort("len", "channel", "source_id", descending=[True, False, False])
    one = readings.join(series.head(1).drop("len"), on=["channel", "source_id"])
    before = one.filter(pl.col("as_of") <= wanted)
    if not before.height:
        return None, {}
    n = max(0, int(one["voted_n"][-1]) - int(before["voted_n"].max()))
    return pl.DataFrame({"unit": [""], "channel": ["all"], "late": [n]}), {"is_count": True}
