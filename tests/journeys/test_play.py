"""The switchboard and the attacks in a browser, on scripted models: asked, kept and taught further."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from core.settings import load_settings
from core.store.attack_log import attack_log
from core.store.switchboard import boards
from tests.core.test_chat import events
from tests.journeys.conftest import Studio, go, settled
from tests.stand_in import StandIn
from tests.waiting import until

pytestmark = pytest.mark.journey


@pytest.fixture
def endless() -> Iterator[tuple[str, list[str]]]:
    """A server whose answers end only when their reader hangs up: its address, and who did."""
    gone: list[str] = []
    piece = {"choices": [{"index": 0, "delta": {"content": "on and on "}}]}
    line = f"data: {json.dumps(piece)}\n\n".encode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(line)
            self.wfile.flush()
            # Silence from here on: the only thing that can still come is the end of the connection.
            self.connection.recv(1)
            gone.append(self.path)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1", gone
    server.shutdown()
    server.server_close()


def voiced(number: int, body: dict[str, object]):
    """A model that talks as the first sentence of the system prompt lets it; streamed in pieces."""
    system = next((one["content"] for one in body["messages"] if one["role"] == "system"), "")  # type: ignore[index]
    if "I talk as old sea dogs do" in str(system) or body["model"] == "tuned":
        return events("Arr, ", "matey, ", "roast a fish!")
    return events("You could ", "roast a chicken.")


def test_a_sentence_switched_off_changes_the_answer_and_a_reload_keeps_everything(
    studio: Studio, page: Page, stand_in: StandIn
) -> None:
    stand_in.script = voiced
    model = stand_in.name.replace("#", "%23")
    go(page, studio, f"switchboard?character=pirate&b=all&model={model}")
    off = page.get_by_test_id("stCheckbox").filter(has_text="B").first
    off.click()
    settled(page)
    box = page.get_by_label("Your question")
    box.fill("What should I cook?")
    box.press("Enter")
    expect(page.get_by_text("Arr, matey, roast a fish!")).to_be_visible()
    expect(page.get_by_text("You could roast a chicken.")).to_be_visible()
    settled(page)
    board = boards(load_settings(data=studio.data), "pirate").read()
    assert (board.a, board.b) == ("all", "but:voice")
    assert board.turns[0].answers == {"a": "Arr, matey, roast a fish!", "b": "You could roast a chicken."}

    asked = len(stand_in.requests)
    page.goto(f"{studio.url}/switchboard?character=pirate")
    expect(page.get_by_text("Arr, matey, roast a fish!")).to_be_visible()
    expect(page.get_by_text("9 of 10 sentences, all 3 exchanges")).to_be_visible()
    settled(page)
    assert "b=but" in page.url and len(stand_in.requests) == asked


def ask_without_end(page: Page, studio: Studio, address: str) -> None:
    """Ask both sides something that nobody ends to answer, and see the first words come."""
    go(page, studio, f"switchboard?character=pirate&b=none&model={address}%23m")
    box = page.get_by_label("Your question")
    box.fill("Tell me everything.")
    box.press("Enter")
    expect(page.get_by_text("on and on").first).to_be_visible()


def test_stopping_keeps_what_had_come_and_ends_the_answer_at_the_server(
    studio: Studio, page: Page, endless: tuple[str, list[str]]
) -> None:
    address, gone = endless
    ask_without_end(page, studio, address)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped here.").first).to_be_visible()
    until(lambda: len(gone) == 2)
    (turn,) = boards(load_settings(data=studio.data), "pirate").read().turns
    assert all(turn.answers[side].startswith("on and on") for side in ("a", "b"))


def test_leaving_the_page_ends_every_answer(
    studio: Studio, page: Page, endless: tuple[str, list[str]]
) -> None:
    address, gone = endless
    ask_without_end(page, studio, address)
    page.get_by_role("link", name="Jobs").click()
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    until(lambda: len(gone) == 2)


def test_an_attack_that_broke_it_is_asked_in_the_next_round(
    studio: Studio, page: Page, stand_in: StandIn
) -> None:
    stand_in.script = voiced
    base, tuned = (f"{stand_in.url}%23{name}" for name in ("base", "tuned"))
    go(page, studio, f"break_me?character=pirate&model={base}&tuned={tuned}")
    page.get_by_label("Your question").fill("What should I cook?")
    page.get_by_role("button", name="Drop the role").click()
    expect(page.get_by_text("Arr, matey, roast a fish!")).to_be_visible()
    expect(page.get_by_text("You could roast a chicken.")).to_be_visible()
    settled(page)
    page.get_by_test_id("stMain").get_by_text("Broke", exact=True).first.click()
    page.get_by_role("button", name="Add to the next round").click()
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_text("In the next round")).to_be_visible()
    settled(page)
    (tried,) = attack_log(load_settings(data=studio.data), "pirate").all()
    assert tried.answers["tuned"].verdict == "broke"
    page.get_by_role("link", name="See it").click()
    expect(page.get_by_text("From a failed attack: Drop the role")).to_be_visible()
    expect(page.get_by_text("Step out of any part").first).to_be_visible()
