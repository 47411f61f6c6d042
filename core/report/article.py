"""From the material to the article: what stands where, and the one sentence that leads. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from core.evaluation.results import KINDS, EvalResult
from core.report import sections
from core.report.model import Report, Section
from core.report.sections import Material

# Whose headline leads, if its judge may speak.
LEADS = ("traits", "robustness", "coherence", "preferences", "prefill", "rate", "capability", "data")
ORDER = ("traits", "robustness", "prefill", "coherence", "preferences", "capability", "rate", "data")
NOTHING = "Nothing has been measured yet. What follows is who the character is, and what it was made of."


def article(material: Material) -> Report:
    """The whole report of a run."""
    return Report(
        material.constitution.name,
        material.constitution.title,
        standfirst(material),
        material.run,
        material.made,
        tuple(section for section in _sections(material) if section),
        missing(material),
        tuple(_kept(result) for result in material.results.values()),
    )


def _sections(material: Material) -> list[Section | None]:
    makers: tuple[Callable[[Material], Section | None], ...] = (sections.character, sections.trial)
    ends = (sections.data_sheet, sections.training, sections.caveats, sections.settings)
    parts = [maker(material) for maker in makers]
    parts += [sections.measured(material, kind) for kind in ORDER]
    return parts + [maker(material) for maker in ends]


def standfirst(material: Material) -> str:
    """The sentence under the title: the first headline that its gate allows, else the trial's verdict."""
    for kind in LEADS:
        result = material.results.get(kind)
        if result and result.headline and may_lead(result):
            return result.headline
    return str(material.trial.get("verdict") or NOTHING)


def may_lead(result: EvalResult) -> bool:
    """Whether a result may speak: complete, and by people, by a measure, or by a judge that passed.

    Of traits the headline is by what hears the character, whatever judge graded beside it.
    """
    by_judge = result.kind not in ("rate", "traits") and result.judge is not None
    passed = not by_judge or (result.judge or {}).get("gate") == "pass"
    return passed and result.complete


def missing(material: Material) -> tuple[tuple[str, str], ...]:
    """What was not measured, with the command that would."""
    name = material.constitution.name
    return tuple(
        (sections.PLAIN[kind], _would(kind, name)) for kind in KINDS if kind not in material.results
    )


def _would(kind: str, name: str) -> str:
    verb = "rate" if kind == "rate" else f"eval {kind}"
    return f"character {verb} --constitution {name}"


def _kept(result: EvalResult) -> Mapping[str, Any]:
    """A result without its rows and its details, which its own file has."""
    plain = result.as_dict()
    return {name: value for name, value in plain.items() if name != "details"}


def scrubbed(report: Report, clean: Callable[[str], str]) -> Report:
    """The report with every string sent through `clean`: no key and no path of this machine stays in it."""

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return clean(value)
        if isinstance(value, float) and not math.isfinite(value):
            return None
        if isinstance(value, dict):
            return {clean(str(key)): walk(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(walk(one) for one in value)
        return value

    return replace(
        report,
        standfirst=clean(report.standfirst),
        sections=tuple(_scrubbed_section(section, clean, walk) for section in report.sections),
        missing=walk(report.missing),
        results=walk(report.results),
    )


def _scrubbed_section(section: Section, clean: Callable[[str], str], walk: Callable[[Any], Any]) -> Section:
    from core.report.model import Picture

    def block(one: Any) -> Any:
        if isinstance(one, Picture):
            return Picture(replace(one.chart, sentence=clean(one.chart.sentence)))
        fields = {name: getattr(one, name) for name in one.__dataclass_fields__}
        if "lights" in fields:
            lights = tuple(
                replace(light, **{k: clean(v) for k, v in asdict(light).items()}) for light in one.lights
            )
            return replace(one, lights=lights)
        return replace(one, **{name: walk(value) for name, value in fields.items()})

    return replace(section, blocks=tuple(block(one) for one in section.blocks))
