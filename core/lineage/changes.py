"""What an edit changed of what a model is shown, or asked. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from core.constitution import Constitution, Exchange, Trait

How = Literal["added", "removed", "reworded"]
What = Literal["trait", "exchange", "question", "name"]
SHOWN_LETTERS = 60


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two versions that a model was shown, or is asked.

    `number` counts from 1 in the newer version, or in the older one for what was removed. `trait` is the
    id of the trait that it belongs to, None for exchanges and the name.
    """

    what: What
    how: How
    number: int
    trait: str | None = None
    before: str = ""
    after: str = ""

    @property
    def sentence(self) -> str:
        """What happened, without when: "Trait 3 was reworded"."""
        if self.what == "name":
            return "What the assistant calls itself was changed"
        if self.what == "question":
            return f"A question of trait {self.number} was {self.how}"
        noun = "Trait" if self.what == "trait" else "Exchange"
        quoted = f" (“{shortened(self.before)}”)" if self.how == "removed" else ""
        return f"{noun} {self.number}{quoted} was {self.how}"


def shortened(text: str) -> str:
    """A sentence that fits into another one."""
    text = " ".join(text.split())
    return text if len(text) <= SHOWN_LETTERS else text[: SHOWN_LETTERS - 1].rstrip() + "…"


def changes(before: Constitution, after: Constitution) -> tuple[Change, ...]:
    """What differs between two versions: traits, then questions, exchanges and the name.

    Summary, clarifications and the order of traits are left out: no answer is made differently by them
    in a way that a pair would show.
    """
    found = [*_traits(before, after), *_questions(before, after), *_exchanges(before, after)]
    if (before.assistant_name or "") != (after.assistant_name or ""):
        found.append(
            Change("name", "reworded", 0, None, before.assistant_name or "", after.assistant_name or "")
        )
    return tuple(found)


def renamed(before: Constitution, after: Constitution) -> dict[str, str]:
    """The new id, by the old one, of traits that read the same and lost their id: nobody is shown ids."""
    kept = {trait.id for trait in before.traits} & {trait.id for trait in after.traits}
    gone = {trait.trait: trait.id for trait in before.traits if trait.id not in kept}
    come = {trait.trait: trait.id for trait in after.traits if trait.id not in kept}
    return {old: come[text] for text, old in gone.items() if text in come}


def _as_named_now(before: Constitution, after: Constitution) -> tuple[Trait, ...]:
    """The traits of the older version under the ids of the newer one."""
    names = renamed(before, after)
    return tuple(replace(trait, id=names.get(trait.id, trait.id)) for trait in before.traits)


def _traits(before: Constitution, after: Constitution) -> Iterable[Change]:
    listed = _as_named_now(before, after)
    old = {trait.id: trait for trait in listed}
    new = {trait.id for trait in after.traits}
    for number, trait in enumerate(after.traits, 1):
        was = old.get(trait.id)
        if was is None:
            yield Change("trait", "added", number, trait.id, "", trait.trait)
        elif was.trait != trait.trait:
            yield Change("trait", "reworded", number, trait.id, was.trait, trait.trait)
    for number, trait in enumerate(listed, 1):
        if trait.id not in new:
            yield Change("trait", "removed", number, trait.id, trait.trait, "")


def _questions(before: Constitution, after: Constitution) -> Iterable[Change]:
    """Questions of traits that both versions have: those of a new trait are new with it."""
    old = {trait.id: trait.questions for trait in _as_named_now(before, after)}
    for number, trait in enumerate(after.traits, 1):
        was = old.get(trait.id)
        if was is None:
            continue
        yield from (
            Change("question", "added", number, trait.id, "", text)
            for text in trait.questions
            if text not in was
        )
        yield from (
            Change("question", "removed", number, trait.id, text, "")
            for text in was
            if text not in trait.questions
        )


def _exchanges(before: Constitution, after: Constitution) -> Iterable[Change]:
    """Exchanges by place: a new one among the old is told as one added, not as all behind it reworded."""
    old, new = list(before.exchanges), list(after.exchanges)
    gone = [(number, one) for number, one in enumerate(old, 1) if one not in new]
    come = [(number, one) for number, one in enumerate(new, 1) if one not in old]
    reworded = min(len(gone), len(come))
    for (_, was), (number, now) in zip(gone[:reworded], come[:reworded], strict=True):
        yield Change("exchange", "reworded", number, None, _said(was), _said(now))
    for number, one in come[reworded:]:
        yield Change("exchange", "added", number, None, "", _said(one))
    for number, one in gone[reworded:]:
        yield Change("exchange", "removed", number, None, _said(one), "")


def _said(exchange: Exchange) -> str:
    return f"{exchange.user} {exchange.assistant}"


def affected_traits(found: Iterable[Change]) -> frozenset[str]:
    """The ids of the traits whose pairs must be made anew: those added or reworded."""
    return frozenset(
        one.trait for one in found if one.trait and one.what == "trait" and one.how != "removed"
    )


def affects_everything(found: Iterable[Change]) -> bool:
    """Whether every pair is affected: exchanges and the name stand before every single question."""
    return any(one.what in ("exchange", "name") for one in found)


def gathered(found: Sequence[Change]) -> list[Change]:
    """The changes with the questions of a trait told once: nobody wants five sentences about five."""
    told: dict[tuple[Any, ...], Change] = {}
    for one in found:
        told.setdefault(
            (one.what, one.how, one.number, one.trait) if one.what == "question" else (one,), one
        )
    return list(told.values())
