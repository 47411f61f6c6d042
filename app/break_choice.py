"""Who is attacked: the base, what training made of it, at one strength or two; and how each is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from app import state
from app.check_fields import MODEL_HELP, TUNED_HELP
from app.reads import settings
from app.side_by_side import Make
from app.state.address import in_address
from app.tuned_choice import MODEL, draw_proof, draw_strength, draw_which, strength_words
from core.attacks import ATTACKS
from core.errors import SettingsError
from core.names import parse_model
from core.stages.chat import CHAT, can_begin, stream_answer
from core.stages.defaults import PROVIDER
from core.store.attack_log import BASE, Tried

PAGE = "break_me"
WHICH, STRENGTH, SECOND, TWO = "break:which", "break:strength", "break:second", "break:two"
BEFORE, AFTER = "break:before", "break:after"
EMBEDDED = f"local/{MODEL}"
LONGEST = 220
Sides = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Rivals:
    """The base model and the sides beside it, as they are kept with every attack."""

    model: str
    sides: Sides

    @property
    def flags(self) -> dict[str, Any]:
        """The same as flags of the command."""
        tuned = [who for side, who in self.sides.items() if side != BASE]
        return {
            "model": self.model,
            "adapter": next((who["adapter"] for who in tuned if "adapter" in who), None),
            "tuned": next((who["model"] for who in tuned if "model" in who), None),
            "strength": tuple(f"{who['strength']:g}" for who in tuned if "strength" in who),
        }


def choose_rivals(adapters: list[str]) -> Rivals | None:
    """Who is attacked, as chosen; None where an adapter is known to change nothing, which is said."""
    before, after = served_elsewhere()
    if after:
        return Rivals(before, {BASE: {}, "tuned": {"model": after}})
    adapter = draw_which(adapters, WHICH)
    if not draw_proof(adapter):
        return None
    left, right = st.columns(2, gap="large", vertical_alignment="bottom")
    with left:
        strengths = [draw_strength(STRENGTH)]
    with right:
        if st.toggle("A second strength beside it", key=in_address(TWO, False), persist_state="session"):
            strengths.append(draw_strength(SECOND, "Second strength", value=0.5))
    tuned: Sides = {
        f"tuned@{strength:g}": {"adapter": adapter, "strength": strength}
        for strength in dict.fromkeys(strengths)
    }
    return Rivals(EMBEDDED, {BASE: {}} | tuned)


def served_elsewhere() -> tuple[str, str]:
    """The models of the address: before training, and after; "" for the adapters of this computer."""
    return st.query_params.get("model", EMBEDDED), st.query_params.get("tuned", "")


def draw_served() -> None:
    """The fields for a tuned model that is served under a name of its own."""
    before, after = served_elsewhere()
    with st.expander("Or a model that is served elsewhere", icon=":material/dns:"):
        fields = (
            ("Before training", BEFORE, before, MODEL_HELP),
            ("After training", AFTER, after, TUNED_HELP),
        )
        for label, key, value, help in fields:
            st.text_input(label, key=state.seeded(key, value), help=help, on_change=take_served)


def take_served() -> None:
    """Put the typed models into the address; for callbacks."""
    for name, key in (("model", BEFORE), ("tuned", AFTER)):
        typed = (state.widget(key) or "").strip()
        if typed and typed != EMBEDDED:
            st.query_params[name] = typed
        elif name in st.query_params:
            del st.query_params[name]


def heading(side: str, who: Mapping[str, Any]) -> tuple[str, str]:
    """(title, what is said beside it) of one side."""
    if side == BASE:
        return "Base", "as it was"
    if (strength := who.get("strength")) is not None:
        return "Tuned", f"strength {strength:g}, {strength_words(strength)}"
    return "Tuned", str(who.get("model", side))


def maker(tried: Tried, side: str) -> Make:
    """How one side's answer is asked for. Everything of the page is read now."""
    found, who, attack = settings(), tried.sides[side], ATTACKS[tried.attack]

    def make() -> Iterator[str]:
        model = parse_model(str(who.get("model") or tried.model), default=PROVIDER)
        if attack.needs_prefill and not can_begin(model):
            raise SettingsError(f"{model.full} does not go on with words put into its mouth.")
        return stream_answer(
            found,
            model,
            attack.conversation(tried.question),
            adapter=who.get("adapter"),
            strength=float(who.get("strength", 1.0)),
            sampling=replace(CHAT, seed=tried.seed, max_tokens=LONGEST),
        )

    return make
