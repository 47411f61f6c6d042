"""One training from its config to its adapter: what `training.dpo` and `training.sft` both do.

    {"data": FILE, "output": DIR, "base": "local/smollm2-135m", "recipe": "trial", "settings": {}}

OUTPUT/ gets training.json, metrics.jsonl, checkpoints/ (while it runs), adapter/ and result.json. The
same config run again goes on where it was stopped, or returns the finished result; one before another is
kept in earlier/.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from core.embedded.serve import usable_cores
from core.errors import RunError
from core.jobs.progress import ProgressReporter
from core.records import content_hash
from core.settings import Settings, load_settings
from core.store.jsonl import read_json, write_json
from training import checkpoints, keeping, loop
from training.adapters import (
    GGUF,
    WEIGHTS,
    Adapter,
    Layer,
    add_gguf,
    fold_in,
    read_adapter,
    require_base,
    template_hash,
    write_adapter,
    write_provenance,
)
from training.base import Base, open_base, place_for
from training.data import Dataset, Example, encoder, read_dataset, refuse_foreign
from training.files import sha256_file, whole_folder
from training.gates import Gate, dpo_gate, sft_gate
from training.job import Field, checked
from training.model import with_adapter
from training.recipes import Recipe, recipe
from training.reference import References, model_key

VERSION = 1
MOST_MEASURED = 24
FIELDS = {
    "data": Field((str,), required=True),
    "output": Field((str,), required=True),
    "base": Field((str,), "local/smollm2-135m"),
    "recipe": Field((str,), "trial"),
    "settings": Field((dict,), {}),
    "validation": Field((str,)),
    "student": Field((str,)),
    "on_top_of": Field((str,)),
    "device": Field((str,), "auto"),
    "threads": Field((int,)),
    "gguf": Field((bool,), True),
    "fresh": Field((bool,), False),
    "drop_others": Field((bool,), False),
    "reference_cache": Field((str,)),
    "allow_remote_code": Field((bool,), False),
    "checkpoint_every_s": Field((int, float), loop.SECONDS_BETWEEN_CHECKPOINTS),
}


@dataclass(slots=True)
class _Job:
    """What one run gathers on its way."""

    stage: str
    config: Mapping[str, Any]
    settings: Settings
    recipe: Recipe
    progress: ProgressReporter
    report: Callable[[str], None]
    seconds: dict[str, float] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    @property
    def output(self) -> Path:
        return Path(self.config["output"])

    def lap(self, name: str) -> None:
        """Note the seconds since the last lap under a name."""
        now = time.monotonic()
        self.seconds[name], self.began = round(now - self.began, 2), now

    def stage_begins(self, name: str, planned: int = 0) -> None:
        self.progress.update(stage=name, done=0, planned=planned)


def train(stage: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Train as the config says; the result comes back. Raises CoreError, and Stopped after saving."""
    told = checked(config, FIELDS)
    made = recipe(stage, told["recipe"], told["settings"])
    job = _Job(stage, told, load_settings(), made, ProgressReporter.from_environment(), _say)
    refuse_foreign(Path(told["data"]), told["student"] or _student_of(told["base"]))
    torch.set_num_threads(told["threads"] or usable_cores())
    base, before = _open(job)
    job.lap("load")
    data, held_out, where = _read(job, base)
    identity = _identity(job, base, before, data)
    if told["drop_others"]:
        checkpoints.drop_others(job.output, identity)
    if told["fresh"]:
        checkpoints.remove(job.output)
    elif finished := _finished(job, identity):
        return finished
    return _train(job, base, before, data, held_out, where, identity)


def _say(text: str) -> None:
    print(text, flush=True)


def _student_of(base: str) -> str | None:
    """A folder's name says nothing certain about its model, so only our own models are compared."""
    return base if base.startswith("local/") else None


def _open(job: _Job) -> tuple[Base, Adapter | None]:
    job.stage_begins("load")
    told = job.config
    before = read_adapter(Path(told["on_top_of"])) if told["on_top_of"] else None
    place = place_for(told["device"], job.recipe.precision)
    # On a processor only the large products are made in 16 bits; everything else stays in 32.
    loaded = place if place.device == "cuda" else replace(place, dtype=torch.float32)
    allowed = told["allow_remote_code"]
    base = open_base(job.settings, told["base"], loaded, allow_remote_code=allowed, report=job.report)
    if before:
        require_base(before, base.sha256, base.name)
        fold_in(before, base.model)
    return base, before


def _read(job: _Job, base: Base) -> tuple[Dataset, Sequence[Example], str]:
    """The rows to learn, the rows to measure, and what to call the latter."""
    told, made = job.config, job.recipe
    encode = encoder(base.tokenizer, base.template)
    data = read_dataset(Path(told["data"]), job.stage, encode, made.max_length)
    if data.too_long:
        job.report(f"{data.too_long} rows are longer than {made.max_length} tokens and left out.")
    if len(data.examples) < made.batch:
        job.report(
            f"There are {len(data.examples)} rows, fewer than a batch of {made.batch}: one step an epoch."
        )
    beside = Path(told["data"]).with_suffix(".validation.jsonl")
    validation = Path(told["validation"]) if told["validation"] else beside
    if told["validation"] or (beside.exists() and beside.stat().st_size):
        held = read_dataset(validation, job.stage, encode, made.max_length)
        shown = held.examples[:MOST_MEASURED]
        return data, shown, _unseen(len(shown), job.stage)
    return (
        data,
        _spread(data.examples),
        "the pairs it was trained on" if job.stage == "dpo" else "its own rows",
    )


def _unseen(count: int, stage: str) -> str:
    """What was measured on, with its number: a share of two pairs is no share of many."""
    if count == 1:
        return "the one pair it never saw" if stage == "dpo" else "the one unseen row"
    return f"the {count} pairs it never saw" if stage == "dpo" else f"the {count} unseen rows"


def _spread(examples: Sequence[Example]) -> Sequence[Example]:
    step = max(1, len(examples) // (MOST_MEASURED // 2))
    return examples[::step][: MOST_MEASURED // 2]


def _identity(job: _Job, base: Base, before: Adapter | None, data: Dataset) -> str:
    place = place_for(job.config["device"], job.recipe.precision)
    settings = job.recipe.as_dict() | {"micro_batch": 0}
    parts = [VERSION, job.stage, settings, base.sha256, template_hash(base.template), data.sha256]
    return content_hash([*parts, before.sha256 if before else "", str(place.dtype)])


def _finished(job: _Job, identity: str) -> dict[str, Any] | None:
    """The result of the very same training, when its adapter is still what was written."""
    try:
        kept = read_json(job.output / "result.json")
    except RunError:
        return None
    if not isinstance(kept, dict) or kept.get("identity") != identity:
        return None
    weights = job.output / "adapter" / WEIGHTS
    is_whole = weights.exists() and sha256_file(weights) == kept["adapter_sha256"]
    return kept | {"already_done": True} if is_whole else None


def _train(
    job: _Job,
    base: Base,
    before: Adapter | None,
    data: Dataset,
    held_out: Sequence[Example],
    where: str,
    identity: str,
) -> dict[str, Any]:
    place = place_for(job.config["device"], job.recipe.precision)
    trainee = with_adapter(base.model, job.recipe, place.dtype)
    training = loop.Training(
        trainee,
        job.recipe,
        data.examples,
        _references(job, base, before, str(place.dtype)) if job.stage == "dpo" else None,
        job.output,
        identity,
        place.device,
        job.progress,
        job.report,
        float(job.config["checkpoint_every_s"]),
    )
    _announce(job, training)
    new = _fill(job, training, held_out)
    job.lap("reference")
    at_start = loop.measure(training, held_out, base=True)
    steps = loop.run(training)
    job.lap("train")
    at_end = loop.measure(training, held_out)
    gate = _gate(job, at_end, at_start, steps, where)
    job.lap("measure")
    facts = _facts(job, base, before, data, gate)
    adapter = _write(job, training, base, facts)
    job.lap("write")
    return _result(job, adapter, data, gate, identity, (at_start, at_end), len(steps), new)


def _announce(job: _Job, training: loop.Training) -> None:
    """Say on disk what is trained, once it is sure that it can go on from what is there."""
    checkpoints.newest(job.output, training.identity, lambda _: None)
    told = job.config
    about = {
        "identity": training.identity,
        "stage": job.stage,
        "recipe": told["recipe"],
        "settings": told["settings"],
        "student": told["student"] or told["base"],
        "rows": len(training.examples),
        "steps": len(training.plan()),
    }
    keeping.begin(job.output, about, fresh=told["fresh"])


def _references(job: _Job, base: Base, before: Adapter | None, precision: str) -> References:
    chosen = job.config["reference_cache"]
    folder = Path(chosen) if chosen else job.settings.model_path / "reference"
    return References(folder, model_key(base.sha256, precision, [before.sha256] if before else []))


def _fill(job: _Job, training: loop.Training, held_out: Sequence[Example]) -> int:
    if training.references is None:
        return 0

    def watch(done: int, planned: int) -> None:
        job.progress.update(stage="reference", done=done, planned=planned)

    wanted = [*training.examples, *held_out]
    new = training.references.fill(training.trainee, wanted, training.device, watch)
    job.report(f"Reference: {new} rows computed, {len(wanted) - new} known.")
    return new


def _gate(
    job: _Job, after: loop.Figures, before: loop.Figures, steps: Sequence[loop.Figures], where: str
) -> Gate:
    if job.stage == "dpo":
        return dpo_gate(after, before, steps, beta=job.recipe.beta, where=where)
    return sft_gate(after, before, steps, where=where)


def _facts(job: _Job, base: Base, before: Adapter | None, data: Dataset, gate: Gate) -> dict[str, Any]:
    path = Path(job.config["data"])
    return {
        "kind": job.stage,
        "base": {"name": base.name, "sha256": base.sha256},
        "on_top_of": [before.sha256] if before else [],
        "chat_template_sha256": template_hash(base.template),
        "recipe": {"name": job.config["recipe"], **job.recipe.as_dict()},
        "data": {"file": path.name, "sha256": sha256_file(path), "rows": len(data.examples)},
        "gate": gate.as_dict(),
    }


def _write(job: _Job, training: loop.Training, base: Base, facts: Mapping[str, Any]) -> Adapter:
    """The finished adapter folder, which appears whole."""
    job.stage_begins("write")
    made = training.recipe
    target = job.output / "adapter"
    with whole_folder(target) as folder:
        layers = trained_layers(training.trainee.peft)
        write_adapter(folder, layers, rank=made.rank, alpha=made.alpha, base_name=base.name)
        write_provenance(folder, facts)
        if job.config["gguf"]:
            add_gguf(read_adapter(folder), base.model.config)
    return read_adapter(target)


def trained_layers(model: Any) -> dict[str, Layer]:
    """The adapter that a PEFT model wears."""
    return {
        name.removeprefix("base_model.model."): Layer(
            module.lora_A["default"].weight.detach().float().cpu(),
            module.lora_B["default"].weight.detach().float().cpu(),
            float(module.scaling["default"]),
        )
        for name, module in model.named_modules()
        if hasattr(module, "lora_A") and "default" in module.lora_A
    }


def _result(
    job: _Job,
    adapter: Adapter,
    data: Dataset,
    gate: Gate,
    identity: str,
    figures: tuple[loop.Figures, loop.Figures],
    steps: int,
    new: int,
) -> dict[str, Any]:
    gguf = adapter.folder / GGUF
    result = {
        "status": "done" if gate.passed else "failed",
        "message": gate.sentence,
        "gate": gate.as_dict(),
        "identity": identity,
        "adapter": str(adapter.folder),
        "adapter_sha256": adapter.sha256,
        "gguf": str(gguf) if gguf.exists() else None,
        "base_sha256": adapter.base_sha256,
        "rows": len(data.examples),
        "too_long": data.too_long,
        "steps": steps,
        "references_computed": new,
        "before": figures[0],
        "after": figures[1],
        "laps": job.seconds,
        "files": [str(path) for path in sorted(adapter.folder.iterdir())],
    }
    write_json(job.output / "result.json", result)
    checkpoints.remove(job.output)
    job.progress.update(stage="done", done=steps, planned=steps)
    job.progress.flush()
    return result
