"""What a report says, before it is a page: sections of blocks, the same for HTML and JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.charts.chart import Chart
from core.charts.plot import marks_of
from core.report.texts import told_text

SCHEMA = "character-report/1"


@dataclass(frozen=True, slots=True)
class Para:
    """A paragraph of the studio's own words. A quiet one stands back."""

    text: str
    quiet: bool = False

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"type": "paragraph", "text": self.text}


@dataclass(frozen=True, slots=True)
class Facts:
    """Short pairs of a name and what it is."""

    rows: tuple[tuple[str, str], ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"type": "facts", "rows": [list(row) for row in self.rows]}


@dataclass(frozen=True, slots=True)
class Items:
    """A list; `numbered` where the order counts."""

    items: tuple[str, ...]
    numbered: bool = False

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"type": "list", "items": list(self.items)}


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart that has something to draw."""

    chart: Chart

    def as_dict(self) -> dict[str, Any]:
        """As JSON: every mark with its interval."""
        assert self.chart.plot is not None
        marks = [
            {"value": m.value, "low": m.low, "high": m.high, "series": m.series, "of": m.source.as_dict()}
            for m in marks_of(self.chart.plot)
        ]
        return {
            "type": "chart",
            "name": self.chart.name,
            "title": self.chart.title,
            "sentence": self.chart.sentence,
            "left_out": self.chart.more,
            "marks": marks,
        }


@dataclass(frozen=True, slots=True)
class Talk:
    """One turn of an example exchange, or what was asked with one or more answers, each under a name."""

    asked: str
    answers: tuple[tuple[str, str], ...]
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        answers = [{"who": who, "text": told_text(text)} for who, text in self.answers]
        return {"type": "talk", "why": self.why, "asked": told_text(self.asked), "answers": answers}


@dataclass(frozen=True, slots=True)
class Light:
    """A side effect: one word ("fine", "watch", "worse", "unclear"), its name, and the number behind."""

    status: str
    name: str
    said: str


@dataclass(frozen=True, slots=True)
class Lights:
    """Side effects as lights."""

    lights: tuple[Light, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        rows = [{"status": one.status, "name": one.name, "said": one.said} for one in self.lights]
        return {"type": "lights", "lights": rows}


@dataclass(frozen=True, slots=True)
class Commands:
    """What to type, a line each."""

    lines: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"type": "commands", "lines": list(self.lines)}


Block = Para | Facts | Items | Picture | Talk | Lights | Commands


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the article. `id` is stable from report to report."""

    id: str
    title: str
    blocks: tuple[Block, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"id": self.id, "title": self.title, "blocks": [block.as_dict() for block in self.blocks]}


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report. `missing` names what was not measured, with the command that would."""

    name: str
    title: str
    standfirst: str
    run: str
    made: str
    sections: tuple[Section, ...]
    missing: tuple[tuple[str, str], ...] = ()
    results: tuple[Mapping[str, Any], ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """As JSON: what the page says, and every cell behind it."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "title": self.title,
            "standfirst": self.standfirst,
            "run": self.run,
            "made": self.made,
            "sections": [section.as_dict() for section in self.sections],
            "missing": [{"what": what, "command": command} for what, command in self.missing],
            "results": [dict(result) for result in self.results],
        }
