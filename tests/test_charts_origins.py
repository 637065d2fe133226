"""The chart of shared networks: what was seen as dots, what was to be expected as bars."""

from findings import rows

from analysis_lib import charts


def test_seen_and_expected_are_drawn_in_the_order_of_size():
    tallies = [
        {"at_least": least, "seen": seen, "expected": 7.123, "low": 0.0, "high": 21.0}
        for least, seen in ((3, 49), (5, 36), (10, 30), (None, 30))
    ]
    figure = charts.shared_groups(tallies, "network", "95 of 100 such contests")
    (drawn, *_) = rows(figure)
    assert [(row["group"], row["seen"]) for row in drawn] == [
        ("in groups of 3 or more", 49),
        ("in groups of 5 or more", 36),
        ("in groups of 10 or more", 30),
        ("in the largest group", 30),
    ]
    assert figure.alt == (
        "49 ballots came in groups of three or more with one network, where 0 to 21 were to be expected; "
        "the largest group has 30, where 0 to 21 were."
    )
    assert figure.caption.endswith("bars: what such groups come to in 95 of 100 such contests.")
    drawn_as = str(figure.spec)
    assert "'tickMinStep': 1" in drawn_as
    assert "'field': 'expected'" in drawn_as
    assert figure.svg().startswith("<svg")
