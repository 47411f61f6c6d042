"""Making pairs from the page: who teaches and learns, how many, what it takes, and the running job."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from app import state
from app.commands import verb_words
from app.launch import active_job, launch
from app.reads import judged_pairs, library, run_of_character
from app.sidebar import title_of
from app.widgets import job_progress, plain
from app.wording import duration
from core.names import parse_model
from core.stages.defaults import PROVIDER
from core.stages.dpo_data import PairJob

PAGE = "pairs"
PREVIEW = 4
EMBEDDED = "local/smollm2-135m"
# Measured on two cores without a GPU (bench/README.md).
SECONDS_AN_ANSWER = 3.5

MODEL_HELP = (
    "provider/model, for example local/smollm2-135m, openrouter/z-ai/glm-4.5-air, ollama/llama3.1, "
    "or an address such as http://127.0.0.1:9000/v1#my-model. Keys are kept on the Engines and keys page."
)


@dataclass(frozen=True, slots=True)
class Engines:
    """The two models of this page, as typed, and how many answers each prompt gets."""

    teacher: str
    student: str
    samples: int = 1

    @property
    def local(self) -> bool:
        """Whether both run on this computer."""
        return self.teacher.startswith("local/") and self.student.startswith("local/")

    def job(self) -> PairJob:
        """How their answers are joined. Raises SettingsError for a name that is none."""
        return PairJob(
            parse_model(self.teacher, default=PROVIDER).label,
            parse_model(self.student, default=PROVIDER).label,
        )

    def words(self, name: str, limit: int | None) -> list[str]:
        """The command that makes pairs of a character with them."""
        flags = {"teacher": self.teacher, "student": self.student, "limit": limit, "K": self.samples}
        return verb_words("pipeline", name, flags)

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
            key="samples",
            persist_state="session",
            width=220,
            help="OpenCharacterTraining asks five times; once is enough for a first look.",
        )
    return Engines(teacher, student, int(samples))


def model_input(label: str) -> str:
    """A model's name, as typed or the embedded one."""
    typed = st.text_input(
        label, value=EMBEDDED, key=label.lower(), persist_state="session", help=MODEL_HELP
    )
    return (typed or EMBEDDED).strip()


def actions(name: str, engines: Engines, planned: int) -> None:
    """The preview button, and the launch of more with its size said first."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        make_button(name, engines, PREVIEW, primary=True)
        limit = st.number_input(
            "How many prompts", 1, max(1, planned), min(24, max(1, planned)), key="limit", width=160
        )
        make_button(name, engines, int(limit), primary=False)
        st.caption(size_of(engines, int(limit), planned))


def make_button(name: str, engines: Engines, limit: int, *, primary: bool) -> None:
    """A button that starts making pairs; its token makes a double click one job."""
    button = f"pairs:{'preview' if primary else 'make'}"
    st.button(
        f"Preview {limit}" if primary else f"Make {limit} pairs",
        key=button,
        type="primary" if primary else "secondary",
        icon=":material/play_arrow:" if primary else ":material/rocket_launch:",
        shortcut="P" if primary else None,
        on_click=start,
        args=(name, engines, limit, state.click_token(button), button),
    )


def start(name: str, engines: Engines, limit: int, token: str, button: str) -> None:
    """Start making pairs; for callbacks."""
    launch(
        engines.words(name, limit),
        title=f"{limit} pairs of {title_of(name)}",
        subject=f"{PAGE}:{name}",
        token=token,
        page=PAGE,
    )
    state.spend_token(button)


def size_of(engines: Engines, limit: int, planned: int) -> str:
    """What a launch means, in calls, time and money, before the click."""
    calls = 2 * limit * engines.samples
    if engines.local:
        time = duration(calls * SECONDS_AN_ANSWER)
        return f"{calls} answers, about {time} on this computer, free. {planned} prompts in all."
    return f"{calls} calls; those to a provider cost what it charges. {planned} prompts in all."


@st.fragment(run_every=1.0)
def live(name: str, pairs: PairJob) -> None:
    """The running job and its newest answers; when it ends the whole page is drawn once more."""
    job = active_job(f"{PAGE}:{name}")
    if job is None:
        st.rerun()
    job_progress(job, PAGE)
    run = run_of_character(library().load(name).constitution.run_id)
    rows = judged_pairs(run, pairs)[1] if run else []
    for row in [row for row in rows if row["chosen"]][-3:]:
        st.caption(plain(f"{row['text'][:90]} → {row['chosen'][:140]}"))
