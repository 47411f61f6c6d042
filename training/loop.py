"""The training loop: AdamW, a short warm-up, a cosine, checkpoints, one line of metrics a step.

A step is a whole batch; it is cut into micro-batches of like length, and no figure depends on the cut.
SIGTERM ends it at once: the last finished step is saved, and exit code 130 says so.
"""

from __future__ import annotations

import contextlib
import json
import math
import signal
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.jobs.progress import ProgressReporter
from core.store.disk import disk_trouble
from core.store.jsonl import write_atomic
from training import checkpoints
from training.data import Batch, Example, batches, collate
from training.losses import LossSettings, Spans, Terms, Whole, dpo_terms, sft_terms
from training.model import Trainee
from training.problems import Stopped
from training.recipes import Recipe, rate_at
from training.reference import References, gathered

METRICS = "metrics.jsonl"
SECONDS_BETWEEN_CHECKPOINTS = 30.0
Figures = dict[str, float]


@dataclass(slots=True)
class Training:
    """Everything one training needs. `identity` is the hash of settings, data and base."""

    trainee: Trainee
    recipe: Recipe
    examples: Sequence[Example]
    references: References | None
    output: Path
    identity: str
    device: str = "cpu"
    progress: ProgressReporter = field(default_factory=lambda: ProgressReporter(None))
    report: Callable[[str], None] = print
    checkpoint_every_s: float = SECONDS_BETWEEN_CHECKPOINTS

    def plan(self) -> list[list[int]]:
        """The rows of every step, over all epochs: the same whenever it is asked."""
        made, lengths = self.recipe, [one.length for one in self.examples]
        return [
            rows
            for epoch in range(made.epochs)
            for rows in batches(lengths, made.batch, order=made.order, seed=made.seed, epoch=epoch)
        ]

    def terms(self, examples: Sequence[Example], whole: Sequence[Example]) -> Terms:
        """The loss of some examples as their share of the batch `whole`."""
        batch = collate(examples).to(self.device)
        return self._terms_of(batch, examples, whole, self.trainee.log_probs(batch))

    def base_terms(self, examples: Sequence[Example], whole: Sequence[Example]) -> Terms:
        """The same for the model without its adapter; where there are references, they say it."""
        batch = collate(examples).to(self.device)
        if self.references is not None:
            policy = self._known(examples)
        else:
            with self.trainee.reference():
                policy = self.trainee.log_probs(batch)
        return self._terms_of(batch, examples, whole, policy)

    def _known(self, examples: Sequence[Example]) -> Tensor:
        assert self.references is not None
        return gathered([self.references.of(one) for one in examples], examples).to(self.device)

    def _terms_of(
        self, batch: Batch, examples: Sequence[Example], whole: Sequence[Example], policy: Tensor
    ) -> Terms:
        if self.references is None:
            return sft_terms(policy, sum(sum(flags) for one in whole for flags in one.learned))
        known = self._known(examples)
        made = self.recipe
        weights = LossSettings(made.beta, made.nll_weight, made.squared_weight, made.nll_mean)
        size = Whole(len(whole), sum(sum(one.learned[0]) for one in whole))
        return dpo_terms(policy, known, Spans.of(batch.lengths, self.device), weights, size)


def measure(training: Training, examples: Sequence[Example], *, base: bool = False) -> Figures:
    """The mean figures of rows, without training on them; with `base` the adapter is off."""
    total: Figures = {}
    terms = training.base_terms if base else training.terms
    with torch.no_grad():
        for part in micro_batches(examples, training.recipe.micro_batch * 2):
            _add(total, terms(part, examples))
    return total


def micro_batches(examples: Sequence[Example], size: int) -> list[list[Example]]:
    """A batch cut into parts of like length."""
    ordered = sorted(examples, key=lambda one: one.length)
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def _add(total: Figures, terms: Terms) -> None:
    for name, value in terms.figures.items():
        total[name] = total.get(name, 0.0) + float(value)


def run(training: Training) -> list[Figures]:
    """Train to the end and return the figures of each step. Raises Stopped after saving."""
    made, plan = training.recipe, training.plan()
    parameters = training.trainee.parameters()
    optimizer = torch.optim.AdamW(
        [value for _, value in parameters],
        lr=made.learning_rate,
        betas=made.betas,
        weight_decay=made.weight_decay,
    )
    state = _Run(training, plan, parameters, optimizer)
    state.resume()
    with _stoppable(state):
        state.go_on()
    return state.history


@dataclass(slots=True)
class _Run:
    training: Training
    plan: list[list[int]]
    parameters: list[tuple[str, Any]]
    optimizer: Any
    step: int = 0
    history: list[Figures] = field(default_factory=list)
    tokens: int = 0
    is_updating: bool = False
    is_stopped: bool = False
    saved_at: float = field(default_factory=time.monotonic)
    saved_step: int = 0

    def resume(self) -> None:
        found = checkpoints.newest(self.training.output, self.training.identity, self.training.report)
        self.history = read_metrics(self.training.output, found.step if found else 0)
        _rewrite_metrics(self.training.output, self.history)
        if found:
            checkpoints.load(found, self.parameters, self.optimizer)
            self.step = self.saved_step = found.step
            self.training.report(f"Going on after step {found.step} of {len(self.plan)}.")

    def go_on(self) -> None:
        try:
            while self.step < len(self.plan):
                self._one_step([self.training.examples[place] for place in self.plan[self.step]])
                if self.is_stopped:
                    raise Stopped
                self._save_when_due()
        except Stopped:
            self._save()
            raise

    def _one_step(self, whole: Sequence[Example]) -> None:
        started, figures = time.monotonic(), Figures()
        self.optimizer.zero_grad(set_to_none=True)
        for part in micro_batches(whole, self.training.recipe.micro_batch):
            terms = self.training.terms(part, whole)
            terms.loss.backward()
            _add(figures, terms)
        self._update(figures)
        figures |= {"seconds": round(time.monotonic() - started, 3), "rows": float(len(whole))}
        self._note(figures)

    def _update(self, figures: Figures) -> None:
        """One step of the optimiser; a signal waits until it is whole."""
        made = self.training.recipe
        rate = rate_at(self.step, len(self.plan), made)
        values = [value for _, value in self.parameters]
        norm = float(torch.nn.utils.clip_grad_norm_(values, made.clip))
        figures |= {"learning_rate": rate, "grad_norm": norm}
        self.is_updating = True
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        # A gradient that is no number would poison every weight; the gate sees it in the figures.
        if math.isfinite(norm):
            self.optimizer.step()
        self.step += 1
        self.is_updating = False

    def _note(self, figures: Figures) -> None:
        row = {"step": self.step, **figures}
        self.history.append(figures)
        _append_metrics(self.training.output, row)
        shown = {name: figures[name] for name in ("loss", "margin", "accuracy") if name in figures}
        self.training.progress.update(
            stage="train", done=self.step, planned=len(self.plan), figures=row, note=""
        )
        said = ", ".join(f"{name} {value:.3f}" for name, value in shown.items())
        self.training.report(f"Step {self.step} of {len(self.plan)}: {said}")

    def _save_when_due(self) -> None:
        due = time.monotonic() - self.saved_at >= self.training.checkpoint_every_s
        if due and self.step < len(self.plan):
            self._save()

    def _save(self) -> None:
        if self.step > self.saved_step:
            training = self.training
            checkpoints.save(training.output, self.step, training.identity, self.parameters, self.optimizer)
            self.saved_step = self.step
        self.saved_at = time.monotonic()

    def on_signal(self, *_: Any) -> None:
        """Between two updates nothing is lost by stopping at once; within one it waits."""
        self.is_stopped = True
        if not self.is_updating:
            _ignore_signals()
            raise Stopped


@contextlib.contextmanager
def _stoppable(state: _Run) -> Generator[None]:
    wanted = (signal.SIGTERM, signal.SIGINT)
    try:
        before = {number: signal.signal(number, state.on_signal) for number in wanted}
    except ValueError:  # not the main thread: somebody else minds the signals
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def _append_metrics(output: Path, row: dict[str, Any]) -> None:
    path = output / METRICS
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    except OSError as error:
        raise disk_trouble("write", path, error) from error


def read_metrics(output: Path, steps: int) -> list[Figures]:
    """The figures of the first `steps` steps in a metrics file; damaged lines are left out."""
    with contextlib.suppress(OSError):
        rows = [_figures(line) for line in (output / METRICS).read_text(encoding="utf-8").splitlines()]
        by_step = {int(row.pop("step")): row for row in rows if row}
        return [by_step[step] for step in range(1, steps + 1) if step in by_step]
    return []


def _figures(line: str) -> Figures | None:
    try:
        row = json.loads(line)
        return row if isinstance(row, dict) and "step" in row else None
    except ValueError:
        return None


def _rewrite_metrics(output: Path, history: Sequence[Figures]) -> None:
    """Steps after the last checkpoint are made again: their lines go."""
    output.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"step": step, **row}) + "\n" for step, row in enumerate(history, 1)]
    write_atomic(output / METRICS, "".join(lines))
