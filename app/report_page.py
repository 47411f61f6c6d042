"""The report: what it will hold, what is missing, the button that makes it, and the file itself."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from app import state
from app.check_kinds import ABOUTS, About
from app.check_names import title_now
from app.check_reads import Kept, kept_results
from app.commands import verb_words
from app.job_card import draw_ended_badly, draw_progress
from app.launch import active_job, cancel, launch
from app.launch_quote import sentence_case
from app.lineage_strip import draw_stale_note
from app.links import link_to
from app.reads import library, run_of_character
from app.sidebar import title_of
from app.state.address import in_address
from app.widgets import command, page_head, plain, standing_complaint
from app.wording import ago
from core.cli import character
from core.constitution import Constitution
from core.errors import CoreError
from core.stages.evals.gate import present
from core.store.looks import look
from core.store.runs import Run

PAGE = "report"
RATE = About(
    "rate", "Rate blind", "what do people prefer, not knowing which is which", "", "", "", file="rate"
)
PARTS = (*ABOUTS, RATE)
TEACHES = (
    "Here everything that was measured becomes one page that anyone can read: the character, what its data "
    "teaches, before and after, what to be careful about, and how to repeat it. It opens without a network "
    "and prints well."
)
LARGEST_PREVIEW = 8_000_000
HEIGHT = 900


def page() -> None:
    """The whole page for the chosen character."""
    name = state.character()
    page_head(
        plain(title_of(name)) if name else "Report",
        "Report: everything measured, in one file.",
        term="report",
    )
    if name is None:
        st.info("Choose a character first.")
        return
    standing_complaint(PAGE)
    try:
        draw_stale_note(name, "report")
        draw(name, library().load(name).constitution)
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")


def subject(name: str) -> str:
    """What a character's reports are about, as jobs."""
    return f"{PAGE}:{name}"


def draw(name: str, constitution: Constitution) -> None:
    """The file, or what will be in it; the button; what is missing."""
    running = active_job(subject(name)) is not None
    # One flat fragment, which asks every second only while the report is made.
    st.fragment(live, run_every=1.0 if running else None)(name, running)
    if not running:
        draw_ended_badly(subject(name), PAGE)
    parts = {about: next(iter(kept_results(name, about.kind)), None) for about in PARTS}
    file = report_of(name, constitution)
    newer = newer_than(file, parts) if file else []
    if file is None:
        st.markdown(TEACHES)
    else:
        draw_file(name, file, newer)
    draw_make(name, parts, running, again=file is not None, wanted=file is None or bool(newer))
    if file is not None:
        draw_preview(file)
    draw_parts(parts)
    command(words_of(name))


def words_of(name: str) -> list[str]:
    """The command that makes the report."""
    return verb_words("report", None, {"constitution": name})


def report_of(name: str, constitution: Constitution) -> Path | None:
    """The report of the character's present version; None before the first."""
    run = run_of_character(constitution.run_id)
    path = run.folder / "report" / f"{name}.html" if run else None
    return path if path and path.exists() else None


def live(name: str, was_running: bool) -> None:
    """The report under way; the page is drawn once more when it begins or ends."""
    job = active_job(subject(name))
    if was_running != (job is not None):
        st.rerun()
    if job is None:
        return
    with st.container(border=True):
        draw_progress(job)
        stop = f"stop:{job.id}"
        st.button("Stop", key=stop, icon=":material/stop_circle:", on_click=cancel, args=(job.id, PAGE))
    state.show_sayings()


# ---- the file


def newer_than(file: Path, parts: dict[About, Kept | None]) -> list[str]:
    """What was measured after a report was made."""
    made = file.stat().st_mtime
    return [title_now(about) for about, kept in parts.items() if kept and kept.result.made_at > made]


def draw_file(name: str, file: Path, newer: Sequence[str]) -> None:
    """When it was made, whether something newer was measured, and both forms to take along."""
    made = file.stat().st_mtime
    with st.container(gap="xxsmall"):
        st.subheader(plain(f"The report of {title_of(name)} is there"), anchor=False)
        st.caption(f"Made {ago(time.time() - made)}.")
    if newer:
        text = f"Measured since then: {', '.join(newer)}. Make it again to bring that in."
        st.markdown(f":orange[:material/history:] {plain(text)}")
    with st.container(horizontal=True, vertical_alignment="center"):
        download("Download the page", file, "text/html", primary=not newer)
        data = file.with_suffix(".json")
        if data.exists():
            download("Download the numbers", data, "application/json", primary=False)


def download(label: str, path: Path, mime: str, *, primary: bool) -> None:
    """A file to take along; read when it is asked for."""
    st.download_button(
        label,
        path.read_bytes,
        path.name,
        mime,
        key=f"{PAGE}:{path.suffix}",
        type="primary" if primary else "secondary",
        icon=":material/download:",
    )


def draw_preview(file: Path) -> None:
    """The report itself, in a frame of its own that can reach nothing of the studio."""
    key = f"{PAGE}:preview"
    if not st.toggle("Read it here", key=in_address(key, True), persist_state="session"):
        return
    if file.stat().st_size > LARGEST_PREVIEW:
        st.caption("It is too large to show here; download it.")
        return
    st.iframe(framed(look(file)), height=HEIGHT, alt="The report")


@st.cache_data(max_entries=2, show_spinner=False)
def framed(stamp: tuple[str, int, int]) -> str:
    """The file as an address: a page of no origin, so that nothing in it can touch this one."""
    data = base64.b64encode(Path(stamp[0]).read_bytes()).decode()
    return f"data:text/html;charset=utf-8;base64,{data}"


# ---- the button and the parts


def draw_make(
    name: str, parts: dict[About, Kept | None], running: bool, *, again: bool, wanted: bool
) -> None:
    """The button, with what it takes."""
    if running:
        return
    there = sum(kept is not None for kept in parts.values())
    button = f"{PAGE}:make"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Make it again" if again else "Make the report",
            key=button,
            type="primary" if wanted and there else "secondary",
            icon=":material/article:",
            disabled="report" not in character.commands,
            on_click=make,
            args=(name, state.click_token(button), button),
        )
        st.caption(f"Free, some seconds. {there} of {len(parts)} parts are measured.", width="content")


def make(name: str, token: str, button: str) -> None:
    """Start making it; for callbacks."""
    title = f"Report of {title_of(name)}"
    launch(words_of(name), title=title, subject=subject(name), token=token, page=PAGE)
    state.spend_token(button)


def draw_parts(parts: dict[About, Kept | None]) -> None:
    """Every part with its sentence, and the way to those that are missing."""
    st.subheader("What is in it", anchor=False)
    for about, kept in parts.items():
        with st.container(gap=None):
            with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
                st.markdown(icon_of(kept), width="content")
                link_to(about.view, title_now(about))
            st.caption(plain(said(about, kept)))


def icon_of(kept: Kept | None) -> str:
    """Whether a part is there."""
    return ":green[:material/check_circle:]" if kept else ":gray[:material/radio_button_unchecked:]"


def said(about: About, kept: Kept | None) -> str:
    """A part's sentence, or what it would tell."""
    if kept is None:
        return f"Not measured yet: {about.question}?"
    headline = present(Run(kept.folder.parents[2]), kept.result).headline
    return sentence_case(headline) + ("" if kept.result.complete else " Incomplete.")
