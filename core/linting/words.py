"""Words as the linter sees them: which carry meaning, and which are forms of one another. Pure."""

from __future__ import annotations

import re
from functools import lru_cache


def word_set(words: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(words.split())


_SMALL = """
    a an the this that these those of to in on at for with from by as into about and or but if so then
    than too also not no nor i im ive id ill me my mine myself we us our you your yours yourself it its
    itself he she him her his they them their there here is are was were be been being am do does did
    doing done can could would should will shall may might must have has had having what whats how
    which who whom whose why when where while very really quite just only even still ever never always
    often sometimes please some any each every all both more most much many few such own same other
    another like get gets got let lets out up down over under again once because though although until
    whether after before through dont cant wont isnt arent didnt doesnt yours youre theyre thats"""
SMALL = word_set(_SMALL)
_ENDINGS = (
    "fulness",
    "ically",
    "ness",
    "edly",
    "ings",
    "ing",
    "ed",
    "ies",
    "ly",
    "ity",
    "es",
    "s",
    "y",
    "e",
)
_FIRST_PERSON = re.compile(r"\b(?:I|I['’](?:m|d|ve|ll)|me|my|mine|myself)\b", re.IGNORECASE)


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, apostrophes left out."""
    return re.findall(r"[^\W_]+", text.casefold().replace("'", "").replace("’", ""))


def content_words(text: str) -> list[str]:
    """The words that carry meaning, in order."""
    return [word for word in words_of(text) if word not in SMALL]


def content_stems(text: str) -> list[str]:
    """The stems of the words that carry meaning, in order."""
    return [stem(word) for word in content_words(text)]


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """What the forms of a word share: "joking" and "jokes" are "jok"."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word


def alike(one: str, other: str) -> bool:
    """Whether two stems belong to one family: "sarcasm" and "sarcast" do."""
    if one == other:
        return True
    shared = 0
    for first, second in zip(one, other, strict=False):
        if first != second:
            break
        shared += 1
    return shared >= 5 and shared >= 0.75 * max(len(one), len(other))


def shared_stems(one: list[str], other: list[str]) -> list[str]:
    """The stems of `one` that have a relative in `other`, each once."""
    return [word for word in dict.fromkeys(one) if any(alike(word, second) for second in other)]


def speaks_as_itself(text: str) -> bool:
    """Whether a text says I, me or my."""
    return bool(_FIRST_PERSON.search(text))


def capital(text: str) -> str:
    """The text with its first letter large."""
    return text[:1].upper() + text[1:]


def sentences_of(text: str) -> list[str]:
    """A text cut into sentences, their points kept."""
    return [part.strip() for part in re.findall(r"[^.!?]+[.!?]*[\"”’']?\s*", text) if part.strip()]
