"""The report in a real browser with no network: every chart live, nothing asked for, nothing complained about."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import altair as alt
import polars as pl
import pytest
from chromium import Chromium, Page, find_chromium
from fake_report import (
    QUESTIONS,
    FakeCase,
    breach,
    entry,
    executed,
    markdown,
    merged_findings,
    printed,
    shown,
    struck,
    totals,
    unanswerable,
)

from analysis_lib.figure import METADATA_KEY, SPEC_TYPE, SVG_TYPE, Figure
from analysis_lib.reports.cells import ChapterRun, State
from analysis_lib.reports.render import render_report
from analysis_lib.reports.runner import run_report

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(sys.platform == "win32", reason="drives the browser over a POSIX pipe"),
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed (Debian: apt-get install chromium)"),
]
DESKTOP, PHONE = 1280, 390
HARMLESS = 'Dropping "fit-y" because spec has discrete height.'  # said of any chart of fitted width with a row for each name


def charts() -> list[alt.TopLevelMixin]:
    """The shapes that charts of a report come in: bars, a layer, panels one above the other, facets, long names."""
    frame = pl.DataFrame({"x": range(24), "y": [(7 * i) % 11 for i in range(24)], "kind": ["one", "the other"] * 12})
    bars = alt.Chart(frame, width=660, height=240).mark_bar().encode(x="x:O", y="y:Q", color="kind:N", tooltip=["x:O", "y:Q"])
    line = (
        alt.Chart(frame, width=660, height=240).mark_line().encode(x=alt.X("x:Q").axis(labelExpr="datum.value + ' h'"), y="y:Q")
    )
    names = pl.DataFrame(
        {"branch": [f"The branch of Upper and Lower Vale-on-the-Hill, part {i}" for i in range(8)], "n": range(8)}
    )
    long = alt.Chart(names, width=500).mark_point(clip=True).encode(x="n:Q", y="branch:N", tooltip="branch:N")
    facets = alt.Chart(frame, width=300, height=120).mark_bar().encode(x="x:O", y="y:Q", column="kind:N")
    return [bars, line + line.mark_point(), bars & line, long, facets]


@pytest.fixture(
    scope="session", params=["every_shape", "made_up_vale", pytest.param("ilford_south_2022", marks=pytest.mark.slow)]
)
def report_path(request, tmp_path_factory) -> Path:
    """The page under test: one of every shape of chart, and two reports as a reader gets them."""
    folder = tmp_path_factory.mktemp("report")
    if request.param != "every_shape":
        return run_report(request.param, folder / "out", overrides={"n_resamples": 199}, progress=False).page
    figures = [Figure(chart, f"Alt text {i}.", f"Caption {i}.") for i, chart in enumerate(charts())]
    cells = [shown(*figure._repr_mimebundle_()) for figure in figures]
    wide_table = "<table><tr>" + "<td>a_rather_long_name_of_something</td>" * 12 + "</tr></table>"
    runs = [
        ChapterRun("00_evidence", State.RAN, executed("00_evidence", printed("x" * 400), shown({"text/html": wide_table}))),
        ChapterRun(
            "10_turnout_timing", State.RAN, executed("10_turnout_timing", markdown("Some **prose** `" + "y" * 200 + "`."), *cells)
        ),
        ChapterRun("30_credential_reissues", State.NOT_RUN, executed("30_credential_reissues")),
    ]
    entries = (totals(), struck(), entry(), breach(), breach(form="grace_60_s"), unanswerable())
    findings = merged_findings(*entries, inputs={f"data/{'long_name_' * 8}.csv": "0" * 64})
    path = folder / "report.html"
    path.write_text(render_report(findings, runs, FakeCase(folder), QUESTIONS), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser():
    with Chromium(find_chromium()) as chromium:
        yield chromium


@pytest.fixture(scope="module", params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def page(request, browser, report_path) -> Page:
    """The report, with its charts drawn, on a screen of each width."""
    page = browser.open(report_path.as_uri(), width=request.param, phone=request.param == PHONE)
    page.wait_for("document.documentElement.dataset.charts")
    return page


def test_every_chart_is_drawn_live(page):
    n = page.value("document.querySelectorAll('.plot').length")
    assert n > 0
    assert page.value("document.documentElement.dataset.charts") == f"{n} of {n}"
    live = "[...document.querySelectorAll('.plot .live svg.marks')]"
    assert page.value(f"{live}.filter((svg) => svg.getBoundingClientRect().height > 50).length") == n
    assert (
        page.value(f"{live}.filter((svg) => svg.querySelectorAll('.mark-group path, .mark-group line').length < 5).length") == 0
    )
    assert page.value("[...document.querySelectorAll('.plot .still')].filter((s) => s.offsetParent !== null).length") == 0


def test_the_browser_complains_of_nothing(page):
    assert [complaint for complaint in page.complaints() if HARMLESS not in complaint] == []


def test_nothing_is_asked_for_but_the_page(page, report_path):
    assert {address for address in page.requests() if not address.startswith("data:")} == {report_path.as_uri()}


def test_nothing_sticks_out_at_the_side(page):
    """Neither the page scrolls sideways, nor is anything but a table that scrolls by itself wider than its place."""
    width = page.value("window.innerWidth")
    assert width in (DESKTOP, PHONE)
    assert page.value("document.documentElement.scrollWidth") <= width
    wide = """[...document.querySelectorAll('main *, .page-one *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1
              && !e.closest('.wide, .table, svg')).map((e) => e.tagName + '.' + e.className)"""
    assert page.value(wide) == []


def test_letters_of_a_chart_stay_legible(page):
    """A chart drawn to the width of the screen keeps its letters; only panels side by side are scaled as a whole."""
    sizes = """[...document.querySelectorAll('.plot')]
               .filter((p) => !/"(column|hconcat|vconcat|facet)":/.test(p.querySelector('script').textContent))
               .flatMap((p) => [...p.querySelectorAll('.live text')]).map((t) => t.getBoundingClientRect())
               .map((r) => Math.min(r.width, r.height)).filter((s) => s > 0)"""
    assert min(page.value(sizes)) >= 5  # a single digit of 10 px is about 6 px wide


def test_a_chart_answers_the_pointer(page):
    """Some mark of the charts tells its numbers when pointed at; plain rules and bands need not."""
    page.send("Page.bringToFront")
    n = page.value("""(() => {
        const size = (mark) => { const box = mark.getBoundingClientRect(); return Math.min(box.width, box.height); };
        const marks = [...document.querySelectorAll('.plot .live :is(.mark-symbol, .mark-rect) path')];
        window.marks = marks.filter((mark) => size(mark) > 3);
        return window.marks.length;
    })()""")
    answered = False
    for i in range(min(n, 40)):
        page.value(f"marks[{i}].scrollIntoView({{block: 'center'}})")
        x, y = page.value(f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])(marks[{i}].getBoundingClientRect())")
        page.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        answered = page.value("!!document.querySelector('#vg-tooltip-element.visible')?.textContent")
        if answered:
            break
    assert answered, f"none of {n} marks answered"


def test_on_paper_the_pictures_stand_in_for_the_live_charts(page):
    page.send("Emulation.setEmulatedMedia", media="print")
    try:
        shown_now = "[...document.querySelectorAll('.plot {}')].filter((e) => getComputedStyle(e).display !== 'none').length"
        assert page.value(shown_now.format(".live")) == 0
        assert page.value(shown_now.format(".still")) == page.value("document.querySelectorAll('.plot').length")
    finally:
        page.send("Emulation.setEmulatedMedia", media="")


def test_without_scripts_the_pictures_are_there(browser, report_path):
    page = browser.open("about:blank", width=DESKTOP)
    page.send("Emulation.setScriptExecutionDisabled", value=True)
    page.send("Page.navigate", url=report_path.as_uri())
    page.wait_for("document.readyState === 'complete' && !!document.querySelector('.plot')")
    seen = "[...document.querySelectorAll('.plot .still svg')].filter((s) => s.getBoundingClientRect().height > 50).length"
    assert page.value(seen) == page.value("document.querySelectorAll('.plot').length") > 0


def test_markup_that_slipped_through_would_still_not_run(browser, report_path, tmp_path):
    text = report_path.read_text(encoding="utf-8")
    picture = "<img src='https://example.org/x.png' onerror='window.ran = 1'>"
    slipped = f"<script>window.ran = 1</script>{picture}<b onclick='window.ran = 1'>x</b>"
    path = tmp_path / "report.html"
    path.write_text(re.sub(r"(<main[^>]*>)", lambda m: m[1] + slipped, text), encoding="utf-8")
    page = browser.open(path.as_uri(), width=DESKTOP)
    page.wait_for("document.documentElement.dataset.charts")
    page.value("document.querySelector('main > b').click()")
    assert page.value("window.ran") is None
    assert page.complaints()  # the browser says what it refused, so the next line proves something
    assert not [address for address in page.requests() if address.startswith("http") and address not in _blocked(page)]


def _blocked(page: Page) -> set[str]:
    return {address for address in page.requests() if any(address in complaint for complaint in page.complaints())}


def test_a_chart_that_cannot_be_drawn_keeps_its_picture(browser, tmp_path):
    data = {SPEC_TYPE: {"mark": {"type": "no such mark"}, "data": {"values": []}}, SVG_TYPE: "<svg width='60' height='60'></svg>"}
    runs = [
        ChapterRun("00_evidence", State.RAN, executed("00_evidence", shown(data, {METADATA_KEY: {"alt": "A.", "caption": "C."}})))
    ]
    path = tmp_path / "report.html"
    path.write_text(render_report(merged_findings(totals()), runs, FakeCase(tmp_path), QUESTIONS), encoding="utf-8")
    page = browser.open(path.as_uri(), width=DESKTOP)
    page.wait_for("document.documentElement.dataset.charts === '0 of 1'")
    assert page.value("document.querySelector('.plot .still svg').getBoundingClientRect().height") == 60
    assert page.value("document.querySelector('.plot .live')") is None
