"""OpenRLHF's progress bars, as the real tqdm draws them, become a row of metrics for each step."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest
from tqdm import tqdm

from core.tuning.openrlhf.cures import AGAIN, MEMORY, cure_for, last_words
from core.tuning.openrlhf.gate import gate_of
from core.tuning.openrlhf.progress import Reading
from core.tuning.openrlhf.recipe import recipe_of


def heard(reading: Reading, text: str) -> list[dict[str, float]]:
    rows = [row for line in text.replace("\r", "\n").split("\n") for row in reading.hear(line)]
    return rows + reading.finish()


def bar(total: int, title: str, out: io.StringIO, every: float = 0.0) -> tqdm[Any]:
    return tqdm(range(total), desc=title, file=out, mininterval=every, ncols=400)


def dpo(feeds: int, out: io.StringIO, *, every: float = 0.0, epoch: int = 0, start: int = 0) -> None:
    """The calls of OpenRLHF's DPO trainer: the figures first, then the count."""
    shown = bar(feeds, f"Train step of epoch {epoch}", out, every)
    for feed in range(start, start + feeds):
        shown.set_postfix({"loss": 0.69 - feed / 100, "acc": 0.5, "chosen_reward": 0.5})
        figures = {"loss": 0.69 - feed / 100, "acc": 0.5, "chosen_reward": 0.5, "reject_reward": -0.25}
        shown.set_postfix(figures | {"lr": 5e-5, "grad_norm": 1.0 + feed, "nll_loss": 2.0})
        shown.update()
    shown.close()


def sft(feeds: int, a_step: int, out: io.StringIO, *, every: float = 0.0) -> None:
    """The calls of its SFT trainer: a step's feeds are counted first, then each tells its figures."""
    shown = bar(feeds, "Train step of epoch 0", out, every)
    for feed in range(1, feeds + 1):
        shown.update()
        for part in range(a_step) if feed % a_step == 0 else ():
            shown.set_postfix({"gpt_loss": feed + part / 10, "lr": 1e-5, "grad_norm": part})
    shown.close()


# Bars are drawn at every count, or only where the figures change.
@pytest.mark.parametrize("every", [0.0, 1000.0])
def test_a_row_a_step_with_the_means_of_its_feeds(every: float) -> None:
    out, recipe = io.StringIO(), recipe_of("dpo", "llama-3.1-8b-it", {"batch_size": 8})
    dpo(12, out, every=every)
    reading = Reading("dpo", recipe, 1, 3)
    rows = heard(reading, out.getvalue())
    assert [row["step"] for row in rows] == [1, 2, 3] and reading.planned == 3
    assert rows[0]["dpo"] == pytest.approx(0.69 - (0 + 1 + 2 + 3) / 400)
    # The sum is what was trained on, which the bar does not show.
    assert rows[0]["loss"] == pytest.approx(rows[0]["dpo"] + 0.1 * 2.0)
    assert rows[1]["margin"] == pytest.approx(0.75)
    assert (rows[2]["accuracy"], rows[2]["grad_norm"], rows[2]["learning_rate"]) == (0.5, 12.0, 5e-5)


@pytest.mark.parametrize("every", [0.0, 1000.0])
def test_sft_tells_its_figures_after_the_count(every: float) -> None:
    out, recipe = io.StringIO(), recipe_of("sft", "llama-3.1-8b-it", {"batch_size": 8})
    sft(10, 4, out, every=every)
    reading = Reading("sft", recipe, 1, 2)
    rows = heard(reading, out.getvalue())
    assert [(row["step"], row["loss"]) for row in rows] == [
        (1, pytest.approx(4.15)),
        (2, pytest.approx(8.15)),
    ]
    assert rows[1]["grad_norm"] == 3


def test_a_resumed_training_counts_on_from_its_checkpoint() -> None:
    out, recipe = io.StringIO(), recipe_of("dpo", "llama-3.1-8b-it", {"batch_size": 8})
    out.write("Loaded the checkpoint: /w/checkpoints, consumed_samples: 16\n")
    dpo(8, out, start=8)
    reading = Reading("dpo", recipe, 1, 4)
    assert [row["step"] for row in heard(reading, out.getvalue())] == [3, 4]
    assert (reading.resumed_at, reading.planned) == (2, 4)


@pytest.mark.parametrize("every", [0.0, 1000.0])
def test_a_bar_cut_off_after_its_count_makes_no_step_of_its_own(every: float) -> None:
    out, recipe = io.StringIO(), recipe_of("dpo", "llama-3.1-8b-it", {"batch_size": 2})
    shown = bar(4, "Train step of epoch 0", out, every)
    for feed in range(2):
        shown.set_postfix({"loss": 0.69 - feed / 100, "acc": 0.5})
        shown.update()
    assert [row["step"] for row in heard(Reading("dpo", recipe, 1, 4), out.getvalue())] == [1, 2]


def test_several_passes_and_a_measurement_between_them() -> None:
    out = io.StringIO()
    recipe = recipe_of("dpo", "llama-3.1-8b-it", {"batch_size": 8, "n_epochs": 2})
    dpo(4, out)
    shown = bar(2, "Eval stage of global_step 1", out)
    shown.update()
    shown.set_postfix({"eval_loss": 0.41, "acc_mean": 0.9})
    shown.close()
    dpo(4, out, epoch=1)
    reading = Reading("dpo", recipe, 1, 99)
    rows = heard(reading, out.getvalue())
    assert rows[1] == {"step": 1, "held_out_loss": 0.41, "held_out_accuracy": 0.9}
    assert [row["step"] for row in rows] == [1, 1, 2] and reading.planned == 2


def test_a_loss_that_is_no_number_stays_one_to_be_seen() -> None:
    line = "Train step of epoch 0:   0%|      | 0/2 [00:00<?, ?it/s, loss=nan, acc=0, lr=1e-5]"
    recipe = recipe_of("dpo", "llama-3.1-8b-it", {"batch_size": 2})
    (row,) = heard(Reading("dpo", recipe, 1, 1), line + "\nsome other words | 3/4 [")
    assert math.isnan(row["dpo"])


@pytest.mark.parametrize(
    ("said", "code", "cure"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", 1, "--micro-batch 1"),
        ("ModuleNotFoundError: No module named 'flash_attn'", 1, AGAIN),
        ("[rank1]: torch.distributed.DistBackendError: NCCL error in: x.cpp:3", 1, "NCCL_SOCKET_IFNAME"),
        ("RuntimeError: Unable to proceed, no GPU resources available", 1, "nvidia-smi"),
        ("OSError: CUDA_HOME environment variable is not set", 1, "nvcc"),
        ("train_dpo.py: error: unrecognized arguments: --kl", 2, AGAIN),
        ("You are trying to access a gated repo.", 1, "HF_TOKEN"),
        ("Check that your dataset is not smaller than train_batch_size.", 1, "--max-length"),
        ("RuntimeError: launcher 'pdsh' not installed.", 1, "ssh"),
        ("EADDRINUSE", 1, "port"),
        ("OSError: [Errno 28] No space left on device", 1, "disk is full"),
        ("", 137, MEMORY),
    ],
)
def test_what_the_last_words_mean(said: str, code: int, cure: str) -> None:
    assert cure in cure_for(said, code)


def test_running_out_of_memory_is_named_although_nccl_complains_too() -> None:
    said = "[rank0]: torch.OutOfMemoryError: CUDA out of memory.\n[rank1]: DistBackendError: NCCL error"
    assert "--micro-batch" in cure_for(said, 1)
    assert last_words("Train step: 3% [1.2it/s]\r" + said).startswith("torch.OutOfMemoryError")


def curve(**last: float) -> list[dict[str, Any]]:
    """Twenty steps that begin as every DPO does and end as told."""
    begin = {"loss": 0.7, "dpo": 0.69, "nll": 1.0, "margin": 0.0, "accuracy": 0.5}
    end = {"loss": 0.3, "dpo": 0.2, "nll": 0.9, "margin": 6.0, "accuracy": 0.95} | last
    return [{"step": step} | (end if step > 10 else begin) for step in range(1, 21)]


@pytest.mark.parametrize(
    ("last", "direction"),
    [
        ({}, ""),
        ({"accuracy": 0.55}, "nothing learned"),
        ({"margin": 0.01}, "nothing learned"),
        ({"margin": 31.0}, "collapsed"),
        ({"nll": 1.6}, "collapsed"),
    ],
)
def test_dpo_fails_in_both_directions(last: dict[str, float], direction: str) -> None:
    gate = gate_of("dpo", recipe_of("dpo", "llama-3.1-8b-it", {}), curve(**last))
    assert (gate.direction, gate.passed) == (direction, not direction)


@pytest.mark.parametrize(
    ("first", "last", "steps", "direction"),
    [
        (2.0, 1.5, 20, ""),
        (2.0, 2.0, 20, "nothing learned"),
        (2.0, 2.6, 20, "collapsed"),
        (2.0, 2.0, 5, ""),
    ],
)
def test_sft_fails_in_both_directions(first: float, last: float, steps: int, direction: str) -> None:
    rows = [{"step": step, "loss": first if step <= steps // 2 else last} for step in range(1, steps + 1)]
    gate = gate_of("sft", recipe_of("sft", "llama-3.1-8b-it", {}), rows)
    assert (gate.direction, gate.passed) == (direction, not direction)


def test_a_preference_that_became_trivial_is_named_and_few_steps_are_no_verdict() -> None:
    recipe = recipe_of("dpo", "llama-3.1-8b-it", {})
    assert "trivial" in gate_of("dpo", recipe, curve(dpo=1e-4)).sentence
    few = gate_of("sft", recipe_of("sft", "llama-3.1-8b-it", {}), [{"step": 1, "loss": 2.0}])
    assert "too few" in few.sentence
