"""How an evaluation asks: everything that a speaker or a judge has ever said is kept, and asked only once.

    runs/<run>/eval-answers/<model>-<hash>/    all that one speaker answered, whatever the evaluation
    runs/<run>/eval-verdicts/<judge>-<hash>/   all that one judge said

A key is the whole request, so evaluations share answers, and a killed one goes on where it stopped.
Keys, retries, limits and money are those of generation (`core.stages.writing`, `core.bulk`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from core.bulk import Request
from core.bulk.pace import Bounds
from core.constitution import Constitution
from core.engines import Engine
from core.names import PROVIDERS, ModelName
from core.prices import Price, PriceRange, cost_range
from core.records import Message, Sampling, content_hash, row_key
from core.settings import Settings
from core.spending import Ledger
from core.stages.asking import bulk_for, start_of
from core.stages.planning import CHARACTERS_A_TOKEN
from core.stages.pricing import current_price
from core.stages.writing import OnProgress, Standing, Tally, Writer
from core.store.answer_set import AnswerSet
from core.store.jsonl import Row, compact_key
from core.store.price_table import PriceTable
from core.store.runs import Run

ANSWERS, VERDICTS = "eval-answers", "eval-verdicts"
VERSION = "eval 1"


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who is asked: a model as it is, under a system prompt, or wearing an adapter; or a judge.

    `opening` stands before every conversation. `label` is what tables and charts call it.
    """

    label: str
    model: ModelName
    engine: Engine
    opening: tuple[Message, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """What a result says of it."""
        return {
            "model": self.model.label,
            "served": self.engine.model,
            "adapter": self.engine.identity.adapter,
            "strength": self.engine.identity.strength if self.engine.identity.adapter else None,
            "system": content_hash([m.as_dict() for m in self.opening])[:12] if self.opening else None,
        }


@dataclass(frozen=True, slots=True)
class Ask:
    """One conversation to be answered. `tag` comes back with the answer and must be plain JSON."""

    tag: Row
    messages: tuple[Message, ...]
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class Side:
    """What asking one speaker would take. `cost` is None where no price is known; seconds are a guess."""

    label: str
    model: ModelName
    planned: int
    there: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    price: Price | None
    cost: PriceRange | None

    @property
    def calls(self) -> int:
        """Requests still to send."""
        return self.planned - self.there


@dataclass(slots=True)
class Session:
    """One evaluation under way: its run, its money, and what came of its requests so far.

    `run` may be None only for sizing. `concurrency` caps the requests under way at once.
    """

    constitution: Constitution
    settings: Settings
    run: Run | None
    ledger: Ledger = field(default_factory=lambda: Ledger(None))
    on_progress: Callable[[str, Standing], None] = lambda stage, standing: None
    concurrency: int | None = None
    fixed_concurrency: bool = False
    tallies: list[Tally] = field(default_factory=list[Tally])
    opened: list[Engine] = field(default_factory=list[Engine])

    async def answers(
        self, speaker: Speaker, asks: Sequence[Ask], *, stage: str = "", role: str = ANSWERS
    ) -> list[Row | None]:
        """What the speaker says to each ask, in their order; None where it failed or was left out.

        A row is the ask's tag with `text`, `finish_reason`, `usage`, `key` …; asked only when it is not
        there yet. Raises EngineError when the whole job must stop, RunError when another process is
        asking the same speaker in this run.
        """
        assert self.run is not None
        answers = self.answer_set(speaker, role)
        keyed = [(key_of(speaker, ask), ask) for ask in asks]
        price = await current_price(speaker.model, self.settings)
        name = stage or f"{speaker.label} answers"
        with self.run.locked(f"{role}-{answers.folder.name}"):
            writer = Writer(
                name,
                answers,
                lambda: _requests(speaker, keyed),
                self.settings,
                bulk_for(
                    speaker.model, speaker.engine, self._bounds(speaker), ledger=self.ledger, price=price
                ),
                self._reporter(name),
            )
            writer.prepare(self.run)
            try:
                await writer.fill(speaker.engine)
            finally:
                answers.finalise()
                self.tallies.append(writer.tally)
        rows = answers.rows()
        return [rows[key] | ask.tag if key in rows else None for key, ask in keyed]

    def answer_set(self, speaker: Speaker, role: str = ANSWERS) -> AnswerSet:
        """The folder of all that a speaker has said in this run."""
        assert self.run is not None
        return self.run.answer_set(role, speaker.model.slug, _settings_of(speaker, role))

    def size(self, speaker: Speaker, asks: Iterable[Ask], *, role: str = ANSWERS) -> Side:
        """What asking would take; reads files, sends and writes nothing."""
        done = self._done(speaker, role)
        planned = there = characters = most = 0
        for ask in asks:
            planned += 1
            if compact_key(key_of(speaker, ask)) in done:
                there += 1
                continue
            characters += sum(len(one.content) for one in (*speaker.opening, *ask.messages))
            most = max(most, ask.sampling.max_tokens)
        return self.side(speaker, planned, there, characters, most)

    def side(self, speaker: Speaker, planned: int, there: int, characters: int, max_tokens: int) -> Side:
        """The size of requests whose texts may not be known yet: `characters` counts all open ones'."""
        calls, tokens = planned - there, round(characters / CHARACTERS_A_TOKEN)
        price = PriceTable(self.settings).lookup(speaker.model)
        cost = price and cost_range(price, calls=calls, prompt_tokens=tokens, max_tokens=max_tokens)
        seconds = _seconds(speaker.model, calls, max_tokens, self._bounds(speaker).ceiling)
        return Side(
            speaker.label, speaker.model, planned, there, tokens, calls * max_tokens, seconds, price, cost
        )

    async def close(self) -> None:
        """Close every engine that was opened for this session."""
        for engine in self.opened:
            await engine.close()

    # ---- what came of it

    @property
    def requests(self) -> int:
        """Calls sent so far, retries included."""
        return sum(tally.requests for tally in self.tallies)

    @property
    def missing(self) -> dict[str, int]:
        """Why requests have no answer, with how many: failures by kind, and "budget"."""
        found: dict[str, int] = {}
        for tally in self.tallies:
            for reason, count in tally.reasons.items():
                found[reason] = found.get(reason, 0) + count
            open_rows = tally.planned - tally.done - tally.failed
            if open_rows > 0:
                reason = tally.left_out or "not asked"
                found[reason] = found.get(reason, 0) + open_rows
        return found

    def _done(self, speaker: Speaker, role: str) -> set[bytes]:
        if self.run is None or not (self.run.folder / role).is_dir():
            return set()
        wanted = f"{speaker.model.slug}-{content_hash(_settings_of(speaker, role))[:8]}"
        folder = self.run.folder / role / wanted
        return AnswerSet(folder).done_keys() if folder.is_dir() else set()

    def _bounds(self, speaker: Speaker) -> Bounds:
        spec = PROVIDERS.get(speaker.model.provider)
        ceiling = self.concurrency or (spec.at_once if spec else 64)
        return Bounds(start_of(speaker.model), ceiling, adaptive=not self.fixed_concurrency)

    def _reporter(self, stage: str) -> OnProgress:
        return lambda standing: self.on_progress(stage, standing)


def key_of(speaker: Speaker, ask: Ask) -> str:
    """The key under which a speaker's answer to an ask is kept for ever."""
    return row_key(
        (*speaker.opening, *ask.messages),
        model=speaker.model.model,
        identity=speaker.engine.identity,
        sampling=ask.sampling,
        template_version=VERSION,
        sample=int(ask.tag.get("sample", 0)),
    )


def drawn(sampling: Sampling, sample: int) -> Sampling:
    """The sampling of one of several samples: each has a seed of its own."""
    return sampling if sampling.seed is None else replace(sampling, seed=sampling.seed + sample)


def _requests(speaker: Speaker, keyed: Sequence[tuple[str, Ask]]) -> Iterator[Request[Row]]:
    """Every request once, whatever the number of asks that share it."""
    seen: set[str] = set()
    for key, ask in keyed:
        if key not in seen:
            seen.add(key)
            yield Request({"key": key, **ask.tag}, (*speaker.opening, *ask.messages), ask.sampling)


def _settings_of(speaker: Speaker, role: str) -> dict[str, Any]:
    return {
        "role": role,
        "model": speaker.model.label,
        "engine": speaker.engine.identity.as_dict(),
        "opening": [message.as_dict() for message in speaker.opening],
        "template": VERSION,
    }


def _seconds(model: ModelName, calls: int, max_tokens: int, ceiling: int) -> float:
    """About how long: the embedded model writes some 250 tokens a second in all, others 30 each."""
    if model.provider == "local":
        return calls * max_tokens / 250
    return calls * (2.0 + max_tokens / 60) / ceiling
