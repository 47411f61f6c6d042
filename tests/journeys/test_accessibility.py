"""Everybody can read and use the pages: contrast, names of fields and buttons, structure, by axe-core.

Every page is looked at with the finished sample, so that its content is there, in light and in dark.
"""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from core.settings import PROJECT, load_settings
from core.store.sample import open_sample
from tests.journeys.conftest import Studio, go

pytestmark = pytest.mark.journey

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
STYLED = """() => [...document.querySelectorAll("style")].some(
    style => style.textContent.includes("stCaptionContainer"))"""
PAGES = sorted(path.stem for path in (PROJECT / "app" / "views").glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_read_and_used_by_everybody(
    studio: Studio, browser: Browser, scheme: str
) -> None:
    name = open_sample(load_settings({"DATA_PATH": str(studio.data)}))
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    tab = context.new_page()
    tab.set_default_timeout(45_000)
    found: list[str] = []
    for page in PAGES:
        go(tab, studio, f"{'' if page == 'home' else page}?character={name}")
        # The style sheet comes with each run of the script; between two it may be away for a moment.
        tab.wait_for_function(STYLED)
        result = Axe().run(tab, options={"runOnly": RULES}).response
        found += [
            f"{page}: {broken['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
            for broken in result["violations"]
            for node in broken["nodes"]
        ]
    context.close()
    assert not found, "\n".join(found)
