"""lm-evaluation-harness from outside: the words that start it, and its results as cells. Pure.

It runs in an environment of its own (`character setup lm-eval`) and writes, for each model,
`<output>/<model>/results_<time>.json`:

    {"results": {"gsm8k": {"alias": "gsm8k", "exact_match,strict-match": 0.42,
                           "exact_match_stderr,strict-match": 0.03, …}},
     "group_subtasks": {"mmlu": ["mmlu_anatomy", …]},
     "n-samples": {"gsm8k": {"original": 1319, "effective": 200}}}
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, Literal, cast

from core.errors import RunError
from core.evaluation.results import BASE, Cell, in_order, shown_share
from core.evaluation.stats.intervals import SHARE, Estimate, score_interval

Api = Literal["chat", "completions", "hf"]
# What lm-eval calls them.
MODELS: Mapping[Api, str] = {
    "chat": "local-chat-completions",
    "completions": "local-completions",
    "hf": "hf",
}
PATHS: Mapping[Api, str] = {"chat": "/chat/completions", "completions": "/completions", "hf": ""}
# The first of these that a task reports is its score; other tasks are shown by their first share.
PREFERRED = ("acc", "exact_match", "prompt_level_strict_acc", "acc_norm", "pass@1", "em", "f1")


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is measured, in lm-eval's words. `extra` goes into every request of an endpoint."""

    label: str
    api: Api
    args: Mapping[str, Any]
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Which tasks, with how many examples each (None: all), and with how many worked ones before."""

    tasks: tuple[str, ...]
    limit: int | None = None
    fewshot: int | None = None
    seed: int = 0


def words_of(program: Sequence[str], subject: Subject, benchmark: Benchmark, output: str) -> list[str]:
    """The command for one subject. No key is in it: lm-eval reads that from its environment."""
    words = [
        *program,
        "run",
        "--model",
        MODELS[subject.api],
        "--model_args",
        json.dumps(dict(subject.args), sort_keys=True),
        "--tasks",
        ",".join(benchmark.tasks),
        "--output_path",
        output,
        "--seed",
        str(benchmark.seed),
    ]
    if subject.api != "completions":
        words.append("--apply_chat_template")
    if subject.extra:
        words += ["--gen_kwargs", json.dumps(dict(subject.extra), sort_keys=True)]
    for flag, value in (("--limit", benchmark.limit), ("--num_fewshot", benchmark.fewshot)):
        words += [] if value is None else [flag, str(value)]
    return words


# ---- results


@dataclass(frozen=True, slots=True)
class Score:
    """One task's score. `error` is its standard error, None where lm-eval gave none."""

    task: str
    metric: str
    value: float
    error: float | None
    n: int
    is_group: bool = False


def scores_of(results: object, *, source: str) -> list[Score]:
    """The main score of every task and group in a results file. Raises RunError where it has none."""
    whole = cast("dict[str, Any]", results) if isinstance(results, dict) else {}
    tasks = whole.get("results")
    if not isinstance(tasks, dict) or not tasks:
        raise RunError(f"{source} holds no results of lm-eval; run again, or read its output.log.")
    groups = {name: parts for name, parts in (whole.get("group_subtasks") or {}).items() if parts}
    counts = whole.get("n-samples") or {}
    found = [
        score
        for name, metrics in tasks.items()
        if isinstance(metrics, dict)
        and (score := _score(name, metrics, _count(name, groups, counts), name in groups)) is not None
    ]
    if not found:
        raise RunError(f"{source} holds no score between 0 and 1; choose tasks that count right answers.")
    return found


def _count(name: str, groups: Mapping[str, Sequence[str]], counts: Mapping[str, Any]) -> int:
    """How many examples a task had; a group those of all its tasks."""
    if name in groups:
        return sum(_count(part, groups, counts) for part in groups[name])
    return int((counts.get(name) or {}).get("effective") or 0)


def _score(name: str, metrics: Mapping[str, Any], n: int, is_group: bool) -> Score | None:
    """The preferred metric of a task; lm-eval writes them as "metric,filter"."""
    shares = {
        key: float(value)
        for key, value in metrics.items()
        if "," in key and "_stderr," not in key and isinstance(value, int | float) and 0 <= value <= 1
    }
    ranked = sorted(shares, key=lambda key: _rank(key.partition(",")[0]))
    if not ranked:
        return None
    metric, _, rest = ranked[0].partition(",")
    error = metrics.get(f"{metric}_stderr,{rest}")
    # "N/A" stands where a task has none.
    known = float(error) if isinstance(error, int | float) and math.isfinite(error) else None
    return Score(name, ranked[0], shares[ranked[0]], known, n, is_group)


def _rank(metric: str) -> int:
    return PREFERRED.index(metric) if metric in PREFERRED else len(PREFERRED)


def pooled(scores: Sequence[Score]) -> Score | None:
    """All tasks as one: every example counts once. None where no task told its error or its number.

    The error is pooled, not averaged: √(Σ (n−1)·n·se² ÷ (N − k) ÷ N), as lm-eval does for its groups.
    Groups are left out, whose tasks are counted already.
    """
    usable = [one for one in scores if not one.is_group and one.error is not None and one.n > 1]
    total = sum(one.n for one in usable)
    if not usable or len(usable) < sum(not one.is_group for one in scores):
        return None
    value = sum(one.value * one.n for one in usable) / total
    variance = sum((one.n - 1) * one.n * (one.error or 0.0) ** 2 for one in usable) / (total - len(usable))
    return Score("", "pooled", value, math.sqrt(variance / total), total)


def cells_of(scores: Mapping[str, Sequence[Score]]) -> list[Cell]:
    """Each task's score of each speaker (by label), then all together, then the differences from base."""
    whole = {label: {one.task: one for one in [*_together(own), *own]} for label, own in scores.items()}
    labels = in_order(whole)
    tasks = list(dict.fromkeys(task for label in labels for task in whole[label]))
    found = [_cell(whole[label][task], label) for task in tasks for label in labels if task in whole[label]]
    base = whole.get(BASE, {})
    found += [
        _difference(base[task], whole[label][task], label)
        for label in labels
        for task in tasks
        if label != BASE and task in base and task in whole[label]
    ]
    return found


def _together(scores: Sequence[Score]) -> list[Score]:
    """The pooled score, where there is more than one task to pool."""
    one = pooled(scores)
    return [one] if one is not None and sum(not score.is_group for score in scores) > 1 else []


NO_ERROR = "lm-eval gave no standard error"


def _interval(score: Score) -> Estimate | None:
    """The score with Wilson's interval from its standard error; None where lm-eval gave none."""
    if score.error is None or score.n < 1:
        return None
    return score_interval(score.value, score.error, score.n, 0.95, SHARE)


def _cell(score: Score, label: str) -> Cell:
    found = _interval(score)
    if found is None:
        return Cell("correct", score.value, n=score.n, group=score.task, speaker=label, note=NO_ERROR)
    return Cell("correct", score.value, found.low, found.high, score.n, group=score.task, speaker=label)


def _difference(before: Score, after: Score, label: str) -> Cell:
    """As if both had been asked different examples: wider than need be, since they were the same.

    The interval joins both sides' own (Newcombe 1998, method 10), so that it is right near 0 and 1.
    """
    value, n = after.value - before.value, min(before.n, after.n)
    old, new = _interval(before), _interval(after)
    if old is None or new is None or before.metric != after.metric:
        return Cell("correct", value, None, None, n, "points", after.task, label, BASE, note=NO_ERROR)
    low = value - math.hypot(new.value - new.low, old.high - old.value)
    high = value + math.hypot(new.high - new.value, old.value - old.low)
    error = math.hypot(before.error or 0.0, after.error or 0.0)
    p = 2 * NormalDist().cdf(-abs(value) / error) if error else None
    return Cell("correct", value, low, high, n, "points", after.task, label, BASE, p)


def headline(cells: Sequence[Cell], speaker: str, tasks: Sequence[str]) -> str:
    """What became of its knowledge on these tasks, in a sentence."""
    groups = [cell.group for cell in cells if cell.speaker == speaker and cell.versus is None]
    group = "" if "" in groups else next(iter(groups), None)
    level = _find(cells, speaker, group)
    if level is None:
        return "lm-eval has no score yet: run the same command again."
    about = group or f"{len(tasks)} benchmarks"
    said = f"{shown_share(level.value)} right in {about} ({level.n} questions)"
    before, moved = _find(cells, BASE, group), _find(cells, speaker, group, BASE)
    if before is None or moved is None or moved.value is None or moved.low is None or moved.high is None:
        return f"{said}."
    ends = f"{100 * moved.low:+.0f} to {100 * moved.high:+.0f} points"
    verdict = "No change could be seen"
    if moved.excludes_zero:
        verdict = "It lost" if moved.value < 0 else "It gained"
    return f"{verdict} ({ends}): {said}, {shown_share(before.value)} before training."


def _find(cells: Sequence[Cell], speaker: str, group: str | None, versus: str | None = None) -> Cell | None:
    wanted = (speaker, group, versus)
    return next((c for c in cells if (c.speaker, c.group, c.versus) == wanted), None)
