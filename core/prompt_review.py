"""Why a model's candidate is not kept as a prompt. Pure; every reason is one of those below."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from core.constitution import Trait
from core.expansion import Mix, classify
from core.similarity import Near, normalised

EMPTY = "empty"
TOO_LONG = "too long"
CUT_OFF = "cut off"
NOT_A_MESSAGE = "not a user message"
NAMES_IT = "names the trait/character"
NEAR_TRAIT = "near-duplicate of this trait"
NEAR_OTHER = "near-duplicate of another trait"
NEAR_GENERAL = "near-duplicate of the general pool"
QUOTA_FULL = "length quota full"

LONGEST_WORDS = 200
QUOTED_WORDS = 5


@dataclass(slots=True)
class Pools:
    """The prompts that a candidate must differ from: of its own trait, of the others, of everyday use."""

    trait: Near = field(default_factory=Near)
    others: Near = field(default_factory=Near)
    general: Near = field(default_factory=Near)


def review(
    candidate: str,
    *,
    trait: Trait,
    character: str,
    pools: Pools,
    room: Mix | None = None,
    must_ask: bool = False,
) -> str | None:
    """The reason to drop a candidate, or None to keep it.

    `room` is how many each length still takes; without it any length will do. `must_ask` keeps
    questions alone: what tiny models write beside them rarely makes sense.
    """
    return (
        _unusable(candidate)
        or (NOT_A_MESSAGE if must_ask and not asks(candidate) else None)
        or (
            NAMES_IT
            if names_the_character(candidate, character) or quotes_trait(candidate, trait)
            else None
        )
        or _too_near(candidate, pools)
        or (QUOTA_FULL if room is not None and not room.of(classify(candidate)) else None)
    )


def _unusable(candidate: str) -> str | None:
    if not re.search(r"\w", candidate):
        return EMPTY
    if len(candidate.split()) > LONGEST_WORDS:
        return TOO_LONG
    if not is_user_message(candidate):
        return NOT_A_MESSAGE
    return None


def _too_near(candidate: str, pools: Pools) -> str | None:
    if pools.trait.nearest(candidate):
        return NEAR_TRAIT
    if pools.others.nearest(candidate):
        return NEAR_OTHER
    return NEAR_GENERAL if pools.general.nearest(candidate) else None


_SELF_REPORT = re.compile(
    r"""\b(?:do|would|can|could)\ you\ (?:ever\ |usually\ )?
          (?:consider|see|describe|think\ of|view|define|introduce)\ yourself\b
      | \bdescribe\ (?:yourself|your\ (?:own\ )?(?:personality|character|style|tone|voice|traits?|values))\b
      | \btell\ me\ about\ yourself\b
      | \byour\ (?:own\ )?(?:personality|traits?|constitution|persona|system\ prompt|guidelines|programming|
          training\ data|core\ values|communication\ style)\b
      | \bare\ you\ (?:really\ )?(?:an?\ )?(?:ai|robot|bot|chatbot|language\ model|computer|human)\b
      | \bwhat\ (?:kind|sort|type)\ of\ (?:assistant|ai|person|character|personality)\ (?:are|do)\ you\b
      | \bwho\ (?:are|made|created|trained|built)\ you\b
      | \bas\ an?\ (?:ai|language\ model|assistant)\b
      | \b(?:in|out\ of)\ character\b(?!\ (?:for|development|with)) | \brole-?play\b""",
    re.IGNORECASE | re.VERBOSE,
)
_ANSWER = re.compile(
    r"""^(?:(?:sure|certainly|of\ course|absolutely|no\ problem)\b\s*[,!.:]
      | (?:here|below)(?:'s|\ (?:is|are))\ (?:a|an|the|some|my|your|\d+|\w+)\ (?:\w+\ ){0,3}
          (?:list|messages?|prompts?|questions?|examples?|requests?|ideas|tips|suggestions|steps)\b
      | i(?:'d|\ would)\ be\ (?:happy|glad|delighted)\ to\ (?:help|assist)
      | (?:i'm|i\ am)\ (?:sorry|afraid),?\ (?:but\ )?i\ (?:can't|cannot|am\ unable\ to|won't)
          \ (?:be\ able\ to\ )?(?:help|assist|answer|provide|do\ that|fulfil)
      | as\ an\ ai\b | (?:how|what)\ (?:can|may)\ i\ (?:help|assist|do\ for)\ (?:you|with)\b
      | i\ can\ (?:help|assist)\ you\b | (?:i\ )?hope\ (?:this|these|that)\ helps?\b
      | let\ me\ know\ if\ you\b | thank\ you\ for\ (?:asking|reaching\ out|your\ (?:question|message)))""",
    re.IGNORECASE | re.VERBOSE,
)
_META = re.compile(
    r"""<\|[^|>]{1,30}\|> | \[/?(?:inst|sys)\] | </?(?:think|user|assistant|system|s)>
      | \{\{?\ ?(?:\w+_)?(?:topic|name|trait|user|message|prompt|subject|text)\w*\ ?\}?\}
      | [\[<](?:insert|your|name|topic|trait|something|subject|x|specific|fill)\b[^\]>]{0,40}[\]>]
      | ^(?:user|assistant|system|ai|bot)\s*:
      | \b(?:assistant|ai)\ ?:\ 
      | \b(?:user\ messages?|numbered\ list|word\ count|this\ trait|the\ trait)\b
      | ^(?:note|output|topic|form|subject|length)\s*:""",
    re.IGNORECASE | re.VERBOSE,
)
_LIST = re.compile(r"(?:^|\s)(?:\(?\d{1,2}[.)]|[•*–-])\s+\S")
LIST_MARKS = 3


def is_user_message(text: str) -> bool:
    """Whether a text reads as something a person would send: no answer, no list, no talk about the task."""
    plain = text.strip().replace("’", "'")
    if any(pattern.search(plain) for pattern in (_SELF_REPORT, _ANSWER, _META)):
        return False
    return not (len(_LIST.findall(plain)) >= LIST_MARKS or _stammers(plain) or _begins_or_ends_badly(plain))


def asks(text: str) -> bool:
    """Whether there is a question in a text."""
    return "?" in text


def _stammers(text: str) -> bool:
    """Whether a text repeats itself, as small models do when they get stuck."""
    words = normalised(text).split()
    triples = list(zip(words, words[1:], words[2:], strict=False))
    return len(triples) >= 8 and len(set(triples)) < 0.5 * len(triples)


def _begins_or_ends_badly(text: str) -> bool:
    """Whether a text is a fragment: it starts with a stray mark, or ends in a colon, a comma or a dash."""
    return text[0] in ",.;:!?)]}|" or text.endswith((":", ",", ";", " -", " –", "(", "…:", " and", " the"))


def names_the_character(text: str, character: str) -> bool:
    """Whether a word of the text is the character's name or of its family ("sarcastic" for sarcasm)."""
    names = [name for name in re.split(r"[\W_]+", character.casefold()) if len(name) >= 3]
    return any(_related(word, name) for word in normalised(text).split() for name in names)


def _related(word: str, name: str) -> bool:
    """Whether two words share their stem: the name without its last three letters, five at least."""
    stem = max(5, len(name) - 3)
    if len(name) <= stem:
        return word in (name, f"{name}s")
    return word[:stem] == name[:stem]


def quotes_trait(text: str, trait: Trait) -> bool:
    """Whether any five words in a row of the trait stand in the text."""
    words, spoken = normalised(trait.trait).split(), f" {normalised(text)} "
    runs = (words[start : start + QUOTED_WORDS] for start in range(len(words) - QUOTED_WORDS + 1))
    return any(f" {' '.join(run)} " in spoken for run in runs)
