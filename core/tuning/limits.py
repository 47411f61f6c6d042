"""Where learning ends and harm begins, for every trainer: the limits of the gate, and its word. Pure.

Healthy DPO runs at beta 0.1 end with margins of 5 to 18 where the data are large, and above 0 where they
are small; above 30 the model has learned one catch-phrase.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

LEAST_ACCURACY = 0.6
LEAST_MARGIN = 0.05
MOST_MARGIN_PER_BETA = 300.0
MOST_LOST_NATS = 0.5
LEAST_GAIN_NATS = 0.01
TRIVIAL_LOSS = 1e-3


@dataclass(frozen=True, slots=True)
class Gate:
    """`passed`, or the `direction` of the failure: "nothing learned" or "collapsed"; and the sentence."""

    passed: bool
    direction: str
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)
