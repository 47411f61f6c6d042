"""What the pairs teach, before training: of a run, of its trial, or of a file. No model is asked.

asyncio.run(evaluate_data(DataJob(), session))       the run's kept pairs, decisions applied
asyncio.run(evaluate_data(DataJob(Path("a.jsonl")), session))
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from core.errors import CoreError, RunError
from core.evaluation.pair_data import Check, Data, Pair, prompt_count
from core.evaluation.pair_data_report import Report, check_pairs
from core.evaluation.results import EvalResult
from core.formats import conversation_of
from core.names import maker_names
from core.prompts import Prompt
from core.records import content_hash, prompt_id
from core.stages.carrying import carried_in
from core.stages.distillation import Sources
from core.stages.dpo_data import PairJob, foreign_names, pair_rows, removed_prompts, sources_of
from core.stages.evals.session import Session, Side
from core.stages.lengths import token_counter
from core.stages.prepare import Scope, choose_prompts
from core.store.finishing import file_hash
from core.store.jsonl import Row
from core.store.library import Library
from core.store.runs import Run

# Prompts that evaluation asks and training must not.
HELD_OUT = ("robustness", "preferences")
SHOWN_LINES = 5
OF_TRIAL = "the trial's pairs"


@dataclass(frozen=True, slots=True)
class DataJob:
    """Which pairs: a file's, or those of the run under these names; None for the answers made last."""

    source: Path | None = None
    teacher: str | None = None
    student: str | None = None
    max_length: int = 1024


@dataclass(frozen=True, slots=True)
class Found:
    """The pairs of a source, what they are called, and what was wrong with the rest."""

    pairs: list[Pair]
    told: str
    teacher_names: tuple[str, ...] = ()
    dropped: dict[str, int] | None = None
    problems: tuple[str, ...] = ()
    carried: int = 0


async def evaluate_data(job: DataJob, session: Session) -> EvalResult:
    """Every check of the pairs. Raises RunError where there are none, or the file cannot be read."""
    return check_data(job, session)


def size_data(job: DataJob, session: Session) -> list[Side]:
    """Nothing to send: no model is asked."""
    return []


def check_data(job: DataJob, session: Session) -> EvalResult:
    """As `evaluate_data`, for those who do not wait."""
    found = pairs_found(job, session)
    data = _data(found, session)
    report = check_pairs(data)
    return _result(job, session, found, data, report)


def pairs_found(job: DataJob, session: Session) -> Found:
    """The pairs to look at, those that nobody dropped. Raises RunError with what to do."""
    if job.source is not None:
        return _of_file(job.source, job, session)
    if session.run is None:
        raise RunError(_no_pairs(session))
    names = PairJob(job.teacher, job.student, job.max_length)
    for run, told in ((session.run, "pairs"), (Run(session.run.folder / "trial"), OF_TRIAL)):
        if (run.folder / "teacher").is_dir() and (run.folder / "student").is_dir():
            return _of_run(run, names, told, session)
    raise RunError(_no_pairs(session))


def _no_pairs(session: Session) -> str:
    name = session.constitution.name
    return (
        f"{name} has no pairs yet. Make some on the Pairs page, or with: character trial {name}; "
        "or name a file: --input FILE."
    )


# ---- a run's pairs


def _of_run(run: Run, job: PairJob, told: str, session: Session) -> Found:
    sources = sources_of(run, job) if told != OF_TRIAL else _trial_sources(run, job)
    count, _ = token_counter(sources, session.settings)
    rows = pair_rows(run, sources, job, count, removed_prompts(run, session.settings))
    kept = [row for row in rows if not row["dropped"]]
    dropped = Counter(str(row["dropped"]) for row in rows if row["dropped"])
    if not kept:
        raise RunError(
            f"None of {len(rows)} pairs of {run.id} is left to look at. Keep some on the Pairs page, or "
            f"make more answers: character teacher --constitution {session.constitution.name}"
        )
    carried = sum(carried_in(kept).values())
    pairs = [_pair(row) for row in kept]
    return Found(pairs, told, foreign_names(sources), dict(dropped.most_common()), carried=carried)


def _trial_sources(run: Run, job: PairJob) -> Sources:
    """A trial's answers: those of the student as it was, not those that were asked after training."""
    found = sources_of(run, job)
    plain = (one for one in run.answer_sets("student", job.student) if not _wears(one.settings))
    return Sources(found.teacher, next(plain, found.student))


def _wears(settings: Row) -> bool:
    return bool((settings.get("engine") or {}).get("adapter"))


def _pair(row: Row) -> Pair:
    return Pair(
        row["id"],
        row["prompt"],
        row["text"],
        row["chosen"],
        row["rejected"],
        row["trait"] or "",
        row["sample"],
        *row["ends"],
    )


# ---- a file's pairs


def _of_file(path: Path, job: DataJob, session: Session) -> Found:
    pairs: list[Pair] = []
    problems: list[str] = []
    traits = {prompt.text: prompt.trait or "" for prompt in _prompts(session)}
    seen: Counter[str] = Counter()
    for number, line in enumerate(_lines(path), 1):
        said: list[str] = []
        row = _sides(line, said)
        if row is not None:
            asked, chosen, rejected = row
            pairs.append(_file_pair(asked, chosen, rejected, traits, seen))
        problems += [f"line {number} {message}" for message in said]
    if not pairs:
        why = "; ".join(problems[:SHOWN_LINES]) or "it is empty"
        raise RunError(
            f"{path} holds no pair ({why}). It needs a line a pair, with chosen and rejected, as "
            "character dpo-data writes them."
        )
    names = maker_names(job.teacher) if job.teacher else ()
    return Found(pairs, f"pairs of {path.name}", names, None, tuple(problems))


def _file_pair(asked: str, chosen: str, rejected: str, traits: dict[str, str], seen: Counter[str]) -> Pair:
    key = content_hash([asked, chosen, rejected])[:12]
    seen[key] += 1
    # The same row twice is two rows of training, and must be two here.
    name = key if seen[key] == 1 else f"{key}-{seen[key]}"
    prompt = prompt_id(asked)
    return Pair(name, prompt, asked, chosen, rejected, traits.get(asked.strip(), ""), seen[key] - 1)


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            for line in file:
                if line.strip(b"\xef\xbb\xbf \r\n\t"):
                    yield line
    except OSError as error:
        raise RunError(f"Cannot read {path}: {(error.strerror or str(error)).lower()}.") from error


def _sides(line: bytes, said: list[str]) -> tuple[str, str, str] | None:
    """(what was asked, chosen, rejected) of a line; None with the reasons said."""
    try:
        value = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        said.append("is no JSON")
        return None
    if not isinstance(value, dict):
        said.append("is no JSON object")
        return None
    found = conversation_of(cast(Row, value), "dpo", said)
    if found is None or found.rejected is None:
        return None
    asked = "\n".join(str(turn["content"]) for turn in found.prompt if turn["role"] == "user")
    return asked, str(found.answer["content"]), str(found.rejected["content"])


# ---- the result


def _prompts(session: Session) -> Sequence[Prompt]:
    """The character's own prompts; none where its files cannot be read, which is no matter here."""
    try:
        scope = Scope(session.constitution.name, general=False)
        return choose_prompts(scope, session.constitution, session.settings)
    except CoreError:
        return ()


def _data(found: Found, session: Session) -> Data:
    counts = Counter(prompt.trait for prompt in _prompts(session) if prompt.trait)
    library = Library(session.settings)
    held_out = [text for part in HELD_OUT for text in library.general_prompts(part)]
    return Data(found.pairs, session.constitution, dict(counts), found.teacher_names, held_out)


def _result(job: DataJob, session: Session, found: Found, data: Data, report: Report) -> EvalResult:
    checks = [*report.checks, *_file_check(found)]
    result = EvalResult("data", session.constitution.name, session.run.id if session.run else "")
    result.headline, result.cells, result.rows = report.headline, report.cells, report.rows
    result.caveats = list(_caveats(found, data))
    result.settings = _settings(job, data)
    result.prompts = prompt_count(data)
    result.prompts_sha256 = content_hash(sorted(set(data.clusters)))
    result.details = {
        "checks": [check.as_dict() | {"shown": _shown(check, found.pairs)} for check in checks],
        "coverage": report.coverage,
        "taught": report.taught,
        "pairs": len(found.pairs),
        "source": found.told,
        "dropped": found.dropped,
    }
    return result


def _shown(check: Check, pairs: Iterable[Pair]) -> list[dict[str, Any]]:
    """The texts of a check's examples."""
    known = {pair.id: pair for pair in pairs if pair.id in check.examples}
    return [
        {"pair": one.id, "asked": one.asked, "chosen": one.chosen, "rejected": one.rejected}
        for one in (known[pair] for pair in check.examples if pair in known)
    ]


def _file_check(found: Found) -> list[Check]:
    if not found.problems:
        return []
    lines = "; ".join(found.problems[:SHOWN_LINES])
    more = len(found.problems) - SHOWN_LINES
    return [
        Check(
            "file",
            "fail",
            f"{len(found.problems)} problems keep lines from being read, and they are not counted here: "
            f"{lines}{f'; and {more} more' if more > 0 else ''}.",
            "Mend these lines, or take them out: a trainer would stop at them.",
        )
    ]


def _caveats(found: Found, data: Data) -> Iterator[str]:
    if found.carried:
        yield (
            f"{found.carried:,} of {len(found.pairs):,} pairs were made with an earlier version of the "
            "character and carried over: their teacher still had the earlier traits before it."
        )
    yield "No model was asked: these checks count words and signs. Read some pairs as well."
    if found.told == OF_TRIAL:
        yield "These are the pairs of the trial; the character has no others yet."
    if found.dropped:
        reasons = ", ".join(f"{count} {reason}" for reason, count in found.dropped.items())
        yield f"{sum(found.dropped.values())} pairs were dropped before and are not looked at ({reasons})."
    if len(data.pairs) > prompt_count(data):
        yield (
            f"{len(data.pairs)} pairs answer {prompt_count(data)} prompts; intervals count prompts, since "
            "answers to one prompt are alike."
        )


def _settings(job: DataJob, data: Data) -> dict[str, Any]:
    """What decides the result: the names, and the pairs themselves."""
    return {
        "source": str(job.source) if job.source else None,
        "source_sha256": file_hash(job.source) if job.source else None,
        "teacher": job.teacher,
        "student": job.student,
        "max_length": job.max_length,
        # A pair keeps its name when a person edits it, so its answers are what decides.
        "pairs": content_hash([[pair.id, pair.chosen, pair.rejected] for pair in data.pairs]),
    }
