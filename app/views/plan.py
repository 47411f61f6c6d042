"""Plan and price: the whole way from the constitution to the report, what it takes, and one button."""

from __future__ import annotations

import streamlit as st

from app import state
from app.launch import active_job, launch
from app.launch_quote import rounded_up
from app.lineage_strip import draw_stale_note
from app.make_mine import draw_mine
from app.plan_choice import LIMIT, PAGE, Chosen, chosen, draw_budget, draw_expert, draw_models, draw_preset
from app.plan_live import draw_ended, draw_live, spent_words, subject
from app.plan_tag import draw_behind, draw_tag, line_words
from app.reads import library, settings
from app.sidebar import title_of
from app.state.limits import set_limit
from app.train_plan import ICONS, draw_trouble
from app.widgets import command, page_head, plain, standing_complaint
from core.errors import CoreError
from core.price_tag import PriceTag
from core.prices import money
from core.sample import is_sample
from core.stages.plan import price_tag, stage_done
from core.stages.whole import costs_money, preflight_whole, unpriced
from core.tuning.preflight import Check

START = "plan:start"


def page() -> None:
    """The whole page for the chosen character."""
    name = state.character()
    who = title_of(name) if name else "A character"
    page_head(
        "Plan and price",
        plain(f"{who}, from sentences to a report: what it takes, before the first click."),
        term="preset teacher student spending-limit",
    )
    if name is None:
        st.info("Choose a character first.")
        return
    standing_complaint(PAGE)
    try:
        library().load(name)
        draw(name)
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")


def draw(name: str) -> None:
    """What runs or has stopped; else the plan with its price, its checks and its button."""
    running = active_job(subject(name)) is not None
    # One flat fragment, which asks every second only while a job runs.
    st.fragment(draw_live, run_every=1.0 if running else None)(name, running)
    if running:
        command(chosen(name).words())
        return
    goes_on = draw_ended(name)
    draw_stale_note(name, "model")
    left, right = st.columns([1.7, 1], gap="large")
    with left:
        draw_preset()
        draw_models()
        draw_expert()
    picked = chosen(name)
    tag, why = tag_of(picked)
    with left:
        if tag is None:
            st.error(plain(why), icon=":material/error:")
        else:
            draw_price(tag, picked)
    with right:
        checks = preflight_whole(picked.plan, settings())
        draw_checks(checks)
        if tag is not None:
            draw_start(picked, tag, checks, quiet=goes_on)
    command(picked.words())


def tag_of(picked: Chosen) -> tuple[PriceTag | None, str]:
    """The price tag, or why there is none."""
    try:
        return price_tag(picked.plan, settings()), ""
    except CoreError as error:
        return None, str(error)


def draw_price(tag: PriceTag, picked: Chosen) -> None:
    """The tag under its heading."""
    st.subheader("What it takes", anchor=False)
    done = frozenset(one for one in picked.plan.shape.stages if stage_done(one, picked.plan, settings()))
    draw_tag(tag, done)
    draw_behind(tag)


def draw_checks(checks: list[Check]) -> None:
    """What hinders first, each with its cure; then what is there."""
    st.subheader("Before you start", anchor=False)
    for check in checks:
        if check.standing != "good":
            draw_trouble(check)
    good = [check for check in checks if check.standing == "good"]
    st.markdown("  \n".join(f"{ICONS['good']} {plain(check.text)}" for check in good))


def draw_start(picked: Chosen, tag: PriceTag, checks: list[Check], *, quiet: bool) -> None:
    """The limit where money is involved, the one button, and what it takes."""
    st.subheader("Next step" if not quiet else "Or begin with another plan", anchor=False)
    if is_sample(picked.plan.constitution):
        draw_mine(PAGE, column=True)
        return
    paid = any(costs_money(stage, picked.plan, settings()) for stage in picked.plan.shape.stages)
    if paid:
        draw_budget()
        draw_suggestion(tag, picked)
    trouble = hindrance(picked)
    st.button(
        plain(f"Make {title_of(picked.plan.constitution)}"),
        key=START,
        type="secondary" if quiet else "primary",
        icon=":material/rocket_launch:",
        width="stretch",
        disabled=any(check.standing == "stop" for check in checks),
        on_click=start,
        args=(picked.plan.constitution, state.click_token(START)),
    )
    st.caption(plain(trouble or line_words(tag.total)))
    st.caption(plain(spent_words(picked.plan.constitution, picked.budget) + "."))
    if paid:
        st.caption("The limit counts everything spent on this version: answers, trainings and checks.")


def draw_suggestion(tag: PriceTag, picked: Chosen) -> None:
    """One click to a limit that lets everything through."""
    high = tag.total.usd.high
    if high and picked.budget is None and not tag.total.unpriced:
        sensible = rounded_up(high)
        st.button(
            plain(f"Limit to {money(sensible)}"),
            key="plan:sensible",
            type="tertiary",
            icon=":material/savings:",
            on_click=set_limit,
            args=(LIMIT, sensible),
            help="The high estimate rounded up: everything fits, and nothing beyond it is spent.",
        )


def hindrance(picked: Chosen) -> str:
    """Why a click would not start; "" when it would."""
    unknown = unpriced(picked.plan, settings())
    if picked.budget is not None and unknown:
        return (
            f"A limit needs the price of {' and '.join(unknown)}, which is not known. Add it under Engines "
            "and keys, or empty the limit."
        )
    return ""


def start(name: str, token: str) -> None:
    """Start what the widgets hold now; for callbacks. A limit typed since the button was drawn counts."""
    picked = chosen(name)
    if why := hindrance(picked):
        state.complain(PAGE, why)
        return
    launch(
        picked.words(),
        title=f"The whole way of {title_of(name)}",
        subject=subject(name),
        token=token,
        page=PAGE,
    )
    state.spend_token(START)


page()
