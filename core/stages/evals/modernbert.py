"""The classifier as OpenCharacterTraining has it, ModernBERT, trained by a child process of its own.

MODEL_PATH/classifiers/<hash of what was learned>/    the model, and what it made of held-out texts
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.evaluation.calibrating import calibrated_across, temperature_of
from core.evaluation.classifier import (
    Classifier,
    Rows,
    Scorer,
    folds_of,
    judged,
    label_names,
)
from core.evaluation.stats.intervals import Floats
from core.records import content_hash
from core.settings import Settings
from core.tuning.local import require_trainer, run_child

MODULE = "training.classifier"
DEFAULT = "answerdotai/ModernBERT-base"
# A quarter of the prompts is held out: one training, where words and letters can afford five.
FOLDS = 4
Child = Callable[[dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class BertScorer(Scorer):
    """Scores texts with a trained model, in a child process."""

    folder: Path
    labels: tuple[str, ...]
    child: Child

    def scores(self, texts: Sequence[str]) -> Floats:
        """Log odds before calibration, texts × labels. Raises RunError with the child's own words."""
        if not len(texts):
            return np.zeros((0, len(self.labels)))
        told = self.child({"action": "score", "model": str(self.folder), "texts": list(texts)})
        return np.array(told["scores"], dtype=np.float64).reshape(len(texts), len(self.labels))


def child_of(settings: Settings, say: Callable[[str], None]) -> Child:
    """The child process, as a function of its config."""
    return lambda config: run_child(MODULE, config, settings, say)


def train_modernbert(
    rows: Rows,
    settings: Settings,
    *,
    model: str | None = None,
    first: str = "neutral",
    seed: int = 0,
    child: Child | None = None,
) -> Classifier:
    """ModernBERT trained on three quarters of the prompts and measured on the rest; a second call is quick.

    `model` is a folder or a Hugging Face id. Raises SettingsError without the train extra, RunError with
    what to do where its weights are not here.
    """
    require_trainer()
    names = label_names(rows.labels, first)
    fold_of = folds_of(rows.prompts, FOLDS, seed)
    start = str(Path(model).absolute()) if model and Path(model).is_dir() else model or DEFAULT
    config = {
        "action": "train",
        "model": start,
        "labels": list(names),
        "seed": seed,
        "rows": [
            {"text": text, "label": label, "held_out": fold == 0}
            for text, label, fold in zip(rows.texts, rows.labels, fold_of, strict=True)
        ],
    }
    folder = settings.model_path / "classifiers" / content_hash(config)[:12]
    run = child or child_of(settings, lambda line: None)
    told = run(config | {"output": str(folder)})
    return _measured(rows, names, fold_of, told["scores"], BertScorer(folder, names, run))


def _measured(
    rows: Rows, names: tuple[str, ...], fold_of: Sequence[int], scores: Any, scorer: Scorer
) -> Classifier:
    left = rows.only([place for place, fold in enumerate(fold_of) if fold == 0])
    found = np.array(scores, dtype=np.float64).reshape(len(left.texts), len(names))
    guessed = calibrated_across(found, left.labels, folds_of(left.prompts, 2, 0), names)
    return judged(
        left,
        guessed,
        names,
        counts={name: list(rows.labels).count(name) for name in names},
        model=scorer,
        temperature=temperature_of(found, left.labels, names),
        kind="ModernBERT",
    )
