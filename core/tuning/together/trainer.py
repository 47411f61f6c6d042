"""What every step of a training at Together shares: the tuning and its store, money, patience, words."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from core.errors import CoreError, EngineError
from core.jobs import ProgressReporter
from core.settings import Settings, redact
from core.tuning.state import State, Store, Tuning
from core.tuning.together_remote import Remote

T = TypeVar("T")

LABELS: dict[str, str] = {
    "validated": "Asking what the model takes",
    "checked": "Uploading",
    "uploaded": "Together checks the file",
    "processed": "Asking for the price",
    "priced": "Waiting for your yes",
    "confirmed": "Starting the job",
    "created": "Training at Together",
    "trained": "Downloading the adapter",
    "downloaded": "Registering the adapter",
}


@dataclass(frozen=True, slots=True)
class Patience:
    """How often Together is asked, how long trouble is borne; tests give a `sleep` that returns at once."""

    sleep: Callable[[float], None] = time.sleep
    poll_s: float = 10.0
    processing_polls: int = 2_000
    lookups: int = 6
    tries: int = 5
    outage_polls: int = 720


@dataclass(frozen=True, slots=True)
class Consent:
    """What may be spent without asking: up to `budget_usd`, anything with `yes`, else `ask` is asked."""

    budget_usd: float | None = None
    yes: bool = False
    ask: Callable[[str], bool] | None = None


def _silent(text: str) -> None:
    return None


@dataclass(slots=True)
class Trainer:
    """One tuning under way and all that its steps need. Hold `store.locked()`."""

    tuning: Tuning
    store: Store
    remote: Remote
    settings: Settings
    consent: Consent = field(default_factory=Consent)
    patience: Patience = field(default_factory=Patience)
    say: Callable[[str], None] = _silent
    reporter: ProgressReporter = field(default_factory=lambda: ProgressReporter(None))

    def remember(self, error: CoreError) -> None:
        """Keep the last trouble where pages find it."""
        self.tuning.error = redact(str(error), self.settings.secrets())
        self.store.save(self.tuning)
        self.store.note("trouble", self.tuning.error)

    def is_to_end(self) -> bool:
        """End a tuning whose job was never asked for, when somebody wished that."""
        if not self.store.cancel_wished or self.tuning.create_sent_at or self.tuning.job_id:
            return False
        self.step("cancelled", "cancelled before a job was made: nothing was spent")
        return True

    def step(self, state: State, message: str, **more: Any) -> None:
        """Go on to a state, on disk before this returns, and say so."""
        self.tuning.state, self.tuning.error = state, ""
        self.store.save(self.tuning)
        self.store.note("step", message, state=state, **more)
        self.say(message)

    def again(self, ask: Callable[[], T]) -> T:
        """What `ask` returns, asked again a few times over short troubles. Only for harmless calls."""
        for attempt in range(1, self.patience.tries + 1):
            try:
                return ask()
            except EngineError as error:
                if not error.transient or attempt == self.patience.tries:
                    raise
                self.patience.sleep(self.patience.poll_s * min(attempt, 6))
        raise AssertionError("unreachable")
