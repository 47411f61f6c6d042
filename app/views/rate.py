"""Rate blind: two answers, nobody says whose, one key for the better one; then what the judge is worth."""

from __future__ import annotations

import streamlit as st

from app import state
from app.launch import active_job
from app.rate_card import Sitting, draw_card, draw_done
from app.rate_empty import SUBJECT, draw_empty
from app.rate_results import draw_results
from app.reads import library, run_of_character, settings
from app.sidebar import title_of
from app.state.address import in_address
from app.state.person import person
from app.widgets import command, job_progress, page_head, plain, standing_complaint
from core.errors import CoreError
from core.evaluation.ratings import QUESTIONS, deck, standing, waiting
from core.stages.evals.gate import votes_of
from core.stages.evals.ratings import Material, material_of
from core.store.runs import Run

PAGE = "rate"
# The name of a rater who gave none.
NOBODY = "me"
SHORT = {"character": "In character", "answer": "Better answer"}


def page() -> None:
    """The whole page for the chosen character."""
    name = state.character()
    page_head(
        "Rate blind",
        f"Two answers to the same question, one of them by {title_of(name or 'the character')} after "
        "training. Nobody says which. Read both, press a key.",
        term="verdict judge",
    )
    if name is None:
        st.info("Choose a character first.")
        return
    standing_complaint(PAGE)
    try:
        draw(name)
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")


def draw(name: str) -> None:
    """The next pair, or what is missing before there can be one."""
    run = run_of_character(library().load(name).constitution.run_id)
    material = material_of(run) if run else Material([])
    if run is None or not material.duels:
        job = active_job(SUBJECT.format(name=name))
        if job is not None:
            st.fragment(live, run_every=1.0)(name)
        else:
            draw_empty(name)
        command(["rate", "--constitution", name])
        return
    rater, question = who_and_what()
    sitting(run, material, rater, question)
    words = ["rate", "--constitution", name, "--question", question]
    command([words, [*words, "--json"], [*words, "--export", f"{name}-votes.csv"]])


def live(name: str) -> None:
    """The job that makes answers; when it ends the whole page is drawn once more."""
    job = active_job(SUBJECT.format(name=name))
    if job is None:
        st.rerun()
    st.markdown("The answers are being made. You can rate them as soon as they are there.")
    job_progress(job, PAGE)


def who_and_what() -> tuple[str, str]:
    """The rater's name and the question, in the address; where people sign in, the name is theirs."""
    left, right = st.columns([1, 2.6], vertical_alignment="bottom")
    with left:
        rater = person() or typed_name()
        if settings().sharing is not None:
            st.caption(plain(f"You rate as {rater}"))
    first = next(iter(QUESTIONS))
    question = right.segmented_control(
        "Question",
        list(QUESTIONS),
        key=in_address("rate-question", first, options=QUESTIONS, name="question"),
        required=True,
        format_func=lambda one: SHORT[one],
        label_visibility="collapsed",
    )
    return rater, question if question in QUESTIONS else first


def typed_name() -> str:
    """The name that a rater gives, in a studio that asks nobody who they are."""
    if settings().sharing is not None:
        return NOBODY
    typed = st.text_input(
        "Your name",
        key="rater",
        bind="query-params",
        placeholder=NOBODY,
        max_chars=40,
        help="Each rater has votes of their own. Two raters show how far people agree.",
    )
    return (typed or "").strip() or NOBODY


def sitting(run: Run, material: Material, rater: str, question: str) -> None:
    """Where the rater is in the deck; results only when they are asked for, or at the end."""
    cards = deck(material.duels, rater)
    votes = votes_of(run)
    mine = [vote for vote in standing(votes) if (vote.rater, vote.question) == (rater, question)]
    left = waiting(cards, mine, rater, question)
    done = len(cards) - len(left)
    st.progress(done / max(1, len(cards)), text=f"{done} of {len(cards)}")
    at = Sitting.of(run, rater, question, votes)
    if left:
        draw_card(at, left[0], mine)
    else:
        draw_done(at, mine)
    shown = f"rate-shown:{run.id}:{rater}:{question}"
    if left and not state.flag(shown):
        draw_reveal(shown, len(mine))
        return
    if left:
        st.button(
            "Hide this, and go on blind",
            icon=":material/visibility_off:",
            type="tertiary",
            on_click=state.set_flag,
            args=(shown, False),
        )
    draw_results(run, material, rater, question)


def draw_reveal(flag: str, votes: int) -> None:
    """The button that ends the blindness."""
    if not votes:
        return
    st.button(
        "Show what I voted for",
        icon=":material/visibility:",
        type="tertiary",
        on_click=state.set_flag,
        args=(flag, True),
        help="Who is who, and what the votes say so far. Better at the end: it may sway you.",
    )


page()
