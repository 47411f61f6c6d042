"""Pairs: the teacher plays the character, the student answers as it always does; people decide what stays."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from app import state
from app.commands import verb_words
from app.launch import active_job, last_job, launch, resume
from app.pair_card import draw_pair
from app.reads import judged_pairs, library, run_of_character, settings
from app.sidebar import title_of
from app.wording import duration
from app.widgets import command, job_progress, page_head, plain, standing_complaint
from core.constitution import Constitution
from core.errors import CoreError
from core.jobs import Job
from core.names import parse_model
from core.stages.dpo_data import PairJob, make_pairs
from core.store.runs import Run

PAGE = "pairs"
PREVIEW = 4
# Measured on two cores without a GPU (bench/README.md).
SECONDS_AN_ANSWER = 1.6
EMBEDDED = "local/smollm2-135m"


@dataclass(frozen=True, slots=True)
class Engines:
    """The two models of this page, as typed."""

    teacher: str
    student: str
    samples: int = 1

    def job(self) -> PairJob:
        """How their answers are joined. Raises SettingsError for a name that is none."""
        return PairJob(
            parse_model(self.teacher, provider="openrouter").slug,
            parse_model(self.student, provider="openrouter").slug,
        )


def words(name: str, engines: Engines, limit: int | None) -> list[str]:
    """The command that makes pairs."""
    flags = {"teacher": engines.teacher, "student": engines.student, "limit": limit, "K": engines.samples}
    return verb_words("pipeline", name, flags)


def start(name: str, engines: Engines, limit: int | None, token: str) -> None:
    """Start making pairs; for callbacks."""
    what = f"{limit} pairs" if limit else "All pairs"
    launch(
        words(name, engines, limit),
        title=f"{what} of {title_of(name)}",
        subject=f"{PAGE}:{name}",
        token=token,
        page=PAGE,
    )
    state.spend_token(f"pairs:{limit}")


def choose_engines() -> Engines:
    """Who teaches and who learns; the embedded model unless somebody chooses otherwise."""
    with st.expander("Who teaches, who learns", icon=":material/school:"):
        left, right = st.columns(2)
        with left:
            teacher = st.text_input(
                "Teacher", value=EMBEDDED, key="teacher", persist_state="session", help=MODEL_HELP
            )
        with right:
            student = st.text_input(
                "Student", value=EMBEDDED, key="student", persist_state="session", help=MODEL_HELP
            )
        st.caption(
            "The teacher plays the character; a large model plays it best. The student is the model that "
            "will learn it. The embedded model can do both, free and without a key."
        )
        samples = st.number_input(
            "Answers to each prompt",
            1,
            20,
            key="samples",
            persist_state="session",
            width=220,
            help="OpenCharacterTraining asks five times; once is enough for a first look.",
        )
    return Engines((teacher or EMBEDDED).strip(), (student or EMBEDDED).strip(), int(samples))


MODEL_HELP = (
    "provider/model, for example local/smollm2-135m, openrouter/z-ai/glm-4.5-air, ollama/llama3.1, "
    "or an address such as http://127.0.0.1:9000/v1#my-model. Keys are kept on the Engines and keys page."
)


def actions(name: str, engines: Engines, planned: int) -> None:
    """The preview button, and the launch of more with its size said first."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button(
            f"Preview {PREVIEW}",
            type="primary",
            icon=":material/play_arrow:",
            shortcut="P",
            on_click=start,
            args=(name, engines, PREVIEW, state.click_token(f"pairs:{PREVIEW}")),
        )
        limit = st.number_input(
            "How many prompts", 1, max(1, planned), min(24, max(1, planned)), key="limit", width=160
        )
        st.button(
            f"Make {limit} pairs",
            icon=":material/rocket_launch:",
            on_click=start,
            args=(name, engines, int(limit), state.click_token(f"pairs:{limit}")),
        )
        st.caption(size_of(engines, int(limit), planned))


def size_of(engines: Engines, limit: int, planned: int) -> str:
    """What a launch means, in calls, minutes and money, before the click."""
    calls = 2 * limit * engines.samples
    if engines.teacher.startswith("local/") and engines.student.startswith("local/"):
        return f"{calls} answers, about {duration(calls * SECONDS_AN_ANSWER)} on this computer, free. {planned} prompts in all."
    return f"{calls} calls; those to a provider cost what it charges. {planned} prompts in all."


@st.fragment(run_every=1.0)
def live(name: str) -> None:
    """The running job; when it ends the whole page is drawn once more."""
    job = active_job(f"{PAGE}:{name}")
    if job is None:
        st.rerun()
        return
    job_progress(job, PAGE)
    constitution = library().load(name).constitution
    run = run_of_character(constitution.run_id)
    if run is not None:
        fresh = [row for row in shown_rows(run) if row["chosen"]][-3:]
        for row in fresh:
            st.caption(plain(f"{row['text'][:90]} → {row['chosen'][:140]}"))


def shown_rows(run: Run) -> list[dict[str, Any]]:
    """The pairs that the page shows now."""
    return judged_pairs(run, PairJob())[1]


def ended_badly(name: str) -> None:
    """Why the last job did not finish, and the button that goes on."""
    job = last_job(f"{PAGE}:{name}")
    if job is None or job.state in ("done", "running", "starting"):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(plain(why(job)), icon=":material/pause_circle:")
        token = state.click_token(f"resume:{job.id}")
        st.button("Go on", icon=":material/play_arrow:", on_click=resume, args=(job.id, token, PAGE))


def why(job: Job) -> str:
    """A job's end in one sentence."""
    kept = "Finished answers are kept."
    return f"{job.title}: {job.state}. {job.message} {kept}"


def numbers(rows: list[dict[str, Any]]) -> None:
    """Four numbers that change a decision."""
    kept = sum(not row["dropped"] for row in rows)
    ratios = sorted(row["ratio"] for row in rows if row["ratio"] is not None)
    middle = f"{ratios[len(ratios) // 2]:.2f}" if ratios else "–"
    cells = (
        ("Pairs", len(rows)),
        ("Kept", kept),
        ("Dropped", len(rows) - kept),
        ("Median length, chosen ÷ rejected", middle),
    )
    for column, (label, value) in zip(st.columns(4), cells, strict=True):
        column.metric(label, value, border=True)


def funnel(rows: list[dict[str, Any]]) -> None:
    """Where pairs were lost, reason by reason."""
    dropped = Counter(row["dropped"] for row in rows if row["dropped"])
    if not dropped:
        return
    with st.expander(f"Why {dropped.total()} were dropped", icon=":material/filter_alt:"):
        for reason, count in dropped.most_common():
            st.markdown(f"{count} × {plain(reason)}")


def filtered(rows: list[dict[str, Any]], constitution: Constitution) -> list[dict[str, Any]]:
    """The rows that search and filters leave."""
    left, middle, right = st.columns([2, 1.4, 1.8], vertical_alignment="bottom")
    search = left.text_input(
        "Search",
        key="search",
        placeholder="Search prompts and answers",
        bind="query-params",
        icon=":material/search:",
    )
    traits = ["", *[trait.id for trait in constitution.traits]]
    trait = middle.selectbox(
        "Trait", traits, key="trait", format_func=lambda trait: trait or "All traits", bind="query-params"
    )
    show = right.segmented_control(
        "Show",
        ["All", "Kept", "Dropped", "Flagged"],
        key="show",
        default="All",
        required=True,
        bind="query-params",
    )
    found = rows if not trait else [row for row in rows if row["trait"] == trait]
    found = [row for row in found if SHOWN[show or "All"](row)]
    needle = (search or "").casefold()
    return [row for row in found if needle in f"{row['text']} {row['chosen']} {row['rejected']}".casefold()]


SHOWN = {
    "All": lambda row: True,
    "Kept": lambda row: not row["dropped"],
    "Dropped": lambda row: bool(row["dropped"]),
    "Flagged": lambda row: bool(row["flags"]),
}


def export(run: Run, engines: Engines, rows: list[dict[str, Any]]) -> None:
    """Write the DPO file and hand it over."""
    kept = sum(not row["dropped"] for row in rows)
    if not kept:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(f"Write the DPO file ({kept} pairs)", icon=":material/save:"):
            write(run, engines)
        written = state.written_file(run.id)
        if written and Path(written).exists():
            st.download_button(
                "Download",
                Path(written).read_bytes(),
                Path(written).name,
                icon=":material/download:",
                on_click="ignore",
            )
            st.caption(plain(f"Written to {written}"))


def write(run: Run, engines: Engines) -> None:
    """Write the files; a failure stays on the page."""
    try:
        result = make_pairs(run, settings(), engines.job())
    except CoreError as error:
        state.complain(PAGE, str(error))
        st.rerun()
    state.set_written_file(run.id, result.files[0])
    state.say_once(f"{result.train} pairs to train on, {result.validation} held out.")


def empty(name: str) -> None:
    """What will be here, before there is anything."""
    st.markdown(
        f"Here you will see **{plain(title_of(name))}** speak: the teacher's answer, in character, beside the "
        "student's plain one. Press *Preview 4*: it takes less than a minute on this computer and costs nothing."
    )


def page() -> None:
    """The whole page for the chosen character."""
    name = state.character()
    page_head(
        "Pairs",
        "The teacher plays the character, the student answers as it always does. The model learns to prefer the left side.",
    )
    if name is None:
        st.info("Choose a character first.")
        return
    try:
        constitution = library().load(name).constitution
        planned = len(all_prompts(name))
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    engines = choose_engines()
    actions(name, engines, planned)
    standing_complaint(PAGE)
    try:
        job = engines.job()
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if active_job(f"{PAGE}:{name}"):
        live(name)
    else:
        ended_badly(name)
    run = run_of_character(constitution.run_id)
    rows = judged_pairs(run, job)[1] if run else []
    if not rows or run is None:
        empty(name)
    else:
        numbers(rows)
        review(run, rows, constitution)
        funnel(rows)
        export(run, engines, rows)
    limit = int(state.widget("limit") or 24)
    command([words(name, engines, limit), ["dpo-data", "--constitution", name]])


def review(run: Run, rows: list[dict[str, Any]], constitution: Constitution) -> None:
    """One pair at a time, among those that the filters leave."""
    found = filtered(rows, constitution)
    if not found:
        st.caption("No pair fits these filters.")
        return
    draw_pair(run, found)


def all_prompts(name: str) -> list[str]:
    """The ids of every prompt of a character."""
    from core.stages.prepare import Scope, choose_prompts

    scope = Scope(name)
    return [prompt.id for prompt in choose_prompts(scope, library().load(name).constitution, settings())]


page()
