"""The report card in a real browser: it opens offline, reads on a phone, and prints on a few pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from core.settings import load_settings
from core.stages.evals.keeping import keep
from core.stages.report import write_report
from core.store.library import Library
from core.store.runs import open_run
from tests.core import eval_results

pytestmark = pytest.mark.journey

PHONE = 390
MOST_PAGES = 8
HOSTILE = "<script>document.title = 'taken'</script><img src='https://example.org/x.png'></style><b>"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pirate with every evaluation, in which one answer tries to be a page."""
    settings = load_settings(data=tmp_path_factory.mktemp("report"))
    run = open_run(settings, Library(settings).load("pirate").constitution)
    for result in eval_results.all_results():
        for row in result.rows:
            row["text"] = f"{HOSTILE} {row['text']}"
        keep(run, result)
    return write_report(run, settings)[0]


def opened(browser: Browser, report: Path, width: int, scheme: str) -> tuple[Page, list[str], list[str]]:
    """The report in a window, with what it asked for and what it complained about."""
    page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()  # type: ignore[arg-type]
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(report.as_uri())
    return page, asked, said


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_without_a_request_and_without_a_complaint(
    browser: Browser, report: Path, scheme: str
) -> None:
    page, asked, said = opened(browser, report, 1100, scheme)
    assert page.locator("h1").inner_text() == "Pirate"
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]
    assert said == []
    assert page.title() == "Pirate: report"
    page.context.close()


def test_on_a_phone_nothing_has_to_be_scrolled_sideways(browser: Browser, report: Path) -> None:
    page, _, _ = opened(browser, report, PHONE, "light")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
    shown = page.locator("figure svg:visible")
    assert shown.count() == page.locator("figure").count()
    assert all(
        name == "narrow" for name in shown.evaluate_all("all => all.map(one => one.getAttribute('class'))")
    )
    page.context.close()


def test_every_word_of_a_chart_stands_inside_the_page(browser: Browser, report: Path) -> None:
    for width in (PHONE, 1100):
        page, _, _ = opened(browser, report, width, "light")
        outside = page.locator("figure svg:visible text").evaluate_all(
            "all => all.filter(one => { const box = one.getBoundingClientRect();"
            " return box.left < 0 || box.right > document.documentElement.clientWidth; })"
            ".map(one => one.textContent)"
        )
        assert outside == []
        page.context.close()


def test_it_prints_light_on_a_few_pages_of_paper(browser: Browser, report: Path) -> None:
    page, _, _ = opened(browser, report, 1100, "dark")
    pdf = page.pdf(prefer_css_page_size=True)
    pages = len(re.findall(rb"/Type\s*/Page[^s]", pdf))
    assert 2 <= pages <= MOST_PAGES
    page.emulate_media(media="print")
    ink, paper = page.evaluate(
        "(() => { const style = getComputedStyle(document.documentElement);"
        " return [style.color, style.backgroundColor]; })()"
    )
    assert (ink, paper) == ("rgb(38, 33, 27)", "rgb(255, 255, 255)")
    page.context.close()
