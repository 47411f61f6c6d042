"""The article as one HTML file that asks nobody for anything: no script, no font, no picture. Pure.

Charts are drawn as SVG in the file itself: that prints sharply and weighs a hundredth of a chart library.
The policy in its head forbids every request, so that even a smuggled tag could fetch nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from core.charts.svg import pictures_of
from core.report.model import (
    Block,
    Commands,
    Facts,
    Items,
    Light,
    Lights,
    Para,
    Picture,
    Report,
    Section,
    Talk,
)
from core.report.style import CSS
from core.report.texts import escaped, told_text

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
SIGNS = {"fine": "✓", "watch": "!", "worse": "✕", "unclear": "?"}


def page_of(report: Report) -> str:
    """The whole file."""
    title = escaped(report.title)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><link rel="icon" href="data:,">'
        f"<title>{title}: report</title><style>{CSS}</style></head>\n<body><main>"
        f'<header><p class="kicker">A character, and what was measured of it · {escaped(report.made)}</p>'
        f'<h1>{title}</h1><p class="standfirst">{escaped(report.standfirst)}</p></header>\n'
        f"{chr(10).join(section_of(section) for section in report.sections)}\n"
        f"{_footer(report)}</main></body></html>\n"
    )


def section_of(section: Section) -> str:
    """A section with its heading; charts that follow one another stand together."""
    parts: list[str] = []
    for is_picture, blocks in groupby(section.blocks, key=lambda block: isinstance(block, Picture)):
        found = list(blocks)
        parts.append(_figures(found) if is_picture else "".join(block_of(block) for block in found))
    body = "".join(parts)
    return f'<section id="{escaped(section.id)}"><h2>{escaped(section.title)}</h2>{body}</section>'


def _figures(blocks: Sequence[Block]) -> str:
    charts = [block.chart for block in blocks if isinstance(block, Picture)]
    curves = all(chart.name.startswith("curve-") for chart in charts)
    names = "figures curves" if curves else f"figures{' one' if len(charts) == 1 else ''}"
    return f'<div class="{names}">{"".join(block_of(block) for block in blocks)}</div>'


def block_of(block: Block) -> str:
    """One block as HTML."""
    return DRAWN[type(block)](block)


def _para(block: Para) -> str:
    names = ' class="quiet"' if block.quiet else ""
    return f"<p{names}>{escaped(block.text)}</p>" if block.text else ""


def _facts(block: Facts) -> str:
    rows = "".join(f"<dt>{escaped(name)}</dt><dd>{escaped(value)}</dd>" for name, value in block.rows)
    return f"<dl>{rows}</dl>"


def _items(block: Items) -> str:
    name = "ol" if block.numbered else "ul"
    return f"<{name}>{''.join(f'<li>{escaped(told_text(item))}</li>' for item in block.items)}</{name}>"


def left_out(count: int) -> str:
    """How many rows of a chart are not drawn, in a sentence."""
    return "One that moved less is left out." if count == 1 else f"{count} that moved less are left out."


def _picture(block: Picture) -> str:
    chart = block.chart
    assert chart.plot is not None
    more = f" {left_out(chart.more)}" if chart.more else ""
    sentence = escaped(chart.sentence + more)
    picture = pictures_of(chart.plot, f"{chart.title}. {chart.sentence}")
    title = f"<h3>{escaped(chart.title)}</h3>" if chart.title else ""
    caption = f"<figcaption>{title}<p>{sentence}</p></figcaption>"
    return f"<figure>{caption}{picture}</figure>"


def _talk(block: Talk) -> str:
    why = f'<p class="why">{escaped(block.why)}</p>' if block.why else ""
    answers = "".join(_answer(who, text) for who, text in block.answers)
    asked = f'<p class="asked" dir="auto">{escaped(told_text(block.asked, 400))}</p>'
    names = "answers two" if len(block.answers) > 1 else "answers"
    return f'<div class="talk">{why}{asked}<div class="{names}">{answers}</div></div>'


def _answer(who: str, text: str) -> str:
    said = f'<p class="said" dir="auto">{escaped(told_text(text))}</p>'
    return f'<div><p class="who">{escaped(who)}</p>{said}</div>'


def _lights(block: Lights) -> str:
    return f'<ul class="lights">{"".join(_light(one) for one in block.lights)}</ul>'


def _light(light: Light) -> str:
    word = f"<b>{SIGNS.get(light.status, '?')} {escaped(light.status.capitalize())}</b>"
    said = f"<div>{escaped(light.said[:1].upper() + light.said[1:])}</div>"
    return f'<li class="{escaped(light.status)}">{word}{said}</li>'


def _commands(block: Commands) -> str:
    return f"<pre>{escaped(chr(10).join(block.lines))}</pre>"


DRAWN: dict[type[Any], Callable[[Any], str]] = {
    Para: _para,
    Facts: _facts,
    Items: _items,
    Picture: _picture,
    Talk: _talk,
    Lights: _lights,
    Commands: _commands,
}


def _footer(report: Report) -> str:
    missing = ", ".join(f"{what} ({command})" for what, command in report.missing)
    said = f"<p>Not measured: {escaped(missing)}.</p>" if missing else ""
    return (
        f"<footer>{said}<p>Intervals hold the true value in 95 of 100 such measurements; n counts prompts, "
        "since answers to one prompt are alike. Made with Character Studio.</p></footer>"
    )
