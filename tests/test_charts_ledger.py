"""Charts of members' stories and of ballots after reissues: what is drawn, and in words for those who can't see it."""

import json

import polars as pl
import pytest
from findings import rows

from analysis_lib import charts
from analysis_lib.charts.ledger import MARKS
from analysis_lib.figure import MAX_ROWS
from analysis_lib.methods.ledger import MOST_STRIPS

STORY = [
    (1, "contact changed", -4.0),
    (1, "new code", 0.0),
    (1, "ballot", 3.25),
    (1, "contact changed again", 9.0),
    (2, "new code", 0.0),
    (2, "ballot", 700.0),
]


def story(*events):
    return pl.DataFrame(events or STORY, schema={"case": pl.Int64, "what": pl.String, "minutes": pl.Float64}, orient="row")


def test_every_case_has_its_strip():
    figure = charts.case_strips(story(), "new code")
    spans, drawn = rows(figure)
    assert spans == [{"case": 1, "low": -4.0, "high": 9.0}, {"case": 2, "low": 0.0, "high": 700.0}]
    assert [(row["case"], row["what"], row["minutes"]) for row in drawn] == STORY
    assert figure.alt == (
        "2 strips, one per case. In 1 a change of contact is drawn; in 2 a ballot, 1 of them within ten minutes after the new code; "
        "in 1 the contact was changed again afterwards."
    )
    assert "minutes from the new code" in json.dumps(figure.spec)
    assert "not by the clock" in figure.caption


def test_each_kind_of_mark_has_a_colour_and_a_shape_of_its_own():
    assert len({colour for colour, _ in MARKS.values()}) == len({shape for _, shape in MARKS.values()}) == len(MARKS)
    spec = json.dumps(charts.case_strips(story(*STORY[4:]), "new code").spec)
    assert "contact changed" not in spec  # the legend names what is there


def test_one_case_and_as_many_as_are_drawn():
    one = charts.case_strips(story((1, "new code", 0.0), (1, "ballot", 0.0)), "new code")
    assert one.alt.startswith("1 strip, one per case.")
    assert "<svg" in one.svg()
    many = [(i, what, minutes) for i in range(1, MOST_STRIPS + 1) for what, minutes in (("new code", 0.0), ("ballot", float(i)))]
    figure = charts.case_strips(story(*many), "new code")
    assert sum(map(len, rows(figure))) <= MAX_ROWS
    assert "<svg" in figure.svg()


def curve(*groups):
    frame = [
        (group, m, share, share / 2, min(1.0, share * 1.5), 9)
        for group in groups
        for m, share in ((1.0, 0.0), (10.0, 0.3), (2000.0, 0.5))
    ]
    return pl.DataFrame(frame, schema=["group", "minutes", "share", "low", "high", "at_risk"], orient="row")


@pytest.mark.parametrize("groups", [("not requested", "requested"), ("requested",)])
def test_the_curves_and_what_had_followed_within_a_day(groups):
    figure = charts.incidence(curve(*groups))
    (drawn,) = {json.dumps(found) for found in rows(figure)}
    assert len(json.loads(drawn)) == 3 * len(groups)
    assert all(f"30% of reissues that were {group}" in figure.alt for group in groups)
    assert "<svg" in figure.svg()


def test_time_gone_by_is_labelled_in_the_units_of_a_clock():
    curves = pl.DataFrame(
        [
            {"group": group, "minutes": minutes, "share": 0.1, "low": 0.05, "high": 0.2, "at_risk": 9}
            for group in ("not requested", "requested")
            for minutes in (1.0, 10_080.0)
        ]
    )
    drawn = charts.incidence(curves)._repr_mimebundle_()[0]["image/svg+xml"]
    for told in ("10 min", "1 h", "6 h", "1 day", "3 days"):
        assert f">{told}<" in drawn
