"""Ending an endpoint, and looking whether it ended: what cannot be seen to have stopped stays on disk.

The first request lets go of the replicas, because they are what costs; the rest is tidying. Proof is a
list of deployments in which each has stopped, or an endpoint that Together does not know any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from core.engines.failures import STOPS_JOB
from core.errors import EngineError, JobError, RunError
from core.settings import Settings
from core.tuning.endpoints.offer import IDLE_MINUTES, name_for
from core.tuning.endpoints.remote import EndpointRemote
from core.tuning.endpoints.state import Serving, Shelf, servings
from core.tuning.state import read_tuning

Say = Callable[[str], None]
Json = dict[str, Any]
STOPPED = frozenset({"DEPLOYMENT_STATE_STOPPED", "DEPLOYMENT_STATE_FAILED"})


@dataclass(frozen=True, slots=True)
class Pace:
    """How often Together is asked, and the clock; tests give ones that never wait."""

    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time
    poll_s: float = 10.0
    lookups: int = 6
    tries: int = 5
    stop_polls: int = 60
    tidy_polls: int = 6


def bring_down(serving: Serving, shelf: Shelf, remote: EndpointRemote, pace: Pace, say: Say) -> None:
    """End the endpoint and forget it. Hold the shelf's lock. Harmless to repeat.

    Raises JobError, loudly, where it was not seen to stop: the file stays, and with it the way to try
    again.
    """
    if serving.endpoint_sent_at is None:
        shelf.clear()
        return
    serving.stop_sent_at = pace.clock()
    # A full disk must not keep it running: the file from before says enough to find it again.
    with suppress(RunError):
        shelf.save(serving)
    remote.project = serving.project
    try:
        is_down = _Descent(serving, remote, pace, say).run()
    except EngineError as error:
        raise JobError(alarm(serving, str(error))) from error
    if not is_down:
        raise JobError(alarm(serving, "it was still running when last looked at"))
    shelf.clear()
    say(f"{serving.label} is stopped, and costs nothing any more.")


def alarm(serving: Serving, why: str) -> str:
    """The loud words about an endpoint that may still cost money, and what to do."""
    price = serving.cents_per_hour
    costs = "may still cost money" if price is None else f"may still cost ${price / 6000:.3f} a minute"
    return (
        f"ATTENTION: {serving.label} was not seen to stop, and {costs} ({why.rstrip('.')}). Run: character "
        f"serve stop {serving.tuning}, or stop {serving.name} in Together's console under Endpoints. "
        f"Together itself stops it after {IDLE_MINUTES} minutes without a request."
    )


@dataclass(slots=True)
class _Descent:
    """One endpoint on its way down."""

    serving: Serving
    remote: EndpointRemote
    pace: Pace
    say: Say
    asked: set[str] = field(default_factory=set[str])
    trouble: EngineError | None = None

    def run(self) -> bool:
        """Whether it was seen to have stopped. Raises EngineError where asking again cannot help."""
        if not self._is_found():
            return True
        self.say(f"Stopping {self.serving.label} …")
        for attempt in range(self.pace.stop_polls):
            if self._borne(self._has_stopped):
                self._tidy()
                return True
            # Soon at first: whoever cancels a job waits a few seconds only.
            self.pace.sleep(min(self.pace.poll_s, 1.0 + attempt))
        if self.trouble:
            raise self.trouble
        return False

    def _is_found(self) -> bool:
        """Whether there is an endpoint; one whose making was never confirmed is looked for by its name."""
        serving = self.serving
        for attempt in range(self.pace.lookups):
            if serving.endpoint_id or self._borne(self._look_up):
                return True
            if attempt + 1 < self.pace.lookups:
                self.pace.sleep(self.pace.poll_s)
        # A deployment is asked for only under a known endpoint: before that there is nothing that costs.
        if self.trouble and serving.deployment_sent_at is not None:
            raise self.trouble
        return False

    def _look_up(self) -> bool:
        found = self.remote.find(self.serving.name)
        self.trouble = None
        if found:
            self.serving.endpoint_id, self.serving.full_name = str(found["id"]), str(found["name"])
        return found is not None

    def _borne(self, look: Callable[[], bool]) -> bool:
        """What `look` says; short troubles and refusals of the moment count as "not yet"."""
        try:
            return look()
        except EngineError as error:
            if error.kind in STOPS_JOB:
                raise
            self.trouble = error
            return False

    def _has_stopped(self) -> bool:
        """Let go of whatever still runs; whether nothing does."""
        if self.serving.deployment_id:
            # Before anything is looked up; what stopped by itself may refuse, and the list says so.
            self._let_go(self.serving.deployment_id)
        found = self._deployments()
        self.trouble = None
        if found == [] and self.serving.deployment_sent_at and not self.serving.deployment_id:
            # The list may lag behind what was asked for; only an endpoint without any can be removed.
            return self._removed([])
        running = [str(one["id"]) for one in found or [] if not has_stopped(one)]
        for deployment_id in running:
            self._let_go(deployment_id)
        return not running

    def _let_go(self, deployment_id: str) -> None:
        if deployment_id in self.asked:
            return
        try:
            self.remote.scale_to_zero(str(self.serving.endpoint_id), deployment_id)
            self.asked.add(deployment_id)
        except EngineError as error:
            if error.kind in STOPS_JOB:
                raise
            self.trouble = error

    def _deployments(self) -> list[Json] | None:
        """What the list shows, and ours where it does not show it; None where the endpoint is gone."""
        endpoint_id, known = str(self.serving.endpoint_id), self.serving.deployment_id
        found = self.remote.deployments(endpoint_id)
        if found is None or known is None or known in {one["id"] for one in found}:
            return found
        ours = self.remote.deployment(endpoint_id, known)
        return [*found, ours] if ours else found

    def _tidy(self) -> None:
        """Remove what has stopped. It costs nothing already: what cannot be removed is only said."""
        for attempt in range(self.pace.tidy_polls):
            with suppress(EngineError):
                found = self.remote.deployments(str(self.serving.endpoint_id))
                if found is None or self._removed(found):
                    return
            if attempt + 1 < self.pace.tidy_polls:
                self.pace.sleep(min(self.pace.poll_s, 1.0 + attempt))
        self.say(f"Its empty endpoint {self.serving.name} stays at Together; it costs nothing.")

    def _removed(self, deployments: list[Json]) -> bool:
        endpoint_id = str(self.serving.endpoint_id)
        if deployments:
            self.remote.route(endpoint_id, None)
        for one in deployments:
            self.remote.delete(endpoint_id, str(one["id"]))
        self.remote.delete(endpoint_id)
        return self.remote.deployments(endpoint_id) is None


def has_stopped(deployment: Mapping[str, Any]) -> bool:
    """Whether a deployment has no replica and will get none."""
    status = deployment.get("status") or {}
    replicas = (status.get("readyReplicas") or 0) + (status.get("scheduledReplicas") or 0)
    return status.get("state") in STOPPED and not replicas


# ---- endpoints of processes that are gone


def stop_left_behind(settings: Settings, remote: EndpointRemote, pace: Pace, say: Say) -> None:
    """Stop every endpoint whose supervisor died. Raises JobError for one that was not seen to stop."""
    for shelf, serving in servings(settings):
        if serving.is_supervised():
            continue
        with shelf.locked():
            left = shelf.read()
            if left and not left.is_supervised():
                say(f"{left.label} was left behind by a process that is gone; stopping it first.")
                bring_down(left, shelf, remote, pace, say)


def named(settings: Settings, name: str) -> tuple[Shelf, Serving] | None:
    """The endpoint that a person means: by its training, by its name, or as a verb's --model has it."""
    for shelf, serving in servings(settings):
        names = {serving.tuning, serving.name, serving.full_name, serving.label}
        if name in names or name.removeprefix("together/") in names:
            return shelf, serving
    return None


def forgotten(settings: Settings, tuning_id: str, remote: EndpointRemote) -> tuple[Shelf, Serving]:
    """An endpoint that nothing here knows of, to be looked for by its training's tag.

    Raises JobError for an unknown training.
    """
    tuning = read_tuning(settings, tuning_id)
    serving = Serving(tuning.id, name_for(tuning.tag), remote.find_project())
    # Nothing is known: whatever carries the name is to be found, and seen to have stopped.
    serving.endpoint_sent_at = serving.deployment_sent_at = tuning.made_at
    return Shelf(settings, tuning.id), serving
