"""A judge's standing: whether its figures may be believed, and by what that was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.check_words import GATES, judge_sentence
from app.widgets import plain


def draw_standing(judge: Mapping[str, Any]) -> None:
    """The gate in a word with its icon, then who judged and what was found."""
    icon, word, colour = GATES.get(str(judge.get("gate")), GATES["unmeasured"])
    st.markdown(f":{colour}[{icon} {word}] · {plain(judge_sentence(judge))}")
