"""What a chapter shows: figures and tables of the shipped examples, faults, hostile names, and nothing without an answer."""

import json
import re
from datetime import timedelta

import pytest
from cases import BANNED, QUICK, answered, tiny, utc
from fake_report import HOSTILE
from findings import document, everything, rows, shown_of
from markupsafe import escape
from tiny_package import example_row, write

from analysis_lib import exhibits, wording
from analysis_lib.cards import Table
from analysis_lib.case import open_case
from analysis_lib.figure import MAX_ROWS, Figure
from analysis_lib.locations import EXAMPLES
from analysis_lib.methods.registry import CHAPTERS, REGISTRY, answer_chapter

NAMES = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    path = tmp_path_factory.mktemp("plan") / "plan.toml"
    path.write_text(QUICK, encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def shown(plan):
    """Everything that each example shows: by example, by question."""
    found = {}
    for name in NAMES:
        case = open_case(name, plan=plan)
        found[name] = {"evidence": exhibits.evidence(case)}
        for chapter in CHAPTERS:
            for noun, findings in answer_chapter(chapter, case).items():
                found[name][noun] = getattr(exhibits, noun)(case, findings)
    return found


@pytest.mark.parametrize(
    ("example", "noun", "n_figures", "n_tables"),
    [
        ("made_up_vale", "totals_reconciliation", 1, 1),
        ("made_up_vale", "cast_rate_bursts", 2, 4),
        ("made_up_vale", "reissue_rates", 2, 3),
        ("made_up_vale", "ballots_outside_window", 1, 3),
        ("made_up_vale", "reissue_to_ballot_delay", 1, 1),
        ("made_up_vale", "channel_gap", 1, 0),
        ("made_up_vale_clean", "ballots_outside_window", 0, 2),
        ("made_up_vale_clean", "cast_rate_bursts", 2, 4),
        ("ilford_south_2022", "channel_gap", 1, 0),
        ("ilford_south_2022", "cast_rate_bursts", 0, 0),
        ("ilford_south_2022", "totals_reconciliation", 0, 1),
        ("ciudadanos_cyl_2019", "totals_reconciliation", 1, 1),
        ("ciudadanos_cyl_2019", "struck_ballots", 0, 1),
    ],
)
def test_figures_and_tables_of_the_examples(shown, example, noun, n_figures, n_tables):
    items = shown[example][noun]
    assert (sum(isinstance(x, Figure) for x in items), sum(isinstance(x, Table) for x in items)) == (n_figures, n_tables)


@pytest.mark.parametrize("example", NAMES)
def test_every_figure_draws_and_stays_small(shown, example):
    figures = [item for items in shown[example].values() for item in items if isinstance(item, Figure)]
    assert figures
    for figure in figures:
        assert "<svg" in figure.svg()
        assert figure.alt.strip()
        assert sum(map(len, rows(figure))) <= MAX_ROWS
        assert not re.search(BANNED, figure.alt + figure.caption)


def test_every_time_axis_is_on_the_contests_clock(shown):
    timed = [
        item
        for noun in ("cast_rate_bursts", "ballots_outside_window")
        for item in shown["made_up_vale"][noun]
        if isinstance(item, Figure)
    ]
    assert len(timed) == 3
    for figure in timed:
        assert "Europe/London" in json.dumps(figure.spec)


def test_every_time_in_a_table_says_its_zone(shown):
    for items in shown["made_up_vale"].values():
        for item in items:
            for found in re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d.{0,4}", repr(item)):
                assert re.search(r" (BST|GMT|UTC)$", found), found


def test_no_caption_or_head_is_left_empty(shown):
    for tables in shown.values():
        for items in tables.values():
            for item in items:
                if isinstance(item, Table):
                    assert item.caption.endswith((".", ")"))
                    assert all(item.columns.values())


def test_only_the_examples_that_need_it_show_late_ballots(shown):
    chart, *_ = shown["made_up_vale"]["ballots_outside_window"]
    assert chart.alt == "6 ballots after the close, the last one 34 minutes after it."
    told = wording.sentence(answer_chapter("20_late_votes", open_case("made_up_vale"))["ballots_outside_window"][0])
    assert "the last one 34 minutes after it" in told  # the chart and the sentence say the same


def test_the_evidence_lists_what_was_handed_over(shown):
    listed = {item.caption: item for item in shown["made_up_vale"]["evidence"]}
    (held,) = (item for caption, item in listed.items() if caption.startswith("Tables held"))
    by_table = {row["table"]: row for row in held.rows}
    assert (by_table["turnout_counts"]["rows"], by_table["turnout_counts"]["of this contest"]) == (6780, 0)
    assert (by_table["roll"]["rows"], by_table["roll"]["left out"]) == (500, 0)
    assert "timeline" not in by_table


def test_faults_and_rows_left_out_are_listed(tmp_path):
    naive = example_row("ballot_events", event_id="E9", at="2031-03-08 20:00")
    write(tmp_path, {"ballot_events": [example_row("ballot_events"), naive], "results": [example_row("results", n="many")]})
    text = "\n".join(repr(item) for item in exhibits.evidence(open_case(tmp_path)))
    assert "Faults of the files" in text
    assert "2031-03-08 20:00" in text
    assert "Expected" in text or "ISO 8601 with an offset" in text
    assert re.search(r"ballot_events \| 1 \| 1 \| 1", text)


def test_an_empty_contest_shows_its_source_and_nothing_else_breaks(tmp_path):
    case = tiny(tmp_path)
    assert len(exhibits.evidence(case)) >= 2
    for noun in REGISTRY:
        assert getattr(exhibits, noun)(case, answered(case, noun)) == []


OPENS = utc("2031-10-20 11:00")


def hostile(folder, name):
    """A contest whose candidates, branches and unit of count bear a name like this."""
    votes = [
        {"round": 1, "channel": channel, "item": "candidate", "candidate_id": who, "n": n}
        for channel, counts in (("online", (50, 30)), ("in_person", (20, 30)))
        for who, n in zip("AB", counts, strict=True)
    ]
    total = {"round": 0, "channel": "all", "item": "ballots_voided", "n": 3}
    return tiny(
        folder,
        candidates=[{"candidate_id": who, "display_name": f"{name} {who}"} for who in "AB"],
        results=[*votes, total],
        sources=[{"title": name, "note": name}],
        roll=[
            {"snapshot_id": "L1", "voter_key": f"v{i}", "unit": name if i % 2 else "South", "eligible": True} for i in range(40)
        ],
        roll_snapshots=[{"snapshot_id": "L1", "purpose": "freeze", "taken_at": OPENS}],
        credential_events=[
            {
                "event": "reissued_new",
                "voter_key": f"v{i}",
                "trigger": ("member_request", "admin_initiated")[i % 2],
                "actor_key": f"a{i % 2}",
                "at": OPENS + timedelta(hours=i),
            }
            for i in range(20)
        ],
        ballot_events=[
            {"event": "cast", "channel": "online", "voter_key": f"v{i}", "at": OPENS + timedelta(hours=i, minutes=3)}
            for i in range(40)
        ],
        contest_windows=[
            {
                "channel": "all",
                "kind": "voting",
                "basis": "advertised",
                "opens_at": OPENS,
                "closes_at": OPENS + timedelta(hours=38),
            }
        ],
        turnout_counts=[
            {"as_of": OPENS + timedelta(hours=h), "channel": "all", "unit": name, "voted_n": 50 - h} for h in range(4)
        ],
    )


@pytest.mark.parametrize(
    "name",
    [HOSTILE, "a & <b> 'c' \"d\"", "# head **x** [y](z)", "${1+1} {{x}} {% x %}", "back\\slash", "東京 ünï"],
)
def test_a_hostile_name_goes_through_everything_unharmed(tmp_path, name):
    case = hostile(tmp_path, name)
    found = everything(case)
    assert sum(str(finding.verdict) != "cannot_be_answered" for finding in found) >= 5
    html, _ = shown_of(case)
    assert not re.search(r"<script|<img|<b>", html)
    assert escape(name) in html
    assert json.loads(json.dumps(document(case, found), allow_nan=False))


def entries(plan):
    cases = [open_case(name, plan=plan) for name in NAMES]
    return [entry for case in cases for entry in document(case, everything(case, shown=False))["findings"]]


def test_the_summary_lists_each_finding_once_by_grade(plan):
    listed = entries(plan)
    tables = exhibits.by_grade(listed)
    assert [table.caption.split(":")[0] for table in tables] == [
        "Breaches",
        "Anomalies",
        "Could it have changed the result?",
        "Cannot be answered with the data held",
    ]
    assert sum(len(table.rows) for table in tables) == len(listed)
    assert all(row["verdict"] in wording.VERDICTS.values() for table in tables[:3] for row in table.rows)
    assert all(row["needs"] for row in tables[3].rows)
    assert exhibits.by_grade([]) == []


def test_the_summary_escapes_what_it_reads():
    entry = {
        "chapter": "00_evidence",
        "grade": "breach",
        "verdict": "no_breach",
        "sentence": HOSTILE,
        "question": "x",
        "needs": [],
    }
    (table,) = exhibits.by_grade([entry])
    assert "<script" not in table._repr_html_()
    assert "&lt;script&gt;" in table._repr_html_()


def test_many_falls_are_cut_short_and_said_so(tmp_path):
    readings = [
        {"as_of": OPENS + timedelta(minutes=i), "channel": "all", "unit": "ALL", "voted_n": 1000 - i if i % 2 else 2000}
        for i in range(900)
    ]
    case = tiny(tmp_path, turnout_counts=readings)
    (table,) = exhibits.falling_turnout_counts(case, answered(case, "falling_turnout_counts"))
    assert len(table.rows) == 200
    assert "(the first 200 of 450)" in table.caption
    figure = exhibits.cast_rate_bursts(case, answered(case, "cast_rate_bursts"))[0]
    assert sum(map(len, rows(figure))) <= MAX_ROWS
