"""From a chat-completions body to completions; whatever else a server may send becomes a `Trouble`.

HTTP 200 proves nothing: the body may hold an error, no choices, no text, or only reasoning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from core.engines.failures import Trouble, trouble_in_body, trouble_of
from core.records import Completion, Usage

Json = dict[str, Any]
# Servers write "impossible" as minus infinity, which is no JSON; this is as good as never.
LEAST_LOGPROB = -1e4


def read_answer(status: int, data: bytes, headers: Mapping[str, str]) -> Json:
    """The parsed body of a usable answer, with at least one usable choice. Raises Trouble."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        body = None
    if status != 200:
        raise trouble_of(status, body, data.decode("utf-8", errors="replace"), headers)
    if not isinstance(body, dict):
        raise Trouble("unreadable", "the answer is not JSON", status=status)
    if body.get("error"):
        raise trouble_in_body(body["error"])
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        raise Trouble("empty", "the answer holds no choices", status=200)
    return cast(Json, body)


def completions_of(body: Json, seconds: float) -> list[Completion]:
    """The answers in a body, in the order of their index. Raises the first one's Trouble.

    Usage and cost of a body are those of all its answers together: they are shared out evenly.
    """
    choices = [choice for choice in body["choices"] if isinstance(choice, dict)]
    if not choices:
        raise Trouble("empty", "the answer holds no choices", status=200)
    choices.sort(key=lambda choice: _count(choice.get("index")) or 0)
    for choice in choices:
        check_choice(choice)
    usage, cost = _usage(body.get("usage"), len(choices)), _cost(body.get("usage"), len(choices))
    return [_completion(body, choice, usage, cost, seconds) for choice in choices]


def check_choice(choice: Mapping[str, Any]) -> None:
    """Raise the Trouble of a choice that is no answer."""
    finish, message = choice.get("finish_reason"), choice.get("message")
    if choice.get("error") or finish == "error":
        raise trouble_in_body(choice.get("error") or "the provider failed midway")
    if finish == "content_filter":
        raise Trouble("filtered", "the provider's content filter blocked it", status=200)
    if not isinstance(message, dict):
        raise Trouble("empty", "the answer holds no message", status=200)
    content = message.get("content")
    if isinstance(content, str) and (content.strip() or _first_logprobs(choice)):
        # One token that is a space is an answer where its log-probabilities were asked for.
        return
    if _reasoning_of(message) and finish == "length":
        raise Trouble("exhausted", "all tokens went into reasoning and none into an answer", status=200)
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal.strip():
        raise Trouble("filtered", f"the provider refused: {refusal.strip()}", status=200)
    hint = " (it holds only reasoning)" if _reasoning_of(message) else ""
    raise Trouble("empty", f"the answer is empty{hint}", status=200)


def _completion(body: Json, choice: Json, usage: Usage, cost: float | None, seconds: float) -> Completion:
    return Completion(
        text=choice["message"]["content"],
        finish_reason=_text(choice.get("finish_reason")),
        reasoning=_reasoning_of(choice["message"]),
        usage=usage,
        cost_usd=cost,
        served_model=_text(body.get("model")),
        provider=_text(body.get("provider")),
        seconds=round(seconds, 3),
        first_logprobs=_first_logprobs(choice),
    )


def _first_logprobs(choice: Mapping[str, Any]) -> dict[str, float] | None:
    """What could have stood first, with its log-probability; None where the server does not tell."""
    content = _object(choice.get("logprobs")).get("content")
    first = _object(content[0]) if isinstance(content, list) and content else {}
    several = first.get("top_logprobs")
    found: dict[str, float] = {}
    for one in several if isinstance(several, list) else ():
        token, value = _object(one).get("token"), _object(one).get("logprob")
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        # Above 0, or not a number, is no log-probability.
        if isinstance(token, str) and value <= 0:
            found[token] = max(float(value), LEAST_LOGPROB)
    return found or None


def _usage(value: Any, answers: int) -> Usage:
    usage = _object(value)
    cached = _count(_object(usage.get("prompt_tokens_details")).get("cached_tokens"))
    reasoning = _count(_object(usage.get("completion_tokens_details")).get("reasoning_tokens"))
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    if answers > 1:
        prompt, completion, cached, reasoning = (
            None if count is None else -(-count // answers)
            for count in (prompt, completion, cached, reasoning)
        )
    return Usage(prompt, completion, cached, reasoning)


def _cost(value: Any, answers: int) -> float | None:
    cost = _object(value).get("cost")
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 <= cost < 1e6:
        return None
    return float(cost) / answers


def _count(value: Any) -> int | None:
    usable = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if usable else None


def _object(value: Any) -> Json:
    """The value where it is an object, an empty one for whatever else a server may send."""
    return cast(Json, value) if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _reasoning_of(message: Mapping[str, Any]) -> str | None:
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    return reasoning if isinstance(reasoning, str) and reasoning.strip() else None
