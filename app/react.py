"""React to an answer: praise, critique, or rewrite it; a change of the character is proposed.

    draw_react("pirate", run, row)     row: {"id", "text", "chosen", "trait"} as a pair's row has them

What is said is kept in the run's reactions.jsonl. The person's own words become a proposal at once; a
capable model words a second one, as a job. Both are shown as differences and change nothing by themselves.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import state
from app.commands import verb_words
from app.editor import Open, open_character
from app.launch import active_job, launch
from app.proposal_card import draw_proposal, draw_put_aside, draw_waiting, waiting
from app.reads import settings
from app.sidebar import title_of
from app.state.address import in_address
from app.state.person import person
from app.widgets import command, plain, standing_complaint
from app.writer import Writer, choose_writer
from core.constitution import Constitution
from core.drafting.reactions import KINDS, Kind, Reaction, from_words
from core.errors import CoreError
from core.stages.drafting import DraftJob
from core.stages.drafting_changes import from_pair, reaction_calls
from core.store.reactions import Said, react, reactions_to
from core.store.runs import Run
from core.store.suggestions import Suggestion, Suggestions
from core.store.typed import Typed

PAGE = "react"
NOTHING_CAME = "The model's wording did not come; yours is below."
WAYS: dict[Kind, str] = {
    "praise": "I like this because …",
    "critique": "Less of …",
    "rewrite": "It should say …",
}
HINTS: dict[Kind, str] = {
    "praise": "For example: it listens first, and only then makes a joke",
    "critique": "For example: too many exclamation marks",
    "rewrite": "Change the answer until it is right; what you changed tells what rule you had in mind.",
}
ROW = dict[str, Any]


def draw_react(name: str, run: Run, row: ROW) -> None:
    """The three ways to react to a pair's chosen answer, and what they propose."""
    try:
        opened = open_character(name)
        kept = Suggestions(settings(), name)
        found = [one for one in kept.all() if one.proposal.source == f"pair:{row['id']}"]
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if opened.ready is None:
        st.caption("The character is not complete at the moment; mend it on the Traits page, then react.")
        return
    with st.container(key=f"react-{row['id']}"):
        st.markdown("**Teach the character from this answer**")
        standing_complaint(PAGE)
        kind = _draw_way(run, row)
        _draw_words(name, run, row, kind)
        _draw_propose(opened.ready, run, row, kind, kept)
        _draw_proposals(opened, found)
        _draw_said(run, row)


def _draw_way(run: Run, row: ROW) -> Kind:
    key = f"react-way:{run.id}:{row['id']}"
    chosen = st.segmented_control(
        "How you react",
        KINDS,
        key=in_address(key, "critique", options=KINDS, name="react"),
        format_func=lambda kind: WAYS[kind],
        required=True,
        label_visibility="collapsed",
    )
    return KINDS[KINDS.index(chosen)] if chosen in KINDS else "critique"


def _draw_words(name: str, run: Run, row: ROW, kind: Kind) -> None:
    """Room for the words; they are on disk at every commit."""
    start = str(row.get("chosen") or "") if kind == "rewrite" else ""
    key = state.seeded(_field(run, row, kind), Typed(settings()).text(_typed(run, row, kind), start))
    st.text_area(
        WAYS[kind],
        key=key,
        height=160 if kind == "rewrite" else 80,
        placeholder=HINTS[kind],
        label_visibility="collapsed",
        on_change=keep_words,
        args=(name, key, _typed(run, row, kind), start),
    )


def _field(run: Run, row: ROW, kind: Kind) -> str:
    return f"react:{run.id}:{row['id']}:{kind}"


def _typed(run: Run, row: ROW, kind: Kind) -> str:
    return f"react:{person()}:{run.id}:{row['id']}:{kind}"


def _draw_propose(character: Constitution, run: Run, row: ROW, kind: Kind, kept: Suggestions) -> None:
    """The button, who words it, and what that costs; or how far it is."""
    subject = f"react:{character.name}:{row['id']}"
    running = active_job(subject) is not None
    st.fragment(draw_waiting, run_every=1.0 if running else None)(subject, running, PAGE, NOTHING_CAME)
    if running:
        return
    chosen = choose_writer(f"react-{row['id']}")
    token = state.click_token(subject)
    st.button(
        "Propose a change",
        key=f"propose:{run.id}:{row['id']}",
        icon=":material/lightbulb:",
        on_click=propose,
        args=(character, run, row, kind, chosen.typed if chosen.is_capable else "", token),
    )
    st.caption(plain(_price(character, run, row, kind, chosen, kept)))
    command(react_words(character.name, run.id, {"pair": row["id"], kind: "TEXT"}, chosen.typed))


def _price(
    character: Constitution, run: Run, row: ROW, kind: Kind, chosen: Writer, kept: Suggestions
) -> str:
    if not chosen.is_capable or chosen.model is None:
        return "From your own words, at once, free."
    text = str(state.widget(_field(run, row, kind)) or "")
    calls = reaction_calls(character, _reaction(row, kind, text), row["id"], DraftJob(chosen.model))
    return f"From your own words at once; then a wording by a model. {chosen.price(calls, kept.replies)}"


def _draw_proposals(opened: Open, found: list[Suggestion]) -> None:
    for one in waiting(opened, found):
        draw_proposal(opened, one, "pair")
    draw_put_aside(opened, found, "pair")


def _draw_said(run: Run, row: ROW) -> None:
    """What was said about this answer before."""
    try:
        said = reactions_to(run.folder, row["id"])
    except CoreError as error:
        st.caption(plain(str(error)))
        return
    for one in said[:3]:
        who = f" · {one.reviewer}" if one.reviewer else ""
        text = " ".join(one.reaction.text.split())
        st.caption(f"{WAYS[one.reaction.kind].rstrip(' …')}: {plain(text[:160] + who)}")


def _reaction(row: ROW, kind: Kind, text: str) -> Reaction:
    return Reaction(kind, text, str(row["text"]), str(row.get("chosen") or ""), str(row.get("trait") or ""))


def react_words(name: str, run_id: str, flags: dict[str, Any], model: str) -> list[str]:
    """The command that asks which rule a reaction expresses."""
    return verb_words("constitution react", name, {"run": run_id, **flags, "model": model})


# ---- callbacks


def keep_words(name: str, key: str, typed: str, start: str) -> None:
    """Keep what is typed; what stood there from the start is not kept."""
    text = str(state.widget(key) or "")
    try:
        Typed(settings()).keep(typed, "" if text == start else text)
    except CoreError as error:
        state.fail(name, key, f"Not saved: {error}")


def propose(character: Constitution, run: Run, row: ROW, kind: Kind, model: str, token: str) -> None:
    """Keep the reaction, propose what its own words say, and ask the model where there is a capable one."""
    text = str(state.widget(_field(run, row, kind)) or "").strip()
    if not text or (kind == "rewrite" and text == str(row.get("chosen") or "").strip()):
        state.say_once("Write a word or two first.", ":material/edit:")
        return
    said = Said(row["id"], _reaction(row, kind, text), person())
    try:
        react(run.folder, said)
        proposals = [from_pair(one, row["id"]) for one in from_words(character, said.reaction)]
        Suggestions(settings(), character.name).add(proposals)
        Typed(settings()).keep(_typed(run, row, kind), "")
    except CoreError as error:
        state.complain(PAGE, str(error))
        return
    if model:
        words = react_words(character.name, run.id, {"reaction": said.id}, model)
        title, subject = f"A lesson for {title_of(character.name)}", f"react:{character.name}:{row['id']}"
        launch(words, title=title, subject=subject, token=token, page=PAGE)
        state.spend_token(subject)
    elif not proposals:
        state.say_once("Kept. No rule could be read off it; say it in a sentence to propose one.")
