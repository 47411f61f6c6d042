"""Changes that wait for a person's choice, because somebody else saved first.

Nothing is ever overwritten silently: the newer state stays on disk, the change is kept here, and the
page offers to keep both where they touch different things, the newer one, or one's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from app import state
from app.opened import Open, Standing, open_or_none, standing, standing_or_nothing, write
from app.reads import library
from app.state.redo import forget_redo
from core.editing import Value
from core.errors import ConflictError, CoreError
from core.merging import merged


@dataclass(frozen=True, slots=True)
class Pending:
    """A change that waits for a choice, since somebody saved in between.

    `drawn` is the revision it was made on and `under` the value then; `base` is what was on disk when
    the person was asked.
    """

    value: Value
    label: str
    field: str
    drawn: str
    base: Standing
    at: float
    undoes: bool = False
    asked_again: bool = False
    under: Value | None = None


def wait_as_drawn(opened: Open, edit: Callable[[Value], Value], label: str, field: str) -> bool:
    """Keep an edit of what was drawn for the person's choice; two edits of one drawing become one."""
    waiting: list[Pending] = state.conflicts(opened.name)
    last = waiting[-1] if waiting else None
    if last is None or last.undoes or last.drawn != opened.revision:
        fresh = edit(opened.value)
        return fresh == opened.value or wait(opened, fresh, label, field)
    try:
        fresh = edit(last.value)
    except (KeyError, IndexError):  # the first edit removed what the second one is about
        return wait(opened, edit(opened.value), label, field)
    state.set_conflicts(opened.name, waiting[:-1])
    return wait(opened, fresh, label, field)


def wait(
    drawn: Open,
    value: Value,
    label: str,
    field: str,
    *,
    at: str = "",
    undoes: bool = False,
    under: Value | None = None,
) -> bool:
    """Keep a change until the person chooses; always False. `under` is the value that it was made on."""
    waiting = state.conflicts(drawn.name)
    base = standing_or_nothing(drawn.name)
    under = None if undoes else under or drawn.value
    fresh = Pending(value, label, field, at or drawn.revision, base, time.time(), undoes, under=under)
    if fresh.value not in [pending.value for pending in waiting]:
        state.set_conflicts(drawn.name, [*waiting, fresh])
    state.show_saved(field)
    return False


def saved(before: Open, revision: str, label: str, field: str) -> None:
    """Remember a save of this tab, so that it can be undone."""
    name, base = before.name, before.revision
    state.mend(name, field)
    state.remember_own_save(name, base, revision)
    state.remember_for_undo(name, before.value, label, base=base, revision=revision, field=field)
    forget_redo(name)


def both(name: str) -> Value | None:
    """What waits here and the newer state in one, where they touch different things; else None."""
    now, waiting = open_or_none(name), state.conflicts(name)
    if now is None or not waiting:
        return None
    value = now.value
    for pending in waiting:
        together = merged(pending.under, pending.value, value) if pending.under is not None else None
        if together is None:
            return None
        value = together
    return value


def settle_together(name: str) -> None:
    """End a conflict with both changes saved; for callbacks."""
    waiting: list[Pending] = state.conflicts(name)
    value = both(name)
    if not waiting or value is None:
        return
    together = replace(waiting[-1], value=value, label=f"{waiting[-1].label}, beside another window")
    try:
        for pending in waiting[:-1]:
            _forget(name, pending)
        state.set_conflicts(name, [together])
        _save_on_top(name, [together])
        state.mend(name, "conflict")
    except ConflictError:
        state.set_conflicts(name, waiting)
        _ask_again(name, waiting)
    except CoreError as error:
        state.set_conflicts(name, waiting)
        state.fail(name, "conflict", f"Not saved: {error} Your version is kept below.")


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
    now = standing(name)
    if now != waiting[-1].base:
        raise ConflictError(name)
    for count, pending in enumerate(waiting, 1):
        _overwrite(name, pending, now)
        now = standing_or_nothing(name)
        state.set_conflicts(name, [replace(later, base=now) for later in waiting[count:]])


def _overwrite(name: str, pending: Pending, on_disk: Standing) -> None:
    """Save one waiting change over what is on disk, which stays in the history and in undo."""
    before = open_or_none(name)
    revision = write(name, pending.value, file=on_disk[0], draft=on_disk[1], rebase=True)
    last = state.last_undo(name)
    if pending.undoes and last and last.revision == pending.drawn:
        state.pop_undo(name)
    if before:
        saved(before, revision, pending.label, pending.field)
    _forget(name, pending)


def _ask_again(name: str, waiting: list[Pending]) -> None:
    base = standing_or_nothing(name)
    state.set_conflicts(name, [replace(pending, base=base, asked_again=True) for pending in waiting])


def _give_up(name: str, waiting: list[Pending]) -> None:
    """Let the newer state stand. A draft which it left behind goes, and undo brings that back."""
    opened = open_or_none(name)
    behind = opened and opened.origin == "draft" and opened.based_on != library().revision(name)
    if opened and behind and opened.revision in [pending.drawn for pending in waiting]:
        drop_draft(name, opened.revision)
    last = state.last_undo(name)
    if last and last.revision in [pending.drawn for pending in waiting if pending.undoes]:
        state.pop_undo(name)
    for pending in waiting:
        _forget(name, pending)
    state.set_conflicts(name, [])


def _forget(name: str, pending: Pending) -> None:
    state.mend(name, pending.field)
    state.show_saved(pending.field)


def drop_draft(name: str, revision: str) -> None:
    """Remove exactly this draft; undo brings a readable one back. Raises CoreError."""
    before = open_or_none(name)
    library().clear_draft(name, base_revision=revision)
    after = library().revision(name)
    if before and after:
        saved(before, after, "discarded the draft", "draft")
