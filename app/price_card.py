"""Prices, as the Settings page shows them: looked up, edited in place, refreshed by a job."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from app import state
from app.engine_cards import head
from app.glossary import spoken
from app.job_card import draw_progress
from app.launch import active_job, last_job
from app.price_actions import (
    INPUT,
    OUTPUT,
    PLACE,
    add,
    field_of,
    forget,
    refresh,
    save_edits,
    set_aside,
)
from app.price_rows import PriceRow, found_names, likely_names, row_of
from app.reads import settings
from app.rights import is_admin
from app.state.address import in_address
from app.widgets import command, plain, standing_complaint, stop_button
from app.wording import ago, counted
from core.engines.price_lists import NEEDS_KEY, PARSERS
from core.errors import CoreError
from core.names import PROVIDERS
from core.prices import A_MILLION, MOST_PER_TOKEN
from core.records import content_hash
from core.store.price_table import PriceTable

MOST_ROWS = 30
SEARCH = "prices-search"
AMOUNTS = (
    (INPUT, "US dollars per million tokens in", "0.20"),
    (OUTPUT, "US dollars per million tokens out", "1.10"),
)
PURPOSE = "What a million tokens cost, so that a job can say its price before you start it."
TEACHING = (
    "A price serves two things: the estimate next to a button that starts a job, and a spending limit, "
    "which stops a job before it costs more. Fetch a provider's list, or add a price yourself: yours "
    "counts before every list. Models on this computer need none: they are free."
)
COMMANDS = [
    ["prices", "refresh"],
    ["prices", "set", "openrouter/z-ai/glm-4.5-air", "--input", "0.20", "--output", "1.10"],
]


def draw_prices() -> None:
    """The card: refresh, look up, edit, add."""
    table = PriceTable(settings())
    with st.container(border=True, key="prices"):
        head("What models cost", spoken(PURPOSE), None)
        standing_complaint(PLACE)
        if table.problem:
            draw_damaged(table.problem)
            return
        running = active_job(PLACE) is not None
        # One flat fragment, which asks every second only while prices are being fetched.
        st.fragment(live_refresh, run_every=1.0 if running else None)(running)
        draw_table(table)
        with st.container(horizontal=True, vertical_alignment="center"):
            if is_admin():
                draw_add()
                draw_forget(table)
        command(COMMANDS)


def draw_damaged(problem: str) -> None:
    """The file cannot be read: say so, and offer to begin a new one beside it."""
    st.error(plain(problem), icon=":material/error:")
    if not is_admin():
        st.caption("Whoever runs this studio can mend it.")
        return
    st.button(
        "Set it aside and begin anew",
        key="prices-aside",
        icon=":material/inventory_2:",
        help="The damaged file stays in the data folder, under another name.",
        on_click=set_aside,
    )


# ---- refreshing


def live_refresh(was_running: bool) -> None:
    """The lists and their age; the page is drawn once more when fetching begins or ends."""
    job = active_job(PLACE)
    if was_running != (job is not None):
        st.rerun()
    if job is None:
        draw_refresh()
    else:
        draw_progress(job)
        stop_button(job, PLACE)
    state.show_sayings()


def draw_refresh() -> None:
    """A button for each list, how old each is, and why the last try failed."""
    last = last_job(PLACE)
    if last is not None and last.state not in ("done", "cancelled"):
        st.markdown(f":red[:material/error:] {plain(last.message)}")
    with st.container(horizontal=True, vertical_alignment="center"):
        for provider in PARSERS if is_admin() else ():
            refresh_button(provider)
        st.caption(plain(ages(PriceTable(settings()))), width="content")


def refresh_button(provider: str) -> None:
    """Fetch one provider's list; a list that wants a key waits for one."""
    locked = provider in NEEDS_KEY and not _has_key(provider)
    label = PROVIDERS[provider].label
    st.button(
        f"Refresh from {label}",
        key=f"refresh:{provider}",
        icon=":material/refresh:",
        disabled=locked,
        help=f"{label} shows its prices only with a key." if locked else "One request; free.",
        on_click=refresh,
        args=(provider, state.click_token(f"refresh:{provider}")),
    )


def _has_key(provider: str) -> bool:
    try:
        return settings().key(provider) is not None
    except CoreError:
        # The provider's own card says what is wrong with its key or address.
        return False


def ages(table: PriceTable) -> str:
    """When each list was fetched, in one line."""
    known = {provider: table.age(provider) for provider in PARSERS}
    parts = [f"{PROVIDERS[name].label} {ago(age)}" for name, age in known.items() if age is not None]
    return f"Fetched: {', '.join(parts)}." if parts else "No list is fetched yet."


# ---- the table


def draw_table(table: PriceTable) -> None:
    """The models that are likely to be used, or those that a search finds, with editable prices."""
    st.text_input(
        "Look up a model",
        key=in_address(SEARCH, ""),
        icon=":material/search:",
        placeholder="Part of its name, as glm air",
    )
    wanted = str(state.widget(SEARCH) or "").strip()
    names = found_names(table, wanted) if wanted else likely_names(table)
    if not names:
        st.markdown(_nothing(wanted) if wanted else TEACHING)
        return
    draw_editor([row_of(name, table) for name in names[:MOST_ROWS]])
    if len(names) > MOST_ROWS:
        st.caption(f"The first {MOST_ROWS} of {counted(len(names), 'model')}; write more of the name.")
    if is_admin():
        st.caption(
            spoken(
                "US dollars per million tokens. Change a price and it becomes yours; "
                "it counts when both are filled in."
            )
        )
    else:
        st.caption(spoken("US dollars per million tokens. Whoever runs this studio can change them."))


def _nothing(wanted: str) -> str:
    return plain(f"No known price has “{wanted}” in its name. Refresh a list, or add the price yourself.")


def draw_editor(rows: list[PriceRow]) -> None:
    """The table; its key holds what it shows, so that no edit meets other rows than it was made on."""
    shown = content_hash([list(row) for row in rows])[:12]
    key = f"prices-table:{state.place('prices-edits')}:{shown}"
    st.data_editor(
        pd.DataFrame(rows, columns=list(PriceRow._fields)).astype({INPUT: float, OUTPUT: float}),
        key=key,
        hide_index=True,
        disabled=["model", "source", "as_of"] if is_admin() else True,
        column_config={
            "model": st.column_config.TextColumn("Model", width=300),
            INPUT: _amount_column("Input", spoken("What a million tokens in cost.")),
            OUTPUT: _amount_column("Output", spoken("What a million tokens out cost, reasoning included.")),
            "source": st.column_config.TextColumn("Source"),
            "as_of": st.column_config.TextColumn("As of"),
        },
        on_change=save_edits,
        args=(key, rows),
        alt=spoken("Prices per model, in US dollars per million tokens"),
    )


def _amount_column(label: str, text: str) -> Any:
    most = MOST_PER_TOKEN * A_MILLION
    return st.column_config.NumberColumn(label, help=text, min_value=0.0, max_value=most, format="$%g")


# ---- adding and forgetting


def draw_add() -> None:
    """A form for a model that no list has."""
    with (
        st.popover("Add a price", icon=":material/add:", key="prices-add"),
        st.form(field_of("form"), border=False),
    ):
        st.text_input("Model", key=field_of("model"), placeholder="openrouter/z-ai/glm-4.5-air")
        for name, label, example in AMOUNTS:
            st.number_input(
                spoken(label),
                key=field_of(name),
                value=None,
                min_value=0.0,
                format="%g",
                placeholder=example,
            )
        st.form_submit_button("Save price", icon=":material/save:", key="prices-save", on_click=add)


def draw_forget(table: PriceTable) -> None:
    """Forget a price of one's own, where there is one."""
    own = table.own_names()
    if not own:
        return
    with st.popover("Forget a price", type="tertiary", icon=":material/delete:", key="prices-forget"):
        st.selectbox("Your prices", own, key="prices-forgotten")
        st.caption("The provider's list counts for it again.")
        st.button("Forget it", key="prices-forget-it", on_click=forget)
