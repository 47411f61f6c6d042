"""The one door through which a character is changed from a page: saved at once, undone, done again.

A callback calls `change` with the character as it was drawn and what to do to it. The words never get
lost: when another tab saved in between, the change waits (`app.conflicts`); when the disk is full, it
stays on the page. Traits, exchanges, mends, restored versions and suggestions all come this way.
"""

from __future__ import annotations

from collections.abc import Callable

from app import state
from app.conflicts import drop_draft, saved, wait, wait_as_drawn
from app.opened import Open, open_character, store
from app.reads import library
from app.state.redo import Redo, last_redo, pop_redo, remember_for_redo
from core.editing import Value
from core.errors import ConflictError, CoreError

__all__ = ["Open", "change", "discard_draft", "go_back_to", "open_character", "redo", "undo"]


def change(
    opened: Open, label: str, edit: Callable[[Value], Value], field: str = "", note: str = ""
) -> bool:
    """Apply an edit to the character as drawn and save it; for callbacks. Whether it is on disk now.

    `field` is the widget's key, `note` what the version will say of itself. When another tab was
    quicker, nothing is overwritten: the change waits for the person's choice, made on what was drawn.
    This tab's own saves are no conflict.
    """
    name, field = opened.name, field or label
    try:
        now = open_character(name)
        if not state.descends(name, opened.revision, now.revision):
            return wait_as_drawn(opened, edit, label, field)
        fresh = edit(now.value)
    except CoreError as error:
        wait_as_drawn(opened, edit, label, field)
        state.fail(name, field, _not_saved(error))
        return False
    except (KeyError, IndexError):  # what it belongs to was removed by this tab a moment ago
        return wait_as_drawn(opened, edit, label, field)
    if fresh == now.value:
        state.mend(name, field)
        return True
    return _save(now, fresh, label, field, note)


def _save(now: Open, fresh: Value, label: str, field: str, note: str) -> bool:
    try:
        revision = store(now.name, fresh, now.revision, note)
    except ConflictError:
        return wait(now, fresh, label, field)
    except CoreError as error:
        state.fail(now.name, field, _not_saved(error))
        return False
    saved(now, revision, label, field)
    return True


def _not_saved(error: CoreError) -> str:
    return f"Not saved: {error} Your text is still on this page."


def go_back_to(opened: Open, value: Value, note: str) -> bool:
    """Save an earlier state as the newest one; for callbacks. Whether it is on disk now.

    What is unfinished now is kept among the versions first, so that nothing is lost by going back.
    """
    try:
        if opened.origin == "draft":
            library().keep_draft_in_history(opened.name)
    except CoreError as error:
        state.fail(opened.name, "restore", f"Not restored: {error}")
        return False
    return change(opened, "went back to an earlier version", lambda _: value, "restore", note)


def undo(name: str) -> None:
    """Bring back the value from before this tab's last change; for callbacks.

    Only from the state which that change led to: what another tab saved since is never taken back.
    """
    last = state.last_undo(name)
    if last is None:
        state.say_once("There is nothing to undo.", ":material/undo:")
        return
    try:
        now = open_character(name)
        if now.revision != last.revision:
            raise ConflictError(name)
        revision = store(name, last.value, now.revision)
    except ConflictError:
        wait(now, last.value, f"undo: {last.label}", last.field, at=last.revision, undoes=True)
    except CoreError as error:
        state.fail(name, "undo", f"Not undone: {error}")
    else:
        _undone(last, now, revision)


def _undone(last: state.Undo, now: Open, revision: str) -> None:
    state.pop_undo(now.name, now=revision)
    state.remember_own_save(now.name, now.revision, revision)
    remember_for_redo(now.name, Redo(now.value, last.value, last.label, revision, last.field))
    for field in (last.field, "undo"):
        state.mend(now.name, field)
    state.show_saved(last.field)
    state.say_once(f"Undone: {last.label}", ":material/undo:")


def redo(name: str) -> None:
    """Bring back what undo took away; for callbacks. Only from the state which undoing led to."""
    last = last_redo(name)
    if last is None:
        state.say_once("There is nothing to redo.", ":material/redo:")
        return
    try:
        now = open_character(name)
        if now.revision != last.revision:
            raise ConflictError(name)
        revision = store(name, last.value, now.revision)
    except ConflictError:
        pop_redo(name)
        wait(now, last.value, f"redo: {last.label}", last.field, under=last.under)
    except CoreError as error:
        state.fail(name, "redo", f"Not done again: {error}")
    else:
        _done_again(last, now, revision)


def _done_again(last: Redo, now: Open, revision: str) -> None:
    base = now.revision
    pop_redo(now.name, now=revision)
    state.remember_own_save(now.name, base, revision)
    state.remember_for_undo(now.name, now.value, last.label, base=base, revision=revision, field=last.field)
    for field in (last.field, "redo"):
        state.mend(now.name, field)
    state.show_saved(last.field)
    state.say_once(f"Done again: {last.label}", ":material/redo:")


def discard_draft(name: str, revision: str) -> None:
    """Go back to the last complete version; for callbacks. Undo brings a readable draft back."""
    try:
        drop_draft(name, revision)
        state.mend(name, "draft")
        state.say_once("Draft discarded.", ":material/delete:")
    except CoreError as error:
        state.fail(name, "draft", f"Not discarded: {error}")
