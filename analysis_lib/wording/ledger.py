"""Sentences of credential_ledger and reissue_hazard, and what kinds of events and ends of a credential are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis_lib.results import Finding
from analysis_lib.wording.clocks import readings_told
from analysis_lib.wording.credentials import sittings_told
from analysis_lib.wording.numbers import count, effect, number

KINDS = {
    "issued": "first sent", "printed": "printed", "queued": "waiting to be sent", "delivered": "delivered", "bounced": "came back",
    "opened": "message opened", "clicked": "link opened", "resent_same": "same code sent again", "reissued_new": "new code sent",
    "destination_changed": "sent elsewhere", "surfaced": "shown to staff", "login_ok": "logged in", "login_failed": "login failed",
    "used": "used", "ballot": "ballot given", "revoked": "made void", "expired": "expired",
}  # fmt: skip
FATES = {
    "voted with": "a ballot was given with it", "ended": "made void, expired or replaced", "came back": "came back, and nothing followed",
    "opened": "opened, but no ballot", "sent": "sent, and nothing more is on record", "not sent": "never sent, as far as the log tells",
}  # fmt: skip


def credential_ledger(finding: Finding) -> str:
    """How many codes were shown to staff and then used, and where other rules are counted."""
    details, n = finding.details, finding.result.statistic
    lives = count(finding.result.n_observations, "credential")
    if not details["n_shown"]:
        text = f"Of {lives} in the log, none is on record as shown to staff."
    else:
        was = "was" if details["n_shown"] == 1 else "were"
        text = f"Of {lives} in the log, {details['n_shown']:,} {was} shown to staff; "
        text += f"{n or 'none'} of them {'was' if n <= 1 else 'were'} used within a day with no request of the member on record"
        if n:
            text += f" ({_by_role(details)})"
        text += "."
        if details["n_undetermined"]:
            text += f" Of {details['n_undetermined']:,} it cannot be told."
    broken = [row for row in details["elsewhere"] if row["broken"]]
    if broken:
        told = ", ".join(f"{row['check']}, {row['name']}: {row['broken']:,} of {row['looked']:,}" for row in broken)
        text += f" Other rules of credentials are broken by rows that chapter 00 lists and counts ({told})."
    return text


def _by_role(details: Mapping[str, Any]) -> str:
    return ", ".join(f"{row['n']} shown to {row['role'].replace('_', ' ')}" for row in details["roles"])


def reissue_hazard(finding: Finding) -> str:
    """How many reissues a ballot followed, how many would be expected, and the ratio of the rates."""
    details = finding.details
    ratio = effect(finding)
    text = (
        f"Up to the close a ballot followed {details['ballots_unrequested']} of {details['n_unrequested']} reissues without a logged request, "
        f"and {details['ballots_requested']} of {details['n_requested']} with a request, a bounce or another cause on record. If both kinds "
        f"were followed alike, {number(details['expected_unrequested'], 1)} of the former would be expected. "
        f"{ratio[0].upper()}{ratio[1:]}. With so many ballots a ratio below {number(details['smallest_visible'], 1)} would often go unseen."
    )
    text += sittings_told(finding)
    if "readings" in details:
        text += f" {readings_told(details['readings'])}"
    return text
