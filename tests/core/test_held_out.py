"""Prompts that evaluation asks were never trained on, wherever the training came from."""

from __future__ import annotations

import json
from pathlib import Path

from core.prompts import prompt_of
from core.settings import load_settings
from core.similarity import Near
from core.stages.evals.held_out import held_out, trained_texts
from core.stages.evals.session import Session
from core.store.library import Library
from core.store.runs import Run, begin_run, open_run
from core.trials import NEAR_TRAINING


def session(data: Path, name: str = "pirate") -> Session:
    settings = load_settings(data=data)
    character = Library(settings).load(name).constitution
    return Session(character, settings, open_run(settings, character))


def training_file(data: Path, where: str, *asked: str) -> None:
    path = data / where
    path.parent.mkdir(parents=True, exist_ok=True)
    turns = [[{"role": "user", "content": one}, {"role": "assistant", "content": "Arr"}] for one in asked]
    path.write_text("".join(json.dumps({"chosen": turn, "rejected": turn}) + "\n" for turn in turns))


def planned(run: Run, *texts: str, trait: str | None = "voice") -> None:
    run.remember([prompt_of(text, trait=trait, source="hand") for text in texts])


def texts(one: Session, per_trait: int = 1000) -> set[str]:
    return {prompt.text for prompt in held_out(one, per_trait)}


def test_without_any_training_a_trait_brings_its_own_questions(tmp_path: Path) -> None:
    now = session(tmp_path)
    found = held_out(now, 2)
    traits = [trait.id for trait in now.constitution.traits]
    assert list(found.by_trait) == traits and found.without == ()
    assert all(len(prompts) == 2 for prompts in found.by_trait.values())


def test_what_was_planned_in_the_run_or_its_trial_is_never_asked(tmp_path: Path) -> None:
    now = session(tmp_path)
    assert now.run is not None
    first, second = now.constitution.traits[0].questions[:2]
    planned(now.run, first)
    trial = begin_run(Run(now.run.folder / "trial"), now.constitution)
    planned(trial, second)
    assert not {first, second} & texts(now)


def test_what_stands_in_a_training_file_is_never_asked(tmp_path: Path) -> None:
    now = session(tmp_path)
    assert now.run is not None
    questions = now.constitution.traits[1].questions
    training_file(tmp_path, "dpo/smollm2-135m/pirate.jsonl", questions[0])
    training_file(tmp_path, "sft_data/smollm2-135m/pirate.jsonl", questions[1])
    training_file(now.run.folder, "trial/pairs.jsonl", questions[2])
    assert not set(questions[:3]) & texts(now)
    assert set(questions[:3]) <= set(trained_texts(now))


def test_another_characters_training_file_takes_nothing_away(tmp_path: Path) -> None:
    now = session(tmp_path)
    before = texts(now)
    training_file(tmp_path, "dpo/smollm2-135m/sarcasm.jsonl", now.constitution.traits[0].questions[0])
    assert texts(now) == before


def test_a_near_copy_of_what_was_trained_on_is_no_new_prompt(tmp_path: Path) -> None:
    now = session(tmp_path)
    assert "What should I make for dinner tonight?" in texts(now)
    training_file(tmp_path, "dpo/x/pirate.jsonl", "what should we make for dinner tonight??")
    assert "What should I make for dinner tonight?" not in texts(now)


def test_held_out_prompts_are_near_nothing_trained_and_not_near_each_other(tmp_path: Path) -> None:
    now = session(tmp_path)
    assert now.run is not None
    planned(now.run, *(text for trait in now.constitution.traits for text in trait.questions))
    found, known = list(held_out(now, 3)), Near(trained_texts(now))
    assert len(found) > 20
    for prompt in found:
        assert known.nearest(prompt.text, threshold=NEAR_TRAINING) is None
        known.add(prompt.text)


def test_what_example_exchanges_ask_is_never_asked(tmp_path: Path) -> None:
    now = session(tmp_path)
    assert {one.user for one in now.constitution.exchanges} <= set(trained_texts(now))


def test_everyday_prompts_that_a_trial_only_measured_with_are_not_called_trained(tmp_path: Path) -> None:
    now = session(tmp_path)
    assert now.run is not None
    everyday = Library(now.settings).general_prompts("robustness")[0]
    trial = begin_run(Run(now.run.folder / "trial"), now.constitution)
    planned(trial, everyday, trait=None)
    assert everyday not in trained_texts(now)
    training_file(now.run.folder, "trial/pairs.jsonl", everyday)
    assert everyday in trained_texts(now)


def test_a_trait_that_was_trained_on_whole_is_named(tmp_path: Path) -> None:
    now = session(tmp_path, "humor")
    assert now.run is not None
    trait = now.constitution.traits[0]
    planned(now.run, *trait.questions)
    found = held_out(now, 2)
    assert found.without == (trait.id,) and found.by_trait[trait.id] == ()


def test_damaged_lines_of_a_training_file_are_passed_over(tmp_path: Path) -> None:
    now = session(tmp_path)
    path = tmp_path / "dpo" / "x" / "pirate.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(b'{"chosen": [{"role": "user", "content": "Torn\n\xff\xfe\n{"messages": []}\n')
    assert texts(now)
