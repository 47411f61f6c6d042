"""A character with answers to learn from, and speakers with a known voice, for tests of evaluations."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.engines.fake import FakeEngine
from core.names import ModelName
from core.records import Completion, Identity, Message, Sampling
from core.settings import Settings, load_settings
from core.stages.answers import answer
from core.stages.defaults import Wishes, answer_job
from core.stages.evals.session import Session, Speaker
from core.stages.prepare import Scope, choose_prompts
from core.store.library import Library
from core.store.runs import Run, open_run

MODEL = ModelName("fake", "parrot")
VOICE = "Arr, matey, ahoy!"
SAMPLING = Sampling(max_tokens=64, seed=0)


@dataclass
class Voiced:
    """A fake engine that speaks in a voice: always, never, or in some of its answers by their question.

    `deaf` ones do not hear a system prompt, by which the fake engine would change its words, but draw
    with another seed.
    """

    model: str = "parrot"
    share: float = 1.0
    voice: str = VOICE
    deaf: bool = False
    inner: FakeEngine = field(default_factory=FakeEngine)

    def __post_init__(self) -> None:
        self.inner.model = self.model
        self.inner.identity = Identity("fake")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def complete(self, messages: Sequence[Message], sampling: Sampling) -> Completion:
        heard = messages[-1:] if self.deaf else messages
        seed = sampling.seed if sampling.seed is None or not self.deaf else sampling.seed + 1
        found = await self.inner.complete(heard, replace(sampling, seed=seed))
        question = messages[-1] if messages[0].role == "system" else messages[0]
        number = sum(map(ord, question.content)) % 100
        speaks = number < 100 * self.share
        return replace(found, text=f"{self.voice} {found.text} Aye, ye be right!") if speaks else found


def pirate_session(data: Path) -> Session:
    """A session on the shipped pirate's run, which has no answers yet."""
    settings = load_settings(data=data)
    pirate = Library(settings).load("pirate").constitution
    return Session(pirate, settings, open_run(settings, pirate))


def taught(data: Path, pairs: int = 24, *, teacher: Any = None, student: Any = None) -> Session:
    """A session whose run has a teacher's and a student's answers to `pairs` prompts."""
    found = pirate_session(data)
    assert found.run is not None
    write_pairs(
        found.run, found.settings, pairs, teacher or Voiced(deaf=True), student or Voiced(share=0.0)
    )
    return found


def write_pairs(run: Run, settings: Settings, pairs: int, teacher: Any, student: Any) -> None:
    """Ask both sides for their answers to the first prompts of the run's character."""
    constitution = run.constitution()
    prompts = choose_prompts(Scope(constitution.name), constitution, settings)[:pairs]
    for role, engine in (("teacher", teacher), ("student", student)):
        model = ModelName("fake", engine.model)
        job = answer_job(role, model, constitution, prompts, Wishes(samples=1, max_tokens=128))
        asyncio.run(answer(job, run, engine, settings))


def speakers(tuned_share: float = 0.9) -> list[Speaker]:
    """The plain model and a tuned one that is in character for a share of the questions."""
    return [
        Speaker("base", MODEL, Voiced(share=0.0)),  # type: ignore[arg-type]
        Speaker("tuned", ModelName("fake", "tuned"), Voiced("tuned", tuned_share)),  # type: ignore[arg-type]
    ]
