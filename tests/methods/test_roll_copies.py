"""Sums between two copies of a roll where members moved from one branch to another."""

import pytest
from cases import one, row, tiny
from roll_copy_rows import DAY, START, change, copy, gaps, roll

from analysis_lib.results import NotAnswerable, Verdict


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


NORTH, SOUTH = [f"n{i}" for i in range(12)], [f"s{i}" for i in range(12)]


def two_copies(folder, before, after, *changes, second="platform_upload", **tables):
    tables = {"roll_changes": [change("x", "added", 1), *changes]} | tables
    case = tiny(folder, roll_snapshots=[copy("L1"), copy("L2", 3, second)], roll=before + after, **tables)
    return one(case, "roll_reconciliation")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"North": NORTH, "South": SOUTH}, {"North West": [*NORTH, "x"], "South": SOUTH}),  # a branch got another name
        ({"North": NORTH, "South": SOUTH}, {"South": [*NORTH, *SOUTH, "x"]}),  # two were joined
        ({"North": NORTH, "South": SOUTH}, {"North": NORTH[3:], "South": [*NORTH[:3], *SOUTH, "x"]}),  # a boundary was moved
        ({None: [*NORTH, *SOUTH]}, {"North": NORTH, "South": [*SOUTH, "x"]}),  # the earlier list holds no branches
    ],
)
def test_branches_renamed_joined_or_bounded_anew_take_nobody_off_the_list(tmp_path, before, after):
    first, second = (
        [r for unit, keys in held.items() for r in roll(name, *keys, unit=unit)] for name, held in (("L1", before), ("L2", after))
    )
    assert two_copies(tmp_path / "a", first, second).verdict is Verdict.NO_BREACH
    missing = two_copies(tmp_path / "b", first, [r for r in second if r["voter_key"] != "s5"])
    assert missing.verdict is Verdict.BREACH_RECORDED


@pytest.mark.parametrize(
    ("changes", "after"),
    [
        ([change("a", "removed", 1, reason="deceased"), change("a", "removed", 2, reason="duplicate")], "bcx"),  # twice off
        ([change("x", "added", 2)], "abcx"),  # an import that ran twice
        ([change("q", "removed", 1)], "abcx"),  # never on the list
        ([change("b", "reinstated", 1)], "abcx"),  # never off it
    ],
)
def test_a_member_comes_and_goes_once_however_often_the_log_says_so(tmp_path, changes, after):
    assert two_copies(tmp_path / "a", roll("L1", *"abc"), roll("L2", *after), *changes).verdict is Verdict.NO_BREACH
    assert two_copies(tmp_path / "b", roll("L1", *"abc"), roll("L2", *after, "z"), *changes).verdict is Verdict.BREACH_RECORDED


def test_copies_that_are_no_two_states_of_one_list_are_not_set_against_each_other(tmp_path):
    register = roll("L2", *NORTH[:8], voted_flag=True)
    of_a_hall = two_copies(tmp_path / "a", roll("L1", *NORTH), register, second="marked_register")
    of_the_other_half = two_copies(tmp_path / "b", roll("L1", *NORTH), roll("L2", *SOUTH))
    late_log = [row("sources", source_id="S1", completeness="complete", covers_from=START + 2 * DAY)]
    before_the_log = two_copies(
        tmp_path / "c", roll("L1", *NORTH), roll("L2", *NORTH[2:]), change("n0", "removed", 2.5), sources=late_log
    )
    for finding in (of_a_hall, of_the_other_half, before_the_log):
        assert isinstance(finding.result, NotAnswerable) or finding.verdict is Verdict.NO_BREACH


@pytest.mark.parametrize(("completeness", "n", "verdict"), [
    ("complete", 3, Verdict.BREACH_RECORDED), ("partial_known", 3, Verdict.NO_BREACH), ("partial_known", 5, Verdict.BREACH_RECORDED),
])  # fmt: skip
def test_of_a_list_handed_over_in_part_no_more_rows_are_held_than_stated(tmp_path, completeness, n, verdict):
    sources = [row("sources", source_id="S1", completeness=completeness)]
    case = tiny(tmp_path, sources=sources, roll_snapshots=[copy("L1", row_count=4)], roll=roll("L1", *"abcde"[:n]))
    assert one(case, "roll_reconciliation").verdict is verdict
