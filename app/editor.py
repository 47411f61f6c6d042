"""Editing a character from a page: every change is saved at once, can be undone, and never overwrites
what another tab saved in between.

The page draws `open_character`; a callback calls `change`. A state that is not ready yet (an empty
new trait) is kept as a draft beside the file until it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from app import state
from app.reads import library
from core.constitution import Constitution, advice, parse
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
    advice: tuple[Problem, ...]
    saved_at: float | None
    origin: str


def open_character(name: str) -> Open:
    """The character's draft when there is one, else its saved form. Raises ConstitutionError."""
    shelf = library()
    draft = shelf.load_draft(name)
    if draft is not None:
        ready, problems = _try(draft.value, name)
        return Open(name, draft.value, draft.revision, ready, problems, (), draft.saved_at, "draft")
    loaded = shelf.load(name)
    saved_at = loaded.path.stat().st_mtime if loaded.origin != "shipped" else None
    return Open(
        name,
        loaded.constitution.as_dict(),
        loaded.revision,
        loaded.constitution,
        (),
        tuple(advice(loaded.constitution)),
        saved_at,
        loaded.origin,
    )


def _try(value: Value, name: str) -> tuple[Constitution | None, tuple[Problem, ...]]:
    try:
        return parse(value, source=name), ()
    except ConstitutionError as error:
        return None, error.problems


def change(name: str, revision: str, label: str, edit: Callable[[Value], Value]) -> None:
    """Apply an edit to the character as drawn and save it; for callbacks.

    Saved against `revision`, the one that the page had drawn. When another tab was quicker, nothing
    is overwritten: the change waits as a conflict for the person's choice.
    """
    opened = open_character(name)
    fresh = edit(opened.value)
    if fresh == opened.value:
        return
    if opened.revision != revision:
        state.set_conflict(name, {"value": fresh, "label": label, "at": time.time()})
        return
    _save(name, fresh, revision, label, before=opened.value)


def _save(name: str, fresh: Value, revision: str, label: str, *, before: Value) -> None:
    state.complain("editor", None)
    try:
        store(name, fresh, revision)
    except ConflictError:
        state.set_conflict(name, {"value": fresh, "label": label, "at": time.time()})
    except CoreError as error:
        state.complain("editor", f"Not saved: {error} Your text is still on this page.")
    else:
        state.remember_for_undo(name, before, label)


def store(name: str, value: Value, revision: str) -> None:
    """Save a value: as the character when it is ready, as a draft otherwise. Raises CoreError."""
    shelf = library()
    ready, _ = _try(value, name)
    if ready is None:
        shelf.save_draft(name, value, base_revision=revision)
        return
    draft = shelf.load_draft(name)
    before = shelf.load(name).constitution
    shelf.save(ready, base_revision=draft.based_on if draft else revision)
    if draft:
        shelf.clear_draft(name)
    keep_prompts(before, ready)


def keep_prompts(before: Constitution, after: Constitution) -> None:
    """Let the prompts of a reworded trait stay with it: few-shot files know traits by their sentence."""
    shelf = library()
    lost = set(shelf.additional(after.name).unmatched)
    old = {trait.id: trait.trait for trait in before.traits}
    for trait in after.traits:
        sentence = old.get(trait.id)
        if sentence in lost and sentence != trait.trait:
            shelf.adopt_additional(after, sentence, trait.id)


def undo(name: str, revision: str) -> None:
    """Bring back the value from before the last change; for callbacks."""
    before = state.pop_undo(name)
    if before is None:
        return
    try:
        store(name, before[0], revision)
        state.say_once(f"Undone: {before[1]}", ":material/undo:")
    except CoreError as error:
        state.complain("editor", str(error))


def settle_conflict(name: str, *, mine: bool) -> None:
    """End a conflict with the waiting change saved on top, or given up; for callbacks."""
    pending = state.conflict(name)
    state.set_conflict(name, None)
    if mine and pending:
        opened = open_character(name)
        _save(name, pending["value"], opened.revision, pending["label"], before=opened.value)
