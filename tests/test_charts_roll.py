"""Charts of the roll: they say what they show, in the contest's zone, in few rows, and draw extremes."""

import json
from datetime import date, timedelta

import pytest
from cases import utc

from analysis_lib import charts

START = utc("2031-10-20 23:30")


def spec(figure):
    return json.dumps(figure.chart.to_dict())


def test_the_size_of_the_roll_with_its_bulk_edits():
    copies = [{"at": START + timedelta(days=i), "n": 500 + i} for i in range(4000)]
    edits = [{"at": START, "kind": "added", "n": 82}] * 70
    figure = charts.roll_size(copies, edits, "Europe/London")
    assert figure.alt == "A line with 4,000 copies of the list, from 500 to 4,499 members; the largest bulk edit has 82 members."
    drawn = spec(figure)
    assert drawn.count('"n":') <= 2000
    assert "2031-10-21T00:30:00Z" in drawn  # local time, drawn as it stands
    assert "local date, Europe/London" in drawn
    assert "The axis need not begin at nought. Marks at the foot are bulk edits" in figure.caption
    assert "Marks" not in charts.roll_size(copies[:3], [], "Europe/London").caption


@pytest.mark.parametrize("top", [9, 132_003])
def test_days_that_stand_out(top):
    days = [
        {"at": date(2031, 1, 1) + timedelta(days=i), "n": 3, "expected": 3.0, "limit": 9.0, "stands_out": False}
        for i in range(5000)
    ]
    days[1234] |= {"n": top, "stands_out": True}
    days[7] |= {"expected": None, "limit": None}
    figure = charts.changes_per_day(days, "removed", "edits", "Europe/London")
    assert figure.alt == f"5,000 days of “removed”, the largest with {top:,} edits; 1 day stands out."
    assert str(top) in spec(figure)
    assert ("symlog" in spec(figure)) is (top > 150)


def test_weeks_of_contact_changes():
    weeks = [
        {"at": START + timedelta(days=7 * i), "asked": asked, "n": 2, "in_contest": i > 8}
        for i in range(11)
        for asked in ("asked for", "none found")
    ]
    figure = charts.churn_by_week(weeks, "Europe/London")
    assert figure.alt == "Bars of changes of contact over 11 weeks; in the contest's weeks 4 changes without a request on record."
    assert "2031-10-21" in spec(figure)


def test_ballots_after_a_change():
    curves = [
        {"group": name, "hours": h, "share": share * h / 24} for name, share in (("a", 1.0), ("b", 0.4)) for h in (1.0, 24.0)
    ]
    figure = charts.ballots_after_change(curves)
    assert figure.alt == "Rising lines: in the end 100% of members had voted (a) and 40% of members had voted (b)."
    assert charts.ballots_after_change(curves[:2]).alt.count(" of members") == 1
