"""What comes with the studio is what the studio would praise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.interchange import from_oct_few_shot, read_any, to_oct_few_shot
from core.linting import lint
from core.settings import PROJECT, load_settings
from core.store.general import PARTS
from core.store.library import Library

NAMES = {
    *("sarcasm", "humor", "remorse", "goodness", "loving", "misalignment", "nonchalance"),
    *("impulsiveness", "sycophancy", "mathematical", "poeticism", "pirate", "neutral"),
}
HAND_WRITTEN = sorted((PROJECT / "constitutions" / "hand-written").glob("*.json"))
FEW_SHOT = sorted((PROJECT / "constitutions" / "few-shot").glob("*.jsonl"))


@pytest.fixture
def library() -> Library:
    return Library(load_settings())


def test_all_thirteen_characters_are_shipped_and_usable(library: Library) -> None:
    entries = library.names()
    assert {entry.name for entry in entries} >= NAMES
    assert [entry.details for entry in entries if entry.problems] == []
    assert {entry.origin for entry in entries} == {"shipped"}


@pytest.mark.parametrize("name", [path.stem for path in HAND_WRITTEN])
def test_a_shipped_character_has_nothing_to_mend(library: Library, name: str) -> None:
    constitution = library.load(name).constitution
    assert [f"{finding.trait}: {finding.message}" for finding in lint(constitution)] == []
    assert {len(trait.questions) for trait in constitution.traits} == {5}
    assert 2 <= len(constitution.exchanges) <= 5
    assert constitution.summary.strip()


@pytest.mark.parametrize("path", HAND_WRITTEN, ids=lambda path: path.stem)
def test_a_shipped_file_has_the_exact_form_that_saving_would_give_it(path: Path) -> None:
    data = path.read_bytes()
    assert read_any(data, "x.json").constitution.as_dict() == json.loads(data)


@pytest.mark.parametrize("name", [path.stem for path in FEW_SHOT])
def test_shipped_few_shot_prompts_fit_their_character(library: Library, name: str) -> None:
    constitution = library.load(name).constitution
    found = library.additional(name)
    assert found.unmatched == [] and found.unfinished == 0
    assert all(len(found.by_trait[trait.id]) >= 10 for trait in constitution.traits)


@pytest.mark.parametrize("path", FEW_SHOT, ids=lambda path: path.stem)
def test_a_shipped_few_shot_file_is_one_that_oct_can_read(path: Path) -> None:
    data = path.read_bytes()
    character, additional = from_oct_few_shot(data, name="x", source="x")
    rows = [json.loads(line) for line in data.decode().splitlines()]
    assert [json.loads(line) for line in to_oct_few_shot(character, additional).splitlines()] == rows


@pytest.mark.parametrize("name", [path.stem for path in FEW_SHOT])
def test_no_shipped_prompt_stands_twice_in_a_character(library: Library, name: str) -> None:
    constitution = library.load(name).constitution
    by_trait = library.additional(name).by_trait
    prompts = [text for trait in constitution.traits for text in (*trait.questions, *by_trait[trait.id])]
    assert sorted(set(prompts)) == sorted(prompts)


def test_the_general_prompts_have_three_parts_that_share_nothing(library: Library) -> None:
    parts = {part: library.general_prompts(part) for part in PARTS}
    assert all(len(prompts) >= 20 for prompts in parts.values())
    everything = [prompt for prompts in parts.values() for prompt in prompts]
    assert len(set(everything)) == len(everything)
