"""The few things a browser tab remembers: which character, what is open, what can be undone.

This package is the only place that touches `st.session_state`. Work itself is never here: it is on disk.
What one page alone remembers has a module of its own beside this one, built on `memory`.
"""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

import streamlit as st

from app.state.address import set_word, word
from app.state.memory import recall, remember

LONGEST_UNDO = 50


def character() -> str | None:
    """The chosen character's name, or None before the first choice."""
    return recall("character")


def choose_character(name: str) -> None:
    """Choose a character; call it from a callback, before the switcher is drawn."""
    remember("character", name)


def opened(what: str) -> str | None:
    """What is open for editing under a heading ("trait", "prompts"), or None; a reload finds it again."""
    return word(f"open-{what}", f"open:{what}:{character()}")


def open_only(what: str, which: str | None) -> None:
    """Open one thing for editing and close the others; None closes all."""
    set_word(f"open-{what}", f"open:{what}:{character()}", which)


class Undo(NamedTuple):
    """A value from before a change; the change led from revision `base` to `revision`."""

    value: dict[str, Any]
    label: str
    base: str = ""
    revision: str = ""
    field: str = ""


def remember_for_undo(
    name: str, value: dict[str, Any], label: str, *, base: str = "", revision: str = "", field: str = ""
) -> None:
    """Keep a character's value from before a change."""
    stack: list[Undo] = recall(f"undo:{name}", [])
    remember(f"undo:{name}", [*stack[-LONGEST_UNDO:], Undo(value, label, base, revision, field)])


def last_undo(name: str) -> Undo | None:
    """The change that undo would take back, or None."""
    stack = recall(f"undo:{name}", [])
    return stack[-1] if stack else None


def pop_undo(name: str, *, now: str = "") -> Undo | None:
    """Take the last change for undo; `now` is the revision that undoing it has led to.

    The change before it may then be undone from there, if nothing came between the two.
    """
    stack = recall(f"undo:{name}", [])
    if not stack:
        return None
    rest, last = list(stack[:-1]), stack[-1]
    if rest and now and rest[-1].revision == last.base:
        rest[-1] = rest[-1]._replace(revision=now)
    remember(f"undo:{name}", rest)
    return last


def remember_own_save(name: str, before: str, after: str) -> None:
    """Keep that this tab itself led a character from one revision to the next."""
    chain: list[str] = recall(f"saves:{name}", [])
    chain = chain if chain and chain[-1] == before else [before]
    remember(f"saves:{name}", [*chain[-LONGEST_UNDO:], after])


def descends(name: str, drawn: str, current: str) -> bool:
    """Whether only this tab's own saves lie between the drawn revision and the current one."""
    chain: list[str] = recall(f"saves:{name}", [])
    return drawn == current or (drawn in chain and chain[-1] == current)


def conflicts(name: str) -> list[Any]:
    """The changes that were not saved because somebody else had saved first, the oldest first."""
    return recall(f"conflicts:{name}", [])


def set_conflicts(name: str, pending: list[Any]) -> None:
    """Keep the changes that wait for the person's choice; none clears them."""
    remember(f"conflicts:{name}", pending)


class Failure(NamedTuple):
    """A change that could not be saved: why, and the words that are only on the page."""

    name: str
    field: str
    why: str
    words: str


def failures() -> list[Failure]:
    """The changes that could not be saved, until they are or are put aside."""
    return list(recall("failures", {}).values())


def fail(name: str, field: str, why: str) -> None:
    """Keep an error until that very field is saved or put aside."""
    words = widget(field)
    kept = Failure(name, field, why, words if isinstance(words, str) else "")
    remember("failures", {**recall("failures", {}), (name, field): kept})


def mend(name: str, field: str) -> None:
    """Forget the error of a field."""
    rest = {key: kept for key, kept in recall("failures", {}).items() if key != (name, field)}
    remember("failures", rest)


def show_saved(key: str) -> None:
    """Let a widget show what is on disk when it is drawn next, not what was typed; for callbacks."""
    st.session_state.pop(f"studio:seed:{key}", None)


def click_token(button: str) -> str:
    """The token of a button as drawn: the same for a double click, new after `spend_token`."""
    if recall(f"token:{button}") is None:
        spend_token(button)
    return recall(f"token:{button}")


def spend_token(button: str) -> None:
    """Give a button a new token, so that its next click counts as a new one."""
    remember(f"token:{button}", uuid.uuid4().hex)


def say_once(text: str, icon: str = ":material/check:") -> None:
    """Show a short confirmation at the end of this run or the start of the next."""
    remember("toasts", [*recall("toasts", []), (text, icon)])


def show_sayings() -> None:
    """Show the confirmations that wait."""
    for text, icon in recall("toasts", []):
        st.toast(text, icon=icon)
    remember("toasts", [])


def complain(where: str, text: str | None) -> None:
    """Keep an error on the page until it is mended; None clears it."""
    remember(f"complaint:{where}", text)


def complaint(where: str) -> str | None:
    """The error that stands on a page."""
    return recall(f"complaint:{where}")


def seeded(key: str, value: Any) -> str:
    """The widget key, with the widget's content set to `value` where that changed behind its back."""
    if key not in st.session_state or recall(f"seed:{key}") != value:
        # Setting a box anew, to the same words too, would take away what a person is just typing in it.
        if key not in st.session_state or st.session_state[key] != value:
            st.session_state[key] = value
        remember(f"seed:{key}", value)
    return key


def widget(key: str) -> Any:
    """What a widget holds now; for callbacks."""
    return st.session_state.get(key)


def place(name: str, default: int = 0) -> int:
    """A remembered position, such as which pair is shown."""
    return recall(f"place:{name}", default)


def go_to(name: str, position: int) -> None:
    """Remember a position."""
    remember(f"place:{name}", position)


def flag(name: str, default: bool = False) -> bool:
    """A remembered yes or no."""
    return recall(f"flag:{name}", default)


def set_flag(name: str, value: bool) -> None:
    """Remember a yes or no."""
    remember(f"flag:{name}", value)


def clear(key: str) -> None:
    """Empty a text widget; for callbacks."""
    st.session_state[key] = ""


def fill(key: str, value: Any) -> None:
    """Put a value into a widget; for callbacks."""
    st.session_state[key] = value


def request_page(path: str) -> None:
    """Go to a page at the start of the next run; for callbacks."""
    remember("page", path)


def requested_page() -> str | None:
    """Take the page that a callback asked for."""
    path = recall("page")
    remember("page", None)
    return path
