"""What a person may add to a launch: a spending limit, how many requests at once, OpenRouter's routing.

Read from the widgets at the moment of the click, so that a limit typed just before it counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from app import state
from app.commands import Flags
from app.reads import settings
from app.state.address import in_address, whole
from app.state.limits import keep_limit
from core.engines.routing import Routing
from core.names import PROVIDERS, ModelName
from core.stages.planning import Role
from core.store.price_table import PriceTable

BUDGET, AT_ONCE, FIXED = "budget", "at-once", "exactly"
ONLY, PRECISION, LICENCE = "only-provider", "precision", "any-licence"
# OpenRouter's words for how exactly a provider keeps a model's weights.
PRECISIONS = ("bf16", "fp16", "fp8", "fp6", "fp4", "int8", "int4", "fp32", "unknown")
ORDINARY = 64


@dataclass(frozen=True, slots=True)
class Options:
    """What was added to a launch; the default adds nothing to its command."""

    budget: float | None = None
    at_once: int | None = None
    exactly: bool = False
    only: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    any_licence: bool = False

    def flags(self) -> Flags:
        """The flags of the command."""
        return {
            "budget": None if self.budget is None else dollars(self.budget),
            "max-concurrency": self.at_once,
            "fixed-concurrency": self.exactly,
            "only-provider": self.only,
            "quantization": self.precisions,
            "any-license": self.any_licence,
        }

    def routing(self, role: Role) -> Routing:
        """What the command will ask of OpenRouter for a role."""
        return Routing(self.only, self.precisions, role == "teacher" and not self.any_licence)


def dollars(amount: float) -> str:
    """An amount as a flag takes it: "5", "0.5"."""
    return f"{amount:.6f}".rstrip("0").rstrip(".")


def chosen(models: Sequence[ModelName]) -> Options:
    """What the widgets hold, as far as it concerns these models: a hidden field adds nothing."""
    routed = any(model.provider == "openrouter" for model in models)
    return Options(
        budget=state.widget(BUDGET) if cost_money(models) else None,
        at_once=state.widget(AT_ONCE),
        exactly=bool(state.widget(FIXED)),
        only=listed(state.widget(ONLY)) if routed else (),
        precisions=tuple(state.widget(PRECISION) or ()) if routed else (),
        any_licence=bool(state.widget(LICENCE)) and routed,
    )


def listed(typed: str | None) -> tuple[str, ...]:
    """Names typed with commas or spaces between them, each once."""
    return tuple(dict.fromkeys((typed or "").replace(",", " ").split()))


def cost_money(models: Sequence[ModelName]) -> bool:
    """Whether one of the models costs something, or may: an unknown price is not free."""
    prices = [PriceTable(settings()).lookup(model) for model in models]
    return any(price is None or not price.is_free for price in prices)


def unpriced(models: Sequence[ModelName]) -> list[str]:
    """The models without a known price, each once."""
    table = PriceTable(settings())
    return list(dict.fromkeys(model.full for model in models if table.lookup(model) is None))


def no_limit_without_price(models: Sequence[ModelName]) -> str | None:
    """Why a launch with a limit cannot start, or None."""
    unknown = unpriced(models)
    if not unknown or chosen(models).budget is None:
        return None
    return (
        f"A spending limit needs the price of {' and '.join(unknown)}, which is not known: nobody could "
        "tell when to stop. Add the price, or empty the limit."
    )


# ---- the fields


def draw_budget(models: Sequence[ModelName]) -> None:
    """The spending limit; only where money is involved."""
    if cost_money(models):
        draw_limit(BUDGET)


def draw_limit(key: str) -> None:
    """The field of a spending limit in USD; empty for none."""
    st.number_input(
        "Stop at",
        min_value=0.01,
        value=None,
        step=0.5,
        format="%.2f",
        key=key,
        placeholder="No limit",
        icon=":material/attach_money:",
        width=160,
        persist_state="session",
        on_change=keep_limit,
        args=(key,),
    )


def draw_advanced(models: Sequence[ModelName]) -> None:
    """How hard the models are asked, and through whom."""
    with st.expander("Advanced", icon=":material/tune:"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.number_input(
                "Most requests at once",
                1,
                1000,
                None,
                key=in_address(AT_ONCE, read=whole(1, 1000)),
                placeholder=str(max((ceiling_of(model) for model in models), default=ORDINARY)),
                width=200,
                persist_state="session",
            )
            st.toggle(
                "Exactly that many",
                key=in_address(FIXED, False),
                persist_state="session",
                help="Keeps so many under way whatever the server says. Good on a server of your own.",
            )
        st.caption(why_so_many(models))
        if any(model.provider == "openrouter" for model in models):
            draw_routing()


def draw_routing() -> None:
    """Through whom OpenRouter answers."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "OpenRouter: only these providers",
            key=in_address(ONLY, ""),
            placeholder="Any, or names such as deepinfra, novita",
            width=300,
            persist_state="session",
        )
        st.multiselect(
            "Precision",
            PRECISIONS,
            key=in_address(PRECISION, [], options=PRECISIONS),
            placeholder="Any",
            width=260,
            persist_state="session",
        )
        st.toggle("Any licence", key=in_address(LICENCE, False), persist_state="session")
    st.caption(
        "Answers of another provider or precision count as other answers: they are asked for anew. "
        "Without “Any licence” the teacher is only a model whose makers allow training on its answers."
    )


def ceiling_of(model: ModelName) -> int:
    """How many requests a model is sent at once when nobody says otherwise."""
    spec = PROVIDERS.get(model.provider)
    return spec.at_once if spec else ORDINARY


def why_so_many(models: Sequence[ModelName]) -> str:
    """The default in words: how many, and why so many."""
    here = [model for model in models if model.provider == "local"]
    others = {
        PROVIDERS[model.provider].label if model.provider in PROVIDERS else "the server": ceiling_of(model)
        for model in models
        if model.provider != "local"
    }
    parts = [f"{count} to {label}, adapted to what it takes" for label, count in others.items()]
    if here:
        parts.append(f"{ceiling_of(here[0])} on this computer, as many as it answers side by side")
    return f"Left empty: {'; '.join(parts)}." if parts else ""
