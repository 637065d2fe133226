"""Do the channels disagree about a candidate, and by how much?"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods.declared import candidate_totals, whole_contest, with_declaration
from analysis_lib.results import Assumption, Estimate, NotAnswerable, Result, Status, TestResult
from analysis_lib.stats.integer_tables import TableSet, fitting_tables, rounding_interval
from analysis_lib.stats.two_by_two import central_pvalues, exact_interval, odds_ratio

MOST_BALLOTS = 3000  # beyond this the tables run into tens of millions, and counts should be asked for
NORMAL_95 = 1.96  # only picks which tables' exact intervals to compute; the intervals themselves are exact
EXPLANATIONS = (
    "Members choose their channel: those who work, care, live far off or joined lately vote online more, and may prefer another candidate.",
    "One campaign worked the sign-up for online or postal votes, the other the meeting.",
    "Those who voted early missed the speeches in the hall; those in the hall heard them before voting.",
    "A hall vote takes an evening: the most committed supporters come.",
    "Gaps reach the press because they are large; most selections are never reported by channel.",
)
NULL = "members who used the two channels preferred the candidate equally often"


def channel_gap(
    tables: TableSet, *, form: str, candidate: str, channels: tuple[str, str], confidence_level: float, parameters: dict,
    lead: int | None = None, n_tests: int = 1,
) -> TestResult:  # fmt: skip
    """Compare a candidate's share between two channels over every table of ballots that fits what was published.

    A gap is real if no table does without it; its cause is not in the table.

    Parameters
    ----------
    tables : TableSet
        One table if counts are published; all that fit if only rounded shares and totals are. Channel
        a of the set is `channels[0]`.
    lead : int
        The candidate's ballots over all channels less those of the nearest rival; null: all others are one rival.
    n_tests : int
        Candidates compared in this contest; the p-value is multiplied by it (Bonferroni).

    Returns
    -------
    TestResult
        Statistic: the odds ratio that lies nearest to 1 among the tables. Effect: median odds ratio
        over the tables, channel a against channel b (above 1: the candidate did better in channel
        a), with the union of the tables' exact intervals: it covers rounding and chance. p-value:
        the largest over the tables (exact, central).

    Notes
    -----
    Null hypothesis: members who used the two channels preferred the candidate equally often.
    Exact and discrete: the rate of false alarms is below the nominal one.
    """
    ratios = odds_ratio(tables.a_yes, tables.a_no, tables.b_yes, tables.b_no)
    pvalues = central_pvalues(tables.a_yes, tables.a_no, tables.b_yes, tables.b_no)
    with np.errstate(divide="ignore"):
        closeness = np.abs(np.log(ratios))
    nearest = int(np.nanargmin(np.where(np.isnan(closeness), np.inf, closeness)))
    low, high = _union_of_intervals(tables, confidence_level)
    share_a, share_b = tables.a_yes / (tables.a_yes + tables.a_no), tables.b_yes / (tables.b_yes + tables.b_no)
    to_equal = np.ceil(np.abs(share_a - share_b) * (tables.a_yes + tables.a_no) - 1e-9).astype(np.int64)
    if lead is None:
        lead = int(tables.a_yes[0] + tables.b_yes[0] + tables.other_yes[0]) - int(
            tables.a_no[0] + tables.b_no[0] + tables.other_no[0]
        )
    return TestResult(
        method="channel_gap", form=form, null_hypothesis=NULL, alternative="two-sided",
        statistic=float(ratios[nearest]), statistic_name="odds ratio nearest to 1",
        pvalue=min(1.0, float(pvalues.max()) * n_tests),
        effect=Estimate(
            name=f"odds ratio, {channels[0]} against {channels[1]}".replace("_", " "), value=float(np.median(ratios)), low=low, high=high,
            confidence_level=confidence_level, unit="ratio",
        ),
        n_observations=int((tables.a_yes + tables.a_no + tables.b_yes + tables.b_no).max()), n_excluded=0,
        assumptions=_assumptions(form, parameters.get("max_other_ballots")),
        innocent_explanations=EXPLANATIONS, references=("fisher1935", "fay2010"), parameters=parameters,
        details={
            "candidate": candidate, "channels": list(channels), "n_tables": tables.size, "n_tests": n_tests,
            "odds_ratio_low": float(ratios.min()), "odds_ratio_high": float(ratios.max()),
            "ballots_low": [int((tables.a_yes + tables.a_no).min()), int((tables.b_yes + tables.b_no).min())],
            "ballots_high": [int((tables.a_yes + tables.a_no).max()), int((tables.b_yes + tables.b_no).max())],
            "share_low": [float(share_a.min()), float(share_b.min())],
            "share_high": [float(share_a.max()), float(share_b.max())],
            "to_equal_low": int(to_equal.min()), "to_equal_high": int(to_equal.max()),
            "lead": lead, "to_tie": -(-abs(lead) // 2),
        },
    )  # fmt: skip


def _union_of_intervals(tables: TableSet, confidence_level: float) -> tuple[float, float]:
    """Lowest and highest end of the exact conditional intervals; the two tables are picked by the normal approximation."""
    cells = np.stack([tables.a_yes, tables.a_no, tables.b_yes, tables.b_no])
    rough = cells + 0.5
    centre, spread = np.log(rough[0] * rough[3] / (rough[1] * rough[2])), NORMAL_95 * np.sqrt((1 / rough).sum(axis=0))
    lowest, highest = (
        exact_interval(*map(int, cells[:, index]), confidence_level)
        for index in (np.argmin(centre - spread), np.argmax(centre + spread))
    )
    return lowest[0], highest[1]


def _assumptions(form: str, most: int | None) -> tuple[Assumption, ...]:
    choice = Assumption(
        statement="Which channel a member used says nothing about the member's choice.",
        status=Status.UNTESTED,
        evidence="It is what the test asks. Members choose their channel, so a gap alone has no single cause.",
    )
    shares = Assumption(
        statement="Each published share is the true one rounded to the last digit printed.",
        status=Status.UNTESTED,
        evidence="Every share within half a unit of the last digit, both ends included, was tried.",
    )
    others = Assumption(
        statement=f"At most {most} ballots came through channels with no published share.",
        status=Status.UNTESTED,
        evidence="The limit is the plan's. With many more, tables without a gap can fit; ask for the number.",
    )
    return (choice, shares, others) if form != "counts" else (choice,)


def _fraction_range(rows: pl.DataFrame) -> tuple[Fraction, Fraction] | None:
    rows = rows.drop_nulls("share")
    if not rows.height:
        return None
    ranges = [rounding_interval(row["share"], row["share_dp"] or 0) for row in rows.iter_rows(named=True)]
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package: from counts where both channels have them, else from shares and totals."""
    plan, results = case.plan, with_declaration(whole_contest(case.rows("results")))
    results = results.filter((pl.col("item") == "candidate") & (pl.col("declaration") == "first"))
    first, second = plan.channels
    results = results.filter(pl.col("round") == results["round"].min()) if results.height else results
    totals = candidate_totals(results, "first", first_round=True)
    if len(totals) < 2:
        return (_missing("The candidates' totals over all channels are not held.", ("results.n (channel all)",)),)
    parameters = {"channels": list(plan.channels), "confidence_level": plan.confidence_level}
    counts = {channel: _counts(results.filter(pl.col("channel") == channel)) for channel in plan.channels}
    everyone = sum(n for _, n in totals)
    pairs = totals if len(totals) > 2 else totals[:1]  # with two candidates the second table is the mirror of the first
    if all(set(counts[channel]) == {c for c, _ in totals} for channel in plan.channels):
        sizes = {channel: sum(counts[channel].values()) for channel in plan.channels}
        if min(sizes.values()) == 0:
            return (_missing("One of the two channels holds no ballot.", (f"results.n ({first}, {second})",)),)
        found = []
        for candidate, total in pairs:
            a, b = counts[first][candidate], counts[second][candidate]
            cells = (
                a,
                sizes[first] - a,
                b,
                sizes[second] - b,
                total - a - b,
                everyone - total - sizes[first] - sizes[second] + a + b,
            )
            tables = TableSet(*(np.array([cell]) for cell in cells))
            found.append(_one(tables, "counts", candidate, case, totals, parameters, len(pairs)))
        return (min(found, key=lambda result: result.pvalue),)
    if everyone > MOST_BALLOTS:
        return (
            _missing(
                f"Only rounded shares are held, for {everyone} ballots; tables are listed up to {MOST_BALLOTS}.",
                (f"results.n ({first}, {second})",),
            ),
        )
    return _from_shares(case, results, totals, parameters)


def _from_shares(case: Case, results: pl.DataFrame, totals: list, parameters: dict) -> tuple[Result, ...]:
    first, second = case.plan.channels
    everyone = sum(n for _, n in totals)
    shares = {
        (channel, candidate): _fraction_range(
            results.filter((pl.col("channel") == channel) & (pl.col("candidate_id") == candidate))
        )
        for channel in case.plan.channels
        for candidate, _ in totals
    }
    known = [(c, n) for c, n in totals if shares[first, c] and shares[second, c]]
    known = known[:1] if len(totals) == 2 else known
    if not known:
        return (
            _missing("No candidate's share is held in both channels.", (f"results.share ({first})", f"results.share ({second})")),
        )
    found: list[Result] = []
    for most in case.plan.max_other_ballots:
        by_candidate = []
        for candidate, total in known:
            ranges = [shares[channel, candidate] for channel in case.plan.channels]
            if len(totals) == 2:  # the rival's share bounds it too
                rival = next(c for c, _ in totals if c != candidate)
                mirror = [shares[channel, rival] for channel in case.plan.channels]
                ranges = [
                    r if m is None else (max(r[0], 1 - m[1]), min(r[1], 1 - m[0])) for r, m in zip(ranges, mirror, strict=True)
                ]
            tables = fitting_tables(total, everyone - total, *ranges, most)
            if tables.size:
                own = parameters | {"max_other_ballots": most}
                by_candidate.append(_one(tables, f"at_most_{most}_other", candidate, case, totals, own, len(known)))
        if by_candidate:
            found.append(min(by_candidate, key=lambda result: result.pvalue))
        else:
            found.append(
                _missing(
                    "No table of whole ballots fits the shares and totals together.", ("results.n",), f"at_most_{most}_other"
                )
            )
    return tuple(found)


def _counts(rows: pl.DataFrame) -> dict[str, int]:
    """Each candidate's ballots in one channel; empty where two sources differ."""
    cells = rows.drop_nulls("n").group_by("candidate_id").agg(pl.col("n").first(), claims=pl.col("n").n_unique())
    return {} if (cells["claims"] > 1).any() else dict(cells.select("candidate_id", "n").iter_rows())


def _one(tables: TableSet, form: str, candidate: str, case: Case, totals: list, parameters: dict, n_tests: int) -> TestResult:
    names = dict(case.rows("candidates").select("candidate_id", "display_name").iter_rows())
    own, rival = dict(totals)[candidate], max(n for other, n in totals if other != candidate)
    return channel_gap(
        tables, form=form, candidate=names.get(candidate, candidate), channels=case.plan.channels, lead=own - rival,
        confidence_level=case.plan.confidence_level, parameters=parameters, n_tests=n_tests,
    )  # fmt: skip


def _missing(reason: str, needs: tuple[str, ...], form: str = "") -> NotAnswerable:
    return NotAnswerable(method="channel_gap", form=form, reason=reason, needs=needs)
