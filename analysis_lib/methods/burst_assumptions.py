"""What the forms of the burst question lean on, and what the data say of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis_lib.case import Case
from analysis_lib.methods.burst_forms import ENOUGH_PEERS, MIN_BALLOTS
from analysis_lib.methods.turnout import HOUSEHOLD_BALLOTS, Casts
from analysis_lib.methods.turnout_stretches import empty_days, hours_of, outages, touched
from analysis_lib.plaintext import count
from analysis_lib.results import Assumption, Status
from analysis_lib.stats import scan
from analysis_lib.stats.fit_check import baseline_fit
from analysis_lib.stats.turnout_baseline import Baseline

PEERS_NEEDED = ("contests.comparison_only", "contest_windows.opens_at", "turnout_counts.voted_n")
FIT_LEVEL = 0.01
NO_PEERS = "Too few peer contests of the same length, opening hour and weekday are held to know the usual pace."


def household(series: Casts, fullest: int | None = None) -> Assumption:
    """Whether couples could be counted once; `fullest` is the number of ballots in a window that stands out, null where none does."""
    statement = "Members decide when to vote independently of each other, once households are counted once."
    status = Status.UNTESTED
    if series.networks_known:
        evidence = (
            f"Ballots that followed another of the same small network within half an hour stand aside: {series.n_household:,}."
        )
    elif fullest is not None and fullest <= HOUSEHOLD_BALLOTS:
        status = Status.FAILS
        evidence = f"No network keys are held, and the window holds {fullest} ballots: one household could have cast them."
    else:
        evidence = (
            "No network keys are held, so couples who voted together could not be counted once; "
            "within the hour, one ballot in four is allowed to follow a housemate's."
        )
    return Assumption(statement=statement, status=status, evidence=evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """What stands aside: ballots and hours in all, ballots after nothing but codes, and whether so much that none could be."""

    n: int
    hours: int
    n_after_codes: int
    failed: bool


def answers_left_out(left: LeftOut, n_messages: int, n_batches: int) -> Assumption:
    """What is said of the hours in which members answer a message or a batch of codes."""
    codes = (
        f" Of these {count(left.n_after_codes, 'ballot')} followed nothing but {count(n_batches, 'batch', 'batches')} of codes; chapter 30 asks of them."
        if left.n_after_codes
        else ""
    )
    if left.failed:
        status, evidence = (
            Status.FAILS,
            "Nearly all ballots came within two hours of a message, a meeting, a batch of codes, the opening or the close, so none could be left out.",
        )
    elif n_messages:
        status = Status.HOLDS
        evidence = (
            f"{count(left.n, 'ballot')} of the {count(left.hours, 'hour')} up to two hours after a message, meeting, outage or batch of codes, "
            f"after the opening and before the close stand aside.{codes}"
        )
    else:
        status = Status.UNTESTED
        evidence = (
            "No message or meeting during the vote is on record, so that none could be left out; "
            f"{count(left.n, 'ballot')} of the two hours after the opening and before the close, or after codes, stand aside.{codes}"
        )
    return Assumption(
        statement="Nothing called members up within an hour: answers to a message come in its first minutes.",
        status=status,
        evidence=evidence,
    )


def peer_assumptions(baseline: Baseline, empty: list[dict[str, Any]]) -> tuple[Assumption, ...]:
    """What a comparison with peers leans on: enough of them, and a log that lacks no day."""
    enough = baseline.n_peers >= ENOUGH_PEERS
    told = "; ".join(
        f"no ballot for {hole['hours']} hours from {hole['start']:%d %B %H:%M} UTC, where {hole['expected']:.0f} were expected, "
        "and no outage is on record"
        for hole in empty
    )
    whole = Assumption(
        statement="The log lacks no day.",
        status=Status.FAILS if empty else Status.UNTESTED,
        evidence=f"{told[0].upper()}{told[1:]}." if empty else "No day is empty on which peers would have expected ballots.",
    )
    return (
        Assumption(
            statement="Peer contests show how this one's members would have paced themselves.",
            status=Status.UNTESTED if enough else Status.FAILS,
            evidence=f"{baseline.n_peers} peers with {baseline.n_events:,} ballots; at least {ENOUGH_PEERS} peers are needed to know their noise well.",
        ),
        whole,
    )


def holes(case: Case, series: Casts, counts: NDArray, expected: NDArray) -> list[dict[str, Any]]:
    """Days and more without a ballot where peers expect many and no outage is stated: ``start`` (UTC), ``hours, expected``."""
    excused = touched(outages(case), series.opens_at, series.edges)
    runs = empty_days(counts, np.where(excused, 0.0, expected))
    return [{"start": series.at(series.edges[i]), "hours": j - i, "expected": mean} for i, j, mean in runs]


def keeps_pace(
    series: Casts, shares: NDArray, *, noise_cv: float, uncertainty: NDArray, lengths: tuple[int, ...], n_resamples: int,
    rng: np.random.Generator,
) -> Assumption:  # fmt: skip
    """Whether the contest's course over the days agrees with the peers', the hours of the fullest window set aside.

    Without setting them aside, a large burst would speak against the yardstick that shows it.
    """
    top = scan.scan_events(series.stamps, series.edges, shares, lengths)
    aside = np.zeros(shares.size, bool)
    if top:
        aside = (series.edges[:-1] < top.start + top.length) & (series.edges[1:] > top.start)
    stamps = series.stamps[~aside[hours_of(series)]]
    rest = np.where(aside, 0.0, shares)
    statement = "Over the days, ballots came as peers lead one to expect."
    if stamps.size < MIN_BALLOTS or not rest.any():
        return Assumption(
            statement=statement, status=Status.UNTESTED, evidence="Too few ballots came outside the fullest window."
        )
    fit = baseline_fit(
        stamps, series.edges, rest / rest.sum(), resolution=series.resolution, n_resamples=n_resamples, rng=rng, noise_cv=noise_cv,
        uncertainty=uncertainty,
    )  # fmt: skip
    side = "ahead of" if fit.is_ahead else "behind"
    return Assumption(
        statement=statement,
        status=Status.FAILS if fit.pvalue <= FIT_LEVEL else Status.HOLDS,
        evidence=f"At most they ran {100 * fit.distance:.0f} points of a hundred {side} the peers' pace, which {round(100 * fit.pvalue)} clean contests of 100 exceed.",
    )
