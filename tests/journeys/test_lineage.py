"""Edit one trait after pairs exist: what is stale is said, and only that trait is asked anew."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from playwright.sync_api import Page, expect

from core.settings import PROJECT
from tests.journeys.conftest import Studio, go, settled
from tests.waiting import until

pytestmark = pytest.mark.journey


def make_pairs(studio: Studio) -> None:
    """Pairs of the pirate from a scripted engine, as a shell makes them."""
    words = ["pipeline", "pirate", "--teacher", "fake/parrot", "--student", "fake/parrot", "--limit", "40"]
    subprocess.run(
        [sys.executable, "-m", "core", *words, "--K", "1", "--data", str(studio.data)],
        cwd=PROJECT,
        env={**os.environ, "CHARACTER_FAKE_ENGINE": "1"},
        check=True,
        capture_output=True,
        timeout=100,
    )


def test_one_reworded_trait_is_asked_anew_and_the_other_pairs_are_carried_over(
    studio: Studio, page: Page
) -> None:
    make_pairs(studio)
    go(page, studio, "overview?character=pirate")
    expect(page.get_by_text("Everything fits together")).to_be_visible()
    expect(page.get_by_role("link", name="40 pairs ← version 1")).to_be_visible()

    go(page, studio, "traits?character=pirate")
    page.get_by_role("button", name="5 questions").first.click()
    sentence = page.get_by_label("Trait 1", exact=True)
    sentence.fill("I talk as old sea dogs do, in a salty brogue from my first word to my last.")
    sentence.press("Control+Enter")
    own = studio.data / "constitutions" / "hand-written" / "pirate.json"
    until(lambda: own.exists() and "salty brogue from" in own.read_text())
    strip = page.get_by_role("link", name="stale")
    expect(strip).to_be_visible()

    strip.click()
    expect(page.get_by_role("strong").filter(has_text="Trait 1 was reworded")).to_be_visible()
    expect(page.get_by_text("carried over")).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Regenerate only 1 trait").click()
    expect(page.get_by_text("Everything fits together")).to_be_visible()
    expect(page.get_by_text("of them from version 1")).to_be_visible()
    expect(page.get_by_role("link", name="stale")).to_be_hidden()

    page.reload()
    expect(page.get_by_text("of them from version 1")).to_be_visible()
