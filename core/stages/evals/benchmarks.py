"""`character eval capability --full lm-eval`: lm-evaluation-harness as a process, in its own environment.

    DATA_PATH/environments/lm-eval/                          made by `character setup lm-eval`
    runs/<run>/evals/benchmarks/<hash>/<speaker>/            one folder a speaker
      output.log     everything that was printed
      …/results_<time>.json                                  lm-eval's own file; with it a speaker is done

A speaker that is done is not asked again. The process and all that it starts end with this one.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from core.environments import Environment, Recipe, clean_environment, find_environment
from core.errors import ModelError, RunError
from core.evaluation.benchmarks import Benchmark, Score, Subject, cells_of, headline, scores_of, words_of
from core.evaluation.results import BASE, TUNED, EvalResult
from core.guarded import end_tree, start_tree
from core.names import ModelName
from core.records import content_hash
from core.settings import Secret, Settings, redact
from core.stages.evals.benchmark_subjects import BenchmarkJob, adapter_of, labels_of, subject_of
from core.stages.evals.session import Session
from core.store.jsonl import read_json
from core.store.locks import held

NAME = "lm-eval"
VERSION = "0.4.13"
NOT_INSTALLED = (
    "lm-eval is not installed. Run: character setup lm-eval (about 1 GB, into an environment of its own; "
    "with --torch about 3 GB, for --api hf)."
)
LAST_LINES = 12
CHUNK = 1 << 16
CAVEATS = (
    "Differences are compared as if both had been asked different questions, so they show less than they "
    "could.",
    "Only the model before and after training are measured; system prompts are not.",
)
Say = Callable[[str], None]


def recipe(*, torch: bool = False) -> Recipe:
    """How the environment is made; with `torch` it can load weights itself (`--api hf`)."""
    parts = "api,hf" if torch else "api"
    # The pin keeps plain pip from fetching several GB of CUDA packages, as for the train extra.
    more = ("torch==2.13.0",) if torch else ()
    return Recipe(
        name=NAME,
        label="lm-evaluation-harness",
        build="torch" if torch else "endpoints",
        requirements=(f"lm-eval[{parts}]=={VERSION}", "transformers>=5.0", *more),
        disk_bytes=3_000_000_000 if torch else 1_000_000_000,
        check=("-I", "-c", "import lm_eval, tenacity, aiohttp; print('ready')"),
    )


async def evaluate_benchmarks(job: BenchmarkJob, session: Session, say: Say) -> EvalResult:
    """Run lm-eval for each speaker that is not done and compare. Raises ModelError without its
    environment, RunError with its last words when it fails, SettingsError for what it cannot measure."""
    assert session.run is not None
    environment = require_environment(session.settings)
    settings = _settings(job, session)
    place = session.run.folder / "evals" / "benchmarks" / content_hash(settings)[:8]
    scores: dict[str, list[Score]] = {}
    with held(place.with_suffix(".lock"), f"the benchmarks of {session.run.id}", timeout=0.2):
        for label in labels_of(job.cast):
            folder = place / label
            if results_in(folder) is None:
                subject, secret = subject_of(job, label, session.settings, session.constitution.name)
                await _run(environment, subject, job.benchmark, folder, session.settings, secret, say)
            scores[label] = _scores(folder)
    return _result(job, session, settings, scores)


def commands(job: BenchmarkJob, session: Session) -> list[list[str]]:
    """What would be run, for a person to read; the embedded model's server is not started for it."""
    found = find_environment(session.settings, NAME)
    program = _program(found) if found else ["lm-eval"]
    subjects = [
        subject_of(job, label, session.settings, session.constitution.name, start=False)[0]
        for label in labels_of(job.cast)
    ]
    return [words_of(program, subject, job.benchmark, "OUTPUT") for subject in subjects]


def require_environment(settings: Settings) -> Environment:
    """The finished environment. Raises ModelError with how to make it."""
    found = find_environment(settings, NAME)
    if found is None:
        raise ModelError(NOT_INSTALLED)
    return found


# ---- the process


def _program(environment: Environment) -> list[str]:
    # Not -m: the program is what lm-eval documents, and its own name tells of it in process lists.
    return [str(environment.folder / "bin" / "lm-eval")]


async def _run(
    environment: Environment,
    subject: Subject,
    benchmark: Benchmark,
    folder: Path,
    settings: Settings,
    secret: Secret | None,
    say: Say,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    words = words_of(_program(environment), subject, benchmark, str(folder))
    say(f"lm-eval measures {subject.label}: {', '.join(benchmark.tasks)}")
    listener = Listener(folder / "output.log", say, settings.secrets())
    code = await _followed(words, _known(settings, secret), listener)
    if code:
        raise RunError(why(list(listener.last), folder))
    if results_in(folder) is None:
        raise RunError(f"lm-eval ended without results; read {folder / 'output.log'}, then run again.")


def _known(settings: Settings, secret: Secret | None) -> dict[str, str]:
    """What the program may know: the endpoint's key and the hub's token, no other."""
    known = clean_environment(settings) | {"PYTHONUNBUFFERED": "1", "DO_NOT_TRACK": "1"}
    # Some servers want any key at all.
    known["OPENAI_API_KEY"] = secret.reveal() if secret else "none"
    token = settings.token("HF_TOKEN")
    return known | ({"HF_TOKEN": token.reveal()} if token else {})


@dataclass(slots=True)
class Listener:
    """Hears what the program says: all of it goes into the log, whole lines and bars to `say`."""

    log: Path
    say: Say
    secrets: list[str]
    last: deque[str] = field(default_factory=lambda: deque[str](maxlen=LAST_LINES))

    def hear(self, pipe: IO[bytes]) -> None:
        """Until the program closes its end."""
        rest = ""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with self.log.open("w", encoding="utf-8") as file:
            while chunk := os.read(pipe.fileno(), CHUNK):
                # Progress bars end their lines with a carriage return.
                *lines, rest = re.split(r"[\r\n]+", rest + decoder.decode(chunk))
                self._told(file, lines)
            self._told(file, [rest])

    def _told(self, file: IO[str], lines: Sequence[str]) -> None:
        for line in filter(str.strip, lines):
            safe = redact(line, self.secrets)
            file.write(safe + "\n")
            self.last.append(safe.strip())
            self.say(safe.strip()[:200])
        file.flush()


async def _followed(words: Sequence[str], known: dict[str, str], listener: Listener) -> int:
    """Run to the end: the exit code. Cancelled, it ends with all its processes."""
    process = start_tree(words, known)
    try:
        assert process.stdout is not None
        # In a thread, so that Ctrl-C is heard while nothing is said.
        await asyncio.to_thread(listener.hear, process.stdout)
        return await asyncio.to_thread(process.wait)
    finally:
        end_tree(process)
        if process.stdout:
            process.stdout.close()


_OPTIONS = (
    "these tasks score given options, which chat endpoints cannot: choose tasks that write (gsm8k, "
    "ifeval), or serve the model with vLLM and use --api completions"
)
_CURES = {
    "oglikelihood": _OPTIONS,
    "Connection": "look whether the model's server answers (character doctor), then run again",
    "Couldn't find": "look at the tasks' names (lm-eval ls tasks)",
    "not found": "look at the tasks' names (lm-eval ls tasks) and the internet connection",
    "HTTPError": "the data of a task could not be fetched, or the server refused: read the log",
    "No module named 'torch'": "install it with torch: character setup lm-eval --torch",
}


def why(last: Sequence[str], folder: Path) -> str:
    """Why lm-eval failed, and what to do."""
    text = "\n".join(last)
    cure = next((cure for sign, cure in _CURES.items() if sign in text), "read its output, then run again")
    reason = last[-1][:300].rstrip(".") if last else "it gave no reason"
    return f"lm-eval failed ({reason}); {cure}. Everything that it said: {folder / 'output.log'}"


def results_in(folder: Path) -> Path | None:
    """lm-eval's newest results file below a folder, None before it has finished."""
    found = sorted(folder.glob("**/results_*.json"), key=lambda path: path.name)
    return found[-1] if found else None


def _scores(folder: Path) -> list[Score]:
    path = results_in(folder)
    assert path is not None
    return scores_of(read_json(path), source=str(path))


# ---- the result


def _settings(job: BenchmarkJob, session: Session) -> dict[str, Any]:
    one = job.benchmark
    return {
        "full": NAME,
        "version": VERSION,
        "model": job.cast.model.label,
        "tuned": job.cast.tuned.label if job.cast.tuned else None,
        "adapters": list(job.cast.adapters),
        # A retrained adapter under the old name is another model.
        "adapter": adapter_of(job.cast, session.settings, session.constitution.name),
        "strengths": list(job.cast.strengths),
        "controls": [BASE] if BASE in job.cast.controls else [],
        "api": job.api,
        "tasks": list(one.tasks),
        "limit": one.limit,
        "fewshot": one.fewshot,
        "seed": one.seed,
    }


def _result(
    job: BenchmarkJob, session: Session, settings: dict[str, Any], scores: dict[str, list[Score]]
) -> EvalResult:
    cells, labels = cells_of(scores), labels_of(job.cast)
    return EvalResult(
        "capability",
        session.constitution.name,
        session.run.id if session.run else "",
        headline=headline(cells, labels[-1], job.benchmark.tasks),
        cells=cells,
        caveats=list(CAVEATS),
        speakers={label: {"model": _measured(job, label).label} for label in labels},
        settings=settings,
        details={
            "how": NAME,
            "metrics": {one.task: one.metric for own in scores.values() for one in own if one.task},
        },
        prompts=max((cell.n for cell in cells if cell.versus is None), default=0),
        seed=job.benchmark.seed,
    )


def _measured(job: BenchmarkJob, label: str) -> ModelName:
    """The model behind a label, without its adapter."""
    return job.cast.tuned if label == TUNED and job.cast.tuned is not None else job.cast.model
