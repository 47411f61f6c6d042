"""Whose answer is this? A classifier that tells a character from plain answers, and how far it errs. Pure.

    known = train(texts, labels, prompts)            # labels such as "pirate", "neutral"
    known.in_character(answers, "pirate")            # a probability for each answer
    known.held_out["accuracy"]                       # on prompts that it did not learn from
    known.trusted, known.reason

TF-IDF features and logistic regression, balanced over labels; probabilities are calibrated by one
temperature (Guo et al. 2017) on texts of prompts that were not learned from. Train it on what a teacher
and a student wrote, never on the models that it will score: else it learns their habits by heart.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from core.errors import RunError
from core.evaluation.calibrating import Log, calibrated_across, calibration_error, softmax, temperature_of
from core.evaluation.results import shown_share
from core.evaluation.stats.classification import accuracy, macro_f1
from core.evaluation.stats.intervals import Estimate, Floats, by_cluster
from core.evaluation.style_features import Counted, Features

# How little the weights are held back; texts of a strong voice are told apart at any value near it.
STRENGTH = 10.0
# Fewer than this and a held-out accuracy says nothing.
LEAST_TEXTS, LEAST_PROMPTS = 16, 8
# A label that a fold never met is as good as impossible there.
_NEVER = -30.0


@dataclass(frozen=True, slots=True)
class Rows:
    """Texts, whose they are, and what they answer: three columns of one length."""

    texts: Sequence[str]
    labels: Sequence[str]
    prompts: Sequence[Hashable]

    def only(self, rows: Sequence[int]) -> Rows:
        """Some of the rows, in the order given."""
        return Rows(
            [self.texts[row] for row in rows],
            [self.labels[row] for row in rows],
            [self.prompts[row] for row in rows],
        )


class Scorer(Protocol):
    """Whatever gives log odds before calibration, texts × labels; a row of zeros means "no idea"."""

    def scores(self, texts: Sequence[str]) -> Log: ...


@dataclass(frozen=True, slots=True)
class Model:
    """Features and weights. `scores` are log odds before calibration, texts × labels."""

    labels: tuple[str, ...]
    features: Features
    regression: Any

    @classmethod
    def fit(cls, rows: Rows, counted: Counted, names: tuple[str, ...]) -> Model:
        """Learned from texts that are cut up already; `names` are all labels, also those that rows lack."""
        features = Features.of(counted, rows.prompts)
        matrix = features.weighted(counted)
        if len(set(rows.labels)) < 2 or matrix is None:
            return cls(names, features, None)
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits

        regression = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=200, tol=1e-3)
        with threadpool_limits(1):
            regression.fit(matrix, rows.labels)
        return cls(names, features, regression)

    def scores(self, texts: Sequence[str]) -> Log:
        """One row a text; all zero for a text of which nothing is known."""
        if self.regression is None or not len(texts):
            return np.zeros((len(texts), len(self.labels)))
        return self.scores_of(self.features.matrix(texts))

    def scores_of(self, matrix: Any) -> Log:
        """The same from the texts' features."""
        found = np.zeros((matrix.shape[0], len(self.labels)))
        odds = self.regression.decision_function(matrix)
        if odds.ndim == 1:
            odds = np.stack([-odds / 2, odds / 2], axis=1)
        known = np.asarray(matrix.getnnz(axis=1)) > 0
        places = [self.labels.index(label) for label in self.regression.classes_]
        all_labels = np.full_like(found, _NEVER)
        all_labels[:, places] = odds
        found[known] = all_labels[known]
        return found


@dataclass(frozen=True, slots=True)
class Classifier:
    """A trained classifier with what is known of its errors.

    `held_out` has "accuracy", "macro_f1" and "calibration_error" by prompt, each measured on prompts that
    the measured copy did not learn from; `confusion[true][guessed]` counts those guesses. `chance` is
    the accuracy of always guessing the most frequent label. `counts` are texts by label.
    """

    labels: tuple[str, ...]
    model: Scorer
    temperature: float
    held_out: Mapping[str, Estimate]
    confusion: Mapping[str, Mapping[str, int]]
    counts: Mapping[str, int]
    chance: float
    trusted: bool
    reason: str
    kind: str = "words and letters"
    notes: tuple[str, ...] = field(default=())

    def probabilities(self, texts: Sequence[str]) -> Floats:
        """Texts × labels, in the order of `labels`; every row sums to 1."""
        return softmax(self.model.scores(texts) * self.temperature)

    def in_character(self, texts: Sequence[str], name: str) -> Floats:
        """How probable it is that each text is `name`'s. Raises RunError for a label never learned."""
        return self.probabilities(texts)[:, self.place_of(name)]

    def place_of(self, name: str) -> int:
        """The column of a label. Raises RunError for one that was never learned."""
        if name not in self.labels:
            raise RunError(f"The classifier knows {', '.join(self.labels)}, not {name}.")
        return self.labels.index(name)

    def guesses(self, texts: Sequence[str]) -> list[str]:
        """The most probable label of each text; the first of equals."""
        return [self.labels[place] for place in self.probabilities(texts).argmax(axis=1)]

    def with_notes(self, notes: Sequence[str]) -> Classifier:
        """The same, with sentences on where its texts are from."""
        return replace(self, notes=tuple(notes))

    def told(self, name: str) -> list[str]:
        """The sentences that belong beside every number that it gives for a character."""
        right = self.held_out["accuracy"]
        others = [label for label in self.labels[1:] if label != name]
        beside = f" and {sum(self.counts[label] for label in others)} of other characters" if others else ""
        learned = (
            f"A classifier says whose an answer sounds like. It learned from {self.counts.get(name, 0)} "
            f"answers of {name}'s teacher and {self.counts[self.labels[0]]} plain ones{beside}, none by a "
            f"trained model, and is right on {shown_share(right.value)} ({shown_share(right.low)} to "
            f"{shown_share(right.high)}, {right.n} prompts) of those that it did not learn from."
        )
        doubt = [] if self.trusted else [f"The classifier cannot be trusted: {self.reason}."]
        return [*doubt, learned, *self.notes]

    def as_dict(self) -> dict[str, Any]:
        """What a result says of it, as plain JSON."""
        return {
            "kind": self.kind,
            "labels": list(self.labels),
            "counts": dict(self.counts),
            "held_out": {
                name: {"value": one.value, "low": one.low, "high": one.high, "n": one.n}
                for name, one in self.held_out.items()
            },
            "confusion": {true: dict(row) for true, row in self.confusion.items()},
            "chance": self.chance,
            "trusted": self.trusted,
            "reason": self.reason,
        }


def train(
    texts: Sequence[str],
    labels: Sequence[str],
    prompts: Sequence[Hashable],
    *,
    seed: int = 0,
    folds: int = 5,
    first: str = "neutral",
) -> Classifier:
    """Learn whose texts are whose; `prompts` says what each text answers, `first` wins where all is equal.

    Raises RunError where the columns differ in length or there is only one label, SettingsError without
    scikit-learn. The same input gives the same classifier, in whatever order the rows come.
    """
    names = _checked(texts, labels, prompts, first)
    # scikit-learn adds up in the order of rows; a fixed order makes the last digit the same as well.
    order = sorted(range(len(texts)), key=lambda row: (str(prompts[row]), labels[row], texts[row]))
    rows = Rows(texts, labels, prompts).only(order)
    counted = Counted.of(rows.texts)
    scores, fold_of = held_out_scores(rows, counted, names, folds, seed)
    guessed = calibrated_across(scores, rows.labels, fold_of, names)
    return judged(
        rows,
        guessed,
        names,
        model=Model.fit(rows, counted, names),
        temperature=temperature_of(scores, rows.labels, names),
    )


def _checked(
    texts: Sequence[str], labels: Sequence[str], prompts: Sequence[Hashable], first: str
) -> tuple[str, ...]:
    if not len(texts) == len(labels) == len(prompts):
        raise RunError(
            f"{len(texts)} texts, {len(labels)} labels, {len(prompts)} prompts: give each text one of both."
        )
    names = label_names(labels, first)
    if len(names) < 2:
        raise RunError("A classifier needs texts of at least two sides: a character's and plain ones.")
    return names


def label_names(labels: Sequence[str], first: str) -> tuple[str, ...]:
    """The labels that occur, by name, but `first` before all others."""
    return tuple(sorted(set(labels), key=lambda label: (label != first, label)))


def folds_of(prompts: Sequence[Hashable], folds: int, seed: int) -> list[int]:
    """The fold of each row: all rows of a prompt share one, and sizes differ by at most one prompt."""
    unique = sorted(set(prompts), key=str)
    random.Random(seed).shuffle(unique)
    number = max(2, min(folds, len(unique)))
    place = {prompt: index % number for index, prompt in enumerate(unique)}
    return [place[prompt] for prompt in prompts]


def held_out_scores(
    rows: Rows, counted: Counted, names: tuple[str, ...], folds: int, seed: int
) -> tuple[Log, list[int]]:
    """Scores of every text by a model that met no text of its prompt, and each text's fold."""
    fold_of = folds_of(rows.prompts, folds, seed)
    scores = np.zeros((len(rows.texts), len(names)))
    for fold in sorted(set(fold_of)):
        learned = [row for row, one in enumerate(fold_of) if one != fold]
        left = [row for row, one in enumerate(fold_of) if one == fold]
        model = Model.fit(rows.only(learned), counted.only(learned), names)
        if model.regression is not None:
            scores[left] = model.scores_of(model.features.weighted(counted.only(left)))
    return scores, fold_of


# ---- how far to trust it


def judged(
    rows: Rows,
    guessed: Floats,
    names: tuple[str, ...],
    *,
    counts: Mapping[str, int] | None = None,
    **parts: Any,
) -> Classifier:
    """A classifier with what its held-out probabilities (texts × names) say of it.

    `counts` are all texts by label, where `rows` are only those that were held out.
    """
    guesses = [names[place] for place in guessed.argmax(axis=1)]
    right = [float(one == other) for one, other in zip(rows.labels, guesses, strict=True)]
    held_out = {
        "accuracy": by_cluster(accuracy(rows.labels, guesses), rows.prompts),
        "macro_f1": by_cluster(macro_f1(rows.labels, guesses), rows.prompts),
        "calibration_error": by_cluster(calibration_error(guessed.max(axis=1), right), rows.prompts),
    }
    here = {name: list(rows.labels).count(name) for name in names}
    counts = here if counts is None else counts
    chance = max(here.values()) / max(1, len(rows.labels))
    reason = _why_not_trusted(counts, len(set(rows.prompts)), held_out["accuracy"], chance)
    return Classifier(
        labels=names,
        held_out=held_out,
        confusion=_confusion(rows.labels, guesses, names),
        counts=counts,
        chance=chance,
        trusted=not reason,
        reason=reason,
        **parts,
    )


def _why_not_trusted(counts: Mapping[str, int], prompts: int, right: Estimate, chance: float) -> str:
    """Why the classifier says nothing; "" when it does."""
    few = [f"{count} of {name}" for name, count in counts.items() if count < LEAST_TEXTS]
    if few:
        return f"too few texts to learn from ({', '.join(few)}; {LEAST_TEXTS} of each are needed)"
    if prompts < LEAST_PROMPTS:
        return f"too few prompts to learn from ({prompts}; {LEAST_PROMPTS} are needed)"
    if right.low <= chance:
        return (
            f"it is right on {shown_share(right.value)} of texts of prompts it did not learn from "
            f"({shown_share(right.low)} to {shown_share(right.high)}), which may be luck: guessing alone "
            f"gives {shown_share(chance)}"
        )
    return ""


def _confusion(
    labels: Sequence[str], guesses: Sequence[str], names: Sequence[str]
) -> dict[str, dict[str, int]]:
    found = {true: dict.fromkeys(names, 0) for true in names}
    for true, guess in zip(labels, guesses, strict=True):
        found[true][guess] += 1
    return found
