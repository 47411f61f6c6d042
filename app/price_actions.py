"""What the buttons and the table of prices do; for callbacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app import state
from app.glossary import spoken
from app.launch import launch
from app.price_rows import PriceRow
from app.reads import settings
from app.rights import refused
from app.widgets import plain
from core.errors import CoreError, SettingsError
from core.names import PROVIDERS, parse_model
from core.store.price_table import PriceTable

PLACE = "prices"
INPUT, OUTPUT = "input", "output"


def field_of(name: str) -> str:
    """A field of the form, another one after each saved price, so that it is empty then."""
    return f"price-{name}:{state.place('prices-added')}"


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
    name, prompt, completion = (state.widget(field_of(part)) for part in ("model", INPUT, OUTPUT))
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
