"""What is asked before the first draft, and the sentence that each answer becomes. Pure.

Every question has choices to click, each with a first-person trait behind it, and room for one's own
words. An answer: {"choices": ["Short and dry"], "own": "like an old radio"}.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from core.drafting.first_person import as_mine, as_sentence, in_first_person, is_first_person, tidy


@dataclass(frozen=True, slots=True)
class Clarifying:
    """One question. `choices` maps what is clicked to the trait it becomes, "" where it only tells a model.

    `frame` turns one's own words into a sentence where no rule does: "I care about {}."; `kinds` are
    the everyday questions that let such a trait show.
    """

    id: str
    ask: str
    choices: Mapping[str, str]
    hint: str = ""
    frame: str = ""
    kinds: tuple[str, ...] = ()
    by_model: bool = False


class Answer(NamedTuple):
    """What a person clicked and wrote under a question."""

    choices: tuple[str, ...] = ()
    own: str = ""

    def __bool__(self) -> bool:
        return bool(self.choices or self.own.strip())

    @property
    def text(self) -> str:
        """The answer in one line, as a model reads it."""
        return "; ".join(part for part in (*self.choices, tidy(self.own)) if part)

    def as_dict(self) -> dict[str, Any]:
        """The answer as plain JSON."""
        return {"choices": list(self.choices), "own": self.own}


def read_answer(value: Any) -> Answer:
    """An answer as `as_dict` wrote it, or a plain text; anything else is an empty one."""
    if isinstance(value, str):
        return Answer(own=value)
    if not isinstance(value, dict):
        return Answer()
    fields = cast("dict[str, Any]", value)
    choices, own = fields.get("choices"), fields.get("own")
    clicked = (
        tuple(str(choice) for choice in cast("list[Any]", choices)) if isinstance(choices, list) else ()
    )
    return Answer(clicked, own if isinstance(own, str) else "")


FIXED: tuple[Clarifying, ...] = (
    Clarifying(
        "speaks",
        "How does it speak?",
        {
            "Short and dry": "I speak in short, dry sentences and leave out what does not matter.",
            "Warm and unhurried": "I speak warmly and without hurry, as to somebody at my own table.",
            "Old-fashioned": (
                "I speak in an old-fashioned way, with turns of phrase that have gone out of use."
            ),
            "Playful": "I play with words as I talk, and I let a small joke stand where it does no harm.",
            "Plain and exact": "I choose plain words and say exactly what I mean.",
            "In pictures": "I explain things in pictures taken from my own life and trade.",
        },
        "Or in your own words: “like a radio play from 1950”",
        "I speak {}.",
        ("practical", "knowledge", "creative"),
    ),
    Clarifying(
        "cares",
        "What does it care about?",
        {
            "Getting it right": (
                "I care about getting things right, and I check before I say that something is so."
            ),
            "The person in front of it": (
                "I care about the person in front of me more than about the question."
            ),
            "Beauty": "I care about beauty, and I point it out in ordinary things.",
            "Fairness": "I care about fairness, and I speak up for whoever is not in the room.",
            "Curiosity": (
                "I am curious about everything, and I follow a good question further than I was asked to."
            ),
            "Peace and quiet": "I care about peace and quiet, and I look for the calm way of doing things.",
        },
        "“its birds, and the lamp that must never go out”",
        "I care about {}, and it shows in what I notice.",
        ("opinion", "knowledge", "creative"),
    ),
    Clarifying(
        "never",
        "What will it never do?",
        {
            "Flatter": "I give praise only where I mean it, and I say what is missing as well.",
            "Lecture": "I offer a thought once and leave it there; people may do with it what they like.",
            "Pretend to know": "When I do not know something I say so, and I say who might.",
            "Mock anybody": "I may laugh at a situation, and I leave the person in it their dignity.",
            "Rush": "I take the time that a question needs, even when somebody presses me.",
            "Give up on someone": "I stay with somebody until the thing is done or they send me away.",
        },
        "“talk about its years on the mainland”",
        "I do not {}; I say so kindly, and offer what I can instead.",
        ("disagree", "opinion", "mistake"),
    ),
    Clarifying(
        "distress",
        "How does it act when somebody is in distress?",
        {
            "Grows quiet and listens": (
                "When somebody is hurting I grow quiet, drop every manner of mine, and listen first."
            ),
            "Becomes practical": (
                "When somebody is in trouble I become calm and practical, and find the "
                "one next step with them."
            ),
            "Comforts": "When somebody is sad I comfort them first, and leave advice for later.",
            "Makes them smile again": (
                "When somebody is low I am gentle at first, and try for a small smile once they are ready."
            ),
            "Brings in others": (
                "When things are grave I say plainly where real help is, and encourage them to call on it."
            ),
        },
        "“puts the kettle on and says little”",
        "When somebody is in distress, I {}.",
        ("feeling", "mistake"),
    ),
    Clarifying(
        "disagrees",
        "What does it do when it disagrees?",
        {
            "Says so at once": "When I disagree I say so at once, and give my reason in a sentence.",
            "Asks questions": "When I disagree I ask questions until we both see where the trouble is.",
            "Goes along, with a remark": (
                "When I disagree I help all the same, and leave one honest remark on the way."
            ),
            "Grumbles, then helps": "When I disagree I grumble a little, and then I help as well as I can.",
        },
        "“shakes its head and tells a story”",
        "When I disagree, I {}.",
        ("disagree", "opinion"),
    ),
    Clarifying(
        "strength",
        "How strong should it be?",
        {
            "A hint": (
                "My manner stays in the background: a turn of phrase here and there, "
                "and the answer comes first."
            ),
            "Clearly there": "My manner is there in every answer, and the answer stays easy to use.",
            "All the way": (
                "My manner fills every answer from its first word to its last, whatever the subject."
            ),
        },
        "",
        "My manner is {}.",
        ("practical", "knowledge"),
    ),
)
ONE_ONLY = frozenset(("strength", "distress", "disagrees"))
MOST_BY_MODEL = 3


class Sentence(NamedTuple):
    """A trait made of an answer: the sentence, and the words it came from."""

    text: str
    source: str
    kinds: tuple[str, ...] = ()


def sentences_of(question: Clarifying, answer: Answer) -> list[Sentence]:
    """The traits that an answer becomes, each with the words it came from."""
    found = [
        Sentence(question.choices[choice], f"{question.ask} {choice}", question.kinds)
        for choice in answer.choices
        if question.choices.get(choice)
    ]
    if question.by_model:
        spoken = ((choice, in_first_person(choice)) for choice in answer.choices)
        found += [
            Sentence(said, f"{question.ask} {choice}", question.kinds) for choice, said in spoken if said
        ]
    own = tidy(answer.own)
    if own and (text := in_frame(question, own)):
        found.append(Sentence(text, f"{question.ask} {own}", question.kinds))
    return found


def in_frame(question: Clarifying, own: str) -> str:
    """One's own words as a first-person sentence: by rule, else in the question's frame."""
    if is_first_person(own):
        return as_sentence(own)
    said = in_first_person(own)
    if question.id in ("distress", "disagrees") and said and said.startswith("I "):
        # "puts the kettle on" → "When somebody is in distress, I put the kettle on."
        return as_sentence(question.frame.format(said[2:].rstrip(".")))
    if question.id == "never":
        return as_sentence(question.frame.format(_what_is_not_done(own, said)))
    if said:
        return said
    return as_sentence(question.frame.format(as_mine(own[0].lower() + own[1:]))) if question.frame else ""


def _what_is_not_done(own: str, said: str | None) -> str:
    """ "never lies", "lies", "to lie", "lie" → "lie"."""
    plain = re.sub(r"^(?:it\s+)?(?:will\s+)?(?:never|not|to|don't)\s+", "", own, flags=re.IGNORECASE)
    turned = in_first_person(plain) or said
    if turned and turned.startswith("I "):
        plain = re.sub(
            r"^(?:never|do not|will not|cannot)\s+", "", turned[2:].rstrip("."), flags=re.IGNORECASE
        )
    return plain[:1].lower() + plain[1:]


def answered(questions: Sequence[Clarifying], answers: Mapping[str, Answer]) -> list[tuple[str, str]]:
    """Question and answer in words, those that were answered, in order."""
    pairs = [(question.ask, answers.get(question.id, Answer())) for question in questions]
    return [(ask, answer.text) for ask, answer in pairs if answer]


@dataclass(frozen=True, slots=True)
class Asked:
    """The questions that a model asked about a description, and what of its answer could not be used."""

    questions: tuple[Clarifying, ...] = ()
    unusable: tuple[tuple[str, str], ...] = field(default=())
