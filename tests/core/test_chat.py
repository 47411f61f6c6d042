"""Talking with a model: the stream, the loop in the shell, and what is sent."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.errors import EngineError, ModelError, SettingsError
from core.records import Message
from core.settings import PROJECT, Settings
from core.stages.chat import stream_answer
from tests.stand_in import Reply, StandIn

HI = [Message("user", "Hi")]


def events(*pieces: str, last: str = "data: [DONE]\n\n") -> Reply:
    """An answer as servers stream it."""
    lines = [
        f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': piece}}]})}\n\n"
        for piece in pieces
    ]
    empty = 'data: {"choices": [], "usage": {"completion_tokens": 2}}\n\n'
    return Reply(raw="".join([*lines, empty, last]).encode(), headers={"Content-Type": "text/event-stream"})


def chat(*words: str, said: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "core", "chat", *words]
    return subprocess.run(command, cwd=PROJECT, input=said, capture_output=True, text=True, timeout=60)


def test_an_answer_comes_in_pieces(settings: Settings, stand_in: StandIn) -> None:
    stand_in.script = lambda number, body: events("Arr", ", ", "matey!")
    assert list(stream_answer(settings, stand_in.name, HI)) == ["Arr", ", ", "matey!"]
    (sent,) = stand_in.requests
    assert sent["stream"] is True and sent["messages"] == [{"role": "user", "content": "Hi"}]
    assert (sent["temperature"], sent["top_p"], sent["repetition_penalty"]) == (0.7, 0.95, 1.1)


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Reply(401, {"error": {"message": "bad key"}}), "key", "bad key"),
        (Reply(500, {"error": {"message": "on fire"}}), "transient", "on fire"),
        (Reply(302, {}, {"Location": "http://127.0.0.1:1/v1"}), "redirect", "HTTP 302"),
        (events("Arr", last='data: {"error": {"message": "midway"}}\n\n'), "transient", "midway"),
    ],
)
def test_a_failure_says_what_and_is_asked_once(
    settings: Settings, stand_in: StandIn, reply: Reply, kind: str, words: str
) -> None:
    stand_in.script = lambda number, body: reply
    with pytest.raises(EngineError, match=words) as caught:
        list(stream_answer(settings, stand_in.name, HI))
    assert caught.value.kind == kind
    assert len(stand_in.requests) == 1


def test_a_server_that_is_not_there_is_named(settings: Settings) -> None:
    with pytest.raises(EngineError, match=r"no server answers at http://127\.0\.0\.1:9/v1"):
        list(stream_answer(settings, "http://127.0.0.1:9/v1#m", HI))


def test_no_secret_of_the_environment_but_the_places_own_is_sent(
    settings: Settings, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-canary")
    stand_in.script = lambda number, body: events("Hello.")
    list(stream_answer(settings, stand_in.name, HI))
    assert "canary" not in json.dumps(stand_in.headers)


def test_an_adapter_elsewhere_is_asked_for_by_name_and_never_with_a_strength(
    settings: Settings, stand_in: StandIn
) -> None:
    stand_in.script = lambda number, body: events("Hello.")
    list(stream_answer(settings, stand_in.name, HI, adapter="pirate"))
    assert stand_in.requests[0]["model"] == "pirate"
    with pytest.raises(SettingsError, match="takes no adapter with a strength"):
        stream_answer(settings, stand_in.name, HI, adapter="pirate", strength=0.5)
    with pytest.raises(SettingsError, match="cannot be used"):
        stream_answer(settings, stand_in.name, HI, strength=2.0)


def test_an_adapter_that_is_not_there_is_an_error_before_anything_starts(settings: Settings) -> None:
    with pytest.raises(ModelError, match="no adapter 'pirate'"):
        stream_answer(settings, "local/smollm2-135m", HI, adapter="pirate")
    assert not settings.model_path.exists()


def test_one_message_gets_one_answer_and_the_json_line() -> None:
    done = chat("--model", "fake/parrot", "--message", "Tell me of the garden", "--json")
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert (result["verb"], result["status"], result["adapter"]) == ("chat", "done", None)
    assert result["answer"] and done.stdout.count("\n") == 1


def test_a_character_is_played_by_its_system_prompt_unless_told_otherwise() -> None:
    words = ("--model", "fake/parrot", "--message", "Hi there", "--constitution", "pirate", "--json")
    told, plain = (json.loads(chat(*words, *more).stdout) for more in ((), ("--no-system",)))
    assert (told["system"], plain["system"]) == (True, False)
    assert told["answer"] != plain["answer"]


def test_the_loop_takes_its_commands_and_ends_with_the_input() -> None:
    lines = ["What is a garden?", "", "/strength 0.5", "/reset", "/nonsense", "And a kettle?"]
    done = chat("--model", "fake/parrot", said="\n".join(lines))
    assert done.returncode == 0
    assert len([line for line in done.stdout.splitlines() if line]) == 2
    assert "no adapter to turn up" in done.stderr and "Begun anew" in done.stderr
    assert chat("--model", "fake/parrot", said="/quit\nHello?").stdout == ""


def test_json_without_a_message_is_a_usage_error() -> None:
    done = chat("--model", "fake/parrot", "--json")
    assert done.returncode == 2 and "--message" in done.stderr


def test_a_wrong_strength_is_one_sentence(tmp_path: Path) -> None:
    done = chat("--strength", "3", "--message", "Hi")
    assert done.returncode == 1 and "A strength of 3 cannot be used" in done.stderr
