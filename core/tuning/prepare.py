"""A tuning made from what a person asked: the file found, checked and frozen, before anything is sent.

The same wish finds the same tuning: its id and its mark at Together are hashes of the rows, the model and
the numbers. A second click, or the same command after a kill, goes on; `again` makes another on purpose.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import JobError, Problem, RunError, SettingsError
from core.formats import Kind, batch_problem, problem_words
from core.names import ALIASES, ModelName, parse_model, safe_slug, spelled_for
from core.records import content_hash
from core.settings import Settings
from core.slugs import check_name
from core.store.finishing import file_hash
from core.store.jsonl import write_atomic
from core.tuning.convert import as_lines, read_training_file, require_student
from core.tuning.recipe import INHERITED, MARK, Recipe, cannot, flag, own_problems, suffix_for
from core.tuning.state import Store, Tuning, read_tuning, store_of, tunings, tunings_path

SOURCES: dict[Kind, str] = {"dpo": "dpo", "sft": "sft_data"}
MAKERS: dict[Kind, str] = {"dpo": "dpo-data", "sft": "sft-data"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked for. `model` is the base at Together where it is not the student's usual one."""

    kind: Kind
    recipe: Recipe
    constitution: str | None = None
    student: str | None = None
    model: str | None = None
    training_file: Path | None = None
    training_file_id: str | None = None
    validation_file: Path | None = None
    validation_file_id: str | None = None
    suffix: str | None = None
    from_checkpoint: str | None = None
    from_base: bool = False
    again: bool = False
    wandb: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Plan:
    """A tuning that is ready to begin, and the rows that it will send; nothing is written yet."""

    tuning: Tuning
    training: bytes | None
    validation: bytes | None


def plan_of(asked: Asked, settings: Settings) -> Plan:
    """What would be trained on what, checked as far as that goes without sending anything.

    Raises RunError for a file's problems, SettingsError for the numbers', each all at once.
    """
    student, model = _student_and_model(asked)
    source = _source(asked, student, settings)
    name = _constitution(asked, source)
    _refuse_numbers(asked)
    training = _rows(source, asked.kind, student, asked.recipe) if source else None
    validation = _rows(asked.validation_file, asked.kind, student, None) if asked.validation_file else None
    checkpoint = _checkpoint(asked, name, student, settings)
    content = _content(asked, model, checkpoint, training, validation)
    attempt = _attempt(name, asked.kind, student, content, asked.again, settings)
    return Plan(
        _tuning(asked, (name, student, model, checkpoint, source), content, attempt, training, validation),
        training[1] if training else None,
        validation[1] if validation else None,
    )


def _student_and_model(asked: Asked) -> tuple[str, str]:
    """The student's short name, and the base that Together is to train."""
    if not asked.student and not asked.model:
        raise SettingsError("Which student? Add --student, such as --student llama-3.1-8b-it.")
    if not asked.student:
        base = str(asked.model)
        return ModelName("together", base).slug, spelled_for("together", base)
    wished = parse_model(asked.student, default="together")
    base = spelled_for("together", asked.model or wished.model)
    slug = ModelName("together", base).slug
    if asked.model and slug != wished.slug and slug in ALIASES and wished.slug in ALIASES:
        raise SettingsError(
            f"--student is {wished.slug} and --model {base} is {slug}: leave one of them out."
        )
    return wished.slug, base


def _source(asked: Asked, student: str, settings: Settings) -> Path | None:
    if asked.training_file_id:
        return None
    if asked.training_file:
        return asked.training_file
    if not asked.constitution:
        raise SettingsError("Train on what? Add --constitution NAME, or --training-file FILE.")
    path = settings.data_path / SOURCES[asked.kind] / student / f"{asked.constitution}.jsonl"
    if not path.exists():
        raise RunError(
            f"{path} is not there; make it first: character {MAKERS[asked.kind]} --constitution "
            f"{asked.constitution}, or choose another with --training-file."
        )
    return path


def _constitution(asked: Asked, source: Path | None) -> str:
    """The character that is trained: as named, else as the file is called."""
    name = asked.constitution or (source.stem.lower() if source else None)
    if name is None:
        raise SettingsError("Which character is that file of? Add --constitution NAME.")
    problems = check_name(name)
    if problems:
        raise SettingsError(f"{problems[0].message} Name the character with --constitution.")
    return name


def _refuse_numbers(asked: Asked) -> None:
    problems = own_problems(asked.kind, asked.recipe)
    if asked.validation_file is None and asked.validation_file_id is None and asked.recipe.n_evals:
        problems.append(Problem("--n-evals", "needs --validation-file"))
    if asked.from_checkpoint and asked.from_base:
        problems.append(Problem("--from-base", "and --from-checkpoint exclude each other"))
    if asked.from_checkpoint or (asked.kind == "sft" and not asked.from_base):
        message = "is decided by the job it goes on from; leave it out, or begin with --from-base"
        problems += [Problem(flag(name), message) for name in INHERITED if name in asked.recipe.own]
    if problems:
        raise SettingsError(problem_words("The recipe", problems))


def _rows(path: Path, kind: Kind, student: str, recipe: Recipe | None) -> tuple[int, bytes]:
    """How many rows a file holds for Together, and the rows as they are sent."""
    _, problem = require_student(path, student)
    found = read_training_file(path, kind, "together")
    own_batch = recipe is not None and "batch_size" in recipe.own
    few = batch_problem(len(found.rows), recipe.batch_size) if recipe and own_batch else None
    problems = [one for one in (problem, few) if one]
    if problems:
        raise RunError(problem_words(str(path), problems))
    return len(found.rows), as_lines(found.rows)


def _checkpoint(asked: Asked, name: str, student: str, settings: Settings) -> str | None:
    """The job to go on from: SFT continues the character's DPO job unless told otherwise."""
    if asked.from_checkpoint or asked.from_base or asked.kind == "dpo":
        return asked.from_checkpoint
    for tuning in tunings(settings):
        same = (tuning.kind, tuning.constitution, tuning.student) == ("dpo", name, student)
        if same and tuning.job_id and tuning.state in ("trained", "downloaded", "registered"):
            return tuning.job_id
    raise JobError(
        f"SFT goes on with the DPO job of {name} for {student}, and none is finished here. Train DPO "
        "first, name a job with --from-checkpoint ft-…, or begin at the base with --from-base."
    )


def _content(
    asked: Asked,
    model: str,
    checkpoint: str | None,
    training: tuple[int, bytes] | None,
    validation: tuple[int, bytes] | None,
) -> list[Any]:
    """What makes a tuning the one that it is."""
    return [
        asked.kind,
        model,
        checkpoint,
        asked.recipe.as_dict(),
        _sha256(training) or asked.training_file_id,
        _sha256(validation) or asked.validation_file_id,
    ]


def _sha256(rows: tuple[int, bytes] | None) -> str | None:
    return hashlib.sha256(rows[1]).hexdigest() if rows else None


def _id(name: str, kind: Kind, student: str, content: list[Any], attempt: int) -> str:
    digest = content_hash(content)[:8]
    return safe_slug(f"{name[:40]}-{kind}-{student[:40]}")[:90] + f"-{digest}-{attempt}"


def _attempt(
    name: str, kind: Kind, student: str, content: list[Any], again: bool, settings: Settings
) -> int:
    """The number of the newest attempt at this content, or of the next one when `again`."""
    attempt = 1
    while (tunings_path(settings) / _id(name, kind, student, content, attempt + 1)).exists():
        attempt += 1
    is_there = (tunings_path(settings) / _id(name, kind, student, content, attempt)).exists()
    return attempt + 1 if again and is_there else attempt


def _tuning(
    asked: Asked,
    who: tuple[str, str, str, str | None, Path | None],
    content: list[Any],
    attempt: int,
    training: tuple[int, bytes] | None,
    validation: tuple[int, bytes] | None,
) -> Tuning:
    name, student, model, checkpoint, source = who
    # Nothing of this computer is in the mark: another one with the same rows finds the same job.
    mark = content_hash([name, student, content, attempt])[:MARK]
    return Tuning(
        id=_id(name, asked.kind, student, content, attempt),
        constitution=name,
        kind=asked.kind,
        student=student,
        model=model,
        tag=suffix_for(asked.suffix, name, asked.kind, mark),
        mark=mark,
        attempt=attempt,
        recipe=asked.recipe.as_dict(),
        made_at=time.time(),
        rows=training[0] if training else None,
        training_file=f"{name}-{asked.kind}.jsonl" if training else None,
        training_sha256=_sha256(training),
        training_source=str(source.absolute()) if source else None,
        source_sha256=file_hash(source) if source else None,
        validation_file=f"{name}-{asked.kind}-validation.jsonl" if validation else None,
        validation_sha256=_sha256(validation),
        file_id=asked.training_file_id,
        validation_file_id=asked.validation_file_id,
        from_checkpoint=checkpoint,
        wandb=dict(asked.wandb),
        notes=cannot(asked.kind, model, continues=checkpoint is not None, full=asked.recipe.full),
    )


def begin(plan: Plan, settings: Settings) -> tuple[Tuning, Store]:
    """The tuning of a plan on disk: as it stands when it was begun before, else from its first state.

    Raises RunError when the disk fails.
    """
    store = store_of(settings, plan.tuning.id)
    if (store.folder / "state.json").exists():
        return read_tuning(settings, plan.tuning.id), store
    for name, rows in (
        (plan.tuning.training_file, plan.training),
        (plan.tuning.validation_file, plan.validation),
    ):
        if name and rows is not None:
            write_atomic(store.folder / name, rows, mode=0o600)
    store.save(plan.tuning)
    store.note("step", "checked every row here")
    return plan.tuning, store
