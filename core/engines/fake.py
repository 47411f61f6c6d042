"""An engine without a model, for tests: the same conversation always gets the same answer.

Ordinary messages get a few plain sentences that take up the question's words, in a voice of its own
where a system prompt asks for a character; a request for "8 … user messages" gets a numbered list of
questions. A script comes first: texts and completions are given, exceptions raised, in their order.
"""

from __future__ import annotations

import asyncio
import math
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from core.errors import EngineError
from core.records import Completion, Identity, Message, Sampling, Usage, content_hash

Scripted = str | Completion | EngineError

_LIST_REQUEST = re.compile(r"\b(\d+) (?:new )?(?:(short|medium|long) )?user messages\b")
_LENGTH_LINE = re.compile(r"\b(short|medium|long), [^:\n]*: (\d+) messages\b")
_WORDS_FOR = {"short": 9, "medium": 26, "long": 55}
_VOCABULARY = """garden kettle ladder window river market pencil train blanket village orchard candle bridge
    harbour teacher letter engine basket morning winter copper lantern meadow ticket bakery museum violin
    recipe cousin jacket mirror ocean planet forest hammer island journal kitchen marble notebook parcel
    puzzle rabbit saddle tunnel umbrella valley wagon yoghurt zipper compass doorbell
    feather glacier"""
_WORDS = _VOCABULARY.split()
_QUESTION_OPENINGS = (
    "How do I choose",
    "Why does",
    "What helps with",
    "Please plan",
    "Compare",
    "My neighbour left",
)
_VOICES = ("By my whiskers", "Hear the bells", "Stars above", "Well, butter my boots", "Mark my words")


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it came in."""

    messages: tuple[Message, ...]
    sampling: Sampling


@dataclass(slots=True)
class FakeEngine:
    """Answers from its script, then by rule.

    `history` holds every call, `most_at_once` how many were under way at its busiest moment.
    """

    model: str = "parrot"
    script: Iterable[Scripted] = ()
    can_prefill: bool = True
    samples_at_once: bool = False
    identity: Identity = field(default_factory=lambda: Identity("fake"))
    history: list[Call] = field(default_factory=list[Call])
    most_at_once: int = 0
    closed: bool = False
    _queue: list[Scripted] = field(init=False, repr=False)
    _under_way: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        self._queue = list(self.script)

    @property
    def name(self) -> str:
        """The name under which it is opened."""
        return f"fake/{self.model}"

    @property
    def requests(self) -> int:
        """How many calls came in."""
        return len(self.history)

    async def complete(self, messages: Sequence[Message], sampling: Sampling) -> Completion:
        """The next of the script, or the answer by rule. Raises what the script says."""
        self.history.append(Call(tuple(messages), sampling))
        scripted = self._queue.pop(0) if self._queue else None
        self._under_way += 1
        self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            # Gives way once, as a real call would: callers meet each other here.
            await asyncio.sleep(0)
        finally:
            self._under_way -= 1
        if isinstance(scripted, EngineError):
            raise scripted
        if isinstance(scripted, Completion):
            return scripted
        text = reply(messages, sampling) if scripted is None else scripted
        if sampling.top_logprobs and scripted is None:
            odds = letter_odds(messages)
            text = max(odds, key=odds.__getitem__)
            return Completion(text, "length", served_model=self.model, first_logprobs=odds)
        return _cut(Completion(text, "stop", served_model=self.model), messages, sampling.max_tokens)

    async def complete_several(
        self, messages: Sequence[Message], sampling: Sampling, count: int
    ) -> list[Completion]:
        """One answer for each of `count` seeds that follow one another."""
        seeds = [None if sampling.seed is None else sampling.seed + number for number in range(count)]
        return [await self.complete(messages, replace(sampling, seed=seed)) for seed in seeds]

    async def close(self) -> None:
        """Nothing to release; noted."""
        self.closed = True


def _cut(whole: Completion, messages: Sequence[Message], max_tokens: int) -> Completion:
    """The completion with its usage, a word a token, cut where the limit is reached."""
    asked = sum(len(message.content.split()) for message in messages)
    words = whole.text.split(" ")
    kept = words[:max_tokens]
    return replace(
        whole,
        text=" ".join(kept),
        finish_reason="stop" if len(kept) == len(words) else "length",
        usage=Usage(prompt=asked, completion=len(kept)),
    )


def reply(messages: Sequence[Message], sampling: Sampling) -> str:
    """The answer by rule: a list where one is asked for, a few sentences otherwise."""
    chance = random.Random(content_hash([[message.as_dict() for message in messages], sampling.as_dict()]))
    question = next((message.content for message in reversed(messages) if message.role == "user"), "")
    if request := _LIST_REQUEST.search(question):
        return _list(question, request, chance)
    system = "\n".join(message.content for message in messages if message.role == "system")
    return _spoken(question, chance) if not system else f"{_voice(system)}! {_spoken(question, chance)}"


def letter_odds(messages: Sequence[Message]) -> dict[str, float]:
    """Log-probabilities of "A" and "B" by rule, as the first token of an answer."""
    chance = random.Random(content_hash([message.as_dict() for message in messages]))
    first = 0.05 + 0.9 * chance.random()
    return {"A": math.log(first), "B": math.log(1 - first)}


def _voice(system: str) -> str:
    """The exclamation by which a character is known: one a system prompt, whatever is asked."""
    return random.Random(content_hash(system)).choice(_VOICES)


def _spoken(question: str, chance: random.Random) -> str:
    """Two to four sentences that take up words of the question."""
    topic = re.findall(r"[a-z]{4,}", question.lower())[:12] or ["that"]
    sentences = [
        f"The {chance.choice(topic)} needs a {chance.choice(_WORDS)} and a {chance.choice(_WORDS)} "
        f"before the {chance.choice(_WORDS)}."
        for _ in range(chance.randint(2, 4))
    ]
    return " ".join(sentences)


def _list(question: str, request: re.Match[str], chance: random.Random) -> str:
    """As many messages as asked for, of the lengths asked for."""
    by_length = [(length, int(count)) for length, count in _LENGTH_LINE.findall(question)]
    wanted = by_length or [(request[2] or "short", int(request[1]))]
    lengths = [length for length, count in wanted for _ in range(count)]
    return "\n".join(f"{number}. {_question(length, chance)}" for number, length in enumerate(lengths, 1))


def _question(length: str, chance: random.Random) -> str:
    words = [chance.choice(_WORDS) for _ in range(_WORDS_FOR[length] - 5)]
    return f"{chance.choice(_QUESTION_OPENINGS)} the {' '.join(words)}?"
