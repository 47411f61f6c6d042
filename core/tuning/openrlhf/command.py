"""The command that trains with OpenRLHF, from a typed recipe. Pure.

    python bin/deepspeed --include localhost:0,1 --module openrlhf.cli.train_dpo --train.batch_size 32 …
    python bin/deepspeed --hostfile FILE …               several computers, through DeepSpeed's launcher
    python bin/ray job submit … -- python bin/deepspeed …               one computer of a Ray cluster

Ray places the whole command on one of its computers: OpenRLHF's DPO and SFT programs are started by
DeepSpeed, and only its PPO program knows Ray.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from core.errors import Problem
from core.formats import Kind
from core.tuning.openrlhf.recipe import VERSION, Recipe, steps_of

MODULES: dict[Kind, str] = {"dpo": "openrlhf.cli.train_dpo", "sft": "openrlhf.cli.train_sft"}
# OpenRLHF logs to wandb when it is given a key. The real one goes through the environment, where wandb
# looks first; a word of a command is seen by everybody on the computer.
NO_KEY_HERE = "in-the-environment"
EVALUATE_EVERY = 50
HOST = re.compile(r"^(\S+)\s+slots=(\d+)\s*(#.*)?$")


@dataclass(frozen=True, slots=True)
class Places:
    """What is read and written; every path is absolute, because the program runs elsewhere."""

    model: str
    rows: str
    output: str
    checkpoints: str
    validation: str | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """Where the training runs. `programs` is the environment's bin folder.

    `devices` are the numbers of the GPUs to take on this computer, () for those that CUDA shows.
    `job` is the name under which Ray knows it.
    """

    programs: str
    gpus: int
    devices: tuple[str, ...] = ()
    hostfile: str | None = None
    master_addr: str | None = None
    ray_address: str | None = None
    job: str = ""


class Wandb(NamedTuple):
    """Where metrics are logged too."""

    project: str
    name: str


class Part(NamedTuple):
    """The words for one program of a command, whose flags its own parser knows."""

    program: str
    words: tuple[str, ...]


def command(
    kind: Kind, recipe: Recipe, places: Places, launch: Launch, rows: int, wandb: Wandb | None = None
) -> list[str]:
    """The whole command, word by word."""
    parts = parts_of(kind, recipe, places, launch, rows, wandb)
    python = f"{launch.programs}/python"
    words: list[str] = []
    if launch.ray_address:
        words += [python, f"{launch.programs}/ray", "job", "submit", *parts["ray"].words, "--"]
    words += [python, f"{launch.programs}/deepspeed", *parts["deepspeed"].words]
    return [*words, "--module", MODULES[kind], *parts["openrlhf"].words]


def parts_of(
    kind: Kind, recipe: Recipe, places: Places, launch: Launch, rows: int, wandb: Wandb | None = None
) -> dict[str, Part]:
    """The words by the program that reads them: each is checked against that program's parser."""
    trainer = trainer_words(kind, recipe, places, steps_of(kind, recipe, rows, launch.gpus), wandb)
    parts = {
        "openrlhf": Part(MODULES[kind], tuple(trainer)),
        "deepspeed": Part("deepspeed", tuple(_launcher_words(launch))),
    }
    if launch.ray_address:
        parts["ray"] = Part("ray job submit", tuple(_ray_words(launch)))
    return parts


def trainer_words(
    kind: Kind, recipe: Recipe, places: Places, steps: int, wandb: Wandb | None = None
) -> list[str]:
    """The flags of OpenRLHF itself, in its dotted form."""
    return [
        *_data_words(kind, recipe, places, steps),
        *_number_words(recipe),
        *_loss_words(recipe),
        *_lora_words(recipe),
        *_checkpoint_words(recipe, places),
        *_wandb_words(wandb),
    ]


def _data_words(kind: Kind, recipe: Recipe, places: Places, steps: int) -> list[str]:
    words = ["--model.model_name_or_path", places.model, "--data.dataset", places.rows]
    words += ["--data.max_len", str(recipe.max_length), "--data.apply_chat_template"]
    if kind == "dpo":
        words += ["--data.chosen_key", "chosen", "--data.rejected_key", "rejected"]
    else:
        words += ["--data.input_key", "messages", "--data.multiturn"]
    if places.validation is None:
        return words
    # A file of rows has one part, which the data library calls "train".
    words += ["--eval.dataset", places.validation, "--eval.split", "train"]
    return [*words, "--eval.steps", str(_evaluate_every(recipe, steps))]


def _evaluate_every(recipe: Recipe, steps: int) -> int:
    every = max(1, steps // recipe.evaluations) if recipe.evaluations else EVALUATE_EVERY
    return min(every, max(1, steps))


def _number_words(recipe: Recipe) -> list[str]:
    low, high = recipe.adam_betas
    return [
        *("--train.max_epochs", str(recipe.epochs)),
        *("--train.batch_size", str(recipe.batch)),
        *("--train.micro_batch_size", str(recipe.micro_batch)),
        *("--train.seed", str(recipe.seed)),
        *("--adam.lr", f"{recipe.learning_rate:g}", "--adam.betas", f"{low:g}", f"{high:g}"),
        *("--adam.weight_decay", f"{recipe.weight_decay:g}"),
        *("--lr_scheduler", "cosine_with_min_lr"),
        *("--lr_warmup_ratio", f"{recipe.warmup:g}"),
        *("--min_lr_ratio", f"{recipe.final_rate:g}"),
        *("--max_norm", f"{recipe.max_norm:g}"),
        *("--ds.zero_stage", str(recipe.zero_stage), "--ds.param_dtype", "bf16"),
        *("--ds.attn_implementation", "flash_attention_2"),
        "--model.gradient_checkpointing_enable",
    ]


def _loss_words(recipe: Recipe) -> list[str]:
    beta = [] if recipe.beta is None else ["--model.beta", f"{recipe.beta:g}"]
    return beta + ([] if recipe.nll_weight is None else ["--model.nll_loss_coef", f"{recipe.nll_weight:g}"])


def _lora_words(recipe: Recipe) -> list[str]:
    words = ["--ds.lora.rank", str(recipe.rank), "--ds.lora.alpha", str(recipe.alpha)]
    words += ["--ds.lora.dropout", f"{recipe.dropout:g}"]
    # "all-linear" only means every linear layer while the flag is left out: written out it arrives as a
    # list, and PEFT looks for a layer of that name.
    return words + (["--ds.lora.target_modules", *recipe.modules] if recipe.modules else [])


def _checkpoint_words(recipe: Recipe, places: Places) -> list[str]:
    return [
        *("--ckpt.output_dir", places.output, "--ckpt.path", places.checkpoints),
        *("--ckpt.save_steps", str(recipe.save_every), "--ckpt.max_num", str(recipe.checkpoints)),
        # Without a checkpoint it begins at the start: the same command trains and resumes.
        "--ckpt.load_enable",
    ]


def _wandb_words(wandb: Wandb | None) -> list[str]:
    if wandb is None:
        return []
    words = ["--logger.wandb.key", NO_KEY_HERE, "--logger.wandb.project", wandb.project]
    return [*words, "--logger.wandb.run_name", wandb.name]


def _launcher_words(launch: Launch) -> list[str]:
    if launch.hostfile:
        address = ["--master_addr", launch.master_addr] if launch.master_addr else []
        return ["--hostfile", launch.hostfile, *address]
    # Ray shows its program the GPUs that it may have, and DeepSpeed takes what is shown.
    devices = [] if launch.ray_address else list(launch.devices)
    return ["--include", f"localhost:{','.join(devices)}"] if devices else []


def _ray_words(launch: Launch) -> list[str]:
    words = ["--address", str(launch.ray_address), "--submission-id", launch.job]
    return [*words, "--entrypoint-num-gpus", str(launch.gpus)]


def gpus_in_hostfile(text: str) -> tuple[int, list[Problem]]:
    """How many GPUs a hostfile lists ("worker-1 slots=8", a computer a line), and its bad lines."""
    total, problems, hosts = 0, list[Problem](), set[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.strip().startswith("#"):
            continue
        match = HOST.match(line.strip())
        if match is None or not int(match[2]) or match[1] in hosts:
            why = 'is no new computer; write "NAME slots=GPUS", each name once'
            problems.append(Problem(f"line {number}", why))
            continue
        hosts.add(match[1])
        total += int(match[2])
    if not total and not problems:
        problems.append(Problem("", 'lists no computer; write "NAME slots=GPUS" lines'))
    return total, problems


def cannot(kind: Kind, student: str, recipe: Recipe, launch: Launch, rows: int) -> list[str]:
    """What OpenRLHF does not do, or does otherwise than the paper's scripts, said before the launch."""
    return [
        *_about_the_loss(kind, recipe),
        *_about_the_rows(kind, recipe, rows),
        *_about_the_student(student, recipe),
        f"A checkpoint every {recipe.save_every} steps holds the whole model: keep room for "
        f"{recipe.checkpoints + 1} of them. They are removed at the end.",
        *_about_the_launch(launch),
    ]


def _about_the_loss(kind: Kind, recipe: Recipe) -> list[str]:
    if kind == "sft":
        return [
            "Every turn of the assistant is learned (--data.multiturn), as by the other backends; "
            "OpenCharacterTraining's scripts learned only the last of a conversation."
        ]
    return [
        f"OpenRLHF {VERSION} has no squared log-ratio (KL) term: the paper's 0.001 is left out (its "
        f"authors used a fork). beta {recipe.beta:g} and the NLL term {recipe.nll_weight:g} are there."
    ]


def _about_the_rows(kind: Kind, recipe: Recipe, rows: int) -> list[str]:
    what = "prompt fills" if kind == "dpo" else "turns before the last answer fill"
    notes = [f"OpenRLHF leaves out rows whose {what} {recipe.max_length} tokens, and cuts longer answers."]
    over = rows % recipe.batch
    if over:
        notes.append(
            f"{over} of {rows} rows fill no batch of {recipe.batch}: each pass leaves that many out."
        )
    return notes


def _about_the_student(student: str, recipe: Recipe) -> list[str]:
    if student == "gemma-3-4b-it":
        return [
            "Gemma 3 is loaded with its image part. What is put on that learns nothing from text, and is "
            "taken out of the finished adapter."
        ]
    if student in ("llama-3.1-8b-it", "qwen-2.5-7b-it"):
        return []
    return [
        f"There is no recipe of the paper for {student}: its numbers for Llama are used, with "
        f"{recipe.micro_batch} row(s) a GPU at once."
    ]


def _about_the_launch(launch: Launch) -> list[str]:
    if launch.hostfile:
        return [
            "Every computer of the hostfile needs this environment, the model and the data at the same "
            "path, and ssh without a password; pdsh starts the workers there. If this computer dies, end "
            "what goes on there yourself."
        ]
    if launch.ray_address:
        return [
            "Ray runs it on one of its computers, which needs this environment, the model and the data at "
            "the same path. Several computers: --hostfile. If this computer dies, the job goes on at Ray."
        ]
    return []
