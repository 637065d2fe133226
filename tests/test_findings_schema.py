"""What the library puts out keeps to data_schema/findings.schema.json for every shipped example; the schema refuses the rest."""

import copy
import json

import jsonschema
import pytest
from cases import QUICK
from findings import SCHEMA, document, everything

from analysis_lib import wording
from analysis_lib.case import open_case
from analysis_lib.locations import EXAMPLES
from analysis_lib.methods.registry import REGISTRY
from analysis_lib.results import Verdict

VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    plan = tmp_path_factory.mktemp("plan") / "plan.toml"
    plan.write_text(QUICK, encoding="utf-8")
    cases = {path.name: open_case(path.name, plan=str(plan)) for path in sorted(EXAMPLES.iterdir()) if path.is_dir()}
    return {
        name: json.loads(json.dumps(document(case, everything(case, shown=False)), allow_nan=False))
        for name, case in cases.items()
    }


def broken(found):
    """Places that break the schema, such as $.findings[3].pvalue; a missing key is told of the place above it."""
    return {error.json_path for error in VALIDATOR.iter_errors(found)}


def first(found, verdict):
    """Place of the first finding with this verdict, and the finding."""
    return next((i, entry) for i, entry in enumerate(found["findings"]) if entry["verdict"] == verdict)


def test_the_schema_is_a_good_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_every_example_keeps_to_it(documents):
    assert len(documents) >= 4
    for name, found in documents.items():
        assert [(error.json_path, error.message) for error in VALIDATOR.iter_errors(found)] == [], name
        assert {entry["question"] for entry in found["findings"]} == set(REGISTRY)


def test_every_entry_has_every_key_of_the_schema_and_no_other(documents):
    keys = set(SCHEMA["$defs"]["finding"]["properties"])
    for found in documents.values():
        for entry in found["findings"]:
            assert set(entry) == keys


def test_the_verdicts_of_the_library_are_those_of_the_schema():
    assert SCHEMA["$defs"]["finding"]["properties"]["verdict"]["enum"] == [str(verdict) for verdict in Verdict]
    assert set(wording.VERDICTS) == set(Verdict)


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("verdict", "guilty"),
        ("grade", "suspicion"),
        ("pvalue", 1.5),
        ("pvalue", None),
        ("null_hypothesis", None),
        ("question", "Two words"),
        ("sentence", ""),
        ("grade", "breach"),
        ("innocent_explanations", []),
        ("chapter", "timing"),
        ("n_observations", -1),
        ("planned", "yes"),
        ("effect", {"name": "x"}),
        ("family_size", 1.5),
    ],
)
def test_the_schema_refuses(documents, change, value):
    found = copy.deepcopy(documents["made_up_vale"])
    place, entry = first(found, "within_baseline")
    assert entry[change] != value
    entry[change] = value
    assert broken(found) == {f"$.findings[{place}].{change}"}


def test_an_answer_that_cannot_be_given_must_say_what_would_give_it(documents):
    found = copy.deepcopy(documents["ilford_south_2022"])
    place, entry = first(found, "cannot_be_answered")
    entry["needs"] = []
    assert broken(found) == {f"$.findings[{place}].needs"}


@pytest.mark.parametrize("key", ["package", "plan_sha256", "findings"])
def test_the_head_must_be_there(documents, key):
    found = copy.deepcopy(documents["ciudadanos_cyl_2019"])
    del found[key]
    assert broken(found) == {"$"}
