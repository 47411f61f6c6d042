"""`probe` against a small server on loopback: what works, every way to fail, and where the key goes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from core.engines import probing
from core.engines.probing import probe
from core.errors import EngineError, SettingsError
from core.settings import Settings, load_settings

KEY = "sk-canary-5f0e7d1c9b3a"


class ModelServer:
    """Answers GET requests by path; remembers paths and headers."""

    def __init__(self) -> None:
        self.status = 200
        self.bodies: dict[str, Any] = {"/v1/models": {"data": [{"id": "one"}, {"id": "two"}]}}
        self.headers: dict[str, str] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.waits_for: threading.Event | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.seen.append((self.path, dict(self.headers)))
                if server.waits_for:
                    server.waits_for.wait(5)
                body = server.bodies.get(self.path)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(server.status if body is not None else 404)
                for name, value in server.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler

    def __enter__(self) -> ModelServer:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as found:
        yield found


def settings_for(provider: str, address: str, tmp_path: Any, **more: str) -> Settings:
    keys = {f"{provider.upper()}_BASE_URL": address, f"{provider.upper()}_API_KEY": KEY}
    return load_settings({**keys, **more}, folder=tmp_path)


def test_a_provider_that_works_says_how_many_models(server: ModelServer, tmp_path: Any) -> None:
    assert probe("openai", settings_for("openai", server.url, tmp_path)) == "Works: 2 models."
    [(path, headers)] = server.seen
    assert path == "/v1/models"
    assert headers["Authorization"] == f"Bearer {KEY}"


def test_a_bare_list_as_together_sends_it(server: ModelServer, tmp_path: Any) -> None:
    server.bodies["/v1/models"] = [{"id": "one"}]
    assert probe("together", settings_for("together", server.url, tmp_path)) == "Works: 1 model."


def test_openrouter_is_asked_about_the_key_since_its_list_is_public(
    server: ModelServer, tmp_path: Any
) -> None:
    server.bodies["/v1/key"] = {"data": {"limit_remaining": 4.2}}
    settings = settings_for("openrouter", server.url, tmp_path)
    assert probe("openrouter", settings) == "Works: 2 models, $4.20 left on this key."
    server.status = 401
    with pytest.raises(EngineError, match="does not accept this key") as caught:
        probe("openrouter", settings)
    assert caught.value.kind == "key"


def test_a_local_server_needs_no_key_and_names_its_models(server: ModelServer, tmp_path: Any) -> None:
    settings = load_settings({"OLLAMA_BASE_URL": server.url, "OPENAI_API_KEY": KEY}, folder=tmp_path)
    assert probe("ollama", settings) == "Works: one, two."
    assert KEY not in str(server.seen)


def test_a_server_without_a_model_is_no_success_story(server: ModelServer, tmp_path: Any) -> None:
    server.bodies["/v1/models"] = {"data": []}
    assert "no model yet" in probe(
        "ollama", load_settings({"OLLAMA_BASE_URL": server.url}, folder=tmp_path)
    )


def test_other_secrets_of_the_environment_stay_here(
    server: ModelServer, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "OPENAI_CUSTOM_HEADERS", "X-Private: canary-header\nAuthorization: Bearer canary-other"
    )
    monkeypatch.setenv("OPENAI_ORG_ID", "canary-org")
    probe("together", settings_for("together", server.url, tmp_path))
    assert "canary-header" not in str(server.seen)
    assert "canary-other" not in str(server.seen)
    assert "canary-org" not in str(server.seen)


@pytest.mark.parametrize(
    ("status", "kind", "cure"),
    [
        (401, "key", "save it anew"),
        (402, "credit", "add some"),
        (403, "forbidden", "permissions"),
        (404, "model", "end in /v1"),
        (429, "rate_limited", "in a minute"),
        (503, "transient", "in a minute"),
        (418, "refused", "HTTP 418"),
    ],
)
def test_every_refusal_says_what_to_do(
    server: ModelServer, tmp_path: Any, status: int, kind: str, cure: str
) -> None:
    server.status = status
    server.bodies["/v1/models"] = {"error": {"message": f"bad key {KEY}"}}
    with pytest.raises(EngineError, match=cure) as caught:
        probe("openai", settings_for("openai", server.url, tmp_path))
    assert caught.value.kind == kind
    assert KEY not in str(caught.value)


def test_a_redirect_is_not_followed_with_the_key(server: ModelServer, tmp_path: Any) -> None:
    with ModelServer() as thief:
        server.status, server.headers = 302, {"Location": f"{thief.url}/models"}
        with pytest.raises(EngineError, match="another address"):
            probe("openai", settings_for("openai", server.url, tmp_path))
        assert thief.seen == []


@pytest.mark.parametrize("body", [b"<html>welcome</html>", {"hello": 1}, 7])
def test_something_else_than_a_model_server(server: ModelServer, tmp_path: Any, body: Any) -> None:
    server.bodies["/v1/models"] = body
    with pytest.raises(EngineError, match="not as a model server"):
        probe("openai", settings_for("openai", server.url, tmp_path))


def test_nobody_there(server: ModelServer, tmp_path: Any) -> None:
    server.__exit__()
    with pytest.raises(EngineError, match="Start vLLM server") as caught:
        probe("vllm", load_settings({"VLLM_BASE_URL": server.url}, folder=tmp_path))
    assert caught.value.kind == "unreachable"
    with pytest.raises(EngineError, match="internet connection"):
        probe("openai", settings_for("openai", server.url, tmp_path))


def test_a_server_that_never_answers(
    server: ModelServer, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "TIMEOUT_S", 0.2)
    server.waits_for = threading.Event()
    with pytest.raises(EngineError, match="did not answer") as caught:
        probe("openai", settings_for("openai", server.url, tmp_path))
    server.waits_for.set()
    assert caught.value.kind == "timeout"


def test_no_key_and_no_address(tmp_path: Any) -> None:
    with pytest.raises(EngineError, match="paste one"):
        probe("openai", load_settings({}, folder=tmp_path))
    with pytest.raises(SettingsError, match="not an address"):
        probe("ollama", load_settings({"OLLAMA_BASE_URL": "localhost"}, folder=tmp_path))
