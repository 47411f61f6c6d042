"""The door: names that are refused, strangers who see nothing, guesses that become slow."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.entrance.attempts import FREE, LONGEST_WAIT_S, Attempts
from app.entrance.doorkeeper import COOKIE, PERSON_HEADER, Doorkeeper
from app.entrance.hosts import answers_to, stays_here
from app.entrance.oidc import may_enter
from app.entrance.sign_in_page import safe_next
from core.cli.studio import Share, streamlit_command
from core.settings import PROJECT, load_settings
from core.store.people import People
from tests.journeys.conftest import free_port, healthy
from tests.waiting import until

PASSWORD = "a long sentence of Ana's"


async def inside(request):  # type: ignore[no-untyped-def]
    return PlainTextResponse(f"inside as {request.headers.get(PERSON_HEADER, 'nobody')}")


async def socket_inside(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("inside")
    await websocket.close()


def studio_behind(people: People | None) -> TestClient:
    routes = [Route("/{rest:path}", inside), WebSocketRoute("/stream", socket_inside)]
    door = Doorkeeper(Starlette(routes=routes), ("studio.team",), people)
    return TestClient(door, base_url="http://studio.team", follow_redirects=False)


@pytest.fixture
def people(tmp_path: Path) -> People:
    found = People(load_settings({"CHARACTER_CONFIG_PATH": str(tmp_path)}))
    found.add("Ana", PASSWORD)
    return found


def enter(client: TestClient, password: str = PASSWORD, *, goes_to: str = "/", origin: str = ""):  # type: ignore[no-untyped-def]
    headers = {"Origin": origin or "http://studio.team"}
    form = {"name": "Ana", "password": password, "next": goes_to}
    return client.post("/sign-in", data=form, headers=headers)


@pytest.mark.parametrize(
    "host", ["evil.example", "studio.team.evil.example", "studio.team@evil.example", ""]
)
def test_a_foreign_host_name_gets_nothing_of_the_studio(host: str) -> None:
    client = studio_behind(None)
    assert "inside" in client.get("/").text
    answer = client.get("/", headers={"Host": host})
    assert answer.status_code == 403 and "inside" not in answer.text
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("ws://studio.team/stream", headers={"Host": host}),
    ):
        pass


@pytest.mark.parametrize("path", ["/", "/traits", "/media/x.png", "/_stcore/host-config", "/static/a.js"])
def test_a_stranger_sees_the_sign_in_page_and_nothing_else(people: People, path: str) -> None:
    client = studio_behind(people)
    asked_for_page = client.get(path, headers={"Accept": "text/html"})
    assert asked_for_page.status_code == 303
    assert asked_for_page.headers["location"].startswith("/sign-in?next=")
    assert client.get(path).status_code == 401
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("ws://studio.team/stream"):
        pass


def test_who_signs_in_is_known_inside_and_cannot_pass_for_somebody_else(people: People) -> None:
    client = studio_behind(people)
    answer = enter(client, goes_to="/pairs?character=pirate")
    assert (answer.status_code, answer.headers["location"]) == (303, "/pairs?character=pirate")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and PASSWORD not in cookie
    assert client.get("/", headers={"X-Character-Person": "Bo"}).text == "inside as Ana"
    with client.websocket_connect("ws://studio.team/stream") as opened:
        assert opened.receive_text() == "inside"


def test_a_forged_or_outdated_cookie_opens_nothing(people: People) -> None:
    client = studio_behind(people)
    enter(client)
    good = client.cookies[COOKIE]
    for bad in (good[:-2] + "xx", "Ana", good.partition(".")[0], ""):
        client.cookies.clear()
        assert client.get("/", headers={"Cookie": f"{COOKIE}={bad}"}).status_code == 401
    people.change_password("Ana", "another long sentence")
    assert client.get("/", headers={"Cookie": f"{COOKIE}={good}"}).status_code == 401


def test_a_page_elsewhere_cannot_sign_somebody_in(people: People) -> None:
    assert enter(studio_behind(people), origin="http://evil.example").status_code == 403


def test_wrong_passwords_become_slow_and_the_right_one_is_not_heard_meanwhile(people: People) -> None:
    client = studio_behind(people)
    answers = [enter(client, "a wrong password").status_code for _ in range(FREE + 1)]
    assert answers == [401] * FREE + [429]
    assert enter(client).status_code == 429


def test_passwords_sent_all_at_once_are_not_all_tried(people: People) -> None:
    door = Doorkeeper(Starlette(routes=[]), ("studio.team",), people)

    async def guess(client: httpx.AsyncClient, number: int) -> int:
        form = {"name": "Ana", "password": f"guess number {number}"}
        answer = await client.post("/sign-in", data=form, headers={"Origin": "http://studio.team"})
        return answer.status_code

    async def all_at_once() -> list[int]:
        way = httpx.ASGITransport(app=door)
        async with httpx.AsyncClient(transport=way, base_url="http://studio.team") as client:
            return await asyncio.gather(*(guess(client, number) for number in range(20)))

    assert asyncio.run(all_at_once()).count(401) == FREE


def test_what_a_person_typed_never_becomes_markup(people: People) -> None:
    client = studio_behind(people)
    form = {"name": '"><script>alert(1)</script>', "password": "x", "next": '/"><img src=x>'}
    page = client.post("/sign-in", data=form, headers={"Origin": "http://studio.team"}).text
    assert "<script" not in page and "<img" not in page


def test_a_form_of_megabytes_is_refused(people: People) -> None:
    headers = {"Origin": "http://studio.team"}
    assert studio_behind(people).post("/sign-in", content=b"x" * 5_000, headers=headers).status_code == 413


@given(st.text())
def test_after_signing_in_nobody_is_led_to_another_site(path: str) -> None:
    led = safe_next(path)
    assert led.startswith("/") and not led.startswith("//") and "\\" not in led and led.isprintable()


@given(st.lists(st.floats(0, 3600), max_size=40))
def test_a_guesser_waits_at_most_five_minutes_and_a_quarter_of_an_hour_forgives(
    moments: list[float],
) -> None:
    attempts = Attempts()
    for moment in sorted(moments):
        attempts.failed("ana", now=moment)
    last = max(moments, default=0.0)
    assert 0 <= attempts.wait_s("ana", now=last) <= LONGEST_WAIT_S
    assert attempts.wait_s("ana", now=last + 901) == 0
    if len(moments) < FREE:
        assert attempts.wait_s("ana", now=last) == 0


@pytest.mark.parametrize(
    ("user", "enters"),
    [
        ({"email": "ana@team.org", "email_verified": True}, True),
        ({"email": "Bo@Partner.org"}, True),
        ({"email": "ana@team.org", "email_verified": False}, False),
        ({"email": "ana@team.org.evil.example"}, False),
        ({"email": "mallory@evil.example"}, False),
        ({}, False),
    ],
)
def test_only_allowed_and_verified_addresses_enter(user: dict[str, object], enters: bool) -> None:
    assert may_enter(user, {"allowed": ["@team.org", "bo@partner.org"]}) is enters


def test_an_address_that_others_can_reach_is_known_as_such() -> None:
    assert all(map(stays_here, ["127.0.0.1", "::1", "localhost", "127.8.8.8"]))
    assert not any(map(stays_here, [None, "", "0.0.0.0", "::", "192.168.1.4", "studio.team"]))
    assert answers_to("STUDIO.team:8501", ("studio.team",)) and answers_to("[::1]:80", ("::1",))


# ---- the real server


@pytest.fixture
def running(tmp_path: Path) -> Iterator[int]:
    """The studio of this computer alone; its port."""
    yield from served(tmp_path, streamlit_command, {})


def served(tmp_path: Path, command, further: dict[str, str]) -> Iterator[int]:  # type: ignore[no-untyped-def]
    port = free_port()
    environment = {**os.environ, "DATA_PATH": str(tmp_path / "data"), **further}
    process = subprocess.Popen(
        command(port),
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: healthy(f"http://127.0.0.1:{port}"), limit_s=60)
        yield port
    finally:
        process.terminate()
        process.wait(15)


def opens(url: str, **headers: str) -> bool:
    """Whether a websocket of the studio lets somebody in."""
    return asyncio.run(_opens(url, headers))


async def _opens(url: str, headers: dict[str, str]) -> bool:
    async with aiohttp.ClientSession() as client:
        try:
            async with client.ws_connect(url, headers=headers, protocols=("streamlit",)):
                return True
        except aiohttp.WSServerHandshakeError:
            return False


def raw_get(port: int, path: str, host: str) -> bytes:
    """What the studio answers to a request line that no client library would send as it is."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
        request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
        link.sendall(request.encode())
        return b"".join(iter(lambda: link.recv(65_536), b""))


def test_the_running_studio_refuses_foreign_origins_names_networks_and_paths(running: int) -> None:
    stream, here = f"ws://127.0.0.1:{running}/_stcore/stream", f"127.0.0.1:{running}"
    assert opens(stream, Origin=f"http://{here}")
    assert not opens(stream, Origin="http://evil.example")
    assert not opens(stream, Host="evil.example", Origin="http://evil.example")
    for path in (
        "/media/../../../etc/passwd",
        "/media/..%2f..%2f..%2fetc%2fpasswd",
        "/media/%2e%2e/%2e%2e/etc/passwd",
    ):
        answer = raw_get(running, path, here)
        assert b"root:" not in answer and answer.startswith(b"HTTP/1.1 4"), answer[:200]
    assert raw_get(running, "/", here).startswith(b"HTTP/1.1 200")
    assert raw_get(running, "/", "evil.example").startswith(b"HTTP/1.1 403")
    for address in other_addresses():
        with pytest.raises(OSError), socket.create_connection((address, running), timeout=5):
            pass


def other_addresses() -> list[str]:
    """This machine's addresses on networks, where it has any."""
    found = {str(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    return [address for address in found if not stays_here(address)]


def test_a_shared_studio_opens_no_socket_for_a_stranger(tmp_path: Path, people: People) -> None:
    share = Share("127.0.0.1", "http://127.0.0.1", ("127.0.0.1",), "password")
    further = {**share.environment(), "CHARACTER_CONFIG_PATH": str(people.path.parent)}
    for port in served(tmp_path, lambda port: streamlit_command(port, share), further):
        stream, origin = f"ws://127.0.0.1:{port}/_stcore/stream", f"http://127.0.0.1:{port}"
        assert not opens(stream, Origin=origin)
        cookie = Doorkeeper(None, (), people)._let_in(people.all()[0], "/").headers["set-cookie"]  # type: ignore[arg-type]
        assert opens(stream, Origin=origin, Cookie=cookie.partition(";")[0])
