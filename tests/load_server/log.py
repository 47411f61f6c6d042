"""What a stand-in server saw: one record a request, and the figures over all of them."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, fields
from typing import Any


@dataclass(slots=True)
class Record:
    """One request. Times are `time.monotonic()`, which all processes of a machine share.

    `in_flight` counts this one; `sent` is None while unanswered; `gone` means the client hung up first.
    """

    number: int
    at: float
    sha: str
    model: str
    seed: int | None
    n: int
    max_tokens: int | None
    attempt: int
    authorized: bool
    in_flight: int = 0
    status: int = 0
    latency: float = 0.0
    sent: float | None = None
    gone: bool = False
    fault: str | None = None
    prompt_tokens: int = 0
    cached_tokens: int = 0
    body: dict[str, Any] | None = None
    headers: dict[str, str] | None = None
    raw: bytes | None = None

    def as_dict(self) -> dict[str, Any]:
        """The record as plain JSON, without body and headers."""
        names = [part.name for part in fields(self) if part.name not in ("body", "headers", "raw")]
        return {name: getattr(self, name) for name in names}


class Gate:
    """The hidden limits, and how many requests are in flight, weighted by time."""

    def __init__(self, concurrency: int | None, rate: float | None, bucket: float) -> None:
        self._limit, self._rate, self._bucket = concurrency, rate, bucket
        self._tokens, self._filled_at = bucket, time.monotonic()
        self.in_flight = self.most = 0
        self._area = 0.0
        self._began: float | None = None
        self._changed = 0.0

    def admits(self, now: float) -> bool:
        """Whether one more request may come now; takes a token when a rate is set."""
        if self._limit is not None and self.in_flight >= self._limit:
            return False
        if self._rate is None:
            return True
        self._tokens = min(self._bucket, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def count(self, now: float, change: int) -> None:
        """One request more or fewer in flight."""
        if self._began is None:
            self._began = self._changed = now
        self._area += self.in_flight * (now - self._changed)
        self._changed = now
        self.in_flight += change
        self.most = max(self.most, self.in_flight)

    @property
    def mean(self) -> float:
        """Requests in flight between the first and the last change, weighted by time."""
        seconds = self._changed - (self._began or 0.0)
        return self._area / seconds if seconds > 0 else 0.0


class Log:
    """The records, and the attempts for every body."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.attempts: dict[str, int] = {}

    def next_attempt(self, sha: str) -> int:
        """Count one more attempt for a body."""
        self.attempts[sha] = attempt = self.attempts.get(sha, 0) + 1
        return attempt

    def stats(self, gate: Gate) -> dict[str, Any]:
        """The figures over all requests so far."""
        statuses = Counter(record.status for record in self.records)
        return {
            "requests": len(self.records),
            "bodies": len(self.attempts),
            "by_status": {str(status): count for status, count in sorted(statuses.items())},
            "rate_limited": statuses[429],
            "in_flight": gate.in_flight,
            "max_in_flight": gate.most,
            "mean_in_flight": round(gate.mean, 3),
            "gone": sum(record.gone for record in self.records),
            "faults": dict(Counter(record.fault for record in self.records if record.fault)),
            "prompt_tokens": sum(record.prompt_tokens for record in self.records),
            "cached_tokens": sum(record.cached_tokens for record in self.records),
        }

    def bodies(self) -> bytes:
        """Every body as it came, one a line; empty unless the plan keeps them."""
        return b"".join(record.raw + b"\n" for record in list(self.records) if record.raw is not None)

    def jsonl(self) -> bytes:
        """Every record as a line of JSON."""
        return b"".join(json.dumps(record.as_dict()).encode() + b"\n" for record in list(self.records))
