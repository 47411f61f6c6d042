"""Log-probabilities of the first token: asked for only where told; old rows keep their keys."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from core.engines.fake import FakeEngine
from core.engines.openai_compatible import Endpoint, OpenAICompatible
from core.engines.reading import completions_of, read_answer
from core.errors import EngineError
from core.names import PROVIDERS, family_of
from core.records import Identity, Message, RowKeys, Sampling, canonical_json, row_key
from tests.core.test_reading import body_of, choice

ASKED = (Message("user", "A or B?"),)


def body_at(provider: str, model: str, sampling: Sampling) -> dict[str, Any]:
    spec = PROVIDERS[provider]
    engine = OpenAICompatible(f"{provider}/{model}", model, Endpoint("http://h/v1", spec), Identity("h"))
    return engine.payload(ASKED, sampling)


def test_rows_that_were_asked_before_keep_their_keys() -> None:
    identity = Identity("https://api.example")
    key = row_key(ASKED, model="m", identity=identity, sampling=Sampling(), template_version="1", sample=0)
    assert key == "8f7aed70e3685bec188af19d71960d77b10b14f1d8fce80aa06ae0677481984e"
    assert "top_logprobs" not in Sampling().as_dict()


def test_asking_for_probabilities_is_another_request() -> None:
    keys = RowKeys((), (), model="m", identity=Identity("h"), template_version="1")
    assert keys.key(ASKED[0], Sampling(top_logprobs=5), 0) != keys.key(ASKED[0], Sampling(), 0)
    assert '"top_logprobs":5' in canonical_json(Sampling(top_logprobs=5).as_dict())


@pytest.mark.parametrize("provider", ["local", "vllm", "openai"])
def test_where_they_are_told_they_are_asked_for(provider: str) -> None:
    body = body_at(provider, "m", Sampling(max_tokens=1, top_logprobs=20))
    assert (body["logprobs"], body["top_logprobs"]) == (True, 20)
    assert "logprobs" not in body_at(provider, "m", Sampling())


@pytest.mark.parametrize(("provider", "model"), [("openrouter", "m"), ("openai", "o3"), ("ollama", "m")])
def test_where_they_are_not_told_the_request_stays_acceptable(provider: str, model: str) -> None:
    assert "logprobs" not in body_at(provider, model, Sampling(top_logprobs=20))


def told(value: Any, content: str = "A") -> Any:
    logprobs = {"content": [{"token": "A", "logprob": -0.1, "top_logprobs": value}]}
    body = body_of({**choice(content), "logprobs": logprobs})
    return completions_of(read_answer(200, json.dumps(body).encode(), {}), 0.1)[0]


def test_the_first_tokens_alternatives_come_with_the_answer() -> None:
    found = told([{"token": "A", "logprob": -0.1}, {"token": " A", "logprob": -2}])
    assert found.first_logprobs == {"A": -0.1, " A": -2.0}


@pytest.mark.parametrize(
    "value",
    [None, [], "A", [{"token": "A"}], [{"token": 1, "logprob": -1}], [{"token": "A", "logprob": True}]],
)
def test_whatever_else_a_server_sends_is_no_probability(value: Any) -> None:
    assert told(value).first_logprobs is None


def test_a_single_space_is_an_answer_where_its_probabilities_came_with_it() -> None:
    assert told([{"token": "A", "logprob": -1}], content=" ").text == " "


def test_the_fake_engine_plays_along() -> None:
    answer = asyncio.run(FakeEngine().complete(ASKED, Sampling(max_tokens=1, top_logprobs=5)))
    assert set(answer.first_logprobs or ()) == {"A", "B"} and answer.text in ("A", "B")
    refused = FakeEngine(script=[EngineError("no", kind="bad_request")])
    with pytest.raises(EngineError):
        asyncio.run(refused.complete(ASKED, Sampling(top_logprobs=5)))


def test_families_are_known_by_name() -> None:
    assert family_of("z-ai/glm-4.5-air") == "GLM" and family_of("smollm2-135m") == "SmolLM"
    assert family_of("meta-llama/llama-3.3-70b-instruct") == "Llama" and family_of("parrot") is None
