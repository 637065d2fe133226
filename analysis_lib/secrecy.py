"""The secrecy guard: no row may tie a voter to a ballot or a choice, and no personal data come in by a side door."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import polars as pl

from analysis_lib.columns import as_text, given
from analysis_lib.faults import MOST_LISTED, WARNING, Fault, shown
from analysis_lib.reading import TextTable
from analysis_lib.schema import TableSchema

LINKABLE = ("open", "secret_linkable")  # kinds of secrecy under which voter and ballot may stand in one row

# Columns that lead to a member, and those that lead to what was voted; rows of one record may not hold both, in two tables either.
VOTERS = frozenset(("voter_key", "other_voter_key", "target_key", "credential_id", "replaces_credential_id"))
CHOICES = frozenset(("ballot_id", "candidate_id", "to_candidate_id"))

# Names of columns, small letters with underscores. Rather a table too many is held back than one voter's choice let in.
_VOTER = re.compile(r"(^|_)(voter|member|credential_?id|e_?mail)")
_CHOICE = re.compile(r"(^|_)(candidate|choice|voted?_?for|preference|rank)|^ballot_?id$")
_PERSONAL = re.compile(
    r"(^|_)(e_?mail|phone|mobile|telephone|(ip_?)?address|post_?code|zip_?code|dob|(date_of_)?birth)"
    r"|(^|_)(sur|fore|(first|last|full|given|family|member|voter)_?)name|^name$"
)


# Columns of these names hold a choice if their cells are small whole numbers: ranks or marks on a ballot paper.
_MARK = re.compile(r"(^|_)(votes?|pref|rank|choice|mark)(_?\d+)?$")
_MOST_RANKS = 50
_MOSTLY = 0.5  # of the filled cells
_LOOKED_AT = 50_000  # cells of a column, taken evenly, that show what it mostly holds
_FEWEST_VOTERS, _MOST_UNITS = 20, 0.8  # fewer voters tell nothing; units for each voter


def _plain(header: str) -> str:
    header = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", header)
    return re.sub(r"[^a-z0-9]+", "_", header.lower()).strip("_")


def _folded(texts: pl.Series) -> pl.Series:
    return texts.str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()


def _holds_choices(cells: pl.Series, header: str, schema: TableSchema, candidates: Collection[str]) -> bool:
    """Whether the cells of a column are mostly candidates, or ranks under a name that says so."""
    field = schema.field(header) if header in schema.names else None
    if field is not None and not candidates:
        return False
    cells = cells.gather_every(1 + cells.len() // _LOOKED_AT)
    is_text = cells.dtype == pl.String and (
        field is None or (field.type == "string" and not field.categories and field.name != "unit")
    )
    filled = cells.filter(given(cells, schema)) if is_text or field is None else cells.clear()
    if not filled.len():
        return False
    names = _folded(pl.Series(list(candidates), dtype=pl.String))
    if is_text and _folded(filled).is_in(names.implode()).mean() > _MOSTLY:
        return True
    if field is not None or not _MARK.search(_plain(header)):
        return False
    ranks = as_text(filled).cast(pl.Int64, strict=False)
    return bool((ranks.is_between(1, _MOST_RANKS).fill_null(False).mean() > _MOSTLY) and ranks.max() > 1)


def _n_filled(cells: pl.DataFrame, columns: Collection[str], schema: TableSchema) -> pl.Series:
    return pl.select(pl.sum_horizontal(given(cells[name], schema) for name in columns)).to_series()


def guard(
    text: TextTable, schema: TableSchema, linkable: Collection[str], is_all_linkable: bool, candidates: Collection[str] = ()
) -> Fault | None:
    """Look for a row that tells how, or on which ballot paper, a voter voted; on a hit nothing of the table may be used.

    Columns the schema doesn't know are looked at too, by their names. A column whose cells are mostly
    `candidates` (ids or names) is a choice whatever its name. `linkable` are the contests
    whose secrecy allows it; a table without a contest_id column is judged by whether all do.
    """
    columns = text.cells.columns + text.extras.columns
    names = dict(zip(columns, [*text.cells.columns, *text.extra_names], strict=True))
    voters = [column for column, header in names.items() if _VOTER.search(_plain(header))]
    if not voters:
        return None
    if schema.name == "ballot_choices":
        return _withheld(
            text, text.rows[0] if text.rows.len() else 1, f"a voter ({_named(names, voters)}) stands in a table of choices"
        )
    cells = pl.concat([text.cells, text.extras], how="horizontal")
    choices = [
        column
        for column, header in names.items()
        if _CHOICE.search(_plain(header)) or _holds_choices(cells[column], header, schema, candidates)
    ]
    if not choices:
        return None
    # A column such as voter_choice is called like both; two cells must be filled, so that it isn't tied to itself.
    n_voters, n_choices, n_either = (_n_filled(cells, names, schema) for names in (voters, choices, {*voters, *choices}))
    tied = (n_voters > 0) & (n_choices > 0) & (n_either > 1)
    if "contest_id" in text.cells.columns:
        tied = tied & ~text.cells["contest_id"].is_in(list(linkable))
    elif is_all_linkable:
        return None
    rows = text.rows.filter(tied)
    if not rows.len():
        return None
    found = f"a voter ({_named(names, voters)}) stands beside a ballot or a choice ({_named(names, choices)})"
    return _withheld(text, rows[0], f"{found}; rows like this one: {rows.len():,}")


def _named(names: Mapping[str, str], columns: Collection[str]) -> str:
    return " or ".join(shown(names[column], True) for column in columns)


def _withheld(text: TextTable, row: int | None, found: str) -> Fault:
    return Fault(
        file=text.file,
        row=row,
        found=found,
        expected=f"no row with both, unless the contest's secrecy is {' or '.join(LINKABLE)}",
        remedy=(
            "Nothing of this table is used. Split the export: voters with times in one table, ballots or choices in another, "
            "each in its own order. If the rules did allow such a link, set secrecy in contests and name the evidence in sources."
        ),
        rule="secrecy",
    )


def small_bin_fault(text: TextTable, table: str, rows: pl.DataFrame, linkable: Collection[str], min_cell: int) -> Fault | None:
    """Look for bins of time with so few ballots that the turnout log would tell whose they are."""
    if table != "ballot_choices" or not rows["cast_bin"].count():
        return None
    rows = rows.drop_nulls("cast_bin").filter(~pl.col("contest_id").is_in(list(linkable)))
    group = ["contest_id", "cast_bin", *(name for name in ("unit", "channel") if rows[name].count())]
    bins = rows.group_by(group).agg(n=pl.col("ballot_id").n_unique())
    if not (n := bins.filter(pl.col("n") < min_cell).height):
        return None
    return Fault(
        file=text.file,
        column="cast_bin",
        found=f"{n:,} of {bins.height:,} bins hold fewer than {min_cell} ballots",
        expected=f"bins of at least {min_cell} ballots of each branch and channel (sf:min_cell), so that a time of voting points to nobody",
        remedy="Nothing of this table is used. Make the bins wider or leave cast_bin or unit empty, and open the package again.",
        rule="secrecy",
    )


def paired_times_fault(text: TextTable, table: str, rows: pl.DataFrame, linkable: Collection[str]) -> Fault | None:
    """Look for ballots without a voter whose times are those of voters' rows: the two could be put together again."""
    if table != "ballot_events" or not rows["ballot_id"].count():
        return None
    rows = rows.filter(pl.col("at").is_not_null() & ~pl.col("contest_id").is_in(list(linkable)))
    is_fine = (pl.col("at").dt.second() != 0) | (pl.col("at").dt.microsecond() != 0)
    found = None
    for step, chosen in (("second", rows.filter(is_fine)), ("minute", rows.with_columns(pl.col("at").dt.truncate("1m")))):
        ballots, voters = (
            chosen.drop_nulls(key).group_by("contest_id", "at").agg(n=pl.len()) for key in ("ballot_id", "voter_key")
        )
        n = ballots.filter(n=1).join(voters.filter(n=1), on=["contest_id", "at"]).height
        if n >= 2 and n > _MOSTLY * ballots["n"].sum():
            found = n, ballots["n"].sum(), step
            break
    if found is None:
        return None
    return Fault(
        file=text.file,
        column="at",
        found=f"the times of {found[0]:,} of {found[1]:,} ballots are each the time of one voter's row, to the {found[2]} or finer",
        expected="times of ballots that can't be matched with voters: none, or in bins of many ballots",
        remedy="Nothing of this table is used. Leave at empty in the rows with a ballot_id, and open the package again.",
        rule="secrecy",
    )


def same_order_faults(text: TextTable, table: str, rows: pl.DataFrame, linkable: Collection[str]) -> list[Fault]:
    """Warn of numbered ballots beside voters with times: laid side by side, each in its order, they could be put together."""
    if table != "ballot_events" or not rows["ballot_id"].count() or not rows["seq"].count():
        return []
    rows = rows.filter(~pl.col("contest_id").is_in(list(linkable)))
    numbered = rows.filter(pl.col("voter_key").is_null()).drop_nulls(["ballot_id", "seq"])
    timed = rows.drop_nulls(["voter_key", "at"])
    numbered = numbered.filter(pl.col("contest_id").is_in(timed["contest_id"].unique().to_list()))
    if numbered.height < 2:
        return []
    return [
        Fault(
            file=text.file,
            column="seq",
            found=f"{numbered.height:,} ballots bear numbers, and rows of voters in the same table bear times",
            expected="ballots in no order once it is known who voted when",
            remedy="The rows are kept. Leave seq empty in rows with a ballot_id: their order could tie choices to voters.",
            severity=WARNING,
            rule="secrecy_order",
        )
    ]


def small_unit_faults(text: TextTable, table: str, rows: pl.DataFrame) -> list[Fault]:
    """Warn of a roll whose units single out members: a unit for nearly every voter, or the voter's key as unit."""
    if table != "roll" or not rows["unit"].count():
        return []
    rows = rows.drop_nulls("unit")
    n_units, n_voters = rows["unit"].n_unique(), rows["voter_key"].n_unique()
    n_equal = int((rows["unit"] == rows["voter_key"]).sum())
    if not n_equal and (n_voters < _FEWEST_VOTERS or n_units <= _MOST_UNITS * n_voters):
        return []
    found = (
        f"unit is the voter's key in {n_equal:,} rows" if n_equal else f"{n_voters:,} voters are spread over {n_units:,} units"
    )
    return [
        Fault(
            file=text.file,
            column="unit",
            found=found,
            expected="units of many members each, such as branches or wards",
            remedy="The rows are kept; no unit this small can be shown. Write the branch or ward, or leave the column empty.",
            severity=WARNING,
            rule="small_units",
        )
    ]


def personal_data_faults(text: TextTable, schema: TableSchema) -> list[Fault]:
    """Warn of unknown columns that seem to hold e-mail addresses, telephone numbers, names and the like; they aren't loaded."""
    faults = []
    for column, header in zip(text.extras.columns, text.extra_names, strict=True):
        if len(faults) == MOST_LISTED:
            break
        cells = as_text(text.extras[column].filter(given(text.extras[column], schema)))
        is_named = _PERSONAL.search(_plain(header)) and not _plain(header).startswith("candidate")
        if cells.len() and (is_named or cells.str.contains("@", literal=True).any()):
            faults.append(
                Fault(
                    file=text.file,
                    column=shown(header, True),
                    row=1,
                    found=f"this column seems to hold personal data in the clear; cells filled: {cells.len():,}",
                    expected="no names, addresses, numbers or dates of birth of members: keyed hashes only",
                    remedy="The column isn't loaded. Take it out of the file before you hand it on.",
                    severity=WARNING,
                    rule="personal_data",
                )
            )
    return faults
