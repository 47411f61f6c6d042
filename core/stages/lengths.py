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
        prompts = {row["prompt"]: _counted(row, "prompt") for row in student.rows().values()}
        if prompts and all(prompts.values()):
            return _by_usage(prompts), "exact: counted by the engine, which serves teacher and student"
    return _estimate, "estimate: one token for 3.6 characters"


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


def _by_usage(prompts: dict[str, int]) -> TokenCounter:
    def count(prompt: str, row: Row) -> int:
        own = prompts.get(row["prompt"])
        answer = _counted(row, "completion")
        return own + answer if own and answer else estimated_tokens(prompt, row["text"])

    return count


def _counted(row: Row, side: str) -> int:
    return (row.get("usage") or {}).get(side) or 0


def _estimate(prompt: str, row: Row) -> int:
    return estimated_tokens(prompt, row["text"])
