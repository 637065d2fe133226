"""A made-up selection told forwards in time: a letter is lost, then the member finds no code, then asks.

Nothing is drawn backwards from a ballot. Everybody acts on what has happened so far, in order of time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Any, NamedTuple

from analysis_lib.simulate.setting import HOUR
from analysis_lib.simulate.world import CHANGED_ADDRESS, MINUTE, World

HALL_COUNT_AFTER_S, HALL_KEYING_S = 2.25 * HOUR, HOUR  # the papers are keyed in after the hustings, within an hour
KEYING_GAP_S = (12, 40)
LOOKS = 0.5  # share of sittings in which the officer looks at who has voted


class Ballot(NamedTuple):
    """A ballot as the platform will show it; `plant` is known to the truth only."""

    at: float
    member: int
    event: str
    channel: str
    actor_role: str
    network: str
    plant: str = ""
    device: str = ""


class Credential(NamedTuple):
    """Something that happened to a member's code; `officer` is the administrator's number, if one acted."""

    at: float
    member: int
    event: str
    trigger: str | None = None
    officer: int | None = None
    plant: str = ""


class Change(NamedTuple):
    """A new e-mail address written into the membership database."""

    at: float
    member: int
    officer: int
    evidence: str
    plant: str = ""


class Action(NamedTuple):
    """A line of the platform's log of administrators; `officer` is null for the platform itself."""

    at: float
    officer: int | None
    action: str


@dataclass
class Story:
    """What happens, in order: acts wait in a queue by their instant, and may put further acts into it."""

    world: World
    ballots: list[Ballot] = field(default_factory=list)
    credentials: list[Credential] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)  # members who asked for a code
    found_used: list[int] = field(default_factory=list)  # members who came to vote too late: see find_it_used

    def __post_init__(self) -> None:
        """Start with nobody having voted and nobody holding a code."""
        n = self.world.setting.n_members
        self.has_ballot, self.is_taken = [False] * n, [False] * n
        self.was_sent, self.holds_code, self.is_reissued = [False] * n, [False] * n, [False] * n
        self.latest_wish = [0] * n  # a fresh code puts an older intention out of force
        self._queue: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = count()
        self._housemates: dict[int, list[int]] = {}
        for member, home in enumerate(self.world.household):
            self._housemates.setdefault(home, []).append(member)

    def later(self, at: float, act: Callable[..., None], *args: Any) -> None:
        """Queue an act; one that would come after the close never happens."""
        if at < self.world.setting.length_s:
            heappush(self._queue, (at, next(self._order), act, args))

    def run(self) -> None:
        """Tell the story to its end."""
        while self._queue:
            at, _, act, args = heappop(self._queue)
            act(at, *args)

    def note(self, at: float, officer: int | None, action: str) -> None:
        """Write a line of the log of administrators."""
        self.actions.append(Action(at, officer, action))

    # -- codes ---------------------------------------------------------------------------------

    def open(self) -> None:
        """Send the codes, let officers have their routine, and gather the hall."""
        world, setting = self.world, self.world.setting
        for member in range(setting.n_members):
            if not world.in_hall[member]:
                self.later(world.issued_at[member], self.issue, member)
                self.later(world.when(0, world.courtesy_rate[member], world.courtesy_e[member]), self.think_of, member)
        for sent_at, delays in zip(setting.reminders, world.replies_after_s, strict=True):
            for member, delay in enumerate(delays):
                self.later(setting.seconds(sent_at) + delay, self.reply, member)
        self.later(setting.seconds(setting.hustings_at) + HALL_COUNT_AFTER_S, self.key_in_the_hall)
        self.note(0, None, "contest_opened")
        self.note(setting.length_s, None, "contest_closed")
        for officer, starts in enumerate(world.sittings):
            looks = world.streams["views"].random(len(starts)) < LOOKS
            for start, is_looking in zip(starts, looks.tolist(), strict=True):
                self.later(start, self.note, officer, "login")
                if is_looking:
                    self.later(start + MINUTE, self.note, officer, "view_turnout_list")

    def issue(self, at: float, member: int) -> None:
        """Send a member the code: it arrives, is lost on the way unseen, or bounces."""
        world, fate = self.world, self.world.letter[member]
        arrival = at + world.transit_s[member]
        self.credentials.append(Credential(at, member, "issued", "bulk_issue"))
        if fate == "bounced":
            self.credentials.append(Credential(arrival, member, "bounced"))
            trigger = "bounce_fix" if world.is_bounce_fix[member] else "admin_initiated"
            noticed = world.attended(member, arrival + world.notices_after_s[member])
            self.later(noticed, self.attend, member, trigger, "bounce_logged")
        else:
            self.later(arrival, self.receive, member, fate == "lost")

    def receive(self, at: float, member: int, is_lost: bool) -> None:
        """Deliver the letter: the member sees it and will vote in time of their own, or doesn't, and will look for it then."""
        world = self.world
        self.credentials.append(Credential(at, member, "delivered"))
        self.was_sent[member], self.holds_code[member] = True, not is_lost
        wish = world.when(at, world.urge[member], world.first_e[member])
        self.later(wish, self.miss_the_code if is_lost else self.vote, member, 0)

    def reply(self, at: float, member: int) -> None:
        """Act on a reminder at once, with the code at hand."""
        if self.holds_code[member] and not self.has_ballot[member]:
            self.vote(at, member, self.latest_wish[member])

    def miss_the_code(self, at: float, member: int, wish: int) -> None:
        """Let a member who wants to vote find no code; a request follows."""
        if wish == self.latest_wish[member]:
            self.later(at + self.world.asks_after_s[member], self.ask, member)

    def ask(self, at: float, member: int) -> None:
        """Ask for a code; the officer sees the request at one of the next sittings."""
        if self.is_reissued[member]:
            return
        self.asked.append(member)
        self.later(self.world.attended(member, at), self.attend, member, "member_request", "member_request_logged")

    def think_of(self, at: float, member: int) -> None:
        """Put a member on an officer's mind, unasked, as somebody to send a fresh code to."""
        self.later(self.world.attended(member, at), self.attend, member, "admin_initiated", None)

    def attend(self, at: float, member: int, trigger: str, evidence: str | None) -> None:
        """Get to a task, unless it has settled itself; the address may be corrected first."""
        world = self.world
        if self.is_taken[member] and trigger == "member_request":
            self.find_it_used(member)
        if self.is_taken[member] or self.has_ballot[member] or self.is_reissued[member]:
            return
        self.is_reissued[member] = True
        if evidence is not None and world.change_u[member] < CHANGED_ADDRESS[evidence]:
            self.changes.append(Change(at, member, world.officer[member], evidence))
            at += world.change_gap_s[member]
        self.later(at, self.reissue, member, trigger)

    def reissue(self, at: float, member: int, trigger: str) -> None:
        """Send a new code in place of the old one, which stops working."""
        world = self.world
        if self.is_taken[member]:
            return
        self.credentials.append(Credential(at, member, "reissued_new", trigger, world.officer[member]))
        self.note(at, world.officer[member], "credential_resent")
        self.latest_wish[member] += 1
        self.holds_code[member] = False
        self.later(at + world.transit_s[member], self.receive_fresh, member, trigger, self.latest_wish[member])

    def receive_fresh(self, at: float, member: int, trigger: str, wish: int) -> None:
        """Deliver a fresh code: some members act on it at once, the others go back to an ordinary pace."""
        world, setting = self.world, self.world.setting
        self.credentials.append(Credential(at, member, "delivered"))
        if self.is_taken[member]:
            return
        self.was_sent[member] = self.holds_code[member] = True
        readiness = setting.request_readiness if trigger == "member_request" else setting.readiness
        if world.ready_u[member] < readiness:
            self.later(at + world.ready_s[member], self.vote, member, wish)
        else:
            self.later(world.when(at, world.fresh_urge[member], world.fresh_e[member]), self.vote, member, wish)

    # -- ballots -------------------------------------------------------------------------------

    def vote(self, at: float, member: int, wish: int, device: str = "") -> None:
        """Vote online, once, unless a ballot has been cast in the member's name; a housemate may vote along."""
        world = self.world
        if wish != self.latest_wish[member]:
            return
        if self.is_taken[member]:
            self.find_it_used(member)
            return
        if self.has_ballot[member]:
            return
        home = world.household[member]
        self.has_ballot[member] = True
        device = device or f"member {member}"
        self.ballots.append(Ballot(at, member, "cast", "online", "self", world.network[member], device=device))
        for mate in self._housemates[home]:
            if self.holds_code[mate] and not self.has_ballot[mate] and world.along_u[mate] < world.setting.vote_along:
                shared = device if world.shares_device[mate] else ""
                self.later(at + world.along_s[mate], self.vote, mate, self.latest_wish[mate], shared)

    def find_it_used(self, member: int) -> None:
        """Record a member who comes to vote when the code is dead, or a ballot has been cast in the member's name."""
        if member not in self.found_used:
            self.found_used.append(member)

    def key_in_the_hall(self, at: float) -> None:
        """Key in the papers of the hall, one after the other, as one batch."""
        world = self.world
        voters = [m for m, comes in enumerate(world.comes_to_hall) if comes]
        rng = world.streams["hall"]
        rng.shuffle(voters)
        gaps = rng.uniform(*KEYING_GAP_S, len(voters)).cumsum()
        pace = min(1, HALL_KEYING_S / gaps[-1]) if voters else 1
        for member, gap in zip(voters, (gaps * pace).tolist(), strict=True):
            self.has_ballot[member] = True
            self.ballots.append(Ballot(at + gap, member, "entered_by_officer", "in_person", "procedures_secretary", ""))
