"""`character merge`: which adapters are found, alone, together or as a sweep, and what is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from core.cli import local_training
from core.cli.local_training import merge
from core.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A data folder in which pirate has a DPO adapter trained here and an SFT adapter from Together."""
    found = load_settings(data=tmp_path / "data")
    for place in ("dpo/pirate/adapter", "sft/pirate"):
        folder = found.lora_path / f"smollm2-135m-{place}"
        folder.mkdir(parents=True)
        (folder / "adapter_config.json").write_text("{}")
    return found


def told(settings: Settings, monkeypatch: pytest.MonkeyPatch, *words: str) -> dict[str, Any]:
    """The config that a command hands to the trainer, or the error's words under "error"."""
    heard: dict[str, Any] = {}

    def child(module: str, config: dict[str, Any], *_: Any) -> dict[str, Any]:
        heard.update(config)
        return {"status": "done"}

    monkeypatch.setattr(local_training, "run_child", child)
    data = ["--data", str(settings.data_path), "--json"]
    result = CliRunner().invoke(merge, [*words, *data])
    return heard if result.exit_code == 0 else {"error": str(result.exception) or result.output}


def test_a_characters_own_adapters_are_found_wherever_they_were_trained(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = told(settings, monkeypatch, "--constitution", "pirate")
    assert config["adapters"] == [
        str(settings.lora_path / "smollm2-135m-dpo" / "pirate" / "adapter"),
        str(settings.lora_path / "smollm2-135m-sft" / "pirate"),
    ]
    assert config["weights"] == [1.0, 0.25]


def test_several_weights_are_a_sweep(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = ["--weights", "1", "0.25", "--weights", "1", "0.5"]
    config = told(settings, monkeypatch, "--constitution", "pirate", *sweep)
    assert config["weights"] == [[1.0, 0.25], [1.0, 0.5]]


def test_one_adapter_alone_makes_a_complete_model_without_the_other(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = told(settings, monkeypatch, "--constitution", "pirate", "--only", "dpo", "--full")
    assert (len(config["adapters"]), config["weights"], config["full"]) == (1, [1.0], True)
    assert config["base"] == "local/smollm2-135m"


def test_a_missing_adapter_names_the_verb_that_makes_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = json.dumps(told(settings, monkeypatch, "--constitution", "humor"))
    assert "character train dpo" in said
