"""`character convert` and `character train`: files for trainers, and training where there is hardware.

Only backends that are built are offered: a backend is an entry in `BACKENDS`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from core.cli.local_training import train_here
from core.cli.openrlhf_training import gpu_options, refuse_gpu_flags, train_with_openrlhf
from core.cli.options import Decorator, budget_option, data_option, dry_run_option, json_option, stacked
from core.cli.output import Result, finish, say, whisper
from core.errors import CoreError, RunError
from core.formats import KINDS, TARGETS, Kind, Target
from core.jobs import ProgressReporter
from core.jobs.progress import VARIABLE
from core.names import safe_slug
from core.settings import Settings, load_settings
from core.store.jsonl import write_json
from core.tuning.convert import Converted, convert_file, inputs_in
from core.tuning.prepare import Asked, Plan, begin, plan_of
from core.tuning.recipe import PRESETS, recipe_of
from core.tuning.state import Tuning, read_tuning, store_of, summary, tunings
from core.tuning.together import cancel, drive, settle
from core.tuning.together.order import setting_words
from core.tuning.together.trainer import Consent, Patience, Trainer
from core.tuning.together_remote import Remote

PathOption = click.Path(path_type=Path)
PRESET_NAMES = ("trial", "quick", "paper")
NO_KEYS_HERE = (
    "A key in a command is seen by everybody on this computer; save it under Engines and keys or in .env."
)


# ---- convert


@click.command("convert")
@click.option("--input", "-i", "source", type=PathOption, help="One file: pairs, or SFT conversations.")
@click.option("--input-dir", "-d", "folder", type=PathOption, help="Every .jsonl file of a folder.")
@click.option("--output", "-o", type=PathOption, help="A file, or a folder with --input-dir [by target].")
@click.option("--format", "-f", "kind", type=click.Choice(KINDS), required=True, help="Pairs or chats.")
@click.option("--to", "target", type=click.Choice(TARGETS), default="together", show_default=True)
@data_option
@json_option
def convert(
    source: Path | None,
    folder: Path | None,
    output: Path | None,
    kind: Kind,
    target: Target,
    data: Path | None,
    as_json: bool,
) -> None:
    """Write rows in a trainer's format; every bad line is named, and nothing is written then."""
    if (source is None) == (folder is None):
        raise click.UsageError("Give one of --input FILE and --input-dir FOLDER.")
    started, settings = time.monotonic(), load_settings(data=data)
    inputs = [source] if source else _inputs(folder or Path())
    result = Result("convert", planned=len(inputs))
    trouble: list[str] = []
    for path in inputs:
        try:
            _add(result, convert_file(path, kind, target, settings, _output(path, folder, output)))
        except RunError as error:
            trouble.append(str(error))
    result.failed, result.seconds = len(trouble), time.monotonic() - started
    _fail_with(trouble, result)
    finish(result, as_json=as_json)


def _inputs(folder: Path) -> list[Path]:
    chosen, passed = inputs_in(folder)
    for path, reason in passed:
        whisper(f"{path.name} {reason}: passed over")
    return chosen


def _output(path: Path, folder: Path | None, output: Path | None) -> Path | None:
    """Where a file goes: with --input-dir, --output is a folder."""
    return output / path.name if folder and output else output


def _add(result: Result, made: Converted) -> None:
    say(f"{made.output}  {made.rows} rows")
    for note in made.notes:
        whisper(note)
    if made.left_out:
        whisper(f"{made.source.name}: columns left out: {', '.join(made.left_out)}")
    result.done += 1
    result.files += [str(path) for path in made.files]
    result.more["rows"] = result.more.get("rows", 0) + made.rows


def _fail_with(trouble: list[str], result: Result) -> None:
    """Show every file's problems; a verb that converted nothing has failed."""
    if not trouble:
        return
    if not result.done:
        raise RunError("\n".join(trouble))
    for text in trouble:
        whisper(f"Error: {text}")
    result.status = "incomplete"


# ---- train


def _refuse_key(context: click.Context, option: click.Parameter, value: str | None) -> None:
    if value is not None:
        raise click.UsageError(NO_KEYS_HERE)


def _batch(context: click.Context, option: click.Parameter, value: str | None) -> int | str | None:
    if value is None or value == "max":
        return value
    if value.isdigit() and int(value) > 0:
        return int(value)
    raise click.BadParameter("a whole number above 0, or max")


def _inputs_word(context: click.Context, option: click.Parameter, value: str | None) -> bool | str | None:
    return {"true": True, "false": False}.get(value or "", value)


data_options = stacked(
    click.option("--constitution", help="The character's name [the file's]."),
    click.option("--student", help="The model to be trained, as llama-3.1-8b-it."),
    click.option("--model", help="The base: a folder, or its name at Together [the student's]."),
    click.option("--training-file", type=PathOption, help="Rows to train on [the student's own]."),
    click.option("--training-file-id", help="Rows that are at Together already."),
    click.option("--validation-file", type=PathOption, help="Rows to measure on."),
    click.option("--validation-file-id", help="Measuring rows that are at Together already."),
    click.option("--purpose", type=click.Choice(["fine-tune"]), default="fine-tune", hidden=True),
    click.option("--file-type", type=click.Choice(["jsonl"]), default="jsonl", hidden=True),
)
number_options = stacked(
    click.option(
        "--preset", type=click.Choice(PRESET_NAMES), help="[paper; trial for the embedded model, here]"
    ),
    click.option("--n-epochs", type=click.IntRange(min=1), help="Passes over the rows [1]."),
    click.option("--n-checkpoints", type=click.IntRange(min=1), help="Checkpoints kept [1]."),
    click.option("--n-evals", type=click.IntRange(min=0), help="Measurements [5 with a validation file]."),
    click.option("--batch-size", callback=_batch, metavar="N|max", help="Rows a step [32]."),
    click.option("--learning-rate", type=float, help="[5e-5]"),
    click.option("--warmup-ratio", type=float, help="[0.1]"),
    click.option("--min-lr-ratio", type=float, help="Where the cosine ends [0.1]."),
    click.option(
        "--max-seq-length", "--max-length", type=click.IntRange(min=1), help="[1024; 3072 for SFT]"
    ),
    click.option("--full", is_flag=True, default=None, help="Train every weight, without LoRA."),
    click.option("--lora-r", type=click.IntRange(min=1), help="[64]"),
    click.option("--lora-alpha", type=click.IntRange(min=1), help="[128]"),
    click.option("--lora-dropout", type=float, help="[0]"),
    click.option("--lora-trainable-modules", help="[all-linear]"),
    click.option("--seed", "random_seed", type=int, help="[the preset's; Together's own there]"),
)
dpo_options = stacked(
    click.option("--dpo-beta", type=click.FloatRange(min=0), help="[0.1]"),
    click.option("--rpo-alpha", type=click.FloatRange(min=0), help="The NLL term on chosen [0.1]."),
    click.option("--simpo-gamma", type=click.FloatRange(min=0), help="SimPO in place of DPO."),
    click.option("--dpo-normalize-logratios-by-length", is_flag=True, default=None),
)
sft_options = stacked(
    click.option(
        "--train-on-inputs",
        type=click.Choice(["auto", "true", "false"]),
        callback=_inputs_word,
        help="Learn the user's turns too [auto: no].",
    ),
    click.option("--from-base", is_flag=True, help="Begin at the base, not at the DPO job."),
)
job_options = stacked(
    click.option("--from-checkpoint", metavar="JOB[:STEP]", help="Go on from a job of Together."),
    click.option("--suffix", help="How the model's name ends; our mark is added."),
    click.option("--wandb-project-name", help="Log to this project (needs WANDB_TOKEN)."),
    click.option("--wandb-name", help="The run's name there."),
    click.option("--yes", is_flag=True, help="Start whatever it costs."),
    click.option("--again", is_flag=True, help="A new job although one like it was made."),
    click.option(
        "--no-proof",
        is_flag=True,
        default=None,
        help="On local: do not ask the trained model whether it changed.",
    ),
    click.option("--poll", type=click.FloatRange(min=0), default=10.0, hidden=True),
    click.option("--output", type=PathOption, help="Also write the outcome as JSON to this file."),
    click.option("--api-key", callback=_refuse_key, expose_value=False, hidden=True),
    click.option("--wandb-api-key", callback=_refuse_key, expose_value=False, hidden=True),
)


@click.group("train")
def train() -> None:
    """Train a student on its pairs, or on what it wrote in character."""


def _verb(kind: Kind, own: Decorator[Any], words: str) -> click.Command:
    """`train dpo` or `train sft`: they differ in a few flags only."""

    @click.option(
        "--backend", type=click.Choice(list(BACKENDS)), required=True, help="Where it is trained."
    )
    @click.option("--method", type=click.Choice([kind]), default=kind, hidden=True)
    @data_options
    @number_options
    @own
    @job_options
    @gpu_options
    @budget_option
    @dry_run_option
    @data_option
    @json_option
    def verb(backend: str, data: Path | None, as_json: bool, **flags: Any) -> None:
        refuse_gpu_flags(backend, flags)
        result = BACKENDS[backend](kind, flags, load_settings(data=data))
        if flags["output"]:
            write_json(flags["output"], result.as_dict())
        finish(result, as_json=as_json)

    verb.__doc__ = words
    return click.command(kind)(verb)


def _train_on_together(kind: Kind, flags: dict[str, Any], settings: Settings) -> Result:
    plan = plan_of(_asked(kind, flags), settings)
    _say_plan(plan.tuning)
    if flags["dry_run"]:
        return _dry(plan)
    remote = Remote(settings)
    tuning, _ = begin(plan, settings)
    if tuning.tag != plan.tuning.tag:
        whisper(f"This training was begun as {tuning.tag} and keeps that name; --again makes a new job.")
    return _drive(tuning, remote, settings, _consent(flags), flags["poll"])


def _asked(kind: Kind, flags: dict[str, Any]) -> Asked:
    names = Asked.__dataclass_fields__
    wishes = dict(flags)
    measured = flags["validation_file"] or flags["validation_file_id"]
    wandb = {
        "project_name": flags["wandb_project_name"],
        "name": flags["wandb_name"],
    }
    preset = flags["preset"] or "paper"
    if preset not in PRESETS:
        raise click.UsageError(
            f"--preset {preset} is for training here; Together has {', '.join(PRESETS)}."
        )
    recipe = recipe_of(kind, preset, wishes)
    if measured and flags["n_evals"] is None:
        recipe = replace(recipe, n_evals=5)
    given = {name: value for name, value in flags.items() if name in names and name != "kind"}
    chosen = {name: value for name, value in wandb.items() if value}
    return Asked(kind, recipe, **given, wandb=chosen)


def _say_plan(tuning: Tuning) -> None:
    rows = f"{tuning.rows} rows of {tuning.training_source}" if tuning.rows else f"file {tuning.file_id}"
    say(f"{tuning.kind.upper()} of {tuning.model} on {rows}")
    say("  " + " ".join(setting_words(tuning)))
    for note in tuning.notes:
        say(f"  {note}")


def _dry(plan: Plan) -> Result:
    """What would be sent; Together names its price only for a file that it has."""
    size = len(plan.training or b"")
    say(f"About {size // 4:,} tokens a pass. Together names the price after the upload; nothing was sent.")
    more = {**summary(plan.tuning), "settings": plan.tuning.recipe, "tokens": size // 4}
    return Result(f"train {plan.tuning.kind}", planned=plan.tuning.rows or 0, more=more)


def _consent(flags: dict[str, Any]) -> Consent:
    def ask(question: str) -> bool:
        return click.confirm(question, default=False, err=True)

    at_a_terminal = sys.stdin is not None and sys.stdin.isatty()
    return Consent(flags["budget"], flags["yes"], ask if at_a_terminal else None)


def _drive(tuning: Tuning, remote: Remote, settings: Settings, consent: Consent, poll_s: float) -> Result:
    """Run a tuning as far as it goes, and say where it stands."""
    started, store = time.monotonic(), store_of(settings, tuning.id)
    reporter = ProgressReporter.from_environment()
    say(f"training {tuning.id}")
    with store.locked():
        # Read under the lock: another process may have driven it meanwhile.
        current = read_tuning(settings, tuning.id)
        if current.state in ("failed", "cancelled"):
            raise RunError(_over(current))
        patience = Patience(poll_s=poll_s)
        trainer = Trainer(current, store, remote, settings, consent, patience, say, reporter)
        try:
            done = drive(trainer)
        except KeyboardInterrupt:
            _interrupted(trainer)
            raise
        finally:
            remote.close()
    return _result(done, time.monotonic() - started)


def _over(tuning: Tuning) -> str:
    how = f": {tuning.error}" if tuning.error else ""
    return f"This training {tuning.state} before{how}. Add --again for a new job, which is paid again."


def _interrupted(trainer: Trainer) -> None:
    """Ctrl-C ends the watching; a cancelled job of the studio ends the job at Together too."""
    progress = os.environ.get(VARIABLE)
    if progress and (Path(progress).parent / "cancel.json").exists():
        trainer.store.wish_cancel()
        settle(trainer)
        return
    if trainer.tuning.job_id:
        whisper(
            f"Job {trainer.tuning.job_id} goes on at Together. The same command follows it again; "
            f"character train cancel {trainer.tuning.id} ends it."
        )


def _result(tuning: Tuning, seconds: float) -> Result:
    status = {"cancelled": "interrupted"}.get(tuning.state, "done" if tuning.ended else "incomplete")
    if tuning.waits_for_yes:
        price = tuning.price_usd
        needed = "--yes" if price is None else f"--budget {price:.2f} or --yes"
        say(f"Nothing is started yet. To start it, run the same command with {needed}.")
    files = [tuning.adapter] if tuning.adapter else []
    for folder in files:
        say(f"adapter {folder}")
    rows = tuning.rows or 0
    return Result(
        f"train {tuning.kind}",
        status=status,
        planned=rows,
        done=rows if tuning.ended and status == "done" else 0,
        files=files,
        cost_usd=tuning.cost_usd or 0.0,
        seconds=seconds,
        more=dict(summary(tuning)),
    )


BACKENDS: dict[str, Callable[[Kind, dict[str, Any], Settings], Result]] = {
    "local": train_here,
    "together": _train_on_together,
    "openrlhf": train_with_openrlhf,
}

train.add_command(_verb("dpo", dpo_options, "Teach a student its pairs: chosen over rejected."))
train.add_command(_verb("sft", sft_options, "Teach a student its own words in character, after DPO."))


@train.command("list")
@data_option
@json_option
def list_trainings(data: Path | None, as_json: bool) -> None:
    """Trainings, newest first."""
    found = tunings(load_settings(data=data))
    if as_json:
        click.echo(
            json.dumps(
                {"verb": "train list", "status": "done", "tunings": [dict(summary(t)) for t in found]}
            )
        )
        return
    if not found:
        say("No trainings yet. Begin one with: character train dpo --backend together --constitution NAME")
    for tuning in found:
        say(
            f"{tuning.id}  {tuning.state:<11}  {tuning.job_id or '-'}  {tuning.error.partition(chr(10))[0]}"
        )


@train.command("show")
@click.argument("tuning_id")
@data_option
@json_option
def show(tuning_id: str, data: Path | None, as_json: bool) -> None:
    """One training: its numbers, its price and what happened."""
    settings = load_settings(data=data)
    tuning, store = read_tuning(settings, tuning_id), store_of(settings, tuning_id)
    if as_json:
        more = {"events": store.events(), "metrics": store.metrics()[-1:]}
        click.echo(json.dumps({"verb": "train show", "status": "done", **summary(tuning), **more}))
        return
    say(f"{tuning.id}  {tuning.state}  {tuning.job_id or 'no job yet'}")
    _say_plan(tuning)
    for event in store.events()[-20:]:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event["at"]))
        say(f"{when}  {event['message']}")


@train.command("resume")
@click.argument("tuning_id")
@budget_option
@click.option("--yes", is_flag=True, help="Start whatever it costs.")
@click.option("--poll", type=click.FloatRange(min=0), default=10.0, hidden=True)
@data_option
@json_option
def resume(tuning_id: str, data: Path | None, as_json: bool, **flags: Any) -> None:
    """Go on with a training where it stopped; nothing is paid twice."""
    settings = load_settings(data=data)
    tuning = read_tuning(settings, tuning_id)
    result = _drive(tuning, Remote(settings), settings, _consent(flags), flags["poll"])
    finish(result, as_json=as_json)


@train.command("cancel")
@click.argument("tuning_id")
@data_option
@json_option
def cancel_training(tuning_id: str, data: Path | None, as_json: bool) -> None:
    """End a training, also at Together; what it cost until then is kept by Together."""
    settings = load_settings(data=data)
    cancel(tuning_id, settings, lambda: Remote(settings))
    tuning = _settled(tuning_id, settings)
    say(
        f"{safe_slug(tuning.id)}: {'cancelled' if tuning.state == 'cancelled' else 'Together is ending it'}"
    )
    finish(Result("train cancel", planned=1, done=1, more=dict(summary(tuning))), as_json=as_json)


def _settled(tuning_id: str, settings: Settings) -> Tuning:
    """The training after the wish: settled here when nobody drives it, else by its driver."""
    store = store_of(settings, tuning_id)
    try:
        with store.locked():
            remote = Remote(settings)
            tuning = settle(Trainer(read_tuning(settings, tuning_id), store, remote, settings))
            remote.close()
            return tuning
    except CoreError:
        return read_tuning(settings, tuning_id)


COMMANDS = (convert, train)
