"""What the linter says of the character as it stands on the page, kept until a file changes."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

import streamlit as st

from app.opened import Open
from app.reads import library, prompt_looks
from core.errors import CoreError
from core.linting import Finding, lint_value
from core.store.looks import Look

Stamp = tuple[Look, ...]


class Checked(NamedTuple):
    """The findings to show, and those that were put aside."""

    shown: list[Finding]
    ignored: list[Finding]

    def of(self, severity: str) -> list[Finding]:
        """The shown ones of a severity."""
        return [finding for finding in self.shown if finding.severity == severity]


def checked(opened: Open) -> Checked:
    """The findings of a character or of what is finished in its draft."""
    found = _findings(opened, opened.name, opened.revision, _stamp(opened.name))
    aside = _put_aside(opened.name)
    return Checked(
        [finding for finding in found if finding.key not in aside],
        [finding for finding in found if finding.key in aside],
    )


@st.cache_data(max_entries=64, show_spinner=False)
def _findings(_opened: Open, name: str, revision: str, stamp: Stamp) -> list[Finding]:
    return lint_value(_opened.value, _tested(name))


def _tested(name: str) -> dict[str, int]:
    """How many written prompts each trait has; none where they cannot be read."""
    with suppress(CoreError):
        return {id: len(prompts) for id, prompts in library().additional(name).by_trait.items()}
    return {}


def _stamp(name: str) -> Stamp:
    """Name, size and time of the files that hold a character's written prompts."""
    with suppress(CoreError):
        return prompt_looks(name)
    return ()


def _put_aside(name: str) -> frozenset[str]:
    with suppress(CoreError):
        return library().ignored(name)
    return frozenset()
