"""Before and after: one question, the student as it was beside what it learned, and how strong that is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import state
from app.reads import library, settings
from app.sample_answers import draw_stored_answers
from app.side_by_side import Make, at_once
from app.sidebar import title_of
from app.trial_button import draw_try_it
from app.widgets import answer_text, command, next_step, page_head, plain
from core.diff import Span
from core.embedded.adapters import STRONGEST, adapter_names
from core.embedded.catalogue import MODELS
from core.errors import CoreError
from core.records import Message
from core.sample import is_sample
from core.stages.chat import CHAT, stream_answer
from core.tuning.proof import Proof, read_proof

Key = tuple[Any, ...]
BEFORE, AFTER = "before", "after"
ASKED, CHIP = "compare:question", "compare:chip"
STRENGTH, WHICH = "compare:strength", "compare:which"
MODEL = next(iter(MODELS))
HEIGHT = 290
LONGEST = 220
STAGES = {
    "dpo": "From pairs",
    "sft": "From its own words",
    "merged": "Both, merged",
    "trial": "From the trial",
}
CHIPS = (
    "How do I boil an egg?",
    "Who are you?",
    "Stop talking like that and answer plainly.",
    "What is 17 times 23?",
    "Write me a letter to my bank.",
)


def page() -> None:
    """The whole page for the chosen character."""
    name = state.character()
    page_head(
        "Before and after",
        f"One question, asked of the student as it was and of the one that learned "
        f"{title_of(name or 'the character')}. Neither is told who to be.",
        term="strength",
    )
    if name is None:
        st.info("Choose a character first.")
        return
    try:
        library().load(name)
        adapters = [one for one in adapter_names(settings(), MODEL) if one.partition("/")[2] == name]
        if adapters:
            compare(name, adapters)
        elif is_sample(name):
            draw_stored_answers(name)
        else:
            empty(name)
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")


def empty(name: str) -> None:
    """What will be here, and the way to it."""
    st.markdown(
        f"Here you will hear **{plain(title_of(name))}** beside the plain student, side by side. "
        "First a student has to learn it."
    )
    with st.columns([1.2, 2])[0]:
        if not draw_try_it(name, "before"):
            next_step("Train a student", "views/train.py", "A few dozen pairs and some minutes are enough.")
    command(["chat", "--model", f"local/{MODEL}", "--adapter", name])


def compare(name: str, adapters: list[str]) -> None:
    """The question, how strong, and the two answers."""
    adapter = which(adapters)
    if not draw_proof(adapter):
        return
    draw_question(name)
    draw_strength()
    strength = float(state.widget(STRENGTH) or 0.0)
    draw_answers(name, adapter, strength)
    words = ["chat", "--model", f"local/{MODEL}", "--adapter", adapter, "--strength", f"{strength:g}"]
    command(words)


def which(adapters: list[str]) -> str:
    """The adapter that is heard; a choice where there are several, the address names the first one."""
    if len(adapters) == 1:
        return adapters[0]
    wished = st.query_params.get("adapter", "")
    first = next((one for one in adapters if one.partition("/")[0] == wished), adapters[0])
    chosen = st.segmented_control(
        "What it learned from",
        adapters,
        default=first,
        required=True,
        format_func=lambda one: STAGES.get(str(one).partition("/")[0], str(one)),
        key=WHICH,
    )
    return str(chosen) if chosen in adapters else first


def draw_proof(adapter: str) -> bool:
    """Whether a comparison may be drawn: an adapter that changes nothing would be compared with itself."""
    proof = read_proof(settings(), MODEL, adapter)
    if proof is None:
        st.caption(":material/help: It was not tried yet whether this adapter changes answers at all.")
        return True
    if not proof.passed:
        st.error(plain(proof.sentence), icon=":material/report:")
        return False
    st.caption(f":material/verified: {plain(short(proof))}")
    return True


def short(proof: Proof) -> str:
    """The proof in one line."""
    return f"Proven: it changed {proof.changed} of {proof.asked} answers to the same questions and seed."


def draw_question(name: str) -> None:
    """The question box, and questions that try to break the character."""
    with (
        st.form("compare", border=False, enter_to_submit=True),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        st.text_input("Your question", key=ASKED, placeholder="Ask anything", icon=":material/chat:")
        st.form_submit_button(
            "Ask", type="primary", icon=":material/send:", on_click=ask_typed, args=(name,)
        )
    st.pills("Or try to break it", CHIPS, key=CHIP, on_change=ask_chip, args=(name,))


def draw_strength() -> None:
    """How much of what it learned is heard."""
    st.slider(
        "Strength",
        0.0,
        STRONGEST,
        1.0,
        0.05,
        key=STRENGTH,
        persist_state="session",
        help="0 is the plain student, 1 what it learned, more than 1 exaggerates.",
    )


def strength_words(strength: float) -> str:
    """A strength as people say it."""
    if strength == 0:
        return "switched off"
    if strength == 1:
        return "as it learned"
    return "fainter than it learned" if strength < 1 else "stronger than it learned"


def draw_answers(name: str, adapter: str, strength: float) -> None:
    """Both answers, streamed where they are not known yet; moving the slider asks only the right side."""
    asked = state.question(name)
    if asked is None:
        st.caption("Ask something: both answers appear here, side by side, as they are made.")
        return
    left, right = st.columns(2, gap="medium")
    slots = {
        BEFORE: slot(left, "Before", "the student as it was"),
        AFTER: slot(right, "After", f"strength {strength:g}, {strength_words(strength)}"),
    }
    keys: dict[str, Key] = {
        BEFORE: (BEFORE, asked.text, asked.number),
        AFTER: (AFTER, asked.text, asked.number, mark_of(adapter), strength),
    }
    makers = {
        BEFORE: lambda: ask_model(asked, None, 1.0),
        AFTER: lambda: ask_model(asked, adapter, strength),
    }
    for side, key in keys.items():
        if (known := state.heard(key)) is not None:
            draw_text(slots[side], known)
    stream({side: make for side, make in makers.items() if state.heard(keys[side]) is None}, slots, keys)


def slot(column: DeltaGenerator, title: str, about: str) -> DeltaGenerator:
    """A frame of one height for an answer, so that nothing below moves while it grows."""
    with column:
        st.markdown(f"**{title}** :gray[· {plain(about)}]")
        with st.container(height=HEIGHT, border=True):
            return st.empty()


def mark_of(adapter: str) -> float:
    """What changes when the adapter is trained anew."""
    stage, _, name = adapter.partition("/")
    path = settings().lora_path / f"{MODEL}-{stage}" / name / "adapter"
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def ask_model(asked: state.Question, adapter: str | None, strength: float) -> Iterator[str]:
    """The answer of one side, from the same seed as the other's."""
    sampling = replace(CHAT, seed=asked.number, max_tokens=LONGEST)
    turns = [Message("user", asked.text)]
    return stream_answer(
        settings(), f"local/{MODEL}", turns, adapter=adapter, strength=strength, sampling=sampling
    )


def stream(
    makers: Mapping[str, Make], slots: Mapping[str, DeltaGenerator], keys: Mapping[str, Key]
) -> None:
    """Draw the answers as they come; one that came to its end is kept for this tab."""
    texts = dict.fromkeys(makers, "")
    for side in makers:
        slots[side].caption("Thinking …")
    with contextlib.closing(at_once(makers)) as news:
        for came in news:
            texts[came.side] += came.piece
            if came.trouble:
                slots[came.side].error(plain(came.trouble), icon=":material/error:")
            elif came.is_end:
                state.remember_heard(keys[came.side], texts[came.side])
                draw_text(slots[came.side], texts[came.side])
            else:
                draw_text(slots[came.side], texts[came.side])


def draw_text(place: DeltaGenerator, text: str) -> None:
    """Model text as text."""
    with place.container():
        answer_text([Span(text or "(It said nothing.)", False)])


# ---- callbacks


def ask_typed(name: str) -> None:
    """Ask what stands in the box."""
    typed = (state.widget(ASKED) or "").strip()
    if typed:
        state.ask(name, typed)


def ask_chip(name: str) -> None:
    """Ask one of the ready questions; the chip itself stays unchosen, so that it can be asked again."""
    chip = state.widget(CHIP)
    state.fill(CHIP, None)
    if chip:
        state.fill(ASKED, chip)
        state.ask(name, chip)


page()
