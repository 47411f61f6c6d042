"""The studio as a server: the pages of `main.py` behind the doorkeeper. `character studio` starts it.

`streamlit run app/main.py` works too, on this computer only.
"""

from __future__ import annotations

import sys
from pathlib import Path

from starlette.middleware import Middleware
from streamlit.config import get_option
from streamlit.starlette import App

from app.entrance.by_password import ByPassword
from app.entrance.by_provider import ByProvider
from app.entrance.doorkeeper import Door, Doorkeeper
from app.entrance.hosts import OPEN_TO_ALL, OWN_NAMES, stays_here
from app.entrance.oidc import secrets_for
from core.settings import Settings, load_settings


def door_of(settings: Settings) -> Door | None:
    """The way into a shared studio; None in one of one's own."""
    sharing = settings.sharing
    if sharing is None:
        return None
    return ByProvider(settings) if sharing.sign_in == "oidc" else ByPassword(settings, sharing.url)


settings = load_settings()
sharing = settings.sharing
if sharing is None and not stays_here(get_option("server.address")):
    # Before anything listens; the doorkeeper would refuse every other computer all the same.
    sys.exit(OPEN_TO_ALL)
app = App(
    Path(__file__).with_name("main.py"),
    secrets=secrets_for(settings),
    middleware=[
        Middleware(
            Doorkeeper,
            names=sharing.hosts if sharing else OWN_NAMES,
            door=door_of(settings),
            url=sharing.url if sharing else "",
        )
    ],
)
