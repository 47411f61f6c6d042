"""The conversation with both sides: asked once, answered twice, going on in both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import streamlit as st

from app import state
from app.answer_columns import HEIGHT, MOST_MARKED, Column, differing, draw_columns
from app.reads import settings
from app.side_by_side import Make
from app.state import play
from app.switchboard_choice import PAGE, Choice, board_of, now, ticks_in
from app.widgets import plain
from core.constitution import Constitution
from core.errors import CoreError
from core.evaluation.results import shown_share
from core.names import parse_model
from core.stages.chat import CHAT, stream_answer
from core.stages.defaults import PROVIDER
from core.stages.switchboard import messages_of
from core.store.switchboard import SIDES, Board, Boards, Side, Turn
from core.switchboard import in_words

LONGEST = 220
BROKEN_OFF = "No answer yet: it was broken off, or another window is asking."


def draw_talk(choice: Choice, kept: Boards, board: Board) -> None:
    """The question box; the newest turn under it, the older ones below."""
    name = choice.constitution.name
    turn_id = play.waiting(PAGE, name)
    draw_box(choice, board, asking=turn_id is not None)
    if not board.turns:
        st.caption(
            "Ask something: both sides answer at once, from the same seed. Then switch a sentence off and "
            "ask again: what changes is what the sentence does."
        )
        return
    newest, *older = board.turns[::-1]
    draw_turn(choice, kept, board, newest, asking=newest.id == turn_id, is_newest=True)
    for turn in older:
        draw_turn(choice, kept, board, turn, asking=False, is_newest=False)
    if newest.id == turn_id:
        play.wait_for(PAGE, name, None)
        st.rerun()


def draw_box(choice: Choice, board: Board, *, asking: bool) -> None:
    """The question, the button that stops it, and the one that begins anew."""
    name = choice.constitution.name
    field = f"switchboard:question:{name}"
    with (
        st.form(f"switchboard:{name}", border=False, enter_to_submit=True),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        label = "Go on talking" if board.turns else "Your question"
        st.text_input(label, key=field, placeholder="Ask anything", icon=":material/chat:")
        st.form_submit_button(
            "Ask both", type="primary", icon=":material/send:", on_click=ask, args=(choice, field)
        )
    with st.container(horizontal=True, gap="small"):
        last = board.turns[-1] if board.turns else None
        st.button("Stop", icon=":material/stop_circle:", disabled=not asking, on_click=stop, args=(name,))
        st.button(
            "Ask the last one again",
            icon=":material/replay:",
            type="tertiary",
            disabled=last is None,
            help="The same question with what is ticked now, from the same seed, as a new conversation.",
            on_click=ask_again,
            args=(choice, last),
        )
        st.button(
            "New conversation",
            icon=":material/restart_alt:",
            type="tertiary",
            disabled=last is None,
            on_click=begin_anew,
            args=(name,),
        )


def draw_turn(
    choice: Choice, kept: Boards, board: Board, turn: Turn, *, asking: bool, is_newest: bool
) -> None:
    """One question with both answers, which are asked for now where they are not there."""
    st.markdown(f":material/person: {plain(turn.text)}")
    columns = [column_of(choice, board, turn, side, asking=asking) for side in SIDES]
    draw_columns(
        columns,
        lambda side, text, broken: kept.answer(turn.id, side, text, broken),  # type: ignore[arg-type]
        height=HEIGHT if is_newest else "content",
        marks=turn.is_complete and not asking,
    )
    if turn.is_complete and not asking:
        share = differing(columns)
        told = ", too many to mark" if share > MOST_MARKED else ", marked above"
        st.caption(plain(f"{shown_share(share)} of words differ{told if share else ''}."))
    if is_newest and not asking and not turn.is_complete:
        st.button(
            "Answer it now",
            key=f"answer:{turn.id}",
            icon=":material/play_arrow:",
            on_click=play.wait_for,
            args=(PAGE, choice.constitution.name, turn.id),
        )


def column_of(choice: Choice, board: Board, turn: Turn, side: Side, *, asking: bool) -> Column:
    """One side of a turn, with what was on when it was asked."""
    character = choice.constitution
    ticks = ticks_in(character, turn.ticks[side])
    about = in_words(character, ticks) if ticks else "another version"
    text, broken = turn.answers.get(side), turn.broken.get(side, "")
    make = maker(character, board, turn, side) if asking and text is None else None
    return Column(side, side.upper(), about, text, broken if text is not None or make else BROKEN_OFF, make)


def maker(character: Constitution, board: Board, turn: Turn, side: Side) -> Make:
    """How one side's answer is asked for; everything is read now, nothing of the page in the thread."""
    found, said = settings(), board.said(side, turn.id)

    def make() -> Iterator[str]:
        model = parse_model(turn.model, default=PROVIDER)
        ticks = ticks_in(character, turn.ticks[side])
        assert ticks is not None
        sampling = replace(CHAT, seed=turn.seed, max_tokens=LONGEST)
        return stream_answer(
            found, model, messages_of(character, ticks, said, model, LONGEST), sampling=sampling
        )

    return make


# ---- callbacks


def ask(choice: Choice, field: str) -> None:
    """Ask what stands in the box."""
    typed = (state.widget(field) or "").strip()
    if typed:
        failing_aloud(lambda: send(choice, typed))
        if not state.complaint(PAGE):
            state.clear(field)


def send(drawn: Choice, text: str, seed: int | None = None) -> None:
    """Keep the question with what is chosen at this moment, and let this tab ask it."""
    choice = now(drawn)
    kept, board = board_of(choice.constitution.name)
    number = seed if seed is not None else len(board.turns) + 1
    turn = kept.ask(text, number, choice.model, choice.text("a"), choice.text("b"))
    play.wait_for(PAGE, choice.constitution.name, turn)


def ask_again(choice: Choice, last: Turn) -> None:
    """The last question with what is ticked now, alone: what was said before had other sentences."""

    def anew() -> None:
        board_of(choice.constitution.name)[0].begin_anew()
        send(choice, last.text, last.seed)

    failing_aloud(anew)


def begin_anew(name: str) -> None:
    """The next question begins a conversation."""
    play.wait_for(PAGE, name, None)
    failing_aloud(lambda: board_of(name)[0].begin_anew())


def stop(name: str) -> None:
    """Stop both answers; what has come is kept."""
    play.wait_for(PAGE, name, None)


def failing_aloud(do: Callable[[], None]) -> None:
    """Do something on disk; what goes wrong stays on the page."""
    state.complain(PAGE, None)
    try:
        do()
    except CoreError as error:
        state.complain(PAGE, str(error))
