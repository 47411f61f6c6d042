"""Addresses that a key or a question must never be sent to."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

from core.engines.openai_compatible import CarefulResolver
from core.errors import SettingsError
from core.settings import origin_of, redact


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "[fe80::1]",
        "[::ffff:169.254.169.254]",
    ],
)
def test_a_clouds_own_address_is_refused_in_every_spelling(host: str) -> None:
    with pytest.raises(SettingsError, match="network card"):
        origin_of(f"http://{host}/v1")


@pytest.mark.parametrize("host", ["127.0.0.1:9000", "[::1]:9000", "localhost", "10.0.0.7", "openrouter.ai"])
def test_ordinary_addresses_pass(host: str) -> None:
    assert origin_of(f"http://{host}/v1") == f"http://{host}"


def test_a_user_name_cannot_pass_for_a_host() -> None:
    with pytest.raises(SettingsError, match="user name"):
        origin_of("https://api.openrouter.ai@evil.example/v1")


def test_a_name_that_leads_to_a_clouds_own_address_is_not_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    found = [{"hostname": "innocent.example", "host": "169.254.169.254", "port": 80}]

    async def rebound(self: object, host: str, port: int = 0, family: int = 0) -> list[dict[str, object]]:
        return found  # type: ignore[return-value]

    monkeypatch.setattr("aiohttp.ThreadedResolver.resolve", rebound)

    async def go() -> None:
        await CarefulResolver().resolve("innocent.example", 80)

    with pytest.raises(OSError, match="network card"):
        asyncio.run(go())
    found[0]["host"] = "10.0.0.7"
    asyncio.run(go())


SECRET = "sk-or-v1-ab/cd+ef0123456789abcdef"


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET, safe=""),
        SECRET.replace("/", "\\/"),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(f"Bearer {SECRET}".encode()).decode().rstrip("="),
        SECRET[:20],
        SECRET[:12],
    ],
)
def test_a_key_is_taken_out_in_every_form_that_servers_repeat(form: str) -> None:
    cleared = redact(f"invalid key {form}, twice {form}", [SECRET])
    assert form not in cleared and SECRET[:12] not in cleared
    assert cleared.startswith("invalid key [key]")
    assert redact("a sentence without any", [SECRET]) == "a sentence without any"
