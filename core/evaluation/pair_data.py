"""What a set of pairs teaches, before anything is trained on it: no model is asked. Pure.

    data = Data(pairs, constitution, prompts={"voice": 52, …})
    data.ratio                 how much longer chosen answers are, with its interval by prompt
    check_pairs(data)          (in pair_data_report) every check, cell and table

A model that learns from pairs learns everything in which the two sides differ. The voice should be that;
length, lists, emoji, hedges and refusals are what it is learned beside the voice, or instead of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from core.constitution import Constitution
from core.evaluation.pair_data_repeats import repeated_answers
from core.evaluation.pair_data_words import SIGNS, shares, told_apart, told_by_form, words_of
from core.evaluation.stats.intervals import (
    CHANGE,
    Estimate,
    Floats,
    cluster_means,
    coded,
    difference_by_cluster,
    mean_by_cluster,
    percentile,
    weight_blocks,
)
from core.pairs import Answer, Candidate, PairRules, flags_of

CHOSEN, REJECTED = "chosen", "rejected"
EVERYDAY = "everyday"
Status = Literal["pass", "warn", "fail"]
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Pair:
    """One pair that would be trained on. `trait` is "" for an everyday prompt."""

    id: str
    prompt: str
    asked: str
    chosen: str
    rejected: str
    trait: str = ""
    sample: int = 0
    chosen_finish: str | None = None
    rejected_finish: str | None = None


@dataclass(frozen=True)
class Data:
    """The pairs and what is known of where they come from.

    `prompts` says how many prompts the character has for each trait, `held_out` which prompts evaluation
    asks, `teacher_names` what would betray the teacher. All may be empty where nothing is known.
    """

    pairs: Sequence[Pair]
    constitution: Constitution
    prompts: Mapping[str, int] = field(default_factory=dict[str, int])
    teacher_names: tuple[str, ...] = ()
    held_out: Sequence[str] = ()

    @cached_property
    def clusters(self) -> list[str]:
        """Each pair's prompt: the unit of every interval."""
        return [pair.prompt for pair in self.pairs]

    @cached_property
    def chosen(self) -> list[str]:
        """The chosen answers."""
        return [pair.chosen for pair in self.pairs]

    @cached_property
    def rejected(self) -> list[str]:
        """The rejected answers."""
        return [pair.rejected for pair in self.pairs]

    @cached_property
    def rounds(self) -> int:
        """Bootstrap rounds: fewer for many prompts, where an interval hardly depends on them."""
        return max(400, min(2000, 2_000_000 // max(1, len(set(self.clusters)))))

    @cached_property
    def signs(self) -> dict[str, tuple[Floats, Floats]]:
        """Each sign's presence (0 or 1) in the chosen and in the rejected answers."""
        return {
            name: (shares(self.chosen, sign), shares(self.rejected, sign)) for name, sign in SIGNS.items()
        }

    @cached_property
    def lengths(self) -> tuple[Floats, Floats]:
        """Words in the chosen and in the rejected answers."""
        count = [[float(words_of(text)) for text in side] for side in (self.chosen, self.rejected)]
        return np.array(count[0]), np.array(count[1])

    @cached_property
    def flags(self) -> list[list[str]]:
        """What the checks of pairs say of each (leaks, cuts …); a person may have kept it anyway."""
        rules = PairRules(self.constitution, self.teacher_names)
        return [flags_of(_candidate(pair), rules) for pair in self.pairs]

    @cached_property
    def repeats(self) -> dict[str, list[tuple[int, int]]]:
        """For each side (place, an earlier place) of the answers that nearly repeat another one."""
        return {CHOSEN: repeated_answers(self.chosen), REJECTED: repeated_answers(self.rejected)}

    @cached_property
    def by_words(self) -> Floats | None:
        """For each pair whether its words told the chosen side; None with too few prompts."""
        return told_apart(self.chosen, self.rejected, self.clusters)

    @cached_property
    def by_form(self) -> Floats | None:
        """The same from length and format alone."""
        return told_by_form(self.chosen, self.rejected, self.clusters)

    def mean(self, values: Floats) -> Estimate:
        """A share with its interval by prompt."""
        return mean_by_cluster(values, self.clusters, rounds=self.rounds)

    def change(self, chosen: Floats, rejected: Floats) -> Estimate:
        """Chosen less rejected, by prompt."""
        return difference_by_cluster(rejected, chosen, self.clusters, rounds=self.rounds, bounds=CHANGE)

    @cached_property
    def ratio(self) -> Estimate:
        """The median over prompts of words chosen ÷ words rejected, with a percentile interval."""
        ours, theirs = self.lengths
        return _median_ratio(np.log((ours + 1) / (theirs + 1)), self.clusters, self.rounds)


def _candidate(pair: Pair) -> Candidate:
    return Candidate(
        pair.asked,
        Answer(pair.chosen, pair.chosen_finish, 0),
        Answer(pair.rejected, pair.rejected_finish, 0),
    )


def _median_ratio(logs: Floats, clusters: Sequence[str], rounds: int) -> Estimate:
    """exp of the median of the prompts' mean log ratios; the interval from drawing prompts again."""
    means = np.sort(cluster_means(logs, clusters))
    count = len(means)
    if not count:
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    value = float(np.exp(np.median(means)))
    if count < 2:
        return Estimate(value, value, value, count)
    draws = [
        means[np.argmax(np.cumsum(weights, axis=1) >= count / 2, axis=1)]
        for weights in weight_blocks(count, rounds, 0)
    ]
    low, high = percentile(np.exp(np.concatenate(draws)), 0.95)
    return Estimate(value, min(low, value), max(high, value), count)


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its word, a sentence with the figures, what to do now, and pairs that show it."""

    name: str
    status: Status
    sentence: str
    advice: str = ""
    examples: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As `details["checks"]` carries it."""
        return {
            "name": self.name,
            "status": self.status,
            "sentence": self.sentence,
            "advice": self.advice,
            "examples": list(self.examples),
        }


def coverage_of(data: Data) -> list[dict[str, Any]]:
    """For each trait, and for everyday prompts: its sentence, how many prompts it has, what stands here.

    {"trait", "sentence", "prompts" (that it has), "asked" (of them, in these pairs), "pairs"}
    """
    sentences = {trait.id: trait.trait for trait in data.constitution.traits}
    here = {pair.trait for pair in data.pairs}
    names = [*sentences, *sorted(here - set(sentences) - {""}), *([""] if "" in here else [])]
    return [_covered(data, name, sentences.get(name, "")) for name in names]


def _covered(data: Data, trait: str, sentence: str) -> dict[str, Any]:
    own = [pair for pair in data.pairs if pair.trait == trait]
    asked = len({pair.prompt for pair in own})
    return {
        "trait": trait or EVERYDAY,
        "sentence": sentence,
        "prompts": max(asked, data.prompts.get(trait, 0)),
        "asked": asked,
        "pairs": len(own),
    }


def prompt_count(data: Data) -> int:
    """How many prompts the pairs answer."""
    return coded(data.clusters)[1]


def counted_status(found: int, of: int, most: float) -> Status:
    """The word for so many broken ones: one alone is never a failure."""
    if not found:
        return "pass"
    return "fail" if found > most * of and found > 1 else "warn"


def example_ids(data: Data, places: Iterable[int]) -> tuple[str, ...]:
    """The ids of the first few pairs at these places."""
    return tuple(data.pairs[int(place)].id for place in list(places)[:SHOWN])
