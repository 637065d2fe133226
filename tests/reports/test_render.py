"""One page that asks nobody for anything and runs nothing but its own two scripts."""

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser

import altair as alt
import polars as pl
import pytest
from fake_report import (
    ALLEGATION,
    DENIAL,
    HOSTILE,
    QUESTIONS,
    SOURCE,
    FakeCase,
    breach,
    entry,
    executed,
    markdown,
    merged_findings,
    shown,
    struck,
    totals,
    unanswerable,
)

from analysis_lib.figure import Figure
from analysis_lib.locations import EXAMPLES
from analysis_lib.reports.cells import ChapterRun, State
from analysis_lib.reports.render import json_block, render_index, render_report

RUNS = [
    ChapterRun("00_evidence", State.RAN, executed("00_evidence", markdown("Some **prose**."))),
    ChapterRun("10_turnout_timing", State.FAILED, executed("10_turnout_timing", markdown("Until then.")), "ValueError: it broke"),
    ChapterRun("30_credential_reissues", State.NOT_RUN, executed("30_credential_reissues", markdown("Not to be seen."))),
]
ENTRIES = (totals(), struck(), entry(), breach(), unanswerable())


def render(tmp_path, *, entries=ENTRIES, runs=RUNS, case=None, **changes) -> str:
    return render_report(merged_findings(*entries, **changes), runs, case or FakeCase(tmp_path), QUESTIONS)


class Reader(HTMLParser):
    """Collects the tags of a page and the text that a reader sees."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.scripts, self.text, self._within = [], [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._within.append(tag)

    def handle_endtag(self, tag):
        if self._within and self._within[-1] == tag:
            self._within.pop()

    def handle_data(self, data):
        if not self._within:
            self.text += data
        elif self._within[-1] == "script":
            self.scripts.append(data)


def words(text: str) -> str:
    return re.sub(r"\s+", " ", Reader(text).text)


def chart_run(name: str = "a") -> ChapterRun:
    chart = alt.Chart(pl.DataFrame({"x": [1, 2], "y": [name, name]})).mark_bar().encode(x="x:Q", y="y:N")
    data, metadata = Figure(chart, f"Alt of {name}.", f"Caption of {name}.")._repr_mimebundle_()
    return ChapterRun("10_turnout_timing", State.RAN, executed("10_turnout_timing", shown(data, metadata)))


def test_the_page_says_what_was_found_and_what_was_not(tmp_path):
    text = words(render(tmp_path))
    for expected in (
        "Selection in Fake Vale", "Made-up data.", "What this report can and cannot show", "All totals agree.",
        "Recorded breach of a rule", "Not explained by the stated baseline", "Could have changed the result",
        "Cannot be answered with the data held", "credential_events.event", "roll.unit or credential_events.actor_key",
        "Innocent explanations to rule out first: A reminder went out.", "Some prose.",
        "selection-forensics report PACKAGE --contest c1", "No value was overridden.",
        "alpha = 0.01", "c" * 64, "Name and role",
    ):  # fmt: skip
        assert expected in text


def test_a_failed_chapter_is_told_at_the_top_and_in_its_place(tmp_path):
    text = words(render(tmp_path, failed_chapters={"10_turnout_timing": "ValueError: it broke"}))
    assert "This report is incomplete. 1 chapter failed" in text
    assert "This chapter failed. ValueError: it broke" in text
    assert "Until then." in text


def test_a_chapter_that_does_not_apply_names_the_columns_and_shows_nothing_else(tmp_path):
    text = words(render(tmp_path))
    assert "This chapter was not run" in text
    assert "Not to be seen." not in text


def test_active_proceedings_are_told(tmp_path):
    assert "Legal proceedings are active." not in words(render(tmp_path))
    assert "Legal proceedings are active." in words(render(tmp_path, case=FakeCase(tmp_path, proceedings_active=True)))


def test_real_data_are_not_called_made_up(tmp_path):
    text = words(render(tmp_path, made_up=False))
    assert "Made-up data" not in text
    assert "A real contest," in text


def test_data_that_could_not_be_used_are_told(tmp_path):
    case = FakeCase(tmp_path)
    assert "Not all of the data could be used" not in words(render(tmp_path, case=case))
    case.package.n_left_out = {"roll": 1200, "results": 34}
    case.package.refused = ("ballot_events",)
    text = words(render(tmp_path, case=case))
    assert "1,234 rows break a rule of the data schema and are left out." in text
    assert "would link voters with their choices: ballot_events." in text


def test_overrides_are_told_and_repeated_in_the_command(tmp_path):
    text = words(render(tmp_path, overrides={"alpha": 0.05, "tolerances_s": [0, 60]}))
    assert "-p alpha 0.05 -p tolerances_s 0,60" in text
    assert "Some values were overridden by hand" in text


def test_the_command_is_one_that_works_for_a_shipped_example_and_names_what_stands_for_a_place(tmp_path):
    shipped = render(tmp_path, case=FakeCase(EXAMPLES / "made_up_vale"), package="made_up_vale")
    assert "selection-forensics report made_up_vale --contest c1" in words(shipped)
    assert "PACKAGE" not in words(shipped)
    text = words(render(tmp_path, plan_origin="named"))
    assert "selection-forensics report PACKAGE --contest c1 --plan plan.toml" in text
    assert "PACKAGE stands for the folder in which the data package fake_vale lies." in text
    assert "plan.toml stands for a file that holds the plan printed below." in text


def test_a_plan_that_differs_from_the_standard_is_told_on_page_one_and_in_each_chapter(tmp_path):
    assert "standard plan" not in words(render(tmp_path))
    departures = {"alpha": {"planned": 0.05, "standard": 0.01}}
    page = render(tmp_path, plan_origin="package", plan_departures=departures)
    told = "The plan that came with the package differs from the standard plan in: alpha 0.05 instead of 0.01."
    assert words(page).count(told) == 3  # the header and the two chapters that ran
    assert told in words(page.partition('class="contents"')[0])


def test_signs_that_act_unseen_are_written_out_and_names_keep_their_own_direction(tmp_path):
    page = render(tmp_path, case=FakeCase(tmp_path, contest_name="a\u202eb\x07"), title="\u0645\u0631\u062d\u0628\u0627")
    assert "<bdi>a\\u202eb\\x07</bdi>" in page
    assert not set(page) & {"\u202e", "\x07"}
    assert "<h1><bdi>\u0645\u0631\u062d\u0628\u0627</bdi></h1>" in page


def test_an_allegation_stands_with_its_denial_or_says_that_none_is_held(tmp_path):
    case = FakeCase(tmp_path)
    assert "Ballots came late." in words(render(tmp_path, case=case))
    assert "All were in time." in words(render(tmp_path, case=case))
    assert "No answer to this is held" not in words(render(tmp_path, case=case))
    case.tables["statements"] = [ALLEGATION]
    assert "No answer to this is held" in words(render(tmp_path, case=case))


def test_hostile_text_stays_text_everywhere(tmp_path):
    case = FakeCase(tmp_path, contest_name=HOSTILE, organisation=HOSTILE, timezone=HOSTILE)
    case.package.description = HOSTILE
    case.tables = {
        "sources": [SOURCE | {"title": HOSTILE, "note": HOSTILE, "url": "javascript:alert(1)"}],
        "statements": [ALLEGATION | {"said_by": HOSTILE, "statement": HOSTILE}, DENIAL],
    }
    hostile_entry = entry(
        sentence=HOSTILE, innocent_explanations=[HOSTILE], statistic_name=HOSTILE, form=HOSTILE,
        assumptions=[{"statement": HOSTILE, "status": "fails", "evidence": HOSTILE}],
    )  # fmt: skip
    runs = [chart_run(HOSTILE), ChapterRun("20_late_votes", State.FAILED, executed("20_late_votes", markdown(HOSTILE)), HOSTILE)]
    page = render(
        tmp_path, case=case, runs=runs, entries=(hostile_entry, unanswerable(reason=HOSTILE, needs=[HOSTILE])), title=HOSTILE,
        inputs={HOSTILE: "0"}, failed_chapters={"20_late_votes": HOSTILE}, overrides={"channels": [HOSTILE]},
    )  # fmt: skip
    reader = Reader(page)
    assert "img" not in {tag for tag, _ in reader.tags}
    assert not any(name.startswith("on") for _, attrs in reader.tags for name in attrs)
    assert not any(str(attrs.get("href", "")).startswith("javascript") for _, attrs in reader.tags)
    assert [attrs.get("type") for tag, attrs in reader.tags if tag == "script"] == ["application/json", None, None]
    assert reader.text.count("<script>alert(1)</script>") >= 15


def test_the_policy_names_the_scripts_of_the_page_and_allows_nothing_else(tmp_path):
    reader = Reader(render(tmp_path, runs=[chart_run()]))
    policy = next(attrs["content"] for _, attrs in reader.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    own = [script for script in reader.scripts if not script.startswith("{")]
    assert len(own) == 2
    for script in own:
        assert f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "http" not in policy


def test_a_page_without_charts_carries_no_script(tmp_path):
    page = render(tmp_path)
    assert "<script" not in page
    assert "script-src 'none'" in html.unescape(page)


def test_charts_come_with_words_picture_and_data(tmp_path):
    page = render(tmp_path, runs=[chart_run(), chart_run("b")])
    reader = Reader(page)
    assert [attrs["aria-label"] for _, attrs in reader.tags if attrs.get("role") == "img"] == ["Alt of a.", "Alt of b."]
    assert len([tag for tag, _ in reader.tags if tag == "svg"]) == 2
    assert "Figure 2. Caption of b." in words(page)
    assert page.count("window.vegaEmbed=") == 1


def test_nothing_is_loaded_from_anywhere(tmp_path):
    for tag, attrs in Reader(render(tmp_path, runs=[chart_run()])).tags:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        assert "src" not in attrs
    css = re.search(r"<style>(.*?)</style>", render(tmp_path), re.DOTALL)[1]
    assert "url(" not in css
    assert "@import" not in css


def test_every_link_within_the_page_leads_somewhere(tmp_path):
    tags = Reader(render(tmp_path, failed_chapters={"10_turnout_timing": "x"})).tags
    ids = [attrs["id"] for _, attrs in tags if "id" in attrs]
    targets = {attrs["href"][1:] for _, attrs in tags if attrs.get("href", "").startswith("#")} | {
        attrs["aria-labelledby"] for _, attrs in tags if "aria-labelledby" in attrs
    }
    assert len(ids) == len(set(ids))
    assert targets - {"20_late_votes"} <= set(ids)  # this test gives no such chapter


def test_data_cannot_end_the_script_they_stand_in():
    block = json_block({"name": "</script><!--<script>"})
    assert "<" not in block
    assert json.loads(block) == {"name": "</script><!--<script>"}


@pytest.mark.parametrize("word", ["fraud", "guilt", "suspicio", "culprit", "cheat", "rigg"])
def test_no_word_of_the_page_convicts(tmp_path, word):
    page = render(tmp_path, failed_chapters={"10_turnout_timing": "x"}, case=FakeCase(tmp_path, proceedings_active=True))
    assert word not in page.lower()
    assert word not in render_index({"a/report.html": merged_findings(*ENTRIES)}).lower()


def test_the_index_links_each_report_and_counts_its_verdicts():
    index = render_index(
        {
            "fake_vale/report.html": merged_findings(breach(), breach(), totals()),
            "b c/report.html": merged_findings(entry(), title=HOSTILE, made_up=False, failed_chapters={"x": "y"}),
        }
    )
    reader, text = Reader(index), words(index)
    assert [attrs["href"] for tag, attrs in reader.tags if tag == "a"] == ["fake_vale/report.html", "b%20c/report.html"]
    assert "2 Recorded breach of a rule 1 No breach recorded" in text
    assert "A real contest," in text
    assert "Incomplete: 1 chapter failed." in text
    assert "script" not in {tag for tag, _ in reader.tags}


def test_a_reply_stands_beside_the_finding_it_answers(tmp_path):
    case = FakeCase(tmp_path)
    put = {"response_id": "R1", "question": "ballots_outside_window", "respondent": HOSTILE, "put_at": None, "replied_at": None}
    case.tables["responses"] = [
        put | {"reply": f"It was the clock. {HOSTILE}", "source_id": "S1"},
        put | {"response_id": "R2", "question": "reissue_rates", "reply": None, "source_id": "S1"},
    ]
    page = render(tmp_path, case=case)
    told = words(page)
    assert "It was the clock." in told
    assert told.index("It was the clock.") < told.index("Innocent explanations to rule out first")
    assert "No answer is held." in told[told.index("These questions stay open") :]
    assert "<script>alert" not in page
    assert "Put to" not in words(render(tmp_path))
