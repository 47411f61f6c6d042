"""Who may see the pages: everybody on this computer; in a shared studio, whoever is signed in.

By password the doorkeeper has let nobody else through; here it is looked up once more whether the
person still has a sign-in. At an identity provider the sign-in itself happens here.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.entrance.hosts import stays_here
from app.entrance.oidc import may_enter
from app.reads import settings
from app.state.person import person, signed_in
from app.widgets import link_here, plain
from core.settings import Sharing
from core.store.people import People

OPEN_TO_ALL = (
    "This studio would be open to everybody who reaches this computer, without a sign-in. It was not "
    "opened. Start it with `character studio`, which stays on this computer, or for a team with "
    "`character studio --share`."
)


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
    if _known(person()):
        return True
    st.title("Signed out", anchor=False)
    st.markdown("Your sign-in is no longer valid. Load this page again to sign in.")
    return False


def _known(name: str) -> bool:
    """Whether a name has a sign-in; read again only when the file of the accounts has changed."""
    path = People(settings()).path
    stamp = path.stat().st_mtime_ns if path.exists() else 0
    return bool(name) and name.casefold() in _names(str(path), stamp)


@st.cache_data(max_entries=4, show_spinner=False)
def _names(path: str, stamp: int) -> frozenset[str]:
    assert Path(path).name
    return frozenset(one.name.casefold() for one in People(settings()).all())


def _by_provider(sharing: Sharing) -> bool:
    oidc = People(settings()).oidc() or {}
    user = signed_in()
    if user.get("is_logged_in") and may_enter(user, oidc):
        return True
    st.title("Character Studio", anchor=False)
    if user.get("is_logged_in"):
        st.error(
            plain(f"{user.get('email') or 'This account'} may not enter this studio.")
            + " Whoever runs it can allow it.",
            icon=":material/block:",
        )
        st.button("Sign in as somebody else", on_click=st.logout)
        return False
    st.markdown("Your team's studio. Sign in to go on.")
    st.button("Sign in", type="primary", icon=":material/login:", on_click=st.login)
    return False


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
