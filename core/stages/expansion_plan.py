"""What an expansion asks in each round: for every trait what it lacks of each length, and some more. Pure.

A plan depends on the prompts there are, the seed given and the requests made before, on nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.bulk import Request
from core.constitution import Constitution, Trait
from core.expansion import LENGTHS, Length, Mix, classify, messages_for, missing
from core.prompt_review import Pools, asks
from core.records import Sampling, content_hash

# Asked for in excess of what is missing: some candidates always repeat others. More where much was dropped.
OVER_ASK = 1.3
MOST_OVER_ASK = 4.0
# A trait that two rounds in a row brought nothing to is given up.
IDLE_ROUNDS = 2
# How many of a trait's prompts a brief shows as already there.
SHOWN = 40
# A tiny model loses the thread of a long list; a large one writes twenty without repeating itself.
IN_ONE_REQUEST: dict[Length, int] = {"short": 20, "medium": 20, "long": 12}
IN_ONE_SMALL_REQUEST: dict[Length, int] = {"short": 8, "medium": 6, "long": 4}
EXAMPLES_FOR_SMALL: dict[Length, int] = {"short": 5, "medium": 4, "long": 2}


@dataclass(slots=True)
class TraitProgress:
    """One trait on its way: its prompts so far, and how its requests went."""

    trait: Trait
    number: int
    target: int
    prompts: list[str]
    pools: Pools
    asked: int = 0
    kept: int = 0
    kept_this_round: int = 0
    idle: int = 0
    requests: int = 0

    @property
    def open(self) -> bool:
        """Whether it still lacks prompts and asking brings any."""
        return bool(self.room) and self.idle < IDLE_ROUNDS

    @property
    def room(self) -> int:
        """How many prompts it still takes."""
        return max(0, self.target - len(self.prompts))

    @property
    def mix(self) -> Mix:
        """Its prompts by length."""
        return Mix.counted(self.prompts)

    @property
    def lacking(self) -> Mix:
        """What it lacks of each length."""
        return missing(self.mix, self.target)

    def keep(self, text: str) -> None:
        """Take a prompt in."""
        self.prompts.append(text)
        self.pools.trait.add(text)
        self.pools.others.add(text)
        self.kept += 1
        self.kept_this_round += 1

    def end_round(self) -> None:
        """Note whether the round brought anything."""
        self.idle = 0 if self.kept_this_round else self.idle + 1
        self.kept_this_round = 0

    def over_ask(self) -> float:
        """By how much to ask for more than is lacking."""
        yielded = (self.kept + 1) / (self.asked + 1) if self.asked else 1.0
        return min(MOST_OVER_ASK, OVER_ASK / yielded)


@dataclass(frozen=True, slots=True)
class Ask:
    """One request's place in the plan and what it is for; `relaxed` takes messages of any length."""

    index: int
    progress: TraitProgress
    length: Length
    relaxed: bool


@dataclass(frozen=True, slots=True)
class Planner:
    """What all requests of an expansion share."""

    constitution: Constitution
    sampling: Sampling
    seed: int
    small: bool
    prefill: bool

    def round(self, traits: Sequence[TraitProgress], *, last: bool) -> list[Request[Ask]]:
        """The requests of one round, in the order in which their answers will be taken in."""
        plan: list[Request[Ask]] = []
        for progress in traits:
            if not progress.open:
                continue
            # In the end any length will do: a shortage of long prompts is reported, not fatal.
            relaxed = last or progress.idle > 0
            lacking, excess = progress.lacking, progress.over_ask()
            for length in LENGTHS:
                for count in self._portions(length, math.ceil(lacking.of(length) * excess)):
                    plan.append(self._request(Ask(len(plan), progress, length, relaxed), count))
        return plan

    def _portions(self, length: Length, wanted: int) -> list[int]:
        """`wanted` split evenly into requests that a model can manage."""
        most = (IN_ONE_SMALL_REQUEST if self.small else IN_ONE_REQUEST)[length]
        requests = math.ceil(wanted / most)
        return [wanted // requests + (number < wanted % requests) for number in range(requests)]

    def _request(self, ask: Ask, count: int) -> Request[Ask]:
        progress = ask.progress
        # Other subjects in every request: against the trait's others, the other traits', an earlier run's.
        variant = progress.requests + 3 * progress.number + len(progress.prompts)
        progress.asked += count
        progress.requests += 1
        own = len(progress.trait.questions)
        messages = messages_for(
            progress.trait,
            wanted=Mix.only(ask.length, count),
            seeds=self._examples(ask, variant) if self.small else progress.trait.questions,
            avoid=progress.prompts[own:][-SHOWN:],
            small=self.small,
            prefill=self.prefill,
            variant=variant,
        )
        return Request(ask, tuple(messages), replace(self.sampling, seed=self._seed(ask, variant)))

    def _seed(self, ask: Ask, variant: int) -> int:
        """A request's own seed, which an equal run makes again."""
        digest = content_hash([self.seed, ask.progress.trait.id, ask.length, variant])
        return int(digest[:8], 16) >> 1

    def _examples(self, ask: Ask, variant: int) -> list[str]:
        """Hand-written prompts of one length that ask: the trait's own, then other traits' in turn.

        A model's own prompts never serve as examples: a tiny model would copy its slips from itself.
        """
        count = EXAMPLES_FOR_SMALL[ask.length]
        own = _of_length(ask.progress.trait, ask.length)
        others = [
            text
            for trait in self.constitution.traits
            if trait is not ask.progress.trait
            for text in _of_length(trait, ask.length)
        ]
        start = variant * count % max(1, len(others))
        return [*own, *others[start:], *others[:start]][:count]


def _of_length(trait: Trait, length: Length) -> list[str]:
    return [text for text in trait.questions if classify(text) == length and asks(text)]
