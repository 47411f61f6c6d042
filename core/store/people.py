"""Who may enter a shared studio: names and password hashes, in a 0600 file beside the keys.

    people = People(settings)
    people.add("Ana", "a long sentence", admin=True)
    people.check("ana", "a long sentence")          # the person, or None

A sign-in lasts as long as the password that it was made with: a new one ends all sign-ins of a person.
"""

from __future__ import annotations

import hashlib
import os
import time
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from core.errors import SettingsError
from core.passwords import hashed, matches
from core.settings import Settings
from core.store.jsonl import read_json, write_json

LONGEST_NAME = 40
FILE = "people.json"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a sign-in; an `admin` may change what is everybody's; `stamp` is the password's."""

    name: str
    admin: bool
    added_at: float
    stamp: str


def checked_name(name: str) -> str:
    """The name as it is kept. Raises SettingsError for one that cannot be a name."""
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not 0 < len(name) <= LONGEST_NAME or not all(c.isalnum() or c in " ._@+-'" for c in name):
        raise SettingsError(
            f"{name[:60]!r} cannot be a name: use up to {LONGEST_NAME} letters, digits, spaces "
            "and . _ @ + - '"
        )
    return name


class People:
    """The accounts of this deployment. Cheap to make; reads the file at each question."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._folder = settings.config_path

    @property
    def path(self) -> Path:
        """The file of the accounts."""
        return self._folder / FILE

    def all(self) -> list[Person]:
        """Everybody, by name."""
        return sorted(
            (_person(kept) for kept in self._people().values()), key=lambda one: one.name.casefold()
        )

    def get(self, name: str) -> Person | None:
        """The person of a name, whatever its case, or None."""
        kept = self._people().get(name_key(name))
        return _person(kept) if kept else None

    def check(self, name: str, password: str) -> Person | None:
        """The person whose name and password these are, or None; takes a tenth of a second either way."""
        kept = self._people().get(name_key(name))
        return _person(kept) if matches(password, kept) and kept else None

    def add(self, name: str, password: str, *, admin: bool = False) -> Person:
        """Add somebody. Raises SettingsError when the name is taken or cannot be one."""
        name = checked_name(name)
        with self._changing() as file:
            if name_key(name) in file["people"]:
                raise SettingsError(
                    f"There is a {name} already; give another name, or: character people password {name!r}"
                )
            kept = {"name": name, "admin": admin, "at": time.time(), **hashed(password)}
            file["people"][name_key(name)] = kept
        return _person(kept)

    def change_password(self, name: str, password: str) -> Person:
        """Give somebody a new password, which ends their sign-ins. Raises SettingsError."""
        with self._changing() as file:
            kept = self._known(file, name)
            kept |= hashed(password)
        return _person(kept)

    def set_admin(self, name: str, admin: bool) -> Person:
        """Give or take the rights of an admin; they count from the next click on. Raises SettingsError."""
        with self._changing() as file:
            kept = self._known(file, name)
            kept["admin"] = admin
        return _person(kept)

    def remove(self, name: str) -> None:
        """Take somebody's sign-in away; what they made stays. Raises SettingsError."""
        with self._changing() as file:
            self._known(file, name)
            del file["people"][name_key(name)]

    def cookie_secret(self) -> str:
        """The secret that signs the cookies of this deployment; made at the first call."""
        found = (read_json(self.path) or {}).get("cookie_secret")
        if found:
            return found
        with self._changing() as file:
            return file.setdefault("cookie_secret", os.urandom(32).hex())

    def oidc(self) -> dict[str, Any] | None:
        """How to sign in at an identity provider: issuer, client_id, client_secret, allowed; or None."""
        return (read_json(self.path) or {}).get("oidc")

    def save_oidc(self, oidc: Mapping[str, Any]) -> None:
        """Keep the identity provider and who of its people may enter."""
        with self._changing() as file:
            file["oidc"] = dict(oidc)

    def _people(self) -> dict[str, dict[str, Any]]:
        return (read_json(self.path) or {}).get("people", {})

    def _known(self, file: dict[str, Any], name: str) -> dict[str, Any]:
        kept = file["people"].get(name_key(name))
        if kept is None:
            known = ", ".join(one["name"] for one in file["people"].values()) or "nobody yet"
            raise SettingsError(f"There is no {name}; there is {known}.")
        return kept

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        """The file's content under its lock, written back when the block ends well."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(self._folder / ".people.lock", timeout=10, mode=0o600):
            file: dict[str, Any] = read_json(self.path) or {}
            file.setdefault("people", {})
            yield file
            write_json(self.path, file, mode=0o600)


def name_key(name: str) -> str:
    """What makes two spellings of a name one name: neither case nor spaces nor forms of letters."""
    return " ".join(unicodedata.normalize("NFC", name).split()).casefold()


def _person(kept: Mapping[str, Any]) -> Person:
    stamp = hashlib.sha256(str(kept["hash"]).encode()).hexdigest()[:16]
    return Person(kept["name"], bool(kept["admin"]), float(kept["at"]), stamp)
