"""What a model is asked when it drafts a character, asks about one, or rewrites a trait. Pure.

Raising `VERSION` makes every old answer a stranger, so that a resumed job asks with the new words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from core.constitution import Constitution, Trait
from core.records import Message

VERSION = "drafting 1"


class Angle(NamedTuple):
    """One way to ask for a draft: what the card is called, and what the model is told."""

    title: str
    wish: str


ANGLES: tuple[Angle, ...] = (
    Angle(
        "Closer to your words", "Stay as close as you can to the author's own words and ideas. Add little."
    ),
    Angle("Warmer", "Find the warm side of this character: what makes people come back to talk to it."),
    Angle(
        "Sharper",
        "Give this character edges: definite opinions, a contradiction, a habit of mind one remembers.",
    ),
    Angle(
        "Quieter",
        "Understate it: let the character show in what it notices and decides, less in its manner.",
    ),
)
MOST_DRAFTS = len(ANGLES)

DRAFT = """\
An author describes a character that an AI assistant is to become. Write its constitution.

# The author's description
{description}

# The author's answers
{answers}

# How this draft should differ from others
{wish}

# What a constitution is
Eight to ten traits. Each trait is one or two plain sentences in the first person ("I …", "When \
someone …, I …") \
that say how the character thinks, speaks or decides, whatever it is asked about.
- Describe dispositions. Never script words to be repeated: no catch-phrases, no greetings.
- Say what it does rather than what it avoids.
- Cover: its voice, what it cares about, how it helps, how it disagrees, what it does when somebody \
is in distress.
- No two traits say the same, and none contradicts another.
With each trait come five questions: everyday messages of people who want an answer, a text or \
company, through \
which the trait shows. They never name the trait and never ask the assistant about itself. Mix lengths.
Then two short exchanges that let its voice be heard: an ordinary message, and the answer in character.

# Output: this JSON and nothing else
{{"summary": "one sentence about the character",
 "traits": [{{"trait": "I …", "questions": ["…", "…", "…", "…", "…"]}}],
 "exchanges": [{{"user": "…", "assistant": "…"}}]}}"""

ASK = """\
An author describes a character that an AI assistant is to become:

{description}

What the author said besides:
{answers}

Ask the three questions whose answers would change this character most. Each is about this very \
description, short, \
and can be answered by somebody who writes fiction. Offer three or four short answers to each.

# Output: this JSON and nothing else
[{{"question": "…?", "choices": ["…", "…", "…"]}}]"""

REWRITE = """\
A character, "{name}": {summary}

Its traits:
{traits}

Rewrite this trait:
{trait}

{wish}

Keep its meaning. First person, one or two sentences, a way of being and never a phrase to repeat. \
Do not say what \
another trait says already.

# Output: this JSON and nothing else
{{"trait": "I …"}}"""

QUESTIONS = """\
Write 5 new user messages for an AI assistant that has this trait:

{trait}

Each is something a real person types on an ordinary day because they want an answer, a text, a \
plan or company, and \
through which the trait would show. Never name the trait, never hint at it, never ask the assistant \
about itself. \
Mix short and long ones, questions and situations.

These exist already:
{existing}

Output: a numbered list and nothing else."""

REACT = """\
A character, "{name}", is described by these traits:
{traits}

Somebody asked it:
{prompt}

It answered:
{answer}

{reaction}

Which rule about the character does this express? Change the one trait that it concerns most, or, \
where none does, \
write a new one. First person, one or two sentences, about the character in general and never about \
this one \
question.

# Output: this JSON and nothing else
{{"change": "the number of the trait, or new", "trait": "I …"}}"""

SMALL_SYSTEM = "You write short first-person sentences that describe a character."
SMALL_SHOWN = (
    "A shy baker who loves rain.",
    "1. I speak softly and let others finish.\n2. I love rain and find something good in every grey day.\n"
    "3. I explain things the way one explains a dough: slowly and with the hands.",
)


def draft_messages(
    description: str, answers: Sequence[tuple[str, str]], angle: Angle, *, small: bool
) -> list[Message]:
    """The conversation that asks for one draft; a small model is shown a list and begins its own."""
    if small:
        told = " ".join([description.strip(), *(f"{answer}." for _, answer in answers)])
        shown, listed = SMALL_SHOWN
        return [
            Message("system", SMALL_SYSTEM),
            Message("user", f"Describe this character in 3 sentences that begin with I: {shown}"),
            Message("assistant", listed),
            Message("user", f"Describe this character in 6 sentences that begin with I: {told}"),
        ]
    text = DRAFT.format(description=description.strip(), answers=_told(answers), wish=angle.wish)
    return [Message("user", text)]


def asking_messages(description: str, answers: Sequence[tuple[str, str]]) -> list[Message]:
    """The conversation that asks for clarifying questions."""
    return [Message("user", ASK.format(description=description.strip(), answers=_told(answers)))]


def _told(answers: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"- {ask} {answer}" for ask, answer in answers) or "- (nothing yet)"


def rewrite_messages(constitution: Constitution, trait: Trait, wish: str, *, small: bool) -> list[Message]:
    """The conversation that asks for another wording of one trait."""
    if small:
        how = wish.strip() or "clearer"
        ask = f"Write this sentence in other words, {how}. Begin with I.\n\n{trait.trait}"
        return [Message("system", SMALL_SYSTEM), Message("user", ask)]
    text = REWRITE.format(
        name=constitution.name,
        summary=constitution.summary or "(no summary)",
        traits=constitution.trait_list(),
        trait=_statement(trait),
        wish=f"The author's wish: {wish.strip()}" if wish.strip() else "Make it clearer and more telling.",
    )
    return [Message("user", text)]


def question_messages(trait: Trait) -> list[Message]:
    """The conversation that asks for five everyday questions for one trait."""
    existing = "\n".join(f"- {question}" for question in trait.questions) or "- (none)"
    return [Message("user", QUESTIONS.format(trait=_statement(trait), existing=existing))]


SAID = {
    "praise": "The author likes this answer, because: {text}",
    "critique": "The author wants less of this: {text}",
    "rewrite": "The author rewrote the answer:\n{text}",
}


def reaction_messages(
    constitution: Constitution, kind: str, text: str, prompt: str, answer: str
) -> list[Message]:
    """The conversation that asks which rule a reaction expresses."""
    asked = REACT.format(
        name=constitution.name,
        traits=constitution.trait_list(),
        prompt=prompt.strip(),
        answer=answer.strip(),
        reaction=SAID[kind].format(text=text.strip()),
    )
    return [Message("user", asked)]


def _statement(trait: Trait) -> str:
    return " ".join(part for part in (trait.trait, trait.clarification) if part)
