"""What the linter finds in a character, and the mend it may offer. Pure.

A `Fix` is data, so that a page can show it as a difference before anybody agrees to it:

    Fix("Say it as I", (Change("trait", "mood", "You are cheerful.", "I am cheerful."),))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from core.records import content_hash

if TYPE_CHECKING:
    from core.constitution import Constitution

Severity = Literal["mend", "consider"]
Part = Literal[
    "trait", "clarification", "question", "exchange", "answer", "add-trait", "add-question", "remove-trait"
]


@dataclass(frozen=True, slots=True)
class Change:
    """One text that a fix replaces: `old` as it stands, `new` as it will; "" is a text that is not there.

    `trait` is an id. For part "exchange" and "answer", `user` says whose answer `old` is.
    """

    part: Part
    trait: str
    old: str
    new: str
    user: str = ""
    questions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fix:
    """A mend in one click: what the button says, and every text it changes."""

    label: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that keeps a character from being learnt well: what, where, and why it matters.

    `trait` and `also` are trait ids, `question` and `exchange` the texts (of the user) they are about;
    all empty is the whole character. `about` holds the words that were judged: when they change, the
    finding is another one. `quotes` are phrases to show with it.
    """

    rule: str
    severity: Severity
    message: str
    why: str
    trait: str = ""
    question: str = ""
    exchange: str = ""
    also: str = ""
    quotes: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    fix: Fix | None = None

    @property
    def key(self) -> str:
        """What tells this finding from every other, for as long as its words stay the same."""
        about = [self.trait, self.question, self.exchange, self.also, *self.about]
        return f"{self.rule}:{content_hash(about)[:12]}"


Tested = Mapping[str, int]
"""How many prompts beyond its own questions test a trait, by its id."""

Find = Callable[["Constitution", Tested], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its name, how grave it is, what it is in a few words, why it matters, how it looks."""

    name: str
    severity: Severity
    title: str
    why: str
    find: Find


@dataclass(frozen=True, slots=True)
class Teller:
    """Makes the findings of one rule."""

    name: str
    severity: Severity
    why: str

    def found(
        self,
        message: str,
        *,
        trait: str = "",
        question: str = "",
        exchange: str = "",
        also: str = "",
        quotes: tuple[str, ...] = (),
        about: tuple[str, ...] = (),
        fix: Fix | None = None,
    ) -> Finding:
        """A finding of this rule."""
        return Finding(
            self.name,
            self.severity,
            message,
            self.why,
            trait,
            question,
            exchange,
            also,
            quotes,
            about,
            fix,
        )

    def rule(self, title: str, find: Find) -> Rule:
        """The rule that makes them."""
        return Rule(self.name, self.severity, title, self.why, find)
