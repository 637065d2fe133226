"""What page one says, worked out from findings."""

import pytest
from cases import utc
from fake_report import ALLEGATION, DENIAL, QUESTIONS, breach, entry, struck, totals, unanswerable

from analysis_lib import wording
from analysis_lib.reports import page


def test_the_grades_never_mix():
    sections = page.sections([entry(), breach(), struck(), totals(), unanswerable()], QUESTIONS)
    assert [(s["grade"], [q["text"] for q in s["questions"]]) for s in sections] == [
        ("breach", [QUESTIONS["ballots_outside_window"].question, QUESTIONS["totals_reconciliation"].question]),
        ("anomaly", [QUESTIONS["cast_rate_bursts"].question]),
        ("materiality", [QUESTIONS["struck_ballots"].question]),
    ]


def test_several_answers_to_one_question_stand_together():
    sections = page.sections([entry(form="gamma"), entry(form="within_hour")], QUESTIONS)
    (question,) = sections[1]["questions"]
    assert [row["entry"]["form"] for row in question["rows"]] == ["gamma", "within_hour"]


def test_what_cannot_be_answered_stands_apart_whatever_its_grade():
    items = [unanswerable(), unanswerable(grade="breach", question="totals_reconciliation")]
    assert [item["text"] for item in page.unanswered([*items, entry()], QUESTIONS)] == [
        QUESTIONS["reissue_rates"].question, QUESTIONS["totals_reconciliation"].question,
    ]  # fmt: skip
    assert not any(section["questions"] for section in page.sections(items, QUESTIONS))


def test_tallies_count_each_verdict_within_its_grade():
    tallies = page.tallies([breach(), breach(), totals(), entry(verdict="within_baseline"), unanswerable()])
    assert [(tally["grade"], tally["counts"]) for tally in tallies] == [
        ("breach", [("breach_recorded", 2), ("no_breach", 1)]),
        ("anomaly", [("within_baseline", 1)]),
        ("materiality", []),
        ("none", [("cannot_be_answered", 1)]),
    ]


def test_replies_stand_with_their_question_in_the_order_they_were_put():
    row = {"question": "reissue_rates", "respondent": "The party", "reply": None, "replied_at": None, "source_id": "S1"}
    told = page.replies([
        row | {"response_id": "R2", "put_at": utc("2031-03-02 10:00"), "reply": "No.", "replied_at": utc("2031-03-05 10:00")},
        row | {"response_id": "R1", "put_at": utc("2031-03-01 10:00")},
        row | {"response_id": "R0", "put_at": None, "question": "channel_gap"},
    ])  # fmt: skip
    assert list(told) == ["reissue_rates", "channel_gap"]
    assert [(item["put_at"], item["reply"], item["replied_at"]) for item in told["reissue_rates"]] == [
        ("2031-03-01", None, ""), ("2031-03-02", "No.", "2031-03-05"),
    ]  # fmt: skip
    assert page.replies([]) == {}


def asked(*items):
    grade = {"breach": 0, "anomaly": 1, "materiality": 2}[items[0]["grade"]]
    return page.sections(items, QUESTIONS)[grade]["questions"][0]


def test_innocent_explanations_stand_beside_what_stands_out():
    assert asked(entry())["explanations"] == ["A reminder went out."]
    assert asked(breach())["explanations"] == ["The clock ran ahead."]
    assert asked(entry(verdict="within_baseline"))["explanations"] == []


@pytest.mark.parametrize(("verdict", "is_told"), [("not_explained", True), ("undetermined", True), ("within_baseline", False)])
def test_what_to_ask_next_stands_under_what_stands_out_or_is_open(verdict, is_told):
    asked_for = asked(entry(verdict=verdict), entry(verdict="within_baseline"))
    assert asked_for["next"] == (wording.ask_next(entry()["question"]) if is_told else "")


def test_explanations_of_several_answers_are_given_once():
    both = asked(entry(), entry(innocent_explanations=["A reminder went out.", "A meeting ended."]))
    assert both["explanations"] == ["A reminder went out.", "A meeting ended."]


def test_an_assumption_that_fails_is_put_first():
    fails = {"statement": "Ballots come evenly.", "status": "fails", "evidence": "They do not."}
    holds = {"statement": "Clocks agree.", "status": "holds", "evidence": ""}
    assert asked(entry(assumptions=[holds, fails]))["rows"][0]["failing"] == [fails]


def test_page_one_gives_each_question_its_verdicts():
    entries = [entry(verdict="within_baseline"), entry(), entry(form="b"), breach(), unanswerable(), unanswerable(form="b")]
    assert [(group["heading"], [row["verdicts"] for row in group["rows"]]) for group in page.glance(entries, QUESTIONS)] == [
        ("Breaches of a rule", [[("breach_recorded", 1)]]),
        ("Patterns compared with a baseline", [[("not_explained", 2), ("within_baseline", 1)]]),
        ("Open questions", [[("cannot_be_answered", 1)]]),
    ]


def test_every_allegation_has_its_answers_beside_it():
    reply = DENIAL | {"statement_id": "a3", "answers_statement_id": "a2", "kind": "context"}
    other = ALLEGATION | {"statement_id": "b1"}
    threads = page.threads([DENIAL, ALLEGATION, reply, other])
    assert [(t["statement"]["statement_id"], [a["statement_id"] for a in t["answers"]]) for t in threads] == [
        ("a1", ["a2", "a3"]),
        ("b1", []),
    ]


def test_statements_that_answer_one_another_or_nothing_known_are_not_lost():
    one = ALLEGATION | {"statement_id": "x", "answers_statement_id": "y"}
    two = ALLEGATION | {"statement_id": "y", "answers_statement_id": "x"}
    three = ALLEGATION | {"statement_id": "z", "answers_statement_id": "not held"}
    threads = page.threads([one, two, three])
    assert {t["statement"]["statement_id"] for t in threads} | {a["statement_id"] for t in threads for a in t["answers"]} == {
        "x",
        "y",
        "z",
    }


def test_numbers_are_written_for_readers():
    assert [page.number(x) for x in (None, 0, 119330, 2.35987, 1e-05)] == ["–", "0", "119,330", "2.36", "1e-05"]
    assert [page.pvalue(p) for p in (None, 0.0, 0.00001, 0.0001, 0.25, 1.0)] == [
        "–",
        "< 0.0001",
        "< 0.0001",
        "0.0001",
        "0.25",
        "1",
    ]


def test_names_become_words():
    assert page.words("unofficial-partial") == "Unofficial partial"
    assert page.need("results.n|results.share") == "results.n or results.share"


def test_only_web_pages_become_links():
    assert page.web_address("https://example.org/") == "https://example.org/"
    assert page.web_address("javascript:alert(1)") == ""
    assert page.web_address(None) == ""
