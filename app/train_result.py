"""What a training came to: the verdict as a headline, the curves, earlier ones over them, the proof."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from app.glossary import meaning, name
from app.job_card import dotted
from app.job_charts import CONFIG, HEIGHT
from app.links import lead_to
from app.reads import settings
from app.sidebar import title_of
from app.state.address import in_address
from app.train_charts import COLOURS, MEASURES, Curve, curve_chart, measured, values_of
from app.train_words import PRESETS, course
from app.train_words import WHERE as PLACES
from app.train_words import meaning as meaning_of
from app.widgets import plain
from app.wording import ago, counted, duration
from core.embedded.catalogue import MODELS
from core.errors import CoreError
from core.tuning.proof import Proof, read_proof
from core.tuning.trainings import Training, trainings

COMPARE = "train:compare"
LETTERS = "ABCDE"


def draw_result(name: str) -> Training | None:
    """The newest training that ended, with its curves; None when there is none."""
    every = trainings(settings(), name)
    last = next((one for one in every if one.verdict is not None), None)
    if last is None or last.verdict is None:
        return None
    draw_headline(name, last)
    others = draw_compare([one for one in every if one.id != last.id and one.points])
    draw_curves(last, others, key="result")
    return last


def draw_headline(name: str, last: Training) -> None:
    """The gate's sentence; what was trained; whether it was seen to work; what comes next."""
    assert last.verdict is not None
    passed = last.verdict.passed
    icon = ":green[:material/check_circle:]" if passed else ":red[:material/error:]"
    with st.container(gap="xxsmall"):
        st.subheader(f"{icon} {plain(last.verdict.sentence.splitlines()[0])}", anchor=False)
        st.caption(dotted(facts(last)))
    draw_proof(name, last)
    if passed and last.adapter is not None:
        draw_next(name, last)


def facts(one: Training) -> str:
    """What was trained, on what, for how long, when."""
    took = sum(one.laps.values())
    parts = [f"{PLACES[one.backend]}, {PRESETS.get(one.recipe, one.recipe).lower()} recipe", one.student]
    parts += [counted(one.rows, "pair" if one.kind == "dpo" else "conversation")] if one.rows else []
    parts += [counted(one.steps, "step")] if one.steps else []
    parts += [f"took {duration(took)}"] if took else []
    return " · ".join([*parts, ago(time.time() - (one.began + took))])


def draw_proof(name: str, last: Training) -> None:
    """Whether the adapter was seen to change answers."""
    proof = proof_of(name, last)
    if proof is None:
        return
    icon = ":green[:material/verified:]" if proof.passed else ":red[:material/report:]"
    st.markdown(f"{icon} {plain(proof.sentence)}")


def proof_of(name: str, last: Training) -> Proof | None:
    """The proof beside an adapter of an embedded model; None for others, and before there is one."""
    if last.adapter is None or last.student not in MODELS:
        return None
    try:
        return read_proof(settings(), last.student, f"{last.kind}/{name}")
    except CoreError:
        return None


def draw_next(name: str, last: Training) -> None:
    """The way to the comparison, where the adapter can be heard on this computer."""
    if last.student not in MODELS:
        place = f"The adapter is in {last.adapter}; a vLLM server of yours can serve it."
        st.caption(plain(place))
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        label = f"Hear {title_of(name)} before and after"
        if st.button(plain(label), key="train:hear", type="primary", icon=":material/compare:"):
            lead_to("views/before_after.py", character=name, adapter=last.kind)
        st.caption("One question, two answers side by side, and a slider for how strong.", width="content")


def draw_compare(others: Sequence[Training]) -> list[Training]:
    """Which earlier trainings lie over the curves."""
    if not others:
        return []
    by_id = {one.id: one for one in others}
    wanted = st.multiselect(
        "Compare with",
        list(by_id),
        key=in_address(COMPARE, [], options=list(by_id), name="beside"),
        format_func=lambda id: label_of(by_id[id]) if id in by_id else id,
        max_selections=len(COLOURS) - 1,
        placeholder="Earlier trainings",
    )
    return [by_id[id] for id in wanted if id in by_id]


def label_of(one: Training) -> str:
    """An earlier training, so that it is told from the others."""
    when = time.strftime("%d %b %H:%M", time.localtime(one.began))
    rows = f", {one.rows} rows" if one.rows else ""
    changed = ", own numbers" if one.own else ""
    return f"{when} · {PLACES[one.backend]} · {PRESETS.get(one.recipe, one.recipe)}{rows}{changed}"


# ---- curves


def draw_curves(one: Training | None, others: Sequence[Training], *, key: str) -> None:
    """Loss, margin and accuracy side by side, each with what it means; the frames stand from the start."""
    curves = curves_of(one, others)
    shown = (measured(one.points) if one else []) or (["loss"] if one and one.kind == "sft" else MEASURES)
    if others:
        names = [
            f"{curve.letter}: {label_of(it)}"
            for curve, it in zip(curves, [one, *others], strict=True)
            if it
        ]
        st.caption("  \n".join(plain(line) for line in names))
    for column, measure in zip(st.columns(len(shown), gap="medium"), shown, strict=True):
        with column:
            draw_curve(measure, curves, one, key)


def curves_of(one: Training | None, others: Sequence[Training]) -> list[Curve]:
    """The present training first, letters only where there are several."""
    every = [one, *others] if one else []
    letters = LETTERS if others else " " * len(LETTERS)
    return [
        Curve(letter.strip(), it.points, it.steps)
        for letter, it in zip(letters, every, strict=False)
        if it is not None
    ]


def draw_curve(measure: str, curves: Sequence[Curve], one: Training | None, key: str) -> None:
    """A small chart under its title, and the same in words."""
    values = [value for _, value in values_of(one.points, measure)] if one else []
    told, words = course(measure, values), meaning_of(measure, one.batch if one else None)
    with st.container(gap="xxsmall"):
        st.markdown(f"**{plain(name(measure))}** &nbsp; {told}", help=meaning(measure))
        # A height of its own, so that nothing below moves while the chart is made anew.
        with st.container(height=HEIGHT, border=False, gap=None):
            figure = curve_chart(measure, curves)
            alt = f"{name(measure)}: {told or 'nothing yet'}. {words}"
            st.plotly_chart(figure, key=f"{key}:{measure}", height=HEIGHT, config=CONFIG, alt=alt)
        st.caption(plain(words))
