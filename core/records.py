"""The nouns that cross every border of the house, and the hashes that give rows their identity.

A conversation is a sequence of `Message`; a `Sampling` says how to answer it; a `Completion` is the
answer. `row_key` turns one request into the key under which its answer is kept for ever.
Pure: imports nothing of ours.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str

    def as_dict(self) -> dict[str, str]:
        """The turn as chat APIs want it."""
        return {"role": self.role, "content": self.content}


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to draw an answer. `max_tokens` counts generated tokens, reasoning included.

    With `top_logprobs`, the answer brings the log-probabilities of that many first tokens, where the
    endpoint can tell them (`names.Provider.gives_logprobs`).
    """

    temperature: float = 0.7
    top_p: float = 0.95
    max_tokens: int = 4096
    repetition_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    top_logprobs: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Every field that decides an answer, as plain JSON; `top_logprobs` only where it is asked for."""
        # Left out at 0: a row's key hashes this, and older rows were asked without it.
        return self._drawn() | ({"top_logprobs": self.top_logprobs} if self.top_logprobs else {})

    def _drawn(self) -> dict[str, Any]:
        return {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_tokens": self.max_tokens,
            "repetition_penalty": self.repetition_penalty,
            "seed": self.seed,
            "stop": list(self.stop),
        }


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes two engines the same for a row key: never a port, never a secret.

    `origin` is scheme and host of a remote API, or the weights' hash of a local or served model.
    `routing` is what a router was pinned to (providers, quantisation), since that changes answers.
    """

    origin: str
    adapter: str | None = None
    strength: float = 1.0
    chat_template: str | None = None
    routing: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Every field, as plain JSON; `routing` only where one was pinned."""
        fields = asdict(self)
        if self.routing is None:
            del fields["routing"]
        return fields


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer, as the engine counted them; None where it did not say."""

    prompt: int | None = None
    completion: int | None = None
    cached: int | None = None
    reasoning: int | None = None

    def as_dict(self) -> dict[str, int | None]:
        """Every field, as plain JSON; reasoning only where there was some."""
        known: dict[str, int | None] = {
            "prompt": self.prompt,
            "completion": self.completion,
            "cached": self.cached,
        }
        return known if self.reasoning is None else {**known, "reasoning": self.reasoning}


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer. `finish_reason` "length" means that it was cut off at `max_tokens`.

    `served_model` and `provider` are what the endpoint says answered, which may differ from what was
    asked for. `first_logprobs` maps what could have been the first token to its log-probability; None
    unless it was asked for and told.
    """

    text: str
    finish_reason: str | None = None
    reasoning: str | None = None
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    served_model: str | None = None
    provider: str | None = None
    attempts: int = 1
    seconds: float = 0.0
    first_logprobs: dict[str, float] | None = None


# Made once: `json.dumps` would make an encoder at every call.
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


def canonical_json(value: Any) -> str:
    """`value` as the one JSON text that equal values share (sorted keys, no spaces, ASCII)."""
    return _canonical(value)


def content_hash(value: Any) -> str:
    """Hex sha256 of `canonical_json(value)`, 64 characters."""
    return hashlib.sha256(canonical_json(value).encode("ascii")).hexdigest()


def row_key(
    messages: Sequence[Message],
    *,
    model: str,
    identity: Identity,
    sampling: Sampling,
    template_version: str,
    sample: int,
) -> str:
    """The key of one request's answer: equal requests share it, any changed setting changes it."""
    return content_hash(
        {
            "messages": [message.as_dict() for message in messages],
            "model": model,
            "engine": identity.as_dict(),
            "sampling": sampling.as_dict(),
            "template": template_version,
            "sample": sample,
        }
    )


class RowKeys:
    """The same keys as `row_key`, for many requests that differ only in one message, sampling and sample.

    What they share is put into words and hashed once: planning 100,000 rows then takes seconds.
    """

    def __init__(
        self,
        opening: Sequence[Message],
        closing: Sequence[Message],
        *,
        model: str,
        identity: Identity,
        template_version: str,
    ) -> None:
        engine = canonical_json(identity.as_dict())
        before = "".join(f"{canonical_json(message.as_dict())}," for message in opening)
        after = "".join(f",{canonical_json(message.as_dict())}" for message in closing)
        self._begun = hashlib.sha256(f'{{"engine":{engine},"messages":[{before}'.encode("ascii"))
        self._middle = f'{after}],"model":{canonical_json(model)},"sample":'
        self._template = f',"template":{canonical_json(template_version)}}}'
        self._ends: dict[tuple[Sampling, int], bytes] = {}

    def key(self, message: Message, sampling: Sampling, sample: int) -> str:
        """The key of the request with this message between opening and closing."""
        found = self._begun.copy()
        # As `canonical_json(message.as_dict())`, a fifth of a row's planning otherwise.
        found.update(f'{{"content":{_quoted(message.content)},"role":"{message.role}"}}'.encode("ascii"))
        found.update(self._end(sampling, sample))
        return found.hexdigest()

    def _end(self, sampling: Sampling, sample: int) -> bytes:
        end = self._ends.get((sampling, sample))
        if end is None:
            drawn = canonical_json(sampling.as_dict())
            end = f'{self._middle}{sample},"sampling":{drawn}{self._template}'.encode("ascii")
            self._ends[sampling, sample] = end
        return end


def prompt_id(text: str) -> str:
    """A prompt's permanent id: the first 12 hex digits of its text's hash."""
    return content_hash(text.strip())[:12]
