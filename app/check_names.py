"""What an evaluation is called for this person: in plain words, or by its technical name."""

from __future__ import annotations

from app.check_kinds import About
from app.glossary import name
from core.glossary import TERMS


def title_now(about: About) -> str:
    """The evaluation's title; another one where the vocabularies differ."""
    term = TERMS.get(about.kind)
    return name(about.kind) if term and term.has_two_names else about.title
