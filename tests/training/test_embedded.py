"""The embedded server answers with an adapter of ours as torch does; strength 0 is the base."""

from __future__ import annotations

import importlib
import json
import os
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import torch

from core.embedded.catalogue import CHAT_TEMPLATE
from core.embedded.fetch import pull
from core.settings import PROJECT, load_settings
from training.adapters import Layer, add_gguf, fold_in, read_adapter, write_adapter
from training.base import Base, Place, open_base

pytestmark = [pytest.mark.train, pytest.mark.embedded]

NAME = "smollm2-135m"
ASKED = [{"role": "user", "content": "How do I bake bread?"}]
# The server multiplies in eight bits.
QUANTISED = 0.3


@pytest.fixture(scope="module")
def base() -> Base:
    """The embedded model in 32 bits, unpacked beside its weights once."""
    models = os.environ.get("CHARACTER_TEST_MODELS") or str(PROJECT / "data" / "models")
    settings = load_settings({**os.environ, "MODEL_PATH": models})
    found = open_base(settings, f"local/{NAME}", Place())
    found.folder = pull(settings, NAME)
    return found


def adapter(base: Base, folder: Path) -> Path:
    """Random changes, small enough to leave the model a language."""
    torch.manual_seed(0)
    layers = {
        name: Layer(torch.randn(4, one.in_features) / 24, torch.randn(one.out_features, 4) / 30, 1.0)
        for name, one in base.model.named_modules()
        if isinstance(one, torch.nn.Linear) and name != "lm_head"
    }
    write_adapter(folder, layers, rank=4, alpha=4, base_name=NAME)
    return add_gguf(read_adapter(folder), base.model.config)


def server(weights: Path, lora: Path | None) -> Any:
    """llama.cpp's server on loopback."""
    xllamacpp = importlib.import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path, params.hostnames, params.port = str(weights), ["127.0.0.1"], 0
    params.n_ctx, params.chat_template, params.use_jinja = 512, CHAT_TEMPLATE, True
    params.fit_params, params.verbosity = False, 1
    if lora:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(lora), 1.0)]
    return xllamacpp.Server(params)


def told(running: Any, strength: float | None = None) -> dict[str, float]:
    """The log-probabilities of the likeliest first words."""
    body: dict[str, Any] = {
        "messages": ASKED,
        "max_tokens": 1,
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": 8,
    }
    if strength is not None:
        body["lora"] = [{"id": 0, "scale": strength}]
    url = f"{running.listening_address}/v1/chat/completions"
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        choice = json.load(answer)["choices"][0]
    return {one["token"]: one["logprob"] for one in choice["logprobs"]["content"][0]["top_logprobs"]}


def computed(base: Base, words: dict[str, float]) -> dict[str, float]:
    """The same by torch."""
    text = base.tokenizer.apply_chat_template(
        ASKED, chat_template=base.template, tokenize=False, add_generation_prompt=True
    )
    ids = torch.tensor([base.tokenizer(text, add_special_tokens=False)["input_ids"]])
    with torch.no_grad():
        scores = torch.log_softmax(base.model(ids).logits[0, -1], -1)
    places = {word: base.tokenizer(word, add_special_tokens=False)["input_ids"] for word in words}
    return {word: float(scores[place[0]]) for word, place in places.items() if len(place) == 1}


def test_strength_0_is_the_base_and_strength_1_what_torch_computes(base: Base, tmp_path: Path) -> None:
    made = adapter(base, tmp_path)
    plain, worn = server(base.folder, None), server(base.folder, made)
    assert told(worn, 0.0) == told(plain)
    without, within = told(worn, 0.0), told(worn, 1.0)
    assert computed(base, without) == pytest.approx(without, abs=QUANTISED)
    fold_in(read_adapter(tmp_path), base.model)
    wanted = computed(base, within)
    assert wanted == pytest.approx({word: within[word] for word in wanted}, abs=QUANTISED)
    assert max(abs(wanted[word] - without.get(word, -9.0)) for word in wanted) > 2 * QUANTISED
