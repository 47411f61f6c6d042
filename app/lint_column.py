"""The Check column: what to mend and what to consider, each line opening its place and its mend.

A line is an expander. Opening it opens the trait in place; inside stand why it matters, the mend as a
difference, and the way to put it aside for good.
"""

from __future__ import annotations

from functools import partial

import streamlit as st

from app import state
from app.editor import Open, change
from app.links import link_to
from app.lint_reads import Checked, checked
from app.reads import library
from app.widgets import difference, plain, plain_text
from core.editing import Value
from core.errors import ConflictError, CoreError
from core.linting import RULES, Change, Finding, Fix, apply, place_of

MOST_SHOWN = 12
GROUPS = (("mend", "To mend"), ("consider", "To consider"))
PARTS = {
    "trait": "Trait",
    "clarification": "Clarification",
    "question": "Question",
    "exchange": "Exchange",
    "answer": "Answer",
    "add-trait": "New trait",
    "add-question": "Question, moved to the other trait",
    "remove-trait": "Trait",
}


def check_lines(opened: Open, here: str = "traits") -> None:
    """What is unfinished, then the findings by how grave they are, then those put aside.

    `here` is the page it stands on, "traits" or "exchanges"; what is on the other one gets a link.
    """
    found = checked(opened)
    draw_standing(opened, found)
    for severity, title in GROUPS:
        draw_group(opened, title, found.of(severity), here)
    draw_ignored(opened, found.ignored)


def draw_standing(opened: Open, found: Checked) -> None:
    """How the character stands, in one line; of a draft, what keeps it from being used."""
    for problem in opened.problems:
        text = str(problem)
        st.markdown(f":material/error: {plain(text[:1].upper() + text[1:])}")
    if opened.problems:
        st.caption("Until this is mended, the last complete version is used.")
        return
    traits, exchanges = (len(opened.value.get(part, [])) for part in ("traits", "exchanges"))
    clean = "" if found.shown else " Nothing to mend."
    st.markdown(
        f":material/check_circle: {_count(traits, 'trait')}, {_count(exchanges, 'exchange')}. Ready.{clean}"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def draw_group(opened: Open, title: str, findings: list[Finding], here: str) -> None:
    """A heading with its number, and a line for each finding."""
    if not findings:
        return
    st.caption(f"**{title}** · {len(findings)}")
    for finding in findings[:MOST_SHOWN]:
        draw_finding(opened, finding, here)
    if len(findings) > MOST_SHOWN:
        st.caption(f"{len(findings) - MOST_SHOWN} more show as these are mended.")


def draw_finding(opened: Open, finding: Finding, here: str) -> None:
    """One finding: closed a short line, open the whole story."""
    with st.expander(
        line_of(opened, finding),
        key=f"finding:{opened.name}:{finding.key}",
        on_change=show_place,
        args=(opened.name, finding),
    ):
        st.markdown(plain(f"{finding.message[:1].upper()}{finding.message[1:]}"))
        st.caption(plain(finding.why))
        if finding.fix:
            draw_changes(finding.fix)
        draw_answers(opened, finding, here)


def line_of(opened: Open, finding: Finding) -> str:
    """Where and what, in a few words."""
    where = _both_places(opened, finding) or place_of(finding, opened.value)
    title = RULES[finding.rule].title
    return f"{where[:1].upper()}{where[1:]}: {title}" if where else f"{title[:1].upper()}{title[1:]}"


def _both_places(opened: Open, finding: Finding) -> str:
    """Where two traits stand that a finding is about together; "" for any other finding."""
    ids = [trait["id"] for trait in opened.value.get("traits", [])]
    if finding.question or finding.trait not in ids or finding.also not in ids:
        return ""
    one, other = sorted((ids.index(finding.trait) + 1, ids.index(finding.also) + 1))
    return f"traits {one} and {other}"


def draw_changes(fix: Fix) -> None:
    """Every text that the mend changes, as a difference."""
    for change_ in fix.changes:
        st.caption(_what_happens(change_))
        difference(change_.old, change_.new)
        for question in change_.questions if change_.part == "add-trait" else ():
            difference("", question)


def _what_happens(change_: Change) -> str:
    part = PARTS[change_.part]
    return part if change_.old and change_.new else f"{part}, {'added' if change_.new else 'removed'}"


def draw_answers(opened: Open, finding: Finding, here: str) -> None:
    """What can be done about a finding."""
    with st.container(horizontal=True):
        if finding.fix:
            st.button(
                finding.fix.label,
                key=f"mend:{opened.name}:{finding.key}",
                icon=":material/auto_fix_high:",
                on_click=mend,
                args=(opened, finding),
            )
        st.button(
            "Ignore",
            key=f"ignore:{opened.name}:{finding.key}",
            type="tertiary",
            icon=":material/visibility_off:",
            help="Not shown again until its words change",
            on_click=put_aside,
            args=(opened.name, finding.key),
        )
        if here == "traits" and _both_places(opened, finding):
            st.button(
                "The other trait",
                key=f"other:{opened.name}:{finding.key}",
                type="tertiary",
                icon=":material/edit:",
                on_click=state.open_only,
                args=("trait", finding.also),
            )
        if finding.trait and here != "traits":
            link_to("views/traits.py", "The trait", icon=":material/edit_note:")
        if (finding.exchange or finding.rule == "no-exchanges") and here != "exchanges":
            link_to("views/exchanges.py", "The exchanges", icon=":material/forum:")


def draw_ignored(opened: Open, findings: list[Finding]) -> None:
    """What was put aside, and the way back."""
    if not findings:
        return
    with st.expander(f"Ignored · {len(findings)}", icon=":material/visibility_off:", key="ignored"):
        for finding in findings[:MOST_SHOWN]:
            with st.container(horizontal=True, vertical_alignment="center"):
                plain_text(line_of(opened, finding))
                st.button(
                    "Show again",
                    key=f"unignore:{opened.name}:{finding.key}",
                    type="tertiary",
                    on_click=put_aside,
                    args=(opened.name, finding.key, True),
                )


# ---- callbacks


def show_place(name: str, finding: Finding) -> None:
    """Open the trait that a finding is about, in its place, when the finding is opened."""
    if finding.trait and state.widget(f"finding:{name}:{finding.key}"):
        state.open_only("trait", finding.trait)


def mend(opened: Open, finding: Finding) -> None:
    """Make the mend that was shown, if its words still stand; undo takes it back."""
    fix = finding.fix
    if fix is None:
        return
    if change(opened, f"mended: {RULES[finding.rule].title}", partial(_mended, fix=fix), "mend"):
        state.say_once("Mended. Undo takes it back.", ":material/auto_fix_high:")


def _mended(value: Value, fix: Fix) -> Value:
    """The value with the fix; the value as it is where its words have changed or a click came twice."""
    try:
        return apply(value, fix)
    except ConflictError:
        return value


def put_aside(name: str, key: str, again: bool = False) -> None:
    """Put a finding aside, or show it again."""
    try:
        library().ignore(name, key, again=again)
        state.mend(name, "ignore")
    except CoreError as error:
        state.fail(name, "ignore", f"Not remembered: {error}")
