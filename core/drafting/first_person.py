"""A sentence about somebody → what that somebody would say of itself. Pure, by rule, without a model.

in_first_person("She loves birds and never lies.")   "I love birds and never lie."
in_first_person("You should always be kind")         "I am always kind."
in_first_person("birds")                              None: no rule fits, and nothing is guessed
"""

from __future__ import annotations

import re


def _words(text: str) -> list[str]:
    return text.split()


I_WORD = re.compile(r"\b(?:I|I['’](?:m|d|ve|ll)|[Mm](?:e|y|ine|yself))\b")
_SUBJECT = re.compile(
    r"^(?P<who>he|she|it|they|you|who|that|(?:the|this|that|my|our)\s+(?:[\w'-]+\s+){0,3}?"
    r"(?:character|assistant|person|bot|man|woman|one))\b\s*(?P<rest>.+)$",
    re.IGNORECASE | re.DOTALL,
)
# "When somebody is hurting she listens"; who "it" and "they" would be is open there.
_WHEN = re.compile(
    r"^(?P<when>(?:when|whenever|if|as soon as|once|while|where|wherever)\b(?:\s+[^,]*?)?),?"
    r"\s+(?P<who>he|she)\s+(?P<rest>.+)$",
    re.IGNORECASE | re.DOTALL,
)
_BE = {
    "is": "am",
    "are": "am",
    "was": "was",
    "were": "was",
    "be": "am",
    "isn't": "am not",
    "aren't": "am not",
}
_ODD = {
    **_BE,
    "has": "have",
    "hasn't": "have not",
    "does": "do",
    "doesn't": "do not",
    "don't": "do not",
    "goes": "go",
    "can't": "cannot",
    "won't": "will not",
    "says": "say",
}
_STAYS = frozenset(
    _words(
        "can cannot could will would may might must had did never always often seldom rarely sometimes "
        "usually really truly only also still just hardly quietly gently simply have do"
    )
)
# Between two verbs of one subject: "loves birds and hates noise", "is kind, never lies".
_JOINT = re.compile(r"(\s+(?:and|but|or|yet|while)\s+|,\s+(?:and\s+|but\s+)?)", re.IGNORECASE)
_HEDGE = re.compile(r"^(?:should|must|has to|have to|needs? to|ought to)\s+", re.IGNORECASE)
_NOT_VERBS = frozenset(
    _words(
        "birds things words jokes others people friends animals sometimes always perhaps besides towards "
        "this us his its yes less plus thus news across various famous serious curious anxious nervous "
        "generous cautious gracious precious religious humorous"
    )
)
_MODALS = frozenset(_words("will would can could cannot can't won't might must should"))
# What a plain order begins with: "Speak slowly", "Never mention the war".
_ORDERS = frozenset(
    _words(
        "speak talk answer ask give make tell say use keep be stay avoid help listen explain show write "
        "begin start end treat respect remember notice love hate care believe think feel act respond reply "
        "joke laugh complain refuse protect encourage praise call address mention admit apologise "
        "apologize comfort teach challenge trust want try offer never always do don't"
    )
)


def is_first_person(text: str) -> bool:
    """Whether a sentence speaks of itself: I, me, my."""
    return I_WORD.search(text) is not None


def in_first_person(text: str) -> str | None:
    """The sentence as its subject would say it, or None where no rule fits."""
    bare = tidy(text)
    if not bare:
        return None
    if is_first_person(bare):
        return as_sentence(bare)
    if match := _WHEN.match(bare):
        rest = _said(match["rest"], match["who"])
        return rest and as_sentence(f"{_of_me(match['when'])}, {rest}")
    if match := _SUBJECT.match(bare):
        return _said(match["rest"], match["who"])
    if begins_clause(bare.split()[0]):
        return _said(bare[0].lower() + bare[1:])
    return None


def begins_clause(word: str, *, orders: bool = True) -> bool:
    """Whether a word says what somebody does ("loves", "can"), or with `orders` what to do ("speak")."""
    low = word.lower()
    return low in _MODALS or _is_third_person(low) or (orders and low in _ORDERS)


def clauses(text: str) -> list[str]:
    """The text cut where another thing is said of the same subject: "loves birds and hates noise" → two."""
    parts = _JOINT.split(text)
    cut = [parts[0]]
    for joint, part in zip(parts[1::2], parts[2::2], strict=False):
        part = re.sub(r"^(?:you|he|she|it|they)\s+(?=\w+\s)", "", part, flags=re.IGNORECASE)
        first, _, rest = part.partition(" ")
        begins = first.lower() in ("never", "always") and bool(rest)
        if begins or (_is_third_person(first) and rest):
            cut.append(part)
        else:
            cut[-1] += joint + part
    return [part.strip() for part in cut if part.strip()]


_QUOTES = "\"“”'‘’"
_QUOTATION = re.compile(r"\s[\"“'‘]")


def tidy(text: str) -> str:
    """The text on one line, without bullets, list numbers and quotes around it."""
    flat = " ".join(text.split())
    flat = re.sub(r"^(?:[-*•–]|\(?\d{1,2}[.)])\s+", "", flat)
    return _unquoted(flat).rstrip(".;,: ").strip()


def _unquoted(text: str) -> str:
    """Without quotes around it; one that closes a quotation inside it stays."""
    text = text.strip()
    if text[:1] not in _QUOTES and _QUOTATION.search(text):
        return text
    return text.strip(f"{_QUOTES} ")


def as_sentence(text: str) -> str:
    """The text with a capital letter and a full stop."""
    text = text.strip()
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?…" else ".")


def is_conditional(text: str) -> bool:
    """Whether a sentence says when somebody does something; then all of it belongs together."""
    return _WHEN.match(tidy(text)) is not None


def _of_me(when: str) -> str:
    """ "When somebody lies to her" → "When somebody lies to me"."""
    return re.sub(r"\b(?:her|him)\b(?!\s+\w)", "me", as_mine(when, "she" if "her" in when else "he"))


def _said(predicate: str, who: str = "") -> str | None:
    """ "never lies and loves birds" → "I never lie and love birds." `who` is the word it is said of."""
    predicate = _HEDGE.sub("", predicate.strip())
    if not predicate:
        return None
    parts = _JOINT.split(predicate)
    spoken = [_turned(parts[0], first=True)]
    for joint, part in zip(parts[1::2], parts[2::2], strict=False):
        spoken += [joint, _turned(part, first=False)]
    return as_sentence("I " + as_mine("".join(spoken), who))


def _turned(part: str, *, first: bool) -> str:
    """One clause with its verb as I would say it; a clause without a verb stays."""
    words = part.split(" ")
    at = 0
    while at < len(words) - 1 and (_is_adverb(words[at]) or not words[at]):
        at += 1
    word = words[at].lower()
    if first or _is_third_person(word) or word in _ODD:
        words[at] = _verb(words[at])
    if first and at and word == "be":
        words = ["am", *words[:at], *words[at + 1 :]]
    return " ".join(words)


def _is_adverb(word: str) -> bool:
    low = word.lower()
    return (low in _STAYS and low not in ("have", "do", "can", "will")) or low.endswith("ly")


def _is_third_person(word: str) -> bool:
    low = word.lower().strip(".,;")
    if low in _ODD:
        return True
    return (
        len(low) > 3
        and low.endswith("s")
        and not low.endswith(("ss", "us", "'s", "’s"))
        and low not in _NOT_VERBS
        and low.isalpha()
    )


def _verb(word: str) -> str:
    """ "loves" → "love", "cries" → "cry", "watches" → "watch", "is" → "am"."""
    low = word.lower().replace("’", "'")
    if low in _ODD:
        return _ODD[low]
    if low in _STAYS or not _is_third_person(low):
        return low if word != word.upper() else word
    if low.endswith("ies") and len(low) > 4:
        return low[:-3] + "y"
    if low.endswith(("ches", "shes", "sses", "xes", "zzes", "oes")):
        return low[:-2]
    return low[:-1]


_POSSESSED = (
    (re.compile(r"\b(?:himself|herself|themselves|themself|itself|yourself)\b", re.IGNORECASE), "myself"),
    (re.compile(r"\b(?:his|her|its|your|their)\b(?=\s+\w)", re.IGNORECASE), "my"),
    (re.compile(r"\bthat it\b", re.IGNORECASE), "that I"),
    (re.compile(r"\b(?:he|she)\b", re.IGNORECASE), "I"),
)

_OF_ONE = (
    (re.compile(r"\b(?:himself|herself|itself|yourself)\b", re.IGNORECASE), "myself"),
    (re.compile(r"\b(?:his|her|its|your)\b(?=\s+\w)", re.IGNORECASE), "my"),
    *_POSSESSED[2:],
)


def as_mine(text: str, who: str = "") -> str:
    """His lamp → my lamp, herself → myself; what could be somebody else's (him, them) stays.

    Of somebody who is called he or she, "their" is other people's: "She reads people from their hands".
    """
    for pattern, mine in _OF_ONE if who.lower() in ("he", "she", "it") else _POSSESSED:
        text = pattern.sub(mine, text)
    return re.sub(r"\bI ((?:never |always )?)(\w+)\b", lambda match: f"I {match[1]}{_verb(match[2])}", text)
