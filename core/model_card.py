"""The page in front of an uploaded adapter or data set: what it is, and what nobody knows. Pure.

Every number in it comes with how many it was counted over and what speaks against it; what was not measured
is said to be not measured. Texts of a character are quoted, never taken as markup.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.constitution import Constitution

# The licence of a base model by how its name on the hub begins; others are named as unknown.
LICENCES = {
    "HuggingFaceTB/SmolLM2": "apache-2.0",
    "meta-llama/Llama-3.1": "llama3.1",
    "meta-llama/Llama-3.3": "llama3.3",
    "Qwen/Qwen2.5-7B": "apache-2.0",
    "Qwen/Qwen3": "apache-2.0",
    "google/gemma": "gemma",
    "mistralai/Mistral": "apache-2.0",
}
KINDS = {
    "data": "Data check",
    "traits": "Traits",
    "robustness": "Robustness",
    "prefill": "Long talks",
    "coherence": "Coherence",
    "preferences": "Preferences",
    "capability": "Capability",
    "rate": "Blind ratings by people",
}
FALSE_THINGS = (
    "This is a role-play character. It may say false things with confidence, invent memories, and stay in "
    "character where plain help would be better. Do not use it for advice about health, law or money, and "
    "tell whoever talks to it that it is a program."
)
MOST_CAVEATS = 4


@dataclass(frozen=True, slots=True)
class Measured:
    """One evaluation as the card tells it: its sentence, how many prompts, who judged, what weakens it."""

    kind: str
    headline: str
    prompts: int
    judge: str = ""
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a card says. `base` is the base model's name on the hub, "" where it has none."""

    title: str
    repo: str
    character: Constitution
    base: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict[str, Any])
    kind: str = "dpo"
    pairs: int = 0
    validation: int = 0
    teachers: tuple[str, ...] = ()
    students: tuple[str, ...] = ()
    proof: str = ""
    gate: str = ""
    measured: tuple[Measured, ...] = ()
    has_gguf: bool = False
    studio: str = ""


def licence_of(base: str) -> str:
    """The licence of a base model as the hub writes it, "other" where we do not know it."""
    return next((licence for start, licence in LICENCES.items() if base.startswith(start)), "other")


def adapter_card(facts: Facts) -> str:
    """README.md of an adapter's repository."""
    head = {
        "base_model": facts.base or None,
        "library_name": "peft",
        "license": licence_of(facts.base),
        "tags": ["character", "role-play", "lora", facts.kind],
    }
    body = [
        f"# {quiet(facts.title)}",
        f"A LoRA adapter that gives {facts.base or 'a language model'} a character. {FALSE_THINGS}",
        *_character(facts),
        "## How it was made",
        *_making(facts),
        "## What was measured",
        *_measurements(facts),
        "## How to load it",
        *_loading(facts),
        "## Licence",
        _licence(facts),
    ]
    return _page(head, body)


def dataset_card(facts: Facts) -> str:
    """README.md of a data set's repository."""
    head = {
        "license": "other",
        "task_categories": ["text-generation"],
        "tags": ["character", "role-play", "dpo", "preference"],
        "configs": [{"config_name": "default", "data_files": _data_files(facts)}],
    }
    body = [
        f"# {quiet(facts.title)}: pairs",
        "Preference pairs that teach a language model a character: `chosen` is an answer of a model that "
        f"plays the character, `rejected` that of a plain one. {FALSE_THINGS}",
        *_character(facts),
        "## How it was made",
        *_pairs(facts),
        "The answers were written by models; nobody has checked that they are true. The licences of these "
        "models say what may be done with what they wrote.",
        "## What is in a row",
        "`chosen` and `rejected`: two messages each, a user's and an assistant's. `train.jsonl` is for "
        "training; no prompt of it is in `validation.jsonl`.",
    ]
    return _page(head, body)


def _data_files(facts: Facts) -> list[dict[str, str]]:
    files = [{"split": "train", "path": "train.jsonl"}]
    return [*files, {"split": "validation", "path": "validation.jsonl"}] if facts.validation else files


def _page(head: Mapping[str, Any], body: list[str]) -> str:
    # JSON is YAML: nothing in a value can end the header or begin another field.
    lines = [f"{name}: {json.dumps(value, ensure_ascii=True)}" for name, value in head.items() if value]
    return "---\n" + "\n".join(lines) + "\n---\n\n" + "\n\n".join(body) + "\n"


def _character(facts: Facts) -> Iterator[str]:
    yield "## Who it is"
    if facts.character.summary.strip():
        yield quiet(facts.character.summary)
    yield "\n".join(f"- {quiet(trait.trait)}" for trait in facts.character.traits)


def _making(facts: Facts) -> Iterator[str]:
    yield from _pairs(facts)
    if facts.recipe:
        name = facts.recipe.get("name")
        said = f" “{quiet(str(name))}”" if name else ""
        yield f"Trained by {facts.kind.upper()} with the recipe{said}:"
        numbers = {
            key: value for key, value in facts.recipe.items() if isinstance(value, int | float | str)
        }
        yield "\n".join(f"- {quiet(key)}: {quiet(str(value))}" for key, value in numbers.items())
    for sentence in (facts.gate, facts.proof):
        if sentence:
            yield quiet(sentence)
    if facts.studio:
        yield f"Made with Character Studio {quiet(facts.studio)}."


def _pairs(facts: Facts) -> Iterator[str]:
    if not facts.pairs:
        yield "How many pairs it was trained on is not known."
        return
    held = f" and {facts.validation:,} held out" if facts.validation else ""
    yield f"{facts.pairs:,} preference pairs for training{held}."
    names = (("Teacher", facts.teachers), ("Student", facts.students))
    yield "\n".join(f"- {role}: {', '.join(map(quiet, models)) or 'not known'}" for role, models in names)


def _measurements(facts: Facts) -> Iterator[str]:
    for one in facts.measured:
        judge = f", judge {quiet(one.judge)}" if one.judge else ", no judge"
        yield f"**{KINDS.get(one.kind, one.kind)}** ({one.prompts:,} prompts{judge}). {quiet(one.headline)}"
        if one.caveats:
            yield "\n".join(f"- {quiet(caveat)}" for caveat in one.caveats[:MOST_CAVEATS])
            if len(one.caveats) > MOST_CAVEATS:
                yield f"and {len(one.caveats) - MOST_CAVEATS} more reservations in the report."
    there = {one.kind for one in facts.measured}
    missing = [title.lower() for kind, title in KINDS.items() if kind not in there]
    if not facts.measured:
        yield "Nothing was measured: whether the character took hold, and at what cost, is not known."
    elif missing:
        yield f"Not measured: {', '.join(missing)}."
    yield "Safety beyond these was not tested."


def _loading(facts: Facts) -> Iterator[str]:
    base = facts.base or "THE-BASE-MODEL"
    yield (
        "```python\nfrom peft import PeftModel\n"
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        f"model = AutoModelForCausalLM.from_pretrained({base!r})\n"
        f"model = PeftModel.from_pretrained(model, {facts.repo!r})\n"
        f"tokenizer = AutoTokenizer.from_pretrained({base!r})\n```"
    )
    yield "Ask it without a system prompt: the character is in the weights."
    if facts.has_gguf:
        yield f"With llama.cpp, on a GGUF of {base}:"
        yield "```sh\nllama-server --model base.gguf --lora adapter.gguf\n```"


def _licence(facts: Facts) -> str:
    if not facts.base:
        return "The base model is not known, so neither is the licence under which this may be used."
    known = licence_of(facts.base)
    if known == "other":
        return f"The licence of {facts.base} applies; this studio does not know it. Read it there."
    return f"The adapter is of use only with {facts.base}, whose licence is {known}; its terms apply."


_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!$])")


def quiet(text: str) -> str:
    """A text on one line that no Markdown reader takes for anything but text."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
