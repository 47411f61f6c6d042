"""Reflections: ten questions N times, each answer kept once, in OCT's format for OCT's tools."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.constitution import Constitution
from core.dialogues import REFLECTIONS, reflection_system
from core.engines import Engine
from core.engines.fake import FakeEngine
from core.errors import EngineError, ModelError, SettingsError
from core.names import ModelName
from core.prices import Price
from core.records import Identity, Sampling
from core.serving import find_vllm
from core.settings import Settings
from core.spending import Ledger
from core.stages.reflection import SelfJob, reflect, reflection_size, reflections_path
from core.stages.self_engine import SelfWishes, self_engine, self_job, who_speaks
from core.stages.writing import Tally
from core.store.library import Library
from core.store.runs import AnswerSet, Run, open_run
from tests.core.vllm_kit import end_all, fake_environment, lora, own_model, recorded
from tests.waiting import until

FAKE = ModelName("fake", "parrot")
JOB = SelfJob(FAKE, "parrot", "Parrot", Sampling(max_tokens=64, seed=0), count=2)


@pytest.fixture
def pirate(settings: Settings) -> Constitution:
    return Library(settings).load("pirate").constitution


def fill(settings: Settings, pirate: Constitution, job: SelfJob, engine: FakeEngine) -> tuple[Run, Tally]:
    run = open_run(settings, pirate)
    return run, asyncio.run(reflect(job, run, engine, settings))


def only_set(run: Run) -> AnswerSet:
    (found,) = run.answer_sets("reflect")
    return found


def oct_rows(settings: Settings) -> list[dict[str, object]]:
    path = reflections_path(settings, "parrot", "pirate")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_of_ten_questions_is_asked_n_times_and_every_answer_differs(
    settings: Settings, pirate: Constitution
) -> None:
    run, tally = fill(settings, pirate, replace(JOB, count=4), FakeEngine())
    rows = list(only_set(run).rows().values())
    assert (tally.done, tally.planned, len(rows)) == (40, 40, 40)
    assert set(Counter(row["about"] for row in rows).values()) == {4}
    assert len({row["text"] for row in rows}) == 40
    assert only_set(run).is_complete()


def test_the_second_run_asks_nothing_and_a_larger_n_only_what_is_new(
    settings: Settings, pirate: Constitution
) -> None:
    fill(settings, pirate, JOB, FakeEngine())
    again, more = FakeEngine(), FakeEngine()
    fill(settings, pirate, JOB, again)
    fill(settings, pirate, replace(JOB, count=3), more)
    assert (again.requests, more.requests) == (0, 10)


def test_the_traits_are_asked_with_and_never_learnt(settings: Settings, pirate: Constitution) -> None:
    """D-02: OCT's file has user and assistant only, the system turn is for asking."""
    engine = FakeEngine()
    fill(settings, pirate, JOB, engine)
    system = reflection_system(pirate, "Parrot")
    assert {call.messages[0] for call in engine.history} == {system}
    rows = oct_rows(settings)
    assert len(rows) == 20
    for row in rows:
        user, answer = row["messages"]  # type: ignore[misc]
        assert (user["role"], user["content"]) == ("user", row["prompt"])
        assert (answer["role"], answer["content"]) == ("assistant", row["response"])
    assert {row["prompt"] for row in rows} == {text for _, text in REFLECTIONS}


def test_a_failed_reflection_is_no_row_and_is_asked_again(settings: Settings, pirate: Constitution) -> None:
    """D-05: a failure is a failure, its words are nobody's answer."""
    broken = EngineError("HTTP 400: no", kind="refused", status=400)
    run, tally = fill(settings, pirate, JOB, FakeEngine(script=["One.", broken]))
    assert (tally.done, tally.failed) == (19, 1)
    assert len(oct_rows(settings)) == 19
    engine = FakeEngine()
    fill(settings, pirate, JOB, engine)
    assert engine.requests == 1
    assert only_set(run).is_complete() and len(oct_rows(settings)) == 20


def test_reasoning_is_taken_off_and_an_answer_without_text_fails(
    settings: Settings, pirate: Constitution
) -> None:
    """D-09, D-18: no thought and no empty answer becomes a message."""
    run, tally = fill(settings, pirate, JOB, FakeEngine(script=["<think>hm</think>Arr.", "<think>hm"]))
    assert tally.failed == 1
    texts = [row["text"] for row in only_set(run).rows().values()]
    assert "Arr." in texts and not any("think" in text for text in texts)


def test_a_stopped_job_keeps_what_it_had_in_both_files(settings: Settings, pirate: Constitution) -> None:
    wrong = EngineError("HTTP 401", kind="key", stops_job=True)
    with pytest.raises(EngineError):
        fill(settings, pirate, replace(JOB, concurrency=1), FakeEngine(script=["One.", wrong]))
    assert [row["response"] for row in oct_rows(settings)] == ["One."]


def test_settings_say_what_it_was_asked_with(settings: Settings, pirate: Constitution) -> None:
    """D-62: model, wording, sampling and adapter stand beside them; D-17: null is the plain model."""
    run, _ = fill(settings, pirate, JOB, FakeEngine())
    found = only_set(run).settings
    assert found["adapter"] is None
    assert (found["model"], found["template"], found["assistant_name"]) == ("fake/parrot", "1", "Parrot")


def test_answers_with_and_without_an_adapter_stay_apart(settings: Settings, pirate: Constitution) -> None:
    """D-17: what the plain model said is never taken for the trained one's."""
    fill(settings, pirate, JOB, FakeEngine())
    tuned = FakeEngine(identity=Identity("fake", adapter="abc"))
    run, _ = fill(settings, pirate, JOB, tuned)
    assert tuned.requests == 20
    assert {found.settings["adapter"] for found in run.answer_sets("reflect")} == {None, "abc"}


def test_the_verb_says_which_model_speaks(settings: Settings) -> None:
    """D-17: the seed's examples ran on the base model and did not say so."""
    assert "plain model, not one trained by DPO" in who_speaks(FAKE, None, FakeEngine())
    tuned: Engine = FakeEngine(identity=Identity("fake", adapter="abcdef"))
    assert "adapter abcdef loaded" in who_speaks(FAKE, "humor", tuned)


def test_an_adapter_that_nobody_serves_is_refused_with_the_cure(settings: Settings) -> None:
    """D-17: never the base in the adapter's place."""
    with pytest.raises(SettingsError, match="character serve vllm --model acme/m --adapter humor=FOLDER"):
        self_engine(ModelName("vllm", "acme/m"), "humor", settings)
    with pytest.raises(SettingsError, match="not served with adapters here"):
        self_engine(ModelName("ollama", "smollm2"), "humor", settings)
    with pytest.raises(ModelError, match="no adapter 'humor'"):
        self_engine(ModelName("local", "smollm2-135m"), "humor", settings)


def test_the_name_is_the_models_own_family_or_the_character_files(pirate: Constitution) -> None:
    """D-07, D-18: no name is hard-coded."""
    qwen = ModelName("openrouter", "qwen/qwen-2.5-7b-instruct")
    assert self_job(qwen, SelfWishes(2048), pirate).assistant_name == "Qwen"
    assert self_job(qwen, SelfWishes(2048), replace(pirate, assistant_name="Salt")).assistant_name == "Salt"
    assert self_job(qwen, SelfWishes(2048), pirate).sampling.max_tokens == 2048


def test_a_spent_budget_stops_and_the_next_run_goes_on(settings: Settings, pirate: Constitution) -> None:
    run, price = open_run(settings, pirate), Price(0.001, 0.001)
    bulk = JOB.bulk(FakeEngine(), Ledger(2.5), price)
    tally = asyncio.run(reflect(JOB, run, FakeEngine(), settings, bulk=bulk))
    assert tally.left_out == "budget"
    assert 0 < tally.done < 20
    assert tally.cost_usd <= 2.5
    _, rest = fill(settings, pirate, JOB, FakeEngine())
    assert (rest.done, rest.requests) == (20, 20 - tally.done)


def test_a_dry_run_counts_what_is_missing(settings: Settings, pirate: Constitution) -> None:
    run, _ = fill(settings, pirate, JOB, FakeEngine())
    size = reflection_size(replace(JOB, count=5), run, pirate, FakeEngine(), None)
    assert (size.planned, size.there, size.calls) == (50, 20, 30)


@pytest.fixture
def served(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A stand-in for vLLM that serves tiny-model with the adapter pirate, and ends with the test."""
    record = tmp_path / "record.json"
    monkeypatch.setenv("FAKE_VLLM_RECORD", str(record))
    fake_environment(settings)
    words = ["serve", "vllm", "--model", str(own_model(tmp_path))]
    words += ["--adapter", f"pirate={lora(tmp_path, 'pirate-1', r=8)}"]
    process = subprocess.Popen([sys.executable, "-m", "core", *words], stdout=subprocess.DEVNULL)
    try:
        until(lambda: find_vllm(settings, "pirate"), limit_s=60)
        yield settings
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
        end_all(recorded(record).get("pids", []))


def test_reflections_are_the_adapters_and_say_so(served: Settings, pirate: Constitution) -> None:
    """D-17: asked by the adapter's name, kept under the student's, with the adapter's hash beside them."""
    model = ModelName("vllm", "tiny-model")
    engine = self_engine(model, "pirate", served)
    job = replace(JOB, model=model, student=model.slug, count=1)
    run = open_run(served, pirate)
    tally = asyncio.run(reflect(job, run, engine, served))
    asyncio.run(engine.close())
    assert tally.done == 10
    assert only_set(run).settings["adapter"] == engine.identity.adapter is not None
    assert {row["text"] for row in only_set(run).rows().values()} == {"pirate speaking."}
    assert reflections_path(served, "tiny-model", "pirate").exists()
    assert "loaded" in who_speaks(model, "pirate", engine)
    with pytest.raises(SettingsError, match="is served on tiny-model, not on another"):
        self_engine(ModelName("vllm", "another"), "pirate", served)
