"""One job for our client, as it goes to a fresh process."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wanted:
    """One job. `fixed` holds concurrency at its ceiling; without `fsync`, flushing does nothing.

    `usages` asks for what every answer used, `stops` for the embedded server to be stopped at the end.
    """

    url: str
    data: str
    prompts: int = 100
    samples: int = 1
    concurrency: int = 64
    fixed: bool = True
    fsync: bool = True
    role: str = "teacher"
    model: str = ""
    max_tokens: int = 512
    character: str = "pirate"
    usages: bool = False
    stops: bool = False
