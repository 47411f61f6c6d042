"""Back and links lead to the same place: what was set, who it is about, the list of pairs."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import Page, expect

from core.settings import load_settings
from tests.core.pair_index_kit import Written
from tests.journeys.conftest import Studio, go, open_page, settled

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
    """One press of the back button, which leads to an earlier page."""
    page.go_back()
    expect(page).to_have_url(re.compile(re.escape(path) + r"\?"))
    settled(page)


def steps(page: Page) -> int:
    """How many steps the back button could take."""
    return page.evaluate("history.length")


# Every kind of page: with words of its own in the address, with a job's panel, with nothing.
WALK = (
    "Characters",
    "New character",
    "Overview",
    "Traits",
    "Versions",
    "Switchboard",
    "Prompts",
    "Pairs",
    "Plan and price",
    "Train",
    "Try to break it",
    "Report",
    "Jobs",
    "Engines and keys",
    "Home",
)


def test_every_page_of_the_list_is_one_step_of_the_back_button(studio: Studio, page: Page) -> None:
    with_pairs(studio)
    go(page, studio, "exchanges?character=pirate")
    before, addresses = steps(page), [page.url]
    for name in WALK:
        open_page(page, name)
        addresses.append(page.url)
        assert asked(page, "character") == "pirate", page.url
    assert steps(page) == before + len(WALK), addresses
    for address in addresses[-2::-1]:
        page.go_back()
        expect(page).to_have_url(address)
        settled(page)


def test_a_button_that_leads_to_another_page_is_one_step_too(studio: Studio, page: Page) -> None:
    with_pairs(studio)
    go(page, studio, "pairs?character=pirate&show=kept")
    open_page(page, "Traits")
    page.get_by_role("button", name="See it speak").click()
    expect(page.get_by_role("heading", name="Pairs", exact=True)).to_be_visible()
    settled(page)
    back(page, "/traits")
    back(page, "/pairs")
    assert asked(page, "show") == "kept"
    go(page, studio, "pairs?character=pirate&show=kept&search=question")
    open_page(page, "Home")
    page.get_by_role("button", name="See the gallery").click()
    expect(page.get_by_role("heading", name="Characters", exact=True)).to_be_visible()
    settled(page)
    back(page, "/")
    back(page, "/pairs")


def test_back_leads_to_the_character_of_before(studio: Studio, page: Page) -> None:
    go(page, studio, "traits?character=humor")
    page.get_by_role("combobox", name="Character").click()
    page.get_by_role("option", name="Sarcasm").click()
    expect(page.get_by_role("heading", name="Sarcasm")).to_be_visible()
    expect(page).to_have_url(re.compile("character=sarcasm"))
    settled(page)
    back(page, "/traits")
    expect(page.get_by_role("heading", name="Humor")).to_be_visible()


def test_the_list_says_which_page_is_open_and_every_link_in_it_has_the_whole_address(
    studio: Studio, page: Page
) -> None:
    go(page, studio, "traits?character=humor")
    listed = page.get_by_role("navigation", name="Pages").get_by_role("link")
    expect(page.locator("[aria-current=page]")).to_have_text(re.compile("Traits"))
    whole = "(e, path) => e.href.startsWith(location.origin + path + '?character=humor')"
    assert listed.filter(has_text="Home").evaluate(whole, "/")
    assert listed.filter(has_text="Jobs").evaluate(whole, "/jobs")
    listed.filter(has_text="Jobs").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    expect(page.locator("[aria-current=page]")).to_have_text(re.compile("Jobs"))
    settled(page)
    back(page, "/traits")


def test_on_a_phone_a_choice_puts_the_list_away(studio: Studio, page: Page) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    go(page, studio, "traits?character=humor")
    page.get_by_test_id("stExpandSidebarButton").click()
    open_page(page, "Jobs")
    expect(page.get_by_test_id("stSidebar")).to_have_attribute("data-collapsed", "true")
    expect(page.get_by_role("heading", name="Jobs")).to_be_in_viewport()


def test_what_was_set_on_a_page_comes_back_with_the_page(studio: Studio, page: Page) -> None:
    go(page, studio, "train?character=pirate&train-preset=quick")
    assert asked(page, "train-preset") == "quick"
    open_page(page, "Jobs")
    open_page(page, "Train")
    expect(page).to_have_url(re.compile("train-preset=quick"))
    page.get_by_test_id("stMain").get_by_text("Paper", exact=False).first.click()
    expect(page).to_have_url(re.compile("train-preset=paper"))
    page.go_back()
    expect(page).to_have_url(re.compile("train-preset=quick"))


def test_a_link_opens_the_character_that_it_names_on_every_page(studio: Studio, page: Page) -> None:
    go(page, studio, "traits?character=poeticism")
    for name in ("Pairs", "Train", "Report"):
        open_page(page, name)
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
    open_page(page, "Jobs")
    back(page, "/pairs")
    for word in ("show=kept", "search=question", f"pair={pair}"):
        expect(page).to_have_url(re.compile(word))
    expect(page.get_by_text("2 of 6")).to_be_visible()
