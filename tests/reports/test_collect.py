"""Findings on their way from a chapter to findings.json."""

import json

import pytest
from fake_report import FakeCase, code, entry, write_notebook

from analysis_lib import wording
from analysis_lib.errors import ReportError
from analysis_lib.reports import collect, load_findings, record
from analysis_lib.results import Breach, Finding, Grade, Verdict


@pytest.fixture(autouse=True)
def plain_wording(monkeypatch):
    monkeypatch.setattr(wording, "sentence", lambda finding: f"{finding.result.statistic} found.")


def finding(chapter: str = "20_late_votes", n: int = 6) -> Finding:
    result = Breach(
        method="ballots_outside_window", rule="cast before the close", verdict=Verdict.BREACH_RECORDED, statistic=n,
        statistic_name="ballots after the close", n_observations=200, n_excluded=0, assumptions=(),
        innocent_explanations=("Échec",), parameters={},
    )  # fmt: skip
    return Finding(
        question="ballots_outside_window", chapter=chapter, grade=Grade.BREACH, verdict=Verdict.BREACH_RECORDED, result=result
    )


def test_a_chapters_findings_are_written_with_their_sentences(tmp_path):
    case = FakeCase(tmp_path)
    record([finding(), finding(n=7)], tmp_path / "new", case)
    content = json.loads((tmp_path / "new" / "20_late_votes.json").read_text(encoding="utf-8"))
    assert content["package"] == "fake_vale"
    assert content["plan_sha256"] == case.plan.sha256
    assert [item["sentence"] for item in content["findings"]] == ["6 found.", "7 found."]


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record([finding()], "", FakeCase(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("findings", "message"),
    [([], r"0 chapters \(none\)"), ([finding(), finding("90_summary")], r"2 chapters \(20_late_votes, 90_summary\)")],
)
def test_findings_of_one_chapter_are_expected(tmp_path, findings, message):
    with pytest.raises(ReportError, match=message):
        record(findings, tmp_path, FakeCase(tmp_path))


def merge(tmp_path, *entries):
    return collect.merged(FakeCase(tmp_path), entries, overrides={}, failed={}, notebooks=tmp_path)


def test_findings_are_sorted_by_chapter_question_and_form(tmp_path):
    keys = [("20", "b", ""), ("10", "z", "x"), ("10", "z", "a"), ("10", "c", "")]
    merged = merge(tmp_path, *(entry(chapter=c, question=q, form=f) for c, q, f in keys))
    assert [(e["chapter"], e["question"], e["form"]) for e in merged["findings"]] == sorted(keys)


def test_what_went_in_is_told(tmp_path):
    merged = merge(tmp_path)
    assert list(merged["inputs"]) == ["data/contests.csv", "data/results.csv"]
    assert set(merged["versions"]) == {"python", "polars", "numpy", "scipy", "altair"}
    assert merged["versions"]["python"].count(".") == 1


def test_the_text_is_canonical():
    text = collect.canonical({"b": "é", "a": [1]})
    assert text == '{\n "b": "é",\n "a": [\n  1\n ]\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        collect.canonical({"a": float("nan")})


def test_the_code_hash_sees_cells_but_not_their_outputs_or_line_endings(tmp_path):
    def hashed(source: str, name: str = "00_a") -> str:
        path = write_notebook(tmp_path, name, code(source))
        digest = collect.code_sha256(tmp_path)
        path.unlink()
        return digest

    first = hashed("a = 1\nb = 2")
    assert hashed("a = 1\r\nb = 2") == first
    assert hashed("a = 1\nb = 3") != first
    assert hashed("a = 1\nb = 2", "00_b") != first


def test_a_report_folder_is_read_again(tmp_path):
    (tmp_path / "findings.json").write_text(collect.canonical(merge(tmp_path, entry())), encoding="utf-8")
    assert load_findings(tmp_path)["findings"] == [entry()]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file"),
        ("{", "this can't be read"),
        ("[]", "not a findings.json of this library"),
        ("{}", "not a findings"),
    ],
)
def test_a_folder_without_findings_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "findings.json").write_text(content)
    with pytest.raises(ReportError, match=f"{message}.*selection-forensics report PACKAGE --out DIR"):
        load_findings(tmp_path)
