"""The studio as a server: the pages of `main.py` behind the doorkeeper. `character studio` starts it.

`streamlit run app/main.py` works too, on this computer only.
"""

from __future__ import annotations

from pathlib import Path

from starlette.middleware import Middleware
from streamlit.starlette import App

from app.entrance.doorkeeper import Doorkeeper
from app.entrance.hosts import OWN_NAMES
from app.entrance.oidc import secrets_for
from core.settings import load_settings
from core.store.people import People

settings = load_settings()
sharing = settings.sharing
by_password = sharing is not None and sharing.sign_in == "password"
app = App(
    Path(__file__).with_name("main.py"),
    secrets=secrets_for(settings),
    middleware=[
        Middleware(
            Doorkeeper,
            names=sharing.hosts if sharing else OWN_NAMES,
            people=People(settings) if by_password else None,
            secure=bool(sharing and sharing.url.startswith("https://")),
        )
    ],
)
