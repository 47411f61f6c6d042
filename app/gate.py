"""Who may see the pages: everybody on this computer; in a shared studio, whoever is signed in.

By password the doorkeeper has let nobody else through, and draws this page anew once a sign-in has ended;
here that is said. At an identity provider the sign-in itself happens here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.entrance.hosts import OPEN_TO_ALL, stays_here
from app.entrance.oidc import USER_COOKIE, address_of, may_enter
from app.entrance.sign_ins import SignIns
from app.reads import settings
from app.state.person import person, signed_in
from app.widgets import link_here, plain
from core.settings import Sharing
from core.store.people import People


def let_in() -> bool:
    """Whether the pages may be drawn; if not, why is on the page by now."""
    sharing = settings().sharing
    if sharing is None:
        return _only_here()
    return _by_password() if sharing.sign_in == "password" else _by_provider(sharing)


def _only_here() -> bool:
    if stays_here(st.get_option("server.address")):
        return True
    st.error(OPEN_TO_ALL, icon=":material/lock:")
    return False


def _by_password() -> bool:
    return True if person() else _signed_out()


def _signed_out() -> bool:
    st.title("Signed out", anchor=False)
    st.markdown("Your sign-in is no longer valid. Load this page again to sign in.")
    link_here("Sign in", "/")
    return False


def _by_provider(sharing: Sharing) -> bool:
    oidc = People(settings()).oidc() or {}
    user = signed_in()
    # Signed out in another tab, or with this very cookie before.
    if SignIns(settings()).is_foreign_ended(st.context.cookies.get(USER_COOKIE, "")):
        return _signed_out()
    if user.get("is_logged_in") and may_enter(user, oidc):
        return True
    st.title("Character Studio", anchor=False)
    if user.get("is_logged_in"):
        st.error(plain(_why_not(user, oidc)), icon=":material/block:")
        st.button("Sign in as somebody else", on_click=st.logout)
        return False
    st.markdown("Your team's studio. Sign in to go on.")
    st.button("Sign in", type="primary", icon=":material/login:", on_click=st.login)
    return False


def _why_not(user: Mapping[str, Any], oidc: Mapping[str, Any]) -> str:
    email = user.get("email") or "This account"
    if not address_of(user, oidc):
        return (
            f"{email} may not enter this studio: your identity provider does not say that the address is "
            "verified. Whoever runs the studio can allow it."
        )
    return f"{email} may not enter this studio. Whoever runs it can allow it."


def draw_signed_in() -> None:
    """Who is signed in, and the way out; nothing in a studio of one's own."""
    sharing = settings().sharing
    if sharing is None:
        return
    with st.sidebar, st.container(horizontal=True, vertical_alignment="center"):
        st.caption(plain(f"Signed in as {person()}"), width="content")
        if sharing.sign_in == "oidc":
            st.button("Sign out", type="tertiary", on_click=st.logout)
        else:
            link_here("Sign out", "/sign-out")
