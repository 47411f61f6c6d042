"""Guessing is slow: after a few wrong passwords each further one waits longer. No clock of its own.

Three things are counted. One name from one place, strictly: five tries are free. One name from anywhere,
so that many places do not help: thirty are free. And one place for all names, which is only slowed down
and never refused, because a whole team may sit behind it. A browser from which somebody has signed in
before has a count of its own: nobody else can make it wait.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

FREE, FREE_ANYWHERE, FREE_PLACE = 5, 30, 20
LONGEST_WAIT_S = 300.0
LONGEST_PAUSE_S = 2.0
FORGOTTEN_AFTER_S = 900.0
MOST_REMEMBERED = 10_000


@dataclass(slots=True)
class _Failures:
    count: int = 0
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Who:
    """Of whom a try is: the name, the place it comes from, and the browser where that is a known one."""

    name: str
    place: str
    browser: str = ""

    def counts(self) -> tuple[tuple[str, int], ...]:
        """What refuses a try, each with how many wrong ones are free."""
        if self.browser:
            return ((f"browser:{self.browser}", FREE),)
        return ((f"name:{self.name}|{self.place}", FREE), (f"name:{self.name}", FREE_ANYWHERE))

    @property
    def pauses(self) -> str:
        """What slows a try down; nothing does from a known browser."""
        return "" if self.browser else f"place:{self.place}"


class Attempts:
    """Wrong passwords by whom they were tried for and from where; `now` is any clock in seconds."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def wait_s(self, who: Who, *, now: float) -> float:
        """Seconds until the next try is heard: 0, then 1, 2, 4 … up to five minutes."""
        return max(self._wait(name, free, now) for name, free in who.counts())

    def pause_s(self, who: Who, *, now: float) -> float:
        """Seconds that this try rests before it is looked at, two at most."""
        found = self._found(who.pauses, now)
        return min(max(0, found.count - FREE_PLACE) * 0.1, LONGEST_PAUSE_S) if found else 0.0

    def failed(self, who: Who, *, now: float) -> None:
        """Remember one wrong password."""
        for one in self._all(who):
            found = self._failures.pop(one, None)
            if found is None or now - found.at > FORGOTTEN_AFTER_S:
                found = _Failures()
            found.count, found.at = found.count + 1, now
            self._failures[one] = found
        while len(self._failures) > MOST_REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, who: Who) -> None:
        """Forget the wrong ones of somebody who knew the right one; of others', only this one try."""
        for one in self._all(who):
            found = self._failures.get(one)
            if found is None:
                continue
            found.count -= 1
            if found.count <= 0 or one == who.counts()[0][0]:
                del self._failures[one]

    def _all(self, who: Who) -> tuple[str, ...]:
        counted = tuple(name for name, _ in who.counts())
        return (*counted, who.pauses) if who.pauses else counted

    def _found(self, one: str, now: float) -> _Failures | None:
        found = self._failures.get(one)
        return None if found is None or now - found.at > FORGOTTEN_AFTER_S else found

    def _wait(self, one: str, free: int, now: float) -> float:
        found = self._found(one, now)
        if found is None or found.count < free:
            return 0.0
        return max(0.0, found.at + min(2.0 ** min(found.count - free, 60), LONGEST_WAIT_S) - now)
