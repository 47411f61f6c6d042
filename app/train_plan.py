"""The plan on the Train page: the recipe in plain words, the checks, what it takes, and the one button."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app import state
from app.glossary import knows, meaning, name, spoken, technical
from app.launch import launch
from app.launch_quote import span
from app.links import link_to
from app.reads import settings
from app.sidebar import title_of
from app.state.address import in_address, number, whole
from app.train_choice import (
    KIND,
    LIMIT,
    PAGE,
    PRESET,
    STUDENT,
    WHERE,
    Choice,
    backends,
    chosen,
    number_key,
    presets,
    student_title,
    students,
)
from app.train_words import (
    KIND_WORDS,
    KINDS,
    PRESET_WORDS,
    PRESETS,
    WHERE_WORDS,
    Field,
    fields_of,
    local_seconds,
    plain_number,
    recipe_words,
)
from app.train_words import WHERE as PLACES
from app.widgets import plain, plain_text
from core.errors import CoreError
from core.names import spelled_for
from core.tuning.openrlhf import command
from core.tuning.openrlhf import recipe as openrlhf
from core.tuning.preflight import Check, Preflight, preflight
from core.tuning.prepare import Asked, plan_of
from core.tuning.recipe import cannot, recipe_of
from core.tuning.state import tunings
from core.tuning.trainings import newest, trainings

START = "train:start"
SHOWN_NOTES = 2
MOST = 2**31
ICONS = {
    "good": ":green[:material/check_circle:]",
    "note": ":orange[:material/info:]",
    "stop": ":red[:material/error:]",
}
PAGES = {
    "pairs": ("views/pairs.py", "Pairs"),
    "settings": ("views/settings.py", "Engines and keys"),
    "traits": ("views/traits.py", "Traits"),
    "exchanges": ("views/exchanges.py", "Exchanges"),
}


def draw_plan(name: str, *, again: bool, quiet: bool, heading: str = "") -> Choice:
    """The plan beside its checks and its button; what is chosen comes back.

    `quiet` where another button is the next step.
    """
    if heading:
        st.subheader(heading, anchor=False)
    left, right = st.columns([1.7, 1], gap="large")
    with left:
        draw_recipe(name)
    choice = chosen(name)
    found = preflight(choice.wish, settings())
    with left:
        draw_sentences(choice, found)
        draw_numbers(choice)
    with right:
        draw_checks(found)
        draw_start(choice, found, again=again, quiet=quiet)
    return choice


# ---- the recipe


def draw_recipe(name: str) -> None:
    """Where, what from, which numbers, whom."""
    with st.container(horizontal=True, gap="medium"):
        _segments("Where it is trained", WHERE, backends(), PLACES)
        _segments("It learns from", KIND, list(KINDS), KINDS)
        backend = chosen(name).backend
        if backend == "local":
            _segments("Recipe", PRESET, list(presets(backend)), PRESETS)
    if backend != "local":
        draw_student(name)


def _segments(label: str, key: str, options: Sequence[str], titles: Mapping[Any, str]) -> None:
    st.segmented_control(
        label,
        options,
        required=True,
        format_func=lambda one: titles[one],
        key=in_address(key, options[0], options=options),
        persist_state="session",
        width="content",
    )


def draw_student(name: str) -> None:
    """Who learns; a name that is not in the list may be typed."""
    choice = chosen(name)
    options = students(name, choice.backend, choice.kind, settings())
    st.selectbox(
        "Student",
        options,
        key=in_address(STUDENT, options[0]),
        format_func=student_title,
        accept_new_options=True,
        persist_state="session",
        width=360,
        help="The model that learns. Its pairs are made on the Pairs page, with it as the student.",
    )


def draw_sentences(choice: Choice, found: Preflight) -> None:
    """The recipe as a person would tell it, and what the place cannot do of it."""
    kind = (
        f"{KIND_WORDS[choice.kind]} That is {name(choice.kind)}."
        if technical()
        else KIND_WORDS[choice.kind]
    )
    lines = [WHERE_WORDS[choice.backend], kind, PRESET_WORDS[choice.preset]]
    st.markdown(f"**{plain(recipe_words(choice.kind, found.rows, choice.numbers))}**")
    st.caption("  \n".join(plain(line) for line in lines))
    notes = limits_of(choice, found.rows)
    if len(notes) <= SHOWN_NOTES:
        for note in notes:
            st.caption(f":material/info: {plain(spoken(note))}")
        return
    with st.expander(f"What {PLACES[choice.backend]} does otherwise", icon=":material/info:"):
        for note in notes:
            st.markdown(plain(note))


def limits_of(choice: Choice, rows: int) -> list[str]:
    """What the place leaves out of the paper's recipe, said before anything is launched."""
    if choice.backend == "together":
        model = spelled_for("together", choice.student)
        return cannot(choice.kind, model, continues=choice.kind == "sft", full=False)
    if choice.backend == "openrlhf":
        recipe = openrlhf.recipe_of(choice.kind, choice.student, choice.own_at_together)
        return command.cannot(choice.kind, choice.student, recipe, command.Launch("", 1), rows)
    return []


def draw_numbers(choice: Choice) -> None:
    """Each number with today's default and why; folded, for those who know."""
    changed = f", {len(choice.own)} changed" if choice.own else ""
    with st.expander(f"The numbers, for experts{changed}", icon=":material/tune:", key="train:numbers"):
        fields = fields_of(choice.kind)
        for start in range(0, len(fields), 3):
            for column, one in zip(st.columns(3), fields[start : start + 3], strict=False):
                with column:
                    _number(choice, one)
        st.button("Back to the defaults", type="tertiary", icon=":material/undo:", on_click=forget)


def _number(choice: Choice, one: Field) -> None:
    default = choice.default(one.flag)
    shown = "chosen by Together" if default is None else plain_number(default)
    st.number_input(
        name(one.flag) if knows(one.flag) else one.label,
        help=meaning(one.flag) if knows(one.flag) else None,
        min_value=int(one.least) if one.whole else one.least,
        value=None,
        step=1 if one.whole else one.step,
        format="%d" if one.whole else "%g",
        key=in_address(
            number_key(one.flag), read=whole(int(one.least), MOST) if one.whole else number(one.least)
        ),
        placeholder=shown,
        persist_state="session",
    )
    st.caption(f"Default {plain(shown)}. {plain(one.why)}")


def forget() -> None:
    """Empty every number; for callbacks."""
    for kind in KINDS:
        for one in fields_of(kind):
            state.fill(number_key(one.flag), None)


# ---- the checks


def draw_checks(found: Preflight) -> None:
    """What is there and what is not: what hinders first, each with its cure."""
    st.subheader("Before you start", anchor=False)
    order = {"stop": 0, "note": 1, "good": 2}
    checks = sorted(found.checks, key=lambda check: order[check.standing])
    for check in checks:
        if check.standing != "good":
            draw_trouble(check)
    good = [check for check in checks if check.standing == "good"]
    # One block with line breaks: a paragraph each would stand far apart.
    st.markdown("  \n".join(f"{ICONS['good']} {plain(spoken(check.text))}" for check in good))


def draw_trouble(check: Check) -> None:
    """One thing that hinders or should be known, its rows, and the way to mend it."""
    with st.container(gap="xxsmall"):
        st.markdown(f"{ICONS[check.standing]} {plain(spoken(check.text))}")
        for place, row in check.rows:
            st.caption(plain(place))
            plain_text(row)
        if check.cure:
            st.caption(plain(spoken(check.cure)))
        if check.page:
            path, label = PAGES[check.page]
            link_to(path, label, icon=":material/arrow_outward:")


# ---- the button


def draw_start(choice: Choice, found: Preflight, *, again: bool, quiet: bool) -> None:
    """The spending limit where money is involved, the one button, and what it takes."""
    if not quiet:
        st.subheader("Next step", anchor=False)
    if choice.backend == "together":
        draw_limit()
    st.button(
        "Train it again" if again else "Train it",
        key=START,
        type="secondary" if quiet else "primary",
        icon=":material/model_training:",
        width="stretch",
        disabled=found.blocked,
        on_click=start,
        args=(choice.name, state.click_token(START)),
    )
    st.caption(plain(spoken(takes(choice, found))))


def draw_limit() -> None:
    """Up to where nobody has to be asked."""
    st.number_input(
        "Start without asking up to",
        min_value=0.01,
        value=None,
        step=1.0,
        format="%.2f",
        key=LIMIT,
        placeholder="Always ask me",
        icon=":material/attach_money:",
        persist_state="session",
    )


def takes(choice: Choice, found: Preflight) -> str:
    """Size, time and price, before the click."""
    if found.blocked:
        return "Mend what is marked red first."
    if choice.backend == "local":
        seconds = local_seconds(found.rows, choice.numbers["epochs"], pace(choice))
        aside = "The unfinished training before is put aside. " if sets_aside(choice) else ""
        return f"{aside}Free · {span(seconds)} on this computer · it goes on when you close this window."
    if choice.backend == "together":
        return together_takes(choice, found)
    return "Your own graphics cards · no bill · it goes on when you close this window."


def together_takes(choice: Choice, found: Preflight) -> str:
    """Together names its price only for a file that it has."""
    tokens = found.size // 4 * choice.numbers["epochs"]
    limit = f"above ${choice.limit:.2f} " if choice.limit else ""
    again = "The same was trained before: this is a new job, paid anew. " if needs_again(choice) else ""
    return (
        f"{again}About {tokens:,} tokens. Together names the price once it has the file; {limit}you are "
        "asked before anything is paid."
    )


def pace(choice: Choice) -> float | None:
    """Seconds a row that the last training of this student took here; None before the first."""
    for one in trainings(settings(), choice.name):
        passes = max(1, round((one.steps or 0) * (one.batch or 1) / one.rows)) if one.rows else 1
        took = sum(one.laps.get(lap, 0.0) for lap in ("train", "reference"))
        if one.backend == "local" and one.student == choice.student and took and one.rows:
            return took / (one.rows * passes)
    return None


def start(name: str, token: str) -> None:
    """Start what the widgets hold now; for callbacks."""
    try:
        choice = chosen(name)
        again = needs_again(choice)
    except CoreError as error:
        state.complain(PAGE, str(error))
        return
    launch(
        choice.words(again=again),
        title=f"Train {title_of(name)}: {PLACES[choice.backend].lower()}",
        subject=subject(name),
        token=token,
        page=PAGE,
    )
    state.spend_token(START)


def needs_again(choice: Choice) -> bool:
    """Whether what is there has to make way: the same training is over, or another one is unfinished."""
    if choice.backend == "together":
        return is_over_at_together(choice)
    last = newest(settings(), choice.name, choice.backend, choice.kind)
    if last is None or choice.backend != "local":
        return False
    return last.verdict is not None or (last.recipe, dict(last.own)) != (choice.preset, choice.own_here)


def sets_aside(choice: Choice) -> bool:
    """Whether a training with other numbers was stopped here and would be lost."""
    last = newest(settings(), choice.name, "local", choice.kind)
    return last is not None and last.verdict is None and needs_again(choice)


def is_over_at_together(choice: Choice) -> bool:
    """Whether the job of these very rows and numbers has ended. Raises CoreError."""
    recipe = recipe_of(choice.kind, "paper", choice.own_at_together)
    asked = Asked(choice.kind, recipe, constitution=choice.name, student=choice.student)
    plan = plan_of(asked, settings())
    known = {tuning.id: tuning for tuning in tunings(settings())}
    return plan.tuning.id in known and known[plan.tuning.id].ended


def subject(name: str) -> str:
    """What a character's training jobs are about."""
    return f"{PAGE}:{name}"
