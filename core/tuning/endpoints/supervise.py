"""One endpoint from its making to its end: made once, waited for, watched, and always brought down.

    endpoint (a name, free) → deployment (costs) → ready → routed → … → brought down

Before either is asked for, that is on disk; after an answer that never came, Together's lists are searched
for the name before anything else. Whatever ends the watching, `stopping.bring_down` follows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from core.errors import CoreError, EngineError, JobError
from core.jobs import ProgressReporter
from core.tuning.endpoints.offer import IDLE_MINUTES
from core.tuning.endpoints.remote import EndpointRemote
from core.tuning.endpoints.state import Serving, Shelf
from core.tuning.endpoints.stopping import Pace, Say, alarm, bring_down, has_stopped
from core.tuning.together_remote import UNCLEAR

T = TypeVar("T")
Json = dict[str, Any]

READY = "DEPLOYMENT_STATE_READY"
FAILED = "DEPLOYMENT_STATE_FAILED"
IN_MOTION = frozenset({"DEPLOYMENT_STATE_SCALING", "DEPLOYMENT_STATE_DEGRADED"})


def _silent(text: str) -> None:
    return None


@dataclass(slots=True)
class Supervisor:
    """Looks after one endpoint. Hold `shelf.locked()`."""

    serving: Serving
    shelf: Shelf
    remote: EndpointRemote
    on_ready: Callable[[Serving], None]
    pace: Pace = field(default_factory=Pace)
    say: Say = _silent
    reporter: ProgressReporter = field(default_factory=lambda: ProgressReporter(None))

    def run(self) -> str:
        """Serve until the time limit; why it ended, in words. KeyboardInterrupt ends it too.

        On return, and on every exception, the endpoint was seen to have stopped; JobError says where not.
        """
        if left := self.shelf.read():
            # Of a run that ended while this one waited for its turn: first that, or nothing.
            bring_down(left, self.shelf, self.remote, self.pace, self.say)
        try:
            self._bring_up()
            why = self._watch()
        except CoreError as error:
            self._bring_down(f"\nThe trouble began with: {error}")
            raise
        except BaseException:
            self._bring_down("")
            raise
        self._bring_down("")
        return why

    def _bring_down(self, before: str) -> None:
        self.reporter.update(stage="Stopping", note=self.serving.label)
        try:
            bring_down(self.serving, self.shelf, self.remote, self.pace, self.say)
        except JobError as error:
            raise JobError(f"{error}{before}") from error
        except BaseException:
            # A second Ctrl-C: the file stays, and somebody must know.
            self.say(alarm(self.serving, "stopping it was interrupted"))
            raise
        finally:
            self.reporter.flush()

    def _bring_up(self) -> None:
        self.reporter.update(stage="Starting at Together", note=self.serving.name)
        self.remote.project = self.serving.project
        # The way back is on disk before the first request.
        self.shelf.save(self.serving)
        self._make_endpoint()
        self._make_deployment()
        self._await_ready()
        deployment_id = str(self.serving.deployment_id)
        self._again(lambda: self.remote.route(str(self.serving.endpoint_id), deployment_id))
        self.serving.ready_at = self.pace.clock()
        self.shelf.save(self.serving)
        self.on_ready(self.serving)

    # ---- made once

    def _make_endpoint(self) -> None:
        serving, remote = self.serving, self.remote
        found = self._again(lambda: remote.find(serving.name))
        if found:
            self._require_idle(str(found["id"]))
        serving.endpoint_sent_at = self.pace.clock()
        self.shelf.save(serving)
        if found is None:
            found = self._once(lambda: remote.make(serving.name), lambda: remote.find(serving.name))
        serving.endpoint_id, serving.full_name = str(found["id"]), str(found["name"])
        self.shelf.save(serving)

    def _require_idle(self, endpoint_id: str) -> None:
        """Refuse an endpoint of ours that runs without our knowing: another computer may be at it."""
        found = self._again(lambda: self.remote.deployments(endpoint_id)) or []
        if any(not has_stopped(one) for one in found):
            raise JobError(
                f"{self.serving.label} runs at Together already, and was not started from here; nothing "
                f"was made. Use it, or end it: character serve stop {self.serving.tuning}"
            )

    def _make_deployment(self) -> None:
        serving, remote = self.serving, self.remote
        order = {"model": serving.model, "config": serving.config, "inactive_timeout": IDLE_MINUTES}
        serving.deployment_sent_at = self.pace.clock()
        self.shelf.save(serving)
        made = self._once(
            lambda: remote.deploy(str(serving.endpoint_id), serving.deployment_name, order),
            self._find_deployment,
        )
        serving.deployment_id = str(made["id"])
        self.shelf.save(serving)
        self.say(f"{serving.label} is being started; this takes some minutes.")

    def _find_deployment(self) -> Json | None:
        wanted = self.serving.deployment_name
        found = self.remote.deployments(str(self.serving.endpoint_id)) or []
        return next((one for one in found if str(one.get("name")).rsplit("/", 1)[-1] == wanted), None)

    def _once(self, make: Callable[[], Json], find: Callable[[], Json | None]) -> Json:
        """What `make` made. Where that is open it is looked for, and never made again here."""
        try:
            return make()
        except EngineError as error:
            if error.kind not in UNCLEAR:
                raise
            trouble = error
        self.say("Together did not confirm it; looking it up before anything else")
        for _ in range(self.pace.lookups):
            if found := self._again(find):
                return found
            self.pace.sleep(self.pace.poll_s)
        raise EngineError(
            f"{trouble} Together lists nothing of that name; run the same command again in some minutes: "
            "it looks again first.",
            kind=trouble.kind,
            maybe_billed=True,
        ) from trouble

    def _again(self, ask: Callable[[], T]) -> T:
        """What `ask` returns, asked again a few times over short troubles. Only for harmless calls."""
        for attempt in range(1, self.pace.tries + 1):
            try:
                return ask()
            except EngineError as error:
                if not error.transient or attempt == self.pace.tries:
                    raise
                self.pace.sleep(self.pace.poll_s)
        raise AssertionError("unreachable")

    # ---- waited for, and watched

    def _await_ready(self) -> None:
        """Wait until it takes requests. Raises JobError where it fails, or where the time is over."""
        while not _takes_requests(status := self._look()):
            said = str(status.get("message") or status.get("state") or "no word from Together").rstrip(".")
            if status.get("state") == FAILED or has_stopped({"status": status}):
                raise JobError(f"Together could not start {self.serving.label}: {said}. Run again later.")
            if self._is_over():
                raise JobError(
                    f"{self.serving.label} did not start within {self.serving.minutes:g} minutes ({said}); "
                    "run again later, or with more --minutes."
                )
            self._tell("Waiting for the endpoint", said)
            self.pace.sleep(self.pace.poll_s)

    def _watch(self) -> str:
        """Wait for the end of the time; why it ended."""
        while not self._is_over():
            self._tell("Serving", self.serving.label)
            self.pace.sleep(min(self.pace.poll_s, max(0.0, self.serving.ends_at - self.pace.clock())))
            status = self._look()
            if has_stopped({"status": status}):
                said = str(status.get("message") or "").rstrip(".")
                return f"Together stopped it: {said or f'{IDLE_MINUTES} minutes without a request'}."
        return f"The time limit of {self.serving.minutes:g} minutes is over."

    def _look(self) -> Json:
        """The deployment's status; {} where Together has short troubles: the time limit counts anyway."""
        serving = self.serving
        try:
            found = self.remote.deployment(str(serving.endpoint_id), str(serving.deployment_id))
        except EngineError as error:
            if not error.transient:
                raise
            self.reporter.update(note=str(error))
            return {}
        gone = {"state": "DEPLOYMENT_STATE_STOPPED", "message": "somebody removed it"}
        return gone if found is None else dict(found.get("status") or {})

    def _is_over(self) -> bool:
        return self.pace.clock() >= self.serving.ends_at

    def _tell(self, stage: str, note: str) -> None:
        now, serving = self.pace.clock(), self.serving
        begun = serving.deployment_sent_at or now
        figures = {"cost_usd": round(serving.cost_usd(now), 4), "ends_at": serving.ends_at}
        self.reporter.update(
            stage=stage,
            note=note,
            done=int((now - begun) / 60),
            planned=int(serving.minutes),
            figures=figures,
        )


def _takes_requests(status: Json) -> bool:
    state = status.get("state")
    return state == READY or (state in IN_MOTION and (status.get("readyReplicas") or 0) > 0)
