"""When to ask again: pauses, a row's patience, and a budget that keeps retries from adding load. Pure.

Equal jitter: half of a growing pause is fixed, half random, because pure jitter can fall to nothing and
burn every attempt inside one rate-limit window. What the server asks for (Retry-After) is a lower bound.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long one row is asked for.

    A row fails for good after `attempts` answers that were no use, or when the server has refused it
    (rate limits, which are no fault of the row) for `refused_s` seconds without anything else between,
    or nobody was there, although somebody had been, for `unreachable_s`.
    """

    attempts: int = 5
    refused_s: float = 900.0
    unreachable_s: float = 300.0
    first_pause_s: float = 1.0


def pause(attempt: int, asked_s: float | None, *, first_s: float, chance: random.Random) -> float:
    """Seconds before the next attempt, at least what the server asked for and at most 60, plus jitter.

    `attempt` counts from 1; the growing part doubles with each and ends at 60 s.
    """
    growing = min(LONGEST_PAUSE_S, first_s * 2.0 ** min(attempt - 1, 16))
    fixed = max(growing / 2, min(asked_s or 0.0, LONGEST_PAUSE_S))
    return fixed + chance.uniform(0, growing / 2)


class RetryBudget:
    """Retries may be as many as answers, with some in reserve, and one a second when all are used up.

    An outage then costs a trickle of requests instead of several times the usual load, while a server
    that fails every third request is still asked at full speed: each answer pays for a retry.
    """

    SHARE = 1.0
    RESERVE = 50.0
    TRICKLE_S = 1.0

    def __init__(self) -> None:
        self._left = self.RESERVE
        self._refilled_at: float | None = None

    def earn(self) -> None:
        """An answer came."""
        self._left = min(self.RESERVE, self._left + self.SHARE)

    def spend(self, now: float) -> float:
        """0 when a retry may go now (it is then counted); else the seconds until one may."""
        self._refill(now)
        if self._left >= 1:
            self._left -= 1
            return 0.0
        return (1 - self._left) * self.TRICKLE_S

    def give_back(self, spent: bool) -> None:
        """The retry that `spend` let go was not sent after all."""
        self._left += spent

    def _refill(self, now: float) -> None:
        since = now - (now if self._refilled_at is None else self._refilled_at)
        self._refilled_at = now
        self._left = min(self.RESERVE, self._left + since / self.TRICKLE_S)
