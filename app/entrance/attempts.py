"""Guessing is slow: after a few wrong passwords each further one waits longer. No clock of its own."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

FREE = 5
LONGEST_WAIT_S = 300.0
FORGOTTEN_AFTER_S = 900.0
MOST_REMEMBERED = 10_000


@dataclass(slots=True)
class _Failures:
    count: int = 0
    at: float = 0.0


class Attempts:
    """Wrong passwords by whom they were tried for and from where; `now` is any clock in seconds."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def wait_s(self, *who: str, now: float) -> float:
        """Seconds until the next try is heard: 0, then 1, 2, 4 … up to five minutes."""
        return max((self._wait(one, now) for one in who), default=0.0)

    def failed(self, *who: str, now: float) -> None:
        """Remember one wrong password."""
        for one in who:
            found = self._failures.pop(one, None)
            if found is None or now - found.at > FORGOTTEN_AFTER_S:
                found = _Failures()
            found.count, found.at = found.count + 1, now
            self._failures[one] = found
        while len(self._failures) > MOST_REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, *who: str) -> None:
        """Forget the wrong ones of somebody who knew the right one."""
        for one in who:
            self._failures.pop(one, None)

    def _wait(self, one: str, now: float) -> float:
        found = self._failures.get(one)
        if found is None or found.count < FREE or now - found.at > FORGOTTEN_AFTER_S:
            return 0.0
        return max(0.0, found.at + min(2.0 ** (found.count - FREE), LONGEST_WAIT_S) - now)
