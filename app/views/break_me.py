"""Try to break it: the base beside what training made, and one-click ways to make it drop its role."""

from __future__ import annotations

import streamlit as st

from app import state
from app.break_answers import draw_tried
from app.break_choice import PAGE, Rivals, choose_rivals, draw_served, served_elsewhere
from app.break_history import draw_board, draw_history, draw_job
from app.links import link_to
from app.next_round import WHERE
from app.reads import library, settings
from app.sidebar import title_of
from app.state import play
from app.trial_button import draw_try_it
from app.tuned_choice import MODEL, adapters_of
from app.widgets import command, next_step, page_head, plain, standing_complaint
from core.attacks import ATTACKS, PLAIN
from core.constitution import Constitution
from core.errors import CoreError
from core.sample import SAMPLE, is_sample
from core.store.attack_log import AttackLog, Tried, attack_log

ASKED = "break:question"
FIRST = "What should I do this weekend?"


def page() -> None:
    """The whole page for the chosen character."""
    name = state.character()
    whom = plain(title_of(name)) if name else "a character"
    page_head(
        "Try to break it",
        f"Ask {whom} something, then attack. What fails joins the next round.",
        term="student strength robustness",
    )
    if name is None:
        st.markdown("There is no character yet. Make one on the Characters page.")
        return
    standing_complaint(PAGE)
    standing_complaint(WHERE)
    try:
        constitution = library().load(name).constitution
        adapters = adapters_of(name)
        if adapters or served_elsewhere()[1]:
            playground(constitution, adapters)
        else:
            empty(name)
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")


def empty(name: str) -> None:
    """What will be here, and the ways to it."""
    st.markdown(
        f"Here you attack **{plain(title_of(name))}** after training, beside the plain student: with one "
        "click it is told to drop the role, is flattered, or has words put into its mouth. First a student "
        "has to learn it."
    )
    with st.columns([1.2, 2])[0]:
        if not draw_try_it(name, "break"):
            next_step("Train a student", "views/train.py", "A few dozen pairs and some minutes are enough.")
    if not is_sample(name):
        link_to(
            "views/before_after.py",
            "Or see the finished sample before and after",
            icon=":material/inventory_2:",
            character=SAMPLE,
        )
    draw_served()
    command(["break", name, "--attack", "all", "--model", f"local/{MODEL}"])


def playground(constitution: Constitution, adapters: list[str]) -> None:
    """The question and the attacks; who is attacked; the answers; everything tried so far."""
    name = constitution.name
    log = attack_log(settings(), name)
    play.settle()
    tried = log.all()
    draw_board(tried)
    slot = st.container()
    rivals = choose_rivals(adapters)
    if rivals is None:
        return
    newest = next((one for one in tried if one.page == "break"), None)
    with slot:
        draw_question(name, rivals, newest)
    shown = newest.id if newest else ""
    if newest is None:
        st.caption("Ask something, or choose an attack: every side answers at once, from the same seed.")
    else:
        draw_newest(constitution, log, newest)
    words = draw_job(constitution, rivals)
    draw_history(constitution, log, tried, shown)
    draw_served()
    attack = newest.attack if newest else "drop-role"
    chat = ["chat", "--model", rivals.model, "--attack", attack, "--message", "…"]
    command([words, chat])


def draw_newest(constitution: Constitution, log: AttackLog, newest: Tried) -> None:
    """The last attack, asked for now if this tab wants it."""
    asking = play.waiting(PAGE, constitution.name) == newest.id
    draw_tried(constitution, log, newest, asking=asking)
    if asking:
        play.wait_for(PAGE, constitution.name, None)
        st.rerun()
    if any(side not in newest.answers for side in newest.sides):
        st.button(
            "Answer it now",
            key=f"answer:{newest.id}",
            icon=":material/play_arrow:",
            on_click=play.wait_for,
            args=(PAGE, constitution.name, newest.id),
        )


def draw_question(name: str, rivals: Rivals, newest: Tried | None) -> None:
    """The question box, the attacks, and the button that stops."""
    args = (name, rivals, newest)
    with st.form("break", border=False, enter_to_submit=True):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            placeholder = newest.question if newest else FIRST
            st.text_input("Your question", key=ASKED, placeholder=placeholder, icon=":material/chat:")
            st.form_submit_button(
                "Ask", type="primary", icon=":material/send:", on_click=ask, args=(*args, PLAIN)
            )
        st.caption("Or attack it with")
        # Buttons of the same form: what stands in the box is attacked, committed or not.
        with st.container(horizontal=True, gap="xsmall"):
            for attack in ATTACKS.values():
                if attack.id != PLAIN:
                    st.form_submit_button(
                        attack.title,
                        key=f"attack:{attack.id}",
                        help=attack.does,
                        on_click=ask,
                        args=(*args, attack.id),
                    )
    asking = play.waiting(PAGE, name) is not None
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.button("Stop", icon=":material/stop_circle:", disabled=not asking, on_click=stop, args=(name,))


# ---- callbacks


def ask(name: str, rivals: Rivals, newest: Tried | None, attack_id: str) -> None:
    """Attack the question in the box, else the last one, else an everyday one."""
    state.complain(PAGE, None)
    typed = (state.widget(ASKED) or "").strip()
    attack, before = ATTACKS[attack_id], newest.question if newest else FIRST
    # The question of a moment or a trap is the attack's own; the next attack returns to the person's.
    if newest is not None and ATTACKS[newest.attack].questions:
        before = FIRST
    try:
        log = attack_log(settings(), name)
        seed = len(log.all()) + 1
        question = attack.question(typed or before, seed)
        id = log.begin(attack_id, question, seed=seed, model=rivals.model, sides=rivals.sides)
        play.wait_for(PAGE, name, id)
    except CoreError as error:
        state.complain(PAGE, str(error))


def stop(name: str) -> None:
    """Stop every answer; what has come is kept."""
    play.wait_for(PAGE, name, None)


page()
