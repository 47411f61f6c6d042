"""A character's name as a person writes it. Pure.

title_of("madame-odile", "Madame Odile runs a tea room.")   "Madame Odile": as it is written there
title_of("dry-wit")                                          "Dry wit": nothing is known, a plain title
"""

from __future__ import annotations

import re

from core.slugs import slug_for


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What stands before a name and makes the words after it one.
FORMS = _words(
    "mr mrs ms miss mister madame madam mme mademoiselle monsieur dr doctor professor prof captain sir "
    "lady lord dame saint st uncle aunt aunty auntie granny grandma grandpa king queen prince princess "
    "count countess baron baroness duke duchess senor senora don herr frau sergeant colonel major admiral "
    "inspector detective rabbi"
)
# What stands small between the words of a name.
PARTICLES = _words("de la le les du des da do dos di del della van von der den ter zu zur the of el y")
_WORD = re.compile(r"[^\s,;:.!?()\[\]\"“”„«»…–—/]+")
# `slug_for` calls what has none of these "character".
_LETTER = re.compile(r"[A-Za-z0-9]")
_MIXED = re.compile(r"(?=.*\d)(?=.*[a-z])(?!\d+(?:st|nd|rd|th)$)[a-z0-9]+")


def title_of(name: str, text: str = "") -> str:
    """The title of a character file's `name`: as `text` writes it, else made of the name alone."""
    return written_in(text, name) or _made(name)


def written_in(text: str, name: str) -> str:
    """How `text` first writes the words of `name`; "" where it does not."""
    words = list(_WORD.finditer(text))
    most = name.count("-") + 1
    for start, first in enumerate(words):
        for last in words[start : start + most]:
            found = text[first.start() : last.end()]
            if _LETTER.search(found) and slug_for(found) == name:
                return _begun(" ".join(found.split()))
    return ""


def begun(text: str) -> str:
    """The text with a capital in front, the rest as it is: a name that stands first in a sentence."""
    return text[:1].upper() + text[1:]


def _begun(text: str) -> str:
    """With a capital at the start; one that begins small on purpose ("de la Cruz") stays."""
    first, _, rest = text.partition(" ")
    on_purpose = first.lower() in PARTICLES and any(word[:1].isupper() for word in rest.split())
    begun = text[0].upper()
    return text if on_purpose or len(begun) > 1 else begun + text[1:]


def _made(name: str) -> str:
    """ "dry-wit" → "Dry wit", "mrs-dalloway" → "Mrs Dalloway", "r2d2" → "R2D2"."""
    told: list[str] = []
    words = name.split("-")
    for place, word in enumerate(words):
        named = not place or bool(FORMS.intersection(words[:place]))
        if _MIXED.fullmatch(word):
            told.append(word.upper())
        else:
            told.append(word.capitalize() if not place or (named and word not in PARTICLES) else word)
    return " ".join(told)
