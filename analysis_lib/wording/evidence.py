"""Sentences of roll_reconciliation, record_rules and edits_outside_window."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from analysis_lib.results import Finding
from analysis_lib.wording.numbers import count, instant, lasting
from analysis_lib.wording.totals import sums_checked

MOST_TOLD = 3
CAUSES = {  # on record for a late change: what is counted apart, by how many
    "self": "made by the member", "member_request_logged": "asked for by the member", "bounce_logged": "after a message came back",
    "bulk_cleanse": "in a general tidy-up", "exception_granted": "an exception granted", "reverted": "an earlier entry put back",
    "renamed": "a new name for the same entry", "deceased": "a death", "resigned": "a resignation",
    "opted_out": "a wish to be left out", "duplicate": "two records of one member", "bounced": "messages that came back",
    "upheld": "after a complaint that was upheld", "no_vote": "of members who had no vote before or after",
}  # fmt: skip
UNASKED = {
    "roll": ("change of the roll with no exception in the log", "changes of the roll with no exception in the log"),
    "contact": ("change of contact details for which a search found no request", "changes of contact details for which a search found no request"),
}  # fmt: skip
DOUBTFUL = {
    "roll": ("change of the roll", "changes of the roll"),
    "contact": ("change of contact details", "changes of contact details"),
}
WOULD_TELL = {  # columns by their titles in the schema
    "roll": 'the reason on file, if any, does not tell whether the rules allowed {it}: "Reason given" of the changes of the list would tell, '
    "with the rules' own words.",
    "contact": 'it is not on record whether the member made or asked for {it}: "Done by" and "What is on file for it" of the changes of '
    "contact details would tell.",
}
NOUNS = {"email": ("e-mail address", "e-mail addresses"), "phone": ("telephone number", "telephone numbers")}
TITLES = {  # of the tables, as the schema has them; a test holds the two equal
    "admin_actions": "What administrators did",
    "ballot_choices": "What the ballots say",
    "ballot_events": "What happened to ballots",
    "candidates": "Candidates",
    "clocks": "Clocks",
    "communications": "Messages to members",
    "complaints": "Complaints",
    "confirmations": "What members say when asked",
    "contact_changes": "Changes of contact details",
    "contest_windows": "Opening and closing times",
    "contests": "Contests",
    "credential_events": "What happened to voting codes",
    "repairs": "What was mended on the way in",
    "responses": "Right of reply",
    "results": "Counts",
    "roll": "List of voters",
    "roll_change_counts": "Changes of the list, counted",
    "roll_changes": "Changes of the list of voters",
    "roll_checks": "Checks of the list against other records",
    "roll_snapshots": "Copies of the list of voters",
    "sources": "Evidence register",
    "statements": "Who says what",
    "timeline": "What else went on",
    "turnout_counts": "Running counts of votes",
    "vote_applications": "Applications to vote by post or online",
}


def needed(needs: Iterable[str]) -> str:
    """Tell the columns that a question needs, by the title of their table: "List of voters: unit, email_key; and Counts: n or lo".

    Parameters
    ----------
    needs : iterable of str
        Each "table.column", or several joined by "|" of which one will do. A note may follow the column's name.
    """
    single: dict[str, list[str]] = {}
    told: dict[str, list[str]] = {}
    for need in needs:
        by_table: dict[str, list[str]] = {}
        for column in need.split("|"):
            table, _, name = column.partition(".")
            by_table.setdefault(table, []).append(name)
        if "|" in need:
            told[need] = [_of_table(table, names, " or ") for table, names in by_table.items()]
        else:
            ((table, names),) = by_table.items()
            single.setdefault(table, []).extend(names)
            told[table] = [_of_table(table, list(dict.fromkeys(single[table])), ", ")]
    return "; and ".join(", or ".join(parts) for parts in told.values())


def _of_table(table: str, names: Sequence[str], joint: str) -> str:
    title = TITLES.get(table, table.replace("_", " "))
    return f"{title}: {joint.join(names)}" if any(names) else title


def roll_reconciliation(finding: Finding) -> str:
    """How many sums of lists do not agree, and the first three of them."""
    return sums_checked(finding, "the lists held allow")


def record_rules(finding: Finding) -> str:
    """How many rows break which rule."""
    rules = [rule for rule in finding.details["rules"] if rule["looked"] is not None and not rule["counted_elsewhere"]]
    broken = [rule for rule in rules if rule["broken"]]
    looked = f"Of {count(finding.result.n_observations, 'row')} held against {count(len(rules), 'rule')}"
    if broken:
        listed = "; ".join(f"{rule['check']}, {rule['name']}: {rule['broken']:,} of {rule['looked']:,}" for rule in broken[:4])
        more = f"; and {count(len(broken) - 4, 'more rule')}" if len(broken) > 4 else ""
        verb = "breaks" if finding.result.statistic == 1 else "break"
        text = f"{looked}, {finding.result.statistic:,} {verb} one under every reading of the clocks ({listed}{more})."
    else:
        text = f"{looked}, none breaks one under every reading of the clocks."
    if undetermined := sum(rule["undetermined"] for rule in rules):
        text += f" Of {count(undetermined, 'row')} it cannot be told."
    return text


def edits_outside_window(finding: Finding) -> str:
    """How many changes came after the last day for them, and how late; then what was undone, restored and cleared."""
    result, details = finding.result, finding.details
    after = f"after the last day for changes, {instant(details['deadline'], result.parameters['zone'])}"
    after += " and before the close" if details["close"] else ""
    counted = _of_each(details["late"], UNASKED) or _of_each(details["open"], DOUBTFUL)
    n = result.statistic or sum(details["open"].values())
    text = f"Of {count(result.n_observations, 'change')} of the roll and of contact details with a time, "
    if counted:
        text += f"{counted} came {after}; {'the last one ' if n > 1 else ''}{lasting(details['largest_s'])} after it."
    elif details["apart"]:
        text += f"only such as have a cause on record came for certain {after}."
    else:
        text += f"none came for certain {after}."
    told = [text, *(_doubt(what, n, bool(result.statistic)) for what, n in details["open"].items() if n)]
    if n := details["either"]:
        told.append(
            f"Of {count(n, 'change')} it cannot be told whether {'it' if n == 1 else 'they'} came after that day: only limits are known, "
            "the log tells no more than the day or the hour, or no clock that is described stamps them."
        )
    if n := sum(details["apart"].values()):
        causes = ", ".join(f"{CAUSES[cause]} {n_of:,}" for cause, n_of in details["apart"].items())
        told.append(
            f"{count(n, 'later change')} with a cause on record {_was(n)} left out of this count ({causes}); "
            "whether the rules allow such a change after that day, their own words decide."
        )
    return " ".join([*told, *account(details["account"])])


def _of_each(n_of: Mapping[str, int], nouns: Mapping[str, tuple[str, str]]) -> str:
    return " and ".join(count(n, *nouns[what]) for what, n in n_of.items() if n)


def _doubt(what: str, n: int, is_further: bool) -> str:
    of = (
        f"{count(n, *(f'further {noun}' for noun in DOUBTFUL[what]))} after that day" if is_further else count(n, *DOUBTFUL[what])
    )
    return f"For {of} {WOULD_TELL[what].format(it='it' if n == 1 else 'them')}"


def account(told: Mapping[str, Any]) -> list[str]:
    """Tell what was undone, what was taken out during the voting and restored, and contacts cleared; a sentence each."""
    sentences = [
        f"{count(row['n'], 'addition')} {_was(row['n'])} taken back {lasting(row['seconds'])} later."
        for row in told["undone"][:MOST_TOLD]
    ]
    restored = [row for row in told["restored"] if row["n_restored"]]
    sentences += [
        f"{count(row['n'], 'member')} {_was(row['n'])} removed in one edit during the voting, and {_how_many(row)} "
        f"restored {_after(row['fewest_s'], row['most_s'])} later."
        for row in restored[:MOST_TOLD]
    ]
    for field, on_return in sorted({(row["field"], row["on_return"]) for row in told["cleared"]}):
        rows = [row for row in told["cleared"] if (row["field"], row["on_return"]) == (field, on_return)]
        n, again = sum(row["n"] for row in rows), sum(row["n_set_again"] for row in rows)
        noun = NOUNS.get(field, (f"{field.replace('_', ' ')} entry", f"{field.replace('_', ' ')} entries"))
        if on_return:
            sentences.append(
                f"{count(n, 'member')} {_was(n)} put back without the {noun[0]} held before; {again:,} of them {_was(again)} given one later."
            )
        else:
            sentences.append(f"{count(n, *noun)} {_was(n)} cleared, {again:,} of them set again later.")
    return sentences


def _how_many(row: Mapping[str, Any]) -> str:
    if row["n_restored"] < row["n"]:
        return f"{row['n_restored']:,} of them"
    return "was" if row["n"] == 1 else "all of them were"


def _was(n: int) -> str:
    return "was" if n == 1 else "were"


def _after(fewest: int, most: int) -> str:
    first, last = lasting(fewest), lasting(most)
    return first if first == last else f"{first} to {last}"
