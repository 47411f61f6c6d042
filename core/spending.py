"""A spending limit that holds while many requests are under way. Pure.

    ledger = Ledger(5.00)
    if ledger.reserve(worst := price.most(400, 4096)):    # before sending
        ...
        ledger.charge(worst, cost)                        # the answer came: its real cost
        ledger.release(worst)                             # nothing was billed
        ledger.doubt(worst, worst)                        # a timeout after sending: perhaps billed

One ledger a command, shared by its stages. What is reserved counts as spent until it is settled, so
the limit holds however requests overlap, as long as no answer costs more than was reserved for it.
Amounts are kept as whole nano-dollars: a thousand times a tenth of a cent is exactly a dollar. Calls
take effect at once and wait for nothing, which makes them safe within one event loop.
"""

from __future__ import annotations

import math

from core.errors import SettingsError

NANOS = 1_000_000_000


class Ledger:
    """What was spent, what may have been, and what is reserved, in USD, against an optional limit."""

    def __init__(self, budget_usd: float | None = None) -> None:
        """Raises SettingsError for a limit that is no amount of money."""
        if budget_usd is not None and not (math.isfinite(budget_usd) and budget_usd >= 0):
            raise SettingsError(
                f"A spending limit is an amount in dollars, such as 5 or 0.50, not {budget_usd}."
            )
        # Rounded down, while every cost is rounded up: the limit wins.
        self._budget = None if budget_usd is None else math.floor(_nanos(budget_usd))
        self._spent = 0
        self._maybe = 0
        self._reserved = 0
        self.maybe_double_billed = 0
        self.exhausted = False

    def reserve(self, amount: float) -> bool:
        """Keep an amount aside for one request; False, with nothing kept, when the limit forbids it.

        Always True without a limit. A first False sets `exhausted`.
        """
        nanos = _costs(amount)
        left = self._left()
        if left is not None and nanos > left:
            self.exhausted = True
            return False
        self._reserved += nanos
        return True

    def release(self, amount_reserved: float) -> None:
        """Give a reservation back: nothing was billed. Raises ValueError for what was not reserved."""
        nanos = _costs(amount_reserved)
        if nanos > self._reserved:
            raise ValueError("more was given back than was reserved")
        self._reserved -= nanos

    def charge(self, amount_reserved: float, cost: float) -> None:
        """Turn a reservation into its real cost, whatever that is. Raises ValueError."""
        if not cost and not amount_reserved:
            return  # a free model: not worth the arithmetic of every row
        nanos = _costs(cost)
        self.release(amount_reserved)
        self._spent += nanos

    def doubt(self, amount_reserved: float, worst: float) -> None:
        """A request was sent and no answer came: it may be billed, so `worst` counts as spent.

        Raises ValueError for what was not reserved.
        """
        nanos = _costs(worst)
        self.release(amount_reserved)
        self._maybe += nanos
        self.maybe_double_billed += 1

    @property
    def budget_usd(self) -> float | None:
        """The limit, None where there is none."""
        return None if self._budget is None else self._budget / NANOS

    @property
    def spent_usd(self) -> float:
        """What answers have cost for certain."""
        return self._spent / NANOS

    @property
    def maybe_usd(self) -> float:
        """What may have been billed besides, for requests without an answer."""
        return self._maybe / NANOS

    @property
    def reserved_usd(self) -> float:
        """What is kept aside for the requests under way."""
        return self._reserved / NANOS

    @property
    def left_usd(self) -> float | None:
        """What can still be reserved, never below zero; None without a limit."""
        left = self._left()
        return None if left is None else max(0, left) / NANOS

    def _left(self) -> int | None:
        if self._budget is None:
            return None
        return self._budget - self._spent - self._maybe - self._reserved


def _nanos(usd: float) -> float:
    """Nano-dollars without the dust that binary fractions leave (0.1 + 0.2 is 0.3)."""
    return round(usd * NANOS, 3)


def _costs(usd: float) -> int:
    """An amount in whole nano-dollars, rounded up. Raises ValueError for what is no amount."""
    if not (math.isfinite(usd) and usd >= 0):
        raise ValueError(f"{usd} is no amount of money")
    return math.ceil(_nanos(usd))
