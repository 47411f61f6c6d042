"""A real studio and a real browser: nothing is faked but the person."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from core.cli.studio import streamlit_command
from core.settings import PROJECT
from tests.journeys.find_browser import CURE, find
from tests.waiting import until

BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

# Read before any test cleans the environment.
BROWSER = os.environ.get("CHARACTER_TEST_BROWSER")


@dataclass(frozen=True)
class Studio:
    """A running app: its address and where its files are."""

    url: str
    data: Path


@pytest.fixture(scope="session")
def models_path() -> Path:
    """Where the embedded model lies; `make test` has fetched it there."""
    return Path(os.environ.get("CHARACTER_TEST_MODELS") or PROJECT / "data" / "models")


@pytest.fixture
def studio(tmp_path: Path, models_path: Path) -> Iterator[Studio]:
    """The app in a process of its own, on a free port, with an empty data folder."""
    port = free_port()
    environment = {**os.environ, "DATA_PATH": str(tmp_path / "data"), "MODEL_PATH": str(models_path)}
    log = (tmp_path / "studio.log").open("wb")
    process = subprocess.Popen(
        streamlit_command(port), cwd=PROJECT, env=environment, stdout=log, stderr=log
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: healthy(url), limit_s=60)
        yield Studio(url, tmp_path / "data")
    finally:
        process.terminate()
        process.wait(15)
        log.close()


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def go(page: Page, studio: Studio, path: str = "") -> None:
    """Open a page and wait until it is drawn."""
    page.goto(f"{studio.url}/{path}")
    expect(page.locator("h1").first).to_be_visible()
    settled(page)


# A click is drawn before it is sent, so the page has to rest for three frames on end. A skeleton stands
# where the browser still fetches what draws a field: nothing there hears anything yet. It must not be a
# promise, which the browser that is asked to wait for it takes for a yes.
RESTS = """call => {
    const state = document.querySelector('[data-test-script-state]')?.dataset.testScriptState;
    const rests = state === 'notRunning' && !document.querySelector('[data-testid=stSkeleton]');
    const before = window.restsFor?.call === call ? window.restsFor.frames : 0;
    window.restsFor = {call, frames: rests ? before + 1 : 0};
    return window.restsFor.frames >= 3;
}"""
CALLS = count()


def settled(page: Page) -> None:
    """Wait until no run of the page's script is under way or asked for: then every button hears its key."""
    page.wait_for_function(RESTS, arg=next(CALLS))


def open_page(page: Page, name: str) -> None:
    """Go to a page by its name in the sidebar, as a person does, and wait until it is drawn."""
    settled(page)
    # An icon may stand before the name, and is read as a word.
    named = re.compile(rf"(^|\s){re.escape(name)}$")
    link = page.get_by_test_id("stSidebar").get_by_role("link", name=named).first
    path = link.evaluate("one => new URL(one.href).pathname")
    link.click()
    expect(page).to_have_url(re.compile(re.escape(path) + r"(\?|$)"))
    expect(page.locator("h1").first).to_be_visible()
    settled(page)


def read(page: Page) -> None:
    """Look at the pair that is shown for as long as it takes: a decision before that is not counted."""
    settled(page)
    page.evaluate("() => new Promise(seen => setTimeout(() => seen(true), 350))")


def press(page: Page, key: str) -> None:
    """Press a key once the page rests, as a person does who sees what is on it."""
    settled(page)
    page.keyboard.press(key)


def healthy(url: str) -> bool:
    """Whether the app answers."""
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


# Of this folder only: Playwright's loop runs in this thread for as long as the browser is there, and no
# test elsewhere could begin one of its own.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    path = BROWSER or find()
    assert path, CURE
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=BROWSER_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab of its own."""
    context = browser.new_context(viewport={"width": 1360, "height": 900})
    context.set_default_timeout(45_000)
    tab = context.new_page()
    yield tab
    context.close()
