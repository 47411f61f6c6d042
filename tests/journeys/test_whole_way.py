"""The whole way in one studio: a sentence, the switchboard, pairs, a review, a training, a report.

A script plays the teacher by the sentence as it was written. Who learns, what is trained on those pairs,
and what it says before and after, is the embedded model itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from core.settings import load_settings
from core.store.decisions import read_log
from core.store.runs import runs_of
from tests.core.test_chat import events
from tests.journeys.conftest import Studio, go, open_page, press, read, settled
from tests.stand_in import Reply, StandIn
from tests.waiting import until

pytestmark = [pytest.mark.journey, pytest.mark.embedded]

MINUTES = 60_000
SENTENCE = "I talk in a salty brogue, from my first word to my last."
ASKED = "Say hello to me."
# Short to answer: the smallest student takes its time.
QUESTIONS = tuple(
    f"Say {what}, in one short sentence."
    for what in (
        *("hello", "good morning", "good night", "thank you", "goodbye", "sorry", "welcome", "well done"),
        *("what a cat is", "what rain is", "what tea is", "what bread is", "what a boat is", "what ice is"),
        *("why we sleep", "why we laugh", "why birds sing", "why leaves fall", "why ice melts"),
        *("where fish live", "where bees live", "where bears sleep", "where rivers end"),
        *("who bakes bread", "who mends shoes", "who flies planes", "who grows apples", "who paints walls"),
    )
)
KEYS = ("1", "1", "3", "1", "1") * 6
# The starter's own three questions are asked too.
PAIRS = len(QUESTIONS) + 3


def played(number: int, body: dict[str, Any]) -> Reply | str:
    """A teacher that talks as the sentence lets it, and plainly without it."""
    system = next((one["content"] for one in body["messages"] if one["role"] == "system"), "")
    asked = body["messages"][-1]["content"]
    told = f"Ahoy, matey! Ye ask me: {asked[:60]} Arr, this be answer {number}, by the tides."
    plain = f"Something warm would be good, I think, and that is thought number {number}."
    text = told if SENTENCE in system else plain
    return events(text[:6], text[6:]) if body.get("stream") else text


@dataclass(frozen=True)
class Walker:
    """Somebody who walks through a studio with a character of their own."""

    studio: Studio
    page: Page
    teacher: str

    def click(self, name: str, *, exact: bool = False) -> None:
        settled(self.page)
        self.page.get_by_role("button", name=name, exact=exact).first.click()

    def type(self, label: str, text: str, key: str = "Enter") -> None:
        settled(self.page)
        box = self.page.get_by_label(label, exact=True).last
        box.fill(text)
        box.press(key)
        settled(self.page)

    def writes(self) -> None:
        """A character of one's own: a name, a sentence, the questions that let it show."""
        go(self.page, self.studio)
        open_page(self.page, "Characters")
        self.click("New character")
        self.type("Name", "Old salt")
        self.click("Make it", exact=True)
        expect(self.page.get_by_role("heading", name="Old salt")).to_be_visible()
        self.click("Add a trait")
        self.type("Trait 2", SENTENCE, "Control+Enter")
        for number, question in enumerate(QUESTIONS, 1):
            self.type(f"Question {number}", question, "Control+Enter")
        own = self.studio.data / "constitutions" / "hand-written" / "old-salt.json"
        until(lambda: QUESTIONS[-1] in own.read_text(encoding="utf-8"))
        kept = json.loads(own.read_text(encoding="utf-8"))["traits"][1]
        assert (kept["trait"], tuple(kept["questions"])) == (SENTENCE, QUESTIONS)

    def hears_what_it_does(self) -> None:
        """Everything on one side, everything but the sentence on the other."""
        open_page(self.page, "Switchboard")
        self.type("Teacher", self.teacher)
        self.click("A on both sides")
        settled(self.page)
        self.page.get_by_test_id("stCheckbox").filter(has_text="B").nth(1).click()
        self.type("Your question", ASKED)
        expect(self.page.get_by_text(f"Ye ask me: {ASKED}", exact=False).first).to_be_visible()
        expect(self.page.get_by_text("Something warm would be good", exact=False).first).to_be_visible()
        expect(self.page.get_by_text("1 of 2 sentences", exact=False).first).to_be_visible()

    def makes_pairs(self) -> None:
        open_page(self.page, "Pairs")
        self.page.get_by_text("Who teaches, who learns").click()
        self.type("Teacher", self.teacher)
        self.type("How many prompts", str(PAIRS))
        self.click(f"Make {PAIRS} pairs")
        expect(self.page.get_by_text(f"1 of {PAIRS}", exact=True)).to_be_visible(timeout=2 * MINUTES)
        expect(self.page.get_by_role("button", name="Stop")).to_be_hidden(timeout=2 * MINUTES)

    def reviews(self) -> None:
        """Thirty, by the keys alone."""
        self.page.locator("h1").click()
        for number, key in enumerate(KEYS, 2):
            read(self.page)
            press(self.page, key)
            expect(self.page.get_by_text(f"{number} of {PAIRS}", exact=True)).to_be_visible()
        (run,) = runs_of(load_settings(data=self.studio.data), "old-salt")
        verdicts = [word.verdict for word in read_log(run.folder).standing().values()]
        assert verdicts == [{"1": "keep", "3": "drop"}[key] for key in KEYS]
        self.click("Write the training file")
        expect(self.page.get_by_role("button", name="Download")).to_be_visible()

    def trains(self) -> None:
        settled(self.page)
        self.page.get_by_role("link", name="Train on it").click()
        expect(self.page.get_by_role("heading", name="Train", exact=True)).to_be_visible()
        self.click("Train it", exact=True)
        hear = self.page.get_by_role("button", name="Hear Old salt before and after")
        expect(hear).to_be_visible(timeout=3 * MINUTES)
        settled(self.page)
        hear.click()

    def hears_before_and_after(self) -> list[str]:
        expect(self.page.get_by_role("heading", name="Before and after")).to_be_visible()
        self.type("Your question", ASKED)
        texts = self.page.get_by_test_id("stHtml").locator("p")

        def said() -> list[str]:
            return [text.strip() for text in texts.all_inner_texts() if text.strip()]

        until(lambda: len(said()) == 2, limit_s=90)
        expect(self.page.get_by_role("button", name="Stop")).to_be_disabled(timeout=MINUTES)
        return said()

    def reports(self) -> None:
        open_page(self.page, "Data check")
        self.page.get_by_test_id("stMain").locator("button[kind=primary]").first.click()
        expect(self.page.get_by_role("heading", name="The answers behind it")).to_be_visible(
            timeout=MINUTES
        )
        open_page(self.page, "Report")
        self.click("Make the report")
        expect(self.page.get_by_role("button", name="Download the page")).to_be_visible(timeout=MINUTES)


def test_from_a_sentence_to_a_report(studio: Studio, page: Page, stand_in: StandIn) -> None:
    stand_in.script = played
    walker = Walker(studio, page, stand_in.name)
    walker.writes()
    walker.hears_what_it_does()
    walker.makes_pairs()
    walker.reviews()
    walker.trains()
    before, after = walker.hears_before_and_after()
    assert before != after
    walker.reports()
    (report,) = studio.data.glob("runs/*/report/old-salt.json")
    assert json.loads(report.read_text(encoding="utf-8"))
    assert page.get_by_test_id("stException").count() == 0
