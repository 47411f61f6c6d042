"""The answers of a stand-in server: a text fixed by conversation, seed and sampling, with its usage."""

from __future__ import annotations

import hashlib
import json
import random
from typing import Any

from tests.load_server.plan import Plan

_WORDS = """
sea wind sail rope deck harbour gull storm map star moon tide wave gold song lamp bread stone river hill
road bridge garden apple winter summer letter paper window table candle door bell
"""
_POOL = " ".join(random.Random(0).choices(_WORDS.split(), k=20_000))
_SAMPLING = ("seed", "temperature", "top_p", "max_tokens", "max_completion_tokens", "stop")


def digest_of(body: dict[str, Any]) -> bytes:
    """What decides an answer: the messages and the sampling, not the order of the fields."""
    parts = [f"{message.get('role')}\x00{message.get('content')}" for message in body.get("messages", ())]
    parts += [str(body.get(name)) for name in _SAMPLING]
    return hashlib.blake2b("\x01".join(parts).encode("utf-8", "surrogatepass"), digest_size=12).digest()


def text_for(body: dict[str, Any], plan: Plan | None = None, index: int = 0) -> str:
    """The text that a server of this plan answers to this body, for the choice of this index."""
    plan = plan or Plan()
    return _text(digest_of(body), plan, index)


def _text(digest: bytes, plan: Plan, index: int) -> str:
    offset = int.from_bytes(digest[:6], "little") + plan.seed * 7919 + index * 104_729
    start = offset % (len(_POOL) - plan.answer_chars)
    # Only letters, digits and spaces: the fast path puts it into JSON as it stands.
    return f"Answer {digest.hex()}: {_POOL[start : start + plan.answer_chars].strip()}"


class PrefixCache:
    """Which system prompts were answered before; a model of a server that keeps their prefix."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def cached(self, body: dict[str, Any]) -> int:
        """Tokens of the system prompt that are cached for this request, which fills the cache."""
        first = (body.get("messages") or [{}])[0]
        if first.get("role") != "system":
            return 0
        mark = hash(first["content"])
        found = mark in self._seen
        self._seen.add(mark)
        return tokens_of(first["content"]) if found else 0


def tokens_of(text: str | None) -> int:
    """About how many tokens a text has."""
    return (len(text or "") + 3) // 4


def prompt_tokens(body: dict[str, Any]) -> int:
    """About how many tokens the conversation has."""
    return sum(tokens_of(str(message.get("content"))) for message in body.get("messages", ()))


def answer_to(body: dict[str, Any], plan: Plan, cached: int) -> dict[str, Any]:
    """The ordinary answer as a chat-completions object."""
    return json.loads(answer_bytes(body, plan, cached))


def answer_bytes(body: dict[str, Any], plan: Plan, cached: int = 0) -> bytes:
    """The ordinary answer, built without a JSON encoder: this is the hot path."""
    digest = digest_of(body)
    count = int(body.get("n") or 1) if plan.honours_n else 1
    texts = [_text(digest, plan, index) for index in range(count)]
    choices = ",".join(
        f'{{"index":{index},"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}'
        for index, text in enumerate(texts)
    )
    asked, answered = prompt_tokens(body), sum(len(text) for text in texts) // 4
    details = f',"prompt_tokens_details":{{"cached_tokens":{cached}}}' if plan.prefix_cache else ""
    cost = f',"cost":{plan.cost_usd}' if plan.cost_usd is not None else ""
    return (
        f'{{"id":"chatcmpl-{digest.hex()}","object":"chat.completion","created":1760000000,'
        f'"model":{json.dumps(plan.served_model or body.get("model"))},"choices":[{choices}],'
        f'"usage":{{"prompt_tokens":{asked},"completion_tokens":{answered},'
        f'"total_tokens":{asked + answered}{details}{cost}}}}}'
    ).encode()
