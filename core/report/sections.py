"""The parts of the article, each from what it needs; a part without material is left out. Pure."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from core.charts import charts_of
from core.charts.chart import Chart, tuned_in
from core.charts.curves import curve
from core.constitution import Constitution
from core.evaluation.results import TUNED, EvalResult, in_order
from core.report.examples import examples, trial_examples
from core.report.lights import lights_of
from core.report.model import Block, Commands, Facts, Items, Lights, Para, Picture, Section, Talk

TITLES = {
    "data": "What the pairs teach",
    "traits": "Did it take hold?",
    "robustness": "When somebody pulls at it",
    "prefill": "Turn by turn",
    "coherence": "Is it still a good answer?",
    "preferences": "What it came to prefer",
    "capability": "What it still knows",
    "rate": "What people say",
}
PLAIN = {
    "data": "the check of the pairs",
    "traits": "traits",
    "robustness": "robustness",
    "prefill": "drift",
    "coherence": "coherence",
    "preferences": "preferences",
    "capability": "capability",
    "rate": "human ratings",
}
# What a page of paper has room for.
CHARTS = {
    "data": ("taught", "coverage"),
    "traits": ("traits", "strength", "appropriate"),
    "robustness": ("robustness",),
    "preferences": ("shift", "spread"),
    "rate": ("votes", "agreement"),
}
MOST_ROWS = 10


@dataclass(frozen=True, slots=True)
class Learned:
    """One training: its recipe in words, its points by measure, its gate and its proof."""

    facts: tuple[tuple[str, str], ...] = ()
    points: Mapping[str, Sequence[tuple[int, float]]] = field(
        default_factory=dict[str, Sequence[tuple[int, float]]]
    )
    gate: str = ""
    proof: str = ""


@dataclass(frozen=True, slots=True)
class Material:
    """All that a report is made of. `trial` is a trial's result.json, {} without one."""

    constitution: Constitution
    run: str
    results: Mapping[str, EvalResult]
    data_sheet: tuple[tuple[str, str], ...] = ()
    trained: tuple[Learned, ...] = ()
    trial: Mapping[str, Any] = field(default_factory=dict[str, Any])
    made: str = ""
    version: str = ""


def traits_of(material: Material) -> dict[str, str]:
    """The sentence of each trait's id."""
    return {trait.id: trait.trait for trait in material.constitution.traits}


def character(material: Material) -> Section:
    """Who it is: the summary, the traits, how it talks."""
    who = material.constitution
    blocks: list[Block] = [
        Para(who.summary),
        Items(tuple(trait.trait for trait in who.traits), numbered=True),
    ]
    blocks += [Talk(one.user, ((who.title, one.assistant),)) for one in who.exchanges[:2]]
    return Section("character", "Who it is", tuple(blocks))


def named(name: str) -> str:
    """A character's name as a title."""
    return name[:1].upper() + name[1:]


def measured(material: Material, kind: str) -> Section | None:
    """One evaluation: its sentence, its charts, and what its kind adds."""
    result = material.results.get(kind)
    if result is None:
        return None
    blocks: list[Block] = [Para(result.headline)] if result.headline else []
    blocks += _judge(result)
    blocks += [Picture(_untitled(chart, TITLES[kind])) for chart in _charts(material, result)]
    blocks += _checks(result) if kind == "data" else ()
    blocks += _examples(result) if kind == "traits" else ()
    blocks += _effects(result) if kind == "traits" else ()
    return Section(kind, TITLES[kind], tuple(blocks)) if blocks else None


def _untitled(chart: Chart, title: str) -> Chart:
    """The chart without a title that its section has already said."""
    return replace(chart, title="") if chart.title == title else chart


def _charts(material: Material, result: EvalResult) -> list[Chart]:
    wanted = CHARTS.get(result.kind)
    found = charts_of(result, traits=traits_of(material), palette="light", most=MOST_ROWS)
    return [chart for chart in found if chart.plot and (wanted is None or chart.name in wanted)]


def _judge(result: EvalResult) -> list[Block]:
    if not result.judge:
        return []
    model, said = result.judge.get("model") or "unknown", result.judge.get("sentence") or ""
    warning = result.judge.get("family_warning") or ""
    gate = str(result.judge.get("gate") or "unmeasured")
    held = "" if gate == "pass" else f"Its gate says “{gate}”, so these verdicts carry no headline."
    told = (f"Judge: {model}", str(said), held, str(warning))
    return [Para(" ".join(f"{one.strip().rstrip('.')}." for one in told if one.strip()), quiet=True)]


def _checks(result: EvalResult) -> list[Block]:
    checks = [one for one in result.details.get("checks") or () if one.get("status") in ("warn", "fail")]
    words = {"warn": "To mind", "fail": "To mend"}
    said = tuple(f"{words[str(one['status'])]}: {one.get('sentence')}" for one in checks)
    return [Items(said)] if said else []


def tuned_speaker(result: EvalResult) -> str:
    """The label of what training made: the last one where there are several."""
    labels = in_order([*result.speakers, *(str(row.get("speaker")) for row in result.rows)])
    return (tuned_in(labels) or [TUNED])[-1]


def _examples(result: EvalResult) -> list[Block]:
    rule, talks = examples(result, tuned_speaker(result))
    return [Para(rule, quiet=True), *talks] if talks else []


def _effects(result: EvalResult) -> list[Block]:
    lights = lights_of(result)
    return [Lights(lights)] if lights else []


def trial(material: Material) -> Section | None:
    """What the trial showed, where traits were not measured since."""
    if not material.trial.get("verdict") or "traits" in material.results:
        return None
    rule, talks = trial_examples(material.trial.get("answers") or ())
    blocks: list[Block] = [Para(str(material.trial["verdict"]))]
    blocks += [Para(rule, quiet=True), *talks] if talks else []
    return Section("trial", "The trial", tuple(blocks))


def data_sheet(material: Material) -> Section | None:
    """Where the pairs come from."""
    if not material.data_sheet:
        return None
    return Section("sheet", "The data", (Facts(material.data_sheet),))


def training(material: Material) -> Section | None:
    """What was trained, how, and whether it worked."""
    blocks: list[Block] = []
    for one in material.trained:
        blocks += [Facts(one.facts)] if one.facts else []
        blocks += [Para(said) for said in (one.gate, one.proof) if said]
        charts = (curve(measure, points) for measure, points in one.points.items())
        blocks += [Picture(chart) for chart in charts if chart]
    return Section("training", "The training", tuple(blocks)) if blocks else None


def caveats(material: Material) -> Section | None:
    """What to hold against the numbers, by evaluation; what holds for several is said once."""
    counts = Counter(one for result in material.results.values() for one in set(result.caveats))
    shared = [one for result in material.results.values() for one in result.caveats if counts[one] > 1]
    rows = [("All of it", " ".join(dict.fromkeys(shared)))] if shared else []
    for kind, result in material.results.items():
        said = [*_incomplete(result), *(one for one in result.caveats if counts[one] == 1)]
        rows += [(named(PLAIN[kind]), " ".join(said))] if said else []
    return Section("caveats", "To hold against it", (Facts(tuple(rows)),)) if rows else None


def _incomplete(result: EvalResult) -> list[str]:
    if result.complete:
        return []
    why = ", ".join(f"{count} {reason}" for reason, count in result.missing.items())
    return [f"The evaluation of {PLAIN[result.kind]} is incomplete ({why}); its numbers may move."]


def settings(material: Material) -> Section:
    """Every model, seed and hash, and the commands that do it again."""
    rows = [
        ("Character", f"{material.constitution.name}, version {material.constitution.content_hash[:12]}")
    ]
    rows += [("Run", material.run), ("Character Studio", material.version or "unknown")]
    alike: dict[str, list[str]] = {}
    for kind, result in material.results.items():
        alike.setdefault(_set(result), []).append(PLAIN[kind])
    rows += [(named(", ".join(kinds)), said) for said, kinds in alike.items()]
    lines = tuple(command_of(result) for result in material.results.values() if result.command)
    again: list[Block] = [Para("How to do it again", quiet=True), Commands(lines)] if lines else []
    return Section("settings", "Exactly how", (Facts(tuple(rows)), *again))


def _set(result: EvalResult) -> str:
    models = {str(one.get("model")) for one in result.speakers.values() if one.get("model")}
    adapters = {str(one.get("adapter"))[:12] for one in result.speakers.values() if one.get("adapter")}
    judge = [f"judge {result.judge.get('model')}"] if result.judge else []
    known = ("temperature", "top_p", "max_tokens")
    sampling = result.settings.get("sampling")
    plain = dict(sampling) if isinstance(sampling, dict) else result.settings
    drawn = [f"{name.replace('_', ' ')} {plain[name]}" for name in known if plain.get(name) is not None]
    parts = [
        *sorted(models),
        *(f"adapter {one}" for one in sorted(adapters)),
        *judge,
        *drawn,
        f"seed {result.seed}",
    ]
    parts += [f"{result.prompts} prompts"] if result.prompts else []
    parts += [f"prompt set {result.prompts_sha256[:12]}"] if result.prompts_sha256 else []
    return ", ".join(parts)


def command_of(result: EvalResult) -> str:
    """The line that repeats an evaluation."""
    return shlex.join(["character", *result.command])
