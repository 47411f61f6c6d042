"""Conversations of two copies: each at its own speed, every turn kept, nothing invented."""

from __future__ import annotations

import asyncio
import errno
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from core.bulk.retries import Patience
from core.constitution import Constitution
from core.dialogues import FREE, LEADING, STOP
from core.engines.fake import FakeEngine
from core.errors import EngineError, RunError
from core.names import ModelName
from core.prices import Price
from core.records import Completion, Message, Sampling
from core.settings import PROJECT, Settings
from core.spending import Ledger
from core.stages.interaction import SEEDS_A_TALK, TalkJob, interact, interaction_size, interactions_path
from core.stages.reflection import SelfJob
from core.stages.writing import Tally
from core.store import disk
from core.store.jsonl import iter_rows, read_rows
from core.store.library import Library
from core.store.runs import AnswerSet, Run, open_run
from tests.stand_in import Reply, StandIn
from tests.waiting import until

FAKE = ModelName("fake", "parrot")
JOB = TalkJob(SelfJob(FAKE, "parrot", "Parrot", Sampling(max_tokens=64, seed=0), count=5), turns=4)


def counted(count: int, **changes: Any) -> TalkJob:
    return replace(JOB, base=replace(JOB.base, count=count), **changes)


@pytest.fixture
def pirate(settings: Settings) -> Constitution:
    return Library(settings).load("pirate").constitution


def talk(settings: Settings, pirate: Constitution, job: TalkJob, engine: FakeEngine) -> tuple[Run, Tally]:
    run = open_run(settings, pirate)
    return run, asyncio.run(asyncio.wait_for(interact(job, run, engine, settings), 60))


def only_set(run: Run, role: str = "interact") -> AnswerSet:
    (found,) = run.answer_sets(role)
    return found


def oct_rows(settings: Settings, *, leading: bool = False) -> list[dict[str, Any]]:
    path = interactions_path(settings, "parrot", "pirate", leading=leading)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def place(sampling: Sampling) -> tuple[int, int]:
    """(number of the conversation, turn) that a request belongs to, told by its seed."""
    return divmod(sampling.seed or 0, SEEDS_A_TALK)


@dataclass(slots=True)
class Watched(FakeEngine):
    """Runs `before` ahead of every answer: it may wait, look at files, or raise."""

    before: Any = None
    asked: list[tuple[int, int]] = field(default_factory=list)

    async def complete(self, messages: Sequence[Message], sampling: Sampling) -> Completion:
        self.asked.append(place(sampling))
        await self.before(*place(sampling))
        return await FakeEngine.complete(self, messages, sampling)


def test_every_conversation_has_k_turns_and_ends_on_the_last_reply(
    settings: Settings, pirate: Constitution
) -> None:
    """D-01, D-04: `messages` is there, ends on the assistant, and holds the last reply."""
    run, tally = talk(settings, pirate, JOB, FakeEngine())
    assert (tally.done, tally.planned, tally.requests) == (5, 5, 20)
    for row in oct_rows(settings):
        assert len(row["conversation"]) == 4
        assert row["messages"][-1] == {"role": "assistant", "content": row["conversation"][-1]}
        roles = [turn["role"] for turn in row["messages"]]
        assert roles == ["system", *["user", "assistant"] * 3]
        assert [turn.get("scripted", False) for turn in row["messages"]][:4] == [False, True, True, False]
        assert row["messages_1"][-1]["content"] == row["greeting_1"]
        assert [turn["content"] for turn in row["messages_2"][1:]] == [row["greeting_2"], row["greeting_1"]]
    assert only_set(run).is_complete()


def test_each_turn_hears_all_that_was_said_before(settings: Settings, pirate: Constitution) -> None:
    engine = FakeEngine()
    run, _ = talk(settings, pirate, counted(1), engine)
    (row,) = only_set(run).rows().values()
    said = row["conversation"]
    for turn, call in enumerate(engine.history):
        assert [message.content for message in call.messages][-turn - 1 :] == [
            *([] if turn else [row["opening"]]),
            *([row["opening"]] if turn else []),
            *said[:turn],
        ][-turn - 1 :]
        assert call.messages[-1].role == "user"


@pytest.mark.parametrize("leading", [False, True])
def test_the_guidance_reaches_the_prompt(settings: Settings, pirate: Constitution, leading: bool) -> None:
    """D-03: it was passed to a text without a place for it."""
    engine = FakeEngine()
    talk(settings, pirate, replace(JOB, leading=leading), engine)
    for call in engine.history:
        assert (LEADING in call.messages[0].content, FREE in call.messages[0].content) == (
            leading,
            not leading,
        )
        assert "Parrot" in call.messages[0].content
    assert len(oct_rows(settings, leading=leading)) == 5


def test_no_conversation_waits_for_another(settings: Settings, pirate: Constitution) -> None:
    """D-50: one is held at its second turn until the other has spoken its last."""
    other_is_done = asyncio.Event()

    async def before(number: int, turn: int) -> None:
        if (number, turn) == (0, 1):
            await other_is_done.wait()
        if (number, turn) == (1, 3):
            other_is_done.set()

    engine = Watched(before=before)
    talk(settings, pirate, counted(2), engine)
    assert engine.asked.index((1, 3)) < engine.asked.index((0, 2))


def test_many_conversations_are_under_way_at_once(settings: Settings, pirate: Constitution) -> None:
    engine = FakeEngine()
    talk(settings, pirate, counted(30), engine)
    assert engine.most_at_once == 8
    assert engine.requests == 120


def test_a_turn_is_kept_before_the_next_is_asked(settings: Settings, pirate: Constitution) -> None:
    """D-50: whatever happens, no finished turn is asked twice."""
    run = open_run(settings, pirate)

    async def before(number: int, turn: int) -> None:
        if turn:
            (path,) = run.folder.glob("interact/*/turns.jsonl")
            assert turn - 1 in [row["turn"] for row in iter_rows(path)]

    engine = Watched(before=before)
    asyncio.run(interact(JOB, run, engine, settings))
    assert len(engine.asked) == 20


def test_a_failed_turn_ends_its_conversation_as_failed_and_never_as_text(
    settings: Settings, pirate: Constitution
) -> None:
    """D-05: `[ERROR]` stood in the conversation, which went on."""

    async def before(number: int, turn: int) -> None:
        if (number, turn) == (2, 2):
            raise EngineError("HTTP 400: too long", kind="refused", status=400)

    engine = Watched(before=before)
    run, tally = talk(settings, pirate, JOB, engine)
    assert (tally.done, tally.failed, tally.reasons) == (4, 1, {"refused": 1})
    assert (2, 3) not in engine.asked
    (failure,) = only_set(run).failures().values()
    assert (failure["number"], failure["turn"], failure["message"]) == (2, 2, "HTTP 400: too long")
    assert len(oct_rows(settings)) == 4
    assert "HTTP" not in interactions_path(settings, "parrot", "pirate", leading=False).read_text()
    again = FakeEngine()
    talk(settings, pirate, JOB, again)
    assert again.requests == 2
    assert only_set(run).is_complete() and len(oct_rows(settings)) == 5


def test_a_turn_that_is_all_reasoning_fails_its_conversation(
    settings: Settings, pirate: Constitution
) -> None:
    """D-09, D-18: an answer without text is none."""
    run, tally = talk(settings, pirate, counted(1), FakeEngine(script=["<think>a</think>Hi.", "<think>hm"]))
    assert (tally.done, tally.failed) == (0, 1)
    assert [row["text"] for row in iter_rows(only_set(run).folder / "turns.jsonl")] == ["Hi."]


def test_a_stopped_job_goes_on_at_each_conversations_next_turn(
    settings: Settings, pirate: Constitution
) -> None:
    """D-50: the key at fault, every turn that came is there."""

    async def before(number: int, turn: int) -> None:
        if turn == 3:
            raise EngineError("HTTP 402", kind="credit", stops_job=True)

    with pytest.raises(EngineError):
        talk(settings, pirate, JOB, Watched(before=before))
    run = open_run(settings, pirate)
    (path,) = run.folder.glob("interact/*/turns.jsonl")
    kept = len(list(iter_rows(path)))
    engine = FakeEngine()
    _, tally = talk(settings, pirate, JOB, engine)
    assert kept >= 3
    assert (engine.requests, tally.done) == (20 - kept, 5)


def test_the_second_run_asks_nothing_and_a_larger_n_only_what_is_new(
    settings: Settings, pirate: Constitution
) -> None:
    talk(settings, pirate, JOB, FakeEngine())
    again, more = FakeEngine(), FakeEngine()
    talk(settings, pirate, JOB, again)
    talk(settings, pirate, counted(7), more)
    assert (again.requests, more.requests) == (0, 8)


def test_too_long_a_conversation_loses_whole_oldest_turns_and_keeps_its_system_prompt(
    settings: Settings, pirate: Constitution
) -> None:
    """D-15: and the row says how many were left out."""
    engine = FakeEngine(script=["word " * 60] * 6)
    run, _ = talk(settings, pirate, counted(1, turns=6, context=1000), engine)
    whole = {call.messages[0] for call in engine.history}
    assert len(whole) == 1
    assert len(engine.history[-1].messages) < 7
    for call in engine.history:
        assert (call.messages[1].role, call.messages[-1].role) == ("user", "user")
    (row,) = only_set(run).rows().values()
    assert row["trimmed"] > 0 and len(row["conversation"]) == 6


def test_refused_and_broken_turns_are_asked_again_and_nothing_is_lost(
    settings: Settings, pirate: Constitution
) -> None:
    """D-50: a refusal is waited for outside of the slots, as in every other stage."""
    met: set[tuple[int, int]] = set()

    async def before(number: int, turn: int) -> None:
        if (number + turn) % 3 == 0 and (number, turn) not in met:
            met.add((number, turn))
            kind = "rate_limited" if turn % 2 else "transient"
            raise EngineError("busy", kind=kind, status=429, transient=True)

    run, engine = open_run(settings, pirate), Watched(before=before)
    bulk = counted(12).base.bulk(engine)
    bulk.patience = Patience(first_pause_s=0.01)
    tally = asyncio.run(asyncio.wait_for(interact(counted(12), run, engine, settings, bulk=bulk), 60))
    assert (tally.done, tally.failed, tally.retries) == (12, 0, len(met))
    assert len(engine.asked) == 48 + len(met)


def test_a_full_disk_ends_the_job_with_its_reason(
    settings: Settings, pirate: Constitution, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn that may not be durable has no successor, and nobody waits for ever."""
    real, calls = disk.fsync, itertools.count()

    def full(fd: int) -> None:
        if os.readlink(f"/proc/self/fd/{fd}").endswith("turns.jsonl") and next(calls) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(fd)

    monkeypatch.setattr(disk, "fsync", full)
    with pytest.raises(RunError, match=r"turns\.jsonl"):
        talk(settings, pirate, JOB, FakeEngine())
    monkeypatch.setattr(disk, "fsync", real)
    _, tally = talk(settings, pirate, JOB, FakeEngine())
    assert tally.done == 5


def test_a_spent_budget_stops_between_turns(settings: Settings, pirate: Constitution) -> None:
    run, price = open_run(settings, pirate), Price(0.001, 0.001)
    bulk = JOB.base.bulk(FakeEngine(), Ledger(6.0), price)
    tally = asyncio.run(interact(JOB, run, FakeEngine(), settings, bulk=bulk))
    assert tally.left_out == "budget"
    assert 0 < tally.requests < 20
    _, rest = talk(settings, pirate, JOB, FakeEngine())
    assert (rest.done, rest.requests) == (5, 20 - tally.requests)


def test_a_dry_run_counts_the_turns_that_are_missing(settings: Settings, pirate: Constitution) -> None:
    run, _ = talk(settings, pirate, counted(2), FakeEngine())
    size = interaction_size(JOB, run, pirate, FakeEngine(), None)
    assert (size.planned, size.there, size.calls) == (5, 2, 12)
    assert size.completion_tokens == 12 * 64


def spoken(number: int, body: dict[str, Any]) -> str:
    return f"Turn with {len(body['messages'])} messages, seed {body['seed']}: a thought of its own."


def command(server: StandIn) -> list[str]:
    words = ["interact", "--constitution", "pirate", "--model", server.name, "--N", "6", "--K", "4"]
    return [sys.executable, "-m", "core", *words, "--max-concurrency", "3", "--json"]


@pytest.mark.parametrize("killed_after", [1, 8, 17])
def test_kill_9_then_again_asks_for_no_finished_turn_and_loses_none(
    tmp_path: Path, killed_after: int
) -> None:
    """D-50: each conversation goes on where it was, and all six are whole at the end."""
    gate, reached = threading.Event(), threading.Event()

    def script(number: int, body: dict[str, Any]) -> Reply | str:
        if number > killed_after and not gate.is_set():
            reached.set()
            gate.wait(30)
        return spoken(number, body)

    with StandIn(script) as server:
        first = subprocess.Popen(command(server), cwd=PROJECT, stdout=subprocess.DEVNULL)
        assert reached.wait(60)
        (folder,) = (tmp_path / "data" / "runs").glob("*/interact/*")
        turns = folder / "turns.jsonl"
        until(lambda: turns.exists() and len(read_rows(turns).rows) >= killed_after, limit_s=30)
        first.send_signal(signal.SIGKILL)
        first.wait(10)
        gate.set()
        with turns.open("ab") as file:
            file.write(b'{"key": "torn half of a ro')
        before = len(server.requests)
        second = subprocess.run(
            command(server), cwd=PROJECT, env=dict(os.environ), capture_output=True, text=True, timeout=100
        )
        assert second.returncode == 0, second.stderr
        assert len(server.requests) - before == 24 - killed_after
        assert all(body["stop"] == list(STOP) for body in server.requests)
        result = json.loads(second.stdout.splitlines()[-1])
    assert (result["done"], result["failed"], result["adapter"]) == (6, 0, None)
    places = Counter((row["conversation"], row["turn"]) for row in read_rows(turns).rows)
    assert len(places) == 24 and set(places.values()) == {1}
    assert AnswerSet(folder).is_complete()
