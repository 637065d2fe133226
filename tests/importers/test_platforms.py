"""Each platform's exports: imported without a hand's touch, they give the findings of the same events written by hand."""

import json
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import platform_cases as cases
import pytest

from analysis_lib.case import open_case
from analysis_lib.errors import ParameterError
from analysis_lib.importers.importing import Options, import_files
from analysis_lib.importers.mapping import MAPPINGS, find_mapping, platforms
from analysis_lib.methods import record_order
from analysis_lib.package import open_package
from analysis_lib.schema import TABLES

BY_PLACE = ("list_order", "record_order")  # they ask of a row's place in its file, which a table written by hand doesn't have
ROW_ORDERS = {  # of each platform's exports, where its documentation or its program tells; of all others nothing is said
    "belenios": {
        "Qk7vWp3nTz.bel": "by_time", "records.json": "by_name", "records-Qk7vWp3nTz.txt": "by_name", "sealing.log": "by_time",
    },
    "blt": {"records.json": "by_name"},  # of Belenios
    "civs": {"ballots.csv": "shuffled", "vote_log": "by_time"},
    "limesurvey": {"auditlog.csv": "by_time"},
    "securepoll": {"securepoll_log.csv": "by_time", "securepoll_strike.csv": "by_time"},
}  # fmt: skip
ANSWER_NOTHING: set[str] = set()  # platforms whose files answer no question by themselves


@pytest.fixture(scope="module", params=cases.CASES)
def imported(request, tmp_path_factory):
    """One platform's case, imported once for all tests, and the same by hand."""
    case = cases.platform_case(request.param)
    folder = tmp_path_factory.mktemp(request.param)
    package = folder / "package"
    path, key = cases.case_key(folder, package)
    statuses = cases.import_all(case, package, path)
    return case, package, cases.write_direct(case, folder / "direct", key), path, statuses


def test_an_import_needs_no_edit_by_hand(imported):
    _, package, _, _, statuses = imported
    assert set(statuses) == {0}
    errors = open_package(package).faults.filter(severity="error")
    assert errors.rows(named=True) == []


def test_the_direct_package_has_no_error_either(imported):
    assert open_package(imported[2]).faults.filter(severity="error").rows(named=True) == []


def test_the_findings_are_those_of_the_same_events_written_by_hand(imported):
    _, package, direct, _, _ = imported
    ours, theirs = ([each for each in cases.findings(held) if each["question"] not in BY_PLACE] for held in (package, direct))
    assert [(each["question"], each["form"], each["verdict"]) for each in ours] == [
        (each["question"], each["form"], each["verdict"]) for each in theirs
    ]
    for one, other in zip(ours, theirs, strict=True):
        assert one == other, one["question"]


def test_something_is_answered(imported):
    """Else two empty packages would be equal, too."""
    case, package, _, _, _ = imported
    verdicts = [each["verdict"] for each in cases.findings(package)]
    assert any(verdict != "cannot_be_answered" for verdict in verdicts) == (case.folder.name not in ANSWER_NOTHING)


def test_the_tables_hold_the_same_events(imported):
    """More than the findings see: the rows of every table, but for their ids, clocks and sources."""
    _, package, direct, _, _ = imported
    ours, theirs = open_package(package).tables, open_package(direct).tables
    for table in set(TABLES) - {"sources", "clocks", "repairs", "contests"}:
        one, other = (_rows(held[table]) for held in (ours, theirs))
        assert one == other, table


def _rows(frame):
    names = [name for name in frame.columns if name not in cases.WITHOUT | {"at_raw"}]
    return sorted(json.dumps(row, default=str, sort_keys=True) for row in frame.select(names).rows(named=True))


def test_the_order_of_the_rows_is_noted_where_it_is_known(imported):
    case, package, _, _, _ = imported
    sources = dict(open_package(package).tables["sources"].select("sha256", "row_order").iter_rows())
    noted = {path.name: sources[sha256(path.read_bytes()).hexdigest()] for path in case.exports}
    assert {name: order for name, order in noted.items() if order} == ROW_ORDERS.get(case.folder.name, {})


def test_the_same_files_again_change_no_byte(imported):
    case, package, _, path, _ = imported
    before = cases.package_bytes(package)
    assert set(cases.import_all(case, package, path)) == {0}
    assert cases.package_bytes(package) == before


def test_no_person_stands_in_what_is_written(imported):
    case, package, _, _, _ = imported
    written = {name: data.decode("utf-8").casefold() for name, data in cases.package_bytes(package).items()}
    texts = list(cases.personal_texts(case))
    assert len(texts) > 10
    for text in texts:
        for name, data in written.items():
            assert text.casefold() not in data, f"{text} stands in {name}"


def test_the_search_for_people_finds_one(imported, tmp_path):
    case = imported[0]
    with pytest.raises(AssertionError, match="isn't in the exports"):
        list(cases.personal_texts(replace(case, personal=("Nobody Of This Name",))))


def test_the_clocks_are_as_written_by_hand(imported):
    _, package, direct, _, _ = imported
    names = ("applies_to", "tz_used", "tz_basis", "resolution", "rounding", "write_semantics", "dst_policy")
    one, other = (sorted(open_package(each).tables["clocks"].select(names).rows(), key=str) for each in (package, direct))
    assert one == other


def test_one_ballot_less_by_hand_is_noticed(imported, tmp_path):
    """Else the comparisons could never fail."""
    case, package, direct, _, _ = imported
    other = shutil.copytree(direct, tmp_path / "other")
    table = "ballot_events" if ",cast," in (other / "data/ballot_events.csv").read_text(encoding="utf-8") else "ballot_choices"
    path = other / f"data/{table}.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines.remove(next(line for line in lines[1:] if table == "ballot_choices" or ",cast," in line))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert _rows(open_package(package).tables[table]) != _rows(open_package(other).tables[table])
    assert (cases.findings(package) == cases.findings(other)) == (case.folder.name in ANSWER_NOTHING)


@pytest.mark.parametrize("name", sorted(platforms()))
def test_every_shipped_mapping_says_its_traps_and_clocks(name):
    mapping = find_mapping(name)
    assert mapping.platform == name
    assert len(mapping.traps) >= 2
    assert all(trap.endswith(".") for trap in mapping.traps)
    assert mapping.about
    assert (MAPPINGS / f"{name}.toml").is_file()


@pytest.fixture
def run(tmp_path):
    """Import files into one package; give its tables."""
    package = tmp_path / "package"
    path, key = cases.case_key(tmp_path, package)

    def import_(platform, *files, **options):
        chosen = Options(timezone="Europe/London", case_key=str(path), **options)
        done = import_files(platform, files, package, "vale_2031", chosen)
        return done, open_package(package).tables

    import_.package, import_.key = package, key
    return import_


@pytest.mark.parametrize("size", [0, 12])
def test_lines_put_into_a_log_without_numbers_are_seen_by_their_place(run, tmp_path, size):
    """Sixty votes five minutes apart; twelve written down in one go after the fortieth bear times of the morning."""
    minutes = [*range(0, 200, 5), *range(1, 1 + 2 * size, 2), *range(200, 300, 5)]
    head = "192.0.2.13 Election: Vale selection 2031 (E_5c1d9ab07f) : Recorded vote from voter key"
    start = datetime(2031, 10, 13, 9, tzinfo=UTC)  # written without its zone, as the server does
    lines = [f"{start + timedelta(minutes=m):%a %b %d %H:%M:%S %Y} {head} {i:010x}\n" for i, m in enumerate(minutes)]
    run("civs", put(tmp_path, "vote_log", "".join(lines)), server_zone="Europe/London")
    found, _ = record_order.answer(open_case(run.package))
    assert (found.n_observations, found.statistic) == (60 + size, size)
    assert (found.pvalue <= 0.001) == (size > 0)


LIME = cases.EXPORTS / "limesurvey"
TAKEN = {"taken_at": "2031-10-28T09:00:00Z", "server_zone": "Europe/London"}


def put(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_an_anonymous_limesurvey_gives_ballots_without_times_and_no_answer(run, tmp_path):
    file = put(
        tmp_path, "answers.csv",
        "id,submitdate,lastpage,startlanguage,seed,482913X17X201\n"
        "1,1980-01-01 00:00:00,2,en,5,Rosa Quill\n2,1980-01-01 00:00:00,2,en,6,Theo Vane\n3,,1,en,7,\n",
    )  # fmt: skip
    done, tables = run("limesurvey", file, server_zone="Europe/London")
    assert done.files[0].n_left_out == {"never submitted": 1}
    ballots = tables["ballot_events"]
    assert ballots["link_level"].to_list() == ["ballot_only"] * 2
    assert ballots.select("at", "voter_key", "seq").null_count().row(0) == (2, 2, 2)
    assert tables["clocks"].filter(write_semantics="placeholder").height == 1
    assert not any(b"Rosa" in data or b"Quill" in data for data in cases.package_bytes(run.package).values())


def test_limesurveys_own_headings_give_the_same_rows(run, tmp_path):
    """The download of the participant table calls two columns otherwise and adds the attributes' names."""
    tokens, responses = ((LIME / f"{name}.csv").read_text(encoding="utf-8") for name in ("tokens", "responses"))
    _, first = run("limesurvey", LIME / "tokens.csv", LIME / "responses.csv", **TAKEN)
    tokens = tokens.replace("sent,remindersent", "invited,reminded", 1).replace("attribute_1", " attribute_1 <Branch>", 1)
    heading = "Response ID,Access code,Date submitted,Last page,Start language,Seed,Date started,Date last action,IP address,Referrer URL,Who?,And?"
    files = put(tmp_path, "a.csv", tokens), put(tmp_path, "b.csv", "\n".join([heading, *responses.splitlines()[1:]]) + "\n")
    other = tmp_path / "other"
    done = import_files(
        "limesurvey", files, other, "vale_2031", Options(timezone="Europe/London", case_key=str(tmp_path / "case.key"), **TAKEN)
    )
    assert done.faults["remedy"].to_list() == ["They are read without those spaces; nothing need be done."]
    second = open_package(other).tables
    for table in ("roll", "ballot_events", "credential_events"):
        assert _rows(first[table]) == _rows(second[table]), table


def test_limesurveys_times_of_voting_can_be_had_from_the_participant_table(run):
    _, tables = run("limesurvey", LIME / "tokens.csv", server_zone="Europe/London", kind_of_file="completed")
    ballots = tables["ballot_events"]
    assert ballots.height == 8
    assert set(tables["clocks"]["write_semantics"]) == {"last_overwrite"}
    assert set(tables["clocks"]["resolution"]) == {"min"}
    assert tables["roll"].height == 0


def test_limesurvey_asks_for_the_servers_zone(run):
    with pytest.raises(ParameterError, match=r"tokens\.csv, column sent: the times show no zone.*--server-zone"):
        run("limesurvey", LIME / "tokens.csv", taken_at="2031-10-28T09:00:00Z")


def test_a_log_of_two_surveys_asks_which(run):
    with pytest.raises(ParameterError, match=r"auditlog\.csv: the column entity holds 2 ballots: .*482913.*555555.*--rows-of"):
        run("limesurvey", LIME / "auditlog.csv", server_zone="UTC")


def test_a_survey_with_a_new_code_keeps_the_vote_of_the_old_one_apart(run, tmp_path):
    text = (LIME / "responses.csv").read_text(encoding="utf-8").replace("Zk7uYe4sGh26Ba1", "w3RfTn5bVc70Jd9")
    done, tables = run("limesurvey", LIME / "tokens.csv", put(tmp_path, "responses.csv", text), **TAKEN)
    assert done.faults["rule"].to_list() == ["no_partner"]
    old = tables["ballot_events"].filter(link_level="credential_linked")
    assert old["credential_id"].to_list() == [run.key.key("credential", "w3RfTn5bVc70Jd9")]
    assert old["voter_key"].null_count() == 1


LOG_HEAD = "id,created,uid,entity,entityid,action,fields,oldvalues,newvalues\n"


def test_values_in_json_are_read_as_what_they_mean(run, tmp_path):
    """PHP writes other letters and slashes with a backslash: the key must be that of the plain address."""
    row = '1,2031-10-13 09:30:00,4,token_9,1104,update,email,"{""email"":""jo@members.example""}","{""email"":""jo\\u00eb\\/x@members.example""}"\n'
    done, tables = run("limesurvey", put(tmp_path, "log.csv", LOG_HEAD + row), server_zone="UTC")
    assert done.faults.height == 0
    change = tables["contact_changes"].row(0, named=True)
    assert change["new_key"] == run.key.key("email", "jo\u00eb/x@members.example")
    assert change["old_key"] == run.key.key("email", "jo@members.example")
    assert not change["old_missing"]


def test_json_that_was_cut_off_is_said_and_never_shown(run, tmp_path):
    row = '1,2031-10-13 09:30:00,4,token_9,1104,update,email,"{""email"":""jo@memb","{""email"":""joe@members.example""}"\n'
    done, tables = run("limesurvey", put(tmp_path, "log.csv", LOG_HEAD + row), server_zone="UTC")
    fault = done.faults.row(0, named=True)
    assert (fault["rule"], fault["column"], fault["row"]) == ("json_cell", "oldvalues", 2)
    assert "jo@" not in str(done.faults.rows())
    assert tables["contact_changes"]["old_key"].null_count() == 1


OWN = """
platform = "own"
title = "Own"
[[files]]
name = "answers"
title = "answers"
needs = ["id", "482913X17X201"]
unused_pattern = "."
"""
BALLOTS = """
[[files.rows]]
table = "ballot_events"
id = ["id"]
columns.ballot_id = { from = "id", key = "ballot" }
columns.event = "counted"
columns.channel = "online"
columns.link_level = "ballot_only"
"""
CHOICES = """
[[files.rows]]
table = "ballot_choices"
columns.ballot_id = { from = "id", key = "ballot" }
columns.rank = "1"
columns.candidate_id = { from = "482913X17X201" }
"""


def test_choices_bear_no_row_of_their_file_so_its_order_ties_them_to_nobody(run, tmp_path):
    run("limesurvey", LIME / "tokens.csv", LIME / "responses.csv", **TAKEN)
    _, tables = run(str(put(tmp_path, "own.toml", OWN + CHOICES)), LIME / "responses.csv")
    choices = tables["ballot_choices"]
    assert choices.height > 0
    assert choices["source_row"].null_count() == choices.height
    assert choices["ballot_id"].is_sorted()  # by a keyed hash, which is no order of the file


@pytest.mark.parametrize("choices_first", [False, True])
def test_one_record_never_gives_a_voter_and_a_ballot_under_two_mappings(run, tmp_path, choices_first):
    own = str(put(tmp_path, "own.toml", OWN + BALLOTS))
    steps = [
        lambda: run("limesurvey", LIME / "tokens.csv", LIME / "responses.csv", **TAKEN),
        lambda: run(own, LIME / "responses.csv"),
    ]
    first, second = reversed(steps) if choices_first else steps
    first()
    before = cases.package_bytes(run.package)
    with pytest.raises(ParameterError, match=r"Nothing was written\. Source \S+, row \d+: one record of this file"):
        second()
    assert cases.package_bytes(run.package) == before


def test_securepolls_strikes_need_the_votes(run):
    with pytest.raises(ParameterError, match="only together with the file votes"):
        run("securepoll", cases.EXPORTS / "securepoll/securepoll_strike.csv")


def test_purged_addresses_leave_an_empty_column(run, tmp_path):
    lines = (cases.EXPORTS / "securepoll/securepoll_votes.csv").read_text(encoding="utf-8").splitlines()
    purged = [line if line.startswith("vote_id") else re.sub(r'",[^,]+,', '",,', line, count=1) for line in lines]
    _, tables = run("securepoll", put(tmp_path, "votes.csv", "\n".join(purged) + "\n"), rows_of="77")
    assert tables["ballot_events"]["ip_key"].null_count() == tables["ballot_events"].height


def test_an_action_that_sequent_has_since_invented_is_said(run, tmp_path):
    text = (cases.EXPORTS / "sequent/activity_page_1.json").read_text(encoding="utf-8").replace("user:register", "user:merge")
    done, _ = run("sequent", put(tmp_path, "page.json", text))
    assert done.faults["rule"].to_list() == ["no_rule"]
    assert done.files[0].n_left_out == {"that no rule fits": 1}
