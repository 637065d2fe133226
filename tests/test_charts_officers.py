"""Charts of administrators' hours: what is drawn where, in words too, and never more rows than a report can hold."""

from datetime import timedelta
from itertools import pairwise

import polars as pl
import pytest
from cases import utc
from findings import rows

from analysis_lib import charts
from analysis_lib.charts.officers import BALLOTS, MOST_ADMINISTRATORS, ON_LINES, blocks
from analysis_lib.figure import MAX_ROWS

START, END = utc("2031-10-20 09:00"), utc("2031-11-01 12:00")
LONDON = "Europe/London"


def worked(*cells):
    names = ("administrator", "day", "hour", "is_own")
    return pl.DataFrame(cells, schema=names, orient="row")


def test_a_square_is_the_share_of_days_worked():
    frame = worked(("a", 1, 9, False), ("a", 1, 10, False), ("a", 2, 9, False), ("a", 3, 2, True), ("b", 1, 9, True))
    figure = charts.hours_grid(frame, LONDON)
    (cells,) = rows(figure)
    told = {(cell["administrator"], cell["period"], cell["hour"]): cell["share"] for cell in cells}
    assert told == {
        ("a", "before the vote", 9): 1, ("a", "before the vote", 10): 0.5, ("a", "during the vote", 2): 1, ("b", "during the vote", 9): 1,
    }  # fmt: skip
    assert figure.alt.startswith("A grid of 2 administrators by hour of the day, before the vote and during the vote;")
    assert f"hour of the day, {LONDON}" in str(figure.spec)
    assert figure.svg()


def test_a_grid_without_an_earlier_period_says_so():
    assert "hour of the day, during the vote;" in charts.hours_grid(worked(("a", 1, 9, True)), LONDON).alt


def test_many_administrators_are_cut_off_and_it_is_said():
    frame = worked(*[(f"administrator {i:03d}", 1, hour, own) for i in range(60) for hour in range(24) for own in (True, False)])
    figure = charts.hours_grid(frame, LONDON)
    (cells,) = rows(figure)
    assert len(cells) == MOST_ADMINISTRATORS * 48 <= MAX_ROWS
    assert "The first 40 of 60 are drawn." in figure.caption


def sittings(n):
    return pl.DataFrame(
        {
            "administrator": [f"administrator {i % 3 + 1:02d}" for i in range(n)],
            "start": [START + timedelta(hours=i % 250) for i in range(n)],
            "end": [START + timedelta(hours=i % 250, minutes=50) for i in range(n)],
        }
    )


def ballots(n, own=()):
    return pl.DataFrame({"at": [START + timedelta(minutes=i) for i in range(n)], "is_own_line": [i in own for i in range(n)]})


def test_sittings_are_bars_and_ballots_blocks_in_whole_hours():
    figure = charts.sittings_and_ballots(sittings(4), ballots(200, own=range(55, 70)), START, END, LONDON, least=10)
    bars, cells = rows(figure)
    assert (bars[0]["x"], bars[0]["x2"]) == (0, 1)
    assert [(cell["x"], cell["x2"], cell["ballots"]) for cell in cells if cell["row"] == BALLOTS] == [
        (0, 1, 60), (1, 2, 60), (2, 3, 60), (3, 4, 20)
    ]  # fmt: skip
    assert [(cell["x"], cell["x2"], cell["ballots"]) for cell in cells if cell["row"] == ON_LINES] == [(0, 2, 15)]
    assert figure.alt == (
        "4 sittings of 3 administrators as bars over the time of the vote, and 200 online ballots as blocks below; 15 of them came over a "
        "line from which an administrator worked."
    )
    assert "local time, Europe/London" in str(figure.spec)
    assert figure.svg()


@pytest.mark.parametrize("least", [1, 3, 10])
def test_no_block_holds_fewer_than_the_least_and_none_is_lost(least):
    hours = [(7 * i * i) % 97 for i in range(83)]
    found = blocks(hours, least)
    assert sum(n for _, _, n in found) == len(hours)
    assert min(n for _, _, n in found) >= least
    assert all(last < first for (_, last, _), (first, _, _) in pairwise(found))
    assert [sum(first <= hour <= last for hour in hours) for first, last, _ in found] == [n for _, _, n in found]
    assert blocks(hours[: least - 1], least) == []


def test_few_ballots_over_a_line_have_no_row_and_one_of_each_reads_well():
    figure = charts.sittings_and_ballots(sittings(1), ballots(1), START, END, LONDON, least=10)
    assert figure.alt == "1 sitting of 1 administrator as bars over the time of the vote, and 1 online ballot as blocks below."
    assert not {BALLOTS, ON_LINES} & {row["row"] for part in rows(figure) for row in part}
    figure = charts.sittings_and_ballots(sittings(1), ballots(40, own=range(9)), START, END, LONDON, least=10)
    assert ON_LINES not in str(figure.spec)
    assert "in the last row" not in figure.caption


def test_a_large_contest_stays_within_what_a_report_can_hold():
    figure = charts.sittings_and_ballots(sittings(3000), ballots(9000, own=range(2000)), START, END, LONDON, least=10)
    assert sum(len(part) for part in rows(figure)) <= MAX_ROWS
