"""Rating blind by keyboard alone: votes are kept at once, a reload goes on where it was, undo works."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.settings import load_settings
from core.stages.evals.gate import votes_of
from core.store.jsonl import write_json
from core.store.library import Library
from core.store.runs import Run, open_run
from tests.journeys.conftest import Studio, press

pytestmark = pytest.mark.journey

HIDDEN = ("smollm2", "tuned", "trained one", "plain one")


def tried(data: Path) -> Run:
    """A pirate whose trial has answered twenty questions twice."""
    settings = load_settings(data=data)
    run = open_run(settings, Library(settings).load("pirate").constitution)
    answers = [
        {
            "prompt": f"Question {number}, about the sea?",
            "seed": seed,
            "base": f"A quiet answer, the number {number} of sitting {seed}.",
            "tuned": f"Arr, matey, number {number} it be, in watch {seed}!",
        }
        for number in range(20)
        for seed in (1, 2)
    ]
    model = {"model": "local/smollm2-135m", "adapter": "smollm2-135m-trial"}
    write_json(run.folder / "trial" / "result.json", {"answers": answers, **model})
    return run


def choices(run: Run) -> list[str]:
    return [vote.choice for vote in votes_of(run)]


def test_a_person_rates_by_keyboard_reloads_goes_on_and_takes_a_vote_back(
    studio: Studio, page: Page
) -> None:
    run = tried(studio.data)
    page.goto(f"{studio.url}/rate?character=pirate&question=character")
    expect(page.get_by_text("0 of 42")).to_be_visible()
    keys = ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "ArrowLeft")
    for number, key in enumerate(keys, 1):
        press(page, key)
        expect(page.get_by_text(f"{number} of 42")).to_be_visible()
        html = page.content().casefold()
        assert not [name for name in HIDDEN if name in html]
    assert choices(run) == ["left", "right", "both good", "both bad", "left"]

    page.reload()
    expect(page.get_by_text("5 of 42")).to_be_visible()
    press(page, "s")
    expect(page.get_by_text("6 of 42")).to_be_visible()
    press(page, "u")
    expect(page.get_by_text("5 of 42")).to_be_visible()
    press(page, "u")
    expect(page.get_by_text("4 of 42")).to_be_visible()
    assert choices(run)[5:] == ["skipped", "undone", "undone"]

    page.get_by_role("button", name="Show what I voted for").click()
    expect(page.get_by_text("they gave the trained model")).to_be_visible()
    [path] = run.folder.glob("evals/rate/*/result.json")
    assert json.loads(path.read_text())["details"]["votes"] == 4
    assert page.get_by_test_id("stException").count() == 0
