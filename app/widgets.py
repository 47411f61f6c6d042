"""Pieces that several pages draw the same way."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from app import state
from app.commands import shell_line
from app.glossary import meanings
from app.launch import cancel
from app.links import lead_to
from core.diff import Span, reading
from core.jobs import Job


def page_head(title: str, caption: str, *, term: str = "") -> None:
    """A page's title and the sentence under it, which says on hover what a `term` of the glossary means.

    Several terms, with spaces between, are told one under the other.
    """
    st.title(title, anchor=False)
    st.caption(caption, help=meanings(*term.split()) if term else None)


def standing_complaint(page: str) -> None:
    """The error that a click on this page left, with a way to put it aside."""
    text = state.complaint(page)
    # Always a place, empty or not: a page below that moves would lose what is just being typed on it.
    with st.container(horizontal=True, vertical_alignment="center"):
        if text:
            st.error(plain(text), icon=":material/error:")
            st.button(
                "Dismiss",
                key=f"dismiss:{page}",
                type="tertiary",
                on_click=state.complain,
                args=(page, None),
            )


def command(words: Sequence[str] | list[list[str]]) -> None:
    """The command that does the same in a shell, folded."""
    lines = [words] if words and isinstance(words[0], str) else words
    with st.expander("For engineers: the same in a shell", icon=":material/terminal:"):
        st.code("\n".join(shell_line(list(line)) for line in lines), language="bash", wrap_lines=True)


MARKDOWN = str.maketrans({letter: f"\\{letter}" for letter in r"\`*_{}[]<>()#+-.!|~$:"})


# Streamlit makes links of bare addresses after all escaping. A joiner, which nobody sees, keeps them text.
ADDRESS = re.compile(r"(?<=://)|(?<=www)(?=\.)|(?<=\w@)(?=\w)", re.IGNORECASE)


def plain(text: str) -> str:
    """`text` escaped so that Streamlit's Markdown shows it letter by letter: no image, link or formula."""
    return ADDRESS.sub("\u2060", whole(text)).translate(MARKDOWN)


def whole(text: str) -> str:
    """`text` with a question mark for half of a sign, which no browser can be sent."""
    return text.encode("utf-8", "replace").decode()


def plain_text(text: str) -> None:
    """Text from anywhere, letter by letter; what cannot be shown of it is a question mark."""
    st.text(whole(text))


def escaped(text: str) -> str:
    """Text from anywhere for HTML of ours, in which nothing of it can act."""
    return html.escape(whole(text))


PARAGRAPH = "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.6;margin:0"
MARK = (
    "text-decoration:underline;text-decoration-color:rgba(201,110,50,.65);"
    "text-decoration-thickness:.12em;text-underline-offset:.22em"
)


def answer_text(spans: Sequence[Span]) -> None:
    """Model text as text, differing words marked. Everything is escaped: nothing in it can act."""
    pieces = (
        f'<span style="{MARK}">{escaped(span.text)}</span>' if span.differs else escaped(span.text)
        for span in spans
    )
    st.html(f'<p style="{PARAGRAPH}">{"".join(pieces)}</p>')


def dressed_text(pieces: Sequence[tuple[str, str, str]]) -> None:
    """Model text in pieces (text, style, what a pointer on it says), all but our own style escaped."""
    told = "".join(
        f'<span style="{style}" title="{escaped(says)}">{escaped(text)}</span>' if style else escaped(text)
        for text, style, says in pieces
    )
    st.html(f'<p dir="auto" style="{PARAGRAPH};unicode-bidi:isolate">{told}</p>')


GONE = "text-decoration:line-through;text-decoration-thickness:.08em;opacity:.72"
NEW = f"{MARK};font-weight:600"


def difference(before: str, after: str) -> None:
    """Two wordings read as one: what went struck out, what came underlined. Everything is escaped."""
    pieces = {
        "same": "{}",
        "gone": f'<del style="{GONE}">{{}}</del>',
        "new": f'<ins style="{NEW}">{{}}</ins>',
    }
    told = "".join(pieces[piece.mark].format(escaped(piece.text)) for piece in reading(before, after))
    st.html(f'<p style="{PARAGRAPH}">{told}</p>')


def stop_button(job: Job, page: str, help: str = "Finished work is kept.") -> None:
    """The button that ends a job; in a shared studio only its owner's or an admin's click counts."""
    st.button(
        "Stop",
        key=f"stop:{job.id}",
        icon=":material/stop_circle:",
        on_click=cancel,
        args=(job.id, page),
        help=help,
    )


def progress_line(job: Job) -> None:
    """What a running job does and how far it is, as a bar."""
    progress = job.progress
    done, planned = (progress.done, progress.planned) if progress else (0, 0)
    share = min(1.0, done / planned) if planned else 0.0
    stage = {
        "teacher": "The teacher speaks",
        "student": "The student answers",
        "prompts": "Writing prompts",
        "drafts": "Writing",
    }
    label = stage.get(progress.stage, progress.stage) if progress and progress.stage else "Starting"
    failed = f", {progress.failed} failed" if progress and progress.failed else ""
    st.progress(share, text=f"{label}: {done} of {planned}{failed}" if planned else f"{label} …")


def job_progress(job: Job, page: str) -> None:
    """A running job: what it does, how far it is, and the button that stops it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        progress_line(job)
        stop_button(job, page, "Finished answers are kept.")
    if job.progress and job.progress.note:
        st.caption(plain(job.progress.note))


def next_step(label: str, page: str, caption: str) -> None:
    """The one thing to do next, and what it takes."""
    st.subheader("Next step", anchor=False)
    if st.button(
        label, type="primary", icon=":material/arrow_forward:", width="stretch", key=f"next:{page}"
    ):
        lead_to(page)
    st.caption(caption)


def style_sheet() -> None:
    """What the theme cannot say, from `style.css`; takes no room on the page."""
    st.html(Path(__file__).with_name("style.css"))


def link_here(label: str, path: str) -> None:
    """A link that opens in this tab; Streamlit's own would open another. For words and paths of ours."""
    place = f'href="{html.escape(path, quote=True)}" target="_self" style="color:inherit;font-size:.875rem"'
    st.html(f"<a {place}>{html.escape(label)}</a>")
