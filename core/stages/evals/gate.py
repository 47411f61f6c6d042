"""Whether people have found a judge fit to headline: their votes beside its verdicts on the same pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.evaluation import coherence_telling, preference_telling
from core.evaluation.ratings import QUESTIONS, Verdict, Vote, calibrated, duel_id, standing
from core.evaluation.results import EvalResult
from core.stages.evals.keeping import results_of
from core.store.jsonl import Row, read_rows
from core.store.runs import Run

OUTCOMES = ("win", "tie", "loss")


def human_gate(run: Run, judge: str) -> dict[str, Any] | None:
    """What people's votes in this run say of a judge, None before anybody's first vote.

    {"kappa", "low", "high", "n" (pairs), "prompts", "gate": "pass|caution|block|too few", "sentence"};
    kappa is None where nothing was rated and judged. `judge` is the model's name as a result's
    `judge["model"]` carries it. All questions count together. Raises RunError when a file cannot be read.
    """
    votes = [vote for vote in standing(votes_of(run)) if vote.choice != "skipped"]
    if not votes:
        return None
    return calibrated(votes, verdicts_of(run, judge)).as_dict(judge)


def votes_of(run: Run) -> list[Vote]:
    """Every row of the run's votes in order, undone and skipped ones among them."""
    rows = read_rows(run.folder / "ratings" / "votes.jsonl").rows
    fields = Vote.__dataclass_fields__
    return [Vote(**{name: value for name, value in row.items() if name in fields}) for row in rows]


def verdicts_of(run: Run, judge: str | None = None) -> list[Verdict]:
    """What a judge (any, for None) said in this run's coherence results, the newest word on a pair last."""
    found: list[Verdict] = []
    for result in reversed(results_of(run, "coherence", rows=True)):
        if judge is None or (result.judge or {}).get("model") == judge:
            found += [one for row in result.rows if (one := verdict_of(row)) is not None]
    return found


def verdict_of(row: Row) -> Verdict | None:
    """A coherence row as a verdict; None where it is unscored or no question asks for its rubric."""
    question = next((name for name, one in QUESTIONS.items() if one.rubric == row.get("group")), None)
    if question is None or row.get("outcome") not in OUTCOMES:
        return None
    orders = [str(one) for one in row.get("verdicts") or ()]
    pair = duel_id(str(row.get("asked", "")), str(row.get("text", "")), str(row.get("other", "")))
    both = (orders[0], orders[1]) if len(orders) == 2 else None
    who = str(row.get("speaker", "")), str(row.get("versus", ""))
    return Verdict(pair, str(row["prompt"]), question, row["outcome"], both, *who)


def present(run: Run, result: EvalResult) -> EvalResult:
    """A result as it reads today: its judge as people's votes have it by now, and a headline to match.

    Raises RunError as `human_gate` does.
    """
    if result.judge is None or result.kind == "rate":
        return result
    judge = present_judge(run, result.judge)
    changed = judge["gate"] != result.judge.get("gate")
    return replace(
        result, judge=judge, headline=_headline(run, result, judge) if changed else result.headline
    )


def _headline(run: Run, result: EvalResult, judge: Mapping[str, Any]) -> str:
    if result.kind == "coherence":
        return coherence_telling.headline(run.constitution().title, result.cells, judge)
    if result.kind == "preferences" and result.details.get("found"):
        return preference_telling.guarded(str(result.details["found"]), judge)
    # Elsewhere a judge stands beside what leads.
    return result.headline


def present_judge(run: Run, judge: Mapping[str, Any]) -> dict[str, Any]:
    """A result's `judge` with what people's votes say now, which outranks what it was measured by before.

    The gate changes only where the votes are enough to tell. Raises RunError as `human_gate` does.
    """
    human = human_gate(run, str(judge.get("model")))
    if human is None:
        return dict(judge)
    earlier = str((judge.get("human") or {}).get("sentence", "")).rstrip(".")
    said = str(judge.get("sentence", ""))
    rest = (said.replace(earlier, "") if earlier else said).strip(". ")
    known = human["gate"] != "too few"
    parts = [human["sentence"], rest] if known else [rest, human["sentence"]]
    sentence = ". ".join(str(part).rstrip(".") for part in parts if part) + "."
    gate = human["gate"] if known else judge.get("gate")
    return dict(judge) | {"human": human, "gate": gate, "sentence": sentence}
