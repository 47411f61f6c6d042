"""ModernBERT as a classifier: three quarters of the prompts learned, kept once, honest without weights."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from transformers import ModernBertConfig, ModernBertForSequenceClassification

from core.cli import character
from core.errors import RunError, SettingsError
from core.evaluation.classifier import Rows
from core.settings import PROJECT, Settings
from core.stages.evals.keeping import latest
from core.stages.evals.modernbert import train_modernbert
from tests.core.eval_kit import taught
from tests.training import tiny
from training.classifier import load, scores_of, work
from training.job import main
from training.problems import TrainingError

pytestmark = pytest.mark.train

SEA, PLAIN = "arr matey ahoy aye ye".split(), "indeed therefore general various aspects".split()  # noqa: SIM905


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ModernBERT of some thousand random parameters, in a folder."""
    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    config = ModernBertConfig(
        vocab_size=258,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=256,
        pad_token_id=257,
        bos_token_id=256,
        eos_token_id=257,
        cls_token_id=256,
        sep_token_id=257,
        classifier_pooling="mean",
    )
    ModernBertForSequenceClassification(config).save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    return folder


def rows(prompts: int = 32) -> Rows:
    chance = random.Random(0)
    texts = [
        " ".join(chance.choice(words) for _ in range(8)) for _ in range(prompts) for words in (SEA, PLAIN)
    ]
    return Rows(texts, ["pirate", "neutral"] * prompts, [f"p{place // 2}" for place in range(2 * prompts)])


def config_of(bert: Path, output: Path, **changes: Any) -> dict[str, Any]:
    told = rows(12)
    return {
        "action": "train",
        "model": str(bert),
        "output": str(output),
        "labels": ["neutral", "pirate"],
        "rows": [
            {"text": text, "label": label, "held_out": place < 6}
            for place, (text, label) in enumerate(zip(told.texts, told.labels, strict=True))
        ],
        "epochs": 2,
        "learning_rate": 0.01,
        "threads": 1,
    } | changes


def quick(config: dict[str, Any]) -> Any:
    """The child's work in this process, with more and larger steps than a real model wants."""
    faster = {"epochs": 12, "learning_rate": 0.01} if config["action"] == "train" else {}
    return work(config | faster)


def test_two_voices_are_told_apart_on_prompts_that_were_held_out(bert: Path, settings: Settings) -> None:
    known = train_modernbert(rows(), settings, model=str(bert), child=quick)
    assert known.kind == "ModernBERT" and known.labels == ("neutral", "pirate")
    assert known.held_out["accuracy"].n == 8 and known.held_out["accuracy"].value > 0.9
    assert known.counts == {"neutral": 32, "pirate": 32} and known.trusted
    assert known.guesses(["ahoy matey arr", "various general aspects"]) == ["pirate", "neutral"]
    assert np.allclose(known.probabilities(["ahoy"]).sum(), 1)


def test_what_is_held_out_is_not_learned_from_and_no_prompt_is_on_both_sides(
    bert: Path, settings: Settings
) -> None:
    seen: list[dict[str, Any]] = []

    def child(config: dict[str, Any]) -> Any:
        seen.append(config)
        return quick(config)

    told = rows()
    train_modernbert(told, settings, model=str(bert), child=child)
    sides: dict[str, set[bool]] = {}
    for prompt, row in zip(told.prompts, seen[0]["rows"], strict=True):
        sides.setdefault(str(prompt), set()).add(row["held_out"])
    assert all(len(found) == 1 for found in sides.values())
    assert sum(found == {True} for found in sides.values()) == 8


def test_the_same_again_is_done_already_and_other_texts_are_not(bert: Path, tmp_path: Path) -> None:
    first = work(config_of(bert, tmp_path / "one"))
    again = work(config_of(bert, tmp_path / "one"))
    assert again["already_done"] and again["scores"] == first["scores"] and first["learned"] == 18
    assert "already_done" not in work(config_of(bert, tmp_path / "one", seed=3))


def test_scores_keep_the_order_of_texts_and_do_not_depend_on_company(bert: Path) -> None:
    model, tokenizer = load(str(bert), ["neutral", "pirate"])
    texts = ["arr " * 30, "aye", "indeed " * 7, "ye"]
    together = scores_of(model, tokenizer, texts, 128)
    alone = [scores_of(model, tokenizer, [text], 128)[0] for text in texts]
    assert np.allclose(together, alone, atol=1e-3)
    assert scores_of(model, tokenizer, [], 128) == []


def test_a_config_that_cannot_be_used_says_everything_at_once(bert: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"texts: 3 is not a list.*|model: missing.*texts"):
        work({"action": "score", "texts": 3})
    with pytest.raises(TrainingError, match="no action 'guess'"):
        work({"action": "guess", "model": "x"})
    with pytest.raises(TrainingError, match="needs output, labels, rows"):
        work({"action": "train", "model": "x"})


def test_without_weights_it_says_how_to_get_them(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(TrainingError, match=r"hf download answerdotai/ModernBERT-base.*--classifier words"):
        work(config_of(tmp_path / "nowhere", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_pickle_is_refused(bert: Path, tmp_path: Path) -> None:
    for path in bert.iterdir():
        if path.suffix != ".safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(TrainingError, match="a pickle"):
        work(config_of(tmp_path, tmp_path / "out"))


def test_the_child_trains_by_argv_and_its_last_line_is_its_result(bert: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "training.classifier", "--config", "-"],
        input=json.dumps(config_of(bert, tmp_path / "out", epochs=1)),
        capture_output=True,
        text=True,
        cwd=PROJECT,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0 and told["status"] == "done" and len(told["scores"]) == 6
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_from_a_real_child_an_error_reaches_the_person_in_its_own_words(
    tmp_path: Path, settings: Settings
) -> None:
    with pytest.raises(RunError, match="There are no usable weights"):
        train_modernbert(rows(), settings, model="nobody/no-such-model")


def test_a_failed_command_ends_with_code_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"action": "guess", "model": "x"}')
    assert main("classifier", work, ["--config", str(path)]) == 1
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["status"] == "failed"


def test_the_verb_takes_modernbert_in_place_of_words(bert: Path, tmp_path: Path) -> None:
    """Random weights learn nothing in a few steps, and the result says that it means nothing."""
    session = taught(tmp_path / "data")
    words = (
        "eval robustness --constitution pirate --model fake/parrot --tuned fake/other --N 3 --variant v0"
    )
    flags = [*words.split(), "--control", "base", "--data", str(tmp_path / "data")]
    done = CliRunner().invoke(
        character, [*flags, "--classifier", "modernbert", "--classifier-model", str(bert)]
    )
    assert done.exit_code == 0, done.exception
    assert session.run is not None
    kept = latest(session.run, "robustness")
    assert kept is not None and kept.details["classifier"]["kind"] == "ModernBERT"
    assert kept.headline.startswith("No verdict on Pirate") and len(kept.rows) == 6
    assert list((tmp_path / "data" / "models" / "classifiers").glob("*/model.safetensors"))


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr("core.tuning.local.NEEDS", ("no_such_torch",))
    with pytest.raises(SettingsError, match=r"character-studio\[train\]"):
        train_modernbert(rows(), settings)
