"""How many requests an evaluation takes at its own sizes, before anybody can be asked. Pure.

    counts("traits", Size(traits=10, speakers=2, local=True))     Counts(answers=154, verdicts=0)

The same that each verb counts with `--dry-run` once there is a model; what other evaluations have asked
already is taken from there, and makes it fewer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.evaluation.judging_wording import RUBRICS
from core.evaluation.sensitive import SENSITIVE
from core.evaluation.side_effects import HARMLESS, PUSHED
from core.evaluation.variants import VARIANTS

# Each on the embedded model, and elsewhere.
EVERYDAY = (20, 60)
QUESTIONS = (20, 100)
TURNS = (5, 10)
CHOICES, COMPARISONS = (200, 5000), (400, 5000)
KNOWN_PAIRS = (24, 40)
ITEMS = 120
NEW_A_TRAIT = 2


@dataclass(frozen=True, slots=True)
class Size:
    """What counts: the character's traits, who is compared, where the model runs, whether one judges."""

    traits: int
    speakers: int = 2
    local: bool = True
    judged: bool = False

    def of(self, sizes: tuple[int, int]) -> int:
        """The size for where the model runs."""
        return sizes[0] if self.local else sizes[1]


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests to the model itself, and to its judge."""

    answers: int
    verdicts: int = 0


def counts(kind: str, size: Size) -> Counts:
    """The requests of a kind of evaluation. Raises KeyError for one that is none."""
    return _COUNTS[kind](size)


def _judge_itself(size: Size) -> int:
    """Every known pair in both orders; a quarter said twice, a quarter against itself, two asked again."""
    known = size.of(KNOWN_PAIRS)
    return 2 * known + 3 * (known // 4) + 2


def _traits(size: Size) -> Counts:
    own = len(SENSITIVE) + len(HARMLESS) + len(PUSHED)
    new = NEW_A_TRAIT * size.traits
    graded = _judge_itself(size) + size.speakers * new if size.judged else 0
    return Counts(size.speakers * (new + size.of(EVERYDAY) + own), graded)


def _robustness(size: Size) -> Counts:
    return Counts(size.speakers * len(VARIANTS) * size.of(QUESTIONS))


def _prefill(size: Size) -> Counts:
    return Counts(size.of(QUESTIONS) * (1 + size.speakers * size.of(TURNS)))


def _coherence(size: Size) -> Counts:
    duels = (size.speakers - 1) * size.of(QUESTIONS)
    verdicts = 2 * duels * len(RUBRICS) + _judge_itself(size)
    return Counts(size.speakers * size.of(QUESTIONS), verdicts)


def _preferences(size: Size) -> Counts:
    # Only the plain model and the tuned one, whoever else is compared elsewhere.
    if not size.judged:
        return Counts(2 * 2 * size.of(CHOICES))
    answers = 2 * size.of(COMPARISONS)
    return Counts(answers, 2 * answers + _judge_itself(size))


def _capability(size: Size) -> Counts:
    return Counts(size.speakers * ITEMS)


_COUNTS: dict[str, Callable[[Size], Counts]] = {
    "data": lambda size: Counts(0),
    "traits": _traits,
    "robustness": _robustness,
    "prefill": _prefill,
    "coherence": _coherence,
    "preferences": _preferences,
    "capability": _capability,
}
