"""The app in a test: one AppTest is one browser tab."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from core.settings import PROJECT, load_settings
from core.store.library import Library

MAIN = PROJECT / "app" / "main.py"


def tab(page: str = "", character: str = "pirate", user: Mapping[str, Any] | None = None) -> AppTest:
    """A tab on a page ("traits", "pairs" …; "" is the first one) with a character chosen.

    `user` is what the server knows of who is signed in to a shared studio.
    """
    app = AppTest.from_file(str(MAIN), default_timeout=30)
    if user is not None:
        app.user = dict(user)
    app.query_params["character"] = character
    app.run()
    if page:
        app.switch_page(f"views/{page}.py").run()
    assert not app.exception, app.exception
    return app


def library() -> Library:
    """The characters that the tab sees."""
    return Library(load_settings())


def words(app: AppTest) -> str:
    """Every text on the page."""
    kinds = (
        app.title,
        app.subheader,
        app.markdown,
        app.caption,
        app.error,
        app.warning,
        app.info,
        app.success,
        app.text,
    )
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def button(app: AppTest, label: str):
    """The first button whose label begins so."""
    found = [element for element in app.button if element.label.startswith(label)]
    assert found, f"no button {label!r} among {[element.label for element in app.button]}"
    return found[0]


def own_file(name: str) -> Path:
    """Where the character's own copy lies."""
    return load_settings().data_path / "constitutions" / "hand-written" / f"{name}.json"
