"""What training made of a character, to be heard: which adapter, whether it is proven, how strong."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import streamlit as st

from app.reads import settings
from app.state.address import in_address, number
from app.widgets import plain
from core.embedded.adapters import STRONGEST, adapter_names
from core.embedded.catalogue import MODELS
from core.tuning.proof import Proof, read_proof

MODEL = next(iter(MODELS))
STAGES = {
    "dpo": "From pairs",
    "sft": "From its own words",
    "merged": "Both, merged",
    "trial": "From the trial",
}


def adapters_of(name: str) -> list[str]:
    """A character's adapters on the embedded model, as "dpo/pirate"."""
    return [one for one in adapter_names(settings(), MODEL) if one.partition("/")[2] == name]


def draw_which(adapters: list[str], key: str) -> str:
    """The adapter that is heard; a choice where there are several, in the address as "dpo" or "trial"."""
    if len(adapters) == 1:
        return adapters[0]
    stages = [one.partition("/")[0] for one in adapters]
    chosen = st.segmented_control(
        "What it learned from",
        stages,
        required=True,
        format_func=stage_words,
        key=in_address(key, stages[0], options=stages, name="adapter"),
    )
    return adapters[stages.index(str(chosen))] if chosen in stages else adapters[0]


def stage_words(adapter: object) -> str:
    """What an adapter learned from, in words."""
    stage = str(adapter).partition("/")[0]
    return STAGES.get(stage, stage)


def draw_proof(adapter: str) -> bool:
    """Whether a comparison may be drawn: an adapter that changes nothing would be compared with itself."""
    proof = read_proof(settings(), MODEL, adapter)
    if proof is None:
        st.caption(":material/help: It was not tried yet whether this adapter changes answers at all.")
        return True
    if not proof.passed:
        st.error(plain(proof.sentence), icon=":material/report:")
        return False
    st.caption(f":material/verified: {plain(short(proof))}")
    return True


def short(proof: Proof) -> str:
    """The proof in one line."""
    return f"Proven: it changed {proof.changed} of {proof.asked} answers to the same questions and seed."


def draw_strength(
    key: str,
    label: str = "Strength",
    *,
    value: float = 1.0,
    on_change: Callable[..., None] | None = None,
    args: tuple[Any, ...] = (),
) -> float:
    """How much of what it learned is heard."""
    found = st.slider(
        label,
        0.0,
        STRONGEST,
        step=0.05,
        key=in_address(key, value, read=number(0.0, STRONGEST)),
        persist_state="session",
        help="0 is the plain student, 1 what it learned, more than 1 exaggerates.",
        on_change=on_change,
        args=args,
    )
    return float(found)


def strength_words(strength: float) -> str:
    """A strength as people say it."""
    if strength == 0:
        return "switched off"
    if strength == 1:
        return "as it learned"
    return "fainter than it learned" if strength < 1 else "stronger than it learned"


def mark_of(adapter: str) -> int:
    """What changes when the adapter is trained anew, in seconds since 1970; 0 when it is gone."""
    stage, _, name = adapter.partition("/")
    path = settings().lora_path / f"{MODEL}-{stage}" / name / "adapter"
    with contextlib.suppress(OSError):
        return int(path.stat().st_mtime)
    return 0
