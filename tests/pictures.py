"""Draw the pictures of the documents anew: `python -m tests.pictures`, or only some by name.

A studio of its own, in an empty folder, with the finished sample and a keeper made from a sentence; the
embedded model answers on the Switchboard. Needs Chromium as the journeys do.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from core.cli.studio import streamlit_command
from core.settings import PROJECT
from tests.journeys.conftest import BROWSER_FLAGS, Studio, free_port, go, healthy, settled
from tests.journeys.find_browser import CURE, find
from tests.waiting import until

IMAGES = PROJECT / "docs" / "images"
WIDE, HIGH = 1280, 860
# So that the answers, or the mend, are on it.
HIGHER = {"pairs": 1060, "switchboard": 1420, "finding": 1060}
COLOURS = 96
KEEPER = (
    "A grumpy lighthouse keeper who loves birds. He speaks in short, salty sentences. "
    "He tells stories of storms. He is honest and hates waste."
)
SAMPLE = "character=sample-pirate"


def home(page: Page, studio: Studio) -> None:
    go(page, studio)


def sample(page: Page, studio: Studio) -> None:
    go(page, studio, f"overview?{SAMPLE}")


def draft(page: Page, studio: Studio) -> None:
    go(page, studio, "draft")
    field = page.get_by_role("textbox", name="Who is it?", exact=True)
    field.fill(KEEPER)
    field.press("Control+Enter")
    settled(page)
    page.get_by_role("button", name="A few questions").last.click()
    settled(page)
    page.get_by_role("button", name="See the drafts").click()
    page.get_by_role("button", name="Keep all").first.click()
    expect(page.get_by_role("button", name="Make the character")).to_be_enabled()


def finding(page: Page, studio: Studio) -> None:
    go(page, studio, "traits?character=keeper")
    page.get_by_text("Nothing about sensitive moments").first.click()
    expect(page.get_by_role("button", name="Add a trait for them")).to_be_visible()


def switchboard(page: Page, studio: Studio) -> None:
    go(page, studio, f"switchboard?{SAMPLE}")
    page.get_by_role("textbox", name="Your question").fill("How do I keep calm?")
    page.get_by_role("button", name="Ask both").click()
    settled(page)
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_disabled(timeout=60_000)


def at(path: str) -> Callable[[Page, Studio], None]:
    """A page of the sample as it stands."""

    def shown(page: Page, studio: Studio) -> None:
        go(page, studio, f"{path}?{SAMPLE}")

    return shown


PICTURES: dict[str, Callable[[Page, Studio], None]] = {
    "home": home,
    "sample": sample,
    "draft": draft,
    "finding": finding,
    "switchboard": switchboard,
    "pairs": at("pairs"),
    "train": at("train"),
    "before-after": at("before_after"),
    "check": at("check_traits"),
    "report": at("report"),
    "share": at("share"),
}


@contextmanager
def studio_in(folder: Path) -> Iterator[Studio]:
    """The app on an empty data folder."""
    models = os.environ.get("MODEL_PATH") or str(PROJECT / "data" / "models")
    places = {"DATA_PATH": str(folder / "data"), "CHARACTER_CONFIG_PATH": str(folder / "config")}
    environment = {**os.environ, **places, "MODEL_PATH": models}
    port = free_port()
    process = subprocess.Popen(streamlit_command(port), cwd=PROJECT, env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: healthy(url), limit_s=60)
        yield Studio(url, folder / "data")
    finally:
        process.terminate()
        process.wait(15)


def furnish(folder: Path) -> None:
    """The sample and the keeper, as the tutorial makes them."""
    for words in (
        ["sample", "open"],
        ["constitution", "draft", KEEPER, "--from-words", "--name", "keeper"],
    ):
        line = [sys.executable, "-m", "core", *words, "--data", str(folder)]
        subprocess.run(line, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)


def small(png: bytes, path: Path) -> None:
    """Write a picture in few colours: a page has no more, and the file is a third."""
    with Image.open(BytesIO(png)) as image:
        few = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        few.save(path, optimize=True)


def main(names: list[str]) -> None:
    """Draw the named pictures, or all of them."""
    browser = os.environ.get("CHARACTER_TEST_BROWSER") or find()
    if not browser:
        sys.exit(CURE)
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        studio_in(Path(folder)) as studio,
        sync_playwright() as play,
    ):
        chromium = play.chromium.launch(executable_path=browser, args=BROWSER_FLAGS)
        for name in names or PICTURES:
            if name != "home" and not studio.data.joinpath("constitutions").exists():
                furnish(studio.data)
            context = chromium.new_context(
                viewport={"width": WIDE, "height": HIGHER.get(name, HIGH)},
                color_scheme="light",
                reduced_motion="reduce",
            )
            page = context.new_page()
            PICTURES[name](page, studio)
            settled(page)
            page.mouse.move(0, 0)
            # Charts and pictures of a page come a moment after its script rests.
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(1500)
            small(page.screenshot(), IMAGES / f"{name}.png")
            context.close()
        chromium.close()


if __name__ == "__main__":
    main(sys.argv[1:])
