"""Members by how many share their address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from analysis_lib.charts.drawing import OTHER, SEEN, WIDTH, styled
from analysis_lib.figure import Figure


def shared_addresses(groups: Sequence[Mapping[str, Any]]) -> Figure:
    """Members by the number that their address serves, those for whom it was set anew apart.

    `groups` has ``size`` (text), ``n_members`` and, among them, ``n_new``, from small to large.
    """
    names = [row["size"] for row in groups]
    rows = [
        {"size": row["size"], "what": what, "members": members}
        for row in groups
        for what, members in (("set anew", row["n_new"]), ("as before", row["n_members"] - row["n_new"]))
    ]
    several = [row for row in groups if row["several"]]
    n, new = (sum(row[name] for row in several) for name in ("n_members", "n_new"))
    bars = alt.Chart(alt.Data(values=rows)).mark_bar().encode(
        y=alt.Y("size:N", title="members with one address", sort=names),
        x=alt.X("members:Q", title="members, on a root scale", axis=alt.Axis(format=",d"), scale=alt.Scale(type="sqrt")),
        yOffset=alt.YOffset("what:N", sort=["set anew", "as before"]),
        color=alt.Color("what:N", title=None, scale=alt.Scale(domain=["set anew", "as before"], range=[SEEN, OTHER])),
        tooltip=["size:N", "what:N", "members:Q"],
    )  # fmt: skip
    return Figure(
        styled(bars.properties(width=WIDTH, height=alt.Step(14))),
        alt=f"{n:,} members have an address that serves three or more; for {new:,} of them it was set anew."
        if n
        else "No address serves three members or more.",
        caption="Members by how many have the same e-mail address or telephone number, those for whom it was set anew since the earlier list apart.",
    )
