"""The numbers that chapter 40 works out by hand on lists, entitlement and second ballots, through the methods themselves."""

import json
import re
from datetime import timedelta

from cases import one, tiny
from rule_cases import CLOCK, MINUTE, START, cast

from analysis_lib.locations import NOTEBOOKS

DAY = timedelta(days=1)
N = r"(\d+)"


def printed(pattern):
    """The numbers of one passage, as printed."""
    notebook = json.loads((NOTEBOOKS / "40_roll_changes.ipynb").read_text(encoding="utf-8"))
    prose = "\n\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    found = re.search(pattern, prose)
    assert found, f"Chapter 40 no longer says: {pattern}. Mend this test along with the prose."
    return [int(number) for number in found.groups()]


def copy(name, day, purpose, *keys, barred=(), **cells):
    rows = [{"snapshot_id": name, "voter_key": key, "eligible": key not in barred} for key in keys]
    return {"snapshot_id": name, "taken_at": START + day * DAY, "purpose": purpose} | cells, rows


def held(folder, copies, **tables):
    return tiny(
        folder,
        clocks=[CLOCK],
        roll_snapshots=[header for header, _ in copies],
        roll=[row for _, rows in copies for row in rows],
        **tables,
    )


def test_twenty_six_members_on_one_list_alone(tmp_path):
    alone, logged, joined, last, *sum_ = printed(
        rf"{N} members stand on one alone; the log has {N} .* and {N} more joined .* Of the last {N} .*: {N} − {N} − {N} = {N} that age"
    )
    assert sum_ == [alone, logged, joined, last]
    gone, new, odd = ([f"{letter}{i:031x}" for i in range(n)] for letter, n in (("c", logged), ("d", joined), ("e", last)))
    later = copy("L2", 0, "given_to_candidate", "a", *new, candidate_id="birch")
    for row in later[1][1:]:
        row["joined_on"] = (START - 2 * DAY).date()
    copies = [
        copy("L1", -6, "given_to_candidate", "a", *gone, *odd, candidate_id="ash"), later,
        copy("before", -7, "audit", "a", *odd), copy("after", 1, "platform_upload", "a", *odd),
    ]  # fmt: skip
    left = [
        {"voter_key": key, "change": "removed", "at": START - 3 * DAY, "clock_id": "P", "derived_from": "log"} for key in gone
    ]
    people = [{"candidate_id": name} for name in ("ash", "birch")]
    (pair,) = one(held(tmp_path, copies, candidates=people, roll_changes=left), "list_asymmetry").details["pairs"]
    assert pair["members"] == {"age": logged + joined, "opted_out": 0, "not_age": last, "open": 0}


def test_four_voters_under_three_readings(tmp_path):
    freeze, voters, loaded, count, every, n_open = printed(
        rf"By the freeze {N} of {N} was not entitled, by the loaded list {N}, by the list after the vote {N}\. .*, so {N} counts, and {N} are open"
    )
    keys = "abcd"
    copies = [
        copy("F", -9, "freeze", *keys, barred="b"), copy("U", -2, "platform_upload", *keys),
        copy("P", 3, "post_poll", *keys, barred="c"),
    ]  # fmt: skip
    case = held(tmp_path, copies, ballot_events=[cast(key, START + i * MINUTE, i) for i, key in enumerate(keys, 1)])
    finding = one(case, "eligibility_breaches")
    assert [row["barred"] for row in finding.details["by_reading"]] == [freeze, loaded, count]
    assert (finding.result.n_observations, finding.result.statistic, finding.details["open"]) == (voters, every, n_open)


def test_two_of_three_ballots_stand(tmp_path):
    given, struck, left, most, channel = printed(
        rf"{N} − {N} = {N} stand\. If it took the one in the hall both are online: {N} is not more than the {N} that"
    )
    events = [cast("a", START + i * MINUTE, i, channel=way) for i, way in enumerate(("online", "online", "in_person"), 1)]
    assert (len(events), given - struck) == (given, left)
    stroke = cast("a", START + 9 * MINUTE, 9, event="voided")
    finding = one(
        tiny(tmp_path, clocks=[CLOCK], contest={"revote_policy": "none"}, ballot_events=[*events, stroke]),
        "double_channel_ballots",
    )
    assert (finding.result.statistic, finding.details["open"]) == (0, 1)
    assert most == left == channel
