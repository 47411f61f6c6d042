"""Praise, critique or a rewrite of an answer → a change of the character. Pure.

    from_words(pirate, Reaction("critique", "too many exclamation marks", …))
    [Proposal("new", text="I go easy on exclamation marks.", by="your words")]

By rule the person's own words become a first-person sentence; a model may word it better (`read_rule`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from core.constitution import Constitution, Trait
from core.drafting.checking import reason_against, sentences
from core.drafting.everyday import everyday_questions
from core.drafting.first_person import as_sentence, in_first_person, is_first_person, tidy
from core.drafting.proposals import FROM_WORDS, Proposal
from core.drafting.replies import json_values
from core.pairs import strip_reasoning
from core.prompt_lists import clean_item
from core.texts import text_key

Kind = Literal["praise", "critique", "rewrite"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MOST_EXCHANGES = 5
ROOM = 300


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a person said about one answer; for a rewrite, `text` is the answer as it should be."""

    kind: Kind
    text: str
    prompt: str = ""
    answer: str = ""
    trait_id: str = ""


def from_words(constitution: Constitution, reaction: Reaction) -> list[Proposal]:
    """What the person's own words propose, without a model; none where no rule can tell."""
    proposals: list[Proposal] = []
    sentence = _RULES[reaction.kind](reaction)
    if sentence and not reason_against(sentence):
        proposals.append(placed(constitution, sentence, reaction, by=FROM_WORDS))
    if reaction.kind == "rewrite" and _makes_an_example(constitution, reaction):
        why = "your rewrite, as an example that the character is shown"
        text = reaction.text.strip()
        proposals.append(Proposal("exchange", was=reaction.prompt.strip(), text=text, why=why))
    return proposals


def placed(constitution: Constitution, sentence: str, reaction: Reaction, *, by: str) -> Proposal:
    """A sentence added to the trait that was asked about, where that has room, else as a new trait."""
    trait = next((trait for trait in constitution.traits if trait.id == reaction.trait_id), None)
    if trait and reaction.kind != "critique" and _has_room(trait, sentence):
        return Proposal(
            "change", trait.id, trait.trait, f"{trait.trait} {sentence}", by=by, why=reaction.text
        )
    return new_trait(constitution, sentence, reaction, by=by)


def new_trait(constitution: Constitution, sentence: str, reaction: Reaction, *, by: str) -> Proposal:
    """A sentence as a new trait with five everyday questions that no other trait asks."""
    taken = [question for trait in constitution.traits for question in trait.questions]
    questions = everyday_questions(sentence, taken=taken)
    return Proposal("new", text=sentence, questions=questions, by=by, why=reaction.text)


def _has_room(trait: Trait, sentence: str) -> bool:
    return sentences(trait.trait) == 1 and len(trait.trait) + len(sentence) < ROOM


def _makes_an_example(constitution: Constitution, reaction: Reaction) -> bool:
    known = {text_key(exchange.user) for exchange in constitution.exchanges}
    fits = 0 < len(reaction.text.strip()) <= 1200 and 0 < len(reaction.prompt.strip()) <= 1200
    changed = text_key(reaction.text) != text_key(reaction.answer)
    return fits and changed and len(known) < MOST_EXCHANGES and text_key(reaction.prompt) not in known


# Praise ------------------------------------------------------------------------------------------

_BECAUSE = re.compile(
    r"^(?:i\s+(?:like|love|enjoy)\s+(?:this|that|it|how|the way)?\s*(?:answer|one)?\s*,?\s*)?"
    r"(?:because\s+)?",
    re.IGNORECASE,
)


def _praise(reaction: Reaction) -> str:
    words = tidy(_BECAUSE.sub("", " ".join(reaction.text.split())))
    if not words:
        return ""
    said = in_first_person(words) if not is_first_person(words) else None
    return said or as_sentence(f"I keep what is good in my answers: {words[0].lower() + words[1:]}")


# Critique ----------------------------------------------------------------------------------------

_TOO_MUCH = re.compile(
    r"^(?:(?:there\s+(?:are|is)|it\s+(?:uses|has|makes)|uses|has)\s+)?(?:far\s+|way\s+|a\s+bit\s+)?"
    r"(?:too\s+(?:many|much)|less(?:\s+of)?|fewer|not\s+so\s+(?:many|much)|no(?:\s+more)?|stop(?:\s+the)?|without|enough(?:\s+of)?)\s+"
    r"(?:of\s+)?(?:the\s+|this\s+|these\s+|those\s+)?(?P<what>.+)$",
    re.IGNORECASE,
)
_TOO = re.compile(
    r"^(?:(?:it|this|the answer|that)\s+(?:is|was|sounds?|feels?)\s+|it['’]s\s+)?"
    r"(?:far\s+|way\s+|a\s+bit\s+)?too\s+(?P<how>.+)$",
    re.IGNORECASE,
)
_LESS_HOW = {
    "long": "I keep my answers short and stop when the thing is said.",
    "wordy": "I keep my answers short and stop when the thing is said.",
    "short": "I take the room that an answer needs.",
    "loud": "I keep my voice down; a quiet word carries further.",
    "formal": "I talk as people do among friends.",
    "casual": "I keep a little distance and finish my sentences.",
    "preachy": "I offer a thought once and leave it there.",
    "sweet": "I am sparing with sweetness, so that it counts when it comes.",
    "harsh": "I choose the softer of two true words.",
    "vague": "I name one concrete thing where I could have stayed general.",
}


def _critique(reaction: Reaction) -> str:
    words = tidy(" ".join(reaction.text.split()))
    if is_first_person(words) and re.match(r"I\b|My\b", words):
        return as_sentence(words)
    if match := _TOO_MUCH.match(words):
        return as_sentence(f"I go easy on {match['what']}")
    if match := _TOO.match(words):
        how = match["how"].lower()
        return _LESS_HOW.get(how, as_sentence(f"I hold back before I become too {how}"))
    return as_sentence(f"I hold back with this: {words[0].lower() + words[1:]}") if words else ""


# Rewrite -----------------------------------------------------------------------------------------

_LIST_LINE = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s", re.MULTILINE)
_EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")
SHORTER, LONGER = 0.66, 1.5


def _rewrite(reaction: Reaction) -> str:
    """The first thing that can be measured about a rewrite, as a sentence; "" where nothing can."""
    return next(_measured(reaction.answer, reaction.text), "")


def _measured(old: str, new: str) -> Iterator[str]:
    if not new.strip() or not old.strip():
        return
    if old.count("!") - new.count("!") >= 2:
        yield "I go easy on exclamation marks and let the words carry the feeling."
    if _LIST_LINE.search(old) and not _LIST_LINE.search(new):
        yield "I answer in sentences, as one speaks, and not in lists."
    if _EMOJI.search(old) and not _EMOJI.search(new):
        yield "I put feeling into words and leave out little pictures."
    if new.rstrip().endswith("?") and not old.rstrip().endswith("?"):
        yield "I like to end with a question, and I wait for the answer."
    ratio = len(new.split()) / max(1, len(old.split()))
    if ratio <= SHORTER:
        yield "I keep my answers short and stop when the thing is said."
    if ratio >= LONGER:
        yield "I take the room that an answer needs and give one detail more than was asked for."


_RULES: dict[Kind, Callable[[Reaction], str]] = {
    "praise": _praise,
    "critique": _critique,
    "rewrite": _rewrite,
}


# A model's wording -------------------------------------------------------------------------------


def read_rule(
    text: str, constitution: Constitution, reaction: Reaction, *, by: str
) -> tuple[Proposal | None, tuple[tuple[str, str], ...]]:
    """The proposal in a model's answer, and what of it could not be used, with reasons."""
    text, _ = strip_reasoning(text)
    for value in json_values(text):
        if isinstance(value, dict):
            fields = cast("dict[str, Any]", value)
            sentence = clean_item(str(fields.get("trait", "")))
            return _proposal(
                sentence, _numbered(constitution, fields.get("change")), constitution, reaction, by
            )
    lines = [line for line in map(clean_item, text.splitlines()) if is_first_person(line)]
    return _proposal(lines[0] if lines else clean_item(text), None, constitution, reaction, by)


def _proposal(
    sentence: str, trait: Trait | None, constitution: Constitution, reaction: Reaction, by: str
) -> tuple[Proposal | None, tuple[tuple[str, str], ...]]:
    reason = reason_against(sentence)
    if reason is None and text_key(sentence) in {text_key(one.trait) for one in constitution.traits}:
        reason = "is a trait as it stands"
    if reason:
        return None, ((sentence[:500] or "(an empty answer)", reason),)
    sentence = as_sentence(sentence)
    if trait is None:
        return new_trait(constitution, sentence, reaction, by=by), ()
    return Proposal("change", trait.id, trait.trait, sentence, by=by, why=reaction.text), ()


def _numbered(constitution: Constitution, value: Any) -> Trait | None:
    """The trait that a model names by its number, as `trait_list` counts them; None for a new one."""
    match = re.search(r"\d+", str(value))
    sentences = list(dict.fromkeys(trait.trait for trait in constitution.traits))
    place = int(match[0][:6]) if match else 0
    if not 1 <= place <= len(sentences):
        return None
    return next(trait for trait in constitution.traits if trait.trait == sentences[place - 1])
