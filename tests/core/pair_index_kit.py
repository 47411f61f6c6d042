"""A run written line by line, and its index held against what `pair_rows` says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.constitution import Constitution
from core.prompts import Prompt, prompt_of
from core.records import content_hash
from core.settings import Settings
from core.stages.distillation import Sources
from core.stages.dpo_data import PairJob, pair_rows, pairs_file, removed_prompts
from core.stages.lengths import token_counter
from core.stages.pair_indexing import index_of
from core.store.answer_set import AnswerSet
from core.store.jsonl import append_rows, read_rows
from core.store.library import Library
from core.store.pair_index import PairIndex
from core.store.runs import Run, open_run

JOB = PairJob()


class Written:
    """A run of the pirate whose plan and answers a test writes."""

    def __init__(
        self, settings: Settings, teacher: str = "fake/tutor", student: str = "fake/pupil"
    ) -> None:
        self.settings = settings
        self.constitution: Constitution = Library(settings).load("pirate").constitution
        self.run: Run = open_run(settings, self.constitution)
        self.teacher = self.run.answer_set("teacher", teacher.split("/")[1], {"model": teacher})
        self.student = self.run.answer_set("student", student.split("/")[1], {"model": student})
        self.prompts: dict[str, Prompt] = {}

    def plan(self, texts: Iterable[str], samples: int = 1, *, source: Any = "hand") -> list[Prompt]:
        """Plan prompts; their trait is the character's first."""
        trait = self.constitution.traits[0].id
        prompts = [prompt_of(text, trait=trait, source=source) for text in texts]
        self.run.remember(prompts)
        self.prompts |= {prompt.id: prompt for prompt in prompts}
        rows = [
            {"key": key_of("t", prompt.id, n), "prompt": prompt.id, "trait": trait, "sample": n}
            for n in range(samples)
            for prompt in prompts
        ]
        append_rows(self.teacher.plan_path, rows)
        return prompts

    def answer(self, side: str, prompt: str, text: str, sample: int = 0, **more: Any) -> None:
        """One answer of a side."""
        append_rows(self.set_of(side).rows_path, [answer_row(side, prompt, text, sample, **more)])

    def set_of(self, side: str) -> AnswerSet:
        return self.teacher if side == "teacher" else self.student

    @property
    def sources(self) -> Sources:
        return Sources(self.teacher, self.student)

    def index(self) -> PairIndex:
        return index_of(self.run, self.sources, JOB, self.settings)

    def index_ids(self) -> list[str]:
        """The ids of all planned pairs, in their order."""
        return [row["id"] for row in self.expected()]

    def expected(self) -> list[dict[str, Any]]:
        """What `pair_rows` makes of everything on disk."""
        count, _ = token_counter(self.sources, self.settings)
        return pair_rows(self.run, self.sources, JOB, count, removed_prompts(self.run, self.settings))


def key_of(*words: Any) -> str:
    return content_hash([str(word) for word in words])


def answer_row(side: str, prompt: str, text: str, sample: int = 0, **more: Any) -> dict[str, Any]:
    key = more.pop("key", key_of(side, prompt, sample))
    row = {"key": key, "prompt": prompt, "sample": sample, "text": text, "finish_reason": "stop"}
    return row | {"usage": {"prompt": 9, "completion": len(text.split())}} | more


def read_pairs(run: Run, sources: Sources) -> list[dict[str, Any]]:
    """The judged pairs as last written."""
    return read_rows(pairs_file(run, sources)).rows


def caught_up(index: PairIndex, rounds: int = 200) -> PairIndex:
    """The index with everything on disk in it."""
    for _ in range(rounds):
        if index.refresh(0.2).is_done:
            return index
    raise AssertionError("the index never caught up")
