"""Suggestions for an open trait: another wording as a difference, or five everyday questions.

The Traits page draws `draw_suggestions(opened, trait_id)` inside an open trait.
"""

from __future__ import annotations

import streamlit as st

from app import state
from app.commands import verb_words
from app.editor import Open
from app.launch import active_job, launch
from app.proposal_card import draw_proposal, draw_put_aside, draw_waiting, waiting
from app.reads import settings
from app.sidebar import title_of
from app.state.person import person
from app.widgets import command, plain, standing_complaint
from app.writer import Writer, choose_writer
from core.constitution import Constitution
from core.errors import CoreError
from core.stages.drafting import DraftJob
from core.stages.drafting_changes import library_questions, rewrite_calls
from core.store.suggestions import Suggestion, Suggestions
from core.store.typed import Typed

PAGE = "suggestions"
NOTHING_CAME = "No suggestion came; the job's log on the Jobs page says why."
TEACH = "Say what should change, or leave it empty. What comes back is shown as a difference; you decide."


def draw_suggestions(opened: Open, trait_id: str) -> None:
    """What can be suggested for an open trait, what was, and what it would cost."""
    character = opened.ready
    if character is None or not any(trait.id == trait_id for trait in character.traits):
        st.caption("A rewrite can be suggested once the trait is written and the character complete.")
        return
    try:
        kept = Suggestions(settings(), opened.name)
        found = [one for one in kept.all() if one.proposal.trait_id == trait_id]
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    standing_complaint(PAGE)
    for one in waiting(opened, found):
        draw_proposal(opened, one, "trait")
    running = _draw_job(opened.name, trait_id)
    if not running:
        _draw_asking(character, trait_id, kept, found)
    draw_put_aside(opened, found, f"trait-{trait_id}")


def subject(name: str, trait_id: str) -> str:
    """What a trait's suggestion jobs are about."""
    return f"suggest:{name}:{trait_id}"


def _draw_job(name: str, trait_id: str) -> bool:
    running = active_job(subject(name, trait_id)) is not None
    live = st.fragment(draw_waiting, run_every=1.0 if running else None)
    live(subject(name, trait_id), running, PAGE, NOTHING_CAME)
    return running


def _draw_asking(
    character: Constitution, trait_id: str, kept: Suggestions, found: list[Suggestion]
) -> None:
    name = character.name
    key = state.seeded(f"wish:{name}:{trait_id}", Typed(settings()).text(_wish_key(name, trait_id)))
    st.text_input(
        "What should change?",
        key=key,
        placeholder="shorter · less sweet · more about the sea",
        help=TEACH,
        on_change=keep_wish,
        args=(name, trait_id, key),
    )
    chosen = choose_writer(f"trait-{trait_id}")
    wish = str(state.widget(key) or "")
    with st.container(horizontal=True):
        _draw_rewrite_button(character, trait_id, chosen, found)
        st.button(
            "Suggest questions",
            key=f"suggest-questions:{trait_id}",
            icon=":material/quiz:",
            type="tertiary",
            help="Five everyday questions that let the trait show; from a list, without a model, free.",
            on_click=suggest_questions,
            args=(character, trait_id, sum(one.proposal.kind == "questions" for one in found)),
        )
    job = DraftJob(chosen.model, seed=_round(found)) if chosen.model else None
    if job and not chosen.trouble:
        calls = rewrite_calls(character, character.trait_by_id(trait_id), wish, job)
        st.caption(plain(chosen.price(calls, kept.replies)))
    _draw_unusable(kept, found)
    command(suggest_words(name, trait_id, wish, chosen.typed, 0))


def _draw_rewrite_button(
    character: Constitution, trait_id: str, chosen: Writer, found: list[Suggestion]
) -> None:
    token = state.click_token(f"suggest:{trait_id}")
    st.button(
        "Suggest a rewrite",
        key=f"suggest:{trait_id}",
        icon=":material/stylus:",
        disabled=bool(chosen.trouble),
        on_click=suggest,
        args=(
            character.name,
            trait_id,
            chosen.typed,
            _round(found),
            token,
        ),
    )


def _round(found: list[Suggestion]) -> int:
    """How many rewrites were suggested already: another number brings another wording."""
    return sum(one.proposal.kind == "change" for one in found)


def _draw_unusable(kept: Suggestions, found: list[Suggestion]) -> None:
    """What a model wrote last and could not be used, with the reason."""
    since = max((one.at for one in found if one.proposal.kind == "change"), default=0.0)
    for text, reason in kept.unusable(since)[-3:]:
        st.caption(f"Not used, it {plain(reason)}: {plain(' '.join(text.split())[:200])}")


def suggest_words(name: str, trait_id: str, wish: str, model: str, round: int) -> list[str]:
    """The command that asks for a rewrite."""
    flags = {"trait": trait_id, "wish": wish.strip() or None, "model": model, "seed": round or None}
    return verb_words("constitution suggest", name, flags)


def _wish_key(name: str, trait_id: str) -> str:
    return f"wish:{person()}:{name}:{trait_id}"


# ---- callbacks


def keep_wish(name: str, trait_id: str, key: str) -> None:
    """Keep a wish as it is typed."""
    try:
        Typed(settings()).keep(_wish_key(name, trait_id), str(state.widget(key) or ""))
    except CoreError as error:
        state.fail(name, key, f"Not saved: {error}")


def suggest(name: str, trait_id: str, model: str, round: int, token: str) -> None:
    """Start the job that asks for another wording."""
    words = suggest_words(name, trait_id, str(state.widget(f"wish:{name}:{trait_id}") or ""), model, round)
    title = f"A rewrite for {title_of(name)}"
    launch(words, title=title, subject=subject(name, trait_id), token=token, page=PAGE)
    state.spend_token(f"suggest:{trait_id}")


def suggest_questions(character: Constitution, trait_id: str, number: int) -> None:
    """Suggest five everyday questions from the list, at once."""
    trait = character.trait_by_id(trait_id)
    try:
        Suggestions(settings(), character.name).add([library_questions(character, trait, number)])
    except CoreError as error:
        state.fail(character.name, f"questions:{trait_id}", str(error))
