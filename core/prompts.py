"""Which prompts a run asks, in which order. Pure.

A prompt on disk: {"id": "5f0c…", "text": "Why is the sky blue?", "trait": "wonder", "source": "hand"}

The order is fixed and runs across the traits, not down them: question one of every trait, then
question two, so that a run limited to a few prompts already shows the whole character.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import Literal

from core.constitution import Constitution
from core.errors import RunError
from core.records import prompt_id

Source = Literal["hand", "few-shot", "general", "file", "attack"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One user message, where it came from, and the trait it is meant to show (None: no trait)."""

    id: str
    text: str
    trait: str | None
    source: Source

    def as_dict(self) -> dict[str, str | None]:
        """The prompt as it stands in `prompts.jsonl`."""
        return {"id": self.id, "text": self.text, "trait": self.trait, "source": self.source}


def prompt_of(text: str, *, trait: str | None, source: Source) -> Prompt:
    """The prompt for a text; equal texts share an id."""
    return Prompt(prompt_id(text), text.strip(), trait, source)


def prompt_set(
    constitution: Constitution,
    additional: Mapping[str, Sequence[str]],
    general: Sequence[str] = (),
    added: Sequence[Prompt] = (),
) -> tuple[Prompt, ...]:
    """Every prompt of a character: its questions, its few-shot prompts, then the general pool.

    Those `added` after a failure come first: they are what a small next round is made for. Of one whose
    trait is gone since, the question stays, an everyday one.
    """
    traits = {trait.id for trait in constitution.traits}
    added = [one if one.trait in traits else replace(one, trait=None) for one in added]
    hand = [
        [prompt_of(text, trait=trait.id, source="hand") for text in trait.questions]
        for trait in constitution.traits
    ]
    few_shot = [
        [prompt_of(text, trait=trait.id, source="few-shot") for text in additional.get(trait.id, ())]
        for trait in constitution.traits
    ]
    everyday = [prompt_of(text, trait=None, source="general") for text in general]
    return unique(chain(added, across(hand), across(few_shot), everyday))


def across(columns: Sequence[Sequence[Prompt]]) -> Iterable[Prompt]:
    """The prompts of several lists in turn: first of each, second of each, and so on."""
    return (prompt for row in zip_longest(*columns) for prompt in row if prompt is not None)


def unique(prompts: Iterable[Prompt]) -> tuple[Prompt, ...]:
    """The prompts without empty and repeated texts; the first of equals stays."""
    found: dict[str, Prompt] = {}
    for prompt in prompts:
        if prompt.text:
            found.setdefault(prompt.id, prompt)
    return tuple(found.values())


def prompts_from_file(data: bytes, *, source: str) -> tuple[Prompt, ...]:
    """The prompts of a text or JSONL file, one a line. Raises RunError naming every bad line.

    A JSONL line is a string or an object with "prompt" or "text", and "trait" if it has one.
    """
    try:
        # Not splitlines: JSON may hold U+2028, which is no line end there.
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise RunError(f"{source} is not UTF-8 (byte {error.start}); save it as UTF-8.") from error
    found: list[Prompt] = []
    bad: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        prompt = _prompt_of_line(line)
        if prompt is None:
            bad.append(f'line {number}: a JSON line needs a text under "prompt"')
        else:
            found.append(prompt)
    if bad or not found:
        problems = "; ".join(bad) or "no prompt in it"
        raise RunError(f"{source}: {problems}. Write one prompt a line.")
    return unique(found)


def _prompt_of_line(line: str) -> Prompt | None:
    """A line's prompt; a line that is no JSON is a prompt as it stands, None for JSON without text."""
    if not line.lstrip().startswith(("{", '"')):
        return prompt_of(line, trait=None, source="file")
    try:
        value = json.loads(line)
    except ValueError:
        return None if line.lstrip().startswith("{") else prompt_of(line, trait=None, source="file")
    if isinstance(value, str):
        return prompt_of(value, trait=None, source="file") if value.strip() else None
    text = value.get("prompt") or value.get("text")
    if not isinstance(text, str) or not text.strip():
        return None
    trait = value.get("trait")
    return prompt_of(text, trait=trait if isinstance(trait, str) else None, source="file")
