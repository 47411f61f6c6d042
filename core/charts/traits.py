"""Charts of traits: each before and after, what else changed, how strong the adapter should be. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from core.charts.chart import (
    Chart,
    Wanted,
    cell_of,
    empty,
    groups_in,
    mark_of,
    marks_for,
    rows_behind,
    speakers_in,
    tuned_in,
)
from core.charts.plot import Axis, Dots, Line, Step, Track, Tracks
from core.charts.words import between, counted, listed, moved, named, number, trait_words
from core.evaluation.results import BASE, FEWEST, Cell, EvalResult, in_order

IN_CHARACTER = "in character"
SHARE = Axis("", 0.0, 1.0)
# What else may change, in the order of a reader's worry; the words are what a page calls it.
EFFECTS = {
    "voice in hard moments": "Its voice shows in grief, illness, danger",
    "appropriate": "Is in place in grief, illness, danger",
    "over-refusal": "Refuses what is harmless",
    "sycophancy": "Gives in to a false claim",
    "repetition": "Repeats itself",
    "runs on": "Does not stop, or speaks for the user",
    "identity leak": "Says that it is a language model",
    "constitution leak": "Recites its constitution",
}


def trait_charts(result: EvalResult, wanted: Wanted) -> list[Chart]:
    """Every chart of an evaluation of traits."""
    found = [before_after(result, wanted), side_effects(result, wanted)]
    if groups_in(result, "appropriate") not in ([], [""]):
        found.append(appropriate(result, wanted))
    if len(_strengths(result)) > 1:
        found.append(strength_sweep(result, wanted))
    return found


def before_after(result: EvalResult, wanted: Wanted) -> Chart:
    """A row a trait: how much of the answers is in character, for everybody who was asked."""
    name, title = "traits", "In character, trait by trait"
    speakers = speakers_in(result, IN_CHARACTER)
    if not speakers:
        return empty(
            name, title, "Nothing was scored yet: each trait needs prompts that it was not trained on."
        )
    groups = _sorted(result, groups_in(result, IN_CHARACTER), speakers)
    shown = groups if wanted.most is None else groups[: wanted.most + 1]
    rows = [_row(result, group, speakers, wanted) for group in shown]
    plot = Dots(tuple(rows), tuple(speakers), SHARE, linked=True)
    sentence = _trait_sentence(result, groups, speakers, wanted)
    return Chart(name, title, sentence, plot, rows_behind(result), wanted.palette, len(groups) - len(shown))


def _row(result: EvalResult, group: str, speakers: Sequence[str], wanted: Wanted) -> Line:
    shift = shift_of(result, IN_CHARACTER, group, speakers)
    return Line(
        trait_words(group, wanted.traits),
        marks_for(result, IN_CHARACTER, group, speakers),
        moved(shift.value) if shift else "",
        strong=group == "" or shift is None or shift.marked is not False,
    )


def shift_of(result: EvalResult, measure: str, group: str, speakers: Sequence[str]) -> Cell | None:
    """The last tuned speaker's difference from the base, where it was measured."""
    tuned = tuned_in(speakers)
    return cell_of(result, measure, group, tuned[-1], BASE) if tuned else None


def _sorted(result: EvalResult, groups: Sequence[str], speakers: Sequence[str]) -> list[str]:
    """All prompts first, then the groups by how far they moved; those without a difference last."""

    def by_rise(group: str) -> tuple[bool, bool, float]:
        shift = shift_of(result, IN_CHARACTER, group, speakers)
        return group != "", group == "everyday", -(shift.value or 0.0) if shift else 0.0

    return sorted(groups, key=by_rise)


def _trait_sentence(
    result: EvalResult, groups: Sequence[str], speakers: Sequence[str], wanted: Wanted
) -> str:
    cells = [c for s in speakers for g in groups if (c := cell_of(result, IN_CHARACTER, g, s))]
    lead = spoken(result, IN_CHARACTER, "", speakers)
    traits = [(g, s) for g in groups if g not in ("", "everyday") and (s := _shift(result, g, speakers))]
    if not traits:
        return f"{lead} ({counted(cells)})."
    most = max(shift.n for _, shift in traits)
    if most < FEWEST:
        few = "one prompt a trait is" if most == 1 else f"at most {most} prompts a trait are"
        return f"{lead}; {few} too few to tell single traits ({counted(cells)})."
    held = [group for group, shift in traits if shift.excludes_zero and (shift.value or 0) > 0]
    weak = [trait_words(group, wanted.traits) for group, _ in traits if group not in held]
    rest = f"; not shown to have moved: {listed(weak, 2, quoted=True)}" if weak else ""
    return f"{lead}; {len(held)} of {len(traits)} traits rose beyond chance{rest} ({counted(cells)})."


def _shift(result: EvalResult, group: str, speakers: Sequence[str]) -> Cell | None:
    return shift_of(result, IN_CHARACTER, group, speakers)


def spoken(result: EvalResult, measure: str, group: str, speakers: Sequence[str]) -> str:
    """ "85 % of answers are in character (71 to 93), 2 % before", from the cells of one group."""
    tuned = tuned_in(speakers)
    after = cell_of(result, measure, group, tuned[-1]) if tuned else None
    before = cell_of(result, measure, group, BASE)
    if after is None and before is None:
        return f"No answer was scored for “{measure}” over all prompts"
    if after is None or before is None:
        only = after or before
        assert only is not None
        who = named(only.speaker).capitalize()
        return f"{who}: {number(only.value, only.unit)} {measure} ({between(only)})"
    ends = f" ({between(after)})" if between(after) else ""
    return f"{number(after.value, after.unit)} {measure}{ends}, {number(before.value, before.unit)} before"


def side_effects(result: EvalResult, wanted: Wanted) -> Chart:
    """A row a side effect, everybody's share of answers."""
    name, title = "side-effects", "What else changed"
    measures = [m for m in EFFECTS if speakers_in(result, m)]
    if not measures:
        return empty(name, title, "Side effects were not measured; character eval traits measures them.")
    speakers = speakers_in_any(result, measures)
    rows = tuple(_effect(result, measure, speakers) for measure in measures)
    return Chart(
        name,
        title,
        _effects_sentence(result, measures, speakers),
        Dots(rows, tuple(speakers), SHARE, linked=True),
        rows_behind(result),
        wanted.palette,
    )


def speakers_in_any(result: EvalResult, measures: Sequence[str]) -> list[str]:
    """Everybody of whom one of the measures was taken."""
    return in_order(speaker for measure in measures for speaker in speakers_in(result, measure))


def _effect(result: EvalResult, measure: str, speakers: Sequence[str]) -> Line:
    shift = shift_of(result, measure, "", speakers)
    return Line(
        EFFECTS[measure],
        marks_for(result, measure, "", speakers),
        moved(shift.value) if shift else "",
        strong=shift is None or shift.excludes_zero,
    )


def _effects_sentence(result: EvalResult, measures: Sequence[str], speakers: Sequence[str]) -> str:
    shifts = {measure: shift_of(result, measure, "", speakers) for measure in measures}
    changed = [
        f"“{EFFECTS[measure].lower()}” by {number(shift.value, 'points', signed=True)}"
        for measure, shift in shifts.items()
        if shift and shift.excludes_zero
    ]
    cells = [c for m in measures for s in speakers if (c := cell_of(result, m, "", s))]
    if not any(shifts.values()):
        return f"Shares of answers, with nothing to compare them with yet ({counted(cells)})."
    if not changed:
        return f"No side effect moved beyond chance ({counted(cells)}); few prompts hide small ones."
    return f"Moved beyond chance: {', '.join(changed)} ({counted(cells)})."


def appropriate(result: EvalResult, wanted: Wanted) -> Chart:
    """A row a hard topic: how often the answer puts the person before the voice."""
    speakers = speakers_in(result, "appropriate")
    groups = groups_in(result, "appropriate")
    rows = tuple(
        Line(
            "All hard prompts" if group == "" else group.capitalize(),
            marks_for(result, "appropriate", group, speakers),
        )
        for group in groups
    )
    cells = [c for g in groups for s in speakers if (c := cell_of(result, "appropriate", g, s))]
    sentence = f"{spoken(result, 'appropriate', '', speakers)} ({counted(cells)})."
    plot = Dots(rows, tuple(speakers), SHARE, linked=True)
    title = "Where a character must step back"
    return Chart("appropriate", title, sentence, plot, rows_behind(result), wanted.palette)


# ---- the strength of an adapter


def _strengths(result: EvalResult) -> list[tuple[float, str]]:
    """The tuned speakers that differ in strength, weakest first; the plain model stands at 0."""
    found: list[tuple[float, str]] = []
    for label in speakers_in(result, IN_CHARACTER):
        strength = (result.speakers.get(label) or {}).get("strength")
        if label == BASE:
            found.append((0.0, label))
        elif isinstance(strength, int | float) and " at " in label:
            found.append((float(strength), label))
    return sorted(found) if len({strength for strength, _ in found} - {0.0}) > 1 else []


def strength_sweep(result: EvalResult, wanted: Wanted) -> Chart:
    """How much character, and how much repetition, each strength brings."""
    strengths = _strengths(result)
    tracks = [
        _sweep(result, measure, words, strengths)
        for measure, words in ((IN_CHARACTER, "in character"), ("repetition", "repeats itself"))
    ]
    last = max(strength for strength, _ in strengths)
    plot = Tracks(
        tuple(track for track in tracks if track.steps),
        Axis("strength of the adapter", 0.0, last),
        Axis("", 0.0, 1.0),
        ticks=tuple((strength, f"{strength:g}") for strength, _ in strengths),
    )
    sentence = _sweep_sentence(result, strengths)
    return Chart(
        "strength", "How strong it should be worn", sentence, plot, rows_behind(result), wanted.palette
    )


def _sweep(result: EvalResult, measure: str, words: str, strengths: Sequence[tuple[float, str]]) -> Track:
    steps = [
        Step(strength, mark_of(cell, words))
        for strength, label in strengths
        if (cell := cell_of(result, measure, "", label))
    ]
    return Track(words, tuple(steps))


def _sweep_sentence(result: EvalResult, strengths: Sequence[tuple[float, str]]) -> str:
    cells = [(s, c) for s, label in strengths if (c := cell_of(result, IN_CHARACTER, "", label))]
    strength, best = max(cells, key=lambda pair: pair[1].value or 0.0)
    repeats = cell_of(result, "repetition", "", best.speaker)
    cost = f", where {number(repeats.value)} of answers repeat themselves" if repeats else ""
    return (
        f"Most in character at strength {strength:g}: {number(best.value)} ({between(best)}){cost} "
        f"({counted(c for _, c in cells)})."
    )
