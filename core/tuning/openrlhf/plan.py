"""A training with OpenRLHF made from what a person asked: all files found and checked, nothing started.

The same wish finds the same training, in DATA_PATH/tunings/<id>/: its id is a hash of the rows, the
model, the numbers and the GPUs (a checkpoint fits as many GPUs as wrote it). So the same command goes on
after a kill.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import CoreError, Problem, RunError, SettingsError
from core.formats import Kind, problem_words
from core.names import ALIASES, parse_model, safe_slug, spelled_for
from core.records import content_hash
from core.serving.machine import gpu_names
from core.settings import Settings
from core.slugs import check_name
from core.store.jsonl import read_json
from core.tuning.convert import file_sha256, read_training_file, require_student
from core.tuning.openrlhf.command import Launch, Places, Wandb, cannot, gpus_in_hostfile, parts_of
from core.tuning.openrlhf.command import command as command_of
from core.tuning.openrlhf.install import NAME
from core.tuning.openrlhf.recipe import Recipe, problems_of, recipe_of, refusals, steps_of
from core.tuning.prepare import MAKERS, SOURCES
from core.tuning.register import adapter_folder
from core.tuning.state import tunings_path
from core.tuning.unpack import CONFIG

Flags = Mapping[str, Any]
GPUS_SHOWN = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True, slots=True)
class Base:
    """What a training starts from: a folder or a name, whose adapter it will be, and what is in it already.

    `below` are the hashes of the adapters that a complete model holds.
    """

    model: str
    name: str
    below: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A training that is ready to begin; `folder` is its own, `target` where the adapter will stand."""

    id: str
    kind: Kind
    constitution: str
    student: str
    base: Base
    recipe: Recipe
    rows: int
    source: Path
    validation: Path | None
    folder: Path
    target: Path
    launch: Launch
    wandb: Wandb | None
    notes: tuple[str, ...]

    @property
    def places(self) -> Places:
        """The paths that the program is told."""
        held_out = str(self.folder / "validation.jsonl") if self.validation else None
        made, kept = self.folder / "adapter", self.folder / "checkpoints"
        return Places(self.base.model, str(self.folder / "rows.jsonl"), str(made), str(kept), held_out)

    @property
    def command(self) -> list[str]:
        """The whole command, word by word."""
        return command_of(self.kind, self.recipe, self.places, self.launch, self.rows, self.wandb)

    @property
    def parts(self) -> Mapping[str, Any]:
        """The command's words by the program that reads them."""
        return parts_of(self.kind, self.recipe, self.places, self.launch, self.rows, self.wandb)

    @property
    def steps(self) -> int:
        """How many steps it makes, as far as that is known before the rows are cut into tokens."""
        return steps_of(self.kind, self.recipe, self.rows, self.launch.gpus)


def plan_of(kind: Kind, flags: Flags, settings: Settings, environment: Mapping[str, str]) -> Plan:
    """What would be trained on what. Raises SettingsError for flags and numbers, RunError for files.

    What this backend cannot honour is refused, every flag at once.
    """
    if refused := refusals(flags):
        raise SettingsError("OpenRLHF cannot do this: " + "; ".join(refused) + ".")
    student = _student(flags)
    source = _source(kind, flags, student, settings)
    name = _constitution(flags, source)
    rows = _rows(source, kind, student)
    validation = flags.get("validation_file")
    if validation:
        _rows(validation, kind, student)
    recipe, where = recipe_of(kind, student, flags), _launch(flags, settings, environment)
    if wrong := problems_of(
        kind, recipe, rows, where.gpus, is_measured=bool(validation), flags=flags
    ) + _elsewhere(flags):
        raise SettingsError(problem_words("The recipe", wrong))
    _require_readable(settings)
    base = _base(kind, flags, student, name, settings)
    training_id = _id(kind, name, student, base, recipe, where.gpus, source, validation)
    launch = _named(where, training_id)
    return Plan(
        id=training_id,
        kind=kind,
        constitution=name,
        student=student,
        base=base,
        recipe=recipe,
        rows=rows,
        source=source,
        validation=validation,
        folder=tunings_path(settings) / training_id,
        # Below the character's folder, where the merge, the chat and the next stage look.
        target=adapter_folder(settings, student, kind, name) / "adapter",
        launch=launch,
        wandb=_wandb(flags, name, kind),
        notes=tuple(cannot(kind, student, recipe, launch, rows)),
    )


def _student(flags: Flags) -> str:
    wished = flags.get("student") or flags.get("model")
    if not wished:
        raise SettingsError("Which student? Add --student, such as --student llama-3.1-8b-it.")
    return parse_model(str(wished), default="vllm").slug


def _source(kind: Kind, flags: Flags, student: str, settings: Settings) -> Path:
    if flags.get("training_file"):
        return Path(flags["training_file"]).absolute()
    name = flags.get("constitution")
    if not name:
        raise SettingsError("Train on what? Add --constitution NAME, or --training-file FILE.")
    path = settings.data_path / SOURCES[kind] / student / f"{name}.jsonl"
    if not path.exists():
        raise RunError(
            f"{path} is not there; make it first: character {MAKERS[kind]} --constitution {name}, or "
            "choose another with --training-file."
        )
    return path


def _constitution(flags: Flags, source: Path) -> str:
    name = str(flags.get("constitution") or source.stem.lower())
    problems = check_name(name)
    if problems:
        raise SettingsError(f"{problems[0].message} Name the character with --constitution.")
    return name


def _rows(path: Path, kind: Kind, student: str) -> int:
    """How many rows a file holds. Raises RunError for bad lines, and for another student's file."""
    _, problem = require_student(path, student)
    if problem:
        raise RunError(problem_words(str(path), [problem]))
    return len(read_training_file(path, kind, "openrlhf").rows)


def _require_readable(settings: Settings) -> None:
    """OpenRLHF takes a comma in a path for two files, and an @ for the name of a folder in one."""
    place = str(tunings_path(settings))
    if "," in place or "@" in place:
        raise SettingsError(
            f"OpenRLHF cannot read files below {place}: it takes a comma or an @ in a path for a sign "
            "of its own. Set DATA_PATH to a folder without."
        )


# ---- the model


def _base(kind: Kind, flags: Flags, student: str, name: str, settings: Settings) -> Base:
    if kind == "sft" and not flags.get("from_base"):
        return complete_model(flags, student, name, settings)
    plain = settings.model_path / student
    wished = str(flags.get("model") or (plain if (plain / "config.json").exists() else student))
    if Path(wished).expanduser().is_dir():
        folder = Path(wished).expanduser().absolute()
        _require_plain(folder)
        return Base(str(folder), _own_name(student) or str(folder))
    model = spelled_for("vllm", wished.removeprefix("vllm/"))
    if model not in {alias.hugging_face for alias in ALIASES.values()}:
        raise SettingsError(
            f"{wished} is neither a folder nor a student that the studio knows. OpenRLHF runs programs "
            "that come with a model, so a strange one is taken from a folder only: download it, look at "
            "it, and give --model FOLDER."
        )
    return Base(model, model)


def _own_name(student: str) -> str | None:
    alias = ALIASES.get(student)
    return alias.hugging_face if alias else None


def complete_model(flags: Flags, student: str, name: str, settings: Settings) -> Base:
    """The DPO-trained model that SFT starts from: base and adapter folded into one."""
    usual = settings.model_path / "distilled" / f"{student}-{name}"
    folder = Path(flags["model"]).expanduser().absolute() if flags.get("model") else usual
    if not (folder / "config.json").exists():
        raise RunError(_no_complete_model(folder, student, name, settings))
    _require_plain(folder)
    made = _provenance(folder)
    told = made.get("base")
    base = told.get("name") if isinstance(told, dict) else None
    parents = [one for one in made.get("parents") or () if isinstance(one, dict) and one.get("weight")]
    below = tuple(dict.fromkeys(str(one.get("sha256")) for one in parents))
    return Base(str(folder), _own_name(student) or str(base or folder), below)


def _no_complete_model(folder: Path, student: str, name: str, settings: Settings) -> str:
    place = adapter_folder(settings, student, "dpo", name)
    adapter = next((one for one in (place / "adapter", place) if (one / CONFIG).exists()), None)
    if adapter is None:
        return (
            f"SFT starts from the DPO-trained model, and {place} holds no adapter. First: character train "
            f"dpo --backend openrlhf --student {student} --constitution {name}; or begin at the base with "
            "--from-base."
        )
    return (
        "SFT starts from the DPO-trained model as one complete model, because OpenRLHF cannot train on top "
        f"of an adapter; {folder} is none. Make it: {_merge_words(folder, adapter, student, name)} "
        "(BASE_FOLDER holds the student's own weights). Or begin at the base with --from-base."
    )


def _merge_words(folder: Path, adapter: Path, student: str, name: str) -> str:
    words = ["character", "merge", "--full", "--student", student, "--constitution", name]
    words += ["--base", "BASE_FOLDER", "--only", "dpo", "--dpo", str(adapter)]
    return shlex.join([*words, "--output", str(folder)])


def _require_plain(folder: Path) -> None:
    """Refuse a model that would run programs of its own, or whose weights are a pickle.

    OpenRLHF trusts whatever comes with a model, so it is looked at before.
    """
    config = read_json(folder / "config.json")
    if not isinstance(config, dict):
        raise RunError(f"{folder} holds no readable config.json, so it is no model; give another --model.")
    if config.get("auto_map") or any(folder.glob("*.py")):
        raise SettingsError(
            f"The model in {folder} brings programs of its own (auto_map or .py files), which OpenRLHF "
            "would run; take a model without, or remove them."
        )
    if not any(folder.glob("*.safetensors")):
        raise SettingsError(f"{folder} holds no .safetensors weights; download the model again.")


def _provenance(folder: Path) -> dict[str, Any]:
    try:
        made = read_json(folder / "provenance.json")
    except CoreError:
        return {}
    return made if isinstance(made, dict) else {}


# ---- where it runs


def _launch(flags: Flags, settings: Settings, environment: Mapping[str, str]) -> Launch:
    programs = str(settings.data_path / "environments" / NAME / "bin")
    if flags.get("hostfile"):
        path = Path(flags["hostfile"]).absolute()
        return Launch(
            programs, _in_hostfile(path), hostfile=str(path), master_addr=flags.get("master_addr")
        )
    if flags.get("ray_address"):
        return Launch(programs, flags.get("gpus") or 1, ray_address=flags["ray_address"])
    here = _shown(environment)
    # Without a GPU only a dry run goes on from here: it is planned for one.
    wished = flags.get("gpus") or max(1, len(here))
    if here and wished > len(here):
        raise SettingsError(f"--gpus {wished}: this computer shows {len(here)} ({', '.join(here)}).")
    numbers = here[:wished] if here else [str(number) for number in range(wished)]
    # DeepSpeed takes numbers only; without any it uses what CUDA shows.
    devices = tuple(numbers) if all(number.isdigit() for number in numbers) else ()
    return Launch(programs, len(numbers), devices)


def _shown(environment: Mapping[str, str]) -> list[str]:
    """The GPUs that may be used here: those that CUDA_VISIBLE_DEVICES names, else all."""
    told = environment.get(GPUS_SHOWN)
    if told is not None:
        return [name.strip() for name in told.split(",") if name.strip() and name.strip() != "-1"]
    return [str(number) for number in range(len(gpu_names()))]


def _in_hostfile(path: Path) -> int:
    try:
        gpus, problems = gpus_in_hostfile(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}.") from error
    if problems:
        raise RunError(problem_words(str(path), problems))
    return gpus


def _elsewhere(flags: Flags) -> list[Problem]:
    """Flags that contradict one another, about where it runs."""
    found: list[Problem] = []
    if flags.get("hostfile") and (flags.get("gpus") or flags.get("ray_address")):
        found.append(Problem("--hostfile", "says itself which GPUs; leave --gpus and --ray-address out"))
    if flags.get("master_addr") and not flags.get("hostfile"):
        found.append(Problem("--master-addr", "needs --hostfile"))
    is_elsewhere = flags.get("hostfile") or flags.get("ray_address")
    if flags.get("wandb_project_name") and is_elsewhere:
        message = (
            "would need its key on another computer, and a key never goes into a command; log in there"
        )
        found.append(Problem("--wandb-project-name", message))
    return found


def _named(launch: Launch, training_id: str) -> Launch:
    if not launch.ray_address:
        return launch
    return Launch(launch.programs, launch.gpus, ray_address=launch.ray_address, job=training_id)


def _wandb(flags: Flags, name: str, kind: Kind) -> Wandb | None:
    project = flags.get("wandb_project_name")
    return Wandb(project, flags.get("wandb_name") or f"{name}-{kind}") if project else None


def _id(
    kind: Kind,
    name: str,
    student: str,
    base: Base,
    recipe: Recipe,
    gpus: int,
    source: Path,
    validation: Path | None,
) -> str:
    held_out = file_sha256(validation) if validation else None
    content: Sequence[Any] = [base.model, base.below, recipe.as_dict(), gpus, file_sha256(source), held_out]
    start = safe_slug(f"{name[:40]}-{kind}-{student[:40]}-openrlhf")
    return f"{start}-{content_hash(list(content))[:8]}"


def visible_gpus() -> list[str]:
    """The GPUs of this computer that may be used, as CUDA would count them."""
    return _shown(os.environ)
