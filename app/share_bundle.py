"""The Share page's bundles: make one, see what is in it, download it; bring one in under a free name."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import streamlit as st

from app import state
from app.launch import active_job, last_job, launch
from app.make_mine import draw_mine
from app.reads import settings
from app.rights import import_refusal
from app.sidebar import title_of
from app.state.sharing import received, set_received
from app.widgets import job_progress, plain, plain_text
from app.wording import counted, size
from core.constitution import slug_for
from core.errors import CoreError
from core.jobs import Job
from core.sample import is_sample
from core.settings import Settings
from core.slugs import check_name
from core.stages.bundle import newest_run, read_bundle
from core.stages.bundle_import import name_for
from core.store.atomic import write_atomic
from core.store.bundle import Manifest
from core.store.library import Library

PAGE = "share"
LARGEST_UPLOAD_MB = 500
UPLOADS_KEPT_S = 24 * 3600.0
WORDS = {
    "constitution": "the character and its prompts",
    "run": "answers, pairs and decisions",
    "evals": "checks",
    "training": "how training went",
    "adapter": "adapter",
    "report": "report",
}


def bundle_path(name: str) -> Path:
    """Where the page keeps a character's bundle."""
    return settings().data_path / "bundles" / f"{name}.zip"


def export_words(name: str, *, adapter: bool = False, reviewers: bool = False) -> list[str]:
    """The command that makes a character's bundle."""
    words = ["bundle", "export", name, "--output", str(bundle_path(name))]
    return [*words, *["--with-adapter"] * adapter, *["--with-reviewers"] * reviewers]


def draw_make(name: str) -> list[str]:
    """What goes in, the button, and the finished file; returns the words of the command."""
    st.subheader("Hand it on as one file", anchor=False)
    run = newest_run(settings(), name)
    st.caption(
        "The character with its answers, pairs, decisions, checks and report. Another studio imports "
        "it and goes on without asking a model again. No keys and no folders of this computer are in it."
        if run
        else "So far there is only the character itself and its prompts. Nothing else was made yet."
    )
    adapter, reviewers = _choices(name) if run else (False, False)
    words = export_words(name, adapter=adapter, reviewers=reviewers)
    running = active_job(_subject(name))
    if running is not None:
        job_progress(running, PAGE)
    elif is_sample(name):
        draw_mine(PAGE)
    else:
        key = f"bundle:{name}"
        st.button(
            "Make the bundle",
            key="make-bundle",
            type="primary",
            icon=":material/package_2:",
            on_click=_make,
            args=(name, words, state.click_token(key)),
        )
        _failure(last_job(_subject(name)))
        draw_made(name)
    return words


def _subject(name: str) -> str:
    return f"bundle:{name}"


def _choices(name: str) -> tuple[bool, bool]:
    weights = sum(path.stat().st_size for path in settings().lora_path.glob(f"*/{name}/**/adapter*.*"))
    with st.container(horizontal=True):
        adapter = st.toggle(
            f"With the adapter ({size(weights)})" if weights else "With the adapter",
            key="with-adapter",
            bind="query-params",
            disabled=not weights,
            help="What the student learned. Without it the checks can be read and the student taught anew.",
        )
        reviewers = st.toggle(
            "With the names of reviewers",
            key="with-reviewers",
            bind="query-params",
            help="Otherwise they are called person 1, person 2 and so on.",
        )
    return bool(adapter and weights), reviewers


def _make(name: str, words: list[str], token: str) -> None:
    state.spend_token(f"bundle:{name}")
    launch(words, title=f"Bundle of {title_of(name)}", subject=_subject(name), token=token, page=PAGE)


def _failure(job: Job | None) -> None:
    """Why the last try ended, where it did not end well."""
    if job is not None and job.state == "failed":
        st.error(
            plain(job.message or "It could not be done; the job's log says why."), icon=":material/error:"
        )


def draw_made(name: str) -> None:
    """The file that was made last, with what it says of itself."""
    path = bundle_path(name)
    if not path.is_file():
        return
    try:
        about = read_bundle(path)
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    at = time.strftime("%d %B, %H:%M", time.localtime(path.stat().st_mtime)).lstrip("0")
    with st.container(border=True, key="made-bundle"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(path.name)}**", width="content")
            st.caption(f"{size(path.stat().st_size)}, made {at}")
            st.download_button(
                "Download",
                path.read_bytes,
                path.name,
                "application/zip",
                icon=":material/download:",
                on_click="ignore",
                key="download-bundle",
            )
        draw_contents(about)


def draw_contents(about: Manifest) -> None:
    """What a bundle holds, in words."""
    plain_text(", ".join(WORDS.get(part, part) for part in about.parts).capitalize() + ".")
    counts = [counted(count, what.removesuffix("s")) for what, count in about.counts.items()]
    if counts:
        st.caption(plain(" · ".join(counts)))
    for note in about.notes:
        st.caption(plain(note))


# ---- bringing one in


def draw_bring_in() -> None:
    """A file, what it says of itself, the name it will have, and the button."""
    st.subheader("Bring one in", anchor=False)
    st.caption(
        "A bundle that somebody handed you. All of it is checked before anything is written, and nothing "
        "of yours is overwritten. Cards, YAML and biographies have a page of their own."
    )
    st.button(
        "Bring in a card or a biography",
        key="to-bring-in",
        type="tertiary",
        icon=":material/person_add:",
        on_click=state.request_page,
        args=("views/bring_in.py",),
    )
    uploaded = st.file_uploader(
        "Bundle", type=["zip"], key="bundle-file", max_upload_size=LARGEST_UPLOAD_MB
    )
    if uploaded is not None:
        try:
            draw_offer(_kept(uploaded.file_id, uploaded.getvalue()))
        except CoreError as error:
            st.error(plain(str(error)), icon=":material/error:")
    draw_outcome()


def _kept(mark: str, data: bytes) -> Path:
    """Where the uploaded file lies on this computer; written once."""
    known = received()
    if known and known[0] == mark and Path(known[1]).is_file():
        return Path(known[1])
    path = settings().data_path / ".uploads" / f"{slug_for(mark)}.zip"
    sweep(path.parent, older_than=time.time() - UPLOADS_KEPT_S)
    write_atomic(path, data, mode=0o600)
    set_received(mark, str(path))
    return path


def sweep(folder: Path, *, older_than: float) -> None:
    """Remove what was uploaded before a moment: each file was brought in by then, or never will be."""
    for path in folder.glob("*.zip"):
        with suppress(OSError):
            if path.stat().st_mtime < older_than:
                path.unlink()


def draw_offer(path: Path) -> None:
    """What would come in, and under which name. Raises RunError for what is no bundle."""
    about = read_bundle(path)
    with st.container(border=True, key="offered-bundle"):
        st.markdown(f"**{plain(title_of(about.character))}**")
        draw_contents(about)
        proposed = free_name_for(settings(), about)
        typed = st.text_input("Its name here", value=proposed, key=f"bundle-name:{path.stem}", max_chars=64)
        name = slug_for(typed or proposed)
        if proposed != about.character:
            st.caption(f"You have another {plain(about.character)}, so this one gets a name of its own.")
        elif is_here(about):
            st.caption(f"The same {plain(about.character)} is here. Prompts of the bundle join its own.")
        words = ["bundle", "import", str(path), *(["--as", name] if name != about.character else [])]
        running = active_job("bundle-import") is not None
        why_not = import_refusal(about.bytes, about.parts)
        if why_not:
            st.caption(why_not)
        st.button(
            "Bring it in",
            key="bring-in-bundle",
            icon=":material/download_done:",
            disabled=running or bool(check_name(name)) or bool(why_not),
            on_click=_bring_in,
            args=(words, about.character, state.click_token(f"bring-in:{path.stem}:{name}")),
        )


def free_name_for(found: Settings, about: Manifest) -> str:
    """The bundle's own name where it is free or the same character, else the next free one."""
    library = Library(found)
    try:
        if library.revision(about.character) is None:
            return about.character
        here = library.load(about.character).constitution
        return (
            about.character
            if here.content_hash == about.constitution_sha256
            else name_for(found, about.character)
        )
    except CoreError:
        return name_for(found, about.character)


def is_here(about: Manifest) -> bool:
    """Whether a character of the bundle's name is here."""
    try:
        return Library(settings()).revision(about.character) is not None
    except CoreError:
        return False


def _bring_in(words: list[str], name: str, token: str) -> None:
    launch(words, title=f"Bringing in {title_of(name)}", subject="bundle-import", token=token, page=PAGE)


def draw_outcome() -> None:
    """The import under way, or what came of the last one."""
    job = last_job("bundle-import")
    if job is None:
        return
    if active_job("bundle-import") is not None:
        job_progress(job, PAGE)
        return
    _failure(job)
    about = _imported(job) if job.state == "done" else None
    if about is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(f"{title_of(about.character)} is here", icon=":material/check:", color="green")
            st.button(
                "Open its pairs",
                key="open-imported",
                icon=":material/compare_arrows:",
                type="tertiary",
                on_click=_open,
                args=(about,),
            )


def _imported(job: Job) -> Manifest | None:
    """What the bundle of a finished import said of itself; None where its file is gone."""
    argv = list(job.argv)
    try:
        about = read_bundle(Path(argv[argv.index("import") + 1]))
    except (CoreError, ValueError, IndexError):
        return None
    return replace(about, character=argv[argv.index("--as") + 1]) if "--as" in argv else about


def _open(about: Manifest) -> None:
    """Go to the pairs, with the models that made them chosen."""
    for role in ("teacher", "student"):
        if models := about.models.get(role):
            state.fill(role, models[0])
    state.choose_character(about.character)
    state.request_page("views/pairs.py")
