"""What is known of an endpoint on disk, so that it is found and stopped after any kill.

serving/together-<training>.json   from before it is asked for until it is known to have stopped
serving/together-<training>.lock   held by the process that supervises it
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import psutil

from core.errors import RunError
from core.guarded import is_running
from core.job_wrapper import JOB_VARIABLE, boot_id
from core.settings import Settings
from core.store import disk
from core.store.jsonl import read_json, write_json
from core.store.locks import held
from core.tuning.endpoints.offer import Offer, name_for
from core.tuning.state import TUNING_ID, Tuning

KILL_LIMIT_S = 6.0


@dataclass(slots=True)
class Serving:
    """One endpoint. A moment `…_sent_at` is on disk before the thing is asked for.

    While `endpoint_id` or `deployment_id` is None after its moment, it may or may not exist. `full_name`
    is what requests call the model.
    """

    tuning: str
    name: str
    project: str
    model: str = ""
    config: str = ""
    hardware: str = ""
    cents_per_hour: float | None = None
    minutes: float = 0.0
    began_at: float = 0.0
    pid: int = 0
    created: float = 0.0
    boot: str = ""
    job: str = ""
    endpoint_sent_at: float | None = None
    endpoint_id: str | None = None
    full_name: str | None = None
    deployment_sent_at: float | None = None
    deployment_id: str | None = None
    ready_at: float | None = None
    stop_sent_at: float | None = None

    @property
    def label(self) -> str:
        """What a verb's --model takes: "together/<project>/<name>"."""
        return f"together/{self.full_name or self.name}"

    @property
    def deployment_name(self) -> str:
        """The name of this attempt's deployment, by which it is found again."""
        return f"run-{int(self.began_at)}"

    @property
    def ends_at(self) -> float:
        """When the time limit is over; it counts from the moment the deployment was asked for."""
        return (self.deployment_sent_at or self.began_at) + 60 * self.minutes

    def is_supervised(self) -> bool:
        """Whether the process that looks after it still runs."""
        return self.boot == boot_id() and is_running(self.pid, self.created)

    def end_supervisor(self, limit_s: float) -> None:
        """Ask the process that looks after it to end it, as Ctrl-C does; one that hangs is killed."""
        with suppress(psutil.Error):
            process = psutil.Process(self.pid)
            process.terminate()
            try:
                process.wait(limit_s)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(KILL_LIMIT_S)

    def cost_usd(self, now: float) -> float:
        """About what it has cost by now; 0 where nothing was deployed or no price is known."""
        if self.deployment_sent_at is None or self.cents_per_hour is None:
            return 0.0
        return max(0.0, now - self.deployment_sent_at) / 3600 * self.cents_per_hour / 100


def new_serving(
    tuning: Tuning, project: str, model: str, offer: Offer, minutes: float, now: float
) -> Serving:
    """An endpoint that is about to be made by this process."""
    return Serving(
        tuning.id,
        name_for(tuning.tag),
        project,
        model,
        offer.config,
        offer.hardware,
        offer.cents_per_hour,
        minutes,
        began_at=now,
        pid=os.getpid(),
        created=psutil.Process().create_time(),
        boot=boot_id(),
        job=os.environ.get(JOB_VARIABLE, ""),
    )


class Shelf:
    """Where one training's endpoint is written down."""

    def __init__(self, settings: Settings, tuning_id: str) -> None:
        """Raises RunError for what is no training's id."""
        if not TUNING_ID.fullmatch(tuning_id):
            raise RunError(f"{tuning_id!r} is no training's id; see `character train list`.")
        self.path = settings.data_path / "serving" / f"together-{tuning_id}.json"
        self._what = f"the endpoint of {tuning_id}"

    def locked(self, timeout: float = 0.2) -> AbstractContextManager[None]:
        """Only one process looks after an endpoint. Raises RunError when another one does."""
        return held(self.path.with_suffix(".lock"), self._what, timeout=timeout)

    def save(self, serving: Serving) -> None:
        """Put it on the disk; it survives a power cut on return. Raises RunError."""
        write_json(self.path, asdict(serving), mode=0o600)

    def read(self) -> Serving | None:
        """What was last saved. Raises RunError for a damaged file: it may stand for running costs."""
        value = read_json(self.path)
        return None if value is None else _understood(value, self.path)

    def clear(self) -> None:
        """Forget an endpoint that is known to have stopped."""
        disk.unlink(self.path)


def _understood(value: Any, path: Path) -> Serving:
    known = {spec.name for spec in fields(Serving)}
    try:
        return Serving(**{name: entry for name, entry in value.items() if name in known})
    except (TypeError, AttributeError) as error:
        raise RunError(
            f"{path} is damaged ({error}). It stood for an endpoint at Together: see in Together's console "
            "under Endpoints that none runs, then remove the file."
        ) from error


def servings(settings: Settings) -> list[tuple[Shelf, Serving]]:
    """Every endpoint that is written down. Raises RunError for a damaged file."""
    found: list[tuple[Shelf, Serving]] = []
    for path in sorted((settings.data_path / "serving").glob("together-*.json")):
        shelf = Shelf(settings, path.stem.removeprefix("together-"))
        serving = shelf.read()
        if serving:
            found.append((shelf, serving))
    return found
