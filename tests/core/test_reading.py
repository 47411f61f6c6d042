"""From bytes to answers: only a text is an answer, and nothing a server sends can crash the reading."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines.failures import ASK_AGAIN, Trouble
from core.engines.reading import completions_of, read_answer
from core.records import Completion, Usage
from tests.core.character_kit import UNHURRIED

Json = dict[str, Any]


def choice(content: Any = "Blue.", *, finish: Any = "stop", index: int = 0, **message: Any) -> Json:
    return {"index": index, "message": {"content": content, **message}, "finish_reason": finish}


def body_of(*choices: Any, **more: Any) -> Json:
    return {"model": "served", "choices": list(choices)} | more


def read(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> list[Completion]:
    """All that is made of one HTTP answer; `body` as JSON, bytes as they are."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return completions_of(read_answer(status, data, headers or {}), 0.5)


def trouble_with(body: Any, status: int = 200) -> Trouble:
    with pytest.raises(Trouble) as caught:
        read(body, status)
    return caught.value


def test_an_answer_keeps_all_that_the_server_says_about_it() -> None:
    usage = {
        "prompt_tokens": 5,
        "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 1},
        "cost": 0.01,
    }
    (answer,) = read(body_of(choice(reasoning_content="Rayleigh"), usage=usage, provider="Acme"))
    assert (answer.text, answer.finish_reason, answer.reasoning) == ("Blue.", "stop", "Rayleigh")
    assert (answer.served_model, answer.provider, answer.seconds) == ("served", "Acme", 0.5)
    assert (answer.usage, answer.cost_usd) == (Usage(5, 2, 4, 1), 0.01)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"message": "down", "code": 502}}, "transient"),
        (body_of(choice(), error={"message": "broke off"}), "transient"),
        ({"choices": []}, "empty"),
        ({"choices": None}, "empty"),
        ({"choices": {"0": {}}}, "empty"),
        ({"choices": ["Blue."]}, "empty"),
        ({}, "empty"),
        (body_of(choice(None)), "empty"),
        (body_of(choice("")), "empty"),
        (body_of(choice(" \n\t ")), "empty"),
        (body_of(choice(7)), "empty"),
        (body_of(choice([{"type": "text", "text": "Blue."}])), "empty"),
        (body_of({"message": None}), "empty"),
        (body_of({}), "empty"),
        (body_of(choice(None, reasoning_content="Hm.")), "empty"),
        (body_of(choice(None, reasoning="Hm.", finish="length")), "exhausted"),
        (body_of(choice("", refusal="I will not.")), "filtered"),
        (body_of(choice("half", finish="content_filter")), "filtered"),
        (body_of(choice("half", finish="error")), "transient"),
        (body_of(choice("half") | {"error": {"message": "x", "code": 429}}), "rate_limited"),
        (b"<!doctype html><title>Welcome to the airport</title>", "unreadable"),
        (b'{"choices": [{"mess', "unreadable"),
        (b"", "unreadable"),
        (b"\xff\xfe\x00", "unreadable"),
        (b"[]", "unreadable"),
        (b"null", "unreadable"),
        (b"[" * 100_000, "unreadable"),
        (b'{"choices": ' * 100_000, "unreadable"),
        (b'{"choices": ' + b"9" * 10_000 + b"}", "unreadable"),
    ],
)
def test_http_200_without_a_text_is_no_answer(body: Any, kind: str) -> None:
    assert trouble_with(body).kind == kind


def test_an_answer_cut_at_the_limit_is_one_and_says_so() -> None:
    (answer,) = read(body_of(choice("Blue and", finish="length")))
    assert (answer.text, answer.finish_reason) == ("Blue and", "length")


def test_several_answers_share_usage_and_cost_and_stand_in_the_order_of_their_index() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 7, "cost": 0.3}
    answers = read(body_of(choice("c", index=2), choice("a", index=0), choice("b", index=1), usage=usage))
    assert [answer.text for answer in answers] == ["a", "b", "c"]
    assert [answer.usage.completion for answer in answers] == [3, 3, 3]
    assert sum(answer.cost_usd or 0 for answer in answers) == pytest.approx(0.3)


def test_several_answers_without_an_index_keep_their_order() -> None:
    bare = [{name: value for name, value in choice(text).items() if name != "index"} for text in "ab"]
    assert [answer.text for answer in read(body_of(*bare))] == ["a", "b"]


@pytest.mark.parametrize("usage", [None, "n/a", [], 7, {"prompt_tokens": "5", "completion_tokens": -1}])
def test_usage_in_a_form_that_nobody_expects_is_not_known(usage: Any) -> None:
    (answer,) = read(body_of(choice(), usage=usage))
    assert answer.usage == Usage(None, None, None, None)


@pytest.mark.parametrize("cost", ["0.1", -1, True, float("nan"), float("inf"), 1e9, [], 10**400])
def test_a_cost_that_cannot_be_is_not_believed(cost: Any) -> None:
    (answer,) = read(body_of(choice(), usage={"cost": cost}))
    assert answer.cost_usd is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


def fields(*names: str) -> st.SearchStrategy[Json]:
    """Objects with some of those fields, each of any value."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, JSON))


MESSAGES = fields("role", "content", "reasoning", "reasoning_content", "refusal") | JSON
CHOICES = (
    st.fixed_dictionaries({}, optional={"message": MESSAGES, "finish_reason": JSON, "error": JSON}) | JSON
)
USAGES = fields("prompt_tokens", "completion_tokens", "cost", "prompt_tokens_details") | JSON
ERRORS = fields("message", "code", "metadata", "detail") | JSON
BODIES = st.fixed_dictionaries(
    {"choices": st.lists(CHOICES, max_size=3) | JSON},
    optional={"usage": USAGES, "model": JSON, "provider": JSON, "error": ERRORS},
)


def answers_or_trouble(status: int, data: bytes, headers: dict[str, str]) -> list[Completion] | Trouble:
    try:
        return completions_of(read_answer(status, data, headers), 0.1)
    except Trouble as trouble:
        return trouble


@UNHURRIED
@given(BODIES | JSON, st.sampled_from([200, 200, 200, 201, 307, 400, 402, 403, 429, 500]))
def test_any_json_is_an_answer_or_a_named_trouble(body: Any, status: int) -> None:
    found = answers_or_trouble(status, json.dumps(body).encode(), {})
    if isinstance(found, Trouble):
        assert found.kind and found.reason
        return
    assert status == 200
    assert found and all(answer.text.strip() for answer in found)
    assert not body.get("error")


@UNHURRIED
@given(st.binary(max_size=200), st.integers(200, 599), st.text(max_size=20))
def test_any_bytes_are_an_answer_or_a_named_trouble(data: bytes, status: int, wait: str) -> None:
    found = answers_or_trouble(status, data, {"Retry-After": wait})
    assert isinstance(found, Trouble)
    assert found.status == status


@UNHURRIED
@given(st.integers(0, 400))
def test_an_answer_that_ends_anywhere_is_asked_again_and_never_kept(length: int) -> None:
    whole = json.dumps(body_of(choice("Blue. " * 40), usage={"prompt_tokens": 5})).encode()
    found = answers_or_trouble(200, whole[: min(length, len(whole) - 1)], {})
    assert isinstance(found, Trouble)
    assert found.kind in ASK_AGAIN
