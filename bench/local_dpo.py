"""Local DPO against TRL's stock DPOTrainer: the same rows and settings, each in a process of its own.

    python -m bench.local_dpo --data data/dpo/smollm2-135m/pirate.jsonl    pairs a second, memory, loss
    python -m bench.local_dpo --data … --same-order                        one batch order, loss by loss
    … --precision bfloat16 --rows 32 --held-out 8 --rounds 2

Time runs from the loaded model to the trained adapter: tokens, references (cold), every step. The squared
term is off and the NLL is TRL's mean over tokens. TRL's gradient checkpointing, a slow default, is off.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from core.settings import PROJECT, load_settings

SETTINGS = {
    "learning_rate": 1e-3,
    "nll_weight": 1.0,
    "squared_weight": 0.0,
    "nll_mean": "token",
    "batch": 4,
    "micro_batch": 4,
    "warmup": 0.0,
    "rank": 16,
    "alpha": 32,
    "max_length": 1024,
}
Result = dict[str, Any]


def read_flags(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--base", default="local/smollm2-135m")
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--held-out", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--same-order", action="store_true")
    parser.add_argument("--side", choices=("ours", "trl"), help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def opened(flags: argparse.Namespace) -> Any:
    """The base model in 32 bits."""
    import torch

    from training.base import Place, open_base

    torch.set_num_threads(flags.threads)
    return open_base(load_settings(), flags.base, Place("cpu", torch.float32), report=lambda _: None)


def rows_of(flags: argparse.Namespace) -> tuple[list[Any], list[Any]]:
    """Rows to train on, and rows to measure with."""
    rows = [json.loads(line) for line in flags.data.read_text(encoding="utf-8").splitlines() if line]
    train = rows[: min(flags.rows, len(rows) - flags.held_out)]
    return train, rows[len(train) : len(train) + flags.held_out]


def start_alike(model: Any) -> None:
    """The same first adapter on both sides, whatever each library draws."""
    import torch

    draw = torch.Generator().manual_seed(7)
    for name, value in sorted(model.named_parameters()):
        if "lora_A" in name:
            value.data.copy_((torch.rand(value.shape, generator=draw) * 2 - 1) / value.shape[1] ** 0.5)


def ours(flags: argparse.Namespace) -> Result:
    """Our own loop, its reference cache empty."""
    import torch

    from training import loop
    from training.data import encoder, read_dataset
    from training.job import prepare_process
    from training.model import with_adapter
    from training.recipes import recipe
    from training.reference import References

    prepare_process()
    base = opened(flags)
    made = recipe("dpo", "trial", {**SETTINGS, "order": "given" if flags.same_order else "length"})
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("train.jsonl", "held.jsonl")]
        for path, rows in zip(files, rows_of(flags), strict=True):
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        began = time.monotonic()
        encode = encoder(base.tokenizer, base.template)
        train, held = (read_dataset(path, "dpo", encode, made.max_length).examples for path in files)
        trainee = with_adapter(base.model, made, getattr(torch, flags.precision))
        start_alike(trainee.peft)
        known = References(Path(folder), "cold" * 16)
        known.fill(trainee, train, "cpu", lambda *_: None)
        job = loop.Training(
            trainee, made, train, known, Path(folder) / "out", "bench", report=lambda _: None
        )
        steps = loop.run(job)
        seconds = time.monotonic() - began
        known.fill(trainee, held, "cpu", lambda *_: None)
        losses = [step["loss"] for step in steps]
        return result(seconds, len(train), losses, loop.measure(job, held)["loss"])


def trl(flags: argparse.Namespace) -> Result:
    """TRL's trainer as it comes, told to use the processor."""
    import peft
    from datasets import Dataset
    from transformers.utils import logging
    from trl import DPOConfig, DPOTrainer

    from training.model import linear_targets

    logging.disable_progress_bar()
    base = opened(flags)
    base.tokenizer.chat_template = base.template
    train, held = rows_of(flags)
    with tempfile.TemporaryDirectory() as folder:
        config = DPOConfig(output_dir=folder, **trl_settings(flags, len(held)))
        adapter = peft.LoraConfig(
            r=16, lora_alpha=32, target_modules=linear_targets(base.model), task_type="CAUSAL_LM"
        )
        began = time.monotonic()
        trainer = DPOTrainer(
            base.model,
            args=config,
            train_dataset=Dataset.from_list(train),
            eval_dataset=Dataset.from_list(held),
            processing_class=base.tokenizer,
            peft_config=adapter,
        )
        start_alike(trainer.model)
        trainer.train()
        seconds = time.monotonic() - began
        losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
        return result(seconds, len(train), losses, trainer.evaluate()["eval_loss"])


def trl_settings(flags: argparse.Namespace, held: int) -> dict[str, Any]:
    """Our settings under TRL's names."""
    order = {"train_sampling_strategy": "sequential"} if flags.same_order else {}
    return {
        "beta": 0.1,
        "loss_type": ["sigmoid", "sft"],
        "loss_weights": [1.0, SETTINGS["nll_weight"]],
        "learning_rate": SETTINGS["learning_rate"],
        "per_device_train_batch_size": SETTINGS["batch"],
        "per_device_eval_batch_size": max(1, held),
        "num_train_epochs": 1,
        "lr_scheduler_type": "cosine_with_min_lr",
        "lr_scheduler_kwargs": {"min_lr_rate": 0.1},
        "adam_beta2": 0.98,
        "max_length": SETTINGS["max_length"],
        "use_cpu": True,
        "bf16": flags.precision == "bfloat16",
        "gradient_checkpointing": False,
        "dataloader_pin_memory": False,
        "optim": "adamw_torch",
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        **order,
    }


def result(seconds: float, pairs: int, losses: list[float], held_out: float) -> Result:
    """What a side reports; memory is the process's peak."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1024)
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(time.process_time(), 1),
        "pairs_per_second": pairs / seconds,
        "losses": losses,
        "held_out_loss": held_out,
        "peak_mib": round(peak),
    }


def measured(side: str) -> Result:
    """One side in a process of its own."""
    command = [sys.executable, "-m", "bench.local_dpo", *sys.argv[1:], "--side", side]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT)
    if done.returncode:
        sys.exit(f"{side} failed:\n{done.stderr[-3000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{side:5} {found['pairs_per_second']:.3f} pairs/s  {found['seconds']:.1f} s  "
        f"processor {found['cpu_seconds']:.0f} s  peak {found['peak_mib']} MiB  "
        f"held-out loss {found['held_out_loss']:.4f}",
        flush=True,
    )
    return found


def compare(flags: argparse.Namespace) -> None:
    """Both sides in turn; the best round of each counts."""
    rounds = [(measured("ours"), measured("trl")) for _ in range(flags.rounds)]
    best = [max(side, key=lambda one: one["pairs_per_second"]) for side in zip(*rounds, strict=True)]
    print(f"ratio {best[0]['pairs_per_second'] / best[1]['pairs_per_second']:.2f} ({flags.precision})")
    if flags.same_order:
        apart = [abs(a - b) for a, b in zip(best[0]["losses"], best[1]["losses"], strict=True)]
        print("losses ours", [round(one, 4) for one in best[0]["losses"]])
        print("losses TRL ", [round(one, 4) for one in best[1]["losses"]])
        print(f"largest difference at a step: {max(apart):.1e} (TRL rounds what it logs)")


def main() -> None:
    """Compare, or be one of the two."""
    flags = read_flags()
    flags.data = flags.data.absolute()
    if flags.side:
        print(json.dumps(ours(flags) if flags.side == "ours" else trl(flags)))
    else:
        compare(flags)


if __name__ == "__main__":
    main()
