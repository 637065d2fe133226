"""Numbers in place of administrators: one label for each account, the same in every finding and table of a contest."""

from __future__ import annotations

import polars as pl

from analysis_lib.case import Case

LOGS = ("credential_events", "contact_changes", "admin_actions")
SIGNED = (*LOGS, "roll_changes")  # every log that names who acted
SOMEBODY = "an administrator"
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


def roles_of_one(case: Case) -> list[str]:
    """Give the roles that a single account holds in all the logs: such a role names a person, and is not to be printed."""
    rows = pl.concat([case.rows(table).select("actor_key", pl.col("actor_role").cast(pl.String)) for table in SIGNED])
    held = rows.drop_nulls().filter(~pl.col("actor_role").is_in((*NOBODY, "unknown"))).group_by("actor_role")
    return held.agg(n=pl.col("actor_key").n_unique()).filter(pl.col("n") == 1)["actor_role"].sort().to_list()


def told_role(case: Case, column: str = "actor_role") -> pl.Expr:
    """Write a role as it may be printed: "an administrator" in place of one that only a single person holds."""
    role = pl.col(column).cast(pl.String)
    return pl.when(role.is_in(roles_of_one(case))).then(pl.lit(SOMEBODY)).otherwise(role).alias(column)
