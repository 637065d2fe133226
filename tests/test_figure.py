"""A figure travels from notebook to page: accepted by nbformat, the same at every run, and never the data set itself."""

import altair as alt
import nbformat
import polars as pl
import pytest
from fake_report import HOSTILE

from analysis_lib.errors import ReportError
from analysis_lib.figure import MAX_ROWS, METADATA_KEY, SPEC_TYPE, SVG_TYPE, Figure
from analysis_lib.plaintext import MOST_LABEL


def bars(rows: int = 4, *, name: str = "a") -> alt.Chart:
    frame = pl.DataFrame({"x": range(rows), "y": [name] * rows})
    return alt.Chart(frame).mark_bar(clip=True).encode(x="x:Q", y="y:N")


def test_a_notebook_accepts_what_a_figure_displays():
    data, metadata = Figure(bars(), "Four bars.", "Bars")._repr_mimebundle_()
    output = nbformat.v4.new_output("display_data", data=data, metadata=metadata)
    nbformat.validate(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=[output])]))
    assert data["text/plain"] == "Four bars."
    assert metadata == {METADATA_KEY: {"alt": "Four bars.", "caption": "Bars"}}
    assert data[SVG_TYPE].startswith("<svg")
    assert sum(map(len, data[SPEC_TYPE]["datasets"].values())) == 4


def test_a_drawing_does_not_depend_on_those_before_it():
    first = Figure(bars(), "Bars.", "").svg()
    other = Figure(bars(5), "Bars.", "").svg()
    assert Figure(bars(), "Bars.", "").svg() == first
    assert "clip-path" in first  # else the next line would hold for want of ids
    assert _ids(first).isdisjoint(_ids(other))
    assert all(f'="{name}"' in first and f"url(#{name})" in first for name in _ids(first))


def _ids(svg: str) -> set[str]:
    return {part.partition('"')[0] for part in svg.split(' id="')[1:]}


def test_a_candidate_may_be_called_anything():
    figure = Figure(bars(name=HOSTILE), "Bars.", "")
    assert "<script" not in figure.svg()
    assert "<img" not in figure.svg()


@pytest.mark.parametrize("inline", [True, False])
def test_long_names_are_cut_and_stay_apart(inline):
    names = ["n" * 500 + end for end in "abc"]
    rows = [{"x": i, "y": name} for i, name in enumerate(names)]
    data = alt.Data(values=rows) if inline else pl.DataFrame(rows)
    colour = alt.Color("y:N", scale=alt.Scale(domain=names, range=["red", "green", "blue"]))
    spec = Figure(alt.Chart(data).mark_point().encode(x="x:Q", y=alt.Y("y:N", sort=names), color=colour), "Points.", "").spec
    (shown,) = [spec["data"]["values"]] if inline else spec["datasets"].values()
    labels = [row["y"] for row in shown]
    assert len(set(labels)) == 3
    assert max(map(len, labels)) <= MOST_LABEL
    assert spec["encoding"]["y"]["sort"] == spec["encoding"]["color"]["scale"]["domain"] == labels
    assert rows[0]["y"] == names[0]


@pytest.mark.parametrize("combined", [lambda chart: chart, lambda chart: chart | bars(2), lambda chart: chart + bars(2)])
def test_too_many_rows_are_refused_wherever_they_stand(combined):
    Figure(bars(MAX_ROWS), "At the limit.", "")
    with pytest.raises(ReportError, match=r"'Too much' holds 2,00\d rows of data; at most 2,000 fit"):
        Figure(combined(bars(MAX_ROWS + 1)), "Over it.", "Too much")


def test_rows_given_within_the_chart_are_counted_too():
    many = alt.Chart({"values": [{"x": i} for i in range(MAX_ROWS + 1)]}).mark_point().encode(x="x:Q")
    with pytest.raises(ReportError, match="2,001 rows"):
        Figure(many, "Points.", "Points")


def test_data_from_an_address_is_refused():
    chart = alt.layer(bars(), alt.Chart("https://example.org/data.csv").mark_point().encode(x="x:Q"))
    with pytest.raises(ReportError, match=r"takes its data from an address\. Expected data within the chart"):
        Figure(chart, "Points.", "Afar")


def test_a_figure_without_alt_text_is_refused():
    with pytest.raises(ReportError, match=r"no alt text\. Expected one or two sentences"):
        Figure(bars(), " ", "Bars")
