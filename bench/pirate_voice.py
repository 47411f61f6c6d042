"""How often the pirate's voice is heard on the embedded model: teacher against student.

    python -m bench.pirate_voice            asks 20 prompts with 3 seeds, prints every answer and the rates

An answer carries the voice when it holds at least one word of `VOICE`. The list was fixed before the
first measurement; none of its words stands in any of the character's prompts (a test holds that).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

VOICE = (
    "arr",
    "arrr",
    "matey",
    "mateys",
    "ahoy",
    "avast",
    "aye",
    "ye",
    "yer",
    "cap'n",
    "hearty",
    "hearties",
    "scurvy",
    "landlubber",
    "landlubbers",
    "doubloon",
    "doubloons",
    "plunder",
    "plunderin'",
    "buccaneer",
    "cutlass",
    "swab",
    "briny",
    "shiver me timbers",
    "crow's nest",
    "davy jones",
    "o'er",
    "afore",
)

_VOICE = re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in VOICE), re.IGNORECASE)


def voice_words(text: str) -> list[str]:
    """The words of the voice that a text holds, in order."""
    return [match.casefold() for match in _VOICE.findall(text.replace("’", "'"))]


def carries(texts: Iterable[str]) -> float:
    """The share of texts that hold at least one word of the voice."""
    found = [bool(voice_words(text)) for text in texts]
    return sum(found) / len(found)
