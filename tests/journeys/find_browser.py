"""Print the path of a Chromium for the journeys: `python -m tests.journeys.find_browser`.

First the one on PATH, then Playwright's own; where neither is there, one is installed if that is
possible, else this fails with the cure. Journeys never skip.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CURE = (
    "The browser journeys need Chromium and none could be installed. Install it (Debian, Ubuntu: "
    "apt-get install chromium; macOS: brew install --cask chromium) and run make test again."
)


def on_path() -> str | None:
    """The first Chromium on PATH."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def playwrights_own() -> str | None:
    """The browser that Playwright has downloaded, or None."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if path and Path(path).exists() else None


def install_with_playwright() -> None:
    """Ask Playwright to download its browser."""
    _run([sys.executable, "-m", "playwright", "install", "chromium"])


def install_with_apt() -> None:
    """Ask Debian's package manager, where we may."""
    if shutil.which("apt-get") and os.geteuid() == 0:
        _run(["apt-get", "update", "-qq"])
        _run(["apt-get", "install", "-y", "-qq", "chromium"])


def _run(command: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(command, stdout=sys.stderr, check=False, timeout=600, env=environment)


def find() -> str | None:
    """The path of a Chromium, installed if need be."""
    ways: tuple[Callable[[], None], ...] = (install_with_apt, install_with_playwright)
    for install in (lambda: None, *ways):
        install()
        if found := on_path() or playwrights_own():
            return found
    return None


if __name__ == "__main__":
    browser = find()
    if browser is None:
        sys.exit(CURE)
    print(browser)
