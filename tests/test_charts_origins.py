"""The chart of shared networks: what was seen as dots, what was to be expected as bars."""

from findings import rows

from analysis_lib import charts


def test_seen_and_expected_are_drawn_in_the_order_of_size():
    tallies = [
        {"at_least": least, "seen": seen, "expected": 7.123, "low": 0.0, "high": 21.0}
        for least, seen in ((3, 49), (5, 36), (10, 30), (None, 30))
    ]
    figure = charts.shared_groups(tallies, "network")
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
    assert figure.svg().startswith("<svg")
