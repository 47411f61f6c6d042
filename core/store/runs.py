"""A run folder: everything that was asked and answered for one character.

    runs/pirate-1a2b3c4d/
      run.json                        the frozen constitution
      prompts.jsonl                   every prompt that was ever planned: id, text, trait, source
      teacher/smollm2-135m-5e6f7a8b/  one folder a model and its settings (`AnswerSet`)
        settings.json  plan.jsonl  rows.jsonl  errors.jsonl  manifest.json
      student/…                       the same
      decisions.jsonl                 what people decided about pairs
      pairs/<teacher>--<student>.jsonl

Plan first, then rows, then failures: keys(rows) + keys(errors) = keys(plan). The manifest is written
last and complete means that it verifies, never that a file exists.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.constitution import Constitution, parse
from core.errors import RunError
from core.names import safe_slug
from core.prompts import Prompt
from core.records import content_hash
from core.sample import UNCHANGED, is_sample
from core.settings import Settings
from core.slugs import is_device
from core.store.answer_set import AnswerSet, by_key
from core.store.finishing import file_hash
from core.store.jsonl import append_rows, read_json, read_rows, repair, write_json
from core.store.locks import held

__all__ = ["AnswerSet", "Run", "by_key", "file_hash", "open_run", "run_folder", "runs_of"]


@dataclass(frozen=True, slots=True)
class Run:
    """One run folder. `id` is the folder's name."""

    folder: Path

    @property
    def id(self) -> str:
        """The run's name, as `--run` takes it."""
        return self.folder.name

    def constitution(self) -> Constitution:
        """The character as it was when the run began. Raises RunError when the run is damaged."""
        frozen = read_json(self.folder / "run.json")
        if not frozen:
            raise RunError(f"{self.folder} holds no run.json; choose another run or remove the folder.")
        return parse(frozen["constitution"], source=f"{self.folder.name}/run.json")

    def prompts(self) -> dict[str, Prompt]:
        """Every prompt ever planned here, by id."""
        return {row["id"]: Prompt(**row) for row in read_rows(self.folder / "prompts.jsonl").rows}

    def remember(self, prompts: Iterable[Prompt]) -> None:
        """Append the prompts that the run does not know yet. Call it under `locked`."""
        path = self.folder / "prompts.jsonl"
        repair(path)
        known = self.prompts()
        append_rows(path, [prompt.as_dict() for prompt in prompts if prompt.id not in known])

    def answer_set(self, role: str, slug: str, settings: dict[str, Any]) -> AnswerSet:
        """The folder for one model's answers under one set of settings; made when missing."""
        folder = self.folder / role / f"{slug}-{content_hash(settings)[:8]}"
        found = AnswerSet(folder)
        if not (folder / "settings.json").exists():
            write_json(folder / "settings.json", {**settings, "created": time.time()})
        return found

    def answer_sets(self, role: str, model: str | None = None) -> list[AnswerSet]:
        """The answer folders of a role, those used last first; `model` is a short or a full name.

        Raises RunError when a short name fits several models.
        """
        sets = [AnswerSet(path.parent) for path in self.folder.glob(f"{role}/*/settings.json")]
        wanted = [found for found in sets if model in (None, found.slug, found.model)]
        names = sorted({found.model for found in wanted})
        if model is not None and len(names) > 1:
            raise RunError(f"{model} is short for several models here; write {' or '.join(names)}.")
        return sorted(wanted, key=lambda found: found.used_at, reverse=True)

    @contextmanager
    def locked(self, what: str = "run") -> Generator[None]:
        """Hold the run for one writer; a second one gets a RunError instead of a mixed file.

        The message names the process that holds it. A lock whose process died is free at once.
        """
        what_of_what = self.id if what == "run" else f"{what} of {self.id}"
        with held(self.folder / f".{what}.lock", what_of_what):
            yield


def run_folder(settings: Settings, run_id: str) -> Path:
    """The folder of a run id. Raises RunError for an id that is no plain name, or leads elsewhere."""
    if not run_id or run_id != safe_slug(run_id) or is_device(run_id):
        shown = repr(run_id if len(run_id) <= 40 else run_id[:39] + "…")
        raise RunError(f"{shown} is no run name; use letters, digits, dots and dashes.")
    folder = settings.runs_path / run_id
    if folder.is_symlink():
        raise RunError(
            f"{folder} is a link, and a run is a folder of its own; move the run there, or set DATA_PATH."
        )
    return folder


def open_run(settings: Settings, constitution: Constitution, run_id: str | None = None) -> Run:
    """The run of a character, made when missing. Raises RunError when `run_id` holds another one.

    Raises RunError for the finished sample, on which nothing runs.
    """
    if is_sample(constitution.name):
        raise RunError(UNCHANGED)
    return begin_run(Run(run_folder(settings, run_id or constitution.run_id)), constitution)


def begin_run(run: Run, constitution: Constitution) -> Run:
    """The run itself, frozen to a character; a trial's stands inside another. Raises RunError as above."""
    with run.locked("create"):
        frozen = read_json(run.folder / "run.json")
        if frozen is None:
            write_json(
                run.folder / "run.json",
                {
                    "run": run.id,
                    "created": time.time(),
                    "constitution": constitution.as_dict(),
                    "constitution_sha256": constitution.content_hash,
                },
            )
        elif frozen["constitution_sha256"] != constitution.content_hash:
            raise RunError(
                f"Run {run.id} was made with another version of {constitution.name}. "
                "Leave out --run to start a run for this version, or name a new one."
            )
    return run


def runs_of(settings: Settings, name: str) -> list[Run]:
    """The runs of a character, newest first."""
    found: list[tuple[float, Run]] = []
    for path in settings.runs_path.glob("*/run.json"):
        frozen = read_json(path)
        if frozen["constitution"]["name"] == name:
            found.append((frozen["created"], Run(path.parent)))
    return [run for _, run in sorted(found, key=lambda item: item[0], reverse=True)]
