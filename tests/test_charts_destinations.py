"""The chart of shared addresses: members by size of group, those with an address set anew apart."""

from findings import rows

from analysis_lib import charts

GROUPS = [
    {"size": size, "n_members": members, "n_new": new, "several": several}
    for size, members, new, several in (
        ("1", 467, 67, False),
        ("2", 28, 0, False),
        ("3 to 4", 3, 1, True),
        ("5 to 9", 5, 5, True),
    )
]


def test_members_are_drawn_once_each():
    figure = charts.shared_addresses(GROUPS)
    (drawn,) = rows(figure)
    assert sum(row["members"] for row in drawn) == 503
    assert [(row["size"], row["members"]) for row in drawn if row["what"] == "set anew"] == [
        ("1", 67), ("2", 0), ("3 to 4", 1), ("5 to 9", 5),
    ]  # fmt: skip
    assert figure.alt == "8 members have an address that serves three or more; for 6 of them it was set anew."
    assert figure.svg().startswith("<svg")


def test_none_shared_is_said():
    assert charts.shared_addresses(GROUPS[:2]).alt == "No address serves three members or more."
