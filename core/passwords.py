"""Passwords as they are kept: salted scrypt hashes, never the words themselves.

scrypt is RFC 7914; its cost (N 2^15, r 8, p 1: 32 MB and about a tenth of a second) is the one that
OWASP's password storage sheet names for interactive sign-in.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Any

from core.errors import SettingsError

SHORTEST, LONGEST = 8, 256
COST, BLOCK, LANES = 2**15, 8, 1
MEMORY = 64 * 1024 * 1024


def hashed(password: str) -> dict[str, Any]:
    """What is kept of a password. Raises SettingsError for one that is too short or far too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise SettingsError(f"A password has {SHORTEST} to {LONGEST} characters; choose another.")
    salt = os.urandom(16)
    return {"salt": salt.hex(), "hash": _scrypt(password, salt).hex()}


def matches(password: str, kept: dict[str, Any] | None) -> bool:
    """Whether a password is the one that was kept; as slow for a name that nobody has."""
    salt = bytes.fromhex(kept["salt"]) if kept else b"nobody has this."
    found = _scrypt(password[:LONGEST], salt).hex()
    return hmac.compare_digest(found, kept["hash"] if kept else "") and kept is not None


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=COST, r=BLOCK, p=LANES, maxmem=MEMORY)
