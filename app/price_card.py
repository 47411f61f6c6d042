"""Prices, as the Settings page shows them: looked up, edited in place, refreshed by a job."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from app import state
from app.engine_cards import head
from app.glossary import spoken
from app.job_card import draw_progress
from app.launch import active_job, last_job, launch
from app.reads import settings
from app.rights import is_admin, refused
from app.state.address import in_address
from app.widgets import command, plain, standing_complaint, stop_button
from app.wording import ago, counted
from core.engines.price_lists import NEEDS_KEY, PARSERS
from core.errors import CoreError, SettingsError
from core.names import PROVIDERS, parse_model
from core.prices import A_MILLION, MOST_PER_TOKEN, Price, day_in_words, runs_here
from core.records import content_hash
from core.store.jsonl import read_json
from core.store.price_table import PriceTable

PLACE = "prices"
MOST_ROWS = 30
MOST_RUNS = 200
SECONDS_KEPT = 30.0
SEARCH = "prices-search"
INPUT, OUTPUT = "input", "output"
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


class PriceRow(NamedTuple):
    """One line of the table: USD per million tokens, None where the price is unknown."""

    model: str
    input: float | None
    output: float | None
    source: str
    as_of: str


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


def likely_names(table: PriceTable) -> list[str]:
    """The models with a price of one's own, then those in runs that cost something."""
    own = table.own_names()
    known = {name.casefold() for name in own}
    used = models_in_runs(str(settings().runs_path))
    return own + [name for name in used if name.casefold() not in known]


def found_names(table: PriceTable, wanted: str) -> list[str]:
    """The models that have every word of a search in their name, in any case."""
    words = wanted.casefold().split()
    names = [entry.model for entry in table.entries()]
    return [name for name in names if all(word in name.casefold() for word in words)]


@st.cache_data(ttl=SECONDS_KEPT, max_entries=8, show_spinner=False)
def models_in_runs(runs: str) -> list[str]:
    """The models of providers that answered in the newest runs; what cannot be read is left out."""
    files = sorted(Path(runs).glob("*/*/*/settings.json"), key=_changed_at, reverse=True)[:MOST_RUNS]
    names = [_model_in(path) for path in files]
    return sorted({name for name in names if name})


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _model_in(path: Path) -> str | None:
    """The full name of the model in an answer folder, None for one that runs here or is not named."""
    try:
        model = parse_model(str((read_json(path) or {})["model"]))
    except (CoreError, OSError, KeyError, TypeError):
        return None
    return None if runs_here(model.provider) else model.full


def row_of(name: str, table: PriceTable) -> PriceRow:
    """A model's line."""
    price = _price(name, table)
    if price is None:
        return PriceRow(name, None, None, "unknown", "")
    source = price.source + (f", and ${price.request:g} a request" if price.request else "")
    return PriceRow(
        name, _million(price.prompt), _million(price.completion), source, day_in_words(price.as_of)
    )


def _price(name: str, table: PriceTable) -> Price | None:
    try:
        return table.lookup(parse_model(name))
    except CoreError:
        return None


def _million(per_token: float) -> float:
    return round(per_token * A_MILLION, 9)


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


def _field(name: str) -> str:
    """A field of the form, another one after each saved price, so that it is empty then."""
    return f"price-{name}:{state.place('prices-added')}"


def draw_add() -> None:
    """A form for a model that no list has."""
    with (
        st.popover("Add a price", icon=":material/add:", key="prices-add"),
        st.form(_field("form"), border=False),
    ):
        st.text_input("Model", key=_field("model"), placeholder="openrouter/z-ai/glm-4.5-air")
        for name, label, example in AMOUNTS:
            st.number_input(
                spoken(label),
                key=_field(name),
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


# ---- callbacks


def refresh(provider: str, token: str) -> None:
    """Start fetching a list."""
    label = PROVIDERS[provider].label
    words = ["prices", "refresh", provider]
    launch(words, title=f"Prices from {label}", subject=PLACE, token=token, page=PLACE)
    state.spend_token(f"refresh:{provider}")


def save_edits(key: str, rows: list[PriceRow]) -> None:
    """Keep what was changed in the table."""
    state.complain(PLACE, None)
    if refused(PLACE):
        return
    edits = (state.widget(key) or {}).get("edited_rows", {})
    try:
        saved = keep_edits(PriceTable(settings()), rows, edits)
    except CoreError as error:
        state.complain(PLACE, str(error))
        return
    if saved:
        state.go_to("prices-edits", state.place("prices-edits") + 1)
        state.say_once("Price saved.", ":material/check:")


def keep_edits(table: PriceTable, rows: list[PriceRow], edits: Mapping[int, Mapping[str, Any]]) -> int:
    """Save the edited rows; returns how many. A row with one empty price waits for the other one.

    Emptying both forgets the person's own price. Raises SettingsError or RunError.
    """
    saved = 0
    for number, edit in edits.items():
        row = rows[int(number)]
        prompt, completion = edit.get(INPUT, row.input), edit.get(OUTPUT, row.output)
        if prompt is None and completion is None:
            saved += table.remove_own(row.model)
        elif prompt is not None and completion is not None:
            table.set_own(row.model, float(prompt), float(completion))
            saved += 1
    return saved


def add() -> None:
    """Keep the price in the form and empty it; what is refused stays in it."""
    state.complain(PLACE, None)
    if refused(PLACE):
        return
    name, prompt, completion = (state.widget(_field(part)) for part in ("model", INPUT, OUTPUT))
    if prompt is None or completion is None:
        why = "Give both prices, in US dollars per million tokens; 0 is a price too."
        state.complain(PLACE, spoken(why))
        return
    try:
        saved = PriceTable(settings()).set_own(_full_name(str(name or "")), prompt, completion)
    except CoreError as error:
        state.complain(PLACE, str(error))
        return
    state.go_to("prices-added", state.place("prices-added") + 1)
    state.say_once(f"Price of {plain(saved)} saved.", ":material/check:")


def _full_name(typed: str) -> str:
    """The full name of a model as typed. Raises SettingsError in the words of this page."""
    try:
        return parse_model(typed).full
    except SettingsError:
        raise SettingsError(
            "Write where the model runs and its name there, as openrouter/z-ai/glm-4.5-air."
        ) from None


def forget() -> None:
    """Forget the chosen price."""
    state.complain(PLACE, None)
    if refused(PLACE):
        return
    name = state.widget("prices-forgotten")
    try:
        PriceTable(settings()).remove_own(str(name))
    except CoreError as error:
        state.complain(PLACE, str(error))
        return
    state.say_once("Forgotten. The provider's list counts again.", ":material/delete:")


def set_aside() -> None:
    """Move the damaged file out of the way."""
    state.complain(PLACE, None)
    if refused(PLACE):
        return
    try:
        aside = PriceTable(settings()).set_aside()
    except CoreError as error:
        state.complain(PLACE, str(error))
        return
    if aside is not None:
        state.say_once(f"Kept as {plain(aside.name)}.", ":material/inventory_2:")
