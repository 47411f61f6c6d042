"""What pages read. Everything comes from disk; caches are keyed by what the files look like."""

from __future__ import annotations

from core.settings import Settings, load_settings
from core.store.library import Library
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
