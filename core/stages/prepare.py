"""What every generating verb needs first: the character, its prompts, its run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.constitution import Constitution
from core.errors import RunError
from core.prompts import Prompt, prompt_set, prompts_from_file
from core.settings import Settings
from core.store.added_prompts import added_prompts
from core.store.library import Library
from core.store.runs import Run, open_run, run_folder


@dataclass(frozen=True, slots=True)
class Scope:
    """Which prompts of which character: `limit` counts prompts in fixed order, before K.

    With `traits`, only prompts of the traits of these ids are asked.
    """

    constitution: str
    run: str | None = None
    prompts_file: Path | None = None
    general: bool = True
    limit: int | None = None
    traits: tuple[str, ...] = ()


def load_character(scope: Scope, settings: Settings) -> Constitution:
    """The character of a scope as it stands now. Raises ConstitutionError."""
    return Library(settings).load(scope.constitution).constitution


def choose_prompts(scope: Scope, constitution: Constitution, settings: Settings) -> tuple[Prompt, ...]:
    """The prompts that a scope asks: those of a file, or the character's own and the general pool."""
    if scope.prompts_file is not None:
        found = prompts_from_file(_read(scope.prompts_file), source=str(scope.prompts_file))
    else:
        library = Library(settings)
        general = library.general_prompts("training") if scope.general else ()
        written = library.additional(constitution.name).by_trait
        added = [one.as_prompt() for one in added_prompts(settings, constitution.name).all()]
        found = prompt_set(constitution, written, general, added)
    if scope.traits:
        for id in scope.traits:
            constitution.trait_by_id(id)
        found = tuple(prompt for prompt in found if prompt.trait in scope.traits)
    return found[: scope.limit] if scope.limit is not None else found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RunError(f"Cannot read {path}: {(error.strerror or str(error)).lower()}.") from error


def run_of(scope: Scope, constitution: Constitution, settings: Settings) -> Run:
    """The run of a scope, made when missing."""
    return open_run(settings, constitution, scope.run)


def existing_run(scope: Scope, constitution: Constitution, settings: Settings) -> Run | None:
    """The run of a scope when there is one; writes nothing."""
    run = Run(run_folder(settings, scope.run or constitution.run_id))
    return run if (run.folder / "run.json").exists() else None
