"""Promises of the public prompt sets, against a stand-in of the hub on loopback.

The stand-in answers as the hub does: `/datasets/<id>/resolve/main/<file>` redirects to a storage host,
`/rows` pages through a split, a gated set answers 401 without a token, 403 before its terms are accepted.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from core.errors import RunError, SettingsError
from core.settings import Settings, load_settings
from core.stages.pools import first_turn, load_pool, pool_path
from core.store.jsonl import read_rows

TOKEN = "hf_0123456789abcdefghij"


@dataclass
class Server:
    """A server on loopback. `answers` maps paths to (status, headers, body); `seen` keeps requests."""

    answers: dict[str, tuple[int, dict[str, str], Any]] = field(default_factory=dict)
    rows: dict[str, list[Any]] = field(default_factory=dict)
    seen: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.seen.append((self.path, self.headers.get("Authorization")))
                status, headers, body = server.answer(self.path)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def answer(self, path: str) -> tuple[int, dict[str, str], Any]:
        parts = urlsplit(path)
        if path in self.answers or parts.path != "/rows":
            return self.answers.get(path) or (404, {}, {"error": "Entry not found"})
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert (query["config"], query["split"]) == ("default", "train")
        start, length = int(query["offset"]), int(query["length"])
        assert length <= 100
        rows = self.rows[query["dataset"]]
        page = [
            {"row_idx": start + step, "row": row, "truncated_cells": []}
            for step, row in enumerate(rows[start : start + length])
        ]
        return 200, {}, {"features": [], "rows": page, "num_rows_total": len(rows), "partial": False}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def hub() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def storage() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def settings_for(hub: Server, folder: Path, **more: str) -> Settings:
    addresses = {"HF_ENDPOINT": hub.url, "HF_DATASETS_SERVER": hub.url}
    return load_settings({**addresses, **more}, folder=folder)


def wildchat(count: int) -> list[Any]:
    return [
        {
            "conversation": [
                {"role": "user", "content": f"Question {number}?"},
                {"role": "assistant", "content": "A."},
            ]
        }
        for number in range(count)
    ]


def lima(*texts: str) -> bytes:
    return "".join(
        json.dumps({"conversations": [text, "An answer."], "source": "x"}) + "\n" for text in texts
    ).encode()


def lima_path(file: str) -> str:
    return f"/datasets/GAIR/lima/resolve/main/{file}"


def test_first_turns_come_page_by_page_up_to_the_limit(hub: Server, tmp_path: Path) -> None:
    hub.rows["allenai/WildChat-1M"] = wildchat(350)
    found = load_pool("wildchat", settings_for(hub, tmp_path), limit=250)
    assert found == [f"Question {number}?" for number in range(250)]
    assert len(hub.seen) == 3


def test_a_second_load_needs_no_connection(hub: Server, tmp_path: Path) -> None:
    hub.rows["LDJnr/Pure-Dove"] = [
        {"conversation": [{"input": f"Dove {number}?", "output": "A."}]} for number in range(7)
    ]
    settings = settings_for(hub, tmp_path)
    first = load_pool("pure-dove", settings, limit=100)
    asked = len(hub.seen)
    assert load_pool("pure-dove", settings, limit=100) == first
    assert load_pool("pure-dove", settings, limit=3) == first[:3]
    assert (len(first), len(hub.seen)) == (7, asked)


def test_a_larger_limit_goes_on_where_the_last_fetch_stopped(hub: Server, tmp_path: Path) -> None:
    hub.rows["allenai/WildChat-1M"] = wildchat(350)
    settings = settings_for(hub, tmp_path)
    load_pool("wildchat", settings, limit=100)
    assert len(load_pool("wildchat", settings, limit=400)) == 350
    offsets = [parse_qs(urlsplit(path).query)["offset"][0] for path, _ in hub.seen]
    assert offsets == ["0", "100", "200", "300"]


def test_a_fetch_that_breaks_off_keeps_its_finished_pages(hub: Server, tmp_path: Path) -> None:
    hub.rows["allenai/WildChat-1M"] = wildchat(250)
    page = "/rows?dataset=allenai%2FWildChat-1M&config=default&split=train&offset=100&length=100"
    hub.answers[page] = (503, {}, {"error": "The server is busy."})
    settings = settings_for(hub, tmp_path)
    with pytest.raises(RunError, match=r"HTTP 503: The server is busy.*100 prompts are kept"):
        load_pool("wildchat", settings, limit=250)
    del hub.answers[page]
    assert len(load_pool("wildchat", settings, limit=250)) == 250


def test_equal_empty_and_endless_first_turns_are_left_out(hub: Server, tmp_path: Path) -> None:
    turns = ["Hello there?", "  ", "Hello there?", "x" * 8001, "Bye?"]
    hub.rows["allenai/WildChat-1M"] = [
        {"conversation": [{"role": "user", "content": turn}]} for turn in turns
    ]
    assert load_pool("wildchat", settings_for(hub, tmp_path), limit=9) == ["Hello there?", "Bye?"]


def test_lima_is_both_of_its_files(hub: Server, tmp_path: Path) -> None:
    hub.answers[lima_path("train.jsonl")] = (200, {}, lima("One?", "Two?"))
    hub.answers[lima_path("test.jsonl")] = (200, {}, lima("Three?"))
    settings = settings_for(hub, tmp_path, HF_TOKEN=TOKEN)
    assert load_pool("lima", settings, limit=2000) == ["One?", "Two?", "Three?"]
    assert {header for _, header in hub.seen} == {f"Bearer {TOKEN}"}
    assert read_rows(pool_path("lima", settings)).rows[-1] == {"end": 3}


def test_a_token_stays_with_its_host_when_a_download_is_redirected(
    hub: Server, storage: Server, tmp_path: Path
) -> None:
    hub.answers[lima_path("train.jsonl")] = (302, {"Location": f"{storage.url}/signed?x=1"}, {})
    hub.answers[lima_path("test.jsonl")] = (307, {"Location": "/api/resolve-cache/test.jsonl"}, {})
    hub.answers["/api/resolve-cache/test.jsonl"] = (200, {}, lima("Two?"))
    storage.answers["/signed?x=1"] = (200, {}, lima("One?"))
    assert load_pool("lima", settings_for(hub, tmp_path, HF_TOKEN=TOKEN), limit=9) == ["One?", "Two?"]
    assert storage.seen == [("/signed?x=1", None)]
    assert hub.seen[-1] == ("/api/resolve-cache/test.jsonl", f"Bearer {TOKEN}")


@pytest.mark.parametrize(
    ("status", "token", "advice"), [(401, "", "then set HF_TOKEN"), (403, TOKEN, "account of HF_TOKEN")]
)
def test_a_gated_set_says_where_to_accept_its_terms(
    hub: Server, tmp_path: Path, status: int, token: str, advice: str
) -> None:
    hub.answers[lima_path("train.jsonl")] = (
        status,
        {},
        {"error": f"Access to GAIR/lima is restricted for {token}."},
    )
    with pytest.raises(SettingsError) as caught:
        load_pool("lima", settings_for(hub, tmp_path, HF_TOKEN=token), limit=9)
    assert "accept its terms at https://huggingface.co/datasets/GAIR/lima" in str(caught.value)
    assert advice in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_no_connection_says_so_and_what_works_without_one(hub: Server, tmp_path: Path) -> None:
    settings = settings_for(hub, tmp_path)
    hub.close()
    with pytest.raises(RunError, match=r"Could not fetch .*refused.*need no connection"):
        load_pool("wildchat", settings, limit=9)


def test_a_hub_in_a_hurry_asks_for_patience(hub: Server, tmp_path: Path) -> None:
    hub.answers[lima_path("train.jsonl")] = (429, {}, {"error": "Too many requests"})
    with pytest.raises(RunError, match="asks to slow down"):
        load_pool("lima", settings_for(hub, tmp_path), limit=9)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"rows": 3}', b'{"rows": [{"a": 1}]}'])
def test_an_answer_in_another_form_is_an_error_not_an_empty_set(
    hub: Server, tmp_path: Path, body: bytes
) -> None:
    page = "/rows?dataset=allenai%2FWildChat-1M&config=default&split=train&offset=0&length=100"
    hub.answers[page] = (200, {}, body)
    with pytest.raises(RunError, match="Could not fetch"):
        load_pool("wildchat", settings_for(hub, tmp_path), limit=9)


def test_a_token_for_another_hub_is_not_shown_to_the_public_server(hub: Server, tmp_path: Path) -> None:
    from core.stages.pools import rows_server

    mirror = load_settings({"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN}, folder=tmp_path)
    assert rows_server(mirror)[1] is None
    public = load_settings({"HF_TOKEN": TOKEN}, folder=tmp_path)
    assert rows_server(public)[1] is not None


def test_an_unknown_set_names_those_there_are(hub: Server, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="lima, wildchat, pure-dove"):
        load_pool("limo", settings_for(hub, tmp_path), limit=1)


@pytest.mark.parametrize(
    "row",
    [
        None,
        {},
        [],
        {"c": []},
        {"c": "[{'role': 'us"},
        {"c": [None]},
        {"c": [{"role": "assistant", "content": "A"}]},
        {"c": [{"input": 3}]},
    ],
)
def test_an_unreadable_conversation_has_no_first_turn(row: Any) -> None:
    assert first_turn(row, "c") is None
