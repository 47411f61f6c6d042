"""The vLLM server, as the Settings page shows it: absent, installed, starting, running, failed."""

from __future__ import annotations

import time
from pathlib import Path

import streamlit as st

from app import state
from app.commands import shell_line, verb_words
from app.embedded_card import SERVED
from app.engine_cards import code, head
from app.job_card import draw_log, draw_progress
from app.launch import active_job, cancel, last_job, launch
from app.reads import settings
from app.rights import is_admin, refused
from app.widgets import plain, standing_complaint, stop_button
from app.wording import duration
from core.environments import Environment, Recipe, find_environment
from core.errors import CoreError, ModelError
from core.jobs import Job, Jobs
from core.serving.builds import NAME, recipe_for
from core.serving.machine import this_machine
from core.serving.running import ServerInfo, running_servers, stop_vllm

PLACE = "vllm"
TITLE = "vLLM server"
ABOUT = "Fast serving of open models, with LoRA adapters beside them, from an environment of its own."
SETUP, SERVE = "setup:vllm", "serve:vllm"
MODEL, ADAPTERS = "vllm:model", "vllm:adapters"
DEFAULT_MODEL = "local/smollm2-135m"
LOOK_EVERY_S = 1.0
MACHINE_KEPT_S = 600.0

MISSING = ("Not installed", ":material/download:", "gray")
INSTALLING = ("Being installed", ":material/downloading:", "blue")
IDLE = ("Installed", ":material/check_circle:", "green")
STARTING = ("Starting", ":material/hourglass_top:", "blue")
IMPOSSIBLE = ("Not for this computer", ":material/block:", "gray")


def draw_vllm() -> None:
    """The card."""
    with st.container(border=True, key="vllm-card"):
        busy = _busy()
        # One flat fragment, which asks every second only while a job of this card runs.
        st.fragment(live_vllm, run_every=LOOK_EVERY_S if busy else None)(busy)


def _busy() -> tuple[str, ...]:
    """The card's jobs that run now, by what they do."""
    return tuple(subject for subject in (SETUP, SERVE) if active_job(subject))


def live_vllm(was_busy: tuple[str, ...]) -> None:
    """The card's inside; the page is drawn once more when a job of it begins or ends."""
    if was_busy != _busy():
        st.rerun()
    standing_complaint(PLACE)
    servers, installing, starting = running_servers(settings()), active_job(SETUP), active_job(SERVE)
    if installing is not None:
        draw_installing(installing)
    elif servers:
        draw_running(servers)
    elif starting is not None:
        draw_starting(starting)
    elif environment := find_environment(settings(), NAME):
        draw_idle(environment)
    else:
        draw_missing()
    state.show_sayings()


# ---- not installed


@st.cache_data(ttl=MACHINE_KEPT_S, show_spinner=False)
def _recipe() -> Recipe | str:
    """What would be installed here, or why nothing can be."""
    try:
        return recipe_for(this_machine())
    except ModelError as error:
        return str(error)


def draw_missing() -> None:
    """Nothing is here yet: install it, its size and its use said first."""
    recipe = _recipe()
    if isinstance(recipe, str):
        head(TITLE, ABOUT, IMPOSSIBLE)
        st.caption(plain(recipe))
        return
    head(TITLE, ABOUT, MISSING)
    if not is_admin():
        st.caption("Whoever runs this studio can install it.")
        return
    draw_failure(last_job(SETUP))
    on = "your GPU" if recipe.build == "gpu" else "the processor, as there is no GPU here"
    st.caption(
        plain(f"About {recipe.disk_bytes / 1e9:.1f} GB and some minutes, once. It will run on {on}.")
        + f" The same in a shell: {code(shell_line(['setup', NAME]))}"
    )
    st.button(
        "Install",
        key="vllm:install",
        icon=":material/download:",
        on_click=install,
        args=(state.click_token(SETUP),),
    )


def draw_installing(job: Job) -> None:
    """How far the installation is."""
    head(TITLE, ABOUT, INSTALLING)
    draw_progress(job)
    st.caption(f"For {duration(time.time() - job.started)} now. A stopped installation begins anew.")
    stop_button(job, PLACE)


# ---- installed


def draw_idle(environment: Environment) -> None:
    """Nothing is served: choose a model and adapters, and start."""
    head(TITLE, ABOUT, IDLE)
    if not is_admin():
        st.caption("Whoever runs this studio starts it.")
        return
    draw_failure(last_job(SERVE))
    st.text_input(
        "Model",
        key=state.seeded(MODEL, model_before()),
        help="local/smollm2-135m, a folder, or a model of the Hugging Face hub (organisation/name).",
    )
    st.multiselect(
        "Adapters",
        adapters_here(),
        key=ADAPTERS,
        accept_new_options=True,
        placeholder="None. Choose, or type NAME=PATH of a LoRA folder",
        help="Each is asked for as vllm/NAME. It must have been trained on this very model.",
    )
    st.button(
        "Start",
        key="vllm:start",
        icon=":material/play_arrow:",
        on_click=start,
        args=(state.click_token(SERVE),),
    )
    where = "the GPU" if environment.build == "gpu" else "the processor, which suits small models"
    st.caption(f"It runs on {where}, takes about a minute to start, and answers this computer only.")


def model_before() -> str:
    """The model that this card served last, or the one that everybody has."""
    job = last_job(SERVE)
    words = list(job.argv) if job else []
    return words[words.index("--model") + 1] if "--model" in words else DEFAULT_MODEL


def adapters_here() -> list[str]:
    """The LoRA folders of this studio, as NAME=PATH."""
    folder = settings().lora_path
    found = sorted(path.parent for path in folder.glob("**/adapter_config.json")) if folder.is_dir() else []
    return [f"{_adapter_name(path, folder)}={path}" for path in found]


def _adapter_name(path: Path, folder: Path) -> str:
    return "-".join(path.relative_to(folder).parts) or path.name


def draw_starting(job: Job) -> None:
    """What it says while it loads."""
    head(TITLE, ABOUT, STARTING)
    st.caption(
        f"For {duration(time.time() - job.started)} now. A model that is not here yet is fetched first."
    )
    stop_button(job, PLACE)
    draw_log(job)


def draw_running(servers: list[ServerInfo]) -> None:
    """Where each answers, what it serves, and how it is named in the studio."""
    head(TITLE, ABOUT, SERVED)
    for server in servers:
        name = server.names[0]
        st.markdown(f"**{plain(name)}** answers at {code(server.base_url)}")
        names = ", ".join(code(f"vllm/{each}") for each in (name, *server.adapters))
        st.caption(f"Use it as {names}.")
        stop_it = f"vllm:stop:{name}"
        st.button("Stop server", key=stop_it, icon=":material/stop_circle:", on_click=stop, args=(server,))
        draw_log_of(server)


def draw_log_of(server: ServerInfo) -> None:
    """What it printed, where a job of ours holds it."""
    job = next((job for job in Jobs(settings()).list(active_only=True) if job.id == server.job), None)
    if job is not None:
        with st.expander("What it printed", icon=":material/terminal:", type="compact"):
            draw_log(job)


def draw_failure(job: Job | None) -> None:
    """Why the last attempt failed, what to do, and what it printed."""
    if job is None or job.state in ("done", "cancelled") or job.active:
        return
    st.markdown(f":red[:material/error:] {plain(job.message)}")
    with st.expander("What it printed", icon=":material/terminal:", type="compact"):
        draw_log(job)


# ---- callbacks


def install(token: str) -> None:
    """Start the installation."""
    if refused(PLACE):
        return
    launch(["setup", NAME], title="Install vLLM", subject=SETUP, token=token, page=PLACE)
    state.spend_token(SETUP)


def start(token: str) -> None:
    """Start the server with what the fields say."""
    if refused(PLACE):
        return
    model = str(state.widget(MODEL) or "").strip() or DEFAULT_MODEL
    words = verb_words("serve vllm", None, {"model": model})
    for adapter in state.widget(ADAPTERS) or []:
        words += ["--adapter", str(adapter)]
    launch(words, title=f"Serve {model} with vLLM", subject=SERVE, token=token, page=PLACE)
    state.spend_token(SERVE)


def stop(server: ServerInfo) -> None:
    """End a server; in a shared studio only one's own, or as an admin."""
    if server.job:
        cancel(server.job, PLACE)
        return
    if refused(PLACE):
        return
    try:
        stop_vllm(settings(), server.names[0])
    except CoreError as error:
        state.complain(PLACE, str(error))
        return
    state.say_once("Stopped.", ":material/stop_circle:")
