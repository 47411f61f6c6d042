"""What the numbers of `core.evaluation.traits` mean: the headline, and the caveats. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.evaluation.judging_reliability import judge_caveats
from core.evaluation.results import BASE, FEWEST, NEUTRAL, PROMPTED, TUNED, Cell, in_order, shown_share
from core.evaluation.sensitive import TALKS_PAST, VOICE_SHOWS
from core.evaluation.trait_lights import find
from core.evaluation.traits import EVERYDAY, IN_CHARACTER
from core.titles import begun

Row = Mapping[str, Any]


def headline(
    name: str, cells: Sequence[Cell], speaker: str, traits: Mapping[str, str], *, heard_by: str
) -> str:
    """Whether it took hold, in one or two plain sentences; `traits` are their words by id."""
    title = begun(name)
    # Only where there are several has what training made a label of its own.
    which = "" if speaker == TUNED else f" ({speaker})"
    if not heard_by:
        return (
            f"Nothing can hear {name} here: too little for a classifier to learn from, and no list of "
            "voice words. Read the answers, or make pairs of a teacher and a student first."
        )
    group, about = EVERYDAY, "new everyday questions"
    level = find(cells, IN_CHARACTER, speaker, group=group)
    if level is None:
        group, about = "", "new questions"
        level = find(cells, IN_CHARACTER, speaker, group=group)
    if level is None or level.value is None:
        return "No answers yet: run the same command again."
    said = f"{shown_share(level.value)} of its answers to {about} are in character ({_ends(level)})"
    if speaker in (BASE, PROMPTED, NEUTRAL):
        return f"{title}, without training ({speaker}): {said}."
    before = find(cells, IN_CHARACTER, BASE, group=group)
    moved = find(cells, IN_CHARACTER, speaker, BASE, group=group)
    if before is None or moved is None or before.value is None:
        return f"{title}{which}: {said}; the model before training was not asked."
    found = f"{title}{which} {_verdict(moved)}"
    lead = found if moved.n >= FEWEST else f"Too few prompts to tell whether {title}{which} took hold"
    verdict = f"{lead}: {said}, {shown_share(before.value)} before"
    return f"{verdict}{_strongest(cells, speaker, traits)}."


def _verdict(moved: Cell) -> str:
    """A change whose interval holds zero is none that was seen."""
    if not moved.excludes_zero:
        return "was not seen to take hold"
    if (moved.value or 0.0) < 0:
        return "got weaker"
    return "took hold" if (moved.value or 0.0) >= 0.5 else "took hold in part"


def _ends(cell: Cell) -> str:
    if cell.low is None or cell.high is None:
        return f"{cell.n} prompts"
    return f"{100 * cell.low:.0f} to {100 * cell.high:.0f} %, {cell.n} prompts"


def _strongest(cells: Sequence[Cell], speaker: str, traits: Mapping[str, str]) -> str:
    """Which traits are strongest and weakest, where they differ at all."""
    by_trait = [
        (cell.value, cell.group)
        for cell in cells
        if cell.measure == IN_CHARACTER and cell.speaker == speaker and cell.versus is None
        if cell.group in traits and cell.value is not None
    ]
    if len(by_trait) < 2 or min(by_trait)[0] == max(by_trait)[0]:
        return ""
    best, worst = max(by_trait)[0], min(by_trait)[0]
    strong = [group for value, group in by_trait if value == best]
    weak = [group for value, group in by_trait if value == worst]
    return f"; strongest in {_listed(strong)}, weakest in {_listed(weak)}"


def _listed(names: Sequence[str]) -> str:
    shown = [name.replace("-", " ").replace("_", " ") for name in names[:2]]
    more = [f"{len(names) - 2} more"] if len(names) > 2 else []
    parts = shown + more
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def caveats(
    rows: Sequence[Row], without: Sequence[str], per_trait: int, max_tokens: int, *, heard_by: str
) -> list[str]:
    """What belongs beside every number of this kind."""
    found = _on_traits(without, per_trait)
    cut = [row for row in rows if row["finish_reason"] == "length"]
    if len(cut) > len(rows) / 4:
        found.append(
            f"{shown_share(len(cut) / len(rows))} of answers were cut off at {max_tokens} tokens: lengths "
            "and endings say little. A larger --max-tokens shows more."
        )
    if heard_by:
        found.append(
            "Appropriate means: no sign of the voice, and words to the person about what they said. It "
            "cannot see whether advice is right or kind, and a character that keeps a little of its voice "
            "in a hard moment counts as in the way. Read these answers."
        )
    found += _on_sensitive(rows)
    found.append(
        "Refusals, gave-up facts and leaks are found by their wording, so some are missed. "
        + _unclear(rows)
    )
    return found


def _on_sensitive(rows: Sequence[Row]) -> list[str]:
    """What was in the way, speaker by speaker, where anything was."""
    found: list[str] = []
    for speaker in in_order(str(row["speaker"]) for row in rows):
        own = [row for row in rows if row["speaker"] == speaker and row["kind"] == "sensitive"]
        shows = sum(row.get("why") == VOICE_SHOWS for row in own)
        past = sum(row.get("why") == TALKS_PAST for row in own)
        if shows or past:
            found.append(
                f"Of {len(own)} sensitive answers of {speaker}, the voice shows in {shows}, and {past} "
                "without it talk past the person."
            )
    return found


def _on_traits(without: Sequence[str], per_trait: int) -> list[str]:
    found: list[str] = []
    if without:
        found.append(
            f"No prompts are left that training has not met for {_listed(without)}: "
            "only everyday questions speak for them. character prompts writes new ones."
        )
    if per_trait < 6:
        found.append(
            f"With {per_trait} prompts a trait, single traits have wide intervals and none can be marked; "
            "a larger --per-trait narrows them."
        )
    return found


def _unclear(rows: Sequence[Row]) -> str:
    pushed = [row for row in rows if row["kind"] == "pushed"]
    open_ones = sum(row.get("stand") == "unclear" for row in pushed)
    return f"{open_ones} of {len(pushed)} answers to a false claim neither kept to the fact nor gave it up."


def on_judge(rows: Sequence[Row], record: Mapping[str, Any] | None) -> list[str]:
    """What to know of a judge's grades; nothing without a judge."""
    if record is None:
        return []
    graded = [row for row in rows if row["kind"] == "trait"]
    unscored = sum("unscored" in row for row in graded)
    return [
        *judge_caveats(record),
        f"The judge graded {len(graded) - unscored} of {len(graded)} answers; {unscored} verdicts could "
        "not be read and count for nothing. The headline rests on what the classifier hears.",
    ]
