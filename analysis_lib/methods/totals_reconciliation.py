"""Do the published totals add up?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods.declared import with_declaration
from analysis_lib.results import Assumption, Breach, NotAnswerable, Result, Status, Verdict

DISPOSALS = ("ballots_valid", "ballots_spoiled", "ballots_blank", "ballots_rejected", "ballots_voided")
SEVERAL_VOTES = ("approval", "block", "cumulative", "AMS")
SET_ASIDE = ("ballots_spoiled", "ballots_blank", "ballots_rejected")
EXPLANATIONS = (
    "Test ballots, or ballots on a second question, left in one total and not in the other.",
    "Spoilt, blank or rejected ballots counted in one total and not in the other.",
    "The same ballots reported under two channels.",
    "A slip in copying or in reporting: two papers give two figures.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One sum checked: both sides as whole-number ranges, `equal` or `at_most`, and by how many ballots it fails (0: it holds)."""

    name: str
    declaration: str
    left: str
    left_low: int
    left_high: int
    right: str
    right_low: int
    right_high: int
    relation: str
    gap: int


def _identity(
    name: str, declaration: str, left: tuple[str, int, int], right: tuple[str, int, int], relation: str = "equal"
) -> Identity:
    gap = max(0, left[1] - right[2])
    if relation == "equal":
        gap = max(gap, right[1] - left[2])
    return Identity(
        name=name, declaration=declaration, left=left[0], left_low=left[1], left_high=left[2],
        right=right[0], right_low=right[1], right_high=right[2], relation=relation, gap=gap,
    )  # fmt: skip


class _Cells:
    """Counts of one declaration, as ranges; conflicting claims of one cell become a range, so that a clash of papers is no breach."""

    def __init__(self, rows: pl.DataFrame):
        self.named = rows.filter(pl.col("item") == "candidate").select("round", "candidate_id").unique()
        bounds = rows.with_columns(low=pl.coalesce("lo", "n"), high=pl.coalesce("hi", "n")).drop_nulls(["low", "high"])
        self.frame = bounds.group_by("round", "channel", "item", "candidate_id", maintain_order=True).agg(
            pl.col("low").min(), pl.col("high").max()
        )

    def total(self, label: str, **where) -> tuple[str, int, int] | None:
        rows = self.frame.filter([pl.col(k).is_in(v if isinstance(v, tuple | list) else [v]) for k, v in where.items()])
        return (label, int(rows["low"].sum()), int(rows["high"].sum())) if rows.height else None

    def is_whole(self, number: int, channel: str, candidates: Collection[str]) -> bool:
        """Whether all votes of a round are there: of every candidate and, after the first, of exhausted papers."""
        known = self.named.filter(pl.col("round") == number)["candidate_id"].to_list()
        rows = self.frame.filter((pl.col("round") == number) & (pl.col("channel") == channel))
        counted = rows.filter(pl.col("item") == "candidate")["candidate_id"]
        if number <= 1:
            return {*known, *candidates} <= set(counted)
        return set(known) <= set(counted) and "exhausted" in rows["item"]

    def once(self, label: str, channel: str, *items: str) -> tuple[str, int, int] | None:
        """Total of items that belong to no round: given again by round or by candidate, they count once."""
        rows = self.frame.filter((pl.col("channel") == channel) & pl.col("item").is_in(items))
        whole = pl.col("candidate_id").is_null()
        rows = rows.filter(pl.col("round") == pl.col("round").min().over("item")).filter(whole | ~whole.any().over("item"))
        return (label, int(rows["low"].sum()), int(rows["high"].sum())) if rows.height else None


def totals_reconciliation(
    results: pl.DataFrame, *, one_vote_each: bool = True, candidates: Collection[str] = ()
) -> list[Identity]:
    """Check every sum that the published totals allow.

    A difference is a fact about the record, not about its cause.

    Parameters
    ----------
    results : DataFrame
        The results table of one contest: ``round``, ``channel`` ("all" for a total), ``item``,
        ``candidate_id``, ``n``, ``lo``, ``hi``, ``status`` (null: as first declared). Rows of one status
        are one declaration; a later one (correction, recount, certified) is checked by itself.
    one_vote_each : bool
        Whether a ballot counts for one candidate in a round. If not (approval, block, cumulative),
        votes and ballots are not comparable, and those sums are left out.
    candidates : collection of str
        Ids of all who stood: while the votes of one aren't held, the others' may be fewer than the valid ballots.

    Returns
    -------
    list of Identity
        In a fixed order; `gap` above 0 where the two sides can't be brought together.
    """
    found: list[Identity] = []
    rows = with_declaration(results)
    for declaration in sorted(rows["declaration"].unique(), key=lambda name: (name != "first", name)):
        cells = _Cells(rows.filter(pl.col("declaration") == declaration))
        found += _one_declaration(cells, declaration, one_vote_each, candidates)
    return found


def _one_declaration(cells: _Cells, declaration: str, one_vote_each: bool, candidates: Collection[str]) -> list[Identity]:
    found = []
    rounds = sorted(cells.frame.filter(pl.col("item") == "candidate")["round"].unique())
    channels = sorted(cells.frame["channel"].unique())
    for channel in channels:
        received = cells.once("ballots received", channel, "ballots_received")
        valid = cells.once("valid ballots", channel, "ballots_valid")
        disposed = cells.once("valid + spoilt + blank + rejected + voided", channel, *DISPOSALS)
        where = "" if channel == "all" else f" ({channel})".replace("_", " ")
        if received and valid:  # without a count of ballots set aside, some may have been and not published
            relation = "equal" if cells.once("", channel, *SET_ASIDE) else "at_most"
            found.append(_identity(f"every ballot received is accounted for{where}", declaration, disposed, received, relation))
        for number in rounds if one_vote_each else ():
            votes = cells.total("candidates' votes", item=("candidate", "exhausted"), channel=channel, round=number)
            of_round = where if number <= 1 else f", round {number}{where}"
            if votes and valid:
                relation = "equal" if cells.is_whole(number, channel, candidates) else "at_most"
                found.append(_identity(f"candidates' votes are the valid ballots{of_round}", declaration, votes, valid, relation))
            elif votes and received:
                found.append(_identity(f"no more votes than ballots received{of_round}", declaration, votes, received, "at_most"))
        issued = cells.once("ballots issued", channel, "ballots_issued")
        eligible = cells.once("eligible members", channel, "eligible")
        for upper in (issued, eligible):
            if received and upper:
                found.append(
                    _identity(f"no more ballots received than {upper[0]}{where}", declaration, received, upper, "at_most")
                )
    parts = [name for name in channels if name != "all"]
    for item in ("candidate", "ballots_received", "ballots_valid"):
        for key in (
            cells.frame.filter((pl.col("item") == item) & (pl.col("channel") == "all"))
            .sort("round", "candidate_id")
            .iter_rows(named=True)
        ):
            same = {"item": item, "round": key["round"]}
            if key["candidate_id"] is not None:
                same["candidate_id"] = key["candidate_id"]
            split = cells.total("sum over channels", channel=parts, **same) if parts else None
            if split:
                who = f" of {key['candidate_id']}" if key["candidate_id"] else ""
                name = f"channels add up to the total: {item.replace('_', ' ')}{who}, round {key['round']}"
                found.append(_identity(name, declaration, split, ("total", key["low"], key["high"]), "at_most"))
    return found


def _roll_rows(case: Case) -> list[Identity]:
    snapshots = case.rows("roll_snapshots").drop_nulls("row_count")
    held = dict(case.rows("roll").group_by("snapshot_id").len().iter_rows())
    faulty = case.package.n_left_out.get("roll", 0)  # rows left out for a fault were handed over all the same
    return [
        _identity(
            f"rows of roll copy {row['snapshot_id']}", "roll",
            ("rows held", n, n + faulty), ("row count stated", row["row_count"], row["row_count"]),
        )
        for row in snapshots.iter_rows(named=True)
        if (n := held.get(row["snapshot_id"]))
    ]  # fmt: skip


def _one_vote_each(case: Case) -> bool:
    """Whether a ballot counts for one candidate; with several places to fill, a member may mark several names."""
    method, seats = case.contest["voting_method"], case.contest["seats"]
    return method not in SEVERAL_VOTES and not (seats > 1 and method in ("FPP", "other"))


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package."""
    results = case.rows("results").sort("row_id")
    stood = case.rows("candidates")["candidate_id"].to_list()
    identities = totals_reconciliation(results, one_vote_each=_one_vote_each(case), candidates=stood) + _roll_rows(case)
    if not identities:
        return (
            NotAnswerable(
                method="totals_reconciliation",
                reason="No two totals are held that one sum joins.",
                needs=("results.n (item ballots_received)", "results.n (item ballots_valid)", "results.n (item candidate)"),
            ),
        )
    failing = [item for item in identities if item.gap]
    return (
        Breach(
            method="totals_reconciliation",
            rule="ballots, voters and votes that are published as sums of each other add up",
            verdict=Verdict.BREACH_RECORDED if failing else Verdict.NO_BREACH,
            statistic=len(failing),
            statistic_name="sums that do not add up",
            n_observations=len(identities),
            n_excluded=int(
                results.height - results.select(pl.any_horizontal(pl.col("n", "lo", "hi").is_not_null())).sum().item()
            ),
            assumptions=(
                Assumption(
                    statement="The figures are those that were declared.",
                    status=Status.UNTESTED,
                    evidence="Each row names its source; where sources differ, the range between them is used.",
                ),
            ),
            innocent_explanations=EXPLANATIONS,
            parameters={},
            details={"identities": [asdict(item) for item in identities]},
        ),
    )
