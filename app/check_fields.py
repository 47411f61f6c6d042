"""The settings of a measurement: whom to compare, how much to ask, who judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click
import streamlit as st

from app import state
from app.check_choice import (
    CONTROL,
    CONTROLS,
    EMBEDDED,
    FOLDED,
    JUDGE,
    MODEL,
    OFFERED,
    STRENGTH,
    STRENGTHS,
    TUNED,
    adapters_key,
    default_of,
    options_of,
    own_flags,
    own_key,
)
from app.check_kinds import About
from app.check_reads import adapters_of, has_judge_key, judge_records
from app.check_standing import draw_standing
from app.check_words import CONTROL_WORDS
from app.glossary import name
from app.launch_quote import sentence_case
from app.links import link_to
from app.state.address import in_address, whole
from app.widgets import plain
from core.evaluation.variants import VARIANTS

STAGE_WORDS = {
    "dpo": "trained on pairs",
    "sft": "trained on its own words",
    "merged": "both, merged",
    "trial": "from the trial",
}
MODEL_HELP = (
    "provider/model as it was before training, for example openrouter/meta-llama/llama-3.1-8b-instruct, or "
    "an address such as http://127.0.0.1:9000/v1#my-model."
)
TUNED_HELP = "Where the trained model is served under a name of its own: at Together, on a vLLM server."
# What a flag of one kind asks, as a field says it; the command's own help stands behind the mark.
LABELS = {
    "per-trait": "Questions a trait",
    "N": "Everyday questions",
    "limit": "How many questions",
    "K": "Answers to each",
    "turns": "Turns",
    "condition": "Asked to take what it",
    "traits": "Words",
    "rubric": "Judged as",
    "variant": "Ways of asking",
    "classifier": "What hears the character",
    "trait": "Words to watch from the start",
    "full": "Full benchmarks in place of the short set",
    "tasks": "Benchmarks",
    "fewshot": "Worked examples before each",
}
# What a word of the command is called in a pill, where the word alone says little.
WORDS = {variant.id: variant.title for variant in VARIANTS.values()} | {
    "words": "Words and letters, in a second",
    "modernbert": "ModernBERT, with the train extra",
    "lm-eval": "lm-eval",
}
COMPARISONS = "Comparisons"
STANDARD = "Standard"
COUNTED = "Without a judge a classifier scores the answers, free and here."
WITHOUT = {"preferences": "Without a judge the model itself chooses, and its choices are counted."}
UNMEASURED = (
    "Not measured yet. Before it judges, it is asked about pairs of this character whose answer is known; "
    "what it got right stands beside every figure, and no better than a coin may not headline."
)


def draw_fields(about: About, name: str) -> None:
    """Every setting that the kind's command has."""
    known = options_of(about.kind)
    if about.needs == "adapter":
        draw_compared(about, name, known)
    draw_flags(about.kind, own_flags(about.kind, OFFERED))
    if folded := own_flags(about.kind, FOLDED):
        with st.expander("More settings", icon=":material/tune:"):
            draw_flags(about.kind, folded)
    if "--judge" in known:
        draw_judge(about, name)


def draw_flags(kind: str, flags: Sequence[str]) -> None:
    """A field for each flag: pills first, then what is typed, in a row."""
    own = {flag: options_of(kind)[f"--{flag}"] for flag in flags}
    # Pills are lower than fields: beside each other their labels would not stand on one line.
    for flag, option in own.items():
        if isinstance(option.type, click.Choice):
            draw_own(kind, flag, option)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for flag, option in own.items():
            if not isinstance(option.type, click.Choice):
                draw_own(kind, flag, option)


def draw_compared(about: About, name: str, known: dict[str, click.Option]) -> None:
    """What training made, how strong, and who stands beside it."""
    model = str(state.widget(MODEL) or EMBEDDED)
    there = adapters_of(name, model.removeprefix("local/"))
    if len(there) > 1:
        draw_adapters(name, there)
    if there and "--strength" in known:
        draw_strengths()
    if "--control" in known:
        draw_controls()
    draw_models(bool(there))


def draw_adapters(name: str, there: Sequence[str]) -> None:
    """Which of the character's adapters; the one furthest along unless somebody chooses."""
    st.pills(
        "Trained",
        there,
        selection_mode="multi",
        key=in_address(adapters_key(name), list(there[:1]), options=there, name="check-adapters"),
        format_func=lambda one: STAGE_WORDS.get(str(one).partition("/")[0], str(one)),
        persist_state="session",
        help="Several compare the stages of training.",
    )


def draw_strengths() -> None:
    """How strong the adapter is worn; several make a sweep."""
    st.pills(
        "Strength",
        STRENGTHS,
        selection_mode="multi",
        key=in_address(STRENGTH, [1.0], options=STRENGTHS),
        format_func=lambda one: f"{one:g}",
        persist_state="session",
        help="1 is as it was trained. Several show where the character begins and where language breaks.",
    )


def draw_controls() -> None:
    """Who stands beside the tuned model."""
    st.pills(
        "Compared with",
        CONTROLS,
        selection_mode="multi",
        key=in_address(CONTROL, list(CONTROLS), options=CONTROLS),
        format_func=lambda one: sentence_case(CONTROL_WORDS[str(one)]),
        persist_state="session",
        help="Without these nobody could tell training from a good instruction, or from chance.",
    )


def draw_models(folded: bool) -> None:
    """Models that are served elsewhere; folded where the embedded one was trained."""
    label = "Another model" if folded else "A model that is served elsewhere"
    with st.expander(label, expanded=bool(state.widget(TUNED)), icon=":material/dns:"):
        draw_model_fields()


def draw_model_fields() -> None:
    """The model before training and the one after it, by name."""
    with st.container(horizontal=True):
        st.text_input(
            "Before training",
            key=in_address(MODEL, ""),
            placeholder=EMBEDDED,
            help=MODEL_HELP,
            persist_state="session",
        )
        st.text_input(
            "After training",
            key=in_address(TUNED, ""),
            placeholder="None",
            help=TUNED_HELP,
            persist_state="session",
        )


def draw_own(kind: str, flag: str, option: click.Option) -> None:
    """A field for a flag that only this kind has, of the shape that its values have."""
    label = label_of(kind, flag)
    key, about = own_key(kind, flag), option.help
    if isinstance(option.type, click.Choice):
        draw_choices(label, key, option, about)
    elif isinstance(option.type, click.types.IntParamType | click.IntRange):
        low = getattr(option.type, "min", None) or 1
        high = getattr(option.type, "max", None) or 100_000
        default = default_of(option)
        st.number_input(
            label,
            low,
            high,
            key=in_address(key, default, read=whole(low, high)),
            help=about,
            width=190,
            placeholder=STANDARD,
            persist_state="session",
        )
    else:
        st.text_input(
            label,
            key=in_address(key, ""),
            help=about,
            width=360,
            persist_state="session",
            placeholder=STANDARD,
        )


def label_of(kind: str, flag: str) -> str:
    """What a flag asks, as its field says it."""
    if (kind, flag) == ("preferences", "N"):
        return COMPARISONS
    return name(flag) if flag == "max-tokens" else LABELS.get(flag, flag.capitalize())


def draw_choices(label: str, key: str, option: click.Option, about: str | None) -> None:
    """Pills for a flag that takes one of a few words, or several of them."""
    assert isinstance(option.type, click.Choice)
    words = [str(one) for one in option.type.choices]
    default: Any = default_of(option)
    if option.multiple:
        default = list(default or words)
        st.pills(
            label,
            words,
            selection_mode="multi",
            key=in_address(key, default, options=words),
            format_func=worded,
            help=about,
            persist_state="session",
        )
    else:
        st.segmented_control(
            label,
            words,
            key=in_address(key, default, options=words),
            format_func=worded,
            help=about,
            persist_state="session",
        )


def worded(word: object) -> str:
    """One of a flag's words as a pill says it."""
    return sentence_case(WORDS.get(str(word), str(word)))


def draw_judge(about: About, name: str) -> None:
    """Who judges, and what is known of that judge; nobody unless somebody chooses."""
    records = judge_records(name)
    st.selectbox(
        "Judge",
        list(dict.fromkeys([EMBEDDED, *records])),
        index=None,
        key=in_address(JUDGE),
        placeholder="None",
        accept_new_options=True,
        width=420,
        persist_state="session",
        help="A large model of another family than the teacher judges best. Type provider/model.",
    )
    model = str(state.widget(JUDGE) or "")
    if not model:
        draw_no_judge(about, records.get(EMBEDDED))
    elif model in records:
        draw_standing(records[model])
    else:
        st.caption(UNMEASURED)


def draw_no_judge(about: About, small: Mapping[str, Any] | None) -> None:
    """What goes without a judge, or that it does not; what is known of the small one here."""
    if not about.judged:
        st.caption(
            WITHOUT.get(about.kind, "Without a judge a classifier scores the answers, free and here.")
        )
        return
    known = str(small.get("sentence", "")) if small else "how far it can be trusted is measured first"
    st.caption("A judge is needed here. The small one on this computer is free.")
    st.caption(plain(f"What is known of it: {known[:1].lower()}{known[1:]}."))
    if not has_judge_key():
        link_to("views/settings.py", "Add a key for a large judge", icon=":material/key:")
