"""A training with OpenRLHF from its first word to the registered adapter.

DATA_PATH/tunings/<id>/
  training.json     what is trained, with the whole command
  rows.jsonl        the rows as the program reads them; later changes of the pairs cannot reach them
  metrics.jsonl     the curves, a row a step
  output.log        everything that was printed
  checkpoints/      what a stopped training goes on from; removed at the end
  adapter/          what the program has written, before it is checked and put in its place
  result.json       how it ended; written last

The program and all that it starts end with this process, however that ends.
"""

from __future__ import annotations

import codecs
import contextlib
import shutil
import subprocess
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.environments import Environment, clean_environment
from core.errors import JobError, ModelError, RunError
from core.formats import problem_words
from core.guarded import end_tree, run_tree, start_tree
from core.jobs import ProgressReporter
from core.settings import Settings
from core.store.jsonl import read_json, read_rows, repair, write_atomic, write_json
from core.store.locks import held
from core.tuning.convert import as_lines, file_sha256, read_training_file
from core.tuning.openrlhf.cures import cure_for, last_words
from core.tuning.openrlhf.following import Follower, Say
from core.tuning.openrlhf.gate import Gate, gate_of
from core.tuning.openrlhf.install import require_environment, unknown_flags
from core.tuning.openrlhf.plan import Plan, visible_gpus
from core.tuning.openrlhf.progress import Reading
from core.tuning.openrlhf.recipe import VERSION
from core.tuning.register import register_folder
from core.tuning.unpack import WEIGHTS

CHUNK = 1 << 16
# Weights in two bytes each; a checkpoint of a LoRA training holds all of them.
MODEL_BYTES = {"llama-3.1-8b-it": 16_100_000_000, "qwen-2.5-7b-it": 15_300_000_000}
USUAL_BYTES = 9_000_000_000
NO_NUMBER = (
    "The loss ended as no number, so the adapter holds none either, and nothing was registered. Use a "
    "smaller --learning-rate, then run again with --again."
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished training: the adapter's folder, the steps made, the last figures, the verdict, notes."""

    adapter: Path
    steps: int
    figures: dict[str, Any]
    gate: Gate
    notes: tuple[str, ...]


def run_plan(
    plan: Plan, settings: Settings, say: Say, reporter: ProgressReporter, *, again: bool = False
) -> Outcome:
    """Train, or go on where it was stopped, and register; a finished training comes back as it is.

    Raises ModelError for what is missing on this computer, RunError when the training fails, with its
    last words and what to do.
    """
    with held(plan.folder / ".lock", f"the training {plan.id}", timeout=0.2):
        if again:
            _clear(plan.folder)
        if finished := _finished(plan):
            say("This training is finished already; --again makes it anew.")
            return finished
        plan = _with_new_job(plan)
        environment = _checked(plan, settings)
        _write_files(plan)
        reading = Reading(plan.kind, plan.recipe, plan.launch.gpus, plan.steps)
        _train(plan, settings, environment, Follower(plan.folder, reading, say, reporter))
        return _register(plan, environment, reading)


def _with_new_job(plan: Plan) -> Plan:
    """Ray takes a job's name once only: each start has its own."""
    if not plan.launch.ray_address:
        return plan
    return replace(plan, launch=replace(plan.launch, job=f"{plan.id}-{time.time_ns()}"))


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != ".lock":
            path.unlink()


def _finished(plan: Plan) -> Outcome | None:
    result = read_json(plan.folder / "result.json")
    weights = plan.target / WEIGHTS
    if not isinstance(result, dict) or not weights.exists():
        return None
    if result.get("adapter_sha256") != file_sha256(weights):
        return None
    gate = Gate(**result["gate"])
    return Outcome(plan.target, result["steps"], result["figures"], gate, tuple(result["notes"]))


# ---- before the start


def _checked(plan: Plan, settings: Settings) -> Environment:
    environment = require_environment(settings)
    is_here = not plan.launch.hostfile and not plan.launch.ray_address
    if is_here and not visible_gpus():
        raise ModelError(
            "OpenRLHF trains on NVIDIA GPUs only, and none was found here (try: nvidia-smi, and look at "
            "CUDA_VISIBLE_DEVICES). Train with --backend together, or on other computers with --hostfile."
        )
    if problems := unknown_flags(environment, plan.kind, plan.parts):
        raise ModelError(problem_words("The command for the installed version", problems))
    _require_room(plan)
    return environment


def _require_room(plan: Plan) -> None:
    model = Path(plan.base.model)
    own = sum(path.stat().st_size for path in model.glob("*.safetensors")) if model.is_dir() else 0
    size = own or MODEL_BYTES.get(plan.student, USUAL_BYTES)
    kept = sum(path.stat().st_size for path in (plan.folder / "checkpoints").rglob("*") if path.is_file())
    need = size * (plan.recipe.checkpoints + 1) - kept
    free = shutil.disk_usage(plan.folder).free
    if free < need:
        raise ModelError(
            f"{plan.folder} has {free / 1e9:.1f} GB free, and the checkpoints need {need / 1e9:.1f}: free "
            "some space, set DATA_PATH to another disk, or keep fewer with --n-checkpoints 1."
        )


def _write_files(plan: Plan) -> None:
    """The rows and what is trained, as they stay whatever happens to the pairs."""
    for source, name in ((plan.source, "rows.jsonl"), (plan.validation, "validation.jsonl")):
        target = plan.folder / name
        if source and not target.exists():
            write_atomic(target, as_lines(read_training_file(source, plan.kind, "openrlhf").rows))
    path = plan.folder / "training.json"
    if not path.exists():
        write_json(path, _facts(plan) | {"began": time.time(), "command": plan.command})
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(plan.folder / "adapter")
    metrics = plan.folder / "metrics.jsonl"
    if metrics.exists():
        repair(metrics)


def _facts(plan: Plan) -> dict[str, Any]:
    """What the adapter's provenance and the training's own file both say."""
    return {
        "backend": "openrlhf",
        "version": VERSION,
        "tuning": plan.id,
        "kind": plan.kind,
        "stage": plan.kind,
        "student": plan.student,
        "constitution": plan.constitution,
        "model": plan.base.model,
        "base": {"name": plan.base.name},
        "on_top_of": list(plan.base.below),
        "recipe": {"name": "paper", **plan.recipe.as_dict()},
        "gpus": plan.launch.gpus,
        "rows": plan.rows,
        "steps": plan.steps,
        "batch": plan.recipe.batch,
        "training_source": str(plan.source),
        "training_sha256": file_sha256(plan.source),
        "notes": list(plan.notes),
    }


# ---- while it runs


def child_environment(plan: Plan, settings: Settings) -> dict[str, str]:
    """What the program may know: no key but the hub's token, and wandb's where metrics go there."""
    found = clean_environment(settings)
    programs = str(Path(plan.launch.programs))
    found["PATH"] = f"{programs}:{found.get('PATH', '')}"
    # It writes where it runs, which is no folder of ours.
    found |= {"PYTHONUNBUFFERED": "1", "WANDB_DIR": str(plan.folder), "DO_NOT_TRACK": "1"}
    if token := settings.token("HF_TOKEN"):
        found["HF_TOKEN"] = token.reveal()
    if plan.wandb and (key := settings.token("WANDB_TOKEN")):
        found["WANDB_API_KEY"] = key.reveal()
    return found


def _train(plan: Plan, settings: Settings, environment: Environment, follower: Follower) -> None:
    """Return when the program has ended well. Raises RunError otherwise."""
    words, child = plan.command, child_environment(plan, settings)
    if plan.wandb and "WANDB_API_KEY" not in child:
        raise ModelError("--wandb-project-name needs WANDB_TOKEN in the environment or .env.")
    follower.say(f"Starting OpenRLHF on {plan.launch.gpus} GPU(s); everything it says: {follower.log}")
    with (
        contextlib.closing(follower),
        _ray_job(plan, child),
        _running(words, child, environment) as process,
    ):
        for text in _pieces(process):
            follower.hear(text)
        code = process.wait()
        follower.finish()
    if code:
        raise RunError(_why(follower, code))
    if not follower.reading.step:
        raise RunError(f"OpenRLHF ended without a step. {_all(follower)}\n{last_words(follower.words)}")


@contextlib.contextmanager
def _running(
    words: list[str], child: dict[str, str], environment: Environment
) -> Generator[subprocess.Popen[bytes]]:
    """The program's process, which does not outlive this block, nor anything that it started."""
    try:
        process = start_tree(words, child)
    except OSError as error:
        raise JobError(
            f"{environment.python} could not be started ({error}); run: character setup openrlhf --again"
        ) from error
    try:
        yield process
    finally:
        end_tree(process)
        if process.stdout:
            process.stdout.close()


@contextlib.contextmanager
def _ray_job(plan: Plan, child: dict[str, str]) -> Generator[None]:
    """A job at a Ray cluster is told to stop when we end before it: it would go on there otherwise."""
    try:
        yield
    except BaseException:
        if plan.launch.ray_address:
            programs = plan.launch.programs
            stop = [f"{programs}/python", f"{programs}/ray", "job", "stop"]
            with contextlib.suppress(OSError):
                run_tree([*stop, "--address", plan.launch.ray_address, plan.launch.job], child)
        raise


def _pieces(process: subprocess.Popen[bytes]) -> Iterator[str]:
    assert process.stdout is not None
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    # A bar is rewritten without an end of line: what there is is read, not whole lines.
    while piece := process.stdout.read1(CHUNK):  # type: ignore[attr-defined]
        yield decoder.decode(piece)


def _why(follower: Follower, code: int) -> str:
    said = follower.words
    step = follower.reading.step
    done = f" after step {step} of {follower.reading.planned}" if step else " before its first step"
    return f"OpenRLHF failed{done}. {cure_for(said, code)}\n{last_words(said)}\n{_all(follower)}"


def _all(follower: Follower) -> str:
    return f"Everything it said: {follower.log}"


# ---- afterwards


def _register(plan: Plan, environment: Environment, reading: Reading) -> Outcome:
    """The adapter checked, judged and in its place; checkpoints and what the program wrote are removed."""
    rows = [row for row in read_rows(plan.folder / "metrics.jsonl").rows if "loss" in row]
    last = rows[-1] if rows else {}
    figures = {name: value for name, value in last.items() if name not in ("at", "crc")}
    if figures.get("loss") is None:
        raise RunError(NO_NUMBER)
    gate = gate_of(plan.kind, plan.recipe, rows)
    facts = _facts(plan) | {"steps": reading.step, "figures": figures, "gate": gate.as_dict()}
    facts["versions"] = _versions(environment)
    made = plan.folder / "adapter"
    notes = register_folder(made, plan.target, facts, base=plan.base.name, where=plan.id)
    outcome = Outcome(plan.target, reading.step, figures, gate, tuple(notes))
    _write_result(plan, outcome)
    for name in ("checkpoints", "adapter"):
        shutil.rmtree(plan.folder / name, ignore_errors=True)
    return outcome


def _write_result(plan: Plan, outcome: Outcome) -> None:
    result = {
        "status": "done" if outcome.gate.passed else "failed",
        "adapter": str(outcome.adapter),
        "adapter_sha256": file_sha256(outcome.adapter / WEIGHTS),
        "steps": outcome.steps,
        "figures": outcome.figures,
        "gate": outcome.gate.as_dict(),
        "notes": list(outcome.notes),
    }
    write_json(plan.folder / "result.json", result)


def _versions(environment: Environment) -> dict[str, str]:
    wanted = ("openrlhf", "deepspeed", "torch", "transformers", "peft", "flash-attn", "flash_attn")
    return {name: environment.versions[name] for name in wanted if name in environment.versions}
