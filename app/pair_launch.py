"""Making pairs from the page: who teaches and learns, how many, what it takes, and the running job."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import streamlit as st

from app import state
from app.commands import verb_words
from app.glossary import spoken
from app.launch import active_job, launch
from app.launch_estimate import Asked, quote
from app.launch_options import (
    BUDGET,
    chosen,
    draw_advanced,
    draw_budget,
    no_limit_without_price,
    unpriced,
)
from app.launch_quote import Quote
from app.links import link_to
from app.make_mine import draw_mine
from app.pair_reads import pairs_of
from app.reads import library, run_of_character
from app.sidebar import title_of
from app.state.address import in_address, whole
from app.state.limits import set_limit
from app.widgets import job_progress, plain, progress_line
from app.wording import counted
from core.errors import CoreError, SettingsError
from core.names import ModelName, parse_model
from core.pair_filter import PairFilter
from core.prices import money
from core.sample import is_sample
from core.stages.defaults import PROVIDER
from core.stages.dpo_data import PairJob
from core.store.pair_index import Preview
from core.store.runs import Run

PAGE = "pairs"
PREVIEW = 4
EMBEDDED = "local/smollm2-135m"

MODEL_HELP = (
    "provider/model, for example local/smollm2-135m, openrouter/z-ai/glm-4.5-air, ollama/llama3.1, "
    "or an address such as http://127.0.0.1:9000/v1#my-model. Keys are kept on the Engines and keys page."
)
RANGE_HELP = (
    "The low end takes answers of ordinary length, the high end every answer as long as it may be. "
    "A question that has to be asked twice costs twice."
)


@dataclass(frozen=True, slots=True)
class Engines:
    """The two models of this page, as typed, and how many answers each prompt gets."""

    teacher: str
    student: str
    samples: int = 1

    def models(self) -> tuple[ModelName, ModelName] | tuple[()]:
        """Teacher and student by name, or nothing while one of them is none."""
        try:
            return parse_model(self.teacher, default=PROVIDER), parse_model(self.student, default=PROVIDER)
        except SettingsError:
            return ()

    def job(self) -> PairJob:
        """How their answers are joined. Raises SettingsError for a name that is none."""
        return PairJob(
            parse_model(self.teacher, default=PROVIDER).label,
            parse_model(self.student, default=PROVIDER).label,
        )

    def words(self, name: str, limit: int | None) -> list[str]:
        """The command that makes pairs of a character with them, with what was added on the page."""
        flags = {"teacher": self.teacher, "student": self.student, "limit": limit, "K": self.samples}
        return verb_words("pipeline", name, flags | dict(chosen(self.models()).flags()))

    def pair_words(self, name: str) -> list[str]:
        """The command that writes the DPO file of these two."""
        flags = {"constitution": name, "teacher": self.teacher, "student": self.student}
        return verb_words("dpo-data", None, flags)


def choose_engines() -> Engines:
    """Who teaches and who learns; the embedded model unless somebody chooses otherwise."""
    with st.expander("Who teaches, who learns", icon=":material/school:"):
        left, right = st.columns(2)
        with left:
            teacher = model_input("Teacher")
        with right:
            student = model_input("Student")
        st.caption(
            "The teacher plays the character; a large model plays it best. The student is the model that "
            "will learn it. The embedded model can do both, free and without a key."
        )
        samples = st.number_input(
            "Answers to each prompt",
            1,
            20,
            key=in_address("samples", 1, read=whole(1, 20)),
            persist_state="session",
            width=220,
            help="OpenCharacterTraining asks five times; once is enough for a first look.",
        )
    return Engines(teacher, student, int(samples))


def model_input(label: str) -> str:
    """A model's name, as typed or the embedded one."""
    typed = st.text_input(
        label, key=in_address(label.lower(), EMBEDDED), persist_state="session", help=MODEL_HELP
    )
    return (typed or EMBEDDED).strip()


def actions(name: str, engines: Engines, planned: int) -> int:
    """The preview button and the launch of more, each with what it takes said first; how many are asked."""
    models = engines.models()
    if is_sample(name):
        draw_mine(PAGE)
        return min(24, max(1, planned))
    preview = st.container(horizontal=True, vertical_alignment="center")
    many = st.container(horizontal=True, vertical_alignment="bottom")
    below = st.container(gap="small")
    with many:
        limit = how_many(planned)
        draw_budget(models)
    draw_advanced(models)
    plan = plan_of(name, engines, limit)
    with preview:
        make_button(plan, PREVIEW, primary=True)
        if plan.preview:
            st.caption(plain(spoken(plan.preview.headline())))
    with many:
        make_button(plan, limit, primary=False)
        draw_suggestion(plan)
    with below:
        draw_plan(plan, planned)
    return limit


def how_many(planned: int) -> int:
    """The field for how many prompts are asked."""
    most = max(1, planned)
    key = in_address("limit", min(24, most), read=whole(1, most))
    return int(st.number_input("How many prompts", 1, most, key=key, width=160))


@dataclass(frozen=True, slots=True)
class Plan:
    """What the two buttons would start and what that takes; None where it cannot be told.

    `trouble` says why nothing can start, `running` that a job does already.
    """

    name: str
    engines: Engines
    preview: Quote | None = None
    more: Quote | None = None
    trouble: str = ""
    running: bool = False


def plan_of(name: str, engines: Engines, limit: int) -> Plan:
    """What is asked and what it takes; while a job runs nothing is counted, as its files grow."""
    models = engines.models()
    if active_job(f"{PAGE}:{name}") is not None:
        return Plan(name, engines, running=True)
    if not models:
        return Plan(name, engines)
    options = chosen(models)
    asked = [Asked(name, *models, engines.samples, count, options) for count in (PREVIEW, limit)]
    try:
        preview, more = (quote(one) for one in asked)
    except CoreError as error:
        return Plan(name, engines, trouble=str(error))
    return Plan(name, engines, preview, more, no_limit_without_price(models) or "")


def draw_plan(plan: Plan, planned: int) -> None:
    """What making pairs takes, and what stands in its way."""
    if plan.running:
        st.caption("A job makes pairs now. What more of them take is counted when it has ended.")
    if plan.more:
        draw_quote(plan.more, planned)
    if plan.trouble:
        st.error(plain(plan.trouble), icon=":material/error:")
    unknown = unpriced(plan.engines.models()) if plan.more else []
    if unknown:
        label = f"Add the price of {unknown[0]}"
        link_to("views/settings.py", plain(label), icon=":material/sell:")
    elif plan.trouble:
        link_to("views/settings.py", "Engines and keys", icon=":material/key:")


def draw_quote(more: Quote, planned: int) -> None:
    """Price, calls and time; then each side; then what a limit does."""
    st.markdown(plain(spoken(more.headline())), help=RANGE_HELP if more.cost.high else None)
    early, words = more.limit_words(state.widget(BUDGET))
    lines = [*more.details(), "" if early else words, f"{counted(planned, 'prompt')} in all."]
    # One block with line breaks: three captions would stand as far apart as paragraphs.
    st.caption("  \n".join(plain(spoken(line)) for line in lines if line))
    if early:
        st.warning(plain(words), icon=":material/hourglass_bottom:")


def draw_suggestion(plan: Plan) -> None:
    """One click to a limit that lets everything through."""
    sensible = plan.more.sensible_limit() if plan.more else None
    if sensible is None or state.widget(BUDGET) is not None:
        return
    st.button(
        plain(f"Limit to {money(sensible)}"),
        key="pairs:sensible-limit",
        type="tertiary",
        icon=":material/savings:",
        on_click=set_limit,
        args=(BUDGET, sensible),
        help="The high estimate rounded up: everything fits, and nothing beyond it is spent.",
    )


def make_button(plan: Plan, limit: int, *, primary: bool) -> None:
    """A button that starts making pairs; its token makes a double click one job."""
    button = f"pairs:{'preview' if primary else 'make'}"
    # Once its answers are there, what comes next on the page is something else.
    is_done = plan.preview is not None and not plan.preview.calls
    st.button(
        f"Preview {limit}" if primary else f"Make {limit} pairs",
        key=button,
        type="primary" if primary and not is_done else "secondary",
        icon=":material/play_arrow:" if primary else ":material/rocket_launch:",
        shortcut="P" if primary else None,
        disabled=plan.running or bool(plan.trouble) or not plan.engines.models(),
        on_click=start,
        args=(plan.name, plan.engines, limit, state.click_token(button), button),
    )


def start(name: str, engines: Engines, limit: int, token: str, button: str) -> None:
    """Start making pairs; for callbacks. A limit typed since the button was drawn counts."""
    if hindrance := no_limit_without_price(engines.models()):
        state.complain(PAGE, hindrance)
        return
    launch(
        engines.words(name, limit),
        title=f"{limit} pairs of {title_of(name)}",
        subject=f"{PAGE}:{name}",
        token=token,
        page=PAGE,
    )
    state.spend_token(button)


@st.fragment(run_every=1.0)
def live(name: str, pairs: PairJob) -> None:
    """The running job and its newest answers; when it ends the whole page is drawn once more."""
    job = active_job(f"{PAGE}:{name}")
    if job is None:
        st.rerun()
    job_progress(job, PAGE)
    run = run_of_character(library().load(name).constitution.run_id)
    with st.container(gap="xxsmall", key="newest-pairs"):
        for row in newest(run, pairs):
            st.caption(plain(f"{row.text[:90]} → {row.chosen[:140]}"))


@st.fragment(run_every=1.0)
def live_short(name: str) -> None:
    """How far the running job is, beside the button that started it."""
    job = active_job(f"{PAGE}:{name}")
    if job is not None:
        progress_line(job)
        st.caption("The newest answers, and the button that stops it, are at the top of the page.")


def newest(run: Run | None, job: PairJob) -> list[Preview]:
    """The pairs that came last, the last below; nothing is said where the list cannot be kept."""
    with suppress(CoreError):
        found = pairs_of(run, job)
        if found is not None:
            view = found.view(PairFilter())
            return found.index.previews([int(n) for n in view.places[-3:]])
    return []
