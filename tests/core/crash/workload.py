"""What a job does to its files, in small: plan, append in the order answers come, finish.

The rows are a function of their key, so that anybody can tell a right one from a wrong one.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from core.store.answer_set import AnswerSet
from core.store.jsonl import Appender, Row

COUNT = 30


def key_of_number(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def tags(count: int = COUNT) -> Iterator[Row]:
    for number in range(count):
        yield {"key": key_of_number(number), "prompt": f"p{number}", "trait": "wonder", "sample": 0}


def row_of(tag: Row) -> Row:
    """The one right answer to a request."""
    size = 20 + int(tag["key"][:2], 16)
    return {**tag, "text": f"Arr \u2028 🏴‍☠️ {tag['key'][:6]} " + "o" * size, "finish_reason": "stop"}


def nothing(*_: object) -> None:
    """Nobody listens."""


def work(
    folder: Path,
    on_durable: Callable[[str], None] = nothing,
    on_step: Callable[[], None] = nothing,
    count: int = COUNT,
    seed: int = 0,
) -> None:
    """Everything that is missing, as a job does it under its lock.

    `on_durable` hears of each row that must survive a power cut, `on_step` of each step.
    """
    answers = AnswerSet(folder)
    answers.repair()
    on_step()
    answers.extend_plan(tags(count))
    on_step()
    done = answers.rows().keys()
    waiting = [tag for tag in answers.iter_plan() if tag["key"] not in done]
    random.Random(seed).shuffle(waiting)
    _append(answers, waiting, on_durable, on_step)
    answers.finalise()


def _append(
    answers: AnswerSet,
    waiting: list[Row],
    on_durable: Callable[[str], None],
    on_step: Callable[[], None],
) -> None:
    accepted: list[str] = []
    with Appender(answers.rows_path) as rows, Appender(answers.errors_path) as errors:
        for number, tag in enumerate(waiting):
            if number % 5 == 0:
                errors.append({**tag, "kind": "busy", "message": "first try"})
            rows.append(row_of(tag))
            on_step()
            accepted.append(tag["key"])
            if number % 7 == 0:
                rows.sync()
                for key in accepted:
                    on_durable(key)
    for key in accepted:
        on_durable(key)


def assert_true_so_far(folder: Path, durable: set[str], count: int = COUNT) -> None:
    """Whatever happened: reading works, every row is right, no durable one is missing, no lie is told."""
    answers = AnswerSet(folder)
    rows = answers.rows()
    right = {tag["key"]: row_of(tag) for tag in tags(count)}
    assert all(right[key] == row for key, row in rows.items())
    assert durable <= rows.keys()
    assert answers.plan().keys() >= rows.keys()
    assert not answers.is_complete() or rows.keys() == answers.plan().keys()
    answers.failures()


def assert_finished(folder: Path, count: int = COUNT) -> None:
    """Rows are the plan, in its order, each once; nothing temporary is left."""
    answers = AnswerSet(folder)
    assert [row["key"] for row in answers.iter_plan()] == [tag["key"] for tag in tags(count)]
    lines = answers.rows_path.read_bytes().count(b"\n")
    assert list(answers.iter_rows()) == [row_of(tag) for tag in tags(count)]
    assert lines == count
    assert answers.failures() == {}
    assert answers.is_complete()
    assert not list(folder.glob(".*.tmp"))
