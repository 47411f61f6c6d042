"""The index of a run's pairs, judged by the same steps as `character dpo-data` judges them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from core import decision_log, pair_edits, pairs, similarity
from core.pair_edits import Decision, apply_decision
from core.pairs import PairRules
from core.prompts import Prompt
from core.records import content_hash
from core.settings import Settings
from core.stages import dpo_data, lengths
from core.stages.distillation import Sources
from core.stages.dpo_data import (
    WRITTEN,
    PairJob,
    decision_folders,
    joined_row,
    kept_texts,
    print_of_pair,
    rules_of,
)
from core.stages.lengths import TokenCounter, counter_by_usage, own_counter
from core.store.few_shot import ACCEPTED
from core.store.library import Library
from core.store.lines import Row
from core.store.pair_index import Inputs, PairIndex
from core.store.play_log import play_log
from core.store.runs import Run


@dataclass(frozen=True)
class RunJudge:
    """Judges the pairs of one run; see `pair_index_parts.Judge`."""

    run: Run
    rules: PairRules
    settings: Settings
    student: str
    counts_by_usage: bool
    fingerprint: str
    removed_stamp: str
    written: tuple[str, ...] = WRITTEN

    @cached_property
    def _own(self) -> TokenCounter:
        return own_counter(self.settings, self.student)

    def join(
        self,
        prompt: Prompt,
        sample: int,
        answers: tuple[Row | None, Row | None],
        tokens: Callable[[str], int | None] | None,
        removed: bool,
    ) -> Row:
        """The pair as judged, before other pairs and people count."""
        count = counter_by_usage(tokens) if tokens else self._own
        gone = frozenset([prompt.id]) if removed else frozenset[str]()
        return joined_row(prompt, sample, *answers, self.rules, count, gone)

    def settle(self, row: Row, decision: Decision | None) -> Row:
        """The pair after a person's word."""
        return apply_decision(row, decision, self.rules)

    def print_of(self, row: Row) -> str:
        """Equal for pairs of the same text and answers."""
        return print_of_pair(row)

    def kept_prompts(self) -> frozenset[str] | None:
        """The texts of written prompts that the character still has; None where its file is no use."""
        return kept_texts(self.run, self.settings)


def judge_of(run: Run, sources: Sources, job: PairJob, settings: Settings) -> RunJudge:
    """How the pairs of two models are judged as things stand."""
    rules = rules_of(run, sources, job)
    own = own_counter(settings, sources.student.slug)
    by_usage = own is lengths.estimate_count and sources.teacher.model == sources.student.model
    told = [rules.constitution.content_hash, list(rules.teacher_names), rules.max_length]
    fingerprint = content_hash([*told, by_usage, own is lengths.estimate_count, _code()])
    stamp = content_hash(_few_shot_looks(settings, rules.constitution.name))
    return RunJudge(run, rules, settings, sources.student.slug, by_usage, fingerprint, stamp)


def index_path(run: Run, sources: Sources) -> Path:
    """Where the index of two models' pairs stands: beside the pair file."""
    name = f"{sources.teacher.folder.name}--{sources.student.folder.name}"
    return run.folder / "pairs" / f"{name[:200]}.index.sqlite"


def inputs_of(run: Run, sources: Sources) -> Inputs:
    """The files that the pairs of two models are made of."""
    teacher, student = sources.teacher, sources.student
    folders = tuple(decision_folders(run))
    return Inputs(
        run.folder / "prompts.jsonl", teacher.plan_path, teacher.rows_path, student.rows_path, folders
    )


def index_of(run: Run, sources: Sources, job: PairJob, settings: Settings) -> PairIndex:
    """The index of two models' pairs; `refresh` it before looking."""
    judge = judge_of(run, sources, job, settings)
    return PairIndex(index_path(run, sources), inputs_of(run, sources), judge)


def _few_shot_looks(settings: Settings, name: str) -> list[list[str | int]]:
    """What the files look like that tell which written prompts a character still has."""
    shelf = Library(settings).shelf
    files = [shelf.own_path("few-shot", name, ending) for ending in (".jsonl", ACCEPTED)]
    files.append(shelf.shipped_path("few-shot", name, ".jsonl"))
    files.append(play_log(settings, "added-prompts", name).path)
    return [[str(path), *_look(path)] for path in files]


def _look(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


@lru_cache
def _code() -> str:
    """A hash of the code that judges: a new version of it judges every pair anew."""
    modules = (pairs, similarity, dpo_data, pair_edits, decision_log, lengths)
    files = (Path(module.__file__ or "") for module in modules)
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
