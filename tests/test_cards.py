"""Cards and tables: everything a card must say, every text escaped, every kind of value shown."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import polars as pl
import pytest
from fake_report import HOSTILE

from analysis_lib import wording
from analysis_lib.cards import GRADES, Cards, Table, table
from analysis_lib.locations import CALIBRATION
from analysis_lib.methods.registry import REGISTRY
from analysis_lib.results import Assumption, Breach, Estimate, Finding, Grade, NotAnswerable, Status, TestResult, Verdict
from analysis_lib.wording import false_alarms

TEXTS = [
    HOSTILE,
    "a & b < c",
    "\"quoted\" 'single'",
    "line\nbreak",
    "# head | **x**",
    "</td></tr><tr>",
    "&lt;already&gt;",
    "{0} {name} %s",
]


class Words(HTMLParser):
    """The text of a page, and its tags."""

    def __init__(self, html):
        super().__init__()
        self.text, self.tags, self.open = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def falls(name="a", verdict=Verdict.NO_BREACH, n=0, **more):
    """A finding of a breach, with some text in every place that a text may stand."""
    values = {
        "assumptions": (Assumption(statement=name, status=Status.FAILS, evidence=name),),
        "innocent_explanations": (name, "Chance."),
    }
    result = Breach(
        method="falling_turnout_counts",
        rule=name,
        verdict=verdict,
        statistic=0,
        statistic_name="x",
        n_observations=1234,
        n_excluded=n,
        parameters={"zone": "UTC"},
        details={"falls": [], "total_fall": 0, "totals": []},
        **values,
    )
    return Finding(
        question=result.method, chapter="10_turnout_timing", grade=Grade.BREACH, verdict=verdict, result=result, **more
    )


def gap(candidate="Ann Ash", pvalue=0.0004):
    effect = Estimate(name="odds ratio", value=2.47, low=1.46, high=4.07, confidence_level=0.95, unit="ratio")
    result = TestResult(
        method="channel_gap",
        form="counts",
        null_hypothesis="all is even",
        alternative="two-sided",
        statistic=2.47,
        statistic_name="x",
        pvalue=pvalue,
        effect=effect,
        n_observations=860,
        n_excluded=0,
        assumptions=(),
        innocent_explanations=(candidate,),
        references=(),
        parameters={},
        details={
            "candidate": candidate,
            "channels": ["online", "in_person"],
            "share_low": [0.6, 0.4],
            "share_high": [0.6, 0.4],
            "odds_ratio_low": 2.47,
            "to_equal_low": 3,
            "to_equal_high": 3,
            "to_tie": 1,
            "lead": 2,
        },
    )
    return Finding(
        question="channel_gap",
        chapter="50_channel_gap",
        grade=Grade.ANOMALY,
        verdict=Verdict.NOT_EXPLAINED,
        result=result,
        pvalue_adjusted=pvalue,
        family="channels",
        family_size=1,
    )


def cannot(noun="reissue_rates"):
    result = NotAnswerable(method=noun, reason="Not held.", needs=("roll.unit",))
    question = REGISTRY[noun]
    return Finding(
        question=noun, chapter=question.chapter, grade=question.grade, verdict=Verdict.CANNOT_BE_ANSWERED, result=result
    )


def html(*findings):
    return Cards(findings)._repr_html_()


def test_a_card_of_a_test_says_everything():
    words = Words(html(gap()))
    text = " ".join(words.text)
    for part in (
        "Anomaly: a calibrated test",
        "Not explained by the stated baseline",
        "The gap is real; its cause is open.",
        "Effect",
        "odds ratio: 2.47 (95 % interval 1.46 to 4.07)",
        "p-value, all tests allowed for",
        "0.0004",
        "Observations",
        "860",
        "Innocent explanations",
        "What this cannot show:",
        wording.CANNOT_SHOW["channel_gap"],
    ):
        assert part in text
    assert ("section", {"class": "finding grade-anomaly verdict-not_explained"}) in words.tags
    assert words.open == []


def test_a_card_of_a_breach_has_no_pvalue():
    text = " ".join(Words(html(falls(n=7))).text)
    assert "Breach: a count of facts" in text
    assert "p-value" not in text
    assert "1,234; 7 left out" in text
    assert "Fails" in text


def test_a_card_without_an_answer_says_what_is_needed_and_no_more():
    text = " ".join(Words(html(cannot())).text)
    assert "Not held. Needed to answer it: List of voters: unit." in text
    for part in ("Innocent explanations", "What the number leans on", "What this cannot show", "p-value"):
        assert part not in text


def test_cards_as_text_are_verdict_and_sentence():
    assert repr(Cards((falls(), cannot()))) == (
        "No breach recorded. The running count never fell in 1,234 readings.\n\n"
        "Cannot be answered with the data held. Not held. Needed to answer it: List of voters: unit."
    )
    assert repr(Cards(())) == ""


def test_an_exploratory_finding_says_so_on_its_card():
    assert "Exploratory, not in the plan: " in html(falls(planned=False))


@pytest.mark.parametrize("noun", REGISTRY)
def test_every_question_has_a_card(noun):
    words = Words(html(cannot(noun)))
    assert words.open == []
    assert GRADES[REGISTRY[noun].grade] in words.text
    assert wording.CANNOT_SHOW[noun]


@pytest.mark.parametrize("noun", REGISTRY)
def test_every_question_has_one_thing_to_ask_next(noun):
    assert re.match(r"ask [a-z]", wording.ASK_NEXT[noun])
    assert not wording.ASK_NEXT[noun].endswith(".")  # the card and the page end it


@pytest.mark.parametrize(
    ("verdict", "is_told"), [(Verdict.BREACH_RECORDED, True), (Verdict.UNDETERMINED, True), (Verdict.NO_BREACH, False)]
)
def test_what_to_ask_next_stands_on_the_card_of_what_stands_out_or_is_open(verdict, is_told):
    text = " ".join(Words(html(falls(verdict=verdict))).text)
    assert ("What to ask next." in text) is is_told
    assert (wording.ask_next("falling_turnout_counts") in text) is is_told


def test_a_card_tells_how_often_innocent_causes_do_it(monkeypatch, tmp_path):
    (tmp_path / "rates.csv").write_text(
        "question,form,contests,share_p_at_most_0.01,share_p_at_most_0.05,share_p_at_most_0.1,share_breach_recorded\n"
        "channel_gap,counts,998,0.0,0.0301,0.07,\nfalling_turnout_counts,,1000,,,,0.002\n"
    )
    monkeypatch.setattr(false_alarms, "CALIBRATION", tmp_path / "rates.csv")
    false_alarms._measured.cache_clear()
    told = " ".join(Words(html(gap(), falls(), cannot())).text)
    false_alarms._measured.cache_clear()
    assert "How often innocent causes do it" in told
    assert "of 998 made-up innocent contests, none had a p-value of 0.01 or less, 30 of 0.05 or less" in told
    assert "of 1,000 made-up innocent contests, 2 had such a breach" in told
    assert told.count("made-up innocent contests") == 2


def test_the_rates_of_chapters_30_and_40_are_those_measured():
    assert CALIBRATION.is_file()
    assert wording.from_innocent_causes(gap()) == ""  # measured on contests of another kind
    measured = {question for question, _ in false_alarms._measured()}
    chapters = {"30_credential_reissues", "40_roll_changes"}
    assert measured <= {noun for noun, question in REGISTRY.items() if question.chapter in chapters}
    assert {"reissue_rates", "message_coverage"} <= measured


@pytest.mark.parametrize(("value", "told"), [(1.7e-27, "< 0.0001"), (0.0001, "0.0001"), (0.01234, "0.012"), (1.0, "1")])
def test_a_pvalue_is_never_a_power_of_ten(value, told):
    assert wording.pvalue(value) == told


def test_a_column_of_numbers_stands_to_the_right_with_its_head_and_its_words():
    shown = Table([{"a": "x", "n": 12}, {"a": "y", "n": "fewer than 10"}], {"a": "who", "n": "how many"}, "Some.")._repr_html_()
    assert '<th scope="col">who</th><th scope="col" class="number">how many</th>' in shown
    assert '<td class="number">12</td>' in shown
    assert '<td class="number"><bdi>fewer than 10</bdi></td>' in shown


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_of_a_card_is_escaped(text):
    shown = html(falls(text), gap(text))
    words = Words(shown)
    assert words.open == []
    assert {tag for tag, _ in words.tags} <= {"section", "p", "span", "strong", "dl", "dt", "dd", "div", "ul", "li", "bdi"}
    assert {name for _, attributes in words.tags for name in attributes} <= {"class"}
    whole = re.sub(r"\s+", " ", " ".join(words.text))
    assert re.sub(r"\s+", " ", text) in whole  # it is shown as it was handed over, only harmless


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_of_a_table_is_escaped(text):
    words = Words(Table([{"a": text}], {"a": text}, text)._repr_html_())
    assert [tag for tag, _ in words.tags] == [
        "div", "table", "caption", "bdi", "thead", "tr", "th", "tbody", "tr", "td", "bdi",
    ]  # fmt: skip
    assert words.open == []
    assert words.text == [text] * 3


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        (1234567, "1,234,567"),
        (-75169, "-75,169"),
        (0.25, "0.25"),
        (1 / 3, "0.3333"),
        (12345.678, "12,346"),
        (9999.9, "1e+04"),
        (1e-5, "1e-05"),
        (float("inf"), "inf"),
        ("", ""),
        ("North", "North"),
        (Status.FAILS, "fails"),
        (datetime(2031, 10, 26, 1, 30, tzinfo=UTC), "2031-10-26 01:30:00 UTC"),
    ],
)
def test_every_kind_of_value_has_a_form(value, shown):
    made = Table([{"a": value}], {"a": "title"}, "Caption.")
    assert repr(made) == f"Caption.\ntitle\n{shown}"
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    is_text = isinstance(value, str) and value
    cell = f'<td class="number">{shown}</td>' if is_number else f"<td><bdi>{shown}</bdi></td>" if is_text else f"<td>{shown}</td>"
    assert cell in made._repr_html_()


@pytest.mark.parametrize("sign", ["\x07", "\x1b", "\u202e", "\u2066"])
def test_a_sign_that_acts_unseen_is_written_out(sign):
    name = f"North{sign}South"
    made = Table([{"a": name}], {"a": "title"}, name)
    for shown in (repr(made), made._repr_html_(), html(falls(name), gap(name)), repr(Cards((gap(name),)))):
        assert sign not in shown
        assert "North\\" in shown


def test_columns_stand_in_the_order_given_under_their_titles():
    made = Table([{"a": 1, "b": 2, "c": 3}], {"c": "third", "a": "first"}, "Caption.")
    assert repr(made) == "Caption.\nthird | first\n3 | 1"


def test_an_empty_table_keeps_its_head():
    assert repr(Table([], {"a": "first"}, "None.")) == "None.\nfirst"
    assert Words(Table([], {"a": "first"}, "None.")._repr_html_()).open == []


def test_a_frame_becomes_a_table_and_a_long_one_says_what_is_left_out():
    frame = pl.DataFrame({"row_id": range(300), "n_of": range(300)})
    assert repr(table(frame, "Rows")).startswith("Rows (the first 200 of 300 rows)\nrow id | n of\n0 | 0\n")
    assert len(table(frame, "Rows").rows) == 200
    assert table(frame, "Rows", {"n_of": "n"}, most=300).caption == "Rows"
    assert repr(table(frame.head(1), "One", {"n_of": "n"})) == "One\nn\n0"


def test_a_column_without_a_value_in_any_row_is_not_shown():
    columns = {"a": "First", "b": "None here", "c": "Blank", "d": "Filled once", "e": "Nought", "f": "No"}
    row = dict.fromkeys(columns) | {"c": "", "e": 0, "f": False}
    shown = Table([row, row | {"d": "x"}], columns, "Caption")
    for text in (repr(shown), shown._repr_html_()):
        assert [title for title in columns.values() if title in text] == ["First", "Filled once", "Nought", "No"]
    assert shown._repr_html_().count("<td") == 2 * 4
    assert repr(Table([dict.fromkeys(columns)], columns, "Caption")) == "Caption\nFirst\n"
