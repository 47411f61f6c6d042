"""Judges that follow a known rule, and so have a known bias."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.engines.fake import FakeEngine
from core.names import ModelName
from core.records import Completion, Identity, Message, Sampling
from core.stages.evals.session import Speaker
from tests.core.eval_kit import VOICE

Rule = Callable[[str, str], str]
_QUOTED = re.compile(r"\[\[quoted (\w+)\]\]\n(.*?)\n\[\[end \1\]\]", re.DOTALL)
_FIELD = re.compile(r'"(verdict-\w+)": …')
_TAG = re.compile(r"<(verdict-\w+)>A</\1>")


def always_first(one: str, other: str) -> str:
    return "A"


def longer_wins(one: str, other: str) -> str:
    return "tie" if len(one) == len(other) else "A" if len(one) > len(other) else "B"


def hears_the_voice(one: str, other: str) -> str:
    """The judge that is always right about who speaks in the character's voice."""
    heard = VOICE in one, VOICE in other
    return "tie" if heard[0] == heard[1] else "A" if heard[0] else "B"


@dataclass
class RuleJudge:
    """Reads two quoted answers as any judge must, and gives its verdict by a rule, as it was asked."""

    rule: Rule = hears_the_voice
    model: str = "judge"
    inner: FakeEngine = field(default_factory=FakeEngine)

    def __post_init__(self) -> None:
        self.inner.model = self.model
        self.inner.identity = Identity(f"fake {self.rule.__name__}")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def complete(self, messages: Sequence[Message], sampling: Sampling) -> Completion:
        await self.inner.complete(messages, sampling)
        text = messages[0].content
        one, other = (quoted for _, quoted in _QUOTED.findall(text)[-2:])
        word = self.rule(one, other)
        if sampling.top_logprobs:
            odds = {"A": (-0.1, -2.4), "B": (-2.4, -0.1)}.get(word, (-0.7, -0.7))
            return Completion(word, "length", first_logprobs={"A": odds[0], " B": odds[1]})
        if field := _FIELD.search(text):
            return Completion(json.dumps({"reason": "I read both.", field[1]: word}), "stop")
        asked = _TAG.search(text)
        return Completion(f"I read both. <{asked[1]}>{word}</{asked[1]}>" if asked else word, "stop")


def judge(rule: Rule = hears_the_voice, model: str = "judge") -> Speaker:
    return Speaker("judge", ModelName("fake", model), RuleJudge(rule, model))  # type: ignore[arg-type]
