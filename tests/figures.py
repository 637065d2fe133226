"""Published figures for tests: as a frame for the arithmetic, as rows for a package."""

import polars as pl

SCHEMA = {
    "round": pl.Int64,
    "channel": pl.String,
    "unit": pl.String,
    "item": pl.String,
    "candidate_id": pl.String,
    "to_candidate_id": pl.String,
    "n": pl.Int64,
    "weighted_n": pl.Float64,
    "lo": pl.Int64,
    "hi": pl.Int64,
    "status": pl.String,
}


def results(*rows):
    """Rows of (item, n), with anything else by name; `n` a pair is a range. An item of one letter is a candidate."""
    made = []
    for item, n, *rest in rows:
        extra = rest[0] if rest else {}
        is_candidate = len(item) == 1
        low, high = n if isinstance(n, tuple) else (None, None)
        made.append(
            {
                "round": int(is_candidate),
                "channel": "all",
                "item": "candidate" if is_candidate else item,
                "candidate_id": item if is_candidate else None,
                "n": None if isinstance(n, tuple) else n,
                "lo": low,
                "hi": high,
                "status": None,
            }
            | extra
        )
    return pl.DataFrame(made, schema=SCHEMA)


def published(*rows):
    return [
        {"round": int(len(item) == 1), "channel": "all", "item": "candidate" if len(item) == 1 else item, "n": n}
        | ({"candidate_id": item} if len(item) == 1 else {}) | dict(*more)
        for item, n, *more in rows
    ]  # fmt: skip
