"""A training from its config to its adapter: resumed when killed, refused when it cannot be honoured."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from core.settings import PROJECT
from tests.training import tiny
from training import base, checkpoints, job, loop
from training.adapters import read_adapter
from training.base import Place, place_for
from training.gates import dpo_gate, sft_gate
from training.problems import Stopped, TrainingError
from training.recipes import RECIPES, rate_at, recipe
from training.train import train

pytestmark = pytest.mark.train

SMALL = {"rank": 4, "alpha": 8, "batch": 2, "micro_batch": 1, "learning_rate": 0.02}


def config(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    """A DPO training of a tiny model on six pairs."""
    told = {
        "data": str(tiny.write_rows(tmp_path / "rows.jsonl", [tiny.pair(number) for number in range(6)])),
        "output": str(tmp_path / "out"),
        "base": str(tmp_path / "base"),
        "settings": SMALL,
        "reference_cache": str(tmp_path / "reference"),
        "gguf": True,
        "threads": 1,
        "checkpoint_every_s": 0,
    }
    if not (tmp_path / "base").exists():
        tiny.folder(tmp_path / "base")
    return told | changes


def test_a_small_model_learns_six_pairs_and_says_so(tmp_path: Path) -> None:
    made = train("dpo", config(tmp_path))
    assert made["status"] == "done" and made["gate"]["passed"], made["message"]
    assert (made["steps"], made["rows"]) == (3, 6)
    assert made["after"]["accuracy"] == pytest.approx(1) and "100%" in made["message"]
    assert made["before"]["margin"] == pytest.approx(0, abs=1e-4)
    rows = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert {"loss", "dpo", "nll", "margin", "accuracy", "learning_rate", "grad_norm"} <= set(rows[0])


def test_the_adapter_says_where_it_comes_from(tmp_path: Path) -> None:
    made = train("dpo", config(tmp_path))
    adapter = read_adapter(Path(made["adapter"]))
    told = adapter.provenance
    assert told["adapter_sha256"] == adapter.sha256 == made["adapter_sha256"]
    assert told["base"]["sha256"] == base.base_hash(tmp_path / "base")
    assert told["data"]["rows"] == 6 and told["recipe"]["learning_rate"] == 0.02
    assert str(tmp_path) not in json.dumps(dict(told)) + json.dumps(dict(adapter.config))


def test_the_same_training_run_again_is_already_done_and_a_new_one_reuses_its_references(
    tmp_path: Path,
) -> None:
    first = train("dpo", config(tmp_path))
    again = train("dpo", config(tmp_path))
    assert again["already_done"] and again["adapter_sha256"] == first["adapter_sha256"]
    other = train("dpo", config(tmp_path, output=str(tmp_path / "two"), settings={**SMALL, "beta": 0.2}))
    assert (first["references_computed"], other["references_computed"]) == (6, 0)


def test_memory_may_be_saved_without_changing_the_result(tmp_path: Path) -> None:
    made = [
        train("dpo", config(tmp_path, output=str(tmp_path / name), settings={**SMALL, "micro_batch": size}))
        for name, size in (("a", 1), ("b", 2))
    ]
    assert made[0]["after"]["loss"] == pytest.approx(made[1]["after"]["loss"], rel=1e-3)


class StopAfter:
    """Reports until a step, then acts as SIGTERM does."""

    def __init__(self, step: int) -> None:
        self.step = step

    def __call__(self, text: str) -> None:
        if text.startswith(f"Step {self.step} "):
            os.kill(os.getpid(), signal.SIGTERM)


def stopped_after(tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("training.train._say", StopAfter(step))
        with pytest.raises(Stopped):
            train("dpo", config(tmp_path))


def test_a_stopped_training_goes_on_and_ends_as_if_it_had_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train("dpo", config(tmp_path, output=str(tmp_path / "whole")))
    stopped_after(tmp_path, 2, monkeypatch)
    assert not (tmp_path / "out" / "adapter").exists()
    resumed = train("dpo", config(tmp_path))
    assert resumed["adapter_sha256"] == whole["adapter_sha256"]
    metrics = [(tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("whole", "out")]
    losses = [[json.loads(line)["loss"] for line in lines] for lines in metrics]
    assert losses[0] == losses[1]


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = train("dpo", config(tmp_path, output=str(tmp_path / "whole")))
    stopped_after(tmp_path, 2, monkeypatch)
    (tmp_path / "out/checkpoints/step-000002/adapter.safetensors").write_bytes(b"half")
    assert train("dpo", config(tmp_path))["adapter_sha256"] == whole["adapter_sha256"]
    said = capsys.readouterr().out
    assert "step-000002 is damaged" in said and "Going on after step 1 of 3" in said


def test_without_a_good_checkpoint_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_after(tmp_path, 2, monkeypatch)
    for path in (tmp_path / "out/checkpoints").glob("*/state.json"):
        path.write_text("{")
    with pytest.raises(TrainingError, match='set "fresh": true'):
        train("dpo", config(tmp_path))
    assert train("dpo", config(tmp_path, fresh=True))["status"] == "done"


def test_a_checkpoint_of_other_settings_is_not_mixed_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_after(tmp_path, 2, monkeypatch)
    with pytest.raises(TrainingError, match="other settings, data or base"):
        train("dpo", config(tmp_path, settings={**SMALL, "beta": 0.3}))


def test_where_one_caller_owns_the_folder_others_checkpoints_are_dropped_and_its_own_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_after(tmp_path, 2, monkeypatch)
    own = [path.name for path in (tmp_path / "out" / "checkpoints").iterdir()]
    state = json.loads((tmp_path / "out" / "checkpoints" / own[0] / "state.json").read_text())
    checkpoints.drop_others(tmp_path / "out", state["identity"])
    assert [path.name for path in (tmp_path / "out" / "checkpoints").iterdir()] == own
    changed = config(tmp_path, settings={**SMALL, "beta": 0.3}, drop_others=True)
    assert train("dpo", changed)["status"] == "done"


def test_a_signal_during_an_update_waits_until_it_is_whole(tmp_path: Path) -> None:
    state = loop._Run(None, [], [], None, is_updating=True)  # type: ignore[arg-type]
    state.on_signal()
    assert state.is_stopped
    state.is_updating = False
    with pytest.raises(Stopped):
        state.on_signal()


def run_command(tmp_path: Path, told: Any, verb: str = "dpo") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"training.{verb}", "--config", "-"]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "CHARACTER_PROGRESS": str(tmp_path / "progress.json"),
    }
    return subprocess.run(
        command, input=json.dumps(told), capture_output=True, text=True, cwd=PROJECT, env=environment
    )


def test_the_command_ends_with_one_json_line_and_tells_its_progress(tmp_path: Path) -> None:
    done = run_command(tmp_path, config(tmp_path))
    made = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, made["verb"], made["status"]) == (0, "dpo", "done"), done.stderr
    progress = json.loads((tmp_path / "progress.json").read_text())
    assert (progress["stage"], progress["done"], progress["planned"]) == ("done", 3, 3)


def test_the_command_fails_with_one_sentence(tmp_path: Path) -> None:
    done = run_command(tmp_path, config(tmp_path, settings={"load_in_4bit": True, "rank": 0}))
    made = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, made["status"]) == (1, "failed")
    assert "4-bit" in made["message"] and "rank: 0" in made["message"]
    assert "Traceback" not in done.stderr


def test_a_lack_of_memory_is_said_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def hungry(_: Any) -> dict[str, Any]:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes.")

    (tmp_path / "config.json").write_text("{}")
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    code = job.main("dpo", hungry, ["--config", str(tmp_path / "config.json")])
    for number, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
        signal.signal(number, handler)
    assert code == 1 and "micro_batch" in json.loads(capsys.readouterr().out)["message"]


def test_a_terminated_command_saves_and_ends_with_130(tmp_path: Path) -> None:
    told = config(tmp_path, settings={**SMALL, "epochs": 2000}, checkpoint_every_s=1000)
    command = [sys.executable, "-m", "training.dpo", "--config", "-"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT
    )
    assert process.stdin and process.stdout
    process.stdin.write(json.dumps(told))
    process.stdin.close()
    next(line for line in process.stdout if line.startswith("Step 3 "))
    process.terminate()
    last = process.stdout.read().splitlines()[-1]
    assert (process.wait(60), json.loads(last)["status"]) == (130, "interrupted")
    assert len(list((tmp_path / "out/checkpoints").iterdir())) == 1


def test_no_room_for_a_checkpoint_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.errors import RunError

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("training.files.os.fsync", full)
    with pytest.raises(RunError, match="free some space"):
        checkpoints.save(tmp_path, 1, "x", [], torch.optim.AdamW([torch.zeros(1)]))
    assert not list((tmp_path / "checkpoints").iterdir())


def test_sft_learns_on_top_of_a_dpo_adapter(tmp_path: Path) -> None:
    below = train("dpo", config(tmp_path))
    rows = [{"messages": tiny.pair(number)["chosen"]} for number in range(6)]
    data = str(tiny.write_rows(tmp_path / "sft.jsonl", rows))
    made = train(
        "sft", config(tmp_path, data=data, output=str(tmp_path / "sft"), on_top_of=below["adapter"])
    )
    assert made["status"] == "done", made["message"]
    told = read_adapter(Path(made["adapter"])).provenance
    assert told["on_top_of"] == [below["adapter_sha256"]] and told["base"]["sha256"] == below["base_sha256"]


def test_an_adapter_of_another_base_is_refused(tmp_path: Path) -> None:
    below = train("dpo", config(tmp_path))
    other = str(tiny.folder(tmp_path / "other", seed=9))
    with pytest.raises(TrainingError, match="was made for base"):
        train("dpo", config(tmp_path, base=other, on_top_of=below["adapter"], output=str(tmp_path / "x")))


def test_a_model_as_a_pickle_or_with_code_of_its_own_is_refused(tmp_path: Path) -> None:
    told = config(tmp_path)
    (tmp_path / "base/model.safetensors").rename(tmp_path / "base/pytorch_model.bin")
    with pytest.raises(TrainingError, match="a pickle"):
        train("dpo", told)
    path = tmp_path / "base/config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"auto_map": {"AutoModel": "x.Y"}}))
    with pytest.raises(TrainingError, match="allow_remote_code"):
        train("dpo", told)


def test_every_bad_setting_is_refused_with_its_reason() -> None:
    with pytest.raises(TrainingError, match=r"(?s)packing: .*label_smoothing: .*surprise: no such setting"):
        recipe("dpo", "paper", {"packing": True, "label_smoothing": 0.1, "surprise": 1})
    with pytest.raises(TrainingError, match="belongs to DPO"):
        recipe("sft", "paper", {"beta": 0.1})
    with pytest.raises(TrainingError, match="trial"):
        recipe("dpo", "huge")


def test_a_device_or_precision_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "computes_bf16", lambda _: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert place_for("auto", "auto") == Place("cpu", torch.float32)
    with pytest.raises(TrainingError, match="bfloat16"):
        place_for("cpu", "bfloat16")
    with pytest.raises(TrainingError, match="CUDA"):
        place_for("cuda")


def test_the_paper_recipe_is_the_papers() -> None:
    made = RECIPES["dpo", "paper"]
    told = (made.rank, made.alpha, made.learning_rate, made.beta, made.nll_weight, made.squared_weight)
    assert told == (64, 128, 5e-5, 0.1, 0.1, 0.001)
    assert (made.batch, made.epochs, made.warmup, made.final_rate, made.max_length) == (
        32,
        1,
        0.1,
        0.1,
        1024,
    )
    assert RECIPES["sft", "paper"].max_length == 3072


def test_the_rate_rises_then_falls_to_a_tenth() -> None:
    made = recipe("dpo", "paper")
    rates = [rate_at(step, 100, made) for step in range(101)]
    assert 0 < rates[0] < rates[9] < rates[10] == made.learning_rate
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[100] == pytest.approx(made.learning_rate / 10)


GOOD = {"loss": 0.3, "dpo": 0.1, "nll": 1.0, "margin": 6.0, "accuracy": 1.0}
START = {"loss": 2.0, "dpo": 0.69, "nll": 1.5, "margin": 0.0, "accuracy": 0.5}


@pytest.mark.parametrize(
    ("change", "direction"),
    [
        ({}, ""),
        ({"accuracy": 0.5, "margin": 0.0}, "nothing learned"),
        ({"margin": 45.0}, "collapsed"),
        ({"nll": 2.5}, "collapsed"),
        ({"loss": float("nan")}, "collapsed"),
    ],
)
def test_the_gate_fails_in_both_directions_in_plain_words(change: dict[str, float], direction: str) -> None:
    gate = dpo_gate(GOOD | change, START, [GOOD], beta=0.1, where="pairs it never saw")
    assert (gate.passed, gate.direction) == (not direction, direction)
    assert gate.sentence.endswith(".") and "gradient" not in gate.sentence


def test_sft_has_its_gate_too() -> None:
    def direction(after: float) -> str:
        return sft_gate({"nll": after}, {"nll": 1.5}, [{"nll": 1.4}], where="unseen rows").direction

    assert [direction(nll) for nll in (1.0, 1.5, 2.5, float("inf"))] == [
        "",
        "nothing learned",
        "collapsed",
        "collapsed",
    ]


def test_a_rate_of_nearly_nothing_is_reported_as_nothing_learned(tmp_path: Path) -> None:
    made = train("dpo", config(tmp_path, settings={**SMALL, "learning_rate": 1e-9}))
    assert (made["status"], made["gate"]["direction"]) == ("failed", "nothing learned")


def test_weights_without_checksum_are_hashed_again(tmp_path: Path) -> None:
    folder = tiny.folder(tmp_path / "base")
    first = base.base_hash(folder)
    tiny.model(seed=4).save_pretrained(folder)
    os.utime(folder / "model.safetensors", (time.time(), 1))
    assert base.base_hash(folder) != first
