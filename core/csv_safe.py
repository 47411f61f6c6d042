"""Text in a CSV file that no spreadsheet runs as a formula, and that comes back exactly. Pure.

    cell("=1+1")    "'=1+1"        cell(" ＝1+1")    "' ＝1+1"        cell("Arr!")    "Arr!"

A spreadsheet runs a cell that begins with = + - @, a tab or a carriage return (OWASP, "CSV injection");
| and % have started programs as well. Some look past spaces and quotes, and East Asian ones read the
full-width signs alike. Such a cell gets an apostrophe in front, which spreadsheets show as plain text;
`plain` takes it away again.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Sequence
from typing import Any

MARK = "'"
# A byte order mark: without it Excel reads UTF-8 as something else.
BEGINNING = "\ufeff"
_ACTS = "=+-@|%"
_LEADING = "\t\r\n"
_QUOTES = "'\"`´‘’‚‛“”„‟«»‹›＇＂"


def acts(text: str) -> bool:
    """Whether a spreadsheet might take a cell with this text for a formula."""
    if text[:1] in tuple(_LEADING):
        return True
    for letter in text:
        if not _is_passed_over(letter):
            return unicodedata.normalize("NFKC", letter)[:1] in tuple(_ACTS) or letter == "−"
    return False


def _is_passed_over(letter: str) -> bool:
    """Spaces, quotes, and what nobody sees: controls, joiners, byte order marks."""
    return letter.isspace() or letter in _QUOTES or unicodedata.category(letter) in ("Cc", "Cf", "Zs")


def cell(text: str) -> str:
    """The text as a cell: as it is, or with an apostrophe in front when it might act."""
    return MARK + text if _is_marked(text) else text


def _is_marked(text: str) -> bool:
    """Whether a text gets an apostrophe: it acts, or begins like one that got it already."""
    return acts(text) or acts(text.lstrip(MARK))


def value(found: Any) -> Any:
    """A cell's value: numbers as they are, text as `cell` makes it."""
    return cell(found) if isinstance(found, str) else found


def plain(text: str) -> str:
    """The text that `cell` was given. Exact: a text that could be mistaken for a marked one is marked."""
    return text[1:] if text.startswith(MARK) and _is_marked(text[1:]) else text


def line(cells: Sequence[str]) -> str:
    """One line of CSV, every cell quoted and none of them acting, ended as RFC 4180 says."""
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow([cell(text) for text in cells])
    return out.getvalue()
