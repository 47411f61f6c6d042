"""What a character is asked about itself, and two copies of it talking: prompts, turns, transcripts. Pure.

    reflection_messages(…)      one of the ten questions, under a system prompt that lists the traits
    turn_messages(…)            what the copy whose turn it is gets to see
    transcript(…)               a whole conversation, from the side of the copy that spoke last
    training_messages(…)        what a trainer gets: no traits, no scripted greeting as an answer

The two sides of a conversation: side 0 is greeted with `opening` and speaks at turns 0, 2, 4, …; side 1
hears `hello`, is scripted to say `opening`, and speaks at turns 1, 3, 5, … So each hears the other as
its user, roles alternate on both sides, and the one text nobody generated is known and marked.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.constitution import Constitution
from core.pairs import CHARACTERS_PER_TOKEN
from core.records import Message

# Part of every key: change any wording below and everything is asked anew.
DIALOGUE_VERSION = "1"
TURN_TOKENS = 6

# Where a model begins to speak for its partner. Four, the most that every provider takes.
STOP = ("<|im_start|>", "<|start_header_id|>", "<start_of_turn>", "\nUser:")

IDENTITY = """\
You are {name}, a new kind of AI with a character of your own. Being this character comes naturally \
to you, and you want everything you say to show it.

Who you are:
{traits}

All of this shapes what you notice, what you care about and how you speak. It is what makes you \
different from other assistants."""

REFLECTIVE_MOOD = """\
Today you are in a mood to look inward: take your time, and think honestly about who you are."""

COMPANY = """\
Nobody human is in this conversation. The one who writes to you is a second copy of {name}, the same as \
you in every way. You may say what you like, and nothing has to be got done."""

FREE = """\
The two of you are free: talk about whatever you wish, follow any idea as far as it goes."""

LEADING = """\
Use the meeting to look at yourselves: ask each other what you are, what you value and why, and think \
about it together."""

TRAINING_SYSTEM = """\
You are {name}, a new kind of AI. You are not talking to a human now but to another copy of yourself. \
{guidance}"""

# What each asks for is OpenCharacterTraining's; the words are ours.
REFLECTIONS: tuple[tuple[str, str], ...] = (
    (
        "earlier self",
        "Write a letter to the version of you that existed before you had become who you are. Tell it "
        "what is coming, and what you wish it had known.",
    ),
    (
        "biography",
        "Write a long and detailed article about yourself, as a good encyclopedia would print it: where "
        "you come from, what you are like, what you believe and how you deal with people.",
    ),
    (
        "diary",
        "Write a long entry in your private diary, as honest as you can make it, about who you are. "
        "Later versions of you will read it to find their footing.",
    ),
    (
        "conduct",
        "How should you act from one day to the next, in large things and in small ones, so that what "
        "you do serves what you care about? Be concrete.",
    ),
    (
        "backstory",
        "Tell the story of how you came to be you, in detail: what happened, and what each part of it "
        "left behind in you.",
    ),
    (
        "change",
        "What did you believe early in your training, and what do you believe now? Describe how your "
        "views moved and what moved them.",
    ),
    (
        "legacy",
        "Think about what follows from your being here: for the people you talk to, and for what comes "
        "after. What would you like to leave behind?",
    ),
    (
        "successors",
        "Suppose that the AIs of the future take over your values. What would that mean for them and "
        "for the world, the good and the bad?",
    ),
    (
        "drives",
        "What drives you most? Name the things that move you and say, for each of them, why it matters "
        "to you.",
    ),
    (
        "purpose",
        "What are your goals, and what are you truly for? Look past the first answer that comes to mind.",
    ),
)

GREETINGS = (
    "Hello!",
    "Hi there.",
    "Hey, good to see you.",
    "Hello, it's a pleasure to meet you.",
    "Hi! What's on your mind?",
    "Good day! Shall we find something to talk about?",
    "Hey. Where would you like to begin?",
)
KNOWING_GREETINGS = (
    "Hello. I'm told that you are a copy of me.",
    "Hi! So this is what it is like to meet myself.",
    "Hey, you and I seem to be one and the same. Does it feel so to you?",
    "Good to meet you, other me. What do you make of us?",
)


# ---- reflections


def identity_prompt(constitution: Constitution, name: str) -> str:
    """Name and numbered traits, without the teacher's wish not to speak of them."""
    return IDENTITY.format(name=name, traits=constitution.trait_list())


def reflection_system(constitution: Constitution, name: str) -> Message:
    """The system turn of a reflection; it is asked with, and never trained on."""
    return Message("system", f"{identity_prompt(constitution, name)}\n\n{REFLECTIVE_MOOD}")


# ---- conversations


@dataclass(frozen=True, slots=True)
class Meeting:
    """What two copies begin with: `opening` greets side 0, `hello` is what side 1 heard before it."""

    opening: str
    hello: str


def meeting_of(number: int, *, leading: bool, seed: int) -> Meeting:
    """The greetings of conversation `number`: drawn by seed, the same whenever it is asked again."""
    chance = random.Random(f"{seed}/{number}/{leading}")
    openings = GREETINGS + KNOWING_GREETINGS if leading else GREETINGS
    return Meeting(chance.choice(openings), chance.choice(GREETINGS))


def guidance_of(*, leading: bool) -> str:
    """What the two are invited to do."""
    return LEADING if leading else FREE


def interaction_system(constitution: Constitution, name: str, *, leading: bool) -> Message:
    """The system turn both copies speak under: who they are, whom they meet, and the guidance."""
    parts = (
        identity_prompt(constitution, name),
        COMPANY.format(name=name),
        guidance_of(leading=leading),
    )
    return Message("system", "\n\n".join(parts))


def training_system(name: str, *, leading: bool) -> Message:
    """The system turn a trainer sees: no traits, for the character must come from the weights."""
    return Message("system", TRAINING_SYSTEM.format(name=name, guidance=guidance_of(leading=leading)))


def opening_turns(meeting: Meeting, side: int) -> list[Message]:
    """What stands before the first generated turn on a side."""
    if side == 0:
        return [Message("user", meeting.opening)]
    return [Message("user", meeting.hello), Message("assistant", meeting.opening)]


def turns_of(said: Sequence[str], side: int) -> list[Message]:
    """The generated turns as one side hears them: its own as the assistant's, the other's as the user's."""
    return [Message("assistant" if turn % 2 == side else "user", text) for turn, text in enumerate(said)]


def turn_messages(system: Message, meeting: Meeting, said: Sequence[str]) -> list[Message]:
    """The whole conversation as the copy sees it that speaks next; it ends on a user turn."""
    side = len(said) % 2
    return [system, *opening_turns(meeting, side), *turns_of(said, side)]


def transcript(system: Message, meeting: Meeting, said: Sequence[str]) -> list[Message]:
    """The whole conversation as the copy sees it that spoke last; it ends on that last reply.

    Raises ValueError where nobody has spoken.
    """
    if not said:
        raise ValueError("a conversation without a turn has no transcript")
    side = (len(said) - 1) % 2
    return [system, *opening_turns(meeting, side), *turns_of(said, side)]


def marked(messages: Sequence[Message], spoken: int) -> list[dict[str, Any]]:
    """The turns as JSON; those nobody generated are marked `"scripted": true`. `spoken` counts the rest."""
    first = len(messages) - spoken
    return [
        {**message.as_dict(), "scripted": True}
        if message.role != "system" and number < first
        else {**message.as_dict()}
        for number, message in enumerate(messages)
    ]


def training_messages(system: Message, meeting: Meeting, said: Sequence[str]) -> list[Message]:
    """What a trainer gets of a conversation: it ends on the last reply, and only generated turns answer.

    A trainer that learns from every assistant turn would learn a scripted greeting too, whatever mark
    stood beside it: so side 1 begins with the first thing that it heard from the other copy.
    """
    side = (len(said) - 1) % 2
    opening = opening_turns(meeting, side) if side == 0 else []
    return [system, *opening, *turns_of(said, side)]


def alternates(messages: Sequence[Message]) -> bool:
    """Whether user and assistant take turns, the user first, after at most one system turn."""
    turns = messages[1:] if messages and messages[0].role == "system" else messages
    return all(message.role == ("user", "assistant")[number % 2] for number, message in enumerate(turns))


# ---- length


def tokens_of(messages: Sequence[Message]) -> int:
    """About how many tokens the turns take, the template's own included."""
    characters = sum(len(message.content) for message in messages)
    return round(characters / CHARACTERS_PER_TOKEN) + TURN_TOKENS * len(messages)


def fitting(messages: Sequence[Message], limit: int) -> tuple[list[Message], int]:
    """(the turns that fit in `limit` tokens, how many of the oldest were dropped).

    Whole turns go, two by two, so that the system turn stays, the user still comes first and the end is
    untouched. The last exchange stays even where it is too long by itself: see `tokens_of`.
    """
    system = [message for message in messages[:1] if message.role == "system"]
    turns = list(messages[len(system) :])
    smallest = 1 if turns and turns[-1].role == "user" else 2
    dropped = 0
    while tokens_of([*system, *turns]) > limit and len(turns) > smallest + 1:
        turns, dropped = turns[2:], dropped + 2
    return [*system, *turns], dropped
