"""Keys in place of people: the case key, the one way in which each kind of text is written before it is hashed, the hash."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import ipaddress
import os
import re
import secrets
import stat
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import phonenumbers

from analysis_lib.errors import ParameterError

KEY_BYTES = 32
KEY_DIGITS = 32  # hexadecimal digits of a key that are kept: enough that no two members share one
DEFAULT_REGION = "GB"  # country of telephone numbers written without one

CANONICAL_RULES: Mapping[str, str] = {
    "member": "trimmed, Unicode NFKC, capitals; a number (up to three letters, then digits) without spaces and hyphens; zeros in front are kept",
    "email": "trimmed, Unicode NFKC, small letters, the domain in its IDNA form; plus tags and dots are kept",
    "phone": "international form E.164; a number that can't be read as one: its digits",
    "address": "Unicode NFKC, small letters, punctuation and runs of spaces as one space; flat numbers are kept",
    "ip": "as the standard writes it, small letters, without zeros in front",
    "ip_prefix": "the first 24 bits of an IPv4 address, the first 48 of an IPv6 address",
    "credential": "trimmed",
    "ballot": "trimmed",
    "device": "trimmed",
    "session": "trimmed",
    "officer": "trimmed, Unicode NFKC, small letters",
    "name": "Unicode NFKC, small letters, runs of spaces as one space",
    "event": "as made from the row",
}
KINDS = tuple(CANONICAL_RULES)


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


_NUMBER = re.compile(
    r"(?=.*[0-9])[^\W\d_]{0,3}[0-9\s\-\u2010-\u2015]+"
)  # how membership numbers are written; an account's name isn't


def _member(text: str, _region: str) -> str:
    plain = unicodedata.normalize("NFKC", text).strip()
    return (re.sub(r"[^\w]+", "", plain) if _NUMBER.fullmatch(plain) else plain).upper()


def _email(text: str, _region: str) -> str:
    local, at, domain = unicodedata.normalize("NFKC", text).strip().lower().rpartition("@")
    with contextlib.suppress(UnicodeError):  # a domain that IDNA can't write stays as it is
        domain = domain.encode("idna").decode("ascii")
    return f"{local}{at}{domain}"


def _phone(text: str, region: str) -> str:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        number = None
    if number is not None and phonenumbers.is_possible_number(number):
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return re.sub(r"\D", "", unicodedata.normalize("NFKC", text)) or _folded(text)


def _address(text: str, _region: str) -> str:
    return " ".join(re.sub(r"[^\w]+", " ", _folded(text)).split())


def _ip(text: str, _region: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip().strip("[]").partition("%")[0]))
    except ValueError:
        return _folded(text)


def _ip_prefix(text: str, _region: str) -> str:
    try:
        address = ipaddress.ip_address(_ip(text, ""))
    except ValueError:
        return _folded(text)
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))


_FORMS: Mapping[str, Callable[[str, str], str]] = {
    "member": _member,
    "email": _email,
    "phone": _phone,
    "address": _address,
    "ip": _ip,
    "ip_prefix": _ip_prefix,
    "credential": lambda text, _: text.strip(),
    "ballot": lambda text, _: text.strip(),
    "device": lambda text, _: text.strip(),
    "session": lambda text, _: text.strip(),
    "officer": lambda text, _: _folded(text),
    "name": lambda text, _: _folded(text),
    "event": lambda text, _: text,
}


def canonical(kind: str, text: str, region: str = DEFAULT_REGION) -> str:
    """Write a text in the one form that is hashed, by the rule in `CANONICAL_RULES`.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    region : str
        Country (two letters) of telephone numbers written without one.
    """
    return _FORMS[kind](text, region.upper())


@dataclass(frozen=True, slots=True)
class CaseKey:
    """The secret that turns members into keys. Whoever holds it can find out who is meant, so it never lies in a package."""

    _secret: bytes = field(repr=False)
    region: str = DEFAULT_REGION

    def key(self, kind: str, text: str) -> str:
        """Give the key of a text: the same for the same kind and canonical form; "" for a blank one."""
        plain = canonical(kind, text, self.region)
        if not plain:
            return ""
        return hmac.new(self._secret, f"{kind}:{plain}".encode(), hashlib.sha256).hexdigest()[:KEY_DIGITS]


def default_path(package: Path) -> Path:
    """Where the case key lies unless another place is named: beside the package's folder."""
    whole = package.resolve()
    return whole.with_name(f"{whole.name}.case-key")


def _outside(path: Path, package: Path) -> None:
    if path.resolve().is_relative_to(package.resolve()):
        raise ParameterError(
            f"{path}: the case key would lie in the package's folder and be handed on with it. "
            f"Expected a place outside {package}. Name another with --case-key, for instance {default_path(package)}."
        )
    if other := next((folder for folder in path.resolve().parents if (folder / "datapackage.json").is_file()), None):
        raise ParameterError(
            f"{path}: the case key would lie in the folder of another package, {other}, and be handed on with it. "
            "Expected a place in no package. Name another with --case-key, or move the package out of that folder."
        )


def load_case_key(path: Path, package: Path, region: str = DEFAULT_REGION) -> CaseKey:
    """Read a case key from its file.

    Raises
    ------
    ParameterError
        It lies in the package, others on this computer may read it, or it isn't a key.
    """
    _outside(path, package)
    try:
        mode, text = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise ParameterError(
            f"{path}: the case key can't be read ({error.strerror}). Expected the key this case was begun with. "
            "Without it members of this file can't be joined with those imported before."
        ) from None
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ParameterError(
            f"{path}: others on this computer may read the case key. Expected a file that only you can open. Run: chmod 600 {path}"
        )
    if not re.fullmatch(rb"[0-9a-fA-F]{%d}\s*" % (2 * KEY_BYTES), text):
        raise ParameterError(
            f"{path}: this isn't a case key. Expected {2 * KEY_BYTES} hexadecimal digits and nothing else, as `import` wrote them. "
            "Name the right file with --case-key."
        )
    return CaseKey(bytes.fromhex(text.decode("ascii").strip()), region)


def new_case_key(region: str = DEFAULT_REGION) -> CaseKey:
    """Make a case key; `save_case_key` writes it down."""
    return CaseKey(secrets.token_bytes(KEY_BYTES), region)


def save_case_key(key: CaseKey, path: Path, package: Path) -> None:
    """Write a case key to a new file that only its owner can open.

    Raises
    ------
    ParameterError
        The place lies in the package, a file is there already, or none can be written there.
    """
    _outside(path, package)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key._secret.hex() + "\n")
    except OSError as error:
        raise ParameterError(
            f"{path}: a case key can't be written there ({error.strerror}). Expected a new file in a folder you may write to. "
            "Name another place with --case-key."
        ) from None


_DOMAINS: Mapping[str, str] = {
    "free_webmail": (
        "gmail.com googlemail.com outlook.com hotmail.com hotmail.co.uk live.com live.co.uk msn.com yahoo.com yahoo.co.uk "
        "ymail.com icloud.com me.com mac.com aol.com proton.me protonmail.com gmx.com gmx.de gmx.net web.de mail.com "
        "zoho.com fastmail.com tutanota.com yandex.com mail.ru qq.com"
    ),
    "isp": (
        "btinternet.com btopenworld.com virginmedia.com ntlworld.com blueyonder.co.uk sky.com talktalk.net tiscali.co.uk "
        "plus.com plus.net plusnet.com o2.co.uk comcast.net verizon.net t-online.de orange.fr wanadoo.fr free.fr telefonica.net"
    ),
    "party": "labour.org.uk conservatives.com libdems.org.uk greenparty.org.uk snp.org plaid.cymru reformparty.uk parliament.uk",
    "disposable": (
        "mailinator.com guerrillamail.com 10minutemail.com yopmail.com tempmail.com temp-mail.org trashmail.com "
        "sharklasers.com getnada.com dispostable.com maildrop.cc throwawaymail.com"
    ),
}
_CLASS_OF = {domain: name for name, domains in _DOMAINS.items() for domain in domains.split()}
_PLACEHOLDER = re.compile(
    r"@example\.(com|org|net)$|\.(invalid|test|example|localhost)$|^(no\.?e?-?mail|no\.?address|none|unknown|null|n/?a|x+|0+)(@|$)|@(no-?e?mail|none)\b"
)
_EDUCATION = re.compile(r"\.(ac|sch)\.[a-z]{2}$|\.edu(\.[a-z]{2})?$")
_WORK = re.compile(r"(^|\.)(gov|nhs|police|mod)\.[a-z]{2}$|\.(gov|mil)$")


def email_domain_class(text: str) -> str:
    """Say what sort of provider an e-mail address belongs to, by a short list; `unknown` for a domain it doesn't have."""
    address = canonical("email", text)
    domain = address.rpartition("@")[2]
    if not address:
        return "missing"
    if _PLACEHOLDER.search(address) or "@" not in address:
        return "placeholder"
    if domain in _CLASS_OF:
        return _CLASS_OF[domain]
    if _EDUCATION.search(domain):
        return "education"
    return "work" if _WORK.search(domain) else "unknown"
