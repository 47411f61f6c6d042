"""Human ratings of a run: which pairs there are to rate, votes kept and counted, the result written.

    runs/<run>/ratings/votes.jsonl        every press of a key, append-only; the last on a card counts

Pairs come from answers that exist: those that a judge has read are preferred, so that votes on them say
what the judge is worth.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from core import csv_safe
from core.errors import RunError
from core.evaluation.rating_measures import measured, rows_of
from core.evaluation.ratings import QUESTIONS, Duel, Vote
from core.evaluation.results import BASE, NEUTRAL, PROMPTED, TUNED, EvalResult
from core.stages.evals.gate import verdicts_of, votes_of
from core.stages.evals.keeping import keep, results_of
from core.store.atomic import write_atomic
from core.store.jsonl import Row, append_rows, read_json, repair
from core.store.runs import Run

CONTROLS = (BASE, PROMPTED, NEUTRAL)
VOTES_FILE = "votes.jsonl"


@dataclass(frozen=True, slots=True)
class Material:
    """What there is to rate: the pairs, where they come from, and the judge that has read them, if any."""

    duels: list[Duel]
    source: str = ""
    judge: str | None = None


def material_of(run: Run) -> Material:
    """The pairs of the newest answers: judged ones, else of traits or robustness, else the trial's."""
    coherence = results_of(run, "coherence", rows=True)
    judge = next((str(one.judge["model"]) for one in coherence if one.judge), None)
    for result in coherence:
        if duels := _judged(result.rows):
            return Material(duels, "coherence", judge)
    others = results_of(run, "traits", rows=True) + results_of(run, "robustness", rows=True)
    for result in sorted(others, key=lambda one: one.made_at, reverse=True):
        if duels := _side_by_side(result.rows):
            return Material(duels, result.kind, judge)
    return Material(_of_trial(run), "trial", judge)


def _judged(rows: Sequence[Row]) -> list[Duel]:
    """The pairs of coherence rows: the first tuned speaker's against the plain model where there is one."""
    versus = _first([str(row.get("versus")) for row in rows], BASE)
    speaker = _first([str(row.get("speaker")) for row in rows if row.get("versus") == versus], TUNED)
    wanted = [row for row in rows if (row.get("versus"), row.get("speaker")) == (versus, speaker)]
    return _fit(
        Duel(str(row["prompt"]), str(row["asked"]), str(row["text"]), str(row["other"]), speaker, versus)
        for row in wanted
        if row.get("text") and row.get("other")
    )


def _first(names: Sequence[str], wished: str) -> str:
    return wished if wished in names or not names else names[0]


def _side_by_side(rows: Sequence[Row]) -> list[Duel]:
    """Plain and tuned answers to the same prompt and sample; robustness gives those without a suffix."""
    plain = [row for row in rows if row.get("text") and row.get("asked")]
    if any(row.get("group") == "default" for row in plain):
        plain = [row for row in plain if row.get("group") == "default"]
    tuned = _first([str(row["speaker"]) for row in plain if row.get("speaker") not in CONTROLS], TUNED)
    base = {_place(row): row for row in plain if row.get("speaker") == BASE}
    return _fit(
        Duel(
            str(row["prompt"]),
            str(row["asked"]),
            str(row["text"]),
            str(base[_place(row)]["text"]),
            tuned,
            BASE,
        )
        for row in plain
        if row.get("speaker") == tuned and _place(row) in base
    )


def _place(row: Row) -> tuple[Any, ...]:
    return row.get("prompt"), row.get("sample"), row.get("asked")


def _of_trial(run: Run) -> list[Duel]:
    result = read_json(run.folder / "trial" / "result.json") or {}
    return _fit(
        Duel(one["prompt"], one["prompt"], one["tuned"], one["base"], TUNED, BASE)
        for one in result.get("answers") or ()
    )


def _fit(duels: Iterable[Duel]) -> list[Duel]:
    """Those that can be told apart, each once."""
    known = {duel.id: duel for duel in duels if duel.text.strip() != duel.other.strip()}
    return list(known.values())


# ---- votes


def cast_vote(run: Run, vote: Vote) -> None:
    """Append a vote, durable on return; other tabs and raters append beside it. Raises RunError."""
    folder = run.folder / "ratings"
    path = folder / VOTES_FILE
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".votes.lock", timeout=10):
            repair(path)
            append_rows(path, [(vote if vote.at else replace(vote, at=time.time())).as_dict()])
    except Timeout:
        raise RunError("Another window is keeping a vote; press the key again.") from None


def rated(run: Run, question: str, material: Material | None = None) -> EvalResult:
    """What the votes under a question say as they stand; nothing is written. Raises RunError."""
    found = material or material_of(run)
    votes = votes_of(run)
    verdicts = verdicts_of(run, found.judge) if found.judge else []
    told = measured(votes, verdicts, question=question, judge=found.judge)
    result = EvalResult("rate", run.constitution().name, run.id, told.headline, told.cells)
    result.rows = rows_of(told.votes, found.duels)
    result.caveats = told.caveats + _strangers(told.votes, found)
    result.settings = {"question": question}
    result.prompts = len({vote.prompt for vote in told.votes})
    result.details = {
        "question": QUESTIONS[question].text,
        "rubric": QUESTIONS[question].rubric,
        "source": found.source,
        "raters": list(dict.fromkeys(vote.rater for vote in told.votes)),
        "votes": len(told.votes),
    }
    if found.judge and told.calibration is not None:
        reliability = told.calibration.as_dict(found.judge)
        result.judge = {
            "model": found.judge,
            "family_warning": None,
            "reliability": reliability,
            "gate": {"too few": "unmeasured"}.get(reliability["gate"], reliability["gate"]),
            "sentence": reliability["sentence"],
        }
    result.command = ["rate", "--constitution", result.constitution, "--question", question]
    return result


def _strangers(votes: Sequence[Vote], material: Material) -> list[str]:
    """A word about votes on answers that have been replaced since."""
    known = {duel.id for duel in material.duels}
    gone = sum(vote.pair not in known for vote in votes)
    if not gone:
        return []
    return [f"{gone} of {len(votes)} votes are about answers that newer ones have replaced; they count."]


def keep_rated(run: Run, question: str, material: Material | None = None) -> tuple[EvalResult, Path | None]:
    """The result as it stands, written among the run's evaluations from the first vote on.

    Raises RunError when it cannot be written.
    """
    result = rated(run, question, material)
    result.constitution_sha256 = run.constitution().content_hash
    return result, keep(run, result) if result.rows else None


# ---- export

COLUMNS = (
    "at",
    "rater",
    "question",
    "prompt",
    "asked",
    "text",
    "other",
    "left",
    "choice",
    "outcome",
    "pair",
)


def export_votes(run: Run, path: Path) -> int:
    """Write `votes_csv` to a file, and return how many votes there are.

    Raises RunError when the file cannot be written.
    """
    page = votes_csv(run)
    write_atomic(path, page.encode("utf-8", errors="replace"))
    return sum(1 for _ in csv.reader(io.StringIO(page))) - 1


def votes_csv(run: Run) -> str:
    """Every vote that counts, under all questions, as CSV; no cell can act as a formula."""
    material, times = material_of(run), _times(run)
    page = io.StringIO()
    writer = csv.writer(page)
    writer.writerow(COLUMNS)
    for question in QUESTIONS:
        for row in rated(run, question, material).rows:
            about = (row["group"], question, row["pair"], row["sample"])
            full = row | {"question": question, "rater": row["group"], "at": times.get(about, 0.0)}
            writer.writerow([csv_safe.value(full[name]) for name in COLUMNS])
    return page.getvalue()


def _times(run: Run) -> dict[tuple[str, str, str, int], float]:
    return {(vote.rater, vote.question, *vote.place): vote.at for vote in votes_of(run)}
