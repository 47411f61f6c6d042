"""`character reflect`: ten questions about itself, asked N times each; the character answers as itself.

A row: {"key": "…", "prompt": "5f0c…", "about": "diary", "asked": "Write a long entry …", "sample": 0,
        "text": "Today I …", "finish_reason": "stop", …}

They stand in `runs/<run>/reflect/<model>-…/` as every answer does, and, made anew from there after each
run, in `self_reflection/<student>/<constitution>.jsonl` in OpenCharacterTraining's format.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from core.bulk import Bulk, Request
from core.bulk.pace import Bounds
from core.constitution import Constitution
from core.dialogues import DIALOGUE_VERSION, REFLECTIONS, reflection_system
from core.engines import Engine
from core.names import PROVIDERS, ModelName
from core.pairs import CHARACTERS_PER_TOKEN
from core.prices import Price, PriceRange, cost_range
from core.records import Message, RowKeys, Sampling, prompt_id
from core.settings import Settings
from core.spending import Ledger
from core.stages.asking import bulk_for, start_of
from core.stages.distillation import json_line
from core.stages.planning import sampling_of_sample
from core.stages.writing import OnProgress, Tally, Writer
from core.store.answer_set import AnswerSet
from core.store.jsonl import Row, compact_key, write_atomic
from core.store.runs import Run

ROLE = "reflect"


@dataclass(frozen=True, slots=True)
class SelfJob:
    """Who reflects or talks to itself, how, and how often. `student` is its name in paths."""

    model: ModelName
    student: str
    assistant_name: str
    sampling: Sampling
    count: int = 1000
    concurrency: int | None = None
    fixed_concurrency: bool = False

    @property
    def ceiling(self) -> int:
        """The most requests under way at once."""
        spec = PROVIDERS.get(self.model.provider)
        return self.concurrency or (spec.at_once if spec else 64)

    def bulk(self, engine: Engine, ledger: Ledger | None = None, price: Price | None = None) -> Bulk:
        """Limits, patience and money. Raises SettingsError for a budget without a known price."""
        bounds = Bounds(start_of(self.model), self.ceiling, adaptive=not self.fixed_concurrency)
        return bulk_for(self.model, engine, bounds, ledger=ledger, price=price)

    def settings_of(self, role: str, engine: Engine) -> dict[str, Any]:
        """The settings that its answers share; `adapter` is null where the plain model speaks."""
        return {
            "role": role,
            "model": self.model.label,
            "engine": engine.identity.as_dict(),
            "adapter": engine.identity.adapter,
            "sampling": self.sampling.as_dict(),
            "template": DIALOGUE_VERSION,
            "assistant_name": self.assistant_name,
        }


@dataclass(frozen=True, slots=True)
class Size:
    """What a job would still send: rows planned, calls, tokens in (about) and out (at most), its price."""

    planned: int
    there: int
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost: PriceRange | None


def reflection_requests(job: SelfJob, constitution: Constitution, engine: Engine) -> Iterator[Request[Row]]:
    """Every request in plan order: all ten questions, then all again for the next sample."""
    system = reflection_system(constitution, job.assistant_name)
    keys = RowKeys(
        (system,),
        (),
        model=job.model.model,
        identity=engine.identity,
        template_version=f"{ROLE} {DIALOGUE_VERSION}",
    )
    for sample in range(job.count):
        sampling = sampling_of_sample(job.sampling, sample)
        for about, text in REFLECTIONS:
            asked = Message("user", text)
            tag: Row = {"key": keys.key(asked, sampling, sample), "prompt": prompt_id(text), "about": about}
            tag |= {"asked": text, "sample": sample}
            yield Request(tag, (system, asked), sampling)


async def reflect(
    job: SelfJob,
    run: Run,
    engine: Engine,
    settings: Settings,
    *,
    bulk: Bulk | None = None,
    on_progress: OnProgress = lambda standing: None,
) -> Tally:
    """Ask for the reflections that are missing, write OCT's file, and return the tally.

    Raises EngineError when the job must stop; what is finished is kept.
    """
    constitution = run.constitution()
    answers = run.answer_set(ROLE, job.student, job.settings_of(ROLE, engine))
    with run.locked(f"{ROLE}-{answers.folder.name}"):
        plan = partial(reflection_requests, job, constitution, engine)
        writer = Writer(ROLE, answers, plan, settings, bulk or job.bulk(engine), on_progress)
        writer.prepare(run)
        try:
            await writer.fill(engine)
        finally:
            answers.finalise()
            write_reflections(reflections_path(settings, job.student, constitution.name), answers)
    return writer.tally


def reflections_path(settings: Settings, student: str, name: str) -> Path:
    """Where OCT's tools look for a student's reflections."""
    return settings.data_path / "self_reflection" / student / f"{name}.jsonl"


def write_reflections(path: Path, answers: AnswerSet) -> None:
    """OCT's file from all finished reflections; untouched while there are none."""
    rows = [reflection_row(row) for row in answers.iter_rows()]
    if rows:
        write_atomic(path, "".join(json_line(row) for row in rows))


def reflection_row(row: Row) -> Row:
    """One row of OCT's file: the system turn that was asked with is no part of what is learnt."""
    messages = [Message("user", row["asked"]).as_dict(), Message("assistant", row["text"]).as_dict()]
    return {"prompt": row["asked"], "response": row["text"], "messages": messages}


def reflection_size(
    job: SelfJob, run: Run | None, constitution: Constitution, engine: Engine, price: Price | None
) -> Size:
    """What the job would still ask; reads files, sends and writes nothing."""
    sets = run.answer_sets(ROLE, job.model.label) if run else []
    done = set[bytes]().union(*(found.done_keys() for found in sets))
    planned = calls = characters = 0
    for request in reflection_requests(job, constitution, engine):
        planned += 1
        if compact_key(request.tag["key"]) not in done:
            calls += 1
            characters += sum(len(message.content) for message in request.messages)
    return size_of(job, price, planned, calls, round(characters / CHARACTERS_PER_TOKEN), calls)


def size_of(
    job: SelfJob, price: Price | None, planned: int, open_rows: int, prompt_tokens: int, calls: int
) -> Size:
    """The size of a job of which `open_rows` rows are missing."""
    most = job.sampling.max_tokens
    cost = price and cost_range(price, calls=calls, prompt_tokens=prompt_tokens, max_tokens=most)
    return Size(planned, planned - open_rows, calls, prompt_tokens, most * calls, cost)
