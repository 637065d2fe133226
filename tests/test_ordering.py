"""The quick order of rows is the order polars gives."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from tiny_package import STEADY

from analysis_lib.ordering import in_order

TEXTS = st.text("abÉ🗳", max_size=12) | st.text("ab", max_size=3).map(lambda end: "a long beginning " + end)


@STEADY
@given(st.lists(TEXTS, max_size=30))
def test_texts_are_sorted_as_polars_sorts_them(texts):
    frame = pl.DataFrame({"key": texts, "same": ["x"] * len(texts)}, schema={"key": pl.String, "same": pl.String})
    frame = frame.with_row_index("place").with_columns(row=pl.col("key") + "!").unique("key", maintain_order=True)
    pieces = pl.concat([frame.head(3), frame.tail(-3)], rechunk=False)
    assert in_order(pieces.get_columns(), ["key"]).equals(frame.sort("key"))
    assert in_order(pieces.get_columns(), ["same", "key"]).equals(frame.sort("same", "key"))
