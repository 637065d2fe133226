"""Lists handed to candidates, held against each other and against the body's own copies of the roll. Shared by list_asymmetry and its charts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods.instants import stamped
from analysis_lib.methods.members import is_complete
from analysis_lib.methods.roll_copies import whole_copies

FIELDS = {"email": "email_key", "phone": "phone_key", "postal_address": "address_key"}
FOR_A_CANDIDATE = "given_to_candidate"
BY_AGE, LEFT_OUT, NOT_BY_AGE, OPEN = "age", "opted_out", "not_age", "open"
CAUSES = (BY_AGE, LEFT_OUT, NOT_BY_AGE, OPEN)
ONE_NIGHT = timedelta(hours=24)  # two lists of one evening may bear two dates


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateList:
    """One list: its copy, whose it is, when it was made, the rows it is said to have and whether they are held."""

    snapshot_id: str
    holder: str
    taken_at: datetime
    stated: int | None
    held: int

    @property
    def size(self) -> int | None:
        """Rows held, else the rows that its cover states; null: neither."""
        return self.held or self.stated


def lists_of(case: Case) -> list[CandidateList]:
    """Every list handed to a candidate's team, in order of time; `holder` is empty where nobody says whose it was."""
    names = names_of(case)
    held = dict(case.rows("roll").group_by("snapshot_id").len().iter_rows())
    to_a_team = pl.col("candidate_id").is_not_null() | (pl.col("recipient_role") == "candidate_team")
    no_purpose = pl.col("purpose").is_null() & to_a_team.fill_null(False)  # a marked register is another paper
    is_list = (pl.col("purpose") == FOR_A_CANDIDATE).fill_null(False) | no_purpose
    return [
        CandidateList(
            snapshot_id=row["snapshot_id"], holder=names.get(row["candidate_id"], row["candidate_id"] or ""),
            taken_at=row["taken_at"], stated=row["row_count"], held=held.get(row["snapshot_id"], 0),
        )
        for row in case.rows("roll_snapshots").filter(is_list).sort("taken_at", "snapshot_id").iter_rows(named=True)
    ]  # fmt: skip


def names_of(case: Case) -> dict[str, str]:
    """Name every candidate by id; two of one name are told apart by their ids."""
    told = pl.col("display_name")
    name = pl.when(told.is_duplicated()).then(pl.format("{} ({})", told, "candidate_id")).otherwise(told)
    return dict(case.rows("candidates").select("candidate_id", name).iter_rows())


def while_both_stood(
    case: Case, held: dict[str, list[CandidateList]], a: str, b: str
) -> tuple[list[CandidateList], list[CandidateList]]:
    """Give the lists of two candidates made while the other stood: nobody owes one to a candidate who has withdrawn. If none were, all."""
    names = names_of(case)
    rows = case.rows("candidates").drop_nulls("withdrawn_at").select("candidate_id", "withdrawn_at")
    left = {names[candidate]: at for candidate, at in rows.iter_rows()}
    one, two = (
        [item for item in held[name] if other not in left or item.taken_at <= left[other]] or held[name]
        for name, other in ((a, b), (b, a))
    )
    return one, two


def closest(first: list[CandidateList], second: list[CandidateList]) -> tuple[CandidateList, CandidateList]:
    """Give of two candidates' lists the two nearest in time, the later pair of equals: their difference owes least to age."""
    pairs = [(a, b) for a in first for b in second]
    least = min(abs(a.taken_at - b.taken_at) for a, b in pairs)
    a, b = [(a, b) for a, b in pairs if abs(a.taken_at - b.taken_at) == least][-1]
    return (a, b) if a.taken_at <= b.taken_at else (b, a)


def day_of(instant: datetime, zone: str) -> date:
    """Give the calendar day in the contest's zone."""
    return instant.astimezone(ZoneInfo(zone)).date()


def days_alone(case: Case, own: list[CandidateList], others: list[CandidateList]) -> set[date]:
    """Give the days on which one got a list and the other got none within `ONE_NIGHT`.

    A list with the very rows of one that the same candidate had before was sent again, and is no further list.
    """
    zone = case.contest["timezone"]
    found: set[date] = set()
    had: list[pl.DataFrame] = []
    for item in own:
        rows = _rows(case, item).select("voter_key", *FIELDS.values()).sort("voter_key")
        is_again = rows.height > 0 and any(rows.equals(before) for before in had)
        had.append(rows)
        near = (_is_near(item, other, zone) for other in others)
        if not is_again and not any(near):
            found.add(day_of(item.taken_at, zone))
    return found


def _is_near(one: CandidateList, two: CandidateList, zone: str) -> bool:
    return is_of_one_day(one, two, zone) or abs(one.taken_at - two.taken_at) < ONE_NIGHT


def is_of_one_day(one: CandidateList, two: CandidateList, zone: str) -> bool:
    """Whether two lists bear one calendar day of the contest's zone."""
    return day_of(one.taken_at, zone) == day_of(two.taken_at, zone)


def members_apart(case: Case, first: CandidateList, second: CandidateList) -> pl.DataFrame:
    """Give the members who stand on one of two lists alone, and what tells of it.

    Returns
    -------
    DataFrame
        ``voter_key``, ``on`` (1 or 2), ``unit`` and ``cause``: "age" (a change, a day of joining or the body's own copies
        show that the member came or went between the two days), "opted_out" (a change says so), "not_age" (the member was
        on the roll on both days, the lists are of one day, or a complete log has no change), or "open": so is who is missing
        from a list that is held in part, and everybody where one list holds nobody known by that key. Who stands on a further
        list that the candidate got within `ONE_NIGHT` isn't missing.
    """
    rows = [_rows(case, item).with_columns(on=pl.lit(n)) for n, item in ((1, first), (2, second))]
    both = rows[0].join(rows[1], on="voter_key").select("voter_key")
    apart = pl.concat(rows).join(both, on="voter_key", how="anti").select("voter_key", "on", "unit", "joined_on")
    parts = [_on_further_lists(case, item) for item in (second, first)]
    apart = apart.filter(
        ~pl.any_horizontal(((pl.col("on") == n) & pl.col("voter_key").is_in(keys)) for n, keys in enumerate(parts, 1))
    )
    between = _between(case, "roll_changes", first, second)
    changed = between.group_by("voter_key").agg(asked=(pl.col("reason") == "opted_out").any())
    apart = apart.join(changed, on="voter_key", how="left").join(_own_copies(case, first, second), on="voter_key", how="left")
    zone = case.contest["timezone"]
    joined = pl.col("joined_on").is_between(day_of(first.taken_at, zone), day_of(second.taken_at, zone)).fill_null(False)
    told = apart.with_columns(cause=_cause(case, "roll_changes", first, second, joined=joined))
    may_be_there = [n for n, item, other in ((1, first, second), (2, second, first)) if _is_part(case, other, item)]
    is_open = pl.col("on").is_in(may_be_there) | pl.lit(not both.height and _numbered_anew(case, rows))
    is_open &= pl.col("cause") == NOT_BY_AGE
    return told.select("voter_key", "on", "unit", cause=pl.when(is_open).then(pl.lit(OPEN)).otherwise("cause"))


def _on_further_lists(case: Case, item: CandidateList) -> pl.Series:
    """Keys on the other lists that the same candidate got within `ONE_NIGHT`: one list may be handed over in parts."""
    near = [
        other.snapshot_id
        for other in lists_of(case)
        if other.holder == item.holder and other != item and abs(other.taken_at - item.taken_at) < ONE_NIGHT
    ]
    return case.rows("roll").filter(pl.col("snapshot_id").is_in(near))["voter_key"].implode()


def _is_part(case: Case, item: CandidateList, other: CandidateList) -> bool:
    """Whether a list is held in part: its cover states more rows, or it came with a supply that is not whole and the other did not."""
    whole = whole_copies(case)
    parts = case.rows("sources").filter(pl.col("completeness").is_in(("random_sample", "self_selected")))
    in_part = _rows(case, item).join(parts, on="source_id", how="semi").height > 0 and item.held != item.stated
    return item.held < (item.stated or 0) or in_part or (item.snapshot_id not in whole and other.snapshot_id in whole)


def _numbered_anew(case: Case, lists: list[pl.DataFrame]) -> bool:
    """Whether one of two lists holds nobody that the body's own copies know, as after a change of the numbering."""
    own = case.rows("roll_snapshots").filter(pl.col("purpose") != FOR_A_CANDIDATE)
    known = case.rows("roll").join(own, on="snapshot_id", how="semi")
    return known.height > 0 and any(not rows.join(known, on="voter_key", how="semi").height for rows in lists)


def contacts_apart(case: Case, first: CandidateList, second: CandidateList) -> pl.DataFrame:
    """Give the contact details that differ between two lists, of members who stand on both, and what tells of it.

    A detail that one list has of nobody is left out: that list was made without it (`columns_of`).

    Returns
    -------
    DataFrame
        ``voter_key``, ``field``, ``unit``, ``how`` ("differs", "only first", "only second") and ``cause`` as in `members_apart`.
    """
    one, two = _rows(case, first), _rows(case, second)
    found = []
    for field, key in FIELDS.items():
        if field not in columns_of(one) & columns_of(two):
            continue
        pairs = one.select("voter_key", "unit", a=key).join(two.select("voter_key", b=key), on="voter_key")
        apart = pairs.filter(pl.col("a").ne_missing(pl.col("b")))
        how = (
            pl.when(pl.col("b").is_null()).then(pl.lit("only first"))
            .when(pl.col("a").is_null()).then(pl.lit("only second"))
            .otherwise(pl.lit("differs"))
        )  # fmt: skip
        changed = _contact_changes(case, first, second, field, apart.filter(pl.col("b").is_null()))
        apart = apart.join(changed, on="voter_key", how="left").join(
            _own_copies(case, first, second, key), on="voter_key", how="left"
        )
        apart = apart.with_columns(field=pl.lit(field), how=how, cause=_cause(case, "contact_changes", first, second))
        found.append(apart.select("voter_key", "field", "unit", "how", "cause"))
    schema = dict.fromkeys(("voter_key", "field", "unit", "how", "cause"), pl.String)
    return pl.concat([pl.DataFrame(schema=schema), *found])


def _contact_changes(
    case: Case, first: CandidateList, second: CandidateList, field: str, taken_off: pl.DataFrame
) -> pl.DataFrame:
    """Members with a change of a detail between two lists, and whether they asked to have it taken off.

    Whoever asked not to be written to may stand in the log of the roll alone; that tells only of details `taken_off`.
    """
    is_removal = (pl.col("edit_class") == "removed").fill_null(False) | pl.col("new_missing").fill_null(False)
    is_own_wish = (pl.col("actor_role") == "self") | (pl.col("request_evidence") == "member_request_logged")
    edits = _between(case, "contact_changes", first, second).filter(pl.col("field") == field)
    told = edits.select("voter_key", asked=is_removal & is_own_wish.fill_null(False))
    opted = _between(case, "roll_changes", first, second).filter(pl.col("reason") == "opted_out")
    opted = opted.select("voter_key", asked=pl.lit(True)).join(taken_off, on="voter_key", how="semi")
    return pl.concat([told, opted]).group_by("voter_key").agg(pl.col("asked").any())


def columns_of(rows: pl.DataFrame) -> set[str]:
    """Name the contact details of which a list has at least one."""
    return {field for field, key in FIELDS.items() if rows[key].count()}


def rows_of(case: Case, item: CandidateList) -> pl.DataFrame:
    """Give the rows of a list, or of a copy."""
    return _rows(case, item)


def _rows(case: Case, item: CandidateList) -> pl.DataFrame:
    """Rows of a list, under the key that a member had in the end."""
    changed = case.rows("roll_changes").filter(pl.col("change") == "key_changed").drop_nulls("other_voter_key")
    pairs = changed.select("voter_key", "other_voter_key").unique("voter_key", keep="none")
    later = pairs.filter(~pl.col("other_voter_key").is_in(pairs["voter_key"].implode()))  # none back and forth
    rows = case.rows("roll").filter(pl.col("snapshot_id") == item.snapshot_id)
    return rows.with_columns(pl.col("voter_key").replace(later["voter_key"], later["other_voter_key"]))


def _between(case: Case, table: str, first: CandidateList, second: CandidateList) -> pl.DataFrame:
    """Rows of a log of changes that may have been made between the two lists."""
    rows = stamped(case.rows(table).filter(pl.col("derived_from") != "snapshot_diff"), case)
    ends = pl.col("latest") + pl.duration(seconds=pl.col("unit_s"))
    outside = (ends < pl.lit(first.taken_at)) | (pl.col("earliest") > pl.lit(second.taken_at))
    return rows.filter(~outside.fill_null(False))


def _own_copies(case: Case, first: CandidateList, second: CandidateList, key: str = "") -> pl.DataFrame:
    """What the body's own copies say of each member on the two days: ``before`` and ``after``.

    Of being on the roll and entitled, or of one contact detail, by the last copy up to the first list and the first copy
    from the second one on. Null: not there, or no such copy.
    """
    copies = case.rows("roll_snapshots").filter((pl.col("purpose") != FOR_A_CANDIDATE) & pl.col("candidate_id").is_null())
    copies = copies.join(case.rows("roll").select("snapshot_id").unique(), on="snapshot_id", how="semi").sort(
        "taken_at", "snapshot_id"
    )
    before = copies.filter(pl.col("taken_at") <= pl.lit(first.taken_at)).tail(1)
    after = copies.filter(pl.col("taken_at") >= pl.lit(second.taken_at)).head(1)
    value = pl.col(key) if key else pl.col("eligible").cast(pl.String)

    def told(copy: pl.DataFrame, name: str) -> pl.DataFrame:
        rows = case.rows("roll").filter(pl.col("snapshot_id").is_in(copy["snapshot_id"].to_list()))
        return rows.select("voter_key", value.alias(name))

    one, two = told(before, "before"), told(after, "after")
    both = one.join(two, on="voter_key", how="full", coalesce=True)
    return both.with_columns(has_both=pl.lit(bool(before.height and after.height)))


def _cause(case: Case, table: str, first: CandidateList, second: CandidateList, joined: pl.Expr | None = None) -> pl.Expr:
    """What tells of a difference: a change between the days; else the copies on either side; else a log that is complete."""
    one_day = is_of_one_day(first, second, case.contest["timezone"])
    same = (pl.col("before") == pl.col("after")).fill_null(False)
    differ = pl.col("has_both").fill_null(False) & ~same & (pl.col("before").is_not_null() | pl.col("after").is_not_null())
    moved = pl.col("asked").is_not_null() | (pl.lit(False) if joined is None else joined)
    return (
        pl.when(pl.col("asked").fill_null(False)).then(pl.lit(LEFT_OUT))
        .when(moved).then(pl.lit(BY_AGE))
        .when(same).then(pl.lit(NOT_BY_AGE))
        .when(differ).then(pl.lit(BY_AGE))
        .when(pl.lit(one_day or is_complete(case, table))).then(pl.lit(NOT_BY_AGE))
        .otherwise(pl.lit(OPEN))
    )  # fmt: skip


def counted(rows: pl.DataFrame) -> dict[str, Any]:
    """Count rows by cause."""
    found = dict(rows["cause"].value_counts().iter_rows())
    return {cause: int(found.get(cause, 0)) for cause in CAUSES}
