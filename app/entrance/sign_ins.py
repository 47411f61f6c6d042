"""What a signed-in browser carries: a signed note of who it is, with which password, and which sign-in.

    sign_ins = SignIns(settings)
    token = sign_ins.begin(person)
    sign_ins.who(token)             # the person, or None: forged, old, ended, removed, a new password
    sign_ins.end(token)

It is looked at for every request, for every message of an open socket and in every run of a page, so what
the files say is read again only when they have changed.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer

from core.settings import Settings
from core.store.people import People, Person, name_key
from core.store.sign_outs import SignOuts

SIGNED_IN_FOR_S = 14 * 24 * 3600
KNOWN_FOR_S = 180 * 24 * 3600
SALT, KNOWN_SALT = "character-studio-sign-in", "character-studio-known-browser"
Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Note:
    name: str
    stamp: str
    id: str
    at: float


class SignIns:
    """The sign-ins of this deployment. Cheap to make."""

    def __init__(self, settings: Settings) -> None:
        self._people = People(settings)
        self._ended = SignOuts(settings)

    def begin(self, person: Person) -> str:
        """The token of a new sign-in."""
        return self._signer(SALT).dumps([person.name, person.stamp, secrets.token_hex(12)])

    def who(self, token: str) -> Person | None:
        """Whose sign-in a token is, as long as it is good."""
        note = _note(self._secret(), token) if token else None
        if note is None or time.time() - note.at > SIGNED_IN_FOR_S:
            return None
        if note.id in _latest(self._ended.path, self._ended.all):
            return None
        everybody = _latest(
            self._people.path, lambda: {name_key(one.name): one for one in self._people.all()}
        )
        person: Person | None = everybody.get(name_key(note.name))
        return person if person and secrets.compare_digest(person.stamp, note.stamp) else None

    def end(self, token: str) -> None:
        """End a sign-in everywhere: in every tab, and for every copy of the token."""
        if note := _note(self._secret(), token):
            self._ended.add(note.id, until=note.at + SIGNED_IN_FOR_S, now=time.time())

    # ---- at an identity provider, whose cookies are not ours

    def end_foreign(self, cookie: str, *, for_s: float) -> None:
        """Remember that a cookie of the identity provider's sign-in was given up."""
        self._ended.add(_foreign(cookie), until=time.time() + for_s, now=time.time())

    def is_foreign_ended(self, cookie: str) -> bool:
        """Whether such a cookie was given up."""
        return _foreign(cookie) in _latest(self._ended.path, self._ended.all)

    # ---- browsers that have signed in before

    def know(self, person: Person) -> str:
        """A token that says: from this browser this person has signed in before."""
        return self._signer(KNOWN_SALT).dumps([name_key(person.name), secrets.token_hex(12)])

    def known_as(self, token: str, name: str) -> str:
        """The id of a browser from which the name has signed in before, "" of any other."""
        try:
            known, id = self._signer(KNOWN_SALT).loads(token, max_age=KNOWN_FOR_S)
        except (BadData, ValueError, TypeError):
            return ""
        return str(id) if known == name_key(name) else ""

    def _secret(self) -> str:
        return _latest(self._people.path, self._people.cookie_secret, may_write=True)

    def _signer(self, salt: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self._secret(), salt=salt)


@lru_cache(maxsize=1024)
def _note(secret: str, token: str) -> _Note | None:
    """What a token says, where we signed it."""
    try:
        (name, stamp, id), at = URLSafeTimedSerializer(secret, salt=SALT).loads(
            token, return_timestamp=True
        )
    except (BadData, ValueError, TypeError):
        return None
    return _Note(str(name), str(stamp), str(id), at.timestamp())


def _foreign(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()[:32]


# ---- what files say, until they change

_READ: dict[tuple[Path, str], tuple[Stamp | None, Any]] = {}
MOST_READ = 64


def _latest(path: Path, read: Callable[[], Any], *, may_write: bool = False) -> Any:
    """What `read` makes of a file, made again only when the file is another one."""
    key = (path, "secret" if may_write else "content")
    stamp = _stamp(path)
    known = _READ.get(key)
    if known is not None and known[0] == stamp and stamp is not None:
        return known[1]
    found = read()
    if len(_READ) > MOST_READ:
        _READ.clear()
    # The stamp from before the reading: what is replaced meanwhile is read once more.
    _READ[key] = (_stamp(path) if may_write else stamp, found)
    return found


def _stamp(path: Path) -> Stamp | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return (about.st_ino, about.st_mtime_ns, about.st_size)
