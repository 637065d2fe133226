"""A chart with its words: what a notebook shows and a report prints, with no network and no renderer to set up."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import altair as alt
import vl_convert

from analysis_lib.errors import ReportError
from analysis_lib.plaintext import MOST_LABEL, label

MAX_ROWS = 2000  # a chart of more rows is a dump of the data, and a report must stay small enough to send
VL_VERSION = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])  # the Vega-Lite that altair writes for
SPEC_TYPE = "application/vnd.vegalite.v6+json"  # altair's own spelling, v6.json, is refused by nbformat
SVG_TYPE = "image/svg+xml"
METADATA_KEY = "selection_forensics"  # where alt text and caption travel in a notebook


@dataclass(frozen=True)
class Figure:
    """An Altair chart, the text that stands in for it (`alt`) and the line under it (`caption`).

    `alt` tells a reader who can't see the chart what it shows: what is plotted, and what stands out.
    Shown in a notebook it carries both the specification and a drawn SVG, so JupyterLab, a report
    and paper need nothing from the network.

    Raises
    ------
    ReportError
        The chart holds more than `MAX_ROWS` rows, or takes its data from an address.
    """

    chart: alt.TopLevelMixin
    alt: str
    caption: str

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise ReportError("A figure has no alt text. Expected one or two sentences that say what the chart shows.")
        spec = self.spec
        if any("url" in data for data in _data_blocks(spec)):
            raise ReportError(
                f"Figure {self.caption!r} takes its data from an address. Expected data within the chart: give it rows."
            )
        rows = sum(len(values) for values in _row_lists(spec))
        if rows > MAX_ROWS:
            raise ReportError(
                f"Figure {self.caption!r} holds {rows:,} rows of data; at most {MAX_ROWS:,} fit in a report. "
                "Count or bin the data before charting it."
            )

    @cached_property
    def spec(self) -> dict[str, Any]:
        """The Vega-Lite specification, data included; its names are cut and made visible as `plaintext.label` does."""
        spec = self.chart.to_dict()
        labels = _Labels()
        for rows in _row_lists(spec):
            for row in rows:
                if isinstance(row, dict):
                    row |= {key: labels[value] for key, value in row.items() if isinstance(value, str)}
        for names in _lists_of_names(spec):
            names[:] = [labels[name] if isinstance(name, str) else name for name in names]
        return spec

    def svg(self) -> str:
        """The chart drawn, with ids that are the same at every run and differ between figures."""
        spec = self.spec
        return _own_ids(vl_convert.vegalite_to_svg(spec, vl_version=VL_VERSION), _short_hash(spec))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        data = {SPEC_TYPE: self.spec, SVG_TYPE: self.svg(), "text/plain": self.alt}
        return data, {METADATA_KEY: {"alt": self.alt, "caption": self.caption}}


class _Labels(dict[str, str]):
    """The label of every name; names that are cut to the same text are numbered, so that they stay apart."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def __missing__(self, name: str) -> str:
        text, number = label(name), 1
        while text in self._taken:
            number += 1
            text = f"{label(name, MOST_LABEL - 10)} ({number})"
        self._taken.add(text)
        self[name] = text
        return text


def _short_hash(spec: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:10]


def _own_ids(svg: str, prefix: str) -> str:
    """Rename ids: the converter counts clip paths up over a process, so they depend on the charts drawn before."""
    names: dict[str, str] = {}
    for name in re.findall(r'\bid="([^"]+)"', svg):
        names.setdefault(name, f"f{prefix}-{len(names) + 1}")
    if not names:
        return svg
    anyone = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.sub(rf'(\bid="|url\(#|href="#)({anyone})(?=["\)])', lambda m: m[1] + names[m[2]], svg)


def _data_blocks(node: Any) -> Iterator[dict[str, Any]]:
    """Every `data` object of a specification, in layers and concatenations too; never inside the rows themselves."""
    if isinstance(node, list):
        for item in node:
            yield from _data_blocks(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "data" and isinstance(value, dict):
                yield value
            elif key not in ("datasets", "values"):
                yield from _data_blocks(value)


def _lists_of_names(node: Any) -> Iterator[list[Any]]:
    """Every domain and order that names the data's own values, outside the rows."""
    if isinstance(node, list):
        for item in node:
            yield from _lists_of_names(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in ("domain", "sort") and isinstance(value, list):
                yield value
            elif key not in ("datasets", "values"):
                yield from _lists_of_names(value)


def _row_lists(spec: dict[str, Any]) -> Iterator[list[Any]]:
    yield from spec.get("datasets", {}).values()
    for data in _data_blocks(spec):
        if isinstance(data.get("values"), list):
            yield data["values"]
