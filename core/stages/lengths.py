"""How long a pair is in the student's tokens, and how sure we are of it.

Three ways, best first: the student's own tokenizer when it lies under MODEL_PATH and transformers is
installed; the engine's own count when teacher and student are the same model; an estimate otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.pairs import estimated_tokens
from core.settings import Settings
from core.stages.distillation import Sources
from core.store.jsonl import Row

TokenCounter = Callable[[str, Row], int]


def token_counter(sources: Sources, settings: Settings) -> tuple[TokenCounter, str]:
    """(how to count, how it counts in words)."""
    student = sources.student
    if tokenizer := _tokenizer(settings, student.slug):
        return _exact(tokenizer), "exact: the student's own tokenizer"
    if sources.teacher.settings["model"] == student.settings["model"]:
        prompts = {row["prompt"]: engine_count(row, "prompt") for row in student.rows().values()}
        if prompts and all(prompts.values()):
            return counter_by_usage(
                prompts.get
            ), "exact: counted by the engine, which serves teacher and student"
    return estimate_count, "estimate: one token for 3.6 characters"


def own_counter(settings: Settings, slug: str) -> TokenCounter:
    """By the student's own tokenizer where it is there, `estimate_count` otherwise."""
    tokenizer = _tokenizer(settings, slug)
    return _exact(tokenizer) if tokenizer else estimate_count


def _tokenizer(settings: Settings, slug: str) -> Any:
    folder = settings.model_path / slug
    if not (folder / "tokenizer.json").exists():
        return None
    try:
        from transformers import AutoTokenizer  # type: ignore[import-not-found]
    except ImportError:
        return None
    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def _exact(tokenizer: Any) -> TokenCounter:
    def count(prompt: str, row: Row) -> int:
        turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": row["text"]}]
        # Ids come straight from the template: tokenizing its text again would add a second BOS.
        return len(tokenizer.apply_chat_template(turns, tokenize=True, return_dict=False))

    return count


def counter_by_usage(tokens: Callable[[str], int | None]) -> TokenCounter:
    """By what the engine counted; `tokens` tells a prompt's own by its id."""

    def count(prompt: str, row: Row) -> int:
        own = tokens(row["prompt"])
        answer = engine_count(row, "completion")
        return own + answer if own and answer else estimated_tokens(prompt, row["text"])

    return count


def engine_count(row: Row, side: str) -> int:
    """What the engine counted for "prompt" or "completion"; 0 where it did not."""
    return (row.get("usage") or {}).get(side) or 0


def estimate_count(prompt: str, row: Row) -> int:
    """About how many tokens a prompt and an answer take."""
    return estimated_tokens(prompt, row["text"])
