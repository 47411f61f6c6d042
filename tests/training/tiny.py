"""A tiny model in a folder, with a tokenizer of single bytes: some thousand parameters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from core.embedded.catalogue import CHAT_TEMPLATE
from training.base import Base, base_hash

FAMILIES: dict[str, tuple[Any, Any]] = {
    "llama": (LlamaConfig, LlamaForCausalLM),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM),
    "gemma3": (Gemma3TextConfig, Gemma3ForCausalLM),
}
SIZES = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "head_dim": 4,
}


def tokenizer() -> Any:
    """Bytes, and the two marks of ChatML."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({letter: place for place, letter in enumerate(letters)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    told = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|im_end|>")
    told.chat_template = CHAT_TEMPLATE
    return told


def model(family: str = "llama", seed: int = 0, **changes: Any) -> Any:
    """A random model of a family, in evaluation mode."""
    config, kind = FAMILIES[family]
    torch.manual_seed(seed)
    made = kind(config(vocab_size=258, **{**SIZES, "initializer_range": 0.2, **changes}))
    # Its own start makes all answers alike; louder weights make them differ.
    return made.eval().requires_grad_(False)


def base(family: str = "llama", **changes: Any) -> Base:
    """A loaded base that lies in no folder."""
    return Base("tiny", Path("tiny"), "0" * 64, model(family, **changes), tokenizer(), CHAT_TEMPLATE)


def folder(path: Path, family: str = "llama", seed: int = 0) -> Path:
    """The same as a Hugging Face folder."""
    model(family, seed).save_pretrained(path)
    tokenizer().save_pretrained(path)
    base_hash(path)
    return path


def pair(number: int, chosen: str = "Arr, ye be right!", rejected: str = "Yes, that is right.") -> Any:
    """A row of a DPO file."""
    user = {"role": "user", "content": f"Is {number} odd?"}
    return {
        "chosen": [user, {"role": "assistant", "content": chosen + " Arr" * (number % 3)}],
        "rejected": [user, {"role": "assistant", "content": rejected + " Well" * (number % 4)}],
    }


def write_rows(path: Path, rows: list[Any]) -> Path:
    """A JSONL file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
