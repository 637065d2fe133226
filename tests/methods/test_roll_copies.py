"""Sums between two copies of a roll where members moved from one branch to another."""

import pytest
from cases import tiny
from roll_copy_rows import change, copy, gaps, roll


@pytest.mark.parametrize("halves", [("transferred_out", "transferred_in"), ("transferred_in",), ("transferred_out",)])
@pytest.mark.parametrize(("extra", "gap"), [((), 0), (("x1",), 1)])
def test_a_member_who_moved_to_another_branch_is_counted_once_however_it_was_entered(tmp_path, halves, extra, gap):
    north, south = [f"n{i}" for i in range(12)], [f"s{i}" for i in range(12)]
    case = tiny(
        tmp_path,
        roll_snapshots=[copy("L1"), copy("L2", 3, "platform_upload")],
        roll=roll("L1", *north, unit="North") + roll("L1", *south, unit="South") + roll("L2", *north[1:], unit="North")
        + roll("L2", "n0", *south, *extra, unit="South"),
        roll_changes=[change("n0", what, 1) for what in halves],
    )  # fmt: skip
    found = {unit: gap for (check, _, unit), gap in gaps(case).items() if check == "R02"}
    assert found == ({"": gap, "South": gap} if gap else {"": 0})


def test_a_transfer_to_or_from_another_body_still_counts(tmp_path):
    for name, halves, after, gap in (
        ("a", [("d", "transferred_in"), ("a", "transferred_out")], "bcd", 0),
        ("b", [("d", "transferred_in")], "abc", 1),
        ("c", [("a", "transferred_out")], "bcd", 1),
        ("d", [("d", "transferred_in"), ("d", "transferred_out")], "abcd", 1),
    ):
        case = tiny(
            tmp_path / name, roll_snapshots=[copy("L1"), copy("L2", 3, "platform_upload")],
            roll=roll("L1", *"abc") + roll("L2", *after), roll_changes=[change(key, what, 1 + i / 10) for i, (key, what) in enumerate(halves)],
        )  # fmt: skip
        assert max(gaps(case).values()) == gap, name
