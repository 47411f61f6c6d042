"""A stand-in for the programs `deepspeed` and `ray` of OpenRLHF's environment: their words, bars and files.

Placed as `bin/deepspeed` and `bin/ray`. What it does is told by variables, so that its words stay theirs:
FAKE_OPENRLHF_RECORD a folder for argv, environment and process ids · FAKE_OPENRLHF_DIES "STEP WORDS": it
ends so after that step · FAKE_OPENRLHF_HANGS a step after which it waits · FAKE_OPENRLHF_LOSS,
FAKE_OPENRLHF_ACC what it says of loss and accuracy · FAKE_OPENRLHF_WRITES "pickle": the adapter is one.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

WORKER = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(60)"
LAYERS = ("language_model.layers.0.self_attn.q_proj", "vision_tower.layers.0.self_attn.q_proj")


def main() -> None:
    """Train as `deepspeed --module openrlhf.cli.train_dpo` would, or pass it on as Ray does."""
    if Path(sys.argv[0]).name == "ray":
        ray()
    else:
        train(words())


def ray() -> None:
    """`ray job submit … -- COMMAND` runs the command; `ray job stop` is only noted."""
    record("ray-" + sys.argv[2], [])
    if sys.argv[2] == "submit":
        command = sys.argv[sys.argv.index("--") + 1 :]
        sys.exit(subprocess.run(command).returncode)


def words() -> argparse.Namespace:
    """The words that matter here; the others are accepted."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("--module", "--data.dataset", "--ckpt.output_dir", "--ckpt.path", "--eval.dataset"):
        parser.add_argument(name)
    for name in ("--train.batch_size", "--train.micro_batch_size", "--ckpt.save_steps"):
        parser.add_argument(name, type=int)
    parser.add_argument("--ckpt.load_enable", action="store_true")
    return parser.parse_known_args()[0]


def train(asked: argparse.Namespace) -> None:
    """Draw the bars, write checkpoints, write the adapter."""
    told = vars(asked)
    record("deepspeed", [os.getpid(), *start_worker()])
    rows = len(Path(told["data.dataset"]).read_text(encoding="utf-8").splitlines())
    batch, micro = told["train.batch_size"], told["train.micro_batch_size"]
    done = resumed(Path(told["ckpt.path"]), batch)
    print("Loading checkpoint shards: 100%", flush=True)
    (draw_sft if told["module"].endswith("sft") else draw_dpo)(rows // batch, batch // micro, done, told)
    write_adapter(Path(told["ckpt.output_dir"]))


def start_worker() -> list[int]:
    """A worker as NCCL leaves them behind: deaf to SIGTERM, in a group of its own."""
    if "FAKE_OPENRLHF_HANGS" not in os.environ:
        return []
    return [subprocess.Popen([sys.executable, "-c", WORKER], env={}, start_new_session=True).pid]


def resumed(path: Path, batch: int) -> int:
    """The steps of the newest checkpoint, said as OpenRLHF says them."""
    if not (path / "latest").exists():
        return 0
    done = int((path / "latest").read_text())
    print(f"Loaded the checkpoint: {path}, consumed_samples: {done * batch}", flush=True)
    return done


def draw_dpo(steps: int, feeds: int, done: int, told: dict[str, Any]) -> None:
    """The DPO trainer's bar: the figures of a feed, then its count."""
    bar = bar_of((steps - done) * feeds)
    for step in range(done + 1, steps + 1):
        for _ in range(feeds):
            rewards = {"chosen_reward": step / 10, "reject_reward": -step / 10}
            accuracy = float(os.environ.get("FAKE_OPENRLHF_ACC", "1"))
            bar.set_postfix({"loss": loss(step), "acc": accuracy, **rewards, "lr": 5e-5, "grad_norm": 1.0})
            bar.update()
        after(step, told)
    bar.close()


def draw_sft(steps: int, feeds: int, done: int, told: dict[str, Any]) -> None:
    """The SFT trainer's bar: a step's feeds are counted, then they tell their figures."""
    bar = bar_of((steps - done) * feeds)
    for step in range(done + 1, steps + 1):
        bar.update(feeds)
        for _ in range(feeds):
            bar.set_postfix({"gpt_loss": loss(step), "lr": 5e-5, "grad_norm": 1.0})
        after(step, told)
    bar.close()


def bar_of(total: int) -> Any:
    from tqdm import tqdm

    return tqdm(range(total), desc="Train step of epoch 0")


def loss(step: int) -> float:
    told = os.environ.get("FAKE_OPENRLHF_LOSS")
    return float(told) if told else 0.7 / step


def after(step: int, told: dict[str, Any]) -> None:
    """What happens between two steps."""
    if step % told["ckpt.save_steps"] == 0:
        folder = Path(told["ckpt.path"])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "latest").write_text(str(step))
    at, _, said = os.environ.get("FAKE_OPENRLHF_DIES", "").partition(" ")
    if at == str(step):
        print(f"\n[rank0]: {said}", file=sys.stderr, flush=True)
        sys.exit(1)
    if os.environ.get("FAKE_OPENRLHF_HANGS") == str(step):
        print("\nwaiting", flush=True)
        time.sleep(600)


def write_adapter(folder: Path) -> None:
    """What PEFT writes: a layer of the text part, and one of the image part that never moved."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "bias": "none"}
    base = {"base_model_name_or_path": "/some/folder"}
    (folder / "adapter_config.json").write_text(json.dumps(about | base))
    if os.environ.get("FAKE_OPENRLHF_WRITES") == "pickle":
        (folder / "adapter_model.bin").write_bytes(b"\x80\x04")
        return
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for layer in reversed(LAYERS):
        for side in "AB":
            values = (0.0,) * 4 if (side, layer) == ("B", LAYERS[1]) else (1.0, 2.0, 3.0, 4.0)
            place = [len(data), len(data) + 16]
            entry = {"dtype": "F32", "shape": [2, 2], "data_offsets": place}
            header[f"base_model.model.{layer}.lora_{side}.weight"] = entry
            data += struct.pack("<4f", *values)
    text = json.dumps(header).encode()
    (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)


def record(name: str, pids: list[int]) -> None:
    """Leave what the tests look at."""
    if folder := os.environ.get("FAKE_OPENRLHF_RECORD"):
        count = len(list(Path(folder).glob(f"{name}-*.json"))) + 1
        found = {"argv": sys.argv, "environment": dict(os.environ), "pids": pids}
        part = Path(folder) / f"{name}.part"
        part.write_text(json.dumps(found))
        part.replace(Path(folder) / f"{name}-{count}.json")


if __name__ == "__main__":
    main()
