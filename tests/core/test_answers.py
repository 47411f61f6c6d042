"""Teacher and student: every answer is kept once, and a killed run goes on where it stopped."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from core.constitution import Constitution
from core.engines.fake import FakeEngine
from core.errors import EngineError, RunError, SettingsError
from core.names import ModelName
from core.prompts import prompt_set
from core.records import Completion, Sampling
from core.settings import PROJECT, Settings
from core.stages.answers import AnswerJob, Tally, answer
from core.store.jsonl import read_rows
from core.store.library import Library
from core.store.runs import AnswerSet, Run, open_run
from tests.stand_in import Reply, StandIn, parrot
from tests.waiting import until

FAKE = ModelName("fake", "parrot")


@pytest.fixture
def pirate(settings: Settings) -> Constitution:
    return Library(settings).load("pirate").constitution


def job_for(
    constitution: Constitution, role: str = "teacher", limit: int = 12, **changes: object
) -> AnswerJob:
    prompts = prompt_set(constitution, {})[:limit]
    job = AnswerJob(role, FAKE, prompts, Sampling(max_tokens=64, seed=0))  # type: ignore[arg-type]
    return replace(job, **changes)  # type: ignore[arg-type]


def fill(
    settings: Settings, constitution: Constitution, job: AnswerJob, engine: FakeEngine
) -> tuple[Run, Tally]:
    run = open_run(settings, constitution)
    return run, asyncio.run(answer(job, run, engine, settings))


def only_set(run: Run, role: str) -> AnswerSet:
    (found,) = run.answer_sets(role)
    return found


def test_a_second_run_of_the_same_command_sends_no_request(
    settings: Settings, pirate: Constitution
) -> None:
    fill(settings, pirate, job_for(pirate), FakeEngine())
    engine = FakeEngine()
    run, tally = fill(settings, pirate, job_for(pirate), engine)
    assert (engine.requests, tally.done, tally.requests) == (0, 12, 0)
    assert only_set(run, "teacher").is_complete()


def test_a_larger_limit_asks_only_for_what_is_new(settings: Settings, pirate: Constitution) -> None:
    fill(settings, pirate, job_for(pirate, limit=4), FakeEngine())
    engine = FakeEngine()
    fill(settings, pirate, job_for(pirate, limit=12), engine)
    assert engine.requests == 8


def test_a_limited_run_already_shows_every_trait(pirate: Constitution) -> None:
    prompts = prompt_set(pirate, {})
    assert {prompt.trait for prompt in prompts[: len(pirate.traits)]} == {
        trait.id for trait in pirate.traits
    }


def test_changed_settings_ask_anew_and_leave_the_old_answers_alone(
    settings: Settings, pirate: Constitution
) -> None:
    run, _ = fill(settings, pirate, job_for(pirate), FakeEngine())
    before = only_set(run, "teacher").rows()
    engine = FakeEngine()
    fill(
        settings, pirate, job_for(pirate, sampling=Sampling(temperature=1.0, max_tokens=64, seed=0)), engine
    )
    assert engine.requests == 12
    assert before in [found.rows() for found in run.answer_sets("teacher")]


def test_k_samples_differ_and_keep_their_number(settings: Settings, pirate: Constitution) -> None:
    run, _ = fill(settings, pirate, job_for(pirate, limit=3, samples=4), FakeEngine())
    rows = only_set(run, "teacher").rows().values()
    places = Counter((row["prompt"], row["sample"]) for row in rows)
    assert len(places) == 12
    assert set(places.values()) == {1}
    assert len({row["text"] for row in rows}) == 12


def test_two_students_do_not_touch_each_others_rows(settings: Settings, pirate: Constitution) -> None:
    run, _ = fill(settings, pirate, job_for(pirate, "student"), FakeEngine())
    path = only_set(run, "student").rows_path
    before = path.read_bytes()
    other = job_for(pirate, "student", model=ModelName("fake", "second"))
    fill(settings, pirate, other, FakeEngine("second"))
    assert path.read_bytes() == before
    assert {found.slug for found in run.answer_sets("student")} == {"parrot", "second"}


def test_a_failed_row_is_kept_with_its_reason_and_asked_again_next_time(
    settings: Settings, pirate: Constitution
) -> None:
    broken = EngineError("HTTP 400: too long", kind="refused", status=400)
    run, tally = fill(settings, pirate, job_for(pirate), FakeEngine(script=["a.", broken]))
    answers = only_set(run, "teacher")
    assert (tally.done, tally.failed, tally.reasons) == (11, 1, {"refused": 1})
    assert [row["message"] for row in answers.failures().values()] == ["HTTP 400: too long"]
    assert answers.rows().keys() | answers.failures().keys() == answers.plan().keys()
    assert not answers.is_complete()
    engine = FakeEngine()
    fill(settings, pirate, job_for(pirate), engine)
    assert engine.requests == 1
    assert answers.failures() == {}
    assert answers.is_complete()


def test_an_answer_that_is_all_reasoning_is_a_failure_not_a_row(
    settings: Settings, pirate: Constitution
) -> None:
    run, tally = fill(
        settings, pirate, job_for(pirate, limit=2), FakeEngine(script=["<think>hm", "<think>a</think>Arr."])
    )
    assert tally.failed == 1
    (row,) = only_set(run, "teacher").rows().values()
    assert (row["text"], row["reasoning"]) == ("Arr.", "a")


def test_finish_reason_usage_and_cost_stand_with_each_row(settings: Settings, pirate: Constitution) -> None:
    scripted = Completion("Arr.", "length", cost_usd=0.25, served_model="m-1")
    run, tally = fill(settings, pirate, job_for(pirate, limit=1), FakeEngine(script=[scripted]))
    (row,) = only_set(run, "teacher").rows().values()
    assert (row["finish_reason"], row["cost_usd"], row["served_model"]) == ("length", 0.25, "m-1")
    assert tally.cost_usd == 0.25


def test_a_wrong_key_stops_the_job_after_one_request(settings: Settings, pirate: Constitution) -> None:
    engine = FakeEngine(script=[EngineError("HTTP 401", kind="key", stops_job=True)] * 50)
    with pytest.raises(EngineError):
        fill(settings, pirate, job_for(pirate), engine)
    assert engine.requests == 1


def test_no_more_than_the_wished_requests_are_under_way(settings: Settings, pirate: Constitution) -> None:
    engine = FakeEngine()
    fill(settings, pirate, job_for(pirate, limit=40, concurrency=3), engine)
    assert engine.most_at_once == 3


def test_thinking_needs_an_engine_that_can_prefill(settings: Settings, pirate: Constitution) -> None:
    with pytest.raises(SettingsError, match="leave out --thinking"):
        fill(settings, pirate, job_for(pirate, thinking=True), FakeEngine(can_prefill=False))


def test_a_run_of_another_version_is_refused(settings: Settings, pirate: Constitution) -> None:
    open_run(settings, pirate, "mine")
    with pytest.raises(RunError, match="another version"):
        open_run(settings, replace(pirate, summary="Changed."), "mine")


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "x" * 300])
def test_a_run_name_cannot_leave_the_runs_folder(
    settings: Settings, pirate: Constitution, name: str
) -> None:
    if name == "":
        assert open_run(settings, pirate, name).id == pirate.run_id
        return
    with pytest.raises(RunError, match="no run name"):
        open_run(settings, pirate, name)


def teacher_command(server: StandIn, limit: int) -> list[str]:
    words = [
        "teacher",
        "--constitution",
        "pirate",
        "--model",
        server.name,
        "--limit",
        str(limit),
        "--K",
        "1",
    ]
    return [sys.executable, "-m", "core", *words, "--max-concurrency", "4", "--json"]


def keys_in(path: Path) -> list[str]:
    return [row["key"] for row in read_rows(path).rows]


@pytest.mark.parametrize("killed_after", [1, 7, 23])
def test_kill_9_in_the_middle_then_again_gives_the_same_keys_and_no_duplicate(
    tmp_path: Path, killed_after: int
) -> None:
    import threading

    gate, reached = threading.Event(), threading.Event()

    def script(number: int, body: dict[str, object]) -> Reply | str:
        if number > killed_after and not gate.is_set():
            reached.set()
            gate.wait(20)
        return parrot(number, body)

    with StandIn(script) as server:
        command = teacher_command(server, 30)
        environment = dict(os.environ)
        first = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL)
        assert reached.wait(30)
        rows_glob = list((tmp_path / "data" / "runs").glob("*/teacher/*"))
        until(
            lambda: (
                (rows_glob[0] / "rows.jsonl").exists()
                and len(keys_in(rows_glob[0] / "rows.jsonl")) >= killed_after
            )
        )
        first.send_signal(signal.SIGKILL)
        first.wait(10)
        gate.set()
        with (rows_glob[0] / "rows.jsonl").open("ab") as file:
            file.write(b'{"key": "torn half of a ro')
        durable = {row["prompt"] for row in read_rows(rows_glob[0] / "rows.jsonl").rows}
        before = len(server.requests)
        second = subprocess.run(
            command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60
        )
        assert second.returncode == 0, second.stderr
        result = json.loads(second.stdout.splitlines()[-1])
        answers = AnswerSet(rows_glob[0])
        keys = keys_in(answers.rows_path)
        assert len(keys) == len(set(keys)) == 30
        assert set(keys) == answers.plan().keys()
        texts = {
            row["id"]: row["text"] for row in read_rows(rows_glob[0].parents[1] / "prompts.jsonl").rows
        }
        # What the killed one had just sent may still arrive behind it; none of that is of a durable row.
        asked = {body["messages"][-1]["content"] for body in server.requests[before:]}
        assert asked == {text for id, text in texts.items() if id not in durable}
        assert result["requests"] == 30 - killed_after == 30 - len(durable)
        assert (result["done"], result["damaged"]) == (30, 1)
        third = subprocess.run(
            command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60
        )
        assert json.loads(third.stdout.splitlines()[-1])["requests"] == 0


@pytest.mark.parametrize("started_in_background", [False, True])
def test_ending_a_job_keeps_finished_rows_and_exits_130(
    tmp_path: Path, started_in_background: bool
) -> None:
    import threading

    gate, reached = threading.Event(), threading.Event()

    def script(number: int, body: dict[str, object]) -> Reply | str:
        if number > 5:
            reached.set()
            gate.wait(20)
        return parrot(number, body)

    with StandIn(script) as server:
        # What a shell does to a command with "&" behind it.
        ignore = partial(signal.signal, signal.SIGINT, signal.SIG_IGN) if started_in_background else None
        process = subprocess.Popen(
            teacher_command(server, 30),
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=ignore,
        )
        assert reached.wait(30)
        (folder,) = (tmp_path / "data" / "runs").glob("*/teacher/*")
        until(lambda: len(keys_in(folder / "rows.jsonl")) >= 5)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
        gate.set()
    assert process.returncode == 130
    assert "Every finished row is kept" in said
    assert len(keys_in(folder / "rows.jsonl")) == 5


def test_an_edited_character_does_not_ask_its_student_again(
    settings: Settings, pirate: Constitution
) -> None:
    fill(settings, pirate, job_for(pirate, "student"), FakeEngine())
    edited = replace(pirate, summary="Another sentence.")
    student, teacher = FakeEngine(), FakeEngine()
    run, tally = fill(settings, edited, job_for(edited, "student"), student)
    assert (student.requests, tally.done) == (0, 12)
    assert only_set(run, "student").is_complete()
    fill(settings, edited, job_for(edited, "teacher"), teacher)
    assert teacher.requests == 12


def test_the_answers_used_last_are_the_ones_that_count(settings: Settings, pirate: Constitution) -> None:
    warm, hot = Sampling(max_tokens=64, seed=0), Sampling(temperature=1.0, max_tokens=64, seed=0)
    for sampling in (warm, hot, warm):
        run, _ = fill(settings, pirate, job_for(pirate, sampling=sampling), FakeEngine())
    assert run.answer_sets("teacher")[0].settings["sampling"]["temperature"] == 0.7
    broken = FakeEngine(script=[EngineError("no", kind="key", stops_job=True)])
    with pytest.raises(EngineError):
        fill(settings, pirate, job_for(pirate, sampling=replace(warm, temperature=0.1)), broken)
    assert run.answer_sets("teacher")[0].settings["sampling"]["temperature"] == 0.7
