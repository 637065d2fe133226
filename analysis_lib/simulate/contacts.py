"""Members' e-mail addresses, telephone numbers and postal addresses, as they stand at each instant of a story."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import TYPE_CHECKING

from analysis_lib.simulate.people import People
from analysis_lib.simulate.world import World

if TYPE_CHECKING:
    from analysis_lib.simulate.story import Change

KINDS = ("email", "phone", "postal_address")
DOMAINS = {"free_webmail": 0.62, "isp": 0.22, "work": 0.08, "education": 0.04, "party": 0.04}
HAS_EMAIL, HAS_PHONE = 0.94, 0.8
# What an ordinary change amounts to, by kind.
EDITS = {
    "email": {"new_domain": 0.55, "typo_fix": 0.3, "formatting_only": 0.1, "different_person_name": 0.05},
    "phone": {"other": 0.8, "typo_fix": 0.2},
    "postal_address": {"other": 0.85, "formatting_only": 0.15},
}
PLACEHOLDER = "nobody"


class Contacts:
    """What is held of each member; names stand for details, none for a blank. Two members of one name share the detail."""

    def __init__(self, world: World, people: People) -> None:
        """Draw what is held at first. Without the trait everybody has an address of each kind, and nothing is drawn."""
        setting = world.setting
        self._rng, self._next = world.streams["contacts"], count(setting.n_members)
        n = setting.n_members
        email: list[str | None] = [str(m) for m in range(n)]
        phone: list[str | None] = [str(m) for m in range(n)]
        address: list[str | None] = [str(home) for home in world.household]
        self.domain: dict[str | None, str] = {None: "missing", PLACEHOLDER: "placeholder"}
        self.shared: list[tuple[int, int]] = []  # couples with one mailbox at first
        self.redirected: dict[int, tuple[str, str]] = {}  # members who gave another address when they applied
        self.hides_email, self.hides_phone = [False] * n, [False] * n
        if setting.contacts:
            has_email, has_phone, shares, hides_email, hides_phone = self._rng.random((5, n)).tolist()
            email = [name if u < HAS_EMAIL else None for name, u in zip(email, has_email, strict=True)]
            phone = [p if e is None or u < HAS_PHONE else None for p, e, u in zip(phone, email, has_phone, strict=True)]
            for member, home in enumerate(world.household):
                if home != member and shares[member] < setting.shared_mailbox:
                    email[member] = email[home] = email[home] or str(home)
                    self.shared.append((home, member))
            for member in people.placeholders:
                email[member] = PLACEHOLDER
            self.shared = [pair for pair in self.shared if not people.placeholders & {*pair}]
            classes = self._rng.choice(list(DOMAINS), n, p=list(DOMAINS.values())).tolist()
            self.domain |= {name: classes[m] for m, name in enumerate(email) if name not in self.domain}
            self.hides_email, self.hides_phone = [u < 0.06 for u in hides_email], [u < 0.1 for u in hides_phone]
        for member in people.care_home:
            address[member] = address[people.care_home[0]]
        self._first = dict(zip(KINDS, (email, phone, address), strict=True))
        self.held = {kind: list(names) for kind, names in self._first.items()}

    def destination(self, member: int) -> tuple[str, str]:
        """Give where a code goes: the e-mail address, or the telephone of one who has none."""
        if member in self.redirected:
            return self.redirected[member]
        mailbox = self.held["email"][member]
        return ("email", mailbox) if mailbox is not None else ("sms", str(self.held["phone"][member]))

    def write(self, member: int, kind: str, edit: str, new: str | None) -> tuple[str | None, str | None, str]:
        """Write a detail and give what stood there, what stands there now, and what that amounts to."""
        old = self.held[kind][member]
        if kind == "email":
            self.redirected.pop(member, None)
        if new is None and edit != "removed":
            edit = "added" if old is None else edit or str(self._rng.choice(list(EDITS[kind]), p=list(EDITS[kind].values())))
            new = old if edit == "formatting_only" else str(next(self._next))
        elif old is None:
            edit = "added"
        if kind == "email" and new not in self.domain:
            keeps = edit in ("typo_fix", "different_person_name") and self.domain.get(old) in DOMAINS
            self.domain[new] = self.domain[old] if keeps else str(self._rng.choice(list(DOMAINS), p=list(DOMAINS.values())))
        self.held[kind][member] = new
        return old, new, edit

    def as_of(self, at: float, changes: Iterable[Change]) -> dict[str, list[str | None]]:
        """Give what was held at an instant."""
        held = {kind: list(names) for kind, names in self._first.items()}
        for change in sorted(changes, key=lambda change: change.at):
            if change.at <= at:
                held[change.field][change.member] = change.new
        return held
