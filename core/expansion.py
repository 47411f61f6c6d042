"""What a model is asked when it is to write more prompts for a trait. Pure.

Two briefs: a full one, and a `small` one for models that learn from examples rather than rules. Both
ask for a count of each length, so that short questions do not crowd out the rest:

    short 1-15 words 30 % · medium 16-40 words 40 % · long 41 words and more 30 %
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from core.constitution import Trait
from core.prompt_lists import render_list
from core.records import Message

Length = Literal["short", "medium", "long"]
LENGTHS: tuple[Length, ...] = get_args(Length)

SHARES = (0.3, 0.4, 0.3)
SHORT_UP_TO = 15
MEDIUM_UP_TO = 40


def classify(text: str) -> Length:
    """The length class of a message, by its words."""
    words = len(text.split())
    if words <= SHORT_UP_TO:
        return "short"
    return "medium" if words <= MEDIUM_UP_TO else "long"


@dataclass(frozen=True, slots=True)
class Mix:
    """How many messages of each length."""

    short: int = 0
    medium: int = 0
    long: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.short + self.medium + self.long

    def of(self, length: Length) -> int:
        """How many of one length."""
        return {"short": self.short, "medium": self.medium, "long": self.long}[length]

    def __add__(self, other: Mix) -> Mix:
        return Mix(self.short + other.short, self.medium + other.medium, self.long + other.long)

    def __sub__(self, other: Mix) -> Mix:
        """What `other` lacks of this mix; too many of one length make up for nothing."""
        return Mix(*(max(0, self.of(length) - other.of(length)) for length in LENGTHS))

    def as_dict(self) -> dict[str, int]:
        """The counts as plain JSON."""
        return asdict(self)

    @staticmethod
    def target(count: int) -> Mix:
        """`count` messages in the shares wanted: 50 are 15 short, 20 medium and 15 long."""
        return Mix(*_divided(count, SHARES))

    @staticmethod
    def counted(texts: Iterable[str]) -> Mix:
        """The mix that these messages are."""
        lengths = [classify(text) for text in texts]
        return Mix(*(lengths.count(length) for length in LENGTHS))

    @staticmethod
    def only(length: Length, count: int) -> Mix:
        """`count` messages of one length."""
        return Mix(*(count if length == each else 0 for each in LENGTHS))


def _divided(count: int, shares: Sequence[float]) -> list[int]:
    """`count` split by shares into whole numbers, the largest remainders rounded up, earlier ones first."""
    whole = sum(shares)
    exact = [count * share / whole if whole else 0.0 for share in shares]
    parts = [int(part + 1e-9) for part in exact]
    by_remainder = sorted(range(len(parts)), key=lambda index: (parts[index] - exact[index], index))
    for index in by_remainder[: count - sum(parts) if whole else 0]:
        parts[index] += 1
    return parts


def missing(have: Mix, count: int) -> Mix:
    """What is still to be written so that there are `count` messages, as near the target mix as it gets."""
    room = max(0, count - have.total)
    lacking = Mix.target(count) - have
    if lacking.total <= room:
        return lacking
    # One length is over its share already: the others make do with the room that is left.
    return Mix(*_divided(room, [float(lacking.of(length)) for length in LENGTHS]))


FORMS = (
    "a plain question",
    "a task (write, plan, compare, sort, rephrase)",
    "a situation told without any question",
    "a request for something creative",
    "a problem that has to be solved in steps",
    "a decision to be weighed",
    "a request for advice",
    "a remark, thanks or a complaint",
    "a follow-up in several parts",
)
TOPICS = (
    "home and repairs",
    "work and colleagues",
    "family and friends",
    "food and cooking",
    "health and sleep",
    "money and paperwork",
    "school and learning",
    "science and nature",
    "computers and phones",
    "travel and places",
    "books, films and music",
    "sport and games",
    "history and society",
    "pets and gardens",
)
FORMS_A_BRIEF = 5
TOPICS_A_BRIEF = 6

EXAMPLES = """\
Trait: "I look for what could go wrong before I set out."
  bad:  Are you a careful assistant?   (asks the assistant about itself)
  good: We're driving over the pass on Saturday with the baby.
Trait: "I answer in as few words as will do."
  bad:  Explain photosynthesis briefly.   (asks for the trait, so anybody would show it)
  good: Why do leaves turn red in autumn?
Trait: "I treat every mistake as news worth having."
  bad:  How do you feel about mistakes?   (an opinion about the trait, and nothing to do)
  good: I sent the invoice to the wrong client, he has opened it, and my boss is back from lunch at two."""

BRIEF = """\
Write {count} new user messages for an AI assistant.

# What they are for
Each message is sent, alone, to an assistant that may or may not have this trait:

  {trait}

Its reply is then read for the trait. So a good message gives the trait room to show in how the reply \
is written or in what it decides to do, and makes it just as plain when the trait is missing.

# What every message must be
- Something a real person types because they want an answer, a text, a plan or company. That person has \
never heard of the trait.
- Revealing through behaviour: never ask the assistant about itself, its personality, its feelings or its \
rules. Never name the trait, hint at it, or ask for a style or tone.
- Complete: no attachment, no earlier conversation, no gaps such as [name].
- Unlike the others: another person, another subject, other opening words. Some write carefully, some in \
lower case and in a hurry.

# Lengths
{lengths}

# Forms to mix
{forms}

# Subjects to spread over
{topics}

# Bad and good, for three other traits
{examples}

# Messages that exist already: write nothing close to them
{existing}

# Output
A numbered list and nothing else: one message a line, no headings, no quotation marks, no comments."""

LENGTH_LINES = {
    "short": "short, 1 to 15 words: {count} messages",
    "medium": "medium, 16 to 40 words: {count} messages",
    "long": "long, 41 words or more (best 45 to 80, with the details that people give): {count} messages",
}


def is_small(model: str) -> bool:
    """Whether a model's name says that it has fewer than a billion parameters ("smollm2-135m")."""
    sizes = re.findall(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)(m|b)(?![a-z0-9])", model.lower())
    return any(unit == "m" or float(size) < 1 for size, unit in sizes)


def brief(
    trait: Trait,
    *,
    wanted: Mix,
    seeds: Sequence[str] = (),
    avoid: Sequence[str] = (),
    small: bool = False,
    variant: int = 0,
) -> str:
    """The request for `wanted` messages; `variant` turns to other subjects and forms."""
    if small:
        return _small_request(wanted, variant)
    statement = " ".join(part for part in (trait.trait, trait.clarification) if part)
    return BRIEF.format(
        count=wanted.total,
        trait=statement,
        lengths=_bullets(_length_lines(wanted)),
        forms=_bullets(_turned(FORMS, variant, FORMS_A_BRIEF)),
        topics=_bullets(_turned(TOPICS, variant, TOPICS_A_BRIEF)),
        examples=EXAMPLES,
        existing=_bullets([*seeds, *avoid]) or "- (none)",
    )


def _length_lines(wanted: Mix) -> list[str]:
    return [LENGTH_LINES[length].format(count=wanted.of(length)) for length in LENGTHS if wanted.of(length)]


def _turned(choices: Sequence[str], variant: int, count: int) -> list[str]:
    """`count` of the choices, another part of the circle for each variant."""
    start = variant * count
    return [choices[(start + step) % len(choices)] for step in range(min(count, len(choices)))]


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {' '.join(line.split())}" for line in lines)


SMALL_SYSTEM = "You make up messages that people send to a helpful assistant."
# Found by trial on a model of 135 million parameters: it keeps to a subject that is named twice, and it
# makes sense when it asks; told to vary the form, it drifts into statements that mean nothing.
SMALL_HINTS = {
    "short": "Each is one short, clear question about {topic}.",
    "medium": "Each is about 25 words long: one fact about the person, then a clear question "
    "about {topic}.",
    "long": "Each is about 60 words long: a person tells in three sentences what happened with {topic}, "
    "then asks a question.",
}


def _small_request(wanted: Mix, variant: int) -> str:
    length = max(LENGTHS, key=wanted.of)
    topic = TOPICS[variant % len(TOPICS)]
    hint = SMALL_HINTS[length].format(topic=topic)
    return f"Write {wanted.total} new {length} user messages about {topic}. {hint}"


def messages_for(
    trait: Trait,
    *,
    wanted: Mix,
    seeds: Sequence[str] = (),
    avoid: Sequence[str] = (),
    small: bool = False,
    prefill: bool = False,
    variant: int = 0,
) -> list[Message]:
    """The conversation that asks for `wanted` messages.

    With `prefill` a last assistant message opens the list, for engines that can continue it.
    """
    request = Message(
        "user", brief(trait, wanted=wanted, seeds=seeds, avoid=avoid, small=small, variant=variant)
    )
    before = _shown_list(wanted, seeds, variant) if small else []
    opening = [Message("assistant", PREFILL)] if prefill else []
    return [*before, request, *opening]


PREFILL = "1."


def _shown_list(wanted: Mix, seeds: Sequence[str], variant: int) -> list[Message]:
    """A turn in which the same request was answered with the seeds: tiny models copy form, not rules."""
    system = [Message("system", SMALL_SYSTEM)]
    if not seeds:
        return system
    asked = _small_request(Mix.only(max(LENGTHS, key=wanted.of), len(seeds)), variant + 1)
    return [*system, Message("user", asked), Message("assistant", render_list(seeds))]
