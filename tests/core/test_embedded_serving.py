"""The real embedded server: what a request may rely on, and how the process lives and ends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.embedded.catalogue import CHAT_TEMPLATE_SHA256, MODELS
from core.embedded.fetch import pull
from core.embedded.server import ServerInfo, ensure_server, find_server, stop_server
from core.errors import ModelError
from core.settings import PROJECT, Settings, load_settings
from tests.waiting import until

pytest.importorskip("xllamacpp")
pytestmark = pytest.mark.embedded

NAME = "smollm2-135m"
SLOT_CONTEXT = 512
STORY = ({"role": "user", "content": "Tell me a story about rain."},)


@pytest.fixture(scope="session")
def weights() -> Path:
    """The real weights, shared by all tests and fetched when they are missing."""
    folder = Path(os.environ.get("CHARACTER_TEST_MODELS") or PROJECT / "data" / "models")
    return pull(load_settings({"MODEL_PATH": str(folder)}), NAME)


def own_models(folder: Path, weights: Path) -> Settings:
    """Settings with a model folder of their own, so that no test touches the server of the studio."""
    target = folder / "models" / NAME
    target.mkdir(parents=True)
    for file in (weights, weights.with_name("weights.json")):
        try:
            os.link(file, target / file.name)
        except OSError:
            shutil.copy2(file, target / file.name)
    return load_settings({"MODEL_PATH": str(folder / "models")}, folder=folder)


@pytest.fixture(scope="session", autouse=True)
def small_slots() -> Iterator[None]:
    """Short slots: the tests' servers need a quarter of the memory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS, NAME, replace(MODELS[NAME], slot_context=SLOT_CONTEXT))
        yield


@pytest.fixture(scope="session")
def served(
    weights: Path, small_slots: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerInfo]:
    """A running server for all tests that only ask it something."""
    settings = own_models(tmp_path_factory.mktemp("served"), weights)
    yield ensure_server(settings, NAME)
    stop_server(settings, NAME)


@pytest.fixture
def models(tmp_path: Path, weights: Path) -> Iterator[Settings]:
    """Settings for a test that starts and stops servers itself."""
    settings = own_models(tmp_path / "own", weights)
    yield settings
    stop_server(settings, NAME)


def post(url: str, body: dict[str, Any]) -> tuple[int, Any]:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=300) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def ask(server: ServerInfo, messages: Any = STORY, **fields: Any) -> dict[str, Any]:
    body = {"model": NAME, "messages": list(messages), "max_tokens": 24, "temperature": 0.7, "top_p": 0.95}
    status, answer = post(f"{server.base_url}/chat/completions", body | fields)
    assert status == 200, answer
    return answer


def text(answer: dict[str, Any]) -> str:
    return answer["choices"][0]["message"]["content"]


def finish(answer: dict[str, Any]) -> str:
    return answer["choices"][0]["finish_reason"]


def templated(server: ServerInfo, *messages: dict[str, str]) -> str:
    return post(server.base_url.removesuffix("v1") + "apply-template", {"messages": messages})[1]["prompt"]


# What a request may rely on.


def test_the_server_says_what_it_serves(served: ServerInfo) -> None:
    assert served.weights_sha256 == MODELS[NAME].sha256
    assert served.chat_template_sha256 == CHAT_TEMPLATE_SHA256
    assert served.base_url.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(f"{served.base_url}/models") as response:
        assert [model["id"] for model in json.load(response)["data"]] == [NAME]


def test_a_request_without_a_system_message_gets_no_system_turn(served: ServerInfo) -> None:
    shown = templated(served, {"role": "user", "content": "Hi"})
    assert shown == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    # And the answer is drawn from that prompt: ten tokens, not the thirty of SmolLM's own system turn.
    assert ask(served, [{"role": "user", "content": "Hi"}])["usage"]["prompt_tokens"] < 12


def test_a_trailing_assistant_message_is_continued_and_comes_back_in_front(served: ServerInfo) -> None:
    start = "Arr, matey! Rain be"
    turns = [{"role": "user", "content": "What is rain?"}, {"role": "assistant", "content": start}]
    assert templated(served, *turns).endswith(f"<|im_start|>assistant\n{start}")
    continued = text(ask(served, turns, seed=1))
    assert continued.startswith(start) and len(continued) > len(start)


def test_the_same_seed_gives_the_same_answer_alone_and_in_company(served: ServerInfo) -> None:
    alone = text(ask(served, seed=7))
    with ThreadPoolExecutor(16) as pool:
        seeds = [7, *range(100, 114), 7]
        together = list(pool.map(lambda seed: text(ask(served, seed=seed)), seeds))
    assert together[0] == together[-1] == alone
    assert len(set(together)) > 10


def test_temperature_and_top_p_are_honoured(served: ServerInfo) -> None:
    greedy = text(ask(served, temperature=0))
    assert text(ask(served, temperature=1.5, top_p=0.001, seed=3)) == greedy
    assert text(ask(served, temperature=1.5, top_p=1.0, seed=3)) != greedy


def test_the_repetition_penalty_is_called_repeat_penalty(served: ServerInfo) -> None:
    plain = text(ask(served, temperature=0, max_tokens=64))
    assert text(ask(served, temperature=0, max_tokens=64, repeat_penalty=1.5)) != plain
    assert text(ask(served, temperature=0, max_tokens=64, repetition_penalty=1.5)) == plain


def test_an_answer_cut_off_says_length_and_a_finished_one_says_stop(served: ServerInfo) -> None:
    cut = ask(served, max_tokens=5)
    assert (finish(cut), cut["usage"]["completion_tokens"]) == ("length", 5)
    question = [{"role": "user", "content": "Answer with one word: what is the capital of France?"}]
    assert finish(ask(served, question, temperature=0, max_tokens=64)) == "stop"


def test_a_stop_string_ends_the_answer_before_it(served: ServerInfo) -> None:
    whole = text(ask(served, temperature=0, max_tokens=64))
    word = whole.split()[4]
    stopped = ask(served, temperature=0, max_tokens=64, stop=[word])
    assert finish(stopped) == "stop" and text(stopped) == whole[: whole.index(word)]


def test_usage_counts_tokens_and_those_that_came_from_the_cache(served: ServerInfo) -> None:
    system = {"role": "system", "content": "You speak of the weather, always, and of nothing else. " * 5}
    for number in range(20):
        turns = [system, {"role": "user", "content": f"Day {number}?"}]
        usage = ask(served, turns, max_tokens=1)["usage"]
        if usage["prompt_tokens_details"]["cached_tokens"] > 50:
            return
    pytest.fail("a shared system prompt was never taken from the cache")


def test_a_request_longer_than_a_slot_is_refused_and_harms_nobody(served: ServerInfo) -> None:
    long = [{"role": "user", "content": "word " * (SLOT_CONTEXT + 100)}]
    body = {"messages": long, "max_tokens": 5}
    status, answer = post(f"{served.base_url}/chat/completions", body)
    assert status == 400 and answer["error"]["n_ctx"] == SLOT_CONTEXT
    assert "exceeds the available context" in answer["error"]["message"]
    assert text(ask(served))


def test_more_requests_than_slots_are_all_answered(served: ServerInfo) -> None:
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda seed: ask(served, seed=seed, max_tokens=8), range(40)))
    assert all(text(answer) for answer in answers)


def test_a_page_of_another_origin_may_not_read_answers(served: ServerInfo) -> None:
    request = urllib.request.Request(
        f"{served.base_url}/models", headers={"Origin": "http://elsewhere.example"}
    )
    with urllib.request.urlopen(request) as response:
        assert response.headers["Access-Control-Allow-Origin"] in (None, "")


def test_no_other_computer_can_reach_the_server(served: ServerInfo) -> None:
    listening = [c for c in psutil.Process(served.pid).net_connections("tcp") if c.status == "LISTEN"]
    assert [connection.laddr.ip for connection in listening] == ["127.0.0.1"]


# How the process lives and ends.


def test_pages_and_jobs_that_start_at_once_share_one_server(models: Settings) -> None:
    program = (
        "from core.settings import load_settings; from core.embedded.server import ensure_server; "
        f"print(ensure_server(load_settings(), {NAME!r}).pid)"
    )
    environment = os.environ | {"MODEL_PATH": str(models.model_path)}
    command = [sys.executable, "-c", program]
    others = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT, env=environment)
        for _ in range(3)
    ]
    with ThreadPoolExecutor(2) as pool:
        pids = set(pool.map(lambda _: ensure_server(models, NAME).pid, range(2)))
    pids |= {int(process.communicate()[0]) for process in others}
    # The other processes do not know of this test's short slots, but they ask for the same weights.
    assert len(pids) == 1 and psutil.pid_exists(pids.pop())


def test_the_state_file_is_private_and_the_log_stays_empty_of_chatter(models: Settings) -> None:
    server = ensure_server(models, NAME)
    for _ in range(5):
        ask(server, max_tokens=2)
    assert (models.model_path / NAME / "server.json").stat().st_mode & 0o777 == 0o600
    assert server.log_path.stat().st_size < 1000


def test_the_server_carries_neither_a_key_nor_the_mark_of_the_job_that_started_it(models: Settings) -> None:
    from core.job_wrapper import JOB_VARIABLE

    environment = {
        "MODEL_PATH": str(models.model_path),
        "OPENROUTER_API_KEY": "sk-or-secret",
        "HF_TOKEN": "hf_secret",
        JOB_VARIABLE: "job-1",
    }
    server = ensure_server(load_settings(environment), NAME)
    process = psutil.Process(server.pid)
    assert not {"OPENROUTER_API_KEY", "HF_TOKEN", JOB_VARIABLE} & set(process.environ())
    assert os.getsid(server.pid) == server.pid


def test_a_killed_server_is_replaced(models: Settings) -> None:
    first = ensure_server(models, NAME)
    psutil.Process(first.pid).kill()
    until(lambda: find_server(models, NAME) is None)
    second = ensure_server(models, NAME)
    assert second.pid != first.pid and text(ask(second))


def test_stopping_ends_a_server_that_is_in_the_middle_of_an_answer(models: Settings) -> None:
    server = ensure_server(models, NAME)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(ask, server, max_tokens=400, ignore_eos=True)
        until(lambda: b"processing 1" in metrics(server))
        assert stop_server(models, NAME)
        assert running.exception(timeout=30) is not None
    assert not psutil.pid_exists(server.pid)
    assert find_server(models, NAME) is None
    assert not stop_server(models, NAME)


def metrics(server: ServerInfo) -> bytes:
    with urllib.request.urlopen(server.base_url.removesuffix("v1") + "metrics") as response:
        return response.read()


def test_an_idle_server_stops_by_itself_but_never_in_the_middle_of_an_answer(models: Settings) -> None:
    server = ensure_server(models, NAME, idle_s=0.5)
    busy = threading.Thread(target=lambda: answers.append(ask(server, max_tokens=400, ignore_eos=True)))
    answers: list[dict[str, Any]] = []
    busy.start()
    busy.join()
    assert answers[0]["usage"]["completion_tokens"] == 400
    until(lambda: not psutil.pid_exists(server.pid))
    assert not (models.model_path / NAME / "server.json").exists()


def test_a_server_that_cannot_start_says_why_and_leaves_nothing_running(
    models: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    broken = b"GGUF but nothing behind it"
    model = replace(MODELS[NAME], sha256=hashlib.sha256(broken).hexdigest())
    monkeypatch.setitem(MODELS, NAME, model)
    file = models.model_path / NAME / model.file
    file.unlink()
    file.write_bytes(broken)
    with pytest.raises(ModelError, match=r"(?s)ended at once.*--verify.*model loading error"):
        ensure_server(models, NAME)
    assert find_server(models, NAME) is None
