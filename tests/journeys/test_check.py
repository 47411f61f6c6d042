"""The Check pages in a browser: a result and the answers behind a mark; from the click to a result."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from core.jobs import Jobs
from core.settings import load_settings
from core.stages.evals.keeping import keep
from core.store.library import Library
from core.store.runs import open_run
from tests.core import eval_results
from tests.journeys.conftest import Studio

pytestmark = pytest.mark.journey


def test_a_kept_result_shows_its_sentence_its_chart_and_the_answers_behind_a_mark(
    studio: Studio, page: Page
) -> None:
    settings = load_settings(data=studio.data)
    pirate = Library(settings).load("pirate").constitution
    trait = pirate.traits[0]
    found = replace(eval_results.traits(), constitution="pirate")
    found.rows = [
        {"prompt": "p", "asked": "How deep?", "text": text, "speaker": who, "group": group, "score": 1.0}
        for group in ("everyday", trait.id)
        for who, text in (("base", "Very deep."), ("tuned", f"Fathoms, matey, says {group}!"))
    ]
    keep(open_run(settings, pirate), found)
    page.goto(f"{studio.url}/check_traits?character=pirate")
    expect(page.get_by_text(found.headline)).to_be_visible()
    points = page.locator(".js-plotly-plot .points path.point")
    expect(points.first).to_be_visible()
    points.last.click(force=True)
    expect(page).to_have_url(re.compile(r"about=\w+"))
    page.goto(f"{studio.url}/check_traits?character=pirate&about={trait.id}")
    expect(page.get_by_text(f"Fathoms, matey, says {trait.id}!")).to_be_visible()
    expect(page.get_by_text(trait.trait).last).to_be_visible()
    assert page.get_by_test_id("stException").count() == 0


def test_a_measurement_says_its_size_runs_once_and_ends_in_a_result(studio: Studio, page: Page) -> None:
    page.goto(f"{studio.url}/check_traits?character=pirate")
    page.get_by_text("Or measure a model that is served elsewhere").click()
    for label, model in (("Before training", "fake/parrot"), ("After training", "fake/other")):
        box = page.get_by_role("textbox", name=label)
        box.fill(model)
        box.press("Enter")
    expect(page.get_by_text(re.compile(r"\d+ answers to ask for"))).to_be_visible()
    page.get_by_role("button", name="Measure the traits").dblclick()
    expect(page.get_by_text("The answers behind it", exact=True)).to_be_visible(timeout=120_000)
    assert len(Jobs(load_settings(data=studio.data)).list()) == 1
    assert page.get_by_test_id("stException").count() == 0
