"""A studio that a team shares: who gets in, who stays out, and whose job is whose."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core.cli.studio import Share, streamlit_command
from core.jobs import Jobs
from core.settings import PROJECT, load_settings
from core.store.people import People
from tests.journeys.conftest import Studio, free_port, healthy, settled
from tests.oidc_provider import CLIENT, SECRET, oidc_provider
from tests.waiting import until

pytestmark = pytest.mark.journey

ANA, BO = "a long sentence of Ana's", "a long sentence of Bo's"


@contextmanager
def served(folder: Path, sign_in: str, prepare: Callable[[People], None]) -> Iterator[Studio]:
    """A shared studio in a process of its own."""
    port = free_port()
    share = Share("127.0.0.1", f"http://127.0.0.1:{port}", ("127.0.0.1",), sign_in)
    environment = {
        **os.environ,
        **share.environment(),
        "DATA_PATH": str(folder / "data"),
        "CHARACTER_CONFIG_PATH": str(folder / "config"),
        "OPENROUTER_API_KEY": "sk-or-canary-9f8e7d6c5b4a",
    }
    prepare(People(load_settings(environment)))
    with (folder / "studio.log").open("wb") as log:
        process = subprocess.Popen(
            streamlit_command(port, share), cwd=PROJECT, env=environment, stdout=log, stderr=log
        )
        try:
            until(lambda: healthy(share.url), limit_s=60)
            yield Studio(share.url, folder / "data")
        finally:
            process.terminate()
            process.wait(15)


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Studio]:
    """A studio with passwords for an admin, Ana, and for Bo, who is none."""

    def prepare(people: People) -> None:
        people.add("Ana", ANA, admin=True)
        people.add("Bo", BO)

    with served(tmp_path, "password", prepare) as found:
        yield found


def sign_in(page: Page, name: str, password: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def tab_of(browser: Browser, shared: Studio, name: str, password: str, path: str = "") -> Page:
    """A browser of its own in which somebody has signed in."""
    page = browser.new_context(viewport={"width": 1360, "height": 900}).new_page()
    page.set_default_timeout(45_000)
    page.goto(f"{shared.url}/{path}")
    sign_in(page, name, password)
    expect(page.get_by_text(f"Signed in as {name}")).to_be_visible()
    settled(page)
    return page


def test_a_person_signs_in_once_and_lands_where_the_link_led(shared: Studio, page: Page) -> None:
    page.goto(f"{shared.url}/traits?character=humor")
    expect(page.get_by_role("heading", name="Character Studio")).to_be_visible()
    sign_in(page, "Ana", "wrong, I fear")
    expect(page.get_by_role("alert")).to_contain_text("do not fit")
    assert page.get_by_label("Name").input_value() == "Ana"
    sign_in(page, "ana", ANA)
    expect(page.get_by_role("heading", name="Humor")).to_be_visible()
    expect(page.get_by_text("Signed in as Ana")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Signed in as Ana")).to_be_visible()
    settled(page)
    page.get_by_role("link", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.goto(f"{shared.url}/traits")
    expect(page.get_by_label("Password")).to_be_visible()


def test_keys_of_the_deployment_are_neither_shown_nor_changed(shared: Studio, browser: Browser) -> None:
    page = tab_of(browser, shared, "Ana", ANA, "settings")
    expect(page.get_by_text("Set by whoever runs this studio").first).to_be_visible()
    assert "5b4a" not in page.content() and page.locator("input[type=password]").count() == 0
    page.context.close()


def test_a_job_is_stopped_by_its_owner_or_an_admin_only(shared: Studio, browser: Browser) -> None:
    jobs = Jobs(load_settings({"DATA_PATH": str(shared.data), "CHARACTER_CONFIG_PATH": str(shared.data)}))
    job = jobs.start(
        ["sleep", "120"], verb="teacher", title="Ana's pairs", subject="x", token="1", page={"by": "Ana"}
    )
    try:
        bo = tab_of(browser, shared, "Bo", BO, f"jobs?job={job.id}")
        expect(bo.get_by_text("started by Ana")).to_be_visible()
        bo.get_by_role("button", name="Stop").click()
        expect(bo.get_by_text("Ana started this job; ask them")).to_be_visible()
        assert jobs.get(job.id).active
        bo.context.close()
        ana = tab_of(browser, shared, "Ana", ANA, f"jobs?job={job.id}")
        ana.get_by_role("button", name="Stop").click()
        until(lambda: not jobs.get(job.id).active)
        ana.context.close()
    finally:
        jobs.cancel(job.id)


def test_signing_out_or_being_removed_ends_every_open_tab(shared: Studio, browser: Browser) -> None:
    first = tab_of(browser, shared, "Bo", BO)
    second = first.context.new_page()
    second.goto(f"{shared.url}/share?character=pirate")
    expect(second.get_by_text("Signed in as Bo")).to_be_visible()
    settled(second)
    settled(first)
    first.get_by_role("link", name="Sign out").click()
    # Nobody touches the other tab: it is drawn anew by itself, and then nothing in it is heard.
    expect(second.get_by_role("heading", name="Signed out")).to_be_visible(timeout=15_000)
    expect(second.get_by_text("Signed in as Bo")).to_be_hidden()
    second.get_by_role("link", name="Sign in").click()
    sign_in(second, "Bo", BO)
    expect(second.get_by_text("Signed in as Bo")).to_be_visible()
    settled(second)

    second.goto(f"{shared.url}/share?character=pirate")
    make = second.get_by_role("button", name="Make the bundle")
    expect(make).to_be_enabled()
    settled(second)
    people_of(shared).remove("Bo")
    make.click()
    expect(second.get_by_role("heading", name="Signed out")).to_be_visible()
    assert not Jobs(load_settings({"DATA_PATH": str(shared.data)})).list()
    second.context.close()


def people_of(shared: Studio) -> People:
    """The accounts of a studio that is served here."""
    return People(load_settings({"CHARACTER_CONFIG_PATH": str(shared.data.with_name("config"))}))


def test_people_sign_in_at_their_identity_provider_and_others_stay_out(
    tmp_path: Path, browser: Browser
) -> None:
    with oidc_provider("ana@team.org") as provider:

        def prepare(people: People) -> None:
            people.save_oidc(
                {
                    "issuer": provider.issuer,
                    "client_id": CLIENT,
                    "client_secret": SECRET,
                    "allowed": ["@team.org"],
                    "admins": [],
                }
            )

        with served(tmp_path, "oidc", prepare) as shared:
            page = browser.new_context().new_page()
            page.set_default_timeout(45_000)
            page.goto(shared.url)
            expect(page.get_by_text("Your team's studio")).to_be_visible()
            assert page.get_by_text("Traits").count() == 0
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_text(re.compile("Signed in as ana@.?team"))).to_be_visible()
            page.reload()
            expect(page.get_by_text(re.compile("Signed in as ana@.?team"))).to_be_visible()
            settled(page)

            kept = people_of(shared).oidc() or {}
            people_of(shared).save_oidc(kept | {"allowed": ["bo@team.org"]})
            # An open tab begins anew at the gate, and its button works there.
            expect(page.get_by_text("may not enter this studio")).to_be_visible(timeout=20_000)
            people_of(shared).save_oidc(kept)
            page.reload()
            expect(page.get_by_text(re.compile("Signed in as ana@.?team"))).to_be_visible()
            other = page.context.new_page()
            other.goto(shared.url)
            expect(other.get_by_text(re.compile("Signed in as ana@.?team"))).to_be_visible()
            settled(other)
            settled(page)
            page.get_by_role("button", name="Sign out").click()
            expect(other.get_by_role("heading", name="Signed out")).to_be_visible(timeout=20_000)
            other.get_by_role("link", name="Sign in").click()
            expect(other.get_by_text("Your team's studio")).to_be_visible()
            page.context.close()

            provider.email = "mallory@evil.example"
            page = browser.new_context().new_page()
            page.goto(shared.url)
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_text("may not enter this studio")).to_be_visible()
            assert page.get_by_text("Traits").count() == 0
            page.context.close()
