"""Letters: exactly the missing columns, each to whoever keeps it, neutral, and the same every time."""

import re

import pytest
from cases import BANNED, tiny, utc

from analysis_lib import requests
from analysis_lib.case import open_case
from analysis_lib.errors import ParameterError
from analysis_lib.methods import holdings as holdings_module
from analysis_lib.methods.registry import REGISTRY, Question
from analysis_lib.plaintext import visible
from analysis_lib.requests import OURS, PARTY, PLATFORM, asked, letter, letters, member_letter, ours_to_gather, write_letters
from analysis_lib.results import Grade
from analysis_lib.schema import TABLES, load_schema


@pytest.fixture(scope="module")
def figures_only():
    """A contest of which only published figures are held."""
    return open_case("ilford_south_2022")


def one_line(text):
    return re.sub(r"\s+", " ", text)


def named(tables):
    return {column.name for table in tables for column in table.columns}


def question(noun, *needs, instead=""):
    return Question(
        noun=noun,
        chapter="00_evidence",
        grade=Grade.BREACH,
        question=f"Is it {noun}?",
        needs=needs,
        answer=lambda case: (),
        instead=instead,
    )


@pytest.fixture
def asking(monkeypatch):
    """Let the registry hold these questions and no others."""
    return lambda *questions: monkeypatch.setattr(holdings_module, "REGISTRY", {q.noun: q for q in questions})


def test_every_table_has_an_owner():
    assert set(requests.OWNERS) == set(TABLES)
    assert set(requests.OWNERS.values()) == {PARTY, PLATFORM, OURS}


def test_every_missing_column_is_asked_of_its_owner_and_no_other_is(figures_only):
    missing = {column for q in REGISTRY.values() for need in figures_only.missing(q.needs) for column in need.split("|")}
    by_owner = {owner: named(asked(figures_only, owner)) for owner in (PARTY, PLATFORM, OURS)}
    assert set.union(*by_owner.values()) == missing
    assert sum(map(len, by_owner.values())) == len(missing)
    assert {"roll.voter_key", "contest_windows.closes_at"} <= by_owner[PARTY]
    assert {"ballot_events.at", "credential_events.trigger"} <= by_owner[PLATFORM]
    assert set(ours_to_gather(figures_only)) == by_owner[OURS]


def test_each_item_says_what_it_is_why_in_what_form_and_for_which_question(figures_only):
    text = one_line(letter(figures_only, PLATFORM))
    field = next(field for field in load_schema("credential_events").fields if field.name == "trigger")
    for part in (
        f"{field.title} (credential_events.trigger)", f"What it is: {field.description}", f"Why we ask: {field.why_we_ask}",
        f"Needed for: {REGISTRY['reissue_to_ballot_delay'].question}", "Form: one of `bulk_issue`", f"Example: {field.example}",
        "One row for everything that happened to a voting code",
        "So that a row can be read, please give with it: As of (as_of), Way of voting (channel), Branch (unit).",
    ):  # fmt: skip
        assert part in text
    assert "Form: date and time with its offset from UTC" in text
    assert "Write it as ISO" not in text


def test_a_letter_has_blanks_a_way_to_hand_over_what_to_keep_and_no_allegation(figures_only):
    for owner, kept in ((PARTY, "change log of the membership database"), (PLATFORM, "web server logs")):
        text = one_line(letter(figures_only, owner))
        for part in (
            "Date: ____", "Answer asked for by: ____", "Our reference: ilford_south_2022 / ilford_south_2022", "10 October 2022",
            "HMAC-SHA256", "data_schema/README.md", '"selection-forensics import"', "-NOTRECORDED", "please keep all records",
            "It makes no allegation against anybody", kept,
        ):  # fmt: skip
            assert part in text
        assert not re.search(BANNED, text)


def test_what_would_help_is_said_to_whoever_is_asked(asking, tmp_path):
    asking(
        question("a", "ballot_events.at", instead="two screenshots"),
        question("b", "roll.voter_key", instead="two copies of the list"),
    )
    case = tiny(tmp_path)
    assert '- For "Is it a?" this would help in its place: two screenshots.' in one_line(letter(case, PLATFORM))
    assert "copies of the list." not in one_line(letter(case, PLATFORM))
    assert '- For "Is it b?" this would help in its place: two copies of the list.' in one_line(letter(case, PARTY))


def test_either_of_two_columns_is_told_as_such_with_who_keeps_the_other(asking, tmp_path):
    asking(question("a", "ballot_events.voter_key|roll.voted_flag"))
    case = tiny(tmp_path)
    assert "Or, in its place: roll.voted_flag (asked of the party)." in letter(case, PLATFORM)
    assert "Or, in its place: ballot_events.voter_key (asked of the platform)." in one_line(letter(case, PARTY))


def test_of_many_columns_that_help_each_is_asked_for_without_a_list_of_the_others(asking, tmp_path):
    asking(question("a", "ballot_events.voter_key|ballot_events.ballot_id|credential_events.event|admin_actions.action"))
    text = letter(tiny(tmp_path), PLATFORM)
    assert text.count("One of several that would do;") == 4
    assert "in its place" not in text


def test_a_column_that_one_question_cannot_do_without_has_nothing_in_its_place(asking, tmp_path):
    asking(question("a", "ballot_events.at|turnout_counts.voted_n"), question("b", "ballot_events.at"))
    (counts, ballots) = asked(tiny(tmp_path), PLATFORM)
    assert [other.name for other in counts.columns[0].others] == ["ballot_events.at"]
    assert ballots.columns[0].others == ()
    assert ballots.columns[0].questions == ("Is it a?", "Is it b?")


def test_of_a_table_that_is_held_only_the_missing_column_is_asked(asking, tmp_path):
    asking(question("a", "ballot_events.at", "ballot_events.batch_id"))
    case = tiny(tmp_path, ballot_events=[{"event": "cast", "channel": "online", "at": utc("2031-10-10 12:00")}])
    (table,) = asked(case, PLATFORM)
    assert [column.name for column in table.columns] == ["ballot_events.batch_id"]
    assert table.also == ()


def test_a_column_that_only_an_inquiry_can_gather_is_asked_of_nobody(asking, tmp_path):
    asking(question("a", "confirmations.says_voted"))
    case = tiny(tmp_path)
    assert ours_to_gather(case) == ("confirmations.says_voted",)
    assert not any("says_voted" in text for text in letters(case).values())


def test_where_nothing_is_missing_the_letter_says_so(asking, tmp_path):
    asking(question("a", "ballot_events.channel"))
    case = tiny(tmp_path, ballot_events=[{"event": "cast", "channel": "online"}])
    for owner in (PARTY, PLATFORM):
        text = one_line(letter(case, owner))
        assert f"Nothing is missing that {owner} would hold" in text
        assert "No request is needed." in text
        assert "Dear" not in text


def test_a_member_asks_for_their_own_data_and_never_for_a_choice(figures_only):
    text = one_line(member_letter(figures_only))
    for part in (
        "Article 15", "List of voters, as far as it is about me", "Changes of contact details", "Applications to vote",
        "What happened to voting codes", "What happened to ballots", "Done by", "When: When it was changed.",
        "I do not ask what I voted for", "kind dsar with completeness self_selected", "I make no allegation",
    ):  # fmt: skip
        assert part in text
    assert not re.search(BANNED, text)
    sources = {field.name: field.categories for field in load_schema("sources").fields}
    assert "dsar" in sources["kind"]
    assert "self_selected" in sources["completeness"]


@pytest.mark.parametrize("table", requests.MEMBER_COLUMNS)
def test_what_a_member_asks_for_stands_in_the_schema(table):
    assert set(requests.MEMBER_COLUMNS[table]) <= set(load_schema(table).names)


def test_a_letter_is_the_same_every_time_and_fits_a_page_across(figures_only):
    for text in [*letters(figures_only).values(), member_letter(figures_only)]:
        assert max(map(len, text.splitlines())) <= requests.WIDTH
        assert "\n\n\n" not in text.partition("NOTE FOR THE MEMBER")[0].rstrip()
        assert text.endswith("\n")
    assert letters(figures_only) == letters(open_case("ilford_south_2022"))


def test_a_name_cannot_turn_the_letter_round_or_add_lines_to_it(asking, tmp_path):
    asking(question("a", "ballot_events.at"))
    case = tiny(tmp_path, contest={"contest_name": "Vale {{ 7 * 7 }} <b>"})
    object.__setattr__(case.package, "name", "a\u202eb\n\nPAY ME")
    text = letter(case, PLATFORM)
    assert "Vale {{ 7 * 7 }} <b>" in one_line(text)
    assert visible(text) == text
    assert "\nPAY ME" not in text


def test_both_letters_are_written_unless_one_is_named(figures_only):
    assert list(letters(figures_only)) == ["party", "platform"]
    for to in ("party", "platform", "member"):
        assert list(letters(figures_only, to)) == [to]
    with pytest.raises(ParameterError, match=r"there is no recipient 'press'\. Expected one of party, platform, member"):
        letters(figures_only, "press")


def test_letters_go_to_files_of_their_own(tmp_path):
    out = tmp_path / "letters" / "vale.txt"
    assert [path.name for path in write_letters({"party": "a\n", "platform": "b\n"}, out)] == [
        "vale-party.txt",
        "vale-platform.txt",
    ]
    assert (out.parent / "vale-platform.txt").read_text(encoding="utf-8") == "b\n"
    assert write_letters({"member": "c\n"}, out) == (out,)


def test_a_letter_that_was_filled_in_is_not_written_over(tmp_path):
    (tmp_path / "vale-platform.txt").write_text("filled in")
    with pytest.raises(ParameterError, match=r"vale-platform\.txt: this file is there already, and is left as it is"):
        write_letters({"party": "a", "platform": "b"}, tmp_path / "vale.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["vale-platform.txt"]


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ParameterError, match="this can't be written"):
        write_letters({"party": "a"}, tmp_path / "file" / "letter.txt")
    with pytest.raises(ParameterError, match="--out is empty"):
        write_letters({"party": "a"}, " ")
