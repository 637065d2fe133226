"""What kind of edit it was that changed a contact detail, judged on the clear text before it becomes a key.

The classes are those of contact_changes.edit_class. They are signs for a reader to look by, not facts, and err so:

- `formatting_only` is exact: both texts have one canonical form.
- `typo_fix` also takes in a real change between addresses that lie close: john.smith1 to john.smith2, or the next number
  of one household. It misses a slip of more than two letters, which becomes `other`.
- `new_domain` goes by the part before the @ alone: another person may have the same one with another provider.
- `different_person_name` needs the member's own name in the old address and another person's in the new one. It misses
  addresses with no name in them, names of two letters, and people of one surname who aren't members; it is wrong where a member goes by
  another name, or passes a name on to an assistant. Where the member's own name isn't held, the new address must be
  that of another member, in full. A member who married keeps a forename and isn't counted.
- Another house in the same street is `other`: a digit that differs is never a typo in an address.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from analysis_lib.importers.pseudonyms import canonical

FIELDS = ("email", "phone", "address", "name")
SLIPS = 2  # letters that may be changed, left out, put in or swapped
_SHORTEST_DOMAIN = 8  # below, two domains nobody knows may differ by a letter and be two
_COMMON_DOMAINS = frozenset(
    [
        *("gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "hotmail.co.uk", "live.com", "live.co.uk", "msn.com"),
        *("yahoo.com", "yahoo.co.uk", "icloud.com", "me.com", "aol.com", "protonmail.com", "proton.me", "gmx.net", "gmx.de"),
        *("btinternet.com", "virginmedia.com", "ntlworld.com", "sky.com", "talktalk.net", "tiscali.co.uk", "blueyonder.co.uk"),
    ]
)
_NO_NAMES = frozenset(
    ("info", "office", "admin", "mail", "email", "contact", "team", "branch", "party", "home", "post", "the", "my", "no", "reply")
)

_TITLES = frozenset(("mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "dame", "lord", "lady", "cllr", "rev", "mbe", "obe"))


def slips(one: str, other: str, most: int = SLIPS) -> int:
    """Count how many letters must be changed, left out, put in or swapped with the next; more than `most` is `most` + 1.

    The distance of Damerau and Levenshtein in which no letter is moved twice.
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    line = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        before, last, line = line, before, [i]
        for j, b in enumerate(other, start=1):
            cost = min(before[j] + 1, line[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            line.append(cost)
        if min(line) > most and min(before) > most:
            return most + 1
    return min(line[-1], most + 1)


def _letters(text: str) -> str:
    """Keep the letters alone, small and without accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in plain if char.isalpha())


def name_words(name: str) -> list[str]:
    """Part a name into words, the forename first whichever way it is written; titles are left out."""
    last, _, first = name.partition(",")
    words = (_letters(part) for part in re.split(r"[\s.]+", f"{first} {last}"))
    return [word for word in words if word and word not in _TITLES]


def spellings(name: str) -> set[str]:
    """Write a name the ways it stands in addresses: maryjones, jonesmary, mjones, jonesm; empty for a name of one word."""
    words = name_words(name)
    if len(words) < 2 or len(words[-1]) < 2:
        return set()
    first, last = words[0], words[-1]
    return {first + last, last + first, first[0] + last, last + first[0]}


def name_index(names: Iterable[str]) -> frozenset[str]:
    """Gather the spellings of many members' names, for `email_edit`."""
    return frozenset(spelling for name in names for spelling in spellings(name))


def _is_own(local: str, name: str) -> bool:
    """Whether a part of the member's name stands in the address."""
    plain = _letters(local)
    words = name_words(name)
    initials = "".join(word[0] for word in words)
    return any(len(word) >= 3 and word in plain for word in words) or (len(initials) > 1 and plain == initials)


def _looks_like_name(local: str) -> bool:
    """Whether it is two or three words, as in mary.jones or m.jones; a guess."""
    words = re.split(r"[._\-]+", local.rstrip("0123456789"))
    is_worded = 2 <= len(words) <= 3 and all(_letters(word) == word != "" for word in words)
    return is_worded and len(words[-1]) >= 3 and not _NO_NAMES & set(words)


def _names_another(old: str, new: str, own_name: str, others: frozenset[str]) -> bool:
    is_member = _letters(new) in others
    if not name_words(own_name):
        shares_a_word = bool(set(re.findall(r"[a-z]{3,}", old)) & set(re.findall(r"[a-z]{3,}", new)))
        return is_member and _letters(old) not in (_letters(new), "") and _looks_like_name(old) and not shares_a_word
    if not _is_own(old, own_name) or _letters(new) in spellings(own_name):
        return False
    return is_member or (not _is_own(new, own_name) and _looks_like_name(new))


def _is_typo(old: str, new: str) -> bool:
    """Whether few letters differ, and fewer than half of the shorter text."""
    return slips(old, new) <= min(SLIPS, (min(len(old), len(new)) - 1) // 2)


def _is_domain_typo(old: str, new: str) -> bool:
    if (old in _COMMON_DOMAINS) != (new in _COMMON_DOMAINS):
        return slips(old, new) <= SLIPS
    is_unknown = old not in _COMMON_DOMAINS and new not in _COMMON_DOMAINS
    return is_unknown and min(len(old), len(new)) >= _SHORTEST_DOMAIN and slips(old, new, 1) == 1


def email_edit(old: str, new: str, own_name: str = "", others: frozenset[str] = frozenset()) -> str:
    """Class the edit of an e-mail address, both given in canonical form and not the same.

    Parameters
    ----------
    old, new : str
        The addresses.
    own_name : str
        The member's name; "" where it isn't held.
    others : frozenset of str
        `name_index` of all members' names.
    """
    old_local, old_at, old_domain = old.rpartition("@")
    new_local, new_at, new_domain = new.rpartition("@")
    if not (old_at and new_at and old_local and new_local):
        return "other"
    if old_local == new_local:
        return "typo_fix" if _is_domain_typo(old_domain, new_domain) else "new_domain"
    if _names_another(old_local, new_local, own_name, others):
        return "different_person_name"
    return "typo_fix" if old_domain == new_domain and _is_typo(old_local, new_local) else "other"


def _digits(text: str) -> list[str]:
    """Give the words with a digit in them: house, flat and postcode."""
    return [word for word in text.split() if any(char.isdigit() for char in word)]


def _phone_edit(old: str, new: str) -> str:
    return "typo_fix" if slips(old, new, 1) == 1 and min(len(old), len(new)) > 6 else "other"


def _address_edit(old: str, new: str) -> str:
    return "typo_fix" if _digits(old) == _digits(new) and _is_typo(old, new) else "other"


def _name_edit(old: str, new: str) -> str:
    if _is_typo(old, new):
        return "typo_fix"
    old_words, new_words = set(name_words(old)), set(name_words(new))
    return "other" if _have_in_common(old_words, new_words) or not (old_words and new_words) else "different_person_name"


def _have_in_common(one: set[str], other: set[str]) -> bool:
    """Whether two names share a word, or one has an initial that fits a word of the other."""
    initials = ({word for word in words if len(word) == 1} for words in (one, other))
    return bool(one & other or any(word[0] in letters for letters in initials for word in one | other if len(word) > 1))


def edit_class(
    field: str, old: str, new: str, *, own_name: str = "", others: frozenset[str] = frozenset(), region: str = "GB"
) -> str:
    """Class an edit of a contact detail on its clear text; the module says how it errs.

    Swapping `old` and `new` swaps `added` and `removed`, may change `different_person_name`, and changes nothing else.

    Parameters
    ----------
    field : {"email", "phone", "address", "name"}
        What was edited.
    old, new : str
        The texts as they stand on the roll; blank where there is none.
    own_name : str
        The member's name; "" where it isn't held. Only e-mail addresses are held against names.
    others : frozenset of str
        `name_index` of the members' names.
    region : str
        Country of telephone numbers written without one.

    Returns
    -------
    str
        A category of contact_changes.edit_class; `unknown` for a field that isn't one of these.
    """
    if field not in FIELDS:
        return "unknown"
    before, after = (canonical(field, text, region) for text in (old, new))
    if before == after:
        return "formatting_only"
    if not before or not after:
        return "removed" if not after else "added"
    if field == "email":
        return email_edit(before, after, own_name, others)
    return {"phone": _phone_edit, "address": _address_edit, "name": _name_edit}[field](before, after)
