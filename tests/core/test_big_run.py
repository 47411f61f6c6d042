"""Five thousand rows, every tenth request failing, two kills: complete, and nothing asked for twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from core.prompts import prompts_from_file
from core.settings import PROJECT
from core.store.jsonl import read_rows
from core.store.runs import AnswerSet
from tests.load_server import Fault, Latency, LoadServer, Plan, faults
from tests.waiting import until

ROWS = 5000
AT_ONCE = 64
KILLED_AT = (1200, 3000)
MIX = (
    faults.status(503),
    faults.status(500),
    faults.error_body(),
    faults.null_content(),
    faults.no_choices(),
    faults.only_reasoning(),
    faults.wrong_length(),
    faults.reset(),
    faults.drop(),
    faults.not_json(),
    faults.captive_portal(),
    faults.finish("error"),
    faults.choice_error(),
    faults.rate_limited("0"),
)


def every_tenth_fails(number: int, body: dict[str, Any], attempt: int) -> Fault | None:
    """One request in ten meets the next of all faults; no row meets so many that it would fail."""
    return MIX[number // 10 % len(MIX)] if number % 10 == 0 and attempt <= 3 else None


def command(server: LoadServer, prompts: Path) -> list[str]:
    """The student of so many prompts, as a person types it."""
    scope = ["--constitution", "pirate", "--prompts", str(prompts), "--K", "1"]
    limit = ["--max-concurrency", str(AT_ONCE), "--max-tokens", "64", "--json"]
    return [sys.executable, "-m", "core", "student", "--model", server.name, *scope, *limit]


def started(words: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        words,
        cwd=PROJECT,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lines_in(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("runs/*/student/*/rows.jsonl"))


def killed(words: list[str], folder: Path, rows: int) -> None:
    """Run the command until so many rows are there, and kill it where it stands."""
    with started(words) as process:
        until(lambda: lines_in(folder) >= rows or process.poll() is not None, limit_s=60)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)
        assert process.returncode == -signal.SIGKILL


def test_five_thousand_rows_survive_two_kills_and_a_server_that_fails_every_tenth_time(
    tmp_path: Path,
) -> None:
    data, prompts = tmp_path / "data", tmp_path / "prompts.txt"
    prompts.write_text("\n".join(f"What is {number} and one?" for number in range(ROWS)))
    texts = {prompt.id: prompt.text for prompt in prompts_from_file(prompts.read_bytes(), source="")}
    plan = Plan(latency=Latency(0.01, 0.5), script=every_tenth_fails, keep_bodies=True)
    with LoadServer(plan) as server:
        words = command(server, prompts)
        durable: list[set[str]] = []
        asked_before: list[int] = []
        for rows in KILLED_AT:
            killed(words, data, rows)
            (folder,) = data.glob("runs/*/student/*")
            durable.append({texts[row["prompt"]] for row in read_rows(folder / "rows.jsonl").rows})
            until(lambda: server.stats()["in_flight"] == 0)
            asked_before.append(len(server.log.records))
            assert not AnswerSet(folder).is_complete()
        with started(words) as process:
            said, problems = process.communicate(timeout=120)
        assert process.returncode == 0, problems
        records = list(server.log.records)
        with started(words) as process:
            again, _ = process.communicate(timeout=60)
        assert json.loads(again.splitlines()[-1])["requests"] == 0
        assert len(server.log.records) == len(records)

    # The files: every planned row once, in the plan's order, proven by the manifest.
    answers = AnswerSet(folder)
    rows = read_rows(answers.rows_path).rows
    assert [row["key"] for row in rows] == list(answers.plan())
    assert len(rows) == ROWS
    assert answers.is_complete()
    assert answers.failures() == {}
    result = json.loads(said.splitlines()[-1])
    assert (result["planned"], result["done"], result["failed"]) == (ROWS, ROWS, 0)

    # The server's log: what was durable at a kill was never asked again.
    def question(record: Any) -> str:
        return record.body["messages"][-1]["content"]

    for kept, before in zip(durable, asked_before, strict=True):
        assert len(kept) >= 1000
        assert not kept & {question(record) for record in records[before:]}
    # And each question was asked once, and once more for each time it failed; those under way at a kill
    # apart: their answers found nobody any more.
    asks = Counter(question(record) for record in records)
    failed = Counter(question(record) for record in records if record.fault is not None)
    assert set(asks) == set(texts.values())
    extra = {text: asks[text] - failed[text] - 1 for text in asks}
    assert min(extra.values()) >= 0
    assert sum(extra.values()) <= len(KILLED_AT) * AT_ONCE
    assert sum(failed.values()) >= 0.09 * ROWS
