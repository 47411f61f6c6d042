"""What the Plan and price page's widgets hold: a preset, two models, and what experts changed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st

from app import state
from app.commands import verb_words
from app.launch_options import dollars, draw_limit
from app.pair_launch import EMBEDDED, model_input
from app.state.address import in_address, whole
from app.train_choice import backends
from app.train_words import WHERE
from core.whole import PRESETS, STAGES, TITLES, Plan, between

PAGE = "plan"
PRESET, LIMIT, PROMPTS, SAMPLES = "plan:preset", "plan:limit", "plan:prompts", "plan:samples"
PLACE, JUDGE, LAST = "plan:backend", "plan:judge", "plan:last"
TITLES_OF = {"trial": "Trial", "quick": "Quick", "paper": "Paper"}
WORDS = {
    "trial": "A first look: 48 questions, one training, one check. It shows whether the idea carries.",
    "quick": "A character to use: 240 questions, its own words after the pairs, three checks.",
    "paper": "OpenCharacterTraining's own size: every question five times, thousands of its own words, "
    "every check. For large models and patience.",
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A plan and the limit that it is started with, None for none."""

    plan: Plan
    budget: float | None = None

    def words(self) -> list[str]:
        """The command that does the same."""
        plan, preset = self.plan, PRESETS[self.plan.shape.name]
        flags = {
            "preset": preset.name,
            "to": plan.shape.stages[-1] if plan.shape.stages[-1] != preset.stages[-1] else None,
            "teacher": plan.teacher,
            "student": plan.student,
            "backend": plan.backend if plan.backend != "local" else None,
            "judge": plan.judge,
            "limit": plan.shape.limit if plan.shape.limit != preset.limit else None,
            "K": plan.shape.samples if plan.shape.samples != preset.samples else None,
            "budget": None if self.budget is None else dollars(self.budget),
        }
        return verb_words("pipeline", plan.constitution, flags)


def draw_preset() -> None:
    """How large; the choice is in the address, so that a link opens the same plan."""
    wished = st.query_params.get("preset")
    st.segmented_control(
        "How large",
        list(PRESETS),
        default=wished if wished in PRESETS else "trial",
        required=True,
        format_func=lambda one: TITLES_OF[one],
        key=PRESET,
        persist_state="session",
        width="content",
    )
    preset = state.widget(PRESET) or "trial"
    if wished != preset:
        st.query_params["preset"] = preset
    st.caption(WORDS[preset])


def draw_models() -> None:
    """Who teaches and who learns: the same two as on the Pairs page."""
    left, right = st.columns(2)
    with left:
        model_input("Teacher")
    with right:
        model_input("Student")


def draw_expert() -> None:
    """What a preset decides, for those who know better; folded."""
    preset = PRESETS[state.widget(PRESET) or "trial"]
    with st.expander("The numbers, for experts", icon=":material/tune:"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            _number("Questions", PROMPTS, "All" if preset.limit is None else str(preset.limit))
            _number("Answers to each", SAMPLES, str(preset.samples))
            st.selectbox(
                "Trained where",
                backends(),
                key=in_address(PLACE, backends()[0], options=backends()),
                format_func=lambda one: WHERE[one],
                persist_state="session",
                width=190,
            )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.selectbox(
                "Stop after",
                [*reversed(preset.stages)],
                key=in_address(LAST, preset.stages[-1], options=preset.stages),
                format_func=lambda one: TITLES[one],
                persist_state="session",
                width=300,
            )
            st.text_input(
                "Judge",
                key=in_address(JUDGE, ""),
                placeholder="None: classifiers measure",
                persist_state="session",
                width=300,
            )
        st.caption("Empty fields keep the preset's number. A stage that is done is not done again.")


def _number(label: str, key: str, placeholder: str) -> None:
    st.number_input(
        label,
        1,
        100_000,
        None,
        key=in_address(key, read=whole(1, 100_000)),
        placeholder=placeholder,
        persist_state="session",
        width=150,
    )


def draw_budget() -> None:
    """The limit over the whole way."""
    draw_limit(LIMIT)


def chosen(name: str) -> Chosen:
    """What the widgets hold at this moment; a field that is not drawn yet holds its default."""
    preset = PRESETS[state.widget(PRESET) or "trial"]
    last = state.widget(LAST)
    shape = between(preset, None, last if last in preset.stages else preset.stages[-1])
    shape = replace(
        shape,
        stages=tuple(stage for stage in STAGES if stage in shape.stages and stage in preset.stages),
        limit=state.widget(PROMPTS) or preset.limit,
        samples=state.widget(SAMPLES) or preset.samples,
    )
    judge = (state.widget(JUDGE) or "").strip() or None
    plan = Plan(
        name,
        shape,
        (state.widget("teacher") or EMBEDDED).strip(),
        (state.widget("student") or EMBEDDED).strip(),
        state.widget(PLACE) or "local",
        judge,
    )
    return Chosen(plan, state.widget(LIMIT))
