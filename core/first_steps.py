"""Where a character is on its way, and what comes next: write, see it speak, teach, check. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Step = Literal["write", "speak", "teach", "check"]
STEPS: tuple[Step, ...] = ("write", "speak", "teach", "check")


@dataclass(frozen=True, slots=True)
class Standing:
    """What there is of a character's present version.

    `pairs` counts finished answers of the teacher, `measured` the kinds of evaluation with a result;
    `unheard` says that it has no exchange to be heard in.
    """

    ready: bool = False
    pairs: int = 0
    trained: bool = False
    measured: int = 0
    reported: bool = False
    unheard: bool = False

    @property
    def done(self) -> frozenset[Step]:
        """The steps that are behind it."""
        found = (self.ready, self.pairs > 0, self.trained, self.measured > 0)
        return frozenset(step for step, done in zip(STEPS, found, strict=True) if done)

    @property
    def here(self) -> Step | None:
        """The first step that is not done; None when all are."""
        return next((step for step in STEPS if step not in self.done), None)


@dataclass(frozen=True, slots=True)
class Next:
    """The one thing to do next: what the button says, the page it leads to, and what it takes."""

    label: str
    page: str
    takes: str


NEXT: dict[Step, Next] = {
    "write": Next("Go on writing", "traits", "Something in it is not finished yet; the page says what."),
    "speak": Next("See it speak", "pairs", "Four answers on this computer: one to two minutes, free."),
    "teach": Next("Teach it", "train", "A small model learns from the pairs: some minutes, free."),
    "check": Next("Hear it before and after", "before_after", "One question, two answers side by side."),
}
EXCHANGES = Next("Write two exchanges", "exchanges", "A small model plays only what it has heard.")
REPORT = Next("Make the report", "report", "Everything that was measured on one page, in seconds.")
READ = Next("Read the report", "report", "Everything is there. Change a trait and see what moves.")


def next_of(standing: Standing) -> Next:
    """What comes next for a character."""
    if standing.here == "speak" and standing.unheard:
        return EXCHANGES
    if standing.here is not None:
        return NEXT[standing.here]
    return READ if standing.reported else REPORT
