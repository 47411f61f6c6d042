"""A trial in small: resumed where it stopped, honest about what it measured, and never in others' way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from core.constitution import Constitution
from core.embedded.adapters import PROVENANCE, LocalAdapter, Wearing, file_sha256
from core.engines import Engine
from core.engines.fake import FakeEngine
from core.errors import EngineError, ModelError, RunError
from core.prompts import Prompt, prompt_of
from core.records import Completion, Identity, Sampling
from core.settings import Settings
from core.similarity import closeness
from core.stages.trial import STAGES, TrialJob, read_trial, trial_folder, try_out
from core.stages.writing import Standing
from core.store.library import Library
from core.telling_apart import accuracy, learn
from core.trials import Shown, by_style, by_words, share_of, unseen_prompts, verdict
from core.tuning.proof import Answers, Proof, judge
from core.voice import VOICES, voice_words
from tests.core.adapter_kit import write_adapter_folder

SMALL = TrialJob(pairs=16, unseen=4, seeds=2)


@dataclass
class Stage:
    """An engine that speaks like a pirate where it should, and dies after `lives` answers."""

    inner: FakeEngine
    speaks: bool
    lives: list[int]
    name: str = "local/smollm2-135m"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def complete(self, messages: Any, sampling: Sampling) -> Completion:
        if not self.lives[0]:
            raise EngineError("the power failed", kind="key", stops_job=True)
        self.lives[0] -= 1
        found = await self.inner.complete(messages, sampling)
        told = any(message.role == "system" for message in messages)
        return replace(found, text=f"Arr, matey! {found.text}") if self.speaks or told else found


@dataclass
class Tools:
    """Stand-ins for models, training and proof, which count what was wanted of them."""

    settings: Settings
    works: bool = True
    lives: list[int] = field(default_factory=lambda: [100_000])
    answered: list[FakeEngine] = field(default_factory=list)
    configs: list[Mapping[str, Any]] = field(default_factory=list)
    trainer: str = "done"

    def engine(self, wearing: Wearing | None) -> Engine:
        identity = Identity("fake")
        if wearing:
            identity = replace(identity, adapter=wearing.adapter.sha256, strength=wearing.strength)
        self.answered.append(FakeEngine(identity=identity))
        speaks = self.works and wearing is not None and wearing.strength == 1
        return Stage(self.answered[-1], speaks, self.lives)  # type: ignore[return-value]

    def train(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        self.configs.append(config)
        gate = {"passed": self.trainer == "done", "sentence": "Nothing was learned: …"}
        if self.trainer == "killed":
            raise KeyboardInterrupt
        folder = write_adapter_folder(Path(config["output"]) / "adapter", seed=len(self.configs))
        facts = json.loads((folder / PROVENANCE).read_text()) | {
            "data": {"sha256": file_sha256(Path(config["data"]))},
            "recipe": {"name": config["recipe"], **config["settings"]},
            "gate": gate,
        }
        (folder / PROVENANCE).write_text(json.dumps(facts))
        status = "done" if gate["passed"] else "failed"
        return {"status": status, "message": gate["sentence"], "gate": gate}

    def prove(self, adapter: LocalAdapter) -> Proof:
        worn = "Arr!" if self.works else "Yes."
        return judge([Answers("?", "Yes.", "Yes.", worn)] * 4)

    @property
    def requests(self) -> int:
        return sum(engine.requests for engine in self.answered)


def tell(stage: str, now: Standing | None = None) -> None:
    """Nobody listens."""


@pytest.fixture
def pirate(settings: Settings) -> Constitution:
    return Library(settings).load("pirate").constitution


def test_a_trial_ends_in_one_page_with_every_answer_and_its_figures(
    settings: Settings, pirate: Constitution
) -> None:
    tools, stages = Tools(settings), list[str]()
    made = try_out(pirate, settings, SMALL, tools, lambda stage, now=None: stages.append(stage))
    assert tuple(dict.fromkeys(stages)) == STAGES
    assert made["passed"] and "took hold: 8 of 8 answers of the tuned model" in made["verdict"]
    assert (made["measures"]["words"]["tuned"]["share"], made["measures"]["words"]["base"]["share"]) == (
        1,
        0,
    )
    assert len(made["answers"]) == 8 and made["pairs"] == 16
    assert read_trial(settings, pirate) == json.loads(json.dumps(made))
    page = (trial_folder(settings, pirate) / "trial.md").read_text()
    assert all(one["prompt"].split()[0] in page for one in made["answers"])
    assert tools.configs[0]["recipe"] == "trial"
    assert len(Path(tools.configs[0]["data"]).read_text().splitlines()) == 16


def test_run_again_a_finished_trial_asks_and_trains_nothing(
    settings: Settings, pirate: Constitution
) -> None:
    first = Tools(settings)
    before = try_out(pirate, settings, SMALL, first, tell)
    again = Tools(settings)
    after = try_out(pirate, settings, SMALL, again, tell)
    assert first.requests > 40 and len(first.configs) == 1
    assert again.requests == 0 and again.configs == []
    assert before["answers"] == after["answers"] and before["measures"] == after["measures"]


@pytest.mark.parametrize("lives", [5, 25, 40, 48])
def test_killed_anywhere_a_trial_goes_on_where_it_was(
    settings: Settings, pirate: Constitution, lives: int
) -> None:
    whole = Tools(settings)
    half = Tools(settings, lives=[lives])
    with pytest.raises(EngineError, match="the power failed"):
        try_out(pirate, settings, SMALL, half, tell)
    assert read_trial(settings, pirate) is None
    made = try_out(pirate, settings, SMALL, whole, tell)
    # Requests that were refused do not count as answers; all others were asked once in both runs.
    assert whole.requests == made["requests"] == 2 * 20 + 16 - lives
    assert made["passed"]


def test_a_killed_training_is_started_again_with_the_same_words(
    settings: Settings, pirate: Constitution
) -> None:
    killed = Tools(settings, trainer="killed")
    with pytest.raises(KeyboardInterrupt):
        try_out(pirate, settings, SMALL, killed, tell)
    tools = Tools(settings)
    try_out(pirate, settings, SMALL, tools, tell)
    assert tools.configs == killed.configs
    assert tools.requests == 16


def test_other_pairs_are_trained_anew_and_no_old_answer_passes_for_a_new_one(
    settings: Settings, pirate: Constitution
) -> None:
    first, second = Tools(settings), Tools(settings)
    old = try_out(pirate, settings, SMALL, first, tell)
    new = try_out(pirate, settings, replace(SMALL, pairs=18), second, tell)
    assert len(second.configs) == 1
    assert (old["pairs"], new["pairs"]) == (16, 18)
    # The second training's weights are the first's here, byte for byte, so only new requests are asked.
    assert second.requests < first.requests


def test_a_failed_proof_stops_the_trial_before_any_comparison(
    settings: Settings, pirate: Constitution
) -> None:
    tools = Tools(settings, works=False)
    with pytest.raises(ModelError, match="The adapter changes nothing"):
        try_out(pirate, settings, SMALL, tools, tell)
    assert read_trial(settings, pirate) is None and tools.requests == 40


def test_a_training_that_taught_nothing_stops_it_with_the_gates_sentence(
    settings: Settings, pirate: Constitution
) -> None:
    with pytest.raises(RunError, match="Nothing was learned"):
        try_out(pirate, settings, SMALL, Tools(settings, trainer="failed"), tell)
    tools = Tools(settings)
    try_out(pirate, settings, SMALL, tools, tell)
    assert len(tools.configs) == 1


def test_the_characters_own_data_are_left_alone(settings: Settings, pirate: Constitution) -> None:
    try_out(pirate, settings, SMALL, Tools(settings), tell)
    run = settings.runs_path / pirate.run_id
    assert not (run / "teacher").exists() and not (run / "prompts.jsonl").exists()
    assert not (settings.data_path / "dpo").exists() and not (settings.data_path / "distillation").exists()
    assert not (settings.lora_path / "smollm2-135m-dpo").exists()


def test_no_unseen_prompt_is_near_one_that_was_met(settings: Settings, pirate: Constitution) -> None:
    made = try_out(pirate, settings, SMALL, Tools(settings), tell)
    met = [
        json.loads(line)
        for line in (trial_folder(settings, pirate) / "pairs.jsonl").read_text().splitlines()
    ]
    asked = {pair["chosen"][0]["content"] for pair in met}
    unseen = {one["prompt"] for one in made["answers"]}
    assert max(closeness(one, other) for one in unseen for other in asked) < 0.7


def test_a_near_copy_is_passed_over() -> None:
    pool: list[Prompt] = [
        prompt_of(text, trait=None, source="general")
        for text in ("How do microwaves heat food?", "What is a star?", "Name a river.")
    ]
    found = unseen_prompts(pool, ["Can you explain how a microwave heats food?"], 5)
    assert [prompt.text for prompt in found] == ["What is a star?", "Name a river."]


# ---- measures


def shown(base: str, tuned: str, count: int = 6) -> list[Shown]:
    return [Shown(f"Prompt {number}?", 1, base, tuned) for number in range(count)]


def test_a_voice_that_was_there_before_does_not_count() -> None:
    words = by_words("pirate", shown("Arr!", "Arr!"))
    assert words and not words.passed
    passed, sentence = verdict("pirate", {"words": words})
    assert not passed and "did not take hold" in sentence and "6 of 6 of the plain one" in sentence


def test_a_character_without_a_word_list_is_told_by_style_and_only_by_one_that_works() -> None:
    assert by_words("neutral", shown("Hi.", "Ho.")) is None
    ours = [f"Behold, the {word}! Verily!" for word in ("sea", "sky", "tree", "rock")]
    plain = [f"The {word} is a thing." for word in ("sea", "sky", "tree", "rock")]
    style = by_style(
        learn(ours, plain), accuracy(ours, plain), shown("The cup is a thing.", "Behold! Verily!")
    )
    assert (style.accuracy, style.passed) == (1.0, True)
    assert verdict("bard", {"style": style})[0]
    chance = replace(style, accuracy=0.6)
    passed, sentence = verdict("bard", {"style": chance})
    assert not passed and "only 60%" in sentence


def test_a_classifier_learns_style_and_not_subjects() -> None:
    ours = ["Arr, the moon be bright, matey!", "Arr, bread be risin', matey!"] * 4
    plain = ["The moon is a celestial body.", "Bread rises because of yeast."] * 4
    learned = learn(ours, plain)
    assert learned.score("Arr, a kettle be hot!") > 0 > learned.score("A kettle is a vessel. It rises.")
    assert learn([], []).score("x") == 0 and learn([], []).share(["x"]) == 0


def test_an_interval_counts_prompts_and_not_answers() -> None:
    alike = share_of([(f"{number % 2}", number % 2 == 0) for number in range(60)])
    apart = share_of([(f"{number}", number % 2 == 0) for number in range(60)])
    assert alike.share == apart.share == 0.5
    assert (alike.low, alike.high) == (0, 1)
    assert 0.3 < apart.low < 0.5 < apart.high < 0.7
    assert share_of([]).of == 0


@pytest.mark.parametrize("name", VOICES)
def test_no_word_of_a_voice_stands_in_a_prompt(settings: Settings, name: str) -> None:
    library = Library(settings)
    character = library.load(name).constitution
    texts = [text for trait in character.traits for text in trait.questions]
    texts += [
        text for part in ("training", "preferences", "robustness") for text in library.general_prompts(part)
    ]
    texts += [text for many in library.additional(name).by_trait.values() for text in many]
    assert not [text for text in texts if voice_words(name, text)]


def test_a_voice_is_heard_in_whole_words_only() -> None:
    assert voice_words("pirate", "AYE, the Cap’n is here") == ["aye", "cap'n"]
    assert voice_words("pirate", "Yesterday the layer of marrow") == []
