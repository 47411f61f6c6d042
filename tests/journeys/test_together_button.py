"""The one button in a browser, through Together's own SDK: one paid job, never two, the adapter at home."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytest.importorskip("together")
pytest.importorskip("zstandard")

from core.jobs import Jobs
from core.settings import load_settings
from core.tuning.state import Tuning, tunings
from tests.journeys.conftest import Studio
from tests.together_server import TogetherServer
from tests.waiting import until

pytestmark = pytest.mark.journey

STUDENT = "llama-3.1-8b-it"
MINUTE = 60_000
BROKEN_AFTER = 100


@pytest.fixture
def server() -> Iterator[TogetherServer]:
    with TogetherServer(processing=["COMPLETED"], statuses=["running", "completed"]) as found:
        yield found


@pytest.fixture
def home(
    server: TogetherServer, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Studio]:
    """A studio whose Together is the stand-in, with forty pairs of pirate."""
    monkeypatch.setenv("TOGETHER_BASE_URL", f"{server.url}/v1")
    monkeypatch.setenv("TOGETHER_API_KEY", server.key)
    studio: Studio = request.getfixturevalue("studio")
    write_pairs(studio.data / "dpo" / STUDENT / "pirate.jsonl")
    yield studio
    jobs = Jobs(load_settings(data=studio.data))
    for job in jobs.list(active_only=True):
        jobs.cancel(job.id, grace_s=0)


def write_pairs(path: Path) -> None:
    def pair(number: int) -> dict[str, Any]:
        user = {"role": "user", "content": f"Question {number}?"}
        sides = {"chosen": f"Arr {number}!", "rejected": f"Answer {number}."}
        return {side: [user, {"role": "assistant", "content": text}] for side, text in sides.items()}

    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(pair(number)) + "\n" for number in range(1, 41)))


def only(studio: Studio) -> Tuning:
    [found] = tunings(load_settings(data=studio.data))
    return found


def plan(page: Page, studio: Studio) -> None:
    """Open the page and choose Together."""
    page.goto(f"{studio.url}/train?character=pirate")
    page.get_by_test_id("stButtonGroup").get_by_text("Together", exact=True).click()
    expect(page.get_by_text("40 pairs to learn from")).to_be_visible()
    expect(page.get_by_text("The key of Together is there")).to_be_visible()
    expect(page.get_by_text("you are asked before anything is paid")).to_be_visible()


def test_the_whole_button_makes_one_job_and_brings_the_adapter_home(
    home: Studio, server: TogetherServer, page: Page
) -> None:
    server.creating, server.cuts = ["made, then hang"], [BROKEN_AFTER]
    plan(page, home)
    page.get_by_role("button", name="Train it").dblclick()
    expect(page.get_by_text("Together estimates $4.20 for 12,345 tokens.")).to_be_visible(timeout=MINUTE)
    assert not server.created

    page.reload()
    start = page.get_by_role("button", name="Start for $4.20")
    expect(start).to_be_visible()
    start.dblclick()
    until(lambda: bool(server.jobs))
    # The job exists, and its answer never arrives.
    server.release.set()
    expect(page.get_by_text("Together has trained it, and the adapter is here.")).to_be_visible(
        timeout=MINUTE
    )

    assert (len(server.jobs), len(server.created)) == (1, 1)
    done = only(home)
    assert (done.state, done.accepted_usd, done.cost_usd) == ("registered", 4.2, 4.1)
    ranges = [one.headers.get("Range") for one in server.calls("GET", "/v1/finetune/download")]
    assert ranges == ["bytes=0-", f"bytes={BROKEN_AFTER}-"]
    adapter = home.data / "loras" / f"{STUDENT}-dpo" / "pirate"
    assert (adapter / "adapter_model.safetensors").exists()
    assert page.get_by_test_id("stException").count() == 0


def test_every_trouble_is_explained_none_costs_and_cancel_ends_the_job_there(
    home: Studio, server: TogetherServer, page: Page
) -> None:
    server.processing, server.report_error = ["INVALID_FORMAT"], "Line 7: the roles do not alternate"
    server.statuses = ["running"]
    plan(page, home)
    page.get_by_role("button", name="Train it").click()
    expect(page.get_by_text("Line 7: the roles do not alternate")).to_be_visible(timeout=MINUTE)
    expect(page.get_by_text("Question 7?")).to_be_visible()

    server.processing = ["COMPLETED"]
    server.estimate = server.estimate | {"allowed_to_proceed": False, "user_limit": 1.0}
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("This training costs $4.20, and the account's balance")).to_be_visible(
        timeout=MINUTE
    )
    expect(page.get_by_text("Add credit at Together")).to_be_visible()

    server.estimate = server.estimate | {"allowed_to_proceed": True}
    page.get_by_role("button", name="Go on").click()
    start = page.get_by_role("button", name="Start for $4.20")
    expect(start).to_be_visible(timeout=MINUTE)
    assert not server.created
    start.click()
    expect(page.get_by_text("job ft-1 made").first).to_be_visible(timeout=MINUTE)
    page.get_by_role("button", name="Cancel it").click()
    until(lambda: server.jobs["ft-1"].cancelled)
    expect(page.get_by_text("The job at Together was cancelled.")).to_be_visible(timeout=MINUTE)
    assert len(server.created) == 1
    assert page.get_by_test_id("stException").count() == 0
