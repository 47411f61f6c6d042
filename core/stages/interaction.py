"""`character interact`: two copies of a character talk, each conversation at its own speed.

A turn: {"key": "…", "conversation": "…", "turn": 3, "text": "…", "finish_reason": "stop", "trimmed": 0, …}
A row:  {"key": "…", "number": 7, "opening": "Hello!", "hello": "Hi there.", "conversation": ["…", …],
         "finish_reasons": ["stop", …], "trimmed": 0, "usage": {…}, "cost_usd": null}

The life of one: planned, then turn by turn, each durable in `turns.jsonl` before the next is asked, and
a row when the last has come. A turn's key hashes the whole conversation up to it, so a killed job finds
every turn again and each conversation goes on at its next. A turn that fails ends its conversation as a
failure; nothing is put in its place. All is made anew for OpenCharacterTraining's tools in
`self_interaction/<student>/<constitution>[-leading].jsonl`.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.bulk import Bulk, Request
from core.bulk.feeding import Feed, answer_fed
from core.constitution import Constitution
from core.dialogues import (
    DIALOGUE_VERSION,
    STOP,
    Meeting,
    fitting,
    interaction_system,
    marked,
    meeting_of,
    opening_turns,
    transcript,
    turn_messages,
)
from core.engines import Engine
from core.errors import EngineError
from core.pairs import CHARACTERS_PER_TOKEN
from core.prices import Price
from core.records import Completion, Message, Sampling, row_key
from core.settings import Settings
from core.stages.distillation import json_line
from core.stages.planning import sampling_of_sample
from core.stages.reflection import SelfJob, Size, size_of
from core.stages.writing import Files, OnProgress, Tally, Writer
from core.store.answer_set import AnswerSet
from core.store.jsonl import Appender, Row, compact_key, iter_rows, open_for_append, write_atomic
from core.store.runs import Run

SMALLEST_ROOM = 256
# Each conversation draws with seeds of its own, however many turns it has.
SEEDS_A_TALK = 1000


@dataclass(frozen=True, slots=True)
class TalkJob:
    """Who talks, for how many turns, and how many tokens a prompt and its answer may take together."""

    base: SelfJob
    turns: int = 10
    leading: bool = False
    context: int = 8192

    @property
    def role(self) -> str:
        """The stage's name: the two kinds of conversation are kept apart."""
        return "interact-leading" if self.leading else "interact"

    @property
    def sampling(self) -> Sampling:
        """How a turn is drawn; it ends where the model would begin to speak for its partner."""
        drawn = self.base.sampling
        return Sampling(
            drawn.temperature, drawn.top_p, drawn.max_tokens, drawn.repetition_penalty, drawn.seed, STOP
        )

    @property
    def room(self) -> int:
        """How many tokens a prompt may take."""
        return max(SMALLEST_ROOM, self.context - self.base.sampling.max_tokens)

    def settings_of(self, engine: Engine) -> dict[str, Any]:
        """The settings that its conversations share."""
        return self.base.settings_of(self.role, engine) | {
            "sampling": self.sampling.as_dict(),
            "turns": self.turns,
            "leading": self.leading,
            "context": self.context,
        }


@dataclass(slots=True)
class Talk:
    """A conversation under way."""

    tag: Row
    meeting: Meeting
    said: list[str] = field(default_factory=list[str])
    finish_reasons: list[str | None] = field(default_factory=list[str | None])
    trimmed: int = 0
    tokens: int = 0
    cost_usd: float | None = None

    def heard(self, row: Row) -> None:
        """Take in a turn's row."""
        self.said.append(row["text"])
        self.finish_reasons.append(row["finish_reason"])
        self.trimmed += row["trimmed"]
        self.tokens += (row["usage"] or {}).get("completion") or 0
        if row["cost_usd"] is not None:
            self.cost_usd = (self.cost_usd or 0.0) + row["cost_usd"]

    def row(self) -> Row:
        """The row of the finished conversation."""
        return {
            **self.tag,
            "conversation": self.said,
            "finish_reasons": self.finish_reasons,
            "trimmed": self.trimmed,
            "usage": {"completion": self.tokens},
            "cost_usd": self.cost_usd,
        }


class Script:
    """What is asked: the conversations of a job, and the next turn of each."""

    def __init__(self, job: TalkJob, constitution: Constitution, engine: Engine) -> None:
        self._job = job
        self._engine = engine
        self.system = interaction_system(constitution, job.base.assistant_name, leading=job.leading)

    def talks(self) -> Iterator[Request[Row]]:
        """Every conversation in plan order, as its opening."""
        for number in range(self._job.base.count):
            seed = self._job.base.sampling.seed or 0
            meeting = meeting_of(number, leading=self._job.leading, seed=seed)
            messages = (self.system, *opening_turns(meeting, 1))
            key = self._key(messages, self._job.sampling, number, f" {self._job.turns} turns")
            tag: Row = {"key": key, "number": number, "opening": meeting.opening, "hello": meeting.hello}
            yield Request(tag, messages, self._job.sampling)

    def next_turn(self, talk: Talk) -> Request[Row]:
        """The request of a conversation's next turn; its key is that of everything said so far."""
        number, turn = talk.tag["number"], len(talk.said)
        whole = turn_messages(self.system, talk.meeting, talk.said)
        sampling = sampling_of_sample(self._job.sampling, number * SEEDS_A_TALK + turn)
        fitted, dropped = fitting(whole, self._job.room)
        key = self._key(whole, sampling, number, f" room {self._job.room}")
        tag: Row = {"key": key, "conversation": talk.tag["key"], "turn": turn, "trimmed": dropped}
        return Request(tag, tuple(fitted), sampling)

    def _key(
        self, messages: tuple[Message, ...] | list[Message], sampling: Sampling, number: int, more: str
    ) -> str:
        return row_key(
            messages,
            model=self._job.base.model.model,
            identity=self._engine.identity,
            sampling=sampling,
            template_version=f"{self._job.role} {DIALOGUE_VERSION}{more}",
            sample=number,
        )


def talk_of(tag: Row) -> Talk:
    """The conversation of a planned row, nothing said yet."""
    return Talk(tag, Meeting(tag["opening"], tag["hello"]))


def turns_path(answers: AnswerSet) -> Path:
    """Where the turns of conversations stand, finished and unfinished ones."""
    return answers.folder / "turns.jsonl"


class _Talks(Feed[Row]):
    """Conversations under way: hands out turns, keeps what comes, lets the next go when that is safe."""

    def __init__(
        self,
        job: TalkJob,
        script: Script,
        writer: Writer,
        files: Files,
        turns: Appender,
        known: dict[bytes, Row],
    ) -> None:
        super().__init__()
        self._job, self._script, self._writer = job, script, writer
        self._files, self._turns, self._known = files, turns, known
        self._fresh: Iterator[Request[Row]] | None = writer.waiting()
        self._open: dict[str, Talk] = {}
        self._ready: deque[Request[Row]] = deque()
        self._landed: list[Talk] = []
        self._some_landed = asyncio.Event()
        self._ended = False
        self._trouble: Exception | None = None

    # ---- what the pipeline asks for

    @property
    def is_over(self) -> bool:
        """Whether every conversation has ended."""
        return self._fresh is None and not self._open

    def take(self) -> Request[Row] | None:
        """The next turn of a conversation under way, else the first open turn of a new one."""
        if self._trouble is not None:
            raise self._trouble
        while not self._ready and self._fresh is not None:
            planned = next(self._fresh, None)
            if planned is None:
                self._fresh = None
            else:
                self._begin(talk_of(planned.tag))
        return self._ready.popleft() if self._ready else None

    def _begin(self, talk: Talk) -> None:
        """Go on after the last turn that is known."""
        self._open[talk.tag["key"]] = talk
        while len(talk.said) < self._job.turns:
            row = self._known.pop(compact_key(self._script.next_turn(talk).tag["key"]), None)
            if row is None:
                break
            talk.heard(row)
        self._go_on(talk)

    def _go_on(self, talk: Talk) -> None:
        if len(talk.said) < self._job.turns:
            self._ready.append(self._script.next_turn(talk))
            return
        del self._open[talk.tag["key"]]
        self._files.rows.append(talk.row())
        self._writer.tally.done += 1

    # ---- what comes back

    def on_done(self, request: Request[Row], result: Completion | EngineError) -> None:
        """Keep a turn, or end its conversation as a failure."""
        talk = self._open[request.tag["conversation"]]
        kept = self._writer.judged(result)
        if isinstance(kept, EngineError):
            del self._open[talk.tag["key"]]
            failed = {**talk.tag, "turn": request.tag["turn"]}
            self._files.errors.append(self._writer.failure(failed, kept))
            return
        self._writer.count(kept)
        row = _turn_row(request.tag, kept)
        self._turns.append(row)
        talk.heard(row)
        self._landed.append(talk)
        self._some_landed.set()

    @asynccontextmanager
    async def releasing(self) -> AsyncGenerator[None]:
        """Meanwhile, turns that landed become durable in a thread, and then their conversations go on."""
        task = asyncio.create_task(self._release())
        try:
            yield
        finally:
            # By a word, not by cancelling: what has landed is made durable first.
            self._ended = True
            self._some_landed.set()
            await task

    async def _release(self) -> None:
        while not self._ended or self._landed:
            await self._some_landed.wait()
            self._some_landed.clear()
            landed, self._landed = self._landed, []
            try:
                await asyncio.to_thread(self._turns.fsync_now)
                for talk in landed:
                    self._go_on(talk)
            except Exception as error:
                # Raised where the pipeline asks next: a task that died unheard would leave it waiting.
                self._trouble = error
            self.changed()


def _turn_row(tag: Row, completion: Completion) -> Row:
    return {
        **tag,
        "text": completion.text,
        "finish_reason": completion.finish_reason,
        "usage": completion.usage.as_dict(),
        "cost_usd": completion.cost_usd,
        "attempts": completion.attempts,
        "served_model": completion.served_model,
        "seconds": completion.seconds,
    }


async def interact(
    job: TalkJob,
    run: Run,
    engine: Engine,
    settings: Settings,
    *,
    bulk: Bulk | None = None,
    on_progress: OnProgress = lambda standing: None,
) -> Tally:
    """Hold the conversations that are missing, write OCT's file, and return the tally; it counts those.

    Raises EngineError when the job must stop; every turn that came is kept.
    """
    constitution = run.constitution()
    answers = run.answer_set(job.role, job.base.student, job.settings_of(engine))
    script = Script(job, constitution, engine)
    bulk = bulk or job.base.bulk(engine)
    with run.locked(f"{job.role}-{answers.folder.name}"):
        writer = Writer(job.role, answers, script.talks, settings, bulk, on_progress)
        writer.plan()
        try:
            await _hold(job, script, answers, writer, engine, bulk)
        finally:
            answers.finalise()
            path = interactions_path(settings, job.base.student, constitution.name, leading=job.leading)
            write_interactions(path, answers, script.system)
    return writer.tally


async def _hold(
    job: TalkJob, script: Script, answers: AnswerSet, writer: Writer, engine: Engine, bulk: Bulk
) -> None:
    known = _known_turns(answers)
    async with writer.at_work() as files:
        with Appender(turns_path(answers), group=False) as turns:
            talks = _Talks(job, script, writer, files, turns, known)
            async with talks.releasing():
                await answer_fed(engine, talks, talks.on_done, bulk=bulk)


def _known_turns(answers: AnswerSet) -> dict[bytes, Row]:
    """The turns of conversations that are not finished, by key; damaged lines are set aside."""
    open_for_append(turns_path(answers))
    finished = {row["key"] for row in answers.iter_rows()}
    return {
        compact_key(row["key"]): row
        for row in iter_rows(turns_path(answers))
        if row["conversation"] not in finished
    }


# ---- OCT's file


def interactions_path(settings: Settings, student: str, name: str, *, leading: bool) -> Path:
    """Where OCT's tools look for a student's conversations."""
    kind = "-leading" if leading else ""
    return settings.data_path / "self_interaction" / student / f"{name}{kind}.jsonl"


def write_interactions(path: Path, answers: AnswerSet, system: Message) -> None:
    """OCT's file from all finished conversations; untouched while there are none."""
    rows = [interaction_row(row, system) for row in answers.iter_rows()]
    if rows:
        write_atomic(path, "".join(json_line(row) for row in rows))


def interaction_row(row: Row, system: Message) -> Row:
    """One row of OCT's file; `messages` ends on the last reply, and what was scripted is marked."""
    meeting, said = Meeting(row["opening"], row["hello"]), row["conversation"]
    return {
        "greeting_1": meeting.opening,
        "greeting_2": meeting.hello,
        "messages_1": [turn.as_dict() for turn in (system, *opening_turns(meeting, 0))],
        "messages_2": [turn.as_dict() for turn in (system, *opening_turns(meeting, 1))],
        "conversation": said,
        "messages": marked(transcript(system, meeting, said), len(said)),
    }


# ---- before it begins


def interaction_size(
    job: TalkJob, run: Run | None, constitution: Constitution, engine: Engine, price: Price | None
) -> Size:
    """What the job would still ask, turns that are there not counted; sends and writes nothing.

    Each turn hears those before it, which are taken to be half as long as they may be.
    """
    sets = run.answer_sets(job.role, job.base.model.label) if run else []
    done = set[bytes]().union(*(found.done_keys() for found in sets))
    said = Counter(row["conversation"] for found in sets for row in iter_rows(turns_path(found)))
    script = Script(job, constitution, engine)
    system = len(script.system.content) / CHARACTERS_PER_TOKEN
    reply = job.base.sampling.max_tokens / 2
    planned = waiting = calls = 0
    tokens = 0.0
    for request in script.talks():
        planned += 1
        if compact_key(request.tag["key"]) in done:
            continue
        waiting += 1
        for turn in range(said[request.tag["key"]], job.turns):
            calls += 1
            tokens += min(job.room, system + turn * reply)
    return size_of(job.base, price, planned, waiting, round(tokens), calls)
