"""Which pairs a reviewer wants to see, as a link carries it, and what to call it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

Show = Literal["all", "kept", "dropped", "undecided", "decided", "edited", "flagged"]
SHOWN: tuple[Show, ...] = get_args(Show)
NO_TRAIT = "everyday"


@dataclass(frozen=True, slots=True)
class PairFilter:
    """What a pair must be to be shown; an empty field asks for nothing.

    `least` and `most` bound the words in chosen for each word in rejected. `reviewer` is who decided last;
    `trait` "everyday" are the prompts of no trait.
    """

    search: str = ""
    show: Show = "all"
    trait: str = ""
    flag: str = ""
    reason: str = ""
    reviewer: str | None = None
    least: float | None = None
    most: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it lets every pair through."""
        return self == PairFilter()

    def without(self, *names: str) -> PairFilter:
        """The same filter asking nothing of these fields."""
        plain = PairFilter()
        return replace(self, **{name: getattr(plain, name) for name in names})

    @property
    def needle(self) -> str:
        """What is searched for, without case and outer spaces."""
        return self.search.strip().casefold()


def read_filter(words: Mapping[str, Any]) -> PairFilter:
    """The filter that a link's parameters ask for; what makes no sense is left out, never an error."""
    given = {one.name: words.get(one.name) for one in fields(PairFilter)}
    known: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if known.get("show") not in SHOWN:
        known.pop("show", None)
    for name in ("least", "most"):
        number = _number(known.pop(name, None))
        if number is not None:
            known[name] = number
    return PairFilter(**known)


def _number(text: Any) -> float | None:
    try:
        number = float(text)
    except (TypeError, ValueError):
        return None
    return number if 0 <= number < 1e6 else None
