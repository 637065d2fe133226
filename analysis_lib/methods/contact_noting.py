"""What else makes changes look as if nobody had asked for them: how requests are noted, one move of many addresses, and habit.

Shared by the forms of the question on changes of contact details.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from scipy.stats import binom

from analysis_lib.methods.contact_edits import ASKED
from analysis_lib.plaintext import count
from analysis_lib.results import Assumption, Status
from analysis_lib.stats.predictive_rates import hypergeometric_tails

CHECK_LEVEL = 0.05
FEW = 5  # earlier changes, from which on they show how somebody notes requests
Stands = Callable[[pl.Expr], bool]


def told_apart(edits: pl.DataFrame) -> Assumption:
    """A vote brings requests: where none is ever noted, a rise is no more than to be expected, and a search must fail."""
    is_told = edits["request_evidence"].is_in(list(ASKED)).any()
    return Assumption(
        statement="The log tells changes that were asked for from others.",
        status=Status.UNTESTED if is_told else Status.FAILS,
        evidence="A request by word of mouth that nobody noted counts as none."
        if is_told
        else "No request and no bounce is on record for any change, so this office may note none, and all count as not asked for.",
    )


def noted_alike(edits: pl.DataFrame, mine: pl.Expr, beside: pl.Expr, stands: Stands) -> Assumption:
    """Fails if the changes in question lack an entry on requests more often than those beside them, and it rests on these.

    Only this way round: a search made of the changes in question alone can but lower their number.
    """
    unknown = pl.col("asked") == "not known"
    counted = edits.filter(pl.col("asked").is_in(["asked for", "none found", "not known"]))
    (a, m), (b, n) = (
        (int(rows.select(unknown.sum()).item()), rows.height) for rows in (counted.filter(mine), counted.filter(beside))
    )
    differs = a > 0 and (not n or more_often(a, m, b, n) <= CHECK_LEVEL)
    rests = differs and not stands(unknown)
    evidence = f"The log says nothing of a request either way for {a:,} of {count(m, 'change')} in question, and for {b:,} of {n:,} to compare with."
    if differs:
        evidence += (
            " Without these nothing would stand out; whether requests for them can be found would settle it." if rests
            else " It stands out without these as well."
        )  # fmt: skip
    return Assumption(
        statement="Requests were noted as well for the changes in question as for those compared with.",
        status=Status.FAILS if rests else Status.HOLDS, evidence=evidence,
    )  # fmt: skip


def not_busier_alone(edits: pl.DataFrame, mine: pl.Expr, beside: pl.Expr, exposure: float) -> Assumption:
    """Fails if changes that were asked for grew as much: an office that notes a part of them has as many more without a note.

    `exposure` is the share of the time, or of the members, that the changes in question have of all compared.
    """
    bounced = (pl.col("request_evidence") == "bounce_logged").fill_null(False)  # letters come back in a vote, asked or not
    kinds = ["asked for", "none found", "not known"]
    counted = edits.filter(pl.col("asked").is_in(kinds) & ~pl.col("by_member") & ~bounced)
    (a, m), (b, n) = (
        (rows.filter(pl.col("asked") != "asked for").height, rows.height)
        for rows in (counted.filter(mine), counted.filter(beside))
    )
    asked, total = m - a, m - a + n - b
    is_busier = total > 0 and float(binom.sf(asked - 1, total, exposure)) <= CHECK_LEVEL
    as_usual = is_busier and (not n or more_often(a, m, b, n) > CHECK_LEVEL)
    status = Status.FAILS if as_usual else Status.UNTESTED if total < FEW else Status.HOLDS
    return Assumption(
        statement="Changes that were asked for did not come more often in the same measure.", status=status,
        evidence=f"No request is on record for {a:,} of {count(m, 'change')} in question that the office made, and for {b:,} of {n:,} to compare with"
        + {
            Status.HOLDS: ".", Status.UNTESTED: "; too few were asked for to tell.",
            Status.FAILS: ": much the same share, as of a busier office that notes as many of its requests as ever.",
        }[status],
    )  # fmt: skip


def not_one_move(edits: pl.DataFrame, mine: pl.Expr, stands: Stands) -> Assumption:
    """Fails if it rests on many addresses that one hand moved to one sort of provider on a day, the names kept."""
    n = edits.filter(mine & pl.col("moved") & pl.col("asked").is_in(["none found", "not known"])).height
    rests = n > 0 and not stands(pl.col("moved"))
    evidence = (
        f"{count(n, 'address', 'addresses')} kept {'its name' if n == 1 else 'their names'} and got another provider, ten or more by one account on one day."
        if n
        else "No account moved ten or more addresses to another provider on one day."
    )
    return Assumption(
        statement="What stands out is not one move of many addresses to another provider.",
        status=Status.FAILS if rests else Status.HOLDS,
        evidence=evidence + (" Without them nothing would stand out; the provider's notice, or the list that was worked from, would settle it." if rests else ""),
    )  # fmt: skip


def no_habit(edits: pl.DataFrame, actor: pl.Expr) -> Assumption:
    """Fails if the same hand had as large a share of changes without a request before the contest's period."""
    rows = edits.filter(actor & pl.col("asked").is_in(["asked for", "none found"]))
    (a, m), (b, n) = (
        (part.filter(pl.col("asked") == "none found").height, part.height)
        for part in (rows.filter(pl.col("period") == name) for name in ("contest", "earlier"))
    )
    status = Status.UNTESTED if n < FEW else Status.HOLDS if more_often(a, m, b, n) <= CHECK_LEVEL else Status.FAILS
    evidence = f"No request was found for {a:,} of {m:,} in the contest's period, and for {b:,} of {n:,} before it"
    return Assumption(
        statement="The same administrator noted requests before the contest's period.", status=status,
        evidence=evidence + {
            Status.UNTESTED: "; too few to tell.", Status.HOLDS: ".",
            Status.FAILS: ": it is this administrator's usual share, as of somebody who takes requests by telephone.",
        }[status],
    )  # fmt: skip


def not_noted_elsewhere(edits: pl.DataFrame, mine: pl.Expr, stands: Stands) -> Assumption:
    """Fails if it rests on changes of which a search found no request, and the platform's log has a cause all the same."""
    n = edits.filter(mine & pl.col("noted")).height
    rests = n > 0 and not stands(pl.col("noted"))
    return Assumption(
        statement="The log of codes and the search for requests agree.", status=Status.FAILS if rests else Status.HOLDS,
        evidence=f"For {count(n, 'change')} of which a search found no request the log of codes notes one, or a message that came back."
        + (" Without these nothing would stand out; whoever sends a code also notes why, so that asking the members would settle it." if rests else ""),
    )  # fmt: skip


def more_often(a: int, m: int, b: int, n: int) -> float:
    """One-sided exact p-value of a of m against b of n."""
    return float(hypergeometric_tails(np.array([a, b]), np.array([m, n]))[0])
