"""A bulk job as a person watches it: its numbers move, survive a reload, and Stop ends it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from app.commands import job_argv
from core.jobs import Job, Jobs
from core.settings import load_settings
from tests.journeys.conftest import Studio
from tests.load_server import Latency, LoadServer, Plan, faults
from tests.waiting import until

pytestmark = pytest.mark.journey

# An answer takes a second or so, eight at most at once, and there are thousands to come: it cannot end
# before it is stopped.
FAULTS = ((0.03, faults.status(503)), (0.03, faults.status(400)))
SERVER = Plan(seed=1, latency=Latency(0.8, 0.4), concurrency=8, faults=FAULTS, cost_usd=0.001)
SAMPLES = "20"
STOPS_WITHIN_S = 5.0
MINUTE = 60_000
COUNTING = """
import itertools, time
from core.jobs import ProgressReporter
reporter = ProgressReporter.from_environment()
for second in itertools.count():
    limit = 37 + second % 2
    why = "38 at once was too many (HTTP 429): now 37" if limit == 37 else ""
    figures = {"requests": second, "per_second": 31.2, "in_flight": 36, "limit": limit, "ceiling": 64,
               "retries": 4, "waiting": second % 3, "cost_usd": 0.42, "budget_usd": 5.0,
               "maybe_double_billed": 3, "reasons": {"timeout": 2, "transient": 1}}
    reporter.update(stage="teacher", done=second, planned=90_000, failed=3, figures=figures)
    reporter.note_history({"at": time.time() + second, "stage": "teacher", "why": why,
                           "limit": limit, "in_flight": 36, "per_second": 30 + second % 3})
    time.sleep(0.2)
"""


@pytest.fixture
def jobs(studio: Studio) -> Iterator[Jobs]:
    """The jobs of the running studio; none is left behind."""
    jobs = Jobs(load_settings(data=studio.data))
    yield jobs
    for job in jobs.list(active_only=True):
        jobs.cancel(job.id, grace_s=0)


def watch(page: Page, studio: Studio, job: Job) -> None:
    """Open the job's own address."""
    page.goto(f"{studio.url}/jobs?character=pirate&job={job.id}")
    expect(page.get_by_test_id("stProgress")).to_be_visible(timeout=MINUTE)


def shown(page: Page) -> int:
    """How many answers the page says are done."""
    text = page.get_by_test_id("stProgress").inner_text()
    found = re.search(r"([\d,]+) of [\d,]+", text)
    assert found, text
    return int(found[1].replace(",", ""))


def moves(page: Page) -> None:
    """Wait until the number on the page grows."""
    before = shown(page)
    until(lambda: shown(page) > before)


def points(page: Page) -> int:
    """How many points the first chart has."""
    return page.locator(".js-plotly-plot").first.evaluate("plot => plot.data?.[0].x.length ?? 0")


def overflow(page: Page) -> int:
    """How many pixels the page is wider than the window."""
    element = "document.scrollingElement"
    return page.evaluate(f"{element}.scrollWidth - {element}.clientWidth")


def test_a_bulk_job_moves_survives_a_reload_and_stops_within_five_seconds(
    studio: Studio, jobs: Jobs, page: Page
) -> None:
    with LoadServer(SERVER) as server:
        words = ["pipeline", "pirate", "--teacher", server.name, "--student", server.name]
        words += ["--K", SAMPLES, "--data", str(studio.data)]
        job = jobs.start(
            job_argv(words), verb="pipeline", title="Pairs of Pirate", subject="pairs:pirate", token="one"
        )
        watch(page, studio, job)
        moves(page)
        expect(page.get_by_text("answers a second").first).to_be_visible()
        expect(page.get_by_text(re.compile(r"\d+ of at most \d+ at once"))).to_be_visible()
        expect(page.get_by_text(re.compile(r"\$[\d.]+ spent"))).to_be_visible(timeout=MINUTE)
        expect(page.get_by_text("at once was too many (HTTP 429)").first).to_be_visible(timeout=MINUTE)
        expect(page.get_by_text("the provider refused more").first).to_be_visible(timeout=MINUTE)
        expect(page.get_by_text(re.compile("failed: The provider refused")).first).to_be_visible(
            timeout=MINUTE
        )
        page.reload()
        expect(page.get_by_test_id("stProgress")).to_be_visible(timeout=MINUTE)
        moves(page)
        last_shown = shown(page)

        page.get_by_role("button", name="Stop").click()
        until(lambda: not jobs.get(job.id).active, limit_s=STOPS_WITHIN_S)
        assert jobs.get(job.id).state == "cancelled"
        expect(page.get_by_text("You stopped it. Everything finished is kept.")).to_be_visible()
        expect(page.get_by_test_id("stProgress")).to_be_hidden()
        expect(page.locator(".js-plotly-plot")).to_have_count(2)
        expect(page.get_by_text(re.compile(r"Teacher answers: [\d,]+ requests"))).to_be_visible()

    [rows] = studio.data.glob("runs/*/teacher/*/rows.jsonl")
    assert rows.read_bytes().count(b"\n") >= last_shown
    assert page.get_by_test_id("stException").count() == 0


@pytest.mark.parametrize("width", [390, 1280])
def test_charts_move_without_moving_the_page_and_fit_the_screen(
    studio: Studio, jobs: Jobs, page: Page, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    job = jobs.start([sys.executable, "-c", COUNTING], verb="teacher", title="Counting", token="two")
    watch(page, studio, job)
    expect(page.locator(".js-plotly-plot")).to_have_count(2, timeout=MINUTE)
    expect(page.get_by_text("It settled at 37 at once; the provider refused more.").last).to_be_visible()
    assert overflow(page) <= 0

    log = page.get_by_text("It has printed nothing yet.")
    log.scroll_into_view_if_needed()
    place, before = log.bounding_box(), points(page)
    until(lambda: points(page) > before)
    assert log.bounding_box() == place
    page.get_by_role("button", name="Stop").click()
    until(lambda: not jobs.get(job.id).active, limit_s=STOPS_WITHIN_S)
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    assert page.get_by_test_id("stException").count() == 0
