"""Before and after in a browser, on the embedded model: two answers stream side by side, one slider."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.core.adapter_kit import write_adapter_folder
from tests.journeys.conftest import Studio
from tests.waiting import until

pytestmark = [pytest.mark.journey, pytest.mark.embedded]

MINUTES = 60_000


def answers(page: Page) -> list[str]:
    """What stands in the two frames."""
    return [text.strip() for text in page.get_by_test_id("stHtml").locator("p").all_inner_texts()]


def test_a_question_is_answered_twice_and_the_slider_asks_only_the_tuned_side(
    studio: Studio, page: Page
) -> None:
    folder = studio.data / "loras" / "smollm2-135m-dpo" / "pirate" / "adapter"
    write_adapter_folder(folder, size=0.13)
    page.goto(f"{studio.url}/before_after?character=pirate")
    expect(page.get_by_text("It was not tried yet")).to_be_visible()
    box = page.get_by_label("Your question")
    box.fill("What is a star?")
    box.press("Enter")
    until(lambda: len([text for text in answers(page) if text]) == 2, limit_s=120)
    expect(page.get_by_role("button", name="Stop")).to_be_disabled(timeout=120_000)
    before, _ = answers(page)

    slider = page.get_by_role("slider")
    slider.press("ArrowLeft")
    expect(page.get_by_text(re.compile("strength 0.95, fainter than it learned"))).to_be_visible()
    until(lambda: len([text for text in answers(page) if text]) == 2, limit_s=120)
    expect(page.get_by_role("button", name="Stop")).to_be_disabled(timeout=120_000)
    assert answers(page)[0] == before
    assert page.get_by_test_id("stException").count() == 0
