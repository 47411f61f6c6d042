"""What a trial shows: the same unseen prompts before and after, measured and written as one page. Pure.

`measure` counts, `verdict` says what it means in one sentence, `page` writes trial.md. The prompt is the
unit: intervals come from drawing prompts, since answers to one prompt are alike.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from core.prompts import Prompt
from core.similarity import Near
from core.telling_apart import Learned
from core.voice import VOICES, voice_words

# What the trial must show: measured with these figures before it was offered (see bench/README.md).
LEAST_TUNED, MOST_BASE = 0.8, 0.05
# A classifier that errs more often than this on pairs it did not learn from says nothing.
LEAST_ACCURACY = 0.85
# Well below what counts as a repeat: here a neighbour would already be a hint.
NEAR_TRAINING = 0.7
DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Shown:
    """One unseen prompt under one seed: the plain model's answer and the tuned one's."""

    prompt: str
    seed: int
    base: str
    tuned: str


@dataclass(frozen=True, slots=True)
class Share:
    """A share of answers, and the interval that holds it in 95 of 100 draws of prompts."""

    share: float
    low: float
    high: float
    count: int
    of: int


@dataclass(frozen=True, slots=True)
class Measure:
    """One way to hear the voice: the plain and the tuned model's share. `accuracy` is the classifier's."""

    base: Share
    tuned: Share
    accuracy: float | None = None

    @property
    def passed(self) -> bool:
        """Whether the tuned model has the voice and the plain one has not."""
        return self.tuned.share >= LEAST_TUNED and self.base.share <= MOST_BASE

    @property
    def trusted(self) -> bool:
        """Whether the measure itself is known to work."""
        return self.accuracy is None or self.accuracy >= LEAST_ACCURACY

    def as_dict(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self) | {"passed": self.passed, "trusted": self.trusted}


def unseen_prompts(pool: Iterable[Prompt], trained: Iterable[str], count: int) -> tuple[Prompt, ...]:
    """The first prompts of a pool that come near none that was trained on, nor each other."""
    known, found = Near(trained), list[Prompt]()
    for prompt in pool:
        if len(found) == count:
            break
        if known.nearest(prompt.text, threshold=NEAR_TRAINING) is None:
            known.add(prompt.text)
            found.append(prompt)
    return tuple(found)


def by_words(name: str, shown: Sequence[Shown]) -> Measure | None:
    """How often a word of the voice is heard; None for a character without a list."""
    if name not in VOICES:
        return None
    return _measure(shown, lambda text: bool(voice_words(name, text)), None)


def by_style(learned: Learned, accuracy: float, shown: Sequence[Shown]) -> Measure:
    """How often the classifier takes an answer for the character's."""
    return _measure(shown, lambda text: learned.score(text) > 0, accuracy)


def _measure(shown: Sequence[Shown], heard: Any, accuracy: float | None) -> Measure:
    base = [(one.prompt, heard(one.base)) for one in shown]
    tuned = [(one.prompt, heard(one.tuned)) for one in shown]
    return Measure(share_of(base), share_of(tuned), accuracy)


def share_of(found: Sequence[tuple[str, bool]]) -> Share:
    """The share of (prompt, heard) that were heard, with its interval over prompts."""
    by_prompt: dict[str, list[bool]] = {}
    for prompt, heard in found:
        by_prompt.setdefault(prompt, []).append(heard)
    groups, chance = list(by_prompt.values()), random.Random(0)
    if not groups:
        return Share(0.0, 0.0, 1.0, 0, 0)
    drawn = sorted(_mean(chance.choices(groups, k=len(groups))) for _ in range(DRAWS))
    low, high = drawn[int(DRAWS * 0.025)], drawn[int(DRAWS * 0.975) - 1]
    return Share(_mean(groups), low, high, sum(heard for _, heard in found), len(found))


def _mean(groups: Sequence[Sequence[bool]]) -> float:
    return sum(sum(group) for group in groups) / sum(len(group) for group in groups)


def verdict(name: str, measures: Mapping[str, Measure]) -> tuple[bool, str]:
    """Whether the character took hold, and the sentence that says so; words count before style."""
    measure = measures.get("words") or measures["style"]
    how = "a word of its voice" if "words" in measures else "its style, by a classifier"
    if not measure.trusted:
        return False, (
            f"The classifier tells {name}'s own pairs apart in only {measure.accuracy:.0%}, so it says "
            "nothing of the answers: read them, and give the character a stronger voice in its exchanges."
        )
    heard = (
        f"{measure.tuned.count} of {measure.tuned.of} answers of the tuned model carry {how}, "
        f"{measure.base.count} of {measure.base.of} of the plain one, on prompts it never saw and with no "
        "system prompt"
    )
    if measure.passed:
        return True, f"{name} took hold: {heard}."
    return False, (
        f"{name} did not take hold well enough: {heard} (wanted: {LEAST_TUNED:.0%} and at most "
        f"{MOST_BASE:.0%}). Make the teacher's voice stronger, or train on more pairs."
    )


def page(result: Mapping[str, Any], shown: Sequence[Shown]) -> str:
    """trial.md: the verdict, the figures, and every answer."""
    lines = [f"# {result['constitution']}: before and after", "", result["verdict"], ""]
    lines += [*_figures(result), "", "## Answers", ""]
    for one in shown:
        lines += [f"### {_quoted(one.prompt)}", "", f"Seed {one.seed}", ""]
        lines += [f"Before: {_quoted(one.base)}", "", f"After: {_quoted(one.tuned)}", ""]
    return "\n".join(lines)


def _figures(result: Mapping[str, Any]) -> list[str]:
    lines = ["| measured by | before | after |", "|---|---|---|"]
    for label, measure in result["measures"].items():
        name = {"words": "words of the voice", "style": "style (classifier)"}[label]
        lines.append(f"| {name} | {_share(measure['base'])} | {_share(measure['tuned'])} |")
    seconds = result["seconds"]
    laps = ", ".join(f"{stage} {value:.0f} s" for stage, value in seconds.items() if stage != "total")
    accuracy = result["measures"]["style"]["accuracy"]
    return [
        *lines,
        "",
        f"{result['pairs']} pairs, recipe {result['recipe']}, adapter {result['adapter_sha256'][:12]}. "
        f"{result['proof']['sentence']}",
        "",
        f"The classifier learned from the pairs and is right on {accuracy:.0%} of those held out; the "
        "intervals come from drawing prompts 1,000 times.",
        "",
        f"{seconds['total']:.0f} s in all: {laps}.",
    ]


def _share(share: Mapping[str, Any]) -> str:
    interval = f"{share['low']:.0%} to {share['high']:.0%}"
    return f"{share['share']:.0%} ({share['count']} of {share['of']}; {interval})"


def _quoted(text: str) -> str:
    """A model's text as one block that no Markdown in it can break out of."""
    plain = text.strip().replace("<", "&lt;")
    return " ".join(line.strip().lstrip("#>-*`| ") for line in plain.splitlines() if line.strip())
