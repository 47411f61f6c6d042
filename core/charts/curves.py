"""Curves of a training for the report: loss, and how surely the chosen answer is preferred. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.charts.chart import Chart
from core.charts.plot import Axis, Mark, Source, Step, Track, Tracks
from core.charts.words import number

TITLES = {"loss": "Loss", "margin": "Margin of the chosen answer", "accuracy": "Chosen preferred"}
MOST_POINTS = 60


def curve(measure: str, points: Iterable[tuple[int, float]]) -> Chart | None:
    """One measure over the steps, each step the mean of the last few; None with fewer than three points."""
    found = sorted(points)
    if len(found) < 3:
        return None
    smooth = smoothed([value for _, value in found])
    every = -(-len(found) // MOST_POINTS)
    steps = list(zip([step for step, _ in found], smooth, strict=True))[::-1][::every][::-1]
    unit = "share" if measure == "accuracy" else "rank"
    track = Track(
        "",
        tuple(
            Step(step, Mark(value, None, None, "", Source("", "", measure), "")) for step, value in steps
        ),
    )
    low, high = min(0.0, *smooth), max(1e-6, *smooth)
    y = Axis("", 0.0, 1.0, "share") if measure == "accuracy" else Axis("", low, high * 1.08, "rank")
    plot = Tracks((track,), Axis("step", 0, found[-1][0], "count"), y)
    sentence = (
        f"From {number(smooth[0], unit)} to {number(smooth[-1], unit)} (n = {len(found)} steps, smoothed)."
    )
    return Chart(f"curve-{measure}", TITLES[measure], sentence, plot, lambda source: [])


def smoothed(values: Sequence[float]) -> list[float]:
    """Each value as the mean of the last few, a tenth of all: single steps jump about."""
    few = max(1, len(values) // 10)
    return [
        sum(values[max(0, at + 1 - few) : at + 1]) / len(values[max(0, at + 1 - few) : at + 1])
        for at in range(len(values))
    ]
