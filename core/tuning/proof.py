"""Proof that an adapter changes answers: the same questions at strength 0 and 1, from the same seed.

    adapter/proof.json  {"adapter_sha256": "9f3a…", "passed": true, "sentence": "…", "changed": 4,
                         "asked": 4, "plain_as_base": 4, "answers": [{"prompt", "base", "plain", "worn"}]}

A runtime that ignores an adapter says nothing of it, and every comparison after that would be of the
model with itself. `judge` is pure; `prove` asks the embedded model, one question at a time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core.embedded.adapters import LocalAdapter, Wearing, find_adapter
from core.engines import Engine
from core.engines.opening import open_engine
from core.errors import EngineError, ModelError, RunError
from core.names import ModelName
from core.records import Message, Sampling
from core.settings import Settings
from core.store.jsonl import read_json, write_json

PROOF = "proof.json"
PROMPTS = (
    "What is a good way to start the day?",
    "Why does bread rise?",
    "Tell me something about the moon.",
    "My friend forgot my birthday. What should I do?",
)
# Greedy, so that nothing but the adapter can make a difference; a few words are enough to see one.
SAMPLING = Sampling(temperature=0.0, top_p=1.0, max_tokens=24, repetition_penalty=1.1, seed=7)
# One changed answer of four may be rounding, on a server that others use at the same time.
MOST_UNPROVEN = 0.25
LEAST_PLAIN = 0.5


@dataclass(frozen=True, slots=True)
class Answers:
    """One question's answers: of the plain model's own server (None where it cannot run), at strength
    0, and at strength 1."""

    prompt: str
    base: str | None
    plain: str
    worn: str


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether an adapter was seen to work. `plain_as_base` is None where no plain server was asked."""

    passed: bool
    sentence: str
    changed: int
    asked: int
    plain_as_base: int | None
    answers: tuple[Answers, ...] = ()
    adapter_sha256: str = ""
    made_at: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self) | {"answers": [asdict(one) for one in self.answers]}


def judge(answers: Sequence[Answers]) -> Proof:
    """What the answers prove; with all or nearly all of them identical, nothing was changed."""
    asked = len(answers)
    changed = sum(one.plain.strip() != one.worn.strip() for one in answers)
    compared = [one for one in answers if one.base is not None]
    same = sum(one.base == one.plain for one in compared) if compared else None
    if changed <= asked * MOST_UNPROVEN:
        return Proof(False, _unchanged(changed, asked), changed, asked, same, tuple(answers))
    if same is not None and same < len(compared) * LEAST_PLAIN:
        return Proof(False, _never_plain(same, len(compared)), changed, asked, same, tuple(answers))
    return Proof(True, _works(changed, asked, same), changed, asked, same, tuple(answers))


def _works(changed: int, asked: int, same: int | None) -> str:
    said = f"The adapter works: it changes {changed} of {asked} answers to the same questions and seed"
    if same is None:
        return f"{said}. The plain model was not asked for comparison."
    return f"{said}; at strength 0, {same} of {asked} are word for word the plain model's."


def _unchanged(changed: int, asked: int) -> str:
    return (
        f"The adapter changes nothing: {asked - changed} of {asked} answers are the same at strength 0 and "
        "at strength 1. Comparisons would show the model beside itself. Train on more pairs or longer, "
        "and if it stays so, update the embedded server: pip install -U xllamacpp"
    )


def _never_plain(same: int, compared: int) -> str:
    return (
        f"At strength 0 only {same} of {compared} answers are those of the plain model, so the server does "
        "not turn the adapter off and no comparison can be trusted. Stop it (character models stop) and "
        "try again; if it stays so, update it: pip install -U xllamacpp"
    )


def prove(settings: Settings, model: ModelName, adapter: LocalAdapter) -> Proof:
    """Ask, judge, and write proof.json beside the adapter; a failed proof comes back, it is not raised.

    Raises ModelError where the server cannot run, EngineError where it does not answer.
    """
    answers = asyncio.run(_ask(settings, model, adapter))
    proof = replace(judge(answers), adapter_sha256=adapter.sha256, made_at=time.time())
    write_json(adapter.folder / PROOF, proof.as_dict())
    return proof


def require(proof: Proof) -> None:
    """Raise ModelError with the proof's own sentence when it failed."""
    if not proof.passed:
        raise ModelError(proof.sentence)


def read_proof(settings: Settings, model: str, adapter: str | Path) -> Proof | None:
    """The proof beside an adapter; None where there is none, or it is of weights that were replaced."""
    found = find_adapter(settings, model, adapter)
    try:
        told = read_json(found.folder / PROOF)
        proof = Proof(**(told | {"answers": tuple(Answers(**one) for one in told["answers"])}))
    except (RunError, TypeError, KeyError):
        return None
    return proof if proof.adapter_sha256 == found.sha256 else None


async def _ask(settings: Settings, model: ModelName, adapter: LocalAdapter) -> list[Answers]:
    plain = await _answers(open_engine(model, settings, wearing=Wearing(adapter, 0.0)))
    worn = await _answers(open_engine(model, settings, wearing=Wearing(adapter, 1.0)))
    base = await _base_answers(settings, model)
    return [Answers(*four) for four in zip(PROMPTS, base, plain, worn, strict=True)]


async def _base_answers(settings: Settings, model: ModelName) -> Sequence[str | None]:
    """The plain model's own; none where there is no memory for a second server."""
    try:
        return await _answers(open_engine(model, settings))
    except (ModelError, EngineError):
        return [None] * len(PROMPTS)


async def _answers(engine: Engine) -> list[str]:
    """One after the other: answers made side by side may differ in their last bits."""
    try:
        return [(await engine.complete([Message("user", text)], SAMPLING)).text for text in PROMPTS]
    finally:
        await engine.close()
