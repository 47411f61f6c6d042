"""Who sits before this tab: the person signed in to a shared studio; nobody in particular otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import streamlit as st

from app.entrance.oidc import address_of
from app.entrance.sign_ins import SignIns
from core.settings import load_settings
from core.store.people import People, Person


def person() -> str:
    """The name of who is signed in, for reviews and jobs; "" in a studio of one's own, and for nobody.

    By password it stands in a note that the doorkeeper signed: neither an address nor a widget nor a header
    can say another one, and one who was removed is nobody from then on.
    """
    settings = load_settings()
    sharing = settings.sharing
    if sharing is None:
        return ""
    if sharing.sign_in == "password":
        found = account()
        return found.name if found else ""
    return address_of(signed_in(), People(settings).oidc() or {})


def account() -> Person | None:
    """The account of who is signed in by password, as it is at this moment; None for nobody."""
    return SignIns(load_settings()).who(str(signed_in().get("person") or ""))


def signed_in() -> Mapping[str, Any]:
    """What is known of who is signed in: `person` by password, `email` and more by an identity provider."""
    # What sits behind st.user depends on how people sign in; as a mapping it is the same for both.
    return cast("Mapping[str, Any]", st.user.to_dict())
