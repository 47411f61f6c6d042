"""Names that are safe as a file, a folder and a model suffix on every system, and how to find one. Pure.

`slug_for("Ada Löwe, Ph.D.")` is "ada-lowe-ph-d"; `check_name("../x")` says why that is no name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container
from itertools import count

from core.errors import Problem

MAX_NAME = 64
MAX_ID = 32

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
# Windows opens a device for these, with any ending.
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{digit}" for port in ("com", "lpt") for digit in range(10))]
)
# `self_interaction/<model>/<name>-leading.jsonl` is where the leading talks of <name> go.
_RESERVED_ENDING = "-leading"
_FILLERS = re.compile(
    r"i|im|ive|id|ill|me|my|mine|myself|when|if|an?|the|and|or|but|of|to|in|on|at|as|is|am|are|be|its?"
    r"|that|this|with|for|from|so|do|not|never|always|ha[sd]|have|would|will|can|how|what|who"
)


def check_name(name: str) -> list[Problem]:
    """What keeps `name` from being a character's name; an empty list when nothing does."""
    if _NAME.fullmatch(name) and name not in _DEVICES and not name.endswith(_RESERVED_ENDING):
        return []
    return [Problem("name", f"{_why_not(name)} such as {slug_for(name)!r}.")]


def is_device(name: str) -> bool:
    """Whether Windows would open a device for a file of this name, whatever its ending."""
    return name.casefold().partition(".")[0].rstrip() in _DEVICES


def _why_not(name: str) -> str:
    shown = repr(name if len(name) <= 40 else name[:39] + "…")
    if not name.strip():
        return "is empty; choose one"
    if len(name) > MAX_NAME:
        return f"{shown} has {len(name)} characters, and {MAX_NAME} are allowed; choose a shorter one"
    if name in _DEVICES or name.endswith(_RESERVED_ENDING):
        return f"{shown} is reserved for files of another kind; choose another"
    return f"{shown} may have only lower-case letters, digits and hyphens, and no hyphen first; choose one"


def slug_for(text: str) -> str:
    """The valid name nearest to `text`, "character" when nothing of it can be kept."""
    slug = _slug(text, MAX_NAME) or "character"
    while slug.endswith(_RESERVED_ENDING):
        slug = slug.removesuffix(_RESERVED_ENDING)
    return f"{slug}-character" if slug in _DEVICES else slug


def free_name(name: str, taken: Container[str]) -> str:
    """The name if it is not among `taken`, else the name with the first number from 2 on that is not."""
    base = name[:60]
    numbered = (f"{base}-{number}" for number in count(2))
    return name if name not in taken else next(one for one in numbered if one not in taken)


def new_trait_id(text: str, taken: Container[str]) -> str:
    """A short id for a new trait, made of its first telling words and not among `taken`."""
    words = _slug(re.sub(r"['’]", "", text), 400).split("-")
    telling = [word for word in words if word and not _FILLERS.fullmatch(word)][:3]
    base = _slug("-".join(telling), MAX_ID) or "trait"
    numbered = (f"{base}-{number}" for number in count(2))
    return base if base not in taken else next(slug for slug in numbered if slug not in taken)


def is_id(text: str) -> bool:
    """Whether `text` can stand as a trait's id."""
    return _ID.fullmatch(text) is not None


def _slug(text: str, limit: int) -> str:
    plain = unicodedata.normalize("NFKD", text)
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return re.sub(r"[^a-z0-9]+", "-", letters.lower()).strip("-")[:limit].strip("-")
