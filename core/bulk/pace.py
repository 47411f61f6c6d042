"""How many requests may be under way at once, learnt from how the server takes them. Pure.

One `Pace` serves one endpoint, model and key. Time comes in as seconds of a clock that never goes
back; limits come out. It starts at `Bounds.start` and adds one for every answer (doubling a round)
until the server refuses, and again on the way back to a level that was fine before a storm. A refusal
(HTTP 429) then means one of two things:

- too many at once: requests at that level are mostly refused. The limit becomes what is still under
  way. Then one more is tried, the more rounds later the more often that was in vain; where it is not,
  steps come sooner and grow, so that the way back after a storm is short.
- too many a second: requests at that level are mostly taken, or nothing else was under way. The limit
  stays, and requests are let go at the rate that was being accepted. It then grows by 1.5 % every
  other second near the rate that was refused, and ever faster far below it.

A server's own trouble (5xx) is no sign of too much load: it takes back a little growth and cuts
nothing. Only where half of the recent requests found no answer at all is the limit halved.
Idea and words: AIMD with a saturation gate, as in inspect_ai; TCP's self-clocking for the cut itself.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

COOLDOWN_S = 1.0
# How long ago still counts as "recently taken".
MEMORY_S = 10.0
LONG_MEMORY_S = 30.0
RATE_STEP_S = 2.0
# Between two steps near the refused rate there are at least that many requests.
RATE_STEP_REQUESTS = 32
FEW_A_SECOND = 5.0
RATE_GROWTH = 0.015
FASTEST_RATE_GROWTH = 0.25
RATE_MARGIN = 0.98
RATE_MEASURED_OVER_S = 3.0
# So many refusals since a cut say that it was far too small.
MANY_REFUSED = 20
SATURATED = 0.8
MOST_ROUNDS_BETWEEN_PROBES = 32
# Requests taken at a level before a refusal there can be blamed on the rate.
ENOUGH_TAKEN = 4
MOSTLY_TAKEN = 0.7
# The share taken, of requests at the same levels since a cut, that no limit on how many would allow.
MIXED = 0.4
BUCKET_S = 0.5


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where the limit begins and where it ends. With `adaptive` off it is `ceiling` throughout."""

    start: int = 20
    ceiling: int = 64
    adaptive: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the limit, and why in words for a person."""

    at: float
    limit: int
    rate: float | None
    why: str


@dataclass(slots=True)
class _Levels:
    """How many requests sent at each level were taken of late, in two halves of the memory."""

    since: float = 0.0
    now: dict[int, int] = field(default_factory=dict[int, int])
    before: dict[int, int] = field(default_factory=dict[int, int])

    def turn(self, at: float) -> None:
        if at - self.since > MEMORY_S / 2:
            self.before = self.now if at - self.since < MEMORY_S else {}
            self.now, self.since = {}, at

    def add(self, level: int) -> None:
        self.now[level] = self.now.get(level, 0) + 1

    def at_least(self, level: int) -> int:
        return sum(count for half in (self.now, self.before) for at, count in half.items() if at >= level)

    @property
    def lowest(self) -> int:
        return min([*self.now, *self.before], default=0)


class Pace:
    """The limit of one endpoint, model and key.

    Ask `free` and `wait` before a request, say `sent` when it leaves, and then exactly one of `taken`,
    `refused`, `troubled`, `unanswered` or `neutral`, with what `sent` returned.
    """

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.limit = float(max(1, min(bounds.start, bounds.ceiling) if bounds.adaptive else bounds.ceiling))
        self.rate: float | None = None
        self.in_flight = 0
        self.changes: deque[Change] = deque(maxlen=1000)
        # Below this level growth is fast: it was fine before a storm, and no growth since was in vain.
        # The start is a guess and no growth: that it was refused says nothing about slower ways up.
        self._fine_until = float("inf")
        self._grew = False
        self._rounds_to_wait = 1
        self._step = 1.0
        self._burst = 0
        self._told = int(self.limit)
        self._latency = 0.0
        self._clean = 0.0
        self._cut_at = float("-inf")
        self._next_send = 0.0
        self._rate_moved_at = 0.0
        self._rate_growth = RATE_GROWTH
        self._rate_refused = 0.0
        self._rate_cut_at = float("-inf")
        self._refused_since = 0
        self._taken = _Levels()
        self._refused = _Levels()
        # Of requests that left when the last cut had taken effect.
        self._taken_since_cut = _Levels()
        self._refused_since_cut = _Levels()
        self._settled_at = float("-inf")
        self._starts: deque[tuple[float, int]] = deque()
        self._outcomes: deque[bool] = deque(maxlen=40)

    # ---- before a request

    @property
    def free(self) -> int:
        """How many more may be sent now, the rate aside."""
        return int(self.limit) - self.in_flight

    def wait(self, now: float) -> float:
        """Seconds until the rate lets the next request go; 0 without a rate."""
        if self.rate is None or now >= self._next_send:
            return 0.0
        return self._next_send - now

    @property
    def stagger(self) -> float:
        """Seconds by which a new slot opens after another: half of the usual time between two requests.

        Slots that open together would meet a limit on requests a second as a burst, for ever.
        """
        return self._latency / self.limit / 2

    def sent(self, now: float) -> int:
        """Count a request in; returns its level, which comes back with its outcome."""
        self.in_flight += 1
        self._count_start(now)
        if self.rate is not None:
            # At most a twentieth of a second is made up for when the sender was late.
            self._next_send = max(self._next_send, now - 0.05) + 1 / self.rate
        return self.in_flight

    # ---- after a request

    def taken(self, level: int, now: float, sent_at: float) -> None:
        """The server answered: a slot is free and the level is proven."""
        self.in_flight -= 1
        self._outcomes.append(True)
        self._taken.turn(now)
        self._refused.turn(now)
        self._taken.add(level)
        if sent_at >= self._settled_at:
            self._taken_since_cut.add(level)
        self._latency += 0.1 * (now - sent_at - self._latency) if self._latency else now - sent_at
        if self.bounds.adaptive:
            self._grow_rate(now)
            # What was sent before the last cut proves nothing about the level since.
            if level >= SATURATED * self.limit and sent_at >= self._cut_at:
                self._grow()

    def refused(self, level: int, now: float, sent_at: float) -> None:
        """HTTP 429 and its like: too many at once, or too many a second."""
        self.in_flight -= 1
        self._taken.turn(now)
        self._refused.turn(now)
        self._refused.add(level)
        if sent_at >= self._settled_at:
            self._refused_since_cut.add(level)
        self._forget_start(sent_at)
        if not self.bounds.adaptive:
            return
        self._clean = 0.0
        if self._is_about_rate(level, now):
            self._cut_rate(level, now)
        elif sent_at >= self._cut_at and now - self._cut_at >= COOLDOWN_S:
            self._cut(level, now, sent_at)
        else:
            self._shrink()

    def troubled(self, now: float) -> None:
        """The server failed (5xx): it takes back the growth of two answers; nothing is cut."""
        self.in_flight -= 1
        self._outcomes.append(True)
        self._clean = max(-2.0, self._clean - 2)

    def unanswered(self, now: float) -> None:
        """No answer came (timeout, broken connection); many of those mean that the server drowns."""
        self.in_flight -= 1
        self._outcomes.append(False)
        self._clean = max(-self.limit, self._clean - self.limit / 4)
        lost = self._outcomes.count(False)
        full = len(self._outcomes) == self._outcomes.maxlen
        if (
            self.bounds.adaptive
            and full
            and lost >= len(self._outcomes) / 2
            and now - self._cut_at > COOLDOWN_S
        ):
            self._outcomes.clear()
            self._note_cut(now, self.limit / 2)
            self._set(max(1.0, self.limit // 2), now, f"{lost} of the last 40 requests found no answer")

    def neutral(self) -> None:
        """An outcome that says nothing about load (a bad request, a cancelled one)."""
        self.in_flight -= 1

    # ---- how the limit moves

    def _grow(self) -> None:
        self._clean += 1
        if self.limit >= self.bounds.ceiling or self._clean <= 0:
            return
        if self.limit < self._fine_until:
            self._raise(1.0)
        elif self._clean >= self._rounds_to_wait * self.limit:
            self._clean = 0.0
            self._raise(self._step)
            # A whole stretch without a refusal: the last step was right, the next is sooner and longer.
            self._rounds_to_wait = max(1, self._rounds_to_wait // 2)
            self._step = min(2 * self._step, max(1.0, self.limit / 2))

    def _raise(self, step: float) -> None:
        self._grew = True
        self.limit = min(self.limit + step, float(self.bounds.ceiling))

    def _note_cut(self, now: float, fine_until: float) -> None:
        """After growth the cut shows where the limit is; without any it is a storm, which will pass."""
        if self._grew:
            self._fine_until = fine_until
            self._rounds_to_wait = min(MOST_ROUNDS_BETWEEN_PROBES, self._rounds_to_wait * 4)
        self._grew, self._step, self._cut_at = False, 1.0, now

    def _cut(self, level: int, now: float, sent_at: float) -> None:
        """The first refusal of a burst: go down to what is still under way."""
        self._burst = 1
        # What left before the refusal was known may be refused too, and hides how many are under way.
        self._settled_at = 2 * now - sent_at
        self._taken_since_cut, self._refused_since_cut = _Levels(since=now), _Levels(since=now)
        new = max(1.0, float(min(self.in_flight, level - 1)))
        self._note_cut(now, new)
        self._set(new, now, f"{level} at once was too many (HTTP 429)")

    def _shrink(self) -> None:
        """The rest of a burst: a refused slot is not filled again, and a long burst closes more of them."""
        self._burst += 1
        self.limit = max(1.0, min(self.limit - self._burst // 5, float(self.in_flight)))
        self._retell()

    def _retell(self) -> None:
        """Let the last change say where the burst ended; where it was read already, tell of the rest."""
        limit = int(self.limit)
        if self.changes:
            last = self.changes[-1]
            told = last.why.rsplit(": now ", 1)[0]
            if "at once was too many" in told:
                self.changes[-1] = Change(last.at, limit, last.rate, f"{told}: now {limit}")
        elif limit < self._told:
            self.changes.append(
                Change(self._cut_at, limit, self.rate, f"More was refused (HTTP 429): now {limit}")
            )
        self._told = limit

    def _set(self, limit: float, now: float, why: str) -> None:
        self.limit = min(limit, self.limit)
        self._told = int(self.limit)
        self.changes.append(Change(now, self._told, self.rate, f"{why}: now {self._told}"))

    # ---- how the rate moves

    def _is_about_rate(self, level: int, now: float) -> bool:
        if level == 1 or self._goes_by_no_level(now):
            return True
        taken, refused = self._taken.at_least(level), self._refused.at_least(level)
        return taken >= ENOUGH_TAKEN and taken >= MOSTLY_TAKEN * (taken + refused)

    def _goes_by_no_level(self, now: float) -> bool:
        """Whether, just after a cut, requests were refused and others at the same levels taken.

        A limit on how many are under way cannot do that: below it all are taken, beyond it none.
        """
        if now - self._settled_at > RATE_MEASURED_OVER_S:
            return False
        lowest = self._refused_since_cut.lowest
        refused = self._refused_since_cut.at_least(lowest)
        taken = self._taken_since_cut.at_least(lowest)
        return refused >= ENOUGH_TAKEN and taken >= max(ENOUGH_TAKEN, MIXED * (taken + refused))

    def _count_start(self, now: float) -> None:
        """Remember when requests were sent, in buckets, so that the accepted rate can be measured."""
        bucket = now // BUCKET_S
        if self._starts and self._starts[-1][0] >= bucket:
            at, count = self._starts[-1]
            self._starts[-1] = (at, count + 1)
        else:
            self._starts.append((bucket, 1))
        while self._starts[0][0] < bucket - LONG_MEMORY_S / BUCKET_S:
            self._starts.popleft()

    def _forget_start(self, sent_at: float) -> None:
        """A refused one does not count. Refusals come soon, answers late: those under way do count."""
        for place in reversed(range(len(self._starts))):
            at, count = self._starts[place]
            if at <= sent_at // BUCKET_S:
                self._starts[place] = (at, max(0, count - 1))
                return

    def accepted_rate(self, now: float) -> float | None:
        """Requests a second that the server took of late; None before it is known.

        The higher of a short and a long look: the one follows a change, the other is not fooled by chance.
        Where few are sent, only a longer one says something.
        """
        usual = self._accepted_over(MEMORY_S, now)
        if usual and usual < FEW_A_SECOND:
            return self._accepted_over(LONG_MEMORY_S, now)
        looks = (self._accepted_over(RATE_MEASURED_OVER_S, now), usual)
        return max((rate for rate in looks if rate), default=None)

    def _accepted_over(self, seconds: float, now: float) -> float | None:
        last = now // BUCKET_S
        first = max(self._starts[0][0], last - seconds / BUCKET_S) if self._starts else last
        if last - first < 2:
            return None
        return sum(count for at, count in self._starts if first <= at < last) / ((last - first) * BUCKET_S)

    def _at_most_of_late(self, now: float) -> float | None:
        """The accepted rate of the last second, and what chance may have kept from it (two deviations)."""
        rate = self._accepted_over(COOLDOWN_S, now)
        return rate and rate + 2 * math.sqrt(rate / COOLDOWN_S)

    def _cut_rate(self, level: int, now: float) -> None:
        """Down to what is being accepted; further while refusals go on after a cut."""
        self._refused_since += 1
        accepted = self.accepted_rate(now)
        if not accepted or now - self._cut_at < COOLDOWN_S:
            return
        margin = RATE_MARGIN
        if now - self._rate_cut_at <= RATE_MEASURED_OVER_S:
            # Refused again so soon: the last cut was too small.
            margin = RATE_MARGIN**3
            if self._refused_since >= MANY_REFUSED:
                # By far: an allowance that had been saved up still hides the rate in a longer look.
                accepted = min(accepted, self._at_most_of_late(now) or accepted)
        self._cut_at = self._rate_cut_at = self._rate_moved_at = now
        self._refused_since = 0
        self._rate_refused = max(accepted, min(self.rate or accepted, 2 * accepted))
        self.rate = min(self.rate or accepted, accepted) * margin
        self._rate_growth = RATE_GROWTH
        self._next_send = now + 1 / self.rate
        # It is the rate that is short: how many are under way may grow again.
        self._rounds_to_wait, self._step = 1, 2.0
        why = f"HTTP 429 although {level} at once had been fine: now {self.rate:.3g} requests a second"
        self.changes.append(Change(now, int(self.limit), self.rate, why))

    def _grow_rate(self, now: float) -> None:
        if self.rate is None:
            return
        far = self.rate < 0.9 * self._rate_refused or self.rate > 1.1 * self._rate_refused
        requests_s = 0.0 if far else RATE_STEP_REQUESTS / self.rate
        if now - self._rate_moved_at < max(RATE_STEP_S, requests_s):
            return
        self._rate_moved_at = now
        self._rate_growth = min(FASTEST_RATE_GROWTH, 2 * self._rate_growth) if far else RATE_GROWTH
        self.rate *= 1 + self._rate_growth
        if self.rate > 3 * (self.accepted_rate(now) or self.rate):
            self.rate = None
