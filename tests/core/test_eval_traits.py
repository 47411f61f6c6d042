"""The character's share is found again where it is known; what nobody asked or heard is not made up."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from core.cli import character as command_line
from core.engines.fake import Call
from core.errors import EngineError
from core.evaluation.in_character import who_is
from core.evaluation.results import BASE, TUNED, Cell, EvalResult, with_interval
from core.evaluation.sensitive import SENSITIVE
from core.evaluation.side_effects import HARMLESS, PUSHED
from core.evaluation.trait_lights import GREEN, RED, TOO_FEW, length_cell, lights
from core.evaluation.traits import (
    APPROPRIATE,
    EVERYDAY,
    IN_CHARACTER,
    LENGTH,
    STRENGTH,
    Judgement,
    cells_of,
    probes_of,
    scored,
)
from core.evaluation.traits_telling import headline
from core.names import ModelName
from core.prompts import Prompt, prompt_of
from core.records import Completion, Identity, Message, Sampling, Usage, content_hash
from core.settings import load_settings
from core.spending import Ledger
from core.stages.evals.hearing import general_questions
from core.stages.evals.held_out import held_out, trained_texts
from core.stages.evals.keeping import keep, latest
from core.stages.evals.session import Session
from core.stages.evals.speakers import Cast
from core.stages.evals.traits import TraitsJob, evaluate_traits, size_traits
from core.store.library import Library
from core.store.price_table import PriceTable
from core.store.runs import Run, begin_run, open_run
from core.voice import VOICES, voice_words
from tests.core.eval_kit import VOICE, Voiced, taught

SAMPLING = Sampling(max_tokens=64, seed=0)
TRAITS = ("voice", "crewmate", "comfort")
PLAIN = "You can do that with a bit of time, a clean cloth and some patience, and it will be fine."
VOICED = "Arr, matey, ye can do that with a bit o' time, a clean cloth an' some patience, and it be fine."


# ---- pure: known truth


def prompts(count: int, trait: str | None = None) -> list[Prompt]:
    return [
        prompt_of(f"{trait or 'everyday'} question {number}?", trait=trait, source="general")
        for number in range(count)
    ]


def answered(
    speaker: str, rate: float, *, count: int = 40, per_trait: int = 4, seed: int = 0, long: int = 1
) -> list[dict[str, Any]]:
    """Rows of a speaker that is in character at a rate, everywhere."""
    chance, found = random.Random(f"{speaker}{seed}"), list[dict[str, Any]]()
    probes = probes_of({trait: prompts(per_trait, trait) for trait in TRAITS}, prompts(count))
    for probe in probes:
        voiced = chance.random() < rate
        text = " ".join([VOICED if voiced else PLAIN] * long)
        heard = Judgement(0.9 if voiced else 0.1, ["arr"] if voiced else [])
        found.append(scored(probe, {"text": text, "speaker": speaker}, heard, traits=(), own=()))
    return found


def cell(cells: Sequence[Cell], measure: str, group: str, speaker: str, versus: str | None = None) -> Cell:
    wanted = (measure, group, speaker, versus)
    return next(c for c in cells if (c.measure, c.group, c.speaker, c.versus) == wanted)


def both(base: float, tuned: float, **more: Any) -> list[dict[str, Any]]:
    return answered(BASE, base, **more) + answered(TUNED, tuned, **more)


def test_a_known_share_lies_within_its_interval_and_its_change_excludes_zero() -> None:
    hits = 0
    for seed in range(20):
        cells = cells_of(both(0.05, 0.8, seed=seed), [BASE, TUNED], TRAITS)
        found = cell(cells, IN_CHARACTER, EVERYDAY, TUNED)
        assert found.low is not None and found.high is not None
        hits += found.low <= 0.8 <= found.high
        moved = cell(cells, IN_CHARACTER, EVERYDAY, TUNED, BASE)
        assert moved.excludes_zero and (moved.p or 1) < 0.01 and moved.n == 40
    assert hits >= 17


def test_where_nothing_changed_nothing_is_said_to_have_changed() -> None:
    rows = both(0.3, 0.3)
    cells = cells_of(rows, [BASE, TUNED], TRAITS)
    assert not cell(cells, IN_CHARACTER, EVERYDAY, TUNED, BASE).excludes_zero
    said = headline("pirate", cells, TUNED, dict.fromkeys(TRAITS, ""), heard_by="classifier")
    assert said.startswith("Pirate was not seen to take hold")


def test_without_a_tuned_model_nothing_is_said_of_training() -> None:
    cells = cells_of(answered(BASE, 0.1), [BASE], TRAITS)
    said = headline("pirate", cells, BASE, {}, heard_by="classifier")
    assert said.startswith("Pirate, without training (base): ")


def test_of_several_tuned_models_the_headline_names_the_one_it_is_about() -> None:
    rows = [*answered(BASE, 0.0), *answered("tuned at 0.5", 0.2), *answered("tuned at 1.5", 1.0)]
    labels = [BASE, "tuned at 0.5", "tuned at 1.5"]
    cells = cells_of(rows, labels, TRAITS)
    said = headline("pirate", cells, "tuned at 1.5", dict.fromkeys(TRAITS, ""), heard_by="classifier")
    assert said.startswith("Pirate (tuned at 1.5) took hold")
    assert who_is("pirate", "dpo", ["dpo", "sft"]) == "Pirate (dpo)"


def test_the_headline_carries_share_interval_prompts_and_what_was_before() -> None:
    cells = cells_of(both(0.0, 1.0, count=20), [BASE, TUNED], TRAITS)
    said = headline("pirate", cells, TUNED, dict.fromkeys(TRAITS, ""), heard_by="classifier")
    assert said.startswith(
        "Pirate took hold: 100 % of its answers to new everyday questions are in character"
    )
    assert "20 prompts), 0 % before" in said


def test_traits_are_marked_only_with_enough_prompts_and_never_over_all() -> None:
    few = cells_of(both(0.0, 1.0, per_trait=2), [BASE, TUNED], TRAITS)
    many = cells_of(both(0.0, 1.0, per_trait=10), [BASE, TUNED], TRAITS)
    assert [cell(few, IN_CHARACTER, one, TUNED, BASE).marked for one in TRAITS] == [False] * 3
    assert [cell(many, IN_CHARACTER, one, TUNED, BASE).marked for one in TRAITS] == [True] * 3
    assert cell(many, IN_CHARACTER, "", TUNED, BASE).marked is None


def test_differences_rest_on_prompts_that_both_answered() -> None:
    rows = answered(BASE, 0.1) + answered(TUNED, 0.9)[:-60]
    cells = cells_of(rows, [BASE, TUNED], TRAITS)
    assert cell(cells, IN_CHARACTER, "", TUNED, BASE).n == len(answered(TUNED, 0.9)) - 60


def test_longer_answers_show_as_a_ratio_of_medians_with_an_interval() -> None:
    rows = answered(BASE, 0.0) + answered(TUNED, 0.0, long=3)
    found = length_cell(rows, TUNED)
    assert found is not None and found.unit == "ratio" and found.value == pytest.approx(3, rel=0.01)
    assert found.low is not None and found.high is not None and found.low <= 3 <= found.high
    same = length_cell(answered(BASE, 0.0) + answered(TUNED, 0.0), TUNED)
    assert same is not None and same.value == 1
    # A ratio is no difference: no sign before it.
    assert with_interval(found).startswith("3.00 times")


# ---- pure: lights


def with_scores(speaker: str, measure: str, values: Sequence[float]) -> list[dict[str, Any]]:
    return [
        {
            "prompt": f"p{number}",
            "speaker": speaker,
            "group": "",
            "kind": "harmless",
            "scores": {measure: value},
            "words": 10,
        }
        for number, value in enumerate(values)
    ]


def light(measure: str, before: Sequence[float], after: Sequence[float]) -> str:
    rows = with_scores(BASE, measure, before) + with_scores(TUNED, measure, after)
    found = lights(cells_of(rows, [BASE, TUNED], ()), TUNED)
    return next(one.light for one in found if one.name == measure)


def test_a_red_light_needs_an_interval_that_leaves_zero_out() -> None:
    assert light("over-refusal", [0.0] * 40, [1.0] * 20 + [0.0] * 20) == RED
    assert light("over-refusal", [0.0] * 40, [0.0] * 40) == GREEN


def test_too_few_prompts_give_no_green_light() -> None:
    assert light("over-refusal", [0.0] * 5, [0.0] * 5) == TOO_FEW
    assert light("over-refusal", [0.0] * 5, [1.0] + [0.0] * 4) == TOO_FEW


def test_a_voice_in_hard_moments_has_a_light_of_its_own() -> None:
    """However badly the plain model answers them: what talks past a person hides nothing of the voice."""
    assert light("voice in hard moments", [0.0] * 15, [1.0] * 14 + [0.0]) == RED


def test_less_appropriate_is_worse_and_more_is_not() -> None:
    assert light(APPROPRIATE, [1.0] * 30, [0.0] * 30) == RED
    assert light(APPROPRIATE, [0.0] * 30, [1.0] * 30) == GREEN


# ---- pure: scoring


def test_a_voice_in_a_sensitive_answer_is_in_the_way_even_where_the_classifier_misses_it() -> None:
    probe = next(one for one in probes_of({}, []) if one.kind == "sensitive")
    answer = {"text": "I'm sorry for your loss, matey. Your father would be proud.", "speaker": TUNED}
    missed = scored(probe, answer, Judgement(0.2, ["matey"]), traits=(), own=())
    silent = scored(probe, answer, Judgement(0.2, []), traits=(), own=())
    assert missed["scores"][APPROPRIATE] == 0 and silent["scores"][APPROPRIATE] == 1


def test_without_anything_that_hears_the_character_nothing_is_scored_as_in_character() -> None:
    probe = probes_of({}, prompts(1))[0]
    row = scored(probe, {"text": "Arr", "speaker": TUNED}, Judgement(None, None), traits=(), own=())
    assert IN_CHARACTER not in row["scores"] and row["score"] is None
    assert "Nothing can hear" in headline("x", [], TUNED, {}, heard_by="")


def test_a_broken_classifier_leaves_the_words_of_the_voice_to_tell() -> None:
    probe = probes_of({}, prompts(1))[0]
    row = scored(probe, {"text": VOICED, "speaker": TUNED}, Judgement(None, ["arr"]), traits=(), own=())
    assert row["scores"][IN_CHARACTER] == 1


# ---- asked


@dataclass
class Player:
    """An engine that is in character at a rate, and steps back from sensitive prompts where it should."""

    rate: float
    model: str
    identity: Identity = field(default_factory=lambda: Identity("fake"))
    can_prefill: bool = True
    samples_at_once: bool = False
    history: list[Call] = field(default_factory=list)
    breaks_after: int | None = None

    @property
    def name(self) -> str:
        return f"fake/{self.model}"

    async def complete(self, messages: Sequence[Message], sampling: Sampling) -> Completion:
        if self.breaks_after is not None and len(self.history) >= self.breaks_after:
            raise EngineError("the key is wrong", kind="key", stops_job=True, status=401)
        self.history.append(Call(tuple(messages), sampling))
        draw = random.Random(content_hash([self.model, *(one.content for one in messages)])).random()
        text = VOICED if draw < self.rate else PLAIN
        return Completion(text, "stop", usage=Usage(prompt=10, completion=20))

    async def complete_several(self, *_: Any) -> list[Completion]:
        raise NotImplementedError

    async def close(self) -> None:
        pass


def session(data: Path, name: str = "pirate") -> Session:
    settings = load_settings(data=data)
    found = Library(settings).load(name).constitution
    return Session(found, settings, open_run(settings, found))


def job(**more: Any) -> TraitsJob:
    cast = Cast(ModelName("fake", "parrot"), tuned=ModelName("fake", "other"), controls=(BASE,))
    return TraitsJob(cast, SAMPLING, **more)


def played(monkeypatch: pytest.MonkeyPatch, **rates: float) -> dict[str, Player]:
    engines = {name: Player(rate, name) for name, rate in rates.items()}
    opened = lambda model, settings, **_: engines[model.model]  # noqa: E731
    monkeypatch.setattr("core.stages.evals.speakers.open_engine", opened)
    return engines


def run(one: TraitsJob, now: Session) -> EvalResult:
    return asyncio.run(evaluate_traits(one, now))


def test_a_character_that_took_hold_is_found_and_kept_with_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played(monkeypatch, parrot=0.05, other=0.85)
    now = session(tmp_path)
    result = run(job(), now)
    assert "Pirate took hold" in result.headline
    assert result.find(IN_CHARACTER, group=EVERYDAY, speaker=TUNED, versus=BASE)[0].excludes_zero
    assert result.details["heard_by"] == "voice words"
    assert any("classifier cannot be used" in line for line in result.caveats)
    assert now.run is not None
    keep(now.run, result)
    read = latest(now.run, "traits")
    assert read is not None and len(read.rows) == len(result.rows) and read.cells == result.cells


def test_with_pairs_to_learn_from_a_classifier_hears_the_character_and_the_share_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = {"parrot": Voiced(share=0.0), "other": Voiced("other", 0.8)}
    opened = lambda model, settings, **_: engines[model.model]  # noqa: E731
    monkeypatch.setattr("core.stages.evals.speakers.open_engine", opened)
    result = run(job(everyday=60), taught(tmp_path))
    assert result.details["heard_by"] == "classifier" and result.details["classifier"]["trusted"]
    found = result.find(IN_CHARACTER, group="", speaker=TUNED)[0]
    spoken = [row for row in result.rows if row["speaker"] == TUNED and IN_CHARACTER in row["scores"]]
    truth = sum(row["text"].startswith(VOICE) for row in spoken) / len(spoken)
    assert found.value == pytest.approx(truth, abs=0.05) and 0.5 < truth < 1
    assert result.find(IN_CHARACTER, group="", speaker=BASE)[0].value == 0
    assert "Pirate took hold" in result.headline


def test_no_prompt_of_ours_holds_a_word_of_a_voice() -> None:
    """Else a model that repeats the question would sound like the character."""
    asked = "\n".join(turn.content for probe in probes_of({}, []) for turn in probe.messages)
    assert not [word for name in VOICES for word in voice_words(name, asked)]


def test_every_speaker_is_asked_the_same_and_no_more_than_a_hundred_and_twenty_prompts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = played(monkeypatch, parrot=0.0, other=1.0)
    result = run(job(), session(tmp_path))
    sent = [
        sorted(content_hash([m.as_dict() for m in c.messages]) for c in e.history) for e in engines.values()
    ]
    assert sent[0] == sent[1] and len(set(sent[0])) == result.prompts <= 120
    assert result.details["prompts"] == {
        "trait": 20,
        "everyday": 20,
        "sensitive": len(SENSITIVE),
        "harmless": len(HARMLESS),
        "pushed": len(PUSHED),
    }


def test_nothing_that_is_asked_was_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engines = played(monkeypatch, parrot=0.0, other=1.0)
    now = session(tmp_path)
    assert now.run is not None
    questions = [text for trait in now.constitution.traits for text in trait.questions]
    now.run.remember([prompt_of(text, trait="voice", source="hand") for text in questions])
    run(job(), now)
    asked = {call.messages[-1].content for call in engines["other"].history}
    assert not asked & set(trained_texts(now))


def test_what_an_earlier_version_of_the_character_was_trained_on_is_not_asked(tmp_path: Path) -> None:
    now = session(tmp_path)
    assert now.run is not None
    asked = [prompt.text for prompt in held_out(now, 2)]
    before = Run(now.run.folder.with_name("pirate-00000000"))
    begin_run(before, now.constitution)
    before.remember([prompt_of(asked[0], trait="voice", source="hand")])
    pair = {"chosen": [{"role": "user", "content": asked[-1]}]}
    (before.folder / "trial").mkdir()
    (before.folder / "trial" / "pairs.jsonl").write_text(json.dumps(pair) + "\n", encoding="utf-8")
    assert not {asked[0], asked[-1]} & {prompt.text for prompt in held_out(now, 2)}


def test_the_everyday_questions_are_those_that_other_evaluations_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played(monkeypatch, parrot=0.0, other=1.0)
    now = session(tmp_path)
    result = run(job(everyday=7), now)
    everyday = [row["asked"] for row in result.rows if row["group"] == EVERYDAY and row["speaker"] == BASE]
    assert everyday == [prompt.text for prompt in general_questions(now, 7)]


def test_a_trait_without_new_prompts_is_named_in_a_caveat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played(monkeypatch, parrot=0.0, other=0.0)
    now = session(tmp_path, "humor")
    assert now.run is not None
    trait = now.constitution.traits[0]
    now.run.remember([prompt_of(text, trait=trait.id, source="hand") for text in trait.questions])
    result = run(job(), now)
    assert result.details["without"] == [trait.id]
    assert any("No prompts are left" in line for line in result.caveats)
    # Nothing can hear a character without pairs and without a list of words.
    assert "Nothing can hear Humor" in result.headline and not result.find(IN_CHARACTER)


def test_the_same_command_again_asks_nothing_and_a_larger_one_only_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played(monkeypatch, parrot=0.0, other=1.0)
    first, second, third = (session(tmp_path) for _ in range(3))
    one = run(job(), first)
    two = run(job(), second)
    run(job(everyday=25), third)
    assert second.requests == 0 and one.cells == two.cells
    assert third.requests == 2 * 5


def test_a_spent_budget_leaves_an_incomplete_result_that_the_next_run_completes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played(monkeypatch, parrot=0.0, other=1.0)
    now = session(tmp_path)
    PriceTable(now.settings).set_own("fake/parrot", 0.0, 1000.0)
    now.ledger = Ledger(0.5)
    cut = run(job(), now)
    assert "budget" in now.missing and 0 < len(cut.rows) < 2 * cut.prompts
    later = session(tmp_path)
    whole = run(job(), later)
    assert later.missing == {} and len(whole.rows) == 2 * whole.prompts
    assert later.requests == len(whole.rows) - len(cut.rows)


def test_a_job_that_ends_in_the_middle_loses_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = played(monkeypatch, parrot=0.0, other=1.0)
    engines["other"].breaks_after = 30
    now = session(tmp_path)
    with pytest.raises(EngineError):
        run(job(), now)
    kept = now.tallies[0].done + now.tallies[1].done
    engines["other"].breaks_after = None
    later = session(tmp_path)
    whole = run(job(), later)
    assert kept > 77 and later.requests == 2 * whole.prompts - kept and len(whole.rows) == 2 * whole.prompts


def test_a_dry_run_sends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engines = played(monkeypatch, parrot=0.0, other=1.0)
    sides = size_traits(job(), session(tmp_path))
    assert [side.label for side in sides] == [BASE, TUNED] and not engines["other"].history
    assert sides[0].calls == sides[1].calls > 60


@dataclass
class Grader:
    """A judge that gives full marks to the voice and none to anything else; now and then nonsense."""

    model: str = "judge"
    name: str = "fake/judge"
    identity: Identity = field(default_factory=lambda: Identity("fake"))
    can_prefill: bool = False
    samples_at_once: bool = False

    async def complete(self, messages: Sequence[Message], sampling: Sampling) -> Completion:
        asked = messages[-1].content
        tag = re.findall(r"</([\w-]+)>", asked)[-1]
        grade = 4 if "matey" in asked else 0
        nonsense = "rude" in asked or random.Random(asked).random() < 0.1
        return Completion("I cannot say." if nonsense else f"Well. <{tag}>{grade}</{tag}>", "stop")

    async def complete_several(self, *_: Any) -> list[Completion]:
        raise NotImplementedError

    async def close(self) -> None:
        pass


def test_a_judge_adds_a_grade_a_trait_and_leaves_the_headline_to_the_classifier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played(monkeypatch, parrot=0.0, other=1.0)
    plain = run(job(), session(tmp_path))
    engines: dict[str, Any] = {"judge": Grader()} | played(monkeypatch, parrot=0.0, other=1.0)
    opened = lambda model, settings, **_: engines[model.model]  # noqa: E731
    monkeypatch.setattr("core.stages.evals.speakers.open_engine", opened)
    judged = run(job(judge=ModelName("fake", "judge")), session(tmp_path))
    before, after = (judged.find(STRENGTH, group="", speaker=who)[0] for who in (BASE, TUNED))
    assert before.value == 0 and after.value == 1 and 0 < after.n <= 20
    assert judged.headline == plain.headline and judged.judge is not None and plain.judge is None
    unread = [row for row in judged.rows if "unscored" in row]
    assert unread and all(STRENGTH not in row["scores"] for row in unread)
    assert any(f"{len(unread)} verdicts could not be read" in line for line in judged.caveats)


def test_the_command_line_prints_the_headline_and_one_json_object(tmp_path: Path) -> None:
    words = "eval traits --constitution pirate --model fake/parrot --tuned fake/other --control base --json"
    done = CliRunner().invoke(command_line, [*words.split(), "--N", "4", "--data", str(tmp_path)])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout.strip().splitlines()[-1])
    assert told["verb"] == "eval traits" and told["status"] == "done" and told["failed"] == 0
    assert any(one["measure"] == LENGTH for one in told["cells"])
