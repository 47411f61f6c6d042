"""A character's voice by its words: lists fixed before the first measurement. Pure.

An answer carries the voice when it holds at least one word of the list; none of a list's words stands
in any of the character's prompts (a test holds that). A character without a list is told by
`core.telling_apart` alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_PIRATE = """arr arrr matey mateys ahoy avast aye ye yer cap'n hearty hearties scurvy landlubber
    landlubbers doubloon doubloons plunder plunderin' buccaneer cutlass swab briny o'er afore"""
VOICES: dict[str, tuple[str, ...]] = {
    "pirate": (*_PIRATE.split(), "shiver me timbers", "crow's nest", "davy jones"),
}


def voice_words(name: str, text: str) -> list[str]:
    """The words of a character's voice that a text holds, in order; none for one without a list."""
    if name not in VOICES:
        return []
    return [match.casefold() for match in _pattern(name).findall(text.replace("’", "'"))]


def carries(name: str, texts: Iterable[str]) -> float:
    """The share of texts that hold at least one word of the voice; 0 of no texts."""
    found = [bool(voice_words(name, text)) for text in texts]
    return sum(found) / max(1, len(found))


@lru_cache
def _pattern(name: str) -> re.Pattern[str]:
    words = (rf"(?<!\w){re.escape(word)}(?!\w)" for word in VOICES[name])
    return re.compile("|".join(words), re.IGNORECASE)
