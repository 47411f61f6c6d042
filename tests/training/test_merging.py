"""A merge is the sum of its parts, and an adapter is believed only where it fits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
import transformers

from tests.training import tiny
from training import merge
from training.adapters import (
    Layer,
    add_gguf,
    convert,
    fold_in,
    read_adapter,
    rotated,
    write_adapter,
    write_provenance,
)
from training.base import base_hash
from training.model import linear_targets
from training.problems import TrainingError

pytestmark = pytest.mark.train


def adapter(folder: Path, base: Path, *, rank: int = 4, seed: int = 0, **facts: Any) -> Path:
    """A random adapter for a tiny base."""
    folder.mkdir(parents=True)
    torch.manual_seed(seed)
    model = tiny.model()
    names = set(linear_targets(model))
    layers = {
        name: Layer(torch.randn(rank, one.in_features), torch.randn(one.out_features, rank), 8 / rank)
        for name, one in model.named_modules()
        if isinstance(one, torch.nn.Linear) and name.rsplit(".", 1)[-1] in names
    }
    write_adapter(folder, layers, rank=rank, alpha=8, base_name="base")
    write_provenance(folder, {"kind": "dpo", "base": {"name": "base", "sha256": base_hash(base)}, **facts})
    return folder


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny.folder(tmp_path / "base")


@pytest.fixture
def two(tmp_path: Path, base: Path) -> list[str]:
    """A DPO adapter and an SFT adapter of another rank."""
    return [str(adapter(tmp_path / "dpo", base)), str(adapter(tmp_path / "sft", base, rank=2, seed=1))]


def test_a_merge_is_the_weighted_sum_and_says_what_is_in_it(
    tmp_path: Path, two: list[str], base: Path
) -> None:
    made = merge.work({"adapters": two, "output": str(tmp_path / "out"), "base": str(base)})["merged"][0]
    first, second, both = (read_adapter(Path(place)) for place in (*two, made["adapter"]))
    for name, layer in both.layers.items():
        wanted = 1.0 * first.layers[name].delta() + 0.25 * second.layers[name].delta()
        torch.testing.assert_close(layer.delta(), wanted, rtol=1e-5, atol=1e-5)
    assert made["rank"] == 6 and made["largest_error"] <= 1e-5
    parents = both.provenance["parents"]
    assert [(one["sha256"], one["weight"]) for one in parents] == [
        (first.sha256, 1.0),
        (second.sha256, 0.25),
    ]
    assert Path(made["gguf"]).stat().st_size > 0


def test_the_librarys_own_reading_of_a_merge_is_the_sum(tmp_path: Path, two: list[str]) -> None:
    import peft

    merge.work({"adapters": two, "output": str(tmp_path / "out"), "weights": [1.0, -0.5]})
    worn = peft.PeftModel.from_pretrained(tiny.model(), tmp_path / "out").eval()
    summed = tiny.model()
    for place, weight in zip(two, (1.0, -0.5), strict=True):
        one = read_adapter(Path(place))
        for name, layer in one.layers.items():
            summed.get_submodule(name).weight.data += weight * layer.delta()
    ids = torch.arange(20)[None]
    torch.testing.assert_close(worn(ids).logits, summed(ids).logits, rtol=1e-4, atol=1e-3)


def test_a_sweep_makes_a_folder_for_each_list_of_weights(tmp_path: Path, two: list[str]) -> None:
    sweep = [[1, 0], [1, 0.5], [1, 1]]
    made = merge.work({"adapters": two, "output": str(tmp_path / "out"), "weights": sweep})["merged"]
    assert [Path(one["adapter"]).name for one in made] == ["1_0", "1_0.5", "1_1"]


def test_a_merge_that_is_not_the_sum_is_never_left_behind(
    tmp_path: Path, two: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def crossed(layers: list[Layer], weights: list[float]) -> Layer:
        return Layer(torch.cat([one.down for one in layers]), torch.cat([one.up for one in layers], 1), 1.0)

    monkeypatch.setattr(merge, "_joined", crossed)
    with pytest.raises(TrainingError, match="differs from the sum"):
        merge.work({"adapters": two, "output": str(tmp_path / "out")})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("weights", [[1.0], [1.0, "a"], [0, 0], [True, 1]])
def test_weights_that_mean_nothing_are_refused(tmp_path: Path, two: list[str], weights: list[Any]) -> None:
    with pytest.raises(TrainingError, match="2 weights"):
        merge.work({"adapters": two, "output": str(tmp_path / "out"), "weights": weights})


def test_adapters_of_two_bases_or_for_other_layers_are_refused(tmp_path: Path, two: list[str]) -> None:
    other = adapter(tmp_path / "far", tiny.folder(tmp_path / "other", seed=3))
    with pytest.raises(TrainingError, match="was made for base"):
        merge.work({"adapters": [two[0], str(other)], "output": str(tmp_path / "out")})
    one = read_adapter(Path(two[1]))
    fewer = {name: layer for name, layer in one.layers.items() if "q_proj" not in name}
    (tmp_path / "less").mkdir()
    write_adapter(tmp_path / "less", fewer, rank=2, alpha=8, base_name="base")
    with pytest.raises(TrainingError, match="different layers"):
        merge.work({"adapters": [two[0], str(tmp_path / "less")], "output": str(tmp_path / "out")})


def test_an_adapter_on_top_of_a_third_is_refused(tmp_path: Path, base: Path, two: list[str]) -> None:
    own = read_adapter(Path(two[0])).sha256
    good = adapter(tmp_path / "good", base, seed=2, on_top_of=[own])
    merge.work({"adapters": [two[0], str(good)], "output": str(tmp_path / "out")})
    stray = adapter(tmp_path / "stray", base, seed=2, on_top_of=["f" * 64])
    with pytest.raises(TrainingError, match="on top of another adapter"):
        merge.work({"adapters": [two[0], str(stray)], "output": str(tmp_path / "no")})


def test_a_complete_model_answers_as_base_and_adapter_do(
    tmp_path: Path, base: Path, two: list[str]
) -> None:
    """D-26: cut into shards, with an index of its own."""
    tiny.model().save_pretrained(base, max_shard_size="8KB")
    (base / "model.safetensors").unlink(missing_ok=True)
    whole = str(adapter(tmp_path / "again", base))
    made = merge.work(
        {"adapters": [whole], "full": True, "base": str(base), "output": str(tmp_path / "full")}
    )
    index = json.loads((tmp_path / "full/model.safetensors.index.json").read_text())
    assert len(set(index["weight_map"].values())) > 1
    model = transformers.AutoModelForCausalLM.from_pretrained(made["model"])
    folded = tiny.model()
    fold_in(read_adapter(Path(whole)), folded)
    ids = torch.arange(20)[None]
    torch.testing.assert_close(model(ids).logits, folded(ids).logits, rtol=0, atol=0)
    assert made["sha256"] == base_hash(tmp_path / "full") != base_hash(base)
    assert transformers.AutoTokenizer.from_pretrained(made["model"]).chat_template


def test_a_complete_model_may_be_kept_in_sixteen_bits(tmp_path: Path, base: Path, two: list[str]) -> None:
    told = {"adapters": two[:1], "full": True, "base": str(base), "dtype": "bfloat16"}
    made = merge.work(told | {"output": str(tmp_path / "full")})
    model = transformers.AutoModelForCausalLM.from_pretrained(made["model"])
    assert model.dtype == torch.bfloat16


def test_a_pickle_a_stranger_and_a_damaged_file_are_refused(tmp_path: Path, two: list[str]) -> None:
    folder = Path(two[0])
    weights = folder / "adapter_model.safetensors"
    good = weights.read_bytes()
    weights.write_bytes(good[:-4] + b"\0\0\0\0")
    with pytest.raises(TrainingError, match="not the file that was written"):
        read_adapter(folder)
    (folder / "provenance.json").unlink()
    weights.write_bytes(good[: len(good) // 2])
    with pytest.raises(TrainingError, match="is damaged"):
        read_adapter(folder)
    weights.rename(folder / "adapter_model.bin")
    with pytest.raises(TrainingError, match="a pickle"):
        read_adapter(folder)
    with pytest.raises(TrainingError, match="missing"):
        read_adapter(tmp_path / "nowhere")


def test_an_adapter_that_is_more_than_a_lora_is_refused(two: list[str]) -> None:
    path = Path(two[0]) / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"use_dora": True}))
    with pytest.raises(TrainingError, match="use_dora"):
        read_adapter(Path(two[0]))


def test_the_gguf_holds_the_same_change_under_llama_cpps_names(two: list[str], base: Path) -> None:
    made = convert({"adapter": two[0], "base": str(base)})
    reader = gguf.GGUFReader(made["gguf"])
    tensors = {one.name: torch.tensor(one.data) for one in reader.tensors}
    kept = read_adapter(Path(two[0])).layers
    assert len(tensors) == 2 * len(kept) == 28
    alpha = reader.get_field("adapter.lora.alpha").contents()
    up, down = tensors["blk.1.ffn_up.weight.lora_b"], tensors["blk.1.ffn_up.weight.lora_a"]
    wanted = kept["model.layers.1.mlp.up_proj"].delta()
    torch.testing.assert_close(alpha / down.shape[0] * up @ down, wanted, rtol=1e-5, atol=1e-5)
    turned = tensors["blk.0.attn_k.weight.lora_b"] @ tensors["blk.0.attn_k.weight.lora_a"] * alpha / 4
    whole = kept["model.layers.0.self_attn.k_proj"].delta()
    torch.testing.assert_close(turned, rotated(whole, 2), rtol=1e-5, atol=1e-5)


def test_other_scales_end_in_the_same_change(tmp_path: Path, two: list[str], base: Path) -> None:
    path = Path(two[0]) / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"use_rslora": True}))
    kept = read_adapter(Path(two[0]))
    assert kept.layers["model.layers.0.mlp.up_proj"].scale == pytest.approx(4.0)
    reader = gguf.GGUFReader(add_gguf(kept, tiny.model().config))
    tensors = {one.name: torch.tensor(one.data) for one in reader.tensors}
    found = tensors["blk.0.ffn_up.weight.lora_b"] @ tensors["blk.0.ffn_up.weight.lora_a"]
    torch.testing.assert_close(
        found, kept.layers["model.layers.0.mlp.up_proj"].delta(), rtol=1e-5, atol=1e-5
    )


def test_no_gguf_is_written_for_another_base(tmp_path: Path, two: list[str]) -> None:
    other = tiny.folder(tmp_path / "other", seed=3)
    with pytest.raises(TrainingError, match="was made for base"):
        convert({"adapter": two[0], "base": str(other)})
