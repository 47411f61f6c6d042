"""`character models list·pull·stop`: the embedded model."""

from __future__ import annotations

from pathlib import Path

import click

from core.cli.options import data_option, json_option
from core.cli.output import Result, finish, say, whisper
from core.embedded.catalogue import MODELS
from core.embedded.fetch import pull
from core.embedded.server import find_server, stop_server
from core.errors import ModelError
from core.jobs import ProgressReporter
from core.settings import load_settings

DEFAULT = "smollm2-135m"


@click.group("models")
def models() -> None:
    """The models that run on this computer."""


@models.command("list")
@data_option
def list_models(data: Path | None) -> None:
    """Embedded models, and whether they are here and served."""
    settings = load_settings(data=data)
    for model in MODELS.values():
        here = any((settings.model_path / model.name).glob("*.gguf"))
        server = find_server(settings, model.name)
        state = f"served at {server.base_url}" if server else "ready" if here else "not fetched"
        say(f"local/{model.name}  {model.label}  {state}")


@models.command("pull")
@click.argument("name", default=DEFAULT)
@click.option("--verify", is_flag=True, help="Hash the whole file again.")
@data_option
@json_option
def pull_model(name: str, verify: bool, data: Path | None, as_json: bool) -> None:
    """Fetch an embedded model, check it, and prepare it once."""
    require_known(name)
    reporter = ProgressReporter.from_environment()

    def report(note: str) -> None:
        whisper(note)
        reporter.update(stage="Fetching the model", note=note)

    path = pull(load_settings(data=data), name, report=report, verify=verify)
    reporter.flush()
    say(f"local/{name} is ready: {path}")
    finish(Result("models pull", planned=1, done=1, files=[str(path)]), as_json=as_json)


@models.command("stop")
@click.argument("name", default=DEFAULT)
@data_option
def stop(name: str, data: Path | None) -> None:
    """Stop an embedded model's server; it starts again when needed."""
    require_known(name)
    stopped = stop_server(load_settings(data=data), name)
    say(f"local/{name} " + ("stopped." if stopped else "was not running."))


def require_known(name: str) -> None:
    """Return for the name of an embedded model. Raises ModelError."""
    if name not in MODELS:
        raise ModelError(f"There is no embedded model {name!r}; there is {', '.join(MODELS)}.")


COMMANDS = (models,)
