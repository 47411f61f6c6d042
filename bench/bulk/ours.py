"""Our own client, reached as a job reaches it; the one file of the measurements that uses `core`.

    echo '{"url": "http://127.0.0.1:8000/v1", "data": "answers", "prompts": 9}' | python -m bench.bulk.ours

Reads a `Wanted` as JSON, answers it in this fresh process, prints one line of JSON: `done`, `failed`,
`requests`, `cpu_s` (all threads, from before planning to after the manifest), `wall_s`, `asking_s`
(from starting to ask to the last row), `began_at` (monotonic), `rss_mb`, `peak_mb`, `usages` if wanted.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from bench.bulk.wanted import Wanted
from core.embedded.server import stop_server
from core.engines.opening import open_engine
from core.names import parse_model
from core.prompts import Prompt, prompt_of
from core.records import Sampling
from core.settings import Settings, load_settings
from core.stages.answers import AnswerJob, Tally, answer
from core.store.library import Library
from core.store.runs import Run, open_run

MEGABYTE = 1_048_576


def prompts_of(count: int) -> tuple[Prompt, ...]:
    """`count` different prompts of the length that people write."""
    ask = "how would you explain it to a friend who has never heard of it, and what would you leave out"
    return tuple(
        prompt_of(f"Question {number}: {ask}?", trait=None, source="file") for number in range(count)
    )


def job_of(wanted: Wanted) -> AnswerJob:
    """The job; `fixed_concurrency` only where this version of the code has it."""
    model = parse_model(wanted.model or f"{wanted.url}#test-model")
    sampling = Sampling(max_tokens=wanted.max_tokens, seed=1)
    more: dict[str, Any] = {}
    if "fixed_concurrency" in {part.name for part in dataclasses.fields(AnswerJob)}:
        more["fixed_concurrency"] = wanted.fixed
    return AnswerJob(
        wanted.role,  # type: ignore[arg-type]
        model,
        prompts_of(wanted.prompts),
        sampling,
        samples=wanted.samples,
        concurrency=wanted.concurrency,
        **more,
    )


async def fill(job: AnswerJob, run: Run, settings: Settings) -> Tally:
    """Answer the job as the command line does."""
    engine = open_engine(job.model, settings)
    try:
        return await answer(job, run, engine, settings)
    finally:
        await engine.close()


def measure(wanted: Wanted) -> dict[str, Any]:
    """Run the job and say what it took."""
    settings = load_settings(data=Path(wanted.data))
    run = open_run(settings, Library(settings).load(wanted.character).constitution)
    job = job_of(wanted)
    began, cpu = time.monotonic(), time.process_time()
    tally = asyncio.run(fill(job, run, settings))
    cpu, wall = time.process_time() - cpu, time.monotonic() - began
    return {
        "done": tally.done,
        "failed": tally.failed,
        "requests": tally.requests,
        "cpu_s": cpu,
        "wall_s": wall,
        "asking_s": tally.seconds or wall,
        "began_at": began,
        "rss_mb": rss_mb(),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE,
        "usages": usages(run, wanted.role) if wanted.usages else [],
    }


def rss_mb() -> float:
    """This process's resident memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE


def usages(run: Run, role: str) -> list[dict[str, Any]]:
    """The prompt's id and the usage of every answer of a role."""
    rows = run.answer_sets(role)[0].rows().values()
    return [{"id": row["prompt"], **row["usage"]} for row in rows]


def main() -> None:
    """Read the job, run it, print the figures."""
    wanted = Wanted(**json.loads(sys.stdin.read()))
    if not wanted.fsync:
        os.fsync = os.fdatasync = lambda fd: None  # type: ignore[assignment]
    try:
        found = measure(wanted)
    finally:
        if wanted.stops:
            stop_server(load_settings(data=Path(wanted.data)), parse_model(wanted.model).model)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
