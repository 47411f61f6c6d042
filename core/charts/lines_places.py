"""Where the names of lines and dots stand, so that none lies over another. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from core.charts.plot import Step, Track, Tracks

NAMED_DOTS = 6


def spaced(values: Sequence[float], gap: float, high: float) -> list[float]:
    """The values pushed apart to at least `gap`, in the same order, none of them above `high`."""
    order = sorted(range(len(values)), key=lambda place: values[place])
    found = list(values)
    for before, after in pairwise(order):
        found[after] = max(found[after], found[before] + gap)
    # Only those that stand in each other's way go back down: names at the other end keep their place.
    ceiling = high
    for place in reversed(order):
        found[place] = min(found[place], ceiling)
        ceiling = found[place] - gap
    return found


def named_step(track: Track, shape: str) -> Step:
    """The point that a name stands beside: the last of a line, the highest of an outline."""
    return max(track.steps, key=lambda step: step.mark.value) if shape == "steps" else track.steps[-1]


def furthest(plot: Tracks) -> list[Step]:
    """The dots that stand furthest from "as before", as far as their names have room beside one another."""
    steps = [step for track in plot.tracks for step in track.steps]
    found: list[Step] = []
    for step in sorted(steps, key=lambda step: -abs(step.mark.value - step.at)):
        if len(found) < NAMED_DOTS and not any(_near(step, other, plot) for other in found):
            found.append(step)
    return found


def _near(one: Step, other: Step, plot: Tracks) -> bool:
    """Whether the names of two dots would lie over one another."""
    across, up = plot.x.high - plot.x.low, plot.y.high - plot.y.low
    return abs(one.at - other.at) < 0.3 * across and abs(one.mark.value - other.mark.value) < 0.05 * up
