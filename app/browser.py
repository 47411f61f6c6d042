"""The little that only the browser can do: one step of the back button a click, which page is open.

The script is ours and takes nothing from a page. Without it everything works, less well.
"""

from __future__ import annotations

from pathlib import Path

from streamlit.components.v2 import component

script = component(
    "character_studio_browser", js=Path(__file__).with_name("browser.js").read_text(encoding="utf-8")
)


def draw_script() -> None:
    """Put the script on the page; it takes no room."""
    script(key="browser")
