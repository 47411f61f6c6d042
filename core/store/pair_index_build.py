"""Bringing a pair index up to date, a slice at a time: what is new is read, what changed is judged.

A slice is one transaction, so a kill leaves the index as it was before it, and two processes that build
at once take turns. What is read: decisions first, as they are few and people wait for them, then prompts,
plan and answers; what they touch is marked, and judged in the plan's order.
"""

from __future__ import annotations

from core.store.pair_index_judging import Judging
from core.store.pair_index_parts import State
from core.store.pair_index_reading import Reading


class Slice(Reading, Judging):
    """One transaction's work on an index. `run` it inside a transaction; it ends by `until`.

    With `words_only` it takes in what people decided, and leaves everything that takes long.
    """

    def run(self) -> State:
        """Work until the time is over or nothing is left; returns how far the index is."""
        self.rev = int(self._meta("rev") or 0) + 1
        self._notice()
        self._notice_rules()
        self._read_decisions()
        while True:
            moved = 0 if self.words_only else self._read_more()
            self._choose_lengths()
            judged = self._judge_some()
            if not (moved or judged) or self._is_late():
                break
        if self._changed:
            self._set_meta("rev", str(self.rev))
        return self._state()
