"""What `character train --backend local` and `character merge` tell the trainer, before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.cli.local_training import proved
from core.errors import ModelError, RunError, SettingsError
from core.settings import Settings
from core.tuning import local
from core.tuning.local import HONOURED, NOT_HERE, config_of, require_trainer, run_child

FLAGS: dict[str, Any] = dict.fromkeys(
    [*HONOURED, *NOT_HERE, "constitution", "student", "model", "training_file", "validation_file", "preset"]
) | {"again": False, "from_base": False}


@pytest.fixture
def pairs(settings: Settings) -> Path:
    path = settings.data_path / "dpo" / "smollm2-135m" / "pirate.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("{}\n")
    return path


def test_the_embedded_students_own_pairs_are_found_and_the_trial_recipe_is_taken(
    settings: Settings, pairs: Path
) -> None:
    config = config_of("dpo", FLAGS | {"constitution": "pirate"}, settings)
    assert config["data"] == str(pairs)
    assert (config["base"], config["recipe"]) == ("local/smollm2-135m", "trial")
    assert config["output"] == str(settings.lora_path / "smollm2-135m-dpo" / "pirate")


def test_flags_keep_their_meaning_under_the_trainers_names(settings: Settings, pairs: Path) -> None:
    wishes = {"constitution": "pirate", "n_epochs": 2, "learning_rate": 1e-4, "rpo_alpha": 0.5, "lora_r": 8}
    config = config_of("dpo", FLAGS | wishes, settings)
    assert config["settings"] == {"epochs": 2, "learning_rate": 1e-4, "nll_weight": 0.5, "rank": 8}


def test_what_cannot_be_honoured_is_refused_all_at_once(settings: Settings, pairs: Path) -> None:
    wishes = {"constitution": "pirate", "full": True, "simpo_gamma": 0.5, "batch_size": "max"}
    with pytest.raises(SettingsError) as caught:
        config_of("dpo", FLAGS | wishes, settings)
    assert all(word in str(caught.value) for word in ("--full", "--simpo-gamma", "--batch-size max"))


def test_missing_pairs_name_the_verb_that_makes_them(settings: Settings) -> None:
    with pytest.raises(RunError, match="character dpo-data --constitution pirate"):
        config_of("dpo", FLAGS | {"constitution": "pirate"}, settings)


def test_sft_goes_on_from_the_characters_dpo_adapter_unless_told_otherwise(settings: Settings) -> None:
    rows = settings.data_path / "sft_data" / "smollm2-135m" / "pirate.jsonl"
    rows.parent.mkdir(parents=True)
    rows.write_text("{}\n")
    before = settings.lora_path / "smollm2-135m-dpo" / "pirate" / "adapter"
    assert "on_top_of" not in config_of("sft", FLAGS | {"constitution": "pirate"}, settings)
    before.mkdir(parents=True)
    assert config_of("sft", FLAGS | {"constitution": "pirate"}, settings)["on_top_of"] == str(before)
    told = FLAGS | {"constitution": "pirate", "from_base": True}
    assert "on_top_of" not in config_of("sft", told, settings)


def test_without_the_train_extra_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "NEEDS", ("no_such_package_anywhere",))
    with pytest.raises(SettingsError, match=r"pip install 'character-studio\[train\]'"):
        require_trainer()


def test_a_trainer_that_dies_without_a_word_is_an_error_and_no_result(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "NEEDS", ("json",))
    with pytest.raises(RunError, match="ended without a result"):
        run_child("training.no_such_module", {}, settings, lambda line: None)


@pytest.mark.parametrize(
    ("result", "flags", "base"),
    [
        ({"gguf": "adapter.gguf", "adapter": "a"}, {"no_proof": True}, "local/smollm2-135m"),
        ({"gguf": None, "adapter": "a"}, {}, "local/smollm2-135m"),
        ({"gguf": "adapter.gguf", "adapter": "a"}, {}, "/models/of somebody"),
    ],
)
def test_nothing_is_proved_where_it_was_not_wanted_or_cannot_be(
    settings: Settings, result: dict[str, Any], flags: dict[str, Any], base: str
) -> None:
    assert proved(result, flags, {"base": base}, settings) is None


def test_a_training_without_a_usable_adapter_is_never_called_proven(settings: Settings) -> None:
    with pytest.raises(ModelError, match="no adapter"):
        proved({"gguf": "x", "adapter": "nowhere"}, {}, {"base": "local/smollm2-135m"}, settings)
