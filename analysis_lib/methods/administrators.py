"""Numbers in place of administrators: one label for each account, the same in every finding and table of a contest."""

from __future__ import annotations

import polars as pl

from analysis_lib.case import Case

LOGS = ("credential_events", "contact_changes", "admin_actions")
NOBODY = ("self", "system")  # a member's own account, and the program


def acts(case: Case) -> pl.DataFrame:
    """Count what each account of an administrator handled, over all logs: ``actor_key, n``, most first."""
    rows = pl.concat([case.rows(table).select("actor_key", "actor_role") for table in LOGS])
    own = rows.drop_nulls("actor_key").filter(~pl.col("actor_role").is_in(NOBODY).fill_null(False))
    return own.group_by("actor_key").agg(n=pl.len().cast(pl.Int64)).sort("n", "actor_key", descending=[True, False])


def labels(case: Case) -> dict[str, str]:
    """Name each administrator by rank: "administrator 01" handled the most rows of credentials, contacts and the log of actions.

    Members' own accounts and the program's have none. A label may be printed, a key never.

    Returns
    -------
    dict of str to str
        ``actor_key`` to label. Accounts that handled equally many are in the order of their keys, which tells nothing.
    """
    keys = acts(case)["actor_key"].to_list()
    width = max(2, len(str(len(keys))))
    return {key: f"administrator {rank:0{width}d}" for rank, key in enumerate(keys, 1)}
