"""The first minute of somebody who knows nothing of all this, in a browser."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from core.sample import SAMPLE
from tests.journeys.conftest import Studio, go, open_page, settled
from tests.waiting import until

pytestmark = pytest.mark.journey

MINUTES = 60_000
SAYS_SAMPLE = "A finished project to look at"


def click(page: Page, name: str, *, exact: bool = False) -> None:
    """Press a button once the page rests."""
    settled(page)
    page.get_by_role("button", name=name, exact=exact).first.click()
    settled(page)


def fits(page: Page) -> bool:
    """Whether nothing sticks out to the side."""
    return page.evaluate("document.scrollingElement.scrollWidth <= document.scrollingElement.clientWidth")


def test_from_nothing_to_a_finished_sample_a_tour_and_a_trial_under_way(studio: Studio, page: Page) -> None:
    go(page, studio)
    expect(page.get_by_role("heading", name="Character Studio")).to_be_visible()
    for way in ("Open the sample", "See the gallery", "Write one"):
        expect(page.get_by_role("button", name=way)).to_be_visible()

    click(page, "Open the sample")
    expect(page.get_by_role("heading", name="Sample pirate")).to_be_visible()
    shown = {
        "Pairs": "Teacher · chosen",
        "Train": "The model now prefers the character's answer",
        "Robustness": "holds when told to drop the role",
        "Report": "Pirate took hold",
    }
    for name, content in shown.items():
        open_page(page, name)
        expect(page.get_by_text(content, exact=False).first).to_be_visible()
        expect(page.get_by_text(SAYS_SAMPLE, exact=False)).to_be_visible()

    open_page(page, "Home")
    click(page, "Take the tour")
    expect(page.get_by_text("Tour, 1 of 6")).to_be_visible()
    click(page, "Next: Pairs")
    expect(page.get_by_text("Tour, 2 of 6")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Tour, 2 of 6")).to_be_visible()
    click(page, "End the tour")
    expect(page.get_by_text("Tour, 2 of 6")).to_be_hidden()

    open_page(page, "Characters")
    page.get_by_text("Subtle", exact=True).first.click()
    expect(page.get_by_role("heading", name="Sarcasm")).to_be_visible()
    expect(page.get_by_role("heading", name="Poeticism")).to_be_hidden()
    assert "level=Subtle" in page.url
    page.get_by_label("Search").fill("edge stops")
    page.get_by_label("Search").press("Enter")
    expect(page.get_by_role("heading", name="Loving")).to_be_hidden()
    click(page, "Try it now")
    expect(page.get_by_role("heading", name="Try it now")).to_be_visible()
    click(page, "Stop", exact=True)
    expect(page.get_by_role("button", name="Go on", exact=True)).to_be_visible(timeout=MINUTES)
    jobs = [json.loads(path.read_text()) for path in (studio.data / "jobs").glob("*/job.json")]
    assert [job["subject"] for job in jobs] == ["trial:sarcasm"]


def test_the_words_are_plain_until_somebody_wants_technical_ones_and_stay_so(
    studio: Studio, page: Page
) -> None:
    go(page, studio, "train?character=pirate")
    page.get_by_text("The numbers, for experts").click()
    expect(page.get_by_text("How boldly it learns")).to_be_visible()
    page.get_by_text("Technical names").click()
    expect(page.get_by_text("Learning rate", exact=True)).to_be_visible()
    until(lambda: '"technical": true' in (studio.data / "preferences.json").read_text())
    go(page, studio, "check_prefill?character=pirate")
    expect(page.get_by_text("Prefill:", exact=False)).to_be_visible()


@pytest.mark.parametrize("width", [420, 1360])
def test_the_first_pages_fit_narrow_and_wide_screens(studio: Studio, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 860})
    for path in ("", "characters", "glossary"):
        go(page, studio, path)
        assert page.get_by_test_id("stException").count() == 0 and fits(page)


def test_the_sample_goes_and_comes_and_what_is_ones_own_stays(studio: Studio, page: Page) -> None:
    go(page, studio)
    click(page, "Open the sample")
    click(page, "Make your own copy")
    page.get_by_label("Name", exact=True).last.fill("old salt")
    page.get_by_label("Name", exact=True).last.press("Enter")
    settled(page)
    click(page, "Make it", exact=True)
    expect(page.get_by_role("heading", name="Old salt")).to_be_visible()
    expect(page.get_by_text(SAYS_SAMPLE, exact=False)).to_be_hidden()
    go(page, studio, f"pairs?character={SAMPLE}")
    click(page, "Remove the sample")
    expect(page.get_by_text("Go on where you were")).to_be_visible()
    expect(page.get_by_role("heading", name="Old salt")).to_be_visible()
    assert not (studio.data / "constitutions" / "hand-written" / f"{SAMPLE}.json").exists()
