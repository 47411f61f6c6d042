"""Spending limits as a person last set them: on disk, so that a reload never takes one away.

Not in the address, as everything else that is set: somebody else's link must not say how much is spent.
"""

from __future__ import annotations

import streamlit as st

from app.state.preferences import preference, set_preference

LIMITS = "limits"


def bring_back_limits() -> None:
    """Put every limit into its field, in a tab that does not know them yet; before anything is drawn."""
    for key, amount in _kept().items():
        if key not in st.session_state:
            st.session_state[key] = amount


def keep_limit(key: str) -> None:
    """Keep what a limit's field holds; an empty one is no limit. For callbacks."""
    amount = st.session_state.get(key)
    rest = {name: other for name, other in _kept().items() if name != key}
    set_preference(LIMITS, rest if amount is None else {**rest, key: float(amount)})


def set_limit(key: str, amount: float) -> None:
    """Put an amount into a limit's field and keep it; for callbacks."""
    st.session_state[key] = amount
    keep_limit(key)


def _kept() -> dict[str, float]:
    kept = preference(LIMITS)
    amounts = kept.items() if isinstance(kept, dict) else ()
    return {
        str(key): float(amount) for key, amount in amounts if isinstance(amount, int | float) and amount > 0
    }
