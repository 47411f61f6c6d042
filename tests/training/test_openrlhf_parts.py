"""What OpenRLHF's backend relies on, held against the real transformers, PEFT and our own merge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peft
import pytest
import safetensors.torch
import torch
import transformers

from core.settings import Settings
from core.tuning.openrlhf.plan import complete_model
from core.tuning.openrlhf.recipe import GEMMA_MODULES
from core.tuning.register import register_folder
from core.tuning.weights import copy_without_image_part
from tests.training import tiny
from tests.training.test_merging import adapter
from training import merge
from training.adapters import read_adapter

pytestmark = pytest.mark.train
TEXT = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "head_dim": 16}
IMAGE = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}


@pytest.fixture
def gemma() -> Any:
    """Gemma 3 as OpenRLHF loads it, image part and all, very small."""
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 300, "sliding_window": 16}
    config = transformers.Gemma3Config(
        text_config=TEXT | heads, vision_config=IMAGE | {"image_size": 28, "patch_size": 14}
    )
    return transformers.Gemma3ForConditionalGeneration(config)


def with_lora(model: Any, modules: list[str]) -> Any:
    """The adapter that OpenRLHF's `Actor` puts on a model."""
    task = peft.TaskType.CAUSAL_LM
    return peft.get_peft_model(model, peft.LoraConfig(task_type=task, r=2, target_modules=modules))


def test_gemmas_layers_have_the_recipes_names_and_the_image_part_learns_nothing(
    gemma: Any, tmp_path: Path
) -> None:
    model = with_lora(gemma, list(GEMMA_MODULES))
    parameters = {name: value for name, value in model.named_parameters() if ".lora_" in name}
    text = {name.split(".lora_")[0] for name in parameters if ".language_model." in name}
    assert {name.rsplit(".", 1)[-1] for name in text} == set(GEMMA_MODULES)
    ids = torch.randint(3, 290, (2, 12))
    model.train()(ids, attention_mask=torch.ones_like(ids)).logits.float().sum().backward()
    moved = {name for name, value in parameters.items() if value.grad is not None and value.grad.any()}
    assert moved and not any("vision" in name for name in moved)
    model.save_pretrained(tmp_path)
    target = tmp_path / "text.safetensors"
    assert copy_without_image_part(tmp_path / "adapter_model.safetensors", target) == 6
    left = safetensors.torch.load_file(target)
    assert len(left) == 2 * len(text) and not any("vision" in name for name in left)


@pytest.mark.parametrize("name", ["gate_up_proj", "all-linear"])
def test_octs_name_for_gate_and_up_finds_no_layer_and_all_linear_is_no_name(gemma: Any, name: str) -> None:
    with pytest.raises(ValueError, match="not found in the base model"):
        with_lora(gemma, [name])


def test_the_two_stages_of_openrlhf_end_in_one_merge(tmp_path: Path, settings: Settings) -> None:
    base = tiny.folder(tmp_path / "base")
    dpo = adapter(tmp_path / "dpo", base)
    # The command that the refusal shows: the adapter twice, the second time at weight 0.
    told = {"adapters": [str(dpo), str(dpo)], "weights": [1.0, 0.0], "full": True, "base": str(base)}
    merge.work(told | {"output": str(tmp_path / "complete")})
    start = complete_model({"model": tmp_path / "complete"}, "tiny", "pirate", settings)
    assert (start.name, start.below) == ("base", (read_adapter(dpo).sha256,))
    trained, sft = adapter(tmp_path / "trained", base, rank=2, seed=1), tmp_path / "sft" / "adapter"
    facts = {"kind": "sft", "on_top_of": list(start.below), "base": {"name": start.name}}
    register_folder(trained, sft, facts, base=start.name, where="test")
    made = merge.work({"adapters": [str(dpo), str(sft)], "output": str(tmp_path / "both")})["merged"][0]
    assert made["rank"] == 6


def test_gemmas_complete_model_answers_as_base_and_adapter_do(gemma: Any, tmp_path: Path) -> None:
    gemma.save_pretrained(tmp_path / "base")
    model = with_lora(gemma, list(GEMMA_MODULES))
    for name, value in model.named_parameters():
        if ".lora_B." in name and "vision" not in name:
            torch.nn.init.normal_(value, std=0.1)
    model.save_pretrained(tmp_path / "raw")
    register_folder(tmp_path / "raw", tmp_path / "adapter", {}, base="base", where="test")
    told = {"adapters": [str(tmp_path / "adapter")], "full": True, "base": str(tmp_path / "base")}
    merge.work(told | {"weights": [1.0], "output": str(tmp_path / "complete")})
    whole = transformers.Gemma3ForConditionalGeneration.from_pretrained(tmp_path / "complete")
    ids = torch.arange(3, 15)[None]
    with torch.no_grad():
        wanted, found = model.eval()(ids).logits, whole.eval()(ids).logits
        plain = model.get_base_model().eval()
        with model.disable_adapter():
            before = plain(ids).logits
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(before, wanted, atol=1e-3)
