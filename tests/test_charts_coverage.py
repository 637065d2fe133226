"""Charts of shares by unit and of counts by day."""

from findings import rows

from analysis_lib import charts


def test_shares_are_drawn_in_the_order_given_with_their_intervals():
    units = [
        {"unit": name, "events": k, "size": n, "share": k / n, "low": 0.0, "high": 0.5}
        for name, k, n in (("South", 2, 40), ("North", 9, 20))
    ]
    figure = charts.unit_shares(units, "share of ballots taken out", "95 % interval")
    drawn = rows(figure)[0]
    assert [(row["unit"], row["share"], row["high"], row["n"]) for row in drawn] == [
        ("South", 0.05, 0.5, 40),
        ("North", 0.45, 0.5, 20),
    ]
    assert (
        figure.alt
        == "2 dots, one for each row: share of ballots taken out. The largest is North with 45.0%; over all it is 18.3%."
    )
    assert "95 % interval of each taken by itself" in figure.caption
    assert figure.svg().startswith("<svg")


def test_many_units_are_cut():
    units = [{"unit": f"u{i}", "events": 1, "size": 9, "share": 1 / 9, "low": 0, "high": 1} for i in range(100)]
    assert len(rows(charts.unit_shares(units, "share", "95 % interval"))[0]) == 40


def test_days_stand_in_local_time_with_what_is_marked_in_front():
    days = [
        {"unit": f"2031-10-{d}", "events": k, "size": 20} for d, k in ((25, 0), (26, 12), (27, 1))
    ]  # the clocks change on the 26th
    figure = charts.by_day(days, "ballots cast online", "taken out later", "Europe/London")
    drawn = rows(figure)[0]
    assert [(row["day"][:10], row["n"], row["marked"]) for row in drawn] == [
        ("2031-10-25", 20, 0),
        ("2031-10-26", 20, 12),
        ("2031-10-27", 20, 1),
    ]
    assert (
        figure.alt
        == "Bars over 3 days: 60 ballots cast online, 13 of them taken out later; most of these on 2031-10-26, with 12 of 20."
    )
    assert "local day, Europe/London" in str(figure.spec)
    assert figure.svg().startswith("<svg")
