"""What a made-up selection is like: its calendar, its members' habits, and what is planted in it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from analysis_lib.errors import ParameterError

HOUR, DAY = 3600, 86_400
PLANTS = ("reissue_chain", "late_ballots", "night_burst")  # those of the examples
OFFICE_PLANTS = ("one_mailbox", "ghost_applications", "early_list")
RESOLUTIONS = {1: "s", 60: "min"}

# Ballots by hour of the local day, in no unit: a peak at lunch, a higher one after supper, few at night.
HOUR_OF_DAY = np.array([4, 2, 1, 1, 1, 3, 10, 25, 40, 50, 55, 60, 85, 75, 55, 50, 55, 70, 90, 110, 115, 95, 55, 18]) / 100
FIRST_DAY_LIFT, FIRST_DAY_FADE_H = 3.0, 8.0  # right after the e-mail with the code
LAST_DAY_LIFT, LAST_DAY_RISE_H = 2.0, 8.0
HUSTINGS_H, HUSTINGS_LULL, AFTERWARDS_H, AFTERWARDS_LIFT = 3, 0.5, 3, 1.6


def _london(local: str) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("Europe/London")).astimezone(UTC)


OPENS_AT, CLOSES_AT = _london("2031-10-18T12:00"), _london("2031-11-01T12:00")
HUSTINGS_AT = _london("2031-10-29T19:00")
REMINDERS = _london("2031-10-22T10:00"), _london("2031-10-27T18:00"), _london("2031-10-31T09:00")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One made-up selection. Shares lie in [0, 1]; times of day are local; instants carry their zone.

    The default window is 14 days in London with the end of summer time in it: 337 hours, not 336.
    `readiness` is the chance that a member acts at once on a fresh e-mail, whoever had it sent;
    `request_readiness` is the same for those who asked for it, and equal to it in a clean world.
    """

    n_members: int = 500
    n_branches: int = 10
    n_administrators: int = 4
    timezone: str = "Europe/London"
    opens_at: datetime = OPENS_AT
    closes_at: datetime = CLOSES_AT
    reminders: tuple[datetime, ...] = REMINDERS
    hustings_at: datetime = HUSTINGS_AT
    turnout: float = 0.38  # of those who vote online if nothing goes wrong with their code
    hall_share: float = 0.08  # chose beforehand to vote at the hustings; they are sent no code
    household_share: float = 0.3  # live with another member, behind one network address
    vote_along: float = 0.5  # of those whose housemate votes while they still can
    noise_cv: float = 0.6  # of the gamma multiplier drawn for every hour
    noise_memory: float = 0.0  # correlation of one hour's multiplier with the next one's
    reminder_lift: float = 2.0
    reminder_fade_h: float = 4.0
    prompt_reply: float = 0.0  # of those who hold a code and have not voted: act on a reminder within minutes
    mobile_share: float = 0.15  # vote by telephone, through one of few gateways that thousands share
    office_share: float = 0.05  # vote at one of few workplaces
    loss: float = 0.14  # letters that the relay took and the member never saw
    bounce: float = 0.06
    courtesy: float = 0.04  # members an officer thinks of sending a fresh code, unasked, if they have not voted
    branch_cv: float = 0.35  # spread of loss, bounce and courtesy between branches
    readiness: float = 0.45
    request_readiness: float = 0.45
    support: float = 0.52  # for the first candidate, in the hall
    channel_log_odds: float = 0.0  # added to it online
    branch_opinion: float = 0.0  # spread of the log-odds between branches
    choice_trend: float = 0.0  # added to the log-odds of online ballots from the opening to the close
    resolution_s: int = 1
    lost_days: frozenset[int] = frozenset()  # days after the opening of which the platform's log has no ballots
    plants: frozenset[str] = frozenset()
    # What follows is off by default.
    reminder_bounce: float = 0.0  # of the recipients of a reminder: an address that has died meanwhile
    busy_officer: float = 0.0  # share of the work of every kind that administrator 0 does; 0: as the others
    office_log: bool = False  # who did what to whom from which line, and every code under an id of its own
    chase: float = 0.0  # of looks at the list of who has not voted: the officer then rings some of them up
    history_days: int = 0  # days before the opening of which sittings and changes are held too
    contact_churn: float = 0.0  # contact details changed per member and day, before the opening and after it
    slips: float = 0.0  # of the officers' ordinary changes: undone later, being the wrong member's
    cleanse: int = 0  # changes of a bulk tidying-up of contact details
    cleanse_day: int = -9  # days after the day of the opening
    contacts: bool = False  # the roll holds e-mail, telephone and address, and changes say from what to what
    shared_mailbox: float = 0.0  # of the couples: have one e-mail address between them
    placeholders: int = 0  # members with one made-up address where none was known; their letter bounces
    care_home: int = 0  # members living at one address
    roll_copies: bool = False  # several copies of the roll, and who joined, left and moved between them
    affiliates: int = 0  # members who come in one import a day before the roll is frozen
    ineligible: int = 0  # members on the roll who may not vote
    applications: bool = False  # an online vote must be applied for
    survey: int = 0  # members picked by lot and asked afterwards
    helped: int = 0  # members who vote at a stall, on an officer's device
    voided_share: float = 0.0  # of online ballots: voided at the voter's wish
    unlogged: float = (
        0.0  # of the changes of contact that officers make on a call: not written down, and a search finds no request
    )
    tracked: float = 0.0  # of members: their mail program tells the platform that a message was opened
    asks_again: float = 0.0  # of online voters: lose the confirmation and ask for a code once more
    unchecked: bool = False  # officers send codes without looking up whether the member has voted
    chain_members: int = 30  # taken by the plant reissue_chain
    chain_reverts: float = 0.0  # of the chain's changes: undone soon after the ballot
    mailbox_members: int = 5  # whose e-mail address the plant one_mailbox makes the same
    ghosts: int = 20  # applied for and voted for by the plant ghost_applications

    def __post_init__(self) -> None:
        """Refuse what no world can be made of."""
        for name in (f.name for f in fields(self) if f.type == "float"):
            if not getattr(self, name) >= 0 and name not in ("channel_log_odds", "choice_trend"):
                raise ParameterError(f"Setting: {name} = {getattr(self, name)}. Expected a number that is not below 0.")
        for name in (
            "turnout",
            "hall_share",
            "household_share",
            "vote_along",
            "readiness",
            "request_readiness",
            "support",
            "noise_memory",
            "prompt_reply",
            "mobile_share",
            "office_share",
            "reminder_bounce",
            "busy_officer",
            "voided_share",
            "unlogged",
            "tracked",
            "asks_again",
        ):
            if not getattr(self, name) < 1:
                raise ParameterError(f"Setting: {name} = {getattr(self, name)}. Expected a share below 1.")
        for name in (f.name for f in fields(self) if f.type == "int" and f.name != "cleanse_day"):
            if getattr(self, name) < 0:
                raise ParameterError(f"Setting: {name} = {getattr(self, name)}. Expected a count that is not below 0.")
        special = self.affiliates + self.ineligible + self.placeholders + self.care_home
        if special > self.n_members // 2:
            raise ParameterError(
                f"Setting: affiliates, ineligible, placeholders and care_home are {special} of {self.n_members} members. "
                "Expected at most half."
            )
        if self.affiliates and not self.roll_copies:
            raise ParameterError("Setting: affiliates join between copies of the roll. Expected roll_copies = True.")
        if not self.contacts and (self.placeholders or self.shared_mailbox or "one_mailbox" in self.plants):
            raise ParameterError("Setting: placeholders and shared mailboxes are contact details. Expected contacts = True.")
        if "early_list" in self.plants and not self.roll_copies:
            raise ParameterError("Setting: early_list hands out a copy of the roll. Expected roll_copies = True.")
        if "ghost_applications" in self.plants and not self.applications:
            raise ParameterError("Setting: ghost_applications are applications. Expected applications = True.")
        if self.n_members < 10 * self.n_branches or min(self.n_branches, self.n_administrators) < 2:
            raise ParameterError(
                f"Setting: {self.n_members} members in {self.n_branches} branches with {self.n_administrators} administrators. "
                "Expected at least 10 members a branch, 2 branches and 2 administrators."
            )
        if unknown := sorted(set(self.plants) - {*PLANTS, *OFFICE_PLANTS}):
            known = ", ".join((*PLANTS, *OFFICE_PLANTS))
            raise ParameterError(f"Setting: no plant is called {', '.join(unknown)}. Known plants: {known}.")
        if self.resolution_s not in RESOLUTIONS:
            raise ParameterError(f"Setting: resolution_s = {self.resolution_s}. Expected 1 (stamps to the second) or 60.")
        if not self.opens_at < self.hustings_at < self.closes_at - timedelta(hours=4):
            raise ParameterError(
                "Setting: the hustings must start after the opening and at least 4 hours before the close, "
                f"but the times are {self.opens_at}, {self.hustings_at}, {self.closes_at}."
            )

    @property
    def length_s(self) -> float:
        """Give the seconds from the opening to the close, as they pass (a day in which clocks change is 23 or 25 hours)."""
        return (self.closes_at - self.opens_at).total_seconds()

    def seconds(self, instant: datetime) -> float:
        """Give the seconds from the opening to an instant."""
        return (instant - self.opens_at).total_seconds()

    def local_seconds(self, day: int, hour: float) -> float:
        """Give the seconds from the opening to a local time of day, `day` days after the day of the opening."""
        date = self.opens_at.astimezone(ZoneInfo(self.timezone)).date() + timedelta(days=day)
        moment = datetime.combine(date, time(), ZoneInfo(self.timezone)) + timedelta(hours=hour)  # on the wall clock
        return self.seconds(moment.astimezone(UTC))

    @property
    def last_day(self) -> int:
        """Count the days from the day of the opening to the day of the close, in local dates."""
        zone = ZoneInfo(self.timezone)
        return (self.closes_at.astimezone(zone).date() - self.opens_at.astimezone(zone).date()).days


OFFICE_LIFE: dict[str, Any] = {  # a contest with everything on that offices and rolls are full of, and nothing planted
    "reminder_bounce": 0.02,
    "busy_officer": 0.6,
    "office_log": True,
    "chase": 0.4,
    "history_days": 56,
    "contact_churn": 0.0013,
    "slips": 0.05,
    "cleanse": 40,
    "contacts": True,
    "shared_mailbox": 0.3,
    "placeholders": 4,
    "care_home": 6,
    "roll_copies": True,
    "affiliates": 20,
    "ineligible": 6,
    "applications": True,
    "survey": 150,
    "helped": 8,
    "voided_share": 0.02,
}


@lru_cache(maxsize=16)
def hour_edges(setting: Setting) -> NDArray[np.float64]:
    """Give the seconds since the opening at which each hour of the window starts, and the close."""
    edges = np.arange(0, setting.length_s, HOUR, dtype=float)
    return np.append(edges, setting.length_s)


@lru_cache(maxsize=16)
def hourly_rates(setting: Setting) -> NDArray[np.float64]:
    """Give the expected share of a member's urge to vote in each hour of the window, before noise; sums to 1.

    Constant within an hour on purpose: the within-hour form of the burst scan has uniform stamps as its null,
    so whatever it finds in these worlds comes from members who act on each other or on a letter.
    """
    edges = hour_edges(setting)
    zone = ZoneInfo(setting.timezone)
    middle = (edges[:-1] + edges[1:]) / 2
    hour = np.array([(setting.opens_at + timedelta(seconds=s)).astimezone(zone).hour for s in middle.tolist()])
    since, left = middle / HOUR, (setting.length_s - middle) / HOUR
    rate = HOUR_OF_DAY[hour] * (1 + FIRST_DAY_LIFT * np.exp(-since / FIRST_DAY_FADE_H))
    rate *= 1 + LAST_DAY_LIFT * np.exp(-left / LAST_DAY_RISE_H)
    lift = np.ones_like(rate)
    for sent_at in setting.reminders:
        after = since - setting.seconds(sent_at) / HOUR
        lift += np.where(after > 0, setting.reminder_lift * np.exp(-np.maximum(after, 0) / setting.reminder_fade_h), 0)
    evening = since - setting.seconds(setting.hustings_at) / HOUR
    lift[(evening > 0) & (evening <= HUSTINGS_H)] *= HUSTINGS_LULL
    lift[(evening > HUSTINGS_H) & (evening <= HUSTINGS_H + AFTERWARDS_H)] *= AFTERWARDS_LIFT
    share = rate * lift * np.diff(edges)
    return share / share.sum()
