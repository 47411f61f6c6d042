"""A character as the editor shows it, and how a value of it gets onto the disk.

What is complete is saved as the character, what is not is kept as a draft beside it. Whoever writes
says which revision the writing began from; when somebody else saved in between, nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass

from app import state
from app.reads import library
from app.state.person import person
from core.constitution import Constitution, parse
from core.editing import Value
from core.errors import ConflictError, ConstitutionError, CoreError, Problem


@dataclass(frozen=True, slots=True)
class Open:
    """A character as the editor shows it. `ready` is None while problems keep it from being used."""

    name: str
    value: Value
    revision: str
    ready: Constitution | None
    problems: tuple[Problem, ...]
    saved_at: float | None
    origin: str
    based_on: str | None = None


def open_character(name: str) -> Open:
    """The character's draft when there is one, else its saved form. Raises ConstitutionError."""
    shelf = library()
    draft = shelf.load_draft(name)
    if draft is not None:
        ready, problems = read_value(draft.value, name)
        at, base = draft.saved_at, draft.based_on
        return Open(name, draft.value, draft.revision, ready, problems, at, "draft", base)
    loaded = shelf.load(name)
    saved_at = loaded.path.stat().st_mtime if loaded.origin != "shipped" else None
    return Open(
        name,
        loaded.constitution.as_dict(),
        loaded.revision,
        loaded.constitution,
        (),
        saved_at,
        loaded.origin,
    )


def open_or_none(name: str) -> Open | None:
    """The character as the editor shows it, None where it cannot be read."""
    try:
        return open_character(name)
    except CoreError:
        return None


def read_value(value: Value, name: str) -> tuple[Constitution | None, tuple[Problem, ...]]:
    """The character in a value, or None and what keeps it from being one."""
    try:
        return parse(value, source=name), ()
    except ConstitutionError as error:
        return None, error.problems


Standing = tuple[str | None, str | None]
"""What is on disk for a name: the revisions of the character and of its draft."""


def standing(name: str) -> Standing:
    """What is on disk for a name now. Raises CoreError."""
    return library().revision(name), library().draft_revision(name)


def standing_or_nothing(name: str) -> Standing:
    """What is on disk for a name now, nothing where that cannot be asked."""
    try:
        return standing(name)
    except CoreError:
        return None, None


def store(name: str, value: Value, revision: str, note: str = "") -> str:
    """Save a value: as the character when it is ready, as a draft otherwise. Raises CoreError.

    `revision` is what the edit began from; returns the revision that is shown from now on.
    """
    draft = library().load_draft(name)
    if draft is None:
        return write(name, value, file=revision, draft=None, note=note)
    if draft.revision != revision:
        raise ConflictError(f"{name!r} was edited in another window. Nothing was overwritten.")
    return write(name, value, file=draft.based_on, draft=revision, note=note)


def write(
    name: str, value: Value, *, file: str | None, draft: str | None, rebase: bool = False, note: str = ""
) -> str:
    """Write over exactly this file and this draft. Raises CoreError, ConflictError if they moved on."""
    shelf = library()
    ready, _ = read_value(value, name)
    if ready is None:
        return shelf.save_draft(name, value, base_revision=draft or file, rebase=rebase)
    before = _constitution(name)
    revision = shelf.save(ready, base_revision=file, note=note, who=person()).revision
    if draft:
        shelf.clear_draft(name, base_revision=draft)
    if before:
        _keep_prompts_or_say(before, ready)
    return revision


def _constitution(name: str) -> Constitution | None:
    try:
        return library().load(name).constitution
    except CoreError:
        return None


def _keep_prompts_or_say(before: Constitution, after: Constitution) -> None:
    """The character is saved by now, so a failure here is no reason to call it unsaved."""
    try:
        keep_prompts(before, after)
        state.mend(after.name, "prompts")
    except CoreError as error:
        state.fail(after.name, "prompts", f"Saved, but the prompts of a reworded trait stayed: {error}")


def keep_prompts(before: Constitution, after: Constitution) -> None:
    """Let the prompts of a reworded trait stay with it: few-shot files know traits by their sentence."""
    shelf = library()
    lost = set(shelf.additional(after.name).unmatched)
    old = {trait.id: trait.trait for trait in before.traits}
    for trait in after.traits:
        sentence = old.get(trait.id)
        if sentence in lost and sentence != trait.trait:
            shelf.adopt_additional(after, sentence, trait.id)
