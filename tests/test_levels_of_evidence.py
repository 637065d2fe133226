"""What chapters 30 and 40 say where little is held: the strongest honest answer, or which columns are missing; never a traceback."""

import re
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from cases import BANNED

from analysis_lib import exhibits, simulate, wording
from analysis_lib.cards import Cards
from analysis_lib.case import open_case
from analysis_lib.figure import Figure
from analysis_lib.methods.registry import REGISTRY, answer_chapter
from analysis_lib.results import NotAnswerable, TestResult

CHAPTERS = ("30_credential_reissues", "40_roll_changes")
SETTING = simulate.Setting(**simulate.OFFICE_LIFE, n_members=300)
BASE = ("sources", "contests", "clocks", "candidates", "contest_windows")
NEEDED = re.compile(r"[a-z_]+\.[a-z_0-9]*(\|[a-z_]+\.[a-z_0-9]*)*( .+)?(\|.+)?")


@pytest.fixture(scope="module")
def made():
    return simulate.selection(4711, SETTING)


def only(tables, *names):
    """Keep the tables named, and those that say what the contest was."""
    return {name: frame for name, frame in tables.items() if name in (*BASE, *names)}


def blank(frame, *columns):
    return frame.with_columns(pl.lit(None, frame.schema[name]).alias(name) for name in columns if name in frame.columns)


def without_actors(tables):
    """Logs that say what was done, not by whom."""
    kept = {}
    for name, frame in tables.items():
        frame = blank(frame, "actor_key", "ip_key", "device_key", *(["actor_role"] if name != "admin_actions" else []))
        kept[name] = frame.with_columns(actor_role=pl.lit("unknown")) if name == "admin_actions" else frame
    return kept


def two_copies(tables):
    """Two copies of the roll and nothing else."""
    kept = only(tables, "roll_snapshots", "roll")
    own = kept["roll_snapshots"].filter(pl.col("purpose").is_in(("freeze", "platform_upload")))
    return kept | {"roll_snapshots": own, "roll": kept["roll"].join(own.select("snapshot_id"), on="snapshot_id", how="semi")}


def counts_by_day(tables):
    """How many codes had been issued by the end of each day, as an officer read it off a screen."""
    kept = only(tables)
    events = tables["credential_events"].filter(pl.col("event").is_in(("issued", "reissued_new"))).drop_nulls("at")
    days = events.group_by(as_of=pl.col("at").dt.truncate("1d") + timedelta(days=1)).len("n").sort("as_of")
    cast = tables["ballot_events"].filter(pl.col("event") == "cast")["at"]
    rows = days.select(
        contest_id=pl.lit(tables["contests"]["contest_id"][0]), as_of="as_of", channel=pl.lit("online"), unit=pl.lit("ALL"),
        issued_n=pl.col("n").cum_sum(), voted_n=pl.Series([(cast <= at).sum() for at in days["as_of"]]),
        source_id=pl.lit(tables["credential_events"]["source_id"][0]),
    )  # fmt: skip
    return kept | {"turnout_counts": rows}


def credential_ids(tables):
    """A platform that knows codes and no members."""
    kept = only(tables, "credential_events", "ballot_events", "communications", "admin_actions")
    ballots = blank(kept["ballot_events"], "voter_key")
    link = pl.when(pl.col("credential_id").is_not_null()).then(pl.lit("credential_linked")).otherwise(pl.lit("time_only"))
    return kept | {
        "credential_events": blank(kept["credential_events"], "voter_key"),
        "ballot_events": ballots.with_columns(link_level=link),
        "admin_actions": blank(kept["admin_actions"], "target_key", "target_table"),
    }


def straddling(tables):
    """Changes known from copies made before the opening and after the close alone."""
    lo, hi = SETTING.opens_at - timedelta(days=3), SETTING.closes_at + timedelta(days=3)
    kept = dict(tables)
    for name in ("roll_changes", "contact_changes"):
        frame = blank(kept[name], "at", "at_raw", "clock_id", "actor_key", "actor_role", "request_evidence")
        kind = frame.schema["at_lo"]
        kept[name] = frame.with_columns(
            at_lo=pl.lit(lo).cast(kind), at_hi=pl.lit(hi).cast(kind), derived_from=pl.lit("snapshot_diff")
        )
    return kept


ROLL_ALONE = {"roll_reconciliation", "roll_change_bursts", "shared_destinations"}
NEVER_OF_ONE_LIST = {"changed_contact_ballots", "message_coverage", "voided_ballots", "application_denials"}
LEVELS = {
    # what is made of the package, questions that must have an answer, questions that cannot have one
    "logs without actors": (without_actors, {"reissue_to_ballot_delay", "list_asymmetry", "double_channel_ballots", "eligibility_breaches"}, {"off_hours_actions"}),
    "two copies of the roll": (two_copies, set(), {noun for noun in REGISTRY if REGISTRY[noun].chapter in CHAPTERS} - ROLL_ALONE),
    "credential counts by day": (counts_by_day, set(), {noun for noun in REGISTRY if REGISTRY[noun].chapter in CHAPTERS}),
    "credential ids and no members": (
        credential_ids, set(), {"list_asymmetry", "double_channel_ballots", "eligibility_breaches", "changed_contact_ballots", "roll_change_bursts"},
    ),
    "copies that straddle the vote": (straddling, {"eligibility_breaches", "double_channel_ballots", "list_asymmetry"}, {"edit_reissue_ballot_chains"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def answered(made, tmp_path_factory):
    """Every level opened through the real door, with all its answers."""
    found = {}
    for number, (level, (cut, _, _)) in enumerate(LEVELS.items()):
        folder = tmp_path_factory.mktemp(f"level{number}")
        package = replace(made, tables=cut(dict(made.tables)))
        simulate.write_package(package, folder, name="level", title="Made up", description="Made up.")
        case = open_case(folder, n_resamples=199)
        found[level] = case, {noun: told for chapter in CHAPTERS for noun, told in answer_chapter(chapter, case).items()}
    return found


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_every_question_answers_or_names_what_is_missing(answered, level):
    case, answers = answered[level]
    assert case.package.faults.filter(pl.col("severity") == "error").height == 0
    for noun, findings in answers.items():
        assert findings, noun
        for finding in findings:
            text = wording.sentence(finding)
            assert not re.search(BANNED, text), text
            assert not re.search(r"\b(None|nan)\b|_", text.split("Needed to answer it")[0]), text
            if isinstance(finding.result, NotAnswerable):
                assert finding.result.reason != "Not yet built."
                assert finding.result.needs, noun
                assert all(NEEDED.fullmatch(need) for need in finding.result.needs), (noun, finding.result.needs)
                assert "Needed to answer it: " in text
            if isinstance(finding.result, TestResult):
                assert 0 <= finding.result.pvalue <= 1


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_everything_that_is_shown_can_be_drawn_and_names_nobody(answered, level):
    case, answers = answered[level]
    keys = [
        key
        for name in ("roll", "credential_events", "ballot_events")
        for key in case.rows(name)["voter_key"].drop_nulls().unique()[:300]
    ]
    for noun, findings in answers.items():
        parts = [Cards(findings)._repr_html_()]
        parts += [
            item.svg() if isinstance(item, Figure) else item._repr_html_() for item in getattr(exhibits, noun)(case, findings)
        ]
        shown = "\n".join(parts)
        assert not any(key in shown for key in keys), noun


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_what_must_and_what_cannot_be_answered(answered, level):
    _, must, cannot = LEVELS[level]
    _, answers = answered[level]
    is_answered = {noun for noun, findings in answers.items() if any(not isinstance(f.result, NotAnswerable) for f in findings)}
    assert must - is_answered == set()
    assert cannot & is_answered == set()
