"""Addresses that a key or a question must never be sent to."""

from __future__ import annotations

import pytest

from core.errors import SettingsError
from core.settings import origin_of


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
