"""Whether a proposed sentence can stand as a trait, and why not. Pure.

A trait is in the first person, one or two sentences, and says how somebody is; a catch-phrase to be
repeated ("I always say 'Ahoy!'") would be learnt by heart instead.
"""

from __future__ import annotations

import re

from core.drafting.first_person import is_first_person
from core.texts import check_text

LONGEST, SHORTEST_WORDS = 400, 4
FIRST_PERSON = "is not in the first person"
EMPTY = "is empty"
TOO_LONG = "is longer than two sentences"
CATCH_PHRASE = "is a catch-phrase to repeat, not a way to be"
A_QUESTION = "is a question"
TOO_SHORT = "says too little"
TALK = "talks about the answer and not about the character"
ABOUT_A_MODEL = "speaks of being a machine"
UNPRINTABLE = "holds a sign that no text should have"

_QUOTED = re.compile(r"[\"“][^\"”]*[\"”]")
_SENTENCE_END = re.compile(r"[.!?…]+[\"”’')]*(?:\s+|$)")
_SCRIPTED = re.compile(
    r"""\b(?:always|often|every\ \w+|never\ fail\ to|begin|start|open|end|finish|close|greet)\b[^.!?]{0,60}?
        \b(?:say(?:ing)?|with|shout(?:ing)?|call(?:ing)?|exclaim(?:ing)?)\b[^.!?]{0,20}["“‘']\w[^"”’]{1,60}["”’']""",
    re.IGNORECASE | re.VERBOSE,
)
_SAY = re.compile(r"\bI (?:like to |often |always )?say[,:]? ?[\"“‘][^\"”’]{2,80}[\"”’]", re.IGNORECASE)
_TALK = re.compile(
    r"\bI (?:hope|have (?:written|tried)|can (?:also )?(?:add|write))\b[^.]{0,60}\b(?:descriptions?|"
    r"sentences|traits|list|draft|helps|constitution)\b|\blet me know\b",
    re.IGNORECASE,
)
_MACHINE = re.compile(
    r"\b(?:language model|as an ai|i am an ai|large language|chatbot|my training data)\b", re.IGNORECASE
)


def reason_against(text: str) -> str | None:
    """Why a text cannot be used as a trait; None when it can."""
    text = text.strip()
    if not text:
        return EMPTY
    if check_text(text, "", limit=100_000, cure=""):
        return UNPRINTABLE
    if not is_first_person(_QUOTED.sub(" ", text)):
        return FIRST_PERSON
    if _SCRIPTED.search(text) or _SAY.search(text):
        return CATCH_PHRASE
    if _TALK.search(text):
        return TALK
    if _MACHINE.search(text):
        return ABOUT_A_MODEL
    return _shape(text)


def _shape(text: str) -> str | None:
    if text.endswith("?"):
        return A_QUESTION
    if len(text) > LONGEST or sentences(text) > 2:
        return TOO_LONG
    return TOO_SHORT if len(text.split()) < SHORTEST_WORDS else None


def sentences(text: str) -> int:
    """How many sentences a text has, at least one."""
    return max(1, len([part for part in _SENTENCE_END.split(text) if part.strip()]))
