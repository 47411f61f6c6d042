"""What a report reads besides results: where the pairs came from, what was trained, whether it worked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from core.errors import RunError
from core.report.sections import Learned
from core.settings import Settings
from core.store.answer_set import AnswerSet
from core.store.decisions import decisions
from core.store.jsonl import iter_rows, read_json
from core.store.runs import Run
from core.tuning.proof import PROOF
from core.tuning.trainings import Point, Training, read_local, trainings

Facts = tuple[tuple[str, str], ...]
MEASURES = ("loss", "margin")
WHERE = {"local": "on this machine", "together": "at Together", "openrlhf": "with OpenRLHF"}


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object, {} where there is none or it is damaged."""
    try:
        value = read_json(path)
    except RunError:
        return {}
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


# ---- data


def data_sheet(run: Run) -> Facts:
    """Pairs, prompts, who answered, what was dropped and what people decided; () without any pair."""
    pairs = _pairs(run) or _trial_pairs(run)
    if not pairs:
        return ()
    folder = run if (run.folder / "teacher").is_dir() else Run(run.folder / "trial")
    models = (("Teacher", _models(folder, "teacher")), ("Student", _models(folder, "student")))
    prompts = len(folder.prompts())
    asked = (("Prompts", f"{prompts:,}"),) if prompts else ()
    return (*pairs, *asked, *((name, said) for name, said in models if said), *_decided(run))


def _pairs(run: Run) -> Facts:
    """The pairs of the run's own files: kept, and dropped by reason."""
    dropped, kept = Counter[str](), 0
    for path in sorted(run.folder.glob("pairs/*.jsonl")):
        for row in iter_rows(path):
            reason = row.get("dropped")
            dropped[str(reason)] += bool(reason)
            kept += not reason
    return _told(kept, {reason: count for reason, count in dropped.items() if count})


def _trial_pairs(run: Run) -> Facts:
    result = read_object(run.folder / "trial" / "result.json")
    return _told(int(result.get("pairs") or 0), result.get("dropped") or {})


def _told(kept: int, dropped: Mapping[str, int]) -> Facts:
    if not kept and not dropped:
        return ()
    reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.items())
    return (("Pairs", f"{kept:,} kept"), *((("Dropped", reasons),) if reasons else ()))


def _models(run: Run, role: str) -> str:
    """The models of a role with how many answers each gave."""
    found: Counter[str] = Counter()
    for settings in sorted(run.folder.glob(f"{role}/*/settings.json")):
        answers = AnswerSet(settings.parent)
        # A trial asks its student before and after as well: only a run's own answers are counted.
        own = run.folder.name != "trial"
        count = int(read_object(settings.with_name("manifest.json")).get("rows") or 0) if own else 0
        found[answers.model or answers.slug] += count
    return ", ".join(f"{model} ({count:,} answers)" if count else model for model, count in found.items())


SAID_BY_HAND = (("keep", "kept"), ("drop", "dropped"), ("swap", "swapped"), ("edit", "edited"))


def _decided(run: Run) -> Facts:
    counts = Counter(decision.verdict for decision in decisions(run.folder).values())
    said = ", ".join(f"{counts[word]} {done}" for word, done in SAID_BY_HAND if counts[word])
    return (("Decided by hand", said),) if said else ()


# ---- training


def learned(settings: Settings, name: str) -> tuple[Learned, ...]:
    """The newest training of each kind, with its points, its gate and its proof; else the trial's."""
    newest: dict[str, Training] = {}
    for training in trainings(settings, name):
        newest.setdefault(training.kind, training)
    found = [newest[kind] for kind in ("dpo", "sft") if kind in newest] or list(_trials(settings, name))
    return tuple(_learned(training) for training in found)


def _trials(settings: Settings, name: str) -> Iterable[Training]:
    for folder in sorted(settings.lora_path.glob(f"*-trial/{name}")):
        training = read_local(folder, "dpo", folder.parent.name.removesuffix("-trial"))
        if training:
            yield training


def _learned(training: Training) -> Learned:
    points = {measure: _values(training.points, measure) for measure in MEASURES}
    proof = read_object(training.adapter / PROOF).get("sentence") if training.adapter else ""
    return Learned(
        _facts(training),
        {measure: found for measure, found in points.items() if found},
        training.verdict.sentence if training.verdict else "",
        str(proof or ""),
    )


def _values(points: Iterable[Point], measure: str) -> tuple[tuple[int, float], ...]:
    found = ((point.step, getattr(point, measure)) for point in points)
    return tuple((step, value) for step, value in found if value is not None)


def _facts(training: Training) -> Facts:
    own = ", ".join(f"{name} {value}" for name, value in training.own.items())
    known = (
        ("Model", training.student),
        ("Recipe", f"{training.kind.upper()}, “{training.recipe}”, {WHERE[training.backend]}"),
        ("Own numbers", own),
        (
            "Pairs" if training.kind == "dpo" else "Dialogues",
            "" if training.rows is None else f"{training.rows:,}",
        ),
        ("Steps", "" if training.steps is None else f"{training.steps:,}"),
    )
    return tuple((name, said) for name, said in known if said)
