"""Which findings of the linter somebody has put aside, so that they stay put aside.

`.ignored/pirate.json`: {"keys": {"too-long:9f3a12cd81e0": 1763…}}: a finding's key, and since when.
A finding whose words change has another key, and is shown again.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, cast

from core.store.shelf import Shelf, read, write


@dataclass(frozen=True, slots=True)
class Ignored:
    """The findings put aside on a shelf. Writing wants the shelf's lock."""

    shelf: Shelf

    def keys(self, name: str) -> frozenset[str]:
        """The keys of what was put aside for a character; a damaged file counts as empty."""
        return frozenset(self._kept(name))

    def put_aside(self, name: str, key: str) -> None:
        """Remember that a finding is not to be shown among the others."""
        self._write(name, {**self._kept(name), key: time.time()})

    def take_back(self, name: str, key: str) -> None:
        """Show a finding again."""
        self._write(name, {kept: at for kept, at in self._kept(name).items() if kept != key})

    def _kept(self, name: str) -> dict[str, float]:
        data = read(self.shelf.own_path(".ignored", name))
        try:
            kept: Any = json.loads(data or b"{}").get("keys", {})
        except (ValueError, AttributeError, RecursionError):
            return {}
        return cast("dict[str, float]", kept) if isinstance(kept, dict) else {}

    def _write(self, name: str, keys: dict[str, float]) -> None:
        write(self.shelf.own_path(".ignored", name), json.dumps({"keys": keys}, indent=1).encode("ascii"))
