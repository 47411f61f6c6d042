"""The engine over HTTP, against a real loopback server: one attempt a call, and what it sends to whom."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Sequence
from typing import Any

import pytest

from core.engines import openai_compatible
from core.engines.openai_compatible import Endpoint, OpenAICompatible, Timeouts
from core.engines.opening import open_engine
from core.engines.routing import Routing
from core.errors import EngineError, SettingsError
from core.names import PROVIDERS, ModelName, parse_model
from core.records import Completion, Identity, Message, Sampling
from core.settings import Secret, Settings
from tests.load_server import Fault, LoadServer, Plan, faults
from tests.stand_in import Reply, StandIn, chat

ASK = [Message("user", "Why is the sky blue?")]
KEY = "sk-canary-1234567890"
USUAL = Sampling(max_tokens=10, seed=3)


def engine_at(url: str, provider: str = "openrouter", model: str = "m", **more: Any) -> OpenAICompatible:
    key = more.pop("key", None)
    extra = more.pop("extra", {})
    endpoint = Endpoint(url, PROVIDERS[provider], Secret(key) if key else None, extra=extra)
    return OpenAICompatible("test", model, endpoint, Identity("x"), **more)


def ask(
    server: StandIn | LoadServer,
    *,
    times: int = 1,
    messages: Sequence[Message] = ASK,
    sampling: Sampling = USUAL,
    **more: Any,
) -> Completion:
    """The last of so many answers, asked one after the other over one engine."""
    engine = engine_at(server.url, **more)

    async def go() -> Completion:
        try:
            answers = [await engine.complete(messages, sampling) for _ in range(times)]
            return answers[-1]
        finally:
            await engine.close()

    return asyncio.run(go())


def failure(server: StandIn | LoadServer, **more: Any) -> EngineError:
    with pytest.raises(EngineError) as caught:
        ask(server, **more)
    return caught.value


def always(fault: Fault) -> Plan:
    return Plan(script=lambda number, body, attempt: fault, keep_bodies=True)


def sent_by(provider: str, model: str = "m", *, sampling: Sampling = USUAL, **more: Any) -> dict[str, Any]:
    """The body that a provider's dialect makes of a request."""
    return engine_at("http://127.0.0.1/v1", provider, model, **more).payload(ASK, sampling)


# ---- one attempt


def test_an_answer_keeps_text_finish_reason_usage_cost_and_served_model(stand_in: StandIn) -> None:
    stand_in.script = lambda n, body: chat(
        "Blue.", usage={"prompt_tokens": 5, "completion_tokens": 2, "cost": 0.01}
    )
    answer = ask(stand_in)
    assert (answer.text, answer.finish_reason, answer.served_model) == ("Blue.", "stop", "served")
    assert (answer.usage.prompt, answer.usage.completion, answer.cost_usd) == (5, 2, 0.01)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(429, {"error": {"message": "slow down"}}, {"Retry-After": "7"}), "rate_limited"),
        (Reply(500, raw=b"<html>oops</html>"), "transient"),
        (Reply(200, {"error": {"code": 502, "message": "provider down"}}), "transient"),
        (Reply(200, {"choices": []}), "empty"),
        (Reply(200, raw=b'{"choices": [{"mess'), "unreadable"),
        (Reply(400, {"error": {"message": "context length exceeded"}}), "refused"),
        (Reply(401, {"error": {"message": "no"}}), "key"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_call_is_one_attempt_and_its_failure_says_whether_to_ask_again(
    stand_in: StandIn, reply: Reply, kind: str
) -> None:
    stand_in.script = lambda n, body: reply
    error = failure(stand_in)
    assert (error.kind, len(stand_in.requests)) == (kind, 1)
    assert error.transient == (kind in {"rate_limited", "transient", "empty", "unreadable"})
    assert error.stops_job == (kind == "key")
    assert error.status == reply.status
    assert error.retry_after_s == (7.0 if kind == "rate_limited" else None)


def test_what_is_sent_is_what_payload_shows_in_every_script(stand_in: StandIn) -> None:
    messages = [Message("system", 'Say "é" \u2028 🏴\n'), Message("user", "日本語 \\ \x00")]
    ask(stand_in, messages=messages)
    assert stand_in.requests == [engine_at(stand_in.url).payload(messages, USUAL)]
    assert stand_in.requests[0]["messages"] == [message.as_dict() for message in messages]


# ---- dialects


@pytest.mark.parametrize(
    ("provider", "penalty", "tokens"),
    [
        ("local", "repeat_penalty", "max_tokens"),
        ("lmstudio", "repeat_penalty", "max_tokens"),
        ("openrouter", "repetition_penalty", "max_tokens"),
        ("together", "repetition_penalty", "max_tokens"),
        ("vllm", "repetition_penalty", "max_tokens"),
        ("ollama", None, "max_tokens"),
        ("openai", None, "max_completion_tokens"),
    ],
)
def test_each_provider_gets_only_the_fields_it_knows(
    provider: str, penalty: str | None, tokens: str
) -> None:
    body = sent_by(provider, sampling=Sampling(0.3, 0.9, 7, 1.1, 5, ("END",)))
    fields = {"model", "messages", "temperature", "top_p", "seed", "stop", tokens} | ({penalty} - {None})
    assert body.keys() == fields
    assert (body[tokens], body["temperature"], body["top_p"]) == (7, 0.3, 0.9)
    assert (body["seed"], body["stop"]) == (5, ["END"])
    assert penalty is None or body[penalty] == 1.1


def test_what_is_not_wished_is_not_sent() -> None:
    assert not {"seed", "stop", "repetition_penalty"} & sent_by("openrouter", sampling=Sampling()).keys()


@pytest.mark.parametrize("model", ["o1", "o3-mini", "o4-mini-high", "gpt-5", "gpt-5-mini", "gpt-5.1"])
def test_openais_reasoning_models_get_no_temperature(model: str) -> None:
    assert not {"temperature", "top_p"} & sent_by("openai", model).keys()
    assert {"temperature", "top_p"} <= sent_by("openrouter", model).keys()


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1", "omni", "chatgpt-4o-latest"])
def test_openais_other_models_get_one(model: str) -> None:
    assert {"temperature", "top_p"} <= sent_by("openai", model).keys()


def with_key(tmp_path: Any, **more: str) -> Settings:
    from core.settings import load_settings

    return load_settings({"OPENROUTER_API_KEY": KEY, "OPENAI_API_KEY": KEY, **more}, folder=tmp_path)


def test_openrouter_is_told_who_may_answer_and_only_openrouter(tmp_path: Any, stand_in: StandIn) -> None:
    addresses = {f"{name}_BASE_URL": stand_in.url for name in ("OPENROUTER", "OPENAI", "OLLAMA")}
    settings = with_key(tmp_path, **addresses)
    routing = Routing(("acme",), ("fp8", "bf16"), distillable=True)
    for name in ("openrouter/a/b", "openai/gpt-4o", "ollama/x", stand_in.name):
        engine = open_engine(parse_model(name), settings, routing)

        async def go(engine: Any = engine) -> None:
            await engine.complete(ASK, USUAL)
            await engine.close()

        asyncio.run(go())
    first, *others = stand_in.requests
    assert first["provider"] == {
        "require_parameters": True,
        "only": ["acme"],
        "allow_fallbacks": False,
        "quantizations": ["fp8", "bf16"],
        "enforce_distillable_text": True,
    }
    assert not any("provider" in body for body in others)
    sent = [headers.get("Authorization") for headers in stand_in.headers]
    assert sent == [f"Bearer {KEY}", f"Bearer {KEY}", None, None]


def test_pinned_providers_and_precisions_are_part_of_a_rows_identity(tmp_path: Any) -> None:
    name, settings = ModelName("openrouter", "a/b"), with_key(tmp_path)
    plain, licensed = Routing(), Routing(distillable=True)
    one, other = Routing(("x", "y")), Routing(("y", "x"))
    assert open_engine(name, settings, plain).identity == open_engine(name, settings, licensed).identity
    assert open_engine(name, settings, one).identity == open_engine(name, settings, other).identity
    pins = (Routing(("x",)), Routing(quantizations=("fp8",)), plain)
    assert len({open_engine(name, settings, pin).identity for pin in pins}) == 3


def test_a_begun_reply_is_continued_on_vllm(stand_in: StandIn) -> None:
    begun = [*ASK, Message("assistant", "<think>As a")]
    for provider in ("vllm", "local"):
        ask(stand_in, provider=provider, messages=begun)
    ask(stand_in, provider="vllm")
    vllm, local, ordinary = stand_in.requests
    assert (vllm["add_generation_prompt"], vllm["continue_final_message"]) == (False, True)
    assert not {"add_generation_prompt", "continue_final_message"} & (local.keys() | ordinary.keys())
    assert engine_at(stand_in.url, "vllm").can_prefill
    assert not engine_at(stand_in.url, "openrouter").can_prefill


def several(server: LoadServer, count: int) -> list[Completion]:
    engine = engine_at(server.url, "vllm")

    async def go() -> list[Completion]:
        try:
            return await engine.complete_several(ASK, USUAL, count)
        finally:
            await engine.close()

    return asyncio.run(go())


def test_several_answers_come_from_one_request_where_the_server_knows_n() -> None:
    with LoadServer(Plan(keep_bodies=True)) as server:
        answers = several(server, 3)
    assert len({answer.text for answer in answers}) == 3
    assert [record.body["n"] for record in server.log.records if record.body] == [3]
    assert engine_at(server.url, "vllm").samples_at_once
    assert not any(
        engine_at(server.url, name).samples_at_once for name in ("openrouter", "ollama", "local")
    )


def test_a_server_that_ignores_n_gives_fewer_and_a_generous_one_no_more_than_asked(
    stand_in: StandIn,
) -> None:
    with LoadServer(Plan(honours_n=False)) as server:
        assert len(several(server, 3)) == 1
    message = {"role": "assistant", "content": "a"}
    stand_in.script = lambda n, body: Reply(body={"choices": [{"message": message}] * 9})
    assert len(several(stand_in, 3)) == 3  # type: ignore[arg-type]


# ---- where a key goes


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with LoadServer(Plan(keep_bodies=True)) as other:
        to = f"{other.url}/chat/completions"
        with LoadServer(always(faults.redirect(to, status))) as server:
            error = failure(server, key=KEY)
        assert (error.kind, error.stops_job) == ("redirect", True)
        assert "final address" in str(error)
        assert other.log.records == []


def test_a_key_that_the_server_echoes_is_not_in_the_message() -> None:
    with LoadServer(always(faults.echo_key())) as server:
        error = failure(server, key=KEY)
    assert "canary" not in str(error)
    assert "[key]" in str(error)


def test_a_key_is_cleared_before_a_long_reason_is_cut(stand_in: StandIn) -> None:
    echoed = "x" * 490 + f" Bearer {KEY}" + "y" * 600
    stand_in.script = lambda n, body: Reply(400, raw=echoed.encode())
    said = str(failure(stand_in, key=KEY))
    assert "sk-can" not in said
    assert len(said) < 600


def test_cookies_are_not_kept() -> None:
    fault = Fault("cookie", headers=(("Set-Cookie", "session=1"),))
    with LoadServer(always(fault)) as server:
        ask(server, times=2)
    assert not any("cookie" in (record.headers or {}) for record in server.log.records)


# ---- sizes


def test_an_answer_beyond_the_cap_is_refused_without_being_read_to_its_end() -> None:
    with LoadServer(always(faults.huge(200))) as server:
        error = failure(server)
    assert (error.kind, error.transient, error.maybe_billed) == ("too_large", False, True)
    assert "16 MB" in str(error)


def test_a_small_answer_that_unpacks_into_a_huge_one_is_refused() -> None:
    with LoadServer(always(faults.gzip_bomb(200))) as server:
        assert failure(server).kind == "too_large"


def packed(text: bytes, coding: str) -> bytes:
    return gzip.compress(text) if coding == "gzip" else zlib.compress(text)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "identity", "", "GZIP"])
def test_compression_is_not_asked_for_and_understood_all_the_same(coding: str) -> None:
    text = json.dumps({"choices": [{"message": {"content": "Blue."}}]}).encode()
    body = packed(text, coding.lower()) if coding not in ("identity", "") else text
    fault = Fault("packed", headers=(("Content-Encoding", coding),), body=body)
    with LoadServer(always(fault)) as server:
        assert ask(server).text == "Blue."
    assert (server.log.records[0].headers or {})["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"no gzip at all"),
        ("deflate", b"\x00\x01"),
        ("br", b"x"),
        ("zstd", b"x"),
        ("gzip, gzip", b"x"),
    ],
)
def test_compression_that_is_damaged_or_unknown_is_asked_again(coding: str, body: bytes) -> None:
    fault = Fault("packed", headers=(("Content-Encoding", coding),), body=body)
    with LoadServer(always(fault)) as server:
        error = failure(server)
    assert (error.kind, error.transient) == ("unreadable", True)


def test_an_answer_whose_compression_ends_early_is_no_answer() -> None:
    text = json.dumps({"choices": [{"message": {"content": "Blue. " * 500}}]}).encode()
    fault = Fault("cut", headers=(("Content-Encoding", "gzip"),), body=gzip.compress(text)[:-20])
    with LoadServer(always(fault)) as server:
        assert failure(server).kind == "unreadable"


# ---- time


@pytest.mark.parametrize(
    ("fault", "timeouts", "words"),
    [
        (faults.silent(), Timeouts(total=0.2), "no answer in 0.2 s"),
        (faults.silent(), Timeouts(idle=0.2), "nothing for 0.2 s"),
        (faults.drip(10), Timeouts(idle=0.2), "nothing for 0.2 s"),
        (faults.drip(0.01), Timeouts(total=0.2, idle=5), "no answer in 0.2 s"),
        (faults.late(30), Timeouts(total=0.2), "no answer in 0.2 s"),
    ],
    ids=["silent-total", "silent-idle", "drip-idle", "drip-total", "late"],
)
def test_both_timeouts_fire_and_what_may_be_billed_is_said(
    fault: Fault, timeouts: Timeouts, words: str
) -> None:
    with LoadServer(always(fault)) as server:
        error = failure(server, timeouts=timeouts)
    assert (error.kind, error.transient, error.maybe_billed) == ("timeout", True, True)
    assert words in str(error)


def test_nobody_at_the_address_is_said_with_the_cure_and_costs_nothing() -> None:
    with LoadServer() as server:
        pass
    error = failure(server)
    assert (error.kind, error.transient, error.maybe_billed) == ("unreachable", True, False)
    assert "no server answers at http://127.0.0.1" in str(error)
    assert "Start the server" in str(error)


# ---- connections


def test_connections_are_kept_and_one_that_was_closed_meanwhile_is_no_failure() -> None:
    def second_call(number: int, body: dict[str, Any], attempt: int) -> Fault | None:
        return faults.stale() if attempt == 2 else None

    with LoadServer(Plan(script=second_call)) as server:
        answer = ask(server, times=2)
    assert (answer.text[:6], answer.attempts) == ("Answer", 2)
    assert len(server.log.records) == 3


def test_a_server_that_closes_after_each_answer_costs_no_request() -> None:
    with LoadServer(always(faults.close_after())) as server:
        ask(server, times=5)
    assert sum(record.status == 200 for record in server.log.records) == len(server.log.records) == 5


@pytest.mark.parametrize("fault", [faults.truncated(), faults.reset(), faults.drop()])
def test_a_connection_that_breaks_may_be_billed_and_is_asked_again(fault: Fault) -> None:
    with LoadServer(always(fault)) as server:
        error = failure(server)
    assert (error.kind, error.transient, error.maybe_billed) == ("connection", True, True)


def test_an_embedded_server_is_found_at_the_first_request_and_again_when_it_moved() -> None:
    moves: list[str] = []
    with LoadServer() as first, LoadServer() as second:

        async def where() -> str:
            moves.append([first.url, second.url][len(moves)])
            return moves[-1]

        engine = engine_at("", "local", relocate=where)

        async def go() -> None:
            await engine.complete(ASK, USUAL)
            await asyncio.to_thread(first.refuse)
            with pytest.raises(EngineError):
                while True:
                    await engine.complete(ASK, USUAL)
            await engine.complete(ASK, USUAL)
            await engine.close()

        asyncio.run(go())
        assert moves == [first.url, second.url]
        assert len(second.log.records) == 1


@pytest.mark.parametrize("address", ["http://name:word@127.0.0.1/v1", "http://169.254.169.254/v1"])
def test_an_engine_for_an_address_that_must_not_be_asked_is_not_opened(
    settings: Settings, address: str
) -> None:
    with pytest.raises(SettingsError):
        open_engine(parse_model(f"{address}#m"), settings)


def test_the_cap_is_the_engines_own() -> None:
    assert openai_compatible.LARGEST_ANSWER_BYTES == 16 << 20
