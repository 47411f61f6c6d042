"""The pairs that people accepted, on their way out: how many, what they look like, where to, the file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import streamlit as st

from app import state
from app.glossary import spoken
from app.launch import active_job, launch
from app.reads import settings
from app.widgets import plain
from core.exports import (
    DESTINATIONS,
    TOLD,
    Destination,
    Encoder,
    Group,
    PairSource,
    entry_for_llamafactory,
    file_name,
    groups_of,
    preview,
    told_counts,
)

PAGE = "pairs"
# A browser keeps a download in memory; from here on a job writes the file to the disk instead.
MOST_AT_ONCE = 20_000
SHOWN_LETTERS = 160
MIME = {"csv": "text/csv", "jsonl": "application/jsonl"}


def draw_export(character: str, source: PairSource) -> list[str]:
    """Draw count, preview, destination and download; returns the words of the same command."""
    counts = source.counts()
    destination = choose_destination()
    groups = choose_groups(counts)
    total = sum(counts.get(group, 0) for group in groups)
    st.markdown(f"**{plain(told_counts(counts, groups))}**")
    if not total:
        st.caption(nothing(counts))
    else:
        sample(source, groups)
        hand_over(character, source, destination, groups, total)
    return words(character, destination, groups)


def choose_destination() -> Destination:
    """Where the pairs go; what the file is like stands below."""
    chosen: Destination = st.selectbox(
        "Where to",
        DESTINATIONS,
        key="to",
        format_func=lambda name: TOLD[name][0],
        bind="query-params",
        width=260,
    )
    st.caption(plain(TOLD[chosen][1]))
    return chosen


def choose_groups(counts: Mapping[Group, int]) -> frozenset[Group]:
    """Accepted pairs, and what else is to go with them."""
    with st.container(horizontal=True):
        undecided = st.toggle(
            f"With {counts.get('undecided', 0):,} that nobody decided about",
            key="with-undecided",
            bind="query-params",
            help=spoken("The checks pass them. The DPO file takes them as well."),
        )
        dropped = st.toggle(
            f"With {counts.get('dropped', 0):,} dropped",
            key="with-dropped",
            bind="query-params",
            help="Dropped by a person or a check; where the format has room for it, each says why.",
        )
    return groups_of(undecided=undecided, dropped=dropped)


def nothing(counts: Mapping[Group, int]) -> str:
    """Why there is nothing to hand over, and what to do."""
    if counts.get("undecided"):
        return "Nobody has accepted a pair yet. Keep some above, or take those that nobody decided about."
    return "No pair fits. Keep some above first."


def sample(source: PairSource, groups: frozenset[Group]) -> None:
    """The first three pairs that would leave."""
    rows = preview(source, groups)
    cells = [{name: cut(str(row[name])) for name in ("prompt", "chosen", "rejected")} for row in rows]
    st.dataframe(cells, hide_index=True, height="content", key="export-preview")


def cut(text: str) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text[: 4 * SHOWN_LETTERS].split())
    return line if len(line) <= SHOWN_LETTERS else line[: SHOWN_LETTERS - 1] + "…"


def hand_over(
    character: str, source: PairSource, destination: Destination, groups: frozenset[Group], total: int
) -> None:
    """The file itself: made when it is asked for, or by a job when it is large."""
    name = file_name(character, destination, total, date.today())
    if total > MOST_AT_ONCE:
        large(character, words(character, destination, groups), name)
    else:
        st.download_button(
            "Download",
            lambda: made(source, destination, groups),
            name,
            MIME["csv" if destination == "csv" else "jsonl"],
            icon=":material/download:",
            on_click="ignore",
            key="export-download",
        )
        st.caption(plain(name))
    if destination == "llamafactory":
        st.caption("Add this to LLaMA-Factory's dataset_info.json:")
        st.code(entry_for_llamafactory(name), language="json")


def made(source: PairSource, destination: Destination, groups: frozenset[Group]) -> bytes:
    """The whole file."""
    return b"".join(Encoder(destination).lines(source.rows(groups)))


def large(character: str, argv: list[str], name: str) -> None:
    """A button that has a job write the file."""
    subject = f"export:{character}"
    running = active_job(subject) is not None
    st.button(
        "Write the file",
        key="export-write",
        icon=":material/save:",
        on_click=launch,
        args=(argv,),
        kwargs={
            "title": f"Export of {character}",
            "subject": subject,
            "token": state.click_token("export"),
            "page": PAGE,
        },
    )
    folder = settings().data_path / "exports"
    st.caption(
        "It is being written; see the Jobs page."
        if running
        else plain(f"Too large for a browser to carry: it is written to {folder / name}.")
    )


def words(character: str, destination: Destination, groups: frozenset[Group]) -> list[str]:
    """The command that does the same."""
    flags = [f"--{group}" for group in ("undecided", "dropped") if group in groups]
    return ["export", "pairs", character, "--to", destination, *flags]
