"""Which adapters the embedded model takes, at which strength, and under which name rows know them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from core.embedded.adapters import (
    CONFIG,
    GGUF,
    PROVENANCE,
    WEIGHTS,
    Wearing,
    adapter_names,
    checked_strength,
    find_adapter,
)
from core.embedded.fetch import sha256_of
from core.engines.opening import open_engine
from core.errors import ModelError, SettingsError
from core.names import ModelName, parse_model
from core.records import Message, Sampling, row_key
from core.settings import Settings
from core.stages.self_engine import self_engine, who_speaks
from tests.core.adapter_kit import write_adapter_folder, write_gguf_adapter

NAME = "smollm2-135m"
LOCAL = ModelName("local", NAME)


def place(settings: Settings, stage: str, name: str = "pirate") -> Path:
    return settings.lora_path / f"{NAME}-{stage}" / name / "adapter"


def test_an_adapter_is_found_by_its_folder_the_folder_above_or_its_characters_name(
    settings: Settings,
) -> None:
    folder = write_adapter_folder(place(settings, "dpo"))
    wishes = (folder, folder.parent, "pirate", "dpo/pirate")
    assert {find_adapter(settings, NAME, wish).folder for wish in wishes} == {folder}
    assert adapter_names(settings, NAME) == ["dpo/pirate"]


def test_a_merged_adapter_comes_before_those_it_was_made_of(settings: Settings) -> None:
    write_adapter_folder(place(settings, "dpo"))
    merged = write_adapter_folder(place(settings, "merged"), seed=2)
    assert find_adapter(settings, NAME, "pirate").folder == merged
    assert adapter_names(settings, NAME) == ["merged/pirate", "dpo/pirate"]


def test_a_name_that_is_not_there_lists_those_that_are(settings: Settings) -> None:
    with pytest.raises(ModelError, match=r"no adapter 'pirate'.*character train dpo --backend local"):
        find_adapter(settings, NAME, "pirate")
    write_adapter_folder(place(settings, "dpo"))
    with pytest.raises(ModelError, match=r"no adapter 'humour'.*there is dpo/pirate"):
        find_adapter(settings, NAME, "humour")


@pytest.mark.parametrize("name", ["dpo/..", "../dpo", "dpo/a/b", ""])
def test_no_name_leads_out_of_the_adapters_folder(settings: Settings, name: str) -> None:
    place(settings, "dpo").mkdir(parents=True)
    (settings.lora_path / CONFIG).write_text("{}")
    with pytest.raises(ModelError):
        find_adapter(settings, NAME, name)


def test_rows_know_an_adapter_by_its_weights_and_a_server_by_what_it_loads(settings: Settings) -> None:
    folder = write_adapter_folder(place(settings, "dpo"))
    found = find_adapter(settings, NAME, folder)
    assert found.sha256 == sha256_of(folder / WEIGHTS)
    assert found.gguf_sha256 == sha256_of(folder / GGUF)


def test_training_again_makes_another_adapter_in_the_same_process(settings: Settings) -> None:
    folder = write_adapter_folder(place(settings, "dpo"), seed=1)
    before = find_adapter(settings, NAME, folder)
    shutil.rmtree(folder)
    write_adapter_folder(folder, seed=2)
    after = find_adapter(settings, NAME, folder)
    assert before.sha256 != after.sha256 and before.gguf_sha256 != after.gguf_sha256


def test_a_gguf_of_older_weights_is_refused(settings: Settings) -> None:
    folder = write_adapter_folder(place(settings, "dpo"), made_from="0" * 64)
    with pytest.raises(ModelError, match="made from other weights"):
        find_adapter(settings, NAME, folder)


def test_a_gguf_alone_from_another_maker_is_known_by_its_own_hash(
    settings: Settings, tmp_path: Path
) -> None:
    gguf = write_gguf_adapter(tmp_path / GGUF)
    assert find_adapter(settings, NAME, tmp_path).sha256 == sha256_of(gguf)


def test_an_adapter_knows_what_it_was_trained_on_top_of(settings: Settings) -> None:
    folder = write_adapter_folder(place(settings, "sft"))
    assert find_adapter(settings, NAME, folder).on_top_of is None
    (folder / PROVENANCE).write_text(json.dumps({"on_top_of": ["d" * 64]}))
    assert find_adapter(settings, NAME, folder).on_top_of == "d" * 64


def test_without_a_gguf_the_cure_is_named(settings: Settings) -> None:
    folder = write_adapter_folder(place(settings, "dpo"))
    (folder / GGUF).unlink()
    with pytest.raises(ModelError, match=r"holds no adapter\.gguf.*character train --backend local"):
        find_adapter(settings, NAME, folder)


def test_a_damaged_gguf_is_an_error_that_names_the_file(settings: Settings) -> None:
    folder = write_adapter_folder(place(settings, "dpo"))
    (folder / GGUF).write_bytes(b"GGUF but nothing behind it")
    with pytest.raises(ModelError, match=r"adapter\.gguf is damaged"):
        find_adapter(settings, NAME, folder)


def test_a_pickle_in_place_of_safetensors_is_refused(settings: Settings) -> None:
    folder = write_adapter_folder(place(settings, "dpo"))
    (folder / WEIGHTS).rename(folder / "adapter_model.bin")
    with pytest.raises(ModelError, match="a pickle: loading it would run whatever code"):
        find_adapter(settings, NAME, folder)


def test_an_adapter_that_names_another_model_is_refused(settings: Settings) -> None:
    folder = write_adapter_folder(place(settings, "dpo"), base="meta-llama/Llama-3.1-8B-Instruct")
    with pytest.raises(ModelError, match=r"made for meta-llama/Llama-3.1-8B-Instruct.*train one here"):
        find_adapter(settings, NAME, folder)


def test_an_adapter_made_for_other_weights_of_the_same_name_is_refused(settings: Settings) -> None:
    from core.embedded.catalogue import MODELS

    folder = write_adapter_folder(place(settings, "dpo"))
    (folder / PROVENANCE).write_text(json.dumps({"base": {"sha256": "a" * 64}}))
    assert find_adapter(settings, NAME, folder)
    unpacked = settings.model_path / NAME / f"hf-{MODELS[NAME].sha256[:12]}"
    unpacked.mkdir(parents=True)
    (unpacked / "weights.json").write_text(json.dumps({"sha256": "b" * 64}))
    with pytest.raises(ModelError, match="its numbers mean nothing on"):
        find_adapter(settings, NAME, folder)


@pytest.mark.parametrize("strength", [-0.1, 1.51, float("nan"), float("inf")])
def test_a_strength_that_means_nothing_is_refused(strength: float) -> None:
    with pytest.raises(SettingsError, match=r"0 is the plain model, 1 the adapter as trained, 1\.5"):
        checked_strength(strength)


def test_every_strength_has_answers_of_its_own(settings: Settings) -> None:
    found = find_adapter(settings, NAME, write_adapter_folder(place(settings, "dpo")))
    engines = [open_engine(LOCAL, settings)]
    engines += [open_engine(LOCAL, settings, wearing=Wearing(found, one)) for one in (0.0, 0.5, 1.0)]
    keys = {
        row_key(
            [Message("user", "Hi")],
            model=NAME,
            identity=engine.identity,
            sampling=Sampling(),
            template_version="1",
            sample=0,
        )
        for engine in engines
    }
    assert len(keys) == 4


def test_no_other_provider_takes_the_plain_model_for_a_tuned_one(settings: Settings) -> None:
    found = find_adapter(settings, NAME, write_adapter_folder(place(settings, "dpo")))
    with pytest.raises(SettingsError, match="only local/ models can"):
        open_engine(parse_model("ollama/llama3"), settings, wearing=Wearing(found))


def test_reflections_wear_the_characters_own_dpo_adapter_and_say_so(settings: Settings) -> None:
    plain = self_engine(LOCAL, None, settings, "pirate")
    assert plain.identity.adapter is None
    assert "plain model, not one trained by DPO" in who_speaks(LOCAL, None, plain)
    write_adapter_folder(place(settings, "dpo"))
    worn = self_engine(LOCAL, None, settings, "pirate")
    wanted = find_adapter(settings, NAME, "dpo/pirate").sha256
    assert worn.identity.adapter == wanted and wanted[:12] in who_speaks(LOCAL, None, worn)
    assert self_engine(LOCAL, "none", settings, "pirate").identity.adapter is None
    assert self_engine(LOCAL, None, settings, "humor").identity.adapter is None
