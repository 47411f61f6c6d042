"""Editing a character from a page: every change is saved at once, can be undone, and never overwrites
what another tab saved in between.

The page draws `open_character`; a callback calls `change`. A state that is not ready yet (an empty
new trait) is kept as a draft beside the file until it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from app import state
from app.reads import library
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
        ready, problems = _try(draft.value, name)
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


def _try(value: Value, name: str) -> tuple[Constitution | None, tuple[Problem, ...]]:
    try:
        return parse(value, source=name), ()
    except ConstitutionError as error:
        return None, error.problems


Standing = tuple[str | None, str | None]
"""What is on disk for a name: the revisions of the character and of its draft."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A change that waits for a choice, since somebody saved in between.

    `drawn` is the revision it was made on; `base` is what was on disk when the person was asked.
    """

    value: Value
    label: str
    field: str
    drawn: str
    base: Standing
    at: float
    undoes: bool = False
    asked_again: bool = False


def change(opened: Open, label: str, edit: Callable[[Value], Value], field: str = "") -> bool:
    """Apply an edit to the character as drawn and save it; for callbacks. Whether it is on disk now.

    `field` is the widget's key. When another tab was quicker, nothing is overwritten: the change
    waits for the person's choice, made on what was drawn. This tab's own saves are no conflict.
    """
    name, field = opened.name, field or label
    try:
        now = open_character(name)
        if not state.descends(name, opened.revision, now.revision):
            return _wait_as_drawn(opened, edit, label, field)
        fresh = edit(now.value)
    except CoreError as error:
        _wait_as_drawn(opened, edit, label, field)
        state.fail(name, field, _not_saved(error))
        return False
    except (KeyError, IndexError):  # what it belongs to was removed by this tab a moment ago
        return _wait_as_drawn(opened, edit, label, field)
    if fresh == now.value:
        state.mend(name, field)
        return True
    return _save(now, fresh, label, field)


def _wait_as_drawn(opened: Open, edit: Callable[[Value], Value], label: str, field: str) -> bool:
    """Keep an edit of what was drawn for the person's choice; two edits of one drawing become one."""
    waiting: list[Pending] = state.conflicts(opened.name)
    last = waiting[-1] if waiting else None
    if last is None or last.undoes or last.drawn != opened.revision:
        fresh = edit(opened.value)
        return fresh == opened.value or _wait(opened, fresh, label, field)
    try:
        fresh = edit(last.value)
    except (KeyError, IndexError):  # the first edit removed what the second one is about
        return _wait(opened, edit(opened.value), label, field)
    state.set_conflicts(opened.name, waiting[:-1])
    return _wait(opened, fresh, label, field)


def _save(now: Open, fresh: Value, label: str, field: str) -> bool:
    try:
        revision = store(now.name, fresh, now.revision)
    except ConflictError:
        return _wait(now, fresh, label, field)
    except CoreError as error:
        state.fail(now.name, field, _not_saved(error))
        return False
    _saved(now, revision, label, field)
    return True


def _saved(before: Open, revision: str, label: str, field: str) -> None:
    """Remember a save of this tab, so that it can be undone."""
    name, base = before.name, before.revision
    state.mend(name, field)
    state.remember_own_save(name, base, revision)
    state.remember_for_undo(name, before.value, label, base=base, revision=revision, field=field)


def _not_saved(error: CoreError) -> str:
    return f"Not saved: {error} Your text is still on this page."


def _wait(drawn: Open, value: Value, label: str, field: str, *, at: str = "", undoes: bool = False) -> bool:
    """Keep a change until the person chooses; always False."""
    waiting = state.conflicts(drawn.name)
    base = _standing_or_nothing(drawn.name)
    fresh = Pending(value, label, field, at or drawn.revision, base, time.time(), undoes)
    if fresh.value not in [pending.value for pending in waiting]:
        state.set_conflicts(drawn.name, [*waiting, fresh])
    state.show_saved(field)
    return False


def _standing(name: str) -> Standing:
    return library().revision(name), library().draft_revision(name)


def _standing_or_nothing(name: str) -> Standing:
    try:
        return _standing(name)
    except CoreError:
        return None, None


def store(name: str, value: Value, revision: str) -> str:
    """Save a value: as the character when it is ready, as a draft otherwise. Raises CoreError.

    `revision` is what the edit began from; returns the revision that is shown from now on.
    """
    draft = library().load_draft(name)
    if draft is None:
        return _write(name, value, file=revision, draft=None)
    if draft.revision != revision:
        raise ConflictError(f"{name!r} was edited in another window. Nothing was overwritten.")
    return _write(name, value, file=draft.based_on, draft=revision)


def _write(name: str, value: Value, *, file: str | None, draft: str | None, rebase: bool = False) -> str:
    """Write over exactly this file and this draft. Raises CoreError, ConflictError if they moved on."""
    shelf = library()
    ready, _ = _try(value, name)
    if ready is None:
        return shelf.save_draft(name, value, base_revision=draft or file, rebase=rebase)
    before = _constitution(name)
    revision = shelf.save(ready, base_revision=file).revision
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


def undo(name: str) -> None:
    """Bring back the value from before this tab's last change; for callbacks.

    Only from the state which that change led to: what another tab saved since is never taken back.
    """
    last = state.last_undo(name)
    if last is None:
        return
    try:
        now = open_character(name)
        if now.revision != last.revision:
            raise ConflictError(name)
        revision = store(name, last.value, now.revision)
    except ConflictError:
        _wait(now, last.value, f"undo: {last.label}", last.field, at=last.revision, undoes=True)
    except CoreError as error:
        state.fail(name, "undo", f"Not undone: {error}")
    else:
        _undone(last, now, revision)


def _undone(last: state.Undo, now: Open, revision: str) -> None:
    state.pop_undo(now.name, now=revision)
    state.remember_own_save(now.name, now.revision, revision)
    for field in (last.field, "undo"):
        state.mend(now.name, field)
    state.show_saved(last.field)
    state.say_once(f"Undone: {last.label}", ":material/undo:")


def settle_conflict(name: str, *, mine: bool) -> None:
    """End a conflict with the waiting changes saved on top, or given up; for callbacks."""
    waiting: list[Pending] = state.conflicts(name)
    if not waiting:
        return
    try:
        if mine:
            _save_on_top(name, waiting)
        else:
            _give_up(name, waiting)
        state.mend(name, "conflict")
    except ConflictError:
        _ask_again(name, state.conflicts(name))
    except CoreError as error:
        state.fail(name, "conflict", f"Not saved: {error} Your version is kept below.")


def _save_on_top(name: str, waiting: list[Pending]) -> None:
    """Save the waiting changes over what the person was asked about, the newest last."""
    standing = _standing(name)
    if standing != waiting[-1].base:
        raise ConflictError(name)
    for count, pending in enumerate(waiting, 1):
        _overwrite(name, pending, standing)
        standing = _standing_or_nothing(name)
        state.set_conflicts(name, [replace(later, base=standing) for later in waiting[count:]])


def _overwrite(name: str, pending: Pending, standing: Standing) -> None:
    """Save one waiting change over what is on disk, which stays in the history and in undo."""
    before = _open_or_none(name)
    revision = _write(name, pending.value, file=standing[0], draft=standing[1], rebase=True)
    last = state.last_undo(name)
    if pending.undoes and last and last.revision == pending.drawn:
        state.pop_undo(name)
    if before:
        _saved(before, revision, pending.label, pending.field)
    _forget(name, pending)


def _open_or_none(name: str) -> Open | None:
    try:
        return open_character(name)
    except CoreError:
        return None


def _ask_again(name: str, waiting: list[Pending]) -> None:
    base = _standing_or_nothing(name)
    state.set_conflicts(name, [replace(pending, base=base, asked_again=True) for pending in waiting])


def _give_up(name: str, waiting: list[Pending]) -> None:
    """Let the newer state stand. A draft which it left behind goes, and undo brings that back."""
    opened = _open_or_none(name)
    behind = opened and opened.origin == "draft" and opened.based_on != library().revision(name)
    if opened and behind and opened.revision in [pending.drawn for pending in waiting]:
        _drop_draft(name, opened.revision)
    last = state.last_undo(name)
    if last and last.revision in [pending.drawn for pending in waiting if pending.undoes]:
        state.pop_undo(name)
    for pending in waiting:
        _forget(name, pending)
    state.set_conflicts(name, [])


def _forget(name: str, pending: Pending) -> None:
    state.mend(name, pending.field)
    state.show_saved(pending.field)


def discard_draft(name: str, revision: str) -> None:
    """Go back to the last complete version; for callbacks. Undo brings a readable draft back."""
    try:
        _drop_draft(name, revision)
        state.mend(name, "draft")
        state.say_once("Draft discarded.", ":material/delete:")
    except CoreError as error:
        state.fail(name, "draft", f"Not discarded: {error}")


def _drop_draft(name: str, revision: str) -> None:
    before = _open_or_none(name)
    library().clear_draft(name, base_revision=revision)
    after = library().revision(name)
    if before and after:
        _saved(before, after, "discarded the draft", "draft")
