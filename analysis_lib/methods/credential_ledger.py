"""What became of each credential, and was a code shown on a screen and then used?"""

from __future__ import annotations

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods import ledger
from analysis_lib.methods.administrators import told_role
from analysis_lib.methods.ballot_kinds import CAST, KIOSK
from analysis_lib.methods.instants import possibly_before, stamped, surely_before
from analysis_lib.methods.record_rules import RULES
from analysis_lib.methods.reissue_rates import REQUESTED
from analysis_lib.methods.rules_of_voting import ASKED_FOR, BY_CODE, ISSUED
from analysis_lib.plaintext import count
from analysis_lib.results import Assumption, Breach, NotAnswerable, Result, Status, Verdict

ELSEWHERE = ("V02", "V04", "V06")  # rules of credentials whose rows chapter 00 lists
DAY_S = 86_400
OWN_CLOCK = " "  # of a log that names none: its own rows can be set in order, those of another log not
NO_STAFF = ("self", "system", "unknown")
EXPLANATIONS = (
    "The member stood at the counter, or was on the telephone, and asked aloud; nobody logged it.",
    "A code was shown while an address was put right, and the member voted on the same day for another reason.",
    "Codes were printed or read out for members who cannot use e-mail.",
    "Whoever set up the ballot looked at codes of test accounts.",
)
RULE = "A code that was shown to staff is not used within a day, unless a request of the member is on record."


def credential_ledger(case: Case) -> Breach:
    """Count codes that were shown to staff and used within a day with no request on record, and what became of all codes.

    A code that is shown is known to two people from then on, whatever follows; the count says no more.

    Returns
    -------
    Breach
        Statistic: credentials shown and then used, under every reading of the clocks. Other rules of credentials are counted in
        the details and listed in chapter 00, whose count of rows holds them: they are no part of this one.

    Notes
    -----
    Shown: the event "surfaced", unless by the member; or a code that staff sent to a screen. Used: the event "used", or a ballot of
    that credential; where none is named, of that voter, which is certain only if the voter had no other code. A request is on
    record if the row's own trigger says so (`reissue_rates.REQUESTED`) or gives a time, or another row of the same code does for
    the day before. It stays open where the trigger isn't told, where the member had asked longer before or had a change of contact
    asked for in the day before, and where the ballot was given at a kiosk, to which a member comes.
    """
    rows, kinds = ledger.entries(case), ledger.by_kind(case)
    shown = judged(case)
    broken, open_ = shown.filter("broken"), shown.filter(~pl.col("broken") & pl.col("perhaps"))
    n_broken = broken.height
    verdict = Verdict.BREACH_RECORDED if n_broken else Verdict.UNDETERMINED if open_.height else Verdict.NO_BREACH
    return Breach(
        method="credential_ledger", rule=RULE, verdict=verdict,
        statistic=n_broken, statistic_name="codes shown to staff and used within a day, with no request on record",
        n_observations=rows["life"].drop_nulls().n_unique(), n_excluded=rows["life"].null_count(),
        assumptions=(
            Assumption(
                statement="The log notes it whenever a code is shown to staff, and what the member asked for.",
                status=Status.UNTESTED,
                evidence=f"{shown.height} codes are noted as shown; what a log does not note, nobody can count.",
            ),
        ),
        innocent_explanations=EXPLANATIONS,
        parameters={"within_s": DAY_S, "zone": case.contest["timezone"]},
        details={
            "n_shown": shown.height, "n_used": shown["used"].sum(), "n_undetermined": open_.height,
            "roles": broken.with_columns(told_role(case, "role")).group_by("role").agg(n=pl.len()).sort("n", "role", descending=[True, False]).to_dicts(),
            "kinds": kinds.to_dicts(), "fates": ledger.fates(case).to_dicts(), "elsewhere": elsewhere(case),
        },
    )  # fmt: skip


def elsewhere(case: Case) -> list[dict]:
    """Count, for each rule of credentials of chapter 00, the rows held against it and those that break it."""
    found = []
    for rule in RULES:
        if rule.check in ELSEWHERE:
            looked = rule.ask(case)
            found.append(
                {"check": rule.check, "name": rule.name, "looked": looked.looked, "broken": looked.broken.height, "undetermined": looked.undetermined}
            )  # fmt: skip
    return found


def judged(case: Case) -> pl.DataFrame:
    """Give each code that was shown to staff: ``life, role, used`` (perhaps), ``broken`` (for certain), ``perhaps``."""
    events = stamped(case.rows("credential_events"), case).with_columns(ledger.life_of(), pl.col("clock_id").fill_null(OWN_CLOCK))
    role = pl.col("actor_role").cast(pl.String).fill_null("unknown")
    on_a_screen = (pl.col("destination_kind") == "screen").fill_null(False) & pl.col("event").is_in(ISSUED)
    to_staff = ~role.is_in(NO_STAFF)
    to_somebody = (pl.col("event") == "surfaced") & (role == "unknown")  # staff or the member: it can't be told
    shown = events.filter(((pl.col("event") == "surfaced") | on_a_screen) & to_staff | to_somebody).with_columns(role=role)
    shown = shown.sort("at", "event_id", nulls_last=True).with_row_index("place")
    asked = _asked_for(shown, events)
    uses = _uses(case, events)
    pairs = _pairs(shown, uses, events)
    if uses.height:
        found = pairs.group_by("place").agg(sure=pl.col("sure").any(), maybe=pl.col("maybe").any())
        followed = shown.join(found, on="place", how="left").with_columns(pl.col("sure", "maybe").fill_null(False))
        by_staff = pl.col("role") != "unknown"
        followed = followed.with_columns(
            sure=pl.col("sure") & by_staff, maybe=pl.col("maybe") | pl.col("sure") & ~by_staff | pl.col("life").is_null()
        )
    else:  # nothing tells whether any code was used
        followed = shown.with_columns(sure=pl.lit(False), maybe=pl.lit(True))
    told = followed.with_columns(
        asked=pl.col("place").is_in(asked),
        known=pl.col("trigger").is_not_null() & (pl.col("trigger") != "unknown") & ~pl.col("place").is_in(_in_touch(case, shown, events)),
    )  # fmt: skip
    each = told.with_columns(
        code=pl.coalesce("life", pl.format("row {}", "place")),
        broken=pl.col("sure") & ~pl.col("asked") & pl.col("known"), perhaps=pl.col("maybe") & ~pl.col("asked"),
    )  # fmt: skip
    by_code = each.sort("broken", "place", descending=[True, False]).group_by("code", maintain_order=True)
    return by_code.agg(
        pl.col("role").first(), used=pl.col("maybe").any(), broken=pl.col("broken").any(), perhaps=pl.col("perhaps").any()
    )


def _asked_for(shown: pl.DataFrame, events: pl.DataFrame) -> list[int]:
    """Places of the rows with a request on record: their own, or one of the same code or voter in the day before."""
    own = shown.filter(pl.col("trigger").is_in(REQUESTED).fill_null(False) | pl.col("request_at").is_not_null())[
        "place"
    ].to_list()
    asking = events.filter(pl.col("trigger").is_in(ASKED_FOR).fill_null(False) | pl.col("request_at").is_not_null())
    asking = asking.with_columns(asked_at=pl.coalesce("request_at", "at"))
    for key in ("credential_id", "voter_key"):
        pairs = shown.drop_nulls([key, "at"]).join(asking.drop_nulls(key).select(key, "asked_at"), on=key)
        lead = (pl.col("at") - pl.col("asked_at")).dt.total_seconds()
        own += pairs.filter((lead >= 0) & (lead <= DAY_S))["place"].to_list()
    return sorted(set(own))


def _in_touch(case: Case, shown: pl.DataFrame, events: pl.DataFrame) -> list[int]:
    """Places of the rows whose member had asked for a code at any time before, or for a change of contact in the day before."""
    asking = events.filter(pl.col("trigger").is_in(ASKED_FOR).fill_null(False) | pl.col("request_at").is_not_null())
    edits = case.rows("contact_changes")
    own = edits.filter((pl.col("request_evidence") == "member_request_logged") | (pl.col("actor_role") == "self"))
    days = pl.lit(None, pl.Int64)
    seen = pl.concat([
        asking.select("voter_key", when=pl.coalesce("request_at", "at"), within=days),
        own.select("voter_key", when="at", within=pl.lit(DAY_S, pl.Int64)),
    ]).drop_nulls(["voter_key", "when"])  # fmt: skip
    lead = (pl.col("at") - pl.col("when")).dt.total_seconds()
    pairs = shown.drop_nulls(["voter_key", "at"]).join(seen, on="voter_key")
    return pairs.filter((lead >= 0) & (lead <= pl.col("within")).fill_null(True))["place"].unique().sort().to_list()


def _uses(case: Case, events: pl.DataFrame) -> pl.DataFrame:
    ballots = case.rows("ballot_events").filter(pl.col("event").is_in(CAST) & pl.col("channel").is_in(BY_CODE))
    columns = ["credential_id", "voter_key", "at", "clock_id", "earliest", "latest", "unit_s", "margin_s"]
    given = stamped(ballots, case).select(*columns, in_hall=pl.col("channel") == KIOSK)
    there = given.filter("in_hall")
    used = events.filter(pl.col("event") == "used").select(
        *columns, in_hall=pl.any_horizontal(pl.col(key).is_in(there[key].drop_nulls().implode()).fill_null(False) for key in columns[:2])
    )  # fmt: skip
    return pl.concat([used, given]).drop_nulls("at")


def _pairs(shown: pl.DataFrame, uses: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Showings and uses of one code that may follow it within a day: ``place, sure, maybe``."""
    by_code = shown.drop_nulls("credential_id").join(uses, on="credential_id", suffix="_of_right").with_columns(same=pl.lit(True))
    codes = events.drop_nulls("voter_key").group_by("voter_key").agg(n_codes=pl.col("credential_id").drop_nulls().n_unique())
    open_shown = shown.drop_nulls("voter_key").join(codes, on="voter_key", how="left", maintain_order="left")
    by_voter = open_shown.join(uses.drop_nulls("voter_key"), on="voter_key", suffix="_of_right").filter(
        pl.col("credential_id").is_null() | pl.col("credential_id_of_right").is_null()
    )
    by_voter = by_voter.with_columns(same=(pl.col("n_codes") <= 1).fill_null(True))
    columns = ["place", "same", "in_hall", *(f"{name}{end}" for end in ("", "_of_right") for name in ("at", "clock_id", "earliest", "latest", "unit_s", "margin_s"))]  # fmt: skip
    pairs = pl.concat([by_code.select(columns), by_voter.select(columns)])
    day = pl.duration(seconds=DAY_S)
    one_clock = (pl.col("clock_id") == pl.col("clock_id_of_right")).fill_null(False)
    as_stands = pl.col("at_of_right") - pl.col("at") <= day
    within = pl.when(one_clock).then(as_stands).otherwise(pl.col("latest_of_right") - pl.col("earliest") <= day)
    may_be_within = pl.when(one_clock).then(as_stands).otherwise(pl.col("earliest_of_right") - pl.col("latest") <= day)
    return pairs.select(
        "place",
        sure=pl.col("same") & ~pl.col("in_hall") & surely_before() & within.fill_null(False),
        maybe=possibly_before() & may_be_within.fill_null(True),
    )


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package; a log that tells neither codes nor members apart is counted by kind and no more."""
    found, log = credential_ledger(case), case.rows("credential_events")
    if log.select(pl.coalesce("credential_id", "voter_key")).to_series().count() or found.details["n_shown"]:
        return (found,)
    reason = (
        f"{count(log.height, 'row')} of the log of codes {'says' if log.height == 1 else 'say'} neither which code nor whose it was, "
        "and none that a code was shown to staff: what happened is counted by kind, and no code can be followed."
    )
    needs = ("credential_events.credential_id|credential_events.voter_key",)
    return (NotAnswerable(method="credential_ledger", reason=reason, needs=needs, details={"kinds": found.details["kinds"]}),)
