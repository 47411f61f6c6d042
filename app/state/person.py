"""Who sits before this tab: the person signed in to a shared studio; nobody in particular otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import unquote

import streamlit as st

from core.settings import load_settings


def person() -> str:
    """The name of who is signed in, for reviews and jobs; "" in a studio of one's own."""
    if load_settings().sharing is None:
        return ""
    user = signed_in()
    return unquote(str(user.get("person") or "")) or str(user.get("email") or "")


def signed_in() -> Mapping[str, Any]:
    """What is known of who is signed in: `person` by password, `email` and more by an identity provider."""
    # What sits behind st.user depends on how people sign in; as a mapping it is the same for both.
    return cast("Mapping[str, Any]", st.user.to_dict())
