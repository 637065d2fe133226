"""A made-up selection told forwards in time: a letter is lost, then the member finds no code, then asks.

Nothing is drawn backwards from a ballot. Everybody acts on what has happened so far, in order of time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from math import log
from typing import Any, NamedTuple

from analysis_lib.simulate.contacts import Contacts
from analysis_lib.simulate.people import People
from analysis_lib.simulate.setting import HOUR
from analysis_lib.simulate.world import BOUNCE_NOTICED, CHANGED_ADDRESS, MINUTE, NOTICING_S, World

HALL_COUNT_AFTER_S, HALL_KEYING_S = 2.25 * HOUR, HOUR  # the papers are keyed in after the hustings, within an hour
KEYING_GAP_S = (12, 40)
SYNCED_S = 20  # from the membership database to the platform
INVITATION = "e1"  # the first mailing; reminders are numbered on from it
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
    code: int = 0  # which of the member's codes, counted from 1


class Credential(NamedTuple):
    """Something that happened to a member's code; `officer` is the administrator's number, if one acted."""

    at: float
    member: int
    event: str
    trigger: str | None = None
    officer: int | None = None
    plant: str = ""
    code: int = 0
    message: str = ""  # the mailing it came with
    asked_at: float | None = None
    destination: tuple[str, str] = ("", "")  # kind and name


class Change(NamedTuple):
    """A contact detail written into the membership database; without an officer the member did it."""

    at: float
    member: int
    officer: int | None
    evidence: str
    plant: str = ""
    field: str = "email"
    old: str | None = None
    new: str | None = None
    edit: str = ""


class Action(NamedTuple):
    """A line of the platform's log of administrators; `officer` is null for the platform itself."""

    at: float
    officer: int | None
    action: str
    target: int | None = None  # the member it was done to
    is_done: bool = True


class Application(NamedTuple):
    """An application for the online vote."""

    at: float
    member: int
    via: str
    contact: str
    network: str
    decision: str
    decided_at: float
    plant: str = ""


class RollChange(NamedTuple):
    """Somebody came onto the roll, left it, moved or lost the vote; one who isn't among the members goes by a name."""

    at: float
    person: int | str
    change: str
    officer: int
    reason: str | None = None
    old_branch: int | None = None


@dataclass
class Story:
    """What happens, in order: acts wait in a queue by their instant, and may put further acts into it."""

    world: World
    people: People = field(default_factory=People)
    ballots: list[Ballot] = field(default_factory=list)
    credentials: list[Credential] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)  # members who asked for a code
    found_used: list[int] = field(default_factory=list)  # members who came to vote too late: see find_it_used
    applications: list[Application] = field(default_factory=list)
    roll_changes: list[RollChange] = field(default_factory=list)
    former: dict[str, int] = field(default_factory=dict)  # branch of each who left before the copy that was loaded
    member_for_days: dict[int | str, int] = field(default_factory=dict)  # before the opening
    looks: list[tuple[float, int]] = field(default_factory=list)  # at the list of who has voted
    reminded: list[tuple[int, int]] = field(default_factory=list)  # by reminder: recipients, bounces
    voided_at: dict[int, float] = field(default_factory=dict)
    notes: dict[str, list[int]] = field(default_factory=dict)  # members by what happened to them, for the truth
    on_vote: list[Callable[[float, int], None]] = field(default_factory=list)
    on_dead_code: list[Callable[[float, int, int], None]] = field(default_factory=list)
    on_arrival: list[Callable[[Credential], None]] = field(default_factory=list)  # of a message

    def __post_init__(self) -> None:
        """Start with nobody having voted and nobody holding a code."""
        n = self.world.setting.n_members
        self.has_ballot, self.is_taken = [False] * n, [False] * n
        self.was_sent, self.holds_code, self.is_reissued = [False] * n, [False] * n, [False] * n
        self.latest_wish = [0] * n  # a fresh code puts an older intention out of force
        self.code = [0] * n  # how many codes each has had
        self.asked_at: dict[int, float] = {}
        self.has_left: set[int] = set()
        barred = self.people.ineligible
        self.is_online = [not hall and m not in barred for m, hall in enumerate(self.world.in_hall)]
        self.contacts = Contacts(self.world, self.people)
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

    def note(self, at: float, officer: int | None, action: str, target: int | None = None, *, is_done: bool = True) -> None:
        """Write a line of the log of administrators."""
        self.actions.append(Action(at, officer, action, target, is_done))

    def log_code(
        self, at: float, member: int, event: str, trigger: str | None = None, officer: int | None = None, **more: Any
    ) -> None:
        """Write a line of the log of codes, about the code last made for the member unless another is named."""
        known = {"code": self.code[member], "destination": self.contacts.destination(member)}
        self.credentials.append(Credential(at, member, event, trigger, officer, **(known | more)))
        if event == "delivered":
            for act in self.on_arrival:
                act(self.credentials[-1])

    def change(
        self,
        at: float,
        member: int,
        officer: int | None,
        evidence: str,
        plant: str = "",
        *,
        kind: str = "email",
        edit: str = "",
        new: str | None = None,
    ) -> None:
        """Write another contact detail, a fresh one unless it is given; the platform sends what follows there."""
        old, new, edit = self.contacts.write(member, kind, edit, new)
        self.changes.append(Change(at, member, officer, evidence, plant, kind, old, new, edit))
        if not self.world.setting.office_log or kind != "email":
            return
        if officer is not None and officer >= 0:
            self.note(at, officer, "voter_edited", member)
        if self.code[member]:
            self.log_code(at + SYNCED_S, member, "destination_changed", "contact_change", officer, plant=plant)

    def cast(self, at: float, member: int, role: str, network: str, plant: str = "", device: str = "") -> None:
        """Put an online ballot in, with the member's latest code."""
        event = "recast" if member in self.voided_at else "cast"
        self.has_ballot[member] = True
        self.ballots.append(Ballot(at, member, event, "online", role, network, plant, device, self.code[member]))
        if self.world.setting.office_log:
            self.log_code(at, member, "used", plant=plant)

    def leave(self, at: float, member: int) -> None:
        """Take a member off the roll: the code stops working."""
        self.has_left.add(member)
        self.is_taken[member], self.holds_code[member] = True, False
        self.latest_wish[member] += 1
        if self.world.setting.office_log and not self.has_ballot[member] and self.code[member]:
            self.log_code(at, member, "revoked", "system")

    def standing(self) -> list[Ballot]:
        """Give the ballots that count: those of all voters, and of a voided one the ballot cast afterwards, if any."""
        return [b for b in self.ballots if b.event != "voided" and not b.at < self.voided_at.get(b.member, b.at)]

    def waiting(self) -> list[int]:
        """List members who have been sent a code and in whose name no ballot has been cast, at this instant."""
        return [m for m, was_sent in enumerate(self.was_sent) if was_sent and not self.has_ballot[m] and not self.is_taken[m]]

    # -- codes ---------------------------------------------------------------------------------

    def open(self) -> None:
        """Send the codes, let officers have their routine, and gather the hall."""
        world, setting = self.world, self.world.setting
        for member in range(setting.n_members):
            if self.is_online[member]:
                self.later(world.issued_at[member], self.issue, member)
                self.later(world.when(0, world.courtesy_rate[member], world.courtesy_e[member]), self.think_of, member)
        for number, (sent_at, delays) in enumerate(zip(setting.reminders, world.replies_after_s, strict=True)):
            self.later(setting.seconds(sent_at), self.remind, number)
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
                    self.looks.append((start + MINUTE, officer))

    def issue(self, at: float, member: int) -> None:
        """Send a member the code: it arrives, is lost on the way unseen, or bounces."""
        world, fate = self.world, self.world.letter[member]
        arrival = at + world.transit_s[member]
        self.code[member] = 1
        self.log_code(at, member, "issued", "bulk_issue", message=INVITATION)
        if fate == "bounced":
            self.log_code(arrival, member, "bounced", message=INVITATION)
            trigger = "bounce_fix" if world.is_bounce_fix[member] else "admin_initiated"
            noticed = world.attended(member, arrival + world.notices_after_s[member])
            self.later(noticed, self.attend, member, trigger, "bounce_logged")
        else:
            self.later(arrival, self.receive, member, fate == "lost")

    def receive(self, at: float, member: int, is_lost: bool) -> None:
        """Deliver the letter: the member sees it and will vote in time of their own, or doesn't, and will look for it then."""
        world = self.world
        self.log_code(at, member, "delivered", message=INVITATION)
        self.was_sent[member], self.holds_code[member] = True, not is_lost
        wish = world.when(at, world.urge[member], world.first_e[member])
        self.later(wish, self.miss_the_code if is_lost else self.vote, member, 0)

    def remind(self, at: float, number: int) -> None:
        """Write to everybody who has a code and has not voted; some addresses have died, and an officer may see that."""
        world, setting = self.world, self.world.setting
        recipients = [m for m, code in enumerate(self.code) if code and not self.has_ballot[m] and m not in self.has_left]
        fates = (
            world.streams["bounces"].random((3, len(recipients))).tolist()
            if setting.reminder_bounce
            else [[1.0] * len(recipients)] * 3
        )
        n_bounced = 0
        for member, dies, noticed, wait in zip(recipients, *fates, strict=True):
            arrival, message = at + world.transit_s[member], f"e{number + 2}"
            if dies < setting.reminder_bounce:
                n_bounced += 1
                self.notes.setdefault("reminder_bounced", []).append(member)
                self.log_code(arrival, member, "bounced", "reminder", message=message)
                if noticed < BOUNCE_NOTICED:
                    when = world.attended(member, arrival - NOTICING_S * log(1 - wait))
                    self.later(when, self.attend, member, "bounce_fix", "bounce_logged")
            elif setting.office_log:
                self.log_code(arrival, member, "delivered", "reminder", message=message)
        self.reminded.append((len(recipients), n_bounced))

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
        self.asked_at[member] = at
        self.later(self.world.attended(member, at), self.attend, member, "member_request", "member_request_logged")

    def think_of(self, at: float, member: int) -> None:
        """Put a member on an officer's mind, unasked, as somebody to send a fresh code to."""
        self.later(self.world.attended(member, at), self.attend, member, "admin_initiated", None)

    def attend(self, at: float, member: int, trigger: str, evidence: str | None) -> None:
        """Get to a task, unless it has settled itself; the address may be corrected first."""
        world = self.world
        if self.is_taken[member] and trigger == "member_request":
            self.find_it_used(member)
        is_done = self.has_ballot[member] and not world.setting.unchecked
        if self.is_taken[member] or is_done or self.is_reissued[member]:
            return
        self.is_reissued[member] = True
        if evidence is not None and world.change_u[member] < CHANGED_ADDRESS[evidence]:
            self.change(at, member, world.officer[member], self.noted(evidence))
            at += world.change_gap_s[member]
        self.later(at, self.reissue, member, trigger)

    def noted(self, evidence: str) -> str:
        """Give what a search finds of why an officer changed a contact: a bounce in its log, a call only if it was written down."""
        share = self.world.setting.unlogged if evidence != "bounce_logged" else 0.0
        return "none_found" if share and self.world.streams["notes"].random() < share else evidence

    def reissue(self, at: float, member: int, trigger: str, officer: int | None = None) -> None:
        """Send a new code in place of the old one, which stops working."""
        world = self.world
        if self.is_taken[member]:
            return
        officer = world.officer[member] if officer is None else officer
        self.code[member] += 1
        asked_at = self.asked_at.get(member) if trigger == "member_request" else None
        self.log_code(at, member, "reissued_new", trigger, officer, asked_at=asked_at)
        self.note(at, officer, "credential_resent", member)
        self.latest_wish[member] += 1
        self.holds_code[member] = False
        self.later(at + world.transit_s[member], self.receive_fresh, member, trigger, self.latest_wish[member], self.code[member])

    def receive_fresh(self, at: float, member: int, trigger: str, wish: int, code: int) -> None:
        """Deliver a fresh code: some members act on it at once, the others go back to an ordinary pace."""
        world, setting = self.world, self.world.setting
        self.log_code(at, member, "delivered", code=code)
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
            for act in self.on_dead_code:
                act(at, member, wish)
            return
        if self.is_taken[member]:
            self.find_it_used(member)
            return
        if self.has_ballot[member]:
            return
        home = world.household[member]
        device = device or f"member {member}"
        self.cast(at, member, "self", world.network[member], device=device)
        for hook in self.on_vote:
            hook(at, member)
        for mate in self._housemates[home]:
            if self.holds_code[mate] and not self.has_ballot[mate] and world.along_u[mate] < world.setting.vote_along:
                shared = device if world.shares_device[mate] else ""
                self.later(at + world.along_s[mate], self.vote, mate, self.latest_wish[mate], shared)

    def find_it_used(self, member: int) -> None:
        """Record a member who comes to vote when the code is dead, or a ballot has been cast in the member's name."""
        if member not in self.found_used and member not in self.has_left:
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
