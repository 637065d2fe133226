"""What the page says, worked out from plain findings; the templates only lay it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis_lib import wording
from analysis_lib.wording import VERDICTS

if TYPE_CHECKING:
    from analysis_lib.methods.registry import Question

GRADES = {
    "breach": (
        "Breaches of a rule",
        "Facts counted against a stated rule and a stated clock. Chance has no part in it: the records show it or they don't.",
    ),
    "anomaly": (
        "Patterns compared with a baseline",
        (
            "What was seen, held against what ordinary voting gives rise to. A pattern that the baseline does not explain "
            "is a reason to look closer. It is not proof that anybody did anything wrong."
        ),
    ),
    "materiality": (
        "Could it have changed the result?",
        "Arithmetic for the worst case: were the ballots in question enough to matter, whatever their cause?",
    ),
}
STANDING_OUT = {"breach_recorded", "not_explained", "could_change"}  # verdicts beside which innocent explanations must stand
ASKS_ON = STANDING_OUT | {"undetermined"}


def tallies(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For each grade, how many findings gave which verdict; then those that can't be answered."""
    answered = [entry for entry in entries if entry["verdict"] != "cannot_be_answered"]
    counts = Counter((entry["grade"], entry["verdict"]) for entry in answered)
    result = [
        {
            "grade": grade, "heading": heading,
            "counts": [(verdict, counts[grade, verdict]) for verdict in VERDICTS if counts[grade, verdict]],
        }
        for grade, (heading, _) in GRADES.items()
    ]  # fmt: skip
    n_open = len(entries) - len(answered)
    return [*result, {"grade": "none", "heading": "Open questions", "counts": [("cannot_be_answered", n_open)] if n_open else []}]


def glance(entries: Sequence[Mapping[str, Any]], questions: Mapping[str, Question]) -> list[dict[str, Any]]:
    """Page one: each question with its verdicts, in the grades; last those that stay open."""
    groups = []
    for section in sections(entries, questions):
        rows = []
        for asked in section["questions"]:
            counts = Counter(row["entry"]["verdict"] for row in asked["rows"])
            verdicts = [(verdict, counts[verdict]) for verdict in VERDICTS if counts[verdict]]
            rows.append({"text": asked["text"], "target": asked["target"], "verdicts": verdicts})
        groups.append({"heading": section["heading"], "rows": rows})
    texts = dict.fromkeys(item["text"] for item in unanswered(entries, questions))
    open_rows = [{"text": text, "target": "open", "verdicts": [("cannot_be_answered", 1)]} for text in texts]
    return [group for group in [*groups, {"heading": "Open questions", "rows": open_rows}] if group["rows"]]


def sections(entries: Sequence[Mapping[str, Any]], questions: Mapping[str, Question]) -> list[dict[str, Any]]:
    """The answered findings in their grades, each question with its answers, and under them innocent explanations and what to ask next."""
    result = []
    for grade, (heading, explanation) in GRADES.items():
        asked: dict[str, dict[str, Any]] = {}
        for entry in entries:
            if entry["grade"] != grade or entry["verdict"] == "cannot_be_answered":
                continue
            noun = entry["question"]
            head = {"text": _text(noun, questions), "chapter": entry["chapter"], "target": f"{grade}-{noun}"}
            group = asked.setdefault(noun, head | {"rows": [], "explanations": [], "next": ""})
            group["rows"].append({"entry": entry, "failing": [a for a in entry["assumptions"] if a["status"] == "fails"]})
            if entry["verdict"] in STANDING_OUT:
                known = group["explanations"]
                known += [text for text in entry["innocent_explanations"] if text not in known]
            if entry["verdict"] in ASKS_ON:
                group["next"] = wording.ask_next(noun)
        result.append({"grade": grade, "heading": heading, "explanation": explanation, "questions": list(asked.values())})
    return result


def unanswered(entries: Iterable[Mapping[str, Any]], questions: Mapping[str, Question]) -> list[dict[str, Any]]:
    """The questions that the data held can't answer, with the columns that would."""
    return [
        {"text": _text(entry["question"], questions), "entry": entry}
        for entry in entries
        if entry["verdict"] == "cannot_be_answered"
    ]


def replies(responses: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """What was put to whom about a question and what they answered, by the question's noun, in the order it was put."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(responses, key=lambda row: (row["put_at"] is None, str(row["put_at"]), row["response_id"])):
        days = {name: f"{row[name]:%Y-%m-%d}" if row[name] else "" for name in ("put_at", "replied_at")}
        told = {name: row[name] for name in ("respondent", "reply", "source_id")}
        found.setdefault(row["question"], []).append(told | days)
    return found


def threads(statements: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each statement with all that answers it, directly or in turn, so that no allegation stands without its denial."""
    by_id = {statement["statement_id"]: statement for statement in statements}

    def root(statement: Mapping[str, Any]) -> str:
        seen = {statement["statement_id"]}
        while (above := statement["answers_statement_id"]) in by_id and above not in seen:
            seen.add(above)
            statement = by_id[above]
        return statement["statement_id"]

    roots = {statement["statement_id"]: root(statement) for statement in statements}
    return [
        {"statement": by_id[top], "answers": [s for s in statements if roots[s["statement_id"]] == top != s["statement_id"]]}
        for top in dict.fromkeys(roots.values())
    ]


def _text(noun: str, questions: Mapping[str, Question]) -> str:
    return questions[noun].question if noun in questions else words(noun)


def words(name: str) -> str:
    """A name of the data or the code as words, first letter large."""
    text = str(name).replace("_", " ").replace("-", " ")
    return text[:1].upper() + text[1:]


def form(name: str) -> str:
    """What tells apart several answers to one question, in words."""
    return words(wording.form(name) or name)


def in_unit(value: float | None, unit: str) -> str:
    """A value of an effect; differences of shares are held as fractions and shown in points."""
    return number(100 * value if value is not None and unit == "points" else value)


def need(name: str) -> str:
    """A need as a reader takes it: either column will do."""
    return " or ".join(name.split("|"))


def number(value: float | None) -> str:
    """A number at four digits at most, thousands marked; a dash for none."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"


def pvalue(value: float | None) -> str:
    """A p-value, never rounded to 0."""
    if value is None:
        return "–"
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}".rstrip("0").rstrip(".")


def web_address(url: Any) -> str:
    """An address that may be a link: a web page and nothing else (a javascript: address would be code)."""
    return str(url) if str(url).startswith(("https://", "http://")) else ""
