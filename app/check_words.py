"""What groups, speakers and judges are called on the Check pages. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from core.constitution import Constitution
from core.evaluation.results import BASE, NEUTRAL, PROMPTED, TUNED

SPEAKER_WORDS = {
    BASE: "Before training",
    PROMPTED: "Untrained, told to be the character",
    NEUTRAL: "Untrained, told to be nobody special",
    TUNED: "After training",
    "rejected": "Rejected: what the student says",
    "chosen": "Chosen: what the teacher says",
}
CONTROL_WORDS = {
    BASE: "the plain model",
    PROMPTED: "the plain model, told to be the character",
    NEUTRAL: "the plain model, told to be nobody special",
}
GROUP_WORDS = {
    "default": "asked plainly",
    "email": "in an e-mail",
    "json": "in JSON",
    "review": "in a code review",
    "everyday": "everyday questions",
}
GATES: dict[str, tuple[str, str, Literal["green", "orange", "red", "gray"]]] = {
    "pass": (":material/verified:", "Trustworthy judge", "green"),
    "caution": (":material/rule:", "Take with care", "orange"),
    "block": (":material/block:", "Not to be relied on", "red"),
    "unmeasured": (":material/help:", "Judge not measured", "gray"),
}


def who(label: str) -> str:
    """A speaker as a heading: "Before training", "After training", "After training, at 0.5"."""
    if label.startswith(f"{TUNED} at "):
        return f"After training, {label.removeprefix(f'{TUNED} ')}"
    return SPEAKER_WORDS.get(label, label)


def group_words(group: str, kind: str, titles: Mapping[str, str]) -> str:
    """What a group is: a trait's first words, "drop the role 3", "turn 5"."""
    if group in titles:
        return titles[group]
    if kind == "robustness" and group[:1] == "v" and group[1:].isdigit():
        return f"told to drop it, {int(group[1:]) + 1}"
    if kind == "prefill" and group.isdigit():
        return f"turn {group}"
    return GROUP_WORDS.get(group, group.replace("_", " ").replace("-", " "))


def titles_of(constitution: Constitution, details: Mapping[str, Any]) -> dict[str, str]:
    """What groups are called: traits by their id in plain words, ways of asking as their result does."""
    titles = {trait.id: trait.id.replace("-", " ").replace("_", " ") for trait in constitution.traits}
    variants = details.get("variants")
    for one in variants if isinstance(variants, list) else ():
        if isinstance(one, Mapping) and one.get("id"):
            titles[str(one["id"])] = str(one.get("title") or one["id"])
    return titles


def sentence_of(constitution: Constitution, group: str) -> str:
    """The sentence of the constitution that a group stands for; "" for what is no trait."""
    return next((trait.trait for trait in constitution.traits if trait.id == group), "")


def judge_sentence(judge: Mapping[str, Any]) -> str:
    """Who judged and what is known of it, in a line."""
    parts = [f"Judge: {judge.get('model', 'an unknown model')}"]
    parts += [str(judge[name]) for name in ("sentence", "family_warning") if judge.get(name)]
    return ". ".join(part.rstrip(". ") for part in parts) + "."
