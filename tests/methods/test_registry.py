"""The list of questions, the families of their p-values, and every question asked of packages that hold next to nothing."""

import csv
import importlib
import inspect
import random
import re
import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from cases import BANNED, QUICK, tiny, utc
from findings import conforms, everything, shown_of

import analysis_lib.methods
from analysis_lib import wording
from analysis_lib.case import open_case
from analysis_lib.errors import ParameterError
from analysis_lib.locations import EXAMPLES, NOTEBOOKS
from analysis_lib.methods import registry
from analysis_lib.methods.registry import CHAPTERS, REGISTRY, answer_chapter
from analysis_lib.plan import FAMILIES, Plan
from analysis_lib.results import Breach, Estimate, Grade, NotAnswerable, TestResult, Verdict
from analysis_lib.schema import load_schema

README = Path(__file__).parents[2] / "README.md"
SHARED = {  # modules that answer no question of their own
    *("registry", "turnout", "declared", "members", "anchors", "clock_readings", "holdings", "identities", "sums", "recount"),
    *(
        "roll_copies",
        "credentials_issued",
        "instants",
        "rules_of_voting",
        "rules_of_records",
        "edit_account",
        "edit_causes",
        "change_causes",
        "roll_day_causes",
        "contact_noting",
        "roll_edits",
        "interim_totals",
        "choice_counts",
    ),
    *(
        "around_the_close",
        "ballot_kinds",
        "burst_assumptions",
        "burst_forms",
        "counted_bursts",
        "hourly_bursts",
        "slow_rises",
        "turnout_stretches",
    ),
    "turnout_view",
    *("administrators", "ledger", "reissue_course", "sittings", "view_work", "chains", "destinations", "unit_rates"),
    *("bulk_edits", "contact_edits", "candidate_lists", "entitlement", "application_bursts"),
}


@pytest.mark.parametrize("noun", REGISTRY)
def test_a_question_has_its_noun_in_four_places(noun):
    question = REGISTRY[noun]
    module = importlib.import_module(f"analysis_lib.methods.{noun}")
    assert question.answer is module.answer
    assert callable(getattr(module, noun))
    assert (Path(__file__).parent / f"test_{noun}.py").is_file()
    assert (NOTEBOOKS / f"{question.chapter}.ipynb").is_file()
    assert noun in wording.CANNOT_SHOW
    assert question.question.endswith("?")
    assert question.noun == noun


def test_the_readme_lists_every_question_with_its_grade():
    told = [line for line in README.read_text(encoding="utf-8").splitlines() if re.match(r"\| \d\d \|", line)]
    assert told == [f"| {question.chapter[:2]} | {question.question} | {question.grade} |" for question in REGISTRY.values()]


def test_every_module_of_methods_is_a_question_or_shared():
    folder = Path(analysis_lib.methods.__file__).parent
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(REGISTRY) | SHARED


@pytest.mark.parametrize("noun", REGISTRY)
def test_a_need_names_columns_that_there_are(noun):
    for need in REGISTRY[noun].needs:
        for part in need.split("|"):
            table, _, column = part.partition(".")
            assert column in load_schema(table).names


def test_every_anomaly_is_in_one_family_of_the_standard_plan_and_each_lies_within_one_chapter():
    family_of = Plan().family_of
    for noun, question in REGISTRY.items():
        assert bool(family_of(noun)) == (question.grade is Grade.ANOMALY)
    for nouns in FAMILIES.values():  # Holm is applied chapter by chapter, so a family across two would be adjusted too little
        assert len({REGISTRY[noun].chapter for noun in nouns}) == 1
    assert list(CHAPTERS) == sorted(CHAPTERS)


def test_what_the_plan_leaves_out_is_exploratory_and_outside_the_family(tmp_path):
    case = tiny(tmp_path, plan='families = { credentials = ["reissue_rates"] }')
    asked = [(REGISTRY["reissue_rates"], a_test(0.01)), (REGISTRY["reissue_to_ballot_delay"], a_test(0.004))]
    found = registry._findings(asked, case)
    (planned,), (other,) = found["reissue_rates"], found["reissue_to_ballot_delay"]
    assert (planned.planned, planned.pvalue_adjusted, planned.family, planned.family_size) == (True, 0.01, "credentials", 1)
    assert (other.planned, other.pvalue_adjusted, other.family_size) == (False, 0.004, 1)


def test_an_unknown_chapter_is_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"no chapter '40_roll'. Expected one of: 00_evidence, 10_turnout_timing"):
        answer_chapter("40_roll", tiny(tmp_path))


def a_test(pvalue, noun="reissue_rates"):
    return TestResult(
        method=noun,
        null_hypothesis="all is even",
        alternative="greater",
        statistic=1,
        statistic_name="x",
        pvalue=pvalue,
        effect=Estimate(name="r", value=1, low=0, high=2, confidence_level=0.95, unit="ratio"),
        n_observations=1,
        n_excluded=0,
        assumptions=(),
        innocent_explanations=(),
        references=(),
        parameters={},
    )


def test_pvalues_are_adjusted_by_holm_within_the_family(tmp_path):
    rates, delay, missing = (
        REGISTRY["reissue_rates"],
        REGISTRY["reissue_to_ballot_delay"],
        NotAnswerable(method="x", reason="", needs=("a.b",)),
    )
    asked = [
        (rates, a_test(0.01)),
        (delay, a_test(0.04)),
        (rates, missing),
        (rates, a_test(0.03)),
        (REGISTRY["channel_gap"], a_test(0.02)),
    ]
    found = registry._findings(asked, tiny(tmp_path, plan="alpha = 0.03"))
    # By hand: 3 x 0.01 = 0.03; 2 x 0.03 = 0.06; then 0.04 must not fall below the one before it, so 0.06 too.
    assert [(finding.pvalue_adjusted, finding.family, finding.family_size) for finding in found["reissue_rates"]] == [
        (pytest.approx(0.03), "credentials", 3),
        (None, "", 0),
        (pytest.approx(0.06), "credentials", 3),
    ]
    (delayed,) = found["reissue_to_ballot_delay"]
    assert (delayed.pvalue_adjusted, delayed.family_size) == (pytest.approx(0.06), 3)
    (gap,) = found["channel_gap"]
    assert (gap.pvalue_adjusted, gap.family, gap.family_size, gap.verdict) == (0.02, "channels", 1, Verdict.NOT_EXPLAINED)
    assert [finding.verdict for finding in found["reissue_rates"]] == [
        Verdict.NOT_EXPLAINED,
        Verdict.CANNOT_BE_ANSWERED,
        Verdict.WITHIN_BASELINE,
    ]


@pytest.mark.parametrize(
    ("pvalue", "verdict"), [(0.01, Verdict.NOT_EXPLAINED), (0.0100001, Verdict.WITHIN_BASELINE), (1.0, Verdict.WITHIN_BASELINE)]
)
def test_alpha_itself_counts(tmp_path, pvalue, verdict):
    found = registry._findings([(REGISTRY["channel_gap"], a_test(pvalue))], tiny(tmp_path))
    assert found["channel_gap"][0].verdict is verdict


def test_a_breach_keeps_its_own_verdict(tmp_path):
    breach = Breach(
        method="falling_turnout_counts",
        rule="r",
        verdict=Verdict.BREACH_RECORDED,
        statistic=1,
        statistic_name="x",
        n_observations=1,
        n_excluded=0,
        assumptions=(),
        innocent_explanations=(),
        parameters={},
    )
    (finding,) = registry._findings([(REGISTRY["falling_turnout_counts"], breach)], tiny(tmp_path))["falling_turnout_counts"]
    assert (finding.verdict, finding.pvalue_adjusted, finding.family_size) == (Verdict.BREACH_RECORDED, None, 0)


def test_what_departs_from_the_plan_is_exploratory(tmp_path):
    tiny(tmp_path)
    for planned, case in ((True, open_case(tmp_path)), (False, open_case(tmp_path, alpha=0.02))):
        for found in everything(case):
            assert found.planned is planned
            assert wording.sentence(found).startswith("Exploratory, not in the plan: ") is not planned


OPENS = utc("2031-10-06 11:00")
CLOSES = OPENS + timedelta(hours=48)
WINDOW = {"channel": "all", "kind": "voting", "basis": "advertised", "opens_at": OPENS, "closes_at": CLOSES}
CLOCK = {"clock_id": "C1", "tz_used": "UTC", "tz_basis": "assumed", "resolution": "s"}
COPY = {"snapshot_id": "L1", "taken_at": OPENS, "purpose": "freeze"}


def voters(n, gap=1200, start=OPENS, **more):
    """Ballots of n members at equal distances, their reissues ten minutes before, and their roll."""
    at = [start + timedelta(seconds=gap * i) for i in range(n)]
    return {
        "ballot_events": [
            {"event": "cast", "channel": "online", "voter_key": f"v{i}", "at": t, "clock_id": "C1"} for i, t in enumerate(at)
        ],
        "credential_events": [
            {
                "event": "reissued_new",
                "voter_key": f"v{i}",
                "actor_key": f"a{i % 3}",
                "at": t - timedelta(minutes=10),
                "trigger": ("member_request", "admin_initiated")[i % 2],
            }
            for i, t in enumerate(at)
        ],
        "roll": [{"snapshot_id": "L1", "voter_key": f"v{i}", "unit": f"b{i % 4}", "eligible": True} for i in range(n)],
        "roll_snapshots": [COPY],
        "clocks": [CLOCK],
        "contest_windows": [WINDOW],
    } | more


NEXT_TO_NOTHING = {
    "no table": {},
    "one ballot": voters(1),
    "29 ballots": voters(29),
    "all in one minute": voters(40, gap=1),
    "all in one second": voters(40, gap=0),
    "no close": voters(40, contest_windows=[WINDOW | {"closes_at": None}]),
    "no window": voters(40, contest_windows=[]),
    "two closes": voters(40, contest_windows=[WINDOW, WINDOW | {"closes_at": OPENS + timedelta(hours=4)}]),
    "hours only": voters(40, gap=3600, clocks=[CLOCK | {"resolution": "hour"}]),
    "days only": voters(40, gap=3600, clocks=[CLOCK | {"resolution": "day"}]),
    "the clocks change": voters(
        60,
        start=utc("2031-10-25 11:00"),
        contest_windows=[WINDOW | {"opens_at": utc("2031-10-25 11:00"), "closes_at": utc("2031-10-26 12:00")}],
    ),
    "the clocks change in spring": voters(
        60,
        start=utc("2031-03-29 12:00"),
        contest_windows=[WINDOW | {"opens_at": utc("2031-03-29 12:00"), "closes_at": utc("2031-03-30 11:00")}],
    ),
    "a window of an hour": voters(40, gap=80, contest_windows=[WINDOW | {"closes_at": OPENS + timedelta(hours=1)}]),
    "no roll": voters(40, roll=[], roll_snapshots=[]),
    "no clock": voters(40, clocks=[], ballot_events=[row | {"clock_id": None} for row in voters(40)["ballot_events"]]),
    "nobody reissued": voters(40, credential_events=[]),
    "one administrator": voters(40, credential_events=[row | {"actor_key": "a0"} for row in voters(40)["credential_events"]]),
    "every cause unknown": voters(
        40, credential_events=[row | {"trigger": "unknown"} for row in voters(40)["credential_events"]]
    ),
    "nobody asked": voters(
        40, credential_events=[row | {"trigger": "admin_initiated"} for row in voters(40)["credential_events"]]
    ),
}


@pytest.mark.parametrize("tables", NEXT_TO_NOTHING.values(), ids=NEXT_TO_NOTHING)
def test_every_question_has_an_answer_whatever_is_held(tmp_path, tables):
    case = tiny(tmp_path, **tables)
    found = everything(case)  # the sentences, cards, tables and charts of every chapter too
    assert {finding.question for finding in found} == set(REGISTRY)
    conforms(case, found)
    for finding in found:
        told = wording.sentence(finding)
        assert not re.search(BANNED, told)
        if isinstance(finding.result, NotAnswerable):
            assert finding.result.needs
            assert "Needed to answer it: " in told


@pytest.mark.parametrize("held", ["no table", "one ballot", "29 ballots"])
def test_with_next_to_nothing_no_test_is_made(tmp_path, held):
    case = tiny(tmp_path, **NEXT_TO_NOTHING[held])
    timing = [finding for finding in everything(case) if finding.chapter == "10_turnout_timing"]
    assert {finding.verdict for finding in timing} == {Verdict.CANNOT_BE_ANSWERED}


def shuffled(folder, seed):
    """A copy of the planted example with the rows of every file in another order."""
    target = shutil.copytree(EXAMPLES / "made_up_vale", folder / f"vale_{seed}")
    for path in (target / "data").glob("*.csv"):
        head, *lines = path.read_text(encoding="utf-8").splitlines()
        random.Random(seed).shuffle(lines)
        path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
        assert next(csv.reader([head]))
    (target / "plan.toml").write_text(QUICK, encoding="utf-8")
    return open_case(target)


def test_the_order_of_rows_in_any_file_changes_nothing(tmp_path):
    first, second = (
        [repr(finding.result.details) + repr(finding.verdict) for finding in everything(shuffled(tmp_path, seed), shown=False)]
        for seed in (1, 2)
    )
    assert first == second
    assert len(first) == 47


def test_the_same_case_is_answered_the_same_twice():
    case = open_case("made_up_vale", n_resamples=199)
    one, two = (everything(case, shown=False) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        assert wording.sentence(a) == wording.sentence(b)
        if isinstance(a.result, TestResult) and a.result.null_draws is not None:
            assert np.array_equal(a.result.null_draws, b.result.null_draws)


def test_no_key_of_a_person_comes_out(tmp_path):
    case = open_case("made_up_vale", n_resamples=99)
    keys = set()
    for table in ("ballot_events", "credential_events", "contact_changes", "roll"):
        frame = case.rows(table)
        for name in {"voter_key", "actor_key", "ip_key"} & set(frame.columns):
            keys |= set(frame[name].drop_nulls())
    assert len(keys) > 500
    text = "\n".join(shown_of(case))
    assert len(text) > 10_000
    assert not [key for key in keys if key in text]


def test_answer_takes_the_case_alone():
    for question in REGISTRY.values():
        assert list(inspect.signature(question.answer).parameters) == ["case"]
