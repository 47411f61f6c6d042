"""Who writes drafts, rewrites and questions: one small chooser for all three, with an honest note."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import streamlit as st

from app import state
from app.links import link_to
from app.reads import settings
from app.state.person import person
from app.widgets import plain
from core.drafting.writers import EMBEDDED, best_writer, is_capable
from core.engines import Engine
from core.engines.opening import open_engine
from core.errors import CoreError
from core.names import PROVIDERS, ModelName, parse_model
from core.prices import estimate_words
from core.stages.defaults import PROVIDER
from core.stages.drafting_calls import Call, size_of
from core.store.price_table import PriceTable
from core.store.replies import Replies
from core.store.typed import Typed

SMALL = (
    "The small model on this computer writes poor sentences: it drifts and repeats itself. Your own words "
    "need no model and are the better start; with a key, a large model writes well."
)
SECONDS_A_CALL = 12


@dataclass(frozen=True, slots=True)
class Writer:
    """The chosen model, as typed; `trouble` says why it cannot be asked."""

    typed: str
    model: ModelName | None = None
    engine: Engine | None = None
    trouble: str = ""

    @property
    def is_capable(self) -> bool:
        """Whether it is up to writing a character, and can be asked."""
        return self.model is not None and not self.trouble and is_capable(self.model.model)

    @property
    def title(self) -> str:
        """Its name, for a sentence."""
        return shown_model(self.model.full if self.model else self.typed)

    def price(self, calls: Sequence[Call], replies: Replies) -> str:
        """What these calls take, in a sentence, before anything is sent."""
        if self.model is None or self.engine is None:
            return ""
        price = PriceTable(settings()).lookup(self.model)
        size = size_of(calls, replies, self.model, self.engine, price)
        if not size.missing:
            return "It is there already; nothing would be sent."
        times = "One call" if size.missing == 1 else f"{size.missing} calls"
        if price is None:
            return f"{times} to {self.title}. Its price is unknown: add it under Engines and keys."
        low, high = size.cost or (0.0, 0.0)
        took = f", about {size.missing * SECONDS_A_CALL} seconds" if self.model.provider == "local" else ""
        return f"{times} to {self.title}{took}: {estimate_words(low, high, price)}."


def shown_model(name: str) -> str:
    """A model's name for people: of a bare address, the model and where it answers, and no link."""
    address, sign, model = name.partition("#")
    return f"{model} at {address.partition('://')[2].partition('/')[0]}" if sign else name


def writer() -> Writer:
    """The model that writes: what the person chose before, else the best whose key is set."""
    typed = Typed(settings()).text(_key()) or _best()
    return _opened(typed)


def _key() -> str:
    return f"writer:{person()}"


def _best() -> str:
    here = settings()
    return best_writer({name for name, spec in PROVIDERS.items() if spec.key_name and here.key(name)})


def _opened(typed: str) -> Writer:
    try:
        model = parse_model(typed, default=PROVIDER)
        return Writer(typed, model, open_engine(model, settings()))
    except CoreError as error:
        named = None
        with suppress(CoreError):
            named = parse_model(typed, default=PROVIDER)
        return Writer(typed, named, None, str(error))


def choose_writer(where: str) -> Writer:
    """Draw the chooser, folded, with what stands in the way of the model; and return the writer."""
    chosen = writer()
    with st.expander(f"Who writes: {plain(chosen.title)}", icon=":material/stylus:", key=f"writer:{where}"):
        key = state.seeded(f"writer-model:{where}", chosen.typed)
        st.text_input(
            "Model",
            key=key,
            on_change=keep_writer,
            args=(key,),
            help="provider/model, for example openrouter/z-ai/glm-4.5-air or ollama/llama3.1:8b",
        )
        st.caption(f"Left empty: the best there is, {plain(_best())}.")
        link_to("views/settings.py", "Engines and keys", icon=":material/key:")
    if chosen.trouble:
        st.error(plain(chosen.trouble), icon=":material/error:")
    elif not chosen.is_capable:
        st.caption(f":material/info: {SMALL}")
    return chosen


def keep_writer(key: str) -> None:
    """Keep who writes; for callbacks."""
    typed = str(state.widget(key) or "").strip()
    with suppress(CoreError):
        Typed(settings()).keep(_key(), "" if typed == _best() else typed)


__all__ = ["EMBEDDED", "Writer", "choose_writer", "writer"]
