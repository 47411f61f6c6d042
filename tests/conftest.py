"""What every test gets: a clean environment, files in a temporary folder, no network but loopback."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import PROJECT, Settings, load_settings

KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "CHARACTER_TEST_MODELS", "PYTHONPATH", "CI")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key, path or setting of the person who runs the tests reaches them."""
    for name in list(os.environ):
        ours = name.endswith(("_API_KEY", "_TOKEN", "_BASE_URL")) or name.startswith("CHARACTER_")
        if ours and name not in KEPT:
            monkeypatch.delenv(name)
    monkeypatch.setenv("DATA_PATH", str(tmp_path / "data"))
    monkeypatch.setenv("CONSTITUTION_PATH", str(PROJECT / "constitutions"))
    monkeypatch.setenv("CHARACTER_CONFIG_PATH", str(tmp_path / "config"))
    monkeypatch.setenv("CHARACTER_FAKE_ENGINE", "1")
    for name in ("MODEL_PATH", "LORA_PATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def own_main() -> Iterator[None]:
    """A page that a test ran does not stay behind as `__main__`, which every spawned process opens."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(autouse=True)
def no_internet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection to anywhere but this machine fails the test at once."""
    connect = socket.socket.connect

    def only_loopback(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if isinstance(address, tuple) and host not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test reached for {host}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", only_loopback)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose every file is in the test's own folder."""
    return load_settings(folder=tmp_path)


@pytest.fixture
def stand_in() -> Iterator[StandIn]:  # noqa: F821
    """A scripted OpenAI-compatible server on loopback."""
    from tests.stand_in import StandIn

    with StandIn() as server:
        yield server
