"""Choices that stand beside a voter are refused, whatever their column is called and whichever mapping reads it."""

import pytest
from imports import ANN, BOB, HEAD, VOTES, bring, files, mapping_file, put

from analysis_lib.errors import ParameterError

CHOSEN = """
    platform = "other"
    title = "Choices"
    [[files]]
    name = "choices"
    title = "choices"
    needs = ["Member", "Choice"]
    [[files.rows]]
    table = "results"
    id = ["Member"]
    columns.candidate_id = { from = "Choice" }
    columns.round = "1"
    columns.channel = "online"
    columns.item = "candidate"
    columns.n = "1"
    columns.basis = "platform"
"""


def test_two_mappings_of_one_file_do_not_join_a_voter_with_a_choice_by_its_row(tmp_path):
    path = put(tmp_path, "v.csv", "Member,When,What,Choice\nA-1,08/03/2031 19:30:05,Voted,north\n")
    bring(mapping_file(tmp_path), path, into=tmp_path / "p")
    with pytest.raises(
        ParameterError, match="one record of this file would tell of a voter in one table and of a ballot or a choice"
    ):
        bring(mapping_file(tmp_path, CHOSEN), path, into=tmp_path / "p")


def test_a_list_of_candidates_shows_which_column_held_choices(tmp_path):
    text = VOTES.replace('columns.channel = "online"', 'columns.channel = "online"\n    columns.batch_id = { from = "Remarks" }')
    club = mapping_file(tmp_path, text.replace('unused = { Remarks = "free text" }', ""))
    bring(
        club, put(tmp_path, "v.csv", HEAD + ANN.replace("Lee,", "Lee,north") + BOB.replace("late", "south")), into=tmp_path / "p"
    )
    before = files(tmp_path / "p")
    named = mapping_file(tmp_path, CHOSEN.split("[[files.rows]]")[0].replace('["Member", "Choice"]', '["Choice"]') + """
    [[files.rows]]
    table = "candidates"
    columns.candidate_id = { from = "Choice" }
    columns.display_name = { from = "Choice" }
""")  # fmt: skip
    with pytest.raises(ParameterError, match=r'ballot_events, row 2: a voter \("voter_key"\) stands beside .* \("batch_id"\)'):
        bring(named, put(tmp_path, "c.csv", "Choice\nnorth\nsouth\n"), into=tmp_path / "p")
    assert files(tmp_path / "p") == before
