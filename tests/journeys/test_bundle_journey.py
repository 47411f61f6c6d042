"""A character leaves one studio as a file and is opened in another, by hand in a browser."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.cli.studio import streamlit_command
from core.settings import PROJECT
from tests.core.bundle_kit import finished
from tests.core.bundle_kit import studio as settings_in
from tests.core.test_cards import card
from tests.journeys.conftest import Studio, free_port, go, healthy, settled
from tests.waiting import until

pytestmark = pytest.mark.journey


@pytest.fixture
def elsewhere(tmp_path: Path, models_path: Path) -> Iterator[Studio]:
    """Another studio in a process of its own, in which a pirate is finished."""
    settings = settings_in(tmp_path / "elsewhere")
    # In a thread of its own: the browser's loop runs in this one.
    with ThreadPoolExecutor(1) as aside:
        aside.submit(finished, settings).result()
    port = free_port()
    environment = {**os.environ, **settings.for_subprocess(), "MODEL_PATH": str(models_path)}
    with (tmp_path / "elsewhere.log").open("wb") as log:
        process = subprocess.Popen(
            streamlit_command(port), cwd=PROJECT, env=environment, stdout=log, stderr=log
        )
        url = f"http://127.0.0.1:{port}"
        try:
            until(lambda: healthy(url), limit_s=60)
            yield Studio(url, settings.data_path)
        finally:
            process.terminate()
            process.wait(15)


def test_a_bundle_made_in_one_studio_is_opened_in_another_that_is_empty(
    studio: Studio, page: Page, tmp_path: Path, elsewhere: Studio
) -> None:
    go(page, elsewhere, "share?character=pirate")
    page.get_by_role("button", name="Make the bundle").click()
    expect(page.get_by_role("button", name="Download")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    file = tmp_path / "pirate.zip"
    download.value.save_as(file)

    assert not (studio.data / "runs").exists()
    go(page, studio, "share?character=pirate")
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_label("Its name here")).to_have_value("pirate")
    page.get_by_role("button", name="Bring it in").click()
    page.get_by_role("button", name="Open its pairs").click()
    expect(page.get_by_text("Teacher · chosen")).to_be_visible()
    expect(page.get_by_text("1 of ", exact=False).first).to_be_visible()
    go(page, studio, "report?character=pirate")
    expect(page.get_by_test_id("stException")).to_have_count(0)
    assert list((studio.data / "runs").glob("pirate-*/report/pirate.html"))


def test_a_card_becomes_a_character_and_a_reload_in_between_loses_nothing(
    studio: Studio, page: Page, tmp_path: Path
) -> None:
    file = tmp_path / "ada.json"
    file.write_text(json.dumps(card(2)))
    go(page, studio, "bring_in")
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Read it").click()
    trait = page.get_by_label("Trait 2", exact=True)
    trait.fill("I keep the light, whatever the night brings.")
    trait.press("Control+Enter")
    settled(page)
    page.reload()
    expect(page.get_by_label("Trait 2", exact=True)).to_have_value(
        "I keep the light, whatever the night brings."
    )
    page.get_by_role("button", name="Make this character").click()
    expect(page.get_by_role("heading", name="Ada")).to_be_visible()
    made = studio.data / "constitutions" / "hand-written" / "ada.json"
    assert "whatever the night brings" in made.read_text()
