"""What a tuning is on disk, so that it goes on after any kill: DATA_PATH/tunings/<id>/.

state.json       the whole state, replaced and fsynced at every step
events.jsonl     what happened: our steps, and Together's events
metrics.jsonl    the training curves, a row a step
cancel.json      somebody asked to end it
<name>.jsonl     the rows as they were sent: later changes of the pairs cannot reach them
"""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from core.errors import JobError, RunError
from core.formats import Kind
from core.settings import Settings
from core.store.jsonl import append_rows, read_json, read_rows, repair, write_json
from core.store.locks import held

Row = dict[str, Any]
State = Literal[
    "validated",
    "checked",
    "uploaded",
    "processed",
    "priced",
    "confirmed",
    "created",
    "trained",
    "downloaded",
    "registered",
    "failed",
    "cancelled",
]
ENDS: frozenset[str] = frozenset({"registered", "failed", "cancelled"})
TUNING_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")


@dataclass(slots=True)
class Tuning:
    """One training job, from the checked file to the registered adapter.

    `tag` is the suffix that the job carries at Together. `create_sent_at` is set, and on disk, before the
    job is asked for: while `job_id` is None, a job may or may not exist. Prices are in USD.
    """

    id: str
    constitution: str
    kind: Kind
    student: str
    model: str
    tag: str
    mark: str
    attempt: int
    recipe: Row
    made_at: float
    state: State = "validated"
    rows: int | None = None
    training_file: str | None = None
    training_sha256: str | None = None
    training_source: str | None = None
    source_sha256: str | None = None
    validation_file: str | None = None
    validation_sha256: str | None = None
    file_id: str | None = None
    validation_file_id: str | None = None
    from_checkpoint: str | None = None
    wandb: dict[str, str] = field(default_factory=dict[str, str])
    notes: list[str] = field(default_factory=list[str])
    limits: Row | None = None
    price_usd: float | None = None
    price_tokens: int | None = None
    price_why: str = ""
    accepted_usd: float | None = None
    create_sent_at: float | None = None
    job_id: str | None = None
    job_status: str | None = None
    output_name: str | None = None
    cancel_sent: bool = False
    cost_usd: float | None = None
    archive: Row | None = None
    adapter: str | None = None
    error: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ENDS or (self.state == "trained" and bool(self.recipe.get("full")))

    @property
    def waits_for_yes(self) -> bool:
        """Whether the price is known and somebody must agree to it."""
        return self.state == "priced"

    def as_dict(self) -> Row:
        """Every field as plain JSON; no key is among them."""
        return asdict(self)


def tunings_path(settings: Settings) -> Path:
    """The folder of all tunings."""
    return settings.data_path / "tunings"


class Store:
    """One tuning's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events_path = folder / "events.jsonl"
        self.metrics_path = folder / "metrics.jsonl"
        self._wish = folder / "cancel.json"

    @contextmanager
    def locked(self) -> Generator[None]:
        """Only one process drives a tuning. Raises RunError when another one does."""
        with held(self.folder / ".lock", f"the training {self.folder.name}", timeout=0.2):
            for path in (self.events_path, self.metrics_path):
                if path.exists():
                    repair(path)
            yield

    def save(self, tuning: Tuning) -> None:
        """Put the state on the disk; it survives a power cut on return. Raises RunError."""
        write_json(self.folder / "state.json", tuning.as_dict(), mode=0o600)

    def note(self, kind: str, message: str, **more: Any) -> None:
        """Append an event of ours or of Together's."""
        append_rows(self.events_path, [{"at": time.time(), "kind": kind, "message": message, **more}])

    def add_metrics(self, rows: list[Row]) -> None:
        """Append points of the training curves."""
        append_rows(self.metrics_path, rows)

    def events(self) -> list[Row]:
        """What happened so far, oldest first."""
        return read_rows(self.events_path).rows

    def metrics(self) -> list[Row]:
        """The curves so far, a row a step."""
        return read_rows(self.metrics_path).rows

    @property
    def cancel_wished(self) -> bool:
        """Whether somebody asked to end the tuning."""
        return self._wish.exists()

    def wish_cancel(self) -> None:
        """Ask whoever drives the tuning to end it; the wish survives every kill. Raises RunError."""
        write_json(self._wish, {"at": time.time()}, mode=0o600)


def store_of(settings: Settings, tuning_id: str) -> Store:
    """The folder of a tuning by its id. Raises JobError for what is no id."""
    if not TUNING_ID.fullmatch(tuning_id):
        raise JobError(f"{tuning_id!r} is no training's id; see `character train list`.")
    return Store(tunings_path(settings) / tuning_id)


def read_tuning(settings: Settings, tuning_id: str) -> Tuning:
    """A tuning as it was last saved. Raises JobError when there is none, RunError for a damaged one."""
    path = store_of(settings, tuning_id).folder / "state.json"
    value = read_json(path)
    if value is None:
        raise JobError(f"There is no training {tuning_id}; see `character train list`.")
    return _understood(value, path)


def _understood(value: Any, path: Path) -> Tuning:
    known = {spec.name for spec in fields(Tuning)}
    try:
        return Tuning(**{name: entry for name, entry in value.items() if name in known})
    except (TypeError, AttributeError) as error:
        raise RunError(f"{path} is no training of ours ({error}); move its folder away.") from error


def tunings(settings: Settings) -> list[Tuning]:
    """Every tuning there is, newest first; folders that cannot be read are left out."""
    found: list[Tuning] = []
    for path in tunings_path(settings).glob("*/state.json"):
        try:
            found.append(_understood(read_json(path), path))
        except RunError:
            continue
    return sorted(found, key=lambda tuning: tuning.made_at, reverse=True)


def summary(tuning: Tuning) -> Mapping[str, Any]:
    """What `--json` and a page's list say of a tuning."""
    return {
        "tuning": tuning.id,
        "state": tuning.state,
        "job": tuning.job_id,
        "job_status": tuning.job_status,
        "model": tuning.model,
        "student": tuning.student,
        "stage": tuning.kind,
        "price_usd": tuning.price_usd,
        "adapter": tuning.adapter,
        "notes": tuning.notes,
        "error": tuning.error,
    }
