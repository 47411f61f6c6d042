"""`character sft-data`: reflections and conversations in one file to train on, without what teaches wrong.

    sft_data/<student>/<c>.jsonl               {"messages": […]}, shuffled by seed; only role and content
    sft_data/<student>/<c>.validation.jsonl    rows of prompts and meetings that no training row has
    sft_data/<student>/<c>.manifest.json       the funnel, the sources, what they were asked with, hashes
    runs/<run>/sft/<student>.jsonl             every candidate with its reason to be dropped, or null

Traits stand in no row: the character must come from the weights. A conversation keeps a short system
turn that says that a copy is talking, and what the two were invited to do.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.dialogue_quality import SHORTEST_REFLECTION, Seen, judge_text, judge_turns
from core.dialogues import Meeting, alternates, fitting, tokens_of, training_messages, training_system
from core.errors import RunError
from core.records import Message, content_hash
from core.settings import Settings
from core.stages.distillation import json_line
from core.stages.dpo_data import split_by_prompt
from core.store.datasets import record_dataset
from core.store.jsonl import Row, read_json, seal, write_atomic, write_json
from core.store.runs import AnswerSet, Run, file_hash

ROLES = ("reflect", "interact", "interact-leading")


@dataclass(frozen=True, slots=True)
class SftJob:
    """How rows are made. `model` is a short or full name, None for the one asked last.

    With `per_turn` each generated turn of a conversation is a row of its own that ends on it, for
    trainers that learn from the last turn only.
    """

    model: str | None = None
    max_length: int = 3072
    validation: float = 0.05
    seed: int = 0
    per_turn: bool = False


@dataclass(frozen=True, slots=True)
class Sources:
    """The answer sets of one student: its reflections and its conversations, those that are there."""

    student: str
    model: str
    sets: dict[str, AnswerSet]

    @property
    def adapter(self) -> str | None:
        """The hash of the adapter that spoke; None for a plain model."""
        return next(iter(self.sets.values())).settings["adapter"]


@dataclass(slots=True)
class SftFunnel:
    """Rows in, dropped by reason, out; `trimmed` rows lost whole oldest turns to fit."""

    planned: int = 0
    kept: int = 0
    train: int = 0
    validation: int = 0
    trimmed: int = 0
    reflections: int = 0
    conversations: int = 0
    student: str = ""
    model: str = ""
    adapter: str | None = None
    dropped: dict[str, int] = field(default_factory=dict[str, int])
    files: list[str] = field(default_factory=list[str])

    def as_dict(self) -> dict[str, Any]:
        """The figures as JSON, as the manifest carries them."""
        return {
            "planned": self.planned,
            "done": self.kept,
            "dropped": self.dropped,
            "train": self.train,
            "validation": self.validation,
            "trimmed": self.trimmed,
            "reflections": self.reflections,
            "conversations": self.conversations,
            "student": self.student,
            "model": self.model,
            "adapter": self.adapter,
            "files": self.files,
        }


# ---- where rows come from


def sources_of(run: Run, job: SftJob) -> Sources:
    """The sets used last of the model wished for. Raises RunError where there is none.

    The set that answered last decides the model and its adapter; what others said is left out.
    """
    found = {role: _answered(run, role, job.model) for role in ROLES}
    every = sorted((sets[0] for sets in found.values() if sets), key=lambda one: one.used_at)
    if not every:
        raise RunError(_nothing_there(run, job.model))
    newest = every[-1]
    sets = {
        role: next((one for one in candidates if _same_speaker(one, newest)), None)
        for role, candidates in found.items()
    }
    return Sources(newest.slug, newest.model, {role: one for role, one in sets.items() if one})


def _same_speaker(one: AnswerSet, other: AnswerSet) -> bool:
    """Whether the same model spoke, with the same adapter or without any."""
    first, second = one.settings, other.settings
    return (first["model"], first["adapter"]) == (second["model"], second["adapter"])


def _answered(run: Run, role: str, model: str | None) -> list[AnswerSet]:
    return [found for found in run.answer_sets(role, model) if found.used_at]


def _nothing_there(run: Run, model: str | None) -> str:
    whose = f" of {model}" if model else ""
    name = run.constitution().name
    return (
        f"Run {run.id} has no reflections or conversations{whose}; make them first: "
        f"character reflect --constitution {name} --model MODEL"
    )


def candidates(sources: Sources, job: SftJob) -> Iterator[Row]:
    """Every row that could be learnt from, each with its reason to be dropped, or None."""
    seen = Seen()
    for role, answers in sources.sets.items():
        for row in answers.iter_rows():
            if role == "reflect":
                yield _fitted(_reflection(row, seen), job.max_length)
            else:
                made = _conversation(row, role, str(answers.settings["assistant_name"]), seen, job)
                yield from (_fitted(one, job.max_length) for one in made)


def _reflection(row: Row, seen: Seen) -> Row:
    messages = [Message("user", row["asked"]), Message("assistant", row["text"])]
    reason = judge_text(row["text"], row["finish_reason"], shortest_words=SHORTEST_REFLECTION)
    if reason is None and seen.is_repeat(row["text"]):
        reason = "near duplicate"
    return _candidate("reflect", row["key"], row["prompt"], messages, reason)


def _conversation(row: Row, role: str, name: str, seen: Seen, job: SftJob) -> Iterator[Row]:
    """The rows of a conversation: one, or one a turn. A bad turn spoils only what it stands in."""
    said: list[str] = row["conversation"]
    system = training_system(name, leading=role == "interact-leading")
    meeting = Meeting(row["opening"], row["hello"])
    bad = judge_turns(said, row["finish_reasons"])
    if bad is None and seen.is_repeat(" ".join(said)):
        bad = 0, "near duplicate"
    for end in range(1 if job.per_turn else len(said), len(said) + 1):
        reason = bad[1] if bad and bad[0] < end else None
        messages = training_messages(system, meeting, said[:end])
        yield _candidate(role, row["key"], _group(meeting), messages, reason)


def _group(meeting: Meeting) -> str:
    """What is held out together: conversations that begin with the same words."""
    return content_hash([meeting.opening, meeting.hello])[:12]


def _candidate(source: str, key: str, group: str, messages: list[Message], reason: str | None) -> Row:
    return {
        "id": content_hash([key, len(messages)])[:12],
        "source": source,
        "group": group,
        "messages": messages,
        "dropped": reason,
        "trimmed": 0,
    }


def _fitted(row: Row, limit: int) -> Row:
    """The row without its oldest turns where it was too long; dropped where that does not help."""
    row["messages"], row["trimmed"] = fitting(row["messages"], limit)
    if row["dropped"] is None and tokens_of(row["messages"]) > limit:
        row["dropped"] = "too long"
    if row["dropped"] is None and not _is_sound(row["messages"]):
        row["dropped"] = "roles do not alternate"
    return row


def _is_sound(messages: Sequence[Message]) -> bool:
    return alternates(messages) and messages[-1].role == "assistant"


# ---- what is written


def make_sft_data(run: Run, settings: Settings, job: SftJob) -> SftFunnel:
    """Write the training and validation files, the judged rows and the manifest; returns the funnel.

    Raises RunError when there is nothing to make rows of, nothing is left, or another student's file
    stands at the path.
    """
    sources = sources_of(run, job)
    target = sft_path(settings, sources.student, run.constitution().name)
    with run.locked("sft"):
        rows = list(candidates(sources, job))
        funnel = _funnel(rows, sources)
        judged = run.folder / "sft" / f"{sources.student}.jsonl"
        write_atomic(judged, b"".join(seal(_on_disk(row)) for row in rows))
        if not funnel.kept:
            raise RunError(_nothing_left(funnel))
        _refuse_collision(target.with_suffix(".manifest.json"), sources.model)
        _write(run, target, rows, sources, job, funnel)
        funnel.files.append(str(judged))
    return funnel


def sft_path(settings: Settings, student: str, name: str) -> Path:
    """Where the SFT file of a student and a character stands: OCT's path."""
    return settings.data_path / "sft_data" / student / f"{name}.jsonl"


def _funnel(rows: Sequence[Row], sources: Sources) -> SftFunnel:
    dropped = Counter(row["dropped"] for row in rows if row["dropped"])
    kept = [row for row in rows if not row["dropped"]]
    return SftFunnel(
        planned=len(rows),
        kept=len(kept),
        trimmed=sum(row["trimmed"] > 0 for row in kept),
        reflections=sum(row["source"] == "reflect" for row in kept),
        conversations=sum(row["source"] != "reflect" for row in kept),
        student=sources.student,
        model=sources.model,
        adapter=sources.adapter,
        dropped=dict(dropped.most_common()),
    )


def _nothing_left(funnel: SftFunnel) -> str:
    reasons = ", ".join(f"{reason} {count}" for reason, count in funnel.dropped.items())
    return (
        f"None of {funnel.planned} rows is left ({reasons}), so no SFT file was written; one from before "
        "stays as it was. Make more, or use a larger model."
    )


def _refuse_collision(manifest_path: Path, model: str) -> None:
    before = read_json(manifest_path)
    if before and before["model"] != model:
        raise RunError(
            f"{manifest_path.parent} holds rows of {before['model']}; {model} has the same short name. "
            "Move that folder away, or set another DATA_PATH, then run again."
        )


def _on_disk(row: Row) -> Row:
    return {**row, "messages": [turn.as_dict() for turn in row["messages"]]}


def _write(
    run: Run, target: Path, rows: Sequence[Row], sources: Sources, job: SftJob, funnel: SftFunnel
) -> None:
    kept = [row for row in rows if not row["dropped"]]
    random.Random(job.seed).shuffle(kept)
    held_out = split_by_prompt((row["group"] for row in kept), job.validation, job.seed)
    train = [row for row in kept if row["group"] not in held_out]
    validation = [row for row in kept if row["group"] in held_out]
    other = target.with_suffix(".validation.jsonl")
    manifest = target.with_suffix(".manifest.json")
    for path, part in ((target, train), (other, validation)):
        # No checksum and no other column: trainers refuse what they do not know.
        write_atomic(path, "".join(json_line({"messages": _on_disk(row)["messages"]}) for row in part))
    funnel.train, funnel.validation = len(train), len(validation)
    funnel.files = [str(target), str(other), str(manifest)]
    told = _manifest(run, target, other, train, sources, job, funnel)
    write_json(manifest, told)
    record_dataset(
        run.folder,
        "sft",
        sources.student,
        told["sha256"][target.name],
        rows=len(train),
        held_out=len(validation),
        constitution_sha256=told["constitution_sha256"],
    )


def _manifest(
    run: Run,
    target: Path,
    other: Path,
    train: Sequence[Row],
    sources: Sources,
    job: SftJob,
    funnel: SftFunnel,
) -> dict[str, Any]:
    return funnel.as_dict() | {
        "run": run.id,
        "constitution_sha256": run.constitution().content_hash,
        "created": time.time(),
        "max_length": job.max_length,
        "seed": job.seed,
        "per_turn": job.per_turn,
        "sources": {role: answers.settings for role, answers in sources.sets.items()},
        "rows": [row["id"] for row in train],
        "sha256": {path.name: file_hash(path) for path in (target, other)},
    }
