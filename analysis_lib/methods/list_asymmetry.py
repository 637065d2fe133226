"""Did every candidate get the same list of members on the same day?"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods.candidate_lists import (
    FIELDS,
    NOT_BY_AGE,
    ONE_NIGHT,
    OPEN,
    CandidateList,
    closest,
    columns_of,
    contacts_apart,
    counted,
    day_of,
    days_alone,
    is_of_one_day,
    lists_of,
    members_apart,
    names_of,
    rows_of,
    while_both_stood,
)
from analysis_lib.methods.unit_rates import SMALLEST, too_small
from analysis_lib.results import Assumption, Breach, NotAnswerable, Result, Status, Verdict

NOUN = "list_asymmetry"
EXPLANATIONS = (
    "Candidates asked for the list on different days, and each got the list of the day.",
    "Members joined, left, moved or corrected an address between the two days.",
    "Members asked that their contact details not be passed on, and one list was made before that was entered.",
    "One list was made for the post and another for telephone calls, so that they hold different columns.",
    "Both lists were made in one evening, one of them past midnight.",
    "A list was sent again after a fault was found in it, and only one of the two sendings is on record.",
)
NEEDS = ("roll_snapshots.candidate_id (purpose given_to_candidate)",)


def list_asymmetry(case: Case, held: dict[str, list[CandidateList]]) -> list[dict[str, Any]]:
    """Hold the lists of every two candidates against each other: their days, their members and their contact details.

    Contents are compared between the two lists nearest in time, so that age explains as little as it can. A
    difference counts only if age does not explain it; see `candidate_lists.members_apart`. Two lists of different days that
    were made less than 24 hours apart may have been handed over on one day: that is open. Lists made after the other
    candidate had withdrawn are left out.

    Parameters
    ----------
    held : dict of str to list of CandidateList
        By candidate, in order of time.

    Returns
    -------
    list of dict
        One per pair: ``a`` and ``b`` (candidates, the earlier list first), ``first_at`` and ``second_at`` (UTC) of the two lists
        compared, ``is_one_day`` (theirs), ``days_apart`` of the first list of each, ``other_days`` (days on which one got a list
        and the other got none within 24 hours, but for the two compared), ``compared`` (rows of both are held), ``on_both``, ``members`` and ``contacts`` (counts by cause), ``by_field``, ``columns``
        (details that one list lacks altogether), ``sizes``, ``differs`` and ``is_open``.
    """
    return [_pair(case, held, a, b) for a, b in combinations(held, 2)]


def _pair(case: Case, held: dict[str, list[CandidateList]], a: str, b: str) -> dict[str, Any]:
    zone = case.contest["timezone"]
    one, two = while_both_stood(case, held, a, b)
    first, second = closest(one, two)
    days = [day_of(lists[0].taken_at, zone) for lists in (one, two)]
    alone = days_alone(case, one, two) | days_alone(case, two, one)
    one_day = is_of_one_day(first, second, zone)
    is_late = not one_day and second.taken_at - first.taken_at >= ONE_NIGHT
    told: dict[str, Any] = {
        "a": first.holder, "b": second.holder, "first_at": first.taken_at, "second_at": second.taken_at,
        "days_apart": abs((days[0] - days[1]).days), "is_one_day": one_day,
        "other_days": len(alone - {day_of(item.taken_at, zone) for item in (first, second)}),
        "sizes": [first.size, second.size], "compared": bool(first.held and second.held),
    }  # fmt: skip
    if not told["compared"]:
        sizes_differ = one_day and None not in told["sizes"] and first.size != second.size
        return told | {"differs": is_late or bool(told["other_days"]) or sizes_differ, "is_open": True}
    members, contacts = members_apart(case, first, second), contacts_apart(case, first, second)
    one, two = rows_of(case, first), rows_of(case, second)
    lacking = [{"field": field, "holder": name} for field in FIELDS for name, rows, other in ((first.holder, one, two), (second.holder, two, one)) if field in columns_of(other) - columns_of(rows)]  # fmt: skip
    apart = pl.concat([members.select("cause"), contacts.select("cause")])["cause"]
    differs = bool(is_late or told["other_days"] or lacking or (apart == NOT_BY_AGE).any())
    return told | {
        "on_both": one.join(two, on="voter_key", how="semi").height,
        "members": counted(members),
        "only_first": int((members["on"] == 1).sum()),
        "contacts": counted(contacts),
        "by_field": [
            {"field": field, "differs": int((own["how"] == "differs").sum()), "only_first": int((own["how"] == "only first").sum()),
             "only_second": int((own["how"] == "only second").sum()), **counted(own)}
            for field in FIELDS if (own := contacts.filter(pl.col("field") == field)).height
        ],
        "by_unit": _by_unit(one, two, members, contacts, case.package.min_cell),
        "columns": lacking,
        "differs": differs,
        "is_open": bool((apart == OPEN).any()) or not (one_day or is_late),
    }  # fmt: skip


def _by_unit(
    one: pl.DataFrame, two: pl.DataFrame, members: pl.DataFrame, contacts: pl.DataFrame, least: int
) -> list[dict[str, Any]]:
    """Members of each unit on either list, and those whose standing or contact details age does not explain; small units as one, the last."""
    everyone = pl.concat([two, one]).unique("voter_key", keep="first", maintain_order=True).select("voter_key", "unit")
    odd = pl.concat([frame.filter(pl.col("cause") == NOT_BY_AGE).select("voter_key") for frame in (members, contacts)]).unique()
    rows = everyone.drop_nulls("unit").join(odd.with_columns(odd=pl.lit(True)), on="voter_key", how="left")
    is_joined = pl.col("unit").is_in(too_small(rows.group_by("unit").agg(size=pl.len()), least))
    named = rows.with_columns(unit=pl.when(is_joined).then(pl.lit(SMALLEST)).otherwise("unit"), joined=is_joined)
    counts = named.group_by("unit", "joined").agg(members=pl.len(), n=pl.col("odd").count()).sort("joined", "unit")
    return counts.drop("joined").to_dicts()


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package."""
    every = lists_of(case)
    held: dict[str, list[CandidateList]] = {}
    for item in every:
        held.setdefault(item.holder, []).append(item)
    nameless = held.pop("", [])
    if len(held) < 2:
        reason = (
            "The list of one candidate alone is on record: there is none to set beside it." if held
            else "It is on record that lists were given out, but not to whom." if nameless
            else "No list that was given to a candidate is on record."
        )  # fmt: skip
        return (NotAnswerable(method=NOUN, reason=reason, needs=NEEDS),)
    pairs = list_asymmetry(case, held)
    standing = case.rows("candidates").filter(pl.col("withdrawn_at").is_null())["candidate_id"]
    without = sorted(name for who, name in names_of(case).items() if name not in held and who in standing)
    n_differ = sum(pair["differs"] for pair in pairs)
    is_open = bool(without) or any(pair["is_open"] for pair in pairs)
    verdict = Verdict.BREACH_RECORDED if n_differ else Verdict.UNDETERMINED if is_open else Verdict.NO_BREACH
    return (
        Breach(
            method=NOUN,
            rule="every candidate gets the same list of members on the same day",
            verdict=verdict,
            statistic=n_differ,
            statistic_name="pairs of candidates who did not get the same list on the same day",
            n_observations=len(pairs),
            n_excluded=len(nameless),
            assumptions=_assumptions(case),
            innocent_explanations=EXPLANATIONS,
            parameters={"zone": case.contest["timezone"]},
            details={
                "pairs": pairs,
                "lists": [
                    {"holder": item.holder, "copy": item.snapshot_id, "at": item.taken_at, "size": item.size} for item in every
                ],
                "without": without,
                "first": min(held, key=lambda name: (held[name][0].taken_at, name)),
            },
        ),
    )


def _assumptions(case: Case) -> tuple[Assumption, ...]:
    logs = [case.rows(table).height for table in ("roll_changes", "contact_changes")]
    evidence = "Changes of the roll and of contact details are held, and so it can be seen which differences age explains." if all(logs) else (
        "Not all changes between the lists are held; a difference is put down to age where the body's own copies allow it, "
        "and is open where they cannot tell."
    )  # fmt: skip
    return (
        Assumption(
            statement="A list was handed over on the day it was made.",
            status=Status.UNTESTED,
            evidence="The day of making is all that is on record.",
        ),
        Assumption(
            statement="Differences that the age of a list explains are told apart from the others.",
            status=Status.UNTESTED,
            evidence=evidence,
        ),
    )
