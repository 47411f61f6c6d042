"""Which model writes drafts by default, and whether it is up to it. Pure."""

from __future__ import annotations

from collections.abc import Collection

from core.expansion import is_small

EMBEDDED = "local/smollm2-135m"
# Instruct models that write a constitution well; the first whose key is there is taken.
GOOD: tuple[tuple[str, str], ...] = (
    ("openrouter", "openrouter/z-ai/glm-4.5-air"),
    ("together", "together/meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    ("openai", "openai/gpt-4.1-mini"),
)
HONEST = (
    "The small model on this computer writes poor drafts: expect repeats and sentences that miss the "
    "point. The draft from your own words needs no model and is the better start."
)


def best_writer(keys: Collection[str]) -> str:
    """The best model that can be asked with these providers' keys; the embedded one without any."""
    return next((model for provider, model in GOOD if provider in keys), EMBEDDED)


def is_capable(model: str) -> bool:
    """Whether a model of this name can be expected to write usable drafts."""
    return not is_small(model.rsplit("/", 1)[-1])
