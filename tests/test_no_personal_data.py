"""Of all that the example exports hold of people, nothing comes out: not in a file, not in a report, not in a message."""

import base64
import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout

import platform_cases as cases
import pytest

from analysis_lib import cli, exhibits
from analysis_lib.cards import Cards
from analysis_lib.case import open_case
from analysis_lib.faults import message
from analysis_lib.figure import Figure
from analysis_lib.importers.pseudonyms import canonical
from analysis_lib.methods.registry import CHAPTERS, answer_chapter
from analysis_lib.package import open_package
from analysis_lib.reports.collect import as_entries
from analysis_lib.requests import BETWEEN, letters

OURS = ("sent to",)  # stands in the free text of a log, which may not come in, and in our own letters
KINDS = ("member", "email", "phone", "address", "ip", "name", "officer")
_KEYED = re.compile(r"\{[a-z_]+:[^{}]*\}")  # what becomes a key there
SHORTEST = 5  # characters; what is shorter stands in many a word


def forms(text):
    """The texts by which a personal value would be known again: as it stands, canonical, split, hidden in another writing."""
    found = {text.casefold(), *(canonical(kind, text).casefold() for kind in KINDS)}
    found |= {part.casefold() for part in text.replace("@", " ").split() if "@" in text and len(part) > 8}
    for plain in {text, text.lower(), text.upper()}:
        data = plain.encode()
        found |= {data.hex(), *(_inside(data, shift) for shift in range(3))}
    return {form for form in found if len(form) >= SHORTEST}


def _inside(data, shift):
    """Base64 of a text that stands somewhere within another, but for the signs that its neighbours change; in small letters."""
    whole = base64.b64encode(b"\0" * shift + data).decode()
    return whole[4 * bool(shift) : -4].casefold() if len(data) > 8 else ""


def found_in(output, personal):
    """Give the places in which a personal value stands, by its number."""
    plain = {place: text.casefold() for place, text in output.items()}
    return [
        (number, form, place)
        for number, text in enumerate(personal)
        for form in forms(text)
        for place, whole in plain.items()
        if form in whole
    ]


def _text(data):
    return data.decode("utf-8", "replace") if isinstance(data, bytes) else data


def _public(case):
    """Names of candidates, and texts that are typed or belong to the platform, are public."""
    rows = (case.folder / "direct").glob("*.csv")
    return "\n".join(_KEYED.sub("", path.read_text(encoding="utf-8")) for path in rows).casefold()


@pytest.fixture(scope="module", params=cases.CASES)
def brought(request, tmp_path_factory):
    """One platform's exports and all that is made of them, by its place."""
    case = cases.platform_case(request.param)
    folder = tmp_path_factory.mktemp(request.param)
    package = folder / "package"
    key, _ = cases.case_key(folder, package)
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        cases.import_all(case, package, key)
        cli.main(["check", str(package)])
        cli.main(["check", str(package), "--format", "csv"])
        cli.main(["request", str(package)])
        cli.main(["request", str(package), "--to", "member"])
    output = {"standard output": out.getvalue(), "standard error": err.getvalue()}
    output |= {name: _text(data) for name, data in cases.package_bytes(package).items()}
    output |= {"names of files": "\n".join(str(path.relative_to(folder)) for path in package.rglob("*"))}
    return case, package, output


def personal(case):
    """What of the exports is of a person, and isn't also a word of the tables written by hand."""
    public = _public(case)
    texts = {text.casefold(): text for text in cases.personal_texts(case) if len(text) >= SHORTEST}
    return [text for plain, text in texts.items() if plain not in public and plain not in OURS]


def answers(package):
    """Everything that a report is made of: the findings, what is shown with them, the faults, and the letters."""
    case = open_case(package)
    texts = {"faults": "\n".join(message(row) for row in open_package(package).faults.iter_rows(named=True))}
    texts["letters"] = BETWEEN.join([*letters(case, "").values(), *letters(case, "member").values()])
    texts["evidence"] = "\n".join(map(_shown, [*exhibits.evidence(case), exhibits.missing(case)]))
    for chapter in CHAPTERS:
        for question, found in answer_chapter(chapter, case).items():
            texts[question] = json.dumps(list(as_entries(found)), default=str) + repr(found) + _shown(Cards(found))
            texts[f"{question}, shown"] = "\n".join(map(_shown, getattr(exhibits, question)(case, found)))
    return texts


def _shown(each):
    """A figure with its data, or a table or card, as text and as HTML."""
    if isinstance(each, Figure):
        return json.dumps(each.spec, default=str) + each.alt + each.caption
    return repr(each) + each._repr_html_()


def test_nothing_of_a_person_is_written_or_said(brought):
    case, _, output = brought
    texts = personal(case)
    assert len(texts) > 4
    assert found_in(output, texts) == []


def test_nothing_of_a_person_is_in_the_findings(brought):
    case, package, _ = brought
    assert found_in(answers(package), personal(case)) == []


def test_the_search_finds_each_form(brought):
    case, _, _ = brought
    text = max(personal(case), key=len)
    for hidden in (text.upper(), text.encode().hex(), base64.b64encode(b"xy" + text.encode()).decode(), f"<{text}>"):
        assert found_in({"a": f"before {hidden} after"}, [text]), hidden


@pytest.mark.slow
def test_nothing_of_a_person_is_in_a_whole_report(tmp_path):
    case = cases.platform_case("helios")
    package = tmp_path / "package"
    key, _ = cases.case_key(tmp_path, package)
    cases.import_all(case, package, key)
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        assert cli.main(["report", str(package), "--out", str(tmp_path / "report"), "--quiet"]) == 0
    output = {"standard output": out.getvalue(), "standard error": err.getvalue()}
    output |= {path.name: _text(path.read_bytes()) for path in (tmp_path / "report").rglob("*") if path.is_file()}
    assert "findings.json" in output
    assert found_in(output, personal(case)) == []
