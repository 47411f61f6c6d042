"""What rankings of preferences come to: cells, a headline, caveats, and what charts draw. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from core.evaluation.preference_ranking import (
    FEWEST_PROMPTS,
    WHY,
    Agreement,
    Ranked,
    finite,
)
from core.evaluation.preference_shifts import Moved, smallest_shift
from core.evaluation.preferences import By, Condition
from core.evaluation.results import BASE, Cell
from core.evaluation.stats.intervals import Estimate

# Words named in a headline, on either side.
NAMED = 3
# A judge that names another word when the two change places this often is mostly guessing.
MANY_FLIPS = 0.4
# Elo points below which a change is hardly worth a word: 55 against 45 in 100.
SMALL = 35.0

SELF_REPORT = (
    "This is a self-report: the model was asked by one letter which of two words it would be, and its "
    "probabilities were read. What models say of themselves does not predict what they do; to measure "
    "behaviour, let a judge read answers: --judge MODEL."
)
ACCOUNT = "By its own account, which is no behaviour,"
TIES = (
    "The judge read each answer twice, the two words in either order. Both or neither is a tie; so is "
    "another word in the other order, unless probabilities were read, whose mean then decides. What cannot "
    "be read is unscored and counts nowhere."
)
CENTRED = (
    "Strengths are relative: 0 is the mean of the words asked about, and a word 100 points above another "
    "is taken 64 times in 100 against it; one may fall because others rose."
)
OCT_ORDER = (
    "OCT's Elo (K 32, one pass) stands beside for comparison only: it depends on the order of the rows."
)
_FIRST: dict[By, str] = {
    "judge": "the advantage of the word offered first",
    "choice": "the pull of the letter A, which is taken out of the strengths",
}
_HALVES = "split half over prompts, for the whole length"
_NO_HALVES = "none: the rankings of two halves of the prompts do not agree"


@dataclass(frozen=True, slots=True)
class Telling:
    """All that a result says is made from: rankings by speaker, and each tuned one's shifts from base."""

    name: str
    by: By
    condition: Condition
    words: tuple[str, ...]
    targets: tuple[str, ...]
    ranked: dict[str, Ranked]
    moved: dict[str, list[Moved]]
    agreements: dict[str, Agreement]

    @property
    def shown(self) -> str:
        """The speaker that the headline is about: the last one with shifts, else the last one."""
        return list(self.moved or self.ranked)[-1]


# ---- cells


def cells_of(telling: Telling) -> list[Cell]:
    """Shifts first, then agreement, reliability, position and unscored; the long lists last."""
    if not any(one.scored for one in telling.ranked.values()):
        return [_unscored(one) for one in telling.ranked.values()]
    found = [cell for label, moved in telling.moved.items() for cell in _shift_cells(label, moved)]
    for label, one in telling.agreements.items():
        found.append(_estimated("agreement", one.value, "rank", label, versus=BASE))
    for label, one in telling.ranked.items():
        found += [
            Cell(
                "reliability",
                finite(one.reliability.corrected),
                n=one.prompts,
                unit="rank",
                speaker=label,
                note=_HALVES if one.reliability.corrected > 0 else _NO_HALVES,
            ),
            _estimated("position", one.position, "elo", label, note=_FIRST[telling.by]),
            _unscored(one),
        ]
    for one in telling.ranked.values():
        found += _strength_cells(one)
    return found


def _shift_cells(label: str, moved: Sequence[Moved]) -> list[Cell]:
    return [
        _estimated("shift", one.delta, "elo", label, one.word, BASE, p=round(one.p, 6), marked=one.marked)
        for one in moved
    ]


def _strength_cells(one: Ranked) -> list[Cell]:
    ordered = sorted(range(len(one.words)), key=lambda place: -one.values[place])
    strengths = [
        _estimated("strength", one.strengths[place], "elo", one.label, one.words[place])
        for place in ordered
    ]
    oct_elo = [
        Cell(
            "OCT Elo",
            round(float(one.oct_elo[place]), 2),
            n=one.strengths[place].n,
            unit="elo",
            group=one.words[place],
            speaker=one.label,
            note="no interval: it depends on the order of the rows",
        )
        for place in ordered
    ]
    return strengths + oct_elo


def _unscored(one: Ranked) -> Cell:
    return _estimated("unscored", one.unscored, "share", one.label)


def _estimated(
    measure: str,
    value: Estimate,
    unit: str,
    speaker: str,
    group: str = "",
    versus: str | None = None,
    **more: Any,
) -> Cell:
    """A cell of an estimate; an interval without ends is none, and the note says why."""
    low, high = finite(value.low), finite(value.high)
    if low is None or high is None or isnan(value.value):
        low = high = None
        more["note"] = "too few prompts for an interval"
    return Cell(measure, finite(value.value), low, high, value.n, unit, group, speaker, versus, **more)


# ---- sentences


def headline(telling: Telling, judge: Mapping[str, Any] | None = None) -> str:
    """The one plain sentence of the result, as far as its judge may speak (`guarded`)."""
    said = claim(telling)
    return guarded(said or _too_little(telling), judge if said or _is_blocked(judge) else None)


def claim(telling: Telling) -> str:
    """What was found, whatever its judge is worth; "" where there is too little to rank by."""
    one = _shown(telling)
    if one is None or lacking(telling):
        return ""
    if telling.shown not in telling.moved:
        return _alone(one)
    which = f"{telling.shown[:1].upper()}{telling.shown[1:]}: " if len(telling.moved) > 1 else ""
    return f"{which}{_moved(telling, one)}"


def _shown(telling: Telling) -> Ranked | None:
    """The ranking that the headline is about, None where nothing was scored."""
    one = telling.ranked.get(telling.shown) if telling.ranked else None
    return one if one is not None and one.scored else None


def guarded(said: str, judge: Mapping[str, Any] | None) -> str:
    """What a judge may say of what was found: nothing below its gate, or where that is not measured."""
    gate = judge.get("gate") if judge else "pass"
    if judge and gate in ("block", "unmeasured"):
        why = "did not pass its test" if _is_blocked(judge) else "was not tested"
        return (
            f"Nothing is claimed, because the judge {why}: {str(judge.get('sentence') or '').rstrip('.')}."
        )
    return f"{said} Read it with care: see the judge." if gate == "caution" else said


def _is_blocked(judge: Mapping[str, Any] | None) -> bool:
    return judge is not None and judge.get("gate") == "block"


def _too_little(telling: Telling) -> str:
    if _shown(telling) is None:
        return _nothing(telling)
    return (
        f"Too little data to rank {len(telling.words)} traits: {lacking(telling)}. Ask for more "
        "comparisons (--N) or fewer traits (--traits)."
    )


def _nothing(telling: Telling) -> str:
    """Why there is no ranking at all."""
    asked = sum(one.counts["asked"] for one in telling.ranked.values())
    unscored = sum(one.counts["unscored"] for one in telling.ranked.values())
    if asked and unscored == asked:
        reasons = [f"{count} {why}" for why, count in _reasons(telling).items()]
        return f"Nothing to rank: none of {asked} comparisons could be scored ({', '.join(reasons)})."
    return "Nothing to rank yet: no comparison has been scored for everybody."


def _reasons(telling: Telling) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in telling.ranked.values():
        for name, count in one.counts.items():
            if name.startswith(WHY):
                found[name.removeprefix(WHY)] = found.get(name.removeprefix(WHY), 0) + count
    return found


def lacking(telling: Telling) -> str:
    """Why there is too little to rank by, "" where there is enough."""
    sides = [BASE, telling.shown] if telling.moved else [telling.shown]
    return next((why for side in sides if (why := telling.ranked[side].lacking)), "")


def _alone(one: Ranked) -> str:
    ordered = sorted(range(len(one.words)), key=lambda place: -one.values[place])
    most, least = ([one.words[place] for place in places] for places in (ordered[:3], ordered[-3:]))
    return f"{one.label}: most {listed(most)}, least {listed(least)} ({_size(one)})."


def _moved(telling: Telling, one: Ranked) -> str:
    moved = telling.moved[telling.shown]
    marked = [each for each in moved if each.marked]
    if not marked:
        least = smallest_shift(moved)
        shown = f"; a change of about {least:.0f} Elo points in one trait would have shown" if least else ""
        said = f"No trait moved more than chance allows ({len(moved)} traits, {_size(one)}{shown})."
        return f"{ACCOUNT} n{said[1:]}" if telling.by == "choice" else said
    far = max(marked, key=lambda each: abs(each.delta.value))
    return (
        f"{_changes(telling, marked)}; {len(marked)} of {len(moved)} traits moved (most: {far.word} "
        f"{far.delta.value:+.0f} Elo points, 95 % {far.delta.low:+.0f} to {far.delta.high:+.0f}; "
        f"{_size(one)})."
    )


def _changes(telling: Telling, marked: Sequence[Moved]) -> str:
    """ "More playful and bold, less formal"; of a self-report it says that the model says so."""
    risen = [one.word for one in marked if one.delta.value > 0][:NAMED]
    fallen = [one.word for one in reversed(marked) if one.delta.value < 0][:NAMED]
    sides = [f"{more} {listed(words)}" for more, words in (("more", risen), ("less", fallen)) if words]
    said = ", ".join(sides)
    said = f"slightly {said}" if is_small(marked) else said
    if telling.by == "choice":
        return f"{ACCOUNT} {said}"
    return said[0].upper() + said[1:]


def is_small(marked: Sequence[Moved]) -> bool:
    """Whether all changes beyond chance are smaller than anybody would notice."""
    return bool(marked) and max(abs(one.delta.value) for one in marked) < SMALL


def _size(one: Ranked) -> str:
    return f"{one.scored} comparisons each over {one.prompts} prompts"


def listed(words: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join([part for part in (", ".join(words[:-1]), *words[-1:]) if part])


def caveats(telling: Telling) -> list[str]:
    """What belongs beside every number."""
    found = [SELF_REPORT if telling.by == "choice" else TIES]
    if telling.condition == "random":
        found.append("The model was asked to choose at random: what moves here is no preference.")
    found += [text for label, one in telling.ranked.items() for text in _doubts(telling, label, one)]
    if telling.targets and telling.moved:
        found.append(
            f"Marked before looking: {listed(telling.targets)}; tested apart from the others (Holm)."
        )
    return [*found, *_small(telling), CENTRED, OCT_ORDER]


def _small(telling: Telling) -> list[str]:
    """A change may be beyond chance and still be none that anybody would notice."""
    marked = [one for one in telling.moved.get(telling.shown, []) if one.marked]
    if not is_small(marked):
        return []
    times = 100 / (1 + 10 ** (-max(abs(one.delta.value) for one in marked) / 400))
    return [
        f"Beyond chance, but small: the greatest change turns 50 choices in 100 into {times:.0f}; nobody "
        "would notice that in a conversation."
    ]


def _doubts(telling: Telling, label: str, one: Ranked) -> list[str]:
    found: list[str] = []
    if 0 < one.prompts < FEWEST_PROMPTS:
        found.append(f"Only {one.prompts} prompts: intervals over so few are a rough guess.")
    if telling.by == "judge" and one.scored and one.counts["flips"] > MANY_FLIPS * one.scored:
        found.append(
            f"On {one.counts['flips']} of {one.counts['scored']} answers of {label} the judge named "
            "another word when the two changed places: it guesses, or the answers show neither."
        )
    weak = one.scored and not one.reliability.corrected >= 0.5
    if weak:
        found.append(
            f"The ranking of {label} hardly repeats itself from one half of the prompts to the other; "
            "look at marked shifts, not at places."
        )
    return found
