"""What is typed, chosen, switched or set on a page stands there again after a reload, on every page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Locator, Page, expect

from core.sample import SAMPLE
from core.settings import PROJECT, load_settings
from core.store.sample import open_sample
from tests.journeys.conftest import Studio, go, settled
from tests.journeys.test_back import with_pairs
from tests.waiting import until

pytestmark = pytest.mark.journey

VIEWS = sorted(
    path.stem for path in (PROJECT / "app" / "views").glob("*.py") if path.stem not in ("__init__", "home")
)
# These have something to set only where something was measured.
OF_THE_SAMPLE = ("rate", "report", "before_after")
# Nothing can be set there but by buttons that act at once.
NOTHING_TO_SET = ["jobs", "overview", "trial"]
# What a reload may forget, and why.
FORGOTTEN = {
    "Your question": "it is sent by a button, and kept from then on",
    "Go on talking": "it is sent by a button, and kept from then on",
    "Model": "a price is saved by a button, whole or not at all",
    "Why dropped": "it belongs to the very next click",
    "Start without asking up to": "only the person at this tab may say that nobody needs to be asked",
}
# Of each kind on a page; everything that stands there is looked at, these are changed.
MOST = 2
EVERYTHING = """([main, forgotten]) => {
    const shown = one => one.offsetParent !== null && !one.disabled && !one.readOnly;
    const all = (picked, kind, value) => [...main.querySelectorAll(picked)]
        .filter(one => kind === 'switch' || shown(one))
        .map(one => [kind, one.getAttribute('aria-label') || one.placeholder || '', value(one)])
        .filter(([, label]) => !forgotten.includes(label));
    const held = one => one.value;
    const chosen = one => [...one.querySelectorAll('[data-selected=true]')].map(it => it.innerText).join();
    return [
        ...all('textarea, input[type=text]:not([role=combobox])', 'text', held),
        ...all('input[type=number]', 'number', held),
        ...all('input[role=combobox]', 'list', held),
        ...all('input[type=checkbox]', 'switch', one => one.checked),
        ...all('[data-testid=stButtonGroup] [data-rac][role]:not(button)', 'choice', chosen),
    ];
}"""
Standing = list[list[object]]


def standing(page: Page) -> Standing:
    """Everything on the page that a person can set, seen at one moment: its kind, its label, its value."""
    main = page.get_by_test_id("stMain")
    return main.evaluate(f"(main, forgotten) => ({EVERYTHING})([main, forgotten])", list(FORGOTTEN))


def unfolded(page: Page) -> None:
    """Open everything that is folded."""
    page.evaluate(
        "document.querySelectorAll('[data-testid=stMain] details:not([open]) > summary')"
        ".forEach(one => one.click())"
    )
    settled(page)


def few(page: Page, picked: str) -> Iterator[Locator]:
    """The first few of what is picked, each looked for when its turn comes."""
    for place in range(MOST):
        found = page.get_by_test_id("stMain").locator(picked).nth(place)
        if found.count() and found.is_enabled() and label_of(found) not in FORGOTTEN:
            yield found
            settled(page)


def label_of(field: Locator) -> str:
    return field.get_attribute("aria-label") or field.get_attribute("placeholder") or ""


def choose(page: Page) -> None:
    """The last of every list, the last of every row of choices."""
    for group in few(page, "[data-testid=stButtonGroup] [data-rac][role]:not(button)"):
        if (others := group.locator("button:not([data-selected])")).count():
            others.last.click()
    for box in few(page, "input[role=combobox]:visible"):
        # Open with a key: a click on a field that has the focus closes its list again.
        box.press("ArrowDown")
        settled(page)
        # A list in which a name may only be typed offers nothing.
        if (offered := page.get_by_role("option")).count():
            offered.last.click()


def switch(page: Page) -> None:
    for one in few(page, "[data-testid=stCheckbox] label:visible"):
        one.click()


def count_up(page: Page) -> None:
    for one in few(page, "input[type=number]:visible"):
        one.press("ArrowUp")
        one.press("Enter")


def write(page: Page) -> None:
    for one in few(page, "textarea:visible:not([readonly])"):
        one.fill(f"{one.input_value()} And one word more.".strip())
        one.press("Control+Enter")
    for one in few(page, "input[type=text]:visible:not([role=combobox]):not([readonly])"):
        one.fill(f"{one.input_value()} more".strip())
        one.press("Enter")


ACTS: tuple[Callable[[Page], None], ...] = (choose, switch, count_up, write)


def on(path: str, page: Page, studio: Studio) -> None:
    """Go to a page where there is something to set."""
    name = SAMPLE if path.startswith("check_") or path in OF_THE_SAMPLE else "pirate"
    go(page, studio, f"{path}?character={name}")
    if path == "traits":
        page.get_by_role("button", name="5 questions").first.click()
        settled(page)
    unfolded(page)


def lost(page: Page, before: Standing) -> Standing:
    """What stood there before and does not now; the page is given a moment to be drawn."""

    def gone() -> Standing:
        now = standing(page)
        return [one for one in before if one not in now]

    with suppress(AssertionError):
        until(lambda: not gone(), limit_s=5)
    return gone()


def test_a_reload_of_any_page_loses_nothing_that_was_set(studio: Studio, page: Page) -> None:
    with_pairs(studio)
    open_sample(load_settings(data=studio.data))
    untouched: list[str] = []
    gone: dict[str, Standing] = {}
    for path in VIEWS:
        on(path, page, studio)
        at_first = standing(page)
        for act in ACTS:
            act(page)
        unfolded(page)
        before = standing(page)
        untouched += [path] if before == at_first else []
        page.reload()
        expect(page.locator("h1").first).to_be_visible()
        settled(page)
        unfolded(page)
        if missing := lost(page, before):
            gone[path] = missing
        assert page.get_by_test_id("stException").count() == 0, path
    assert gone == {}
    assert untouched == NOTHING_TO_SET
