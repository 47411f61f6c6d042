"""What the Traits, Exchanges and Versions pages share: head, conflict, check, next step, command."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import streamlit as st

from app import state
from app.conflicts import Pending, both, settle_conflict, settle_together
from app.editor import Open, change, discard_draft, open_character, redo, undo
from app.lineage_strip import OVERVIEW, lineage
from app.lineage_words import NO_EXCHANGES, ONE_TO_TWO, Step, next_step_of
from app.lint_column import check_lines
from app.reads import library
from app.sidebar import title_of
from app.state.redo import last_redo
from app.widgets import command, next_step, page_head, plain
from core import editing
from core.errors import CoreError

Words = Callable[[str], list[list[str]]]


def character_page(
    caption: str, draw: Callable[[Open], None], words: Words | None = None, *, term: str = ""
) -> None:
    """A page about the chosen character: its name, what is wrong if anything, then `draw`.

    `words` gives the commands that do the same in a shell, `term` what the caption explains on hover.
    """
    name = state.character()
    if name is None:
        st.info("There is no character yet. Make one on the Characters page.")
        return
    try:
        opened = open_character(name)
    except CoreError as error:
        page_head(title_of(name), caption, term=term)
        draw_unreadable(name, error)
        return
    head(opened, caption, term)
    # In a place of their own: what comes and goes above a box must not make the browser draw the box anew,
    # with what is just being typed in it.
    with st.container():
        draw_failures(name)
        draw_conflict(name)
    draw(opened)
    command(words(name) if words else ["constitution", "check", name])


def head(opened: Open, caption: str, term: str = "") -> None:
    """Title, caption, when it was saved, and undo."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="page-top"):
        with st.container():
            page_head(title_of(opened.name), caption, term=term)
        # A row of its own, which a narrow screen moves under the title as a whole.
        with st.container(horizontal=True, vertical_alignment="center", width="content", key="page-undo"):
            st.caption(saved_line(opened), width="content")
            if opened.origin == "draft":
                draw_discard(opened.name, opened.revision)
            draw_undo(opened.name)


def draw_undo(name: str) -> None:
    """Undo and redo. Never greyed out: a button that is hears no key."""
    before, after = state.last_undo(name), last_redo(name)
    st.button(
        "Undo",
        key=f"undo:{name}",
        icon=":material/undo:",
        type="tertiary",
        shortcut="Ctrl+Alt+Z",
        help=f"Take back: {before.label}" if before else "Nothing to undo",
        on_click=undo,
        args=(name,),
    )
    st.button(
        "Redo",
        key=f"redo:{name}",
        icon=":material/redo:",
        type="tertiary",
        shortcut="Ctrl+Alt+Y",
        help=f"Do again: {after.label}" if after else "Nothing to redo",
        on_click=redo,
        args=(name,),
    )


def saved_line(opened: Open) -> str:
    """Whether and when the character was saved, in words."""
    if opened.origin == "shipped":
        return "As shipped. Your changes are kept in a copy of your own."
    at = time.strftime("%H:%M", time.localtime(opened.saved_at))
    if opened.origin == "draft":
        return f"Draft kept {at}. The last complete version stays in use."
    return f"Saved {at}"


def draw_discard(name: str, revision: str) -> None:
    """The way back from a draft to the last complete version, which asks first."""
    with st.popover("Discard the draft", icon=":material/delete:", type="tertiary", width="content"):
        st.write("The last complete version is shown again.")
        st.button("Yes, discard it", on_click=discard_draft, args=(name, revision))


def draw_unreadable(name: str, error: CoreError) -> None:
    """What keeps a character from being shown, what waits for it, and the way out of a damaged draft."""
    st.error(plain(str(error)), icon=":material/error:")
    with suppress(CoreError):
        if draft := library().draft_revision(name):
            draw_discard(name, draft)
    draw_failures(name)
    draw_conflict(name, readable=False)


def draw_failures(name: str) -> None:
    """What could not be saved, each until it is; the words themselves can be copied."""
    for failure in state.failures():
        about = "" if failure.name == name else f"{title_of(failure.name)}: "
        with st.container(horizontal=True, vertical_alignment="center"):
            st.error(plain(about + failure.why), icon=":material/error:")
            st.button(
                "Dismiss",
                key=f"dismiss:{failure.name}:{failure.field}",
                type="tertiary",
                help="Shows what is saved again",
                on_click=put_aside,
                args=(failure,),
            )
        if failure.words:
            with st.expander("What you wrote"):
                st.code(failure.words, language=None, wrap_lines=True)


def put_aside(failure: state.Failure) -> None:
    """Give up a change that could not be saved; for callbacks."""
    state.mend(failure.name, failure.field)
    state.show_saved(failure.field)


NEWER = "Nothing was overwritten: below you see the newer version, and yours is kept until you choose."


def conflict_line(waiting: list[Pending], *, readable: bool) -> str:
    """Why changes wait, in words."""
    if not readable:
        return "Your change is not saved, but kept here until you choose."
    if waiting[-1].asked_again:
        return f"This character was changed in another window once more. {NEWER}"
    return f"This character was changed in another window while you were writing. {NEWER}"


def draw_conflict(name: str, *, readable: bool = True) -> None:
    """The choice between what another tab saved and the changes that wait here."""
    waiting: list[Pending] = state.conflicts(name)
    if not waiting:
        return
    st.warning(conflict_line(waiting, readable=readable), icon=":material/call_split:")
    for pending in waiting:
        at = time.strftime("%H:%M:%S", time.localtime(pending.at))
        with st.expander(f"Your version, as text: {pending.label}, {at}"):
            st.json(pending.value, expanded=1)
    if len(waiting) > 1:
        st.caption("Your versions are saved one after the other; the last one stays, undo brings back.")
    newer = "Keep the newer one" if readable else "Give up my change"
    with st.container(horizontal=True):
        if readable and both(name) is not None:
            st.button(
                "Keep both",
                icon=":material/merge:",
                help="They touch different things: both changes are saved",
                on_click=settle_together,
                args=(name,),
            )
        st.button("Use my version", on_click=settle_conflict, args=(name,), kwargs={"mine": True})
        st.button(newer, on_click=settle_conflict, args=(name,), kwargs={"mine": False})


def check_column(opened: Open, here: str = "traits") -> None:
    """What is good, what to mend, and the next step; `here` is the page that it stands on."""
    st.subheader("Check", anchor=False)
    check_lines(opened, here)
    if opened.ready:
        draw_next(opened, here)


def draw_next(opened: Open, here: str) -> None:
    """The one thing to do next, by what there is of the character; nothing that was done already."""
    found = lineage(opened.name)
    step = next_step_of(found) if found else Step("See it speak", "views/pairs.py", ONE_TO_TWO)
    if here == "exchanges" and step.page == "views/exchanges.py":
        draw_begin(opened)
    else:
        # What one page alone can do, its overview does.
        next_step(step.label, step.page or OVERVIEW, step.caption or "The overview says what, and why.")


def draw_begin(opened: Open) -> None:
    """The way to the first exchanges: two of the character's own questions, to be answered in its voice."""
    st.subheader("Next step", anchor=False)
    st.button(
        "Begin two exchanges",
        key=f"begin-exchanges:{opened.name}",
        type="primary",
        icon=":material/forum:",
        width="stretch",
        on_click=begin_exchanges,
        args=(opened,),
    )
    st.caption(f"{NO_EXCHANGES} Two everyday questions are put here; answer each as it would.")


def begin_exchanges(opened: Open) -> None:
    """Put two questions among the exchanges, to be answered; for callbacks. A second click adds none."""
    change(opened, "began two exchanges", editing.begin_exchanges)
