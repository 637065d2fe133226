"""Charts of late choices: every cut-off on the contest's clock, the actual one marked, names that break nothing."""

from datetime import timedelta

import pytest
from cases import utc
from fake_report import HOSTILE
from findings import rows

from analysis_lib import charts

CLOSE = utc("2031-10-26 12:00")


def cuts(n=10):
    found = [
        {"at": CLOSE - timedelta(days=n - i), "n": 50, "excess": 0.01 * i, "low": 0.01 * i - 0.1, "high": 0.01 * i + 0.1, "statistic": 1.0, "is_actual": False}
        for i in range(n)
    ]  # fmt: skip
    return [*found, found[-1] | {"at": CLOSE, "excess": 0.2, "low": 0.1, "high": 0.3, "is_actual": True}]


def row(name="Ann Ash"):
    keys = {"raw": 0.12, "adjusted": 0.05}
    return {"candidate": name} | {
        f"{key}{end}": value + step for key, value in keys.items() for end, step in (("", 0), ("_low", -0.1), ("_high", 0.1))
    }


def test_every_cut_is_drawn_on_the_contests_clock_and_the_actual_one_stands_apart():
    figure = charts.placebo_cuts(cuts(), "Ann Ash", "Europe/London")
    assert "local time, Europe/London" in str(figure.spec)
    drawn = max(rows(figure), key=len)
    assert [r["which"] for r in drawn].count("actual cut-off") == 1
    assert len(drawn) == 11
    assert "+20.0 points" in figure.alt
    assert "0 of 10 earlier ones" in figure.alt
    assert next(r for r in drawn if r["which"] == "actual cut-off")["excess"] == pytest.approx(20)  # in points
    assert "points more (+) or fewer (-)" in str(figure.spec)


def test_a_far_point_on_few_ballots_does_not_seem_to_speak_against_the_rank():
    far = cuts()
    far[3] |= {"excess": -0.4, "low": -0.9, "high": 0.1}
    figure = charts.placebo_cuts(far, "Ann Ash", "UTC")
    assert "1 of 10 earlier ones is as far from it" in figure.alt
    assert (
        "Points with long lines rest on few ballots and are known less well; the ranking counts a jump in units of its own uncertainty."
        in figure.caption
    )
    assert figure.svg()


def test_one_earlier_cut_and_one_instant_still_make_a_chart():
    assert charts.placebo_cuts(cuts(1), "Ann Ash", "UTC").svg()
    assert charts.placebo_cuts(cuts(0 + 1)[-1:], "Ann Ash", "UTC").svg()


def test_shares_raw_and_within_branches_lie_side_by_side():
    figure = charts.late_shares([row(), row("Bo Birch")])
    drawn = max(rows(figure), key=len)
    assert {(r["candidate"], r["how"]) for r in drawn} == {
        (name, how) for name in ("Ann Ash", "Bo Birch") for how in ("all ballots", "same branch and channel")
    }
    assert "Ann Ash +12.0 and +5.0 points" in figure.alt
    assert "points more (+) or fewer (-) among late ballots" in str(figure.spec)
    assert (drawn[0]["value"], drawn[0]["low"]) == pytest.approx((12, 2))
    assert len(max(rows(charts.late_shares([row(f"c{i}") for i in range(30)])), key=len)) == 16


@pytest.mark.parametrize("name", [HOSTILE, 'O\'Neill "the" `best`', "a\nb", "' : datum.value : '", "n" * 10_000])
def test_no_name_breaks_a_chart(name):
    assert charts.late_shares([row(name)]).svg()
    assert charts.placebo_cuts(cuts(), name, "UTC").svg()
