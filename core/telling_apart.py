"""Telling a character's answers from plain ones by what words they use: naive Bayes. Pure.

    learned = learn(characters_answers, plain_answers)
    learned.score(answer) > 0          # more like the character

Learned from answers of both sides to the same prompts, so that subjects cancel out and style is left.
Each word counts once a text, or one loud word would decide.
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
    """How much each word speaks for the character: log-odds, 0 for words never met."""

    weights: Mapping[str, float]

    def score(self, text: str) -> float:
        """The sum of what a text's words say; above 0 it is more like the character."""
        return sum(self.weights.get(word, 0.0) for word in _words(text))

    def share(self, texts: Sequence[str]) -> float:
        """The share of texts that are more like the character; 0 of no texts."""
        return sum(self.score(text) > 0 for text in texts) / max(1, len(texts))


def learn(character: Sequence[str], plain: Sequence[str]) -> Learned:
    """What tells the two sides apart."""
    ours, others = _counts(character), _counts(plain)
    known = [word for word in sorted(ours | others) if ours[word] + others[word] >= LEAST_TEXTS]
    weights = {
        word: _log_odds(ours[word], len(character)) - _log_odds(others[word], len(plain)) for word in known
    }
    return Learned(weights)


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


def _log_odds(count: int, texts: int) -> float:
    return math.log((count + 0.5) / (texts + 1.0))


def _counts(texts: Iterable[str]) -> Counter[str]:
    return Counter(word for text in texts for word in _words(text))


def _words(text: str) -> set[str]:
    return set(_TOKEN.findall(text.casefold().replace("’", "'")))
