"""What pages read. Everything comes from disk; caches are keyed by what the files look like."""

from __future__ import annotations

from core.settings import Settings, load_settings
from core.store.added_prompts import added_prompts
from core.store.few_shot import ACCEPTED
from core.store.library import Library
from core.store.looks import Look, look
from core.store.runs import Run, run_folder


def settings() -> Settings:
    """The settings as they are now; cheap, so that a changed key counts at once."""
    return load_settings()


def library() -> Library:
    """The characters on disk."""
    return Library(settings())


def run_of_character(run_id: str) -> Run | None:
    """The run of a character's present version, or None before its first answer."""
    run = Run(run_folder(settings(), run_id))
    return run if (run.folder / "run.json").exists() else None


def prompt_looks(name: str) -> tuple[Look, ...]:
    """What the files look like that a character's prompts are read from. Raises ConstitutionError."""
    shelf = library().shelf
    files = [shelf.own_path("few-shot", name, ending) for ending in (".jsonl", ACCEPTED)]
    files += [shelf.shipped_path("few-shot", name, ".jsonl"), shelf.shipped / "general-prompts.jsonl"]
    files.append(added_prompts(settings(), name).log.path)
    return tuple(map(look, files))
