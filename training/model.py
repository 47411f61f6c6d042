"""The model while it is trained: LoRA on every linear layer, and token log-probabilities of a batch.

Rows go through the linear layers one after the other without padding, prompts shared by chosen and rejected
once; only attention sees a padded view. The head runs on answers only. Models whose attention is not plain
causal take the padded way through the library's own code: same numbers, slower.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.data import Batch
from training.losses import token_log_probs
from training.problems import TrainingError
from training.recipes import Recipe

PACKED = "character_packed"
PLAIN_CAUSAL = ("llama", "mistral", "qwen2", "qwen3", "gemma3_text")


def linear_targets(model: nn.Module) -> list[str]:
    """The name of every linear layer but the head, by its type: no family's spelling can be missed."""
    head = _head(model)
    decoder = model.get_decoder()
    inside = {id(module) for module in decoder.modules()}
    names = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module is not head and id(module) in inside
    ]
    if not names:
        raise TrainingError(f"{type(model).__name__} has no linear layers that an adapter could change.")
    return _shortest(model, names)


def _shortest(model: nn.Module, names: list[str]) -> list[str]:
    """Last words (q_proj …) where they mean exactly these layers, full names otherwise."""
    leaves = {name.rsplit(".", 1)[-1] for name in names}
    meant = {name for name, _ in model.named_modules() if name.rsplit(".", 1)[-1] in leaves}
    return sorted(leaves) if meant == set(names) else sorted(names)


def _head(model: nn.Module) -> nn.Module:
    head = model.get_output_embeddings()
    if not isinstance(head, nn.Linear) or head.bias is not None:
        raise TrainingError(
            f"{type(model).__name__} has no plain language-model head; it cannot be trained."
        )
    return head


@dataclass(slots=True)
class Trainee:
    """A base model wearing a LoRA adapter: `peft` is PEFT's model, `decoder` and `head` parts of it."""

    peft: Any
    decoder: Any
    head: Tensor
    soft_cap: float | None
    is_packed: bool

    def parameters(self) -> list[tuple[str, nn.Parameter]]:
        """What is trained, by name, in a fixed order."""
        return [(name, value) for name, value in self.peft.named_parameters() if value.requires_grad]

    def log_probs(self, batch: Batch) -> Tensor:
        """log π of every learned token of the batch, in its order."""
        hidden = self._hidden_packed(batch) if self.is_packed else self._hidden_padded(batch)
        return token_log_probs(hidden.to(self.head.dtype), self.head, batch.targets, self.soft_cap)

    def _hidden_packed(self, batch: Batch) -> Tensor:
        found = self.decoder(
            input_ids=batch.ids[None], position_ids=batch.positions[None], use_cache=False, layout=batch
        )
        return found.last_hidden_state[0].index_select(0, batch.sources)

    def _hidden_padded(self, batch: Batch) -> Tensor:
        columns = torch.arange(batch.rows.shape[1], device=batch.ids.device)
        mask = (columns[None] < batch.sizes[:, None]).long()
        found = self.decoder(input_ids=batch.ids[batch.rows], attention_mask=mask, use_cache=False)
        return found.last_hidden_state.flatten(0, 1).index_select(0, batch.places[batch.sources])

    @contextlib.contextmanager
    def reference(self) -> Generator[None]:
        """Within it the model is its own base: the adapter is off and no gradient is kept."""
        with torch.no_grad(), self.peft.disable_adapter():
            yield


def with_adapter(model: Any, made: Recipe, dtype: torch.dtype, *, packed: bool | None = None) -> Trainee:
    """The model with a fresh adapter of the recipe, ready to be trained. Changes `model` in place."""
    import peft

    torch.manual_seed(made.seed)
    config = peft.LoraConfig(
        r=made.rank,
        lora_alpha=made.alpha,
        lora_dropout=made.dropout,
        target_modules=linear_targets(model),
        task_type="CAUSAL_LM",
        bias="none",
    )
    return dressed(peft.get_peft_model(model, config), dtype, packed=packed)


def dressed(wearing: Any, dtype: torch.dtype, *, packed: bool | None = None) -> Trainee:
    """A PEFT model made fast: fused adapters, linear layers in `dtype`, attention over packed rows."""
    base = wearing.get_base_model()
    wearing.eval()
    for module in wearing.modules():
        if hasattr(module, "lora_A") and hasattr(module, "base_layer"):
            _fuse(module, dtype)
    config = base.config.get_text_config()
    plain = config.model_type in PLAIN_CAUSAL if packed is None else packed
    if plain:
        _register()
        base.config._attn_implementation = config._attn_implementation = PACKED
    cap = getattr(config, "final_logit_softcapping", None)
    return Trainee(wearing, base.get_decoder(), _head(base).weight, cap, plain)


def _fuse(layer: Any, dtype: torch.dtype) -> None:
    """Let one autograd step do what PEFT does in eight; with dropout PEFT's own code stays."""
    linear = layer.base_layer
    dropout = layer.lora_dropout["default"]
    if isinstance(dropout, nn.Dropout):
        dropout.train()
        return
    if type(linear) is nn.Linear and set(layer.lora_A) == {"default"} and not layer.lora_variant:
        linear.weight.data = linear.weight.data.to(dtype)
        layer.forward = functools.partial(_adapted, layer)


def _adapted(layer: Any, x: Tensor) -> Tensor:
    linear = layer.base_layer
    if layer.disable_adapters:
        plain = F.linear(x.to(linear.weight.dtype), linear.weight).to(x.dtype)
        return plain if linear.bias is None else plain + linear.bias
    down, up = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    made = _Adapted.apply(x, linear.weight, down, up, layer.scaling["default"])
    return made if linear.bias is None else made + linear.bias


class _Adapted(torch.autograd.Function):
    """x·Wᵀ + s·(x·Aᵀ)·Bᵀ with W frozen: y in the precision of x, products in that of W."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, down: Tensor, up: Tensor, scale: float) -> Tensor:
        flat = x.flatten(0, -2).to(weight.dtype)
        down, up = down.to(weight.dtype), up.to(weight.dtype)
        low = flat @ down.T
        ctx.save_for_backward(flat, weight, down, up, low)
        ctx.scale = scale
        if weight.dtype == x.dtype:
            made = torch.addmm(flat @ weight.T, low, up.T, alpha=scale)
        else:
            # Each product is rounded by itself: the adapter's part is small beside the layer's.
            made = (flat @ weight.T).to(x.dtype).add_((low @ up.T).to(x.dtype), alpha=scale)
        return made.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor | None, None, Tensor, Tensor, None]:
        flat, weight, down, up, low = ctx.saved_tensors
        slope = given[0].flatten(0, -2).to(weight.dtype)
        pushed = slope @ up
        before = None
        if ctx.needs_input_grad[0]:
            before = torch.addmm(slope @ weight, pushed, down, alpha=ctx.scale).to(given[0].dtype)
            before = before.view(*given[0].shape[:-1], -1)
        grad_down, grad_up = (pushed.T @ flat).float(), (slope.T @ low).float()
        return before, None, grad_down.mul_(ctx.scale), grad_up.mul_(ctx.scale), None


@functools.cache
def _register() -> None:
    from transformers import AttentionInterface

    AttentionInterface.register(PACKED, packed_attention)


def packed_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Any,
    *,
    layout: Batch,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Causal attention within each row of a packed batch. Padding is on the right, where nobody looks."""
    heads = query.shape[1]
    queries, keys, values = (_padded(part, layout, heads) for part in (query, key, value))
    width = layout.rows.shape[1]
    mask = (
        _window(width, sliding_window, query.device) if sliding_window and sliding_window < width else None
    )
    made = F.scaled_dot_product_attention(
        queries, keys, values, attn_mask=mask, is_causal=mask is None, scale=scaling
    )
    flat = made.transpose(1, 2).reshape(layout.rows.numel(), -1).index_select(0, layout.places)
    return flat.view(1, len(layout.places), heads, -1), None


def _padded(part: Tensor, layout: Batch, heads: int) -> Tensor:
    """[1, heads, tokens, size] → [rows, heads, columns, size], key heads repeated for grouped queries."""
    _, own, tokens, size = part.shape
    flat = part[0].transpose(0, 1).reshape(tokens, own * size).index_select(0, layout.rows.flatten())
    rows = flat.view(*layout.rows.shape, own, size).transpose(1, 2)
    return rows if own == heads else rows.repeat_interleave(heads // own, dim=1)


def _window(width: int, window: int, device: Any) -> Tensor:
    places = torch.arange(width, device=device)
    behind = places[:, None] - places[None]
    return (behind >= 0) & (behind < window)
