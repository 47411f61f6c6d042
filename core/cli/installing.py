"""How an environment of its own is made in a shell: progress meanwhile, its size when it is there."""

from __future__ import annotations

import time

from core.cli.output import Result, finish, say, whisper
from core.environments import Recipe, make_environment
from core.jobs import ProgressReporter
from core.settings import Settings


def install(
    name: str,
    packages: tuple[str, ...],
    recipe: Recipe,
    settings: Settings,
    *,
    again: bool,
    then: str,
    as_json: bool,
) -> None:
    """Make the environment of `character setup NAME`, say what to do `then`, and end the verb.

    `packages` are the names under which its version may be known. Raises as `make_environment` does.
    """
    started, reporter = time.monotonic(), ProgressReporter.from_environment()

    def report(note: str) -> None:
        whisper(note)
        reporter.update(stage=f"Installing {name}", note=note)

    made = make_environment(settings, recipe, report, again=again)
    reporter.flush()
    version = next((made.versions[one] for one in packages if one in made.versions), "")
    say(
        f"{name} {version} is ready: {made.folder} ({made.size / 1e9:.1f} GB, made in {made.seconds:.0f} s)"
    )
    say(then)
    seconds = time.monotonic() - started
    verb = f"setup {name.lower()}"
    finish(Result(verb, planned=1, done=1, files=[str(made.folder)], seconds=seconds), as_json=as_json)
