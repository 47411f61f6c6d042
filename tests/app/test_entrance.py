"""The door: names that are refused, strangers who see nothing, guesses that become slow."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
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
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from app.entrance.attempts import FREE, FREE_ANYWHERE, LONGEST_PAUSE_S, LONGEST_WAIT_S, Attempts, Who
from app.entrance.by_password import COOKIE, KNOWN_COOKIE, PERSON_HEADER, ByPassword
from app.entrance.by_provider import ByProvider
from app.entrance.doorkeeper import Doorkeeper
from app.entrance.hosts import answers_to, place_of, same_origin, stays_here
from app.entrance.oidc import USER_COOKIE, may_enter
from app.entrance.sign_in_page import safe_next
from app.entrance.sign_ins import SignIns
from app.entrance.sockets import Watched, draw_anew
from core.cli.studio import Share, streamlit_command
from core.settings import PROJECT, Settings, load_settings
from core.store.people import People
from tests.journeys.conftest import free_port, healthy
from tests.waiting import until

PASSWORD = "a long sentence of Ana's"


async def inside(request):  # type: ignore[no-untyped-def]
    notes = request.headers.getlist(PERSON_HEADER)
    found = [SignIns(request.app.state.settings).who(note) for note in notes]
    return PlainTextResponse(
        "inside as " + (",".join(one.name if one else "?" for one in found) or "nobody")
    )


async def socket_inside(websocket: WebSocket) -> None:
    """Says what it hears: text as it came, and bytes as "drawn anew" where they are that."""
    await websocket.accept()
    await websocket.send_text(f"inside {websocket.headers.get('sec-websocket-protocol', '')}".strip())
    with suppress(WebSocketDisconnect):
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            anew = message.get("bytes") == draw_anew()
            await websocket.send_text("drawn anew" if anew else f"heard {message['text']}")


def app_inside(settings: Settings) -> Starlette:
    found = Starlette(routes=[WebSocketRoute("/stream", socket_inside), Route("/{rest:path}", inside)])
    found.state.settings = settings
    return found


async def no_rest(seconds: float) -> None:
    """Slowing down, in no time."""


def studio_behind(
    people: People | None, *, visitor: str = "127.0.0.1", url: str = "", attempts: Attempts | None = None
) -> TestClient:
    settings = people.settings if people else load_settings({})
    door = ByPassword(settings, url, attempts or Attempts(), no_rest) if people else None
    keeper = Doorkeeper(app_inside(settings), ("studio.team",), door, url)
    base = url or "http://studio.team"
    return TestClient(keeper, base_url=base, follow_redirects=False, client=(visitor, 5000))


@pytest.fixture
def people(tmp_path: Path) -> People:
    found = People(load_settings({"CHARACTER_CONFIG_PATH": str(tmp_path)}))
    found.add("Ana", PASSWORD)
    return found


def enter(  # type: ignore[no-untyped-def]
    client: TestClient, password: str = PASSWORD, *, goes_to: str = "/", origin: str = "", name: str = "Ana"
):
    headers = {"Origin": origin or str(client.base_url)}
    form = {"name": name, "password": password, "next": goes_to}
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
    for header in ("X-Character-Person", "x-character-person", "X-CHARACTER-PERSON"):
        assert client.get("/", headers={header: "Ana"}).text == "inside as Ana"
    with client.websocket_connect("ws://studio.team/stream") as opened:
        assert opened.receive_text() == "inside"
        opened.send_text("a click")
        assert opened.receive_text() == "heard a click"


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
    door = Doorkeeper(Starlette(routes=[]), ("studio.team",), ByPassword(people.settings))

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


ANA = Who("ana", "192.0.2.1")


@given(st.lists(st.floats(0, 3600), max_size=40))
def test_a_guesser_waits_at_most_five_minutes_and_a_quarter_of_an_hour_forgives(
    moments: list[float],
) -> None:
    attempts = Attempts()
    for moment in sorted(moments):
        attempts.failed(ANA, now=moment)
    last = max(moments, default=0.0)
    assert 0 <= attempts.wait_s(ANA, now=last) <= LONGEST_WAIT_S
    assert 0 <= attempts.pause_s(ANA, now=last) <= LONGEST_PAUSE_S
    assert attempts.wait_s(ANA, now=last + 901) == 0
    if len(moments) < FREE:
        assert attempts.wait_s(ANA, now=last) == 0


@pytest.mark.parametrize(
    ("user", "enters"),
    [
        ({"email": "ana@team.org", "email_verified": True}, True),
        ({"email": "Bo@Partner.org", "email_verified": "true"}, True),
        ({"email": "bo@partner.org"}, False),
        ({"email": "ana@team.org", "email_verified": False}, False),
        ({"email": "ana@team.org", "email_verified": "false"}, False),
        ({"email": "ana@team.org.evil.example", "email_verified": True}, False),
        ({"email": "mallory@evil.example", "email_verified": True}, False),
        ({"email": "@team.org", "email_verified": True}, False),
        ({"email": "team.org", "email_verified": True}, False),
        ({"email_verified": True}, False),
    ],
)
def test_only_allowed_and_verified_addresses_enter(user: dict[str, object], enters: bool) -> None:
    assert may_enter(user, {"allowed": ["@team.org", "bo@partner.org"]}) is enters
    silent, told = "email_verified" not in user, {"allowed": ["@team.org", "bo@partner.org"]}
    assert may_enter(user, told | {"unverified": True}) is (enters or silent)


def test_an_address_that_others_can_reach_is_known_as_such() -> None:
    assert all(map(stays_here, ["127.0.0.1", "::1", "localhost", "127.8.8.8", "::ffff:127.0.0.1"]))
    assert not any(
        map(stays_here, [None, "", "0.0.0.0", "::", "192.168.1.4", "studio.team", "::ffff:8.8.8.8"])
    )
    assert answers_to("STUDIO.team:8501", ("studio.team",)) and answers_to("[::1]:80", ("::1",))


# ---- an open tab, once its person may not be there


def sent_away(people: People, client: TestClient, change) -> list[str]:  # type: ignore[no-untyped-def]
    """What an open tab's clicks lead to, before and after a change."""
    with client.websocket_connect("ws://studio.team/stream") as tab:
        said = [tab.receive_text()]
        tab.send_text("a click")
        said.append(tab.receive_text())
        change()
        tab.send_text("a click that starts a job")
        said.append(tab.receive_text())
        tab.send_text("another")
    return said


@pytest.mark.parametrize("how", ["password", "removed", "signed out"])
def test_an_open_tab_hears_no_click_once_its_person_may_not_be_there(people: People, how: str) -> None:
    client = studio_behind(people)
    enter(client)

    def change() -> None:
        if how == "password":
            people.change_password("Ana", "another long sentence")
        elif how == "removed":
            people.remove("Ana")
        else:
            assert client.get("/sign-out").status_code == 303

    assert sent_away(people, client, change) == ["inside", "heard a click", "drawn anew"]


def test_an_open_tab_that_nobody_touches_is_drawn_anew_by_itself(people: People) -> None:
    may = iter([True, False])

    async def silent() -> dict[str, object]:
        await asyncio.Event().wait()
        raise AssertionError("nothing ever comes")

    async def send(message: object) -> None:
        raise AssertionError("nothing is sent")

    watched = Watched(silent, send, lambda: next(may), every_s=0.01)  # type: ignore[arg-type]
    assert asyncio.run(watched.hear())["bytes"] == draw_anew()


def test_signing_out_ends_copies_of_the_cookie_too_but_no_other_sign_in(people: People) -> None:
    client, other = studio_behind(people), studio_behind(people)
    enter(client)
    enter(other)
    copied = client.cookies[COOKIE]
    assert client.get("/sign-out", headers={"Sec-Fetch-Site": "cross-site"}).headers["location"] == "/"
    assert client.get("/").status_code == 200
    client.get("/sign-out")
    assert client.get("/", headers={"Cookie": f"{COOKIE}={copied}"}).status_code == 401
    assert other.get("/").status_code == 200


def test_over_https_every_cookie_is_marked_for_it_and_no_neighbour_sets_one(
    people: People,
) -> None:
    client = studio_behind(people, url="https://studio.team")
    answer = enter(client)
    for cookie in answer.headers.get_list("set-cookie"):
        assert {"secure", "httponly", "samesite=lax"} <= {one.strip().lower() for one in cookie.split(";")}
    assert client.cookies[f"__Host-{COOKIE}"] and client.get("/").text == "inside as Ana"
    token = client.cookies[f"__Host-{COOKIE}"]
    client.cookies.clear()
    assert client.get("/", headers={"Cookie": f"{COOKIE}={token}"}).status_code == 401


def test_each_sign_in_is_a_new_one(people: People) -> None:
    client = studio_behind(people)
    enter(client)
    before = client.cookies[COOKIE]
    enter(client)
    assert client.cookies[COOKIE] != before


# ---- guessing


def test_another_spelling_of_a_name_is_no_further_try(people: People) -> None:
    client = studio_behind(people)
    spellings = ["Ana", "ANA", " ana ", "aNa", "\tAna", "Ana  "]
    assert [enter(client, "wrong", name=name).status_code for name in spellings] == [401] * FREE + [429]


def test_guesses_from_one_place_lock_out_nobody_else_there(people: People) -> None:
    people.add("Bo", PASSWORD)
    attempts = Attempts()
    guesser = studio_behind(people, attempts=attempts)
    for number in range(60):
        enter(guesser, "wrong", name=f"nobody {number}")
        enter(guesser, "wrong")
    assert enter(studio_behind(people, attempts=attempts), name="Bo").status_code == 303
    assert enter(studio_behind(people, attempts=attempts)).status_code == 429


def test_many_places_are_no_way_around_the_limit_of_a_name(people: People) -> None:
    attempts = Attempts()
    heard = [
        enter(studio_behind(people, visitor=f"192.0.2.{place}", attempts=attempts), "wrong").status_code
        for place in range(FREE_ANYWHERE + 3)
    ]
    assert heard == [401] * FREE_ANYWHERE + [429] * 3


def test_a_browser_that_was_in_before_gets_in_whatever_others_try(people: People) -> None:
    attempts = Attempts()
    known = studio_behind(people, attempts=attempts)
    enter(known)
    known.get("/sign-out")
    for place in range(FREE_ANYWHERE + 3):
        enter(studio_behind(people, visitor=f"192.0.2.{place}", attempts=attempts), "wrong")
    assert enter(studio_behind(people, attempts=attempts)).status_code == 429
    assert enter(known).status_code == 303
    # That browser's own wrong ones count all the same, and so do those of a note that was made up.
    assert [enter(known, "wrong").status_code for _ in range(FREE + 1)] == [401] * FREE + [429]
    stranger = studio_behind(people, attempts=attempts)
    stranger.cookies.set(KNOWN_COOKIE, known.cookies[KNOWN_COOKIE][:-2] + "xx")
    assert enter(stranger).status_code == 429


def test_a_known_browser_is_known_for_its_own_name_only(people: People) -> None:
    people.add("Bo", "another long sentence")
    attempts = Attempts()
    known = studio_behind(people, attempts=attempts)
    enter(known)
    answers = [enter(known, "wrong", name="Bo").status_code for _ in range(FREE + 1)]
    assert answers == [401] * FREE + [429]


def test_where_a_visitor_comes_from() -> None:
    assert place_of("2001:db8::1") == place_of("2001:db8::ffff:2") != place_of("2001:db8:0:1::1")
    assert place_of("::ffff:192.0.2.7") == place_of("192.0.2.7") == "192.0.2.7"
    assert place_of(None) == "" and place_of("no address") == "no address"


# ---- one's own studio, and pages elsewhere


@pytest.mark.parametrize("visitor", ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1", "testclient"])
def test_a_studio_of_ones_own_answers_to_no_other_computer_however_it_listens(visitor: str) -> None:
    client = studio_behind(None, visitor=visitor)
    answer = client.get("/")
    assert answer.status_code == 403 and "inside" not in answer.text
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("ws://studio.team/stream"):
        pass


@pytest.mark.parametrize("origin", ["http://studio.team:9", "http://localhost", "null", "http://[bad", ""])
def test_a_page_elsewhere_opens_no_socket(people: People, origin: str) -> None:
    client = studio_behind(people)
    enter(client)
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("ws://studio.team/stream", headers={"Origin": origin}),
    ):
        pass


def test_the_address_that_people_type_is_no_page_elsewhere() -> None:
    assert same_origin("https://studio.team", "10.0.0.4:8501", "https://studio.team")
    assert not same_origin("https://evil.example", "10.0.0.4:8501", "https://studio.team")


def test_no_page_elsewhere_can_show_the_studio_in_a_frame(people: People) -> None:
    client = studio_behind(people)
    for path in ("/", "/sign-in"):
        headers = client.get(path).headers
        assert headers["x-frame-options"] == "SAMEORIGIN" and headers["x-content-type-options"] == "nosniff"


# ---- at an identity provider


@pytest.fixture
def provided(people: People) -> TestClient:
    """A studio at whose provider Ana has signed in."""
    people.save_oidc({"allowed": ["@team.org"], "admins": []})
    keeper = Doorkeeper(app_inside(people.settings), ("studio.team",), ByProvider(people.settings))
    client = TestClient(
        keeper, base_url="http://studio.team", follow_redirects=False, client=("192.0.2.7", 5000)
    )
    who = {"email": "ana@team.org", "email_verified": True, "is_logged_in": True}
    signed = create_signed_value(people.cookie_secret(), USER_COOKIE, json.dumps(who))
    client.cookies.set(USER_COOKIE, signed.decode())
    return client


PRIVATE = ["/media/x.png", "/_stcore/upload_file/a/b", "/_stcore/metrics", "/_stcore/agent/interact"]


def test_at_a_provider_a_stranger_gets_the_gate_and_no_file(provided: TestClient) -> None:
    assert [provided.get(path).status_code for path in PRIVATE] == [200] * 4
    provided.cookies.clear()
    assert provided.get("/").status_code == 200
    assert [provided.get(path).status_code for path in PRIVATE] == [401] * 4


def test_at_a_provider_a_stranger_cannot_go_on_with_somebodys_tab(provided: TestClient) -> None:
    wanted = ["streamlit", "token", "a-session-of-somebody"]
    with provided.websocket_connect("ws://studio.team/stream", subprotocols=wanted) as tab:
        assert "a-session-of-somebody" in tab.receive_text()
    provided.cookies.clear()
    with provided.websocket_connect("ws://studio.team/stream", subprotocols=wanted) as tab:
        said = tab.receive_text()
        assert "token" in said and "a-session-of-somebody" not in said
        tab.send_text("a click on Sign in")
        assert tab.receive_text() == "heard a click on Sign in"


@pytest.mark.parametrize("how", ["off the list", "signed out"])
def test_at_a_provider_an_open_tab_ends_with_its_persons_leave(
    provided: TestClient, people: People, how: str
) -> None:
    with provided.websocket_connect("ws://studio.team/stream") as tab:
        tab.receive_text()
        tab.send_text("a click")
        assert tab.receive_text() == "heard a click"
        if how == "signed out":
            provided.get("/auth/logout")
        else:
            people.save_oidc({"allowed": ["bo@team.org"], "admins": []})
        tab.send_text("a click that starts a job")
        assert tab.receive_text() == "drawn anew"
        tab.send_text("another")
        with pytest.raises(WebSocketDisconnect):
            tab.receive_text()
    assert provided.get("/media/x.png").status_code == 401


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


@pytest.mark.parametrize("by", ["flag", "environment", "config"])
def test_a_studio_of_ones_own_does_not_start_beyond_this_computer(tmp_path: Path, by: str) -> None:
    config = tmp_path / ".streamlit" / "config.toml"
    config.parent.mkdir()
    config.write_text('[server]\naddress = "0.0.0.0"\n' if by == "config" else "")
    words = [sys.executable, "-m", "streamlit", "run", str(PROJECT / "app" / "server.py")]
    words += [f"--server.port={free_port()}", "--server.headless=true"]
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "HOME": str(tmp_path)}
    if by == "flag":
        words.append("--server.address=0.0.0.0")
    if by == "environment":
        environment["STREAMLIT_SERVER_ADDRESS"] = "0.0.0.0"
    done = subprocess.run(
        words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0 and "was not opened" in done.stdout + done.stderr


def test_the_studios_own_command_wins_over_what_lies_about(tmp_path: Path) -> None:
    further = {
        "STREAMLIT_SERVER_ADDRESS": "0.0.0.0",
        "STREAMLIT_SERVER_ALLOWED_HOSTS": "*",
        "STREAMLIT_SERVER_ENABLE_AGENT_API": "true",
        "STREAMLIT_SERVER_BASE_URL_PATH": "elsewhere",
        "HOME": str(tmp_path),
    }
    for port in served(tmp_path, streamlit_command, further):
        assert raw_get(port, "/", "evil.example").startswith(b"HTTP/1.1 403")
        assert b"is off" in raw_get(port, "/_stcore/agent/openapi.json", f"127.0.0.1:{port}")
        # Who comes through a proxy is no visitor of this computer, whatever address the proxy has.
        told = f"127.0.0.1:{port}\r\nX-Forwarded-For: 192.0.2.7"
        assert raw_get(port, "/", told).startswith(b"HTTP/1.1 403")


def test_who_says_where_they_come_from_is_believed_only_of_a_proxy_that_was_named(
    tmp_path: Path, people: People
) -> None:
    def tries(proxies: tuple[str, ...]) -> list[int]:
        share = Share("127.0.0.1", "http://127.0.0.1", ("127.0.0.1",), "password", proxies=proxies)
        folder = {"CHARACTER_CONFIG_PATH": str(people.path.parent), "FORWARDED_ALLOW_IPS": "*"}
        for port in served(
            tmp_path, lambda port: streamlit_command(port, share), folder | share.environment()
        ):
            url = f"http://127.0.0.1:{port}"
            form = {"name": "Ana", "password": "wrong"}
            return [
                httpx.post(
                    f"{url}/sign-in",
                    data=form,
                    headers={"Origin": url, "X-Forwarded-For": f"192.0.2.{visitor}"},
                ).status_code
                for visitor in range(FREE + 1)
            ]
        return []

    assert tries(()) == [401] * FREE + [429]
    assert tries(("127.0.0.1",)) == [401] * (FREE + 1)


def test_a_shared_studio_opens_no_socket_for_a_stranger(tmp_path: Path, people: People) -> None:
    share = Share("127.0.0.1", "http://127.0.0.1", ("127.0.0.1",), "password")
    further = {**share.environment(), "CHARACTER_CONFIG_PATH": str(people.path.parent)}
    for port in served(tmp_path, lambda port: streamlit_command(port, share), further):
        stream, origin = f"ws://127.0.0.1:{port}/_stcore/stream", f"http://127.0.0.1:{port}"
        assert not opens(stream, Origin=origin)
        assert opens(stream, Origin=origin, Cookie=f"{COOKIE}={a_token(people)}")
        assert not opens(stream, Origin="http://localhost:9", Cookie=f"{COOKIE}={a_token(people)}")


def a_token(people: People) -> str:
    """A sign-in of Ana's."""
    return SignIns(people.settings).begin(people.all()[0])
