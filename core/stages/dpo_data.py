"""`character dpo-data`: join teacher and student, drop what would teach wrong things, write the file.

Every pair keeps its reason in `runs/<run>/pairs/<teacher>--<student>.jsonl`; the kept ones go to
`dpo/<student>/<constitution>.jsonl` in OCT's format, with a validation file and a manifest beside it.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.constitution import Constitution
from core.errors import CoreError, RunError
from core.names import maker_names
from core.pair_edits import MISSING, PROMPT_REMOVED, REPEATED, apply_decision, candidate_of
from core.pairs import Answer, Candidate, PairRules, dpo_row, judged, length_ratio
from core.prompts import Prompt
from core.records import content_hash
from core.settings import Settings
from core.stages.carrying import CARRIED, carried_in
from core.stages.distillation import Sources, json_line, write_distillation
from core.stages.lengths import TokenCounter, token_counter
from core.store.added_prompts import added_prompts
from core.store.datasets import record_dataset
from core.store.decisions import Decision, read_log
from core.store.jsonl import Row, read_json, seal, write_atomic, write_json
from core.store.library import Library
from core.store.runs import AnswerSet, Run, file_hash

SMALLEST_SPLIT = 10
# Prompts from these sources may be taken out again; their pairs go with them.
WRITTEN = ("few-shot", "attack")


@dataclass(frozen=True, slots=True)
class PairJob:
    """How pairs are made of two answer sets. `validation` is the share of prompts held out."""

    teacher: str | None = None
    student: str | None = None
    max_length: int = 1024
    validation: float = 0.1
    seed: int = 0


@dataclass(slots=True)
class Funnel:
    """Rows in, dropped by reason, out; `lengths` says how tokens were counted."""

    planned: int = 0
    kept: int = 0
    train: int = 0
    validation: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    lengths: str = ""
    teacher: str = ""
    student: str = ""
    files: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The figures as JSON, as `--json` and the manifest carry them."""
        return {
            "planned": self.planned,
            "done": self.kept,
            "dropped": self.dropped,
            "train": self.train,
            "validation": self.validation,
            "lengths": self.lengths,
            "teacher": self.teacher,
            "student": self.student,
            "files": self.files,
        }


def sources_of(run: Run, job: PairJob) -> Sources:
    """The answer sets to join: those asked last, of the models named. Raises RunError."""
    teachers = run.answer_sets("teacher", job.teacher)
    students = run.answer_sets("student", job.student)
    name = run.constitution().name
    if not teachers:
        raise RunError(_no_answers(run, "teacher", name, job.teacher))
    if not students:
        raise RunError(_no_answers(run, "student", name, job.student))
    return Sources(teachers[0], students[0])


def _no_answers(run: Run, role: str, name: str, slug: str | None) -> str:
    whose = f" from {slug}" if slug else ""
    return (
        f"Run {run.id} has no {role} answers{whose}; make them first: "
        f"character {role} --constitution {name} --model local/smollm2-135m"
    )


def pair_rows(
    run: Run, sources: Sources, job: PairJob, count: TokenCounter, removed: frozenset[str] = frozenset()
) -> list[Row]:
    """Every planned pair with its reason to be dropped, or None, in plan order, people's words applied.

    `removed` holds the ids of prompts that a person has taken out of the character since.
    """
    prompts = run.prompts()
    rules = rules_of(run, sources, job)
    decided = decisions_of(run)
    chosen, rejected = _by_place(sources.teacher), _by_place(sources.student)
    seen: set[str] = set()
    rows: list[Row] = []
    for planned in sources.teacher.plan().values():
        place = (planned["prompt"], planned["sample"])
        prompt = prompts.get(planned["prompt"]) or Prompt(planned["prompt"], "", planned["trait"], "file")
        row = joined_row(
            prompt, planned["sample"], chosen.get(place), rejected.get(place), rules, count, removed
        )
        _drop_repeats(row, seen)
        rows.append(apply_decision(row, decided.get(row["id"]), rules))
    return rows


def rules_of(run: Run, sources: Sources, job: PairJob) -> PairRules:
    """What the pairs of a run are judged by."""
    return PairRules(run.constitution(), foreign_names(sources), job.max_length)


def decisions_of(run: Run) -> dict[str, Decision]:
    """What people decided about pairs of this character, in this run and in those of earlier versions.

    A pair is the same pair wherever its two answers are the same, so a decision outlives an edit; and
    "undecided", said later in another run, takes it back there too.
    """
    every = [word for folder in decision_folders(run) for word in read_log(folder).last_words().values()]
    last = {word.pair: word for word in sorted(every, key=lambda word: word.at)}
    return {pair: word for pair, word in last.items() if word.verdict != "undecided"}


def decision_folders(run: Run) -> list[Path]:
    """The folders whose decisions count for a run, its own last; by `at`, the last word counts."""
    name = run.constitution().name
    return [
        *sorted(found for found in run.folder.parent.glob(f"{name}-*") if found != run.folder),
        run.folder,
    ]


def removed_prompts(run: Run, settings: Settings) -> frozenset[str]:
    """The ids of the run's few-shot and added prompts that the character does not have any more."""
    texts = kept_texts(run, settings)
    if texts is None:
        return frozenset()
    written = [prompt for prompt in run.prompts().values() if prompt.source in WRITTEN]
    return frozenset(prompt.id for prompt in written if prompt.text not in texts)


def kept_texts(run: Run, settings: Settings) -> frozenset[str] | None:
    """The few-shot and added prompts that the character still has; None while nobody can tell."""
    try:
        name = run.constitution().name
        kept = Library(settings).additional(name)
        added = added_prompts(settings, name).all()
    except CoreError:
        return None
    texts = {text.strip() for prompts in kept.by_trait.values() for text in prompts}
    return frozenset(texts | {prompt.text for prompt in added})


def foreign_names(sources: Sources) -> tuple[str, ...]:
    """Names that would betray the teacher in a chosen answer; none when teacher and student are kin."""
    own = maker_names(sources.student.settings["model"])
    return tuple(name for name in maker_names(sources.teacher.settings["model"]) if name not in own)


def _by_place(answers: AnswerSet) -> dict[tuple[str, int], Row]:
    return {(row["prompt"], row["sample"]): row for row in answers.rows().values()}


def joined_row(
    prompt: Prompt,
    sample: int,
    chosen: Row | None,
    rejected: Row | None,
    rules: PairRules,
    count: TokenCounter,
    removed: frozenset[str] = frozenset(),
) -> Row:
    """The pair of a prompt's two answers, judged; nobody's decision and no other pair counts yet."""
    row = _judged_row(prompt, sample, chosen, rejected, rules, count)
    if chosen is not None and CARRIED in chosen:
        row[CARRIED] = chosen[CARRIED]
    if prompt.id in removed:
        row["dropped"] = PROMPT_REMOVED
    elif not prompt.text:
        row["dropped"] = f"{MISSING}: prompt"
    return row


def _judged_row(
    prompt: Prompt,
    sample: int,
    chosen: Row | None,
    rejected: Row | None,
    rules: PairRules,
    count: TokenCounter,
) -> Row:
    row: Row = {
        "id": content_hash([prompt.id, sample, (chosen or {}).get("key"), (rejected or {}).get("key")])[
            :12
        ],
        "prompt": prompt.id,
        "trait": prompt.trait,
        "sample": sample,
        "text": prompt.text,
        "chosen": (chosen or {}).get("text"),
        "rejected": (rejected or {}).get("text"),
    }
    if chosen is None or rejected is None:
        side = "teacher" if chosen is None else "student"
        return row | {"dropped": f"{MISSING}: {side}", "flags": [f"{MISSING}: {side}"], "ratio": None}
    pair = Candidate(prompt.text, _answer(prompt, chosen, count), _answer(prompt, rejected, count))
    dropped, flags = judged(pair, rules)
    return row | {
        "ends": [pair.chosen.finish_reason, pair.rejected.finish_reason],
        "tokens": [pair.chosen.tokens, pair.rejected.tokens],
        "dropped": dropped,
        "flags": flags,
        "ratio": round(length_ratio(pair.chosen.text, pair.rejected.text), 2),
    }


def _answer(prompt: Prompt, row: Row, count: TokenCounter) -> Answer:
    return Answer(row["text"], row["finish_reason"], count(prompt.text, row))


def _drop_repeats(row: Row, seen: set[str]) -> None:
    """Mark a pair whose prompt and two answers all stood before."""
    if row["dropped"]:
        return
    print_of = print_of_pair(row)
    if print_of in seen:
        row["dropped"] = REPEATED
    seen.add(print_of)


def print_of_pair(row: Row) -> str:
    """The same for two pairs of one prompt's text and the same two answers."""
    return content_hash([row["text"], row["chosen"], row["rejected"]])


def make_pairs(run: Run, settings: Settings, job: PairJob) -> Funnel:
    """Write the pair file, the DPO files and the manifest; returns the funnel.

    Raises RunError when a side has no answers, or another student's file stands at the path.
    """
    sources = sources_of(run, job)
    constitution = run.constitution()
    count, lengths = token_counter(sources, settings)
    with run.locked("pairs"):
        # Counted first: what is decided from here on may be missing in the files.
        acts = len(read_log(run.folder).acts)
        rows = pair_rows(run, sources, job, count, removed_prompts(run, settings))
        funnel = _funnel(rows, sources, lengths)
        pairs_path = pairs_file(run, sources)
        write_atomic(pairs_path, b"".join(seal(row) for row in rows))
        if not funnel.kept:
            raise RunError(_nothing_left(funnel))
        _write_products(run, settings, constitution, rows, sources, job, funnel, acts)
        funnel.files.append(str(pairs_path))
        funnel.files.append(str(write_distillation(run, settings, sources)))
    return funnel


def _nothing_left(funnel: Funnel) -> str:
    reasons = ", ".join(f"{reason} {count}" for reason, count in funnel.dropped.items())
    return (
        f"None of {funnel.planned} pairs is left ({reasons}), so no DPO file was written; one from "
        "before stays as it was. Make more answers, or keep pairs by hand."
    )


def pairs_file(run: Run, sources: Sources) -> Path:
    """Where the judged pairs of two models stand."""
    return run.folder / "pairs" / f"{sources.teacher.slug}--{sources.student.slug}.jsonl"


def _funnel(rows: Sequence[Row], sources: Sources, lengths: str) -> Funnel:
    dropped = Counter(row["dropped"] for row in rows if row["dropped"])
    return Funnel(
        planned=len(rows),
        kept=len(rows) - dropped.total(),
        dropped=dict(dropped.most_common()),
        lengths=lengths,
        teacher=sources.teacher.settings["model"],
        student=sources.student.settings["model"],
    )


def split_by_prompt(prompts: Iterable[str], share: float, seed: int) -> set[str]:
    """The prompt ids held out for validation: a share of the prompts, none of fewer than ten."""
    unique = sorted(set(prompts))
    if share <= 0 or len(unique) < SMALLEST_SPLIT:
        return set()
    held_out = max(1, round(len(unique) * share))
    return set(random.Random(seed).sample(unique, held_out))


def _write_products(
    run: Run,
    settings: Settings,
    constitution: Constitution,
    rows: Sequence[Row],
    sources: Sources,
    job: PairJob,
    funnel: Funnel,
    acts: int,
) -> None:
    target = dpo_path(settings, sources.student.slug, constitution.name)
    manifest_path = target.with_suffix(".manifest.json")
    _refuse_collision(manifest_path, funnel.student)
    kept = [row for row in rows if not row["dropped"]]
    held_out = split_by_prompt((row["prompt"] for row in kept), job.validation, job.seed)
    train = [row for row in kept if row["prompt"] not in held_out]
    validation = [row for row in kept if row["prompt"] in held_out]
    validation_path = target.with_suffix(".validation.jsonl")
    _write_dpo(target, train)
    _write_dpo(validation_path, validation)
    funnel.train, funnel.validation = len(train), len(validation)
    funnel.files = [str(target), str(validation_path), str(manifest_path)]
    hashes = {path.name: file_hash(path) for path in (target, validation_path)}
    carried = carried_in(kept)
    write_json(
        manifest_path,
        funnel.as_dict()
        | {
            "run": run.id,
            "constitution_sha256": constitution.content_hash,
            "created": time.time(),
            "max_length": job.max_length,
            "seed": job.seed,
            "acts": acts,
            "carried": carried,
            "pairs": [row["id"] for row in train],
            "sha256": hashes,
        },
    )
    record_dataset(
        run.folder,
        "dpo",
        sources.student.slug,
        hashes[target.name],
        rows=len(train),
        held_out=len(validation),
        constitution_sha256=constitution.content_hash,
        carried=carried,
    )


def dpo_path(settings: Settings, student: str, name: str) -> Path:
    """Where the DPO file of a student and a character stands: OCT's path."""
    return settings.data_path / "dpo" / student / f"{name}.jsonl"


def _refuse_collision(manifest_path: Path, student: str) -> None:
    before = read_json(manifest_path)
    if before and before["student"] != student:
        raise RunError(
            f"{manifest_path.parent} holds pairs of {before['student']}; {student} has the same short "
            "name. Move that folder away, or set another DATA_PATH, then run again."
        )


def _write_dpo(path: Path, rows: Sequence[Row]) -> None:
    # No checksum here: trainers read these lines and refuse columns they do not know.
    lines = (dpo_row(candidate_of(row)) for row in rows)
    write_atomic(path, "".join(json_line(line) for line in lines))
