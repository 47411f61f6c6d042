"""The one seam to every model: anything that can answer a conversation.

# Interface
`Engine` has one method that matters, `complete`: one request, one answer or one EngineError. When to
ask again is not its business but that of `core.bulk`. Vendors, local servers and the fake one all
implement it; `core.engines.opening.open_engine` picks one by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from core.records import Completion, Identity, Message, Sampling


class Engine(Protocol):
    """Anything that can answer a conversation.

    `name` is what the user typed ("local/smollm2-135m"), `model` what the endpoint calls it.
    Where `can_prefill` is true, a trailing assistant message is continued instead of answered; where
    `samples_at_once` is, `complete_several` may be asked for several answers to one request.
    """

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def identity(self) -> Identity: ...

    @property
    def can_prefill(self) -> bool: ...

    @property
    def samples_at_once(self) -> bool: ...

    async def complete(self, messages: Sequence[Message], sampling: Sampling) -> Completion:
        """The answer to one request. Raises EngineError."""
        ...

    async def complete_several(
        self, messages: Sequence[Message], sampling: Sampling, count: int
    ) -> list[Completion]:
        """One to `count` answers to one request. Raises EngineError."""
        ...

    async def close(self) -> None:
        """Release connections; the engine is not used afterwards."""
        ...
