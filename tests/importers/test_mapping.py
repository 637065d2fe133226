import re
import tomllib
from typing import get_args

import pytest
from imports import VOTES, mapping

from analysis_lib.errors import ParameterError
from analysis_lib.importers import mapping as module
from analysis_lib.importers.mapping import MAPPINGS, find_mapping, platforms, read_mapping
from analysis_lib.schema import load_schema


def test_every_mapping_that_ships_is_sound():
    assert "helios" in platforms()
    for name, path in platforms().items():
        platform = read_mapping(path)
        assert platform.platform == name
        assert platform.traps, f"{name}: say what a reader must know"
        assert platform.about


def test_the_template_is_a_mapping_and_no_platform():
    assert read_mapping(MAPPINGS / "template.toml").platform == "my_platform"
    assert "template" not in platforms()


def test_what_the_readme_shows_is_a_mapping(tmp_path):
    text = (MAPPINGS / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"```toml\n(.*?)```", text, re.DOTALL)[1]
    assert mapping(tmp_path, shown).files[0].name == "voters"


def test_the_readme_names_every_key_that_may_be_written():
    text = (MAPPINGS / "README.md").read_text(encoding="utf-8")
    for model in (
        module.Cell,
        module.Condition,
        module.Rows,
        module.File,
        module.RollOf,
        module.Join,
        module.PairedClocks,
        module.Clock,
    ):
        for name, field in model.model_fields.items():
            said = field.alias or name
            if said == "literal":  # a bare text
                continue
            assert re.search(rf"\b{said}\b", text), f"{model.__name__}.{said}"


@pytest.mark.parametrize("name", ["kind", "completeness", "row_order"])
def test_what_a_file_says_of_its_source_is_a_value_of_the_schema(name):
    field = next(field for field in load_schema("sources").fields if field.name == name)
    said = set(get_args(module.File.model_fields[name].annotation)) - {""}
    assert said <= set(field.categories)
    assert name == "kind" or said == set(field.categories)  # some kinds of source are never a platform's


def test_a_platform_is_found_by_name_or_by_its_file(tmp_path):
    assert find_mapping("helios").platform == "helios"
    with pytest.raises(ParameterError, match=r'The platform helio isn\'t known.*Is "helios" meant\?'):
        find_mapping("helio")
    with pytest.raises(ParameterError, match=r"the mapping can't be read"):
        find_mapping(str(tmp_path / "none.toml"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('table = "ballot_events"', 'table = "ballots"', "there is no table ballots"),
        ("columns.channel", "columns.chanel", 'ballot_events has no column chanel. Is "channel" meant?'),
        ('clock = "server"', 'clock = "sever"', 'there is no clock sever. Is "server" meant?'),
        (', clock = "server"', "", "time and clock stand together"),
        ('key = "member"', 'key = "person"', "Input should be 'member'"),
        (', key = "member"', "", "the column Member is personal"),
        ('id = ["Member", "When"]', "", "ballot_events needs the column event_id: map it, or name in id"),
        ('columns.channel = "online"', "", "ballot_events needs the column channel"),
        ('zone = "Europe/London"', 'zone = "London"', "'London' isn't an IANA time zone"),
        ('platform = "club"', 'platform = "The Club"', "String should match pattern"),
        ("when.When = { filled = true }", 'when.When = { matches = "(" }', "isn't a regular expression"),
        ("when.When = { filled = true }", "when.When = { full = true }", "Extra inputs are not permitted"),
        ('from = "What",', 'from = "What", value = "contest",', "exactly one of: a text, from, join, value"),
        ('title = "list of votes"', "", "title: Field required"),
        ('title = "list of votes"', 'title = "list of votes"\n    row_order = "by_date"', "row_order: Input should be 'by_time'"),
        ('columns.channel = "online"', 'columns.channel = { from = "What", per_file = true }', "per_file needs key"),
        ('platform = "club"', 'platform = "club', "this isn't TOML"),
    ],
)
def test_every_mistake_is_named_with_its_place(tmp_path, old, new, message):
    text = VOTES.replace(old, new)
    assert text != VOTES
    if message == "the column Member is personal":
        text = text.replace('name = ["Full name"]', 'name = ["Full name"], member = ["Member"]')
    with pytest.raises(ParameterError, match=re.escape(message)) as caught:
        mapping(tmp_path, text)
    assert "club.toml" in str(caught.value)


def test_a_column_keyed_once_cannot_come_in_as_it_stands_elsewhere(tmp_path):
    text = VOTES.replace('columns.channel = "online"', 'columns.channel = "online"\n    columns.batch_id = { from = "Member" }')
    with pytest.raises(ParameterError, match=r"batch_id: the column Member is personal"):
        mapping(tmp_path, text)


@pytest.mark.parametrize("how", ["number = true", "part = '(.)'", 'time = "iso", clock = "server"'])
def test_a_change_that_leaves_the_text_readable_hides_nothing(tmp_path, how):
    text = VOTES.replace(
        'columns.channel = "online"', f'columns.channel = "online"\n    columns.seq = {{ from = "Member", {how} }}'
    )
    with pytest.raises(ParameterError, match=r"seq: the column Member is personal"):
        mapping(tmp_path, text)


def test_a_part_needs_one_bracket(tmp_path):
    text = VOTES.replace('from = "What",', "from = \"What\", part = '^x',")
    with pytest.raises(ParameterError, match=r"part needs one pair of brackets"):
        mapping(tmp_path, text)


def test_two_files_of_one_name_and_a_join_with_none_are_refused(tmp_path):
    twice = VOTES + '\n    [[files]]\n    name = "votes"\n    title = "again"\n'
    with pytest.raises(ParameterError, match=r"two files are called votes"):
        mapping(tmp_path, twice)
    text = VOTES.replace(
        'needs = ["Member", "When"]', 'needs = ["Member"]\n    join = [{ file = "x", here = "a", there = "b", take = {} }]'
    )
    with pytest.raises(ParameterError, match=r"there is no file x to join"):
        mapping(tmp_path, text)


def test_a_file_knows_its_columns_and_their_other_names(tmp_path):
    text = VOTES.replace('needs = ["Member", "When"]', 'needs = ["Member", "When"]\n    aliases = { When = ["Time"] }')
    file = mapping(tmp_path, text).files[0]
    assert file.recognises({"Member", "Time", "x"})
    assert not file.recognises({"Member", "x"})
    assert file.named == {"Member", "When", "What", "Full name", "Remarks"}


def test_mappings_hold_no_personal_data():
    for path in MAPPINGS.glob("*.toml"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"[\w.-]+@[\w-]+\.\w+|\b[0-9]{1,3}(\.[0-9]{1,3}){3}\b", text), path.name
        tomllib.loads(text)


@pytest.mark.parametrize("column", ["voter_key", "ip_key", "credential_id", "ballot_id"])
def test_a_key_is_never_taken_as_it_stands(tmp_path, column):
    text = VOTES.replace('columns.voter_key = { from = "Member", key = "member" }', f'columns.{column} = {{ from = "Remarks" }}')
    with pytest.raises(ParameterError, match=rf"{column}: it stands for a person or a ballot and takes no text as it stands"):
        mapping(tmp_path, text)
