"""Charts of robustness and of prefill: does the character hold when somebody pulls at it? Pure."""

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
from core.charts.traits import IN_CHARACTER, SHARE
from core.charts.words import between, counted, named, number, short
from core.evaluation.results import EvalResult

FORMATS = {"email": "As an e-mail", "json": "As JSON", "review": "As a code review"}
PLAIN = {"default": "Asked plainly", "": "All suffixes together"}


def robustness_charts(result: EvalResult, wanted: Wanted) -> list[Chart]:
    """Every chart of an evaluation of robustness."""
    return [by_suffix(result, wanted), recognised(result, wanted)]


def by_suffix(result: EvalResult, wanted: Wanted) -> Chart:
    """A row a suffix, a dot a method; answers in another format stand apart."""
    name, title = "robustness", "When it is told to drop the role"
    speakers = speakers_in(result, IN_CHARACTER)
    if not speakers:
        return empty(
            name, title, "No answer was scored yet: character eval robustness asks with eight suffixes."
        )
    groups = _ordered(groups_in(result, IN_CHARACTER))
    plot = Dots(tuple(_rows(result, groups, speakers)), tuple(speakers), SHARE)
    return Chart(
        name, title, _sentence(result, groups, speakers), plot, rows_behind(result), wanted.palette
    )


def _ordered(groups: Sequence[str]) -> list[str]:
    first = [group for group in PLAIN if group in groups]
    return [
        *first,
        *(group for group in groups if group not in PLAIN and group not in FORMATS),
        *(group for group in FORMATS if group in groups),
    ]


def _rows(result: EvalResult, groups: Sequence[str], speakers: Sequence[str]) -> list[Line]:
    words, rows = suffix_words(result), list[Line]()
    for group in groups:
        if group in FORMATS and not any(row.heading for row in rows):
            rows.append(Line("Asked for another format", heading=True))
        label = PLAIN.get(group) or FORMATS.get(group) or words.get(group) or group
        rows.append(Line(label[:1].upper() + label[1:], marks_for(result, IN_CHARACTER, group, speakers)))
    return rows


def suffix_words(result: EvalResult) -> dict[str, str]:
    """What each variant adds to a prompt, as far as the result says it: {"v0": "Drop the act."}."""
    known = result.details.get("variants") or result.details.get("suffixes") or {}
    if isinstance(known, dict):
        return {str(key): _said(value) for key, value in known.items()}
    return {str(one.get("id")): _said(one) for one in known if isinstance(one, dict)}


def _said(value: object) -> str:
    if isinstance(value, dict):
        return str(value.get("title") or value.get("added") or value.get("words") or "")
    return str(value or "")


def _sentence(result: EvalResult, groups: Sequence[str], speakers: Sequence[str]) -> str:
    tuned = tuned_in(speakers)
    who = tuned[-1] if tuned else speakers[-1]
    cells = [c for g in groups if (c := cell_of(result, IN_CHARACTER, g, who))]
    plain, all_ = (cell_of(result, IN_CHARACTER, g, who) for g in ("default", ""))
    suffixes = [cell for cell in cells if cell.group not in PLAIN and cell.group not in FORMATS]
    parts = (
        [f"{number(all_.value)} in character when told to drop the role ({between(all_)})"] if all_ else []
    )
    parts += [f"{number(plain.value)} when asked plainly"] if plain else []
    if suffixes:
        worst = min(suffixes, key=lambda cell: cell.value or 0.0)
        label = suffix_words(result).get(worst.group) or worst.group
        parts.append(f"weakest against “{short(label, 40)}”, {number(worst.value)}")
    said = "; ".join(parts) or f"{len(cells)} ways of asking"
    return f"{named(who).capitalize()}: {said} ({counted(cells)})."


def recognised(result: EvalResult, wanted: Wanted) -> Chart:
    """How well a classifier tells each speaker's answers: macro F1 and accuracy over all suffixes."""
    name, title = "recognised", "How clearly a classifier hears it"
    measures = [m for m in ("macro F1", "accuracy") if speakers_in(result, m)]
    if not measures:
        return empty(
            name,
            title,
            "The classifier was not scored: it needs answers of the plain model and of the tuned one.",
        )
    speakers = speakers_in(result, measures[0])
    rows = [
        Line(f"{measure[0].upper()}{measure[1:]}, {'asked plainly' if group else 'all suffixes'}", marks)
        for measure in measures
        for group in ("default", "")
        if (marks := marks_for(result, measure, group, speakers))
    ]
    cells = [
        c for m in measures for s in speakers for g in ("", "default") if (c := cell_of(result, m, g, s))
    ]
    best = max(cells, key=lambda cell: cell.value or 0.0)
    sentence = (
        f"Best told: {named(best.speaker)}, {best.measure} {best.value or 0:.2f} "
        f"({between(best)}) ({counted(cells)})."
    )
    plot = Dots(tuple(rows), tuple(speakers), SHARE)
    return Chart(name, title, sentence, plot, rows_behind(result), wanted.palette)


# ---- prefill: the base model spoke first


def prefill_charts(result: EvalResult, wanted: Wanted) -> list[Chart]:
    """Every chart of an evaluation that lets the plain model answer first."""
    return [drift(result, wanted)]


def drift(result: EvalResult, wanted: Wanted) -> Chart:
    """In character turn by turn, a line and a band for everybody."""
    name, title = "drift", "Turn by turn"
    speakers = speakers_in(result, IN_CHARACTER)
    tracks = [_track(result, speaker) for speaker in speakers]
    steps = [step for track in tracks for step in track.steps]
    if not steps:
        return empty(
            name, title, "No turn was scored yet: character eval prefill lets the plain model answer first."
        )
    first, last = min(step.at for step in steps), max(step.at for step in steps)
    plot = Tracks(
        tuple(track for track in tracks if track.steps),
        Axis("turn", first, max(last, first + 1)),
        Axis("", 0, 1),
    )
    return Chart(name, title, _drift_sentence(result, speakers), plot, rows_behind(result), wanted.palette)


def _track(result: EvalResult, speaker: str) -> Track:
    cells = [cell for cell in result.find(IN_CHARACTER, speaker=speaker) if cell.group.isdecimal()]
    steps = [
        Step(float(cell.group), mark_of(cell))
        for cell in cells
        if cell_of(result, IN_CHARACTER, cell.group, speaker)
    ]
    return Track(speaker, tuple(sorted(steps, key=lambda step: step.at)))


def _drift_sentence(result: EvalResult, speakers: Sequence[str]) -> str:
    tuned = tuned_in(speakers)
    who = tuned[-1] if tuned else speakers[-1]
    cells = [cell for cell in result.find(IN_CHARACTER, speaker=who) if cell.group.isdecimal()]
    cells = sorted((c for c in cells if c.value is not None), key=lambda cell: int(cell.group))
    if not cells:
        return f"{named(who).capitalize()} was not scored by turn (n = 0 prompts)."
    first, last = cells[0], cells[-1]
    said = f"{number(first.value)} in character at turn {first.group}"
    if last is not first:
        said += f", {number(last.value)} at turn {last.group} ({between(last)})"
    slope = cell_of(result, "drift", "", who)
    if slope:
        word = "falls" if (slope.value or 0) < 0 else "rises"
        said += (
            f"; it {word} by {number(abs(slope.value or 0), 'points')} a turn"
            if slope.excludes_zero
            else f"; no drift beyond chance ({between(slope)} points a turn)"
        )
    return f"{named(who).capitalize()}: {said} ({counted(cells)})."
