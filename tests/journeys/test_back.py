"""Back and links lead to the same place: what was set, who it is about, the list of pairs."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import Page, expect

from core.settings import load_settings
from tests.core.pair_index_kit import Written
from tests.journeys.conftest import Studio, go, settled

pytestmark = pytest.mark.journey


MODELS = ("local/smollm2-135m", "local/smollm2-135m")


def with_pairs(studio: Studio, count: int = 6) -> None:
    """A pirate with pairs."""
    run = Written(load_settings(data=studio.data), *MODELS)
    for number, prompt in enumerate(run.plan([f"Question number {n}?" for n in range(count)])):
        run.answer("teacher", prompt.id, f"Arr, matey, the answer be {number} and the wind be fair.")
        run.answer("student", prompt.id, f"Plainly said it is number {number} of many.")


def asked(page: Page, name: str) -> str:
    """A word of the address."""
    return parse_qs(urlparse(page.url).query).get(name, [""])[0]


def back(page: Page, path: str) -> None:
    """The back button until an earlier page is there.

    Streamlit keeps a page's bare address as a step of its own before the words are added to it.
    """
    page.go_back()
    settled(page)
    if urlparse(page.url).path != path:
        page.go_back()
    expect(page).to_have_url(re.compile(re.escape(path) + r"\?"))
    settled(page)


def by_the_list(page: Page, name: str) -> None:
    """Go to a page by its name in the sidebar."""
    settled(page)
    link = page.get_by_test_id("stSidebarNavLink").filter(has_text=name).first
    path = urlparse(link.get_attribute("href") or "").path
    link.click()
    expect(page).to_have_url(re.compile(re.escape(path) + r"(\?|$)"))
    expect(page.locator("h1").first).to_be_visible()
    settled(page)


def test_what_was_set_on_a_page_comes_back_with_the_page(studio: Studio, page: Page) -> None:
    go(page, studio, "train?character=pirate&train-preset=quick")
    assert asked(page, "train-preset") == "quick"
    by_the_list(page, "Jobs")
    by_the_list(page, "Train")
    expect(page).to_have_url(re.compile("train-preset=quick"))
    page.get_by_test_id("stMain").get_by_text("Paper", exact=False).first.click()
    expect(page).to_have_url(re.compile("train-preset=paper"))
    page.go_back()
    expect(page).to_have_url(re.compile("train-preset=quick"))


def test_a_link_opens_the_character_that_it_names_on_every_page(studio: Studio, page: Page) -> None:
    go(page, studio, "traits?character=poeticism")
    for name in ("Pairs", "Train", "Report"):
        by_the_list(page, name)
        expect(page).to_have_url(re.compile("character=poeticism"))
    back(page, "/train")
    expect(page).to_have_url(re.compile("character=poeticism"))


def test_back_leaves_the_list_of_pairs_and_a_reload_does_not(studio: Studio, page: Page) -> None:
    with_pairs(studio)
    go(page, studio, "pairs?character=pirate")
    page.get_by_text("List", exact=True).click()
    expect(page.get_by_text("page 1 of 1", exact=False)).to_be_visible()
    page.reload()
    expect(page.get_by_text("page 1 of 1", exact=False)).to_be_visible()
    settled(page)
    page.go_back()
    expect(page.get_by_text("1 of 6", exact=True)).to_be_visible()


def test_back_leads_to_the_same_filter_and_the_same_pair(studio: Studio, page: Page) -> None:
    with_pairs(studio)
    go(page, studio, "pairs?character=pirate&show=kept&search=question")
    page.get_by_role("button", name=re.compile("Next")).first.click()
    expect(page.get_by_text("2 of 6")).to_be_visible()
    settled(page)
    pair = asked(page, "pair")
    by_the_list(page, "Jobs")
    back(page, "/pairs")
    for word in ("show=kept", "search=question", f"pair={pair}"):
        expect(page).to_have_url(re.compile(word))
    expect(page.get_by_text("2 of 6")).to_be_visible()
