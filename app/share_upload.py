"""The Share page's way to Hugging Face: what would leave, file by file, before anything does."""

from __future__ import annotations

import streamlit as st

from app import state
from app.launch import active_job, last_job, launch
from app.reads import settings
from app.rights import refusal
from app.sidebar import title_of
from app.widgets import job_progress, plain
from app.wording import size
from core.errors import CoreError
from core.stages.upload import Target, What, plan_upload

PAGE = "share"
CHOICES: dict[str, str] = {
    "adapter": "The trained adapter",
    "dataset": "The pairs",
    "both": "Both, in two repositories",
}


def subject_of(name: str) -> str:
    """What an upload's job is about."""
    return f"upload:{name}"


def upload_words(name: str, repo: str, what: str, *, private: bool) -> list[str]:
    """The command that uploads."""
    flags = [] if what == "adapter" else [f"--{what}"]
    return ["upload", name, "--repo", repo or "user/name", *flags, *([] if private else ["--public"])]


def draw_upload(name: str) -> list[str]:
    """Where to, what, who may see it, everything that would leave, and the button."""
    st.subheader("Put it on Hugging Face", anchor=False)
    st.caption(
        "With a page that says what it is, what was measured over how many prompts, what was not, and how "
        "to load it. You see every file first."
    )
    left, right = st.columns(2)
    with left:
        repo = st.text_input(
            "Repository", key="hub-repo", placeholder=f"your-name/{name}", bind="query-params"
        ).strip()
    with right:
        what = st.selectbox(
            "What", list(CHOICES), key="hub-what", format_func=CHOICES.__getitem__, bind="query-params"
        )
    private = st.toggle(
        "Only you can see it",
        value=True,
        key="hub-private",
        help="Into a repository that is there already and that everybody sees, nothing is put then.",
    )
    words = upload_words(name, repo, what, private=private)
    if running := active_job(subject_of(name)):
        job_progress(running, PAGE)
        return words
    if repo:
        _offer(name, repo, what, words)
    _outcome(name)
    return words


def _offer(name: str, repo: str, what: str, words: list[str]) -> None:
    """Every file and its size, the card, and the button that sends them."""
    try:
        targets = plan_upload(settings(), name, repo, _what(what))
    except CoreError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    for target in targets:
        _draw_target(target)
    has_token = settings().token("HF_TOKEN") is not None
    if not has_token:
        st.caption(
            "It needs HF_TOKEN, a token with write access from your Hugging Face settings: set it in the "
            "environment or in the .env file, then open this page again."
        )
    why_not = refusal(words)
    if why_not:
        st.caption(why_not)
    total = size(sum(target.size for target in targets))
    st.button(
        f"Upload {total}",
        key="upload",
        icon=":material/cloud_upload:",
        disabled=not has_token or bool(why_not),
        on_click=_upload,
        args=(name, words, state.click_token(f"upload:{name}")),
    )


def _what(what: str) -> What:
    return "dataset" if what == "dataset" else "both" if what == "both" else "adapter"


def _draw_target(target: Target) -> None:
    kind = "Data set" if target.kind == "dataset" else "Adapter"
    with st.container(border=True, key=f"target-{target.kind}"):
        st.markdown(f"**{kind}** {plain(target.repo)}, {len(target.items)} files, {size(target.size)}")
        st.caption(plain(" · ".join(f"{item.name} {size(item.size)}" for item in target.items)))
        card = target.items[0].content
        with st.expander("The page in front of it", icon=":material/article:"):
            st.code(card.decode() if isinstance(card, bytes) else "", language=None, wrap_lines=True)


def _upload(name: str, words: list[str], token: str) -> None:
    state.spend_token(f"upload:{name}")
    launch(words, title=f"Upload of {title_of(name)}", subject=subject_of(name), token=token, page=PAGE)


def _outcome(name: str) -> None:
    """What came of the last upload."""
    job = last_job(subject_of(name))
    if job is None or job.active:
        return
    if job.state == "done":
        st.badge("Uploaded", icon=":material/check:", color="green")
    elif job.message:
        st.error(plain(job.message), icon=":material/error:")
