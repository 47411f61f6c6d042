"""The main job, as a person does it in a browser, on the embedded model."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.conftest import Studio, go, press, read, settled
from tests.stand_in import StandIn
from tests.waiting import until

pytestmark = pytest.mark.journey

MINUTES = 60_000


def metric(page: Page, label: str) -> str:
    """The number under a label."""
    return (
        page.get_by_test_id("stMetric").filter(has_text=label).get_by_test_id("stMetricValue").inner_text()
    )


def dpo_lines(studio: Studio, student: str) -> list[dict]:  # type: ignore[type-arg]
    path = studio.data / "dpo" / student / "pirate.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.embedded
def test_from_a_character_to_a_reviewed_pair_file(studio: Studio, page: Page, browser: Browser) -> None:
    go(page, studio, "characters")
    page.locator(".st-key-card-pirate").get_by_role("button", name="Open").click()
    expect(page.get_by_role("heading", name="Pirate")).to_be_visible()

    page.get_by_role("button", name="5 questions").first.click()
    sentence = page.get_by_label("Trait 1", exact=True)
    sentence.fill("I talk as old sea dogs do, in a salty brogue from my first word to my last.")
    sentence.press("Control+Enter")
    expect(page.get_by_text(re.compile(r"^Saved \d"))).to_be_visible()
    own = studio.data / "constitutions" / "hand-written" / "pirate.json"
    until(lambda: own.exists() and "salty brogue from" in own.read_text())

    page.get_by_role("button", name="See it speak").click()
    page.get_by_role("button", name="Preview 4").click()
    expect(page.get_by_text("Teacher · chosen")).to_be_visible(timeout=3 * MINUTES)
    expect(page.get_by_role("button", name="Stop")).to_be_hidden(timeout=3 * MINUTES)
    assert metric(page, "Pairs") == "4"

    page.get_by_label("How many prompts").fill("8")
    page.get_by_label("How many prompts").press("Enter")
    page.get_by_role("button", name="Make 8 pairs").click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.context.close()

    again = browser.new_context(viewport={"width": 1360, "height": 900}).new_page()
    again.set_default_timeout(45_000)
    go(again, studio, "pairs?character=pirate")
    expect(again.get_by_test_id("stMetricValue").first).to_have_text("8", timeout=3 * MINUTES)
    expect(again.get_by_role("button", name="Stop")).to_be_hidden(timeout=3 * MINUTES)
    kept = int(metric(again, "Kept"))
    again.get_by_text(f"Kept {kept}", exact=True).click()
    for left in (kept - 1, kept - 2):
        read(again)
        again.get_by_test_id("stButton").filter(has_text="Drop").first.click()
        until(lambda left=left: metric(again, "Kept") == str(left))
    again.get_by_role("button", name="Write the training file").click()
    expect(again.get_by_role("button", name="Download")).to_be_visible()
    rows = dpo_lines(studio, "smollm2-135m")
    assert len(rows) == kept - 2
    assert all(set(row) == {"chosen", "rejected"} for row in rows)
    with again.expect_download() as download:
        again.get_by_role("button", name="Download").click()
    assert Path(download.value.path()).read_text().count("\n") == len(rows)
    again.context.close()


def test_text_of_a_model_is_shown_as_text_and_reaches_out_to_nobody(studio: Studio, page: Page) -> None:
    hostile = (
        "Arr <script>alert(1)</script> <img src=x onerror=alert(2)> ![x](http://192.0.2.1/leak.png) "
        "[go](javascript:alert(3)) $$\\frac{a}{b}$$ :material/delete: and so on, matey."
    )
    outside: list[str] = []
    dialogs: list[str] = []
    page.on("request", lambda request: None if "127.0.0.1" in request.url else outside.append(request.url))
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))

    def script(number: int, body: dict) -> str:  # type: ignore[type-arg]
        system = any(message["role"] == "system" for message in body["messages"])
        return hostile if system else "A plain answer that differs in every word from the other."

    with StandIn(script) as server:
        go(page, studio, "pairs?character=pirate")
        page.get_by_text("Who teaches, who learns").click()
        for label in ("Teacher", "Student"):
            page.get_by_label(label, exact=True).fill(server.name)
            page.get_by_label(label, exact=True).press("Enter")
            settled(page)
        page.get_by_role("button", name="Preview 4").click()
        expect(page.get_by_text("Teacher · chosen")).to_be_visible(timeout=MINUTES)
        expect(page.get_by_text("<script>alert(1)</script>", exact=False).first).to_be_visible()
        expect(page.get_by_text("![x](http://192.0.2.1/leak.png)", exact=False).first).to_be_visible()
    real = [url for url in outside if not url.startswith(("data:", "blob:"))]
    assert (real, dialogs) == ([], [])


@pytest.mark.parametrize("path", ["", "traits", "exchanges", "prompts", "pairs", "jobs", "settings"])
def test_every_page_fits_a_narrow_screen_and_shows_no_error(
    studio: Studio, browser: Browser, path: str
) -> None:
    context = browser.new_context(viewport={"width": 420, "height": 860})
    tab = context.new_page()
    tab.set_default_timeout(45_000)
    go(tab, studio, f"{path}?character=pirate")
    assert tab.get_by_test_id("stException").count() == 0
    overflow = tab.evaluate("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth")
    assert overflow <= 0
    context.close()


def test_keyboard_alone_reviews_pairs(studio: Studio, page: Page) -> None:
    def script(number: int, body: dict) -> str:  # type: ignore[type-arg]
        system = any(message["role"] == "system" for message in body["messages"])
        return (
            "Arr, hoist the colours, matey, and read the wind." if system else "A plain and quiet answer."
        )

    with StandIn(script) as server:
        go(page, studio, "pairs?character=pirate")
        page.get_by_text("Who teaches, who learns").click()
        for label in ("Teacher", "Student"):
            page.get_by_label(label, exact=True).fill(server.name)
            page.get_by_label(label, exact=True).press("Enter")
            settled(page)
        page.locator("h1").click()
        press(page, "p")
        expect(page.get_by_text("1 of 4")).to_be_visible(timeout=MINUTES)
        expect(page.get_by_role("button", name="Stop")).to_be_hidden(timeout=MINUTES)
    press(page, "ArrowRight")
    expect(page.get_by_text("2 of 4")).to_be_visible()
    read(page)
    press(page, "3")
    expect(page.get_by_text("3 of 4")).to_be_visible()
    until(lambda: metric(page, "Dropped") == "1")
    press(page, "u")
    until(lambda: metric(page, "Dropped") == "0")
