"""One value of this browser tab, by name. Everything in `app.state` is built on these two."""

from __future__ import annotations

from typing import Any

import streamlit as st


def recall(name: str, default: Any = None) -> Any:
    """What this tab remembers under a name."""
    return st.session_state.get(f"studio:{name}", default)


def remember(name: str, value: Any) -> None:
    """Keep a value for this tab, until it is closed or reloaded."""
    st.session_state[f"studio:{name}"] = value
