"""Thirty pairs by keyboard; links, reloads and second presses lead nowhere unexpected; text stays text."""

from __future__ import annotations

from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import Page, expect

from core.settings import load_settings
from core.store.decisions import read_log
from tests.core.pair_index_kit import Written
from tests.journeys.conftest import Studio, go, press, settled
from tests.waiting import until

pytestmark = pytest.mark.journey

MODELS = ("local/smollm2-135m", "local/smollm2-135m")
READ = "() => new Promise(seen => setTimeout(() => seen(true), 350))"


def written(studio: Studio, answers: list[tuple[str, str]]) -> Written:
    """A run with these teacher's and student's answers."""
    run = Written(load_settings(data=studio.data), *MODELS)
    for number, prompt in enumerate(run.plan([f"Question number {n}?" for n in range(len(answers))])):
        run.answer("teacher", prompt.id, answers[number][0])
        run.answer("student", prompt.id, answers[number][1])
    return run


def ordinary(count: int) -> list[tuple[str, str]]:
    return [
        (f"Arr, matey, the answer be {n} and the wind be fair.", f"Plainly said it is number {n} of many.")
        for n in range(count)
    ]


def shown(page: Page) -> str:
    """The pair that the address names."""
    return parse_qs(urlparse(page.url).query).get("pair", [""])[0]


def decide(page: Page, key: str, following: str) -> None:
    """Read a pair, press its key, and see the next one."""
    settled(page)
    # The page does not count a key that comes before a pair can have been read.
    page.evaluate(READ)
    press(page, key)
    expect(page.get_by_text(following, exact=True)).to_be_visible()


def test_thirty_pairs_are_reviewed_by_keyboard_alone(studio: Studio, page: Page) -> None:
    run = written(studio, ordinary(31))
    go(page, studio, "pairs?character=pirate")
    expect(page.get_by_text("1 of 31", exact=True)).to_be_visible()
    first = shown(page)
    keys = ["1", "3", "2"] * 10
    for number, key in enumerate(keys, 2):
        decide(page, key, f"{number} of 31")
    expect(page.get_by_text("30 of 31 decided", exact=False)).to_be_visible()
    words = read_log(run.run.folder).standing()
    assert [word.verdict for word in words.values()] == ["keep", "drop", "swap"] * 10
    press(page, "u")
    expect(page.get_by_text("29 of 31 decided", exact=False)).to_be_visible()
    expect(page.get_by_text("30 of 31", exact=True)).to_be_visible()
    press(page, "ArrowLeft")
    expect(page.get_by_text("29 of 31", exact=True)).to_be_visible()
    here = shown(page)
    assert here not in ("", first)
    page.reload()
    expect(page.get_by_text("29 of 31", exact=True)).to_be_visible()
    assert shown(page) == here
    page.go_back()
    expect(page.get_by_text("30 of 31", exact=True)).to_be_visible()


def test_a_key_pressed_twice_decides_one_pair(studio: Studio, page: Page) -> None:
    run = written(studio, ordinary(4))
    go(page, studio, "pairs?character=pirate")
    expect(page.get_by_text("1 of 4", exact=True)).to_be_visible()
    settled(page)
    page.evaluate(READ)
    page.keyboard.press("1")
    page.keyboard.press("1")
    expect(page.get_by_text("2 of 4", exact=True)).to_be_visible()
    settled(page)
    assert len(read_log(run.run.folder).standing()) == 1
    assert shown(page) == run.index_ids()[1]


def test_an_edited_answer_is_chosen_and_the_old_one_rejected(studio: Studio, page: Page) -> None:
    run = written(studio, ordinary(2))
    go(page, studio, "pairs?character=pirate")
    expect(page.get_by_text("1 of 2", exact=True)).to_be_visible()
    press(page, "e")
    box = page.get_by_label("The chosen answer, as it should be")
    box.fill("Arr, this be how I would say it, with 1 and 3 and u in it.")
    box.press("Control+Enter")
    settled(page)
    page.reload()
    expect(box).to_have_value("Arr, this be how I would say it, with 1 and 3 and u in it.")
    page.get_by_role("button", name="Save the answer").click()
    expect(page.get_by_text("Written by hand · chosen")).to_be_visible()
    until(lambda: len(read_log(run.run.folder).standing()) == 1)
    (word,) = read_log(run.run.folder).standing().values()
    assert (word.verdict, word.rejects) == ("edit", "teacher")


HOSTILE = (
    "Arr <script>alert(1)</script> <img src=x onerror=alert(2)> ![x](http://192.0.2.1/leak.png) "
    '<a href="javascript:alert(3)">go</a> [go](javascript:alert(4)) $$\\frac{a}{b}$$ :material/delete: '
    "\u202egnihton\u202c \x1b[31mred\x1b[0m <iframe src=http://192.0.2.1></iframe> and so on, matey."
)


def test_whatever_a_model_says_is_shown_as_text_and_reaches_nobody(studio: Studio, page: Page) -> None:
    outside: list[str] = []
    dialogs: list[str] = []
    page.on("request", lambda request: None if "127.0.0.1" in request.url else outside.append(request.url))
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    written(studio, [(HOSTILE, HOSTILE[::-1]), ("Arr " + "so it goes " * 500_000, "Plain. " * 400_000)])
    go(page, studio, "pairs?character=pirate")
    expect(page.get_by_text("<script>alert(1)</script>", exact=False).first).to_be_visible()
    expect(page.get_by_text("![x](http://192.0.2.1/leak.png)", exact=False).first).to_be_visible()
    expect(page.get_by_text("⟨U+202E⟩gnihton", exact=False).first).to_be_visible()
    expect(page.get_by_text("⟨1B⟩[31mred", exact=False).first).to_be_visible()
    press(page, "ArrowRight")
    expect(page.get_by_text("The first 20,000 of", exact=False).first).to_be_visible()
    page.get_by_text("List", exact=True).click()
    expect(page.get_by_text("page 1 of 1", exact=False)).to_be_visible()
    real = [url for url in outside if not url.startswith(("data:", "blob:"))]
    assert (real, dialogs) == ([], [])
