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

import hashlib
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from core.constitution import Constitution, parse
from core.errors import RunError
from core.names import safe_slug
from core.prompts import Prompt
from core.records import content_hash
from core.settings import Settings
from core.store.jsonl import Row, append_rows, read_json, read_rows, repair, write_json


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
        """Hold the run for one writer; a second one gets a RunError instead of a mixed file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / f".{what}.lock")
        try:
            with lock.acquire(timeout=10):
                yield
        except Timeout:
            raise RunError(
                f"Another job is writing to {self.id} ({what}). Wait for it or cancel it, then run again."
            ) from None


@dataclass(frozen=True, slots=True)
class AnswerSet:
    """One model's answers to a run's prompts under one set of settings."""

    folder: Path

    @property
    def settings(self) -> dict[str, Any]:
        """What the answers were asked with: model, sampling, template version."""
        return read_json(self.folder / "settings.json") or {}

    @property
    def slug(self) -> str:
        """The model's name in paths."""
        return self.folder.name[:-9]

    @property
    def model(self) -> str:
        """The model's full name."""
        return str(self.settings.get("model", ""))

    @property
    def used_at(self) -> float:
        """When answers last came in or a job last ran to its end, since 1970; 0 without answers."""
        if not self.rows_path.exists() or not self.rows_path.stat().st_size:
            return 0.0
        manifest = self.folder / "manifest.json"
        return max(path.stat().st_mtime for path in (self.rows_path, manifest) if path.exists())

    @property
    def rows_path(self) -> Path:
        """The file that finished answers are appended to."""
        return self.folder / "rows.jsonl"

    @property
    def errors_path(self) -> Path:
        """The file that failures are appended to."""
        return self.folder / "errors.jsonl"

    def plan(self) -> dict[str, Row]:
        """Every planned request by key: {key, prompt, trait, sample}."""
        return by_key(read_rows(self.folder / "plan.jsonl").rows)

    def extend_plan(self, requests: Iterable[Row]) -> None:
        """Plan the requests that are not planned yet; durable before the first is sent."""
        path = self.folder / "plan.jsonl"
        repair(path)
        known = self.plan()
        fresh = [request for request in requests if request["key"] not in known]
        if fresh:
            append_rows(path, fresh)

    def rows(self) -> dict[str, Row]:
        """Finished answers by key; of two with one key the first counts."""
        return by_key(read_rows(self.rows_path).rows)

    def failures(self) -> dict[str, Row]:
        """The last failure of every planned request that has no answer, by key."""
        answered = self.rows()
        failed = {row["key"]: row for row in read_rows(self.errors_path).rows}
        return {key: row for key, row in failed.items() if key not in answered}

    def repair(self) -> int:
        """Set damaged lines aside before appending; returns how many there were."""
        return repair(self.rows_path) + repair(self.errors_path)

    def finalise(self) -> dict[str, Any]:
        """Write the manifest: counts and the hash of the rows. Complete when no request is open."""
        plan, rows, failures = self.plan(), self.rows(), self.failures()
        manifest = {
            "planned": len(plan),
            "rows": len(plan.keys() & rows.keys()),
            "failed": len(failures),
            "complete": plan.keys() <= rows.keys(),
            "rows_sha256": file_hash(self.rows_path),
        }
        write_json(self.folder / "manifest.json", manifest)
        return manifest

    def is_complete(self) -> bool:
        """Whether the manifest says complete and its hash still fits the rows."""
        manifest = read_json(self.folder / "manifest.json") or {}
        return bool(manifest.get("complete")) and manifest["rows_sha256"] == file_hash(self.rows_path)


def by_key(rows: Iterable[Row]) -> dict[str, Row]:
    """Rows by their key; the first of equals stays."""
    found: dict[str, Row] = {}
    for row in rows:
        found.setdefault(row["key"], row)
    return found


def file_hash(path: Path) -> str:
    """Hex sha256 of a file; that of nothing for a missing one."""
    if not path.exists():
        return hashlib.sha256().hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def run_folder(settings: Settings, run_id: str) -> Path:
    """The folder of a run id. Raises RunError for an id that is no plain name."""
    if not run_id or run_id != safe_slug(run_id):
        raise RunError(f"{run_id!r} is no run name; use letters, digits, dots and dashes.")
    return settings.runs_path / run_id


def open_run(settings: Settings, constitution: Constitution, run_id: str | None = None) -> Run:
    """The run of a character, made when missing. Raises RunError when `run_id` holds another one."""
    run = Run(run_folder(settings, run_id or constitution.run_id))
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
