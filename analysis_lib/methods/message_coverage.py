"""Did some members not get the invitations and reminders, those with changed contacts above all?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import hypergeom

from analysis_lib.case import Case
from analysis_lib.methods.members import roll_in_force
from analysis_lib.methods.unit_rates import REFERENCES, SMALLEST, learnt_spread, too_small, uneven
from analysis_lib.results import Assumption, Estimate, NotAnswerable, Result, Status, TestResult
from analysis_lib.stats.stratified import approximate_ratio, common_ratio, informative

METHOD = "message_coverage"
NEEDS = ("credential_events.event|communications.n_bounced",)
MIN_EACH = 5
MOST_EXACT = 20_000  # members compared; beyond, the exact test would take minutes
FIELDS = ("email", "phone")
FIELD_OF = {"email": "email", "sms": "phone"}  # the detail that a medium needs; any other may go by either
SENT = ("issued", "resent_same", "reissued_new", "destination_changed")
BY_LOT = ("census", "random", "stratified")
UNCHANGED, OTHERWISE, UNASKED = (
    "contact not changed",
    "contact changed otherwise",
    "contact changed, and a search found no request",
)
EXPLANATIONS = (
    "A new address was taken down wrongly, over the telephone or from a form.",
    "Spam filters of one provider, which many members of a branch share.",
    "Members who asked to be sent nothing, or for whom no address is held.",
    "Old addresses: a branch whose list was not kept up loses more letters.",
    "A provider refused what one relay sent, and members of a branch share it or were sent theirs that day.",
    "A letter that the relay took counts as delivered, even if it ended among the junk.",
)
NULLS = {
    "changed": "a message reached members whose contact had been changed as often as others of the same branch to whom it was sent",
    "said": "members whose contact had been changed before the codes went out got them as often as others of the same branch",
    "branch": "the share of members whose first message came back differs between branches only as it does among the other branches",
}
COUNTED = {
    "changed": "members with a changed contact whose next message came back",
    "said": "members with a changed contact who say that they got no code",
    "branch": "members whose first message came back, in the branch that stands out most",
}


def message_coverage(members: pl.DataFrame, *, form: str, confidence_level: float, alpha: float) -> TestResult:
    """Compare members whose contact had been changed with others of the same stratum in how many were not reached.

    That a message was delivered does not say to whom: a letter that follows a changed address reaches somebody.

    Parameters
    ----------
    members : DataFrame
        A member once: ``stratum``, ``group`` (one of the three), ``is_missed`` (bool). If for `MIN_EACH` members or more a search
        found no request for the change, those are compared with the unchanged; else all with a change are.
    form : {'changed', 'said'}
        By the log of deliveries, or by what members picked by lot say.

    Returns
    -------
    TestResult
        Statistic: members with a changed contact who were not reached. Effect: odds ratio, changed over unchanged, common
        to the strata, with its exact interval; above 1 means that the changed were reached less.

    Notes
    -----
    Where no search found changes without a request, the answer is undetermined: an address that somebody asked for may
    be taken down wrongly, and one that replaces a dead one may be dead too. Null hypothesis: see `NULLS`. Exact, given each stratum's totals; one-sided and discrete, so below its nominal rate. Above
    `MOST_EXACT` members the normal approximation stands in.
    """
    unasked_n = members.filter(pl.col("group") == UNASKED).height
    compared = (UNASKED,) if unasked_n >= MIN_EACH else (UNASKED, OTHERWISE)
    tables = _tables(members, compared)
    ratio = (common_ratio if tables.sum() <= MOST_EXACT else approximate_ratio)(tables, confidence_level)
    used = informative(tables)
    return TestResult(
        method=METHOD, form=form, null_hypothesis=NULLS[form], alternative="greater",
        statistic=float(tables[:, 0].sum()), statistic_name=COUNTED[form], pvalue=ratio.greater,
        effect=Estimate(
            name="odds of not being reached, changed over unchanged", value=ratio.ratio, low=ratio.low, high=ratio.high,
            confidence_level=confidence_level, unit="ratio",
        ),
        n_observations=members.height, n_excluded=0,
        assumptions=(_who_changed(form, is_asked=unasked_n < MIN_EACH),), innocent_explanations=EXPLANATIONS, references=("gart1970",),
        parameters={"confidence_level": confidence_level},
        details={
            "compared": list(compared), "groups": groups(members), "n_strata": len(tables), "n_strata_used": len(used),
            "smallest_visible": _smallest(tables, alpha),
        },
    )  # fmt: skip


def _who_changed(form: str, *, is_asked: bool) -> Assumption:
    told = {
        "changed": "A change counts only for messages sent after it, so a letter that came back cannot be its cause; the next one can be.",
        "said": "Changes count only up to the day on which the codes went out; memory errs in both groups.",
    }
    return Assumption(
        statement="Members with a changed contact would otherwise be reached like their neighbours.",
        status=Status.FAILS if is_asked else Status.UNTESTED,
        evidence=f"Of fewer than {MIN_EACH} of the changes a search found that nobody had asked for them. A new address that was asked for, or put "
        "in place of a dead one, fails more often; a search for the requests behind the changes would settle it."
        if is_asked
        else told[form],
    )


def _tables(members: pl.DataFrame, compared: tuple[str, ...]) -> np.ndarray:
    """One 2x2 table a stratum: changed not reached, changed reached, unchanged not reached, unchanged reached."""
    is_a, missed = pl.col("group").is_in(compared), pl.col("is_missed")
    kept = members.filter(is_a | (pl.col("group") == UNCHANGED))
    counts = kept.group_by("stratum").agg(
        (is_a & missed).sum(), (is_a & ~missed).sum().alias("b"), (~is_a & missed).sum().alias("c"), (~is_a & ~missed).sum().alias("d")
    )  # fmt: skip
    return counts.sort("stratum").drop("stratum").to_numpy().astype(np.int64)


def groups(members: pl.DataFrame) -> list[dict[str, Any]]:
    """Members and, of these, members not reached, by what happened to their contact."""
    counts = members.group_by(unit="group").agg(events=pl.col("is_missed").sum().cast(pl.Int64), size=pl.len().cast(pl.Int64))
    order = {name: i for i, name in enumerate((UNCHANGED, OTHERWISE, UNASKED))}
    return sorted(counts.to_dicts(), key=lambda row: order[row["unit"]])


def _smallest(tables: np.ndarray, alpha: float) -> int | None:
    """Fewest members with a changed contact not reached that would stand out, were those found spread as all members are."""
    a, b, missed = int(tables[:, :2].sum()), int(tables[:, 2:].sum()), int(tables[:, 2].sum())
    k = np.arange(a + 1)
    seen = np.flatnonzero(hypergeom.sf(k - 1, a + b, k + missed, a) <= alpha)
    return int(seen[0]) if seen.size else None


def sendings(case: Case) -> pl.DataFrame:
    """Give every member's messages whose fate is on record: ``voter_key, message, sent_at, field, is_missed``, a member and message once.

    A bounce may be logged days later, so a message of no dated mailing was sent when the last code before it was; ``sent_at``
    is null where no such is on record. ``field``: the contact detail that it went to, empty where that is not known.
    Events of no mailing (a code sent again, or a log without mailings) count as one message only for members who have no
    other, and their first outcome alone: what was sent after a letter came back is the cure, not another letter.
    """
    codes = case.rows("credential_events").drop_nulls("voter_key")
    rows = codes.filter(pl.col("event").is_in(("delivered", "bounced")))
    if rows.height and (rows["event"] == "bounced").all():  # a log of failures alone: what did not come back arrived
        quiet = codes.filter(pl.col("event").is_in(SENT)).join(rows, on="voter_key", how="anti")
        rows = pl.concat(
            [rows, quiet.sort("at", "event_id", nulls_last=True).unique("voter_key", keep="first", maintain_order=True)]
        )
    sent = case.rows("communications").filter(pl.col("kind").is_in(("invitation", "reminder")))
    rows = rows.sort("at", "event_id", nulls_last=True).with_columns(is_missed=pl.col("event") == "bounced")
    rows = _with_sending(case, rows)
    mailed = rows.join(sent.select("message_id", "medium", dated="sent_at"), on="message_id", maintain_order="left").with_columns(
        sent_at=pl.coalesce("dated", "sent_at"), kind=pl.coalesce("medium", "destination_kind")
    )
    by_mailing = mailed.group_by("voter_key", message="message_id", maintain_order=True).agg(
        pl.col("sent_at", "kind").first(), pl.col("is_missed").last()
    )
    alone = rows.join(mailed.select("voter_key").unique(), on="voter_key", how="anti", maintain_order="left")
    singly = alone.group_by("voter_key", message=pl.lit(""), maintain_order=True).agg(
        pl.col("sent_at").first(), pl.col("destination_kind").first().alias("kind"), pl.col("is_missed").first()
    )
    field = pl.col("kind").replace_strict(FIELD_OF, default="", return_dtype=pl.String)
    every = pl.concat([by_mailing, singly]).select("voter_key", "message", "sent_at", "is_missed", field=field)
    return every.sort("voter_key", "sent_at", "message")


def _with_sending(case: Case, fates: pl.DataFrame) -> pl.DataFrame:
    """Add when the last code before each outcome was sent to the member: ``sent_at``, null without one."""
    codes = case.rows("credential_events").filter(pl.col("event").is_in(SENT)).drop_nulls(["voter_key", "at"])
    placed = fates.with_row_index("order").sort("at", "order", nulls_last=True).join_asof(
        codes.sort("at").select("voter_key", "at", sent_at="at"), on="at", by="voter_key", check_sortedness=False
    )  # fmt: skip
    return placed.sort("order").drop("order")


def contact_states(case: Case) -> pl.DataFrame:
    """Changes of e-mail and telephone that moved where a message goes: ``voter_key, changed_at, field, group``, in order of time.

    Each stands here twice, the second time for messages of which it is not known by what they went: ``field`` is empty.
    """
    changes = case.rows("contact_changes").filter(
        pl.col("field").is_in(FIELDS) & (pl.col("edit_class") != "formatting_only").fill_null(True)
    )
    known = changes.with_columns(changed_at=pl.coalesce("at", "at_hi")).drop_nulls(["changed_at", "voter_key"])
    unasked = pl.col("request_evidence") == "none_found"  # silence is not a finding: somebody looked, and found none
    group = pl.when(unasked).then(pl.lit(UNASKED)).otherwise(pl.lit(OTHERWISE))
    own = known.select("voter_key", "changed_at", "field", group=group)
    return pl.concat([own, own.with_columns(field=pl.lit(""))]).sort("changed_at", "voter_key", "group")


def by_the_log(case: Case, rng: np.random.Generator) -> pl.DataFrame:
    """Give members with a change by the first message after it, and members without one by a message drawn by lot.

    The lot is drawn among all messages, before it is looked whether that one went to the member: who was not reached
    does not vote and so is sent more of them. Nothing later than the message plays a part, and no change of a telephone
    number for an e-mail; a change of the very instant of the sending may be later.
    """
    sent = sendings(case).drop_nulls("sent_at").sort("sent_at", "voter_key", "message")
    states = contact_states(case)
    placed = sent.join_asof(
        states, left_on="sent_at", right_on="changed_at", by=["voter_key", "field"], check_sortedness=False, allow_exact_matches=False
    )  # fmt: skip
    changed = placed.drop_nulls("group").unique("voter_key", keep="first", maintain_order=True)
    messages = placed["message"].unique().sort()
    members = placed.select("voter_key").unique().sort("voter_key")
    drawn = members.with_columns(message=messages.gather(rng.integers(max(messages.len(), 1), size=members.height)))
    lot = placed.filter(pl.col("group").is_null()).join(drawn, on=["voter_key", "message"], how="semi", maintain_order="left")
    return _with_strata(case, pl.concat([changed, lot.with_columns(group=pl.lit(UNCHANGED))]), "message")


def by_what_they_say(case: Case) -> pl.DataFrame:
    """Give members picked by lot who say whether they got a code, with the state of their contact when the codes went out."""
    asked = case.rows("confirmations").filter(
        pl.col("sampling").is_in(BY_LOT) & pl.col("says_received_credential").is_in(("yes", "no"))
    ).unique("voter_key", keep="first", maintain_order=True)  # fmt: skip
    issued = case.rows("credential_events").filter(pl.col("event") == "issued").drop_nulls(["voter_key", "at"])
    first = issued.group_by("voter_key").agg(sent_at=pl.col("at").min())
    own = asked.join(first, on="voter_key").with_columns(is_missed=pl.col("says_received_credential") == "no")
    states = contact_states(case).filter(pl.col("field") == "")
    placed = own.sort("sent_at", "voter_key").join_asof(
        states, left_on="sent_at", right_on="changed_at", by="voter_key", check_sortedness=False, allow_exact_matches=False
    )  # fmt: skip
    return _with_strata(case, placed.with_columns(pl.col("group").fill_null(UNCHANGED), message=pl.lit("")), "message")


def _with_strata(case: Case, rows: pl.DataFrame, within: str) -> pl.DataFrame:
    """Members on the roll by branch and message; whoever stands on none counts under no branch."""
    roll = roll_in_force(case).select("voter_key", pl.col("unit").fill_null(""))
    joined = rows.join(roll, on="voter_key", how="left", maintain_order="left").with_columns(pl.col("unit").fill_null(""))
    return joined.select("voter_key", "unit", "group", "is_missed", stratum=pl.format("{}\n{}", within, "unit")).sort("voter_key")


def branch_members(case: Case) -> pl.DataFrame:
    """Members on the roll with a first message whose fate is on record: ``unit, message, provider, is_missed``; small branches under one name."""
    first = sendings(case).unique("voter_key", keep="first", maintain_order=True)
    roll = roll_in_force(case).select("voter_key", "unit", provider="email_domain_class").drop_nulls("unit")
    members = first.join(roll, on="voter_key").select("unit", "message", "provider", "is_missed")
    joined = too_small(members.group_by("unit").agg(size=pl.len()), case.package.min_cell)
    return members.with_columns(unit=pl.when(pl.col("unit").is_in(joined)).then(pl.lit(SMALLEST)).otherwise("unit"))


def branch_units(members: pl.DataFrame) -> pl.DataFrame:
    """Members and, of these, members to whom the message came back, by branch: ``unit, events, size``."""
    counts = members.group_by("unit").agg(events=pl.col("is_missed").sum().cast(pl.Int64), size=pl.len().cast(pl.Int64))
    return counts.sort("unit")


def same_road(members: pl.DataFrame, top: str, alpha: float) -> Assumption:
    """Say whether a branch stands out among members of the same kind of provider to whom the same message went."""
    known = members.drop_nulls("provider").filter(pl.col("provider") != "unknown")
    own, missed = pl.col("unit") == top, pl.col("is_missed")
    counts = known.group_by("message", "provider").agg(
        (own & missed).sum(), (own & ~missed).sum().alias("b"), (~own & missed).sum().alias("c"), (~own & ~missed).sum().alias("d")
    )  # fmt: skip
    tables = counts.sort("message", "provider").drop("message", "provider").to_numpy().astype(np.int64)
    is_apart = tables.size and (common_ratio if tables.sum() <= MOST_EXACT else approximate_ratio)(tables, 0.95).greater <= alpha
    return Assumption(
        statement="The branches' messages went the same road: by the same relay, to providers of the same kind.",
        status=Status.UNTESTED if is_apart else Status.FAILS,
        evidence="The branch stands out among members of the same kind of provider to whom the same message went."
        if is_apart
        else "Among members of the same kind of provider to whom the same message went it does not stand out, or these kinds are not held; "
        "the relay's own log, with the provider's reasons for sending messages back, would settle it.",
    )


def mailings(case: Case) -> list[dict[str, Any]]:
    """List the invitation and the reminders with how many they went to and how many came back, as somebody counted."""
    sent = case.rows("communications").filter(pl.col("kind").is_in(("invitation", "reminder"))).sort("sent_at", "message_id")
    return sent.select("kind", "medium", "audience", "sent_at", "n_recipients", "n_bounced").to_dicts()


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package: changed contacts by the log and by what members say, and branches."""
    plan = case.plan
    more = {"mailings": mailings(case)}
    level = {"confidence_level": plan.confidence_level, "alpha": plan.alpha}
    found: list[Result] = [_of_changed(case, "changed", more, level)]
    if case.holds("confirmations.says_received_credential"):
        found.append(_of_changed(case, "said", {}, level))
    if not case.missing(("credential_events.voter_key", "roll.unit")):
        found.append(_of_branches(case, more, level))
    return tuple(found)


def _of_changed(case: Case, form: str, more: Mapping[str, Any], level: Mapping[str, float]) -> Result:
    needs = ("credential_events.event", "credential_events.voter_key", "contact_changes.voter_key")
    if form == "said":
        needs += ("confirmations.says_received_credential",)
    missing = case.missing(needs)
    if missing:
        reason = "Which members a message reached, and whose contact was changed before, can't be told." + _totals(more)
        return NotAnswerable(method=METHOD, form=form, reason=reason, needs=missing, details=more)
    rng = case.plan.rng(case.contest_id, METHOD, form)
    members = by_the_log(case, rng) if form == "changed" else by_what_they_say(case)
    n_changed, n_missed = members.filter(pl.col("group") != UNCHANGED).height, int(members["is_missed"].sum())
    if n_changed < MIN_EACH or members.height - n_changed < MIN_EACH or not n_missed:
        reason = (
            f"Of members of whom it is known when a message was sent to them and whether it came, {n_changed:,} had a changed contact and {members.height - n_changed:,} had none; "
            f"{n_missed:,} of all were not reached. At least {MIN_EACH} of each, and one not reached, are needed to compare them."
        )
        return NotAnswerable(method=METHOD, form=form, reason=reason, needs=needs, details=more)
    result = message_coverage(members, form=form, **level)
    return replace(result, details={**result.details, **more}, parameters={**result.parameters, "zone": case.contest["timezone"]})


def _totals(more: Mapping[str, Any]) -> str:
    """Say what the totals alone tell."""
    known = [row for row in more.get("mailings", ()) if row["n_bounced"] is not None and row["n_recipients"]]
    if not known:
        return ""
    back, sent = sum(row["n_bounced"] for row in known), sum(row["n_recipients"] for row in known)
    return f" Of {sent:,} messages counted, {back:,} came back."


def _of_branches(case: Case, more: Mapping[str, Any], level: Mapping[str, float]) -> Result:
    members = branch_members(case)
    units = branch_units(members)
    if units.height < 2 or not units["events"].sum():
        reason = "Messages to members of fewer than two branches, or none that came back, are on record."
        return NotAnswerable(method=METHOD, form="branch", reason=reason, needs=("credential_events.event", "roll.unit"))
    found = uneven(units, **level)
    return TestResult(
        method=METHOD, form="branch", null_hypothesis=NULLS["branch"], alternative="greater",
        statistic=float(found.top["events"]), statistic_name=COUNTED["branch"], pvalue=found.pvalue, effect=found.effect,
        n_observations=int(units["size"].sum()), n_excluded=0, assumptions=(learnt_spread(found, "Branches"), same_road(members, found.top["unit"], level["alpha"])),
        innocent_explanations=EXPLANATIONS, references=REFERENCES,
        parameters={"confidence_level": level["confidence_level"], "zone": case.contest["timezone"]},
        details={"units": list(found.units), "top": found.top, "smallest_visible": found.smallest_visible, **more},
    )  # fmt: skip
