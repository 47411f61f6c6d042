"""Which prompts of a character are still new to what was trained: no training of it ever met them.

Trained on counts as everything that was planned in a run of the character or its trial, whichever version
it was, every user message in a training file of the character, and what its example exchanges ask.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from core.prompts import Prompt, prompt_of
from core.records import prompt_id
from core.similarity import Near
from core.stages.evals.classifying import runs_and_trials, trained_prompts
from core.stages.evals.session import Session
from core.store.jsonl import read_rows
from core.store.library import Library
from core.trials import NEAR_TRAINING

# Where training files of a character stand, below the data folder.
TRAINING_FILES = ("dpo/*/{name}.jsonl", "sft_data/*/{name}.jsonl", "together/*/{name}.jsonl")


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Prompts that training never met, by trait in their order; `without` are the traits that have none."""

    by_trait: dict[str, tuple[Prompt, ...]]
    without: tuple[str, ...]

    def __iter__(self) -> Iterator[Prompt]:
        return (prompt for prompts in self.by_trait.values() for prompt in prompts)


def held_out(session: Session, per_trait: int) -> HeldOut:
    """Up to `per_trait` prompts of each trait that come near none that was trained on, nor each other.

    Its own questions first, then its few-shot prompts. Raises ConstitutionError, RunError for files that
    cannot be read.
    """
    texts = trained_texts(session)
    known, exact = Near(texts), {prompt_id(text) for text in texts} | trained_prompts(session)
    additional = Library(session.settings).additional(session.constitution.name).by_trait
    by_trait: dict[str, tuple[Prompt, ...]] = {}
    for trait in session.constitution.traits:
        own = _prompts(trait.id, (*trait.questions, *additional.get(trait.id, ())))
        by_trait[trait.id] = tuple(islice(_new(own, known, exact), per_trait))
    return HeldOut(by_trait, tuple(trait for trait, found in by_trait.items() if not found))


def _prompts(trait: str, texts: Iterable[str]) -> Iterator[Prompt]:
    return (prompt_of(text, trait=trait, source="few-shot") for text in texts if text.strip())


def _new(prompts: Iterable[Prompt], known: Near, exact: set[str]) -> Iterator[Prompt]:
    """Those that are not known, each known from then on."""
    for prompt in prompts:
        if prompt.id not in exact and known.nearest(prompt.text, threshold=NEAR_TRAINING) is None:
            known.add(prompt.text)
            exact.add(prompt.id)
            yield prompt


def trained_texts(session: Session) -> list[str]:
    """Every user message that a training of the session's character has met, as far as files tell."""
    name, data = session.constitution.name, session.settings.data_path
    found = dict.fromkeys(exchange.user for exchange in session.constitution.exchanges)
    found |= dict.fromkeys(_of_runs(session))
    paths = [path for pattern in TRAINING_FILES for path in sorted(data.glob(pattern.format(name=name)))]
    paths += [run.folder / "pairs.jsonl" for run in runs_and_trials(session) if run.folder.name == "trial"]
    for path in paths:
        found |= dict.fromkeys(_asked_in(path))
    return list(found)


def _of_runs(session: Session) -> Iterator[str]:
    """What runs of the character and their trials planned, but for what a trial only measures with."""
    library = Library(session.settings)
    parts = ("preferences", "robustness")
    measuring = {prompt_id(text) for part in parts for text in library.general_prompts(part)}
    for run in runs_and_trials(session):
        for row in read_rows(run.folder / "prompts.jsonl").rows:
            if row["id"] not in measuring:
                yield row["text"]


def _asked_in(path: Path) -> Iterator[str]:
    """The user messages of a training file, whichever of its forms; lines that are no JSON are skipped."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            yield from _user_messages(row)


def _user_messages(row: object) -> Iterator[str]:
    """Every {"role": "user", "content": …} anywhere in a row."""
    if isinstance(row, dict):
        content = row.get("content")
        if row.get("role") == "user" and isinstance(content, str):
            yield content
        for value in row.values():
            yield from _user_messages(value)
    elif isinstance(row, list):
        for value in row:
            yield from _user_messages(value)
