"""Words on charts: labels that fit, numbers as people read them, how many prompts there were. Pure.

Labels are other people's text (a trait, a suffix, a model's name): `clean` takes from them what could
change how a line is read, `for_plotly` what Plotly would take for a tag.
"""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterable, Mapping

from core.evaluation.results import BASE, NEUTRAL, PROMPTED, TUNED, Cell, with_interval

# Control characters, escape sequences of terminals, and signs that turn the direction of text.
_ANSI = re.compile("\x1b\\[[0-9;?]*[ -/]*[@-~]")
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
MOST = 64

SCALES = {"share": 100.0, "points": 100.0}
SIGNS = {"share": " %", "points": " points", "ratio": " ×"}


def seen(text: str) -> str:
    """Text with its lines, but with nothing in it that cannot be seen or that turns its direction."""
    return _UNSEEN.sub("", _ANSI.sub("", text))


def clean(text: object) -> str:
    """Text on one line with nothing in it that cannot be seen."""
    return " ".join(seen(str(text)).split())


def short(text: object, most: int = MOST) -> str:
    """Text on one line, cut at a word where it is long."""
    plain = clean(text)
    if len(plain) <= most:
        return plain
    cut = textwrap.shorten(plain, most, placeholder=" …")
    return cut if len(cut) > most // 2 else plain[: most - 1] + "…"


def for_plotly(text: object, most: int = MOST) -> str:
    """A label for a figure: short, and no tag whatever stands in it."""
    return html.escape(short(text, most), quote=False)


def sentence_case(text: str) -> str:
    """The text with a capital in front, the rest as it is."""
    return text[:1].upper() + text[1:]


SPEAKERS = {BASE: "before", TUNED: "after", PROMPTED: "told to be it", NEUTRAL: "told to be nobody"}


def named(speaker: str) -> str:
    """Who was measured, as a reader thinks of it: "before", "told to be it", "after, at 0.5"."""
    if speaker.startswith(f"{TUNED} at "):
        return f"after, {clean(speaker.removeprefix(f'{TUNED} '))}"
    return SPEAKERS.get(speaker, short(speaker))


def number(value: float | None, unit: str = "share", *, signed: bool = False) -> str:
    """A number as people read it: "85 %", "+32 points", "0.61"."""
    if value is None:
        return "–"
    digits = 2 if unit in ("ratio", "rank") else 0
    scaled = round(SCALES.get(unit, 1.0) * value, digits) + 0.0
    sign = "+" if signed and scaled > 0 else ""
    return f"{sign}{scaled:,.{digits}f}{SIGNS.get(unit, '')}".replace("-", "−")


def moved(value: float | None) -> str:
    """A difference of shares at the end of a row, where room is short: "+32 pts"."""
    return number(value, "points", signed=True).replace("points", "pts")


def between(cell: Cell) -> str:
    """An interval in words, "18 to 46"; "" where there is none."""
    if cell.low is None or cell.high is None:
        return ""
    low, high = (
        number(end, cell.unit).removesuffix(SIGNS.get(cell.unit, "")) for end in (cell.low, cell.high)
    )
    return f"{low} to {high}"


def told(cell: Cell) -> str:
    """A cell for a pointer that rests on it: who, how much, from what to what, of how many."""
    who = f"{named(cell.speaker)} − {named(cell.versus)}" if cell.versus else named(cell.speaker)
    return f"{who}: {with_interval(cell)}" if who else with_interval(cell)


def counted(cells: Iterable[Cell], what: str = "prompts") -> str:
    """How many units were drawn: "n = 20 prompts", "n = 18 to 20 prompts"."""
    counts = sorted({cell.n for cell in cells})
    if not counts:
        return f"n = 0 {what}"
    return f"n = {counts[0]} {what}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]} {what}"


def trait_words(group: str, traits: Mapping[str, str]) -> str:
    """What a row calls a group: the sentence of the constitution, or the group itself."""
    return GROUPS.get(group) or traits.get(group) or group


GROUPS = {"": "All prompts", "everyday": "Everyday prompts"}


def listed(words: Iterable[str], most: int = 3, *, quoted: bool = False) -> str:
    """ "a, b and c", and how many more; sentences in quotes."""
    found = [f"“{short(word, 48)}”" if quoted else short(word, 40) for word in words]
    shown = found[:most] + ([f"{len(found) - most} more"] if len(found) > most else [])
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)
