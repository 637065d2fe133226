"""What members and candidates reported, in counts: small ones are not shown, keys never, and nothing where nothing is held."""

import re

import pytest
from cases import BANNED, tiny, utc

from analysis_lib import exhibits
from analysis_lib.exhibits.shown import few, parts
from analysis_lib.exhibits.summaries import summaries

AT = utc("2031-10-20 11:00")


def told(case):
    return "\n".join(repr(item) for item in summaries(case))


def complaints(n, **cells):
    return [{"category": "no_credential", "outcome": "open", "voter_key": f"v{i}"} | cells for i in range(n)]


@pytest.mark.parametrize(("n", "shown"), [(0, 0), (1, "fewer than 10"), (9, "fewer than 10"), (10, 10), (450, 450)])
def test_a_small_count_is_not_shown(tmp_path, n, shown):
    assert few(n, tiny(tmp_path)) == shown


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ([], []),
        ([40, 30], [40, 30]),
        ([598, 2], ["not shown", "fewer than 10"]),  # of 600 the 598 would tell the 2
        ([500, 90, 2, 8], [500, 90, "fewer than 10", "fewer than 10"]),
        ([500, 90, 2, 3], [500, "not shown", "fewer than 10", "fewer than 10"]),  # less than ten in all are as good as one
        ([3, 0], ["fewer than 10", 0]),
    ],
)
def test_a_part_is_not_what_the_others_leave_of_the_whole(tmp_path, numbers, shown):
    assert parts(numbers, tiny(tmp_path)) == shown


def test_complaints_by_what_they_are_about_and_what_became_of_them(tmp_path):
    rows = (
        complaints(12)
        + complaints(3, outcome="upheld")
        + complaints(11, category="turned_away", channel="in_person", complainant_role="agent")
    )
    shown = told(tiny(tmp_path, complaints=rows))
    assert "no credential | open | 12 | 12 | 0" in shown
    assert "no credential | upheld | fewer than 10 | fewer than 10 | 0" in shown
    assert "in person | agent | 11" in shown
    assert "not stated | not stated | 15" in shown
    assert "| 3 |" not in shown


def test_confirmations_by_sampling_and_answer(tmp_path):
    asked = [
        {
            "voter_key": f"v{i}", "mode": "phone", "sampling": "random", "contact_outcome": "reached", "contacted_at": AT,
            "says_voted": "yes_self" if i % 6 else "someone_else_voted",
        }
        for i in range(24)
    ]  # fmt: skip
    shown = told(tiny(tmp_path, confirmations=asked))
    assert "random | phone | not stated | reached | 24 | 24" in shown
    assert "asked from 2031-10-20 to 2031-10-20" in shown
    assert "says voted | random | yes self | 20" in shown
    assert "says voted | random | someone else voted | fewer than 10" in shown


def test_checks_of_the_roll_applications_destinations_and_batches(tmp_path):
    copy = {"snapshot_id": "L1", "taken_at": AT, "purpose": "freeze"}
    case = tiny(
        tmp_path,
        roll_snapshots=[copy],
        roll=[{"snapshot_id": "L1", "voter_key": f"v{i}", "eligible": True} for i in range(12)],
        roll_checks=[
            {"snapshot_id": "L1", "voter_key": f"v{i}", "check": "post_returned", "result": "mismatch", "checked_at": AT} for i in range(12)
        ],
        vote_applications=[
            {"voter_key": f"v{i}", "channel_requested": "postal", "submitted_via": "web_form", "decision": "granted", "ip_key": "a" * 32}
            for i in range(12)
        ],
        credential_events=[{"voter_key": f"v{i}", "event": "issued", "destination_kind": "sms"} for i in range(12)],
        ballot_choices=[{"ballot_id": f"b{i}", "rank": 1, "channel": "postal", "batch_id": "box 3"} for i in range(12)],
    )  # fmt: skip
    shown = told(case)
    assert "post returned | mismatch | 2031 | 12" in shown
    assert "postal | web form | granted | 12 | 0 | fewer than 10 | 0" in shown
    assert "issued | sms | 12 | 0" in shown
    assert "postal | box 3 | 12" in shown


def test_lists_that_candidates_got(tmp_path):
    case = tiny(
        tmp_path,
        candidates=[{"candidate_id": who, "display_name": f"Candidate {who}"} for who in "AB"],
        roll_snapshots=[
            {"snapshot_id": f"G{who}", "taken_at": AT, "purpose": "given_to_candidate", "recipient_role": "candidate_team", "candidate_id": who, "row_count": n}
            for who, n in (("A", 512), ("B", 441))
        ],
    )  # fmt: skip
    shown = told(case)
    assert "GA | 2031-10-20 12:00:00 BST | candidate_team | Candidate A | 512" in shown
    assert "Candidate B | 441" in shown


def test_what_happened_around_the_contest(tmp_path):
    case = tiny(tmp_path, timeline=[{"kind": "outage", "starts_at": AT, "description": "The platform was down."}])
    assert "outage | 2031-10-20 12:00:00 BST | The platform was down." in told(case)


def test_custody_and_repairs_stand_with_the_sources(tmp_path):
    source = {"source_id": "S1", "sha256": "f" * 64, "bytes": 90210, "rows": 333, "platform": "helios"}
    mended = [{"source_id": "S1", "source_row": i, "column": "email", "repair": "trimmed"} for i in (2, 3, 3)]
    shown = "\n".join(repr(item) for item in exhibits.evidence(tiny(tmp_path, sources=[source], repairs=mended)))
    assert f"helios | 90,210 | 333 | {' '.join(['f' * 16] * 4)}" in shown
    assert "S1 | trimmed | 3 | 2 | email" in shown


def test_no_key_and_no_word_that_convicts(tmp_path):
    case = tiny(
        tmp_path, complaints=complaints(12), confirmations=[{"voter_key": "v77", "mode": "phone", "sampling": "volunteer"}]
    )
    shown = told(case)
    assert not re.search(r"v\d", shown)
    assert not re.search(BANNED, shown)


def test_nothing_held_shows_nothing(tmp_path):
    assert summaries(tiny(tmp_path)) == []
