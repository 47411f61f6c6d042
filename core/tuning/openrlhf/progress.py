"""What OpenRLHF's progress bars say, as rows of metrics: a row a step of the optimiser. Pure.

    Train step of epoch 0:  12%|█▏  | 6/50 [00:03<00:20, 2.1it/s, loss=0.69, acc=0.5, chosen_reward=0.1, …]
    Loaded the checkpoint: …/checkpoints, consumed_samples: 1600
    Eval stage of global_step 50: 100%|████| 10/10 [00:04<00:00, 2.4it/s, eval_loss=0.41, acc_mean=0.9]

    reading = Reading(kind, recipe, gpus)
    rows = reading.hear(line)          # [{"step": 3, "loss": 0.52, "margin": 0.8, …}]

It prints no other log. Its figures have three digits; a bar counts how often a GPU was fed, of which
several make a step. The names of our rows are those of the trainer on this computer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from core.formats import Kind
from core.tuning.openrlhf.recipe import Recipe, micro_steps

BAR = re.compile(
    r"(?P<title>Train step of epoch|Eval stage of (?:global_step|steps)) (?P<number>\d+):"
    r".*?\| *(?P<done>\d+)/(?P<total>\d+) \[(?P<rest>.*)\]"
)
FIGURE = re.compile(r"(?:^|, )(\w[\w ]*)=([-+.\w]+)")
RESUMED = re.compile(r"Loaded the checkpoint: .*consumed_samples: (\d+)")
OURS = {
    "loss": "dpo",
    "gpt_loss": "loss",
    "acc": "accuracy",
    "chosen_reward": "reward_chosen",
    "reject_reward": "reward_rejected",
    "nll_loss": "nll",
    "lr": "learning_rate",
    "grad_norm": "grad_norm",
    "eval_loss": "held_out_loss",
    "eval gpt_loss": "held_out_loss",
    "acc_mean": "held_out_accuracy",
}
# These belong to the step as a whole: its last word counts, not the mean.
LAST = ("learning_rate", "grad_norm")

Figures = dict[str, float]
Row = dict[str, float]


class Reading:
    """Follows the words of one training. `step` of `planned` steps are done.

    A checkpoint is `resumed_at` a step, 0 without; the rows after that are said again.
    """

    def __init__(self, kind: Kind, recipe: Recipe, gpus: int, planned: int) -> None:
        self.step = self.resumed_at = 0
        self.planned = planned
        self._kind, self._recipe = kind, recipe
        self._feeds = micro_steps(recipe, gpus)
        # Feeds of the bars before this one, and what the bar has said since it last moved.
        self._before = self._done = self._total = 0
        self._epoch: int | None = None
        self._said: list[Figures] = []
        self._window: list[Figures] = []
        self._spent: Figures = {}
        self._measured: Row | None = None

    def hear(self, line: str) -> list[Row]:
        """The rows that this line completes."""
        if found := RESUMED.search(line):
            self.resumed_at = self.step = int(found[1]) // self._recipe.batch
            return []
        bar = BAR.search(line)
        if bar is None:
            return []
        number, figures = int(bar["number"]), _figures(bar["rest"])
        if bar["title"].startswith("Eval"):
            return self._measure(number, figures)
        return self._measured_row() + self._train(number, int(bar["done"]), int(bar["total"]), figures)

    def finish(self) -> list[Row]:
        """The rows that were still open when the program ended."""
        # A bar that has moved repeats its old figures until there are new ones.
        if self._said and self._said[-1] == self._spent:
            self._said = []
        return self._moved() + self._measured_row()

    def _train(self, epoch: int, done: int, total: int, figures: Figures) -> list[Row]:
        is_new = epoch != self._epoch
        rows = self._moved() if is_new or done != self._done else []
        if is_new:
            self._before += self._total
            self._plan(epoch, total)
        self._epoch, self._done, self._total = epoch, done, total
        if figures:
            self._said.append(figures)
        return rows

    def _plan(self, epoch: int, total: int) -> None:
        """Steps in all: rows that OpenRLHF has dropped show in the length of its bar only."""
        left = self._before + total * (self._recipe.epochs - epoch)
        self.planned = max(self.step, self.resumed_at + left // self._feeds)

    def _moved(self) -> list[Row]:
        """What was said before the bar moves on: for SFT a step's feeds, for DPO its next one."""
        said, self._said = self._said, []
        if not said:
            return []
        self._spent = said[-1]
        if self._kind == "sft":
            is_whole = (self._before + self._done) % self._feeds == 0
            return [self._row(said[-self._feeds :])] if self._done and is_whole else []
        if self._done >= self._total:
            return []
        # DPO's bar tells the figures of a feed before it counts it.
        self._window.append(said[-1])
        if (self._before + self._done + 1) % self._feeds:
            return []
        window, self._window = self._window, []
        return [self._row(window)]

    def _row(self, said: Sequence[Figures]) -> Row:
        self.step += 1
        self.planned = max(self.planned, self.step)
        row: Row = {"step": self.step}
        for name in said[-1]:
            values = [figures[name] for figures in said if name in figures]
            row[name] = values[-1] if name in LAST else sum(values) / len(values)
        return row | self._sums(row)

    def _sums(self, row: Row) -> Row:
        if self._kind == "sft" or "dpo" not in row:
            return {}
        # OpenRLHF shows DPO's loss without the NLL term, which it does train on.
        sums = {"loss": row["dpo"] + (self._recipe.nll_weight or 0.0) * row.get("nll", 0.0)}
        if "reward_chosen" in row and "reward_rejected" in row:
            sums["margin"] = row["reward_chosen"] - row["reward_rejected"]
        return sums

    def _measure(self, step: int, figures: Figures) -> list[Row]:
        """A measurement is said bit by bit: its last word is kept until something else begins."""
        earlier = self._measured_row() if self._measured and self._measured["step"] != step else []
        if figures:
            self._measured = {"step": step, **figures}
        return earlier

    def _measured_row(self) -> list[Row]:
        row, self._measured = self._measured, None
        return [row] if row else []


def _figures(text: str) -> Figures:
    """The figures of a bar's end under our names; what is no number is NaN."""
    found: Figures = {}
    for name, value in FIGURE.findall(text):
        if name in OURS:
            try:
                found[OURS[name]] = float(value)
            except ValueError:
                found[OURS[name]] = math.nan
    return found
