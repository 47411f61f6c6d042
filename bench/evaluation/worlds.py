"""Simulated judges, players and classifiers whose truth is known exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.evaluation.stats.bradley_terry import ELO, Comparisons, fit
from core.evaluation.stats.intervals import Floats, Ints
from core.evaluation.stats.pairing import balanced_pairs

# Nodes for the mean over a normal, exact enough for curves as smooth as these.
NODES, SHARES = np.polynomial.hermite_e.hermegauss(60)
SHARES = SHARES / SHARES.sum()
# So many comparisons of each pair that no prior counts.
ENDLESS = 1e9


def sigmoid(x: Floats) -> Floats:
    """The logistic function."""
    return 1 / (1 + np.exp(-x))


@dataclass(frozen=True, slots=True)
class Contest:
    """B against A: each prompt has a difficulty of its own, each of two orders is judged `samples` times.

    Logits: mean `lead` for B, `spread` between prompts, `first` for the answer shown first.
    """

    lead: float
    spread: float = 1.5
    first: float = 0.5
    samples: int = 2

    @property
    def truth(self) -> float:
        """B's win rate over all prompts that could be drawn."""
        each = self.lead + self.spread * NODES
        return float(SHARES @ (sigmoid(each + self.first) + sigmoid(each - self.first)) / 2)

    def judged(self, prompts: int, rng: np.random.Generator) -> tuple[Floats, Ints]:
        """Scores of every verdict (1: B won) and their prompts."""
        return self.judged_on(rng.standard_normal(prompts), rng)

    def judged_on(self, difficulty: Floats, rng: np.random.Generator) -> tuple[Floats, Ints]:
        """As `judged`, on prompts of given difficulty (standard normal)."""
        prompts = len(difficulty)
        each = self.lead + self.spread * difficulty
        chances = sigmoid(np.stack([each + self.first, each - self.first], axis=1))
        scores = rng.random((self.samples, prompts, 2)) < chances
        return scores.ravel().astype(np.float64), np.tile(np.repeat(np.arange(prompts), 2), self.samples)


@dataclass(frozen=True, slots=True)
class Players:
    """Items with known scores (logits), compared by prompts that favour some of them more than others."""

    scores: Floats
    position: float = 0.3
    tie: float = 0.4
    whims: float = 0.5

    def outcomes(self, pairs: Ints, favours: Floats, rng: np.random.Generator) -> Floats:
        """1, 0.5 or 0 for each pair; `favours` is what each pair's prompt adds to the first item's lead."""
        lead = self.scores[pairs[:, 0]] - self.scores[pairs[:, 1]] + favours + self.position
        drawn = rng.random(len(pairs))
        won, lost = sigmoid(lead - self.tie), sigmoid(-lead - self.tie)
        return np.where(drawn < won, 1.0, np.where(drawn < won + lost, 0.0, 0.5))

    def truth(self) -> Floats:
        """What Bradley-Terry finds with endless comparisons of all pairs by all prompts.

        Whims flatten the curve that one score difference gives, so this is not `scores`.
        """
        size = len(self.scores)
        left, right = (part.ravel() for part in np.indices((size, size)))
        met = left != right
        left, right = left[met], right[met]
        lead = (self.scores[left] - self.scores[right] + self.position)[
            :, None
        ] + self.whims * 2**0.5 * NODES
        won, lost = sigmoid(lead - self.tie) @ SHARES, sigmoid(-lead - self.tie) @ SHARES
        weight = ENDLESS * np.concatenate([won, 1 - won - lost, lost])
        outcome = np.repeat([1.0, 0.5, 0.0], len(left))
        none = np.zeros(3 * len(left), dtype=np.int64)
        rows = Comparisons(np.tile(left, 3), np.tile(right, 3), outcome, none, weight)
        return fit(rows, size).scores


@dataclass(frozen=True, slots=True)
class Change:
    """Rankings before and after on the same prompts and pairs, and what truly changed, in Elo points."""

    before: Comparisons
    after: Comparisons
    moved: Floats
    changed: NDArray[np.bool_]


def change(
    rng: np.random.Generator,
    items: int = 24,
    games: int = 1000,
    prompts: int = 100,
    only: float | None = None,
) -> Change:
    """Half of the items keep their scores, a quarter rises and a quarter falls by 35 to 210 points.

    With `only` (logits) one item rises and one falls, by this much. Whims flatten rises a little more or
    less than falls, so what "did not change" moves by up to a point against the mean; `moved` says by how
    much.
    """
    scores = rng.normal(0, 100 / ELO, items)
    rises = rng.uniform(0.2, 1.2, items // 4) if only is None else np.array([only])
    moved = np.zeros(items)
    moved[rng.permutation(items)[: 2 * len(rises)]] = np.concatenate([rises, -rises])
    pairs = balanced_pairs(items, games, int(rng.integers(2**31)))
    prompt = rng.permutation(np.arange(games) % prompts)
    old, new = Players(scores), Players(scores + moved)
    whims = old.whims * rng.standard_normal((prompts, items))
    favours = whims[prompt, pairs[:, 0]] - whims[prompt, pairs[:, 1]]
    sides = [
        Comparisons(pairs[:, 0], pairs[:, 1], one.outcomes(pairs, favours, rng), prompt)
        for one in (old, new)
    ]
    return Change(sides[0], sides[1], (new.truth() - old.truth()) * ELO, moved != 0)


@dataclass(frozen=True, slots=True)
class Classifier:
    """Six characters answer every prompt; the classifier errs more on hard prompts, and by favourites.

    `skill` is the mean logit of being right; characters differ by up to 3, prompts with SD 1.2.
    """

    skill: float
    characters: int = 6

    def read(self, prompts: int, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
        """Truth, guess and prompt of every answer."""
        size = self.characters
        truth, prompt = np.tile(np.arange(size), prompts), np.repeat(np.arange(prompts), size)
        ease = self.skill + np.linspace(1.5, -1.5, size)[truth] + 1.2 * rng.standard_normal(prompts)[prompt]
        favourite = rng.integers(0, size, prompts)[prompt]
        other = (truth + rng.integers(1, size, len(truth))) % size
        wrong = np.where((rng.random(len(truth)) < 0.5) & (favourite != truth), favourite, other)
        return truth, np.where(rng.random(len(truth)) < sigmoid(ease), truth, wrong), prompt

    @property
    def right(self) -> Floats:
        """Each character's chance of being told right, over all prompts."""
        ease = self.skill + np.linspace(1.5, -1.5, self.characters)
        return sigmoid(ease[:, None] + 1.2 * NODES) @ SHARES

    @property
    def macro_f1(self) -> float:
        """The macro-F1 over all prompts: wrong guesses fall on the other characters evenly."""
        wrong = (1 - self.right) / (self.characters - 1)
        guessed = self.right + wrong.sum() - wrong
        return float((2 * self.right / (1 + guessed)).mean())


@dataclass(frozen=True, slots=True)
class Raters:
    """A person and a judge on pairs of answers; prompts differ in how clear they are.

    `clear` is the mean chance that the judge says what the person says; else it guesses. `likes` is how
    often the person prefers B.
    """

    clear: float = 0.7
    likes: float = 0.6

    def rated(self, prompts: int, each: int, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
        """The person's and the judge's verdicts (1: B) and the prompts."""
        clear = rng.beta(4 * self.clear, 4 * (1 - self.clear), prompts)
        likes = rng.beta(4 * self.likes, 4 * (1 - self.likes), prompts)
        prompt = np.repeat(np.arange(prompts), each)
        person = (rng.random(len(prompt)) < likes[prompt]).astype(np.int64)
        guess = (rng.random(len(prompt)) < 0.5).astype(np.int64)
        return person, np.where(rng.random(len(prompt)) < clear[prompt], person, guess), prompt

    @property
    def sensitivity(self) -> float:
        """How often the judge agrees with the person, whatever the person said."""
        return self.clear + (1 - self.clear) / 2

    @property
    def kappa(self) -> float:
        """Cohen's kappa over all prompts."""
        judged = self.likes * self.sensitivity + (1 - self.likes) * (1 - self.sensitivity)
        chance = self.likes * judged + (1 - self.likes) * (1 - judged)
        return (self.sensitivity - chance) / (1 - chance)
