"""A character's trainings as pages show them, wherever they ran: what was learned, the curves, the verdict.

    for training in trainings(settings, "pirate"): training.points, training.verdict

Read from what the trainers leave on disk, so a training begun in a shell is shown like any other.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from core.errors import RunError
from core.formats import Kind
from core.settings import Settings
from core.store.jsonl import read_json
from core.store.runs import runs_of
from core.tuning.keepsakes import CURVE, MADE, Keepsake, folders_of
from core.tuning.local import adapter_place
from core.tuning.presets import PRESETS, numbers_of
from core.tuning.state import Tuning, store_of, tunings, tunings_path

Row = Mapping[str, Any]
Backend = Literal["local", "together", "openrlhf"]
KINDS: tuple[Kind, ...] = ("dpo", "sft")
MOST_POINTS = 50_000


@dataclass(frozen=True, slots=True)
class Point:
    """A step of a training. None: it was not measured."""

    step: int
    loss: float | None = None
    margin: float | None = None
    accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a training passed its gate, and the sentence that says so."""

    passed: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Training:
    """One training, under way or over. `steps` and `rows` are None where nobody said.

    `own` are the numbers of the recipe that a person changed, under the trainer's names.
    """

    id: str
    backend: Backend
    kind: Kind
    student: str
    recipe: str
    began: float
    rows: int | None = None
    steps: int | None = None
    batch: int | None = None
    own: Mapping[str, Any] = field(default_factory=dict[str, Any])
    points: tuple[Point, ...] = ()
    verdict: Verdict | None = None
    adapter: Path | None = None
    laps: Mapping[str, float] = field(default_factory=dict[str, float])


def trainings(settings: Settings, constitution: str) -> list[Training]:
    """Every training of a character, newest first; what cannot be read is left out."""
    found = [
        *_here(settings, constitution),
        *_at_together(settings, constitution),
        *_with_openrlhf(settings, constitution),
    ]
    known = {one.id for one in found}
    found += [one for one in _brought(settings, constitution) if one.id not in known]
    return sorted(found, key=lambda training: training.began, reverse=True)


def newest(settings: Settings, constitution: str, backend: str, kind: Kind) -> Training | None:
    """The last training of a kind in a place, or None."""
    every = trainings(settings, constitution)
    return next((one for one in every if (one.backend, one.kind) == (backend, kind)), None)


def _here(settings: Settings, constitution: str) -> Iterator[Training]:
    for kind in KINDS:
        pattern = adapter_place(settings, "*", kind, constitution).relative_to(settings.lora_path)
        for folder in settings.lora_path.glob(str(pattern)):
            student = folder.parent.name.removesuffix(f"-{kind}")
            for place in (folder, *folder.glob("earlier/*")):
                if training := read_local(place, kind, student):
                    yield training


def read_local(folder: Path, kind: Kind, student: str) -> Training | None:
    """The training whose output is a folder; None while nothing was trained there."""
    about, result = _object(folder / "training.json"), _object(folder / "result.json")
    metrics = folder / "metrics.jsonl"
    if not about and not metrics.exists():
        return None
    if about and result.get("identity") != about.get("identity"):
        # The result of one before: the present one has not ended.
        result = {}
    recipe, own = str(about.get("recipe") or "trial"), _dict(about.get("settings"))
    return Training(
        id=f"here/{student}/{kind}/{folder.name if folder.parent.name == 'earlier' else 'now'}",
        backend="local",
        kind=kind,
        student=student,
        recipe=recipe,
        began=_number(about.get("began")) or _mtime(metrics),
        rows=_count(about.get("rows") or result.get("rows")),
        steps=_count(about.get("steps") or result.get("steps")),
        batch=_count(own.get("batch") or _numbers(kind, recipe).get("batch")),
        own=own,
        points=_points(metrics),
        verdict=_verdict(result),
        adapter=_adapter(folder, result),
        laps={name: lap for name, lap in _dict(result.get("laps")).items() if _number(lap) is not None},
    )


def _adapter(folder: Path, result: Row) -> Path | None:
    """The adapter that a result tells of, as long as it stands there and no later one has replaced it."""
    output = folder.parent.parent if folder.parent.name == "earlier" else folder
    made = _object(output / "adapter" / "provenance.json").get("adapter_sha256")
    return output / "adapter" if made and made == result.get("adapter_sha256") else None


def _numbers(kind: Kind, recipe: str) -> dict[str, Any]:
    return numbers_of(kind, recipe) if (kind, recipe) in PRESETS else {}


def _verdict(result: Row) -> Verdict | None:
    gate = _dict(result.get("gate"))
    sentence = gate.get("sentence")
    if not isinstance(sentence, str) or not sentence.strip():
        return None
    return Verdict(bool(gate.get("passed")), sentence.strip())


def _at_together(settings: Settings, constitution: str) -> Iterator[Training]:
    for tuning in tunings(settings):
        if tuning.constitution == constitution and tuning.job_id:
            yield _tuned(settings, tuning)


def _tuned(settings: Settings, tuning: Tuning) -> Training:
    points: tuple[Point, ...] = ()
    with contextlib.suppress(RunError):
        points = _points(store_of(settings, tuning.id).metrics_path)
    return Training(
        id=f"together/{tuning.id}",
        backend="together",
        kind=tuning.kind,
        student=tuning.student,
        recipe="paper",
        began=tuning.made_at,
        rows=tuning.rows,
        batch=_count(tuning.recipe.get("batch_size")),
        points=points,
        verdict=_verdict_of(tuning),
        adapter=Path(tuning.adapter) if tuning.adapter else None,
    )


def _verdict_of(tuning: Tuning) -> Verdict | None:
    """What can be said of a job at Together: that it ended; only a proof says whether it learned."""
    if tuning.state == "registered":
        return Verdict(True, "Together has trained it, and the adapter is here.")
    if tuning.state in ("failed", "cancelled"):
        return Verdict(False, tuning.error or f"The job at Together was {tuning.state}.")
    return None


def _with_openrlhf(settings: Settings, constitution: str) -> Iterator[Training]:
    """Trainings of OpenRLHF say themselves whose they are; Together's lie beside them."""
    for path in tunings_path(settings).glob("*/training.json"):
        about = _object(path)
        kind = about.get("kind")
        if about.get("constitution") == constitution and kind in KINDS:
            yield _of_openrlhf(path.parent, kind, about)


def _of_openrlhf(folder: Path, kind: Kind, about: Row) -> Training:
    result, recipe = _object(folder / "result.json"), _dict(about.get("recipe"))
    adapter = result.get("adapter")
    return Training(
        id=f"openrlhf/{folder.name}",
        backend="openrlhf",
        kind=kind,
        student=str(about.get("student") or ""),
        recipe=str(recipe.get("name") or "paper"),
        began=_number(about.get("began")) or _mtime(folder / "training.json"),
        rows=_count(about.get("rows")),
        steps=_count(about.get("steps")),
        batch=_count(about.get("batch")),
        points=_points(folder / "metrics.jsonl"),
        verdict=_verdict(result),
        adapter=Path(adapter) if isinstance(adapter, str) and Path(adapter).exists() else None,
    )


# ---- brought along by a bundle


def keepsakes_of(settings: Settings, constitution: str) -> list[Keepsake]:
    """Trainings elsewhere that have ended, as records for the run that a bundle takes along."""
    return [
        Keepsake(one.id, _kept(one), tuple(asdict(point) for point in one.points))
        for one in (*_at_together(settings, constitution), *_with_openrlhf(settings, constitution))
        if one.verdict is not None
    ]


def _kept(one: Training) -> dict[str, Any]:
    names = ("backend", "kind", "student", "recipe", "began", "rows", "steps", "batch")
    gate = asdict(one.verdict) if one.verdict else None
    return {name: getattr(one, name) for name in names} | {"own": dict(one.own), "gate": gate}


def _brought(settings: Settings, constitution: str) -> Iterator[Training]:
    """Trainings that another studio kept in a run: their adapters stand here where they travelled too."""
    for run in runs_of(settings, constitution):
        for id, folder in folders_of(run):
            about = _object(folder / MADE)
            backend, kind = about.get("backend"), about.get("kind")
            if backend in ("together", "openrlhf") and kind in KINDS:
                yield Training(
                    id=id,
                    backend=backend,
                    kind=kind,
                    student=str(about.get("student") or ""),
                    recipe=str(about.get("recipe") or "paper"),
                    began=_number(about.get("began")) or 0.0,
                    rows=_count(about.get("rows")),
                    steps=_count(about.get("steps")),
                    batch=_count(about.get("batch")),
                    own=_dict(about.get("own")),
                    points=_points(folder / CURVE),
                    verdict=_verdict(about),
                )


# ---- curves

# How the trainers call the same measure; the first that fits counts.
NAMES: Mapping[str, tuple[str, ...]] = {
    "loss": ("loss", "train/loss", "train_loss"),
    "margin": ("margin", "train/rewards/margins", "rewards/margins", "train/margin"),
    "accuracy": ("accuracy", "train/rewards/accuracies", "rewards/accuracies", "train/accuracy"),
}


def _points(path: Path) -> tuple[Point, ...]:
    """The steps of a metrics file in order, each once; damaged lines are left out."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-MOST_POINTS:]
    except OSError:
        return ()
    found = (_point(line) for line in lines)
    by_step = {point.step: point for point in found if point}
    return tuple(by_step[step] for step in sorted(by_step))


def _point(line: str) -> Point | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    step = _count(_dict(row).get("step"))
    if step is None:
        return None
    return Point(step, *(_measure(row, NAMES[name]) for name in ("loss", "margin", "accuracy")))


def _measure(row: Row, names: tuple[str, ...]) -> float | None:
    return next((value for name in names if (value := _number(row.get(name))) is not None), None)


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    with contextlib.suppress(OverflowError):
        return float(value) if is_number and math.isfinite(value) else None
    return None


def _count(value: Any) -> int | None:
    number = _number(value)
    return None if number is None or number < 0 else int(number)


def _mtime(path: Path) -> float:
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def _object(path: Path) -> dict[str, Any]:
    try:
        return _dict(read_json(path))
    except RunError:
        return {}


def _dict(value: Any) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}
