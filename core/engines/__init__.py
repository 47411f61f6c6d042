"""The one seam to every model: anything that can answer a conversation.

# Interface
`Engine` has one method that matters, `complete`. Vendors, local servers and the fake one all
implement it; `core.engines.opening.open_engine` picks one by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from core.records import Completion, Identity, Message, Sampling


class Engine(Protocol):
    """Anything that can answer a conversation.

    `name` is what the user typed ("local/smollm2-135m"), `model` what the endpoint calls it.
    Where `can_prefill` is true, a trailing assistant message is continued instead of answered.
    """

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def identity(self) -> Identity: ...

    @property
    def can_prefill(self) -> bool: ...

    async def complete(self, messages: Sequence[Message], sampling: Sampling) -> Completion:
        """The answer, after the engine's own retries. Raises EngineError."""
        ...

    async def close(self) -> None:
        """Release connections; the engine is not used afterwards."""
        ...
