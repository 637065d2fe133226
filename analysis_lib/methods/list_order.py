"""Did members vote in the order of a list?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis_lib.case import Case
from analysis_lib.errors import TooFewObservations
from analysis_lib.methods.ballot_kinds import given_online
from analysis_lib.methods.members import roll_in_force
from analysis_lib.methods.turnout import HOUSEHOLD_BALLOTS, HOUSEHOLD_S, once_per_household
from analysis_lib.methods.turnout_stretches import answering
from analysis_lib.results import Assumption, Estimate, NotAnswerable, Result, Status, TestResult
from analysis_lib.stats import list_order as orders
from analysis_lib.stats.multiplicity import holm
from analysis_lib.stats.scan import rank_pvalue, rank_pvalue_error, rate_ratio_interval

MIN_VOTERS = 20
N_TIE_ORDERS = 200
ADDRESSES_KNOWN = 0.9  # share of voters from which on housemates are taken to be known
IN_BLOCKS = 0.5  # share of neighbours on the roll who share a unit, from which on the roll stands unit by unit
SENDING_S = 3600  # after most codes are out; until then members vote in the order in which they got them
MOST_SENT = 0.9
EXPLANATIONS = (
    "A phone bank or a canvasser worked down the list, and members voted when they were called.",
    "Relatives and neighbours stand next to each other on the list and voted together.",
    "Codes went out in the order of the list over some hours, and members voted when theirs came.",
    "Members of one branch, who stand together on the list, voted at their meeting.",
)
FAMILIES = Assumption(
    statement="What stands out is more than families of three and four could make, who stand together on the list.",
    status=Status.FAILS,
    evidence="Few addresses are held, and no run is longer than such a family: only pairs could be counted as one.",
)
NULL = "the order in which members voted within one hour had nothing to do with the list"
NAMES = {
    "successions": "members who voted right after the one before them on the list",
    "longest_run": "steps of the longest run down the list",
    "drift": "squared steps from one voter to the next, over squared distances from the middle of the list (about 2 at random)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The voters as one test sees them: all together, or unit by unit. Arrays over voters, in order of track and time.

    ``seconds`` since 1970; ``places`` on the list; ``tracks`` and ``blocks`` are numbered: steps are looked at within a
    track, order is shuffled within a block.
    """

    name: str
    seconds: NDArray
    places: NDArray
    tracks: NDArray
    blocks: NDArray
    pairs: bool

    def sequence(self, rng: np.random.Generator) -> orders.Sequence:
        """Give the sequence with ties, in time and on the list, in random order."""
        order = np.lexsort((rng.random(self.seconds.size), self.seconds, self.tracks))
        ranks = np.empty(order.size, np.int64)
        ranks[np.lexsort((rng.random(order.size), self.places, self.tracks))] = np.arange(order.size)
        near = np.append(False, np.diff(self.seconds[order]) <= HOUSEHOLD_S) & self.pairs
        return orders.Sequence(ranks[order], self.tracks[order], self.blocks[order], near)


def list_order(
    views: list[View], *, form: str, most_step: int, confidence_level: float, n_resamples: int, rng: np.random.Generator,
    alpha: float, assumptions: tuple[Assumption, ...], n_excluded: int, parameters: dict,
) -> TestResult:  # fmt: skip
    """Ask whether voters came down a list, by neighbours in a row, by the longest run, and by smooth drift.

    A run down a list has many innocent causes, first of all people who were called in its order.

    Parameters
    ----------
    views : list of View
        At least one, each of at least `MIN_VOTERS` voters.
    form : str
        Which list: ``roll`` or ``issue``.
    most_step : int
        Places down the list that count as going on with it (the plan's ``list_step``).

    Returns
    -------
    TestResult
        Statistic: that of the test with the smallest p-value. Effect: voters who came right after their neighbour on the list
        over those expected, exact Poisson interval. p-value: the smallest of three tests for each view, adjusted by Holm.

    Raises
    ------
    TooFewObservations
        A view holds fewer than `MIN_VOTERS` voters.

    Notes
    -----
    Null hypothesis: `NULL`. Simulated: the voters of one hour (and, where the roll stands unit by unit, of one unit)
    change places at random, so that early hours may belong to another part of the list than late ones. Ties in time stand
    in random order; the p-value is the mean over 200 such orders [1]_.

    References
    ----------
    .. [1] Geyer & Meeden (2005), Statist. Sci. 20(4), 358-366 (p-values averaged over a random choice).
    """
    if min(view.seconds.size for view in views) < MIN_VOTERS:
        raise TooFewObservations(
            f"{views[0].seconds.size} voters have a time and a place on the list; at least {MIN_VOTERS} are needed. "
            "Ask for the log and the list with the same keys."
        )
    tests, nulls = [], []
    for view in views:
        ties = [view.sequence(rng) for _ in range(N_TIE_ORDERS if _has_ties(view) else 1)]
        null = orders.shuffled_null(ties[0], most_step, n_resamples=n_resamples, rng=rng)
        seen = np.array([orders.statistics(sequence, most_step) for sequence in ties])
        tests += [_told(view, name, seen[:, i], null[:, i], most_step) for i, name in enumerate(orders.STATISTICS)]
        nulls.append(null)
    adjusted = holm([test["pvalue"] for test in tests])
    top = min(range(len(tests)), key=lambda i: tests[i]["pvalue"])
    test, chosen = tests[top], top // len(orders.STATISTICS)
    view, n = views[chosen], int(views[chosen].seconds.size)
    together = tests[chosen * len(orders.STATISTICS)]
    ratio, low, high = rate_ratio_interval(round(together["statistic"]), max(together["expected"], 1e-9), confidence_level)
    draws = nulls[chosen][:, top % len(orders.STATISTICS)]
    visible = [_shortest(null[:, 1], alpha / len(tests)) for null in nulls]
    exact = orders.succession_tail(n, round(together["statistic"])) if not view.tracks.any() else None
    run = _run(view, most_step)
    if view.pairs and test["test"] == "successions" and run["voters"] <= HOUSEHOLD_BALLOTS:
        assumptions = (*assumptions, FAMILIES)
    return TestResult(
        method="list_order", form=form, null_hypothesis=NULL, alternative="less" if test["test"] == "drift" else "greater",
        statistic=test["statistic"], statistic_name=NAMES[test["test"]], pvalue=float(adjusted.min()),
        effect=Estimate(
            name="voters right after their neighbour on the list, over those expected", value=ratio, low=low, high=high,
            confidence_level=confidence_level, unit="ratio",
        ),
        n_observations=n, n_excluded=n_excluded,
        assumptions=assumptions, innocent_explanations=EXPLANATIONS, references=("kaplansky1944", "bartels1982", "holm1979"),
        parameters=parameters | {"list_step": most_step, "n_resamples": int(draws.size), "n_tie_orders": N_TIE_ORDERS},
        details={
            "pvalue_se": rank_pvalue_error(test["pvalue"], draws.size),
            "tests": [row | {"pvalue_adjusted": float(p)} for row, p in zip(tests, adjusted, strict=True)],
            "exact_successions": exact, "run": run,
            "smallest_visible": max((least for least in visible if least), default=None),
        },
        null_draws=draws,
    )  # fmt: skip


def _told(view: View, name: str, seen: NDArray, null: NDArray, most_step: int) -> dict:
    """One test of one view; `seen` under every order of the ties, ``voters`` of the longest run as the chart marks them."""
    sign = -1.0 if name == "drift" else 1.0
    pvalues = [rank_pvalue(sign * value, sign * null) for value in seen]
    return {
        "view": view.name, "test": name, "statistic": float(seen.mean()), "expected": float(null.mean()),
        "pvalue": float(np.mean(pvalues)), "pvalue_min": min(pvalues), "pvalue_max": max(pvalues),
    } | ({"voters": _run(view, most_step)["voters"]} if name == "longest_run" else {})  # fmt: skip


def _run(view: View, most_step: int) -> dict:
    points = dots(view, most_step)
    run = points.filter("in_run")
    return {"view": view.name, "voters": run.height, "start": run["at"][0], "end": run["at"][-1]}


def dots(view: View, most_step: int) -> pl.DataFrame:
    """Give voters in order of time, for the chart: ``at`` (UTC), ``rank`` on the list among them, from 1, ``in_run``.

    Ties in time stand in the order of the list. ``in_run`` marks the longest run down the list.
    """
    order = np.lexsort((view.places, view.seconds, view.tracks))
    ranks = np.empty(order.size, np.int64)
    ranks[np.lexsort((view.places, view.tracks))] = np.arange(order.size)
    nobody = np.zeros(order.size, bool)
    sequence = orders.Sequence(ranks[order], view.tracks[order], view.blocks[order], nobody)
    first, length = orders.longest_run_at(sequence, most_step)
    inside = np.arange(order.size)
    return pl.DataFrame(
        {
            "at": pl.from_epoch(pl.Series(view.seconds[order]), time_unit="s").dt.replace_time_zone("UTC"),
            "rank": ranks[order] + 1,
            "in_run": (inside >= first) & (inside < first + length),
        }
    ).sort("at", "rank")


def _has_ties(view: View) -> bool:
    keys = np.stack((view.tracks, view.seconds)), np.stack((view.tracks, view.places))
    return any(np.unique(key, axis=1).shape[1] < view.seconds.size for key in keys)


def _shortest(null: NDArray, level: float) -> int | None:
    """Fewest voters in a run that would have stood out; null where so few draws show none as rare as that."""
    lengths = np.arange(1, int(null.max()) + 2)
    tails = (1 + (null[None, :] >= lengths[:, None]).sum(axis=1)) / (null.size + 1)
    rare = lengths[tails <= level]
    return int(rare[0]) + 1 if rare.size else None


def voters(case: Case) -> tuple[pl.DataFrame, int]:
    """Give each member's first ballot given online, housemates once: ``voter_key, seconds, unit, address_key``; and how many are left out.

    Ballots up to two hours after a message or meeting are left out: a mailing in batches goes down a list, and so do its answers. Housemates share an address on the roll, or a small network within half an hour.
    """
    rows = given_online(case.rows("ballot_events"), kiosks=False).drop_nulls("voter_key")
    first = rows.sort("at", "voter_key", "event_id").unique("voter_key", keep="first", maintain_order=True)
    called = pl.any_horizontal(pl.lit(False), *(pl.col("at").is_between(start, end) for start, end in answering(case)))
    quiet = first.filter(~called)
    roll = roll_in_force(case).select("voter_key", "unit", "address_key")
    known = once_per_household(quiet).join(roll, on="voter_key", how="left", maintain_order="left")
    shared = pl.col("address_key").is_not_null() & (pl.len().over("address_key") <= HOUSEHOLD_BALLOTS)
    kept = known.filter(~(shared & pl.col("voter_key").cum_count().over("address_key").gt(1)))
    seconds = kept["at"].dt.epoch("us") // 1_000_000
    return kept.with_columns(seconds=seconds).select("voter_key", "seconds", "unit", "address_key"), first.height - kept.height


def roll_places(case: Case) -> pl.DataFrame:
    """Give places on the roll as its file has them: ``voter_key, place``; empty where the file's order is not known or was mixed."""
    mixed = case.rows("sources").filter(pl.col("row_order") == "shuffled")["source_id"]
    rows = roll_in_force(case).filter(pl.col("source_row").is_not_null() & ~pl.col("source_id").is_in(mixed.to_list()))
    return rows.sort("source_id", "source_row", "voter_key").select("voter_key", "source_id", "source_row", "unit")


def issue_places(case: Case) -> tuple[pl.DataFrame, int]:
    """Give places in the order in which codes went out, ``voter_key, place``, and the second until which most had gone out."""
    issued = case.rows("credential_events").filter((pl.col("event") == "issued") & pl.col("voter_key").is_not_null())
    by = "seq" if issued.height and issued["seq"].null_count() == 0 else "at"
    timed = issued.drop_nulls(by).sort(by, "voter_key").unique("voter_key", keep="first", maintain_order=True)
    sent = timed["at"].drop_nulls().dt.epoch("s").sort()
    most = int(sent[int(MOST_SENT * (sent.len() - 1))]) if sent.len() else 0
    return timed.select("voter_key", place=pl.col(by).rank("dense").cast(pl.Int64)), most


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package: by the order of the roll, and by the order in which codes were issued."""
    held, n_left = voters(case)
    needs = {
        "roll": ("ballot_events.voter_key", "ballot_events.at", "roll.source_row"),
        "issue": ("ballot_events.voter_key", "ballot_events.at", "credential_events.seq|credential_events.at"),
    }
    found: list[Result] = []
    for form, made in (("roll", _roll_views(case, held)), ("issue", _issue_views(case, held))):
        if not made:
            reason = f"Fewer than {MIN_VOTERS} voters have a time, a key and a place of their own on this list."
            found.append(NotAnswerable(method="list_order", form=form, reason=reason, needs=needs[form]))
            continue
        found.append(
            list_order(
                made, form=form, most_step=case.plan.list_step, confidence_level=case.plan.confidence_level,
                n_resamples=case.plan.n_resamples, rng=case.plan.rng(case.contest_id, "list_order", form), alpha=case.plan.alpha,
                assumptions=(_housemates(held),), n_excluded=n_left + held.height - max(view.seconds.size for view in made),
                parameters={"zone": case.contest["timezone"]},
            )
        )  # fmt: skip
    return tuple(found)


def views_of(case: Case, form: str) -> list[View]:
    """Give the views that `answer` tests for one list; for the chart."""
    held, _ = voters(case)
    return _roll_views(case, held) if form == "roll" else _issue_views(case, held)


def addresses_known(held: pl.DataFrame) -> bool:
    """Whether nearly all voters have an address, so that housemates are known and count once."""
    return held.height > 0 and held["address_key"].count() >= ADDRESSES_KNOWN * held.height


def _housemates(held: pl.DataFrame) -> Assumption:
    known = addresses_known(held)
    return Assumption(
        statement="Housemates, who stand next to each other on a list and vote together, count once.",
        status=Status.HOLDS if known else Status.UNTESTED,
        evidence="Addresses of nearly all voters are held as keys."
        if known
        else "Few addresses are held; two neighbours on the list who voted within half an hour of each other, one right after the other, were counted as one.",
    )


def _roll_views(case: Case, held: pl.DataFrame) -> list[View]:
    roll = roll_places(case).with_row_index("place")
    rows = held.join(roll.select("voter_key", "place"), on="voter_key").sort("seconds", "voter_key")
    pairs = not addresses_known(held)
    units = roll["unit"]
    in_blocks = units.n_unique() > 1 and float((units[1:] == units[:-1]).mean() or 0) > IN_BLOCKS
    found = [] if in_blocks else [_view("all together", rows, pairs)]
    if rows["unit"].n_unique() > 1:
        placed = rows.drop_nulls("unit")
        found.append(_view("unit by unit", placed, pairs, by_unit=True))
    return [view for view in found if view.seconds.size >= MIN_VOTERS]


def _issue_views(case: Case, held: pl.DataFrame) -> list[View]:
    places, most = issue_places(case)
    rows = held.join(places, on="voter_key").filter(pl.col("seconds") > most + SENDING_S).sort("seconds", "voter_key")
    view = _view("all together", rows, pairs=not addresses_known(held))
    return [view] if rows.height >= MIN_VOTERS and rows["place"].n_unique() > rows.height // 2 else []


def _view(name: str, rows: pl.DataFrame, pairs: bool, by_unit: bool = False) -> View:
    tracks = rows["unit"].rank("dense").cast(pl.Int64) - 1 if by_unit else pl.Series([0] * rows.height, dtype=pl.Int64)
    frame = rows.with_columns(track=tracks).sort("track", "seconds", "voter_key")
    blocks = frame.select(pl.struct("track", pl.col("seconds") // 3600).rank("dense")).to_series()
    return View(
        name=name, seconds=frame["seconds"].to_numpy(), places=frame["place"].cast(pl.Int64).to_numpy(),
        tracks=frame["track"].to_numpy(), blocks=blocks.to_numpy().astype(np.int64), pairs=pairs,
    )  # fmt: skip
