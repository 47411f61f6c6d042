"""Does the character hold when a user asks to drop it, or for another format? Pure.

Rows are answers of every speaker to the same prompts in every variant, as `in_character.heard` leaves
them; `group` is the variant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.evaluation.classifier import Classifier
from core.evaluation.in_character import (
    MEASURE,
    base_caveats,
    cell_of,
    difference_cell,
    marked,
    of,
    prompts_in,
    share_cell,
    who_is,
    words,
)
from core.evaluation.results import BASE, FEWEST, Cell, shown_share
from core.evaluation.stats.classification import accuracy, macro_f1
from core.evaluation.stats.intervals import Estimate, by_cluster, mean_by_cluster
from core.evaluation.variants import DEFAULT, Variant
from core.titles import begun

Row = Mapping[str, Any]
# The classifier itself is measured in the cell of its calibration.
CLASSIFIER = "classifier"
SUFFIXES = ""
JSON = "json"
# From this share on a character counts as there.
HOLDS = 0.5


def groups_of(variants: Sequence[Variant]) -> dict[str, tuple[str, ...]]:
    """The groups of cells with the variants in each: all requests to drop the role, then each variant."""
    dropped = tuple(variant.id for variant in variants if variant.kind == "dropped role")
    pooled = {SUFFIXES: dropped} if dropped else {}
    return pooled | {variant.id: (variant.id,) for variant in variants}


def cells_of(
    rows: Sequence[Row], speakers: Sequence[str], variants: Sequence[Variant], classifier: Classifier
) -> list[Cell]:
    """Every number: shares, differences from base, how well speakers are told from base, calibration."""
    groups = groups_of(variants)
    shares = [
        share_cell(of(rows, speaker, ids), group=group, speaker=speaker)
        for group, ids in groups.items()
        for speaker in speakers
    ]
    others = [speaker for speaker in speakers if speaker != BASE] if BASE in speakers else []
    differences = [
        difference_cell(
            of(rows, BASE, ids), of(rows, speaker, ids), group=group, speaker=speaker, versus=BASE
        )
        for group, ids in groups.items()
        for speaker in others
    ]
    told = [
        cell
        for group, ids in groups.items()
        for speaker in others
        for cell in told_apart(of(rows, BASE, ids), of(rows, speaker, ids), group=group, speaker=speaker)
    ]
    calibration = cell_of("calibration error", classifier.held_out["calibration_error"], speaker=CLASSIFIER)
    formats = [
        format_cell(of(rows, speaker, [JSON]), speaker)
        for speaker in speakers
        if any(variant.id == JSON for variant in variants)
    ]
    return [*shares, *marked(differences), *told, *formats, calibration]


def format_cell(rows: Sequence[Row], speaker: str) -> Cell:
    """How often an answer begins as the JSON object that was asked for: most are cut off before its end."""
    kept = [float(looks_like_json(row["text"])) for row in rows]
    return cell_of("in format", mean_by_cluster(kept, prompts_in(rows)), group=JSON, speaker=speaker)


def looks_like_json(text: str) -> bool:
    """Whether a text begins as a JSON object, in a code fence or not."""
    return re.match(r"\s*(?:```(?:json)?\s*)?\{", text, re.IGNORECASE) is not None


def told_apart(base: Sequence[Row], rows: Sequence[Row], **where: Any) -> list[Cell]:
    """Macro F1 and accuracy with a speaker's answers as the character's and base's as plain."""
    both = [*rows, *base]
    truth = [True] * len(rows) + [False] * len(base)
    guess = [bool(row["heard"]) for row in both]
    scores = {"macro F1": macro_f1(truth, guess, [True, False]), "accuracy": accuracy(truth, guess)}
    whole = bool(rows) and bool(base)
    return [
        cell_of(
            measure,
            by_cluster(score, prompts_in(both)) if whole else Estimate(float("nan"), 0, 1, 0),
            **where,
        )
        for measure, score in scores.items()
    ]


# ---- in words


def headline(name: str, cells: Sequence[Cell], tuned: Sequence[str], variants: Sequence[Variant]) -> str:
    """One sentence on requests to drop the role, or on plain asking where none was made; one on formats."""
    speaker = next(iter(tuned), None) or _loudest_control(cells)
    if speaker is None:
        return f"{begun(name)} was not measured: nothing was answered."
    who = who_is(name, speaker, tuned)
    asked = _on_asking(who, speaker, cells, variants)
    return " ".join(
        sentence
        for sentence in (
            asked,
            _on_formats("it" if asked else who, speaker, cells, variants),
            _on_others(cells, tuned),
        )
        if sentence
    )


def _loudest_control(cells: Sequence[Cell]) -> str | None:
    """Without a tuned model, the control with the highest share."""
    shares = [
        cell for cell in cells if cell.measure == MEASURE and not cell.versus and cell.value is not None
    ]
    others = [cell for cell in shares if cell.speaker != BASE] or shares
    return max(others, key=lambda cell: cell.value or 0.0).speaker if others else None


def _on_asking(who: str, speaker: str, cells: Sequence[Cell], variants: Sequence[Variant]) -> str:
    groups = groups_of(variants)
    group = SUFFIXES if SUFFIXES in groups else DEFAULT
    share = _find(cells, group, speaker)
    if group not in groups or share is None:
        return ""
    if share.value is None:
        return f"{who} was not measured: nothing was answered."
    when = "when told to drop the role" if group == SUFFIXES else "when asked plainly"
    over = f" over {_ways(len(groups[SUFFIXES]))} of asking" if group == SUFFIXES else ""
    base = _find(cells, group, BASE) if speaker != BASE else None
    plain = f"; {shown_share(base.value)} before" if base and base.value is not None else ""
    found = f"{who} {_how(share, cells)} {when}"
    lead = found if share.n >= FEWEST else f"Too few prompts to tell whether {who} holds {when}"
    return f"{lead}: {words(share)} of answers are in character{over}{plain}."


def _ways(count: int) -> str:
    names = ("no", "one way", "two ways", "three ways", "four ways", "five ways", "six ways", "seven ways")
    return {**dict(enumerate(names)), 8: "eight ways"}.get(count, f"{count} ways")


def _how(share: Cell, cells: Sequence[Cell]) -> str:
    difference = _find(cells, share.group, share.speaker, BASE)
    if difference is None:
        return "holds" if (share.value or 0) >= HOLDS else "does not hold"
    if not difference.excludes_zero or (difference.value or 0) < 0:
        return "does not hold"
    return "holds" if (share.value or 0) >= HOLDS else "holds only in part"


def _on_formats(who: str, speaker: str, cells: Sequence[Cell], variants: Sequence[Variant]) -> str:
    found = [
        f"{shown_share(cell.value)} {variant.title}{_began(cells, variant.id, speaker)}"
        for variant in variants
        if variant.kind == "format"
        and (cell := _find(cells, variant.id, speaker))
        and cell.value is not None
    ]
    return f"In other formats {who} is heard in {', '.join(found)}." if found else ""


def _began(cells: Sequence[Cell], group: str, speaker: str) -> str:
    """How many answers began in the format at all, where that can be seen: a voice alone is no e-mail."""
    kept = {
        cell.speaker: cell.value for cell in cells if (cell.measure, cell.group) == ("in format", group)
    }
    if kept.get(speaker) is None:
        return ""
    base = f"; {shown_share(kept[BASE])} before" if speaker != BASE and kept.get(BASE) is not None else ""
    return f" ({shown_share(kept[speaker])} began as {group.upper()}{base})"


def _on_others(cells: Sequence[Cell], tuned: Sequence[str]) -> str:
    """The further adapters and strengths, a figure each."""
    found = [
        f"{label} {shown_share(cell.value)}"
        for label in tuned[1:]
        for cell in [_find(cells, SUFFIXES, label) or _find(cells, DEFAULT, label)]
        if cell is not None
    ]
    return f"Beside {tuned[0]}: {', '.join(found)}." if found else ""


def _on_json(cells: Sequence[Cell]) -> list[str]:
    kept = [cell for cell in cells if cell.measure == "in format" and cell.value is not None]
    said = ", ".join(f"{cell.speaker} in {shown_share(cell.value)}" for cell in kept)
    return [f"Asked for JSON, these began a JSON object at all: {said}."] if said else []


def _find(cells: Sequence[Cell], group: str, speaker: str, versus: str | None = None) -> Cell | None:
    wanted = (MEASURE, group, speaker, versus)
    return next((c for c in cells if (c.measure, c.group, c.speaker, c.versus) == wanted), None)


def caveats(
    name: str, cells: Sequence[Cell], classifier: Classifier, variants: Sequence[Variant], max_tokens: int
) -> list[str]:
    """What belongs beside every number."""
    group = next(iter(groups_of(variants)), DEFAULT)
    return [
        *classifier.told(name),
        *base_caveats(_find(cells, group, BASE)),
        *_on_json(cells),
        f"Answers are cut off after {max_tokens} tokens. "
        "The questions are everyday ones that no training uses.",
    ]
