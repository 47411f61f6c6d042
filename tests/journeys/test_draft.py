"""A new character from a sentence to its Traits page, against a scripted model; a reload loses nothing."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import Studio, go, settled
from tests.stand_in import StandIn
from tests.waiting import until

pytestmark = pytest.mark.journey

MINUTE = 60_000
KEEPER = "A grumpy lighthouse keeper who loves birds."
ANGLES = {"Stay as close": "closer", "Find the warm": "warmer", "Give this": "sharper"}


def answer(number: int, body: dict) -> str:  # type: ignore[type-arg]
    """The model: three questions, or a draft that tells by its traits from which angle it was asked."""
    asked = body["messages"][-1]["content"]
    if "three questions" in asked:
        return '[{"question": "Whom does he miss?", "choices": ["His brother", "Nobody"]}]'
    angle = next(name for words, name in ANGLES.items() if words in asked)
    traits = [
        {"trait": f"I keep the lamp lit in a {angle} way.", "questions": ["What is a lens?"]},
        {"trait": f"I know every bird in a {angle} way.", "questions": ["Why do birds sing?"]},
        "Mind the gulls!",
    ]
    return f"Here it is:\n```json\n{json.dumps({'traits': traits})}\n```"


def type_into(page: Page, label: str, text: str, key: str = "Enter") -> None:
    """Type and commit, as a person does who then looks at the page."""
    field = page.get_by_role("textbox", name=label, exact=True)
    field.fill(text)
    field.press(key)
    settled(page)


def files(studio: Studio) -> str:
    return "".join(path.read_text() for path in studio.data.glob("drafting/*/drafting.json"))


def test_from_a_description_over_questions_and_drafts_to_a_character(studio: Studio, page: Page) -> None:
    with StandIn(answer) as server:
        go(page, studio, "draft")
        type_into(page, "Who is it?", KEEPER, "Control+Enter")
        until(lambda: KEEPER in files(studio))
        page.get_by_role("button", name="A few questions").last.click()
        type_into(page, "How does it speak? In your own words", "like an old radio")
        page.get_by_text("Who writes").click()
        type_into(page, "Model", server.name)
        page.get_by_role("button", name="Ask for three").click()
        expect(page.get_by_text("Whom does he miss?").first).to_be_visible(timeout=MINUTE)
        page.get_by_role("button", name="His brother").click()
        until(lambda: "His brother" in files(studio))
        page.get_by_role("button", name="See the drafts").click()
        page.get_by_role("button", name="Write 3 drafts").click()
        expect(page.get_by_text("I know every bird in a sharper way.")).to_be_visible(timeout=MINUTE)
        settled(page)
        keep(page, studio, "I keep the lamp lit in a warmer way.")
        keep(page, studio, "I know every bird in a warmer way.")

        page.reload()
        expect(page.locator("h1").first).to_be_visible()
        settled(page)
        expect(page.get_by_text("2 traits kept")).to_be_visible()
        asked = len(server.requests)
        keep(page, studio, "I keep the lamp lit in a sharper way.")
        assert any("His brother" in body["messages"][-1]["content"] for body in server.requests)
        page.get_by_role("button", name="Make the character").click()
        expect(page.get_by_role("heading", name="Grumpy lighthouse keeper")).to_be_visible()
        assert len(server.requests) == asked == 4
    made = json.loads(
        (studio.data / "constitutions/hand-written/grumpy-lighthouse-keeper.json").read_text()
    )
    assert [trait["trait"] for trait in made["traits"]] == [
        "I keep the lamp lit in a warmer way.",
        "I know every bird in a warmer way.",
        "I keep the lamp lit in a sharper way.",
    ]


def keep(page: Page, studio: Studio, trait: str) -> None:
    """Tick a trait and wait until that is on disk."""
    page.get_by_test_id("stCheckbox").filter(has_text=trait).locator("label").click()
    until(lambda: trait in files(studio))
    settled(page)
