from datetime import UTC, datetime

import pytest
from imports import KEY, mapping

from analysis_lib.importers.formats import Part
from analysis_lib.importers.raw import Repair
from analysis_lib.importers.register import Options, Source, contest_row, description, repair_rows, source_row
from analysis_lib.importers.writing import Held


def source(folder):
    platform = mapping(folder)
    return platform, Source(folder / "v.csv", b"abc", [Part(platform.files[0], None)])


def test_a_source_is_named_by_its_fingerprint(tmp_path):
    platform, file = source(tmp_path)
    row = source_row(file, platform, Options(), Held({}), [])
    assert row["sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert row["source_id"] == "Sba7816bf"
    assert (row["bytes"], row["kind"], row["title"]) == ("3", "platform_export", "Club's own list: list of votes")
    assert row["obtained_at"] == datetime.now(UTC).date().isoformat()


def test_what_the_package_says_of_a_source_is_not_overwritten_by_a_default(tmp_path):
    platform, file = source(tmp_path)
    held = Held({}, tables={"sources": [{"source_id": "Sba7816bf", "obtained_at": "2031-03-12", "interest": "party"}]})
    row = source_row(file, platform, Options(interest="platform"), held, [])
    assert "obtained_at" not in {name for name, text in row.items() if text}
    assert row["interest"] == "platform"  # what was typed is compared, and a conflict is said


@pytest.mark.parametrize(
    ("orders", "held", "expected"),
    [
        (["by_time"], "", "by_time"),
        (["shuffled", "shuffled"], "", "shuffled"),
        (["by_time", "shuffled"], "", ""),
        (["by_time", ""], "", ""),
        ([""], "", ""),
        (["by_time"], "by_name", ""),  # whoever sorted the file and said so knows better
    ],
)
def test_the_order_of_the_rows_is_noted_where_every_part_has_the_same(tmp_path, orders, held, expected):
    platform, file = source(tmp_path)
    file.parts = [Part(platform.files[0].model_copy(update={"row_order": order}), None) for order in orders]
    package = Held({}, tables={"sources": [{"source_id": file.id, "row_order": held}]})
    assert source_row(file, platform, Options(), package, []).get("row_order", "") == expected


def test_made_up_files_are_called_so(tmp_path):
    platform, file = source(tmp_path)
    assert source_row(file, platform, Options(made_up=True), Held({}), [])["kind"] == "synthetic"
    assert description(tmp_path / "My case!", Options(made_up=True), "v", KEY)["sf:made_up"] is True


def test_the_description_gives_the_rules_and_a_mark_of_the_key(tmp_path):
    said = description(tmp_path / "My case!", Options(contest_name="Vale"), "v", KEY)
    assert (said["name"], said["title"]) == ("my_case_", "Vale")
    assert "plus tags and dots are kept" in said["sf:canonical"]["email"]
    assert len(said["sf:case_key_mark"]) == 32


def test_a_contest_that_is_there_gets_only_what_was_typed(tmp_path):
    held = Held({}, tables={"contests": [{"contest_id": "v"}]})
    assert contest_row("v", mapping(tmp_path), Options(organisation="X"), held, "S1") == (
        [{"contest_id": "v", "organisation": "X", "contest_name": ""}],
        [],
    )


def test_repairs_alike_have_ids_of_their_own_and_the_same_again(tmp_path):
    _, file = source(tmp_path)
    rows = repair_rows(file, [Repair(2, "When", "trimmed"), Repair(2, "When", "trimmed"), Repair(3, "When", "trimmed")], KEY)
    assert len({row["repair_id"] for row in rows}) == 3
    assert rows == repair_rows(
        file, [Repair(2, "When", "trimmed"), Repair(2, "When", "trimmed"), Repair(3, "When", "trimmed")], KEY
    )
