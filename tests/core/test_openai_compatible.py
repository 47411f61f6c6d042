"""The engine over HTTP, against a real loopback server."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from email.utils import formatdate

import pytest

from core.engines import openai_compatible
from core.engines.openai_compatible import (
    Endpoint,
    OpenAICompatible,
    Patience,
    kind_of_status,
    pause,
    retry_after,
)
from core.errors import EngineError
from core.names import PROVIDERS
from core.records import Completion, Identity, Message, Sampling
from core.settings import Secret
from tests.stand_in import Reply, StandIn, chat

QUICK = Patience(attempts=4, total_s=5, connect_s=1, pause_s=0)
ASK = [Message("user", "Why is the sky blue?")]


def ask(
    server: StandIn,
    *,
    provider: str = "openrouter",
    key: str | None = None,
    sampling: Sampling | None = None,
) -> Completion:
    endpoint = Endpoint(server.url, PROVIDERS[provider], Secret(key) if key else None)
    engine = OpenAICompatible("test", "m", endpoint, Identity("x"), patience=QUICK)

    async def go() -> Completion:
        try:
            return await engine.complete(ASK, sampling or Sampling(max_tokens=10, seed=3))
        finally:
            await engine.close()

    return asyncio.run(go())


def test_an_answer_keeps_text_finish_reason_usage_cost_and_served_model(stand_in: StandIn) -> None:
    stand_in.script = lambda n, body: chat(
        "Blue.", usage={"prompt_tokens": 5, "completion_tokens": 2, "cost": 0.01}
    )
    answer = ask(stand_in)
    assert (answer.text, answer.finish_reason, answer.served_model, answer.cost_usd) == (
        "Blue.",
        "stop",
        "served",
        0.01,
    )
    assert (answer.usage.prompt, answer.usage.completion) == (5, 2)


@pytest.mark.parametrize(
    "first",
    [
        Reply(429, {"error": {"message": "slow down"}}, {"Retry-After": "0"}),
        Reply(500, raw=b"<html>oops</html>"),
        Reply(503, {"error": "busy"}),
        Reply(200, {"error": {"code": 502, "message": "provider down"}}),
        Reply(200, {"choices": []}),
        Reply(200, raw=b"<html>captive portal</html>"),
        Reply(200, raw=b'{"choices": [{"mess'),
        chat(None),
        chat("   "),
        chat("half", finish="error"),
        Reply(drop=True),
    ],
)
def test_a_passing_fault_is_retried_and_never_counts_as_an_answer(stand_in: StandIn, first: Reply) -> None:
    stand_in.script = lambda n, body: first if n == 1 else chat("Blue.")
    answer = ask(stand_in)
    assert (answer.text, answer.attempts) == ("Blue.", 2)


@pytest.mark.parametrize(
    ("status", "kind"), [(401, "key"), (402, "credit"), (403, "forbidden"), (404, "model")]
)
def test_what_asking_again_cannot_mend_stops_the_job_after_one_request(
    stand_in: StandIn, status: int, kind: str
) -> None:
    stand_in.script = lambda n, body: Reply(status, {"error": {"message": "no"}})
    with pytest.raises(EngineError) as caught:
        ask(stand_in, key="sk-canary-1234567890")
    assert (caught.value.kind, caught.value.stops_job, len(stand_in.requests)) == (kind, True, 1)


def test_a_row_that_the_server_refuses_does_not_stop_the_job(stand_in: StandIn) -> None:
    stand_in.script = lambda n, body: Reply(400, {"error": {"message": "context length exceeded"}})
    with pytest.raises(EngineError, match="context length") as caught:
        ask(stand_in)
    assert not caught.value.stops_job
    assert len(stand_in.requests) == 1


def test_a_key_that_the_server_echoes_is_not_in_the_message(stand_in: StandIn) -> None:
    stand_in.script = lambda n, body: Reply(401, {"error": {"message": "bad key sk-canary-1234567890"}})
    with pytest.raises(EngineError) as caught:
        ask(stand_in, key="sk-canary-1234567890")
    assert "canary" not in str(caught.value)


def test_a_redirect_is_not_followed_with_a_key(stand_in: StandIn) -> None:
    with StandIn() as other:
        stand_in.script = lambda n, body: Reply(307, {}, {"Location": f"{other.url}/chat/completions"})
        with pytest.raises(EngineError) as caught:
            ask(stand_in, key="sk-canary-1234567890")
        assert caught.value.stops_job
        assert other.requests == []


def test_nobody_at_the_address_is_said_with_the_cure() -> None:
    server = StandIn()
    with server:
        pass
    with pytest.raises(EngineError, match=r"no server answers at .*Start the server") as caught:
        ask(server)
    assert caught.value.stops_job


def test_an_answer_beyond_the_cap_is_refused(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_compatible, "LARGEST_ANSWER_BYTES", 1000)
    stand_in.script = lambda n, body: chat("x" * 5000)
    with pytest.raises(EngineError, match="larger than"):
        ask(stand_in)


def test_each_dialect_gets_the_fields_it_knows(stand_in: StandIn) -> None:
    sampling = Sampling(max_tokens=7, repetition_penalty=1.1, stop=("END",))
    for provider in ("local", "openrouter", "openai", "ollama"):
        ask(stand_in, provider=provider, sampling=sampling)
    local, openrouter, openai, ollama = stand_in.requests
    assert local["repeat_penalty"] == openrouter["repetition_penalty"] == 1.1
    assert not {"repeat_penalty", "repetition_penalty"} & (openai.keys() | ollama.keys())
    assert (openai["max_completion_tokens"], ollama["max_tokens"]) == (7, 7)
    assert all(body["stop"] == ["END"] and "seed" not in body for body in stand_in.requests)


def test_retry_after_is_read_in_every_form_and_garbage_ignored() -> None:
    assert retry_after({"Retry-After": "7"}) == 7
    assert retry_after({"retry-after-ms": "1500"}) == 1.5
    assert retry_after({"Retry-After": "-1"}) == 0
    assert retry_after({"Retry-After": "soon"}) is None
    assert retry_after({}) is None
    assert retry_after({"Retry-After": formatdate(0, usegmt=True)}) == 0


def test_pauses_grow_are_capped_and_honour_the_server() -> None:
    assert all(0.5 <= pause(1, None, first_s=1) <= 1 for _ in range(50))
    assert all(4 <= pause(4, None, first_s=1) <= 8 for _ in range(50))
    assert pause(1, 30, first_s=1) == 30
    assert pause(1, 1e9, first_s=1) == 60


def test_no_credit_with_a_wait_is_only_a_pause() -> None:
    assert kind_of_status(402, retry_after=True) == "transient"
    assert kind_of_status(402, retry_after=False) == "credit"


def test_reasoning_is_kept_apart(stand_in: StandIn) -> None:
    stand_in.script = lambda n, body: chat("Blue.", message={"reasoning_content": "Rayleigh"})
    assert ask(stand_in).reasoning == "Rayleigh"
    assert replace(ask(stand_in), reasoning=None).text == "Blue."


def test_a_key_is_cleared_before_a_long_reason_is_cut(stand_in: StandIn) -> None:
    echoed = "x" * 490 + " Bearer sk-canary-1234567890" + "y" * 600
    stand_in.script = lambda n, body: Reply(400, raw=echoed.encode())
    with pytest.raises(EngineError) as caught:
        ask(stand_in, key="sk-canary-1234567890")
    assert "sk-can" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_usage_in_a_form_that_nobody_expects_is_no_crash(stand_in: StandIn) -> None:
    stand_in.script = lambda n, body: chat("Blue.", usage="n/a")
    assert ask(stand_in).usage.prompt is None
