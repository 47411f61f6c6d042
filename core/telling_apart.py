"""Telling a character's answers from plain ones by which words they use: naive Bayes. Pure.

    learned = learn(characters_answers, plain_answers)
    learned.score(answer) > 0          # more like the character

Learned from answers of both sides to the same prompts, so that subjects cancel out and style is left.
Each word counts once a text, or one loud word would decide; a word that is absent counts too, or long
answers would seem to have more of everything.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

# What stands in fewer texts than this is a subject, not a style.
LEAST_TEXTS = 2
_TOKEN = re.compile(r"[\w']+|[!?:;*#]")


@dataclass(frozen=True, slots=True)
class Learned:
    """How much each word speaks for the character when it is there; `silence` is the score of no words."""

    weights: Mapping[str, float]
    silence: float

    def score(self, text: str) -> float:
        """What a text's words say in all; above 0 it is more like the character."""
        return self.silence + sum(self.weights.get(word, 0.0) for word in _words(text))

    def share(self, texts: Sequence[str]) -> float:
        """The share of texts that are more like the character; 0 of no texts."""
        return sum(self.score(text) > 0 for text in texts) / max(1, len(texts))


def learn(character: Sequence[str], plain: Sequence[str]) -> Learned:
    """What tells the two sides apart."""
    ours, others = _counts(character), _counts(plain)
    known = [word for word in sorted(ours | others) if ours[word] + others[word] >= LEAST_TEXTS]
    weights: dict[str, float] = {}
    silence = 0.0
    for word in known:
        here, there = _chance(ours[word], len(character)), _chance(others[word], len(plain))
        absent = math.log((1 - here) / (1 - there))
        weights[word] = math.log(here / there) - absent
        silence += absent
    return Learned(weights, silence)


def accuracy(character: Sequence[str], plain: Sequence[str], folds: int = 4) -> float:
    """How often it is right on pairs that it did not learn from; 0.5 is chance."""
    right = 0.0
    for fold in range(folds):
        kept = [number for number in range(len(character)) if number % folds != fold]
        left = [number for number in range(len(character)) if number % folds == fold]
        learned = learn([character[number] for number in kept], [plain[number] for number in kept])
        right += sum(learned.score(character[number]) > 0 for number in left)
        right += sum(learned.score(plain[number]) <= 0 for number in left)
    return right / max(1, len(character) + len(plain))


def _chance(count: int, texts: int) -> float:
    """How likely a text holds a word that `count` of them held; never 0 and never 1."""
    return (count + 1) / (texts + 2)


def _counts(texts: Iterable[str]) -> Counter[str]:
    return Counter(word for text in texts for word in _words(text))


def _words(text: str) -> set[str]:
    return set(_TOKEN.findall(text.casefold().replace("’", "'")))
