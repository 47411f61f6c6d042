"""Writing a character: a fault, its mend, undo; versions, going back, a branch; and two tabs at once."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.conftest import Studio, go, press, settled
from tests.waiting import until

pytestmark = pytest.mark.journey


def saved(studio: Studio, name: str = "pirate") -> dict:  # type: ignore[type-arg]
    path = studio.data / "constitutions" / "hand-written" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"traits": [{"trait": ""}]}


def sentence(studio: Studio, number: int = -1, name: str = "pirate") -> str:
    return saved(studio, name)["traits"][number]["trait"]


def write(page: Page, label: str, text: str) -> None:
    """Write into a box and leave it, as a person does."""
    box = page.get_by_label(label, exact=True)
    box.fill(text)
    box.press("Control+Enter")
    settled(page)


def open_trait(page: Page, number: int) -> None:
    page.locator("[class*='st-key-open-']").nth(number - 1).get_by_role("button").click()
    expect(page.get_by_label(f"Trait {number}", exact=True)).to_be_visible()
    settled(page)


def test_a_faulty_trait_is_mended_undone_named_changed_compared_restored_and_branched(
    studio: Studio, page: Page
) -> None:
    go(page, studio, "traits?character=pirate")
    page.get_by_role("button", name="Add a trait").click()
    expect(page.get_by_text("Trait 11: is empty")).to_be_visible()
    write(page, "Trait 11", "You are proud of your parrot.")
    until(lambda: sentence(studio) == "You are proud of your parrot.")

    page.get_by_text("Trait 11: an order to the character").click()
    expect(page.get_by_text("something to be.")).to_be_visible()
    page.get_by_role("button", name="Say it as I").click()
    until(lambda: sentence(studio) == "I am proud of my parrot.")
    expect(page.get_by_label("Trait 11", exact=True)).to_have_value("I am proud of my parrot.")
    page.locator("h1").click()
    press(page, "Control+Alt+z")
    until(lambda: sentence(studio) == "You are proud of your parrot.")
    press(page, "Control+Alt+y")
    until(lambda: sentence(studio) == "I am proud of my parrot.")

    go(page, studio, "versions?character=pirate")
    name = page.get_by_label("Name", exact=True)
    name.fill("With parrot")
    name.press("Enter")
    expect(page.get_by_role("heading", name="With parrot")).to_be_visible()

    go(page, studio, "traits?character=pirate")
    open_trait(page, 11)
    write(page, "Trait 11", "I am proud of my old parrot.")
    until(lambda: sentence(studio) == "I am proud of my old parrot.")

    go(page, studio, "versions?character=pirate")
    page.locator("[class*='st-key-line-']", has_text="With parrot").get_by_role(
        "button", name="Look"
    ).click()
    expect(page.get_by_text("From this version until now: changed 1 trait.")).to_be_visible()
    expect(page.locator("ins", has_text="old")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="With parrot")).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Go back to this version").click()
    until(lambda: sentence(studio) == "I am proud of my parrot.")
    expect(page.get_by_text("This is how it is now.")).to_be_visible()

    page.get_by_role("button", name="New character from here").click()
    into = page.get_by_label("Name of the new character")
    into.fill("Prouder pirate")
    into.press("Enter")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("heading", name="Prouder pirate")).to_be_visible()
    until(lambda: sentence(studio, name="prouder-pirate") == "I am proud of my parrot.")

    go(page, studio, "characters")
    settled(page)
    page.locator("[class*='st-key-more-prouder-pirate'] button").first.click()
    page.get_by_role("button", name="Delete", exact=False).last.click()
    page.get_by_role("button", name="Undo: Prouder pirate deleted").click()
    until(lambda: sentence(studio, name="prouder-pirate") == "I am proud of my parrot.")


def test_two_tabs_never_overwrite_each_other_and_a_reload_loses_nothing_that_was_left(
    studio: Studio, page: Page, browser: Browser
) -> None:
    context = browser.new_context(viewport={"width": 1360, "height": 900})
    context.set_default_timeout(45_000)
    other = context.new_page()
    for tab in (page, other):
        go(tab, studio, "traits?character=pirate")
    open_trait(page, 1)
    open_trait(other, 2)
    write(page, "Trait 1", "I talk like the tide.")
    until(lambda: sentence(studio, 0) == "I talk like the tide.")

    write(other, "Trait 2", "Whoever hails me is my cousin.")
    expect(other.get_by_text("changed in another window")).to_be_visible()
    assert sentence(studio, 1) != "Whoever hails me is my cousin."
    other.get_by_role("button", name="Keep both").click()
    until(lambda: sentence(studio, 1) == "Whoever hails me is my cousin.")
    assert sentence(studio, 0) == "I talk like the tide."

    write(page, "Trait 1", "I talk like a storm.")
    expect(page.get_by_text("changed in another window")).to_be_visible()
    page.get_by_role("button", name="Use my version").click()
    until(lambda: sentence(studio, 0) == "I talk like a storm.")
    expect(page.get_by_text("changed in another window")).to_be_hidden()
    settled(page)

    box = page.get_by_label("Trait 1", exact=True)
    box.fill("I talk like the wind.")
    page.locator("h1").click()
    until(lambda: sentence(studio, 0) == "I talk like the wind.")
    page.reload()
    expect(page.get_by_text("I talk like the wind.")).to_be_visible()
    context.close()
