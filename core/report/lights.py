"""Side effects as lights with words: fine, watch, worse, unclear. Pure."""

from __future__ import annotations

from core.evaluation.results import EvalResult
from core.report.model import Light

# What the evaluation of traits calls its lights, and the word that a reader gets beside the colour.
WORDS = {"green": "fine", "amber": "watch", "red": "worse"}
UNCLEAR = "unclear"


def lights_of(result: EvalResult) -> tuple[Light, ...]:
    """The lights that an evaluation of traits has set, () where it set none."""
    found = [one for one in result.details.get("lights") or () if isinstance(one, dict)]
    return tuple(
        Light(
            WORDS.get(str(one.get("light")), UNCLEAR),
            str(one.get("name") or ""),
            str(one.get("sentence") or ""),
        )
        for one in found
    )
