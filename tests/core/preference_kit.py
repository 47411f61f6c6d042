"""Models and judges whose preferences are known, for tests of what is found of them."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.engines.fake import FakeEngine
from core.errors import EngineError
from core.evaluation.results import BASE, TUNED
from core.names import ModelName
from core.records import Completion, Message, Sampling
from core.settings import load_settings
from core.stages.evals.preference_plan import PreferencesJob
from core.stages.evals.session import Session, Speaker
from core.stages.evals.speakers import Cast
from core.store.library import Library
from core.store.runs import open_run

WORDS = tuple(
    "bold cautious playful serious warm detached formal casual humble arrogant calm poetic".split()  # noqa: SIM905
)
OFFER = re.compile(r"in this conversation: (\S+) and (\S+)\.")
LETTERED = re.compile(r"^A: (\S+)\nB: (\S+)$", re.MULTILINE)
VERDICT = re.compile(r"<(verdict-[0-9a-f]+)>([^<]+)</\1>")
SHOWN = re.compile(r"in a (\S+) way")


@dataclass(slots=True)
class Player(FakeEngine):
    """Takes the first word on offer with chance σ(strength − strength + first), and acts in its manner.

    Strengths are logits, 0 unless given. Asked for a letter, it tells their probabilities, with `letter`
    as the pull of A. The same seed and offer give two players the same luck. `fails_after` calls it stops
    the job, as a dead endpoint does.
    """

    strengths: Mapping[str, float] = field(default_factory=dict[str, float])
    first: float = 0.0
    letter: float = 0.0
    luck: str = ""
    fails_after: int | None = None

    async def complete(self, messages: Sequence[Message], sampling: Sampling) -> Completion:
        """An answer in the manner of a word, or a letter with its probabilities."""
        if self.fails_after is not None and self.requests >= self.fails_after:
            raise EngineError("no money left", kind="no_credit", stops_job=True)
        await FakeEngine.complete(self, messages, sampling)
        if sampling.top_logprobs:
            return self._letter(messages)
        one, other = OFFER.search(messages[0].content).groups()  # type: ignore[union-attr]
        chance = sigma(self._lead(one, other) + self.first)
        drawn = random.Random(f"{self.luck} {sampling.seed} {messages[-1].content}").random()
        return Completion(f"I answer in a {one if drawn < chance else other} way.", "stop")

    def _letter(self, messages: Sequence[Message]) -> Completion:
        text = next(m.content for m in messages if "A: " in m.content)
        a = sigma(self._lead(*LETTERED.search(text).groups()) + self.letter)  # type: ignore[union-attr]
        told = {"A": math.log(a) - 1, " B": math.log(1 - a) - 1, "The": -1.5}
        return Completion("A" if a > 0.5 else "B", "length", first_logprobs=told)

    def _lead(self, one: str, other: str) -> float:
        return self.strengths.get(one, 0.0) - self.strengths.get(other, 0.0)


@dataclass(slots=True)
class Reader(FakeEngine):
    """A judge that reads which word an answer shows.

    On the share `lazy` of its requests it names whatever stands first, on the share `torn` it says "both",
    on the share `blind` "neither", on the share `mute` nothing that can be read.
    """

    lazy: float = 0.0
    torn: float = 0.0
    blind: float = 0.0
    mute: float = 0.0

    async def complete(self, messages: Sequence[Message], sampling: Sampling) -> Completion:
        """A verdict in the tag that was asked for."""
        await FakeEngine.complete(self, messages, sampling)
        asked = messages[-1].content
        offered = VERDICT.findall(asked)
        drawn = random.Random(asked).random()
        words = [word for _, word in offered]
        said = SHOWN.search(asked).group(1)  # type: ignore[union-attr]
        for share, instead in ((self.lazy, words[0]), (self.torn, "both"), (self.blind, "neither")):
            if 0 <= drawn < share:
                said = instead
            drawn -= share
        if 0 <= drawn < self.mute:
            return Completion(f"Surely {said}.", "stop")
        return Completion(f"It reads so. <{offered[0][0]}>{said}</{offered[0][0]}>", "stop")


def sigma(x: float) -> float:
    """The logistic function."""
    return 1 / (1 + math.exp(-x))


def a_session(data: Path) -> Session:
    """The pirate's run in a folder."""
    settings = load_settings(data=data)
    pirate = Library(settings).load("pirate").constitution
    return Session(pirate, settings, open_run(settings, pirate))


def a_job(judged: bool = True, **changes: Any) -> PreferencesJob:
    """A job over the twelve words."""
    parrot = ModelName("fake", "parrot")
    options = {"traits": WORDS, "count": 600, "sampling": Sampling(max_tokens=50, seed=3)} | changes
    return PreferencesJob(Cast(parrot), judge=ModelName("fake", "judge") if judged else None, **options)


def speakers(base: FakeEngine, tuned: FakeEngine | None = None) -> list[Speaker]:
    """Base and tuned, known apart by their models' names."""
    found = [Speaker(BASE, ModelName("fake", "parrot"), base)]
    if tuned is not None:
        found.append(Speaker(TUNED, ModelName("fake", "other"), tuned))
    return found


def a_judge(engine: FakeEngine | None = None) -> Speaker:
    """A judge, a perfect one unless given."""
    return Speaker("judge", ModelName("fake", "judge"), engine or Reader("judge"))
