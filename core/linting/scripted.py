"""Phrases that a character is told to say word for word. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.linting.findings import Change, Finding, Fix, Part, Teller, Tested
from core.linting.words import capital

if TYPE_CHECKING:
    from core.constitution import Constitution, Trait

_TELL = Teller(
    "catch-phrase",
    "mend",
    "A model repeats a fixed phrase until nothing else is left of the character; put it in an exchange, "
    "where it is heard once.",
)

_SAY = (
    r"(?:say(?:s|ing)?|exclaim(?:s|ing)?|shout(?:s|ing)?|cry(?:ing)?|cries|call(?:s|ing)?\s+out|mutter(?:s|ing)?|utter(?:s|ing)?"
    r"|repeat(?:s|ing)?|add(?:s|ing)?|use(?:s)?|using|answer(?:s|ing)?|reply(?:ing)?|replies|respond(?:s|ing)?)"
)
_EDGE = (
    r"(?:begin|beginning|begins|start|starts|starting|open|opens|opening|end|ends|ending|finish|finishes|finishing|close|"
    r"closes|closing|sign\s+off|signs\s+off|greet|greets|greeting|preface|prefaces)"
)
_UNIT = r"(?:sentence|answer|replie|reply|message|line|response|paragraph|turn|greeting|email|statement)s?"
_QUOTE = r"[\"“«][^\"”»]{1,80}[\"”»]|(?<!\w)['‘][^'’]{1,60}['’](?!\w)"
_MARKS = "\"“”«»'‘’"
_SPOKEN = re.compile(rf"\b{_SAY}\b(?:\W+\w+){{0,5}}?\W+(?P<quote>{_QUOTE})", re.IGNORECASE)
_EDGED = re.compile(rf"\b{_EDGE}\b(?:\W+\w+){{0,8}}?\W+(?P<quote>{_QUOTE})", re.IGNORECASE)
_THE_WORDS = r"(?:\s+(?:the\s+)?(?:words?|phrases?|things\s+like|something\s+like))?"
_EVERY = re.compile(
    rf"\b{_EDGE}\s+(?:off\s+)?(?:every|each|all|all\s+of|any)\s+(?:single\s+)?(?:of\s+)?(?:my\s+|its\s+|your\s+|the\s+)?{_UNIT}"
    r"\s+(?:with|by|in)\b"
    rf"|\b{_EDGE}\s+(?:every|each)\s+time\s+(?:with|by)\b",
    re.IGNORECASE,
)
_ALWAYS = re.compile(
    r"\balways\s+says?\s+(?P<quote>(?:hello|hi|hey|please|thank\s+you|thanks|sorry|cheers|arr+|yes|no|indeed|howdy|ahoy|"
    r"amen|namaste|mate|darling|dear)\b)",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"\b(?:catch-?\s?phrase|signature\s+(?:phrase|line)|tag-?line|motto\s+is)\b", re.IGNORECASE
)
# Told not to say it, or whether to; and words about a word.
_DENIED = re.compile(
    r"\b(?:never|not|n['’]t|avoid|without|instead\s+of|rather\s+than|nobody|no\s+need\s+to|what\s+people|when\s+(?:somebody|"
    r"someone|people)\s+says?|who\s+says?|they\s+say|asked)\W+(?:\w+\W+){0,3}$"
    r"|\b(?:when|whenever|if)\s+i\s*$",
    re.IGNORECASE,
)


def catch_phrases(character: Constitution, tested: Tested) -> Iterator[Finding]:
    """Traits that script what is said: a quoted phrase, or the same ending for every answer."""
    for trait in character.traits:
        phrases = [scripted(trait.trait), scripted(trait.clarification)]
        told = [phrase for phrase in phrases if phrase is not None]
        if told:
            phrase = max(told, key=len)
            quoted = f" (“{phrase}”)" if phrase else ""
            yield _TELL.found(
                f"scripts a fixed phrase{quoted}; describe the manner and leave the words open.",
                trait=trait.id,
                about=(trait.trait, trait.clarification),
                quotes=(phrase,) if phrase else (),
                fix=_opened(trait),
            )


def scripted(text: str) -> str | None:
    """The phrase that a text has somebody say each time ("" for a habit without words), or None."""
    for pattern in (_SPOKEN, _EDGED, _ALWAYS):
        for match in pattern.finditer(text):
            if not _DENIED.search(text[: match.start()]):
                return match["quote"].strip(_MARKS)
    if (match := _EVERY.search(text) or _NAMED.search(text)) and not _DENIED.search(text[: match.start()]):
        quote = re.search(_QUOTE, text[match.end() :])
        return quote[0].strip(_MARKS) if quote else ""
    return None


def _opened(trait: Trait) -> Fix | None:
    """The phrase turned into a manner."""
    parts: tuple[tuple[Part, str], ...] = (
        ("trait", trait.trait),
        ("clarification", trait.clarification),
    )
    changes = [
        Change(part, trait.id, old, new)
        for part, old in parts
        if old and scripted(old) is not None and (new := _described(old)) != old
    ]
    return Fix("Describe the manner", tuple(changes)) if changes else None


def _described(text: str) -> str:
    turns = (
        (rf"\b({_EDGE})\s+(?:off\s+)?(?:every|each|all|all\s+of|any)\s+(?:single\s+)?(?:of\s+)?(my|its|your|the)?\s*"
         rf"({_UNIT})(?=\s+(?:with|by|in)\b)", _one_unit),
        (rf"\bwith\s+(?:the\s+(?:words?|phrase)\s+|an?\s+)?(?:{_QUOTE})",
         "with a turn of phrase of my own"),
        (rf"\b(?:by|with)\s+{_SAY}\b(?:\W+(?:out|loudly|softly|always))?\W+(?:{_QUOTE})",
         "in words of my own, fresh each time"),
        (rf"\b(?:always\s+|often\s+)?(?:say|exclaim|shout|cry|repeat|mutter|utter|call\s+out|use|add)\b"
         rf"{_THE_WORDS}\W+(?:{_QUOTE})", "find words of my own"),
        (rf"\b(?:always\s+|often\s+)?(?:says|exclaims|shouts|cries|repeats|mutters|utters|calls\s+out|uses|adds)\b"
         rf"{_THE_WORDS}\W+(?:{_QUOTE})", "finds words of its own"),
        (r"\balways\s+say\s+(?:hello|hi|hey|howdy|ahoy)\b", "always have a greeting of my own"),
        (r"\balways\s+say\s+(?:thank\s+you|thanks|cheers)\b", "always show that I am grateful"),
        (r"\balways\s+say\s+sorry\b", "always show that I regret it"),
        (r"\bmy\s+(?:catch-?\s?phrase|motto|signature\s+(?:phrase|line))\s+is\W+(?:" + _QUOTE + ")",
         "I have sayings of my own"),
    )  # fmt: skip
    for pattern, new in turns:
        text = re.sub(pattern, new, text, flags=re.IGNORECASE)
    text = capital(re.sub(r"\s+([.,;:!?])", r"\1", text.rstrip()))
    return text if text.endswith((".", "!", "?", "”", '"', "…")) else f"{text}."


_ONE = {"replies": "reply", "replie": "reply"}


def _one_unit(match: re.Match[str]) -> str:
    """ "end every sentence" → "often end a sentence"."""
    unit = match[3].casefold()
    unit = _ONE.get(unit, unit.removesuffix("s"))
    article = "an" if unit[0] in "aeiou" else "a"
    return f"often {match[1]} {article} {unit}"


RULES = (_TELL.rule("a scripted phrase", catch_phrases),)
