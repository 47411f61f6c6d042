"""Lineage in the words of pages: marks, the line of the sidebar, cards, and the next step. Pure."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from app.wording import counted
from core.lineage import Adapter, DataSet, Lineage, Link, Mark

# A word and an icon with every colour.
MARKS: dict[Mark, str] = {
    "current": ":green[:material/check_circle:] Up to date",
    "stale": ":orange[:material/history:] Stale",
    "unknown": ":gray[:material/help:] Made elsewhere",
}
NOT_YET = ":gray[:material/radio_button_unchecked:] Not yet"
KINDS = {"dpo": "pairs", "sft": "its own words", "merged": "pairs and its own words", "trial": "a trial"}
MOST_REASONS = 8
CHECK = "the check of "
# Checks whose technical name is no plain word.
CHECKED = {"data": "the pairs", "prefill": "long talks"}


@dataclass(frozen=True, slots=True)
class Card:
    """One link of the picture: what it is, what it says, its mark, and the page that it leads to."""

    title: str
    line: str
    mark: str
    page: str
    icon: str


@dataclass(frozen=True, slots=True)
class Step:
    """The one thing to do next. `page` is where; "" where this page does it itself."""

    label: str
    page: str
    caption: str


def clock(at: float | None, now: float) -> str:
    """A moment as short as it can be: "12:04" today, else "3 Nov"."""
    if not at:
        return ""
    then, today = time.localtime(at), time.localtime(now)
    if then[:3] == today[:3]:
        return time.strftime("%H:%M", then)
    return f"{then.tm_mday} {time.strftime('%b', then)}"


def version_line(found: Lineage, *, draft: bool, now: float) -> str:
    """The sidebar's first line: "Version 4 of 12:04 · saved"."""
    version, at = found.chain.now, clock(found.chain.now.saved_at, now)
    title = version.title.capitalize() if version.number else "A version from elsewhere"
    state = "a draft waits" if draft else ("saved" if at else "as shipped")
    return f"{title}{f' of {at}' if at else ''} · {state}"


def cards(found: Lineage) -> list[Card]:
    """The chain from left to right: constitution, pairs, model, checks, report."""
    return [_constitution(found), _pairs(found), _model(found), _checks(found), _report(found)]


def _constitution(found: Lineage) -> Card:
    now = found.chain.now
    character = now.constitution
    said = ""
    if character is not None:
        traits = counted(len(character.traits), "trait")
        said = f"{now.title.capitalize()} · {traits}, {counted(len(character.exchanges), 'exchange')}"
    return Card("Constitution", said, MARKS["current"], "views/traits.py", ":material/edit_note:")


def _pairs(found: Lineage) -> Card:
    link, icon = found.pairs, ":material/compare_arrows:"
    if link is None:
        return Card("Pairs", "Nothing was said yet", NOT_YET, "views/pairs.py", icon)
    return Card("Pairs", data_line(found, link.node), MARKS[link.mark], _page_of(link.node), icon)


def _page_of(data: DataSet) -> str:
    return "views/trial.py" if data.kind == "trial" else "views/pairs.py"


def data_line(found: Lineage, data: DataSet) -> str:
    """A data set in a line: "612 kept pairs · from version 3, 184 of them from version 2"."""
    # Of a trial they are all that were made; of a data set, those that were kept when it was written.
    noun = {"sft": "conversation", "dpo": "kept pair"}.get(data.kind, "pair")
    version = found.chain.versions.get(data.version or "")
    origin = f" · from {version.title}" if version else ""
    carried = ", ".join(
        f"{count:,} of them from {_title(found, sha)}" for sha, count in data.carried.items()
    )
    trial = " of a trial" if data.kind == "trial" else ""
    return f"{counted(data.pairs, noun)}{trial}{origin}{f', {carried}' if carried else ''}"


def _title(found: Lineage, sha: str) -> str:
    version = found.chain.versions.get(sha)
    return version.title if version else "an earlier version"


def _model(found: Lineage) -> Card:
    link, icon = found.model, ":material/model_training:"
    if link is None:
        return Card("Model", "Nothing was trained yet", NOT_YET, "views/train.py", icon)
    page = "views/trial.py" if link.node.kind == "trial" else "views/train.py"
    learned = found.data_of(link.node)
    return Card("Model", adapter_line(link.node, learned and learned.node), MARKS[link.mark], page, icon)


def adapter_line(adapter: Adapter, learned: DataSet | None = None) -> str:
    """An adapter in a line: "smollm2-135m learned from 48 pairs of a trial"."""
    what = KINDS[adapter.kind]
    if learned is not None and adapter.kind == "dpo":
        of = " of a trial" if learned.kind == "trial" else ""
        what = f"{counted(learned.pairs, 'pair')}{of}"
    return f"{adapter.student} learned from {what}"


def _checks(found: Lineage) -> Card:
    icon, page = ":material/monitoring:", "views/check_traits.py"
    if not found.checks:
        return Card("Checks", "Nothing was measured yet", NOT_YET, page, icon)
    stale = sum(link.mark == "stale" for link in found.checks)
    unknown = sum(link.mark == "unknown" for link in found.checks)
    mark: Mark = "stale" if stale else ("unknown" if unknown else "current")
    of = f", {stale} of them stale" if stale else ""
    return Card("Checks", f"{counted(len(found.checks), 'kind')} measured{of}", MARKS[mark], page, icon)


def _report(found: Lineage) -> Card:
    link, icon, page = found.report, ":material/article:", "views/report.py"
    if link is None:
        return Card("Report", "Not written yet", NOT_YET, page, icon)
    return Card("Report", "Written", MARKS[link.mark], page, icon)


# ---- why


def why_stale(found: Lineage) -> list[tuple[str, str]]:
    """Each thing that happened, and what was made before it: ("Trait 3 was reworded", "the pairs …")."""
    told: dict[str, list[str]] = {}
    for title, link in _named(found):
        if link is None or link.mark != "stale":
            continue
        for reason in link.reasons:
            names = told.setdefault(reason.partition(" after ")[0].rstrip("."), [])
            if title not in names:
                names.append(title)
    return [(cause, listed(_checks_together(titles))) for cause, titles in told.items()]


def _named(found: Lineage) -> list[tuple[str, Link[Any] | None]]:
    return [
        ("the pairs", found.pairs),
        ("the model", found.model),
        *((f"{CHECK}{CHECKED.get(link.node.kind, link.node.kind)}", link) for link in found.checks),
        ("the report", found.report),
    ]


def _checks_together(titles: list[str]) -> list[str]:
    """Many checks as a number: nobody reads seven names."""
    checks = [title for title in titles if title.startswith(CHECK)]
    if len(checks) < 3:
        return titles
    told = f"{len(checks)} checks"
    named = [told if title == checks[0] else title for title in titles]
    return [title for title in named if title not in checks[1:]]


def listed(titles: list[str]) -> str:
    """Names as a sentence says them: "the pairs, the model and the report"."""
    return titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"


def shown_causes(told: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], int]:
    """The first causes, and how many more there are."""
    return told[:MOST_REASONS], max(0, len(told) - MOST_REASONS)


# ---- the next step

ONE_TO_TWO = "Preview four answers on this computer: one to two minutes, free."
NO_EXCHANGES = (
    "It has none yet. A small model copies the voice it hears: without an example or two it answers as it "
    "always does, whatever the traits say. With them it can be heard."
)


def next_step_of(found: Lineage) -> Step:
    """The one thing that brings the character further, given what is there and what is stale."""
    pairs, model = found.pairs, found.model
    if pairs is None and (now := found.chain.now.constitution) is not None and not now.exchanges:
        return Step("Write two exchanges", "views/exchanges.py", NO_EXCHANGES)
    if pairs is None:
        return Step("See it speak", "views/pairs.py", ONE_TO_TWO)
    if pairs.mark == "stale" and pairs.node.kind == "dpo":
        return Step("Bring the pairs up to date", "", "")
    if pairs.mark == "stale":
        return Step("Try it again", "views/trial.py", "The whole path in miniature: minutes, free.")
    if model is None or model.mark == "stale":
        again = "again " if model else ""
        return Step(f"Train it {again}".strip(), "views/plan.py", "Time and price come before the click.")
    if not found.checks or any(link.mark == "stale" for link in found.checks):
        return Step("Measure it", "views/check_traits.py", "Whether each trait took hold, in minutes.")
    if found.report is None or found.report.mark == "stale":
        return Step("Write the report", "views/report.py", "Everything that was measured, in one file.")
    return Step("Talk with it", "views/before_after.py", "The same question, before and after training.")
