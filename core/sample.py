"""The finished sample: what it is called, and what cannot be done with it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

SAMPLE = "sample-pirate"
# Whom the sample shows: the way out of everything that the sample cannot do.
MADE_FROM = "pirate"
UNCHANGED = (
    "This is the finished sample, and it stays as it was made. Make your own copy of it; the copy can be "
    "changed, taught and measured."
)


def is_sample(name: str | None) -> bool:
    """Whether a character is the sample."""
    return name == SAMPLE


def about_sample(words: Sequence[str]) -> bool:
    """Whether a command would work on the sample."""
    return SAMPLE in words
