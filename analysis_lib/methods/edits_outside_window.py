"""Were the roll and members' contact details changed after the last day for changes?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from analysis_lib.case import Case
from analysis_lib.clocks import RESOLUTION_S, Window, in_force, windows_of_kind
from analysis_lib.methods.administrators import told_role
from analysis_lib.methods.contact_edits import REACHES
from analysis_lib.methods.edit_account import account, published
from analysis_lib.methods.edit_causes import AGAINST, APART, OPEN, beside, with_causes, with_moves
from analysis_lib.methods.instants import by_day, edge, stamped
from analysis_lib.results import Assumption, Breach, NotAnswerable, Result, Status, Verdict

MINUTE_S = RESOLUTION_S["min"]  # a window that ends at 23:59 ends with the day
RENAMINGS = ("key_changed", "merged")
EXPLANATIONS = (
    "An exception was granted under the rules, and not noted: a member shown to be entitled is let in late.",
    "A member asked by telephone or in person, and nobody noted it.",
    "A correction of form: another spelling, an account renamed, two records of one member joined.",
    "The change was decided in time and entered afterwards, or the clock of the log is wrong.",
    "The last day was moved, and the notice is not among the papers held.",
)
COLUMNS = (
    "what",
    "kind",
    "voter_key",
    "at",
    "at_lo",
    "at_hi",
    "clock_id",
    "actor_role",
    "reason",
    "system",
    "new_domain_class",
    "source_id",
    "source_row",
)


def edits(case: Case) -> pl.DataFrame:
    """Give every change of the roll and of contact details, with the earliest and latest instant it may have been made.

    ``what`` is roll or contact, ``kind`` the change or the class of the edit. Changes of one key into another
    are no new or removed members and are left out, and so are contact edits of form alone, which leave the key as it was.
    Of a member's data those count through which a vote can come. A stamp of a day or an hour may stand for any minute of it. ``cause`` and ``standing`` are those of `with_causes`.
    """
    nothing = pl.lit(None, pl.String)
    roll = with_moves(case.rows("roll_changes").filter(~pl.col("change").is_in(RENAMINGS)))
    roll = beside(case, roll).with_columns(what=pl.lit("roll"), kind="change", system=nothing, new_domain_class=nothing)
    same = (pl.col("edit_class") == "formatting_only").fill_null(False) | (pl.col("old_key") == pl.col("new_key")).fill_null(
        False
    )
    filled = pl.when(pl.col("old_missing")).then(pl.lit("added")).when(pl.col("new_missing")).then(pl.lit("removed"))
    contact = case.rows("contact_changes").filter(~same & pl.col("field").is_in(REACHES))
    contact = contact.with_columns(
        what=pl.lit("contact"),
        kind=pl.format("{} {}", "field", filled.otherwise(pl.col("edit_class").fill_null("changed"))),
        reason=pl.col("request_evidence"),
        beside=nothing,
        may_stay=pl.lit(False),
    )
    both = pl.concat(
        [frame.select("change_id", *COLUMNS, "beside", "may_stay", "derived_from", "actor_key") for frame in (roll, contact)]
    )
    placed = stamped(with_causes(both), case)
    # The day of a change lasts until the minute before the next one, however many hours it has.
    next_day = pl.col("latest").dt.convert_time_zone(case.contest["timezone"]).dt.offset_by("1d").dt.convert_time_zone("UTC")
    unit_ends = pl.when(pl.col("unit_s") == RESOLUTION_S["day"]).then(next_day).otherwise(
        pl.col("latest") + pl.duration(seconds="unit_s")
    )  # fmt: skip
    is_coarse = pl.col("at").is_not_null() & (pl.col("unit_s") > MINUTE_S)
    placed = placed.with_columns(latest=pl.when(is_coarse).then(unit_ends - timedelta(seconds=MINUTE_S)).otherwise("latest"))
    return placed.sort("latest", "what", "change_id", nulls_last=True)


def edits_outside_window(edited: pl.DataFrame, window: Window, close: datetime | None) -> pl.DataFrame:
    """Say of every edit whether it was made after the last day for changes.

    Parameters
    ----------
    edited : DataFrame
        ``earliest`` and ``latest`` (UTC): the limits that clocks, their units, or two copies of the roll, leave.
    window : Window
        The window for changes in one basis.
    close : datetime or None
        The close of voting; null: not known, so that any later edit counts.

    Returns
    -------
    DataFrame
        The rows with ``place``: "in time", "late" (after the last day and not after the close), "after the close",
        "either" (the limits, or a stamp of a day or an hour, leave it open) or "unknown" (no time at all); and ``seconds`` past the last day.
    """
    deadline = pl.lit(window.closes_at + timedelta(seconds=window.grace_s))
    end = pl.lit(close or datetime.max.replace(tzinfo=window.closes_at.tzinfo))
    late, in_time = pl.col("earliest") > deadline, pl.col("latest") <= deadline
    place = (
        pl.when(pl.col("earliest").is_null() | pl.col("latest").is_null()).then(pl.lit("unknown"))
        .when(in_time).then(pl.lit("in time"))
        .when(late & (pl.col("latest") <= end)).then(pl.lit("late"))
        .when(pl.col("earliest") > end).then(pl.lit("after the close"))
        .when(late).then(pl.lit("late or after the close"))
        .otherwise(pl.lit("either"))
    )  # fmt: skip
    seconds = (pl.coalesce("at", "earliest") - pl.lit(window.closes_at)).dt.total_seconds()
    return edited.with_columns(place=place, seconds=seconds)


def by_basis(case: Case, edited: pl.DataFrame) -> list[dict[str, Any]]:
    """Count the edits by their place, for the window in each basis that is held."""
    windows = windows_of_kind(case.rows("contest_windows"), "all", "roll_edits")
    close = edge(case, "voting", "closes_at")
    rows = []
    for basis, window in windows.items():
        if window.closes_at:
            counts = dict(edits_outside_window(edited, window, close)["place"].value_counts().iter_rows())
            rows.append(
                {
                    "basis": basis, "closes_at": window.closes_at, "in_time": counts.get("in time", 0),
                    "late": counts.get("late", 0) + counts.get("late or after the close", 0),
                    "after_close": counts.get("after the close", 0), "either": counts.get("either", 0),
                    "unknown": counts.get("unknown", 0),
                }
            )  # fmt: skip
    return rows


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package."""
    windows = windows_of_kind(case.rows("contest_windows"), "all", "roll_edits")
    basis, edited = in_force(windows), edits(case)
    if basis is None or windows[basis].closes_at is None or not edited.height:
        reason = "Changes of the roll or of contacts, and the last day on which they were allowed, are needed together."
        needs = ("contest_windows.closes_at (kind roll_edits)",) if edited.height else ("roll_changes.at|contact_changes.at",)
        return (NotAnswerable(method="edits_outside_window", reason=reason, needs=needs),)
    window, close = windows[basis], edge(case, "voting", "closes_at")
    placed = edits_outside_window(edited, window, close)
    after = placed.filter(pl.col("place").is_in(("late", "late or after the close")))
    is_timed = pl.col("clock_id").is_not_null() | pl.col("at").is_null()  # by a clock, or between two copies of the roll
    late, doubtful = (after.filter(is_timed & (pl.col("standing") == standing)) for standing in (AGAINST, OPEN))
    maybe = pl.concat([placed.filter(pl.col("place") == "either"), after.filter(~is_timed)])
    either = maybe.filter(pl.col("standing") != APART)
    is_open = bool(either.height or doubtful.height)
    verdict = Verdict.BREACH_RECORDED if late.height else Verdict.UNDETERMINED if is_open else Verdict.NO_BREACH
    unknown = int((placed["place"] == "unknown").sum())
    return (
        Breach(
            method="edits_outside_window",
            rule="after the last day for changes nobody changes the roll, or a member's contact details unasked, without a cause on record",
            verdict=verdict,
            statistic=late.height,
            statistic_name="changes after the last day for them and before the close, with no request and no cause on record",
            n_observations=placed.height - unknown,
            n_excluded=unknown,
            assumptions=(
                Assumption(
                    statement="The last day for changes is the one that members were last told of.",
                    status=Status.UNTESTED,
                    evidence="The count is given for the window in every version held.",
                ),
                Assumption(
                    statement="The last day binds whoever keeps the roll, and not what members do or ask for themselves.",
                    status=Status.UNTESTED,
                    evidence="The rules' own words are not among the data; changes with such a cause are counted apart.",
                ),
                Assumption(
                    statement="A change stands in the log when it was made, not when it was decided.",
                    status=Status.UNTESTED,
                    evidence="The log's time is all that is held.",
                ),
            ),
            innocent_explanations=EXPLANATIONS,
            parameters={"zone": case.contest["timezone"]},
            details={
                "basis": basis,
                "deadline": window.closes_at,
                "close": close,
                "late": _by_table(late),
                "open": _by_table(doubtful),
                "either": either.height,
                "apart": dict(after.drop_nulls("cause").group_by("cause").len().sort("cause").iter_rows()),
                "after_close": int((placed["place"] == "after the close").sum()),
                "largest_s": (late if late.height else doubtful)["seconds"].max(),
                "by_kind": _by_kind(after.with_columns(told_role(case))),
                "rows": by_day(after, case.contest["timezone"], "what", "kind"),
                "by_basis": by_basis(case, edited),
                "account": published(account(case), case),
            },
        ),
    )  # fmt: skip


def _by_table(edited: pl.DataFrame) -> dict[str, int]:
    return {what: int((edited["what"] == what).sum()) for what in ("roll", "contact")}


def _by_kind(late: pl.DataFrame) -> list[dict[str, Any]]:
    """Late changes, those with a cause among them, by kind, by the role on record and by the reason on file."""
    by = ("what", "kind", "system", "new_domain_class", "actor_role", "reason", "standing")
    rows = late.with_columns(pl.col("actor_role", "reason").fill_null("unknown"))
    return rows.group_by(by).len("n").sort(by, nulls_last=True).to_dicts()
